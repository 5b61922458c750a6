//! What pnpm, yarn and bun let a project say beside npm's own words: `pnpm-workspace.yaml`, the `pnpm` key, `.yarnrc.yml`,
//! `trustedDependencies` and more. Invariant: what changes what is installed is obeyed, or a warning names it.

use std::path::Path;

use percent_encoding::percent_decode_str;
use wharf_core::{Origin, Span};

use crate::error::{Invalid, ProjectError};
use crate::json::{self, Dialect};
use crate::npm::config::Layers;
use crate::npm::read::Sources;
use crate::npm::rules::{Notation, Rules};
use crate::npm::workspace::{Catalogs, PNPM};
use crate::project::Warning;
use crate::stated::Stated;
use crate::table::{self, Value as TomlValue};
use crate::text::SourceText;
use crate::yaml::{self, Node, Value};

/// Reads what stands at the project's root, strongest first.
pub(crate) fn read(
    sources: &Sources<'_>,
    catalogs: &Catalogs,
    rules: &mut Rules,
    machine: &mut Layers<'_>,
    stated: &mut Stated,
) -> Result<(), ProjectError> {
    let mut reader = Reader {
        catalogs,
        rules,
        machine,
        stated,
    };
    if let Some((source, root)) = sources.pnpm {
        reader.pnpm(source, root)?;
    }
    if let Some((source, root)) = sources.package {
        if let Some(pnpm) = root.get("pnpm") {
            reader.pnpm(source, pnpm)?;
        }
        reader.package(source, root)?;
    }
    if let Some((source, root)) = sources.yarn {
        reader.yarn(source, root)?;
    }
    if let Some(source) = sources.bun {
        reader.bun(source)?;
    }
    Ok(())
}

/// Reads the words of `pnpm-workspace.yaml` that are settings of npm's, without the project. What cannot be read or used says nothing.
pub(crate) fn words_of_pnpm(root: &Path, machine: &mut Layers<'_>) {
    let Ok(text) = std::fs::read_to_string(root.join(PNPM)) else {
        return;
    };
    let source = SourceText::new(Path::new(PNPM), &text);
    let Ok(node) = yaml::parse(&source) else {
        return;
    };
    for (key, value) in node.map().unwrap_or_default() {
        if let (Some(name), Value::Text { text, .. }) = (key.text(), &value.value) {
            let values = [text.clone().into_owned()];
            let _ = machine.project_setting(&kebab(name), &values, source.origin(key.span.start));
        }
    }
}

/// Names what only counts at the root of a workspace, and stands in a member.
pub(crate) fn check_member(source: &SourceText, stated: &mut Stated) -> Result<(), Invalid> {
    let root = json::parse(source, Dialect::Strict)?;
    for key in ["overrides", "resolutions", "pnpm"] {
        if let Some(node) = root
            .get(key)
            .filter(|node| node.map().is_some_and(|map| !map.is_empty()))
        {
            let origin = source.origin(node.span.start);
            let message =
                format!("`{key}` in {origin} has no effect: it counts at the root of the workspace");
            stated.warn("npm/not-the-root", message, origin);
        }
    }
    warn_of_meta(source, &root, stated);
    Ok(())
}

/// What yarn's `patch:PACKAGE@SPEC#FILE` patches, without the patch, under the name `alias`; `None` where a text is no patch.
pub(crate) fn without_patch(alias: &str, text: &str) -> Option<String> {
    let inner = text.strip_prefix("patch:")?;
    let inner = inner.split('#').next().unwrap_or(inner);
    let (at, _) = inner.char_indices().skip(1).find(|(_, c)| *c == '@')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (name, spec) = (decoded(&inner[..at]), decoded(&inner[at + 1..]));
    // A patch of a patch.
    if let Some(inner) = without_patch(alias, &spec) {
        return Some(inner);
    }
    // The package's own name counts where it stands under another one.
    let range = spec.strip_prefix("npm:").unwrap_or(&spec);
    let is_bare = !range.contains([':', '@', '/']);
    Some(match name != alias && is_bare {
        true => format!("npm:{name}@{range}"),
        false => spec,
    })
}

/// Says that packages are taken without their patches.
pub(crate) fn patch_warning(names: &[&str], origin: Origin) -> Warning {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Warning {
        code: "npm/patch",
        message: format!(
            "these packages are installed without their patches ({origin}), since Wharf applies none: {}",
            names.join(", ")
        ),
        origin: Some(origin),
    }
}

struct Reader<'a, 'm> {
    catalogs: &'a Catalogs,
    rules: &'a mut Rules,
    machine: &'a mut Layers<'m>,
    stated: &'a mut Stated,
}

impl Reader<'_, '_> {
    /// `pnpm-workspace.yaml`, or the `pnpm` key of a `package.json`: the same keys.
    fn pnpm(&mut self, source: &SourceText, node: &Node<'_>) -> Result<(), ProjectError> {
        for (key, value) in node.map().unwrap_or_default() {
            let origin = || source.origin(key.span.start);
            match key.text().unwrap_or_default() {
                "packages" | "catalog" | "catalogs" | "packageManager" => {}
                "overrides" => self
                    .rules
                    .overrides(Notation::Pnpm, source, value, self.catalogs)?,
                "packageExtensions" => self.rules.extensions(source, value)?,
                "peerDependencyRules" => self.rules.peers(source, value)?,
                "onlyBuiltDependencies" | "allowBuilds" | "onlyBuiltDependenciesFile" => {
                    self.approvals(value, origin());
                }
                "neverBuiltDependencies" | "ignoredBuiltDependencies" => {}
                "patchedDependencies" => self.patches(value, origin()),
                "registries" => self.registries(value, origin())?,
                "supportedArchitectures" => self.architectures(source, key, value)?,
                "allowUnusedPatches" | "allowNonAppliedPatches" => {}
                name => self.setting(&kebab(name), value, origin())?,
            }
        }
        Ok(())
    }

    fn setting(&mut self, key: &str, value: &Node<'_>, origin: Origin) -> Result<(), ProjectError> {
        let values = match &value.value {
            Value::Null => return Ok(()),
            Value::Text { text, .. } => vec![text.clone().into_owned()],
            Value::List(nodes) => nodes.iter().filter_map(Node::text).map(str::to_owned).collect(),
            Value::Map(_) => vec![String::new()],
        };
        self.machine.project_setting(key, &values, origin)
    }

    /// `supportedArchitectures: { os: [current, win32], cpu: …, libc: … }`, of pnpm and of yarn.
    fn architectures(
        &mut self,
        source: &SourceText,
        key: &Node<'_>,
        value: &Node<'_>,
    ) -> Result<(), ProjectError> {
        let entries = match &value.value {
            Value::Null => return Ok(()),
            Value::Map(entries) => entries,
            Value::Text { .. } | Value::List(_) => {
                let message =
                    "`supportedArchitectures` must be an object of the lists `os`, `cpu` and `libc`";
                let error = Invalid::new(source, value.span.clone(), "npm/architectures", message);
                return Err(error
                    .hint("write for example `supportedArchitectures: { os: [current, win32] }`")
                    .into());
            }
        };
        for (field, words) in entries {
            let field = field.text().unwrap_or_default();
            let origin = source.origin(key.span.start);
            match field {
                "os" | "cpu" | "libc" => self.setting(field, words, origin)?,
                _ => {
                    let unknown = format!("supportedArchitectures.{field}");
                    self.machine.settings.ignored.push((unknown, origin));
                }
            }
        }
        Ok(())
    }

    /// `registries: { default: URL, "@scope": URL }`.
    fn registries(&mut self, value: &Node<'_>, origin: Origin) -> Result<(), ProjectError> {
        for (scope, url) in value.map().unwrap_or_default() {
            let key = match scope.text().unwrap_or_default() {
                "default" => "registry".to_owned(),
                scope => format!("{scope}:registry"),
            };
            self.setting(&key, url, origin.clone())?;
        }
        Ok(())
    }

    /// Who may run install scripts elsewhere. Here a name is not enough.
    fn approvals(&mut self, value: &Node<'_>, origin: Origin) {
        let listed = value.list().unwrap_or_default().iter().filter_map(Node::text);
        let mapped = value.map().unwrap_or_default().iter();
        let mapped = mapped.filter(|(_, allowed)| allowed.boolean() == Some(true));
        let names: Vec<&str> = listed.chain(mapped.filter_map(|(name, _)| name.text())).collect();
        let approved = |name: &str| {
            let start = format!("npm:{name}");
            let scripts = &self.stated.policy.scripts;
            scripts
                .iter()
                .any(|script| *script == start || script.starts_with(&format!("{start}@")))
        };
        let open: Vec<String> = names
            .iter()
            .filter(|name| !approved(name))
            .map(|name| format!("`npm:{name}`"))
            .collect();
        if !open.is_empty() {
            let message = format!(
                "install scripts that {origin} allows do not run by that; `wharf approve` lets those run that are needed: {}",
                open.join(", ")
            );
            self.stated.warn("npm/scripts", message, origin);
        }
    }

    fn patches(&mut self, value: &Node<'_>, origin: Origin) {
        let entries = value.map().unwrap_or_default();
        let names: Vec<&str> = entries.iter().filter_map(|(name, _)| name.text()).collect();
        if !names.is_empty() {
            self.stated.warnings.push(patch_warning(&names, origin));
        }
    }

    /// The keys of a root's `package.json` that belong to npm, yarn and bun.
    fn package(&mut self, source: &SourceText, root: &Node<'_>) -> Result<(), ProjectError> {
        if let Some(node) = root.get("overrides") {
            self.rules.overrides(Notation::Npm, source, node, self.catalogs)?;
        }
        if let Some(node) = root.get("resolutions") {
            self.rules
                .overrides(Notation::Yarn, source, node, self.catalogs)?;
        }
        let origin = |node: &Node<'_>| source.origin(node.span.start);
        if let Some(node) = root.get("trustedDependencies") {
            self.approvals(node, origin(node));
        }
        if let Some(node) = root.get("patchedDependencies") {
            self.patches(node, origin(node));
        }
        let nohoist = root
            .get("workspaces")
            .and_then(|workspaces| workspaces.get("nohoist"));
        if let Some(node) = nohoist.filter(|node| node.list().is_some_and(|list| !list.is_empty())) {
            let message = format!(
                "`nohoist` in {} is not obeyed: the isolated layout hoists nothing",
                origin(node)
            );
            self.stated.warn("npm/ignored-settings", message, origin(node));
        }
        warn_of_meta(source, root, self.stated);
        Ok(())
    }

    /// `.yarnrc.yml`.
    fn yarn(&mut self, source: &SourceText, root: &Node<'_>) -> Result<(), ProjectError> {
        for (key, value) in root.map().unwrap_or_default() {
            let origin = source.origin(key.span.start);
            match key.text().unwrap_or_default() {
                "packageExtensions" => self.rules.extensions(source, value)?,
                "supportedArchitectures" => self.architectures(source, key, value)?,
                "npmRegistryServer" => self.setting("registry", value, origin)?,
                "npmScopes" => self.yarn_scopes(value, &origin)?,
                // Plug'n'play is yarn's default, so that naming it says nothing new.
                "nodeLinker" if value.text() == Some("pnp") => {}
                "nodeLinker" => self.setting("node-linker", value, origin)?,
                "defaultSemverRangePrefix" => self.setting("save-prefix", value, origin)?,
                "npmMinimalAgeGate" => self.yarn_age(value, origin)?,
                "caFilePath" | "httpsCaFilePath" => self.setting("cafile", value, origin)?,
                "httpProxy" => self.setting("proxy", value, origin)?,
                "httpsProxy" => self.setting("https-proxy", value, origin)?,
                "enableStrictSsl" => self.setting("strict-ssl", value, origin)?,
                name if YARN_IGNORED.contains(&name) => {
                    self.machine.settings.ignored.push((name.to_owned(), origin));
                }
                // Everything else steers yarn alone: its cache, its output, its checks, its plugins.
                _ => {}
            }
        }
        Ok(())
    }

    /// Minutes, or a span such as `3d`.
    fn yarn_age(&mut self, value: &Node<'_>, origin: Origin) -> Result<(), ProjectError> {
        let text = value.text().unwrap_or_default();
        let minutes = match text.parse::<Span>() {
            Ok(span) => (span.seconds() / 60).to_string(),
            Err(_) => text.to_owned(),
        };
        self.machine
            .project_setting("minimum-release-age", &[minutes], origin)
    }

    fn yarn_scopes(&mut self, value: &Node<'_>, origin: &Origin) -> Result<(), ProjectError> {
        for (scope, settings) in value.map().unwrap_or_default() {
            let scope = scope.text().unwrap_or_default();
            if let Some(url) = settings.get("npmRegistryServer") {
                self.setting(&format!("@{scope}:registry"), url, origin.clone())?;
            }
            if settings
                .get("npmAuthToken")
                .or(settings.get("npmAuthIdent"))
                .is_some()
            {
                let key = format!("npmScopes.{scope}.npmAuthToken");
                self.machine.settings.ignored.push((key, origin.clone()));
            }
        }
        Ok(())
    }
}

/// What of bun's `[install]` is obeyed: its key, and npm's or pnpm's word for it.
const BUN: &[(&str, &str)] = &[
    ("exact", "save-exact"),
    ("peer", "auto-install-peers"),
    ("linker", "node-linker"),
];

/// Keys of bun's `[install]` that steer bun alone.
const BUN_HARMLESS: &[&str] = &[
    "cache",
    "lockfile",
    "frozenLockfile",
    "dryRun",
    "auto",
    "logLevel",
    "globalDir",
    "globalBinDir",
    "saveTextLockfile",
    "linkWorkspacePackages",
    "concurrentScripts",
    "security",
    "prefer",
    "optional",
    "dev",
    "production",
    "hoistPattern",
];

impl Reader<'_, '_> {
    /// `bunfig.toml`: of its `[install]` registries, scopes and a few settings. One that is malformed is bun's own affair.
    fn bun(&mut self, source: &SourceText) -> Result<(), ProjectError> {
        let Ok(document) = table::parse(source) else {
            return Ok(());
        };
        let Some(install) = document
            .get("install")
            .and_then(|install| install.get_ref().as_table())
        else {
            return Ok(());
        };
        for (key, value) in install {
            let origin = source.origin(key.span().start);
            match key.get_ref().as_ref() {
                "registry" => self.bun_registry("registry", value, &origin)?,
                "scopes" => {
                    for (scope, value) in value.get_ref().as_table().into_iter().flatten() {
                        let scope = scope.get_ref().trim_start_matches('@');
                        self.bun_registry(&format!("@{scope}:registry"), value, &origin)?;
                    }
                }
                "minimumReleaseAge" => {
                    let seconds = plain(value)
                        .and_then(|text| text.parse::<u64>().ok())
                        .unwrap_or_default();
                    let minutes = seconds.div_ceil(60).to_string();
                    self.machine
                        .project_setting("minimum-release-age", &[minutes], origin)?;
                }
                name => match (BUN.iter().find(|(own, _)| *own == name), plain(value)) {
                    (Some((_, word)), Some(text)) => self.machine.project_setting(word, &[text], origin)?,
                    _ if BUN_HARMLESS.contains(&name) => {}
                    _ => self
                        .machine
                        .settings
                        .ignored
                        .push((format!("install.{name}"), origin)),
                },
            }
        }
        Ok(())
    }

    /// A URL, or a table with `url` and a login, which belongs into `.npmrc`.
    fn bun_registry(
        &mut self,
        key: &str,
        value: &TomlValue<'_>,
        origin: &Origin,
    ) -> Result<(), ProjectError> {
        let table = value.get_ref().as_table();
        let url = plain(value).or_else(|| plain(table?.get("url")?));
        for login in ["token", "username", "password"] {
            if table.is_some_and(|table| table.get(login).is_some()) {
                self.machine
                    .settings
                    .ignored
                    .push((format!("install.{login}"), origin.clone()));
            }
        }
        match url {
            Some(url) => self.machine.project_setting(key, &[url], origin.clone()),
            None => Ok(()),
        }
    }
}

/// A scalar of TOML as text.
fn plain(value: &TomlValue<'_>) -> Option<String> {
    let value = value.get_ref();
    let number = || value.as_integer().map(|number| number.as_str().to_owned());
    let truth = || value.as_bool().map(|truth| truth.to_string());
    value.as_str().map(str::to_owned).or_else(number).or_else(truth)
}

/// Settings of yarn that change what is installed, or who is let in.
const YARN_IGNORED: &[&str] = &[
    "npmAuthToken",
    "npmAuthIdent",
    "npmRegistries",
    "nmHoistingLimits",
    "networkSettings",
    "npmPreapprovedPackages",
];

/// `dependenciesMeta`: `injected` of pnpm and `unplugged`, `built` of yarn. The first changes what is installed.
fn warn_of_meta(source: &SourceText, root: &Node<'_>, stated: &mut Stated) {
    let Some(meta) = root.get("dependenciesMeta") else {
        return;
    };
    let injected = meta.map().unwrap_or_default().iter();
    let injected = injected.filter(|(_, meta)| meta.get("injected").and_then(Node::boolean) == Some(true));
    let names: Vec<String> = injected
        .filter_map(|(name, _)| Some(format!("`{}`", name.text()?)))
        .collect();
    if !names.is_empty() {
        let origin = source.origin(meta.span.start);
        let message = format!(
            "`injected` of `dependenciesMeta` in {origin} is not obeyed: these are linked: {}",
            names.join(", ")
        );
        stated.warn("npm/ignored-settings", message, origin);
    }
}

/// `publicHoistPattern` is `public-hoist-pattern`.
fn kebab(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            key.push('-');
            key.push(c.to_ascii_lowercase());
        } else {
            key.push(c);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_come_off() {
        for (alias, text, expected) in [
            ("lodash", "^1.0.0", None),
            (
                "lodash",
                "patch:lodash@npm%3A4.17.21#./x.patch",
                Some("npm:4.17.21"),
            ),
            (
                "@s/a",
                "patch:@s/a@^1.0.0#~/p.patch::version=1.0.0",
                Some("^1.0.0"),
            ),
            ("a", "patch:a@patch%3Aa@npm%253A1.0.0%23x#y", Some("npm:1.0.0")),
            // Under another name it is still the package of its own.
            (
                "old",
                "patch:lodash@npm%3A4.17.21#./x.patch",
                Some("npm:lodash@4.17.21"),
            ),
            ("b", "patch:@s/a@^1.0.0#~/p.patch", Some("npm:@s/a@^1.0.0")),
            ("b", "patch:a@npm%3Ac@1#x", Some("npm:c@1")),
        ] {
            assert_eq!(without_patch(alias, text).as_deref(), expected, "{alias} {text}");
        }
        assert_eq!(kebab("publicHoistPattern"), "public-hoist-pattern");
    }
}
