//! What went wrong on the network. Invariant: every error names the URL (without credentials), says what was tried,
//! and can be cloned, so that everyone who waited for one shared request gets it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wharf_core::{Digest, Explain, Fault, WebUrl};

/// How hard a request was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Exchanges begun.
    pub attempts: u32,
    /// From the first exchange to giving up.
    pub elapsed: Duration,
    /// The mirrors that were asked, where any stand in for the URL.
    pub mirrors: Vec<WebUrl>,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            0 | 1 => {}
            attempts => write!(
                f,
                " (tried {attempts} times in {:.1} s)",
                self.elapsed.as_secs_f64()
            )?,
        }
        match self.mirrors.as_slice() {
            [] => Ok(()),
            mirrors => {
                let names: Vec<_> = mirrors.iter().map(WebUrl::to_string).collect();
                write!(f, " through {}", names.join(", then "))
            }
        }
    }
}

/// Which part of talking to a server failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// The host name has no address.
    Dns,
    /// No connection came about.
    Connect,
    /// The server's certificate was not accepted, or TLS failed otherwise.
    Tls,
    /// The server was silent for too long.
    Timeout,
    /// The connection broke, or what came over it was not HTTP or not what its headers promised.
    Broken,
}

/// A failed request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NetError {
    /// The server says that there is no such thing (404 or 410).
    #[error("{url} does not exist (HTTP {status})")]
    NotFound {
        /// What was asked for.
        url: Box<WebUrl>,
        /// 404 or 410.
        status: u16,
    },
    /// The network may not be used, and the cache has nothing.
    #[error("{url} is not in the cache, and the network is off")]
    Offline {
        /// What was asked for.
        url: Box<WebUrl>,
    },
    /// The server wants other credentials, or any (401, 403, 407).
    #[error("{url} refused access (HTTP {status}); {}", login_words(*.sent))]
    Unauthorized {
        /// What was asked for.
        url: Box<WebUrl>,
        /// 401, 403 or 407.
        status: u16,
        /// Where the login that was sent came from; `None` if none was.
        sent: Option<&'static str>,
    },
    /// Another answer than success.
    #[error("{url} answered HTTP {status}{tried}")]
    Status {
        /// What was asked for.
        url: Box<WebUrl>,
        /// The status code.
        status: u16,
        /// How hard it was tried.
        tried: Box<Tried>,
    },
    /// No answer, or a broken one.
    #[error("{url} could not be fetched: {message}{tried}")]
    Transport {
        /// What was asked for.
        url: Box<WebUrl>,
        /// Which part failed.
        kind: TransportKind,
        /// The causes, outermost first.
        message: String,
        /// How hard it was tried.
        tried: Box<Tried>,
    },
    /// A redirect that leads nowhere or where Wharf does not follow.
    #[error("{url} redirects {reason}")]
    Redirect {
        /// What was asked for.
        url: Box<WebUrl>,
        /// Where to, and why that is not followed.
        reason: String,
    },
    /// Other bytes than those that were promised.
    #[error("{url} has the wrong hash: expected {}, got {actual}", words(.expected))]
    WrongDigest {
        /// What was asked for.
        url: Box<WebUrl>,
        /// The digests any of which would have done.
        expected: Vec<Digest>,
        /// The digest of what came.
        actual: Box<Digest>,
    },
    /// None of the digests given can be computed.
    #[error("{url} cannot be verified: {} is not a hash that Wharf computes", words(.expected))]
    UnverifiableDigest {
        /// What was asked for.
        url: Box<WebUrl>,
        /// The digests given.
        expected: Vec<Digest>,
    },
    /// Another number of bytes than was promised.
    #[error("{url} has {actual} bytes where {expected} were expected")]
    WrongSize {
        /// What was asked for.
        url: Box<WebUrl>,
        /// Bytes promised.
        expected: u64,
        /// Bytes that came, or that the server announced.
        actual: u64,
    },
    /// More bytes than anybody should have to read.
    #[error("{url} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: Box<WebUrl>,
        /// The limit in bytes.
        limit: u64,
    },
    /// A body that does not decompress.
    #[error("{url} sent a body that is not the `{encoding}` that its headers promise")]
    Encoding {
        /// What was asked for.
        url: Box<WebUrl>,
        /// The content coding named.
        encoding: String,
    },
    /// A URL of a kind that HTTP does not serve.
    #[error("{url} is neither http nor https")]
    Scheme {
        /// What was asked for.
        url: Box<WebUrl>,
    },
    /// Certificates, keys or proxies that cannot be used.
    #[error("{what} cannot be used: {message}")]
    Settings {
        /// Which setting, with its value where that is not secret.
        what: String,
        /// Why.
        message: String,
    },
    /// A file that could not be written or read.
    #[error("could not {action} `{}`: {source}", .path.display())]
    Disk {
        /// `write`, `read`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
}

impl NetError {
    /// The URL concerned, if it is about one.
    #[must_use]
    pub fn url(&self) -> Option<&WebUrl> {
        match self {
            Self::NotFound { url, .. }
            | Self::Offline { url }
            | Self::Unauthorized { url, .. }
            | Self::Status { url, .. }
            | Self::Transport { url, .. }
            | Self::Redirect { url, .. }
            | Self::WrongDigest { url, .. }
            | Self::UnverifiableDigest { url, .. }
            | Self::WrongSize { url, .. }
            | Self::TooLarge { url, .. }
            | Self::Encoding { url, .. }
            | Self::Scheme { url } => Some(url),
            Self::Settings { .. } | Self::Disk { .. } => None,
        }
    }

    /// Whether the failure may pass by itself, so that an older answer is better than none.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Transport { kind, .. } => *kind != TransportKind::Tls,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// A URL as errors hold it: without credentials, and boxed, because errors travel far.
    pub(crate) fn shown(url: &WebUrl) -> Box<WebUrl> {
        Box::new(url.without_credentials())
    }

    pub(crate) fn disk(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::Disk {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn set_tried(&mut self, told: Tried) {
        if let Self::Status { tried, .. } | Self::Transport { tried, .. } = self {
            **tried = told;
        }
    }
}

impl Explain for NetError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "net/not-found",
            Self::Offline { .. } => "net/offline",
            Self::Unauthorized { .. } => "net/unauthorized",
            Self::Status { .. } => "net/status",
            Self::Transport { kind, .. } => match kind {
                TransportKind::Dns => "net/dns",
                TransportKind::Connect => "net/connect",
                TransportKind::Tls => "net/tls",
                TransportKind::Timeout => "net/timeout",
                TransportKind::Broken => "net/broken",
            },
            Self::Redirect { .. } => "net/redirect",
            Self::WrongDigest { .. } => "net/wrong-hash",
            Self::UnverifiableDigest { .. } => "net/unverifiable",
            Self::WrongSize { .. } => "net/wrong-size",
            Self::TooLarge { .. } => "net/too-large",
            Self::Encoding { .. } => "net/encoding",
            Self::Scheme { .. } => "net/scheme",
            Self::Settings { .. } => "net/settings",
            Self::Disk { .. } => "net/disk",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::WrongDigest { .. } | Self::UnverifiableDigest { .. } | Self::WrongSize { .. } => {
                Fault::Denied
            }
            Self::Offline { .. } | Self::Scheme { .. } | Self::Settings { .. } => Fault::User,
            Self::NotFound { .. }
            | Self::Unauthorized { .. }
            | Self::Status { .. }
            | Self::Transport { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Encoding { .. }
            | Self::Disk { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NotFound { .. } => "check the index URL and the name; `wharf -v` shows every URL that was asked".to_owned(),
            Self::Offline { .. } => "run the command once without `--offline`, then it will be in the cache".to_owned(),
            Self::Unauthorized { url, sent, .. } => unauthorized_hint(url, *sent),
            Self::Status { status: 429, .. } => {
                "the server limits how often it is asked: wait a minute, or set fewer concurrent downloads".to_owned()
            }
            Self::Status { .. } => "the server has trouble: try again later, or configure a mirror".to_owned(),
            Self::Transport { kind, url, .. } => transport_hint(*kind, url),
            Self::Redirect { .. } => "put the URL that it should lead to into the configuration".to_owned(),
            Self::WrongDigest { .. } => {
                "the file changed on the server or on the way: do not install it before you know why. If the change is intended, run `wharf lock --upgrade-package NAME`".to_owned()
            }
            Self::UnverifiableDigest { .. } => "give a sha256 hash for this file".to_owned(),
            Self::WrongSize { .. } => "the file changed on the server: run `wharf lock --upgrade-package NAME` if that is intended".to_owned(),
            Self::TooLarge { .. } => "check that the URL is that of an index".to_owned(),
            Self::Encoding { .. } => "a proxy may be altering answers: try without it".to_owned(),
            Self::Scheme { .. } => "write an http or https URL, or a path".to_owned(),
            Self::Settings { .. } => "correct the setting or remove it".to_owned(),
            Self::Disk { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space (`wharf store size` shows Wharf's own share) and run the command again".to_owned()
                }
                _ => "check that the directory exists and may be written".to_owned(),
            },
        };
        vec![hint]
    }
}

fn words(digests: &[Digest]) -> String {
    let texts: Vec<_> = digests.iter().map(Digest::to_string).collect();
    texts.join(" or ")
}

fn login_words(sent: Option<&'static str>) -> String {
    match sent {
        Some(place) => format!("the login from {place} was not accepted"),
        None => "no login is known for it".to_owned(),
    }
}

fn unauthorized_hint(url: &WebUrl, sent: Option<&'static str>) -> String {
    let host = url.as_url().host_str().unwrap_or("the host");
    match sent {
        Some(place) => format!("check the login for {host} in {place}"),
        None => format!(
            "add `machine {host} login … password …` to ~/.netrc, or set WHARF_INDEX_<NAME>_USERNAME and WHARF_INDEX_<NAME>_PASSWORD"
        ),
    }
}

fn transport_hint(kind: TransportKind, url: &WebUrl) -> String {
    let host = url.as_url().host_str().unwrap_or("the host");
    match kind {
        TransportKind::Dns => format!(
            "check the spelling of {host} and that this machine is online; `--offline` uses what is cached"
        ),
        TransportKind::Connect => {
            "check the network and the proxy (HTTPS_PROXY, NO_PROXY); `--offline` uses what is cached"
                .to_owned()
        }
        TransportKind::Tls => format!(
            "if {host} uses a certificate of your organisation, point SSL_CERT_FILE at the CA bundle that includes it"
        ),
        TransportKind::Timeout => "try again, or raise the network timeout in the configuration".to_owned(),
        TransportKind::Broken => {
            "try again; if it happens again, a proxy or mirror in between may be at fault".to_owned()
        }
    }
}
