//! Maintainer scripts, followed as data: what a fresh install would do is done to the files in memory, and nothing runs.
//!
//! A script is read ([`super::shell_syntax`]) and followed with the arguments of a fresh install (`preinst install`,
//! `postinst configure ""`). Conditions about files, accounts and arguments are decided from the root; every other command is looked
//! up in a fixed table ([`super::effects`]). What is not in the table is not done, and its line is reported; a condition that hangs
//! on it is not decided, and neither branch is followed.
//!
//! Invariant: following a script ends (steps are counted, and text that is put together as steps), takes little memory (a value that
//! grows beyond a limit is not known any more), and never does anything that the table does not name.

mod compound;
mod expand;
mod scripts;
mod undecided;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::scripts::Script;
pub(crate) use self::scripts::Scripts;
use self::undecided::is_harmless;
use super::effects::{Answer, Effects, Request};
use super::files::Files;
use super::packages::Loaded;
use super::report::{ScriptClass, ScriptKind};
use super::shell_syntax::{
    AndOr, Command, CommandKind, Join, List, Pipeline, Redirect, RedirectKind, Word, parse,
};

/// Commands that a script may take before it counts as one that has to run.
const MAX_STEPS: usize = 50_000;
/// Functions inside functions, and files that are read into the shell.
const MAX_CALLS: usize = 30;
/// Commands and expansions inside each other: what is followed fits on the stack of any thread.
const MAX_NESTED: usize = 150;
/// What a variable takes in memory beside its name and text, about.
const VARIABLE: usize = 64;
/// Bytes of a value, of all variables together, of the words of a command, and of what is printed.
pub(crate) const MAX_TEXT: usize = 1 << 20;
/// So many bytes of text count as a step.
const STEP: usize = 256;
/// So many comparisons of characters count as a byte.
const COMPARED: usize = 16;

fn follow_one(
    script: &Script,
    packages: &[Loaded],
    files: &mut Files,
    effects: &mut Effects<'_>,
) -> (ScriptClass, Vec<String>) {
    let list = match &script.text {
        Ok(text) => parse(text).map_err(|error| format!("line {}: {}", error.line, error.reason)),
        Err(reason) => Err((*reason).to_owned()),
    };
    let list = match list {
        Ok(list) => list,
        Err(reason) => return (ScriptClass::NeedsRunning, vec![reason]),
    };
    effects.begin(script.package);
    let package = &packages[script.package];
    let arguments = match script.kind {
        ScriptKind::Preinst => vec!["install".to_owned()],
        ScriptKind::Postinst => vec!["configure".to_owned(), String::new()],
    };
    let mut run = Run {
        files,
        effects,
        variables: variables(package, script.kind),
        functions: BTreeMap::new(),
        arguments,
        steps: 0,
        calls: 0,
        depth: 0,
        skipped: Vec::new(),
        told: BTreeSet::new(),
        triggers: false,
        output: None,
        script: format!(
            "/var/lib/dpkg/info/{}.{}",
            package.record_name(),
            script.kind.as_str()
        ),
    };
    let _ = run.list(&list);
    let class = match (run.skipped.is_empty(), run.triggers) {
        (false, _) => ScriptClass::NeedsRunning,
        (true, true) => ScriptClass::Triggers,
        (true, false) => ScriptClass::Covered,
    };
    (class, run.skipped)
}

fn variables(package: &Loaded, kind: ScriptKind) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in [
        ("DPKG_MAINTSCRIPT_PACKAGE", package.name()),
        ("DPKG_MAINTSCRIPT_ARCH", package.architecture()),
        ("DPKG_MAINTSCRIPT_NAME", kind.as_str()),
        ("DPKG_ROOT", ""),
        ("DEBIAN_FRONTEND", "noninteractive"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", "/root"),
        ("IFS", " \t\n"),
    ] {
        variables.set(name.to_owned(), Some(value.to_owned()));
    }
    variables
}

/// Variables, of which all together are no longer than [`MAX_TEXT`].
#[derive(Clone, Default)]
struct Variables {
    values: BTreeMap<String, Text>,
    /// What all take in memory, about.
    held: usize,
}

impl Variables {
    /// Sets one. What would be too long is not known.
    fn set(&mut self, name: String, text: Text) {
        self.remove(&name);
        self.held += VARIABLE + name.len();
        let text = text.filter(|text| self.held + text.len() <= MAX_TEXT);
        self.held += text.as_ref().map_or(0, String::len);
        self.values.insert(name, text);
    }

    fn remove(&mut self, name: &str) {
        if let Some(old) = self.values.remove(name) {
            self.held -= VARIABLE + name.len() + old.map_or(0, |text| text.len());
        }
    }
}

/// Whether a command succeeded; `Unknown` where only running it would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    Failure,
    Unknown,
}

impl Status {
    pub(crate) fn of(success: bool) -> Self {
        match success {
            true => Self::Success,
            false => Self::Failure,
        }
    }
}

/// Why following stops.
enum Stop {
    Exit,
    Return(Status),
    /// `break` and `continue`.
    Loop {
        again: bool,
    },
}

/// The text of a word; `None` where only running something would tell.
type Text = Option<String>;

struct Run<'a, 'e> {
    files: &'a mut Files,
    effects: &'a mut Effects<'e>,
    variables: Variables,
    functions: BTreeMap<String, Rc<Command>>,
    arguments: Vec<String>,
    steps: usize,
    calls: usize,
    /// Commands and expansions that this is inside of.
    depth: usize,
    /// Lines that were not followed.
    skipped: Vec<String>,
    /// The same, to find them.
    told: BTreeSet<String>,
    /// Whether something was left to the programs that finish the root.
    triggers: bool,
    /// What is written to standard output, where somebody wants it; `None` inside for what is not known.
    output: Option<Text>,
    script: String,
}

impl Run<'_, '_> {
    fn list(&mut self, list: &List) -> Result<Status, Stop> {
        let mut status = Status::Success;
        for and_or in list {
            status = self.and_or(and_or)?;
        }
        Ok(status)
    }

    fn and_or(&mut self, and_or: &AndOr) -> Result<Status, Stop> {
        let mut status = self.pipeline(&and_or.first)?;
        for (join, pipeline) in &and_or.rest {
            let go = match (status, join) {
                (Status::Success, Join::And) | (Status::Failure, Join::Or) => true,
                (Status::Success, Join::Or) | (Status::Failure, Join::And) => false,
                // What only handles a failure that nobody expects is no loss.
                (Status::Unknown, Join::Or) if is_harmless(pipeline) => {
                    status = Status::Unknown;
                    continue;
                }
                (Status::Unknown, _) => {
                    self.undecided(pipeline);
                    continue;
                }
            };
            if go {
                status = self.pipeline(pipeline)?;
            }
        }
        Ok(status)
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Status, Stop> {
        let status = match pipeline.commands.as_slice() {
            [command] => self.command(command)?,
            commands => self.piped(commands)?,
        };
        Ok(match (pipeline.negated, status) {
            (true, Status::Success) => Status::Failure,
            (true, Status::Failure) => Status::Success,
            (_, status) => status,
        })
    }

    /// Several commands that pass text on: only those that merely read and print may stand there.
    fn piped(&mut self, commands: &[Command]) -> Result<Status, Stop> {
        for command in commands {
            let known = match &command.kind {
                CommandKind::Simple { words, .. } => match words.first().map(|word| self.expand(word)) {
                    Some(Ok(Some(name))) => {
                        self.effects.only_prints(&name) || self.functions.contains_key(&name)
                    }
                    Some(_) => false,
                    None => true,
                },
                _ => false,
            };
            if !known {
                self.skip(&command.text);
            }
        }
        self.print(None);
        Ok(Status::Unknown)
    }

    fn command(&mut self, command: &Command) -> Result<Status, Stop> {
        self.step()?;
        self.nested(|run| run.command_inside(command))
    }

    /// Counts a step.
    fn step(&mut self) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(1);
        match self.steps > MAX_STEPS {
            true => {
                self.skip("more commands than can be followed");
                Err(Stop::Exit)
            }
            false => Ok(()),
        }
    }

    /// Follows something that is one deeper.
    fn nested<T>(&mut self, follow: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth == MAX_NESTED {
            self.skip("commands that are nested too deeply");
            return Err(Stop::Exit);
        }
        self.depth += 1;
        let result = follow(self);
        self.depth -= 1;
        result
    }

    fn command_inside(&mut self, command: &Command) -> Result<Status, Stop> {
        if let CommandKind::Simple { assignments, words } = &command.kind {
            return self.simple(command, assignments, words);
        }
        let target = self.write_target(&command.redirects)?;
        let outer = target.is_some().then(|| self.output.replace(Some(String::new())));
        let result = self.compound(command);
        if let (Some(target), Some(outer)) = (target, outer) {
            let text = std::mem::replace(&mut self.output, outer).unwrap_or_default();
            self.write(&target, text, &command.text);
        }
        result
    }

    fn simple(
        &mut self,
        command: &Command,
        assignments: &[(String, Word)],
        words: &[Word],
    ) -> Result<Status, Stop> {
        for (name, word) in assignments {
            let value = self.expand(word)?;
            if words.is_empty() {
                self.variables.set(name.clone(), value);
            }
        }
        let Some(first) = words.first() else {
            if let Some(target) = self.write_target(&command.redirects)? {
                self.write(&target, Some(String::new()), &command.text);
            }
            return Ok(Status::Success);
        };
        let Some(name) = self.expand(first)? else {
            self.skip(&command.text);
            return Ok(Status::Unknown);
        };
        let words = self.expand_all(&words[1..])?;
        if let Some(body) = self.functions.get(&name).cloned() {
            return match words {
                Some(words) => self.call(&body, words),
                None if self.body_has_effect(&body) => {
                    self.skip(&command.text);
                    Ok(Status::Unknown)
                }
                None => Ok(Status::Unknown),
            };
        }
        if let Some(result) = self.special(&name, words.as_deref()) {
            return result;
        }
        let Some(words) = words else {
            if !self.effects.is_harmless(&name) {
                self.skip(&command.text);
            }
            match self.write_target(&command.redirects)? {
                Some(target) => self.write(&target, None, &command.text),
                None => self.print(None),
            }
            return Ok(Status::Unknown);
        };
        let input = self.input(&command.redirects)?;
        let answer = self.effects.answer(
            self.files,
            &Request {
                name: &name,
                words: &words,
                input: input.as_deref(),
            },
        );
        self.take(command, answer)
    }

    /// What the table says about a command.
    fn take(&mut self, command: &Command, answer: Answer) -> Result<Status, Stop> {
        let (status, text) = match answer {
            Answer::Done(status) => (status, Some(String::new())),
            Answer::Says(status, text) => (status, text),
            Answer::Trigger => {
                self.triggers = true;
                (Status::Success, Some(String::new()))
            }
            Answer::Unknown => {
                self.skip(&command.text);
                (Status::Unknown, None)
            }
            Answer::Source(text) => return self.source(&text, &command.text),
        };
        match self.write_target(&command.redirects)? {
            Some(target) => self.write(&target, text, &command.text),
            None => self.print(text),
        }
        Ok(status)
    }

    fn source(&mut self, text: &str, written: &str) -> Result<Status, Stop> {
        match parse(text) {
            Ok(list) => {
                self.deeper("files that read each other without end")?;
                let result = self.list(&list);
                self.calls -= 1;
                match result {
                    Err(Stop::Return(status)) => Ok(status),
                    other => other,
                }
            }
            Err(_) => {
                self.skip(written);
                Ok(Status::Unknown)
            }
        }
    }

    fn call(&mut self, body: &Rc<Command>, words: Vec<String>) -> Result<Status, Stop> {
        self.deeper("functions that call each other without end")?;
        let before = std::mem::replace(&mut self.arguments, words);
        let result = self.command(body);
        self.arguments = before;
        self.calls -= 1;
        match result {
            Err(Stop::Return(status)) => Ok(status),
            other => other,
        }
    }

    fn deeper(&mut self, what: &str) -> Result<(), Stop> {
        self.calls += 1;
        match self.calls > MAX_CALLS {
            true => {
                self.skip(what);
                Err(Stop::Exit)
            }
            false => Ok(()),
        }
    }

    /// Counts bytes of text as steps.
    fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(bytes / STEP);
        match self.steps > MAX_STEPS {
            true => {
                self.skip("more text than can be followed");
                Err(Stop::Exit)
            }
            false => Ok(()),
        }
    }

    /// Commands of the shell itself.
    fn special(&mut self, name: &str, words: Option<&[String]>) -> Option<Result<Status, Stop>> {
        let first = words.and_then(<[String]>::first);
        let status = |text: Option<&String>| match text.map(String::as_str) {
            None | Some("0") => Status::Success,
            Some(_) => Status::Failure,
        };
        Some(match name {
            "exit" => Err(Stop::Exit),
            "return" => Err(Stop::Return(match words {
                None => Status::Unknown,
                Some(_) => status(first),
            })),
            "break" => Err(Stop::Loop { again: false }),
            "continue" => Err(Stop::Loop { again: true }),
            "shift" => {
                // All that follow move up.
                if let Err(stop) = self.spend(self.arguments.len()) {
                    return Some(Err(stop));
                }
                if !self.arguments.is_empty() {
                    self.arguments.remove(0);
                }
                Ok(Status::Success)
            }
            "export" | "local" | "readonly" | "declare" => {
                for word in words.unwrap_or_default() {
                    if let Some((name, value)) = word.split_once('=') {
                        self.variables.set(name.to_owned(), Some(value.to_owned()));
                    }
                }
                Ok(Status::Success)
            }
            "unset" => {
                for word in words.unwrap_or_default() {
                    self.variables.remove(word);
                }
                Ok(Status::Success)
            }
            "set" => {
                if let Some(words) = words
                    && let Some(at) = words.iter().position(|word| word == "--")
                {
                    self.arguments = words[at + 1..].to_vec();
                }
                Ok(Status::Success)
            }
            "read" => {
                for word in words.unwrap_or_default() {
                    self.variables.set(word.clone(), None);
                }
                Ok(Status::Unknown)
            }
            "db_get" | "db_metaget" => {
                let value = first.and_then(|question| self.effects.default_of(question));
                self.variables.set("RET".to_owned(), value);
                Ok(Status::Success)
            }
            _ => return None,
        })
    }

    /// Where standard output goes, if it is a file.
    fn write_target(&mut self, redirects: &[Redirect]) -> Result<Option<(Text, bool)>, Stop> {
        let mut target = None;
        for redirect in redirects {
            let writes = matches!(redirect.kind, RedirectKind::Write | RedirectKind::Append);
            if writes && redirect.descriptor.is_none_or(|descriptor| descriptor == 1) {
                target = Some((
                    self.expand(&redirect.target)?,
                    redirect.kind == RedirectKind::Append,
                ));
            }
        }
        Ok(target)
    }

    fn write(&mut self, (target, append): &(Text, bool), text: Text, written: &str) {
        let done = match (target, text) {
            (Some(path), _) if path.starts_with("/dev/") => true,
            (Some(path), Some(text)) => self.effects.write(self.files, path, &text, *append),
            _ => false,
        };
        if !done {
            self.skip(written);
        }
    }

    /// A here-document.
    fn input(&mut self, redirects: &[Redirect]) -> Result<Text, Stop> {
        for redirect in redirects.iter().rev() {
            if redirect.kind == RedirectKind::Here {
                return self.expand(&redirect.target);
            }
        }
        Ok(None)
    }

    fn print(&mut self, text: Text) {
        if let Some(output) = &mut self.output {
            match (output.as_mut(), text) {
                (Some(output), Some(text)) if output.len() + text.len() <= MAX_TEXT => {
                    output.push_str(&text);
                }
                (None, _) => {}
                (Some(_), _) => *output = None,
            }
        }
    }

    fn skip(&mut self, text: &str) {
        if self.told.insert(text.to_owned()) {
            self.skipped.push(text.to_owned());
        }
    }
}
