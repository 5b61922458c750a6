//! Options and the words between them.

use std::ffi::{OsStr, OsString};

use super::{Program, Refused};

/// What options say, of whichever program.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags {
    pub(super) folder: Option<String>,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) offline: bool,
    pub(super) if_present: bool,
    /// Members of the workspace by name.
    pub(super) named: Vec<String>,
    pub(super) all: bool,
    pub(super) root: bool,
    /// The project itself and no member, unless some are named.
    pub(super) only_root: bool,
    pub(super) no_bail: bool,
    /// Members run all at once.
    pub(super) parallel: bool,
    /// What a command is to come from.
    pub(super) packages: Vec<String>,
    /// Whether nothing may be fetched for a command.
    pub(super) own_only: bool,
    /// A line for the shell.
    pub(super) call: Option<String>,
    pub(super) version: bool,
}

/// What an option is.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Switch(fn(&mut Flags, bool)),
    Value(fn(&mut Flags, String)),
    /// It concerns what the program itself says or keeps, of which there is nothing here.
    Nothing,
    /// The same with a value.
    NothingOfValue,
    /// Known, and not done: why.
    Not(&'static str),
    Unknown,
}

/// Which words an option may stand between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// All up to `--`, as npm has it.
    All,
    /// Those before the first that is none: all others belong to that.
    First,
}

/// An option that ends it all, and the words that are none around it.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) refused: Refused,
    /// The first word before it.
    pub(super) before: Option<OsString>,
    /// The first word behind it, which may be its value.
    pub(super) behind: Option<OsString>,
}

impl From<Box<Stuck>> for Refused {
    fn from(stuck: Box<Stuck>) -> Self {
        stuck.refused
    }
}

/// Takes the options out of the words. Gives the words that are none, and what stands behind `--`.
pub(super) fn take(
    program: Program,
    flags: &mut Flags,
    words: &[OsString],
    reach: Reach,
) -> Result<(Vec<OsString>, Vec<OsString>), Box<Stuck>> {
    let mut plain = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let text = word.to_str().unwrap_or_default();
        if text == "--" {
            return Ok((plain, rest.cloned().collect()));
        }
        if !is_option(word) {
            plain.push(word.clone());
            match reach {
                Reach::All => continue,
                Reach::First => {
                    plain.extend(rest.cloned());
                    break;
                }
            }
        }
        if let Err(refused) = obey(program, flags, text, &mut rest) {
            return Err(Box::new(Stuck {
                refused: refused.unwrap_or_else(|| unknown(program, text, reach, &plain)),
                before: plain.into_iter().next(),
                behind: rest
                    .take_while(|word| *word != "--")
                    .find(|word| !is_option(word))
                    .cloned(),
            }));
        }
    }
    Ok((plain, Vec::new()))
}

fn is_option(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|word| word.starts_with('-') && word != "-")
}

/// Does what an option says, whose value may be the next word; without a reason where nobody knows it.
fn obey(
    program: Program,
    flags: &mut Flags,
    text: &str,
    rest: &mut std::slice::Iter<'_, OsString>,
) -> Result<(), Option<Refused>> {
    let (name, given) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let (option, on) = option(program, name);
    match option {
        Meaning::Switch(set) => set(flags, on == (given.as_deref() != Some("false"))),
        Meaning::Nothing => {}
        Meaning::Value(_) | Meaning::NothingOfValue => {
            let next = || rest.next().and_then(|word| word.to_str()).map(str::to_owned);
            let Some(value) = given.or_else(next) else {
                return Err(Some(Refused::new(program, text, "a value is missing behind it")));
            };
            if let Meaning::Value(set) = option {
                set(flags, value);
            }
        }
        Meaning::Not(why) => return Err(Some(Refused::new(program, text, why))),
        Meaning::Unknown => return Err(None),
    }
    Ok(())
}

/// An option that nobody knows, and how a script or a command gets it where it was meant for that.
fn unknown(program: Program, option: &str, reach: Reach, before: &[OsString]) -> Refused {
    let refused = Refused::new(program, option, "it is none of the options that it knows");
    match (reach, before.is_empty()) {
        (Reach::All, false) => {
            let before: Vec<_> = before.iter().map(|word| word.to_string_lossy()).collect();
            refused.hinting(format!(
                "npm, too, keeps what stands before `--` for itself: `{} {} -- {option}` hands it on",
                program.name(),
                before.join(" ")
            ))
        }
        _ => refused,
    }
}

/// What an option is, and whether it is switched on.
fn option(program: Program, name: &str) -> (Meaning, bool) {
    let of = |name: &str| match (of_program(program, name), of_all(name)) {
        (Meaning::Unknown, shared) => shared,
        (own, _) => own,
    };
    match (of(name), name.strip_prefix("--no-")) {
        // Only what can be on can be off.
        (Meaning::Unknown, Some(positive)) => match of(&format!("--{positive}")) {
            found @ (Meaning::Switch(_) | Meaning::Nothing) => (found, false),
            Meaning::Value(_) | Meaning::NothingOfValue | Meaning::Not(_) | Meaning::Unknown => {
                (Meaning::Unknown, false)
            }
        },
        (found, _) => (found, true),
    }
}

fn of_program(program: Program, name: &str) -> Meaning {
    match program {
        Program::Npm | Program::Npx => of_npm(name),
        Program::Pnpm | Program::Pnpx => of_pnpm(name),
        Program::Yarn => of_yarn(name),
    }
}

fn of_all(name: &str) -> Meaning {
    match name {
        "-s" | "--silent" => Meaning::Switch(|flags, on| flags.quiet = on),
        "--if-present" => Meaning::Switch(|flags, on| flags.if_present = on),
        "--offline" => Meaning::Switch(|flags, on| flags.offline = on),
        "--verbose" => Meaning::Switch(|flags, on| flags.verbose = on),
        "--version" | "-v" => Meaning::Switch(|flags, on| flags.version = on),
        "--color" | "--progress" | "--prefer-offline" | "--prefer-online" => Meaning::Nothing,
        _ => Meaning::Unknown,
    }
}

fn of_npm(name: &str) -> Meaning {
    match name {
        "-C" | "--prefix" => Meaning::Value(|flags, value| flags.folder = Some(value)),
        "-w" | "--workspace" => Meaning::Value(|flags, value| flags.named.push(value)),
        "-ws" | "--workspaces" => Meaning::Switch(|flags, on| flags.all = on),
        "-iwr" | "--include-workspace-root" => Meaning::Switch(|flags, on| flags.root = on),
        "-y" | "--yes" | "--install" => Meaning::Switch(|flags, on| flags.own_only = !on),
        "-n" | "--no" => Meaning::Switch(|flags, on| flags.own_only = on),
        "-p" | "--package" => Meaning::Value(|flags, value| flags.packages.push(value)),
        "-c" | "--call" => Meaning::Value(|flags, value| flags.call = Some(value)),
        "-q" | "--quiet" => Meaning::Switch(|flags, on| flags.quiet = on),
        "-d" | "-dd" | "-ddd" => Meaning::Switch(|flags, on| flags.verbose = on),
        "--loglevel" => Meaning::Value(|flags, value| {
            flags.quiet |= value == "silent";
            flags.verbose |= ["verbose", "silly"].contains(&value.as_str());
        }),
        "--audit" | "--fund" | "--update-notifier" | "--unicode" | "--foreground-scripts" | "--timing" => {
            Meaning::Nothing
        }
        "--ignore-scripts" => Meaning::Not("hooks of scripts always run"),
        "--script-shell" | "--shell" => Meaning::Not("scripts always run in /bin/sh"),
        "--node-options" => Meaning::Not("the variable NODE_OPTIONS says the same"),
        "-g" | "--global" => Meaning::Not("nothing is installed for all projects"),
        "--ignore-existing" => Meaning::Not("the project's own command comes first"),
        _ => Meaning::Unknown,
    }
}

fn of_pnpm(name: &str) -> Meaning {
    match name {
        "-C" | "--dir" => Meaning::Value(|flags, value| flags.folder = Some(value)),
        "-r" | "--recursive" => Meaning::Switch(|flags, on| flags.all = on),
        "-F" | "--filter" => Meaning::Value(|flags, value| flags.named.push(value)),
        "-w" | "--workspace-root" => Meaning::Switch(|flags, on| flags.only_root = on),
        "--include-workspace-root" => Meaning::Switch(|flags, on| flags.root = on),
        "--bail" => Meaning::Switch(|flags, on| flags.no_bail = !on),
        "-p" | "--package" => Meaning::Value(|flags, value| flags.packages.push(value)),
        "--loglevel" => Meaning::Value(|flags, value| flags.quiet |= value == "silent"),
        "--stream" | "--aggregate-output" | "--sort" | "--use-stderr" => Meaning::Nothing,
        "--workspace-concurrency" | "--reporter" => Meaning::NothingOfValue,
        // It says `--recursive` as well.
        "--parallel" => Meaning::Switch(|flags, on| {
            flags.parallel = on;
            flags.all |= on;
        }),
        "-c" | "--shell-mode" => Meaning::Not("a command is started without a shell"),
        _ => Meaning::Unknown,
    }
}

fn of_yarn(name: &str) -> Meaning {
    match name {
        "--cwd" => Meaning::Value(|flags, value| flags.folder = Some(value)),
        "-q" | "--quiet" => Meaning::Switch(|flags, on| flags.quiet = on),
        "-p" | "--package" => Meaning::Value(|flags, value| flags.packages.push(value)),
        "--non-interactive" | "--emoji" => Meaning::Nothing,
        "--ignore-engines" | "-T" | "--top-level" => {
            Meaning::Not("commands are found from the folder upward")
        }
        _ => Meaning::Unknown,
    }
}
