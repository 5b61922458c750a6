//! From the rules that contradict each other to those of which none can be left out. Invariant: what comes out contradicts
//! itself, and is part of what came in.

use std::convert::Infallible;

use rustc_hash::FxHashMap;
use wharf_solve::agenda::{self, Brings, Demand, Failure, Item, Rule, Strength, World};

/// With more rules than this each is not tried by itself: the story is longer then, and still true.
const FEW: usize = 400;

/// Leaves out what is not needed for the contradiction.
pub(super) fn shrink(mut rules: Vec<Rule>) -> Vec<Rule> {
    loop {
        let before = rules.len();
        match contradiction(&rules) {
            Some(fewer) if fewer.len() < before => rules = fewer,
            _ => break,
        }
    }
    if rules.len() > FEW {
        return rules;
    }
    // From the back, where the deepest rules are: what people asked for is given up last.
    let mut position = rules.len();
    while position > 0 {
        position -= 1;
        let mut without = rules.clone();
        without.remove(position);
        if let Some(fewer) = contradiction(&without) {
            rules = fewer;
            position = position.min(rules.len());
        }
    }
    rules
}

/// The rules, as a world of their own.
struct Rules<'r> {
    rules: FxHashMap<Item, Vec<&'r Rule>>,
}

impl World for Rules<'_> {
    type Stop = Infallible;

    fn open(&mut self, item: Item, brings: &mut Brings) -> Result<(), Infallible> {
        for rule in self.rules.get(&item).into_iter().flatten() {
            match rule {
                Rule::Needs {
                    alternatives, tag, ..
                } => {
                    brings.needs(Strength::Must, alternatives.iter().copied(), *tag);
                }
                Rule::Excludes { other, tag, .. } => brings.excludes(*other, *tag),
            }
        }
        Ok(())
    }

    fn check(&mut self, _conflicts: u64) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The contradiction between rules, if there is one.
fn contradiction(rules: &[Rule]) -> Option<Vec<Rule>> {
    let mut world = Rules {
        rules: FxHashMap::default(),
    };
    let mut demands = Vec::new();
    for rule in rules {
        match rule {
            Rule::Needs { by: Some(by), .. } | Rule::Excludes { by: Some(by), .. } => {
                world.rules.entry(*by).or_default().push(rule);
            }
            Rule::Needs {
                by: None,
                alternatives,
                tag,
            } => demands.push(Demand::OneOf {
                strength: Strength::Must,
                alternatives: alternatives.clone(),
                tag: *tag,
            }),
            Rule::Excludes { by: None, other, tag } => demands.push(Demand::Not {
                item: *other,
                tag: *tag,
            }),
        }
    }
    match agenda::solve(&mut world, &demands) {
        Ok(_) => None,
        Err(Failure::Unsatisfiable(rules)) => Some(rules),
        Err(Failure::Stopped(never)) => match never {},
    }
}
