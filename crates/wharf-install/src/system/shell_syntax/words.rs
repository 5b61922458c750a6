//! Reads words: text and quotes, parameters, and the commands and expressions that stand in them.

use super::{Parser, Part, Unreadable, Word};

impl Parser<'_> {
    pub(super) fn word(&mut self) -> Result<Word, Unreadable> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let flush = |plain: &mut String, parts: &mut Vec<Part>| {
            if !plain.is_empty() {
                let text = std::mem::take(plain);
                parts.push(Part::Text { text, quoted: false });
            }
        };
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\\' => {
                    self.at += 1;
                    let Some(next) = self.peek() else { break };
                    self.at += next.len_utf8();
                    if next != '\n' {
                        self.count()?;
                        flush(&mut plain, &mut parts);
                        let text = next.to_string();
                        parts.push(Part::Text { text, quoted: true });
                    }
                }
                '\'' => {
                    self.count()?;
                    flush(&mut plain, &mut parts);
                    let rest = &self.rest()[1..];
                    let end = rest
                        .find('\'')
                        .ok_or_else(|| self.fail("a quote is not closed"))?;
                    parts.push(Part::Text {
                        text: rest[..end].to_owned(),
                        quoted: true,
                    });
                    self.at += end + 2;
                }
                '"' => {
                    flush(&mut plain, &mut parts);
                    self.at += 1;
                    self.quoted(&mut parts, Some('"'))?;
                    self.at += 1;
                }
                '$' => {
                    flush(&mut plain, &mut parts);
                    parts.push(self.dollar(false)?);
                }
                '`' => {
                    flush(&mut plain, &mut parts);
                    parts.push(self.backquoted(false)?);
                }
                c => {
                    plain.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        flush(&mut plain, &mut parts);
        if self.at == start {
            return Err(self.fail("a word is missing"));
        }
        self.count()?;
        Ok(Word(parts))
    }

    /// Text between double quotes (not taking the last), or all that is left.
    pub(super) fn quoted(&mut self, parts: &mut Vec<Part>, until: Option<char>) -> Result<(), Unreadable> {
        self.count()?;
        let mut text = String::new();
        let push = |text: &mut String, parts: &mut Vec<Part>| {
            parts.push(Part::Text {
                text: std::mem::take(text),
                quoted: true,
            });
        };
        loop {
            let Some(c) = self.peek() else {
                return match until {
                    None => {
                        push(&mut text, parts);
                        Ok(())
                    }
                    Some(_) => Err(self.fail("a quote is not closed")),
                };
            };
            if Some(c) == until {
                push(&mut text, parts);
                return Ok(());
            }
            match c {
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(next @ ('$' | '`' | '"' | '\\')) => {
                            text.push(next);
                            self.at += 1;
                        }
                        _ => text.push('\\'),
                    }
                }
                '$' => {
                    push(&mut text, parts);
                    parts.push(self.dollar(true)?);
                }
                '`' => {
                    push(&mut text, parts);
                    parts.push(self.backquoted(true)?);
                }
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn dollar(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        self.count()?;
        self.at += 1;
        let rest = self.rest();
        if rest.starts_with("((")
            && let Some(end) = parenthesis_end(&rest[1..])
            && rest[1 + end..].starts_with(')')
        {
            self.at += 1 + end + 1;
            return Ok(Part::Arithmetic);
        }
        if rest.starts_with('(') {
            self.at += 1;
            let list = self.list(&[])?;
            self.close()?;
            return Ok(Part::Command { list, quoted });
        }
        if rest.starts_with('{') {
            return self.braced(quoted);
        }
        let special = rest.starts_with(|c: char| "@*#?$!-0123456789".contains(c));
        let length = match special {
            true => 1,
            false => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len()),
        };
        if length == 0 {
            let text = "$".to_owned();
            return Ok(Part::Text { text, quoted: true });
        }
        self.at += length;
        Ok(Part::Parameter {
            name: rest[..length].to_owned(),
            operation: None,
            quoted,
        })
    }

    fn braced(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        self.at += 1;
        let rest = self.rest();
        if rest.starts_with('#') && !rest.starts_with("#}") {
            let end = rest.find('}').ok_or_else(|| self.fail("a `${` is not closed"))?;
            self.at += end + 1;
            return Ok(Part::Arithmetic); // a length
        }
        let length = match rest.starts_with(|c: char| "@*#?$!-".contains(c)) {
            true => 1,
            false => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len()),
        };
        let name = rest[..length].to_owned();
        self.at += length;
        if length == 0 {
            return Err(self.fail("a `${` has no name"));
        }
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(Part::Parameter {
                name,
                operation: None,
                quoted,
            });
        }
        let operators = [":-", ":=", ":+", ":?", "##", "%%", "-", "=", "+", "?", "#", "%"];
        let rest = self.rest();
        let operator = operators
            .into_iter()
            .find(|operator| rest.starts_with(operator))
            .ok_or_else(|| self.fail("it is not written for the plain shell"))?;
        self.at += operator.len();
        let mut parts = Vec::new();
        // Quotes inside braces count as outside of them.
        let start = self.at;
        let end = brace_end(self.rest()).ok_or_else(|| self.fail("a `${` is not closed"))?;
        let inner = &self.text[start..start + end];
        self.inner(inner, |parser| parser.inside(&mut parts))?;
        self.at = start + end + 1;
        Ok(Part::Parameter {
            name,
            operation: Some((operator.to_owned(), Word(parts))),
            quoted,
        })
    }

    /// A word in which blanks stand for themselves.
    fn inside(&mut self, parts: &mut Vec<Part>) -> Result<(), Unreadable> {
        while let Some(c) = self.peek() {
            if " \t\r\n;&|()<>".contains(c) {
                self.at += c.len_utf8();
                match parts.last_mut() {
                    Some(Part::Text { text, quoted: false }) => text.push(c),
                    _ => parts.push(Part::Text {
                        text: c.to_string(),
                        quoted: false,
                    }),
                }
            } else {
                parts.extend(self.word()?.0);
            }
        }
        Ok(())
    }

    fn backquoted(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        let rest = &self.rest()[1..];
        let mut end = None;
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            match c {
                '`' if !escaped => {
                    end = Some(at);
                    break;
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        let end = end.ok_or_else(|| self.fail("a backquote is not closed"))?;
        let inner = rest[..end]
            .replace("\\`", "`")
            .replace("\\$", "$")
            .replace("\\\\", "\\");
        let list = self
            .inner(&inner, Parser::whole)
            .map_err(|error| self.fail(error.reason))?;
        self.at += end + 2;
        Ok(Part::Command { list, quoted })
    }
}

fn brace_end(text: &str) -> Option<usize> {
    let (mut depth, mut skip, mut single) = (0usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if skip => skip = false,
            '\'' => single = !single,
            _ if single => {}
            '\\' => skip = true,
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Behind the parenthesis that closes the one that a text begins with. What is quoted does not count.
fn parenthesis_end(text: &str) -> Option<usize> {
    let (mut depth, mut skip, mut quote) = (0usize, false, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if skip => skip = false,
            ('\\', None | Some('"')) => skip = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) if depth == 1 => return Some(at + 1),
            (')', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
