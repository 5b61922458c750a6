//! One attempt at one exchange: mirrors applied, logins attached, redirects followed, failures classified.
//!
//! Invariants: a login goes to the origin it belongs to and no further, also after a redirect; a redirect never
//! leads from https to http; what libraries report is passed on without URLs, which might hold credentials.

use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response};
use url::Url;
use wharf_core::WebUrl;
use wharf_sys::{Governor, Permit, Work};

use crate::auth::{Logins, is_below};
use crate::error::{NetError, TransportKind};
use crate::retry::{Failure, Next, is_passing, retry_after};
use crate::settings::{ClientIdentity, Mirror, ProxySettings, Settings};

const MAX_REDIRECTS: usize = 10;

/// An answer whose body is still to come. The permit lasts as long as the exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) response: Response,
    /// Where the answer came from in the end, mirrors undone.
    pub(crate) url: WebUrl,
    patience: Duration,
    _permit: Permit,
}

impl Exchange {
    /// The next bytes of the body; `None` at its end. `url` is what was asked for.
    pub(crate) async fn chunk(&mut self, url: &WebUrl) -> Result<Option<Bytes>, Failure> {
        in_time(url, self.patience, self.response.chunk()).await
    }
}

/// What a peer says, where it says it in time. Not the library's own timeout, which goes on while nobody asks for the next bytes: those
/// that wait for their turn to be unpacked are no reason to give a transfer up.
async fn in_time<T>(
    url: &WebUrl,
    patience: Duration,
    answer: impl Future<Output = reqwest::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer.map_err(|error| transport(url, error)),
        Err(_) => Err(Failure::again(NetError::Transport {
            url: NetError::shown(url),
            kind: TransportKind::Timeout,
            message: format!("the operation timed out after {patience:?}"),
            tried: Box::default(),
        })),
    }
}

/// The connection pools: one for whom we show the usual certificate (or none), and one for each further certificate.
/// Each is built when it is first needed.
#[derive(Debug)]
pub(crate) struct Pools {
    usual: OnceLock<Result<reqwest::Client, NetError>>,
    /// Longest prefix first, so that the closest one wins.
    special: Vec<Special>,
}

#[derive(Debug)]
struct Special {
    prefix: WebUrl,
    identity: ClientIdentity,
    pool: OnceLock<Result<reqwest::Client, NetError>>,
}

impl Pools {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut special: Vec<_> = settings
            .client_identities
            .iter()
            .map(|(prefix, identity)| Special {
                prefix: prefix.without_credentials(),
                identity: identity.clone(),
                pool: OnceLock::new(),
            })
            .collect();
        special.sort_by_key(|special| std::cmp::Reverse(special.prefix.expose().len()));
        Self {
            usual: OnceLock::new(),
            special,
        }
    }

    /// The pool for a URL.
    fn of(&self, url: &Url, settings: &Settings) -> Result<&reqwest::Client, NetError> {
        let special = self
            .special
            .iter()
            .find(|special| is_below(url, special.prefix.as_url()));
        let pool = match special {
            None => self.usual.get_or_init(|| build(settings, None)),
            Some(special) => special
                .pool
                .get_or_init(|| build(settings, Some(&special.identity))),
        };
        pool.as_ref().map_err(Clone::clone)
    }
}

/// Builds a connection pool. Nothing is opened yet.
fn build(settings: &Settings, identity: Option<&ClientIdentity>) -> Result<reqwest::Client, NetError> {
    let unusable = |what: &str, error: reqwest::Error| NetError::Settings {
        what: what.to_owned(),
        message: causes(&error.without_url()),
    };
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::config(settings, identity)?)
        .user_agent(&settings.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(settings.max_connections)
        .tcp_nodelay(true)
        // Large windows: over one HTTP/2 connection the default ones would cap a transfer at 2 MiB a round trip.
        .http2_initial_stream_window_size(4 << 20)
        .http2_initial_connection_window_size(32 << 20);
    match &settings.proxy {
        ProxySettings::Environment => {}
        ProxySettings::Direct => builder = builder.no_proxy(),
        ProxySettings::Explicit { url, no_proxy } => {
            let proxy = reqwest::Proxy::all(url.as_url().clone())
                .map_err(|error| unusable(&format!("the proxy {url}"), error))?;
            let direct = no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
            builder = builder.no_proxy().proxy(proxy.no_proxy(direct));
        }
    }
    builder
        .build()
        .map_err(|error| unusable("the network configuration", error))
}

/// What one attempt needs.
pub(crate) struct Line<'a> {
    pub(crate) pools: &'a Pools,
    pub(crate) settings: &'a Settings,
    pub(crate) logins: &'a Logins,
    pub(crate) governor: &'a Governor,
}

impl Line<'_> {
    /// One exchange with `place` (a mirror of `url`, or `url` itself), up to the headers of an answer that is
    /// neither a redirect nor a failure. 304 and 416 count as answers.
    pub(crate) async fn exchange(
        &self,
        method: &Method,
        url: &WebUrl,
        place: &WebUrl,
        headers: &HeaderMap,
    ) -> Result<Exchange, Failure> {
        let permit = self.governor.permit(Work::Network).await;
        let mut at = place.as_url().clone();
        at.set_fragment(None);
        for _ in 0..=MAX_REDIRECTS {
            let (response, sent) = self.send(method, url, &at, headers).await?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                check_status(url, &response, sent)?;
                let url = self.unmirrored(url, place, &at);
                return Ok(Exchange {
                    response,
                    url,
                    patience: self.settings.timeout,
                    _permit: permit,
                });
            }
            at = self.follow(url, &at, &response).map_err(Failure::stop)?;
            tracing::debug!(url = %url, to = %WebUrl::from(at.clone()), status, "redirected");
        }
        Err(Failure::stop(redirect(
            url,
            format!("more than {MAX_REDIRECTS} times"),
        )))
    }

    async fn send(
        &self,
        method: &Method,
        url: &WebUrl,
        at: &Url,
        headers: &HeaderMap,
    ) -> Result<(Response, Option<&'static str>), Failure> {
        let found = self.logins.find(at).await;
        let shown = WebUrl::from(at.clone()).without_credentials();
        let pool = self.pools.of(at, self.settings).map_err(Failure::stop)?;
        let mut request = pool
            .request(method.clone(), shown.as_url().clone())
            .headers(headers.clone());
        if let Some(found) = &found {
            request = found.login.sign(request);
        }
        let begun = std::time::Instant::now();
        let response = in_time(url, self.settings.timeout, request.send()).await?;
        tracing::debug!(
            url = %shown, %method, status = response.status().as_u16(), version = ?response.version(),
            milliseconds = begun.elapsed().as_millis(), "answered"
        );
        Ok((response, found.map(|found| found.place)))
    }

    /// Where a redirect leads, without any login that stands in it.
    fn follow(&self, url: &WebUrl, at: &Url, response: &Response) -> Result<Url, NetError> {
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let location = location.ok_or_else(|| redirect(url, "without saying where to".to_owned()))?;
        let next = at
            .join(location)
            .map_err(|error| redirect(url, format!("to a malformed URL ({error})")))?;
        let next = WebUrl::from(next).without_credentials().without_fragment();
        let trusted = next
            .as_url()
            .host_str()
            .is_some_and(|host| self.settings.trusts(host));
        match (at.scheme(), next.as_url().scheme()) {
            ("https", "http") if !trusted => Err(redirect(
                url,
                format!("from https to {next}, which is not encrypted"),
            )),
            (_, "http" | "https") => Ok(next.as_url().clone()),
            _ => Err(redirect(
                url,
                format!("to {next}, which is neither http nor https"),
            )),
        }
    }

    /// The URL an answer came from, in the form it has without mirrors.
    fn unmirrored(&self, url: &WebUrl, place: &WebUrl, at: &Url) -> WebUrl {
        let at = WebUrl::from(at.clone()).without_credentials();
        if place.without_credentials().without_fragment() == at {
            return url.without_credentials().without_fragment();
        }
        let undone = self.settings.mirrors.iter().find_map(|mirror| {
            replace_prefix(at.as_url(), mirror.replacement.as_url(), mirror.prefix.as_url())
        });
        undone.map_or(at, |undone| undone.without_credentials())
    }
}

/// Where to ask for a URL: its mirrors in order, or itself. The flag says which.
pub(crate) fn places(url: &WebUrl, mirrors: &[Mirror]) -> (Vec<WebUrl>, bool) {
    let fits = |mirror: &&Mirror| {
        replace_prefix(url.as_url(), mirror.prefix.as_url(), mirror.prefix.as_url()).is_some()
    };
    let closest = mirrors
        .iter()
        .filter(fits)
        .map(|mirror| mirror.prefix.without_credentials().expose().len())
        .max();
    let places: Vec<_> = mirrors
        .iter()
        .filter(|mirror| Some(mirror.prefix.without_credentials().expose().len()) == closest)
        .filter_map(|mirror| {
            replace_prefix(url.as_url(), mirror.prefix.as_url(), mirror.replacement.as_url())
        })
        .collect();
    if places.is_empty() {
        (vec![url.clone()], false)
    } else {
        (places, true)
    }
}

/// `url` with the prefix replaced; `None` where it does not begin so.
fn replace_prefix(url: &Url, prefix: &Url, replacement: &Url) -> Option<WebUrl> {
    if url.origin() != prefix.origin() {
        return None;
    }
    let rest = url.path().strip_prefix(prefix.path().trim_end_matches('/'))?;
    if !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    let mut replaced = replacement.clone();
    replaced.set_path(&format!("{}{rest}", replacement.path().trim_end_matches('/')));
    replaced.set_query(url.query());
    replaced.set_fragment(url.fragment());
    Some(replaced.into())
}

fn redirect(url: &WebUrl, reason: String) -> NetError {
    NetError::Redirect {
        url: NetError::shown(url),
        reason,
    }
}

/// Turns a status that is no answer into the failure that it is.
fn check_status(url: &WebUrl, response: &Response, sent: Option<&'static str>) -> Result<(), Failure> {
    let status = response.status().as_u16();
    let url = NetError::shown(url);
    match status {
        200..=299 | 304 | 416 => Ok(()),
        404 | 410 => Err(Failure::stop(NetError::NotFound { url, status })),
        401 | 403 | 407 => Err(Failure::stop(NetError::Unauthorized { url, status, sent })),
        _ => {
            let error = NetError::Status {
                url,
                status,
                tried: Box::default(),
            };
            if !is_passing(status) {
                return Err(Failure::stop(error));
            }
            let asked = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
            Err(Failure {
                error,
                next: Next::Again(asked),
            })
        }
    }
}

/// Classifies what the HTTP library reports.
fn transport(url: &WebUrl, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let tls = find_cause::<rustls::Error>(&error).cloned();
    let kind = if matches!(
        tls,
        Some(
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::AlertReceived(_)
                | rustls::Error::PeerIncompatible(_)
        )
    ) {
        TransportKind::Tls
    } else if error.is_timeout() {
        TransportKind::Timeout
    } else if error.is_dns() {
        TransportKind::Dns
    } else if error.is_connect() {
        TransportKind::Connect
    } else {
        TransportKind::Broken
    };
    let url = NetError::shown(url);
    if error.is_builder() {
        return Failure::stop(NetError::Scheme { url });
    }
    let message = causes(&error);
    let error = NetError::Transport {
        url,
        kind,
        message,
        tried: Box::default(),
    };
    match kind {
        TransportKind::Tls => Failure::stop(error),
        TransportKind::Dns | TransportKind::Connect | TransportKind::Timeout | TransportKind::Broken => {
            Failure::again(error)
        }
    }
}

/// Looks through the causes, also inside I/O errors, which hide theirs.
fn find_cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find_cause(inner)) {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// The causes of an error in one line, without repeating what the next one says again.
fn causes(error: &(dyn StdError + 'static)) -> String {
    // What the HTTP library says on its way out, which adds nothing to the cause.
    const EMPTY: [&str; 4] = [
        "error sending request",
        "client error (Connect)",
        "client error (SendRequest)",
        "dns error",
    ];
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    let last = texts.len().saturating_sub(1);
    let telling = texts
        .iter()
        .enumerate()
        .filter(|(at, text)| *at == last || !EMPTY.contains(&text.as_str()));
    telling
        .map(|(_, text)| text.as_str())
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    #[test]
    fn mirrors_take_the_place_of_prefixes() {
        let mirror = |prefix: &str, replacement: &str| Mirror {
            prefix: url(prefix),
            replacement: url(replacement),
        };
        let mirrors = [
            mirror(
                "https://index.example.org/simple",
                "https://mirror.example.org/pypi/simple/",
            ),
            mirror("https://files.example.org/", "https://one.example.org/f"),
            mirror("https://files.example.org", "https://two.example.org/"),
            mirror("https://files.example.org/big/", "https://big.example.org/"),
        ];
        let check = |from: &str, expected: &[&str]| {
            let found: Vec<_> = places(&url(from), &mirrors)
                .0
                .iter()
                .map(WebUrl::to_string)
                .collect();
            assert_eq!(found, expected, "{from}");
        };
        check(
            "https://index.example.org/simple/six/",
            &["https://mirror.example.org/pypi/simple/six/"],
        );
        check(
            "https://index.example.org/simple",
            &["https://mirror.example.org/pypi/simple"],
        );
        check(
            "https://index.example.org/simpler/six/",
            &["https://index.example.org/simpler/six/"],
        );
        check(
            "http://index.example.org/simple/six/",
            &["http://index.example.org/simple/six/"],
        );
        check(
            "https://files.example.org/a?x=1#y",
            &[
                "https://one.example.org/f/a?x=1#y",
                "https://two.example.org/a?x=1#y",
            ],
        );
        check("https://files.example.org/big/a", &["https://big.example.org/a"]);
    }
}
