//! Commands of crates that need not be built: verified prebuilts.
//!
//! | module | job |
//! |---|---|
//! | [`published`] | what the crate itself says: its commands, its repository, the prebuilts that it declares |
//! | [`declared`] | archives that the crate declares, signed with the key that it declares |
//! | [`platform`] | the same tool as a platform package of another registry |
//! | [`receipt`] | what is in the store, and where it came from |
//! | [`error`] | what is refused |
//!
//! What is not verified is built, and `-v` says why; what claims to be verified and is not is refused. Invariants: a prebuilt is known
//! in the store by a key of its own, so that whoever wants none never gets one; nothing of the lock depends on prebuilts.

mod declared;
pub(crate) mod error;
mod platform;
mod published;
mod receipt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use wharf_core::{Event, Target};
use wharf_ecosystem::cargo::binstall::Executable;
use wharf_index::cargo::{CratesIndex, Wanted};
use wharf_install::generation::CommandsPart;
use wharf_install::rust::{self, Built, Request};
use wharf_project::lock::LockedTool;
use wharf_project::{CargoConfig, PrebuiltPolicy, Project};
use wharf_store::Store;

use self::published::Published;
use crate::error::OpsError;
use crate::session::Session;

pub use receipt::Origin;
pub(crate) use receipt::{origin_of, reports};

/// Commands, and the key that they are known by in the record of an environment.
pub(crate) struct Had {
    /// The commands.
    pub(crate) built: Built,
    /// The key.
    pub(crate) key: String,
}

/// Commands that passed every check: their names and bytes.
type Commands = Vec<(String, Vec<u8>)>;

/// What came of looking for prebuilts in one place.
enum Verdict {
    /// They are here.
    Taken(Commands, Origin),
    /// There are none to be had.
    Not(Reason),
}

/// Why a tool is built.
enum Reason {
    /// Nobody expected anything else: for `-v`.
    Quiet(String),
    /// The crate promised one.
    Told(String),
}

impl Verdict {
    fn quiet(reason: impl Into<String>) -> Self {
        Self::Not(Reason::Quiet(reason.into()))
    }

    fn told(reason: impl Into<String>) -> Self {
        Self::Not(Reason::Told(reason.into()))
    }
}

/// The prebuilt that an environment has of a tool, as long as prebuilts may be used.
pub(crate) fn kept(
    request: &Request,
    standing: &CommandsPart,
    store: &Store,
    policy: PrebuiltPolicy,
) -> Option<Had> {
    let key = match policy {
        PrebuiltPolicy::Verified => receipt::key(request)?.hex(),
        PrebuiltPolicy::Never => return None,
    };
    let known = standing.tools.iter().find(|tool| tool.key == key)?;
    if !receipt::is_kept(store, &key) {
        return None;
    }
    let built = rust::build::standing(known.tree, store)?;
    Some(Had { built, key })
}

/// Where prebuilts are looked for.
pub(crate) struct Prebuilts<'a> {
    pub(crate) session: &'a Session,
    pub(crate) project: &'a Project,
    pub(crate) config: &'a CargoConfig,
    pub(crate) index: CratesIndex,
    pub(crate) store: Arc<Store>,
}

/// One tool that is looked for.
struct Search<'s, 'a> {
    at: &'s Prebuilts<'a>,
    request: &'s Request,
    crate_: Published,
    machine: Target,
}

impl Prebuilts<'_> {
    /// What the store has of a tool.
    pub(crate) fn known(&self, tool: &LockedTool, request: &Request) -> Option<Had> {
        if self.project.policy.prebuilt == PrebuiltPolicy::Never || unsuited(tool).is_some() {
            return None;
        }
        receipt::known(request, &self.store)
    }

    /// A prebuilt of a tool, in the store afterwards; `None` where it has to be built.
    ///
    /// # Errors
    /// Where what is there is not what was promised, or the crate itself cannot be had.
    pub(crate) async fn find(&self, tool: &LockedTool, request: &Request) -> Result<Option<Had>, OpsError> {
        let reason = match (self.project.policy.prebuilt, unsuited(tool)) {
            (PrebuiltPolicy::Never, _) => Some("no prebuilts are wanted"),
            (PrebuiltPolicy::Verified, reason) => reason,
        };
        let machine = crate::deb::target(self.session, self.project);
        let (reason, machine) = match (reason, machine) {
            (Some(reason), _) => (reason.to_owned(), None),
            (None, Err(error)) => (error.to_string(), None),
            (None, Ok(machine)) => (String::new(), Some(machine)),
        };
        let Some(machine) = machine else {
            self.say(request, Reason::Quiet(reason));
            return Ok(None);
        };
        // Its own Cargo.toml says what it declares; of the crates that it needs none is fetched.
        let own = Wanted::of_locked(&tool.root);
        super::sync::fetch(self.session, &self.index, own.into_iter().collect()).await?;
        let search = Search {
            at: self,
            request,
            crate_: match Published::read(request) {
                Ok(found) => found,
                Err(reason) => {
                    self.say(request, Reason::Quiet(reason));
                    return Ok(None);
                }
            },
            machine,
        };
        let verdict = search.declared().await?;
        let verdict = match verdict {
            Verdict::Not(reason) => {
                self.say(request, reason);
                search.platform_package().await?
            }
            taken @ Verdict::Taken(..) => taken,
        };
        match verdict {
            Verdict::Taken(commands, origin) => {
                self.session
                    .emit(Event::detail(format!("{}: {origin}", request.label())));
                receipt::keep(request, &self.store, commands, &origin)
            }
            Verdict::Not(reason) => {
                self.say(request, reason);
                Ok(None)
            }
        }
    }

    fn say(&self, request: &Request, reason: Reason) {
        let label = request.label();
        self.session.emit(match reason {
            Reason::Quiet(reason) => Event::detail(format!("{label} is not taken prebuilt: {reason}")),
            Reason::Told(reason) => Event::warning(
                "cargo/no-prebuilt",
                format!("{label} is not taken prebuilt: {reason}"),
            ),
        });
    }
}

impl Search<'_, '_> {
    /// Whether a file can be started by this machine.
    fn judge(&self, bytes: &[u8]) -> Result<(), String> {
        let read = Executable::read(bytes);
        read.and_then(|found| found.fits(&self.machine))
            .map_err(|reason| reason.to_string())
    }
}

/// Why no prebuilt can be what is asked for.
fn unsuited(tool: &LockedTool) -> Option<&'static str> {
    let asked = &tool.request;
    if !asked.features.is_empty() || asked.all_features || !asked.default_features {
        return Some("features are asked for");
    }
    if !asked.locked {
        return Some("it is not to be made of what its author locked");
    }
    match Wanted::of_locked(&tool.root) {
        Some(_) => None,
        None => Some("it comes from a repository"),
    }
}
