//! Environments for building source distributions: resolved and installed like any other, thrown away after use.
//! Invariant: a build environment holds what the build asks for and what that needs, nothing of the project's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::OnceCell;
use wharf_core::{Explain, Fault, Origin, PackageName, Sinks};
use wharf_index::{BuildEnvironment, Builder, Cause, EnvironmentRequest, PypiIndex};
use wharf_install::python::Interpreter;
use wharf_install::{
    Compile, Durability, Environment, Package, PythonWanted, SystemSite, Wanted, toolchains,
};
use wharf_project::{Prereleases, Project, ResolutionMode};
use wharf_store::{Stage, Store};
use wharf_sys::Governor;
use wharf_sys::view::View;

use crate::cancel::Cancel;
use crate::deb;
use crate::error::OpsError;
use crate::index_source::IndexSource;
use crate::lock;
use crate::resolve::{self, Cutoff, Problem, Resolution, TargetEnvironment, Upgrade};
use crate::runtime::Runtime;
use crate::sandbox::Asked;
use crate::session::Session;

/// What makes sure that there is an interpreter.
const LAW: &str = "a Python that is not there yet is one of Debian's";

/// How long the search for a build's requirements may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Makes build environments; two builds with the same requirements share one.
pub(crate) struct EnvironmentBuilder {
    store: Arc<Store>,
    governor: Arc<Governor>,
    sinks: Sinks,
    cancel: Cancel,
    runtime: Runtime,
    /// The interpreter itself, once it is needed: one of Debian packages that are not there yet is brought then.
    interpreter: OnceCell<Interpreter>,
    target: TargetEnvironment,
    cutoff: Option<Cutoff>,
    sandbox: Asked,
    /// Where its Python is one of Debian's: what gives builds their system.
    debian: Option<Debian>,
    made: Mutex<Vec<(Vec<Package>, Arc<Made>)>>,
}

/// What gives builds a system root with what they need of it.
struct Debian {
    session: Session,
    project: Project,
}

impl Debian {
    /// The system root that the project's Python runs in.
    async fn root(&self) -> Result<PathBuf, OpsError> {
        let root = deb::root::of_locked(&self.session, &self.project).await?;
        Ok(root.path.clone())
    }

    async fn interpreter(&self) -> Result<Interpreter, OpsError> {
        let found = deb::python::interpreter(&self.session, &self.project, &self.root().await?)?;
        Ok(found.interpreter)
    }

    /// The view that a package, whose source is in `tree`, is built in; what the build changes of `/etc` and `/var` lies in the folder.
    fn view<'a>(
        &'a self,
        name: Option<&'a PackageName>,
        tree: &'a Path,
        state: &'a Path,
    ) -> BoxFuture<'a, Result<View, OpsError>> {
        Box::pin(async move {
            let root = match name {
                Some(name) => deb::root::of_build(&self.session, &self.project, name, tree).await?,
                None => self.root().await?,
            };
            Ok(View::new(root, state))
        })
    }
}

/// An environment that stands as long as somebody holds it.
struct Made {
    environment: Environment,
    python: PathBuf,
    scripts: PathBuf,
    stage: Stage,
}

/// What kept a build environment from being made, shared by all that waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<OpsError>);

impl Explain for Shared {
    fn code(&self) -> &'static str {
        self.0.code()
    }

    fn fault(&self) -> Fault {
        self.0.fault()
    }

    fn hints(&self) -> Vec<String> {
        self.0.hints()
    }
}

impl EnvironmentBuilder {
    /// A builder for one Python. The project's cutoff holds for what builds need too.
    pub(crate) fn new(session: &Session, project: &Project, runtime: &Runtime) -> Result<Self, OpsError> {
        let machines_own = runtime.interpreter().filter(|own| own.root.is_none());
        Ok(Self {
            store: Arc::clone(session.store()?),
            governor: Arc::clone(session.governor()),
            sinks: Arc::clone(session.sinks()),
            cancel: session.cancel().clone(),
            interpreter: OnceCell::new_with(runtime.interpreter().cloned()),
            target: runtime.environment(runtime.target()),
            runtime: runtime.clone(),
            cutoff: lock::cutoff(project),
            sandbox: Asked::of(session, project)?,
            debian: match machines_own {
                Some(_) => None,
                None => Some(Debian {
                    session: session.again(),
                    project: project.clone(),
                }),
            },
            made: Mutex::default(),
        })
    }

    async fn interpreter(&self) -> Result<&Interpreter, OpsError> {
        let found = async {
            let debian = self.debian.as_ref();
            debian.expect(LAW).interpreter().await
        };
        self.interpreter.get_or_try_init(|| found).await
    }

    async fn make(&self, request: EnvironmentRequest) -> Result<Arc<Made>, OpsError> {
        let resolution = self.resolve(&request).await?;
        let packages = self.fetch(&request.index, &resolution).await?;
        if let Some(made) = self.known(&packages) {
            return Ok(made);
        }
        let made = Arc::new(self.install(packages.clone()).await?);
        self.all().push((packages, Arc::clone(&made)));
        Ok(made)
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Vec<Package>, Arc<Made>)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, packages: &[Package]) -> Option<Arc<Made>> {
        self.all()
            .iter()
            .find(|(known, _)| known == packages)
            .map(|(_, made)| Arc::clone(made))
    }

    async fn resolve(&self, request: &EnvironmentRequest) -> Result<Resolution, OpsError> {
        let origin = Origin::label(&format!("the build requirements of {}", request.label));
        let roots = request
            .requires
            .iter()
            .map(|requirement| resolve::Asked::new(requirement.clone(), origin.clone()));
        let problem = Problem {
            roots: roots.collect(),
            constraints: Vec::new(),
            overrides: Vec::new(),
            targets: vec![self.target.clone()],
            preferences: resolve::Preferences::default(),
            upgrade: Upgrade::None,
            cutoff: self.cutoff.clone(),
            prereleases: Prereleases::default(),
            resolution: ResolutionMode::default(),
            no_binary: wharf_project::PackageSet::None,
            only_binary: wharf_project::PackageSet::None,
            hashes: BTreeMap::new(),
            time_limit: TIME_LIMIT,
        };
        let source = Arc::new(IndexSource::new(request.index.clone()));
        let quiet = wharf_core::NullSink::shared();
        Ok(resolve::resolve(Arc::new(problem), source, quiet, self.cancel.flag()).await?)
    }

    async fn fetch(&self, index: &PypiIndex, resolution: &Resolution) -> Result<Vec<Package>, OpsError> {
        let fetches = resolution.packages.iter().map(async |package| {
            let dist = wharf_index::Dist {
                name: package.name.clone(),
                version: package.version.clone(),
                source: package.source.clone(),
                file: package.files.first().map(|resolved| Arc::clone(&resolved.file)),
            };
            let tree = index.fetch(&dist).await?;
            let (name, version) = (package.name.clone(), package.version.to_string());
            Ok::<_, OpsError>(Package {
                name,
                version,
                tree,
                direct_url: None,
                requested: false,
            })
        });
        futures::future::try_join_all(fetches).await
    }

    async fn install(&self, packages: Vec<Package>) -> Result<Made, OpsError> {
        let stage = self.store.stage()?;
        let environment = Environment::with_state(&stage.path().join("env"), &stage.path().join("state"));
        let wanted = Wanted {
            durability: Durability::Process,
            ..Wanted::new("a build environment").with_python(PythonWanted {
                python: self.interpreter().await?.clone(),
                packages,
                prompt: "build".to_owned(),
                compile: Compile::No,
                system_site: SystemSite::Hidden,
            })
        };
        let plan = environment.plan(&wanted)?;
        let (store, governor, sinks) = (
            Arc::clone(&self.store),
            Arc::clone(&self.governor),
            Arc::clone(&self.sinks),
        );
        let (standing, cancel) = (environment.clone(), self.cancel.flag());
        wharf_sys::run_blocking(move || standing.apply(&plan, &wanted, &store, &governor, &sinks, &cancel))
            .await?;
        let scripts = environment
            .scripts()?
            .unwrap_or_else(|| environment.root().join("bin"));
        Ok(Made {
            python: scripts.join("python"),
            scripts,
            environment,
            stage,
        })
    }
}

impl Builder for EnvironmentBuilder {
    fn identity(&self) -> String {
        if let Some(debian) = &self.debian {
            // What is built against one suite's libraries does not run with another's.
            let suite = debian.session.debian().lock();
            let suite = suite.map_or_else(String::new, |lock| lock.suite.clone());
            return format!("{} of {suite}", self.runtime.identity());
        }
        let own = self.runtime.interpreter().expect(LAW);
        format!(
            "{} {} {} {}",
            own.implementation,
            own.version,
            own.platform,
            own.base_executable.display()
        )
    }

    fn environment<'a>(
        &'a self,
        request: EnvironmentRequest,
    ) -> BoxFuture<'a, Result<BuildEnvironment, Cause>> {
        Box::pin(async move {
            let shared = |error| Arc::new(Shared(Arc::new(error))) as Cause;
            let strength = self
                .sandbox
                .strength()
                .await
                .map_err(|error| shared(error.into()))?;
            let name = request
                .label
                .split(' ')
                .next()
                .and_then(|name| PackageName::pypi(name).ok());
            let network = self.sandbox.network(name.as_ref());
            let tree = request.tree.clone();
            let made = self.make(request).await.map_err(shared)?;
            let view = match &self.debian {
                Some(debian) => {
                    let state = made.stage.path().join("system");
                    Some(debian.view(name.as_ref(), &tree, &state).await.map_err(shared)?)
                }
                None => None,
            };
            tracing::debug!(root = %made.environment.root().display(), "build environment");
            let mut path_dirs = vec![made.scripts.clone()];
            let mut readable = vec![
                self.store.root().to_owned(),
                self.interpreter().await.map_err(shared)?.base_prefix.clone(),
            ];
            // In a view the compiler is one of its own.
            if view.is_none()
                && let Some((compilers, folder)) = toolchains::compilers_in_need()
            {
                path_dirs.extend(compilers);
                readable.push(folder);
            }
            Ok(BuildEnvironment {
                python: made.python.clone(),
                path_dirs,
                readable,
                view,
                strength,
                network,
                guard: Some(Box::new(made)),
            })
        })
    }
}
