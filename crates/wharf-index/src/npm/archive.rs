//! Archives of npm packages: where they come from, and into the store with them.
//!
//! Invariant: as `arrive.rs` has it: nothing of an archive stays whose digest is not the promised one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::Package;
use wharf_ecosystem::npm::registries::default_tarball;
use wharf_net::NetError;
use wharf_store::{Limits, Shape, Unpacked};
use wharf_sys::Work;

use super::pack_list::PackList;
use super::{NpmError, NpmIndex};
use crate::arrive::{Arrivals, Packed, Parcel};
use crate::error::IndexError;

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
    /// Whether its files are to lie flat, for a flat home.
    pub flat: bool,
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
            flat: false,
        })
    }

    /// The same with files that lie flat.
    #[must_use]
    pub fn flat(self, flat: bool) -> Self {
        Self { flat, ..self }
    }

    fn shape(&self) -> Shape<'_> {
        match self.flat {
            true => Shape::Flat,
            false => Shape::Tree(self.name.as_str()),
        }
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

impl NpmIndex {
    /// Unpacks a package: nothing stands in its place yet, and dropping what is returned removes it.
    ///
    /// The digest is the one by which the archive is known from then on: the promised one where that is strong, its SHA-512 where
    /// it is weak or missing. Repositories and folders have none: they are what their files are, [`Unpacked::tree`].
    ///
    /// # Errors
    /// Where the package cannot be had, is not what was promised, or cannot be unpacked.
    pub async fn unpack(&self, wanted: &Wanted) -> Result<(Unpacked, Option<Digest>), IndexError> {
        let (unpacked, digest) = match &wanted.source {
            Source::Registry { index } => {
                let url = match &wanted.url {
                    Some(url) => url.clone(),
                    None => default_tarball(index, &wanted.name, &wanted.version).map_err(location)?,
                };
                self.at_url(wanted, &self.replaced(&wanted.name, url)).await
            }
            Source::Url { url, .. } => match self.kept(wanted) {
                Some(bytes) => self.at_once(wanted, &url.to_string(), bytes.into()).await,
                None => self.at_url(wanted, url).await,
            },
            Source::File { path } => self.in_file(wanted, &self.root().join(path)).await,
            Source::Directory { path, .. } => {
                let unpacked = self.in_folder(wanted, &self.root().join(path)).await?;
                return Ok((unpacked, None));
            }
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
                return Ok((unpacked?, None));
            }
            Source::FindLinks { location } => Err(NpmError::NotDirect {
                spec: location.clone(),
            }
            .into()),
        }?;
        Ok((unpacked, Some(digest)))
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
        let refused = |error| self.archive_error(wanted, url, error);
        self.arrivals().fetch(&parcel(wanted), url, refused).await
    }

    /// Verifies and unpacks what is in memory.
    async fn at_once(
        &self,
        wanted: &Wanted,
        place: &str,
        bytes: Bytes,
    ) -> Result<(Unpacked, Digest), IndexError> {
        self.arrivals().unpack(&parcel(wanted), place, bytes).await
    }

    fn arrivals(&self) -> Arrivals<'_> {
        let shared = &self.shared;
        Arrivals {
            client: &shared.client,
            store: &shared.store,
            governor: &shared.governor,
            waiting: &shared.waiting,
        }
    }

    async fn in_file(&self, wanted: &Wanted, path: &Path) -> Result<(Unpacked, Digest), IndexError> {
        let own = path.to_owned();
        let bytes = wharf_sys::run_blocking(move || std::fs::read(&own)).await;
        let bytes = bytes.map_err(|error| missing(path, error))?;
        self.at_once(wanted, &path.display().to_string(), bytes.into())
            .await
    }

    async fn in_folder(&self, wanted: &Wanted, folder: &Path) -> Result<Unpacked, IndexError> {
        let permit = self.shared.governor.permit(Work::Disk).await;
        let (store, folder) = (Arc::clone(&self.shared.store), folder.to_owned());
        let (wanted, label) = (wanted.clone(), wanted.label());
        wharf_sys::run_compute(move || {
            let list = PackList::of(&folder)?;
            let takes = |path: &str| list.takes(path, folder.join(path).is_dir());
            let unpacked = store
                .unpack_folder(&folder, wanted.shape(), &Limits::default(), &takes)
                .map_err(IndexError::unpack(label))?;
            drop(permit);
            Ok(unpacked)
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

fn parcel(wanted: &Wanted) -> Parcel {
    let own = wanted.clone();
    Parcel {
        label: wanted.label(),
        expected: wanted.integrity.clone(),
        unpack: Arc::new(move |store, packed| match packed {
            Packed::Whole(bytes) => store.unpack_tgz_bytes(bytes, own.shape(), &Limits::default()),
            Packed::Arriving(stream) => store.unpack_tgz(stream, own.shape(), &Limits::default()),
        }),
    }
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
        io::ErrorKind::IsADirectory => NpmError::local(
            &path.display().to_string(),
            "it is a folder, and by its name it would be an archive",
        ),
        _ => IndexError::disk("read", path)(error),
    }
}
