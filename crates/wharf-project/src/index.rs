//! Where packages are looked for, and how the network is reached: the outcome of reading every configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use wharf_core::{Origin, PackageName, WebUrl};

/// One package index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexSpec {
    /// Its name, for requirements that ask for it and for its credentials.
    pub name: Option<String>,
    /// Its base URL (the one that lists projects).
    pub url: WebUrl,
    /// Whether only requirements that name it look there.
    pub explicit: bool,
    /// Whether it is the last resort, in place of the public index.
    pub default: bool,
    /// Who says so. What the project says is an input of its lock; what the machine says is not.
    pub declared: Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// Whether a setting belongs to the project or to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    /// A file of the project.
    Project,
    /// The environment, a user's or a system's configuration, or the built-in default.
    Machine,
}

/// A folder or a page that lists archives of any package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindLinks {
    /// Where.
    pub location: FindLinksLocation,
    /// Who says so.
    pub declared: Declared,
    /// Where it is written.
    pub origin: Origin,
}

/// The two kinds of find-links.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindLinksLocation {
    /// A page with links.
    Url(WebUrl),
    /// A folder with archives, or a local page; absolute. It may be missing: that is worth a warning, not an error.
    Path(PathBuf),
}

impl fmt::Display for FindLinksLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindLinksLocation::Url(url) => url.fmt(f),
            FindLinksLocation::Path(path) => path.display().fmt(f),
        }
    }
}

/// Which index wins when several have a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexStrategy {
    /// The first index that has the package at all: a public package cannot stand in for a private one.
    #[default]
    FirstMatch,
    /// The best version of all indexes, as pip does it.
    BestMatch,
}

/// Where packages are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexSettings {
    /// The indexes in the order in which they are asked; the default one last.
    pub indexes: Vec<IndexSpec>,
    /// Folders and pages with archives, asked besides the indexes.
    pub find_links: Vec<FindLinks>,
    /// Whether no index is asked at all.
    pub no_index: bool,
    /// Which index wins.
    pub strategy: IndexStrategy,
}

impl IndexSettings {
    /// The index of this name.
    pub fn named(&self, name: &str) -> Option<&IndexSpec> {
        self.indexes
            .iter()
            .find(|index| index.name.as_deref() == Some(name))
    }
}

/// How the network is reached, as far as files and environment say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkSettings {
    /// A file of certificates to trust instead of the usual ones.
    pub ca_bundle: Option<PathBuf>,
    /// Certificates to trust instead of the usual ones, as PEM text.
    pub ca_pem: Vec<String>,
    /// A file of certificates to trust besides the others.
    pub extra_ca: Option<PathBuf>,
    /// Whether no host's certificate is checked, where anybody says so.
    pub accept_any_certificate: Option<bool>,
    /// A file with a client certificate and its key.
    pub client_cert: Option<PathBuf>,
    /// How long to wait for an answer.
    pub timeout: Option<Duration>,
    /// How often to try again.
    pub retries: Option<u32>,
    /// A proxy for everything.
    pub proxy: Option<WebUrl>,
    /// Hosts that are reached without the proxy, separated by commas.
    pub no_proxy: Option<String>,
    /// Hosts (`host` or `host:port`) whose certificates are not checked.
    pub trusted_hosts: Vec<String>,
    /// Whether the keyring command is asked for passwords.
    pub keyring: bool,
    /// Places to fetch from instead: everything below the first URL comes from below the second. Tried in order.
    pub mirrors: Vec<(WebUrl, WebUrl)>,
    /// Whether the network is not to be used.
    pub offline: bool,
}

/// A choice of packages: none, all, or some by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageSet {
    /// None.
    #[default]
    None,
    /// All but these.
    All {
        /// The exceptions.
        except: BTreeSet<PackageName>,
    },
    /// These.
    Only(BTreeSet<PackageName>),
}

impl PackageSet {
    /// Whether it holds the package.
    pub fn contains(&self, name: &PackageName) -> bool {
        match self {
            PackageSet::None => false,
            PackageSet::All { except } => !except.contains(name),
            PackageSet::Only(names) => names.contains(name),
        }
    }

    /// Adds what a word of the command line says: `:all:`, `:none:` (which empties the set), or a name.
    ///
    /// # Errors
    /// Where it is no package name.
    pub fn add_word(&mut self, word: &str) -> Result<(), wharf_core::InvalidName> {
        match word {
            ":all:" => *self = PackageSet::all(),
            ":none:" => *self = PackageSet::None,
            name => self.add(PackageName::pypi(name)?),
        }
        Ok(())
    }

    /// Adds one package.
    pub(crate) fn add(&mut self, name: PackageName) {
        match self {
            PackageSet::None => *self = PackageSet::Only(BTreeSet::from([name])),
            PackageSet::All { except } => {
                except.remove(&name);
            }
            PackageSet::Only(names) => {
                names.insert(name);
            }
        }
    }

    /// Takes one package out.
    pub(crate) fn remove(&mut self, name: &PackageName) {
        match self {
            PackageSet::None => {}
            PackageSet::All { except } => {
                except.insert(name.clone());
            }
            PackageSet::Only(names) => {
                names.remove(name);
            }
        }
    }

    /// Everything.
    pub(crate) fn all() -> Self {
        PackageSet::All {
            except: BTreeSet::new(),
        }
    }
}

/// Which kinds of archive may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Formats {
    /// Packages that must be built from source.
    pub no_binary: PackageSet,
    /// Packages that must not be built from source.
    pub only_binary: PackageSet,
}

/// When prereleases are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prereleases {
    /// Where nothing else satisfies, or where a requirement names one (PEP 440).
    #[default]
    IfNecessary,
    /// Always.
    Allow,
    /// Never.
    Disallow,
}

/// Which version of those that fit is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolutionMode {
    /// The highest.
    #[default]
    Highest,
    /// The lowest.
    Lowest,
    /// The lowest of the project's own requirements, the highest of the others.
    LowestDirect,
}

/// Words for an enum, both ways; the first is what is printed.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ }) => {
        impl $type {
            /// The words that files write for it.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that files write for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $word),+
                }
            }

            /// The value of a word, `None` for an unknown one.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($type::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use words;

words!(IndexStrategy { FirstMatch = "first-match", BestMatch = "best-match" });
words!(Prereleases { IfNecessary = "if-necessary", Allow = "allow", Disallow = "disallow" });
words!(ResolutionMode { Highest = "highest", Lowest = "lowest", LowestDirect = "lowest-direct" });
