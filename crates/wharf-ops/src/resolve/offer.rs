//! Which file of a release to use, or why none will do. Invariant: pure; the same files and the same target give the same offer.
use std::sync::Arc;

use serde::Serialize;
use wharf_core::{Digest, PackageName, Timestamp};
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{BuildTag, Operator, Version, VersionSpecifiers};

use wharf_project::Prereleases;

use super::problem::{Problem, TargetEnvironment};

/// The files of a release that matter for one target.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where to read what it needs: the wheel to install, or a wheel of another platform beside a source archive, because
    /// reading is cheaper than building and all files of a version are taken to need the same.
    pub read: Arc<File>,
    /// What to install, when it is not the same file.
    pub install: Option<Arc<File>>,
}

impl Offer {
    /// The file to install.
    pub fn installed(&self) -> &Arc<File> {
        self.install.as_ref().unwrap_or(&self.read)
    }
}

/// As much of a file as judging it takes, so that an index need not build whole [`File`]s of what is not chosen.
pub trait FileView {
    /// Its name.
    fn filename(&self) -> &str;
    /// Whether it is a wheel.
    fn is_wheel(&self) -> bool;
    /// How well a wheel's tags suit the target; `None` where they do not.
    fn priority(&self, target: &TargetEnvironment) -> Option<u32>;
    /// A wheel's build tag.
    fn build(&self) -> Option<BuildTag>;
    /// A wheel's tags as written.
    fn tag_text(&self) -> String;
    /// The Python versions that it is for.
    fn requires_python(&self) -> Option<&VersionSpecifiers>;
    /// Whether and why it was withdrawn.
    fn yanked(&self) -> Option<&str>;
    /// When it was uploaded.
    fn upload_time(&self) -> Option<Timestamp>;
    /// What its bytes hash to, as the index says.
    fn digests(&self) -> Vec<Digest>;
    /// The whole file.
    fn open(self) -> Option<Arc<File>>;
}

impl FileView for Arc<File> {
    fn filename(&self) -> &str {
        &self.filename
    }

    fn is_wheel(&self) -> bool {
        self.dist.as_wheel().is_some()
    }

    fn priority(&self, target: &TargetEnvironment) -> Option<u32> {
        target.tags.priority(self.dist.as_wheel()?)
    }

    fn build(&self) -> Option<BuildTag> {
        self.dist.as_wheel().and_then(|wheel| wheel.build.clone())
    }

    fn tag_text(&self) -> String {
        self.dist
            .as_wheel()
            .map(|wheel| wheel.tag_text().to_owned())
            .unwrap_or_default()
    }

    fn requires_python(&self) -> Option<&VersionSpecifiers> {
        self.requires_python.as_ref()
    }

    fn yanked(&self) -> Option<&str> {
        self.yanked.as_deref()
    }

    fn digests(&self) -> Vec<Digest> {
        self.digests.clone()
    }

    fn upload_time(&self) -> Option<Timestamp> {
        self.upload_time
    }

    fn open(self) -> Option<Arc<File>> {
        Some(self)
    }
}

/// Why a version cannot be used on a target. In words by `Display`, as data for `--format json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Unfit {
    /// The index withdrew it.
    Yanked {
        /// The index's words; may be empty.
        why: String,
    },
    /// Uploaded after the cutoff.
    TooNew {
        /// Whose rule.
        rule: String,
    },
    /// It says that it needs another Python.
    Python {
        /// What it says.
        requires: String,
    },
    /// No wheel fits the platform, and there is no source archive.
    Platform {
        /// What its wheels are for, most telling part first.
        offers: String,
    },
    /// Only source archives, which are not allowed.
    OnlySource,
    /// Only wheels, which are not allowed.
    OnlyWheels,
    /// A prerelease, which are not allowed.
    Prerelease,
    /// No file of a known kind.
    NoFiles,
    /// No file has a hash that the project demands.
    Hash {
        /// Where the hashes are written.
        origin: String,
    },
    /// What it needs could not be read.
    Broken {
        /// Why.
        why: String,
    },
    /// It needs something by direct reference that nothing else asks for.
    ForeignReference {
        /// The requirement.
        requirement: String,
    },
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yanked { why } if why.is_empty() => f.write_str("was yanked"),
            Self::Yanked { why } => write!(f, "was yanked ({why})"),
            Self::TooNew { rule } => write!(f, "is newer than {rule} allows"),
            Self::Python { requires } => write!(f, "is for Python {requires}"),
            Self::Platform { offers } => {
                write!(
                    f,
                    "has no source archive and no wheel for this platform (its wheels: {offers})"
                )
            }
            Self::OnlySource => {
                f.write_str("has no wheel that fits, and building from source is not allowed")
            }
            Self::OnlyWheels => f.write_str("has no source archive, and wheels are not allowed"),
            Self::Prerelease => f.write_str("is a prerelease, and those are not allowed"),
            Self::NoFiles => f.write_str("has no file that could be installed"),
            Self::Hash { origin } => write!(f, "has no file with a hash that {origin} lists"),
            Self::Broken { why } => write!(f, "cannot be read: {why}"),
            Self::ForeignReference { requirement } => {
                write!(
                    f,
                    "needs `{requirement}`, a direct reference that only the project itself may make"
                )
            }
        }
    }
}

impl Unfit {
    /// The same about several versions.
    pub(crate) fn plural(&self) -> String {
        let one = self.to_string();
        for (singular, plural) in [
            ("is a prerelease", "are prereleases"),
            ("is ", "are "),
            ("was ", "were "),
            ("has ", "have "),
            ("needs ", "need "),
        ] {
            if let Some(rest) = one.strip_prefix(singular) {
                return format!("{plural}{rest}").replace("(its wheels:", "(their wheels:");
            }
        }
        one
    }
}

/// The rules by which files of one version are judged.
pub struct Judge<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) target: &'a TargetEnvironment,
    pub(crate) name: &'a PackageName,
    pub(crate) version: &'a Version,
    pub(crate) may_be_yanked: bool,
}

impl Judge<'_> {
    /// What is judged for.
    pub fn target(&self) -> &TargetEnvironment {
        self.target
    }

    /// Chooses among the files of one version: the best wheel, else the source archive.
    ///
    /// # Errors
    /// The most telling reason for which none will do.
    pub fn choose<V: FileView>(&self, files: impl IntoIterator<Item = V>) -> Result<Offer, Unfit> {
        if self.problem.prereleases == Prereleases::Disallow && self.version.any_prerelease() {
            return Err(Unfit::Prerelease);
        }
        let sorted = self.sort(files);
        let python = &self.target.python;
        let wrong_python = |file: &V| {
            file.requires_python()
                .filter(|requires| !admits(requires, python))
                .map(|requires| Unfit::Python {
                    requires: requires.to_string(),
                })
        };
        let (read, install) = match (sorted.wheel, sorted.sdist) {
            (Some((Some(_), wheel)), _) => (wheel, None),
            (Some((None, wheel)), Some(sdist)) => (wheel, Some(sdist)),
            (None, Some(sdist)) => (sdist, None),
            (Some((None, wheel)), None) => {
                // Wheels for other Pythons or platforms only: say which.
                return Err(if sorted.source_refused {
                    Unfit::OnlySource
                } else {
                    wrong_python(&wheel).unwrap_or_else(|| Unfit::Platform {
                        offers: listed(sorted.misfits),
                    })
                });
            }
            (None, None) => {
                return Err(
                    match (sorted.refused, sorted.source_refused, sorted.wheels_refused) {
                        (Some(reason), _, _) => reason,
                        (None, true, _) => Unfit::OnlySource,
                        (None, false, true) => Unfit::OnlyWheels,
                        (None, false, false) => Unfit::NoFiles,
                    },
                );
            }
        };
        if let Some(reason) = wrong_python(install.as_ref().unwrap_or(&read)) {
            return Err(reason);
        }
        Ok(Offer {
            read: read.open().ok_or(Unfit::NoFiles)?,
            install: install
                .map(|file| file.open().ok_or(Unfit::NoFiles))
                .transpose()?,
        })
    }

    fn sort<V: FileView>(&self, files: impl IntoIterator<Item = V>) -> Sorted<V> {
        let wheels_allowed = !self.problem.no_binary.contains(self.name);
        let source_allowed = !self.problem.only_binary.contains(self.name);
        let demanded = self.problem.hashes.get(self.name);
        let mut sorted = Sorted {
            wheel: None,
            sdist: None,
            misfits: Vec::new(),
            refused: None,
            wheels_refused: false,
            source_refused: false,
        };
        for file in files {
            if let (Some(cutoff), Some(uploaded)) = (&self.problem.cutoff, file.upload_time())
                && uploaded > cutoff.at
            {
                sorted.refused = Some(Unfit::TooNew {
                    rule: cutoff.rule.clone(),
                });
            } else if let (Some(why), false) = (file.yanked(), self.may_be_yanked) {
                let yanked = Unfit::Yanked { why: why.to_owned() };
                sorted.refused.get_or_insert(yanked);
            } else if let Some(demanded) = demanded
                && !file
                    .digests()
                    .iter()
                    .any(|digest| demanded.digests.contains(digest))
            {
                let origin = demanded.origin.to_string();
                sorted.refused.get_or_insert(Unfit::Hash { origin });
            } else if file.is_wheel() {
                if wheels_allowed {
                    sorted.add_wheel(file.priority(self.target), file);
                } else {
                    sorted.wheels_refused = true;
                }
            } else if source_allowed {
                // Of several archives of the same source, the usual format, then the first name.
                let rank = |file: &V| (!file.filename().ends_with(".tar.gz"), file.filename().to_owned());
                if sorted
                    .sdist
                    .as_ref()
                    .is_none_or(|known| rank(&file) < rank(known))
                {
                    sorted.sdist = Some(file);
                }
            } else {
                sorted.source_refused = true;
            }
        }
        sorted
    }
}

/// The files of a version, sorted by what they are good for.
struct Sorted<V> {
    /// The best wheel and how well it suits; `None` where no wheel suits.
    wheel: Option<(Option<u32>, V)>,
    sdist: Option<V>,
    /// Tags of wheels that do not suit.
    misfits: Vec<String>,
    /// Why files were refused that would otherwise count.
    refused: Option<Unfit>,
    wheels_refused: bool,
    source_refused: bool,
}

impl<V: FileView> Sorted<V> {
    fn add_wheel(&mut self, priority: Option<u32>, file: V) {
        if priority.is_none() && self.misfits.len() < 64 {
            self.misfits.push(file.tag_text());
        }
        let better = match &self.wheel {
            None => true,
            Some((best, known)) => {
                priority > *best
                    || priority == *best
                        && priority.is_some()
                        && (file.build(), known.filename()) > (known.build(), file.filename())
            }
        };
        if better {
            self.wheel = Some((priority, file));
        }
    }
}

fn listed(mut offers: Vec<String>) -> String {
    offers.sort();
    offers.dedup();
    let more = offers.len().saturating_sub(3);
    offers.truncate(3);
    match more {
        0 => offers.join(", "),
        more => format!("{} and {more} more", offers.join(", ")),
    }
}

/// Whether a Python is at least as new as `Requires-Python` wants. Upper bounds do not count: they are guesses about a future
/// that the author had not seen, and honouring them makes a solver reach for ancient versions that had not yet learned to
/// state them. (uv judges in the same way.)
pub(crate) fn admits(requires: &VersionSpecifiers, python: &Version) -> bool {
    let python = python.only_release();
    requires.iter().all(|specifier| {
        let bound = specifier.version().only_release();
        match specifier.operator() {
            Operator::GreaterThanEqual
            | Operator::TildeEqual
            | Operator::Equal
            | Operator::EqualStar
            | Operator::ExactEqual => python >= bound,
            Operator::GreaterThan => python > bound,
            Operator::LessThan | Operator::LessThanEqual | Operator::NotEqual | Operator::NotEqualStar => {
                true
            }
        }
    })
}
