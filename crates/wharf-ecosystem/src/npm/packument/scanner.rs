//! A cursor over JSON that passes over most of it. Strings are skipped eight bytes at a time; nothing is built.
//! Invariant: the position never leaves the text, and every call moves it forward or fails.

use std::borrow::Cow;

/// The place at which the text stops being JSON.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) reason: &'static str,
}

/// A cursor.
pub(super) struct Scanner<'j> {
    json: &'j [u8],
    at: usize,
}

/// Deeper nesting is refused: no document has it, and depth is counted for nothing else.
const MAX_DEPTH: usize = 512;

impl<'j> Scanner<'j> {
    pub(super) fn new(json: &'j [u8]) -> Self {
        let at = if json.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { json, at }
    }

    /// The position of the next byte to read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What was passed over since `start`.
    pub(super) fn since(&self, start: usize) -> &'j [u8] {
        &self.json[start..self.at]
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("the document goes on after its end")),
        }
    }

    /// Reads an object; `entry` gets each key (raw, without quotes) with the cursor at the value, which it has to pass.
    pub(super) fn object(
        &mut self,
        mut entry: impl FnMut(&mut Self, &'j [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'{', "an object was expected")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.expect(b'"', "a key was expected")?;
            let key = self.string()?;
            self.expect(b':', "`:` was expected after a key")?;
            self.space();
            entry(self, key)?;
            if self.take(b',') {
                continue;
            }
            return self.expect(b'}', "`,` or `}` was expected");
        }
    }

    /// Reads an object if one comes, else passes over what comes. Whether it was one.
    pub(super) fn object_or_skip(
        &mut self,
        entry: impl FnMut(&mut Self, &'j [u8]) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b'{') => self.object(entry).map(|()| true),
            _ => self.skip().map(|()| false),
        }
    }

    /// The text that comes, raw; `None`, passing over it, where something else does.
    pub(super) fn raw_text(&mut self) -> Result<Option<&'j [u8]>, Malformed> {
        if self.take(b'"') {
            return self.string().map(Some);
        }
        self.skip().map(|()| None)
    }

    /// The text that comes; `None` where something else does or the text is no Unicode.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'j, str>>, Malformed> {
        Ok(self.raw_text()?.and_then(unescape))
    }

    /// Whether JavaScript takes what comes for true, as far as texts and words go; everything else but numbers is.
    pub(super) fn truth(&mut self) -> Result<bool, Malformed> {
        let start = self.at;
        self.skip()?;
        Ok(!matches!(
            self.json[start..self.at].trim_ascii(),
            b"\"\"" | b"false" | b"null" | b"0"
        ))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(|_| ())
            }
            Some(b'{' | b'[') => self.skip_nested(),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.skip_word();
                Ok(())
            }
            _ => Err(self.wrong("a value was expected")),
        }
    }

    /// `true`, `false`, `null` or a number.
    fn skip_word(&mut self) {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.json[self.at..].iter().take_while(|byte| word(byte)).count();
        self.at += length;
    }

    /// From an opening bracket past the one that closes it. Between the brackets only strings are told apart.
    fn skip_nested(&mut self) -> Result<(), Malformed> {
        let json = self.json;
        let mut at = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = json.get(at) {
            at += 1;
            match byte {
                b'"' => match string_end(json, at) {
                    Some(end) => at = end + 1,
                    None => break,
                },
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        self.at = at;
                        return Err(self.wrong("it nests too deeply"));
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = at;
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.at = json.len();
        Err(self.wrong("it ends inside a value"))
    }

    /// The string whose opening quote was taken, raw, and past its closing one.
    fn string(&mut self) -> Result<&'j [u8], Malformed> {
        let start = self.at;
        match string_end(self.json, start) {
            Some(end) => {
                self.at = end + 1;
                Ok(&self.json[start..end])
            }
            None => {
                self.at = self.json.len();
                Err(self.wrong("it ends inside a text"))
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.json.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Malformed> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.wrong(reason)),
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.json.get(self.at) {
            self.at += 1;
        }
    }

    fn wrong(&self, reason: &'static str) -> Malformed {
        Malformed { at: self.at, reason }
    }
}

/// Where the closing quote of a string is, whose content starts at `at`.
fn string_end(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        while let Some(chunk) = json.get(at..at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes are eight bytes"));
            let found = bytes_equal(word, b'"') | bytes_equal(word, b'\\');
            if found == 0 {
                at += 8;
                continue;
            }
            at += (found.trailing_zeros() / 8) as usize;
            break;
        }
        match json.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The high bit of every byte of `word` that is `byte`; bits above the lowest such byte may be wrong.
fn bytes_equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = LOW << 7;
    let different = word ^ (LOW * u64::from(byte));
    different.wrapping_sub(LOW) & !different & HIGH
}

/// The text that a raw string stands for; `None` where it is no Unicode or an escape is malformed.
pub(super) fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    if !raw.contains(&b'\\') {
        return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend(raw);
    quoted.push(b'"');
    serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned)
}
