//! Clauses over items, what follows from them, and what a contradiction teaches. Invariant: a literal's reason is a clause
//! in which every other literal is false and was so before.
use super::{Item, Rule, Tag};

/// An item or its absence: twice the item's number, plus one for "not".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Literal(u32);

impl Literal {
    pub(super) fn yes(item: Item) -> Self {
        Self(item.0 << 1)
    }

    pub(super) fn no(item: Item) -> Self {
        Self(item.0 << 1 | 1)
    }

    pub(super) fn item(self) -> Item {
        Item(self.0 >> 1)
    }

    pub(super) fn is_yes(self) -> bool {
        self.0 & 1 == 0
    }

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }

    fn slot(self) -> usize {
        self.0 as usize
    }
}

/// Position of a clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClauseId(u32);

/// Where a clause is from.
#[derive(Clone, Debug)]
enum Origin {
    /// A rule of the world or a demand.
    Given {
        by: Option<Item>,
        negative: bool,
        tag: Tag,
    },
    /// Learned from these.
    Learned(Box<[ClauseId]>),
}

struct Clause {
    start: u32,
    end: u32,
    origin: Origin,
}

/// A clause that waits for one of its two watched literals to become false; `other` saves a look when it is true.
#[derive(Clone, Copy)]
struct Watch {
    clause: ClauseId,
    other: Literal,
}

#[derive(Clone, Copy, PartialEq)]
enum Value {
    Open,
    True,
    False,
}

const UNDECIDED: u32 = u32::MAX;

/// All clauses, and what holds now.
#[derive(Default)]
pub(super) struct Clauses {
    literals: Vec<Literal>,
    clauses: Vec<Clause>,
    watches: Vec<Vec<Watch>>,
    /// By literal: `true` when it holds.
    holds: Vec<bool>,
    /// By item: when it was decided, and by which clause (if not by a decision).
    levels: Vec<u32>,
    reasons: Vec<Option<ClauseId>>,
    trail: Vec<Literal>,
    /// How long the trail was when each level began.
    starts: Vec<usize>,
    /// How far along the trail consequences have been drawn.
    drawn: usize,
    /// Clauses of one literal that came late: said again whenever a decision is taken back.
    singles: Vec<(Literal, ClauseId)>,
    /// Clauses that arrived with all their literals false.
    broken: Vec<ClauseId>,
    seen: Vec<bool>,
}

impl Clauses {
    pub(super) fn level(&self) -> u32 {
        self.starts.len() as u32
    }

    fn grow(&mut self, item: Item) {
        let needed = item.0 as usize + 1;
        if self.levels.len() < needed {
            let size = needed.next_power_of_two();
            self.levels.resize(size, UNDECIDED);
            self.reasons.resize(size, None);
            self.seen.resize(size, false);
            self.holds.resize(size * 2, false);
            self.watches.resize_with(size * 2, Vec::new);
        }
    }

    fn value(&self, literal: Literal) -> Value {
        if self.holds.get(literal.slot()).copied().unwrap_or(false) {
            Value::True
        } else if self.holds.get(literal.not().slot()).copied().unwrap_or(false) {
            Value::False
        } else {
            Value::Open
        }
    }

    pub(super) fn is_taken(&self, item: Item) -> bool {
        self.value(Literal::yes(item)) == Value::True
    }

    pub(super) fn is_left(&self, item: Item) -> bool {
        self.value(Literal::yes(item)) == Value::False
    }

    /// What became true and has not been drawn from yet, one at a time: the caller opens new items before [`Self::draw`].
    pub(super) fn undrawn(&self) -> Option<Literal> {
        self.trail.get(self.drawn).copied()
    }

    /// `by` (if any) needs one of `alternatives`.
    pub(super) fn add_needs(&mut self, by: Option<Item>, alternatives: &[Item], tag: Tag) {
        let start = self.literals.len() as u32;
        self.literals.extend(by.map(Literal::no));
        self.literals
            .extend(alternatives.iter().copied().map(Literal::yes));
        let origin = Origin::Given {
            by,
            negative: false,
            tag,
        };
        self.add(start, origin);
    }

    /// `by` (if any) excludes `other`.
    pub(super) fn add_excludes(&mut self, by: Option<Item>, other: Item, tag: Tag) {
        let start = self.literals.len() as u32;
        self.literals
            .extend(by.filter(|&by| by != other).map(Literal::no));
        self.literals.push(Literal::no(other));
        let origin = Origin::Given {
            by,
            negative: true,
            tag,
        };
        self.add(start, origin);
    }

    /// Takes the literals from `start` on as a clause, at any time.
    fn add(&mut self, start: u32, origin: Origin) -> ClauseId {
        let id = ClauseId(self.clauses.len() as u32);
        let end = self.literals.len() as u32;
        self.clauses.push(Clause { start, end, origin });
        for at in start..end {
            self.grow(self.literals[at as usize].item());
        }
        // The two that stay usable longest come first: true or open ones, then those that became false last.
        for (front, from) in (start..end.min(start + 2)).enumerate() {
            let best = (from..end)
                .max_by_key(|&at| (self.usable(self.literals[at as usize]), std::cmp::Reverse(at)))
                .expect("the range holds at least its first position");
            self.literals.swap(start as usize + front, best as usize);
        }
        let literals = &self.literals[start as usize..end as usize];
        match *literals {
            [] => self.broken.push(id),
            [only] => {
                self.singles.push((only, id));
                self.conclude(only, id);
            }
            [first, second, ..] => {
                self.watches[first.not().slot()].push(Watch {
                    clause: id,
                    other: second,
                });
                self.watches[second.not().slot()].push(Watch {
                    clause: id,
                    other: first,
                });
                if self.value(second) == Value::False {
                    self.conclude(first, id);
                }
            }
        }
        id
    }

    fn usable(&self, literal: Literal) -> u32 {
        match self.value(literal) {
            Value::True | Value::Open => UNDECIDED,
            Value::False => self.levels[literal.item().0 as usize],
        }
    }

    /// `literal` is the last hope of `clause`.
    fn conclude(&mut self, literal: Literal, clause: ClauseId) {
        match self.value(literal) {
            Value::True => {}
            Value::Open => self.set(literal, Some(clause)),
            Value::False => self.broken.push(clause),
        }
    }

    fn set(&mut self, literal: Literal, reason: Option<ClauseId>) {
        self.grow(literal.item());
        let item = literal.item().0 as usize;
        self.holds[literal.slot()] = true;
        self.levels[item] = self.level();
        self.reasons[item] = reason;
        self.trail.push(literal);
    }

    /// Takes an item by decision, on a new level.
    pub(super) fn decide(&mut self, item: Item) {
        self.starts.push(self.trail.len());
        self.set(Literal::yes(item), None);
    }

    /// A clause that arrived broken and still is. What came of the others meanwhile is drawn.
    pub(super) fn take_broken(&mut self) -> Option<ClauseId> {
        while let Some(clause) = self.broken.pop() {
            let mut hopes = self
                .of(clause)
                .iter()
                .filter(|&&literal| self.value(literal) != Value::False);
            match (hopes.next().copied(), hopes.next()) {
                (None, _) => return Some(clause),
                (Some(last), None) => self.conclude(last, clause),
                (Some(_), Some(_)) => {}
            }
        }
        None
    }

    /// Draws the consequences of the next literal on the trail. A clause whose literals are all false is returned.
    pub(super) fn draw(&mut self) -> Option<ClauseId> {
        let literal = self.trail[self.drawn];
        self.drawn += 1;
        let mut watches = std::mem::take(&mut self.watches[literal.slot()]);
        let mut kept = 0;
        let mut broken = None;
        let mut at = 0;
        while at < watches.len() {
            let watch = watches[at];
            at += 1;
            if self.value(watch.other) == Value::True || broken.is_some() {
                watches[kept] = watch;
                kept += 1;
                continue;
            }
            match self.look_further(watch, literal.not()) {
                Look::Moved => {}
                Look::Satisfied(other) => {
                    watches[kept] = Watch { other, ..watch };
                    kept += 1;
                }
                Look::Last(other) => {
                    watches[kept] = Watch { other, ..watch };
                    kept += 1;
                    if self.value(other) == Value::False {
                        broken = Some(watch.clause);
                    } else {
                        self.set(other, Some(watch.clause));
                    }
                }
            }
        }
        watches.truncate(kept);
        // Nothing is ever moved to the list of a literal that holds, so that the list taken is the whole list.
        self.watches[literal.slot()] = watches;
        broken
    }

    fn look_further(&mut self, watch: Watch, falsified: Literal) -> Look {
        let clause = &self.clauses[watch.clause.0 as usize];
        let (start, end) = (clause.start as usize, clause.end as usize);
        if self.literals[start] == falsified {
            self.literals.swap(start, start + 1);
        }
        let other = self.literals[start];
        if self.value(other) == Value::True {
            return Look::Satisfied(other);
        }
        for at in start + 2..end {
            let candidate = self.literals[at];
            if self.value(candidate) != Value::False {
                self.literals.swap(start + 1, at);
                self.watches[candidate.not().slot()].push(Watch {
                    clause: watch.clause,
                    other,
                });
                return Look::Moved;
            }
        }
        Look::Last(other)
    }

    /// Takes back every level above `level`.
    pub(super) fn back_to(&mut self, level: u32) {
        if level >= self.level() {
            return;
        }
        let keep = self.starts[level as usize];
        for literal in self.trail.drain(keep..) {
            self.holds[literal.slot()] = false;
            self.levels[literal.item().0 as usize] = UNDECIDED;
        }
        self.starts.truncate(level as usize);
        self.drawn = self.drawn.min(keep);
        for at in 0..self.singles.len() {
            let (literal, clause) = self.singles[at];
            self.conclude(literal, clause);
        }
        if level == 0 {
            self.singles.clear();
        }
    }

    /// Learns from a broken clause and goes back to where what was learned says something new. `Err` holds the given rules
    /// that contradict each other whatever is decided.
    pub(super) fn learn(&mut self, broken: ClauseId) -> Result<(), Vec<Rule>> {
        let top = self.highest(broken);
        self.back_to(top);
        if top == 0 {
            return Err(self.given_behind(broken));
        }
        let (literals, from) = self.resolve(broken, top);
        let back = literals[1..]
            .iter()
            .map(|literal| self.levels[literal.item().0 as usize])
            .max()
            .unwrap_or(0);
        self.back_to(back);
        let start = self.literals.len() as u32;
        self.literals.extend(literals);
        self.add(start, Origin::Learned(from.into()));
        Ok(())
    }

    fn highest(&self, clause: ClauseId) -> u32 {
        self.of(clause)
            .iter()
            .map(|literal| self.levels[literal.item().0 as usize])
            .max()
            .unwrap_or(0)
    }

    fn of(&self, clause: ClauseId) -> &[Literal] {
        let clause = &self.clauses[clause.0 as usize];
        &self.literals[clause.start as usize..clause.end as usize]
    }

    /// Resolves a broken clause with the reasons of what it rests on until only one literal of the top level is left. That
    /// one comes first. Returns the clauses that took part, too.
    fn resolve(&mut self, broken: ClauseId, top: u32) -> (Vec<Literal>, Vec<ClauseId>) {
        let mut learned = Vec::new();
        let mut from = vec![broken];
        let mut marked = Vec::new();
        let mut open = 0_u32;
        let mut clause = broken;
        let mut at = self.trail.len();
        let first = loop {
            for position in 0..self.of(clause).len() {
                let literal = self.of(clause)[position];
                let item = literal.item().0 as usize;
                if self.seen[item] || self.value(literal) != Value::False {
                    continue;
                }
                self.seen[item] = true;
                marked.push(item);
                if self.levels[item] == top {
                    open += 1;
                } else {
                    // Level 0 stays: what is learned has to hold by itself, and its rules are wanted for the proof.
                    learned.push(literal);
                }
            }
            let literal = loop {
                at -= 1;
                let literal = self.trail[at];
                if self.seen[literal.item().0 as usize] && self.levels[literal.item().0 as usize] == top {
                    break literal;
                }
            };
            open -= 1;
            if open == 0 {
                break literal.not();
            }
            clause = self.reasons[literal.item().0 as usize]
                .expect("only the first literal of a level has no reason, and it is the last to be reached");
            from.push(clause);
        };
        for item in marked {
            self.seen[item] = false;
        }
        learned.insert(0, first);
        (learned, from)
    }

    /// The given rules behind a clause that is broken at level 0: its own, and those of all reasons.
    fn given_behind(&self, broken: ClauseId) -> Vec<Rule> {
        let mut wanted = vec![broken];
        let mut done = vec![false; self.clauses.len()];
        let mut explained = vec![false; self.levels.len()];
        let mut given = Vec::new();
        while let Some(clause) = wanted.pop() {
            if std::mem::replace(&mut done[clause.0 as usize], true) {
                continue;
            }
            for literal in self.of(clause) {
                let item = literal.item().0 as usize;
                // Literals that are open now were false by a decision that what was learned made away with.
                if self.levels[item] == 0 && !std::mem::replace(&mut explained[item], true) {
                    wanted.extend(self.reasons[item]);
                }
            }
            match &self.clauses[clause.0 as usize].origin {
                Origin::Given { .. } => given.push(clause),
                Origin::Learned(from) => wanted.extend(from.iter().copied()),
            }
        }
        given.sort_unstable_by_key(|clause| clause.0);
        given.into_iter().filter_map(|clause| self.rule(clause)).collect()
    }

    fn rule(&self, clause: ClauseId) -> Option<Rule> {
        let Origin::Given { by, negative, tag } = self.clauses[clause.0 as usize].origin else {
            return None;
        };
        if negative {
            let other = self
                .of(clause)
                .iter()
                .map(|literal| literal.item())
                .find(|&item| Some(item) != by)
                .or(by)?;
            return Some(Rule::Excludes { by, other, tag });
        }
        let mut alternatives: Vec<Item> = self
            .of(clause)
            .iter()
            .filter(|literal| literal.is_yes())
            .map(|literal| literal.item())
            .collect();
        // Watching moved them about.
        alternatives.sort_unstable();
        Some(Rule::Needs {
            by,
            alternatives,
            tag,
        })
    }
}

enum Look {
    /// Another literal is watched now.
    Moved,
    /// The clause holds by this literal.
    Satisfied(Literal),
    /// Only this literal is left.
    Last(Literal),
}
