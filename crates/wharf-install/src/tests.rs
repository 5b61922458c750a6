//! Whole environments, made, changed, broken and repaired, with the interpreters of this machine.

use crate::python::{Interpreter, Search, Surroundings};

/// Any interpreter of this machine; tests that need one pass quietly where there is none.
pub(crate) fn any_python() -> Option<Interpreter> {
    Search::new(Surroundings::from_env()).find().ok().map(|found| found.interpreter)
}
