//! Local registries: `NAME-VERSION.crate` in a folder, index files in its `index/`. Source: The Cargo Book, "Source Replacement".
//!
//! Invariant: an archive has the SHA-256 that the index or the lock promises, as one from anywhere.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::{Algorithm, WebUrl};
use wharf_ecosystem::cargo::{CrateName, CrateVersions, index};
use wharf_store::{Hasher, Limits, Unpacked};

use super::registry::Registry;
use super::{CargoError, CratesIndex, Wanted};
use crate::error::IndexError;

impl CratesIndex {
    /// The versions that a local registry in `folder` has.
    pub(super) fn local_versions(
        registry: &Registry,
        folder: &Path,
        name: &CrateName,
    ) -> Result<Arc<CrateVersions>, IndexError> {
        let path = folder.join("index").join(index::path_in_index(name.as_str()));
        match std::fs::read(&path) {
            Ok(lines) => {
                let source = registry.source.clone();
                Ok(Arc::new(CrateVersions::scan(
                    name.clone(),
                    source,
                    Arc::new(lines),
                )))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(CargoError::Unknown {
                crate_name: name.clone(),
                registry: registry.name.clone(),
                index: registry.shown(),
                near: Vec::new(),
            }
            .into()),
            Err(error) => Err(IndexError::disk("read", &path)(error)),
        }
    }

    /// Unpacks a crate of a local registry.
    pub(super) async fn unpack_local(
        &self,
        wanted: &Wanted,
        folder: PathBuf,
    ) -> Result<Unpacked, IndexError> {
        let (wanted, store) = (wanted.clone(), Arc::clone(&self.shared.store));
        wharf_sys::run_compute(move || {
            let top = format!("{}-{}", wanted.name, wanted.version);
            let path = folder.join(format!("{top}.crate"));
            let packed = std::fs::read(&path).map_err(IndexError::disk("read", &path))?;
            let actual = Hasher::digest(Algorithm::Sha256, &packed);
            if actual != wanted.checksum {
                return Err(CargoError::Checksum {
                    what: wanted.label(),
                    url: Box::new(shown(&path)),
                    expected: wanted.checksum.to_string(),
                    actual: actual.to_string(),
                }
                .into());
            }
            let unpacked = store.unpack_crate_bytes(&packed, &top, &Limits::default());
            unpacked.map_err(IndexError::unpack(wanted.label()))
        })
        .await
    }
}

fn shown(path: &Path) -> WebUrl {
    let url = url::Url::from_file_path(path).ok();
    WebUrl::from(url.expect("the folder of a registry is a whole path"))
}
