//! Workspaces: which root a folder belongs to, and what the root's files say of members and catalogs.
//! Sources: npm's "workspaces"; pnpm's "pnpm-workspace.yaml" and "catalogs"; bun's "workspaces" and "catalogs".
//! Invariant: a file above the project that cannot be read makes nobody a member.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::error::Invalid;
use crate::json::{self, Dialect};
use crate::npm::members;
use crate::npm::package_json::Missing;
use crate::table::{self, Reader};
use crate::text::SourceText;
use crate::yaml::{self, Node, Value};

/// The file of pnpm's workspaces.
pub(crate) const PNPM: &str = "pnpm-workspace.yaml";

/// The code of what is wrong in a statement about a workspace.
pub(crate) const CODE: &str = "npm/workspace";

/// Catalogs of versions, which requirements name with `catalog:`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogs {
    /// By name; the default one is `default`.
    named: BTreeMap<String, BTreeMap<String, String>>,
}

impl Catalogs {
    /// What a catalog states for an alias.
    pub(crate) fn look_up(&self, name: Option<&str>, alias: &str) -> Result<&str, Missing> {
        let catalog = self
            .named
            .get(name.unwrap_or("default"))
            .ok_or(Missing::Catalog)?;
        catalog.get(alias).map(String::as_str).ok_or(Missing::Entry)
    }

    /// The aliases in a catalog.
    pub(crate) fn entries(&self, name: Option<&str>) -> impl Iterator<Item = &str> {
        let catalog = self.named.get(name.unwrap_or("default"));
        catalog.into_iter().flatten().map(|(alias, _)| alias.as_str())
    }

    /// The names of the catalogs.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// Adds what stands under `catalog` and `catalogs` of a node. The first word on an entry stands.
    ///
    /// # Errors
    /// Where a catalog is no object of texts, or points to a catalog itself.
    pub(crate) fn read(&mut self, source: &SourceText, node: &Node<'_>) -> Result<(), Invalid> {
        if let Some(catalog) = node.get("catalog") {
            self.add(source, "default", catalog)?;
        }
        let Some(catalogs) = node
            .get("catalogs")
            .filter(|catalogs| catalogs.value != Value::Null)
        else {
            return Ok(());
        };
        let named = catalogs
            .map()
            .ok_or_else(|| wrong(source, &catalogs.span, "`catalogs` must be an object of catalogs"))?;
        for (name, catalog) in named {
            self.add(source, name.text().unwrap_or_default(), catalog)?;
        }
        Ok(())
    }

    fn add(&mut self, source: &SourceText, name: &str, catalog: &Node<'_>) -> Result<(), Invalid> {
        if catalog.value == Value::Null {
            return Ok(());
        }
        let message = format!("the catalog `{name}` must be an object of names and versions");
        let entries = catalog
            .map()
            .ok_or_else(|| wrong(source, &catalog.span, &message))?;
        for (alias, text) in entries {
            let (Some(alias), Some(version)) = (alias.text(), text.text()) else {
                return Err(wrong(source, &text.span, &message));
            };
            if version.starts_with("catalog:") {
                return Err(wrong(
                    source,
                    &text.span,
                    "a catalog's entry cannot come from a catalog",
                ));
            }
            let into = self.named.entry(name.to_owned()).or_default();
            into.entry(alias.to_owned()).or_insert_with(|| version.to_owned());
        }
        Ok(())
    }
}

fn wrong(source: &SourceText, span: &Range<usize>, message: &str) -> Invalid {
    Invalid::new(source, span.clone(), CODE, message)
}

/// A pattern of members with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// The patterns in `workspaces` of a `package.json`; `None` where it has none.
///
/// # Errors
/// Where they are no list of texts.
pub(crate) fn of_package_json(source: &SourceText, root: &Node<'_>) -> Result<Option<Vec<Pattern>>, Invalid> {
    let Some(node) = root.get("workspaces") else {
        return Ok(None);
    };
    let list = match &node.value {
        Value::Map(_) => match node.get("packages") {
            Some(packages) => packages,
            None => return Ok(None),
        },
        Value::List(_) => node,
        Value::Null => return Ok(None),
        Value::Text { plain: true, text } if text == "false" => return Ok(None),
        Value::Text { .. } => {
            let error = wrong(source, &node.span, "`workspaces` must be a list of patterns");
            return Err(error.hint("write `\"workspaces\": [\"packages/*\"]`"));
        }
    };
    patterns(source, list, "`workspaces`").map(Some)
}

/// The patterns in `packages` of a `pnpm-workspace.yaml`; `None` where it has none.
///
/// # Errors
/// Where they are no list of texts.
pub(crate) fn of_pnpm(source: &SourceText, root: &Node<'_>) -> Result<Option<Vec<Pattern>>, Invalid> {
    match root
        .get("packages")
        .filter(|packages| packages.value != Value::Null)
    {
        Some(packages) => patterns(source, packages, "`packages`").map(Some),
        None => Ok(None),
    }
}

fn patterns(source: &SourceText, list: &Node<'_>, what: &str) -> Result<Vec<Pattern>, Invalid> {
    let message = format!("{what} must be a list of patterns");
    let nodes = list.list().ok_or_else(|| wrong(source, &list.span, &message))?;
    let pattern = |node: &Node<'_>| match node.text() {
        Some(text) => Ok(Pattern {
            text: text.to_owned(),
            span: node.span.clone(),
        }),
        None => Err(wrong(source, &node.span, &message)),
    };
    nodes.iter().map(pattern).collect()
}

/// The root of the workspace above `folder` that names it as a member; the nearest one.
pub(crate) fn root_above(folder: &Path) -> Option<PathBuf> {
    let above = folder.ancestors().skip(1);
    let mut roots = above.filter(|root| {
        let inside = folder.strip_prefix(root).expect("an ancestor is a prefix");
        let inside = inside.to_string_lossy().replace('\\', "/");
        members::names(&patterns_at(root), &inside)
    });
    roots.next().map(Path::to_owned)
}

/// The files that [`root_above`] looks into.
pub(crate) fn places_above(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let above = folder.ancestors().skip(1);
    above.flat_map(|root| ["wharf.toml", PNPM, "package.json"].map(|name| root.join(name)))
}

/// Every pattern that the files of a folder state; those that cannot be read state none.
fn patterns_at(root: &Path) -> Vec<String> {
    let read = |name: &str| {
        let path = root.join(name);
        let text = std::fs::read_to_string(&path).ok()?;
        Some(SourceText::new(&path, &text))
    };
    let mut found = Vec::new();
    if let Some(source) = read("wharf.toml") {
        found.extend(
            table::parse(&source)
                .ok()
                .and_then(|table| of_wharf(&source, &table)),
        );
    }
    let pnpm = read(PNPM).and_then(|source| {
        let root = yaml::parse(&source).ok()?;
        of_pnpm(&source, &root).ok()?
    });
    found.extend(pnpm.or_else(|| {
        let source = read("package.json")?;
        let root = json::parse(&source, Dialect::Strict).ok()?;
        of_package_json(&source, &root).ok()?
    }));
    found.into_iter().flatten().map(|pattern| pattern.text).collect()
}

/// The patterns of `[workspace] members`.
fn of_wharf(source: &SourceText, document: &DeTable<'_>) -> Option<Vec<Pattern>> {
    let reader = Reader {
        source,
        code: "manifest/invalid",
    };
    let workspace = document.get("workspace")?.get_ref().as_table()?;
    let members = reader.strings(workspace.get("members")?, "`members`").ok()?;
    let pattern = |(text, span): (&str, Range<usize>)| Pattern {
        text: text.to_owned(),
        span,
    };
    Some(members.into_iter().map(pattern).collect())
}
