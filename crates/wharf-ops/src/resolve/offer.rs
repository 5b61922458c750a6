//! Which file of a release to use, or why none will do. Invariant: pure; the same files and the same target give the same offer.
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use wharf_core::{Digest, PackageName, Timestamp};
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{BuildTag, Incompatible, Operator, Version, VersionSpecifiers, WheelName};

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
    /// Its wheels are for other Pythons only, and there is no source archive.
    WheelPythons {
        /// Which, sorted, such as `3.8`; odd tags as they are written.
        pythons: Vec<String>,
        /// How they lie to the target's Python.
        side: Side,
    },
    /// Its wheels are for other systems only, and there is no source archive.
    Platform {
        /// Which, sorted, in words.
        offers: Vec<String>,
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
            Self::WheelPythons { pythons, side } => {
                f.write_str("has no source archive and no wheel that fits, only wheels for Python ")?;
                match (&pythons[..], side) {
                    ([only], _) => f.write_str(only),
                    ([.., newest], Side::Older) => write!(f, "{newest} and older"),
                    ([oldest, ..], Side::Newer) => write!(f, "{oldest} and newer"),
                    (all, _) => f.write_str(&listed(all)),
                }
            }
            Self::Platform { offers } => {
                write!(
                    f,
                    "has no source archive and no wheel that fits, only wheels for {}",
                    listed(offers)
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

/// Where some Pythons lie, seen from the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// All before it.
    Older,
    /// All after it.
    Newer,
    /// Anywhere else.
    Around,
}

impl Unfit {
    /// Why none of the wheels with these names will do; there is no source archive.
    fn of_wheels(filenames: &[String], target: &TargetEnvironment) -> Self {
        let mut pythons: Vec<(Option<u8>, String)> = Vec::new();
        let mut platforms: Vec<String> = Vec::new();
        let mut strangers: Vec<String> = Vec::new();
        let tags: Vec<String> = target.tags.iter().collect();
        let own_platforms: BTreeSet<&str> = tags.iter().filter_map(|tag| tag.rsplit('-').next()).collect();
        for wheel in filenames.iter().filter_map(|name| WheelName::parse(name).ok()) {
            match target.tags.explain(&wheel) {
                Some(Incompatible::Python { .. })
                    if !wheel.platform().any(|tag| own_platforms.contains(tag)) =>
                {
                    strangers.push(format!("`{}`", wheel.tag_text()));
                }
                Some(Incompatible::Python { .. } | Incompatible::Abi { .. }) => {
                    pythons.extend(wheel.python().map(python_of_tag));
                }
                Some(Incompatible::Platform { needs, .. } | Incompatible::TooOld { needs, .. }) => {
                    platforms.push(needs);
                }
                None => {}
            }
        }
        // A wheel whose Python fits shows that Python is not what is in the way.
        if !platforms.is_empty() || pythons.is_empty() {
            if platforms.is_empty() {
                platforms = strangers;
            }
            platforms.sort();
            platforms.dedup();
            return Self::Platform { offers: platforms };
        }
        pythons.sort();
        pythons.dedup();
        let own = target.target.python.map(|python| python.minor);
        let all = |fits: &dyn Fn(u8, u8) -> bool| {
            own.is_some_and(|own| {
                pythons
                    .iter()
                    .all(|(minor, _)| minor.is_some_and(|minor| fits(minor, own)))
            })
        };
        let side = if all(&|minor, own| minor < own) {
            Side::Older
        } else if all(&|minor, own| minor > own) {
            Side::Newer
        } else {
            Side::Around
        };
        Self::WheelPythons {
            pythons: pythons.into_iter().map(|(_, words)| words).collect(),
            side,
        }
    }

    /// Reasons of one kind, about one version or several, in one clause.
    pub(crate) fn together(reasons: &[Self], is_one: bool) -> String {
        let merged = reasons
            .iter()
            .skip(1)
            .fold(reasons.first().cloned(), |known, next| {
                known.map(|known| known.with(next))
            });
        let Some(first) = merged else {
            return String::new();
        };
        if let (Self::Python { .. }, true) = (&first, reasons.len() > 1)
            && let Some(weakest) = reasons.iter().min_by_key(|reason| reason.least_python())
        {
            return format!("{} or stricter", weakest.plural());
        }
        let mut texts = vec![if is_one { first.to_string() } else { first.plural() }];
        for reason in reasons.iter().skip(1) {
            let text = match reason {
                Self::WheelPythons { .. } | Self::Platform { .. } => continue,
                Self::Yanked { why } if why.is_empty() => continue,
                Self::Yanked { why } => format!("({why})"),
                _ if is_one => reason.to_string(),
                _ => reason.plural(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let more = texts.len().saturating_sub(4);
        if more > 0 {
            texts.truncate(3);
            texts.push(format!("{} more", more + 1));
        }
        texts.join(" or ")
    }

    /// The oldest Python that a version says it is for.
    pub(crate) fn least_python(&self) -> Option<Version> {
        let Self::Python { requires } = self else {
            return None;
        };
        let specifiers: VersionSpecifiers = requires.parse().ok()?;
        let lower = specifiers.iter().filter(|specifier| {
            !matches!(
                specifier.operator(),
                Operator::LessThan | Operator::LessThanEqual | Operator::NotEqual | Operator::NotEqualStar
            )
        });
        lower.map(|specifier| specifier.version().clone()).max()
    }

    /// Both, where they are lists of the same kind; else this one.
    fn with(self, other: &Self) -> Self {
        let both = |mut all: Vec<String>, more: &[String]| {
            all.extend(more.iter().cloned());
            all.sort_by_key(|text| version_key(text));
            all.dedup();
            all
        };
        match (self, other) {
            (
                Self::WheelPythons { pythons, side },
                Self::WheelPythons {
                    pythons: more,
                    side: other,
                },
            ) => Self::WheelPythons {
                pythons: both(pythons, more),
                side: if side == *other { side } else { Side::Around },
            },
            (Self::Platform { offers }, Self::Platform { offers: more }) => Self::Platform {
                offers: both(offers, more),
            },
            (this, _) => this,
        }
    }

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
                return format!("{plural}{rest}");
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
                    wrong_python(&wheel).unwrap_or_else(|| Unfit::of_wheels(&sorted.misfits, self.target))
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
    /// Names of wheels that do not suit.
    misfits: Vec<String>,
    /// Why files were refused that would otherwise count.
    refused: Option<Unfit>,
    wheels_refused: bool,
    source_refused: bool,
}

impl<V: FileView> Sorted<V> {
    fn add_wheel(&mut self, priority: Option<u32>, file: V) {
        if priority.is_none() && self.misfits.len() < 64 {
            self.misfits.push(file.filename().to_owned());
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

/// The first few of some words.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::from("other systems"),
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [a, b, c] => format!("{a}, {b} and {c}"),
        [a, b, rest @ ..] => format!("{a}, {b} and {} more", rest.len()),
    }
}

/// `cp39` is 3.9; its minor version, for Python 3, and the words.
fn python_of_tag(tag: &str) -> (Option<u8>, String) {
    let digits = tag.trim_start_matches(|c: char| !c.is_ascii_digit());
    match (tag.get(..2), digits.split_at_checked(1)) {
        (Some("cp" | "py"), Some(("3", minor))) if minor.parse::<u8>().is_ok() => {
            (minor.parse().ok(), format!("3.{minor}"))
        }
        // Python 2 lies before everything.
        (Some("cp" | "py"), Some(("2", minor))) => {
            (Some(0), format!("2.{minor}").trim_end_matches('.').to_owned())
        }
        _ => (None, format!("`{tag}`")),
    }
}

/// Sorts `3.9` before `3.10`, and words among themselves.
fn version_key(text: &str) -> (Option<Version>, String) {
    (text.parse().ok(), text.to_owned())
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
