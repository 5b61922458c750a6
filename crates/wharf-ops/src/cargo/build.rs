//! Tools: taken from the generation that stands, from the store, prebuilt, or built.
//!
//! Invariant: a tool that stands and was built from the same crate, features and graph stays, whatever compiler is there
//! now; nothing is compiled without need. Builds run one after the other, each with what the governor has to give.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::{Algorithm, Ecosystem, Event, PackageName};
use wharf_crates::{Patch, Previous, Problem};
use wharf_ecosystem::cargo::{Dependency, DependencyKind, LockedCrate, LockedId, SourceId, Summary};
use wharf_index::Refresh;
use wharf_index::cargo::{CratesIndex, Wanted};
use wharf_install::generation::CommandsPart;
use wharf_install::layout::{Content, Item};
use wharf_install::rust::{
    self, Built, Crate, CrateContent, Repository, Request, RustError, Surroundings, Toolchain,
};
use wharf_install::{CommandsWanted, InstalledTool};
use wharf_project::cargo::MANIFEST;
use wharf_project::lock::LockedTool;
use wharf_project::{CargoConfig, CargoTools, Lock, PrebuiltPolicy, Project};
use wharf_store::{Hasher, Kind, Store, TreeId};
use wharf_sys::{Permit, Work, run_blocking};

use super::error::CargoError;
use super::known::Known;
use super::prebuilt::{self, Had, Prebuilts};
use super::repository::{self, Members};
use super::solve::solve;
use super::sync::fetch;
use super::workspace::{pinned, shown_version};
use crate::error::OpsError;
use crate::request::Effect;
use crate::sandbox::Asked;
use crate::session::Session;

/// The commands of a project's tools, and how many archives the store lacked.
///
/// # Errors
/// A tool cannot be had or built; two of them have a command of one name.
pub(crate) async fn tools(
    session: &Session,
    project: &Project,
    tools: &CargoTools,
    lock: &Lock,
    standing: Option<&CommandsPart>,
    effect: Effect,
) -> Result<(Option<CommandsWanted>, usize), OpsError> {
    let index = session.crates_index(&tools.config, Refresh::Nothing)?;
    let store = Arc::clone(session.store()?);
    let mut workshop = Workshop {
        session,
        config: &tools.config,
        index: index.clone(),
        store: Arc::clone(&store),
        toolchain: None,
        project,
        prebuilts: Prebuilts {
            session,
            project,
            config: &tools.config,
            index,
            store: Arc::clone(&store),
        },
        fetched: 0,
    };
    let mut wanted = CommandsWanted::default();
    let mut owners: BTreeMap<String, PackageName> = BTreeMap::new();
    for tool in lock.cargo.iter().flat_map(|cargo| &cargo.tools) {
        let request = request(tool, &store);
        let Had { built, key } = match kept(&request, standing, &store, project.policy.prebuilt) {
            Some(had) => had,
            None if effect == Effect::DryRun => unbuilt(tool, &request, &mut wanted),
            None => workshop.have(tool, request.clone()).await?,
        };
        for command in &built.commands {
            if let Some(other) = owners.insert(command.clone(), tool.root.name.clone()) {
                return Err(CargoError::SameCommand {
                    command: command.clone(),
                    packages: [other, tool.root.name.clone()],
                }
                .into());
            }
        }
        if effect == Effect::Apply || !built.commands.is_empty() {
            wanted.items.extend(items(&built, &store)?);
        }
        wanted.tools.push(InstalledTool {
            name: tool.root.name.clone(),
            version: shown_version(&tool.root),
            key,
            commands: built.commands,
            tree: built.tree,
        });
    }
    Ok(((!wanted.tools.is_empty()).then_some(wanted), workshop.fetched))
}

/// The tool as the standing generation has it, if it was made from the same.
fn kept(
    request: &Request,
    standing: Option<&CommandsPart>,
    store: &Store,
    policy: PrebuiltPolicy,
) -> Option<Had> {
    let standing = standing?;
    let key = request.key().hex();
    match standing.tools.iter().find(|tool| tool.key == key) {
        Some(known) => {
            let built = rust::build::standing(known.tree, store)?;
            Some(Had { built, key })
        }
        None => prebuilt::kept(request, standing, store, policy),
    }
}

/// What stands for a tool in a plan that nobody carries out: which commands it has is not known before it is built.
fn unbuilt(tool: &LockedTool, request: &Request, wanted: &mut CommandsWanted) -> Had {
    wanted.items.push(Item {
        path: tool.root.label(),
        content: Content::Directory,
    });
    let built = Built {
        tree: TreeId::of(&[]),
        commands: Vec::new(),
    };
    Had {
        built,
        key: request.key().hex(),
    }
}

/// The executables of a tool.
fn items(built: &Built, store: &Store) -> Result<Vec<Item>, OpsError> {
    let tree = store.tree(&built.tree)?;
    let items = tree.entries.into_iter().filter_map(|entry| match entry.kind {
        Kind::File {
            object,
            size,
            executable,
        } => Some(Item {
            path: entry.path.as_str().to_owned(),
            content: Content::Object {
                tree: Some(built.tree),
                id: object,
                size,
                executable,
            },
        }),
        Kind::Link(_) => None,
    });
    Ok(items.collect())
}

/// What is built, without its graph, and for a tool from a repository without its files.
fn request(tool: &LockedTool, store: &Store) -> Request {
    let source = tool.source();
    let (home, checksum) = match Wanted::of_locked(&tool.root) {
        Some(wanted) => (store.crate_folder(&wanted.id()), wanted.checksum),
        // The commit, which is part of the source, decides them as much as a checksum.
        None => {
            let text = source.to_string();
            (PathBuf::new(), Hasher::digest(Algorithm::Sha256, text.as_bytes()))
        }
    };
    let asked = &tool.request;
    Request {
        name: tool.root.name.to_string(),
        version: tool.version().clone(),
        index: (source.is_registry() && !source.is_crates_io()).then(|| source.to_string()),
        features: asked.features.clone(),
        all_features: asked.all_features,
        no_default_features: !asked.default_features,
        bins: asked.bins.clone(),
        home,
        checksum,
        repository: None,
        lock: tool.cargo_lock().print(),
        crates: Vec::new(),
        sources: Vec::new(),
    }
}

/// Where tools are had.
struct Workshop<'a> {
    session: &'a Session,
    config: &'a CargoConfig,
    index: CratesIndex,
    store: Arc<Store>,
    toolchain: Option<Arc<Toolchain>>,
    project: &'a Project,
    prebuilts: Prebuilts<'a>,
    fetched: usize,
}

impl Workshop<'_> {
    /// A tool out of the store, prebuilt, or built. That there is no compiler counts only in the last case.
    async fn have(&mut self, tool: &LockedTool, request: Request) -> Result<Had, OpsError> {
        if let Some(had) = self.prebuilts.known(tool, &request) {
            return Ok(had);
        }
        let key = request.key().hex();
        let toolchain = self.toolchain(&request.label()).await;
        if let Ok(toolchain) = &toolchain
            && let Some(built) = rust::build::known(&request, toolchain, &self.store)
        {
            return Ok(Had { built, key });
        }
        // Boxed: what waits in a registry of another ecosystem is deep.
        if let Some(had) = Box::pin(self.prebuilts.find(tool, &request)).await? {
            self.fetched += 1;
            return Ok(had);
        }
        let toolchain = toolchain?;
        let words = format!(
            "building with Rust {} ({})",
            toolchain.version,
            toolchain.rustc.display()
        );
        self.session.emit(Event::detail(words));
        let built = self.built(tool, request, toolchain).await?;
        Ok(Had { built, key })
    }

    /// A tool that is built.
    async fn built(
        &mut self,
        tool: &LockedTool,
        mut request: Request,
        toolchain: Arc<Toolchain>,
    ) -> Result<Built, OpsError> {
        let wants = |_: &LockedCrate| format!("the tool {}", tool.root.name);
        let repositories = Members::bring(self.session, &self.index, self.config, tool.all(), wants).await?;
        self.fetched += repositories.missing;
        if let Some(member) = repositories.of(&tool.root) {
            request.home.clone_from(&member.folder);
            let patches = repository::patches(member, self.config)?.into_iter();
            let used = patches.filter(|patch| takes_part(patch, tool));
            request.repository = Some(Repository {
                source: tool.source().clone(),
                patches: used.map(|patch| (patch.of, patch.dependency)).collect(),
                workspace: std::fs::read_to_string(member.workspace.join(MANIFEST)).unwrap_or_default(),
            });
        }
        let graph = Graph::read(&self.index, tool, &repositories).await;
        let needed = self.needed(&request, tool, &graph, &toolchain).await?;
        check_compiler(&request, &graph, &needed, &toolchain)?;
        let homes = needed
            .iter()
            .filter_map(|at| Wanted::of_locked(graph.packages[*at]));
        self.fetched += fetch(self.session, &self.index, homes.collect()).await?;
        let root = tool.root.id();
        one_of_each(tool)?;
        for (at, package) in graph
            .packages
            .iter()
            .enumerate()
            .filter(|(_, package)| package.id() != root)
        {
            let content = match (
                needed.contains(&at),
                &graph.summaries[at],
                (repositories.of(package), Wanted::of_locked(package)),
            ) {
                (_, _, (Some(member), _)) => CrateContent::Home(member.folder.clone()),
                (false, Some(summary), _) => CrateContent::Listed(Arc::clone(summary)),
                (_, _, (None, Some(wanted))) => CrateContent::Home(self.store.crate_folder(&wanted.id())),
                (_, _, (None, None)) => {
                    return Err(CargoError::NoChecksum {
                        package: package.label(),
                        source_id: tool.source().to_string(),
                    }
                    .into());
                }
            };
            request.crates.push(Crate {
                name: package.name.to_string(),
                version: package.version.clone(),
                content,
            });
        }
        request.sources = sources(tool);
        self.build(request, toolchain).await
    }

    /// The packages that this machine compiles: what the features that are asked for lead to, here. Where the index cannot
    /// say that, all of them.
    async fn needed(
        &self,
        request: &Request,
        tool: &LockedTool,
        graph: &Graph<'_>,
        toolchain: &Toolchain,
    ) -> Result<BTreeSet<usize>, OpsError> {
        let everything = || (0..graph.packages.len()).collect();
        let Some(summary) = graph.summaries.first().cloned().flatten() else {
            return Ok(everything());
        };
        let patches = request
            .repository
            .iter()
            .flat_map(|repository| &repository.patches);
        let patches = patches.map(|(of, dependency)| Patch {
            of: of.clone(),
            dependency: dependency.clone(),
        });
        let problem = Problem {
            patches: patches.collect(),
            previous: Some(Previous::kept(Arc::new(tool.cargo_lock()))),
            ..Problem::new(vec![super::tools::root(&tool.request, summary)])
        };
        let mut known = Known::new(self.index.clone(), self.config, None).pinning(pinned(&problem));
        let Ok(outcome) = solve(self.session, &problem, &mut known).await else {
            return Ok(everything());
        };
        let machine = toolchain.machine()?;
        let places: BTreeMap<LockedId, usize> = graph
            .packages
            .iter()
            .enumerate()
            .map(|(at, package)| (package.id(), at))
            .collect();
        let (mut seen, mut needed) = (BTreeSet::new(), BTreeSet::new());
        let mut queue: VecDeque<usize> = outcome.roots().collect();
        while let Some(at) = queue.pop_front() {
            if !seen.insert(at) {
                continue;
            }
            let package = &outcome.packages[at];
            let summary = &package.summary;
            let id = LockedCrate::new(
                summary.name.clone(),
                summary.version.clone(),
                Some(summary.source.clone()),
            )
            .id();
            match places.get(&id) {
                Some(place) => drop(needed.insert(*place)),
                // The index has changed since: what the lock says is all that counts.
                None => return Ok(everything()),
            }
            queue.extend(
                package
                    .needs()
                    .filter(|(need, _)| counts(need, &machine))
                    .map(|(_, to)| to),
            );
        }
        Ok(needed)
    }

    /// The compiler, looked for once.
    async fn toolchain(&mut self, label: &str) -> Result<Arc<Toolchain>, OpsError> {
        if let Some(found) = &self.toolchain {
            return Ok(Arc::clone(found));
        }
        let surroundings = Surroundings {
            project: Some(self.project.root.clone()),
            ..Surroundings::from_env()
        };
        let found = run_blocking(move || surroundings.find()).await;
        let found = Arc::new(found.map_err(|looked| RustError::NoCompiler {
            package: label.to_owned(),
            looked,
        })?);
        self.toolchain = Some(Arc::clone(&found));
        Ok(found)
    }

    async fn build(&self, request: Request, toolchain: Arc<Toolchain>) -> Result<Built, OpsError> {
        let asked = Asked::of(self.session, self.project)?;
        let strength = asked.strength().await?;
        let name = PackageName::new(Ecosystem::Cargo, &request.name);
        let network = asked.network(name.ok().as_ref());
        let permits = self.permits().await;
        let session = self.session;
        let (store, sinks, cancel) = (
            Arc::clone(&self.store),
            Arc::clone(session.sinks()),
            session.cancel().flag(),
        );
        let logs = session.settings().cache.join("logs");
        let work = move || {
            let running = rust::build::Running {
                toolchain: &toolchain,
                store: &store,
                jobs: permits.len(),
                strength,
                network,
                logs: &logs,
                sinks: &sinks,
                cancel: &cancel,
            };
            rust::build(&request, &running)
        };
        // Awaited to its end even after an interrupt: it looks at the flag itself and stops the compiler.
        Ok(run_blocking(work).await?)
    }

    /// As many permits as are to be had now, one at least.
    async fn permits(&self) -> Vec<Permit> {
        let governor = self.session.governor();
        let mut permits = vec![governor.permit(Work::Build).await];
        permits.extend(std::iter::from_fn(|| governor.try_permit(Work::Build)));
        permits
    }
}

/// The registries and repositories besides crates.io that a graph names.
fn sources(tool: &LockedTool) -> Vec<SourceId> {
    let sources = tool.all().filter_map(|package| package.source.as_ref());
    let sources: BTreeSet<_> = sources.filter(|source| !source.is_crates_io()).collect();
    sources.into_iter().cloned().collect()
}

/// Whether what a patch offers is in a tool's graph. cargo would note one that is not in its lock, which is not to change.
fn takes_part(patch: &Patch, tool: &LockedTool) -> bool {
    let dependency = &patch.dependency;
    tool.crates.iter().any(|package| {
        package.name == dependency.package && package.source.as_ref() == Some(&dependency.source)
    })
}

/// cargo knows a crate of a directory source by name and version alone.
fn one_of_each(tool: &LockedTool) -> Result<(), CargoError> {
    let mut seen: BTreeMap<String, &LockedCrate> = BTreeMap::new();
    for package in tool.all() {
        if let Some(other) = seen.insert(package.label(), package) {
            let source = |package: &LockedCrate| {
                package
                    .source
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string)
            };
            return Err(CargoError::Twice {
                tool: tool.root.label(),
                package: package.label(),
                sources: [source(other), source(package)],
            });
        }
    }
    Ok(())
}

/// A tool's graph with what the index says of each crate, as far as that can be had.
struct Graph<'a> {
    packages: Vec<&'a LockedCrate>,
    summaries: Vec<Option<Arc<Summary>>>,
}

impl<'a> Graph<'a> {
    async fn read(index: &CratesIndex, tool: &'a LockedTool, repositories: &Members) -> Self {
        let packages: Vec<&LockedCrate> = tool.all().collect();
        let look = packages.iter().map(async |package| {
            if let Some(member) = repositories.of(package) {
                return Some(Arc::new(member.summary.clone()));
            }
            let versions = index
                .versions(package.source.as_ref()?, &package.name)
                .await
                .ok()?;
            versions.summary(versions.find(&package.version)?).ok()
        });
        let summaries = futures::future::join_all(look).await;
        Self { packages, summaries }
    }
}

/// Whether a need of a crate counts on this machine.
fn counts(need: &Dependency, machine: &rust::Machine) -> bool {
    need.kind != DependencyKind::Dev && need.target.as_ref().is_none_or(|target| machine.is(target))
}

/// Refuses before anything is fetched or compiled.
fn check_compiler(
    request: &Request,
    graph: &Graph<'_>,
    needed: &BTreeSet<usize>,
    toolchain: &Toolchain,
) -> Result<(), RustError> {
    let needed = needed.iter().filter_map(|at| graph.summaries[*at].as_ref());
    let asking = needed.filter_map(|summary| Some((summary.rust_version?, summary)));
    let beyond = asking.filter(|(asked, _)| !asked.fits(toolchain.version));
    let Some((asked, worst)) =
        beyond.max_by_key(|(asked, summary)| (*asked, summary.name.as_str() == request.name))
    else {
        return Ok(());
    };
    Err(RustError::TooOld {
        package: request.label(),
        wanted: asked.to_string(),
        found: toolchain.version.to_string(),
        rustc: toolchain.rustc.clone(),
        culprit: (worst.name.as_str() != request.name).then(|| format!("{} {}", worst.name, worst.version)),
    })
}
