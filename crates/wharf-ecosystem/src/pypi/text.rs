//! Small helpers for text from outside.

use std::borrow::Cow;

/// The first 200 characters, for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Bytes as text. The strict reading is tried first: it is several times as fast as the lossy one on whole megabytes.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}
