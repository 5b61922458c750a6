//! npm's index in a scratch folder over loopback registries.

mod archives;
mod direct;
mod logins;
mod lookup;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use wharf_core::{Ecosystem, PackageName, Sinks, WebUrl};
use wharf_ecosystem::npm::{Registries, Version, Versions};
use wharf_index::npm::{Detail, NpmIndex};
use wharf_index::{IndexError, NpmError};
use wharf_net::{Client, ProxySettings, Settings};
use wharf_store::Store;
use wharf_sys::Governor;
use wharf_testkit::NpmRegistry;

use crate::support::Recorder;

/// The folders of one user and what is configured.
struct World {
    folder: TempDir,
    registries: Registries,
    detail: Detail,
    settings: Settings,
    events: Arc<Recorder>,
}

impl World {
    fn new(registry: &NpmRegistry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("project")).unwrap();
        let settings = Settings {
            proxy: ProxySettings::Direct,
            backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(20),
            timeout: Duration::from_secs(5),
            ..Settings::default()
        };
        Self {
            folder,
            registries: Registries::new(url(&registry.base_url())),
            detail: Detail::Abbreviated,
            settings,
            events: Arc::default(),
        }
    }

    fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    fn offline(&mut self) -> &mut Self {
        self.settings.offline = true;
        self
    }

    /// A fresh process's view: nothing in memory, the cache as it is.
    fn index(&self) -> NpmIndex {
        let governor = Arc::new(Governor::for_machine());
        let sinks: Sinks = self.events.clone();
        let cache = self.folder.path().join("cache");
        let client = Client::new(
            self.settings.clone(),
            Arc::clone(&governor),
            cache.clone(),
            Arc::clone(&sinks),
        );
        let store = Arc::new(Store::open(&self.folder.path().join("store")).unwrap());
        let registries = self.registries.clone();
        NpmIndex::new(
            client,
            store,
            governor,
            registries,
            cache,
            self.project(),
            self.detail,
            sinks,
        )
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Every file below the cache.
    fn cached_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("cache")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}

fn url(text: &str) -> WebUrl {
    WebUrl::parse(text).unwrap()
}

fn name(text: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, text).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn texts(versions: &Versions) -> Vec<&str> {
    versions.rows.iter().map(|row| row.version.as_str()).collect()
}

fn npm(error: IndexError) -> NpmError {
    match error {
        IndexError::Npm(error) => (*error).clone(),
        other => panic!("another error: {other}"),
    }
}
