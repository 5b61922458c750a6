//! What builds of addons work with: a node-gyp, and the headers of the Node that they are made for.
//!
//! | node-gyp | started by |
//! |---|---|
//! | the one that the project or its workspace names, in a copy | the scripts' own Node |
//! | the one that came with npm, beside Node or where systems keep npm | the scripts' own Node |
//! | Debian's package `node-gyp` | Debian's Node: no other finds the modules that it needs |
//!
//! In a system root Debian's counts before an npm of the machine's: it is locked, and made for the compilers and the Python around it.
//!
//! Invariant: headers are those of the very Node. Debian's node-gyp would take those of Debian's Node where it is told of no
//! others, so another Node without headers does without it. Sources: node-gyp's readme (`--nodedir`), Debian's packages `node-gyp` and
//! `libnode-dev`.

use std::path::{Path, PathBuf};

use wharf_ecosystem::npm::graph::{Graph, PackageIndex, To};
use wharf_store::HomeId;

/// Debian's Node, as programs see it.
const DEBIANS_NODE: &str = "/usr/bin/node";
/// Where Debian's node-gyp lies.
const DEBIANS_GYP: &str = "/usr/share/nodejs/node-gyp/bin/node-gyp.js";
/// Where npm has its own, below a folder of libraries.
const BUNDLED: &str = "node_modules/npm/node_modules/node-gyp/bin/node-gyp.js";

/// Where scripts run: the machine's own system, or a system root in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    /// The system root, if there is one.
    pub(super) system: Option<&'a Path>,
    /// The Node of the scripts, as they see it.
    pub(super) node: &'a Path,
}

/// A node-gyp that nobody has to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeGyp {
    /// Started by the scripts' own Node.
    Bundled(PathBuf),
    /// Started by Debian's Node.
    Debians,
}

impl Ground<'_> {
    /// Where on this machine lies what scripts see at a path.
    fn place(&self, path: &Path) -> PathBuf {
        let covered = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];
        let covered =
            covered.iter().any(|folder| path.starts_with(folder)) && !path.starts_with("/usr/local");
        match (self.system, path.strip_prefix("/")) {
            (Some(root), Ok(inner)) if covered => root.join(inner),
            _ => path.to_owned(),
        }
    }

    /// The folder above Node's `bin`, as scripts see it.
    fn prefix(&self) -> Option<&Path> {
        self.node.parent().and_then(Path::parent)
    }

    /// The folder whose `include/node` has the headers of the scripts' Node, as they see it.
    pub(super) fn headers(&self) -> Option<&Path> {
        // Addons are compiled with the settings beside the headers; without these node-gyp would look for them elsewhere.
        let has = |prefix: &&Path| {
            let folder = self.place(&prefix.join("include/node"));
            ["node_version.h", "common.gypi"]
                .iter()
                .all(|name| folder.join(name).is_file())
        };
        self.prefix().filter(has)
    }

    /// The node-gyp that is there already.
    pub(super) fn node_gyp(&self) -> Option<NodeGyp> {
        let beside = self.prefix().map(|prefix| prefix.join("lib").join(BUNDLED));
        let beside = self.bundled(beside);
        let elsewhere = ["/usr/local/lib", "/usr/lib"].map(|folder| Path::new(folder).join(BUNDLED));
        let elsewhere = || self.bundled(elsewhere);
        let debians = || self.debians().then_some(NodeGyp::Debians);
        match self.system {
            Some(_) => beside.or_else(debians).or_else(elsewhere),
            None => beside.or_else(elsewhere).or_else(debians),
        }
    }

    /// The first of these that is there.
    fn bundled(&self, paths: impl IntoIterator<Item = PathBuf>) -> Option<NodeGyp> {
        let mut paths = paths.into_iter();
        paths
            .find(|path| self.place(path).is_file())
            .map(NodeGyp::Bundled)
    }

    fn debians(&self) -> bool {
        let is_there = |path: &str| self.place(Path::new(path)).exists();
        is_there(DEBIANS_GYP) && is_there(DEBIANS_NODE) && (self.is_debians() || self.headers().is_some())
    }

    fn is_debians(&self) -> bool {
        self.node == Path::new(DEBIANS_NODE)
    }

    /// What scripts are told in `npm_config_node_gyp`: a file that their own Node can run.
    pub(super) fn told(&self, gyp: &NodeGyp) -> Option<PathBuf> {
        match gyp {
            NodeGyp::Bundled(path) => Some(path.clone()),
            NodeGyp::Debians => self.is_debians().then(|| DEBIANS_GYP.into()),
        }
    }
}

impl NodeGyp {
    /// The shell's words that start it.
    pub(super) fn start(&self) -> String {
        match self {
            Self::Bundled(_) => "\"$npm_node_execpath\" \"$npm_config_node_gyp\"".to_owned(),
            Self::Debians => format!("{DEBIANS_NODE} {DEBIANS_GYP}"),
        }
    }
}

/// The node-gyp that the project or a member of its workspace names, where it is installed.
pub(super) fn named(graph: &Graph, homes: &[Option<HomeId>]) -> Option<PackageIndex> {
    let edges = graph.importers.iter().flat_map(|importer| &importer.dependencies);
    let mut packages = edges.filter_map(|edge| match edge.to {
        Some(To::Package(index)) => Some(index),
        _ => None,
    });
    packages.find(|index| graph.packages[*index].name.as_str() == "node-gyp" && homes[*index].is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str) {
        let path = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn in_a_system_root_what_scripts_see_counts() {
        let root = tempfile::tempdir().unwrap();
        let own = Ground {
            system: Some(root.path()),
            node: Path::new(DEBIANS_NODE),
        };
        assert_eq!((own.headers(), own.node_gyp()), (None, None));
        put(root.path(), DEBIANS_NODE);
        put(root.path(), DEBIANS_GYP);
        assert_eq!(own.node_gyp(), Some(NodeGyp::Debians));
        assert_eq!(own.told(&NodeGyp::Debians), Some(DEBIANS_GYP.into()));
        put(root.path(), "/usr/include/node/node_version.h");
        assert_eq!(own.headers(), None, "headers without their settings");
        put(root.path(), "/usr/include/node/common.gypi");
        assert_eq!(own.headers(), Some(Path::new("/usr")));
    }

    #[test]
    fn another_node_needs_headers_of_its_own_for_debians_node_gyp() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for path in [
            DEBIANS_NODE,
            DEBIANS_GYP,
            "/usr/include/node/node_version.h",
            "/usr/include/node/common.gypi",
        ] {
            put(root.path(), path);
        }
        let node = other.path().join("bin/node");
        let ground = Ground {
            system: Some(root.path()),
            node: &node,
        };
        assert_eq!((ground.headers(), ground.node_gyp()), (None, None));
        put(other.path(), "include/node/node_version.h");
        put(other.path(), "include/node/common.gypi");
        assert_eq!(ground.headers(), Some(other.path()));
        assert_eq!(ground.node_gyp(), Some(NodeGyp::Debians));
        assert_eq!(ground.told(&NodeGyp::Debians), None, "no other Node runs it");
        put(other.path(), &format!("lib/{BUNDLED}"));
        let beside = NodeGyp::Bundled(other.path().join("lib").join(BUNDLED));
        assert_eq!(ground.node_gyp(), Some(beside.clone()));
        assert!(ground.told(&beside).is_some());
    }
}
