//! Metadata, whole and broken.
