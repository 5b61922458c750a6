//! A registry's thread: from a request to an answer. Invariant: what a registry says is decided in one place, its
//! [`Site::answer`], which is pure; faults, raw answers and the log are the same for every kind of registry.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extracted};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
    RETRY_AFTER, USER_AGENT, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, Method, Response};
use bytes::Bytes;
use futures::stream;
use tokio::sync::oneshot;

use crate::archive::{gzip, hex_digest};
use crate::fault::{self, Fault, Pending, Times};

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The method, in upper case.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// The `If-Modified-Since` header.
    pub if_modified_since: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

/// What a client has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A token, as `_authToken` of an `.npmrc`.
    Bearer(String),
    /// User and password, as `_auth` or `username` and `_password` of an `.npmrc`.
    Basic(String, String),
}

impl Access {
    /// The `Authorization` header that shows it.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Basic(user, password) => {
                format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
            }
        }
    }
}

/// What waits for requests, and what came of them.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    faults: Vec<Pending>,
    /// Content types and bodies by path.
    raw: BTreeMap<String, (String, Bytes)>,
    pub(crate) log: Vec<Logged>,
}

/// What one kind of registry says.
pub(crate) trait Site: std::fmt::Debug + Send + Sync + 'static {
    /// The right answer to a request that is not refused, of a path without a raw answer.
    fn answer(&self, path: &str, headers: &HeaderMap) -> Answer;

    /// Why the client may not see this.
    fn refusal(&self, _path: &str, _headers: &HeaderMap) -> Option<Answer> {
        None
    }

    /// What it speaks of HTTP where a path has a raw answer.
    fn speaks(&self) -> Speaks {
        Speaks {
            etag: true,
            gzip: false,
            ranges: true,
        }
    }

    /// The path under which a request is logged and meets its faults.
    fn canonical(&self, path: &str) -> String {
        path.to_owned()
    }

    /// How long every answer takes.
    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

/// What every kind of registry is: a server on a loopback port that can be told to fail, and what it was asked.
/// Invariant: when this is dropped, the port is closed and its thread has ended.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens a port and serves what `site` makes of its base URL.
    ///
    /// # Panics
    /// When no loopback port can be opened.
    pub(crate) fn start<S: Site>(site: impl FnOnce(String) -> Arc<S>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        listener
            .set_nonblocking(true)
            .expect("a socket can be made non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let (stop, stopped) = oneshot::channel();
        let state = State {
            site: site(format!("http://{address}")),
            traffic: Arc::clone(&traffic),
        };
        let thread = std::thread::spawn(move || run(listener, state, stopped));
        Self {
            address,
            traffic,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The base URL, without a path and without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a path on this registry.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }

    /// Answers `path` with exactly this.
    pub fn serve_raw(&self, path: &str, content_type: &str, content: impl Into<Bytes>) {
        let content = (content_type.to_owned(), content.into());
        self.traffic().raw.insert(path.to_owned(), content);
    }

    /// Makes the next requests of `path` meet `fault`.
    pub fn fault(&self, path: &str, fault: Fault, times: Times) {
        self.traffic().faults.push(Pending {
            path: path.to_owned(),
            fault,
            times,
        });
    }

    /// Ends the faults that requests of `path` would meet.
    pub fn mend(&self, path: &str) {
        self.traffic().faults.retain(|pending| pending.path != path);
    }

    /// Every request so far, in the order of the answers.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        self.traffic().log.clone()
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn hits(&self, path: &str) -> usize {
        let traffic = self.traffic();
        traffic.log.iter().filter(|entry| entry.path == path).count()
    }

    /// How many requests there were.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.traffic().log.len()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.traffic().log.clear();
    }

    /// Faults, raw answers and log.
    pub(crate) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        locked(&self.traffic)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended already: then nobody listens, and nothing is to be done.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What every request sees.
#[derive(Debug, Clone)]
struct State {
    site: Arc<dyn Site>,
    traffic: Arc<Mutex<Traffic>>,
}

/// A plain answer, before it becomes one of HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer of its own words, as errors have it.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        let headers = vec![(CONTENT_TYPE, "text/plain".to_owned())];
        Self {
            status,
            headers,
            body: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    /// The same with one header set.
    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same with how long it may be kept, where that is said at all.
    pub(crate) fn cached(self, value: Option<&String>) -> Self {
        match value {
            Some(value) => self.header(CACHE_CONTROL, value.clone()),
            None => self,
        }
    }
}

/// Why those may not see anything who do not show exactly `expected` in `Authorization`: 401 with the challenge to those who show
/// nothing, else 403.
pub(crate) fn refusal(expected: &str, challenge: &str, headers: &HeaderMap) -> Option<Answer> {
    match headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        Some(shown) if shown == expected => None,
        Some(_) => Some(Answer::text(403, "not for you")),
        None => Some(Answer::text(401, "credentials, please").header(WWW_AUTHENTICATE, challenge)),
    }
}

/// Serves until `stopped` is told.
fn run(listener: TcpListener, state: State, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime on one thread can be built");
    runtime.block_on(async move {
        let listener =
            tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket can be adopted");
        let router = Router::new().fallback(handle).with_state(state);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        // Not a graceful end: a client that keeps its connection open would keep the test waiting.
        let _ = stopped.await;
        serving.abort();
    });
    runtime.shutdown_background();
}

async fn handle(Extracted(state): Extracted<State>, request: Request) -> Response<Body> {
    let path = state.site.canonical(request.uri().path());
    let method = request.method().clone();
    let headers = request.headers();
    let (fault, raw) = {
        let mut traffic = locked(&state.traffic);
        let fault = fault::take(&mut traffic.faults, &path);
        (fault, traffic.raw.get(&path).cloned())
    };
    let right = match (state.site.refusal(&path, headers), raw) {
        (Some(refusal), _) => refusal,
        (None, Some((content_type, content))) => {
            conditional(content, &content_type, state.site.speaks(), headers)
        }
        (None, None) => state.site.answer(&path, headers),
    };
    let answer = faulty(right, fault.as_ref());
    locked(&state.traffic)
        .log
        .push(logged(&method, &path, answer.status, headers));
    let latency = state.site.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if let Some(Fault::Slow(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let cut = match fault {
        Some(Fault::Truncate(length)) => Some(length),
        _ => None,
    };
    respond(answer, &method, cut)
}

/// Locks what a server's thread and the test share.
pub(crate) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no handler panics while it holds a lock")
}

/// Whether a header names something.
pub(crate) fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    headers
        .get(header)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains(word))
}

fn logged(method: &Method, path: &str, status: u16, headers: &HeaderMap) -> Logged {
    let text = |name: HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    Logged {
        method: method.to_string(),
        path: path.to_owned(),
        status,
        accept: text(ACCEPT),
        range: text(RANGE),
        if_none_match: text(IF_NONE_MATCH),
        if_modified_since: text(IF_MODIFIED_SINCE),
        authorization: text(AUTHORIZATION),
        user_agent: text(USER_AGENT),
    }
}

/// What of HTTP a registry speaks beyond plain answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaks {
    /// Entity tags, and `304` where the client has the content already.
    pub(crate) etag: bool,
    /// Compression for whoever accepts it.
    pub(crate) gzip: bool,
    /// Parts of a body.
    pub(crate) ranges: bool,
}

/// Applies `Accept-Encoding`, `If-None-Match`, then `Range`, to a whole answer.
pub(crate) fn conditional(content: Bytes, content_type: &str, speaks: Speaks, headers: &HeaderMap) -> Answer {
    let mut answer = Answer {
        status: 200,
        headers: Vec::new(),
        body: content,
    }
    .header(CONTENT_TYPE, content_type);
    if speaks.gzip {
        answer = answer.header(VARY, "accept-encoding");
        if names(headers, &ACCEPT_ENCODING, "gzip") {
            answer.body = gzip(&answer.body);
            answer = answer.header(CONTENT_ENCODING, "gzip");
        }
    }
    let tag = format!("\"{}\"", &hex_digest(&answer.body)[..16]);
    if speaks.etag {
        answer = answer.header(ETAG, tag.clone());
        if headers
            .get(IF_NONE_MATCH)
            .is_some_and(|given| given.as_bytes() == tag.as_bytes())
        {
            return Answer {
                status: 304,
                body: Bytes::new(),
                ..answer
            };
        }
    }
    if !speaks.ranges {
        return answer;
    }
    let answer = answer.header(ACCEPT_RANGES, "bytes");
    let current = headers
        .get(IF_RANGE)
        .is_none_or(|given| given.as_bytes() == tag.as_bytes());
    match headers
        .get(RANGE)
        .and_then(|value| value.to_str().ok())
        .filter(|_| current)
    {
        Some(range) => partial(answer, range),
        None => answer,
    }
}

fn partial(answer: Answer, range: &str) -> Answer {
    let total = answer.body.len();
    match parse_range(range, total) {
        Some((start, end)) => {
            let body = answer.body.slice(start..end);
            let value = format!("bytes {start}-{}/{total}", end - 1);
            Answer {
                status: 206,
                body,
                ..answer
            }
            .header(CONTENT_RANGE, value)
        }
        None => Answer::text(416, "no such range").header(CONTENT_RANGE, format!("bytes */{total}")),
    }
}

/// One range of bytes as start and end (exclusive), or nothing if it cannot be satisfied. Source: RFC 9110, section 14.1.2.
#[must_use]
pub fn parse_range(text: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first, last) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), total),
        (first, "") => (first.parse().ok()?, total),
        (first, last) => (
            first.parse().ok()?,
            total.min(last.parse::<usize>().ok()?.saturating_add(1)),
        ),
    };
    (start < end).then_some((start, end))
}

/// Turns the right answer into the wrong one.
fn faulty(answer: Answer, fault: Option<&Fault>) -> Answer {
    match fault {
        None | Some(Fault::Slow(_) | Fault::Truncate(_)) => answer,
        Some(Fault::Status(status)) => Answer::text(*status, "a fault, as ordered"),
        Some(Fault::RetryAfter(status, after)) => {
            Answer::text(*status, "later").header(RETRY_AFTER, after.clone())
        }
        Some(Fault::Garbage) => {
            let body = Bytes::from_static(b"\x00\xff<<{[ this is neither a page nor an archive \xfe");
            // What kind of thing was asked for is still said: only the bytes are wrong.
            let kind = answer
                .headers
                .into_iter()
                .filter(|(name, _)| *name == CONTENT_TYPE);
            Answer {
                status: 200,
                headers: kind.collect(),
                body,
            }
        }
        Some(Fault::Corrupt) => {
            let mut body = answer.body.to_vec();
            let middle = body.len() / 2;
            if let Some(byte) = body.get_mut(middle) {
                *byte ^= 0x55;
            }
            Answer {
                body: body.into(),
                ..answer
            }
        }
        Some(Fault::Redirect(location)) => Answer::text(302, "elsewhere").header(LOCATION, location.clone()),
        Some(Fault::ContentType(value)) => answer.header(CONTENT_TYPE, value.clone()),
    }
}

fn respond(answer: Answer, method: &Method, cut: Option<usize>) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    if answer.status != 304 {
        response = response.header(CONTENT_LENGTH, answer.body.len());
    }
    let body = match cut {
        _ if *method == Method::HEAD => Body::empty(),
        Some(length) if length < answer.body.len() => broken(answer.body.slice(..length)),
        _ => Body::from(answer.body),
    };
    response
        .body(body)
        .expect("an answer of the testkit has valid headers")
}

/// A body that gives these bytes and then fails, which closes the connection before the promised length.
fn broken(head: Bytes) -> Body {
    let end = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let parts = vec![Ok(head), Ok(Bytes::new()), end];
    Body::from_stream(stream::unfold(parts.into_iter(), |mut parts| async move {
        let part = parts.next()?;
        // Without a pause the failure overtakes the bytes in the connection's buffer.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((part, parts))
    }))
}

/// Base 64 with padding, for `Authorization` and digests. Source: RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            text.push(if position <= chunk.len() {
                char::from(ALPHABET[index as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_standard() {
        let check = |text, expected| assert_eq!(parse_range(text, 10), expected, "{text}");
        check("bytes=0-3", Some((0, 4)));
        check("bytes=4-", Some((4, 10)));
        check("bytes=-3", Some((7, 10)));
        check("bytes=-30", Some((0, 10)));
        check("bytes=8-99", Some((8, 10)));
        check("bytes=10-", None);
        check("lines=1-2", None);
    }

    #[test]
    fn base64_is_that_of_the_published_vectors() {
        for (plain, coded) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
