//! Reading TOML with places: every accessor fails with line, column and what was expected instead.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::error::Invalid;
use crate::suggest::nearest;
use crate::text::SourceText;

/// A value with its place.
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;
/// A key with its place.
pub(crate) type Key<'i> = Spanned<Cow<'i, str>>;

/// Reads one TOML document.
pub(crate) fn parse(source: &SourceText) -> Result<DeTable<'_>, Invalid> {
    parse_head(source, source.text().len())
}

/// Reads the TOML document that the text holds before a byte.
pub(crate) fn parse_head(source: &SourceText, end: usize) -> Result<DeTable<'_>, Invalid> {
    DeTable::parse(&source.text()[..end])
        .map(Spanned::into_inner)
        .map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            Invalid::new(
                source,
                span,
                "toml/syntax",
                format!("this is not valid TOML: {}", error.message()),
            )
        })
}

/// Reads the values of one document.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'s> {
    pub(crate) source: &'s SourceText,
    /// The code of the errors: `manifest/invalid`, `lock/malformed` …
    pub(crate) code: &'static str,
}

impl<'s> Reader<'s> {
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span, self.code, message)
    }

    fn wrong_type(&self, value: &Value<'_>, what: &str, wanted: &str) -> Invalid {
        let found = value.get_ref().type_str();
        self.error(
            value.span(),
            format!("{what} must be {wanted}, and this is {}", article(found)),
        )
    }

    pub(crate) fn string<'v>(&self, value: &'v Value<'_>, what: &str) -> Result<&'v str, Invalid> {
        value
            .get_ref()
            .as_str()
            .ok_or_else(|| self.wrong_type(value, what, "a string"))
    }

    pub(crate) fn boolean(&self, value: &Value<'_>, what: &str) -> Result<bool, Invalid> {
        value
            .get_ref()
            .as_bool()
            .ok_or_else(|| self.wrong_type(value, what, "true or false"))
    }

    pub(crate) fn integer(&self, value: &Value<'_>, what: &str) -> Result<u64, Invalid> {
        let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        number
            .and_then(|number| number.as_str().parse().ok())
            .ok_or_else(|| self.wrong_type(value, what, "a whole number"))
    }

    pub(crate) fn table<'v, 'i>(&self, value: &'v Value<'i>, what: &str) -> Result<&'v DeTable<'i>, Invalid> {
        value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.wrong_type(value, what, "a table"))
    }

    pub(crate) fn array<'v, 'i>(&self, value: &'v Value<'i>, what: &str) -> Result<&'v DeArray<'i>, Invalid> {
        value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.wrong_type(value, what, "an array"))
    }

    /// The strings of an array, each with its place.
    pub(crate) fn strings<'v>(
        &self,
        value: &'v Value<'_>,
        what: &str,
    ) -> Result<Vec<(&'v str, Range<usize>)>, Invalid> {
        let entry = format!("each entry of {what}");
        self.array(value, what)?
            .iter()
            .map(|item| Ok((self.string(item, &entry)?, item.span())))
            .collect()
    }

    /// Refuses every key that is not in `known`, with the nearest known one as a hint.
    pub(crate) fn known_keys(&self, table: &DeTable<'_>, place: &str, known: &[&str]) -> Result<(), Invalid> {
        match table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            Some(key) => Err(self.unknown_key(key, place, known)),
            None => Ok(()),
        }
    }

    pub(crate) fn unknown_key(&self, key: &Key<'_>, place: &str, known: &[&str]) -> Invalid {
        let message = format!("there is no key `{}` in {place}", key.get_ref());
        let mut error = self.error(key.span(), message);
        error.code = "manifest/unknown-key";
        match nearest(key.get_ref(), known.iter().copied()) {
            Some(word) => error.hint(format!("did you mean `{word}`?")),
            None => error.hint(format!("the keys here are {}", list(known))),
        }
    }
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn article(noun: &str) -> String {
    let an = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if an { "an" } else { "a" })
}
