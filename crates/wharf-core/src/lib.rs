//! The nouns of Wharf: what every other crate talks about.
//!
//! | module | nouns |
//! |---|---|
//! | [`ecosystem`] | [`Ecosystem`]: where a package comes from |
//! | [`name`] | [`PackageName`], normalised by its ecosystem's rule |
//! | [`purl`] | [`PackageUrl`] and [`ShortRequirement`], its short form for people |
//! | [`digest`] | [`Digest`], [`Algorithm`] |
//! | [`weburl`] | [`WebUrl`], which never shows its credentials |
//! | [`target`] | [`Target`]: platform and Python minor version |
//! | [`time`] | [`Timestamp`], [`Span`] |
//! | [`origin`] | [`Origin`]: where a requirement was written |
//! | [`source`] | [`Source`]: where a package's files come from |
//! | [`path`] | [`SafePath`]: a relative path that cannot climb out |
//! | [`explain`] | [`Explain`], [`Fault`]: how an error presents itself |
//! | [`event`] | [`Event`], [`Sink`]: what happens, for whoever shows it |
//!
//! Invariant: no I/O, no async, no knowledge of a concrete index or archive format.

pub mod digest;
pub mod ecosystem;
pub mod event;
pub mod explain;
pub mod name;
pub mod origin;
pub mod path;
pub mod purl;
pub mod source;
pub mod target;
pub mod time;
pub mod weburl;

pub use digest::{Algorithm, Digest, InvalidDigest};
pub use ecosystem::{Ecosystem, UnknownEcosystem};
pub use event::{Event, NullSink, Phase, Sink, Sinks, TaskId};
pub use explain::{Explain, Fault};
pub use name::{InvalidName, PackageName};
pub use origin::Origin;
pub use path::{SafePath, SafePathRef, UnsafePath};
pub use purl::{InvalidPackageUrl, InvalidShortRequirement, PackageUrl, ShortRequirement};
pub use source::Source;
pub use target::{Arch, InvalidTarget, Os, OsVersion, PythonMinor, Target};
pub use time::{InvalidSpan, Span, Timestamp};
pub use weburl::{InvalidUrl, WebUrl};
