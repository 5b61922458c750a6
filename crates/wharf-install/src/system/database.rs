//! dpkg's own records, so that `dpkg -l`, `dpkg -L` and `dpkg -V` inside a view tell the truth.
//!
//! Source: dpkg(1), deb-conffiles(5); the layout of `/var/lib/dpkg`.

use std::collections::BTreeMap;
use std::fmt::Write;

use rayon::prelude::*;
use wharf_core::Algorithm;
use wharf_store::{Hasher, Store, StoreError, SystemKind};

use super::SystemError;
use super::files::{Files, Node, NodeKind, contents};
use super::merge::{Diversion, lossy, merged};
use super::packages::Loaded;

const FOLDER: &str = "var/lib/dpkg";

/// Writes all records.
pub(crate) fn write(
    store: &Store,
    packages: &[Loaded],
    diversions: &[Diversion],
    overrides: &BTreeMap<String, String>,
    files: &mut Files,
) -> Result<(), SystemError> {
    for folder in ["", "/info", "/updates", "/triggers", "/parts", "/alternatives"] {
        files.make_folder(format!("{FOLDER}{folder}").as_bytes(), 0o755);
    }
    let stanzas: Result<Vec<String>, StoreError> = packages
        .par_iter()
        .map(|package| stanza(store, package, files))
        .collect();
    let lists: Vec<String> = packages.par_iter().map(list).collect();
    put(files, "status", stanzas?.concat());
    put(files, "available", String::new());
    put(files, "info/format", "1\n".to_owned());
    put(files, "diversions", diversions.iter().map(diversion).collect());
    let lines = overrides.values().map(|line| format!("{line}\n")).collect();
    put(files, "statoverride", lines);
    let foreign = architectures(packages);
    if foreign.len() > 1 {
        put(
            files,
            "arch",
            foreign.iter().map(|name| format!("{name}\n")).collect(),
        );
    }
    for (package, list) in packages.iter().zip(lists) {
        let name = package.record_name();
        put(files, &format!("info/{name}.list"), list);
        for (kind, extra) in &package.extras {
            let path = format!("{FOLDER}/info/{name}.{kind}");
            let kind = NodeKind::Object {
                object: extra.object,
                size: extra.size,
                mode: if extra.executable { 0o755 } else { 0o644 },
                capability: None,
            };
            files.put(path.as_bytes(), Node::made(kind));
        }
    }
    Ok(())
}

fn put(files: &mut Files, name: &str, text: String) {
    files.put(format!("{FOLDER}/{name}").as_bytes(), Node::text(text));
}

/// The architectures of the packages, the one that most have first: dpkg takes the first for its own.
fn architectures(packages: &[Loaded]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages.iter().filter(|package| package.architecture() != "all") {
        *counts.entry(package.architecture()).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// A package's stanza: its control file, its state, and the digests of its configuration files.
fn stanza(store: &Store, package: &Loaded, files: &Files) -> Result<String, StoreError> {
    let text = package.text.trim_end_matches('\n');
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut out = format!("{first}\nStatus: install ok installed\n");
    if !rest.is_empty() {
        out += rest;
        out.push('\n');
    }
    if !package.conffiles.is_empty() {
        out += "Conffiles:\n";
        for path in &package.conffiles {
            let node = files.exact(&merged(path));
            let bytes = match node {
                Some(node) => contents(store, &node.kind)?,
                None => None,
            };
            let digest = match bytes {
                Some(bytes) => Hasher::digest(Algorithm::Md5, &bytes).hex(),
                None => "newconffile".to_owned(),
            };
            let _ = writeln!(out, " {path} {digest}");
        }
    }
    out.push('\n');
    Ok(out)
}

/// What a package brought, as it names it.
fn list(package: &Loaded) -> String {
    let mut out = "/.\n".to_owned();
    for entry in &package.data.entries {
        if !matches!(entry.kind, SystemKind::Noted { .. }) {
            out += &lossy(entry.path.as_bytes());
            out.push('\n');
        }
    }
    out
}

/// Three lines: from, to, by whom.
fn diversion(diversion: &Diversion) -> String {
    let by = match diversion.by.as_str() {
        "LOCAL" => ":",
        name => name,
    };
    format!("{}\n{}\n{by}\n", lossy(&diversion.from), lossy(&diversion.to))
}
