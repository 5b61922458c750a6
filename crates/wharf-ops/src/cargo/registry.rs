//! What registries know beyond the locks: `outdated` and `info`.

use futures::stream::{self, StreamExt};
use wharf_core::PackageUrl;
use wharf_ecosystem::cargo::{CrateVersions, Version, VersionRow, crate_name};
use wharf_index::Refresh;
use wharf_index::cargo::CratesIndex;
use wharf_project::{CargoConfig, Lock, Options, Project};

use super::describe::Crates;
use super::workspace::cooldown;
use crate::describe::{LookUp, gather};
use crate::error::OpsError;
use crate::names;
use crate::report::{InfoReport, OutdatedEntry, OutdatedReport, VersionEntry};
use crate::request::Selecting;
use crate::session::Session;

/// How many crates are looked up at once.
const LOOKUPS: usize = 64;

/// What cargo's configuration says of a project, be it for its crates or its tools; `None` where it has neither.
fn configuration(project: &Project) -> Option<&CargoConfig> {
    let tools = project.cargo_tools.as_ref().map(|tools| &tools.config);
    project.cargo.as_ref().map(|cargo| &cargo.config).or(tools)
}

/// Looks up every locked crate of a registry.
pub(crate) async fn outdated(
    session: &Session,
    project: &Project,
    lock: &Lock,
    look_up: LookUp,
) -> Result<OutdatedReport, OpsError> {
    let mut report = OutdatedReport {
        checked: 0,
        outdated: Vec::new(),
    };
    let crates = Crates::read(project)?;
    let (Some(config), Some(view)) = (
        configuration(project),
        crates.view(project, lock, &Selecting::default()),
    ) else {
        return Ok(report);
    };
    let index = session.crates_index(config, Refresh::Nothing)?;
    let limits = cooldown(project);
    let mut wanted = view.indexed();
    wanted.retain(|(_, direct)| look_up.takes(*direct));
    report.checked = wanted.len();
    let lookups = stream::iter(wanted).map(async |(package, direct)| {
        let source = package.source.as_ref().expect("crates of registries were chosen");
        let versions = index.versions(source, &package.name).await?;
        let open = |row: &&VersionRow| {
            let stable = row.version.pre.is_empty() || !package.version.pre.is_empty();
            stable && !row.yanked && limits.allows(&package.name, row.published)
        };
        let latest = versions.rows().iter().rev().find(open);
        let newer = latest.filter(|latest| latest.version > package.version);
        Ok::<_, OpsError>(newer.map(|latest| OutdatedEntry {
            package: names::short(&package.name),
            aliases: Vec::new(),
            locked: package.version.to_string(),
            latest: latest.version.to_string(),
            direct,
        }))
    });
    report.outdated = gather(session, LOOKUPS, lookups).await?;
    Ok(report)
}

/// What the registry knows about a crate, `cargo:name` or `cargo:name@version`.
pub(crate) async fn info(session: &Session, text: &str) -> Result<InfoReport, OpsError> {
    let bare = text.strip_prefix("cargo:").unwrap_or(text).trim();
    let (name, version) = match bare.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (bare, None),
    };
    let name = crate_name(name)?;
    let project = session.project_or_machine()?;
    let machine = match configuration(&project) {
        Some(config) => config.clone(),
        None => {
            let options = Options {
                environment: session.settings().environment.clone(),
                ..Options::default()
            };
            CargoConfig::machine(&project.root, &options)?
        }
    };
    let index = session.crates_index(&machine, Refresh::Nothing)?;
    let source = machine.default_source();
    let missing = |version: &str| OpsError::NoSuchVersion {
        name: name.clone(),
        version: version.to_owned(),
    };
    let asked: Option<Version> = match version {
        Some(text) => Some(text.parse().map_err(|_| missing(text))?),
        None => None,
    };
    let about = session
        .cancel()
        .or(index.about(&source, &name, asked.as_ref()))
        .await;
    let about = about.ok_or(OpsError::Interrupted)??;
    let shown = about
        .shown
        .ok_or_else(|| missing(version.unwrap_or("that can be read")))?;
    let row = about
        .versions
        .rows()
        .iter()
        .find(|row| row.version.to_string() == shown.version);
    let urls = [
        ("Homepage", shown.homepage),
        ("Repository", shown.repository),
        ("Documentation", shown.documentation),
    ];
    let report = InfoReport {
        package: names::short(&name),
        purl: PackageUrl::of(&name, Some(&shown.version)).to_string(),
        locked: locked(&project, &name)?,
        summary: shown.description,
        license: shown.licence,
        requires_python: None,
        engines_node: None,
        rust_version: shown.rust_version,
        requires: shown
            .dependencies
            .iter()
            .map(|(name, range)| format!("{name} {range}"))
            .collect(),
        extras: shown.features.into_iter().map(|(name, _)| name).collect(),
        urls: urls
            .into_iter()
            .filter_map(|(label, url)| Some((label.to_owned(), url?)))
            .collect(),
        uploaded: row
            .and_then(|row| row.published)
            .map(|instant| instant.to_string()),
        index: place(&index, &source.to_string()),
        versions: versions(&about.versions),
        version: shown.version,
    };
    Ok(report)
}

fn place(index: &CratesIndex, source: &str) -> String {
    let known = index
        .registries()
        .iter()
        .find(|registry| registry.source.to_string() == source);
    known.map_or_else(
        || source.to_owned(),
        |registry| registry.index.without_credentials().to_string(),
    )
}

fn versions(versions: &CrateVersions) -> Vec<VersionEntry> {
    let rows = versions.rows().iter().rev();
    let entry = |row: &VersionRow| VersionEntry {
        version: row.version.to_string(),
        yanked: row.yanked.then(String::new),
        usable: true,
    };
    rows.map(entry).collect()
}

/// The highest locked version.
fn locked(project: &Project, name: &wharf_core::PackageName) -> Result<Option<String>, OpsError> {
    let lock = crate::lock::read(project)?.unwrap_or_default();
    let Ok(crates) = Crates::read(project) else {
        return Ok(None);
    };
    let view = crates.view(project, &lock, &Selecting::default());
    Ok(view.and_then(|view| view.versions(name).pop()))
}
