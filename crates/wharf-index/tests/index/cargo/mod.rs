//! The index of crates in a scratch folder over loopback registries.

mod archives;
mod logins;
mod lookup;
mod plain_cargo;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use wharf_core::{Explain, Sinks, WebUrl};
use wharf_ecosystem::cargo::{CrateName, CrateVersions, SourceId, crate_name};
use wharf_index::cargo::{CargoError, CratesIndex, Registry, Wanted};
use wharf_index::{IndexError, Refresh};
use wharf_net::{Client, ProxySettings, Settings};
use wharf_store::Store;
use wharf_sys::Governor;
use wharf_testkit::CargoRegistry;

use crate::support::Recorder;

/// The folders of one user and what is configured.
struct World {
    folder: TempDir,
    registries: Vec<Registry>,
    refresh: Refresh,
    settings: Settings,
    events: Arc<Recorder>,
}

impl World {
    /// A registry in the place of crates.io.
    fn new(registry: &CargoRegistry) -> Self {
        let settings = Settings {
            proxy: ProxySettings::Direct,
            backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(20),
            timeout: Duration::from_secs(5),
            ..Settings::default()
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            registries: vec![configured(registry, None)],
            refresh: Refresh::Nothing,
            settings,
            events: Arc::default(),
        }
    }

    fn with_token(mut self, token: &str) -> Self {
        self.registries[0].token = Some(token.to_owned());
        self
    }

    fn offline(&mut self) -> &mut Self {
        self.settings.offline = true;
        self
    }

    /// A fresh process's view: nothing in memory, the cache as it is.
    fn index(&self) -> CratesIndex {
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
        CratesIndex::new(client, store, governor, registries, &cache, sinks)
            .with_refresh(self.refresh.clone())
    }

    /// The files that index files are kept in.
    fn cached(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("cache/cargo-v1")];
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

fn configured(registry: &CargoRegistry, token: Option<&str>) -> Registry {
    Registry {
        source: SourceId::crates_io(),
        name: "crates-io".to_owned(),
        index: WebUrl::parse(&format!("{}/index/", registry.base_url())).unwrap(),
        token: token.map(str::to_owned),
    }
}

fn io() -> SourceId {
    SourceId::crates_io()
}

fn name(text: &str) -> CrateName {
    crate_name(text).unwrap()
}

fn texts(versions: &CrateVersions) -> Vec<String> {
    versions
        .rows()
        .iter()
        .map(|row| row.version.to_string())
        .collect()
}

fn cargo(error: IndexError) -> CargoError {
    match error {
        IndexError::Cargo(error) => (*error).clone(),
        other => panic!("another error: {other}"),
    }
}

/// What the index says of the newest version of a crate.
async fn wanted(index: &CratesIndex, name: &str) -> Wanted {
    let versions = index.versions(&io(), &self::name(name)).await.unwrap();
    let newest = versions.rows().len() - 1;
    Wanted::of(&versions.summary(newest).unwrap()).unwrap()
}

fn hint(error: &IndexError) -> String {
    error.hints().join("; ")
}
