//! The registry's thread: from a request to an answer. Invariant: a decision is made in one place, [`answer`], which is pure.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extracted};
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, Method, Response};
use bytes::Bytes;
use futures::stream;
use tokio::sync::oneshot;

use crate::archive::hex_digest;
use crate::fault::{self, Fault};
use crate::page;
use crate::registry::{Format, Logged, Options, Shelf};

/// What every request sees.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    pub(crate) options: Arc<Options>,
}

/// A plain answer, before it becomes one of HTTP.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Answer {
    fn text(status: u16, text: &str) -> Self {
        let headers = vec![(CONTENT_TYPE, "text/plain".to_owned())];
        Self {
            status,
            headers,
            body: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }
}

/// Serves until `stopped` is told.
pub(crate) fn run(listener: TcpListener, state: State, stopped: oneshot::Receiver<()>) {
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
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let (answer, fault) = {
        let mut shelf = state
            .shelf
            .lock()
            .expect("no handler panics while it holds the shelf");
        let fault = fault::take(&mut shelf.faults, &path);
        let answer = faulty(
            answer(&shelf, &state.options, &path, request.headers()),
            fault.as_ref(),
        );
        shelf
            .log
            .push(logged(&method, &path, answer.status, request.headers()));
        (answer, fault)
    };
    if let Some(Fault::Slow(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let cut = match fault {
        Some(Fault::Truncate(length)) => Some(length),
        _ => None,
    };
    respond(answer, &method, cut)
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
        range: text(RANGE),
        if_none_match: text(IF_NONE_MATCH),
        authorization: text(AUTHORIZATION),
        user_agent: text(USER_AGENT),
    }
}

/// The right answer to a request.
fn answer(shelf: &Shelf, options: &Options, path: &str, headers: &HeaderMap) -> Answer {
    if let Some((user, password)) = &options.credentials {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if given
            != Some(&format!(
                "Basic {}",
                base64(format!("{user}:{password}").as_bytes())
            ))
        {
            return Answer::text(401, "credentials, please")
                .header(WWW_AUTHENTICATE, "Basic realm=\"testkit\"");
        }
    }
    if let Some((content_type, content)) = shelf.raw.get(path) {
        return conditional(content.clone(), content_type, options, headers);
    }
    if let Some(project) = path
        .strip_prefix("/simple/")
        .and_then(|rest| rest.strip_suffix('/'))
    {
        return index_page(shelf, options, project, headers);
    }
    match path.strip_prefix("/files/").and_then(|rest| rest.split_once('/')) {
        Some((project, filename)) => archive(shelf, options, project, filename, headers),
        None => Answer::text(404, "no such path"),
    }
}

fn index_page(shelf: &Shelf, options: &Options, project: &str, headers: &HeaderMap) -> Answer {
    let Some(files) = shelf.projects.get(project) else {
        return Answer::text(404, "no such project");
    };
    let accepted = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let json = options.format == Format::Negotiated && accepted.contains(page::JSON);
    let (content_type, text) = if json {
        (page::JSON, page::json_page(project, files, options))
    } else {
        (page::HTML, page::html_page(project, files, options))
    };
    let answer = conditional(text.into(), content_type, options, headers);
    match &options.cache_control {
        Some(value) => answer.header(CACHE_CONTROL, value.clone()),
        None => answer,
    }
}

fn archive(shelf: &Shelf, options: &Options, project: &str, filename: &str, headers: &HeaderMap) -> Answer {
    let files = shelf.projects.get(project).map(Vec::as_slice).unwrap_or_default();
    if let Some(file) = files.iter().find(|file| file.filename == filename) {
        return conditional(file.content.clone(), "application/octet-stream", options, headers);
    }
    let owner = filename
        .strip_suffix(".metadata")
        .filter(|_| options.serve_metadata);
    let metadata = files
        .iter()
        .find(|file| Some(file.filename.as_str()) == owner)
        .and_then(|file| file.metadata.clone());
    match metadata {
        Some(content) => conditional(content, "text/plain", options, headers),
        None => Answer::text(404, "no such file"),
    }
}

/// Applies `If-None-Match`, then `Range`, to a whole answer.
fn conditional(content: Bytes, content_type: &str, options: &Options, headers: &HeaderMap) -> Answer {
    let mut answer = Answer {
        status: 200,
        headers: Vec::new(),
        body: content,
    }
    .header(CONTENT_TYPE, content_type);
    let tag = format!("\"{}\"", &hex_digest(&answer.body)[..16]);
    if options.etag {
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
    if !options.ranges {
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
fn parse_range(text: &str, total: usize) -> Option<(usize, usize)> {
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
            Answer {
                status: 200,
                body,
                headers: vec![(CONTENT_TYPE, page::JSON.to_owned())],
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
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Some((part, parts))
    }))
}

/// Base 64 with padding, for `Authorization`. Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
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
