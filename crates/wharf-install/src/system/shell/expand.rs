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
                    for name in self.files.list(folder.as_bytes()) {
                        let name = String::from_utf8_lossy(name);
                        if (!name.starts_with('.') || part.starts_with('.')) && matches(part, &name) {
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
        let text = self.text_of(part)?;
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
            ("0", _) => Some(self.script.clone()),
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

/// What words take in memory, about.
fn weight(words: &[String]) -> usize {
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
    let fits = |at: &&usize| match front {
        true => matches(pattern, &text[..**at]),
        false => matches(pattern, &text[**at..]),
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

/// Whether a text fits a pattern of the shell, whole. A backslash makes what follows stand for itself.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            None => (t == text.len()).then_some((p, t)),
            Some(_) => one(&pattern, p, text.get(t).copied()).map(|next| (next, t + 1)),
        };
        match (step, retry) {
            (Some(_), _) if p >= pattern.len() => return true,
            (Some(next), _) => (p, t) = next,
            (None, Some((star, from))) if from < text.len() => {
                retry = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
            (None, _) => return false,
        }
    }
}

/// Matches one character; where the pattern goes on.
fn one(pattern: &[char], at: usize, c: Option<char>) -> Option<usize> {
    let c = c?;
    match pattern[at] {
        '?' => Some(at + 1),
        '\\' if at + 1 < pattern.len() => (pattern[at + 1] == c).then_some(at + 2),
        '[' => {
            let end = pattern[at + 1..]
                .iter()
                .skip(1)
                .position(|c| *c == ']')
                .map(|end| at + 2 + end);
            let Some(end) = end else {
                return (c == '[').then_some(at + 1);
            };
            let mut inside = &pattern[at + 1..end];
            let negated = matches!(inside.first(), Some('!' | '^'));
            inside = &inside[usize::from(negated)..];
            let mut found = false;
            let mut index = 0;
            while index < inside.len() {
                if index + 2 < inside.len() && inside[index + 1] == '-' {
                    found |= (inside[index]..=inside[index + 2]).contains(&c);
                    index += 3;
                } else {
                    found |= inside[index] == c;
                    index += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        plain => (plain == c).then_some(at + 1),
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
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
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
