//! The fast path: whether anything changed since the last sync found everything current.
//!
//! One small file keeps the state of all that a sync depends on. Checking it costs a read and a handful of `stat`s: no
//! Python, no lockfile, no lock. Invariant: "current" is only said if every input is what it was (same
//! time, size and inode, or same content), every folder of the same generation stands at the same place, and nobody put a
//! package into one.
//! A change within the clock's granularity of the record counts as a change until the content is compared.

use std::fs::{self, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wharf_store::durable;

use crate::drift::{listing, newer, standing_since};
use crate::generation::{Generation, Marker, RootRecord};
use crate::ground::{Ground, RootKind};
use crate::redo;
use crate::state::State;

/// Files whose time lies this close to the record's are compared by content: two writes may share one tick of the clock.
const GRANULARITY: i128 = 20_000_000;
/// Files above this size are executables rather than text that somebody edits: their size and time stand for their content.
const LARGE: u64 = 4 << 20;
const FORMAT: u32 = 3;

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
    project: PathBuf,
    generation: u64,
    written: i128,
    roots: Vec<Root>,
    /// The interpreter that the Python part links to.
    python: Option<(PathBuf, Stat)>,
    /// The store that packages of npm and crates are links into, and its inode.
    store: Option<(PathBuf, u64)>,
    /// Where that store puts what it found damaged: homes that links lead to may have gone there.
    #[serde(default)]
    quarantine: Option<(PathBuf, Stat)>,
    /// The start of the machine in which it was written.
    #[serde(default)]
    boot: String,
    inputs: Vec<Input>,
}

/// One folder of the generation.
#[derive(Serialize, Deserialize)]
struct Root {
    kind: RootKind,
    marker: (PathBuf, Stat),
    listings: Vec<Listing>,
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
    place: String,
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
    fn read(root: &Path, place: &str, names: &[String]) -> Option<Self> {
        let path = root.join(place);
        Some(Self {
            stat: Stat::read(&path)?,
            names: digest(names),
            place: place.to_owned(),
            path,
        })
    }

    /// Looks again. `Some(None)`: untouched; `Some(Some(_))`: touched, but the same names, and this is what `stat` said
    /// before they were read; `None`: other names, or something else behind them.
    fn check(&self, kind: RootKind, written: i128, since: Option<SystemTime>) -> Option<Option<Stat>> {
        let now = Stat::read(&self.path)?;
        if now.inode == self.stat.inode && now.modified == self.stat.modified && !self.stat.racy(written) {
            return Some(None);
        }
        let names = listing(&self.path, kind, &self.place)?;
        let replaced = |since| newer(&self.path, &names, since).next().is_some();
        let replaced = kind == RootKind::Node && since.is_some_and(replaced);
        (digest(&names) == self.names && !replaced).then_some(Some(now))
    }
}

impl Root {
    fn read(ground: &Ground, root: &RootRecord) -> Option<Self> {
        let path = ground.path(&root.name);
        let marker = path.join(Marker::NAME);
        let listings = root.places.iter();
        Some(Self {
            kind: root.name.kind,
            marker: (marker.clone(), Stat::read(&marker)?),
            listings: listings
                .map(|place| Listing::read(&path, &place.path, &place.names))
                .collect::<Option<_>>()?,
        })
    }
}

/// A directory's content is its listing: a project may depend on what lies in a directory of archives.
fn content(path: &Path) -> Option<String> {
    if path.is_dir() {
        return listing(path, RootKind::Python, "").map(|names| digest(&names));
    }
    let data = fs::metadata(path).ok()?;
    if data.len() > LARGE {
        return Some(format!("{} {}.{}", data.len(), data.mtime(), data.mtime_nsec()));
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

/// Whether the environment is still what it was when `note` was called with this key.
pub(crate) fn check(state: &State, ground: &Ground, key: &str) -> Freshness {
    match judge(state, ground, key) {
        Ok(generation) => Freshness::Current(generation),
        Err(reason) => Freshness::Stale(reason),
    }
}

fn judge(state: &State, ground: &Ground, key: &str) -> Result<u64, String> {
    let bytes = fs::read(state.fresh()).map_err(|_| "no sync has finished here yet".to_owned())?;
    let mut record: Record =
        serde_json::from_slice(&bytes).map_err(|_| "the last sync left no readable record".to_owned())?;
    let because = |holds: bool, reason: &str| if holds { Ok(()) } else { Err(reason.to_owned()) };
    because(
        record.format == FORMAT,
        "another version of wharf made the record",
    )?;
    because(record.key == key, "the options differ from the last sync's")?;
    because(record.project == ground.project(), "the project has moved")?;
    because(
        !redo::has_journal(state) || record.boot == durable::boot(),
        "the machine stopped before the last sync was on disk",
    )?;
    let marked = |root: &Root| Stat::read(&root.marker.0) == Some(root.marker.1);
    because(record.roots.iter().all(marked), "the environment was replaced")?;
    if let Some(changed) = record
        .inputs
        .iter()
        .find(|input| !input.unchanged(record.written))
    {
        return Err(format!("{} has changed", changed.path.display()));
    }
    let same = |(path, stat): &(PathBuf, Stat)| Stat::read(path) == Some(*stat);
    because(
        record.python.as_ref().is_none_or(same),
        "the Python behind the environment has changed",
    )?;
    let same = |(path, inode): &(PathBuf, u64)| Stat::read(path).is_some_and(|stat| stat.inode == *inode);
    because(record.store.as_ref().is_none_or(same), "the store was replaced")?;
    let same = |(path, stat): &(PathBuf, Stat)| Stat::read(path) == Some(*stat);
    because(
        record.quarantine.as_ref().is_none_or(same),
        "something of the store was damaged",
    )?;
    let (mut touched, looked, since) = (false, now(), standing_since(ground));
    for root in &mut record.roots {
        for directory in &mut root.listings {
            match directory.check(root.kind, record.written, since) {
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
    }
    let generation = record.generation;
    if touched {
        // Only time stamps moved: note them, so that the next check need not list the directories. Inputs too close
        // to the old record were compared by content after `looked`, so they are not too close to the new one.
        record.written = looked;
        write(state, &record);
    }
    Ok(generation)
}

/// Records that everything is current. Failures are passed over: the next sync only looks harder.
pub(crate) fn note(state: &State, ground: &Ground, generation: &Generation, fingerprint: &Fingerprint) {
    if let Some(record) = record(ground, generation, fingerprint) {
        write(state, &record);
    }
}

fn record(ground: &Ground, generation: &Generation, fingerprint: &Fingerprint) -> Option<Record> {
    let roots = generation.roots.iter().map(|root| Root::read(ground, root));
    let stat = |path: PathBuf| Stat::read(&path).map(|stat| (path, stat));
    let python = match &generation.python {
        Some(part) => Some(stat(match &part.interpreter.root {
            Some(_) => generation.python_on_disk(part),
            None => ground.python().join(&part.scripts).join("python"),
        })?),
        None => None,
    };
    let kinds = [RootKind::Node, RootKind::Crates, RootKind::System];
    let linked = kinds.map(|kind| generation.linked_store(kind));
    let linked = linked.into_iter().flatten().next();
    let store = match linked {
        Some(store) => Some((store.to_owned(), Stat::read(store)?.inode)),
        None => None,
    };
    let quarantine = linked.and_then(|store| stat(store.join("quarantine")));
    Some(Record {
        format: FORMAT,
        key: fingerprint.key.clone(),
        project: ground.project().to_owned(),
        generation: generation.number,
        roots: roots.collect::<Option<_>>()?,
        python,
        store,
        quarantine,
        boot: durable::boot(),
        inputs: fingerprint.inputs.iter().map(|path| Input::read(path)).collect(),
        written: now(),
    })
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
