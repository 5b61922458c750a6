//! What one version of a package says about itself: a version object of a packument, or a `package.json`.
//! Invariant: odd metadata is tolerated field by field; what it costs is noted in [`PackageManifest::oddities`].
//! Source: docs.npmjs.com, "package.json"; the registry's "package metadata" page.

use wharf_core::Digest;

/// The fields of a version object or a `package.json` that a package manager uses. Lists of pairs keep the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageManifest {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Needed to run. Entries that are optional as well stand only in `optional_dependencies`.
    pub dependencies: Vec<(String, String)>,
    /// Needed to develop it; only meaningful for importers.
    pub dev_dependencies: Vec<(String, String)>,
    /// Taken where they can be had.
    pub optional_dependencies: Vec<(String, String)>,
    /// Needed from whoever uses it.
    pub peer_dependencies: Vec<(String, String)>,
    /// Peers that may be missing. A name that stands only here is an optional peer of any version.
    pub optional_peers: Vec<String>,
    /// Dependencies that come inside the archive (`true` is resolved to all dependencies).
    pub bundled: Vec<String>,
    /// Commands: name and path, made safe (no climbing out).
    pub bin: Vec<(String, String)>,
    /// Operating systems.
    pub os: Vec<String>,
    /// Processors.
    pub cpu: Vec<String>,
    /// C libraries.
    pub libc: Vec<String>,
    /// `engines`: program and range.
    pub engines: Vec<(String, String)>,
    /// `scripts`; in packuments only what the registry passes on.
    pub scripts: Vec<(String, String)>,
    /// Whether installing it would run scripts (`hasInstallScript`, or the three scripts themselves).
    pub has_install_script: bool,
    /// The registry's word against it.
    pub deprecated: Option<String>,
    /// Where its archive is.
    pub dist: Option<Dist>,
    /// What was odd and how it was read, for `-v`.
    pub oddities: Vec<String>,
}

/// Where the archive of a version is and what it hashes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dist {
    /// Its URL.
    pub tarball: String,
    /// Every digest that the registry gives (`integrity`, else `shasum`), strongest first.
    pub integrity: Vec<Digest>,
    /// Bytes when unpacked, if told.
    pub unpacked_size: Option<u64>,
    /// Files in it, if told.
    pub file_count: Option<u64>,
}

impl PackageManifest {
    /// The Node versions that it says it runs on.
    pub fn engines_node(&self) -> Option<&str> {
        let node = self.engines.iter().find(|(program, _)| program == "node");
        node.map(|(_, range)| range.as_str())
    }
}
