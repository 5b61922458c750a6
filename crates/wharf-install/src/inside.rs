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

    /// Makes a command start inside.
    pub(crate) fn enter(&self, command: &mut Command) -> io::Result<()> {
        // A folder that is not seen inside is of no use to a program that reads none.
        command.current_dir("/");
        self.view.enter(command).map_err(io::Error::other)
    }
}
