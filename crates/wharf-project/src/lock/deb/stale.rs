//! What a project asks of Debian packages, and whether a lock still answers it. Invariants: a comparison of inputs, never a solve;
//! what only the machine says (its suite, its sources) never makes a lock stale.

use std::collections::BTreeSet;

use wharf_deb::architecture::Architecture;

use super::{DebCause, DebInputs, DebLock, DebRoot};
use crate::deb::{DebHold, DebPin, DebProject, DebRepository};
use crate::index::Declared;
use crate::lock::stale::{changed, lines_changed, requirements_changed};
use crate::project::Project;

impl DebInputs {
    /// What the Debian part of a lock of this project is solved from; `None` where the project has none.
    pub fn of(project: &Project) -> Option<Self> {
        let deb = project.deb.as_ref()?;
        let mut inputs = Self {
            suite: stated_suite(deb),
            packages: deb.packages.iter().map(DebRoot::of).collect(),
            external: project.external.words(),
            recommends: deb.recommends,
            architectures: texts(project.targets.iter().filter_map(Architecture::of)),
            foreign: texts(&deb.foreign),
            components: deb.components.clone(),
            holds: deb.holds.iter().map(DebHold::words).collect(),
            excludes: texts(&deb.excludes),
            pins: deb.pins.iter().map(DebPin::words).collect(),
            sources: deb.sources,
            snapshot: deb.snapshot.clone(),
            repositories: deb
                .own
                .iter()
                .map(|repository| words(project, repository))
                .collect(),
        };
        inputs.normalize();
        Some(inputs)
    }

    /// Sorts everything whose order means nothing.
    pub(super) fn normalize(&mut self) {
        self.packages.sort_by(|a, b| (&a.group, a).cmp(&(&b.group, b)));
        self.packages.dedup();
        for words in [
            &mut self.external,
            &mut self.architectures,
            &mut self.foreign,
            &mut self.holds,
            &mut self.excludes,
        ] {
            words.sort();
            words.dedup();
        }
    }
}

impl DebRoot {
    fn of(requirement: &crate::deb::DebRequirement) -> Self {
        Self {
            asked: requirement.relation.to_string(),
            group: requirement.group.clone(),
        }
    }
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn stated_suite(deb: &DebProject) -> Option<String> {
    let suite = deb.suite.as_ref()?;
    (suite.declared == Declared::Project).then(|| suite.name.clone())
}

/// A repository of the project in words, with the keys as the project names them.
fn words(project: &Project, repository: &DebRepository) -> String {
    let mut words = vec![repository.uri.to_string(), repository.suite.clone()];
    words.extend(repository.components.iter().cloned());
    if !repository.architectures.is_empty() {
        words.push(format!("[{}]", texts(&repository.architectures).join(" ")));
    }
    let keys = repository.keys.files.iter().map(|file| project.shown_path(file));
    words.extend(keys.map(|file| format!("signed-by {file}")));
    words.extend(repository.keys.blocks.iter().map(|block| {
        let digest = blake3::hash(block.as_bytes()).to_hex();
        format!("signed-by key {}", &digest[..16])
    }));
    words.extend(
        repository
            .keys
            .fingerprints
            .iter()
            .map(|print| format!("signed-by {print}")),
    );
    if repository.trusted {
        words.push("trusted".to_owned());
    }
    if !repository.check_valid_until {
        words.push("valid for ever".to_owned());
    }
    words.extend(repository.priority.map(|priority| format!("priority {priority}")));
    words.join(" ")
}

impl DebLock {
    /// Each difference between what was solved and what the project asks for, in words.
    pub fn differences(&self, now: &DebInputs) -> Vec<String> {
        let then = &self.inputs;
        let mut reasons = Vec::new();
        let place = |root: &DebRoot| {
            let name = root.asked.split([' ', ':']).next().unwrap_or_default();
            (name.to_owned(), root.group.clone())
        };
        requirements_changed(&mut reasons, &then.packages, &now.packages, place);
        for (what, then, now) in [
            ("need of the system", &then.external, &now.external),
            ("held Debian package", &then.holds, &now.holds),
            ("excluded Debian package", &then.excludes, &now.excludes),
            ("pin", &then.pins, &now.pins),
            ("Debian repository", &then.repositories, &now.repositories),
        ] {
            lines_changed(&mut reasons, what, then, now);
        }
        settings_changed(&mut reasons, then, now);
        self.unanswered(&mut reasons);
        reasons
    }

    /// A requirement without any package comes from a bad merge.
    fn unanswered(&self, reasons: &mut Vec<String>) {
        for system in &self.systems {
            let roots = system
                .roots
                .iter()
                .filter(|root| root.cause == DebCause::Manifest);
            let answered: BTreeSet<_> = roots.map(|root| (&root.asked, &root.group)).collect();
            let mut asked = self.inputs.packages.iter();
            if let Some(root) = asked.find(|root| !answered.contains(&(&root.asked, &root.group))) {
                let architecture = &system.architecture;
                reasons.push(format!("`{root}` has no package in the lock for {architecture}"));
            }
        }
        let covered: BTreeSet<_> = self.systems.iter().map(|system| &system.architecture).collect();
        let mut asked = self.inputs.architectures.iter();
        if let Some(missing) = asked.find(|architecture| !covered.contains(architecture)) {
            reasons.push(format!("no Debian package is locked for {missing}"));
        } else if covered.is_empty() {
            reasons.push("no Debian package is locked for any architecture".to_owned());
        }
    }
}

fn settings_changed(reasons: &mut Vec<String>, then: &DebInputs, now: &DebInputs) {
    let words = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let listed = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.join(", "));
    for (what, then, now) in [
        ("the Debian suite", then.suite.clone(), now.suite.clone()),
        (
            "the snapshot of Debian's repositories",
            then.snapshot.clone(),
            now.snapshot.clone(),
        ),
        (
            "`recommends`",
            Some(then.recommends.to_string()),
            Some(now.recommends.to_string()),
        ),
        (
            "`sources` of [deb]",
            Some(then.sources.as_str().to_owned()),
            Some(now.sources.as_str().to_owned()),
        ),
        (
            "the components",
            listed(&then.components),
            listed(&now.components),
        ),
        (
            "the architectures",
            words(&then.architectures),
            words(&now.architectures),
        ),
        (
            "the foreign architectures",
            words(&then.foreign),
            words(&now.foreign),
        ),
    ] {
        if then != now {
            reasons.push(changed(what, then.as_deref(), now.as_deref()));
        }
    }
}
