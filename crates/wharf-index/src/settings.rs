//! Where packages come from: the small part of the configuration that this crate needs.

use std::path::PathBuf;

use wharf_core::WebUrl;

/// How several indexes are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The first index that knows a name answers for it alone, so that nobody can publish a higher version of a
    /// private package elsewhere ("dependency confusion").
    #[default]
    FirstMatch,
    /// Every index is asked and the versions are merged. Only for indexes that are all trusted alike.
    BestMatch,
}

/// One package index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexLocation {
    /// Its name in the configuration.
    pub name: Option<String>,
    /// Its root, such as `https://index.example.org/simple/`; credentials in it are used and never shown.
    pub url: WebUrl,
    /// Used only for packages that name it.
    pub explicit: bool,
    /// Asked after all others.
    pub default: bool,
}

impl IndexLocation {
    /// An index without a name.
    pub fn new(url: WebUrl) -> Self {
        Self {
            name: None,
            url,
            explicit: false,
            default: false,
        }
    }

    /// What it is called in messages: its name, else its URL.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("`{name}` ({})", self.url),
            None => self.url.to_string(),
        }
    }

    /// The page of one project, always with a trailing slash: without it many servers redirect.
    pub(crate) fn page(&self, name: &str) -> Result<WebUrl, wharf_core::InvalidUrl> {
        let mut root = self.url.as_url().clone();
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        WebUrl::from(root).join(&format!("{name}/"))
    }
}

/// Every place to look for packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations {
    /// The project's root: what relative paths are relative to.
    pub root: PathBuf,
    /// The indexes, in the order of the configuration.
    pub indexes: Vec<IndexLocation>,
    /// Folders and pages of archives: paths or URLs.
    pub find_links: Vec<String>,
    /// Whether only `find_links` are used.
    pub no_index: bool,
    /// How several indexes are combined.
    pub strategy: Strategy,
}

impl Locations {
    /// The indexes to ask for a package that names none, in order.
    pub(crate) fn implicit(&self) -> impl Iterator<Item = &IndexLocation> {
        let usable = |index: &&IndexLocation| !self.no_index && !index.explicit;
        let first = self.indexes.iter().filter(usable).filter(|index| !index.default);
        first.chain(self.indexes.iter().filter(usable).filter(|index| index.default))
    }

    /// The index that is called `name` or has this URL.
    pub(crate) fn named(&self, name: &str) -> Option<&IndexLocation> {
        let by_name = self
            .indexes
            .iter()
            .find(|index| index.name.as_deref() == Some(name));
        by_name.or_else(|| {
            let same = |index: &&IndexLocation| {
                let shown = index.url.to_string();
                shown.trim_end_matches('/') == name.trim_end_matches('/')
            };
            self.indexes.iter().find(same)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(url: &str) -> IndexLocation {
        IndexLocation::new(WebUrl::parse(url).unwrap())
    }

    #[test]
    fn pages_have_one_slash_between_and_one_behind() {
        for root in ["https://example.org/simple", "https://example.org/simple/"] {
            assert_eq!(
                index(root).page("six").unwrap().expose(),
                "https://example.org/simple/six/"
            );
        }
        let private = index("https://me:pw@example.org/simple").page("six").unwrap();
        assert_eq!(private.expose(), "https://me:pw@example.org/simple/six/");
    }

    #[test]
    fn the_default_comes_last_and_explicit_ones_not_at_all() {
        let mut locations = Locations {
            indexes: vec![
                IndexLocation {
                    default: true,
                    ..index("https://a.example.org/")
                },
                IndexLocation {
                    explicit: true,
                    name: Some("torch".into()),
                    ..index("https://b.example.org/")
                },
                index("https://c.example.org/"),
            ],
            ..Locations::default()
        };
        let order: Vec<_> = locations.implicit().map(|index| index.url.to_string()).collect();
        assert_eq!(order, ["https://c.example.org/", "https://a.example.org/"]);
        assert_eq!(
            locations.named("torch").unwrap().url.to_string(),
            "https://b.example.org/"
        );
        assert!(locations.named("https://b.example.org").is_some());
        assert!(locations.named("nothing").is_none());
        locations.no_index = true;
        assert_eq!(locations.implicit().count(), 0);
    }
}
