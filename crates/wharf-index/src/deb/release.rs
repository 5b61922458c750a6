//! The `Release` file of a suite: asked for with a condition, verified, judged.
//!
//! Invariant: what is given out was signed by one of the suite's keys (or nobody has to), has not expired, and is not
//! older than what the cache knows of the suite. Nothing is kept here: that is done once everything else of the suite
//! is there as well. Source: apt-secure(8), the repository format of the Debian wiki.

use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::{Algorithm, Event, Timestamp};
use wharf_deb::release::{Release, ReleaseError};
use wharf_deb::signature::{Keyring, verify_detached, verify_inline};
use wharf_net::freshness::Lifetime;
use wharf_net::{DocumentReply, NetError, Validators};
use wharf_store::Hasher;

use super::arrival::{Absent, whole};
use super::error::DebError;
use super::packages::PACKINGS;
use super::repository::{Keys, Place, Repository, Trust};
use super::state::State;
use super::{Answer, Repositories};
use crate::error::IndexError;
use crate::keep::Freshness;

/// For this long what is on this machine, or says nothing of how long it holds, is not looked at again.
const LOCAL: Lifetime = Lifetime {
    store: true,
    fresh_for: std::time::Duration::ZERO,
    age: std::time::Duration::ZERO,
    must_revalidate: false,
};

/// A `Release` file that may be used.
#[derive(Clone)]
pub(super) struct Obtained {
    pub(super) release: Arc<Release>,
    pub(super) state: Arc<State>,
    /// Whether it is another one than the cache has.
    pub(super) is_new: bool,
}

/// Something that a server or a disk answered.
enum Reply {
    Unchanged(Lifetime),
    New {
        bytes: Vec<u8>,
        validators: Validators,
        lifetime: Lifetime,
    },
}

impl Repositories {
    /// The `Release` file of a suite.
    pub(super) async fn obtain(
        &self,
        repository: &Repository,
        known: Option<Arc<State>>,
    ) -> Answer<Obtained> {
        let usable = known
            .as_ref()
            .filter(|state| state.trust == repository.trust.identity());
        let now = Timestamp::now().as_second();
        if let Some(state) = usable
            && (self.is_offline_for(repository) || !self.always_asks() && state.freshness.holds(now))
        {
            return kept(repository, state);
        }
        if self.is_offline_for(repository) {
            return Err(DebError::Offline {
                repository: repository.words(),
                what: "the Release file".to_owned(),
            }
            .into());
        }
        match self.ask_for(repository, usable, known.as_ref()).await {
            Err(IndexError::Net { error, context }) => match usable {
                Some(state) if self.stands_in(repository, state, &error) => kept(repository, state),
                _ => Err(IndexError::Net { error, context }),
            },
            other => other,
        }
    }

    /// Whether what is in the cache may stand in for what could not be had.
    pub(super) fn stands_in(&self, repository: &Repository, state: &State, error: &NetError) -> bool {
        let age = state.freshness.age(Timestamp::now().as_second());
        self.client().stands_in(&repository.uri, age, error)
    }

    async fn ask_for(
        &self,
        repository: &Repository,
        usable: Option<&Arc<State>>,
        known: Option<&Arc<State>>,
    ) -> Answer<Obtained> {
        let file = match repository.trust {
            Trust::Signed(_) => "InRelease",
            Trust::Anyone => "Release",
        };
        let (file, reply) = match self.reply(repository, file, usable).await {
            // Old repositories have the signature beside.
            Err(Absent::Nowhere) if file == "InRelease" => {
                ("Release", self.reply(repository, "Release", usable).await)
            }
            reply => (file, reply),
        };
        match reply {
            Ok(Reply::Unchanged(lifetime)) => match usable {
                Some(state) => renewed(repository, state, lifetime),
                // A condition was answered that was not set.
                None => Err(no_suite(repository)),
            },
            Ok(Reply::New {
                bytes,
                validators,
                lifetime,
            }) => {
                let text = self.verified(repository, file, bytes).await?;
                let state = State {
                    freshness: Freshness::of(lifetime),
                    trust: repository.trust.identity(),
                    file: file.to_owned(),
                    validators,
                    text,
                };
                self.judged(repository, state, known)
            }
            Err(Absent::Nowhere) if repository.trust == Trust::Anyone => {
                self.without_release(repository).await
            }
            Err(Absent::Nowhere) => Err(no_suite(repository)),
            Err(absent) => Err(failed(repository, absent)),
        }
    }

    async fn reply(
        &self,
        repository: &Repository,
        file: &str,
        usable: Option<&Arc<State>>,
    ) -> Result<Reply, Absent> {
        let place = repository.suite_file(file).map_err(|_| Absent::Nowhere)?;
        let validators = usable
            .filter(|state| state.file == file)
            .map(|state| &state.validators);
        match place {
            Place::Web(url) => match self.client().get_document(&url, "*/*", validators).await? {
                DocumentReply::Unchanged(lifetime) => Ok(Reply::Unchanged(lifetime)),
                DocumentReply::New(document) => {
                    let (validators, lifetime) = (document.validators.clone(), document.lifetime);
                    let bytes = wharf_sys::run_compute(move || document.decode()).await?.to_vec();
                    Ok(Reply::New {
                        bytes,
                        validators,
                        lifetime,
                    })
                }
            },
            Place::File(path) => {
                let bytes = whole(path).await?;
                let etag = Some(Hasher::digest(Algorithm::Sha256, &bytes).hex());
                if etag.is_some() && validators.is_some_and(|known| known.etag == etag) {
                    return Ok(Reply::Unchanged(LOCAL));
                }
                let last_modified = None;
                Ok(Reply::New {
                    bytes,
                    validators: Validators { etag, last_modified },
                    lifetime: LOCAL,
                })
            }
        }
    }

    /// The text that the signature was verified for.
    async fn verified(&self, repository: &Repository, file: &str, bytes: Vec<u8>) -> Answer<Vec<u8>> {
        let Trust::Signed(keys) = &repository.trust else {
            return Ok(bytes);
        };
        let detached = match file {
            "InRelease" => None,
            _ => match self.bytes_of(repository, "Release.gpg").await {
                Ok(signature) => Some(signature),
                Err(Absent::Nowhere) => {
                    return Err(DebError::Unsigned {
                        repository: repository.words(),
                    }
                    .into());
                }
                Err(absent) => return Err(failed(repository, absent)),
            },
        };
        if keys.blocks.is_empty() {
            return Err(DebError::NoKeys {
                repository: repository.words(),
            }
            .into());
        }
        let (keys, name) = (keys.clone(), repository.words());
        let verified = wharf_sys::run_compute(move || {
            let ring = keyring(&keys, &name)?;
            let now = Timestamp::now();
            let verified = match detached {
                None => verify_inline(&bytes, &ring, now),
                Some(signature) => verify_detached(&bytes, &signature, &ring, now),
            };
            verified.map_err(|error| DebError::Signature {
                repository: name,
                error: Arc::new(error),
            })
        });
        Ok(verified.await?.text)
    }

    async fn bytes_of(&self, repository: &Repository, file: &str) -> Result<Vec<u8>, Absent> {
        match repository.suite_file(file).map_err(|_| Absent::Nowhere)? {
            Place::Web(url) => {
                let limit = self.client().settings().page_limit;
                Ok(self.client().get_bytes(&url, limit).await?.to_vec())
            }
            Place::File(path) => whole(path).await,
        }
    }

    /// Judges a file that was verified just now.
    fn judged(&self, repository: &Repository, state: State, known: Option<&Arc<State>>) -> Answer<Obtained> {
        let refused = |error| refused(repository, error);
        let release = Release::parse(&state.text).map_err(refused)?;
        release
            .check_dates(Timestamp::now(), repository.valid_until)
            .map_err(refused)?;
        // Also one that other keys signed counts: keys change, and time goes on.
        let date = known
            .and_then(|known| Release::parse(&known.text).ok())
            .and_then(|known| known.date);
        if let Some(date) = date {
            release.check_not_older(date).map_err(refused)?;
        }
        self.tell_of_another_name(repository, &release);
        Ok(Obtained {
            release: Arc::new(release),
            state: Arc::new(state),
            is_new: true,
        })
    }

    /// One key signs many suites: a mirror that answers with another one is not caught by its signature.
    fn tell_of_another_name(&self, repository: &Repository, release: &Release) {
        let asked = repository.suite.trim_end_matches("/updates");
        let names = [&release.suite, &release.codename];
        let same = |name: &&Option<String>| {
            name.as_deref()
                .is_some_and(|name| name == repository.suite || name.trim_end_matches("/updates") == asked)
        };
        let known = names.iter().any(|name| name.is_some());
        if !repository.is_flat() && known && !names.iter().any(same) {
            self.tell(Event::warning(
                "deb/other-suite",
                format!(
                    "the suite {} calls itself `{}`",
                    repository.words(),
                    release.name()
                ),
            ));
        }
    }

    /// A repository that has no `Release` file, which is fine where nothing has to be proved: a list of its files is
    /// made from what is there.
    async fn without_release(&self, repository: &Repository) -> Answer<Obtained> {
        let mut text = String::from("SHA256:\n");
        let mut found = 0;
        for base in super::packages::bases(repository) {
            for packing in PACKINGS {
                let path = format!("{base}{}", packing.ending());
                match self.bytes_of(repository, &path).await {
                    Ok(bytes) => {
                        let digest = Hasher::digest(Algorithm::Sha256, &bytes);
                        text.push_str(&format!(" {} {} {path}\n", digest.hex(), bytes.len()));
                        found += 1;
                        break;
                    }
                    Err(Absent::Nowhere) => {}
                    Err(absent) => return Err(failed(repository, absent)),
                }
            }
        }
        if found == 0 {
            return Err(no_suite(repository));
        }
        let state = State {
            freshness: Freshness::of(LOCAL),
            trust: repository.trust.identity(),
            file: String::new(),
            validators: Validators::default(),
            text: text.into_bytes(),
        };
        self.judged(repository, state, None)
    }
}

/// The keys of all blocks.
fn keyring(keys: &Keys, repository: &str) -> Result<Keyring, DebError> {
    let refused = |place: &str| {
        let (repository, place) = (repository.to_owned(), place.to_owned());
        move |error| DebError::Keys {
            repository,
            place,
            error: Arc::new(error),
        }
    };
    let mut ring = Keyring::default();
    for block in &keys.blocks {
        ring.extend(Keyring::parse(&block.bytes).map_err(refused(&block.place))?);
    }
    match keys.fingerprints.is_empty() {
        true => Ok(ring),
        false => ring
            .restricted_to(&keys.fingerprints)
            .map_err(refused("the repository's `signed-by`")),
    }
}

/// What the cache has.
fn kept(repository: &Repository, state: &Arc<State>) -> Answer<Obtained> {
    Ok(Obtained {
        release: Arc::new(Release::parse(&state.text).map_err(|error| refused(repository, error))?),
        state: Arc::clone(state),
        is_new: false,
    })
}

/// What the cache has, confirmed: judged by today's date, since who confirms for ever what has expired hides updates.
fn renewed(repository: &Repository, state: &Arc<State>, lifetime: Lifetime) -> Answer<Obtained> {
    let mut obtained = kept(repository, state)?;
    obtained
        .release
        .check_dates(Timestamp::now(), repository.valid_until)
        .map_err(|error| refused(repository, error))?;
    let mut state = State::clone(state);
    state.freshness = Freshness::of(lifetime);
    obtained.state = Arc::new(state);
    Ok(obtained)
}

fn refused(repository: &Repository, error: ReleaseError) -> IndexError {
    DebError::Release {
        repository: repository.words(),
        error: Arc::new(error),
    }
    .into()
}

fn no_suite(repository: &Repository) -> IndexError {
    let file = match repository.trust {
        Trust::Signed(_) => "InRelease",
        Trust::Anyone => "Release",
    };
    match repository.suite_file(file) {
        Ok(place) => DebError::NoSuite {
            uri: Box::new(repository.uri.without_credentials()),
            suite: repository.suite.clone(),
            place: place.to_string(),
        }
        .into(),
        Err(error) => error.into(),
    }
}

/// The error for a file of a repository that could not be had.
pub(super) fn failed(repository: &Repository, absent: Absent) -> IndexError {
    match absent {
        Absent::Nowhere => no_suite(repository),
        Absent::Net(error) => IndexError::net(format!(
            "the repository {} could not be updated",
            repository.words()
        ))(error),
        Absent::Disk(error) => {
            let path = PathBuf::from(repository.uri.as_url().path());
            IndexError::disk("read", &path)(error)
        }
    }
}
