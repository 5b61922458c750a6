//! What must not reach the parser of `pep508_rs`. See [`super`] for the reasons.

/// The longest requirement that is read. The longest in use have some thousands of bytes.
const LONGEST: usize = 32 * 1024;
/// How deep parentheses may nest; the parser recurses once a level.
const DEEPEST: usize = 64;
/// How often `and` and `or` may both occur before the number of different variables counts.
const ALTERNATIONS: usize = 12;
/// How many different variables a marker of many alternations may have. The size of a decision diagram grows with the
/// product of both; markers in use have at most five.
const VARIABLES: usize = 6;

/// The variables that hold versions.
const VERSIONS: [&str; 3] = ["python_version", "python_full_version", "implementation_version"];

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
    if !names_end_well(parts.head) {
        return Err("a name ends with a letter or a digit");
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
    if shape.compatible_text {
        return Err("its marker compares a text with `~=`");
    }
    if shape.quoted_quote {
        return Err("its marker has a quote within quotes");
    }
    if shape.quoted_plus && shape.names.iter().any(|name| VERSIONS.contains(&name.as_str())) {
        return Err("its marker compares a Python version with a local one (`+`)");
    }
    if shape.ands.min(shape.ors) > ALTERNATIONS && shape.variables() > VARIABLES {
        return Err("its marker has too many conditions");
    }
    Ok(())
}

/// Whether every `-`, `_` and `.` in names and extras has more of the name behind it.
fn names_end_well(head: &str) -> bool {
    let is_separator = |byte: u8| matches!(byte, b'-' | b'_' | b'.');
    let mut following = head.bytes().skip(1);
    head.bytes().all(|byte| {
        let next = following.next();
        !is_separator(byte) || next.is_some_and(|next| next.is_ascii_alphanumeric() || is_separator(next))
    })
}

/// How large a marker's decision diagram may become, and what in it the parser could not handle.
#[derive(Default)]
struct Shape {
    depth: usize,
    ands: usize,
    ors: usize,
    /// `in`, `not in` and comparisons with `extra`: each is a variable of its own.
    switches: usize,
    names: Vec<String>,
    /// `~=` stands before a variable that holds no version.
    compatible_text: bool,
    /// A quoted text holds the other kind of quote, which the printed marker would not quote rightly.
    quoted_quote: bool,
    /// A quoted text holds a `+`, with which a local version cannot be printed.
    quoted_plus: bool,
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
            let before = marker[..marker.len() - rest.len()].trim_end();
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
                "in" | "extra" if !before.ends_with("~=") => shape.switches += 1,
                "not" => {}
                _ if matches!(first, '"' | '\'') => {
                    let inside = token.trim_matches(first);
                    shape.quoted_quote |= inside.contains(['"', '\'']);
                    shape.quoted_plus |= inside.contains('+');
                }
                _ if is_word(first) && before.ends_with("~=") && !VERSIONS.contains(&token) => {
                    shape.compatible_text = true;
                }
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
