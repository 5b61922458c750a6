//! One maintainer script by itself, tried on a root that has nothing but what every root has. Nothing runs, and no root is placed.

use std::collections::BTreeMap;

use wharf_deb::control::Control;
use wharf_store::{Store, SystemTree};

use super::packages::Loaded;
use super::report::{Report, ScriptKind, ScriptReport};
use super::shell::Scripts;
use super::{SystemError, configure, merge};

/// What a script came to.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How much of it was done.
    pub script: ScriptReport,
    /// The root after it.
    pub tree: SystemTree,
    /// What else is told of such a root.
    pub report: Report,
}

/// The package whose script it is.
const CONTROL: &str = "Package: tried\nVersion: 1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n";

/// Follows a script as if a package of a single script were put into a root of its own.
///
/// # Errors
/// Where the store cannot take what the script writes.
pub fn try_script(store: &Store, kind: ScriptKind, text: &str) -> Result<Trial, SystemError> {
    let mut packages = [Loaded {
        control: Control::parse(CONTROL.as_bytes())?,
        text: CONTROL.to_owned(),
        data: SystemTree::default(),
        extras: BTreeMap::new(),
        conffiles: Vec::new(),
    }];
    let scripts = Scripts::one(kind, text);
    let mut report = Report::default();
    let diversions = scripts.diversions(store, &packages);
    let mut files = merge::merge(&mut packages, &diversions, &mut report.notes)?;
    let mut followed = configure(store, &packages, &scripts, &diversions, &mut files, &mut report)?;
    Ok(Trial {
        script: followed.pop().expect("each script has its report"),
        tree: files.into_tree(store)?,
        report,
    })
}
