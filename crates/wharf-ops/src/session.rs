//! What one run of a command works with: settings, the store, the governor, the sink of events.
//! Invariant: everything is made when it is first needed, so that a command that needs nothing pays for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::OnceCell;
use wharf_core::{Event, PackageName, Sink, Sinks, Span, Timestamp};
use wharf_ecosystem::cargo::SourceId;
use wharf_index::cargo::{CratesIndex, Registry};
use wharf_index::npm::{Detail, NpmIndex};
use wharf_index::{IndexLocation, Locations, PypiIndex, Refresh, Strategy};
use wharf_install::nodejs::NodeBinary;
use wharf_install::python::{self, Considered, Interpreter};
use wharf_net::{Client, ClientIdentity, KeyringMode, Login, ProxySettings};
use wharf_project::cargo::config::{ConfiguredSource, SourcePlace};
use wharf_project::npm::{CredentialKind, RegistryCredential};
use wharf_project::{
    CargoConfig, CrateEndpoint, FindLinksLocation, IndexStrategy, NetworkSettings, NpmProject, Options,
    Project, SandboxPolicy,
};
use wharf_store::Store;
use wharf_sys::Governor;

use crate::build::EnvironmentBuilder;
use crate::cancel::Cancel;
use crate::cargo::error::CargoError;
use crate::deb;
use crate::deb::repositories::Known;
use crate::error::OpsError;
use crate::request::{Files, Newest, Solving};
use crate::runtime::Runtime;
use crate::settle::{Flush, Unsettled};

/// Where a session works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that the command was started for.
    pub directory: PathBuf,
    /// The store.
    pub store: PathBuf,
    /// The cache of registries' answers.
    pub cache: PathBuf,
    /// The Python that was asked for: a version, a requirement, a name or a path.
    pub python: Option<String>,
    /// Whether the network stays untouched.
    pub offline: bool,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// When commits are flushed.
    pub flush: Flush,
}

/// Passes events on, each warning once, and counts the bytes that came over the network.
struct Counted {
    inner: Sinks,
    bytes: AtomicU64,
    /// Warnings that were told: a command may read the same project several times.
    told: Mutex<BTreeSet<String>>,
}

impl Sink for Counted {
    fn emit(&self, event: Event) {
        if let Event::DownloadProgress { bytes, .. } = &event {
            self.bytes.fetch_add(*bytes, Ordering::Relaxed);
        }
        if let Event::Warning { message, .. } = &event {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.insert(message.clone()) {
                return;
            }
        }
        self.inner.emit(event);
    }
}

/// One run of a command.
pub struct Session {
    settings: Settings,
    sinks: Sinks,
    counted: Arc<Counted>,
    cancel: Cancel,
    governor: Arc<Governor>,
    store: OnceLock<Arc<Store>>,
    unsettled: Arc<Unsettled>,
    pypi: Mutex<Option<KnownPypi>>,
    npm: Mutex<Option<KnownNpm>>,
    /// What is known of repositories of Debian packages.
    debian: Arc<Known>,
    /// The registries of crates that were asked for last.
    crates: Mutex<Option<CratesIndex>>,
    /// The machine's own Node, where none is asked for; or why there is none.
    node: Arc<OnceCell<Result<NodeBinary, String>>>,
    /// What is typed to allow install scripts here.
    approving: String,
    /// Who asks for what the manifest here asks for, where that is none of the user's.
    asker: Option<&'static str>,
}

/// An index of Python packages, and the settings that it was made from.
struct KnownPypi {
    index: PypiIndex,
    network: NetworkSettings,
    /// What it builds for, where that is said already.
    builds: Option<Builds>,
}

/// What source distributions are built with.
#[derive(Clone, PartialEq)]
struct Builds {
    runtime: Runtime,
    /// The interpreter itself, where it is not one of the project's Debian packages: of these the runtime says all.
    interpreter: Option<Interpreter>,
    exclude_newer: Option<Timestamp>,
    cooldown: Span,
    sandbox: SandboxPolicy,
    build_network: Vec<PackageName>,
}

impl Builds {
    fn of(project: &Project, runtime: &Runtime) -> Self {
        let own = runtime.interpreter().filter(|own| own.root.is_none());
        Self {
            runtime: runtime.clone(),
            interpreter: own.cloned(),
            exclude_newer: project.policy.exclude_newer,
            cooldown: project.policy.cooldown,
            sandbox: project.policy.sandbox,
            build_network: project.policy.build_network.clone(),
        }
    }
}

impl KnownPypi {
    fn is_for(&self, project: &Project) -> bool {
        self.network == project.network && *self.index.locations() == locations(project)
    }
}

/// An index of npm's registries, and the settings that it was made from.
struct KnownNpm {
    index: NpmIndex,
    root: PathBuf,
    network: NetworkSettings,
    credentials: Vec<RegistryCredential>,
}

impl KnownNpm {
    fn is_for(&self, project: &Project, npm: &NpmProject) -> bool {
        self.root == project.root
            && self.network == npm.network
            && self.credentials == npm.credentials
            && *self.index.registries() == npm.registries
    }
}

impl Session {
    /// A session that has touched nothing yet.
    pub fn new(settings: Settings, sinks: Sinks, cancel: Cancel) -> Self {
        let counted = Arc::new(Counted {
            inner: sinks,
            bytes: AtomicU64::new(0),
            told: Mutex::default(),
        });
        Self {
            settings,
            sinks: Arc::clone(&counted) as Sinks,
            counted,
            cancel,
            governor: Arc::new(Governor::for_machine()),
            store: OnceLock::new(),
            unsettled: Arc::default(),
            pypi: Mutex::default(),
            npm: Mutex::default(),
            debian: Arc::default(),
            crates: Mutex::default(),
            node: Arc::default(),
            approving: "wharf approve".to_owned(),
            asker: None,
        }
    }

    /// A session for another folder that shares everything else with this one: store, permits, events.
    pub(crate) fn at(&self, directory: &Path) -> Self {
        Self {
            settings: Settings {
                directory: directory.to_owned(),
                ..self.settings.clone()
            },
            sinks: Arc::clone(&self.sinks),
            counted: Arc::clone(&self.counted),
            cancel: self.cancel.clone(),
            governor: Arc::clone(&self.governor),
            store: self.store.clone(),
            unsettled: Arc::clone(&self.unsettled),
            pypi: Mutex::default(),
            npm: Mutex::default(),
            debian: Arc::default(),
            crates: Mutex::default(),
            node: Arc::clone(&self.node),
            approving: self.approving.clone(),
            asker: self.asker,
        }
    }

    /// The same once more, for what outlives a borrow.
    pub(crate) fn again(&self) -> Self {
        Self {
            debian: Arc::clone(&self.debian),
            ..self.at(&self.settings.directory)
        }
    }

    /// The same with another sink, which passes on to this one's.
    pub(crate) fn with_sinks(mut self, sinks: Sinks) -> Self {
        self.sinks = sinks;
        self
    }

    /// The same where other words than `wharf approve` allow install scripts.
    pub(crate) fn approving_by(mut self, words: String) -> Self {
        self.approving = words;
        self
    }

    /// The same where the manifest was written by Wharf: who really asks for what stands in it.
    pub(crate) fn asking_for(mut self, asker: &'static str) -> Self {
        self.asker = Some(asker);
        self
    }

    /// Who asks for what the manifest here asks for, where that is none of the user's.
    pub(crate) fn asker(&self) -> Option<&'static str> {
        self.asker
    }

    /// What is known of repositories of Debian packages.
    pub(crate) fn debian(&self) -> &Known {
        &self.debian
    }

    /// Where the machine's own Node is kept once it is known.
    pub(crate) fn machine_node(&self) -> &Arc<OnceCell<Result<NodeBinary, String>>> {
        &self.node
    }

    /// What is typed to allow install scripts here, before the packages.
    pub(crate) fn approving(&self) -> &str {
        &self.approving
    }

    /// Where it works.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where its events go.
    pub fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// Bytes of archives that came over the network so far.
    pub fn downloaded(&self) -> u64 {
        self.counted.bytes.load(Ordering::Relaxed)
    }

    /// The request to stop.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The permits.
    pub fn governor(&self) -> &Arc<Governor> {
        &self.governor
    }

    /// Emits an event.
    pub fn emit(&self, event: Event) {
        self.sinks.emit(event);
    }

    /// The store, opened when first asked for.
    ///
    /// # Errors
    /// Where it cannot be opened or is of another format.
    pub fn store(&self) -> Result<&Arc<Store>, OpsError> {
        if self.store.get().is_none() {
            let store = Arc::new(Store::open(&self.settings.store)?);
            if self.settings.flush == Flush::Before {
                store.flush_early();
            }
            // Losing a race to another thread's opening is as good as winning it.
            let _ = self.store.set(store);
        }
        Ok(self.store.get().expect("it was set above"))
    }

    /// The project of the folder, its oddities emitted as warnings.
    ///
    /// # Errors
    /// Where there is none, or its files are malformed.
    pub fn project(&self, files: &Files) -> Result<Project, OpsError> {
        let options = Options {
            files: files.clone(),
            environment: self.settings.environment.clone(),
            system_root: self.system_root(),
            ..Options::default()
        };
        let mut project = Project::discover(&self.settings.directory, &options)?;
        if let Some(asker) = self.asker {
            project.asked_by(asker);
        }
        for warning in &project.warnings {
            self.emit(Event::warning(warning.code, warning.message.clone()));
        }
        Ok(project)
    }

    /// The same with what the command line says about solving in place of what the files say.
    ///
    /// # Errors
    /// As [`Session::project`], and where a package's name is malformed.
    pub fn project_to_solve(&self, files: &Files, solving: &Solving) -> Result<Project, OpsError> {
        let mut project = self.project(files)?;
        match solving.newest {
            Some(Newest::Before(instant)) => project.policy.exclude_newer = Some(instant),
            Some(Newest::OlderThan(span)) => project.policy.cooldown = span,
            None => {}
        }
        project.resolution = solving.resolution.unwrap_or(project.resolution);
        project.prereleases = solving.prereleases.unwrap_or(project.prereleases);
        for word in &solving.no_binary {
            project.formats.no_binary.add_word(word)?;
        }
        for word in &solving.only_binary {
            project.formats.only_binary.add_word(word)?;
        }
        Ok(project)
    }

    /// The interpreter for a project, and all that were weighed.
    ///
    /// # Errors
    /// Where none fits.
    pub fn interpreter(&self, project: &Project) -> Result<(Interpreter, Vec<Considered>), OpsError> {
        if deb::is_viewed(project) {
            let found = deb::python::interpreter(self, project, &deb::standing_root(self, project)?)?;
            return Ok((found.interpreter, found.considered));
        }
        let requires = project.requires_python.as_ref();
        let explicit = self.settings.python.as_deref();
        Ok(python::discover(
            requires,
            explicit,
            Some(&project.root),
            &self.settings.cache,
        )?)
    }

    /// Any interpreter, where no project says which.
    ///
    /// # Errors
    /// Where there is none.
    pub fn any_interpreter(&self) -> Result<Interpreter, OpsError> {
        let explicit = self.settings.python.as_deref();
        let (interpreter, _) = python::discover(
            None,
            explicit,
            Some(&self.settings.directory),
            &self.settings.cache,
        )?;
        Ok(interpreter)
    }

    /// The project of the folder; where there is none, one that asks for nothing, with the machine's own indexes.
    ///
    /// # Errors
    /// Where a file is malformed.
    pub fn project_or_machine(&self) -> Result<Project, OpsError> {
        match self.project(&Files::new()) {
            Err(OpsError::Project(wharf_project::ProjectError::NoProject { .. })) => {
                let options = Options {
                    environment: self.settings.environment.clone(),
                    system_root: self.system_root(),
                    ..Options::default()
                };
                Ok(Project::machine(&self.settings.directory, &options)?)
            }
            other => other,
        }
    }

    /// A project that asks for nothing, with the user's and the machine's settings alone.
    ///
    /// # Errors
    /// Where a file of settings is malformed.
    pub(crate) fn machine(&self) -> Result<Project, OpsError> {
        let options = Options {
            environment: self.settings.environment.clone(),
            system_root: self.system_root(),
            ..Options::default()
        };
        Ok(Project::machine(&self.settings.store, &options)?)
    }

    /// The root of the machine whose settings count: `/`, or what WHARF_SYSTEM_ROOT says.
    pub(crate) fn system_root(&self) -> PathBuf {
        let said = self.settings.environment.get("WHARF_SYSTEM_ROOT");
        let said = said.filter(|root| !root.is_empty());
        said.map_or_else(|| PathBuf::from("/"), |root| self.settings.directory.join(root))
    }

    /// The client that fetches from the project's indexes.
    pub fn client(&self, project: &Project) -> Client {
        let variable = |name: &str| self.settings.environment.get(name).cloned();
        let mut settings = self.network(&project.network);
        for index in &project.indexes.indexes {
            if let Some(name) = &index.name {
                settings.add_index_login(name, &index.url, &variable);
            }
        }
        self.client_of(settings)
    }

    /// How the network is reached, as the files say it.
    fn network(&self, network: &NetworkSettings) -> wharf_net::Settings {
        let variable = |name: &str| self.settings.environment.get(name).cloned();
        let mut settings = wharf_net::Settings::from_variables(&variable);
        settings.offline = self.settings.offline || network.offline;
        settings.timeout = network.timeout.unwrap_or(settings.timeout);
        settings.retries = network.retries.unwrap_or(settings.retries);
        settings.ca_bundle = network.ca_bundle.clone().or(settings.ca_bundle);
        settings.ca_pem = network.ca_pem.clone();
        settings.extra_ca = network.extra_ca.clone();
        settings.accept_any_certificate = network.accept_any_certificate.unwrap_or(false);
        settings.client_cert = network.client_cert.clone().or(settings.client_cert);
        settings
            .trusted_hosts
            .extend(network.trusted_hosts.iter().cloned());
        if let Some(url) = &network.proxy {
            settings.proxy = ProxySettings::Explicit {
                url: url.clone(),
                no_proxy: network.no_proxy.clone().or_else(|| variable("NO_PROXY")),
            };
        }
        settings.mirrors.extend(
            network
                .mirrors
                .iter()
                .map(|(prefix, replacement)| wharf_net::Mirror {
                    prefix: prefix.clone(),
                    replacement: replacement.clone(),
                }),
        );
        if network.keyring {
            settings.keyring = KeyringMode::Command;
        }
        settings
    }

    fn client_of(&self, settings: wharf_net::Settings) -> Client {
        Client::new(
            settings,
            Arc::clone(&self.governor),
            self.settings.cache.clone(),
            Arc::clone(&self.sinks),
        )
    }

    /// The project's npm registries, asked for so much of each package. One index serves until another is wanted: what was
    /// fetched is not asked for again, and connections stay.
    ///
    /// # Errors
    /// Where the store cannot be opened.
    pub fn npm_index(
        &self,
        project: &Project,
        npm: &NpmProject,
        detail: Detail,
    ) -> Result<NpmIndex, OpsError> {
        self.npm_index_where(project, npm, detail, |index| index.detail() == detail)
    }

    /// The project's npm registries for fetching archives: how much is asked of packages does not matter.
    ///
    /// # Errors
    /// Where the store cannot be opened.
    pub(crate) fn npm_archives(&self, project: &Project, npm: &NpmProject) -> Result<NpmIndex, OpsError> {
        self.npm_index_where(project, npm, Detail::Abbreviated, |_| true)
    }

    /// Leaves the flushing of what was committed to a process that goes on when this one ends. The last thing to do.
    pub fn settle_behind(&self) {
        self.unsettled.start(&self.settings.store);
    }

    pub(crate) fn unsettled(&self) -> &Unsettled {
        &self.unsettled
    }

    /// Waits until the caches have everything that was fetched.
    pub async fn flush(&self) {
        let npm = self.known_npm().as_ref().map(|known| known.index.clone());
        if let Some(index) = npm {
            index.flush().await;
        }
        let crates = self.known_crates().clone();
        if let Some(index) = crates {
            index.flush().await;
        }
    }

    fn known_crates(&self) -> MutexGuard<'_, Option<CratesIndex>> {
        self.crates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_npm(&self) -> MutexGuard<'_, Option<KnownNpm>> {
        self.npm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn npm_index_where(
        &self,
        project: &Project,
        npm: &NpmProject,
        detail: Detail,
        serves: impl Fn(&NpmIndex) -> bool,
    ) -> Result<NpmIndex, OpsError> {
        let mut known = self.known_npm();
        if let Some(known) = known
            .as_ref()
            .filter(|known| known.is_for(project, npm) && serves(&known.index))
        {
            return Ok(known.index.clone());
        }
        let index = self.new_npm_index(project, npm, detail)?;
        *known = Some(KnownNpm {
            index: index.clone(),
            root: project.root.clone(),
            network: npm.network.clone(),
            credentials: npm.credentials.clone(),
        });
        Ok(index)
    }

    fn new_npm_index(
        &self,
        project: &Project,
        npm: &NpmProject,
        detail: Detail,
    ) -> Result<NpmIndex, OpsError> {
        let mut settings = self.network(&npm.network);
        for credential in &npm.credentials {
            let prefix = credential.prefix.clone();
            match &credential.kind {
                CredentialKind::Bearer(token) => {
                    settings
                        .credentials
                        .push((prefix, Login::bearer(token.expose().to_owned())));
                }
                CredentialKind::Basic { username, password } => {
                    let login = Login::new(username.clone(), Some(password.expose().to_owned()));
                    settings.credentials.push((prefix, login));
                }
                CredentialKind::ClientCertificate { certificate, key } => {
                    let identity = ClientIdentity::Files {
                        cert: certificate.clone(),
                        key: key.clone(),
                    };
                    settings.client_identities.push((prefix, identity));
                }
            }
        }
        let index = NpmIndex::new(
            self.client_of(settings),
            Arc::clone(self.store()?),
            Arc::clone(&self.governor),
            npm.registries.clone(),
            self.settings.cache.clone(),
            project.root.clone(),
            detail,
            Arc::clone(&self.sinks),
        );
        Ok(match wharf_project::npm::public_host() {
            Some(host) => index.replacing_host(&host),
            None => index,
        })
    }

    /// The registries of crates that cargo's configuration names, with what was learned of them already. `refresh` counts
    /// where they were not asked for before.
    ///
    /// # Errors
    /// Where the store cannot be opened, or a registry's place is none that can be read.
    pub fn crates_index(&self, config: &CargoConfig, refresh: Refresh) -> Result<CratesIndex, OpsError> {
        let registries = registries_of_crates(config)?;
        let same = |known: &CratesIndex| {
            let place = |one: &Registry| (one.source.clone(), one.index.expose().to_owned());
            known
                .registries()
                .iter()
                .map(place)
                .eq(registries.iter().map(place))
        };
        let mut known = self.known_crates();
        if let Some(index) = known.as_ref().filter(|known| same(known)) {
            return Ok(index.clone());
        }
        let index = CratesIndex::new(
            self.client_of(self.network(&config.network)),
            Arc::clone(self.store()?),
            Arc::clone(&self.governor),
            registries,
            &self.settings.cache,
            Arc::clone(&self.sinks),
        )
        .with_refresh(refresh);
        *known = Some(index.clone());
        Ok(index)
    }

    /// The client that fetches what crates declare, with cargo's own settings of the network.
    pub(crate) fn client_for_crates(&self, config: &CargoConfig) -> Client {
        self.client_of(self.network(&config.network))
    }

    /// The project's package index where nothing but wheels is wanted: no Python is needed.
    ///
    /// # Errors
    /// Where the store cannot be opened.
    pub(crate) fn wheels(&self, project: &Project) -> Result<PypiIndex, OpsError> {
        Ok(PypiIndex::new(
            self.client(project),
            Arc::clone(self.store()?),
            Arc::clone(&self.governor),
            locations(project),
            self.settings.cache.clone(),
            None,
            Arc::clone(&self.sinks),
        ))
    }

    /// The project's package index. Source distributions are built for `runtime`. One index serves until another is
    /// wanted: what was fetched is not asked for again, and connections stay.
    ///
    /// # Errors
    /// Where the store cannot be opened.
    pub(crate) fn index(&self, project: &Project, runtime: &Runtime) -> Result<PypiIndex, OpsError> {
        let wanted = Builds::of(project, runtime);
        let serves = |builds: &Option<Builds>| builds.as_ref().is_none_or(|builds| *builds == wanted);
        let mut known = self.known_pypi();
        if known.as_ref().is_some_and(|known| !serves(&known.builds)) {
            *known = None;
        }
        let known = self.pypi_where(project, &mut known)?;
        if known.builds.is_none() {
            known
                .index
                .build_with(Arc::new(EnvironmentBuilder::new(self, project, runtime)?));
            known.builds = Some(wanted);
        }
        Ok(known.index.clone())
    }

    /// The same index while the interpreter is still being looked for: only what needs no build may be asked.
    ///
    /// # Errors
    /// Where the store cannot be opened.
    pub(crate) fn index_ahead(&self, project: &Project) -> Result<PypiIndex, OpsError> {
        let mut known = self.known_pypi();
        Ok(self.pypi_where(project, &mut known)?.index.clone())
    }

    fn pypi_where<'k>(
        &self,
        project: &Project,
        known: &'k mut Option<KnownPypi>,
    ) -> Result<&'k mut KnownPypi, OpsError> {
        if known.as_ref().is_some_and(|known| !known.is_for(project)) {
            *known = None;
        }
        match known {
            Some(known) => Ok(known),
            none => Ok(none.insert(KnownPypi {
                index: self.wheels(project)?,
                network: project.network.clone(),
                builds: None,
            })),
        }
    }

    fn known_pypi(&self) -> MutexGuard<'_, Option<KnownPypi>> {
        self.pypi.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registries that cargo's configuration names, where they are read over HTTP.
fn registries_of_crates(config: &CargoConfig) -> Result<Vec<Registry>, OpsError> {
    let mut registries = Vec::new();
    let named = config.registries.iter().map(|registry| &registry.source);
    let replaced = config
        .sources
        .values()
        .filter_map(|configured| match &configured.place {
            SourcePlace::Remote(source) => Some(source),
            SourcePlace::LocalRegistry(_) | SourcePlace::Directory(_) => None,
        });
    let sources: BTreeSet<&SourceId> = named
        .chain(replaced)
        .filter(|source| source.is_registry())
        .collect();
    for source in sources {
        let place = match config.endpoint(source)? {
            CrateEndpoint::Sparse { index, token, name } => (index, token, name),
            CrateEndpoint::LocalRegistry(path) => {
                let shown = path.display().to_string();
                let url = url::Url::from_directory_path(&path);
                let url =
                    url.map_err(|()| OpsError::io("find", path)(std::io::ErrorKind::NotFound.into()))?;
                (wharf_core::WebUrl::from(url), None, Some(shown))
            }
            CrateEndpoint::Directory(path) => {
                return Err(CargoError::Place {
                    source_id: source.to_string(),
                    place: path.display().to_string(),
                    origin: replaced_at(config, source),
                }
                .into());
            }
            // Named where something comes from there.
            CrateEndpoint::GitIndex { .. } | CrateEndpoint::Git(_) | CrateEndpoint::Path => continue,
        };
        let (index, token, name) = place;
        let source = source.clone();
        registries.push(Registry {
            name: name.unwrap_or_else(|| source.to_string()),
            token: token.map(|token| token.expose().to_owned()),
            source,
            index,
        });
    }
    Ok(registries)
}

/// Where the configuration replaces a source of crates.
fn replaced_at(config: &CargoConfig, source: &SourceId) -> String {
    let is_it = |configured: &&ConfiguredSource| matches!(&configured.place, SourcePlace::Remote(remote) if remote == source);
    let origin = config
        .sources
        .values()
        .find(is_it)
        .and_then(|configured| configured.replace_with.as_ref());
    origin.map_or_else(
        || "cargo's configuration".to_owned(),
        |(_, origin)| origin.to_string(),
    )
}

/// Where the project's packages are looked for, as the index wants to know it.
fn locations(project: &Project) -> Locations {
    let settings = &project.indexes;
    Locations {
        root: project.root.clone(),
        indexes: settings
            .indexes
            .iter()
            .map(|index| IndexLocation {
                name: index.name.clone(),
                url: index.url.clone(),
                explicit: index.explicit,
                default: index.default,
            })
            .collect(),
        find_links: settings
            .find_links
            .iter()
            .map(|links| match &links.location {
                FindLinksLocation::Url(url) => url.expose().to_owned(),
                FindLinksLocation::Path(path) => project.shown_path(path),
            })
            .collect(),
        no_index: settings.no_index,
        strategy: match settings.strategy {
            IndexStrategy::FirstMatch => Strategy::FirstMatch,
            IndexStrategy::BestMatch => Strategy::BestMatch,
        },
    }
}

/// Where a project's environment lies.
pub fn environment_path(root: &Path) -> PathBuf {
    root.join(".venv")
}
