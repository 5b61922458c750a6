//! Tables → [`ToolsLock`]. Unknown keys are refused, and a dependency must lead to exactly one crate: a lock that was merged by hand is
//! noticed here.

use std::collections::BTreeMap;

use toml::de::DeTable;
use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::cargo::{LockedCrate, LockedId, Req, SourceId, Version, crate_name};

use super::{GraphOrigin, LockedTool, ToolRequest, ToolsLock};
use crate::error::Invalid;
use crate::lock::parse::{LockReader, Parsed};
use crate::table::{Value, list};

const KEYS: &[&str] = &[
    "name",
    "requirement",
    "from",
    "features",
    "bins",
    "default-features",
    "all-features",
    "locked",
    "version",
    "source",
    "checksum",
    "graph",
    "dependencies",
    "crates",
];

/// Reads the value of `cargo`.
pub(in crate::lock) fn read(reader: &LockReader<'_>, value: &Value<'_>) -> Parsed<ToolsLock> {
    let table = reader.0.table(value, "`cargo`")?;
    reader.keys(table, "`[cargo]`", &["tool"])?;
    let mut lock = ToolsLock::default();
    for item in reader.each(table, "tool", |reader, item| tool(reader, item))? {
        if lock.tool(&item.request.name).is_some() {
            let message = format!("the tool `{}` is there twice", item.request.name);
            return Err(reader.0.error(value.span(), message));
        }
        lock.tools.push(item);
    }
    Ok(lock)
}

fn tool(reader: &LockReader<'_>, value: &Value<'_>) -> Parsed<LockedTool> {
    let table = reader.0.table(value, "a tool")?;
    reader.keys(table, "`[[cargo.tool]]`", KEYS)?;
    let flag = |key: &str, usual: bool| match table.get(key) {
        Some(value) => reader.0.boolean(value, key),
        None => Ok(usual),
    };
    let (mut root, root_edges) = facts(reader, table, value)?;
    let request = ToolRequest {
        name: root.name.clone(),
        req: match table.get("requirement") {
            Some(value) => reader.formed(value, "requirement", Req::parse)?,
            None => Req::Any,
        },
        from: reader.optional_text(table, "from")?,
        features: reader.texts(table, "features")?,
        default_features: flag("default-features", true)?,
        all_features: flag("all-features", false)?,
        bins: reader.texts(table, "bins")?,
        locked: flag("locked", true)?,
    };
    let graph = match table.get("graph") {
        None => return Err(reader.missing("graph", value)),
        Some(value) => reader.formed(value, "graph", |text| {
            let words = list(GraphOrigin::WORDS);
            GraphOrigin::from_word(text).ok_or_else(|| format!("`{text}` is none of {words}"))
        })?,
    };
    let read = reader.each(table, "crates", |reader, item| {
        let table = reader.0.table(item, "a crate")?;
        reader.keys(
            table,
            "a crate",
            &["name", "version", "source", "checksum", "dependencies"],
        )?;
        Ok((facts(reader, table, item)?, item.span()))
    })?;
    let mut names = Names::default();
    names.add(root.id());
    let mut crates = Vec::with_capacity(read.len());
    let mut edges = Vec::with_capacity(read.len());
    for ((each, own_edges), span) in read {
        if !names.add(each.id()) {
            let message = format!("the crate `{}` is there twice", each.id());
            return Err(reader.0.error(span, message));
        }
        crates.push(each);
        edges.push(own_edges);
    }
    root.dependencies = names.resolve(reader, root_edges)?;
    for (each, edges) in crates.iter_mut().zip(edges) {
        each.dependencies = names.resolve(reader, edges)?;
    }
    Ok(LockedTool {
        request,
        root,
        graph,
        crates,
    })
}

/// A dependency as it is written, with its place.
type RawEdge = (String, std::ops::Range<usize>);

/// What a tool and a crate have in common.
fn facts(
    reader: &LockReader<'_>,
    table: &DeTable<'_>,
    place: &Value<'_>,
) -> Parsed<(LockedCrate, Vec<RawEdge>)> {
    let formed = |key: &str| table.get(key).ok_or_else(|| reader.missing(key, place));
    let name = reader.formed(formed("name")?, "name", crate_name)?;
    let version = reader.formed(formed("version")?, "version", Version::parse)?;
    let source = match table.get("source") {
        Some(value) => reader.formed(value, "source", SourceId::parse)?,
        None => SourceId::crates_io(),
    };
    let checksum = match table.get("checksum") {
        Some(value) => {
            Some(reader.formed(value, "checksum", |hex| Digest::from_hex(Algorithm::Sha256, hex))?)
        }
        None => None,
    };
    check_source(reader, &source, checksum.is_some(), name.as_str(), place)?;
    let edges = match table.get("dependencies") {
        Some(value) => reader.0.strings(value, "dependencies")?,
        None => Vec::new(),
    };
    let edges = edges
        .into_iter()
        .map(|(text, span)| (text.to_owned(), span))
        .collect();
    let mut each = LockedCrate::new(name, version, Some(source));
    each.checksum = checksum;
    Ok((each, edges))
}

/// What is fetched must be known by what it hashes to.
fn check_source(
    reader: &LockReader<'_>,
    source: &SourceId,
    has_checksum: bool,
    name: &str,
    place: &Value<'_>,
) -> Parsed<()> {
    let problem = match source {
        SourceId::Registry(_) | SourceId::Sparse(_) if !has_checksum => "has no `checksum`",
        SourceId::Git(_) if has_checksum => "comes from a repository and has a `checksum`",
        SourceId::Git(_) if source.commit().is_none() => "comes from a repository without a commit",
        SourceId::Path(_) => "comes from a folder, which no tool does",
        SourceId::Registry(_) | SourceId::Sparse(_) | SourceId::Git(_) => return Ok(()),
    };
    Err(reader
        .0
        .error(place.span(), format!("the crate `{name}` {problem}")))
}

/// The crates of a tool by name.
#[derive(Default)]
struct Names(BTreeMap<String, Vec<LockedId>>);

impl Names {
    /// False where it is there already.
    fn add(&mut self, id: LockedId) -> bool {
        let known = self.0.entry(id.name.to_string()).or_default();
        let is_new = !known.contains(&id);
        known.push(id);
        is_new
    }

    fn resolve(&self, reader: &LockReader<'_>, edges: Vec<RawEdge>) -> Parsed<Vec<LockedId>> {
        edges
            .into_iter()
            .map(|(text, span)| {
                self.find(&text)
                    .map_err(|reason| -> Invalid { reader.0.error(span, reason) })
            })
            .collect()
    }

    /// `name`, `name version` or `name version (source)`.
    fn find(&self, text: &str) -> Result<LockedId, String> {
        let name = text.split(' ').next().unwrap_or_default();
        let known = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let fits = |id: &&LockedId| {
            text == name || text == format!("{} {}", id.name, id.version) || text == id.to_string()
        };
        let mut found = known.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id.clone()),
            (None, _) => Err(format!("the dependency `{text}` leads to no crate of this tool")),
            (Some(_), Some(_)) => Err(format!(
                "the dependency `{text}` leads to several crates of this tool"
            )),
        }
    }
}
