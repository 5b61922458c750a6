//! Which packages of a lock a machine installs: a walk from the project's requirements along the edges.
//! Invariant: the walk decides by the lock alone; nothing is solved again.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::{ExtraName, MarkerEnvironment};
use rustc_hash::FxHashMap;
use wharf_core::{PackageName, Target};
use wharf_ecosystem::pypi::parse_marker;

use super::{Lock, LockError, LockedFile, LockedPackage, LockedTarget};
use crate::requirement::Group;

/// What of a project is to be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Groups besides the usual ones.
    pub groups: BTreeSet<String>,
    /// Extras of the project.
    pub extras: BTreeSet<String>,
    /// Whether every group is wanted.
    pub all_groups: bool,
    /// Whether every extra is wanted.
    pub all_extras: bool,
    /// Whether what developers need is wanted.
    pub dev: DevGroups,
    /// A local package that is left out, though not what it needs: the project itself.
    pub without: Option<PackageName>,
}

/// Whether what developers need is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevGroups {
    /// Besides what the project needs.
    #[default]
    Include,
    /// Not at all.
    Exclude,
    /// It and the named groups alone, without what the project needs to run.
    Only,
}

impl Selection {
    /// Whether requirements of this group are wanted.
    pub fn wants(&self, group: &Group) -> bool {
        match group {
            Group::Main => self.dev != DevGroups::Only,
            Group::Dev => self.dev != DevGroups::Exclude || self.groups.contains("dev"),
            Group::Named(name) => self.all_groups || self.groups.contains(name),
            Group::Extra(name) => self.all_extras || self.extras.contains(name),
        }
    }
}

/// One package to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallItem<'l> {
    /// The package.
    pub package: &'l LockedPackage,
    /// The file to install from; `None` for source trees and repositories.
    pub file: Option<&'l LockedFile>,
    /// The extras that something asked for.
    pub extras: BTreeSet<&'l str>,
    /// Whether the project itself asks for it.
    pub requested: bool,
}

impl Lock {
    /// The target that fits a machine: the most specific one that includes it.
    ///
    /// # Errors
    /// Where none does.
    pub fn target_for(&self, host: &Target) -> Result<&LockedTarget, LockError> {
        self.targets
            .iter()
            .filter(|locked| locked.target.includes(host))
            .max_by_key(|locked| (locked.target.python, locked.target.os_version))
            .ok_or_else(|| LockError::NoTarget {
                host: Box::new(*host),
                available: self.targets.iter().map(|locked| locked.target).collect(),
            })
    }

    /// The packages that a machine of `target` (one of [`Lock::targets`]) installs, sorted by name.
    ///
    /// # Errors
    /// Where the lock contradicts itself, or `selection` names what the project does not have.
    pub fn install_set(
        &self,
        target: &Target,
        selection: &Selection,
        markers: &MarkerEnvironment,
    ) -> Result<Vec<InstallItem<'_>>, LockError> {
        self.check_selection(selection)?;
        let mut walk = Walk::new(self, target, markers);
        for root in self
            .inputs
            .roots
            .iter()
            .filter(|root| selection.wants(&root.group))
        {
            if walk.holds(root.marker.as_deref(), None)? {
                let package = walk.find(&root.name, None, "the project")?;
                walk.found.entry(package).or_default().requested = true;
                walk.visit(package, &root.extras);
            }
        }
        walk.run()?;
        let mut items = walk.items()?;
        items.retain(|item| {
            selection.without.as_ref() != Some(&item.package.name) || item.package.source.is_indexed()
        });
        Ok(items)
    }

    fn check_selection(&self, selection: &Selection) -> Result<(), LockError> {
        let (mut groups, mut extras) = (BTreeSet::from(["dev".to_owned()]), BTreeSet::new());
        for root in &self.inputs.roots {
            match &root.group {
                Group::Main | Group::Dev => {}
                Group::Named(name) => _ = groups.insert(name.clone()),
                Group::Extra(name) => _ = extras.insert(name.clone()),
            }
        }
        for (what, asked, known) in [
            ("group", &selection.groups, groups),
            ("extra", &selection.extras, extras),
        ] {
            if let Some(name) = asked.iter().find(|name| !known.contains(*name)) {
                let (name, known) = (name.clone(), known.into_iter().collect());
                return Err(LockError::UnknownGroup { what, name, known });
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Found<'l> {
    extras: BTreeSet<&'l str>,
    requested: bool,
}

struct Walk<'l, 'm> {
    lock: &'l Lock,
    target: &'m Target,
    markers: &'m MarkerEnvironment,
    by_name: FxHashMap<&'l PackageName, Vec<usize>>,
    /// Many edges carry the same few markers, and parsing one costs more than looking it up.
    evaluated: FxHashMap<(&'l str, Option<&'l str>), bool>,
    found: BTreeMap<usize, Found<'l>>,
    /// A package with one extra, or with none for its own needs.
    queue: Vec<(usize, Option<&'l str>)>,
}

impl<'l, 'm> Walk<'l, 'm> {
    fn new(lock: &'l Lock, target: &'m Target, markers: &'m MarkerEnvironment) -> Self {
        let mut by_name: FxHashMap<&PackageName, Vec<usize>> = FxHashMap::default();
        for (number, package) in lock.packages.iter().enumerate() {
            if package.targets.is_empty() || package.targets.contains(target) {
                by_name.entry(&package.name).or_default().push(number);
            }
        }
        let (evaluated, found) = (FxHashMap::default(), BTreeMap::new());
        Self {
            lock,
            target,
            markers,
            by_name,
            evaluated,
            found,
            queue: Vec::new(),
        }
    }

    fn visit(&mut self, package: usize, extras: &'l [String]) {
        let found = self.found.entry(package).or_default();
        for extra in extras {
            if found.extras.insert(extra) {
                self.queue.push((package, Some(extra)));
            }
        }
    }

    fn run(&mut self) -> Result<(), LockError> {
        let starts: Vec<usize> = self.found.keys().copied().collect();
        self.queue
            .extend(starts.into_iter().map(|package| (package, None)));
        while let Some((number, extra)) = self.queue.pop() {
            let package = &self.lock.packages[number];
            for edge in package
                .dependencies
                .iter()
                .filter(|edge| edge.when_extra.as_deref() == extra)
            {
                if !self.holds(edge.marker.as_deref(), extra)? {
                    continue;
                }
                let needed = match self.by_name.get(&edge.name).map(Vec::as_slice) {
                    Some([only]) if edge.version.is_none() => *only,
                    _ => self.find(&edge.name, edge.version.as_deref(), &label(package))?,
                };
                if !self.found.contains_key(&needed) {
                    self.queue.push((needed, None));
                }
                self.visit(needed, &edge.extras);
            }
        }
        Ok(())
    }

    fn find(&self, name: &PackageName, version: Option<&str>, needed_by: &str) -> Result<usize, LockError> {
        let all = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        let fits = |number: &&usize| version.is_none_or(|text| self.lock.packages[**number].version == text);
        let mut fitting = all.iter().filter(fits);
        let (needed_by, target) = (needed_by.to_owned(), Box::new(*self.target));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(*only),
            (None, _) => Err(LockError::MissingPackage {
                needed_by,
                name: name.clone(),
                target,
            }),
            (Some(_), Some(_)) => Err(LockError::AmbiguousPackage {
                needed_by,
                name: name.clone(),
                target,
            }),
        }
    }

    fn holds(&mut self, marker: Option<&'l str>, extra: Option<&'l str>) -> Result<bool, LockError> {
        let Some(text) = marker else { return Ok(true) };
        if let Some(known) = self.evaluated.get(&(text, extra)) {
            return Ok(*known);
        }
        let tree = parse_marker(text).map_err(|error| LockError::BadMarker {
            marker: text.to_owned(),
            reason: error.reason,
        })?;
        let extras: Vec<ExtraName> = extra.and_then(|name| name.parse().ok()).into_iter().collect();
        let holds = tree.evaluate(self.markers, &extras);
        self.evaluated.insert((text, extra), holds);
        Ok(holds)
    }

    fn items(self) -> Result<Vec<InstallItem<'l>>, LockError> {
        let target = self.target;
        let item = |(number, found): (usize, Found<'l>)| {
            let package: &'l LockedPackage = &self.lock.packages[number];
            let fits = |file: &&LockedFile| file.targets.is_empty() || file.targets.contains(target);
            let file = package.files.iter().find(fits);
            if file.is_none() && package.source.is_indexed() {
                let (name, version) = (package.name.clone(), package.version.clone());
                return Err(LockError::NoFile {
                    name,
                    version,
                    target: Box::new(*target),
                });
            }
            Ok(InstallItem {
                package,
                file,
                extras: found.extras,
                requested: found.requested,
            })
        };
        self.found.into_iter().map(item).collect()
    }
}

fn label(package: &LockedPackage) -> String {
    format!("{} {}", package.name, package.version)
}
