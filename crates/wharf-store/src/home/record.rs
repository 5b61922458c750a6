//! What a home says of itself: the file `home`.
//!
//! Format 1: the line `wharf-home 1`; a line for each link, `<alias> <label folder>/<keys>/node_modules/<name>`, sorted;
//! an empty line; then the package's [`Tree`] manifest. Invariant: the record names every file and every link.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use wharf_core::SafePath;

use super::id::{HomeId, label_folder};
use super::shape::FilesOf;
use crate::error::StoreError;
use crate::store::Store;
use crate::tree::{Entries, EntryRef, InvalidTree, KindRef, Tree};

pub(crate) const NAME: &str = "home";
const HEADER: &str = "wharf-home 1\n";

/// A home's record, parsed.
#[derive(Debug)]
pub(crate) struct Record {
    /// Alias, and the path below the folder of all homes that it leads to.
    pub(crate) links: Vec<(String, String)>,
    pub(crate) tree: Tree,
}

/// A home's record as it lies: of tens of thousands of files, what links them needs each for a moment only.
#[derive(Debug)]
pub(crate) struct RawRecord {
    bytes: Vec<u8>,
    /// Where the manifest begins.
    manifest: usize,
}

impl RawRecord {
    /// What is wrong comes in words.
    fn new(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let manifest = manifest_start(&bytes)?;
        Ok(Self { bytes, manifest })
    }

    pub(crate) fn print(links: &[(String, String)], tree: &Tree) -> Self {
        let mut bytes = Vec::with_capacity(HEADER.len() + links.len() * 96 + tree.entries.len() * 96);
        bytes.extend_from_slice(HEADER.as_bytes());
        for (alias, target) in links {
            bytes.extend_from_slice(alias.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(target.as_bytes());
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
        let manifest = bytes.len();
        tree.print_to(&mut bytes);
        Self { bytes, manifest }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What its manifest holds.
    pub(crate) fn entries(&self) -> Result<Entries<'_>, InvalidTree> {
        Entries::of_manifest(&self.bytes[self.manifest..])
    }

    /// Where that lies in the record.
    pub(crate) fn range(&self, entry: &EntryRef<'_>) -> Range<usize> {
        self.manifest + entry.start..self.manifest + entry.end
    }
}

fn manifest_start(bytes: &[u8]) -> Result<usize, &'static str> {
    if !bytes.starts_with(HEADER.as_bytes()) {
        return Err("its record has another header");
    }
    // The empty line may be the one behind the header.
    let line_end = HEADER.len() - 1;
    let empty_line = bytes[line_end..].windows(2).position(|two| two == b"\n\n");
    Ok(line_end + empty_line.ok_or("its record is cut off")? + 2)
}

/// What is wrong comes in words.
pub(crate) fn parse(bytes: &[u8]) -> Result<Record, String> {
    let manifest = manifest_start(bytes)?;
    let lines =
        std::str::from_utf8(&bytes[HEADER.len()..manifest - 1]).map_err(|_| "its record is not text")?;
    let mut links = Vec::new();
    for line in lines.split_terminator('\n') {
        let (alias, target) = line.split_once(' ').ok_or("a link of its record has no target")?;
        links.push((alias.to_owned(), target.to_owned()));
    }
    let tree = Tree::parse(&bytes[manifest..]).map_err(|error| error.to_string())?;
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

    /// Where its package lies: what a project links to. Not so in a flat home, whose files lie by other names.
    pub fn home_package(&self, id: &HomeId) -> PathBuf {
        let mut path = self.home_path(id);
        path.push("node_modules");
        path.push(id.name());
        path
    }

    /// Where the files of a home lie.
    pub(crate) fn files_of_home(&self, id: &HomeId) -> FilesOf {
        match id.is_flat() {
            true => FilesOf::flat(self.home_path(id)),
            false => FilesOf::tree(self.home_package(id)),
        }
    }

    /// Where a file of a home's package lies, by its path in the package; `None` where it has none there.
    ///
    /// # Errors
    /// Where the home is not there, or its record is damaged.
    pub fn home_file(&self, id: &HomeId, path: &str) -> Result<Option<PathBuf>, StoreError> {
        let record = self.raw_home_record(id)?;
        for entry in record.entries().map_err(self.damaged_record(id))? {
            let entry = entry.map_err(self.damaged_record(id))?;
            if entry.path.as_str() == path {
                return Ok(Some(self.files_of_home(id).file(&entry.to_entry())));
            }
        }
        Ok(None)
    }

    /// Whether the store has this home. One that is there is complete.
    pub fn has_home(&self, id: &HomeId) -> bool {
        self.home_path(id).symlink_metadata().is_ok()
    }

    /// A home of this label that holds this content: the pristine one, the flat one, or the first of the others.
    pub fn find_content(&self, label: &str, content: super::ContentKey) -> Option<HomeId> {
        let home = |graph| HomeId {
            label: label.to_owned(),
            content,
            graph,
        };
        // The usual cases, without listing a folder.
        for graph in [super::GraphKey::PRISTINE, super::GraphKey::FLAT] {
            if self.has_home(&home(graph)) {
                return Some(home(graph));
            }
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
        let parse = |key: &String| format!("x@1/{key}").parse::<HomeId>().ok();
        Some(home(keys.iter().find_map(parse)?.graph))
    }

    /// Where the files of a home's package lie, below its folder; sorted.
    ///
    /// # Errors
    /// Where the home is not there, or its record is damaged.
    pub fn home_files(&self, id: &HomeId) -> Result<Vec<SafePath>, StoreError> {
        let record = self.raw_home_record(id)?;
        let mut files = Vec::new();
        for entry in record.entries().map_err(self.damaged_record(id))? {
            let entry = entry.map_err(self.damaged_record(id))?;
            if let KindRef::File { .. } = entry.kind {
                files.push(entry.path.to_safe_path());
            }
        }
        Ok(files)
    }

    pub(crate) fn home_record(&self, id: &HomeId) -> Result<Record, StoreError> {
        parse(self.raw_home_record(id)?.as_bytes()).map_err(self.damaged_record(id))
    }

    pub(crate) fn raw_home_record(&self, id: &HomeId) -> Result<RawRecord, StoreError> {
        let bytes = fs::read(self.record_path(id)).map_err(self.unread_record(id))?;
        RawRecord::new(bytes).map_err(self.damaged_record(id))
    }

    /// A part of a record, in bytes from its beginning.
    pub(crate) fn part_of_record(&self, id: &HomeId, range: Range<usize>) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; range.len()];
        fs::File::open(self.record_path(id))
            .and_then(|file| file.read_exact_at(&mut bytes, range.start as u64))
            .map_err(self.unread_record(id))?;
        Ok(bytes)
    }

    fn record_path(&self, id: &HomeId) -> PathBuf {
        self.home_path(id).join(NAME)
    }

    fn unread_record(&self, id: &HomeId) -> impl FnOnce(io::Error) -> StoreError {
        move |error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::MissingHome(Box::new(id.clone())),
            _ => StoreError::io("read", self.record_path(id))(error),
        }
    }

    pub(crate) fn damaged_record<E: ToString>(&self, id: &HomeId) -> impl FnOnce(E) -> StoreError {
        move |reason| StoreError::Damaged {
            path: self.record_path(id),
            reason: reason.to_string(),
        }
    }
}
