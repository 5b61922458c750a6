//! Why there is no set of packages, in words.
//!
//! | module | job |
//! |---|---|
//! | `shrink` | from the rules that contradict each other to those of which none can be left out |
//! | `story` | from rules to sentences |
//! | `absent` | why a relation is fulfilled by nothing |
//!
//! Invariant: everything that is told was proven by the search, and nothing that is told could be left out.

mod absent;
mod shrink;
mod story;

#[cfg(test)]
mod tests;

use std::fmt;

use wharf_core::{Explain, Fault};
use wharf_solve::agenda::Rule;

use crate::solve::{Problem, Questions, Why};
use crate::universe::shelf::Shelf;

/// What is asked for cannot be had together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfiable {
    /// What is at fault: positions in [`Problem::asked`]. Without any one of them the rest can be had, as far as the story goes.
    pub at_fault: Vec<usize>,
    /// The same as it was written.
    pub asked: Vec<String>,
    /// How it comes about, outermost first.
    pub story: Vec<Line>,
    /// Names that are spelt alike, for those that nothing has.
    pub near: Vec<Near>,
    /// What could be written so that it can be had.
    pub advice: Vec<String>,
}

/// One sentence of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How deep it is indented.
    pub depth: usize,
    /// The sentence, without a full stop.
    pub text: String,
}

/// A name that nothing has, and one that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// What was asked for.
    pub unknown: String,
    /// What there is.
    pub known: Vec<String>,
}

impl fmt::Display for Unsatisfiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.asked[..] {
            [] => f.write_str("the packages contradict each other")?,
            [alone] => write!(f, "`{alone}` cannot be had")?,
            [first, second] => write!(f, "`{first}` and `{second}` cannot be had together")?,
            [rest @ .., last] => {
                for one in rest {
                    write!(f, "`{one}`, ")?;
                }
                write!(f, "and `{last}` cannot be had together")?;
            }
        }
        for line in &self.story {
            write!(f, "\n  {}{}", "  ".repeat(line.depth), line.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Unsatisfiable {}

impl Explain for Unsatisfiable {
    fn code(&self) -> &'static str {
        "deb/unsatisfiable"
    }

    fn fault(&self) -> Fault {
        Fault::Unsatisfiable
    }

    fn hints(&self) -> Vec<String> {
        let near = self.near.iter().map(|near| {
            let known: Vec<String> = near.known.iter().map(|name| format!("`{name}`")).collect();
            format!("there is {} rather than `{}`", known.join(", "), near.unknown)
        });
        near.chain(self.advice.iter().cloned()).collect()
    }
}

/// The search ran out of patience: there may be an answer, but nobody would wait for it.
pub(crate) fn gave_up(problem: &Problem) -> Box<Unsatisfiable> {
    Box::new(Unsatisfiable {
        at_fault: (0..problem.asked.len()).collect(),
        asked: problem.asked.iter().map(|asked| asked.text.clone()).collect(),
        story: vec![Line {
            depth: 0,
            text: "the search was given up: too many choices contradict each other".to_owned(),
        }],
        near: Vec::new(),
        advice: Vec::new(),
    })
}

/// Tells how rules contradict each other.
pub(crate) fn explain(
    shelf: &mut Shelf<'_>,
    problem: &Problem,
    questions: &Questions,
    rules: Vec<Rule>,
) -> Box<Unsatisfiable> {
    let rules = shrink::shrink(rules);
    let mut at_fault: Vec<usize> = rules
        .iter()
        .filter_map(|rule| match rule {
            Rule::Needs { by: None, tag, .. } | Rule::Excludes { by: None, tag, .. } => {
                match questions.why(*tag) {
                    Why::Asked(position) => Some(position),
                    Why::Essential | Why::Installed | Why::Needed { .. } | Why::Source { .. } => None,
                }
            }
            Rule::Needs { .. } | Rule::Excludes { .. } => None,
        })
        .collect();
    at_fault.sort_unstable();
    at_fault.dedup();
    let told = story::tell(shelf, problem, questions, &rules);
    Box::new(Unsatisfiable {
        asked: at_fault
            .iter()
            .map(|&position| problem.asked[position].text.clone())
            .collect(),
        at_fault,
        story: told.lines,
        near: told.near,
        advice: told.advice,
    })
}
