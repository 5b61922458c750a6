//! Documents for callers that keep them in a form of their own: asked for with a condition, handed over as they came.
//!
//! Invariant: nothing here touches the disk, and undoing the content coding is left to the caller, who knows a thread
//! that may compute ([`Document::decode`]).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use wharf_core::{Event, WebUrl};

use crate::body::{coding, decode, decode_with, read_raw};
use crate::client::{Client, caching_headers, text, value, words};
use crate::error::{NetError, TransportKind};
use crate::freshness::{self, HEURISTIC, Lifetime};
use crate::retry::Failure;

/// What a server gave to recognise an answer by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        let own = |name: HeaderName| text(headers, name).map(str::to_owned);
        Self {
            etag: own(header::ETAG),
            last_modified: own(header::LAST_MODIFIED),
        }
    }

    /// Whether there is nothing to recognise an answer by.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        let conditions = [
            (header::IF_NONE_MATCH, &self.etag),
            (header::IF_MODIFIED_SINCE, &self.last_modified),
        ];
        for (name, condition) in conditions {
            let condition = condition.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(condition)) = condition {
                headers.insert(name, condition);
            }
        }
    }
}

/// The answer to a conditional question.
#[derive(Debug, Clone)]
pub enum DocumentReply {
    /// What the caller has is current, for so long.
    Unchanged(Lifetime),
    /// Another document.
    New(Box<Document>),
}

/// A document as it came over the wire.
#[derive(Debug, Clone)]
pub struct Document {
    raw: Bytes,
    coding: Option<String>,
    limit: u64,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// To ask with the next time.
    pub validators: Validators,
    /// How long it may be used, and whether it may be kept.
    pub lifetime: Lifetime,
    /// Where it came from after redirects, mirrors undone.
    pub url: WebUrl,
}

impl Document {
    /// The bytes, with the content coding undone. Computes: not for async threads where it may be large.
    ///
    /// # Errors
    /// What came is not what its headers say, or is larger than the client's limit for pages.
    pub fn decode(self) -> Result<Bytes, NetError> {
        decode(&self.url, self.raw, self.coding.as_deref(), self.limit).map_err(|failure| failure.error)
    }

    /// Shows the bytes, with the content coding undone, to whoever keeps none of them. Computes, as
    /// [`decode`](Self::decode), and does less where there are many documents.
    ///
    /// # Errors
    /// As `decode`.
    pub fn decode_with<T>(self, read: impl FnOnce(&[u8]) -> T) -> Result<T, NetError> {
        decode_with(&self.url, self.raw, self.coding.as_deref(), self.limit, read)
            .map_err(|failure| failure.error)
    }
}

impl Client {
    /// Gets a document past the cache; with `known`, only if it changed.
    ///
    /// # Errors
    /// It does not exist, is too large, or could not be had.
    pub async fn get_document(
        &self,
        url: &WebUrl,
        accept: &str,
        known: Option<&Validators>,
    ) -> Result<DocumentReply, NetError> {
        let inner = self.inner();
        inner.online(url)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, value(accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        if let Some(known) = known {
            known.add_to(&mut headers);
        }
        let conditional = known.is_some_and(|known| !known.is_empty());
        let mut tries = inner.tries(url);
        loop {
            let place = tries.begin();
            match self.ask(url, &place, &headers, conditional).await {
                Ok(reply) => {
                    inner.answers(url);
                    return Ok(reply);
                }
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    async fn ask(
        &self,
        url: &WebUrl,
        place: &WebUrl,
        headers: &HeaderMap,
        conditional: bool,
    ) -> Result<DocumentReply, Failure> {
        let inner = self.inner();
        let mut exchange = inner.exchange(&Method::GET, url, place, headers).await?;
        let lifetime = freshness::lifetime(
            &caching_headers(exchange.response.headers()),
            SystemTime::now(),
            HEURISTIC,
        );
        match exchange.response.status().as_u16() {
            304 if conditional => return Ok(DocumentReply::Unchanged(lifetime)),
            // Answers to questions that were not asked.
            status @ (206 | 304 | 416) => {
                return Err(Failure::stop(NetError::Status {
                    url: NetError::shown(url),
                    status,
                    tried: Box::default(),
                }));
            }
            _ => {}
        }
        let limit = inner.settings.page_limit;
        let raw = read_raw(url, &mut exchange, limit).await?;
        let headers = exchange.response.headers();
        Ok(DocumentReply::New(Box::new(Document {
            raw,
            coding: coding(&exchange),
            limit,
            content_type: text(headers, header::CONTENT_TYPE).map(str::to_owned),
            validators: Validators::of(headers),
            lifetime,
            url: exchange.url,
        })))
    }

    /// Whether an older document may stand in for one that could not be had because of `error`. Tells the user, once
    /// for each server, where it does.
    pub fn stands_in(&self, url: &WebUrl, age: Duration, error: &NetError) -> bool {
        if !error.is_outage() {
            return false;
        }
        let inner = self.inner();
        if let NetError::Transport {
            kind: TransportKind::Connect | TransportKind::Dns,
            ..
        } = error
        {
            inner.is_out_now(url);
        }
        let age = words(age);
        let host = url.as_url().host_str().unwrap_or_default();
        inner.warn_once(
            "cache/stale",
            format!("stale {host}"),
            format!("{error}; using answers of {host} from the cache, the first of them {age} old"),
        );
        inner.sinks.emit(Event::detail(format!(
            "{url} comes from the cache and is {age} old"
        )));
        true
    }

    /// Whether the server of this URL could not be reached a moment ago, so that asking again is pointless where an
    /// older document is at hand.
    #[must_use]
    pub fn is_out(&self, url: &WebUrl) -> bool {
        self.inner().is_out(url)
    }
}
