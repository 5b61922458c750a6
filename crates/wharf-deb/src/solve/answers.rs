//! Which packages of a solution answer what: the edges between them, and what is asked for at the top.
//! Invariant: of several packages that answer one group, the one that the group names first.

use rustc_hash::FxHashMap;
use wharf_solve::agenda::Item;

use super::Solution;
use super::ask::{Asked, What, asked_items};
use super::encode::alternatives;
use crate::index::Kind;
use crate::universe::Universe;
use crate::universe::shelf::{Preference, Shelf};

/// What counts as an edge, the strongest first.
const EDGES: [Kind; 3] = [Kind::PreDepends, Kind::Depends, Kind::Recommends];

impl Solution {
    /// For every package what it needs or recommends, and the position of the package that answers it. What nothing answers, as
    /// of recommendations that were not followed, is left out.
    pub fn answers(&self, universe: &Universe) -> Vec<Vec<(Kind, usize)>> {
        let (mut shelf, items, positions) = self.shelved(universe);
        let mut found = Vec::new();
        let of = |item: &Option<Item>| {
            let mut answers = Vec::new();
            let Some(item) = *item else { return answers };
            let record = shelf.record(item);
            for kind in EDGES {
                for group in record.relations(kind) {
                    found.clear();
                    alternatives(&mut shelf, item, group, &mut found);
                    let answer = found.iter().find_map(|other| positions.get(other));
                    answers.extend(answer.map(|position| (kind, *position)));
                }
            }
            answers
        };
        items.iter().map(of).collect()
    }

    /// For everything that is asked for the position of the package that answers it; nothing for what asks for no package.
    pub fn answering(&self, universe: &Universe, asked: &[Asked]) -> Vec<Option<usize>> {
        let (mut shelf, _, positions) = self.shelved(universe);
        let answer = |asked: &Asked| match &asked.what {
            What::Install { relation, .. } => asked_items(&mut shelf, relation)
                .iter()
                .find_map(|item| positions.get(item))
                .copied(),
            What::Remove { .. } | What::Upgrade { .. } | What::UpgradeAll => None,
        };
        asked.iter().map(answer).collect()
    }

    /// The universe where of every chosen package only the chosen version can be had.
    pub(super) fn shelved<'u>(
        &self,
        universe: &'u Universe,
    ) -> (Shelf<'u>, Vec<Option<Item>>, FxHashMap<Item, usize>) {
        let mut shelf = Shelf::new(universe);
        let items: Vec<Option<Item>> = self
            .packages
            .iter()
            .map(|chosen| shelf.item_at(chosen.place))
            .collect();
        let numbered = items.iter().enumerate();
        let positions = numbered.filter_map(|(position, item)| Some(((*item)?, position)));
        let positions: FxHashMap<Item, usize> = positions.collect();
        for item in items.iter().flatten() {
            let package = shelf.version(*item).package;
            shelf.prefer(package, Preference::Only(*item));
        }
        (shelf, items, positions)
    }
}
