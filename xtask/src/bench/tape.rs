//! Answers on disk and in memory: written once, read ever after. Shared by the recordings of both kinds of registry.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

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
pub(super) struct Head {
    /// What was asked; the name of the files is made from it.
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) content_type: String,
}

/// The recorded answers and the way to new ones.
pub(super) struct Tape {
    directory: PathBuf,
    upstream: reqwest::Client,
    memory: Mutex<HashMap<String, Arc<Answer>>>,
    asked: Mutex<u64>,
}

impl Tape {
    /// Opens the recordings in a directory.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory).map_err(about(directory.display()))?;
        // Of several providers of cryptography the first that is installed stays: a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            directory: directory.to_owned(),
            upstream: reqwest::Client::builder().build()?,
            memory: Mutex::default(),
            asked: Mutex::new(0),
        })
    }

    /// How often the live registry was asked.
    pub(super) fn asked(&self) -> u64 {
        *lock(&self.asked)
    }

    /// An answer that was given before in this process.
    pub(super) fn remembered(&self, path: &str) -> Option<Arc<Answer>> {
        lock(&self.memory).get(path).map(Arc::clone)
    }

    /// Keeps an answer for this process.
    pub(super) fn remember(&self, path: &str, answer: Answer) -> Arc<Answer> {
        let answer = Arc::new(answer);
        lock(&self.memory).insert(path.to_owned(), Arc::clone(&answer));
        answer
    }

    /// An answer that was recorded.
    pub(super) fn read(&self, path: &str) -> Result<Option<Answer>, Failure> {
        let (head, body) = self.files(path);
        let Ok(text) = std::fs::read_to_string(&head) else {
            return Ok(None);
        };
        let head: Head = serde_json::from_str(&text).map_err(about(head.display()))?;
        let body = std::fs::read(&body).map_err(about(body.display()))?;
        Ok(Some(made(head, body.into())))
    }

    /// Records an answer.
    pub(super) fn write(&self, head: Head, body: Bytes) -> Result<Answer, Failure> {
        let (head_file, body_file) = self.files(&head.path);
        std::fs::create_dir_all(head_file.parent().expect("a file of the recordings has a folder"))?;
        std::fs::write(&body_file, &body).map_err(about(body_file.display()))?;
        // The head last: a body without a head was not recorded.
        std::fs::write(&head_file, serde_json::to_vec(&head)?).map_err(about(head_file.display()))?;
        Ok(made(head, body))
    }

    /// Asks the live registry, again after failures that pass.
    pub(super) async fn ask(
        &self,
        path: &str,
        url: reqwest::Url,
        headers: &[(&str, &str)],
    ) -> Result<reqwest::Response, Failure> {
        *lock(&self.asked) += 1;
        // When a run asks for something new every time, this file tells what.
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.directory.join("asked.log"));
        log.and_then(|mut log| writeln!(log, "{path}"))?;
        let mut failed = Failure(format!("{path}: never asked"));
        for attempt in 0..4 {
            let mut request = self.upstream.get(url.clone());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            match request.send().await {
                Ok(reply) if !reply.status().is_server_error() && reply.status().as_u16() != 429 => {
                    return Ok(reply);
                }
                Ok(reply) => failed = Failure(format!("{path}: {}", reply.status())),
                Err(error) => failed = Failure(format!("{path}: {}", error.without_url())),
            }
            tokio::time::sleep(Duration::from_millis(300 << attempt)).await;
        }
        Err(failed)
    }

    fn files(&self, path: &str) -> (PathBuf, PathBuf) {
        let key = wharf_testkit::hex_digest(path.as_bytes());
        let folder = self.directory.join(&key[..2]);
        (
            folder.join(format!("{key}.json")),
            folder.join(format!("{key}.body")),
        )
    }
}

/// The `Content-Type` of a live answer.
pub(super) fn content_type(reply: &reqwest::Response) -> String {
    let value = reply.headers().get("content-type");
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
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

/// Locks what only this process's threads share.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding the recordings")
}
