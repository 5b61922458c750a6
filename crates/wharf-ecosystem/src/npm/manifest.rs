//! What one version of a package says about itself: a version object of a packument, or a `package.json`.
//! Invariant: odd metadata is tolerated field by field; what it costs is noted in [`PackageManifest::oddities`]. Names of dependencies
//! are names of packages, so that none of them leads out of `node_modules`, and paths of commands stay inside the package.
//! Source: docs.npmjs.com, "package.json"; the registry's "package metadata" page.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use wharf_core::{Algorithm, Digest, Ecosystem, PackageName};

use super::json::{self, InvalidJson, Json};

/// The fields of a version object or a `package.json` that a package manager uses. Lists of pairs keep the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageManifest {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Needed to run. Entries that are optional as well stand only in `optional_dependencies`.
    pub dependencies: Vec<(String, String)>,
    /// Needed to develop it; only meaningful for importers.
    pub dev_dependencies: Vec<(String, String)>,
    /// Taken where they can be had.
    pub optional_dependencies: Vec<(String, String)>,
    /// Needed from whoever uses it.
    pub peer_dependencies: Vec<(String, String)>,
    /// Peers that may be missing. A name that stands only here is an optional peer of any version.
    pub optional_peers: Vec<String>,
    /// Dependencies that come inside the archive (`true` is resolved to all dependencies).
    pub bundled: Vec<String>,
    /// Commands: name and path, made safe (no climbing out). One without a name is a folder: each file in it is a command.
    pub bin: Vec<(String, String)>,
    /// Operating systems.
    pub os: Vec<String>,
    /// Processors.
    pub cpu: Vec<String>,
    /// C libraries.
    pub libc: Vec<String>,
    /// `engines`: program and range.
    pub engines: Vec<(String, String)>,
    /// `scripts`; in packuments only what the registry passes on.
    pub scripts: Vec<(String, String)>,
    /// Whether installing it would run scripts (`hasInstallScript`, or the three scripts themselves).
    pub has_install_script: bool,
    /// The registry's word against it.
    pub deprecated: Option<String>,
    /// Where its archive is.
    pub dist: Option<Dist>,
    /// What was odd and how it was read, for `-v`.
    pub oddities: Vec<String>,
}

/// Where the archive of a version is and what it hashes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dist {
    /// Its URL.
    pub tarball: String,
    /// Every digest that the registry gives (`integrity`, else `shasum`), strongest first.
    pub integrity: Vec<Digest>,
    /// Bytes when unpacked, if told.
    pub unpacked_size: Option<u64>,
    /// Files in it, if told.
    pub file_count: Option<u64>,
}

/// The scripts that run when a package is installed.
pub const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

impl PackageManifest {
    /// Reads a version object of a packument, or a `package.json`.
    ///
    /// # Errors
    /// Where the text is not JSON, or not an object. Fields are never an error.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJson> {
        json::read::<Fields>(bytes).map(Fields::into_manifest)
    }

    /// The same from a value that was read already; anything but an object is an empty manifest.
    pub fn from_json(value: Json) -> Self {
        let mut fields = Fields::default();
        if let Json::Object(entries) = value {
            for (key, value) in entries {
                if let Some(slot) = fields.slot(&key) {
                    *slot = value;
                }
            }
        }
        fields.into_manifest()
    }

    /// The Node versions that it says it runs on.
    pub fn engines_node(&self) -> Option<&str> {
        let node = self.engines.iter().find(|(program, _)| program == "node");
        node.map(|(_, range)| range.as_str())
    }

    /// A script by its name.
    pub fn script(&self, name: &str) -> Option<&str> {
        let (_, command) = self.scripts.iter().find(|(own, _)| own == name)?;
        Some(command)
    }
}

/// The values of the fields that count, as they stand.
#[derive(Default)]
struct Fields {
    name: Json,
    version: Json,
    dependencies: Json,
    dev_dependencies: Json,
    optional_dependencies: Json,
    peer_dependencies: Json,
    peer_dependencies_meta: Json,
    bundle_dependencies: Json,
    bundled_dependencies: Json,
    bin: Json,
    os: Json,
    cpu: Json,
    libc: Json,
    directories: Json,
    engines: Json,
    scripts: Json,
    has_install_script: Json,
    gypfile: Json,
    deprecated: Json,
    dist: Json,
}

impl Fields {
    /// Where the value of a key belongs; `None` for keys that do not count.
    fn slot(&mut self, key: &str) -> Option<&mut Json> {
        Some(match key {
            "name" => &mut self.name,
            "version" => &mut self.version,
            "dependencies" => &mut self.dependencies,
            "devDependencies" => &mut self.dev_dependencies,
            "optionalDependencies" => &mut self.optional_dependencies,
            "peerDependencies" => &mut self.peer_dependencies,
            "peerDependenciesMeta" => &mut self.peer_dependencies_meta,
            "bundleDependencies" => &mut self.bundle_dependencies,
            "bundledDependencies" => &mut self.bundled_dependencies,
            "bin" => &mut self.bin,
            "directories" => &mut self.directories,
            "os" => &mut self.os,
            "cpu" => &mut self.cpu,
            "libc" => &mut self.libc,
            "engines" => &mut self.engines,
            "scripts" => &mut self.scripts,
            "hasInstallScript" => &mut self.has_install_script,
            "gypfile" => &mut self.gypfile,
            "deprecated" => &mut self.deprecated,
            "dist" => &mut self.dist,
            _ => return None,
        })
    }

    /// What the fields say.
    fn into_manifest(self) -> PackageManifest {
        let mut odd = Oddities::default();
        let optional_dependencies = odd.dependencies("optionalDependencies", self.optional_dependencies);
        let is_optional = |name: &str| optional_dependencies.iter().any(|(own, _)| own == name);
        let mut dependencies = odd.dependencies("dependencies", self.dependencies);
        dependencies.retain(|(name, _)| !is_optional(name));
        let name = odd.text("name", self.name);
        let bin = match (&self.bin, self.directories.get("bin").and_then(Json::text)) {
            (Json::Null, Some(folder)) => inside(folder)
                .map(|folder| (String::new(), folder))
                .into_iter()
                .collect(),
            _ => commands(self.bin, name.as_deref(), &mut odd),
        };
        let scripts = odd.texts("scripts", self.scripts);
        let runs = |script: &&str| {
            scripts
                .iter()
                .any(|(name, command)| name == script && !command.is_empty())
        };
        let has_install_script = self.has_install_script == Json::Bool(true)
            || INSTALL_SCRIPTS.iter().any(runs)
            || (self.gypfile == Json::Bool(true) && !runs(&"install") && !runs(&"preinstall"));
        let bundle = match self.bundle_dependencies {
            Json::Null => self.bundled_dependencies,
            value => value,
        };
        PackageManifest {
            bundled: bundled(bundle, &dependencies, &optional_dependencies),
            version: odd.text("version", self.version),
            dev_dependencies: odd.dependencies("devDependencies", self.dev_dependencies),
            peer_dependencies: odd.dependencies("peerDependencies", self.peer_dependencies),
            optional_peers: optional_peers(&self.peer_dependencies_meta),
            os: words(self.os),
            cpu: words(self.cpu),
            libc: words(self.libc),
            engines: match self.engines {
                Json::Object(_) => odd.texts("engines", self.engines),
                // Lists such as `["node >= 0.4"]` are of npm's first days; npm reads nothing from them.
                _ => Vec::new(),
            },
            deprecated: deprecation(self.deprecated),
            dist: dist(&self.dist, &mut odd),
            name,
            dependencies,
            optional_dependencies,
            bin,
            scripts,
            has_install_script,
            oddities: odd.0,
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match fields.slot(&key.0) {
                Some(slot) => *slot = map.next_value()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// A key, borrowed where nothing in it is escaped.
struct Key<'de>(std::borrow::Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Notes on what was odd.
#[derive(Default)]
struct Oddities(Vec<String>);

impl Oddities {
    /// A manifest of nothing but oddities is not worth a page.
    const MOST: usize = 20;

    fn note(&mut self, note: String) {
        if self.0.len() < Self::MOST {
            self.0.push(note);
        }
    }

    fn text(&mut self, field: &str, value: Json) -> Option<String> {
        match value {
            Json::Text(text) => Some(text),
            Json::Null => None,
            other => {
                self.note(format!("`{field}` is {}: left out", other.kind()));
                None
            }
        }
    }

    /// An object of texts; anything else in it is left out.
    fn texts(&mut self, field: &str, value: Json) -> Vec<(String, String)> {
        let entries = match value {
            Json::Object(entries) => entries,
            Json::Null => return Vec::new(),
            Json::List(items) if items.is_empty() => return Vec::new(),
            other => {
                self.note(format!("`{field}` is {}: read as none", other.kind()));
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match value {
                Json::Text(text) => texts.push((key, text)),
                other => self.note(format!("`{field}`: `{key}` is {}: left out", other.kind())),
            }
        }
        texts
    }

    /// An object of specifiers by names of packages.
    fn dependencies(&mut self, field: &str, value: Json) -> Vec<(String, String)> {
        let mut entries = self.texts(field, value);
        entries.retain(|(name, _)| {
            let legal = is_name(name);
            if !legal {
                self.note(format!("`{field}`: `{name}` names no package: left out"));
            }
            legal
        });
        entries
    }
}

/// Whether a text names a package, and so a folder in `node_modules`.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    // The usual name needs no closer look.
    let usual = !text.is_empty() && text.len() <= 214 && text.bytes().all(plain);
    text != "node_modules" && (usual || PackageName::new(Ecosystem::Npm, text).is_ok())
}

/// Names whose `optional` is true.
fn optional_peers(meta: &Json) -> Vec<String> {
    let entries = meta.object().unwrap_or_default();
    entries
        .iter()
        .filter(|(name, value)| value.get("optional") == Some(&Json::Bool(true)) && is_name(name))
        .map(|(name, _)| name.clone())
        .collect()
}

/// A list of texts, or one text.
fn words(value: Json) -> Vec<String> {
    match value {
        Json::Text(text) => vec![text],
        Json::List(items) => items
            .into_iter()
            .filter_map(|item| match item {
                Json::Text(text) => Some(text),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The names that come inside the archive.
fn bundled(value: Json, dependencies: &[(String, String)], optional: &[(String, String)]) -> Vec<String> {
    match value {
        Json::Bool(true) => dependencies
            .iter()
            .chain(optional)
            .map(|(name, _)| name.clone())
            .collect(),
        Json::Object(entries) => entries
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| is_name(name))
            .collect(),
        other => {
            let mut names = words(other);
            names.retain(|name| is_name(name));
            names
        }
    }
}

/// `bin`: a path for the command of the package's name, paths by name, or (long ago) a list of paths.
fn commands(value: Json, package: Option<&str>, odd: &mut Oddities) -> Vec<(String, String)> {
    let stated = match value {
        Json::Null => return Vec::new(),
        Json::Text(path) => match package {
            Some(name) => vec![(name.to_owned(), path)],
            None => Vec::new(),
        },
        Json::Object(_) => odd.texts("bin", value),
        Json::List(items) => {
            let paths = items
                .into_iter()
                .filter_map(|item| item.text().map(str::to_owned));
            paths.map(|path| (path.clone(), path)).collect()
        }
        other => {
            odd.note(format!("`bin` is {}: read as none", other.kind()));
            return Vec::new();
        }
    };
    let mut commands: Vec<(String, String)> = Vec::with_capacity(stated.len());
    for (name, path) in stated {
        match (command_name(&name), inside(&path)) {
            (Some(name), Some(path)) => json::insert(&mut commands, name, path),
            _ => odd.note(format!(
                "`bin`: `{name}` or its path `{path}` cannot be used: left out"
            )),
        }
    }
    commands
}

/// The last part of a name (a scope is no part of a command), if it can name a file.
fn command_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\', ':']).find(|part| !part.is_empty())?;
    let legal = last != "." && last != ".." && !last.contains('\0');
    legal.then(|| last.to_owned())
}

/// A path below the package, with `.` and `..` worked out; climbing out stops at the package itself, as in npm.
fn inside(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let legal = !parts.is_empty() && !path.contains('\0');
    legal.then(|| parts.join("/"))
}

/// JavaScript's truth decides, since npm's does.
fn deprecation(value: Json) -> Option<String> {
    match value {
        Json::Text(text) => (!text.is_empty()).then_some(text),
        Json::Bool(true) => Some("this version is deprecated".to_owned()),
        _ => None,
    }
}

fn dist(value: &Json, odd: &mut Oddities) -> Option<Dist> {
    let tarball = value.get("tarball").and_then(Json::text)?;
    let number = |key| match value.get(key) {
        Some(Json::Whole(number)) => Some(*number),
        _ => None,
    };
    let mut integrity = value
        .get("integrity")
        .and_then(Json::text)
        .map(digests)
        .unwrap_or_default();
    if integrity.is_empty()
        && let Some(shasum) = value.get("shasum").and_then(Json::text)
    {
        match Digest::from_hex(Algorithm::Sha1, shasum) {
            Ok(digest) => integrity.push(digest),
            Err(error) => odd.note(format!("`dist.shasum`: {error}: left out")),
        }
    }
    Some(Dist {
        tarball: tarball.to_owned(),
        integrity,
        unpacked_size: number("unpackedSize"),
        file_count: number("fileCount"),
    })
}

/// Every digest of an `integrity` text (Subresource Integrity) that can be read, strongest first.
pub fn digests(integrity: &str) -> Vec<Digest> {
    let mut digests: Vec<Digest> = integrity
        .split_whitespace()
        .filter_map(|one| Digest::parse(one.split('?').next().unwrap_or(one)).ok())
        .collect();
    digests.sort_by(|a, b| b.cmp(a));
    digests.dedup();
    digests
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
