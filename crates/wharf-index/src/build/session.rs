//! A whole build: environment, further requirements of the backend, hook, result.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wharf_core::{Event, TaskId};
use wharf_ecosystem::pypi::build_system::BackendPath;
use wharf_ecosystem::pypi::{self, BuildSystem, BuildSystemError, Requirement};
use wharf_sys::Work;

use super::hook::{Answer, Call, Hook};
use super::{BuildEnvironment, BuildError, EnvironmentRequest};
use crate::error::IndexError;
use crate::index::PypiIndex;

/// What is made of a source tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A wheel that holds the project.
    Wheel,
    /// A wheel that points at the source tree.
    Editable,
}

/// What a build gave. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Made {
    /// The metadata file or the wheel.
    pub(crate) path: PathBuf,
    /// Which of them.
    pub(crate) what: MadeKind,
    _scratch: TempDir,
}

/// What a build gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MadeKind {
    /// A `METADATA` file.
    Metadata,
    /// A wheel.
    Wheel,
}

/// A build under way.
struct Session<'a> {
    index: &'a PypiIndex,
    what: &'a str,
    tree: &'a Path,
    system: BuildSystem,
    backend_path: Vec<PathBuf>,
    scratch: TempDir,
}

impl PypiIndex {
    /// Learns a source tree's metadata: by the hook for it, else by building the wheel, which is then the result.
    pub(crate) async fn prepare(&self, what: &str, tree: &Path, kind: Kind) -> Result<Made, IndexError> {
        let session = Session::new(self, what, tree)?;
        session
            .told(session.prepare(kind))
            .await
            .map(|(path, what)| session.made(path, what))
    }

    /// Builds a wheel of a source tree.
    pub(crate) async fn build(&self, what: &str, tree: &Path, kind: Kind) -> Result<Made, IndexError> {
        let session = Session::new(self, what, tree)?;
        let path = session.told(session.wheel(kind)).await?;
        Ok(session.made(path, MadeKind::Wheel))
    }
}

impl<'a> Session<'a> {
    fn new(index: &'a PypiIndex, what: &'a str, tree: &'a Path) -> Result<Self, IndexError> {
        if index.ancestors.iter().any(|ancestor| ancestor == what) {
            let chain = index.ancestors.iter().cloned().chain([what.to_owned()]).collect();
            return Err(BuildError::Cycle {
                what: what.to_owned(),
                chain,
            }
            .into());
        }
        let system = build_system(tree).map_err(|reason| not_buildable(what, reason))?;
        let backend_path = system.backend_path.iter().map(|path| match path {
            BackendPath::Root => tree.to_owned(),
            BackendPath::Below(path) => path.below(tree),
        });
        Ok(Self {
            backend_path: backend_path.collect(),
            scratch: index.shared.cache.scratch(what)?,
            index,
            what,
            tree,
            system,
        })
    }

    fn made(self, path: PathBuf, what: MadeKind) -> Made {
        Made {
            path,
            what,
            _scratch: self.scratch,
        }
    }

    /// Announces the build while it runs.
    async fn told<T>(&self, work: impl Future<Output = Result<T, IndexError>>) -> Result<T, IndexError> {
        let id = TaskId::new();
        let sinks = &self.index.shared.sinks;
        sinks.emit(Event::BuildStarted {
            id,
            package: self.what.to_owned(),
        });
        sinks.emit(Event::detail(format!("building {} runs its own code", self.what)));
        // Ended by the guard, so that a cancelled build ends in the output too.
        let _ended = Ended {
            index: self.index,
            id,
        };
        work.await
    }

    async fn prepare(&self, kind: Kind) -> Result<(PathBuf, MadeKind), IndexError> {
        let environment = self.environment(kind).await?;
        let folder = self.folder("metadata")?;
        let hook = match kind {
            Kind::Wheel => Hook::PrepareMetadata,
            Kind::Editable => Hook::PrepareEditableMetadata,
        };
        match self.call(&environment, hook, Some(&folder)).await? {
            Answer::Made(name) => {
                let path = self.inside(&folder, &name)?.join("METADATA");
                Ok((path, MadeKind::Metadata))
            }
            // Without the shortcut the whole wheel tells.
            Answer::Missing => Ok((self.wheel_in(&environment, kind).await?, MadeKind::Wheel)),
            Answer::Requires(_) => Err(self.misbehaved("answers another hook than it was asked")),
        }
    }

    async fn wheel(&self, kind: Kind) -> Result<PathBuf, IndexError> {
        let environment = self.environment(kind).await?;
        self.wheel_in(&environment, kind).await
    }

    async fn wheel_in(&self, environment: &BuildEnvironment, kind: Kind) -> Result<PathBuf, IndexError> {
        let folder = self.folder("wheel")?;
        let hook = match kind {
            Kind::Wheel => Hook::BuildWheel,
            Kind::Editable => Hook::BuildEditable,
        };
        match self.call(environment, hook, Some(&folder)).await? {
            Answer::Made(name) if name.ends_with(".whl") => self.inside(&folder, &name),
            Answer::Made(name) => Err(self.misbehaved(&format!("built `{name}`, which is no wheel"))),
            Answer::Missing if kind == Kind::Editable => {
                Err(self.misbehaved("cannot make editable installs (PEP 660)"))
            }
            Answer::Missing => Err(self.misbehaved("cannot build wheels (PEP 517)")),
            Answer::Requires(_) => Err(self.misbehaved("answers another hook than it was asked")),
        }
    }

    /// The environment with all that the build needs: what `pyproject.toml` says, then what the backend adds.
    async fn environment(&self, kind: Kind) -> Result<BuildEnvironment, IndexError> {
        let environment = self.environment_with(self.system.requires.clone()).await?;
        let hook = match kind {
            Kind::Wheel => Hook::RequiresForWheel,
            Kind::Editable => Hook::RequiresForEditable,
        };
        let further = match self.call(&environment, hook, None).await? {
            Answer::Missing => return Ok(environment),
            Answer::Requires(further) if further.is_empty() => return Ok(environment),
            Answer::Requires(further) => further,
            Answer::Made(_) => return Err(self.misbehaved("answers another hook than it was asked")),
        };
        let mut requires = self.system.requires.clone();
        for text in &further {
            let requirement = pypi::parse_requirement_lenient(text).map_err(|error| {
                self.misbehaved(&format!(
                    "asks for `{text}`, which is no requirement ({})",
                    error.reason
                ))
            })?;
            if !requires.contains(&requirement) {
                requires.push(requirement);
            }
        }
        if requires.len() == self.system.requires.len() {
            return Ok(environment);
        }
        drop(environment);
        self.environment_with(requires).await
    }

    async fn environment_with(&self, requires: Vec<Requirement>) -> Result<BuildEnvironment, IndexError> {
        let no_builder = || IndexError::NoBuilder {
            what: self.what.to_owned(),
            reason: "no build environment can be made in this command".to_owned(),
        };
        let builder = self.index.shared.builder.get().ok_or_else(no_builder)?;
        let request = EnvironmentRequest {
            requires,
            index: self.index.nested(self.what),
            label: self.what.to_owned(),
            tree: self.tree.to_owned(),
        };
        let environment = builder.environment(request).await;
        environment.map_err(|error| {
            BuildError::Environment {
                what: self.what.to_owned(),
                error,
            }
            .into()
        })
    }

    async fn call(
        &self,
        environment: &BuildEnvironment,
        hook: Hook,
        folder: Option<&Path>,
    ) -> Result<Answer, IndexError> {
        let logs = self.index.shared.cache.logs();
        let call = Call {
            what: self.what,
            tree: self.tree,
            backend: &self.system.backend,
            backend_path: &self.backend_path,
            environment,
            scratch: self.scratch.path(),
            logs: &logs,
        };
        // Held for the hook alone: while an environment is made, other builds may run in it.
        let _permit = self.index.shared.governor.permit(Work::Build).await;
        call.run(hook, folder).await
    }

    fn folder(&self, name: &str) -> Result<PathBuf, IndexError> {
        let path = self.scratch.path().join(name);
        std::fs::create_dir_all(&path).map_err(IndexError::disk("create", &path))?;
        Ok(path)
    }

    /// What the backend says it made, which must lie where it was told to put it.
    fn inside(&self, folder: &Path, name: &str) -> Result<PathBuf, IndexError> {
        let path = wharf_core::SafePath::new(name)
            .ok()
            .filter(|path| path.parent().is_none());
        let path = path.map(|path| path.below(folder)).filter(|path| path.exists());
        path.ok_or_else(|| self.misbehaved(&format!("says that it made `{name}`, which is not there")))
    }

    fn misbehaved(&self, reason: &str) -> IndexError {
        let error = BuildError::Backend {
            what: self.what.to_owned(),
            backend: self.system.backend.clone(),
            reason: reason.to_owned(),
        };
        error.into()
    }
}

struct Ended<'a> {
    index: &'a PypiIndex,
    id: TaskId,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.index.shared.sinks.emit(Event::BuildFinished { id: self.id });
    }
}

fn not_buildable(what: &str, reason: String) -> IndexError {
    BuildError::NotBuildable {
        what: what.to_owned(),
        reason,
    }
    .into()
}

/// How a tree is built; a tree that says nothing has to have a `setup.py` or `setup.cfg`.
fn build_system(tree: &Path) -> Result<BuildSystem, String> {
    match std::fs::read_to_string(tree.join("pyproject.toml")) {
        Ok(text) => BuildSystem::from_pyproject(&text).map_err(|error: BuildSystemError| error.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let legacy = ["setup.py", "setup.cfg"]
                .iter()
                .any(|name| tree.join(name).is_file());
            if legacy {
                Ok(BuildSystem::legacy())
            } else {
                Err("it has neither `pyproject.toml` nor `setup.py`".to_owned())
            }
        }
        Err(error) => Err(format!("its `pyproject.toml` cannot be read: {error}")),
    }
}
