//! Answers of the live index on disk: asked for once, then read.
//!
//! Invariant: a recorded body holds no absolute URL of an origin that was recorded; such URLs are paths below
//! `/o/<number of the origin>/`, so a tool that follows them comes back to the mirror.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::shell::{Failure, about};

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) tag: String,
    pub(super) body: Bytes,
}

/// What is kept beside a body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    path: String,
    status: u16,
    content_type: String,
}

/// The recorded answers and the way to new ones.
pub(super) struct Recorder {
    directory: PathBuf,
    upstream: reqwest::Client,
    index: reqwest::Url,
    memory: Mutex<HashMap<String, Arc<Answer>>>,
    origins: Mutex<Vec<String>>,
    asked: Mutex<u64>,
}

impl Recorder {
    /// Opens the recordings; `index` is the live index, asked for what was not recorded.
    pub(super) fn open(directory: &Path, index: &str) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory).map_err(about(directory.display()))?;
        let index = reqwest::Url::parse(index).map_err(about("the index"))?;
        let origins: Vec<String> = match std::fs::read_to_string(directory.join("origins.json")) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => vec![origin(&index)],
        };
        if origins.first() != Some(&origin(&index)) {
            return Err(Failure(format!(
                "{}: recorded from another index; remove it first",
                directory.display()
            )));
        }
        // Of several providers of cryptography the first that is installed stays: a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let upstream = reqwest::Client::builder().build()?;
        let (memory, origins, asked) = (Mutex::default(), Mutex::new(origins), Mutex::new(0));
        Ok(Self {
            directory: directory.to_owned(),
            upstream,
            index,
            memory,
            origins,
            asked,
        })
    }

    /// The path of the index on the mirror, ending in `/`.
    pub(super) fn index_path(&self) -> String {
        format!("/o/0{}/", self.index.path().trim_end_matches('/'))
    }

    /// How often the live index was asked.
    pub(super) fn asked(&self) -> u64 {
        *lock(&self.asked)
    }

    /// The answer for a path of the mirror: from memory, from disk, or from the live index.
    pub(super) async fn answer(&self, path: &str) -> Result<Arc<Answer>, Failure> {
        if let Some(answer) = lock(&self.memory).get(path) {
            return Ok(Arc::clone(answer));
        }
        let mut answer = match self.read(path)? {
            Some(answer) => answer,
            None => self.ask(path).await?,
        };
        // Some indexes lack the metadata of some wheels. A modern one has it always: then it is read from the wheel.
        if let (404, Some(wheel)) = (answer.status, path.strip_suffix(".metadata")) {
            let wheel = match self.read(wheel)? {
                Some(wheel) => wheel,
                None => self.ask(wheel).await?,
            };
            if let Some(metadata) = metadata_of(&wheel.body) {
                let head = Head {
                    path: path.to_owned(),
                    status: 200,
                    content_type: "text/plain".to_owned(),
                };
                answer = self.write(head, metadata.into())?;
            }
        }
        let answer = Arc::new(answer);
        lock(&self.memory).insert(path.to_owned(), Arc::clone(&answer));
        Ok(answer)
    }

    fn files(&self, path: &str) -> (PathBuf, PathBuf) {
        let key = wharf_testkit::hex_digest(path.as_bytes());
        let folder = self.directory.join(&key[..2]);
        (
            folder.join(format!("{key}.json")),
            folder.join(format!("{key}.body")),
        )
    }

    fn read(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let (head, body) = self.files(path);
        let Ok(text) = std::fs::read_to_string(&head) else {
            return Ok(None);
        };
        let head: Head = serde_json::from_str(&text).map_err(about(head.display()))?;
        let body = std::fs::read(&body).map_err(about(body.display()))?;
        Ok(Some(Self::made(head, body.into())))
    }

    fn made(head: Head, body: Bytes) -> Answer {
        let tag = format!("\"{}\"", &wharf_testkit::hex_digest(&body)[..32]);
        Answer {
            status: head.status,
            content_type: head.content_type,
            tag,
            body,
        }
    }

    async fn ask(&self, path: &str) -> Result<Answer, Failure> {
        *lock(&self.asked) += 1;
        // When a run asks for something new every time, this file tells what.
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.directory.join("asked.log"));
        log.and_then(|mut log| writeln!(log, "{path}"))?;
        let url = self.upstream_url(path)?;
        let json = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.1";
        let mut failed = Failure(format!("{path}: never asked"));
        for attempt in 0..4 {
            match self.upstream.get(url.clone()).header("accept", json).send().await {
                Ok(reply) if !reply.status().is_server_error() && reply.status().as_u16() != 429 => {
                    return self.keep(path, reply).await;
                }
                Ok(reply) => failed = Failure(format!("{path}: {}", reply.status())),
                Err(error) => failed = Failure(format!("{path}: {}", error.without_url())),
            }
            tokio::time::sleep(std::time::Duration::from_millis(300 << attempt)).await;
        }
        Err(failed)
    }

    async fn keep(&self, path: &str, reply: reqwest::Response) -> Result<Answer, Failure> {
        let status = reply.status().as_u16();
        let content_type = reply
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let mut body = reply.bytes().await.map_err(about(path))?;
        if path.ends_with('/') {
            body = self.with_local_urls(&body)?.into();
        }
        self.write(
            Head {
                path: path.to_owned(),
                status,
                content_type,
            },
            body,
        )
    }

    fn write(&self, head: Head, body: Bytes) -> Result<Answer, Failure> {
        let (head_file, body_file) = self.files(&head.path);
        std::fs::create_dir_all(head_file.parent().expect("a file of the recordings has a folder"))?;
        std::fs::write(&body_file, &body).map_err(about(body_file.display()))?;
        // The head last: a body without a head was not recorded.
        std::fs::write(&head_file, serde_json::to_vec(&head)?).map_err(about(head_file.display()))?;
        Ok(Self::made(head, body))
    }

    fn upstream_url(&self, path: &str) -> Result<reqwest::Url, Failure> {
        let no_origin = || Failure(format!("{path}: not a path of this mirror"));
        let (number, rest) = path
            .strip_prefix("/o/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(no_origin)?;
        let number: usize = number.parse().map_err(|_| no_origin())?;
        let base = match number {
            0 => self.index.clone(),
            _ => reqwest::Url::parse(lock(&self.origins).get(number).ok_or_else(no_origin)?)?,
        };
        base.join(&format!("/{rest}")).map_err(about(path))
    }

    /// Replaces `"https://host/` by `"/o/<number>/`, and remembers the hosts.
    fn with_local_urls(&self, page: &[u8]) -> Result<Vec<u8>, Failure> {
        let text = String::from_utf8_lossy(page);
        let mut origins = lock(&self.origins);
        let known = origins.len();
        let local = localise(&text, &mut origins);
        if origins.len() != known || known == 1 {
            std::fs::write(
                self.directory.join("origins.json"),
                serde_json::to_vec(&*origins)?,
            )?;
        }
        Ok(local.into_bytes())
    }
}

/// The `METADATA` of a wheel.
fn metadata_of(wheel: &[u8]) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel)).ok()?;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).ok()?;
        let name = entry.name_raw();
        if name.ends_with(b".dist-info/METADATA") && name.iter().filter(|byte| **byte == b'/').count() == 1 {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).ok()?;
            return Some(text);
        }
    }
    None
}

/// The text with every quoted absolute URL turned into a path of the mirror.
fn localise(text: &str, origins: &mut Vec<String>) -> String {
    let mut local = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\"http") {
        let (before, quoted) = rest.split_at(start + 1);
        local.push_str(before);
        let end = quoted.find('"').unwrap_or(quoted.len());
        let authority_end = quoted[..end].find("://").and_then(|scheme| {
            let after = scheme + 3;
            quoted[after..end].find('/').map(|slash| after + slash)
        });
        rest = match authority_end {
            Some(slash) => {
                let number = match origins.iter().position(|known| known == &quoted[..slash]) {
                    Some(number) => number,
                    None => {
                        origins.push(quoted[..slash].to_owned());
                        origins.len() - 1
                    }
                };
                local.push_str(&format!("/o/{number}"));
                &quoted[slash..]
            }
            None => quoted,
        };
    }
    local.push_str(rest);
    local
}

fn origin(url: &reqwest::Url) -> String {
    url.origin().ascii_serialization()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding the recordings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_urls_become_paths_of_the_mirror() {
        let mut origins = vec!["https://example.org".to_owned()];
        let page = r#"<a href="https://files.example.org/a/b.whl#sha256=0">b</a> <a href="../c.whl">c</a> "https://example.org/x""#;
        let local = localise(page, &mut origins);
        assert_eq!(
            local,
            r#"<a href="/o/1/a/b.whl#sha256=0">b</a> <a href="../c.whl">c</a> "/o/0/x""#
        );
        assert_eq!(origins.len(), 2);
    }
}
