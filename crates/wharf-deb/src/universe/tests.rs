//! Universes written as text.
