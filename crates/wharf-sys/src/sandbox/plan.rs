//! A description as a list of mounts: what is taken hold of first, then what is put where, in which order.
//!
//! Invariants: every target is a real path, without links on the way, and comes after everything above it. What lies in an
//! emptied folder is made there first, links too, so that a path that worked outside works inside.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Access, Sandbox};

/// How many links a path may lead over, as in the kernel.
const LINKS: usize = 40;
/// The devices that a program gets.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The names in `/dev` that lead to a program's own files.
const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// What can be done through a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// Read.
    ReadOnly,
    /// Read and write.
    Writable,
    /// Use it as the device that it is.
    Device,
}

/// A part of the outside that is taken hold of before anything is covered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) from: CString,
    pub(super) through: Through,
}

/// One step in the new file system.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Makes a folder, unless it is there.
    Folder(CString),
    /// Makes an empty file, unless it is there.
    File(CString),
    /// Makes a link, unless something is there.
    Link {
        /// Where.
        at: CString,
        /// Where it leads.
        to: CString,
    },
    /// Covers a folder with an empty one in memory.
    Empty(CString),
    /// Puts a tree, by its number, over a folder or file.
    Attach(usize, CString),
}

/// All steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) trees: Vec<Tree>,
    pub(super) ops: Vec<Op>,
}

/// What the file system is to be, resolved: real paths, each once, in the order of paths.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) places: BTreeMap<PathBuf, Access>,
    /// Links on the way to places that can be read, and where they lead.
    links: BTreeMap<PathBuf, PathBuf>,
    pub(super) temporary: Option<PathBuf>,
}

impl Resolved {
    /// # Errors
    /// A writable place or the temporary folder is missing.
    pub(super) fn of(sandbox: &Sandbox) -> io::Result<Self> {
        let mut resolved = Self::default();
        for place in &sandbox.places {
            let (real, links) = match trace(&place.at) {
                Ok(found) => found,
                Err(error) if place.access == Access::Writable => return Err(naming(&place.at, &error)),
                // What is not there needs neither hiding nor showing.
                Err(_) => continue,
            };
            if place.access > Access::Hidden {
                resolved.links.extend(links);
            }
            // Covering these would cover the rest; the devices and processes are the sandbox's own.
            if real.parent().is_none() || real.starts_with("/proc") || real.starts_with("/dev") {
                continue;
            }
            let known = resolved.places.entry(real).or_insert(place.access);
            *known = place.access.max(*known);
        }
        if let Some(folder) = &sandbox.temporary {
            let (real, _) = trace(folder).map_err(|error| naming(folder, &error))?;
            resolved.temporary = Some(real);
        }
        Ok(resolved)
    }
}

/// What stands at a target.
enum Stands {
    Hidden,
    Tree(usize),
    Link(PathBuf),
    Device(usize),
    /// A folder that others are put into.
    Bare,
}

impl Plan {
    /// # Errors
    /// A path holds a NUL.
    pub(super) fn of(resolved: &Resolved) -> io::Result<Self> {
        let mut plan = Self::default();
        let mut targets: BTreeMap<PathBuf, Stands> = BTreeMap::new();
        for (at, to) in &resolved.links {
            targets.insert(at.clone(), Stands::Link(to.clone()));
        }
        for (at, access) in &resolved.places {
            let stands = match access {
                Access::Hidden => Stands::Hidden,
                Access::ReadOnly => Stands::Tree(plan.tree(at, Through::ReadOnly)?),
                Access::Writable => Stands::Tree(plan.tree(at, Through::Writable)?),
            };
            targets.insert(at.clone(), stands);
        }
        let mut fresh = vec![PathBuf::from("/dev")];
        if let Some(folder) = &resolved.temporary {
            for place in ["/tmp", "/var/tmp"] {
                if let Ok((real, _)) = trace(Path::new(place)) {
                    let tree = plan.tree(folder, Through::Writable)?;
                    targets.insert(real.clone(), Stands::Tree(tree));
                    fresh.push(real);
                }
            }
        }
        targets.insert("/dev".into(), Stands::Hidden);
        targets.insert("/dev/shm".into(), Stands::Bare);
        for name in DEVICES {
            let at = Path::new("/dev").join(name);
            targets.insert(at.clone(), Stands::Device(plan.tree(&at, Through::Device)?));
        }
        for (name, to) in DEVICE_LINKS {
            targets.insert(Path::new("/dev").join(name), Stands::Link(to.into()));
        }
        // Paths are ordered by their parts, so that what is above comes first.
        plan.arrange(targets, &fresh)?;
        Ok(plan)
    }

    fn tree(&mut self, from: &Path, through: Through) -> io::Result<usize> {
        let from = c_string(from)?;
        self.trees.push(Tree { from, through });
        Ok(self.trees.len() - 1)
    }

    fn arrange(&mut self, targets: BTreeMap<PathBuf, Stands>, fresh: &[PathBuf]) -> io::Result<()> {
        // The targets above the next one, deepest last, and whether what stands there is empty at first.
        let mut above: Vec<(PathBuf, bool)> = Vec::new();
        for (at, stands) in targets {
            while above.last().is_some_and(|(top, _)| !at.starts_with(top)) {
                above.pop();
            }
            let empty = above
                .last()
                .filter(|(_, empty)| *empty)
                .map(|(top, _)| top.clone());
            if let Some(top) = &empty {
                self.make_way(top, &at)?;
            }
            let folder = at.is_dir();
            let made = || c_string(&at);
            match &stands {
                Stands::Link(to) => {
                    if empty.is_some() {
                        let to = c_string(to)?;
                        self.ops.push(Op::Link { at: made()?, to });
                    }
                    continue;
                }
                // The whole is read-only already, and a folder that is hidden need not be hidden twice.
                Stands::Tree(tree) if above.is_empty() && self.trees[*tree].through == Through::ReadOnly => {
                    continue;
                }
                Stands::Hidden if empty.is_some() => continue,
                Stands::Hidden if folder => self.ops.push(Op::Empty(made()?)),
                Stands::Hidden => {
                    // Opening a device where there are none fails.
                    let null = self.tree(Path::new("/dev/null"), Through::ReadOnly)?;
                    self.ops.push(Op::Attach(null, made()?));
                }
                Stands::Bare => self.ops.push(Op::Folder(made()?)),
                Stands::Tree(tree) | Stands::Device(tree) => {
                    if empty.is_some() {
                        let make = if folder { Op::Folder } else { Op::File };
                        self.ops.push(make(made()?));
                    }
                    self.ops.push(Op::Attach(*tree, made()?));
                }
            }
            let bare = matches!(stands, Stands::Hidden | Stands::Bare) || fresh.contains(&at);
            above.push((at, bare));
        }
        Ok(())
    }

    /// Makes the folders between an empty one and what lies in it.
    fn make_way(&mut self, top: &Path, at: &Path) -> io::Result<()> {
        let inner = at.strip_prefix(top).unwrap_or(Path::new(""));
        let mut folder = top.to_owned();
        for part in inner.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            let op = Op::Folder(c_string(&folder)?);
            if !self.ops.contains(&op) {
                self.ops.push(op);
            }
        }
        Ok(())
    }
}

/// The real path of a place, and the links that lead to it with where they lead.
pub(super) fn trace(path: &Path) -> io::Result<(PathBuf, Vec<(PathBuf, PathBuf)>)> {
    let path = std::path::absolute(path)?;
    let mut links = Vec::new();
    let mut real = PathBuf::from("/");
    // What is still to be walked, the next part last.
    let mut parts: Vec<Component<'_>>;
    let mut rest = path;
    'walk: loop {
        let walked = rest.clone();
        parts = walked.components().collect();
        for (number, part) in parts.iter().enumerate() {
            match part {
                Component::RootDir => real = PathBuf::from("/"),
                Component::ParentDir => {
                    real.pop();
                }
                Component::CurDir | Component::Prefix(_) => {}
                Component::Normal(name) => {
                    let next = real.join(name);
                    if next.symlink_metadata()?.is_symlink() {
                        let to = std::fs::read_link(&next)?;
                        links.push((next, to.clone()));
                        if links.len() > LINKS {
                            return Err(io::Error::other("too many links"));
                        }
                        rest = to;
                        rest.extend(&parts[number + 1..]);
                        continue 'walk;
                    }
                    real = next;
                }
            }
        }
        return Ok((real, links));
    }
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A path as the kernel takes it.
pub(super) fn c_string(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
