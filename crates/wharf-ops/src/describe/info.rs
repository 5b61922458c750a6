//! `wharf info`: what an index, a registry or repositories know about one package.
//!
//! Invariant: nothing of the project has to be installed to be looked at.

use serde::Serialize;
use wharf_core::{Ecosystem, PackageName, PackageUrl};
use wharf_ecosystem::pypi::Version;
use wharf_index::info::Prereleases;
use wharf_index::{PypiIndex, Suits};
use wharf_project::{Lock, Project};

use super::source_words;
use crate::error::OpsError;
use crate::report::{InfoReport, VersionEntry};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::system::report::DebInfo;
use crate::{cargo, deb, lock, names, npm, system};

/// Whether a word without an ecosystem means a package of npm: the project has nothing of Python, or only its npm part is
/// locked with that name.
fn means_npm(session: &Session, text: &str) -> Result<bool, OpsError> {
    if text.contains(':') || text.contains("==") {
        return Ok(false);
    }
    let bare = match text.char_indices().skip(1).find(|(_, letter)| *letter == '@') {
        Some((at, _)) => &text[..at],
        None => text,
    };
    let Ok(name) = PackageName::new(Ecosystem::Npm, bare) else {
        return Ok(false);
    };
    let project = session.project_or_machine()?;
    if text.starts_with('@') || (project.uses_npm() && !project.uses_python()) {
        return Ok(true);
    }
    let lock = lock::read(&project)?;
    let locked = lock.iter().flat_map(|lock| &lock.packages);
    let is_python = names::package(bare).is_ok_and(|python| {
        project.roots.iter().any(|root| root.name() == python) || locked.clone().any(|one| one.name == python)
    });
    let mut npm = lock
        .iter()
        .flat_map(|lock| &lock.npm)
        .flat_map(|npm| &npm.graph.packages);
    Ok(!is_python && npm.any(|package| package.name == name))
}

/// Whether a word without an ecosystem means a crate: the project has nothing but crates.
fn means_crate(session: &Session, text: &str) -> Result<bool, OpsError> {
    let project = session.project_or_machine()?;
    Ok(!text.contains(':') && cargo::workspace::is_alone(&project))
}

/// Whether a word without an ecosystem means a Debian package: the project has nothing but these.
fn means_deb(session: &Session, text: &str) -> Result<bool, OpsError> {
    if text.contains(':') {
        return Ok(false);
    }
    let project = session.project_or_machine()?;
    let others = project.uses_python()
        || project.uses_npm()
        || project.cargo.is_some()
        || project.cargo_tools.is_some();
    Ok(project.deb.is_some() && !others)
}

/// Refuses a package of an ecosystem that cannot be asked. What is no single word before a colon is part of a name.
fn check_ecosystem(text: &str) -> Result<(), OpsError> {
    let Some((word, rest)) = text.split_once(':') else {
        return Ok(());
    };
    if word.is_empty() || !word.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let refused = |reason: String, hint: String| OpsError::CannotLook {
        text: text.to_owned(),
        reason,
        hint,
    };
    match word.parse::<Ecosystem>() {
        Ok(Ecosystem::Pypi | Ecosystem::Npm | Ecosystem::Cargo | Ecosystem::Deb) => Ok(()),
        Ok(other) => Err(refused(
            format!("this version of Wharf knows no {other} packages"),
            names::KNOWN.to_owned(),
        )),
        Err(unknown) => {
            let hint = match names::meant(word) {
                Some(meant) => format!("`wharf info {meant}:{rest}` looks it up"),
                None => names::KNOWN.to_owned(),
            };
            Err(refused(unknown.to_string(), hint))
        }
    }
}

/// What is known about a package.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Info {
    /// By an index or a registry.
    Package(Box<InfoReport>),
    /// By repositories of Debian packages, or the machine.
    Deb(Box<DebInfo>),
}

/// What is known about a package.
///
/// # Errors
/// Where it is of no ecosystem that is known, or its index does not have it or does not answer.
pub async fn info(session: &Session, text: &str) -> Result<Info, OpsError> {
    check_ecosystem(text)?;
    let boxed = |report| Info::Package(Box::new(report));
    if text.starts_with("npm:") || means_npm(session, text)? {
        return npm::index::info(session, text).await.map(boxed);
    }
    if text.starts_with("cargo:") || means_crate(session, text)? {
        return cargo::registry::info(session, text).await.map(boxed);
    }
    if text.starts_with("deb:") || means_deb(session, text)? {
        let text = text.strip_prefix("deb:").unwrap_or(text);
        return system::info(session, text)
            .await
            .map(|info| Info::Deb(Box::new(info)));
    }
    info_python(session, text).await.map(boxed)
}

/// The index, and the Python that files are weighed for. Where the project's own is not there, or there is none, it is another one, and
/// nothing is built to look into it.
fn looking(
    session: &Session,
    project: &Project,
    lock: Option<&Lock>,
) -> Result<(PypiIndex, Runtime), OpsError> {
    if let Some(locked) = lock.and_then(|lock| lock.deb.as_ref()) {
        session.debian().keep_lock(locked);
    }
    if project.uses_python() || project.deb.is_none() {
        let stands = !deb::is_viewed(project) || deb::standing_root(session, project).is_ok();
        let own = match deb::python::foreseen(session, project)? {
            Some(runtime) => Ok(runtime),
            None => session
                .interpreter(project)
                .and_then(|(found, _)| Runtime::of(&found)),
        };
        match own {
            Ok(runtime) if stands => return Ok((session.index(project, &runtime)?, runtime)),
            Ok(runtime) => return Ok((session.index_ahead(project)?, runtime)),
            Err(OpsError::Deb(_) | OpsError::Python(_)) if session.settings().python.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    let runtime = match session.any_interpreter() {
        Ok(found) => Runtime::of(&found)?,
        Err(OpsError::Python(_)) => Runtime::usual()?,
        Err(error) => return Err(error),
    };
    Ok((session.index_ahead(project)?, runtime))
}

async fn info_python(session: &Session, text: &str) -> Result<InfoReport, OpsError> {
    let (bare, version) = match text.split_once("==") {
        Some((bare, version)) => (bare, Some(version.trim())),
        None => (text, None),
    };
    let name = names::package(bare.trim())?;
    let project = session.project_or_machine()?;
    let locked = lock::read(&project)?;
    let (index, runtime) = looking(session, &project, locked.as_ref())?;
    let environment = runtime.environment(runtime.target());
    let missing = |version: &str| OpsError::NoSuchVersion {
        name: name.clone(),
        version: version.to_owned(),
    };
    let asked: Option<Version> = match version {
        Some(text) => Some(text.parse().map_err(|_| missing(text))?),
        None => None,
    };
    let suits = Suits {
        tags: &environment.tags,
        python: &environment.python,
        cutoff: None,
        prereleases: Prereleases::default(),
    };
    let info = index.info(&name, asked.as_ref(), suits);
    let info = session.cancel().or(info).await.ok_or(OpsError::Interrupted)??;
    let shown = asked
        .or_else(|| info.latest.clone())
        .or_else(|| info.versions.first().map(|one| one.version.clone()));
    let known = shown.and_then(|version| info.versions.iter().find(|one| one.version == version));
    let shown = known.ok_or_else(|| missing(version.unwrap_or("that has files")))?;
    let locked = locked
        .iter()
        .flat_map(|lock| &lock.packages)
        .find(|package| package.name == name);
    let metadata = info.metadata.as_ref();
    Ok(InfoReport {
        package: names::short(&name),
        purl: PackageUrl::of(&name, Some(&shown.version.to_string())).to_string(),
        version: shown.version.to_string(),
        locked: locked.map(|package| package.version.clone()),
        summary: metadata.and_then(|metadata| metadata.summary.clone()),
        license: metadata.and_then(|metadata| metadata.license.clone()),
        requires_python: metadata
            .and_then(|metadata| metadata.requires_python.as_ref().map(ToString::to_string)),
        engines_node: None,
        rust_version: None,
        requires: metadata.map_or_else(Vec::new, |metadata| {
            metadata.requires_dist.iter().map(ToString::to_string).collect()
        }),
        extras: metadata.map_or_else(Vec::new, |metadata| {
            metadata.provides_extra.iter().map(ToString::to_string).collect()
        }),
        urls: metadata.map_or_else(Vec::new, |metadata| metadata.project_urls.clone()),
        uploaded: shown.uploaded.map(|instant| instant.to_string()),
        index: index
            .releases(&name)
            .await?
            .places()
            .first()
            .map_or_else(String::new, |place| source_words(&place.source())),
        versions: info
            .versions
            .iter()
            .map(|version| VersionEntry {
                version: version.version.to_string(),
                yanked: version.yanked.clone(),
                usable: version.usable,
            })
            .collect(),
    })
}
