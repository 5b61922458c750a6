//! What registries know beyond the lock: `outdated` and `info`.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use wharf_core::{Ecosystem, PackageName, PackageUrl, WebUrl};
use wharf_ecosystem::npm::pick::{PickRules, pick_tag};
use wharf_ecosystem::npm::{To, Version};
use wharf_index::npm::Detail;
use wharf_project::{Lock, NpmProject, Options, Project};

use super::lock::cutoff;
use crate::describe::{LookUp, gather};
use crate::error::OpsError;
use crate::names;
use crate::report::{InfoReport, OutdatedEntry, OutdatedReport, VersionEntry};
use crate::session::Session;

/// How many packages are looked up at once.
const LOOKUPS: usize = 64;

/// Looks up every locked package of a registry: its tag `latest`, or what stands for it under a cooldown.
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
    let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) else {
        return Ok(report);
    };
    let graph = &locked.graph;
    let direct: BTreeSet<usize> = graph
        .importers
        .iter()
        .flat_map(|importer| &importer.dependencies)
        .filter_map(|edge| match edge.to {
            Some(To::Package(index)) if !edge.range.is_empty() => Some(index),
            _ => None,
        })
        .collect();
    let mut aliases: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for edge in graph.importers.iter().flat_map(|importer| &importer.dependencies) {
        if let Some(To::Package(index)) = edge.to
            && edge.alias != graph.packages[index].name.as_str()
        {
            aliases.entry(index).or_default().insert(&edge.alias);
        }
    }
    let mut wanted: BTreeMap<(&PackageName, &str), (bool, BTreeSet<&str>)> = BTreeMap::new();
    for (position, package) in graph.packages.iter().enumerate() {
        if package.source.is_indexed() {
            let (is_direct, names) = wanted.entry((&package.name, &package.version)).or_default();
            *is_direct |= direct.contains(&position);
            names.extend(aliases.get(&position).into_iter().flatten());
        }
    }
    wanted.retain(|_, (direct, _)| look_up.takes(*direct));
    let cutoff = cutoff(project, npm);
    let index = session.npm_index(project, npm, cutoff.map_or(Detail::Abbreviated, Detail::Until))?;
    let rules = PickRules {
        cutoff,
        ..PickRules::default()
    };
    report.checked = wanted.len();
    let lookups = stream::iter(wanted).map(async |((name, version), (direct, aliases))| {
        let versions = index.versions(name).await?;
        let latest = pick_tag(&versions, "latest", &rules).map(|row| row.version);
        let locked = Version::parse(version).ok();
        let newer = latest.filter(|latest| locked.is_some_and(|locked| *latest > locked));
        Ok::<_, OpsError>(newer.map(|latest| OutdatedEntry {
            package: names::short(name),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            locked: version.to_owned(),
            latest: latest.as_str().to_owned(),
            direct,
        }))
    });
    report.outdated = gather(session, LOOKUPS, lookups).await?;
    Ok(report)
}

/// What the registry knows about a package, `npm:name` or `npm:name@version`.
pub(crate) async fn info(session: &Session, text: &str) -> Result<InfoReport, OpsError> {
    let bare = text.strip_prefix("npm:").unwrap_or(text).trim();
    let cut = bare.char_indices().skip(1).find(|(_, letter)| *letter == '@');
    let (name, version) = match cut {
        Some((at, _)) => (&bare[..at], Some(&bare[at + 1..])),
        None => (bare, None),
    };
    let name = PackageName::new(Ecosystem::Npm, name)?;
    let project = session.project_or_machine()?;
    let machine = session.npm_of_machine()?;
    let npm = project.npm.as_ref().unwrap_or(&machine);
    let index = session.npm_index(&project, npm, Detail::Full)?;
    let missing = |version: &str| OpsError::NoSuchVersion {
        name: name.clone(),
        version: version.to_owned(),
    };
    let asked = match version {
        None => None,
        Some(text) => {
            let versions = index.versions(&name).await?;
            let tagged = versions.tagged(text).map(|row| row.version);
            let parsed = Version::parse(text)
                .ok()
                .filter(|version| versions.find(version).is_some());
            Some(tagged.or(parsed).ok_or_else(|| missing(text))?)
        }
    };
    let about = index.about(&name, asked.as_ref());
    let about = session.cancel().or(about).await.ok_or(OpsError::Interrupted)??;
    let shown = about.shown.ok_or_else(|| missing("that can be read"))?;
    let row = about
        .versions
        .iter()
        .find(|row| row.version.as_str() == shown.version);
    let pairs = |pairs: &[(String, String)]| -> Vec<String> {
        pairs
            .iter()
            .map(|(name, range)| format!("{name}@{range}"))
            .collect()
    };
    let links = [
        ("homepage", shown.homepage),
        ("repository", shown.repository),
        ("bugs", shown.bugs),
    ];
    let report = InfoReport {
        package: names::short(&name),
        purl: PackageUrl::of(&name, Some(&shown.version)).to_string(),
        locked: locked_versions(&project, &name)?,
        summary: shown.description,
        license: shown.licence,
        requires_python: None,
        rust_version: None,
        engines_node: row.and_then(|row| row.engines_node.clone()),
        requires: pairs(&shown.dependencies),
        extras: Vec::new(),
        urls: links
            .into_iter()
            .filter_map(|(label, url)| Some((label.to_owned(), url?)))
            .collect(),
        uploaded: row
            .and_then(|row| row.published)
            .map(|instant| instant.to_string()),
        index: npm.registries.registry_for(&name).to_string(),
        versions: about
            .versions
            .iter()
            .map(|row| VersionEntry {
                version: row.version.as_str().to_owned(),
                yanked: row.deprecated.then(|| "deprecated".to_owned()),
                usable: true,
            })
            .collect(),
        version: shown.version,
    };
    Ok(report)
}

fn locked_versions(project: &Project, name: &PackageName) -> Result<Option<String>, OpsError> {
    let lock = crate::lock::read(project)?;
    let graph = lock
        .as_ref()
        .and_then(|lock| lock.npm.as_ref())
        .map(|npm| &npm.graph);
    let mut versions: Vec<&str> = graph
        .iter()
        .flat_map(|graph| &graph.packages)
        .filter(|package| package.name == *name)
        .map(|package| package.version.as_str())
        .collect();
    versions.dedup();
    Ok((!versions.is_empty()).then(|| versions.join(", ")))
}

impl Session {
    /// The npm registry of the project, or of the machine where there is none that can be read.
    pub(crate) fn default_registry(&self) -> Result<WebUrl, OpsError> {
        let project = self.project(&Vec::new()).ok();
        Ok(match project.and_then(|project| project.npm) {
            Some(npm) => npm.registries.default,
            None => self.npm_of_machine()?.registries.default,
        })
    }

    /// npm's registries where no project says which.
    fn npm_of_machine(&self) -> Result<NpmProject, OpsError> {
        let options = Options {
            environment: self.settings().environment.clone(),
            ..Options::default()
        };
        Ok(NpmProject::machine(&self.settings().directory, &options)?)
    }
}
