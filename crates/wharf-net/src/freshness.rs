//! How long an answer may be used without asking again. Sources: RFC 9111 (caching), RFC 8246 (`immutable`).
//!
//! Invariant: an answer that says nothing is fresh for ten minutes; nothing that forbids storing is stored. The
//! cache belongs to one user, so `private` does not matter and `s-maxage` is not ours.

use std::time::{Duration, SystemTime};

/// How long an answer without caching headers is fresh.
pub const HEURISTIC: Duration = Duration::from_secs(600);
/// How long "there is no such thing" is believed where the server does not say.
pub const NEGATIVE: Duration = Duration::from_secs(60);
/// The longest lifetime that is believed, and the lifetime of what never changes.
pub const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What `Cache-Control` says to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheControl {
    /// Seconds that the answer is fresh for.
    pub max_age: Option<u64>,
    /// Do not keep it at all.
    pub no_store: bool,
    /// Ask again each time.
    pub no_cache: bool,
    /// Never use it once stale, not even when the server is out of order.
    pub must_revalidate: bool,
    /// It will not change while it is fresh.
    pub immutable: bool,
}

impl CacheControl {
    /// Reads the value of the header; several headers are joined by commas first. Unknown words are skipped.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let mut control = Self::default();
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                // A malformed lifetime counts as stale (RFC 9111, section 4.2.1); of several, the first counts.
                "max-age" if control.max_age.is_none() => {
                    control.max_age = Some(argument.trim().trim_matches('"').parse().unwrap_or(0));
                }
                "no-store" => control.no_store = true,
                "no-cache" => control.no_cache = true,
                "must-revalidate" => control.must_revalidate = true,
                "immutable" => control.immutable = true,
                _ => {}
            }
        }
        control
    }
}

/// The headers of an answer that decide about caching, as they were received.
#[derive(Debug, Clone, Copy, Default)]
pub struct CachingHeaders<'a> {
    /// `Cache-Control`.
    pub cache_control: Option<&'a str>,
    /// `Expires`.
    pub expires: Option<&'a str>,
    /// `Date`.
    pub date: Option<&'a str>,
    /// `Age`, in seconds.
    pub age: Option<&'a str>,
    /// `Vary`.
    pub vary: Option<&'a str>,
}

/// What follows for one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Whether it may be kept.
    pub store: bool,
    /// How long from now it is fresh.
    pub fresh_for: Duration,
    /// How old it was already when it came.
    pub age: Duration,
    /// Whether it may not be used once stale.
    pub must_revalidate: bool,
}

/// The lifetime of an answer that arrived at `now`; `fallback` is for answers that say nothing.
#[must_use]
pub fn lifetime(headers: &CachingHeaders<'_>, now: SystemTime, fallback: Duration) -> Lifetime {
    let control = CacheControl::parse(headers.cache_control.unwrap_or_default());
    let age =
        Duration::from_secs(headers.age.and_then(|age| age.trim().parse().ok()).unwrap_or(0)).min(FOREVER);
    let total = match (control.max_age, headers.expires) {
        _ if control.no_cache => Duration::ZERO,
        (Some(seconds), _) => Duration::from_secs(seconds),
        (None, Some(expires)) => expires_in(expires, headers.date, now),
        (None, None) if control.immutable => FOREVER,
        (None, None) => fallback,
    };
    Lifetime {
        store: !control.no_store && headers.vary.is_none_or(|vary| vary.trim() != "*"),
        fresh_for: total.min(FOREVER).saturating_sub(age),
        age,
        must_revalidate: control.must_revalidate,
    }
}

/// `Expires` against the server's own clock if it told it, so that a wrong clock here does not matter.
fn expires_in(expires: &str, date: Option<&str>, now: SystemTime) -> Duration {
    let date = date
        .and_then(|date| httpdate::parse_http_date(date.trim()).ok())
        .unwrap_or(now);
    httpdate::parse_http_date(expires.trim())
        .ok()
        .and_then(|expires| expires.duration_since(date).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(control: Option<&str>, age: Option<&str>, expected: u64) {
        let headers = CachingHeaders {
            cache_control: control,
            age,
            ..CachingHeaders::default()
        };
        let found = lifetime(&headers, SystemTime::UNIX_EPOCH, HEURISTIC).fresh_for;
        assert_eq!(found, Duration::from_secs(expected), "{control:?} {age:?}");
    }

    #[test]
    fn lifetimes() {
        check(None, None, 600);
        check(Some("max-age=600, public"), None, 600);
        check(Some("max-age=600"), Some("100"), 500);
        check(Some("max-age=600"), Some("700"), 0);
        check(Some("Max-Age=\"30\""), None, 30);
        check(Some("max-age=1, max-age=900"), None, 1);
        check(Some("max-age=later"), None, 0);
        check(Some("max-age=-5"), None, 0);
        check(Some("no-cache, max-age=600"), None, 0);
        check(Some("public, immutable"), None, FOREVER.as_secs());
        check(Some("max-age=18446744073709551615"), None, FOREVER.as_secs());
        check(
            Some("max-age=18446744073709551615"),
            Some("18446744073709551615"),
            0,
        );
        check(Some("s-maxage=5"), None, 600);
        check(Some(""), None, 600);
    }

    #[test]
    fn expires_is_measured_by_the_servers_clock() {
        let headers = CachingHeaders {
            expires: Some("Wed, 21 Oct 2015 08:28:00 GMT"),
            date: Some("Wed, 21 Oct 2015 07:28:00 GMT"),
            ..CachingHeaders::default()
        };
        assert_eq!(
            lifetime(&headers, SystemTime::UNIX_EPOCH, HEURISTIC).fresh_for,
            Duration::from_secs(3600)
        );
        let broken = CachingHeaders {
            expires: Some("0"),
            ..headers
        };
        assert_eq!(
            lifetime(&broken, SystemTime::UNIX_EPOCH, HEURISTIC).fresh_for,
            Duration::ZERO
        );
    }

    #[test]
    fn what_may_not_be_stored() {
        let store = |cache_control, vary| {
            let headers = CachingHeaders {
                cache_control,
                vary,
                ..CachingHeaders::default()
            };
            lifetime(&headers, SystemTime::UNIX_EPOCH, HEURISTIC).store
        };
        assert!(store(None, None));
        assert!(store(Some("private"), Some("Accept")));
        assert!(!store(Some("no-store"), None));
        assert!(!store(None, Some("*")));
    }

    proptest! {
        #[test]
        fn any_header_is_survived(control in ".{0,60}", age in "[0-9]{0,30}", expires in ".{0,40}") {
            let headers = CachingHeaders {
                cache_control: Some(&control), age: Some(&age), expires: Some(&expires), ..CachingHeaders::default()
            };
            prop_assert!(lifetime(&headers, SystemTime::now(), HEURISTIC).fresh_for <= FOREVER);
        }
    }
}
