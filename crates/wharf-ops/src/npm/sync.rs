//! From the npm part of a lock to homes in the store and the layout of every `node_modules`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use rustc_hash::FxHashMap;
use wharf_core::{Event, Phase, Source};
use wharf_ecosystem::npm::graph::To;
use wharf_ecosystem::npm::platform::Machines;
use wharf_ecosystem::npm::{EdgeKind, Graph, NodeFit, Package, PackageIndex, Version};
use wharf_index::npm::{NpmIndex, Wanted};
use wharf_install::node::{
    self as layout, Completed, Layout, Missing, NodePlan, Planning, Request, Seen, VirtualStore,
};
use wharf_install::nodejs::remembers;
use wharf_install::{Environment, InstalledNode, NodeWanted};
use wharf_project::{Lock, NpmLayout, NpmLock, NpmOptions, NpmProject, NpmVirtualStore, Project};
use wharf_store::{Ahead, ContentKey, HomeContent, HomeId, HomeLink, Store};
use wharf_sys::{run_blocking, run_compute};
use wharf_tree::select::{Selected, Selection, select};

use super::early::{Homes, Started};
use super::lock::locked_node;
use super::node::{self, Chosen};
use super::{Early, approvals, asked_by, engines, folders};
use crate::deb;
use crate::error::OpsError;
use crate::report::NodeReport;
use crate::request::{Effect, Selecting};
use crate::session::Session;
use crate::sync::{SyncRequest, link_mode};

/// So long an answer that is remembered may take. Where none is, nobody waits.
const AT_ONCE: Duration = Duration::from_millis(3);

/// So many homes are made of others at once: enough for every core, and few enough that archives which come meanwhile get their turn.
const COPIES_AT_ONCE: usize = 16;

/// The npm part of what an environment shall be.
pub(crate) struct Part {
    /// For the installer.
    pub(crate) wanted: NodeWanted,
    /// How many archives the store did not have.
    pub(crate) missing: usize,
    /// Files besides the manifests on which it depends; `None` where there are too many to watch.
    pub(crate) inputs: Option<Vec<PathBuf>>,
    node: Chosen,
}

impl Part {
    /// The Node, for people and programs.
    pub(crate) fn report(&self) -> NodeReport {
        self.node.report()
    }
}

/// The machines that packages are installed for: this one, unless the project states others.
///
/// # Errors
/// Where nothing can be said of this machine.
pub(crate) fn machines(npm: &NpmProject) -> Result<Machines, OpsError> {
    Ok(Machines::stated(
        &npm.options.machines,
        &wharf_sys::host::target()?,
    ))
}

/// Which of the selected packages are for this machine.
fn of_here(graph: &Graph, selected: &[bool]) -> Result<Vec<bool>, OpsError> {
    let here = Machines::only(&wharf_sys::host::target()?);
    let packages = graph.packages.iter().zip(selected);
    let of_here = packages.map(|(one, selected)| *selected && here.fit(&one.os, &one.cpu, &one.libc));
    Ok(of_here.collect())
}

/// Which packages of a graph this machine installs, for `node` where that is known.
///
/// # Errors
/// Where a package that is needed is not for this machine.
pub(crate) fn selected(
    npm: &NpmProject,
    graph: &Graph,
    selecting: &Selecting,
    node: Option<Version>,
) -> Result<Selected, OpsError> {
    let selection = Selection {
        dev: !selecting.no_dev,
        optional: !selecting.no_optional,
        ..Selection::default()
    };
    let node = node.map(NodeFit::new);
    select(graph, &selection, &machines(npm)?, node.as_ref()).map_err(|error| OpsError::Tree(Box::new(error)))
}

/// Brings everything into the store and lays it out.
///
/// # Errors
/// Whatever cannot be fetched or verified; the environment stays as it was.
pub(crate) async fn prepare(
    session: &Session,
    project: &Project,
    environment: &Environment,
    lock: &Lock,
    request: &SyncRequest,
    early: Option<Early>,
) -> Result<Option<Part>, OpsError> {
    let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) else {
        return Ok(None);
    };
    let index = session.npm_archives(project, npm)?;
    let mut selecting = request.selecting.clone();
    selecting.no_dev |= npm.options.omit_dev;
    selecting.no_optional |= npm.options.omit_optional;
    let mut early = early;
    let chosen = choose_node(session, project, npm, &index, locked, &selecting, &mut early).await?;
    let selected = selected(npm, &locked.graph, &selecting, Some(chosen.version.clone())).map_err(
        |error| match error {
            OpsError::Tree(error) => OpsError::Tree(asked_by(session, error)),
            other => other,
        },
    )?;
    engines::check(npm, &locked.graph, &selected.packages, &chosen.version)?;
    for (package, reason) in &selected.skipped {
        let label = locked.graph.packages[*package].label();
        session.emit(Event::detail(format!("{label} is left out: {reason}")));
    }
    let mut fetching = Fetching {
        session,
        project,
        npm,
        graph: &locked.graph,
        index: index.clone(),
        store: Arc::clone(session.store()?),
        selecting: &selecting,
        of_here: of_here(&locked.graph, &selected.packages)?,
        selected: selected.packages,
        importers: selected.importers,
        early,
        ahead: environment
            .ahead(session.store()?, link_mode(request.installing))
            .filter(|_| request.effect == Effect::Apply)
            .map(Arc::new),
        seen: Arc::default(),
        fetched: 0,
    };
    let contents = fetching.contents().await?;
    let wanted = fetching.lay_out(contents, &chosen).await?;
    Ok(Some(Part {
        wanted,
        missing: fetching.fetched,
        inputs: inputs(project, &locked.graph, &chosen),
        node: chosen,
    }))
}

/// The Node of the environment. One that is met for the first time is run, and meanwhile comes what the lock's Node would have.
async fn choose_node(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
    index: &NpmIndex,
    locked: &NpmLock,
    selecting: &Selecting,
    early: &mut Option<Early>,
) -> Result<Chosen, OpsError> {
    let mut finding = std::pin::pin!(node::for_environment(session, project, npm, index, locked));
    if remembers(&session.settings().cache)
        && let Ok(chosen) = tokio::time::timeout(AT_ONCE, &mut finding).await
    {
        return chosen;
    }
    let early = match early {
        Some(early) => early,
        None => early.insert(self::early(session, npm)?),
    };
    for package in &locked.graph.packages {
        early.expect(package.name.as_str(), needs(&locked.graph, package));
    }
    let likely = selected(npm, &locked.graph, selecting, locked_node(locked));
    let likely = likely.map_or_else(|_| Vec::new(), |likely| likely.packages);
    let packages = locked.graph.packages.iter().zip(likely);
    for (package, _) in packages.filter(|(_, is_selected)| *is_selected) {
        // On a busy machine the answer may be there by now. Then nothing has to be looked for twice.
        if let Poll::Ready(chosen) = futures::poll!(finding.as_mut()) {
            return chosen;
        }
        let has_needs = package.dependencies.iter().any(|edge| edge.to.is_some());
        early.start_archive(index, Wanted::of(package)?, has_needs);
    }
    finding.await
}

/// For archives that are fetched before the layout is planned: they are unpacked for the homes that the project's settings, and the
/// packages that it asks for, let expect.
///
/// # Errors
/// Where nothing can be said of this machine.
pub(crate) fn early(session: &Session, npm: &NpmProject) -> Result<Early, OpsError> {
    let homes = match (npm.options.layout, npm.options.virtual_store) {
        (NpmLayout::Hoisted, _) | (_, NpmVirtualStore::Project) => Homes::Flat,
        (NpmLayout::Isolated, NpmVirtualStore::Global) => Homes::Shared,
        (NpmLayout::Isolated, NpmVirtualStore::Auto) => Homes::Perhaps,
    };
    let mut early = Early::new(Arc::clone(session.store()?), machines(npm)?, homes);
    let asked = npm.importers.iter().flat_map(|importer| &importer.requirements);
    for requirement in asked {
        early.expect(requirement.alias.as_str(), std::iter::empty());
    }
    Ok(early)
}

/// The names of the packages that a package needs and gets.
fn needs<'g>(graph: &'g Graph, package: &'g Package) -> impl Iterator<Item = &'g str> {
    package.dependencies.iter().filter_map(|edge| match edge.to {
        Some(To::Package(index)) => Some(graph.packages[index].name.as_str()),
        Some(To::Importer(_) | To::Link(_)) | None => None,
    })
}

/// Every file and folder besides the manifests whose change means that a sync may have something to do; `None` where there are
/// too many to watch.
fn inputs(project: &Project, graph: &Graph, chosen: &Chosen) -> Option<Vec<PathBuf>> {
    let mut inputs: Vec<PathBuf> = chosen.watched().into_iter().collect();
    for package in &graph.packages {
        match &package.source {
            Source::Directory { path, .. } => {
                inputs.extend(folders::watched(
                    &project.root.join(path),
                    crate::sync::MOST_WATCHED,
                )?);
            }
            Source::File { path } => inputs.push(project.root.join(path)),
            Source::Registry { .. } | Source::FindLinks { .. } | Source::Url { .. } | Source::Git { .. } => {}
        }
    }
    Some(inputs)
}

/// Brings packages into the store.
struct Fetching<'a> {
    session: &'a Session,
    project: &'a Project,
    npm: &'a NpmProject,
    graph: &'a Graph,
    index: NpmIndex,
    store: Arc<Store>,
    selecting: &'a Selecting,
    selected: Vec<bool>,
    /// Of these the ones that are for this machine: install scripts of others have no place to run.
    of_here: Vec<bool>,
    importers: Vec<bool>,
    early: Option<Early>,
    /// Packages that lie in the project, linked as soon as they are there.
    ahead: Option<Arc<Ahead>>,
    /// What was seen of the packages that came.
    seen: Arc<Seen>,
    fetched: usize,
}

impl Fetching<'_> {
    /// What each package's files are known by. Those that the lock has no digest of are unpacked first: repositories and folders
    /// are what they are today.
    async fn contents(&mut self) -> Result<Vec<Option<ContentKey>>, OpsError> {
        let mut contents = Vec::with_capacity(self.graph.packages.len());
        for (index, package) in self.graph.packages.iter().enumerate() {
            if !self.selected[index] {
                contents.push(None);
                continue;
            }
            contents.push(Some(match package.integrity.first() {
                Some(digest) => ContentKey::of_digest(digest),
                None => self.snapshot(package).await?,
            }));
        }
        Ok(contents)
    }

    /// A package without a digest as it is now, in a home of its own.
    async fn snapshot(&self, package: &Package) -> Result<ContentKey, OpsError> {
        let (unpacked, _) = self.index.unpack(&Wanted::of(package)?).await?;
        let content = ContentKey::of_tree(&unpacked.tree());
        let home = HomeId {
            label: package.label(),
            content,
            graph: wharf_store::GraphKey::PRISTINE,
        };
        let store = Arc::clone(&self.store);
        run_blocking(move || store.place_home(&home, HomeContent::Fresh(unpacked), &[])).await?;
        Ok(content)
    }

    /// Places what the store lacks: archives first, then other homes of the same files. Those of `replaced` packages have others in their
    /// place before the environment is made.
    async fn place(
        &mut self,
        planning: &Planning<'_>,
        missing: Vec<Missing>,
        replaced: &BTreeSet<PackageIndex>,
    ) -> Result<(), OpsError> {
        if missing.is_empty() {
            return Ok(());
        }
        if let Some(early) = &self.early {
            early.release();
        }
        let mut sources: FxHashMap<(String, ContentKey), HomeId> = FxHashMap::default();
        let (mut archives, mut copies, mut copies_of_archives) = (Vec::new(), Vec::new(), Vec::new());
        for one in missing {
            let key = (one.home.label.clone(), one.home.content);
            match (&one.from, sources.get(&key)) {
                (Some(from), _) => copies.push((from.clone(), one)),
                (None, Some(from)) => copies_of_archives.push((from.clone(), one)),
                (None, None) => {
                    sources.insert(key, one.home.clone());
                    archives.push(one);
                }
            }
        }
        self.fetched += archives.len();
        let wanted = archives
            .iter()
            .map(|one| Ok(Wanted::of(&self.graph.packages[one.package])?.flat(one.home.is_flat())));
        let wanted = wanted.collect::<Result<Vec<_>, OpsError>>()?;
        self.report_weak(&wanted);
        let fetches = archives.into_iter().zip(wanted).map(|(one, wanted)| {
            let early = self.early.as_mut();
            let placing = Placing {
                store: Arc::clone(&self.store),
                links: planning.links(one.package),
                ahead: self.ahead.clone().filter(|_| {
                    planning.lies_in_the_project(one.package) && !replaced.contains(&one.package)
                }),
                home: one.home,
                label: self.graph.packages[one.package].label(),
            };
            let started = early.and_then(|early| early.take(&wanted.name, &wanted.version));
            placing.archive(self.index.clone(), wanted, started, Arc::clone(&self.seen))
        });
        let fetches: FuturesUnordered<_> = fetches.collect();
        let copy = |(from, one): (HomeId, Missing)| {
            let placing = Placing {
                store: Arc::clone(&self.store),
                links: planning.links(one.package),
                ahead: None,
                home: one.home,
                label: self.graph.packages[one.package].label(),
            };
            placing.copy(from)
        };
        let copy_all = |copies: Vec<(HomeId, Missing)>| {
            let count = copies.len();
            let running = stream::iter(copies).map(copy).buffer_unordered(COPIES_AT_ONCE);
            finish(self.session, Phase::Stage, count, running)
        };
        let count = fetches.len();
        // Cores are idle now and then while archives are on their way.
        tokio::try_join!(
            finish(self.session, Phase::Fetch, count, fetches),
            copy_all(copies)
        )?;
        copy_all(copies_of_archives).await
    }

    /// Everything in the store and in order.
    async fn lay_out(
        &mut self,
        contents: Vec<Option<ContentKey>>,
        chosen: &Chosen,
    ) -> Result<NodeWanted, OpsError> {
        let graph = self.graph;
        let asking = Asking::new(self, contents);
        let completed = asking.completed(graph);
        self.report_added(&completed);
        let (mut built, not_known) = (BTreeMap::new(), BTreeSet::new());
        let approved = approvals::to_run(self.npm, graph, &self.of_here);
        if !approved.is_empty() {
            let planning = Planning::new(asking.request(self.project, &completed.graph, &built, &not_known));
            let stock = planning.stock(&self.store);
            let runs = |package: &PackageIndex| approvals::runs(&self.store, &graph.packages[*package]);
            let replaced = approved
                .iter()
                .copied()
                .filter(|package| runs(package) != Some(false));
            self.place(&planning, stock.missing, &replaced.collect()).await?;
            let task = approvals::Task {
                project: self.project,
                graph,
                homes: stock.sources,
                packages: approved,
                config: approvals::config(self.session, self.npm),
                chosen,
                system: deb::root::of_builds(self.session, self.project).await?,
            };
            built = approvals::run(self.session, &self.store, task).await?;
        }
        let served;
        let mut planning = Planning::new(asking.request(self.project, &completed.graph, &built, &not_known));
        let mut stock = planning.stock(&self.store);
        if planning.may_serve() {
            // Which files they have is known of packages that are in the store, or were seen to come. What is fetched for that comes with all homes that it needs.
            if stock.missing.iter().any(|one| one.from.is_none()) {
                let missing = std::mem::take(&mut stock.missing);
                self.place(&planning, missing, &BTreeSet::new()).await?;
            }
            served = planning.served(&stock, &self.store, &self.session.settings().cache, &self.seen)?;
            if !served.is_empty() {
                self.report_served(&served);
                planning = Planning::new(asking.request(self.project, &completed.graph, &built, &served));
                stock = planning.stock(&self.store);
            }
        }
        self.place(&planning, stock.missing, &BTreeSet::new()).await?;
        let plan = planning.plan(&stock.sources, &self.store);
        self.report(&plan, asking.why_hoisted.as_deref());
        let packages = graph.packages.iter().zip(&self.selected);
        Ok(NodeWanted {
            roots: plan.roots,
            packages: packages
                .filter(|(_, selected)| **selected)
                .map(|(package, _)| InstalledNode {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    key: package.key(),
                })
                .collect(),
            runtime: chosen.runtime.clone(),
            ahead: self.ahead.clone(),
        })
    }

    fn report_served(&self, served: &BTreeSet<PackageIndex>) {
        let packages = served.iter().map(|package| self.graph.packages[*package].label());
        self.report_packages(
            "npm packages that lie in the project, with those that need them, since their files are served from there alone",
            packages,
        );
    }

    fn report_added(&self, completed: &Completed<'_>) {
        let label = |package: PackageIndex| self.graph.packages[package].label();
        let packages = completed.added.iter();
        self.report_packages(
            "npm packages that get what they load and do not name",
            packages.map(|(package, loaded)| format!("{} ({loaded})", label(*package))),
        );
    }

    /// Names packages, each once, if there are any.
    fn report_packages(&self, words: &str, packages: impl Iterator<Item = String>) {
        let packages: Vec<String> = packages.collect::<BTreeSet<_>>().into_iter().collect();
        if !packages.is_empty() {
            let words = format!("{words}: {}", packages.join(", "));
            self.session.emit(Event::detail(words));
        }
    }

    /// Says once which archives nothing but a weak digest vouches for, or none.
    fn report_weak(&self, wanted: &[Wanted]) {
        let (mut weak, mut bare) = (BTreeSet::new(), BTreeSet::new());
        let is_archive = |one: &&Wanted| matches!(one.source, Source::Registry { .. } | Source::Url { .. });
        for one in wanted.iter().filter(is_archive).filter(|one| one.is_weak()) {
            let list = if one.integrity.is_empty() {
                &mut bare
            } else {
                &mut weak
            };
            list.insert(one.label());
        }
        for (code, list, words) in [
            (
                "npm/weak-digest",
                weak,
                "were checked against a SHA-1 alone, which can be forged",
            ),
            (
                "npm/no-digest",
                bare,
                "came without a digest to check them against",
            ),
        ] {
            if !list.is_empty() {
                let list: Vec<String> = list.into_iter().collect();
                let message = format!(
                    "archives {words}: {} (newer versions usually have a SHA-512)",
                    list.join(", ")
                );
                self.session.emit(Event::warning(code, message));
            }
        }
    }

    fn report(&self, plan: &NodePlan, why_hoisted: Option<&str>) {
        approvals::report_skipped(self.session, &self.store, self.npm, self.graph, &self.of_here);
        for conflict in &plan.bin_conflicts {
            let message = format!(
                "the command `{}` comes with {} and with {}; the former's is installed in {}",
                conflict.command, conflict.kept, conflict.hidden, conflict.folder
            );
            self.session.emit(Event::warning("npm/command-conflict", message));
        }
        if let Some(reason) = &plan.why_project {
            let words = format!("npm packages lie in the project, not in the shared store: {reason}");
            self.session.emit(Event::detail(words));
        }
        if let Some(reason) = why_hoisted {
            let words = format!("npm packages are hoisted: {reason}");
            self.session.emit(Event::detail(words));
        }
    }
}

/// What layouts are asked, owned.
struct Asking {
    selected: Vec<bool>,
    importers: Vec<bool>,
    omit: Vec<EdgeKind>,
    contents: Vec<Option<ContentKey>>,
    options: NpmOptions,
    bundled: Vec<(usize, String)>,
    layout: Layout,
    /// Why that is the layout, where the project did not say so.
    why_hoisted: Option<String>,
    public_hoist: Vec<String>,
}

impl Asking {
    fn new(fetching: &Fetching<'_>, contents: Vec<Option<ContentKey>>) -> Self {
        let mut omit = Vec::new();
        omit.extend(fetching.selecting.no_dev.then_some(EdgeKind::Dev));
        omit.extend(fetching.selecting.no_optional.then_some(EdgeKind::Optional));
        let options = fetching.npm.options.clone();
        let automatic =
            options.layout == NpmLayout::Isolated && options.virtual_store == NpmVirtualStore::Auto;
        let bundled = bundled(fetching.npm, fetching.graph);
        let why_hoisted = || layout::why_hoisted(fetching.graph, &bundled);
        let why_hoisted = automatic.then(why_hoisted).flatten();
        let needed = || layout::public_hoist(fetching.graph);
        Self {
            layout: match options.layout {
                NpmLayout::Isolated if why_hoisted.is_none() => Layout::Isolated,
                NpmLayout::Isolated | NpmLayout::Hoisted => Layout::Hoisted,
            },
            why_hoisted,
            public_hoist: options.public_hoist.clone().unwrap_or_else(needed),
            selected: fetching.selected.clone(),
            importers: fetching.importers.clone(),
            omit,
            contents,
            bundled,
            options,
        }
    }

    /// The graph, with what packages load and do not name where they would not find it.
    fn completed<'g>(&self, graph: &'g Graph) -> Completed<'g> {
        let finds_all =
            self.layout == Layout::Hoisted || self.options.virtual_store == NpmVirtualStore::Project;
        let selected = if finds_all { &[][..] } else { &self.selected };
        Completed::new(graph, selected)
    }

    fn request<'a>(
        &'a self,
        project: &'a Project,
        graph: &'a Graph,
        built: &'a BTreeMap<PackageIndex, ContentKey>,
        served: &'a BTreeSet<PackageIndex>,
    ) -> Request<'a> {
        Request {
            graph,
            selected: &self.selected,
            importers: &self.importers,
            omit: &self.omit,
            contents: &self.contents,
            layout: self.layout,
            virtual_store: match self.options.virtual_store {
                NpmVirtualStore::Auto => VirtualStore::Auto,
                NpmVirtualStore::Global => VirtualStore::Global,
                NpmVirtualStore::Project => VirtualStore::Project,
            },
            public_hoist: &self.public_hoist,
            writable: &self.options.writable,
            bundled: &self.bundled,
            built,
            served,
            root: &project.root,
        }
    }
}

/// What the project and its members bundle, each as the importer of the graph and its alias.
fn bundled(npm: &NpmProject, graph: &Graph) -> Vec<(usize, String)> {
    let bundling = npm.importers.iter().filter(|own| !own.bundled.is_empty());
    let found = bundling.filter_map(|own| {
        let importer = graph.importers.iter().position(|one| one.path == own.path)?;
        Some((importer, &own.bundled))
    });
    found
        .flat_map(|(importer, aliases)| aliases.iter().map(move |alias| (importer, alias.clone())))
        .collect()
}

/// One home that is to be placed.
struct Placing {
    store: Arc<Store>,
    home: HomeId,
    links: Vec<HomeLink>,
    /// Where its files are linked for the project at once.
    ahead: Option<Arc<Ahead>>,
    label: String,
}

impl Placing {
    /// From an archive: the one that is under way already, or a fresh one.
    async fn archive(
        self,
        index: NpmIndex,
        wanted: Wanted,
        started: Option<Started>,
        seen: Arc<Seen>,
    ) -> Result<String, OpsError> {
        let under_way = match started {
            Some(started) => started.finish().await,
            None => None,
        };
        let unpacked = match under_way {
            Some(unpacked) => unpacked,
            None => index.unpack(&wanted).await?.0,
        };
        seen.look_at(self.home.content, &unpacked);
        self.put(HomeContent::Fresh(unpacked)).await
    }

    /// From another home with the same files.
    async fn copy(self, from: HomeId) -> Result<String, OpsError> {
        self.put(HomeContent::Existing(from)).await
    }

    async fn put(self, content: HomeContent) -> Result<String, OpsError> {
        let Self {
            store,
            home,
            links,
            ahead,
            label,
        } = self;
        // Where archives are unpacked: more threads than cores would wait for each other in the file system.
        run_compute(move || match ahead {
            Some(ahead) => ahead.place(&store, &home, content, &links),
            None => store.place_home(&home, content, &links),
        })
        .await?;
        Ok(label)
    }
}

/// Waits for all of so many, and tells how far it is.
async fn finish(
    session: &Session,
    phase: Phase,
    count: usize,
    running: impl Stream<Item = Result<String, OpsError>>,
) -> Result<(), OpsError> {
    if count == 0 {
        return Ok(());
    }
    let mut running = std::pin::pin!(running);
    let total = Some(count as u64);
    session.emit(Event::PhaseStarted { phase, total });
    let mut done = 0;
    while let Some(label) = session
        .cancel()
        .or(running.next())
        .await
        .ok_or(OpsError::Interrupted)?
    {
        let detail = Some(label?);
        done += 1;
        session.emit(Event::PhaseProgress {
            phase,
            done,
            total,
            detail,
        });
    }
    session.emit(Event::PhaseFinished { phase, done });
    Ok(())
}
