//! Changes to JSON texts that leave everything else as it stands: order, indentation, line ends, what follows the last brace.
//! Invariant: an entry that was added and is removed again leaves the text as it was before.

use crate::json;
use crate::yaml::Node;

/// Where an entry goes among those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Where its key belongs if the keys are sorted, else last.
    Sorted,
    /// Before the entry of this index; last where there is no such entry.
    Before(usize),
}

/// The entries of an object in the order in which they stand.
pub(super) fn entries<'n, 't>(object: &'n Node<'t>) -> Vec<&'n (Node<'t>, Node<'t>)> {
    let mut entries: Vec<_> = object.map().unwrap_or_default().iter().collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    entries
}

/// The text with `key: raw` added to an object, or put in the place of what the key has. `raw` gets the indentation of the
/// entry, so that it can spread over lines.
pub(super) fn set(
    text: &str,
    object: &Node<'_>,
    key: &str,
    raw: &dyn Fn(&Layout) -> String,
    position: Position,
) -> String {
    let entries = entries(object);
    if let Some((name, value)) = entries.iter().find(|(name, _)| name.text() == Some(key)) {
        let layout = Layout::at(text, name.span.start);
        return spliced(text, value.span.clone(), &raw(&layout));
    }
    let Some((last, _)) = entries.last() else {
        let layout = Layout::inside(text, object.span.start);
        let entry = layout.entry(key, &raw(&layout.deeper()));
        return spliced(text, object.span.clone(), &layout.wrapped('{', &entry, '}'));
    };
    let at = match position {
        Position::Before(index) => index,
        Position::Sorted => sorted_place(&entries, key),
    };
    let neighbour = entries.get(at).map_or(last, |(name, _)| name);
    let layout = Layout::at(text, neighbour.span.start);
    let colon = colon(text, entries.get(at).or(entries.last()).copied());
    let entry = format!("{}{colon}{}", json::quoted(key), raw(&layout));
    place(
        text,
        &entries
            .iter()
            .map(|(name, value)| (name.span.start, value.span.end))
            .collect::<Vec<_>>(),
        at,
        &entry,
    )
}

/// The text with an item added at the end of an array.
pub(super) fn push(text: &str, array: &Node<'_>, item: &str) -> String {
    let items: Vec<(usize, usize)> = array
        .list()
        .unwrap_or_default()
        .iter()
        .map(|node| (node.span.start, node.span.end))
        .collect();
    if items.is_empty() {
        let layout = Layout::inside(text, array.span.start);
        return spliced(text, array.span.clone(), &layout.wrapped('[', item, ']'));
    }
    place(text, &items, items.len(), item)
}

/// Puts an element before the one at `at`, or last, with the space that its neighbour has.
fn place(text: &str, spans: &[(usize, usize)], at: usize, element: &str) -> String {
    match spans.get(at) {
        Some(&(start, _)) => spliced(text, start..start, &format!("{element},{}", gap(text, start))),
        None => {
            let &(start, end) = spans.last().expect("the caller handles what is empty");
            spliced(text, end..end, &format!(",{}{element}", gap(text, start)))
        }
    }
}

/// The text without the element at `at` of an object or an array; the last one leaves an empty one behind.
pub(super) fn take(text: &str, whole: &Node<'_>, at: usize) -> String {
    let spans: Vec<(usize, usize)> = match whole.list() {
        Some(items) => items
            .iter()
            .map(|item| (item.span.start, item.span.end))
            .collect(),
        None => entries(whole)
            .iter()
            .map(|(key, value)| (key.span.start, value.span.end))
            .collect(),
    };
    let Some(&(start, end)) = spans.get(at) else {
        return text.to_owned();
    };
    let range = match (
        at.checked_sub(1).and_then(|before| spans.get(before)),
        spans.get(at + 1),
    ) {
        (Some(&(_, before)), _) => before..end,
        (None, Some(&(next, _))) => start..next,
        (None, None) => whole.span.start + 1..whole.span.end - 1,
    };
    spliced(text, range, "")
}

/// Where a key belongs among sorted ones; behind the last where they are not sorted.
fn sorted_place(entries: &[&(Node<'_>, Node<'_>)], key: &str) -> usize {
    let names: Vec<&str> = entries.iter().filter_map(|(name, _)| name.text()).collect();
    let folded = |name: &str| name.to_lowercase();
    if names.is_sorted() {
        names.partition_point(|name| *name < key)
    } else if names.is_sorted_by_key(|name| folded(name)) {
        names.partition_point(|name| folded(name) < folded(key))
    } else {
        names.len()
    }
}

/// What stands between the key and the value of an entry.
fn colon<'t>(text: &'t str, entry: Option<&(Node<'_>, Node<'_>)>) -> &'t str {
    let between = entry.and_then(|(key, value)| text.get(key.span.end..value.span.start));
    between.unwrap_or(": ")
}

/// The white space before a place.
fn gap(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end_matches([' ', '\t', '\r', '\n']).len()..]
}

fn spliced(text: &str, range: std::ops::Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..range.start], &text[range.end..])
}

/// How a text is laid out at an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What begins a line at the entry's own depth; `None` where everything stands on one line.
    line: Option<String>,
    /// One more step to the right.
    unit: String,
    /// Whether no space follows the colons.
    compact: bool,
}

impl Layout {
    /// The layout of the entry whose key begins at `at`.
    fn at(text: &str, at: usize) -> Self {
        let gap = gap(text, at);
        let line = gap.rfind('\n').map(|newline| {
            let start = if gap[..newline].ends_with('\r') {
                newline - 1
            } else {
                newline
            };
            gap[start..].to_owned()
        });
        Self {
            line,
            unit: unit(text),
            compact: is_compact(text),
        }
    }

    /// The layout of whatever holds the object or array that begins at `at`.
    fn inside(text: &str, at: usize) -> Self {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[line_start..at];
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        // A file of one line stays one, unless it is nothing but an empty object.
        let one_line = !text.trim_end().contains('\n') && text.trim().len() > 2;
        Self {
            line: (!one_line).then(|| format!("{newline}{indent}")),
            unit: unit(text),
            compact: is_compact(text),
        }
    }

    /// An object or array with one element, which stands on a line of its own.
    pub(super) fn wrapped(&self, open: char, element: &str, close: char) -> String {
        match &self.line {
            Some(line) => format!("{open}{line}{}{element}{line}{close}", self.unit),
            None => format!("{open}{element}{close}"),
        }
    }

    /// An entry of a new object, in the form that the text has.
    pub(super) fn entry(&self, key: &str, raw: &str) -> String {
        let colon = if self.compact { ":" } else { ": " };
        format!("{}{colon}{raw}", json::quoted(key))
    }

    /// The layout one step further in.
    pub(super) fn deeper(&self) -> Self {
        Self {
            line: self.line.as_ref().map(|line| format!("{line}{}", self.unit)),
            unit: self.unit.clone(),
            compact: self.compact,
        }
    }
}

/// Whether a text has no space behind its first colon.
fn is_compact(text: &str) -> bool {
    let after = text.split_once("\":").map(|(_, after)| after);
    after.is_some_and(|after| !after.starts_with([' ', '\t', '\r', '\n']))
}

/// The step of indentation: that of the first indented line; two spaces where there is none.
fn unit(text: &str) -> String {
    let mut indents = text
        .lines()
        .map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
    indents
        .find(|indent| !indent.is_empty())
        .unwrap_or("  ")
        .to_owned()
}
