//! `yarn.lock` of yarn 1, whose form is its own, and of later ones, which write YAML in the same lines: an entry's header at the
//! margin, its facts below. Source: the files themselves; yarnpkg.com, "Lockfile".

use super::{Pin, malformed, split_name};
use crate::error::Invalid;
use crate::text::SourceText;

/// What is known of the entry being read.
#[derive(Default)]
struct Entry<'t> {
    /// The first of the texts that it answers (`name@range`).
    asked: &'t str,
    version: &'t str,
    /// Later yarns: the package's own name and where it comes from.
    resolution: &'t str,
    /// Yarn 1: the archive's address.
    resolved: &'t str,
}

pub(super) fn read(source: &SourceText) -> Result<Vec<Pin>, Invalid> {
    let mut pins = Vec::new();
    let mut entry = Entry::default();
    let mut at = 0;
    for line in source.text().split_inclusive('\n') {
        let start = at;
        at += line.len();
        let text = line.trim_end();
        let fact = text.strip_prefix("  ").filter(|fact| !fact.starts_with(' '));
        if let Some(fact) = fact {
            entry.note(fact);
        } else if text.starts_with(' ') || text.is_empty() || text.starts_with('#') || text == ":" {
            // Facts of facts, comments, and the second line of a long key.
        } else if text.ends_with(':') || text.starts_with("? ") {
            pins.extend(std::mem::take(&mut entry).pin());
            entry.asked = header(text);
        } else {
            return Err(malformed(source, start, "this is neither an entry nor a comment"));
        }
    }
    pins.extend(entry.pin());
    Ok(pins)
}

/// The first text of an entry's header, without quotes.
fn header(text: &str) -> &str {
    let text = text.strip_prefix("? ").unwrap_or(text).trim_end_matches(':');
    unquoted(
        text.trim_start_matches('"')
            .split([',', '"'])
            .next()
            .unwrap_or_default(),
    )
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

impl<'t> Entry<'t> {
    /// `version "1.0.0"` or `version: 1.0.0`.
    fn note(&mut self, fact: &'t str) {
        let Some((key, value)) = fact.split_once(' ') else {
            return;
        };
        let slot = match key.trim_end_matches(':') {
            "version" => &mut self.version,
            "resolution" => &mut self.resolution,
            "resolved" => &mut self.resolved,
            _ => return,
        };
        *slot = unquoted(value);
    }

    /// What a registry serves; `None` for folders, repositories and archives elsewhere.
    fn pin(self) -> Option<Pin> {
        let name = if self.resolution.is_empty() {
            let (alias, range) = split_name(self.asked)?;
            let is_elsewhere =
                range.contains("://") || range.starts_with("file:") || range.starts_with("link:");
            let is_repository = self.resolved.starts_with("git") || self.resolved.contains(".git#");
            if is_elsewhere || is_repository {
                return None;
            }
            // An alias names the package after `npm:`.
            range
                .strip_prefix("npm:")
                .and_then(split_name)
                .map_or(alias, |(name, _)| name)
        } else {
            let (name, from) = split_name(self.resolution)?;
            if !from.starts_with("npm:") && !from.starts_with("patch:") {
                return None;
            }
            name
        };
        (!self.version.is_empty()).then(|| Pin {
            name: name.to_owned(),
            version: self.version.to_owned(),
            direct: false,
        })
    }
}
