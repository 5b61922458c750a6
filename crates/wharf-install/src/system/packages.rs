//! What composing needs to know of each package: its control file, its files, its scripts.

use std::collections::BTreeMap;

use rayon::prelude::*;
use wharf_deb::control::Control;
use wharf_store::{DebPackage, ObjectId, Store, SystemKind, SystemTree};

use super::SystemError;

/// A package with all that is known of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) control: Control,
    /// The control file as it is.
    pub(crate) text: String,
    pub(crate) data: SystemTree,
    /// The files of the control archive beside `control`.
    pub(crate) extras: BTreeMap<String, Extra>,
    pub(crate) conffiles: Vec<String>,
}

/// A file of the control archive.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) object: ObjectId,
    pub(crate) size: u64,
    pub(crate) executable: bool,
}

impl Loaded {
    pub(crate) fn name(&self) -> &str {
        self.control.name.as_str()
    }

    pub(crate) fn architecture(&self) -> &str {
        self.control.architecture.as_str()
    }

    /// For people, and for sorting.
    pub(crate) fn label(&self) -> String {
        format!("{}:{}", self.name(), self.architecture())
    }

    /// What dpkg calls its records: with the architecture where several may stand beside each other.
    pub(crate) fn record_name(&self) -> String {
        match self.control.multi_arch {
            wharf_deb::packages::MultiArch::Same => self.label(),
            _ => self.name().to_owned(),
        }
    }

    /// A file of the control archive as text; empty where it is missing.
    pub(crate) fn extra_text(&self, store: &Store, name: &str) -> Result<String, SystemError> {
        match self.extras.get(name) {
            Some(extra) => {
                let bytes = read(store, extra)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            None => Ok(String::new()),
        }
    }
}

/// Loads all packages, sorted by name and architecture.
pub(crate) fn load(store: &Store, packages: &[DebPackage]) -> Result<Vec<Loaded>, SystemError> {
    let loaded: Result<Vec<Loaded>, SystemError> = packages
        .par_iter()
        .map(|package| load_one(store, package))
        .collect();
    let mut loaded = loaded?;
    loaded.sort_by_cached_key(Loaded::label);
    for pair in loaded.windows(2) {
        if pair[0].label() == pair[1].label() {
            return Err(SystemError::Twice {
                package: pair[0].label(),
            });
        }
    }
    Ok(loaded)
}

fn load_one(store: &Store, package: &DebPackage) -> Result<Loaded, SystemError> {
    let tree = store.system_tree(&package.control)?;
    let mut extras = BTreeMap::new();
    for entry in &tree.entries {
        if let SystemKind::File { object, size, .. } = &entry.kind {
            let extra = Extra {
                object: *object,
                size: *size,
                executable: entry.kind.is_executable(),
            };
            extras.insert(entry.path.to_lossy(), extra);
        }
    }
    let control = extras.remove("control").ok_or(SystemError::NoControl)?;
    let bytes = read(store, &control)?;
    let control = Control::parse(&bytes)?;
    let mut loaded = Loaded {
        control,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        data: store.system_tree(&package.data)?,
        extras,
        conffiles: Vec::new(),
    };
    let conffiles = loaded.extra_text(store, "conffiles")?;
    // `remove-on-upgrade /path` names a file that the package does not have any more.
    let paths = conffiles
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('/'));
    loaded.conffiles = paths.map(str::to_owned).collect();
    Ok(loaded)
}

fn read(store: &Store, extra: &Extra) -> Result<Vec<u8>, SystemError> {
    let path = store.object_path(&extra.object, extra.executable);
    std::fs::read(&path)
        .map_err(wharf_store::StoreError::io("read", path))
        .map_err(SystemError::from)
}
