//! `wharf system`: what the machine itself has of Debian's packages, and what changing it would mean. Nothing is changed.
//!
//! | module | job |
//! |---|---|
//! | `host` | what dpkg and apt wrote down on a machine |
//! | `lists` | apt's lists of what repositories have |
//! | `look` | `list`, `search`, `show` |
//! | `anywhere` | `wharf search`, `wharf info` |
//! | `plan` | what an installation, a removal or an upgrade would do |
//! | `pins` | its preferences |
//! | `settings` | what its apt is told |
//! | [`error`], [`report`] | what can go wrong, what is told |
//!
//! Invariant: everything is read, nothing is written but indexes in the cache; no program of the machine is run.

pub mod error;
pub mod report;

mod anywhere;
mod host;
mod lists;
mod look;
mod pins;
mod plan;
mod settings;

use std::path::PathBuf;

use crate::session::Session;

pub(crate) use anywhere::info;
pub use anywhere::search as search_anywhere;
pub use look::{list, search, show};
pub use plan::{PlanRequest, Task, plan};

/// Which machine is looked at.
#[derive(Clone, Debug, Default)]
pub struct Where {
    /// Its root folder; `None` for this machine's own.
    pub root: Option<PathBuf>,
}

impl Where {
    fn root(&self, session: &Session) -> PathBuf {
        match &self.root {
            Some(root) => session.settings().directory.join(root),
            None => session.system_root(),
        }
    }
}
