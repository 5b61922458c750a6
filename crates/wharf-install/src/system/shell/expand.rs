//! Words of the shell: parameters, commands and names of files put in, and patterns.
//!
//! Source: POSIX.1-2017, Shell Command Language, word expansions and pattern matching.

use super::super::shell_syntax::{List, Part, Word};
use super::{COMPARED, MAX_TEXT, Run, STEP, Stop, Text};

impl Run<'_, '_> {
    /// A word as one text.
    pub(super) fn expand(&mut self, word: &Word) -> Result<Text, Stop> {
        let mut text = Some(String::new());
        for part in &word.0 {
            let more = self.part(part)?;
            text = text.zip(more).and_then(|(mut text, more)| {
                text.push_str(&more);
                (text.len() <= MAX_TEXT).then_some(text)
            });
        }
        Ok(text)
    }

    /// A word as a pattern: what is quoted stands for itself.
    pub(super) fn expand_pattern(&mut self, word: &Word) -> Result<Text, Stop> {
        let mut text = String::new();
        for part in &word.0 {
            let Some(more) = self.part(part)? else {
                return Ok(None);
            };
            let quoted = match part {
                Part::Text { quoted, .. } | Part::Parameter { quoted, .. } | Part::Command { quoted, .. } => {
                    *quoted
                }
                Part::Arithmetic => true,
            };
            for c in more.chars() {
                if quoted && "*?[\\".contains(c) {
                    text.push('\\');
                }
                text.push(c);
            }
            if text.len() > MAX_TEXT {
                return Ok(None);
            }
        }
        Ok(Some(text))
    }

    /// Words as arguments: what is not quoted is split at blanks, and names of files are looked up.
    pub(super) fn expand_all(&mut self, words: &[Word]) -> Result<Option<Vec<String>>, Stop> {
        let mut found = Vec::new();
        let (mut known, mut size) = (true, 0);
        for word in words {
            let before = found.len();
            if let [
                Part::Parameter {
                    name,
                    operation: None,
                    quoted: true,
                },
            ] = word.0.as_slice()
                && name == "@"
            {
                self.spend(weight(&self.arguments))?;
                found.extend(self.arguments.iter().cloned());
            } else {
                known &= self.fields(word, &mut found)?;
            }
            size += weight(&found[before..]);
            if size > MAX_TEXT {
                return Ok(None);
            }
        }
        Ok(known.then_some(found))
    }

    fn fields(&mut self, word: &Word, found: &mut Vec<String>) -> Result<bool, Stop> {
        let (mut field, mut begun, mut magic) = (String::new(), false, false);
        let mut fields: Vec<(String, bool)> = Vec::new();
        for part in &word.0 {
            let splits = matches!(
                part,
                Part::Parameter { quoted: false, .. } | Part::Command { quoted: false, .. }
            );
            let Some(text) = self.part(part)? else {
                return Ok(false);
            };
            magic |= matches!(part, Part::Text { quoted: false, .. }) && text.contains(['*', '?', '[']);
            if !splits {
                field.push_str(&text);
                begun = true;
                continue;
            }
            let mut rest = text.as_str();
            while let Some(at) = rest.find([' ', '\t', '\n']) {
                field.push_str(&rest[..at]);
                if begun || at > 0 {
                    fields.push((std::mem::take(&mut field), magic));
                }
                (begun, magic) = (false, false);
                rest = &rest[at + 1..];
            }
            field.push_str(rest);
            begun |= !rest.is_empty();
        }
        if begun {
            fields.push((field, magic));
        }
        for (field, magic) in fields {
            let paths = match magic {
                true => self.glob(&field)?,
                false => Some(Vec::new()),
            };
            match paths {
                Some(paths) if paths.is_empty() => found.push(field),
                Some(paths) => found.extend(paths),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The paths that a pattern names, sorted; `None` where they are too many.
    fn glob(&mut self, pattern: &str) -> Result<Option<Vec<String>>, Stop> {
        if !pattern.starts_with('/') {
            return Ok(Some(Vec::new()));
        }
        let mut found = vec![String::new()];
        for part in pattern.split('/').skip(1) {
            let mut next = Vec::new();
            let mut size = 0;
            for folder in &found {
                self.spend(LOOK * STEP)?;
                let before = next.len();
                if part.contains(['*', '?', '[']) {
                    let names = self.files.list(folder.as_bytes());
                    let compared: usize = names.iter().map(|name| name.len() + LOOKED).sum();
                    self.spend(compared.saturating_mul(part.len()) / COMPARED)?;
                    let pattern = Pattern::new(part);
                    for name in self.files.list(folder.as_bytes()) {
                        let name = String::from_utf8_lossy(name);
                        if (!name.starts_with('.') || part.starts_with('.')) && pattern.matches(&name) {
                            next.push(format!("{folder}/{name}"));
                        }
                    }
                } else {
                    let path = format!("{folder}/{part}");
                    if self.files.look_at(path.as_bytes()).is_some() {
                        next.push(path);
                    }
                }
                // Links to folders above make more with each part.
                size += weight(&next[before..]);
                if size > MAX_TEXT {
                    return Ok(None);
                }
            }
            found = next;
        }
        Ok(Some(found))
    }

    fn part(&mut self, part: &Part) -> Result<Text, Stop> {
        let text = self.nested(|run| run.text_of(part))?;
        self.spend(text.as_ref().map_or(0, String::len))?;
        Ok(text)
    }

    fn text_of(&mut self, part: &Part) -> Result<Text, Stop> {
        match part {
            Part::Text { text, .. } => Ok(Some(text.clone())),
            Part::Arithmetic => Ok(None),
            Part::Parameter { name, operation, .. } => {
                let value = self.parameter(name);
                match operation {
                    None => Ok(value.unwrap_or_else(|| Some(String::new()))),
                    Some((operator, word)) => self.operate(name, value, operator, word),
                }
            }
            Part::Command { list, .. } => self.substitute(list),
        }
    }

    fn substitute(&mut self, list: &List) -> Result<Text, Stop> {
        self.spend(self.variables.held)?;
        let outer = self.output.replace(Some(String::new()));
        let variables = self.variables.clone();
        let result = self.list(list);
        self.variables = variables;
        let text = std::mem::replace(&mut self.output, outer).flatten();
        match result {
            // What leaves a substitution does not leave the script.
            Ok(_) | Err(Stop::Exit | Stop::Return(_)) => {
                Ok(text.map(|text| text.trim_end_matches('\n').to_owned()))
            }
            Err(stop) => Err(stop),
        }
    }

    /// A parameter's value: `None` where it is not set, `Some(None)` where it is not known.
    fn parameter(&self, name: &str) -> Option<Text> {
        let number = name.parse::<usize>().ok();
        Some(match (name, number) {
            (_, Some(0)) => Some(self.script.clone()),
            (_, Some(number)) => return self.arguments.get(number - 1).cloned().map(Some),
            ("@" | "*", _) => Some(self.arguments.join(" ")),
            ("#", _) => Some(self.arguments.len().to_string()),
            ("?" | "$" | "!" | "-", _) => None,
            _ => return self.variables.values.get(name).cloned(),
        })
    }

    fn operate(
        &mut self,
        name: &str,
        value: Option<Text>,
        operator: &str,
        word: &Word,
    ) -> Result<Text, Stop> {
        let value = match value {
            Some(None) => return Ok(None),
            Some(Some(text)) => Some(text),
            None => None,
        };
        let empty_counts = operator.starts_with(':');
        let given = value
            .as_ref()
            .is_some_and(|text| !(empty_counts && text.is_empty()));
        match operator.trim_start_matches(':') {
            "-" if given => Ok(value),
            "-" => self.expand(word),
            "=" if given => Ok(value),
            "=" => {
                let text = self.expand(word)?;
                self.variables.set(name.to_owned(), text.clone());
                Ok(text)
            }
            "+" if given => self.expand(word),
            "+" => Ok(Some(String::new())),
            "?" => Ok(value),
            operator => {
                let Some(pattern) = self.expand_pattern(word)? else {
                    return Ok(None);
                };
                let value = value.unwrap_or_default();
                let tries = value.len().saturating_mul(value.len());
                self.spend(tries.saturating_mul(pattern.len().max(1)) / COMPARED)?;
                Ok(Some(trim(&value, operator, &pattern)))
            }
        }
    }
}

/// Steps that looking into a folder counts as.
const LOOK: usize = 5;
/// Comparisons that a name in a folder counts as, beside its characters.
const LOOKED: usize = 4;

/// What words take in memory, about.
pub(super) fn weight(words: &[String]) -> usize {
    let lengths = words.iter().map(String::len);
    lengths.sum::<usize>() + size_of_val(words)
}

/// `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`.
fn trim(text: &str, operator: &str, pattern: &str) -> String {
    let cuts: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let front = operator.starts_with('#');
    let pattern = Pattern::new(pattern);
    let fits = |at: &&usize| match front {
        true => pattern.matches(&text[..**at]),
        false => pattern.matches(&text[**at..]),
    };
    // The shortest prefix comes first in order, the shortest suffix last.
    let from_start = matches!(operator, "#" | "%%");
    let cut = match from_start {
        true => cuts.iter().find(fits),
        false => cuts.iter().rev().find(fits),
    };
    match (cut, front) {
        (None, _) => text.to_owned(),
        (Some(at), true) => text[*at..].to_owned(),
        (Some(at), false) => text[..*at].to_owned(),
    }
}

/// A pattern of the shell. A backslash makes what follows stand for itself.
pub(super) struct Pattern(Vec<Piece>);

enum Piece {
    /// `*`
    Many,
    /// `?`
    One,
    Char(char),
    /// `[a-z]`, `[!a]`.
    Among {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        // Behind it no bracket is closed any more, so none needs to be looked for.
        let last = chars.iter().rposition(|c| *c == ']').unwrap_or(0);
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            at += 1;
            pieces.push(match c {
                '*' => Piece::Many,
                '?' => Piece::One,
                '\\' if at < chars.len() => {
                    at += 1;
                    Piece::Char(chars[at - 1])
                }
                // What comes first between brackets may be one that stands for itself.
                '[' if last > at + usize::from(matches!(chars.get(at), Some('!' | '^'))) => {
                    let first = at + 1 + usize::from(matches!(chars[at], '!' | '^'));
                    let end = chars[first..].iter().position(|c| *c == ']');
                    let end = first + end.expect("a bracket is closed further on");
                    let inside = &chars[at..end];
                    at = end + 1;
                    among(inside)
                }
                c => Piece::Char(*c),
            });
        }
        Self(pieces)
    }

    /// Whether a text fits, whole.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut p, mut t) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.0.get(p), text.get(t)) {
                (Some(Piece::Many), _) => {
                    retry = Some((p, t));
                    p += 1;
                    continue;
                }
                (None, None) => return true,
                (Some(piece), Some(c)) => piece.fits(*c),
                _ => false,
            };
            match (fits, retry) {
                (true, _) => (p, t) = (p + 1, t + 1),
                (false, Some((star, from))) if from < text.len() => {
                    retry = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                (false, _) => return false,
            }
        }
    }
}

/// What stands between brackets.
fn among(inside: &[char]) -> Piece {
    let negated = matches!(inside.first(), Some('!' | '^'));
    let mut rest = &inside[usize::from(negated)..];
    let mut ranges = Vec::new();
    while let Some((first, more)) = rest.split_first() {
        rest = match more {
            ['-', last, more @ ..] => {
                ranges.push((*first, *last));
                more
            }
            more => {
                ranges.push((*first, *first));
                more
            }
        };
    }
    Piece::Among { negated, ranges }
}

impl Piece {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Char(own) => *own == c,
            Self::Among { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("[0-9]*.so", "3x.so", true),
            ("[!a]?", "ab", false),
            ("[!a]?", "bb", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("abort-*", "abort-upgrade", true),
            ("*a*b", "xaxbxb", true),
            ("a", "ab", false),
            ("[]a]", "]", true),
            ("[!]a]", "]", false),
            ("[!]a]", "b", true),
            ("[!]", "[!]", true),
            ("[", "[", true),
            ("[]", "[]", true),
            ("[a", "[a", true),
            ("a]", "a]", true),
            ("[z-a]", "m", false),
            ("[a-]", "-", true),
            ("*[!a-c]", "abcd", true),
            ("\\", "\\", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn ends_are_cut_as_the_shell_does() {
        for (operator, pattern, expected) in [
            ("#", "*-", "b-15"),
            ("##", "*-", "15"),
            ("%", "-*", "a-b"),
            ("%%", "-*", "a"),
            ("#", "x", "a-b-15"),
        ] {
            assert_eq!(trim("a-b-15", operator, pattern), expected, "{operator}{pattern}");
        }
    }
}
