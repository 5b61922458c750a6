//! Answers of the live index on disk: asked for once, then read.
//!
//! Invariant: a recorded body holds no absolute URL of an origin that was recorded; such URLs are paths below
//! `/o/<number of the origin>/`, so a tool that follows them comes back to the mirror.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::tape::{Answer, Head, Tape, content_type, lock};
use crate::shell::{Failure, about};

/// The recorded answers of an index and the way to new ones.
pub(super) struct Recorder {
    directory: PathBuf,
    tape: Tape,
    index: reqwest::Url,
    origins: Mutex<Vec<String>>,
}

impl Recorder {
    /// Opens the recordings; `index` is the live index, asked for what was not recorded.
    pub(super) fn open(directory: &Path, index: &str) -> Result<Self, Failure> {
        let tape = Tape::open(directory)?;
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
        Ok(Self {
            directory: directory.to_owned(),
            tape,
            index,
            origins: Mutex::new(origins),
        })
    }

    /// The path of the index on the mirror, ending in `/`.
    pub(super) fn index_path(&self) -> String {
        format!("/o/0{}/", self.index.path().trim_end_matches('/'))
    }

    /// How often the live index was asked.
    pub(super) fn asked(&self) -> u64 {
        self.tape.asked()
    }

    /// The answer for a path of the mirror: from memory, from disk, or from the live index.
    pub(super) async fn answer(&self, path: &str) -> Result<Arc<Answer>, Failure> {
        if let Some(answer) = self.tape.remembered(path) {
            return Ok(answer);
        }
        let mut answer = match self.tape.read(path)? {
            Some(answer) => answer,
            None => self.ask(path).await?,
        };
        // Some indexes lack the metadata of some wheels. A modern one has it always: then it is read from the wheel.
        if let (404, Some(wheel)) = (answer.status, path.strip_suffix(".metadata")) {
            let wheel = match self.tape.read(wheel)? {
                Some(wheel) => wheel,
                None => self.ask(wheel).await?,
            };
            if let Some(metadata) = metadata_of(&wheel.body) {
                let head = Head {
                    path: path.to_owned(),
                    status: 200,
                    content_type: "text/plain".to_owned(),
                };
                answer = self.tape.write(head, metadata.into())?;
            }
        }
        Ok(self.tape.remember(path, answer))
    }

    async fn ask(&self, path: &str) -> Result<Answer, Failure> {
        let json = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.1";
        let reply = self
            .tape
            .ask(path, self.upstream_url(path)?, &[("accept", json)])
            .await?;
        let head = Head {
            path: path.to_owned(),
            status: reply.status().as_u16(),
            content_type: content_type(&reply),
        };
        let mut body = reply.bytes().await.map_err(about(path))?;
        if path.ends_with('/') {
            body = self.with_local_urls(&body)?.into();
        }
        self.tape.write(head, body)
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
