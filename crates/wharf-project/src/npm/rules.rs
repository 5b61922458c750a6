//! Overrides, package extensions and peer rules, in the notations of npm, pnpm, yarn and `wharf.toml`.
//! Invariant: rules are kept strongest place first, since of equal ones the first counts.

use std::ops::Range;

use wharf_core::Origin;
use wharf_ecosystem::npm::extensions::PackageExtensions;
use wharf_ecosystem::npm::json::Json;
use wharf_ecosystem::npm::overrides::Overrides;
use wharf_ecosystem::npm::peers::PeerRules;
use wharf_ecosystem::npm::{EdgeKind, PackageManifest};

use crate::error::{Invalid, ProjectError};
use crate::json;
use crate::manifest::npm::NpmTables;
use crate::npm::workspace::Catalogs;
use crate::npm::{NpmImporter, StatedRule, foreign};
use crate::stated::Stated;
use crate::text::SourceText;
use crate::yaml::Node;

/// The code of what is wrong in a rule.
const CODE: &str = "npm/override";

/// How an override is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Nested objects.
    Npm,
    /// `parent>name`.
    Pnpm,
    /// `parent/name`.
    Yarn,
}

/// One override as written.
struct Override {
    notation: Notation,
    key: String,
    value: Json,
    source: SourceText,
    span: Range<usize>,
    origin: Origin,
}

/// Rules as they are gathered.
#[derive(Default)]
pub(crate) struct Rules {
    overrides: Vec<Override>,
    patched: Vec<(String, Origin)>,
    extensions: PackageExtensions,
    extension_rules: Vec<StatedRule>,
    peers: PeerRules,
    peer_rule_texts: Vec<StatedRule>,
}

/// Rules as the resolver wants them.
pub(crate) struct Finished {
    pub(crate) overrides: Overrides,
    pub(crate) override_rules: Vec<StatedRule>,
    pub(crate) extensions: PackageExtensions,
    pub(crate) extension_rules: Vec<StatedRule>,
    pub(crate) peers: PeerRules,
    pub(crate) peer_rule_texts: Vec<StatedRule>,
}

impl Rules {
    /// Takes in `[overrides.npm]`.
    pub(crate) fn read_tables(&mut self, tables: &NpmTables, catalogs: &Catalogs) -> Result<(), Invalid> {
        let Some(source) = &tables.source else {
            return Ok(());
        };
        for (key, text, span) in &tables.overrides {
            let mut value = Json::Text(text.clone());
            self.settle(source, key, &mut value, span, catalogs)?;
            self.push(Notation::Pnpm, source, key, value, span.clone());
        }
        Ok(())
    }

    /// Takes in the overrides of an object.
    ///
    /// # Errors
    /// Where it is no object, or a catalog lacks what an entry takes from it.
    pub(crate) fn overrides(
        &mut self,
        notation: Notation,
        source: &SourceText,
        node: &Node<'_>,
        catalogs: &Catalogs,
    ) -> Result<(), Invalid> {
        for (key, value) in entries(source, node, "overrides")? {
            let text = key.text().unwrap_or_default();
            let mut json = json::to_value(value);
            self.settle(source, text, &mut json, &value.span, catalogs)?;
            self.push(notation, source, text, json, key.span.clone());
        }
        Ok(())
    }

    fn push(&mut self, notation: Notation, source: &SourceText, key: &str, value: Json, span: Range<usize>) {
        self.overrides.push(Override {
            notation,
            key: key.to_owned(),
            value,
            source: source.clone(),
            origin: source.origin(span.start),
            span,
        });
    }

    /// Looks up what an entry takes from a catalog, and takes yarn's patches off.
    fn settle(
        &mut self,
        source: &SourceText,
        key: &str,
        value: &mut Json,
        span: &Range<usize>,
        catalogs: &Catalogs,
    ) -> Result<(), Invalid> {
        match value {
            Json::Object(entries) => {
                for (inner, value) in entries {
                    let name = if inner == "." { key } else { inner.as_str() }.to_owned();
                    self.settle(source, &name, value, span, catalogs)?;
                }
            }
            Json::Text(text) => {
                let name = target(key);
                if let Some(unpatched) = foreign::without_patch(name, text) {
                    self.patched.push((name.to_owned(), source.origin(span.start)));
                    *text = unpatched;
                }
                if let Some(catalog) = text.strip_prefix("catalog:") {
                    let catalog = Some(catalog.trim()).filter(|name| !matches!(*name, "" | "default"));
                    let found = catalogs.look_up(catalog, name).map_err(|_| {
                        let message = format!("no catalog has what this override takes for `{name}`");
                        Invalid::new(source, span.clone(), CODE, message)
                    })?;
                    *text = found.to_owned();
                }
            }
            Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Number | Json::List(_) => {}
        }
        Ok(())
    }

    /// Takes in package extensions.
    ///
    /// # Errors
    /// Where one of them is malformed.
    pub(crate) fn extensions(&mut self, source: &SourceText, node: &Node<'_>) -> Result<(), Invalid> {
        for (key, value) in entries(source, node, "package extensions")? {
            let text = key.text().unwrap_or_default();
            let json = json::to_value(value);
            self.extensions.add(text, &json).map_err(|error| {
                Invalid::new(source, key.span.clone(), "npm/extension", error.to_string())
            })?;
            flatten(source, &key.span, text, &json, &mut self.extension_rules);
        }
        Ok(())
    }

    /// Takes in pnpm's `peerDependencyRules`.
    ///
    /// # Errors
    /// Where they are malformed.
    pub(crate) fn peers(&mut self, source: &SourceText, node: &Node<'_>) -> Result<(), Invalid> {
        let json = json::to_value(node);
        let read = PeerRules::parse(&json)
            .map_err(|error| Invalid::new(source, node.span.clone(), "npm/peer-rule", error.to_string()))?;
        if self.peers == PeerRules::default() {
            self.peers = read;
        } else {
            self.peers.allowed_versions.extend(read.allowed_versions);
        }
        flatten(source, &node.span, "", &json, &mut self.peer_rule_texts);
        Ok(())
    }

    /// Puts the overrides together; `$name` means what the root asks for.
    pub(crate) fn finish(self, root: &NpmImporter, stated: &mut Stated) -> Result<Finished, ProjectError> {
        let manifest = manifest_of(root);
        let mut overrides = Overrides::default();
        let mut override_rules = Vec::new();
        for one in &self.overrides {
            let added = match (one.notation, &one.value) {
                (Notation::Npm, value) => {
                    let object = Json::Object(vec![(one.key.clone(), value.clone())]);
                    overrides.add_npm(&object, &manifest)
                }
                (Notation::Pnpm, Json::Text(text)) => overrides.add_pnpm(&one.key, text, &manifest),
                (Notation::Yarn, Json::Text(text)) => overrides.add_yarn(&one.key, text, &manifest),
                (Notation::Pnpm | Notation::Yarn, _) => {
                    let message = format!("the override of `{}` must be a string", one.key);
                    return Err(Invalid::new(&one.source, one.span.clone(), CODE, message).into());
                }
            };
            added.map_err(|error| {
                let invalid = Invalid::new(&one.source, one.span.clone(), CODE, error.to_string());
                invalid.hint("write for example `\"name\": \"^1.2.0\"`")
            })?;
            flatten(&one.source, &one.span, &one.key, &one.value, &mut override_rules);
        }
        if let Some((_, origin)) = self.patched.first() {
            let mut names: Vec<&str> = self.patched.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            stated
                .warnings
                .push(foreign::patch_warning(&names, origin.clone()));
        }
        for one in self.overrides.iter().filter(|one| one.notation == Notation::Npm) {
            warn_of_direct(one, root, stated);
        }
        Ok(Finished {
            overrides,
            override_rules,
            extensions: self.extensions,
            extension_rules: self.extension_rules,
            peers: self.peers,
            peer_rule_texts: self.peer_rule_texts,
        })
    }
}

/// npm refuses an override of what the project itself asks for in another way: it cannot mean both.
fn warn_of_direct(one: &Override, root: &NpmImporter, stated: &mut Stated) {
    let Json::Text(text) = &one.value else { return };
    let direct = root.requirements.iter().find(|requirement| {
        requirement.alias == one.key && !matches!(requirement.kind, EdgeKind::Peer | EdgeKind::OptionalPeer)
    });
    if let Some(direct) = direct.filter(|direct| direct.text != *text && !text.starts_with('$')) {
        let message = format!(
            "`{}` is asked for as `{}` ({}) and overridden with `{text}` ({}); the override counts",
            one.key, direct.text, direct.origin, one.origin
        );
        stated.warn("npm/override-of-own", message, one.origin.clone());
    }
}

/// The name that an override is about: the last of its path, without a range.
fn target(key: &str) -> &str {
    let last = key.rsplit('>').next().unwrap_or(key).trim();
    let last = match last.rfind('/') {
        Some(at)
            if last[..at]
                .rsplit('/')
                .next()
                .is_some_and(|scope| scope.starts_with('@')) =>
        {
            &last[last[..at].rfind('/').map_or(0, |before| before + 1)..]
        }
        Some(at) => &last[at + 1..],
        None => last,
    };
    match last.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => &last[..at],
        None => last,
    }
}

/// The root's own requirements, to which `$name` refers.
fn manifest_of(root: &NpmImporter) -> PackageManifest {
    let of = |kinds: &[EdgeKind]| {
        let these = root.requirements.iter().filter(|one| kinds.contains(&one.kind));
        these.map(|one| (one.alias.clone(), one.spec.print())).collect()
    };
    PackageManifest {
        dependencies: of(&[EdgeKind::Prod]),
        dev_dependencies: of(&[EdgeKind::Dev]),
        optional_dependencies: of(&[EdgeKind::Optional]),
        peer_dependencies: of(&[EdgeKind::Peer, EdgeKind::OptionalPeer]),
        ..PackageManifest::default()
    }
}

fn entries<'n, 't>(
    source: &SourceText,
    node: &'n Node<'t>,
    what: &str,
) -> Result<&'n [(Node<'t>, Node<'t>)], Invalid> {
    match node.map() {
        Some(entries) => Ok(entries),
        None if node.list().is_some_and(<[_]>::is_empty)
            || node.text().is_none() && node.list().is_none() =>
        {
            Ok(&[])
        }
        None => Err(Invalid::new(
            source,
            node.span.clone(),
            CODE,
            format!("{what} must be an object"),
        )),
    }
}

/// Writes a value's leaves as rules of their own.
fn flatten(source: &SourceText, span: &Range<usize>, key: &str, value: &Json, rules: &mut Vec<StatedRule>) {
    let below = |inner: &str| match key {
        "" => inner.to_owned(),
        key => format!("{key} > {inner}"),
    };
    let mut leaf = |text: String| {
        rules.push(StatedRule {
            key: key.to_owned(),
            text,
            origin: source.origin(span.start),
        });
    };
    match value {
        Json::Object(entries) => {
            for (inner, value) in entries {
                flatten(source, span, &below(inner), value, rules);
            }
        }
        Json::List(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Json::text).collect();
            leaf(texts.join(", "));
        }
        Json::Text(text) => leaf(text.clone()),
        Json::Bool(truth) => leaf(truth.to_string()),
        Json::Whole(number) => leaf(number.to_string()),
        Json::Null | Json::Number => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_is_the_target() {
        for (key, expected) in [
            ("a", "a"),
            ("a@^1", "a"),
            ("a@1>b@2", "b"),
            ("@s/a>@t/b@2", "@t/b"),
            ("a/b", "b"),
            ("**/@s/b", "@s/b"),
            ("@s/a/b", "b"),
            ("@s/a", "@s/a"),
        ] {
            assert_eq!(target(key), expected, "{key}");
        }
    }
}
