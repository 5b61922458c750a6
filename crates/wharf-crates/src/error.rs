//! Why there is no outcome, and how that is explained: who asks for what, and for each version that could answer what stands in its way.

use std::fmt;

use wharf_core::{Explain, Fault, Timestamp};
use wharf_ecosystem::cargo::{RustVersion, SourceId};

use crate::problem::Needs;

/// What ends a run of the resolver early.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Fetch these and ask again.
    Needs(Needs),
    /// There is no outcome.
    Failed(Box<ResolveError>),
}

impl Stop {
    pub(crate) fn failed(error: ResolveError) -> Self {
        Stop::Failed(Box::new(error))
    }
}

/// How somebody came to ask: a root, then one `name@version` for each step down.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(pub Vec<String>);

impl fmt::Display for Chain {
    /// `app@0.1.0 > tokio@1.48.0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" > "))
    }
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ResolveError {
    /// A need that no version meets.
    #[error("{0}")]
    Unsatisfied(Box<Unsatisfied>),
    /// A crate, a repository or a folder cannot be had.
    #[error("{package}{}, cannot be had: {reason}", asked_by(.asker))]
    Unavailable {
        /// What was asked for.
        package: String,
        /// Where it was looked for.
        looked_in: SourceId,
        /// Who asks; `None` for a patch.
        asker: Option<Chain>,
        /// Why, in words.
        reason: String,
    },
    /// A root has no such feature.
    #[error("{root} has no feature `{feature}`{}", there_are(.known))]
    NoFeature {
        /// The root.
        root: String,
        /// What was asked for.
        feature: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two roots name the same native library.
    #[error("{} and {} both link the native library `{links}`, which one package of a build may do", roots[0], roots[1])]
    RootLinks {
        /// The library.
        links: String,
        /// The roots.
        roots: [String; 2],
    },
    /// An entry of `[patch]` that cannot be used.
    #[error("the patch of {package} in {of} cannot be used: {reason}")]
    Patch {
        /// The package.
        package: String,
        /// Which source it patches.
        of: SourceId,
        /// Why, in words.
        reason: String,
    },
    /// Packages that need each other.
    #[error("packages need each other in a circle: {}", .0.join(" > "))]
    Circle(Vec<String>),
    /// Two packages that a lockfile cannot tell apart.
    #[error("there are two packages {package}, in {} and in {}: `Cargo.lock` cannot tell them apart", sources[0], sources[1])]
    Collision {
        /// Name and version.
        package: String,
        /// Where they are.
        sources: [SourceId; 2],
    },
    /// The search took too long.
    #[error("the versions combine in too many ways; the search stopped after {0} decisions")]
    TooHard(usize),
}

/// A need that no version meets.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsatisfied {
    /// The package.
    pub package: String,
    /// The range.
    pub range: String,
    /// The features that are asked for.
    pub features: Vec<String>,
    /// Where it was looked for.
    pub source: SourceId,
    /// Who asks.
    pub asker: Chain,
    /// What stands in the way, one for each kind of obstacle.
    pub reasons: Vec<Reason>,
}

/// What stands in the way of versions.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The source has no such package.
    Absent,
    /// No version is in the range.
    OutOfRange {
        /// The versions that there are, newest first; the first few.
        there_are: Vec<String>,
    },
    /// The lock keeps the need at a version that is not there any more.
    LockedAway {
        /// That version.
        version: String,
    },
    /// The versions in the range are yanked.
    Yanked {
        /// They, newest first.
        versions: Vec<String>,
    },
    /// The versions in the range are too young.
    TooYoung {
        /// They, newest first.
        versions: Vec<String>,
        /// Nothing published later is taken.
        cutoff: Timestamp,
    },
    /// The versions in the range ask for a newer compiler.
    RustVersion {
        /// The compiler.
        compiler: RustVersion,
        /// The lowest that one of the versions asks for, and which that is.
        lowest: (RustVersion, String),
        /// The newest version, of any range, that the compiler can build.
        would_fit: Option<String>,
    },
    /// The lines of the versions in the index cannot be used.
    Unusable {
        /// The versions, newest first.
        versions: Vec<String>,
    },
    /// A version that excludes them is taken for somebody else.
    Held {
        /// The versions that are excluded, newest first.
        versions: Vec<String>,
        /// The one that is taken.
        taken: String,
        /// Who asks for that.
        asker: Chain,
        /// In which range.
        range: String,
    },
    /// A package that links the same native library is taken for somebody else.
    Links {
        /// The versions that are excluded, newest first.
        versions: Vec<String>,
        /// The library.
        links: String,
        /// The package that is taken.
        taken: String,
        /// Who asks for that.
        asker: Chain,
        /// In which range.
        range: String,
    },
    /// The versions lack a feature.
    NoFeature {
        /// The versions, newest first.
        versions: Vec<String>,
        /// The feature.
        feature: String,
        /// What kind of thing has that name instead, in words.
        instead: Option<String>,
    },
    /// The versions need something that cannot be had with the rest.
    Deeper {
        /// The versions, newest first.
        versions: Vec<String>,
    },
}

fn asked_by(asker: &Option<Chain>) -> String {
    match asker {
        Some(chain) => format!(", which {chain} asks for"),
        None => String::new(),
    }
}

fn there_are(known: &[String]) -> String {
    match known {
        [] => ": it has none".to_owned(),
        known => format!(": it has {}", shortened(known)),
    }
}

/// The first few, and how many more there are.
fn shortened(items: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = items.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl fmt::Display for Unsatisfied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} asks for {} {}", self.asker, self.package, self.range)?;
        if !self.features.is_empty() {
            write!(f, " with {}", self.features.join(", "))?;
        }
        if let SourceId::Git(_) = self.source {
            write!(f, " from {}", self.source)?;
        }
        match self.reasons.as_slice() {
            [reason] => write!(f, ": {reason}"),
            reasons => {
                f.write_str(":")?;
                reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Absent => f.write_str("there is no such package"),
            Reason::OutOfRange { there_are } if there_are.is_empty() => f.write_str("it has no versions"),
            Reason::OutOfRange { there_are } => {
                write!(
                    f,
                    "no version is in the range; there are {}",
                    shortened(there_are)
                )
            }
            Reason::LockedAway { version } => {
                write!(f, "the lock has {version}, which is not there any more")
            }
            Reason::Yanked { versions } => write!(f, "{} yanked", are(versions)),
            Reason::TooYoung { versions, cutoff } => {
                write!(
                    f,
                    "{} published after {cutoff}, which the cooldown forbids",
                    are(versions)
                )
            }
            Reason::RustVersion {
                compiler,
                lowest: (asked, version),
                ..
            } => write!(
                f,
                "Rust {compiler} cannot build a version in the range; the one that asks for least is {version}, for Rust {asked}"
            ),
            Reason::Unusable { versions } => {
                write!(
                    f,
                    "the lines of {} in the index cannot be used",
                    shortened(versions)
                )
            }
            Reason::Held {
                versions,
                taken,
                asker,
                range,
            } => write!(
                f,
                "{} excluded by {taken}, which is taken as {asker} asks for {range}",
                are(versions)
            ),
            Reason::Links {
                versions,
                links,
                taken,
                asker,
                range,
            } => write!(
                f,
                "{} excluded as {taken} links `{links}` too, which is taken as {asker} asks for {range}",
                are(versions)
            ),
            Reason::NoFeature {
                versions,
                feature,
                instead,
            } => {
                write!(f, "{} no feature `{feature}`", have(versions))?;
                match instead {
                    Some(instead) => write!(f, ", but {instead}"),
                    None => Ok(()),
                }
            }
            Reason::Deeper { versions } => {
                write!(f, "{} something that cannot be had with the rest", need(versions))
            }
        }
    }
}

fn are(versions: &[String]) -> String {
    format!(
        "{} {}",
        shortened(versions),
        if versions.len() == 1 { "is" } else { "are" }
    )
}

fn have(versions: &[String]) -> String {
    format!(
        "{} {}",
        shortened(versions),
        if versions.len() == 1 { "has" } else { "have" }
    )
}

fn need(versions: &[String]) -> String {
    format!(
        "{} {}",
        shortened(versions),
        if versions.len() == 1 { "needs" } else { "need" }
    )
}

impl Explain for ResolveError {
    fn code(&self) -> &'static str {
        match self {
            ResolveError::Unsatisfied(unsatisfied) => unsatisfied.code(),
            ResolveError::Unavailable { .. } => "cargo/unavailable",
            ResolveError::NoFeature { .. } => "cargo/no-feature",
            ResolveError::RootLinks { .. } => "cargo/links",
            ResolveError::Patch { .. } => "cargo/patch",
            ResolveError::Circle(_) => "cargo/circle",
            ResolveError::Collision { .. } => "cargo/collision",
            ResolveError::TooHard(_) => "cargo/too-hard",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ResolveError::Unsatisfied(_) | ResolveError::TooHard(_) | ResolveError::RootLinks { .. } => {
                Fault::Unsatisfiable
            }
            ResolveError::Unavailable { .. } => Fault::World,
            ResolveError::NoFeature { .. }
            | ResolveError::Patch { .. }
            | ResolveError::Circle(_)
            | ResolveError::Collision { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ResolveError::Unsatisfied(unsatisfied) => unsatisfied.hints(),
            ResolveError::Unavailable { asker: Some(_), .. } => {
                vec![
                    "check the spelling, and for a private registry its entry in `.cargo/config.toml`"
                        .to_owned(),
                ]
            }
            ResolveError::Patch { .. } => {
                vec!["give the patch a path, a repository or one exact version (`=1.2.3`)".to_owned()]
            }
            ResolveError::Circle(_) => {
                vec![
                    "move what both need into a third package; only dev-dependencies may go in a circle"
                        .to_owned(),
                ]
            }
            ResolveError::TooHard(_) => {
                vec!["narrow the ranges in the manifest, or pin a version with `=`".to_owned()]
            }
            ResolveError::Unavailable { asker: None, .. }
            | ResolveError::NoFeature { .. }
            | ResolveError::RootLinks { .. }
            | ResolveError::Collision { .. } => Vec::new(),
        }
    }
}

impl Unsatisfied {
    fn code(&self) -> &'static str {
        match self.reasons.first() {
            Some(Reason::Yanked { .. }) => "cargo/yanked",
            Some(Reason::TooYoung { .. }) => "cargo/too-young",
            Some(Reason::RustVersion { .. }) => "cargo/rust-version",
            Some(Reason::Unusable { .. }) => "cargo/index-line",
            Some(Reason::Held { .. } | Reason::Deeper { .. }) => "cargo/conflict",
            Some(Reason::Links { .. }) => "cargo/links",
            Some(Reason::NoFeature { .. }) => "cargo/no-feature",
            Some(Reason::Absent | Reason::OutOfRange { .. } | Reason::LockedAway { .. }) | None => {
                "cargo/no-version"
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        let package = &self.package;
        let mut hints = Vec::new();
        for reason in &self.reasons {
            let hint = match reason {
                Reason::Absent => format!("check the spelling of {package}"),
                Reason::OutOfRange { there_are } => match there_are.first() {
                    Some(newest) => {
                        format!("ask for a version that there is, such as `{package} = \"{newest}\"`")
                    }
                    None => continue,
                },
                Reason::LockedAway { .. } => {
                    format!("`wharf lock --upgrade-package cargo:{package}` takes another version")
                }
                Reason::Yanked { .. } => format!(
                    "ask for another range of {package}; yanked versions stay only where a lock has them"
                ),
                Reason::TooYoung { .. } => format!("wait, or exempt {package} from the cooldown"),
                Reason::RustVersion {
                    would_fit, lowest, ..
                } => match would_fit {
                    Some(version) => {
                        format!("{package} {version} would fit; or use Rust {} or newer", lowest.0)
                    }
                    None => format!("use Rust {} or newer", lowest.0),
                },
                Reason::Unusable { .. } => format!("ask for another version of {package}"),
                Reason::Held { taken, .. } => {
                    format!(
                        "make the ranges agree: change what asks for {taken}, or what asks for {package} {}",
                        self.range
                    )
                }
                Reason::Links { links, .. } => {
                    format!(
                        "one package of a build may link `{links}`: bring both sides to one version of it"
                    )
                }
                Reason::NoFeature { feature, .. } => {
                    format!("leave `{feature}` out, or ask for a version of {package} that has it")
                }
                Reason::Deeper { .. } => continue,
            };
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints.truncate(3);
        hints
    }
}
