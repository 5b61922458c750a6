//! Where an index is, what it says of itself, and who may read it. An index on this machine (`file:`) is that of a local registry: a
//! folder of archives with the index files in `index/`, which nobody has to be asked for.
//!
//! Invariant: a registry with a token is asked for its `config.json` first, without the token; only one that refuses that,
//! or says `auth-required`, ever gets it. Source: The Cargo Book, "Registry Authentication",
//! "Source Replacement".

use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::WebUrl;
use wharf_ecosystem::cargo::{CrateName, RegistryConfig, SourceId, index};
use wharf_net::{Freshness, Login, NetError, Request};

use super::{CargoError, CratesIndex};
use crate::error::IndexError;

/// Where the cache has `config.json`.
const BUCKET: &str = "cargo-config";

/// A registry, as the configuration has it.
#[derive(Clone)]
pub struct Registry {
    /// What lockfiles call it, also where another place stands in for it.
    pub source: SourceId,
    /// What the configuration and messages call it: `crates-io`.
    pub name: String,
    /// The index, without `sparse+`; for a local registry its folder, as a URL.
    pub index: WebUrl,
    /// What `Authorization` says where the registry wants that.
    pub token: Option<String>,
}

impl Registry {
    /// A registry that no configuration names.
    ///
    /// # Errors
    /// Where its index is read through git.
    fn unnamed(source: &SourceId) -> Result<Self, IndexError> {
        let SourceId::Sparse(url) = source else {
            return Err(CargoError::NotSparse {
                source_id: source.to_string(),
            }
            .into());
        };
        let index = WebUrl::parse(url).map_err(location)?;
        Ok(Self {
            source: source.clone(),
            name: url.to_string(),
            index,
            token: None,
        })
    }

    /// The URL of something in the index.
    pub(super) fn url(&self, path: &str) -> Result<WebUrl, IndexError> {
        let root = self.index.expose().trim_end_matches('/');
        WebUrl::parse(&format!("{root}/{path}")).map_err(location)
    }

    /// The URL of a crate's index file.
    pub(super) fn index_file(&self, name: &CrateName) -> Result<WebUrl, IndexError> {
        self.url(&index::path_in_index(name.as_str()))
    }

    /// The folder of a local registry.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let url = self.index.as_url();
        (url.scheme() == "file")
            .then(|| url.to_file_path().ok())
            .flatten()
    }

    /// The index for messages.
    pub(super) fn shown(&self) -> Box<WebUrl> {
        Box::new(self.index.without_credentials())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("source", &self.source)
            .field("name", &self.name)
            .field("index", &self.index)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish()
    }
}

impl CratesIndex {
    /// The registry behind a source.
    pub(super) fn registry(&self, source: &SourceId) -> Result<Registry, IndexError> {
        let known = self.shared.registries.iter().find(|one| one.source == *source);
        match known {
            Some(known) => Ok(known.clone()),
            None => Registry::unnamed(source),
        }
    }

    /// Makes sure that requests to this registry carry its token, where it wants that.
    pub(super) async fn log_in(&self, registry: &Registry) -> Result<(), IndexError> {
        if registry.token.is_some() && !self.shared.client.is_offline() {
            self.config(&registry.source).await?;
        }
        Ok(())
    }

    pub(super) async fn load_config(&self, source: &SourceId) -> Result<Arc<RegistryConfig>, IndexError> {
        let registry = self.registry(source)?;
        let url = registry.url("config.json")?;
        let first = self.fetch_config(&registry, &url).await;
        let config = match (first, &registry.token) {
            (Err(IndexError::Cargo(error)), Some(token)) if error.is_login() => {
                self.add_login(&registry.index, token);
                self.fetch_config(&registry, &url).await?
            }
            (other, _) => other?,
        };
        if config.auth_required {
            let Some(token) = &registry.token else {
                return Err(CargoError::NoToken {
                    name: registry.name.clone(),
                    index: registry.shown(),
                }
                .into());
            };
            self.add_login(&registry.index, token);
            // Downloads want it too, on whatever host they are.
            let folder = config.dl.split('{').next().unwrap_or_default();
            let folder = folder.rsplit_once('/').map_or(folder, |(above, _)| above);
            let whole = if config.dl.contains('{') {
                folder
            } else {
                &config.dl
            };
            if let Ok(folder) = WebUrl::parse(whole) {
                self.add_login(&folder, token);
            }
        }
        Ok(Arc::new(config))
    }

    fn add_login(&self, below: &WebUrl, token: &str) {
        let login = Login::bare(token.to_owned());
        self.shared.client.add_login(below, login, "cargo's credentials");
    }

    async fn fetch_config(&self, registry: &Registry, url: &WebUrl) -> Result<RegistryConfig, IndexError> {
        let request = Request {
            url,
            accept: "application/json, */*;q=0.5",
            bucket: BUCKET,
            freshness: Freshness::Default,
        };
        let failed = |error| match error {
            NetError::Unauthorized { status, sent, .. } => CargoError::Refused {
                what: "its config.json".to_owned(),
                name: registry.name.clone(),
                index: registry.shown(),
                status,
                sent,
            }
            .into(),
            NetError::NotFound { status, .. } => CargoError::Config {
                url: Box::new(url.without_credentials()),
                reason: format!("there is none (HTTP {status})"),
            }
            .into(),
            error => IndexError::net(format!(
                "could not ask the registry `{}` where its crates are",
                registry.name
            ))(error),
        };
        let answer = self.shared.client.get_cached(request).await.map_err(failed)?;
        let bytes = answer.body.bytes().map_err(failed)?;
        RegistryConfig::parse(&bytes).map_err(|error| {
            CargoError::Config {
                url: Box::new(url.without_credentials()),
                reason: error.to_string(),
            }
            .into()
        })
    }
}

pub(super) fn location(error: wharf_core::InvalidUrl) -> IndexError {
    IndexError::Location {
        location: error.text,
        reason: error.reason,
    }
}
