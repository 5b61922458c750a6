//! Tests of edits: what was asked for is there, and nothing else moved.
