//! apt and Wharf made ready for one set: folders of their own, the same suites, the same packages asked for.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::isolate::isolated;
use super::super::remove;
use super::mirror::{DebMirror, Suite, suites};
use crate::apt_check::{Apt, Set};
use crate::shell::{self, Failure, about};

/// What apt is told: what was recorded once runs out.
const SETTINGS: &str = "Acquire::Check-Valid-Until \"false\";\n";

/// What apt is told is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Installed {
    Nothing,
    Everything,
}

/// Both sides of a set.
pub(super) struct Sides<'run> {
    folder: PathBuf,
    ask: Vec<String>,
    suites: Vec<Suite>,
    pub(super) apt: Apt,
    wharf: &'run Path,
    mirror: &'run DebMirror,
    /// The status of a machine that has the set.
    installed: OnceCell<String>,
}

impl<'run> Sides<'run> {
    /// Makes the folders of both from nothing.
    pub(super) fn new(
        folder: &Path,
        ask: &[&str],
        wharf: &'run Path,
        mirror: &'run DebMirror,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let suites = suites()?;
        let apt = Apt::at(&folder.join("apt"), SETTINGS)?;
        let lines = suites
            .iter()
            .map(|suite| format!("{} {} {}\n", mirror.url(suite), suite.name, suite.component));
        apt.name_repositories(&lines.collect::<String>())?;
        let sides = Self {
            folder: folder.to_owned(),
            ask: ask.iter().map(|&word| word.to_owned()).collect(),
            suites,
            apt,
            wharf,
            mirror,
            installed: OnceCell::new(),
        };
        sides.write_project(&sides.project())?;
        std::fs::create_dir_all(sides.home())?;
        sides.write_machine()?;
        Ok(sides)
    }

    /// A project that asks for the set.
    pub(super) fn write_project(&self, project: &Path) -> Result<(), Failure> {
        let main = self.suites.iter().find(|suite| !suite.name.contains('-'));
        let main = main.ok_or_else(|| Failure("no suite of the mirror is a release".to_owned()))?;
        let mut text = format!(
            "[deb]\nsuite = {:?}\nsources = \"none\"\npackages = {:?}\n",
            main.name, self.ask
        );
        for suite in &self.suites {
            text.push_str(&format!(
                "\n[[deb.repository]]\nuri = {:?}\nsuites = [{:?}]\ncomponents = [{:?}]\nsigned-by = \"debian\"\ncheck-valid-until = false\n",
                self.mirror.url(suite),
                suite.name,
                suite.component
            ));
        }
        std::fs::create_dir_all(project).map_err(about(project.display()))?;
        std::fs::write(project.join("wharf.toml"), text).map_err(about(project.display()))
    }

    /// A machine with apt's lists and its status, for `wharf system`.
    fn write_machine(&self) -> Result<(), Failure> {
        let (machine, apt) = (self.machine(), self.apt.folder());
        for folder in ["var/lib/apt", "var/lib/dpkg", "etc/apt"] {
            std::fs::create_dir_all(machine.join(folder))?;
        }
        std::os::unix::fs::symlink(apt.join("state/lists"), machine.join("var/lib/apt/lists"))?;
        std::os::unix::fs::symlink(apt.join("status"), machine.join("var/lib/dpkg/status"))?;
        Ok(())
    }

    /// The lists of both, and the set locked once, so that all answers are recorded.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        shell::run(self.apt.command("apt-get").args(["-qq", "update"]))?;
        shell::run(&mut self.wharf(&["lock", "--quiet"]))
    }

    /// What was measured, for a report.
    pub(super) fn suites(&self) -> String {
        let names: Vec<&str> = self.suites.iter().map(|suite| &suite.name[..]).collect();
        names.join(", ")
    }

    /// What apt is asked for where Wharf has a project: Debian's essential packages are part of every project.
    pub(super) fn asked_of_apt(&self) -> Result<Vec<String>, Failure> {
        let mut names = self.ask.clone();
        for target in self.apt.targets()? {
            let text = std::fs::read_to_string(&target.packages).map_err(about(target.packages.display()))?;
            let essential = text
                .split("\n\n")
                .filter(|stanza| stanza.contains("\nEssential: yes"));
            let name = |stanza: &str| {
                let line = stanza.lines().find_map(|line| line.strip_prefix("Package: "));
                line.unwrap_or_default().to_owned()
            };
            for name in essential.map(name) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }

    /// How many packages each takes, and what only one of them does.
    pub(super) fn difference(&self) -> Result<String, Failure> {
        let set = Set::plain("", self.asked_of_apt()?, Vec::new());
        self.apt.arrange(&set)?;
        let answer = self.apt.solve(&set)?;
        let theirs = answer.packages.ok_or(Failure(answer.said))?;
        let native = format!(":{}", self.apt.native);
        let theirs: BTreeSet<String> = theirs.into_keys().map(|key| key.replace(&native, "")).collect();
        let ours: BTreeSet<String> = self.locked()?.into_iter().collect();
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            one.difference(other).cloned().collect::<Vec<_>>().join(" ")
        };
        Ok(format!(
            "packages: wharf {}, apt {}; only wharf: [{}]; only apt: [{}]",
            ours.len(),
            theirs.len(),
            only(&ours, &theirs),
            only(&theirs, &ours)
        ))
    }

    /// The names of the locked packages.
    fn locked(&self) -> Result<Vec<String>, Failure> {
        let path = self.project().join("wharf.lock");
        let text = std::fs::read_to_string(&path).map_err(about(path.display()))?;
        let lock: toml::Table = toml::from_str(&text).map_err(about(path.display()))?;
        let mut names = Vec::new();
        named(&toml::Value::Table(lock), &mut names);
        Ok(names)
    }

    /// Wharf in the project.
    pub(super) fn wharf(&self, arguments: &[&str]) -> Command {
        self.wharf_in(&self.project(), arguments)
    }

    /// Wharf in another project.
    pub(super) fn wharf_in(&self, project: &Path, arguments: &[&str]) -> Command {
        let mut command = isolated(self.wharf, project, &self.home(), &[]);
        command.args(arguments);
        command
    }

    /// `wharf system plan install` of what is asked for, over apt's lists and status.
    pub(super) fn wharf_plan(&self) -> Result<Command, Failure> {
        let mut command = self.wharf(&["system", "plan", "--quiet", "--root"]);
        command
            .arg(self.machine())
            .arg("install")
            .args(self.asked_of_apt()?);
        Ok(command)
    }

    /// Nothing is installed, as far as apt is told, or the whole set. apt's cache is made for it, as on a machine that is in use.
    pub(super) fn install(&self, what: Installed) -> Result<(), Failure> {
        let status = match what {
            Installed::Nothing => "",
            Installed::Everything => match self.installed.get() {
                Some(known) => known,
                None => {
                    let ask = self.asked_of_apt()?;
                    self.apt.arrange(&Set::plain("", ask.clone(), ask))?;
                    let status = self.apt.status_text()?;
                    self.installed.get_or_init(|| status)
                }
            },
        };
        if self.apt.status_text()? != status {
            std::fs::write(self.apt.folder().join("status"), status)?;
        }
        let _ = self.apt.command("apt-cache").arg("gencaches").output()?;
        Ok(())
    }

    /// How often live repositories were asked so far.
    pub(super) fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    pub(super) fn second(&self) -> PathBuf {
        self.folder.join("second")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Where the archives of apt's side are unpacked to.
    pub(super) fn unpacked(&self) -> PathBuf {
        self.folder.join("unpacked")
    }

    fn machine(&self) -> PathBuf {
        self.folder.join("machine")
    }
}

/// What apt calls itself.
pub(super) fn apt_version() -> Result<String, Failure> {
    let said = shell::output(Command::new("apt-get").arg("--version"))?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// The names of all tables that have a digest, however deep they stand.
fn named(value: &toml::Value, names: &mut Vec<String>) {
    match value {
        toml::Value::Array(values) => values.iter().for_each(|value| named(value, names)),
        toml::Value::Table(table) => {
            let name = table.get("name").and_then(toml::Value::as_str);
            if let (Some(name), true) = (name, table.contains_key("sha256")) {
                names.push(name.to_owned());
            }
            table.values().for_each(|value| named(value, names));
        }
        _ => {}
    }
}
