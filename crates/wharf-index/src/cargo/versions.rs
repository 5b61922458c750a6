//! Index files: from the cache where they are fresh, from the registry where not.
//!
//! Invariant: decompressing and reading happen on threads for computing, writing on the cache's own; a file that the
//! registry confirms is not read again. Source: The Cargo Book, "Registry Index", sparse protocol.

use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::{Timestamp, WebUrl};
use wharf_ecosystem::cargo::{CrateName, CrateVersions, SourceId, index};
use wharf_net::{Document, DocumentReply, NetError, Validators};

use super::registry::Registry;
use super::table::{self, Table};
use super::{CargoError, CratesIndex};
use crate::cache::short_hash;
use crate::error::IndexError;
use crate::keep::Freshness;
use crate::names;

const ACCEPT: &str = "text/plain, */*;q=0.8";
/// "Unavailable for legal reasons": for cargo the same as a crate that is not there.
const LEGAL: u16 = 451;

/// What is asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    registry: &'a Registry,
    name: &'a CrateName,
    url: &'a WebUrl,
}

impl CratesIndex {
    /// The versions where the cache has them and they are fresh.
    pub(super) fn fresh(&self, source: &SourceId, name: &CrateName) -> Option<Arc<CrateVersions>> {
        let registry = self.registry(source).ok()?;
        if let Some(folder) = registry.folder() {
            return Self::local_versions(&registry, &folder, name).ok();
        }
        let stored = table::read(&self.path_of(&registry, name), source, name)?;
        let now = Timestamp::now().as_second();
        let usable = self.shared.client.is_offline() || self.may_use(&stored, name, now);
        usable.then_some(stored.versions)
    }

    fn may_use(&self, table: &Table, name: &CrateName, now: i64) -> bool {
        table.freshness.holds(now) && !self.shared.refresh.covers(name)
    }

    fn folder_of(&self, registry: &Registry) -> PathBuf {
        self.shared
            .folder
            .join("index")
            .join(short_hash(registry.shown().expose()))
    }

    fn path_of(&self, registry: &Registry, name: &CrateName) -> PathBuf {
        let file = format!("{}.bin", index::path_in_index(name.as_str()));
        self.folder_of(registry).join(file)
    }

    /// The versions: from the cache, else from the registry.
    pub(super) async fn load(
        &self,
        source: &SourceId,
        name: &CrateName,
    ) -> Result<Arc<CrateVersions>, IndexError> {
        let client = &self.shared.client;
        let registry = self.registry(source)?;
        if let Some(folder) = registry.folder() {
            return Self::local_versions(&registry, &folder, name);
        }
        let path = self.path_of(&registry, name);
        let stored = table::read(&path, source, name);
        let now = Timestamp::now().as_second();
        let url = registry.index_file(name)?;
        let enough = |table: &Table| {
            client.is_offline()
                || self.may_use(table, name, now)
                || !table.must_revalidate && client.is_out(&url)
        };
        let stored = match stored {
            Some(stored) if enough(&stored) => return Ok(stored.versions),
            other => other,
        };
        self.log_in(&registry).await?;
        let asked = Asked {
            registry: &registry,
            name,
            url: &url,
        };
        let validators = stored.as_ref().map(|stored| &stored.validators);
        match client.get_document(&url, ACCEPT, validators).await {
            Ok(DocumentReply::Unchanged(lifetime)) => match stored {
                Some(stored) => {
                    let fresh = Freshness::of(lifetime);
                    self.shared.keeper.renew(path, fresh);
                    Ok(stored.versions)
                }
                // Only asked for with a condition where something is stored.
                None => Err(no_index(&url, "it is empty")),
            },
            Ok(DocumentReply::New(document)) => self.take_in(asked, path, document).await,
            Err(error) => match stored {
                Some(stored)
                    if !stored.must_revalidate
                        && client.stands_in(&url, stored.freshness.age(now), &error) =>
                {
                    Ok(stored.versions)
                }
                _ => Err(self.refused(asked, error).await),
            },
        }
    }

    /// Reads what the registry sent; a body that was damaged on the way is asked for once more.
    async fn take_in(
        &self,
        asked: Asked<'_>,
        path: PathBuf,
        document: Box<Document>,
    ) -> Result<Arc<CrateVersions>, IndexError> {
        let source = &asked.registry.source;
        let taken = match take(source, asked.name, document).await {
            Err(NetError::Encoding { .. }) => {
                let again = self.shared.client.get_document(asked.url, ACCEPT, None).await;
                match again {
                    Ok(DocumentReply::New(document)) => take(source, asked.name, document).await,
                    Ok(DocumentReply::Unchanged(_)) => return Err(no_index(asked.url, "it is empty")),
                    Err(error) => Err(error),
                }
            }
            other => other,
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => return Err(self.refused(asked, error).await),
        };
        // A login page, or a registry of something else: not one line is a version.
        if let ([], [first, ..]) = (taken.versions.rows(), taken.versions.skipped()) {
            return Err(no_index(asked.url, first));
        }
        if let Some(file) = taken.file {
            self.shared
                .keeper
                .marked_file_then(path, vec![file.into()], || {});
        }
        Ok(taken.versions)
    }

    /// The error for an index file that could not be had.
    async fn refused(&self, asked: Asked<'_>, error: NetError) -> IndexError {
        let Asked { registry, name, .. } = asked;
        match error {
            NetError::NotFound { .. } | NetError::Status { status: LEGAL, .. } => CargoError::Unknown {
                crate_name: name.clone(),
                registry: registry.name.clone(),
                index: registry.shown(),
                near: self.near(registry, name).await,
            }
            .into(),
            NetError::Unauthorized { status, sent, .. } => CargoError::Refused {
                what: format!("`{name}`"),
                name: registry.name.clone(),
                index: registry.shown(),
                status,
                sent,
            }
            .into(),
            error => IndexError::net(format!(
                "could not look up the crate `{name}` in the registry `{}`",
                registry.name
            ))(error),
        }
    }

    /// Names spelled like this one: the one with `-` for `_` that the registry has, and what this user's cache has met.
    async fn near(&self, registry: &Registry, name: &CrateName) -> Vec<String> {
        let wanted = name.as_str();
        let mut near = Vec::new();
        for other in [wanted.replace('-', "_"), wanted.replace('_', "-")] {
            if other == wanted {
                continue;
            }
            let url = registry.url(&index::path_in_index(&other));
            if let Ok(url) = url
                && self.shared.client.get_document(&url, ACCEPT, None).await.is_ok()
            {
                near.push(other);
            }
        }
        if near.is_empty() {
            near = self.near_in_cache(registry, wanted);
        }
        near
    }

    fn near_in_cache(&self, registry: &Registry, wanted: &str) -> Vec<String> {
        let path = self.folder_of(registry).join(index::path_in_index(wanted));
        // The same first letters: those are the names that share a folder.
        names::near(wanted, path.parent().map(names::kept).into_iter().flatten())
    }
}

fn no_index(url: &WebUrl, reason: &str) -> IndexError {
    CargoError::Index {
        url: Box::new(url.without_credentials()),
        reason: reason.to_owned(),
    }
    .into()
}

/// Versions, and the file that is to be kept of them; none where it may not be kept.
struct Taken {
    versions: Arc<CrateVersions>,
    file: Option<Vec<u8>>,
}

async fn take(source: &SourceId, name: &CrateName, document: Box<Document>) -> Result<Taken, NetError> {
    let (source, name) = (source.clone(), name.clone());
    wharf_sys::run_compute(move || {
        let lifetime = document.lifetime;
        let validators: Validators = document.validators.clone();
        let body = document.decode()?;
        let versions = CrateVersions::scan(name, source, Arc::new(body));
        let fresh = Freshness::of(lifetime);
        let file = lifetime
            .store
            .then(|| table::encode(&versions, fresh, &validators, lifetime.must_revalidate))
            .flatten();
        Ok(Taken {
            versions: Arc::new(versions),
            file,
        })
    })
    .await
}
