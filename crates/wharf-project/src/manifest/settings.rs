//! The tables that are not requirements: `[policy]`, `[options]`, `[[index]]`, and targets. They mean the same in
//! `wharf.toml` and under `[tool.wharf]` of a `pyproject.toml`.

use std::path::Path;

use jiff::civil::Date;
use toml::de::DeTable;
use wharf_core::{Ecosystem, PackageName, Span, Timestamp, WebUrl};

use crate::error::Invalid;
use crate::index::{
    Declared, FindLinks, Formats, IndexSpec, IndexStrategy, PackageSet, Prereleases, ResolutionMode,
};
use crate::prebuilt::PrebuiltPolicy;
use crate::project::SandboxPolicy;
use crate::requirements::{apply_formats, find_links_location};
use crate::stated::Stated;
use crate::table::{Reader, Value, list};

/// Reads `targets = […]`.
pub(crate) fn targets(
    reader: &Reader<'_>,
    value: Option<&Value<'_>>,
    stated: &mut Stated,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    for (text, span) in reader.strings(value, "`targets`")? {
        let target = text
            .parse()
            .map_err(|error: wharf_core::InvalidTarget| reader.error(span.clone(), error.to_string()))?;
        if stated.targets.contains(&target) {
            return Err(reader.error(span, format!("the target `{text}` is named twice")));
        }
        stated.targets.push(target);
    }
    Ok(())
}

/// Reads `[policy]`.
pub(crate) fn policy(
    reader: &Reader<'_>,
    value: Option<&Value<'_>>,
    stated: &mut Stated,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    let table = reader.table(value, "`policy`")?;
    let known = [
        "cooldown",
        "exclude-newer",
        "prebuilt",
        "sandbox",
        "build-network",
        "scripts",
    ];
    reader.known_keys(table, "[policy]", &known)?;
    if let Some(value) = table.get("cooldown") {
        let text = reader.string(value, "`cooldown`")?;
        stated.policy.cooldown = text
            .parse::<Span>()
            .map_err(|error| reader.error(value.span(), error.to_string()))?;
    }
    if let Some(value) = table.get("exclude-newer") {
        let text = match value.get_ref().as_datetime() {
            Some(instant) => instant.to_string(),
            None => reader.string(value, "`exclude-newer`")?.to_owned(),
        };
        let instant = parse_instant(&text).map_err(|reason| reader.error(value.span(), reason))?;
        stated.policy.exclude_newer = Some(instant);
    }
    let prebuilt = word(
        reader,
        table,
        "prebuilt",
        PrebuiltPolicy::WORDS,
        PrebuiltPolicy::from_word,
    )?;
    stated.policy.prebuilt = prebuilt.unwrap_or(stated.policy.prebuilt);
    let sandbox = word(
        reader,
        table,
        "sandbox",
        SandboxPolicy::WORDS,
        SandboxPolicy::from_word,
    )?;
    stated.policy.sandbox = sandbox.unwrap_or(stated.policy.sandbox);
    if let Some(value) = table.get("build-network") {
        for (text, span) in reader.strings(value, "`build-network`")? {
            let name = built_package(text).map_err(|reason| reader.error(span, reason))?;
            stated.policy.build_network.push(name);
        }
    }
    if let Some(value) = table.get("scripts") {
        let scripts = reader.strings(value, "`scripts`")?;
        for (text, span) in scripts {
            crate::approval::check(text).map_err(|reason| reader.error(span, reason))?;
            stated.policy.scripts.push(text.to_owned());
        }
    }
    Ok(())
}

/// Reads the name of a package that may be built: `pypi:NAME` or `cargo:NAME`.
fn built_package(text: &str) -> Result<PackageName, String> {
    let named = text
        .split_once(':')
        .and_then(|(word, name)| Some((word.parse().ok()?, name)));
    match named {
        Some((ecosystem @ (Ecosystem::Pypi | Ecosystem::Cargo), name)) => {
            PackageName::new(ecosystem, name).map_err(|error| error.to_string())
        }
        _ => Err(format!(
            "`{text}` names nothing that is built: write `pypi:NAME` or `cargo:NAME`"
        )),
    }
}

/// Reads an instant: RFC 3339, or a date, which includes that whole day in UTC.
///
/// # Errors
/// Where it is neither, in words.
pub fn parse_instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let date = text
        .parse::<Date>()
        .ok()
        .filter(|_| text.len() == "2026-01-01".len());
    let next = date.and_then(|date| date.tomorrow().ok());
    let midnight = next.and_then(|date| format!("{date}T00:00:00Z").parse().ok());
    midnight.ok_or_else(|| {
        format!("`{text}` is neither a date (`2026-01-31`) nor an instant (`2026-01-31T12:00:00Z`)")
    })
}

/// Reads `[options]`.
pub(crate) fn options(
    reader: &Reader<'_>,
    value: Option<&Value<'_>>,
    folder: &Path,
    stated: &mut Stated,
) -> Result<(), Invalid> {
    const KEYS: &[&str] = &[
        "prereleases",
        "resolution",
        "index-strategy",
        "find-links",
        "no-index",
        "no-binary",
        "only-binary",
        "npm",
    ];
    let Some(value) = value else { return Ok(()) };
    let table = reader.table(value, "`options`")?;
    reader.known_keys(table, "[options]", KEYS)?;
    if let Some(mode) = word(
        reader,
        table,
        "prereleases",
        Prereleases::WORDS,
        Prereleases::from_word,
    )? {
        stated.prereleases = Some(mode);
    }
    if let Some(mode) = word(
        reader,
        table,
        "resolution",
        ResolutionMode::WORDS,
        ResolutionMode::from_word,
    )? {
        stated.resolution = Some(mode);
    }
    if let Some(mode) = word(
        reader,
        table,
        "index-strategy",
        IndexStrategy::WORDS,
        IndexStrategy::from_word,
    )? {
        stated.strategy = Some(mode);
    }
    if let Some(value) = table.get("find-links") {
        for (text, span) in reader.strings(value, "`find-links`")? {
            let location = find_links_location(text, folder);
            let origin = reader.source.origin(span.start);
            stated.find_links.push(FindLinks {
                location,
                declared: Declared::Project,
                origin,
            });
        }
    }
    if let Some(value) = table.get("npm") {
        super::npm::options(reader, value, &mut stated.npm)?;
    }
    if let Some(value) = table.get("no-index") {
        stated.no_index |= reader.boolean(value, "`no-index`")?;
    }
    let Formats {
        no_binary,
        only_binary,
    } = &mut stated.formats;
    formats(reader, table, "no-binary", no_binary, only_binary)?;
    formats(reader, table, "only-binary", only_binary, no_binary)
}

fn formats(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
    set: &mut PackageSet,
    other: &mut PackageSet,
) -> Result<(), Invalid> {
    let Some(value) = table.get(key) else {
        return Ok(());
    };
    for (text, span) in reader.strings(value, &format!("`{key}`"))? {
        apply_formats(text, set, other).map_err(|reason| reader.error(span, reason))?;
    }
    Ok(())
}

fn word<T>(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
    words: &[&str],
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Invalid> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    let text = reader.string(value, &format!("`{key}`"))?;
    match read(text) {
        Some(mode) => Ok(Some(mode)),
        None => {
            let error = reader.error(value.span(), format!("`{text}` is no value of `{key}`"));
            // All of them, not the nearest: `newest` looks like `lowest`, and means the opposite.
            Err(error.hint(format!("its values are {}", list(words))))
        }
    }
}

/// Reads `[[index]]`.
pub(crate) fn indexes(
    reader: &Reader<'_>,
    value: Option<&Value<'_>>,
    stated: &mut Stated,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    if value.get_ref().is_table() {
        let error = reader.error(value.span(), "indexes are an array of tables");
        return Err(error.hint("write `[[index]]` with double brackets"));
    }
    for item in reader.array(value, "`index`")? {
        let table = reader.table(item, "`index`")?;
        reader.known_keys(table, "[[index]]", &["name", "url", "explicit", "default"])?;
        let spec = index(reader, item, table)?;
        let twin = stated
            .indexes
            .iter()
            .any(|other| other.name.is_some() && other.name == spec.name);
        if twin {
            let name = spec.name.unwrap_or_default();
            return Err(reader.error(item.span(), format!("two indexes are called `{name}`")));
        }
        if spec.default && stated.indexes.iter().any(|other| other.default) {
            return Err(reader
                .error(item.span(), "two indexes are the default")
                .hint("keep one `default = true`"));
        }
        stated.indexes.push(spec);
    }
    Ok(())
}

/// Reads one index table, which may have keys beyond ours.
pub(crate) fn index(
    reader: &Reader<'_>,
    item: &Value<'_>,
    table: &DeTable<'_>,
) -> Result<IndexSpec, Invalid> {
    let url = table
        .get("url")
        .ok_or_else(|| reader.error(item.span(), "this index has no `url`"))?;
    let text = reader.string(url, "`url`")?;
    let parsed = WebUrl::parse(text).map_err(|error| reader.error(url.span(), error.to_string()))?;
    if !matches!(parsed.as_url().scheme(), "http" | "https" | "file") {
        return Err(reader.error(url.span(), "an index is reached by http, https or file"));
    }
    let flag = |key: &str| {
        table
            .get(key)
            .map_or(Ok(false), |value| reader.boolean(value, &format!("`{key}`")))
    };
    let name = table
        .get("name")
        .map(|value| reader.string(value, "`name`"))
        .transpose()?;
    let (explicit, default) = (flag("explicit")?, flag("default")?);
    if explicit && name.is_none() {
        return Err(reader.error(
            item.span(),
            "an explicit index needs a `name`, or no requirement can ask for it",
        ));
    }
    Ok(IndexSpec {
        name: name.map(str::to_owned),
        url: parsed,
        explicit,
        default,
        declared: Declared::Project,
        origin: reader.source.origin(item.span().start),
    })
}
