//! What is remembered of the hosts that serve files: whether a wheel's metadata lies beside it although no page says
//! so, and whether parts of a file can be asked for.
//!
//! Invariant: what a host cannot do is found out by at most one failed request, however many tasks ask at once, and is
//! then known to later commands for a day.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use wharf_core::{Timestamp, WebUrl};

use crate::cache::{self, Cache};

/// How long a refusal is believed: hosts learn.
const BELIEVED_FOR: i64 = 24 * 3600;

const ABLE: u8 = 1;
const UNABLE: u8 = 2;

/// Something a host may or may not do.
#[derive(Debug, Default)]
pub(crate) struct Skill {
    /// `ABLE`, `UNABLE`, or 0 where nobody knows.
    known: AtomicU8,
    trial: tokio::sync::Mutex<()>,
}

/// Whether to ask a host for something.
pub(crate) enum Attempt<'s> {
    /// It is able: ask.
    Ask,
    /// It is not: do not.
    Skip,
    /// Nobody knows: ask, and say how it went. Others wait meanwhile.
    Try(tokio::sync::MutexGuard<'s, ()>),
}

impl Skill {
    /// What to do; waits while another task finds out.
    pub(crate) async fn attempt(&self) -> Attempt<'_> {
        if let Some(known) = self.known() {
            return if known { Attempt::Ask } else { Attempt::Skip };
        }
        let guard = self.trial.lock().await;
        match self.known() {
            Some(true) => Attempt::Ask,
            Some(false) => Attempt::Skip,
            None => Attempt::Try(guard),
        }
    }

    /// What is known.
    pub(crate) fn known(&self) -> Option<bool> {
        match self.known.load(Ordering::Acquire) {
            ABLE => Some(true),
            UNABLE => Some(false),
            _ => None,
        }
    }

    fn set(&self, able: bool) {
        self.known
            .store(if able { ABLE } else { UNABLE }, Ordering::Release);
    }
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    path: PathBuf,
    /// Serves `.metadata` that it does not announce.
    pub(crate) metadata: Skill,
    /// Serves parts of files.
    pub(crate) ranges: Skill,
}

impl Host {
    fn load(path: PathBuf) -> Self {
        let host = Self {
            path,
            metadata: Skill::default(),
            ranges: Skill::default(),
        };
        let text = cache::read(&host.path)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        let now = Timestamp::now().as_second();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(skill), Some(able), Some(when)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let Ok(when) = when.parse::<i64>() else { continue };
            if !(0..BELIEVED_FOR).contains(&now.saturating_sub(when)) {
                continue;
            }
            match skill {
                "metadata" => host.metadata.set(able == "yes"),
                "ranges" => host.ranges.set(able == "yes"),
                _ => {}
            }
        }
        host
    }

    /// Records whether unannounced metadata is served.
    pub(crate) fn learned_metadata(&self, able: bool) {
        if self.metadata.known() != Some(able) {
            self.metadata.set(able);
            self.save();
        }
    }

    /// Records whether parts of files are served.
    pub(crate) fn learned_ranges(&self, able: bool) {
        if self.ranges.known() != Some(able) {
            self.ranges.set(able);
            self.save();
        }
    }

    fn save(&self) {
        let now = Timestamp::now().as_second();
        let mut text = String::new();
        for (word, skill) in [("metadata", &self.metadata), ("ranges", &self.ranges)] {
            if let Some(able) = skill.known() {
                text.push_str(&format!("{word} {} {now}\n", if able { "yes" } else { "no" }));
            }
        }
        if let Err(error) = cache::write(&self.path, text.as_bytes()) {
            tracing::debug!(%error, "what was learned of a host is not kept");
        }
    }
}

/// Every host that was met.
#[derive(Debug)]
pub(crate) struct Hosts {
    cache: Cache,
    known: Mutex<FxHashMap<String, Arc<Host>>>,
}

impl Hosts {
    pub(crate) fn new(cache: Cache) -> Self {
        Self {
            cache,
            known: Mutex::default(),
        }
    }

    /// The host of a URL.
    pub(crate) fn of(&self, url: &WebUrl) -> Arc<Host> {
        let origin = url.as_url().origin().ascii_serialization();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || Arc::new(Host::load(self.cache.host(&origin)));
        Arc::clone(known.entry(origin.clone()).or_insert_with(load))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_tries_and_the_others_learn() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = Hosts::new(Cache::new(folder.path()));
        let url = WebUrl::parse("https://files.example.org/a/b.whl").unwrap();
        let host = hosts.of(&url);
        let Attempt::Try(guard) = host.metadata.attempt().await else {
            panic!("nobody knows yet")
        };
        let waiting = tokio::spawn({
            let host = Arc::clone(&host);
            async move { matches!(host.metadata.attempt().await, Attempt::Skip) }
        });
        tokio::task::yield_now().await;
        host.learned_metadata(false);
        drop(guard);
        assert!(waiting.await.unwrap());
        let later = Hosts::new(Cache::new(folder.path()));
        assert_eq!(later.of(&url).metadata.known(), Some(false));
        assert_eq!(later.of(&url).ranges.known(), None);
    }

    #[tokio::test]
    async fn what_is_old_or_odd_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let path = cache.host("https://files.example.org");
        let old = Timestamp::now().as_second() - 2 * BELIEVED_FOR;
        cache::write(
            &path,
            format!("metadata no {old}\nranges\n\u{0}\nranges yes soon\n").as_bytes(),
        )
        .unwrap();
        let host = Hosts::new(cache).of(&WebUrl::parse("https://files.example.org/x").unwrap());
        assert_eq!((host.metadata.known(), host.ranges.known()), (None, None));
    }
}
