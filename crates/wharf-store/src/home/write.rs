//! Files into a draft: each created, written and closed once, and hashed on the way; of those that are alike most are links to one.
//!
//! A stream is decoded by one thread. Its small files are gathered, and what was gathered is written by whichever of rayon's
//! threads comes to it, or by the one that decodes where enough waits already. So nothing is handed over for nothing while other
//! archives keep every core busy; and the last archive of an install, which is usually the largest, has two threads in place of one.
//!
//! In a flat package a file is written under the name that what it holds gives it, unless that is there.
//!
//! Invariants: a file's folder is made before the file is handed over; what waits to be written is bounded for the process, however
//! many archives come at once.

use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::Scope;
use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::SafePath;

use super::commands::{Commands, mend_first_line};
use super::draft::PackageFolder;
use crate::archive::tgz::Form;
use crate::archive::{Refusal, Trouble};
use crate::error::StoreError;
use crate::id::ObjectId;
use crate::tree::{Entry, Kind, Tree};

/// A file that is gathered; a larger one is written as it comes.
const GATHERED: u64 = 256 << 10;
/// A command whose first line may have to be mended.
pub(super) const LARGEST_COMMAND: u64 = 1 << 20;
/// When so much was gathered, it is written.
const BATCH_BYTES: usize = 128 << 10;
/// The same for the number of files.
const BATCH_FILES: usize = 32;

/// How many names a file gets in a package with folders that has it so often. A file system bounds them (ext4: 65,000), and each project that
/// has the package's files as links takes as many again.
const NAMES: u32 = 32;

/// How many batches of all archives were handed over and are not written yet.
static HANDED_OVER: AtomicUsize = AtomicUsize::new(0);

/// Has `take` give files to a writer, and returns when they are all written.
///
/// # Errors
/// That of `take`, or else what kept a file from being written.
pub(super) fn write_stream(
    package: &PackageFolder,
    contents: Contents,
    take: impl FnOnce(&mut Writer<'_, '_>) -> Result<(), Trouble>,
) -> Result<Vec<Entry>, Trouble> {
    let shared = Shared {
        package,
        contents,
        waiting: AtomicUsize::new(0),
        written: Mutex::default(),
    };
    let taken: Result<(), Trouble> = rayon::in_place_scope(|scope| {
        let mut writer = Writer {
            shared: &shared,
            scope,
            made: FxHashSet::default(),
            batch: Batch::default(),
            unnamed: 0,
        };
        take(&mut writer)?;
        shared.write(std::mem::take(&mut writer.batch));
        Ok(())
    });
    let written = shared
        .written
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    taken?;
    match written.failed {
        Some(error) => Err(error.into()),
        None => Ok(last_of_each(written.entries, written.again)),
    }
}

/// Takes files one after the other, as they come.
pub(super) struct Writer<'w, 'scope> {
    shared: &'scope Shared<'scope>,
    scope: &'w Scope<'scope>,
    made: FxHashSet<Box<str>>,
    batch: Batch,
    /// How many files of a flat package were begun before it was known what they hold.
    unnamed: usize,
}

/// That a batch was handed over and is not written yet: counted for as long as this lives, so that a batch whose writing panics is
/// counted no longer either.
struct HandedOver<'s> {
    waiting: &'s AtomicUsize,
}

impl<'s> HandedOver<'s> {
    /// Counts one more of an archive's; `None` where enough of all archives wait already.
    fn count(waiting: &'s AtomicUsize) -> Option<Self> {
        let most = 2 * rayon::current_num_threads();
        if HANDED_OVER.fetch_add(1, Ordering::AcqRel) >= most {
            HANDED_OVER.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        waiting.fetch_add(1, Ordering::AcqRel);
        Some(Self { waiting })
    }
}

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        HANDED_OVER.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What all threads know that write the files of one archive.
struct Shared<'p> {
    package: &'p PackageFolder,
    contents: Contents,
    /// Batches that were handed over and are not written yet.
    waiting: AtomicUsize,
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    entries: Vec<Entry>,
    /// The paths of files that were taken back: of what is written there, the last counts.
    again: FxHashSet<SafePath>,
    failed: Option<StoreError>,
    /// Memory that was used before.
    spare: Vec<Batch>,
}

/// Files that are written together.
#[derive(Default)]
struct Batch {
    files: Vec<Gathered>,
    /// The contents of all of them in turn.
    bytes: Vec<u8>,
}

struct Gathered {
    path: SafePath,
    executable: bool,
    size: usize,
}

impl Writer<'_, '_> {
    /// Takes the file at `path` with the `size` bytes that `body` gives.
    pub(super) fn take(
        &mut self,
        path: &SafePath,
        executable: bool,
        size: u64,
        body: &mut dyn BufRead,
    ) -> Result<(), Trouble> {
        if let Some(folder) = path.parent() {
            self.shared.package.make_all(folder, &mut self.made)?;
        }
        match usize::try_from(size) {
            Ok(length) if size <= GATHERED => self.gather(path, executable, length, body),
            _ => self.write_as_it_comes(path, executable, size, body),
        }
    }

    /// Takes a file back: another comes in its place.
    pub(super) fn forget(&mut self, path: &SafePath) -> Result<(), StoreError> {
        self.shared.write(std::mem::take(&mut self.batch));
        self.shared.wait();
        let mut written = self.shared.written();
        if let Some(error) = written.failed.take() {
            return Err(error);
        }
        if !self.shared.package.is_flat() {
            let file = self.shared.package.path(path.as_str());
            std::fs::remove_file(&file).map_err(StoreError::io("replace", &file))?;
            self.shared.contents.clear();
        }
        written.again.insert(path.clone());
        Ok(())
    }

    fn gather(
        &mut self,
        path: &SafePath,
        executable: bool,
        size: usize,
        body: &mut dyn BufRead,
    ) -> Result<(), Trouble> {
        let batch = &mut self.batch;
        batch.bytes.reserve(size);
        each_part(path, size as u64, body, |part| {
            batch.bytes.extend_from_slice(part);
            Ok(())
        })?;
        batch.files.push(Gathered {
            path: path.clone(),
            executable,
            size,
        });
        if batch.bytes.len() >= BATCH_BYTES || batch.files.len() >= BATCH_FILES {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Has the batch written: by another thread, unless enough waits for those already.
    fn hand_over(&mut self) -> Result<(), StoreError> {
        let shared = self.shared;
        let next = {
            let mut written = shared.written();
            if let Some(error) = written.failed.take() {
                return Err(error);
            }
            written.spare.pop().unwrap_or_default()
        };
        let batch = std::mem::replace(&mut self.batch, next);
        match HandedOver::count(&shared.waiting) {
            Some(counted) => self.scope.spawn(move |_| {
                let _counted = counted;
                shared.write(batch);
            }),
            None => shared.write(batch),
        }
        Ok(())
    }

    fn write_as_it_comes(
        &mut self,
        path: &SafePath,
        executable: bool,
        size: u64,
        body: &mut dyn BufRead,
    ) -> Result<(), Trouble> {
        let package = self.shared.package;
        let name = match package.is_flat() {
            true => format!("unnamed-{}", self.unnamed),
            false => path.to_string(),
        };
        self.unnamed += 1;
        let mut out = package.create(&name, executable)?;
        let mut hasher = blake3::Hasher::new();
        each_part(path, size, body, |part| {
            hasher.update(part);
            out.write_all(part)
                .map_err(|error| package.unwritten(path, error))
        })?;
        let object = ObjectId::from_bytes(*hasher.finalize().as_bytes());
        if package.is_flat() {
            package.name_flat(&name, &object, executable)?;
        }
        self.shared.written().entries.push(Entry {
            path: path.clone(),
            kind: Kind::File {
                object,
                size,
                executable,
            },
        });
        Ok(())
    }
}

/// Gives the `size` bytes of a file as the decoder has them, without copying them.
fn each_part(
    path: &SafePath,
    size: u64,
    body: &mut dyn BufRead,
    mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), Trouble> {
    let mut left = size;
    while left > 0 {
        match body.fill_buf() {
            Ok([]) => return Err(Trouble::entry(path.as_str())(Refusal::Truncated)),
            Ok(bytes) => {
                let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                take(&bytes[..count])?;
                body.consume(count);
                left -= count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::decoding(path.as_str(), error)),
        }
    }
    Ok(())
}

impl Shared<'_> {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch, and notes what became of it.
    fn write(&self, mut batch: Batch) {
        let mut rest = &*batch.bytes;
        let entries = batch.files.drain(..).map(|file| {
            let (bytes, after) = rest.split_at(file.size);
            rest = after;
            write_file(self.package, &self.contents, file.path, file.executable, bytes)
        });
        let outcome: Result<Vec<Entry>, StoreError> = entries.collect();
        batch.bytes.clear();
        let mut written = self.written();
        match outcome {
            Ok(entries) => written.entries.extend(entries),
            Err(error) => written.failed = Some(error),
        }
        written.spare.push(batch);
    }

    /// Waits until everything that was handed over is written. On one of rayon's threads that may be its own work.
    fn wait(&self) {
        while self.waiting.load(Ordering::Acquire) > 0 {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                std::thread::yield_now();
            }
        }
    }
}

/// The entries without those of files that were taken back. Whoever takes one back waits until it is written, so that it comes first.
fn last_of_each(mut entries: Vec<Entry>, again: FxHashSet<SafePath>) -> Vec<Entry> {
    if again.is_empty() {
        return entries;
    }
    let mut missing = again.clone();
    entries.reverse();
    entries.retain(|entry| !again.contains(&entry.path) || missing.remove(&entry.path));
    entries
}

/// What tells files that are alike: the digest, and whether it can be run.
type Likeness = (ObjectId, bool);
/// Where a file lies, and how many more names it may get.
type Known = FxHashMap<Likeness, (SafePath, u32)>;

/// The files of a package that are written, by what they hold: those that are alike are links to one of them. In packages that bring
/// their types for every kind of module that is one file in five. Not so in crates, whose files can be written to where they lie; and
/// in a flat package they have one name anyway.
pub(super) struct Contents(Option<Mutex<Known>>);

impl Contents {
    pub(super) fn of(form: Form<'_>, package: &PackageFolder) -> Self {
        Self(match form {
            Form::Npm if !package.is_flat() => Some(Mutex::default()),
            Form::Npm | Form::Crate(_) => None,
        })
    }

    /// A file that is the same and may have another name.
    fn find(&self, like: Likeness) -> Option<SafePath> {
        let mut known = self.known()?;
        let (path, more) = known.get_mut(&like)?;
        *more = more.checked_sub(1)?;
        Some(path.clone())
    }

    fn note(&self, like: Likeness, path: &SafePath) {
        if let Some(mut known) = self.known() {
            known.insert(like, (path.clone(), NAMES - 1));
        }
    }

    /// Something else lies at one of the paths from now on.
    fn clear(&self) {
        if let Some(mut known) = self.known() {
            known.clear();
        }
    }

    fn known(&self) -> Option<MutexGuard<'_, Known>> {
        let known = self.0.as_ref()?;
        Some(known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes a file, or links it to one that is the same; gives what the tree says of it.
pub(super) fn write_file(
    package: &PackageFolder,
    contents: &Contents,
    path: SafePath,
    executable: bool,
    bytes: &[u8],
) -> Result<Entry, StoreError> {
    let object = ObjectId::of(bytes);
    let unwritten = |error| package.unwritten(&path, error);
    let like = (object, executable);
    let same = contents.find(like);
    // Where there can be no link, or no more of them, it is written as well.
    if same.is_none_or(|same| package.link(same.as_str(), path.as_str()).is_err())
        && let Some(mut out) = package.begin(&path, &object, executable)?
    {
        out.write_all(bytes).map_err(unwritten)?;
        contents.note(like, &path);
    }
    Ok(Entry {
        path,
        kind: Kind::File {
            object,
            size: bytes.len() as u64,
            executable,
        },
    })
}

/// The tree of what was written, with commands made of the files that `package.json` names, which may have come before it.
pub(super) fn with_commands(package: &PackageFolder, mut entries: Vec<Entry>) -> Result<Tree, StoreError> {
    let manifest = entries.iter().find(|entry| entry.path.as_str() == "package.json");
    let text = manifest.and_then(|entry| std::fs::read(package.file(entry)).ok());
    let commands = text.map_or_else(Commands::default, |text| Commands::of(&text));
    for entry in entries.iter_mut().filter(|entry| commands.contains(&entry.path)) {
        make_command(package, entry)?;
    }
    let tree = Tree::new(entries);
    if package.is_flat() {
        // What was taken back, and what has become a command.
        package.sweep_flat(&tree)?;
    }
    Ok(tree)
}

fn make_command(package: &PackageFolder, entry: &mut Entry) -> Result<(), StoreError> {
    let path = package.file(entry);
    let Kind::File {
        object,
        size,
        executable,
    } = &mut entry.kind
    else {
        return Ok(());
    };
    let is_large = *size > LARGEST_COMMAND; // no script is
    let bytes = match is_large {
        true => Vec::new(),
        false => std::fs::read(&path).map_err(StoreError::io("read", &path))?,
    };
    let mended = mend_first_line(&bytes);
    let is_mended = mended.len() != bytes.len();
    if !is_mended && *executable {
        return Ok(());
    }
    // Another file that is the same may be no command: then this one becomes a file of its own.
    let is_shared = || std::fs::symlink_metadata(&path).is_ok_and(|data| data.nlink() > 1);
    *executable = true;
    if !is_mended && !package.is_flat() && !is_shared() {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o555);
        return std::fs::set_permissions(&path, mode).map_err(StoreError::io("write", path));
    }
    let mut own: Box<dyn Read> = match is_large {
        true => Box::new(std::fs::File::open(&path).map_err(StoreError::io("read", &path))?),
        false => Box::new(&*mended),
    };
    if is_mended {
        (*object, *size) = (ObjectId::of(&mended), mended.len() as u64);
    }
    if !package.is_flat() {
        std::fs::remove_file(&path).map_err(StoreError::io("write", &path))?;
    }
    if let Some(mut out) = package.begin(&entry.path, object, true)? {
        io::copy(&mut own, &mut out).map_err(StoreError::io("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::home::draft::Draft;
    use crate::home::shape::Lies;
    use crate::store::Store;

    /// A package without files, and what holds it.
    fn empty() -> (tempfile::TempDir, Store, Draft, PackageFolder) {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let (draft, package) = Draft::new(&store, &Lies::At("a".to_owned())).unwrap();
        (place, store, draft, package)
    }

    #[test]
    fn a_file_that_cannot_be_a_link_is_written() {
        let (_place, _store, _draft, package) = empty();
        let contents = Contents::of(Form::Npm, &package);
        let path = |text: &str| SafePath::new(text).unwrap();
        contents.note((ObjectId::of(b"text"), false), &path("gone"));
        for name in ["one", "two"] {
            write_file(&package, &contents, path(name), false, b"text").unwrap();
            assert_eq!(std::fs::read(package.path(name)).unwrap(), b"text");
        }
        let inode = |name: &str| std::fs::metadata(package.path(name)).unwrap().ino();
        assert_eq!(inode("one"), inode("two"), "the one that was written is known");
    }

    #[test]
    fn a_batch_whose_writing_panics_is_handed_over_no_longer() {
        let (_place, _store, _draft, package) = empty();
        let path = SafePath::new("file").unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            write_stream(&package, Contents::of(Form::Npm, &package), |writer| {
                // It promises bytes that it does not have.
                writer.batch.files.push(Gathered {
                    path: path.clone(),
                    executable: false,
                    size: 1,
                });
                writer.hand_over()?;
                // Ends, though nothing says that the batch was written.
                writer.forget(&path).unwrap_err();
                Ok(())
            })
        }));
        assert!(panicked.is_err(), "the panic is passed on");
        // Other tests of this process may hand over batches meanwhile.
        let begun = Instant::now();
        while HANDED_OVER.load(Ordering::Acquire) > 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "it is counted for ever"
            );
            std::thread::yield_now();
        }
    }
}
