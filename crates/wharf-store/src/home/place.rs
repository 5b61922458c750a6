//! Homes into their place: the package lies under its name, the links are made beside it, and one rename publishes all.
//!
//! Invariant: a home appears whole. A process that loses the race to another finds the same content, and throws its own away.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use rustc_hash::FxHashSet;
use rustix::io::Errno;

use super::draft::{Draft, Unpacked};
use super::id::HomeId;
use super::record::{self, RawRecord, Record};
use super::shape::{FilesOf, Lies};
use crate::durable;
use crate::error::StoreError;
use crate::object::open_folder;
use crate::store::Store;
use crate::tree::Tree;

/// Where the files of a new home come from.
#[derive(Debug)]
pub enum HomeContent {
    /// From the stage.
    Fresh(Unpacked),
    /// From another home with the same content: hard links.
    Existing(HomeId),
}

/// A dependency of a home's package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeLink {
    /// The name by which the package imports it.
    pub alias: String,
    /// Where it leads. That home may come later.
    pub to: HomeId,
}

impl Store {
    /// Makes a home, unless it is there already.
    ///
    /// # Errors
    /// Where an alias is no folder's name, the other home is missing, or the file system refuses.
    pub fn place_home(
        &self,
        id: &HomeId,
        content: HomeContent,
        links: &[HomeLink],
    ) -> Result<(), StoreError> {
        self.make_home(id, content, links).map(drop)
    }

    /// The same; gives its record, unless it was there already.
    pub(crate) fn make_home(
        &self,
        id: &HomeId,
        content: HomeContent,
        links: &[HomeLink],
    ) -> Result<Option<RawRecord>, StoreError> {
        if self.has_home(id) {
            return Ok(None);
        }
        let lies = lies_in(id)?;
        let mut unpacked = match content {
            HomeContent::Fresh(unpacked) if unpacked.is_flat() == id.is_flat() => unpacked,
            // Whoever unpacked it guessed wrongly what it would be for.
            HomeContent::Fresh(unpacked) => {
                self.link_out(&unpacked.files_of(), unpacked.content().clone(), &lies)?
            }
            HomeContent::Existing(other) => {
                let record: Record = self.home_record(&other)?;
                self.link_out(&self.files_of_home(&other), record.tree, &lies)?
            }
        };
        unpacked.lie(&lies)?;
        let (folder, inner) = (unpacked.folder(), unpacked.package());
        let mut targets = Vec::with_capacity(links.len());
        for link in links {
            targets.push((link.alias.clone(), link_target(&link.to)));
            make_link(folder, &inner, id, link)?;
        }
        targets.sort();
        let record = RawRecord::print(&targets, unpacked.content());
        let path = folder.join(record::NAME);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(&path)
            .and_then(|mut file| io::Write::write_all(&mut file, record.as_bytes()))
            .map_err(StoreError::io("write", &path))?;
        self.about_to_publish()?;
        if self.publish_home(folder, id)? {
            unpacked.placed();
        }
        Ok(Some(record))
    }

    /// Whether it was this one that came to stand there.
    fn publish_home(&self, folder: &Path, id: &HomeId) -> Result<bool, StoreError> {
        let to = self.home_path(id);
        let label = durable::folder_of(&to);
        match durable::rename_noreplace(folder, &to) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(label).map_err(StoreError::io("make", label))?;
                durable::rename_noreplace(folder, &to)
            }
            other => other,
        }
    }

    /// The files of a package once more, as hard links in the stage, where they will lie so.
    fn link_out(&self, source: &FilesOf, tree: Tree, lies: &Lies) -> Result<Unpacked, StoreError> {
        let (draft, package) = Draft::new(self, lies)?;
        let folder = open_folder(&source.folder)?;
        let mut made = FxHashSet::default();
        for entry in &tree.entries {
            if let Some(folder) = entry.path.parent() {
                package.make_all(folder, &mut made)?;
            }
            let path = entry.path.as_str();
            let (from, to) = (source.name_where_flat(entry), package.name_where_flat(entry));
            let (from, to) = (from.as_deref().unwrap_or(path), to.as_deref().unwrap_or(path));
            let link = || package.link_from(folder.as_fd(), from, to);
            match link() {
                // Of those that are alike, a flat package has one.
                Err(Errno::EXIST) if package.is_flat() => {}
                Err(Errno::MLINK) => {
                    self.renew(&source.file(entry))?;
                    link().map_err(|errno| StoreError::os("link", source.file(entry))(errno))?;
                }
                other => other.map_err(|errno| StoreError::os("link", source.file(entry))(errno))?,
            }
        }
        Ok(Unpacked::new(draft, lies, tree))
    }

    /// Puts a copy in the place of a file that has as many links as a file can have (ext4: 65,000), so that it can have more. Whoever has
    /// a link keeps what it has.
    pub(crate) fn renew(&self, path: &Path) -> Result<(), StoreError> {
        let draft = self.draft_folder()?;
        let renewed = fs::copy(path, &draft)
            // After a power cut nobody looks whether this is whole.
            .and_then(|_| fs::File::open(&draft)?.sync_data())
            .and_then(|()| fs::rename(&draft, path));
        renewed.map_err(|error| {
            let _ = fs::remove_file(&draft);
            StoreError::io("copy", path)(error)
        })
    }
}

/// How the files of a home lie in it.
fn lies_in(id: &HomeId) -> Result<Lies, StoreError> {
    let name = checked_alias(id.name())?;
    Ok(match id.is_flat() {
        true => Lies::Flat,
        false => Lies::At(place_of(name)),
    })
}

/// Where in a home a package of this name lies.
pub(super) fn place_of(name: &str) -> String {
    format!("node_modules/{name}")
}

/// What a record says of a link: the path below the folder of all homes.
fn link_target(to: &HomeId) -> String {
    format!(
        "{}/{}/node_modules/{}",
        to.label_folder(),
        to.key_folder(),
        to.name()
    )
}

fn make_link(folder: &Path, inner: &Path, id: &HomeId, link: &HomeLink) -> Result<(), StoreError> {
    let alias = checked_alias(&link.alias)?;
    // A package that imports another one of its own name finds that inside itself, as node looks there first.
    let (base, up) = if alias == id.name() {
        (inner.join("node_modules"), 5 + depth(id.name()))
    } else {
        (folder.join("node_modules"), 3)
    };
    let at = base.join(alias);
    let target = format!("{}{}", "../".repeat(up + depth(alias)), link_target(&link.to));
    match symlink(&target, &at) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = durable::folder_of(&at);
            fs::create_dir_all(above).map_err(StoreError::io("make", above))?;
            symlink(&target, &at).map_err(StoreError::io("link", &at))
        }
        other => other.map_err(StoreError::io("link", &at)),
    }
}

/// Folders between `node_modules` and a name's last part.
fn depth(name: &str) -> usize {
    name.matches('/').count()
}

/// Whether a name can be a folder of `node_modules`: one part, or a scope and one part, neither hidden.
pub fn is_alias(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 255
            && !part.starts_with('.')
            && part != "node_modules"
            && !part.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace())
    };
    match name.strip_prefix('@').map(|rest| rest.split_once('/')) {
        None => part(name) && !name.contains('/'),
        Some(Some((scope, rest))) => part(scope) && part(rest) && !rest.contains('/'),
        Some(None) => false,
    }
}

fn checked_alias(name: &str) -> Result<&str, StoreError> {
    if is_alias(name) {
        return Ok(name);
    }
    Err(StoreError::Misplaced {
        path: name.into(),
        reason: "it is no name for a folder of node_modules",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_folders_of_node_modules() {
        for good in ["a", "@a/b", "a.b", "_a", "JSONStream", "@_/x"] {
            assert!(is_alias(good), "{good}");
        }
        for bad in [
            "",
            ".bin",
            "..",
            "a/b",
            "@a",
            "@a/",
            "@/b",
            "@a/..",
            "@a/b/c",
            "/a",
            "a\\b",
            "a\nb",
            "node_modules",
            "@a/.b",
        ] {
            assert!(!is_alias(bad), "{bad}");
        }
    }
}
