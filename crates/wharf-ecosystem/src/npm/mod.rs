//! npm: node's semantic versions, dependency specifiers, package manifests, packuments, platforms, overrides, and the graph of
//! resolved packages that the resolver makes, the lockfile keeps and the installer realises.
//!
//! | module | job |
//! |---|---|
//! | [`direct`] | [`Direct`]: a repository, an archive or a folder in the place of a version |
//! | [`extensions`] | what a project adds to the manifests of packages |
//! | [`glob`] | patterns of names |
//! | [`graph`] | [`Graph`]: importers, resolved packages and the edges between them |
//! | [`hosts`] | hosts of repositories that specifiers name by a word |
//! | [`json`] | JSON in the order of the file |
//! | [`manifest`] | [`PackageManifest`]: what one version of a package says about itself |
//! | [`overrides`] | what a project says about the dependencies of its dependencies |
//! | [`packument`] | a registry's document about a package, read in one pass |
//! | [`peers`] | exceptions from the rules of peers |
//! | [`mod@pick`] | which version answers a specifier |
//! | [`platform`] | which packages are for which machines |
//! | [`registries`] | [`Registries`]: which registry answers for a package, and the URLs there |
//! | [`rules`] | npm's rules behind the seam that all ecosystems share |
//! | [`semver`] | [`Version`] and [`Range`] as node has them |
//! | [`spec`] | [`Spec`]: the right-hand side of a dependency |
//! | [`versions`] | [`Versions`]: what a registry says of all versions of one package |

pub mod direct;
mod explain;
pub mod extensions;
pub mod glob;
pub mod graph;
pub mod hosts;
pub mod json;
pub mod manifest;
pub mod overrides;
pub mod packument;
pub mod peers;
pub mod pick;
pub mod platform;
pub mod registries;
pub mod rules;
pub mod semver;
pub mod spec;
pub mod versions;

pub use direct::{Direct, From};
pub use extensions::PackageExtensions;
pub use graph::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};
pub use json::Json;
pub use manifest::{Dist, PackageManifest};
pub use overrides::{Applied, Overrides};
pub use packument::Scanned;
pub use peers::PeerRules;
pub use pick::{NodeFit, PickRules, pick};
pub use registries::Registries;
pub use semver::{Range, Version};
pub use spec::{InvalidSpec, Spec};
pub use versions::{PackedRow, Rows, VersionRow, Versions};
