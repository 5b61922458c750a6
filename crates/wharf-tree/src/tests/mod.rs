//! Tests of the resolver over an [`notation::Index`] in memory.

mod laws;
mod layout;
pub(crate) mod notation;
mod rules;
