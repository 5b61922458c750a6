//! One version of a crate, described step by step and built into a real `.crate` archive and a line of the index.
//!
//! Invariant: what [`Crate::publish`] serves is consistent (index line, `Cargo.toml` and archive agree) unless a step asked
//! for the contrary. Source: The Cargo Book, "Registry Index" and "The Manifest Format".

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::dep::{CrateDep, list, quoted};
use super::registry::{CargoRegistry, Published};
use crate::archive::{File, Tarball, hex_digest};

/// The moment that cargo writes into every entry of an archive: 2006-07-24T01:21:28Z.
const PACKED: u64 = 1_153_704_088;

/// A version under construction: `Crate::new("a", "1.0.0").dep("b", "^1").publish(&registry)`.
#[derive(Debug, Clone)]
pub struct Crate {
    name: String,
    version: String,
    deps: Vec<CrateDep>,
    features: BTreeMap<String, Vec<String>>,
    features2: BTreeMap<String, Vec<String>>,
    links: Option<String>,
    rust_version: Option<String>,
    yanked: bool,
    pubtime: Option<String>,
    edition: String,
    package_keys: String,
    proc_macro: bool,
    /// More of `Cargo.toml`, after everything else.
    appended: String,
    manifest: Option<String>,
    files: BTreeMap<String, File>,
    /// Entries exactly as given, whatever their paths.
    hostile: Vec<Hostile>,
    top: String,
    archive: Option<Vec<u8>>,
    cut: Option<usize>,
    wrong_checksum: bool,
    told: Map<String, Value>,
}

#[derive(Debug, Clone)]
enum Hostile {
    File { path: String, content: Vec<u8> },
    Symlink { path: String, target: String },
}

impl Crate {
    /// A library whose `WHO` is its name and version.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let release = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            deps: Vec::new(),
            features: BTreeMap::new(),
            features2: BTreeMap::new(),
            links: None,
            rust_version: None,
            yanked: false,
            pubtime: None,
            edition: "2021".to_owned(),
            package_keys: String::new(),
            proc_macro: false,
            appended: String::new(),
            manifest: None,
            files: BTreeMap::new(),
            hostile: Vec::new(),
            top: format!("{name}-{version}"),
            archive: None,
            cut: None,
            wrong_checksum: false,
            told: Map::new(),
        };
        release.file(
            "src/lib.rs",
            &format!("pub const WHO: &str = \"{name} {version}\";\n"),
        )
    }

    /// Needs another crate.
    #[must_use]
    pub fn dep(self, name: &str, req: &str) -> Self {
        self.with(CrateDep::new(name, req))
    }

    /// Needs another crate to be developed.
    #[must_use]
    pub fn dev_dep(self, name: &str, req: &str) -> Self {
        self.with(CrateDep::new(name, req).dev())
    }

    /// Needs another crate for its build script.
    #[must_use]
    pub fn build_dep(self, name: &str, req: &str) -> Self {
        self.with(CrateDep::new(name, req).build())
    }

    /// Takes another crate where a feature asks for it.
    #[must_use]
    pub fn optional_dep(self, name: &str, req: &str) -> Self {
        self.with(CrateDep::new(name, req).optional())
    }

    /// Any need.
    #[must_use]
    pub fn with(mut self, dep: CrateDep) -> Self {
        self.deps.push(dep);
        self
    }

    /// A feature. One that speaks of `dep:x` or `x?/y` is put into the index's `features2`, as on the public registry.
    #[must_use]
    pub fn feature(mut self, name: &str, values: &[&str]) -> Self {
        let namespaced = |value: &&str| value.starts_with("dep:") || value.contains("?/");
        let of = if values.iter().any(namespaced) {
            &mut self.features2
        } else {
            &mut self.features
        };
        of.insert(
            name.to_owned(),
            values.iter().map(|value| (*value).to_owned()).collect(),
        );
        self
    }

    /// The native library that it links to; no two crates of a graph may say the same.
    #[must_use]
    pub fn links(mut self, library: &str) -> Self {
        self.links = Some(library.to_owned());
        self.file("build.rs", "fn main() {}\n")
    }

    /// The oldest compiler that it says it works with.
    #[must_use]
    pub fn rust_version(mut self, version: &str) -> Self {
        self.rust_version = Some(version.to_owned());
        self
    }

    /// Withdrawn by its authors.
    #[must_use]
    pub fn yanked(mut self) -> Self {
        self.yanked = true;
        self
    }

    /// When it was published, in RFC 3339.
    #[must_use]
    pub fn pubtime(mut self, time: &str) -> Self {
        self.pubtime = Some(time.to_owned());
        self
    }

    /// Another edition than 2021.
    #[must_use]
    pub fn edition(mut self, edition: &str) -> Self {
        self.edition = edition.to_owned();
        self
    }

    /// A key of `[package]` as TOML: `.package_key("default-run", "\"rg\"")`.
    #[must_use]
    pub fn package_key(mut self, key: &str, value: &str) -> Self {
        self.package_keys.push_str(&format!("{key} = {value}\n"));
        self
    }

    /// More of `Cargo.toml`, at its end: whole tables.
    #[must_use]
    pub fn manifest_tables(mut self, text: &str) -> Self {
        self.appended.push_str(text);
        self
    }

    /// This text as `Cargo.toml`; the index is not changed by it.
    #[must_use]
    pub fn manifest(mut self, text: &str) -> Self {
        self.manifest = Some(text.to_owned());
        self
    }

    /// A program that prints its name and the crate's version; the library is left away if it is the only thing.
    #[must_use]
    pub fn bin(self, name: &str) -> Self {
        let text = format!("fn main() {{\n    println!(\"{name} {}\");\n}}\n", self.version);
        self.file(&format!("src/bin/{name}.rs"), &text)
    }

    /// A procedural macro `answer!()` that gives 42.
    #[must_use]
    pub fn proc_macro(mut self) -> Self {
        self.proc_macro = true;
        self.file(
            "src/lib.rs",
            "extern crate proc_macro;\n#[proc_macro]\npub fn answer(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \"42\".parse().unwrap()\n}\n",
        )
    }

    /// A build script.
    #[must_use]
    pub fn build_script(self, text: &str) -> Self {
        self.file("build.rs", text)
    }

    /// The `Cargo.lock` that is packed with it.
    #[must_use]
    pub fn lockfile(self, text: &str) -> Self {
        self.file("Cargo.lock", text)
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

    /// Leaves a file out, such as `src/lib.rs`.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self
    }

    /// An entry of the archive under exactly this path, also one that leaves the folder (`../../evil`, `/etc/evil`).
    #[must_use]
    pub fn entry(mut self, path: &str, content: &[u8]) -> Self {
        let (path, content) = (path.to_owned(), content.to_vec());
        self.hostile.push(Hostile::File { path, content });
        self
    }

    /// A symbolic link in the archive, under exactly this path.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        let (path, target) = (path.to_owned(), target.to_owned());
        self.hostile.push(Hostile::Symlink { path, target });
        self
    }

    /// The archive's top folder, in the place of `name-version`.
    #[must_use]
    pub fn top(mut self, folder: &str) -> Self {
        self.top = folder.to_owned();
        self
    }

    /// These bytes as the archive; the checksum is theirs.
    #[must_use]
    pub fn archive(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.archive = Some(content.into());
        self
    }

    /// Only so many bytes of the archive; the checksum is theirs.
    #[must_use]
    pub fn truncated(mut self, length: usize) -> Self {
        self.cut = Some(length);
        self
    }

    /// The index has the checksum of other bytes.
    #[must_use]
    pub fn wrong_checksum(mut self) -> Self {
        self.wrong_checksum = true;
        self
    }

    /// A field that only the index has, or has otherwise (`v`, `cksum`, anything).
    #[must_use]
    pub fn told(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.told.insert(key.to_owned(), value.into());
        self
    }

    /// The SHA-256 of the archive, in hexadecimal.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex_digest(&self.build())
    }

    /// Its line of the index.
    #[must_use]
    pub fn line(&self) -> String {
        self.line_over(&self.build())
    }

    fn line_over(&self, archive: &[u8]) -> String {
        let hashed = if self.wrong_checksum {
            b"other bytes"
        } else {
            archive
        };
        let mut line = Map::new();
        line.insert("name".to_owned(), json!(self.name));
        line.insert("vers".to_owned(), json!(self.version));
        let deps: Vec<Value> = self.deps.iter().map(CrateDep::index_entry).collect();
        line.insert("deps".to_owned(), json!(deps));
        line.insert("cksum".to_owned(), json!(hex_digest(hashed)));
        line.insert("features".to_owned(), json!(self.features));
        line.insert("yanked".to_owned(), json!(self.yanked));
        line.insert("links".to_owned(), json!(self.links));
        if !self.features2.is_empty() {
            line.insert("features2".to_owned(), json!(self.features2));
            line.insert("v".to_owned(), json!(2));
        }
        if let Some(version) = &self.rust_version {
            line.insert("rust_version".to_owned(), json!(version));
        }
        if let Some(time) = &self.pubtime {
            line.insert("pubtime".to_owned(), json!(time));
        }
        line.extend(self.told.clone());
        Value::Object(line).to_string()
    }

    /// Its `Cargo.toml`.
    #[must_use]
    pub fn cargo_toml(&self) -> String {
        if let Some(manifest) = &self.manifest {
            return manifest.clone();
        }
        let mut text = format!(
            "[package]\nname = {}\nversion = {}\nedition = {}\n",
            quoted(&self.name),
            quoted(&self.version),
            quoted(&self.edition)
        );
        if let Some(links) = &self.links {
            text.push_str(&format!("links = {}\n", quoted(links)));
        }
        if let Some(version) = &self.rust_version {
            text.push_str(&format!("rust-version = {}\n", quoted(version)));
        }
        text.push_str(&self.package_keys);
        if self.proc_macro {
            text.push_str("\n[lib]\nproc-macro = true\n");
        }
        if !self.features.is_empty() || !self.features2.is_empty() {
            text.push_str("\n[features]\n");
            for (name, values) in self.features.iter().chain(&self.features2) {
                text.push_str(&format!("{} = {}\n", quoted(name), list(values)));
            }
        }
        for dep in &self.deps {
            text.push_str(&dep.manifest_table());
        }
        text.push_str(&self.appended);
        text
    }

    /// The archive. The same crate gives the same bytes.
    ///
    /// # Panics
    /// When an archive cannot be written to memory, which is a bug in the testkit.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut bytes = match &self.archive {
            Some(archive) => archive.clone(),
            None => self.pack(),
        };
        if let Some(length) = self.cut {
            bytes.truncate(length);
        }
        bytes
    }

    fn pack(&self) -> Vec<u8> {
        let mut archive = Tarball::new(PACKED);
        let inside = |path: &str| format!("{}/{path}", self.top);
        if !self.files.contains_key("Cargo.toml") {
            archive.file(&inside("Cargo.toml"), self.cargo_toml().as_bytes(), 0o644);
        }
        for (path, file) in &self.files {
            archive.file(&inside(path), &file.content, file.mode);
        }
        for hostile in &self.hostile {
            match hostile {
                Hostile::File { path, content } => archive.file(path, content, 0o644),
                Hostile::Symlink { path, target } => archive.symlink(path, target),
            }
        }
        archive.finish()
    }

    /// Puts it on a registry, in place of the same version if that is there.
    pub fn publish(&self, registry: &CargoRegistry) {
        let archive = self.build();
        registry.put(Published {
            name: self.name.clone(),
            version: self.version.clone(),
            line: self.line_over(&archive),
            archive: archive.into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_line_and_manifest_say_the_same() {
        let release = Crate::new("a", "1.2.0")
            .dep("b", "^1")
            .with(
                CrateDep::new("old", "0.3")
                    .package("log")
                    .optional()
                    .target("cfg(unix)"),
            )
            .feature("default", &["std"])
            .feature("std", &[])
            .feature("log", &["dep:old"])
            .rust_version("1.70");
        let line: Value = serde_json::from_str(&release.line()).expect("the line is JSON");
        assert_eq!(line["cksum"], json!(release.checksum()));
        assert_eq!(line["v"], 2);
        assert_eq!(line["features"], json!({ "default": ["std"], "std": [] }));
        assert_eq!(line["features2"], json!({ "log": ["dep:old"] }));
        assert_eq!(line["deps"][1]["package"], "log");
        let manifest: toml::Table = release.cargo_toml().parse().expect("the manifest is TOML");
        assert_eq!(manifest["package"]["rust-version"].as_str(), Some("1.70"));
        let old = &manifest["target"]["cfg(unix)"]["dependencies"]["old"];
        assert_eq!(old["package"].as_str(), Some("log"));
        assert_eq!(manifest["features"]["log"][0].as_str(), Some("dep:old"));
    }

    #[test]
    fn archives_have_the_entries_that_were_asked_for() {
        let long = format!("{}x", "deep/".repeat(30));
        let release = Crate::new("a", "1.0.0")
            .file(&long, "")
            .entry("../evil", b"")
            .symlink("a-1.0.0/link", "src");
        let bytes = release.build();
        assert_eq!(bytes, release.build());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let entries = archive.entries().expect("a tar has entries");
        let path = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let entry = entry.expect("the archive is whole");
            String::from_utf8_lossy(&entry.path_bytes()).into_owned()
        };
        let found: Vec<String> = entries.map(path).collect();
        let expected = [
            "a-1.0.0/Cargo.toml".to_owned(),
            format!("a-1.0.0/{long}"),
            "a-1.0.0/src/lib.rs".to_owned(),
            "../evil".to_owned(),
            "a-1.0.0/link".to_owned(),
        ];
        assert_eq!(found, expected);
    }
}
