//! npm: node's semantic versions, dependency specifiers, package manifests, packuments, platforms, overrides, and the graph of
//! resolved packages that the resolver makes, the lockfile keeps and the installer realises.
//!
//! | module | job |
//! |---|---|
//! | [`graph`] | [`Graph`]: importers, resolved packages and the edges between them |
//! | [`hosts`] | hosts of repositories that specifiers name by a word |
//! | [`manifest`] | [`PackageManifest`]: what one version of a package says about itself |
//! | [`pick`] | which version answers a specifier |
//! | [`registries`] | [`Registries`]: which registry answers for a package, and the URLs there |
//! | [`semver`] | [`Version`] and [`Range`] as node has them |
//! | [`spec`] | [`Spec`]: the right-hand side of a dependency |
//! | [`versions`] | [`Versions`]: what a registry says of all versions of one package |

pub mod graph;
pub mod hosts;
pub mod manifest;
pub mod pick;
pub mod registries;
pub mod semver;
pub mod spec;
pub mod versions;

pub use graph::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};
pub use manifest::{Dist, PackageManifest};
pub use pick::{PickRules, pick};
pub use registries::Registries;
pub use semver::{Range, Version};
pub use spec::{InvalidSpec, Spec};
pub use versions::{VersionRow, Versions};
