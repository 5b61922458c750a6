//! Edits of crates: dependencies in a `Cargo.toml`, tools in `[cargo]` of a `wharf.toml` or `[tool.wharf.cargo]` of a
//! `pyproject.toml`, and the short form of requirements. Invariant: what is not asked for stays byte for byte.

mod entry;
mod manifest;
#[cfg(test)]
mod tests;
mod tools;

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike};
use wharf_ecosystem::cargo::{CrateName, DependencyKind, GitReference, Req, SourceId, Version, crate_name};

use super::{document, existing};
use crate::error::ProjectError;
use crate::project::{ManifestKind, Project};

pub use manifest::{add, remove};
pub use tools::{add_tools, remove_tools};

/// A requirement in short form, behind its `cargo:`: `serde`, `tokio@1.40`, `ripgrep@=14.1.1`, `name@git+https://…?tag=v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateShort {
    /// The crate.
    pub name: CrateName,
    /// The versions that are right, as they were given; `None` where nothing is said.
    pub req: Option<String>,
    /// Where it comes from: the usual place, or a repository.
    pub origin: CrateOrigin,
}

impl CrateShort {
    /// What adds it as a tool, before anything is solved.
    pub fn tool(&self) -> ToolAddition {
        let req = match self.origin {
            CrateOrigin::Git { .. } => self.req.clone(),
            CrateOrigin::Usual | CrateOrigin::Registry(_) | CrateOrigin::Workspace | CrateOrigin::Path(_) => {
                Some(self.asked().to_owned())
            }
        };
        ToolAddition {
            source: self.origin.clone(),
            ..ToolAddition::new(self.name.clone(), req)
        }
    }

    /// What is written before anything is solved.
    pub fn asked(&self) -> &str {
        self.req.as_deref().unwrap_or("*")
    }

    /// What is written once a version is chosen.
    pub fn written(&self, chosen: &Version) -> String {
        match &self.req {
            Some(req) => req.clone(),
            None => written_range(chosen),
        }
    }

    /// The versions that are right.
    pub fn range(&self) -> Req {
        // The text was read before.
        self.req
            .as_deref()
            .map_or(Req::Any, |req| Req::parse(req).unwrap_or_default())
    }
}

/// A version as a range of all that are compatible with it: build metadata means nothing to it.
pub fn written_range(version: &Version) -> String {
    Version {
        build: Default::default(),
        ..version.clone()
    }
    .to_string()
}

/// Reads a requirement in short form, without its `cargo:`.
///
/// # Errors
/// Where the name or the range is none.
pub fn parse_short(text: &str) -> Result<CrateShort, ProjectError> {
    let text = text.trim();
    let wrong = |reason: String| ProjectError::Requirement {
        text: format!("cargo:{text}"),
        reason,
        hints: vec![
            "write for example `cargo:serde`, `cargo:tokio@1.40` or `'cargo:ripgrep@=14.1.1'`".to_owned(),
        ],
    };
    let (name, req) = match text.split_once('@') {
        Some((name, req)) => (name.trim(), Some(req.trim())),
        None => (text, None),
    };
    let name = crate_name(name).map_err(|error| wrong(error.to_string()))?;
    if let Some(place) = req.filter(|req| req.starts_with("git+")) {
        let SourceId::Git(git) = SourceId::parse(place).map_err(|error| wrong(error.to_string()))? else {
            return Err(wrong(format!("`{place}` is no repository")));
        };
        // As lockfiles write it: after `#` is a commit.
        let reference = match &git.commit {
            Some(commit) => GitReference::Rev(commit.to_string()),
            None => git.reference.clone(),
        };
        return Ok(CrateShort {
            name,
            req: None,
            origin: CrateOrigin::Git {
                url: git.url.to_string(),
                reference,
            },
        });
    }
    if let Some(req) = req {
        Req::parse(req).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(CrateShort {
        name,
        req: req.map(str::to_owned),
        origin: CrateOrigin::Usual,
    })
}

/// A manifest's text that is to be changed.
#[derive(Clone, Copy, Debug)]
pub struct CrateManifestText<'a> {
    /// Which form it has: [`ManifestKind::Cargo`], [`ManifestKind::Wharf`] or [`ManifestKind::Pyproject`].
    pub kind: ManifestKind,
    /// Where it lies, for messages.
    pub path: &'a Path,
    /// What it says now.
    pub text: &'a str,
}

/// A table of dependencies of a `Cargo.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrateTable {
    /// What its dependencies are for.
    pub kind: DependencyKind,
    /// The targets that they are for, as written: `cfg(unix)`, `x86_64-pc-windows-msvc`.
    pub target: Option<String>,
}

/// A dependency to be added to a `Cargo.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateAddition {
    /// The name in code.
    pub alias: String,
    /// The package, where it has another name.
    pub package: Option<CrateName>,
    /// The range as it is to be written; `None` keeps the one that is there, and is `*` for what is new.
    pub req: Option<String>,
    /// Where it comes from.
    pub source: CrateOrigin,
    /// Where it goes.
    pub table: CrateTable,
    /// Features to be switched on besides those that are.
    pub features: Vec<String>,
    /// What is to be said about its default features; `None` says nothing new.
    pub default_features: Option<bool>,
    /// Whether a feature switches it on; `None` says nothing new.
    pub optional: Option<bool>,
}

/// Where something that is added comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CrateOrigin {
    /// Where it came from already, or the default registry.
    #[default]
    Usual,
    /// The registry of this name.
    Registry(String),
    /// The workspace's root states it.
    Workspace,
    /// A folder, relative to the manifest's.
    Path(String),
    /// A git repository.
    Git {
        /// The repository.
        url: String,
        /// What of it.
        reference: GitReference,
    },
}

/// A tool to be added to `[cargo]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolAddition {
    /// The crate.
    pub name: CrateName,
    /// The range as it is to be written; `None` keeps the one that is there, and is `*` for what is new.
    pub req: Option<String>,
    /// Where it comes from: a registry or a repository.
    pub source: CrateOrigin,
    /// Features to be switched on besides those that are.
    pub features: Vec<String>,
    /// What is to be said about its default features; `None` says nothing new.
    pub default_features: Option<bool>,
    /// Whether all features are switched on; `None` says nothing new.
    pub all_features: Option<bool>,
    /// The commands that are wanted besides those that are; none for all.
    pub bins: Vec<String>,
    /// Whether the lockfile that the crate brings is obeyed; `None` says nothing new.
    pub locked: Option<bool>,
}

impl CrateAddition {
    /// A usual dependency.
    pub fn new(name: &CrateName, req: Option<String>) -> Self {
        Self {
            alias: name.to_string(),
            package: None,
            req,
            source: CrateOrigin::Usual,
            table: CrateTable::default(),
            features: Vec::new(),
            default_features: None,
            optional: None,
        }
    }
}

impl ToolAddition {
    /// A usual tool.
    pub fn new(name: CrateName, req: Option<String>) -> Self {
        Self {
            name,
            req,
            source: CrateOrigin::Usual,
            features: Vec::new(),
            default_features: None,
            all_features: None,
            bins: Vec::new(),
            locked: None,
        }
    }
}

/// A dependency that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrateRemoved {
    /// The name in code.
    pub alias: String,
    /// Where it was.
    pub table: CrateTable,
}

/// What whoever adds a crate means by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meant {
    /// Nothing is said: the project decides.
    #[default]
    Unsaid,
    /// A tool that the project runs.
    Tool,
    /// A dependency of a package.
    Dependency,
}

/// The file that a crate is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrateHome {
    /// The table of tools of a `wharf.toml` or `pyproject.toml`.
    Tools {
        /// The file.
        path: PathBuf,
        /// Its form.
        kind: ManifestKind,
    },
    /// A package's `Cargo.toml`.
    Package {
        /// The file.
        path: PathBuf,
        /// The package's folder, relative to the workspace's root.
        member: String,
    },
}

/// The file that crates of a project are written to and taken out of, seen from a folder. In a project that is a workspace of crates,
/// and in the folder of one of its members, a crate is a dependency; elsewhere it is a tool.
///
/// # Errors
/// Where there is no such file, or several members could be meant.
pub fn home(project: &Project, directory: &Path, meant: Meant) -> Result<CrateHome, ProjectError> {
    let member = project
        .cargo
        .as_ref()
        .and_then(|crates| crates.member_at(directory));
    let is_dependency = match meant {
        Meant::Dependency => true,
        Meant::Tool => false,
        Meant::Unsaid => {
            project.manifest == ManifestKind::Cargo
                || member.is_some_and(|member| member.folder != project.root)
        }
    };
    let cannot = |path: &Path, reason: String, hint: String| ProjectError::Edit {
        path: path.to_owned(),
        reason,
        hints: vec![hint],
    };
    if !is_dependency {
        return match project.manifest {
            kind @ (ManifestKind::Wharf | ManifestKind::Pyproject) => Ok(CrateHome::Tools {
                path: project.manifest_path.clone(),
                kind,
            }),
            ManifestKind::Requirements | ManifestKind::PackageJson | ManifestKind::Cargo => Err(cannot(
                &project.manifest_path,
                "it has no place for tools that are built from crates".to_owned(),
                "run `wharf init --wharf-toml` first, or install the tool for yourself with `wharf tool install`".to_owned(),
            )),
        };
    }
    match (member, &project.cargo) {
        (Some(member), _) => Ok(CrateHome::Package {
            path: member.manifest_path.clone(),
            member: member.path.clone(),
        }),
        (None, Some(crates)) => {
            let members: Vec<&str> = crates.members.iter().map(|member| member.path.as_str()).collect();
            Err(cannot(
                &crates.manifest_path,
                "it describes a workspace and no package".to_owned(),
                format!("go to the folder of a member first: {}", members.join(", ")),
            ))
        }
        (None, None) => Err(cannot(
            &project.manifest_path,
            "the project has no Cargo.toml, and a dependency belongs into one".to_owned(),
            "leave out what makes it a dependency, and it becomes a tool".to_owned(),
        )),
    }
}

impl CrateManifestText<'_> {
    fn document(&self) -> Result<DocumentMut, ProjectError> {
        document(self.path, self.text)
    }

    fn cannot(&self, reason: String) -> ProjectError {
        ProjectError::Edit {
            path: self.path.to_owned(),
            reason,
            hints: Vec::new(),
        }
    }
}

/// Takes tables out that became empty, the innermost first.
fn prune(document: &mut DocumentMut, path: &[String]) {
    for depth in (0..path.len()).rev() {
        let Some(parent) = existing(document, &path[..depth]) else {
            continue;
        };
        let is_empty = |item: &Item| item.as_table_like().is_some_and(TableLike::is_empty);
        if parent.get(&path[depth]).is_some_and(is_empty) {
            parent.remove(&path[depth]);
        } else {
            return;
        }
    }
}
