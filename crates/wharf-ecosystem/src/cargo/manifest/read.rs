//! The text of a `Cargo.toml` → [`Manifest`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use semver::Version;
use toml::de::{DeTable, DeValue};

use super::reader::{self, Key, Value, either, flag, section, string, strings, table, text, words, wrong};
use super::requirement::{self, Place};
use super::{
    Bin, Edition, Inheritable, InvalidManifest, Manifest, Package, Patch, Pattern, Resolver,
    StatedDependency, Workspace,
};
use crate::cargo::rust_version::InvalidRustVersion;
use crate::cargo::{CrateName, DependencyKind, Platform, RustVersion, crate_name};

type Read<T> = Result<T, InvalidManifest>;

/// A table of dependencies: its key, the spelling of old editions, and what it is for.
type Kind = (&'static str, &'static str, DependencyKind);

const NORMAL: Kind = ("dependencies", "dependencies", DependencyKind::Normal);
const DEV: Kind = ("dev-dependencies", "dev_dependencies", DependencyKind::Dev);
const BUILD: Kind = ("build-dependencies", "build_dependencies", DependencyKind::Build);

impl Patch {
    /// Reads the `[patch]` tables of a text: of Cargo's configuration, which may have them as well.
    ///
    /// # Errors
    /// Where it is no TOML, or one of them is malformed.
    pub fn parse_all(text: &str) -> Read<Vec<Self>> {
        patches(&reader::document(text)?)
    }
}

impl Manifest {
    /// Reads the text of a `Cargo.toml`.
    ///
    /// # Errors
    /// Where it is no TOML, or says something about the graph that cannot be obeyed.
    pub fn parse(text: &str) -> Read<Self> {
        let document = reader::document(text)?;
        let package = match either(&document, "package", "project") {
            Some((_, value)) => Some(package(table(value, "[package]")?, value.span())?),
            None => None,
        };
        let workspace = section(&document, "workspace", "[workspace]")?
            .map(workspace)
            .transpose()?;
        let manifest = Manifest {
            dependencies: dependencies(&document)?,
            features: features(&document)?,
            feature_spans: feature_spans(&document),
            patches: patches(&document)?,
            replaces: replaces(&document)?,
            bins: bins(&document)?,
            package,
            workspace,
        };
        manifest.check(&document)?;
        Ok(manifest)
    }

    fn check(&self, document: &DeTable<'_>) -> Read<()> {
        match (&self.package, &self.workspace) {
            (None, None) => Err(wrong(
                0..0,
                "this Cargo.toml has neither a [package] nor a [workspace] table",
            )),
            (
                Some(Package {
                    workspace: Some(pointer),
                    ..
                }),
                Some(_),
            ) => {
                let message = "a package cannot have a [workspace] and point to another one";
                Err(wrong(pointer.span.clone(), message)
                    .hint("keep one of `package.workspace` and `[workspace]`"))
            }
            (None, Some(_)) => self.check_virtual(document),
            (Some(_), _) => Ok(()),
        }
    }

    /// A workspace without a package of its own has no tables of one.
    fn check_virtual(&self, document: &DeTable<'_>) -> Read<()> {
        const OF_A_PACKAGE: [&str; 13] = [
            "dependencies",
            "dev-dependencies",
            "dev_dependencies",
            "build-dependencies",
            "build_dependencies",
            "features",
            "target",
            "lib",
            "bin",
            "example",
            "test",
            "bench",
            "lints",
        ];
        let keys = OF_A_PACKAGE.iter();
        match keys.filter_map(|key| document.get_key_value(*key)).next() {
            Some((key, _)) => {
                let message = format!(
                    "[{}] belongs to a package, and this Cargo.toml has none",
                    key.get_ref()
                );
                Err(wrong(key.span(), message)
                    .hint("add a [package] table, or move this to a member of the workspace"))
            }
            None => Ok(()),
        }
    }
}

fn package(table: &DeTable<'_>, span: Range<usize>) -> Read<Package> {
    let name = table
        .get("name")
        .ok_or_else(|| wrong(span, "the package has no `name`"))?;
    Ok(Package {
        name: named(string(name, "`name`")?, name.span())?,
        span: name.span(),
        version: inheritable(table, "version", version)?,
        edition: inheritable(table, "edition", edition)?,
        rust_version: inheritable(table, "rust-version", rust_version)?,
        links: text(table, "links")?,
        workspace: match table.get("workspace") {
            Some(value) => Some(Pattern {
                text: string(value, "`workspace`")?.to_owned(),
                span: value.span(),
            }),
            None => None,
        },
        resolver: resolver(table)?,
        default_run: text(table, "default-run")?,
        autobins: flag(table, "autobins")?.unwrap_or(true),
    })
}

fn named(text: &str, span: Range<usize>) -> Read<CrateName> {
    crate_name(text).map_err(|error| wrong(span, error.to_string()))
}

/// `key = …`, or `key.workspace = true`.
fn inheritable<T>(
    parent: &DeTable<'_>,
    key: &str,
    read: fn(&Value<'_>, &str) -> Read<T>,
) -> Read<Option<Inheritable<T>>> {
    let Some(value) = parent.get(key) else {
        return Ok(None);
    };
    let DeValue::Table(inner) = value.get_ref() else {
        return Ok(Some(Inheritable::Stated(read(value, key)?)));
    };
    match flag(inner, "workspace")? {
        Some(true) => Ok(Some(Inheritable::Inherited(value.span()))),
        Some(false) => {
            Err(wrong(value.span(), "`workspace` cannot be false").hint(format!("state `{key}` itself")))
        }
        None => Err(wrong(
            value.span(),
            format!("`{key}` must be a string or `{{ workspace = true }}`"),
        )),
    }
}

fn version(value: &Value<'_>, key: &str) -> Read<Version> {
    let text = string(value, &format!("`{key}`"))?;
    let parsed = text.trim().parse();
    parsed.map_err(|error: semver::Error| {
        wrong(value.span(), format!("`{text}` is no version: {error}"))
            .hint("write three numbers, such as `0.1.0`")
    })
}

fn rust_version(value: &Value<'_>, key: &str) -> Read<RustVersion> {
    let parsed = string(value, &format!("`{key}`"))?.parse();
    parsed.map_err(|error: InvalidRustVersion| wrong(value.span(), error.to_string()))
}

fn edition(value: &Value<'_>, key: &str) -> Read<Edition> {
    let text = string(value, &format!("`{key}`"))?;
    let found = Edition::ALL.into_iter().find(|edition| edition.as_str() == text);
    found.ok_or_else(|| {
        wrong(value.span(), format!("there is no edition `{text}` of Rust"))
            .hint("the editions are 2015, 2018, 2021 and 2024")
    })
}

fn resolver(table: &DeTable<'_>) -> Read<Option<Resolver>> {
    let Some(value) = table.get("resolver") else {
        return Ok(None);
    };
    let text = string(value, "`resolver`")?;
    let found = Resolver::from_word(text);
    found.map(Some).ok_or_else(|| {
        wrong(value.span(), format!("there is no resolver `{text}`")).hint("write \"1\", \"2\" or \"3\"")
    })
}

fn workspace(table: &DeTable<'_>) -> Read<Workspace> {
    let mut workspace = Workspace {
        members: patterns(table, "members")?,
        exclude: patterns(table, "exclude")?.unwrap_or_default(),
        default_members: patterns(table, "default-members")?,
        resolver: resolver(table)?,
        ..Workspace::default()
    };
    if let Some(package) = section(table, "package", "[workspace.package]")? {
        let field = |key: &str| package.get(key);
        workspace.version = field("version")
            .map(|value| version(value, "version"))
            .transpose()?;
        workspace.edition = field("edition")
            .map(|value| edition(value, "edition"))
            .transpose()?;
        workspace.rust_version = field("rust-version")
            .map(|value| rust_version(value, "rust-version"))
            .transpose()?;
    }
    if let Some(stated) = section(table, "dependencies", "[workspace.dependencies]")? {
        let requirements = stated
            .iter()
            .map(|(key, value)| requirement::of_workspace(key, value))
            .collect::<Read<Vec<_>>>()?;
        workspace.dependencies = Some(requirements);
    }
    Ok(workspace)
}

fn patterns(table: &DeTable<'_>, key: &str) -> Read<Option<Vec<Pattern>>> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    let texts = strings(value, &format!("`{key}`"))?;
    let patterns = texts.into_iter().map(|(text, span)| Pattern { text, span });
    Ok(Some(patterns.collect()))
}

fn dependencies(document: &DeTable<'_>) -> Read<Vec<StatedDependency>> {
    let mut found = Vec::new();
    for kind in [NORMAL, DEV, BUILD] {
        entries(document, kind, None, &mut found)?;
    }
    if let Some(targets) = section(document, "target", "[target]")? {
        for (key, value) in targets {
            let platform = platform(key)?;
            let tables = table(value, &format!("[target.{}]", key.get_ref()))?;
            for kind in [NORMAL, BUILD, DEV] {
                entries(tables, kind, Some(&platform), &mut found)?;
            }
        }
    }
    Ok(found)
}

fn platform(key: &Key<'_>) -> Read<Platform> {
    Platform::from_str(key.get_ref()).map_err(|error| {
        wrong(key.span(), error.to_string())
            .hint("write a target such as `x86_64-unknown-linux-gnu`, or `'cfg(…)'`")
    })
}

fn entries(
    parent: &DeTable<'_>,
    (key, old, kind): Kind,
    target: Option<&Platform>,
    found: &mut Vec<StatedDependency>,
) -> Read<()> {
    let Some((_, value)) = either(parent, key, old) else {
        return Ok(());
    };
    for (name, value) in table(value, &format!("[{key}]"))? {
        found.push(requirement::stated(name, value, Place { kind, target })?);
    }
    Ok(())
}

fn features(document: &DeTable<'_>) -> Read<BTreeMap<String, Vec<String>>> {
    let mut features = BTreeMap::new();
    for (name, value) in section(document, "features", "[features]")?.into_iter().flatten() {
        let values = words(value, &format!("the feature `{}`", name.get_ref()))?;
        features.insert(name.get_ref().clone().into_owned(), values);
    }
    Ok(features)
}

fn feature_spans(document: &DeTable<'_>) -> BTreeMap<String, Range<usize>> {
    let table = document
        .get("features")
        .and_then(|value| value.get_ref().as_table());
    let keys = table.into_iter().flat_map(DeTable::keys);
    keys.map(|key| (key.get_ref().clone().into_owned(), key.span()))
        .collect()
}

fn patches(document: &DeTable<'_>) -> Read<Vec<Patch>> {
    let mut patches = Vec::new();
    for (source, value) in section(document, "patch", "[patch]")?.into_iter().flatten() {
        patches.push(Patch {
            source: source.get_ref().clone().into_owned(),
            span: source.span(),
            requirements: requirement::patches(table(value, &format!("[patch.{}]", source.get_ref()))?)?,
        });
    }
    Ok(patches)
}

fn replaces(document: &DeTable<'_>) -> Read<Vec<(String, Range<usize>)>> {
    let table = section(document, "replace", "[replace]")?;
    let keys = table.into_iter().flat_map(DeTable::keys);
    Ok(keys
        .map(|key| (key.get_ref().clone().into_owned(), key.span()))
        .collect())
}

fn bins(document: &DeTable<'_>) -> Read<Vec<Bin>> {
    let Some(value) = document.get("bin") else {
        return Ok(Vec::new());
    };
    let array = value
        .get_ref()
        .as_array()
        .ok_or_else(|| wrong(value.span(), "commands are stated as [[bin]]"))?;
    let mut bins = Vec::new();
    for item in array {
        let table = table(item, "[[bin]]")?;
        bins.push(Bin {
            name: text(table, "name")?.ok_or_else(|| wrong(item.span(), "this command has no `name`"))?,
            path: text(table, "path")?,
            required_features: match table.get("required-features") {
                Some(value) => words(value, "`required-features`")?,
                None => Vec::new(),
            },
        });
    }
    Ok(bins)
}
