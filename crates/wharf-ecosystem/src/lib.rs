//! The rules of every ecosystem as pure functions over bytes: names, version orders, requirements, index pages, file
//! names, metadata and archive layouts.
//!
//! | module | rules |
//! |---|---|
//! | [`rules`] | [`rules::Rules`]: what the ecosystems have in common, one `&'static dyn` set each |
//! | [`cargo`] | Cargo: crates, their dependencies and features, index lines, `Cargo.lock` |
//! | [`deb`] | Debian: the order of versions, conditions on them |
//! | [`npm`] | npm: semantic versions, specifiers, manifests, packuments, the graph of resolved packages |
//! | [`pypi`] | PyPI: PEP 440, 508, 425, 600, 656, 503, 691, 658, 621, 517 and the wheel format |
//!
//! Invariant: no I/O and nothing asynchronous. Bytes from outside never panic, and what one bad file name, specifier or
//! date costs is that one file, never the page it stands on.

pub mod cargo;
pub mod deb;
pub mod npm;
pub mod pypi;
pub mod rules;
