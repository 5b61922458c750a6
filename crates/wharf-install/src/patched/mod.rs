//! A system root's programs for machines that give no views: copies that bring their own loader and libraries.
//!
//! Beside a system root comes a *tree* that mirrors its `/usr`: programs and scripts are copies that name the root's loader,
//! libraries and interpreters by where they lie; everything else is a link into the root. What finds its data beside itself
//! (Python, Perl by its variable, git by its own) works; what opens `/usr/share/…` by that name does not, nor does what wants its
//! configuration in `/etc`, and servers that want users of their own. It is for command-line tools.
//!
//! | module | job |
//! |---|---|
//! | `elf` | a program's loader and library folders |
//! | `script` | a script's first line |
//! | `variables` | where programs are told to look for their data |
//!
//! Invariants: the system root is only read. A tree that stands is whole: it is made elsewhere and renamed.

pub mod elf;
mod script;
mod variables;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use crate::error::InstallError;
use elf::ElfError;

/// Folders of `/usr` that hold programs, or what they load.
const MIRRORED: [&str; 7] = ["bin", "sbin", "games", "lib", "lib32", "lib64", "libexec"];
/// Where programs are looked for.
const PROGRAMS: [&str; 3] = ["usr/bin", "usr/sbin", "usr/games"];
/// How many links a path may lead over, as in the kernel.
const LINKS: usize = 40;

/// A tree that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patched {
    /// Folders of commands, first ones first.
    pub path: Vec<PathBuf>,
    /// Variables that the commands need.
    pub variables: Vec<(String, OsString)>,
    /// Programs and libraries that were changed.
    pub changed: usize,
    /// Files that stay as they are, by their path in the root, and why. They run only if the host's libraries fit.
    pub left: Vec<(PathBuf, ElfError)>,
}

/// What a tree gives, if it stands.
#[must_use]
pub fn standing(tree: &Path) -> Option<Patched> {
    tree.is_dir().then(|| described(tree))
}

/// The tree of a system root among those that a folder keeps: the one that stands, or one that is made. Those of other roots go.
///
/// # Errors
/// As [`make`].
pub fn kept(root: &Path, folder: &Path) -> Result<Patched, InstallError> {
    // A root lies in the folder of its id, as `root`, or is named by it.
    let name = match root.file_name() {
        Some(name) if name == "root" => root.parent().and_then(Path::file_name),
        name => name,
    };
    let tree = folder.join(name.unwrap_or_default());
    if let Some(standing) = standing(&tree) {
        return Ok(standing);
    }
    let made = make(root, &tree)?;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path() != tree {
            // What a program still runs from stays until the next time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(made)
}

fn described(tree: &Path) -> Patched {
    let path = PROGRAMS
        .iter()
        .map(|name| tree.join(name))
        .filter(|path| path.is_dir());
    Patched {
        path: path.collect(),
        variables: variables::of(tree),
        ..Patched::default()
    }
}

/// Makes the tree of a system root. The programs in it name both folders: neither may be moved afterwards.
///
/// # Errors
/// A file cannot be read or written.
pub fn make(root: &Path, tree: &Path) -> Result<Patched, InstallError> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(failed("find", path));
    let (root, tree) = (absolute(root)?, absolute(tree)?);
    let above = tree.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(above).map_err(failed("make", above))?;
    let staged = tempfile::Builder::new()
        .prefix(".patched-")
        .tempdir_in(above)
        .map_err(failed("make a folder in", above))?;
    let mirror = Mirror {
        folders: library_folders(&root, &tree),
        root,
        tree,
    };
    let mut found = Vec::new();
    for name in MIRRORED {
        let inner = Path::new("usr").join(name);
        if mirror.root.join(&inner).is_dir() {
            let entry = mirror.folder(&inner)?;
            mirror.write(staged.path(), &inner, &entry, &mut found)?;
        }
    }
    mirror.link_the_rest(staged.path())?;
    let tree = &mirror.tree;
    match fs::rename(staged.path(), tree) {
        Ok(()) => _ = staged.keep(),
        // Another one was as quick; theirs is the same.
        Err(_) if tree.is_dir() => {}
        Err(source) => return Err(failed("rename to", tree)(source)),
    }
    let mut patched = described(tree);
    patched.changed = found.iter().filter(|(_, why)| why.is_none()).count();
    patched.left = found
        .into_iter()
        .filter_map(|(path, why)| Some((path, why?)))
        .collect();
    Ok(patched)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io {
        action,
        path: path.clone(),
        source,
    }
}

/// What stands in the tree for something in the root.
enum Entry {
    /// A link into the root.
    Same,
    /// A link, in the tree too.
    Link(PathBuf),
    /// A changed copy.
    Copy(Vec<u8>),
    /// A program that cannot be changed: a link.
    Left(ElfError),
    Folder(Vec<(OsString, Entry)>),
}

struct Mirror {
    root: PathBuf,
    tree: PathBuf,
    /// Folders of libraries, with colons between.
    folders: Vec<u8>,
}

impl Mirror {
    /// What a folder becomes, by its path in the root.
    fn folder(&self, inner: &Path) -> Result<Entry, InstallError> {
        let at = self.root.join(inner);
        let mut names: Vec<OsString> = Vec::new();
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            // For root alone.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Entry::Same),
            Err(error) => return Err(failed("read", &at)(error)),
        };
        for entry in entries {
            names.push(entry.map_err(failed("read", &at))?.file_name());
        }
        names.sort();
        let entries: Vec<(OsString, Entry)> = names
            .into_par_iter()
            .map(|name| {
                let entry = self.entry(&inner.join(&name))?;
                Ok((name, entry))
            })
            .collect::<Result<_, InstallError>>()?;
        let same = entries.iter().all(|(_, entry)| matches!(entry, Entry::Same));
        // The folders of commands and libraries are looked into by name.
        Ok(match same && inner.components().count() > 2 {
            true => Entry::Same,
            false => Entry::Folder(entries),
        })
    }

    fn entry(&self, inner: &Path) -> Result<Entry, InstallError> {
        let at = self.root.join(inner);
        let data = at.symlink_metadata().map_err(failed("read", &at))?;
        if data.is_dir() {
            return self.folder(inner);
        }
        if data.is_symlink() {
            return Ok(self.link(inner));
        }
        let program = data.permissions().mode() & 0o111 != 0;
        let library = at
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".so"));
        if !data.is_file() || !(program || library) {
            return Ok(Entry::Same);
        }
        let bytes = match fs::read(&at) {
            Ok(bytes) => bytes,
            // A program for root alone.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Entry::Same),
            Err(error) => return Err(failed("read", &at)(error)),
        };
        Ok(self.changed(inner, &bytes))
    }

    /// What a file becomes: a copy where it names something of the system.
    fn changed(&self, inner: &Path, bytes: &[u8]) -> Entry {
        if bytes.starts_with(b"#!") {
            let copy = |program: &Path| self.copy_of(program);
            return script::rewritten(bytes, &copy).map_or(Entry::Same, Entry::Copy);
        }
        if !bytes.starts_with(b"\x7fELF") {
            return Entry::Same;
        }
        let patched = elf::kind(bytes).and_then(|kind| match (kind.interpreter, kind.folders) {
            (Some(interpreter), own) => {
                let loader = Path::new(std::str::from_utf8(interpreter).map_err(|_| ElfError::Malformed)?);
                let loader = resolve(&self.root, loader).ok_or(ElfError::Foreign)?;
                let loader = self.root.join(loader);
                elf::patch(
                    bytes,
                    loader.as_os_str().as_encoded_bytes(),
                    &self.folders_with(inner, own),
                )
                .map(Some)
            }
            // A library without folders of its own has those of the program.
            (None, None) => Ok(None),
            (None, own) => elf::patch(bytes, b"", &self.folders_with(inner, own)).map(Some),
        });
        match patched {
            Ok(Some(copy)) => Entry::Copy(copy),
            Ok(None) | Err(ElfError::Static) => Entry::Same,
            Err(error) => Entry::Left(error),
        }
    }

    /// The folders of libraries behind those that a file has of its own.
    fn folders_with(&self, inner: &Path, own: Option<&[u8]>) -> Vec<u8> {
        let mut folders = Vec::new();
        let own = own
            .and_then(|own| std::str::from_utf8(own).ok())
            .unwrap_or_default();
        let beside = self.tree.join(inner.parent().unwrap_or(inner));
        for folder in own.split(':').filter(|folder| !folder.is_empty()) {
            let folder = match folder
                .strip_prefix("$ORIGIN")
                .or_else(|| folder.strip_prefix("${ORIGIN}"))
            {
                Some(rest) => beside.join(rest.trim_start_matches('/')),
                None => self.tree.join(folder.trim_start_matches('/')),
            };
            folders.extend_from_slice(folder.as_os_str().as_encoded_bytes());
            folders.push(b':');
        }
        folders.extend_from_slice(&self.folders);
        folders
    }

    /// A link stays one; one that begins at the root, as alternatives do, leads to where it ends.
    fn link(&self, inner: &Path) -> Entry {
        let at = self.root.join(inner);
        let to = fs::read_link(&at).unwrap_or_default();
        if to.is_relative() && inside(inner.parent().unwrap_or(inner), &to) {
            return Entry::Link(to);
        }
        match resolve(&self.root, &Path::new("/").join(inner)) {
            Some(real) => Entry::Link(self.mirrored(&real)),
            None => Entry::Same,
        }
    }

    /// Where something of the root is seen through the tree.
    fn mirrored(&self, real: &Path) -> PathBuf {
        match real.starts_with("usr") {
            true => self.tree.join(real),
            false => self.root.join(real),
        }
    }

    /// The copy of a program that a script names.
    fn copy_of(&self, program: &Path) -> Option<PathBuf> {
        let real = resolve(&self.root, program)?;
        let first = real.components().nth(1)?;
        let mirrored = MIRRORED.iter().any(|name| first.as_os_str() == *name);
        // By the name in the script, as far as it is one of the tree: some programs look at it.
        let named = Path::new("usr").join(
            program
                .strip_prefix("/usr")
                .or_else(|_| program.strip_prefix("/"))
                .ok()?,
        );
        let named = Some(named).filter(|named| self.root.join(named).symlink_metadata().is_ok());
        mirrored.then(|| self.tree.join(named.unwrap_or(real)))
    }

    fn write(
        &self,
        base: &Path,
        inner: &Path,
        entry: &Entry,
        found: &mut Vec<(PathBuf, Option<ElfError>)>,
    ) -> Result<(), InstallError> {
        let at = base.join(inner);
        let from = self.root.join(inner);
        let failed = failed("make", &at);
        match entry {
            Entry::Same => symlink(from, &at).map_err(failed),
            Entry::Link(to) => symlink(to, &at).map_err(failed),
            Entry::Left(why) => {
                found.push((inner.to_owned(), Some(*why)));
                symlink(from, &at).map_err(failed)
            }
            Entry::Copy(bytes) => {
                found.push((inner.to_owned(), None));
                fs::write(&at, bytes).map_err(&failed)?;
                fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).map_err(failed)
            }
            Entry::Folder(entries) => {
                fs::create_dir_all(&at).map_err(failed)?;
                for (name, entry) in entries {
                    self.write(base, &inner.join(name), entry, found)?;
                }
                Ok(())
            }
        }
    }

    /// `share`, `include` and what else is in `/usr`; and the names at the top that lead there.
    fn link_the_rest(&self, base: &Path) -> Result<(), InstallError> {
        let usr = self.root.join("usr");
        for entry in fs::read_dir(&usr).map_err(failed("read", &usr))? {
            let entry = entry.map_err(failed("read", &usr))?;
            let at = base.join("usr").join(entry.file_name());
            if at.symlink_metadata().is_err() {
                symlink(entry.path(), &at).map_err(failed("make", &at))?;
            }
        }
        for name in MIRRORED {
            let at = base.join(name);
            if base.join("usr").join(name).is_dir() {
                symlink(Path::new("usr").join(name), &at).map_err(failed("make", &at))?;
            }
        }
        let etc = base.join("etc");
        symlink(self.root.join("etc"), &etc).map_err(failed("make", &etc))
    }
}

/// Whether a relative link stays in `/usr`.
fn inside(folder: &Path, to: &Path) -> bool {
    let mut depth = folder.components().count();
    for part in to.components() {
        match part {
            Component::ParentDir if depth <= 1 => return false,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    true
}

/// The real path in a root of something that is there, relative to the root. Links that begin at `/` begin at the root.
fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut real = PathBuf::new();
    let mut rest: Vec<OsString> = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        let at = root.join(&next);
        let data = at.symlink_metadata().ok()?;
        if !data.is_symlink() {
            real = next;
            continue;
        }
        links += 1;
        if links > LINKS {
            return None;
        }
        let to = fs::read_link(&at).ok()?;
        if to.is_absolute() {
            real = PathBuf::new();
        }
        rest.extend(parts(&to));
    }
    Some(real)
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<OsString> = parts.collect();
    parts.reverse();
    parts
}

/// The folders in which the root's loader would look: those that packages name, then its own.
fn library_folders(root: &Path, tree: &Path) -> Vec<u8> {
    let mut named: Vec<PathBuf> = Vec::new();
    let mut add = |folder: &str| {
        if let Some(real) = resolve(root, Path::new(folder)).filter(|real| root.join(real).is_dir()) {
            let folder = tree.join(real);
            if !named.contains(&folder) {
                named.push(folder);
            }
        }
    };
    let configured = root.join("etc/ld.so.conf.d");
    let mut files: Vec<PathBuf> = fs::read_dir(configured)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .map(str::trim)
            .filter(|line| line.starts_with('/'))
            .for_each(&mut add);
    }
    let machine = std::env::consts::ARCH;
    for folder in [
        format!("/usr/lib/{machine}-linux-gnu"),
        "/usr/lib64".into(),
        "/usr/lib".into(),
    ] {
        add(&folder);
    }
    let bytes: Vec<&[u8]> = named
        .iter()
        .map(|folder| folder.as_os_str().as_encoded_bytes())
        .collect();
    bytes.join(&b':')
}

#[cfg(test)]
mod tests;
