//! What the program says about itself: completion scripts and manual pages.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use wharf_core::{Explain, Fault};

use super::{Failure, Outcome};
use crate::args::{Arguments, Completions, Man};
use crate::output::Printer;

/// A manual page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the manual pages cannot be written to {folder}")]
struct CannotWrite {
    folder: String,
    #[source]
    source: io::Error,
}

impl Explain for CannotWrite {
    fn code(&self) -> &'static str {
        "man/write"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

pub(super) fn completions(arguments: &Completions, printer: Printer) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "wharf", &mut script);
    printer.data(&String::from_utf8_lossy(&script));
    Ok(Outcome::SUCCESS)
}

pub(super) fn man(arguments: &Man) -> Result<Outcome, Failure> {
    write_pages(&arguments.folder).map_err(|source| {
        Box::new(CannotWrite {
            folder: arguments.folder.display().to_string(),
            source,
        }) as Failure
    })?;
    Ok(Outcome::SUCCESS)
}

fn write_pages(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Arguments::command(), folder)
}
