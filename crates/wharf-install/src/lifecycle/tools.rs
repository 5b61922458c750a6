//! What builds of addons work with: a node-gyp, and the headers of the Node that they are made for.
//!
//! A node-gyp is the one that the project or its workspace names, in a copy; else the one that came with npm, beside Node or where systems
//! keep npm; else Debian's package `node-gyp`, for Debian's Node. In a system root Debian's counts before an npm of the machine's: it
//! is locked, and made for the compilers and the Python around it.
//!
//! Invariant: headers are those of the very Node, and so is the node-gyp. Debian's links addons to the library that Debian's Node is, so no
//! other Node gets it. Sources: node-gyp's readme (`--nodedir`), Debian's packages `node-gyp` (its `addon.gypi`) and `libnode-dev`.

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

    /// Whether it is Debian's Node that scripts see, as far as its place tells.
    pub(super) fn is_debians(&self) -> bool {
        self.node == Path::new(DEBIANS_NODE)
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

    /// The node-gyp that is there already, as scripts see it.
    pub(super) fn node_gyp(&self) -> Option<PathBuf> {
        let beside = self.prefix().map(|prefix| prefix.join("lib").join(BUNDLED));
        let kept = ["/usr/local/lib", "/usr/lib"].map(|folder| Path::new(folder).join(BUNDLED));
        let debians = self.is_debians().then(|| DEBIANS_GYP.into());
        let mut places: Vec<PathBuf> = beside.into_iter().chain(kept).collect();
        let last = if self.system.is_some() { 1 } else { places.len() };
        places.splice(last..last, debians);
        places.into_iter().find(|path| self.place(path).is_file())
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
        let npm = Path::new("/usr/lib").join(BUNDLED);
        put(root.path(), &npm.to_string_lossy());
        assert_eq!(own.node_gyp(), Some(npm), "the system root's, beside its Node");
        put(root.path(), "/usr/include/node/node_version.h");
        assert_eq!(own.headers(), None, "headers without their settings");
        put(root.path(), "/usr/include/node/common.gypi");
        assert_eq!(own.headers(), Some(Path::new("/usr")));
    }

    #[test]
    fn debians_node_gyp_is_for_debians_node() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(root.path(), DEBIANS_GYP);
        let ground = |node| Ground {
            system: Some(root.path()),
            node,
        };
        let own = ground(Path::new(DEBIANS_NODE));
        assert_eq!(own.node_gyp(), Some(DEBIANS_GYP.into()));
        let node = other.path().join("bin/node");
        let ground = ground(&node);
        assert_eq!((ground.headers(), ground.node_gyp()), (None, None));
        put(other.path(), "include/node/node_version.h");
        put(other.path(), "include/node/common.gypi");
        put(other.path(), &format!("lib/{BUNDLED}"));
        assert_eq!(ground.headers(), Some(other.path()));
        assert_eq!(ground.node_gyp(), Some(other.path().join("lib").join(BUNDLED)));
    }
}
