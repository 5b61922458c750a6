//! The Debian part of the lock: which packages, in which versions, from which repository.
//!
//! One set of packages a system serves everything: what the manifest names, what other parts of the project need to run, and
//! what is only there while something is built. Which of them an environment gets is decided when it is made.
//!
//! Invariant: a lock that answers the project is kept without looking at any repository.

use std::path::Path;
use std::sync::Arc;

use wharf_core::{Ecosystem, Event, PackageName, WebUrl};
use wharf_deb::architecture::Architecture;
use wharf_deb::index::Kind;
use wharf_deb::solve::{Asked, Essential, Locked, Problem, Recommends, Solution, Why, solve};
use wharf_deb::universe::{PackageKey, Universe};
use wharf_index::Refresh;
use wharf_project::lock::deb::{
    DebCause, DebEdge, DebEdgeKind, DebId, DebLock, LockedDeb, LockedDebRoot, LockedRepository, LockedSystem,
};
use wharf_project::{DebInputs, DebProject, Group, Lock, Project};

use super::error::DebError;
use super::external;
use super::holds;
use super::repositories::{self, Offered};
use crate::error::OpsError;
use crate::request::Upgrade;
use crate::session::Session;

/// The Debian part of a lock, brought up to date.
pub(crate) enum Part {
    /// The project has none.
    Nothing,
    /// The old one answers it.
    Kept,
    /// A new one.
    Solved(Arc<DebLock>),
}

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) asked: String,
    pub(crate) cause: DebCause,
    pub(crate) group: Group,
}

impl Root {
    /// What a lock was asked.
    pub(crate) fn of(root: &LockedDebRoot) -> Self {
        Self {
            asked: root.asked.clone(),
            cause: root.cause.clone(),
            group: root.group.clone(),
        }
    }
}

/// Solves the Debian part where the old one does not answer the project and `roots`, what its other parts need.
pub(crate) async fn update(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
    roots: &[Root],
) -> Result<Part, OpsError> {
    let (Some(deb), Some(inputs)) = (&project.deb, DebInputs::of(project)) else {
        return Ok(Part::Nothing);
    };
    let old = old.and_then(|lock| lock.deb.as_deref());
    let architectures = architectures(&inputs)?;
    if let Some(old) = old
        && !upgrade.concerns(Ecosystem::Deb)
        && old.differences(&inputs).is_empty()
        && architectures.iter().all(|one| {
            old.system(one.as_str())
                .is_some_and(|system| answers(system, roots))
        })
    {
        return Ok(Part::Kept);
    }
    let suite = suite(deb, old)?;
    let mut systems = Vec::new();
    let mut places: Vec<(WebUrl, String)> = Vec::new();
    for architecture in &architectures {
        let asked = asked(deb, roots);
        let before = old.and_then(|lock| lock.system(architecture.as_str()));
        let problem = Arc::new(problem(deb, architecture, &asked, before, upgrade)?);
        // Who upgrades wants to know what there is now.
        let upgrades = upgrade.concerns(Ecosystem::Deb);
        let refresh = if upgrades {
            Refresh::Everything
        } else {
            Refresh::Nothing
        };
        let mut offered = repositories::offered(session, project, deb, &suite, architecture, refresh).await?;
        let mut solution = solved(deb, before, &suite, &offered, &problem).await;
        if solution.is_err() && !upgrades && !session.settings().offline {
            // What is asked for may be newer than what the cache knows.
            session.debian().forget();
            let refresh = Refresh::Everything;
            offered = repositories::offered(session, project, deb, &suite, architecture, refresh).await?;
            solution = solved(deb, before, &suite, &offered, &problem).await;
        }
        let solution = solution?;
        holds::tell(session, deb, &offered.universe);
        tell(session, &problem, &solution);
        systems.push(Solved {
            architecture: architecture.clone(),
            offered,
            asked,
            solution,
        });
    }
    for solved in &systems {
        for place in solved.places() {
            if !places.contains(place) {
                places.push(place.clone());
            }
        }
    }
    places.sort_by_key(|(uri, suite)| (uri.to_string(), suite.clone()));
    let repositories = LockedRepository::named(places);
    let systems = systems.iter().map(|solved| solved.locked(&repositories));
    let lock = DebLock {
        suite,
        inputs,
        systems: systems.collect::<Result<_, _>>()?,
        repositories,
    };
    Ok(Part::Solved(Arc::new(lock)))
}

/// Brings the Debian part up to date for what is known before the other parts are solved, which learn from it what their programs
/// run on.
pub(crate) async fn before(
    session: &Session,
    project: &Project,
    old: Option<&Lock>,
    upgrade: &Upgrade,
) -> Result<Part, OpsError> {
    if project.deb.is_none() {
        return Ok(Part::Nothing);
    }
    let mut roots = parts(project);
    roots.extend(external::roots(session, project, old.unwrap_or(&Lock::default())));
    let part = update(session, project, old, upgrade, &roots).await?;
    let locked = match &part {
        Part::Nothing => None,
        Part::Kept => old.and_then(|old| old.deb.clone()),
        Part::Solved(lock) => Some(Arc::clone(lock)),
    };
    if let Some(locked) = locked {
        session.debian().keep_lock(&locked);
    }
    Ok(part)
}

/// Adds what the packages that were locked meanwhile need of the system.
pub(crate) async fn after(session: &Session, project: &Project, lock: &mut Lock) -> Result<(), OpsError> {
    if project.deb.is_none() {
        return Ok(());
    }
    external::learn(session, project, lock).await;
    let mut roots = parts(project);
    roots.extend(external::roots(session, project, lock));
    if let Part::Solved(solved) = update(session, project, Some(lock), &Upgrade::None, &roots).await? {
        session.debian().keep_lock(&solved);
        lock.deb = Some(solved);
    }
    Ok(())
}

/// The lock with what the build of one package, whose source is in `tree`, needs beyond what is locked; nothing of it is written.
pub(crate) async fn for_build(
    session: &Session,
    project: &Project,
    name: &PackageName,
    tree: &Path,
) -> Result<Arc<DebLock>, OpsError> {
    let known = session.debian().lock();
    let mut roots: Vec<Root> = Vec::new();
    let architecture = super::architecture()?;
    let system = known
        .as_ref()
        .and_then(|known| known.system(architecture.as_str()));
    for root in system.iter().flat_map(|system| &system.roots) {
        if matches!(root.cause, DebCause::Part(_) | DebCause::External { .. }) {
            roots.push(Root::of(root));
        }
    }
    let fresh = external::roots_of_build(session, project, name, tree);
    let more = fresh
        .into_iter()
        .filter(|root| !roots.contains(root))
        .collect::<Vec<_>>();
    roots.extend(more);
    let old = Lock {
        deb: known.clone(),
        ..Lock::default()
    };
    match update(session, project, Some(&old), &Upgrade::None, &roots).await? {
        Part::Solved(lock) => Ok(lock),
        Part::Kept | Part::Nothing => Ok(known.ok_or(DebError::NotInstalled)?),
    }
}

/// The architectures that the project wants; this machine's where it does not say.
fn architectures(inputs: &DebInputs) -> Result<Vec<Architecture>, OpsError> {
    if inputs.architectures.is_empty() {
        return Ok(vec![super::architecture()?]);
    }
    let architectures = inputs.architectures.iter();
    let known = architectures.filter_map(|word| Architecture::parse(word).ok());
    Ok(known.collect())
}

/// The suite: the manifest's, the locked one, the machine's.
pub(crate) fn suite(deb: &DebProject, old: Option<&DebLock>) -> Result<String, OpsError> {
    let stated = deb.suite.as_ref();
    if let Some(stated) = stated.filter(|suite| suite.declared == wharf_project::Declared::Project) {
        return Ok(stated.name.clone());
    }
    let known = old
        .map(|lock| lock.suite.clone())
        .or(stated.map(|suite| suite.name.clone()));
    Ok(known.ok_or_else(|| DebError::NoSuite {
        origin: deb.origin.to_string(),
    })?)
}

/// Whether what the other parts need is what was solved for them.
fn answers(system: &LockedSystem, roots: &[Root]) -> bool {
    let locked = system
        .roots
        .iter()
        .filter(|root| matches!(root.cause, DebCause::Part(_) | DebCause::External { .. }));
    let mut before: Vec<Root> = locked.map(Root::of).collect();
    let mut now = roots.to_vec();
    let order = |root: &Root| (root.asked.clone(), root.cause.clone(), root.group.clone());
    before.sort_by_key(order);
    now.sort_by_key(order);
    before == now
}

/// Everything that is asked for: what the manifest names first.
fn asked(deb: &DebProject, roots: &[Root]) -> Vec<Root> {
    let manifest = deb.packages.iter().map(|package| Root {
        asked: package.relation.to_string(),
        cause: DebCause::Manifest,
        group: package.group.clone(),
    });
    manifest.chain(roots.iter().cloned()).collect()
}

fn problem(
    deb: &DebProject,
    native: &Architecture,
    asked: &[Root],
    before: Option<&LockedSystem>,
    upgrade: &Upgrade,
) -> Result<Problem, DebError> {
    let mut all = Vec::new();
    for root in asked {
        all.push(Asked::parse(&root.asked)?);
    }
    let kept = before.iter().flat_map(|system| &system.packages);
    let is_held = |name: &PackageName| deb.holds.iter().any(|hold| hold.name == *name);
    // What is held stays whoever wants newer versions.
    let kept = kept.filter(|package| is_held(&package.id.name) || !upgrade.includes(&package.id.name));
    let mut locked: Vec<Locked> = kept
        .filter_map(|package| {
            let own = Architecture::parse(&package.id.architecture).ok()?;
            Some(Locked {
                package: PackageKey {
                    name: package.id.name.to_string(),
                    architecture: if own.is_all() { native.clone() } else { own },
                },
                version: package.version.clone(),
            })
        })
        .collect();
    // A version that is held counts more than the one that is locked.
    for hold in &deb.holds {
        let Some(version) = &hold.version else {
            continue;
        };
        locked.retain(|one| one.package.name != hold.name.as_str());
        let architectures =
            std::iter::once(native).chain(deb.foreign.iter().filter(|other| *other != native));
        locked.extend(architectures.map(|architecture| Locked {
            package: PackageKey {
                name: hold.name.to_string(),
                architecture: architecture.clone(),
            },
            version: version.clone(),
        }));
    }
    Ok(Problem {
        asked: all,
        essential: Essential::Included,
        recommends: match deb.recommends {
            true => Recommends::Taken,
            false => Recommends::Ignored,
        },
        locked,
    })
}

async fn solved(
    deb: &DebProject,
    before: Option<&LockedSystem>,
    suite: &str,
    offered: &Arc<Offered>,
    problem: &Arc<Problem>,
) -> Result<Solution, DebError> {
    holds::check(deb, &offered.universe, before)?;
    let (offered, problem) = (Arc::clone(offered), Arc::clone(problem));
    let solution = wharf_sys::run_blocking(move || solve(&offered.universe, &problem)).await;
    solution.map_err(|cause| DebError::Unsatisfiable {
        suite: suite.to_owned(),
        cause,
    })
}

/// What `-v` tells of a solve.
fn tell(session: &Session, problem: &Problem, solution: &Solution) {
    session.emit(Event::detail(format!(
        "{} Debian packages for {} that are asked for; {} recommendations are not followed",
        solution.packages.len(),
        problem.asked.len(),
        solution.declined.len()
    )));
}

/// What was solved for one architecture.
struct Solved {
    architecture: Architecture,
    offered: Arc<Offered>,
    asked: Vec<Root>,
    solution: Solution,
}

impl Solved {
    /// Where its packages come from.
    fn places(&self) -> impl Iterator<Item = &(WebUrl, String)> {
        let chosen = self.solution.packages.iter();
        chosen.map(|chosen| self.offered.place(chosen.place.layer))
    }

    fn locked(&self, repositories: &[LockedRepository]) -> Result<LockedSystem, DebError> {
        let universe = &self.offered.universe;
        let ids: Vec<DebId> = self
            .solution
            .packages
            .iter()
            .map(|chosen| id(universe, chosen.place))
            .collect::<Result<_, _>>()?;
        let answers = self.solution.answers(universe);
        let mut packages = Vec::with_capacity(ids.len());
        for (at, chosen) in self.solution.packages.iter().enumerate() {
            let record = universe.record(chosen.place);
            let (uri, suite) = self.offered.place(chosen.place.layer);
            let repository = repositories
                .iter()
                .find(|one| one.uri == *uri && one.suite == *suite)
                .expect("every place of a solution is among the lock's repositories");
            let sha256 = record.sha256().ok_or_else(|| DebError::NoHash {
                package: format!("{} {}", record.name(), record.version()),
                repository: format!("{uri} {suite}"),
            })?;
            let edges = answers[at].iter().filter_map(|(kind, to)| {
                let kind = match kind {
                    Kind::PreDepends => DebEdgeKind::PreDepends,
                    Kind::Depends => DebEdgeKind::Depends,
                    Kind::Recommends => DebEdgeKind::Recommends,
                    _ => return None,
                };
                Some(DebEdge {
                    kind,
                    package: ids[*to].clone(),
                })
            });
            packages.push(LockedDeb {
                id: ids[at].clone(),
                version: record.version().to_owned(),
                repository: repository.name.clone(),
                filename: record.filename().to_owned(),
                size: record.size(),
                sha256,
                dependencies: edges.collect(),
            });
        }
        Ok(LockedSystem {
            architecture: self.architecture.as_str().to_owned(),
            roots: self.roots(&ids),
            packages,
        })
    }

    /// Who answers what is asked for.
    fn roots(&self, ids: &[DebId]) -> Vec<LockedDebRoot> {
        let mut roots = Vec::new();
        for (at, chosen) in self.solution.packages.iter().enumerate() {
            if chosen.why == Why::Essential {
                roots.push(LockedDebRoot {
                    asked: ids[at].name.to_string(),
                    cause: DebCause::Essential,
                    group: Group::Main,
                    package: ids[at].clone(),
                });
            }
        }
        let answering = self
            .solution
            .answering(&self.offered.universe, &self.asked_relations());
        for (root, answer) in self.asked.iter().zip(answering) {
            if let Some(at) = answer {
                roots.push(LockedDebRoot {
                    asked: root.asked.clone(),
                    cause: root.cause.clone(),
                    group: root.group.clone(),
                    package: ids[at].clone(),
                });
            }
        }
        roots
    }

    fn asked_relations(&self) -> Vec<Asked> {
        let parsed = self.asked.iter().map(|root| Asked::parse(&root.asked));
        parsed
            .map(|asked| asked.expect("it was parsed for the solve"))
            .collect()
    }
}

fn id(universe: &Universe, place: wharf_deb::universe::Place) -> Result<DebId, DebError> {
    let record = universe.record(place);
    let name = PackageName::new(Ecosystem::Deb, record.name()).map_err(|error| DebError::Name {
        text: record.name().to_owned(),
        reason: error.to_string(),
    })?;
    Ok(DebId {
        name,
        architecture: record.architecture().to_owned(),
    })
}

/// What other parts of the project need, whichever packages they turn out to have.
pub(crate) fn parts(project: &Project) -> Vec<Root> {
    let part = |part: &str, asked: &str| Root {
        asked: asked.to_owned(),
        cause: DebCause::Part(part.to_owned()),
        group: Group::Main,
    };
    let mut roots = Vec::new();
    if project.uses_python() {
        roots.push(part("python", "python3"));
    }
    if project.uses_npm() {
        // What the registry's builds of Node are linked to, beside the C library.
        roots.extend(["libatomic1", "libstdc++6"].map(|library| part("node", library)));
    }
    roots
}
