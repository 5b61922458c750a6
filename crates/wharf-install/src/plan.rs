//! What a commit would change, decided before anything is touched. Invariant: a plan is a pure function of the current
//! generation, a look at the environment's directories, and what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wharf_core::PackageName;

use crate::drift::Drift;
use crate::generation::{Generation, InstalledPackage, PythonPart};
use crate::ground::RootName;
use crate::{
    InstalledCrate, InstalledDeb, InstalledNode, InstalledTool, Package, PythonWanted, Wanted, folder,
};

/// The difference between an environment and what is wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The generation that this was planned against; `None` if there is no environment.
    pub base: Option<u64>,
    /// Packages to come.
    pub add: Vec<Change>,
    /// Packages to go.
    pub remove: Vec<Change>,
    /// Packages whose version or content differs.
    pub change: Vec<Change>,
    /// How many packages stay as they are.
    pub keep: usize,
    /// Why everything is made anew although no package differs, in words.
    pub rebuild: Vec<String>,
    /// Names that somebody else put into the environment, and that will be gone.
    pub foreign: Vec<String>,
    /// Names that somebody took out of the environment.
    pub missing: Vec<String>,
    /// What happens to each folder.
    pub roots: RootPlan,
    /// Files of the project that change with it.
    pub files: Vec<String>,
}

/// What happens to the folders of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RootPlan {
    /// Made, in place of what stands there if anything does.
    pub make: BTreeSet<RootName>,
    /// Left alone.
    pub keep: BTreeSet<RootName>,
    /// Taken away.
    pub remove: BTreeSet<RootName>,
}

/// One package that comes, goes or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub name: PackageName,
    /// The version that stands there; several of npm's, in order, as `1.0.0, 2.0.0`.
    pub from: Option<String>,
    /// The version that is wanted.
    pub to: Option<String>,
}

impl Plan {
    /// Whether the environment is already what is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base.is_some()
            && self.roots.make.is_empty()
            && self.roots.remove.is_empty()
            && self.add.is_empty()
            && self.remove.is_empty()
            && self.change.is_empty()
            && self.rebuild.is_empty()
            && self.foreign.is_empty()
            && self.missing.is_empty()
            && self.files.is_empty()
    }

    /// Compares. `drift` is what a look at the directories found; `python` names the root of the Python part.
    pub(crate) fn new(
        current: Option<&Generation>,
        drift: Drift,
        wanted: &Wanted,
        python: &RootName,
    ) -> Self {
        let files = wanted.files.iter().filter(|change| change.before != change.after);
        let mut plan = Self {
            base: current.map(|generation| generation.number),
            foreign: drift.foreign,
            missing: drift.missing,
            rebuild: drift.reasons,
            files: files.map(|change| change.path.clone()).collect(),
            ..Self::default()
        };
        let before = current.and_then(|generation| generation.python.as_ref());
        if plan.python(before, wanted.python.as_ref()) || drift.roots.contains(python) {
            plan.roots.make.insert(python.clone());
        } else if wanted.python.is_some() {
            plan.roots.keep.insert(python.clone());
        }
        plan.linked(current, wanted, &drift.roots);
        if wanted.python.is_none() {
            plan.roots.make.remove(python);
        }
        if let Some(current) = current {
            let gone = current.roots.iter().map(|root| &root.name);
            let gone =
                gone.filter(|name| !plan.roots.make.contains(*name) && !plan.roots.keep.contains(*name));
            plan.roots.remove = gone.cloned().collect();
        }
        for list in [&mut plan.add, &mut plan.change, &mut plan.remove] {
            list.sort_by(|left, right| left.name.cmp(&right.name));
        }
        plan
    }

    /// Compares the Python parts; whether `.venv` has to be made.
    fn python(&mut self, before: Option<&PythonPart>, wanted: Option<&PythonWanted>) -> bool {
        let mut old: BTreeMap<&PackageName, &InstalledPackage> = before
            .iter()
            .flat_map(|part| &part.packages)
            .map(|one| (&one.name, one))
            .collect();
        let mut differs = before.is_none() && wanted.is_some();
        for package in wanted.iter().flat_map(|wanted| &wanted.packages) {
            let known = old.remove(&package.name);
            match known {
                Some(before) if same(before, package) => {
                    self.keep += 1;
                    continue;
                }
                None => self.add.push(change(&package.name, None, Some(&package.version))),
                Some(before) => {
                    self.change.push(change(
                        &package.name,
                        Some(&before.version),
                        Some(&package.version),
                    ));
                }
            }
            differs = true;
        }
        differs |= !old.is_empty();
        self.remove.extend(
            old.values()
                .map(|gone| change(&gone.name, Some(&gone.version), None)),
        );
        if let (Some(before), Some(wanted)) = (before, wanted) {
            let reasons = differences(before, wanted);
            differs |= !reasons.is_empty();
            self.rebuild.extend(reasons);
        }
        differs
    }

    /// Compares everything but the Python parts, folder by folder.
    fn linked(&mut self, current: Option<&Generation>, wanted: &Wanted, drifted: &BTreeSet<RootName>) {
        let kind =
            |kind| current.is_some_and(|current| current.roots.iter().any(|root| root.name.kind == kind));
        let (old, new) = (current.map(standing).unwrap_or_default(), asked(wanted));
        let mut differs = false;
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (from, to) = (
                old.get(name).map(|list| list.join(", ")),
                new.get(name).map(|list| list.join(", ")),
            );
            let change = change(name, from.as_ref(), to.as_ref());
            match (&from, &to) {
                (from, to) if from == to => {
                    self.keep += new[name].len();
                    continue;
                }
                (None, _) => self.add.push(change),
                (Some(_), Some(_)) => self.change.push(change),
                (Some(_), None) => self.remove.push(change),
            }
            differs = true;
        }
        for folder in folder::all(wanted) {
            let known = current.and_then(|current| current.root(&folder.name));
            let reason = match known {
                Some(root) if root.digest == folder.digest() => None,
                Some(_) => Some("what lies in it changes"),
                None => Some("it is not there"),
            };
            // Packages that come and go are reason enough, and so is an environment that is made for the first time.
            if let (Some(reason), false, true) = (reason, differs, kind(folder.name.kind)) {
                self.rebuild.push(format!("{}: {reason}", folder.name.path));
            }
            if reason.is_some() || drifted.contains(&folder.name) {
                self.roots.make.insert(folder.name);
            } else {
                self.roots.keep.insert(folder.name);
            }
        }
    }
}

fn change(name: &PackageName, from: Option<&String>, to: Option<&String>) -> Change {
    Change {
        name: name.clone(),
        from: from.cloned(),
        to: to.cloned(),
    }
}

fn same(before: &InstalledPackage, package: &Package) -> bool {
    before.version == package.version
        && before.tree == package.tree
        && before.requested == package.requested
        && before.direct_url == package.direct_url
}

/// The versions of each package.
type Versions<'a> = BTreeMap<&'a PackageName, Vec<&'a str>>;

/// The npm packages, crates, tools and system packages that stand there.
fn standing(current: &Generation) -> Versions<'_> {
    versions(
        current.node.iter().flat_map(|part| &part.packages),
        current.crates.iter().flat_map(|part| &part.packages),
        current.commands.iter().flat_map(|part| &part.tools),
        current.system.iter().flat_map(|part| &part.packages),
    )
}

/// The npm packages, crates, tools and system packages that are wanted.
fn asked(wanted: &Wanted) -> Versions<'_> {
    versions(
        wanted.node.iter().flat_map(|part| &part.packages),
        wanted.crates.iter().flat_map(|part| &part.packages),
        wanted.commands.iter().flat_map(|part| &part.tools),
        wanted.system.iter().flat_map(|part| &part.packages),
    )
}

/// In the order in which they come, which is the order of versions.
fn versions<'a>(
    node: impl Iterator<Item = &'a InstalledNode>,
    crates: impl Iterator<Item = &'a InstalledCrate>,
    tools: impl Iterator<Item = &'a InstalledTool>,
    system: impl Iterator<Item = &'a InstalledDeb>,
) -> Versions<'a> {
    let node = node.map(|one| (&one.name, &one.version));
    let crates = crates.map(|one| (&one.name, &one.version));
    let tools = tools.map(|one| (&one.name, &one.version));
    let mut found = Versions::new();
    let system = system.map(|one| (&one.name, &one.version));
    for (name, version) in node.chain(crates).chain(tools).chain(system) {
        let versions = found.entry(name).or_default();
        if !versions.contains(&version.as_str()) {
            versions.push(version);
        }
    }
    found
}

/// Reasons to make everything anew that no package shows.
fn differences(current: &PythonPart, wanted: &PythonWanted) -> Vec<String> {
    let mut reasons = Vec::new();
    if !current.interpreter.same_runtime(&wanted.python) {
        reasons.push(format!(
            "Python changes from {} ({}) to {} ({})",
            current.interpreter.version,
            current.interpreter.base_executable.display(),
            wanted.python.version,
            wanted.python.base_executable.display()
        ));
    }
    if current.system_site != wanted.system_site {
        reasons.push("the visibility of the system's packages changes".to_owned());
    }
    if current.prompt != wanted.prompt {
        reasons.push("the prompt changes".to_owned());
    }
    if current.compile == crate::Compile::No && wanted.compile == crate::Compile::Yes {
        reasons.push("bytecode is wanted".to_owned());
    }
    reasons
}
