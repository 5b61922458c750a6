//! Requirements that are a path or a URL without a name (`./lib[extra]`, `https://…/x.whl`, `-e .`).
//! The name comes from the archive's file name, from `#egg=`, or from the source tree's own metadata.

use std::path::Path;

use pep508_rs::{Requirement, VersionOrUrl};
use wharf_core::PackageName;

use crate::requirement::{
    Base, Parsed, PathKind, Problem, RequirementSource, is_archive, parse_reference, parse_requirement,
};

/// Whether a requirement is a path or a URL rather than a name.
pub(crate) fn is_unnamed(text: &str) -> bool {
    let target = target_of(text);
    if target.starts_with(['.', '/', '\\']) || target.starts_with("file:") {
        return true;
    }
    let head = target
        .split(['[', '@', '<', '>', '=', '!', '~', ';', '#'])
        .next()
        .unwrap_or_default();
    let is_windows = target.as_bytes().get(1) == Some(&b':') && target.len() > 2;
    head.contains("://") || head.contains('/') || is_archive(head) || is_windows
}

/// Everything before the marker.
fn target_of(text: &str) -> &str {
    text.split(" ;")
        .next()
        .unwrap_or(text)
        .split("; ")
        .next()
        .unwrap_or(text)
        .trim()
}

/// Reads a path or URL, finds its name, and gives the requirement.
pub(crate) fn parse(text: &str, base: Base<'_>) -> Result<Parsed, Problem> {
    let lead = text.len() - text.trim_start().len();
    let text = text.trim();
    let target = target_of(text);
    let span = lead..lead + target.len();
    let marker = text[target.len()..].trim_start_matches([' ', '\t', ';']).trim();
    let (address, extras) = split_extras(target);
    let reference = parse_reference(address, base).map_err(|mut problem| {
        problem.span = span.clone();
        problem
    })?;
    let name = match &reference.egg {
        Some(egg) => PackageName::pypi(egg).map_err(|error| error.to_string()),
        None => find_name(&reference.source, base),
    }
    .map_err(|reason| {
        let problem = Problem::new(reason, span.clone());
        if is_missing_folder(&reference.source, base) {
            problem.hint(
                "check the spelling of the path; it is relative to the file, or to the project's folder",
            )
        } else {
            problem.hint(format!("name the package: `NAME{extras} @ {address}`"))
        }
    })?;
    let tail = if marker.is_empty() {
        String::new()
    } else {
        format!(" ; {marker}")
    };
    let named = format!("{name}{extras}{tail}");
    let mut requirement: Requirement<_> = parse_requirement(&named, base)
        .map_err(|mut problem| {
            problem.span = lead..lead + text.len();
            problem
        })?
        .requirement;
    requirement.version_or_url = Some(VersionOrUrl::Url(reference.url.with_given(address)));
    Ok(Parsed {
        requirement,
        source: Some(reference.source),
        hashes: reference.hashes,
    })
}

/// Whether a name would not help.
fn is_missing_folder(source: &RequirementSource, base: Base<'_>) -> bool {
    match source {
        RequirementSource::Path {
            path,
            kind: PathKind::Directory,
        } => !base.root.join(path).is_dir(),
        RequirementSource::Path { .. }
        | RequirementSource::Index { .. }
        | RequirementSource::Url { .. }
        | RequirementSource::Git { .. } => false,
    }
}

/// Splits `path[extra,other]`.
fn split_extras(target: &str) -> (&str, &str) {
    match target.strip_suffix(']').and_then(|head| head.rfind('[')) {
        Some(at) if at > 0 => target.split_at(at),
        _ => (target, ""),
    }
}

fn find_name(source: &RequirementSource, base: Base<'_>) -> Result<PackageName, String> {
    match source {
        RequirementSource::Index { name } => Err(format!("`{name}` is no place")),
        RequirementSource::Url { url, .. } => url
            .filename()
            .and_then(|file| archive_name(&file))
            .ok_or_else(|| format!("`{url}` does not tell the package's name")),
        RequirementSource::Git { url, .. } => Err(format!(
            "the repository `{url}` does not tell the package's name without cloning it"
        )),
        RequirementSource::Path {
            path,
            kind: PathKind::Archive,
        } => {
            let file = path.rsplit('/').next().unwrap_or(path);
            archive_name(file).ok_or_else(|| format!("`{file}` does not tell the package's name"))
        }
        RequirementSource::Path {
            path,
            kind: PathKind::Directory,
        } => {
            let folder = base.root.join(path);
            if !folder.is_dir() {
                return Err(format!("there is no folder `{path}`"));
            }
            directory_name(&folder)
                .ok_or_else(|| format!("`{path}` has no static package name in its metadata"))
        }
    }
}

/// The name in the file name of a wheel or a source archive.
pub(crate) fn archive_name(file: &str) -> Option<PackageName> {
    if let Some(stem) = file.strip_suffix(".whl") {
        let parts: Vec<&str> = stem.split('-').collect();
        return matches!(parts.len(), 5 | 6)
            .then(|| PackageName::pypi(parts[0]).ok())
            .flatten();
    }
    let lower = file.to_ascii_lowercase();
    let ending = [
        ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tar",
    ]
    .into_iter()
    .find(|ending| lower.ends_with(ending))?;
    let stem = &file[..file.len() - ending.len()];
    let (name, _) = stem
        .rmatch_indices('-')
        .map(|(at, _)| (&stem[..at], &stem[at + 1..]))
        .find(|(name, version)| !name.is_empty() && wharf_ecosystem::pypi::parse_version(version).is_ok())?;
    PackageName::pypi(name).ok()
}

/// The name that a source tree states for itself: `pyproject.toml`, then `setup.cfg`, then a literal in `setup.py`.
pub(crate) fn directory_name(folder: &Path) -> Option<PackageName> {
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let from_pyproject = read("pyproject.toml").and_then(|text| {
        let table = toml::from_str::<toml::Table>(&text).ok()?;
        let name = |path: &[&str]| {
            let mut value = table.get(*path.first()?)?;
            for key in &path[1..] {
                value = value.get(key)?;
            }
            value.as_str().map(str::to_owned)
        };
        name(&["project", "name"]).or_else(|| name(&["tool", "poetry", "name"]))
    });
    let from_cfg = || {
        let text = read("setup.cfg")?;
        crate::ini::parse(&text)
            .into_iter()
            .find(|entry| entry.is("metadata", "name"))
            .map(|entry| entry.value)
    };
    let from_setup = || literal_name(&read("setup.py")?);
    let name = from_pyproject.or_else(from_cfg).or_else(from_setup)?;
    PackageName::pypi(name.trim()).ok()
}

/// The literal of `name="…"` in a `setup(…)` call.
fn literal_name(text: &str) -> Option<String> {
    let call = &text[text.find("setup(")?..];
    call.match_indices("name").find_map(|(at, _)| {
        let starts_word = call[..at].ends_with(|c: char| c.is_whitespace() || c == '(' || c == ',');
        let value = call[at + 4..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let literal = value[1..].split(quote).next()?;
        starts_word.then(|| literal.to_owned())
    })
}
