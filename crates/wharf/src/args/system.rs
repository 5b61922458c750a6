//! `wharf system` and `wharf search` as people type them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `wharf system`.
#[derive(Debug, Args)]
pub(crate) struct System {
    /// Look at the machine whose root folder this is, instead of at this one.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) root: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: SystemCommand,
}

/// `wharf system …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SystemCommand {
    /// List what is installed.
    List(SystemList),
    /// Search the machine's repositories for packages.
    Search(SystemSearch),
    /// Show what is known of a package.
    Show(SystemShow),
    /// Say what a change would do. Nothing is changed: that is not done by this command.
    Plan(SystemPlan),
}

/// `wharf system list`.
#[derive(Debug, Args)]
pub(crate) struct SystemList {
    /// Names, in which `*` stands for anything [default: every package].
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Only what was asked for, not what came along with it.
    #[arg(long)]
    pub(crate) manual: bool,
}

/// `wharf system search`.
#[derive(Debug, Args)]
pub(crate) struct SystemSearch {
    /// Words that names or descriptions must have, all of them.
    #[arg(value_name = "WORD", required = true)]
    pub(crate) words: Vec<String>,
}

/// `wharf system show`.
#[derive(Debug, Args)]
pub(crate) struct SystemShow {
    /// The package, as `nginx` or `deb:nginx`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `wharf system plan`.
#[derive(Debug, Args)]
pub(crate) struct SystemPlan {
    /// Which change.
    #[command(subcommand)]
    pub(crate) task: PlanTask,
    /// Leave out recommended packages.
    #[arg(long, global = true)]
    pub(crate) no_recommends: bool,
    /// Take everything from this release where it has it: `bookworm-backports`.
    #[arg(long, short = 't', value_name = "RELEASE", global = true)]
    pub(crate) target_release: Option<String>,
}

/// `wharf system plan …`.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanTask {
    /// What the installation of packages would do.
    Install(Planned),
    /// What the removal of packages would do.
    Remove(Planned),
    /// What an upgrade of packages, or of all, would do.
    Upgrade(PlannedUpgrade),
}

/// `wharf system plan install`, `wharf system plan remove`.
#[derive(Debug, Args)]
pub(crate) struct Planned {
    /// The packages: `nginx`, `nginx=1.22.1-9`, `nginx/bookworm-backports`, `'libpq-dev (>= 15)'`, `zlib1g:i386`.
    #[arg(value_name = "PACKAGE", required = true)]
    pub(crate) packages: Vec<String>,
}

/// `wharf system plan upgrade`.
#[derive(Debug, Args)]
pub(crate) struct PlannedUpgrade {
    /// The packages [default: every installed one].
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
}

/// `wharf search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words that names or descriptions must have, all of them; `deb:WORD` says where to look as well.
    #[arg(value_name = "WORD", required = true)]
    pub(crate) words: Vec<String>,
    /// Where to look; only packages of Debian and Ubuntu (`deb`) can be searched [default: deb].
    #[arg(long, value_name = "NAME")]
    pub(crate) ecosystem: Option<wharf_core::Ecosystem>,
    /// Show no more packages than this.
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) limit: usize,
}
