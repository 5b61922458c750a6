//! A problem seen from one target: which requirements apply, what replaces them, what is allowed. Invariant: pure.
use rustc_hash::FxHashMap;
use std::sync::Arc;
use wharf_core::PackageName;
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{
    ExtraName, Operator, Requirement, Version, VersionOrUrl, VersionSpecifiers, package_name,
};
use wharf_solve::Pull;

use super::fetch::{Builds, Listing};
use super::offer::{Judge, Offer, Unfit};
use wharf_project::{Prereleases, ResolutionMode};

use super::problem::{Asked, Problem, TargetEnvironment};
use super::source::{Direct, Dist, Needs, Reference};

/// Which candidates of a package a requirement admits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Spec {
    /// All of them.
    Any,
    /// Those with such versions.
    Versions(VersionSpecifiers),
    /// What a direct reference leads to.
    Direct(Reference),
    /// The candidate at this position.
    Only(u32),
}

impl Spec {
    /// How early it asks for its package to be decided.
    pub(crate) fn pull(&self) -> Pull {
        match self {
            Self::Any => Pull::Range,
            Self::Versions(specifiers) if is_exact(specifiers) => Pull::Exact,
            Self::Versions(_) => Pull::Range,
            Self::Direct(_) => Pull::Direct,
            Self::Only(_) => Pull::Exact,
        }
    }
}

fn is_exact(specifiers: &VersionSpecifiers) -> bool {
    specifiers
        .iter()
        .any(|specifier| matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual))
}

/// A requirement that applies: what it wants of which package.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: PackageName,
    pub(crate) extras: Vec<ExtraName>,
    pub(crate) spec: Spec,
}

/// One target's view of a problem.
pub(crate) struct Scope {
    /// Tells scopes of one resolution apart.
    pub(crate) number: usize,
    pub(crate) problem: Arc<Problem>,
    /// Whether facts may cost a build.
    pub(crate) builds: Builds,
    pub(crate) target: TargetEnvironment,
    /// Versions to try first, best first.
    favoured: FxHashMap<PackageName, Vec<Version>>,
    overrides: FxHashMap<PackageName, Vec<Wanted>>,
    directs: FxHashMap<PackageName, Vec<(Reference, Direct)>>,
    yanks: FxHashMap<PackageName, Vec<Version>>,
    indexes: FxHashMap<PackageName, String>,
    lowest: Lowest,
}

enum Lowest {
    Nothing,
    Everything,
    These(Vec<PackageName>),
}

impl Scope {
    pub(crate) fn new(
        number: usize,
        problem: Arc<Problem>,
        builds: Builds,
        target: TargetEnvironment,
        earlier_picks: &[(PackageName, Version)],
        directs: &[(PackageName, Reference, Direct)],
    ) -> Self {
        let mut favoured: FxHashMap<PackageName, Vec<Version>> = FxHashMap::default();
        for (name, version) in earlier_picks {
            favoured.entry(name.clone()).or_default().push(version.clone());
        }
        let mut yanks: FxHashMap<PackageName, Vec<Version>> = FxHashMap::default();
        for (name, versions) in &problem.preferences {
            if !problem.upgrade.includes(name) {
                favoured
                    .entry(name.clone())
                    .or_default()
                    .extend(versions.iter().cloned());
                yanks
                    .entry(name.clone())
                    .or_default()
                    .extend(versions.iter().cloned());
            }
        }
        let mut indexes = FxHashMap::default();
        for asked in problem
            .roots
            .iter()
            .chain(&problem.constraints)
            .chain(&problem.overrides)
        {
            let name = package_name(&asked.requirement);
            if let Some(version) = pinned(&asked.requirement) {
                yanks.entry(name.clone()).or_default().push(version.clone());
            }
            if let Some(index) = &asked.index {
                indexes.entry(name).or_insert_with(|| index.clone());
            }
        }
        let mut by_name: FxHashMap<PackageName, Vec<(Reference, Direct)>> = FxHashMap::default();
        for (name, reference, direct) in directs {
            by_name
                .entry(name.clone())
                .or_default()
                .push((reference.clone(), direct.clone()));
        }
        let lowest = match problem.resolution {
            ResolutionMode::Highest => Lowest::Nothing,
            ResolutionMode::Lowest => Lowest::Everything,
            ResolutionMode::LowestDirect => Lowest::These(
                problem
                    .roots
                    .iter()
                    .map(|asked| package_name(&asked.requirement))
                    .collect(),
            ),
        };
        let mut scope = Self {
            number,
            target,
            favoured,
            overrides: FxHashMap::default(),
            directs: by_name,
            yanks,
            indexes,
            lowest,
            problem,
            builds,
        };
        let mut overrides: FxHashMap<PackageName, Vec<Wanted>> = FxHashMap::default();
        for asked in &scope.problem.overrides {
            let all = overrides.entry(package_name(&asked.requirement)).or_default();
            if asked.requirement.marker.evaluate(&scope.target.markers, &[]) {
                all.push(scope.wanted(&asked.requirement, asked.place.as_ref()));
            }
        }
        scope.overrides = overrides;
        scope
    }

    pub(crate) fn index_of(&self, name: &PackageName) -> Option<&str> {
        self.indexes.get(name).map(String::as_str)
    }

    /// Which end comes first, and whether prereleases stand among the rest.
    pub(crate) fn order_of(&self, name: &PackageName) -> (ResolutionMode, bool) {
        let lowest = match &self.lowest {
            Lowest::Nothing => false,
            Lowest::Everything => true,
            Lowest::These(names) => names.contains(name),
        };
        let order = if lowest {
            ResolutionMode::Lowest
        } else {
            ResolutionMode::Highest
        };
        (order, self.problem.prereleases == Prereleases::Allow)
    }

    pub(crate) fn is_direct(&self, name: &PackageName) -> bool {
        self.directs.contains_key(name)
    }

    /// What the direct references to a package lead to, in the order in which they were found.
    pub(crate) fn directs(&self, name: &PackageName) -> &[(Reference, Direct)] {
        self.directs.get(name).map_or(&[], Vec::as_slice)
    }

    /// The candidate to try first.
    pub(crate) fn favoured(&self, name: &PackageName, versions: &[Version]) -> Option<u32> {
        self.favoured
            .get(name)?
            .iter()
            .find_map(|wanted| versions.iter().position(|version| version == wanted))
            .map(|position| position as u32)
    }

    /// The file of a release to use.
    pub(crate) fn offer(
        &self,
        name: &PackageName,
        listing: &Listing,
        candidate: u32,
    ) -> Result<Offer, Unfit> {
        let version = &listing.versions[candidate as usize];
        let judge = Judge {
            problem: &self.problem,
            target: &self.target,
            name,
            version,
            may_be_yanked: self
                .yanks
                .get(name)
                .is_some_and(|versions| versions.contains(version)),
        };
        listing.offer(candidate, &judge)
    }

    pub(crate) fn dist(
        &self,
        name: &PackageName,
        version: &Version,
        listing: &Listing,
        file: Arc<File>,
    ) -> Dist {
        Dist {
            name: name.clone(),
            version: version.clone(),
            source: listing
                .page
                .as_ref()
                .expect("a version that is listed is on a page")
                .source(&file),
            file: Some(file),
        }
    }

    /// The roots that apply on this target, with their positions, as what they want. More than one where an override says so.
    pub(crate) fn roots(&self) -> Vec<(usize, Wanted)> {
        self.applying(&self.problem.roots)
            .flat_map(|(position, asked)| {
                self.replaced(self.wanted(&asked.requirement, asked.place.as_ref()))
                    .into_iter()
                    .map(move |wanted| (position, wanted))
            })
            .collect()
    }

    /// The constraints that apply, with their positions.
    pub(crate) fn constraints(&self) -> Vec<(usize, Wanted)> {
        self.applying(&self.problem.constraints)
            .map(|(position, asked)| (position, self.wanted(&asked.requirement, asked.place.as_ref())))
            .collect()
    }

    fn applying<'a>(&'a self, asked: &'a [Asked]) -> impl Iterator<Item = (usize, &'a Asked)> {
        asked
            .iter()
            .enumerate()
            .filter(|(_, asked)| asked.requirement.marker.evaluate(&self.target.markers, &[]))
    }

    /// What a distribution wants, without an extra or for one.
    pub(crate) fn wanted_by(&self, needs: &dyn Needs, extra: Option<&ExtraName>) -> Vec<Wanted> {
        let markers = &self.target.markers;
        let requirements = match extra {
            None => needs.base(),
            Some(extra) => needs.for_extra(extra),
        };
        requirements
            .iter()
            .filter(|requirement| match extra {
                None => requirement.marker.evaluate(markers, &[]),
                Some(extra) => {
                    requirement.marker.evaluate(markers, std::slice::from_ref(extra))
                        && !requirement.marker.evaluate(markers, &[])
                }
            })
            .flat_map(|requirement| self.replaced(self.wanted(requirement, None)))
            .collect()
    }

    fn wanted(&self, requirement: &Requirement, place: Option<&Reference>) -> Wanted {
        let spec = match (place, &requirement.version_or_url) {
            (Some(reference), _) => Spec::Direct(reference.clone()),
            (None, Some(VersionOrUrl::Url(url))) => Spec::Direct(reference_of(url)),
            (None, Some(VersionOrUrl::VersionSpecifier(specifiers))) if !specifiers.is_empty() => {
                Spec::Versions(specifiers.clone())
            }
            (None, _) => Spec::Any,
        };
        Wanted {
            name: package_name(requirement),
            extras: requirement.extras.clone(),
            spec,
        }
    }

    fn replaced(&self, wanted: Wanted) -> Vec<Wanted> {
        match self.overrides.get(&wanted.name) {
            None => vec![wanted],
            Some(replacements) => replacements
                .iter()
                .map(|replacement| Wanted {
                    // The extras are a part of what is asked for, not of which version.
                    extras: if replacement.extras.is_empty() {
                        wanted.extras.clone()
                    } else {
                        replacement.extras.clone()
                    },
                    ..replacement.clone()
                })
                .collect(),
        }
    }
}

/// The direct references that a list of requirements makes.
pub(crate) fn references<'a>(
    requirements: impl IntoIterator<Item = (&'a Requirement, Option<&'a Reference>)>,
) -> Vec<(PackageName, Reference)> {
    requirements
        .into_iter()
        .filter_map(|(requirement, place)| {
            let reference = match (place, &requirement.version_or_url) {
                (Some(reference), _) => reference.clone(),
                (None, Some(VersionOrUrl::Url(url))) => reference_of(url),
                (None, _) => return None,
            };
            Some((package_name(requirement), reference))
        })
        .collect()
}

fn reference_of(url: &wharf_ecosystem::pypi::VerbatimUrl) -> Reference {
    Reference::Url(url.raw().to_string())
}

/// The version of a requirement that names exactly one.
fn pinned(requirement: &Requirement) -> Option<&Version> {
    let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url else {
        return None;
    };
    match &specifiers[..] {
        [specifier] if matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual) => {
            Some(specifier.version())
        }
        _ => None,
    }
}
