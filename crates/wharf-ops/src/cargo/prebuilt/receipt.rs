//! Prebuilts in the store: the commands as a tree, and a receipt that says where they came from.
//!
//! Invariant: there are no commands without a receipt. The receipt is written first, and commands whose receipt is gone do not count.

use std::fmt;

use serde::{Deserialize, Serialize};
use wharf_core::{Algorithm, Digest, Ecosystem, PackageName, SafePath};
use wharf_ecosystem::cargo::binstall::Triple;
use wharf_install::rust::{self, Built, Request};
use wharf_install::{CommandsPart, CommandsWanted, Generation, InstalledTool};
use wharf_store::{Entry, Hasher, Kind, Store, Tree};

use super::{Commands, Had};
use crate::error::OpsError;
use crate::report::ToolReport;
use crate::session::Session;

/// The only file of a receipt's tree.
const RECEIPT: &str = "receipt.json";

/// Where the commands of a tool come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// They were built on this machine.
    #[default]
    Built,
    /// An archive that the crate declares.
    Signed {
        /// The public key that the crate declares, and that the signature was made with.
        key: String,
        /// Where the archive was.
        url: String,
    },
    /// A platform package of another registry.
    Package {
        /// The package, as `pypi:name`.
        package: String,
        /// The file, or for npm the package that holds the commands.
        file: String,
        /// The file's digest, as that registry's index has it.
        digest: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Built => f.write_str("built"),
            Origin::Signed { key, .. } => write!(f, "prebuilt, signed with key {key}"),
            Origin::Package { package, .. } => write!(f, "prebuilt from {package}"),
        }
    }
}

/// What a prebuilt is known by: crate, version, checksum, commands, machine. `None` on a machine that nothing is prebuilt for.
pub(super) fn key(request: &Request) -> Option<Digest> {
    let machine = wharf_sys::host::target().ok()?;
    let triple = Triple::of_machine(&machine).into_iter().next()?;
    let mut bins = request.bins.clone();
    bins.sort();
    bins.dedup();
    let lines = [
        "wharf cargo prebuilt 1",
        &request.name,
        &request.version.to_string(),
        request.index.as_deref().unwrap_or_default(),
        &request.checksum.to_string(),
        &bins.join(","),
        triple.as_str(),
    ];
    Some(Hasher::digest(Algorithm::Sha256, lines.join("\n").as_bytes()))
}

/// What the receipt of a key is known by.
fn receipt_key(key: &str) -> Digest {
    Hasher::digest(Algorithm::Sha256, format!("receipt of {key}").as_bytes())
}

/// What the store has of a tool.
pub(super) fn known(request: &Request, store: &Store) -> Option<Had> {
    let digest = key(request)?;
    let tree = store.lookup_package(Ecosystem::Cargo, &digest)?;
    let key = digest.hex();
    receipt(store, &key)?;
    let built = rust::build::standing(tree, store)?;
    Some(Had { built, key })
}

/// Whether there is a receipt of a key.
pub(super) fn is_kept(store: &Store, key: &str) -> bool {
    receipt(store, key).is_some()
}

/// Puts commands and their receipt into the store.
///
/// # Errors
/// Where the store cannot take them.
pub(super) fn keep(
    request: &Request,
    store: &Store,
    commands: Commands,
    origin: &Origin,
) -> Result<Option<Had>, OpsError> {
    let Some(digest) = key(request) else {
        return Ok(None);
    };
    let key = digest.hex();
    let text = serde_json::to_vec(origin).expect("a receipt is plain data");
    let receipt = store.write_tree(&Tree::new(vec![entry(store, RECEIPT, &text, false)?]))?;
    store.record_package(Ecosystem::Cargo, &receipt_key(&key), &receipt)?;
    let names = commands.iter().map(|(name, _)| name.clone()).collect();
    let entries = commands
        .into_iter()
        .map(|(name, bytes)| entry(store, &name, &bytes, true))
        .collect::<Result<_, _>>()?;
    let tree = store.write_tree(&Tree::new(entries))?;
    store.record_package(Ecosystem::Cargo, &digest, &tree)?;
    let built = Built {
        tree,
        commands: names,
    };
    Ok(Some(Had { built, key }))
}

fn entry(store: &Store, name: &str, bytes: &[u8], executable: bool) -> Result<Entry, OpsError> {
    let path = SafePath::new(name).map_err(|error| super::error::PrebuiltError::Name {
        name: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Entry {
        path,
        kind: Kind::File {
            object: store.write_object(bytes, executable)?,
            size: bytes.len() as u64,
            executable,
        },
    })
}

/// Where the commands came from that an environment has under a key: prebuilt if there is a receipt, else built.
fn origin(store: &Store, key: &str) -> Origin {
    receipt(store, key).unwrap_or_default()
}

/// The same for a tool of an environment; `None` for what is no crate.
///
/// # Errors
/// Where the store cannot be opened.
pub(crate) fn origin_of(
    session: &Session,
    generation: Option<&Generation>,
    name: &PackageName,
) -> Result<Option<Origin>, OpsError> {
    let commands = generation.and_then(|generation| generation.commands.as_ref());
    let tool = commands.and_then(|commands| commands.tools.iter().find(|tool| tool.name == *name));
    match tool {
        Some(tool) => Ok(Some(origin(session.store()?, &tool.key))),
        None => Ok(None),
    }
}

fn receipt(store: &Store, key: &str) -> Option<Origin> {
    let id = store.lookup_package(Ecosystem::Cargo, &receipt_key(key))?;
    let tree = store.tree(&id).ok()?;
    let Kind::File {
        object, executable, ..
    } = &tree.get(RECEIPT)?.kind
    else {
        return None;
    };
    let text = store.read_file(&id, object, *executable).ok()?;
    serde_json::from_slice(&text).ok()
}

/// What is told of the tools of an environment.
pub(crate) fn reports(
    store: &Store,
    wanted: Option<&CommandsWanted>,
    standing: Option<&CommandsPart>,
) -> Vec<ToolReport> {
    let stands = |tool: &InstalledTool| standing.is_some_and(|standing| standing.tools.contains(tool));
    let tools = wanted.into_iter().flat_map(|wanted| &wanted.tools);
    let report = |tool: &InstalledTool| ToolReport {
        package: crate::names::short(&tool.name),
        version: tool.version.clone(),
        origin: origin(store, &tool.key),
        changed: !stands(tool),
    };
    tools.map(report).collect()
}
