//! What lies in a wheel, and where it goes. Sources: "Binary distribution format", "Recording installed projects" and
//! "Entry points specification" of the PyPA (PEP 427, 376, 627).

mod entry_points;
mod file;
mod layout;
mod record;

pub use entry_points::{EntryPoint, EntryPoints};
pub use file::{Root, WheelFile, WheelFileError};
pub use layout::{Layout, LayoutError, Placement, Scheme, scheme};
pub use record::{Record, RecordError, Row};
