//! Which file of a release suits a target. Each distinct tag set and `requires-python` of a project is judged once.

use std::cmp::Reverse;

use wharf_core::PackageName;
use wharf_ecosystem::pypi::{self, DistName, Tags, Version, VersionSpecifiers, WheelName};

use super::{FileRef, ReleaseRef, Releases};

/// The verdicts on one project's tag sets and Pythons for one target.
#[derive(Clone, Debug)]
pub struct Fit {
    tags: Vec<Option<u32>>,
    requires: Vec<bool>,
}

/// What a release offers a target.
#[derive(Clone, Debug)]
pub enum Pick<'r> {
    /// A wheel: the one with the best tags, of equals the one with the highest build tag.
    Wheel(FileRef<'r>),
    /// Nothing but a source distribution.
    Sdist(FileRef<'r>),
    /// Nothing.
    Nothing(Unfit),
}

/// Why a release offers a target nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Every file that the caller admits is for other Pythons; one of their specifiers.
    Python(VersionSpecifiers),
    /// There are only wheels, and each is for other platforms or interpreters; one of their tag sets.
    Tags(String),
    /// The caller admits none of its files.
    Refused,
    /// It has no files.
    Empty,
}

impl Releases {
    /// Judges every distinct tag set and `requires-python` for a target. `python` is the full version.
    pub fn fit(&self, tags: &Tags, python: &Version) -> Fit {
        let tags = (0..self.tag_sets() as u32).map(|set| tag_priority(tags, self.tag_text(set)));
        let requires = (0..self.requires_sets() as u32).map(|id| {
            self.requires_set(id)
                .is_none_or(|specifiers| pypi::satisfies(specifiers, python))
        });
        Fit {
            tags: tags.collect(),
            requires: requires.collect(),
        }
    }
}

/// Tags are judged on a wheel's name, so a set is given one.
fn stand_in(tag_text: &str) -> Option<WheelName> {
    WheelName::parse_for(&format!("a-0-{tag_text}.whl"), &PackageName::pypi("a").ok()?).ok()
}

fn tag_priority(tags: &Tags, tag_text: &str) -> Option<u32> {
    tags.priority(&stand_in(tag_text)?)
}

impl Fit {
    /// How well a wheel's tags suit the target, higher being better; `None` where they do not, and for source
    /// distributions.
    pub fn priority(&self, file: FileRef<'_>) -> Option<u32> {
        self.tags.get(file.tag_set()? as usize).copied().flatten()
    }

    /// Whether the file's `requires-python` admits the target.
    pub fn admits_python(&self, file: FileRef<'_>) -> bool {
        let verdict = |id| self.requires.get(id as usize).copied();
        file.requires_python_id().and_then(verdict).unwrap_or(true)
    }

    /// The file of `release` to use, among those that `admit` takes (not yanked, not too new, of an allowed format).
    pub fn best<'r>(&self, release: ReleaseRef<'r>, mut admit: impl FnMut(FileRef<'r>) -> bool) -> Pick<'r> {
        let mut unfit = Unfit::Empty;
        let mut wheel: Option<(u32, FileRef<'r>)> = None;
        let mut sdist = None;
        for file in release.files() {
            if !admit(file) {
                if unfit == Unfit::Empty {
                    unfit = Unfit::Refused;
                }
            } else if !self.admits_python(file) {
                unfit = file.requires_python().cloned().map_or(unfit, Unfit::Python);
            } else if !file.is_wheel() {
                sdist = Some(file);
            } else if let Some(priority) = self.priority(file) {
                if wheel.is_none_or(|(best, held)| {
                    priority > best || (priority == best && build_order(file) > build_order(held))
                }) {
                    wheel = Some((priority, file));
                }
            } else if !matches!(unfit, Unfit::Python(_)) {
                unfit = Unfit::Tags(
                    release
                        .releases
                        .tag_text(file.tag_set().unwrap_or_default())
                        .to_owned(),
                );
            }
        }
        match (wheel, sdist) {
            (Some((_, file)), _) => Pick::Wheel(file),
            (None, Some(file)) => Pick::Sdist(file),
            (None, None) => Pick::Nothing(unfit),
        }
    }
}

/// Of wheels with equal tags the highest build tag wins; then the name decides, so that the choice does not depend on
/// the order of the page.
fn build_order(file: FileRef<'_>) -> (Option<pypi::BuildTag>, Reverse<&str>) {
    let build = match DistName::parse(file.filename(), &file.releases.name) {
        Ok(DistName::Wheel(wheel)) => wheel.build,
        Ok(DistName::Sdist(_)) | Err(_) => None,
    };
    (build, Reverse(file.filename()))
}
