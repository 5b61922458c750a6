//! JSON values as manifests hold them: objects keep the order of the file, and the last of equal keys counts, as in JavaScript.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// `null`, or nothing at all.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is whole and not negative.
    Whole(u64),
    /// Any other number; nothing that a package manager reads.
    Number,
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object: its keys, each once, in the order in which they first stand.
    Object(Vec<(String, Json)>),
}

/// A text that is not JSON, with the place at which it stops being.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct InvalidJson {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1; 0 at a line's end.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Json {
    /// Reads one value. A byte order mark in front is allowed, as in npm.
    ///
    /// # Errors
    /// Where it is not JSON, or nests deeper than 128 levels.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJson> {
        read(bytes)
    }

    /// The value of a key; `None` where this is no object or has no such key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let (_, value) = self.object()?.iter().find(|(own, _)| own == key)?;
        Some(value)
    }

    /// Its text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Number => None,
            Json::List(_) | Json::Object(_) => None,
        }
    }

    /// Its items.
    pub fn list(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Number => None,
            Json::Text(_) | Json::Object(_) => None,
        }
    }

    /// Its keys and values.
    pub fn object(&self) -> Option<&[(String, Json)]> {
        match self {
            Json::Object(entries) => Some(entries),
            Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Number => None,
            Json::Text(_) | Json::List(_) => None,
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "true or false",
            Json::Whole(_) | Json::Number => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

/// Reads any type from a whole text, past a byte order mark.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, InvalidJson> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let whole = error.to_string();
        let place = format!(" at line {line} column {column}");
        InvalidJson {
            line,
            column,
            reason: whole.strip_suffix(&place).unwrap_or(&whole).to_owned(),
        }
    })
}

/// Puts an entry where its key stands already, or last.
pub(super) fn insert<T>(entries: &mut Vec<(String, T)>, key: String, value: T) {
    match entries.iter_mut().find(|(own, _)| *own == key) {
        Some((_, known)) => *known = value,
        None => entries.push((key, value)),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Json>()? {
            entries.push((key, value));
        }
        Ok(Json::Object(last_of_equal_keys(entries)))
    }
}

/// Every key once, where it first stands, with its last value.
fn last_of_equal_keys(entries: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let mut positions = rustc_hash::FxHashMap::default();
    let repeated = entries
        .iter()
        .enumerate()
        .any(|(position, (key, _))| positions.insert(key.as_str(), position).is_some());
    if !repeated {
        return entries;
    }
    let mut kept: Vec<(String, Json)> = Vec::with_capacity(entries.len());
    let mut positions = rustc_hash::FxHashMap::<String, usize>::default();
    for (key, value) in entries {
        match positions.get(&key) {
            Some(position) => kept[*position].1 = value,
            None => {
                positions.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_the_last_of_equal_keys_counts() {
        let json = Json::parse(b"\xef\xbb\xbf{\"b\": 1, \"a\": [null, -1], \"b\": \"x\"}").unwrap();
        let expected = vec![
            ("b".to_owned(), Json::Text("x".to_owned())),
            ("a".to_owned(), Json::List(vec![Json::Null, Json::Number])),
        ];
        assert_eq!(json, Json::Object(expected));
    }

    #[test]
    fn errors_have_a_place() {
        let error = Json::parse(b"{\n  \"a\": 1,\n}").unwrap_err();
        assert_eq!((error.line, error.column), (3, 1));
        assert_eq!(error.to_string(), "line 3, column 1: trailing comma");
        assert!(Json::parse("[".repeat(1000).as_bytes()).is_err());
    }
}
