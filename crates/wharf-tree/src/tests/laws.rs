//! Laws that hold for every world: small random ones with circles, peers, optional needs and several importers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wharf_ecosystem::npm::semver::Range;
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, To};

use super::layout::{laid_apart, node_finds_every_edge};
use super::notation::{show, version, world};
use crate::*;

const RANGES: [&str; 6] = ["*", "^1.0.0", "^2.0.0", "~1.0.0", "1.0.0", ">=1.1.0"];
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "2.0.0"];
const KINDS: [&str; 6] = ["", "", "", "opt ", "peer ", "peer? "];

/// Needs as text.
fn needs(of: usize) -> impl Strategy<Value = String> {
    let need = (0..KINDS.len(), 0..of, 0..RANGES.len());
    prop::collection::vec(need, 0..4).prop_map(|needs| {
        let needs: Vec<String> = needs
            .iter()
            .map(|(kind, to, range)| format!("{}p{to} {}", KINDS[*kind], RANGES[*range]))
            .collect();
        needs.join(", ")
    })
}

/// Lines of a world with `of` packages of three versions each and two importers.
fn lines(of: usize) -> impl Strategy<Value = Vec<String>> {
    (prop::collection::vec(needs(of), of * 3), needs(of), needs(of)).prop_map(
        move |(packages, root, member)| {
            let mut lines: Vec<String> = packages
                .iter()
                .enumerate()
                .map(|(at, needs)| format!("p{} {} : {needs}", at / 3, VERSIONS[at % 3]))
                .collect();
            lines.push(format!(". : {root}"));
            lines.push(format!("packages/m (m 1.0.0) : {member}"));
            lines
        },
    )
}

fn resolved(lines: &[String], dedupe: Dedupe) -> Option<Outcome> {
    let (index, mut problem) = world(&lines.join("\n"));
    problem.dedupe = dedupe;
    match resolve(&problem, &index) {
        Ok(outcome) => Some(outcome),
        Err(Stop::Failed(_)) => None,
        Err(Stop::Needs(needs)) => panic!("everything is known, and yet {needs:?}"),
    }
}

fn satisfied(graph: &Graph, edge: &Edge) -> bool {
    match &edge.to {
        Some(To::Package(package)) => {
            edge.range.is_empty()
                || Range::parse(&edge.range)
                    .unwrap()
                    .satisfies(&version(&graph.packages[*package].version))
        }
        Some(To::Importer(_) | To::Link(_)) => true,
        None => matches!(edge.kind, EdgeKind::Optional | EdgeKind::OptionalPeer),
    }
}

fn reported(outcome: &Outcome, label: &str, peer: &str) -> bool {
    outcome.issues.iter().any(|issue| match issue {
        Issue::PeerConflict { peer: of, asker, .. } | Issue::PeerMissing { peer: of, asker, .. } => {
            of == peer && asker.steps.last().is_some_and(|last| last == label)
        }
        _ => false,
    })
}

fn versions(graph: &Graph) -> usize {
    graph
        .packages
        .iter()
        .map(wharf_ecosystem::npm::Package::label)
        .collect::<BTreeSet<_>>()
        .len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_edge_is_satisfied_or_reported(lines in lines(6)) {
        if let Some(outcome) = resolved(&lines, Dedupe::Fewest) {
            for importer in &outcome.graph.importers {
                for edge in &importer.dependencies {
                    prop_assert!(satisfied(&outcome.graph, edge), "{edge:?}\n{}", show(&outcome.graph));
                }
            }
            for package in &outcome.graph.packages {
                for edge in &package.dependencies {
                    let told = matches!(edge.kind, EdgeKind::Peer | EdgeKind::OptionalPeer)
                        && reported(&outcome, &package.label(), &edge.alias);
                    prop_assert!(satisfied(&outcome.graph, edge) || told, "{}: {edge:?}\n{}", package.key(), show(&outcome.graph));
                }
            }
        }
    }

    #[test]
    fn the_order_of_input_decides_nothing(lines in lines(6), seed in any::<u64>()) {
        let mut mixed = lines.clone();
        let mut state = seed | 1;
        for at in (1..mixed.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            mixed.swap(at, (state >> 33) as usize % (at + 1));
        }
        let turned: Vec<String> = mixed.iter().map(|line| match line.split_once(" : ") {
            Some((head, needs)) if !needs.is_empty() && distinct(needs) => {
                let mut needs: Vec<&str> = needs.split(", ").collect();
                needs.reverse();
                format!("{head} : {}", needs.join(", "))
            }
            _ => line.clone(),
        }).collect();
        prop_assert_eq!(resolved(&lines, Dedupe::Fewest), resolved(&turned, Dedupe::Fewest));
    }

    #[test]
    fn no_two_instances_are_equal(lines in lines(6)) {
        if let Some(outcome) = resolved(&lines, Dedupe::Fewest) {
            let mut seen = BTreeSet::new();
            for package in &outcome.graph.packages {
                let targets: Vec<_> = package.dependencies.iter().map(|edge| (edge.alias.clone(), edge.to.clone())).collect();
                prop_assert!(seen.insert((package.label(), targets)), "{} twice\n{}", package.label(), show(&outcome.graph));
            }
            let keys: BTreeSet<String> = outcome.graph.packages.iter().map(wharf_ecosystem::npm::Package::key).collect();
            prop_assert_eq!(keys.len(), outcome.graph.packages.len());
        }
    }

    #[test]
    fn dedupe_never_adds(lines in lines(6)) {
        // Peers may ask for other versions of what dedupe kept: the law is about needs.
        let lines: Vec<String> = lines.iter().map(|line| line.replace("peer? ", "").replace("peer ", "")).collect();
        if let (Some(fewest), Some(met)) = (resolved(&lines, Dedupe::Fewest), resolved(&lines, Dedupe::AsMet)) {
            prop_assert!(versions(&fewest.graph) <= versions(&met.graph));
        }
    }

    #[test]
    fn a_layout_is_what_node_finds(lines in lines(6)) {
        if let Some(outcome) = resolved(&lines, Dedupe::Fewest) {
            let selected = vec![true; outcome.graph.packages.len()];
            let layout = hoist(&outcome.graph, &selected, Members::Linked);
            if let Err(violation) = node_finds_every_edge(&outcome.graph, &layout) {
                prop_assert!(false, "{violation}\n{}\n{layout:#?}", show(&outcome.graph));
            }
        }
    }

    #[test]
    fn packages_that_lie_apart_find_their_needs_and_lie_once(lines in lines(6)) {
        if let Some(outcome) = resolved(&lines, Dedupe::Fewest) {
            laid_apart(&outcome.graph, &[]).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn what_lies_elsewhere_is_linked_and_nothing_is_laid_out_for_it(lines in lines(6), seed in any::<prop::sample::Index>()) {
        if let Some(outcome) = resolved(&lines, Dedupe::Fewest) {
            let mut elsewhere = vec![false; outcome.graph.packages.len()];
            if !elsewhere.is_empty() {
                let mut pending = vec![seed.index(elsewhere.len())];
                while let Some(package) = pending.pop() {
                    let needs = outcome.graph.packages[package].dependencies.iter();
                    if !std::mem::replace(&mut elsewhere[package], true) {
                        pending.extend(needs.filter_map(|edge| match edge.to {
                            Some(To::Package(to)) => Some(to),
                            _ => None,
                        }));
                    }
                }
            }
            laid_apart(&outcome.graph, &elsewhere).map_err(TestCaseError::fail)?;
        }
    }
}

/// Whether no name is asked for twice: then the order within a manifest says nothing.
fn distinct(needs: &str) -> bool {
    let names: Vec<&str> = needs
        .split(", ")
        .filter_map(|need| need.split(' ').rev().nth(1))
        .collect();
    names.iter().collect::<BTreeSet<_>>().len() == names.len()
}
