//! Many packages' files into one tree, by dpkg's rules.
//!
//! - `/bin`, `/sbin` and `/lib*` are links into `/usr`: what a package has below them lies there. In the same way a folder of one
//!   package that is a link of another is that link, and what is in it lies where the link leads.
//! - A path that two packages have: folders are shared; a package that `Replaces` the other has it; the same package of two
//!   architectures (`Multi-Arch: same`, one version) shares equal files; a diversion moves everybody else's file away;
//!   equal files are shared too, which dpkg would not do, and is noted. Anything else is an error that names both packages.
//!
//! Invariant: the result does not depend on the order in which the packages are given. Source: dpkg(1), deb-control(5), Debian Policy 7.6.

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_deb::packages::MultiArch;
use wharf_store::system::split;
use wharf_store::{SystemEntry, SystemKind};

use super::SystemError;
use super::files::{Files, Node, NodeKind};
use super::packages::Loaded;
use super::report::Note;

/// Folders at the top that are links into `/usr`.
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];
/// Those of them that every root has.
const ALWAYS: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// A file that one package moves away when another brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diversion {
    /// The path that is diverted, without the leading slash, below merged folders.
    pub(crate) from: Vec<u8>,
    /// Where it lies instead.
    pub(crate) to: Vec<u8>,
    /// The package whose own file stays.
    pub(crate) by: String,
}

/// Merges all packages.
pub(crate) fn merge(
    packages: &mut [Loaded],
    diversions: &[Diversion],
    notes: &mut Vec<Note>,
) -> Result<Files, SystemError> {
    let links = Links::of(packages);
    let mut merge = Merge {
        files: Files::default(),
        parents: FxHashMap::default(),
        links,
        diversions: diversions
            .iter()
            .map(|diversion| (diversion.from.as_slice(), diversion))
            .collect(),
        notes,
    };
    for name in MERGED {
        let used = packages.iter().any(|package| uses(package, name));
        if used || ALWAYS.contains(&name) {
            let target = format!("usr/{name}");
            merge
                .files
                .put_exact(target.clone().into_bytes(), Node::folder(0o755));
            let link = NodeKind::Link(target.into_bytes().into());
            merge.files.put_exact(name.as_bytes().to_vec(), Node::made(link));
        }
    }
    for index in 0..packages.len() {
        let entries = std::mem::take(&mut packages[index].data.entries);
        for entry in &entries {
            merge.take(packages, index, entry)?;
        }
        packages[index].data.entries = entries;
    }
    Ok(merge.files)
}

fn uses(package: &Loaded, top: &str) -> bool {
    let entries = &package.data.entries;
    let at = entries.partition_point(|entry| entry.path.as_bytes() < top.as_bytes());
    let below = |entry: &&SystemEntry| {
        let rest = entry.path.as_bytes().strip_prefix(top.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&b'/'))
    };
    entries[at..]
        .iter()
        .take_while(|entry| entry.path.as_bytes().starts_with(top.as_bytes()))
        .any(|entry| below(&entry))
}

/// Links of packages that are folders of others.
struct Links(FxHashMap<Vec<u8>, Vec<u8>>);

impl Links {
    fn of(packages: &[Loaded]) -> Self {
        let mut found = FxHashMap::default();
        for name in MERGED {
            found.insert(name.as_bytes().to_vec(), format!("usr/{name}").into_bytes());
        }
        let mut links: FxHashMap<&[u8], &[u8]> = FxHashMap::default();
        for entry in packages.iter().flat_map(|package| &package.data.entries) {
            if let SystemKind::Link(target) = &entry.kind {
                links.insert(entry.path.as_bytes(), target);
            }
        }
        let mut folders: FxHashSet<&[u8]> = FxHashSet::default();
        for entry in packages.iter().flat_map(|package| &package.data.entries) {
            let path = entry.path.as_bytes();
            let mut above = match entry.kind {
                SystemKind::Folder { .. } => Some(path),
                _ => split(path).0,
            };
            while let Some(folder) = above.filter(|folder| folders.insert(folder)) {
                above = split(folder).0;
            }
        }
        for (path, target) in links {
            if folders.contains(path) {
                found.entry(path.to_vec()).or_insert_with(|| target.to_vec());
            }
        }
        Self(found)
    }
}

struct Merge<'a> {
    files: Files,
    /// Where folders lie, found out once each.
    parents: FxHashMap<Vec<u8>, Vec<u8>>,
    links: Links,
    diversions: FxHashMap<&'a [u8], &'a Diversion>,
    notes: &'a mut Vec<Note>,
}

impl Merge<'_> {
    fn take(&mut self, packages: &[Loaded], index: usize, entry: &SystemEntry) -> Result<(), SystemError> {
        let path = entry.path.as_bytes();
        let is_folder = matches!(entry.kind, SystemKind::Folder { .. });
        if self.links.0.contains_key(path) && (is_folder || MERGED.iter().any(|name| name.as_bytes() == path))
        {
            return Ok(()); // the link stands for it
        }
        let (folder, name) = split(path);
        let mut place = match folder {
            Some(folder) => self.place(folder, 0),
            None => Vec::new(),
        };
        if !place.is_empty() {
            place.push(b'/');
        }
        place.extend_from_slice(name);
        if let Some(diversion) = self.diversions.get(place.as_slice())
            && diversion.by != packages[index].name()
            && !is_folder
        {
            self.notes.push(Note::Diverted {
                path: lossy(&place),
                package: packages[index].label(),
                by: diversion.by.clone(),
                to: lossy(&diversion.to),
            });
            place.clone_from(&diversion.to);
        }
        let node = Node {
            kind: NodeKind::of(entry.kind.clone()),
            owner: entry.owner.clone(),
            package: Some(u32::try_from(index).expect("packages fit in memory")),
        };
        self.put(packages, index, place, node)
    }

    /// Where a folder of a package lies, when links of other packages are followed.
    fn place(&mut self, folder: &[u8], hops: usize) -> Vec<u8> {
        if let Some(known) = self.parents.get(folder) {
            return known.clone();
        }
        let (above, name) = split(folder);
        let mut place = match above {
            Some(above) => self.place(above, hops),
            None => Vec::new(),
        };
        let length = place.len();
        if length > 0 {
            place.push(b'/');
        }
        place.extend_from_slice(name);
        let target = self.links.0.get(folder).or_else(|| self.links.0.get(&place));
        if let Some(target) = target.filter(|_| hops < 40) {
            let from = match target.first() {
                Some(b'/') => Vec::new(),
                _ => place[..length].to_vec(),
            };
            let joined = normal(&from, target);
            place = match joined.is_empty() {
                true => joined,
                false => self.place(&joined, hops + 1),
            };
        }
        self.parents.insert(folder.to_vec(), place.clone());
        place
    }

    fn put(
        &mut self,
        packages: &[Loaded],
        index: usize,
        place: Vec<u8>,
        node: Node,
    ) -> Result<(), SystemError> {
        let conflict = |other: String| SystemError::Conflict {
            path: lossy(&place),
            one: other,
            other: packages[index].label(),
        };
        for at in (0..place.len()).rev().filter(|at| place[*at] == b'/') {
            match self.files.exact(&place[..at]) {
                Some(above) if above.kind.is_folder() => break,
                Some(above) => return Err(conflict(bringer(packages, above))),
                None => {}
            }
        }
        let Some(old) = self.files.exact(&place) else {
            self.files.put_exact(place, node);
            return Ok(());
        };
        match (old.kind.is_folder(), node.kind.is_folder()) {
            (true, true) => return Ok(()), // the first one's mode stays
            (false, false) => {}
            _ => return Err(conflict(bringer(packages, old))),
        }
        let Some(other) = old.package.map(|other| other as usize) else {
            return Err(conflict(bringer(packages, old)));
        };
        let (new, before) = (&packages[index], &packages[other]);
        if replaces(new, before) {
            self.files.put_exact(place, node);
        } else if replaces(before, new) || shared(new, before, &node, old) {
        } else if node.kind == old.kind {
            self.notes.push(Note::Same {
                path: lossy(&place),
                packages: [before.label(), new.label()],
            });
        } else {
            return Err(conflict(before.label()));
        }
        Ok(())
    }
}

fn bringer(packages: &[Loaded], node: &Node) -> String {
    match node.package {
        Some(index) => packages[index as usize].label(),
        None => "the layout of the root".to_owned(),
    }
}

/// Whether one package may take over files of another.
fn replaces(one: &Loaded, other: &Loaded) -> bool {
    one.control.relations.replaces.0.iter().any(|relation| {
        let names = |alternative: &wharf_deb::relation::Alternative| {
            alternative.name == other.control.name && alternative.accepts(&other.control.version)
        };
        relation.alternatives.iter().any(names)
    })
}

/// Whether two packages are one of two architectures, with this file in common.
fn shared(one: &Loaded, other: &Loaded, node: &Node, old: &Node) -> bool {
    let same = |package: &Loaded| package.control.multi_arch == MultiArch::Same;
    one.control.name == other.control.name
        && one.control.version == other.control.version
        && same(one)
        && same(other)
        && node.kind == old.kind
}

/// A relative target from a folder, without looking at links; what climbs out stays at the top.
pub(crate) fn normal(from: &[u8], target: &[u8]) -> Vec<u8> {
    let mut place = from.to_vec();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let end = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                place.truncate(end);
            }
            part => {
                if !place.is_empty() {
                    place.push(b'/');
                }
                place.extend_from_slice(part);
            }
        }
    }
    place
}

/// Where a path of a script or a record lies when `/bin` and its like are links.
pub(crate) fn merged(path: &str) -> Vec<u8> {
    let path = normal(b"", path.as_bytes());
    let top = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    match MERGED.iter().any(|name| name.as_bytes() == top) && path.len() > top.len() {
        true => [b"usr/", path.as_slice()].concat(),
        false => path,
    }
}

pub(crate) fn lossy(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// Says what packages have that a folder of an ordinary user cannot: owners' rights that no file here gets, devices.
pub(crate) fn note_special(files: &Files, packages: &[Loaded], notes: &mut Vec<Note>) {
    for (path, node) in files.iter() {
        let package = || bringer(packages, node);
        match &node.kind {
            NodeKind::Object { mode, capability, .. } => {
                if mode & 0o6000 != 0 {
                    notes.push(Note::SetId {
                        path: lossy(path),
                        package: package(),
                        mode: *mode,
                    });
                }
                if capability.is_some() {
                    notes.push(Note::Capability {
                        path: lossy(path),
                        package: package(),
                    });
                }
            }
            NodeKind::Noted { .. } => notes.push(Note::Device {
                path: lossy(path),
                package: package(),
            }),
            NodeKind::Folder { .. } | NodeKind::Bytes { .. } | NodeKind::Link(_) => {}
        }
    }
}
