//! What others did to an environment since it was made.
//!
//! Invariant: only directories that a generation records are looked at, and what Python and the tools of Node leave there
//! on their own (`__pycache__`, `.cache`, `.vite`) is no change.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rayon::prelude::*;

use crate::folder::OURS;
use crate::generation::{Generation, Marker, Place, PythonPart, RootRecord};
use crate::ground::{Ground, RootKind, RootName};
use crate::state::State;

/// What a look at an environment's directories found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drift {
    pub(crate) foreign: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) reasons: Vec<String>,
    /// The folders in which anything of it was found.
    pub(crate) roots: BTreeSet<RootName>,
}

/// Compares the directories with what the generation put there.
pub(crate) fn look(ground: &Ground, generation: &Generation) -> Drift {
    let mut drift = Drift::default();
    let stands = standing_since(ground);
    for root in &generation.roots {
        let (foreign, missing) = (drift.foreign.len(), drift.missing.len());
        let mut reasons = Vec::new();
        match root.name.kind {
            RootKind::Python => {
                names(&ground.path(&root.name), root, "", &mut drift);
                if let Some(part) = &generation.python {
                    reasons = python(ground, generation, part);
                }
            }
            RootKind::Node | RootKind::Crates | RootKind::Commands | RootKind::System => {
                let path = ground.path(&root.name);
                let shown = path.strip_prefix(ground.project()).unwrap_or(&path).display();
                let before = format!("{shown}/");
                names(&path, root, &before, &mut drift);
                if let (RootKind::Node, Some(since)) = (root.name.kind, stands) {
                    drift.foreign.extend(replaced(&path, root, &before, since));
                }
                if let Some(store) = generation.linked_store(root.name.kind) {
                    dangling(&path, root, store, &before, &mut drift);
                }
                if followed(&path, root) {
                    reasons.push(format!("the links in {shown} were followed when it was copied"));
                }
            }
        }
        if (foreign, missing) != (drift.foreign.len(), drift.missing.len()) || !reasons.is_empty() {
            drift.roots.insert(root.name.clone());
        }
        drift.reasons.extend(reasons);
    }
    drift
}

/// The names in a directory on disk that count, sorted. `None` if it cannot be listed.
pub(crate) fn listing(directory: &Path, kind: RootKind, place: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).ok()? {
        let name = entry.ok()?.file_name().to_string_lossy().into_owned();
        if counts(kind, place, &name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Some(names)
}

/// Whether a name is somebody's doing, rather than what programs leave behind on their own.
fn counts(kind: RootKind, place: &str, name: &str) -> bool {
    match kind {
        RootKind::Python => name != "__pycache__",
        RootKind::Node if place.is_empty() => !name.starts_with('.') || OURS.contains(&name),
        RootKind::Node | RootKind::Crates | RootKind::Commands | RootKind::System => true,
    }
}

/// Notes what is there and should not be, and what should be there and is not; `before` precedes each name.
fn names(path: &Path, root: &RootRecord, before: &str, drift: &mut Drift) {
    for place in &root.places {
        let found = listing(&path.join(&place.path), root.name.kind, &place.path).unwrap_or_default();
        let named = |name: &String| match place.path.as_str() {
            "" => format!("{before}{name}"),
            place => format!("{before}{place}/{name}"),
        };
        let strange = |name: &&String| place.names.binary_search(name).is_err();
        drift.foreign.extend(found.iter().filter(strange).map(named));
        let lost = |name: &&String| found.binary_search(name).is_err();
        drift.missing.extend(place.names.iter().filter(lost).map(named));
    }
}

fn python(ground: &Ground, generation: &Generation, part: &PythonPart) -> Vec<String> {
    let mut reasons = Vec::new();
    if part.root != ground.python() {
        reasons.push(format!("the environment was made at {}", part.root.display()));
    }
    let linked = ground.python().join(&part.scripts).join("python");
    let stands = match &part.interpreter.root {
        // The link leads there in the view alone.
        Some(_) => generation.python_on_disk(part).exists() && linked.is_symlink(),
        None => linked.exists(),
    };
    if !stands {
        reasons.push(format!(
            "the Python behind the environment, {}, is gone",
            part.interpreter.base_executable.display()
        ));
    }
    reasons
}

/// Notes links into the store that lead nowhere, as in a project that was copied from another machine or whose store was
/// deleted. Links to other places may have led nowhere from the start: commands that a package only promises, `link:`.
fn dangling(path: &Path, root: &RootRecord, store: &Path, before: &str, drift: &mut Drift) {
    for place in &root.places {
        let folder = path.join(&place.path);
        let lost = |name: &&String| {
            let entry = folder.join(name);
            fs::metadata(&entry).is_err()
                && fs::read_link(&entry).is_ok_and(|target| target.starts_with(store))
        };
        let lost: Vec<&String> = place.names.par_iter().filter(lost).collect();
        let named = |name: &String| format!("{before}{}", Path::new(&place.path).join(name).display());
        drift.missing.extend(lost.into_iter().map(named));
    }
}

/// When the generation that stands became the one that does.
pub(crate) fn standing_since(ground: &Ground) -> Option<SystemTime> {
    let current = State::new(ground.state().to_owned()).current();
    fs::metadata(current).and_then(|data| data.modified()).ok()
}

/// What something else put in the place of what a generation made, in words: another package manager that ran over it leaves
/// the same names. In a copy, where everything came later than what is on record says, nothing can be told.
fn replaced(path: &Path, root: &RootRecord, before: &str, since: SystemTime) -> Option<String> {
    let marker = fs::symlink_metadata(path.join(Marker::NAME));
    if marker.and_then(|data| data.created()).ok()? > since {
        return None;
    }
    let mut found = root.places.iter().flat_map(|place| {
        let folder = path.join(&place.path);
        let newer = newer(&folder, &place.names, since);
        newer.map(|name| format!("{before}{}", Path::new(&place.path).join(name).display()))
    });
    let first = found.next()?;
    Some(match found.count() {
        0 => format!("what something else put at {first}"),
        1 => format!("what something else put at {first} (and one other)"),
        more => format!("what something else put at {first} (and {more} others)"),
    })
}

/// Those names in a folder behind which stands what was made after an instant. Only a folder that was changed since has any.
pub(crate) fn newer<'a>(
    folder: &Path,
    names: &'a [String],
    since: SystemTime,
) -> impl Iterator<Item = &'a String> + use<'a> {
    let changed = fs::metadata(folder).and_then(|data| data.modified());
    let names = match changed.is_ok_and(|changed| changed > since) {
        true => names,
        false => &[],
    };
    let folder = folder.to_owned();
    names.iter().filter(move |name| {
        let made = fs::symlink_metadata(folder.join(name)).and_then(|data| data.created());
        made.is_ok_and(|made| made > since)
    })
}

/// Whether something else stands where a link was put.
fn followed(path: &Path, root: &RootRecord) -> bool {
    let link = root.link.as_ref();
    link.is_some_and(|link| fs::symlink_metadata(path.join(link)).is_ok_and(|data| !data.is_symlink()))
}

impl Place {
    /// A directory of a root with the names that belong into it.
    pub(crate) fn new(path: &str, names: Vec<String>) -> Self {
        Self {
            path: path.to_owned(),
            names,
        }
    }
}
