//! A scanner for the few things that matter in an index's HTML: start tags, their attributes, and the text after them.
//! Invariant: it reads each byte about once, allocates nothing, and ends on every input.
//! Source: the WHATWG HTML standard, "Tokenization", as far as start tags, comments and raw text go.

use memchr::memmem;

/// Walks through a document from start tag to start tag.
pub(super) struct Scanner<'a> {
    html: &'a str,
    at: usize,
    state: State,
}

/// Where the scanner stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags.
    Text,
    /// Behind a start tag's name or one of its attributes.
    Tag,
}

/// The document ends within a tag or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Truncated;

impl<'a> Scanner<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self {
            html,
            at: 0,
            state: State::Text,
        }
    }

    /// The name of the next start tag, in the case that it is written in.
    pub(super) fn next_tag(&mut self) -> Result<Option<&'a str>, Truncated> {
        while self.state == State::Tag {
            self.next_attribute()?;
        }
        let bytes = self.html.as_bytes();
        while let Some(offset) = memchr::memchr(b'<', &bytes[self.at..]) {
            let open = self.at + offset;
            match bytes.get(open + 1) {
                Some(byte) if byte.is_ascii_alphabetic() => {
                    let end = self.find(open + 1, |byte| {
                        byte.is_ascii_whitespace() || byte == b'>' || byte == b'/'
                    });
                    self.at = end;
                    self.state = State::Tag;
                    let name = &self.html[open + 1..end];
                    if name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style") {
                        self.skip_raw_text(name)?;
                        continue;
                    }
                    return Ok(Some(name));
                }
                Some(b'!') if bytes[open..].starts_with(b"<!--") => self.at = self.after(open + 4, b"-->")?,
                Some(b'!' | b'?' | b'/') => self.at = self.after(open + 2, b">")?,
                // A lone `<` is text.
                Some(_) => self.at = open + 1,
                None => return Err(Truncated),
            }
        }
        self.at = bytes.len();
        Ok(None)
    }

    /// The next attribute of the current tag with its value as written; `None` behind the last one.
    pub(super) fn next_attribute(&mut self) -> Result<Option<(&'a str, &'a str)>, Truncated> {
        if self.state == State::Text {
            return Ok(None);
        }
        let bytes = self.html.as_bytes();
        self.at = self.find(self.at, |byte| !byte.is_ascii_whitespace() && byte != b'/');
        match bytes.get(self.at) {
            None => return Err(Truncated),
            Some(b'>') => {
                self.at += 1;
                self.state = State::Text;
                return Ok(None);
            }
            Some(_) => {}
        }
        let start = self.at;
        // A `=` in front belongs to the name, so that every round takes at least one byte.
        let end = self.find(start + 1, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'=' | b'>' | b'/')
        });
        let equals = self.find(end, |byte| !byte.is_ascii_whitespace());
        let name = &self.html[start..end];
        if bytes.get(equals) != Some(&b'=') {
            self.at = end;
            return Ok(Some((name, "")));
        }
        let value = self.find(equals + 1, |byte| !byte.is_ascii_whitespace());
        match bytes.get(value) {
            None => Err(Truncated),
            Some(quote @ (b'"' | b'\'')) => {
                let length = memchr::memchr(*quote, &bytes[value + 1..]).ok_or(Truncated)?;
                let end = value + 1 + length;
                self.at = end + 1;
                Ok(Some((name, &self.html[value + 1..end])))
            }
            Some(_) => {
                let end = self.find(value, |byte| byte.is_ascii_whitespace() || byte == b'>');
                self.at = end;
                Ok(Some((name, &self.html[value..end])))
            }
        }
    }

    /// The text up to the next tag, once the current tag has been read to its end.
    pub(super) fn text(&self) -> &'a str {
        let rest = &self.html[self.at..];
        &rest[..memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len())]
    }

    /// Skips what a browser would not parse as HTML: everything up to the matching end tag.
    fn skip_raw_text(&mut self, name: &str) -> Result<(), Truncated> {
        while self.next_attribute()?.is_some() {}
        let bytes = self.html.as_bytes();
        loop {
            let open = self.after(self.at, b"</")?;
            self.at = open;
            let found = bytes.get(open..open + name.len());
            if found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
                return Ok(());
            }
        }
    }

    /// The position behind the next occurrence of `needle`.
    fn after(&self, from: usize, needle: &[u8]) -> Result<usize, Truncated> {
        let rest = self.html.as_bytes().get(from..).ok_or(Truncated)?;
        memmem::find(rest, needle)
            .map(|at| from + at + needle.len())
            .ok_or(Truncated)
    }

    /// The first position from `from` on whose byte is wanted; the end of the document if there is none. Only ASCII bytes
    /// are ever wanted or skipped one by one, so that the position is a character boundary.
    fn find(&self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let bytes = self.html.as_bytes();
        let rest = bytes.get(from..).unwrap_or_default();
        from.min(bytes.len()) + rest.iter().position(|byte| wanted(*byte)).unwrap_or(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every tag with its attributes and the text after it, one a line.
    fn scan(html: &str) -> Result<String, Truncated> {
        let mut scanner = Scanner::new(html);
        let mut lines = Vec::new();
        while let Some(name) = scanner.next_tag()? {
            let mut line = name.to_owned();
            while let Some((name, value)) = scanner.next_attribute()? {
                line.push_str(&format!(" {name}=[{value}]"));
            }
            lines.push(format!("{line} {:?}", scanner.text().trim()));
        }
        Ok(lines.join("\n"))
    }

    #[test]
    fn tags_and_attributes() {
        for (html, expected) in [
            ("", ""),
            ("plain text & 1 < 2", ""),
            ("<a href=\"x\">y</a>", "a href=[x] \"y\""),
            (
                "<A HREF='x' b = \"c\" d e=f/>y",
                "A HREF=[x] b=[c] d=[] e=[f/] \"y\"",
            ),
            ("<a\nhref=x\tyanked>z", "a href=[x] yanked=[] \"z\""),
            ("<a title=\"a > b\" href='\"'>", "a title=[a > b] href=[\"] \"\""),
            ("<br/><br />", "br \"\"\nbr \"\""),
            ("<!-- <a href=no> --><a href=yes>", "a href=[yes] \"\""),
            ("<!DOCTYPE html><?xml?><a>", "a \"\""),
            ("<script>'<a href=no>' </a></SCRIPT ><a>", "a \"\""),
            ("<style a=b></style><a href=\"é\">ü</a>", "a href=[é] \"ü\""),
            ("<a =x>", "a =x=[] \"\""),
            ("<a é=ü>", "a é=[ü] \"\""),
            ("<a href=\"\">", "a href=[] \"\""),
        ] {
            assert_eq!(scan(html).unwrap(), expected, "{html}");
        }
    }

    #[test]
    fn cut_documents_are_noticed() {
        for html in [
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href=\"x",
            "<a href=x",
            "<!-- x",
            "</a",
            "<script>x</scr",
        ] {
            assert_eq!(scan(html), Err(Truncated), "{html}");
        }
    }

    proptest! {
        #[test]
        fn every_document_comes_to_an_end(html in "(<|>|a|/| |=|\"|'|!--|-->|script|é|\\PC){0,60}") {
            let _ = scan(&html);
        }
    }
}
