//! Files as a stream of bytes in order: breaks are mended by taking the transfer up where it ended.
//!
//! Invariant: the bytes come once and in order, whatever breaks on the way. They are not verified here; who reads
//! them knows the digest. A transfer whose halves may belong to different files says so ([`Stream::is_patched`]).

use bytes::Bytes;
use reqwest::Method;
use reqwest::header;
use wharf_core::{Event, TaskId, WebUrl};

use crate::body::content_range;
use crate::client::{Client, Inner, broken, text};
use crate::download::{headers, validator};
use crate::error::NetError;
use crate::retry::{Failure, Tries};
use crate::transport::Exchange;

/// A file that is arriving.
pub struct Stream<'c> {
    inner: &'c Inner,
    url: WebUrl,
    tries: Tries<'c>,
    exchange: Option<Exchange>,
    /// Bytes handed out.
    arrived: u64,
    /// Bytes of the present answer that were handed out from an earlier one.
    skip: u64,
    total: Option<u64>,
    validator: Option<String>,
    patched: bool,
    resumed: u32,
    task: TaskId,
}

impl Client {
    /// Begins to fetch a file; answers when its headers are there. `label` names it in progress events.
    ///
    /// # Errors
    /// The file does not exist or could not be had.
    pub async fn stream(&self, url: &WebUrl, label: &str) -> Result<Stream<'_>, NetError> {
        let inner = self.inner();
        inner.online(url)?;
        let task = TaskId::new();
        inner.sinks.emit(Event::DownloadStarted {
            id: task,
            label: label.to_owned(),
            bytes: None,
        });
        let mut stream = Stream {
            inner,
            url: url.clone(),
            tries: inner.tries(url),
            exchange: None,
            arrived: 0,
            skip: 0,
            total: None,
            validator: None,
            patched: false,
            resumed: 0,
            task,
        };
        stream.connect().await?;
        if let Some(bytes) = stream.total {
            inner.sinks.emit(Event::DownloadSized { id: task, bytes });
        }
        Ok(stream)
    }
}

impl Stream<'_> {
    /// Bytes of the whole file, where the server says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.total
    }

    /// Whether the bytes came in more than one answer and nothing but their digest can say that they belong together.
    #[must_use]
    pub fn is_patched(&self) -> bool {
        self.patched
    }

    /// How often the transfer was taken up again.
    #[must_use]
    pub fn resumed(&self) -> u32 {
        self.resumed
    }

    /// The next bytes; `None` at the end of the file.
    ///
    /// # Errors
    /// The rest could not be had, however often it was tried.
    pub async fn next(&mut self) -> Result<Option<Bytes>, NetError> {
        loop {
            if self.exchange.is_none() {
                self.connect().await?;
            }
            match self.chunk().await {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(bytes),
                Err(failure) => {
                    // Gives the permit back before the pause.
                    self.exchange = None;
                    self.tries.after(failure).await?;
                    self.resumed += 1;
                }
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(exchange) = &mut self.exchange else {
            return Ok(None);
        };
        let Some(mut bytes) = exchange.chunk(&self.url).await? else {
            let expected = self.total.unwrap_or(self.arrived);
            if self.arrived == expected && self.skip == 0 {
                return Ok(None);
            }
            let message = format!("the transfer ended after {} of {expected} bytes", self.arrived);
            return Err(Failure::again(broken(&self.url, message)));
        };
        if self.skip > 0 {
            let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.split_off(known);
            self.skip -= known as u64;
        }
        if bytes.is_empty() {
            return Ok(Some(bytes));
        }
        self.arrived += bytes.len() as u64;
        if let Some(total) = self.total.filter(|total| self.arrived > *total) {
            return Err(Failure::stop(NetError::WrongSize {
                url: NetError::shown(&self.url),
                expected: total,
                actual: self.arrived,
            }));
        }
        self.tries.progressed();
        self.inner.sinks.emit(Event::DownloadProgress {
            id: self.task,
            bytes: bytes.len() as u64,
        });
        Ok(Some(bytes))
    }

    async fn connect(&mut self) -> Result<(), NetError> {
        loop {
            let place = self.tries.begin();
            let headers = headers(self.arrived, self.validator.as_deref());
            let attempt = self
                .inner
                .exchange(&Method::GET, &self.url, &place, &headers)
                .await;
            match attempt.and_then(|exchange| self.place(exchange)) {
                Ok(()) => return Ok(()),
                Err(failure) => self.tries.after(failure).await?,
            }
        }
    }

    /// Decides from an answer's headers where its bytes belong.
    fn place(&mut self, exchange: Exchange) -> Result<(), Failure> {
        let headers = exchange.response.headers();
        let total = match exchange.response.status().as_u16() {
            206 if self.arrived > 0 => {
                let range = text(headers, header::CONTENT_RANGE).and_then(content_range);
                let Some((_, _, total)) = range.filter(|(start, ..)| *start == self.arrived) else {
                    let message = "another part came than the one that was asked for".to_owned();
                    return Err(Failure::again(broken(&self.url, message)));
                };
                self.skip = 0;
                Some(total)
            }
            200 => {
                self.skip = self.arrived;
                self.validator = validator(headers);
                exchange.response.content_length()
            }
            status => {
                let message = format!("HTTP {status} came where a file was asked for");
                return Err(Failure::stop(broken(&self.url, message)));
            }
        };
        if self.arrived > 0 {
            self.patched = true;
            tracing::debug!(url = %self.url, at = self.arrived, skipping = self.skip, "resumed");
        }
        if let (true, Some(expected), Some(actual)) = (self.arrived > 0, self.total, total)
            && expected != actual
        {
            return Err(Failure::stop(NetError::WrongSize {
                url: NetError::shown(&self.url),
                expected,
                actual,
            }));
        }
        self.total = total.or(self.total);
        self.exchange = Some(exchange);
        Ok(())
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.inner.sinks.emit(Event::DownloadFinished { id: self.task });
    }
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("url", &self.url)
            .field("arrived", &self.arrived)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
