//! HTTP for Wharf: authentication, mirrors, retries, caching, offline work, resumed downloads.
//!
//! The map of the crate:
//! - [`settings`]: what the user can turn: timeouts, certificates, proxies, mirrors, credentials;
//! - [`client`]: the [`Client`] and its cached, plain and ranged requests ([`answer`]: what they give);
//!   [`download`] streams files to disk; [`stream`] hands their bytes over; [`document`]: for who keeps answers
//!   in a form of its own;
//! - [`body`]: reading what comes, to a limit;
//! - [`cache`]: the disk cache: one file per answer; [`freshness`]: how long an answer may be used;
//! - [`auth`] and [`netrc`]: who we are to whom; `tls`: whom we trust;
//! - [`retry`]: when to try again; `transport`: one attempt, redirects included;
//! - [`error`]: what went wrong, where, what was tried.
//!
//! Invariants: this crate knows no archives and no index formats. Nothing is built, read or connected before the
//! first request. Credentials are never sent to an origin that they were not meant for and never reach a log, an
//! error or the cache.

pub mod answer;
pub mod auth;
pub mod body;
pub mod cache;
pub mod client;
pub mod document;
pub mod download;
pub mod error;
pub mod freshness;
mod hash;
pub mod netrc;
pub mod retry;
pub mod settings;
pub mod stream;
mod tls;
mod transport;

pub use answer::{CacheStatus, Cached, Freshness, HeadReply, Range, RangeReply, Request, StaleReason};
pub use auth::Login;
pub use cache::{Body, Identity};
pub use client::Client;
pub use document::{Document, DocumentReply, Validators};
pub use download::Downloaded;
pub use error::{NetError, Tried};
pub use settings::{ClientIdentity, KeyringMode, Mirror, ProxySettings, Settings};
pub use stream::Stream;
