//! The lock in other tools' forms. Invariant: an export holds what the lock holds, no more; nothing is solved.

mod package_lock;
#[cfg(test)]
mod package_lock_tests;
mod pylock;
mod requirements;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pep508_rs::MarkerEnvironment;
use wharf_core::Target;

use crate::lock::{InstallItem, Lock, LockError, Selection};

pub use package_lock::package_lock;
pub use pylock::pylock;
pub use requirements::requirements_txt;

/// One target to export: the lock's target and the environment that markers are evaluated in.
#[derive(Clone, Debug)]
pub struct ExportTarget {
    /// One of the lock's targets.
    pub target: Target,
    /// What its machines look like.
    pub markers: MarkerEnvironment,
}

/// Whether hashes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashes {
    /// One for each file.
    #[default]
    Include,
    /// None.
    Omit,
}

/// A package as each exported target that has it installs it, and the numbers of those targets.
type Gathered<'l> = (Vec<InstallItem<'l>>, Vec<usize>);

/// The packages of all exported targets, each with the targets that install it.
fn gather<'l>(
    lock: &'l Lock,
    selection: &Selection,
    targets: &[ExportTarget],
) -> Result<Vec<Gathered<'l>>, LockError> {
    let mut found: BTreeMap<usize, Gathered<'l>> = BTreeMap::new();
    for (number, export) in targets.iter().enumerate() {
        for item in lock.install_set(&export.target, selection, &export.markers)? {
            let position = lock
                .packages
                .iter()
                .position(|package| std::ptr::eq(package, item.package));
            let entry = found.entry(position.unwrap_or_default()).or_default();
            entry.0.push(item);
            entry.1.push(number);
        }
    }
    Ok(found.into_values().collect())
}

/// A marker that is true on the machines of the named targets and false on those of the others; `None` where all of
/// them are named.
fn marker_for(members: &[usize], targets: &[ExportTarget]) -> Option<String> {
    if members.len() == targets.len() {
        return None;
    }
    let facts = |number: usize| -> [(&'static str, String); 3] {
        let markers = &targets[number].markers;
        [
            ("sys_platform", markers.sys_platform().to_owned()),
            ("platform_machine", markers.platform_machine().to_owned()),
            ("python_version", markers.python_version().to_string()),
        ]
    };
    // Only facts that tell the targets apart are worth saying.
    let differs = |fact: usize| (1..targets.len()).any(|number| facts(number)[fact].1 != facts(0)[fact].1);
    let telling: Vec<usize> = (0..3).filter(|fact| differs(*fact)).collect();
    let mut clauses: Vec<String> = members
        .iter()
        .map(|number| {
            let facts = facts(*number);
            let parts: Vec<String> = telling
                .iter()
                .map(|fact| format!("{} == '{}'", facts[*fact].0, facts[*fact].1))
                .collect();
            parts.join(" and ")
        })
        .filter(|clause| !clause.is_empty())
        .collect();
    clauses.dedup();
    match clauses.len() {
        0 => None,
        1 => clauses.pop(),
        _ => Some(
            clauses
                .iter()
                .map(|clause| format!("({clause})"))
                .collect::<Vec<_>>()
                .join(" or "),
        ),
    }
}
