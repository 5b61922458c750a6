//! What can go wrong with npm packages in particular. Invariant: every error names the package, and the registry or
//! file that it was looked for in.

use std::sync::Arc;

use wharf_core::{Explain, Fault, PackageName, WebUrl};

use crate::error::IndexError;

/// A failed look-up of an npm package.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NpmError {
    /// The registry has no such package.
    #[error("no package `{name}` was found: {registry} does not have it")]
    Unknown {
        /// The package.
        name: PackageName,
        /// The registry that was asked.
        registry: WebUrl,
        /// Whether that registry is the one for the package's scope alone.
        scoped: bool,
        /// Names that are spelled alike, nearest first.
        near: Vec<String>,
    },
    /// The registry wants a login, or another one.
    #[error("{registry} refused access to `{name}` (HTTP {status}); {}", sent_words(*.sent))]
    Refused {
        /// The package.
        name: PackageName,
        /// The registry, or the host of the archive.
        registry: WebUrl,
        /// 401, 403 or 407.
        status: u16,
        /// Where the login that was sent came from.
        sent: Option<&'static str>,
    },
    /// The registry answered something that is no packument.
    #[error("{url} is no package document: {reason}")]
    Packument {
        /// What was asked for.
        url: Box<WebUrl>,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The packument has no such version.
    #[error("`{name}` has no version {version}")]
    NoVersion {
        /// The package.
        name: PackageName,
        /// The version.
        version: String,
    },
    /// What a version says of itself cannot be used.
    #[error("what {what} says of itself is unusable: {reason}")]
    Manifest {
        /// The package and version, or the place.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// A local folder or archive that is not there or cannot be used.
    #[error("`{path}` cannot be used as a package: {reason}")]
    Local {
        /// As written.
        path: String,
        /// Why.
        reason: String,
    },
    /// An archive outside of registries that holds no package.
    #[error("`{place}` is no archive of a package: {reason}")]
    Archive {
        /// The path as written, or the URL.
        place: String,
        /// Why.
        reason: String,
        /// Whether it is a file of this machine.
        is_local: bool,
    },
    /// No tag of a repository satisfies the range that was asked for.
    #[error("{url} has no tag whose version satisfies `{range}`{}", tag_words(.nearest))]
    NoTag {
        /// The repository.
        url: Box<WebUrl>,
        /// The range.
        range: String,
        /// The highest versions that it has tags for.
        nearest: Vec<String>,
    },
    /// Something that is looked up elsewhere.
    #[error("`{spec}` is no place that a package could be fetched from")]
    NotDirect {
        /// The specifier.
        spec: String,
    },
}

fn sent_words(sent: Option<&'static str>) -> String {
    match sent {
        Some(place) => format!("the login from {place} was not accepted"),
        None => "no login is known for it".to_owned(),
    }
}

fn tag_words(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        versions => format!(" (the highest are {})", versions.join(", ")),
    }
}

impl NpmError {
    pub(super) fn no_version(name: &PackageName, version: &str) -> IndexError {
        NpmError::NoVersion {
            name: name.clone(),
            version: version.to_owned(),
        }
        .into()
    }

    pub(super) fn local(path: &str, reason: impl Into<String>) -> IndexError {
        NpmError::Local {
            path: path.to_owned(),
            reason: reason.into(),
        }
        .into()
    }

    fn hint(&self) -> String {
        match self {
            NpmError::Unknown {
                name,
                registry,
                scoped,
                near,
            } => unknown_hint(name, registry, *scoped, near),
            NpmError::Refused {
                name,
                registry,
                status,
                sent,
            } => refused_hint(name, registry, *status, sent.is_some()),
            NpmError::Packument { url, .. } => format!(
                "check that the registry of {} is what `registry` in .npmrc or wharf.toml says; a proxy or a login page may answer in its place",
                url.as_url().host_str().unwrap_or("the package")
            ),
            NpmError::NoVersion { name, .. } => {
                format!(
                    "`wharf info npm:{name}` shows the versions that there are; `wharf lock --upgrade-package npm:{name}` chooses another"
                )
            }
            NpmError::Manifest { .. } => {
                "choose another version of the package, or report it to its authors".to_owned()
            }
            NpmError::Local { .. } => {
                "check the path: it is relative to the package.json that names it".to_owned()
            }
            NpmError::Archive {
                place,
                is_local: true,
                ..
            } => format!(
                "put the whole archive there again (`npm pack` makes one of a package's folder; `tar -tf {place}` lists what a whole one holds), or name a folder"
            ),
            NpmError::Archive { .. } => {
                "check that the URL leads to the archive itself, and not to a page about it".to_owned()
            }
            NpmError::NoTag { .. } => "ask for a tag or commit by name (`#v1.2.3`)".to_owned(),
            NpmError::NotDirect { .. } => "write a version range, a URL, a repository or a path".to_owned(),
        }
    }
}

fn unknown_hint(name: &PackageName, registry: &WebUrl, scoped: bool, near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    if !quoted.is_empty() {
        return format!("did you mean {}?", quoted.join(" or "));
    }
    match name.as_str().split_once('/') {
        // Registries hide private packages from strangers behind the same answer.
        Some(_) if scoped => format!(
            "check the spelling; if the package is private, put `{}` into .npmrc",
            token_key(registry)
        ),
        Some((scope, _)) => format!(
            "check the spelling; if `{scope}` lives on a registry of its own, put `{scope}:registry=…` into .npmrc; if the package is private, `{}`",
            token_key(registry)
        ),
        None => "check the spelling".to_owned(),
    }
}

fn refused_hint(name: &PackageName, registry: &WebUrl, status: u16, sent: bool) -> String {
    let key = token_key(registry);
    match (sent, name.as_str().split_once('/')) {
        (true, _) if status == 403 => format!(
            "the login is known but may not read `{name}`: ask its owners, or check `{key}` in .npmrc"
        ),
        (true, _) => format!("renew the token: `{key}` in .npmrc"),
        (false, Some((scope, _))) => format!(
            "put `{key}` into .npmrc (and `{scope}:registry=…` if `{scope}` lives on another registry)"
        ),
        (false, None) => format!("put `{key}` into .npmrc"),
    }
}

/// The key of an `.npmrc` under which the token of a registry stands: `//host/path/:_authToken=…`.
pub(super) fn token_key(registry: &WebUrl) -> String {
    let url = registry.as_url();
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("//{host}{port}{path}/:_authToken=…")
}

impl From<NpmError> for IndexError {
    fn from(error: NpmError) -> Self {
        IndexError::Npm(Arc::new(error))
    }
}

impl Explain for NpmError {
    fn code(&self) -> &'static str {
        match self {
            NpmError::Unknown { .. } => "npm/unknown-package",
            NpmError::Refused { .. } => "npm/unauthorized",
            NpmError::Packument { .. } => "npm/packument",
            NpmError::NoVersion { .. } => "npm/no-version",
            NpmError::Manifest { .. } => "npm/manifest",
            NpmError::Local { .. } => "npm/local",
            NpmError::Archive { .. } => "npm/archive",
            NpmError::NoTag { .. } => "npm/no-tag",
            NpmError::NotDirect { .. } => "npm/not-direct",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            NpmError::Unknown { .. }
            | NpmError::NoVersion { .. }
            | NpmError::Local { .. }
            | NpmError::Archive { is_local: true, .. }
            | NpmError::NoTag { .. }
            | NpmError::NotDirect { .. } => Fault::User,
            NpmError::Refused { .. }
            | NpmError::Packument { .. }
            | NpmError::Manifest { .. }
            | NpmError::Archive { is_local: false, .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::Ecosystem;

    fn name(text: &str) -> PackageName {
        PackageName::new(Ecosystem::Npm, text).unwrap()
    }

    #[test]
    fn hints_name_the_key() {
        let registry = WebUrl::parse("https://npm.example.org:8443/team/").unwrap();
        let refused = |package: &str, status, sent| {
            let error = NpmError::Refused {
                name: name(package),
                registry: registry.clone(),
                status,
                sent,
            };
            error.hints().remove(0)
        };
        let key = "//npm.example.org:8443/team/:_authToken=…";
        assert_eq!(
            refused("@acme/a", 401, None),
            format!("put `{key}` into .npmrc (and `@acme:registry=…` if `@acme` lives on another registry)")
        );
        assert_eq!(
            refused("a", 401, Some("the settings")),
            format!("renew the token: `{key}` in .npmrc")
        );
        assert!(refused("a", 403, Some("the settings")).contains("may not read `a`"));
    }

    #[test]
    fn near_names_come_first() {
        let unknown = |package: &str, scoped, near: &[&str]| {
            let error = NpmError::Unknown {
                name: name(package),
                registry: WebUrl::parse("https://npm.example.org/").unwrap(),
                scoped,
                near: near.iter().map(|name| (*name).to_owned()).collect(),
            };
            error.hints().remove(0)
        };
        assert_eq!(unknown("raect", false, &["react"]), "did you mean `react`?");
        assert_eq!(unknown("raect", false, &[]), "check the spelling");
        assert!(unknown("@acme/x", false, &[]).contains("`@acme:registry=…`"));
        assert!(!unknown("@acme/x", true, &[]).contains("@acme:registry"));
    }
}
