//! Mends the slips of old published requirements whose meaning is beyond doubt.

use super::guard::Parts;
use crate::pypi::version::mend_specifiers;

/// The mended text; `None` where nothing was found to mend.
pub(super) fn mend(text: &str) -> Option<String> {
    let parts = Parts::split(text);
    let mut mended = parts.head.trim().to_owned();
    mended.push_str(&mend_body(parts.body));
    if let Some(marker) = parts.marker.map(mend_marker).filter(|marker| !marker.is_empty()) {
        mended.push_str(" ; ");
        mended.push_str(&marker);
    }
    (mended != text).then_some(mended)
}

/// Takes superfluous parentheses off and mends the specifiers between them; URLs stay.
fn mend_body(body: &str) -> String {
    let body = body.trim();
    if body.starts_with('@') {
        return format!(" {body}");
    }
    let bare = body.trim_start_matches('(').trim_end_matches(')').trim();
    if bare.is_empty() || bare == "*" {
        return String::new();
    }
    mend_specifiers(bare).unwrap_or_else(|| bare.to_owned())
}

/// Straightens typographic quotes and drops a comma at the end.
fn mend_marker(marker: &str) -> String {
    let straight = marker.replace(['‘', '’'], "'").replace(['“', '”'], "\"");
    straight.trim().trim_end_matches([',', ';']).trim_end().to_owned()
}

/// `python_version in "3.8, 3.9"` with spaces alone between the versions, as the parser wants it; `None` where no quoted
/// text has a comma.
pub(super) fn separate_versions(marker: &str) -> Option<String> {
    let mut quote = None;
    let mut mended = String::with_capacity(marker.len());
    for character in marker.chars() {
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (',', Some(_)) => {
                mended.push(' ');
                continue;
            }
            _ => {}
        }
        mended.push(character);
    }
    (mended != marker).then_some(mended)
}
