//! `cargo xtask npm-check`: real projects installed with Wharf, and read afterwards as node reads them.
//!
//! Invariant: the checker shares nothing with the resolver. It walks `node_modules` from the project upwards and downwards
//! as node does ([`wharf_testkit::Modules`]), and asks the reference implementation of node's versions whether what is
//! found satisfies what every `package.json` asks for. A peer that is not satisfied has to be named in what Wharf said.
//! Counts stand beside those of npm, pnpm and bun on the same answers of the registry. Where something is otherwise than with
//! npm, the project's file has to say so in the same words, and why; what it says and is not so is wrong as well.

mod judge;
mod projects;

use std::collections::{BTreeMap, BTreeSet};
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
    /// What it said if it refused the project.
    refused: Option<String>,
}

impl Outcome {
    /// Whether it installed the project, if need be by force.
    fn installed(&self) -> bool {
        self.refused.is_none() || !self.packages.is_empty()
    }
}

/// What the tools made of a project.
#[derive(Debug, Serialize)]
struct Checked {
    project: String,
    outcomes: Vec<Outcome>,
    /// What is otherwise than with npm, and nobody expects.
    unexpected: Vec<String>,
    /// What is expected and not so.
    missing: Vec<String>,
}

/// Installs every project with every tool, and prints one line for each; whatever has to be explained and is not expected makes
/// the command fail, and so does what is expected and not found.
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
        let checked = compare(project, outcomes);
        print(&checked);
        all.push(checked);
        if !options.keep {
            remove(&folder)?;
            remove(&homes)?;
        }
    }
    let report = work.join("report.json");
    std::fs::create_dir_all(&work)?;
    std::fs::write(&report, serde_json::to_vec_pretty(&all)?).map_err(about(report.display()))?;
    println!("{}", report.display());
    let good = |checked: &&Checked| checked.unexpected.is_empty() && checked.missing.is_empty();
    match all.len() - all.iter().filter(good).count() {
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
    let (mut said, mut refused) = (String::new(), None);
    // `npm ci` refuses the lockfile that npm itself makes where a platform's package is missing on the registry.
    let steps: &[Step] = match tool {
        Tool::Npm => &[Step::Again],
        _ => &[Step::Lock, Step::Install],
    };
    for step in steps {
        let mut command = tool.spoken_command(*step, &root, place);
        let mut ended = said_by(&mut command)?;
        // npm refuses peers that contradict each other; by force it counts all the same.
        if let (Tool::Npm, Err(text)) = (tool, &ended) {
            refused = Some(text.clone());
            ended = said_by(command.arg("--force"))?;
        }
        match ended {
            Ok(text) => said.push_str(&text),
            Err(text) => {
                return Ok(Outcome {
                    tool,
                    packages: BTreeSet::new(),
                    verdict: Verdict::default(),
                    refused: Some(text),
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
        refused,
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

/// Compares what is with what the project's file expects.
fn compare(project: Project, outcomes: Vec<Outcome>) -> Checked {
    let found = deviations(&outcomes);
    let complete = [Tool::Npm, Tool::Pnpm, Tool::Bun, Tool::Wharf]
        .iter()
        .all(|tool| outcomes.iter().any(|outcome| outcome.tool == *tool));
    let expected: BTreeSet<String> = project.expected.into_keys().collect();
    let missing = expected.difference(&found).filter(|_| complete).cloned();
    Checked {
        project: project.name,
        unexpected: found.difference(&expected).cloned().collect(),
        missing: missing.collect(),
        outcomes,
    }
}

/// What has to be explained: who refuses the project, which needs are satisfied with npm and not with Wharf, which of Wharf's it
/// says nothing about, and what Wharf installs more than npm.
fn deviations(outcomes: &[Outcome]) -> BTreeSet<String> {
    let of = |tool| outcomes.iter().find(|outcome| outcome.tool == tool);
    let refusing = outcomes.iter().filter(|outcome| outcome.refused.is_some());
    let mut found: BTreeSet<String> = refusing
        .map(|outcome| format!("{} refuses the project", outcome.tool.name()))
        .collect();
    let Some(wharf) = of(Tool::Wharf).filter(|wharf| wharf.installed()) else {
        return found;
    };
    for need in &wharf.verdict.silent {
        found.insert(format!("{need}, unsaid"));
    }
    let Some(npm) = of(Tool::Npm).filter(|npm| npm.installed()) else {
        return found;
    };
    found.extend(wharf.verdict.unmet.difference(&npm.verdict.silent).cloned());
    let more = wharf.packages.len().saturating_sub(npm.packages.len());
    if more > 0 {
        let named = oftener(&wharf.packages, &npm.packages);
        found.insert(format!("{more} packages more than npm: {}", named.join(", ")));
    }
    found
}

/// Names of which there are more versions in one set of packages than in another.
fn oftener(packages: &BTreeSet<String>, others: &BTreeSet<String>) -> Vec<String> {
    let count = |packages: &BTreeSet<String>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (name, _) in packages.iter().filter_map(|package| package.rsplit_once(' ')) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        counts
    };
    let other = count(others);
    let counts = count(packages).into_iter();
    counts
        .filter(|(name, count)| *count > other.get(name).copied().unwrap_or(0))
        .map(|(name, _)| name)
        .collect()
}

fn print(checked: &Checked) {
    let counts = checked.outcomes.iter().map(|outcome| {
        let (name, unmet) = (outcome.tool.name(), &outcome.verdict);
        let packages = outcome.packages.len();
        let unmet = unmet.unmet.len() + unmet.silent.len();
        match (&outcome.refused, outcome.installed()) {
            (None, _) => format!("{name} {packages} ({unmet} unmet)"),
            (Some(_), true) => format!("{name} by force {packages} ({unmet} unmet)"),
            (Some(_), false) => format!("{name} refuses"),
        }
    });
    let counts: Vec<String> = counts.collect();
    println!("{:<24}{}", checked.project, counts.join(", "));
    for deviation in &checked.unexpected {
        println!("    not expected: {deviation}");
    }
    for deviation in &checked.missing {
        println!("    expected, and not so: {deviation}");
    }
    let wharf = checked
        .outcomes
        .iter()
        .find(|outcome| outcome.tool == Tool::Wharf);
    if let Some(said) = wharf.and_then(|wharf| wharf.refused.as_ref()) {
        println!("    wharf: {}", said.trim_end().replace('\n', "\n        "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(tool: Tool, packages: &[&str], unmet: &[&str]) -> Outcome {
        let mut verdict = Verdict::default();
        let needs = unmet.iter().map(|need| (*need).to_owned());
        match tool {
            Tool::Wharf => verdict.unmet = needs.collect(),
            _ => verdict.silent = needs.collect(),
        }
        Outcome {
            tool,
            packages: packages.iter().map(|package| (*package).to_owned()).collect(),
            verdict,
            refused: None,
        }
    }

    #[test]
    fn what_is_otherwise_than_with_npm_is_found() {
        let check = |outcomes: &[Outcome], expected: &[&str]| {
            let found: Vec<String> = deviations(outcomes).into_iter().collect();
            assert_eq!(found, expected);
        };
        let npm = || outcome(Tool::Npm, &["a 1.0.0", "b 1.0.0"], &["a needs b"]);
        check(
            &[
                npm(),
                outcome(Tool::Wharf, &["a 1.0.0", "b 2.0.0"], &["a needs b"]),
            ],
            &[],
        );
        let mut wharf = outcome(Tool::Wharf, &["a 1.0.0", "a 2.0.0", "@s/c 1.0.0"], &["b needs a"]);
        wharf.verdict.silent.insert("c needs d".to_owned());
        let all = [
            "1 packages more than npm: @s/c, a",
            "b needs a",
            "c needs d, unsaid",
        ];
        check(&[npm(), wharf], &all);
        let mut refusing = outcome(Tool::Npm, &[], &[]);
        refusing.refused = Some("no".to_owned());
        check(
            &[refusing, outcome(Tool::Wharf, &["a 1.0.0"], &["b needs a"])],
            &["npm refuses the project"],
        );
    }

    #[test]
    fn an_expectation_that_does_not_come_true_is_told() {
        let project = |expected: &[&str]| Project {
            expected: expected
                .iter()
                .map(|text| ((*text).to_owned(), "a reason".to_owned()))
                .collect(),
            ..Project::default()
        };
        let outcomes = || {
            let peers = [Tool::Npm, Tool::Pnpm, Tool::Bun].map(|tool| outcome(tool, &["a 1.0.0"], &[]));
            let wharf = outcome(Tool::Wharf, &["a 1.0.0"], &["b needs a"]);
            peers.into_iter().chain([wharf]).collect()
        };
        let checked = compare(project(&["b needs a"]), outcomes());
        assert!(checked.unexpected.is_empty() && checked.missing.is_empty());
        let checked = compare(project(&["b needs c"]), outcomes());
        assert_eq!(checked.unexpected, ["b needs a"]);
        assert_eq!(checked.missing, ["b needs c"]);
        let alone = vec![outcome(Tool::Wharf, &["a 1.0.0"], &[])];
        assert!(compare(project(&["b needs c"]), alone).missing.is_empty());
    }
}
