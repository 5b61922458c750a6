//! How much a version is wanted. Invariant: the first pin that names a package decides over all that do not, and among
//! those that do not the first that fits. Source: apt_preferences(5).

use super::{Layer, Universe};
use crate::index::Record;

/// A wish about versions: which packages, which of their versions, how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What it is about. Nothing in here means nothing.
    pub packages: Vec<Pattern>,
    /// Which versions.
    pub pinned: Pinned,
    /// How much: over 1000 even to downgrade, below 0 never.
    pub priority: i32,
}

/// Names that a pin is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Every package: the general form, which counts only where no other pin does.
    All,
    /// Packages by name or by a pattern with `*`, `?` and `[…]`, of one architecture, of the native one, or of `any`.
    Binary {
        /// The name or pattern.
        name: String,
        /// The architecture after the colon.
        architecture: Option<String>,
    },
    /// All packages that are built from a source.
    Source {
        /// The name or pattern.
        name: String,
    },
}

/// Which versions a pin is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// Those that match, with `*`, `?` and `[…]`.
    Version(String),
    /// Those of a release: pairs of a letter of apt's (`a`, `n`, `o`, `l`, `c`, `v`, `b`) and what it has to be.
    Release(Vec<(char, String)>),
    /// Those from a host; empty for folders of the machine.
    Origin(String),
}

/// What apt gives a version that nothing is said about.
const USUAL: i32 = 500;
/// A release that is upgraded from, but not taken from; and what is installed.
const UPGRADES: i32 = 100;
/// A release that is never taken from unasked.
const NOT_AUTOMATIC: i32 = 1;
/// The release that was asked for.
const TARGET: i32 = 990;

impl Universe {
    /// What general pins and the release say of a whole layer.
    pub(super) fn layer_priority(&self, number: usize) -> i32 {
        let layer = &self.layers[number];
        if self.installed == Some(number as u16) {
            return UPGRADES;
        }
        if self
            .target_release
            .as_deref()
            .is_some_and(|word| layer.provenance.is_called(word))
        {
            return TARGET;
        }
        let general = self.pins.iter().find(|pin| {
            pin.packages.contains(&Pattern::All)
                && !matches!(pin.pinned, Pinned::Version(_))
                && pin.pinned.is_of(layer, None)
        });
        if let Some(pin) = general {
            return pin.priority;
        }
        match (
            layer.provenance.not_automatic,
            layer.provenance.but_automatic_upgrades,
        ) {
            (true, true) => UPGRADES,
            (true, false) => NOT_AUTOMATIC,
            (false, _) => USUAL,
        }
    }

    /// What a pin that names the package says of one of its versions, in any of the layers that hold it.
    pub(super) fn named_priority(&self, record: &Record<'_>, layers: &[u16]) -> Option<i32> {
        self.pins
            .iter()
            .find(|pin| {
                pin.packages.iter().any(|pattern| self.names(pattern, record))
                    && layers.iter().any(|&layer| {
                        let layer = &self.layers[usize::from(layer)];
                        pin.pinned.is_of(layer, Some(record.version()))
                    })
            })
            .map(|pin| pin.priority)
    }

    fn names(&self, pattern: &Pattern, record: &Record<'_>) -> bool {
        match pattern {
            Pattern::All => false,
            Pattern::Source { name } => glob(name, record.source()),
            Pattern::Binary { name, architecture } => {
                glob(name, record.name())
                    && match architecture.as_deref() {
                        Some("any") => true,
                        Some(word) => self
                            .architecture_of(record)
                            .is_some_and(|architecture| architecture.as_str() == word),
                        None => self
                            .architecture_of(record)
                            .is_some_and(|architecture| architecture == self.native()),
                    }
            }
        }
    }
}

impl Pinned {
    fn is_of(&self, layer: &Layer, version: Option<&str>) -> bool {
        let provenance = &layer.provenance;
        match self {
            Pinned::Version(pattern) => version.is_some_and(|version| glob(pattern, version)),
            Pinned::Origin(site) => *site == provenance.site,
            Pinned::Release(facts) => facts.iter().all(|(letter, wanted)| match letter {
                'a' => glob(wanted, &provenance.suite),
                'n' => glob(wanted, &provenance.codename),
                'o' => glob(wanted, &provenance.origin),
                'l' => glob(wanted, &provenance.label),
                'c' => glob(wanted, &provenance.component),
                'v' => glob(wanted, &provenance.version),
                _ => true,
            }),
        }
    }
}

/// Whether a text matches a pattern with `*`, `?` and `[…]`.
fn glob(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            [b'?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
            [b'[', rest @ ..] if rest.contains(&b']') => {
                let end = rest.iter().position(|&byte| byte == b']').unwrap_or_default();
                let (class, rest) = (&rest[..end], &rest[end + 1..]);
                text.first().is_some_and(|&byte| in_class(class, byte)) && matches(rest, &text[1..])
            }
            [byte, rest @ ..] => text.first() == Some(byte) && matches(rest, &text[1..]),
        }
    }
    fn in_class(class: &[u8], byte: u8) -> bool {
        let (negated, class) = match class {
            [b'!' | b'^', rest @ ..] => (true, rest),
            class => (false, class),
        };
        let mut found = false;
        let mut at = 0;
        while at < class.len() {
            if let [low, b'-', high, ..] = class[at..] {
                found |= (low..=high).contains(&byte);
                at += 3;
            } else {
                found |= class[at] == byte;
                at += 1;
            }
        }
        found != negated
    }
    matches(pattern.as_bytes(), text.as_bytes())
}
