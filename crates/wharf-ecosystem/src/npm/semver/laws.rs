//! Laws of versions and ranges.
