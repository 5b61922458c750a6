//! From the lists on the disk to a plan: of a set on an empty machine, and of one that is there already.

use std::process::Command;

use super::super::measure::{Sample, measure};
use super::super::remove;
use super::super::rounds::{Kind, Way, Work};
use super::sides::{Installed, Sides};
use crate::shell::Failure;

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Plan,
    Nothing,
}

/// Who plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    /// The set with its sizes.
    AptUris,
    /// The set in order, each step tried.
    AptSimulate,
    /// The lock of a project.
    WharfLock,
    /// A change of a machine.
    WharfPlan,
}

impl Kind for Case {
    fn name(self) -> &'static str {
        match self {
            Self::Plan => "solve and plan",
            Self::Nothing => "nothing to do",
        }
    }

    fn cold(self) -> bool {
        false
    }

    fn before(self) -> Vec<Self> {
        vec![self]
    }

    fn rounds(self) -> usize {
        3
    }
}

/// Plans of both sides.
pub(super) struct Plans<'run> {
    sides: &'run Sides<'run>,
    ask: Vec<String>,
    /// apt tries every step of a large set, which takes it long.
    slow: bool,
}

impl<'run> Plans<'run> {
    /// Of the set of this name.
    pub(super) fn new(sides: &'run Sides<'run>, name: &str) -> Result<Self, Failure> {
        Ok(Self {
            sides,
            ask: sides.asked_of_apt()?.to_vec(),
            slow: matches!(name, "large" | "desktop"),
        })
    }

    fn command(&self, doer: Doer) -> Result<Command, Failure> {
        let apt = |option: &str| {
            let mut command = self.sides.apt.command("apt-get");
            command.args(["-y", "-q", option, "install"]).args(&self.ask);
            command
        };
        match doer {
            Doer::AptUris => Ok(apt("--print-uris")),
            Doer::AptSimulate => Ok(apt("-s")),
            Doer::WharfLock => Ok(self.sides.wharf(&["lock", "--quiet"])),
            Doer::WharfPlan => self.sides.wharf_plan(),
        }
    }
}

impl Work for Plans<'_> {
    type Tool = Doer;
    type Case = Case;

    const CASES: &'static [Case] = &[Case::Plan, Case::Nothing];
    const LARGE: bool = false;

    fn tools(&self, _: Case) -> Vec<Doer> {
        vec![Doer::AptUris, Doer::AptSimulate, Doer::WharfLock, Doer::WharfPlan]
    }

    fn way(&self, doer: Doer, case: Case) -> Way {
        Way {
            name: match doer {
                Doer::AptUris => "apt-get --print-uris",
                Doer::AptSimulate => "apt-get -s",
                Doer::WharfLock => "wharf lock",
                Doer::WharfPlan => "wharf system plan",
            },
            class: None,
            wharf: matches!(doer, Doer::WharfLock | Doer::WharfPlan),
            slow: self.slow && case == Case::Plan && doer == Doer::AptSimulate,
        }
    }

    fn clear_for(&self, case: Case, doer: Doer) -> Result<(), Failure> {
        self.sides.install(match case {
            Case::Plan => Installed::Nothing,
            Case::Nothing => Installed::Everything,
        })?;
        match (case, doer) {
            (Case::Plan, Doer::WharfLock) => remove(&self.sides.project().join("wharf.lock")),
            _ => Ok(()),
        }
    }

    fn once(&self, _: Case, doer: Doer) -> Result<Sample, Failure> {
        measure(&mut self.command(doer)?)
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.sides.asked()
    }
}
