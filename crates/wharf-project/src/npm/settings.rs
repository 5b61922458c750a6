//! Settings that `.npmrc`, `npm_config_*`, `pnpm-workspace.yaml` and the `pnpm` field of `package.json` share, and those of
//! `[options.npm]`. The first word on each stands, so that callers read the strongest place first.
//! Sources: docs.npmjs.com "config"; pnpm.io "settings". Invariant: what changes the versions of a lock is taken from the
//! project alone, or the same project would lock differently on another machine.

use wharf_core::{Origin, Span, Timestamp};
use wharf_ecosystem::npm::platform::MachineWords;

use crate::error::ProjectError;
use crate::index::Declared;
use crate::manifest::settings::parse_instant;
use crate::npm::{NpmLayout, NpmOptions, NpmVirtualStore};
use crate::project::Warning;
use crate::text::hide_credentials;

/// One setting with its place.
#[derive(Clone, Debug)]
pub(crate) struct Word<'a> {
    /// In kebab case.
    pub(crate) key: &'a str,
    /// Several for a list.
    pub(crate) values: &'a [String],
    pub(crate) declared: Declared,
    pub(crate) origin: &'a Origin,
}

impl Word<'_> {
    /// An error about the value.
    pub(crate) fn wrong(&self, reason: impl Into<String>) -> ProjectError {
        ProjectError::Setting {
            name: format!("`{}` in {}", self.key, self.origin),
            value: hide_credentials(&self.values.join(", ")),
            reason: reason.into(),
        }
    }

    /// The one value; of a list the last, as npm has it.
    pub(crate) fn text(&self) -> &str {
        self.values.last().map_or("", |value| value.trim())
    }

    /// Whether scripts are told it: keys of the tools that they start, and words from a file to them (`sass_binary_site`), since npm's
    /// own keys have no underscores. What is a login, belongs to a registry or is called as a login is no such word, however the key
    /// begins: scripts see none of them.
    fn is_for_scripts(&self) -> bool {
        if self.origin.file.is_none() {
            return SCRIPTS.contains(&self.key);
        }
        !self.holds_login() && (SCRIPTS.contains(&self.key) || self.declared_for_scripts())
    }

    fn declared_for_scripts(&self) -> bool {
        let key = self.key.to_ascii_lowercase().replace('-', "_");
        let is_secret = SECRETS.iter().any(|end| key.ends_with(end));
        self.key.contains('_') && !key.starts_with('_') && !key.contains(['/', ':', '@']) && !is_secret
    }

    /// Whether the value is a URL with a user, or one without its scheme with a user and a password, as proxies are written.
    fn holds_login(&self) -> bool {
        let text = self.text();
        let host = text.trim_start_matches('/').split(['/', '?', '#']).next();
        let user = host.and_then(|host| host.rsplit_once('@')).map(|(user, _)| user);
        hide_credentials(text) != text || user.is_some_and(|user| user.contains(':'))
    }

    pub(crate) fn boolean(&self) -> Result<bool, ProjectError> {
        match self.text() {
            "true" | "" => Ok(true),
            "false" | "null" => Ok(false),
            _ => Err(self.wrong("it is neither `true` nor `false`")),
        }
    }

    pub(crate) fn number(&self) -> Result<u64, ProjectError> {
        let number: f64 = self.text().parse().unwrap_or(f64::NAN);
        if (0.0..=1e12).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was just checked"
            )]
            return Ok(number as u64);
        }
        Err(self.wrong("it is not a number"))
    }
}

/// What was said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) layout: Option<NpmLayout>,
    pub(crate) virtual_store: Option<NpmVirtualStore>,
    pub(crate) public_hoist: Option<Vec<String>>,
    pub(crate) strict_peers: Option<bool>,
    pub(crate) install_peers: Option<bool>,
    pub(crate) writable: Option<Vec<String>>,
    pub(crate) engine_strict: Option<bool>,
    os: Option<Vec<String>>,
    cpu: Option<Vec<String>>,
    libc: Option<Vec<String>>,
    ignored_optional: Option<Vec<String>>,
    mistaken: Vec<Warning>,
    omit: Option<Vec<String>>,
    include: Vec<String>,
    save_prefix: Option<String>,
    save_exact: Option<bool>,
    cooldown: Option<Span>,
    exclude_newer: Option<Timestamp>,
    /// The Node that pnpm is told to use.
    pub(crate) node: Option<(String, Origin)>,
    /// What scripts find as `npm_config_KEY`.
    pub(crate) script_config: std::collections::BTreeMap<String, String>,
    /// Keys that change what is installed and that are not obeyed, with where they stand.
    pub(crate) ignored: Vec<(String, Origin)>,
    /// Keys that would change the lock, on a machine.
    on_machine: Vec<(String, Origin)>,
}

impl Settings {
    /// Takes in a setting that is no registry, credential or matter of the network.
    ///
    /// # Errors
    /// Where its value cannot be used.
    pub(crate) fn apply(&mut self, word: &Word<'_>) -> Result<(), ProjectError> {
        if LOCKING.contains(&word.key) && word.declared == Declared::Machine {
            self.on_machine.push((word.key.to_owned(), word.origin.clone()));
            return Ok(());
        }
        match word.key {
            "node-linker" => self.node_linker(word)?,
            "install-strategy" => self.install_strategy(word)?,
            "enable-global-virtual-store" => {
                let place = if word.boolean()? {
                    NpmVirtualStore::Global
                } else {
                    NpmVirtualStore::Project
                };
                self.virtual_store.get_or_insert(place);
            }
            "public-hoist-pattern" => {
                let patterns = word.values.iter().filter(|value| !value.is_empty()).cloned();
                self.public_hoist.get_or_insert_with(|| patterns.collect());
            }
            "shamefully-hoist" => {
                if word.boolean()? {
                    self.public_hoist.get_or_insert_with(|| vec!["*".to_owned()]);
                }
            }
            "hoist-pattern" if word.values == ["*"] => {}
            "hoist" if word.boolean()? => {}
            "strict-peer-dependencies" | "strict-peer-deps" => {
                self.strict_peers.get_or_insert(word.boolean()?);
            }
            "auto-install-peers" => _ = self.install_peers.get_or_insert(word.boolean()?),
            "legacy-peer-deps" => {
                if word.boolean()? {
                    self.install_peers.get_or_insert(false);
                    self.strict_peers.get_or_insert(false);
                }
            }
            "engine-strict" => _ = self.engine_strict.get_or_insert(word.boolean()?),
            "omit" => {
                let kinds = word.values.iter().flat_map(|value| value.split([',', ' ']));
                let kinds = kinds.filter(|kind| !kind.is_empty()).map(str::to_owned);
                self.omit.get_or_insert_with(|| kinds.collect());
            }
            "include" => {
                let kinds = word.values.iter().flat_map(|value| value.split([',', ' ']));
                self.include.extend(kinds.map(str::to_owned));
            }
            "only" => {
                if matches!(word.text(), "prod" | "production") {
                    self.omit.get_or_insert_with(|| vec!["dev".to_owned()]);
                }
            }
            "production" => {
                if word.boolean()? {
                    self.omit.get_or_insert_with(|| vec!["dev".to_owned()]);
                }
            }
            "optional" => {
                if !word.boolean()? {
                    self.omit.get_or_insert_with(|| vec!["optional".to_owned()]);
                }
            }
            "os" => self.machines(word, OS),
            "cpu" => self.machines(word, CPU),
            "libc" => self.machines(word, LIBC),
            "ignored-optional-dependencies" => {
                let patterns = word.values.iter().filter(|value| !value.is_empty()).cloned();
                self.ignored_optional.get_or_insert_with(|| patterns.collect());
            }
            "save-prefix" => self.prefix(word)?,
            "save-exact" => _ = self.save_exact.get_or_insert(word.boolean()?),
            "before" => {
                if !matches!(word.text(), "" | "null") {
                    let instant = parse_instant(word.text()).map_err(|reason| word.wrong(reason))?;
                    self.exclude_newer.get_or_insert(instant);
                }
            }
            "min-release-age" => self.age(word.number()?, 86_400),
            "minimum-release-age" => self.age(word.number()?, 60),
            "use-node-version" => {
                self.node
                    .get_or_insert_with(|| (word.text().to_owned(), word.origin.clone()));
            }
            "resolution-mode" if word.text() == "highest" => {}
            "link-workspace-packages" if word.text() != "false" => {}
            "package-import-method" | "registry-supports-time-field" => {}
            key if word.is_for_scripts() => {
                let text = word.text().to_owned();
                // As npm names the variable, however the key is written.
                self.script_config.entry(key.to_ascii_lowercase()).or_insert(text);
            }
            key if is_harmless(key) => {}
            // Whoever starts Wharf from a script has a hundred variables of npm, pnpm or yarn around it.
            key if word.origin.file.is_none() && !NOT_OBEYED.contains(&key) => {}
            key => self.ignored.push((key.to_owned(), word.origin.clone())),
        }
        Ok(())
    }

    fn node_linker(&mut self, word: &Word<'_>) -> Result<(), ProjectError> {
        let layout = match word.text() {
            "isolated" | "pnpm" => NpmLayout::Isolated,
            "hoisted" | "node-modules" => NpmLayout::Hoisted,
            "pnp" => {
                self.ignored
                    .push((format!("{} = pnp", word.key), word.origin.clone()));
                return Ok(());
            }
            _ => return Err(word.wrong("it is neither `isolated` nor `hoisted`")),
        };
        self.layout.get_or_insert(layout);
        Ok(())
    }

    fn install_strategy(&mut self, word: &Word<'_>) -> Result<(), ProjectError> {
        match word.text() {
            "hoisted" => _ = self.layout.get_or_insert(NpmLayout::Hoisted),
            "linked" => _ = self.layout.get_or_insert(NpmLayout::Isolated),
            "nested" | "shallow" => {
                let key = format!("{} = {}", word.key, word.text());
                self.ignored.push((key, word.origin.clone()));
            }
            _ => return Err(word.wrong("it is none of `hoisted`, `linked`, `nested` and `shallow`")),
        }
        Ok(())
    }

    /// Machines to install for: npm's `os`, `cpu` and `libc`, and each list of pnpm's and yarn's `supportedArchitectures`.
    fn machines(&mut self, word: &Word<'_>, mistaken: &[(&str, &str)]) {
        let words = word.values.iter().map(|value| value.trim());
        let words: Vec<&str> = words.filter(|word| !matches!(*word, "" | "null")).collect();
        let place = match word.key {
            "os" => &mut self.os,
            "cpu" => &mut self.cpu,
            _ => &mut self.libc,
        };
        if place.is_some() {
            return;
        }
        let meant = |said: &&str| mistaken.iter().find(|(other, _)| other == said);
        for (said, meant) in words.iter().filter_map(meant) {
            let origin = word.origin.clone();
            self.mistaken.push(Warning {
                code: "npm/architectures",
                message: format!(
                    "`{said}` among the `{}` of {origin} stands for no machine: packages say `{meant}`",
                    word.key
                ),
                origin: Some(origin),
            });
        }
        *place = Some(words.into_iter().map(str::to_owned).collect());
    }

    fn prefix(&mut self, word: &Word<'_>) -> Result<(), ProjectError> {
        let prefix = word.text();
        if !matches!(prefix, "" | "^" | "~" | "=" | ">=" | "null") {
            return Err(word.wrong("it is none of `^`, `~`, `>=` and nothing"));
        }
        let prefix = prefix.trim_start_matches("null").trim_start_matches('=');
        self.save_prefix.get_or_insert_with(|| prefix.to_owned());
        Ok(())
    }

    fn age(&mut self, count: u64, seconds: u64) {
        let span = Span::from_seconds(count.saturating_mul(seconds));
        self.cooldown.get_or_insert(span);
    }

    /// What follows from all that was said.
    pub(crate) fn options(&self) -> NpmOptions {
        let defaults = NpmOptions::default();
        let omits = |kind: &str| {
            let omitted = self.omit.iter().flatten().any(|word| word == kind);
            omitted && !self.include.iter().any(|word| word == kind)
        };
        let prefix = match self.save_exact {
            Some(true) => String::new(),
            Some(false) | None => self.save_prefix.clone().unwrap_or(defaults.save_prefix),
        };
        NpmOptions {
            layout: self.layout.unwrap_or_default(),
            virtual_store: self.virtual_store.unwrap_or_default(),
            public_hoist: self.public_hoist.clone(),
            strict_peers: self.strict_peers.unwrap_or(defaults.strict_peers),
            install_peers: self.install_peers.unwrap_or(defaults.install_peers),
            writable: self.writable.clone().unwrap_or(defaults.writable),
            engine_strict: self.engine_strict.unwrap_or_default(),
            omit_dev: omits("dev"),
            omit_optional: omits("optional"),
            machines: MachineWords {
                os: self.os.clone().unwrap_or_default(),
                cpu: self.cpu.clone().unwrap_or_default(),
                libc: self.libc.clone().unwrap_or_default(),
            },
            ignored_optional: self.ignored_optional.clone().unwrap_or_default(),
            save_prefix: prefix,
            cooldown: self.cooldown.unwrap_or_default(),
            exclude_newer: self.exclude_newer,
        }
    }

    /// What was passed over, in words: one warning for each file.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.mistaken.clone();
        for (file, keys, origin) in by_file(&self.ignored) {
            warnings.push(Warning {
                code: "npm/ignored-settings",
                message: format!("Wharf does not obey these settings of {file}: {keys}"),
                origin: Some(origin),
            });
        }
        for (file, keys, origin) in by_file(&self.on_machine) {
            warnings.push(Warning {
                code: "npm/machine-settings",
                message: format!(
                    "these settings of {file} would change the lock on this machine only, and are not obeyed: {keys} \
                     (write them into the project's own .npmrc)"
                ),
                origin: Some(origin),
            });
        }
        warnings
    }
}

/// Keys joined for each place that they stand in, in order.
fn by_file(keys: &[(String, Origin)]) -> Vec<(String, String, Origin)> {
    let mut files: Vec<(String, Vec<String>, Origin)> = Vec::new();
    for (key, origin) in keys {
        let file = match &origin.file {
            Some(file) => file.display().to_string(),
            None => "the environment".to_owned(),
        };
        let word = format!("`{key}`");
        match files.iter_mut().find(|(known, _, _)| *known == file) {
            Some((_, words, _)) if words.contains(&word) => {}
            Some((_, words, _)) => words.push(word),
            None => files.push((file, vec![word], origin.clone())),
        }
    }
    let joined = files.into_iter();
    joined
        .map(|(file, words, origin)| (file, words.join(", "), origin))
        .collect()
}

/// Keys that change which versions are locked.
const LOCKING: &[&str] = &[
    "before",
    "min-release-age",
    "minimum-release-age",
    "legacy-peer-deps",
    "auto-install-peers",
    "ignored-optional-dependencies",
];

/// Whether a key decides what is installed, how it lies, or what its install scripts find.
pub(crate) fn is_for_installing(key: &str) -> bool {
    INSTALLING.contains(&key) || SCRIPTS.contains(&key)
}

/// Keys that decide what is installed from a lock, or how it lies.
const INSTALLING: &[&str] = &[
    "node-linker",
    "install-strategy",
    "enable-global-virtual-store",
    "public-hoist-pattern",
    "shamefully-hoist",
    "omit",
    "include",
    "only",
    "production",
    "optional",
    "os",
    "cpu",
    "libc",
    "engine-strict",
    "use-node-version",
    "strict-peer-deps",
    "strict-peer-dependencies",
];

/// Names of systems that others use, and node's.
const OS: &[(&str, &str)] = &[
    ("macos", "darwin"),
    ("osx", "darwin"),
    ("mac", "darwin"),
    ("windows", "win32"),
    ("win64", "win32"),
];

/// Names of processors that others use, and node's.
const CPU: &[(&str, &str)] = &[
    ("x86_64", "x64"),
    ("amd64", "x64"),
    ("aarch64", "arm64"),
    ("x86", "ia32"),
    ("i386", "ia32"),
    ("i686", "ia32"),
];

/// Names of C libraries that others use, and npm's.
const LIBC: &[(&str, &str)] = &[("gnu", "glibc")];

/// Keys that change what is installed, and that are named even where they come from a variable.
const NOT_OBEYED: &[&str] = &[
    "global-style",
    "hoist",
    "hoist-pattern",
    "install-links",
    "legacy-bundling",
    "link-workspace-packages",
    "lockfile-dir",
    "modules-dir",
    "resolution-mode",
    "virtual-store-dir",
];

/// Keys that tools which install scripts start look for.
const SCRIPTS: &[&str] = &[
    "nodedir",
    "python",
    "node-gyp",
    "devdir",
    "node-options",
    "msvs-version",
    "disturl",
    "arch",
    "target-arch",
];

/// How keys end that are called as a login.
const SECRETS: &[&str] = &["auth", "token", "password", "passwd", "secret", "_key"];

/// Whether a key that scripts are told is none of Wharf's own, so that a Wharf which they start goes by the same words as the first.
pub(crate) fn is_for_scripts_alone(key: &str) -> bool {
    !is_for_installing(key)
        && ![LOCKING, NOT_OBEYED, OTHERS]
            .iter()
            .any(|keys| keys.contains(&key))
}

/// More keys of several words that Wharf obeys.
const OTHERS: &[&str] = &[
    "https-proxy",
    "http-proxy",
    "no-proxy",
    "strict-ssl",
    "fetch-retries",
    "fetch-timeout",
    "save-prefix",
    "save-exact",
];

/// Keys that matter to the tool that they belong to and change nothing that Wharf installs.
fn is_harmless(key: &str) -> bool {
    HARMLESS.contains(&key) || key.starts_with("init") || key.starts_with("//") || key.starts_with("node-gyp")
}

#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    // npm
    "access", "access-token", "all", "allow-same-version", "also", "always-auth", "audit", "audit-level", "auth-type",
    "bin-links", "browser", "bypass-2fa", "cache", "cache-max", "cache-min", "call", "cidr", "color", "commit-hooks",
    "depth", "description", "diff", "dry-run", "editor", "email", "expect-result-count", "expect-results",
    "expires", "fetch-retry-factor", "fetch-retry-maxtimeout", "fetch-retry-mintimeout", "force", "foreground-scripts",
    "format-package-lock", "fund", "git", "git-tag-version", "global", "globalconfig", "global-prefix", "heading",
    "https-proxy-agent", "if-present", "ignore-scripts", "json", "key", "local-address", "local-prefix", "location",
    "lockfile-version", "loglevel", "logs-dir", "logs-max", "long", "message", "metrics-registry",
    "noproxy", "npm-version", "npm-globalconfig", "onload-script", "otp", "pack-destination", "package",
    "package-lock", "package-lock-only", "parseable", "prefer-dedupe", "prefer-offline", "prefer-online", "prefix",
    "preid", "progress", "provenance", "provenance-file", "proprietary-attribs", "read-only",
    "rebuild-bundle", "recursive", "replace-registry-host", "save", "save-bundle", "save-dev", "save-optional",
    "save-peer", "save-prod", "sbom-format", "sbom-type", "scope", "script-shell", "scripts-prepend-node-path",
    "searchexclude", "searchlimit", "searchopts", "searchstaleness", "send-metrics", "shell", "shrinkwrap",
    "sign-git-commit", "sign-git-tag", "sso-poll-frequency", "sso-type", "tag", "tag-version-prefix", "timing", "tmp",
    "umask", "unicode", "update-notifier", "usage", "user", "user-agent", "userconfig", "version", "versions", "viewer",
    "which", "workspace", "workspaces", "workspaces-update", "yes", "omit-lockfile-registry-resolved", "noproxy-hosts",
    "allow-unused-patches", "expand-workspaces", "dev", "ham-it-up", "argv", "unsafe-perm",
    // pnpm
    "aggregate-output", "allowed-deprecated-versions", "audit-config", "auth-ini", "bail", "block-exotic-subdeps",
    "cache-dir", "catalog-mode", "changed-files-ignore-pattern", "child-concurrency", "ci", "cleanup-unused-catalogs",
    "dangerously-allow-all-builds", "dedupe-direct-deps", "dedupe-injected-deps", "dedupe-peer-dependents", "dedupe-peers",
    "deploy-all-files", "disallow-workspace-cycles", "embed-readme", "enable-modules-dir", "enable-pre-post-scripts",
    "execution-env", "exclude-links-from-lockfile", "extend-node-path", "fail-if-no-match", "fetching-concurrency",
    "fetch-min-speed-ki-bps", "fetch-warn-timeout-ms", "filter-prod", "frozen-lockfile", "git-branch-lockfile",
    "git-checks", "git-shallow-hosts", "global-bin-dir", "global-dir", "hoist-workspace-packages",
    "hoisting-limits", "ignore-compatibility-db", "ignore-dep-scripts", "ignore-workspace-cycles",
    "ignore-workspace-root-check", "include-workspace-root", "legacy-dir-filtering", "lockfile",
    "lockfile-include-tarball-url", "manage-package-manager-versions", "merge-git-branch-lockfiles-branch-pattern",
    "modules-cache-max-age", "dlx-cache-max-age", "network-concurrency", "npm-path", "node-download-mirrors",
    "node-mirror", "npmrc-auth-file", "optimistic-repeat-install", "package-manager-strict",
    "package-manager-strict-version", "patches-dir", "peers-suffix-max-length", "pnpmfile", "global-pnpmfile",
    "prefer-frozen-lockfile", "prefer-symlinked-executables", "prefer-workspace-packages", "publish-branch",
    "recursive-install", "reporter", "required-scripts", "save-catalog-name", "save-workspace-protocol",
    "script-shell", "shared-workspace-lockfile", "shell-emulator", "side-effects-cache", "side-effects-cache-readonly",
    "sort", "state-dir", "store-dir", "strict-dep-builds", "strict-store-pkg-content-check", "symlink", "sync-injected-deps-after-scripts",
    "test-pattern", "unsafe-perm", "update-config", "use-beta-cli", "use-lockfile-v6", "use-stderr", "verify-deps-before-run",
    "verify-store-integrity", "virtual-store-dir-max-length", "workspace-concurrency", "fix-lockfile", "confirm-modules-purge",
    "ignored-workspace-state-settings", "catalog-prune", "minimum-release-age-exclude-prune", "ignore-patch-failures", "minimum-release-age-ignore-missing-time",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn apply(settings: &mut Settings, key: &str, values: &[&str], declared: Declared) -> Result<(), String> {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let origin = Origin::file(Path::new(".npmrc"), 1, 1);
        let word = Word {
            key,
            values: &values,
            declared,
            origin: &origin,
        };
        settings.apply(&word).map_err(|error| error.to_string())
    }

    fn options(words: &[(&str, &[&str])]) -> NpmOptions {
        let mut settings = Settings::default();
        for (key, values) in words {
            apply(&mut settings, key, values, Declared::Project).unwrap();
        }
        assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());
        settings.options()
    }

    #[test]
    fn the_first_word_stands() {
        let read = options(&[
            ("node-linker", &["hoisted"]),
            ("node-linker", &["isolated"]),
            ("shamefully-hoist", &["true"]),
            ("public-hoist-pattern", &["*eslint*", "*types*"]),
        ]);
        assert_eq!(
            (read.layout, read.public_hoist),
            (NpmLayout::Hoisted, Some(vec!["*".to_owned()]))
        );
        let read = options(&[("legacy-peer-deps", &["true"]), ("strict-peer-deps", &["true"])]);
        assert!(!read.install_peers && !read.strict_peers);
        let read = options(&[("omit", &["dev", "optional"]), ("include", &["optional"])]);
        assert!(read.omit_dev && !read.omit_optional);
        assert_eq!(options(&[("save-prefix", &["~"])]).save_prefix, "~");
        assert_eq!(
            options(&[("save-prefix", &["~"]), ("save-exact", &["true"])]).save_prefix,
            ""
        );
        let read = options(&[("min-release-age", &["3"]), ("before", &["2026-01-31"])]);
        assert_eq!(read.cooldown.seconds(), 3 * 86_400);
        assert_eq!(
            read.exclude_newer.map(|at| at.to_string()).as_deref(),
            Some("2026-02-01T00:00:00Z")
        );
        assert_eq!(
            options(&[("minimum-release-age", &["1440"])]).cooldown.seconds(),
            86_400
        );
    }

    #[test]
    fn what_is_not_obeyed_is_named_once() {
        let mut settings = Settings::default();
        for key in [
            "modules-dir",
            "modules-dir",
            "install-strategy",
            "node-linker",
            "fund",
        ] {
            let value = if key == "node-linker" { "pnp" } else { "nested" };
            apply(&mut settings, key, &[value], Declared::Project).unwrap();
        }
        apply(&mut settings, "legacy-peer-deps", &["true"], Declared::Machine).unwrap();
        let messages: Vec<_> = settings
            .warnings()
            .into_iter()
            .map(|warning| warning.message)
            .collect();
        assert_eq!(
            messages,
            [
                "Wharf does not obey these settings of .npmrc: `modules-dir`, `install-strategy = nested`, `node-linker = pnp`",
                "these settings of .npmrc would change the lock on this machine only, and are not obeyed: `legacy-peer-deps` (write them into the project's own .npmrc)",
            ]
        );
        assert!(settings.options().install_peers);
    }

    #[test]
    fn machines_by_npms_own_keys() {
        let read = options(&[
            ("cpu", &["arm64"]),
            ("cpu", &["x64"]),
            ("libc", &["musl"]),
            ("os", &["null"]),
        ]);
        let expected = MachineWords {
            os: Vec::new(),
            cpu: vec!["arm64".to_owned()],
            libc: vec!["musl".to_owned()],
        };
        assert_eq!(read.machines, expected);
        assert_eq!(options(&[]).machines, MachineWords::default());
        let mut settings = Settings::default();
        for (key, values) in [("os", &["current", "macos"][..]), ("cpu", &["x64", "aarch64"])] {
            apply(&mut settings, key, values, Declared::Project).unwrap();
        }
        let warnings = settings.warnings().into_iter().map(|warning| warning.message);
        assert_eq!(
            warnings.collect::<Vec<_>>(),
            [
                "`macos` among the `os` of .npmrc:1 stands for no machine: packages say `darwin`",
                "`aarch64` among the `cpu` of .npmrc:1 stands for no machine: packages say `arm64`",
            ]
        );
    }

    #[test]
    fn a_mistaken_machine_is_told_where_it_counts() {
        let mut settings = Settings::default();
        for values in [&["macos", "x11", "windows"][..], &["win64"]] {
            apply(&mut settings, "os", values, Declared::Project).unwrap();
        }
        let warnings = settings.warnings().into_iter().map(|warning| warning.message);
        assert_eq!(
            warnings.collect::<Vec<_>>(),
            [
                "`macos` among the `os` of .npmrc:1 stands for no machine: packages say `darwin`",
                "`windows` among the `os` of .npmrc:1 stands for no machine: packages say `win32`",
            ],
            "the second list is overridden"
        );
    }

    #[test]
    fn values_that_cannot_be_used_are_refused() {
        for (key, value, expected) in [
            (
                "node-linker",
                "flat",
                "`node-linker` in .npmrc:1 is set to `flat`: it is neither `isolated` nor `hoisted`",
            ),
            ("engine-strict", "yes", "it is neither `true` nor `false`"),
            ("min-release-age", "week", "it is not a number"),
            ("before", "soon", "is neither a date"),
            ("save-prefix", "<", "it is none of"),
        ] {
            let error = apply(&mut Settings::default(), key, &[value], Declared::Project).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
