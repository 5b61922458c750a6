//! What packages suggest. Invariant: nothing here changes a solution.

use super::Solution;
use super::encode::alternatives;
use crate::index::Kind;
use crate::universe::Universe;

/// A suggestion that could be followed, and is not fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suggested {
    /// Whose: the position in [`Solution::packages`].
    pub by: usize,
    /// Which group of its Suggests.
    pub group: u32,
}

impl Solution {
    /// The suggestions of all packages that are new, in order, but for those that the set fulfils already and those that nothing
    /// could fulfil.
    pub fn suggestions(&self, universe: &Universe) -> Vec<Suggested> {
        let (mut shelf, items, positions) = self.shelved(universe);
        let mut suggested = Vec::new();
        let mut found = Vec::new();
        for (by, item) in items.into_iter().enumerate() {
            let Some(item) = item.filter(|_| self.packages[by].change == super::Change::New) else {
                continue;
            };
            let record = shelf.record(item);
            for (number, group) in record.relations(Kind::Suggests).enumerate() {
                found.clear();
                alternatives(&mut shelf, item, group, &mut found);
                if !found.is_empty() && !found.iter().any(|other| positions.contains_key(other)) {
                    suggested.push(Suggested {
                        by,
                        group: number as u32,
                    });
                }
            }
        }
        suggested
    }
}
