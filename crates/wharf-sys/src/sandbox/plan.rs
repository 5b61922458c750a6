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
pub(crate) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The names in `/dev` that lead to a program's own files.
pub(crate) const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// What can be done through a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// Read.
    ReadOnly,
    /// Read and write.
    Writable,
    /// Use it as the device that it is.
    Device,
    /// Whatever could be done before.
    Anything,
}

/// A part of the outside that is taken hold of before anything is covered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) from: CString,
    pub(crate) through: Through,
}

/// One step in the new file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Op {
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
    /// Makes an emptied folder read-only, with what was put there.
    Seal(CString),
    /// Mounts the processes of a new namespace.
    Proc(CString),
    /// Makes a folder the root, and lets go of the one before.
    Root(CString),
}

/// All steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) trees: Vec<Tree>,
    pub(crate) ops: Vec<Op>,
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
        let mut found = Vec::new();
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
        for path in &sandbox.seen {
            let Ok((real, links)) = trace(path) else { continue };
            let place = real.ancestors().find_map(|above| resolved.places.get(above));
            let covered = match place {
                Some(access) => *access == Access::Hidden && !resolved.places.contains_key(&real),
                // The system's temporary files are covered by the program's own.
                None => real.starts_with("/tmp") || real.starts_with("/var/tmp"),
            };
            if covered {
                found.push(real);
                resolved.links.extend(links);
            }
        }
        resolved
            .places
            .extend(found.into_iter().map(|path| (path, Access::ReadOnly)));
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
    Tree(PathBuf, Through),
    Link(PathBuf),
    /// A folder that others are put into.
    Bare,
}

/// A target above another.
struct Above {
    at: PathBuf,
    /// Nothing is in it but what is put there.
    empty: bool,
    /// Everything in it can be read and not changed.
    only_read: bool,
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
                Access::ReadOnly => Stands::Tree(at.clone(), Through::ReadOnly),
                Access::Writable => Stands::Tree(at.clone(), Through::Writable),
            };
            targets.insert(at.clone(), stands);
        }
        let mut fresh = vec![PathBuf::from("/dev")];
        if let Some(folder) = &resolved.temporary {
            for place in ["/tmp", "/var/tmp"] {
                if let Ok((real, _)) = trace(Path::new(place)) {
                    targets.insert(real.clone(), Stands::Tree(folder.clone(), Through::Writable));
                    fresh.push(real);
                }
            }
        }
        targets.insert("/dev".into(), Stands::Hidden);
        targets.insert("/dev/shm".into(), Stands::Bare);
        for name in DEVICES {
            let at = Path::new("/dev").join(name);
            targets.insert(at.clone(), Stands::Tree(at, Through::Device));
        }
        for (name, to) in DEVICE_LINKS {
            targets.insert(Path::new("/dev").join(name), Stands::Link(to.into()));
        }
        // Paths are ordered by their parts, so that what is above comes first.
        plan.arrange(targets, &fresh)?;
        Ok(plan)
    }

    /// Has a part of the outside taken hold of. Returns its number.
    pub(crate) fn tree(&mut self, from: &Path, through: Through) -> io::Result<usize> {
        let from = c_string(from)?;
        self.trees.push(Tree { from, through });
        Ok(self.trees.len() - 1)
    }

    fn arrange(&mut self, targets: BTreeMap<PathBuf, Stands>, fresh: &[PathBuf]) -> io::Result<()> {
        // The targets above the next one, deepest last.
        let mut above: Vec<Above> = Vec::new();
        for (at, stands) in targets {
            while above.last().is_some_and(|top| !at.starts_with(&top.at)) {
                above.pop();
            }
            let top = above.last();
            let empty = top.is_some_and(|top| top.empty);
            let only_read = top.is_none_or(|top| top.only_read);
            let needed = match &stands {
                // The whole can be read already, and so can what lies in what can be read.
                Stands::Tree(_, Through::ReadOnly) => !only_read,
                // What lies in an emptied folder is hidden already; a link that is not covered is still there.
                Stands::Hidden => !empty,
                Stands::Link(_) => empty,
                Stands::Tree(..) | Stands::Bare => true,
            };
            if !needed {
                continue;
            }
            if let Some(top) = top.filter(|top| top.empty) {
                let top = top.at.clone();
                self.make_way(&top, &at)?;
            }
            self.put(&at, &stands, empty)?;
            let only_read = matches!(stands, Stands::Tree(_, Through::ReadOnly));
            let empty = matches!(stands, Stands::Hidden | Stands::Bare) || fresh.contains(&at);
            above.push(Above { at, empty, only_read });
        }
        Ok(())
    }

    /// Puts one thing in its place, which is made first where it lies in an emptied folder.
    fn put(&mut self, at: &Path, stands: &Stands, make: bool) -> io::Result<()> {
        let target = c_string(at)?;
        match stands {
            Stands::Link(to) => {
                let to = c_string(to)?;
                self.ops.push(Op::Link { at: target, to });
            }
            Stands::Bare => self.ops.push(Op::Folder(target)),
            Stands::Hidden if at.is_dir() => self.ops.push(Op::Empty(target)),
            Stands::Hidden => {
                // Opening a device where there are none fails.
                let null = self.tree(Path::new("/dev/null"), Through::ReadOnly)?;
                self.ops.push(Op::Attach(null, target));
            }
            Stands::Tree(from, through) => {
                if make {
                    let op = if from.is_dir() { Op::Folder } else { Op::File };
                    self.ops.push(op(target.clone()));
                }
                let tree = self.tree(from, *through)?;
                self.ops.push(Op::Attach(tree, target));
            }
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
pub(crate) fn trace(path: &Path) -> io::Result<(PathBuf, Vec<(PathBuf, PathBuf)>)> {
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
pub(crate) fn c_string(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a plan does, a line a step.
    fn steps(sandbox: &Sandbox) -> Vec<String> {
        let plan = Plan::of(&Resolved::of(sandbox).unwrap()).unwrap();
        let text = |path: &CString| path.to_str().unwrap().to_owned();
        let step = |op: &Op| match op {
            Op::Folder(at) => format!("folder {}", text(at)),
            Op::File(at) => format!("file {}", text(at)),
            Op::Link { at, to } => format!("link {} -> {}", text(at), text(to)),
            Op::Empty(at) => format!("empty {}", text(at)),
            Op::Seal(at) => format!("seal {}", text(at)),
            Op::Proc(at) => format!("proc {}", text(at)),
            Op::Root(at) => format!("root {}", text(at)),
            Op::Attach(tree, at) => {
                let Tree { from, through } = &plan.trees[*tree];
                let same = if from == at {
                    String::new()
                } else {
                    format!(" from {}", text(from))
                };
                format!("{through:?} {}{same}", text(at))
            }
        };
        plan.ops
            .iter()
            .map(step)
            .filter(|step| !step.contains("/dev"))
            .collect()
    }

    #[test]
    fn the_deeper_place_counts_and_what_is_said_twice_is_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("home/a/b/c")).unwrap();
        std::fs::write(root.join("home/key"), "").unwrap();
        std::os::unix::fs::symlink("a/b", root.join("home/link")).unwrap();
        let at = |name: &str| root.join(name);
        let check = |sandbox: Sandbox, expected: &[&str]| {
            let expected: Vec<String> = expected
                .iter()
                .map(|line| line.replace('@', root.to_str().unwrap()))
                .collect();
            assert_eq!(steps(&sandbox), expected);
        };
        check(
            Sandbox::new()
                .readable(at("home"))
                .readable("/")
                .hidden("/")
                .hidden(at("gone")),
            &[],
        );
        check(
            Sandbox::new().hidden(at("home")).hidden(at("home/key")),
            &["empty @/home"],
        );
        check(
            Sandbox::new()
                .hidden(at("home"))
                .readable(at("home/a/b"))
                .readable(at("home/a/b/c")),
            &[
                "empty @/home",
                "folder @/home/a",
                "folder @/home/a/b",
                "ReadOnly @/home/a/b",
            ],
        );
        check(
            Sandbox::new().hidden(at("home")).readable(at("home/link")),
            &[
                "empty @/home",
                "folder @/home/a",
                "folder @/home/a/b",
                "ReadOnly @/home/a/b",
                "link @/home/link -> a/b",
            ],
        );
        check(
            Sandbox::new()
                .writable(at("home"))
                .readable(at("home/a"))
                .writable(at("home/a/b")),
            &["Writable @/home", "ReadOnly @/home/a", "Writable @/home/a/b"],
        );
        check(
            Sandbox::new()
                .hidden(at("home"))
                .readable(at("home"))
                .hidden(at("home/a"))
                .writable(at("home/a/b/c")),
            &[
                "empty @/home/a",
                "folder @/home/a/b",
                "folder @/home/a/b/c",
                "Writable @/home/a/b/c",
            ],
        );
        // A hidden file is covered by the null device.
        let plan = Plan::of(&Resolved::of(&Sandbox::new().hidden(at("home/key"))).unwrap()).unwrap();
        let key = c_string(&at("home/key")).unwrap();
        let covered = plan
            .ops
            .iter()
            .any(|op| matches!(op, Op::Attach(_, target) if *target == key));
        assert!(covered, "{:?}", plan.ops);
    }

    #[test]
    fn what_has_to_be_there_is_named() {
        let missing = Path::new("/nonexistent/folder");
        for sandbox in [
            Sandbox::new().writable(missing),
            Sandbox::new().temporary(missing),
        ] {
            let error = Resolved::of(&sandbox).unwrap_err();
            assert!(error.to_string().starts_with("/nonexistent/folder: "), "{error}");
        }
    }
}
