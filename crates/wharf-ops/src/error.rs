//! The one error of this layer: what the crates below said, and what only a use case can find wrong.

use std::io;
use std::path::PathBuf;

use wharf_core::{Explain, Fault, InvalidName, PackageName};
use wharf_index::IndexError;
use wharf_install::InstallError;
use wharf_install::lifecycle::ScriptError;
use wharf_install::nodejs::NodeError;
use wharf_install::python::PythonError;
use wharf_install::rust::RustError;
use wharf_project::{LockError, ProjectError};
use wharf_store::StoreError;
use wharf_sys::host::HostError;
use wharf_tree::TreeError;

use crate::cargo::error::CargoError;
use crate::cargo::prebuilt::error::PrebuiltError;
use crate::deb::error::DebError;
use crate::names;
use crate::resolve::ResolveError;
use crate::run::error::RunError;
use crate::sandbox::SandboxError;
use crate::system::error::SystemError;
use crate::tool::error::ToolError;
use crate::toolchain::ToolchainError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The project's files.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The lockfile's content.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The solve.
    #[error(transparent)]
    Resolve(#[from] Box<ResolveError>),
    /// The npm packages.
    #[error(transparent)]
    Tree(Box<TreeError>),
    /// The crates.
    #[error(transparent)]
    Crates(Box<wharf_crates::ResolveError>),
    /// Locks of crates, and tools.
    #[error(transparent)]
    Cargo(Box<CargoError>),
    /// The Debian packages of a project.
    #[error(transparent)]
    Deb(Box<DebError>),
    /// Packages that cannot be put together to a system root.
    #[error(transparent)]
    Root(Box<wharf_install::system::SystemError>),
    /// Commands that come prebuilt.
    #[error(transparent)]
    Prebuilt(Box<PrebuiltError>),
    /// A tool's build.
    #[error(transparent)]
    Rust(Box<RustError>),
    /// Where builds run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// What cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The index, or a build.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The environment.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The interpreter.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An install script.
    #[error(transparent)]
    Script(Box<ScriptError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Tools.
    #[error(transparent)]
    Tool(Box<ToolError>),
    /// Toolchains.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The machine's own packages.
    #[error(transparent)]
    System(Box<SystemError>),
    /// A package's name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// There is no lockfile, and it may not be made.
    #[error("there is no lockfile at {}", path.display())]
    NoLock {
        /// Where it should be.
        path: PathBuf,
    },
    /// The lockfile does not match the manifest, and it may not be changed.
    #[error("{} does not match the manifest: {reasons}", path.display())]
    StaleLock {
        /// The lockfile.
        path: PathBuf,
        /// What differs.
        reasons: String,
    },
    /// The lock has no package of that name.
    #[error("{} is not in the lockfile", names::typed(name))]
    NotLocked {
        /// The name.
        name: PackageName,
        /// A locked name that looks like it.
        near: Option<PackageName>,
    },
    /// The project says that an optional package of that name is not wanted.
    #[error("{} is not in the lockfile{}", names::typed(name), left_out(*why))]
    Ignored {
        /// The name.
        name: PackageName,
        /// Who asks for it.
        why: Ignored,
        /// A locked name that looks like it, where nobody is known to ask for the package.
        near: Option<PackageName>,
    },
    /// What was asked of one version that the index does not have.
    #[error("{} has no version {version}", names::typed(name))]
    NoSuchVersion {
        /// The package.
        name: PackageName,
        /// The version.
        version: String,
    },
    /// The manifest does not ask for the package.
    #[error("{} does not ask for {}", manifest.display(), names::typed(name))]
    NotRequired {
        /// The package.
        name: PackageName,
        /// The manifest.
        manifest: PathBuf,
        /// Whether something else brings it in.
        is_locked: bool,
        /// What the manifest asks for that looks like it.
        near: Option<PackageName>,
    },
    /// A command shall run in an environment that is not there.
    #[error("there is no environment at {}", path.display())]
    NoEnvironment {
        /// Where it should be.
        path: PathBuf,
    },
    /// A package of the lockfile is malformed.
    #[error("the lockfile's {name} {version} cannot be used: {reason}")]
    MalformedLock {
        /// The package.
        name: PackageName,
        /// Its version, as locked.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Hashes are demanded, and a package that is needed has none.
    #[error("the project demands hashes, and {name} {version}, which it needs, has none")]
    NoHash {
        /// The package.
        name: PackageName,
        /// The version that would be locked.
        version: String,
    },
    /// A requirement that cannot be added here.
    #[error("`{text}` cannot be added: {reason}")]
    CannotAdd {
        /// As it was typed.
        text: String,
        /// Why not.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A package that cannot be looked up: its ecosystem is none that is known.
    #[error("`{text}` cannot be looked up: {reason}")]
    CannotLook {
        /// As it was typed.
        text: String,
        /// Why not.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A file that a use case itself reads or writes.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No Node fits, here or in the registry.
    #[error("there is no Node{} that the project can run with: {reason}", wanted.as_ref().map_or_else(String::new, |wanted| format!(" {wanted}")))]
    NoNode {
        /// What is asked for and where, where anything is.
        wanted: Option<String>,
        /// Why there is none.
        reason: String,
    },
    /// An npm package that is needed cannot be had.
    #[error("{what}")]
    Unavailable {
        /// Who asks for it and what the registry or the place said.
        what: String,
        /// The same as the index told it.
        cause: IndexError,
    },
    /// Packages that do not run on the project's Node, where engines are strict.
    #[error("Node {node} does not fit, and `engine-strict` is on:\n  {}", packages.join("\n  "))]
    Engines {
        /// The project's Node.
        node: String,
        /// Each with the Node that it wants and who brings it in.
        packages: Vec<String>,
    },
    /// The lock has no npm packages.
    #[error("{} has no npm packages", path.display())]
    NothingOfNpm {
        /// The lockfile.
        path: PathBuf,
    },
    /// The lock has no Python packages.
    #[error("{} has no Python packages", path.display())]
    NothingOfPython {
        /// The lockfile.
        path: PathBuf,
        /// Whether it has Debian packages.
        has_debs: bool,
    },
    /// A package that is to be allowed to run scripts has none.
    #[error("{} has no install scripts", names::typed(name))]
    NoScripts {
        /// The package.
        name: PackageName,
        /// What is typed to allow scripts here, before the packages.
        approving: String,
    },
    /// A name that the project has for several packages, where one must be meant.
    #[error(
        "{} is a name for several packages here: {}",
        names::typed(asked),
        listed(packages)
    )]
    SeveralMeant {
        /// The name.
        asked: PackageName,
        /// The packages.
        packages: Vec<PackageName>,
        /// What is typed to allow scripts here, before the packages.
        approving: String,
    },
    /// A package whose scripts cannot be allowed for just the files that are locked.
    #[error(
        "{}@{version} is locked without a hash, so an approval could not be held to its files",
        names::typed(name)
    )]
    Unpinnable {
        /// The package.
        name: PackageName,
        /// Its locked version.
        version: String,
    },
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

/// What is known of a package that would be left out on purpose, and is not locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The project itself would like it.
    Own,
    /// Somebody may, for all that a lock tells.
    Perhaps,
    /// Another one is called alike, so that it may be a slip.
    Slip,
}

impl OpsError {
    /// What one of the crates below said, if it was one of them.
    fn inner(&self) -> Option<&dyn Explain> {
        Some(match self {
            OpsError::Project(error) => error,
            OpsError::Lock(error) => error,
            OpsError::Resolve(error) => &**error,
            OpsError::Tree(error) => &**error,
            OpsError::Crates(error) => &**error,
            OpsError::Cargo(error) => &**error,
            OpsError::Deb(error) => &**error,
            OpsError::Root(error) => &**error,
            OpsError::Prebuilt(error) => &**error,
            OpsError::Rust(error) => &**error,
            OpsError::Index(error) | OpsError::Unavailable { cause: error, .. } => error,
            OpsError::Install(error) => error,
            OpsError::Python(error) => error,
            OpsError::Node(error) => error,
            OpsError::Script(error) => &**error,
            OpsError::Store(error) => error,
            OpsError::Host(error) => error,
            OpsError::Tool(error) => &**error,
            OpsError::Toolchain(error) => error,
            OpsError::System(error) => &**error,
            OpsError::Sandbox(error) => error,
            OpsError::Run(error) => error,
            OpsError::Name(_)
            | OpsError::NoLock { .. }
            | OpsError::StaleLock { .. }
            | OpsError::NotLocked { .. }
            | OpsError::Ignored { .. }
            | OpsError::NoSuchVersion { .. }
            | OpsError::NoHash { .. }
            | OpsError::NotRequired { .. }
            | OpsError::NoEnvironment { .. }
            | OpsError::MalformedLock { .. }
            | OpsError::CannotAdd { .. }
            | OpsError::CannotLook { .. }
            | OpsError::NothingOfPython { .. }
            | OpsError::NoNode { .. }
            | OpsError::NothingOfNpm { .. }
            | OpsError::Engines { .. }
            | OpsError::NoScripts { .. }
            | OpsError::SeveralMeant { .. }
            | OpsError::Unpinnable { .. }
            | OpsError::Io { .. }
            | OpsError::Interrupted => return None,
        })
    }

    /// What machines can read of it beyond its words: the explanation of requirements that contradict each other.
    pub fn details(&self) -> Option<serde_json::Value> {
        match self {
            OpsError::Resolve(error) => error.details(),
            _ => None,
        }
    }

    /// A file that could not be read or written.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| OpsError::Io { action, path, source }
    }
}

impl From<Box<ScriptError>> for OpsError {
    fn from(error: Box<ScriptError>) -> Self {
        OpsError::Script(error)
    }
}

impl From<ToolError> for OpsError {
    fn from(error: ToolError) -> Self {
        OpsError::Tool(Box::new(error))
    }
}

impl From<SystemError> for OpsError {
    fn from(error: SystemError) -> Self {
        OpsError::System(Box::new(error))
    }
}

impl From<PrebuiltError> for OpsError {
    fn from(error: PrebuiltError) -> Self {
        OpsError::Prebuilt(Box::new(error))
    }
}

impl From<DebError> for OpsError {
    fn from(error: DebError) -> Self {
        OpsError::Deb(Box::new(error))
    }
}

impl From<wharf_install::system::SystemError> for OpsError {
    fn from(error: wharf_install::system::SystemError) -> Self {
        OpsError::Root(Box::new(error))
    }
}

impl From<CargoError> for OpsError {
    fn from(error: CargoError) -> Self {
        OpsError::Cargo(Box::new(error))
    }
}

impl From<RustError> for OpsError {
    fn from(error: RustError) -> Self {
        OpsError::Rust(Box::new(error))
    }
}

impl From<ResolveError> for OpsError {
    fn from(error: ResolveError) -> Self {
        OpsError::Resolve(Box::new(error))
    }
}

/// What a message adds where a package may be left out on purpose.
pub(crate) fn left_out(why: Ignored) -> &'static str {
    match why {
        Ignored::Own => ": `ignoredOptionalDependencies` leaves it out wherever it is optional",
        Ignored::Perhaps => {
            "; nothing needs it, and if it is optional somewhere, `ignoredOptionalDependencies` leaves it out there"
        }
        Ignored::Slip => "",
    }
}

fn listed(packages: &[PackageName]) -> String {
    let words: Vec<String> = packages.iter().map(names::typed).collect();
    words.join(", ")
}

impl Explain for OpsError {
    fn code(&self) -> &'static str {
        if let Some(inner) = self.inner() {
            return inner.code();
        }
        match self {
            OpsError::Name(_) => "name/invalid",
            OpsError::NoLock { .. } => "lock/missing",
            OpsError::StaleLock { .. } => "lock/stale",
            OpsError::NotLocked { .. } | OpsError::Ignored { .. } => "lock/not-locked",
            OpsError::NoSuchVersion { .. } => "index/no-version",
            OpsError::NoHash { .. } => "lock/no-hash",
            OpsError::NotRequired { .. } => "edit/not-required",
            OpsError::NoEnvironment { .. } => "run/no-environment",
            OpsError::MalformedLock { .. } => "lock/malformed",
            OpsError::CannotAdd { .. } => "edit/cannot-add",
            OpsError::CannotLook { .. } => "info/ecosystem",
            OpsError::NothingOfPython { .. } => "lock/no-python",
            OpsError::NoNode { .. } => "node/not-found",
            OpsError::NothingOfNpm { .. } => "lock/no-npm",
            OpsError::Engines { .. } => "npm/engine",
            OpsError::NoScripts { .. } => "npm/no-scripts",
            OpsError::SeveralMeant { .. } => "npm/several-meant",
            OpsError::Unpinnable { .. } => "npm/unpinnable",
            OpsError::Io { .. } => "system/io",
            OpsError::Interrupted => "interrupted",
            _ => unreachable!("the errors of other crates were asked above"),
        }
    }

    fn fault(&self) -> Fault {
        // A name that nobody has is a need without a solution, as for the packages of every ecosystem.
        if let OpsError::Unavailable { cause, .. } = self
            && matches!(cause.code(), "npm/unknown-package" | "cargo/unknown-crate")
        {
            return Fault::Unsatisfiable;
        }
        if let Some(inner) = self.inner() {
            return inner.fault();
        }
        match self {
            OpsError::Io { .. } | OpsError::NoNode { .. } => Fault::World,
            OpsError::Engines { .. } => Fault::Unsatisfiable,
            OpsError::Interrupted => Fault::Interrupted,
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        if let Some(inner) = self.inner() {
            return inner.hints();
        }
        match self {
            OpsError::NoLock { .. } => vec![
                "`wharf lock` makes it; `wharf sync` without `--locked` or `--frozen` does too".to_owned(),
            ],
            OpsError::StaleLock { .. } => vec!["`wharf lock` brings it up to date".to_owned()],
            OpsError::NotLocked { near: Some(near), .. } => vec![format!("did you mean {}?", names::typed(near))],
            OpsError::Ignored { name, near, .. } => {
                let near = near.as_ref().map(|near| format!("did you mean {}?", names::typed(near)));
                let or = "take what matches `{name}` out of `ignoredOptionalDependencies` to have it where it is optional";
                near.into_iter().chain([or.replace("{name}", name.as_str())]).collect()
            }
            OpsError::NotLocked { near: None, .. } => vec!["`wharf list` shows what is locked".to_owned()],
            OpsError::NoSuchVersion { name, .. } => {
                vec![format!("`wharf info {} --versions` lists them", names::typed(name))]
            }
            OpsError::NotRequired {
                name,
                is_locked: true,
                ..
            } => vec![format!("`wharf why {}` says what brings it in", names::typed(name))],
            OpsError::NotRequired { near: Some(near), .. } => vec![format!("did you mean {}?", names::typed(near))],
            OpsError::NotRequired { near: None, .. } => {
                vec!["`wharf list` marks with `*` what the manifest asks for".to_owned()]
            }
            OpsError::NoEnvironment { .. } => {
                vec!["run `wharf sync`, or `wharf run` without `--no-sync`".to_owned()]
            }
            OpsError::MalformedLock { .. } => {
                vec!["`wharf lock --upgrade` makes the lockfile anew".to_owned()]
            }
            OpsError::CannotAdd { hint, .. } | OpsError::CannotLook { hint, .. } => vec![hint.clone()],
            OpsError::NothingOfPython { has_debs: true, .. } => vec![
                "no other tool reads a lock of Debian packages; `wharf list --ecosystem deb --format json` has them with versions and package URLs".to_owned(),
            ],
            OpsError::NothingOfPython { .. } => {
                vec!["`wharf add pypi:NAME` adds one; `wharf list` shows what is locked".to_owned()]
            }
            OpsError::NoNode { .. } => vec![
                "put a Node that fits on PATH, or change what `[node] version` or `engines` ask for".to_owned(),
            ],
            OpsError::Engines { .. } => vec![
                "ask for a Node that fits (`[node] version`, `engines.node`), or for versions of the packages that fit".to_owned(),
                "`engine-strict = false` makes it a warning".to_owned(),
            ],
            OpsError::NothingOfNpm { .. } => {
                vec!["`wharf add npm:NAME` adds one; `wharf lock` reads a package.json that was just made".to_owned()]
            }
            OpsError::NoScripts { approving, .. } => {
                vec![format!("`{approving}` alone lists the packages whose scripts matter")]
            }
            OpsError::SeveralMeant { packages, approving, .. } => packages
                .iter()
                .map(|name| format!("`{approving} {}`", names::typed(name)))
                .collect(),
            OpsError::Unpinnable { name, .. } => vec![format!(
                "write \"{}\" into `[policy] scripts` to trust whatever lies there (repositories and folders have no hash)",
                names::typed(name)
            )],
            OpsError::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
                ) =>
            {
                vec!["free some space on that disk and run the command again: nothing was lost".to_owned()]
            }
            OpsError::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(path);
                vec![format!("make the folder {} first", folder.display())]
            }
            OpsError::NoHash { name, .. } => vec![format!(
                "add `{name}` with its version and `--hash=sha256:…` where the other hashes are"
            )],
            OpsError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec!["look at who owns that file and its folder (`ls -ld`)".to_owned()]
            }
            OpsError::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                vec!["that file system is mounted read-only: work on a copy elsewhere".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// The error as a box for faces that mix it with their own.
impl From<OpsError> for Box<dyn Explain> {
    fn from(error: OpsError) -> Self {
        Box::new(error)
    }
}
