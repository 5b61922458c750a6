//! Archives of packages into the store. Invariant: what is in the store has the digest that was asked for, and is not
//! fetched again: asking for it costs a look at one small file.

use std::sync::Arc;

use wharf_core::{Digest, WebUrl};
use wharf_store::{ArchiveError, DebPackage, Limits, Refusal, Store};
use wharf_sys::Work;

use super::arrival::{Absent, read_through, whole};
use super::error::DebError;
use super::repository::{Place, below};
use super::{Answer, Repositories};
use crate::error::IndexError;
use crate::pieces::Bytewise;

/// Archives up to this size are gathered in memory before they are unpacked.
const IN_MEMORY: u64 = 8 << 20;
/// Bytes that are counted together.
const UNIT: u64 = 1 << 10;
/// Archives that are unpacked while they arrive at the same time: each holds the window of its decoder.
pub(super) const ARRIVING: usize = 4;

/// A package that is to be in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// The SHA-256 of its archive.
    pub digest: Digest,
    /// Bytes of its archive.
    pub size: u64,
    /// Where the archive is below each of these.
    pub filename: String,
    /// The repositories that may have it, best first: its own, then archives of the past, say.
    pub repositories: Vec<WebUrl>,
}

impl Wanted {
    /// `nginx 1.22.1-9 (amd64)`, for messages.
    pub fn label(&self) -> String {
        format!("{} {} ({})", self.name, self.version, self.architecture)
    }
}

impl Repositories {
    /// Brings a package into the store, unless it is there.
    ///
    /// # Errors
    /// Where no repository has it, it is not what was promised, or it cannot be unpacked; nothing of it is then kept.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<DebPackage, IndexError> {
        if let Some(known) = self.store().lookup_deb(&wanted.digest) {
            return Ok(known);
        }
        self.shared
            .packages
            .get_or(&wanted.digest, || self.fetch_first(wanted))
            .await
    }

    async fn fetch_first(&self, wanted: &Wanted) -> Answer<DebPackage> {
        let mut gone = Vec::new();
        for repository in &wanted.repositories {
            let place = below(repository, &wanted.filename)?;
            match self.fetch_from(wanted, &place).await? {
                Some(package) => return Ok(package),
                None => gone.push(place.to_string()),
            }
        }
        Err(DebError::Gone {
            package: wanted.label(),
            places: gone,
        }
        .into())
    }

    /// Fetches from one place; `None` where it is not there.
    async fn fetch_from(&self, wanted: &Wanted, place: &Place) -> Answer<Option<DebPackage>> {
        let mut attempt = self.attempt_from(wanted, place).await;
        if let Ok(Some(Attempt { again: true, .. })) = attempt {
            // Halves of different files: once from the start before it is an error.
            attempt = self.attempt_from(wanted, place).await;
        }
        let attempt = match attempt {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error),
        };
        match attempt.outcome {
            Ok(package) => Ok(Some(package)),
            Err(_) if attempt.is_longer => Err(DebError::Checksum {
                package: wanted.label(),
                place: place.to_string(),
                expected: format!("{} ({} bytes)", wanted.digest, wanted.size),
                actual: format!("more than {} bytes", wanted.size),
            }
            .into()),
            Err(ArchiveError::Refused {
                reason: Refusal::Digest { expected, actual },
                ..
            }) => Err(DebError::Checksum {
                package: wanted.label(),
                place: place.to_string(),
                expected: expected.to_string(),
                actual: actual.to_string(),
            }
            .into()),
            Err(error) => Err(IndexError::unpack(wanted.label())(error)),
        }
    }

    async fn attempt_from(&self, wanted: &Wanted, place: &Place) -> Answer<Option<Attempt>> {
        let attempt = match wanted.size <= IN_MEMORY {
            true => self.gathered(wanted, place).await,
            false => self.arriving(wanted, place).await,
        };
        match attempt {
            Ok(attempt) => Ok(Some(attempt)),
            Err(Absent::Nowhere) => Ok(None),
            Err(Absent::Net(error)) => Err(IndexError::net(format!(
                "{} could not be fetched",
                wanted.label()
            ))(error)),
            Err(Absent::Disk(error)) => {
                let path = std::path::PathBuf::from(place.to_string());
                Err(IndexError::disk("read", &path)(error))
            }
        }
    }

    /// Gathers an archive in memory, then unpacks it if it is the right one. Room for it is taken before it is asked for: nobody who waits holds a
    /// connection.
    async fn gathered(&self, wanted: &Wanted, place: &Place) -> Result<Attempt, Absent> {
        let units = u32::try_from(wanted.size / UNIT + 1).unwrap_or(u32::MAX);
        let room = self.shared.waiting.acquire_many(units).await;
        let (bytes, again) = match place {
            Place::File(path) => (whole(path.clone(), wanted.size).await?, false),
            Place::Web(url) => {
                let mut stream = self.client().stream(url, &wanted.label()).await?;
                let mut bytes = Vec::with_capacity(usize::try_from(wanted.size).unwrap_or(0));
                while let Some(piece) = stream.next().await? {
                    bytes.extend_from_slice(&piece);
                    // More than is promised has the wrong digest whatever follows.
                    if bytes.len() as u64 > wanted.size {
                        break;
                    }
                }
                (bytes, stream.is_patched())
            }
        };
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (store, digest) = (Arc::clone(self.store()), wanted.digest);
        let outcome = wharf_sys::run_compute(move || {
            let outcome = store.import_whole_deb(&bytes, &digest, &Limits::default());
            drop(permit);
            outcome
        });
        let outcome = outcome.await;
        drop(room);
        Ok(Attempt::of(outcome, again, false))
    }

    async fn arriving(&self, wanted: &Wanted, place: &Place) -> Result<Attempt, Absent> {
        let _room = self.shared.arriving.acquire().await;
        let (store, digest) = (Arc::clone(self.store()), wanted.digest);
        let work = move |bytes: &mut Bytewise| import(&store, bytes, &digest);
        let came = read_through(self.client(), place, &wanted.label(), (wanted.size, None), work).await?;
        let is_longer = came.length > wanted.size;
        Ok(Attempt::of(came.made, came.is_patched, is_longer))
    }
}

/// What came of fetching from one place.
struct Attempt {
    outcome: Result<DebPackage, ArchiveError>,
    /// Whether another attempt may end otherwise.
    again: bool,
    /// Whether it has more bytes than are promised, so that not all were read.
    is_longer: bool,
}

impl Attempt {
    fn of(outcome: Result<DebPackage, ArchiveError>, is_patched: bool, is_longer: bool) -> Self {
        Self {
            is_longer,
            again: is_patched && outcome.is_err(),
            outcome,
        }
    }
}

fn import(store: &Store, archive: impl std::io::Read, digest: &Digest) -> Result<DebPackage, ArchiveError> {
    store.import_deb(archive, digest, &Limits::default())
}
