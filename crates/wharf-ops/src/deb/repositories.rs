//! The repositories of a project's Debian packages, as what a solve may choose from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharf_core::WebUrl;
use wharf_deb::architecture::Architecture;
use wharf_deb::index::Index;
use wharf_deb::preferences::Pin;
use wharf_deb::release::ValidUntil;
use wharf_deb::universe::{Layer, PackageKey, Provenance, Universe};
use wharf_index::Refresh;
use wharf_index::deb::{KeyBlock, Keys, Names, Repositories, Repository, Snapshot, Trust};
use wharf_project::DebLock;
use wharf_project::{DebHold, DebProject, DebRepository, Project};

use crate::error::OpsError;
use crate::session::Session;

/// What a solve may choose from, and where each layer of it is.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) universe: Universe,
    places: Vec<(WebUrl, String)>,
    snapshots: Vec<Snapshot>,
}

impl Offered {
    /// The repository and suite of a layer.
    pub(crate) fn place(&self, layer: u16) -> &(WebUrl, String) {
        &self.places[usize::from(layer)]
    }
}

/// What the repositories of a project have for an architecture. Asked once in a session; `refresh` says whether what is known of them
/// counts as long as they said.
///
/// # Errors
/// A repository cannot be reached, or must not be trusted.
pub(crate) async fn offered(
    session: &Session,
    project: &Project,
    deb: &DebProject,
    suite: &str,
    architecture: &Architecture,
    refresh: Refresh,
) -> Result<Arc<Offered>, OpsError> {
    let architectures = architectures(deb, architecture);
    let known = session.debian().offered(suite, &architectures);
    if let Some(known) = known {
        return Ok(known);
    }
    let stated = deb.repositories(suite, architecture)?;
    let asked = stated
        .iter()
        .map(|repository| asked(repository, &architectures))
        .collect::<Result<Vec<_>, _>>()?;
    let door = door(session, project)?.with_refresh(refresh);
    let snapshots = door.refresh(&asked);
    let snapshots = session
        .cancel()
        .or(snapshots)
        .await
        .ok_or(OpsError::Interrupted)??;
    let offered = Arc::new(put_together(deb, &stated, snapshots, architecture)?);
    session.debian().keep(suite, &architectures, &offered);
    Ok(offered)
}

/// The long descriptions of what repositories have, where those keep them apart; asked for by who searches for words alone.
///
/// # Errors
/// A list cannot be had, or is not the one that its repository promises.
pub(crate) async fn descriptions(
    session: &Session,
    project: &Project,
    offered: &Offered,
) -> Result<Vec<Arc<Index>>, OpsError> {
    let door = door(session, project)?;
    let described = door.descriptions(&offered.snapshots);
    let described = session.cancel().or(described).await;
    Ok(described.ok_or(OpsError::Interrupted)??)
}

/// What fetches from repositories.
pub(crate) fn door(session: &Session, project: &Project) -> Result<Repositories, OpsError> {
    Ok(Repositories::new(
        session.client(project),
        Arc::clone(session.store()?),
        Arc::clone(session.governor()),
        &session.settings().cache,
        Arc::clone(session.sinks()),
    ))
}

/// What fetches packages: one for all of a session, so that what could not be had ahead is not asked for once more.
pub(crate) fn door_of_packages(session: &Session, project: &Project) -> Result<Repositories, OpsError> {
    let mut known = locked(&session.debian().door);
    match &*known {
        Some(door) => Ok(door.clone()),
        None => Ok(known.insert(door(session, project)?).clone()),
    }
}

/// A system's own architecture, and the others whose packages it may have.
fn architectures(deb: &DebProject, own: &Architecture) -> Vec<String> {
    let others = deb.foreign.iter().filter(|other| *other != own);
    std::iter::once(own)
        .chain(others)
        .map(ToString::to_string)
        .collect()
}

fn asked(stated: &DebRepository, architectures: &[String]) -> Result<Repository, OpsError> {
    let wanted = architectures
        .iter()
        .filter(|wanted| Architecture::parse(wanted).is_ok_and(|wanted| stated.has(&wanted)));
    let trust = match stated.trusted {
        true => Trust::Anyone,
        false => Trust::Signed(Keys {
            blocks: stated
                .keys
                .read()?
                .into_iter()
                .map(|key| KeyBlock {
                    place: key.place,
                    bytes: key.bytes,
                })
                .collect(),
            fingerprints: stated.keys.fingerprints.clone(),
        }),
    };
    Ok(Repository {
        uri: stated.uri.clone(),
        suite: stated.suite.clone(),
        components: stated.components.clone(),
        architectures: wanted.cloned().collect(),
        trust,
        valid_until: match stated.check_valid_until {
            true => ValidUntil::Checked,
            false => ValidUntil::Ignored,
        },
        // Debian and Ubuntu call their suites what they are asked for by; others do as they like.
        names: match stated.keys.shipped {
            Some(_) => Names::Asked,
            None => Names::FirstSeen,
        },
    })
}

fn put_together(
    deb: &DebProject,
    stated: &[DebRepository],
    snapshots: Vec<Snapshot>,
    architecture: &Architecture,
) -> Result<Offered, OpsError> {
    let (mut layers, mut places) = (Vec::new(), Vec::new());
    for (stated, snapshot) in stated.iter().zip(&snapshots) {
        let release = &snapshot.release;
        for part in &snapshot.parts {
            layers.push(Layer {
                index: (*part.index).clone(),
                provenance: Provenance {
                    origin: release.origin.clone().unwrap_or_default(),
                    label: release.label.clone().unwrap_or_default(),
                    suite: release.suite.clone().unwrap_or_default(),
                    codename: release.codename.clone().unwrap_or_default(),
                    version: release.version.clone().unwrap_or_default(),
                    component: part.component.clone(),
                    architecture: part.architecture.clone(),
                    site: host(&stated.uri),
                    not_automatic: release.not_automatic,
                    but_automatic_upgrades: release.but_automatic_upgrades,
                    priority: stated.priority,
                },
            });
            places.push((stated.uri.clone(), stated.suite.clone()));
        }
    }
    let held = |architecture: &Architecture| {
        let key = |hold: &DebHold| PackageKey {
            name: hold.name.to_string(),
            architecture: architecture.clone(),
        };
        deb.holds.iter().map(key).collect::<Vec<_>>()
    };
    let architectures = std::iter::once(architecture).chain(&deb.foreign);
    let holds = architectures.flat_map(held);
    Ok(Offered {
        universe: Universe::new(layers, architecture.clone())
            .with_foreign(deb.foreign.iter().cloned())
            .with_pins(pins(deb)?)
            .with_excluded(deb.excludes.iter().map(ToString::to_string))
            .with_holds(holds),
        places,
        snapshots,
    })
}

/// What the manifest says about which versions are preferred, in apt's own words.
fn pins(deb: &DebProject) -> Result<Vec<Pin>, OpsError> {
    let mut text = String::new();
    let mut pin = |packages: &str, pin: &str, priority: i32| {
        text.push_str(&format!(
            "Package: {packages}\nPin: {pin}\nPin-Priority: {priority}\n\n"
        ));
    };
    for stated in &deb.pins {
        pin(&stated.packages.join(" "), &stated.pin, stated.priority);
    }
    let read = wharf_deb::preferences::parse(text.as_bytes());
    let read = read.into_iter().collect::<Result<Vec<_>, _>>();
    Ok(read.map_err(super::error::DebError::Pin)?)
}

fn host(uri: &WebUrl) -> String {
    uri.as_url().host_str().unwrap_or_default().to_owned()
}

/// What a session knows of repositories.
#[derive(Debug, Default)]
pub(crate) struct Known {
    offered: std::sync::Mutex<BTreeMap<(String, String), Arc<Offered>>>,
    /// The Debian part of the lock as far as it is known.
    lock: std::sync::Mutex<Option<Arc<DebLock>>>,
    /// The system root that was made, or found, for the session's project.
    root: std::sync::Mutex<Option<Arc<super::root::Root>>>,
    making: tokio::sync::Mutex<()>,
    /// What fetches packages, once one was wanted.
    door: std::sync::Mutex<Option<Repositories>>,
    /// How many packages were fetched ahead.
    fetched: AtomicUsize,
}

impl Known {
    fn offered(&self, suite: &str, architectures: &[String]) -> Option<Arc<Offered>> {
        let key = (suite.to_owned(), architectures.join(" "));
        locked(&self.offered).get(&key).cloned()
    }

    fn keep(&self, suite: &str, architectures: &[String], offered: &Arc<Offered>) {
        let key = (suite.to_owned(), architectures.join(" "));
        locked(&self.offered).insert(key, Arc::clone(offered));
    }

    /// Forgets what repositories have.
    pub(crate) fn forget(&self) {
        locked(&self.offered).clear();
    }

    /// The Debian part of the lock, as far as it is known.
    pub(crate) fn lock(&self) -> Option<Arc<DebLock>> {
        locked(&self.lock).clone()
    }

    pub(crate) fn keep_lock(&self, lock: &Arc<DebLock>) {
        *locked(&self.lock) = Some(Arc::clone(lock));
    }

    /// The system root that programs of the project run in now.
    pub(crate) fn root(&self) -> Option<Arc<super::root::Root>> {
        locked(&self.root).clone()
    }

    /// How many packages were fetched before a root was asked for; told once.
    pub(crate) fn fetched(&self) -> usize {
        self.fetched.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn note_fetched(&self, packages: usize) {
        self.fetched.fetch_add(packages, Ordering::Relaxed);
    }

    /// Held while a root is made.
    pub(crate) async fn one_root_at_a_time(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.making.lock().await
    }

    pub(crate) fn keep_root(&self, root: &Arc<super::root::Root>) {
        *locked(&self.root) = Some(Arc::clone(root));
    }
}

fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
