//! Placeholder.
use super::Options;
use crate::shell::Failure;
pub(super) fn run(_o: &Options) -> Result<(), Failure> {
    Err(Failure("soon".into()))
}
