//! Typed access to a parsed `Cargo.toml`: whatever is of the wrong type is told with its place.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::InvalidManifest;

pub(super) type Value<'i> = Spanned<DeValue<'i>>;
pub(super) type Key<'i> = Spanned<Cow<'i, str>>;

type Read<T> = Result<T, InvalidManifest>;

pub(super) fn wrong(span: Range<usize>, message: impl Into<String>) -> InvalidManifest {
    InvalidManifest {
        span,
        message: message.into(),
        hint: None,
    }
}

fn wrong_type(value: &Value<'_>, what: &str, wanted: &str) -> InvalidManifest {
    let found = value.get_ref().type_str();
    let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
    wrong(
        value.span(),
        format!("{what} must be {wanted}, and this is {article} {found}"),
    )
}

pub(super) fn document(text: &str) -> Read<DeTable<'_>> {
    DeTable::parse(text).map(Spanned::into_inner).map_err(|error| {
        let message = format!("this is not valid TOML: {}", error.message());
        wrong(error.span().unwrap_or(0..0), message)
    })
}

pub(super) fn table<'v, 'i>(value: &'v Value<'i>, what: &str) -> Read<&'v DeTable<'i>> {
    let table = value.get_ref().as_table();
    table.ok_or_else(|| wrong_type(value, what, "a table"))
}

/// The table under a key, where there is one.
pub(super) fn section<'v, 'i>(
    parent: &'v DeTable<'i>,
    key: &str,
    what: &str,
) -> Read<Option<&'v DeTable<'i>>> {
    parent.get(key).map(|value| table(value, what)).transpose()
}

pub(super) fn string<'v>(value: &'v Value<'_>, what: &str) -> Read<&'v str> {
    let text = value.get_ref().as_str();
    text.ok_or_else(|| wrong_type(value, what, "a string"))
}

pub(super) fn boolean(value: &Value<'_>, what: &str) -> Read<bool> {
    let flag = value.get_ref().as_bool();
    flag.ok_or_else(|| wrong_type(value, what, "true or false"))
}

/// The string under a key, where there is one.
pub(super) fn text(parent: &DeTable<'_>, key: &str) -> Read<Option<String>> {
    let value = parent.get(key);
    value
        .map(|value| string(value, &format!("`{key}`")).map(str::to_owned))
        .transpose()
}

pub(super) fn flag(parent: &DeTable<'_>, key: &str) -> Read<Option<bool>> {
    let value = parent.get(key);
    value.map(|value| boolean(value, &format!("`{key}`"))).transpose()
}

/// The strings of an array, each with its place.
pub(super) fn strings(value: &Value<'_>, what: &str) -> Read<Vec<(String, Range<usize>)>> {
    let array = value
        .get_ref()
        .as_array()
        .ok_or_else(|| wrong_type(value, what, "an array"))?;
    array
        .iter()
        .map(|item| {
            let text = string(item, &format!("each entry of {what}"))?;
            Ok((text.to_owned(), item.span()))
        })
        .collect()
}

/// The strings of an array without their places.
pub(super) fn words(value: &Value<'_>, what: &str) -> Read<Vec<String>> {
    let texts = strings(value, what)?;
    Ok(texts.into_iter().map(|(text, _)| text).collect())
}

/// A table under either of two spellings. Editions before 2024 have the one with the underscore as well.
pub(super) fn either<'v, 'i>(
    parent: &'v DeTable<'i>,
    key: &str,
    old: &str,
) -> Option<(&'v Key<'i>, &'v Value<'i>)> {
    parent.get_key_value(key).or_else(|| parent.get_key_value(old))
}
