//! Edits of `package.json`.

use wharf_ecosystem::npm::EdgeKind;

use super::npm::{NpmAddition, NpmManifest, NpmRemoved};
use super::object::{self, Layout, Position};
use crate::error::{Invalid, ProjectError};
use crate::json::{self, Dialect};
use crate::text::SourceText;
use crate::yaml::Node;

/// The tables in the order in which they stand where none says otherwise.
const ORDER: &[(&str, EdgeKind)] = &[
    ("dependencies", EdgeKind::Prod),
    ("devDependencies", EdgeKind::Dev),
    ("peerDependencies", EdgeKind::Peer),
    ("peerDependenciesMeta", EdgeKind::OptionalPeer),
    ("optionalDependencies", EdgeKind::Optional),
];

pub(super) fn add(manifest: NpmManifest<'_>, addition: &NpmAddition) -> Result<String, ProjectError> {
    let text = without_rivals(manifest, addition)?;
    let text = with_entry(
        &NpmManifest {
            text: &text,
            ..manifest
        },
        table(addition.kind),
        addition,
    )?;
    if addition.kind != EdgeKind::OptionalPeer {
        return Ok(text);
    }
    with_meta(
        &NpmManifest {
            text: &text,
            ..manifest
        },
        &addition.alias,
    )
}

fn table(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Prod => "dependencies",
        EdgeKind::Dev => "devDependencies",
        EdgeKind::Optional => "optionalDependencies",
        EdgeKind::Peer | EdgeKind::OptionalPeer => "peerDependencies",
    }
}

/// The text without the alias in the tables that would contradict the addition. A peer may stand beside another need.
fn without_rivals(manifest: NpmManifest<'_>, addition: &NpmAddition) -> Result<String, ProjectError> {
    let mut text = manifest.text.to_owned();
    for (name, kind) in ORDER {
        let rival = match addition.kind {
            EdgeKind::Prod | EdgeKind::Dev | EdgeKind::Optional => {
                *name != table(addition.kind)
                    && matches!(kind, EdgeKind::Prod | EdgeKind::Dev | EdgeKind::Optional)
            }
            // An optional peer that becomes a needed one loses its mark.
            EdgeKind::Peer => *kind == EdgeKind::OptionalPeer,
            EdgeKind::OptionalPeer => false,
        };
        if rival {
            let now = NpmManifest {
                text: &text,
                ..manifest
            };
            text = without_entry(&now, name, &addition.alias)?.unwrap_or(text);
        }
    }
    Ok(text)
}

fn with_entry(
    manifest: &NpmManifest<'_>,
    table: &str,
    addition: &NpmAddition,
) -> Result<String, ProjectError> {
    let source = manifest.source();
    let root = parse(manifest, &source)?;
    let value = json::quoted(&addition.text);
    Ok(match root.get(table).filter(|node| node.map().is_some()) {
        Some(node) => object::set(
            manifest.text,
            node,
            &addition.alias,
            &|_| value.clone(),
            Position::Sorted,
        ),
        None => {
            let raw = |layout: &Layout| layout.wrapped('{', &layout.entry(&addition.alias, &value), '}');
            object::set(manifest.text, &root, table, &raw, table_place(&root, table))
        }
    })
}

/// `peerDependenciesMeta` with the alias as an optional peer.
fn with_meta(manifest: &NpmManifest<'_>, alias: &str) -> Result<String, ProjectError> {
    const TABLE: &str = "peerDependenciesMeta";
    let source = manifest.source();
    let root = parse(manifest, &source)?;
    let optional = |layout: &Layout| layout.wrapped('{', &layout.entry("optional", "true"), '}');
    Ok(match root.get(TABLE).filter(|node| node.map().is_some()) {
        Some(node) => object::set(manifest.text, node, alias, &optional, Position::Sorted),
        None => {
            let raw = |layout: &Layout| {
                let entry = layout.entry(alias, &optional(&layout.deeper()));
                layout.wrapped('{', &entry, '}')
            };
            object::set(manifest.text, &root, TABLE, &raw, table_place(&root, TABLE))
        }
    })
}

/// A new table stands behind those that usually come before it, else before those that come after it, else last.
fn table_place(root: &Node<'_>, table: &str) -> Position {
    let entries = object::entries(root);
    let index = |name: &str| entries.iter().position(|(key, _)| key.text() == Some(name));
    let own = ORDER
        .iter()
        .position(|(name, _)| *name == table)
        .unwrap_or(ORDER.len());
    let before = ORDER[..own].iter().rev().find_map(|(name, _)| index(name));
    let after = ORDER[own..].iter().skip(1).find_map(|(name, _)| index(name));
    match (before, after) {
        (Some(before), _) => Position::Before(before + 1),
        (None, Some(after)) => Position::Before(after),
        (None, None) => Position::Before(entries.len()),
    }
}

pub(super) fn remove(
    manifest: NpmManifest<'_>,
    aliases: &[String],
    kind: Option<EdgeKind>,
) -> Result<(String, Vec<NpmRemoved>), ProjectError> {
    let mut text = manifest.text.to_owned();
    let mut removed = Vec::new();
    for (name, own) in ORDER {
        let wanted = kind.is_none_or(|kind| kind == *own || table(kind) == *name);
        for alias in aliases
            .iter()
            .filter(|_| wanted || *own == EdgeKind::OptionalPeer)
        {
            // The mark of an optional peer goes with the peer.
            let is_mark = *own == EdgeKind::OptionalPeer;
            if is_mark && kind.is_some_and(|kind| table(kind) != "peerDependencies") {
                continue;
            }
            let now = NpmManifest {
                text: &text,
                ..manifest
            };
            if let Some(shorter) = without_entry(&now, name, alias)? {
                text = shorter;
                if !is_mark {
                    removed.push(NpmRemoved {
                        alias: alias.clone(),
                        kind: *own,
                    });
                }
            }
        }
    }
    Ok((text, removed))
}

/// The text without an entry, and without the table if that was its last one; `None` where there is none.
fn without_entry(
    manifest: &NpmManifest<'_>,
    table: &str,
    alias: &str,
) -> Result<Option<String>, ProjectError> {
    let source = manifest.source();
    let root = parse(manifest, &source)?;
    let Some(node) = root.get(table) else {
        return Ok(None);
    };
    let entries = object::entries(node);
    let Some(at) = entries.iter().position(|(key, _)| key.text() == Some(alias)) else {
        return Ok(None);
    };
    if entries.len() > 1 {
        return Ok(Some(object::take(manifest.text, node, at)));
    }
    let tables = object::entries(&root);
    let place = tables.iter().position(|(key, _)| key.text() == Some(table));
    let place = place.expect("the table was just found among the entries");
    Ok(Some(object::take(manifest.text, &root, place)))
}

/// Adds approvals to `"wharf": {"policy": {"scripts": […]}}`.
pub(super) fn approve(manifest: NpmManifest<'_>, approval: &str) -> Result<String, ProjectError> {
    let source = manifest.source();
    let root = parse(&manifest, &source)?;
    let item = json::quoted(approval);
    let object_of = |node: &Node<'_>| node.map().is_some();
    let list = |layout: &Layout| layout.wrapped('[', &item, ']');
    let policy_raw =
        |layout: &Layout| layout.wrapped('{', &layout.entry("scripts", &list(&layout.deeper())), '}');
    let wharf_raw =
        |layout: &Layout| layout.wrapped('{', &layout.entry("policy", &policy_raw(&layout.deeper())), '}');
    let last = Position::Before(usize::MAX);
    let Some(wharf) = root.get("wharf").filter(|node| object_of(node)) else {
        return Ok(object::set(manifest.text, &root, "wharf", &wharf_raw, last));
    };
    let Some(policy) = wharf.get("policy").filter(|node| object_of(node)) else {
        return Ok(object::set(manifest.text, wharf, "policy", &policy_raw, last));
    };
    let Some(scripts) = policy.get("scripts").filter(|node| node.list().is_some()) else {
        return Ok(object::set(manifest.text, policy, "scripts", &list, last));
    };
    Ok(object::push(manifest.text, scripts, &item))
}

/// Takes the approvals out for which `goes` says so.
pub(super) fn withdraw(
    manifest: NpmManifest<'_>,
    goes: &dyn Fn(&str) -> bool,
) -> Result<String, ProjectError> {
    let source = manifest.source();
    let root = parse(&manifest, &source)?;
    let scripts = root
        .get("wharf")
        .and_then(|wharf| wharf.get("policy"))
        .and_then(|policy| policy.get("scripts"));
    let items = scripts.and_then(Node::list).unwrap_or_default();
    match (
        scripts,
        items.iter().position(|item| item.text().is_some_and(goes)),
    ) {
        (Some(scripts), Some(at)) => {
            let text = object::take(manifest.text, scripts, at);
            withdraw(
                NpmManifest {
                    text: &text,
                    ..manifest
                },
                goes,
            )
        }
        _ => Ok(manifest.text.to_owned()),
    }
}

/// Reads the text, and refuses one in which a key stands twice: which of the two is meant, nobody can tell.
fn parse<'t>(manifest: &NpmManifest<'_>, source: &'t SourceText) -> Result<Node<'t>, ProjectError> {
    let document = json::document(source, Dialect::Strict)?;
    if document.root.map().is_none() {
        let message = "a package.json is an object";
        return Err(Invalid::new(source, document.root.span, "package-json/invalid", message).into());
    }
    match document.replaced.first() {
        Some((key, span)) => Err(ProjectError::Edit {
            path: manifest.path.to_owned(),
            reason: format!(
                "`{key}` stands twice in one object, first in {}",
                source.origin(span.start)
            ),
            hints: vec!["take out the one that is not meant".to_owned()],
        }),
        None => Ok(document.root),
    }
}
