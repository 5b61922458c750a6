//! Commands that only look: `tree`, `why`, `list` at the lock; `outdated`, `info` at the index too.

mod info;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;

use futures::stream::{self, Stream, StreamExt};
use wharf_core::{Ecosystem, PackageName, PackageUrl, Source};
use wharf_ecosystem::pypi::Version;
use wharf_index::Suits;
use wharf_index::info::Prereleases;
use wharf_project::{InstallItem, Lock, LockedPackage, LockedRoot, Project};

use crate::cargo;
use crate::cargo::describe::Crates;
use crate::deb;
use crate::error::OpsError;
use crate::lock;
use crate::names;
use crate::npm;
use crate::npm::describe::View;
use crate::python;
use crate::report::{
    ListEntry, ListReport, OutdatedEntry, OutdatedReport, TreeNode, TreeReport, WhyPath, WhyReport, WhyStep,
};
use crate::request::Selecting;
use crate::select;
use crate::session::Session;
use crate::sync::{self, Choice};

pub use info::{Info, info};

/// How many packages are looked up at once.
const LOOKUPS: usize = 32;

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// To what a package needs.
    #[default]
    Dependencies,
    /// To what needs it.
    Dependents,
}

/// What a tree is asked.
#[derive(Clone, Debug, Default)]
pub struct TreeRequest {
    /// How deep it goes.
    pub depth: Option<usize>,
    /// Where it starts; the manifest's own requirements otherwise.
    pub package: Option<String>,
    /// Which way it goes.
    pub direction: Direction,
    /// Which part of the lock it shows.
    pub selecting: Selecting,
    /// Only packages of this ecosystem.
    pub ecosystem: Option<Ecosystem>,
}

/// What a list is asked.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Whether the interpreters are listed too.
    pub why_python: bool,
    /// Which part of the lock it shows.
    pub selecting: Selecting,
    /// Only packages of this ecosystem.
    pub ecosystem: Option<Ecosystem>,
}

/// Which packages are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// Every locked one.
    Every,
    /// Those that the manifest names.
    Direct,
}

impl LookUp {
    /// Whether it means a package which the manifest names, or does not.
    pub(crate) fn takes(self, direct: bool) -> bool {
        direct || self == LookUp::Every
    }
}

/// The project with its lock, which must be there.
struct Locked {
    project: Project,
    lock: Lock,
    crates: Crates,
}

impl Locked {
    fn read(session: &Session) -> Result<Self, OpsError> {
        let project = session.project(&Vec::new())?;
        let lock = lock::standing(&project)?;
        let crates = Crates::read(&project)?;
        Ok(Self {
            project,
            lock,
            crates,
        })
    }

    fn items(&self, choice: &Choice<'_>, selecting: &Selecting) -> Result<Vec<InstallItem<'_>>, OpsError> {
        Ok(self.lock.install_set(
            &choice.target.target,
            &select::selection(selecting, &self.project),
            choice.runtime.markers(),
        )?)
    }

    /// The interpreter and its target; `None` where the project has nothing of Python.
    fn python(&self, session: &Session) -> Result<Option<Choice<'_>>, OpsError> {
        match self.project.uses_python() {
            true => sync::choose_python(session, &self.project, &self.lock).map(Some),
            false => Ok(None),
        }
    }

    /// The npm part for this machine; `None` where there is none.
    fn npm(&self, selecting: &Selecting) -> Result<Option<View<'_>>, OpsError> {
        let (Some(npm), Some(stated)) = (&self.lock.npm, &self.project.npm) else {
            return Ok(None);
        };
        let selected = npm::sync::selected(stated, &npm.graph, selecting, npm::lock::locked_node(npm))?;
        Ok(Some(View::new(&npm.graph, selected.packages, selecting)))
    }

    /// The Debian part for this machine; `None` where there is none.
    fn deb(&self, selecting: &Selecting) -> Result<Option<deb::describe::View<'_>>, OpsError> {
        let Some(lock) = &self.lock.deb else {
            return Ok(None);
        };
        let architecture = deb::architecture()?;
        Ok(deb::describe::View::new(
            &self.project,
            lock,
            architecture.as_str(),
            selecting,
        ))
    }

    fn names(&self) -> impl Iterator<Item = &PackageName> {
        let npm = self.lock.npm.iter().flat_map(|npm| &npm.graph.packages);
        let python = self.lock.packages.iter().map(|package| &package.name);
        python
            .chain(npm.map(|package| &package.name))
            .chain(self.crates.names(&self.lock))
            .chain(lock::deb_names(&self.lock))
    }

    /// The npm packages that the project, or a package, asks for under a name of its own.
    fn aliased(&self, text: &str) -> Vec<&PackageName> {
        let called = text.strip_prefix("npm:").unwrap_or(text);
        let Some(npm) = &self.lock.npm else {
            return Vec::new();
        };
        npm::aliases::called(&npm.graph, called)
    }

    /// The locked package that a word means: a bare name is one of PyPI's before it is one of npm's.
    fn named(&self, text: &str) -> Result<PackageName, OpsError> {
        let candidates = names::candidates(text)?;
        let known = candidates
            .iter()
            .find(|name| self.names().any(|known| known == *name));
        known.cloned().ok_or_else(|| {
            let near = |name: &PackageName| names::nearest(name, self.names());
            let mut of_npm = candidates
                .iter()
                .filter(|name| name.ecosystem() == Ecosystem::Npm);
            if let (Some(npm), Some(name)) = (&self.project.npm, of_npm.next())
                && npm.ignored_optional().matches(name.as_str())
            {
                return npm::describe::not_locked(npm, name.clone(), near(name));
            }
            let name = candidates
                .into_iter()
                .next()
                .expect("a word means at least one package");
            OpsError::NotLocked {
                near: near(&name),
                name,
            }
        })
    }
}

/// The target of a report: the interpreter's, or this machine.
fn target_words(choice: Option<&Choice<'_>>) -> Result<String, OpsError> {
    match choice {
        Some(choice) => Ok(choice.target.target.to_string()),
        None => Ok(wharf_sys::host::target()?.to_string()),
    }
}

/// The edges of what is selected, by name.
struct Graph<'l> {
    nodes: BTreeMap<&'l PackageName, Node<'l>>,
}

struct Node<'l> {
    package: &'l LockedPackage,
    extras: BTreeSet<&'l str>,
    needs: Vec<&'l PackageName>,
}

impl<'l> Graph<'l> {
    fn new(items: &[InstallItem<'l>]) -> Self {
        let names: BTreeSet<&PackageName> = items.iter().map(|item| &item.package.name).collect();
        let nodes = items.iter().map(|item| {
            let wanted =
                |extra: &Option<String>| extra.as_deref().is_none_or(|extra| item.extras.contains(extra));
            let edges = item
                .package
                .dependencies
                .iter()
                .filter(|edge| wanted(&edge.when_extra));
            let mut needs: Vec<&PackageName> = edges
                .map(|edge| &edge.name)
                .filter(|name| names.contains(name))
                .collect();
            needs.sort();
            needs.dedup();
            let node = Node {
                package: item.package,
                extras: item.extras.clone(),
                needs,
            };
            (&item.package.name, node)
        });
        Self {
            nodes: nodes.collect(),
        }
    }

    fn inverted(mut self) -> Self {
        let mut back: BTreeMap<&PackageName, Vec<&PackageName>> = BTreeMap::new();
        for (name, node) in &self.nodes {
            for needed in &node.needs {
                back.entry(needed).or_default().push(name);
            }
        }
        for (name, node) in &mut self.nodes {
            node.needs = back.remove(*name).unwrap_or_default();
        }
        self
    }

    fn tree(
        &self,
        name: &'l PackageName,
        depth: Option<usize>,
        seen: &mut BTreeSet<&'l PackageName>,
    ) -> TreeNode {
        let node = &self.nodes[name];
        let first = seen.insert(name);
        let open = first && depth != Some(0);
        let deeper = depth.map(|depth| depth.saturating_sub(1));
        TreeNode {
            package: names::short(name),
            alias: None,
            calls_it: Vec::new(),
            version: node.package.version.clone(),
            extras: node.extras.iter().map(ToString::to_string).collect(),
            repeated: !first && !node.needs.is_empty(),
            children: if open {
                node.needs
                    .iter()
                    .map(|need| self.tree(need, deeper, seen))
                    .collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// The locked packages as a tree.
///
/// # Errors
/// Where there is no lock, or the named package is not in it.
pub fn tree(session: &Session, request: &TreeRequest) -> Result<TreeReport, OpsError> {
    let locked = Locked::read(session)?;
    let from = request
        .package
        .as_deref()
        .map(|text| {
            locked.named(text).map(|name| vec![name]).or_else(|error| {
                let aliased: Vec<PackageName> = locked.aliased(text).into_iter().cloned().collect();
                if aliased.is_empty() {
                    Err(error)
                } else {
                    Ok(aliased)
                }
            })
        })
        .transpose()?
        .unwrap_or_default();
    let wanted = |ecosystem: Ecosystem| {
        let asked = from.first().map(PackageName::ecosystem).or(request.ecosystem);
        asked.is_none_or(|asked| asked == ecosystem)
    };
    let choice = locked.python(session)?;
    let mut roots = Vec::new();
    if let Some(choice) = choice.as_ref().filter(|_| wanted(Ecosystem::Pypi)) {
        roots.extend(python_tree(&locked, choice, request, from.first())?);
    }
    if wanted(Ecosystem::Npm)
        && let Some(view) = locked.npm(&request.selecting)?
    {
        roots.extend(view.tree(request, &from));
    }
    if wanted(Ecosystem::Cargo)
        && let Some(view) = locked
            .crates
            .view(&locked.project, &locked.lock, &request.selecting)
    {
        roots.extend(view.tree(request, from.first()));
    }
    if wanted(Ecosystem::Deb)
        && let Some(view) = locked.deb(&request.selecting)?
    {
        roots.extend(view.tree(request, from.first()));
    }
    Ok(TreeReport {
        target: target_words(choice.as_ref())?,
        roots,
    })
}

fn python_tree(
    locked: &Locked,
    choice: &Choice<'_>,
    request: &TreeRequest,
    from: Option<&PackageName>,
) -> Result<Vec<TreeNode>, OpsError> {
    let items = locked.items(choice, &request.selecting)?;
    let graph = match request.direction {
        Direction::Dependencies => Graph::new(&items),
        Direction::Dependents => Graph::new(&items).inverted(),
    };
    let roots: Vec<&PackageName> = match from {
        Some(name) => graph
            .nodes
            .keys()
            .copied()
            .filter(|known| *known == name)
            .collect(),
        None => items
            .iter()
            .filter(|item| item.requested)
            .map(|item| &item.package.name)
            .collect(),
    };
    let mut seen = BTreeSet::new();
    let present = roots.into_iter().filter(|name| graph.nodes.contains_key(name));
    Ok(present
        .map(|name| graph.tree(name, request.depth, &mut seen))
        .collect())
}

/// Why a package is locked: the shortest way to it from each requirement of the manifest that leads there.
///
/// # Errors
/// Where there is no lock, or the package is not in it.
pub fn why(session: &Session, text: &str) -> Result<WhyReport, OpsError> {
    let locked = Locked::read(session)?;
    let name = match locked.named(text) {
        Ok(name) => name,
        Err(error) => return why_npm_calls_it(&locked, text).ok_or(error),
    };
    match name.ecosystem() {
        Ecosystem::Npm => return Ok(why_npm(&locked, &name)),
        Ecosystem::Cargo => return Ok(why_cargo(&locked, &name)),
        Ecosystem::Deb => return why_deb(session, &locked, &name),
        _ => {}
    }
    let roots = locked.project.roots.iter();
    let mut paths: Vec<WhyPath> = roots
        .filter_map(|root| {
            let steps = shortest(&locked.lock, &LockedRoot::of(root), &name)?;
            let group = root.group.to_string();
            Some(WhyPath {
                requirement: root.to_string(),
                origin: root.origin.to_string(),
                group: if group == "main" { String::new() } else { group },
                steps,
            })
        })
        .collect();
    paths.sort_by_key(|path| path.steps.len());
    let versions = locked.lock.packages.iter().filter(|package| package.name == name);
    Ok(WhyReport {
        package: names::short(&name),
        versions: versions.map(|package| package.version.clone()).collect(),
        paths,
    })
}

fn why_cargo(locked: &Locked, name: &PackageName) -> WhyReport {
    let view = locked
        .crates
        .view(&locked.project, &locked.lock, &Selecting::default());
    let mut paths = view.as_ref().map_or_else(Vec::new, |view| view.why(name));
    paths.sort_by_key(|path| path.steps.len());
    WhyReport {
        package: names::short(name),
        versions: view.map_or_else(Vec::new, |view| view.versions(name)),
        paths,
    }
}

fn why_deb(session: &Session, locked: &Locked, name: &PackageName) -> Result<WhyReport, OpsError> {
    let everything = Selecting {
        all_extras: true,
        all_groups: true,
        ..Selecting::default()
    };
    let view = locked.deb(&everything)?;
    let own = deb::external::own_words(session, &locked.project, &locked.lock);
    let mut paths = view.as_ref().map_or_else(Vec::new, |view| view.why(name, &own));
    paths.sort_by_key(|path| path.steps.len());
    Ok(WhyReport {
        package: names::short(name),
        versions: view.map_or_else(Vec::new, |view| view.versions(name)),
        paths,
    })
}

/// What is in the lockfile under a name that is no package's own: an alias, or a member of the workspace.
fn why_npm_calls_it(locked: &Locked, text: &str) -> Option<WhyReport> {
    let called = text.strip_prefix("npm:").unwrap_or(text);
    let graph = &locked.lock.npm.as_ref()?.graph;
    let view = View::new(graph, vec![true; graph.packages.len()], &Selecting::default());
    match locked.aliased(text).as_slice() {
        [] => {}
        [name] => return Some(why_npm(locked, name)),
        several => return Some(why_each(locked, called, several)),
    }
    let (member, paths) = view.why_member(locked.project.npm.as_ref()?, called)?;
    Some(WhyReport {
        package: member.package,
        versions: vec![member.version],
        paths,
    })
}

/// What several npm packages are locked for that have one name in the project.
fn why_each(locked: &Locked, alias: &str, names: &[&PackageName]) -> WhyReport {
    let mut report = WhyReport {
        package: format!("npm:{alias}"),
        versions: Vec::new(),
        paths: Vec::new(),
    };
    for name in names {
        let one = why_npm(locked, name);
        let versions = one
            .versions
            .iter()
            .map(|version| format!("{}@{version}", one.package));
        report.versions.extend(versions);
        report.paths.extend(one.paths);
    }
    report.paths.sort_by_key(|path| path.steps.len());
    report
}

fn why_npm(locked: &Locked, name: &PackageName) -> WhyReport {
    let (mut versions, mut paths) = (Vec::new(), Vec::new());
    if let (Some(npm), Some(project)) = (&locked.lock.npm, &locked.project.npm) {
        let everything = vec![true; npm.graph.packages.len()];
        let view = View::new(&npm.graph, everything, &Selecting::default());
        let named = view.named(name).into_iter();
        versions.extend(named.map(|index| npm.graph.packages[index].version.clone()));
        versions.dedup();
        paths.extend(view.why(project, name));
    }
    paths.sort_by_key(|path| path.steps.len());
    WhyReport {
        package: names::short(name),
        versions,
        paths,
    }
}

/// A package on the way, with the extras that are asked of it there.
type Place<'l> = (&'l PackageName, BTreeSet<&'l str>);

/// Breadth first along the edges; an edge that hangs on an extra is followed only if the extra is asked for on the way.
fn shortest(lock: &Lock, root: &LockedRoot, wanted: &PackageName) -> Option<Vec<WhyStep>> {
    let find = |name: &PackageName| lock.packages.iter().find(|package| package.name == *name);
    let start: Place<'_> = (
        &find(&root.name)?.name,
        root.extras.iter().map(String::as_str).collect(),
    );
    let mut queue = VecDeque::from([start.clone()]);
    let mut parents: BTreeMap<Place<'_>, Option<Place<'_>>> = BTreeMap::from([(start, None)]);
    while let Some(state) = queue.pop_front() {
        let package = find(state.0)?;
        if package.name == *wanted {
            return Some(way(lock, &parents, state));
        }
        for edge in &package.dependencies {
            if edge
                .when_extra
                .as_deref()
                .is_some_and(|extra| !state.1.contains(extra))
            {
                continue;
            }
            let next: Place<'_> = (&edge.name, edge.extras.iter().map(String::as_str).collect());
            if !parents.contains_key(&next) {
                parents.insert(next.clone(), Some(state.clone()));
                queue.push_back(next);
            }
        }
    }
    None
}

/// The places from the start to `end`.
fn way<'l>(lock: &Lock, parents: &BTreeMap<Place<'l>, Option<Place<'l>>>, end: Place<'l>) -> Vec<WhyStep> {
    let mut steps = Vec::new();
    let mut next = Some(end);
    while let Some(state) = next {
        let versions = lock.packages.iter().filter(|package| package.name == *state.0);
        let versions: Vec<&str> = versions.map(|package| package.version.as_str()).collect();
        steps.push(WhyStep {
            package: names::short(state.0),
            alias: None,
            version: versions.join(", "),
        });
        next = parents.get(&state).cloned().flatten();
    }
    steps.reverse();
    steps
}

/// The locked packages of this machine.
///
/// # Errors
/// Where there is no lock or no interpreter for it.
pub fn list(session: &Session, request: &ListRequest) -> Result<ListReport, OpsError> {
    let locked = Locked::read(session)?;
    let wanted = |ecosystem: Ecosystem| request.ecosystem.is_none_or(|asked| asked == ecosystem);
    let choice = locked.python(session)?;
    let mut packages = Vec::new();
    if let Some(choice) = choice.as_ref().filter(|_| wanted(Ecosystem::Pypi)) {
        let items = locked.items(choice, &request.selecting)?;
        packages.extend(items.iter().map(|item| ListEntry {
            package: names::short(&item.package.name),
            version: item.package.version.clone(),
            purl: PackageUrl::of(&item.package.name, Some(&item.package.version)).to_string(),
            source: source_words(&item.package.source),
            direct: item.requested,
        }));
    }
    if wanted(Ecosystem::Npm)
        && let Some(view) = locked.npm(&request.selecting)?
    {
        packages.extend(view.list());
    }
    if wanted(Ecosystem::Cargo)
        && let Some(view) = locked
            .crates
            .view(&locked.project, &locked.lock, &request.selecting)
    {
        packages.extend(view.list());
    }
    if wanted(Ecosystem::Deb)
        && let Some(view) = locked.deb(&request.selecting)?
    {
        packages.extend(view.list());
    }
    let pythons = match &choice {
        Some(choice) if request.why_python => choice.considered.iter().map(python::candidate).collect(),
        _ => Vec::new(),
    };
    Ok(ListReport {
        target: target_words(choice.as_ref())?,
        packages,
        pythons,
    })
}

/// Where a package comes from, for people.
pub(crate) fn source_words(source: &Source) -> String {
    match source {
        Source::Registry { index } => index.to_string(),
        Source::FindLinks { location } => location.clone(),
        Source::Url { url, .. } => url.to_string(),
        Source::Git { url, commit, .. } => format!("git {url} at {}", commit.get(..12).unwrap_or(commit)),
        Source::File { path } => path.clone(),
        Source::Directory { path, editable: true } => format!("{path} (editable)"),
        Source::Directory {
            path,
            editable: false,
        } => path.clone(),
    }
}

/// Looks up every locked package of the index.
///
/// # Errors
/// Where there is no lock, or the index does not answer.
pub async fn outdated(session: &Session) -> Result<OutdatedReport, OpsError> {
    outdated_of(session, LookUp::Every).await
}

/// Looks up locked packages of the index.
///
/// # Errors
/// As [`outdated`].
pub(crate) async fn outdated_of(session: &Session, look_up: LookUp) -> Result<OutdatedReport, OpsError> {
    let locked = Locked::read(session)?;
    let python = outdated_python(session, &locked, look_up).await?;
    let npm = npm::index::outdated(session, &locked.project, &locked.lock, look_up).await?;
    let crates = cargo::registry::outdated(session, &locked.project, &locked.lock, look_up).await?;
    let debs = deb::outdated::outdated(session, &locked.project, &locked.lock, look_up).await?;
    let mut outdated = python.outdated;
    outdated.extend(npm.outdated);
    outdated.extend(crates.outdated);
    outdated.extend(debs.outdated);
    Ok(OutdatedReport {
        checked: python.checked + npm.checked + crates.checked + debs.checked,
        outdated,
    })
}

async fn outdated_python(
    session: &Session,
    locked: &Locked,
    look_up: LookUp,
) -> Result<OutdatedReport, OpsError> {
    let Some(choice) = locked.python(session)? else {
        return Ok(OutdatedReport {
            checked: 0,
            outdated: Vec::new(),
        });
    };
    let everything = Selecting {
        all_extras: true,
        all_groups: true,
        ..Selecting::default()
    };
    let items = locked.items(&choice, &everything)?;
    let index = session.index(&locked.project, &choice.runtime)?;
    let environment = choice.runtime.environment(choice.target.target);
    let (tags, python) = (environment.tags, environment.python);
    let cutoff = lock::cutoff(&locked.project);
    let indexed: Vec<&InstallItem<'_>> = items
        .iter()
        .filter(|item| item.package.source.is_indexed() && look_up.takes(item.requested))
        .collect();
    let lookups = stream::iter(&indexed).map(async |item| {
        let releases = index.releases(&item.package.name).await?;
        let locked: Option<Version> = item.package.version.parse().ok();
        let on_prerelease = locked.as_ref().is_some_and(Version::any_prerelease);
        let latest = releases.latest(Suits {
            tags: &tags,
            python: &python,
            cutoff: cutoff.as_ref().map(|cutoff| cutoff.at),
            prereleases: if on_prerelease {
                Prereleases::All
            } else {
                Prereleases::default()
            },
        });
        let newer = latest.filter(|latest| locked.as_ref().is_some_and(|locked| *latest > locked));
        Ok::<_, OpsError>(newer.map(|latest| OutdatedEntry {
            package: names::short(&item.package.name),
            aliases: Vec::new(),
            locked: item.package.version.clone(),
            latest: latest.to_string(),
            direct: item.requested,
        }))
    });
    Ok(OutdatedReport {
        checked: indexed.len(),
        outdated: gather(session, LOOKUPS, lookups).await?,
    })
}

/// What lookups find, in their order; so many of them run at once.
pub(crate) async fn gather<L>(
    session: &Session,
    at_once: usize,
    lookups: impl Stream<Item = L>,
) -> Result<Vec<OutdatedEntry>, OpsError>
where
    L: Future<Output = Result<Option<OutdatedEntry>, OpsError>>,
{
    let mut lookups = pin!(lookups.buffered(at_once));
    let mut found = Vec::new();
    while let Some(entry) = session
        .cancel()
        .or(lookups.next())
        .await
        .ok_or(OpsError::Interrupted)?
    {
        found.extend(entry?);
    }
    Ok(found)
}
