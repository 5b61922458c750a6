//! Maintainer scripts, followed as data: what a fresh install would do is done to the files in memory, and nothing runs.
//!
//! A script is read ([`super::shell_syntax`]) and followed with the arguments of a fresh install (`preinst install`,
//! `postinst configure ""`). Conditions about files, accounts and arguments are decided from the root; every other command is looked
//! up in a fixed table ([`super::effects`]). What is not in the table is not done, and its line is reported; a condition that hangs
//! on it is not decided, and neither branch is followed.
//!
//! Invariant: following a script ends (steps are counted, and text that is put together as steps), takes little memory (a value that
//! grows beyond a limit is not known any more), and never does anything that the table does not name.

mod expand;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wharf_store::{ObjectId, Store};

use self::expand::Pattern;
use super::SystemError;
use super::effects::{Answer, Effects, Request};
use super::files::Files;
use super::merge::Diversion;
use super::packages::Loaded;
use super::report::{ScriptClass, ScriptKind, ScriptReport};
use super::shell_syntax::{
    AndOr, Command, CommandKind, Join, List, Part, Pipeline, Redirect, RedirectKind, Word, parse,
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

const TOO_LONG: &str = "it is too long to be read";

/// The scripts of all packages.
pub(crate) struct Scripts(Vec<Script>);

struct Script {
    package: usize,
    kind: ScriptKind,
    object: ObjectId,
    text: Result<String, &'static str>,
}

impl Scripts {
    /// Collects the scripts of a fresh install: all of `preinst`, then all of `postinst`, base packages first.
    pub(crate) fn of(store: &Store, packages: &[Loaded]) -> Result<Self, SystemError> {
        let mut found = Vec::new();
        for kind in [ScriptKind::Preinst, ScriptKind::Postinst] {
            for (index, package) in packages.iter().enumerate() {
                let Some(extra) = package.extras.get(kind.as_str()) else {
                    continue;
                };
                let text = match extra.size > MAX_TEXT as u64 {
                    true => Err(TOO_LONG),
                    false => shell_text(package.extra_text(store, kind.as_str())?),
                };
                found.push(Script {
                    package: index,
                    kind,
                    object: extra.object,
                    text,
                });
            }
        }
        let first = |name: &str| !matches!(name, "base-passwd" | "base-files");
        found.sort_by_key(|script| (script.kind, first(packages[script.package].name())));
        Ok(Self(found))
    }

    /// One script, of the first package.
    pub(crate) fn one(kind: ScriptKind, text: &str) -> Self {
        Self(vec![Script {
            package: 0,
            kind,
            object: ObjectId::from_bytes(*blake3::hash(text.as_bytes()).as_bytes()),
            text: match text.len() > MAX_TEXT {
                true => Err(TOO_LONG),
                false => shell_text(text.to_owned()),
            },
        }])
    }

    /// The diversions that scripts ask for before anything is unpacked.
    pub(crate) fn diversions(&self, store: &Store, packages: &[Loaded]) -> Vec<Diversion> {
        let mut effects = Effects::new(store, packages);
        for script in self.0.iter().filter(|script| script.kind == ScriptKind::Preinst) {
            if script
                .text
                .as_ref()
                .is_ok_and(|text| text.contains("dpkg-divert"))
            {
                follow_one(script, packages, &mut Files::default(), &mut effects);
            }
        }
        effects.diversions
    }

    /// Follows all of them.
    pub(crate) fn follow(
        &self,
        packages: &[Loaded],
        files: &mut Files,
        effects: &mut Effects<'_>,
    ) -> Result<Vec<ScriptReport>, SystemError> {
        let mut outcome = Vec::new();
        for script in &self.0 {
            let package = &packages[script.package];
            let (class, skipped) = match known(package.name(), script.kind) {
                Some(class) => (class, Vec::new()),
                None => follow_one(script, packages, files, effects),
            };
            outcome.push(ScriptReport {
                package: package.label(),
                kind: script.kind,
                digest: script.object.to_string(),
                class,
                skipped,
                matters: false,
                ran: false,
            });
        }
        match effects.failure.take() {
            Some(error) => Err(error.into()),
            None => Ok(outcome),
        }
    }
}

/// Scripts whose effect on a fresh root is made elsewhere in this module, whatever their text.
fn known(package: &str, kind: ScriptKind) -> Option<ScriptClass> {
    let covered = match (package, kind) {
        // Upgrades and running services; a compiled program in the case of bash.
        ("libc6" | "libc-bin" | "bash", ScriptKind::Preinst) | ("libc6", ScriptKind::Postinst) => true,
        // passwd and group come from their masters.
        ("base-passwd", _) => true,
        // The link of /bin/sh is in the package; diverting one's own file changes nothing.
        ("dash", _) => true,
        // /etc/ssl/certs is made by `certificates`.
        ("ca-certificates", _) => true,
        // /usr is merged from the start.
        ("usrmerge" | "usr-is-merged", _) => true,
        _ => false,
    };
    // These compile Python to bytecode, or list image loaders, by ways of their own.
    let finished = package.starts_with("python3.")
        || matches!(package, "python3-distutils" | "python3-lib2to3")
        || package.starts_with("libgdk-pixbuf-2.0");
    match (covered, finished && kind == ScriptKind::Postinst) {
        (true, _) => Some(ScriptClass::Covered),
        (_, true) => Some(ScriptClass::Triggers),
        _ => None,
    }
}

/// The text, if it is for the shell.
fn shell_text(text: String) -> Result<String, &'static str> {
    let first = text.lines().next().unwrap_or_default();
    let program = first.strip_prefix("#!").unwrap_or_default().trim();
    let name = program.split_whitespace().next().unwrap_or_default();
    match name.rsplit('/').next().unwrap_or_default() {
        "sh" | "dash" | "bash" => Ok(text),
        "" => Err("it is no text"),
        _ => Err("it is not written for the shell"),
    }
}

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

    fn compound(&mut self, command: &Command) -> Result<Status, Stop> {
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

    fn undecided(&mut self, pipeline: &Pipeline) {
        self.steps = self.steps.saturating_add(1);
        if !is_harmless(pipeline) && self.pipeline_has_effect(pipeline) {
            self.skip(&pipeline.commands[0].text);
        }
    }

    fn undecided_list(&mut self, list: &List) {
        for and_or in list {
            for pipeline in
                std::iter::once(&and_or.first).chain(and_or.rest.iter().map(|(_, pipeline)| pipeline))
            {
                self.undecided(pipeline);
            }
        }
    }

    fn has_effect(&mut self, list: &List) -> bool {
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
    fn body_has_effect(&mut self, command: &Command) -> bool {
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
fn is_harmless(pipeline: &Pipeline) -> bool {
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
