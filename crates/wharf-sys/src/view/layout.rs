//! A view as a list of mounts.
//!
//! Where the host's folders are named as a Debian system's are, the view is laid over them, and everything beside stays what it
//! is. Where they are not (no `/lib64`, another system's links), a new root is put together of both. A place that
//! something of the host's has to be seen at and that a system root does not have, such as `/usr/src/app`, is made: the
//! folders above it become folders in memory that hold what the system root has there.
//!
//! Invariant: what lies above comes first. Nothing is made outside the project's own folders.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::state::Own;
use super::{View, ViewError};
use crate::sandbox::plan::{Op, Plan, Through, c_string};

/// Folders of a system that are the system root's or the project's.
const OWN: [&str; 4] = ["usr", "etc", "var", "run"];
/// Names in the root that lead to folders of the same name in `/usr`. Source: Debian's UsrMerge, file-hierarchy(7).
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stands {
    Tree {
        from: PathBuf,
        through: Through,
    },
    /// A folder in memory that others are put into.
    Bare,
    Link(PathBuf),
}

/// The view, as seen by a program that starts in `folder`.
pub(super) fn plan(view: &View, own: &Own, folder: &Path) -> Result<Plan, ViewError> {
    plan_over(Path::new("/"), view, own, folder)
}

/// As [`plan`], of a host whose root is the folder `host`.
fn plan_over(host: &Path, view: &View, own: &Own, folder: &Path) -> Result<Plan, ViewError> {
    let root = std::path::absolute(&view.root).map_err(ViewError::root(&view.root))?;
    let mut layout = Layout {
        host,
        root: &root,
        places: BTreeMap::new(),
    };
    layout.system(own);
    let fits = layout.fits();
    if !fits {
        layout.new_root()?;
    }
    layout.beside()?;
    let mut shown = layout.led_to();
    shown.extend(
        view.shown
            .iter()
            .map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())),
    );
    for folder in shown {
        layout.show(&folder)?;
    }
    layout.make_room()?;
    layout.can_stand(folder)?;
    layout.ops(fits).map_err(ViewError::root(&root))
}

struct Layout<'a> {
    host: &'a Path,
    root: &'a Path,
    places: BTreeMap<PathBuf, Stands>,
}

impl Layout<'_> {
    fn put(&mut self, at: impl Into<PathBuf>, from: impl Into<PathBuf>, through: Through) {
        let from = from.into();
        self.places.insert(at.into(), Stands::Tree { from, through });
    }

    /// What makes it a view.
    fn system(&mut self, own: &Own) {
        self.put("/usr", self.root.join("usr"), Through::ReadOnly);
        for (at, from) in [("/etc", &own.etc), ("/var", &own.var), ("/run", &own.run)] {
            self.put(at, from, own.through);
        }
        for at in ["/usr/local", "/var/tmp"] {
            let from = self.on_host(Path::new(at));
            // What a link leads to is seen where the link is.
            if let Ok(from) = from.canonicalize()
                && from.is_dir()
            {
                self.put(at, from, Through::Anything);
            }
        }
        for bind in &own.binds {
            self.put(&bind.at, &bind.from, Through::Anything);
        }
    }

    fn on_host(&self, path: &Path) -> PathBuf {
        self.host.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether the view can be laid over the host's folders. Real folders at the place of links are covered.
    fn fits(&mut self) -> bool {
        let real = |path: PathBuf| path.symlink_metadata().is_ok_and(|data| data.is_dir());
        if !OWN.iter().all(|name| real(self.host.join(name))) {
            return false;
        }
        for name in MERGED {
            let inner = self.root.join("usr").join(name);
            if !fs::read_dir(&inner).is_ok_and(|mut entries| entries.next().is_some()) {
                continue;
            }
            let there = self.host.join(name);
            let wanted = Path::new("usr").join(name);
            // A folder that nothing lies in needs no name.
            match fs::read_link(&there) {
                Ok(to) if to.strip_prefix("/").unwrap_or(&to) == wanted => {}
                Ok(_) => return false,
                Err(_) if real(there) => self.put(Path::new("/").join(name), inner, Through::ReadOnly),
                Err(_) => return false,
            }
        }
        true
    }

    /// A root of its own, with the host's folders beside the system root's.
    fn new_root(&mut self) -> Result<(), ViewError> {
        self.places.insert("/".into(), Stands::Bare);
        for name in MERGED {
            let at = Path::new("/").join(name);
            self.places.remove(&at);
            if self.root.join("usr").join(name).is_dir() {
                self.places.insert(at, Stands::Link(Path::new("usr").join(name)));
            }
        }
        let system = |name: &Path| OWN.iter().chain(&MERGED).any(|own| Path::new(own) == name);
        for (name, stands) in inside(self.host, Through::Anything).map_err(ViewError::root(self.host))? {
            if !system(&name) {
                self.places.insert(Path::new("/").join(name), stands);
            }
        }
        Ok(())
    }

    /// What the system root has in folders that are the host's, such as `/opt`, beside what the host has there.
    fn beside(&mut self) -> Result<(), ViewError> {
        let system = |name: &Path| {
            let hosts = ["proc", "sys", "dev", "tmp", "home", "root"];
            OWN.iter()
                .chain(&MERGED)
                .chain(&hosts)
                .any(|own| Path::new(own) == name)
        };
        let top = inside(self.root, Through::ReadOnly).map_err(ViewError::root(self.root))?;
        for (name, stands) in top {
            let Stands::Tree { from, .. } = stands else {
                continue;
            };
            if system(&name) || !from.is_dir() {
                continue;
            }
            let at = Path::new("/").join(&name);
            let there = self.on_host(&at);
            for (inner, stands) in inside(&from, Through::ReadOnly).map_err(ViewError::root(&from))? {
                if there.join(&inner).symlink_metadata().is_ok() {
                    continue;
                }
                if there.is_dir() {
                    let hosts = Stands::Tree {
                        from: there.clone(),
                        through: Through::Anything,
                    };
                    self.places.entry(at.clone()).or_insert(hosts);
                }
                // A folder that the host has not is only there in a root of its own.
                if self.places.contains_key(&at) || self.places.contains_key(Path::new("/")) {
                    self.places.insert(at.join(inner), stands);
                }
            }
        }
        Ok(())
    }

    /// Folders that the host's own names lead to: `/home` may be a link to `/var/home`.
    fn led_to(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.host).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let merged = MERGED.iter().any(|merged| *merged == name);
            if merged || !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            if let Ok(real) = entry.path().canonicalize()
                && real.is_dir()
                && let Ok(inner) = real.strip_prefix(self.host)
            {
                found.push(Path::new("/").join(inner));
            }
        }
        found
    }

    /// Has a folder of the host seen at its place.
    fn show(&mut self, folder: &Path) -> Result<(), ViewError> {
        // Relative ones are nobody's; what is not covered is seen.
        if !covered(folder) || !self.on_host(folder).exists() {
            return Ok(());
        }
        if folder.components().count() <= 2 {
            return Err(ViewError::Covers {
                folder: folder.to_owned(),
            });
        }
        self.put(folder, self.on_host(folder), Through::Anything);
        Ok(())
    }

    /// Has something at every place that something is put over.
    fn make_room(&mut self) -> Result<(), ViewError> {
        let all: Vec<PathBuf> = self.places.keys().cloned().collect();
        for at in all {
            let Some((above, stands)) = self.above(&at) else {
                continue;
            };
            let Stands::Tree { from, through } = stands.clone() else {
                continue;
            };
            let inner = at.strip_prefix(&above).unwrap_or(&at).to_owned();
            let room = from.join(&inner);
            if room.symlink_metadata().is_ok() {
                continue;
            }
            if through == Through::Anything && covered(&above) && !above.starts_with("/usr") {
                let is_folder = self.is_folder(&at);
                make(&room, is_folder).map_err(ViewError::state(&room))?;
                continue;
            }
            self.open_up(&above, &inner)?;
        }
        Ok(())
    }

    fn is_folder(&self, at: &Path) -> bool {
        match self.places.get(at) {
            Some(Stands::Tree { from, .. }) => from.is_dir(),
            Some(Stands::Bare) => true,
            Some(Stands::Link(_)) | None => false,
        }
    }

    /// The nearest place above another.
    fn above(&self, at: &Path) -> Option<(PathBuf, &Stands)> {
        let mut above = at.ancestors().skip(1);
        above.find_map(|above| Some((above.to_owned(), self.places.get(above)?)))
    }

    /// Makes folders in memory of a place and of those on the way from it, with what was there.
    fn open_up(&mut self, place: &Path, way: &Path) -> Result<(), ViewError> {
        let mut at = place.to_owned();
        let parts: Vec<Component<'_>> = way.components().collect();
        for part in &parts {
            let before = self.places.insert(at.clone(), Stands::Bare);
            if let Some(Stands::Tree { from, through }) = before {
                for (name, stands) in inside(&from, through).map_err(ViewError::root(&from))? {
                    self.places.entry(at.join(name)).or_insert(stands);
                }
            }
            at.push(part);
        }
        Ok(())
    }

    /// A program can start in a folder only if that is seen.
    fn can_stand(&self, folder: &Path) -> Result<(), ViewError> {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if !covered(&real) {
            return Ok(());
        }
        let seen = self.places.contains_key(&real)
            || self.above(&real).is_some_and(|(above, stands)| match stands {
                Stands::Tree { from, .. } => from.join(real.strip_prefix(&above).unwrap_or(&real)).is_dir(),
                Stands::Bare | Stands::Link(_) => false,
            });
        match seen {
            true => Ok(()),
            false => Err(ViewError::Folder {
                folder: folder.to_owned(),
            }),
        }
    }

    /// The places in order, over the host's folders or in a root of their own.
    fn ops(&self, over_the_host: bool) -> io::Result<Plan> {
        let mut plan = Plan::default();
        let mut sealed = Vec::new();
        // A root of its own is put together in a folder that is there and that nobody needs any more.
        let place = |at: &Path| match over_the_host {
            true => c_string(at),
            false => c_string(&self.root.join(at.strip_prefix("/").unwrap_or(at))),
        };
        for (at, stands) in &self.places {
            let in_memory = self.above(at).is_some_and(|(_, above)| *above == Stands::Bare);
            let target = place(at)?;
            if in_memory && !matches!(stands, Stands::Link(_)) {
                let make = if self.is_folder(at) { Op::Folder } else { Op::File };
                plan.ops.push(make(target.clone()));
            }
            match stands {
                Stands::Tree { from, through } => {
                    let tree = plan.tree(from, *through)?;
                    plan.ops.push(Op::Attach(tree, target));
                }
                // A folder in a folder in memory is one already.
                Stands::Bare if in_memory => {}
                Stands::Bare => {
                    plan.ops.push(Op::Empty(target.clone()));
                    sealed.push(Op::Seal(target));
                }
                Stands::Link(to) => plan.ops.push(Op::Link {
                    at: target,
                    to: c_string(to)?,
                }),
            }
        }
        plan.ops.extend(sealed);
        if !over_the_host {
            plan.ops.push(Op::Root(place(Path::new("/"))?));
        }
        Ok(plan)
    }
}

/// Whether a place is in a folder that is not the host's inside.
pub(crate) fn covered(path: &Path) -> bool {
    let mut parts = path.components();
    let first = (parts.next(), parts.next());
    matches!(first, (Some(Component::RootDir), Some(Component::Normal(name)))
        if OWN.iter().chain(&MERGED).any(|own| *own == name))
}

/// What is in a folder, to be put into one in memory.
fn inside(folder: &Path, through: Through) -> io::Result<Vec<(PathBuf, Stands)>> {
    let mut found: Vec<(PathBuf, Stands)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let from = entry.path();
        let stands = match entry.file_type()?.is_symlink() {
            true => Stands::Link(fs::read_link(&from)?),
            false => Stands::Tree { from, through },
        };
        found.push((entry.file_name().into(), stands));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Makes a folder or an empty file, in a folder of the project's.
fn make(room: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return fs::create_dir_all(room);
    }
    if let Some(folder) = room.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create(room).map(drop)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
