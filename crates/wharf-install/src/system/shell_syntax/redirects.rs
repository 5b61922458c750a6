//! Reads what is redirected around a command, and here-documents.

use super::{Parser, Part, Redirect, RedirectKind, Unreadable, Word};

impl Parser<'_> {
    pub(super) fn redirects(&mut self) -> Result<Vec<Redirect>, Unreadable> {
        let mut found = Vec::new();
        loop {
            self.spaces();
            match self.redirect()? {
                Some(redirect) => found.push(redirect),
                None => return Ok(found),
            }
        }
    }

    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, Unreadable> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        if !after.starts_with(['<', '>']) || digits > 1 {
            return Ok(None);
        }
        let descriptor = rest[..digits].parse().ok();
        let (kind, length) = match after {
            text if text.starts_with("<<<") || text.starts_with("<(") || text.starts_with(">(") => {
                return Err(self.fail("it is not written for the plain shell"));
            }
            text if text.starts_with("<<") => (RedirectKind::Here, 2),
            text if text.starts_with(">>") => (RedirectKind::Append, 2),
            text if text.starts_with(">&") || text.starts_with("<&") => (RedirectKind::Duplicate, 2),
            text if text.starts_with(">|") => (RedirectKind::Write, 2),
            text if text.starts_with('>') => (RedirectKind::Write, 1),
            _ => (RedirectKind::Read, 1),
        };
        self.at += digits + length;
        if kind == RedirectKind::Here {
            return self.here(descriptor).map(Some);
        }
        self.spaces();
        Ok(Some(Redirect {
            descriptor,
            kind,
            target: self.word()?,
        }))
    }

    /// The text begins with the next line, or where that of the document before it on this line ends.
    fn here(&mut self, descriptor: Option<u8>) -> Result<Redirect, Unreadable> {
        let tabs = self.rest().starts_with('-');
        self.at += usize::from(tabs);
        self.spaces();
        let start = self.at;
        let marker = self.word()?;
        let raw = self.text[start..self.at].contains(['\'', '"', '\\']);
        let marker: String = marker
            .0
            .iter()
            .map(|part| match part {
                Part::Text { text, .. } => text.as_str(),
                _ => "",
            })
            .collect();
        let begin = self.documents.unwrap_or_else(|| self.next_line());
        let (body, end) = document(self.text, begin, &marker, tabs);
        self.documents = Some(end);
        let target = match raw {
            true => Word(vec![Part::Text {
                text: body,
                quoted: true,
            }]),
            false => self
                .inner(&body, Parser::expandable)
                .unwrap_or_else(|_| Word(vec![Part::Arithmetic])),
        };
        Ok(Redirect {
            descriptor,
            kind: RedirectKind::Here,
            target,
        })
    }

    /// Where the line after this one begins; lines that a backslash joins are one.
    fn next_line(&self) -> usize {
        let mut at = self.at;
        while let Some(length) = self.text[at..].find('\n') {
            at += length + 1;
            if !self.text[..at - 1].ends_with('\\') {
                return at;
            }
        }
        self.text.len()
    }

    /// A here-document's text with its parameters and commands.
    fn expandable(&mut self) -> Result<Word, Unreadable> {
        let mut parts = Vec::new();
        self.quoted(&mut parts, None)?;
        Ok(Word(parts))
    }
}

/// A here-document's text from where it begins up to its marker, and where the line after that is.
fn document(text: &str, begin: usize, marker: &str, tabs: bool) -> (String, usize) {
    let (mut at, mut body) = (begin, String::new());
    for line in text[begin..].split_inclusive('\n') {
        at += line.len();
        let line = if tabs { line.trim_start_matches('\t') } else { line };
        if line.strip_suffix('\n').unwrap_or(line) == marker {
            break;
        }
        body.push_str(line);
    }
    (body, at)
}
