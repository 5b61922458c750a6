//! The tools, and how each is told to do the same work.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use super::super::rounds::Case;
use super::peers::NpmPeers;
use crate::shell::{self, Failure};

/// A way to do the work: each peer as it is out of the box, and with the links into a store of all projects if it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// bun as it is: a hoisted tree of hard links.
    Bun,
    /// bun with its isolated linker.
    BunIsolated,
    /// bun with its isolated linker over its global store.
    BunGlobal,
    /// pnpm as it is: an isolated tree of hard links in the project.
    Pnpm,
    /// pnpm with its global virtual store.
    PnpmGlobal,
    /// npm as it is: a hoisted tree of copies.
    Npm,
    /// aube as it is: an isolated tree over its global virtual store.
    Aube,
    /// Wharf as it is: for most projects like the next, for those of some tools like the one after.
    Wharf,
    /// Wharf with an isolated tree over its store.
    WharfGlobal,
    /// Wharf with an isolated tree of links in the project.
    WharfProject,
}

/// A step of a project's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Makes the lockfile and installs nothing.
    Lock,
    /// Installs what the lockfile says.
    Install,
    /// Installs what the lockfile says, where that was done before.
    Again,
}

impl Step {
    /// The one that a kind of work measures.
    pub(in crate::bench) fn of(case: Case) -> Self {
        match case {
            Case::ResolveCold | Case::ResolveWarm => Self::Lock,
            Case::InstallCold | Case::InstallWarm | Case::Second => Self::Install,
            Case::Nothing => Self::Again,
        }
    }
}

impl Tool {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Bun,
        Self::BunIsolated,
        Self::BunGlobal,
        Self::Pnpm,
        Self::PnpmGlobal,
        Self::Npm,
        Self::Aube,
        Self::Wharf,
        Self::WharfGlobal,
        Self::WharfProject,
    ];

    /// Its name in reports and folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bun => "bun",
            Self::BunIsolated => "bun-isolated",
            Self::BunGlobal => "bun-global",
            Self::Pnpm => "pnpm",
            Self::PnpmGlobal => "pnpm-global",
            Self::Npm => "npm",
            Self::Aube => "aube",
            Self::Wharf => "wharf",
            Self::WharfGlobal => "wharf-global",
            Self::WharfProject => "wharf-project",
        }
    }

    /// Its lockfile.
    pub(crate) fn lockfile(self) -> &'static str {
        match self {
            Self::Bun | Self::BunIsolated | Self::BunGlobal => "bun.lock",
            Self::Pnpm | Self::PnpmGlobal => "pnpm-lock.yaml",
            Self::Npm => "package-lock.json",
            Self::Aube => "aube-lock.yaml",
            Self::Wharf | Self::WharfGlobal | Self::WharfProject => "wharf.lock",
        }
    }

    /// Whether it resolves as another entry does, and differs in layout only.
    pub(crate) fn resolves_as_another(self) -> bool {
        matches!(
            self,
            Self::BunIsolated | Self::BunGlobal | Self::PnpmGlobal | Self::WharfGlobal | Self::WharfProject
        )
    }

    /// Whether it is one of Wharf's.
    pub(crate) fn is_wharf(self) -> bool {
        matches!(self, Self::Wharf | Self::WharfGlobal | Self::WharfProject)
    }

    /// The files that a project of it needs beside the `package.json`.
    pub(crate) fn write_settings(self, folder: &Path, registry: &str) -> Result<(), Failure> {
        // Two peers let versions ripen for a day unless told otherwise, and fetch larger documents for it.
        let age = if self == Self::Aube {
            "minimum-release-age=0\n"
        } else {
            ""
        };
        std::fs::write(folder.join(".npmrc"), format!("registry={registry}\n{age}"))?;
        let wharf = |store: &str| {
            (
                "wharf.toml",
                format!("[options.npm]\nvirtual-store = \"{store}\"\n"),
            )
        };
        let (file, settings) = match self {
            Self::Pnpm | Self::PnpmGlobal => {
                let global = self == Self::PnpmGlobal;
                let settings = format!(
                    "minimumReleaseAge: 0\nenableGlobalVirtualStore: {global}\nstrictDepBuilds: false\n"
                );
                ("pnpm-workspace.yaml", settings)
            }
            Self::WharfGlobal => wharf("global"),
            Self::WharfProject => wharf("project"),
            Self::Bun | Self::BunIsolated | Self::BunGlobal | Self::Npm | Self::Aube | Self::Wharf => {
                return Ok(());
            }
        };
        Ok(std::fs::write(folder.join(file), settings)?)
    }

    /// The same with everything that the tool has to say.
    pub(crate) fn spoken_command(self, step: Step, folder: &Path, place: &Place<'_>) -> Command {
        let mut command = place.start(self, folder);
        command.args(
            self.arguments(step)
                .iter()
                .filter(|argument| **argument != "--quiet"),
        );
        command
    }

    /// The command of a step in a folder.
    pub(crate) fn command(self, step: Step, folder: &Path, place: &Place<'_>) -> Command {
        let mut command = place.start(self, folder);
        command.args(self.arguments(step));
        command
    }

    /// Starts the project's `build` script.
    pub(crate) fn build_command(self, folder: &Path, place: &Place<'_>) -> Command {
        let mut command = place.start(self, folder);
        command.args(["run", "build"]);
        command
    }

    fn arguments(self, step: Step) -> &'static [&'static str] {
        match (self, step) {
            (Self::Bun, Step::Lock) => &["install", "--ignore-scripts", "--lockfile-only"],
            (Self::Bun, _) => &["install", "--ignore-scripts", "--frozen-lockfile"],
            (Self::BunIsolated | Self::BunGlobal, Step::Lock) => &[
                "install",
                "--ignore-scripts",
                "--linker",
                "isolated",
                "--lockfile-only",
            ],
            (Self::BunIsolated | Self::BunGlobal, _) => &[
                "install",
                "--ignore-scripts",
                "--linker",
                "isolated",
                "--frozen-lockfile",
            ],
            (Self::Pnpm | Self::PnpmGlobal, Step::Lock) => &[
                "install",
                "--ignore-scripts",
                "--lockfile-only",
                "--no-frozen-lockfile",
            ],
            (Self::Aube, Step::Lock) => &["install", "--ignore-scripts", "--lockfile-only"],
            (Self::Pnpm | Self::PnpmGlobal | Self::Aube, _) => {
                &["install", "--ignore-scripts", "--frozen-lockfile"]
            }
            (Self::Npm, Step::Lock) => &[
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--package-lock-only",
            ],
            (Self::Npm, Step::Install) => &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            // `npm ci` begins by removing what is there.
            (Self::Npm, Step::Again) => &["install", "--ignore-scripts", "--no-audit", "--no-fund"],
            (Self::Wharf | Self::WharfGlobal | Self::WharfProject, Step::Lock) => &["lock", "--quiet"],
            (Self::Wharf | Self::WharfGlobal | Self::WharfProject, _) => &["sync", "--quiet", "--frozen"],
        }
    }
}

/// The programs and the homes of the tools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'run> {
    pub(crate) peers: &'run NpmPeers,
    pub(crate) wharf: Option<&'run Path>,
    /// The folder of the homes.
    pub(crate) homes: &'run Path,
}

impl Place<'_> {
    /// Where a tool keeps everything that is not the project's.
    pub(crate) fn home(&self, tool: Tool) -> PathBuf {
        self.homes.join(tool.name())
    }

    /// A tool with nothing of the developer's settings.
    fn start(&self, tool: Tool, folder: &Path) -> Command {
        let mut command = match tool {
            Tool::Bun | Tool::BunIsolated | Tool::BunGlobal => Command::new(&self.peers.bun),
            Tool::Pnpm | Tool::PnpmGlobal => Command::new(&self.peers.pnpm),
            Tool::Npm => {
                let mut command = Command::new(&self.peers.node);
                command.arg(&self.peers.npm);
                command
            }
            Tool::Aube => Command::new(&self.peers.aube),
            Tool::Wharf | Tool::WharfGlobal | Tool::WharfProject => {
                Command::new(self.wharf.unwrap_or(Path::new("wharf")))
            }
        };
        self.isolate(&mut command, tool, folder, None);
        if tool == Tool::BunGlobal {
            command.env("BUN_INSTALL_GLOBAL_STORE", "1");
        }
        command
    }

    /// Lets a command see nothing of the developer's but Node and the programs in `more`.
    pub(crate) fn isolate(&self, command: &mut Command, tool: Tool, folder: &Path, more: Option<PathBuf>) {
        let node = self.peers.node.parent().map(Path::to_owned);
        shell::isolate(command, folder, &self.home(tool), more.into_iter().chain(node));
        command.env("NO_UPDATE_NOTIFIER", "1");
    }
}
