//! Strongly connected components (Tarjan, 1972), without recursion: graphs come from outside and may be deep.

/// The components of the graph whose vertex `v` has arcs to `arcs[v]`, each sorted; a component comes after all that it reaches.
pub(crate) fn components(arcs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        order: vec![UNSEEN; arcs.len()],
        low: vec![0; arcs.len()],
        open: vec![false; arcs.len()],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for start in 0..arcs.len() {
        if search.order[start] == UNSEEN {
            search.from(start, arcs);
        }
    }
    search.found
}

const UNSEEN: usize = usize::MAX;

struct Search {
    /// When a vertex was entered.
    order: Vec<usize>,
    /// The earliest vertex that is known to be reached from it.
    low: Vec<usize>,
    /// Whether it stands on the stack.
    open: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn from(&mut self, start: usize, arcs: &[Vec<usize>]) {
        self.enter(start);
        let mut path = vec![(start, 0)];
        while let Some((vertex, arc)) = path.pop() {
            match arcs[vertex].get(arc) {
                Some(&target) => {
                    path.push((vertex, arc + 1));
                    if self.order[target] == UNSEEN {
                        self.enter(target);
                        path.push((target, 0));
                    } else if self.open[target] {
                        self.low[vertex] = self.low[vertex].min(self.order[target]);
                    }
                }
                None => {
                    if let Some(&(parent, _)) = path.last() {
                        self.low[parent] = self.low[parent].min(self.low[vertex]);
                    }
                    if self.low[vertex] == self.order[vertex] {
                        self.close(vertex);
                    }
                }
            }
        }
    }

    fn enter(&mut self, vertex: usize) {
        self.order[vertex] = self.next;
        self.low[vertex] = self.next;
        self.next += 1;
        self.open[vertex] = true;
        self.stack.push(vertex);
    }

    fn close(&mut self, root: usize) {
        let at = self
            .stack
            .iter()
            .rposition(|&vertex| vertex == root)
            .expect("a root stands on the stack");
        let mut component = self.stack.split_off(at);
        for &vertex in &component {
            self.open[vertex] = false;
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_come_after_what_they_reach() {
        let arcs = [vec![1], vec![2, 3], vec![1], vec![], vec![4]];
        assert_eq!(components(&arcs), [vec![3], vec![1, 2], vec![0], vec![4]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let arcs: Vec<Vec<usize>> = (0..200_000)
            .map(|v| if v < 199_999 { vec![v + 1] } else { vec![0] })
            .collect();
        assert_eq!(components(&arcs).len(), 1);
    }
}
