//! The client: cached pages, plain pages, byte ranges, questions about a URL.
//!
//! Invariants: making a client costs nothing; connections, certificates and logins are prepared by the first
//! request. An answer from the cache says how old it is. When a server is out of order, an older answer is used if
//! there is one, and the user is told so once per server.

use std::collections::{HashMap, HashSet, hash_map};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::watch;
use url::Origin;
use wharf_core::{Event, Sinks, WebUrl};
use wharf_sys::Governor;

use crate::answer::{CacheStatus, Cached, Freshness, HeadReply, Range, RangeReply, Request, StaleReason};
use crate::auth::{Found, Login, Logins};
use crate::body::{range_reply, read_body};
use crate::cache::{Body, Cache, Entry, Header, Identity, millis, now_millis};
use crate::error::{NetError, TransportKind};
use crate::freshness::{self, CachingHeaders, FOREVER, HEURISTIC, Lifetime, NEGATIVE};
use crate::retry::{Failure, Tries};
use crate::settings::Settings;
use crate::transport::{self, Exchange, Line, Pools};

/// For this long after a server could not be reached, cached answers are used without asking it again.
const OUTAGE: Duration = Duration::from_secs(30);

/// Talks HTTP. Cheap to clone; clones share connections, cache and logins.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) governor: Arc<Governor>,
    pub(crate) sinks: Sinks,
    logins: Logins,
    cache: Cache,
    pools: Pools,
    /// Servers that could not be reached, and when.
    outages: Mutex<HashMap<Origin, Instant>>,
    /// What the user was already warned about.
    warned: Mutex<HashSet<String>>,
    /// Servers that were spoken to, or are being spoken to for the first time.
    contacts: Mutex<HashMap<Origin, watch::Receiver<()>>>,
}

impl Client {
    /// A client. Nothing is read, built or connected before the first request; settings that cannot be used are
    /// reported by that request.
    #[must_use]
    pub fn new(settings: Settings, governor: Arc<Governor>, cache_root: PathBuf, sinks: Sinks) -> Self {
        let inner = Inner {
            logins: Logins::new(&settings),
            pools: Pools::new(&settings),
            settings,
            governor,
            sinks,
            cache: Cache::new(cache_root),
            outages: Mutex::default(),
            warned: Mutex::default(),
            contacts: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Whether the network may not be used.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.inner.settings.offline
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Uses the login in this URL for everything from its origin.
    pub fn remember_login(&self, url: &WebUrl) {
        self.inner.logins.remember(url);
    }

    /// Uses a login for everything at and below a URL. `place` says where it was found, for the error where it is refused.
    pub fn add_login(&self, below: &WebUrl, login: Login, place: &'static str) {
        self.inner.logins.add(below, Found { login, place });
    }

    /// Gets a page, from the cache if that may be.
    ///
    /// # Errors
    /// The page does not exist, or no usable answer could be had from the server or the cache.
    pub async fn get_cached(&self, request: Request<'_>) -> Result<Cached, NetError> {
        let inner = &self.inner;
        if request.freshness == Freshness::NoStore {
            inner.online(request.url)?;
            let (page, _) = inner.fetch(&request, None).await?;
            return page.into_cached(None);
        }
        let path = inner.cache.path(request.bucket, request.url, request.accept);
        let entry = inner.cache.read(&path);
        if let Some(answer) = entry
            .as_ref()
            .and_then(|entry| inner.without_asking(&request, entry))
        {
            return answer;
        }
        inner.online(request.url)?;
        match inner.fetch(&request, entry.as_ref()).await {
            Ok((page, lifetime)) => {
                let page = inner.keep(&request, &path, entry.as_ref(), page, lifetime).await;
                page.into_cached(entry)
            }
            Err(error) => match entry {
                Some(entry) if inner.may_stand_in(&entry, &error) => inner.stand_in(&request, entry, &error),
                _ => Err(error),
            },
        }
    }

    /// Gets a page without the cache, decompressed, of at most `limit` bytes.
    ///
    /// # Errors
    /// It does not exist, is too large, or could not be had.
    pub async fn get_bytes(&self, url: &WebUrl, limit: u64) -> Result<Bytes, NetError> {
        self.inner.online(url)?;
        let headers = self.inner.page_headers("*/*");
        let (_, body) = self.inner.page(url, &headers, limit).await?;
        Ok(body)
    }

    /// Gets some bytes of a file. Where the server sends the whole file instead, it is taken only if it is not much
    /// larger than what was asked for.
    ///
    /// # Errors
    /// The file does not exist or could not be had. A server without ranges is no error.
    pub async fn range(&self, url: &WebUrl, range: Range) -> Result<RangeReply, NetError> {
        self.inner.online(url)?;
        let (asked, wanted) = match range {
            Range::Bytes(start, end) if end <= start => return Ok(RangeReply::Unsupported),
            Range::Bytes(start, end) => (format!("bytes={start}-{}", end - 1), end - start),
            Range::Suffix(0) => return Ok(RangeReply::Unsupported),
            Range::Suffix(length) => (format!("bytes=-{length}"), length),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, value(&asked));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let limit = wanted.saturating_mul(4).max(1 << 20);
        let mut tries = self.inner.tries(url);
        loop {
            let place = tries.begin();
            let attempt = async {
                let exchange = self.inner.exchange(&Method::GET, url, &place, &headers).await?;
                range_reply(url, exchange, range, limit).await
            };
            match attempt.await {
                Ok(reply) => return Ok(reply),
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    /// Asks about a URL without fetching it.
    ///
    /// # Errors
    /// It does not exist, or the server could not be asked.
    pub async fn head(&self, url: &WebUrl) -> Result<HeadReply, NetError> {
        self.inner.online(url)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut tries = self.inner.tries(url);
        loop {
            let place = tries.begin();
            match self.inner.exchange(&Method::HEAD, url, &place, &headers).await {
                Ok(exchange) => {
                    let headers = exchange.response.headers();
                    return Ok(HeadReply {
                        length: text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
                        accepts_ranges: text(headers, header::ACCEPT_RANGES) == Some("bytes"),
                        content_type: text(headers, header::CONTENT_TYPE).map(str::to_owned),
                        etag: text(headers, header::ETAG).map(str::to_owned),
                        url: exchange.url,
                    });
                }
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

/// What a server sent.
struct Page {
    body: Option<Bytes>,
    status: u16,
    content_type: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    url: WebUrl,
    age: Duration,
    fresh_for: Duration,
    /// Whether the cache already had these bytes.
    known: bool,
}

impl Page {
    /// The answer for the caller; a confirmation without a body takes the entry's.
    fn into_cached(self, entry: Option<Entry>) -> Result<Cached, NetError> {
        if matches!(self.status, 404 | 410) {
            return Err(NetError::NotFound {
                url: Box::new(self.url),
                status: self.status,
            });
        }
        let (body, identity, content_type, url) = match (self.body, entry) {
            (None, Some(entry)) => (
                entry.body,
                entry.state.identity,
                entry.state.content_type,
                entry.state.url,
            ),
            (body, _) => {
                let body = body.unwrap_or_default();
                let identity = Identity::of(&body);
                (Body::memory(body), identity, self.content_type, self.url)
            }
        };
        Ok(Cached {
            body,
            identity,
            content_type,
            age: self.age,
            fresh_for: self.fresh_for,
            revalidated: self.known,
            url,
            status: if self.known {
                CacheStatus::Revalidated
            } else {
                CacheStatus::Fetched
            },
        })
    }
}

impl Inner {
    pub(crate) fn online(&self, url: &WebUrl) -> Result<(), NetError> {
        match self.settings.offline {
            true => Err(NetError::Offline {
                url: NetError::shown(url),
            }),
            false => Ok(()),
        }
    }

    pub(crate) fn tries(&self, url: &WebUrl) -> Tries<'_> {
        self.logins.remember(url);
        let (places, mirrored) = transport::places(url, &self.settings.mirrors);
        for place in &places {
            self.logins.remember(place);
        }
        Tries::new(&self.settings, places, mirrored)
    }

    pub(crate) async fn exchange(
        &self,
        method: &Method,
        url: &WebUrl,
        place: &WebUrl,
        headers: &HeaderMap,
    ) -> Result<Exchange, Failure> {
        if !matches!(place.as_url().scheme(), "http" | "https") {
            return Err(Failure::stop(NetError::Scheme {
                url: NetError::shown(url),
            }));
        }
        let _first = self.first_contact(place).await;
        let line = Line {
            pools: &self.pools,
            settings: &self.settings,
            logins: &self.logins,
            governor: &self.governor,
        };
        line.exchange(method, url, place, headers).await
    }

    /// Lets the first exchange with an encrypted server go ahead alone. If the server speaks HTTP/2, all that
    /// follow share its connection; without this, fifty requests at once make fifty handshakes of which one is used.
    /// Whoever gets the sender is first; dropping it, after whatever outcome, lets the others go.
    async fn first_contact(&self, place: &WebUrl) -> Option<watch::Sender<()>> {
        if place.as_url().scheme() != "https" {
            return None;
        }
        let mut others = {
            let mut contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
            match contacts.entry(place.as_url().origin()) {
                hash_map::Entry::Occupied(known) => known.get().clone(),
                hash_map::Entry::Vacant(unknown) => {
                    let (first, others) = watch::channel(());
                    unknown.insert(others);
                    return Some(first);
                }
            }
        };
        // Nothing is ever sent: this ends when the sender is gone.
        let _ = others.changed().await;
        None
    }

    fn page_headers(&self, accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, value(accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        headers
    }

    /// One page with its body, tried as often as the settings say. A 404 is an error here.
    async fn page(
        &self,
        url: &WebUrl,
        headers: &HeaderMap,
        limit: u64,
    ) -> Result<(Exchange, Bytes), NetError> {
        let mut tries = self.tries(url);
        loop {
            let place = tries.begin();
            let attempt = async {
                let mut exchange = self.exchange(&Method::GET, url, &place, headers).await?;
                let status = exchange.response.status().as_u16();
                let conditional = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]
                    .iter()
                    .any(|name| headers.contains_key(name));
                // "Not modified" and "partial" answer questions that were not asked.
                if matches!(status, 206 | 416) || status == 304 && !conditional {
                    let error = NetError::Status {
                        url: NetError::shown(url),
                        status,
                        tried: Box::default(),
                    };
                    return Err(Failure::stop(error));
                }
                let body = read_body(url, &mut exchange, limit).await?;
                Ok((exchange, body))
            };
            match attempt.await {
                Ok(page) => return Ok(page),
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    /// The answer that the cache gives by itself, if it may.
    fn without_asking(&self, request: &Request<'_>, entry: &Entry) -> Option<Result<Cached, NetError>> {
        let lives = entry.state.fresh_for > Duration::ZERO;
        let fresh = match request.freshness {
            Freshness::Default => lives,
            Freshness::Immutable => lives || !entry.state.not_found,
            // Offline nobody can be asked, and what is fresh needs no excuse.
            Freshness::Revalidate => lives && self.settings.offline,
            Freshness::NoStore => false,
        };
        let status = if fresh {
            CacheStatus::Hit
        } else if self.settings.offline {
            CacheStatus::Stale(StaleReason::Offline)
        } else if !entry.header.must_revalidate && self.is_out(request.url) {
            CacheStatus::Stale(StaleReason::Outage(
                "the server could not be reached a moment ago".to_owned(),
            ))
        } else {
            return None;
        };
        Some(answer(request, entry, status))
    }

    /// Asks the server, with what the cache knows as a condition.
    async fn fetch(
        &self,
        request: &Request<'_>,
        entry: Option<&Entry>,
    ) -> Result<(Page, Lifetime), NetError> {
        let mut headers = self.page_headers(request.accept);
        if let Some(entry) = entry.filter(|entry| !entry.state.not_found) {
            let conditions = [
                (header::IF_NONE_MATCH, &entry.header.etag),
                (header::IF_MODIFIED_SINCE, &entry.header.last_modified),
            ];
            for (name, condition) in conditions {
                if let Some(condition) = condition
                    .as_ref()
                    .and_then(|text| HeaderValue::from_str(text).ok())
                {
                    headers.insert(name, condition);
                }
            }
        }
        let (page, lifetime) = match self.page(request.url, &headers, self.settings.page_limit).await {
            Ok((exchange, body)) => self.received(request, entry, &exchange, body),
            Err(NetError::NotFound { url, status }) => not_found(*url, status),
            Err(error) => return Err(error),
        };
        self.answers(request.url);
        Ok((page, lifetime))
    }

    fn received(
        &self,
        request: &Request<'_>,
        entry: Option<&Entry>,
        exchange: &Exchange,
        body: Bytes,
    ) -> (Page, Lifetime) {
        let headers = exchange.response.headers();
        let status = exchange.response.status().as_u16();
        let fallback = if request.freshness == Freshness::Immutable {
            FOREVER
        } else {
            HEURISTIC
        };
        let lifetime = freshness::lifetime(&caching_headers(headers), SystemTime::now(), fallback);
        let confirmed = status == 304;
        let known = confirmed || entry.is_some_and(|entry| Identity::of(&body) == entry.state.identity);
        let page = Page {
            body: (!confirmed).then_some(body),
            status: if confirmed { 200 } else { status },
            content_type: text(headers, header::CONTENT_TYPE).map(str::to_owned),
            etag: text(headers, header::ETAG).map(str::to_owned),
            last_modified: text(headers, header::LAST_MODIFIED).map(str::to_owned),
            url: exchange.url.clone(),
            age: lifetime.age,
            fresh_for: lifetime.fresh_for,
            known,
        };
        (page, lifetime)
    }

    /// Puts an answer into the cache. That this fails costs speed later, so it is a warning.
    async fn keep(
        self: &Arc<Self>,
        request: &Request<'_>,
        path: &std::path::Path,
        entry: Option<&Entry>,
        page: Page,
        lifetime: Lifetime,
    ) -> Page {
        if !lifetime.store {
            return page;
        }
        let now = now_millis();
        let made = now.saturating_sub(millis(lifetime.age));
        let fresh_until = now.saturating_add(millis(lifetime.fresh_for));
        let unchanged = entry.filter(|entry| {
            let same = |new: &Option<String>, old: &Option<String>| {
                page.body.is_none() && new.is_none() || new == old
            };
            page.known
                && entry.header.status == page.status
                && entry.header.must_revalidate == lifetime.must_revalidate
                && same(&page.etag, &entry.header.etag)
                && same(&page.last_modified, &entry.header.last_modified)
                && (page.body.is_none() || entry.state.url == page.url)
        });
        let written = if unchanged.is_some() {
            self.cache.renew(path, made, fresh_until)
        } else {
            let Ok(body) = page.body.clone().map_or_else(|| entry_bytes(entry), Ok) else {
                return page;
            };
            let header = Header {
                made,
                fresh_until,
                status: page.status,
                must_revalidate: lifetime.must_revalidate,
                body_length: body.len() as u64,
                identity: Identity::of(&body),
                content_type: page.content_type.clone(),
                etag: page.etag.clone(),
                last_modified: page.last_modified.clone(),
                url: page.url.without_credentials().expose().to_owned(),
            };
            let (inner, path) = (Arc::clone(self), path.to_owned());
            wharf_sys::run_blocking(move || inner.cache.write(&path, &header, &body)).await
        };
        if let Err(error) = written {
            let what = format!("{}: {error}", path.parent().unwrap_or(path).display());
            self.warn_once(
                "cache/unwritable",
                format!("bucket {}", request.bucket),
                format!("answers cannot be kept in the cache ({what}); the next run will fetch them again"),
            );
        }
        page
    }

    fn may_stand_in(&self, entry: &Entry, error: &NetError) -> bool {
        error.is_outage() && !entry.header.must_revalidate
    }

    /// Uses an old answer in the place of an error, and says so.
    fn stand_in(
        self: &Arc<Self>,
        request: &Request<'_>,
        entry: Entry,
        error: &NetError,
    ) -> Result<Cached, NetError> {
        let client = Client {
            inner: Arc::clone(self),
        };
        client.stands_in(request.url, entry.state.age, error);
        answer(
            request,
            &entry,
            CacheStatus::Stale(StaleReason::Outage(error.to_string())),
        )
    }

    /// Notes that the server of this URL cannot be reached.
    pub(crate) fn is_out_now(&self, url: &WebUrl) {
        self.outages().insert(url.as_url().origin(), Instant::now());
    }

    /// Notes that the server of this URL answers.
    pub(crate) fn answers(&self, url: &WebUrl) {
        self.outages().remove(&url.as_url().origin());
    }

    pub(crate) fn is_out(&self, url: &WebUrl) -> bool {
        self.outages()
            .get(&url.as_url().origin())
            .is_some_and(|since| since.elapsed() < OUTAGE)
    }

    fn outages(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Instant>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn warn_once(&self, code: &str, key: String, message: String) {
        let new = self
            .warned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key);
        if new {
            self.sinks.emit(Event::warning(code, message));
        }
    }
}

/// The entry as an answer.
fn answer(request: &Request<'_>, entry: &Entry, status: CacheStatus) -> Result<Cached, NetError> {
    if entry.state.not_found {
        let url = NetError::shown(request.url);
        return Err(NetError::NotFound {
            url,
            status: entry.header.status,
        });
    }
    Ok(Cached {
        body: entry.body.clone(),
        identity: entry.state.identity,
        content_type: entry.state.content_type.clone(),
        age: entry.state.age,
        fresh_for: entry.state.fresh_for,
        revalidated: false,
        url: entry.state.url.clone(),
        status,
    })
}

fn entry_bytes(entry: Option<&Entry>) -> Result<Bytes, NetError> {
    entry.map_or_else(|| Ok(Bytes::new()), |entry| entry.body.bytes())
}

fn not_found(url: WebUrl, status: u16) -> (Page, Lifetime) {
    let lifetime = Lifetime {
        store: true,
        fresh_for: NEGATIVE,
        age: Duration::ZERO,
        must_revalidate: true,
    };
    let page = Page {
        body: Some(Bytes::new()),
        status,
        content_type: None,
        etag: None,
        last_modified: None,
        url,
        age: Duration::ZERO,
        fresh_for: NEGATIVE,
        known: false,
    };
    (page, lifetime)
}

pub(crate) fn broken(url: &WebUrl, message: String) -> NetError {
    let kind = TransportKind::Broken;
    NetError::Transport {
        url: NetError::shown(url),
        kind,
        message,
        tried: Box::default(),
    }
}

pub(crate) fn caching_headers(headers: &HeaderMap) -> CachingHeaders<'_> {
    CachingHeaders {
        cache_control: text(headers, header::CACHE_CONTROL),
        expires: text(headers, header::EXPIRES),
        date: text(headers, header::DATE),
        age: text(headers, header::AGE),
        vary: text(headers, header::VARY),
    }
}

pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A span for people, in its largest unit.
pub(crate) fn words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_for_people() {
        let check = |seconds, expected: &str| assert_eq!(words(Duration::from_secs(seconds)), expected);
        check(1, "1 second");
        check(119, "119 seconds");
        check(120, "2 minutes");
        check(7_200, "2 hours");
        check(200_000, "2 days");
    }
}
