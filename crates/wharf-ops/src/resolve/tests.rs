//! The resolver on worlds in memory: scenario files of packages, requirements and what should come out.
//!
//! A scenario is a text in parts. `@INDEX`: one release a line, `name version [notes] : requirement | requirement`; notes are
//! `python>=3.9`, `yanked` or `yanked(why)`, `uploaded=2025-01-31`, `sdist` (instead of a pure wheel), `wheel=TAGS`, `broken`.
//! `@ASK`: one requirement a line; its origin is `wharf.toml` and its line in this part. `@RULES`: one a line, `target T`,
//! `constraint R`, `override R`, `prefer NAME VERSION`, `upgrade NAME`, `cutoff DATE`, `prereleases allow|disallow`, `lowest`,
//! `lowest-direct`, `only-binary`, `no-binary`, `direct NAME REFERENCE VERSION : requirements`. `@EXPECT`: the versions, or the
//! error with its hints. Running the tests with `UPDATE_SCENARIOS=1` rewrites that part.
mod universe;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use wharf_core::{Explain, NullSink, Origin, PackageName, PythonMinor, Target};
use wharf_ecosystem::pypi::{Implementation, Tags, Version, marker_environment, parse_requirement};

use wharf_project::{PackageSet, Prereleases, ResolutionMode};

use super::{
    Asked, Cutoff, PackageSource, Preferences, Problem, Resolution, ResolveError, TargetEnvironment, Upgrade,
    resolve,
};
use universe::{Crowd, Delays, Universe};

struct Scenario {
    index: Vec<String>,
    ask: Vec<String>,
    rules: Vec<String>,
    expect: String,
}

impl Scenario {
    fn parse(text: &str) -> Self {
        let part = |name: &str| -> Vec<String> {
            let mut lines = text.lines().skip_while(|line| line.trim() != name).skip(1);
            let mut part = Vec::new();
            for line in lines.by_ref().take_while(|line| !line.starts_with('@')) {
                if name == "@EXPECT" || !(line.trim().is_empty() || line.starts_with('#')) {
                    part.push(line.to_owned());
                }
            }
            part
        };
        Self {
            index: part("@INDEX"),
            ask: part("@ASK"),
            rules: part("@RULES"),
            expect: part("@EXPECT").join("\n").trim_end().to_owned(),
        }
    }

    fn problem(&self) -> Problem {
        let mut problem = Problem {
            roots: (1..)
                .zip(&self.ask)
                .map(|(line, text)| asked(text, "wharf.toml", line))
                .collect(),
            constraints: Vec::new(),
            overrides: Vec::new(),
            targets: Vec::new(),
            preferences: Preferences::new(),
            upgrade: Upgrade::None,
            cutoff: None,
            prereleases: Prereleases::IfNecessary,
            resolution: ResolutionMode::Highest,
            hashes: Default::default(),
            no_binary: PackageSet::None,
            only_binary: PackageSet::None,
            time_limit: Duration::from_secs(60),
        };
        for rule in &self.rules {
            let (word, rest) = rule.split_once(' ').unwrap_or((rule, ""));
            match word {
                "target" => problem.targets.push(target(rest)),
                "constraint" => {
                    let line = problem.constraints.len() as u32 + 1;
                    problem.constraints.push(asked(rest, "constraints.txt", line));
                }
                "override" => {
                    let line = problem.overrides.len() as u32 + 1;
                    problem.overrides.push(asked(rest, "overrides.txt", line));
                }
                "prefer" => {
                    let (name, version) = rest.split_once(' ').unwrap();
                    problem
                        .preferences
                        .entry(PackageName::pypi(name).unwrap())
                        .or_default()
                        .push(version.parse().unwrap());
                }
                "upgrade" => {
                    problem.upgrade = Upgrade::Packages(BTreeSet::from([PackageName::pypi(rest).unwrap()]));
                }
                "upgrade-all" => problem.upgrade = Upgrade::All,
                "cutoff" => {
                    problem.cutoff = Some(Cutoff {
                        at: format!("{rest}T00:00:00Z").parse().unwrap(),
                        rule: String::from("the cooldown of 7d (wharf.toml:20)"),
                        remedy: String::from("shorten it there"),
                    });
                }
                "prereleases" => {
                    problem.prereleases = if rest == "allow" {
                        Prereleases::Allow
                    } else {
                        Prereleases::Disallow
                    };
                }
                "lowest" => problem.resolution = ResolutionMode::Lowest,
                "lowest-direct" => problem.resolution = ResolutionMode::LowestDirect,
                "only-binary" => {
                    problem.only_binary = PackageSet::All {
                        except: Default::default(),
                    }
                }
                "no-binary" => {
                    problem.no_binary = PackageSet::All {
                        except: Default::default(),
                    }
                }
                "direct" => {}
                other => panic!("unknown rule {other}"),
            }
        }
        if problem.targets.is_empty() {
            problem.targets.push(target("linux-x86_64-py3.12"));
        }
        problem
    }

    fn universe(&self, delays: Delays) -> Universe {
        let directs = self.rules.iter().filter_map(|rule| rule.strip_prefix("direct "));
        Universe::new(&self.index, directs, delays)
    }
}

fn asked(text: &str, file: &str, line: u32) -> Asked {
    let (requirement, index) = match text.split_once(" index=") {
        Some((requirement, index)) => (requirement, Some(index.to_owned())),
        None => (text, None),
    };
    Asked {
        index,
        ..Asked::new(
            parse_requirement(requirement).unwrap(),
            Origin::file(Path::new(file), line, 1),
        )
    }
}

fn target(text: &str) -> TargetEnvironment {
    let target: Target = text.parse().unwrap();
    let python = target.python.unwrap_or(PythonMinor { major: 3, minor: 12 });
    let target = target.with_python(python);
    TargetEnvironment {
        target,
        markers: marker_environment(&target, &format!("{python}.0"), Implementation::CPython),
        tags: Tags::for_target(&target, Implementation::CPython),
        python: Version::new([u64::from(python.major), u64::from(python.minor), 0]),
    }
}

fn run(problem: Problem, universe: Universe) -> Result<Resolution, ResolveError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let source: Arc<dyn PackageSource> = Arc::new(universe);
    runtime.block_on(resolve(
        Arc::new(problem),
        source,
        NullSink::shared(),
        Arc::new(AtomicBool::new(false)),
    ))
}

fn printed(outcome: &Result<Resolution, ResolveError>) -> String {
    match outcome {
        Ok(resolution) => {
            let several = resolution.targets.len() > 1;
            let mut lines = Vec::new();
            for package in &resolution.packages {
                let mut line = format!("{} {}", package.name, package.version);
                if !package.extras.is_empty() {
                    let extras: Vec<String> = package.extras.iter().map(ToString::to_string).collect();
                    line.push_str(&format!(" [{}]", extras.join(",")));
                }
                for file in &package.files {
                    if !file.file.filename.ends_with("-py3-none-any.whl") {
                        line.push_str(&format!(" {}", file.file.filename));
                    }
                }
                if several && package.targets.len() < resolution.targets.len() {
                    line.push_str(&format!(" on {:?}", package.targets));
                }
                lines.push(line);
            }
            lines.join("\n")
        }
        Err(error) => {
            let mut text = format!("error[{}]: {error}", error.code());
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text.push_str(&format!("\n  caused by: {inner}"));
                cause = inner.source();
            }
            for hint in error.hints() {
                text.push_str(&format!("\nhint: {hint}"));
            }
            text
        }
    }
}

fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/resolve/tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "the scenario files are there");
    files
}

#[test]
fn scenarios_come_out_as_written() {
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for file in scenario_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario = Scenario::parse(&text);
        let found = printed(&run(scenario.problem(), scenario.universe(Delays::None)));
        if found == scenario.expect {
            continue;
        }
        if update {
            let head = text.split("@EXPECT").next().unwrap();
            std::fs::write(&file, format!("{head}@EXPECT\n{found}\n")).unwrap();
        } else {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            wrong.push(format!(
                "== {name}\n-- expected\n{}\n-- found\n{found}",
                scenario.expect
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_order_of_answers_changes_nothing() {
    for file in scenario_files() {
        let scenario = Scenario::parse(&std::fs::read_to_string(&file).unwrap());
        for seed in [1, 7] {
            let found = printed(&run(scenario.problem(), scenario.universe(Delays::Random(seed))));
            assert_eq!(
                found,
                scenario.expect,
                "{}, answers shuffled by {seed}",
                file.display()
            );
        }
    }
}

#[test]
fn a_time_limit_says_what_was_going_on() {
    let scenario = Scenario::parse("@INDEX\na 1\n@ASK\na\nb\n@EXPECT\n");
    let mut problem = scenario.problem();
    problem.time_limit = Duration::from_millis(150);
    let error = run(problem, scenario.universe(Delays::Never("b"))).unwrap_err();
    assert_eq!(error.code(), "resolve/out-of-time");
    assert_eq!(
        error.to_string(),
        "no resolution within 0 s; Wharf was waiting for the versions of b"
    );
}

/// Each version of `sdk` pins one of `core`, and all but the oldest fall: what the pinned ones need is asked for in crowds.
#[test]
fn versions_that_are_pinned_one_by_one_are_fetched_ahead() {
    let mut text = String::from("@INDEX\nurl 1\nurl 2\n");
    for version in 1..=120 {
        let url = if version == 1 { "url==1" } else { "url>=2" };
        text += &format!("sdk {version} : core=={version}\ncore {version} : {url}\n");
    }
    let scenario = Scenario::parse(&(text + "@ASK\nurl<2\nsdk\n@EXPECT\n"));
    let crowd = Arc::new(Crowd::default());
    let found = run(
        scenario.problem(),
        scenario.universe(Delays::Counted("core", Arc::clone(&crowd))),
    );
    assert_eq!(printed(&found), "core 1\nsdk 1\nurl 1");
    assert!(crowd.most() >= 20, "at most {} at a time", crowd.most());
}

#[test]
fn cancelling_ends_the_search() {
    let scenario = Scenario::parse("@INDEX\na 1\n@ASK\na\n@EXPECT\n");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let source: Arc<dyn PackageSource> = Arc::new(scenario.universe(Delays::Never("a")));
    let cancel = Arc::new(AtomicBool::new(false));
    let outcome = runtime.block_on(async {
        let resolving = resolve(
            Arc::new(scenario.problem()),
            source,
            NullSink::shared(),
            Arc::clone(&cancel),
        );
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        futures::future::join(resolving, cancelling).await.0
    });
    assert_eq!(outcome.unwrap_err().code(), "resolve/interrupted");
}

#[test]
fn edges_carry_extras_and_markers() {
    let scenario = Scenario::parse(
        "@INDEX\nweb 1 : core>=1 | fast ; extra == 'speed' and python_version >= '3.8' | old ; python_version < '3.0'\n\
         core 1\nfast 2\nold 1\n@ASK\nweb[speed]\n@EXPECT\n",
    );
    let resolution = run(scenario.problem(), scenario.universe(Delays::None)).unwrap();
    let web = resolution
        .packages
        .iter()
        .find(|package| package.name.as_str() == "web")
        .unwrap();
    let edges: Vec<String> = web
        .dependencies
        .iter()
        .map(|edge| {
            format!(
                "{} {:?} {:?}",
                edge.name,
                edge.when_extra.as_ref().map(ToString::to_string),
                edge.marker
            )
        })
        .collect();
    assert_eq!(
        edges,
        [
            "core None None",
            "fast Some(\"speed\") Some(\"python_full_version >= '3.8'\")"
        ]
    );
}

#[test]
fn a_panic_of_the_search_is_a_bug_and_says_so() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let broken = runtime
        .block_on(async { tokio::task::spawn_blocking(|| panic!("node {} is missing", 7)).await })
        .unwrap_err();
    let error = ResolveError::broken_off(broken);
    assert_eq!(error.fault(), wharf_core::Fault::Bug);
    assert_eq!(
        error.to_string(),
        "the search for a resolution broke off: node 7 is missing"
    );
}
