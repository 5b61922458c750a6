//! Which file of a release to use, or why none will do. Invariant: pure; the same files and the same target give the same offer.
use std::sync::Arc;

use serde::Serialize;
use wharf_core::PackageName;
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{DistName, Operator, Version, VersionSpecifiers, WheelName};

use super::problem::{Prereleases, Problem, TargetEnvironment};

/// The files of a release that matter for one target.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// Where to read what it needs: the wheel to install, or a wheel of another platform beside a source archive, because
    /// reading is cheaper than building and all files of a version are taken to need the same.
    pub(crate) read: Arc<File>,
    /// What to install, when it is not the same file.
    pub(crate) install: Option<Arc<File>>,
}

impl Offer {
    pub(crate) fn installed(&self) -> &Arc<File> {
        self.install.as_ref().unwrap_or(&self.read)
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
            Self::Yanked { why } if why.is_empty() => f.write_str("yanked"),
            Self::Yanked { why } => write!(f, "yanked ({why})"),
            Self::TooNew { rule } => write!(f, "newer than {rule} allows"),
            Self::Python { requires } => write!(f, "for Python {requires}"),
            Self::Platform { offers } => write!(f, "without a wheel for this platform or a source archive ({offers})"),
            Self::OnlySource => f.write_str("without a wheel, and building from source is not allowed"),
            Self::OnlyWheels => f.write_str("without a source archive, and wheels are not allowed"),
            Self::Prerelease => f.write_str("a prerelease, and those are not allowed"),
            Self::NoFiles => f.write_str("without any file that could be installed"),
            Self::Broken { why } => write!(f, "unreadable: {why}"),
            Self::ForeignReference { requirement } => {
                write!(f, "needs `{requirement}`, a direct reference that only the project itself may make")
            }
        }
    }
}

/// Chooses among the files of one version.
pub(crate) fn offer(
    problem: &Problem,
    target: &TargetEnvironment,
    name: &PackageName,
    version: &Version,
    may_be_yanked: bool,
    files: Vec<Arc<File>>,
) -> Result<Offer, Unfit> {
    if problem.prereleases == Prereleases::Disallow && version.any_prerelease() {
        return Err(Unfit::Prerelease);
    }
    let wheels_allowed = !problem.no_binary.includes(name);
    let source_allowed = !problem.only_binary.includes(name);
    let (mut seen, mut too_new, mut yanked) = (false, None, None);
    let mut best_wheel: Option<(Option<u32>, Arc<File>)> = None;
    let mut sdist: Option<Arc<File>> = None;
    let (mut wheels_refused, mut source_refused) = (false, false);
    let mut offers: Vec<String> = Vec::new();
    for file in files {
        seen = true;
        if let (Some(cutoff), Some(uploaded)) = (&problem.cutoff, file.upload_time)
            && uploaded > cutoff.at
        {
            too_new = Some(Unfit::TooNew {
                rule: cutoff.rule.clone(),
            });
            continue;
        }
        if let (Some(why), false) = (&file.yanked, may_be_yanked) {
            yanked = Some(Unfit::Yanked { why: why.clone() });
            continue;
        }
        match &file.dist {
            DistName::Wheel(_) if !wheels_allowed => wheels_refused = true,
            DistName::Wheel(wheel) => {
                let priority = target.tags.priority(wheel);
                if priority.is_none() {
                    offers.push(tags_of(wheel));
                }
                if best_wheel.as_ref().is_none_or(|(best, known)| {
                    (priority, build_of(wheel)) > (*best, known.dist.as_wheel().and_then(build_of))
                }) {
                    best_wheel = Some((priority, file));
                }
            }
            DistName::Sdist(_) if !source_allowed => source_refused = true,
            DistName::Sdist(_) => {
                // Of several archives of the same source, the first in the order of their names.
                if sdist.as_ref().is_none_or(|known| preferred_format(&file) < preferred_format(known)) {
                    sdist = Some(file);
                }
            }
        }
    }
    let chosen = match (best_wheel, sdist) {
        (Some((Some(_), wheel)), _) => Offer {
            read: wheel,
            install: None,
        },
        (Some((None, wheel)), Some(sdist)) => Offer {
            read: wheel,
            install: Some(sdist),
        },
        (None, Some(sdist)) => Offer {
            read: sdist,
            install: None,
        },
        (Some((None, wheel)), None) => {
            // A wheel for another Python, or for another platform: say which.
            if source_refused {
                return Err(Unfit::OnlySource);
            }
            if let Some(requires) = &wheel.requires_python
                && !admits(requires, &target.python)
            {
                return Err(Unfit::Python {
                    requires: requires.to_string(),
                });
            }
            offers.sort();
            offers.dedup();
            let more = offers.len().saturating_sub(3);
            offers.truncate(3);
            let mut offers = offers.join(", ");
            if more > 0 {
                offers.push_str(&format!(" and {more} more"));
            }
            return Err(Unfit::Platform { offers });
        }
        (None, None) => {
            return Err(if let Some(too_new) = too_new {
                too_new
            } else if let Some(yanked) = yanked {
                yanked
            } else if source_refused {
                Unfit::OnlySource
            } else if wheels_refused {
                Unfit::OnlyWheels
            } else {
                debug_assert!(!seen, "every file is either refused or taken");
                Unfit::NoFiles
            });
        }
    };
    match &chosen.installed().requires_python {
        Some(requires) if !admits(requires, &target.python) => Err(Unfit::Python {
            requires: requires.to_string(),
        }),
        _ => Ok(chosen),
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
            Operator::LessThan | Operator::LessThanEqual | Operator::NotEqual | Operator::NotEqualStar => true,
        }
    })
}

fn tags_of(wheel: &WheelName) -> String {
    wheel.tag_text().to_owned()
}

fn build_of(wheel: &WheelName) -> Option<wharf_ecosystem::pypi::BuildTag> {
    wheel.build.clone()
}

fn preferred_format(file: &File) -> (bool, &str) {
    (!file.filename.ends_with(".tar.gz"), &file.filename)
}
