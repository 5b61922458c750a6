//! What cannot be had: an optional need that fails is left out, together with what only it needs; a required one fails
//! whoever requires it, up to an optional need or to an importer, where it is an error.

use std::rc::Rc;

use wharf_ecosystem::npm::EdgeKind;

use super::tree::{NodeId, Scope, Target, Tree, TreeEdge};
use crate::error::TreeError;
use crate::issue::Chain;

/// Whether anything was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Unchanged,
    Changed,
}

impl Tree<'_> {
    /// Leaves out what is optional and cannot be had.
    ///
    /// # Errors
    /// What is required and cannot be had, each with who asks and where that is written.
    pub(super) fn settle(&mut self) -> Result<Settled, TreeError> {
        let refused = |edges: &[TreeEdge]| edges.iter().any(|edge| matches!(edge.to, Target::Refused(_)));
        let well = !self.importers.iter().any(|importer| refused(&importer.edges))
            && !self.nodes.iter().any(|node| refused(&node.edges));
        if well {
            return Ok(Settled::Unchanged);
        }
        let broken = self.broken();
        let mut errors = Vec::new();
        for scope in self.scopes() {
            for position in 0..self.edges(scope).len() {
                let edge = &self.edges(scope)[position];
                let Some(error) = self.cause(&edge.to, &broken) else {
                    continue;
                };
                if edge.kind == EdgeKind::Optional {
                    self.edges_mut(scope)[position].to = Target::Left(reason(&error).into());
                } else if let Scope::Importer(_) = scope {
                    errors.extend(self.causes(scope, position, &broken));
                }
            }
        }
        let mut distinct: Vec<TreeError> = Vec::new();
        for error in errors {
            if !distinct.contains(&error) {
                distinct.push(error);
            }
        }
        match distinct.len() {
            0 => Ok(Settled::Changed),
            1 => Err(distinct.swap_remove(0)),
            _ => Err(TreeError::Many(distinct)),
        }
    }

    /// For each node why it cannot be had.
    fn broken(&self) -> Vec<Option<Rc<TreeError>>> {
        let mut broken: Vec<Option<Rc<TreeError>>> = vec![None; self.nodes.len()];
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); self.nodes.len()];
        let mut queue = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for edge in node.edges.iter().filter(|edge| edge.kind != EdgeKind::Optional) {
                match &edge.to {
                    Target::Node(to) => dependents[*to].push(index),
                    Target::Refused(error) if broken[index].is_none() => {
                        broken[index] = Some(Rc::clone(error));
                        queue.push(index);
                    }
                    _ => {}
                }
            }
        }
        while let Some(node) = queue.pop() {
            let cause = broken[node].clone();
            for &dependent in &dependents[node] {
                if broken[dependent].is_none() {
                    broken[dependent].clone_from(&cause);
                    queue.push(dependent);
                }
            }
        }
        broken
    }

    fn cause(&self, to: &Target, broken: &[Option<Rc<TreeError>>]) -> Option<Rc<TreeError>> {
        match to {
            Target::Refused(error) => Some(Rc::clone(error)),
            Target::Node(node) => broken[*node].clone(),
            _ => None,
        }
    }

    /// Every refusal that a required need of an importer leads to, each with the chain that leads there.
    fn causes(&self, scope: Scope, position: usize, broken: &[Option<Rc<TreeError>>]) -> Vec<TreeError> {
        let Scope::Importer(importer) = scope else {
            return Vec::new();
        };
        let root = &self.problem.importers[self.importers[importer].root];
        let edge = &self.importers[importer].edges[position];
        let start = Chain {
            importer: root.path.clone(),
            steps: Vec::new(),
        };
        let first = match &edge.to {
            Target::Refused(error) => {
                let mut error = (**error).clone();
                let origin = edge
                    .requirement
                    .map(|position| root.requirements[position].origin.clone());
                place(&mut error, start, origin);
                return vec![error];
            }
            Target::Node(node) => *node,
            _ => return Vec::new(),
        };
        let mut seen = vec![false; self.nodes.len()];
        let mut found = Vec::new();
        let mut queue = std::collections::VecDeque::from([(first, start)]);
        while let Some((node, mut chain)) = queue.pop_front() {
            if std::mem::replace(&mut seen[node], true) || broken[node].is_none() {
                continue;
            }
            chain.steps.push(self.label(node));
            for edge in self.nodes[node]
                .edges
                .iter()
                .filter(|edge| edge.kind != EdgeKind::Optional)
            {
                match &edge.to {
                    Target::Refused(error) => {
                        let mut error = (**error).clone();
                        place(&mut error, chain.clone(), None);
                        found.push(error);
                    }
                    Target::Node(to) => queue.push_back((*to, chain.clone())),
                    _ => {}
                }
            }
        }
        found
    }
}

/// Says who asks, and where that is written.
fn place(error: &mut TreeError, chain: Chain, written: Option<wharf_core::Origin>) {
    match error {
        TreeError::NoVersion { asker, origin, .. }
        | TreeError::Unavailable { asker, origin, .. }
        | TreeError::InvalidSpec { asker, origin, .. }
        | TreeError::NoMember { asker, origin, .. } => {
            **asker = chain;
            *origin = written.map(Box::new);
        }
        TreeError::Many(_)
        | TreeError::Peers(_)
        | TreeError::TooManyCombinations { .. }
        | TreeError::Platform { .. } => {}
    }
}

/// Why something cannot be had, without who asks.
fn reason(error: &TreeError) -> String {
    match error {
        TreeError::NoVersion { why, .. } => why.clone(),
        TreeError::Unavailable { package, reason, .. } => format!("{package} cannot be had: {reason}"),
        TreeError::InvalidSpec {
            alias, text, reason, ..
        }
        | TreeError::NoMember {
            alias, text, reason, ..
        } => {
            format!("`{alias}: {text}` cannot be used: {reason}")
        }
        other => other.to_string(),
    }
}
