//! One version of an npm package, described step by step and built into a real archive.
//!
//! Invariant: what [`NpmPackage::publish`] serves is consistent (document, `package.json` and archive agree) unless a step
//! asked for the contrary. Source: docs.npmjs.com, "package.json"; the registry's "package metadata" page.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::registry::{NpmRegistry, Release};
use crate::archive::{File, Tarball};

/// The moment that npm writes into every entry of an archive: 1985-10-26T08:15:00Z.
const PACKED: u64 = 499_162_500;

/// A version under construction: `NpmPackage::new("a", "1.0.0").dep("b", "^1").publish(&registry)`.
#[derive(Debug, Clone)]
pub struct NpmPackage {
    name: String,
    version: String,
    /// The `package.json`.
    manifest: Map<String, Value>,
    /// What only the registry's document says, over what the `package.json` says.
    told: Map<String, Value>,
    /// The whole version object of the registry's document, where it is not made from the above.
    object: Option<Value>,
    files: BTreeMap<String, File>,
    top: String,
    archive: Option<Vec<u8>>,
    published: Option<String>,
    tags: Vec<String>,
    dist: Dist,
}

/// What the registry says of the archive.
#[derive(Debug, Clone, Default)]
struct Dist {
    missing: bool,
    sha1_only: bool,
    wrong: bool,
    tarball: Option<String>,
}

impl NpmPackage {
    /// A version with an `index.js` that exports its name and version.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let mut manifest = Map::new();
        manifest.insert("name".to_owned(), json!(name));
        manifest.insert("version".to_owned(), json!(version));
        manifest.insert("main".to_owned(), json!("index.js"));
        let package = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            manifest,
            told: Map::new(),
            object: None,
            files: BTreeMap::new(),
            top: "package".to_owned(),
            archive: None,
            published: None,
            tags: Vec::new(),
            dist: Dist::default(),
        };
        package.file("index.js", &format!("module.exports = \"{name} {version}\";\n"))
    }

    /// Needs another package to run.
    #[must_use]
    pub fn dep(self, name: &str, spec: &str) -> Self {
        self.entry("dependencies", name, json!(spec))
    }

    /// Needs another package to be developed.
    #[must_use]
    pub fn dev_dep(self, name: &str, spec: &str) -> Self {
        self.entry("devDependencies", name, json!(spec))
    }

    /// Takes another package where it can be had.
    #[must_use]
    pub fn optional_dep(self, name: &str, spec: &str) -> Self {
        self.entry("optionalDependencies", name, json!(spec))
    }

    /// Needs another package from whoever uses this one.
    #[must_use]
    pub fn peer(self, name: &str, spec: &str) -> Self {
        self.entry("peerDependencies", name, json!(spec))
    }

    /// Takes another package from whoever uses this one, if they have it.
    #[must_use]
    pub fn peer_optional(self, name: &str, spec: &str) -> Self {
        self.peer(name, spec)
            .entry("peerDependenciesMeta", name, json!({ "optional": true }))
    }

    /// A command: `path` is a file of the package; it is made if it is not there.
    #[must_use]
    pub fn bin(mut self, command: &str, path: &str) -> Self {
        if !self.files.contains_key(path) {
            let line = format!(
                "#!/usr/bin/env node\nconsole.log(\"{command} of {} {}\");\n",
                self.name, self.version
            );
            self = self.executable(path, &line);
        }
        self.entry("bin", command, json!(path))
    }

    /// Operating systems that it is for (`linux`, `!win32`); may be repeated.
    #[must_use]
    pub fn os(self, os: &str) -> Self {
        self.item("os", os)
    }

    /// Processors that it is for; may be repeated.
    #[must_use]
    pub fn cpu(self, cpu: &str) -> Self {
        self.item("cpu", cpu)
    }

    /// C libraries that it is for; may be repeated.
    #[must_use]
    pub fn libc(self, libc: &str) -> Self {
        self.item("libc", libc)
    }

    /// The versions of a program that it says it runs on: `.engines("node", ">=20")`.
    #[must_use]
    pub fn engines(self, program: &str, range: &str) -> Self {
        self.entry("engines", program, json!(range))
    }

    /// A script: `.script("postinstall", "node build.js")`.
    #[must_use]
    pub fn script(self, event: &str, line: &str) -> Self {
        self.entry("scripts", event, json!(line))
    }

    /// A dependency that comes inside the archive.
    #[must_use]
    pub fn bundled(self, name: &str, version: &str) -> Self {
        let inner = json!({ "name": name, "version": version, "main": "index.js" });
        self.dep(name, version)
            .item("bundleDependencies", name)
            .file(
                &format!("node_modules/{name}/package.json"),
                &format!("{inner:#}\n"),
            )
            .file(
                &format!("node_modules/{name}/index.js"),
                &format!("module.exports = \"{name} {version}, bundled\";\n"),
            )
    }

    /// The registry's word against it.
    #[must_use]
    pub fn deprecated(mut self, reason: &str) -> Self {
        self.told.insert("deprecated".to_owned(), json!(reason));
        self
    }

    /// When it was published, in RFC 3339; without it, at the start of 2024.
    #[must_use]
    pub fn published(mut self, time: &str) -> Self {
        self.published = Some(time.to_owned());
        self
    }

    /// A tag that points to it; `latest` points to the highest version that is no prerelease, if nothing says otherwise.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// Any field, in the `package.json` and in the registry's document: also ones that no package should have.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.manifest.insert(key.to_owned(), value.into());
        self
    }

    /// A field that only the registry's document has, or has otherwise.
    #[must_use]
    pub fn told(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.told.insert(key.to_owned(), value.into());
        self
    }

    /// The registry's document has this in place of the version object.
    #[must_use]
    pub fn version_object(mut self, value: impl Into<Value>) -> Self {
        self.object = Some(value.into());
        self
    }

    /// The registry's document does not say where the archive is.
    #[must_use]
    pub fn without_dist(mut self) -> Self {
        self.dist.missing = true;
        self
    }

    /// The registry knows the archive's SHA-1 only, as for what was published before 2017.
    #[must_use]
    pub fn sha1_only(mut self) -> Self {
        self.dist.sha1_only = true;
        self
    }

    /// The registry's digests are those of other bytes.
    #[must_use]
    pub fn wrong_hash(mut self) -> Self {
        self.dist.wrong = true;
        self
    }

    /// The registry's document says that the archive is there.
    #[must_use]
    pub fn tarball_url(mut self, url: &str) -> Self {
        self.dist.tarball = Some(url.to_owned());
        self
    }

    /// A text file of the archive.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes(), 0o644)
    }

    /// A program of the archive.
    #[must_use]
    pub fn executable(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes(), 0o755)
    }

    /// Any file of the archive, with its mode.
    #[must_use]
    pub fn bytes(mut self, path: &str, content: &[u8], mode: u32) -> Self {
        let content = content.to_vec();
        self.files.insert(path.to_owned(), File { content, mode });
        self
    }

    /// The archive's top folder, which is `package` unless somebody packed it by hand.
    #[must_use]
    pub fn top(mut self, folder: &str) -> Self {
        self.top = folder.to_owned();
        self
    }

    /// These bytes as the archive: hostile ones, broken ones. Digests are theirs.
    #[must_use]
    pub fn archive(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.archive = Some(content.into());
        self
    }

    /// The name of its archive: `b-1.0.0.tgz` for `@a/b`.
    #[must_use]
    pub fn filename(&self) -> String {
        archive_name(&self.name, &self.version)
    }

    /// The archive. The same package gives the same bytes.
    ///
    /// # Panics
    /// When an archive cannot be written to memory, which is a bug in the testkit.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        if let Some(archive) = &self.archive {
            return archive.clone();
        }
        let mut archive = Tarball::new(PACKED);
        let inside = |path: &str| format!("{}/{path}", self.top);
        let manifest = format!("{:#}\n", Value::Object(self.manifest.clone()));
        archive.file(&inside("package.json"), manifest.as_bytes(), 0o644);
        for (path, file) in &self.files {
            archive.file(&inside(path), &file.content, file.mode);
        }
        archive.finish()
    }

    /// Puts it on a registry, in place of the same version if that is there.
    pub fn publish(&self, registry: &NpmRegistry) {
        let archive = self.build();
        let object = match &self.object {
            Some(object) => object.clone(),
            None => Value::Object(self.version_object_of(registry, &archive)),
        };
        registry.put(
            &self.name,
            Release {
                version: self.version.clone(),
                object,
                published: self
                    .published
                    .clone()
                    .unwrap_or_else(|| "2024-01-01T00:00:00.000Z".to_owned()),
                archive: archive.into(),
            },
        );
        for tag in &self.tags {
            registry.tag(&self.name, tag, &self.version);
        }
    }

    /// What the registry says of it. Bare strings stay as `package.json` has them, as on the public registry.
    fn version_object_of(&self, registry: &NpmRegistry, archive: &[u8]) -> Map<String, Value> {
        let mut object = self.manifest.clone();
        object.insert("_id".to_owned(), json!(format!("{}@{}", self.name, self.version)));
        if self.runs_scripts() {
            object.insert("hasInstallScript".to_owned(), json!(true));
        }
        if !self.dist.missing {
            object.insert("dist".to_owned(), self.dist_of(registry, archive));
        }
        object.extend(self.told.clone());
        object
    }

    fn dist_of(&self, registry: &NpmRegistry, archive: &[u8]) -> Value {
        let hashed = if self.dist.wrong { b"other bytes" } else { archive };
        let url = self
            .dist
            .tarball
            .clone()
            .unwrap_or_else(|| registry.url(&registry.tarball_path(&self.name, &self.version)));
        let sizes = self.files.values().map(|file| file.content.len()).sum::<usize>();
        let mut dist = json!({
            "tarball": url,
            "shasum": hex(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, hashed),
            "fileCount": self.files.len() + 1,
            "unpackedSize": sizes,
        });
        if !self.dist.sha1_only {
            dist["integrity"] = json!(integrity(hashed));
        }
        dist
    }

    fn runs_scripts(&self) -> bool {
        let scripts = self.manifest.get("scripts").and_then(Value::as_object);
        let named = ["preinstall", "install", "postinstall"];
        scripts.is_some_and(|scripts| named.iter().any(|event| scripts.contains_key(*event)))
            || self.files.contains_key("binding.gyp")
    }

    fn entry(mut self, table: &str, key: &str, value: Value) -> Self {
        let table = self.manifest.entry(table).or_insert_with(|| json!({}));
        if let Some(table) = table.as_object_mut() {
            table.insert(key.to_owned(), value);
        }
        self
    }

    fn item(mut self, list: &str, value: &str) -> Self {
        let list = self.manifest.entry(list).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!(value));
        }
        self
    }
}

/// The name of a version's archive, which leaves the scope out.
pub(super) fn archive_name(name: &str, version: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    format!("{base}-{version}.tgz")
}

/// A digest as registries print it: `sha512-` and base 64 (W3C, "Subresource Integrity").
fn integrity(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA512, content);
    format!("sha512-{}", crate::server::base64(digest.as_ref()))
}

fn hex(algorithm: &'static ring::digest::Algorithm, content: &[u8]) -> String {
    let digest = ring::digest::digest(algorithm, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_published_test_vectors() {
        // FIPS 180-2, appendices A.1 and C.1: the message "abc".
        assert_eq!(
            hex(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, b"abc"),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            integrity(b"abc"),
            "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
        );
    }

    #[test]
    fn an_archive_has_one_top_folder_and_the_modes_that_were_asked_for() {
        let package = NpmPackage::new("@scope/tool", "1.2.3").bin("tool", "cli.js");
        assert_eq!(package.filename(), "tool-1.2.3.tgz");
        let bytes = package.build();
        assert_eq!(bytes, package.build());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().expect("a tar has entries") {
            let entry = entry.expect("the archive is whole");
            let path = entry.path().expect("our paths are paths").display().to_string();
            found.push((path, entry.header().mode().expect("a header has a mode")));
        }
        let expected = [("package.json", 0o644), ("cli.js", 0o755), ("index.js", 0o644)];
        let expected = expected.map(|(path, mode)| (format!("package/{path}"), mode));
        assert_eq!(found, expected);
    }
}
