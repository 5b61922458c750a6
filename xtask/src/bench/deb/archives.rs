//! From a plan to files: archives fetched, verified and unpacked.
//!
//! apt's side ends where dpkg would begin: `dpkg-deb --extract` writes the files of each archive and nothing else. Wharf's side ends with a
//! system root that programs run in. apt fetches as root through a helper of its own user; where the run is not root's, without.

use std::path::Path;
use std::process::Command;

use super::super::measure::Sample;
use super::super::remove;
use super::super::rounds::{Kind, Way, Work};
use super::lists::empty;
use super::sides::{Installed, Sides};
use crate::shell::Failure;

/// What is done with archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Download,
    Second,
    Nothing,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    Apt,
    AptUnpack,
    Wharf,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Second => "second project",
            Self::Nothing => "synced already",
        }
    }

    fn cold(self) -> bool {
        self == Self::Download
    }

    fn before(self) -> Vec<Self> {
        vec![Self::Download, self]
    }

    fn rounds(self) -> usize {
        if self == Self::Nothing { 5 } else { 1 }
    }
}

/// The archives of a set.
pub(super) struct Archives<'run>(pub(super) &'run Sides<'run>);

impl Archives<'_> {
    fn commands(&self, case: Case, doer: Doer) -> Result<Vec<Command>, Failure> {
        let apt = |options: &[&str]| self.0.apt_install(options);
        Ok(match (doer, case) {
            (Doer::Apt, Case::Download) => vec![apt(&["--download-only"])?],
            (Doer::AptUnpack, Case::Download) => vec![apt(&["--download-only"])?, self.0.unpack()],
            (Doer::AptUnpack, Case::Second) => vec![self.0.unpack()],
            (Doer::Apt, Case::Second | Case::Nothing) | (Doer::AptUnpack, Case::Nothing) => vec![apt(&[])?],
            (Doer::Wharf, Case::Download) => vec![self.0.wharf(&["sync", "--quiet", "--frozen"])],
            (Doer::Wharf, Case::Second) => {
                vec![
                    self.0
                        .wharf_in(&self.0.second(), &["sync", "--quiet", "--frozen"]),
                ]
            }
            (Doer::Wharf, Case::Nothing) => vec![self.0.wharf(&["sync", "--quiet"])],
        })
    }
}

impl Work for Archives<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::Download, Case::Second, Case::Nothing];
    const LARGE: bool = true;

    fn tools(&self, case: Case) -> Vec<Doer> {
        match case {
            Case::Download => vec![Doer::Apt, Doer::AptUnpack, Doer::Wharf],
            Case::Second => vec![Doer::AptUnpack, Doer::Wharf],
            Case::Nothing => vec![Doer::Apt, Doer::Wharf],
        }
    }

    fn way(&self, doer: Doer, case: Case) -> Way {
        Way {
            name: match (doer, case) {
                (Doer::Apt, Case::Download) => "apt-get --download-only",
                (Doer::Apt, _) => "apt-get install",
                (Doer::AptUnpack, Case::Second) => "dpkg-deb --extract",
                (Doer::AptUnpack, _) => "… and dpkg-deb --extract",
                (Doer::Wharf, Case::Nothing) => "wharf sync",
                (Doer::Wharf, _) => "wharf sync --frozen",
            },
            class: None,
            wharf: doer == Doer::Wharf,
            slow: false,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        match (case, doer) {
            (Case::Nothing, Doer::Wharf) => Ok(()),
            (Case::Nothing, _) => self.0.install(Installed::Everything),
            (Case::Download, Doer::Wharf) => {
                remove(&self.0.project().join(".wharf"))?;
                // Nothing is in the store; the lists are not asked for.
                empty(&self.0.home(), "tmp")
            }
            (Case::Download, _) => {
                self.0.install(Installed::Nothing)?;
                empty(&self.0.archives(), "partial")?;
                empty(&self.0.unpacked(), "")
            }
            (Case::Second, Doer::Wharf) => {
                remove(&self.0.second())?;
                self.0.write_project(&self.0.second())?;
                copy(&self.0.project(), &self.0.second(), "wharf.lock")
            }
            (Case::Second, _) => empty(&self.0.unpacked(), ""),
        }
    }

    fn once(&self, case: Case, doer: Doer) -> Result<Sample, Failure> {
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        Sample::in_turn(self.commands(case, doer)?)
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.0.asked()
    }
}

fn copy(from: &Path, to: &Path, name: &str) -> Result<(), Failure> {
    std::fs::copy(from.join(name), to.join(name))?;
    Ok(())
}
