//! From packages to the text of a `Cargo.lock`, byte for byte as cargo 1.95 prints it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

use rustc_hash::FxHashMap;
use wharf_core::Digest;

use super::super::{GitReference, SourceId};
use super::parse::HEADER;
use super::{CargoLock, LockVersion, LockedCrate, LockedId};

pub(super) fn print(lock: &CargoLock) -> String {
    let mut text = String::with_capacity(160 * lock.packages.len() + 128);
    for line in HEADER
        .iter()
        .copied()
        .chain(lock.comments.iter().map(String::as_str))
    {
        text.push_str(line);
        text.push('\n');
    }
    match lock.version {
        LockVersion::V1 | LockVersion::V2 => {}
        LockVersion::V3 => text.push_str("version = 3\n\n"),
        LockVersion::V4 => text.push_str("version = 4\n\n"),
    }
    let writer = Writer {
        version: lock.version,
        counts: counts(lock),
    };
    let mut packages: Vec<&LockedCrate> = lock.packages.iter().collect();
    packages.sort_by(|a, b| a.order(b));
    for package in packages {
        text.push_str("[[package]]\n");
        writer.package(package, &mut text);
        text.push('\n');
    }
    for package in &lock.patch_unused {
        text.push_str("[[patch.unused]]\n");
        writer.facts(package, &mut text);
        text.push('\n');
    }
    writer.metadata(lock, &mut text);
    // Version 1 was always written with an empty line at the end.
    while lock.version > LockVersion::V1 && text.ends_with("\n\n") {
        text.pop();
    }
    text
}

/// How many packages have each name and version.
type Counts<'a> = FxHashMap<&'a str, FxHashMap<String, usize>>;

fn counts(lock: &CargoLock) -> Counts<'_> {
    let mut counts = Counts::default();
    for package in &lock.packages {
        let versions = counts.entry(package.name.as_str()).or_default();
        *versions.entry(package.version.to_string()).or_default() += 1;
    }
    counts
}

struct Writer<'a> {
    version: LockVersion,
    counts: Counts<'a>,
}

/// A dependency with just what tells it from others. The order is that of the text: versions compare as words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Short<'a> {
    name: &'a str,
    version: Option<String>,
    source: Option<SourceId>,
}

impl Writer<'_> {
    fn package(&self, package: &LockedCrate, text: &mut String) {
        self.facts(package, text);
        if let Some(replace) = &package.replace {
            let short = self.short(replace);
            push(
                text,
                format_args!("replace = {}\n", quoted(&self.reference(&short))),
            );
            return;
        }
        if package.dependencies.is_empty() {
            return;
        }
        text.push_str("dependencies = [\n");
        let shorts: BTreeSet<Short<'_>> = package.dependencies.iter().map(|id| self.short(id)).collect();
        for short in &shorts {
            push(text, format_args!(" {},\n", quoted(&self.reference(short))));
        }
        text.push_str("]\n");
    }

    /// Name, version, source and checksum.
    fn facts(&self, package: &LockedCrate, text: &mut String) {
        push(
            text,
            format_args!("name = \"{}\"\nversion = \"{}\"\n", package.name, package.version),
        );
        if let Some(source) = &package.source {
            push(
                text,
                format_args!("source = {}\n", quoted(&source.print(self.version.encoding()))),
            );
        }
        if let Some(checksum) = package
            .checksum
            .as_ref()
            .filter(|_| self.version > LockVersion::V1)
        {
            push(text, format_args!("checksum = \"{}\"\n", checksum.hex()));
        }
    }

    fn short<'b>(&self, id: &'b LockedId) -> Short<'b> {
        let version = id.version.to_string();
        let source = || id.source.as_ref().map(|source| self.plain(source));
        if self.version == LockVersion::V1 {
            return Short {
                name: id.name.as_str(),
                version: Some(version),
                source: source(),
            };
        }
        let versions = self.counts.get(id.name.as_str());
        let alone = versions
            .and_then(|versions| versions.get(&version))
            .is_none_or(|count| *count == 1);
        let only = versions.is_none_or(|versions| versions.len() == 1);
        Short {
            name: id.name.as_str(),
            version: (!(alone && only)).then_some(version),
            source: if alone { None } else { source() },
        }
    }

    /// The source without its commit. Versions 1 and 2 do not tell the branch `master` from the default branch.
    fn plain(&self, source: &SourceId) -> SourceId {
        match source {
            SourceId::Git(git)
                if self.version <= LockVersion::V2
                    && git.reference == GitReference::Branch("master".to_owned()) =>
            {
                SourceId::git(git.url.as_str(), GitReference::DefaultBranch)
                    .expect("the URL of a repository is one")
            }
            other => other.at_commit(None),
        }
    }

    /// `[metadata]`: what was there, and the checksums of version 1.
    fn metadata(&self, lock: &CargoLock, text: &mut String) {
        let mut metadata = lock.metadata.clone();
        if self.version == LockVersion::V1 {
            for package in lock.packages.iter().filter(|package| package.source.is_some()) {
                let id = package.id();
                let key = format!("checksum {}", self.reference(&self.short(&id)));
                let checksum = package
                    .checksum
                    .as_ref()
                    .map_or_else(|| "<none>".to_owned(), Digest::hex);
                metadata.insert(key, checksum);
            }
        }
        if metadata.is_empty() {
            return;
        }
        text.push_str("[metadata]\n");
        for (key, value) in &metadata {
            push(text, format_args!("{} = {}\n", key_text(key), quoted(value)));
        }
    }

    fn reference(&self, short: &Short<'_>) -> String {
        let mut text = short.name.to_owned();
        if let Some(version) = &short.version {
            push(&mut text, format_args!(" {version}"));
        }
        if let Some(source) = &short.source {
            push(
                &mut text,
                format_args!(" ({})", source.print(self.version.encoding())),
            );
        }
        text
    }
}

/// A TOML string. Nearly all texts of a lock stand as they are.
fn quoted(text: &str) -> String {
    let plain = text
        .chars()
        .all(|next| next != '"' && next != '\\' && !next.is_control());
    match plain {
        true => format!("\"{text}\""),
        false => toml::Value::String(text.to_owned()).to_string(),
    }
}

fn key_text(key: &str) -> Cow<'_, str> {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !key.is_empty() && key.bytes().all(bare) {
        true => Cow::Borrowed(key),
        false => Cow::Owned(quoted(key)),
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes every text");
}
