//! `pnpm-lock.yaml`, versions 5 to 9. Source: the files themselves; pnpm's documentation of `lockfileVersion`.

use super::{Pin, malformed, split_name};
use crate::error::Invalid;
use crate::text::SourceText;
use crate::yaml::{self, Node};

const GROUPS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// How keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// `/name/1.0.0_peers`.
    Slashes,
    /// `/name@1.0.0(peers)` and, since version 9, `name@1.0.0`.
    Ats,
}

pub(super) fn read(source: &SourceText) -> Result<Vec<Pin>, Invalid> {
    let documents = yaml::parse_all(source)?;
    // pnpm 11 puts what its own settings need before the project's lock, as a document of its own.
    let Some(root) = documents
        .iter()
        .rfind(|document| document.get("lockfileVersion").is_some())
    else {
        return Err(malformed(source, 0, "it has no `lockfileVersion`"));
    };
    let version = root
        .get("lockfileVersion")
        .and_then(Node::text)
        .unwrap_or_default();
    let major = version
        .split('.')
        .next()
        .and_then(|text| text.parse::<u32>().ok());
    let keys = match major {
        Some(0..=5) => Keys::Slashes,
        Some(_) => Keys::Ats,
        None => {
            return Err(malformed(
                source,
                0,
                format!("`{version}` is no `lockfileVersion`"),
            ));
        }
    };
    let mut pins = Vec::new();
    match root.get("importers").and_then(Node::map) {
        Some(importers) => importers
            .iter()
            .for_each(|(_, importer)| direct(importer, keys, &mut pins)),
        None => direct(root, keys, &mut pins),
    }
    if let Some(packages) = root.get("packages").and_then(Node::map) {
        pins.extend(
            packages
                .iter()
                .filter_map(|(key, _)| pin(key.text()?, keys, false)),
        );
    }
    Ok(pins)
}

/// What an importer uses itself.
fn direct(importer: &Node<'_>, keys: Keys, pins: &mut Vec<Pin>) {
    let groups = GROUPS.iter().filter_map(|group| importer.get(group)?.map());
    for (alias, entry) in groups.flatten() {
        let text = entry.text().or_else(|| entry.get("version")?.text());
        let (Some(alias), Some(text)) = (alias.text(), text) else {
            continue;
        };
        // Under an alias stands the whole key, else the version alone.
        pins.extend(pin(text, keys, true).or_else(|| pin(&plain_key(alias, text, keys), keys, true)));
    }
}

fn plain_key(name: &str, version: &str, keys: Keys) -> String {
    match keys {
        Keys::Slashes => format!("/{name}/{version}"),
        Keys::Ats => format!("{name}@{version}"),
    }
}

fn pin(key: &str, keys: Keys, direct: bool) -> Option<Pin> {
    let (name, version) = match keys {
        Keys::Slashes => {
            let key = key.strip_prefix('/')?;
            let scope = if key.starts_with('@') {
                key.find('/')? + 1
            } else {
                0
            };
            let cut = scope + key[scope..].find('/')?;
            let version = key[cut + 1..].split(['_', '/', '(']).next()?;
            (&key[..cut], version)
        }
        Keys::Ats => {
            let key = key.strip_prefix('/').unwrap_or(key);
            split_name(key.split('(').next()?)?
        }
    };
    Some(Pin {
        name: name.to_owned(),
        version: version.to_owned(),
        direct,
    })
}
