//! The tools of `wharf.lock`: each with a version, and with the whole graph that it is built from.
//!
//! A tool's graph is the one that its author locked, where the crate brings a `Cargo.lock`, as far as the registry still has
//! it; otherwise the newest versions that fit. Invariant: a tool that answers what is asked of it stays as it is locked.

use std::sync::Arc;

use futures::stream::{StreamExt, TryStreamExt};
use wharf_core::{Ecosystem, Event};
use wharf_crates::{
    DevDependencies, Outcome, Patch, Previous, Problem, Root, RootFeatures, RustVersions, lock_of,
};
use wharf_ecosystem::cargo::{
    CargoLock, CrateVersions, FeatureValue, LockedCrate, Manifest, RustVersion, SourceId, Summary, VersionRow,
};
use wharf_index::IndexError;
use wharf_index::cargo::{CratesIndex, Wanted};
use wharf_install::rust::{RustError, Surroundings};
use wharf_project::lock::{GraphOrigin, LockedTool, ToolRequest, ToolsLock};
use wharf_project::{CargoMember, CargoTool, CargoTools, Lock, Project};
use wharf_store::{CrateId, Store};
use wharf_sys::run_blocking;

use super::error::CargoError;
use super::known::Known;
use super::repository;
use super::solve::solve;
use super::workspace::{cooldown, pinned, refresh};
use crate::error::OpsError;
use crate::request::Upgrade;
use crate::session::Session;

/// How many tools are solved at once.
const AT_ONCE: usize = 8;

/// The tools of a lock, brought up to date.
pub(crate) enum Part {
    /// The project has none.
    Nothing,
    /// The old ones answer it.
    Kept,
    /// These do.
    Solved(ToolsLock),
}

/// Solves where the old lock does not answer the project, or an upgrade is wanted.
///
/// # Errors
/// A tool cannot be had, or nothing answers what it needs.
pub(crate) async fn update(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
) -> Result<Part, OpsError> {
    let Some(tools) = &project.cargo_tools else {
        return Ok(Part::Nothing);
    };
    let locked = old.and_then(|lock| lock.cargo.as_ref());
    let answers = old.is_some_and(|lock| lock.cargo.is_some() && lock.stale_tools(project).is_none());
    if answers && !upgrade.concerns(Ecosystem::Cargo) {
        return Ok(Part::Kept);
    }
    let solver = Solver {
        session,
        project,
        tools,
        index: session.crates_index(&tools.config, refresh(upgrade))?,
        compiler: compiler(project).await,
    };
    let each = tools.tools.iter().map(|tool| {
        let before = locked.and_then(|locked| locked.tool(&tool.name));
        solver.tool(tool, before, upgrade)
    });
    let done: Vec<LockedTool> = futures::stream::iter(each)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Part::Solved(ToolsLock { tools: done }))
}

/// The compiler of this machine, where there is one: of two versions the one that it can build is preferred.
async fn compiler(project: &Project) -> Option<RustVersion> {
    let surroundings = Surroundings {
        project: Some(project.root.clone()),
        ..Surroundings::from_env()
    };
    let found = run_blocking(move || surroundings.find()).await;
    found.ok().map(|toolchain| toolchain.version)
}

/// What all tools are solved with.
struct Solver<'a> {
    session: &'a Session,
    project: &'a Project,
    tools: &'a CargoTools,
    index: CratesIndex,
    compiler: Option<RustVersion>,
}

impl Solver<'_> {
    async fn tool(
        &self,
        tool: &CargoTool,
        before: Option<&LockedTool>,
        upgrade: &Upgrade,
    ) -> Result<LockedTool, OpsError> {
        let request = ToolRequest::of(tool);
        let stays = before.filter(|before| before.request == request && !upgrade.includes(&tool.name));
        if let Some(before) = stays {
            return Ok(before.clone());
        }
        let source = tool.source_id(&self.tools.config)?;
        let kept = before.filter(|_| !upgrade.includes(&tool.name));
        if !source.is_registry() {
            return Box::pin(self.of_repository(tool, request, &source, kept)).await;
        }
        let versions = self
            .session
            .cancel()
            .or(self.index.versions(&source, &tool.name))
            .await;
        let versions = versions
            .ok_or(OpsError::Interrupted)?
            .map_err(|cause| unavailable(tool, cause))?;
        let summary = self.choose(tool, &versions, kept)?;
        self.tell_skipped(&versions);
        let files = self.fetch(&summary).await?;
        let found = Found {
            packaged: match tool.locked {
                true => self.packaged(&files)?,
                false => None,
            },
            summary,
            patches: Vec::new(),
        };
        self.locked(tool, request, kept, found).await
    }

    /// The graph of a tool whose version is known.
    async fn locked(
        &self,
        tool: &CargoTool,
        request: ToolRequest,
        kept: Option<&LockedTool>,
        found: Found,
    ) -> Result<LockedTool, OpsError> {
        let graph = match found.packaged {
            Some(_) => GraphOrigin::Packaged,
            None => GraphOrigin::Resolved,
        };
        // Our own choice is kept where it was ours before.
        let own = kept.filter(|kept| kept.graph == GraphOrigin::Resolved);
        let previous = found.packaged.or_else(|| own.map(LockedTool::cargo_lock));
        let (outcome, lock) = self.graph(tool, found.summary, previous, found.patches).await?;
        self.tell_yanked(tool, &outcome);
        Ok(locked_tool(request, graph, &outcome, lock))
    }

    /// A tool at what a repository's branch or tag is now, or at the commit that is locked.
    async fn of_repository(
        &self,
        tool: &CargoTool,
        request: ToolRequest,
        source: &SourceId,
        kept: Option<&LockedTool>,
    ) -> Result<LockedTool, OpsError> {
        let kept = kept.filter(|kept| kept.source() == source);
        let at = kept.map_or(source, LockedTool::source);
        let laid = repository::laid(&self.index, &self.tools.config, at).await;
        let laid = laid.map_err(|cause| unavailable(tool, cause))?;
        let member = laid
            .members
            .iter()
            .find(|member| member.summary.name == tool.name);
        let member = member.ok_or_else(|| CargoError::NotInRepository {
            package: tool.name.to_string(),
            source_id: source.at_commit(Some(&laid.repository.commit)).to_string(),
            wanted_by: tool.origin.to_string(),
        })?;
        if !tool.req.matches(&member.summary.version) {
            return Err(CargoError::NoVersion {
                asked: tool.to_string(),
                origin: tool.origin.to_string(),
                reason: format!("{source} has {}", member.summary.version),
            }
            .into());
        }
        if member.bins.is_empty() {
            return Err(RustError::NoCommands {
                package: member.summary.label(),
                features: Vec::new(),
            }
            .into());
        }
        let found = Found {
            packaged: match tool.locked {
                true => self.packaged_in(member)?,
                false => None,
            },
            summary: Arc::new(member.summary.clone()),
            patches: repository::patches(member, &self.tools.config)?,
        };
        self.locked(tool, request, kept, found).await
    }

    /// The lock of the workspace in a repository. What it knows as folders comes from the repository here.
    fn packaged_in(&self, member: &CargoMember) -> Result<Option<CargoLock>, OpsError> {
        let path = member.workspace.join("Cargo.lock");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpsError::io("read", path)(error)),
        };
        let lock = self.parsed(&text, &member.summary.label());
        Ok(lock.map(|mut lock| {
            let source = &member.summary.source;
            for package in &mut lock.packages {
                let needs = package.dependencies.iter_mut().map(|need| &mut need.source);
                for place in needs.chain([&mut package.source]) {
                    place.get_or_insert_with(|| source.clone());
                }
            }
            lock
        }))
    }

    /// The version of the tool: the locked one while it answers, otherwise the newest that this machine's compiler can
    /// build, otherwise the newest.
    fn choose(
        &self,
        tool: &CargoTool,
        versions: &CrateVersions,
        kept: Option<&LockedTool>,
    ) -> Result<Arc<Summary>, OpsError> {
        let limits = cooldown(self.project);
        let rows = versions.rows().iter().enumerate();
        let in_range: Vec<(usize, &VersionRow)> =
            rows.filter(|(_, row)| tool.req.matches(&row.version)).collect();
        let open = |row: &VersionRow| !row.yanked && limits.allows(&tool.name, row.published);
        let builds = |row: &VersionRow| match (self.compiler, row.rust_version) {
            (Some(compiler), Some(asked)) => asked.fits(compiler),
            _ => true,
        };
        let best = in_range
            .iter()
            .filter(|(_, row)| open(row) || kept.is_some_and(|kept| *kept.version() == row.version))
            .max_by_key(|(_, row)| {
                let kept = kept.is_some_and(|kept| *kept.version() == row.version);
                (kept, builds(row), row.version.clone())
            });
        if let Some((at, _)) = best {
            let summary = versions.summary(*at).map_err(|error| CargoError::IndexLine {
                name: tool.name.clone(),
                version: versions.rows()[*at].version.to_string(),
                reason: error.to_string(),
            });
            return Ok(summary?);
        }
        let yanked = in_range.iter().filter(|(_, row)| row.yanked).count();
        Err(CargoError::NoVersion {
            asked: tool.to_string(),
            origin: tool.origin.to_string(),
            reason: match (in_range.len(), yanked) {
                (0, _) => newest(versions),
                (all, yanked) if all == yanked => "every version in that range is yanked".to_owned(),
                _ => format!(
                    "every version in that range is too young for {}",
                    cutoff_words(self.project)
                ),
            },
        }
        .into())
    }

    /// The tool's own files, in the store.
    async fn fetch(&self, summary: &Summary) -> Result<CrateId, OpsError> {
        let wanted = Wanted::of(summary).ok_or_else(|| CargoError::IndexLine {
            name: summary.name.clone(),
            version: summary.version.to_string(),
            reason: "it has no checksum".to_owned(),
        })?;
        let id = wanted.id();
        super::sync::fetch(self.session, &self.index, vec![wanted]).await?;
        match has_commands(self.session.store()?, &id) {
            true => Ok(id),
            false => Err(RustError::NoCommands {
                package: format!("{} {}", summary.name, summary.version),
                features: Vec::new(),
            }
            .into()),
        }
    }

    /// The lock that the crate brings.
    fn packaged(&self, id: &CrateId) -> Result<Option<CargoLock>, OpsError> {
        let store = self.session.store()?;
        let path = store.crate_folder(id).join("Cargo.lock");
        let text = store
            .crate_file(id, "Cargo.lock")
            .map_err(OpsError::io("read", &path))?;
        let Some(text) = text else { return Ok(None) };
        Ok(self.parsed(&text, &id.label()))
    }

    fn parsed(&self, lock: &[u8], of: &str) -> Option<CargoLock> {
        match CargoLock::parse(&String::from_utf8_lossy(lock)) {
            Ok(lock) => Some(lock),
            Err(error) => {
                let message = format!("the Cargo.lock that {of} brings is left alone: {error}");
                self.session.emit(Event::warning("cargo/packaged-lock", message));
                None
            }
        }
    }

    async fn graph(
        &self,
        tool: &CargoTool,
        summary: Arc<Summary>,
        previous: Option<CargoLock>,
        patches: Vec<Patch>,
    ) -> Result<(Outcome, CargoLock), OpsError> {
        // What is asked for has to be there by itself. cargo reads a lock of all features, whichever are built.
        let asked = root(&ToolRequest::of(tool), Arc::clone(&summary));
        let all = Root {
            features: RootFeatures::All,
            ..asked.clone()
        };
        let problem = Problem {
            patches,
            previous: previous.clone().map(|lock| Previous::kept(Arc::new(lock))),
            rust_versions: self
                .compiler
                .map_or(RustVersions::Ignore, |one| RustVersions::Prefer(vec![one])),
            cooldown: cooldown(self.project),
            ..Problem::new(vec![asked])
        };
        let mut known = Known::new(self.index.clone(), &self.tools.config, None).pinning(pinned(&problem));
        let first = solve(self.session, &problem, &mut known).await?;
        let outcome = match all.summary.features.is_empty() {
            true => first,
            false => {
                let whole = Problem {
                    roots: vec![all],
                    ..problem
                };
                solve(self.session, &whole, &mut known).await?
            }
        };
        let lock = lock_of(&outcome, previous.as_ref(), None).map_err(CargoError::Checksum)?;
        Ok((outcome, lock))
    }

    fn tell_skipped(&self, versions: &CrateVersions) {
        for skipped in versions.skipped() {
            let message = format!(
                "the index of {} has a line that is left out: {skipped}",
                versions.name()
            );
            self.session.emit(Event::warning("cargo/index-line", message));
        }
    }

    /// An author's lock may name what was withdrawn since: it is used, as cargo does, and told.
    fn tell_yanked(&self, tool: &CargoTool, outcome: &Outcome) {
        for package in outcome.packages.iter().filter(|package| package.summary.yanked) {
            let message = format!(
                "{} was yanked, and the lock of {} names it",
                package.summary.label(),
                tool.name
            );
            self.session.emit(Event::warning("cargo/yanked", message));
        }
    }
}

/// A tool at its version.
struct Found {
    summary: Arc<Summary>,
    /// The lock that it brings, where that is to be kept to.
    packaged: Option<CargoLock>,
    patches: Vec<Patch>,
}

fn unavailable(tool: &CargoTool, cause: IndexError) -> OpsError {
    OpsError::Unavailable {
        what: format!("{tool}, which {} asks for, cannot be had: {cause}", tool.origin),
        cause,
    }
}

/// The tool as the root of its own graph, with the features that are asked for.
pub(crate) fn root(request: &ToolRequest, summary: Arc<Summary>) -> Root {
    Root {
        features: match request.all_features {
            true => RootFeatures::All,
            false => RootFeatures::Some {
                features: request
                    .features
                    .iter()
                    .map(|feature| FeatureValue::parse(feature))
                    .collect(),
                default: request.default_features,
            },
        },
        dev: DevDependencies::Leave,
        summary,
    }
}

/// Whether a crate has anything to run. Of a manifest that cannot be read cargo has to tell.
fn has_commands(store: &Store, id: &CrateId) -> bool {
    let text = store.crate_file(id, "Cargo.toml").ok().flatten();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let Some(manifest) = text.and_then(|text| Manifest::parse(&text).ok()) else {
        return true;
    };
    let folder = store.crate_folder(id);
    let found = || folder.join("src/main.rs").is_file() || folder.join("src/bin").is_dir();
    !manifest.bins.is_empty() || (manifest.package.is_none_or(|package| package.autobins) && found())
}

/// What there is, where nothing of it was asked for.
fn newest(versions: &CrateVersions) -> String {
    let open = versions
        .rows()
        .iter()
        .rev()
        .find(|row| !row.yanked && row.version.pre.is_empty());
    match open.or(versions.rows().last()) {
        Some(row) => format!("the newest version is {}", row.version),
        None => "it has no version that can be used".to_owned(),
    }
}

fn cutoff_words(project: &Project) -> String {
    crate::lock::cutoff(project).map_or_else(String::new, |cutoff| cutoff.rule)
}

fn locked_tool(request: ToolRequest, graph: GraphOrigin, outcome: &Outcome, lock: CargoLock) -> LockedTool {
    let root = outcome.roots().next().expect("a tool is a root of its own graph");
    let root = &outcome.packages[root].summary;
    let is_root = |package: &LockedCrate| {
        package.name == root.name
            && package.version == root.version
            && package
                .source
                .as_ref()
                .is_some_and(|source: &SourceId| *source == root.source)
    };
    let (mut roots, crates): (Vec<_>, Vec<_>) = lock.packages.into_iter().partition(is_root);
    LockedTool {
        request,
        root: roots.pop().expect("the lock of an outcome has its root"),
        graph,
        crates,
    }
}
