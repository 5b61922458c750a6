//! Follows commands that hold others: branches, loops, groups, functions that are defined.

use std::rc::Rc;

use super::super::shell_syntax::{Command, CommandKind, List, Word};
use super::expand::{self, Pattern};
use super::{COMPARED, MAX_STEPS, Run, Status, Stop};

impl Run<'_, '_> {
    pub(super) fn compound(&mut self, command: &Command) -> Result<Status, Stop> {
        match &command.kind {
            CommandKind::Simple { .. } => Ok(Status::Success),
            CommandKind::If { branches, otherwise } => self.conditional(branches, otherwise.as_ref()),
            CommandKind::For { name, words, body } => {
                self.for_loop(name, words.as_deref(), body, &command.text)
            }
            CommandKind::While { condition, body } => self.while_loop(condition, body, &command.text),
            CommandKind::Case { word, arms } => self.case(word, arms, &command.text),
            CommandKind::Group(list) => self.list(list),
            CommandKind::Subshell(list) => {
                self.spend(self.variables.held)?;
                let (variables, arguments) = (self.variables.clone(), self.arguments.clone());
                let result = self.list(list);
                (self.variables, self.arguments) = (variables, arguments);
                match result {
                    Err(Stop::Exit) => Ok(Status::Unknown),
                    other => other,
                }
            }
            CommandKind::Function { name, body } => {
                self.functions.insert(name.clone(), Rc::clone(body));
                Ok(Status::Success)
            }
        }
    }

    fn conditional(&mut self, branches: &[(List, List)], otherwise: Option<&List>) -> Result<Status, Stop> {
        for (condition, body) in branches {
            match self.list(condition)? {
                Status::Success => return self.list(body),
                Status::Failure => {}
                Status::Unknown => {
                    let all = branches.iter().map(|(_, body)| body).chain(otherwise);
                    for body in all {
                        self.undecided_list(body);
                    }
                    return Ok(Status::Unknown);
                }
            }
        }
        match otherwise {
            Some(body) => self.list(body),
            None => Ok(Status::Success),
        }
    }

    fn for_loop(
        &mut self,
        name: &str,
        words: Option<&[Word]>,
        body: &List,
        text: &str,
    ) -> Result<Status, Stop> {
        let values = match words {
            None => {
                self.spend(expand::weight(&self.arguments))?;
                self.arguments.clone()
            }
            Some(words) => match self.expand_all(words)? {
                Some(values) => values,
                None => {
                    if self.has_effect(body) {
                        self.skip(text);
                    }
                    return Ok(Status::Unknown);
                }
            },
        };
        let mut status = Status::Success;
        for value in values {
            self.step()?;
            self.variables.set(name.to_owned(), Some(value));
            match self.list(body) {
                Ok(found) => status = found,
                Err(Stop::Loop { again: true }) => {}
                Err(Stop::Loop { again: false }) => break,
                Err(stop) => return Err(stop),
            }
        }
        Ok(status)
    }

    fn while_loop(&mut self, condition: &List, body: &List, text: &str) -> Result<Status, Stop> {
        loop {
            self.steps = self.steps.saturating_add(1);
            match self.list(condition)? {
                Status::Failure => return Ok(Status::Success),
                Status::Unknown => {
                    if self.has_effect(body) {
                        self.skip(text);
                    }
                    return Ok(Status::Unknown);
                }
                Status::Success if self.steps > MAX_STEPS => {
                    self.skip(text);
                    return Err(Stop::Exit);
                }
                Status::Success => match self.list(body) {
                    Ok(_) | Err(Stop::Loop { again: true }) => {}
                    Err(Stop::Loop { again: false }) => return Ok(Status::Success),
                    Err(stop) => return Err(stop),
                },
            }
        }
    }

    fn case(&mut self, word: &Word, arms: &[(Vec<Word>, List)], text: &str) -> Result<Status, Stop> {
        let Some(value) = self.expand(word)? else {
            if arms.iter().any(|(_, body)| self.has_effect(body)) {
                self.skip(text);
            }
            return Ok(Status::Unknown);
        };
        for (patterns, body) in arms {
            for pattern in patterns {
                let Some(pattern) = self.expand_pattern(pattern)? else {
                    self.skip(text);
                    return Ok(Status::Unknown);
                };
                self.spend(pattern.len().saturating_mul(value.len()) / COMPARED)?;
                if Pattern::new(&pattern).matches(&value) {
                    return self.list(body);
                }
            }
        }
        Ok(Status::Success)
    }
}
