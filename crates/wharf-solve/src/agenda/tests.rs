//! Small worlds written as text, and random ones against every possible choice.
use std::convert::Infallible;

use proptest::prelude::*;

use super::{Brings, Declined, Demand, Failure, Item, Rule, Solution, Strength, Tag, World, solve};

/// By item: groups, and what it excludes. The tag of a group is its position, of an exclusion 100 plus the other item.
#[derive(Debug, Clone, Default)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    groups: Vec<(Strength, Vec<u32>)>,
    excludes: Vec<u32>,
}

impl World for Table {
    type Stop = Infallible;

    fn open(&mut self, item: Item, brings: &mut Brings) -> Result<(), Infallible> {
        let row = &self.rows[item.0 as usize];
        for (number, (strength, alternatives)) in row.groups.iter().enumerate() {
            brings.needs(
                *strength,
                alternatives.iter().copied().map(Item),
                Tag(number as u32),
            );
        }
        for &other in &row.excludes {
            brings.excludes(Item(other), Tag(100 + other));
        }
        Ok(())
    }

    fn check(&mut self, _conflicts: u64) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Table {
    /// Lines `a: b|c d? !e`, one item a letter.
    fn parse(text: &str) -> Self {
        let mut table = Self {
            rows: vec![Row::default(); 26],
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (item, needs) = line.split_once(':').expect("a line is `item: needs`");
            let row = &mut table.rows[number(item) as usize];
            for word in needs.split_whitespace() {
                match word.strip_prefix('!') {
                    Some(other) => row.excludes.push(number(other)),
                    None => row.groups.push(group(word)),
                }
            }
        }
        table
    }

    fn admits(&self, demands: &[Demand], taken: u32) -> bool {
        let has = |item: u32| taken >> item & 1 == 1;
        demands.iter().all(|demand| match demand {
            Demand::OneOf {
                strength: Strength::Must,
                alternatives,
                ..
            } => alternatives.iter().any(|item| has(item.0)),
            Demand::OneOf { .. } => true,
            Demand::Not { item, .. } => !has(item.0),
        }) && (0..self.rows.len() as u32).filter(|&item| has(item)).all(|item| {
            let row = &self.rows[item as usize];
            row.excludes.iter().all(|&other| !has(other))
                && row
                    .groups
                    .iter()
                    .filter(|(strength, _)| *strength == Strength::Must)
                    .all(|(_, alternatives)| alternatives.iter().any(|&other| has(other)))
        })
    }
}

fn number(letter: &str) -> u32 {
    u32::from(letter.as_bytes()[0] - b'a')
}

fn group(word: &str) -> (Strength, Vec<u32>) {
    let (strength, word) = match word.strip_suffix('?') {
        Some(word) => (Strength::Wish, word),
        None => (Strength::Must, word),
    };
    (
        strength,
        word.split('|')
            .filter(|name| !name.is_empty())
            .map(number)
            .collect(),
    )
}

fn demands(text: &str) -> Vec<Demand> {
    text.split_whitespace()
        .enumerate()
        .map(|(position, word)| {
            let tag = Tag(position as u32);
            match word.strip_prefix('!') {
                Some(item) => Demand::Not {
                    item: Item(number(item)),
                    tag,
                },
                None => {
                    let (strength, alternatives) = group(word);
                    Demand::OneOf {
                        strength,
                        alternatives: alternatives.into_iter().map(Item).collect(),
                        tag,
                    }
                }
            }
        })
        .collect()
}

fn letters(solution: &Solution) -> String {
    let mut text: String = solution
        .taken
        .iter()
        .map(|taken| char::from(b'a' + taken.item.0 as u8))
        .collect();
    for Declined { by, tag } in &solution.declined {
        let by = by.map_or('-', |item| char::from(b'a' + item.0 as u8));
        text.push_str(&format!(" {by}{}", tag.0));
    }
    text
}

fn check(world: &str, asked: &str, expected: &str) {
    let answer = match solve(&mut Table::parse(world), &demands(asked)) {
        Ok(solution) => letters(&solution),
        Err(Failure::Unsatisfiable(rules)) => format!("no, by {} rules", rules.len()),
        Err(Failure::Stopped(never)) => match never {},
    };
    assert_eq!(answer, expected, "{asked} in {world}");
}

#[test]
fn items_are_visited_depth_first_in_reading_order() {
    check("a: b c\nb: d\nc: e", "a", "abdce");
    check("a: b|c c", "a", "abc");
    check("a: b|c", "c a", "ca");
    check("a: b|c", "a c", "ac");
}

#[test]
fn the_first_alternative_that_is_not_ruled_out_is_taken() {
    check("a: b|c\nb: !a", "a", "ac");
    check("a: b|c\nb: d\nd: e\ne: !a", "a", "ac");
    check("a: b|c d\nd: !b", "a", "acd");
    check("a: b|c e|f\nb: d\nd: !e", "a", "abdf");
    // Only deep below the second choice it shows that the first was wrong.
    check("a: b|c d|e\nd: f\ne: f\nf: !b", "a", "acdf");
    check("a: a|b", "a", "a");
}

#[test]
fn a_wish_is_fulfilled_where_the_rest_admits_it() {
    check("a: b? c", "a", "abc");
    check("a: b|d? c\nb: !a", "a", "adc");
    check("a: b? c\nb: !a", "a", "ac a0");
    check("a: b? c\nb: !c", "a", "ac a0");
    check("a: b?\nb: c\nc: d\nd:", "a", "abcd");
    // What is demanded without a choice is there first.
    check("b:", "a? b", "ba");
    check("a: |", "a? b", "b -0");
}

#[test]
fn what_contradicts_is_reported_as_the_rules_that_do() {
    check("a: !b", "a b", "no, by 3 rules");
    check("a: b\nb: c\nc: !a", "x y a", "no, by 4 rules");
    check("a: b|c\nb: !a\nc: !a", "a", "no, by 4 rules");
    check("a: !a", "a", "no, by 2 rules");
    check("", "!a a", "no, by 2 rules");
    check("a: |", "b a", "no, by 2 rules");
}

fn tables() -> impl Strategy<Value = (Table, Vec<Demand>)> {
    const ITEMS: u32 = 9;
    let strength = prop_oneof![3 => Just(Strength::Must), 1 => Just(Strength::Wish)];
    let group = (strength.clone(), prop::collection::btree_set(0..ITEMS, 0..4));
    let row = (
        prop::collection::vec(group.clone(), 0..3),
        prop::collection::btree_set(0..ITEMS, 0..3),
    );
    let demand = prop_oneof![
        4 => group.prop_map(|(strength, items)| Demand::OneOf {
            strength,
            alternatives: items.into_iter().map(Item).collect(),
            tag: Tag(0),
        }),
        1 => (0..ITEMS).prop_map(|item| Demand::Not { item: Item(item), tag: Tag(0) }),
    ];
    (
        prop::collection::vec(row, ITEMS as usize),
        prop::collection::vec(demand, 1..5),
    )
        .prop_map(|(rows, demands)| {
            let rows = rows
                .into_iter()
                .map(|(groups, excludes)| Row {
                    groups: groups
                        .into_iter()
                        .map(|(strength, items)| (strength, items.into_iter().collect()))
                        .collect(),
                    excludes: excludes.into_iter().collect(),
                })
                .collect();
            (Table { rows }, demands)
        })
}

/// The rules alone, without the world: whether any choice fulfils them.
fn can_be_fulfilled(rules: &[Rule], items: u32) -> bool {
    (0_u32..1 << items).any(|taken| {
        let has = |item: Item| taken >> item.0 & 1 == 1;
        rules.iter().all(|rule| match rule {
            Rule::Needs { by, alternatives, .. } => {
                by.is_some_and(|by| !has(by)) || alternatives.iter().any(|&item| has(item))
            }
            Rule::Excludes { by, other, .. } => by.is_some_and(|by| !has(by)) || !has(*other),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn answers_are_right_and_contradictions_real((table, demands) in tables()) {
        let items = table.rows.len() as u32;
        let possible = (0_u32..1 << items).any(|taken| table.admits(&demands, taken));
        match solve(&mut table.clone(), &demands) {
            Ok(solution) => {
                let taken = solution.taken.iter().fold(0_u32, |taken, one| taken | 1 << one.item.0);
                prop_assert_eq!(taken.count_ones() as usize, solution.taken.len());
                prop_assert!(table.admits(&demands, taken));
                // Nothing is there without a reason that is there.
                for one in &solution.taken {
                    prop_assert!(one.lead.by.is_none_or(|by| taken >> by.0 & 1 == 1));
                }
            }
            Err(Failure::Unsatisfiable(rules)) => {
                prop_assert!(!possible);
                prop_assert!(!can_be_fulfilled(&rules, items), "{:?}", rules);
            }
            Err(Failure::Stopped(never)) => match never {},
        }
    }
}
