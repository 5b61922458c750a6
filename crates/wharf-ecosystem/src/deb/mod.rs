//! Debian: versions, their order, and conditions on them. The formats that need more are in the crate `wharf-deb`.
//!
//! | module | job |
//! |---|---|
//! | [`constraint`] | [`Operator`] and [`Constraint`]: `>= 1.2` |
//! | [`rules`] | Debian's rules behind the seam that all ecosystems share |
//! | [`version`] | [`Version`]: the order of deb-version(7) |

pub mod constraint;
pub mod rules;
pub mod version;

pub use constraint::{Constraint, InvalidConstraint, Operator};
pub use version::{InvalidDebVersion, Version, compare, compare_bytes};
