//! The copy in which scripts run: the package and all that it reaches, as a small `node_modules` of its own.
//!
//! ```text
//! <stage>/<i>/node_modules/<name>/     copy of package i's files, writable
//! <stage>/<i>/node_modules/<alias>     link to <stage>/<j>/node_modules/<name of j>
//! <stage>/<i>/node_modules/.bin/       commands of what the package itself needs
//! <stage>/<k>/node_modules/node-gyp/   copy of the node-gyp that the project names, where it does
//! <stage>/bin/node-gyp                 starts the node-gyp that there is, where there is one
//! ```
//! Invariant: no file is shared with the store, since a script may write into any of them, whoever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{Content, HomeId, LinkMode, Placed, Stage, Store, StoreError};

use super::{Approved, ScriptError, closure, tools};

/// A place for scripts. Dropping it removes it.
pub(super) struct Staged {
    /// Where the package lies.
    pub(super) package: PathBuf,
    /// Folders of commands, first ones first.
    pub(super) path: Vec<PathBuf>,
    /// What `npm_config_node_gyp` says: a node-gyp that the scripts' Node can run.
    pub(super) node_gyp: Option<PathBuf>,
    _stage: Stage,
}

/// What kept the place from being made.
pub(super) enum Unstaged {
    Store(StoreError),
    Io(&'static str, PathBuf, std::io::Error),
}

impl From<StoreError> for Unstaged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Unstaged {
    pub(super) fn of(self, package: String) -> ScriptError {
        match self {
            Self::Store(error) => error.into(),
            Self::Io(action, path, source) => ScriptError::Io {
                package,
                action,
                path,
                source,
            },
        }
    }
}

/// Makes the place for one package.
pub(super) fn make(
    store: &Store,
    approved: &Approved<'_>,
    homes: &[Option<HomeId>],
    package: PackageIndex,
    reached: &BTreeSet<PackageIndex>,
) -> Result<Staged, Unstaged> {
    let stage = store.stage()?;
    let root = stage.path().join("tree");
    let graph = approved.graph;
    let folder = |index: PackageIndex| format!("{index}/node_modules/{}", graph.packages[index].name);
    let mut items: BTreeMap<String, Content> = BTreeMap::new();
    for &member in reached {
        let home = homes[member].clone().expect("only what is installed is reached");
        items.insert(folder(member), Content::Home { home, copy: true });
    }
    for &member in reached {
        for (alias, to) in closure::needs(graph, homes, member) {
            let link = format!("{member}/node_modules/{alias}");
            let target = root.join(folder(to));
            let target = target.to_string_lossy().into_owned();
            // A package that needs another version of itself still finds itself first, as in node.
            items.entry(link).or_insert(Content::Link(target));
        }
    }
    let commands = format!("{package}/node_modules/.bin");
    for (alias, to) in closure::needs(graph, homes, package) {
        for (command, file) in &graph.packages[to].bin {
            let target = format!("../{alias}/{}", file.trim_start_matches("./"));
            items
                .entry(format!("{commands}/{command}"))
                .or_insert(Content::Link(target));
        }
    }
    let named = tools::named(graph, homes).filter(|gyp| reached.contains(gyp) && *gyp != package);
    let node_gyp = match named {
        Some(index) => {
            let own = graph.packages[index]
                .bin
                .iter()
                .find(|(name, _)| name == "node-gyp");
            let file = own.map_or("bin/node-gyp.js", |(_, file)| file.trim_start_matches("./"));
            Some(root.join(folder(index)).join(file))
        }
        None => approved.ground().node_gyp(),
    };
    if node_gyp.is_some() {
        let text = "#!/bin/sh\nexec \"$npm_node_execpath\" \"$npm_config_node_gyp\" \"$@\"\n";
        items.insert(
            "bin/node-gyp".to_owned(),
            Content::Bytes {
                bytes: text.into(),
                executable: true,
            },
        );
    }
    let items: Vec<Placed> = items
        .into_iter()
        .map(|(path, content)| Placed {
            path: path.into(),
            content,
        })
        .collect();
    store.materialise(&items, &root, LinkMode::Reflink)?;
    let own = root.join(folder(package));
    let node = approved.node.executable.parent().map(Path::to_owned);
    let mut path = vec![
        own.join("node_modules/.bin"),
        root.join(commands),
        approved.project.join("node_modules/.bin"),
        root.join("bin"),
    ];
    path.retain(|folder| folder.is_dir());
    path.extend(node);
    // Scripts that keep something beside the package find a home folder of their own to do so.
    let temporary = stage.path().join("tmp");
    std::fs::create_dir(&temporary).map_err(|error| Unstaged::Io("make", temporary, error))?;
    Ok(Staged {
        package: own,
        path,
        node_gyp,
        _stage: stage,
    })
}
