//! When to try again. Invariant: only what may succeed the next time is repeated, each pause at least doubles on
//! average, and nobody waits longer than the settings allow.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant, SystemTime};

use wharf_core::WebUrl;

use crate::error::{NetError, Tried};
use crate::settings::Settings;

/// What to do after one failed exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it would fail again.
    Stop,
    /// Try again after the usual pause, or after the pause that the server asked for.
    Again(Option<Duration>),
}

/// One failed exchange.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: NetError,
    pub(crate) next: Next,
}

impl Failure {
    pub(crate) fn stop(error: NetError) -> Self {
        Self {
            error,
            next: Next::Stop,
        }
    }

    pub(crate) fn again(error: NetError) -> Self {
        Self {
            error,
            next: Next::Again(None),
        }
    }
}

/// Counts the tries of one request, over all its mirrors.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    settings: &'a Settings,
    /// Where to ask, in order; the last is the current one's end.
    places: Vec<WebUrl>,
    place: usize,
    /// Retries left at this place.
    left: u32,
    pause: Duration,
    attempts: u32,
    begun: Instant,
    mirrored: bool,
}

impl<'a> Tries<'a> {
    /// Begins with the first of `places`, which is never empty.
    pub(crate) fn new(settings: &'a Settings, places: Vec<WebUrl>, mirrored: bool) -> Self {
        Self {
            settings,
            places,
            place: 0,
            left: settings.retries,
            pause: settings.backoff,
            attempts: 0,
            begun: Instant::now(),
            mirrored,
        }
    }

    /// Where to ask now. Counts an attempt.
    pub(crate) fn begin(&mut self) -> WebUrl {
        self.attempts += 1;
        self.places[self.place].clone()
    }

    /// Something was achieved (bytes arrived): failures start counting anew.
    pub(crate) fn progressed(&mut self) {
        self.left = self.settings.retries;
        self.pause = self.settings.backoff;
    }

    /// Waits and returns if another try is due; otherwise gives the final error.
    pub(crate) async fn after(&mut self, failure: Failure) -> Result<(), NetError> {
        match self.decide(&failure) {
            Some(pause) => {
                tracing::debug!(error = %failure.error, ?pause, "trying again");
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => {
                let mut error = failure.error;
                error.set_tried(self.tried());
                Err(error)
            }
        }
    }

    fn tried(&self) -> Tried {
        let mirrors = if self.mirrored {
            self.places[..=self.place].to_vec()
        } else {
            Vec::new()
        };
        let mirrors = mirrors.iter().map(WebUrl::without_credentials).collect();
        Tried {
            attempts: self.attempts,
            elapsed: self.begun.elapsed(),
            mirrors,
        }
    }

    fn decide(&mut self, failure: &Failure) -> Option<Duration> {
        if let Next::Again(asked) = failure.next {
            let pause = asked
                .unwrap_or_else(|| jittered(self.pause))
                .max(Duration::from_millis(1));
            let patient = asked.is_none_or(|asked| asked <= self.settings.max_backoff);
            if self.left > 0 && patient {
                self.left -= 1;
                self.pause = (self.pause * 2).min(self.settings.max_backoff);
                return Some(pause);
            }
        }
        // A mirror that fails for good makes way for the next one.
        if self.place + 1 < self.places.len() {
            self.place += 1;
            self.progressed();
            return Some(Duration::ZERO);
        }
        None
    }
}

/// Between half and one and a half times the pause, so that fifty requests that failed together do not return
/// together.
fn jittered(pause: Duration) -> Duration {
    // A fresh RandomState differs each time: enough chance for a pause, without a dependency.
    let chance = RandomState::new().build_hasher().finish();
    pause / 2 + pause.mul_f64((chance >> 11) as f64 / (1u64 << 53) as f64)
}

/// Whether an answer with this status may be different the next time.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 520..=527)
}

/// Reads `Retry-After`: seconds or a date. Source: RFC 9110, section 10.2.3.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_forms() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(
                retry_after(value, now),
                expected.map(Duration::from_secs),
                "{value}"
            );
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30));
        check("Wed, 21 Oct 2015 07:27:00 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("", None);
    }

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    fn passing(asked: Option<u64>) -> Failure {
        let error = NetError::Status {
            url: Box::new(url("https://example.org/")),
            status: 503,
            tried: Box::default(),
        };
        Failure {
            error,
            next: Next::Again(asked.map(Duration::from_secs)),
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let settings = Settings {
            backoff: Duration::from_secs(1),
            retries: 3,
            ..Settings::default()
        };
        let mut tries = Tries::new(&settings, vec![url("https://example.org/")], false);
        for usual in [1.0, 2.0, 4.0] {
            let pause = tries.decide(&passing(None)).unwrap().as_secs_f64();
            assert!(
                (usual * 0.5..=usual * 1.5).contains(&pause),
                "{pause} is not about {usual}"
            );
        }
        assert_eq!(tries.decide(&passing(None)), None);
    }

    #[test]
    fn the_servers_wish_counts_within_reason() {
        let settings = Settings {
            max_backoff: Duration::from_secs(30),
            ..Settings::default()
        };
        let mut tries = Tries::new(&settings, vec![url("https://example.org/")], false);
        assert_eq!(tries.decide(&passing(Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(tries.decide(&passing(Some(3600))), None);
    }

    #[test]
    fn the_next_mirror_begins_afresh() {
        let settings = Settings {
            retries: 1,
            ..Settings::default()
        };
        let mut tries = Tries::new(
            &settings,
            vec![url("https://a.example.org/"), url("https://b.example.org/")],
            true,
        );
        assert_eq!(tries.begin(), url("https://a.example.org/"));
        assert!(tries.decide(&passing(None)).is_some());
        assert_eq!(tries.begin(), url("https://a.example.org/"));
        assert_eq!(tries.decide(&passing(None)), Some(Duration::ZERO));
        assert_eq!(tries.begin(), url("https://b.example.org/"));
        assert!(tries.decide(&passing(None)).is_some());
        tries.begin();
        assert_eq!(tries.decide(&passing(None)), None);
        assert_eq!(tries.tried().attempts, 4);
        assert_eq!(tries.tried().mirrors.len(), 2);
    }
}
