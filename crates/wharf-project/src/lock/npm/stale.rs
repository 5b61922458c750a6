//! Does npm's part of a lock still answer what the project asks? Invariant: a comparison of inputs, never a resolution.

use std::collections::BTreeSet;

use wharf_ecosystem::npm::EdgeKind;

use super::{NpmInputs, NpmLock, NpmRoot};
use crate::lock::stale::{changed, lines_changed, local_trees, requirements_changed};

impl NpmLock {
    /// Each difference between what was resolved and what the project asks for, in words.
    pub fn differences(&self, now: &NpmInputs) -> Vec<String> {
        let then = &self.inputs;
        let mut reasons = Vec::new();
        let place = |root: &NpmRoot| (root.importer.clone(), root.alias.clone());
        requirements_changed(&mut reasons, &then.requirements, &now.requirements, place);
        for (what, then, now) in [
            ("override", &then.overrides, &now.overrides),
            ("package extension", &then.extensions, &now.extensions),
            ("rule about peers", &then.peer_rules, &now.peer_rules),
        ] {
            lines_changed(&mut reasons, what, then, now);
        }
        settings_changed(&mut reasons, then, now);
        local_trees(&mut reasons, &then.local, &now.local, |path| {
            format!("`{path}` needs something else than it did")
        });
        self.unanswered(&mut reasons);
        reasons
    }

    /// A requirement without any edge comes from a bad merge, but where an override takes it out.
    fn unanswered(&self, reasons: &mut Vec<String>) {
        let edges = self.graph.importers.iter().flat_map(|importer| {
            let edges = importer.dependencies.iter();
            edges.map(|edge| (importer.path.as_str(), edge.alias.as_str()))
        });
        let answered: BTreeSet<(&str, &str)> = edges.collect();
        let needed = self.inputs.requirements.iter().filter(|root| match root.kind {
            EdgeKind::Prod | EdgeKind::Dev => self.inputs.overrides.is_empty(),
            EdgeKind::Optional | EdgeKind::Peer | EdgeKind::OptionalPeer => false,
        });
        for root in needed.filter(|root| !answered.contains(&(root.importer.as_str(), root.alias.as_str()))) {
            reasons.push(format!("`{root}` has no package in the lock"));
        }
    }
}

fn settings_changed(reasons: &mut Vec<String>, then: &NpmInputs, now: &NpmInputs) {
    let words = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let flag = |flag: bool| Some(flag.to_string());
    let instant = |inputs: &NpmInputs| inputs.exclude_newer.map(|instant| instant.to_string());
    for (what, then, now) in [
        (
            "the npm registries",
            words(&then.registries),
            words(&now.registries),
        ),
        ("the Node versions", then.node.clone(), now.node.clone()),
        (
            "`install-peers`",
            flag(then.install_peers),
            flag(now.install_peers),
        ),
        ("`strict-peers`", flag(then.strict_peers), flag(now.strict_peers)),
        (
            "npm's cooldown",
            Some(then.cooldown.to_string()),
            Some(now.cooldown.to_string()),
        ),
        ("npm's `before`", instant(then), instant(now)),
    ] {
        if then != now {
            reasons.push(changed(what, then.as_deref(), now.as_deref()));
        }
    }
}
