//! What can be wrong with tools.

use std::path::PathBuf;

use wharf_core::{Ecosystem, Explain, Fault, PackageName};

use crate::names;

/// Why a tool cannot be installed, found or run.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Nothing says which folder is the user's.
    #[error("HOME does not say where your tools are")]
    NoHome,
    /// Extra packages for several tools at once.
    #[error("`--with` belongs to one tool, and several are named")]
    WithForSeveral,
    /// Features of something that is no crate.
    #[error("{} has no features: only crates have", names::short(package))]
    NoFeatures {
        /// The package.
        package: PackageName,
    },
    /// One tool in several words.
    #[error("{} is named twice", names::short(package))]
    Twice {
        /// The package.
        package: PackageName,
    },
    /// A tool whose environment somebody deleted.
    #[error("the environment of {} is gone", names::short(package))]
    Gone {
        /// The package.
        package: PackageName,
    },
    /// A place that would be looked for in the wrong folder.
    #[error("`{text}` names a place that is relative to the current folder")]
    Relative {
        /// As it was typed.
        text: String,
    },
    /// No such tool.
    #[error("no tool `{word}` is installed")]
    NotInstalled {
        /// As it was typed.
        word: String,
        /// An installed tool that looks like it.
        near: Option<PackageName>,
    },
    /// A bare name to run, and no such tool.
    #[error("no tool `{word}` is installed, and `{word}` does not say which ecosystem it is from")]
    NoSuchTool {
        /// As it was typed.
        word: String,
    },
    /// A bare name that several tools have.
    #[error("`{word}` is the name of several tools: {}", packages.join(", "))]
    Ambiguous {
        /// As it was typed.
        word: String,
        /// The tools.
        packages: Vec<String>,
    },
    /// The package is no tool.
    #[error("{} brings no commands", names::short(package))]
    NoCommands {
        /// The package.
        package: PackageName,
        /// What the packages that it needs bring.
        others: Vec<String>,
    },
    /// Commands of these names are there already.
    #[error("{} cannot be installed: {}", names::short(package), taken.join(", "))]
    Taken {
        /// The package.
        package: PackageName,
        /// Each command, and whose it is.
        taken: Vec<String>,
        /// The folder of commands.
        bin: PathBuf,
    },
    /// Several commands, none of which has the package's name.
    #[error("{} brings several commands: {}", names::short(package), commands.join(", "))]
    ManyCommands {
        /// The package.
        package: PackageName,
        /// The request.
        spec: String,
        /// Its commands.
        commands: Vec<String>,
    },
    /// The command that was asked for is not in the environment.
    #[error("{} brings no command `{command}`", names::short(package))]
    NoSuchCommand {
        /// The package.
        package: PackageName,
        /// The command.
        command: String,
        /// What it brings.
        commands: Vec<String>,
    },
}

impl Explain for ToolError {
    fn code(&self) -> &'static str {
        match self {
            ToolError::NoHome => "tool/no-home",
            ToolError::WithForSeveral => "tool/with",
            ToolError::NoFeatures { .. } => "tool/features",
            ToolError::Twice { .. } => "tool/twice",
            ToolError::Gone { .. } => "tool/gone",
            ToolError::Relative { .. } => "tool/relative",
            ToolError::NotInstalled { .. } | ToolError::NoSuchTool { .. } => "tool/not-installed",
            ToolError::Ambiguous { .. } => "tool/ambiguous",
            ToolError::NoCommands { .. } => "tool/no-commands",
            ToolError::Taken { .. } => "tool/taken",
            ToolError::ManyCommands { .. } => "tool/many-commands",
            ToolError::NoSuchCommand { .. } => "tool/no-such-command",
        }
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ToolError::NoHome => vec!["set HOME, or WHARF_TOOL_DIR and WHARF_TOOL_BIN_DIR".to_owned()],
            ToolError::WithForSeveral => vec!["install the tools with one command each".to_owned()],
            ToolError::NoFeatures { package } if package.ecosystem() == Ecosystem::Pypi => {
                vec![format!("write extras behind the name: `pypi:{package}[extra]`")]
            }
            ToolError::NoFeatures { .. } => {
                vec!["leave `--features` and `--no-default-features` away".to_owned()]
            }
            ToolError::Twice { .. } => vec!["say once what is wanted of it".to_owned()],
            ToolError::Gone { package } => {
                vec![format!(
                    "`wharf tool upgrade {}` makes it anew",
                    names::short(package)
                )]
            }
            ToolError::Relative { .. } => vec!["write the whole path, for example with `$PWD/`".to_owned()],
            ToolError::NotInstalled { near: Some(near), .. } => {
                vec![format!("did you mean {}?", names::short(near))]
            }
            ToolError::NotInstalled { word, near: None } => {
                let install = match word.contains(':') {
                    true => format!("`wharf tool install {word}` installs it"),
                    false => format!(
                        "`wharf tool install pypi:{word}` installs it, as `npm:{word}`, `cargo:{word}` and `deb:{word}` do those of their ecosystems"
                    ),
                };
                vec!["`wharf tool list` shows what is installed".to_owned(), install]
            }
            ToolError::NoSuchTool { word } => {
                vec![format!(
                    "`wharf x pypi:{word}`, `wharf x npm:{word}`, `wharf x cargo:{word}` or `wharf x deb:{word}` runs it without installing"
                )]
            }
            ToolError::Ambiguous { packages, .. } => {
                vec![format!("say which: {}", packages.join(" or "))]
            }
            ToolError::NoCommands { others, .. } if others.is_empty() => {
                vec!["it may be a library: `wharf add` puts it into a project".to_owned()]
            }
            ToolError::NoCommands { others, .. } => {
                vec![format!("what it needs brings: {}", shown(others))]
            }
            ToolError::Taken { bin, .. } => vec![format!(
                "`--force` replaces what is in {}; WHARF_TOOL_BIN_DIR names another folder",
                bin.display()
            )],
            ToolError::ManyCommands { spec, commands, .. } => {
                vec![format!("say which: `wharf x --from {spec} {}`", commands[0])]
            }
            ToolError::NoSuchCommand { commands, .. } if commands.is_empty() => Vec::new(),
            ToolError::NoSuchCommand { commands, .. } => vec![format!("it brings: {}", shown(commands))],
        }
    }
}

/// A list that stays readable.
fn shown(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut text = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}
