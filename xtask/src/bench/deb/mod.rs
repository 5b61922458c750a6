//! `cargo xtask bench --deb`: Debian packages, Wharf against apt over a loopback mirror of the machine's own release.
//!
//! | case | apt | Wharf |
//! |---|---|---|
//! | update cold, warm | `apt-get update`, which makes its cache as well | `wharf lock --upgrade` of a project of one package: the suites asked, indexes made, one small solve |
//! | solve and plan | `apt-get --print-uris install`: the set with sizes; `apt-get -s install`: put into order and tried as well | `wharf lock`, which writes the lock; `wharf system plan install` over apt's own lists |
//! | nothing to do | the same where everything is installed | `wharf lock` where the lock is there, `wharf system plan install` |
//! | download | `apt-get --download-only install`, and with `dpkg-deb --extract` of each archive behind it | `wharf sync --frozen`: fetched, verified, unpacked into the store, made into a system root |
//! | second project | the archives are there: `dpkg-deb --extract` of each | `wharf sync --frozen` of another project from the store |
//! | synced already | `apt-get install` of what is installed | `wharf sync` |
//!
//! The mirror asks the live repositories once, keeps every file in `target/bench/deb-recorded`, and answers from there ever after.
//! Invariants: apt has a state, a cache and lists of its own, Wharf a home of its own, both start from what the case says; both
//! have the same suites, and Debian's essential packages are asked of both; nothing of the machine is changed. A measurement during which a live
//! repository was asked does not count.

mod archives;
mod lists;
mod mirror;
mod plans;
pub(super) mod sides;

use super::report::{Report, SetResult};
use super::rounds::measure_all;
use super::{Options, directory, remove};
use crate::shell::{self, Failure};

pub(super) use lists::empty;
pub(super) use mirror::{DebMirror, serve};
use sides::Sides;

/// The sets by size, what they ask for, and whether their archives are fetched (a desktop has gigabytes).
const SETS: [(&str, &[&str], bool); 4] = [
    ("small", &["nginx"], true),
    (
        "medium",
        &["build-essential", "nginx", "postgresql", "redis-server", "git"],
        true,
    ),
    ("large", &["gnome-core", "libreoffice"], false),
    ("desktop", &["kde-full", "gnome-core", "texlive-full"], false),
];

/// The name under which the lists alone are measured.
const LISTS: &str = "lists";

/// Measures the lists, then every set that is asked for.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let wharf = shell::wharf(options.binary.as_deref())?;
    let mirror = DebMirror::start(options)?;
    let folder = directory().join("deb-work");
    let wants = |name: &str| options.sets.is_empty() || options.sets.iter().any(|set| set == name);
    let mut results = Vec::new();
    let sides = |name: &str, ask: &[&str]| Sides::new(&folder.join(name), ask, &wharf, &mirror);
    if wants(LISTS) {
        println!("==> {LISTS}");
        let sides = sides(LISTS, &["base-files"])?;
        results.push(SetResult {
            set: LISTS.to_owned(),
            facts: vec![sides.suites()],
            cases: measure_all(&lists::Lists(&sides), options)?,
        });
    }
    for (name, ask, fetched) in SETS.into_iter().filter(|(name, ..)| wants(name)) {
        println!("==> {name}: preparing");
        let sides = sides(name, ask)?;
        sides.prepare()?;
        let fact = sides.difference()?;
        let mut cases = measure_all(&plans::Plans::new(&sides, name)?, options)?;
        if fetched {
            cases.extend(measure_all(&archives::Archives(&sides), options)?);
        }
        results.push(SetResult {
            set: name.to_owned(),
            facts: vec![fact],
            cases,
        });
    }
    if !options.keep {
        remove(&folder)?;
    }
    let versions = vec![sides::apt_version()?];
    Report::new(versions, Some(&wharf), options, results)?.publish(&directory().join("deb-report.json"))
}
