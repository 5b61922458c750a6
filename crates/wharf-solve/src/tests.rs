//! Both engines on small worlds written as text, and on random ones where they check each other.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::{
    Bits, Candidates, Dependencies, Effort, Failure, Fate, NodeId, Provider, Pull, ReasonId, Requirement,
    Root, RootRule, SetId, sat, solve,
};

/// What a candidate needs: nodes with the positions that are allowed.
type Needs = Vec<(u32, Vec<u32>)>;

/// A world: for every node, for every candidate (best first), its dependencies as (node, allowed positions).
#[derive(Debug, Clone, Default)]
struct World {
    nodes: Vec<Vec<Option<Needs>>>,
    mirrors: BTreeMap<u32, u32>,
    sets: RefCell<Vec<(u32, Vec<u32>)>>,
}

impl World {
    fn set(&self, node: u32, allowed: &[u32]) -> SetId {
        let mut sets = self.sets.borrow_mut();
        let key = (node, allowed.to_vec());
        let at = sets.iter().position(|known| *known == key).unwrap_or_else(|| {
            sets.push(key);
            sets.len() - 1
        });
        SetId(at as u32)
    }

    fn requires(&self, node: u32, allowed: &[u32]) -> Root {
        Root {
            rule: RootRule::Requires(Requirement::One {
                set: self.set(node, allowed),
                pull: Pull::Range,
            }),
        }
    }

    fn is_solution(&self, roots: &[Root], picks: &[(NodeId, u32)]) -> bool {
        let chosen: BTreeMap<u32, u32> = picks.iter().map(|(node, pick)| (node.0, *pick)).collect();
        let holds = |node: u32, allowed: &[u32]| chosen.get(&node).is_some_and(|pick| allowed.contains(pick));
        chosen.len() == picks.len()
            && roots.iter().all(|root| match &root.rule {
                RootRule::Requires(Requirement::One { set, .. }) => {
                    let (node, allowed) = self.sets.borrow()[set.0 as usize].clone();
                    holds(node, &allowed)
                }
                RootRule::Requires(Requirement::AnyOf(sets)) => sets.iter().any(|set| {
                    let (node, allowed) = self.sets.borrow()[set.0 as usize].clone();
                    holds(node, &allowed)
                }),
                RootRule::Constrains { set, .. } => {
                    let (node, allowed) = self.sets.borrow()[set.0 as usize].clone();
                    chosen.get(&node).is_none_or(|pick| allowed.contains(pick))
                }
            })
            && chosen.iter().all(|(&node, &pick)| {
                self.nodes[node as usize][pick as usize]
                    .as_ref()
                    .is_some_and(|needs| needs.iter().all(|(other, allowed)| holds(*other, allowed)))
            })
    }
}

impl Provider for World {
    type Stop = Infallible;

    fn candidates(&self, node: NodeId) -> Result<Arc<Candidates>, Infallible> {
        Ok(Arc::new(Candidates {
            count: self.nodes[node.0 as usize].len() as u32,
            favoured: None,
            mirrors: self.mirrors.get(&node.0).map(|&base| NodeId(base)),
        }))
    }

    fn dependencies(&self, node: NodeId, candidate: u32) -> Result<Dependencies, Infallible> {
        Ok(match &self.nodes[node.0 as usize][candidate as usize] {
            None => Dependencies::Unusable(ReasonId(0)),
            Some(needs) => Dependencies::Known {
                requires: needs
                    .iter()
                    .map(|(other, allowed)| Requirement::One {
                        set: self.set(*other, allowed),
                        pull: Pull::Range,
                    })
                    .collect(),
                constrains: Vec::new(),
            },
        })
    }

    fn node_of(&self, set: SetId) -> NodeId {
        NodeId(self.sets.borrow()[set.0 as usize].0)
    }

    fn matching(&self, set: SetId) -> Arc<Bits> {
        let (node, allowed) = self.sets.borrow()[set.0 as usize].clone();
        Arc::new(Bits::from_fn(self.nodes[node as usize].len() as u32, |index| {
            allowed.contains(&index)
        }))
    }

    fn unusable(&self, node: NodeId) -> Vec<(u32, ReasonId)> {
        (0u32..)
            .zip(&self.nodes[node.0 as usize])
            .filter(|(_, needs)| needs.is_none())
            .map(|(index, _)| (index, ReasonId(0)))
            .collect()
    }

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn picks(world: &World, roots: &[Root]) -> Vec<(u32, u32)> {
    let solution = solve(world, roots).unwrap_or_else(|failure| match failure {
        Failure::Unsatisfiable(roots) => panic!("unsatisfiable: {roots:?}"),
        Failure::Stopped(never) => match never {},
    });
    assert!(!solution.effort.sat, "the walk decides these alone");
    solution
        .picks
        .iter()
        .map(|(node, pick)| (node.0, *pick))
        .collect()
}

#[test]
fn takes_the_best_of_everything_when_nothing_clashes() {
    let world = World {
        nodes: vec![
            vec![Some(vec![(1, vec![0, 1])]), Some(vec![])],
            vec![Some(vec![]), Some(vec![])],
        ],
        ..World::default()
    };
    assert_eq!(picks(&world, &[world.requires(0, &[0, 1])]), [(0, 0), (1, 0)]);
}

#[test]
fn steps_over_unusable_candidates() {
    let world = World {
        nodes: vec![vec![None, None, Some(vec![])]],
        ..World::default()
    };
    assert_eq!(picks(&world, &[world.requires(0, &[0, 1, 2])]), [(0, 2)]);
}

#[test]
fn first_requirement_wins_and_later_ones_give_way() {
    // a0 needs b1, b0 needs a1: the first root keeps its best.
    let world = World {
        nodes: vec![
            vec![Some(vec![(1, vec![1])]), Some(vec![])],
            vec![Some(vec![(0, vec![1])]), Some(vec![])],
        ],
        ..World::default()
    };
    assert_eq!(
        picks(&world, &[world.requires(0, &[0, 1]), world.requires(1, &[0, 1])]),
        [(0, 0), (1, 1)]
    );
    assert_eq!(
        picks(&world, &[world.requires(1, &[0, 1]), world.requires(0, &[0, 1])]),
        [(1, 0), (0, 1)]
    );
}

#[test]
fn an_extra_always_agrees_with_what_it_extends() {
    // node 1 is node 0 with an extra: 1@i needs 0@i, and 1@0 also needs node 2, of which nothing is usable.
    let world = World {
        nodes: vec![
            vec![Some(vec![]), Some(vec![])],
            vec![Some(vec![(0, vec![0]), (2, vec![0])]), Some(vec![(0, vec![1])])],
            vec![None],
        ],
        mirrors: BTreeMap::from([(1, 0)]),
        ..World::default()
    };
    assert_eq!(picks(&world, &[world.requires(1, &[0, 1])]), [(0, 1), (1, 1)]);
}

#[test]
fn constraints_bind_only_what_is_there() {
    let world = World {
        nodes: vec![vec![Some(vec![])], vec![Some(vec![]), Some(vec![])]],
        ..World::default()
    };
    let constraint = Root {
        rule: RootRule::Constrains {
            set: world.set(1, &[1]),
            pull: Pull::Exact,
        },
    };
    assert_eq!(
        picks(&world, &[world.requires(0, &[0]), constraint.clone()]),
        [(0, 0)]
    );
    assert_eq!(picks(&world, &[constraint, world.requires(1, &[0, 1])]), [(1, 1)]);
}

#[test]
fn blames_only_the_roots_that_contradict_each_other() {
    // a needs c0; b needs c1; d is innocent.
    let world = World {
        nodes: vec![
            vec![Some(vec![(2, vec![0])])],
            vec![Some(vec![(2, vec![1])])],
            vec![Some(vec![]), Some(vec![])],
            vec![Some(vec![])],
        ],
        ..World::default()
    };
    let roots = [
        world.requires(3, &[0]),
        world.requires(0, &[0]),
        world.requires(1, &[0]),
    ];
    let Err(Failure::Unsatisfiable(at_fault)) = solve(&world, &roots) else {
        panic!("c cannot be both");
    };
    assert_eq!(crate::minimise(&world, &roots, &at_fault), [1, 2]);
    let core = [roots[1].clone(), roots[2].clone()];
    let conflict = crate::explain(&world, &core).expect("still a contradiction");
    assert_eq!(conflict.roots.len(), 2);
    let candidates = &conflict.sets[&conflict.roots[0].1];
    let Fate::Needs(needs) = &conflict.fates[&candidates[0]] else {
        panic!("a falls because of what it needs: {conflict:?}");
    };
    assert_eq!(conflict.fates[&conflict.sets[&needs[0]][0]], Fate::Clashes);
}

#[test]
fn nothing_in_the_set_is_a_contradiction_of_one() {
    let world = World {
        nodes: vec![vec![Some(vec![])]],
        ..World::default()
    };
    let roots = [world.requires(0, &[0]), world.requires(0, &[])];
    assert!(matches!(solve(&world, &roots), Err(Failure::Unsatisfiable(at_fault)) if at_fault == [1]));
}

/// A small deterministic generator: the same seeds on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn random_world(dice: &mut Dice) -> World {
    let count = 3 + dice.roll(9) as usize;
    let sizes: Vec<u64> = (0..count).map(|_| 1 + dice.roll(5)).collect();
    let nodes = (0..count)
        .map(|node: usize| {
            (0..sizes[node])
                .map(|_| {
                    (dice.roll(12) != 0).then(|| {
                        (0..dice.roll(4))
                            .map(|_| {
                                let other = dice.roll(count as u64) as usize;
                                let allowed =
                                    (0..sizes[other] as u32).filter(|_| dice.roll(3) != 0).collect();
                                (other as u32, allowed)
                            })
                            .collect()
                    })
                })
                .collect()
        })
        .collect();
    World {
        nodes,
        ..World::default()
    }
}

#[test]
fn both_engines_agree_on_what_is_possible() {
    let mut dice = Dice(0x5eed_1234_abcd_0001);
    let (mut solved, mut refused) = (0, 0);
    for _ in 0..4000 {
        let world = random_world(&mut dice);
        let roots: Vec<Root> = (0..=dice.roll(3))
            .map(|_| {
                let node = dice.roll(world.nodes.len() as u64) as u32;
                let all: Vec<u32> = (0..world.nodes[node as usize].len() as u32).collect();
                world.requires(node, &all)
            })
            .collect();
        let walked = solve(&world, &roots);
        let judged = sat::solve(&world, &roots, Effort::default());
        match (walked, judged) {
            (Ok(walked), Ok(judged)) => {
                assert!(
                    world.is_solution(&roots, &walked.picks),
                    "{world:?} {roots:?} {walked:?}"
                );
                assert!(
                    world.is_solution(&roots, &judged.picks),
                    "{world:?} {roots:?} {judged:?}"
                );
                solved += 1;
            }
            (Err(Failure::Unsatisfiable(at_fault)), Err(Failure::Unsatisfiable(_))) => {
                let core: Vec<Root> = crate::minimise(&world, &roots, &at_fault)
                    .into_iter()
                    .map(|index| roots[index].clone())
                    .collect();
                assert!(
                    crate::explain(&world, &core).is_some(),
                    "{world:?} {roots:?} {at_fault:?}"
                );
                for left_out in 0..core.len() {
                    let mut rest = core.clone();
                    rest.remove(left_out);
                    assert!(
                        solve(&world, &rest).is_ok(),
                        "every root of a minimal core is needed"
                    );
                }
                refused += 1;
            }
            (walked, judged) => panic!(
                "the engines disagree: {world:?} {roots:?} {:?} {:?}",
                walked.is_ok(),
                judged.is_ok()
            ),
        }
    }
    assert!(
        solved > 500 && refused > 500,
        "both outcomes are exercised: {solved} {refused}"
    );
}
