//! How much a version is wanted. Invariant: the first pin that names a package decides over all that do not, and among
//! those that do not the first that fits. Source: apt_preferences(5).

use super::{Provenance, Universe};
use crate::index::Record;
use crate::preferences::{PackagePattern, Pin, PinTarget, ReleaseCondition, ReleaseKey};

/// What apt gives a version that nothing is said about.
const USUAL: i32 = 500;
/// A release that is upgraded from, but not taken from; and what is installed.
const UPGRADES: i32 = 100;
/// A release that is never taken from unasked.
const NOT_AUTOMATIC: i32 = 1;
/// The release that was asked for.
const TARGET: i32 = 990;

impl Universe {
    /// What general pins, the repository's own priority and the release say of a whole layer.
    pub(super) fn layer_priority(&self, number: usize) -> i32 {
        let provenance = &self.layers[number].provenance;
        if self.installed == Some(number as u16) {
            return UPGRADES;
        }
        let wanted = self.target_release.as_deref();
        if wanted.is_some_and(|word| provenance.is_called(word)) {
            return TARGET;
        }
        if let Some(pin) = self.general_pin(provenance) {
            return i32::from(pin.priority);
        }
        if let Some(stated) = provenance.priority {
            return stated;
        }
        match (provenance.not_automatic, provenance.but_automatic_upgrades) {
            (true, true) => UPGRADES,
            (true, false) => NOT_AUTOMATIC,
            (false, _) => USUAL,
        }
    }

    /// Whether somebody states the priority of a whole layer, so that it is not what its release says.
    pub(super) fn is_layer_pinned(&self, number: usize) -> bool {
        let provenance = &self.layers[number].provenance;
        provenance.priority.is_some() || self.general_pin(provenance).is_some()
    }

    fn general_pin(&self, provenance: &Provenance) -> Option<&Pin> {
        let is_general = |pin: &&Pin| pin.packages.iter().any(PackagePattern::is_any);
        let mut general = self.pins.iter().filter(is_general);
        general.find(|pin| is_from(&pin.target, provenance))
    }

    /// What a pin that names the package says of one of its versions, in any of the layers that hold it.
    pub(super) fn named_priority(&self, record: &Record<'_>, layers: &[u16]) -> Option<i32> {
        let architecture = self.architecture_of(record)?.as_str();
        let fits = |pin: &&Pin| {
            let names = |pattern: &PackagePattern| {
                !pattern.is_any() && pattern.matches(record.name(), record.source(), architecture)
            };
            let is_meant = || match pin.target.matches_version(record.version()) {
                Some(matches) => matches,
                None => layers
                    .iter()
                    .any(|&layer| is_from(&pin.target, &self.layers[usize::from(layer)].provenance)),
            };
            pin.packages.iter().any(names) && is_meant()
        };
        self.pins.iter().find(fits).map(|pin| i32::from(pin.priority))
    }
}

/// Whether a pin is about everything from somewhere, and this is it.
fn is_from(target: &PinTarget, provenance: &Provenance) -> bool {
    match target {
        PinTarget::Version(_) => false,
        PinTarget::Origin(site) => site.matches(&provenance.site),
        PinTarget::Release(conditions) => conditions.iter().all(|condition| holds(condition, provenance)),
    }
}

fn holds(condition: &ReleaseCondition, provenance: &Provenance) -> bool {
    let is = |text: &str| condition.value.matches(text);
    match condition.key {
        ReleaseKey::Suite => is(&provenance.suite),
        ReleaseKey::Codename => is(&provenance.codename),
        ReleaseKey::SuiteOrCodename => is(&provenance.suite) || is(&provenance.codename),
        ReleaseKey::Origin => is(&provenance.origin),
        ReleaseKey::Label => is(&provenance.label),
        ReleaseKey::Component => is(&provenance.component),
        ReleaseKey::Version => is(&provenance.version),
        ReleaseKey::Architecture => is(&provenance.architecture),
    }
}
