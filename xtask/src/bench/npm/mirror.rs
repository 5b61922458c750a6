//! The loopback mirror of the npm registry: recorded documents and archives with the headers of the public one.
//!
//! Full documents are recorded as they come, and go out in the form that was asked for, as [`super::documents`] makes it; they
//! name the mirror's port, which is therefore fixed. They are compressed once and kept so, as a registry's caches do.

use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use serde_json::Value;
use wharf_testkit::NPM_ABBREVIATED;

use super::super::Options;
use super::super::mirror::{self, Mirror, Site};
use super::super::reply::{self, Form, Kept, says};
use super::super::tape::{Answer, Head, Tape, content_type};
use super::documents;
use crate::shell::{self, Failure, about};

/// The mirror's process, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct NpmMirror(Mirror);

impl NpmMirror {
    /// Starts the mirror and waits until it listens.
    pub(crate) fn start(options: &Options) -> Result<Self, Failure> {
        Self::start_on(options.port, options.latency)
    }

    /// Starts the mirror on a port.
    pub(crate) fn start_on(port: u16, latency: u64) -> Result<Self, Failure> {
        Mirror::start_with(&["--npm", "--port", &port.to_string()], latency).map(Self)
    }

    /// The registry to give to the tools, ending in `/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.0.authority())
    }

    /// How often the mirror had to ask the live registry so far.
    pub(crate) fn asked(&self) -> Result<u64, Failure> {
        self.0.asked()
    }
}

struct Served {
    tape: Tape,
    live: String,
    own: String,
}

/// Serves until the process ends.
pub(crate) fn serve(directory: &Path, options: &Options) -> Result<(), Failure> {
    mirror::serve(options.port, options, |address| {
        Ok(Served {
            tape: Tape::open(directory)?,
            live: shell::npm_registry_url()?,
            own: format!("http://{address}/"),
        })
    })
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// A package's document, short or full.
    Document { path: String, short: bool },
    /// Anything else, by its path.
    File(String),
}

impl Asked {
    fn of(path: &str, headers: &HeaderMap) -> Self {
        let path = path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
        let parts = path.trim_matches('/').split('/').count();
        let document = parts == if path.starts_with("/@") { 2 } else { 1 };
        match document && !path.starts_with("/-/") {
            true => Self::Document {
                short: says(headers, &ACCEPT, NPM_ABBREVIATED),
                path,
            },
            false => Self::File(path),
        }
    }

    /// The name of its recording: one for both forms.
    fn recorded(&self) -> String {
        match self {
            Self::Document { path, .. } => format!("full {path}"),
            Self::File(path) => path.clone(),
        }
    }

    /// The name of its answer.
    fn key(&self) -> String {
        match self {
            Self::Document { path, short: true } => format!("short {path}"),
            Self::Document { path, short: false } => format!("full {path}"),
            Self::File(path) => path.clone(),
        }
    }
}

impl Site for Served {
    type Asked = Asked;

    fn understand(&self, path: &str, headers: &HeaderMap) -> (Asked, Form) {
        let asked = Asked::of(path, headers);
        let form = form(&asked);
        (asked, form)
    }

    async fn answer(&self, asked: &Asked) -> Result<Arc<Answer>, Failure> {
        let key = asked.key();
        if let Some(answer) = self.tape.remembered(&key) {
            return Ok(answer);
        }
        let recorded = match self.tape.read(&asked.recorded())? {
            Some(answer) => answer,
            None => self.ask(asked).await?,
        };
        let answer = match asked {
            Asked::Document { short, .. } if recorded.status == 200 => self.document(&recorded, *short)?,
            Asked::Document { .. } | Asked::File(_) => recorded,
        };
        Ok(self.tape.remember(&key, answer))
    }

    fn asked(&self) -> u64 {
        self.tape.asked()
    }

    fn index_path(&self) -> String {
        "/".to_owned()
    }
}

impl Served {
    async fn ask(&self, asked: &Asked) -> Result<Answer, Failure> {
        let path = match asked {
            Asked::Document { path, .. } => format!("/{}", path[1..].replace('/', "%2f")),
            Asked::File(path) => path.clone(),
        };
        let url = reqwest::Url::parse(&format!("{}{}", self.live.trim_end_matches('/'), path))
            .map_err(about(&path))?;
        let key = asked.recorded();
        let reply = self
            .tape
            .ask(&key, url, &[("accept", "application/json, */*;q=0.5")])
            .await?;
        let head = Head {
            path: key,
            status: reply.status().as_u16(),
            content_type: content_type(&reply),
        };
        let body = reply.bytes().await.map_err(about(&path))?;
        self.tape.write(head, body)
    }

    fn document(&self, recorded: &Answer, short: bool) -> Result<Answer, Failure> {
        let mut document: Value = serde_json::from_slice(&recorded.body)?;
        documents::as_of_day(&mut document, &self.live, &self.own);
        let (content_type, text) = if short {
            (
                NPM_ABBREVIATED,
                wharf_testkit::npm_abbreviated(&document).to_string(),
            )
        } else {
            ("application/json", document.to_string())
        };
        reply::document(content_type, text.as_bytes())
    }
}

/// How an answer goes out.
fn form(asked: &Asked) -> Form {
    match asked {
        // The public registry says five minutes; a run takes longer, and *warm* has to mean the same from its first round on.
        Asked::Document { .. } => Form {
            caching: "public, max-age=3600",
            kept: Kept::Compressed,
        },
        Asked::File(_) => Form {
            caching: "public, immutable, max-age=31557600",
            kept: Kept::Archive,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_from_archives_however_the_scope_is_written() {
        let mut short = HeaderMap::new();
        short.insert(
            ACCEPT,
            format!("{NPM_ABBREVIATED}; q=1.0, */*")
                .parse()
                .expect("a header"),
        );
        let check = |path: &str, headers: &HeaderMap, expected: &str| {
            assert_eq!(Asked::of(path, headers).key(), expected);
        };
        check("/react", &short, "short /react");
        check("/react", &HeaderMap::new(), "full /react");
        check("/@types%2freact", &short, "short /@types/react");
        check("/@types/react", &short, "short /@types/react");
        check(
            "/@types/react/-/react-19.0.0.tgz",
            &short,
            "/@types/react/-/react-19.0.0.tgz",
        );
        check("/react/-/react-19.0.0.tgz", &short, "/react/-/react-19.0.0.tgz");
    }
}
