//! PyPI and indexes like it.
//!
//! | module | reads |
//! |---|---|
//! | [`version`] | versions and specifiers (PEP 440), strictly and leniently |
//! | [`requirement`] | requirements and markers (PEP 508), strictly and leniently |
//! | [`filename`] | file names of wheels and source distributions |
//! | [`tags`] | which wheels a target can use, and which it prefers (PEP 425, 600, 656) |
//! | [`environment`] | the marker values of a target |
//! | [`simple`] | project pages of an index (PEP 503, 691, 700) |
//! | [`metadata`] | core metadata (`METADATA`, `PKG-INFO`, static `pyproject.toml`) |
//! | [`wheel`] | what lies in a wheel: `WHEEL`, `RECORD`, `entry_points.txt`, the install layout |
//! | [`build_system`] | how a source tree is built (PEP 517, 518) |
//!
//! Versions and requirements are the types of `pep440_rs` and `pep508_rs`. Their *parsers* are reached through this
//! module only: it refuses beforehand the inputs on which they panic (see [`requirement`]), and [`version::satisfies`]
//! corrects the comparisons in which they depart from PEP 440.

pub mod build_system;
pub mod environment;
pub mod filename;
pub mod metadata;
pub mod requirement;
pub mod rules;
pub mod simple;
pub mod tags;
mod text;
pub mod version;
pub mod wheel;

pub use build_system::{BuildSystem, BuildSystemError};
pub use environment::{Implementation, UnknownImplementation, marker_environment};
pub use filename::{BuildTag, DistName, FilenameError, SdistFormat, SdistName, WheelName};
pub use metadata::{CoreMetadata, MetadataError};
pub use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
pub use pep508_rs::{
    ExtraName, ExtraOperator, MarkerEnvironment, MarkerExpression, MarkerTree, MarkerTreeKind,
    MarkerValueExtra, VerbatimUrl, VersionOrUrl,
};
pub use requirement::{
    Requirement, RequirementError, package_name, parse_marker, parse_requirement, parse_requirement_lenient,
};
pub use tags::{Incompatible, Tags};
pub use version::{
    InvalidSpecifiers, InvalidVersion, parse_specifiers, parse_specifiers_lenient, parse_version, satisfies,
};
