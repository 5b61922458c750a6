//! An outcome as a `Cargo.lock`: what cargo would write for the same packages.

use wharf_core::{Explain, Fault};
use wharf_ecosystem::cargo::{CargoLock, LockVersion, LockedCrate, LockedId, RustVersion, SourceId, Summary};

use crate::outcome::{Outcome, Resolved};

/// A registry now tells another checksum for a version than the lock has: somebody changed what was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{package}: `Cargo.lock` has the checksum {locked}, and the registry now tells {told}")]
pub struct ChecksumChanged {
    /// The package.
    pub package: String,
    /// What the lock has.
    pub locked: String,
    /// What the registry says.
    pub told: String,
}

impl Explain for ChecksumChanged {
    fn code(&self) -> &'static str {
        "cargo/checksum-changed"
    }

    fn fault(&self) -> Fault {
        Fault::Denied
    }

    fn hints(&self) -> Vec<String> {
        vec!["find out why the registry changed a published version before you delete the entry from `Cargo.lock`".to_owned()]
    }
}

/// The lock of an outcome. Its form is that of the previous one; where it differs from it, at least the form that cargo writes for a
/// workspace with this lowest `rust-version`.
///
/// # Errors
/// Where a checksum differs from that of the previous lock.
pub fn lock_of(
    outcome: &Outcome,
    previous: Option<&CargoLock>,
    lowest_rust_version: Option<RustVersion>,
) -> Result<CargoLock, ChecksumChanged> {
    let newest = LockVersion::for_rust_version(lowest_rust_version);
    let mut lock = CargoLock {
        version: previous.map_or(newest, |previous| previous.version),
        packages: outcome
            .packages
            .iter()
            .map(|package| locked(package, outcome))
            .collect(),
        patch_unused: outcome.unused_patches.iter().map(|patch| entry(patch)).collect(),
        metadata: previous
            .map(|previous| previous.metadata.clone())
            .unwrap_or_default(),
        comments: previous
            .map(|previous| previous.comments.clone())
            .unwrap_or_default(),
    };
    if let Some(previous) = previous {
        same_checksums(&lock, previous)?;
        if lock.version < newest && lock.print() != previous.print() {
            lock.version = newest;
        }
    }
    Ok(lock)
}

fn locked(package: &Resolved, outcome: &Outcome) -> LockedCrate {
    let mut dependencies: Vec<LockedId> = package
        .edges
        .iter()
        .map(|edge| entry(&outcome.packages[edge.to].summary).id())
        .collect();
    dependencies.sort();
    dependencies.dedup();
    LockedCrate {
        dependencies,
        ..entry(&package.summary)
    }
}

fn entry(summary: &Summary) -> LockedCrate {
    LockedCrate {
        checksum: summary.checksum,
        ..LockedCrate::new(
            summary.name.clone(),
            summary.version.clone(),
            lock_source(&summary.source),
        )
    }
}

/// A source as locks have it: folders have none.
pub(crate) fn lock_source(source: &SourceId) -> Option<SourceId> {
    (!source.is_path()).then(|| source.clone())
}

fn same_checksums(lock: &CargoLock, previous: &CargoLock) -> Result<(), ChecksumChanged> {
    let before: std::collections::BTreeMap<_, _> = previous
        .packages
        .iter()
        .map(|package| (package.id(), &package.checksum))
        .collect();
    for package in &lock.packages {
        let Some(Some(locked)) = before.get(&package.id()) else {
            continue;
        };
        if package.checksum.as_ref() != Some(locked) {
            return Err(ChecksumChanged {
                package: package.label(),
                locked: locked.hex(),
                told: package
                    .checksum
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |told| told.hex()),
            });
        }
    }
    Ok(())
}
