//! Reading YAML with places: a tree of nodes that know where they stand.
//! Invariant: aliases are resolved under a budget and nesting is bounded, so that a small text never becomes a large tree.
//! Source: yaml.org, specification 1.2.2; the merge key `<<` of YAML 1.1, which JavaScript tools still read.

use std::borrow::Cow;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::error::Invalid;
use crate::text::SourceText;

/// Deeper texts are refused: no file of ours comes near.
const DEPTH: usize = 64;
/// How many nodes aliases may add.
const COPIES: usize = 100_000;

/// A value and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'t> {
    /// What it is.
    pub(crate) value: Value<'t>,
    /// From its first byte; ends where the parser says, at or after the value.
    pub(crate) span: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'t> {
    /// Nothing, `~` or `null`.
    Null,
    /// Any other scalar.
    Text {
        /// Its text.
        text: Cow<'t, str>,
        /// Whether it stands without quotes, so that `true` and `1` may mean more than text.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node<'t>>),
    /// A mapping, in the file's order; no text stands twice among its keys.
    Map(Vec<(Node<'t>, Node<'t>)>),
}

impl<'t> Node<'t> {
    /// The value of a key, where this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'t>> {
        let entry = self.map()?.iter().find(|(name, _)| name.text() == Some(key))?;
        Some(&entry.1)
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text { text, .. } => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// `true` or `false` without quotes.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Text { text, plain: true } => match text.as_ref() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            Value::Text { .. } | Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries of a sequence.
    pub(crate) fn list(&self) -> Option<&[Node<'t>]> {
        match &self.value {
            Value::List(nodes) => Some(nodes),
            Value::Null | Value::Text { .. } | Value::Map(_) => None,
        }
    }

    /// The entries of a mapping.
    pub(crate) fn map(&self) -> Option<&[(Node<'t>, Node<'t>)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null | Value::Text { .. } | Value::List(_) => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Text { .. } => 0,
            Value::List(nodes) => nodes.iter().map(Node::count).sum(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.count() + value.count())
                .sum(),
        }
    }
}

/// Reads the first document of a text; an empty text is [`Value::Null`].
///
/// # Errors
/// Where it is not YAML, with the place.
pub(crate) fn parse(source: &SourceText) -> Result<Node<'_>, Invalid> {
    let mut documents = parse_all(source)?;
    if documents.is_empty() {
        return Ok(Node {
            value: Value::Null,
            span: 0..0,
        });
    }
    Ok(documents.swap_remove(0))
}

/// Reads every document of a text.
///
/// # Errors
/// Where it is not YAML, with the place.
pub(crate) fn parse_all(source: &SourceText) -> Result<Vec<Node<'_>>, Invalid> {
    let text = source.text();
    let mut builder = Builder {
        source,
        offsets: Offsets::of(text),
        open: Vec::new(),
        anchors: FxHashMap::default(),
        copies: 0,
        documents: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => return Err(builder.syntax(&error)),
        }
    }
    Ok(builder.documents)
}

/// A collection whose end has not come yet.
struct Open<'t> {
    anchor: usize,
    start: usize,
    kind: Kind<'t>,
}

enum Kind<'t> {
    List(Vec<Node<'t>>),
    Map {
        entries: Vec<(Node<'t>, Node<'t>)>,
        names: FxHashSet<String>,
        key: Option<Node<'t>>,
    },
}

struct Builder<'t> {
    source: &'t SourceText,
    offsets: Offsets,
    open: Vec<Open<'t>>,
    anchors: FxHashMap<usize, Node<'t>>,
    copies: usize,
    documents: Vec<Node<'t>>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, span: Span) -> Result<(), Invalid> {
        let span = self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = scalar(text, style);
                self.close(Node { value, span }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.alias(anchor, span)?;
                self.add(node)
            }
            Event::SequenceStart(anchor, _) => self.start(anchor, span, Kind::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let kind = Kind::Map {
                    entries: Vec::new(),
                    names: FxHashSet::default(),
                    key: None,
                };
                self.start(anchor, span, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span.end),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, span: Range<usize>, kind: Kind<'t>) -> Result<(), Invalid> {
        if self.open.len() >= DEPTH {
            return Err(self.error(span, "this is nested too deeply"));
        }
        self.open.push(Open {
            anchor,
            start: span.start,
            kind,
        });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), Invalid> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            Kind::List(nodes) => Value::List(nodes),
            Kind::Map { entries, .. } => Value::Map(merged(entries)),
        };
        let span = open.start..end.max(open.start);
        self.close(Node { value, span }, open.anchor)
    }

    fn close(&mut self, node: Node<'t>, anchor: usize) -> Result<(), Invalid> {
        if anchor > 0 {
            self.copied(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<Node<'t>, Invalid> {
        let Some(known) = self.anchors.get(&anchor) else {
            return Err(self.error(span, "this alias stands inside of what it names"));
        };
        let node = Node {
            value: known.value.clone(),
            span,
        };
        self.copied(&node)?;
        Ok(node)
    }

    fn copied(&mut self, node: &Node<'t>) -> Result<(), Invalid> {
        self.copies += node.count();
        if self.copies > COPIES {
            return Err(self.error(node.span.clone(), "the aliases of this file make it too large"));
        }
        Ok(())
    }

    fn add(&mut self, node: Node<'t>) -> Result<(), Invalid> {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.documents.push(node),
            Some(Kind::List(nodes)) => nodes.push(node),
            Some(Kind::Map { entries, names, key }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let name = node.text().map(str::to_owned);
                    if let Some(name) = name.filter(|name| name != "<<" && !names.insert(name.clone())) {
                        return Err(self.error(node.span, format!("the key `{name}` stands here twice")));
                    }
                    *key = Some(node);
                }
            },
        }
        Ok(())
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(self.source, span, "yaml/syntax", message)
    }

    fn syntax(&self, error: &ScanError) -> Invalid {
        let at = self.offsets.byte(error.marker().index());
        self.error(at..at, format!("this is not valid YAML: {}", error.info()))
    }
}

/// A mapping with the keys of its `<<` entries, which never replace its own.
fn merged<'t>(entries: Vec<(Node<'t>, Node<'t>)>) -> Vec<(Node<'t>, Node<'t>)> {
    let is_merge = |key: &Node<'_>| matches!(&key.value, Value::Text { text, plain: true } if text == "<<");
    if !entries.iter().any(|(key, _)| is_merge(key)) {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| is_merge(key));
    for (_, from) in merges {
        let maps = match from.value {
            Value::List(nodes) => nodes,
            Value::Null | Value::Text { .. } | Value::Map(_) => vec![from],
        };
        for map in maps {
            let Value::Map(entries) = map.value else { continue };
            for (key, value) in entries {
                if !own.iter().any(|(known, _)| known.value == key.value) {
                    own.push((key, value));
                }
            }
        }
    }
    own
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value<'_> {
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Text { text, plain }
}

/// From positions in characters, as the parser counts, to positions in bytes.
struct Offsets {
    /// The byte of each character; empty where all are ASCII, so that both are the same.
    bytes: Vec<usize>,
    length: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self {
            bytes,
            length: text.len(),
        }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            character.min(self.length)
        } else {
            self.bytes.get(character).copied().unwrap_or(self.length)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn source(text: &str) -> SourceText {
        SourceText::new(Path::new("x.yaml"), text)
    }

    #[test]
    fn texts_lists_and_maps_are_read() {
        let source =
            source("a: 1\n'b': \"x\\ty\"\nlist:\n- é\n- ~\n- {k: v, t: true, q: 'true'}\n---\nsecond\n");
        let node = parse(&source).unwrap();
        assert_eq!(node.get("a").and_then(Node::text), Some("1"));
        assert_eq!(node.get("b").and_then(Node::text), Some("x\ty"));
        let list = node.get("list").and_then(Node::list).unwrap();
        assert_eq!(list[0].text(), Some("é"));
        assert_eq!(list[1].value, Value::Null);
        assert_eq!(list[2].get("t").and_then(Node::boolean), Some(true));
        assert_eq!(list[2].get("q").and_then(Node::boolean), None);
        assert_eq!(source.position(list[2].get("k").unwrap().span.start), (6, 7));
        assert_eq!(parse_all(&source).unwrap()[1].text(), Some("second"));
    }

    #[test]
    fn aliases_and_merges_are_resolved() {
        let source = source("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nsame: *b\n");
        let node = parse(&source).unwrap();
        let own = node.get("own").unwrap();
        assert_eq!(own.get("x").and_then(Node::text), Some("1"));
        assert_eq!(own.get("y").and_then(Node::text), Some("3"));
        assert_eq!(own.get("<<"), None);
        assert_eq!(node.get("same").unwrap().get("y").and_then(Node::text), Some("2"));
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let check = |text: &str, place: (u32, u32), message: &str| {
            let error = parse(&source(text)).unwrap_err();
            assert_eq!((error.place.line, error.place.column), place, "{text:?}: {error}");
            assert!(error.message.contains(message), "{text:?}: {}", error.message);
        };
        check("a: 1\na: 2\n", (2, 1), "the key `a` stands here twice");
        check("a: [1\nb: 2\n", (2, 2), "this is not valid YAML");
        check("a: *nothing\n", (1, 4), "this is not valid YAML");
        check(
            "a: &a [*a]\n",
            (1, 8),
            "this alias stands inside of what it names",
        );
    }

    #[test]
    fn small_texts_stay_small() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                vec![before; 10].join(", ")
            ));
        }
        let error = parse(&source(&text)).unwrap_err();
        assert!(error.message.contains("too large"), "{error}");
        let error = parse(&source(&"[".repeat(10_000))).unwrap_err();
        assert!(
            error.message.contains("nested") || error.message.contains("not valid"),
            "{error}"
        );
    }
}
