//! Tests of the releases blob.
