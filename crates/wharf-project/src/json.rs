//! Reading JSON with places: the same tree of nodes as YAML gives, so that one reader serves both.
//! Invariant: nesting is bounded; of equal keys the last one counts, as JavaScript has it, and the others are told.
//! Source: RFC 8259; comments and trailing commas as `bun.lock` has them.

use std::borrow::Cow;
use std::ops::Range;

use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::json::Json;

use crate::error::Invalid;
use crate::text::SourceText;
use crate::yaml::{Node, Value};

/// Deeper texts are refused: no file of ours comes near.
const DEPTH: usize = 128;

/// How strictly a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// RFC 8259 and nothing else.
    Strict,
    /// With comments and trailing commas.
    Relaxed,
}

/// A text and what stands in it twice.
pub(crate) struct Document<'t> {
    pub(crate) root: Node<'t>,
    /// The keys that a later one of the same name replaces.
    pub(crate) replaced: Vec<(String, Range<usize>)>,
}

/// Reads a text.
///
/// # Errors
/// Where it is not JSON, with the place.
pub(crate) fn parse(source: &SourceText, dialect: Dialect) -> Result<Node<'_>, Invalid> {
    document(source, dialect).map(|document| document.root)
}

/// Reads a text with what stands in it twice.
///
/// # Errors
/// Where it is not JSON, with the place.
pub(crate) fn document(source: &SourceText, dialect: Dialect) -> Result<Document<'_>, Invalid> {
    let mut parser = Parser {
        source,
        text: source.text(),
        at: 0,
        depth: 0,
        dialect,
        replaced: Vec::new(),
    };
    // npm passes over the mark that some editors put first.
    if parser.text.starts_with('\u{feff}') {
        parser.at = '\u{feff}'.len_utf8();
    }
    let root = parser.value()?;
    parser.blank()?;
    if parser.at < parser.text.len() {
        return Err(parser.unexpected("the end of the file"));
    }
    Ok(Document {
        root,
        replaced: parser.replaced,
    })
}

struct Parser<'t> {
    source: &'t SourceText,
    text: &'t str,
    at: usize,
    depth: usize,
    dialect: Dialect,
    replaced: Vec<(String, Range<usize>)>,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, span: Range<usize>, message: &str) -> Invalid {
        let message = format!("this is not valid JSON: {message}");
        Invalid::new(self.source, span, "json/syntax", message)
    }

    fn unexpected(&self, wanted: &str) -> Invalid {
        let here = self.at..self.at + 1;
        let Some(found) = self.text[self.at..].chars().next() else {
            return self.error(here, &format!("the file ends where {wanted} should be"));
        };
        let error = self.error(here, &format!("`{found}` stands where {wanted} should be"));
        match found {
            '/' => error.hint("JSON has no comments: take it out"),
            '\'' => error.hint("JSON's strings stand in double quotes"),
            '<' | '>' | '=' if self.line_start() => error.hint("resolve the merge conflict"),
            _ => error,
        }
    }

    fn line_start(&self) -> bool {
        self.text[..self.at].ends_with('\n')
    }

    /// Passes over white space, and over comments where they are allowed.
    fn blank(&mut self) -> Result<(), Invalid> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            let rest = &self.text[self.at..];
            if self.dialect == Dialect::Strict || !rest.starts_with('/') {
                return Ok(());
            }
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                let end = rest.find("*/");
                end.ok_or_else(|| self.error(self.at..self.at + 2, "this comment has no end"))? + 2
            } else {
                return Err(self.unexpected("a value"));
            };
            self.at += length;
        }
    }

    fn value(&mut self) -> Result<Node<'t>, Invalid> {
        self.blank()?;
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::Text {
                text: self.string()?,
                plain: false,
            },
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        let span = start..self.at;
        Ok(Node { value, span })
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value<'t>, Invalid>,
    ) -> Result<Value<'t>, Invalid> {
        if self.depth == DEPTH {
            return Err(self.error(self.at..self.at + 1, "it is nested too deeply"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Whether another entry follows the one that was just read, or the first one.
    fn next(&mut self, close: u8, first: bool) -> Result<bool, Invalid> {
        self.blank()?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        if first {
            return Ok(true);
        }
        if self.peek() != Some(b',') {
            return Err(self.unexpected(&format!("`,` or `{}`", char::from(close))));
        }
        let comma = self.at;
        self.at += 1;
        self.blank()?;
        if self.peek() != Some(close) {
            return Ok(true);
        }
        if self.dialect == Dialect::Strict {
            let error = self.error(comma..comma + 1, "nothing follows this comma");
            return Err(error.hint("take the comma out"));
        }
        self.at += 1;
        Ok(false)
    }

    fn array(&mut self) -> Result<Value<'t>, Invalid> {
        let mut nodes = Vec::new();
        while self.next(b']', nodes.is_empty())? {
            nodes.push(self.value()?);
        }
        Ok(Value::List(nodes))
    }

    fn object(&mut self) -> Result<Value<'t>, Invalid> {
        let mut entries: Vec<(Node<'t>, Node<'t>)> = Vec::new();
        let mut known: FxHashMap<String, usize> = FxHashMap::default();
        let mut first = true;
        while self.next(b'}', first)? {
            first = false;
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let text = self.string()?;
            let name = text.clone().into_owned();
            let key = Node {
                value: Value::Text { text, plain: false },
                span: start..self.at,
            };
            self.blank()?;
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            let value = self.value()?;
            match known.get(&name) {
                Some(&at) => {
                    self.replaced.push((name, entries[at].0.span.clone()));
                    entries[at] = (key, value);
                }
                None => {
                    known.insert(name, entries.len());
                    entries.push((key, value));
                }
            }
        }
        Ok(Value::Map(entries))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value<'t>, Invalid> {
        let rest = &self.text[self.at..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let span = self.at..self.at + word.len();
        let value = match word {
            "null" => Value::Null,
            "true" | "false" => plain(word),
            _ if is_number(word) => plain(word),
            _ => return Err(self.error(span, &format!("`{word}` is no value"))),
        };
        self.at = span.end;
        Ok(value)
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Invalid> {
        let start = self.at;
        self.at += 1;
        let mut made: Option<String> = None;
        let mut copied = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let buffer = made.get_or_insert_default();
                    buffer.push_str(&self.text[copied..self.at]);
                    let escaped = self.escape()?;
                    made.get_or_insert_default().push(escaped);
                    copied = self.at;
                }
                None | Some(b'\n' | b'\r') => {
                    return Err(self.error(start..self.at, "this string has no end"));
                }
                Some(0..0x20) => {
                    return Err(self.error(self.at..self.at + 1, "a control character must be escaped"));
                }
                Some(_) => self.at += 1,
            }
        }
        let last = &self.text[copied..self.at];
        self.at += 1;
        Ok(match made {
            Some(buffer) => Cow::Owned(buffer + last),
            None => Cow::Borrowed(last),
        })
    }

    /// Reads one escape, which begins here.
    fn escape(&mut self) -> Result<char, Invalid> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(quoted @ (b'"' | b'\\' | b'/')) => char::from(quoted),
            Some(b'u') => self.unicode(start)?,
            _ => {
                let error = self.error(start..start + 1, "no such escape");
                return Err(error.hint("write a backslash as `\\\\`"));
            }
        })
    }

    /// The four digits behind `\u`, and those of the second half of a pair.
    fn unicode(&mut self, start: usize) -> Result<char, Invalid> {
        let high = self.hex(start)?;
        let pair = (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u");
        if pair {
            let before = self.at;
            self.at += 2;
            let low = self.hex(start)?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at = before;
        }
        Ok(char::from_u32(high).unwrap_or('\u{fffd}'))
    }

    fn hex(&mut self, start: usize) -> Result<u32, Invalid> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.error(start..start + 2, "four hexadecimal digits must follow"))
    }
}

fn plain(word: &str) -> Value<'_> {
    Value::Text {
        text: Cow::Borrowed(word),
        plain: true,
    }
}

fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (number, exponent) = match word.split_once(['e', 'E']) {
        Some((number, exponent)) => (
            number,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (word, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

/// A text as a JSON string with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A node as the value that the ecosystem's rules read.
pub(crate) fn to_value(node: &Node<'_>) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Text { text, plain: true } if text == "true" => Json::Bool(true),
        Value::Text { text, plain: true } if text == "false" => Json::Bool(false),
        // A version that YAML holds for a number (`1.20`) is meant as it is written.
        Value::Text { text, .. } => Json::Text(text.clone().into_owned()),
        Value::List(nodes) => Json::List(nodes.iter().map(to_value).collect()),
        Value::Map(entries) => {
            let entry = |(key, value): &(Node<'_>, Node<'_>)| Some((key.text()?.to_owned(), to_value(value)));
            Json::Object(entries.iter().filter_map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn source(text: &str) -> SourceText {
        SourceText::new(Path::new("x.json"), text)
    }

    #[test]
    fn values_have_places() {
        let text = "\u{feff}{\"a\": 1.5e3, \"b\": [true, null, \"\\u00e9\\ud83d\\ude00\\n\"], \"a\": {\"c\": \"d\"}}\n";
        let source = source(text);
        let document = document(&source, Dialect::Strict).unwrap();
        let root = &document.root;
        assert_eq!(
            root.get("a").and_then(|a| a.get("c")).and_then(Node::text),
            Some("d")
        );
        let list = root.get("b").and_then(Node::list).unwrap();
        assert_eq!(list[0].boolean(), Some(true));
        assert_eq!(list[1].value, Value::Null);
        assert_eq!(list[2].text(), Some("é😀\n"));
        assert_eq!(&text[list[2].span.clone()], "\"\\u00e9\\ud83d\\ude00\\n\"");
        assert_eq!(document.replaced.len(), 1);
    }

    #[test]
    fn what_is_wrong_has_a_place_and_a_step() {
        for (text, place, message, hint) in [
            ("", (1, 1), "the file ends where a value should be", ""),
            (
                "{\n  \"a\": 1,\n}",
                (2, 9),
                "nothing follows this comma",
                "take the comma out",
            ),
            (
                "{\"a\": 1 \"b\": 2}",
                (1, 9),
                "`\"` stands where `,` or `}` should be",
                "",
            ),
            (
                "{a: 1}",
                (1, 2),
                "`a` stands where a key in double quotes should be",
                "",
            ),
            ("{\n// x\n}", (2, 1), "`/` stands where", "JSON has no comments"),
            ("{'a': 1}", (1, 2), "stands where a key", "double quotes"),
            ("{\n<<<<<<< HEAD\n}", (2, 1), "`<` stands", "merge conflict"),
            ("{\"a\": tru}", (1, 7), "`tru` is no value", ""),
            ("{\"a\": 01}", (1, 7), "`01` is no value", ""),
            ("[0.]", (1, 2), "`0.` is no value", ""),
            ("[1e+]", (1, 2), "`1e+` is no value", ""),
            ("{\"a\": \"b\n\"}", (1, 7), "this string has no end", ""),
            ("\"\\x\"", (1, 2), "no such escape", "`\\\\`"),
            (
                "[1] 2",
                (1, 5),
                "`2` stands where the end of the file should be",
                "",
            ),
        ] {
            let error = parse(&source(text), Dialect::Strict).unwrap_err();
            assert_eq!((error.place.line, error.place.column), place, "{text:?}: {error}");
            assert!(error.message.contains(message), "{text:?}: {}", error.message);
            assert!(
                error.hints.join(" ").contains(hint),
                "{text:?}: {:?}",
                error.hints
            );
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&source(&deep), Dialect::Relaxed).is_err());
    }

    #[test]
    fn the_relaxed_dialect_has_comments_and_commas() {
        let source = source("// first\n{\"a\": [1, 2,], /* x */ \"b\": {},}\n// last");
        let root = parse(&source, Dialect::Relaxed).unwrap();
        assert_eq!(root.get("a").and_then(Node::list).map(<[_]>::len), Some(2));
        assert!(parse(&source, Dialect::Strict).is_err());
    }

    fn same(node: &Node<'_>, json: &serde_json::Value) -> bool {
        match (&node.value, json) {
            (Value::Null, serde_json::Value::Null) => true,
            (Value::Text { text, plain: true }, serde_json::Value::Number(number)) => {
                text.parse::<f64>().ok() == number.as_f64()
            }
            (Value::Text { text, plain: true }, serde_json::Value::Bool(truth)) => *text == truth.to_string(),
            (Value::Text { text, plain: false }, serde_json::Value::String(string)) => text == string,
            (Value::List(nodes), serde_json::Value::Array(items)) => {
                nodes.len() == items.len() && nodes.iter().zip(items).all(|(node, item)| same(node, item))
            }
            (Value::Map(entries), serde_json::Value::Object(object)) => {
                entries.len() == object.len()
                    && entries.iter().all(|(key, value)| {
                        object
                            .get(key.text().unwrap_or_default())
                            .is_some_and(|json| same(value, json))
                    })
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde(text in "[\\[\\]{}:, \"a\\\\u0-9.e\ntrulfs-]{0,40}") {
            let source = source(&text);
            match (parse(&source, Dialect::Strict), serde_json::from_str::<serde_json::Value>(&text)) {
                (Ok(node), Ok(json)) => prop_assert!(same(&node, &json), "{node:?} {json}"),
                (Err(_), Err(_)) => {}
                // Lone surrogates and numbers out of range are refused there and read here.
                (Ok(_), Err(error)) => prop_assert!(
                    text.contains("\\u") || text.contains('e') || error.to_string().contains("range"), "{error}"),
                (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
            }
        }
    }
}
