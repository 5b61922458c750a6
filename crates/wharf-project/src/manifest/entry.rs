//! One requirement of `wharf.toml`: `name = ">=1"`, or a table with version, extras, marker and source.
//! Versions are PEP 440's own text; a bare `1.2` is refused with a hint, because PEP 440 has no such thing.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{ExtraName, MarkerTree, Requirement, VersionOrUrl};
use toml::de::{DeTable, DeValue};
use wharf_core::PackageName;
use wharf_ecosystem::pypi::{parse_specifiers, parse_version};

use crate::error::Invalid;
use crate::requirement::{
    Base, Group, PathKind, Problem, RequirementSource, RootRequirement, parse_marker, parse_reference,
};
use crate::stated::Stated;
use crate::suggest::nearest;
use crate::table::{Key, Reader, Value};

const KEYS: &[&str] = &[
    "version",
    "extras",
    "marker",
    "markers",
    "path",
    "git",
    "rev",
    "tag",
    "branch",
    "url",
    "subdirectory",
    "editable",
    "index",
];

/// Reads a table of requirements.
pub(crate) fn requirements(
    reader: &Reader<'_>,
    base: Base<'_>,
    value: &Value<'_>,
    group: &Group,
    place: &str,
) -> Result<Vec<RootRequirement>, Invalid> {
    let table = reader.table(value, place)?;
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut roots: Vec<RootRequirement> = Vec::new();
    for (key, value) in entries {
        let entry = Entry {
            reader,
            base,
            key,
            group,
            place,
        };
        let read = entry.read(value)?;
        if let Some(twin) = roots
            .iter()
            .find(|root| root.requirement.name == read[0].requirement.name)
        {
            let message = format!(
                "`{}` and `{}` are the same package",
                key.get_ref(),
                twin.requirement.name
            );
            return Err(reader
                .error(key.span(), message)
                .hint(format!("remove one of them ({})", twin.origin)));
        }
        roots.extend(read);
    }
    Ok(roots)
}

/// Refuses requirements on an index that nothing declares.
pub(crate) fn check_indexes(
    reader: &Reader<'_>,
    document: &DeTable<'_>,
    stated: &Stated,
) -> Result<(), Invalid> {
    let names = stated.index_names();
    let wrong = stated
        .roots
        .iter()
        .chain(&stated.overrides)
        .chain(&stated.constraints)
        .find_map(|root| match &root.source {
            Some(RequirementSource::Index { name }) if !names.contains(name.as_str()) => Some((root, name)),
            _ => None,
        });
    let Some((root, name)) = wrong else { return Ok(()) };
    let span = index_span(document, name).unwrap_or(0..0);
    let error = reader.error(
        span,
        format!(
            "`{}` comes from the index `{name}`, which is not declared",
            root.name()
        ),
    );
    Err(match nearest(name, names.iter().copied()) {
        Some(word) => error.hint(format!("did you mean `{word}`?")),
        None => error.hint(format!(
            "add an `[[index]]` table with `name = \"{name}\"` and its `url`"
        )),
    })
}

/// The place of an `index = "name"`, wherever it is.
fn index_span(table: &DeTable<'_>, name: &str) -> Option<std::ops::Range<usize>> {
    table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::String(text) if key.get_ref() == "index" && text == name => Some(value.span()),
        DeValue::Table(inner) => index_span(inner, name),
        DeValue::Array(items) => items
            .iter()
            .find_map(|item| index_span(item.get_ref().as_table()?, name)),
        _ => None,
    })
}

struct Entry<'r, 's, 'i> {
    reader: &'r Reader<'s>,
    base: Base<'r>,
    key: &'r Key<'i>,
    group: &'r Group,
    place: &'r str,
}

impl Entry<'_, '_, '_> {
    fn read(&self, value: &Value<'_>) -> Result<Vec<RootRequirement>, Invalid> {
        match value.get_ref() {
            DeValue::String(text) => {
                let mut requirement = self.requirement()?;
                requirement.version_or_url = self.version(value, text)?;
                Ok(vec![self.root(requirement, None, false)])
            }
            DeValue::Table(table) => Ok(vec![self.table(table)?]),
            DeValue::Array(items) if !items.is_empty() => items
                .iter()
                .map(|item| self.table(self.reader.table(item, "each alternative")?))
                .collect(),
            other => {
                let message = format!(
                    "`{}` must be a version string or a table, and this is of type {}",
                    self.key.get_ref(),
                    other.type_str()
                );
                let hint = format!("write `{} = \"*\"` for any version", self.key.get_ref());
                Err(self.reader.error(value.span(), message).hint(hint))
            }
        }
    }

    fn requirement(&self) -> Result<Requirement, Invalid> {
        let name = self.key.get_ref();
        let parsed = pep508_rs::PackageName::from_str(name);
        let name = parsed.map_err(|_| {
            let error = self
                .reader
                .error(self.key.span(), format!("`{name}` is not the name of a package"));
            match name.split_once('[') {
                Some((bare, _)) => error.hint(format!(
                    "write `{bare} = {{ version = \"*\", extras = [\"…\"] }}`"
                )),
                None => error,
            }
        })?;
        let (extras, version_or_url) = (Vec::new(), None);
        Ok(Requirement {
            name,
            extras,
            version_or_url,
            marker: MarkerTree::TRUE,
            origin: None,
        })
    }

    fn root(
        &self,
        requirement: Requirement,
        source: Option<RequirementSource>,
        editable: bool,
    ) -> RootRequirement {
        let origin = self
            .reader
            .source
            .origin(self.key.span().start)
            .with_label(self.place);
        let group = self.group.clone();
        RootRequirement {
            requirement,
            source,
            editable,
            group,
            origin,
            hashes: Vec::new(),
        }
    }

    fn version(&self, value: &Value<'_>, text: &str) -> Result<Option<VersionOrUrl>, Invalid> {
        let read = specifiers(text).map_err(|problem| at_value(self.reader, value, text, problem))?;
        Ok((!read.is_empty()).then_some(VersionOrUrl::VersionSpecifier(read)))
    }

    fn table(&self, table: &DeTable<'_>) -> Result<RootRequirement, Invalid> {
        let name = self.key.get_ref();
        self.reader
            .known_keys(table, &format!("the requirement `{name}`"), KEYS)?;
        let mut requirement = self.requirement()?;
        if let Some(extras) = table.get("extras") {
            requirement.extras = self.extras(extras)?;
        }
        for key in ["marker", "markers"] {
            if let Some(value) = table.get(key) {
                let text = self.reader.string(value, &format!("`{key}`"))?;
                requirement.marker =
                    parse_marker(text).map_err(|problem| at_value(self.reader, value, text, problem))?;
            }
        }
        if let Some(value) = table.get("version") {
            requirement.version_or_url = self.version(value, self.reader.string(value, "`version`")?)?;
        }
        let mut hashes = Vec::new();
        let source = self.source(table, &mut requirement, &mut hashes)?;
        let editable = match table.get("editable") {
            Some(value) => {
                let wanted = self.reader.boolean(value, "`editable`")?;
                let is_tree = matches!(
                    &source,
                    Some(RequirementSource::Path {
                        kind: PathKind::Directory,
                        ..
                    })
                );
                if wanted && !is_tree {
                    let message = "only a source tree given by `path` can be editable";
                    return Err(self.reader.error(value.span(), message));
                }
                wanted
            }
            None => false,
        };
        let mut root = self.root(requirement, source, editable);
        root.hashes = hashes;
        Ok(root)
    }

    fn extras(&self, value: &Value<'_>) -> Result<Vec<ExtraName>, Invalid> {
        let read = |(text, span): (&str, std::ops::Range<usize>)| {
            ExtraName::from_str(text).map_err(|_| {
                self.reader
                    .error(span, format!("`{text}` is not the name of an extra"))
            })
        };
        self.reader
            .strings(value, "`extras`")?
            .into_iter()
            .map(read)
            .collect()
    }

    /// The one source of a table, checked against keys that belong to another.
    fn source(
        &self,
        table: &DeTable<'_>,
        requirement: &mut Requirement,
        hashes: &mut Vec<wharf_core::Digest>,
    ) -> Result<Option<RequirementSource>, Invalid> {
        let mut kinds = ["path", "git", "url", "index"]
            .into_iter()
            .filter_map(|kind| table.get_key_value(kind));
        let Some((kind, value)) = kinds.next() else {
            return self
                .refuse(
                    table,
                    &["rev", "tag", "branch", "subdirectory"],
                    "needs `git` or `url`",
                )
                .map(|()| None);
        };
        if let Some((other, _)) = kinds.next() {
            let message = format!(
                "`{}` and `{}` exclude each other",
                kind.get_ref(),
                other.get_ref()
            );
            return Err(self.reader.error(other.span(), message).hint("keep one of them"));
        }
        let text = self.reader.string(value, &format!("`{}`", kind.get_ref()))?;
        let subdirectory = match table.get("subdirectory") {
            Some(value) => {
                let folder = self.reader.string(value, "`subdirectory`")?;
                let safe = wharf_core::SafePath::new(folder)
                    .map_err(|error| self.reader.error(value.span(), error.to_string()))?;
                Some(safe.as_str().to_owned())
            }
            None => None,
        };
        let address = match kind.get_ref().as_ref() {
            "index" => {
                self.refuse(
                    table,
                    &["rev", "tag", "branch", "subdirectory"],
                    "cannot go with `index`",
                )?;
                return Ok(Some(RequirementSource::Index {
                    name: text.to_owned(),
                }));
            }
            "path" => {
                self.refuse(
                    table,
                    &["rev", "tag", "branch", "subdirectory"],
                    "cannot go with `path`",
                )?;
                text.to_owned()
            }
            "git" => self.git_address(table, text)?,
            _ => {
                self.refuse(table, &["rev", "tag", "branch"], "needs `git`")?;
                text.to_owned()
            }
        };
        if requirement.version_or_url.is_some() {
            let message = format!("`version` has no meaning beside `{}`", kind.get_ref());
            return Err(self
                .reader
                .error(table.get("version").map_or(value.span(), Value::span), message));
        }
        let full = match &subdirectory {
            Some(folder) => format!("{address}#subdirectory={folder}"),
            None => address.clone(),
        };
        let reference = parse_reference(&full, self.base).map_err(|mut problem| {
            problem.span = 0..text.len();
            at_value(self.reader, value, text, problem)
        })?;
        let fits = match (&reference.source, kind.get_ref().as_ref()) {
            (RequirementSource::Path { .. }, "path") | (RequirementSource::Git { .. }, "git") => true,
            (RequirementSource::Url { .. }, "url") => true,
            (RequirementSource::Path { .. }, "url") => address.starts_with("file:"),
            _ => false,
        };
        if !fits {
            return Err(self
                .reader
                .error(value.span(), format!("this is no value for `{}`", kind.get_ref())));
        }
        hashes.extend(reference.hashes);
        requirement.version_or_url = Some(VersionOrUrl::Url(reference.url.with_given(address)));
        Ok(Some(reference.source))
    }

    fn git_address(&self, table: &DeTable<'_>, text: &str) -> Result<String, Invalid> {
        let mut references = ["rev", "tag", "branch"]
            .into_iter()
            .filter_map(|key| table.get_key_value(key));
        let scheme = if text.starts_with("git+") { "" } else { "git+" };
        let Some((key, value)) = references.next() else {
            return Ok(format!("{scheme}{text}"));
        };
        if let Some((other, _)) = references.next() {
            let message = format!("`{}` and `{}` exclude each other", key.get_ref(), other.get_ref());
            return Err(self.reader.error(other.span(), message).hint("keep one of them"));
        }
        let reference = self.reader.string(value, &format!("`{}`", key.get_ref()))?;
        Ok(format!("{scheme}{text}@{reference}"))
    }

    fn refuse(&self, table: &DeTable<'_>, keys: &[&str], why: &str) -> Result<(), Invalid> {
        match keys.iter().find_map(|key| table.get_key_value(*key)) {
            Some((key, _)) => Err(self
                .reader
                .error(key.span(), format!("`{}` {why}", key.get_ref()))),
            None => Ok(()),
        }
    }
}

/// Puts a problem within a string value at its place in the file.
pub(crate) fn at_value(reader: &Reader<'_>, value: &Value<'_>, text: &str, problem: Problem) -> Invalid {
    let outer = value.span();
    let raw = reader.source.text().get(outer.clone()).unwrap_or_default();
    // Only where the string stands in the file as it is (no escapes) do its offsets mean anything there.
    let span = match raw.find(text).filter(|_| !text.is_empty()) {
        Some(at) => {
            let start = outer.start + at;
            start + problem.span.start.min(text.len())..start + problem.span.end.min(text.len())
        }
        None => outer,
    };
    let mut invalid = reader.error(span, problem.reason);
    invalid.hints = problem.hints;
    invalid
}

/// Reads PEP 440 specifiers; `*` and the empty text mean any version.
pub(crate) fn specifiers(text: &str) -> Result<VersionSpecifiers, Problem> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed == "*" {
        return Ok(VersionSpecifiers::empty());
    }
    parse_specifiers(trimmed).map_err(|error| specifier_problem(text, &error.reason))
}

fn specifier_problem(text: &str, message: &str) -> Problem {
    let trimmed = text.trim();
    let whole = 0..text.len();
    let release = |text: &str| parse_version(text.trim()).ok();
    if release(trimmed.trim_end_matches(".*")).is_some() {
        return Problem::new(
            format!("`{trimmed}` is a version, not a version specifier"),
            whole,
        )
        .hint(format!(
            "write `=={trimmed}` for exactly it, or `>={}` for it and later",
            trimmed.trim_end_matches(".*")
        ));
    }
    if let Some(version) = trimmed.strip_prefix('^').and_then(release) {
        let upper = match version.release() {
            [0, minor, ..] => format!("0.{}", minor + 1),
            [major, ..] => (major + 1).to_string(),
            [] => "1".to_owned(),
        };
        return Problem::new("`^` is not an operator of Python's version specifiers", whole)
            .hint(format!("write `>={version},<{upper}`"));
    }
    if let Some(version) = trimmed
        .strip_prefix('~')
        .filter(|rest| !rest.starts_with('='))
        .and_then(release)
    {
        return Problem::new("`~` is not an operator of Python's version specifiers", whole)
            .hint(format!("write `~={version}`"));
    }
    if let Some(version) = trimmed
        .strip_prefix('=')
        .filter(|rest| !rest.starts_with('='))
        .and_then(release)
    {
        return Problem::new("`=` is not an operator of Python's version specifiers", whole)
            .hint(format!("write `=={version}`"));
    }
    let reason = message.lines().next().unwrap_or_default().trim_end_matches(':');
    Problem::new(format!("`{trimmed}` is not a version specifier: {reason}"), whole)
        .hint("write for example `>=1.2`, `==1.2.*`, `>=1.2,<2` or `*`")
}

/// A name in normal form, for comparing keys.
pub(crate) fn same_name(left: &str, right: &str) -> bool {
    match (PackageName::pypi(left), PackageName::pypi(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}
