//! The fast path: whether anything changed since the last sync found everything current.
//!
//! One small file keeps the state of all that a sync depends on. Checking it costs a read and a handful of `stat`s: no
//! Python, no lockfile, no lock. Invariant: "current" is only said if every input is what it was (same
//! time, size and inode, or same content), the same generation stands at the same place, and nobody put a package into it.
//! A change within the clock's granularity of the record counts as a change until the content is compared.

use std::fs::{self, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::generation::{Generation, Marker};
use crate::layout::listing;
use crate::state::State;

/// Files whose time lies this close to the record's are compared by content: two writes may share one tick of the clock.
const GRANULARITY: i128 = 20_000_000;
const FORMAT: u32 = 1;

/// What a sync depended on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Everything that is not a file: the command's options, the version of Wharf. Compared as text.
    pub key: String,
    /// Every file that was read, or looked for and not there: manifests, included files, the lockfile.
    pub inputs: Vec<PathBuf>,
}

/// Whether a sync has anything to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Nothing: this generation stands and is what is wanted.
    Current(u64),
    /// Perhaps something, because of this.
    Stale(String),
}

/// The file `fresh`.
#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    key: String,
    root: PathBuf,
    generation: u64,
    written: i128,
    marker: Stat,
    python: Stat,
    site: Listing,
    scripts: Listing,
    inputs: Vec<Input>,
}

/// What `stat` says of a file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stat {
    inode: u64,
    size: u64,
    modified: i128,
    changed: i128,
}

/// A directory and the names that belong into it.
#[derive(Serialize, Deserialize)]
struct Listing {
    path: PathBuf,
    stat: Stat,
    names: String,
}

/// A file that a sync read; `state` is `None` where there was none.
#[derive(Serialize, Deserialize)]
struct Input {
    path: PathBuf,
    state: Option<(Stat, String)>,
}

impl Stat {
    fn of(data: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            inode: data.ino(),
            size: data.size(),
            modified: nanoseconds(data.mtime(), data.mtime_nsec()),
            changed: nanoseconds(data.ctime(), data.ctime_nsec()),
        }
    }

    fn read(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|data| Self::of(&data))
    }

    /// Whether a change right after this could be invisible to whoever recorded it at `written`.
    fn racy(&self, written: i128) -> bool {
        self.modified.max(self.changed) + GRANULARITY >= written
    }
}

impl Input {
    fn read(path: &Path) -> Self {
        let state = Stat::read(path).zip(content(path));
        Self {
            path: path.to_owned(),
            state,
        }
    }

    fn unchanged(&self, written: i128) -> bool {
        match (&self.state, Stat::read(&self.path)) {
            (None, None) => true,
            (Some((before, _)), Some(now)) if *before == now && !before.racy(written) => true,
            (Some((_, hash)), Some(_)) => content(&self.path).as_ref() == Some(hash),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl Listing {
    fn read(path: PathBuf, names: &[String]) -> Option<Self> {
        Some(Self {
            stat: Stat::read(&path)?,
            names: digest(names),
            path,
        })
    }

    /// Looks again. `Some(None)`: untouched; `Some(Some(_))`: touched, but the same names, and this is what `stat` said
    /// before they were read; `None`: other names.
    fn check(&self, written: i128) -> Option<Option<Stat>> {
        let now = Stat::read(&self.path)?;
        if now.inode == self.stat.inode && now.modified == self.stat.modified && !self.stat.racy(written) {
            return Some(None);
        }
        (digest(&listing(&self.path)?) == self.names).then_some(Some(now))
    }
}

/// A directory's content is its listing: a project may depend on what lies in a directory of archives.
fn content(path: &Path) -> Option<String> {
    if path.is_dir() {
        return listing(path).map(|names| digest(&names));
    }
    Some(blake3::hash(&fs::read(path).ok()?).to_hex().to_string())
}

fn digest(names: &[String]) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(name.as_bytes()).update(b"\0");
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Whether the environment at `root` is still what it was when `note` was called with this key.
pub(crate) fn check(state: &State, root: &Path, key: &str) -> Freshness {
    match judge(state, root, key) {
        Ok(generation) => Freshness::Current(generation),
        Err(reason) => Freshness::Stale(reason),
    }
}

fn judge(state: &State, root: &Path, key: &str) -> Result<u64, String> {
    let bytes = fs::read(state.fresh()).map_err(|_| "no sync has finished here yet".to_owned())?;
    let mut record: Record =
        serde_json::from_slice(&bytes).map_err(|_| "the last sync left no readable record".to_owned())?;
    let because = |holds: bool, reason: &str| if holds { Ok(()) } else { Err(reason.to_owned()) };
    because(
        record.format == FORMAT,
        "another version of wharf made the record",
    )?;
    because(record.key == key, "the options differ from the last sync's")?;
    because(record.root == root, "the project has moved")?;
    because(
        Stat::read(&root.join(Marker::NAME)) == Some(record.marker),
        "the environment was replaced",
    )?;
    if let Some(changed) = record
        .inputs
        .iter()
        .find(|input| !input.unchanged(record.written))
    {
        return Err(format!("{} has changed", changed.path.display()));
    }
    let python = Stat::read(&record.scripts.path.join("python"));
    because(
        python == Some(record.python),
        "the Python behind the environment has changed",
    )?;
    let generation = record.generation;
    let (mut touched, looked) = (false, now());
    for directory in [&mut record.site, &mut record.scripts] {
        match directory.check(record.written) {
            Some(None) => {}
            Some(Some(stat)) => (directory.stat, touched) = (stat, true),
            None => {
                return Err(format!(
                    "somebody changed what lies in {}",
                    directory.path.display()
                ));
            }
        }
    }
    if touched {
        // Only time stamps moved: note them, so that the next check need not list the directories. Inputs too close
        // to the old record were compared by content after `looked`, so they are not too close to the new one.
        record.written = looked;
        write(state, &record);
    }
    Ok(generation)
}

/// Records that everything is current. Failures are passed over: the next sync only looks harder.
pub(crate) fn note(state: &State, root: &Path, generation: &Generation, fingerprint: &Fingerprint) {
    let site = Listing::read(root.join(&generation.site_packages), &generation.site_names);
    let scripts = Listing::read(root.join(&generation.scripts), &generation.script_names);
    let marker = Stat::read(&root.join(Marker::NAME));
    let python = Stat::read(&root.join(&generation.scripts).join("python"));
    let (Some(site), Some(scripts), Some(marker), Some(python)) = (site, scripts, marker, python) else {
        return;
    };
    let inputs = fingerprint.inputs.iter().map(|path| Input::read(path)).collect();
    let record = Record {
        format: FORMAT,
        key: fingerprint.key.clone(),
        root: root.to_owned(),
        generation: generation.number,
        written: now(),
        marker,
        python,
        site,
        scripts,
        inputs,
    };
    write(state, &record);
}

/// Forgets the record, so that whatever happens next, nobody believes it.
pub(crate) fn forget(state: &State) {
    let _ = fs::remove_file(state.fresh());
}

fn write(state: &State, record: &Record) {
    let attempt = || -> std::io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(state.directory())?;
        temporary.write_all(&serde_json::to_vec(record)?)?;
        temporary.persist(state.fresh())?;
        Ok(())
    };
    if let Err(error) = attempt() {
        tracing::debug!(%error, "cannot record that everything is current");
    }
}

fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).expect("the time since 1970 fits 127 bits of nanoseconds")
}
