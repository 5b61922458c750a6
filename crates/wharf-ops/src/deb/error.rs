//! What goes wrong with Debian packages of a project, where nothing below says it.

use wharf_core::{Explain, Fault};
use wharf_deb::explain::Unsatisfiable;
use wharf_deb::solve::InvalidAsked;
use wharf_install::PythonError;
use wharf_sys::view::ViewError;

/// What goes wrong with Debian packages of a project.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// Nobody says which suite is meant.
    #[error("{origin} names no suite, and this machine runs neither Debian nor Ubuntu")]
    NoSuite {
        /// Where the table stands.
        origin: String,
    },
    /// Nothing fulfils what is asked for.
    #[error("no set of {suite}'s packages fulfils what is asked for")]
    Unsatisfiable {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        cause: Box<Unsatisfiable>,
    },
    /// A relation makes no sense.
    #[error(transparent)]
    Asked(#[from] InvalidAsked),
    /// A pin makes no sense.
    #[error(transparent)]
    Pin(wharf_deb::preferences::InvalidPin),
    /// A repository has a package of which it gives no strong checksum.
    #[error("{package} has no SHA-256 in {repository}")]
    NoHash {
        /// The package and version.
        package: String,
        /// The repository.
        repository: String,
    },
    /// A repository has a package with a name that none can have.
    #[error("a repository has a package `{text}`: {reason}")]
    Name {
        /// What it calls it.
        text: String,
        /// What is wrong with that.
        reason: String,
    },
    /// The lock has nothing for this machine.
    #[error("the lockfile has no Debian packages for {architecture}")]
    NoSystem {
        /// What Debian calls this machine.
        architecture: String,
    },
    /// The packages bring no Python that the project takes.
    #[error("the Python of the project's Debian packages cannot be used: {0}")]
    Python(#[source] PythonError),
    /// The packages have a Node that is not what the project asks for.
    #[error(
        "the project's Node has to be {wanted} ({origin}), and {suite}'s nodejs, for which {asked} asks, is {version}"
    )]
    Node {
        /// Node's own version.
        version: String,
        /// The suite.
        suite: String,
        /// Where `nodejs` is asked for.
        asked: String,
        /// What is asked of Node.
        wanted: String,
        /// Where.
        origin: String,
    },
    /// A name that no repository of the project has.
    #[error("no package of {suite} is called {name}")]
    Unknown {
        /// The name.
        name: String,
        /// The suite.
        suite: String,
    },
    /// A package is held at a version that is not to be had.
    #[error("{name} is held at {version}, which no repository of the project has; there is {there}")]
    Held {
        /// The package.
        name: String,
        /// That version.
        version: String,
        /// What there is.
        there: String,
        /// Whether the manifest says the version, and not the lock.
        is_stated: bool,
        /// Where it is held.
        origin: String,
    },
    /// The environment has no system root yet.
    #[error("the project's Debian packages are not installed")]
    NotInstalled,
    /// What a build needs of the system is known by no name here.
    #[error("{package} needs {dependency}, which no table gives Debian packages for")]
    Unanswered {
        /// Who needs it.
        package: String,
        /// What.
        dependency: String,
        /// Where that is said.
        origin: String,
    },
    /// This machine has no view for programs of the packages.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Explain for DebError {
    fn code(&self) -> &'static str {
        match self {
            DebError::NoSuite { .. } => "deb/no-suite",
            DebError::Unsatisfiable { .. } => "deb/unsatisfiable",
            DebError::Asked(_) => "deb/relation",
            DebError::Pin(_) => "deb/pin",
            DebError::NoHash { .. } => "deb/no-hash",
            DebError::Name { .. } => "deb/name",
            DebError::NoSystem { .. } => "deb/no-system",
            DebError::Python(_) => "deb/python",
            DebError::Node { .. } => "deb/node",
            DebError::Unknown { .. } => "deb/unknown",
            DebError::Held { .. } => "deb/held",
            DebError::NotInstalled => "deb/not-installed",
            DebError::Unanswered { .. } => "deb/unanswered",
            DebError::View(error) => error.code(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            DebError::Unsatisfiable { .. } | DebError::Held { .. } => Fault::Unsatisfiable,
            DebError::NoHash { .. } | DebError::Name { .. } => Fault::World,
            DebError::Python(error) => error.fault(),
            DebError::NoSuite { .. }
            | DebError::Asked(_)
            | DebError::Pin(_)
            | DebError::NoSystem { .. }
            | DebError::Node { .. }
            | DebError::Unknown { .. }
            | DebError::NotInstalled
            | DebError::Unanswered { .. } => Fault::User,
            DebError::View(error) => error.fault(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DebError::NoSuite { .. } => {
                vec!["write `suite = \"bookworm\"`, or another one, into `[deb]`".to_owned()]
            }
            DebError::Unsatisfiable { cause, .. } => cause.hints(),
            DebError::Asked(_) => {
                vec![
                    "relations are written as in Debian's control files: `libpq-dev (>= 15)`, `a | b`"
                        .to_owned(),
                ]
            }
            DebError::Pin(_) => vec!["pins are written as in apt_preferences(5)".to_owned()],
            DebError::NoHash { .. } | DebError::Name { .. } => {
                vec!["tell those who run the repository".to_owned()]
            }
            DebError::NoSystem { .. } => {
                vec!["`wharf lock` solves for it, unless `targets` leaves it out".to_owned()]
            }
            DebError::Python(_) => vec![
                "with `[deb]` a project's Python is a Debian package; another `suite` has another one"
                    .to_owned(),
            ],
            DebError::Node { asked, .. } => vec![
                format!(
                    "take `nodejs` out at {asked}: Node then comes from the npm registry, with headers for addons"
                ),
                "another `suite` has another one".to_owned(),
            ],
            DebError::Unknown { name, .. } => {
                vec![format!("`wharf search {name}` looks into names and descriptions")]
            }
            DebError::Held {
                name,
                is_stated,
                origin,
                ..
            } => vec![
                match is_stated {
                    true => format!(
                        "{origin}: write a version that there is, or `{name}` alone for the locked one"
                    ),
                    false => {
                        format!("take `{name}` out of `hold` ({origin}), so that `wharf lock` may move it")
                    }
                },
                "a `snapshot` of a day on which it was there has it, and so may a `[[deb.repository]]`"
                    .to_owned(),
            ],
            DebError::NotInstalled => vec!["run `wharf sync`".to_owned()],
            DebError::Unanswered {
                dependency, origin, ..
            } => vec![
                format!("{origin} says so"),
                format!("name the packages in `[external]` of wharf.toml: `\"{dependency}\" = [\"dep:…\"]`"),
            ],
            DebError::View(error) => error.hints(),
        }
    }
}
