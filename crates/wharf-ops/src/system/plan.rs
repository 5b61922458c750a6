//! What a change of the machine would do, as apt would do it: what is installed stays where nothing speaks against it.
//!
//! Invariant: this is told and never done.

use std::collections::{BTreeMap, BTreeSet};

use wharf_deb::index::{Kind, Record};
use wharf_deb::relation::Alternative;
use wharf_deb::solve::{self, Asked, Change, Chosen, Essential, Problem, Recommends, Solution, What, Why};
use wharf_deb::universe::{Place, Universe};
use wharf_deb::version::compare;

use super::Where;
use super::error::SystemError;
use super::host::Host;
use super::look::group;
use super::report::{PlannedPackage, SystemPlan};
use crate::error::OpsError;
use crate::session::Session;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Packages are to be installed.
    Install,
    /// Packages are to be removed.
    Remove,
    /// Packages are to get their newest versions; without names all of them.
    Upgrade,
}

/// What a plan is asked.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The machine.
    pub place: Where,
    /// What is to be done.
    pub task: Task,
    /// To which packages, in apt's words.
    pub packages: Vec<String>,
    /// Whether recommended packages come along.
    pub recommends: bool,
    /// The release that everything is wanted from where it has it.
    pub target_release: Option<String>,
}

/// Plans a change.
///
/// # Errors
/// Where the machine has no packages of Debian's, or no lists; where what is asked for is malformed, or cannot be had.
pub fn plan(session: &Session, request: &PlanRequest) -> Result<SystemPlan, OpsError> {
    let host = Host::read(session, &request.place.root(session))?;
    let universe = host
        .universe(session)?
        .with_target_release(target_release(request, &host));
    let asked = asked(request, &host)?;
    known(&asked, &host, &universe)?;
    let problem = Problem {
        asked,
        essential: Essential::LeftOut,
        recommends: match request.recommends && host.settings.flag("APT::Install-Recommends") != Some(false) {
            true => Recommends::Taken,
            false => Recommends::Ignored,
        },
        locked: Vec::new(),
    };
    let solution = solve::solve(&universe, &problem).map_err(SystemError::Unsatisfiable)?;
    let telling = Telling {
        host: &host,
        universe: &universe,
        problem: &problem,
        solution: &solution,
    };
    Ok(telling.plan(request))
}

/// Whether what is to be removed or upgraded has a name that something has.
fn known(asked: &[Asked], host: &Host, universe: &Universe) -> Result<(), SystemError> {
    for one in asked {
        let (What::Remove { relation } | What::Upgrade { relation }) = &one.what else {
            continue;
        };
        let name = relation.name.as_str();
        let is_offered = || {
            let layers = universe.layers().iter();
            layers
                .map(|layer| &layer.index)
                .any(|index| index.find(name).is_some())
        };
        if !host.has(name) && !is_offered() {
            return Err(SystemError::Unknown {
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

/// The release that is asked for, else the one that the machine's apt is told to prefer.
fn target_release(request: &PlanRequest, host: &Host) -> Option<String> {
    let told = host.settings.text("APT::Default-Release");
    let told = told.filter(|release| !release.is_empty()).map(str::to_owned);
    request.target_release.clone().or(told)
}

fn asked(request: &PlanRequest, host: &Host) -> Result<Vec<Asked>, SystemError> {
    let words = request
        .packages
        .iter()
        .map(|text| text.strip_prefix("deb:").unwrap_or(text));
    let changed = |text: &str, what: fn(Alternative) -> What| -> Result<Asked, SystemError> {
        let relation = Alternative::parse(text).map_err(|source| solve::InvalidAsked {
            text: text.to_owned(),
            source,
        })?;
        Ok(Asked {
            what: what(relation),
            text: text.to_owned(),
        })
    };
    match request.task {
        Task::Install => words.map(|text| Ok(renewed(Asked::parse(text)?, host))).collect(),
        Task::Remove => words
            .map(|text| changed(text, |relation| What::Remove { relation }))
            .collect(),
        Task::Upgrade if request.packages.is_empty() => Ok(vec![Asked {
            what: What::UpgradeAll,
            text: "every package".to_owned(),
        }]),
        Task::Upgrade => words
            .map(|text| changed(text, |relation| What::Upgrade { relation }))
            .collect(),
    }
}

/// As apt has it: who asks for a package that is installed wants its newest version.
fn renewed(asked: Asked, host: &Host) -> Asked {
    let What::Install {
        relation,
        release: None,
    } = &asked.what
    else {
        return asked;
    };
    match &relation.alternatives[..] {
        [only] if only.version.is_none() && is_of_the_machine(only, host) && host.has(only.name.as_str()) => {
            Asked {
                what: What::Upgrade {
                    relation: only.clone(),
                },
                ..asked
            }
        }
        _ => asked,
    }
}

/// Whether a package is meant as one of the machine's own architecture.
fn is_of_the_machine(alternative: &Alternative, host: &Host) -> bool {
    let stated = alternative.qualifier.as_ref();
    stated.is_none_or(|stated| stated.as_str() == host.native().as_str())
}

/// What a solution is told with.
struct Telling<'a> {
    host: &'a Host,
    universe: &'a Universe,
    problem: &'a Problem,
    solution: &'a Solution,
}

impl Telling<'_> {
    fn plan(&self, request: &PlanRequest) -> SystemPlan {
        let mut plan = SystemPlan {
            root: self.host.root.clone(),
            install: Vec::new(),
            upgrade: Vec::new(),
            downgrade: Vec::new(),
            remove: self
                .solution
                .removed
                .iter()
                .map(|place| self.removed(*place))
                .collect(),
            essential: self.essential(),
            unneeded: self.unneeded(),
            declined: self.declined(),
            suggested: Vec::new(),
            download: 0,
            installed_change: 0,
            command: None,
        };
        for chosen in &self.solution.packages {
            let record = self.universe.record(chosen.place);
            let before = match chosen.change {
                Change::Kept => continue,
                Change::New => None,
                Change::From(place) => Some(self.universe.record(place)),
            };
            let change = self.changed(chosen, before.as_ref());
            plan.download += record.size();
            plan.installed_change += kibibytes(&record) - before.as_ref().map_or(0, kibibytes);
            match &before {
                None => {
                    let suggests = record.relations(Kind::Suggests);
                    let line = |text: String| format!("{}: {text}", change.package);
                    plan.suggested.extend(suggests.map(|one| line(group(one))));
                    plan.install.push(change);
                }
                Some(before) if compare(record.version(), before.version()).is_lt() => {
                    plan.downgrade.push(change);
                }
                Some(_) => plan.upgrade.push(change),
            }
        }
        let gone = self
            .solution
            .removed
            .iter()
            .map(|place| kibibytes(&self.universe.record(*place)));
        plan.installed_change = (plan.installed_change - gone.sum::<i64>()) * 1024;
        plan.command = command(request, &plan);
        plan
    }

    fn changed(&self, chosen: &Chosen, before: Option<&Record<'_>>) -> PlannedPackage {
        let record = self.universe.record(chosen.place);
        PlannedPackage {
            package: self.name(&record),
            from: before.map(|record| record.version().to_owned()),
            to: Some(record.version().to_owned()),
            repository: Some(self.universe.provenance(chosen.place).title()),
            size: record.size(),
            reason: self.reason(chosen),
        }
    }

    fn removed(&self, place: Place) -> PlannedPackage {
        let record = self.universe.record(place);
        let is_asked = self.problem.asked.iter().any(|asked| match &asked.what {
            What::Remove { relation } => relation.name.as_str() == record.name(),
            _ => false,
        });
        PlannedPackage {
            package: self.name(&record),
            from: Some(record.version().to_owned()),
            to: None,
            repository: None,
            size: 0,
            reason: match is_asked {
                true => "asked for".to_owned(),
                false => self.obstacle(&record),
            },
        }
    }

    /// What would be removed and every system needs.
    fn essential(&self) -> Vec<String> {
        let removed = self.solution.removed.iter();
        let removed = removed.map(|place| self.universe.record(*place));
        let needed = removed.filter(|record| record.is_essential() || record.is_protected());
        needed.map(|record| self.name(&record)).collect()
    }

    /// What an installed package needs that is no longer there, or what no longer bears it.
    fn obstacle(&self, record: &Record<'_>) -> String {
        let standing = self.standing();
        for kind in [Kind::PreDepends, Kind::Depends] {
            for needed in record.relations(kind) {
                let fulfilled = needed.clone().any(|one| {
                    standing.get(one.name()).is_some_and(|versions| {
                        one.constraint().is_none_or(|(operator, bound)| {
                            versions
                                .iter()
                                .flatten()
                                .any(|version| operator.accepts(compare(version, bound)))
                        })
                    })
                });
                if !fulfilled {
                    return format!("it needs {}", group(needed));
                }
            }
        }
        for chosen in &self.solution.packages {
            let other = self.universe.record(chosen.place);
            for kind in [Kind::Conflicts, Kind::Breaks] {
                let names = other.relations(kind).flatten();
                if names.into_iter().any(|one| one.name() == record.name()) {
                    let verb = if kind == Kind::Breaks {
                        "breaks"
                    } else {
                        "conflicts with"
                    };
                    return format!("{} {verb} it", self.name(&other));
                }
            }
        }
        "what is asked for does not bear it".to_owned()
    }

    /// Every name that the machine would have, with the versions of it; a name provided without one has none.
    fn standing(&self) -> BTreeMap<&str, Vec<Option<&str>>> {
        let mut standing: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        for chosen in &self.solution.packages {
            let record = self.universe.record(chosen.place);
            standing
                .entry(record.name())
                .or_default()
                .push(Some(record.version()));
            for provided in record.relations(Kind::Provides).flatten() {
                let version = provided.constraint().map(|(_, version)| version);
                standing.entry(provided.name()).or_default().push(version);
            }
        }
        standing
    }

    fn reason(&self, chosen: &Chosen) -> String {
        let is_old = matches!(chosen.change, Change::From(_));
        if is_old
            && self
                .problem
                .asked
                .iter()
                .any(|asked| asked.what == What::UpgradeAll)
        {
            return "there is a newer version".to_owned();
        }
        match chosen.why {
            Why::Essential => "every system needs it".to_owned(),
            Why::Installed => "there is a newer version".to_owned(),
            Why::Asked(_) => "asked for".to_owned(),
            Why::Source { with } => {
                let with = self.universe.record(self.solution.packages[with].place);
                format!("it is of one source with {}", self.name(&with))
            }
            Why::Needed {
                by,
                kind,
                group: number,
            } => {
                let by = self.universe.record(self.solution.packages[by].place);
                let wanted = by
                    .relations(kind)
                    .nth(number as usize)
                    .map(group)
                    .unwrap_or_default();
                let verb = match kind {
                    Kind::Recommends => "recommends",
                    _ => "needs",
                };
                format!("{} {verb} {wanted}", self.name(&by))
            }
        }
    }

    fn declined(&self) -> Vec<String> {
        let declined = self.solution.declined.iter().filter_map(|declined| {
            let chosen = self.solution.packages.get(declined.by)?;
            // What was not followed before is no news.
            if chosen.change == Change::Kept {
                return None;
            }
            let record = self.universe.record(chosen.place);
            let wanted = record.relations(Kind::Recommends).nth(declined.group as usize)?;
            Some(format!("{}: {}", self.name(&record), group(wanted)))
        });
        declined.collect()
    }

    /// What came along with others and is not reached any more from what was asked for. Versions are not looked at, so that
    /// nothing is told that may still be needed.
    fn unneeded(&self) -> Vec<String> {
        let mut answers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (position, chosen) in self.solution.packages.iter().enumerate() {
            let record = self.universe.record(chosen.place);
            answers.entry(record.name()).or_default().push(position);
            for provided in record.relations(Kind::Provides).flatten() {
                answers.entry(provided.name()).or_default().push(position);
            }
        }
        let automatic = |position: usize| {
            let chosen = &self.solution.packages[position];
            let record = self.universe.record(chosen.place);
            let is_old = chosen.change != Change::New;
            is_old
                && !record.is_essential()
                && !record.is_protected()
                && !matches!(chosen.why, Why::Asked(at) if self.is_installation(at))
                && self
                    .host
                    .is_in(&self.host.automatic, record.name(), record.architecture())
        };
        let all = 0..self.solution.packages.len();
        let mut waiting: Vec<usize> = all.clone().filter(|position| !automatic(*position)).collect();
        let mut reached: BTreeSet<usize> = waiting.iter().copied().collect();
        while let Some(position) = waiting.pop() {
            let record = self.universe.record(self.solution.packages[position].place);
            for kind in [Kind::PreDepends, Kind::Depends, Kind::Recommends, Kind::Suggests] {
                for one in record.relations(kind).flatten() {
                    let answers = answers.get(one.name()).into_iter().flatten().copied();
                    waiting.extend(answers.filter(|answer| reached.insert(*answer)));
                }
            }
        }
        let lost = all.filter(|position| !reached.contains(position));
        lost.map(|position| self.name(&self.universe.record(self.solution.packages[position].place)))
            .collect()
    }

    fn is_installation(&self, asked: usize) -> bool {
        let asked = self.problem.asked.get(asked);
        asked.is_some_and(|asked| matches!(asked.what, What::Install { .. }))
    }

    fn name(&self, record: &Record<'_>) -> String {
        self.host.shown(record.name(), record.architecture())
    }
}

fn kibibytes(record: &Record<'_>) -> i64 {
    i64::try_from(record.installed_size()).unwrap_or_default()
}

/// What a person would type to have it done; nothing where there is nothing to do.
fn command(request: &PlanRequest, plan: &SystemPlan) -> Option<String> {
    let changes = [&plan.install, &plan.upgrade, &plan.downgrade, &plan.remove];
    if changes.iter().all(|changes| changes.is_empty()) || !plan.essential.is_empty() {
        return None;
    }
    let verb = match request.task {
        Task::Install => "install",
        Task::Remove => "remove",
        Task::Upgrade if request.packages.is_empty() => "full-upgrade",
        Task::Upgrade => "install --only-upgrade",
    };
    let mut words = vec![format!("sudo apt-get {verb}")];
    if request.task == Task::Install && !request.recommends {
        words.push("--no-install-recommends".to_owned());
    }
    if let Some(release) = &request.target_release {
        words.push(format!("-t {release}"));
    }
    let packages = request
        .packages
        .iter()
        .map(|text| text.strip_prefix("deb:").unwrap_or(text));
    // Relations have no form on apt's command line: their packages by name.
    words.extend(packages.map(|text| text.split([' ', '(', '|']).next().unwrap_or_default().to_owned()));
    Some(words.join(" "))
}
