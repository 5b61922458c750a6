//! `cargo xtask bench --order`: which functions of the release binary the usual work runs, for the linker to lay them side by side.
//!
//! Callgrind runs the binary on a project with a Python and an npm side: first where nothing is to be done, then where everything is in
//! the store, then where the documents are fresh, then with nothing at all. So what runs most often comes first. The file is
//! `crates/wharf/symbol-order.txt`; `crates/wharf/build.rs` says what becomes of it. Invariant: it is written when all went well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::pyproject;
use super::mirror::Mirror;
use super::mixed::requirements;
use super::npm::NpmMirror;
use super::npm::tools::Tool;
use super::{Options, directory, npm, remove, sets};
use crate::shell::{self, Failure, about};

/// The set that stands for all.
const SET: &str = "medium";
const FILE: &str = "crates/wharf/symbol-order.txt";

/// A step, what is removed before it, and how npm's packages are laid out.
struct Step {
    removed: &'static [&'static str],
    layout: &'static str,
    arguments: &'static [&'static str],
}

const SYNC: &[&str] = &["sync", "--quiet", "--frozen"];
const LOCK: &[&str] = &["lock", "--quiet"];
const ENVIRONMENT: &[&str] = &["node_modules", ".venv", ".wharf"];

/// The steps whose functions are written, most frequent work first.
const STEPS: [Step; 6] = [
    Step {
        removed: &[],
        layout: "global",
        arguments: SYNC,
    },
    Step {
        removed: ENVIRONMENT,
        layout: "global",
        arguments: SYNC,
    },
    Step {
        removed: ENVIRONMENT,
        layout: "project",
        arguments: SYNC,
    },
    Step {
        removed: &["wharf.lock"],
        layout: "project",
        arguments: LOCK,
    },
    Step {
        removed: &["wharf.lock", "home"],
        layout: "project",
        arguments: LOCK,
    },
    Step {
        removed: &["home", "node_modules", ".venv", ".wharf"],
        layout: "project",
        arguments: SYNC,
    },
];

/// Builds the binary with its symbols, runs it, and writes the order.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    if !shell::answers(Command::new("valgrind").arg("--version")) {
        return Err(Failure(
            "`valgrind` does not start: install it, for it sees which functions run".to_owned(),
        ));
    }
    build()?;
    let bench = Bench {
        folder: std::path::absolute(directory().join("order-work"))?,
        wharf: shell::wharf(None)?,
        index: Mirror::start(0)?,
        registry: NpmMirror::start(options)?,
    };
    bench.prepare()?;
    let mut order = Order::default();
    for step in &STEPS {
        let new = order.add(&bench.functions(step)?);
        println!(
            "    {:<28}{:<10}{new:>6} functions more",
            step.arguments.join(" "),
            step.layout
        );
    }
    remove(&bench.folder)?;
    let path = shell::root().join(FILE);
    std::fs::write(&path, order.text()).map_err(about(path.display()))?;
    println!("==> {FILE}: {} functions", order.names.len());
    Ok(())
}

fn build() -> Result<(), Failure> {
    let mut build = shell::cargo();
    build.args(["build", "--release", "--locked", "--package", "wharf"]);
    // What cargo says to this program is nothing for that build: some dependencies are built anew for it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    shell::run(build.env("WHARF_KEEP_SYMBOLS", "1"))
}

/// Functions by the step in which they were first seen, in each by name.
#[derive(Debug, Default)]
struct Order {
    names: Vec<String>,
    seen: BTreeSet<String>,
}

impl Order {
    /// Adds those that are new; says how many.
    fn add(&mut self, names: &BTreeSet<String>) -> usize {
        let before = self.names.len();
        for name in names {
            if self.seen.insert(name.clone()) {
                self.names.push(name.clone());
            }
        }
        self.names.len() - before
    }

    fn text(&self) -> String {
        self.names.iter().map(|name| format!("{name}\n")).collect()
    }
}

struct Bench {
    folder: PathBuf,
    wharf: PathBuf,
    index: Mirror,
    registry: NpmMirror,
}

impl Bench {
    fn prepare(&self) -> Result<(), Failure> {
        remove(&self.folder)?;
        let wanted = [SET.to_owned()];
        let (python, node) = (
            sets::load(&wanted)?.remove(0),
            npm::sets::load(&wanted)?.remove(0),
        );
        let project = self.project();
        std::fs::create_dir_all(&project)?;
        let pyproject = pyproject(&requirements(python.requirements))?;
        std::fs::write(project.join("pyproject.toml"), pyproject)?;
        std::fs::write(project.join("package.json"), node.manifest())?;
        Tool::Wharf.write_settings(&project, &self.registry.url())?;
        self.lay_out("global")?;
        for arguments in [LOCK, SYNC, SYNC] {
            let mut command = Command::new(&self.wharf);
            shell::output(self.isolate(&mut command).args(arguments))?;
        }
        Ok(())
    }

    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    fn lay_out(&self, layout: &str) -> Result<(), Failure> {
        let settings = format!("[options.npm]\nvirtual-store = \"{layout}\"\n");
        Ok(std::fs::write(self.project().join("wharf.toml"), settings)?)
    }

    fn isolate<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let home = self.folder.join("home");
        let node = wharf_testkit::host_node().and_then(Path::parent);
        let programs = shell::python_folder().into_iter();
        shell::isolate(
            command,
            &self.project(),
            &home,
            programs.chain(node.map(Path::to_owned)),
        );
        command.env("PIP_INDEX_URL", self.index.index_url())
    }

    /// The binary's functions that a step runs.
    fn functions(&self, step: &Step) -> Result<BTreeSet<String>, Failure> {
        for removed in step.removed {
            let base = if *removed == "home" {
                self.folder.clone()
            } else {
                self.project()
            };
            remove(&base.join(removed))?;
        }
        self.lay_out(step.layout)?;
        let profile = self.folder.join("profile");
        let mut command = Command::new("valgrind");
        self.isolate(&mut command)
            .args([
                "--tool=callgrind",
                "--demangle=no",
                "--compress-strings=no",
                "--compress-pos=no",
            ])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(&self.wharf)
            .args(step.arguments);
        shell::output(&mut command)?;
        let text = std::fs::read(&profile).map_err(about(profile.display()))?;
        let found = functions(&String::from_utf8_lossy(&text), &self.wharf);
        if found.is_empty() {
            return Err(Failure(format!("{command:?}: it saw no function run")));
        }
        Ok(found)
    }
}

/// The functions of an object in a profile of callgrind: `ob=` names the object of the `fn=` lines behind it.
///
/// Format: <https://valgrind.org/docs/manual/cl-format.html>
fn functions(profile: &str, object: &Path) -> BTreeSet<String> {
    let object = object.to_string_lossy();
    let (mut is_ours, mut names) = (false, BTreeSet::new());
    for line in profile.lines() {
        if let Some(named) = line.strip_prefix("ob=") {
            is_ours = named == object;
        } else if let Some(name) = line.strip_prefix("fn=").filter(|_| is_ours) {
            // A function that calls itself is counted by depth, `name'2`.
            let name = name.split('\'').next().unwrap_or(name);
            if name.chars().all(|char| char.is_ascii_graphic()) && !name.starts_with("0x") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_one_object_are_found_each_once() {
        let profile = "version: 1\n\nob=/bin/wharf\nfl=a.rs\nfn=_ZN1aE\n1 2\ncob=/lib/libc.so\ncfn=malloc\n\
                       fn=_ZN1bE'2\nfn=0x0000000000001050\nob=/lib/libc.so\nfn=malloc\nob=/bin/wharf\nfn=_ZN1aE\nfn=(below main)\n";
        let names = functions(profile, Path::new("/bin/wharf"));
        assert_eq!(names.iter().collect::<Vec<_>>(), ["_ZN1aE", "_ZN1bE"]);
        let mut order = Order::default();
        assert_eq!(order.add(&["z".to_owned()].into()), 1);
        assert_eq!(order.add(&["a".to_owned(), "z".to_owned()].into()), 1);
        assert_eq!(order.text(), "z\na\n");
    }
}
