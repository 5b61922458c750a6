//! Versions of Debian packages, `epoch:upstream-revision`. Invariant: a total order, in which texts may differ and be
//! equal (`1.0` and `1.0-0`). Source: deb-version(7), Debian Policy 5.6.12.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A version. Cloning is cheap; equality is that of the order.
#[derive(Clone)]
pub struct Version {
    text: Arc<str>,
}

/// A text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a Debian version: {reason}")]
pub struct InvalidDebVersion {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Version {
    /// Reads a version. What dpkg only warns about (an upstream part that starts with a letter, an underscore) is taken.
    ///
    /// # Errors
    /// Where dpkg would not take it, or where it has characters that mean something else in relations and paths.
    pub fn parse(text: &str) -> Result<Self, InvalidDebVersion> {
        let text = text.trim_matches([' ', '\t']);
        match check(text.as_bytes()) {
            Ok(()) => Ok(Self { text: text.into() }),
            Err(reason) => Err(InvalidDebVersion {
                text: text.to_owned(),
                reason,
            }),
        }
    }

    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The epoch; 0 where none is written.
    pub fn epoch(&self) -> u32 {
        Parts::of(self.text.as_bytes()).epoch
    }

    /// The part between epoch and revision.
    pub fn upstream(&self) -> &str {
        let rest = self.without_epoch();
        rest.rsplit_once('-').map_or(rest, |(upstream, _)| upstream)
    }

    /// The part after the last hyphen; `None` in a native package.
    pub fn revision(&self) -> Option<&str> {
        self.without_epoch()
            .rsplit_once('-')
            .map(|(_, revision)| revision)
    }

    /// The version as it stands in file names: all but the epoch.
    pub fn without_epoch(&self) -> &str {
        self.text.split_once(':').map_or(&self.text, |(_, rest)| rest)
    }

    /// Bytes whose order is that of versions.
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.text.len() * 2 + 8);
        canonical(self.text.as_bytes(), |byte| key.push(byte));
        key
    }
}

/// Whether a text is a version, without keeping it.
pub fn is_version(text: &str) -> bool {
    check(text.as_bytes()).is_ok()
}

fn check(text: &[u8]) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.iter().any(|byte| !byte.is_ascii_graphic()) {
        return Err("it has spaces, control characters or letters outside of ASCII");
    }
    if text
        .iter()
        .any(|byte| b"/\\()[]{}<>=,|!\"'`$&;*?#".contains(byte))
    {
        return Err("it has characters that no version may have");
    }
    let rest = match text.iter().position(|byte| *byte == b':') {
        Some(0) => return Err("its epoch is empty"),
        Some(at) if epoch(&text[..at]).is_none() => return Err("its epoch is not a small number"),
        Some(at) => &text[at + 1..],
        None => text,
    };
    if rest.is_empty() {
        return Err("nothing follows its epoch");
    }
    if rest[0] == b'-' {
        return Err("nothing stands before its revision");
    }
    if rest.ends_with(b"-") {
        return Err("its revision is empty");
    }
    Ok(())
}

/// Orders two versions without reading them into values. Total over all texts; for texts that are versions it is the
/// order of deb-version(7).
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_bytes(a.as_bytes(), b.as_bytes())
}

/// [`compare`] of bytes.
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    a.epoch
        .cmp(&b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

struct Parts<'a> {
    epoch: u32,
    upstream: &'a [u8],
    /// Empty where there is none, which is the same as `0`.
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Self {
        let (epoch, rest) = match text.iter().position(|byte| *byte == b':') {
            Some(at) => match epoch(&text[..at]) {
                Some(epoch) => (epoch, &text[at + 1..]),
                None => (0, text),
            },
            None => (0, text),
        };
        let (upstream, revision) = match rest.iter().rposition(|byte| *byte == b'-') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// An epoch of at most 31 bits, as dpkg has it.
fn epoch(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        let sum = sum.checked_mul(10)?.checked_add(digit)?;
        (sum <= i32::MAX as u32).then_some(sum)
    })
}

/// The weight of a byte in a part that is no number: a tilde before the end, the end before letters, letters before
/// everything else.
fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None | Some(b'0'..=b'9') => 1,
        Some(letter) if letter.is_ascii_alphabetic() => u16::from(letter),
        Some(other) => 256 + u16::from(other),
    }
}

/// Alternates between what is no number, byte by byte, and numbers, by value.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii_digit());
    while !a.is_empty() || !b.is_empty() {
        while is_word(a.first()) || is_word(b.first()) {
            let order = weight(a.first().copied()).cmp(&weight(b.first().copied()));
            if order.is_ne() {
                return order;
            }
            // Equal weights of words are equal bytes: there is one more on both sides.
            (a, b) = (&a[1..], &b[1..]);
        }
        let (number_a, rest_a) = number(a);
        let (number_b, rest_b) = number(b);
        let order = number_a
            .len()
            .cmp(&number_b.len())
            .then_with(|| number_a.cmp(number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// The digits at the start, without leading zeros, and what follows.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    let text = &text[zeros..];
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(digits)
}

/// Emits bytes that are equal for equal versions and in the order of versions.
fn canonical(text: &[u8], mut emit: impl FnMut(u8)) {
    let parts = Parts::of(text);
    parts.epoch.to_be_bytes().into_iter().for_each(&mut emit);
    canonical_part(parts.upstream, &mut emit);
    canonical_part(parts.revision, &mut emit);
}

fn canonical_part(mut text: &[u8], emit: &mut impl FnMut(u8)) {
    /// Comes after a tilde and before all else.
    const END: u8 = 2;
    loop {
        while let Some(byte) = text.first().filter(|byte| !byte.is_ascii_digit()) {
            match *byte {
                b'~' => emit(1),
                letter if letter.is_ascii_alphabetic() => emit(letter),
                other => [0xff, other].into_iter().for_each(&mut *emit),
            }
            text = &text[1..];
        }
        emit(END);
        let (digits, rest) = number(text);
        let length = u32::try_from(digits.len()).unwrap_or(u32::MAX);
        match u8::try_from(length) {
            Ok(short) if short < u8::MAX => emit(short),
            Ok(_) | Err(_) => {
                emit(u8::MAX);
                length.to_be_bytes().into_iter().for_each(&mut *emit);
            }
        }
        digits.iter().copied().for_each(&mut *emit);
        text = rest;
        if text.is_empty() {
            return emit(END);
        }
    }
}

impl FromStr for Version {
    type Err = InvalidDebVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.text, &other.text)
    }
}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        canonical(self.text.as_bytes(), |byte| state.write_u8(byte));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_order(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), expected, "{a} ? {b}");
        assert_eq!(compare(b, a), expected.reverse(), "{b} ? {a}");
        let (a, b) = (Version::parse(a).unwrap(), Version::parse(b).unwrap());
        assert_eq!(a.key().cmp(&b.key()), expected, "keys of {a} ? {b}");
    }

    #[test]
    fn the_order_of_the_manual() {
        use Ordering::{Equal, Less};
        for (a, expected, b) in [
            ("1.0~rc1", Less, "1.0"),
            ("1.0~~", Less, "1.0~"),
            ("1.0~~a", Less, "1.0~"),
            ("1.0~", Less, "1.0"),
            ("1.0", Less, "1.0a"),
            ("1.0a", Less, "1.0+"),
            ("1.0Z", Less, "1.0a"),
            ("1.0", Equal, "1.0-0"),
            ("1.0", Equal, "0:1.0"),
            ("1.0", Equal, "1.00"),
            ("1.0", Equal, "1."),
            ("1.a0", Equal, "1.a"),
            ("1.0-1", Less, "1.0-1+b1"),
            ("1.0-1~deb12u1", Less, "1.0-1"),
            ("1.0-1", Less, "1.0-1.1"),
            ("9", Less, "10"),
            ("1.9", Less, "1.10"),
            ("1.0-9", Less, "1.0-10"),
            ("99", Less, "1:1"),
            ("1:99", Less, "2:1"),
            ("2.36-9+deb12u4", Less, "2.36-9+deb12u10"),
            ("1.2.3-1", Less, "1.2.3-rc1-1"),
            ("1.2-3-4", Less, "1.2-30-4"),
            ("1.18446744073709551616", Less, "1.18446744073709551617"),
            ("0", Equal, "0-0"),
            ("0~", Less, "0"),
            ("1.0-0ubuntu1", Less, "1.0-0ubuntu1.1"),
            ("1.0-0", Less, "1.0-0ubuntu1"),
            ("20240101", Less, "20240101+dfsg"),
            ("1.0.", Less, "1.0.1"),
            ("1.0_beta", Less, "1.0_gamma"),
        ] {
            check_order(a, expected, b);
        }
    }

    #[test]
    fn parts() {
        let version = Version::parse("2:1.2-rc-3+b1").unwrap();
        assert_eq!(
            (version.epoch(), version.upstream(), version.revision()),
            (2, "1.2-rc", Some("3+b1"))
        );
        assert_eq!(version.without_epoch(), "1.2-rc-3+b1");
        let native = Version::parse(" 12 ").unwrap();
        assert_eq!(
            (native.epoch(), native.upstream(), native.revision()),
            (0, "12", None)
        );
        assert_eq!(Version::parse("0:1:2-1").unwrap().upstream(), "1:2");
    }

    #[test]
    fn what_is_no_version_is_named() {
        for (text, reason) in [
            ("", "it is empty"),
            (":1", "its epoch is empty"),
            ("a:1", "its epoch is not a small number"),
            ("-1:1", "its epoch is not a small number"),
            ("2147483648:1", "its epoch is not a small number"),
            ("1:", "nothing follows its epoch"),
            ("1.0-", "its revision is empty"),
            ("-1", "nothing stands before its revision"),
            ("1:-1", "nothing stands before its revision"),
            (
                "1 2",
                "it has spaces, control characters or letters outside of ASCII",
            ),
            (
                "1.é",
                "it has spaces, control characters or letters outside of ASCII",
            ),
            ("../1", "it has characters that no version may have"),
            ("${binary:Version}", "it has characters that no version may have"),
        ] {
            assert_eq!(
                Version::parse(text).map_err(|error| error.reason),
                Err(reason),
                "{text}"
            );
        }
        assert!(is_version("v1_0"));
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9]{0,2}:?[0-9a-b.+~-]{0,8}",
            "[ab019.~+:-]{0,10}",
            "\\PC{0,6}",
            "[0-9]{30,40}(-0{1,300}1)?",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_order_is_total(a in text(), b in text(), c in text()) {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le(), "{} {} {}", a, b, c);
            }
            if compare(&a, &b).is_eq() {
                prop_assert_eq!(compare(&a, &c), compare(&b, &c));
            }
        }

        #[test]
        fn keys_have_the_order(a in text(), b in text()) {
            let key = |text: &str| {
                let mut key = Vec::new();
                canonical(text.as_bytes(), |byte| key.push(byte));
                key
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), compare(&a, &b), "{} {}", a, b);
        }

        #[test]
        fn parts_make_the_version(text in "([0-9]:)?[0-9][0-9a-z.+~-]{0,8}") {
            if let Ok(version) = Version::parse(&text) {
                let revision = version.revision().map(|part| format!("-{part}")).unwrap_or_default();
                prop_assert_eq!(version.without_epoch(), format!("{}{}", version.upstream(), revision));
                prop_assert!(text.ends_with(version.without_epoch()));
            }
        }
    }
}
