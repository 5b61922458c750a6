//! `wharf add` and `wharf remove`: the manifest is edited, then locked and synced.
//! Invariant: where the lock fails, the manifest is what it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wharf_core::{Ecosystem, InvalidShortRequirement, PackageName, ShortRequirement};
use wharf_deb::relation::Relation;
use wharf_ecosystem::pypi::{VersionOrUrl, parse_requirement};
use wharf_project::edit::npm::Exactness;
use wharf_project::edit::{self, Addition, Manifest};
use wharf_project::{Group, Lock, Project};

pub use crate::init::InitRequest;
pub use wharf_ecosystem::cargo::DependencyKind;
pub use wharf_ecosystem::npm::EdgeKind;

use crate::cargo;
use crate::deb;
use crate::error::OpsError;
use crate::lock::{self, Mode, Updated, Updating};
use crate::names;
use crate::npm;
use crate::report::EditReport;
use crate::request::{Installing, Solving};
use crate::session::Session;
use crate::sync::{self, SyncRequest};
use crate::write;

/// Where requirements go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// What the project needs to run.
    #[default]
    Main,
    /// What its developers need.
    Dev,
    /// A group.
    Group(String),
    /// An extra of the project.
    Extra(String),
}

impl Place {
    fn group(&self) -> Group {
        match self {
            Place::Main => Group::Main,
            Place::Dev => Group::Dev,
            Place::Group(name) => Group::Named(name.clone()),
            Place::Extra(name) => Group::Extra(name.clone()),
        }
    }
}

/// What is written for a requirement that names no version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bounds {
    /// The locked version as the lower bound; for npm packages `^` and it.
    #[default]
    Lower,
    /// For npm packages exactly the locked version.
    Exact,
    /// Nothing.
    AsWritten,
}

/// What an addition is asked.
#[derive(Clone, Debug, Default)]
pub struct AddRequest {
    /// Requirements in short form.
    pub requirements: Vec<String>,
    /// Development requirements in short form.
    pub dev: Vec<String>,
    /// Paths of source trees to be imported in place.
    pub editable: Vec<String>,
    /// Where the requirements and source trees go.
    pub place: Place,
    /// How much npm packages are needed, unless they are for development.
    pub kind: EdgeKind,
    /// What crates are needed for, unless they are for development.
    pub crate_kind: DependencyKind,
    /// Features of crates that are switched on.
    pub features: Vec<String>,
    /// What is written for those without a version.
    pub bounds: Bounds,
    /// Whether the environment follows.
    pub sync: bool,
    /// How the solve is steered.
    pub solving: Solving,
    /// How the environment is made.
    pub installing: Installing,
}

/// What a removal is asked.
#[derive(Clone, Debug, Default)]
pub struct RemoveRequest {
    /// The packages.
    pub names: Vec<String>,
    /// Only from here; from everywhere otherwise.
    pub place: Option<Place>,
    /// Whether the environment follows.
    pub sync: bool,
    /// How the solve is steered.
    pub solving: Solving,
    /// How the environment is made.
    pub installing: Installing,
}

/// Adds requirements.
///
/// # Errors
/// Where a requirement is malformed or nothing satisfies it; the manifest is then what it was.
pub async fn add(session: &Session, request: &AddRequest) -> Result<EditReport, OpsError> {
    let project = session.project(&Vec::new())?;
    let has_debs = !deb::add::has_none(&project);
    check_places(request)?;
    let additions = additions(request)?;
    let asked = npm::edit::asked(session, &project, &npm_texts(request)).await?;
    let home = npm::edit::home(session, &project);
    let crates = crates(session, &project, request)?;
    let mut files = Files::default();
    files.add(&project, &additions)?;
    let debs = debs(request)?;
    files.add_debs(&project, &debs)?;
    for asked in &crates {
        files.change(asked.manifest(), |text| asked.add(text))?;
    }
    if !asked.is_empty() {
        files.change(&home.manifest, |text| npm::edit::add(&home, text, &asked))?;
    }
    let then = async |files: &mut Files| {
        let (project, updated) = relock(session, &request.solving, &asked).await?;
        let (lock, mut report) = (updated.lock, updated.report);
        let bounded = match request.bounds {
            Bounds::AsWritten => additions.clone(),
            Bounds::Lower | Bounds::Exact => with_bounds(&additions, &lock),
        };
        let mut words: Vec<String> = bounded.iter().map(|addition| addition.text.clone()).collect();
        words.extend(debs.iter().map(|(relation, _)| format!("{DEB}{relation}")));
        let before = files.after.clone();
        if bounded != additions {
            files.add(&project, &bounded)?;
        }
        if !asked.is_empty() {
            let exactness = match request.bounds {
                Bounds::Exact => Exactness::Exact,
                Bounds::Lower | Bounds::AsWritten => Exactness::Usual,
            };
            files.change(&home.manifest, |text| {
                let npm = project.npm.as_ref();
                let (text, written) = npm::edit::bound(&home, text, &asked, &lock, exactness, npm)?;
                words.extend(written);
                Ok(text)
            })?;
        }
        for asked in crates.iter().filter(|_| request.bounds != Bounds::AsWritten) {
            let exact = request.bounds == Bounds::Exact;
            let workspace = updated.crates.as_ref().map(|crates| &crates.lock);
            files.change(asked.manifest(), |text| {
                let (text, written) = asked.bound(text, &lock, workspace, exact)?;
                words.push(written);
                Ok(text)
            })?;
        }
        if !debs.is_empty() && !has_debs {
            let path = edit::file_for(&project, &Group::Main);
            files.change(&path, |text| deb::add::with_suite(&project, &path, text, &lock))?;
            deb::add::tell_of_python(session, &project, &lock);
        }
        if files.after != before {
            files.write()?;
            // The bounds that were just written are what the lock gave: it answers them without another solve.
            let project = session.project_to_solve(&Vec::new(), &request.solving)?;
            lock::restate(&project, lock, &mut report)?;
        }
        Ok((words, report))
    };
    files.write()?;
    let (requirements, lock) = match then(&mut files).await {
        Ok(done) => done,
        Err(error) => return Err(files.restore(error)),
    };
    let manifest = files.first().unwrap_or(project.manifest_path);
    let sync = follow(session, request.sync, &request.solving, request.installing).await?;
    Ok(EditReport {
        manifest,
        requirements,
        lock,
        sync,
    })
}

/// Groups and extras are Python's, optional and peer dependencies npm's.
fn check_places(request: &AddRequest) -> Result<(), OpsError> {
    let refused = |text: &String| {
        let npm = text.trim().starts_with("npm:");
        let crates = text.trim().starts_with(CARGO);
        let (reason, hint) = match &request.place {
            Place::Group(_) | Place::Extra(_) if crates => (
                "cargo has no groups and extras",
                "leave `--group` and `--extra` away, or use `--dev`, `--build` or `--optional`",
            ),
            _ if crates && request.kind == EdgeKind::Peer => (
                "only npm has peer dependencies",
                "leave `--peer` away, or use `--dev`, `--build` or `--optional`",
            ),
            _ if crates => return None,
            _ if request.crate_kind == DependencyKind::Build => (
                "only cargo has dependencies of build scripts",
                "leave `--build` away",
            ),
            _ if !request.features.is_empty() => (
                "only crates have features",
                "write extras of Python packages in brackets, as in `pypi:uvicorn[standard]`",
            ),
            Place::Group(_) | Place::Extra(_) if npm => (
                "npm has no groups and extras",
                "leave `--group` and `--extra` away, or use `--dev`, `--optional` or `--peer`",
            ),
            _ if !npm && matches!(request.kind, EdgeKind::Optional | EdgeKind::Peer) => (
                "only npm and cargo have optional dependencies, and only npm has peer dependencies",
                "leave `--optional` and `--peer` away, or use `--dev`, `--group` or `--extra`",
            ),
            _ => return None,
        };
        Some(OpsError::CannotAdd {
            text: text.clone(),
            reason: reason.to_owned(),
            hint: hint.to_owned(),
        })
    };
    match request.requirements.iter().find_map(refused) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What precedes crates on the command line.
const CARGO: &str = "cargo:";
/// What precedes Debian packages.
const DEB: &str = "deb:";

/// The Debian packages of the command line.
fn debs(request: &AddRequest) -> Result<Vec<(Relation, Group)>, OpsError> {
    let group = request.place.group();
    let main = request.requirements.iter().map(|text| (text, &group));
    let dev = request.dev.iter().map(|text| (text, &Group::Dev));
    let asked = main
        .chain(dev)
        .filter_map(|(text, group)| Some((text.trim().strip_prefix(DEB)?, text, group)));
    let read = asked.map(|(relation, text, group)| match edit::deb::relation(relation) {
        Ok(relation) => Ok((relation, group.clone())),
        Err(error) => Err(OpsError::CannotAdd {
            text: text.clone(),
            reason: error.to_string(),
            hint: edit::deb::hints(relation).join("; "),
        }),
    });
    read.collect()
}

/// The crates of the command line.
fn crates(
    session: &Session,
    project: &Project,
    request: &AddRequest,
) -> Result<Vec<cargo::edit::Asked>, OpsError> {
    let main = match request.place {
        Place::Dev => DependencyKind::Dev,
        Place::Main | Place::Group(_) | Place::Extra(_) => request.crate_kind,
    };
    let of = |kind| move |text| (text, kind);
    let texts = request.requirements.iter().map(of(main));
    let texts = texts.chain(request.dev.iter().map(of(DependencyKind::Dev)));
    let crates = texts.filter_map(|(text, kind)| Some((text.trim().strip_prefix(CARGO)?, kind)));
    let asked = crates.map(|(text, kind)| {
        let manner = cargo::edit::Manner {
            kind,
            optional: request.kind == EdgeKind::Optional,
            features: request.features.clone(),
        };
        cargo::edit::asked(session, project, text, manner)
    });
    asked.collect()
}

/// The npm requirements of the command line, without their `npm:`.
fn npm_texts(request: &AddRequest) -> Vec<(String, EdgeKind)> {
    let kind = match request.place {
        Place::Dev => EdgeKind::Dev,
        Place::Main | Place::Group(_) | Place::Extra(_) => request.kind,
    };
    let main = request.requirements.iter().map(|text| (text, kind));
    let dev = request.dev.iter().map(|text| (text, EdgeKind::Dev));
    main.chain(dev)
        .filter_map(|(text, kind)| Some((text.trim().strip_prefix("npm:")?.to_owned(), kind)))
        .collect()
}

/// Removes requirements.
///
/// # Errors
/// Where the manifest names none of them, or what remains has no solution; the manifest is then what it was.
pub async fn remove(session: &Session, request: &RemoveRequest) -> Result<EditReport, OpsError> {
    let project = session.project(&Vec::new())?;
    let wanted = request
        .names
        .iter()
        .map(|name| meant(&project, name))
        .collect::<Result<Vec<_>, _>>()?;
    let of = |ecosystem| {
        let names = wanted.iter().filter(move |name| name.ecosystem() == ecosystem);
        names.cloned().collect::<Vec<PackageName>>()
    };
    let [npm, crates, python, debs] =
        [Ecosystem::Npm, Ecosystem::Cargo, Ecosystem::Pypi, Ecosystem::Deb].map(of);
    let mut files = Files::default();
    let mut removed = Vec::new();
    if !python.is_empty() {
        let group = request.place.as_ref().map(Place::group);
        removed.extend(files.remove(&project, &python, group.as_ref())?);
    }
    if !debs.is_empty() {
        let group = request.place.as_ref().map(Place::group);
        removed.extend(files.remove_debs(&project, &debs, group.as_ref())?);
    }
    if !npm.is_empty() {
        let aliases: Vec<String> = npm.iter().map(ToString::to_string).collect();
        let kind = (request.place == Some(Place::Dev)).then_some(EdgeKind::Dev);
        let mut gone = Vec::new();
        for home in npm::edit::homes(session, &project) {
            files.change(&home.manifest, |text| {
                let (text, found) = npm::edit::remove(&home, text, &aliases, kind)?;
                gone.extend(found);
                Ok(text)
            })?;
        }
        removed.extend(
            gone.iter()
                .filter_map(|alias| PackageName::new(Ecosystem::Npm, alias).ok()),
        );
    }
    if !crates.is_empty() {
        let only = (request.place == Some(Place::Dev)).then_some(DependencyKind::Dev);
        for home in cargo::edit::homes(session, &project) {
            files.change(cargo::edit::path(&home), |text| {
                let (text, found) = cargo::edit::remove(&home, text, &crates, only)?;
                removed.extend(found);
                Ok(text)
            })?;
        }
    }
    if let Some(missing) = wanted.iter().find(|name| !removed.contains(name)) {
        let manifest = match missing.ecosystem() {
            Ecosystem::Cargo => {
                let home = cargo::edit::homes(session, &project).into_iter().next();
                home.map_or_else(
                    || project.manifest_path.clone(),
                    |home| cargo::edit::path(&home).to_owned(),
                )
            }
            Ecosystem::Npm => npm::edit::home(session, &project).manifest,
            _ => project.manifest_path.clone(),
        };
        return Err(not_required(&project, missing, manifest)?);
    }
    files.write()?;
    let lock = match relock(session, &request.solving, &[]).await {
        Ok((_, updated)) => updated.report,
        Err(error) => return Err(files.restore(error)),
    };
    let manifest = files.first().unwrap_or(project.manifest_path);
    let requirements = wanted.iter().map(names::short).collect();
    let sync = follow(session, request.sync, &request.solving, request.installing).await?;
    Ok(EditReport {
        manifest,
        requirements,
        lock,
        sync,
    })
}

/// The package that a word means: a bare name is one of PyPI's, unless only npm's requirements have it.
fn meant(project: &Project, text: &str) -> Result<PackageName, OpsError> {
    let candidates = names::candidates(text)?;
    let asked = |name: &PackageName| match name.ecosystem() {
        Ecosystem::Npm => {
            let importers = project.npm.iter().flat_map(|npm| &npm.importers);
            let mut requirements = importers.flat_map(|importer| &importer.requirements);
            requirements.any(|asked| asked.alias == name.as_str())
        }
        Ecosystem::Cargo => crates_of(project).any(|known| known == name),
        Ecosystem::Deb => debs_of(project).any(|known| known == name),
        _ => project.roots.iter().any(|root| root.name() == *name),
    };
    let known = candidates.iter().find(|name| asked(name));
    Ok(known
        .or(candidates.first())
        .cloned()
        .expect("a word means at least one package"))
}

/// The crates that a project asks for, as tools and for its members.
fn crates_of(project: &Project) -> impl Iterator<Item = &PackageName> {
    let tools = project.cargo_tools.iter().flat_map(|tools| &tools.tools);
    let members = project.cargo.iter().flat_map(|cargo| &cargo.members);
    let dependencies = members.flat_map(|member| &member.summary.dependencies);
    let dependencies = dependencies.map(|dependency| &dependency.package);
    tools.map(|tool| &tool.name).chain(dependencies)
}

/// The Debian packages that a project names.
fn debs_of(project: &Project) -> impl Iterator<Item = &PackageName> {
    let asked = project.deb.iter().flat_map(|deb| &deb.packages);
    asked
        .flat_map(|asked| &asked.relation.alternatives)
        .map(|alternative| &alternative.name)
}

/// Why a package cannot be removed: something else brings it in, or its name is misspelt.
fn not_required(project: &Project, name: &PackageName, manifest: PathBuf) -> Result<OpsError, OpsError> {
    let lock = lock::read(project)?;
    let known = lock::names_of(project, lock.as_ref())?;
    let is_locked = known.is_some_and(|known| known.contains(name));
    let mut roots: Vec<PackageName> = project
        .roots
        .iter()
        .map(wharf_project::RootRequirement::name)
        .collect();
    let importers = project.npm.iter().flat_map(|npm| &npm.importers);
    let aliases = importers.flat_map(|importer| &importer.requirements);
    roots.extend(aliases.filter_map(|asked| PackageName::new(Ecosystem::Npm, &asked.alias).ok()));
    roots.extend(crates_of(project).cloned());
    roots.extend(debs_of(project).cloned());
    roots.retain(|root| root.ecosystem() == name.ecosystem());
    Ok(OpsError::NotRequired {
        name: name.clone(),
        manifest,
        is_locked,
        near: names::nearest(name, roots.iter().filter(|root| *root != name)),
    })
}

async fn relock(
    session: &Session,
    solving: &Solving,
    asked: &[npm::edit::Asked],
) -> Result<(Project, Updated), OpsError> {
    let project = session.project_to_solve(&Vec::new(), solving)?;
    npm::edit::check_wanted(session, &project, asked)?;
    let old = lock::read(&project)?;
    let updating = Updating {
        upgrade: &npm::edit::upgrade(asked, old.as_ref()),
        solving,
        mode: Mode::Write,
        installing: false,
        early: None,
    };
    let updated = lock::update(session, &project, old, updating).await?;
    Ok((project, updated))
}

/// Syncs after an edit, where that is wanted: as the last sync was asked, unless the command says otherwise.
///
/// # Errors
/// As [`sync::sync`].
pub(crate) async fn follow(
    session: &Session,
    wanted: bool,
    solving: &Solving,
    installing: Installing,
) -> Result<Option<crate::report::SyncReport>, OpsError> {
    if !wanted {
        return Ok(None);
    }
    let remembered = sync::remembered(session);
    let request = SyncRequest {
        solving: solving.clone(),
        selecting: remembered.selecting,
        installing: if installing == Installing::default() {
            remembered.installing
        } else {
            installing
        },
        ..SyncRequest::default()
    };
    sync::sync(session, &request).await.map(Some)
}

/// The requirements of the command line as additions to a manifest.
fn additions(request: &AddRequest) -> Result<Vec<Addition>, OpsError> {
    let group = request.place.group();
    let python = |text: &&String| {
        !["npm:", CARGO, DEB]
            .iter()
            .any(|prefix| text.trim().starts_with(prefix))
    };
    let main = request
        .requirements
        .iter()
        .filter(python)
        .map(|text| addition(text, group.clone()));
    let dev = request
        .dev
        .iter()
        .filter(python)
        .map(|text| addition(text, Group::Dev));
    let editable = request.editable.iter().map(|path| {
        Ok(Addition {
            text: path.clone(),
            group: group.clone(),
            editable: true,
            index: None,
        })
    });
    main.chain(dev).chain(editable).collect()
}

fn addition(text: &str, group: Group) -> Result<Addition, OpsError> {
    let short = ShortRequirement::parse(text).map_err(|error| not_short(text, error))?;
    match short.ecosystem {
        Ecosystem::Pypi => Ok(Addition {
            text: short.text,
            group,
            editable: false,
            index: None,
        }),
        Ecosystem::Npm
        | Ecosystem::Cargo
        | Ecosystem::Deb
        | Ecosystem::Apk
        | Ecosystem::Rpm
        | Ecosystem::Alpm => Err(not_yet(text, short.ecosystem)),
    }
}

/// A text that is no requirement in short form.
pub(crate) fn not_short(text: &str, error: InvalidShortRequirement) -> OpsError {
    match error {
        InvalidShortRequirement::NoEcosystem(_) => without_ecosystem(text),
        InvalidShortRequirement::UnknownEcosystem(_) if text.contains("://") => without_ecosystem(text),
        error => OpsError::CannotAdd {
            text: text.to_owned(),
            reason: error.to_string(),
            hint: match text
                .split_once(':')
                .map(|(word, rest)| (names::meant(word), rest))
            {
                Some((Some(meant), rest))
                    if matches!(error, InvalidShortRequirement::UnknownEcosystem(_)) =>
                {
                    format!("write `{meant}:{rest}`")
                }
                _ => "write for example `pypi:requests>=2` or `deb:nginx`".to_owned(),
            },
        },
    }
}

/// A requirement of an ecosystem that cannot be had here.
pub(crate) fn not_yet(text: &str, ecosystem: Ecosystem) -> OpsError {
    OpsError::CannotAdd {
        text: text.to_owned(),
        reason: format!("this version of Wharf installs no {ecosystem} packages"),
        hint: names::KNOWN.to_owned(),
    }
}

/// What is meant by a text that names no ecosystem: a path, a URL, or a package whose prefix was forgotten.
fn without_ecosystem(text: &str) -> OpsError {
    let is_path = text.starts_with(['.', '/', '~']) || text.contains('/');
    let (reason, hint) = if text.contains("://") && !text.contains(" @ ") {
        (
            "a URL does not say which package it holds".to_owned(),
            format!("write `pypi:NAME @ {text}`"),
        )
    } else if is_path && !text.contains(" @ ") {
        (
            "a path does not say what it holds".to_owned(),
            format!(
                "write `--editable {text}` for a source tree that is used in place, or `pypi:NAME @ {text}`"
            ),
        )
    } else {
        (
            "it does not say which ecosystem it is from".to_owned(),
            format!("write `pypi:{text}`, `npm:{text}`, `cargo:{text}` or `deb:{text}`"),
        )
    };
    OpsError::CannotAdd {
        text: text.to_owned(),
        reason,
        hint,
    }
}

/// The additions that name no version and no place, with what was locked as their lower bound.
fn with_bounds(additions: &[Addition], lock: &Lock) -> Vec<Addition> {
    additions
        .iter()
        .map(|addition| match bound(addition, lock) {
            Some(text) => Addition {
                text,
                ..addition.clone()
            },
            None => addition.clone(),
        })
        .collect()
}

fn bound(addition: &Addition, lock: &Lock) -> Option<String> {
    if addition.editable {
        return None;
    }
    let mut requirement = parse_requirement(&addition.text).ok()?;
    let free = match &requirement.version_or_url {
        None => true,
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.is_empty(),
        Some(VersionOrUrl::Url(_)) => false,
    };
    let name = PackageName::pypi(requirement.name.as_ref()).ok()?;
    let locked = lock
        .packages
        .iter()
        .filter(|package| package.name == name && package.source.is_indexed());
    let lowest = locked
        .filter_map(|package| package.version.parse::<wharf_ecosystem::pypi::Version>().ok())
        .min()?;
    // A local version such as `2.0+cpu` cannot stand behind `>=`.
    let bound = format!(">={}", lowest.without_local()).parse().ok()?;
    free.then(|| {
        requirement.version_or_url = Some(VersionOrUrl::VersionSpecifier(bound));
        requirement.to_string()
    })
}

/// Edited files with what they said before.
#[derive(Default)]
struct Files {
    /// What stood there; `None` for a file that did not exist.
    before: BTreeMap<PathBuf, Option<String>>,
    after: BTreeMap<PathBuf, String>,
}

impl Files {
    /// The file that was changed, the first of several.
    fn first(&self) -> Option<PathBuf> {
        let is_changed =
            |path: &&PathBuf| self.before.get(*path).and_then(Option::as_ref) != self.after.get(*path);
        let changed = self.after.keys().find(is_changed);
        changed.or_else(|| self.after.keys().next()).cloned()
    }

    /// The text of a file as edited so far.
    fn text(&mut self, path: &Path) -> Result<String, OpsError> {
        if let Some(text) = self.after.get(path) {
            return Ok(text.clone());
        }
        let before = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(OpsError::io("read", path)(error)),
        };
        self.before
            .entry(path.to_owned())
            .or_insert_with(|| before.clone());
        Ok(before.unwrap_or_default())
    }

    /// Changes a file as `edit` says.
    fn change(
        &mut self,
        path: &Path,
        edit: impl FnOnce(&str) -> Result<String, OpsError>,
    ) -> Result<(), OpsError> {
        let text = self.text(path)?;
        self.after.insert(path.to_owned(), edit(&text)?);
        Ok(())
    }

    fn add(&mut self, project: &Project, additions: &[Addition]) -> Result<(), OpsError> {
        for addition in additions {
            let path = edit::file_for(project, &addition.group);
            let text = self.text(&path)?;
            let manifest = Manifest {
                kind: project.manifest,
                path: &path,
                text: &text,
                group: &addition.group,
            };
            let text = edit::add(manifest, std::slice::from_ref(addition))?;
            self.after.insert(path, text);
        }
        Ok(())
    }

    fn remove(
        &mut self,
        project: &Project,
        wanted: &[PackageName],
        group: Option<&Group>,
    ) -> Result<Vec<PackageName>, OpsError> {
        let groups: Vec<Group> = match group {
            Some(group) => vec![group.clone()],
            None => project.roots.iter().map(|root| root.group.clone()).collect(),
        };
        let mut paths: Vec<(PathBuf, Group)> = groups
            .into_iter()
            .map(|group| (edit::file_for(project, &group), group))
            .collect();
        paths.sort();
        paths.dedup_by(|a, b| a.0 == b.0);
        let mut removed = Vec::new();
        for (path, own) in paths {
            let text = self.text(&path)?;
            let manifest = Manifest {
                kind: project.manifest,
                path: &path,
                text: &text,
                group: &own,
            };
            let (text, gone) = edit::remove(manifest, wanted, group)?;
            removed.extend(gone.into_iter().map(|removed| removed.name));
            self.after.insert(path, text);
        }
        Ok(removed)
    }

    fn add_debs(&mut self, project: &Project, debs: &[(Relation, Group)]) -> Result<(), OpsError> {
        for (relation, group) in debs {
            let path = edit::file_for(project, group);
            let text = self.text(&path)?;
            let manifest = Manifest {
                kind: project.manifest,
                path: &path,
                text: &text,
                group,
            };
            let text = edit::deb::add(manifest, std::slice::from_ref(relation), group)?;
            self.after.insert(path, text);
        }
        Ok(())
    }

    fn remove_debs(
        &mut self,
        project: &Project,
        wanted: &[PackageName],
        group: Option<&Group>,
    ) -> Result<Vec<PackageName>, OpsError> {
        let own = group.cloned().unwrap_or(Group::Main);
        let path = edit::file_for(project, &own);
        let text = self.text(&path)?;
        let manifest = Manifest {
            kind: project.manifest,
            path: &path,
            text: &text,
            group: &own,
        };
        let (text, gone) = edit::deb::remove(manifest, wanted, group)?;
        self.after.insert(path, text);
        Ok(gone.into_iter().map(|removed| removed.name).collect())
    }

    fn write(&self) -> Result<(), OpsError> {
        for (path, text) in &self.after {
            write::file(path, text)?;
        }
        Ok(())
    }

    /// Puts everything back; gives the error on, which matters more than a failure to restore.
    fn restore(&self, error: OpsError) -> OpsError {
        for (path, before) in &self.before {
            let restored = match before {
                Some(text) => write::file(path, text).is_ok(),
                None => std::fs::remove_file(path).is_ok(),
            };
            if !restored {
                tracing::warn!(path = %path.display(), "the manifest could not be put back");
            }
        }
        error
    }
}
