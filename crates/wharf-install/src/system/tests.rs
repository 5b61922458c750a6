//! Roots from packages that are made here.
