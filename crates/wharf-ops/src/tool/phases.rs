//! What several tools tell of their progress, as one: a phase goes on while any of them is in it, and counts what all do there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wharf_core::{Event, Phase, Sink, Sinks};

/// Passes on the events of several tools.
pub(crate) struct Phases {
    all: Arc<All>,
    tools: AtomicUsize,
}

struct All {
    inner: Sinks,
    open: Mutex<BTreeMap<Phase, Sum>>,
}

/// A phase that somebody is in.
#[derive(Default)]
struct Sum {
    /// Who is in it, and how far.
    within: BTreeMap<usize, (u64, Option<u64>)>,
    /// What those did who have left it.
    done: u64,
}

/// The events of one tool.
struct One {
    all: Arc<All>,
    number: usize,
}

impl Phases {
    /// Those that end in a sink.
    pub(crate) fn new(inner: &Sinks) -> Self {
        Self {
            all: Arc::new(All {
                inner: Arc::clone(inner),
                open: Mutex::default(),
            }),
            tools: AtomicUsize::new(0),
        }
    }

    /// The sink of one more tool.
    pub(crate) fn of_one(&self) -> Sinks {
        Arc::new(One {
            all: Arc::clone(&self.all),
            number: self.tools.fetch_add(1, Ordering::Relaxed),
        })
    }
}

impl Sink for One {
    fn emit(&self, event: Event) {
        let mut open = self.all.open.lock().unwrap_or_else(PoisonError::into_inner);
        let event = match event {
            Event::PhaseStarted { phase, total } => {
                let is_first = !open.contains_key(&phase);
                let sum = open.entry(phase).or_default();
                sum.leave(self.number, None);
                sum.within.insert(self.number, (0, total));
                match is_first {
                    true => Event::PhaseStarted { phase, total },
                    false => sum.progress(phase, None),
                }
            }
            Event::PhaseProgress {
                phase,
                done,
                total,
                detail,
            } => {
                let sum = open.entry(phase).or_default();
                let known = sum.within.get(&self.number).and_then(|(_, total)| *total);
                sum.within.insert(self.number, (done, total.or(known)));
                sum.progress(phase, detail)
            }
            Event::PhaseFinished { phase, done } => {
                let sum = open.entry(phase).or_default();
                sum.leave(self.number, Some(done));
                match sum.within.is_empty() {
                    true => {
                        let done = sum.done;
                        open.remove(&phase);
                        Event::PhaseFinished { phase, done }
                    }
                    false => sum.progress(phase, None),
                }
            }
            other => other,
        };
        // Under the lock: the sums arrive in the order in which they were made.
        self.all.inner.emit(event);
    }
}

impl Sum {
    /// One leaves the phase, having done so much; `None` where nothing was said of it.
    fn leave(&mut self, number: usize, done: Option<u64>) {
        let last = self.within.remove(&number).map_or(0, |(done, _)| done);
        self.done += done.unwrap_or(last);
    }

    /// The total is known where everybody's is.
    fn progress(&self, phase: Phase, detail: Option<String>) -> Event {
        let within = self.within.values();
        let total = within.clone().map(|(_, total)| *total).sum::<Option<u64>>();
        Event::PhaseProgress {
            phase,
            done: self.done + within.map(|(done, _)| done).sum::<u64>(),
            total: total.map(|total| self.done + total),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Sink for Told {
        fn emit(&self, event: Event) {
            let count = |total: Option<u64>| total.map_or("?".to_owned(), |total| total.to_string());
            let line = match event {
                Event::PhaseStarted { phase, total } => format!("{phase:?} of {}", count(total)),
                Event::PhaseProgress {
                    phase, done, total, ..
                } => format!("{phase:?} {done}/{}", count(total)),
                Event::PhaseFinished { phase, done } => format!("{phase:?} done {done}"),
                other => format!("{other:?}"),
            };
            self.0.lock().unwrap().push(line);
        }
    }

    #[test]
    fn two_tools_are_in_one_phase() {
        let told = Arc::new(Told::default());
        let phases = Phases::new(&(Arc::clone(&told) as Sinks));
        let (one, other) = (phases.of_one(), phases.of_one());
        let started = |sink: &Sinks, total| {
            sink.emit(Event::PhaseStarted {
                phase: Phase::Fetch,
                total,
            });
        };
        let progress = |sink: &Sinks, done| {
            sink.emit(Event::PhaseProgress {
                phase: Phase::Fetch,
                done,
                total: None,
                detail: None,
            });
        };
        let finished = |sink: &Sinks, done| {
            sink.emit(Event::PhaseFinished {
                phase: Phase::Fetch,
                done,
            });
        };
        started(&one, Some(3));
        progress(&one, 1);
        started(&other, Some(2));
        progress(&other, 1);
        finished(&one, 3);
        // The same phase a second time counts on.
        started(&other, None);
        finished(&other, 4);
        assert_eq!(
            *told.0.lock().unwrap(),
            [
                "Fetch of 3",
                "Fetch 1/3",
                "Fetch 1/5",
                "Fetch 2/5",
                "Fetch 4/5",
                "Fetch 4/?",
                "Fetch done 8",
            ]
        );
    }
}
