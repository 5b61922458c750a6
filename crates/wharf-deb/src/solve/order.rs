//! Which package comes before which. Invariant: what a package needs comes before it wherever no circle forbids it; what it
//! needs before it is unpacked comes first of all.

use super::Solution;
use super::encode::alternatives;
use crate::index::Kind;
use crate::universe::Universe;

impl Solution {
    /// The positions of all packages in an order in which they can be configured: every package after what it needs, except
    /// where packages need each other in a circle. Pre-Depends are followed before Depends. The same for equal solutions.
    pub fn order(&self, universe: &Universe) -> Vec<usize> {
        let needs = self.needs(universe);
        let mut order = Vec::with_capacity(self.packages.len());
        let mut seen = vec![false; self.packages.len()];
        for start in 0..self.packages.len() {
            // Each step is a package and how many of its needs were followed.
            let mut path = vec![(start, 0)];
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            while let Some((package, followed)) = path.last_mut() {
                match needs[*package].get(*followed) {
                    Some(&next) => {
                        *followed += 1;
                        if !std::mem::replace(&mut seen[next], true) {
                            path.push((next, 0));
                        }
                    }
                    None => {
                        order.push(*package);
                        path.pop();
                    }
                }
            }
        }
        order
    }

    /// For every package the positions of what it needs, Pre-Depends first.
    fn needs(&self, universe: &Universe) -> Vec<Vec<usize>> {
        let (mut shelf, items, positions) = self.shelved(universe);
        let mut found = Vec::new();
        items
            .iter()
            .map(|item| {
                let mut needs = Vec::new();
                let Some(item) = *item else { return needs };
                let record = shelf.record(item);
                for kind in [Kind::PreDepends, Kind::Depends] {
                    for group in record.relations(kind) {
                        found.clear();
                        alternatives(&mut shelf, item, group, &mut found);
                        needs.extend(found.iter().filter_map(|other| positions.get(other)));
                    }
                }
                needs
            })
            .collect()
    }
}
