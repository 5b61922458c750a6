//! Relations, one alternative after the other, borrowed from the text and without allocation.

use memchr::memchr2;
use wharf_core::{Explain, Fault};

use crate::architecture;
use crate::version::{Operator, is_version};

/// One alternative as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// Whether a relation starts here; otherwise this is a further alternative of the one before.
    pub first: bool,
    /// The name, as it is written.
    pub name: &'a str,
    /// What stands behind a colon: `any`, `native` or an architecture.
    pub qualifier: Option<&'a str>,
    /// The condition on versions.
    pub version: Option<(Operator, &'a str)>,
    /// What stands between brackets, or nothing.
    architectures: &'a str,
    /// What stands between the first `<` and the last `>`, or nothing.
    profiles: &'a str,
}

/// A relation that is none, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` in the relation `{relation}` cannot be read: {reason}")]
pub struct InvalidRelation {
    /// The relation or the start of it.
    pub relation: String,
    /// The part that is wrong.
    pub part: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl InvalidRelation {
    pub(super) fn new(relation: &str, part: &str, reason: &'static str) -> Self {
        /// Fields of source packages have tens of kilobytes; an error is a line.
        const LONGEST: usize = 120;
        let short = |text: &str| match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", text[..end].trim()),
            None => text.trim().to_owned(),
        };
        Self {
            relation: short(relation),
            part: short(part),
            reason,
        }
    }
}

impl Explain for InvalidRelation {
    fn code(&self) -> &'static str {
        "deb/relation"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "write it as Debian does: `nginx`, `libpq-dev (>= 15)`, `exim4 | postfix`, `python3:any`"
                .to_owned(),
        ]
    }
}

/// The alternatives of a whole field, in order. After a malformed one come those behind the next comma.
pub fn terms(text: &str) -> Terms<'_> {
    Terms {
        rest: text,
        first: true,
    }
}

/// See [`terms`].
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    rest: &'a str,
    first: bool,
}

impl<'a> Iterator for Terms<'a> {
    type Item = Result<Term<'a>, InvalidRelation>;

    fn next(&mut self) -> Option<Self::Item> {
        // Commas that separate nothing are common and harmless: a trailing one, two in a row where a variable was empty.
        while self.first {
            self.rest = trim_start(self.rest);
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None if self.rest.is_empty() => return None,
                None => break,
            }
        }
        if self.rest.is_empty() {
            // A bar at the end promises an alternative.
            if self.first {
                return None;
            }
            self.first = true;
            return Some(Err(InvalidRelation::new("", "|", "no alternative follows")));
        }
        let end = memchr2(b',', b'|', self.rest.as_bytes()).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let separator = self.rest.as_bytes().get(end).copied();
        self.rest = self.rest.get(end + 1..).unwrap_or("");
        let first = std::mem::replace(&mut self.first, separator != Some(b'|'));
        let term = term(text, first);
        if term.is_err() {
            // The rest of a relation with a part that is wrong would be another relation.
            if !self.first {
                let comma = memchr::memchr(b',', self.rest.as_bytes());
                self.rest = comma.map_or("", |at| &self.rest[at + 1..]);
            }
            self.first = true;
        }
        Some(term)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn trim_start(text: &str) -> &str {
    let spaces = text.bytes().take_while(|byte| is_space(*byte)).count();
    &text[spaces..]
}

fn trim(text: &str) -> &str {
    trim_start(text).trim_end_matches([' ', '\t', '\n', '\r'])
}

/// Whether a byte can be part of a name. dpkg takes upper case and underscores too.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-._".contains(&byte)
}

fn term(text: &str, first: bool) -> Result<Term<'_>, InvalidRelation> {
    let invalid = |part: &str, reason| Err(InvalidRelation::new(text, part, reason));
    let start = trim_start(text);
    let length = start.bytes().take_while(|byte| is_name_byte(*byte)).count();
    let (name, rest) = start.split_at(length);
    if !name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric())
    {
        return invalid(text, "no package name stands there");
    }
    let mut term = Term {
        first,
        name,
        qualifier: None,
        version: None,
        architectures: "",
        profiles: "",
    };
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix(':') {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let (word, after) = after.split_at(after.bytes().take_while(|byte| is_word(byte)).count());
        if word.is_empty() {
            return invalid(rest, "nothing follows the colon");
        }
        if word != "any" && !architecture::is_architecture(word) {
            return invalid(word, "it is no architecture");
        }
        term.qualifier = Some(word);
        rest = after;
    }
    rest = trim_start(rest);
    if let Some(after) = rest.strip_prefix('(') {
        let Some((inside, after)) = after.split_once(')') else {
            return invalid(rest, "the parenthesis is not closed");
        };
        let Some((operator, version)) = Operator::strip(trim_start(inside)) else {
            return invalid(inside, "no operator stands before the version");
        };
        let version = trim(version);
        if !is_version(version) {
            return invalid(version, "it is no version");
        }
        term.version = Some((operator, version));
        rest = trim_start(after);
    }
    if let Some(after) = rest.strip_prefix('[') {
        let Some((inside, after)) = after.split_once(']') else {
            return invalid(rest, "the bracket is not closed");
        };
        if let Err((part, reason)) = check_architectures(inside) {
            return invalid(part, reason);
        }
        term.architectures = inside;
        rest = trim_start(after);
    }
    if rest.starts_with('<') {
        match check_profiles(rest) {
            Ok((inside, after)) => (term.profiles, rest) = (inside, after),
            Err((part, reason)) => return invalid(part, reason),
        }
    }
    match trim(rest) {
        "" => Ok(term),
        other => invalid(other, "it does not belong there"),
    }
}

type Wrong<'a> = (&'a str, &'static str);

fn check_architectures(inside: &str) -> Result<(), Wrong<'_>> {
    let mut words = words(inside).peekable();
    if words.peek().is_none() {
        return Err((inside, "the brackets are empty"));
    }
    for (_, word) in words {
        if !architecture::is_architecture(word) && !is_safe_pattern(word) {
            return Err((word, "it is no architecture"));
        }
    }
    Ok(())
}

fn is_safe_pattern(word: &str) -> bool {
    let legal = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    architecture::is_pattern(word) && word.split('-').all(legal)
}

/// Splits `<a !b> <c> rest` into what stands between the outermost angle brackets, and the rest.
fn check_profiles(text: &str) -> Result<(&str, &str), Wrong<'_>> {
    let (mut at, mut end) = (0, 0);
    while let Some(list) = text[at..].strip_prefix('<') {
        let Some(close) = list.find('>') else {
            return Err((&text[at..], "the angle bracket is not closed"));
        };
        let inside = &list[..close];
        let mut terms = words(inside).peekable();
        if terms.peek().is_none() {
            return Err((inside, "the angle brackets are empty"));
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte);
        if let Some((_, word)) = terms.find(|(_, word)| word.is_empty() || !word.bytes().all(legal)) {
            return Err((word, "it is no build profile"));
        }
        end = at + 1 + close;
        let rest = trim_start(&text[end + 1..]);
        at = text.len() - rest.len();
    }
    Ok((&text[1..end], &text[at..]))
}

/// Words between spaces, and whether an exclamation mark stands before.
fn words(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .map(|word| match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word),
        })
}

impl<'a> Term<'a> {
    /// The words between brackets, and whether each is negated.
    pub fn architectures(&self) -> impl Iterator<Item = (bool, &'a str)> + use<'a> {
        words(self.architectures)
    }

    /// The lists of build profiles, and whether each word is negated.
    pub fn profiles(
        &self,
    ) -> impl Iterator<Item = impl Iterator<Item = (bool, &'a str)> + use<'a>> + use<'a> {
        let lists = (!self.profiles.is_empty()).then_some(self.profiles);
        lists
            .into_iter()
            .flat_map(|lists| lists.split('>'))
            .map(|list| words(trim_start(list).trim_start_matches('<')))
    }

    /// Whether it counts on an architecture: most have no brackets and count everywhere.
    pub fn fits(&self, architecture: &str) -> bool {
        self.architectures.is_empty() || fits_architecture(self.architectures(), architecture)
    }

    /// Whether a version meets the condition.
    pub fn accepts(&self, version: &str) -> bool {
        self.version
            .is_none_or(|(operator, bound)| operator.holds(version, bound))
    }
}

/// Whether words between brackets leave an architecture in. Negated words mean all but these.
pub(super) fn fits_architecture<'a>(terms: impl Iterator<Item = (bool, &'a str)>, name: &str) -> bool {
    let mut fits = None;
    for (negated, pattern) in terms {
        let matches = architecture::matches(pattern, name);
        match (negated, matches) {
            (true, true) => return false,
            (false, true) => return true,
            // What only takes away leaves all others in.
            (true, false) => fits = Some(true),
            (false, false) => fits = Some(fits.unwrap_or(false)),
        }
    }
    fits.unwrap_or(true)
}
