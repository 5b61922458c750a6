//! Indexes and network settings of the machine: environment variables and pip's configuration files.
//!
//! One order of precedence, highest first:
//! 1. what the project says (requirements-file options, `[[index]]`, `[options]`, `[tool.uv]`),
//! 2. `WHARF_*`, then `UV_*`, then `PIP_*` variables,
//! 3. pip's configuration: `PIP_CONFIG_FILE`, the environment's, the user's, the system's,
//! 4. the public default (`data/defaults.toml`).
//!
//! The first word on the default index and on each network setting stands; extra indexes and find-links add up in that
//! order. Settings that change *which versions* a lock has (prereleases, exclude-newer, …) are read from the project
//! alone, or the same project would lock differently on another machine.
//! Sources: pip's "Configuration" page; uv's "Environment variables" page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_core::{Origin, WebUrl};

use crate::error::ProjectError;
use crate::index::{
    Declared, FindLinks, FindLinksLocation, IndexSettings, IndexSpec, IndexStrategy, NetworkSettings,
};
use crate::ini;
use crate::project::{Options, Warning};
use crate::requirements::find_links_location;
use crate::stated::Stated;
use crate::text::hide_credentials;

/// What the machine and the project say together.
pub(crate) struct Configured {
    pub(crate) indexes: IndexSettings,
    pub(crate) network: NetworkSettings,
}

/// Reads the machine's settings and puts them below the project's.
pub(crate) fn configure(
    root: &Path,
    options: &Options,
    stated: &mut Stated,
) -> Result<Configured, ProjectError> {
    let mut layers = Layers {
        indexes: stated.indexes.clone(),
        find_links: stated.find_links.clone(),
        no_index: stated.no_index,
        strategy: stated.strategy,
        network: NetworkSettings {
            trusted_hosts: stated.trusted_hosts.clone(),
            ..NetworkSettings::default()
        },
        root: root.to_owned(),
    };
    layers.variables(&options.environment)?;
    for (path, place) in pip_files(options) {
        stated.note_input(path.clone());
        match std::fs::read_to_string(&path) {
            Ok(text) => layers.pip_file(&path, &text)?,
            Err(error) if place == Place::Named => {
                return Err(ProjectError::Read { path, source: error });
            }
            Err(_) => {}
        }
    }
    layers.defaults()?;
    let mut indexes = layers.settings();
    check_find_links(&mut indexes, &mut stated.warnings);
    Ok(Configured {
        indexes,
        network: layers.network,
    })
}

/// A folder of archives that is not there is odd, and no reason to stop.
fn check_find_links(settings: &mut IndexSettings, warnings: &mut Vec<Warning>) {
    for links in &settings.find_links {
        if let FindLinksLocation::Path(path) = &links.location
            && !path.exists()
        {
            let message = format!(
                "the find-links folder `{}` ({}) does not exist",
                path.display(),
                links.origin
            );
            warnings.push(Warning {
                code: "config/missing-find-links",
                message,
                origin: Some(links.origin.clone()),
            });
        }
    }
}

struct Layers {
    indexes: Vec<IndexSpec>,
    find_links: Vec<FindLinks>,
    no_index: bool,
    strategy: Option<IndexStrategy>,
    network: NetworkSettings,
    root: PathBuf,
}

/// One setting of the machine with its place.
struct Setting<'a> {
    name: &'a str,
    value: &'a str,
    origin: Origin,
}

impl Setting<'_> {
    fn wrong(&self, reason: impl Into<String>) -> ProjectError {
        ProjectError::Setting {
            name: if self.origin.file.is_some() {
                format!("`{}` in {}", self.name, self.origin)
            } else {
                self.name.to_owned()
            },
            value: hide_credentials(self.value),
            reason: reason.into(),
        }
    }
}

impl Layers {
    fn variables(&mut self, variables: &BTreeMap<String, String>) -> Result<(), ProjectError> {
        /// Variable and the setting of `apply` that it stands for, in order of precedence.
        const VARIABLES: &[(&str, &str)] = &[
            ("WHARF_DEFAULT_INDEX", "index-url"),
            ("WHARF_INDEX", "named-index"),
            ("WHARF_FIND_LINKS", "find-links"),
            ("WHARF_NO_INDEX", "no-index"),
            ("WHARF_INDEX_STRATEGY", "index-strategy"),
            ("WHARF_OFFLINE", "offline"),
            ("WHARF_HTTP_TIMEOUT", "timeout"),
            ("WHARF_HTTP_RETRIES", "retries"),
            ("WHARF_KEYRING_PROVIDER", "keyring-provider"),
            ("WHARF_MIRRORS", "mirrors"),
            ("UV_DEFAULT_INDEX", "index-url"),
            ("UV_INDEX_URL", "index-url"),
            ("UV_INDEX", "named-index"),
            ("UV_EXTRA_INDEX_URL", "extra-index-url"),
            ("UV_FIND_LINKS", "find-links-commas"),
            ("UV_NO_INDEX", "no-index"),
            ("UV_INDEX_STRATEGY", "index-strategy"),
            ("UV_OFFLINE", "offline"),
            ("UV_HTTP_TIMEOUT", "timeout"),
            ("UV_HTTP_RETRIES", "retries"),
            ("UV_INSECURE_HOST", "trusted-host"),
            ("UV_KEYRING_PROVIDER", "keyring-provider"),
            ("PIP_INDEX_URL", "index-url"),
            ("PIP_PYPI_URL", "index-url"),
            ("PIP_EXTRA_INDEX_URL", "extra-index-url"),
            ("PIP_FIND_LINKS", "find-links"),
            ("PIP_NO_INDEX", "no-index"),
            ("PIP_CERT", "cert"),
            ("PIP_CLIENT_CERT", "client-cert"),
            ("PIP_TIMEOUT", "timeout"),
            ("PIP_DEFAULT_TIMEOUT", "timeout"),
            ("PIP_RETRIES", "retries"),
            ("PIP_PROXY", "proxy"),
            ("PIP_TRUSTED_HOST", "trusted-host"),
            ("PIP_KEYRING_PROVIDER", "keyring-provider"),
            ("REQUESTS_CA_BUNDLE", "cert"),
        ];
        for (name, key) in VARIABLES {
            if let Some(value) = variables.get(*name).filter(|value| !value.trim().is_empty()) {
                let setting = Setting {
                    name,
                    value,
                    origin: Origin::label(name),
                };
                let folder = self.root.clone();
                self.apply(key, &setting, &folder)?;
            }
        }
        Ok(())
    }

    fn pip_file(&mut self, path: &Path, text: &str) -> Result<(), ProjectError> {
        let entries = ini::parse(text);
        let folder = path.parent().unwrap_or(Path::new("/"));
        // `[install]` speaks for the command, `[global]` for all of them.
        for section in ["install", "global"] {
            for entry in entries.iter().filter(|entry| entry.section == section) {
                let key = if entry.key == "default-timeout" {
                    "timeout"
                } else {
                    entry.key.as_str()
                };
                let origin = Origin::file(path, entry.line, 1);
                let setting = Setting {
                    name: &entry.key,
                    value: &entry.value,
                    origin,
                };
                self.apply(key, &setting, folder)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, key: &str, setting: &Setting<'_>, folder: &Path) -> Result<(), ProjectError> {
        let words = || setting.value.split_whitespace();
        match key {
            "index-url" => self.index(setting, setting.value.trim(), true)?,
            "extra-index-url" | "named-index" => {
                for word in words() {
                    self.index(setting, word, false)?;
                }
            }
            "find-links" => words().for_each(|word| self.links(setting, word, folder)),
            "find-links-commas" => setting
                .value
                .split(',')
                .for_each(|word| self.links(setting, word.trim(), folder)),
            "no-index" => self.no_index |= boolean(setting)?,
            "index-strategy" => {
                let strategy = match setting.value.trim() {
                    "first-match" | "first-index" | "unsafe-first-match" => IndexStrategy::FirstMatch,
                    "best-match" | "unsafe-best-match" => IndexStrategy::BestMatch,
                    _ => return Err(setting.wrong("it is neither `first-match` nor `best-match`")),
                };
                self.strategy.get_or_insert(strategy);
            }
            "offline" => self.network.offline |= boolean(setting)?,
            "timeout" => {
                let seconds: f64 = setting.value.trim().parse().unwrap_or(f64::NAN);
                let timeout = Duration::try_from_secs_f64(seconds)
                    .map_err(|_| setting.wrong("it is not a number of seconds"))?;
                self.network.timeout.get_or_insert(timeout);
            }
            "retries" => {
                let retries = setting.value.trim().parse();
                let retries = retries.map_err(|_| setting.wrong("it is not a whole number"))?;
                self.network.retries.get_or_insert(retries);
            }
            "cert" => set_path(&mut self.network.ca_bundle, setting, folder),
            "client-cert" => set_path(&mut self.network.client_cert, setting, folder),
            "proxy" => {
                let text = setting.value.trim();
                let full = if text.contains("://") {
                    text.to_owned()
                } else {
                    format!("http://{text}")
                };
                let proxy = WebUrl::parse(&full).map_err(|error| setting.wrong(error.reason))?;
                self.network.proxy.get_or_insert(proxy);
            }
            "trusted-host" => {
                for word in words()
                    .flat_map(|word| word.split(','))
                    .filter(|word| !word.is_empty())
                {
                    let host = word
                        .trim_start_matches("https://")
                        .trim_end_matches('/')
                        .to_owned();
                    if !self.network.trusted_hosts.contains(&host) {
                        self.network.trusted_hosts.push(host);
                    }
                }
            }
            "mirrors" => {
                for word in words() {
                    let mirror = mirror(word).map_err(|reason| setting.wrong(reason))?;
                    self.network.mirrors.push(mirror);
                }
            }
            "keyring-provider" => {
                self.network.keyring |= matches!(setting.value.trim(), "subprocess" | "import" | "auto");
            }
            // Every other key steers pip alone.
            _ => {}
        }
        Ok(())
    }

    /// Adds an index; `name=URL` gives it a name. The first default stands.
    fn index(&mut self, setting: &Setting<'_>, text: &str, default: bool) -> Result<(), ProjectError> {
        let named = text.split_once('=').filter(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        });
        let (name, address) = match named {
            Some((name, address)) => (Some(name.to_owned()), address),
            None => (None, text),
        };
        let url = WebUrl::parse(address)
            .map_err(|error| setting.wrong(format!("it is not a URL: {}", error.reason)))?;
        let known = self
            .indexes
            .iter()
            .any(|index| index.url == url && !index.explicit);
        if known || default && self.indexes.iter().any(|index| index.default) {
            return Ok(());
        }
        let (declared, origin) = (Declared::Machine, setting.origin.clone());
        self.indexes.push(IndexSpec {
            name,
            url,
            explicit: false,
            default,
            declared,
            origin,
        });
        Ok(())
    }

    fn links(&mut self, setting: &Setting<'_>, word: &str, folder: &Path) {
        let location = find_links_location(word, folder);
        if !word.is_empty() && !self.find_links.iter().any(|links| links.location == location) {
            let (declared, origin) = (Declared::Machine, setting.origin.clone());
            self.find_links.push(FindLinks {
                location,
                declared,
                origin,
            });
        }
    }

    fn defaults(&mut self) -> Result<(), ProjectError> {
        if self.indexes.iter().any(|index| index.default) {
            return Ok(());
        }
        let (name, value) = (&default_text("pypi", "name"), &default_text("pypi", "index"));
        let setting = Setting {
            name,
            value,
            origin: Origin::label("the built-in default"),
        };
        let named = format!("{name}={value}");
        self.index(&setting, &named, true)
    }

    /// The default index is asked last: what a project or a machine adds comes before the public.
    fn settings(&mut self) -> IndexSettings {
        let (last, mut indexes): (Vec<_>, Vec<_>) = std::mem::take(&mut self.indexes)
            .into_iter()
            .partition(|index| index.default);
        indexes.extend(last);
        if self.no_index {
            indexes.clear();
        }
        IndexSettings {
            indexes,
            find_links: std::mem::take(&mut self.find_links),
            no_index: self.no_index,
            strategy: self.strategy.unwrap_or_default(),
        }
    }
}

/// A text of the built-in defaults.
pub(crate) fn default_text(table: &str, key: &str) -> String {
    const DEFAULTS: &str = include_str!("../data/defaults.toml");
    let defaults: toml::Table = toml::from_str(DEFAULTS).expect("the built-in defaults are valid TOML");
    let text = defaults[table][key].as_str();
    text.expect("the built-in defaults are strings").to_owned()
}

/// Reads `FROM=TO`. A URL may have `=` itself, so the one before the second scheme counts.
fn mirror(word: &str) -> Result<(WebUrl, WebUrl), String> {
    let at = ["=http://", "=https://"]
        .iter()
        .filter_map(|sign| word.find(sign))
        .min();
    let at = at.ok_or_else(|| {
        "a mirror is written `https://from.example.org/=https://to.example.org/`".to_owned()
    })?;
    let read = |text: &str| WebUrl::parse(text).map_err(|error| format!("it is not a URL: {}", error.reason));
    Ok((read(&word[..at])?, read(&word[at + 1..])?))
}

fn set_path(slot: &mut Option<PathBuf>, setting: &Setting<'_>, folder: &Path) {
    slot.get_or_insert_with(|| folder.join(setting.value.trim()));
}

fn boolean(setting: &Setting<'_>) -> Result<bool, ProjectError> {
    match setting.value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "t" | "y" => Ok(true),
        "0" | "false" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err(setting.wrong("it is neither true nor false")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Named by the user: must exist.
    Named,
    /// One of the usual places.
    Usual,
}

/// pip's configuration files, highest precedence first.
fn pip_files(options: &Options) -> Vec<(PathBuf, Place)> {
    let variable = |name: &str| options.environment.get(name).filter(|value| !value.is_empty());
    let mut files = Vec::new();
    if let Some(named) = variable("PIP_CONFIG_FILE") {
        // The null device is pip's own way of saying "no configuration at all".
        if named == "/dev/null" || named.eq_ignore_ascii_case("nul") {
            return Vec::new();
        }
        files.push((PathBuf::from(named), Place::Named));
    }
    let mut usual = |path: PathBuf| files.push((path, Place::Usual));
    if let Some(site) = &options.site {
        usual(site.join("pip.conf"));
    }
    let home = variable("HOME").map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or(home.as_ref().map(|home| home.join(".config")));
    if let Some(config) = config {
        usual(config.join("pip/pip.conf"));
    }
    if let Some(home) = home {
        usual(home.join(".pip/pip.conf"));
    }
    if let Some(roaming) = variable("APPDATA") {
        usual(Path::new(roaming).join("pip/pip.ini"));
    }
    for folder in variable("XDG_CONFIG_DIRS")
        .map_or("/etc/xdg", String::as_str)
        .split(':')
    {
        usual(
            options
                .system_root
                .join(folder.trim_start_matches('/'))
                .join("pip/pip.conf"),
        );
    }
    usual(options.system_root.join("etc/pip.conf"));
    files
}
