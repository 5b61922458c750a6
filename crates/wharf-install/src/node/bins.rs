//! Commands: relative links in `.bin`, to the package beside it.
//!
//! As with npm, the first package in the order of names keeps a command that several bring; the others are told of, unless it is
//! the same package under another name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wharf_core::SafePath;
use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{HomeId, Store};

use super::BinConflict;
use crate::layout::{Content, Item};

/// The `.bin` of one `node_modules`.
pub(super) struct Bins<'a> {
    folder: &'a str,
    /// The `node_modules` that it is for, below the root; empty, or with a slash at its end.
    prefix: &'a str,
    commands: BTreeMap<String, Command<'a>>,
    pub(super) conflicts: Vec<BinConflict>,
}

/// A command that is taken.
struct Command<'a> {
    target: String,
    owner: Owner<'a>,
}

/// Who brings commands.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The name under which it lies there.
    pub(super) alias: &'a str,
    /// Which package it is, for one that lies there under two names brings the same commands twice.
    pub(super) package: Option<PackageIndex>,
}

impl<'a> Bins<'a> {
    pub(super) fn new(folder: &'a str, prefix: &'a str) -> Self {
        Self {
            folder,
            prefix,
            commands: BTreeMap::new(),
            conflicts: Vec::new(),
        }
    }

    /// Takes the commands of a package; `base` leads from `.bin` to it. A command without a name is nobody's: [`named`] has
    /// those of its folder.
    pub(super) fn add(&mut self, owner: Owner<'a>, base: &str, bin: &[(String, String)]) {
        for (command, path) in bin {
            let safe =
                !command.is_empty() && !command.contains(['/', '\\', '\0']) && !command.starts_with('.');
            let Some(path) = SafePath::new(path).ok().filter(|_| safe) else {
                continue;
            };
            let target = format!("{base}/{path}");
            match self.commands.get(command) {
                Some(kept) if kept.target == target => {}
                Some(kept) if kept.owner.package.is_some() && kept.owner.package == owner.package => {}
                Some(kept) => self.conflicts.push(BinConflict {
                    folder: self.folder.to_owned(),
                    command: command.clone(),
                    kept: kept.owner.alias.to_owned(),
                    hidden: owner.alias.to_owned(),
                }),
                None => drop(self.commands.insert(command.clone(), Command { target, owner })),
            }
        }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item> {
        self.commands.iter().map(|(name, command)| Item {
            path: format!("{}.bin/{name}", self.prefix),
            content: Content::Link(command.target.clone()),
        })
    }
}

/// The commands of a package with those that its folder of commands has: each file in it, by its own name, as npm has it.
/// `home` has the package's files.
pub(super) fn named<'b>(
    bin: &'b [(String, String)],
    home: Option<&HomeId>,
    store: &Store,
) -> Cow<'b, [(String, String)]> {
    let folder = bin.iter().find(|(command, _)| command.is_empty());
    let (Some((_, folder)), Some(home)) = (folder, home) else {
        return bin.into();
    };
    // What cannot be read has no commands; placing its files tells why.
    let files = store.home_files(home).unwrap_or_default();
    let commands = files.iter().filter_map(|file| {
        let path = file.path.as_str();
        let below = path.strip_prefix(folder.as_str())?.strip_prefix('/')?;
        (!below.starts_with('.')).then(|| (file.path.file_name().to_owned(), path.to_owned()))
    });
    commands.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_under_two_names_is_in_nobodys_way() {
        let mut bins = Bins::new(".", "");
        let mut add = |alias, package, file: &str| {
            let bin = [("run".to_owned(), file.to_owned())];
            bins.add(Owner { alias, package }, &format!("../{alias}"), &bin);
        };
        add("one", Some(3), "cli.js");
        add("two", Some(3), "cli.js");
        add("other", Some(4), "cli.js");
        add("member", None, "cli.js");
        let hidden: Vec<&str> = bins.conflicts.iter().map(|one| &*one.hidden).collect();
        assert_eq!(hidden, ["other", "member"]);
        let items: Vec<Item> = bins.items().collect();
        assert_eq!(items, [Item::link(".bin/run", "../one/cli.js")]);
    }
}
