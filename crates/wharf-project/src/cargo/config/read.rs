//! Every place of Cargo's configuration, strongest first; the first word on a setting stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_core::{Origin, WebUrl};
use wharf_ecosystem::cargo::{GitReference, SourceId};

use super::file::{self, Include};
use super::{
    CRATES_IO, CargoConfig, CargoRegistry, ConfiguredPatches, ConfiguredSource, IncompatibleRustVersions,
    SourcePlace,
};
use crate::config::default_text;
use crate::error::ProjectError;
use crate::index::NetworkSettings;
use crate::npm::Secret;
use crate::project::Options;
use crate::requirement::normalize;
use crate::stated::Stated;
use crate::text::{SourceText, hide_credentials};

/// Files that include files stop being read at this depth: they go in a circle.
const DEPTH: usize = 16;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    text: String,
    origin: Origin,
}

impl Draft {
    pub(super) fn new(text: String, origin: Origin) -> Self {
        Self { text, origin }
    }
}

/// What was said of a registry so far.
#[derive(Clone, Debug, Default)]
pub(super) struct RegistryDraft {
    pub(super) index: Option<(SourceId, Origin)>,
    pub(super) token: Option<Secret>,
    pub(super) provider: Option<Vec<String>>,
}

/// What was said of a source so far.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceDraft {
    pub(super) registry: Option<Draft>,
    pub(super) local_registry: Option<PathBuf>,
    pub(super) directory: Option<PathBuf>,
    pub(super) git: Option<Draft>,
    pub(super) branch: Option<Draft>,
    pub(super) tag: Option<Draft>,
    pub(super) rev: Option<Draft>,
    pub(super) replace_with: Option<Draft>,
    pub(super) origin: Option<Origin>,
}

impl SourceDraft {
    /// Adds what a weaker place says.
    pub(super) fn add(&mut self, weaker: SourceDraft) {
        fn join<T>(into: &mut Option<T>, from: Option<T>) {
            *into = into.take().or(from);
        }
        join(&mut self.registry, weaker.registry);
        join(&mut self.local_registry, weaker.local_registry);
        join(&mut self.directory, weaker.directory);
        join(&mut self.git, weaker.git);
        join(&mut self.branch, weaker.branch);
        join(&mut self.tag, weaker.tag);
        join(&mut self.rev, weaker.rev);
        join(&mut self.replace_with, weaker.replace_with);
        join(&mut self.origin, weaker.origin);
    }

    fn finish(self, name: &str) -> Result<Option<ConfiguredSource>, ProjectError> {
        let origin = self.origin.unwrap_or_else(|| Origin::label(name));
        let wrong = |value: &str, reason: String| ProjectError::Setting {
            name: format!("[source.{name}] ({origin})"),
            value: hide_credentials(value),
            reason,
        };
        let mut places = Vec::new();
        if let Some(url) = &self.registry {
            let source = SourceId::registry(&url.text).map_err(|error| wrong(&url.text, error.reason))?;
            places.push(SourcePlace::Remote(source));
        }
        if let Some(git) = &self.git {
            let reference = match (self.branch, self.tag, self.rev) {
                (Some(branch), _, _) => GitReference::Branch(branch.text),
                (None, Some(tag), _) => GitReference::Tag(tag.text),
                (None, None, Some(rev)) => GitReference::Rev(rev.text),
                (None, None, None) => GitReference::DefaultBranch,
            };
            let source =
                SourceId::git(&git.text, reference).map_err(|error| wrong(&git.text, error.reason))?;
            places.push(SourcePlace::Remote(source));
        }
        places.extend(self.local_registry.map(SourcePlace::LocalRegistry));
        places.extend(self.directory.map(SourcePlace::Directory));
        if name == CRATES_IO && places.is_empty() {
            places.push(SourcePlace::Remote(SourceId::crates_io()));
        }
        let mut places = places.into_iter();
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(Some(ConfiguredSource {
                place,
                replace_with: self.replace_with.map(|draft| (draft.text, draft.origin)),
                origin,
            })),
            // Only what Wharf wrote is left of it.
            (None, _) if self.replace_with.is_none() => Ok(None),
            (None, _) => Err(wrong(
                "",
                "it has none of `registry`, `local-registry`, `directory` and `git`".to_owned(),
            )),
            (Some(_), Some(_)) => Err(wrong(
                "",
                "it has more than one of `registry`, `local-registry`, `directory` and `git`".to_owned(),
            )),
        }
    }
}

/// What was said so far, strongest first.
pub(super) struct Layers<'a> {
    options: &'a Options,
    root: &'a Path,
    pub(super) registries: BTreeMap<String, RegistryDraft>,
    pub(super) default_registry: Option<String>,
    pub(super) sources: BTreeMap<String, SourceDraft>,
    pub(super) patches: Vec<ConfiguredPatches>,
    pub(super) incompatible_rust_versions: Option<IncompatibleRustVersions>,
    pub(super) git_fetch_with_cli: Option<bool>,
    pub(super) offline: Option<bool>,
    /// An empty word says that there is none.
    pub(super) proxy: Option<Option<WebUrl>>,
    pub(super) network: NetworkSettings,
    /// Files that were read already: `CARGO_HOME` may lie above the project.
    files: Vec<PathBuf>,
}

/// Reads everything for a folder.
pub(super) fn read(
    root: &Path,
    options: &Options,
    below: &NetworkSettings,
    stated: &mut Stated,
) -> Result<CargoConfig, ProjectError> {
    let mut layers = Layers {
        options,
        root,
        registries: BTreeMap::new(),
        default_registry: None,
        sources: BTreeMap::new(),
        patches: Vec::new(),
        incompatible_rust_versions: None,
        git_fetch_with_cli: None,
        offline: None,
        proxy: None,
        network: NetworkSettings::default(),
        files: Vec::new(),
    };
    let home = home(root, options);
    layers.variables()?;
    if let Some(home) = &home {
        layers.credentials(home, stated)?;
    }
    for folder in root.ancestors() {
        layers.folder(&folder.join(".cargo"), stated)?;
    }
    if let Some(home) = &home {
        layers.folder(home, stated)?;
    }
    layers.finish(home, below, stated)
}

/// `CARGO_HOME`, else `.cargo` in the user's home.
pub(crate) fn home(root: &Path, options: &Options) -> Option<PathBuf> {
    let variable = |name: &str| options.environment.get(name).filter(|value| !value.is_empty());
    match variable("CARGO_HOME") {
        Some(home) => Some(normalize(&root.join(home))),
        None => variable("HOME").map(|home| Path::new(home).join(".cargo")),
    }
}

/// A name as variables have it.
pub(super) fn variable_name(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

impl Layers<'_> {
    /// Reads `CARGO_*`.
    fn variables(&mut self) -> Result<(), ProjectError> {
        for (name, value) in &self.options.environment {
            let Some(key) = name.strip_prefix("CARGO_") else {
                continue;
            };
            let wrong = |reason: String| ProjectError::Setting {
                name: name.clone(),
                value: hide_credentials(value),
                reason,
            };
            if let Some(rest) = key.strip_prefix("REGISTRIES_") {
                self.registry_variable(rest, name, value)?;
                continue;
            }
            match key {
                "REGISTRY_TOKEN" => self.registry(CRATES_IO).token = Some(Secret::new(value)),
                "REGISTRY_DEFAULT" => self.default_registry = Some(value.clone()),
                "NET_OFFLINE" => self.offline = Some(flag(value).map_err(wrong)?),
                "NET_GIT_FETCH_WITH_CLI" => self.git_fetch_with_cli = Some(flag(value).map_err(wrong)?),
                "NET_RETRY" => self.network.retries = Some(number(value).map_err(wrong)?),
                "HTTP_TIMEOUT" => {
                    let seconds: u32 = number(value).map_err(wrong)?;
                    self.network.timeout = Some(Duration::from_secs(seconds.into()));
                }
                "HTTP_CAINFO" => self.network.ca_bundle = Some(normalize(&self.root.join(value))),
                "HTTP_PROXY" => self.proxy = Some(file::proxy(value).map_err(wrong)?),
                "RESOLVER_INCOMPATIBLE_RUST_VERSIONS" => {
                    let word = IncompatibleRustVersions::from_word(value);
                    let word = word.ok_or_else(|| wrong("it must be `allow` or `fallback`".to_owned()))?;
                    self.incompatible_rust_versions = Some(word);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// `CARGO_REGISTRIES_NAME_INDEX` and `…_TOKEN`.
    fn registry_variable(&mut self, rest: &str, variable: &str, value: &str) -> Result<(), ProjectError> {
        let lower = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        if let Some(name) = rest.strip_suffix("_INDEX") {
            let source = SourceId::registry(value).map_err(|error| ProjectError::Setting {
                name: variable.to_owned(),
                value: hide_credentials(value),
                reason: error.reason,
            })?;
            self.registry(&lower(name)).index = Some((source, Origin::label(variable)));
        } else if let Some(name) = rest.strip_suffix("_TOKEN") {
            self.registry(&lower(name)).token = Some(Secret::new(value));
        } else if let Some(name) = rest.strip_suffix("_CREDENTIAL_PROVIDER") {
            let words = value.split_whitespace().map(str::to_owned).collect();
            self.registry(&lower(name)).provider = Some(words);
        }
        Ok(())
    }

    fn registry(&mut self, name: &str) -> &mut RegistryDraft {
        self.registries.entry(name.to_owned()).or_default()
    }

    /// `credentials.toml`, or the name that it had before.
    fn credentials(&mut self, home: &Path, stated: &mut Stated) -> Result<(), ProjectError> {
        for name in ["credentials", "credentials.toml"] {
            let path = home.join(name);
            if let Some(source) = self.load(&path, stated)? {
                file::credentials(self, &source)?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// The file of a `.cargo` folder. Where both names are there, Cargo reads the older one alone.
    fn folder(&mut self, folder: &Path, stated: &mut Stated) -> Result<(), ProjectError> {
        for name in ["config", "config.toml"] {
            let path = folder.join(name);
            if self.files.contains(&path) {
                return Ok(());
            }
            if self.file(&path, 0, stated)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes in a file with those that it includes: they are weaker, and the later of two is stronger.
    fn file(&mut self, path: &Path, depth: usize, stated: &mut Stated) -> Result<bool, ProjectError> {
        let Some(source) = self.load(path, stated)? else {
            return Ok(false);
        };
        self.files.push(path.to_owned());
        // Paths begin where the folder `.cargo` lies.
        let folder = path
            .parent()
            .and_then(Path::parent)
            .unwrap_or(self.root)
            .to_owned();
        let includes = file::read(self, &source, &folder, path)?;
        for Include { path: next, optional } in includes.into_iter().rev() {
            let wrong = |reason: &str| ProjectError::Setting {
                name: format!("`include` in {}", source.path().display()),
                value: next.display().to_string(),
                reason: reason.to_owned(),
            };
            if depth >= DEPTH || self.files.contains(&next) {
                return Err(wrong("files include each other in a circle"));
            }
            if !self.file(&next, depth + 1, stated)? && !optional {
                return Err(wrong("there is no such file"));
            }
        }
        Ok(true)
    }

    fn load(&self, path: &Path, stated: &mut Stated) -> Result<Option<SourceText>, ProjectError> {
        stated.note_input(path.to_owned());
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let shown = path.strip_prefix(self.root).unwrap_or(path);
                Ok(Some(SourceText::new(shown, &text)))
            }
            Err(error) if super::super::is_absent(&error) => Ok(None),
            Err(error) => Err(ProjectError::reading(path)(error)),
        }
    }

    fn finish(
        self,
        home: Option<PathBuf>,
        below: &NetworkSettings,
        stated: &mut Stated,
    ) -> Result<CargoConfig, ProjectError> {
        let registries = registries(self.registries, stated);
        let mut sources = BTreeMap::new();
        for (name, draft) in self.sources {
            if let Some(source) = draft.finish(&name)? {
                sources.insert(name, source);
            }
        }
        let mut network = below.clone();
        network.ca_bundle = self.network.ca_bundle.or(network.ca_bundle);
        network.timeout = self.network.timeout.or(network.timeout);
        network.retries = self.network.retries.or(network.retries);
        network.offline |= self.offline.unwrap_or(false);
        if let Some(proxy) = self.proxy {
            network.proxy = proxy.or(network.proxy);
        }
        Ok(CargoConfig {
            home,
            registries,
            default_registry: self.default_registry.unwrap_or_else(|| CRATES_IO.to_owned()),
            sources,
            patches: self.patches,
            incompatible_rust_versions: self.incompatible_rust_versions,
            git_fetch_with_cli: self.git_fetch_with_cli.unwrap_or(false),
            network,
        })
    }
}

/// The registries whose index is known. What variables say of a registry holds for the one of the files that they spell differently.
fn registries(mut drafts: BTreeMap<String, RegistryDraft>, stated: &mut Stated) -> Vec<CargoRegistry> {
    let names: Vec<String> = drafts.keys().cloned().collect();
    for name in &names {
        let twin = names
            .iter()
            .find(|other| *other != name && variable_name(other) == variable_name(name));
        let from_variables = *name == variable_name(name).to_ascii_lowercase().replace('_', "-");
        if let Some(twin) = twin.filter(|_| from_variables)
            && let Some(stronger) = drafts.remove(name)
            && let Some(draft) = drafts.get_mut(twin)
        {
            draft.index = stronger.index.or(draft.index.take());
            draft.token = stronger.token.or(draft.token.take());
            draft.provider = stronger.provider.or(draft.provider.take());
        }
    }
    drafts.entry(CRATES_IO.to_owned()).or_default().index = Some((
        SourceId::crates_io(),
        Origin::label(&default_text("cargo", "name")),
    ));
    let mut found = Vec::new();
    for (name, draft) in drafts {
        let Some((source, origin)) = draft.index else {
            continue;
        };
        let provider = draft
            .provider
            .filter(|words| words.first().is_some_and(|word| word != "cargo:token"));
        if let (Some(words), None) = (&provider, &draft.token) {
            let message = format!(
                "the registry `{name}` asks the credential provider `{}`, which Wharf does not start",
                words.join(" ")
            );
            stated.warn("cargo/credential-provider", message, origin.clone());
        }
        found.push(CargoRegistry {
            name,
            source,
            token: draft.token,
            credential_provider: provider,
            origin,
        });
    }
    found
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| "it must be `true` or `false`".to_owned())
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it must be a whole number".to_owned())
}
