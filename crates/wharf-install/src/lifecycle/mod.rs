//! Install scripts.
