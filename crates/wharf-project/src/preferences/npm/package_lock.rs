//! `package-lock.json` and `npm-shrinkwrap.json`. Source: docs.npmjs.com, "package-lock.json".

use super::{Pin, malformed, split_name};
use crate::error::Invalid;
use crate::json::{self, Dialect};
use crate::text::SourceText;
use crate::yaml::Node;

pub(super) fn read(source: &SourceText) -> Result<Vec<Pin>, Invalid> {
    let root = json::parse(source, Dialect::Strict)?;
    let mut pins = Vec::new();
    if let Some(packages) = root.get("packages").and_then(Node::map) {
        let placed = packages
            .iter()
            .filter_map(|(key, entry)| placed(key.text()?, entry));
        pins.extend(placed);
    } else if let Some(dependencies) = root.get("dependencies").and_then(Node::map) {
        nested(dependencies, true, &mut pins);
    } else if root.get("lockfileVersion").is_none() {
        return Err(malformed(
            source,
            root.span.start,
            "it has neither `packages` nor `dependencies`",
        ));
    }
    Ok(pins)
}

/// An entry of versions 2 and 3, which lists folders. What lies directly in the root's `node_modules` is what the project
/// imports where it asks for the package itself.
fn placed(path: &str, entry: &Node<'_>) -> Option<Pin> {
    let (before, folder) = path.rsplit_once("node_modules/")?;
    let is = |key: &str| entry.get(key).and_then(Node::boolean) == Some(true);
    if is("link") || is("inBundle") || is_foreign(entry) {
        return None;
    }
    Some(Pin {
        name: entry
            .get("name")
            .and_then(Node::text)
            .unwrap_or(folder)
            .to_owned(),
        version: entry.get("version")?.text()?.to_owned(),
        direct: before.is_empty(),
    })
}

/// The entries of version 1, which nests what lies in the `node_modules` of a package.
fn nested(dependencies: &[(Node<'_>, Node<'_>)], direct: bool, pins: &mut Vec<Pin>) {
    for (key, entry) in dependencies {
        let bundled = entry.get("bundled").and_then(Node::boolean) == Some(true);
        let version = entry.get("version").and_then(Node::text);
        if let (Some(alias), Some(version), false) = (key.text(), version, bundled) {
            let aliased = version.strip_prefix("npm:").and_then(split_name);
            let (name, version) = aliased.unwrap_or((alias, version));
            pins.push(Pin {
                name: name.to_owned(),
                version: version.to_owned(),
                direct,
            });
        }
        if let Some(below) = entry.get("dependencies").and_then(Node::map) {
            nested(below, false, pins);
        }
    }
}

/// Whether it comes from a repository or from the machine.
fn is_foreign(entry: &Node<'_>) -> bool {
    let resolved = entry.get("resolved").and_then(Node::text).unwrap_or_default();
    resolved.starts_with("git") || resolved.starts_with("file:")
}
