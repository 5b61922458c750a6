//! What was chosen, for all targets together. Invariant: sorted, so that the same picks always make the same lockfile.
use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_core::{PackageName, Source, Target};
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{ExtraName, MarkerTree, Requirement, Version, VersionSpecifiers, package_name};
use wharf_solve::Effort;

use super::problem::TargetEnvironment;
use super::source::{Dist, Needs};

/// A complete choice for every target.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// The targets, in the order of the problem.
    pub targets: Vec<ResolvedTarget>,
    /// Every package that some target needs, sorted by name, version and source.
    pub packages: Vec<ResolvedPackage>,
}

/// One target and what solving it took.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// The platform and Python minor version.
    pub target: Target,
    /// The full Python version that it was solved with.
    pub python: Version,
    /// The cost of the search.
    pub effort: Effort,
}

/// A package at one version from one source.
#[derive(Debug, Clone)]
pub struct ResolvedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Where it is from.
    pub source: Source,
    /// The files to install; none for a source tree.
    pub files: Vec<ResolvedFile>,
    /// What it needs, as far as it was asked for.
    pub dependencies: Vec<Edge>,
    /// The targets (positions in [`Resolution::targets`]) that need it.
    pub targets: Vec<usize>,
    /// The extras that something asks for.
    pub extras: Vec<ExtraName>,
    /// The Python versions that it says it works with.
    pub requires_python: Option<VersionSpecifiers>,
}

/// A file and the targets that use it.
#[derive(Debug, Clone)]
pub struct ResolvedFile {
    /// The file.
    pub file: Arc<File>,
    /// Positions in [`Resolution::targets`].
    pub targets: Vec<usize>,
}

/// A requirement of one package on another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The package that is needed.
    pub name: PackageName,
    /// The extras of it that are needed.
    pub extras: Vec<ExtraName>,
    /// Only when this extra of the package that needs it is asked for.
    pub when_extra: Option<ExtraName>,
    /// Only where this marker holds; without the extra.
    pub marker: Option<String>,
}

/// What was chosen of one package on one target.
pub(crate) struct Chosen {
    pub(crate) dist: Dist,
    pub(crate) needs: Arc<dyn Needs>,
    pub(crate) extras: Vec<ExtraName>,
}

/// The choice for one target.
pub(crate) struct TargetChoice {
    pub(crate) environment: TargetEnvironment,
    pub(crate) effort: Effort,
    pub(crate) chosen: Vec<Chosen>,
}

impl Resolution {
    pub(crate) fn merge(choices: Vec<TargetChoice>) -> Self {
        let mut packages: BTreeMap<(PackageName, Version, Source), ResolvedPackage> = BTreeMap::new();
        let mut targets = Vec::new();
        for (position, choice) in choices.into_iter().enumerate() {
            let names: Vec<PackageName> = choice
                .chosen
                .iter()
                .map(|chosen| chosen.dist.name.clone())
                .collect();
            for chosen in choice.chosen {
                let Dist {
                    name,
                    version,
                    source,
                    file,
                } = chosen.dist;
                let package = packages
                    .entry((name.clone(), version.clone(), source.clone()))
                    .or_insert_with(|| ResolvedPackage {
                        name,
                        version,
                        source,
                        files: Vec::new(),
                        dependencies: Vec::new(),
                        targets: Vec::new(),
                        extras: Vec::new(),
                        requires_python: chosen.needs.requires_python(),
                    });
                package.targets.push(position);
                if let Some(file) = file {
                    match package
                        .files
                        .iter_mut()
                        .find(|known| known.file.filename == file.filename)
                    {
                        Some(known) => known.targets.push(position),
                        None => package.files.push(ResolvedFile {
                            file,
                            targets: vec![position],
                        }),
                    }
                }
                package.dependencies.extend(edges(
                    &*chosen.needs,
                    &chosen.extras,
                    &choice.environment,
                    &names,
                ));
                package.extras.extend(chosen.extras);
            }
            targets.push(ResolvedTarget {
                target: choice.environment.target,
                python: choice.environment.python,
                effort: choice.effort,
            });
        }
        let packages = packages
            .into_values()
            .map(|mut package| {
                package
                    .files
                    .sort_by(|a, b| a.file.filename.cmp(&b.file.filename));
                package.dependencies.sort();
                package.dependencies.dedup();
                package.extras.sort();
                package.extras.dedup();
                package
            })
            .collect();
        Self { targets, packages }
    }

    /// The packages of one target, by name.
    pub fn for_target(&self, position: usize) -> impl Iterator<Item = &ResolvedPackage> {
        self.packages
            .iter()
            .filter(move |package| package.targets.contains(&position))
    }
}

/// The requirements that apply, as edges between chosen packages.
fn edges(
    needs: &dyn Needs,
    extras: &[ExtraName],
    environment: &TargetEnvironment,
    chosen: &[PackageName],
) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |requirement: &Requirement, when_extra: Option<&ExtraName>| {
        let name = package_name(requirement);
        if !chosen.contains(&name) {
            return;
        }
        let marker: MarkerTree = match when_extra {
            Some(extra) => requirement
                .marker
                .clone()
                .simplify_extras(std::slice::from_ref(extra)),
            None => requirement.marker.clone(),
        };
        let mut extras = requirement.extras.clone();
        extras.sort();
        edges.push(Edge {
            name,
            extras,
            when_extra: when_extra.cloned(),
            marker: marker.contents().map(|contents| contents.to_string()),
        });
    };
    let markers = &environment.markers;
    for requirement in needs.base() {
        if requirement.marker.evaluate(markers, &[]) {
            add(&requirement, None);
        }
    }
    for extra in extras {
        for requirement in needs.for_extra(extra) {
            if requirement.marker.evaluate(markers, std::slice::from_ref(extra))
                && !requirement.marker.evaluate(markers, &[])
            {
                add(&requirement, Some(extra));
            }
        }
    }
    edges
}
