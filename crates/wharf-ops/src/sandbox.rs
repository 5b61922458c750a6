//! How strong a sandbox builds run in: what the project asks for and what this machine gives.
//!
//! Invariant: a build that is asked to be in a sandbox never runs outside one, and one that runs outside says so.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use wharf_core::{Event, Explain, Fault, PackageName, Sinks};
use wharf_project::{Project, SandboxPolicy};
use wharf_sys::sandbox::{Network, Strength, Support, support};

use crate::names;
use crate::session::Session;

/// The variable that says for one command what `[policy] sandbox` says for a project.
const VARIABLE: &str = "WHARF_SANDBOX";

/// Why a build cannot run as it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine has no sandboxes, and builds may run in nothing else.
    #[error("builds run only in a sandbox here, and this machine has none: {lack}")]
    Missing {
        /// What is in the way.
        lack: String,
        /// What can be done about that.
        hint: Option<String>,
    },
    /// The variable says nothing that is known.
    #[error("{VARIABLE} is `{word}`, which is none of its words")]
    Word {
        /// What it says.
        word: String,
    },
}

impl Explain for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            SandboxError::Missing { .. } => "sandbox/missing",
            SandboxError::Word { .. } => "sandbox/unknown-word",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            SandboxError::Missing { .. } => Fault::World,
            SandboxError::Word { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SandboxError::Missing { hint, .. } => {
                let mut hints: Vec<String> = hint.iter().cloned().collect();
                hints.push(format!(
                    "`sandbox = \"auto\"` under `[policy]`, or `{VARIABLE}=auto` for one command, lets builds run without"
                ));
                hints
            }
            SandboxError::Word { .. } => vec![format!("its words are {}", SandboxPolicy::WORDS.join(", "))],
        }
    }
}

/// What is asked for the builds of a project.
pub(crate) struct Asked {
    policy: SandboxPolicy,
    online: Vec<PackageName>,
    sinks: Sinks,
    /// Set once the user was told how builds run.
    told: OnceLock<()>,
}

impl Asked {
    /// By the variable, else by the project.
    pub(crate) fn of(session: &Session, project: &Project) -> Result<Self, SandboxError> {
        Ok(Self {
            policy: asked(&session.settings().environment, project.policy.sandbox)?,
            online: project.policy.build_network.clone(),
            sinks: Arc::clone(session.sinks()),
            told: OnceLock::new(),
        })
    }

    /// What the build of a package reaches over the network.
    pub(crate) fn network(&self, package: Option<&PackageName>) -> Network {
        match package.is_some_and(|package| self.online.contains(package)) {
            true => Network::Host,
            false => Network::None,
        }
    }

    /// How strong a sandbox builds run in. Tried when the first one asks, so that only builds pay for it.
    pub(crate) async fn strength(&self) -> Result<Strength, SandboxError> {
        let decided = match self.policy {
            SandboxPolicy::Off => Decided {
                strength: Strength::None,
                warning: None,
            },
            policy => decide(policy, wharf_sys::run_blocking(support).await)?,
        };
        let online = online_words(&self.online, decided.strength);
        self.told.get_or_init(|| {
            self.sinks.emit(match decided.warning {
                Some(message) => Event::warning("sandbox/weak", message + &online),
                None => Event::detail(format!("builds {}{online}", decided.strength.words())),
            });
        });
        Ok(decided.strength)
    }
}

/// What is said of packages whose builds reach the network though others do not.
fn online_words(online: &[PackageName], strength: Strength) -> String {
    if online.is_empty() || strength == Strength::None {
        return String::new();
    }
    let names: Vec<String> = online.iter().map(names::short).collect();
    format!("; `build-network` gives it to {}", names.join(", "))
}

/// What is asked for: by the variable, else by the project.
fn asked(
    environment: &BTreeMap<String, String>,
    policy: SandboxPolicy,
) -> Result<SandboxPolicy, SandboxError> {
    match environment.get(VARIABLE).map(String::as_str) {
        None | Some("") => Ok(policy),
        Some(word) => SandboxPolicy::from_word(word).ok_or_else(|| SandboxError::Word {
            word: word.to_owned(),
        }),
    }
}

/// What builds run in, and what is said of it.
struct Decided {
    strength: Strength,
    warning: Option<String>,
}

fn decide(asked: SandboxPolicy, support: &Support) -> Result<Decided, SandboxError> {
    let strength = support.strength;
    if strength.is_whole() {
        return Ok(Decided {
            strength,
            warning: None,
        });
    }
    let lack = support.lack.as_ref();
    let words = lack.map_or_else(|| "nothing says why".to_owned(), ToString::to_string);
    let hint = lack.and_then(wharf_sys::sandbox::Lack::hint);
    if asked == SandboxPolicy::Required {
        return Err(SandboxError::Missing { lack: words, hint });
    }
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    Ok(Decided {
        strength,
        warning: Some(format!("builds {}: {words}{hint}", strength.words())),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use wharf_sys::sandbox::{Lack, Step};

    use super::*;

    fn with(strength: Strength) -> Support {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        Support {
            strength,
            lack: (strength != Strength::ALL[0]).then_some(Lack {
                step: Step::Namespaces,
                error,
            }),
        }
    }

    #[test]
    fn what_is_asked_for_meets_what_there_is() {
        let check = |asked, strength, expected: &str| {
            let said = match decide(asked, &with(strength)) {
                Ok(Decided {
                    strength: had,
                    warning,
                }) => {
                    assert_eq!(had, strength);
                    warning.unwrap_or_else(|| "quiet".to_owned())
                }
                Err(error) => format!("{}: {error}", error.code()),
            };
            assert!(said.starts_with(expected), "{asked:?} {strength:?}: {said}");
        };
        use SandboxPolicy::{Auto, Required};
        for asked in [Auto, Required] {
            check(asked, Strength::Isolated { processes: true }, "quiet");
            check(asked, Strength::Isolated { processes: false }, "quiet");
            check(asked, Strength::Filtered, "quiet");
        }
        check(
            Auto,
            Strength::Offline,
            "builds run without network, and can read and write what you can: user namespaces cannot be created",
        );
        check(
            Auto,
            Strength::None,
            "builds run without a sandbox: user namespaces",
        );
        check(
            Required,
            Strength::Offline,
            "sandbox/missing: builds run only in a sandbox",
        );
        check(Required, Strength::None, "sandbox/missing: ");
    }

    #[test]
    fn packages_that_reach_the_network_are_told() {
        let online = ["a", "b"].map(|name| PackageName::pypi(name).unwrap());
        for (online, strength, expected) in [
            (&[][..], Strength::Filtered, ""),
            (&online[..1], Strength::None, ""),
            (
                &online[..1],
                Strength::Offline,
                "; `build-network` gives it to pypi:a",
            ),
            (
                &online,
                Strength::Filtered,
                "; `build-network` gives it to pypi:a, pypi:b",
            ),
        ] {
            assert_eq!(online_words(online, strength), expected);
        }
    }

    #[test]
    fn the_variable_has_the_last_word() {
        let said = |word: &str| {
            let environment = BTreeMap::from([(VARIABLE.to_owned(), word.to_owned())]);
            asked(&environment, SandboxPolicy::Auto)
        };
        assert_eq!(said("off").unwrap(), SandboxPolicy::Off);
        assert_eq!(said("required").unwrap(), SandboxPolicy::Required);
        assert_eq!(said("").unwrap(), SandboxPolicy::Auto);
        assert_eq!(
            asked(&BTreeMap::new(), SandboxPolicy::Off).unwrap(),
            SandboxPolicy::Off
        );
        let error = said("none").unwrap_err();
        assert_eq!(error.code(), "sandbox/unknown-word");
        assert_eq!(error.hints(), ["its words are auto, required, off"]);
    }
}
