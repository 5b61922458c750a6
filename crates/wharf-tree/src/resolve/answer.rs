//! What answers one need: a member of the workspace, a version that is there already, a registry's best, a repository, a folder.

use std::rc::Rc;

use wharf_core::Source;
use wharf_ecosystem::npm::{EdgeKind, Spec};

use super::names::NameId;
use super::sources::Picked;
use super::tree::{Scope, Target, Tree, TreeEdge, Want};
use crate::error::TreeError;

impl Tree<'_> {
    /// What answers the need at `position` of `scope`.
    pub(super) fn answer(&mut self, scope: Scope, position: usize) -> Target {
        let edge = self.edges(scope)[position].clone();
        match &edge.want {
            Want::Registry { name, spec, range } => {
                if let (Scope::Importer(own), Some(range)) = (scope, range)
                    && let Some(member) = self.member(*name, Some(range)).filter(|member| *member != own)
                {
                    return Target::Importer(member);
                }
                if let Some(range) = range
                    && let Some(package) = self.present(*name, |version| range.satisfies(version))
                {
                    return Target::Node(self.ensure(package, scope));
                }
                let picked = self.picked(*name, spec);
                self.target(scope, &edge, picked)
            }
            Want::Other(Ok(spec)) => self.answer_other(scope, &edge, &Rc::clone(spec)),
            Want::Other(Err(reason)) => self.unusable(scope, &edge, reason.clone()),
        }
    }

    fn answer_other(&mut self, scope: Scope, edge: &TreeEdge, spec: &Spec) -> Target {
        match spec {
            Spec::Workspace { range, .. } => self.answer_workspace(scope, edge, spec, range),
            Spec::Link(path) => match self.local_path(scope, path) {
                Some(path) => Target::Link(path.into()),
                None => self.unusable(
                    scope,
                    edge,
                    "only folders of the project can be linked".to_owned(),
                ),
            },
            Spec::Directory(path) => {
                let local = self.local_path(scope, path);
                let member = local.and_then(|path| self.importer_at(&path));
                match member {
                    Some(member) => Target::Importer(member),
                    None => self.answer_direct(scope, edge, spec),
                }
            }
            Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) => self.answer_direct(scope, edge, spec),
            Spec::Catalog(_) => self.unusable(scope, edge, "no catalog of the workspace has it".to_owned()),
            Spec::Range(_) | Spec::Tag(_) | Spec::Alias { .. } => {
                self.unusable(scope, edge, "it is nothing that a registry answers".to_owned())
            }
        }
    }

    fn answer_direct(&mut self, scope: Scope, edge: &TreeEdge, spec: &Spec) -> Target {
        let picked = self.direct(scope, edge.alias, spec);
        self.target(scope, edge, picked)
    }

    fn answer_workspace(&mut self, scope: Scope, edge: &TreeEdge, spec: &Spec, range: &str) -> Target {
        let alias = self.names.text(edge.alias).to_string();
        let text = spec.package_name(&alias).to_owned();
        let id = self.names.id(&text);
        let refuse = |reason: String| {
            Target::Refused(Rc::new(TreeError::NoMember {
                alias: alias.clone(),
                text: edge.text.to_string(),
                asker: Box::default(),
                origin: None,
                reason,
            }))
        };
        if let Some(path) = self.workspace_path(scope, range) {
            return match self.importer_at(&path) {
                Some(member) => Target::Importer(member),
                None => refuse(format!("no member lies at `{path}`")),
            };
        }
        let Some(member) = self.member_named(id) else {
            return refuse(format!("no member is called {text}"));
        };
        let version = self.importers[member].version.as_ref();
        match (spec.takes_member(version), version) {
            (Some(true), _) => Target::Importer(member),
            (_, Some(version)) => refuse(format!("{text} is of version {version} there")),
            (_, None) => refuse(format!("{text} states no version there")),
        }
    }

    /// The folder that `workspace:../a` means.
    fn workspace_path(&self, scope: Scope, range: &str) -> Option<String> {
        (range.starts_with('.') || range.contains('/'))
            .then(|| self.local_path(scope, range))
            .flatten()
    }

    fn importer_at(&self, path: &str) -> Option<usize> {
        self.importers
            .iter()
            .position(|importer| self.problem.importers[importer.root].path == path)
    }

    /// A path as written by `scope`, relative to the project's root; absolute ones as they are. `None` where the scope lies in no
    /// folder.
    fn local_path(&self, scope: Scope, path: &str) -> Option<String> {
        let base = match scope {
            Scope::Importer(index) => self.problem.importers[self.importers[index].root].path.clone(),
            Scope::Node(node) => match &self.pack(node).source {
                Source::Directory { path, .. } => path.clone(),
                _ => return None,
            },
        };
        Some(joined(&base, path))
    }

    /// Turns what was picked into an answer.
    fn target(&mut self, scope: Scope, edge: &TreeEdge, picked: Picked) -> Target {
        let package = |name: NameId| format!("{}@{}", self.names.text(name), edge.text);
        let name = match &edge.want {
            Want::Registry { name, .. } => *name,
            Want::Other(_) => edge.alias,
        };
        let member = || self.other_member(scope, edge, name);
        match picked {
            Picked::Package(package) => Target::Node(self.ensure(package, scope)),
            Picked::Unknown => Target::Open,
            Picked::Failed(reason) => Target::Refused(Rc::new(TreeError::Unavailable {
                package: package(name),
                asker: Box::default(),
                origin: None,
                reason,
                member: member(),
            })),
            Picked::None(why) => Target::Refused(Rc::new(TreeError::NoVersion {
                name: self.names.text(name).to_string(),
                range: edge.text.to_string(),
                asker: Box::default(),
                origin: None,
                why: match member() {
                    Some(member) => format!("{why}; {member}"),
                    None => why,
                },
            })),
        }
    }

    /// The member of the workspace that is called `name` and does not answer an importer's need, in words.
    fn other_member(&self, scope: Scope, edge: &TreeEdge, name: NameId) -> Option<String> {
        let (Scope::Importer(own), Want::Registry { .. }) = (scope, &edge.want) else {
            return None;
        };
        let member = self.member_named(name).filter(|member| *member != own)?;
        let member = &self.problem.importers[self.importers[member].root];
        let says = match &member.version {
            Some(version) => format!("is {version}"),
            None => "states no version".to_owned(),
        };
        Some(format!("{} of the workspace {says}", member.path))
    }

    fn unusable(&self, scope: Scope, edge: &TreeEdge, reason: String) -> Target {
        debug_assert!(
            matches!(scope, Scope::Importer(_)) || edge.kind != EdgeKind::Dev,
            "packages have no dev needs"
        );
        Target::Refused(Rc::new(TreeError::InvalidSpec {
            alias: self.names.text(edge.alias).to_string(),
            text: edge.text.to_string(),
            asker: Box::default(),
            origin: None,
            reason,
        }))
    }
}

/// `path` seen from `base`, `.` and `..` resolved as far as that goes by text.
fn joined(base: &str, path: &str) -> String {
    if path.starts_with('/')
        || path.starts_with('~')
        || path
            .get(1..3)
            .is_some_and(|drive| drive == ":/" || drive == ":\\")
    {
        return path.to_owned();
    }
    let absolute = base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn paths_are_joined_by_text() {
        let check = |base: &str, path: &str, expected: &str| {
            assert_eq!(joined(base, path), expected, "{base} + {path}");
        };
        check(".", "./lib", "lib");
        check("packages/a", "../b", "packages/b");
        check("packages/a", "../../..", "..");
        check("packages/a", "../..", ".");
        check(".", "../elsewhere", "../elsewhere");
        check("a", "/opt/x", "/opt/x");
        check("/srv/x", "../y", "/srv/y");
    }
}
