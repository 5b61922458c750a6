//! What is looked at next. Invariant: the agenda is a list that is only ever put in front of, so that a level remembers it
//! by its head alone.
use super::clauses::{ClauseId, Clauses};
use super::{Brings, Declined, Demand, Failure, Item, Lead, Solution, Strength, Tag, Taken, World};
use crate::Effort;

/// Searches for a choice that fulfils all demands.
///
/// # Errors
/// [`Failure::Unsatisfiable`] with rules that contradict each other, or whatever the world stopped with.
pub fn solve<W: World>(world: &mut W, demands: &[Demand]) -> Result<Solution, Failure<W::Stop>> {
    let mut search = Search {
        world,
        clauses: Clauses::default(),
        opened: Vec::new(),
        groups: Vec::new(),
        pool: Vec::new(),
        brings: Brings::default(),
        notes: Vec::new(),
        head: END,
        saved: Vec::new(),
        visited: Vec::new(),
        taken: Vec::new(),
        declined: Vec::new(),
        effort: Effort::default(),
    };
    search.demand(demands)?;
    search.run()?;
    Ok(Solution {
        taken: search.taken,
        declined: search.declined,
        effort: search.effort,
    })
}

/// The end of the agenda.
const END: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Group {
    by: Option<Item>,
    strength: Strength,
    start: u32,
    end: u32,
    tag: Tag,
}

/// One line of the agenda: groups from `first` to `last` (not included) are to be looked at, then the rest.
#[derive(Clone, Copy)]
struct Note {
    first: u32,
    last: u32,
    rest: u32,
}

/// What a level began with.
struct Saved {
    head: u32,
    taken: usize,
    declined: usize,
}

/// Whether decisions still stand.
#[derive(PartialEq)]
enum Course {
    Kept,
    /// At least one was taken back.
    Changed,
}

struct Search<'w, W: World> {
    world: &'w mut W,
    clauses: Clauses,
    /// By item: where its groups are, once it was opened.
    opened: Vec<Option<(u32, u32)>>,
    groups: Vec<Group>,
    pool: Vec<Item>,
    brings: Brings,
    notes: Vec<Note>,
    head: u32,
    saved: Vec<Saved>,
    visited: Vec<bool>,
    taken: Vec<Taken>,
    declined: Vec<Declined>,
    effort: Effort,
}

impl<W: World> Search<'_, W> {
    fn demand(&mut self, demands: &[Demand]) -> Result<(), Failure<W::Stop>> {
        let first = self.groups.len() as u32;
        for demand in demands {
            match demand {
                Demand::OneOf {
                    strength,
                    alternatives,
                    tag,
                } => {
                    self.add_group(None, *strength, alternatives, *tag);
                    if *strength == Strength::Must {
                        self.clauses.add_needs(None, alternatives, *tag);
                    }
                }
                Demand::Not { item, tag } => self.clauses.add_excludes(None, *item, *tag),
            }
        }
        self.note(first, self.groups.len() as u32);
        // Before the first decision there is none to take back.
        self.draw_all().map(|_| ())
    }

    fn add_group(&mut self, by: Option<Item>, strength: Strength, alternatives: &[Item], tag: Tag) {
        let start = self.pool.len() as u32;
        self.pool.extend_from_slice(alternatives);
        self.groups.push(Group {
            by,
            strength,
            start,
            end: self.pool.len() as u32,
            tag,
        });
    }

    /// Puts groups in front of the agenda.
    fn note(&mut self, first: u32, last: u32) {
        if first == last {
            return;
        }
        self.notes.push(Note {
            first,
            last,
            rest: self.head,
        });
        self.head = self.notes.len() as u32 - 1;
    }

    fn next_group(&mut self) -> Option<Group> {
        let note = *self.notes.get(self.head as usize)?;
        self.head = note.rest;
        self.note(note.first + 1, note.last);
        Some(self.groups[note.first as usize])
    }

    fn run(&mut self) -> Result<(), Failure<W::Stop>> {
        // What is demanded without a choice counts as there for everything that is read before its turn.
        self.visit_plain_demands();
        while let Some(group) = self.next_group() {
            self.consider(group)?;
        }
        Ok(())
    }

    fn visit_plain_demands(&mut self) {
        let groups: Vec<Group> = self
            .groups
            .iter()
            .copied()
            .filter(|group| group.by.is_none())
            .collect();
        for group in groups {
            if group.end - group.start == 1 && group.strength == Strength::Must {
                let item = self.pool[group.start as usize];
                if self.clauses.is_taken(item) {
                    self.arrive(item, group, 0);
                }
            }
        }
    }

    /// Looks at one group and takes an alternative if it has to. Where a decision has to be taken back instead, the agenda is
    /// afterwards as it was before that decision, and the group is met again.
    fn consider(&mut self, group: Group) -> Result<(), Failure<W::Stop>> {
        for at in group.start..group.end {
            let item = self.pool[at as usize];
            if self.is_visited(item) {
                // A demand that was visited ahead of its turn has its own groups still to come.
                if group.by.is_none() && group.end - group.start == 1 {
                    self.read(item);
                }
                return Ok(());
            }
        }
        for at in group.start..group.end {
            let item = self.pool[at as usize];
            if self.clauses.is_left(item) {
                continue;
            }
            if !self.clauses.is_taken(item) {
                // Opened before it is decided on: most of what speaks against an item can be read at its own door.
                self.open(item)?;
                if self.draw_all()? == Course::Changed {
                    return Ok(());
                }
                if self.clauses.is_left(item) {
                    continue;
                }
            }
            return self.take(item, group, at - group.start);
        }
        match group.strength {
            Strength::Wish => self.declined.push(Declined {
                by: group.by,
                tag: group.tag,
            }),
            Strength::Must => unreachable!("a clause without a true literal is never drawn from to the end"),
        }
        Ok(())
    }

    fn take(&mut self, item: Item, group: Group, alternative: u32) -> Result<(), Failure<W::Stop>> {
        if !self.clauses.is_taken(item) {
            self.effort.decisions += 1;
            // The group is met again when this decision is taken back.
            let head = self.again(group);
            self.saved.push(Saved {
                head,
                taken: self.taken.len(),
                declined: self.declined.len(),
            });
            self.clauses.decide(item);
            if self.draw_all()? == Course::Changed {
                return Ok(());
            }
        }
        self.arrive(item, group, alternative);
        self.read(item);
        Ok(())
    }

    /// The agenda with `group` in front, without changing what is current.
    fn again(&mut self, group: Group) -> u32 {
        let position = self.groups.len() as u32;
        self.groups.push(group);
        self.notes.push(Note {
            first: position,
            last: position + 1,
            rest: self.head,
        });
        self.notes.len() as u32 - 1
    }

    fn is_visited(&self, item: Item) -> bool {
        self.visited.get(item.0 as usize).copied().unwrap_or(false)
    }

    fn arrive(&mut self, item: Item, group: Group, alternative: u32) {
        let at = item.0 as usize;
        if self.visited.len() <= at {
            self.visited.resize((at + 1).next_power_of_two(), false);
        }
        if !std::mem::replace(&mut self.visited[at], true) {
            self.taken.push(Taken {
                item,
                lead: Lead {
                    by: group.by,
                    tag: group.tag,
                    alternative,
                },
            });
        }
    }

    /// The groups of an item are the next to be looked at.
    fn read(&mut self, item: Item) {
        let (first, last) = self.opened[item.0 as usize].expect("an item that is taken has been opened");
        self.note(first, last);
    }

    fn open(&mut self, item: Item) -> Result<(), Failure<W::Stop>> {
        let at = item.0 as usize;
        if self.opened.len() <= at {
            self.opened.resize((at + 1).next_power_of_two(), None);
        }
        if self.opened[at].is_some() {
            return Ok(());
        }
        let mut brings = std::mem::take(&mut self.brings);
        self.world.open(item, &mut brings).map_err(Failure::Stopped)?;
        for &(other, tag) in &brings.excludes {
            self.clauses.add_excludes(Some(item), other, tag);
        }
        let first = self.groups.len() as u32;
        for &(strength, start, end, tag) in &brings.groups {
            let alternatives = &brings.pool[start as usize..end as usize];
            self.add_group(Some(item), strength, alternatives, tag);
            if strength == Strength::Must {
                self.clauses.add_needs(Some(item), alternatives, tag);
            }
        }
        self.opened[at] = Some((first, self.groups.len() as u32));
        brings.clear();
        self.brings = brings;
        Ok(())
    }

    /// Draws all consequences and opens what has to be taken.
    fn draw_all(&mut self) -> Result<Course, Failure<W::Stop>> {
        let mut course = Course::Kept;
        loop {
            if let Some(broken) = self.clauses.take_broken() {
                course = Course::Changed;
                self.learn(broken)?;
                continue;
            }
            let Some(literal) = self.clauses.undrawn() else {
                return Ok(course);
            };
            if literal.is_yes() {
                self.open(literal.item())?;
            }
            if let Some(broken) = self.clauses.draw() {
                course = Course::Changed;
                self.learn(broken)?;
            }
        }
    }

    fn learn(&mut self, broken: ClauseId) -> Result<(), Failure<W::Stop>> {
        self.effort.conflicts += 1;
        self.world
            .check(self.effort.conflicts)
            .map_err(Failure::Stopped)?;
        self.clauses.learn(broken).map_err(Failure::Unsatisfiable)?;
        self.back();
        Ok(())
    }

    /// Brings the agenda to the level of the clauses.
    fn back(&mut self) {
        let level = self.clauses.level() as usize;
        let Some(saved) = self.saved.get(level) else {
            return;
        };
        self.head = saved.head;
        for taken in self.taken.drain(saved.taken..) {
            self.visited[taken.item.0 as usize] = false;
        }
        self.declined.truncate(saved.declined);
        self.saved.truncate(level);
    }
}
