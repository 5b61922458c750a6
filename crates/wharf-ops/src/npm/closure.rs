//! Everything that a solve may look at, fetched at once: each package's versions, then of the version that would be chosen if
//! nothing else had a say its manifest, then the packages that it names, and so on.
//!
//! The guess is only about what to fetch. The resolver decides afterwards, over what is there, and asks for what the guess missed.

use std::sync::Arc;
use std::task::Poll;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::{Ecosystem, Event, PackageName, Phase, Source};
use wharf_ecosystem::npm::overrides::Applied;
use wharf_ecosystem::npm::pick::{self, PickRules};
use wharf_ecosystem::npm::{Direct, From, Graph, NodeFit, PackageManifest, Range, Spec, Version, Versions};
use wharf_index::IndexError;
use wharf_index::npm::NpmIndex;
use wharf_project::LockedNode;
use wharf_tree::{Issue, Lookup, MissingPeers, Needs, Problem, TreeError, Universe};

use super::Early;
use crate::error::OpsError;
use crate::session::Session;

/// How many packages of the cache are looked at before requests under way have their turn.
const AT_A_TIME: usize = 16;

/// What was fetched, for the resolver.
pub(crate) struct Known {
    index: NpmIndex,
    direct: FxHashMap<String, Result<Arc<Direct>, IndexError>>,
    /// Why versions could not be had.
    failures: Vec<IndexError>,
}

/// The answer to one question.
enum Answer {
    Node(Result<Option<LockedNode>, OpsError>),
    Versions(PackageName, Result<Arc<Versions>, IndexError>),
    Direct(String, Result<Arc<Direct>, IndexError>),
}

/// Fetches the closure of a problem.
pub(crate) struct Closure<'a> {
    session: &'a Session,
    problem: Arc<Problem>,
    locked_node: Option<LockedNode>,
    node: Option<NodeFit>,
    /// Guesses that were made before the Node was known, with what their versions say of it; `None` once it is.
    without_node: Option<Vec<(PackageName, Spec, Arc<str>)>>,
    known: Known,
    early: Option<Early>,
    /// Repositories of the old lock: they stay at their commits.
    pinned: Vec<Source>,
    running: FuturesUnordered<BoxFuture<'a, Answer>>,
    /// What is asked of packages whose versions are still on their way.
    waiting: FxHashMap<PackageName, Vec<Spec>>,
    /// What is asked of packages whose versions are there.
    ready: Vec<(PackageName, Arc<Versions>, Spec)>,
    /// What packages ask of registries, by alias: the same few texts stand in many manifests.
    met: FxHashMap<String, FxHashSet<String>>,
    asked_direct: FxHashSet<String>,
    followed: FxHashSet<(PackageName, Version)>,
    done: u64,
}

impl<'a> Closure<'a> {
    /// A closure of which nothing is fetched yet. The problem does not know its Node: `node` finds out, which may mean running
    /// one, and meanwhile is guessed without.
    pub(crate) fn new(
        session: &'a Session,
        index: NpmIndex,
        problem: Problem,
        node: impl Future<Output = Result<Option<LockedNode>, OpsError>> + Send + 'a,
        early: Option<Early>,
        pinned: Vec<Source>,
    ) -> Self {
        let running = FuturesUnordered::<BoxFuture<'a, Answer>>::new();
        running.push(Box::pin(async move { Answer::Node(node.await) }));
        Self {
            session,
            problem: Arc::new(problem),
            locked_node: None,
            node: None,
            without_node: Some(Vec::new()),
            known: Known {
                index,
                direct: FxHashMap::default(),
                failures: Vec::new(),
            },
            early,
            pinned,
            running,
            waiting: FxHashMap::default(),
            ready: Vec::new(),
            met: FxHashMap::default(),
            asked_direct: FxHashSet::default(),
            followed: FxHashSet::default(),
            done: 0,
        }
    }

    /// Finds the Node, and fetches what the importers lead to.
    pub(crate) async fn fill(&mut self) -> Result<(), OpsError> {
        let problem = Arc::clone(&self.problem);
        for importer in &problem.importers {
            let from = From::Importer(importer.path.clone());
            for requirement in &importer.requirements {
                self.ask(&requirement.alias, &requirement.spec, &from);
            }
        }
        self.run().await
    }

    /// Fetches what the resolver missed.
    pub(crate) async fn supply(&mut self, needs: Needs) -> Result<(), OpsError> {
        for name in needs.versions {
            self.want_versions(name, None);
        }
        for (spec, from) in needs.directs {
            self.want_direct(&spec, &from);
        }
        self.run().await
    }

    /// The problem, with the Node once that is found.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What there is now.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// The Node, and what was started early.
    pub(crate) fn finish(self) -> (Option<LockedNode>, Option<Early>) {
        (self.locked_node, self.early)
    }

    async fn run(&mut self) -> Result<(), OpsError> {
        let session = self.session;
        let work = async {
            loop {
                for (name, versions, spec) in self.ready.split_off(self.ready.len().saturating_sub(AT_A_TIME))
                {
                    self.guess(&name, &versions, &spec);
                }
                let next = self.running.next();
                let answer = match self.ready.is_empty() {
                    true => next.await,
                    false => match futures::poll!(next) {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => continue,
                    },
                };
                match answer {
                    Some(answer) => self.take(answer)?,
                    None if self.ready.is_empty() => return Ok(()),
                    None => {}
                }
            }
        };
        session.cancel().or(work).await.ok_or(OpsError::Interrupted)?
    }

    fn take(&mut self, answer: Answer) -> Result<(), OpsError> {
        match answer {
            Answer::Node(node) => self.judge_by(node?),
            Answer::Versions(name, answer) => {
                let specs = self.waiting.remove(&name).unwrap_or_default();
                match answer {
                    Ok(versions) => {
                        self.tell(&name);
                        let ready = specs.into_iter();
                        self.ready
                            .extend(ready.map(|spec| (name.clone(), Arc::clone(&versions), spec)));
                    }
                    Err(error) => self.known.failures.push(error),
                }
            }
            Answer::Direct(key, answer) => {
                let found = answer.as_ref().ok().cloned();
                self.known.direct.insert(key, answer);
                if let Some(direct) = found {
                    let stated = |text: &Option<String>| text.clone().unwrap_or_default();
                    let (name, version) = (stated(&direct.manifest.name), stated(&direct.manifest.version));
                    let from = From::Package(direct.source.clone());
                    self.follow(&name, &version, &direct.manifest, &from);
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, name: &PackageName) {
        self.done += 1;
        self.session.emit(Event::PhaseProgress {
            phase: Phase::Resolve,
            done: self.done,
            total: None,
            detail: Some(name.to_string()),
        });
    }

    /// The Node is known: guesses that it speaks against are made again.
    fn judge_by(&mut self, node: Option<LockedNode>) {
        let version = node.as_ref().and_then(|node| Version::parse(&node.version).ok());
        Arc::make_mut(&mut self.problem).node.clone_from(&version);
        self.locked_node = node;
        let guesses = self.without_node.take().unwrap_or_default();
        self.node = version.map(NodeFit::new);
        for (name, spec, engines) in guesses {
            if self.node.as_ref().is_some_and(|node| !node.runs(&engines)) {
                self.want_versions(name, Some(spec));
            }
        }
    }

    /// Asks for what a dependency names.
    fn ask(&mut self, alias: &str, spec: &Spec, from: &From) {
        let registry = |name: &str| PackageName::new(Ecosystem::Npm, name).ok();
        match spec {
            Spec::Range(_) | Spec::Tag(_) => {
                if let Some(name) = registry(alias) {
                    self.want_versions(name, Some(spec.clone()));
                }
            }
            Spec::Alias { name, spec } => {
                if let Some(name) = registry(name) {
                    self.want_versions(name, Some((**spec).clone()));
                }
            }
            Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) | Spec::Directory(_) => {
                self.want_direct(spec, from);
            }
            // Links are taken as they stand, members are at hand, and catalogs were looked up with the manifest.
            Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => {}
        }
    }

    /// Asks for the versions of a package, and for what that one of them leads to which answers a specifier.
    fn want_versions(&mut self, name: PackageName, spec: Option<Spec>) {
        if let Some(specs) = self.waiting.get_mut(&name) {
            return specs.extend(spec);
        }
        let known = self.known.index.known(&name);
        let is_new = known.is_none();
        let at_hand = match known {
            Some(Err(_)) => return,
            Some(Ok(versions)) => Some(versions),
            None => self.known.index.cached(&name),
        };
        match at_hand {
            Some(versions) => {
                if is_new {
                    self.tell(&name);
                }
                self.ready.extend(spec.map(|spec| (name, versions, spec)));
            }
            None => {
                self.waiting.insert(name.clone(), spec.into_iter().collect());
                let index = self.known.index.clone();
                self.running.push(Box::pin(async move {
                    let answer = index.versions(&name).await;
                    Answer::Versions(name, answer)
                }));
            }
        }
    }

    fn want_direct(&mut self, spec: &Spec, from: &From) {
        let key = direct_key(spec, from);
        if !self.asked_direct.insert(key.clone()) {
            return;
        }
        let (index, mut spec, from) = (self.known.index.clone(), spec.clone(), from.clone());
        let pinned = self.pinned.iter().find(|source| answers(source, &spec)).cloned();
        if let (
            Spec::Git {
                reference, semver, ..
            },
            Some(Source::Git { commit, .. }),
        ) = (&mut spec, &pinned)
        {
            (*reference, *semver) = (Some(commit.clone()), None);
        }
        self.running.push(Box::pin(async move {
            let answer = index.direct(&spec, &from).await;
            let answer = answer.map(|found| match pinned {
                Some(source) => Direct { source, ..found },
                None => found,
            });
            Answer::Direct(key, answer.map(Arc::new))
        }));
    }

    /// Follows the version that would be chosen if nothing else had a say.
    fn guess(&mut self, name: &PackageName, versions: &Versions, spec: &Spec) {
        let rules = PickRules {
            node: self.node.as_ref(),
            cutoff: self.problem.cutoff,
            prefer: self.problem.preferences.get(name).map_or(&[][..], Vec::as_slice),
        };
        let Some(row) = pick::pick(versions, spec, &rules) else {
            return;
        };
        if let (Some(guesses), Some(engines)) = (&mut self.without_node, &row.engines_node) {
            guesses.push((name.clone(), spec.clone(), Arc::clone(engines)));
        }
        let version = row.version;
        if !self.followed.insert((name.clone(), version.clone())) {
            return;
        }
        let Ok(manifest) = self.known.index.manifest(name, &version) else {
            return;
        };
        if let Some(early) = &mut self.early {
            early.start(&self.known.index, name, &version, &manifest);
        }
        let registries = self.known.index.registries();
        let index = registries.registry_for(name).without_credentials();
        let from = From::Package(Source::Registry { index });
        self.follow(name.as_str(), version.as_str(), &manifest, &from);
    }

    fn follow(&mut self, name: &str, version: &str, manifest: &Arc<PackageManifest>, from: &From) {
        let problem = Arc::clone(&self.problem);
        let manifest = problem.extensions.extended(name, version, manifest);
        let installs_peers = problem.missing_peers == MissingPeers::Install;
        let needed = manifest
            .peer_dependencies
            .iter()
            .filter(|(name, _)| installs_peers && !manifest.optional_peers.contains(name));
        let dependencies = manifest
            .dependencies
            .iter()
            .chain(&manifest.optional_dependencies)
            .chain(needed)
            .filter(|(name, _)| !manifest.bundled.contains(name));
        for (alias, text) in dependencies {
            if self.met.get(alias).is_some_and(|texts| texts.contains(text)) {
                continue;
            }
            let Ok(spec) = Spec::parse(text) else {
                continue;
            };
            if spec.is_registry() {
                self.met.entry(alias.clone()).or_default().insert(text.clone());
            }
            // Rules that hang on the way to a package are left to the resolver: a guess may miss.
            match problem.overrides.apply(&[], alias, &spec) {
                Applied::Keep => self.ask(alias, &spec, from),
                Applied::Replace(spec, _) => self.ask(alias, &spec, &From::Importer(".".to_owned())),
                Applied::Remove => {}
            }
        }
    }
}

/// Whether a locked repository is what a specifier asks for.
fn answers(locked: &Source, spec: &Spec) -> bool {
    let (
        Source::Git {
            url,
            reference,
            subdirectory,
            ..
        },
        Spec::Git {
            url: asked,
            reference: wanted,
            semver,
            subdirectory: inside,
        },
    ) = (locked, spec)
    else {
        return false;
    };
    let tagged = |range: &String| {
        let tag = reference.as_deref().map(|tag| tag.trim_start_matches('v'));
        let version = tag.and_then(|tag| Version::parse_loose(tag).ok());
        version.is_some_and(|version| Range::parse(range).is_ok_and(|range| range.satisfies(&version)))
    };
    let same = match semver {
        Some(range) => tagged(range),
        None => reference == wanted,
    };
    url == asked && subdirectory == inside && same
}

fn direct_key(spec: &Spec, from: &From) -> String {
    format!("{from:?} {spec:?}")
}

impl Known {
    /// The failed look-up that the resolver was told of in the words at the end of this text.
    fn failed(&self, words: &str) -> Option<&IndexError> {
        let direct = self.direct.values().filter_map(|answer| answer.as_ref().err());
        let mut failures = self.failures.iter().chain(direct);
        failures.find(|error| words.ends_with(&error.to_string()))
    }

    /// The look-up whose failure left no solution, if that was it.
    pub(crate) fn cause(&self, error: &TreeError) -> Option<IndexError> {
        match error {
            TreeError::Unavailable { reason, .. } => self.failed(reason).cloned(),
            TreeError::Many(errors) => errors.iter().find_map(|error| self.cause(error)),
            _ => None,
        }
    }

    /// The packages of repositories in a graph that would have to be made there first (`prepare`, `prepack`), with the script.
    pub(crate) fn unprepared<'k>(&'k self, graph: &'k Graph) -> Vec<(String, &'k str)> {
        let packages = graph.packages.iter();
        let from_git = packages.filter(|package| matches!(package.source, Source::Git { .. }));
        let mut found: Vec<(String, &str)> = Vec::new();
        for package in from_git {
            let mut answers = self.direct.values().filter_map(|answer| answer.as_ref().ok());
            let direct = answers.find(|direct| direct.source == package.source);
            let script = direct.and_then(|direct| {
                let scripts = &direct.manifest.scripts;
                scripts
                    .iter()
                    .find(|(name, _)| name == "prepare" || name == "prepack")
            });
            let label = package.label();
            if let Some((script, _)) = script
                && !found.iter().any(|(known, _)| *known == label)
            {
                found.push((label, script));
            }
        }
        found
    }

    /// An optional need that was left out although nobody said that there is no such package: a dead network would leave it out
    /// of the lock for good.
    pub(crate) fn withheld(&self, issues: &[Issue]) -> Option<(String, IndexError)> {
        issues.iter().find_map(|issue| match issue {
            Issue::OptionalFailed {
                package,
                asker,
                reason,
            } => match self.failed(reason)? {
                error @ IndexError::Net { .. } => {
                    let what =
                        format!("whether there is {package}, optional for {asker}, cannot be told: {error}");
                    Some((what, error.clone()))
                }
                _ => None,
            },
            _ => None,
        })
    }
}

impl Universe for Known {
    fn versions(&self, name: &PackageName) -> Lookup<Arc<Versions>> {
        match self.index.known(name) {
            Some(Ok(versions)) => Lookup::Known(versions),
            Some(Err(error)) => Lookup::Failed(error.to_string()),
            None => Lookup::Unknown,
        }
    }

    fn manifest(&self, name: &PackageName, version: &Version) -> Result<Arc<PackageManifest>, String> {
        let found = self.index.manifest(name, version);
        found.map_err(|_| {
            let version = version.as_str();
            format!("the registry's entry of {name} {version} cannot be read")
        })
    }

    fn direct(&self, spec: &Spec, from: &From) -> Lookup<Arc<Direct>> {
        match self.direct.get(&direct_key(spec, from)) {
            Some(Ok(direct)) => Lookup::Known(Arc::clone(direct)),
            Some(Err(error)) => Lookup::Failed(error.to_string()),
            None => Lookup::Unknown,
        }
    }
}
