//! Whether two ranges meet, and whether one lies in the other.
//!
//! node judges both by comparators and not by the versions that exist, so `true` for [`intersects`] is no promise that a version
//! satisfies both: bounds between which lies no version, or only prereleases, meet as well.

use std::cmp::Ordering;

use super::range::{Comparator, Operator, Range};
use super::version::Version;

/// Whether an alternative of one meets an alternative of the other.
pub(super) fn intersects(left: &Range, right: &Range) -> bool {
    left.alternatives()
        .filter(|left| is_satisfiable(left))
        .any(|left| {
            right
                .alternatives()
                .filter(|right| is_satisfiable(right))
                .any(|right| meet_all(left, right))
        })
}

/// The versions of both: every alternative of one with every alternative of the other.
pub(super) fn and(left: &Range, right: &Range) -> Option<Range> {
    let mut alternatives: Vec<Box<[Comparator]>> = Vec::new();
    for one in left.alternatives() {
        for other in right.alternatives() {
            let both = joined(one, other);
            if is_satisfiable(&both) && !alternatives.iter().any(|known| **known == *both) {
                alternatives.push(both.into());
            }
        }
    }
    (!alternatives.is_empty()).then(|| Range::of_alternatives(alternatives))
}

/// The comparators of both, each once, with no bound that another one makes idle.
fn joined(one: &[Comparator], other: &[Comparator]) -> Vec<Comparator> {
    let mut both: Vec<Comparator> = Vec::with_capacity(one.len() + other.len());
    for comparator in one.iter().chain(other) {
        if *comparator != Comparator::Any && !both.contains(comparator) {
            both.push(comparator.clone());
        }
    }
    if both.is_empty() {
        both.push(Comparator::Any);
    }
    both
}

fn is_satisfiable(comparators: &[Comparator]) -> bool {
    comparators
        .iter()
        .enumerate()
        .all(|(position, one)| comparators[..position].iter().all(|other| meet(one, other)))
}

fn meet_all(left: &[Comparator], right: &[Comparator]) -> bool {
    left.iter()
        .all(|left| right.iter().all(|right| meet(left, right)))
}

/// Whether two comparators leave room for a version between them.
fn meet(left: &Comparator, right: &Comparator) -> bool {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let Comparator::Bound(left_operator, left_version) = left else {
        return true;
    };
    if *left_operator == Equal {
        return alone(right).satisfies(left_version);
    }
    let Comparator::Bound(right_operator, right_version) = right else {
        return true;
    };
    if *right_operator == Equal {
        return alone(left).satisfies(right_version);
    }
    // Nothing but prereleases lies below the lowest version.
    if is_below_everything(left) || is_below_everything(right) {
        return false;
    }
    let order = left_version.precedence(right_version);
    match (left_operator, right_operator) {
        (Greater | GreaterOrEqual, Greater | GreaterOrEqual) => true,
        (Less | LessOrEqual, Less | LessOrEqual) => true,
        (GreaterOrEqual, LessOrEqual) | (LessOrEqual, GreaterOrEqual) if order == Ordering::Equal => true,
        (Greater | GreaterOrEqual, Less | LessOrEqual) => order == Ordering::Less,
        (Less | LessOrEqual, Greater | GreaterOrEqual) => order == Ordering::Greater,
        (Equal, _) | (_, Equal) => true,
    }
}

fn is_below_everything(comparator: &Comparator) -> bool {
    match comparator {
        Comparator::Bound(Operator::Less, version) => version.release() == [0, 0, 0],
        Comparator::Bound(..) | Comparator::Any => false,
    }
}

fn alone(comparator: &Comparator) -> Range {
    Range::of_alternatives(vec![Box::from([comparator.clone()])])
}

/// Whether every alternative of `sub` that can be satisfied lies in one of `dom`.
pub(super) fn subset(sub: &Range, dom: &Range) -> bool {
    if sub == dom {
        return true;
    }
    let mut saw_versions = false;
    for alternative in sub.alternatives() {
        let mut lies_in_one = false;
        for container in dom.alternatives() {
            let answer = lies_in(alternative, container);
            saw_versions |= answer.is_some();
            if answer == Some(true) {
                lies_in_one = true;
                break;
            }
        }
        if !lies_in_one && saw_versions {
            return false;
        }
    }
    true
}

/// `None` where no version satisfies `sub`.
fn lies_in(sub: &[Comparator], dom: &[Comparator]) -> Option<bool> {
    if sub == dom {
        return Some(true);
    }
    let everything = [Comparator::Bound(Operator::GreaterOrEqual, Version::new(0, 0, 0))];
    let sub = if matches!(sub, [Comparator::Any]) {
        &everything
    } else {
        sub
    };
    let dom = if matches!(dom, [Comparator::Any]) {
        &everything
    } else {
        dom
    };
    let bounds = Bounds::of(sub)?;
    if let Some(only) = bounds.equal {
        let outside = [bounds.lower, bounds.upper]
            .into_iter()
            .flatten()
            .any(|bound| !admits(bound, only));
        return match outside {
            true => None,
            false => Some(dom.iter().all(|comparator| admits(comparator, only))),
        };
    }
    Some(bounds.lie_in(dom))
}

/// Whether a version lies in the range that is this comparator alone.
fn admits(comparator: &Comparator, version: &Version) -> bool {
    alone(comparator).satisfies(version)
}

/// The one version, the highest lower bound and the lowest upper bound of an alternative.
struct Bounds<'r> {
    equal: Option<&'r Version>,
    lower: Option<&'r Comparator>,
    upper: Option<&'r Comparator>,
    /// Both bounds are the same version, which they include.
    is_point: bool,
}

impl<'r> Bounds<'r> {
    /// `None` where they leave no room.
    fn of(comparators: &'r [Comparator]) -> Option<Self> {
        let mut bounds = Self {
            equal: None,
            lower: None,
            upper: None,
            is_point: false,
        };
        for comparator in comparators {
            match comparator {
                Comparator::Any => {}
                Comparator::Bound(Operator::Equal, version) => match bounds.equal {
                    Some(known) if known != version => return None,
                    _ => bounds.equal = Some(version),
                },
                Comparator::Bound(Operator::Greater | Operator::GreaterOrEqual, _) => {
                    bounds.lower = Some(bounds.lower.map_or(comparator, |known| higher(known, comparator)));
                }
                Comparator::Bound(Operator::Less | Operator::LessOrEqual, _) => {
                    bounds.upper = Some(bounds.upper.map_or(comparator, |known| lower(known, comparator)));
                }
            }
        }
        if let (Some(Comparator::Bound(above, from)), Some(Comparator::Bound(below, to))) =
            (bounds.lower, bounds.upper)
        {
            match from.precedence(to) {
                Ordering::Greater => return None,
                Ordering::Equal if (*above, *below) != (Operator::GreaterOrEqual, Operator::LessOrEqual) => {
                    return None;
                }
                Ordering::Equal => bounds.is_point = true,
                Ordering::Less => {}
            }
        }
        Some(bounds)
    }

    fn lie_in(&self, dom: &[Comparator]) -> bool {
        let mut missing_lower = self.lower.and_then(prerelease_to_cover);
        let mut missing_upper = self.upper.and_then(prerelease_to_cover);
        let (mut dom_has_lower, mut dom_has_upper) = (false, false);
        for comparator in dom {
            let Comparator::Bound(operator, version) = comparator else {
                continue;
            };
            let is_lower = matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
            let is_upper = matches!(operator, Operator::Less | Operator::LessOrEqual);
            dom_has_lower |= is_lower;
            dom_has_upper |= is_upper;
            for missing in [&mut missing_lower, &mut missing_upper] {
                if version.is_prerelease() && missing.is_some_and(|named| named.same_release(version)) {
                    *missing = None;
                }
            }
            if !self.bound_lies_in(comparator, is_lower, is_upper) {
                return false;
            }
            if *operator == Operator::Equal
                && (self.lower.is_some() || self.upper.is_some())
                && !self.is_point
            {
                return false;
            }
        }
        // What is open on one side lies in nothing that is closed there.
        let open_above = self.upper.is_none() && self.lower.is_some() && dom_has_upper;
        let open_below = self.lower.is_none() && self.upper.is_some() && dom_has_lower;
        if (open_above || open_below) && !self.is_point {
            return false;
        }
        missing_lower.is_none() && missing_upper.is_none()
    }

    /// Whether the bounds respect one comparator of the container.
    fn bound_lies_in(&self, comparator: &Comparator, is_lower: bool, is_upper: bool) -> bool {
        let lower_fits = self.lower.is_none_or(|own| match own {
            _ if is_lower => own == comparator || !std::ptr::eq(higher(own, comparator), comparator),
            Comparator::Bound(Operator::GreaterOrEqual, version) => comparator.holds(version),
            Comparator::Bound(..) | Comparator::Any => true,
        });
        let upper_fits = self.upper.is_none_or(|own| match own {
            _ if is_upper => own == comparator || !std::ptr::eq(lower(own, comparator), comparator),
            Comparator::Bound(Operator::LessOrEqual, version) => comparator.holds(version),
            Comparator::Bound(..) | Comparator::Any => true,
        });
        lower_fits && upper_fits
    }
}

/// The prerelease that a bound names, which the container has to name as well: prereleases of these three numbers are in the range.
/// `<1.2.3-0` names none: it is `<1.2.3` without its prereleases.
fn prerelease_to_cover(bound: &Comparator) -> Option<&Version> {
    match bound {
        Comparator::Bound(Operator::Less, version) if version.prerelease() == "0" => None,
        Comparator::Bound(_, version) => version.is_prerelease().then_some(version),
        Comparator::Any => None,
    }
}

/// The one of two lower bounds that leaves less.
fn higher<'r>(a: &'r Comparator, b: &'r Comparator) -> &'r Comparator {
    tighter(
        a,
        b,
        Ordering::Greater,
        Operator::Greater,
        Operator::GreaterOrEqual,
    )
}

/// The one of two upper bounds that leaves less.
fn lower<'r>(a: &'r Comparator, b: &'r Comparator) -> &'r Comparator {
    tighter(a, b, Ordering::Less, Operator::Less, Operator::LessOrEqual)
}

fn tighter<'r>(
    a: &'r Comparator,
    b: &'r Comparator,
    wanted: Ordering,
    open: Operator,
    closed: Operator,
) -> &'r Comparator {
    let (Comparator::Bound(left, a_version), Comparator::Bound(right, b_version)) = (a, b) else {
        return a;
    };
    match a_version.precedence(b_version) {
        Ordering::Equal if *left == closed && *right == open => b,
        Ordering::Equal => a,
        order if order == wanted => a,
        _ => b,
    }
}
