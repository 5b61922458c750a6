//! Tests of builds.
