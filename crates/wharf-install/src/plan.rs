//! What a commit would change, decided before anything is touched. Invariant: a plan is a pure function of the current
//! generation, a look at the environment's directories, and what is wanted.

use std::collections::BTreeMap;

use serde::Serialize;
use wharf_core::PackageName;

use crate::generation::{Generation, InstalledPackage};
use crate::{Package, Wanted};

/// The difference between an environment and what is wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The generation that this was planned against; `None` if there is no environment.
    pub base: Option<u64>,
    /// Packages to come.
    pub add: Vec<Change>,
    /// Packages to go.
    pub remove: Vec<Change>,
    /// Packages whose version or content differs.
    pub change: Vec<Change>,
    /// How many packages stay as they are.
    pub keep: usize,
    /// Why everything is made anew although no package differs, in words.
    pub rebuild: Vec<String>,
    /// Names that somebody else put into the environment, and that will be gone.
    pub foreign: Vec<String>,
    /// Names that somebody took out of the environment.
    pub missing: Vec<String>,
}

/// One package that comes, goes or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub name: PackageName,
    /// The version that stands there.
    pub from: Option<String>,
    /// The version that is wanted.
    pub to: Option<String>,
}

impl Plan {
    /// Whether the environment is already what is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base.is_some()
            && self.add.is_empty()
            && self.remove.is_empty()
            && self.change.is_empty()
            && self.rebuild.is_empty()
            && self.foreign.is_empty()
            && self.missing.is_empty()
    }

    /// Compares. `drift` is what a look at the directories found.
    pub(crate) fn new(current: Option<&Generation>, drift: Drift, wanted: &Wanted) -> Self {
        let mut plan = Self {
            base: current.map(|generation| generation.number),
            foreign: drift.foreign,
            missing: drift.missing,
            rebuild: drift.reasons,
            ..Self::default()
        };
        let mut old: BTreeMap<&PackageName, &InstalledPackage> = current
            .iter()
            .flat_map(|generation| &generation.packages)
            .map(|one| (&one.name, one))
            .collect();
        for package in &wanted.packages {
            match old.remove(&package.name) {
                None => plan.add.push(change(&package.name, None, Some(&package.version))),
                Some(before) if same(before, package) => plan.keep += 1,
                Some(before) => {
                    plan.change.push(change(
                        &package.name,
                        Some(&before.version),
                        Some(&package.version),
                    ));
                }
            }
        }
        plan.remove = old
            .values()
            .map(|gone| change(&gone.name, Some(&gone.version), None))
            .collect();
        if let Some(current) = current {
            plan.rebuild.extend(differences(current, wanted));
        }
        for list in [&mut plan.add, &mut plan.change] {
            list.sort_by(|left, right| left.name.cmp(&right.name));
        }
        plan
    }
}

/// What a look at an environment's directories found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drift {
    pub(crate) foreign: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) reasons: Vec<String>,
}

fn change(name: &PackageName, from: Option<&String>, to: Option<&String>) -> Change {
    Change {
        name: name.clone(),
        from: from.cloned(),
        to: to.cloned(),
    }
}

fn same(before: &InstalledPackage, package: &Package) -> bool {
    before.version == package.version
        && before.tree == package.tree
        && before.requested == package.requested
        && before.direct_url == package.direct_url
}

/// Reasons to make everything anew that no package shows.
fn differences(current: &Generation, wanted: &Wanted) -> Vec<String> {
    let mut reasons = Vec::new();
    if !current.python.same_runtime(&wanted.python) {
        reasons.push(format!(
            "Python changes from {} ({}) to {} ({})",
            current.python.version,
            current.python.base_executable.display(),
            wanted.python.version,
            wanted.python.base_executable.display()
        ));
    }
    if current.system_site != wanted.system_site {
        reasons.push("the visibility of the system's packages changes".to_owned());
    }
    if current.prompt != wanted.prompt {
        reasons.push("the prompt changes".to_owned());
    }
    if current.compile == crate::Compile::No && wanted.compile == crate::Compile::Yes {
        reasons.push("bytecode is wanted".to_owned());
    }
    reasons
}
