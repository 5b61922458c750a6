//! Downloads to files: hashed while written, resumed when a transfer breaks.
//!
//! Invariants: a file that is left at its place has the promised digest and size; after an error none is left. A
//! transfer is only resumed where the digest will prove that both parts belong together, or where the server
//! vouches for it with a validator.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderValue};
use wharf_core::{Algorithm, Digest, Event, Sinks, TaskId, WebUrl};

use crate::body::content_range;
use crate::client::{Client, broken, text, value};
use crate::error::NetError;
use crate::hash::{Hashers, strongest};
use crate::retry::Failure;
use crate::transport::Exchange;

/// Bytes gathered before they are hashed and written: large enough that handing them to another thread costs
/// nothing, small enough that fifty downloads fit into memory.
const BLOCK: usize = 512 << 10;

/// A finished download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Bytes of the file.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Every digest that was computed: SHA-256, and the one that was compared if it is another.
    pub digests: Vec<Digest>,
    /// Where it came from after redirects.
    pub url: WebUrl,
    /// How often the transfer was taken up again after breaking.
    pub resumed: u32,
}

impl Client {
    /// Downloads a file to `to`, which is created or overwritten.
    ///
    /// `expected` holds the digests any of which will do, as far as they are of the strongest algorithm among them;
    /// `size` is compared if given. `label` names the file in progress events.
    ///
    /// # Errors
    /// The file does not exist, could not be had, could not be written, or is not what was promised. Nothing
    /// remains at `to` then.
    pub async fn download(
        &self,
        url: &WebUrl,
        to: &Path,
        expected: &[Digest],
        size: Option<u64>,
        label: &str,
    ) -> Result<Downloaded, NetError> {
        self.inner().online(url)?;
        let algorithm = strongest(expected);
        if algorithm.is_none() && !expected.is_empty() {
            let (url, expected) = (NetError::shown(url), expected.to_vec());
            return Err(NetError::UnverifiableDigest { url, expected });
        }
        let id = TaskId::new();
        let sinks = &self.inner().sinks;
        sinks.emit(Event::DownloadStarted {
            id,
            label: label.to_owned(),
            bytes: size,
        });
        let transfer = Transfer {
            url,
            to,
            expected,
            algorithm,
            size,
            id,
            sinks,
        };
        let outcome = self.transfer(&transfer).await;
        sinks.emit(Event::DownloadFinished { id });
        outcome
    }

    async fn transfer(&self, transfer: &Transfer<'_>) -> Result<Downloaded, NetError> {
        // Removes what is left if the download fails or its future is dropped.
        let mut remains = Remains {
            path: Some(transfer.to.to_owned()),
        };
        let file = File::create(transfer.to).map_err(|error| NetError::disk("create", transfer.to, error))?;
        let mut partial = Partial::new(file, transfer);
        let mut tries = self.inner().tries(transfer.url);
        let mut resumed = 0;
        let mut doubted = false;
        loop {
            let place = tries.begin();
            let before = partial.written;
            let attempt = async {
                let headers = partial.headers(transfer);
                let exchange = self
                    .inner()
                    .exchange(&Method::GET, transfer.url, &place, &headers)
                    .await?;
                partial.receive(transfer, exchange).await
            };
            match attempt.await {
                Ok(url) => match partial.verify(transfer, url, resumed) {
                    // Two halves of different files: once from the start before it is called an attack.
                    Err(NetError::WrongDigest { .. }) if partial.is_patched && !doubted => {
                        doubted = true;
                        partial.restart(transfer)?;
                        continue;
                    }
                    Ok(downloaded) => {
                        remains.path = None;
                        return Ok(downloaded);
                    }
                    Err(error) => return Err(error),
                },
                Err(failure) => {
                    if partial.written > before {
                        tries.progressed();
                    }
                    tries.after(failure).await?;
                    resumed += 1;
                    if !partial.may_resume(transfer) {
                        partial.restart(transfer)?;
                    }
                }
            }
        }
    }
}

/// What is wanted.
struct Transfer<'a> {
    url: &'a WebUrl,
    to: &'a Path,
    expected: &'a [Digest],
    algorithm: Option<Algorithm>,
    size: Option<u64>,
    id: TaskId,
    sinks: &'a Sinks,
}

impl Transfer<'_> {
    fn wrong_size(&self, expected: u64, actual: u64) -> NetError {
        NetError::WrongSize {
            url: NetError::shown(self.url),
            expected,
            actual,
        }
    }
}

/// Removes a file unless told otherwise.
struct Remains {
    path: Option<PathBuf>,
}

impl Drop for Remains {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What has arrived so far.
struct Partial {
    /// Taken by the thread that writes; always back between two blocks.
    sink: Option<Sink>,
    written: u64,
    /// The validator of the answer that the bytes came from.
    validator: Option<String>,
    /// Whether the bytes came in more than one answer.
    is_patched: bool,
}

/// The file and its running digests.
struct Sink {
    file: File,
    hashers: Hashers,
    path: PathBuf,
}

impl Sink {
    fn put(&mut self, blocks: &[Bytes]) -> Result<(), NetError> {
        for block in blocks {
            self.hashers.update(block);
            self.file
                .write_all(block)
                .map_err(|error| NetError::disk("write", &self.path, error))?;
        }
        Ok(())
    }
}

impl Partial {
    fn new(file: File, transfer: &Transfer<'_>) -> Self {
        let hashers = Hashers::new(transfer.algorithm);
        let sink = Sink {
            file,
            hashers,
            path: transfer.to.to_owned(),
        };
        Self {
            sink: Some(sink),
            written: 0,
            validator: None,
            is_patched: false,
        }
    }

    fn sink(&mut self) -> &mut Sink {
        self.sink.as_mut().expect("the sink is back between two blocks")
    }

    /// Begins again with an empty file.
    fn restart(&mut self, transfer: &Transfer<'_>) -> Result<(), NetError> {
        let sink = self.sink();
        sink.hashers = Hashers::new(transfer.algorithm);
        sink.file
            .set_len(0)
            .and_then(|()| sink.file.seek(SeekFrom::Start(0)).map(drop))
            .map_err(|error| NetError::disk("write", transfer.to, error))?;
        self.written = 0;
        self.validator = None;
        self.is_patched = false;
        Ok(())
    }

    fn may_resume(&self, transfer: &Transfer<'_>) -> bool {
        self.validator.is_some() || transfer.algorithm.is_some_and(Algorithm::is_strong)
    }

    fn headers(&self, transfer: &Transfer<'_>) -> HeaderMap {
        let written = if self.may_resume(transfer) {
            self.written
        } else {
            0
        };
        headers(written, self.validator.as_deref())
    }

    /// Takes one answer to its end.
    async fn receive(&mut self, transfer: &Transfer<'_>, mut exchange: Exchange) -> Result<WebUrl, Failure> {
        let total = self.place(transfer, &exchange)?;
        let check = |total: u64| match transfer.size {
            Some(size) if size != total => Err(Failure::stop(transfer.wrong_size(size, total))),
            _ => Ok(()),
        };
        if let Some(total) = total {
            check(total)?;
            if transfer.size.is_none() && self.written == 0 {
                transfer.sinks.emit(Event::DownloadSized {
                    id: transfer.id,
                    bytes: total,
                });
            }
        }
        let limit = transfer.size.or(total);
        let mut blocks = Vec::new();
        let mut gathered = 0;
        let broke = loop {
            let chunk = match exchange.chunk(transfer.url).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break None,
                Err(failure) => break Some(failure),
            };
            let arrived = self.written + (gathered + chunk.len()) as u64;
            if let Some(limit) = limit.filter(|limit| arrived > *limit) {
                return Err(Failure::stop(transfer.wrong_size(limit, arrived)));
            }
            transfer.sinks.emit(Event::DownloadProgress {
                id: transfer.id,
                bytes: chunk.len() as u64,
            });
            gathered += chunk.len();
            blocks.push(chunk);
            if gathered >= BLOCK {
                self.flush(&mut blocks, &mut gathered).await?;
            }
        };
        // What came before a break is kept: the next attempt continues there.
        self.flush(&mut blocks, &mut gathered).await?;
        if let Some(failure) = broke {
            return Err(failure);
        }
        match limit {
            Some(limit) if self.written < limit => {
                let message = format!("the transfer ended after {} of {limit} bytes", self.written);
                Err(Failure::again(broken(transfer.url, message)))
            }
            _ => Ok(exchange.url),
        }
    }

    /// Decides from an answer's headers where its bytes belong. Gives the length of the whole file, if announced.
    fn place(&mut self, transfer: &Transfer<'_>, exchange: &Exchange) -> Result<Option<u64>, Failure> {
        let headers = exchange.response.headers();
        let status = exchange.response.status().as_u16();
        if status == 206 && self.written > 0 {
            let range = text(headers, header::CONTENT_RANGE).and_then(content_range);
            if let Some((start, _, total)) = range.filter(|(start, ..)| *start == self.written) {
                tracing::debug!(url = %transfer.url, start, "resumed");
                self.is_patched = true;
                return Ok(Some(total));
            }
        }
        let restarted = self.written > 0;
        if restarted {
            self.restart(transfer).map_err(Failure::stop)?;
        }
        if status != 200 {
            let error = broken(
                transfer.url,
                format!("HTTP {status} came where a file was asked for"),
            );
            return Err(if restarted {
                Failure::again(error)
            } else {
                Failure::stop(error)
            });
        }
        self.validator = validator(headers);
        Ok(exchange.response.content_length())
    }

    /// Hashes and writes what was gathered: at once if it is little, on a thread that may block if it is much.
    async fn flush(&mut self, blocks: &mut Vec<Bytes>, gathered: &mut usize) -> Result<(), Failure> {
        let taken = std::mem::take(blocks);
        let length = std::mem::take(gathered);
        if length <= BLOCK / 8 {
            self.sink().put(&taken).map_err(Failure::stop)?;
        } else {
            let mut sink = self.sink.take().expect("the sink is back between two blocks");
            let (sink, put) = wharf_sys::run_blocking(move || {
                let put = sink.put(&taken);
                (sink, put)
            })
            .await;
            self.sink = Some(sink);
            put.map_err(Failure::stop)?;
        }
        self.written += length as u64;
        Ok(())
    }

    fn verify(&mut self, transfer: &Transfer<'_>, url: WebUrl, resumed: u32) -> Result<Downloaded, NetError> {
        if let Some(size) = transfer.size.filter(|size| *size != self.written) {
            return Err(transfer.wrong_size(size, self.written));
        }
        let digests = self.sink().hashers.clone().finish();
        let compared = digests
            .iter()
            .find(|digest| Some(digest.algorithm()) == transfer.algorithm);
        if let Some(actual) = compared.filter(|actual| !transfer.expected.contains(actual)) {
            let (url, actual) = (NetError::shown(transfer.url), Box::new(*actual));
            let expected = transfer
                .expected
                .iter()
                .filter(|it| it.algorithm() == actual.algorithm());
            return Err(NetError::WrongDigest {
                url,
                expected: expected.copied().collect(),
                actual,
            });
        }
        let sha256 = *digests.first().expect("SHA-256 is always computed");
        Ok(Downloaded {
            bytes: self.written,
            sha256,
            digests,
            url,
            resumed,
        })
    }
}

/// What an archive is asked for with, of which so many bytes are here already.
pub(crate) fn headers(arrived: u64, validator: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Archives are wanted as they are: some servers call a .tar.gz a gzip-encoded .tar.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if arrived > 0 {
        headers.insert(header::RANGE, value(&format!("bytes={arrived}-")));
        if let Some(validator) = validator {
            headers.insert(header::IF_RANGE, value(validator));
        }
    }
    headers
}

/// A validator that `If-Range` may use: a strong entity tag, or else a date. Source: RFC 9110, section 13.1.5.
pub(crate) fn validator(headers: &HeaderMap) -> Option<String> {
    let etag = text(headers, header::ETAG).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| text(headers, header::LAST_MODIFIED))
        .map(str::to_owned)
}
