//! Who we are to whom: logins and tokens from URLs, settings, netrc and a keyring command.
//!
//! Invariant: a login is only ever given for the origin (scheme, host, port) or the URL prefix it was meant for,
//! and neither `Debug` nor an error shows its password.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::header;
use url::{Origin, Url};
use wharf_core::WebUrl;

use crate::netrc::Netrc;
use crate::settings::{KeyringMode, Settings};

/// What proves to a server who we are: a user name and, mostly, a password; a token; or what is sent as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Login(Proof);

#[derive(Clone, PartialEq, Eq)]
enum Proof {
    /// Sent by the scheme `Basic`.
    Password {
        username: String,
        password: Option<String>,
    },
    /// Sent by the scheme `Bearer`.
    Token(String),
    /// Sent without any scheme.
    Bare(String),
}

impl Login {
    /// A login. Servers that know only tokens by this scheme take the token as password, with an empty user name or
    /// `__token__`.
    #[must_use]
    pub fn new(username: String, password: Option<String>) -> Self {
        Self(Proof::Password { username, password })
    }

    /// A token, sent as `Authorization: Bearer …`. Source: RFC 6750.
    #[must_use]
    pub fn bearer(token: String) -> Self {
        Self(Proof::Token(token))
    }

    /// A token that is the whole of `Authorization`, as registries of crates want it. Source: The Cargo Book, "Registry
    /// Authentication".
    #[must_use]
    pub fn bare(token: String) -> Self {
        Self(Proof::Bare(token))
    }

    /// The user name; empty for tokens.
    #[must_use]
    pub fn username(&self) -> &str {
        match &self.0 {
            Proof::Password { username, .. } => username,
            Proof::Token(_) | Proof::Bare(_) => "",
        }
    }

    /// The password, for whoever sends it.
    #[must_use]
    pub fn expose_password(&self) -> Option<&str> {
        match &self.0 {
            Proof::Password { password, .. } => password.as_deref(),
            Proof::Token(_) | Proof::Bare(_) => None,
        }
    }

    /// Adds it to a request.
    pub(crate) fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.0 {
            Proof::Password { username, password } => request.basic_auth(username, password.as_deref()),
            Proof::Token(token) => authorized(request, format!("Bearer {token}")),
            Proof::Bare(token) => authorized(request, token.clone()),
        }
    }

    /// Whether nothing is missing, as a password is where only the user name is known.
    fn is_whole(&self) -> bool {
        !matches!(self.0, Proof::Password { password: None, .. })
    }

    /// The same for another user name, where one is wanted and the proof has any.
    fn named(&self, wanted: Option<&str>) -> Self {
        match (&self.0, wanted) {
            (Proof::Password { password, .. }, Some(wanted)) => {
                Self::new(wanted.to_owned(), password.clone())
            }
            _ => self.clone(),
        }
    }

    /// What stands before the `@` of a URL.
    fn of_url(url: &Url) -> Option<Self> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decode);
        (!url.username().is_empty() || password.is_some())
            .then(|| Self::new(decode(url.username()), password))
    }
}

/// Sets `Authorization`. What no header can hold is no login: the server refuses, and the error names the place.
fn authorized(request: reqwest::RequestBuilder, value: String) -> reqwest::RequestBuilder {
    match header::HeaderValue::try_from(value) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(header::AUTHORIZATION, value)
        }
        Err(_) => request,
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens are sometimes given as user names: neither is shown.
        f.write_str("Login(…)")
    }
}

/// A login and where it was found, for the error that follows if it is refused.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) login: Login,
    pub(crate) place: &'static str,
}

/// Finds logins. Reads netrc and runs the keyring only when first needed.
#[derive(Debug)]
pub(crate) struct Logins {
    scoped: Vec<(WebUrl, Login)>,
    netrc_path: Option<PathBuf>,
    netrc: OnceLock<Netrc>,
    keyring: KeyringMode,
    /// Logins that callers found elsewhere, and where.
    added: Mutex<Vec<(WebUrl, Found)>>,
    /// Logins that stood in URLs, for further requests to the same origin (files linked from an index page).
    remembered: Mutex<HashMap<Origin, Login>>,
    /// Answers of the keyring, refusals included: it may ask the user, so it is asked once.
    asked: tokio::sync::Mutex<HashMap<(Origin, String), Option<String>>>,
}

impl Logins {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut scoped = settings.credentials.clone();
        // Longest first, so that the closest one wins.
        scoped.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.expose().len()));
        Self {
            scoped,
            netrc_path: settings.netrc.clone(),
            netrc: OnceLock::new(),
            keyring: settings.keyring,
            added: Mutex::default(),
            remembered: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
        }
    }

    /// Keeps a login that stands in a URL for its whole origin.
    pub(crate) fn remember(&self, url: &WebUrl) {
        if let Some(login) = Login::of_url(url.as_url()) {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(url.as_url().origin(), login);
        }
    }

    /// Takes a login for everything at and below a URL, in the place of one that was added for it before.
    pub(crate) fn add(&self, below: &WebUrl, found: Found) {
        let below = below.without_credentials();
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.retain(|(known, _)| *known != below);
        added.push((below, found));
    }

    /// The closest login that was added for a URL.
    fn added(&self, url: &Url) -> Option<Found> {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = added.iter().filter(|(below, _)| is_below(url, below.as_url()));
        let closest = fits.max_by_key(|(below, _)| below.expose().len());
        closest.map(|(_, found)| found.clone())
    }

    /// The login for a URL, from the closest source that has a password.
    pub(crate) async fn find(&self, url: &Url) -> Option<Found> {
        let found = |login: &Login, place| {
            Some(Found {
                login: login.clone(),
                place,
            })
        };
        let own = Login::of_url(url);
        if let Some(own) = own.as_ref().filter(|login| login.is_whole()) {
            return found(own, "the URL");
        }
        let wanted = own.as_ref().map(Login::username);
        let fits = |login: &&Login| {
            login.is_whole()
                && wanted.is_none_or(|name| login.username().is_empty() || login.username() == name)
        };
        let scoped = self
            .scoped
            .iter()
            .filter(|(prefix, _)| is_below(url, prefix.as_url()));
        if let Some((_, login)) = scoped.clone().find(|(_, login)| fits(&login)) {
            return found(&login.named(wanted), "the environment or the settings");
        }
        if let Some(added) = self.added(url) {
            return Some(added);
        }
        let remembered = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.get(&url.origin()).cloned()
        };
        if let Some(login) = remembered.as_ref().filter(fits) {
            return found(login, "the index URL");
        }
        if let Some(login) = self.netrc().login(url.host_str()?).filter(fits) {
            return found(login, "netrc");
        }
        let half = own
            .or(remembered)
            .or_else(|| scoped.map(|(_, login)| login.clone()).next())?;
        match self.ask_keyring(url, half.username()).await {
            Some(password) => found(
                &Login::new(half.username().to_owned(), Some(password)),
                "the keyring",
            ),
            // A user name alone may be a token.
            None => found(&half, "the URL"),
        }
    }

    fn netrc(&self) -> &Netrc {
        self.netrc.get_or_init(|| {
            let text = self
                .netrc_path
                .as_ref()
                .and_then(|path| std::fs::read_to_string(path).ok());
            Netrc::parse(&text.unwrap_or_default())
        })
    }

    async fn ask_keyring(&self, url: &Url, username: &str) -> Option<String> {
        match self.keyring {
            KeyringMode::Disabled => return None,
            KeyringMode::Command if username.is_empty() => return None,
            KeyringMode::Command => {}
        }
        // The lock is held while asking, so that fifty requests ask once.
        let mut asked = self.asked.lock().await;
        let key = (url.origin(), username.to_owned());
        if let Some(answer) = asked.get(&key) {
            return answer.clone();
        }
        let mut service = url.clone();
        service.set_query(None);
        service.set_fragment(None);
        let service = WebUrl::from(service).without_credentials();
        let mut answer = run_keyring(service.expose(), username).await;
        if answer.is_none() {
            answer = run_keyring(url.host_str()?, username).await;
        }
        asked.insert(key, answer.clone());
        answer
    }
}

/// Whether `url` lies at or below `prefix`: the same origin, and a path that continues at a `/`.
pub(crate) fn is_below(url: &Url, prefix: &Url) -> bool {
    let folder = prefix.path().trim_end_matches('/');
    url.origin() == prefix.origin()
        && url
            .path()
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Asks the `keyring` program on PATH. Its standard error is dropped: it may quote what it was asked.
async fn run_keyring(service: &str, username: &str) -> Option<String> {
    let mut command = tokio::process::Command::new("keyring");
    command.args(["get", service, username]);
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output())
        .await
        .ok()?
        .ok()?;
    let password = String::from_utf8(output.stdout).ok()?;
    let password = password.trim_end_matches(['\r', '\n']);
    (output.status.success() && !password.is_empty()).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    async fn find(logins: &Logins, text: &str) -> Option<(String, Option<String>, &'static str)> {
        let found = logins.find(url(text).as_url()).await?;
        let (username, password) = (found.login.username(), found.login.expose_password());
        Some((username.to_owned(), password.map(str::to_owned), found.place))
    }

    fn some(
        username: &str,
        password: &str,
        place: &'static str,
    ) -> Option<(String, Option<String>, &'static str)> {
        Some((username.to_owned(), Some(password.to_owned()), place))
    }

    #[tokio::test]
    async fn the_closest_source_wins() {
        let folder = tempfile::tempdir().unwrap();
        let netrc = folder.path().join("netrc");
        std::fs::write(&netrc, "machine a.example.org login net password rc").unwrap();
        let login = |name: &str, word: &str| Login::new(name.to_owned(), Some(word.to_owned()));
        let logins = Logins::new(&Settings {
            netrc: Some(netrc),
            credentials: vec![
                (url("https://a.example.org/team"), login("team", "t")),
                (url("https://a.example.org/team/inner/"), login("inner", "i")),
            ],
            ..Settings::default()
        });
        assert_eq!(
            find(&logins, "https://x:y@a.example.org/team/p").await,
            some("x", "y", "the URL")
        );
        let scoped = "the environment or the settings";
        assert_eq!(
            find(&logins, "https://a.example.org/team/p").await,
            some("team", "t", scoped)
        );
        assert_eq!(
            find(&logins, "https://a.example.org/team/inner/p").await,
            some("inner", "i", scoped)
        );
        assert_eq!(
            find(&logins, "https://a.example.org/teams").await,
            some("net", "rc", "netrc")
        );
        assert_eq!(
            find(&logins, "https://net@a.example.org/").await,
            some("net", "rc", "netrc")
        );
        assert_eq!(find(&logins, "https://b.example.org/team/p").await, None);
        let token = Some(("token".to_owned(), None, "the URL"));
        assert_eq!(find(&logins, "https://token@b.example.org/").await, token);
    }

    #[tokio::test]
    async fn added_logins_serve_what_is_below_their_url() {
        let logins = Logins::new(&Settings::default());
        let add = |below: &str, place| {
            let login = Login::bare("word".to_owned());
            logins.add(&url(below), Found { login, place });
        };
        add("https://a.example.org/", "outer");
        add("https://a.example.org/index/", "replaced");
        add("https://a.example.org/index/", "inner");
        let place = async |text: &str| logins.find(url(text).as_url()).await.map(|found| found.place);
        assert_eq!(place("https://a.example.org/index/1/a").await, Some("inner"));
        assert_eq!(place("https://a.example.org/indexes").await, Some("outer"));
        assert_eq!(place("https://b.example.org/index/").await, None);
    }

    #[tokio::test]
    async fn a_login_in_a_url_serves_its_origin_only() {
        let logins = Logins::new(&Settings::default());
        logins.remember(&url("https://me:p%40ss@a.example.org/simple/"));
        let place = "the index URL";
        assert_eq!(
            find(&logins, "https://a.example.org/files/x.whl").await,
            some("me", "p@ss", place)
        );
        assert_eq!(find(&logins, "http://a.example.org/files/x.whl").await, None);
        assert_eq!(
            find(&logins, "https://a.example.org:8443/files/x.whl").await,
            None
        );
        assert_eq!(find(&logins, "https://files.a.example.org/x.whl").await, None);
    }
}
