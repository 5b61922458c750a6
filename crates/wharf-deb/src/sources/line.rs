//! `deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://example.org/debian bookworm main`

use super::{InvalidSource, Kind, Source, Suite, check_components, check_uri};

/// Reads a line; `None` where nothing stands there.
pub(super) fn parse(text: &str, line: usize) -> Result<Option<Source>, InvalidSource> {
    read(without_comment(text), line).map_err(|reason| InvalidSource { line, reason })
}

/// A `#` ends the line but between brackets.
fn without_comment(text: &str) -> &str {
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '#' if depth == 0 => return &text[..at],
            _ => {}
        }
    }
    text
}

fn read(text: &str, line: usize) -> Result<Option<Source>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (word, rest) = word(text)?;
    let kind =
        Kind::parse(word).ok_or_else(|| format!("`{word}` stands where `deb` or `deb-src` belongs"))?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside
            .split_once(']')
            .ok_or("the bracket of the options is not closed")?,
        None => ("", rest),
    };
    let (uri, rest) = self::word(rest.trim_start())?;
    if uri.is_empty() {
        return Err("there is no URI".to_owned());
    }
    check_uri(uri)?;
    let (suite, rest) = self::word(rest.trim_start())?;
    if suite.is_empty() {
        return Err("there is no suite behind the URI".to_owned());
    }
    let mut source = Source::new(kind, uri, Suite::parse(suite), line);
    source.components = rest.split_whitespace().map(str::to_owned).collect();
    check_components(&source.suite, &source.components)?;
    for option in options.split_whitespace() {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| format!("the option `{option}` has no value"))?;
        source.set(name, value.trim_matches('"'))?;
    }
    Ok(Some(source))
}

/// The first word and what follows. Spaces between brackets belong to the word: `cdrom:[Debian 12]/`.
fn word(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            letter if letter.is_whitespace() && depth == 0 => return Ok(text.split_at(at)),
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a bracket is not closed".to_owned());
    }
    Ok((text, ""))
}
