//! What scripts say to `npm`, `npx`, `pnpm`, `pnpx` and `yarn` where Wharf stands in for them, put into Wharf's own words.
//!
//! The programs of these names (the shims of `wharf-install`) start `wharf shim STORE CACHE NAME WORDS…`. Out come words that anybody
//! could type, which are parsed as such: `npm run -s build -- --watch` is `wharf --quiet run --no-sync --script -- build -- --watch`.
//!
//! | module | job |
//! |---|---|
//! | `words` | options and the words between them, as each of the programs reads them |
//! | `programs` | what each of the programs does with its words |
//!
//! Invariant: what is not understood is refused, and never passed over. Sources: the documentation of npm ("npm-run", "npm-exec",
//! "config"), pnpm ("run", "exec", "dlx", "filtering") and yarn, classic and modern ("run", "workspace", "workspaces").

mod programs;
mod words;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use wharf_core::{Explain, Fault};
use wharf_ops::run::SHIM;

use super::habits;

/// What was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// A command line of Wharf's, this program's name included.
    Words(Vec<OsString>),
    /// An answer that is known already.
    Answer(String),
}

/// The programs that Wharf stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Npm,
    Npx,
    Pnpm,
    Pnpx,
    Yarn,
}

impl Program {
    const ALL: [Program; 5] = [Self::Npm, Self::Npx, Self::Pnpm, Self::Pnpx, Self::Yarn];

    fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Npx => "npx",
            Self::Pnpm => "pnpm",
            Self::Pnpx => "pnpx",
            Self::Yarn => "yarn",
        }
    }

    /// The package that has it.
    fn package(self) -> &'static str {
        match self {
            Self::Npm | Self::Npx => "npm",
            Self::Pnpm | Self::Pnpx => "pnpm",
            Self::Yarn => "yarn",
        }
    }

    /// What it says its version is: the one whose words are understood, and that it is Wharf. The latter is no part of the version to whoever
    /// compares it (semver.org, "build metadata").
    fn version(self) -> String {
        let words = match self {
            Self::Npm | Self::Npx => "11.0.0",
            Self::Pnpm | Self::Pnpx => "10.0.0",
            Self::Yarn => "1.22.22",
        };
        format!("{words}+wharf.{}", env!("CARGO_PKG_VERSION"))
    }
}

/// Something that Wharf does not do in the place of another program.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Wharf stands in for {} here, and does not do `{said}`: {why}", program.name())]
pub(crate) struct Refused {
    program: Program,
    said: String,
    why: String,
    hint: Option<String>,
}

impl Refused {
    fn new(program: Program, said: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            program,
            said: said.into(),
            why: why.into(),
            hint: None,
        }
    }

    /// A command that is none of those that are understood.
    fn command(program: Program, word: &str) -> Self {
        let said = format!("{} {word}", program.name());
        let installs = [
            "install",
            "i",
            "ci",
            "clean-install",
            "add",
            "a",
            "remove",
            "rm",
            "uninstall",
            "un",
            "up",
            "update",
            "upgrade",
        ];
        let why = match installs.contains(&word) {
            true => "what is installed is the project's, and no script changes it".to_owned(),
            false => format!("`{word}` is none of the commands that it knows"),
        };
        let word = match word {
            "add" | "a" => "install",
            "remove" => "rm",
            other => other,
        };
        Self {
            hint: habits::tip(word).map(str::to_owned),
            ..Self::new(program, said, why)
        }
    }

    fn hinting(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl Explain for Refused {
    fn code(&self) -> &'static str {
        "shim/refused"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        let (name, package) = (self.program.name(), self.program.package());
        let real = format!(
            "where {name} itself is needed: `wharf add --dev npm:{package}` brings it, and one that is anywhere on PATH comes before this"
        );
        self.hint.clone().into_iter().chain([real]).collect()
    }
}

/// What a command line means that a shim has made; `None` for one that somebody typed.
///
/// # Errors
/// Where it says something that Wharf does not do.
pub(super) fn meant(line: &[OsString]) -> Result<Option<Meant>, Refused> {
    let [own, word, store, cache, name, words @ ..] = line else {
        return Ok(None);
    };
    let program = Program::ALL.into_iter().find(|program| name == program.name());
    let (true, Some(program)) = (word == SHIM, program) else {
        return Ok(None);
    };
    Ok(Some(match programs::meant(program, words)? {
        Meant::Answer(line) => Meant::Answer(line),
        Meant::Words(words) => {
            let first = [
                own.clone(),
                "--store".into(),
                store.clone(),
                "--cache".into(),
                cache.clone(),
                // Whoever asks is a program, whatever a variable says of how people read.
                "--format".into(),
                "text".into(),
            ];
            Meant::Words(first.into_iter().chain(words).collect())
        }
    }))
}
