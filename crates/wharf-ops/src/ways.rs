//! The way from one package of a graph to another, for those who ask why it is there.

use std::collections::VecDeque;

/// The shortest way from a package to the nearest that is wanted, both included. Packages are numbers below `count`; `next` gives
/// those that a package needs.
pub(crate) fn shortest<N: IntoIterator<Item = usize>>(
    count: usize,
    start: usize,
    is_wanted: impl Fn(usize) -> bool,
    next: impl Fn(usize) -> N,
) -> Option<Vec<usize>> {
    let mut before = vec![None; count];
    let mut known = vec![false; count];
    let mut queue = VecDeque::from([start]);
    known[start] = true;
    while let Some(at) = queue.pop_front() {
        if is_wanted(at) {
            let mut way: Vec<usize> = std::iter::successors(Some(at), |at| before[*at]).collect();
            way.reverse();
            return Some(way);
        }
        for next in next(at) {
            if !std::mem::replace(&mut known[next], true) {
                before[next] = Some(at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::shortest;

    #[test]
    fn the_shortest_way_is_found_in_circles_too() {
        let needs: [&[usize]; 5] = [&[1, 2], &[3], &[0, 3], &[3, 0], &[]];
        let way = |start, wanted| shortest(5, start, |at| at == wanted, |at| needs[at].iter().copied());
        assert_eq!(way(0, 3), Some(vec![0, 1, 3]));
        assert_eq!(way(2, 2), Some(vec![2]));
        assert_eq!(way(3, 2), Some(vec![3, 0, 2]));
        assert_eq!(way(0, 4), None);
    }
}
