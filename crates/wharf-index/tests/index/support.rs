//! An index in a scratch folder over one or more loopback registries.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tempfile::TempDir;
use wharf_core::{Event, PackageName, Sink, Sinks, WebUrl};
use wharf_ecosystem::pypi;
use wharf_index::{
    BuildEnvironment, Builder, Cause, Dist, EnvironmentRequest, IndexLocation, Locations, NoBuilds, PypiIndex,
};
use wharf_net::{Client, ProxySettings, Settings};
use wharf_store::Store;
use wharf_sys::Governor;
use wharf_testkit::{Registry, host_python};

/// Remembers events.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Event>>);

impl Sink for Recorder {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Recorder {
    /// The warnings, as `code: message`.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let text = |event: &Event| match event {
            Event::Warning { code, message } => Some(format!("{code}: {message}")),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    }
}

/// The folders of one user, how its client behaves, and what was told: what every kind of index stands on.
pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) events: Arc<Recorder>,
}

/// What an index is made of, as a fresh process has it: nothing in memory, the cache as it is.
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    pub(crate) governor: Arc<Governor>,
    pub(crate) cache: PathBuf,
    pub(crate) sinks: Sinks,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("project")).unwrap();
        Self {
            folder,
            settings: Settings {
                proxy: ProxySettings::Direct,
                backoff: Duration::from_millis(1),
                max_backoff: Duration::from_millis(20),
                timeout: Duration::from_secs(5),
                ..Settings::default()
            },
            events: Arc::default(),
        }
    }

    pub(crate) fn offline(&mut self) {
        self.settings.offline = true;
    }

    pub(crate) fn parts(&self) -> Parts {
        let governor = Arc::new(Governor::for_machine());
        let sinks: Sinks = self.events.clone();
        let settings = self.settings.clone();
        Parts {
            client: Client::new(settings, Arc::clone(&governor), self.cache(), Arc::clone(&sinks)),
            store: Arc::new(Store::open(&self.folder.path().join("store")).unwrap()),
            governor,
            cache: self.cache(),
            sinks,
        }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }
}

/// A machine and what is configured for Python.
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) locations: Locations,
    pub(crate) builder: Option<Arc<dyn Builder>>,
}

impl World {
    pub(crate) fn new(registries: &[&Registry]) -> Self {
        let machine = Machine::new();
        let indexes = registries
            .iter()
            .map(|registry| IndexLocation::new(url(&registry.index_url())));
        Self {
            locations: Locations {
                root: machine.project(),
                indexes: indexes.collect(),
                ..Locations::default()
            },
            machine,
            builder: Some(Arc::new(HostBuilder::default())),
        }
    }

    pub(crate) fn index(&self) -> PypiIndex {
        let parts = self.parts();
        PypiIndex::new(
            parts.client,
            parts.store,
            parts.governor,
            self.locations.clone(),
            parts.cache,
            self.builder.clone(),
            parts.sinks,
        )
    }

    pub(crate) fn without_builds(mut self) -> Self {
        self.builder = Some(Arc::new(NoBuilds("the tests forbid it".to_owned())));
        self
    }
}

impl Deref for World {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

/// Gives the host's interpreter as a build environment, and notes what was asked for.
#[derive(Default)]
pub(crate) struct HostBuilder {
    pub(crate) asked: Mutex<Vec<Vec<String>>>,
    /// Resolve and fetch the requirements, as a real builder does.
    pub(crate) follows: bool,
}

impl Builder for HostBuilder {
    fn identity(&self) -> String {
        "host".to_owned()
    }

    fn environment<'a>(
        &'a self,
        request: EnvironmentRequest,
    ) -> BoxFuture<'a, Result<BuildEnvironment, Cause>> {
        let texts = request
            .requires
            .iter()
            .map(|requirement| requirement.to_string())
            .collect();
        self.asked.lock().unwrap().push(texts);
        Box::pin(async move {
            if self.follows {
                for requirement in &request.requires {
                    let name = pypi::package_name(requirement);
                    let releases = request.index.releases(&name).await.map_err(cause)?;
                    let release = releases.get(0).unwrap();
                    let file = release.wheels().next().or(release.sdist()).unwrap();
                    request.index.fetch(&file.dist().unwrap()).await.map_err(cause)?;
                }
            }
            Ok(BuildEnvironment {
                view: None,
                python: host_python().to_owned(),
                path_dirs: Vec::new(),
                readable: Vec::new(),
                strength: wharf_sys::sandbox::support().strength,
                network: wharf_sys::sandbox::Network::None,
                guard: None,
            })
        })
    }
}

fn cause(error: wharf_index::IndexError) -> Cause {
    Arc::new(error)
}

pub(crate) fn url(text: &str) -> WebUrl {
    WebUrl::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> PackageName {
    PackageName::pypi(text).unwrap()
}

/// The first wheel of the newest release, else its source distribution.
pub(crate) async fn newest(index: &PypiIndex, package: &str) -> Dist {
    let releases = index.releases(&name(package)).await.unwrap();
    let release = releases.get(0).unwrap();
    release
        .wheels()
        .next()
        .or(release.sdist())
        .unwrap()
        .dist()
        .unwrap()
}

/// The names of what a distribution requires without extras.
pub(crate) async fn requires(index: &PypiIndex, dist: &Dist) -> Vec<String> {
    let requirements = index.requirements(dist).await.unwrap();
    requirements
        .base()
        .iter()
        .map(|requirement| requirement.name.to_string())
        .collect()
}
