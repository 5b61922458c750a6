//! Everything that a solve may look at, fetched at once: each package's versions, then of the version that would be chosen if
//! nothing else had a say its manifest, then the packages that it names, and so on.
//!
//! The guess is only about what to fetch. The resolver decides afterwards, over what is there, and asks for what the guess missed.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::{Ecosystem, Event, PackageName, Phase, Source};
use wharf_ecosystem::npm::overrides::Applied;
use wharf_ecosystem::npm::pick::{self, PickRules};
use wharf_ecosystem::npm::{PackageManifest, Range, Spec, Version, Versions};
use wharf_index::IndexError;
use wharf_index::npm::{self, NpmIndex};
use wharf_tree::{DirectPackage, From, Issue, Lookup, MissingPeers, Needs, Problem, TreeError, Universe};

use super::Early;
use crate::error::OpsError;
use crate::session::Session;

/// What was fetched, for the resolver.
pub(crate) struct Known {
    index: NpmIndex,
    versions: FxHashMap<PackageName, Result<Arc<Versions>, Arc<IndexError>>>,
    manifests: Mutex<Manifests>,
    direct: FxHashMap<String, Result<Arc<DirectPackage>, Arc<IndexError>>>,
}

/// What versions say of themselves, or why that cannot be read.
type Manifests = FxHashMap<(PackageName, String), Result<Arc<PackageManifest>, String>>;

/// The answer to one question.
enum Answer {
    Versions(PackageName, Result<Arc<Versions>, IndexError>),
    Direct(String, Result<Arc<DirectPackage>, IndexError>),
}

/// Fetches the closure of a problem.
pub(crate) struct Closure<'a> {
    session: &'a Session,
    problem: &'a Problem,
    known: Known,
    early: Option<Early>,
    /// Repositories of the old lock: they stay at their commits.
    pinned: Vec<Source>,
    running: FuturesUnordered<BoxFuture<'a, Answer>>,
    /// What is asked of packages whose versions are still on their way.
    waiting: FxHashMap<PackageName, Vec<Spec>>,
    asked: FxHashSet<(String, String)>,
    followed: FxHashSet<(PackageName, String)>,
    done: u64,
}

impl<'a> Closure<'a> {
    /// A closure of which nothing is fetched yet.
    pub(crate) fn new(
        session: &'a Session,
        index: NpmIndex,
        problem: &'a Problem,
        early: Option<Early>,
        pinned: Vec<Source>,
    ) -> Self {
        Self {
            session,
            problem,
            known: Known {
                index,
                versions: FxHashMap::default(),
                manifests: Mutex::default(),
                direct: FxHashMap::default(),
            },
            early,
            pinned,
            running: FuturesUnordered::new(),
            waiting: FxHashMap::default(),
            asked: FxHashSet::default(),
            followed: FxHashSet::default(),
            done: 0,
        }
    }

    /// Fetches what the importers lead to.
    pub(crate) async fn fill(&mut self) -> Result<(), OpsError> {
        for importer in &self.problem.importers {
            for requirement in &importer.requirements {
                let from = From::Importer(importer.path.clone());
                self.ask(&requirement.alias, &requirement.spec, &from);
            }
        }
        self.run().await
    }

    /// Fetches what the resolver missed.
    pub(crate) async fn supply(&mut self, needs: Needs) -> Result<(), OpsError> {
        for name in needs.versions {
            self.want_versions(&name);
        }
        for (name, version) in needs.manifests {
            self.known.load(&name, &version);
        }
        for (spec, from) in needs.directs {
            self.want_direct(&spec, &from);
        }
        self.run().await
    }

    /// What there is now.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// What was started early.
    pub(crate) fn into_early(self) -> Option<Early> {
        self.early
    }

    async fn run(&mut self) -> Result<(), OpsError> {
        while let Some(answer) = self
            .session
            .cancel()
            .or(self.running.next())
            .await
            .ok_or(OpsError::Interrupted)?
        {
            self.done += 1;
            match answer {
                Answer::Versions(name, answer) => self.versions(name, answer),
                Answer::Direct(key, answer) => self.direct(key, answer),
            }
        }
        Ok(())
    }

    fn versions(&mut self, name: PackageName, answer: Result<Arc<Versions>, IndexError>) {
        self.session.emit(Event::PhaseProgress {
            phase: Phase::Resolve,
            done: self.done,
            total: None,
            detail: Some(name.to_string()),
        });
        let specs = self.waiting.remove(&name).unwrap_or_default();
        self.known.versions.insert(name.clone(), answer.map_err(Arc::new));
        for spec in specs {
            self.guess(&name, &spec);
        }
    }

    fn direct(&mut self, key: String, answer: Result<Arc<DirectPackage>, IndexError>) {
        let found = answer.as_ref().ok().cloned();
        self.known.direct.insert(key, answer.map_err(Arc::new));
        if let Some(direct) = found {
            self.follow(&direct.manifest, &From::Package(direct.source.clone()));
        }
    }

    /// Asks for what a dependency names.
    fn ask(&mut self, alias: &str, spec: &Spec, from: &From) {
        match spec {
            Spec::Range(_) | Spec::Tag(_) => self.ask_registry(alias, spec),
            Spec::Alias { name, spec } => self.ask_registry(name, spec),
            Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) | Spec::Directory(_) => {
                self.want_direct(spec, from);
            }
            // Links are taken as they stand, members are at hand, and catalogs were looked up with the manifest.
            Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => {}
        }
    }

    fn ask_registry(&mut self, name: &str, spec: &Spec) {
        let Ok(name) = PackageName::new(Ecosystem::Npm, name) else {
            return;
        };
        match self.known.versions.get(&name) {
            Some(_) => self.guess(&name, spec),
            None => {
                self.waiting.entry(name.clone()).or_default().push(spec.clone());
                self.want_versions(&name);
            }
        }
    }

    fn want_versions(&mut self, name: &PackageName) {
        if self.known.versions.contains_key(name) || !self.asked.insert((name.to_string(), String::new())) {
            return;
        }
        let (index, name) = (self.known.index.clone(), name.clone());
        self.running.push(Box::pin(async move {
            let answer = index.versions(&name).await;
            Answer::Versions(name, answer)
        }));
    }

    fn want_direct(&mut self, spec: &Spec, from: &From) {
        let key = direct_key(spec, from);
        if self.known.direct.contains_key(&key) || !self.asked.insert((String::new(), key.clone())) {
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
            let from = match &from {
                From::Importer(path) => npm::From::Importer(path),
                From::Package(source) => npm::From::Package(source),
            };
            let answer = index.direct(&spec, from).await;
            let answer = answer.map(|found| match pinned {
                Some(source) => npm::Direct { source, ..found },
                None => found,
            });
            Answer::Direct(key, answer.map(|found| Arc::new(direct(found))))
        }));
    }

    /// Follows the version that would be chosen if nothing else had a say.
    fn guess(&mut self, name: &PackageName, spec: &Spec) {
        let Some(Ok(versions)) = self.known.versions.get(name) else {
            return;
        };
        let preferred = self.problem.preferences.get(name).map_or(&[][..], Vec::as_slice);
        let rules = PickRules {
            node: self.problem.node.clone(),
            cutoff: self.problem.cutoff,
            prefer: preferred,
        };
        let Some(row) = pick::pick(versions, spec, &rules) else {
            return;
        };
        let version = row.version.clone();
        if !self.followed.insert((name.clone(), version.as_str().to_owned())) {
            return;
        }
        let Some(manifest) = self.known.load(name, &version) else {
            return;
        };
        if let Some(early) = &mut self.early {
            early.start(&self.known.index, name, &version, &manifest);
        }
        let index = self
            .known
            .index
            .registries()
            .registry_for(name)
            .without_credentials();
        self.follow(&manifest, &From::Package(Source::Registry { index }));
    }

    fn follow(&mut self, manifest: &PackageManifest, from: &From) {
        let mut manifest = manifest.clone();
        self.problem.extensions.apply(&mut manifest);
        let installs_peers = self.problem.missing_peers == MissingPeers::Install;
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
            let Ok(spec) = Spec::parse(text) else {
                continue;
            };
            // Rules that hang on the way to a package are left to the resolver: a guess may miss.
            match self.problem.overrides.apply(&[], alias, &spec) {
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

/// What the index found, as the resolver knows it.
fn direct(found: npm::Direct) -> DirectPackage {
    let npm::Direct {
        manifest,
        source,
        integrity,
        tarball,
    } = found;
    DirectPackage {
        manifest,
        source,
        integrity,
        tarball,
    }
}

fn direct_key(spec: &Spec, from: &From) -> String {
    format!("{from:?} {spec:?}")
}

impl Known {
    /// The manifest of a version, read when first asked for.
    fn load(&self, name: &PackageName, version: &Version) -> Option<Arc<PackageManifest>> {
        let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.clone(), version.as_str().to_owned());
        let read = || {
            self.index
                .manifest(name, version)
                .map_err(|error| error.to_string())
        };
        manifests.entry(key).or_insert_with(read).as_ref().ok().cloned()
    }

    /// The failed look-up that the resolver was told of in the words at the end of this text.
    fn failed(&self, words: &str) -> Option<&IndexError> {
        let versions = self.versions.values().filter_map(|answer| answer.as_ref().err());
        let direct = self.direct.values().filter_map(|answer| answer.as_ref().err());
        versions
            .chain(direct)
            .map(|error| &**error)
            .find(|error| words.ends_with(&error.to_string()))
    }

    /// The look-up whose failure left no solution, if that was it.
    pub(crate) fn cause(&self, error: &TreeError) -> Option<IndexError> {
        match error {
            TreeError::Unavailable { reason, .. } => self.failed(reason).cloned(),
            TreeError::Many(errors) => errors.iter().find_map(|error| self.cause(error)),
            _ => None,
        }
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
        match self.versions.get(name) {
            Some(Ok(versions)) => Lookup::Known(Arc::clone(versions)),
            Some(Err(error)) => Lookup::Failed(error.to_string()),
            None => Lookup::Unknown,
        }
    }

    fn manifest(&self, name: &PackageName, version: &Version) -> Lookup<Arc<PackageManifest>> {
        match self.load(name, version) {
            Some(manifest) => Lookup::Known(manifest),
            None => Lookup::Failed(format!(
                "the registry's entry of {name} {} cannot be read",
                version.as_str()
            )),
        }
    }

    fn direct(&self, spec: &Spec, from: &From) -> Lookup<Arc<DirectPackage>> {
        match self.direct.get(&direct_key(spec, from)) {
            Some(Ok(direct)) => Lookup::Known(Arc::clone(direct)),
            Some(Err(error)) => Lookup::Failed(error.to_string()),
            None => Lookup::Unknown,
        }
    }
}
