//! Where an archive of prebuilt commands may lie, where its signature, and where a command in it.
//!
//! Source: cargo-binstall, SUPPORT.md, "Defaults" and the variables of templates. Invariant: the same manifest and machine give the
//! same places in the same order.

use std::borrow::Cow;

use serde::Deserialize;
use url::Url;

use super::{InvalidTable, PackageFormat, Settings, Template, Triple};

/// The signature of an archive, where nothing else is said.
const SIGNATURE: &str = "{ url }.sig";
/// A command in an archive, where nothing else is said.
const COMMAND: &str = "{ bin }{ binary-ext }";
/// Names of archives that say their version.
const NAMES: [&str; 8] = [
    "{ name }-{ target }-v{ version }{ archive-suffix }",
    "{ name }-{ target }-{ version }{ archive-suffix }",
    "{ name }-{ version }-{ target }{ archive-suffix }",
    "{ name }-v{ version }-{ target }{ archive-suffix }",
    "{ name }_{ target }_v{ version }{ archive-suffix }",
    "{ name }_{ target }_{ version }{ archive-suffix }",
    "{ name }_{ version }_{ target }{ archive-suffix }",
    "{ name }_v{ version }_{ target }{ archive-suffix }",
];
/// Names that leave it to the folder.
const VERSIONLESS: [&str; 2] = [
    "{ name }-{ target }{ archive-suffix }",
    "{ name }_{ target }{ archive-suffix }",
];
/// Folders that commands lie in, where nothing is said.
const FOLDERS: [&str; 8] = [
    "{ name }-{ target }-v{ version }",
    "{ name }-{ target }-{ version }",
    "{ name }-{ version }-{ target }",
    "{ name }-v{ version }-{ target }",
    "{ name }-{ target }",
    "{ name }-{ version }",
    "{ name }-v{ version }",
    "{ name }",
];

/// What of a crate templates ask for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its repository.
    pub repository: Option<&'a str>,
}

/// A host of code, and where releases lie on it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CodeHost {
    /// Its domain; one that ends in `*` is the beginning of one.
    pub domain: String,
    /// The folders of releases: templates.
    pub paths: Vec<String>,
    /// What follows the name of a file.
    #[serde(default)]
    pub end: String,
    /// Whether each version has a folder of its own.
    #[serde(default = "yes")]
    pub versioned: bool,
    /// What stands between a repository and the branch in the URL of a folder of it.
    #[serde(default)]
    pub tree: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A place where an archive may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its URL.
    pub url: String,
    /// The URL of its signature.
    pub signature: String,
    /// How it is packed.
    pub format: PackageFormat,
}

/// The places of a crate's archive for a machine, in the order in which they are looked at. `settings` have a `signing`.
///
/// # Errors
/// Where a template cannot be rendered, or nothing says where to look, in words.
pub fn candidates(
    settings: &Settings,
    facts: Facts<'_>,
    triple: &Triple,
    hosts: &[CodeHost],
) -> Result<Vec<Candidate>, InvalidTable> {
    let (repository, host, subcrate) = repository(facts.repository, hosts);
    let (templates, format) = match (&settings.url, host) {
        (Some(url), _) => (vec![url.clone()], settings.format),
        (None, Some(host)) => (guesses(host, subcrate.is_some()), settings.format),
        (None, None) => {
            let reason = "it has no `pkg-url`, and its repository is on no host whose releases are known";
            return Err(InvalidTable(reason.to_owned()));
        }
    };
    let signature = settings
        .signing
        .as_ref()
        .and_then(|signing| signing.file.as_deref());
    let signature = parsed(signature.unwrap_or(SIGNATURE))?;
    let mut candidates: Vec<Candidate> = Vec::new();
    let templates: Vec<(Template, &str)> = templates
        .iter()
        .map(|text| Ok((parsed(text)?, text.as_str())))
        .collect::<Result<_, InvalidTable>>()?;
    let asks = |template: &Template| template.has_any(&["format", "archive-format", "archive-suffix"]);
    for format in formats(&templates, format)? {
        for (template, _) in &templates {
            let suffixes: Vec<Option<&str>> = match asks(template) {
                true => format
                    .suffixes(triple.is_windows())
                    .iter()
                    .copied()
                    .map(Some)
                    .collect(),
                false => vec![None],
            };
            for suffix in suffixes {
                let value = |key: &str, url: Option<&str>| {
                    let value: Option<Cow<'_, str>> = match key {
                        "name" => Some(facts.name.into()),
                        "version" => Some(facts.version.into()),
                        "repo" => repository.as_deref().map(Cow::Borrowed),
                        "subcrate" => subcrate.as_deref().map(Cow::Borrowed),
                        "archive-suffix" => suffix.map(Cow::Borrowed),
                        "archive-format" | "format" => suffix.map(|suffix| match suffix {
                            "" => "bin".into(),
                            suffix => suffix.trim_start_matches('.').into(),
                        }),
                        "binary-ext" => Some(triple.command_suffix().into()),
                        "url" => url.map(|url| url.to_owned().into()),
                        other => triple.value(other),
                    };
                    value
                };
                let invalid = |error: super::InvalidTemplate| InvalidTable(error.to_string());
                let url = template.render(|key| value(key, None)).map_err(invalid)?;
                let signature = signature.render(|key| value(key, Some(&url))).map_err(invalid)?;
                let candidate = Candidate {
                    url,
                    signature,
                    format,
                };
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
    }
    Ok(candidates)
}

/// The formats that archives may have.
fn formats(
    templates: &[(Template, &str)],
    stated: Option<PackageFormat>,
) -> Result<Vec<PackageFormat>, InvalidTable> {
    if let Some(format) = stated {
        return Ok(vec![format]);
    }
    let fixed = templates
        .iter()
        .find(|(template, _)| !template.has_any(&["format", "archive-format", "archive-suffix"]));
    match fixed {
        None => Ok(PackageFormat::ALL.to_vec()),
        Some((_, text)) => match PackageFormat::of_url(text) {
            Some(format) => Ok(vec![format]),
            None => Err(InvalidTable(format!("nothing says how {text} is packed"))),
        },
    }
}

fn guesses(host: &CodeHost, subcrate: bool) -> Vec<String> {
    let versionless = VERSIONLESS.iter().filter(|_| host.versioned);
    let names = NAMES.iter().chain(versionless);
    names
        .flat_map(|name| host.paths.iter().map(move |path| (name, path)))
        .filter(|(_, path)| subcrate || !path.contains("subcrate"))
        .map(|(name, path)| format!("{path}/{name}{}", host.end))
        .collect()
}

/// The repository without what follows it, its host, and the crate's folder in it.
fn repository<'h>(
    stated: Option<&str>,
    hosts: &'h [CodeHost],
) -> (Option<String>, Option<&'h CodeHost>, Option<String>) {
    let Some(url) = stated.and_then(|text| Url::parse(text).ok()) else {
        return (stated.map(str::to_owned), None, None);
    };
    let domain = url.domain().unwrap_or_default();
    let is_at = |host: &&CodeHost| match host.domain.strip_suffix('*') {
        Some(beginning) => domain.starts_with(beginning),
        None => domain == host.domain,
    };
    let host = hosts.iter().find(is_at);
    let segments: Vec<&str> = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|one| !one.is_empty())
        .collect();
    let subcrate = host.and_then(|host| folder_of(&segments, host));
    let mut bare = url.clone();
    if subcrate.is_some() {
        bare.set_path(&segments[..2].join("/"));
    }
    let text = bare.as_str().trim_end_matches('/');
    let text = text.strip_suffix(".git").unwrap_or(text).to_owned();
    (Some(text), host, subcrate)
}

/// `owner/repository/tree/branch/crates/NAME`, or without `crates`.
fn folder_of(segments: &[&str], host: &CodeHost) -> Option<String> {
    if host.tree.is_empty() {
        return None;
    }
    let rest = segments.get(2..)?;
    let (between, rest) = rest.split_at_checked(host.tree.len())?;
    if between != host.tree {
        return None;
    }
    match rest {
        [_branch, "crates", name] | [_branch, name] => Some((*name).to_owned()),
        _ => None,
    }
}

/// The path of a command in an archive. `has_folder` says whether the archive has a folder, where the manifest does not say it.
///
/// # Errors
/// Where the template cannot be rendered, or leads out of the archive, in words.
pub fn command_path(
    settings: &Settings,
    facts: Facts<'_>,
    triple: &Triple,
    command: &str,
    has_folder: impl Fn(&str) -> bool,
) -> Result<String, InvalidTable> {
    let value = |key: &str| match key {
        "name" => Some(Cow::Borrowed(facts.name)),
        "version" => Some(Cow::Borrowed(facts.version)),
        "repo" => facts.repository.map(Cow::Borrowed),
        "bin" => Some(Cow::Borrowed(command)),
        "binary-ext" | "format" => Some(Cow::Borrowed(triple.command_suffix())),
        other => triple.value(other),
    };
    let render = |text: &str| {
        let rendered = parsed(text)?.render(value);
        rendered.map_err(|error| InvalidTable(error.to_string()))
    };
    let text = match &settings.bin_dir {
        Some(template) => render(template)?,
        None => {
            let folders = FOLDERS.iter().filter_map(|folder| render(folder).ok());
            let folder = folders.into_iter().find(|folder| has_folder(folder));
            let name = render(COMMAND)?;
            folder.map_or(name.clone(), |folder| format!("{folder}/{name}"))
        }
    };
    inside(&text)
        .ok_or_else(|| InvalidTable(format!("the path `{text}` of a command leads out of the archive")))
}

/// A path without its detours; `None` where it leads out, or nowhere.
fn inside(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn parsed(text: &str) -> Result<Template, InvalidTable> {
    Template::parse(text).map_err(|error| InvalidTable(error.to_string()))
}
