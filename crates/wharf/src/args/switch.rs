//! Flags that variables switch on. Invariant: an empty variable is none.

use std::ffi::OsStr;

use clap::builder::{BoolishValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// Reads what a variable says of a flag: as people write it, and nothing for no.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch;

impl TypedValueParser for Switch {
    type Value = bool;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<bool, Error> {
        match value.is_empty() {
            true => Ok(false),
            false => BoolishValueParser::new().parse_ref(command, argument, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        None
    }
}
