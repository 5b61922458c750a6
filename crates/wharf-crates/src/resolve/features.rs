//! What a set of features turns on in one version: features, optional dependencies, and features of dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashSet;
use wharf_ecosystem::cargo::{FeatureValue, Summary};

use super::world::Request;
use crate::problem::RootFeatures;

/// What is on.
#[derive(Debug, Default)]
pub(crate) struct On {
    /// The features.
    pub(crate) features: Vec<Arc<str>>,
    /// The dependencies that features ask for, by alias, and their features.
    pub(crate) dependencies: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// A feature that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) Arc<str>);

/// What a dependency's request turns on.
pub(crate) fn by_request(summary: &Summary, request: &Request) -> Result<On, Missing> {
    let mut turning = Turning::new(summary);
    for feature in &request.features {
        turning.feature(feature)?;
    }
    turning.default(request.default)?;
    Ok(turning.on)
}

/// What a root's choice turns on.
pub(crate) fn of_root(summary: &Summary, wanted: &RootFeatures) -> Result<On, Missing> {
    let mut turning = Turning::new(summary);
    match wanted {
        RootFeatures::All => {
            for feature in summary.features.keys() {
                turning.feature(feature)?;
            }
        }
        RootFeatures::Some { features, default } => {
            for value in features {
                if let FeatureValue::DepFeature { dep, .. } | FeatureValue::Dep(dep) = value {
                    let known = summary
                        .dependencies
                        .iter()
                        .any(|dependency| dependency.alias == *dep);
                    if !known {
                        return Err(Missing(value.to_string().into()));
                    }
                }
                turning.value(value)?;
            }
            turning.default(*default)?;
        }
    }
    Ok(turning.on)
}

struct Turning<'a> {
    summary: &'a Summary,
    seen: FxHashSet<Arc<str>>,
    on: On,
}

impl<'a> Turning<'a> {
    fn new(summary: &'a Summary) -> Self {
        Self {
            summary,
            seen: FxHashSet::default(),
            on: On::default(),
        }
    }

    fn default(&mut self, wanted: bool) -> Result<(), Missing> {
        match self.summary.features.get_key_value("default") {
            Some((name, _)) if wanted => self.feature(&Arc::clone(name)),
            _ => Ok(()),
        }
    }

    fn feature(&mut self, name: &Arc<str>) -> Result<(), Missing> {
        let mut waiting = vec![Arc::clone(name)];
        while let Some(name) = waiting.pop() {
            if self.seen.contains(&name) {
                continue;
            }
            let Some(values) = self.summary.features.get(&name) else {
                return Err(Missing(name));
            };
            self.seen.insert(Arc::clone(&name));
            self.on.features.push(name);
            for value in values {
                self.turn_on(value, &mut waiting);
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &FeatureValue) -> Result<(), Missing> {
        let mut waiting = Vec::new();
        self.turn_on(value, &mut waiting);
        waiting.iter().try_for_each(|name| self.feature(name))
    }

    fn turn_on(&mut self, value: &FeatureValue, waiting: &mut Vec<Arc<str>>) {
        match value {
            FeatureValue::Feature(name) => waiting.push(Arc::clone(name)),
            FeatureValue::Dep(dep) => {
                self.on.dependencies.entry(Arc::clone(dep)).or_default();
            }
            FeatureValue::DepFeature { dep, feature, weak } => {
                let optional = || {
                    let mut named = self.summary.dependencies.iter();
                    named.any(|dependency| dependency.alias == *dep && dependency.optional)
                };
                if !weak && self.summary.features.contains_key(dep) && optional() {
                    waiting.push(Arc::clone(dep));
                }
                // A lockfile is for every feature, so that a weak one turns its dependency on here too, as in cargo.
                let features = self.on.dependencies.entry(Arc::clone(dep)).or_default();
                features.insert(Arc::clone(feature));
            }
        }
    }
}
