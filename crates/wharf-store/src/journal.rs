//! Journals of transactions: what was begun, what was ready, what is done.
//!
//! One file a transaction, one JSON line a step: `{seq, tx, op, data, prev, sum}`. `sum` covers the line before it
//! and, through `prev`, every line before that.
//!
//! Invariants: a step that returned is there whoever dies, and on disk as [`Flushed`] says. Recovery gives the same answer however often it runs and wherever
//! the last write was torn: a torn last line was never promised to anyone and is passed over; a bad line before others is
//! damage, so the file is set aside and only the steps before it count. Zeros behind the last step are room for further ones
//! ([`Reserved`]), and say nothing.

mod reserved;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durable;
use crate::error::StoreError;
pub use reserved::Reserved;
use reserved::{Flush, Found};

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    tx: String,
    seq: u64,
    /// Where the next step goes.
    offset: u64,
    sum: String,
    flushed: Flushed,
    /// The first step on its way to the disk.
    begun: Option<Flush>,
}

/// Which steps are on disk when they return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Each.
    Each,
    /// The first, when the second returns: what follows it may be lost to a power cut, but not that it began.
    First,
    /// None: the journal is for killed processes only.
    None,
}

/// How far a transaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not ready: nothing of it counts.
    Begun,
    /// Ready: whether it counts shows in the place that the commit switches.
    Prepared,
    /// Done.
    Committed,
}

/// What recovery found of one transaction.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub tx: String,
    /// How far it came.
    pub state: State,
    /// What it said when it began; null where not even that is whole.
    pub data: Value,
    /// Where its journal was set aside, if a line before the last was damaged.
    pub quarantined: Option<PathBuf>,
    path: PathBuf,
}

#[derive(Serialize)]
struct Step<'a> {
    seq: u64,
    tx: &'a str,
    op: Op,
    data: &'a Value,
    prev: &'a str,
}

#[derive(Deserialize)]
struct ReadStep {
    seq: u64,
    tx: String,
    op: Op,
    data: Value,
    prev: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Op {
    Begin,
    Prepared,
    Commit,
}

impl Journal {
    /// Begins the transaction `tx`, a name that no other has and that can be a file's. `data` says what it is about.
    ///
    /// # Errors
    /// Where `dir` cannot be made or written, or has a journal of that name.
    pub fn begin(dir: &Path, tx: &str, data: Value, flushed: Flushed) -> Result<Self, StoreError> {
        let path = path_of(dir, tx);
        fs::create_dir_all(dir).map_err(StoreError::io("make", dir))?;
        let file = File::create_new(&path).map_err(StoreError::io("make", &path))?;
        let mut journal = Self::first_step(file, path, tx, &data, flushed)?;
        match flushed {
            Flushed::Each => durable::fsync_dir(dir)?,
            Flushed::First => {
                let folder = File::open(dir).map_err(StoreError::io("open", dir))?;
                journal.flush_behind(move || folder.sync_all())?;
            }
            Flushed::None => {}
        }
        Ok(journal)
    }

    /// Begins the transaction that room was made for. Nobody else may begin one in that folder meanwhile, or recover what is there.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn begin_in(reserved: Reserved, data: Value, flushed: Flushed) -> Result<Self, StoreError> {
        let (dir, tx) = (reserved.dir().to_owned(), reserved.tx().to_owned());
        let Some(room) = reserved.take() else {
            return Self::begin(&dir, &tx, data, flushed);
        };
        let path = path_of(&dir, &tx);
        let mut journal = Self::first_step(room.file, path, &tx, &data, flushed)?;
        // From here on it is a journal as any other.
        flock(&journal.file, FlockOperation::Unlock).map_err(StoreError::os("unlock", &journal.path))?;
        match flushed {
            Flushed::Each => joined(room.flushed).map_err(StoreError::io("write", &journal.path))?,
            Flushed::First => journal.flush_behind(|| joined(room.flushed))?,
            Flushed::None => {}
        }
        Ok(journal)
    }

    fn first_step(
        file: File,
        path: PathBuf,
        tx: &str,
        data: &Value,
        flushed: Flushed,
    ) -> Result<Self, StoreError> {
        let mut journal = Self {
            file,
            path,
            tx: tx.to_owned(),
            seq: 0,
            offset: 0,
            sum: String::new(),
            flushed,
            begun: None,
        };
        journal.step(Op::Begin, data)?;
        Ok(journal)
    }

    /// All is staged and synced.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn prepared(&mut self) -> Result<(), StoreError> {
        if let Some(begun) = self.begun.take() {
            joined(begun).map_err(StoreError::io("write", &self.path))?;
        }
        self.step(Op::Prepared, &Value::Null)
    }

    /// Flushes the first step while others work, once its name is on disk; [`Journal::prepared`] waits for it.
    fn flush_behind(
        &mut self,
        name: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let file = self
            .file
            .try_clone()
            .map_err(StoreError::io("open", &self.path))?;
        let flush = move || name().and_then(|()| file.sync_data());
        let thread = std::thread::Builder::new().name("wharf-journal".to_owned());
        let begun = thread.spawn(flush).map_err(StoreError::io("write", &self.path))?;
        self.begun = Some(begun);
        Ok(())
    }

    /// The switch is made. The journal stays until somebody has flushed it all and closes what [`recover`] finds.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn switched(mut self) -> Result<(), StoreError> {
        self.step(Op::Commit, &Value::Null)
    }

    /// The switch is made. The journal has served, and is removed.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.step(Op::Commit, &Value::Null)?;
        fs::remove_file(&self.path).map_err(StoreError::io("remove", &self.path))
    }

    /// Takes the transaction back: nothing of it counts, and its journal is removed.
    ///
    /// # Errors
    /// Where the journal cannot be removed.
    pub fn abort(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(StoreError::io("remove", &self.path))
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn step(&mut self, op: Op, data: &Value) -> Result<(), StoreError> {
        let step = Step {
            seq: self.seq,
            tx: &self.tx,
            op,
            data,
            prev: &self.sum,
        };
        let (line, sum) = print(&step);
        self.file
            .write_all_at(line.as_bytes(), self.offset)
            .and_then(|()| match self.flushed {
                Flushed::Each => self.file.sync_data(),
                Flushed::First | Flushed::None => Ok(()),
            })
            .map_err(StoreError::io("write", &self.path))?;
        self.seq += 1;
        self.offset += line.len() as u64;
        self.sum = sum;
        Ok(())
    }
}

impl Outcome {
    /// Forgets the transaction, once what it left is settled: when this returns, a power cut does not bring its journal back.
    ///
    /// # Errors
    /// Where its journal cannot be removed.
    pub fn close(self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Ok(()) => durable::fsync_dir(durable::folder_of(&self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("remove", self.path)(error)),
        }
    }
}

/// Whether a transaction in this folder is not closed, as far as a glance tells: one that died before it had begun is none.
pub fn has_begun(dir: &Path) -> bool {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path()).filter(|path| is_journal(path));
    paths.any(|path| {
        let mut first = [0];
        // What cannot be read may say anything. Room that somebody holds cannot be read everywhere.
        match File::open(&path).and_then(|file| file.read_at(&mut first, 0)) {
            Ok(_) => first != [0],
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    })
}

/// Reads every journal of a folder, in the order of their names, passing over torn ends and setting damaged ones aside
/// (in `<dir>.quarantine`). Room that nobody will use any more is removed. No folder means no transactions.
///
/// # Errors
/// Where a journal cannot be read or copied.
pub fn recover(dir: &Path) -> Result<Vec<Outcome>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(StoreError::io("list", dir))?,
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| is_journal(path));
    paths.sort();
    let found = paths.into_iter().map(|path| recover_one(dir, path).transpose());
    found.flatten().collect()
}

/// What the bytes of a journal say, for transaction `tx`.
///
/// Takes bytes from a disk that may have failed: never panics, and its answer only depends on the sound steps.
pub fn judge(tx: &str, bytes: &[u8]) -> Judgement {
    let mut found = Judgement {
        state: State::Begun,
        data: Value::Null,
        sound: 0,
        damaged: false,
    };
    let mut sum = String::new();
    for seq in 0.. {
        let rest = &bytes[found.sound..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            break;
        };
        let Some((step, next_sum)) = parse(&rest[..length]) else {
            // A line that begins with zeros is one whose first sector was not written when the power failed.
            found.damaged = rest[0] != 0 && !is_room(&rest[length + 1..]);
            break;
        };
        let in_order = match step.op {
            Op::Begin => seq == 0,
            Op::Prepared => seq == 1,
            Op::Commit => seq == 2,
        };
        if step.tx != tx || step.seq != seq || step.prev != sum || !in_order {
            found.damaged = true;
            break;
        }
        found.sound += length + 1;
        sum = next_sum;
        match step.op {
            Op::Begin => found.data = step.data,
            Op::Prepared => found.state = State::Prepared,
            Op::Commit => found.state = State::Committed,
        }
    }
    found
}

/// What [`judge`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// How far the transaction came.
    pub state: State,
    /// What it said when it began.
    pub data: Value,
    /// How many bytes from the start are whole steps.
    pub sound: usize,
    /// Whether what follows is damage, and not just a torn end.
    pub damaged: bool,
}

/// One journal; `None` where nothing was begun.
fn recover_one(dir: &Path, path: PathBuf) -> Result<Option<Outcome>, StoreError> {
    let tx = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let found = match Found::open(&path) {
        // Whoever made room gives it back without asking anybody.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => other.map_err(StoreError::io("read", &path))?,
    };
    let Some(mut found) = found else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    found
        .file
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("read", &path))?;
    if is_room(&bytes) {
        found.clear(&path);
        return Ok(None);
    }
    let Judgement {
        state, data, damaged, ..
    } = judge(&tx, &bytes);
    let mut outcome = Outcome {
        tx,
        state,
        data,
        quarantined: None,
        path,
    };
    if damaged {
        let mut folder = dir.as_os_str().to_owned();
        folder.push(".quarantine");
        let folder = PathBuf::from(folder);
        fs::create_dir_all(&folder).map_err(StoreError::io("make", &folder))?;
        let to = folder.join(outcome.path.file_name().unwrap_or_default());
        // A copy: the journal itself stays until its outcome is settled, so that a crash here loses nothing.
        fs::copy(&outcome.path, &to).map_err(StoreError::io("write", &to))?;
        outcome.quarantined = Some(to);
    }
    Ok(Some(outcome))
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// What became of a flush.
fn joined(flush: Flush) -> io::Result<()> {
    let died = |_| Err(io::Error::other("its thread died"));
    flush.join().unwrap_or_else(died)
}

/// Whether these bytes say nothing.
fn is_room(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Where the journal of a transaction lies.
fn path_of(dir: &Path, tx: &str) -> PathBuf {
    dir.join(format!("{tx}.jsonl"))
}

const SUM_DIGITS: usize = 32;

/// The line, with its end, and its sum.
fn print(step: &Step<'_>) -> (String, String) {
    let mut line = serde_json::to_string(step).expect("a step is plain data");
    line.pop(); // the closing brace comes after the sum
    let sum = blake3::hash(line.as_bytes()).to_hex()[..SUM_DIGITS].to_owned();
    line.push_str(&format!(",\"sum\":\"{sum}\"}}\n"));
    (line, sum)
}

fn parse(line: &[u8]) -> Option<(ReadStep, String)> {
    let text = std::str::from_utf8(line).ok()?;
    let body = text.strip_suffix("\"}")?;
    let (body, sum) = body.split_at_checked(body.len().checked_sub(SUM_DIGITS)?)?;
    let body = body.strip_suffix(",\"sum\":\"")?;
    if blake3::hash(body.as_bytes()).to_hex()[..SUM_DIGITS] != *sum {
        return None;
    }
    let step = serde_json::from_str(&format!("{body}}}")).ok()?;
    Some((step, sum.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The bytes of a whole journal, and where each of its three steps ends.
    fn whole() -> (Vec<u8>, [usize; 3]) {
        let mut bytes = Vec::new();
        let (mut sum, mut ends) = (String::new(), [0; 3]);
        let data = json!({"generation": 7, "note": "line\nbreak"});
        for (seq, op) in [Op::Begin, Op::Prepared, Op::Commit].into_iter().enumerate() {
            let data = if seq == 0 { &data } else { &Value::Null };
            let (line, next) = print(&Step {
                seq: seq as u64,
                tx: "t",
                op,
                data,
                prev: &sum,
            });
            bytes.extend_from_slice(line.as_bytes());
            (sum, ends[seq]) = (next, bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn every_cut_leaves_the_steps_before_it() {
        let (bytes, ends) = whole();
        for cut in 0..=bytes.len() {
            let found = judge("t", &bytes[..cut]);
            let steps = ends.iter().filter(|end| **end <= cut).count();
            let state = [State::Begun, State::Begun, State::Prepared, State::Committed][steps];
            assert_eq!((found.state, found.damaged), (state, false), "cut at {cut}");
            assert_eq!(found.sound, if steps == 0 { 0 } else { ends[steps - 1] });
            assert_eq!(found.data.is_null(), steps == 0);
        }
    }

    #[test]
    fn zeros_behind_the_steps_are_no_damage() {
        let (bytes, ends) = whole();
        for end in ends {
            let room = [&bytes[..end], &[0; 50]].concat();
            let (with, without) = (judge("t", &room), judge("t", &bytes[..end]));
            assert_eq!(with, without);
        }
        // A step that was on its way when the power failed: some of its sectors are there.
        let mut torn = [&bytes[..ends[1]], &[0; 50]].concat();
        torn[ends[0] + 5..ends[0] + 30].fill(0);
        let found = judge("t", &torn);
        assert_eq!((found.sound, found.damaged), (ends[0], false));
        // Of a step its end is there, and the whole of the next.
        let mut torn = bytes.clone();
        torn[ends[0]..ends[0] + 20].fill(0);
        let found = judge("t", &torn);
        assert_eq!(
            (found.state, found.sound, found.damaged),
            (State::Begun, ends[0], false)
        );
    }

    #[test]
    fn another_transaction_or_order_is_damage() {
        let (bytes, ends) = whole();
        assert!(judge("other", &bytes).damaged);
        let swapped = [&bytes[..ends[0]], &bytes[ends[1]..], &bytes[ends[0]..ends[1]]].concat();
        assert_eq!(judge("t", &swapped).state, State::Begun);
        assert!(judge("t", &swapped).damaged);
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_invents_a_step(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (bytes, ends) = whole();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            let mut changed = bytes.clone();
            changed[at] = byte;
            let found = judge("t", &changed);
            let untouched = ends.iter().filter(|end| **end <= at).count();
            prop_assert_eq!(found.state, [State::Begun, State::Begun, State::Prepared][untouched]);
            prop_assert_eq!(found.sound, if untouched == 0 { 0 } else { ends[untouched - 1] });
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(judge("t", &noise).sound, 0);
        }

        #[test]
        fn recovery_twice_says_the_same(cut in any::<prop::sample::Index>(), noise in proptest::collection::vec(any::<u8>(), 0..40)) {
            let dir = tempfile::tempdir().unwrap();
            let (bytes, _) = whole();
            let torn = [&bytes[..cut.index(bytes.len() + 1)], &noise[..]].concat();
            prop_assume!(!is_room(&torn));
            fs::write(dir.path().join("t.jsonl"), torn).unwrap();
            let first = recover(dir.path()).unwrap().remove(0);
            let second = recover(dir.path()).unwrap().remove(0);
            prop_assert_eq!((first.state, &first.data, &first.quarantined), (second.state, &second.data, &second.quarantined));
            second.close().unwrap();
            prop_assert!(recover(dir.path()).unwrap().is_empty());
            if let Some(place) = first.quarantined {
                fs::remove_file(place).unwrap();
            }
        }
    }

    #[test]
    fn a_life_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("journal");
        assert!(recover(&place).unwrap().is_empty());
        let mut journal = Journal::begin(&place, "t1", json!({"generation": 1}), Flushed::Each).unwrap();
        assert!(
            Journal::begin(&place, "t1", Value::Null, Flushed::Each).is_err(),
            "a name is used once"
        );
        assert_eq!(recover(&place).unwrap()[0].state, State::Begun);
        journal.prepared().unwrap();
        let found = recover(&place).unwrap().remove(0);
        assert_eq!(
            (found.state, found.data["generation"].as_u64()),
            (State::Prepared, Some(1))
        );
        journal.commit().unwrap();
        assert!(recover(&place).unwrap().is_empty());
        for flushed in [Flushed::First, Flushed::None] {
            let mut journal = Journal::begin(&place, "t2", Value::Null, flushed).unwrap();
            journal.prepared().unwrap();
            assert_eq!(recover(&place).unwrap()[0].state, State::Prepared);
            journal.abort().unwrap();
            assert!(recover(&place).unwrap().is_empty());
            Journal::begin(&place, "t3", Value::Null, flushed)
                .unwrap()
                .switched()
                .unwrap();
            let found = recover(&place).unwrap().remove(0);
            assert_eq!(found.state, State::Begun, "a switch comes after it was prepared");
            found.close().unwrap();
        }
    }

    #[test]
    fn damage_is_set_aside_and_what_came_before_counts() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("journal");
        fs::create_dir(&place).unwrap();
        let (mut bytes, ends) = whole();
        bytes[ends[0] + 10] ^= 1;
        fs::write(place.join("t.jsonl"), &bytes).unwrap();
        let found = recover(&place).unwrap().remove(0);
        assert_eq!(found.state, State::Begun);
        assert_eq!(fs::read(found.quarantined.as_ref().unwrap()).unwrap(), bytes);
        found.close().unwrap();
        assert!(recover(&place).unwrap().is_empty());
    }
}
