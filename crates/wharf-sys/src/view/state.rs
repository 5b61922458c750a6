//! The project's own `/etc` and `/var`: copies of a system root's, which follow it where nobody changed them.
//!
//! Copies and no overlay, so that two programs in two views of one project see the same files at once, a person can edit
//! them outside, and no kernel or file system is too old. What was copied is on record by size and time; what is not as
//! recorded was changed by the project and stays, as with a package's configuration files in Debian (policy, 10.7.3).
//!
//! Invariants: what the project changed is never lost. An interrupted run is completed by the next.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;
use rustix::process::{getegid, geteuid};

use super::host::{self, Bind};
use super::{Changing, Followed, View, ViewError, folders, users};
use crate::sandbox::plan::Through;

/// Which system root the state follows, and for whom.
const OF: &str = "of";
/// What was copied.
const RECORD: &str = "record";
/// What is being copied: of a run that was interrupted it says what may have been.
const COMING: &str = "record-coming";
/// Held while the state changes.
const LOCK: &str = "lock";
/// Parts of the record are apart by this.
const END: u8 = 0;
/// Files that are not copies: the host's, and those that several have a part in.
const APART: [&str; 11] = [
    "etc/passwd",
    "etc/group",
    "etc/resolv.conf",
    "etc/hosts",
    "etc/hostname",
    "etc/machine-id",
    "etc/localtime",
    "etc/timezone",
    "etc/mtab",
    "var/lock",
    "var/run",
];

/// The folders that a view shows of its own.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) etc: PathBuf,
    pub(super) var: PathBuf,
    pub(super) run: PathBuf,
    /// What of the host's comes into them.
    pub(super) binds: Vec<Bind>,
    /// Whether they can be written.
    pub(super) through: Through,
}

/// Has the folders there, following the view's system root and the host.
pub(super) fn prepare(view: &View) -> Result<Own, ViewError> {
    let state = std::path::absolute(&view.state).map_err(ViewError::state(&view.state))?;
    if view.changing == Changing::Nothing {
        return Ok(Own {
            etc: state.join("etc"),
            var: state.join("var"),
            run: state.join("run"),
            binds: Vec::new(),
            through: Through::ReadOnly,
        });
    }
    if fs::read(state.join(OF)).ok() != Some(identity(view)) {
        follow(view)?;
    }
    let run = host::run_folder(&state)?;
    folders::of_the_system(&view.root, &run)?;
    let etc = state.join("etc");
    let binds = host::binds(&view.root, &etc)?;
    Ok(Own {
        etc,
        var: state.join("var"),
        run,
        binds,
        through: Through::Anything,
    })
}

/// What the state was made for.
fn identity(view: &View) -> Vec<u8> {
    let mut text = format!("1 {} {} ", geteuid().as_raw(), getegid().as_raw()).into_bytes();
    text.extend_from_slice(view.root.as_os_str().as_bytes());
    text
}

/// See [`View::follow`].
pub(super) fn follow(view: &View) -> Result<Followed, ViewError> {
    let usr = view.root.join("usr");
    fs::read_dir(&usr).map_err(ViewError::root(&usr))?;
    let state = &view.state;
    for folder in ["etc", "var/tmp"] {
        let folder = state.join(folder);
        fs::create_dir_all(&folder).map_err(ViewError::state(&folder))?;
    }
    let lock = state.join(LOCK);
    let file = File::create(&lock).map_err(ViewError::state(&lock))?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)
        .map_err(|error| ViewError::state(&lock)(error.into()))?;
    let (record, coming) = (state.join(RECORD), state.join(COMING));
    let mut after = Record::default();
    for folder in ["etc", "var"] {
        if view.root.join(folder).is_dir() {
            after.list(&view.root, Path::new(folder))?;
        }
    }
    let mut following = Following {
        root: &view.root,
        state,
        before: Record::read(&record),
        interrupted: Record::read(&coming),
        after: &after,
        done: Followed::default(),
    };
    write(&coming, &after.text()).map_err(ViewError::state(&coming))?;
    following.put_all()?;
    following.let_go();
    let done = following.done;
    users::write_to(&view.root, &state.join("etc"))?;
    usual(state)?;
    folders::forget(&host::run_folder(state)?);
    fs::rename(&coming, &record).map_err(ViewError::state(&record))?;
    // Last: until it is there, the next one follows again.
    let of = state.join(OF);
    write(&of, &identity(view)).map_err(ViewError::state(&of))?;
    Ok(done)
}

/// Links that a package's script makes in Debian.
fn usual(state: &Path) -> Result<(), ViewError> {
    for (at, to) in [
        ("var/run", "/run"),
        ("var/lock", "/run/lock"),
        ("etc/mtab", "../proc/self/mounts"),
    ] {
        let at = state.join(at);
        match symlink(to, &at) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ViewError::state(&at)(error));
            }
            _ => {}
        }
    }
    let nsswitch = state.join("etc/nsswitch.conf");
    if !nsswitch.exists() {
        let text = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n";
        write(&nsswitch, text.as_bytes()).map_err(ViewError::state(&nsswitch))?;
    }
    Ok(())
}

/// Writes a file so that nobody sees half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}

/// What names of files begin with that are not at their place yet: services that read whole folders pass such names over.
const BESIDE: &str = ".wharf-new-";

/// Where a file is made before it comes to its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(format!("{BESIDE}{}-", std::process::id()));
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Removes from a folder what a run that was killed left there.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_bytes().starts_with(BESIDE.as_bytes()) {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Has a folder there below another, in real folders only. Links are never followed: programs in a view make what they like, and
/// what leads to one file inside leads to another outside. Whether it is there.
pub(super) fn has_folders(base: &Path, inner: &Path) -> io::Result<bool> {
    let mut at = base.to_owned();
    for part in inner.components() {
        at.push(part);
        match at.symlink_metadata() {
            Ok(data) if data.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(_) => fs::create_dir(&at).or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?,
        }
    }
    Ok(true)
}

/// Whether all folders on the way from one to what is in it are real ones, or not there.
fn is_own(base: &Path, inner: &Path) -> bool {
    let mut at = base.to_owned();
    let above = inner.parent().unwrap_or(Path::new(""));
    above.components().all(|part| {
        at.push(part);
        at.symlink_metadata().map_or(true, |data| data.is_dir())
    })
}

/// What stands at a path, as far as it tells whether somebody changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File {
        size: u64,
        time: i128,
        mode: u32,
    },
    Link(PathBuf),
    /// A device, a pipe, a socket.
    Other,
}

impl Entry {
    fn at(path: &Path) -> Option<Self> {
        let data = path.symlink_metadata().ok()?;
        let kind = data.file_type();
        Some(if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Link(fs::read_link(path).ok()?)
        } else if kind.is_file() {
            Self::File {
                size: data.len(),
                time: i128::from(data.mtime()) * 1_000_000_000 + i128::from(data.mtime_nsec()),
                // What is read-only in the store is the project's to change.
                mode: data.mode() & 0o777 | 0o200,
            }
        } else {
            Self::Other
        })
    }
}

/// What is done about one path.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    /// It comes from the system root.
    Put,
    /// It is as it should be.
    Leave,
    /// The project changed it, and the system root has nothing new.
    Own,
    /// Both changed it: the project's stays.
    Kept,
}

/// What follows from what was copied, what is there, and what is wanted.
fn decide(recorded: Option<&Entry>, there: Option<&Entry>, wanted: &Entry) -> Act {
    match (recorded, there) {
        (None, None) => Act::Put,
        // Somebody took it away.
        (Some(recorded), None) if recorded == wanted => Act::Own,
        (Some(_), None) => Act::Kept,
        // Also what an interrupted run has put there.
        (_, Some(there)) if there == wanted => Act::Leave,
        (Some(recorded), Some(there)) if recorded == there => Act::Put,
        (Some(recorded), Some(_)) if recorded == wanted => Act::Own,
        (_, Some(_)) => Act::Kept,
    }
}

/// One run over a system root.
struct Following<'a> {
    root: &'a Path,
    state: &'a Path,
    before: Record,
    /// What a run that did not end may have copied.
    interrupted: Record,
    after: &'a Record,
    done: Followed,
}

impl Following<'_> {
    /// Everything that the system root has, at its place.
    fn put_all(&mut self) -> Result<(), ViewError> {
        let after = self.after;
        // Folders come before what is in them.
        let mut elsewhere: Option<&Path> = None;
        for (path, wanted) in &after.0 {
            if elsewhere.is_some_and(|folder| path.starts_with(folder)) {
                continue;
            }
            self.one(path, wanted)?;
            let to = self.state.join(path);
            if *wanted == Entry::Folder {
                match to.symlink_metadata() {
                    Ok(data) if !data.is_dir() => elsewhere = Some(path),
                    _ => sweep(&to),
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, path: &Path, wanted: &Entry) -> Result<(), ViewError> {
        let (from, to) = (self.root.join(path), self.state.join(path));
        let there = Entry::at(&to);
        let interrupted = self.interrupted.0.get(path);
        let recorded = match interrupted.filter(|_| there.as_ref() == interrupted) {
            Some(copied) => Some(copied),
            None => self.before.0.get(path),
        };
        let act = match decide(recorded, there.as_ref(), wanted) {
            // Files of a store may all have one time.
            Act::Leave if !same(wanted, &from, &to) => Act::Put,
            act => act,
        };
        match act {
            Act::Put => {
                put(&from, &to, wanted).map_err(ViewError::state(&to))?;
                self.done.changed += 1;
            }
            Act::Kept => self.done.kept.push(Path::new("/").join(path)),
            Act::Leave | Act::Own => {}
        }
        Ok(())
    }

    /// Takes away what the system root has no more, where it is as it was copied. What cannot be taken away holds
    /// something of the project's.
    fn let_go(&mut self) {
        let copied = self.before.0.iter().chain(&self.interrupted.0);
        let mut copied: Vec<(&PathBuf, &Entry)> = copied.collect();
        // What is in a folder goes before it.
        copied.sort_by(|(one, _), (other, _)| other.cmp(one));
        for (path, recorded) in copied {
            let at = self.state.join(path);
            if self.after.0.contains_key(path)
                || !is_own(self.state, path)
                || Entry::at(&at).as_ref() != Some(recorded)
            {
                continue;
            }
            let gone = match recorded {
                Entry::Folder => fs::remove_dir(&at),
                Entry::File { .. } | Entry::Link(_) | Entry::Other => fs::remove_file(&at),
            };
            self.done.changed += usize::from(gone.is_ok());
        }
    }
}

fn is_denied(path: &Path) -> bool {
    File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Whether two files that look alike are.
fn same(entry: &Entry, from: &Path, to: &Path) -> bool {
    match entry {
        Entry::File { size: 1.., .. } => fs::read(from).ok() == fs::read(to).ok(),
        Entry::File { .. } | Entry::Folder | Entry::Link(_) | Entry::Other => true,
    }
}

fn put(from: &Path, to: &Path, wanted: &Entry) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    // A folder gives way only when it is empty.
    if *wanted != Entry::Folder && to.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        fs::remove_dir(to)?;
    }
    let beside = beside(to);
    match wanted {
        Entry::Folder => {
            if to.symlink_metadata().is_ok() {
                fs::remove_file(to)?;
            }
            fs::create_dir(to)?;
            let mode = fs::metadata(from)?.mode() & 0o7777 | 0o700;
            return fs::set_permissions(to, Permissions::from_mode(mode));
        }
        Entry::Link(target) => {
            _ = fs::remove_file(&beside);
            symlink(target, &beside)?;
        }
        Entry::File { time, mode, .. } => {
            fs::copy(from, &beside)?;
            let file = File::options().write(true).open(&beside).or_else(|_| {
                fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
                File::options().write(true).open(&beside)
            })?;
            file.set_permissions(Permissions::from_mode(*mode))?;
            file.set_modified(when(*time))?;
        }
        Entry::Other => return Ok(()),
    }
    fs::rename(&beside, to)
}

/// A time by its nanoseconds since 1970.
fn when(time: i128) -> SystemTime {
    let span = Duration::from_nanos(u64::try_from(time.unsigned_abs()).unwrap_or(0));
    match time < 0 {
        true => SystemTime::UNIX_EPOCH - span,
        false => SystemTime::UNIX_EPOCH + span,
    }
}

/// What was copied, by its path in the system root.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record(BTreeMap<PathBuf, Entry>);

impl Record {
    /// A folder of a system root and everything in it.
    fn list(&mut self, root: &Path, folder: &Path) -> Result<(), ViewError> {
        let from = root.join(folder);
        for entry in fs::read_dir(&from).map_err(ViewError::root(&from))? {
            let path = folder.join(entry.map_err(ViewError::root(&from))?.file_name());
            if APART.iter().any(|apart| Path::new(apart) == path) {
                continue;
            }
            let Some(wanted) = Entry::at(&root.join(&path)) else {
                continue;
            };
            // Of a system root that somebody else made, some may be that one's alone: such a folder is empty here.
            let denied = match wanted {
                // Opening a pipe would wait for somebody.
                Entry::Other => continue,
                Entry::Link(_) => false,
                Entry::File { .. } | Entry::Folder => is_denied(&root.join(&path)),
            };
            if denied && wanted != Entry::Folder {
                continue;
            }
            if wanted == Entry::Folder && !denied {
                self.list(root, &path)?;
            }
            self.0.insert(path, wanted);
        }
        Ok(())
    }

    /// What is on record. Nothing where that is gone or damaged: then what differs counts as the project's.
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        let mut parts = bytes.split(|byte| *byte == END);
        let mut record = Self::default();
        while let (Some(facts), Some(path)) = (parts.next(), parts.next()) {
            let Some(entry) = parse(facts) else { break };
            let path = PathBuf::from(OsString::from_vec(path.to_owned()));
            record.0.insert(path, entry);
        }
        record
    }

    fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (path, entry) in &self.0 {
            match entry {
                Entry::Folder => text.push(b'd'),
                Entry::File { size, time, mode } => {
                    text.extend_from_slice(format!("f{size} {time} {mode}").as_bytes());
                }
                Entry::Link(target) => {
                    text.push(b'l');
                    text.extend_from_slice(target.as_os_str().as_bytes());
                }
                Entry::Other => continue,
            }
            text.push(END);
            text.extend_from_slice(path.as_os_str().as_bytes());
            text.push(END);
        }
        text
    }
}

fn parse(facts: &[u8]) -> Option<Entry> {
    let (kind, rest) = facts.split_first()?;
    match kind {
        b'd' => Some(Entry::Folder),
        b'l' => Some(Entry::Link(OsString::from_vec(rest.to_owned()).into())),
        b'f' => {
            let mut numbers = std::str::from_utf8(rest).ok()?.split(' ');
            Some(Entry::File {
                size: numbers.next()?.parse().ok()?,
                time: numbers.next()?.parse().ok()?,
                mode: numbers.next()?.parse().ok()?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Entry {
        Entry::File {
            size,
            time: 1,
            mode: 0o644,
        }
    }

    #[test]
    fn what_the_project_changed_stays_and_the_rest_follows() {
        let (one, two, mine) = (file(1), file(2), file(3));
        let check = |recorded: Option<&Entry>, there: Option<&Entry>, wanted: &Entry, act: Act| {
            assert_eq!(
                decide(recorded, there, wanted),
                act,
                "{recorded:?} {there:?} {wanted:?}"
            );
        };
        check(None, None, &one, Act::Put);
        check(Some(&one), Some(&one), &one, Act::Leave);
        check(Some(&one), Some(&one), &two, Act::Put);
        check(Some(&one), Some(&mine), &one, Act::Own);
        check(Some(&one), Some(&mine), &two, Act::Kept);
        check(Some(&one), Some(&two), &two, Act::Leave);
        check(Some(&one), None, &one, Act::Own);
        check(Some(&one), None, &two, Act::Kept);
        check(None, Some(&mine), &one, Act::Kept);
        check(None, Some(&one), &one, Act::Leave);
    }

    /// A system root with one file in `/etc`, and nothing else that counts.
    fn root(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["usr", "etc/conf.d", "var/lib/x"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("etc/conf.d/a"), text).unwrap();
        fs::set_permissions(root.path().join("etc/conf.d/a"), Permissions::from_mode(0o444)).unwrap();
        File::open(root.path().join("etc/conf.d/a"))
            .unwrap()
            .set_modified(when(5))
            .unwrap();
        symlink("conf.d/a", root.path().join("etc/link")).unwrap();
        root
    }

    #[test]
    fn a_state_follows_one_root_after_another() {
        let state = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(state.path().join(name)).ok();
        let follow = |root: &tempfile::TempDir| View::new(root.path(), state.path()).follow().unwrap();
        // All of one time and size, as in a store.
        let (one, two, three) = (root("1"), root("2"), root("33"));
        fs::write(two.path().join("etc/more"), "more").unwrap();
        follow(&one);
        assert_eq!(read("etc/link").as_deref(), Some("1"));
        assert_eq!(follow(&one), Followed::default());
        assert_eq!(follow(&two).kept, Vec::<PathBuf>::new());
        assert_eq!(
            (read("etc/conf.d/a"), read("etc/more")),
            (Some("2".into()), Some("more".into()))
        );
        fs::write(state.path().join("etc/conf.d/a"), "mine").unwrap();
        fs::write(state.path().join("var/lib/x/data"), "data").unwrap();
        let done = follow(&three);
        assert_eq!(done.kept, [PathBuf::from("/etc/conf.d/a")]);
        assert_eq!(
            (read("etc/conf.d/a"), read("etc/more")),
            (Some("mine".into()), None)
        );
        // What was taken away stays away, and what the project put there stays there when the system root lets go of it.
        fs::remove_file(state.path().join("etc/link")).unwrap();
        fs::remove_dir_all(one.path().join("var/lib/x")).unwrap();
        follow(&one);
        assert_eq!(
            (read("etc/link"), read("var/lib/x/data")),
            (None, Some("data".into()))
        );
        assert!(read("etc/passwd").is_some_and(|text| text.contains("root:x:0")));
        assert_eq!(
            fs::read_link(state.path().join("var/run")).unwrap(),
            Path::new("/run")
        );
    }

    #[test]
    fn a_run_that_was_interrupted_is_completed_by_the_next() {
        let (state, one, two) = (tempfile::tempdir().unwrap(), root("1"), root("2"));
        let view = |root: &tempfile::TempDir| View::new(root.path(), state.path());
        view(&one).follow().unwrap();
        let record = fs::read(state.path().join(RECORD)).unwrap();
        view(&two).follow().unwrap();
        fs::write(state.path().join(RECORD), record).unwrap();
        assert_eq!(view(&two).follow().unwrap(), Followed::default());
        assert_eq!(view(&one).follow().unwrap().kept, Vec::<PathBuf>::new());
        assert_eq!(
            fs::read_to_string(state.path().join("etc/conf.d/a")).unwrap(),
            "1"
        );
    }

    #[test]
    fn what_only_its_owner_may_read_is_an_empty_folder() {
        let (state, root) = (tempfile::tempdir().unwrap(), root("1"));
        let closed = ["var/lib/x", "etc/conf.d/a"].map(|name| root.path().join(name));
        for path in &closed {
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }
        View::new(root.path(), state.path()).follow().unwrap();
        fs::set_permissions(&closed[0], Permissions::from_mode(0o755)).unwrap();
        assert!(fs::read_dir(state.path().join("var/lib/x")).is_ok());
        // The superuser may read it all the same.
        let copied = state.path().join("etc/conf.d/a").exists();
        assert_eq!(copied, geteuid().is_root());
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let odd = PathBuf::from(OsString::from_vec(b"etc/\xff\n x".to_vec()));
        let record = Record(BTreeMap::from([
            (odd.clone(), file(7)),
            (odd.join("below"), Entry::Link("to \n it".into())),
            ("var".into(), Entry::Folder),
        ]));
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("record");
        fs::write(&at, record.text()).unwrap();
        assert_eq!(Record::read(&at), record);
        assert_eq!(Record::read(&folder.path().join("none")), Record::default());
    }

    #[test]
    fn what_is_no_system_root_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = View::new("/nonexistent/root", folder.path())
            .follow()
            .unwrap_err();
        assert!(error.to_string().contains("/nonexistent/root/usr"), "{error}");
    }

    #[test]
    fn a_run_that_was_killed_is_gone_on_with_by_the_next_whatever_root_that_follows() {
        let state = tempfile::tempdir().unwrap();
        let follow = |root: &tempfile::TempDir| View::new(root.path(), state.path()).follow().unwrap();
        let (one, two, three) = (root("1"), root("22"), root("333"));
        follow(&one);
        // Killed between what was put and the end: the record is that of the first, the file that of the second.
        let before = fs::read(state.path().join(RECORD)).unwrap();
        follow(&two);
        fs::rename(state.path().join(RECORD), state.path().join(COMING)).unwrap();
        fs::write(state.path().join(RECORD), before).unwrap();
        fs::write(
            state.path().join("etc/conf.d").join(format!("{BESIDE}1-a")),
            "half",
        )
        .unwrap();
        let done = follow(&three);
        assert_eq!(done.kept, Vec::<PathBuf>::new(), "nobody changed anything");
        assert_eq!(
            fs::read_to_string(state.path().join("etc/conf.d/a")).unwrap(),
            "333"
        );
        assert_eq!(fs::read_dir(state.path().join("etc/conf.d")).unwrap().count(), 1);
        assert!(!state.path().join(COMING).exists());
    }

    #[test]
    fn links_that_a_program_made_of_folders_are_not_gone_through() {
        let (state, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let follow = |root: &tempfile::TempDir| View::new(root.path(), state.path()).follow().unwrap();
        let (one, two) = (root("1"), root("22"));
        follow(&one);
        let folder = state.path().join("etc/conf.d");
        fs::rename(&folder, outside.path().join("conf.d")).unwrap();
        symlink(outside.path().join("conf.d"), &folder).unwrap();
        fs::write(two.path().join("etc/conf.d/new"), "new").unwrap();
        let done = follow(&two);
        assert_eq!(
            done.kept,
            Vec::<PathBuf>::new(),
            "the link is the project's, and the folder not new"
        );
        let there = |name: &str| fs::read_to_string(outside.path().join("conf.d").join(name)).ok();
        assert_eq!((there("a").as_deref(), there("new")), (Some("1"), None));
        let (three, empty) = (tempfile::tempdir().unwrap(), Path::new("etc"));
        fs::create_dir_all(three.path().join("usr")).unwrap();
        fs::create_dir_all(three.path().join(empty)).unwrap();
        follow(&three);
        assert_eq!(there("a").as_deref(), Some("1"), "nothing outside is taken away");
        assert!(!has_folders(state.path(), Path::new("etc/conf.d/more")).unwrap());
        assert!(has_folders(state.path(), Path::new("etc/made/more")).unwrap());
    }
}
