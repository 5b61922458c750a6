//! Where the search stands: what is taken, what is needed, what waits; and how to take steps back.
//!
//! Invariant: every change goes through this file and leaves a mark on the trail, so that undoing down to a mark restores exactly what
//! was there: the order of the queue too, as it decides what is taken next.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::world::{FeatureIndex, Need, PackageIndex, QueryIndex, RequestIndex, SlotIndex, World};

/// How many decisions were taken before something became true; 0 is what the roots alone bring.
pub(super) type Level = u32;

/// Something that can be true of a state, in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fact(u32);

/// What a [`Fact`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactKind {
    /// This version is taken.
    Taken(PackageIndex),
    /// This is needed.
    Needed(QueryIndex),
}

/// A package whose needs are to be met, one after the other.
struct Frame {
    package: PackageIndex,
    needs: Rc<[Need]>,
    next: usize,
}

/// Who takes a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) package: PackageIndex,
    pub(super) level: Level,
    /// The need that brought it there, where the slot is not its own: a patch.
    pub(super) through: Option<QueryIndex>,
}

/// An edge: who asked, which of its dependencies, and what answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) by: PackageIndex,
    pub(super) dependency: usize,
    pub(super) package: PackageIndex,
}

enum Step {
    Slot(SlotIndex),
    Links(Arc<str>),
    Feature(PackageIndex, FeatureIndex),
    Met(PackageIndex, RequestIndex),
    Need(QueryIndex),
    Asked,
    Opened,
    Advanced { frame: usize, was: Key, is: Option<Key> },
}

/// Frames with the fewest candidates for their next need first, then older ones.
type Key = (usize, usize);

/// Where the search stands.
#[derive(Default)]
pub(super) struct State {
    slots: Vec<Option<Holder>>,
    links: FxHashMap<Arc<str>, PackageIndex>,
    on: FxHashSet<(PackageIndex, FeatureIndex)>,
    met: FxHashSet<(PackageIndex, RequestIndex)>,
    needed: Vec<Option<Level>>,
    pub(super) asked: Vec<Asked>,
    frames: Vec<Frame>,
    queue: BTreeSet<Key>,
    trail: Vec<Step>,
    /// What became true since the last decision.
    pub(super) news: Vec<Fact>,
    pub(super) level: Level,
}

/// A place on the trail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

impl Fact {
    pub(super) fn taken(package: PackageIndex) -> Self {
        Self::numbered(package, 0)
    }

    pub(super) fn needed(query: QueryIndex) -> Self {
        Self::numbered(query, 1)
    }

    fn numbered(index: usize, kind: u32) -> Self {
        let index = u32::try_from(index).expect("fewer than two billion packages");
        Self(index << 1 | kind)
    }

    pub(super) fn kind(self) -> FactKind {
        let index = (self.0 >> 1) as usize;
        match self.0 & 1 {
            0 => FactKind::Taken(index),
            _ => FactKind::Needed(index),
        }
    }
}

impl State {
    /// Who takes a slot.
    pub(super) fn holder(&self, slot: SlotIndex) -> Option<Holder> {
        self.slots.get(slot).copied().flatten()
    }

    /// Who names a native library.
    pub(super) fn linker(&self, links: &str) -> Option<PackageIndex> {
        self.links.get(links).copied()
    }

    /// Since when a fact holds.
    pub(super) fn since(&self, world: &World<'_>, fact: Fact) -> Option<Level> {
        match fact.kind() {
            FactKind::Taken(package) => {
                let holder = self.holder(world.packages[package].slot)?;
                (holder.package == package).then_some(holder.level)
            }
            FactKind::Needed(query) => self.needed.get(query).copied().flatten(),
        }
    }

    /// Whether a version is taken with all that a request turns on.
    pub(super) fn meets(&self, package: PackageIndex, request: RequestIndex) -> bool {
        self.met.contains(&(package, request))
    }

    /// Whether a feature of a version is on.
    pub(super) fn is_on(&self, package: PackageIndex, feature: FeatureIndex) -> bool {
        self.on.contains(&(package, feature))
    }

    /// The features that are on.
    pub(super) fn features(&self) -> impl Iterator<Item = (PackageIndex, FeatureIndex)> + '_ {
        self.on.iter().copied()
    }

    /// The versions that are taken.
    pub(super) fn taken(&self) -> BTreeSet<PackageIndex> {
        self.slots.iter().flatten().map(|holder| holder.package).collect()
    }

    pub(super) fn take(&mut self, slot: SlotIndex, package: PackageIndex, through: Option<QueryIndex>) {
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        let level = self.level;
        self.slots[slot] = Some(Holder {
            package,
            level,
            through,
        });
        self.trail.push(Step::Slot(slot));
        self.news.push(Fact::taken(package));
    }

    pub(super) fn link(&mut self, links: &Arc<str>, package: PackageIndex) {
        self.links.insert(Arc::clone(links), package);
        self.trail.push(Step::Links(Arc::clone(links)));
    }

    pub(super) fn turn_on(&mut self, package: PackageIndex, feature: FeatureIndex) {
        if self.on.insert((package, feature)) {
            self.trail.push(Step::Feature(package, feature));
        }
    }

    pub(super) fn meet(&mut self, package: PackageIndex, request: RequestIndex) {
        if self.met.insert((package, request)) {
            self.trail.push(Step::Met(package, request));
        }
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        self.asked.push(asked);
        self.trail.push(Step::Asked);
    }

    /// Puts the needs of a package into the queue.
    pub(super) fn open(&mut self, package: PackageIndex, needs: &Rc<[Need]>) {
        for need in needs.iter() {
            if self.needed.len() <= need.query {
                self.needed.resize(need.query + 1, None);
            }
            let since = &mut self.needed[need.query];
            if since.is_none() {
                *since = Some(self.level);
                self.trail.push(Step::Need(need.query));
                self.news.push(Fact::needed(need.query));
            }
        }
        let frame = Frame {
            package,
            needs: Rc::clone(needs),
            next: 0,
        };
        if let Some(key) = frame.key(self.frames.len()) {
            self.queue.insert(key);
        }
        self.frames.push(frame);
        self.trail.push(Step::Opened);
    }

    /// The next need, and whose it is.
    pub(super) fn next(&mut self) -> Option<(PackageIndex, Need)> {
        let was = self.queue.pop_first()?;
        let (_, at) = was;
        let frame = &mut self.frames[at];
        let need = frame.needs[frame.next];
        frame.next += 1;
        let package = frame.package;
        let is = frame.key(at);
        self.queue.extend(is);
        self.trail.push(Step::Advanced { frame: at, was, is });
        Some((package, need))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.trail.len())
    }

    /// Takes back everything since a mark.
    pub(super) fn undo(&mut self, mark: Mark) {
        while self.trail.len() > mark.0 {
            match self.trail.pop() {
                Some(Step::Slot(slot)) => self.slots[slot] = None,
                Some(Step::Links(links)) => {
                    self.links.remove(&links);
                }
                Some(Step::Feature(package, feature)) => {
                    self.on.remove(&(package, feature));
                }
                Some(Step::Met(package, request)) => {
                    self.met.remove(&(package, request));
                }
                Some(Step::Need(query)) => self.needed[query] = None,
                Some(Step::Asked) => {
                    self.asked.pop();
                }
                Some(Step::Opened) => self.close(),
                Some(Step::Advanced { frame, was, is }) => {
                    if let Some(is) = is {
                        self.queue.remove(&is);
                    }
                    self.frames[frame].next -= 1;
                    self.queue.insert(was);
                }
                None => return,
            }
        }
    }

    fn close(&mut self) {
        if let Some(frame) = self.frames.pop()
            && let Some(key) = frame.key(self.frames.len())
        {
            self.queue.remove(&key);
        }
    }
}

impl Frame {
    /// Where it stands in the queue; `None` once all its needs are met.
    fn key(&self, at: usize) -> Option<Key> {
        self.needs.get(self.next).map(|need| (need.candidates, at))
    }
}
