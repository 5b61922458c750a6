//! npm: node's semantic versions, dependency specifiers, package manifests, packuments, platforms, overrides, and the graph of
//! resolved packages that the resolver makes, the lockfile keeps and the installer realises.
//!
//! | module | job |
//! |---|---|
//! | [`graph`] | [`Graph`]: importers, resolved packages and the edges between them |
//! | [`manifest`] | [`PackageManifest`]: what one version of a package says about itself |
//! | [`versions`] | [`Versions`]: what a registry says of all versions of one package |
//! | [`spec`] | [`Spec`]: the right-hand side of a dependency |

pub mod graph;
pub mod manifest;
pub mod semver;
pub mod spec;
pub mod versions;

pub use graph::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};
pub use manifest::{Dist, PackageManifest};
pub use semver::{Range, Version};
pub use spec::Spec;
pub use versions::{VersionRow, Versions};
