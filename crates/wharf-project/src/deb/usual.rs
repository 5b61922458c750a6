//! The repositories of Debian and Ubuntu, and their keys. Invariant: no place is named here; `data/defaults.toml` names them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use wharf_core::{Origin, WebUrl};
use wharf_deb::architecture::Architecture;

use super::repository::{DebDistribution, DebKeys, DebRepository};
use crate::index::Declared;

/// Where a distribution lies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Distribution {
    components: Vec<String>,
    archive: String,
    security: String,
    snapshot_archive: String,
    snapshot_security: String,
    #[serde(default)]
    architectures: Vec<String>,
    ports: Option<String>,
    suites: Vec<String>,
    rolling: Vec<String>,
}

fn distributions() -> &'static BTreeMap<String, Distribution> {
    #[derive(Deserialize)]
    struct Defaults {
        deb: BTreeMap<String, Distribution>,
    }
    static DISTRIBUTIONS: OnceLock<BTreeMap<String, Distribution>> = OnceLock::new();
    DISTRIBUTIONS.get_or_init(|| {
        let defaults: Defaults = toml::from_str(include_str!("../../data/defaults.toml"))
            .expect("the built-in defaults are valid TOML with distributions");
        defaults.deb
    })
}

impl Distribution {
    fn of(distribution: DebDistribution) -> &'static Self {
        distributions()
            .get(distribution.as_str())
            .expect("the built-in defaults have every distribution")
    }

    /// Where the packages of an architecture lie, and where the updates of security.
    fn places(&self, architecture: &Architecture, snapshot: Option<&str>) -> (String, String) {
        if let Some(instant) = snapshot {
            let at = |template: &str| template.replace("{ instant }", instant);
            return (at(&self.snapshot_archive), at(&self.snapshot_security));
        }
        let is_port = !self.architectures.is_empty()
            && !self
                .architectures
                .iter()
                .any(|known| known == architecture.as_str());
        match &self.ports {
            Some(ports) if is_port => (ports.clone(), ports.clone()),
            _ => (self.archive.clone(), self.security.clone()),
        }
    }
}

/// The distribution that has a suite.
pub(crate) fn distribution_of(suite: &str) -> Option<DebDistribution> {
    let base = base_of(suite);
    [DebDistribution::Debian, DebDistribution::Ubuntu]
        .into_iter()
        .find(|distribution| {
            let known = Distribution::of(*distribution);
            known.suites.iter().chain(&known.rolling).any(|name| name == base)
        })
}

/// The suite that one such as `bookworm-updates` belongs to.
fn base_of(suite: &str) -> &str {
    [
        "-updates",
        "-security",
        "-backports",
        "-proposed",
        "-proposed-updates",
    ]
    .iter()
    .find_map(|ending| suite.strip_suffix(ending))
    .unwrap_or(suite)
}

/// All suites that are known.
pub(crate) fn suites() -> impl Iterator<Item = &'static str> {
    distributions()
        .values()
        .flat_map(|known| known.suites.iter().chain(&known.rolling))
        .map(String::as_str)
}

/// The suites that make up one: itself, its updates and its updates of security.
pub(crate) fn family(suite: &str) -> [String; 3] {
    [
        suite.to_owned(),
        format!("{suite}-updates"),
        format!("{suite}-security"),
    ]
}

/// The usual repositories of a suite; none where no distribution has it.
pub(crate) fn repositories(
    suite: &str,
    architecture: &Architecture,
    components: Option<&[String]>,
    snapshot: Option<&str>,
) -> Vec<DebRepository> {
    let Some(distribution) = distribution_of(suite) else {
        return Vec::new();
    };
    let known = Distribution::of(distribution);
    let (archive, security) = known.places(architecture, snapshot);
    let base = base_of(suite);
    let places = if base != suite {
        let place = if suite.ends_with("-security") {
            &security
        } else {
            &archive
        };
        vec![(place, suite.to_owned())]
    } else if known.rolling.iter().any(|name| name == suite) {
        vec![(&archive, suite.to_owned())]
    } else {
        let [own, updates, fixes] = family(suite);
        vec![(&archive, own), (&archive, updates), (&security, fixes)]
    };
    let repository = |(place, suite): (&String, String)| DebRepository {
        uri: WebUrl::parse(place).expect("the built-in defaults have URLs"),
        suite,
        components: components.unwrap_or(&known.components).to_vec(),
        architectures: Vec::new(),
        keys: DebKeys {
            shipped: Some(distribution),
            ..DebKeys::default()
        },
        trusted: false,
        priority: None,
        // What a snapshot holds has run out long ago.
        check_valid_until: snapshot.is_none(),
        declared: Declared::Machine,
        origin: Origin::label("the built-in default"),
    };
    places.into_iter().map(repository).collect()
}

/// The keys of a distribution, armoured. `data/keys/README.md` says where they are from.
pub(crate) fn keys(distribution: DebDistribution) -> &'static str {
    match distribution {
        DebDistribution::Debian => include_str!("../../data/keys/debian.asc"),
        DebDistribution::Ubuntu => include_str!("../../data/keys/ubuntu.asc"),
    }
}
