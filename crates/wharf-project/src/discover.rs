//! Finds a project from a folder and puts together what its files say.
//!
//! `wharf.toml` wins; else a `pyproject.toml` that states requirements; else `requirements*.txt`; else `package.json`; else
//! `Cargo.toml`. Each folder upwards is tried until one has any of them. A `package.json` and a `Cargo.toml` beside the others are read
//! as well, and a folder that a workspace above names as its member belongs to that one.

use std::path::{Path, PathBuf};

use wharf_core::{Ecosystem, Origin};

use crate::approval;
use crate::cargo::config::CargoConfig;
use crate::cargo::tools::CargoTools;
use crate::cargo::{self, CargoProject};
use crate::config;
use crate::deb::{DebHost, DebProject};
use crate::error::ProjectError;
use crate::external::{self, ExternalProject};
use crate::index::NetworkSettings;
use crate::json::{self, Dialect};
use crate::local_sources;
use crate::manifest;
use crate::npm::{self, NpmProject, package_json, workspace};
use crate::project::{ManifestKind, Options, Project};
use crate::pyproject;
use crate::requirement::{Group, normalize};
use crate::requirements::{self, Context, Role};
use crate::stated::Stated;
use crate::text::SourceText;

impl Project {
    /// Finds and reads the project that `start` belongs to.
    ///
    /// # Errors
    /// Where there is none, or one of its files cannot be used.
    pub fn discover(start: &Path, options: &Options) -> Result<Self, ProjectError> {
        let start = std::path::absolute(start).map_err(ProjectError::reading(start))?;
        if !options.files.is_empty() {
            return from_files(&start, options);
        }
        let mut bare = None;
        for folder in start.ancestors() {
            match manifest_of(folder) {
                Some((ManifestKind::PackageJson, _)) if is_bare(folder) => {
                    if folder.join(cargo::MANIFEST).is_file() {
                        return of_crates(folder, options);
                    }
                    bare.get_or_insert(folder);
                }
                Some((ManifestKind::Cargo, _)) => return of_crates(folder, options),
                Some((ManifestKind::PackageJson, path)) => {
                    let above = workspace::root_above(folder);
                    let root = above.and_then(|root| Some((manifest_of(&root)?, root)));
                    return match root {
                        Some(((kind, path), root)) => read(&root, kind, path, options),
                        None => alone(folder, path, options),
                    };
                }
                Some((kind, path)) => return read(folder, kind, path, options),
                None => {}
            }
            refuse_closed(folder)?;
        }
        match bare {
            Some(folder) => read(
                folder,
                ManifestKind::PackageJson,
                folder.join("package.json"),
                options,
            ),
            None => Err(ProjectError::NoProject { start }),
        }
    }

    /// A project that asks for nothing: what the machine's configuration alone says, for looking at an index.
    ///
    /// # Errors
    /// Where the configuration cannot be used.
    pub fn machine(folder: &Path, options: &Options) -> Result<Self, ProjectError> {
        let folder = normalize(&std::path::absolute(folder).map_err(ProjectError::reading(folder))?);
        let manifest = folder.join("wharf.toml");
        let stated = Stated::default();
        let mut project = assemble(folder, ManifestKind::Wharf, manifest, options, stated, Npm::Leave)?;
        let mut stated = Stated::default();
        let npm = npm::read::machine(&project.root, options, &project.network, &mut stated)?;
        project.npm = Some(npm);
        project.warnings.append(&mut stated.warnings);
        Ok(project)
    }

    /// Reads the project in exactly this folder; `None` where it has no manifest.
    ///
    /// # Errors
    /// Where one of its files cannot be used.
    pub fn read(folder: &Path, options: &Options) -> Result<Option<Self>, ProjectError> {
        let folder = std::path::absolute(folder).map_err(ProjectError::reading(folder))?;
        match manifest_of(&folder) {
            Some((kind, path)) => read(&folder, kind, path, options).map(Some),
            None => Ok(None),
        }
    }
}

/// The manifest of a folder.
pub(crate) fn manifest_of(folder: &Path) -> Option<(ManifestKind, PathBuf)> {
    let wharf = folder.join("wharf.toml");
    if wharf.is_file() {
        return Some((ManifestKind::Wharf, wharf));
    }
    let pyproject = folder.join("pyproject.toml");
    let text = std::fs::read_to_string(&pyproject).ok();
    if pyproject.is_file() && text.as_deref().is_none_or(pyproject::states_requirements) {
        return Some((ManifestKind::Pyproject, pyproject));
    }
    let requirements = requirements_files(folder);
    let first = requirements.into_iter().next().map(|(path, _)| path);
    let package = folder.join("package.json");
    let crates = folder.join(cargo::MANIFEST);
    match first {
        Some(path) => Some((ManifestKind::Requirements, path)),
        None if package.is_file() => Some((ManifestKind::PackageJson, package)),
        None if crates.is_file() => Some((ManifestKind::Cargo, crates)),
        None => text.map(|_| (ManifestKind::Pyproject, pyproject)),
    }
}

/// Whether a folder's `package.json` only tells Node how to load files (`{"type": "module"}`).
fn is_bare(folder: &Path) -> bool {
    let path = folder.join("package.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return false;
    };
    let source = SourceText::new(&path, &text);
    json::parse(&source, Dialect::Strict).is_ok_and(|root| !package_json::states_something(&root))
        && !folder.join(workspace::PNPM).is_file()
}

/// A folder that may not be looked into could hold the manifest: passing over it would find another project.
fn refuse_closed(folder: &Path) -> Result<(), ProjectError> {
    match folder.join("wharf.toml").symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(ProjectError::reading(folder)(error))
        }
        _ => Ok(()),
    }
}

/// The requirements files of a folder with their groups, the main one first.
fn requirements_files(folder: &Path) -> Vec<(PathBuf, Group)> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<(Group, String)> = names
        .filter_map(|name| group_of(&name).map(|group| (group, name)))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|(group, name)| (folder.join(name), group))
        .collect()
}

/// `requirements.txt` is what the project needs, `requirements-dev.txt` what its developers need, others have names.
fn group_of(file: &str) -> Option<Group> {
    let stem = file.strip_suffix(".txt")?;
    let (before, after) = (
        stem.strip_suffix("requirements"),
        stem.strip_prefix("requirements"),
    );
    let name = match (before, after) {
        (Some(""), _) => return Some(Group::Main),
        (Some(name), _) => name.strip_suffix(['-', '_', '.'])?,
        (None, Some(name)) => name.strip_prefix(['-', '_', '.'])?,
        (None, None) => return None,
    };
    match wharf_core::PackageName::pypi(name).ok()?.as_str() {
        "dev" | "develop" | "development" => Some(Group::Dev),
        name => Some(Group::Named(name.to_owned())),
    }
}

fn read(root: &Path, kind: ManifestKind, path: PathBuf, options: &Options) -> Result<Project, ProjectError> {
    let root = normalize(root);
    let context = Context {
        root: &root,
        variables: &options.environment,
    };
    let mut stated = Stated::default();
    match kind {
        ManifestKind::Wharf => manifest::read(&path, &context, &mut stated)?,
        ManifestKind::Pyproject => pyproject::read(&path, &context, &mut stated)?,
        ManifestKind::Requirements => {
            for (file, group) in requirements_files(&root) {
                requirements::read(&file, &Role::Requirements(group), &context, &mut stated)?;
            }
        }
        ManifestKind::PackageJson | ManifestKind::Cargo => {}
    }
    assemble(root, kind, path, options, stated, Npm::Read)
}

/// A `Cargo.toml`: the project is the workspace that it belongs to.
fn of_crates(folder: &Path, options: &Options) -> Result<Project, ProjectError> {
    let folder = normalize(folder);
    let root = cargo::root::above(&folder, options)?.unwrap_or_else(|| folder.clone());
    let (kind, path) = match manifest_of(&root) {
        Some((ManifestKind::PackageJson, _)) if is_bare(&root) => {
            (ManifestKind::Cargo, root.join(cargo::MANIFEST))
        }
        Some(found) => found,
        // The workspace that a package names has no manifest: whoever reads it says so.
        None => (ManifestKind::Cargo, root.join(cargo::MANIFEST)),
    };
    let mut project = read(&root, kind, path, options)?;
    if root == folder {
        project.inputs.extend(cargo::root::places_above(&folder));
    } else {
        cargo::root::check_member(&project, &folder)?;
    }
    Ok(project)
}

/// A `package.json` that no workspace above claims. One that comes to claim it is a change.
fn alone(folder: &Path, path: PathBuf, options: &Options) -> Result<Project, ProjectError> {
    let mut project = read(folder, ManifestKind::PackageJson, path, options)?;
    project.inputs.extend(workspace::places_above(folder));
    Ok(project)
}

/// Whether the npm part of a project and its crates are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Npm {
    Read,
    /// Exactly these files were asked for.
    Leave,
}

/// The npm part of a project, unless its folder belongs to a workspace above.
fn npm_part(
    root: &Path,
    kind: ManifestKind,
    path: &Path,
    options: &Options,
    network: &NetworkSettings,
    stated: &mut Stated,
) -> Result<Option<NpmProject>, ProjectError> {
    let member_of = match kind {
        ManifestKind::PackageJson => None,
        ManifestKind::Wharf if stated.npm.asks() => None,
        _ if root.join("package.json").is_file() => workspace::root_above(root),
        _ => None,
    };
    if let Some(above) = member_of {
        let package = Path::new("package.json");
        let message = format!(
            "package.json is not read here: this folder is a member of the workspace `{}`",
            above.display()
        );
        stated.warn("npm/member", message, Origin::file(package, 1, 1));
        return Ok(None);
    }
    npm::read::read(root, path, options, network, stated)
}

/// The crates of a project: its tools, and the workspace in its folder unless that belongs to one above.
struct Crates {
    workspace: Option<CargoProject>,
    tools: Option<CargoTools>,
}

fn crates_part(
    root: &Path,
    options: &Options,
    network: &NetworkSettings,
    npm: Npm,
    stated: &mut Stated,
) -> Result<Crates, ProjectError> {
    let tables = std::mem::take(&mut stated.cargo);
    stated.note_input(root.join(cargo::MANIFEST));
    let has_workspace = npm == Npm::Read && root.join(cargo::MANIFEST).is_file();
    if !tables.declared && !has_workspace {
        return Ok(Crates {
            workspace: None,
            tools: None,
        });
    }
    let config = CargoConfig::read(root, options, network, stated)?;
    let workspace = match has_workspace {
        true => workspace_beside(root, options, &config, stated)?,
        false => None,
    };
    let tools = tables.declared.then_some(CargoTools {
        tools: tables.tools,
        config,
    });
    Ok(Crates { workspace, tools })
}

fn workspace_beside(
    root: &Path,
    options: &Options,
    config: &CargoConfig,
    stated: &mut Stated,
) -> Result<Option<CargoProject>, ProjectError> {
    match cargo::root::above(root, options)? {
        None => cargo::read(root, config, stated),
        Some(above) => {
            let message = format!(
                "Cargo.toml is not read here: this folder is a member of the workspace `{}`",
                above.display()
            );
            stated.warn(
                "cargo/member",
                message,
                Origin::file(Path::new(cargo::MANIFEST), 1, 1),
            );
            Ok(None)
        }
    }
}

/// The Debian part of a project, with what the host runs and has.
fn deb_part(options: &Options, stated: &mut Stated) -> Option<DebProject> {
    let tables = std::mem::take(&mut stated.deb);
    let origin = tables.declared?;
    let host = DebHost::read(&options.system_root, stated);
    Some(DebProject {
        scripts: approval::of(Ecosystem::Deb, &stated.policy.scripts),
        answers: tables.answers,
        suite: tables.suite.or_else(|| host.suite.clone()),
        packages: tables.packages,
        // As apt does it: a `gcc` without the headers of the C library surprises.
        recommends: tables.recommends.unwrap_or(true),
        foreign: tables.foreign,
        components: tables.components,
        holds: tables.holds,
        excludes: tables.excludes,
        pins: tables.pins,
        sources: tables.sources,
        snapshot: tables.snapshot,
        own: tables.repositories,
        host,
        origin,
    })
}

/// What the project says about the system, with the user's own table where it can matter.
fn external_part(
    options: &Options,
    has_deb: bool,
    stated: &mut Stated,
) -> Result<ExternalProject, ProjectError> {
    let mut external = std::mem::take(&mut stated.external);
    if has_deb {
        external.user = external::read::user(options, stated)?;
    }
    Ok(external)
}

/// Exactly these requirements files.
fn from_files(start: &Path, options: &Options) -> Result<Project, ProjectError> {
    let root = normalize(start);
    let context = Context {
        root: &root,
        variables: &options.environment,
    };
    let mut stated = Stated::default();
    let paths: Vec<PathBuf> = options
        .files
        .iter()
        .map(|file| normalize(&root.join(file)))
        .collect();
    for path in &paths {
        if path.extension().is_some_and(|ending| ending == "toml") {
            pyproject::read(path, &context, &mut stated)?;
        } else {
            requirements::read(path, &Role::Requirements(Group::Main), &context, &mut stated)?;
        }
    }
    let first = paths
        .into_iter()
        .next()
        .expect("the caller checked that there is a file");
    assemble(
        root,
        ManifestKind::Requirements,
        first,
        options,
        stated,
        Npm::Leave,
    )
}

fn assemble(
    root: PathBuf,
    manifest: ManifestKind,
    manifest_path: PathBuf,
    options: &Options,
    mut stated: Stated,
    npm: Npm,
) -> Result<Project, ProjectError> {
    let no_index_declared = stated.no_index;
    let configured = config::configure(&root, options, &mut stated)?;
    local_sources::check(&root, &stated.roots)?;
    let which = npm;
    let npm = match npm {
        Npm::Read => npm_part(
            &root,
            manifest,
            &manifest_path,
            options,
            &configured.network,
            &mut stated,
        )?,
        Npm::Leave => None,
    };
    let crates = crates_part(&root, options, &configured.network, which, &mut stated)?;
    let deb = deb_part(options, &mut stated);
    let external = external_part(options, deb.is_some(), &mut stated)?;
    let own_name = npm.as_ref().and_then(|npm| npm.root().name.clone());
    let crate_name = crates.workspace.as_ref().and_then(|crates| {
        let root = crates.package_at(".")?;
        Some(root.manifest.name.to_string())
    });
    let (requires_python, requires_python_origin) = stated.requires_python.unzip();
    let require_hashes = stated.require_hashes
        || stated
            .roots
            .iter()
            .any(|root| !root.hashes.is_empty() && root.source.is_none());
    Ok(Project {
        root,
        manifest,
        manifest_path,
        name: stated.name.or(own_name).or(crate_name),
        requires_python,
        requires_python_origin,
        roots: stated.roots,
        constraints: stated.constraints,
        overrides: stated.overrides,
        targets: stated.targets,
        policy: stated.policy,
        self_package: stated.self_package,
        indexes: configured.indexes,
        no_index_declared,
        npm,
        cargo: crates.workspace,
        cargo_tools: crates.tools,
        deb,
        external,
        network: configured.network,
        formats: stated.formats,
        prereleases: stated.prereleases.unwrap_or_default(),
        resolution: stated.resolution.unwrap_or_default(),
        require_hashes,
        inputs: stated.inputs,
        warnings: stated.warnings,
    })
}
