//! What the mirror of an index of Python says: recorded answers with the caching headers of a modern index.
//!
//! Pages go out in JSON with metadata announced, whatever the live index speaks, so that every tool has the best case;
//! archives are immutable and can be read in ranges.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use bytes::Bytes;

use super::Options;
use super::mirror::{self, Site};
use super::record::Recorder;
use super::reply::{Form, Kept, says};
use super::tape::{Answer, lock};
use crate::shell::{self, Failure};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

struct Pages {
    recorder: Recorder,
    in_json: Mutex<HashMap<String, Arc<Answer>>>,
}

/// Serves until the process ends.
pub(super) fn serve(directory: &Path, options: &Options) -> Result<(), Failure> {
    mirror::serve(0, options, |_| {
        Ok(Pages {
            recorder: Recorder::open(directory, &shell::index_url()?)?,
            in_json: Mutex::default(),
        })
    })
}

/// What a request is about.
#[derive(Clone)]
struct Asked {
    path: String,
    /// A page, in JSON where the live index has it in HTML.
    json: bool,
}

impl Site for Pages {
    type Asked = Asked;

    fn understand(&self, path: &str, headers: &HeaderMap) -> (Asked, Form) {
        let page = path.ends_with('/');
        let asked = Asked {
            path: path.to_owned(),
            json: page && says(headers, &ACCEPT, JSON),
        };
        let form = match page {
            true => Form {
                caching: "max-age=600, public",
                kept: Kept::Plain,
            },
            false => Form {
                caching: "max-age=365000000, immutable, public",
                kept: Kept::Archive,
            },
        };
        (asked, form)
    }

    async fn answer(&self, asked: &Asked) -> Result<Arc<Answer>, Failure> {
        let recorded = self.recorder.answer(&asked.path).await?;
        match asked.json && recorded.status == 200 && !recorded.content_type.contains("json") {
            true => Ok(self.in_json(&asked.path, &recorded)),
            false => Ok(recorded),
        }
    }

    fn asked(&self) -> u64 {
        self.recorder.asked()
    }

    fn index_path(&self) -> String {
        self.recorder.index_path()
    }
}

impl Pages {
    /// The JSON of an HTML page, made once.
    fn in_json(&self, path: &str, recorded: &Answer) -> Arc<Answer> {
        let mut pages = lock(&self.in_json);
        let made = pages.entry(path.to_owned()).or_insert_with(|| {
            let project = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let body = json_page(project, &String::from_utf8_lossy(&recorded.body));
            Arc::new(Answer {
                status: 200,
                content_type: JSON.to_owned(),
                tag: recorded.tag.clone(),
                body: Bytes::from(body),
            })
        });
        Arc::clone(made)
    }
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
