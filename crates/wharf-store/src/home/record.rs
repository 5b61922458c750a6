//! What a home says of itself: the file `home`.
//!
//! Format 1: the line `wharf-home 1`; a line for each link, `<alias> <label folder>/<keys>/node_modules/<name>`, sorted;
//! an empty line; then the package's [`Tree`] manifest. Invariant: the record names every file and every link.

use std::fs;
use std::io;
use std::path::PathBuf;

use wharf_core::SafePath;

use super::id::{HomeId, label_folder};
use crate::error::StoreError;
use crate::store::Store;
use crate::tree::{Kind, Tree};

pub(crate) const NAME: &str = "home";
const HEADER: &str = "wharf-home 1\n";

/// A home's record, parsed.
#[derive(Debug)]
pub(crate) struct Record {
    /// Alias, and the path below the folder of all homes that it leads to.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) tree: Tree,
}

pub(crate) fn print(links: &[(String, String)], tree: &Tree) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER.len() + links.len() * 96 + tree.entries.len() * 96);
    out.extend_from_slice(HEADER.as_bytes());
    for (alias, target) in links {
        out.extend_from_slice(alias.as_bytes());
        out.push(b' ');
        out.extend_from_slice(target.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
    tree.print_to(&mut out);
    out
}

/// What is wrong comes in words.
pub(crate) fn parse(bytes: &[u8]) -> Result<Record, String> {
    let mut rest = bytes
        .strip_prefix(HEADER.as_bytes())
        .ok_or("its record has another header")?;
    let mut links = Vec::new();
    loop {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("its record is cut off")?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let line = std::str::from_utf8(line).map_err(|_| "its record is not text")?;
        let (alias, target) = line.split_once(' ').ok_or("a link of its record has no target")?;
        links.push((alias.to_owned(), target.to_owned()));
    }
    let tree = Tree::parse(rest).map_err(|error| error.to_string())?;
    Ok(Record { links, tree })
}

impl Store {
    /// The folder of all homes. Its name makes `npm ls` take what lies there for installed packages; it would ask for the
    /// development dependencies of a link's target elsewhere, as if somebody worked on that.
    pub(crate) fn homes_folder(&self) -> PathBuf {
        self.root().join("store/npm/node_modules/.store")
    }

    /// Where a home lies, or would.
    pub fn home_path(&self, id: &HomeId) -> PathBuf {
        let mut path = self.homes_folder();
        path.push(id.label_folder());
        path.push(id.key_folder());
        path
    }

    /// Where its package lies: what a project links to.
    pub fn home_package(&self, id: &HomeId) -> PathBuf {
        let mut path = self.home_path(id);
        path.push("node_modules");
        path.push(id.name());
        path
    }

    /// Whether the store has this home. One that is there is complete.
    pub fn has_home(&self, id: &HomeId) -> bool {
        self.home_path(id).symlink_metadata().is_ok()
    }

    /// A home of this label that holds this content: the pristine one, or the first of the others.
    pub fn find_content(&self, label: &str, content: super::ContentKey) -> Option<HomeId> {
        let pristine = HomeId {
            label: label.to_owned(),
            content,
            graph: super::GraphKey::PRISTINE,
        };
        // The usual case, without listing a folder.
        if self.has_home(&pristine) {
            return Some(pristine);
        }
        let folder = label_folder(label);
        let prefix = format!("{content}.");
        let entries = fs::read_dir(self.homes_folder().join(folder)).ok()?;
        let mut keys: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix))
            .collect();
        keys.sort_unstable();
        let parsed: HomeId = format!("x@1/{}", keys.first()?).parse().ok()?;
        Some(HomeId {
            graph: parsed.graph,
            ..pristine
        })
    }

    /// Where the files of a home's package lie, below its folder; sorted.
    ///
    /// # Errors
    /// Where the home is not there, or its record is damaged.
    pub fn home_files(&self, id: &HomeId) -> Result<Vec<SafePath>, StoreError> {
        let entries = self.home_record(id)?.tree.entries.into_iter();
        let files = entries.filter(|entry| matches!(entry.kind, Kind::File { .. }));
        Ok(files.map(|entry| entry.path).collect())
    }

    pub(crate) fn home_record(&self, id: &HomeId) -> Result<Record, StoreError> {
        let path = self.home_path(id).join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::MissingHome(Box::new(id.clone())));
            }
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        parse(&bytes).map_err(|reason| StoreError::Damaged { path, reason })
    }
}
