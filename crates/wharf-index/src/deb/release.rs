//! The `Release` file of a suite: asked for with a condition, verified, judged.
//!
//! Invariant: what is given out was signed by one of the suite's keys (or nobody has to), is of the suite that was asked for, has
//! not expired today, and is not older than what the cache knows of the suite; only without a network it may have expired
//! meanwhile. Nothing is kept here: that is done once everything else of the suite is there as well. Source: apt-secure(8), the repository format of the Debian wiki.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wharf_core::{Algorithm, Event, Explain, Timestamp};
use wharf_deb::release::{Release, ReleaseError};
use wharf_deb::signature::{Keyring, verify_detached, verify_inline};
use wharf_net::freshness::Lifetime;
use wharf_net::{DocumentReply, NetError, Validators};
use wharf_store::Hasher;

use super::arrival::{Absent, whole};
use super::error::DebError;
use super::packages::PACKINGS;
use super::repository::{Keys, Names, Place, Repository, Trust};
use super::state::State;
use super::{Answer, Repositories};
use crate::error::IndexError;
use crate::keep::Freshness;

/// A server may say how long its answers hold, but not that nobody looks for a newer one today.
const FRESH_AT_MOST: Duration = Duration::from_secs(60 * 60);

/// For this long what is on this machine, or says nothing of how long it holds, is not looked at again.
const LOCAL: Lifetime = Lifetime {
    store: true,
    fresh_for: Duration::ZERO,
    age: Duration::ZERO,
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
        let is_offline = self.is_offline_for(repository);
        let now = Timestamp::now().as_second();
        match usable {
            Some(state) if is_offline => return self.kept_offline(repository, state),
            Some(state) if !self.always_asks() && state.freshness.holds(now) => {
                // What expired meanwhile is asked for again, however long its server said that it holds.
                if let Ok(obtained) = kept(repository, state) {
                    return Ok(obtained);
                }
            }
            _ => {}
        }
        if is_offline {
            return Err(DebError::Offline {
                repository: repository.words(),
                what: "the Release file".to_owned(),
            }
            .into());
        }
        match self.ask_for(repository, usable, known.as_ref()).await {
            Err(IndexError::Net { error, context }) => {
                let before = usable.and_then(|state| Some((state, kept(repository, state).ok()?)));
                match before {
                    Some((state, obtained)) if self.stands_in(repository, state, &error) => Ok(obtained),
                    _ => Err(IndexError::Net { error, context }),
                }
            }
            other => other,
        }
    }

    /// What the cache has, where the network is off: also what has expired, with a warning.
    fn kept_offline(&self, repository: &Repository, state: &Arc<State>) -> Answer<Obtained> {
        let obtained = undated(repository, state)?;
        let judged = obtained
            .release
            .check_dates(Timestamp::now(), repository.valid_until);
        if let Err(error) = judged {
            self.tell(Event::warning(
                error.code(),
                format!(
                    "the repository {} is used as it is in the cache, for the network is off: {error}",
                    repository.words()
                ),
            ));
        }
        Ok(obtained)
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
                    freshness: freshness(lifetime),
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
                let bytes = whole(path, self.client().settings().page_limit).await?;
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
        let limit = self.client().settings().page_limit;
        match repository.suite_file(file).map_err(|_| Absent::Nowhere)? {
            Place::Web(url) => Ok(self.client().get_bytes(&url, limit).await?.to_vec()),
            Place::File(path) => whole(path, limit).await,
        }
    }

    /// Judges a file that was verified just now.
    fn judged(&self, repository: &Repository, state: State, known: Option<&Arc<State>>) -> Answer<Obtained> {
        let refused = |error| refused(repository, error);
        let release = Release::parse(&state.text).map_err(refused)?;
        release
            .check_dates(Timestamp::now(), repository.valid_until)
            .map_err(refused)?;
        let before = known.and_then(|known| Some((known, Release::parse(&known.text).ok()?)));
        // Also one that other keys signed counts: keys change, and time goes on. What nobody signed is kept apart.
        if let Some(date) = before.as_ref().and_then(|(_, before)| before.date) {
            release.check_not_older(date).map_err(refused)?;
        }
        let before = before.filter(|(known, _)| known.trust == state.trust);
        self.check_names(repository, &release, before.as_ref().map(|(_, before)| before))?;
        Ok(Obtained {
            release: Arc::new(release),
            state: Arc::new(state),
            is_new: true,
        })
    }

    /// One key signs many suites: a mirror that answers with another one is not caught by its signature, but by the names that
    /// are signed. Where they are not what was asked for, they have to stay what they were when they were first seen.
    fn check_names(
        &self,
        repository: &Repository,
        release: &Release,
        before: Option<&Release>,
    ) -> Result<(), DebError> {
        let names = Named::of(release);
        if repository.trust == Trust::Anyone {
            self.tell_of_other_names(repository, names);
            return Ok(());
        }
        let before = before.map(Named::of);
        let renamed = |was: Named<'_>| DebError::Renamed {
            repository: repository.words(),
            was: was.to_string(),
            is: names.to_string(),
            kept: self.state_path(repository),
        };
        match before {
            Some(was) if was.origin != names.origin => Err(renamed(was)),
            _ if names.answers(&repository.suite) => Ok(()),
            _ if repository.names == Names::Asked => Err(DebError::OtherSuite {
                repository: repository.words(),
                names: names.to_string(),
            }),
            Some(was) if was == names => Ok(()),
            Some(was) => Err(renamed(was)),
            None => {
                self.tell_of_other_names(repository, names);
                Ok(())
            }
        }
    }

    fn tell_of_other_names(&self, repository: &Repository, names: Named<'_>) {
        let says = names.suite.is_some() || names.codename.is_some();
        if !repository.is_flat() && says && !names.answers(&repository.suite) {
            self.tell(Event::warning(
                "deb/other-suite",
                format!(
                    "the Release file of the repository {} calls itself {names}",
                    repository.words()
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
            freshness: freshness(LOCAL),
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

/// What a `Release` file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named<'r> {
    origin: Option<&'r str>,
    suite: Option<&'r str>,
    codename: Option<&'r str>,
}

impl<'r> Named<'r> {
    fn of(release: &'r Release) -> Self {
        Self {
            origin: release.origin.as_deref(),
            suite: release.suite.as_deref(),
            codename: release.codename.as_deref(),
        }
    }

    /// Whether this is what somebody means who asks for a suite: by its own name, or by its codename. Ubuntu gives `noble-updates` the
    /// codename `noble`, which does not make it the release itself.
    fn answers(self, asked: &str) -> bool {
        fn plain(name: &str) -> &str {
            // Debian's security updates were once `buster/updates`; `stable-proposed-updates` is a second name.
            let name = name.strip_suffix("/updates").unwrap_or(name);
            match name {
                "stable-proposed-updates" => "proposed-updates",
                name => name,
            }
        }
        let asked = plain(asked);
        let part_of = |suite: &str| {
            suite
                .strip_prefix(asked)
                .is_some_and(|rest| rest.starts_with('-'))
        };
        let is = |name: Option<&str>| name.is_some_and(|name| plain(name) == asked);
        is(self.suite) || is(self.codename) && !self.suite.is_some_and(part_of)
    }
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = [
            ("Suite", self.suite),
            ("Codename", self.codename),
            ("Origin", self.origin),
        ];
        let fields: Vec<String> = fields
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} `{}`", value?)))
            .collect();
        match fields.is_empty() {
            true => f.write_str("nothing at all"),
            false => f.write_str(&fields.join(", ")),
        }
    }
}

/// For how long an answer counts.
fn freshness(lifetime: Lifetime) -> Freshness {
    Freshness::of(Lifetime {
        fresh_for: lifetime.fresh_for.min(FRESH_AT_MOST),
        ..lifetime
    })
}

/// What the cache has, judged by today's date: neither a server that says how long its answers hold nor one that is out of order
/// makes what has expired any younger.
pub(super) fn kept(repository: &Repository, state: &Arc<State>) -> Answer<Obtained> {
    let obtained = undated(repository, state)?;
    obtained
        .release
        .check_dates(Timestamp::now(), repository.valid_until)
        .map_err(|error| refused(repository, error))?;
    Ok(obtained)
}

/// What the cache has, whatever the date.
fn undated(repository: &Repository, state: &Arc<State>) -> Answer<Obtained> {
    Ok(Obtained {
        release: Arc::new(Release::parse(&state.text).map_err(|error| refused(repository, error))?),
        state: Arc::clone(state),
        is_new: false,
    })
}

/// What the cache has, confirmed: judged by today's date, since who confirms for ever what has expired hides updates.
fn renewed(repository: &Repository, state: &Arc<State>, lifetime: Lifetime) -> Answer<Obtained> {
    let mut obtained = kept(repository, state)?;
    let mut state = State::clone(state);
    state.freshness = freshness(lifetime);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_to_a_name() {
        let check = |asked: &str, suite, codename, expected| {
            let names = Named {
                origin: None,
                suite,
                codename,
            };
            assert_eq!(names.answers(asked), expected, "{asked}: {names}");
        };
        check("bookworm", Some("oldstable"), Some("bookworm"), true);
        check("stable", Some("stable"), Some("trixie"), true);
        check("stable", Some("oldstable"), Some("bookworm"), false);
        check("sid", Some("unstable"), Some("sid"), true);
        check("experimental", Some("experimental"), Some("rc-buggy"), true);
        check(
            "trixie-updates",
            Some("stable-updates"),
            Some("trixie-updates"),
            true,
        );
        check("trixie", Some("stable-updates"), Some("trixie-updates"), false);
        check("buster/updates", Some("oldoldstable"), Some("buster"), true);
        check("stable-proposed-updates", Some("proposed-updates"), None, true);
        check("noble-updates", Some("noble-updates"), Some("noble"), true);
        check("noble", Some("noble"), Some("noble"), true);
        check("noble", Some("noble-proposed"), Some("noble"), false);
        check("noble-security", Some("noble"), Some("noble"), false);
        check("noble", Some("other"), None, false);
        check("noble", None, Some("noble"), true);
        check("noble", None, None, false);
        check("./", None, None, false);
    }

    #[test]
    fn no_server_is_believed_for_longer_than_an_hour() {
        let lifetime = |seconds| Lifetime {
            fresh_for: Duration::from_secs(seconds),
            ..LOCAL
        };
        let span = |seconds| {
            let freshness = freshness(lifetime(seconds));
            freshness.until - freshness.fetched
        };
        assert_eq!(span(120), 120);
        assert_eq!(span(315_360_000), 3600);
    }
}
