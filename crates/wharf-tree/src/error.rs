//! Why there is no graph, and how that is explained.

use wharf_core::{Explain, Fault, Origin};

use crate::issue::{Chain, Issue};
use crate::problem::Needs;

/// What ends a run of the resolver early.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Fetch these and ask again.
    Needs(Needs),
    /// There is no graph.
    Failed(Box<TreeError>),
}

/// Why there is no graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// No version is in the range.
    #[error("{} asks for {name}@{range}{}: {why}", .asker, at(.origin))]
    NoVersion {
        /// The package.
        name: String,
        /// What was asked for.
        range: String,
        /// Who asks.
        asker: Box<Chain>,
        /// Where it is written, if an importer asks.
        origin: Option<Box<Origin>>,
        /// The nearest versions, the cutoff: in words.
        why: String,
    },
    /// The package, or one version of it, cannot be had.
    #[error("{package}, which {} asks for{}, cannot be had: {reason}{}", .asker, at(.origin), of_the_workspace(.member))]
    Unavailable {
        /// What was asked for.
        package: String,
        /// Who asks.
        asker: Box<Chain>,
        /// Where it is written, if an importer asks.
        origin: Option<Box<Origin>>,
        /// Why, in words.
        reason: String,
        /// The member of the workspace that is called so and is not meant, in words.
        member: Option<String>,
    },
    /// The specifier cannot be read or used.
    #[error("`{alias}: {text}`, which {} asks for{}, cannot be used: {reason}", .asker, at(.origin))]
    InvalidSpec {
        /// The name under which it is asked for.
        alias: String,
        /// The specifier.
        text: String,
        /// Who asks.
        asker: Box<Chain>,
        /// Where it is written, if an importer asks.
        origin: Option<Box<Origin>>,
        /// Why, in words.
        reason: String,
    },
    /// `workspace:` names no member, or one of another version.
    #[error("`{alias}: {text}`{} is not in the workspace: {reason}", at(.origin))]
    NoMember {
        /// The name under which it is asked for.
        alias: String,
        /// The specifier.
        text: String,
        /// Who asks.
        asker: Box<Chain>,
        /// Where it is written.
        origin: Option<Box<Origin>>,
        /// Why, in words.
        reason: String,
    },
    /// Several needs cannot be met.
    #[error("{}", list(.0))]
    Many(Vec<TreeError>),
    /// Peers contradict each other or are missing, and the project wants neither.
    #[error("peers do not fit together:\n{}", issues(.0))]
    Peers(Vec<Issue>),
    /// The peers of the packages combine in too many ways.
    #[error("the peers of {package} combine in more than {limit} ways")]
    TooManyCombinations {
        /// A package that stands for them.
        package: String,
        /// The limit.
        limit: usize,
    },
    /// Something that is required is for other machines.
    #[error("{chain} requires {package}, which asks for {wanted}; the target is {target}")]
    Platform {
        /// The package.
        package: String,
        /// What it is for.
        wanted: String,
        /// The machine.
        target: String,
        /// Who requires it.
        chain: Box<Chain>,
        /// Whether who requires it has files that could say something else.
        can_be_changed: bool,
    },
}

fn at(origin: &Option<Box<Origin>>) -> String {
    origin
        .as_ref()
        .map(|origin| format!(" ({origin})"))
        .unwrap_or_default()
}

fn of_the_workspace(member: &Option<String>) -> String {
    member
        .as_ref()
        .map(|member| format!("; {member}"))
        .unwrap_or_default()
}

fn list(errors: &[TreeError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn issues(issues: &[Issue]) -> String {
    let lines: Vec<String> = issues.iter().map(|issue| format!("  {issue}")).collect();
    lines.join("\n")
}

impl TreeError {
    /// The same of a project that is nobody's: who asks is called so, and nobody knows the file.
    #[must_use]
    pub fn asked_by(mut self, words: &str) -> Self {
        let rename = |chain: &mut Chain| {
            if chain.importer == "." {
                words.clone_into(&mut chain.importer);
            }
        };
        match &mut self {
            TreeError::NoVersion { asker, origin, .. }
            | TreeError::Unavailable { asker, origin, .. }
            | TreeError::InvalidSpec { asker, origin, .. }
            | TreeError::NoMember { asker, origin, .. } => {
                rename(asker);
                *origin = None;
            }
            TreeError::Platform {
                chain,
                can_be_changed,
                ..
            } => {
                rename(chain);
                *can_be_changed = false;
            }
            TreeError::Many(errors) => {
                let all = std::mem::take(errors).into_iter();
                *errors = all.map(|error| error.asked_by(words)).collect();
            }
            TreeError::Peers(_) | TreeError::TooManyCombinations { .. } => {}
        }
        self
    }
}

impl Explain for TreeError {
    fn code(&self) -> &'static str {
        match self {
            TreeError::NoVersion { .. } => "npm/no-version",
            TreeError::Unavailable { .. } => "npm/unavailable",
            TreeError::InvalidSpec { .. } => "npm/invalid-spec",
            TreeError::NoMember { .. } => "npm/no-member",
            TreeError::Many(errors) => errors.first().map_or("npm/no-version", Explain::code),
            TreeError::Peers(_) => "npm/peer-conflict",
            TreeError::TooManyCombinations { .. } => "npm/too-many-combinations",
            TreeError::Platform { .. } => "npm/platform",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            TreeError::NoVersion { .. } | TreeError::Peers(_) | TreeError::Platform { .. } => {
                Fault::Unsatisfiable
            }
            TreeError::Unavailable { .. } => Fault::World,
            TreeError::InvalidSpec { asker, .. } if asker.steps.is_empty() => Fault::User,
            TreeError::InvalidSpec { .. } => Fault::World,
            TreeError::NoMember { .. } => Fault::User,
            TreeError::Many(errors) => errors
                .iter()
                .map(Explain::fault)
                .min()
                .unwrap_or(Fault::Unsatisfiable),
            TreeError::TooManyCombinations { .. } => Fault::Unsatisfiable,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            TreeError::NoVersion { name, asker, .. } if asker.steps.is_empty() => {
                vec![format!(
                    "`wharf info npm:{name}` lists the versions there are; change the range to one of them"
                )]
            }
            TreeError::NoVersion { name, .. } => {
                vec![format!(
                    "take another version of {name} with an entry in `overrides`"
                )]
            }
            TreeError::Unavailable { asker, .. } if asker.steps.is_empty() => {
                vec![
                    "check the spelling, and for a private package the registry of its scope in `.npmrc`"
                        .to_owned(),
                ]
            }
            TreeError::Unavailable { package, .. } => {
                vec![format!("replace {package} with an entry in `overrides`")]
            }
            TreeError::InvalidSpec { alias, asker, .. } if asker.steps.is_empty() => {
                vec![format!(
                    "write a range such as `^1.2.0`, a tag, `npm:name@range`, a URL or a path for `{alias}`"
                )]
            }
            TreeError::InvalidSpec { alias, .. } => {
                vec![format!("replace `{alias}` with an entry in `overrides`")]
            }
            TreeError::NoMember { .. } => {
                vec!["add the folder to the members of the workspace, or ask for a version without `workspace:`".to_owned()]
            }
            TreeError::Many(errors) => {
                let mut hints: Vec<String> = Vec::new();
                for hint in errors.iter().flat_map(Explain::hints) {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints.truncate(3);
                hints
            }
            TreeError::Peers(_) => vec![
                "choose versions whose peers agree, or allow others with peer rules (`peerDependencyRules`)"
                    .to_owned(),
                "without `strict-peers` these are reported and the nearest provider serves".to_owned(),
            ],
            TreeError::TooManyCombinations { .. } => {
                vec!["add the peers that packages ask for to the project's own dependencies".to_owned()]
            }
            TreeError::Platform {
                can_be_changed: false,
                ..
            } => Vec::new(),
            TreeError::Platform { .. } => {
                vec![
                    "make it an optional dependency, which is left out where it is for other machines".to_owned(),
                    "`supportedArchitectures` of pnpm-workspace.yaml, or of `pnpm` in package.json, says for which machines packages are installed".to_owned(),
                ]
            }
        }
    }
}
