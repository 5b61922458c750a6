//! `[[deb.pin]]`: which versions are preferred. What a pin means is apt_preferences(5).

use super::{integer, words};
use crate::deb::DebPin;
use crate::error::Invalid;
use crate::table::{Reader, Value};

/// Reads one pin.
pub(super) fn read(reader: &Reader<'_>, item: &Value<'_>) -> Result<DebPin, Invalid> {
    const KINDS: &[&str] = &["release", "version", "origin"];
    let table = reader.table(item, "a pin")?;
    reader.known_keys(
        table,
        "[[deb.pin]]",
        &["packages", "release", "version", "origin", "priority"],
    )?;
    let missing = |key: &str| reader.error(item.span(), format!("this pin has no `{key}`"));
    let packages = words(
        reader,
        table.get("packages").ok_or_else(|| missing("packages"))?,
        "`packages`",
    )?;
    let priority = integer(
        reader,
        table.get("priority").ok_or_else(|| missing("priority"))?,
        "`priority`",
    )?;
    let mut kinds = KINDS.iter().filter_map(|kind| table.get_key_value(*kind));
    let Some((kind, value)) = kinds.next() else {
        let error = reader.error(
            item.span(),
            "this pin says neither `release` nor `version` nor `origin`",
        );
        return Err(
            error.hint("write for example `release = \"n=bookworm-backports\"` or `version = \"1.22*\"`")
        );
    };
    if let Some((other, _)) = kinds.next() {
        let message = format!(
            "`{}` and `{}` exclude each other",
            kind.get_ref(),
            other.get_ref()
        );
        return Err(reader.error(other.span(), message).hint("keep one of them"));
    }
    let text = reader.string(value, &format!("`{}`", kind.get_ref()))?;
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(reader.error(value.span(), "this pins nothing"));
    }
    if packages.is_empty() {
        return Err(reader
            .error(item.span(), "this pin is for no package")
            .hint("`packages = [\"*\"]` is for all"));
    }
    let pin = DebPin {
        packages,
        pin: format!("{} {}", kind.get_ref(), text.trim()),
        priority,
        origin: reader.source.origin(item.span().start).with_label("[[deb.pin]]"),
    };
    let mut read = wharf_deb::preferences::parse(pin.stanza().as_bytes());
    match read.pop() {
        Some(Ok(_)) if read.is_empty() => Ok(pin),
        Some(Err(invalid)) => Err(reader.error(
            item.span(),
            format!("this pin cannot be read: {}", invalid.reason),
        )),
        Some(Ok(_)) | None => Err(reader.error(item.span(), "this pin cannot be read")),
    }
}
