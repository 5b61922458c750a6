//! The header part of an e-mail message, the frame of `METADATA`, `PKG-INFO` and `WHEEL`.
//! Source: RFC 822 as Python's `email` parser reads it: folded lines, names in any case, an empty line ends the headers.

use std::borrow::Cow;

/// The fields of a message in their order.
pub(crate) struct Headers<'a> {
    fields: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Headers<'a> {
    /// Reads up to the first empty line. Lines that are no field and continue none are skipped.
    pub(crate) fn parse(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut fields: Vec<(&str, Cow<'a, str>)> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            let line = rest[..end].trim_end_matches('\r');
            rest = rest.get(end + 1..).unwrap_or_default();
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    let value = value.to_mut();
                    value.push('\n');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim_end(), Cow::Borrowed(value.trim())));
            }
        }
        Self { fields }
    }

    /// The first value of a field.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}
