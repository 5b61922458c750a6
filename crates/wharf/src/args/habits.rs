//! What other package managers call their commands, and which one of Wharf's does that: tips for who types what the fingers know.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory, Error, FromArgMatches};

use super::shim::{self, Meant, Refused};
use super::{Arguments, Command, Parsed};

/// The command line of this process; it ends here where that makes no sense. What scripts say to npm is put into Wharf's words first.
///
/// # Errors
/// Where a script says what Wharf does not do.
pub(crate) fn parse() -> Result<Parsed, Refused> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let words = match shim::meant(&words)? {
        None => words,
        Some(Meant::Words(words)) => words,
        Some(Meant::Answer(line)) => return Ok(Parsed::Answer(line)),
    };
    let arguments = read(words).unwrap_or_else(|error| with_tip(error).exit());
    Ok(Parsed::Arguments(Box::new(arguments)))
}

pub(super) fn read(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Arguments, Error> {
    let mut clap = Arguments::command();
    let matches = clap.try_get_matches_from_mut(words)?;
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut clap))?;
    if let Command::Run(run) = &mut arguments.command
        && (run.locked || run.frozen)
        && let Some((_, own)) = matches.subcommand()
        && own.value_source("no_sync") == Some(ValueSource::EnvVariable)
    {
        // What is typed counts before what a variable says.
        run.no_sync = false;
    }
    Ok(arguments)
}

/// The tip for a word that is a command elsewhere.
pub(super) fn tip(word: &str) -> Option<&'static str> {
    Some(match word {
        "install" | "i" | "in" | "ins" => {
            "`wharf sync` installs what the manifest asks for, `wharf add npm:NAME` (or pypi:, cargo:, deb:) adds a package"
        }
        "ci" | "clean-install" => {
            "`wharf sync --locked` installs what the lockfile says, and fails where it is stale"
        }
        "update" | "upgrade" | "up" => {
            "`wharf sync --upgrade` takes the best versions of today, `wharf sync -P npm:NAME` that of one package"
        }
        "uninstall" | "un" | "rm" | "r" => "`wharf remove npm:NAME` takes a requirement out",
        "ls" | "ll" | "la" => "`wharf tree` shows packages as a tree, `wharf list` as a list",
        "explain" => "`wharf why npm:NAME` says why a package is there",
        "view" | "show" | "v" => "`wharf info npm:NAME` tells of a package",
        "exec" => {
            "`wharf run -- COMMAND` runs a command of the project, `wharf x npm:NAME` one of a package that is not installed"
        }
        "dlx" | "npx" | "create" => {
            "`wharf x npm:NAME` runs a command of a package without installing it (`wharf x npm:create-vite`)"
        }
        "test" | "t" | "start" | "stop" | "restart" | "dev" | "build" | "run-script" => {
            "`wharf run NAME` runs a script of package.json, `wharf run` lists them"
        }
        "rebuild" | "rb" => {
            "`wharf approve` says whose install scripts may run; they run anew where something of theirs changes"
        }
        "link" | "ln" => "`wharf add npm:NAME@link:FOLDER` links a folder",
        "freeze" => "`wharf export --format requirements-txt` writes what is locked",
        "venv" | "shell" | "activate" => {
            "`wharf run -- COMMAND` runs a command inside the environment, which `wharf sync` makes"
        }
        _ => return None,
    })
}

/// The error with a tip where a word is a command elsewhere, and without commands that nobody is to know of.
fn with_tip(mut error: Error) -> Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => return error,
    };
    // `Usage: wharf [OPTIONS] <COMMAND>`, whatever the program is called; below other commands their names come between.
    let is_top = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            usage.to_string().split_whitespace().nth(2) == Some("[OPTIONS]")
        }
        _ => false,
    };
    if !is_top {
        return error;
    }
    let near = match error.remove(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(near)) => vec![near],
        Some(ContextValue::Strings(near)) => near,
        _ => Vec::new(),
    };
    match tip(&word) {
        Some(tip) => {
            let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
            error.insert(ContextKind::Suggested, tips);
        }
        None => {
            let command = Arguments::command();
            let is_shown = |name: &String| {
                let found = command.find_subcommand(name);
                found.is_some_and(|found| !found.is_hide_set())
            };
            let near: Vec<String> = near.into_iter().filter(is_shown).collect();
            if !near.is_empty() {
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(near));
            }
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        let words = std::iter::once("renamed").chain(words.iter().copied());
        let error = read(words).expect_err("there is no such command");
        with_tip(error).to_string()
    }

    #[test]
    fn words_of_others_lead_to_commands_that_there_are() {
        for (word, expected) in [
            ("install", "`wharf sync`"),
            ("i", "`wharf add npm:NAME`"),
            ("ci", "`wharf sync --locked`"),
            ("update", "`wharf sync --upgrade`"),
            ("rm", "`wharf remove"),
            ("test", "`wharf run NAME`"),
            ("dlx", "`wharf x npm:NAME`"),
        ] {
            let said = said(&[word, "react"]);
            assert!(
                said.contains("tip: ") && said.contains(expected),
                "{word}: {said}"
            );
        }
        // What the tips name is there.
        let command = Arguments::command();
        let words = [
            "install", "ci", "update", "un", "ls", "explain", "view", "exec", "dlx", "test", "rb", "ln",
            "freeze", "venv",
        ];
        for word in words {
            let tip = tip(word).expect("it has one");
            for named in tip.split("`wharf ").skip(1) {
                let named = named.split([' ', '`']).next().expect("it goes on");
                assert!(command.find_subcommand(named).is_some(), "{word}: {named}");
            }
        }
    }

    #[test]
    fn hidden_commands_are_not_proposed() {
        let near = said(&["setle"]);
        assert!(!near.contains("settle"), "{near}");
        assert!(said(&["lok"]).contains("'lock'"));
        assert!(!said(&["tool", "ls"]).contains("wharf tree"));
    }
}
