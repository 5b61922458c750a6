//! Lists of packages: fetched, verified, decompressed and made an index of, all at the same time.
//!
//! Three things go on at once: bytes arrive and are hashed, they are decompressed, and what comes out is parsed into an
//! index. Invariants: an index is kept only once the bytes that it is made of were those that were promised, under everything
//! that decides what is in it: their digest, how they are packed, what they say. Repositories share indexes, so nothing that
//! a `Release` file merely claims names one. A list whose index is in the cache is never asked for.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wharf_deb::index::{Builder, Descriptions, Index};
use wharf_deb::release::{Release, ReleaseFile};
use wharf_store::Hasher;
use wharf_sys::Mapped;

use super::arrival::{Absent, read_through};
use super::error::DebError;
use super::release::failed;
use super::repository::{Place, Repository};
use super::{Answer, Part, Repositories};
use crate::error::IndexError;
use crate::pieces::{Bytewise, Came};

/// Bytes that are handed from the decoder to the parser at once.
const PIECE: usize = 1 << 20;
/// Bytes of a list of which nobody said how many there are. The largest has a twentieth of that.
const LIMIT: u64 = 1 << 30;

/// How a list is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Zstd,
    Gzip,
    Xz,
    Bzip2,
    None,
}

/// What a repository may have, as it is preferred over a network.
pub(super) const PACKINGS: [Packing; 5] = [
    Packing::Zstd,
    Packing::Xz,
    Packing::Gzip,
    Packing::Bzip2,
    Packing::None,
];
/// The same for what is on this machine, where only decompressing takes time.
const NEAR: [Packing; 5] = [
    Packing::None,
    Packing::Zstd,
    Packing::Gzip,
    Packing::Xz,
    Packing::Bzip2,
];

impl Packing {
    pub(super) fn ending(self) -> &'static str {
        match self {
            Packing::Zstd => ".zst",
            Packing::Gzip => ".gz",
            Packing::Xz => ".xz",
            Packing::Bzip2 => ".bz2",
            Packing::None => "",
        }
    }

    fn unpack<'r>(self, packed: &'r mut (dyn Read + 'r)) -> std::io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(packed)?),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Packing::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(packed)),
            Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Packing::None => Box::new(packed),
        })
    }
}

/// What a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// `Packages`: which packages there are.
    Packages,
    /// `Translation-en`: what they are for, at length.
    Descriptions,
}

/// A list that a `Release` file has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    says: Says,
    component: String,
    architecture: String,
    /// Its path without an ending.
    base: String,
}

/// The paths of all lists that a repository may have, without endings.
pub(super) fn bases(repository: &Repository) -> Vec<String> {
    lists(repository, repository.architectures.iter().map(String::as_str))
        .map(|list| list.base)
        .collect()
}

fn lists<'r>(
    repository: &'r Repository,
    architectures: impl Iterator<Item = &'r str> + Clone + 'r,
) -> Box<dyn Iterator<Item = List> + 'r> {
    if repository.is_flat() {
        return Box::new(std::iter::once(List {
            says: Says::Packages,
            component: String::new(),
            architecture: String::new(),
            base: "Packages".to_owned(),
        }));
    }
    Box::new(repository.components.iter().flat_map(move |component| {
        architectures.clone().map(move |architecture| List {
            says: Says::Packages,
            component: component.clone(),
            architecture: architecture.to_owned(),
            base: format!("{component}/binary-{architecture}/Packages"),
        })
    }))
}

/// The lists that are wanted of a suite, by what it says of itself.
fn wanted(repository: &Repository, release: &Release) -> Result<Vec<List>, DebError> {
    if repository.is_flat() {
        return Ok(lists(repository, std::iter::empty()).collect());
    }
    // A list that was made of what is there says nothing of itself.
    let says_components = !release.components.is_empty();
    let missing = |name: &&String| says_components && !release.has_component(name);
    if let Some(component) = repository.components.iter().find(missing) {
        return Err(DebError::NoComponent {
            repository: repository.words(),
            component: component.clone(),
            has: release.components.clone(),
        });
    }
    let has = |name: &&String| release.architectures.is_empty() || release.architectures.contains(name);
    let mut architectures: Vec<&str> = repository
        .architectures
        .iter()
        .filter(has)
        .map(String::as_str)
        .collect();
    if architectures.is_empty() {
        return Err(DebError::NoArchitecture {
            repository: repository.words(),
            wanted: repository.architectures.clone(),
            has: release.architectures.clone(),
        });
    }
    if release.has_own_index_of_all() && !architectures.contains(&"all") {
        architectures.push("all");
    }
    let architectures = architectures.into_iter();
    Ok(lists(repository, architectures).collect())
}

/// The lists of long descriptions that a suite may have.
fn descriptions(repository: &Repository) -> impl Iterator<Item = List> + '_ {
    repository.components.iter().map(|component| List {
        says: Says::Descriptions,
        component: component.clone(),
        architecture: String::new(),
        base: format!("{component}/i18n/Translation-en"),
    })
}

/// The file that a list is read from, and all that decides what its index has in it.
#[derive(Clone, Copy, Debug)]
struct Chosen<'r> {
    file: &'r ReleaseFile,
    packing: Packing,
    says: Says,
}

impl Chosen<'_> {
    /// What the index is called in the cache. The digest is that of the bytes that are fetched, and verified by it.
    fn index_name(self) -> String {
        let says = match self.says {
            Says::Packages => "packages",
            Says::Descriptions => "descriptions",
        };
        format!(
            "{says}-{}{}.index",
            self.file.digest().hex(),
            self.packing.ending()
        )
    }

    /// The same in 32 bytes, which the index has in it.
    fn made_of(self) -> [u8; 32] {
        Sha256::digest(self.index_name()).into()
    }
}

/// All forms in which a suite has a list, in this order.
fn forms<'r>(
    release: &'r Release,
    list: &List,
    order: [Packing; 5],
) -> impl Iterator<Item = Chosen<'r>> + Clone {
    let (base, says) = (list.base.clone(), list.says);
    order.into_iter().filter_map(move |packing| {
        let file = release.file(&format!("{base}{}", packing.ending()))?;
        Some(Chosen { file, packing, says })
    })
}

/// The file to read a list from.
fn choose<'r>(repository: &Repository, release: &'r Release, list: &List) -> Option<Chosen<'r>> {
    let order = match is_near(repository) {
        true => NEAR,
        false => PACKINGS,
    };
    let listed = forms(release, list, order);
    // A file that is listed is not always there: Debian lists the unpacked ones and has none of them.
    let is_there = |chosen: &Chosen<'_>| match (chosen.packing, repository.suite_file(&chosen.file.path)) {
        (Packing::None, Ok(Place::File(path))) => path.is_file(),
        (Packing::None, _) => listed.clone().count() == 1,
        _ => true,
    };
    listed.clone().find(is_there).or_else(|| listed.clone().next())
}

/// The names that the indexes of a suite have in the cache.
pub(super) fn index_names(repository: &Repository, release: &Release) -> Vec<String> {
    let lists = wanted(repository, release).unwrap_or_default();
    let chosen = lists.iter().filter_map(|list| choose(repository, release, list));
    chosen.map(Chosen::index_name).collect()
}

/// All names that indexes of a suite may have, in whatever form the lists were fetched; those of its long descriptions too,
/// which are there where somebody searched for words.
pub(super) fn possible_names(repository: &Repository, release: &Release) -> Vec<String> {
    let lists = wanted(repository, release).unwrap_or_default();
    let lists = lists.into_iter().chain(descriptions(repository));
    lists
        .flat_map(|list| {
            forms(release, &list, PACKINGS)
                .map(Chosen::index_name)
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Repositories {
    /// The indexes of a suite; those that are not in the cache are made.
    pub(super) async fn parts(&self, repository: &Repository, release: &Arc<Release>) -> Answer<Vec<Part>> {
        let lists = wanted(repository, release)?;
        let parts = lists.iter().map(|list| self.part(repository, release, list));
        let parts = futures::future::try_join_all(parts).await?;
        let parts: Vec<Part> = parts.into_iter().flatten().collect();
        Ok(parts)
    }

    /// Indexes of the long descriptions that a suite has apart from its packages; those that are not in the cache are made.
    pub(super) async fn described(
        &self,
        repository: &Repository,
        release: &Release,
    ) -> Answer<Vec<Arc<Index>>> {
        let lists: Vec<List> = descriptions(repository).collect();
        let parts = lists.iter().map(|list| self.part(repository, release, list));
        let parts = futures::future::try_join_all(parts).await?;
        Ok(parts.into_iter().flatten().map(|part| part.index).collect())
    }

    /// The index of one list; none where the suite has no such list, which is how an empty one may look.
    async fn part(&self, repository: &Repository, release: &Release, list: &List) -> Answer<Option<Part>> {
        let Some(chosen) = choose(repository, release, list) else {
            return Ok(None);
        };
        let path = self.index_path(&chosen.index_name());
        let index = match open(&path, chosen) {
            Some(index) => index,
            None => self.make(repository, release, list, chosen, path).await?,
        };
        Ok(Some(Part {
            component: list.component.clone(),
            architecture: list.architecture.clone(),
            digest: chosen.file.digest(),
            index: Arc::new(index),
        }))
    }

    /// Fetches a list and makes its index.
    async fn make(
        &self,
        repository: &Repository,
        release: &Release,
        list: &List,
        chosen: Chosen<'_>,
        path: PathBuf,
    ) -> Answer<Index> {
        let file = chosen.file;
        if self.is_offline_for(repository) {
            return Err(DebError::Offline {
                repository: repository.words(),
                what: list.base.clone(),
            }
            .into());
        }
        let whole = release.file(&list.base).map_or(LIMIT, |file| file.size);
        let fetched = self
            .fetch_list(repository, release.by_hash, chosen, whole)
            .await?;
        let (made_of, keep) = (chosen.made_of(), path.clone());
        let written = wharf_sys::run_compute(move || -> Result<_, String> {
            let built = fetched.finish(made_of).map_err(|error| error.to_string())?;
            let bytes = Bytes::from(built.bytes);
            // Where it cannot be kept, it is used from memory, and made again the next time.
            let kept = crate::keep::write(&keep, &[&bytes]);
            Ok((bytes, kept, built.skipped, built.skipped_count))
        });
        let unreadable = |reason: String| DebError::Packages {
            repository: repository.words(),
            path: file.path.clone(),
            reason,
        };
        let (bytes, kept, skipped, count) = written.await.map_err(unreadable)?;
        if let Some(first) = skipped.first() {
            self.tell_of_skipped(repository, file, first, count);
        }
        if let Err(error) = kept {
            self.tell_unwritable(&error);
        }
        match open(&path, chosen) {
            Some(index) => Ok(index),
            None => Index::open(bytes).map_err(|error| unreadable(error.to_string()).into()),
        }
    }

    /// Fetches a list: by its hash where the suite has that, by its name where not. Of a mirror in the middle of an update one
    /// of the two may be right where the other is not.
    async fn fetch_list(
        &self,
        repository: &Repository,
        by_hash: bool,
        chosen: Chosen<'_>,
        whole: u64,
    ) -> Answer<Builder> {
        let file = chosen.file;
        let (named, hashed) = (file.path.clone(), file.by_hash_path());
        let paths = if by_hash { [hashed, named] } else { [named, hashed] };
        let mut first = None;
        for path in paths {
            match self.attempt(repository, chosen, &path, whole).await {
                Ok(builder) => return Ok(builder),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Elsewhere(error)) => first = first.or(Some(error)),
                Err(Trouble::Nowhere) => {}
            }
        }
        Err(first.unwrap_or_else(|| {
            DebError::Missing {
                repository: repository.words(),
                path: file.path.clone(),
            }
            .into()
        }))
    }

    async fn attempt(
        &self,
        repository: &Repository,
        chosen: Chosen<'_>,
        path: &str,
        whole: u64,
    ) -> Result<Builder, Trouble> {
        let Chosen { file, packing, says } = chosen;
        let place = repository
            .suite_file(path)
            .map_err(|error| Trouble::Final(error.into()))?;
        let expected = file.digest();
        let label = format!("{} {}", repository.suite, file.path);
        let work = move |bytes: &mut Bytewise| decode(bytes, (packing, says), whole);
        let hash = Some(expected.algorithm());
        let came = read_through(self.client(), &place, &label, (file.size, hash), work).await;
        let came = match came {
            Ok(came) => came,
            Err(Absent::Nowhere) => return Err(Trouble::Nowhere),
            Err(absent) => return Err(Trouble::Final(failed(repository, absent))),
        };
        let Came {
            made,
            hashers,
            length,
            ..
        } = came;
        let digest = hashers.into_iter().next().map(Hasher::finish);
        let actual = match digest {
            _ if length > file.size => format!("more than {} bytes", file.size),
            digest => format!("{} ({length} bytes)", digest.unwrap_or(expected)),
        };
        match digest {
            Some(digest) if digest == expected && length == file.size => made.map_err(|reason| {
                Trouble::Final(
                    DebError::Packages {
                        repository: repository.words(),
                        path: file.path.clone(),
                        reason,
                    }
                    .into(),
                )
            }),
            _ => Err(Trouble::Elsewhere(
                DebError::Mismatch {
                    repository: repository.words(),
                    place: format!("{} ({place})", file.path),
                    expected: format!("{expected} ({} bytes)", file.size),
                    actual,
                }
                .into(),
            )),
        }
    }
}

/// Why a list was not had from one of its places.
enum Trouble {
    /// It is not there.
    Nowhere,
    /// Another place may have the right one.
    Elsewhere(IndexError),
    /// Nothing else helps.
    Final(IndexError),
}

/// Whether only decompressing takes time.
fn is_near(repository: &Repository) -> bool {
    let url = repository.uri.as_url();
    let host = url.host_str().unwrap_or_default();
    matches!(url.scheme(), "file" | "copy") || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Opens an index of the cache; none where there is none, or not that one.
fn open(path: &Path, chosen: Chosen<'_>) -> Option<Index> {
    let mapped = Mapped::open(path).ok()?;
    let index = Index::open(Bytes::from_owner(mapped)).ok()?;
    (index.made_of() == chosen.made_of()).then_some(index)
}

/// Decompresses and parses, each on a thread of its own.
fn decode(packed: &mut dyn Read, (packing, says): (Packing, Says), whole: u64) -> Result<Builder, String> {
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<Vec<u8>>(4);
        let parsing = scope.spawn(move || match says {
            Says::Packages => {
                let mut builder = Builder::new();
                receive.into_iter().for_each(|piece| builder.push(&piece));
                builder
            }
            Says::Descriptions => {
                let mut descriptions = Descriptions::default();
                receive.into_iter().for_each(|piece| descriptions.push(&piece));
                descriptions.into_builder()
            }
        });
        let unpacked = unpack(packed, packing, whole, |piece| send.send(piece).is_ok());
        drop(send);
        let builder = parsing.join().map_err(|_| "it could not be parsed".to_owned())?;
        unpacked.map(|()| builder)
    })
}

fn unpack(
    packed: &mut dyn Read,
    packing: Packing,
    whole: u64,
    mut hand_over: impl FnMut(Vec<u8>) -> bool,
) -> Result<(), String> {
    let damaged = |error: std::io::Error| format!("it cannot be decompressed: {error}");
    let mut reader = packing.unpack(packed).map_err(damaged)?;
    let mut left = whole;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let count = (&mut reader)
            .take(PIECE as u64)
            .read_to_end(&mut piece)
            .map_err(damaged)? as u64;
        if count == 0 {
            return Ok(());
        }
        left = left
            .checked_sub(count)
            .ok_or_else(|| format!("it has more than the {whole} bytes that are promised"))?;
        if !hand_over(piece) {
            return Ok(());
        }
    }
}
