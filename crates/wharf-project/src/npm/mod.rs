//! The npm part of a project: what `package.json`, `wharf.toml`, workspaces, `.npmrc` and their relatives say together.
//!
//! | module | job |
//! |---|---|
//! | `read` | puts everything together |
//! | `package_json` | one `package.json` |
//! | `members` | from workspace patterns to folders |
//! | `workspace` | which workspace a folder belongs to, and what its root says |
//! | `own`, `foreign` | what Wharf, pnpm, yarn and bun let a project say |
//! | `rules` | overrides, package extensions, peer rules |
//! | `settings` | settings that several files spell differently, strongest first |
//! | `npmrc`, `config` | `.npmrc` files and `npm_config_*` variables |
//! | `node` | which Node the project wants |
//!
//! Invariant: every setting that changes what is installed is obeyed, or a warning names it. Secrets are never printed.
//! Sources: docs.npmjs.com ("package.json", "npmrc", "config", "workspaces"), pnpm.io ("pnpm-workspace.yaml", "settings",
//! "catalogs"), bun.sh ("workspaces", "catalogs"), yarnpkg.com ("configuration").

pub(crate) mod config;
pub(crate) mod foreign;
pub(crate) mod members;
pub(crate) mod node;
pub(crate) mod npmrc;
pub(crate) mod own;
pub(crate) mod package_json;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod workspace;

#[cfg(test)]
mod config_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wharf_core::{Origin, Span, Timestamp, WebUrl};
use wharf_ecosystem::npm::extensions::PackageExtensions;
use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_ecosystem::npm::overrides::Overrides;
use wharf_ecosystem::npm::peers::PeerRules;
use wharf_ecosystem::npm::platform::MachineWords;
use wharf_ecosystem::npm::registries::Registries;
use wharf_ecosystem::npm::{EdgeKind, Range, Spec};

use crate::approval::ScriptApproval;
use crate::error::ProjectError;
use crate::index::{Declared, NetworkSettings};
use crate::project::Options;
use crate::stated::Stated;

/// The host of the public registry: lockfiles name it, and whoever uses another registry means that one instead.
pub fn public_host() -> Option<String> {
    let url = WebUrl::parse(&crate::config::default_text("npm", "registry")).ok()?;
    url.as_url().host_str().map(str::to_owned)
}

/// Everything of npm that the files of a project say.
#[derive(Clone, Debug)]
pub struct NpmProject {
    /// The project's own folder (path `.`), then the members of its workspace by path.
    pub importers: Vec<NpmImporter>,
    /// What replaces the requirements of others.
    pub overrides: Overrides,
    /// The same, flat and as written: an input of the lock.
    pub override_rules: Vec<StatedRule>,
    /// What is added to the manifests of others.
    pub extensions: PackageExtensions,
    /// The same, flat and as written: an input of the lock.
    pub extension_rules: Vec<StatedRule>,
    /// Which unmet peers are in order.
    pub peer_rules: PeerRules,
    /// The same, flat and as written: an input of the lock.
    pub peer_rule_texts: Vec<StatedRule>,
    /// Where packages are looked for.
    pub registries: Registries,
    /// The same with who says so. What the project says is an input of its lock.
    pub registry_sources: Vec<NpmRegistry>,
    /// What registries are told, by what their URLs begin with.
    pub credentials: Vec<RegistryCredential>,
    /// How npm's registries are reached: the project's settings with what `.npmrc` says above them.
    pub network: NetworkSettings,
    /// How packages are chosen and laid out.
    pub options: NpmOptions,
    /// Which Node the project wants.
    pub node: Option<NodeRequest>,
    /// Whose install scripts may run.
    pub scripts: Vec<ScriptApproval>,
    /// What install scripts find as `npm_config_KEY`: keys of `.npmrc` that are meant for them (`nodedir`, `electron_mirror`).
    pub script_config: BTreeMap<String, String>,
    /// The `packageManager` of its `package.json`: noted, never started.
    pub package_manager: Option<String>,
}

impl NpmProject {
    /// What the machine alone says: registries, logins, network and settings, for looking at packages outside any project.
    ///
    /// # Errors
    /// Where its configuration cannot be used.
    pub fn machine(folder: &Path, options: &Options) -> Result<Self, ProjectError> {
        let folder = std::path::absolute(folder).map_err(ProjectError::reading(folder))?;
        read::machine(
            &folder,
            options,
            &NetworkSettings::default(),
            &mut Stated::default(),
        )
    }

    /// The project's own folder.
    pub fn root(&self) -> &NpmImporter {
        self.importers
            .first()
            .expect("the project itself is always the first importer")
    }

    /// The importer that a folder (absolute) belongs to: the deepest that holds it.
    pub fn importer_at(&self, folder: &Path) -> Option<&NpmImporter> {
        let holding = self
            .importers
            .iter()
            .filter(|importer| folder.starts_with(&importer.folder));
        holding.max_by_key(|importer| importer.folder.components().count())
    }

    /// The importer at a path relative to the project's root.
    pub fn importer(&self, path: &str) -> Option<&NpmImporter> {
        self.importers.iter().find(|importer| importer.path == path)
    }

    /// The optional packages that are not wanted.
    pub fn ignored_optional(&self) -> NamePatterns {
        NamePatterns::new(self.options.ignored_optional.iter().cloned())
    }

    /// Whether anything is to be installed or linked.
    pub fn asks_for_something(&self) -> bool {
        self.importers.len() > 1
            || self
                .importers
                .iter()
                .any(|importer| !importer.requirements.is_empty())
    }
}

/// A folder with requirements of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmImporter {
    /// Relative to the project's root with `/` separators; `.` for the root.
    pub path: String,
    /// The folder, absolute.
    pub folder: PathBuf,
    /// The file that its requirements are written to, absolute: `package.json`, or `wharf.toml` where there is none.
    pub manifest: PathBuf,
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whether it says that it is not to be published.
    pub private: bool,
    /// Its commands: name and path inside the folder.
    pub bin: Vec<(String, String)>,
    /// Its scripts, in the file's order.
    pub scripts: Vec<(String, String)>,
    /// What it needs, in the file's order; no alias stands twice with the same [`NpmRequirement::kind`].
    pub requirements: Vec<NpmRequirement>,
    /// The aliases of those that come inside its archive when it is published (`bundleDependencies`), sorted.
    pub bundled: Vec<String>,
}

impl NpmImporter {
    /// The command line of a script.
    pub fn script(&self, name: &str) -> Option<&str> {
        let found = self.scripts.iter().find(|(key, _)| key == name);
        found.map(|(_, command)| command.as_str())
    }
}

/// Something that an importer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmRequirement {
    /// The name under which it is imported.
    pub alias: String,
    /// What is asked for, as written.
    pub text: String,
    /// What is asked for, catalogs resolved.
    pub spec: Spec,
    /// How much it is needed.
    pub kind: EdgeKind,
    /// Where it is written.
    pub origin: Origin,
}

impl NpmRequirement {
    /// Whether it is optional and among what is not wanted.
    pub fn is_ignored(&self, ignored: &NamePatterns) -> bool {
        self.kind == EdgeKind::Optional && ignored.matches(&self.alias)
    }
}

/// An entry of a table, flat: the keys that lead to it, joined by ` > `, and its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StatedRule {
    /// The keys.
    pub key: String,
    /// The value.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

/// A registry and what it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NpmRegistry {
    /// The scope (`@corp`) whose packages it serves; `None` for all others.
    pub scope: Option<String>,
    /// Its URL, ending in `/`.
    pub url: WebUrl,
    /// Who says so.
    pub declared: Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// What is told to everything below a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryCredential {
    /// What a URL must begin with.
    pub prefix: WebUrl,
    /// What is told.
    pub kind: CredentialKind,
    /// Where it is written.
    pub origin: Origin,
}

/// How somebody is known to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// `_authToken`.
    Bearer(Secret),
    /// `username` and `_password`, or `_auth`.
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `certfile` and `keyfile`.
    ClientCertificate {
        /// A PEM file with the certificate.
        certificate: PathBuf,
        /// A PEM file with its private key.
        key: PathBuf,
    },
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever opens the connection.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How packages are chosen and laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NpmOptions {
    /// How `node_modules` is laid out.
    pub layout: NpmLayout,
    /// Where the packages of an isolated layout lie.
    pub virtual_store: NpmVirtualStore,
    /// Patterns of packages that are linked into the root of `node_modules` although nothing there asks for them; where none are
    /// stated, as the tools of the project need it.
    pub public_hoist: Option<Vec<String>>,
    /// Whether conflicts of peers are errors.
    pub strict_peers: bool,
    /// Whether missing peers are added.
    pub install_peers: bool,
    /// Patterns of packages that tools write into: they get private copies. Unless the project says otherwise, those of Prisma, whose
    /// generator writes a client for each project.
    pub writable: Vec<String>,
    /// Whether a package that says it does not run on the chosen Node is an error.
    pub engine_strict: bool,
    /// Whether development requirements are left out unless asked for.
    pub omit_dev: bool,
    /// Whether optional requirements are left out unless asked for.
    pub omit_optional: bool,
    /// The machines whose packages are installed.
    pub machines: MachineWords,
    /// Patterns of optional requirements, of the project and of packages, that are as if nobody had them.
    pub ignored_optional: Vec<String>,
    /// What stands before a version that is written into a manifest: `^`, `~` or nothing.
    pub save_prefix: String,
    /// npm versions younger than this are left out, besides what the project's policy says.
    pub cooldown: Span,
    /// npm versions published after this are left out, besides what the project's policy says.
    pub exclude_newer: Option<Timestamp>,
}

impl Default for NpmOptions {
    fn default() -> Self {
        Self {
            layout: NpmLayout::default(),
            virtual_store: NpmVirtualStore::default(),
            public_hoist: None,
            strict_peers: false,
            install_peers: true,
            writable: vec!["@prisma/client".to_owned(), "@prisma/engines".to_owned()],
            engine_strict: false,
            omit_dev: false,
            omit_optional: false,
            machines: MachineWords::default(),
            ignored_optional: Vec::new(),
            save_prefix: "^".to_owned(),
            cooldown: Span::default(),
            exclude_newer: None,
        }
    }
}

/// How `node_modules` is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NpmLayout {
    /// Each package sees what it asks for and nothing else.
    #[default]
    Isolated,
    /// Everything as far up as it goes, as npm does it.
    Hoisted,
}

/// Where the packages of an isolated layout lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NpmVirtualStore {
    /// In the store, unless the project has tools that cannot follow links out of it.
    #[default]
    Auto,
    /// In the store, shared by all projects.
    Global,
    /// In the project.
    Project,
}

crate::index::words!(NpmLayout { Isolated = "isolated", Hoisted = "hoisted" });
crate::index::words!(NpmVirtualStore { Auto = "auto", Global = "global", Project = "project" });

/// Which Node a project wants.
#[derive(Clone, Debug)]
pub struct NodeRequest {
    /// The versions that are right.
    pub range: Range,
    /// As written.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}
