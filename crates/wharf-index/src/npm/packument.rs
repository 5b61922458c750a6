//! Packuments: from the cache where they are fresh, from the registry where not, parsed once.
//!
//! Invariant: decompressing and parsing happen on threads for computing, writing on the cache's own; a document that
//! the registry confirms is not parsed again. Source: the registry's "package metadata" page.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustc_hash::FxHashMap;
use wharf_core::{PackageName, Timestamp, WebUrl};
use wharf_ecosystem::npm::packument::{self, Scanned};
use wharf_ecosystem::npm::{PackageManifest, Version, Versions};
use wharf_net::{Document, DocumentReply, NetError};

use super::recall::{self, Recall};
use super::table::Table;
use super::{Detail, NpmError, NpmIndex};
use crate::blocks::{self, Span};
use crate::cache::short_hash;
use crate::error::IndexError;
use crate::keep::Freshness;
use crate::names;

/// Asked of registries for the abbreviated form; what does not know it answers with everything.
const ACCEPT_ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
/// Asked for the full form.
const ACCEPT_FULL: &str = "application/json";
/// A form of packument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Abbreviated,
    Full,
}

impl Form {
    fn accept(self) -> &'static str {
        match self {
            Form::Abbreviated => ACCEPT_ABBREVIATED,
            Form::Full => ACCEPT_FULL,
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Form::Abbreviated => "abbreviated",
            Form::Full => "full",
        }
    }
}

/// What may be done with what the cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cached {
    /// Used as long as it is fresh.
    Used,
    /// Not even looked at: it is damaged.
    Ignored,
}

/// A packument: its table in memory, the blocks of its versions' objects in memory until they are written, and from then
/// on in their file.
#[derive(Debug)]
pub(super) struct Packument {
    table: Table,
    path: PathBuf,
    /// Shared with the copies that differ in what they say of times.
    blocks: Arc<Mutex<Option<Bytes>>>,
    manifests: Mutex<FxHashMap<usize, Arc<PackageManifest>>>,
}

impl Packument {
    fn new(table: Table, path: PathBuf, blocks: Option<Bytes>) -> Self {
        Self {
            table,
            path,
            blocks: Arc::new(Mutex::new(blocks)),
            manifests: Mutex::default(),
        }
    }

    pub(super) fn versions(&self) -> &Arc<Versions> {
        &self.table.versions
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets the blocks, which the file has now.
    pub(super) fn let_go(&self) {
        self.blocks().take();
    }

    fn blocks(&self) -> std::sync::MutexGuard<'_, Option<Bytes>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self, version: &Version) -> Result<usize, IndexError> {
        let versions = &self.table.versions;
        let found = versions.position(version);
        found.ok_or_else(|| NpmError::no_version(&versions.name, version.as_str()))
    }

    /// What one version says of itself.
    pub(super) fn manifest(
        &self,
        version: &Version,
        recall: &Recall,
    ) -> Result<Arc<PackageManifest>, IndexError> {
        let row = self.row(version)?;
        if let Some(known) = self.manifests().get(&row) {
            return Ok(Arc::clone(known));
        }
        let key = recall::key(self.table.stamp, row);
        let object = recall.object(&self.table.versions.name, key, || self.object(row))?;
        let parsed = PackageManifest::parse(&object).map_err(|error| NpmError::Manifest {
            what: format!("{}@{version}", self.table.versions.name),
            reason: error.to_string(),
        })?;
        let parsed = Arc::new(parsed);
        self.manifests().insert(row, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Keeps a manifest that was found in another place.
    pub(super) fn remember(&self, version: &Version, manifest: &Arc<PackageManifest>) {
        if let Ok(row) = self.row(version) {
            self.manifests().insert(row, Arc::clone(manifest));
        }
    }

    /// When the package changed last, as it says itself.
    pub(super) fn modified(&self) -> Option<Timestamp> {
        self.table.modified
    }

    /// The bytes of one version's object.
    pub(super) fn object_of(&self, version: &Version) -> Result<Vec<u8>, IndexError> {
        self.object(self.row(version)?)
    }

    fn object(&self, row: usize) -> Result<Vec<u8>, IndexError> {
        let span = self.table.spans[row];
        let in_memory = self.blocks().clone();
        let found = match in_memory {
            Some(packed) => blocks::place(&self.table.ends, span)
                .and_then(|place| blocks::unpack(&self.table.ends, packed.get(place)?, span)),
            None => self.table.read_span(&self.path, span).or_else(|| self.moved(row)),
        };
        found.ok_or_else(|| {
            let error = std::io::Error::other("the cached package document is gone or damaged");
            IndexError::disk("read", &self.path)(error)
        })
    }

    /// The object where another command wrote a newer document in the meantime.
    fn moved(&self, row: usize) -> Option<Vec<u8>> {
        let versions = &self.table.versions;
        let newer = Table::read(&self.path, &versions.name)?;
        let found = newer.versions.position(&versions.row(row)?.version)?;
        newer.read_span(&self.path, newer.spans[found])
    }

    fn manifests(&self) -> std::sync::MutexGuard<'_, FxHashMap<usize, Arc<PackageManifest>>> {
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same with the time of the last change in the place of each version's own: none is younger.
    fn dated(self: Arc<Self>, modified: Timestamp) -> Arc<Self> {
        let mut table = self.table.clone();
        table.versions = Arc::new(table.versions.dated(modified));
        Arc::new(Self {
            table,
            path: self.path.clone(),
            blocks: Arc::clone(&self.blocks),
            manifests: Mutex::default(),
        })
    }
}

impl NpmIndex {
    pub(super) async fn packument(&self, name: &PackageName) -> Result<Arc<Packument>, IndexError> {
        self.shared
            .packuments
            .get_or(name, || self.load(name, Cached::Used))
            .await
    }

    pub(super) async fn load(
        &self,
        name: &PackageName,
        cached: Cached,
    ) -> Result<Arc<Packument>, IndexError> {
        let form = match self.shared.detail {
            Detail::Full => Form::Full,
            Detail::Abbreviated | Detail::Until(_) => Form::Abbreviated,
        };
        let found = self.load_as(name, form, cached).await?;
        match self.shared.detail {
            Detail::Until(until) if !found.table.has_times => match old(&found, until) {
                Some(modified) => Ok(found.dated(modified)),
                None => self.load_as(name, Form::Full, cached).await,
            },
            Detail::Abbreviated | Detail::Full | Detail::Until(_) => Ok(found),
        }
    }

    /// The packument where the cache has it and it is fresh.
    pub(super) fn fresh(&self, name: &PackageName) -> Option<Arc<Packument>> {
        let now = Timestamp::now().as_second();
        let stored = |form| {
            let found = self.stored(name, form);
            match found {
                Some(found) if self.may_use(&found.table, name, now) => Some(Arc::new(found)),
                other => {
                    self.shared.looked_up.leave(name, form, other);
                    None
                }
            }
        };
        match self.shared.detail {
            Detail::Abbreviated => stored(Form::Abbreviated),
            Detail::Full => stored(Form::Full),
            Detail::Until(until) => {
                let found = stored(Form::Abbreviated)?;
                if found.table.has_times {
                    return Some(found);
                }
                match old(&found, until) {
                    Some(modified) => Some(found.dated(modified)),
                    None => stored(Form::Full),
                }
            }
        }
    }

    /// Whether what the cache holds is used without asking.
    fn may_use(&self, table: &Table, name: &PackageName, now: i64) -> bool {
        self.shared.client.is_offline() || table.freshness.holds(now) && !self.shared.refresh.covers(name)
    }

    fn path_of(&self, name: &PackageName, form: Form) -> PathBuf {
        let file = format!("{}.bin", name.as_str().replace('/', "+"));
        self.registry_folder(name).join(form.folder()).join(file)
    }

    fn registry_folder(&self, name: &PackageName) -> PathBuf {
        let registry = self.shared.registries.registry_for(name).without_credentials();
        self.folder("packuments").join(short_hash(registry.expose()))
    }

    /// What the cache holds, however old. Registries that know only the full form keep it under either name.
    fn stored(&self, name: &PackageName, form: Form) -> Option<Packument> {
        let open = |form| {
            let path = self.path_of(name, form);
            if self.shared.looked_up.is_missing(&path) {
                return None;
            }
            let table = Table::read(&path, name)?;
            Some(Packument::new(table, path, None))
        };
        open(form).or_else(|| match form {
            Form::Full => open(Form::Abbreviated).filter(|found| found.table.has_times),
            Form::Abbreviated => None,
        })
    }

    /// The packument in one form: from the cache, else from the registry.
    pub(super) async fn load_as(
        &self,
        name: &PackageName,
        form: Form,
        cached: Cached,
    ) -> Result<Arc<Packument>, IndexError> {
        let client = &self.shared.client;
        let stored = match cached {
            Cached::Used => match self.shared.looked_up.take(name, form) {
                Some(found) => found,
                None => self.stored(name, form),
            },
            Cached::Ignored => None,
        };
        let now = Timestamp::now().as_second();
        let stored = match stored {
            Some(stored) if self.may_use(&stored.table, name, now) => return Ok(Arc::new(stored)),
            other => other,
        };
        let url = self.url_of(name)?;
        let stored = match stored {
            Some(stored) if !stored.table.must_revalidate && client.is_out(&url) => {
                return Ok(Arc::new(stored));
            }
            other => other,
        };
        let validators = stored.as_ref().map(|stored| &stored.table.validators);
        let reply = client.get_document(&url, form.accept(), validators).await;
        match reply {
            Ok(DocumentReply::Unchanged(lifetime)) => match stored {
                Some(mut stored) => {
                    stored.table.freshness = Freshness::of(lifetime);
                    self.shared
                        .keeper
                        .renew(stored.path.clone(), stored.table.freshness);
                    Ok(Arc::new(stored))
                }
                // Only asked for with a condition where something is stored.
                None => Err(self.not_a_packument(url, "it is empty".to_owned())),
            },
            Ok(DocumentReply::New(document)) => self.take_in(name, form, url, document).await,
            Err(error) => match stored {
                Some(stored)
                    if !stored.table.must_revalidate
                        && client.stands_in(&url, stored.table.freshness.age(now), &error) =>
                {
                    Ok(Arc::new(stored))
                }
                _ => Err(self.refused(name, error)),
            },
        }
    }

    /// Parses what the registry sent; a body that was damaged on the way is asked for once more.
    async fn take_in(
        &self,
        name: &PackageName,
        form: Form,
        url: WebUrl,
        document: Box<Document>,
    ) -> Result<Arc<Packument>, IndexError> {
        let path = self.path_of(name, form);
        let parsed = match parse(name.clone(), path.clone(), document).await {
            Err(Unreadable::Net(NetError::Encoding { .. })) => {
                let again = self.shared.client.get_document(&url, form.accept(), None).await;
                match again.map_err(|error| self.refused(name, error))? {
                    DocumentReply::New(document) => parse(name.clone(), path, document).await,
                    DocumentReply::Unchanged(_) => {
                        return Err(self.not_a_packument(url, "it is empty".to_owned()));
                    }
                }
            }
            other => other,
        };
        match parsed {
            Ok(Parsed {
                packument,
                head,
                blocks,
            }) => {
                if let Some(head) = head {
                    self.shared.looked_up.is_written(packument.path());
                    let (path, kept) = (packument.path().to_owned(), Arc::clone(&packument));
                    let parts = vec![head.into(), blocks];
                    self.shared
                        .keeper
                        .marked_file_then(path, parts, move || kept.let_go());
                }
                Ok(packument)
            }
            Err(Unreadable::Net(error)) => Err(self.refused(name, error)),
            Err(Unreadable::Document(reason)) => Err(self.not_a_packument(url, reason)),
        }
    }

    fn not_a_packument(&self, url: WebUrl, reason: String) -> IndexError {
        NpmError::Packument {
            url: Box::new(url.without_credentials()),
            reason,
        }
        .into()
    }

    pub(super) fn url_of(&self, name: &PackageName) -> Result<WebUrl, IndexError> {
        self.shared
            .registries
            .packument_url(name)
            .map_err(|error| IndexError::Location {
                location: error.text,
                reason: error.reason,
            })
    }

    /// The error for a packument that could not be had.
    pub(super) fn refused(&self, name: &PackageName, error: NetError) -> IndexError {
        let registries = &self.shared.registries;
        let registry = registries.registry_for(name).without_credentials();
        match error {
            NetError::NotFound { .. } => NpmError::Unknown {
                name: name.clone(),
                scoped: registry != registries.default.without_credentials(),
                registry,
                near: self.near(name),
            }
            .into(),
            NetError::Unauthorized { status, sent, .. } => NpmError::Refused {
                name: name.clone(),
                registry,
                status,
                sent,
            }
            .into(),
            error => IndexError::net(format!("could not look up `{name}`"))(error),
        }
    }

    /// Names spelled like this one, among those that this user's cache has met on the registry: nearest first.
    fn near(&self, name: &PackageName) -> Vec<String> {
        let folder = self.registry_folder(name);
        let files = [Form::Abbreviated, Form::Full].map(|form| names::kept(&folder.join(form.folder())));
        names::near(
            name.as_str(),
            files.into_iter().flatten().map(|file| file.replace('+', "/")),
        )
    }
}

/// When a packument changed last, where that is not after `until`.
fn old(packument: &Packument, until: Timestamp) -> Option<Timestamp> {
    packument.table.modified.filter(|modified| *modified <= until)
}

/// A packument and what is to be written; no head where it may not be kept.
struct Parsed {
    packument: Arc<Packument>,
    head: Option<Vec<u8>>,
    blocks: Bytes,
}

enum Unreadable {
    Net(NetError),
    Document(String),
}

thread_local! {
    /// Where the objects of a document stand until they are compressed.
    static OBJECTS: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes of them that a thread keeps room for.
const MOST_KEPT: usize = 1 << 20;

async fn parse(name: PackageName, path: PathBuf, document: Box<Document>) -> Result<Parsed, Unreadable> {
    wharf_sys::run_compute(move || {
        let (lifetime, validators) = (document.lifetime, document.validators.clone());
        let mut objects = OBJECTS.take();
        let scanned = document
            .decode_with(|body| packument::scan(body, &mut objects))
            .map_err(Unreadable::Net)?
            .map_err(|error| Unreadable::Document(error.to_string()))?;
        let packed = blocks::pack(&objects).map_err(|error| Unreadable::Document(error.to_string()))?;
        if objects.capacity() <= MOST_KEPT {
            OBJECTS.set(objects);
        }
        let mut table = table_of(name, scanned);
        table.freshness = Freshness::of(lifetime);
        table.validators = validators;
        table.must_revalidate = lifetime.must_revalidate;
        table.content = packed.sum();
        table.ends = packed.ends;
        let head = table.encode();
        let blocks = packed.bytes;
        let packument = Arc::new(Packument::new(table, path, Some(blocks.clone())));
        Ok(Parsed {
            packument,
            head: lifetime.store.then_some(head),
            blocks,
        })
    })
    .await
}

fn table_of(name: PackageName, scanned: Scanned) -> Table {
    let spans = scanned.rows.iter().map(|row| Span::new(&row.span)).collect();
    let rows = scanned.rows.iter().map(|row| &row.row).collect();
    Table {
        freshness: Freshness { fetched: 0, until: 0 },
        validators: wharf_net::Validators::default(),
        must_revalidate: false,
        modified: scanned.modified,
        has_times: scanned.has_times,
        versions: Arc::new(Versions::new(name, scanned.tags, rows, scanned.skipped)),
        spans,
        ends: Box::default(),
        content: 0,
        stamp: 0,
        body_at: 0,
    }
}
