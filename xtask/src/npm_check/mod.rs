//! `cargo xtask npm-check`: real projects installed with Wharf, and read afterwards as node reads them.
//!
//! Invariant: the checker shares nothing with the resolver. It walks `node_modules` from the project upwards and downwards
//! as node does ([`wharf_testkit::Modules`]), and asks the reference implementation of node's versions whether what is
//! found satisfies what every `package.json` asks for. A peer that is not satisfied has to be named in what Wharf said.
//! Counts stand beside those of npm, pnpm and bun on the same answers of the registry.

mod judge;
mod projects;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use wharf_testkit::Modules;

use crate::bench::npm::peers;
use crate::bench::npm::tools::{Place, Step, Tool};
use crate::bench::npm::{NpmMirror, project_folder};
use crate::bench::remove;
use crate::shell::{self, Failure, about};
use judge::{Verdict, judge};
use projects::Project;

/// Options of `cargo xtask npm-check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only projects whose name contains this text.
    #[arg(default_value = "")]
    only: String,
    /// Against which peers to count.
    #[arg(long, value_delimiter = ',', default_value = "npm,pnpm,bun")]
    peers: Vec<String>,
    /// Check what the peers install and leave Wharf out.
    #[arg(long)]
    without_wharf: bool,
    /// The port of the mirror.
    #[arg(long, default_value_t = 41873)]
    port: u16,
    /// The binary; without it the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Leave the folders of the projects as they are, to look into them.
    #[arg(long)]
    keep: bool,
}

/// What one tool made of a project.
#[derive(Debug, Serialize)]
struct Outcome {
    tool: Tool,
    /// Names with versions.
    packages: BTreeSet<String>,
    verdict: Verdict,
    /// What it said if it failed.
    failed: Option<String>,
}

/// What the tools made of a project.
#[derive(Debug, Serialize)]
struct Checked {
    project: String,
    outcomes: Vec<Outcome>,
}

/// Installs every project with every tool, and prints one line for each; a need that Wharf neither satisfies nor reports
/// makes the command fail, and so do more packages than npm's.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let work = shell::target().join("npm-check");
    let peers = peers::install(&shell::target().join("bench/npm-peers"))?;
    let wharf = if options.without_wharf {
        None
    } else {
        Some(shell::wharf(options.binary.as_deref())?)
    };
    let mirror = NpmMirror::start_on(options.port, 0)?;
    let homes = work.join("homes");
    let place = Place {
        peers: &peers,
        wharf: wharf.as_deref(),
        homes: &homes,
    };
    let tools = tools(options)?;
    let mut all = Vec::new();
    for project in projects::load(&options.only)? {
        let folder = work.join(&project.name);
        remove(&folder)?;
        let mut outcomes = Vec::new();
        for tool in &tools {
            outcomes.push(outcome(&project, *tool, &folder, &place, &mirror)?);
        }
        print(&project.name, &outcomes);
        all.push(Checked {
            project: project.name,
            outcomes,
        });
        if !options.keep {
            remove(&folder)?;
            remove(&homes)?;
        }
    }
    let report = work.join("report.json");
    std::fs::create_dir_all(&work)?;
    std::fs::write(&report, serde_json::to_vec_pretty(&all)?).map_err(about(report.display()))?;
    println!("{}", report.display());
    let bad: Vec<_> = all.iter().filter(|checked| !good(checked)).collect();
    match bad.len() {
        0 => Ok(()),
        count => Err(Failure(format!(
            "{count} of {} projects are not right",
            all.len()
        ))),
    }
}

fn tools(options: &Options) -> Result<Vec<Tool>, Failure> {
    let mut tools = Vec::new();
    for name in &options.peers {
        let named = Tool::ALL
            .into_iter()
            .find(|tool| tool.name() == name && *tool != Tool::Wharf);
        tools.push(named.ok_or_else(|| Failure(format!("no peer is called `{name}`")))?);
    }
    if !options.without_wharf {
        tools.push(Tool::Wharf);
    }
    Ok(tools)
}

fn outcome(
    project: &Project,
    tool: Tool,
    folder: &Path,
    place: &Place<'_>,
    mirror: &NpmMirror,
) -> Result<Outcome, Failure> {
    let root = project_folder(folder, tool);
    project.write(&root)?;
    tool.write_settings(&root, &mirror.url())?;
    if tool == Tool::Pnpm {
        project.write_pnpm_workspace(&root)?;
    }
    let home = place.home(tool);
    std::fs::create_dir_all(&home).map_err(about(home.display()))?;
    let mut said = String::new();
    // `npm ci` refuses the lockfile that npm itself makes where a platform's package is missing on the registry.
    let steps: &[Step] = match tool {
        Tool::Npm => &[Step::Again],
        _ => &[Step::Lock, Step::Install],
    };
    for step in steps {
        let mut command = tool.spoken_command(*step, &root, place);
        match said_by(&mut command)? {
            Ok(text) => said.push_str(&text),
            Err(text) => {
                return Ok(Outcome {
                    tool,
                    packages: BTreeSet::new(),
                    verdict: Verdict::default(),
                    failed: Some(text),
                });
            }
        }
    }
    let members: Vec<&str> = project.members.keys().map(String::as_str).collect();
    let modules = Modules::read(&root, &members).map_err(Failure)?;
    let said = if tool == Tool::Wharf { &*said } else { "" };
    let verdict = judge(&modules, said, place.peers)?;
    Ok(Outcome {
        tool,
        packages: modules.packages(),
        verdict,
        failed: None,
    })
}

/// Everything that a command said, as an error if it failed.
fn said_by(command: &mut Command) -> Result<Result<String, String>, Failure> {
    let output = command.output().map_err(about(format!("{command:?}")))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    })
}

fn print(name: &str, outcomes: &[Outcome]) {
    let counts: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome.failed {
            Some(_) => format!("{} fails", outcome.tool.name()),
            None => format!(
                "{} {} ({} unmet)",
                outcome.tool.name(),
                outcome.packages.len(),
                outcome.verdict.unmet.len() + outcome.verdict.silent.len()
            ),
        })
        .collect();
    println!("{name:<24}{}", counts.join(", "));
    for outcome in outcomes.iter().filter(|outcome| outcome.tool == Tool::Wharf) {
        for need in &outcome.verdict.silent {
            println!("    not satisfied and not reported: {need}");
        }
        if let Some(said) = &outcome.failed {
            println!("    wharf: {}", said.trim_end().replace('\n', "\n        "));
        }
    }
}

/// Whether Wharf did right: everything satisfied or reported, and no more packages than npm.
fn good(checked: &Checked) -> bool {
    let of = |tool| checked.outcomes.iter().find(|outcome| outcome.tool == tool);
    let Some(wharf) = of(Tool::Wharf) else {
        return true;
    };
    let npm = of(Tool::Npm).filter(|npm| npm.failed.is_none());
    wharf.failed.is_none()
        && wharf.verdict.silent.is_empty()
        && npm.is_none_or(|npm| wharf.packages.len() <= npm.packages.len())
}
