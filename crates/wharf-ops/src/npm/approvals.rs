//! Install scripts: which packages have them, and whose may run.
//!
//! Invariant: nothing runs that `[policy] scripts` does not name, and an entry with version and hash speaks for exactly that archive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use wharf_core::Event;
use wharf_ecosystem::npm::graph::Edge;
use wharf_ecosystem::npm::platform::{cpu_word, libc_word, os_word};
use wharf_ecosystem::npm::{Graph, Package, PackageIndex};
use wharf_install::lifecycle::{self, Approved, ScriptError};
use wharf_project::{NpmProject, Project};
use wharf_store::{ContentKey, HomeId, Store};
use wharf_sys::run_blocking;
use wharf_sys::view::support;

use super::node::Chosen;
use crate::deb;
use crate::error::OpsError;
use crate::names;
use crate::report::ScriptEntry;
use crate::session::Session;

/// npm's way to ask scripts for a build.
const FROM_SOURCE: &str = "npm_config_build_from_source";

/// What packages with a `binding.gyp` use: not all registries say of these that they are built when they are installed.
const HELPERS: [&str; 5] = [
    "nan",
    "node-addon-api",
    "bindings",
    "node-gyp-build",
    "napi-macros",
];

/// Whether the scripts of a package may run, if it has any.
pub(crate) fn approved(npm: &NpmProject, package: &Package) -> bool {
    let covers = |approval: &wharf_project::ScriptApproval| {
        approval.covers(&package.name, &package.version, &package.integrity)
    };
    npm.scripts.iter().any(covers)
}

/// Whether something runs when a package is installed: its registry says so, or its files have a `binding.gyp`. `None` where they would
/// have to be looked at and are not there.
pub(crate) fn runs(store: &Store, package: &Package) -> Option<bool> {
    let helps = |edge: &Edge| HELPERS.contains(&edge.alias.as_str());
    if package.has_scripts || !package.dependencies.iter().any(helps) {
        return Some(package.has_scripts);
    }
    let content = ContentKey::of_digest(package.integrity.first()?);
    let home = store.find_content(&package.label(), content)?;
    Some(store.home_file(&home, "binding.gyp").ok()?.is_some())
}

/// The selected packages whose scripts may run.
pub(crate) fn to_run(npm: &NpmProject, graph: &Graph, selected: &[bool]) -> BTreeSet<PackageIndex> {
    let packages = graph.packages.iter().enumerate();
    packages
        .filter(|(index, package)| selected[*index] && approved(npm, package))
        .map(|(index, _)| index)
        .collect()
}

/// Every locked package with install scripts, once.
pub(crate) fn entries(store: &Store, npm: &NpmProject, graph: &Graph) -> Vec<ScriptEntry> {
    let mut entries: Vec<ScriptEntry> = graph
        .packages
        .iter()
        .filter(|package| runs(store, package) == Some(true))
        .map(|package| ScriptEntry {
            package: names::short(&package.name),
            version: package.version.clone(),
            approved: approved(npm, package),
            skipped: Vec::new(),
        })
        .collect();
    entries.dedup_by(|a, b| a.package == b.package && a.version == b.version);
    entries
}

/// Says once whose scripts are skipped, and how to allow them.
pub(crate) fn report_skipped(
    session: &Session,
    store: &Store,
    npm: &NpmProject,
    graph: &Graph,
    selected: &[bool],
) {
    let skipped: BTreeSet<&str> = graph
        .packages
        .iter()
        .enumerate()
        .filter(|(index, package)| selected[*index] && !approved(npm, package))
        .filter(|(_, package)| runs(store, package) == Some(true))
        .map(|(_, package)| package.name.as_str())
        .collect();
    if skipped.is_empty() {
        return;
    }
    session.emit(Event::warning(
        "npm/scripts-skipped",
        format!(
            "install scripts were not run: {} (most packages work without; `{} npm:NAME` allows one)",
            names::first(&skipped),
            session.approving()
        ),
    ));
}

/// What scripts are run for.
pub(crate) struct Task<'a> {
    pub(crate) project: &'a Project,
    pub(crate) graph: &'a Graph,
    /// For each package a home that has its files.
    pub(crate) homes: Vec<Option<HomeId>>,
    pub(crate) packages: BTreeSet<PackageIndex>,
    pub(crate) chosen: &'a Chosen,
    /// What configuration says to them.
    pub(crate) config: BTreeMap<String, String>,
    /// The system root that they run in, and its suite.
    pub(crate) system: Option<(PathBuf, String)>,
}

/// What configuration says to install scripts, in files and in the one variable that asks for a build where a prebuilt addon is to be had.
pub(crate) fn config(session: &Session, npm: &NpmProject) -> BTreeMap<String, String> {
    let mut config = npm.script_config.clone();
    if let Some(value) = session.settings().environment.get(FROM_SOURCE) {
        let key = FROM_SOURCE.trim_start_matches("npm_config_");
        config.insert(key.to_owned(), value.clone());
    }
    config
}

/// Says what Debian packages would do for a build that failed without them.
fn advise(project: &Project, package: &Package, error: &mut ScriptError) {
    let ScriptError::Failed { advice, .. } = error else {
        return;
    };
    let needs = project
        .external
        .needs_of(&package.name, Some(&package.version), None);
    if project.deb.is_some() || needs.build.is_empty() || !support().is_there() {
        return;
    }
    let mut names: Vec<&str> = needs
        .build
        .iter()
        .filter_map(|needed| Some(needed.relation.alternatives.first()?.name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    advice.push(format!(
        "a `[deb]` table with a `suite` in wharf.toml gives its build what it needs of Debian: {}",
        names.join(", ")
    ));
}

/// What is built in a system root is only good where it has the same packages: their names have the versions of libraries in them, where
/// these matter.
fn system_words(session: &Session, suite: &str) -> Option<String> {
    let lock = session.debian().lock()?;
    let system = lock.system(deb::architecture().ok()?.as_str())?;
    let mut hasher = blake3::Hasher::new();
    for package in &system.packages {
        hasher.update(package.id.name.as_str().as_bytes()).update(b"\n");
    }
    Some(format!("{suite}-{}", &hasher.finalize().to_hex()[..16]))
}

/// Runs the scripts of approved packages, unless the store knows what comes of them.
///
/// # Errors
/// Where one fails that something needs.
pub(crate) async fn run(
    session: &Session,
    store: &Arc<Store>,
    task: Task<'_>,
) -> Result<BTreeMap<PackageIndex, ContentKey>, OpsError> {
    let target = deb::target(session, task.project)?;
    let system = task.system.as_ref();
    let system = system.and_then(|(_, suite)| system_words(session, suite));
    let words = [
        Some(os_word(&target)),
        Some(cpu_word(&target)),
        Some(libc_word(&target).unwrap_or_default()),
        system.as_deref(),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let words = words.join("-");
    let system = task.system.map(|(root, _)| root);
    let node = task.chosen.binary(&session.settings().cache)?;
    let (graph, homes, packages) = (Arc::new(task.graph.clone()), task.homes, task.packages);
    let (project, config) = (task.project.root.clone(), task.config);
    let (store, governor) = (Arc::clone(store), Arc::clone(session.governor()));
    let (sinks, cancel) = (Arc::clone(session.sinks()), session.cancel().flag());
    let shared = Arc::clone(&graph);
    let shims = crate::run::shims(session);
    let built = run_blocking(move || {
        let approved = Approved {
            graph: &shared,
            homes: &homes,
            packages: &packages,
            node: &node,
            target: &words,
            config: &config,
            project: &project,
            logs: &project.join(".wharf/log"),
            system: system.as_deref(),
            shims: shims.as_deref(),
        };
        lifecycle::run(&approved, &store, &governor, &sinks, &cancel).map_err(Box::new)
    })
    .await?;
    let optional = wharf_tree::select::only_optional(&graph);
    for (package, mut error) in built.failed {
        if !optional[package] {
            advise(task.project, &graph.packages[package], &mut error);
            return Err(OpsError::Script(Box::new(error)));
        }
        session.emit(Event::warning("npm/optional-script", error.to_string()));
    }
    Ok(built.contents)
}
