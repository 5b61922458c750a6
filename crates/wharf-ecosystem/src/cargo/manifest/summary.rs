//! A package's manifest → what resolution has to know of it.

use std::ops::Range;
use std::sync::Arc;

use super::reader::wrong;
use super::{CrateManifest, InvalidManifest, Requirement};
use crate::cargo::features::feature_map;
use crate::cargo::{Dependency, FeatureValue, InvalidFeatures, SourceId, Summary, crate_name};

impl CrateManifest {
    /// What resolution has to know; `source` is where the package itself lies, `source_of` tells where each requirement leads.
    ///
    /// # Errors
    /// Where features and dependencies do not fit together, or `source_of` fails.
    pub fn summary<E: From<InvalidManifest>>(
        &self,
        source: SourceId,
        mut source_of: impl FnMut(&Requirement) -> Result<SourceId, E>,
    ) -> Result<Summary, E> {
        let mut dependencies = Vec::with_capacity(self.requirements.len());
        for requirement in &self.requirements {
            dependencies.push(requirement.dependency(source_of(requirement)?)?);
        }
        let table = self.features.iter().map(|(name, values)| {
            let values = values.iter().map(|value| FeatureValue::parse(value));
            (name.as_str(), values.collect())
        });
        let features = feature_map(table, &dependencies)
            .map_err(|error| wrong(self.feature_span(&error), error.to_string()))?;
        Ok(Summary {
            dependencies,
            features,
            links: self.links.as_deref().map(Arc::from),
            rust_version: self.rust_version,
            ..Summary::new(self.name.clone(), self.version.clone(), source)
        })
    }

    fn feature_span(&self, error: &InvalidFeatures) -> Range<usize> {
        let name = match error {
            InvalidFeatures::Name(name)
            | InvalidFeatures::Unknown { feature: name, .. }
            | InvalidFeatures::NotOptional { feature: name, .. }
            | InvalidFeatures::Hidden { feature: name, .. }
            | InvalidFeatures::Malformed { feature: name, .. } => self.feature_spans.get(name).cloned(),
            InvalidFeatures::OptionalDev(alias) | InvalidFeatures::Unused(alias) => {
                let requirement = self
                    .requirements
                    .iter()
                    .find(|requirement| requirement.name == *alias);
                requirement.map(|requirement| requirement.span.clone())
            }
        };
        name.unwrap_or_else(|| self.span.clone())
    }
}

impl Requirement {
    /// The requirement as resolution sees it, once it is known where it leads.
    ///
    /// # Errors
    /// Where its name is none.
    pub fn dependency(&self, source: SourceId) -> Result<Dependency, InvalidManifest> {
        let package =
            crate_name(self.package_name()).map_err(|error| wrong(self.span.clone(), error.to_string()))?;
        Ok(Dependency {
            alias: self.name.as_str().into(),
            kind: self.kind,
            optional: self.optional,
            default_features: self.uses_default_features(),
            features: self
                .features
                .iter()
                .map(|feature| feature.as_str().into())
                .collect(),
            target: self.target.clone(),
            ..Dependency::new(package, self.req.clone(), source)
        })
    }
}
