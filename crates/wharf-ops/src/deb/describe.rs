//! What `tree`, `why` and `list` say of Debian packages.

use std::collections::{BTreeMap, BTreeSet};

use wharf_core::{PackageName, PackageUrl};
use wharf_project::external::ExternalNeed;
use wharf_project::{DebCause, DebId, DebLock, Group, LockedDeb, LockedDebRoot, LockedSystem, Project};

use super::external;
use crate::describe::{Direction, TreeRequest};
use crate::names;
use crate::report::{ListEntry, TreeNode, WhyPath, WhyStep};
use crate::request::Selecting;

/// The packages that a project has on this machine.
pub(crate) struct View<'l> {
    project: &'l Project,
    lock: &'l DebLock,
    system: &'l LockedSystem,
    /// Those that are selected, in the order of the lock.
    packages: Vec<&'l LockedDeb>,
    roots: Vec<&'l LockedDebRoot>,
    needs: BTreeMap<&'l DebId, Vec<&'l LockedDeb>>,
    dependents: BTreeMap<&'l DebId, Vec<&'l LockedDeb>>,
}

/// Whether a root counts when so much of a lock is wanted.
pub(crate) fn selects(selecting: &Selecting, root: &LockedDebRoot) -> bool {
    match &root.group {
        Group::Main => true,
        Group::Dev => !selecting.no_dev,
        Group::Named(name) => selecting.all_groups || selecting.groups.contains(name),
        Group::Extra(name) => selecting.all_extras || selecting.extras.contains(name),
    }
}

/// Who asks for a root, and where.
pub(crate) fn origin(root: &LockedDebRoot, project: &Project) -> String {
    match &root.cause {
        DebCause::Manifest => {
            let asked = project.deb.iter().flat_map(|deb| &deb.packages);
            let mut asked =
                asked.filter(|one| one.relation.to_string() == root.asked && one.group == root.group);
            asked
                .next()
                .map_or_else(String::new, |one| one.origin.to_string())
        }
        cause => super::cause_words(cause, project),
    }
}

/// The same, with the place that says so where that is known; `own` is what sources say about themselves.
fn origin_and_place(
    root: &LockedDebRoot,
    project: &Project,
    own: &BTreeMap<PackageName, Vec<ExternalNeed>>,
) -> String {
    let words = origin(root, project);
    match external::said_at(project, root, own) {
        Some(place) => format!("{words} ({place})"),
        None => words,
    }
}

impl<'l> View<'l> {
    /// What is selected of the packages for an architecture; `None` where nothing is locked for it.
    pub(crate) fn new(
        project: &'l Project,
        lock: &'l DebLock,
        architecture: &str,
        selecting: &Selecting,
    ) -> Option<Self> {
        let system = lock.system(architecture)?;
        let packages = system.selected(|root| selects(selecting, root));
        let places: BTreeMap<&DebId, &LockedDeb> = packages.iter().map(|one| (&one.id, *one)).collect();
        let mut needs: BTreeMap<&DebId, Vec<&LockedDeb>> = BTreeMap::new();
        let mut dependents: BTreeMap<&DebId, Vec<&LockedDeb>> = BTreeMap::new();
        for package in &packages {
            let needed: BTreeSet<&DebId> = package.dependencies.iter().map(|edge| &edge.package).collect();
            for needed in needed.into_iter().filter_map(|id| places.get(id)) {
                needs.entry(&package.id).or_default().push(needed);
                dependents.entry(&needed.id).or_default().push(package);
            }
        }
        let roots = system.roots.iter().filter(|root| selects(selecting, root));
        Some(Self {
            project,
            lock,
            system,
            packages,
            roots: roots.collect(),
            needs,
            dependents,
        })
    }

    /// The trees from what the project asks for, or from one package. What is there in every system is no root of its own.
    pub(crate) fn tree(&self, request: &TreeRequest, from: Option<&PackageName>) -> Vec<TreeNode> {
        let starts: Vec<&LockedDeb> = match from {
            Some(name) => self.named(name),
            None => {
                let mut seen = BTreeSet::new();
                let asked = self.roots.iter().filter(|root| root.cause != DebCause::Essential);
                let asked = asked.filter(|root| seen.insert(&root.package));
                asked.filter_map(|root| self.system.find(&root.package)).collect()
            }
        };
        let mut seen = BTreeSet::new();
        let nodes = starts.into_iter();
        nodes
            .map(|start| self.node(start, request.depth, request.direction, &mut seen))
            .collect()
    }

    fn node(
        &self,
        package: &'l LockedDeb,
        depth: Option<usize>,
        direction: Direction,
        seen: &mut BTreeSet<&'l DebId>,
    ) -> TreeNode {
        let edges = match direction {
            Direction::Dependencies => &self.needs,
            Direction::Dependents => &self.dependents,
        };
        let next = edges.get(&package.id).map(Vec::as_slice).unwrap_or_default();
        let first = seen.insert(&package.id);
        let deeper = depth.map(|depth| depth.saturating_sub(1));
        let children = match first && depth != Some(0) {
            true => next
                .iter()
                .map(|to| self.node(to, deeper, direction, seen))
                .collect(),
            false => Vec::new(),
        };
        TreeNode {
            package: self.shown(&package.id),
            alias: None,
            calls_it: Vec::new(),
            version: package.version.clone(),
            extras: Vec::new(),
            repeated: !first && !next.is_empty(),
            children,
        }
    }

    /// Every package; what the project asks for is marked.
    pub(crate) fn list(&self) -> Vec<ListEntry> {
        let direct: BTreeSet<&DebId> = self
            .roots
            .iter()
            .filter(|root| root.cause == DebCause::Manifest)
            .map(|root| &root.package)
            .collect();
        let entry = |package: &&LockedDeb| ListEntry {
            package: self.shown(&package.id),
            version: package.version.clone(),
            purl: PackageUrl::of(&package.id.name, Some(&package.version))
                .with_qualifier("arch", &package.id.architecture)
                .to_string(),
            source: self.source(package),
            direct: direct.contains(&package.id),
        };
        self.packages.iter().map(entry).collect()
    }

    /// The versions of a package.
    pub(crate) fn versions(&self, name: &PackageName) -> Vec<String> {
        let versions: BTreeSet<&str> = self.named(name).iter().map(|one| one.version.as_str()).collect();
        versions.into_iter().map(str::to_owned).collect()
    }

    /// The shortest way to a package from each root that brings it along; `own` is what sources say about themselves.
    pub(crate) fn why(
        &self,
        name: &PackageName,
        own: &BTreeMap<PackageName, Vec<ExternalNeed>>,
    ) -> Vec<WhyPath> {
        let chains = self
            .named(name)
            .into_iter()
            .flat_map(|to| self.system.chains(&to.id));
        // Of what every system has nobody needs to hear, unless it is there for nothing else.
        let (essential, mut others): (Vec<_>, Vec<_>) =
            chains.partition(|chain| chain.root.cause == DebCause::Essential);
        if others.is_empty() {
            others.extend(essential.into_iter().take(1));
        }
        let path = |chain: wharf_project::lock::deb::DebChain<'_>| WhyPath {
            requirement: format!("deb:{}", chain.root.asked),
            origin: origin_and_place(chain.root, self.project, own),
            group: match &chain.root.group {
                Group::Main => String::new(),
                group => group.to_string(),
            },
            steps: chain
                .packages
                .iter()
                .map(|package| WhyStep {
                    package: self.shown(&package.id),
                    alias: None,
                    version: package.version.clone(),
                })
                .collect(),
        };
        others.into_iter().map(path).collect()
    }

    fn named(&self, name: &PackageName) -> Vec<&'l LockedDeb> {
        let packages = self.packages.iter().copied();
        packages.filter(|package| package.id.name == *name).collect()
    }

    fn source(&self, package: &LockedDeb) -> String {
        match self.lock.repository(&package.repository) {
            Some(repository) => format!("{} {}", repository.uri, repository.suite),
            None => package.repository.clone(),
        }
    }

    /// `deb:nginx`; with its architecture where that is a foreign one.
    fn shown(&self, id: &DebId) -> String {
        let short = names::short(&id.name);
        match id.architecture.as_str() {
            "all" => short,
            own if own == self.system.architecture => short,
            foreign => format!("{short}:{foreign}"),
        }
    }
}
