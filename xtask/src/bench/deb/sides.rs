//! apt and Wharf made ready for one set: folders of their own, the same suites, the same packages asked for.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
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
pub(in crate::bench) enum Installed {
    Nothing,
    Everything,
}

/// Both sides of a set.
pub(in crate::bench) struct Sides<'run> {
    folder: PathBuf,
    ask: Vec<String>,
    suites: Vec<Suite>,
    pub(in crate::bench) apt: Apt,
    wharf: &'run Path,
    mirror: &'run DebMirror,
    /// The status of a machine that has the set.
    installed: OnceCell<String>,
    asked_of_apt: OnceCell<Vec<String>>,
}

impl<'run> Sides<'run> {
    /// Makes the folders of both from nothing.
    pub(in crate::bench) fn new(
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
            asked_of_apt: OnceCell::new(),
        };
        sides.write_project(&sides.project())?;
        std::fs::create_dir_all(sides.home())?;
        sides.write_machine()?;
        Ok(sides)
    }

    /// A project that asks for the set.
    pub(in crate::bench) fn write_project(&self, project: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(project).map_err(about(project.display()))?;
        let text = self.tables("deb", &self.ask)?;
        std::fs::write(project.join("wharf.toml"), text).map_err(about(project.display()))
    }

    /// The tables of a manifest that asks for packages of the mirror's suites.
    pub(in crate::bench) fn tables(&self, table: &str, ask: &[String]) -> Result<String, Failure> {
        let main = self.suites.iter().find(|suite| !suite.name.contains('-'));
        let main = main.ok_or_else(|| Failure("no suite of the mirror is a release".to_owned()))?;
        let mut text = format!(
            "[{table}]\nsuite = {:?}\nsources = \"none\"\npackages = {ask:?}\n",
            main.name
        );
        for suite in &self.suites {
            text.push_str(&format!(
                "\n[[{table}.repository]]\nuri = {:?}\nsuites = [{:?}]\ncomponents = [{:?}]\nsigned-by = \"debian\"\ncheck-valid-until = false\n",
                self.mirror.url(suite),
                suite.name,
                suite.component
            ));
        }
        Ok(text)
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
    pub(in crate::bench) fn prepare(&self) -> Result<(), Failure> {
        shell::run(self.apt.command("apt-get").args(["-qq", "update"]))?;
        shell::run(&mut self.wharf(&["lock", "--quiet"]))
    }

    /// What was measured, for a report.
    pub(in crate::bench) fn suites(&self) -> String {
        let names: Vec<&str> = self.suites.iter().map(|suite| &suite.name[..]).collect();
        names.join(", ")
    }

    /// What apt is asked for where Wharf has a project: Debian's essential packages are part of every project.
    pub(in crate::bench) fn asked_of_apt(&self) -> Result<&[String], Failure> {
        if let Some(known) = self.asked_of_apt.get() {
            return Ok(known);
        }
        let mut names = self.ask.clone();
        for target in self.apt.targets()? {
            // Line by line: what this process needs of memory is a floor of what is measured.
            let list = std::fs::File::open(&target.packages).map_err(about(target.packages.display()))?;
            let mut name = String::new();
            for line in BufReader::new(list).lines() {
                let line = line?;
                if let Some(word) = line.strip_prefix("Package: ") {
                    word.clone_into(&mut name);
                } else if line == "Essential: yes" && !names.contains(&name) {
                    names.push(name.clone());
                }
            }
        }
        Ok(self.asked_of_apt.get_or_init(|| names))
    }

    /// How many packages each takes, and what only one of them does.
    pub(in crate::bench) fn difference(&self) -> Result<String, Failure> {
        self.difference_to(&self.project())
    }

    /// The same of another project that asks for as much.
    pub(in crate::bench) fn difference_to(&self, project: &Path) -> Result<String, Failure> {
        let set = Set::plain("", self.asked_of_apt()?.to_vec(), Vec::new());
        self.apt.arrange(&set)?;
        let answer = self.apt.solve(&set)?;
        let theirs = answer.packages.ok_or(Failure(answer.said))?;
        let native = format!(":{}", self.apt.native);
        let theirs: BTreeSet<String> = theirs.into_keys().map(|key| key.replace(&native, "")).collect();
        let ours: BTreeSet<String> = locked(project)?.into_iter().collect();
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

    /// Wharf in the project.
    pub(in crate::bench) fn wharf(&self, arguments: &[&str]) -> Command {
        self.wharf_in(&self.project(), arguments)
    }

    /// Wharf in another project.
    pub(in crate::bench) fn wharf_in(&self, project: &Path, arguments: &[&str]) -> Command {
        let mut command = isolated(self.wharf, project, &self.home(), &[]);
        command.args(arguments);
        command
    }

    /// `wharf system plan install` of what is asked for, over apt's lists and status.
    pub(in crate::bench) fn wharf_plan(&self) -> Result<Command, Failure> {
        let mut command = self.wharf(&["system", "plan", "--quiet", "--root"]);
        command
            .arg(self.machine())
            .arg("install")
            .args(self.asked_of_apt()?);
        Ok(command)
    }

    /// Nothing is installed, as far as apt is told, or the whole set. apt's cache is made for it, as on a machine that is in use.
    pub(in crate::bench) fn install(&self, what: Installed) -> Result<(), Failure> {
        let status = match what {
            Installed::Nothing => "",
            Installed::Everything => match self.installed.get() {
                Some(known) => known,
                None => {
                    let ask = self.asked_of_apt()?.to_vec();
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

    /// `apt-get install` of what both take, with these options.
    pub(in crate::bench) fn apt_install(&self, options: &[&str]) -> Result<Command, Failure> {
        let mut command = self.apt.command("apt-get");
        command.args(["-y", "-qq"]).args(options).arg("install");
        command.args(self.asked_of_apt()?);
        Ok(command)
    }

    /// Every archive that apt fetched, into one folder.
    pub(in crate::bench) fn unpack(&self) -> Command {
        let mut command = Command::new("sh");
        let script = "for archive in \"$1\"/*.deb; do dpkg-deb --extract \"$archive\" \"$2\" || exit 1; done";
        command
            .args(["-c", script, "sh"])
            .arg(self.archives())
            .arg(self.unpacked());
        command
    }

    /// Where apt keeps the archives that it fetched.
    pub(in crate::bench) fn archives(&self) -> PathBuf {
        self.apt.folder().join("cache/archives")
    }

    /// How often live repositories were asked so far.
    pub(in crate::bench) fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }

    pub(in crate::bench) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    pub(in crate::bench) fn second(&self) -> PathBuf {
        self.folder.join("second")
    }

    pub(in crate::bench) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Where the archives of apt's side are unpacked to.
    pub(in crate::bench) fn unpacked(&self) -> PathBuf {
        self.folder.join("unpacked")
    }

    fn machine(&self) -> PathBuf {
        self.folder.join("machine")
    }
}

/// What apt calls itself.
pub(in crate::bench) fn apt_version() -> Result<String, Failure> {
    let said = shell::output(Command::new("apt-get").arg("--version"))?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// The names of the Debian packages that a project has locked: each table of one begins with its name.
fn locked(project: &Path) -> Result<Vec<String>, Failure> {
    let path = project.join("wharf.lock");
    let text = std::fs::read_to_string(&path).map_err(about(path.display()))?;
    let mut lines = text.lines();
    let mut names = Vec::new();
    while let Some(line) = lines.next() {
        if line == "[[deb.system.package]]"
            && let Some(name) = lines.next().and_then(|line| line.strip_prefix("name = "))
        {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    Ok(names)
}
