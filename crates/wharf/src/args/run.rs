//! `wharf run`, and what scripts ask npm about itself.

use clap::{ArgGroup, Args, ValueEnum};

use super::{Files, Selecting, switch};

/// In which members of the workspace something runs. Those without the script are passed over.
#[derive(Clone, Debug, Default, Args)]
#[command(group = ArgGroup::new("where").multiple(true).args(["workspace", "workspaces", "include_workspace_root"]))]
pub(crate) struct Members {
    /// Run it in this member of the workspace: a name, a pattern of names (`@scope/*`), or a folder; may be given several times.
    #[arg(
        long,
        short,
        value_name = "NAME",
        requires = "command",
        help_heading = "Workspaces"
    )]
    pub(crate) workspace: Vec<String>,
    /// Run it in every member that has the script, those first that others need.
    #[arg(long, requires = "command", help_heading = "Workspaces")]
    pub(crate) workspaces: bool,
    /// Run it in the project itself as well.
    #[arg(long, requires = "command", help_heading = "Workspaces")]
    pub(crate) include_workspace_root: bool,
    /// Go on with the other members where it fails in one.
    #[arg(long, help_heading = "Workspaces")]
    pub(crate) no_bail: bool,
    /// Run it in all of them at once; each line that one prints stands behind its name, and where it fails in one, the others are ended.
    #[arg(long, requires = "where", help_heading = "Workspaces")]
    pub(crate) parallel: bool,
}

/// `wharf run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Do not sync first.
    #[arg(long, env = "WHARF_NO_SYNC", value_parser = switch::Switch)]
    pub(crate) no_sync: bool,
    /// Fail if the lockfile does not match the manifest, instead of locking again.
    #[arg(long, conflicts_with = "frozen")]
    pub(crate) locked: bool,
    /// Use the lockfile as it is, whatever the manifest says.
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Take COMMAND for a script of package.json and nothing else.
    #[arg(long, conflicts_with = "no_script")]
    pub(crate) script: bool,
    /// The same, and do nothing where there is no such script.
    #[arg(long, conflicts_with = "no_script")]
    pub(crate) if_present: bool,
    /// Take COMMAND for a command, also where a script of package.json is called like it.
    #[arg(long)]
    pub(crate) no_script: bool,
    /// Hand a `--` in front of a script's arguments on to the script, as pnpm does; else it is taken away, as npm does it.
    #[arg(long)]
    pub(crate) verbatim: bool,
    #[command(flatten)]
    pub(crate) members: Members,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) files: Files,
    /// The name of a script in package.json, or a command (best after `--`), and its arguments; without any, the scripts are listed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// `wharf setting`.
#[derive(Debug, Args)]
pub(crate) struct Setting {
    /// Which.
    #[arg(value_enum)]
    pub(crate) name: SettingName,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SettingName {
    /// The registry.
    Registry,
    /// The project's folder.
    Prefix,
    /// Its `node_modules`.
    Root,
    /// Its commands.
    Bin,
}
