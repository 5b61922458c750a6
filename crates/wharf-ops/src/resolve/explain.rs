//! Why nothing fits, and what would help. Invariant: everything said here was proven: the requirements at fault by removing
//! each in turn, the reasons by the solver's own contradiction, the suggestions by solving again.
mod story;
mod suggest;

use std::fmt;

use serde::Serialize;
use wharf_core::{Origin, PackageName};
use wharf_ecosystem::pypi::Version;
use wharf_solve::{Provider, Root};

use super::Search;
use super::encode::{Encoding, RootKind};
use super::problem::Asked;

/// The whole answer to "why not?".
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The target that cannot be solved.
    pub target: String,
    /// The requirements that cannot stand together. Leaving any one of them out would do.
    pub at_fault: Vec<AtFault>,
    /// How they contradict each other, outermost first.
    pub story: Vec<Line>,
    /// Changes that were tried and work.
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
    /// What kind of change it is: `relax`, `constraint`, `override`, `prereleases`, `cutoff`, `python`, `source`.
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

/// Explains why `roots` cannot be solved on the target at `position`.
pub(super) fn explain(
    search: &Search,
    position: usize,
    picks: &[(PackageName, Version)],
    encoding: &Encoding,
    roots: &[Root],
    kinds: &[RootKind],
    at_fault: &[usize],
) -> Explanation {
    let core = wharf_solve::minimise(encoding, roots, at_fault);
    let core_roots: Vec<Root> = core.iter().map(|&index| roots[index].clone()).collect();
    let core_kinds: Vec<RootKind> = core.iter().map(|&index| kinds[index]).collect();
    let problem = &search.problem;
    let mut named: Vec<RootKind> = core_kinds.clone();
    named.dedup();
    let conflict = wharf_solve::explain(encoding, &core_roots);
    let story = match &conflict {
        Some(conflict) => story::tell(encoding, problem, conflict, &core_kinds),
        None => vec![Line {
            depth: 0,
            text: match encoding.check() {
                Ok(()) => String::from("they exclude each other"),
                Err(_) => String::from("they exclude each other (no time was left to say how)"),
            },
        }],
    };
    let reasons = conflict
        .as_ref()
        .map(|conflict| story::reasons(encoding, conflict))
        .unwrap_or_default();
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
        story,
        suggestions: suggest::suggest(search, position, picks, &named, &reasons),
    }
}

fn asked(problem: &super::Problem, kind: RootKind) -> &Asked {
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
