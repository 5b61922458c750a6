//! What can go wrong with crates in particular. Invariant: every error names the crate or the registry, and what to do next.

use std::sync::Arc;

use wharf_core::{Explain, Fault, WebUrl};
use wharf_ecosystem::cargo::CrateName;

use crate::error::IndexError;

/// A failed look-up of a crate.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CargoError {
    /// The registry has no such crate.
    #[error("no crate `{crate_name}` was found: the registry `{registry}` ({index}) does not have it")]
    Unknown {
        /// The crate.
        crate_name: CrateName,
        /// The registry that was asked.
        registry: String,
        /// Its index.
        index: Box<WebUrl>,
        /// Names that are spelled alike, nearest first.
        near: Vec<String>,
    },
    /// The registry wants a token, or another one.
    #[error("the registry `{name}` ({index}) refused {what} (HTTP {status}); {}", sent_words(*.sent))]
    Refused {
        /// What was asked for.
        what: String,
        /// The registry.
        name: String,
        /// Its index.
        index: Box<WebUrl>,
        /// 401, 403 or 407.
        status: u16,
        /// Where the token that was sent came from.
        sent: Option<&'static str>,
    },
    /// The registry says that everything wants a token, and none is known.
    #[error("the registry `{name}` ({index}) wants a token for everything, and none is known")]
    NoToken {
        /// The registry.
        name: String,
        /// Its index.
        index: Box<WebUrl>,
    },
    /// `config.json` is missing or cannot be used.
    #[error("{url} is no configuration of a registry: {reason}")]
    Config {
        /// Where it is.
        url: Box<WebUrl>,
        /// What is wrong.
        reason: String,
    },
    /// An index file in which nothing is a version.
    #[error("{url} is no index file of a crate: {reason}")]
    Index {
        /// Where it is.
        url: Box<WebUrl>,
        /// What is wrong.
        reason: String,
    },
    /// An index that is read through git.
    #[error(
        "`{source_id}` is a registry whose index is a git repository, and Wharf reads indexes over HTTP alone"
    )]
    NotSparse {
        /// As lockfiles have it.
        source_id: String,
    },
    /// A repository that holds what cannot be used.
    #[error("the repository {url} cannot be used at {commit}: {reason}")]
    Repository {
        /// The repository.
        url: String,
        /// The full commit.
        commit: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Other bytes than those that the index or the lock promises.
    #[error("{what} from {url} has the wrong checksum: expected {expected}, got {actual}")]
    Checksum {
        /// `serde@1.0.228`.
        what: String,
        /// Where it came from.
        url: Box<WebUrl>,
        /// What was promised.
        expected: String,
        /// What the bytes have.
        actual: String,
    },
}

fn sent_words(sent: Option<&'static str>) -> String {
    match sent {
        Some(place) => format!("the token from {place} was not accepted"),
        None => "no token was sent".to_owned(),
    }
}

impl CargoError {
    /// Whether a token could help.
    pub(super) fn is_login(&self) -> bool {
        matches!(self, CargoError::Refused { sent: None, .. })
    }

    /// Whether the registry said that there is no such crate.
    pub fn is_unknown(&self) -> bool {
        matches!(self, CargoError::Unknown { .. })
    }

    fn hint(&self) -> String {
        match self {
            CargoError::Unknown { near, registry, .. } => match near.as_slice() {
                [] => format!(
                    "check the spelling; a crate of another registry than `{registry}` needs `registry = \"…\"`"
                ),
                near => {
                    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                    format!("did you mean {}?", near.join(" or "))
                }
            },
            CargoError::Refused {
                name, sent, status, ..
            } => match sent {
                Some(_) if *status == 403 => {
                    format!("the token is known but may not read this: ask the owners of `{name}`")
                }
                Some(_) => format!("renew the token: {}", token_words(name)),
                None => token_words(name),
            },
            CargoError::NoToken { name, .. } => token_words(name),
            CargoError::Config { .. } | CargoError::Index { .. } => {
                "check the URL of the registry in .cargo/config.toml; a proxy or a login page may answer in its place"
                    .to_owned()
            }
            CargoError::NotSparse { .. } => {
                "write its URL as `sparse+https://…/` if the registry has a sparse index".to_owned()
            }
            CargoError::Repository { .. } => {
                "nothing of it was kept: take another commit (`rev = \"…\"`), and tell its authors".to_owned()
            }
            CargoError::Checksum { .. } => {
                "a published crate never changes: do not use it; nothing of it was kept. A proxy may have damaged it: try again, or tell the registry".to_owned()
            }
        }
    }
}

/// How a token is made known.
fn token_words(name: &str) -> String {
    let named = !name.contains('/');
    let key: String = name.to_uppercase().replace(['-', '.'], "_");
    if named {
        format!("run `cargo login --registry {name}`, or set CARGO_REGISTRIES_{key}_TOKEN")
    } else {
        "give the registry a name in .cargo/config.toml (`[registries.NAME]` with `index`), and run `cargo login --registry NAME`"
            .to_owned()
    }
}

impl From<CargoError> for IndexError {
    fn from(error: CargoError) -> Self {
        IndexError::Cargo(Arc::new(error))
    }
}

impl Explain for CargoError {
    fn code(&self) -> &'static str {
        match self {
            CargoError::Unknown { .. } => "cargo/unknown-crate",
            CargoError::Refused { .. } | CargoError::NoToken { .. } => "cargo/unauthorized",
            CargoError::Config { .. } => "cargo/registry-config",
            CargoError::Index { .. } => "cargo/index",
            CargoError::NotSparse { .. } => "cargo/git-index",
            CargoError::Repository { .. } => "cargo/repository",
            CargoError::Checksum { .. } => "cargo/wrong-checksum",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            CargoError::Unknown { .. } | CargoError::NoToken { .. } | CargoError::NotSparse { .. } => {
                Fault::User
            }
            CargoError::Refused { .. } | CargoError::Config { .. } | CargoError::Index { .. } => Fault::World,
            CargoError::Repository { .. } | CargoError::Checksum { .. } => Fault::Denied,
        }
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_say_what_to_do_next() {
        let index = || Box::new(WebUrl::parse("https://crates.example.org/index/").unwrap());
        let refused = |name: &str, status, sent| {
            let error = CargoError::Refused {
                what: "`a`".to_owned(),
                name: name.to_owned(),
                index: index(),
                status,
                sent,
            };
            error.hints().remove(0)
        };
        assert_eq!(
            refused("my-team", 401, None),
            "run `cargo login --registry my-team`, or set CARGO_REGISTRIES_MY_TEAM_TOKEN"
        );
        assert!(refused("my-team", 401, Some("x")).starts_with("renew the token: run `cargo login"));
        assert!(refused("my-team", 403, Some("x")).contains("may not read"));
        assert!(refused("https://crates.example.org/", 401, None).contains("[registries.NAME]"));
        let unknown = |near: &[&str]| {
            let error = CargoError::Unknown {
                crate_name: wharf_ecosystem::cargo::crate_name("sirde").unwrap(),
                registry: "crates-io".to_owned(),
                index: index(),
                near: near.iter().map(|name| (*name).to_owned()).collect(),
            };
            error.hints().remove(0)
        };
        assert_eq!(unknown(&["serde"]), "did you mean `serde`?");
        assert!(unknown(&[]).starts_with("check the spelling"));
    }
}
