//! Puts the npm part of a project together: the root's files, its workspace, and what the machine says.
//! Invariant: the first word stands. Order: `wharf.toml`, the `wharf` key of `package.json`, `npm_config_*` variables,
//! `pnpm-workspace.yaml`, the `pnpm` key, the project's `.npmrc`, the user's, the system's.

use std::path::{Path, PathBuf};

use wharf_core::Origin;

use crate::error::{Invalid, ProjectError};
use crate::index::NetworkSettings;
use crate::json::{self, Dialect};
use crate::manifest::npm::NpmTables;
use crate::npm::members::{self, Members};
use crate::npm::package_json::{self, PackageJson};
use crate::npm::rules::Rules;
use crate::npm::workspace::{self, Catalogs, PNPM, Pattern};
use crate::npm::{NpmImporter, NpmProject, NpmRequirement, config, foreign, node, own};
use crate::project::{Options, Warning};
use crate::stated::Stated;
use crate::text::SourceText;
use crate::yaml::{self, Node};

/// Reads the npm part of the project in `root`; `None` where it has none. `manifest` is the file that stands for the project.
pub(crate) fn read(
    root: &Path,
    manifest: &Path,
    options: &Options,
    network: &NetworkSettings,
    stated: &mut Stated,
) -> Result<Option<NpmProject>, ProjectError> {
    let tables = std::mem::take(&mut stated.npm);
    let mut files = Files { root, stated };
    let package = files.load("package.json")?;
    let pnpm = files.load(PNPM)?;
    let yarn = files.load(".yarnrc.yml")?;
    let bun = files.load("bunfig.toml")?;
    if package.is_none() && pnpm.is_none() && !tables.asks() {
        return Ok(None);
    }
    let package_root = package
        .as_ref()
        .map(|source| json::parse(source, Dialect::Strict))
        .transpose()?;
    let pnpm_root = pnpm.as_ref().map(yaml::parse).transpose()?;
    let yarn_root = yarn.as_ref().and_then(|source| yaml::parse(source).ok());
    let sources = Sources {
        package: package.as_ref().zip(package_root.as_ref()),
        pnpm: pnpm.as_ref().zip(pnpm_root.as_ref()),
        yarn: yarn.as_ref().zip(yarn_root.as_ref()),
        bun: bun.as_ref(),
    };
    assemble(&mut files, manifest, &sources, tables, options, network).map(Some)
}

/// What the machine alone says, for a folder that is no project.
pub(crate) fn machine(
    folder: &Path,
    options: &Options,
    network: &NetworkSettings,
    stated: &mut Stated,
) -> Result<NpmProject, ProjectError> {
    let sources = Sources {
        package: None,
        pnpm: None,
        yarn: None,
        bun: None,
    };
    let mut files = Files { root: folder, stated };
    let manifest = folder.join("wharf.toml");
    assemble(
        &mut files,
        &manifest,
        &sources,
        NpmTables::default(),
        options,
        network,
    )
}

/// The files at a project's root, each with its content.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) package: Option<(&'a SourceText, &'a Node<'a>)>,
    pub(crate) pnpm: Option<(&'a SourceText, &'a Node<'a>)>,
    pub(crate) yarn: Option<(&'a SourceText, &'a Node<'a>)>,
    pub(crate) bun: Option<&'a SourceText>,
}

fn assemble(
    files: &mut Files<'_, '_>,
    manifest: &Path,
    sources: &Sources<'_>,
    mut tables: NpmTables,
    options: &Options,
    network: &NetworkSettings,
) -> Result<NpmProject, ProjectError> {
    let mut catalogs = Catalogs::default();
    for (source, node) in catalog_places(sources) {
        catalogs.read(source, node)?;
    }
    let mut settings = std::mem::take(&mut tables.settings);
    let scripts = own::read(sources, &mut settings, files.stated)?;
    let members = find_members(files, sources, &tables)?;
    let importers = importers(files, manifest, sources, &members, &tables, &catalogs)?;
    let mut rules = Rules::default();
    rules.read_tables(&tables, &catalogs)?;
    let configured = {
        let mut machine = config::Layers::new(files.root, options, network, settings);
        machine.variables(&options.environment)?;
        foreign::read(sources, &catalogs, &mut rules, &mut machine, files.stated)?;
        machine.files(files.stated)?;
        machine.finish(files.stated)?
    };
    let found = node::find(files.root, sources.package, configured.node.as_ref());
    found
        .inputs
        .into_iter()
        .for_each(|path| files.stated.note_input(path));
    files.stated.warnings.extend(found.warnings);
    let package_manager = sources.package.and_then(|(_, node)| node.get("packageManager"));
    let rules = rules.finish(&importers[0], files.stated)?;
    Ok(NpmProject {
        importers,
        overrides: rules.overrides,
        override_rules: rules.override_rules,
        extensions: rules.extensions,
        extension_rules: rules.extension_rules,
        peer_rules: rules.peers,
        peer_rule_texts: rules.peer_rule_texts,
        registries: configured.registries,
        registry_sources: configured.registry_sources,
        credentials: configured.credentials,
        network: configured.network,
        options: configured.options,
        node: tables.node.or(found.request),
        scripts,
        script_config: configured.script_config,
        package_manager: package_manager.and_then(Node::text).map(str::to_owned),
    })
}

/// Everything that may hold catalogs, strongest first.
fn catalog_places<'a>(sources: &Sources<'a>) -> Vec<(&'a SourceText, &'a Node<'a>)> {
    let workspaces = sources.package.and_then(|(source, node)| {
        Some((
            source,
            node.get("workspaces").filter(|node| node.map().is_some())?,
        ))
    });
    [sources.pnpm, workspaces, sources.package, sources.yarn]
        .into_iter()
        .flatten()
        .collect()
}

/// Reads files below the root and notes them.
pub(crate) struct Files<'r, 's> {
    pub(crate) root: &'r Path,
    pub(crate) stated: &'s mut Stated,
}

impl Files<'_, '_> {
    /// A file that may be missing, by its path below the root.
    pub(crate) fn load(&mut self, name: &str) -> Result<Option<SourceText>, ProjectError> {
        let path = self.root.join(name);
        self.stated.note_input(path.clone());
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(SourceText::new(Path::new(name), &text))),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(ProjectError::reading(&path)(error)),
        }
    }
}

/// The folders of the workspace's members.
fn find_members(
    files: &mut Files<'_, '_>,
    sources: &Sources<'_>,
    tables: &NpmTables,
) -> Result<Members, ProjectError> {
    let own = tables
        .source
        .as_ref()
        .map(|source| (source, tables.members.clone()));
    let of_pnpm = match sources.pnpm {
        Some((source, node)) => workspace::of_pnpm(source, node)?.map(|patterns| (source, patterns)),
        None => None,
    };
    let of_package = match sources.package {
        Some((source, node)) => workspace::of_package_json(source, node)?.map(|patterns| (source, patterns)),
        None => None,
    };
    // pnpm does not look at `workspaces`; where both are kept for several tools, its own list counts.
    let foreign = of_pnpm.or(of_package);
    let mut texts = Vec::new();
    for (source, patterns) in own.into_iter().chain(foreign) {
        for pattern in patterns
            .iter()
            .filter(|pattern| members::is_literal(&pattern.text))
        {
            check_pattern(files, source, pattern, tables)?;
        }
        texts.extend(patterns.into_iter().map(|pattern| pattern.text));
    }
    let members = members::find(files.root, &texts);
    for folder in &members.listed {
        files.stated.note_input(folder.clone());
    }
    for missing in &members.missing {
        files
            .stated
            .note_input(files.root.join(missing).join("package.json"));
    }
    Ok(members)
}

/// A pattern that leads nowhere is an error in `wharf.toml`, and odd elsewhere.
fn check_pattern(
    files: &mut Files<'_, '_>,
    source: &SourceText,
    pattern: &Pattern,
    tables: &NpmTables,
) -> Result<(), Invalid> {
    let own = tables
        .source
        .as_ref()
        .is_some_and(|own| own.path() == source.path());
    let reason = if pattern.text.trim_start_matches('!').starts_with("..") {
        format!("the pattern `{}` leads out of the project", pattern.text)
    } else {
        match members::find(files.root, std::slice::from_ref(&pattern.text))
            .missing
            .first()
        {
            Some(folder) => format!("the workspace names `{folder}`, which has no package.json"),
            None => return Ok(()),
        }
    };
    if own {
        let error = Invalid::new(source, pattern.span.clone(), workspace::CODE, reason);
        return Err(error.hint("a member is a folder below this one that has a package.json"));
    }
    let origin = source.origin(pattern.span.start);
    files
        .stated
        .warn("npm/no-member", format!("{reason} ({origin})"), origin);
    Ok(())
}

fn importers(
    files: &mut Files<'_, '_>,
    manifest: &Path,
    sources: &Sources<'_>,
    members: &Members,
    tables: &NpmTables,
    catalogs: &Catalogs,
) -> Result<Vec<NpmImporter>, ProjectError> {
    let mut root = match sources.package {
        Some((source, _)) => {
            let read = package_json::parse(source, files.root)?;
            importer(files, ".", source, read, catalogs)?
        }
        None => NpmImporter {
            name: files.stated.name.clone(),
            manifest: manifest.to_owned(),
            ..bare(files.root, ".")
        },
    };
    add_tables(&mut root, tables, catalogs)?;
    let mut importers = vec![root];
    for folder in &members.folders {
        let Some(source) = files.load(&format!("{folder}/package.json"))? else {
            continue;
        };
        let read = package_json::parse(&source, &files.root.join(folder))?;
        foreign::check_member(&source, files.stated)?;
        importers.push(importer(files, folder, &source, read, catalogs)?);
    }
    warn_of_twins(&importers, files.stated);
    Ok(importers)
}

fn bare(root: &Path, path: &str) -> NpmImporter {
    let folder = if path == "." {
        root.to_owned()
    } else {
        root.join(path)
    };
    NpmImporter {
        path: path.to_owned(),
        manifest: folder.join("package.json"),
        folder,
        name: None,
        version: None,
        private: false,
        bin: Vec::new(),
        scripts: Vec::new(),
        requirements: Vec::new(),
        bundled: Vec::new(),
    }
}

fn importer(
    files: &mut Files<'_, '_>,
    path: &str,
    source: &SourceText,
    read: PackageJson,
    catalogs: &Catalogs,
) -> Result<NpmImporter, ProjectError> {
    files.stated.warnings.extend(read.warnings);
    let mut requirements = Vec::with_capacity(read.requirements.len());
    for stated in read.requirements {
        requirements.push(requirement(source, stated, catalogs, &mut files.stated.warnings)?);
    }
    Ok(NpmImporter {
        name: read.name,
        version: read.version,
        private: read.private,
        bin: read.bin,
        scripts: read.scripts,
        requirements,
        bundled: read.bundled,
        ..bare(files.root, path)
    })
}

/// One requirement; a patch of yarn's is passed over with a warning, and what it patches is taken as it is.
fn requirement(
    source: &SourceText,
    mut stated: package_json::Stated,
    catalogs: &Catalogs,
    warnings: &mut Vec<Warning>,
) -> Result<NpmRequirement, ProjectError> {
    if let Some(unpatched) = foreign::without_patch(&stated.alias, &stated.text) {
        warnings.push(foreign::patch_warning(&[&stated.alias], stated.origin.clone()));
        stated.text = unpatched;
    }
    Ok(package_json::resolve(source, stated, catalogs)?)
}

/// Adds the requirements of `wharf.toml` to the root's own.
fn add_tables(root: &mut NpmImporter, tables: &NpmTables, catalogs: &Catalogs) -> Result<(), ProjectError> {
    let Some(source) = &tables.source else {
        return Ok(());
    };
    for stated in &tables.requirements {
        let requirement = package_json::resolve(source, stated.clone(), catalogs)?;
        if let Some(twin) = root
            .requirements
            .iter()
            .find(|other| other.alias == requirement.alias)
        {
            let message = format!("`{}` stands in {} as well", requirement.alias, twin.origin);
            let error = Invalid::new(source, stated.span.clone(), "manifest/invalid", message);
            return Err(error
                .hint(format!("take it out here, or out of {}", twin.origin))
                .into());
        }
        root.requirements.push(requirement);
    }
    Ok(())
}

fn warn_of_twins(importers: &[NpmImporter], stated: &mut Stated) {
    let mut named: std::collections::BTreeMap<&str, &NpmImporter> = std::collections::BTreeMap::new();
    for importer in importers {
        let Some(name) = &importer.name else { continue };
        let is_asked_for = |one: &NpmRequirement| one.spec.package_name(&one.alias) == name;
        let asked_for = || {
            importers
                .iter()
                .flat_map(|importer| &importer.requirements)
                .any(is_asked_for)
        };
        match named.get(name.as_str()) {
            None => _ = named.insert(name, importer),
            Some(first) if asked_for() => stated.warn(
                "npm/two-members",
                format!(
                    "`{}` and `{}` are both called `{name}`; whoever asks for it gets the first",
                    first.path, importer.path
                ),
                Origin::file(&shown(&importer.path), 1, 1),
            ),
            Some(_) => {}
        }
    }
}

fn shown(path: &str) -> PathBuf {
    if path == "." {
        PathBuf::from("package.json")
    } else {
        Path::new(path).join("package.json")
    }
}
