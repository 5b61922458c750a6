//! Patterns as apt's preferences have them: a text, a glob (`lib*-dev`), or a regular expression between slashes. Letters
//! count without their case. Source: apt_preferences(5), glob(7), fnmatch(3).

use regex_lite::{Regex, RegexBuilder};

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Form);

#[derive(Clone, Debug)]
enum Form {
    Exact(String),
    Glob(String),
    Regex(Regex),
}

/// A regular expression that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a regular expression: {reason}")]
pub struct InvalidPattern {
    /// What was given.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where what stands between slashes is no regular expression.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let inside = text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|inside| !inside.is_empty());
        if let Some(inside) = inside {
            let regex = RegexBuilder::new(inside).case_insensitive(true).build();
            return match regex {
                Ok(regex) => Ok(Self(Form::Regex(regex))),
                Err(error) => Err(InvalidPattern {
                    pattern: text.to_owned(),
                    reason: error.to_string(),
                }),
            };
        }
        let form = if text.contains(['*', '?', '[']) {
            Form::Glob(text.to_owned())
        } else {
            Form::Exact(text.to_owned())
        };
        Ok(Self(form))
    }

    /// Whether a text is one of those that are meant.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Form::Exact(wanted) => wanted.eq_ignore_ascii_case(text),
            Form::Glob(glob) => glob == "*" || glob_matches(glob.as_bytes(), text.as_bytes()),
            Form::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether every text is meant.
    pub fn is_any(&self) -> bool {
        matches!(&self.0, Form::Glob(glob) if glob == "*")
    }

    /// The text, where it is the only one that is meant.
    pub fn exact(&self) -> Option<&str> {
        match &self.0 {
            Form::Exact(text) => Some(text),
            Form::Glob(_) | Form::Regex(_) => None,
        }
    }
}

/// Whether a glob matches a whole text, in time that is at most the product of their lengths: of several stars only the
/// last has to be tried again.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match step(&glob[at..], text[read]) {
            Step::Star => {
                at += 1;
                star = Some((at, read));
            }
            Step::Matched(length) => {
                at += length;
                read += 1;
            }
            Step::Failed => match &mut star {
                Some((behind, from)) => {
                    *from += 1;
                    (at, read) = (*behind, *from);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

enum Step {
    Star,
    /// The byte fits what so many bytes of the glob say.
    Matched(usize),
    Failed,
}

fn step(glob: &[u8], byte: u8) -> Step {
    match glob {
        [b'*', ..] => Step::Star,
        [b'?', ..] => Step::Matched(1),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((true, length)) => Step::Matched(length + 1),
            Some((false, _)) => Step::Failed,
            // A bracket that is not closed is a bracket.
            None if byte == b'[' => Step::Matched(1),
            None => Step::Failed,
        },
        [b'\\', escaped, ..] if escaped.eq_ignore_ascii_case(&byte) => Step::Matched(2),
        [b'\\', _, ..] => Step::Failed,
        [wanted, ..] if wanted.eq_ignore_ascii_case(&byte) => Step::Matched(1),
        _ => Step::Failed,
    }
}

/// Whether a byte is in the class that starts here, and how long that is with its closing bracket.
fn class(glob: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(glob.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    // A closing bracket that comes first belongs to the class.
    let end = start + 1 + glob.get(start + 1..)?.iter().position(|byte| *byte == b']')?;
    let members = &glob[start..end];
    let byte = byte.to_ascii_lowercase();
    let (mut at, mut found) = (0, false);
    while at < members.len() {
        let low = members[at].to_ascii_lowercase();
        match members.get(at + 1..at + 3) {
            Some([b'-', high]) => {
                found |= (low..=high.to_ascii_lowercase()).contains(&byte);
                at += 3;
            }
            Some(_) | None => {
                found |= low == byte;
                at += 1;
            }
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("nginx", "nginx", true),
            ("NGINX", "nginx", true),
            ("nginx", "nginx-light", false),
            ("nginx*", "nginx-light", true),
            ("*", "", true),
            ("*-dev", "libpq-dev", true),
            ("*-dev", "libpq-dev2", false),
            ("lib*-*-dev", "libfoo-bar-dev", true),
            ("lib*-*-dev", "libfoo-dev", false),
            ("python3.?", "python3.9", true),
            ("python3.?", "python3.11", false),
            ("gcc-1[0-2]", "gcc-11", true),
            ("gcc-1[!0-2]", "gcc-11", false),
            ("gcc-1[^0-2]", "gcc-13", true),
            ("a[]]b", "a]b", true),
            ("a[b", "a[b", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("/^lib.*-dev$/", "libpq-dev", true),
            ("/GTK/", "libgtk-3-0", true),
            ("/gtk|qt/", "libqt5", true),
            ("/gtk|qt/", "libx11", false),
            ("/", "/", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(Pattern::parse("/(/").is_err());
        assert!(Pattern::parse("*").unwrap().is_any() && !Pattern::parse("a*").unwrap().is_any());
    }

    #[test]
    fn many_stars_end() {
        let glob = "a*".repeat(200);
        let text = "a".repeat(400) + "b";
        assert!(Pattern::parse(&glob).unwrap().matches(&text));
        assert!(!Pattern::parse(&format!("{glob}c")).unwrap().matches(&text));
    }
}
