//! The disk cache: one file per answer, a small binary header before the body.
//!
//! Invariants: an entry appears whole or not at all (written aside, then renamed); an entry that a crash or a disk
//! fault damaged is a miss, never an error; nothing is synced, because every entry can be fetched again. Judging
//! an entry's freshness reads its first bytes only. The file:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic with the version of this layout |
//! | 8 | when the answer was made, in milliseconds since 1970 |
//! | 8 | until when it is fresh, likewise |
//! | 4, 2, 2 | length of the texts, HTTP status, flags |
//! | 8, 16 | length and BLAKE3 (first 16 bytes) of the body |
//! | 8 | checksum of the row above, from the lengths on, and of the texts |
//! | … | content type, ETag, Last-Modified, URL: each a 2-byte length and UTF-8 |
//! | … | the body |
//!
//! The two times stand outside the checksum so that a revalidated entry is renewed by writing 16 bytes in place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use wharf_core::WebUrl;

use crate::error::NetError;
use crate::freshness::FOREVER;

const MAGIC: &[u8; 8] = b"WHARFH1\n";
const FIXED: usize = 64;
/// Read in one go; most entries fit whole.
const FIRST_READ: usize = 32 << 10;
const FLAG_MUST_REVALIDATE: u16 = 1;

/// Identifies a body by its content: equal bodies, fetched whenever and from wherever, have equal identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub [u8; 16]);

impl Identity {
    /// The identity of these bytes: the first half of their BLAKE3.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let hash = blake3::hash(body);
        let mut identity = [0; 16];
        identity.copy_from_slice(&hash.as_bytes()[..16]);
        Self(identity)
    }

    /// 32 lower-case hexadecimal digits, fit for a file name.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

/// What is known about a cached answer without reading its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CachedState {
    /// Which body it has.
    pub identity: Identity,
    /// How long ago the answer was made or last confirmed.
    pub age: Duration,
    /// How long it is still fresh; zero once stale.
    pub fresh_for: Duration,
    /// Bytes of the body.
    pub body_length: u64,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Where the answer came from in the end.
    pub url: WebUrl,
    /// Whether the answer is that there is no such thing.
    pub not_found: bool,
}

/// The bytes of an answer: in memory, or still in the cache's file.
#[derive(Debug, Clone)]
pub struct Body(Place);

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    File {
        file: std::sync::Arc<File>,
        path: PathBuf,
        offset: u64,
        length: u64,
        identity: Identity,
    },
}

impl Body {
    pub(crate) fn memory(bytes: Bytes) -> Self {
        Self(Place::Memory(bytes))
    }

    /// The bytes. Reads and checks the file if they are still there.
    ///
    /// # Errors
    /// The file cannot be read or was damaged; a damaged entry is removed, so that the next request fetches anew.
    pub fn bytes(&self) -> Result<Bytes, NetError> {
        match &self.0 {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::File {
                file,
                path,
                offset,
                length,
                identity,
            } => {
                let read =
                    read_at(file, *offset, *length).and_then(|body| match Identity::of(&body) == *identity {
                        true => Ok(body),
                        false => Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "the cached body is damaged",
                        )),
                    });
                read.map_err(|error| {
                    // Gone is gone: it can be fetched again.
                    let _ = fs::remove_file(path);
                    NetError::disk("read", path, error)
                })
            }
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.0 {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File { length, .. } => *length,
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    use std::os::unix::fs::FileExt;
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut body, offset)?;
    Ok(body.into())
}

#[cfg(not(unix))]
fn read_at(mut file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut body)?;
    Ok(body.into())
}

/// What stands before a body. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// When the answer was made or last confirmed.
    pub made: i64,
    /// Until when it is fresh.
    pub fresh_until: i64,
    /// The HTTP status: 200, 404 or 410.
    pub status: u16,
    /// Whether it may not be used once stale.
    pub must_revalidate: bool,
    /// Bytes of the body.
    pub body_length: u64,
    /// Which body it is.
    pub identity: Identity,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// Where the answer came from in the end, without credentials.
    pub url: String,
}

impl Header {
    /// Writes the header as the file has it. Texts longer than 65,535 bytes are left out.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let mut texts = Vec::with_capacity(192);
        let url = Some(&self.url);
        for text in [
            self.content_type.as_ref(),
            self.etag.as_ref(),
            self.last_modified.as_ref(),
            url,
        ] {
            let text = text.map(String::as_str).unwrap_or_default();
            let (length, text) = u16::try_from(text.len()).map_or((0, ""), |length| (length, text));
            texts.extend(length.to_le_bytes());
            texts.extend(text.as_bytes());
        }
        let flags = if self.must_revalidate {
            FLAG_MUST_REVALIDATE
        } else {
            0
        };
        let mut bytes = Vec::with_capacity(FIXED + texts.len());
        bytes.extend(MAGIC);
        bytes.extend(self.made.to_le_bytes());
        bytes.extend(self.fresh_until.to_le_bytes());
        let length = u32::try_from(texts.len()).expect("four texts of at most 64 KiB");
        bytes.extend(length.to_le_bytes());
        bytes.extend(self.status.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(self.body_length.to_le_bytes());
        bytes.extend(self.identity.0);
        bytes.extend(checksum(&bytes[24..56], &texts));
        bytes.extend(texts);
        bytes
    }

    /// Reads a header from the first bytes of a file, with the offset of the body. `None` if it is damaged, made by
    /// another version, or longer than what is given.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let texts_length = usize::try_from(u32::from_le_bytes(array(bytes, 24)?)).ok()?;
        let body_at = FIXED.checked_add(texts_length)?;
        let texts = bytes.get(FIXED..body_at)?;
        if checksum(bytes.get(24..56)?, texts) != array::<8>(bytes, 56)? {
            return None;
        }
        let mut rest = texts;
        let mut text = || {
            let length = usize::from(u16::from_le_bytes(array(rest, 0)?));
            let text = std::str::from_utf8(rest.get(2..2 + length)?).ok()?.to_owned();
            rest = &rest[2 + length..];
            Some(text)
        };
        let optional = |text: String| (!text.is_empty()).then_some(text);
        let header = Self {
            made: i64::from_le_bytes(array(bytes, 8)?),
            fresh_until: i64::from_le_bytes(array(bytes, 16)?),
            status: u16::from_le_bytes(array(bytes, 28)?),
            must_revalidate: u16::from_le_bytes(array(bytes, 30)?) & FLAG_MUST_REVALIDATE != 0,
            body_length: u64::from_le_bytes(array(bytes, 32)?),
            identity: Identity(array(bytes, 40)?),
            content_type: optional(text()?),
            etag: optional(text()?),
            last_modified: optional(text()?),
            url: text()?,
        };
        Some((header, body_at))
    }

    /// How long ago the answer was made. A clock that was set back makes it zero.
    fn age(&self, now: i64) -> Duration {
        Duration::from_millis(u64::try_from(now.saturating_sub(self.made)).unwrap_or(0))
    }

    /// How long it is fresh. An answer from the future is stale: the clock was set back, nothing is certain.
    fn fresh_for(&self, now: i64) -> Duration {
        if self.made > now.saturating_add(60_000) {
            return Duration::ZERO;
        }
        Duration::from_millis(u64::try_from(self.fresh_until.saturating_sub(now)).unwrap_or(0)).min(FOREVER)
    }

    fn state(&self, now: i64) -> Option<CachedState> {
        Some(CachedState {
            identity: self.identity,
            age: self.age(now),
            fresh_for: self.fresh_for(now),
            body_length: self.body_length,
            content_type: self.content_type.clone(),
            url: WebUrl::parse(&self.url).ok()?,
            not_found: matches!(self.status, 404 | 410),
        })
    }
}

/// A cached answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) header: Header,
    pub(crate) state: CachedState,
    pub(crate) body: Body,
}

/// Where the entries lie.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The file of an answer. Credentials and fragments do not matter; what was asked to be accepted does.
    pub(crate) fn path(&self, bucket: &str, url: &WebUrl, accept: &str) -> PathBuf {
        debug_assert!(
            bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            "a bucket names a directory"
        );
        let mut hasher = blake3::Hasher::new();
        hasher.update(url.without_credentials().without_fragment().expose().as_bytes());
        hasher.update(b"\n");
        hasher.update(accept.as_bytes());
        let name = hex(&hasher.finalize().as_bytes()[..16]);
        self.root.join(bucket).join(&name[..2]).join(&name[2..])
    }

    /// Reads an entry; its body only if it is small.
    pub(crate) fn read(&self, path: &Path) -> Option<Entry> {
        let mut file = File::open(path).ok()?;
        let mut first = Vec::with_capacity(FIRST_READ);
        (&mut file).take(FIRST_READ as u64).read_to_end(&mut first).ok()?;
        let mut parsed = Header::parse(&first);
        if parsed.is_none() && first.len() == FIRST_READ {
            // Only absurdly long texts need more than the first read.
            (&mut file).take(4 << 16).read_to_end(&mut first).ok()?;
            parsed = Header::parse(&first);
        }
        let (header, body_at) = parsed?;
        let state = header.state(now_millis())?;
        let whole = first.len() < FIRST_READ;
        let body = if whole {
            first.drain(..body_at);
            if first.len() as u64 != header.body_length || Identity::of(&first) != header.identity {
                return None;
            }
            Place::Memory(first.into())
        } else {
            let offset = body_at as u64;
            if file.metadata().ok()?.len().checked_sub(offset)? != header.body_length {
                return None;
            }
            Place::File {
                file: std::sync::Arc::new(file),
                path: path.to_owned(),
                offset,
                length: header.body_length,
                identity: header.identity,
            }
        };
        Some(Entry {
            header,
            state,
            body: Body(body),
        })
    }

    /// Writes an entry aside and renames it into place.
    pub(crate) fn write(&self, path: &Path, header: &Header, body: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let aside = folder.join(format!(".{}-{number}", std::process::id()));
        let create = || {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&aside)
        };
        let mut file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                create()?
            }
            other => other?,
        };
        let written = file
            .write_all(&header.print())
            .and_then(|()| file.write_all(body))
            .and_then(|()| fs::rename(&aside, path));
        if written.is_err() {
            // A full disk must not be filled further by what could not be finished.
            let _ = fs::remove_file(&aside);
        }
        written
    }

    /// Renews an entry whose body was confirmed: 16 bytes in place. Another process may have replaced the entry in
    /// between; then its times change, which were as good.
    pub(crate) fn renew(&self, path: &Path, made: i64, fresh_until: i64) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(8))?;
        let mut times = [0; 16];
        times[..8].copy_from_slice(&made.to_le_bytes());
        times[8..].copy_from_slice(&fresh_until.to_le_bytes());
        file.write_all(&times)
    }
}

/// What [`prune`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Answers removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the answers below `root` that nobody used for so long. Safe at any time: whoever needs one fetches it.
///
/// Use is told by the files' access times, which file systems keep to within a day.
///
/// # Errors
/// `root` exists and cannot be listed.
pub fn prune(root: &Path, unused_for: Duration) -> io::Result<Pruned> {
    let mut pruned = Pruned::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let used = metadata.accessed().into_iter().chain(metadata.modified()).max();
            let idle = used.and_then(|used| used.elapsed().ok()).unwrap_or_default();
            if metadata.is_file() && idle >= unused_for && fs::remove_file(entry.path()).is_ok() {
                pruned.files += 1;
                pruned.bytes += metadata.len();
            }
        }
    }
    Ok(pruned)
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// A span in whole milliseconds.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn checksum(fixed: &[u8], texts: &[u8]) -> [u8; 8] {
    let hash = blake3::Hasher::new().update(fixed).update(texts).finalize();
    let mut short = [0; 8];
    short.copy_from_slice(&hash.as_bytes()[..8]);
    short
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(body: &[u8]) -> Header {
        let now = now_millis();
        Header {
            made: now - 5_000,
            fresh_until: now + 60_000,
            status: 200,
            must_revalidate: false,
            body_length: body.len() as u64,
            identity: Identity::of(body),
            content_type: Some("text/html".to_owned()),
            etag: Some("\"x\"".to_owned()),
            last_modified: None,
            url: "https://example.org/simple/six/".to_owned(),
        }
    }

    fn cache() -> (tempfile::TempDir, Cache, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned());
        let path = cache.path(
            "simple",
            &WebUrl::parse("https://example.org/simple/six/").unwrap(),
            "text/html",
        );
        (folder, cache, path)
    }

    #[test]
    fn small_and_large_bodies_come_back() {
        let (_folder, cache, path) = cache();
        for length in [0, 1, 1000, FIRST_READ - 200, FIRST_READ, FIRST_READ * 5] {
            let body = vec![7; length];
            cache.write(&path, &header(&body), &body).unwrap();
            let entry = cache.read(&path).unwrap();
            assert_eq!(entry.body.bytes().unwrap(), body, "{length}");
            assert_eq!(entry.body.length(), length as u64);
            let state = entry.state;
            assert_eq!(state.identity, Identity::of(&body));
            assert!(state.fresh_for > Duration::from_secs(50) && state.age >= Duration::from_secs(5));
        }
    }

    #[test]
    fn every_damage_is_a_miss() {
        let (_folder, cache, path) = cache();
        let body = b"a page with some links".repeat(3);
        cache.write(&path, &header(&body), &body).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.read(&path).is_none(), "cut at {length}");
        }
        // Bytes 8 to 24 are the times: a flipped bit there changes freshness only.
        for at in (0..8).chain(24..whole.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(cache.read(&path).is_none(), "flipped at {at}");
        }
        fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
        assert!(cache.read(&path).is_none(), "longer than it says");
    }

    #[test]
    fn a_damaged_large_body_is_told_and_removed() {
        let (_folder, cache, path) = cache();
        let body = vec![7; FIRST_READ * 2];
        cache.write(&path, &header(&body), &body).unwrap();
        let mut whole = fs::read(&path).unwrap();
        *whole.last_mut().unwrap() ^= 1;
        fs::write(&path, whole).unwrap();
        assert!(cache.read(&path).unwrap().body.bytes().is_err());
        assert!(cache.read(&path).is_none());
    }

    #[test]
    fn renewal_keeps_the_body() {
        let (_folder, cache, path) = cache();
        cache
            .write(
                &path,
                &Header {
                    fresh_until: 0,
                    ..header(b"body")
                },
                b"body",
            )
            .unwrap();
        assert_eq!(cache.read(&path).unwrap().state.fresh_for, Duration::ZERO);
        let now = now_millis();
        cache.renew(&path, now, now + 9_000).unwrap();
        let entry = cache.read(&path).unwrap();
        assert!(entry.state.fresh_for > Duration::from_secs(5));
        assert_eq!(entry.body.bytes().unwrap(), "body");
    }

    #[test]
    fn an_answer_from_the_future_is_stale() {
        let now = now_millis();
        let ahead = Header {
            made: now + 3_600_000,
            fresh_until: now + 7_200_000,
            ..header(b"")
        };
        assert_eq!(ahead.fresh_for(now), Duration::ZERO);
        assert_eq!(ahead.age(now), Duration::ZERO);
        assert_eq!(
            Header {
                made: i64::MIN,
                ..header(b"")
            }
            .age(now),
            Duration::from_millis(i64::MAX as u64)
        );
    }

    #[test]
    fn credentials_and_fragments_do_not_change_the_place() {
        let (_folder, cache, path) = cache();
        let at = |url: &str, accept: &str| cache.path("simple", &WebUrl::parse(url).unwrap(), accept);
        assert_eq!(at("https://me:word@example.org/simple/six/#x", "text/html"), path);
        assert_ne!(at("https://example.org/simple/six/", "application/json"), path);
        assert_ne!(at("https://example.org/simple/six", "text/html"), path);
    }

    #[test]
    fn a_directory_in_the_way_leaves_nothing_behind() {
        let (_folder, cache, path) = cache();
        fs::create_dir_all(path.join("child")).unwrap();
        assert!(cache.write(&path, &header(b"x"), b"x").is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn pruning_spares_what_is_used() {
        let (folder, cache, path) = cache();
        cache.write(&path, &header(b"body"), b"body").unwrap();
        let month = Duration::from_secs(30 * 24 * 3600);
        assert_eq!(prune(folder.path(), month).unwrap(), Pruned::default());
        let file = File::options().write(true).open(&path).unwrap();
        let old = SystemTime::now() - month * 2;
        file.set_times(
            fs::FileTimes::new()
                .set_accessed(SystemTime::now())
                .set_modified(old),
        )
        .unwrap();
        assert_eq!(prune(folder.path(), month).unwrap().files, 0, "read lately");
        file.set_times(fs::FileTimes::new().set_accessed(old).set_modified(old))
            .unwrap();
        let bytes = file.metadata().unwrap().len();
        assert_eq!(prune(folder.path(), month).unwrap(), Pruned { files: 1, bytes });
        assert!(cache.read(&path).is_none());
        assert_eq!(
            prune(&folder.path().join("none"), month).unwrap(),
            Pruned::default()
        );
    }

    proptest! {
        #[test]
        fn headers_print_and_parse(
            made in any::<i64>(), fresh_until in any::<i64>(), status in any::<u16>(), must_revalidate: bool,
            body_length in any::<u64>(), identity: [u8; 16], etag in "[ -~]{1,40}", url in ".{0,40}",
        ) {
            let header = Header {
                made, fresh_until, status, must_revalidate, body_length, identity: Identity(identity),
                content_type: None, etag: Some(etag), last_modified: Some("x".to_owned()), url,
            };
            let bytes = header.print();
            prop_assert_eq!(Header::parse(&bytes), Some((header, bytes.len())));
        }

        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(&bytes);
            if bytes.len() > 8 {
                bytes[..8].copy_from_slice(MAGIC);
                prop_assert_eq!(Header::parse(&bytes), None);
            }
        }
    }
}
