//! Tests of `wharf.toml`.
