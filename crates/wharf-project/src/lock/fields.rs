//! The values of the large parts of a lock, each with the form that it must have. Every refusal has its place.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use rustc_hash::FxHashMap;
use wharf_core::{Source, WebUrl};

use super::reader::{Entry, Item, Value};
use crate::error::Invalid;
use crate::suggest::nearest;
use crate::table::list;
use crate::text::SourceText;

pub(super) type Parsed<T> = Result<T, Invalid>;

/// Reads values of one text.
pub(super) struct Fields<'t> {
    source: &'t SourceText,
    urls: RefCell<FxHashMap<String, WebUrl>>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(source: &'t SourceText) -> Self {
        Self {
            source,
            urls: RefCell::default(),
        }
    }

    pub(super) fn source(&self, item: &Item<'t>) -> Parsed<Source> {
        let entries = self.table(item, "`source`")?;
        let get = |key: &str| entries.iter().find(|entry| entry.key == key);
        let optional = |key: &str| get(key).map(|entry| self.text(entry)).transpose();
        let (keys, source): (&[&str], Source) = if let Some(entry) = get("registry") {
            let index = self.url(entry)?;
            (&["registry"], Source::Registry { index })
        } else if let Some(entry) = get("url") {
            let subdirectory = optional("subdirectory")?;
            let url = self.url(entry)?;
            (&["url", "subdirectory"], Source::Url { url, subdirectory })
        } else if let Some(entry) = get("git") {
            let commit = optional("commit")?.ok_or_else(|| self.missing("commit", item.span.clone()))?;
            let (reference, subdirectory) = (optional("reference")?, optional("subdirectory")?);
            let source = Source::Git {
                url: self.url(entry)?,
                reference,
                commit,
                subdirectory,
            };
            (&["git", "reference", "commit", "subdirectory"], source)
        } else if let Some(entry) = get("file") {
            let path = self.text(entry)?;
            (&["file"], Source::File { path })
        } else if let Some(entry) = get("directory") {
            let path = self.text(entry)?;
            let editable = get("editable").map_or(Ok(false), |entry| self.flag(entry))?;
            (&["directory", "editable"], Source::Directory { path, editable })
        } else if let Some(entry) = get("find-links") {
            let location = self.text(entry)?;
            (&["find-links"], Source::FindLinks { location })
        } else {
            let message = "this source is none of `registry`, `url`, `git`, `file`, `directory`";
            return Err(self.error(item.span.clone(), message));
        };
        match entries.iter().find(|entry| !keys.contains(&entry.key.as_ref())) {
            Some(entry) => Err(self.unknown(entry, "this source", keys)),
            None => Ok(source),
        }
    }

    /// A URL; each text is read once, since most packages of a lock share one registry.
    pub(super) fn url(&self, entry: &Entry<'t>) -> Parsed<WebUrl> {
        let text = self.string(entry)?;
        if let Some(known) = self.urls.borrow().get(text) {
            return Ok(known.clone());
        }
        let url =
            WebUrl::parse(text).map_err(|error| self.error(entry.item.span.clone(), error.to_string()))?;
        self.urls.borrow_mut().insert(text.to_owned(), url.clone());
        Ok(url)
    }

    pub(super) fn string<'e>(&self, entry: &'e Entry<'t>) -> Parsed<&'e str> {
        match &entry.item.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a string")),
        }
    }

    pub(super) fn text(&self, entry: &Entry<'t>) -> Parsed<String> {
        self.string(entry).map(str::to_owned)
    }

    /// A text that must have a certain form.
    pub(super) fn formed<T: FromStr<Err: Display>>(&self, entry: &Entry<'t>) -> Parsed<T> {
        let read = self.string(entry)?.parse();
        read.map_err(|error: T::Err| self.error(entry.item.span.clone(), error.to_string()))
    }

    /// A text without escapes, as names are.
    pub(super) fn plain_text(&self, entry: &Entry<'t>) -> Parsed<&'t str> {
        match entry.item.value {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a string without escapes")),
        }
    }

    /// The same for an entry of an array.
    pub(super) fn plain_item(&self, item: &Item<'t>, key: &str) -> Parsed<&'t str> {
        match item.value {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            _ => Err(self.wrong_type(item, &format!("each entry of {key}"), "a string without escapes")),
        }
    }

    pub(super) fn flag(&self, entry: &Entry<'t>) -> Parsed<bool> {
        match entry.item.value {
            Value::Flag(flag) => Ok(flag),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "true or false")),
        }
    }

    pub(super) fn whole(&self, entry: &Entry<'t>) -> Parsed<u64> {
        match entry.item.value {
            Value::Whole(number) => Ok(number),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "a whole number")),
        }
    }

    pub(super) fn list<'e>(&self, entry: &'e Entry<'t>) -> Parsed<&'e [Item<'t>]> {
        match &entry.item.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_type(&entry.item, &entry.key, "an array")),
        }
    }

    pub(super) fn table<'e>(&self, item: &'e Item<'t>, what: &str) -> Parsed<&'e [Entry<'t>]> {
        match &item.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.wrong_type(item, what, "a table")),
        }
    }

    pub(super) fn texts(&self, entry: &Entry<'t>) -> Parsed<Vec<String>> {
        let read = |item: &Item<'t>| match &item.value {
            Value::Text(text) => Ok(text.clone().into_owned()),
            _ => Err(self.wrong_type(item, &format!("each entry of {}", entry.key), "a string")),
        };
        self.list(entry)?.iter().map(read).collect()
    }

    pub(super) fn wrong_type(&self, item: &Item<'t>, what: &str, wanted: &str) -> Invalid {
        let found = item.value.kind();
        self.error(
            item.span.clone(),
            format!("{what} must be {wanted}, and this is {found}"),
        )
    }

    pub(super) fn unknown(&self, entry: &Entry<'t>, place: &str, known: &[&str]) -> Invalid {
        let span = entry.at..entry.at + entry.key.len();
        let error = self.error(span, format!("there is no key `{}` in {place}", entry.key));
        match nearest(&entry.key, known.iter().copied()) {
            Some(word) => error.hint(format!("did you mean `{word}`?")),
            None => error.hint(format!("the keys here are {}", list(known))),
        }
    }

    pub(super) fn missing(&self, key: &str, span: Range<usize>) -> Invalid {
        self.error(span, format!("`{key}` is missing here"))
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span, "lock/malformed", message)
    }
}
