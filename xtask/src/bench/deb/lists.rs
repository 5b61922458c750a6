//! The lists of what repositories have: asked for the first time, and where nothing changed.

use std::path::Path;
use std::process::Command;

use super::super::measure::{Sample, measure};
use super::super::remove;
use super::super::rounds::{Kind, Way, Work};
use super::sides::Sides;
use crate::shell::Failure;

/// What is done with lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Cold,
    Warm,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    Apt,
    Wharf,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::Cold => "update cold",
            Self::Warm => "update warm",
        }
    }

    fn cold(self) -> bool {
        self == Self::Cold
    }

    fn before(self) -> Vec<Self> {
        vec![Self::Cold, self]
    }

    fn rounds(self) -> usize {
        match self {
            Self::Cold => 1,
            Self::Warm => 3,
        }
    }
}

/// The lists of both sides.
pub(super) struct Lists<'run>(pub(super) &'run Sides<'run>);

impl Lists<'_> {
    fn command(&self, doer: Doer) -> Command {
        match doer {
            Doer::Apt => {
                let mut command = self.0.apt.command("apt-get");
                command.args(["-qq", "update"]);
                command
            }
            Doer::Wharf => self.0.wharf(&["lock", "--quiet", "--upgrade"]),
        }
    }
}

impl Work for Lists<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::Cold, Case::Warm];
    const LARGE: bool = false;

    fn tools(&self, _: Case) -> Vec<Doer> {
        vec![Doer::Apt, Doer::Wharf]
    }

    fn way(&self, doer: Doer, _: Case) -> Way {
        Way {
            name: match doer {
                Doer::Apt => "apt-get update",
                Doer::Wharf => "wharf lock --upgrade",
            },
            class: None,
            wharf: doer == Doer::Wharf,
            slow: false,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        if case == Case::Warm {
            return Ok(());
        }
        match doer {
            Doer::Apt => {
                let folder = self.0.apt.folder();
                for (below, inside) in [("state/lists", "partial"), ("cache", "archives/partial")] {
                    empty(&folder.join(below), inside)?;
                }
                Ok(())
            }
            Doer::Wharf => {
                remove(&self.0.project().join("wharf.lock"))?;
                empty(&self.0.home(), "tmp")
            }
        }
    }

    fn once(&self, _: Case, doer: Doer) -> Result<Sample, Failure> {
        rustix::fs::sync();
        measure(&mut self.command(doer))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.0.asked()
    }
}

/// A folder with nothing but an empty one in it.
pub(in crate::bench) fn empty(folder: &Path, inside: &str) -> Result<(), Failure> {
    remove(folder)?;
    Ok(std::fs::create_dir_all(folder.join(inside))?)
}
