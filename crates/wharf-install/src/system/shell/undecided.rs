//! Commands that hang on what is not known: whether not following them leaves something undone.

use super::super::shell_syntax::{Command, CommandKind, List, Part, Pipeline, Redirect, RedirectKind};
use super::Run;

impl Run<'_, '_> {
    pub(super) fn undecided(&mut self, pipeline: &Pipeline) {
        self.steps = self.steps.saturating_add(1);
        if !is_harmless(pipeline) && self.pipeline_has_effect(pipeline) {
            self.skip(&pipeline.commands[0].text);
        }
    }

    pub(super) fn undecided_list(&mut self, list: &List) {
        for and_or in list {
            for pipeline in
                std::iter::once(&and_or.first).chain(and_or.rest.iter().map(|(_, pipeline)| pipeline))
            {
                self.undecided(pipeline);
            }
        }
    }

    pub(super) fn has_effect(&mut self, list: &List) -> bool {
        list.iter().any(|and_or| {
            std::iter::once(&and_or.first)
                .chain(and_or.rest.iter().map(|(_, pipeline)| pipeline))
                .any(|pipeline| self.pipeline_has_effect(pipeline))
        })
    }

    fn pipeline_has_effect(&mut self, pipeline: &Pipeline) -> bool {
        pipeline
            .commands
            .iter()
            .any(|command| self.body_has_effect(command))
    }

    /// Whether following a command could change something. Looking costs as a step does: a loop may ask again and again.
    pub(super) fn body_has_effect(&mut self, command: &Command) -> bool {
        self.steps = self.steps.saturating_add(1);
        let writes = |redirect: &Redirect| {
            let to_device = matches!(redirect.target.0.first(), Some(Part::Text { text, .. }) if text.starts_with("/dev/"));
            matches!(redirect.kind, RedirectKind::Write | RedirectKind::Append)
                && redirect.descriptor.is_none_or(|descriptor| descriptor == 1)
                && !to_device
        };
        if command.redirects.iter().any(writes) {
            return true;
        }
        match &command.kind {
            CommandKind::Simple { words, .. } => match words.first().map(|word| word.0.as_slice()) {
                None => false,
                Some([Part::Text { text, .. }]) => {
                    let own = matches!(
                        text.as_str(),
                        "exit"
                            | "return"
                            | "break"
                            | "continue"
                            | "shift"
                            | "export"
                            | "local"
                            | "set"
                            | "read"
                            | "unset"
                    );
                    !own && !self.effects.is_harmless(text) && !self.functions.contains_key(text)
                }
                Some(_) => true,
            },
            CommandKind::If { branches, otherwise } => {
                branches.iter().any(|(_, body)| self.has_effect(body))
                    || otherwise.as_ref().is_some_and(|body| self.has_effect(body))
            }
            CommandKind::For { body, .. } | CommandKind::While { body, .. } => self.has_effect(body),
            CommandKind::Case { arms, .. } => arms.iter().any(|(_, body)| self.has_effect(body)),
            CommandKind::Group(list) | CommandKind::Subshell(list) => self.has_effect(list),
            CommandKind::Function { .. } => false,
        }
    }
}

/// What scripts say behind `||` when nothing is to be done: `true`, `:`, `exit`, `echo`.
pub(super) fn is_harmless(pipeline: &Pipeline) -> bool {
    let names = [
        "true", ":", "exit", "false", "return", "echo", "continue", "break",
    ];
    pipeline.commands.iter().all(|command| match &command.kind {
        CommandKind::Simple { words, .. } => matches!(
            words.first().map(|word| word.0.as_slice()),
            Some([Part::Text { text, .. }]) if names.contains(&text.as_str())
        ),
        _ => false,
    })
}
