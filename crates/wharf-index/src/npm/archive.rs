//! Archives of npm packages: downloaded, verified, unpacked into the store.
//!
//! Small ones are gathered in memory, hashed and unpacked in one go; large ones, and all while memory is taken, are
//! hashed and unpacked while they arrive. Invariant: nothing of an archive stays whose digest is not the promised one, and that is what the error
//! says, even where the archive is broken as well.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wharf_core::{Algorithm, Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::Package;
use wharf_ecosystem::npm::registries::default_tarball;
use wharf_net::{NetError, Stream};
use wharf_store::{Hasher, Limits, Store, Unpacked};
use wharf_sys::Work;

use super::pack_list::PackList;
use super::{NpmError, NpmIndex};
use crate::error::IndexError;

/// Archives up to this size are gathered in memory. Larger ones are a handful among a thousand.
const IN_MEMORY: u64 = 8 << 20;
/// Bytes of archives that may wait in memory for being unpacked, in units of [`UNIT`].
const WAITING: usize = 96 << 10;
/// What is counted of them.
const UNIT: u64 = 1 << 10;
/// Pieces of a large archive that may wait for being unpacked.
const PIECES: usize = 64;

/// A package that is to be in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Where its archive is, where that is not the registry's usual place.
    pub url: Option<WebUrl>,
    /// What the archive must hash to: the digests of the strongest algorithm count.
    pub integrity: Vec<Digest>,
    /// Where it comes from.
    pub source: Source,
}

impl Wanted {
    /// What the graph says of a package.
    ///
    /// # Errors
    /// Where the URL of its archive is none.
    pub fn of(package: &Package) -> Result<Self, IndexError> {
        let url = package.tarball.as_deref().map(WebUrl::parse).transpose();
        Ok(Self {
            name: package.name.clone(),
            version: package.version.clone(),
            url: url.map_err(location)?,
            integrity: package.integrity.clone(),
            source: package.source.clone(),
        })
    }

    /// `react@19.0.0`, for messages.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Whether nothing but a weak digest, or none, says what the archive must be.
    pub fn is_weak(&self) -> bool {
        !self.integrity.iter().any(|digest| digest.algorithm().is_strong())
    }
}

/// The archives that wait in memory for being unpacked: a fast network must not fill it.
pub(super) fn waiting_room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(WAITING))
}

/// One failed attempt.
struct Failed {
    error: IndexError,
    /// Whether another attempt may end otherwise.
    again: bool,
}

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Self {
        Self { error, again: false }
    }
}

impl NpmIndex {
    /// Unpacks a package: nothing stands in its place yet, and dropping what is returned removes it.
    ///
    /// The digest is the one by which the package is known from then on: the promised one where that is strong, the
    /// archive's SHA-512 where it is weak or missing, and the tree's own id for repositories and folders.
    ///
    /// # Errors
    /// Where the package cannot be had, is not what was promised, or cannot be unpacked.
    pub async fn unpack(&self, wanted: &Wanted) -> Result<(Unpacked, Digest), IndexError> {
        match &wanted.source {
            Source::Registry { index } => {
                let url = match &wanted.url {
                    Some(url) => url.clone(),
                    None => default_tarball(index, &wanted.name, &wanted.version).map_err(location)?,
                };
                self.at_url(wanted, &self.replaced(&wanted.name, url)).await
            }
            Source::Url { url, .. } => match self.kept(wanted) {
                Some(bytes) => self.at_once(wanted, &url.to_string(), bytes.into(), None).await,
                None => self.at_url(wanted, url).await,
            },
            Source::File { path } => self.in_file(wanted, &self.root().join(path)).await,
            Source::Directory { path, .. } => self.in_folder(wanted, &self.root().join(path)).await,
            Source::Git {
                url,
                commit,
                subdirectory,
                ..
            } => {
                let tree = self
                    .shared
                    .repositories
                    .checkout(url, commit, subdirectory.as_deref())
                    .await?;
                let unpacked = self.in_folder(wanted, &tree.root).await;
                let scratch = tree.scratch;
                wharf_sys::run_blocking(move || drop(scratch)).await;
                unpacked
            }
            Source::FindLinks { location } => Err(NpmError::NotDirect {
                spec: location.clone(),
            }
            .into()),
        }
    }

    /// Where an archive is fetched: from the configured registry where it is said to lie on the public one.
    fn replaced(&self, name: &PackageName, url: WebUrl) -> WebUrl {
        let registry = self.shared.registries.registry_for(name);
        let public = self.shared.public_host.as_deref();
        let (from, to) = (url.as_url().host_str(), registry.as_url().host_str());
        if public.is_none() || from != public || to == public {
            return url;
        }
        let mut replaced = registry.as_url().clone();
        let folder = replaced.path().trim_end_matches('/');
        let path = format!("{folder}{}", url.as_url().path());
        replaced.set_path(&path);
        replaced.set_query(url.as_url().query());
        WebUrl::from(replaced)
    }

    async fn at_url(&self, wanted: &Wanted, url: &WebUrl) -> Result<(Unpacked, Digest), IndexError> {
        match self.attempt(wanted, url).await {
            // Halves of different files, or a cut that nothing announced: once from the start before it is an error.
            Err(Failed { again: true, .. }) => self.attempt(wanted, url).await,
            other => other,
        }
        .map_err(|failed| failed.error)
    }

    async fn attempt(&self, wanted: &Wanted, url: &WebUrl) -> Result<(Unpacked, Digest), Failed> {
        let label = wanted.label();
        let refused = |error| Failed::from(self.archive_error(wanted, url, error));
        let stream = self.shared.client.stream(url, &label).await.map_err(refused)?;
        let place = url.to_string();
        match stream
            .length()
            .and_then(|length| Some((length, self.room(length)?)))
        {
            Some((length, room)) => {
                let (bytes, patched) = gather(stream, length).await.map_err(refused)?;
                let unpacked = self.at_once(wanted, &place, bytes, Some(room)).await;
                unpacked.map_err(|error| Failed {
                    again: patched && matches!(error, IndexError::WrongDigest { .. }),
                    error,
                })
            }
            None => self.while_arriving(wanted, url, stream).await,
        }
    }

    /// Room in memory for an archive, if it is small and there is some.
    ///
    /// Never waits: transfers over one HTTP/2 connection share its window, so that one that is not read stops all the
    /// others, and with them those that would make room.
    fn room(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(length / UNIT + 1).ok()?;
        let waiting = Arc::clone(&self.shared.waiting);
        (length <= IN_MEMORY)
            .then(|| waiting.try_acquire_many_owned(units).ok())
            .flatten()
    }

    /// Verifies and unpacks what is in memory.
    async fn at_once(
        &self,
        wanted: &Wanted,
        place: &str,
        bytes: Bytes,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(Unpacked, Digest), IndexError> {
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (label, expected) = (wanted.label(), wanted.integrity.clone());
        let (store, place) = (Arc::clone(&self.shared.store), place.to_owned());
        wharf_sys::run_compute(move || {
            let mut check = Check::new(&expected);
            check.update(&bytes);
            let digest = check.finish(&label, &place, &expected)?;
            let unpacked = store.unpack_tgz_bytes(&bytes, &Limits::default());
            drop((bytes, room, permit));
            Ok((unpacked.map_err(IndexError::unpack(label))?, digest))
        })
        .await
    }

    /// Verifies and unpacks while the bytes arrive.
    async fn while_arriving(
        &self,
        wanted: &Wanted,
        url: &WebUrl,
        mut stream: Stream<'_>,
    ) -> Result<(Unpacked, Digest), Failed> {
        // Without a permit for the disk: this goes at the network's pace, and who waits while a transfer is open stops
        // the others (see `room`).
        let (send, receive) = mpsc::channel(PIECES);
        let pieces = Pieces {
            receive,
            current: Bytes::new(),
            check: Check::new(&wanted.integrity),
        };
        let store = Arc::clone(&self.shared.store);
        let working = wharf_sys::run_blocking(move || unpack_pieces(&store, pieces));
        let feeding = async move {
            let fed = feed(&mut stream, send).await;
            (fed, stream.is_patched())
        };
        let ((unpacked, check), (fed, patched)) = futures::future::join(working, feeding).await;
        fed.map_err(|error| self.archive_error(wanted, url, error))?;
        let digest = check
            .finish(&wanted.label(), &url.to_string(), &wanted.integrity)
            .map_err(|error| Failed {
                error,
                again: patched,
            })?;
        let unpacked = unpacked
            .map_err(IndexError::unpack(wanted.label()))
            .map_err(|error| Failed {
                error,
                // Without a strong digest nothing tells a cut archive from a broken one.
                again: wanted.is_weak(),
            })?;
        Ok((unpacked, digest))
    }

    async fn in_file(&self, wanted: &Wanted, path: &Path) -> Result<(Unpacked, Digest), IndexError> {
        let own = path.to_owned();
        let bytes = wharf_sys::run_blocking(move || std::fs::read(&own)).await;
        let bytes = bytes.map_err(|error| missing(path, error))?;
        self.at_once(wanted, &path.display().to_string(), bytes.into(), None)
            .await
    }

    async fn in_folder(&self, wanted: &Wanted, folder: &Path) -> Result<(Unpacked, Digest), IndexError> {
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (store, folder, label) = (Arc::clone(&self.shared.store), folder.to_owned(), wanted.label());
        wharf_sys::run_compute(move || {
            let list = PackList::of(&folder)?;
            let takes = |path: &str| list.takes(path, folder.join(path).is_dir());
            let unpacked = store
                .unpack_folder(&folder, &Limits::default(), &takes)
                .map_err(IndexError::unpack(label))?;
            drop(permit);
            let digest = unpacked.tree().to_string();
            let digest =
                Digest::from_hex(Algorithm::Blake3, &digest).expect("a tree is named by a BLAKE3 digest");
            Ok((unpacked, digest))
        })
        .await
    }

    /// The error for an archive that could not be had.
    pub(super) fn archive_error(&self, wanted: &Wanted, url: &WebUrl, error: NetError) -> IndexError {
        match error {
            NetError::Unauthorized { status, sent, .. } => NpmError::Refused {
                name: wanted.name.clone(),
                registry: self.login_place(&wanted.name, url),
                status,
                sent,
            }
            .into(),
            error => IndexError::net(format!("{} could not be fetched", wanted.label()))(error),
        }
    }

    /// Where a login for an archive belongs: to its registry, or to the host that it lies on.
    fn login_place(&self, name: &PackageName, url: &WebUrl) -> WebUrl {
        let registry = self.shared.registries.registry_for(name).without_credentials();
        if registry.as_url().origin() == url.as_url().origin() {
            return registry;
        }
        let mut origin = url.without_credentials().without_fragment().as_url().clone();
        origin.set_path("/");
        origin.set_query(None);
        WebUrl::from(origin)
    }
}

/// Computes the digest that an archive is compared by.
pub(super) struct Check {
    hashers: Vec<Hasher>,
}

impl Check {
    /// The strongest algorithm among those that are promised, and SHA-512 where that is weak or none.
    pub(super) fn new(expected: &[Digest]) -> Self {
        let strongest = expected.iter().map(Digest::algorithm).max();
        let further = match strongest {
            Some(algorithm) if algorithm.is_strong() => None,
            _ => Some(Algorithm::Sha512),
        };
        Self {
            hashers: [strongest, further]
                .into_iter()
                .flatten()
                .map(Hasher::new)
                .collect(),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// Compares, and gives the strong digest.
    pub(super) fn finish(self, label: &str, place: &str, expected: &[Digest]) -> Result<Digest, IndexError> {
        let digests: Vec<Digest> = self.hashers.into_iter().map(Hasher::finish).collect();
        let first = *digests.first().expect("there is always one hasher");
        if !expected.is_empty() && !expected.contains(&first) {
            let same = expected.iter().filter(|it| it.algorithm() == first.algorithm());
            let words: Vec<String> = same.map(Digest::to_string).collect();
            return Err(IndexError::WrongDigest {
                what: format!("{label} ({place})"),
                expected: words.join(" or "),
                actual: first.to_string(),
            });
        }
        Ok(*digests.last().unwrap_or(&first))
    }
}

/// Gathers a file; also says whether its parts may belong to different files.
async fn gather(mut stream: Stream<'_>, length: u64) -> Result<(Bytes, bool), NetError> {
    let mut whole = Vec::new();
    while let Some(piece) = stream.next().await? {
        if whole.is_empty() && piece.len() as u64 == length {
            return Ok((piece, stream.is_patched()));
        }
        if whole.is_empty() {
            whole.reserve_exact(usize::try_from(length).unwrap_or(0));
        }
        whole.extend_from_slice(&piece);
    }
    Ok((whole.into(), stream.is_patched()))
}

/// Hands the pieces of a file over as they come.
async fn feed(stream: &mut Stream<'_>, send: mpsc::Sender<Option<Bytes>>) -> Result<(), NetError> {
    while let Some(piece) = stream.next().await? {
        if send.send(Some(piece)).await.is_err() {
            // Who reads has given up; why is told there.
            return Ok(());
        }
    }
    // Tells the end from a sender that is gone because the transfer failed.
    let _ = send.send(None).await;
    Ok(())
}

/// An archive in pieces, hashed as it is read.
struct Pieces {
    receive: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    check: Check,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() {
            match self.receive.blocking_recv() {
                Some(Some(piece)) => {
                    self.check.update(&piece);
                    self.current = piece;
                }
                Some(None) => return Ok(0),
                None => return Err(io::Error::other("the transfer failed")),
            }
        }
        let count = into.len().min(self.current.len());
        into[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

fn unpack_pieces(store: &Store, mut pieces: Pieces) -> (Result<Unpacked, wharf_store::ArchiveError>, Check) {
    let unpacked = store.unpack_tgz(&mut pieces, &Limits::default());
    // What follows the last file belongs to the digest too; and a wrong one is told rather than a broken archive.
    pieces.current = Bytes::new();
    while let Some(Some(piece)) = pieces.receive.blocking_recv() {
        pieces.check.update(&piece);
    }
    (unpacked, pieces.check)
}

pub(super) fn location(error: wharf_core::InvalidUrl) -> IndexError {
    IndexError::Location {
        location: error.text,
        reason: error.reason,
    }
}

/// The error for a local file that cannot be read.
pub(super) fn missing(path: &Path, error: io::Error) -> IndexError {
    match error.kind() {
        io::ErrorKind::NotFound => NpmError::local(&path.display().to_string(), "there is no such file"),
        _ => IndexError::disk("read", path)(error),
    }
}
