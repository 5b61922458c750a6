//! The kernel's side of Wharf: permits for scarce work, facts about this machine, replacing the process, sandboxes, views.
//!
//! The map of the crate:
//! - [`governor`]: one place that hands out permits for network, CPU, disk and build work;
//! - [`bridge`]: runs CPU work on rayon and awaits it from async code;
//! - [`host`]: what this machine is (operating system, architecture, C library) as a lock target;
//! - [`mapped`]: files in memory without being read;
//! - [`process`]: becoming another program;
//! - [`sandbox`]: running a program without network, over a file system that it cannot change;
//! - `together`: running several programs at once (Unix);
//! - [`view`]: running a program over a system root instead of the installed system.
//!
//! Invariants: this crate knows no packages and uses no network. It is the only one that may hold `unsafe`;
//! every block says why it is sound.

pub mod bridge;
pub mod governor;
pub mod host;
pub mod mapped;
pub mod process;
pub mod sandbox;
#[cfg(unix)]
pub mod together;
pub mod view;

pub use bridge::{run_blocking, run_compute};
pub use governor::{Gauge, Governor, HeldBack, Limits, Permit, Work};
pub use mapped::Mapped;
pub use process::replace_process;
pub use sandbox::Sandbox;
pub use view::View;
