//! Debian and Ubuntu packages of a project: solved, fetched, made into a system root, run in its view.
//!
//! | module | job |
//! |---|---|
//! | [`add`] | what `wharf add` writes and says of a project's first packages |
//! | [`lock`] | what is asked for, solved |
//! | [`holds`] | what is held, looked up |
//! | [`external`] | what packages of other ecosystems need of the system |
//! | [`repositories`] | what a solve may choose from |
//! | [`root`] | packages fetched and put together |
//! | [`approvals`] | whose maintainer scripts may run |
//! | [`python`] | the Python among them |
//! | [`outdated`] | which of them have newer versions |
//! | [`describe`] | what `tree`, `why` and `list` say of them |
//! | [`error`] | what goes wrong |
//!
//! Invariant: without a `[deb]` table nothing of this is looked at.

pub(crate) mod add;
pub(crate) mod approvals;
pub(crate) mod describe;
pub(crate) mod error;
pub(crate) mod external;
pub(crate) mod holds;
pub(crate) mod lock;
pub(crate) mod outdated;
pub(crate) mod python;
pub(crate) mod repositories;
pub(crate) mod root;

use std::path::PathBuf;

use wharf_core::{OsVersion, Target};
use wharf_deb::architecture::Architecture;
use wharf_deb::version::Version;
use wharf_install::Environment;
use wharf_project::lock::deb::DebCause;
use wharf_project::{DebLock, Project};

use crate::error::OpsError;
use crate::names;
use crate::session::Session;

/// What Debian calls this machine's architecture.
///
/// # Errors
/// The machine is one that Wharf does not know.
pub(crate) fn architecture() -> Result<Architecture, OpsError> {
    Ok(Architecture::of_machine(wharf_sys::host::target()?.arch))
}

/// Whether programs of a project run in the view of its Debian packages. Where a machine gives no views they run in its own system, with
/// copies of the packages' commands on PATH.
pub(crate) fn is_viewed(project: &Project) -> bool {
    project.deb.is_some() && wharf_sys::view::support().is_there()
}

/// The machine as programs of a project meet it: this one, with the C library of the project's Debian packages where they run in the view
/// of these.
///
/// # Errors
/// The machine is one that Wharf does not know.
pub(crate) fn target(session: &Session, project: &Project) -> Result<Target, OpsError> {
    let mut target = wharf_sys::host::target()?;
    if is_viewed(project)
        && let Some(lock) = session.debian().lock()
        && let Some((major, minor)) = c_library(&lock, architecture()?.as_str())
    {
        target.os_version = OsVersion::Glibc(major, minor);
    }
    Ok(target)
}

/// The version of the GNU C library among the packages for an architecture.
fn c_library(lock: &DebLock, architecture: &str) -> Option<(u16, u16)> {
    let packages = &lock.system(architecture)?.packages;
    let found = packages
        .iter()
        .find(|package| package.id.name.as_str() == "libc6")?;
    let version = Version::parse(&found.version).ok()?;
    let numbers = |text: &str| text.parse().ok();
    let mut parts = version.upstream().split('.').map(numbers);
    Some((parts.next()??, parts.next()??))
}

/// The system root that programs of a project run in: the one that this command made, else the one that stands.
///
/// # Errors
/// There is none yet.
pub(crate) fn standing_root(session: &Session, project: &Project) -> Result<PathBuf, OpsError> {
    if let Some(root) = session.debian().root() {
        return Ok(root.path.clone());
    }
    let standing = Environment::locate(&project.root).system();
    Ok(standing.ok_or(error::DebError::NotInstalled)?)
}

/// Who asks for a package, in words.
pub(crate) fn cause_words(cause: &DebCause, project: &Project) -> String {
    match cause {
        DebCause::Manifest => project.shown_path(&project.manifest_path),
        DebCause::Essential => "every Debian system".to_owned(),
        DebCause::Part(part) => format!("the project's {part} part"),
        DebCause::External {
            package,
            role,
            dependency,
        } => {
            let whose = match package {
                Some(name) => names::typed(name),
                None => "the project".to_owned(),
            };
            let verb = match role {
                wharf_project::external::ExternalRole::Build => "is built with",
                wharf_project::external::ExternalRole::Host => "is built against",
                wharf_project::external::ExternalRole::Run => "runs with",
            };
            format!("{whose} {verb} {dependency}")
        }
    }
}
