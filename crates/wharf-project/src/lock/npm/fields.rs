//! The values that only npm's part has, each with the form that it must have.

use std::ops::Range;

use wharf_core::{Digest, Ecosystem, PackageName};
use wharf_ecosystem::npm::{EdgeKind, Version};

use crate::lock::fields::{Fields, Parsed};
use crate::lock::reader::{Entry, Item, Value};

impl<'t> Fields<'t> {
    pub(super) fn name(&self, entry: &Entry<'t>) -> Parsed<PackageName> {
        PackageName::new(Ecosystem::Npm, self.string(entry)?)
            .map_err(|error| self.error(entry.item.span.clone(), error.to_string()))
    }

    /// What a registry has must be a version: it stands in names of files and in URLs. Repositories and folders say what they
    /// like.
    pub(super) fn check_version(&self, text: &str, place: Range<usize>) -> Parsed<()> {
        match Version::parse_loose(text) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(place, error.to_string())),
        }
    }

    pub(super) fn kind(&self, entry: &Entry<'t>) -> Parsed<EdgeKind> {
        let word = self.string(entry)?;
        let all = [
            EdgeKind::Prod,
            EdgeKind::Dev,
            EdgeKind::Optional,
            EdgeKind::Peer,
            EdgeKind::OptionalPeer,
        ];
        let kind = all.into_iter().find(|kind| kind.as_str() == word);
        kind.ok_or_else(|| {
            self.error(
                entry.item.span.clone(),
                format!("`{word}` is no kind of dependency"),
            )
        })
    }

    /// Digests as Subresource Integrity writes them, with blanks between.
    pub(super) fn integrity(&self, entry: &Entry<'t>) -> Parsed<Vec<Digest>> {
        let read = |text: &str| {
            Digest::parse(text).map_err(|error| self.error(entry.item.span.clone(), error.to_string()))
        };
        self.string(entry)?.split_ascii_whitespace().map(read).collect()
    }

    /// `name@version` of each peer; a name may begin with `@`, a version may have any character.
    pub(super) fn peers(&self, entry: &Entry<'t>) -> Parsed<Vec<(String, String)>> {
        let read = |item: &Item<'t>| {
            let Value::Text(text) = &item.value else {
                return Err(self.wrong_type(item, "a peer", "a string"));
            };
            let cut = text.get(1..).and_then(|rest| rest.find('@'));
            let cut =
                cut.ok_or_else(|| self.error(item.span.clone(), format!("`{text}` is not `name@version`")))?;
            Ok((text[..=cut].to_owned(), text[cut + 2..].to_owned()))
        };
        self.list(entry)?.iter().map(read).collect()
    }

    pub(super) fn bin(&self, entry: &Entry<'t>) -> Parsed<Vec<(String, String)>> {
        let entries = self.table(&entry.item, "`bin`")?;
        entries
            .iter()
            .map(|entry| Ok((entry.key.clone().into_owned(), self.text(entry)?)))
            .collect()
    }
}
