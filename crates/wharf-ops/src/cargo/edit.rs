//! Crates in `wharf add` and `wharf remove`: what is written where.

use std::path::Path;

use wharf_ecosystem::cargo::{CargoLock, CrateName, DependencyKind, Version};
use wharf_project::edit::cargo::{
    self, CrateAddition, CrateHome, CrateManifestText, CrateOrigin, CrateShort, CrateTable, Meant,
    ToolAddition,
};
use wharf_project::{Lock, ManifestKind, Project};

use crate::error::OpsError;
use crate::session::Session;

/// What the command line says of all crates that it adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// What they are for.
    pub(crate) kind: DependencyKind,
    /// Whether a feature has to switch them on.
    pub(crate) optional: bool,
    /// Features of theirs that are switched on.
    pub(crate) features: Vec<String>,
}

/// A requirement of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    short: CrateShort,
    home: CrateHome,
    manner: Manner,
    /// Whether the manifest asks for it already.
    known: bool,
}

/// Reads a requirement without its `cargo:`, and finds out where it goes.
///
/// # Errors
/// It is malformed, or the project has no place for it.
pub(crate) fn asked(
    session: &Session,
    project: &Project,
    text: &str,
    manner: Manner,
) -> Result<Asked, OpsError> {
    let short = cargo::parse_short(text)?;
    let meant = match manner.kind {
        DependencyKind::Normal if !manner.optional => Meant::Unsaid,
        _ => Meant::Dependency,
    };
    let home = home(session, project, meant)?;
    let known = names(project, &home).any(|name| *name == short.name);
    Ok(Asked {
        short,
        home,
        manner,
        known,
    })
}

fn home(session: &Session, project: &Project, meant: Meant) -> Result<CrateHome, OpsError> {
    let directory = std::path::absolute(&session.settings().directory);
    let directory = directory.map_err(OpsError::io("find", &session.settings().directory))?;
    Ok(cargo::home(project, &directory, meant)?)
}

/// What the manifest asks for already.
fn names<'p>(project: &'p Project, home: &CrateHome) -> Box<dyn Iterator<Item = &'p CrateName> + 'p> {
    match home {
        CrateHome::Tools { .. } => {
            let tools = project.cargo_tools.iter().flat_map(|tools| &tools.tools);
            Box::new(tools.map(|tool| &tool.name))
        }
        CrateHome::Package { member, .. } => {
            let package = project.cargo.as_ref().and_then(|cargo| cargo.package_at(member));
            let dependencies = package
                .into_iter()
                .flat_map(|package| &package.summary.dependencies);
            Box::new(dependencies.map(|dependency| &dependency.package))
        }
    }
}

impl Asked {
    /// The file that it is written to.
    pub(crate) fn manifest(&self) -> &Path {
        path(&self.home)
    }

    /// The manifest with it, in the range that was given; one that is there already keeps its own.
    ///
    /// # Errors
    /// The manifest is malformed, or cannot say it.
    pub(crate) fn add(&self, text: &str) -> Result<String, OpsError> {
        self.write(text, self.short.req.clone())
    }

    /// The manifest with the locked version as its range, where none was given; and what is written, for people.
    ///
    /// # Errors
    /// As [`Asked::add`].
    pub(crate) fn bound(
        &self,
        text: &str,
        lock: &Lock,
        workspace: Option<&CargoLock>,
        exact: bool,
    ) -> Result<(String, String), OpsError> {
        let locked = self.locked(lock, workspace);
        // Of a repository the commit is locked, whatever version it has.
        let is_usual = self.short.origin == CrateOrigin::Usual;
        let Some(version) = locked.filter(|_| self.short.req.is_none() && is_usual && !self.known) else {
            let words = match &self.short.req {
                Some(req) => format!("cargo:{}@{req}", self.short.name),
                None => format!("cargo:{}", self.short.name),
            };
            return Ok((text.to_owned(), words));
        };
        let range = cargo::written_range(&version);
        let range = if exact { format!("={range}") } else { range };
        let words = format!("cargo:{}@{range}", self.short.name);
        Ok((self.write(text, Some(range))?, words))
    }

    fn write(&self, text: &str, req: Option<String>) -> Result<String, OpsError> {
        let name = &self.short.name;
        let manner = &self.manner;
        Ok(match &self.home {
            CrateHome::Tools { path, kind } => {
                let mut addition = ToolAddition::new(name.clone(), req);
                addition.source.clone_from(&self.short.origin);
                addition.features.clone_from(&manner.features);
                cargo::add_tools(file(*kind, path, text), &[addition])?
            }
            CrateHome::Package { path, .. } => {
                let mut addition = CrateAddition::new(name, req);
                addition.source.clone_from(&self.short.origin);
                addition.table.kind = manner.kind;
                addition.features.clone_from(&manner.features);
                addition.optional = manner.optional.then_some(true);
                cargo::add(file(ManifestKind::Cargo, path, text), &[addition])?
            }
        })
    }

    /// The version that was locked for it.
    fn locked(&self, lock: &Lock, workspace: Option<&CargoLock>) -> Option<Version> {
        match &self.home {
            CrateHome::Tools { .. } => Some(lock.cargo.as_ref()?.tool(&self.short.name)?.version().clone()),
            CrateHome::Package { .. } => {
                let packages = workspace?.packages.iter();
                let own = packages.filter(|package| package.source.is_none());
                let edges = own.flat_map(|package| &package.dependencies);
                let named = edges.filter(|edge| edge.name == self.short.name);
                named.map(|edge| edge.version.clone()).max()
            }
        }
    }
}

/// Every file that can name crates, seen from the session's folder: tools, and the package there.
pub(crate) fn homes(session: &Session, project: &Project) -> Vec<CrateHome> {
    let places = [Meant::Unsaid, Meant::Tool, Meant::Dependency];
    let mut homes: Vec<CrateHome> = places
        .into_iter()
        .filter_map(|meant| home(session, project, meant).ok())
        .collect();
    homes.dedup();
    homes
}

/// Takes crates out of a manifest; the names of those that were there.
///
/// # Errors
/// The manifest is malformed.
pub(crate) fn remove(
    home: &CrateHome,
    text: &str,
    names: &[CrateName],
    only: Option<DependencyKind>,
) -> Result<(String, Vec<CrateName>), OpsError> {
    match home {
        CrateHome::Tools { path, kind } => Ok(cargo::remove_tools(file(*kind, path, text), names)?),
        CrateHome::Package { path, .. } => {
            let aliases: Vec<String> = names.iter().map(ToString::to_string).collect();
            let table = only.map(|kind| CrateTable { kind, target: None });
            let (text, removed) =
                cargo::remove(file(ManifestKind::Cargo, path, text), &aliases, table.as_ref())?;
            let gone = removed
                .iter()
                .filter_map(|one| wharf_ecosystem::cargo::crate_name(&one.alias).ok());
            Ok((text, gone.collect()))
        }
    }
}

/// The file of a place.
pub(crate) fn path(home: &CrateHome) -> &Path {
    match home {
        CrateHome::Tools { path, .. } | CrateHome::Package { path, .. } => path,
    }
}

fn file<'a>(kind: ManifestKind, path: &'a Path, text: &'a str) -> CrateManifestText<'a> {
    CrateManifestText { kind, path, text }
}

/// Records that locked tools answer requests that were only narrowed to what is locked.
pub(crate) fn restate(project: &Project, lock: &mut Lock) {
    let (Some(tools), Some(locked)) = (&project.cargo_tools, &mut lock.cargo) else {
        return;
    };
    for tool in &tools.tools {
        if let Some(known) = locked
            .tools
            .iter_mut()
            .find(|known| known.request.name == tool.name)
        {
            known.request = wharf_project::lock::ToolRequest::of(tool);
        }
    }
}
