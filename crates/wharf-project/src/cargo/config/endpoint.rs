//! Where the crates of a source are really read from: source replacement, followed to its end.
//! Source: the Cargo book, "Source Replacement".

use std::path::PathBuf;

use wharf_core::WebUrl;
use wharf_ecosystem::cargo::SourceId;

use super::{CRATES_IO, CargoConfig, ConfiguredSource, SourcePlace};
use crate::config::default_text;
use crate::error::ProjectError;
use crate::npm::Secret;

/// Where the crates of a source are really read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrateEndpoint {
    /// An index over HTTP.
    Sparse {
        /// The index, ending in `/`, without `sparse+`.
        index: WebUrl,
        /// What it is told.
        token: Option<Secret>,
        /// The name of its registry.
        name: Option<String>,
    },
    /// A registry whose index is a git repository. Wharf reads no such index; registries of our day have another.
    GitIndex {
        /// The repository.
        url: String,
    },
    /// A folder of archives with an index.
    LocalRegistry(PathBuf),
    /// A folder of unpacked crates.
    Directory(PathBuf),
    /// A git repository.
    Git(SourceId),
    /// A folder with a package, which nothing replaces.
    Path,
}

impl CargoConfig {
    /// Where the crates of a source are really read from.
    ///
    /// # Errors
    /// Where replacement leads in a circle or nowhere, or an index is no URL.
    pub fn endpoint(&self, source: &SourceId) -> Result<CrateEndpoint, ProjectError> {
        let Some((name, configured)) = self.source_named(source) else {
            return self.direct(source);
        };
        match &configured.replace_with {
            Some((next, origin)) => self.follow(name, next, origin),
            None => self.place(&configured.place),
        }
    }

    /// The `[source]` that is this one.
    fn source_named(&self, source: &SourceId) -> Option<(&str, &ConfiguredSource)> {
        let is_it = |configured: &ConfiguredSource| matches!(&configured.place, SourcePlace::Remote(remote) if remote == source);
        let named = self
            .sources
            .iter()
            .find(|(name, configured)| (*name == CRATES_IO && source.is_crates_io()) || is_it(configured));
        named.map(|(name, configured)| (name.as_str(), configured))
    }

    fn follow(
        &self,
        first: &str,
        next: &str,
        origin: &wharf_core::Origin,
    ) -> Result<CrateEndpoint, ProjectError> {
        let mut seen = vec![first];
        let (mut next, mut origin) = (next, origin);
        loop {
            let wrong = |reason: String| ProjectError::Setting {
                name: format!("`replace-with` of a source in {origin}"),
                value: next.to_owned(),
                reason,
            };
            if seen.contains(&next) {
                return Err(wrong(format!("the source `{next}` would be replaced by itself")));
            }
            let Some(configured) = self.sources.get(next) else {
                return match self.registry(next) {
                    Some(registry) => self.direct(&registry.source),
                    None => Err(wrong(
                        "there is no source and no registry of that name".to_owned(),
                    )),
                };
            };
            let Some((further, place)) = &configured.replace_with else {
                return self.place(&configured.place);
            };
            seen.push(next);
            (next, origin) = (further, place);
        }
    }

    fn place(&self, place: &SourcePlace) -> Result<CrateEndpoint, ProjectError> {
        match place {
            SourcePlace::Remote(source) => self.direct(source),
            SourcePlace::LocalRegistry(path) => Ok(CrateEndpoint::LocalRegistry(path.clone())),
            SourcePlace::Directory(path) => Ok(CrateEndpoint::Directory(path.clone())),
        }
    }

    /// A source that nothing replaces.
    fn direct(&self, source: &SourceId) -> Result<CrateEndpoint, ProjectError> {
        let default = default_text("cargo", "index");
        let index = match source {
            SourceId::Path(_) => return Ok(CrateEndpoint::Path),
            SourceId::Git(_) => return Ok(CrateEndpoint::Git(source.clone())),
            SourceId::Registry(_) if source.is_crates_io() => default.trim_start_matches("sparse+"),
            SourceId::Registry(url) => return Ok(CrateEndpoint::GitIndex { url: url.to_string() }),
            SourceId::Sparse(url) => url,
        };
        let registry = self.registry_of(source);
        let with_slash = format!("{}/", index.trim_end_matches('/'));
        Ok(CrateEndpoint::Sparse {
            index: WebUrl::parse(&with_slash).map_err(|error| ProjectError::Setting {
                name: "the index of a registry".to_owned(),
                value: error.text.clone(),
                reason: error.reason.clone(),
            })?,
            token: registry.and_then(|registry| registry.token.clone()),
            name: registry.map(|registry| registry.name.clone()),
        })
    }
}
