//! The loopback mirror: recorded answers with the caching headers of a modern index.
//!
//! Pages go out in JSON with metadata announced, whatever the live index speaks, so that every tool has the best case;
//! archives are immutable and can be read in ranges. It runs as a process of its own: its processor time is nobody's.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    RANGE,
};
use axum::http::{HeaderMap, Method, Response};
use bytes::Bytes;

use super::record::Recorder;
use super::tape::Answer;
use crate::shell::{self, Failure, about};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
pub(super) const COUNTER: &str = "/-/asked";

/// The mirror's process, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Mirror {
    process: Child,
    authority: String,
    index_path: String,
}

impl Mirror {
    /// Starts the mirror of an index and waits until it listens.
    pub(super) fn start(latency: u64) -> Result<Self, Failure> {
        Self::start_with(&[], latency)
    }

    /// Starts the mirror that these arguments ask for.
    pub(super) fn start_with(arguments: &[&str], latency: u64) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([
                "bench",
                "--serve",
                "--with-parent",
                "--latency",
                &latency.to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process
            .stdout
            .take()
            .ok_or_else(|| Failure("the mirror has no output".to_owned()))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.trim().split_once(' ') {
            Some((authority, index_path)) => Ok(Self {
                process,
                authority: authority.to_owned(),
                index_path: index_path.to_owned(),
            }),
            None => Err(Failure("the mirror did not start".to_owned())),
        }
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The index to give to the tools.
    pub(super) fn index_url(&self) -> String {
        format!("http://{}{}", self.authority, self.index_path)
    }

    /// How often the mirror had to ask the live index so far.
    pub(super) fn asked(&self) -> Result<u64, Failure> {
        let mut stream = std::net::TcpStream::connect(&self.authority).map_err(about("the mirror"))?;
        write!(
            stream,
            "GET {COUNTER} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.authority
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let number = reply
            .rsplit("\r\n")
            .next()
            .and_then(|body| body.trim().parse().ok());
        number.ok_or_else(|| Failure("the mirror: no count".to_owned()))
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // A mirror that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Served {
    recorder: Recorder,
    latency: Duration,
    pages: Mutex<std::collections::HashMap<String, Arc<Answer>>>,
}

/// Waits for the end of the process that started the mirror: it holds the other end of the standard input.
pub(super) async fn ended(with_parent: bool) {
    if with_parent {
        // However reading ends, nobody is there any more.
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Serves until the process is killed, or its standard input ends if it was started by another; prints the address first.
pub(super) fn serve(directory: &Path, latency: u64, with_parent: bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let recorder = Recorder::open(directory, &shell::index_url()?)?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{} {}", listener.local_addr()?, recorder.index_path());
        std::io::stdout().flush()?;
        let state = Served {
            recorder,
            latency: Duration::from_millis(latency),
            pages: Mutex::default(),
        };
        let router = Router::new().fallback(handle).with_state(Arc::new(state));
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served.map_err(about("the mirror")),
            _ = ended(with_parent) => Ok(()),
        }
    })
}

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    if path == COUNTER {
        return Response::new(Body::from(served.recorder.asked().to_string()));
    }
    if !served.latency.is_zero() {
        tokio::time::sleep(served.latency).await;
    }
    let accepted = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let json = accepted.contains(JSON);
    // On a task of its own: a tool that hangs up early (it no longer needs what it fetched ahead) would end the handler,
    // and the answer would never be recorded.
    let (task, owned) = (Arc::clone(&served), path.to_owned());
    let answering = tokio::spawn(async move {
        match page_of(&task, &owned, json).await {
            Some(found) => found,
            None => task.recorder.answer(&owned).await,
        }
    });
    let found = answering
        .await
        .unwrap_or_else(|error| Err(Failure(error.to_string())));
    match found {
        Ok(answer) => respond(&answer, path.ends_with('/'), request.method(), request.headers()),
        Err(Failure(message)) => {
            eprintln!("mirror: {message}");
            let mut response = Response::new(Body::from(message));
            *response.status_mut() = axum::http::StatusCode::BAD_GATEWAY;
            response
        }
    }
}

/// A page in JSON for whoever accepts it; nothing when the recorded answer should go out as it is.
async fn page_of(served: &Served, path: &str, json: bool) -> Option<Result<Arc<Answer>, Failure>> {
    if !json || !path.ends_with('/') {
        return None;
    }
    if let Some(page) = served
        .pages
        .lock()
        .expect("nobody panics while holding the pages")
        .get(path)
    {
        return Some(Ok(Arc::clone(page)));
    }
    let recorded = match served.recorder.answer(path).await {
        Ok(recorded) => recorded,
        Err(failure) => return Some(Err(failure)),
    };
    if recorded.status != 200 || recorded.content_type.contains("json") {
        return Some(Ok(recorded));
    }
    let project = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let body = json_page(project, &String::from_utf8_lossy(&recorded.body));
    let page = Arc::new(Answer {
        status: 200,
        content_type: JSON.to_owned(),
        tag: recorded.tag.clone(),
        body: Bytes::from(body),
    });
    served
        .pages
        .lock()
        .expect("nobody panics while holding the pages")
        .insert(path.to_owned(), Arc::clone(&page));
    Some(Ok(page))
}

/// An HTML page (PEP 503) as JSON (PEP 691), metadata of wheels announced (PEP 714).
fn json_page(project: &str, html: &str) -> String {
    let mut files = Vec::new();
    for anchor in html.split("<a ").skip(1) {
        let Some((head, rest)) = anchor.split_once('>') else {
            continue;
        };
        let Some(href) = attribute(head, "href") else {
            continue;
        };
        let filename = unescape(rest.split('<').next().unwrap_or_default().trim());
        let (url, fragment) = href.split_once('#').unwrap_or((&href, ""));
        let mut file = serde_json::json!({ "filename": filename, "url": url, "hashes": {} });
        if let Some((algorithm, digest)) = fragment.split_once('=') {
            file["hashes"][algorithm] = digest.into();
        }
        if let Some(specifiers) = attribute(head, "data-requires-python").filter(|text| !text.is_empty()) {
            file["requires-python"] = specifiers.into();
        }
        if head.contains("data-yanked") {
            let reason = attribute(head, "data-yanked").unwrap_or_default();
            file["yanked"] = if reason.is_empty() {
                true.into()
            } else {
                reason.into()
            };
        }
        if let Some(time) = attribute(head, "data-upload-time") {
            file["upload-time"] = time.into();
        }
        if filename.ends_with(".whl") {
            file["core-metadata"] = true.into();
        }
        files.push(file);
    }
    serde_json::json!({ "meta": { "api-version": "1.1" }, "name": project, "files": files }).to_string()
}

fn attribute(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!("{name}=\""))?;
    rest.split('"').next().map(unescape)
}

fn unescape(text: &str) -> String {
    text.replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn respond(answer: &Answer, page: bool, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let caching = if page {
        "max-age=600, public"
    } else {
        "max-age=365000000, immutable, public"
    };
    let mut response = Response::builder()
        .header(ETAG, &answer.tag)
        .header(CACHE_CONTROL, caching);
    if answer.status == 200
        && headers
            .get(IF_NONE_MATCH)
            .is_some_and(|tag| tag.as_bytes() == answer.tag.as_bytes())
    {
        return response
            .status(304)
            .body(Body::empty())
            .expect("recorded headers are valid");
    }
    let mut body = answer.body.clone();
    let mut status = answer.status;
    if !page && status == 200 {
        response = response.header(ACCEPT_RANGES, "bytes");
        let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
        if let Some((start, end)) = range.and_then(|range| parse_range(range, body.len())) {
            response = response.header(CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, body.len()));
            body = body.slice(start..end);
            status = 206;
        }
    }
    response = response
        .status(status)
        .header(CONTENT_TYPE, &answer.content_type)
        .header(CONTENT_LENGTH, body.len());
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(body)
    };
    response.body(body).expect("recorded headers are valid")
}

pub(super) fn parse_range(text: &str, total: usize) -> Option<(usize, usize)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_in_json_what_it_said_in_html() {
        let html = "<a href=\"/o/1/a-1-py3-none-any.whl#sha256=00\" data-requires-python=\"&gt;=3.8\" data-yanked=\"bad\">\
                    a-1-py3-none-any.whl</a><br/><a href=\"/o/1/a-1.tar.gz#sha256=11\">a-1.tar.gz</a>";
        let page: serde_json::Value = serde_json::from_str(&json_page("a", html)).expect("the page is JSON");
        assert_eq!(page["files"][0]["requires-python"], ">=3.8");
        assert_eq!(page["files"][0]["yanked"], "bad");
        assert_eq!(page["files"][0]["core-metadata"], true);
        assert_eq!(page["files"][1]["hashes"]["sha256"], "11");
        assert_eq!(page["files"].as_array().map(Vec::len), Some(2));
    }
}
