//! Edits of requirements files, line by line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use wharf_core::PackageName;

use super::{Addition, Manifest, Removed, pep508_text};
use crate::error::ProjectError;
use crate::requirement::{Base, Parsed, RequirementSource, parse_requirement};
use crate::requirements::lines::{Logical, logical_lines};
use crate::requirements::options::{Switch, split_options, split_requirement};
use crate::requirements::unnamed;

pub(super) fn add(
    manifest: Manifest<'_>,
    addition: &Addition,
    parsed: &Parsed,
) -> Result<String, ProjectError> {
    if addition.index.is_some() {
        let reason = "requirements files cannot say which index a requirement comes from";
        return Err(manifest.cannot(reason, "state it in a wharf.toml, which can"));
    }
    let name = PackageName::pypi(parsed.requirement.name.as_ref()).expect("a PEP 508 name is a PyPI name");
    let line = match (&parsed.source, addition.editable) {
        (Some(RequirementSource::Path { path, .. }), true) => {
            let relative = if path.starts_with(['/', '.']) {
                path.clone()
            } else {
                format!("./{path}")
            };
            let extras: Vec<&str> = parsed.requirement.extras.iter().map(AsRef::as_ref).collect();
            let extras = if extras.is_empty() {
                String::new()
            } else {
                format!("[{}]", extras.join(","))
            };
            format!("-e {relative}{extras}")
        }
        _ => pep508_text(parsed),
    };
    let text = manifest.text;
    if let Some(found) = lines_of(manifest, &name).into_iter().next() {
        let old = &text[found.physical.clone()];
        let comment = old
            .split_once(" #")
            .map(|(_, comment)| format!("  #{}", comment.trim_end()));
        let end = if old.ends_with("\r\n") {
            "\r\n"
        } else if old.ends_with('\n') {
            "\n"
        } else {
            ""
        };
        let new = format!("{line}{}{end}", comment.unwrap_or_default());
        return Ok(format!(
            "{}{new}{}",
            &text[..found.physical.start],
            &text[found.physical.end..]
        ));
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        end
    };
    Ok(format!("{text}{gap}{line}{end}"))
}

pub(super) fn remove(manifest: Manifest<'_>, names: &[PackageName]) -> (String, Vec<Removed>) {
    let mut removed = Vec::new();
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for name in names {
        for line in lines_of(manifest, name) {
            cuts.push(line.physical);
            removed.push(Removed {
                name: name.clone(),
                group: manifest.group.clone(),
            });
        }
    }
    cuts.sort_by_key(|cut| cut.start);
    let mut text = manifest.text.to_owned();
    for cut in cuts.into_iter().rev() {
        text.replace_range(cut, "");
    }
    (text, removed)
}

/// The lines that require a package.
fn lines_of(manifest: Manifest<'_>, name: &PackageName) -> Vec<Logical> {
    let folder = manifest.path.parent().unwrap_or(Path::new("/"));
    let base = Base { root: folder, folder };
    // Variables stay unexpanded: their values must not be written into the file.
    let lines = logical_lines(manifest.text, &BTreeMap::new()).into_iter();
    lines
        .filter(|line| required(line, base).is_some_and(|found| found == *name))
        .collect()
}

fn required(line: &Logical, base: Base<'_>) -> Option<PackageName> {
    let text = if line.text.starts_with('-') {
        let options = split_options(&line.text, 0..line.text.len()).ok()?;
        options
            .into_iter()
            .find(|option| option.switch == Switch::Editable)?
            .value
    } else {
        split_requirement(&line.text).0.to_owned()
    };
    let parsed = if unnamed::is_unnamed(&text) {
        unnamed::parse(&text, base).ok()?
    } else {
        parse_requirement(&text, base).ok()?
    };
    PackageName::pypi(parsed.requirement.name.as_ref()).ok()
}
