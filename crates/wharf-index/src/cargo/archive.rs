//! Crates into the store. Invariant: a home appears only for an archive with the SHA-256 that the index or the lock has.

use std::sync::Arc;

use wharf_core::{Digest, WebUrl};
use wharf_ecosystem::cargo::{CrateName, LockedCrate, SourceId, Summary, Version};
use wharf_net::NetError;
use wharf_store::{CrateId, Limits, Unpacked};

use super::registry::Registry;
use super::{CargoError, CratesIndex};
use crate::arrive::{Arrivals, Packed, Parcel};
use crate::error::IndexError;

/// A crate that is to be in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: CrateName,
    /// Its version.
    pub version: Version,
    /// Its registry.
    pub source: SourceId,
    /// The SHA-256 of its archive.
    pub checksum: Digest,
}

impl Wanted {
    /// What the index says of a version; `None` for what comes from no registry.
    pub fn of(summary: &Summary) -> Option<Self> {
        Some(Self {
            name: summary.name.clone(),
            version: summary.version.clone(),
            source: summary.source.clone(),
            checksum: summary.checksum?,
        })
        .filter(|wanted| wanted.source.is_registry())
    }

    /// What a lock says of a crate; `None` for what comes from no registry, or has no checksum.
    pub fn of_locked(locked: &LockedCrate) -> Option<Self> {
        Some(Self {
            name: locked.name.clone(),
            version: locked.version.clone(),
            source: locked.source.clone()?,
            checksum: locked.checksum?,
        })
        .filter(|wanted| wanted.source.is_registry())
    }

    /// `serde@1.0.228`, for messages.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Its home in the store.
    pub fn id(&self) -> CrateId {
        CrateId::new(self.name.as_str(), &self.version.to_string(), &self.checksum)
    }
}

impl CratesIndex {
    /// Brings a crate into the store, unless it is there.
    ///
    /// # Errors
    /// Where it cannot be had, is not what was promised, or cannot be unpacked.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<CrateId, IndexError> {
        let id = wanted.id();
        if self.shared.store.has_crate(&id) {
            return Ok(id);
        }
        let unpacked = self.unpack(wanted).await?;
        let (store, home, checksum) = (Arc::clone(&self.shared.store), id.clone(), wanted.checksum);
        let placed =
            wharf_sys::run_compute(move || store.place_crate(&home, unpacked, Some(&checksum))).await;
        placed.map_err(IndexError::unpack(wanted.label()))?;
        Ok(id)
    }

    /// Unpacks a crate: nothing stands in its place yet, and dropping what is returned removes it.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn unpack(&self, wanted: &Wanted) -> Result<Unpacked, IndexError> {
        let registry = self.registry(&wanted.source)?;
        if let Some(folder) = registry.folder() {
            return self.unpack_local(wanted, folder).await;
        }
        let config = self.config(&wanted.source).await?;
        let url = config
            .download(&wanted.name, &wanted.version, &wanted.checksum)
            .map_err(|error| CargoError::Config {
                url: registry.shown(),
                reason: error.to_string(),
            })?;
        let url = WebUrl::from(url);
        let refused = |error| refused(wanted, &registry, error);
        let arrivals = Arrivals {
            client: &self.shared.client,
            store: &self.shared.store,
            governor: &self.shared.governor,
            waiting: &self.shared.waiting,
        };
        match arrivals.fetch(&parcel(wanted), &url, refused).await {
            Ok((unpacked, _)) => Ok(unpacked),
            Err(IndexError::WrongDigest { expected, actual, .. }) => Err(CargoError::Checksum {
                what: wanted.label(),
                url: Box::new(url.without_credentials()),
                expected,
                actual,
            }
            .into()),
            Err(error) => Err(error),
        }
    }
}

fn parcel(wanted: &Wanted) -> Parcel {
    let top = format!("{}-{}", wanted.name, wanted.version);
    Parcel {
        label: wanted.label(),
        expected: vec![wanted.checksum],
        unpack: Arc::new(move |store, packed| match packed {
            Packed::Whole(bytes) => store.unpack_crate_bytes(bytes, &top, &Limits::default()),
            Packed::Arriving(stream) => store.unpack_crate(stream, &top, &Limits::default()),
        }),
    }
}

/// The error for an archive that could not be had.
fn refused(wanted: &Wanted, registry: &Registry, error: NetError) -> IndexError {
    match error {
        NetError::Unauthorized { status, sent, .. } => CargoError::Refused {
            what: wanted.label(),
            name: registry.name.clone(),
            index: registry.shown(),
            status,
            sent,
        }
        .into(),
        error => IndexError::net(format!("{} could not be fetched", wanted.label()))(error),
    }
}
