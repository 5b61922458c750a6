//! The pieces of text that versions and ranges are made of. Positions are byte offsets; every function takes the longest match at a
//! position and answers where it ends.

use std::ops::Range;

use super::Strictness;

/// The greatest number that JavaScript holds exactly, and so the greatest in a version.
pub(super) const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The longest text of a version, in bytes.
pub(super) const MAX_LENGTH: usize = 256;

/// White space as JavaScript's `\s` has it.
pub(super) fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// Without white space at both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Past `v`, `=` and white space.
pub(super) fn skip_prefix(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let kept = rest.trim_start_matches(|c| c == 'v' || c == '=' || is_space(c));
    from + (rest.len() - kept.len())
}

/// The end of a number; leading zeros only loosely.
pub(super) fn number(bytes: &[u8], from: usize, strictness: Strictness) -> Option<usize> {
    let digits = bytes[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match (digits, strictness) {
        (0, _) => None,
        (2.., Strictness::Strict) if bytes[from] == b'0' => None,
        _ => Some(from + digits),
    }
}

/// The end of a number, or of `x`, `X` or `*`.
pub(super) fn number_or_x(bytes: &[u8], from: usize, strictness: Strictness) -> Option<usize> {
    match bytes.get(from) {
        Some(b'x' | b'X' | b'*') => Some(from + 1),
        Some(_) => number(bytes, from, strictness),
        None => None,
    }
}

/// How the rest of a loose text, from the third number on, is divided so that all of it is used: the number's end, and where the
/// prerelease starts. The hyphen before a prerelease may be missing, so `1.2.3-` ends in the identifier `-`, and `1.2.34.x` is
/// `1.2.3-4.x`.
pub(super) fn loose_tail(
    bytes: &[u8],
    number: Range<usize>,
    tail: impl Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let uses_all = |start: usize| identifiers(bytes, start, Strictness::Loose).is_some_and(&tail);
    let after_hyphen = (bytes.get(number.end) == Some(&b'-')).then_some((number.end, number.end + 1));
    let digits = bytes[number.clone()].iter().all(u8::is_ascii_digit);
    let last_digit = (digits && number.len() > 1).then(|| (number.end - 1, number.end - 1));
    [after_hyphen, Some((number.end, number.end)), last_digit]
        .into_iter()
        .flatten()
        .find(|(_, start)| uses_all(*start))
}

/// The end of one prerelease: `-` (which may be missing in loose texts) and identifiers. `None` where there is none.
pub(super) fn prerelease(bytes: &[u8], from: usize, strictness: Strictness) -> Option<(usize, usize)> {
    let start = match bytes.get(from) {
        Some(b'-') => from + 1,
        Some(_) if strictness == Strictness::Loose => from,
        _ => return None,
    };
    let end = identifiers(bytes, start, strictness)?;
    Some((start, end))
}

/// The end of build metadata: `+` and identifiers, which may start with zeros.
pub(super) fn build(bytes: &[u8], from: usize) -> Option<usize> {
    match bytes.get(from) {
        Some(b'+') => identifiers(bytes, from + 1, Strictness::Loose),
        _ => None,
    }
}

/// The end of identifiers with dots between them.
pub(super) fn identifiers(bytes: &[u8], from: usize, strictness: Strictness) -> Option<usize> {
    let mut end = identifier(bytes, from, strictness)?;
    while bytes.get(end) == Some(&b'.') {
        match identifier(bytes, end + 1, strictness) {
            Some(further) => end = further,
            None => break,
        }
    }
    Some(end)
}

fn identifier(bytes: &[u8], from: usize, strictness: Strictness) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    let zeros_first = length > 1 && rest[0] == b'0' && rest[..length].iter().all(u8::is_ascii_digit);
    let legal = length > 0 && !(zeros_first && strictness == Strictness::Strict);
    legal.then_some(from + length)
}

/// The number that digits write; `None` where it is greater than [`MAX_NUMBER`].
pub(super) fn value(digits: &str) -> Option<u64> {
    let mut value = 0_u64;
    for digit in digits.bytes() {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        if value > MAX_NUMBER {
            return None;
        }
    }
    Some(value)
}

/// Without the build metadata of every version in it.
pub(super) fn strip_builds(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = String::with_capacity(text.len());
    let (mut from, mut at) = (0, 0);
    while let Some(plus) = memchr::memchr(b'+', &bytes[at..]).map(|offset| at + offset) {
        match build(bytes, plus) {
            Some(end) => {
                kept.push_str(&text[from..plus]);
                (from, at) = (end, end);
            }
            None => at = plus + 1,
        }
    }
    kept.push_str(&text[from..]);
    kept
}
