//! Whether this machine lets this user have views.
//!
//! Invariant: nothing is concluded from version numbers or settings; it is tried. Settings are read only to say which of
//! them is in the way.

use std::sync::OnceLock;

use crate::sandbox::{Lack, Step};

/// What is to be had.
#[derive(Debug)]
pub struct Support {
    /// What is in the way; nothing where views are to be had.
    pub lack: Option<Lack>,
}

impl Support {
    /// Whether views are to be had.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.lack.is_none()
    }
}

/// What this machine gives this user, tried once in a process; that takes a millisecond or two.
#[must_use]
pub fn support() -> &'static Support {
    static SUPPORT: OnceLock<Support> = OnceLock::new();
    SUPPORT.get_or_init(|| Support { lack: tried().err() })
}

#[cfg(target_os = "linux")]
fn tried() -> Result<(), Lack> {
    super::enter::attempt().map_err(|error| {
        Lack::of(&error).unwrap_or(Lack {
            step: Step::View,
            error,
        })
    })
}

#[cfg(not(target_os = "linux"))]
fn tried() -> Result<(), Lack> {
    Err(Lack {
        step: Step::System,
        error: std::io::ErrorKind::Unsupported.into(),
    })
}
