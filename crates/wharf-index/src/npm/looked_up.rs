//! What is known of the cache's folder of packuments, so that no file is looked for twice, and none in a folder that a
//! first run has to make: thousands of names are asked for, and each look costs a walk through the folders.
//!
//! Invariant: forgetting any of it changes no answer. What another command writes meanwhile may be asked for once more.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use wharf_core::PackageName;

use super::packument::{Form, Packument};

/// See the module.
#[derive(Default)]
pub(super) struct LookedUp {
    /// What was found for a name and could not be used as it was: nothing, or what has to be confirmed.
    left: Mutex<FxHashMap<(PackageName, Form), Option<Packument>>>,
    /// Whether a folder was not there when its first file was looked for.
    missing: Mutex<FxHashMap<PathBuf, bool>>,
}

impl LookedUp {
    /// Leaves what was found for whoever asks the registry.
    pub(super) fn leave(&self, name: &PackageName, form: Form, found: Option<Packument>) {
        locked(&self.left).insert((name.clone(), form), found);
    }

    /// What was left; `None` where nobody looked.
    pub(super) fn take(&self, name: &PackageName, form: Form) -> Option<Option<Packument>> {
        locked(&self.left).remove(&(name.clone(), form))
    }

    /// Whether a file cannot be there, since its folder was not and nothing was written to it.
    pub(super) fn is_missing(&self, file: &Path) -> bool {
        let Some(folder) = file.parent() else {
            return false;
        };
        let mut missing = locked(&self.missing);
        match missing.get(folder) {
            Some(missing) => *missing,
            None => *missing.entry(folder.to_owned()).or_insert(!folder.exists()),
        }
    }

    /// A file is going to be there.
    pub(super) fn is_written(&self, file: &Path) {
        if let Some(folder) = file.parent()
            && let Some(missing) = locked(&self.missing).get_mut(folder)
        {
            *missing = false;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
