//! Wharf's own words about npm: the keys of `[options.npm]`, and the `wharf` key of a `package.json`, with which a project that
//! has no `wharf.toml` states its policy: `"wharf": {"policy": {"scripts": […]}, "options": {"layout": "hoisted"}}`.
//! Invariant: every key is known and obeyed, or refused with its place.

use std::ops::Range;

use wharf_core::Ecosystem;

use crate::approval::{self, ScriptApproval};
use crate::error::{Invalid, ProjectError};
use crate::manifest::settings::parse_instant;
use crate::npm::read::Sources;
use crate::npm::settings::Settings;
use crate::npm::{NpmLayout, NpmVirtualStore};
use crate::stated::Stated;
use crate::suggest::nearest;
use crate::table::list;
use crate::text::SourceText;
use crate::yaml::{Node, Value};

/// The keys of `[options.npm]`.
pub(crate) const OPTIONS: &[&str] = &[
    "layout",
    "virtual-store",
    "public-hoist",
    "strict-peers",
    "install-peers",
    "engine-strict",
    "writable",
];

/// What a key of `[options.npm]` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Word,
    Flag,
    List,
}

/// The form of a key's value.
pub(crate) fn form(key: &str) -> Form {
    match key {
        "public-hoist" | "writable" => Form::List,
        "strict-peers" | "install-peers" | "engine-strict" => Form::Flag,
        _ => Form::Word,
    }
}

/// Takes in one key of `[options.npm]`; flags are `true` and `false`. The first word stands.
///
/// # Errors
/// Where the word is none of the key's, in words.
pub(crate) fn option(settings: &mut Settings, key: &str, values: Vec<String>) -> Result<(), String> {
    let word = values.first().map_or("", String::as_str);
    let truth = word == "true";
    let unknown = |words: &[&str]| format!("`{word}` is no value of `{key}`: its values are {}", list(words));
    match key {
        "layout" => {
            let layout = NpmLayout::from_word(word).ok_or_else(|| unknown(NpmLayout::WORDS))?;
            settings.layout.get_or_insert(layout);
        }
        "virtual-store" => {
            let store = NpmVirtualStore::from_word(word).ok_or_else(|| unknown(NpmVirtualStore::WORDS))?;
            settings.virtual_store.get_or_insert(store);
        }
        "public-hoist" => _ = settings.public_hoist.get_or_insert(values),
        "writable" => _ = settings.writable.get_or_insert(values),
        "strict-peers" => _ = settings.strict_peers.get_or_insert(truth),
        "install-peers" => _ = settings.install_peers.get_or_insert(truth),
        _ => _ = settings.engine_strict.get_or_insert(truth),
    }
    Ok(())
}

/// Reads the `wharf` key of the root's `package.json`, and gives every approval that the project states.
pub(crate) fn read(
    sources: &Sources<'_>,
    settings: &mut Settings,
    stated: &mut Stated,
) -> Result<Vec<ScriptApproval>, ProjectError> {
    if let Some((source, root)) = sources.package
        && let Some(node) = root.get("wharf")
    {
        Own { source }.read(node, settings, stated)?;
    }
    Ok(approval::of(Ecosystem::Npm, &stated.policy.scripts))
}

struct Own<'s> {
    source: &'s SourceText,
}

impl Own<'_> {
    fn read(&self, node: &Node<'_>, settings: &mut Settings, stated: &mut Stated) -> Result<(), Invalid> {
        for (key, value) in self.keys(node, "`wharf`", &["policy", "options", "targets"])? {
            match key {
                "policy" => self.policy(value, stated)?,
                "options" => self.options(value, settings)?,
                _ => self.targets(value, stated)?,
            }
        }
        Ok(())
    }

    fn policy(&self, node: &Node<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let keys = self.keys(
            node,
            "the `policy` of `wharf`",
            &["scripts", "cooldown", "exclude-newer"],
        )?;
        for (key, value) in keys {
            match key {
                "scripts" => {
                    for (text, span) in self.strings(value, key)? {
                        approval::check(&text).map_err(|reason| self.error(&span, reason))?;
                        stated.policy.scripts.push(text);
                    }
                }
                "cooldown" => {
                    let text = self.string(value, key)?;
                    let span = text.parse().map_err(|error: wharf_core::InvalidSpan| {
                        self.error(&value.span, error.to_string())
                    })?;
                    stated.policy.cooldown = stated.policy.cooldown.max(span);
                }
                _ => {
                    let text = self.string(value, key)?;
                    let instant = parse_instant(text).map_err(|reason| self.error(&value.span, reason))?;
                    let before = stated.policy.exclude_newer;
                    stated.policy.exclude_newer = Some(before.map_or(instant, |other| other.min(instant)));
                }
            }
        }
        Ok(())
    }

    fn options(&self, node: &Node<'_>, settings: &mut Settings) -> Result<(), Invalid> {
        for (key, value) in self.keys(node, "the `options` of `wharf`", OPTIONS)? {
            let values = match form(key) {
                Form::List => self
                    .strings(value, key)?
                    .into_iter()
                    .map(|(text, _)| text)
                    .collect(),
                Form::Word => vec![self.string(value, key)?.to_owned()],
                Form::Flag => {
                    let flag = value.boolean();
                    let flag = flag
                        .ok_or_else(|| self.error(&value.span, format!("`{key}` must be true or false")))?;
                    vec![flag.to_string()]
                }
            };
            option(settings, key, values).map_err(|reason| self.error(&value.span, reason))?;
        }
        Ok(())
    }

    fn targets(&self, node: &Node<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        for (text, span) in self.strings(node, "targets")? {
            let target = text
                .parse()
                .map_err(|error: wharf_core::InvalidTarget| self.error(&span, error.to_string()))?;
            if !stated.targets.contains(&target) {
                stated.targets.push(target);
            }
        }
        Ok(())
    }

    fn error(&self, span: &Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span.clone(), super::package_json::CODE, message)
    }

    /// The entries of an object, all of whose keys are known.
    fn keys<'n>(
        &self,
        node: &'n Node<'_>,
        what: &str,
        known: &[&str],
    ) -> Result<Vec<(&'n str, &'n Node<'n>)>, Invalid> {
        let entries = node
            .map()
            .ok_or_else(|| self.error(&node.span, format!("{what} must be an object")))?;
        let mut read = Vec::new();
        for (key, value) in entries {
            let text = key.text().unwrap_or_default();
            if !known.contains(&text) {
                let mut error = self.error(&key.span, format!("there is no key `{text}` in {what}"));
                error.code = "manifest/unknown-key";
                return Err(match nearest(text, known.iter().copied()) {
                    Some(word) => error.hint(format!("did you mean `{word}`?")),
                    None => error.hint(format!("the keys here are {}", list(known))),
                });
            }
            read.push((text, value));
        }
        Ok(read)
    }

    fn string<'n>(&self, node: &'n Node<'_>, key: &str) -> Result<&'n str, Invalid> {
        match &node.value {
            Value::Text { text, plain: false } => Ok(text),
            Value::Text { .. } | Value::Null | Value::List(_) | Value::Map(_) => {
                Err(self.error(&node.span, format!("`{key}` must be a string")))
            }
        }
    }

    fn strings(&self, node: &Node<'_>, key: &str) -> Result<Vec<(String, Range<usize>)>, Invalid> {
        let nodes = node
            .list()
            .ok_or_else(|| self.error(&node.span, format!("`{key}` must be a list of strings")))?;
        let read = |node: &Node<'_>| Ok((self.string(node, key)?.to_owned(), node.span.clone()));
        nodes.iter().map(read).collect()
    }
}
