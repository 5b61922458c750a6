//! The syntax of `apt.conf`. Source: apt.conf(5), which has it after the tools of the ISC.

use super::{InvalidSetting, Settings};

/// Names may lie in each other this deep.
const DEPTH: usize = 100;

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Text, with or without quotes around it.
    Word {
        text: String,
        quoted: bool,
    },
    Open,
    Close,
    End,
    /// `#include`, `#clear`: the word without its sign, and the rest of its line.
    Directive {
        word: String,
        rest: String,
    },
}

/// A text on its way.
pub(super) struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, line: 1 }
    }

    fn invalid(&self, reason: &str) -> InvalidSetting {
        InvalidSetting {
            line: self.line,
            reason: reason.to_owned(),
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    /// Passes blanks and comments.
    fn pass_blanks(&mut self) -> Result<(), InvalidSetting> {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.skip(blanks);
            if self.rest.starts_with("/*") {
                let end = self
                    .rest
                    .find("*/")
                    .ok_or_else(|| self.invalid("a comment has no end"))?;
                self.skip(end + 2);
            } else if self.rest.starts_with("//") || (self.rest.starts_with('#') && !self.is_directive()) {
                self.skip(self.line_length());
            } else {
                return Ok(());
            }
        }
    }

    fn is_directive(&self) -> bool {
        let word = self.rest[1..].split_whitespace().next().unwrap_or_default();
        let word = word.trim_end_matches(';');
        self.rest
            .as_bytes()
            .get(1)
            .is_some_and(|byte| !byte.is_ascii_whitespace())
            && ["clear", "include", "x-apt-configure-index"].contains(&word)
    }

    fn line_length(&self) -> usize {
        self.rest.find('\n').unwrap_or(self.rest.len())
    }

    fn next(&mut self) -> Result<Option<Token>, InvalidSetting> {
        self.pass_blanks()?;
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let sign = match first {
            '{' => Some(Token::Open),
            '}' => Some(Token::Close),
            ';' => Some(Token::End),
            _ => None,
        };
        if sign.is_some() {
            self.skip(1);
            return Ok(sign);
        }
        match first {
            '#' => Ok(Some(self.directive())),
            '"' => self.quoted().map(Some),
            _ => Ok(Some(self.word())),
        }
    }

    fn directive(&mut self) -> Token {
        let line = &self.rest[1..self.line_length()];
        let line = line.split("//").next().unwrap_or_default();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let clean = |text: &str| {
            text.trim()
                .trim_end_matches(';')
                .trim()
                .trim_matches('"')
                .to_owned()
        };
        let token = Token::Directive {
            word: clean(word),
            rest: clean(rest),
        };
        self.skip(self.line_length());
        token
    }

    /// A text between quotes; a quote behind a backslash belongs to it.
    fn quoted(&mut self) -> Result<Token, InvalidSetting> {
        let mut quotes = self.rest.match_indices('"').map(|(at, _)| at).skip(1);
        let end = quotes.find(|&at| !self.rest[..at].ends_with('\\'));
        let end = end.ok_or_else(|| self.invalid("a text has no end"))?;
        let text = self.rest[1..end].to_owned();
        self.skip(end + 1);
        Ok(Token::Word { text, quoted: true })
    }

    fn word(&mut self) -> Token {
        let ends = |(at, one): (usize, char)| {
            let comment = self.rest[at..].starts_with("//") && !self.rest[..at].ends_with(':');
            (one.is_whitespace() || matches!(one, '{' | '}' | ';' | '"') || comment).then_some(at)
        };
        let end = self.rest.char_indices().find_map(ends);
        let end = end.unwrap_or(self.rest.len()).max(1);
        let text = self.rest[..end].to_owned();
        self.skip(end);
        Token::Word { text, quoted: false }
    }
}

/// Reads everything.
pub(super) fn read(
    mut reader: Reader<'_>,
    settings: &mut Settings,
    include: &mut dyn FnMut(&mut Settings, &str),
) -> Result<(), InvalidSetting> {
    let mut scopes: Vec<String> = Vec::new();
    let mut words: Vec<(String, bool)> = Vec::new();
    while let Some(token) = reader.next()? {
        let scope = scopes.last().cloned().unwrap_or_default();
        match token {
            Token::Word { text, quoted } => words.push((text, quoted)),
            Token::End => {
                assign(settings, &scope, &std::mem::take(&mut words));
            }
            Token::Open => {
                if scopes.len() >= DEPTH {
                    return Err(reader.invalid("names lie too deep in each other"));
                }
                let mut named = std::mem::take(&mut words).into_iter();
                let name = named.next().map(|(name, _)| name).unwrap_or_default();
                // `Name "value" { … }` sets both.
                let value: Vec<_> = named.collect();
                let path = joined(&scope, &name);
                if !value.is_empty() {
                    settings.set(&path, &together(&value));
                }
                scopes.push(path);
            }
            Token::Close => {
                // The last of a list may have no semicolon.
                assign(settings, &scope, &std::mem::take(&mut words));
                if scopes.pop().is_none() {
                    return Err(reader.invalid("a `}` closes nothing"));
                }
            }
            Token::Directive { word, rest } => match &word[..] {
                "clear" => settings.clear(&rest),
                "include" => include(settings, &rest),
                _ => {}
            },
        }
    }
    match (scopes.is_empty(), words.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(reader.invalid("a `{` is not closed")),
        (true, false) => Err(reader.invalid("the last setting has no `;`")),
    }
}

/// One setting: a name with its value, or a value alone, which is a member of the list around it.
fn assign(settings: &mut Settings, scope: &str, words: &[(String, bool)]) {
    let Some(((first, quoted), rest)) = words.split_first() else {
        return;
    };
    let is_member = rest.is_empty() && (*quoted || !scope.is_empty() && !first.contains("::"));
    if is_member {
        settings.set(&format!("{scope}::"), first);
    } else if *quoted {
        settings.set(&format!("{scope}::"), &together(words));
    } else {
        settings.set(&joined(scope, first), &together(rest));
    }
}

fn joined(scope: &str, name: &str) -> String {
    match (scope.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{scope}::"),
        (false, false) => format!("{}::{name}", scope.trim_end_matches(':')),
    }
}

fn together(words: &[(String, bool)]) -> String {
    let words: Vec<&str> = words.iter().map(|(word, _)| &word[..]).collect();
    words.join(" ")
}
