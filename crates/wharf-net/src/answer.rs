//! What is asked of the client and what comes back.

use std::time::Duration;

use bytes::Bytes;
use wharf_core::WebUrl;

use crate::cache::{Body, Identity};

/// A page to get through the cache.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where it is.
    pub url: &'a WebUrl,
    /// The `Accept` header. Answers to different ones are kept apart.
    pub accept: &'a str,
    /// The part of the cache to keep it in: a plain word, which becomes a directory.
    pub bucket: &'a str,
    /// How old an answer may be.
    pub freshness: Freshness,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// As old as its server allowed.
    #[default]
    Default,
    /// The server is asked whether anything changed.
    Revalidate,
    /// Any age: what this URL names never changes.
    Immutable,
    /// The cache is neither read nor written.
    NoStore,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheStatus {
    /// From the cache, still fresh.
    Hit,
    /// From the cache, after the server confirmed it or sent the same bytes again.
    Revalidated,
    /// From the server.
    Fetched,
    /// From the cache although it is not fresh any more.
    Stale(StaleReason),
}

/// Why an old answer was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleReason {
    /// The network is off.
    Offline,
    /// The server failed; the words say how.
    Outage(String),
}

/// A page and what is known about it.
#[derive(Debug, Clone)]
pub struct Cached {
    /// The bytes.
    pub body: Body,
    /// Which bytes: equal for equal bodies. A key for whatever is computed from them.
    pub identity: Identity,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// How long ago the server made or confirmed the answer.
    pub age: Duration,
    /// How long it is still fresh; zero for stale answers.
    pub fresh_for: Duration,
    /// Whether the server was asked just now and the bytes are those that the cache had.
    pub revalidated: bool,
    /// Where it came from after redirects, mirrors undone: the base of relative links.
    pub url: WebUrl,
    /// How it came about.
    pub status: CacheStatus,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The bytes from the first number up to but not including the second.
    Bytes(u64, u64),
    /// The last so many bytes.
    Suffix(u64),
}

/// The answer to a request for a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeReply {
    /// The bytes asked for (fewer where the file ends), and the length of the whole file.
    Partial(Bytes, u64),
    /// The whole file, which was small enough to take instead.
    Whole(Bytes),
    /// The server cannot.
    Unsupported,
}

/// What a server says about a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadReply {
    /// Bytes of the body, where announced.
    pub length: Option<u64>,
    /// Whether ranges are announced.
    pub accepts_ranges: bool,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// Where the answer came from after redirects.
    pub url: WebUrl,
}
