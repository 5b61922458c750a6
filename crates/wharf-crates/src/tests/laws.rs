//! Laws over random worlds: the first outcome is that of trying everything in order; what answers is what was asked for; the order in
//! which crates become known decides nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::naive;
use super::notation::{end, world};
use crate::resolve::first;
use crate::*;

const CRATES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const VERSIONS: [&str; 5] = ["0.1.0", "1.0.0", "1.1.0", "1.2.0", "2.0.0"];
const RANGES: [&str; 9] = [
    "*",
    "1",
    "2",
    "0.1",
    "=1.0.0",
    "=1.1.0",
    ">=1.1",
    "<1.2",
    ">=0.1;<1.1",
];

fn need() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["", "", "", "opt ", "build ", "dev "]);
    let features = prop::sample::select(vec!["", "", "", " +x", " +y", " -default", " +x -default"]);
    (
        kind,
        prop::sample::select(&CRATES[..]),
        prop::sample::select(&RANGES[..]),
        features,
    )
        .prop_map(|(kind, name, range, features)| {
            // Two dependencies may have one name; an optional dev-dependency is none.
            format!("{kind}{name} {range}{features}")
        })
}

fn version() -> impl Strategy<Value = String> {
    let marks = prop::sample::select(vec!["", "", "", "", " yanked", " links=z", " links=w"]);
    let tables = prop::sample::select(vec![
        "",
        " | x =",
        " | x = | y = x",
        " | default = x | x =",
        " | x = | y = | default = y",
    ]);
    (
        prop::sample::select(&CRATES[..]),
        prop::sample::select(&VERSIONS[..]),
        marks,
        prop::collection::vec(need(), 0..3),
        tables,
    )
        .prop_map(|(name, version, marks, needs, table)| {
            // An optional dependency's implicit feature must not take a name of the table: crates are a to f, features x and y.
            let needs: BTreeSet<String> = needs
                .into_iter()
                .filter(|need| !need.contains(&format!(" {name} ")))
                .collect();
            let needs: Vec<String> = needs
                .into_iter()
                .filter(|need| !need.starts_with(&format!("{name} ")))
                .collect();
            format!("{name} {version}{marks} : {}{table}", needs.join(", "))
        })
}

fn text() -> impl Strategy<Value = String> {
    let roots = prop::collection::vec(prop::collection::vec(need(), 1..4), 1..3);
    (prop::collection::vec(version(), 4..18), roots).prop_map(|(versions, roots)| {
        let mut seen = BTreeSet::new();
        let mut lines: Vec<String> = versions
            .into_iter()
            .filter(|line| {
                let head: Vec<_> = line.split_whitespace().take(2).collect();
                seen.insert(head.join(" "))
            })
            .collect();
        for (at, needs) in roots.into_iter().enumerate() {
            lines.push(format!("root app{at} 0.1.0 : {}", needs.join(", ")));
        }
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_first_outcome_is_that_of_trying_everything_in_order(text in text()) {
        let (index, problem) = world(&text);
        let Some(expected) = naive::search(&index, &problem) else {
            return Ok(());
        };
        match (first(&problem, &index), expected) {
            (Ok(outcome), Some(expected)) => {
                let found: BTreeSet<_> = outcome.packages.iter().map(|package| package.summary.label()).collect();
                prop_assert_eq!(found, expected);
            }
            // Circles are found after the search.
            (Err(Stop::Failed(error)), Some(_)) => {
                prop_assert!(matches!(*error, ResolveError::Circle(_)), "{}", error);
            }
            (Err(Stop::Failed(error)), None) => {
                prop_assert!(!error.to_string().is_empty());
                prop_assert!(!matches!(*error, ResolveError::Circle(_)), "{}", error);
            }
            (Ok(outcome), None) => prop_assert!(false, "found {:?}, and there is nothing", outcome.packages.len()),
            (Err(Stop::Needs(needs)), _) => prop_assert!(false, "everything is known, and it needs {needs:?}"),
        }
    }

    #[test]
    fn what_answers_is_what_was_asked_for(text in text()) {
        let (index, problem) = world(&text);
        let Ok(outcome) = resolve(&problem, &index) else {
            return Ok(());
        };
        for package in &outcome.packages {
            for (need, to) in package.needs() {
                let answer = &outcome.packages[to].summary;
                prop_assert_eq!(&need.package, &answer.name);
                prop_assert!(need.accepts(&answer.version));
                let on = &outcome.packages[to].features;
                prop_assert!(need.features.iter().all(|feature| on.contains(feature)));
            }
            let needed = package.summary.dependencies.iter().enumerate().filter(|(_, need)| {
                !need.optional && (package.root || need.kind != wharf_ecosystem::cargo::DependencyKind::Dev)
            });
            for (at, _) in needed {
                prop_assert!(package.edges.iter().any(|edge| edge.dependency == at), "a need without an answer");
            }
        }
        let lock = lock_of(&outcome, None, None).expect("there was no lock before");
        let again = wharf_ecosystem::cargo::CargoLock::parse(&lock.print()).expect("what is printed is a lock");
        prop_assert_eq!(again.print(), lock.print());
        // With its own lock, nothing moves.
        let mut kept = problem.clone();
        kept.previous = Some(Previous::kept(std::sync::Arc::new(lock)));
        let same = resolve(&kept, &index);
        prop_assert_eq!(end(same), super::notation::told(&outcome));
    }

    #[test]
    fn the_order_in_which_crates_become_known_decides_nothing(text in text(), order in Just(CRATES).prop_shuffle()) {
        let (index, problem) = world(&text);
        let expected = end(resolve(&problem, &index));
        let names = order.map(|name| wharf_ecosystem::cargo::crate_name(name).expect("it is a name"));
        *index.hidden.lock().expect("nothing panics under the lock") = names.to_vec();
        let mut found = resolve(&problem, &index);
        for _ in 0..=CRATES.len() {
            let Err(Stop::Needs(needs)) = &found else { break };
            let next = needs.crates.iter().next().expect("something is needed").1.clone();
            index.hidden.lock().expect("nothing panics under the lock").retain(|hidden| *hidden != next);
            found = resolve(&problem, &index);
        }
        prop_assert_eq!(end(found), expected);
    }
}
