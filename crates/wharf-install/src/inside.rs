//! Programs of a system root that Wharf itself runs: interpreters that are asked about themselves, compilers of bytecode.
//!
//! Invariant: what they change of `/etc` and `/var` is gone with the value: the project's own stays as its programs left it.

use std::io;
use std::path::Path;
use std::process::Command;

use wharf_sys::view::View;

/// A view of a system root that leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Inside {
    view: View,
    _state: tempfile::TempDir,
}

impl Inside {
    pub(crate) fn of(root: &Path) -> io::Result<Self> {
        let state = tempfile::TempDir::with_prefix("wharf-view-")?;
        Ok(Self {
            view: View::new(root, state.path()),
            _state: state,
        })
    }

    /// Makes a command start inside, in no folder of its own: what is not seen inside is of no use to a program that reads none.
    pub(crate) fn enter(&self, command: &mut Command) -> io::Result<()> {
        command.current_dir("/");
        self.enter_here(command)
    }

    /// Makes a command start inside, in its folder.
    pub(crate) fn enter_here(&self, command: &mut Command) -> io::Result<()> {
        self.view.enter(command).map_err(io::Error::other)
    }
}
