//! The packages that a solve may choose from: several indexes, what their releases say, pins, holds, what is installed.
//!
//! A universe is a description and holds no state: reading many names out of it is the job of a `shelf`, which remembers
//! what it looked up. Invariant: equal universes give equal answers, and nothing is read of a name before it is asked for.
//! Sources: apt_preferences(5), deb-control(5), the specification of Multi-Arch.

mod policy;
pub(crate) mod shelf;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use crate::architecture::Architecture;
use crate::index::{Index, Record, RecordId};
use crate::preferences::{Pattern, Pin};
use crate::release::Release;

/// What a repository's release says of all packages in one of its indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `Origin`, such as `Debian`.
    pub origin: String,
    /// `Label`.
    pub label: String,
    /// `Suite`, such as `stable`.
    pub suite: String,
    /// `Codename`, such as `bookworm`.
    pub codename: String,
    /// `Version`, such as `12.5`.
    pub version: String,
    /// The component: `main`.
    pub component: String,
    /// The architecture of the index, as the repository's folders call it; empty where it has but one.
    pub architecture: String,
    /// The host that the repository is on; empty for a folder.
    pub site: String,
    /// `NotAutomatic: yes`: nothing is taken from here unless it is asked for by name.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`: what was taken from here is upgraded from here.
    pub but_automatic_upgrades: bool,
    /// The priority that is stated for this repository alone, in place of what its release says. Pins come before it.
    pub priority: Option<i32>,
}

impl Provenance {
    /// What a `Release` file says of one of its indexes, in a repository on the host `site`.
    pub fn of(release: &Release, component: &str, architecture: &str, site: &str) -> Self {
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        Self {
            origin: word(&release.origin),
            label: word(&release.label),
            suite: word(&release.suite),
            codename: word(&release.codename),
            version: word(&release.version),
            component: component.to_owned(),
            architecture: architecture.to_owned(),
            site: site.to_owned(),
            not_automatic: release.not_automatic,
            but_automatic_upgrades: release.but_automatic_upgrades,
            priority: None,
        }
    }

    /// Whether a person means this release by a word: its suite or its codename, or a pattern of such as preferences have them
    /// (`/^bookworm(-security)?$/`).
    pub fn is_called(&self, word: &str) -> bool {
        let plain = || self.suite == word || self.codename == word;
        match word.contains(['/', '*', '?', '[']).then(|| Pattern::parse(word)) {
            Some(Ok(pattern)) => pattern.matches(&self.suite) || pattern.matches(&self.codename),
            Some(Err(_)) | None => plain(),
        }
    }

    /// The release in a few words, such as `bookworm/main`.
    pub fn title(&self) -> String {
        let release = if self.codename.is_empty() {
            &self.suite
        } else {
            &self.codename
        };
        match (release.is_empty(), self.component.is_empty()) {
            (true, _) => self.component.clone(),
            (false, true) => release.clone(),
            (false, false) => format!("{release}/{}", self.component),
        }
    }
}

/// One index with where it is from. Layers that come first win where two hold the same version.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What the packages are.
    pub index: Index,
    /// What the release says.
    pub provenance: Provenance,
}

/// A package for one architecture, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey {
    /// The name.
    pub name: String,
    /// The architecture; packages for `all` count as native.
    pub architecture: Architecture,
}

/// Where a record is: the layer, and the record of its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Position of the layer.
    pub layer: u16,
    /// The record.
    pub record: RecordId,
}

/// Everything that a solve may choose from, and by which preferences.
#[derive(Debug, Clone)]
pub struct Universe {
    pub(crate) layers: Vec<Layer>,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) installed: Option<u16>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) target_release: Option<String>,
    pub(crate) holds: BTreeSet<PackageKey>,
    pub(crate) excluded: BTreeSet<String>,
}

impl Universe {
    /// The packages of `layers` for the machine's own architecture, without preferences.
    pub fn new(layers: Vec<Layer>, native: Architecture) -> Self {
        Self {
            layers,
            architectures: vec![native],
            installed: None,
            pins: Vec::new(),
            target_release: None,
            holds: BTreeSet::new(),
            excluded: BTreeSet::new(),
        }
    }

    /// Packages of these architectures may be chosen as well, most wanted first.
    #[must_use]
    pub fn with_foreign(mut self, architectures: impl IntoIterator<Item = Architecture>) -> Self {
        for architecture in architectures {
            if !self.architectures.contains(&architecture) {
                self.architectures.push(architecture);
            }
        }
        self
    }

    /// These packages are installed: they are kept where nothing speaks against it. Every record of `status` counts, so that
    /// it has to be built of those alone that are.
    #[must_use]
    pub fn with_installed(mut self, status: Index) -> Self {
        self.installed = Some(self.layers.len() as u16);
        self.layers.push(Layer {
            index: status,
            provenance: Provenance {
                suite: "now".to_owned(),
                ..Provenance::default()
            },
        });
        self
    }

    /// Preferences, in the order in which apt would read them.
    #[must_use]
    pub fn with_pins(mut self, pins: Vec<Pin>) -> Self {
        self.pins = pins;
        self
    }

    /// The release that everything is wanted from where it has it (apt's `-t`).
    #[must_use]
    pub fn with_target_release(mut self, release: Option<String>) -> Self {
        self.target_release = release;
        self
    }

    /// Packages that stay as they are: at the locked version, on a machine at the installed one or out. Where nothing is locked or installed
    /// yet, as others.
    #[must_use]
    pub fn with_holds(mut self, holds: impl IntoIterator<Item = PackageKey>) -> Self {
        self.holds.extend(holds);
        self
    }

    /// Packages that are never chosen, whatever pins say and whoever asks for them.
    #[must_use]
    pub fn with_excluded(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.excluded.extend(names);
        self
    }

    /// The layers, first that which wins; the installed packages come last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The machine's own architecture.
    pub fn native(&self) -> &Architecture {
        &self.architectures[0]
    }

    /// All architectures, the machine's own first.
    pub fn architectures(&self) -> &[Architecture] {
        &self.architectures
    }

    /// The record at a place.
    pub fn record(&self, place: Place) -> Record<'_> {
        self.layers[usize::from(place.layer)].index.record(place.record)
    }

    /// Where a place's packages are from.
    pub fn provenance(&self, place: Place) -> &Provenance {
        &self.layers[usize::from(place.layer)].provenance
    }

    /// Whether a place is among the installed packages, so that there is no archive to fetch.
    pub fn is_installed(&self, place: Place) -> bool {
        self.installed == Some(place.layer)
    }

    /// The architecture that a record counts as: `all` is native.
    pub fn architecture_of(&self, record: &Record<'_>) -> Option<&Architecture> {
        let word = record.architecture();
        if word == Architecture::ALL {
            return Some(self.native());
        }
        self.architectures.iter().find(|known| known.as_str() == word)
    }
}
