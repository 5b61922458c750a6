//! Tests of the lockfile.
