//! Versions. Invariant: the text is in normal form, and two versions are equal exactly when their texts are.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::str::FromStr;
use std::sync::Arc;

use super::Strictness;
use super::grammar;

/// A version. Ordered by precedence, then by build metadata, so that the order is total. Cloning is cheap.
#[derive(Clone)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    /// Where the prerelease, or what follows it, starts in the text: the end of `1.2.3`.
    release_end: u16,
    /// Where the build metadata starts, with its `+`; the text's length where there is none.
    build_start: u16,
    text: Text,
}

/// A text, or a part of one: the versions that a registry lists of a package share theirs.
#[derive(Clone)]
struct Text {
    whole: Arc<str>,
    start: u32,
    length: u16,
}

/// A text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version: {reason}")]
pub struct InvalidVersion {
    /// What was given, cut where it is very long.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Version {
    /// Reads a version as semver.org has it; a leading `v` and white space at both ends are allowed, as in node.
    ///
    /// # Errors
    /// Where it is something else, longer than 256 bytes, or has a number above 2⁵³ − 1.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        Self::parse_as(text, Strictness::Strict)
    }

    /// Reads a version as npm reads what people wrote: also `=1.2.3`, `1.2.3beta` and `01.2.3`.
    ///
    /// # Errors
    /// Where there are no three numbers, or as for [`Version::parse`].
    pub fn parse_loose(text: &str) -> Result<Self, InvalidVersion> {
        Self::parse_as(text, Strictness::Loose)
    }

    /// Reads a version with the given strictness.
    ///
    /// # Errors
    /// As for [`Version::parse`] and [`Version::parse_loose`].
    pub fn parse_as(text: &str, strictness: Strictness) -> Result<Self, InvalidVersion> {
        scan(text, strictness).map_err(|reason| InvalidVersion {
            text: text.chars().take(grammar::MAX_LENGTH).collect(),
            reason,
        })
    }

    /// Reads a version as [`Version::parse`] does, out of a text that it shares with others and keeps alive.
    ///
    /// # Errors
    /// As for [`Version::parse`].
    ///
    /// # Panics
    /// Where there is no such part of the text.
    pub fn parse_part(whole: &Arc<str>, part: Range<usize>) -> Result<Self, InvalidVersion> {
        let text = &whole[part.clone()];
        let Some((numbers, release_end)) = plain(text) else {
            return Self::parse(text);
        };
        let text = Text {
            whole: Arc::clone(whole),
            start: u32::try_from(part.start).map_err(|_| InvalidVersion {
                text: text.to_owned(),
                reason: "it lies too far behind the start of its list",
            })?,
            length: short(text.len()),
        };
        Ok(as_written(text, numbers, release_end, ""))
    }

    /// A version without a prerelease.
    pub fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self::from_parts([major, minor, patch], "")
    }

    /// A version from its numbers and its prerelease, which is empty or was read by the grammar.
    pub(super) fn from_parts([major, minor, patch]: [u64; 3], prerelease: &str) -> Self {
        let mut text = String::with_capacity(24 + prerelease.len());
        push_number(&mut text, major);
        text.push('.');
        push_number(&mut text, minor);
        text.push('.');
        push_number(&mut text, patch);
        let release_end = short(text.len());
        if !prerelease.is_empty() {
            text.push('-');
            push_normal(&mut text, prerelease);
        }
        Self {
            major,
            minor,
            patch,
            release_end,
            build_start: short(text.len()),
            text: text.into(),
        }
    }

    /// The version in normal form (`1.2.3-beta.1+build`).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The normal form without build metadata, which is all that npm compares and prints.
    pub fn without_build(&self) -> &str {
        &self.text[..usize::from(self.build_start)]
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// The second number.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// The third number.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// What follows the first `-` (`beta.1`); empty for a release.
    pub fn prerelease(&self) -> &str {
        let part = &self.text[usize::from(self.release_end)..usize::from(self.build_start)];
        part.strip_prefix('-').unwrap_or(part)
    }

    /// What follows the `+`; empty where there is none.
    pub fn build(&self) -> &str {
        let part = &self.text[usize::from(self.build_start)..];
        part.strip_prefix('+').unwrap_or(part)
    }

    /// Whether it has a prerelease.
    pub fn is_prerelease(&self) -> bool {
        self.build_start > self.release_end
    }

    /// Orders by precedence alone, as semver.org has it: build metadata counts for nothing.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let numbers = self.release().cmp(&other.release());
        numbers.then_with(|| match (self.is_prerelease(), other.is_prerelease()) {
            (false, false) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => compare_identifiers(self.prerelease(), other.prerelease()),
        })
    }

    /// Whether both have the same three numbers.
    pub fn same_release(&self, other: &Self) -> bool {
        self.release() == other.release()
    }

    pub(super) fn release(&self) -> [u64; 3] {
        [self.major, self.minor, self.patch]
    }

    /// Bytes whose order is that of the versions.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        for number in self.release() {
            key.extend(number.to_be_bytes());
        }
        // A release comes after its prereleases.
        key.push(if self.is_prerelease() { 1 } else { 2 });
        push_key(&mut key, self.prerelease());
        push_key(&mut key, self.build());
        key.extend(self.text.as_bytes());
        key
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        let start = self.start as usize;
        &self.whole[start..start + usize::from(self.length)]
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Self {
        let whole = text.into();
        Self {
            start: 0,
            length: short(whole.len()),
            whole,
        }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other)
            .then_with(|| compare_identifiers(self.build(), other.build()))
            // Build metadata `01` and `1` are alike, but not the same.
            .then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    /// Loosely, as npm does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_loose(text)
    }
}

fn scan(text: &str, strictness: Strictness) -> Result<Version, &'static str> {
    match plain(text) {
        Some((numbers, release_end)) => Ok(as_written(text.into(), numbers, release_end, "")),
        None => scan_any(text, strictness),
    }
}

/// The numbers, and where they end, of what nearly all versions are: in normal form already, three numbers, and perhaps a
/// prerelease. Registries list them by the hundred thousand. `None` says nothing.
pub(super) fn plain(text: &str) -> Option<([u64; 3], usize)> {
    // With so many digits no number is too great.
    const DIGITS: usize = 15;
    let bytes = text.as_bytes();
    let (mut numbers, mut at) = ([0_u64; 3], 0);
    for (position, number) in numbers.iter_mut().enumerate() {
        if position > 0 {
            if *bytes.get(at)? != b'.' {
                return None;
            }
            at += 1;
        }
        let start = at;
        while let Some(digit @ b'0'..=b'9') = bytes.get(at).filter(|_| at - start <= DIGITS) {
            *number = *number * 10 + u64::from(digit - b'0');
            at += 1;
        }
        let leads_with_zero = at - start > 1 && bytes[start] == b'0';
        if at == start || at - start > DIGITS || leads_with_zero {
            return None;
        }
    }
    let is_whole = match bytes.get(at) {
        None => true,
        Some(b'-') => grammar::identifiers(bytes, at + 1, Strictness::Strict) == Some(bytes.len()),
        Some(_) => false,
    };
    (is_whole && bytes.len() <= grammar::MAX_LENGTH).then_some((numbers, at))
}

/// Any version.
pub(super) fn scan_any(text: &str, strictness: Strictness) -> Result<Version, &'static str> {
    const SHAPE: &str = "a version is three numbers, as in `1.2.3`";
    const TOO_GREAT: &str = "a number in it is too great";
    const TOO_LONG: &str = "it is longer than 256 characters";
    if text.len() > grammar::MAX_LENGTH {
        return Err(TOO_LONG);
    }
    let text = grammar::trim(text);
    let start = match strictness {
        Strictness::Strict => usize::from(text.starts_with('v')),
        Strictness::Loose => grammar::skip_prefix(text, 0),
    };
    let bytes = text.as_bytes();
    let mut spans: [Range<usize>; 3] = [start..start, 0..0, 0..0];
    let mut at = start;
    for (position, span) in spans.iter_mut().enumerate() {
        if position > 0 {
            if bytes.get(at) != Some(&b'.') {
                return Err(SHAPE);
            }
            at += 1;
        }
        *span = at..grammar::number(bytes, at, strictness).ok_or(SHAPE)?;
        at = span.end;
    }
    let tail = Tail::read(text, spans[2].clone(), strictness)
        .ok_or("something follows the numbers that is neither a prerelease nor build metadata")?;
    spans[2].end = tail.number_end;
    let mut numbers = [0; 3];
    for (number, span) in numbers.iter_mut().zip(spans) {
        *number = grammar::value(&text[span]).ok_or(TOO_GREAT)?;
    }
    if strictness == Strictness::Strict {
        return Ok(as_written(text[start..].into(), numbers, at - start, tail.build));
    }
    let mut version = Version::from_parts(numbers, tail.prerelease);
    if !tail.build.is_empty() {
        version.text = format!("{version}+{}", tail.build).into();
    }
    // In normal form there may be a `-` more.
    match version.text.len() <= grammar::MAX_LENGTH {
        true => Ok(version),
        false => Err(TOO_LONG),
    }
}

/// What follows the three numbers.
struct Tail<'t> {
    /// The end of the third number, of which a loose prerelease may have taken a digit.
    number_end: usize,
    prerelease: &'t str,
    build: &'t str,
}

impl<'t> Tail<'t> {
    /// `None` where something remains.
    fn read(text: &'t str, number: Range<usize>, strictness: Strictness) -> Option<Self> {
        let at = number.end;
        let bytes = text.as_bytes();
        let build_end = |start: usize| grammar::build(bytes, start).unwrap_or(start);
        let ends = |start: usize| build_end(start) == bytes.len();
        let (number_end, prerelease) = match strictness {
            _ if ends(at) => (at, at..at),
            Strictness::Strict => {
                let (start, end) =
                    grammar::prerelease(bytes, at, strictness).filter(|(_, end)| ends(*end))?;
                (at, start..end)
            }
            Strictness::Loose => {
                let (number_end, start) = grammar::loose_tail(bytes, number, ends)?;
                (number_end, start..grammar::identifiers(bytes, start, strictness)?)
            }
        };
        let build_start = if prerelease.is_empty() { at } else { prerelease.end };
        Some(Self {
            number_end,
            prerelease: &text[prerelease],
            build: text[build_start..].strip_prefix('+').unwrap_or_default(),
        })
    }
}

/// A version whose text is in normal form already, as what was read strictly is.
fn as_written(text: Text, [major, minor, patch]: [u64; 3], release_end: usize, build: &str) -> Version {
    let build_start = match build.len() {
        0 => text.len(),
        length => text.len() - length - 1,
    };
    Version {
        major,
        minor,
        patch,
        release_end: short(release_end),
        build_start: short(build_start),
        text,
    }
}

fn short(position: usize) -> u16 {
    u16::try_from(position).expect("a version has at most a few hundred bytes")
}

/// Appends digits, without the formatter: the bounds of ranges are versions, so a resolution does this tens of thousands of times.
fn push_number(text: &mut String, number: u64) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    let digit = u8::try_from(number % 10).expect("a remainder of ten fits");
    text.push(char::from(b'0' + digit));
}

/// Prerelease identifiers with their numbers in normal form.
fn push_normal(text: &mut String, identifiers: &str) {
    for (position, identifier) in identifiers.split('.').enumerate() {
        if position > 0 {
            text.push('.');
        }
        text.push_str(if is_number(identifier) {
            significant(identifier)
        } else {
            identifier
        });
    }
}

fn is_number(identifier: &str) -> bool {
    !identifier.is_empty() && identifier.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without leading zeros.
fn significant(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    }
}

/// Orders identifiers with dots between them: one by one, numbers before words, and a list before a longer one that it starts.
fn compare_identifiers(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (parts(a), parts(b));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare_identifier(a, b) {
                Ordering::Equal => {}
                different => return different,
            },
        }
    }
}

fn parts(identifiers: &str) -> impl Iterator<Item = &str> {
    identifiers.split('.').filter(|identifier| !identifier.is_empty())
}

fn compare_identifier(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => {
            let (a, b) = (significant(a), significant(b));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// Identifiers as bytes that compare as they do: 0 ends the list, 1 and the number of digits come before a number, 2 before a word.
fn push_key(key: &mut Vec<u8>, identifiers: &str) {
    for identifier in parts(identifiers) {
        if is_number(identifier) {
            let digits = significant(identifier);
            key.push(1);
            key.extend(short(digits.len()).to_be_bytes());
            key.extend(digits.as_bytes());
        } else {
            key.push(2);
            key.extend(identifier.as_bytes());
            key.push(0);
        }
    }
    key.push(0);
}
