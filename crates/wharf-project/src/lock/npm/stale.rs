//! Does npm's part of a lock still answer what the project asks? Invariant: a comparison of inputs, never a resolution.

use std::collections::BTreeSet;

use wharf_ecosystem::npm::{Edge, EdgeKind, Spec, To, Version};

use super::{NpmInputs, NpmLock, NpmRoot};
use crate::lock::stale::{changed, lines_changed, local_trees, requirements_changed};
use crate::npm::{NpmImporter, NpmProject};

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
            (
                "ignored optional dependency",
                &then.ignored_optional,
                &now.ignored_optional,
            ),
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

    /// What members of the workspace ask of each other and have by their versions, or no longer have, in words.
    pub(crate) fn members_moved(&self, now: &NpmProject) -> Vec<String> {
        let mut reasons = Vec::new();
        if now.importers.len() < 2 {
            return reasons;
        }
        for importer in &self.graph.importers {
            for edge in &importer.dependencies {
                let linked = match &edge.to {
                    Some(To::Importer(to)) => Some(self.graph.importers[*to].path.as_str()),
                    Some(To::Package(_)) | None => None,
                    Some(To::Link(_)) => continue,
                };
                let Some(answer) = MemberAnswer::of(now, &importer.path, edge) else {
                    continue;
                };
                if answer.takes != linked.is_some_and(|linked| linked == answer.member.path) {
                    reasons.push(answer.words(&importer.path, edge));
                }
            }
        }
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

/// Whether the member of the workspace that is called as a need says answers it.
struct MemberAnswer<'a> {
    member: &'a NpmImporter,
    takes: bool,
}

impl<'a> MemberAnswer<'a> {
    /// `None` where no member is called so, or the need says by itself what answers it.
    fn of(now: &'a NpmProject, importer: &str, edge: &Edge) -> Option<Self> {
        if !matches!(edge.kind, EdgeKind::Prod | EdgeKind::Dev | EdgeKind::Optional) {
            return None;
        }
        let named = |name: &str| {
            let members = now.importers.iter();
            members
                .filter(|member| member.name.as_deref() == Some(name))
                .min_by(|a, b| a.path.cmp(&b.path))
        };
        let is_another = |member: &&NpmImporter| member.path != importer;
        // Most needs are for packages that no member is called like: their text need not be read.
        if named(&edge.alias).is_none()
            && !edge.range.starts_with("npm:")
            && !edge.range.starts_with("workspace:")
        {
            return None;
        }
        let spec = Spec::parse(&edge.range).ok()?;
        let member = named(spec.package_name(&edge.alias)).filter(is_another)?;
        let version = member
            .version
            .as_deref()
            .and_then(|version| Version::parse_loose(version).ok());
        let takes = spec.takes_member(version.as_ref())?;
        Some(Self { member, takes })
    }

    fn words(&self, importer: &str, edge: &Edge) -> String {
        let says = match &self.member.version {
            Some(version) => format!("is {version} now"),
            None => "states no version now".to_owned(),
        };
        let answers = if self.takes { "answers" } else { "does not answer" };
        format!(
            "{} {says}, which {answers} `npm:{}@{} (in {importer})`",
            self.member.path, edge.alias, edge.range
        )
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
