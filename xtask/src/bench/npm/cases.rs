//! What is measured of an npm project: the same work for every tool, in folders of its own, with a home of its own.
//!
//! *Warm* means that every document is fresh; `node_modules` is gone before each installation. Which class a way belongs to is
//! read from what it installed, not from what it says.

use std::path::{Path, PathBuf};

use wharf_testkit::Modules;

use super::super::measure::{Sample, measure};
use super::super::report::SetResult;
use super::super::rounds::{Case, Class, Kind, Way, Work, measure_all};
use super::super::{Options, remove};
use super::mirror::NpmMirror;
use super::peers::NpmPeers;
use super::sets::Set;
use super::tools::{Place, Step, Tool};
use crate::shell::{self, Failure, about};

/// What a way installed: names with versions, as node finds them from the project, and where most of their files are.
struct Installed {
    tool: Tool,
    packages: usize,
    class: Class,
}

/// A set made ready.
pub(super) struct Bench<'run> {
    folder: PathBuf,
    homes: PathBuf,
    set: Set,
    tools: &'run [Tool],
    peers: &'run NpmPeers,
    wharf: Option<&'run Path>,
    mirror: &'run NpmMirror,
    installed: Vec<Installed>,
}

impl<'run> Bench<'run> {
    /// Writes the projects of a set, one for each tool.
    pub(super) fn new(
        folder: &Path,
        set: Set,
        tools: &'run [Tool],
        peers: &'run NpmPeers,
        wharf: Option<&'run Path>,
        mirror: &'run NpmMirror,
    ) -> Result<Self, Failure> {
        remove(folder)?;
        let bench = Self {
            folder: folder.to_owned(),
            homes: folder.join("homes"),
            set,
            tools,
            peers,
            wharf,
            mirror,
            installed: Vec::new(),
        };
        for tool in bench.tools(Case::InstallCold) {
            for (project, manifest) in [
                (bench.project(tool), bench.set.manifest()),
                (bench.second(tool), bench.set.second_manifest()),
            ] {
                std::fs::create_dir_all(&project).map_err(about(project.display()))?;
                std::fs::write(project.join("package.json"), manifest)?;
                tool.write_settings(&project, &mirror.url())?;
            }
        }
        Ok(bench)
    }

    /// Locks both projects with every tool and installs one, so that all answers are recorded, and counts. What the second
    /// one has beyond the first is recorded when it is measured: that run is repeated.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        for tool in self.tools(Case::InstallCold) {
            for project in [self.second(tool), self.project(tool)] {
                self.run(tool, Step::Lock, &project)?;
                if !project.join(tool.lockfile()).is_file() {
                    return Err(Failure(format!("{}: wrote no {}", tool.name(), tool.lockfile())));
                }
            }
            self.run(tool, Step::Install, &self.project(tool))?;
            let modules = Modules::read(&self.project(tool), &[]).map_err(Failure)?;
            let packages = modules.packages().len();
            let class = class(&modules);
            println!(
                "    {:<16}{packages:>6} packages in the {}",
                tool.name(),
                class.name()
            );
            self.installed.push(Installed {
                tool,
                packages,
                class,
            });
        }
        Ok(())
    }

    /// Measures every case.
    pub(super) fn measure(&self, options: &Options) -> Result<SetResult, Failure> {
        let counts = self.installed.iter();
        let counts: Vec<_> = counts
            .map(|installed| format!("{} {}", installed.tool.name(), installed.packages))
            .collect();
        Ok(SetResult {
            set: self.set.name.to_owned(),
            facts: vec![format!("packages: {}", counts.join(", "))],
            cases: measure_all(self, options)?,
        })
    }

    /// The set's name.
    pub(super) fn set_name(&self) -> &str {
        self.set.name
    }

    /// The tools whose installation is made ready.
    pub(super) fn installed_tools(&self) -> impl Iterator<Item = Tool> {
        self.installed.iter().map(|installed| installed.tool)
    }

    /// Removes what a set leaves: some gigabytes.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        remove(&self.folder)
    }

    /// Does a step without measuring it.
    fn run(&self, tool: Tool, step: Step, project: &Path) -> Result<(), Failure> {
        let home = self.place().home(tool);
        std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        shell::output(&mut tool.command(step, project, &self.place())).map(|_| ())
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place {
            peers: self.peers,
            wharf: self.wharf,
            homes: &self.homes,
        }
    }

    pub(super) fn project(&self, tool: Tool) -> PathBuf {
        super::project_folder(&self.folder, tool)
    }

    fn second(&self, tool: Tool) -> PathBuf {
        self.folder.join("second").join(tool.name())
    }
}

impl Work for Bench<'_> {
    type Tool = Tool;
    type Case = Case;

    const CASES: &'static [Case] = &[
        Case::ResolveCold,
        Case::ResolveWarm,
        Case::InstallCold,
        Case::InstallWarm,
        Case::Nothing,
        Case::Second,
    ];
    const LARGE: bool = true;

    fn tools(&self, case: Case) -> Vec<Tool> {
        let tools = self.tools.iter().copied();
        tools
            .filter(|tool| !tool.is_wharf() || self.wharf.is_some())
            .filter(|tool| !case.resolves() || !tool.resolves_as_another())
            .collect()
    }

    fn way(&self, tool: Tool, case: Case) -> Way {
        let installed = self.installed.iter().find(|installed| installed.tool == tool);
        Way {
            name: tool.name(),
            class: installed
                .filter(|_| !case.resolves())
                .map(|installed| installed.class),
            wharf: tool.is_wharf(),
            slow: tool == Tool::Npm,
        }
    }

    fn clear_for(&self, case: Case, tool: Tool) -> Result<(), Failure> {
        if case.cold() {
            remove(&self.place().home(tool))?;
        }
        let projects = match case {
            Case::Nothing => Vec::new(),
            Case::Second => vec![self.project(tool), self.second(tool)],
            _ => vec![self.project(tool)],
        };
        for project in projects {
            remove(&project.join("node_modules"))?;
            remove(&project.join(".wharf"))?;
            if case.resolves() {
                remove(&project.join(tool.lockfile()))?;
            }
        }
        Ok(())
    }

    fn once(&self, case: Case, tool: Tool) -> Result<Sample, Failure> {
        let project = match case {
            Case::Second => {
                self.run(tool, Step::Install, &self.project(tool))?;
                self.second(tool)
            }
            _ => self.project(tool),
        };
        let home = self.place().home(tool);
        std::fs::create_dir_all(&home).map_err(about(home.display()))?;
        // What the last run wrote is not written back during this one.
        rustix::fs::sync();
        measure(&mut tool.command(Step::of(case), &project, &self.place()))
    }

    fn asked(&self) -> Result<u64, Failure> {
        self.mirror.asked()
    }
}

/// Where most of the packages are.
fn class(modules: &Modules) -> Class {
    let project = &modules.found[0].folder;
    let packages = || modules.found.iter().filter(|module| !module.importer);
    let inside = packages().filter(|module| module.folder.starts_with(project));
    match inside.count() * 2 > packages().count() {
        true => Class::Project,
        false => Class::Store,
    }
}

#[cfg(test)]
mod tests {
    use wharf_testkit::Module;

    use super::*;

    #[test]
    fn the_class_is_where_most_packages_really_are() {
        let module = |folder: &str, importer: bool| Module {
            folder: folder.into(),
            name: String::new(),
            version: String::new(),
            importer,
            manifest: serde_json::Value::Null,
        };
        let check = |folders: &[&str], expected: Class| {
            let packages = folders.iter().map(|folder| module(folder, false));
            let modules = Modules {
                found: std::iter::once(module("/w/p", true)).chain(packages).collect(),
                links: Vec::new(),
            };
            assert_eq!(class(&modules), expected, "{folders:?}");
        };
        check(
            &["/home/store/a", "/home/store/b", "/w/p/node_modules/c"],
            Class::Store,
        );
        check(
            &["/home/store/a", "/w/p/node_modules/b", "/w/p/node_modules/c"],
            Class::Project,
        );
        check(&["/w/p-store/a"], Class::Store);
    }
}
