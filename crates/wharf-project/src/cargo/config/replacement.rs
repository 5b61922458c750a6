//! The source replacement that Wharf writes into `.cargo/config.toml`, so that plain Cargo finds every crate of the lock in a folder.
//! Source: the Cargo book, "Source Replacement".
//!
//! Invariants: what the user set is never changed: where a source is replaced already, the replacement is replaced in its turn, and
//! where that leads to another folder, nothing is written and the conflict is told. Writing twice is writing once; taking out what was
//! written leaves the file as it was.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike};
use wharf_ecosystem::cargo::SourceId;

use super::{CRATES_IO, CargoConfig, SourcePlace};
use crate::error::{Invalid, ProjectError};
use crate::text::SourceText;

/// The name of the source that Wharf writes. Where two sources have a crate of one name and version, cargo needs a folder for each:
/// the others are `wharf-2` and so on.
pub const SOURCE: &str = "wharf";
/// The folder of that source, relative to the folder that holds `.cargo`; those of the others are in it, called by their numbers.
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

/// The text of a file of configuration with every one of `directories`' sources led to that one of Wharf's folders. `config` is
/// what all files say together.
///
/// # Errors
/// Where the file is malformed, or leads a source to another folder already.
pub fn add(
    path: &Path,
    text: &str,
    config: &CargoConfig,
    directories: &[Vec<SourceId>],
) -> Result<String, ProjectError> {
    let mut file = File::parse(path, text)?;
    if directories.iter().all(Vec::is_empty) {
        return Ok(remove(path, text)?.unwrap_or_default());
    }
    let wanted = 0..directories.len();
    wanted.clone().try_for_each(|number| file.check_own(number))?;
    let numbered = directories.iter().enumerate();
    let sources = numbered.flat_map(|(number, sources)| sources.iter().map(move |source| (number, source)));
    // Those that the user replaces come first: the source that takes their place gets its name by that.
    let (replaced, plain): (Vec<_>, Vec<_>) = sources.partition(|(_, source)| {
        let name = file.name_of(config, source);
        file.text(&name, "replace-with")
            .is_some_and(|next| !file.is_own(next))
    });
    let mut kept: Vec<(String, usize)> = Vec::new();
    for (number, source) in replaced.into_iter().chain(plain) {
        let name = file.end_of_chain(config, source)?;
        if kept.iter().any(|(kept, other)| *kept == name && *other != number) {
            return Err(file.conflict(
                format!("`{name}` stands there for two sources that have crates of one name and version"),
                format!("take `replace-with {name}` out of one of them"),
            ));
        }
        file.lead(&name, config, source, number);
        kept.push((name, number));
    }
    file.take_out(|name| !kept.iter().any(|(kept, _)| kept == name));
    file.take_own(|number| !wanted.contains(&number));
    wanted.clone().for_each(|number| file.own(number));
    Ok(file.document.to_string())
}

/// The name of one of Wharf's sources, counted from 0.
#[must_use]
pub fn source_name(number: usize) -> String {
    match number {
        0 => SOURCE.to_owned(),
        number => format!("{SOURCE}-{}", number + 1),
    }
}

/// The folder of one of Wharf's sources within the first one's; empty for that.
#[must_use]
pub fn folder_name(number: usize) -> String {
    match number {
        0 => String::new(),
        number => (number + 1).to_string(),
    }
}

/// The number of a source that is called as Wharf calls its own, and the folder that it leads to if it is one.
pub(super) fn own(name: &str) -> Option<(usize, String)> {
    let rest = name.strip_prefix(SOURCE)?;
    let number = match rest.strip_prefix('-') {
        None if rest.is_empty() => 0,
        None => return None,
        Some(digits) => digits
            .parse::<usize>()
            .ok()?
            .checked_sub(1)
            .filter(|number| *number > 0)?,
    };
    let folder = match folder_name(number).as_str() {
        "" => DIRECTORY.to_owned(),
        inner => format!("{DIRECTORY}/{inner}"),
    };
    (source_name(number) == name).then_some((number, folder))
}

/// The text without what Wharf wrote; `None` where nothing is left of it.
///
/// # Errors
/// Where the file is malformed.
pub fn remove(path: &Path, text: &str) -> Result<Option<String>, ProjectError> {
    let mut file = File::parse(path, text)?;
    if !file.is_ours(SOURCE) {
        return Ok(Some(text.to_owned()).filter(|text| !text.trim().is_empty()));
    }
    file.take_out(|_| true);
    file.take_own(|_| true);
    if file.sources().is_some_and(|sources| sources.is_empty()) {
        file.document.remove("source");
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

    /// Whether a source is one that Wharf wrote.
    fn is_ours(&self, name: &str) -> bool {
        own(name).is_some_and(|(_, folder)| self.text(name, "directory") == Some(&folder))
    }

    /// Whether a name in `replace-with` means a source of Wharf's, which may have gone.
    fn is_own(&self, name: &str) -> bool {
        name == SOURCE || self.is_ours(name)
    }

    /// A source of our name that is not ours.
    fn check_own(&self, number: usize) -> Result<(), ProjectError> {
        let name = source_name(number);
        if self.source(&name).is_none() || self.is_ours(&name) {
            return Ok(());
        }
        Err(self.conflict(
            format!("[source.{name}] is there already, and is not what Wharf writes"),
            format!("give the source `{name}` another name"),
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
        while let Some(next) = self.text(&name, "replace-with").filter(|next| !self.is_own(next)) {
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
    fn lead(&mut self, name: &str, config: &CargoConfig, source: &SourceId, number: usize) {
        let own = source_name(number);
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
            for (key, text) in registry.as_ref().unwrap_or(source).keys() {
                table.insert(key, Item::Value(text.into()));
            }
        }
        if table.get("replace-with").and_then(Item::as_str) != Some(&own) {
            table.insert("replace-with", Item::Value(own.into()));
        }
    }

    /// One of our own sources, last.
    fn own(&mut self, number: usize) {
        let name = source_name(number);
        let Some((_, folder)) = own(&name).filter(|_| !self.is_ours(&name)) else {
            return;
        };
        if let Some(sources) = self.sources() {
            let mut table = last();
            table.decor_mut().set_prefix(format!("\n{COMMENT}"));
            table.insert("directory", Item::Value(folder.into()));
            sources.insert(&name, Item::Table(table));
        }
    }

    /// Takes those of our own sources out that are chosen.
    fn take_own(&mut self, goes: impl Fn(usize) -> bool) {
        for name in self.names() {
            if self.is_ours(&name)
                && own(&name).is_some_and(|(number, _)| goes(number))
                && let Some(sources) = self.sources()
            {
                sources.remove(&name);
            }
        }
    }

    fn names(&mut self) -> Vec<String> {
        let sources = self.sources().into_iter();
        sources
            .flat_map(|sources| {
                sources
                    .iter()
                    .map(|(name, _)| name.to_owned())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Takes our word out of those sources that are chosen, and out of the file what only we defined.
    fn take_out(&mut self, goes: impl Fn(&str) -> bool) {
        for name in self.names().iter().filter(|name| goes(name)) {
            if !self
                .text(name, "replace-with")
                .is_some_and(|next| self.is_own(next))
            {
                continue;
            }
            let Some(sources) = self.sources() else { return };
            let Some(table) = sources.get_mut(name).and_then(Item::as_table_like_mut) else {
                continue;
            };
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
