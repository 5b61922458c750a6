//! Versions of Debian packages and conditions on them; defined in `wharf-ecosystem`, so that the rules which all
//! ecosystems share can use them. Source: deb-version(7).

pub use wharf_ecosystem::deb::version::is_version;
pub use wharf_ecosystem::deb::{
    Constraint, InvalidConstraint, InvalidDebVersion, Operator, Version, compare, compare_bytes,
};
