//! Does a lock still answer what the project asks? Invariant: a structural comparison of inputs, never a solve, and
//! settings of the machine (environment, pip.conf) never make a lock stale.

use std::collections::BTreeSet;
use std::fmt;

use wharf_core::{Span, Timestamp};

use super::{DebInputs, Lock, LockInputs, LockedRoot, NpmInputs, ToolsLock};
use crate::index::{Declared, PackageSet};
use crate::project::Project;
use crate::requirement::RootRequirement;

/// Why a lock no longer answers the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Each difference in words, at least one.
    pub reasons: Vec<String>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons.join("; "))
    }
}

impl LockedRoot {
    /// A requirement in the form of the lockfile.
    pub fn of(root: &RootRequirement) -> Self {
        let mut extras: Vec<String> = root.extras().map(str::to_owned).collect();
        extras.sort();
        extras.dedup();
        let mut hashes = root.hashes.clone();
        hashes.sort();
        hashes.dedup();
        Self {
            name: root.name(),
            group: root.group.clone(),
            extras,
            specifiers: root.specifiers(),
            source: root.source.as_ref().map(ToString::to_string),
            editable: root.editable,
            marker: root.marker(),
            hashes,
        }
    }
}

impl fmt::Display for LockedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if !self.extras.is_empty() {
            write!(f, "[{}]", self.extras.join(","))?;
        }
        f.write_str(&self.specifiers)?;
        if let Some(source) = &self.source {
            write!(f, " @ {source}")?;
        }
        if let Some(marker) = &self.marker {
            write!(f, " ; {marker}")?;
        }
        if self.group == crate::Group::Main {
            Ok(())
        } else {
            write!(f, " ({})", self.group)
        }
    }
}

impl LockInputs {
    /// What a lock of this project is solved from.
    pub fn of(project: &Project) -> Self {
        let roots = |roots: &[RootRequirement]| {
            let mut locked: Vec<LockedRoot> = roots.iter().map(LockedRoot::of).collect();
            locked.sort_by(|a, b| (&a.group, &a.name, a).cmp(&(&b.group, &b.name, b)));
            locked.dedup();
            locked
        };
        let own_links = project
            .indexes
            .find_links
            .iter()
            .filter(|links| links.declared == Declared::Project);
        let own_indexes = project
            .indexes
            .indexes
            .iter()
            .filter(|index| index.declared == Declared::Project);
        let location = |location: &crate::FindLinksLocation| match location {
            crate::FindLinksLocation::Url(url) => url.to_string(),
            crate::FindLinksLocation::Path(path) => project.shown_path(path),
        };
        Self {
            roots: roots(&project.roots),
            constraints: roots(&project.constraints),
            overrides: roots(&project.overrides),
            targets: project.targets.clone(),
            cooldown: project.policy.cooldown,
            exclude_newer: project.policy.exclude_newer,
            indexes: own_indexes.map(|index| index.url.to_string()).collect(),
            find_links: own_links.map(|links| location(&links.location)).collect(),
            local: super::local::fingerprints(project),
            no_index: project.no_index_declared,
            index_strategy: project.indexes.strategy,
            prereleases: project.prereleases,
            resolution: project.resolution,
            no_binary: set_words(&project.formats.no_binary),
            only_binary: set_words(&project.formats.only_binary),
        }
    }
}

/// A package set as the lockfile writes it: `:all:`, names, `!name` for exceptions.
fn set_words(set: &PackageSet) -> Vec<String> {
    match set {
        PackageSet::None => Vec::new(),
        PackageSet::All { except } => {
            let exceptions = except.iter().map(|name| format!("!{name}"));
            std::iter::once(":all:".to_owned()).chain(exceptions).collect()
        }
        PackageSet::Only(names) => names.iter().map(ToString::to_string).collect(),
    }
}

impl Lock {
    /// Why the lock no longer answers `project`; `None` where it does.
    pub fn stale(&self, project: &Project) -> Option<Stale> {
        let mut reasons = Vec::new();
        let parts = [
            self.stale_python(project),
            self.stale_npm(project),
            self.stale_tools(project),
            self.stale_deb(project),
        ];
        for part in parts {
            for reason in part.map(|stale| stale.reasons).unwrap_or_default() {
                // A setting of both parts is told once.
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        (!reasons.is_empty()).then_some(Stale { reasons })
    }

    /// Why the Python part no longer answers `project`.
    pub fn stale_python(&self, project: &Project) -> Option<Stale> {
        let requires = project.requires_python.as_ref().map(ToString::to_string);
        self.stale_against(&LockInputs::of(project), requires.as_deref())
    }

    /// Why npm's part no longer answers `project`.
    pub fn stale_npm(&self, project: &Project) -> Option<Stale> {
        let mut reasons = match (&self.npm, NpmInputs::of(project)) {
            (None, None) => Vec::new(),
            (Some(lock), Some(now)) => lock.differences(&now),
            (None, Some(_)) => vec!["nothing of npm is locked yet".to_owned()],
            (Some(_), None) => vec!["the project has nothing of npm any more".to_owned()],
        };
        if let Some(lock) = &self.npm {
            reasons.extend(project.npm.iter().flat_map(|npm| lock.members_moved(npm)));
            self.ages(&mut reasons, project);
        }
        (!reasons.is_empty()).then_some(Stale { reasons })
    }

    /// Why the locked tools no longer answer `project`.
    pub fn stale_tools(&self, project: &Project) -> Option<Stale> {
        let mut reasons = match (&self.cargo, ToolsLock::requests(project)) {
            (None, None) => Vec::new(),
            (Some(lock), Some(now)) => lock.differences(&now),
            (None, Some(_)) => vec!["no tool of [cargo] is locked yet".to_owned()],
            (Some(_), None) => vec!["the project has no tools of [cargo] any more".to_owned()],
        };
        if self.cargo.is_some() {
            self.ages(&mut reasons, project);
        }
        (!reasons.is_empty()).then_some(Stale { reasons })
    }

    /// Why the Debian part no longer answers `project`.
    pub fn stale_deb(&self, project: &Project) -> Option<Stale> {
        let reasons = match (&self.deb, DebInputs::of(project)) {
            (None, None) => Vec::new(),
            (Some(lock), Some(now)) => lock.differences(&now),
            (None, Some(_)) => vec!["no Debian package is locked yet".to_owned()],
            (Some(_), None) => vec!["the project has no Debian packages any more".to_owned()],
        };
        (!reasons.is_empty()).then_some(Stale { reasons })
    }

    /// How the limits on age changed since the lock was made.
    fn ages(&self, reasons: &mut Vec<String>, project: &Project) {
        let then = (self.inputs.cooldown, self.inputs.exclude_newer);
        ages(
            reasons,
            then,
            (project.policy.cooldown, project.policy.exclude_newer),
        );
    }

    /// The same for inputs that are at hand already.
    pub fn stale_against(&self, now: &LockInputs, requires_python: Option<&str>) -> Option<Stale> {
        let mut reasons = Vec::new();
        let then = &self.inputs;
        if self.requires_python.as_deref() != requires_python {
            reasons.push(changed(
                "the Python versions",
                self.requires_python.as_deref(),
                requires_python,
            ));
        }
        differences(&mut reasons, "requirement", &then.roots, &now.roots);
        differences(&mut reasons, "constraint", &then.constraints, &now.constraints);
        differences(&mut reasons, "override", &then.overrides, &now.overrides);
        settings(&mut reasons, then, now);
        local_trees(&mut reasons, &then.local, &now.local, |path| {
            format!("the source tree `{path}` states other requirements than it did")
        });
        self.unlocked_roots(&mut reasons);
        (!reasons.is_empty()).then_some(Stale { reasons })
    }

    /// A root without any package comes from a bad merge.
    fn unlocked_roots(&self, reasons: &mut Vec<String>) {
        let locked: BTreeSet<_> = self.packages.iter().map(|package| &package.name).collect();
        let unconditional = self.inputs.roots.iter().filter(|root| root.marker.is_none());
        for root in unconditional.filter(|root| !locked.contains(&root.name)) {
            reasons.push(format!("`{root}` has no package in the lock"));
        }
    }
}

/// Local source trees of which the manifests ask for something else than they did; `says` puts the path into words. One that came or
/// went is told as a requirement already, and a fingerprint means nothing to people.
pub(super) fn local_trees(
    reasons: &mut Vec<String>,
    then: &[String],
    now: &[String],
    says: impl Fn(&str) -> String,
) {
    let path = |line: &'_ str| line.rsplit_once(' ').map_or(line.len(), |(path, _)| path.len());
    for line in now.iter().filter(|line| !then.contains(line)) {
        let own = &line[..path(line)];
        if then.iter().any(|old| &old[..path(old)] == own) {
            reasons.push(says(own));
        }
    }
    // A lock from before there were fingerprints, or one of a bad merge, is stale all the same.
    if reasons.is_empty() && then != now {
        reasons.push("the local source trees changed".to_owned());
    }
}

fn settings(reasons: &mut Vec<String>, then: &LockInputs, now: &LockInputs) {
    let words = |list: &[String]| {
        if list.is_empty() {
            None
        } else {
            Some(list.join(", "))
        }
    };
    let targets =
        |inputs: &LockInputs| words(&inputs.targets.iter().map(ToString::to_string).collect::<Vec<_>>());
    if targets(then) != targets(now) {
        let (then, now) = (targets(then), targets(now));
        reasons.push(changed("the targets", then.as_deref(), now.as_deref()));
    }
    let ages_of = |inputs: &LockInputs| (inputs.cooldown, inputs.exclude_newer);
    ages(reasons, ages_of(then), ages_of(now));
    for (what, then, now) in [
        ("the indexes", words(&then.indexes), words(&now.indexes)),
        ("the find-links", words(&then.find_links), words(&now.find_links)),
        (
            "`no-index`",
            Some(then.no_index.to_string()),
            Some(now.no_index.to_string()),
        ),
        (
            "the index strategy",
            word(then.index_strategy.as_str()),
            word(now.index_strategy.as_str()),
        ),
        (
            "the prerelease mode",
            word(then.prereleases.as_str()),
            word(now.prereleases.as_str()),
        ),
        (
            "the resolution mode",
            word(then.resolution.as_str()),
            word(now.resolution.as_str()),
        ),
        ("`no-binary`", words(&then.no_binary), words(&now.no_binary)),
        ("`only-binary`", words(&then.only_binary), words(&now.only_binary)),
    ] {
        if then != now {
            reasons.push(changed(what, then.as_deref(), now.as_deref()));
        }
    }
}

/// How young a version may be: the same for every part of a lock.
fn ages(reasons: &mut Vec<String>, then: (Span, Option<Timestamp>), now: (Span, Option<Timestamp>)) {
    if then.0 != now.0 {
        let (then, now) = (then.0.to_string(), now.0.to_string());
        reasons.push(changed("the cooldown", Some(&then), Some(&now)));
    }
    if then.1 != now.1 {
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        let (then, now) = (text(then.1), text(now.1));
        reasons.push(changed("`exclude-newer`", then.as_deref(), now.as_deref()));
    }
}

fn word(word: &str) -> Option<String> {
    Some(word.to_owned())
}

/// Which requirements came, went or became others. Those at the same place are one requirement that changed.
pub(super) fn requirements_changed<R: PartialEq + fmt::Display, P: PartialEq>(
    reasons: &mut Vec<String>,
    then: &[R],
    now: &[R],
    place: impl Fn(&R) -> P,
) {
    let gone: Vec<&R> = then.iter().filter(|root| !now.contains(root)).collect();
    let added: Vec<&R> = now.iter().filter(|root| !then.contains(root)).collect();
    for root in &added {
        let before = gone.iter().find(|old| place(old) == place(root));
        reasons.push(match before {
            Some(before) => format!("the requirement `{before}` became `{root}`"),
            None => format!("the requirement `{root}` is new"),
        });
    }
    for root in gone
        .iter()
        .filter(|old| !added.iter().any(|root| place(old) == place(root)))
    {
        reasons.push(format!("the requirement `{root}` is gone"));
    }
}

/// Which lines came or went, or that only their order is another: of two rules for one package the first may count.
pub(super) fn lines_changed(reasons: &mut Vec<String>, what: &str, then: &[String], now: &[String]) {
    let before = reasons.len();
    for line in now.iter().filter(|line| !then.contains(line)) {
        reasons.push(format!("the {what} `{line}` is new"));
    }
    for line in then.iter().filter(|line| !now.contains(line)) {
        reasons.push(format!("the {what} `{line}` is gone"));
    }
    if reasons.len() == before && then != now {
        reasons.push(format!("the order of the {what}s changed"));
    }
}

pub(super) fn changed(what: &str, then: Option<&str>, now: Option<&str>) -> String {
    let shown = |value: Option<&str>| value.map_or("nothing".to_owned(), |text| format!("`{text}`"));
    format!("{what} changed from {} to {}", shown(then), shown(now))
}

fn differences(reasons: &mut Vec<String>, what: &str, then: &[LockedRoot], now: &[LockedRoot]) {
    for added in now.iter().filter(|root| !then.contains(root)) {
        let before = then
            .iter()
            .find(|root| (&root.name, &root.group) == (&added.name, &added.group));
        reasons.push(match before.filter(|root| !now.contains(root)) {
            Some(before) => format!("the {what} `{before}` became `{added}`"),
            None => format!("the {what} `{added}` is new"),
        });
    }
    for removed in then.iter().filter(|root| !now.contains(root)) {
        let key = (&removed.name, &removed.group);
        if !now
            .iter()
            .any(|root| (&root.name, &root.group) == key && !then.contains(root))
        {
            reasons.push(format!("the {what} `{removed}` is gone"));
        }
    }
}
