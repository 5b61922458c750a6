//! Which registry answers for a package, and where it keeps the package's document and archives.
//! Source: npm's documentation of `registry` and `@scope:registry` in `.npmrc`; the registry's "package metadata" page.

use std::collections::BTreeMap;

use wharf_core::{InvalidUrl, PackageName, WebUrl};

/// The registries of a project: one by default, others for scopes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registries {
    /// For every package whose scope names no other.
    pub default: WebUrl,
    /// By scope, with its `@`.
    pub scopes: BTreeMap<String, WebUrl>,
}

impl Registries {
    /// One registry for everything.
    pub fn new(default: WebUrl) -> Self {
        Self {
            default,
            scopes: BTreeMap::new(),
        }
    }

    /// The same with another registry for a scope (`@scope`).
    #[must_use]
    pub fn with_scope(mut self, scope: &str, registry: WebUrl) -> Self {
        self.scopes.insert(scope.to_owned(), registry);
        self
    }

    /// The registry that answers for a package.
    pub fn registry_for(&self, name: &PackageName) -> &WebUrl {
        scope(name.as_str())
            .and_then(|scope| self.scopes.get(scope))
            .unwrap_or(&self.default)
    }

    /// Where a package's document is.
    ///
    /// # Errors
    /// Where the registry's URL takes no path.
    pub fn packument_url(&self, name: &PackageName) -> Result<WebUrl, InvalidUrl> {
        let escaped = name.as_str().replacen('/', "%2f", 1);
        below(self.registry_for(name), &escaped)
    }

    /// Whether a URL is the usual one of a version's archive, so that it need not be written down.
    pub fn is_default_tarball(&self, url: &str, name: &PackageName, version: &str) -> bool {
        let registry = self.registry_for(name);
        let is_plain = !registry.has_credentials() && registry.as_url().query().is_none();
        match url.strip_suffix(&tarball_path(name, version)) {
            // Nearly always: a resolution asks for every package, and building URLs costs more than the rest of it.
            Some(folder) if is_plain => {
                folder.strip_suffix('/') == Some(registry.expose().trim_end_matches('/'))
            }
            _ => {
                let usual = default_tarball(registry, name, version);
                usual.is_ok_and(|usual| usual.without_credentials().expose() == url)
            }
        }
    }
}

/// Where a registry usually keeps the archive of a version: `<registry>/<name>/-/<bare name>-<version>.tgz`.
///
/// # Errors
/// Where the registry's URL takes no path.
pub fn default_tarball(registry: &WebUrl, name: &PackageName, version: &str) -> Result<WebUrl, InvalidUrl> {
    below(registry, &tarball_path(name, version))
}

fn tarball_path(name: &PackageName, version: &str) -> String {
    let name = name.as_str();
    let bare = name.rsplit_once('/').map_or(name, |(_, bare)| bare);
    // Build metadata is no part of a published version.
    let version = version.split('+').next().unwrap_or(version);
    format!("{name}/-/{bare}-{version}.tgz")
}

/// The scope of a name, with its `@`.
pub fn scope(name: &str) -> Option<&str> {
    let (scope, _) = name.split_once('/')?;
    scope.starts_with('@').then_some(scope)
}

/// A path below a registry, whether or not its URL ends with a slash.
fn below(registry: &WebUrl, path: &str) -> Result<WebUrl, InvalidUrl> {
    let mut url = registry.as_url().clone();
    url.set_query(None);
    url.set_fragment(None);
    let folder = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{folder}/{path}"));
    // A path never changes the origin, so that credentials stay where they belong.
    WebUrl::parse(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::Ecosystem;

    fn registries() -> Registries {
        let url = |text| WebUrl::parse(text).unwrap();
        Registries::new(url("https://npm.example.org"))
            .with_scope("@work", url("https://private.example.org/npm/"))
    }

    #[test]
    fn urls_of_documents_and_archives() {
        for (name, version, document, tarball) in [
            (
                "react",
                "19.0.0",
                "https://npm.example.org/react",
                "https://npm.example.org/react/-/react-19.0.0.tgz",
            ),
            (
                "@types/node",
                "22.0.0",
                "https://npm.example.org/@types%2fnode",
                "https://npm.example.org/@types/node/-/node-22.0.0.tgz",
            ),
            (
                "@work/ui",
                "1.0.0+build",
                "https://private.example.org/npm/@work%2fui",
                "https://private.example.org/npm/@work/ui/-/ui-1.0.0.tgz",
            ),
        ] {
            let (registries, name) = (registries(), PackageName::new(Ecosystem::Npm, name).unwrap());
            assert_eq!(registries.packument_url(&name).unwrap().expose(), document);
            assert!(registries.is_default_tarball(tarball, &name, version));
            for other in [
                "https://cdn.example.org/x.tgz".to_owned(),
                tarball.replace("/-/", "/-//"),
                tarball.replace("example.org/", "example.org/more/"),
                tarball.replace("example.org/", "example.org//"),
                format!("{tarball}#x"),
            ] {
                assert!(!registries.is_default_tarball(&other, &name, version), "{other}");
            }
        }
    }

    #[test]
    fn credentials_of_a_registry_are_no_part_of_the_usual_url() {
        let url = WebUrl::parse("https://me:secret@npm.example.org/").unwrap();
        let name = PackageName::new(Ecosystem::Npm, "a").unwrap();
        let registries = Registries::new(url);
        assert!(registries.is_default_tarball("https://npm.example.org/a/-/a-1.0.0.tgz", &name, "1.0.0"));
        assert!(registries.packument_url(&name).unwrap().has_credentials());
    }
}
