//! Why nothing fits, and what would help. Invariant: everything said here was proven: the requirements at fault by removing
//! each in turn, the reasons by the solver's own contradiction, the suggestions by solving again.
mod proof;
mod story;
mod suggest;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use wharf_core::{Origin, PackageName};
use wharf_ecosystem::pypi::Version;
use wharf_solve::Root;

use super::Search;
use super::encode::{Encoding, RootKind};
use super::fetch::{Builds, Gate};
use super::problem::{Asked, Problem};
use story::Story;

/// The whole answer to "why not?".
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The target that cannot be solved.
    pub target: String,
    /// The requirements that cannot stand together. Leaving any one of them out would do.
    pub at_fault: Vec<AtFault>,
    /// How they contradict each other, outermost first.
    pub story: Vec<Line>,
    /// Changes that were tried and work; of names that do not exist, those that are spelt alike.
    pub suggestions: Vec<Suggestion>,
}

/// One requirement at fault.
#[derive(Debug, Clone, Serialize)]
pub struct AtFault {
    /// As it was written.
    pub requirement: String,
    /// Where.
    pub origin: Origin,
    /// Whether it is a constraint, which only limits what something else asks for.
    pub constraint: bool,
}

/// One sentence of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How deep it is indented.
    pub depth: usize,
    /// The sentence.
    pub text: String,
}

/// A change that makes the problem solvable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// What to change, in words.
    pub text: String,
    /// What kind of change it is: `relax`, `constraint`, `override`, `prereleases`, `cutoff`, `python`, `source`, `spelling`.
    pub kind: &'static str,
}

impl Explanation {
    /// The suggestions as hints.
    pub fn hints(&self) -> Vec<String> {
        self.suggestions
            .iter()
            .map(|suggestion| suggestion.text.clone())
            .collect()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at_fault[..] {
            [_] => write!(f, "nothing satisfies this requirement on {}:", self.target)?,
            [_, _] => write!(
                f,
                "these two requirements contradict each other on {}:",
                self.target
            )?,
            all => write!(
                f,
                "these {} requirements contradict each other on {}:",
                all.len(),
                self.target
            )?,
        }
        let width = self
            .at_fault
            .iter()
            .map(|at_fault| at_fault.requirement.chars().count())
            .max()
            .unwrap_or(0);
        for at_fault in &self.at_fault {
            let note = if at_fault.constraint { " (constraint)" } else { "" };
            write!(
                f,
                "\n  {:width$}  {}{note}",
                at_fault.requirement, at_fault.origin
            )?;
        }
        f.write_str("\nbecause")?;
        for line in &self.story {
            write!(f, "\n  {}{}", "  ".repeat(line.depth), line.text)?;
        }
        Ok(())
    }
}

/// Explaining may take this long, and trying suggestions as long again.
const TIME: Duration = Duration::from_secs(5);

/// A contradiction as the solver reported it.
pub(super) struct Fault<'a> {
    /// The target.
    pub(super) position: usize,
    /// Where each root rule of the target is from.
    pub(super) kinds: &'a [RootKind],
    /// Positions of those that contradict each other.
    pub(super) at_fault: &'a [usize],
}

/// Explains why there is no solution. Builds nothing.
pub(super) fn explain(
    search: &Search,
    picks: &[(PackageName, Version)],
    encoding: &Encoding,
    fault: &Fault<'_>,
) -> Explanation {
    let problem = &search.problem;
    let gate = Gate {
        cancel: Arc::clone(&search.gate.cancel),
        deadline: search.gate.deadline.min(Instant::now() + TIME),
    };
    let same_with = |builds: Builds| Search {
        gate: gate.clone(),
        builds,
        sinks: wharf_core::NullSink::shared(),
        ..search.clone()
    };
    // Asks the same questions in the same order, so that the numbers of roots are the same.
    let careful = same_with(Builds::Stop).encoding(fault.position, picks);
    let (roots, _) = careful.roots();
    let core = wharf_solve::minimise(&careful, &roots, fault.at_fault);
    let kinds: Vec<RootKind> = core.iter().map(|&index| fault.kinds[index]).collect();
    let mut named = kinds.clone();
    named.dedup();

    let teller = same_with(Builds::Skip).encoding(fault.position, picks);
    let (roots, _) = teller.roots();
    let roots: Vec<Root> = core.iter().map(|&index| roots[index].clone()).collect();
    let story = match told(&teller, problem, &roots, &kinds) {
        Some(story) => story,
        None => Story {
            lines: vec![Line {
                depth: 0,
                text: match gate.check("") {
                    Ok(()) => String::from("they exclude each other"),
                    Err(_) => format!(
                        "they exclude each other (how could not be told within {} s)",
                        TIME.as_secs()
                    ),
                },
            }],
            ..Story::default()
        },
    };
    let mut suggestions = suggest::spelling(problem, encoding, &story.unknown);
    if story.unknown.is_empty() {
        suggestions.extend(suggest::suggest(search, fault.position, picks, &named, &story));
    }
    Explanation {
        target: encoding.scope.target.target.to_string(),
        at_fault: named
            .iter()
            .map(|&kind| {
                let asked = asked(problem, kind);
                AtFault {
                    requirement: written(asked),
                    origin: asked.origin.clone(),
                    constraint: matches!(kind, RootKind::Constraint(_)),
                }
            })
            .collect(),
        story: story.lines,
        suggestions,
    }
}

/// The story, unless there is no time for it or the proof breaks: an explanation must not cost the answer.
fn told(encoding: &Encoding, problem: &Problem, roots: &[Root], kinds: &[RootKind]) -> Option<Story> {
    let tell = || {
        if let Some(story) = story::tell_learned(encoding, problem, roots, kinds) {
            return Some(story);
        }
        let conflict = wharf_solve::explain(encoding, roots)?;
        let story = story::tell(encoding, problem, &conflict, roots, kinds);
        (!story.lines.is_empty()).then_some(story)
    };
    catch_unwind(AssertUnwindSafe(tell)).ok().flatten()
}

fn asked(problem: &Problem, kind: RootKind) -> &Asked {
    match kind {
        RootKind::Root(position) => &problem.roots[position],
        RootKind::Constraint(position) => &problem.constraints[position],
    }
}

/// A requirement as a person would write it, without its marker.
fn written(asked: &Asked) -> String {
    if let Some(place) = &asked.place {
        return format!("{} @ {place}", asked.requirement.name);
    }
    let mut requirement = asked.requirement.clone();
    requirement.marker = Default::default();
    story::spaced(&requirement.to_string())
}
