//! How an error presents itself: a stable code, whose fault it is, and what to do next.
//! Invariant: presentation (colour, indentation, JSON) is the face's business, never the error's.

/// Whose fault an error is. It fixes the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// What the user gave cannot be used: a malformed manifest, an unknown name, contradictory flags.
    User,
    /// The requirements have no solution.
    Unsatisfiable,
    /// The world failed: network, registry, disk, permissions, a package's build.
    World,
    /// Policy or verification forbids it: a wrong hash, an unsafe archive, a denied version.
    Denied,
    /// The user or a signal stopped it.
    Interrupted,
    /// Wharf is wrong.
    Bug,
}

impl Fault {
    /// The process exit code, as documented in `docs/exit-codes.md`.
    pub const fn exit_code(self) -> u8 {
        match self {
            Fault::User => 2,
            Fault::Unsatisfiable => 3,
            Fault::World => 4,
            Fault::Denied => 5,
            Fault::Bug => 70,
            Fault::Interrupted => 130,
        }
    }

    /// One word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::User => "user",
            Fault::Unsatisfiable => "unsatisfiable",
            Fault::World => "world",
            Fault::Denied => "denied",
            Fault::Bug => "bug",
            Fault::Interrupted => "interrupted",
        }
    }
}

/// What every error of a library crate tells the one renderer.
pub trait Explain: std::error::Error {
    /// A stable code such as `lock/stale`, for scripts and for the documentation.
    fn code(&self) -> &'static str;

    /// Whose fault it is.
    fn fault(&self) -> Fault;

    /// Next steps, each a sentence that names something to type or to change.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}
