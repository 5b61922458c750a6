//! The second phase's choices: which version a provider takes with regard to those who want it as a peer, and what is added at
//! an importer because nobody provides it.
//!
//! A provider whose own range allows it takes a version that suits all who ask. What nobody provides is added at the importer, in
//! a version that suits all who ask there, those whom the importer needs itself before others, and one that is there already
//! before new ones.

use std::rc::Rc;

use wharf_ecosystem::npm::semver::Range;
use wharf_ecosystem::npm::{EdgeKind, PickRules, Spec, Version, VersionRow, Versions};

use super::names::NameId;
use super::reach::{Asker, PeerId, Reach};
use super::sources::Picked;
use super::tree::{NodeId, PackageId, PeerNeed, Scope, Target, Tree, TreeEdge, Want};
use crate::problem::Lookup;

/// Rounds of adding peers of peers.
const ROUNDS: usize = 64;

/// What one package wants of a version.
#[derive(Clone)]
pub(super) struct Wish {
    range: Option<Rc<Range>>,
    required: bool,
    near: bool,
    /// The package and its version, for the project's own rules.
    asker: (Rc<str>, Rc<str>),
    peer: NameId,
}

impl Tree<'_> {
    /// Whether a version suits a package that wants it as a peer, by the package's range or by the project's own rules.
    pub(super) fn suits(&self, asker: NodeId, need: &PeerNeed, version: &Version) -> bool {
        self.wish(asker, need, false).met_by(self, version)
    }

    pub(super) fn wish(&self, asker: NodeId, need: &PeerNeed, near: bool) -> Wish {
        let pack = self.pack(asker);
        Wish {
            range: need.range.clone(),
            required: !need.optional,
            near,
            asker: (
                Rc::clone(self.names.text(pack.name_id)),
                Rc::clone(&pack.version_text),
            ),
            peer: need.name,
        }
    }

    fn wishes(&self, askers: &[Asker]) -> Vec<Wish> {
        askers
            .iter()
            .map(|asker| self.wish(asker.node, &self.nodes[asker.node].peers[asker.peer], asker.near))
            .collect()
    }

    /// Lets providers take other versions where that suits more of those who want them as peers. Says whether any did.
    pub(super) fn mend(&mut self, reach: &Reach) -> bool {
        let mut changed = false;
        for scope in self.scopes() {
            for position in 0..self.edges(scope).len() {
                let edge = &self.edges(scope)[position];
                if edge.added || edge.pinned {
                    continue;
                }
                let Want::Registry {
                    name,
                    range: Some(range),
                    ..
                } = edge.want.clone()
                else {
                    continue;
                };
                let (Some(peer), Target::Node(now)) = (reach.peer(edge.alias), &edge.to) else {
                    continue;
                };
                let now = self.nodes[*now].package;
                let wishes = self.wishes(&reach.askers(self, scope, peer));
                if let Some(package) = self.better(name, &range, now, &wishes) {
                    let node = self.ensure(package, scope);
                    let edge = &mut self.edges_mut(scope)[position];
                    edge.to = Target::Node(node);
                    edge.pinned = true;
                    changed = true;
                }
            }
        }
        changed
    }

    /// The version within `range` that meets more wishes than `now` does, if there is one.
    fn better(
        &mut self,
        name: NameId,
        range: &Rc<Range>,
        now: PackageId,
        wishes: &[Wish],
    ) -> Option<PackageId> {
        let version = self.packages[now].version.clone()?;
        if wishes.iter().all(|wish| wish.met_by(self, &version)) {
            return None;
        }
        let before = self.score(wishes, &version);
        let best = self.choose(name, wishes, |version| range.satisfies(version))?;
        let after = self.score(wishes, &self.packages[best].version.clone()?);
        (after > before).then_some(best)
    }

    /// How well a version does: required wishes that it meets, near ones first, then optional ones.
    pub(super) fn score(&self, wishes: &[Wish], version: &Version) -> (usize, usize, usize) {
        let met = |keep: &dyn Fn(&Wish) -> bool| {
            wishes
                .iter()
                .filter(|wish| keep(wish) && wish.met_by(self, version))
                .count()
        };
        (
            met(&|wish| wish.required && wish.near),
            met(&|wish| wish.required),
            met(&|wish| !wish.required),
        )
    }

    /// The version that is there already and lies in a range; of several what the registry calls its latest before others, releases
    /// before prereleases, the highest first.
    pub(super) fn there(&self, name: NameId, fits: impl Fn(&Version) -> bool) -> Option<PackageId> {
        let latest = match self.known.get(&name) {
            Some(Lookup::Known(versions)) => versions.latest().map(|row| row.version),
            _ => None,
        };
        let all = self.chosen.get(name)?.iter();
        let found = all.filter_map(|&package| {
            let version = self.packages[package].version.as_ref()?;
            let rank = (
                latest.as_ref() == Some(version),
                !version.is_prerelease(),
                version,
            );
            fits(version).then_some((rank, package))
        });
        found.max().map(|(_, package)| package)
    }

    /// The version that meets most wishes; of equals one that is there already, then the registry's best. `None` where nothing is
    /// known or allowed.
    pub(super) fn choose(
        &mut self,
        name: NameId,
        wishes: &[Wish],
        allowed: impl Fn(&Version) -> bool,
    ) -> Option<PackageId> {
        let perfect = |tree: &Self, version: &Version| wishes.iter().all(|wish| wish.met_by(tree, version));
        if let Some(package) = self.there(name, |version| allowed(version) && perfect(self, version)) {
            return Some(package);
        }
        let Lookup::Known(versions) = self.versions(name) else {
            return None;
        };
        let meets_all = |row: &VersionRow| allowed(&row.version) && perfect(self, &row.version);
        let mut rows: Vec<VersionRow> = versions.rows().filter(meets_all).collect();
        if rows.is_empty() {
            rows = self.best_rows(&versions, wishes, allowed);
        }
        let range = admit_all(&rows);
        let rows = versions.with_rows(rows.iter().collect());
        let best = wharf_ecosystem::npm::pick::pick_range(&rows, &range, &self.rules(name))?;
        match self.package(name, &best.version) {
            Picked::Package(package) => Some(package),
            Picked::Unknown | Picked::Failed(_) | Picked::None(_) => None,
        }
    }

    fn best_rows(
        &self,
        versions: &Versions,
        wishes: &[Wish],
        allowed: impl Fn(&Version) -> bool,
    ) -> Vec<VersionRow> {
        let rules = PickRules {
            node: None,
            cutoff: self.problem.cutoff,
            prefer: &[],
        };
        let rows = versions
            .rows()
            .filter(|row| allowed(&row.version) && rules.in_time(row));
        let scored: Vec<_> = rows.map(|row| (self.score(wishes, &row.version), row)).collect();
        let Some(best) = scored.iter().map(|(score, _)| *score).max() else {
            return Vec::new();
        };
        if best == (0, 0, 0) {
            return Vec::new();
        }
        scored
            .into_iter()
            .filter(|(score, _)| *score == best)
            .map(|(_, row)| row)
            .collect()
    }

    /// Takes away what was added for the peers of others.
    pub(super) fn forget_added(&mut self) {
        for importer in &mut self.importers {
            importer.edges.retain(|edge| !edge.added);
        }
    }

    /// Adds at importers what their packages want as required peers and nobody provides, and the peers of that, and so on. What could not
    /// be added stays missing.
    /// Answers with what the tree looks like then.
    pub(super) fn add_missing(&mut self) -> Reach {
        let mut failed: Vec<(usize, NameId)> = Vec::new();
        for _ in 0..ROUNDS {
            let reach = Reach::new(self);
            let mut changed = false;
            for importer in 0..self.importers.len() {
                for peer in self.missing(importer, &reach) {
                    let name = reach.names[peer];
                    if failed.contains(&(importer, name)) {
                        continue;
                    }
                    match self.addition(importer, peer, &reach) {
                        Some(edge) => {
                            self.insert_edge(importer, edge);
                            changed = true;
                        }
                        None => failed.push((importer, name)),
                    }
                }
            }
            if !changed {
                return reach;
            }
            self.grow();
        }
        Reach::new(self)
    }

    fn insert_edge(&mut self, importer: usize, edge: TreeEdge) {
        let alias = Rc::clone(self.names.text(edge.alias));
        let edges = &self.importers[importer].edges;
        let at = edges
            .iter()
            .position(|other| **self.names.text(other.alias) > *alias)
            .unwrap_or(edges.len());
        self.importers[importer].edges.insert(at, edge);
    }

    /// The required peers that are left to an importer and that neither it nor the project's root provides in a fitting version.
    fn missing(&self, importer: usize, reach: &Reach) -> Vec<PeerId> {
        let mut missing: Vec<PeerId> = Vec::new();
        for edge in &self.importers[importer].edges {
            if let Target::Node(node) = edge.to {
                missing.extend(reach.required[node].iter());
            }
        }
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|&peer| {
            let name = reach.names[peer];
            !self.provided(importer, name) && !self.root_provides(importer, peer, reach)
        });
        missing
    }

    fn provided(&self, importer: usize, name: NameId) -> bool {
        self.importers[importer]
            .edges
            .iter()
            .any(|edge| edge.alias == name && edge.to.is_present())
    }

    /// The position of the project's root, for importers that are not it.
    pub(super) fn above(&self, importer: usize) -> Option<usize> {
        let path = |index: usize| self.problem.importers[self.importers[index].root].path.as_str();
        (path(importer) != ".")
            .then(|| (0..self.importers.len()).find(|&index| path(index) == "."))
            .flatten()
    }

    fn root_provides(&self, importer: usize, peer: PeerId, reach: &Reach) -> bool {
        let Some(root) = self.above(importer) else {
            return false;
        };
        let name = reach.names[peer];
        let edge = self.importers[root]
            .edges
            .iter()
            .find(|edge| edge.alias == name && !edge.added);
        match edge.map(|edge| &edge.to) {
            Some(Target::Node(node)) => {
                let Some(version) = &self.pack(*node).version else {
                    return true;
                };
                let askers = reach.askers(self, Scope::Importer(importer), peer);
                let wishes = self.wishes(&askers);
                wishes
                    .iter()
                    .filter(|wish| wish.near && wish.required)
                    .all(|wish| wish.met_by(self, version))
            }
            Some(Target::Importer(_) | Target::Link(_)) => true,
            Some(Target::Open | Target::Refused(_) | Target::Left(_)) | None => false,
        }
    }

    fn addition(&mut self, importer: usize, peer: PeerId, reach: &Reach) -> Option<TreeEdge> {
        let alias = reach.names[peer];
        let askers = reach.askers(self, Scope::Importer(importer), peer);
        let wishes: Vec<Wish> = self
            .wishes(&askers)
            .into_iter()
            .filter(|wish| wish.required)
            .collect();
        let spec =
            askers.iter().find_map(
                |asker| match self.nodes[asker.node].peers[asker.peer].spec.as_deref() {
                    Some(Spec::Alias { name, .. }) => Some(name.clone()),
                    _ => None,
                },
            );
        let name = spec.map_or(alias, |name| self.names.id(&name));
        let to = match self.member_named(name).filter(|member| *member != importer) {
            Some(member) if self.member_suits(member, &wishes) => Target::Importer(member),
            _ => {
                let package = self.choose(name, &wishes, |_| true)?;
                Target::Node(self.ensure(package, Scope::Importer(importer)))
            }
        };
        Some(TreeEdge {
            alias,
            text: "".into(),
            kind: EdgeKind::Peer,
            want: Want::Other(Err("added for the peers of others".to_owned())),
            to,
            pinned: true,
            added: true,
            requirement: None,
        })
    }

    fn member_suits(&self, member: usize, wishes: &[Wish]) -> bool {
        let version = self.importers[member].version.as_ref();
        version.is_some_and(|version| wishes.iter().all(|wish| wish.met_by(self, version)))
    }
}

impl Wish {
    /// Whether a version meets the wish, by the package's range or by the project's own rules.
    pub(super) fn met_by(&self, tree: &Tree<'_>, version: &Version) -> bool {
        let Some(range) = &self.range else { return true };
        if range.satisfies_including_prerelease(version) {
            return true;
        }
        tree.problem.peer_rules.allows(
            (&self.asker.0, &self.asker.1),
            tree.names.text(self.peer),
            version,
        )
    }
}

/// A range in which every version of `rows` lies: prereleases only where there is nothing else.
fn admit_all(rows: &[VersionRow]) -> Range {
    let releases = rows.iter().any(|row| !row.version.is_prerelease());
    match rows.last() {
        Some(row) if !releases => Range::only(&row.version),
        _ => Range::any(),
    }
}
