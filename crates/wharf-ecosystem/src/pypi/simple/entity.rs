//! Character references of HTML, as far as attribute values of index pages hold them.
//! Source: the WHATWG HTML standard, "Character reference state". Of the named references those with a meaning in URLs,
//! specifiers and reasons are known; every other one stays as written.

use std::borrow::Cow;

const NAMED: [(&str, char); 12] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("plus", '+'),
    ("equals", '='),
    ("excl", '!'),
    ("comma", ','),
    ("num", '#'),
    ("ast", '*'),
];

/// Replaces the character references in an attribute's value.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'&', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(behind) = rest.strip_prefix('&') {
        let (character, remaining) = reference(behind).unwrap_or(('&', behind));
        decoded.push(character);
        let next = memchr::memchr(b'&', remaining.as_bytes()).unwrap_or(remaining.len());
        decoded.push_str(&remaining[..next]);
        rest = &remaining[next..];
    }
    Cow::Owned(decoded)
}

/// The character of the reference that follows an `&`, and what comes after it.
fn reference(text: &str) -> Option<(char, &str)> {
    let Some(number) = text.strip_prefix('#') else {
        return NAMED.into_iter().find_map(|(name, character)| {
            let rest = text.strip_prefix(name)?.strip_prefix(';')?;
            Some((character, rest))
        });
    };
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let rest = &digits[end..];
    let code = u32::from_str_radix(&digits[..end], radix).ok()?;
    let character = char::from_u32(code)
        .filter(|c| *c != '\0')
        .unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((character, rest.strip_prefix(';').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("&gt;=3.6,&lt;4", ">=3.6,<4"),
            ("a&amp;b&amp;amp;c", "a&b&amp;c"),
            ("&#62;=3&#x3E;&#X3e;&#62", ">=3>>>"),
            ("&quot;&apos;&#39;", "\"''"),
            ("&", "&"),
            ("&&gt;&", "&>&"),
            ("?a=1&gt=2&copy;", "?a=1&gt=2&copy;"),
            ("&#0;&#xD800;&#x110000;", "\u{fffd}\u{fffd}\u{fffd}"),
            ("&#;&#x;&#99999999999;", "&#;&#x;&#99999999999;"),
            ("é&lt;ü", "é<ü"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_comes_back(text in "\\PC*") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            prop_assert_eq!(decode(&escaped), text);
        }

        #[test]
        fn any_text_is_answered(text in "[&#x;0-9a-gé]*") {
            let _ = decode(&text);
        }
    }
}
