//! The source replacement that Wharf writes into `.cargo/config.toml`, so that plain Cargo finds every crate of the lock in a folder.
//! Source: the Cargo book, "Source Replacement".
//!
//! Invariants: what the user set is never changed: where a source is replaced already, the replacement is replaced in its turn, and
//! where that leads to another folder, nothing is written and the conflict is told. Writing twice is writing once; taking out what was
//! written leaves the file as it was.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};
use wharf_ecosystem::cargo::{GitReference, SourceId};

use super::{CRATES_IO, CargoConfig, SourcePlace};
use crate::error::{Invalid, ProjectError};
use crate::text::SourceText;

/// The name of the source that Wharf writes.
pub const SOURCE: &str = "wharf";
/// The folder of that source, relative to the folder that holds `.cargo`.
pub const DIRECTORY: &str = ".wharf/cargo";

/// What marks a source that Wharf defines under a name of the user's.
const MARK: &str = "# Written by Wharf: the registry, as a source.";
const COMMENT: &str = "# Written by Wharf: plain Cargo finds the locked crates in this folder.\n";

/// The file of configuration of a folder that Cargo reads: where both names are there, the older one.
pub fn config_path(root: &Path) -> PathBuf {
    let older = root.join(".cargo/config");
    if older.is_file() {
        older
    } else {
        root.join(".cargo/config.toml")
    }
}

/// The text of a file of configuration with every one of `sources` led to Wharf's folder. `config` is what all files say together.
///
/// # Errors
/// Where the file is malformed, or leads a source to another folder already.
pub fn add(
    path: &Path,
    text: &str,
    config: &CargoConfig,
    sources: &[SourceId],
) -> Result<String, ProjectError> {
    let mut file = File::parse(path, text)?;
    if sources.is_empty() {
        return Ok(remove(path, text)?.unwrap_or_default());
    }
    file.check_own()?;
    let mut kept = Vec::new();
    // Those that the user replaces come first: the source that takes their place gets its name by that.
    let (replaced, plain): (Vec<&SourceId>, Vec<&SourceId>) = sources.iter().partition(|source| {
        let name = file.name_of(config, source);
        file.text(&name, "replace-with")
            .is_some_and(|next| next != SOURCE)
    });
    for source in replaced.into_iter().chain(plain) {
        let name = file.end_of_chain(config, source)?;
        kept.push(name.clone());
        file.lead(&name, config, source);
    }
    file.take_out(|name| !kept.iter().any(|kept| kept == name));
    file.own();
    Ok(file.document.to_string())
}

/// The text without what Wharf wrote; `None` where nothing is left of it.
///
/// # Errors
/// Where the file is malformed.
pub fn remove(path: &Path, text: &str) -> Result<Option<String>, ProjectError> {
    let mut file = File::parse(path, text)?;
    if !file.is_ours() {
        return Ok(Some(text.to_owned()).filter(|text| !text.trim().is_empty()));
    }
    file.take_out(|_| true);
    if let Some(sources) = file.sources() {
        sources.remove(SOURCE);
        if sources.is_empty() {
            file.document.remove("source");
        }
    }
    let left = file.document.to_string();
    Ok(Some(left).filter(|text| !text.trim().is_empty()))
}

struct File<'a> {
    path: &'a Path,
    document: DocumentMut,
}

impl<'a> File<'a> {
    fn parse(path: &'a Path, text: &str) -> Result<Self, ProjectError> {
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            let source = SourceText::new(path, text);
            let message = format!("this is not valid TOML: {}", error.message());
            Invalid::new(&source, error.span().unwrap_or(0..0), "toml/syntax", message)
        })?;
        Ok(Self { path, document })
    }

    fn sources(&mut self) -> Option<&mut dyn TableLike> {
        self.document.get_mut("source")?.as_table_like_mut()
    }

    fn source(&self, name: &str) -> Option<&dyn TableLike> {
        self.document
            .get("source")?
            .as_table_like()?
            .get(name)?
            .as_table_like()
    }

    fn text(&self, name: &str, key: &str) -> Option<&str> {
        self.source(name)?.get(key)?.as_str()
    }

    fn is_ours(&self) -> bool {
        self.text(SOURCE, "directory") == Some(DIRECTORY)
    }

    /// A source of our name that is not ours.
    fn check_own(&self) -> Result<(), ProjectError> {
        if self.source(SOURCE).is_none() || self.is_ours() {
            return Ok(());
        }
        Err(self.conflict(
            format!("[source.{SOURCE}] is there already, and is not what Wharf writes"),
            format!("give the source `{SOURCE}` another name"),
        ))
    }

    fn conflict(&self, reason: String, hint: String) -> ProjectError {
        ProjectError::Edit {
            path: self.path.to_owned(),
            reason,
            hints: vec![hint],
        }
    }

    /// The source that is to be led to our folder: the one asked for, or what this file puts in its place.
    fn end_of_chain(&self, config: &CargoConfig, source: &SourceId) -> Result<String, ProjectError> {
        let mut name = self.name_of(config, source);
        let mut seen = vec![name.clone()];
        while let Some(next) = self.text(&name, "replace-with").filter(|next| *next != SOURCE) {
            let next = next.to_owned();
            let place = config.sources.get(&next).map(|configured| &configured.place);
            let elsewhere = match place {
                Some(SourcePlace::Directory(path) | SourcePlace::LocalRegistry(path)) => {
                    Some(path.display().to_string())
                }
                Some(SourcePlace::Remote(_)) => None,
                None if config.registry(&next).is_some() => None,
                None => Some(format!("the unknown source {next}")),
            };
            if elsewhere.is_some() || seen.contains(&next) {
                let leads = elsewhere.unwrap_or_else(|| "itself".to_owned());
                return Err(self.conflict(
                    format!("it replaces the source `{name}` by `{next}`, which leads to `{leads}`"),
                    format!(
                        "take `replace-with` out of [source.{name}] there, and Wharf provides the crates"
                    ),
                ));
            }
            seen.push(next.clone());
            name = next;
        }
        Ok(name)
    }

    /// The name that configuration has for a source, or the one that it gets.
    fn name_of(&self, config: &CargoConfig, source: &SourceId) -> String {
        if source.is_crates_io() {
            return CRATES_IO.to_owned();
        }
        let known = config.sources.iter().find(
            |(_, configured)| matches!(&configured.place, SourcePlace::Remote(remote) if remote == source),
        );
        let known = known.map(|(name, _)| name.clone());
        known
            .or_else(|| self.defined_as(source))
            .unwrap_or_else(|| source.at_commit(None).to_string())
    }

    /// The name under which this file defines a registry.
    fn defined_as(&self, source: &SourceId) -> Option<String> {
        let sources = self.document.get("source")?.as_table_like()?;
        let mut named = sources.iter().filter(|(_, item)| {
            let url = item
                .as_table_like()
                .and_then(|table| table.get("registry")?.as_str());
            url.is_some_and(|url| SourceId::registry(url).as_ref() == Ok(source))
        });
        named.next().map(|(name, _)| name.to_owned())
    }

    /// Adds `replace-with`, and what else a source needs that nobody defined.
    fn lead(&mut self, name: &str, config: &CargoConfig, source: &SourceId) {
        let defined = config.sources.contains_key(name) || name == CRATES_IO || self.source(name).is_some();
        let registry = config.registry(name).map(|registry| registry.source.clone());
        let sources = self.document.entry("source").or_insert_with(implicit);
        let Some(sources) = sources.as_table_like_mut() else {
            return;
        };
        if !sources.contains_key(name) {
            let mut table = last();
            // Under a URL only Wharf defines a source; under the name of a registry, people might.
            if !defined && SourceId::parse(name).is_err() {
                table.decor_mut().set_prefix(format!("\n{MARK}\n"));
            }
            sources.insert(name, Item::Table(table));
        }
        let Some(table) = sources.get_mut(name).and_then(Item::as_table_like_mut) else {
            return;
        };
        if !defined {
            define(table, registry.as_ref().unwrap_or(source));
        }
        if table.get("replace-with").and_then(Item::as_str) != Some(SOURCE) {
            table.insert("replace-with", Item::Value(SOURCE.into()));
        }
    }

    /// Our own source, last.
    fn own(&mut self) {
        if self.is_ours() {
            return;
        }
        if let Some(sources) = self.sources() {
            let mut table = last();
            table.decor_mut().set_prefix(format!("\n{COMMENT}"));
            table.insert("directory", Item::Value(DIRECTORY.into()));
            sources.insert(SOURCE, Item::Table(table));
        }
    }

    /// Takes our word out of those sources that are chosen, and out of the file what only we defined.
    fn take_out(&mut self, goes: impl Fn(&str) -> bool) {
        let Some(sources) = self.sources() else { return };
        let names: Vec<String> = sources.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| goes(name)) {
            let Some(table) = sources.get_mut(name).and_then(Item::as_table_like_mut) else {
                continue;
            };
            if table.get("replace-with").and_then(Item::as_str) != Some(SOURCE) {
                continue;
            }
            table.remove("replace-with");
            let is_named_by_us = SourceId::parse(name).is_ok();
            if table.is_empty() || is_named_by_us || is_marked(sources.get(name)) {
                sources.remove(name);
            }
        }
    }
}

fn is_marked(item: Option<&Item>) -> bool {
    let prefix = item.and_then(|item| item.as_table()?.decor().prefix()?.as_str());
    prefix.is_some_and(|prefix| prefix.contains(MARK))
}

/// The keys that say what a source is.
fn define(table: &mut dyn TableLike, source: &SourceId) {
    let mut set = |key: &str, text: &str| {
        table.insert(key, Item::Value(Value::from(text)));
    };
    match source {
        SourceId::Registry(url) => set("registry", url),
        SourceId::Sparse(url) => set("registry", &format!("sparse+{url}")),
        SourceId::Git(git) => {
            set("git", git.url.as_str());
            match &git.reference {
                GitReference::Branch(name) => set("branch", name),
                GitReference::Tag(name) => set("tag", name),
                GitReference::Rev(name) => set("rev", name),
                GitReference::DefaultBranch => {}
            }
        }
        // Nothing replaces a folder.
        SourceId::Path(_) => {}
    }
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// A table that is printed after all others.
fn last() -> Table {
    let mut table = Table::new();
    table.set_position(Some(isize::MAX));
    table
}

#[cfg(test)]
#[path = "replacement_tests.rs"]
mod tests;
