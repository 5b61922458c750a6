//! `bun.lock`: JSON with comments and trailing commas. Source: bun.com, "Lockfile"; the files themselves.

use super::{Pin, malformed, split_name};
use crate::error::Invalid;
use crate::json::{self, Dialect};
use crate::text::SourceText;
use crate::yaml::Node;

pub(super) fn read(source: &SourceText) -> Result<Vec<Pin>, Invalid> {
    let root = json::parse(source, Dialect::Relaxed)?;
    if root.get("lockfileVersion").is_none() {
        return Err(malformed(source, root.span.start, "it has no `lockfileVersion`"));
    }
    let packages = root.get("packages").and_then(Node::map).unwrap_or_default();
    Ok(packages
        .iter()
        .filter_map(|(key, entry)| pin(key.text()?, entry))
        .collect())
}

/// `"folder/below": ["name@version", registry, facts, integrity]`.
fn pin(folder: &str, entry: &Node<'_>) -> Option<Pin> {
    let facts = entry.list()?;
    let (name, version) = split_name(facts.first()?.text()?)?;
    let bundled = facts.iter().find_map(|fact| fact.get("bundled")?.boolean());
    if bundled == Some(true) {
        return None;
    }
    let below = folder
        .strip_prefix('@')
        .map_or(folder, |rest| rest.split_once('/').map_or("", |(_, name)| name));
    Some(Pin {
        name: name.to_owned(),
        version: version.to_owned(),
        direct: !below.contains('/'),
    })
}
