//! What is asked of a tool: requirements in short form, and the manifest that says them.
//!
//! A new ecosystem is one more arm of [`add`], and what reads it back and takes it out: the rest is the project's business.

use std::fs;
use std::path::Path;

use wharf_core::{Ecosystem, PackageName, ShortRequirement};
use wharf_ecosystem::npm::EdgeKind;
use wharf_install::python::Request;
use wharf_project::edit::cargo::{self as cargo_edit, CrateManifestText, ToolAddition};
use wharf_project::edit::deb as deb_edit;
use wharf_project::edit::npm::{self as npm_edit, NpmAddition, NpmManifest};
use wharf_project::edit::{self, Addition, Manifest};
use wharf_project::{Group, ManifestKind, Project, RequirementSource, RootRequirement};

use crate::error::OpsError;
use crate::names;
use crate::session::Session;
use crate::tool::error::ToolError;
use crate::write;

/// The file that says which Python a tool wants, as in any project.
pub(crate) const PYTHON: &str = ".python-version";

/// A requirement of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The package.
    pub(crate) package: PackageName,
    /// The requirement in its ecosystem's own syntax.
    pub(crate) text: String,
    /// What a crate is built with.
    pub(crate) features: Features,
}

/// What crates are built with, where that is not what they switch on by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Features that are switched on.
    pub on: Vec<String>,
    /// Whether those that a crate switches on by itself stay off.
    pub without_default: bool,
}

/// What a tool's manifest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    /// For the tool itself.
    pub(crate) requested: String,
    /// For what is beside it.
    pub(crate) with: Vec<String>,
}

impl Asked {
    /// Reads `pypi:ruff==0.5`, `npm:prettier@3`.
    ///
    /// # Errors
    /// Where it is malformed, names no ecosystem, or a place that means something else in another folder.
    pub(crate) fn parse(text: &str) -> Result<Self, OpsError> {
        let short = ShortRequirement::parse(text).map_err(|error| crate::edit::not_short(text, error))?;
        if is_relative(&short) {
            return Err(ToolError::Relative {
                text: text.to_owned(),
            }
            .into());
        }
        Ok(Self {
            package: short.name,
            text: short.text,
            features: Features::default(),
        })
    }

    /// The same, built with these features.
    ///
    /// # Errors
    /// Where some are named and it is no crate.
    pub(crate) fn with_features(self, features: &Features) -> Result<Self, ToolError> {
        match self.package.ecosystem() {
            Ecosystem::Cargo => Ok(Self {
                features: features.clone(),
                ..self
            }),
            _ if *features == Features::default() => Ok(self),
            _ => Err(ToolError::NoFeatures {
                package: self.package,
            }),
        }
    }

    /// As it was typed.
    pub(crate) fn short(&self) -> String {
        format!("{}:{}", self.package.ecosystem(), self.text)
    }
}

/// Reads several.
pub(crate) fn all(texts: &[String]) -> Result<Vec<Asked>, OpsError> {
    texts.iter().map(|text| Asked::parse(text)).collect()
}

/// Whether a requirement names a place relative to the current folder: a tool has a folder of its own.
fn is_relative(short: &ShortRequirement) -> bool {
    let place = short.text.split_once('@').map_or("", |(_, place)| place).trim();
    let place = ["file:", "link:"]
        .iter()
        .find_map(|scheme| place.strip_prefix(scheme))
        .unwrap_or(place);
    place.starts_with("./") || place.starts_with("../")
}

/// Writes the manifest of a tool, and which Python it wants. What the manifest says beyond requirements stays.
pub(crate) fn write(
    session: &Session,
    folder: &Path,
    package: &PackageName,
    asked: &[&Asked],
) -> Result<(), OpsError> {
    let path = folder.join("wharf.toml");
    let before = match fs::read_to_string(&path) {
        Ok(text) => without_requirements(session, folder, &path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => beginning(package),
        Err(error) => return Err(OpsError::io("read", path)(error)),
    };
    write::file(&path, &with(before, &path, asked)?)?;
    name_suite(session, folder)?;
    write_python(session, folder)
}

/// The suite of Debian that counts where neither the manifest nor the machine says one.
const SUITE: &str = "stable";

/// Writes which suite a manifest with packages of Debian means, where nothing else says it.
pub(crate) fn name_suite(session: &Session, folder: &Path) -> Result<(), OpsError> {
    let project = session.at(folder).project(&Vec::new())?;
    if project.deb.is_none_or(|deb| deb.suite.is_some()) {
        return Ok(());
    }
    let path = folder.join("wharf.toml");
    let text = fs::read_to_string(&path).map_err(OpsError::io("read", &path))?;
    let said = text.replacen("[deb]\n", &format!("[deb]\nsuite = \"{SUITE}\"\n"), 1);
    write::file(&path, &said)
}

/// Writes the manifest of a project that is not there yet.
pub(crate) fn write_requirements(
    path: &Path,
    package: &PackageName,
    asked: &[&Asked],
) -> Result<(), OpsError> {
    write::file(path, &with(beginning(package), path, asked)?)
}

fn with(mut text: String, path: &Path, asked: &[&Asked]) -> Result<String, OpsError> {
    for one in asked {
        text = add(path, &text, one)?;
    }
    Ok(text)
}

fn beginning(package: &PackageName) -> String {
    let name = package.as_str().rsplit('/').next().unwrap_or_default();
    format!(
        "# Written by `wharf tool`. `wharf tool upgrade` keeps to these requirements.\n[project]\nname = \"{name}\"\n"
    )
}

/// The manifest with one more requirement, as it was asked for.
fn add(path: &Path, text: &str, asked: &Asked) -> Result<String, OpsError> {
    let edited = match asked.package.ecosystem() {
        Ecosystem::Pypi => {
            let addition = Addition {
                text: asked.text.clone(),
                group: Group::Main,
                editable: false,
                index: None,
            };
            edit::add(python_manifest(path, text), &[addition])?
        }
        Ecosystem::Npm => {
            let short = npm_edit::parse_short(&asked.text)?;
            let addition = NpmAddition {
                alias: asked.package.as_str().to_owned(),
                text: short.asked().to_owned(),
                kind: EdgeKind::Prod,
            };
            npm_edit::add(npm_manifest(path, text), &[addition])?
        }
        Ecosystem::Cargo => {
            let short = cargo_edit::parse_short(&asked.text)?;
            let addition = ToolAddition {
                features: asked.features.on.clone(),
                default_features: asked.features.without_default.then_some(false),
                ..short.tool()
            };
            cargo_edit::add_tools(cargo_manifest(path, text), &[addition])?
        }
        Ecosystem::Deb => {
            let relation = deb_edit::relation(&asked.text).map_err(|error| OpsError::CannotAdd {
                text: asked.short(),
                reason: error.to_string(),
                hint: "write for example `deb:jq`, `deb:jq=1.6-2.1` or `deb:jq>=1.6`".to_owned(),
            })?;
            deb_edit::add(python_manifest(path, text), &[relation], &Group::Main)?
        }
        Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => {
            return Err(crate::edit::not_yet(&asked.short(), asked.package.ecosystem()));
        }
    };
    Ok(edited)
}

fn python_manifest<'a>(path: &'a Path, text: &'a str) -> Manifest<'a> {
    Manifest {
        kind: ManifestKind::Wharf,
        path,
        text,
        group: &Group::Main,
    }
}

fn npm_manifest<'a>(path: &'a Path, text: &'a str) -> NpmManifest<'a> {
    NpmManifest {
        kind: ManifestKind::Wharf,
        path,
        text,
    }
}

fn cargo_manifest<'a>(path: &'a Path, text: &'a str) -> CrateManifestText<'a> {
    CrateManifestText {
        kind: ManifestKind::Wharf,
        path,
        text,
    }
}

/// The manifest without what was asked before.
fn without_requirements(
    session: &Session,
    folder: &Path,
    path: &Path,
    text: &str,
) -> Result<String, OpsError> {
    let project = session.at(folder).project(&Vec::new())?;
    let names: Vec<PackageName> = project.roots.iter().map(RootRequirement::name).collect();
    let (text, _) = edit::remove(python_manifest(path, text), &names, None)?;
    let importers = project.npm.iter().flat_map(|npm| &npm.importers);
    let aliases: Vec<String> = importers
        .flat_map(|importer| &importer.requirements)
        .map(|asked| asked.alias.clone())
        .collect();
    let (text, _) = npm_edit::remove(npm_manifest(path, &text), &aliases, None)?;
    let tools = project.cargo_tools.iter().flat_map(|cargo| &cargo.tools);
    let crates: Vec<PackageName> = tools.map(|tool| tool.name.clone()).collect();
    let (text, _) = cargo_edit::remove_tools(cargo_manifest(path, &text), &crates)?;
    let debs: Vec<PackageName> = debs(&project).map(|(name, _)| name).collect();
    let (text, _) = deb_edit::remove(python_manifest(path, &text), &debs, None)?;
    Ok(text)
}

/// Notes which Python was asked for, so that an upgrade keeps to it.
fn write_python(session: &Session, folder: &Path) -> Result<(), OpsError> {
    let path = folder.join(PYTHON);
    let Some(asked) = &session.settings().python else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(OpsError::io("remove", path)(error))
            }
            _ => Ok(()),
        };
    };
    let request: Request = asked.parse().map_err(wharf_install::PythonError::from)?;
    let text = match request {
        // An executable is used this time; what an upgrade can keep to is its version.
        Request::Path(_) => session.any_interpreter()?.minor.to_string(),
        Request::Version { .. } | Request::Range(_) | Request::Name(_) => request.to_string(),
    };
    write::file(&path, &format!("{text}\n"))
}

/// What a tool's manifest asks for.
pub(crate) fn stated(session: &Session, folder: &Path, package: &PackageName) -> Result<Stated, OpsError> {
    let project = session.at(folder).project(&Vec::new())?;
    let (own, with): (Vec<_>, Vec<_>) = requirements(&project)
        .into_iter()
        .partition(|(name, _)| name == package);
    let text = |(name, text): (PackageName, String)| format!("{}:{text}", name.ecosystem());
    let requested = own.into_iter().map(text).collect::<Vec<_>>().join(" ");
    Ok(Stated {
        requested: match requested.is_empty() {
            true => names::short(package),
            false => requested,
        },
        with: with.into_iter().map(text).collect(),
    })
}

/// Every requirement of a project in its ecosystem's own syntax.
fn requirements(project: &Project) -> Vec<(PackageName, String)> {
    let python = project.roots.iter().map(|root| (root.name(), python_text(root)));
    let importers = project.npm.iter().flat_map(|npm| &npm.importers);
    let npm = importers
        .flat_map(|importer| &importer.requirements)
        .filter_map(|asked| {
            let name = PackageName::new(Ecosystem::Npm, &asked.alias).ok()?;
            let text = match asked.text.as_str() {
                "latest" | "" => asked.alias.clone(),
                text => format!("{}@{text}", asked.alias),
            };
            Some((name, text))
        });
    let tools = project.cargo_tools.iter().flat_map(|cargo| &cargo.tools);
    let cargo = tools.map(|tool| {
        let text = match tool.req.to_string().as_str() {
            "*" => tool.name.to_string(),
            req => format!("{}@{req}", tool.name),
        };
        (tool.name.clone(), text)
    });
    python.chain(npm).chain(cargo).chain(debs(project)).collect()
}

/// The requirements on Debian packages, by the first package that each would have.
fn debs(project: &Project) -> impl Iterator<Item = (PackageName, String)> + '_ {
    let asked = project.deb.iter().flat_map(|deb| &deb.packages);
    asked.filter_map(|one| {
        let first = one.relation.alternatives.first()?;
        Some((first.name.clone(), one.relation.to_string()))
    })
}

fn python_text(root: &RootRequirement) -> String {
    let extras: Vec<&str> = root.extras().collect();
    let extras = match extras.is_empty() {
        true => String::new(),
        false => format!("[{}]", extras.join(",")),
    };
    let place = match &root.source {
        Some(RequirementSource::Index { .. }) | None => root.specifiers(),
        Some(source) => format!(" @ {source}"),
    };
    format!("{}{extras}{place}", root.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::Explain;

    #[test]
    fn requests_in_short_form() {
        for (text, package) in [
            ("pypi:ruff", "pypi:ruff"),
            ("pypi:Black[jupyter]>=24", "pypi:black"),
            ("npm:@angular/cli@next", "npm:@angular/cli"),
            ("npm:x@file:/srv/x", "npm:x"),
            ("cargo:just@1", "cargo:just"),
            ("deb:jq", "deb:jq"),
            ("deb:jq=1.6-2.1", "deb:jq"),
            ("deb:libpq-dev (>= 15)", "deb:libpq-dev"),
        ] {
            let asked = Asked::parse(text).unwrap();
            assert_eq!(names::short(&asked.package), package);
            assert_eq!(asked.short(), text);
        }
        for (text, code) in [
            ("ruff", "edit/cannot-add"),
            ("gem:rails", "edit/cannot-add"),
            ("pypi:", "edit/cannot-add"),
            ("pypi:x @ ./x", "tool/relative"),
            ("npm:x@file:../x", "tool/relative"),
            ("npm:x@link:./x", "tool/relative"),
        ] {
            assert_eq!(Asked::parse(text).unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn a_manifest_says_what_was_asked() {
        let path = Path::new("/tools/demo/wharf.toml");
        let mut text = beginning(&PackageName::new(Ecosystem::Npm, "@scope/demo").unwrap());
        for asked in [
            "pypi:ruff==0.5.0",
            "npm:@scope/demo",
            "npm:prettier@^3",
            "cargo:just@1",
            "deb:jq>=1.6",
        ] {
            text = add(path, &text, &Asked::parse(asked).unwrap()).unwrap();
        }
        assert_eq!(
            text,
            "# Written by `wharf tool`. `wharf tool upgrade` keeps to these requirements.\n\
             [project]\nname = \"demo\"\n\n[pypi]\nruff = \"==0.5.0\"\n\n\
             [npm]\n\"@scope/demo\" = \"latest\"\nprettier = \"^3\"\n\n[cargo]\njust = \"1\"\n\n[deb]\npackages = [\"jq (>= 1.6)\"]\n"
        );
    }
}
