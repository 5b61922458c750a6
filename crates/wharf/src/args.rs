//! The command line: flags and commands as people type them, nothing of what they do.
//! Invariant: parsing happens before any runtime, store or connection exists.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod habits;
mod run;
mod shim;
mod switch;
mod system;

pub(crate) use habits::parse;
pub(crate) use run::{Run, Setting, SettingName};
pub(crate) use system::{PlanTask, Search, System, SystemCommand, SystemPlan};

/// Packages of a project: one manifest, one lockfile, one store, one environment.
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    version,
    propagate_version = true,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Work as if started in this folder.
    #[arg(
        long,
        short = 'C',
        global = true,
        value_name = "DIR",
        env = "WHARF_PROJECT",
        help_heading = "Global options"
    )]
    pub(crate) project: Option<PathBuf>,
    /// How to print results.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "WHARF_FORMAT",
        help_heading = "Global options"
    )]
    pub(crate) format: Format,
    /// Say what is used and why; twice for a trace of every step.
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Print only what was asked for, and errors.
    #[arg(
        long,
        short,
        // What npm calls it: programs that start scripts by name say so.
        alias = "silent",
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub(crate) quiet: bool,
    /// When to colour the output.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
    /// Never show progress bars.
    #[arg(
        long,
        global = true,
        env = "WHARF_NO_PROGRESS",
        value_parser = switch::Switch,
        help_heading = "Global options"
    )]
    pub(crate) no_progress: bool,
    /// Use only what is already on this machine; never the network.
    #[arg(long, global = true, env = "WHARF_OFFLINE",
        value_parser = switch::Switch, help_heading = "Global options")]
    pub(crate) offline: bool,
    /// The Python to use: a version (3.12), a requirement (>=3.11), a name or a path.
    #[arg(
        long,
        short,
        global = true,
        value_name = "PYTHON",
        env = "WHARF_PYTHON",
        help_heading = "Global options"
    )]
    pub(crate) python: Option<String>,
    /// Where the store lies [default: $XDG_DATA_HOME/wharf or ~/.local/share/wharf].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WHARF_STORE",
        help_heading = "Global options"
    )]
    pub(crate) store: Option<PathBuf>,
    /// Where answers of registries are kept [default: $XDG_CACHE_HOME/wharf or ~/.cache/wharf].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WHARF_CACHE",
        help_heading = "Global options"
    )]
    pub(crate) cache: Option<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document on standard output.
    Json,
    /// `wharf export` only: a requirements file with pinned versions and hashes.
    RequirementsTxt,
    /// `wharf export` only: PEP 751's pylock.toml.
    Pylock,
    /// `wharf export` only: npm's package-lock.json (lockfileVersion 3).
    PackageLock,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write wharf.toml, or adopt the project's native files as they stand.
    Init(Init),
    /// Add requirements to the manifest, then lock and sync.
    Add(Add),
    /// Remove requirements from the manifest, then lock and sync.
    Remove(Remove),
    /// Find exact versions and write wharf.lock.
    Lock(Lock),
    /// Make the environment equal to the lockfile.
    Sync(Sync),
    /// Run a script of package.json or a command inside the environment, synced first if stale.
    Run(Run),
    /// Show the locked packages as a tree.
    Tree(Tree),
    /// Show why a package is locked.
    Why(Why),
    /// List the locked packages.
    List(List),
    /// List locked packages that have newer versions.
    Outdated(Outdated),
    /// Show what the index knows about a package.
    Info(Info),
    /// Search for packages by words.
    Search(Search),
    /// Write the lock in another tool's format: `--format requirements-txt`, `pylock` or `package-lock`.
    Export(Export),
    /// Allow install scripts of npm packages and maintainer scripts of Debian's, or list those that were skipped.
    Approve(Approve),
    /// Install commands of any ecosystem for yourself, each in an environment of its own.
    Tool(Tool),
    /// Run a command of a package without installing it.
    X(Once),
    /// List Pythons, Nodes, Rust and C compilers, and add those that can be had.
    Toolchain(Toolchain),
    /// Look at the packages of the machine itself, and plan changes of them. Nothing is changed.
    System(System),
    /// Say where the store lies and how much it holds, or check it.
    Store(Store),
    /// List the Python interpreters that were found, which one is used and why.
    Python(Python),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Flush what a command committed once it has ended, and delete what that replaced. Started by `wharf` itself.
    #[command(hide = true)]
    Settle(Settle),
    /// Print what a script asked npm about itself. Started by `wharf` itself.
    #[command(hide = true)]
    Setting(Setting),
    /// Write manual pages into a folder.
    #[command(hide = true)]
    Man(Man),
}

/// What the command line is.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Something to do.
    Arguments(Box<Arguments>),
    /// A question whose answer is known: the line to print.
    Answer(String),
}

/// `wharf init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The project's name (default: the folder's).
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Write wharf.toml even where pyproject.toml or requirements files would do.
    #[arg(long)]
    pub(crate) wharf_toml: bool,
}

/// How a solve is steered.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Solving {
    /// Leave out files that were uploaded after this date (2026-01-31, or with a time) or less than this span ago (7d).
    #[arg(
        long,
        value_name = "DATE|SPAN",
        env = "WHARF_EXCLUDE_NEWER",
        help_heading = "Solving"
    )]
    pub(crate) exclude_newer: Option<String>,
    /// Which versions to prefer [default: highest].
    #[arg(long, value_enum, help_heading = "Solving")]
    pub(crate) resolution: Option<Resolution>,
    /// Whether prereleases may be chosen [default: if-necessary].
    #[arg(long, value_enum, help_heading = "Solving")]
    pub(crate) prerelease: Option<Prerelease>,
    /// Give up after so many seconds and say what was being tried.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = "Solving")]
    pub(crate) time_limit: u64,
    /// Never use wheels of this package (`:all:` for every package).
    #[arg(long, value_name = "NAME", help_heading = "Solving")]
    pub(crate) no_binary: Vec<String>,
    /// Never build this package from source (`:all:` for every package).
    #[arg(long, value_name = "NAME", help_heading = "Solving")]
    pub(crate) only_binary: Vec<String>,
}

/// Which versions are preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Resolution {
    /// The newest that fits.
    #[default]
    Highest,
    /// The oldest that fits.
    Lowest,
    /// The oldest that fits for what the manifest names, the newest for the rest.
    LowestDirect,
}

/// Whether prereleases may be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prerelease {
    /// Where a requirement names one, or nothing else satisfies.
    #[default]
    IfNecessary,
    /// Like any version.
    Allow,
    /// Never.
    Disallow,
}

/// Which locked packages are moved.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Upgrading {
    /// Move every package to the newest version that fits.
    #[arg(long, short = 'U', help_heading = "Solving")]
    pub(crate) upgrade: bool,
    /// Move this package, and others only where they must.
    #[arg(long, short = 'P', value_name = "NAME", help_heading = "Solving")]
    pub(crate) upgrade_package: Vec<String>,
}

/// Which files a project without a manifest is read from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Files {
    /// Read this requirements file instead of looking for a manifest; may be given several times.
    #[arg(long = "requirements", short = 'r', value_name = "FILE")]
    pub(crate) requirements: Vec<PathBuf>,
}

/// Which part of the lock is installed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selecting {
    /// Leave out the development requirements.
    #[arg(long, help_heading = "Selecting")]
    pub(crate) no_dev: bool,
    /// Also install this group; may be given several times.
    #[arg(long, value_name = "NAME", help_heading = "Selecting")]
    pub(crate) group: Vec<String>,
    /// Also install this extra of the project; may be given several times.
    #[arg(long, value_name = "NAME", help_heading = "Selecting")]
    pub(crate) extra: Vec<String>,
    /// Also install every extra of the project.
    #[arg(long, help_heading = "Selecting")]
    pub(crate) all_extras: bool,
    /// Also install every group.
    #[arg(long, help_heading = "Selecting")]
    pub(crate) all_groups: bool,
    /// Leave out the project itself.
    #[arg(long, help_heading = "Selecting")]
    pub(crate) no_project: bool,
    /// Leave out npm's optional dependencies.
    #[arg(long, help_heading = "Selecting")]
    pub(crate) no_optional: bool,
}

/// How the environment is made.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Installing {
    /// Compile bytecode now instead of at the first import.
    #[arg(
        long,
        env = "WHARF_COMPILE",
        value_parser = switch::Switch,
        help_heading = "Installing"
    )]
    pub(crate) compile: bool,
    /// How files come from the store into the environment.
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        env = "WHARF_LINK_MODE",
        help_heading = "Installing"
    )]
    pub(crate) link_mode: LinkMode,
    /// Replace and delete a .venv or node_modules that Wharf did not make.
    #[arg(long, help_heading = "Installing")]
    pub(crate) replace: bool,
    /// Whether commands of crates may come prebuilt [default: as `[policy] prebuilt` says, else verified].
    #[arg(long, value_enum, env = "WHARF_PREBUILT", help_heading = "Installing")]
    pub(crate) prebuilt: Option<Prebuilt>,
}

/// Whether commands of crates may come prebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Prebuilt {
    /// Where they are verified: signed with the key that the crate declares, or from the same project in another registry.
    Verified,
    /// Never: they are built on this machine.
    Never,
}

/// How files come from the store into the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkMode {
    /// Reflink where the file system can, else hard link, else copy.
    #[default]
    Auto,
    /// Copy-on-write clones.
    Reflink,
    /// Hard links to the read-only store.
    Hardlink,
    /// Plain copies, for those who edit installed files.
    Copy,
}

/// `wharf add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to add: `pypi:fastapi`, `pypi:uvicorn[standard]>=0.30`, `pypi:name @ URL`, `npm:react`, `npm:vite@^7`,
    /// `npm:@types/node@22`, `cargo:serde`, `cargo:ripgrep@14`, `deb:nginx`, `deb:libpq-dev (>= 15)`, or with --editable a path.
    #[arg(value_name = "REQUIREMENT", required_unless_present_any = ["dev", "editable"])]
    pub(crate) requirements: Vec<String>,
    /// Add these as development requirements.
    #[arg(long, value_name = "REQUIREMENT", num_args = 1..)]
    pub(crate) dev: Vec<String>,
    /// Add the requirements to this group.
    #[arg(long, value_name = "NAME", conflicts_with = "extra")]
    pub(crate) group: Option<String>,
    /// Add the requirements to this extra of the project.
    #[arg(long, value_name = "NAME")]
    pub(crate) extra: Option<String>,
    /// Add npm packages or crates to the optional dependencies.
    #[arg(long, conflicts_with_all = ["group", "extra", "peer"])]
    pub(crate) optional: bool,
    /// Add npm packages to the peer dependencies.
    #[arg(long, conflicts_with_all = ["group", "extra"])]
    pub(crate) peer: bool,
    /// Add crates to the build dependencies.
    #[arg(long, conflicts_with_all = ["group", "extra", "peer", "optional"])]
    pub(crate) build: bool,
    /// Switch on these features of crates.
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Add a local source tree whose imports read the tree itself.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) editable: Vec<String>,
    /// Write the requirement as it stands; otherwise one without a version gets the locked one as its lower bound.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Pin npm packages without a version to exactly the locked one, instead of `^` and it.
    #[arg(long, conflicts_with = "raw")]
    pub(crate) exact: bool,
    /// Lock, but leave the environment alone.
    #[arg(long)]
    pub(crate) no_sync: bool,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

/// `wharf remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The packages, as `pypi:name` or just `name`.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Only from the development requirements.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Only from this group.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Lock, but leave the environment alone.
    #[arg(long)]
    pub(crate) no_sync: bool,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

/// `wharf lock`.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Change nothing; fail if the lockfile does not match the manifest.
    #[arg(long, conflicts_with_all = ["upgrade", "upgrade_package", "dry_run"])]
    pub(crate) check: bool,
    /// Show what would change and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Lock for this target instead of the manifest's (linux-x86_64, macos-arm64-py3.12, …); may be given several times.
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    #[command(flatten)]
    pub(crate) upgrading: Upgrading,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// `wharf sync`.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Fail if the lockfile does not match the manifest, instead of locking again.
    #[arg(long, conflicts_with = "frozen")]
    pub(crate) locked: bool,
    /// Use the lockfile as it is, whatever the manifest says.
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Show what would change and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) upgrading: Upgrading,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) installing: Installing,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// `wharf tree`.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// Show only this many levels below the top.
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Start from this package.
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Show what depends on the package instead of what it depends on.
    #[arg(long, requires = "package")]
    pub(crate) invert: bool,
    /// Only packages of this ecosystem (`pypi`, `npm`, `cargo`, `deb`).
    #[arg(long, value_name = "NAME")]
    pub(crate) ecosystem: Option<wharf_core::Ecosystem>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}

/// `wharf why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The package, as `pypi:name` or just `name`.
    pub(crate) name: String,
}

/// `wharf list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also say which Python is used and why.
    #[arg(long)]
    pub(crate) why_python: bool,
    /// Only packages of this ecosystem (`pypi`, `npm`, `cargo`, `deb`).
    #[arg(long, value_name = "NAME")]
    pub(crate) ecosystem: Option<wharf_core::Ecosystem>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}

/// `wharf outdated`.
#[derive(Debug, Args)]
pub(crate) struct Outdated {
    /// Exit with code 1 if anything is outdated.
    #[arg(long)]
    pub(crate) check: bool,
}

/// `wharf info`.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The package, as `pypi:name`, `pypi:name==1.2`, `npm:name`, `npm:name@1.2.3`, `cargo:name`, `deb:name`, `deb:name=1.2-3`, or just
    /// `name`.
    pub(crate) name: String,
    /// List every version.
    #[arg(long)]
    pub(crate) versions: bool,
}

/// `wharf export --format requirements-txt|pylock|package-lock`; without `--format`, a requirements file, or package-lock.json
/// where the lock has nothing but npm packages.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Leave out the hashes.
    #[arg(long)]
    pub(crate) no_hashes: bool,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}

/// `wharf approve`.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The packages, as `npm:sharp` or `deb:locales`; what is approved is the locked version with its hash. Without any, list what waits for it.
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// Approve, but leave the environment alone.
    #[arg(long)]
    pub(crate) no_sync: bool,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

/// `wharf tool`.
#[derive(Debug, Args)]
pub(crate) struct Tool {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ToolCommand,
}

/// `wharf tool …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolCommand {
    /// Install tools, each wholly or not at all.
    Install(ToolInstall),
    /// List the installed tools and their commands.
    List,
    /// Move tools to the newest versions that what was asked of them allows.
    Upgrade(ToolUpgrade),
    /// List tools that have newer versions.
    Outdated(ToolOutdated),
    /// Allow scripts of packages that a tool needs, or list those that were skipped.
    Approve(ToolApprove),
    /// Remove tools with their commands and environments.
    Remove(ToolRemove),
    /// Print where tools lie, or one of them.
    Dir(ToolDir),
    /// Run a command of a package without installing it: the same as `wharf x`.
    Run(Once),
    /// Become a command of a tool that runs in a system root. Started by the tool's own commands.
    #[command(hide = true)]
    Exec(ToolExec),
}

/// `wharf tool install`.
#[derive(Debug, Args)]
pub(crate) struct ToolInstall {
    /// The tools: `pypi:ruff`, `pypi:ruff==0.5.0`, `npm:prettier@3`, `cargo:ripgrep`, `deb:jq`.
    #[arg(value_name = "TOOL", required = true)]
    pub(crate) tools: Vec<String>,
    /// Also put this package into the tool's environment (a plugin, say); may be given several times.
    #[arg(long, value_name = "PACKAGE")]
    pub(crate) with: Vec<String>,
    #[command(flatten)]
    pub(crate) features: CrateFeatures,
    /// Replace commands of the same names that are another tool's or not Wharf's.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

/// What crates among tools are built with.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CrateFeatures {
    /// Switch on these features of the crate; several with commas between them.
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Leave out the features that the crate switches on by itself.
    #[arg(long)]
    pub(crate) no_default_features: bool,
}

/// `wharf tool upgrade`.
#[derive(Debug, Args)]
pub(crate) struct ToolUpgrade {
    /// The tools, as `pypi:ruff` or just `ruff`.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Every tool.
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

/// `wharf tool outdated`.
#[derive(Debug, Args)]
pub(crate) struct ToolOutdated {
    /// The tools, as `pypi:ruff` or just `ruff` [default: every tool].
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Exit with code 1 if anything is outdated.
    #[arg(long)]
    pub(crate) check: bool,
}

/// `wharf tool approve`.
#[derive(Debug, Args)]
pub(crate) struct ToolApprove {
    /// The tool, as `npm:name` or just `name`.
    #[arg(value_name = "TOOL")]
    pub(crate) tool: String,
    #[command(flatten)]
    pub(crate) approve: Approve,
}

/// `wharf tool remove`.
#[derive(Debug, Args)]
pub(crate) struct ToolRemove {
    /// The tools, as `pypi:ruff` or just `ruff`.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// `wharf tool dir`.
#[derive(Debug, Args)]
pub(crate) struct ToolDir {
    /// The tool whose folder is wanted; it is a project, so that `wharf -C` works in it.
    pub(crate) name: Option<String>,
    /// Print where the commands of tools are.
    #[arg(long, conflicts_with = "name")]
    pub(crate) bin: bool,
}

/// `wharf tool exec`.
#[derive(Debug, Args)]
pub(crate) struct ToolExec {
    /// The folder of the tool.
    pub(crate) folder: PathBuf,
    /// The command's path, and what it is given.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// `wharf x`, `wharf tool run`. What was resolved counts for a day.
#[derive(Debug, Args)]
pub(crate) struct Once {
    /// Take the command from this package (`pypi:httpie`); the first word is then the command's name (`http`).
    #[arg(long, value_name = "PACKAGE")]
    pub(crate) from: Option<String>,
    /// Also put this package into the environment; may be given several times.
    #[arg(long, value_name = "PACKAGE")]
    pub(crate) with: Vec<String>,
    #[command(flatten)]
    pub(crate) features: CrateFeatures,
    /// Look for newer versions now instead of once a day.
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Run the project's own command where it has the npm package, in the version that is asked for, as npx does.
    #[arg(long)]
    pub(crate) prefer_project: bool,
    #[command(flatten)]
    pub(crate) solving: Solving,
    #[command(flatten)]
    pub(crate) installing: Installing,
    /// The package (`npm:cowsay`, `pypi:ruff==0.5.0`, `deb:jq`) or the bare name of an installed tool, then what its command is given, best
    /// after `--`.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PACKAGE"
    )]
    pub(crate) words: Vec<std::ffi::OsString>,
}

/// `wharf toolchain`.
#[derive(Debug, Args)]
pub(crate) struct Toolchain {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ToolchainCommand,
}

/// `wharf toolchain …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolchainCommand {
    /// List what is on this machine, and what can be had.
    List(ToolchainList),
    /// Take a toolchain into the store, where a registry carries it.
    Add(Toolchains),
    /// Let go of toolchains that were added.
    Remove(Toolchains),
}

/// `wharf toolchain list`.
#[derive(Debug, Args)]
pub(crate) struct ToolchainList {
    /// Also ask the registries which versions they carry.
    #[arg(long)]
    pub(crate) available: bool,
}

/// `wharf toolchain add`, `wharf toolchain remove`.
#[derive(Debug, Args)]
pub(crate) struct Toolchains {
    /// The toolchains: `node@22`, `python@3.12`, `rust`, `gcc`, `gcc@13`, `clang`.
    #[arg(value_name = "TOOLCHAIN", required = true)]
    pub(crate) toolchains: Vec<String>,
}

/// `wharf store`.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

/// `wharf store …`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Print where the store lies.
    Path,
    /// Say how much the store holds.
    Size,
    /// Check every file of the store against its digest.
    Verify(Verify),
}

/// `wharf store verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Compare sizes only, without reading the files.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Move what is damaged aside, so that the next sync fetches it again.
    #[arg(long)]
    pub(crate) repair: bool,
}

/// `wharf python`.
#[derive(Debug, Args)]
pub(crate) struct Python {}

/// `wharf completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that the script is for.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `wharf settle`.
#[derive(Debug, Args)]
pub(crate) struct Settle {
    /// The store.
    pub(crate) store: PathBuf,
    /// The projects that something was committed in.
    pub(crate) projects: Vec<PathBuf>,
}

/// `wharf man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder; it is made if it is not there.
    pub(crate) folder: PathBuf,
}
