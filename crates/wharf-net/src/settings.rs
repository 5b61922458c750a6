//! What the user can turn. Invariant: plain data, read before any request; `Debug` shows no secret.

use std::path::PathBuf;
use std::time::Duration;

use wharf_core::WebUrl;

use crate::auth::Login;

/// How the client behaves. [`Settings::default`] reads nothing from the environment, which suits tests;
/// [`Settings::from_variables`] is what commands start from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a server may stay silent during an exchange.
    pub timeout: Duration,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How often a failed exchange is tried again.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each further one.
    pub backoff: Duration,
    /// The longest pause before a retry, also where the server asks for more (then the request fails at once).
    pub max_backoff: Duration,
    /// A PEM file of certificates to trust *instead of* the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Directories of PEM files to trust instead of the system's, beside `ca_bundle` where both are given.
    pub ca_directories: Vec<PathBuf>,
    /// Certificates in PEM to trust instead of the system's, beside `ca_bundle` where both are given.
    pub ca_pem: Vec<String>,
    /// A PEM file of certificates to trust *beside* all others.
    pub extra_ca: Option<PathBuf>,
    /// Whether certificates are not checked at all, of whatever host.
    pub accept_any_certificate: bool,
    /// A PEM file with a client certificate and its private key.
    pub client_cert: Option<PathBuf>,
    /// Client certificates for everything below a URL; the longest matching one wins, over `client_cert` too.
    pub client_identities: Vec<(WebUrl, ClientIdentity)>,
    /// Which proxies stand between.
    pub proxy: ProxySettings,
    /// Hosts (`name` or `name:port`) whose certificates are not checked.
    pub trusted_hosts: Vec<String>,
    /// The netrc file; `None` reads none.
    pub netrc: Option<PathBuf>,
    /// Whether to ask a keyring for passwords.
    pub keyring: KeyringMode,
    /// Other places to fetch from.
    pub mirrors: Vec<Mirror>,
    /// Logins for everything below a URL; the longest matching one wins.
    pub credentials: Vec<(WebUrl, Login)>,
    /// Whether to leave the network alone and use what the cache holds, however old.
    pub offline: bool,
    /// What the client calls itself.
    pub user_agent: String,
    /// Idle connections kept per host.
    pub max_connections: usize,
    /// The largest page, decompressed, that is read into memory, in bytes.
    pub page_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retries: 3,
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(30),
            ca_bundle: None,
            ca_directories: Vec::new(),
            ca_pem: Vec::new(),
            extra_ca: None,
            accept_any_certificate: false,
            client_cert: None,
            client_identities: Vec::new(),
            proxy: ProxySettings::Environment,
            trusted_hosts: Vec::new(),
            netrc: None,
            keyring: KeyringMode::Disabled,
            mirrors: Vec::new(),
            credentials: Vec::new(),
            offline: false,
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_connections: 50,
            page_limit: 256 << 20,
        }
    }
}

impl Settings {
    /// The defaults with what these variables say: `SSL_CERT_FILE`, `SSL_CERT_DIR`, `NETRC` or `~/.netrc`,
    /// `WHARF_KEYRING=subprocess`. Proxies (`HTTPS_PROXY`, `NO_PROXY` …) are read when connecting.
    #[must_use]
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = || set("HOME").or_else(|| set("USERPROFILE")).map(PathBuf::from);
        Self {
            ca_bundle: set("SSL_CERT_FILE").map(PathBuf::from),
            ca_directories: set("SSL_CERT_DIR")
                .map(|dirs| {
                    std::env::split_paths(&dirs)
                        .filter(|dir| dir.is_absolute())
                        .collect()
                })
                .unwrap_or_default(),
            netrc: set("NETRC")
                .map(PathBuf::from)
                .or_else(|| Some(home()?.join(".netrc"))),
            keyring: match set("WHARF_KEYRING").as_deref() {
                Some("subprocess" | "command") => KeyringMode::Command,
                _ => KeyringMode::Disabled,
            },
            ..Self::default()
        }
    }

    /// Whether certificates of this host, and plain connections to it, are accepted.
    pub(crate) fn trusts(&self, host: &str) -> bool {
        let host = host_of(host);
        self.accept_any_certificate || self.trusted_hosts.iter().any(|trusted| host_of(trusted) == host)
    }

    /// Adds the login that the environment holds for a named index, if any: `WHARF_INDEX_<NAME>_USERNAME` and
    /// `…_PASSWORD`, then the same names that uv reads (`UV_INDEX_…`). In `<NAME>` everything but letters and
    /// digits is an underscore.
    pub fn add_index_login(&mut self, name: &str, url: &WebUrl, variable: &dyn Fn(&str) -> Option<String>) {
        let name: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        for family in ["WHARF", "UV"] {
            let username = variable(&format!("{family}_INDEX_{name}_USERNAME"));
            let password = variable(&format!("{family}_INDEX_{name}_PASSWORD"));
            if username.is_some() || password.is_some() {
                let login = Login::new(username.unwrap_or_default(), password);
                self.credentials.push((url.without_credentials(), login));
                return;
            }
        }
    }
}

/// `host:port` without its port; the certificate is the host's.
pub(crate) fn host_of(text: &str) -> String {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map(|(host, _)| host);
    let host = bare.unwrap_or_else(|| match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    });
    host.to_ascii_lowercase()
}

/// Which proxies stand between.
#[derive(Clone, Default)]
pub enum ProxySettings {
    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (or the system's settings) say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// One proxy for everything except the hosts in `no_proxy` (comma-separated, as `NO_PROXY`).
    Explicit {
        /// The proxy; `http`, `https`, `socks5` or `socks5h`, with credentials if it wants any.
        url: WebUrl,
        /// Hosts to reach directly.
        no_proxy: Option<String>,
    },
}

impl std::fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            Self::Explicit { url, no_proxy } => f
                .debug_struct("Explicit")
                .field("url", url)
                .field("no_proxy", no_proxy)
                .finish(),
        }
    }
}

/// A client certificate and its private key.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientIdentity {
    /// Two PEM files.
    Files {
        /// The certificate, and those that vouch for it.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// Two PEM texts.
    Pem {
        /// The certificate, and those that vouch for it.
        cert: String,
        /// The private key.
        key: String,
    },
}

impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { cert, key } => f
                .debug_struct("Files")
                .field("cert", cert)
                .field("key", key)
                .finish(),
            Self::Pem { .. } => f.write_str("Pem(…)"),
        }
    }
}

/// Whether to ask a keyring for passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyringMode {
    /// Never.
    #[default]
    Disabled,
    /// Run `keyring get <service> <user name>` where a user name is known and a password is not.
    Command,
}

/// Another place to fetch everything from that would come from below `prefix`.
///
/// Several mirrors with one prefix are tried in order. Mirrors are transparent: URLs keep their original form
/// everywhere else, so that a lockfile written behind a mirror serves everybody.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// What a URL must start with, up to a `/`, `?` or its end.
    pub prefix: WebUrl,
    /// What is put in its place.
    pub replacement: WebUrl,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1.to_owned())
        }
    }

    #[test]
    fn ports_do_not_name_certificates() {
        let check = |text: &str, expected: &str| assert_eq!(host_of(text), expected, "{text}");
        check("Example.org", "example.org");
        check("example.org:8443", "example.org");
        check("127.0.0.1:80", "127.0.0.1");
        check("[::1]:80", "::1");
        check("::1", "::1");
    }

    #[cfg(unix)]
    #[test]
    fn the_environment_is_read() {
        let env = variables(&[
            ("SSL_CERT_FILE", "/etc/own.pem"),
            ("SSL_CERT_DIR", "/etc/certs:relative:/more"),
            ("HOME", "/home/me"),
            ("WHARF_KEYRING", "subprocess"),
        ]);
        let settings = Settings::from_variables(&env);
        assert_eq!(settings.ca_bundle, Some(PathBuf::from("/etc/own.pem")));
        assert_eq!(
            settings.ca_directories,
            [PathBuf::from("/etc/certs"), PathBuf::from("/more")]
        );
        assert_eq!(settings.netrc, Some(PathBuf::from("/home/me/.netrc")));
        assert_eq!(settings.keyring, KeyringMode::Command);
        let other = Settings::from_variables(&variables(&[("NETRC", "/run/netrc"), ("SSL_CERT_FILE", "")]));
        assert_eq!(
            (other.netrc, other.ca_bundle),
            (Some(PathBuf::from("/run/netrc")), None)
        );
    }

    #[test]
    fn named_indexes_find_their_login() {
        let url = WebUrl::parse("https://index.example.org/simple/").unwrap();
        let env = variables(&[
            ("UV_INDEX_MY_CORP_USERNAME", "me"),
            ("UV_INDEX_MY_CORP_PASSWORD", "secret-word"),
            ("WHARF_INDEX_OTHER_PASSWORD", "token-word"),
        ]);
        let mut settings = Settings::default();
        settings.add_index_login("my-corp", &url, &env);
        settings.add_index_login("other", &url, &env);
        settings.add_index_login("unknown", &url, &env);
        let names: Vec<_> = settings
            .credentials
            .iter()
            .map(|(_, login)| login.username())
            .collect();
        assert_eq!(names, ["me", ""]);
        let shown = format!("{settings:?}");
        assert!(
            !shown.contains("secret-word") && !shown.contains("token-word"),
            "{shown}"
        );
    }
}
