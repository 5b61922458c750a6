//! What is installed, found as node finds it: from a package's real folder upwards through every `node_modules`.
//!
//! Invariant: nothing here knows how anything was installed; only folders, links and `package.json` files count.
//! Source: nodejs.org, "Modules: CommonJS modules", LOAD_NODE_MODULES and NODE_MODULES_PATHS (symbolic links are resolved
//! before the lookup).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One folder with a `package.json` that something reaches.
#[derive(Debug, Clone)]
pub struct Module {
    /// Where it really is.
    pub folder: PathBuf,
    /// Its name; empty where it says none.
    pub name: String,
    /// Its version; empty where it says none.
    pub version: String,
    /// Whether it is the project or a member of its workspace.
    pub importer: bool,
    /// Its `package.json`.
    pub manifest: Value,
}

impl Module {
    /// `name version`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// How much a module says that it needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedKind {
    /// `dependencies`.
    Prod,
    /// `devDependencies`, of importers only.
    Dev,
    /// `optionalDependencies`.
    Optional,
    /// `peerDependencies`.
    Peer,
    /// `peerDependencies` that `peerDependenciesMeta` calls optional.
    OptionalPeer,
}

/// A need and what answers it. Modules are positions in [`Modules::found`].
#[derive(Debug, Clone)]
pub struct Link {
    /// Who needs it.
    pub from: usize,
    /// The name under which it is imported.
    pub alias: String,
    /// The specifier as the `package.json` has it.
    pub spec: String,
    /// How much it is needed.
    pub kind: NeedKind,
    /// What node finds, if anything.
    pub to: Option<usize>,
}

/// Everything that a project reaches.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    /// The modules: importers first, then in the order in which they are reached.
    pub found: Vec<Module>,
    /// The needs of all of them.
    pub links: Vec<Link>,
}

impl Modules {
    /// Reads the project at `root` and the members of its workspace, given as folders below it.
    ///
    /// # Errors
    /// With a description, when a `package.json` that is reached cannot be read.
    pub fn read(root: &Path, members: &[&str]) -> Result<Self, String> {
        let mut modules = Self::default();
        let mut known = BTreeMap::new();
        for folder in [""].iter().chain(members) {
            let index = modules.add(&root.join(folder), &mut known)?;
            modules.found[index].importer = true;
        }
        let mut queue: VecDeque<usize> = (0..modules.found.len()).collect();
        while let Some(from) = queue.pop_front() {
            for (alias, spec, kind) in needs(&modules.found[from]) {
                let before = modules.found.len();
                let to = match lookup(&modules.found[from].folder, &alias) {
                    Some(folder) => Some(modules.add(&folder, &mut known)?),
                    None => None,
                };
                // Another project's tree is not walked: a link may lead anywhere.
                queue.extend(to.filter(|index| *index >= before));
                modules.links.push(Link {
                    from,
                    alias,
                    spec,
                    kind,
                    to,
                });
            }
        }
        Ok(modules)
    }

    /// `name version` of every package that is reached, importers left out, each once.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<String> {
        let packages = self.found.iter().filter(|module| !module.importer);
        packages.map(Module::label).collect()
    }

    /// Every need that something answers, as `a 1.0.0 > b 2.0.0`; the root is `.`, an alias stands before what it is called
    /// for: `a 1.0.0 > x = b 2.0.0`.
    #[must_use]
    pub fn edges(&self) -> BTreeSet<String> {
        let edge = |link: &Link| {
            let to = &self.found[link.to?];
            let alias = if link.alias == to.name {
                String::new()
            } else {
                format!("{} = ", link.alias)
            };
            Some(format!("{} > {alias}{}", self.named(link.from), to.label()))
        };
        self.links.iter().filter_map(edge).collect()
    }

    /// Needs that must be answered and are not, as `a 1.0.0 > b@^2`.
    #[must_use]
    pub fn unanswered(&self) -> BTreeSet<String> {
        let must = |kind| matches!(kind, NeedKind::Prod | NeedKind::Dev | NeedKind::Peer);
        let open = self
            .links
            .iter()
            .filter(|link| link.to.is_none() && must(link.kind));
        open.map(|link| format!("{} > {}@{}", self.named(link.from), link.alias, link.spec))
            .collect()
    }

    fn named(&self, index: usize) -> String {
        match index {
            0 => ".".to_owned(),
            index if self.found[index].importer => self.found[index].name.clone(),
            index => self.found[index].label(),
        }
    }

    fn add(&mut self, folder: &Path, known: &mut BTreeMap<PathBuf, usize>) -> Result<usize, String> {
        let failed = |why: String| format!("{}: {why}", folder.display());
        let real = folder.canonicalize().map_err(|error| failed(error.to_string()))?;
        if let Some(index) = known.get(&real) {
            return Ok(*index);
        }
        let text = std::fs::read(real.join("package.json")).map_err(|error| failed(error.to_string()))?;
        // Some published files begin with a byte order mark, which node skips.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let manifest: Value = serde_json::from_slice(text).map_err(|error| failed(error.to_string()))?;
        let word = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
        self.found.push(Module {
            folder: real.clone(),
            name: word("name"),
            version: word("version"),
            importer: false,
            manifest,
        });
        known.insert(real, self.found.len() - 1);
        Ok(self.found.len() - 1)
    }
}

/// Where node finds `alias` from a real folder.
fn lookup(from: &Path, alias: &str) -> Option<PathBuf> {
    let above = from
        .ancestors()
        .filter(|folder| folder.file_name().is_none_or(|name| name != "node_modules"));
    above
        .map(|folder| folder.join("node_modules").join(alias))
        .find(|place| place.join("package.json").is_file())
}

/// What a module says it needs; each name once, as npm reads it: optional over needed, needed over peer.
fn needs(module: &Module) -> Vec<(String, String, NeedKind)> {
    let manifest = &module.manifest;
    let optional = |name: &str| manifest["peerDependenciesMeta"][name]["optional"] == Value::Bool(true);
    let mut needs: BTreeMap<String, (String, NeedKind)> = BTreeMap::new();
    for (table, kind) in [
        ("optionalDependencies", NeedKind::Optional),
        ("dependencies", NeedKind::Prod),
        ("peerDependencies", NeedKind::Peer),
        ("devDependencies", NeedKind::Dev),
    ] {
        if kind == NeedKind::Dev && !module.importer {
            continue;
        }
        for (name, spec) in manifest[table].as_object().into_iter().flatten() {
            let kind = match kind {
                NeedKind::Peer if optional(name) => NeedKind::OptionalPeer,
                kind => kind,
            };
            let spec = spec.as_str().unwrap_or_default().to_owned();
            // An importer's own development version answers its peer: then only that is asked for.
            match needs.get(name) {
                Some((_, NeedKind::Peer | NeedKind::OptionalPeer)) if kind == NeedKind::Dev => {}
                Some(_) => continue,
                None => {}
            }
            needs.insert(name.clone(), (spec, kind));
        }
    }
    needs
        .into_iter()
        .map(|(name, (spec, kind))| (name, spec, kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a joined path has a parent")).expect("written");
        std::fs::write(path, text).expect("written");
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_before_the_lookup_and_nested_packages_hide_outer_ones() {
        let scratch = tempfile::tempdir().expect("the temporary directory can be written");
        let (root, home) = (scratch.path().join("project"), scratch.path().join("home"));
        put(
            &root,
            "package.json",
            r#"{ "dependencies": { "a": "1", "gone": "1" }, "devDependencies": { "b": "1" } }"#,
        );
        put(
            &root,
            "node_modules/b/package.json",
            r#"{ "name": "b", "version": "1.0.0" }"#,
        );
        let a = r#"{ "name": "a", "version": "1.0.0", "dependencies": { "b": "2" }, "optionalDependencies": { "o": "1" },
                     "devDependencies": { "never": "1" } }"#;
        put(&home, "node_modules/a/package.json", a);
        put(
            &home,
            "node_modules/b/package.json",
            r#"{ "name": "b", "version": "2.0.0" }"#,
        );
        std::os::unix::fs::symlink(home.join("node_modules/a"), root.join("node_modules/a")).expect("linked");
        let modules = Modules::read(&root, &[]).expect("every file is read");
        let edges: Vec<_> = modules.edges().into_iter().collect();
        assert_eq!(edges, [". > a 1.0.0", ". > b 1.0.0", "a 1.0.0 > b 2.0.0"]);
        let open: Vec<_> = modules.unanswered().into_iter().collect();
        assert_eq!(open, [". > gone@1"]);
        let packages: Vec<_> = modules.packages().into_iter().collect();
        assert_eq!(packages, ["a 1.0.0", "b 1.0.0", "b 2.0.0"]);
    }

    #[test]
    fn an_importers_development_version_stands_for_its_peer() {
        let manifest = serde_json::json!({
            "peerDependencies": { "react": ">=18", "vue": "3" },
            "peerDependenciesMeta": { "vue": { "optional": true } },
            "devDependencies": { "react": "19.0.0" },
        });
        let module = Module {
            folder: PathBuf::new(),
            name: String::new(),
            version: String::new(),
            importer: true,
            manifest,
        };
        let found = needs(&module);
        let expected = [
            ("react", "19.0.0", NeedKind::Dev),
            ("vue", "3", NeedKind::OptionalPeer),
        ];
        assert_eq!(
            found,
            expected.map(|(name, spec, kind)| (name.to_owned(), spec.to_owned(), kind))
        );
    }
}
