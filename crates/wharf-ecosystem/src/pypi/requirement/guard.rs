//! What must not reach the parser of `pep508_rs`. See [`super`] for the reasons.

/// The longest requirement that is read. The longest in use have some thousands of bytes.
const LONGEST: usize = 32 * 1024;
/// How deep parentheses may nest; the parser recurses once a level.
const DEEPEST: usize = 64;
/// How often `and` and `or` may both occur before the number of different variables counts.
const ALTERNATIONS: usize = 20;
/// How many different variables a marker of many alternations may have. The size of a decision diagram grows with the
/// product of both; markers in use have at most five.
const VARIABLES: usize = 6;

/// Where a requirement's parts begin.
pub(super) struct Parts<'a> {
    /// Name and extras.
    pub(super) head: &'a str,
    /// Specifiers or URL, with the `@` of the latter.
    pub(super) body: &'a str,
    /// What follows the `;`.
    pub(super) marker: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Splits at the places where the parser will.
    pub(super) fn split(text: &'a str) -> Self {
        // In brackets only extras can stand, so an operator after them starts the body.
        let start = text.find(|c| "@(<>=!~;".contains(c)).unwrap_or(text.len());
        let (head, rest) = text.split_at(start);
        let semicolon = if rest.starts_with('@') {
            // In a URL only a `;` next to white space ends it.
            rest.match_indices(';').map(|(at, _)| at).find(|at| {
                rest[..*at].ends_with(char::is_whitespace) || rest[at + 1..].starts_with(char::is_whitespace)
            })
        } else {
            rest.find(';')
        };
        match semicolon {
            Some(at) => Self {
                head,
                body: &rest[..at],
                marker: Some(&rest[at + 1..]),
            },
            None => Self {
                head,
                body: rest,
                marker: None,
            },
        }
    }
}

/// Checks a whole requirement.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("it is too long");
    }
    let parts = Parts::split(text);
    if !parts.head.is_ascii() {
        return Err("names and extras are written in ASCII");
    }
    if let Some((_, extras)) = parts.head.split_once('[') {
        let extras = extras.split_once(']').map_or(extras, |(inside, _)| inside);
        if extras
            .split(',')
            .any(|extra| extra.trim_end().ends_with(['-', '_', '.']))
        {
            return Err("an extra ends with a letter or a digit");
        }
    }
    if parts.body.starts_with('@') && parts.body.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err("a URL has no line breaks");
    }
    parts.marker.map_or(Ok(()), check_marker)
}

/// Checks a marker.
pub(super) fn check_marker(marker: &str) -> Result<(), &'static str> {
    if marker.len() > LONGEST {
        return Err("its marker is too long");
    }
    if !marker.is_ascii() {
        return Err("markers are written in ASCII");
    }
    let shape = Shape::of(marker);
    if shape.depth > DEEPEST {
        return Err("its marker nests too deeply");
    }
    if shape.ands.min(shape.ors) > ALTERNATIONS && shape.variables() > VARIABLES {
        return Err("its marker has too many conditions");
    }
    Ok(())
}

/// How large a marker's decision diagram may become.
#[derive(Default)]
struct Shape {
    depth: usize,
    ands: usize,
    ors: usize,
    /// `in`, `not in` and comparisons with `extra`: each is a variable of its own.
    switches: usize,
    names: Vec<String>,
}

impl Shape {
    fn of(marker: &str) -> Self {
        let mut shape = Self::default();
        let mut open = 0usize;
        let mut rest = marker;
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            let (token, remaining) = rest.split_at(end);
            rest = remaining;
            match token {
                "(" => {
                    open += 1;
                    shape.depth = shape.depth.max(open);
                }
                ")" => open = open.saturating_sub(1),
                "and" => shape.ands += 1,
                "or" => shape.ors += 1,
                "in" | "extra" => shape.switches += 1,
                "not" => {}
                _ if is_word(first) && !shape.names.iter().any(|name| name == token) => {
                    shape.names.push(token.to_owned());
                }
                _ => {}
            }
        }
        shape
    }

    fn variables(&self) -> usize {
        self.names.len() + self.switches
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}
