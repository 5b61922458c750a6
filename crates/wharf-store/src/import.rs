//! Archives into the store: unpacked, hashed and written in one pass, named only when all of it was right.
//!
//! Invariant: a refused archive leaves no object, no tree and no record; what it had staged is removed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use wharf_core::SafePath;

use crate::archive::zip::body::{self, Scratch, WHOLE};
use crate::archive::zip::{self, ZipEntry, ZipKind};
use crate::archive::{ArchiveError, Limits, Refusal, Trouble};
use crate::error::StoreError;
use crate::files::Files;
use crate::id::{ObjectId, TreeId};
use crate::object::{Begun, Staged, Workbench};
use crate::store::Store;
use crate::tree::{Entry, Kind, Tree};

impl Store {
    /// Unpacks a zip into the store. Whether it is the right one, its digest, was judged when it was fetched.
    ///
    /// # Errors
    /// Where the archive is refused, or the store cannot take it; nothing of it is then in the store.
    pub fn import_zip(&self, archive: &Path, limits: &Limits) -> Result<TreeId, ArchiveError> {
        let import = || self.unpack_zip(&File::open(archive)?, limits);
        import().map_err(|trouble| trouble.of(archive))
    }

    /// Puts a plain folder into the store: files and links, without following any.
    ///
    /// # Errors
    /// Where a name is unsafe, something is neither file, folder nor link, or the store cannot take it.
    pub fn import_folder(&self, folder: &Path, limits: &Limits) -> Result<TreeId, ArchiveError> {
        let import = || -> Result<_, Trouble> {
            let mut batch = Batch::of_tree(self)?;
            let mut entries = Vec::new();
            walk(folder, &mut String::new(), &mut |path, file| {
                let kind = match file {
                    Walked::Link(target) => Kind::Link(target),
                    Walked::File {
                        mut file,
                        size,
                        executable,
                    } => {
                        if size > limits.max_file_bytes {
                            return Err(Trouble::entry(path.as_str())(Refusal::TooLarge {
                                limit: limits.max_file_bytes,
                            }));
                        }
                        file_kind(batch.stream(executable, size, path.as_str(), &mut file)?)
                    }
                };
                entries.push(Entry { path, kind });
                Ok(())
            })?;
            self.publish(batch, Tree::new(entries))
        };
        import().map_err(|trouble| trouble.of(folder))
    }

    fn unpack_zip(&self, source: &File, limits: &Limits) -> Result<TreeId, Trouble> {
        let entries = zip::read(source, limits)?;
        let mut links = zip::check_links(source, &entries)?;
        let mut batch = Batch::of_tree(self)?;
        let (staged, outcome) = unpack_files(&entries, |scratch, entry, executable| {
            stage_entry(&batch, scratch, source, entry, executable)
        });
        batch.staged.reserve(staged.len());
        let mut tree = Vec::with_capacity(entries.len());
        for (index, one) in staged {
            let path = entries[index].path.clone();
            tree.push(Entry {
                path,
                kind: file_kind((one.object, one.size, one.executable)),
            });
            batch.staged.push(one);
        }
        outcome?;
        tree.extend(entries.iter().filter_map(|entry| {
            let target = links.remove(&entry.path)?;
            Some(Entry {
                path: entry.path.clone(),
                kind: Kind::Link(target),
            })
        }));
        self.publish(batch, Tree::new(tree))
    }

    /// Gives everything its name: the tree last, so that it never names what is not there.
    fn publish(&self, mut batch: Batch<'_>, tree: Tree) -> Result<TreeId, Trouble> {
        let (files, manifest) = (batch.files.take(), tree.print());
        self.publish_objects(batch)?;
        if let Some(files) = files {
            files.publish(self, &TreeId::of(&manifest))?;
        }
        Ok(self.write_manifest(&manifest)?)
    }

    pub(crate) fn publish_objects(&self, mut batch: Batch<'_>) -> Result<(), StoreError> {
        self.about_to_publish()?;
        let workbench = batch.workbench;
        batch
            .staged
            .iter()
            .try_for_each(|staged| workbench.publish(staged))?;
        batch.staged.clear();
        Ok(())
    }
}

/// Unpacks the files of a zip on all of rayon's threads, large ones first so that none is left to the end alone.
/// Gives what was made, by entry, also where something failed.
pub(crate) fn unpack_files<T: Send>(
    entries: &[ZipEntry],
    unpack: impl Fn(&mut Scratch, &ZipEntry, bool) -> Result<T, Trouble> + Sync,
) -> (Vec<(usize, T)>, Result<(), Trouble>) {
    const LARGE: u64 = 1 << 20;
    let is_file = |index: &usize| matches!(entries[*index].kind, ZipKind::File { .. });
    let mut order: Vec<usize> = (0..entries.len()).filter(is_file).collect();
    // Stable: the small ones stay in the archive's order, which the disk reads ahead.
    order.sort_by_key(|index| {
        std::cmp::Reverse(if entries[*index].size < LARGE {
            0
        } else {
            entries[*index].size
        })
    });
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = |_: usize| {
        let (mut scratch, mut made) = (Scratch::default(), Vec::new());
        while !stop.load(Ordering::Relaxed)
            && let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let executable = matches!(entries[index].kind, ZipKind::File { executable: true });
            match unpack(&mut scratch, &entries[index], executable) {
                Ok(one) => made.push((index, one)),
                Err(trouble) => {
                    stop.store(true, Ordering::Relaxed);
                    return (made, Err(trouble));
                }
            }
        }
        (made, Ok(()))
    };
    let workers = rayon::current_num_threads().min(order.len().div_ceil(16)).max(1);
    let parts: Vec<_> = (0..workers).into_par_iter().with_max_len(1).map(work).collect();
    let (mut all, mut outcome) = (Vec::with_capacity(order.len()), Ok(()));
    for (made, result) in parts {
        all.extend(made);
        outcome = outcome.and(result);
    }
    (all, outcome)
}

fn stage_entry(
    batch: &Batch<'_>,
    scratch: &mut Scratch,
    source: &File,
    entry: &ZipEntry,
    executable: bool,
) -> Result<Staged, Trouble> {
    if body::is_whole(entry) {
        return Ok(batch.write(scratch.whole(source, entry)?, executable)?);
    }
    let workbench = batch.workbench;
    let mut draft = workbench.draft(executable)?;
    match scratch.read_to(source, entry, &mut |bytes| {
        Ok(workbench.append(&mut draft, bytes)?)
    }) {
        Ok(()) => Ok(workbench.complete(draft)),
        Err(trouble) => {
            workbench.abandon(draft);
            Err(trouble)
        }
    }
}

fn file_kind((object, size, executable): (ObjectId, u64, bool)) -> Kind {
    Kind::File {
        object,
        size,
        executable,
    }
}

/// What an import has staged. Dropping it unpublished removes it.
pub(crate) struct Batch<'a> {
    workbench: &'a Workbench,
    begun: Begun,
    staged: Vec<Staged>,
    /// Where the small ones lie that are not to be objects.
    files: Option<Files>,
}

impl<'a> Batch<'a> {
    /// Of objects.
    pub(crate) fn new(workbench: &'a Workbench) -> Self {
        Self {
            workbench,
            begun: Begun::default(),
            staged: Vec::new(),
            files: None,
        }
    }

    /// Of one tree: its small files come into a folder of their own.
    fn of_tree(store: &'a Store) -> Result<Self, StoreError> {
        let mut batch = Self::new(store.workbench()?);
        batch.files = Some(Files::new(store)?);
        Ok(batch)
    }

    /// Writes what is no larger than [`WHOLE`].
    fn write(&self, bytes: &[u8], executable: bool) -> Result<Staged, StoreError> {
        match &self.files {
            Some(files) => files.write(bytes, executable),
            None => self.workbench.write(bytes, executable, &self.begun),
        }
    }

    pub(crate) fn stream(
        &mut self,
        executable: bool,
        size: u64,
        name: &str,
        body: &mut dyn Read,
    ) -> Result<(ObjectId, u64, bool), Trouble> {
        let staged = if size <= WHOLE {
            let mut bytes = Vec::with_capacity(size as usize);
            body.read_to_end(&mut bytes)
                .map_err(|error| Trouble::decoding(name, error))?;
            self.write(&bytes, executable)?
        } else {
            let mut draft = self.workbench.draft(executable)?;
            match pump(body, name, |bytes| {
                Ok(self.workbench.append(&mut draft, bytes)?)
            }) {
                Ok(()) => self.workbench.complete(draft),
                Err(trouble) => {
                    self.workbench.abandon(draft);
                    return Err(trouble);
                }
            }
        };
        let kind = (staged.object, staged.size, staged.executable);
        self.staged.push(staged);
        Ok(kind)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for staged in &self.staged {
            self.workbench.discard(staged);
        }
    }
}

/// Moves all of `body` through a buffer.
pub(crate) fn pump(
    body: &mut dyn Read,
    name: &str,
    mut take: impl FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::decoding(name, error)),
        }
    }
}

enum Walked {
    File { file: File, size: u64, executable: bool },
    Link(String),
}

/// Visits files and links below `folder`. `prefix` is the path so far, with a trailing `/` unless empty.
fn walk(
    folder: &Path,
    prefix: &mut String,
    visit: &mut dyn FnMut(SafePath, Walked) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    use std::os::unix::fs::PermissionsExt;
    let store_error = |error| Trouble::Store(StoreError::io("read", folder)(error));
    for entry in std::fs::read_dir(folder).map_err(store_error)? {
        let entry = entry.map_err(store_error)?;
        let name = entry.file_name();
        let not_text = || Trouble::entry(&name.to_string_lossy())(Refusal::NotText);
        let length = prefix.len();
        prefix.push_str(name.to_str().ok_or_else(not_text)?);
        let kind = entry.file_type()?;
        if kind.is_dir() {
            prefix.push('/');
            walk(&entry.path(), prefix, visit)?;
        } else {
            let refuse = Trouble::entry(prefix);
            let path = SafePath::new(prefix).map_err(|error| refuse(error.into()))?;
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path())?;
                visit(
                    path,
                    Walked::Link(target.to_str().ok_or_else(not_text)?.to_owned()),
                )?;
            } else if kind.is_file() {
                let file = File::open(entry.path())?;
                let metadata = file.metadata()?;
                let executable = metadata.permissions().mode() & 0o111 != 0;
                visit(
                    path,
                    Walked::File {
                        file,
                        size: metadata.len(),
                        executable,
                    },
                )?;
            } else {
                return Err(refuse(Refusal::Special("a device, pipe or socket")));
            }
        }
        prefix.truncate(length);
    }
    Ok(())
}
