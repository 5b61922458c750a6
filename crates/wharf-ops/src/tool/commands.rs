//! The commands that a package of an environment brings, and what has to be around them when they run.
//!
//! This is the one place of tools that knows how ecosystems lay out commands: a new one is one more arm of [`of`].

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::PackageManifest;
use wharf_install::{Environment, Generation};
use wharf_sys::view::View;

use crate::error::OpsError;
use crate::run;
use crate::tool::places::Tool;

/// What a package brings to whoever installs it as a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brought {
    /// Its version, where it is installed.
    pub(crate) version: Option<String>,
    /// Its own commands, by name.
    pub(crate) commands: Vec<Brings>,
    /// What they need around them.
    pub(crate) around: Around,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Brings {
    /// What is typed.
    pub(crate) name: String,
    /// The file in the environment, the same for every generation; of a Debian package as it is seen in the view.
    pub(crate) path: PathBuf,
}

/// What a command has to find around it; mostly nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    /// The folder that comes first on PATH: that of a Node which came with the environment.
    pub(crate) path: Option<PathBuf>,
    /// The folder that comes first on NODE_PATH.
    pub(crate) node_path: Option<PathBuf>,
    /// The system root that they run in.
    pub(crate) view: Option<View>,
}

/// The versions of what packages run on, where the environment has its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runtimes {
    pub(crate) python: Option<String>,
    pub(crate) node: Option<String>,
}

impl Around {
    /// Whether commands run anywhere as they stand.
    pub(crate) fn is_empty(&self) -> bool {
        self.path.is_none() && self.node_path.is_none() && self.view.is_none()
    }

    /// Puts it around a command. Other than in `wharf run`, the environment stays out of sight: a tool that is asked about
    /// "the" environment means the caller's.
    ///
    /// Entering the view is left to whoever starts the command.
    pub(crate) fn surround(&self, command: &mut Command) {
        if let Some(view) = &self.view {
            run::settle_variables(view, command);
        }
        let before = |command: &Command, first: &Path, variable: &str| -> OsString {
            let set = command.get_envs().find(|(name, _)| *name == variable);
            let rest = match set.and_then(|(_, value)| value) {
                Some(value) => value.to_owned(),
                None => std::env::var_os(variable).unwrap_or_default(),
            };
            let rest = std::env::split_paths(&rest).filter(|path| !path.as_os_str().is_empty());
            let all = std::iter::once(first.to_owned()).chain(rest);
            std::env::join_paths(all).unwrap_or_else(|_| first.as_os_str().to_owned())
        };
        for (variable, folder) in [("PATH", &self.path), ("NODE_PATH", &self.node_path)] {
            if let Some(folder) = folder {
                let value = before(command, folder, variable);
                command.env(variable, value);
            }
        }
    }
}

/// What a tool's own package brings.
pub(crate) fn of_tool(tool: &Tool) -> Result<Brought, OpsError> {
    // What a process that died has left is finished first: no command sees one half of an environment.
    of(&Environment::open(&tool.folder)?, &tool.package)
}

/// What a package of an environment brings.
pub(crate) fn of(environment: &Environment, package: &PackageName) -> Result<Brought, OpsError> {
    let generation = environment.current()?;
    let Some(generation) = generation else {
        return Ok(Brought::default());
    };
    let (version, mut commands) = match package.ecosystem() {
        Ecosystem::Pypi => python(environment, &generation, package)?,
        Ecosystem::Npm => node(environment, package),
        Ecosystem::Cargo => built(environment, &generation, package),
        Ecosystem::Deb => of_system(&generation, package)?,
        Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => (None, Vec::new()),
    };
    commands.sort();
    commands.dedup();
    Ok(Brought {
        version,
        commands,
        around: around(environment, &generation),
    })
}

/// What the commands of an environment need around them.
pub(crate) fn around_of(environment: &Environment) -> Result<Around, OpsError> {
    let generation = environment.current()?;
    Ok(generation.map_or_else(Around::default, |generation| around(environment, &generation)))
}

/// The command that a package is run by: that of its own name, or its only one.
pub(crate) fn main<'a>(brought: &'a Brought, package: &PackageName) -> Option<&'a Brings> {
    let own = |one: &&Brings| is_own_name(package, &one.name);
    match (brought.commands.iter().find(own), brought.commands.as_slice()) {
        (Some(own), _) => Some(own),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Whether a command is called like its package: `ruff`, `cli` of `@scope/cli`, `Foo_Bar` of `foo-bar`.
fn is_own_name(package: &PackageName, command: &str) -> bool {
    let bare = package.as_str().rsplit('/').next().unwrap_or_default();
    bare == command
        || PackageName::new(package.ecosystem(), command).is_ok_and(|named| named.as_str() == bare)
}

/// Commands of the environment that other packages bring, for whoever expected them of the tool's own.
pub(crate) fn others(tool: &Tool, own: &Brought) -> Result<Vec<String>, OpsError> {
    let environment = Environment::locate(&tool.folder);
    let Some(generation) = environment.current()? else {
        return Ok(Vec::new());
    };
    let mut names: Vec<String> = Vec::new();
    for package in generation.python.iter().flat_map(|python| &python.packages) {
        let (_, commands) = python(&environment, &generation, &package.name)?;
        names.extend(
            commands
                .into_iter()
                .map(|one| format!("{} (pypi:{})", one.name, package.name)),
        );
    }
    // A package that only needs others is often called like the one that was meant: `postgresql` and `postgresql-15`.
    let alike = generation.system.iter().flat_map(|system| &system.packages);
    let alike = alike.filter(|one| one.name.as_str().starts_with(tool.package.as_str()));
    for package in alike {
        let (_, commands) = of_system(&generation, &package.name)?;
        names.extend(
            commands
                .into_iter()
                .map(|one| format!("{} (deb:{})", one.name, package.name)),
        );
    }
    let bin = environment.project().join("node_modules/.bin");
    let linked = fs::read_dir(bin).into_iter().flatten().flatten();
    names.extend(
        linked
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name != "node"),
    );
    names.retain(|name| !own.commands.iter().any(|one| one.name == *name));
    names.sort();
    Ok(names)
}

/// What a generation's packages run on.
pub(crate) fn runtimes(generation: Option<&Generation>) -> Runtimes {
    let python = generation.and_then(|generation| generation.python.as_ref());
    let node = generation.and_then(|generation| generation.node.as_ref());
    Runtimes {
        python: python.map(|python| python.interpreter.version.clone()),
        node: node
            .and_then(|node| node.runtime.as_ref())
            .map(|node| node.version.clone()),
    }
}

/// A Node of the environment's own has to be found, and packages that are looked up by name.
fn around(environment: &Environment, generation: &Generation) -> Around {
    let own_node = generation
        .node
        .as_ref()
        .is_some_and(|node| node.runtime.is_some());
    let modules = environment.project().join("node_modules");
    let hoisted = environment.project().join(wharf_install::node::HIDDEN);
    Around {
        path: own_node.then(|| modules.join(".bin")),
        node_path: hoisted.is_dir().then_some(hoisted),
        view: run::view(environment),
    }
}

/// The commands that a wheel's RECORD lists. Source: PyPA, "Recording installed projects".
fn python(
    environment: &Environment,
    generation: &Generation,
    package: &PackageName,
) -> Result<(Option<String>, Vec<Brings>), OpsError> {
    let Some(part) = &generation.python else {
        return Ok((None, Vec::new()));
    };
    let Some(installed) = part.packages.iter().find(|one| one.name == *package) else {
        return Ok((None, Vec::new()));
    };
    let site = environment.root().join(&part.site_packages);
    let scripts = environment.root().join(&part.scripts);
    let record = dist_info(&site, package).map(|folder| folder.join("RECORD"));
    let text = match record {
        Some(record) => fs::read_to_string(&record).map_err(OpsError::io("read", record))?,
        None => String::new(),
    };
    let commands = text.lines().filter_map(|line| {
        let path = normal(&site.join(first_field(line)));
        let name = path.strip_prefix(&scripts).ok()?.to_str()?.to_owned();
        (!name.contains('/')).then_some(Brings { name, path })
    });
    Ok((Some(installed.version.clone()), commands.collect()))
}

/// The folder of a package's metadata.
fn dist_info(site: &Path, package: &PackageName) -> Option<PathBuf> {
    let entries = fs::read_dir(site).ok()?.flatten();
    let mut folders = entries.filter(|entry| {
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".dist-info"));
        let project = stem.and_then(|stem| stem.split_once('-')).map(|(name, _)| name);
        project.is_some_and(|name| PackageName::pypi(name).is_ok_and(|name| name == *package))
    });
    folders.next().map(|entry| entry.path())
}

/// The first field of a line of CSV.
fn first_field(line: &str) -> String {
    match line.strip_prefix('"') {
        Some(rest) => rest.split("\",").next().unwrap_or_default().replace("\"\"", "\""),
        None => line.split(',').next().unwrap_or_default().to_owned(),
    }
}

/// A path with its `..` worked out, looking at no file.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

/// The commands that were built of a crate.
fn built(
    environment: &Environment,
    generation: &Generation,
    package: &PackageName,
) -> (Option<String>, Vec<Brings>) {
    let mut tools = generation.commands.iter().flat_map(|part| &part.tools);
    let Some(tool) = tools.find(|tool| tool.name == *package) else {
        return (None, Vec::new());
    };
    let folder = environment.commands();
    let commands = tool.commands.iter().map(|name| Brings {
        name: name.clone(),
        path: folder.join(name),
    });
    (Some(tool.version.clone()), commands.collect())
}

/// The programs that the list of a Debian package's files names. Source: dpkg's `info/NAME.list`, which a system root has.
fn of_system(
    generation: &Generation,
    package: &PackageName,
) -> Result<(Option<String>, Vec<Brings>), OpsError> {
    let Some(part) = &generation.system else {
        return Ok((None, Vec::new()));
    };
    let Some(installed) = part.packages.iter().find(|one| one.name == *package) else {
        return Ok((None, Vec::new()));
    };
    let info = part.root.join("var/lib/dpkg/info");
    let plain = info.join(format!("{package}.list"));
    let list = match plain.exists() {
        true => plain,
        false => info.join(format!("{package}:{}.list", installed.architecture)),
    };
    let bytes = fs::read(&list).map_err(OpsError::io("read", list))?;
    let text = String::from_utf8_lossy(&bytes);
    let commands = text.lines().filter_map(|line| {
        let path = programs_path(line)?;
        let name = path.file_name()?.to_str()?.to_owned();
        Some(Brings { name, path })
    });
    Ok((Some(installed.version.clone()), commands.collect()))
}

/// The path of a program among a package's files, as it is seen in the view; folders of `/` are those of `/usr`.
fn programs_path(line: &str) -> Option<PathBuf> {
    let rest = line.strip_prefix("/usr/").or_else(|| line.strip_prefix('/'))?;
    let (folder, name) = rest.split_once('/')?;
    let is_program = matches!(folder, "bin" | "sbin" | "games") && !name.is_empty() && !name.contains('/');
    is_program.then(|| Path::new("/usr").join(rest))
}

/// The links of `.bin` that lead to the package beside it.
fn node(environment: &Environment, package: &PackageName) -> (Option<String>, Vec<Brings>) {
    let modules = environment.project().join("node_modules");
    let manifest = fs::read(modules.join(package.as_str()).join("package.json"));
    let manifest = manifest.ok().and_then(|text| PackageManifest::parse(&text).ok());
    let Some(manifest) = manifest else {
        return (None, Vec::new());
    };
    let own = Path::new("..").join(package.as_str());
    let entries = fs::read_dir(modules.join(".bin")).into_iter().flatten().flatten();
    let commands = entries.filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.starts_with(&own).then_some(Brings {
            name: entry.file_name().into_string().ok()?,
            path: entry.path(),
        })
    });
    let commands = commands.collect();
    (manifest.version.map(|version| version.to_string()), commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(names: &[&str]) -> Brought {
        let command = |name: &&str| Brings {
            name: (*name).to_owned(),
            path: Path::new("/e/bin").join(name),
        };
        Brought {
            commands: names.iter().map(command).collect(),
            ..Brought::default()
        }
    }

    #[test]
    fn the_command_of_a_package() {
        for (ecosystem, package, commands, chosen) in [
            (Ecosystem::Pypi, "ruff", &["ruff"][..], Some("ruff")),
            (
                Ecosystem::Pypi,
                "httpie",
                &["http", "https", "httpie"],
                Some("httpie"),
            ),
            (
                Ecosystem::Pypi,
                "pre-commit",
                &["a", "pre_commit"],
                Some("pre_commit"),
            ),
            (Ecosystem::Npm, "@angular/cli", &["ng"], Some("ng")),
            (Ecosystem::Npm, "@scope/tool", &["other", "tool"], Some("tool")),
            (Ecosystem::Npm, "typescript", &["tsc", "tsserver"], None),
            (Ecosystem::Npm, "left-pad", &[], None),
        ] {
            let package = PackageName::new(ecosystem, package).unwrap();
            let brought = brought(commands);
            let found = main(&brought, &package).map(|one| one.name.as_str());
            assert_eq!(found, chosen, "{package}");
        }
    }

    #[test]
    fn programs_of_a_debian_package() {
        for (line, path) in [
            ("/usr/bin/jq", Some("/usr/bin/jq")),
            ("/bin/ls", Some("/usr/bin/ls")),
            ("/usr/sbin/nginx", Some("/usr/sbin/nginx")),
            ("/usr/games/cowsay", Some("/usr/games/cowsay")),
            ("/usr/bin", None),
            ("/usr/bin/a/b", None),
            ("/usr/share/doc", None),
            ("/.", None),
            ("", None),
        ] {
            assert_eq!(programs_path(line).as_deref(), path.map(Path::new), "{line}");
        }
    }

    #[test]
    fn lines_of_a_record() {
        for (line, path) in [
            ("../../../bin/ruff,sha256=x,12", "../../../bin/ruff"),
            ("\"a,b.py\",,", "a,b.py"),
            ("\"a\"\"b.py\",,", "a\"b.py"),
            ("", ""),
        ] {
            assert_eq!(first_field(line), path);
        }
        assert_eq!(normal(Path::new("/e/lib/p/../../bin/x")), Path::new("/e/bin/x"));
    }
}
