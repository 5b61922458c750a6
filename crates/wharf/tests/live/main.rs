//! Real sets from the real index: each is solved, installed and proven to run by the set's own Python.
//!
//! Off by default, as they need the package index that this machine's pip is configured for, minutes, and gigabytes:
//! `cargo nextest run -p wharf --test live --run-ignored all`. Every test has its own project folder; the store and the cache are
//! shared below the build folder, so that a second run downloads nothing.

#![expect(clippy::print_stderr, reason = "what a set cost is told to whoever runs it")]

mod cargo;
mod deb;
mod edits;
mod local;
mod npm;
mod project;
mod sets;
mod steering;
mod tools;
