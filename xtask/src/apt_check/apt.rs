//! apt in folders of its own. Invariant: nothing outside of them is written, and nothing is installed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{Answer, Packages, Set};
use crate::shell::{self, Failure, about};

/// An index that apt fetched.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The file.
    pub(crate) packages: PathBuf,
    /// The signed file that lists it.
    pub(crate) release: PathBuf,
    pub(crate) component: String,
    pub(crate) architecture: String,
}

/// apt, its folders, and what the machine is.
pub(crate) struct Apt {
    folder: PathBuf,
    /// The machine's own architecture.
    pub(crate) native: String,
    /// Settings of its own.
    more: String,
}

/// The repositories, without their architectures, below the folder.
const REPOSITORIES: &str = "repositories";

/// The foreign architecture whose indexes are there for sets that want it.
const FOREIGN: &str = "i386";

impl Apt {
    /// Makes the folders, names the machine's Debian repositories and their backports in them, and fetches the indexes.
    pub(crate) fn prepare(offline: bool) -> Result<Self, Failure> {
        let apt = Self::at(&shell::target().join("apt-check"), "")?;
        if !offline {
            apt.write(REPOSITORIES, &Self::repositories()?)?;
            apt.configure(&[FOREIGN.to_owned()])?;
            // One repository that is out of order leaves the others; what is there is the world of both sides.
            let _ = apt.command("apt-get").arg("update").output()?;
        }
        Ok(apt)
    }

    /// Makes the folders. `more` is what apt is told beside where they are.
    pub(crate) fn at(folder: &Path, more: &str) -> Result<Self, Failure> {
        for below in [
            "state/lists/partial",
            "cache/archives/partial",
            "etc/preferences.d",
            "etc/sources.list.d",
            "etc/apt.conf.d",
        ] {
            std::fs::create_dir_all(folder.join(below))?;
        }
        let native = output(Command::new("dpkg").arg("--print-architecture"))?;
        let apt = Self {
            folder: folder.to_owned(),
            native: native.trim().to_owned(),
            more: more.to_owned(),
        };
        apt.write("status", "")?;
        Ok(apt)
    }

    /// Names the repositories: lines of a `sources.list` without their type and architectures.
    pub(crate) fn name_repositories(&self, lines: &str) -> Result<(), Failure> {
        self.write(REPOSITORIES, lines)?;
        self.configure(&[])
    }

    /// Where its folders are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, below: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(below);
        // Equal contents keep their date, so that apt's cache stays good.
        if std::fs::read_to_string(&path).is_ok_and(|known| known == text) {
            return Ok(());
        }
        std::fs::write(&path, text).map_err(about(path.display()))
    }

    fn configure(&self, foreign: &[String]) -> Result<(), Failure> {
        let at = self.folder.display();
        let mut architectures = format!("\"{}\";", self.native);
        for word in foreign {
            write!(architectures, " \"{word}\";").expect("text can be written to");
        }
        let text = format!(
            r#"Dir::State "{at}/state";
Dir::State::status "{at}/status";
Dir::State::extended_states "{at}/state/extended_states";
Dir::Cache "{at}/cache";
Dir::Log "{at}/log";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{at}/etc/apt.conf.d";
Dir::Etc::sourcelist "{at}/etc/sources.list";
Dir::Etc::sourceparts "{at}/etc/sources.list.d";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/usr/share/keyrings";
Dir::Etc::preferences "{at}/etc/preferences";
Dir::Etc::preferencesparts "{at}/etc/preferences.d";
APT::Architecture "{native}";
APT::Architectures {{ {architectures} }};
Acquire::GzipIndexes "false";
Acquire::Languages "none";
Debug::NoLocking "true";
{more}"#,
            native = self.native,
            more = self.more,
        );
        self.write("apt.conf", &text)?;
        let words: Vec<&str> = std::iter::once(&self.native)
            .chain(foreign)
            .map(String::as_str)
            .collect();
        let repositories =
            std::fs::read_to_string(self.folder.join(REPOSITORIES)).map_err(about(REPOSITORIES))?;
        let sources: String = repositories
            .lines()
            .map(|line| format!("deb [arch={}] {line}\n", words.join(",")))
            .collect();
        self.write("etc/sources.list", &sources)
    }

    /// The machine's Debian repositories, and the backports of the release.
    pub(crate) fn repositories() -> Result<String, Failure> {
        let format = "$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)";
        let listed = output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            format,
            "Created-By: Packages",
        ]))?;
        let mut lines = BTreeSet::new();
        for line in listed.lines() {
            let [origin, codename, release, component, uri] = line.split('|').collect::<Vec<_>>()[..] else {
                continue;
            };
            if origin != "Debian" {
                continue;
            }
            lines.insert(format!("{uri} {release} {component}"));
            if release == codename && !release.contains('-') {
                lines.insert(format!("{uri} {codename}-backports {component}"));
            }
        }
        match lines.is_empty() {
            true => Err(Failure(
                "apt knows no Debian repository on this machine".to_owned(),
            )),
            false => Ok(lines.into_iter().map(|line| line + "\n").collect()),
        }
    }

    /// A program of apt's that knows these folders alone.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }

    /// The indexes that are there for a set.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, Failure> {
        let format = "$(FILENAME)|$(COMPONENT)|$(ARCHITECTURE)";
        let listed = output(self.command("apt-get").args([
            "indextargets",
            "--format",
            format,
            "Created-By: Packages",
        ]))?;
        let mut targets = Vec::new();
        for line in listed.lines() {
            let [packages, component, architecture] = line.split('|').collect::<Vec<_>>()[..] else {
                continue;
            };
            let Some((repository, _)) = packages.rsplit_once(&format!("_{component}_binary-")) else {
                continue;
            };
            if Path::new(packages).exists() {
                targets.push(Target {
                    packages: packages.into(),
                    release: format!("{repository}_InRelease").into(),
                    component: component.to_owned(),
                    architecture: architecture.to_owned(),
                });
            }
        }
        Ok(targets)
    }

    /// Brings the folders into the state that a set starts from.
    pub(crate) fn arrange(&self, set: &Set) -> Result<(), Failure> {
        self.configure(&set.foreign)?;
        self.write("status", "")?;
        self.write("etc/preferences", "")?;
        if !set.installed.is_empty() {
            let before = Set {
                ask: set.installed.clone(),
                installed: Vec::new(),
                holds: Vec::new(),
                target: None,
                ..set.clone()
            };
            let answer = self.solve(&before)?;
            let packages = answer.packages.ok_or_else(|| {
                Failure(format!(
                    "{}: what is to be installed before cannot be: {}",
                    set.name, answer.said
                ))
            })?;
            self.write("status", &self.status(&packages, &set.holds)?)?;
        }
        self.write("etc/preferences", &set.preferences)
    }

    /// dpkg's status of packages that are installed.
    fn status(&self, packages: &Packages, holds: &[String]) -> Result<String, Failure> {
        let mut texts = std::collections::BTreeMap::new();
        for target in self.targets()? {
            let list = std::fs::File::open(&target.packages).map_err(about(target.packages.display()))?;
            // A stanza at a time: a bench measures memory from what this process needs on.
            for stanza in stanzas(std::io::BufReader::new(list)) {
                let stanza = stanza?;
                let field = |name: &str| {
                    let found = stanza.lines().find_map(|line| line.strip_prefix(name));
                    found.unwrap_or_default().trim()
                };
                let architecture = match field("Architecture:") {
                    "all" => self.native.as_str(),
                    word => word,
                };
                let key = format!("{}:{architecture}", field("Package:"));
                let is_meant = packages
                    .get(&key)
                    .is_some_and(|version| version == field("Version:"));
                if is_meant {
                    let is_held = holds.iter().any(|held| *held == field("Package:"));
                    let want = if is_held { "hold" } else { "install" };
                    texts
                        .entry(key)
                        .or_insert_with(|| format!("{}\nStatus: {want} ok installed\n\n", stanza.trim()));
                }
            }
        }
        Ok(texts.into_values().collect())
    }

    /// What is installed, as the state stands.
    pub(crate) fn status_text(&self) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(self.folder.join("status"))?)
    }

    /// What apt makes of a set: what is there in the end.
    pub(crate) fn solve(&self, set: &Set) -> Result<Answer, Failure> {
        // The cache is made beforehand, as it would be on a machine that is in use.
        let _ = self.command("apt-cache").arg("gencaches").output()?;
        let mut command = self.command("apt-get");
        command.args(["-s", "-y", "--allow-downgrades"]);
        if !set.recommends {
            command.arg("--no-install-recommends");
        }
        if let Some(release) = &set.target {
            command.args(["-t", release]);
        }
        command.arg("install").args(&set.ask);
        let start = Instant::now();
        let result = command.output()?;
        let time = start.elapsed();
        let said = String::from_utf8_lossy(&result.stdout);
        let packages = match result.status.success() {
            true => Some(self.afterwards(&said)?),
            false => None,
        };
        Ok(Answer {
            packages,
            time,
            said: said.into_owned() + &String::from_utf8_lossy(&result.stderr),
        })
    }

    /// What was installed, with what apt says that it would do.
    fn afterwards(&self, said: &str) -> Result<Packages, Failure> {
        let mut packages = Packages::new();
        for stanza in self
            .status_text()?
            .split("\n\n")
            .filter(|stanza| !stanza.trim().is_empty())
        {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            };
            let architecture = match field("Architecture:") {
                word if word == "all" => self.native.clone(),
                word => word,
            };
            packages.insert(format!("{}:{architecture}", field("Package:")), field("Version:"));
        }
        for line in said.lines() {
            let mut words = line.split_whitespace();
            let (Some(deed), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let key = match name.contains(':') {
                true => name.to_owned(),
                false => format!("{name}:{}", self.native),
            };
            match deed {
                "Inst" => {
                    let version = line
                        .split_once('(')
                        .and_then(|(_, rest)| rest.split_whitespace().next())
                        .ok_or_else(|| Failure(format!("apt says `{line}`")))?;
                    packages.insert(key, version.to_owned());
                }
                "Remv" | "Purg" => {
                    packages.remove(&key);
                }
                _ => {}
            }
        }
        Ok(packages)
    }
}

/// The stanzas of a file, one at a time.
fn stanzas(list: impl std::io::BufRead) -> impl Iterator<Item = std::io::Result<String>> {
    let mut lines = list.lines();
    std::iter::from_fn(move || {
        let mut stanza = String::new();
        for line in lines.by_ref() {
            match line {
                Ok(line) if line.is_empty() => break,
                Ok(line) => stanza = stanza + &line + "\n",
                Err(error) => return Some(Err(error)),
            }
        }
        (!stanza.is_empty()).then_some(Ok(stanza))
    })
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let result = command.output().map_err(about(&program))?;
    match result.status.success() {
        true => Ok(String::from_utf8_lossy(&result.stdout).into_owned()),
        false => Err(Failure(format!(
            "{program}: {}",
            String::from_utf8_lossy(&result.stderr)
        ))),
    }
}
