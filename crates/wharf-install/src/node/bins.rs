//! Commands: relative links in `.bin`, to the package beside it.
//!
//! As with npm, the first package in the order of names keeps a command that several bring; the others are told of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wharf_core::SafePath;
use wharf_store::{HomeId, Store};

use super::BinConflict;
use crate::layout::{Content, Item};

/// The `.bin` of one `node_modules`.
pub(super) struct Bins<'a> {
    folder: &'a str,
    /// The `node_modules` that it is for, below the root; empty, or with a slash at its end.
    prefix: &'a str,
    commands: BTreeMap<String, (String, &'a str)>,
    pub(super) conflicts: Vec<BinConflict>,
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
    pub(super) fn add(&mut self, owner: &'a str, base: &str, bin: &[(String, String)]) {
        for (command, path) in bin {
            let safe =
                !command.is_empty() && !command.contains(['/', '\\', '\0']) && !command.starts_with('.');
            let Some(path) = SafePath::new(path).ok().filter(|_| safe) else {
                continue;
            };
            let target = format!("{base}/{path}");
            match self.commands.get(command) {
                Some((kept, _)) if *kept == target => {}
                Some((_, kept)) => self.conflicts.push(BinConflict {
                    folder: self.folder.to_owned(),
                    command: command.clone(),
                    kept: (*kept).to_owned(),
                    hidden: owner.to_owned(),
                }),
                None => drop(self.commands.insert(command.clone(), (target, owner))),
            }
        }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item> {
        self.commands.iter().map(|(command, (target, _))| Item {
            path: format!("{}.bin/{command}", self.prefix),
            content: Content::Link(target.clone()),
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
