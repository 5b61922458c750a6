//! Features: what each turns on, with the implicit ones of optional dependencies, checked as cargo checks them.
//! Source: the cargo book, "Features"; index lines split them into `features` and `features2`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Dependency;

/// What each feature turns on.
pub type FeatureMap = BTreeMap<Arc<str>, Vec<FeatureValue>>;

/// One thing that a feature turns on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureValue {
    /// Another feature of the crate: `std`.
    Feature(Arc<str>),
    /// An optional dependency: `dep:serde`.
    Dep(Arc<str>),
    /// A feature of a dependency: `serde/derive`, or `serde?/derive` where it must not turn the dependency on.
    DepFeature {
        /// The dependency.
        dep: Arc<str>,
        /// Its feature.
        feature: Arc<str>,
        /// Whether it waits for somebody else to turn the dependency on.
        weak: bool,
    },
}

/// Features that contradict each other or the dependencies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFeatures {
    /// A dev-dependency that is optional.
    #[error("the dev-dependency `{0}` cannot be optional")]
    OptionalDev(String),
    /// A feature with characters that are not allowed.
    #[error("`{0}` cannot name a feature")]
    Name(String),
    /// A value names neither a feature nor a dependency.
    #[error("feature `{feature}` turns on `{value}`, which is neither a feature nor a dependency")]
    Unknown {
        /// The feature.
        feature: String,
        /// The value.
        value: String,
    },
    /// A value treats a dependency as optional that is not.
    #[error("feature `{feature}` turns on `{value}`, but the dependency is not optional")]
    NotOptional {
        /// The feature.
        feature: String,
        /// The value.
        value: String,
    },
    /// A value names an optional dependency as a feature that `dep:` hides.
    #[error("feature `{feature}` turns on `{value}`, which is hidden by `dep:{value}`; write `dep:{value}`")]
    Hidden {
        /// The feature.
        feature: String,
        /// The value.
        value: String,
    },
    /// A value has several slashes, or `dep:` and a slash.
    #[error("feature `{feature}` turns on `{value}`, which is malformed")]
    Malformed {
        /// The feature.
        feature: String,
        /// The value.
        value: String,
    },
    /// An optional dependency that no feature turns on.
    #[error("no feature turns on the optional dependency `{0}`")]
    Unused(String),
}

impl FeatureValue {
    /// Reads a value. Every text is one.
    pub fn parse(text: &str) -> Self {
        match text.split_once('/') {
            Some((dep, feature)) => {
                let strong = dep.strip_suffix('?');
                FeatureValue::DepFeature {
                    dep: strong.unwrap_or(dep).into(),
                    feature: feature.into(),
                    weak: strong.is_some(),
                }
            }
            None => match text.strip_prefix("dep:") {
                Some(dep) => FeatureValue::Dep(dep.into()),
                None => FeatureValue::Feature(text.into()),
            },
        }
    }
}

impl fmt::Display for FeatureValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeatureValue::Feature(name) => f.write_str(name),
            FeatureValue::Dep(dep) => write!(f, "dep:{dep}"),
            FeatureValue::DepFeature { dep, feature, weak } => {
                write!(f, "{dep}{}/{feature}", if *weak { "?" } else { "" })
            }
        }
    }
}

/// The features of a crate from its table `[features]` and its dependencies: optional dependencies that no `dep:` hides get a
/// feature of their name.
///
/// # Errors
/// Where a value is malformed, or names what is not there.
pub fn feature_map<'a>(
    table: impl IntoIterator<Item = (&'a str, Vec<FeatureValue>)>,
    dependencies: &[Dependency],
) -> Result<FeatureMap, InvalidFeatures> {
    let mut optional: FxHashMap<&str, bool> = FxHashMap::default();
    for dependency in dependencies {
        if dependency.optional && dependency.kind == super::DependencyKind::Dev {
            return Err(InvalidFeatures::OptionalDev(dependency.alias.to_string()));
        }
        *optional.entry(&dependency.alias).or_default() |= dependency.optional;
    }
    let mut map = FeatureMap::new();
    for (name, values) in table {
        map.entry(name.into()).or_default().extend(values);
    }
    let hidden: BTreeSet<Arc<str>> = map
        .values()
        .flatten()
        .filter_map(|value| match value {
            FeatureValue::Dep(dep) => Some(Arc::clone(dep)),
            FeatureValue::Feature(_) | FeatureValue::DepFeature { .. } => None,
        })
        .collect();
    let implicit: Vec<Arc<str>> = dependencies
        .iter()
        .filter(|dependency| dependency.optional)
        .map(|dependency| &dependency.alias)
        .filter(|alias| !hidden.contains(*alias) && !map.contains_key(*alias))
        .cloned()
        .collect();
    let written: BTreeSet<Arc<str>> = map.keys().cloned().collect();
    for alias in implicit {
        map.insert(Arc::clone(&alias), vec![FeatureValue::Dep(alias)]);
    }
    check(&map, &written, &optional)?;
    Ok(map)
}

fn check(
    map: &FeatureMap,
    written: &BTreeSet<Arc<str>>,
    optional: &FxHashMap<&str, bool>,
) -> Result<(), InvalidFeatures> {
    for (name, values) in map {
        if !is_feature_name(name) {
            return Err(InvalidFeatures::Name(name.to_string()));
        }
        for value in values {
            check_value(name, value, map, written, optional)?;
        }
    }
    let turned_on: BTreeSet<&str> = map
        .values()
        .flatten()
        .filter_map(|value| match value {
            FeatureValue::Dep(dep) | FeatureValue::DepFeature { dep, .. } => Some(&**dep),
            FeatureValue::Feature(_) => None,
        })
        .collect();
    let mut unused: Vec<&str> = optional
        .iter()
        .filter(|(dep, optional)| **optional && !turned_on.contains(*dep))
        .map(|(dep, _)| *dep)
        .collect();
    unused.sort_unstable();
    match unused.first() {
        Some(dep) => Err(InvalidFeatures::Unused((*dep).to_owned())),
        None => Ok(()),
    }
}

fn check_value(
    feature: &str,
    value: &FeatureValue,
    map: &FeatureMap,
    written: &BTreeSet<Arc<str>>,
    optional: &FxHashMap<&str, bool>,
) -> Result<(), InvalidFeatures> {
    let (feature, text) = (feature.to_owned(), || value.to_string());
    let optional_of = |dep: &str| optional.get(dep).copied();
    match value {
        FeatureValue::Feature(name) if written.contains(name) => Ok(()),
        FeatureValue::Feature(name) => match optional_of(name) {
            None => Err(InvalidFeatures::Unknown {
                feature,
                value: text(),
            }),
            Some(false) => Err(InvalidFeatures::NotOptional {
                feature,
                value: text(),
            }),
            Some(true) if !map.contains_key(name) => Err(InvalidFeatures::Hidden {
                feature,
                value: text(),
            }),
            Some(true) => Ok(()),
        },
        FeatureValue::Dep(dep) => match optional_of(dep) {
            None => Err(InvalidFeatures::Unknown {
                feature,
                value: text(),
            }),
            Some(false) => Err(InvalidFeatures::NotOptional {
                feature,
                value: text(),
            }),
            Some(true) => Ok(()),
        },
        FeatureValue::DepFeature {
            dep,
            feature: of,
            weak,
        } => {
            if of.contains('/') || dep.starts_with("dep:") {
                return Err(InvalidFeatures::Malformed {
                    feature,
                    value: text(),
                });
            }
            match optional_of(dep) {
                None => Err(InvalidFeatures::Unknown {
                    feature,
                    value: text(),
                }),
                Some(false) if *weak => Err(InvalidFeatures::NotOptional {
                    feature,
                    value: text(),
                }),
                Some(_) => Ok(()),
            }
        }
    }
}

/// Letters, digits, `_`, `-`, `+` and `.`, a letter, digit or `_` first.
fn is_feature_name(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters
        .next()
        .is_some_and(|first| first == '_' || first.is_alphanumeric());
    first && characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '+' | '.'))
}
