//! Registries, credentials, the network and settings from `npm_config_*` variables and `.npmrc` files, with npm's precedence:
//! variables, the project's file, the user's, the system's.
//! Source: docs.npmjs.com "config", "npmrc", "registry-signing"; npm's rule that a login belongs to what its key begins with.
//! Invariant: a login is sent to nothing but what it names; one that names nothing is not sent at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_core::{Origin, WebUrl};
use wharf_ecosystem::npm::Registries;

use crate::config::default_text;
use crate::error::ProjectError;
use crate::index::{Declared, NetworkSettings};
use crate::npm::settings::{Settings, Word, is_for_installing, is_for_scripts_alone};
use crate::npm::{CredentialKind, NpmOptions, NpmRegistry, RegistryCredential, Secret, foreign, npmrc};
use crate::project::{Options, Warning};
use crate::stated::Stated;

/// What all places say together.
pub(crate) struct Configured {
    pub(crate) registries: Registries,
    pub(crate) registry_sources: Vec<NpmRegistry>,
    pub(crate) credentials: Vec<RegistryCredential>,
    pub(crate) network: NetworkSettings,
    pub(crate) options: NpmOptions,
    pub(crate) node: Option<(String, Origin)>,
    pub(crate) script_config: BTreeMap<String, String>,
}

/// What was said so far, strongest first.
pub(crate) struct Layers<'a> {
    root: &'a Path,
    options: &'a Options,
    pub(crate) settings: Settings,
    network: NetworkSettings,
    /// The project's settings of the network, which hold where npm says nothing.
    below: &'a NetworkSettings,
    http_proxy: Option<WebUrl>,
    /// By scope; the empty one is the default.
    registries: BTreeMap<String, NpmRegistry>,
    /// By prefix (`//host/path/`): its keys, the first word on each.
    logins: BTreeMap<String, BTreeMap<String, Login>>,
    warnings: Vec<Warning>,
}

struct Login {
    value: String,
    folder: PathBuf,
    origin: Origin,
}

/// The keys of a login.
const LOGIN_KEYS: &[&str] = &[
    "_authToken",
    "_auth",
    "username",
    "_password",
    "certfile",
    "keyfile",
];

/// What the names of variables with npm's settings begin with.
const PREFIX: &str = "npm_config_";

/// Where a setting stands.
struct Place<'a> {
    declared: Declared,
    /// What its relative paths begin with.
    folder: &'a Path,
    origin: Origin,
}

impl<'a> Layers<'a> {
    /// Begins with what the project's own files said already.
    pub(crate) fn new(
        root: &'a Path,
        options: &'a Options,
        below: &'a NetworkSettings,
        settings: Settings,
    ) -> Self {
        Self {
            root,
            options,
            settings,
            network: NetworkSettings::default(),
            below,
            http_proxy: None,
            registries: BTreeMap::new(),
            logins: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads `npm_config_*`, whatever their case.
    pub(crate) fn variables(&mut self, variables: &BTreeMap<String, String>) -> Result<(), ProjectError> {
        for (key, name, value) in stated_variables(variables) {
            let place = Place {
                declared: Declared::Machine,
                folder: self.root,
                origin: Origin::label(name),
            };
            let values: Vec<String> = value.split("\n\n").map(str::to_owned).collect();
            self.apply(&key, &values, &place)?;
        }
        Ok(())
    }

    /// Takes in a setting of `pnpm-workspace.yaml` or of the `pnpm` key.
    pub(crate) fn project_setting(
        &mut self,
        key: &str,
        values: &[String],
        origin: Origin,
    ) -> Result<(), ProjectError> {
        let place = Place {
            declared: Declared::Project,
            folder: self.root,
            origin,
        };
        self.apply(key, values, &place)
    }

    /// Reads the `.npmrc` files: the project's, the user's, the system's.
    pub(crate) fn files(&mut self, stated: &mut Stated) -> Result<(), ProjectError> {
        let own = self.root.join(".npmrc");
        let user = self.user_file();
        if user.as_ref() != Some(&own) {
            self.file(&own, Declared::Project, stated)?;
        }
        let prefix = match &user {
            Some(user) => self.file(user, Declared::Machine, stated)?,
            None => None,
        };
        if let Some(global) = self.global_file(prefix) {
            self.file(&global, Declared::Machine, stated)?;
        }
        Ok(())
    }

    /// Reads one file that may be missing; gives the `prefix` that it states.
    fn file(
        &mut self,
        path: &Path,
        declared: Declared,
        stated: &mut Stated,
    ) -> Result<Option<PathBuf>, ProjectError> {
        stated.note_input(path.to_owned());
        let Ok(text) = std::fs::read_to_string(path) else {
            return Ok(None);
        };
        let folder = path.parent().unwrap_or(self.root).to_owned();
        let shown = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        let mut prefix = None;
        for entry in npmrc::parse(&text, &self.options.environment) {
            let origin = Origin::file(&shown, entry.line, 1);
            if !entry.unset.is_empty() && !self.may_stay_open(&entry, &origin)? {
                continue;
            }
            if entry.key == "prefix" {
                prefix = entry.values.last().map(|value| self.path(value, &folder));
                continue;
            }
            let place = Place {
                declared,
                folder: &folder,
                origin,
            };
            self.apply(&entry.key, &entry.values, &place)?;
        }
        Ok(prefix)
    }

    /// What to do with a value that names variables which are not set: a login is left out with a warning, a registry is an
    /// error, and anything else is taken as it is written, as npm does.
    fn may_stay_open(&mut self, entry: &npmrc::Entry, origin: &Origin) -> Result<bool, ProjectError> {
        let names: Vec<String> = entry.unset.iter().map(|name| format!("`{name}`")).collect();
        let names = names.join(", ");
        if entry.key.ends_with("registry") {
            return Err(ProjectError::Setting {
                name: format!("`{}` in {origin}", entry.key),
                value: entry.values.last().cloned().unwrap_or_default(),
                reason: format!("{names} is not set"),
            });
        }
        if login_key(&entry.key).is_some() {
            self.warnings.push(Warning {
                code: "npm/unset-variable",
                message: format!("a login in {origin} is not used: the variable {names} is not set"),
                origin: Some(origin.clone()),
            });
            return Ok(false);
        }
        Ok(true)
    }

    fn apply(&mut self, key: &str, values: &[String], place: &Place<'_>) -> Result<(), ProjectError> {
        let word = Word {
            key,
            values,
            declared: place.declared,
            origin: &place.origin,
        };
        if let Some((prefix, name)) = login_key(key) {
            let logins = self.logins.entry(prefix.to_owned()).or_default();
            logins.entry(name.to_owned()).or_insert_with(|| Login {
                value: word.text().to_owned(),
                folder: place.folder.to_owned(),
                origin: place.origin.clone(),
            });
            return Ok(());
        }
        if let Some(scope) = key
            .strip_suffix(":registry")
            .filter(|scope| scope.starts_with('@'))
        {
            return self.registry(scope, &word);
        }
        match key {
            "registry" => self.registry("", &word)?,
            "cafile" => {
                if !matches!(word.text(), "" | "null") {
                    let path = self.path(word.text(), place.folder);
                    self.network.ca_bundle.get_or_insert(path);
                }
            }
            "ca" => {
                let texts = values.iter().filter(|text| !matches!(text.trim(), "" | "null"));
                let texts: Vec<String> = texts.map(|text| text.replace("\\n", "\n")).collect();
                if self.network.ca_pem.is_empty() {
                    self.network.ca_pem = texts;
                }
            }
            "https-proxy" => set_proxy(&mut self.network.proxy, &word)?,
            // npm takes `proxy` for both kinds of address; all registries that matter are reached by https.
            "proxy" | "http-proxy" => set_proxy(&mut self.http_proxy, &word)?,
            "noproxy" | "no-proxy" => {
                let hosts = values
                    .iter()
                    .map(|value| value.trim())
                    .filter(|value| !value.is_empty());
                let hosts = hosts.collect::<Vec<_>>().join(",");
                if !hosts.is_empty() {
                    self.network.no_proxy.get_or_insert(hosts);
                }
            }
            "strict-ssl" => {
                let open = !word.boolean()?;
                self.network.accept_any_certificate.get_or_insert(open);
            }
            "fetch-retries" => {
                let retries = u32::try_from(word.number()?).unwrap_or(u32::MAX);
                self.network.retries.get_or_insert(retries);
            }
            "fetch-timeout" => {
                let timeout = Duration::from_millis(word.number()?);
                self.network.timeout.get_or_insert(timeout);
            }
            "offline" => self.network.offline |= word.boolean()?,
            "maxsockets" | "sso" => {}
            "cert" | "key" if place.declared == Declared::Machine && word.text() == "null" => {}
            "_authToken" | "_auth" | "username" | "_password" | "cert" | "-authtoken" | "_authtoken" => {
                self.unbound_login(key, place);
            }
            _ => self.settings.apply(&word)?,
        }
        Ok(())
    }

    /// A login that does not say where it belongs is sent nowhere: it would reach whatever registry a project names.
    fn unbound_login(&mut self, key: &str, place: &Place<'_>) {
        self.warnings.push(Warning {
            code: "npm/unbound-login",
            message: format!(
                "`{key}` in {} is not used: it does not say for which registry it is (write `//HOST/:{key}=…`)",
                place.origin
            ),
            origin: Some(place.origin.clone()),
        });
    }

    fn registry(&mut self, scope: &str, word: &Word<'_>) -> Result<(), ProjectError> {
        let text = word.text();
        let ended = if text.ends_with('/') {
            text.to_owned()
        } else {
            format!("{text}/")
        };
        let url = WebUrl::parse(&ended)
            .map_err(|error| word.wrong(format!("it is not a URL: {}", error.reason)))?;
        if !matches!(url.as_url().scheme(), "http" | "https") {
            return Err(word.wrong("a registry is reached by http or https"));
        }
        self.registries
            .entry(scope.to_owned())
            .or_insert_with(|| NpmRegistry {
                scope: (!scope.is_empty()).then(|| scope.to_owned()),
                url,
                declared: word.declared,
                origin: word.origin.clone(),
            });
        Ok(())
    }

    /// A path of a setting: `~/` is the home folder, others are relative to the folder of their file.
    fn path(&self, text: &str, folder: &Path) -> PathBuf {
        match (text.strip_prefix("~/"), self.options.environment.get("HOME")) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => folder.join(text),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let variables = &self.options.environment;
        let exact = variables.get(name);
        let found = exact.or_else(|| {
            let mut same = variables.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            same.next().map(|(_, value)| value)
        });
        found.map(String::as_str).filter(|value| !value.is_empty())
    }

    fn user_file(&self) -> Option<PathBuf> {
        match self.variable("npm_config_userconfig") {
            Some(path) => Some(self.path(path, self.root)),
            None => Some(Path::new(self.variable("HOME")?).join(".npmrc")),
        }
    }

    /// `etc/npmrc` below npm's prefix: the one that is set, else the folder that holds Node's `bin`.
    fn global_file(&self, user_prefix: Option<PathBuf>) -> Option<PathBuf> {
        if let Some(path) = self.variable("npm_config_globalconfig") {
            return Some(self.path(path, self.root));
        }
        let set = self
            .variable("npm_config_prefix")
            .map(PathBuf::from)
            .or(user_prefix);
        let set = set.or_else(|| self.options.environment.get("PREFIX").map(PathBuf::from));
        let prefix = match set {
            Some(prefix) => prefix,
            None => {
                let paths = std::env::split_paths(self.variable("PATH")?).map(|folder| folder.join("node"));
                let node = paths.filter_map(|node| node.canonicalize().ok()).next()?;
                node.parent()?.parent()?.to_owned()
            }
        };
        Some(prefix.join("etc/npmrc"))
    }

    /// Puts together what all places said.
    pub(crate) fn finish(mut self, stated: &mut Stated) -> Result<Configured, ProjectError> {
        for (scope, key, default) in [("", "registry", "registry"), ("@jsr", "@jsr:registry", "jsr")] {
            if self.registries.contains_key(scope) {
                continue;
            }
            let url = default_text("npm", default);
            let origin = Origin::label("the built-in default");
            let word = Word {
                key,
                values: &[url],
                declared: Declared::Machine,
                origin: &origin,
            };
            self.registry(scope, &word)?;
        }
        let credentials = self.credentials();
        stated.warnings.extend(self.settings.warnings());
        stated.warnings.append(&mut self.warnings);
        let default = self.registries[""].url.clone();
        let mut registries = Registries::new(default);
        for (scope, registry) in self.registries.iter().filter(|(scope, _)| !scope.is_empty()) {
            registries = registries.with_scope(scope, registry.url.clone());
        }
        Ok(Configured {
            registries,
            credentials,
            network: self.network(),
            options: self.settings.options(),
            node: self.settings.node.clone(),
            script_config: std::mem::take(&mut self.settings.script_config),
            registry_sources: self.registries.into_values().collect(),
        })
    }

    /// npm's settings of the network above the project's.
    fn network(&mut self) -> NetworkSettings {
        let (own, below) = (std::mem::take(&mut self.network), self.below.clone());
        let has_own_ca = own.ca_bundle.is_some() || !own.ca_pem.is_empty();
        let extra = self
            .variable("NODE_EXTRA_CA_CERTS")
            .map(|path| self.root.join(path));
        NetworkSettings {
            ca_bundle: if has_own_ca {
                own.ca_bundle
            } else {
                below.ca_bundle
            },
            ca_pem: own.ca_pem,
            extra_ca: extra,
            proxy: own.proxy.or(self.http_proxy.take()).or(below.proxy),
            no_proxy: own.no_proxy.or(below.no_proxy),
            accept_any_certificate: own.accept_any_certificate,
            retries: own.retries.or(below.retries),
            timeout: own.timeout.or(below.timeout),
            offline: own.offline || below.offline,
            ..below
        }
    }

    /// One credential for each prefix, and for each scheme under which a registry is reached there.
    fn credentials(&mut self) -> Vec<RegistryCredential> {
        let logins = std::mem::take(&mut self.logins);
        let mut credentials = Vec::new();
        for (prefix, login) in &logins {
            for kind in self.kinds(login) {
                for scheme in self.schemes(prefix) {
                    let Ok(url) = WebUrl::parse(&format!("{scheme}:{prefix}")) else {
                        continue;
                    };
                    credentials.push(RegistryCredential {
                        prefix: url,
                        kind: kind.0.clone(),
                        origin: kind.1.clone(),
                    });
                }
            }
        }
        credentials
    }

    /// `https`, and `http` where a registry of that host is configured so.
    fn schemes(&self, prefix: &str) -> Vec<&'static str> {
        let mut schemes = vec!["https"];
        let plain = self.registries.values().any(|registry| {
            let url = registry.url.as_url();
            let host = WebUrl::parse(&format!("http:{prefix}")).ok();
            url.scheme() == "http" && host.is_some_and(|host| host.as_url().origin() == url.origin())
        });
        if plain {
            schemes.push("http");
        }
        schemes
    }

    /// What the keys of one prefix say: a client certificate, and the first of token, name with password, and both encoded.
    fn kinds(&self, login: &BTreeMap<String, Login>) -> Vec<(CredentialKind, Origin)> {
        let value = |key: &str| login.get(key).filter(|login| !login.value.is_empty());
        let mut kinds = Vec::new();
        if let (Some(certificate), Some(key)) = (value("certfile"), value("keyfile")) {
            let kind = CredentialKind::ClientCertificate {
                certificate: self.path(&certificate.value, &certificate.folder),
                key: self.path(&key.value, &key.folder),
            };
            kinds.push((kind, certificate.origin.clone()));
        }
        if let Some(token) = value("_authToken") {
            kinds.push((
                CredentialKind::Bearer(Secret::new(&token.value)),
                token.origin.clone(),
            ));
        } else if let (Some(name), Some(password)) = (value("username"), value("_password")) {
            let kind = CredentialKind::Basic {
                username: name.value.clone(),
                password: Secret::new(decode(&password.value)),
            };
            kinds.push((kind, password.origin.clone()));
        } else if let Some(both) = value("_auth") {
            let decoded = decode(&both.value);
            let (username, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
            let kind = CredentialKind::Basic {
                username: username.to_owned(),
                password: Secret::new(password),
            };
            kinds.push((kind, both.origin.clone()));
        }
        kinds
    }
}

/// What configuration says to whatever is started in a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptConfig {
    /// What each finds as `npm_config_KEY`.
    pub words: BTreeMap<String, String>,
    /// What Node is to be told.
    pub node_options: Option<String>,
}

/// The key whose word Node is told: npm makes the variable `NODE_OPTIONS` of it. Source: the npm documentation's
/// "config", "node-options".
const NODE_OPTIONS: &str = "node-options";

/// What variables, `pnpm-workspace.yaml` and `.npmrc` files say to scripts (`electron_mirror`), without anything else of a project and
/// without what a Wharf that they start would take for the user's own word. What cannot be used of them is told where the project is read.
pub fn script_config(root: &Path, options: &Options) -> ScriptConfig {
    let below = NetworkSettings::default();
    let mut layers = Layers::new(root, options, &below, Settings::default());
    let _ = layers.variables(&options.environment);
    foreign::words_of_pnpm(root, &mut layers);
    let _ = layers.files(&mut Stated::default());
    let mut words = layers.settings.script_config;
    let node_options = words.remove(NODE_OPTIONS).filter(|text| !text.is_empty());
    words.retain(|key, _| is_for_scripts_alone(&variable_key(key)));
    ScriptConfig { words, node_options }
}

/// The `npm_config_*` variables that decide what is installed and how, by npm's name for each, in the order in which they count.
pub fn installing_variables(variables: &BTreeMap<String, String>) -> Vec<(String, &str)> {
    let stated = stated_variables(variables).map(|(key, _, value)| (key, value));
    stated.filter(|(key, _)| is_for_installing(key)).collect()
}

/// The `npm_config_*` variables that say something, whatever their case: npm's name for each, their own, their value. Of several
/// spellings of one the first counts.
fn stated_variables(variables: &BTreeMap<String, String>) -> impl Iterator<Item = (String, &str, &str)> {
    variables.iter().filter_map(|(name, value)| {
        let start = name.get(..PREFIX.len())?;
        let is_stated = start.eq_ignore_ascii_case(PREFIX) && !value.is_empty();
        is_stated.then(|| (variable_key(&name[PREFIX.len()..]), name.as_str(), value.as_str()))
    })
}

/// `AUTO_INSTALL_PEERS` is `auto-install-peers`; keys that begin with `//` and leading `_` stay.
fn variable_key(name: &str) -> String {
    if name.starts_with("//") {
        return name.to_owned();
    }
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    let key = format!("{first}{}", rest.replace('_', "-"));
    // Logins have capitals in their names, and npm loses them here as well.
    key.to_ascii_lowercase()
}

/// The prefix and the name of a login's key: `//npm.example.org/team/:_authToken`.
fn login_key(key: &str) -> Option<(&str, &str)> {
    let (prefix, name) = key.rsplit_once(':')?;
    (key.starts_with("//") && LOGIN_KEYS.contains(&name)).then_some((prefix, name))
}

fn set_proxy(slot: &mut Option<WebUrl>, word: &Word<'_>) -> Result<(), ProjectError> {
    let text = word.text();
    if matches!(text, "" | "null" | "false") {
        return Ok(());
    }
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = WebUrl::parse(&full).map_err(|error| word.wrong(error.reason))?;
    slot.get_or_insert(url);
    Ok(())
}

/// Base64 as Node reads it: anything else in the text is passed over.
fn decode(text: &str) -> String {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0u32);
    for value in text.bytes().take_while(|byte| *byte != b'=').filter_map(digit) {
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend((bits >> count).to_le_bytes().first());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
