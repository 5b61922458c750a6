//! npm requirements in `wharf add` and `wharf remove`: what is written where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::{EdgeKind, From, Graph, Spec, To, Version};
use wharf_index::npm::Detail;
use wharf_project::edit::npm::{self, Exactness, NpmAddition, NpmManifest, NpmShort};
use wharf_project::{Lock, ManifestKind, NpmImporter, NpmOptions, NpmProject, NpmRequirement, Project};

use crate::error::OpsError;
use crate::request::Upgrade;
use crate::session::Session;

/// What a `package.json` that does not exist yet says before anything is added to it.
const EMPTY: &str = "{\n  \"private\": true\n}\n";

/// A requirement of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    alias: String,
    short: NpmShort,
    kind: EdgeKind,
}

/// Where requirements of the session's folder stand.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// The file.
    pub(crate) manifest: PathBuf,
    kind: ManifestKind,
    /// The importer's path.
    importer: String,
}

/// The files that say what the importer of the session's folder needs: that which is written to first.
pub(crate) fn homes(session: &Session, project: &Project) -> Vec<Home> {
    let home = home(session, project);
    let is_beside = home.importer == "." && home.manifest != project.manifest_path;
    let root = match (
        is_beside && project.manifest == ManifestKind::Wharf,
        project.npm.as_ref(),
    ) {
        (true, Some(_)) => Some(wharf_toml(project)),
        // What stands in wharf.toml is written there; its package.json may have some as well.
        (false, Some(npm)) if home.kind == ManifestKind::Wharf => npm
            .importer(".")
            .filter(|importer| importer.manifest != home.manifest)
            .map(|importer| Home {
                manifest: importer.manifest.clone(),
                kind: npm::kind_of(importer),
                importer: ".".to_owned(),
            }),
        _ => None,
    };
    std::iter::once(home).chain(root).collect()
}

fn wharf_toml(project: &Project) -> Home {
    Home {
        manifest: project.manifest_path.clone(),
        kind: ManifestKind::Wharf,
        importer: ".".to_owned(),
    }
}

/// Whether all that an importer needs is stated in `wharf.toml`, although it has a `package.json`.
fn is_stated_in_wharf_toml(project: &Project, importer: &NpmImporter) -> bool {
    let stated = |asked: &NpmRequirement| {
        let file = asked.origin.file.as_deref().and_then(Path::file_name);
        file == project.manifest_path.file_name()
    };
    project.manifest == ManifestKind::Wharf
        && importer.path == "."
        && !importer.requirements.is_empty()
        && importer.requirements.iter().all(stated)
}

/// The file that the importer of the session's folder writes to.
pub(crate) fn home(session: &Session, project: &Project) -> Home {
    let directory = &session.settings().directory;
    let importer = project.npm.as_ref().and_then(|npm| npm.importer_at(directory));
    match (importer, project.manifest) {
        (Some(importer), _) if is_stated_in_wharf_toml(project, importer) => wharf_toml(project),
        (Some(importer), _) => Home {
            manifest: importer.manifest.clone(),
            kind: npm::kind_of(importer),
            importer: importer.path.clone(),
        },
        (None, ManifestKind::Wharf) => Home {
            manifest: project.manifest_path.clone(),
            kind: ManifestKind::Wharf,
            importer: ".".to_owned(),
        },
        (
            None,
            ManifestKind::Pyproject
            | ManifestKind::Requirements
            | ManifestKind::PackageJson
            | ManifestKind::Cargo,
        ) => Home {
            manifest: project.root.join("package.json"),
            kind: ManifestKind::PackageJson,
            importer: ".".to_owned(),
        },
    }
}

/// Reads requirements of the command line, without their `npm:`. One that names only a place is looked up for its name.
///
/// # Errors
/// Where one is malformed, or its place has no package.
pub(crate) async fn asked(
    session: &Session,
    project: &Project,
    texts: &[(String, EdgeKind)],
) -> Result<Vec<Asked>, OpsError> {
    let mut asked = Vec::with_capacity(texts.len());
    for (text, kind) in texts {
        let mut short = npm::parse_short(text)?;
        if let Some(member) = member_spec(session, project, &short) {
            short = npm::parse_short(&member)?;
        }
        let alias = match &short.alias {
            Some(alias) => alias.clone(),
            None => name_of_place(session, project, &short).await?,
        };
        asked.push(Asked {
            alias,
            short,
            kind: *kind,
        });
    }
    Ok(asked)
}

/// Refuses what would be written and never installed.
///
/// # Errors
/// Where the project, as its files are now, takes an optional package of the command line away.
pub(crate) fn check_wanted(session: &Session, project: &Project, asked: &[Asked]) -> Result<(), OpsError> {
    let home = home(session, project).importer;
    let Some((npm, importer)) = project
        .npm
        .as_ref()
        .and_then(|npm| Some((npm, npm.importer(&home)?)))
    else {
        return Ok(());
    };
    let ignored = npm.ignored_optional();
    let mut stated = importer
        .requirements
        .iter()
        .filter(|one| one.is_ignored(&ignored));
    match stated.find(|stated| asked.iter().any(|one| one.alias == stated.alias)) {
        // It may be locked all the same, where somebody needs it.
        Some(refused) => Err(OpsError::CannotAdd {
            text: format!("npm:{}", refused.alias),
            reason: "`ignoredOptionalDependencies` leaves it out wherever it is optional".to_owned(),
            hint: format!(
                "take what matches `{}` out of `ignoredOptionalDependencies`, or add it without `--optional`",
                refused.alias
            ),
        }),
        None => Ok(()),
    }
}

/// What is asked for by a bare name that a member of the workspace has: that one, in words that the project's other tools read. Whoever
/// wants what a registry has under the name says a version.
fn member_spec(session: &Session, project: &Project, short: &NpmShort) -> Option<String> {
    let (Some(npm), Some(alias), None) = (&project.npm, &short.alias, &short.spec) else {
        return None;
    };
    let home = home(session, project);
    let member = npm
        .importers
        .iter()
        .find(|one| one.name.as_ref() == Some(alias))?;
    if member.path == home.importer {
        return None;
    }
    let mut all = npm.importers.iter().flat_map(|importer| &importer.requirements);
    let has_protocol = home.kind == ManifestKind::Wharf
        || project.root.join("pnpm-workspace.yaml").is_file()
        || all.any(|asked| matches!(asked.spec, Spec::Workspace { .. }));
    let prefix = &npm.options.save_prefix;
    let text = match (&member.version, has_protocol) {
        (_, true) if matches!(prefix.as_str(), "^" | "~") => format!("workspace:{prefix}"),
        (_, true) => "workspace:*".to_owned(),
        (Some(version), false) => match Version::parse(version) {
            Ok(version) => npm::written_range(&version, prefix),
            Err(_) => "*".to_owned(),
        },
        (None, false) => "*".to_owned(),
    };
    Some(format!("{alias}@{text}"))
}

/// What moves because it is asked for anew: as with other package managers for npm, whoever adds a package gets the best version that its words
/// allow, whatever was locked.
pub(crate) fn upgrade(asked: &[Asked], old: Option<&Lock>) -> Upgrade {
    let locked = old.and_then(|lock| lock.npm.as_ref()).map(|npm| &npm.graph);
    // What is not locked yet has nothing that keeps it.
    let is_locked = |name: &PackageName| {
        locked.is_some_and(|graph| graph.packages.iter().any(|package| package.name == *name))
    };
    let names = asked.iter().filter_map(|one| {
        let name = match &one.short.spec {
            None => &one.alias,
            Some(spec) if spec.is_registry() => spec.package_name(&one.alias),
            Some(_) => return None,
        };
        PackageName::new(Ecosystem::Npm, name).ok().filter(is_locked)
    });
    let names: BTreeSet<PackageName> = names.collect();
    match names.is_empty() {
        true => Upgrade::None,
        false => Upgrade::Packages(names),
    }
}

async fn name_of_place(session: &Session, project: &Project, short: &NpmShort) -> Result<String, OpsError> {
    let nameless = || OpsError::CannotAdd {
        text: format!("npm:{}", short.text),
        reason: "the package there says no name".to_owned(),
        hint: format!("write `npm:NAME@{}`", short.text),
    };
    let (Some(npm), Some(spec)) = (&project.npm, &short.spec) else {
        return Err(nameless());
    };
    let index = session.npm_index(project, npm, Detail::Abbreviated)?;
    let from = From::Importer(home(session, project).importer);
    let found = index.direct(spec, &from);
    let found = session.cancel().or(found).await.ok_or(OpsError::Interrupted)??;
    found.manifest.name.clone().ok_or_else(nameless)
}

/// The manifest's text with the requirements as they are before a version is chosen.
///
/// # Errors
/// Where the manifest is malformed.
pub(crate) fn add(home: &Home, text: &str, asked: &[Asked]) -> Result<String, OpsError> {
    let additions = asked
        .iter()
        .map(|one| addition(one, one.short.asked().to_owned()));
    write(home, text, &additions.collect::<Vec<_>>())
}

/// The manifest's text with the chosen versions, and the requirements as they stand there; `None` where that is what stands
/// there already.
///
/// # Errors
/// Where the manifest is malformed.
pub(crate) fn bound(
    home: &Home,
    text: &str,
    asked: &[Asked],
    lock: &Lock,
    exactness: Exactness,
    npm: Option<&NpmProject>,
) -> Result<(String, Vec<String>), OpsError> {
    let usual = NpmOptions::default();
    let prefix = npm::prefix(npm.map_or(&usual, |npm| &npm.options), exactness);
    let graph = lock.npm.as_ref().map(|npm| &npm.graph);
    let mut additions = Vec::with_capacity(asked.len());
    for one in asked {
        let chosen = graph.and_then(|graph| chosen(graph, &home.importer, &one.alias));
        let written = match chosen {
            Some(version) => one.short.written(&version, prefix),
            None => one.short.asked().to_owned(),
        };
        additions.push(addition(one, written));
    }
    let words = additions
        .iter()
        .map(|one| format!("npm:{}@{}", one.alias, one.text));
    let words = words.collect();
    Ok((write(home, text, &additions)?, words))
}

fn write(home: &Home, text: &str, additions: &[NpmAddition]) -> Result<String, OpsError> {
    let manifest = NpmManifest {
        kind: home.kind,
        path: &home.manifest,
        text: if text.is_empty() && home.kind == ManifestKind::PackageJson {
            EMPTY
        } else {
            text
        },
    };
    Ok(npm::add(manifest, additions)?)
}

fn addition(asked: &Asked, text: String) -> NpmAddition {
    NpmAddition {
        alias: asked.alias.clone(),
        text,
        kind: asked.kind,
    }
}

/// The version that an importer's alias was locked to.
fn chosen(graph: &Graph, importer: &str, alias: &str) -> Option<Version> {
    let importer = graph.importers.iter().find(|one| one.path == importer)?;
    let edge = importer.dependencies.iter().find(|edge| edge.alias == alias)?;
    match edge.to {
        Some(To::Package(index)) => Version::parse(&graph.packages[index].version).ok(),
        _ => None,
    }
}

/// The manifest's text without the aliases, and those that were there.
///
/// # Errors
/// Where the manifest is malformed.
pub(crate) fn remove(
    home: &Home,
    text: &str,
    aliases: &[String],
    kind: Option<EdgeKind>,
) -> Result<(String, Vec<String>), OpsError> {
    let manifest = NpmManifest {
        kind: home.kind,
        path: &home.manifest,
        text,
    };
    let (text, removed) = npm::remove(manifest, aliases, kind)?;
    Ok((text, removed.into_iter().map(|one| one.alias).collect()))
}

/// The lock's edges say what the manifest says now.
pub(crate) fn restate(project: &Project, lock: &mut Lock) {
    let (Some(npm), Some(locked)) = (&project.npm, &mut lock.npm) else {
        return;
    };
    locked.inputs = wharf_project::NpmInputs::of(project).unwrap_or_default();
    for importer in &mut locked.graph.importers {
        let Some(stated) = npm.importer(&importer.path) else {
            continue;
        };
        for edge in &mut importer.dependencies {
            let asked = stated.requirements.iter().find(|asked| asked.alias == edge.alias);
            if let Some(asked) = asked
                && !edge.range.is_empty()
            {
                edge.range = super::lock::asked_text(asked);
            }
        }
    }
}
