//! The file of sets: what is asked for, in which world, and where apt is known to answer otherwise.

use serde::Deserialize;

use crate::shell::{self, Failure, about};

/// One set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    pub(crate) name: String,
    /// As on apt's command line.
    pub(crate) ask: Vec<String>,
    #[serde(default = "yes")]
    pub(crate) recommends: bool,
    /// Architectures beside the machine's own.
    #[serde(default)]
    pub(crate) foreign: Vec<String>,
    /// What is installed before: what apt makes of this, in the same world but for preferences and holds.
    #[serde(default)]
    pub(crate) installed: Vec<String>,
    /// What of that is held.
    #[serde(default)]
    pub(crate) holds: Vec<String>,
    /// The text of a file of preferences.
    #[serde(default)]
    pub(crate) preferences: String,
    /// The release that everything is wanted from.
    #[serde(default)]
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) differs: Option<Differs>,
}

fn yes() -> bool {
    true
}

impl Set {
    /// A set without anything unusual.
    pub(crate) fn plain(name: &str, ask: Vec<String>, installed: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            ask,
            recommends: true,
            foreign: Vec::new(),
            installed,
            holds: Vec::new(),
            preferences: String::new(),
            target: None,
            differs: None,
        }
    }
}

/// How apt's answer is otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Differs {
    /// The rule, of those that are explained at the head of the file.
    pub(crate) rule: String,
    /// Whether apt refuses what Wharf solves.
    #[serde(default)]
    apt_refuses: bool,
    /// What only Wharf takes, as `name:architecture`.
    #[serde(default)]
    wharf: Vec<String>,
    /// What only apt takes.
    #[serde(default)]
    apt: Vec<String>,
}

impl Differs {
    pub(super) fn difference(&self) -> String {
        match self.apt_refuses {
            true => "wharf alone finds one".to_owned(),
            false => in_words(&self.wharf, &self.apt),
        }
    }
}

pub(super) fn in_words(wharf: &[String], apt: &[String]) -> String {
    format!("only wharf: [{}]; only apt: [{}]", wharf.join(" "), apt.join(" "))
}

#[derive(Deserialize)]
struct File {
    set: Vec<Set>,
}

/// The sets whose name contains a word, in the order of the file.
pub(crate) fn read(only: &str) -> Result<Vec<Set>, Failure> {
    let mut sets = Vec::new();
    for (name, text) in shell::texts("apt-check", "toml", "")? {
        let file: File = toml::from_str(&text).map_err(about(name))?;
        sets.extend(file.set);
    }
    sets.retain(|set| set.name.contains(only));
    Ok(sets)
}
