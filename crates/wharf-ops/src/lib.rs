//! The use cases, one module each, emitting events. Invariant: nothing here prints or exits.
/// From requirements to a resolution.
pub mod resolve;
