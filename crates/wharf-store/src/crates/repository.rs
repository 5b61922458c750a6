//! Git repositories that crates come from: the tree of one commit as a home.
//!
//! A repository's home is `store/cargo/<name>-<commit>.<content>/`: in it the folder `<name>-<commit>` with all files of the
//! commit, and the file `home`, as crates have it. The whole tree, since packages of a repository read files beside their own
//! folder (`include_str!("../../README.md")`), and a link to a package's folder leads to those too. Each folder of a package has
//! what makes it an entry of a directory source.
//!
//! Invariants: those of crates' homes. No link of it leads out of it. What lies there depends on the commit alone, whichever URL
//! it was fetched from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::Timestamps;
use wharf_core::SafePath;

use super::place::{CHECKSUM_FILE, checksum_text, packed_time};
use crate::archive::{ArchiveError, Refusal, Trouble, links};
use crate::durable;
use crate::error::StoreError;
use crate::home::ContentKey;
use crate::home::id::label_folder;
use crate::home::record::{NAME, RawRecord};
use crate::id::ObjectId;
use crate::store::Store;
use crate::tree::{Entry, Kind, Tree};

/// What git itself keeps in a working tree.
const GIT: &str = ".git";
const MANIFEST: &str = "Cargo.toml";
/// Changes when the same commit is to lie there in another way.
const FORM: &str = "wharf repository 1";
/// Digits of a commit in the name of its home.
const SHOWN: usize = 12;

/// A repository at a commit. Prints as the name of its home: `<name>-<commit>.<content>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId {
    name: String,
    commit: String,
}

/// The folders of a repository's packages, relative to it and empty for its own, each with the manifest that it gets in place
/// of the one that is there, if any.
pub type RepositoryPackages = BTreeMap<String, Option<String>>;

impl RepositoryId {
    /// The repository that is called `name`, for people, at a full commit.
    pub fn new(name: &str, commit: &str) -> Self {
        Self {
            name: name.to_owned(),
            commit: commit.to_owned(),
        }
    }

    fn label_folder(&self) -> String {
        let shown = self.commit.get(..SHOWN).unwrap_or(&self.commit);
        label_folder(&format!("{}-{shown}", self.name))
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = ContentKey::of_hash(&blake3::hash(format!("{FORM} {}", self.commit).as_bytes()));
        write!(f, "{}.{content}", self.label_folder())
    }
}

impl Store {
    /// Where a repository's files lie, or would.
    pub fn repository_folder(&self, id: &RepositoryId) -> PathBuf {
        let mut path = self.crates_folder().join(id.to_string());
        path.push(id.label_folder());
        path
    }

    /// Whether the store has this repository. One that is there is complete.
    pub fn has_repository(&self, id: &RepositoryId) -> bool {
        self.crates_folder()
            .join(id.to_string())
            .symlink_metadata()
            .is_ok()
    }

    /// Makes a repository's home of a working tree, unless it is there already; what git keeps there is passed over.
    ///
    /// # Errors
    /// Where a name or a link is refused, or the file system refuses; nothing of it then stays.
    pub fn place_repository(
        &self,
        id: &RepositoryId,
        tree: &Path,
        packages: &RepositoryPackages,
    ) -> Result<(), ArchiveError> {
        if self.has_repository(id) {
            return Ok(());
        }
        self.place_tree(id, tree, packages)
            .map_err(|trouble| trouble.of(tree))
    }

    fn place_tree(
        &self,
        id: &RepositoryId,
        tree: &Path,
        packages: &RepositoryPackages,
    ) -> Result<(), Trouble> {
        let mut found = Found::default();
        found.visit(tree, &mut String::new())?;
        links::check(&found.links)?;
        found.write(packages)?;
        let stage = self.stage()?;
        let home = stage.path().join("home");
        let folder = home.join(id.label_folder());
        let tree = found.lay(&folder)?;
        let record = RawRecord::print(&[], &tree);
        fs::write(home.join(NAME), record.as_bytes()).map_err(StoreError::io("write", &home))?;
        self.about_to_publish()?;
        let homes = self.crates_folder();
        fs::create_dir_all(&homes).map_err(StoreError::io("make", &homes))?;
        // Whoever came first has the same.
        durable::rename_noreplace(&home, &homes.join(id.to_string()))?;
        Ok(())
    }
}

/// What a working tree has, by path.
#[derive(Default)]
struct Found {
    files: BTreeMap<SafePath, Content>,
    links: BTreeMap<SafePath, String>,
}

/// The bytes of a file.
enum Content {
    /// Those of this file.
    At { path: PathBuf, executable: bool },
    /// These.
    Text(Vec<u8>),
}

impl Found {
    /// `prefix` is the path so far, with a trailing `/` unless empty.
    fn visit(&mut self, folder: &Path, prefix: &mut String) -> Result<(), Trouble> {
        let unreadable = |error| Trouble::Store(StoreError::io("read", folder)(error));
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            if name == GIT {
                continue;
            }
            let text = name.to_str();
            let text = text.ok_or_else(|| Trouble::entry(&name.to_string_lossy())(Refusal::NotText))?;
            let length = prefix.len();
            prefix.push_str(text);
            self.take(&entry, prefix)?;
            prefix.truncate(length);
        }
        Ok(())
    }

    fn take(&mut self, entry: &fs::DirEntry, prefix: &mut String) -> Result<(), Trouble> {
        let at = entry.path();
        let unreadable = |error| Trouble::Store(StoreError::io("read", &at)(error));
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            prefix.push('/');
            return self.visit(&at, prefix);
        }
        let refuse = Trouble::entry(prefix);
        let path = SafePath::new(prefix).map_err(|error| refuse(error.into()))?;
        if kind.is_symlink() {
            let target = fs::read_link(&at).map_err(unreadable)?;
            let target = target.to_str().ok_or_else(|| refuse(Refusal::NotText))?;
            self.links.insert(path, target.to_owned());
        } else if kind.is_file() {
            let mode = entry.metadata().map_err(unreadable)?.permissions().mode();
            let executable = mode & 0o111 != 0;
            self.files.insert(path, Content::At { path: at, executable });
        } else {
            return Err(refuse(Refusal::Special("a device, pipe or socket")));
        }
        Ok(())
    }

    /// Adds what makes packages entries of a directory source.
    fn write(&mut self, packages: &RepositoryPackages) -> Result<(), Trouble> {
        for (folder, manifest) in packages {
            let mut put = |name: &str, text: Vec<u8>| -> Result<(), Trouble> {
                let path = match folder.as_str() {
                    "" => name.to_owned(),
                    folder => format!("{folder}/{name}"),
                };
                let refuse = Trouble::entry(&path);
                let path = SafePath::new(&path).map_err(|error| refuse(error.into()))?;
                self.links.remove(&path);
                self.files.insert(path, Content::Text(text));
                Ok(())
            };
            put(CHECKSUM_FILE, checksum_text(Path::new(folder), None)?)?;
            if let Some(manifest) = manifest {
                put(MANIFEST, manifest.clone().into_bytes())?;
            }
        }
        Ok(())
    }

    /// Puts everything into a folder that is not there yet.
    fn lay(self, folder: &Path) -> Result<Tree, StoreError> {
        let paths = self.files.keys().chain(self.links.keys());
        let above: BTreeSet<&str> = paths.filter_map(SafePath::parent).collect();
        fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
        for above in above {
            let above = folder.join(above);
            fs::create_dir_all(&above).map_err(StoreError::io("make", above))?;
        }
        let files: Vec<(SafePath, Content)> = self.files.into_iter().collect();
        let copied = files
            .into_par_iter()
            .map(|(path, content)| lay_file(folder, path, content));
        let mut entries: Vec<Entry> = copied.collect::<Result<_, _>>()?;
        for (path, target) in self.links {
            let at = path.below(folder);
            symlink(&target, &at).map_err(StoreError::io("link", at))?;
            entries.push(Entry {
                path,
                kind: Kind::Link(target),
            });
        }
        Ok(Tree::new(entries))
    }
}

fn lay_file(folder: &Path, path: SafePath, content: Content) -> Result<Entry, StoreError> {
    let (bytes, executable) = match content {
        Content::At { path, executable } => {
            (fs::read(&path).map_err(StoreError::io("read", path))?, executable)
        }
        Content::Text(bytes) => (bytes, false),
    };
    let at = path.below(folder);
    let mode = if executable { 0o755 } else { 0o644 };
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&at)?;
        file.write_all(&bytes)?;
        let times = Timestamps {
            last_access: packed_time(),
            last_modification: packed_time(),
        };
        rustix::fs::futimens(&file, &times)?;
        Ok(())
    };
    write().map_err(StoreError::io("write", &at))?;
    Ok(Entry {
        path,
        kind: Kind::File {
            object: ObjectId::of(&bytes),
            size: bytes.len() as u64,
            executable,
        },
    })
}
