//! Commands: relative links in `.bin`, to the package beside it; for those of members that cannot be started, what starts them.
//!
//! As with npm, the first package in the order of names keeps a command that several bring; the others are told of, unless it is
//! the same package under another name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use wharf_core::SafePath;
use wharf_ecosystem::npm::Importer;
use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{HomeId, Store};

use super::{BinConflict, starter};
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
    /// What stands in for a link.
    starter: Option<Vec<u8>>,
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
        self.take(owner, base, bin, |_, _| None);
    }

    /// Takes the commands of a member of the workspace, which lies below `root`.
    pub(super) fn add_member(&mut self, alias: &'a str, base: &str, member: &Importer, root: &Path) {
        let folder = root.join(&member.path);
        let package = None;
        self.take(Owner { alias, package }, base, &member.bin, |path, target| {
            starter::of(&folder.join(path.as_str()), target)
        });
    }

    fn take(
        &mut self,
        owner: Owner<'a>,
        base: &str,
        bin: &[(String, String)],
        starter: impl Fn(&SafePath, &str) -> Option<Vec<u8>>,
    ) {
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
                None => {
                    let starter = starter(&path, &target);
                    let taken = Command {
                        target,
                        starter,
                        owner,
                    };
                    self.commands.insert(command.clone(), taken);
                }
            }
        }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item> {
        self.commands.iter().map(|(name, command)| Item {
            path: format!("{}.bin/{name}", self.prefix),
            content: match &command.starter {
                Some(starter) => Content::Bytes {
                    bytes: starter.clone(),
                    executable: true,
                },
                None => Content::Link(command.target.clone()),
            },
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
        let path = file.as_str();
        let below = path.strip_prefix(folder.as_str())?.strip_prefix('/')?;
        (!below.starts_with('.')).then(|| (file.file_name().to_owned(), path.to_owned()))
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
