//! What a resolved graph leaves to say: conflicts of peers with both sides, missing peers, deprecations, and so on.
//! Invariant: an issue never stops resolution; what does is a [`crate::TreeError`].

use std::fmt;

use serde::Serialize;

/// How somebody came to ask: the importer, then one `name@version` for each step down.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Chain {
    /// The importer's path; `.` for the project itself.
    pub importer: String,
    /// From the importer's own need to the one who asks.
    pub steps: Vec<String>,
}

impl fmt::Display for Chain {
    /// `packages/a > eslint@9.1.0 > ajv@6.12.6`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.importer.as_str() {
            "." => f.write_str("the project")?,
            path => f.write_str(path)?,
        }
        for step in &self.steps {
            write!(f, " > {step}")?;
        }
        Ok(())
    }
}

/// Something that the user may want to know about the outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Issue {
    /// A peer that is there, but in a version that does not fit.
    PeerConflict {
        /// The peer.
        peer: String,
        /// Which version of it is met.
        found: String,
        /// Who provides that version, and how that one is reached.
        provider: Chain,
        /// What the provider asks for, where it asks itself.
        provided_for: Option<String>,
        /// What is wanted.
        wanted: String,
        /// Who wants it, and how that one is reached.
        asker: Chain,
    },
    /// A required peer that nobody provides.
    PeerMissing {
        /// The peer.
        peer: String,
        /// What is wanted.
        wanted: String,
        /// Who wants it, and how that one is reached.
        asker: Chain,
        /// Why it was not added, in words.
        reason: String,
    },
    /// A peer of which a second version was added below a package, as the one above does not fit.
    PeerNested {
        /// The peer.
        peer: String,
        /// The version above.
        found: String,
        /// The version that was added.
        added: String,
        /// Below whom.
        below: Chain,
        /// What is wanted.
        wanted: String,
    },
    /// A package that the registry says a word against.
    Deprecated {
        /// The package.
        package: String,
        /// The word.
        message: String,
        /// How it is reached.
        chain: Chain,
    },
    /// An optional dependency that cannot be had and was left out.
    OptionalFailed {
        /// What was asked for.
        package: String,
        /// Who asked.
        asker: Chain,
        /// Why it cannot be had, in words.
        reason: String,
    },
    /// An override that nothing matched.
    UnusedOverride {
        /// As written.
        rule: String,
    },
}

impl Issue {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Issue::PeerConflict { .. } => "npm/peer-conflict",
            Issue::PeerMissing { .. } => "npm/peer-missing",
            Issue::PeerNested { .. } => "npm/peer-nested",
            Issue::Deprecated { .. } => "npm/deprecated",
            Issue::OptionalFailed { .. } => "npm/optional-failed",
            Issue::UnusedOverride { .. } => "npm/unused-override",
        }
    }

    /// Whether strict peers refuse it.
    pub fn breaks_strict_peers(&self) -> bool {
        matches!(self, Issue::PeerConflict { .. } | Issue::PeerMissing { .. })
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Issue::PeerConflict {
                peer,
                found,
                provider,
                provided_for,
                wanted,
                asker,
            } => {
                write!(
                    f,
                    "{asker} wants {peer} {wanted} as a peer, but {provider} provides {peer}@{found}"
                )?;
                match provided_for {
                    Some(range) => write!(f, " (it asks for {range})"),
                    None => Ok(()),
                }
            }
            Issue::PeerMissing {
                peer,
                wanted,
                asker,
                reason,
            } => {
                write!(
                    f,
                    "{asker} wants {peer} {wanted} as a peer and nobody provides it: {reason}"
                )
            }
            Issue::PeerNested {
                peer,
                found,
                added,
                below,
                wanted,
            } => {
                write!(
                    f,
                    "{peer}@{added} was added below {below}, which wants {wanted}, beside {peer}@{found}"
                )
            }
            Issue::Deprecated {
                package,
                message,
                chain,
            } => {
                write!(f, "{package} is deprecated: {message} ({chain})")
            }
            Issue::OptionalFailed {
                package,
                asker,
                reason,
            } => {
                write!(f, "{package}, optional for {asker}, was left out: {reason}")
            }
            Issue::UnusedOverride { rule } => write!(f, "the override `{rule}` matches nothing"),
        }
    }
}
