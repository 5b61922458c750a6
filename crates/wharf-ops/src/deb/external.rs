//! What packages of other ecosystems need of the system, as `[external]` tables say it: what they are built with and against,
//! and what they run with.
//!
//! A package that no table knows and that is built from source is taken to need a compiler: what a build needs cannot be known
//! before it runs, and one without a compiler tells nothing that helps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::stream::{StreamExt, iter};
use wharf_core::{Arch, Ecosystem, Event, Origin, Os, PackageName};
use wharf_ecosystem::pypi::{self, Implementation, MarkerEnvironment};
use wharf_project::external::{
    ExternalDependency, ExternalNeed, ExternalRole, NeededDeb, Needs, of_pyproject,
};
use wharf_project::lock::deb::{DebCause, LockedDebRoot};
use wharf_project::{DebInputs, Group, Lock, LockedPackage, Project};

use super::lock::Root;
use crate::fetch;
use crate::names;
use crate::npm::{approvals, debian};
use crate::session::Session;

/// What a source build of Python has beyond what tables say: the headers of Python itself.
const PYTHON_HEADERS: &str = "python3-dev";
/// What builds of addons run with.
const ADDONS: [&str; 2] = ["python3", "make"];
/// What they have besides where they are for Debian's Node: its headers, and the node-gyp that knows how it is linked to.
const ADDONS_OF_DEBIANS_NODE: [&str; 2] = ["libnode-dev", "node-gyp"];
/// What is asked for where no table knows a package that is built.
const COMPILERS: [&str; 2] = ["dep:virtual/compiler/c", "dep:virtual/compiler/c++"];
/// How many sources are fetched at once to see what they say.
const AT_ONCE: usize = 8;

/// What the locked packages and the project itself need, as far as that is known without fetching anything: of a source that is not at
/// hand, what is locked for it stays.
pub(crate) fn roots(session: &Session, project: &Project, lock: &Lock) -> Vec<Root> {
    let mut found = Found::new(session, project, lock);
    found.own();
    for package in &lock.packages {
        found.python(package, lock);
    }
    if let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) {
        for package in &locked.graph.packages {
            let built = approvals::approved(npm, package);
            found.node(&package.name, &package.version, built);
        }
    }
    found.roots
}

/// Fetches the locked sources of which nobody has seen yet what they say about the system.
pub(crate) async fn learn(session: &Session, project: &Project, lock: &Lock) {
    let Ok(index) = session.index_ahead(project) else {
        return;
    };
    let unknown = lock.packages.iter().filter(|package| speaks(project, package));
    let unknown = unknown.filter_map(|package| Some((package, source(project, package)?)));
    let unknown = unknown.filter(|(_, dist)| index.external_at_hand(dist).is_none());
    let learning = iter(unknown.collect::<Vec<_>>())
        .map(|(package, dist)| {
            let index = index.clone();
            async move {
                let error = index.external(&dist).await.err()?;
                Some((names::typed(&package.name), error.to_string()))
            }
        })
        .buffered(AT_ONCE)
        .collect::<Vec<Option<(String, String)>>>();
    // Who stops the command is told so by what comes next.
    let learned = session.cancel().or(learning).await.unwrap_or_default();
    if let Some(message) = unread(learned.into_iter().flatten()) {
        session.emit(Event::warning("deb/unread", message));
    }
}

/// One warning of all sources that could not be had, mostly for one reason: that of the first. They come with their errors.
fn unread(mut failed: impl Iterator<Item = (String, String)>) -> Option<String> {
    let (first, error) = failed.next()?;
    let others: Vec<String> = failed.map(|(name, _)| name).collect();
    Some(match others.as_slice() {
        [] => format!("what {first} itself says about the system is not known: {error}"),
        others => format!(
            "what {first} itself says about the system is not known: {error}; nor what these say: {}",
            others.join(", ")
        ),
    })
}

/// What the build of one Python package needs that the lock may not know yet; `tree` is its source.
pub(crate) fn roots_of_build(
    session: &Session,
    project: &Project,
    name: &PackageName,
    tree: &Path,
) -> Vec<Root> {
    let mut found = Found::new(session, project, &Lock::default());
    let text = std::fs::read_to_string(tree.join("pyproject.toml")).unwrap_or_default();
    let own = found.read(name, &text);
    found.of(name, None, Built::Yes, Some(&own));
    found.roots
}

/// What locked sources say about themselves, where that is at hand and has a say.
pub(crate) fn own_words(
    session: &Session,
    project: &Project,
    lock: &Lock,
) -> BTreeMap<PackageName, Vec<ExternalNeed>> {
    let mut found = Found::new(session, project, lock);
    let packages = lock.packages.iter().filter(|package| speaks(project, package));
    let mut words = BTreeMap::new();
    for package in packages {
        if let Some(text) = at_hand(session, project, package) {
            let needs = found.read(&package.name, &text);
            words.insert(package.name.clone(), needs);
        }
    }
    words
}

/// Where it is said that a root is needed, as far as that is known.
pub(crate) fn said_at(
    project: &Project,
    root: &LockedDebRoot,
    own: &BTreeMap<PackageName, Vec<ExternalNeed>>,
) -> Option<Origin> {
    let DebCause::External {
        package,
        role,
        dependency,
    } = &root.cause
    else {
        return None;
    };
    let needs = match package {
        Some(name) => {
            let own = own.get(name).map(Vec::as_slice);
            project.external.needs_of(name, None, own)
        }
        None => project.external.own_needs(),
    };
    let needed = match role {
        ExternalRole::Run => needs.run,
        ExternalRole::Build | ExternalRole::Host => needs.build,
    };
    let is_it = |needed: &&NeededDeb| {
        needed.relation.to_string() == root.asked && needed.dependency.to_string() == *dependency
    };
    needed.iter().find(is_it).map(|needed| needed.origin.clone())
}

/// Whether the source of a package is asked what it needs: it is built, and the project says nothing about it.
fn speaks(project: &Project, package: &LockedPackage) -> bool {
    let external = &project.external.table;
    is_built(package) == Built::Yes && external.package(&package.name, Some(&package.version)).is_none()
}

/// The source that a package is built from.
fn source(project: &Project, package: &LockedPackage) -> Option<wharf_index::Dist> {
    let file = package.files.iter().find(|file| !is_wheel(&file.filename));
    fetch::dist(project, package, file).ok()
}

fn at_hand(session: &Session, project: &Project, package: &LockedPackage) -> Option<String> {
    let index = session.index_ahead(project).ok()?;
    index.external_at_hand(&source(project, package)?)
}

/// Whether something is built from source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Built {
    No,
    Yes,
}

/// Whether the lock has anything but a wheel of it.
fn is_built(package: &LockedPackage) -> Built {
    let is_folder = matches!(
        package.source,
        wharf_core::Source::Directory { .. } | wharf_core::Source::Git { .. }
    );
    match is_folder || package.files.iter().any(|file| !is_wheel(&file.filename)) {
        true => Built::Yes,
        false => Built::No,
    }
}

fn is_wheel(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("whl"))
}

struct Found<'a> {
    session: &'a Session,
    project: &'a Project,
    roots: Vec<Root>,
    /// What was said to be unknown, once each.
    told: BTreeSet<String>,
    /// What markers are asked about.
    machines: Vec<MarkerEnvironment>,
    /// What every addon is built with.
    addons: Vec<&'static str>,
}

impl<'a> Found<'a> {
    fn new(session: &'a Session, project: &'a Project, lock: &Lock) -> Self {
        Self {
            session,
            project,
            roots: Vec::new(),
            told: BTreeSet::new(),
            machines: machines(project, lock),
            addons: addons(project, lock),
        }
    }

    /// What the project says that it needs itself.
    fn own(&mut self) {
        let needs = self.project.external.own_needs();
        self.take(None, needs, Built::Yes);
    }

    fn python(&mut self, package: &LockedPackage, lock: &Lock) {
        let (name, version) = (&package.name, Some(package.version.as_str()));
        if !speaks(self.project, package) {
            return self.of(name, version, is_built(package), None);
        }
        match at_hand(self.session, self.project, package) {
            Some(text) => {
                let own = self.read(name, &text);
                self.of(name, version, Built::Yes, Some(&own));
            }
            // What was locked came of what it says.
            None if self.keep(name, lock) => {}
            None => self.of(name, version, Built::Yes, None),
        }
    }

    /// What a source says about itself; what cannot be read says nothing.
    fn read(&mut self, name: &PackageName, text: &str) -> Vec<ExternalNeed> {
        if text.is_empty() {
            return Vec::new();
        }
        let file = format!("{name}'s pyproject.toml");
        match of_pyproject(text, &file) {
            Ok(needs) => needs,
            Err(error) => {
                self.warn(
                    "deb/unread",
                    format!("what {file} says about the system is passed over: {error}"),
                );
                Vec::new()
            }
        }
    }

    /// Takes what is locked for a package, if anything is.
    fn keep(&mut self, name: &PackageName, lock: &Lock) -> bool {
        let systems = lock.deb.iter().flat_map(|deb| &deb.systems);
        let roots = systems.flat_map(|system| &system.roots);
        let of_it = |root: &&LockedDebRoot| matches!(&root.cause, DebCause::External { package: Some(package), .. } if package == name);
        let kept: Vec<Root> = roots.filter(of_it).map(Root::of).collect();
        let any = !kept.is_empty();
        kept.into_iter().for_each(|root| self.add(root));
        any
    }

    fn node(&mut self, name: &PackageName, version: &str, built: bool) {
        let built = if built { Built::Yes } else { Built::No };
        self.of(name, Some(version), built, None);
    }

    fn of(&mut self, name: &PackageName, version: Option<&str>, built: Built, own: Option<&[ExternalNeed]>) {
        let external = &self.project.external;
        let mut needs = external.needs_of(name, version, own);
        // What a source says of itself is whole.
        let says_itself =
            own.is_some_and(|own| !own.is_empty()) && external.table.package(name, version).is_none();
        if built == Built::Yes && (needs.is_empty() || !says_itself && is_built_with_nothing(&needs)) {
            let compilers = external.answer(&compilers(name));
            needs.build.extend(compilers.build);
            needs.unanswered.extend(compilers.unanswered);
        }
        self.take(Some(name), needs, built);
        if built == Built::Yes {
            let (role, also) = match name.ecosystem() {
                Ecosystem::Pypi => (ExternalRole::Host, vec![PYTHON_HEADERS]),
                _ => (ExternalRole::Build, self.addons.clone()),
            };
            for asked in also {
                self.add(Root {
                    asked: asked.to_owned(),
                    cause: DebCause::External {
                        package: Some(name.clone()),
                        role,
                        dependency: format!("deb:{asked}"),
                    },
                    group: Group::Main,
                });
            }
        }
    }

    fn take(&mut self, package: Option<&PackageName>, needs: Needs, built: Built) {
        let machines = std::mem::take(&mut self.machines);
        let here = |needed: &&NeededDeb| applies(&needed.dependency, &machines);
        for needed in needs.build.iter().filter(|_| built == Built::Yes).filter(here) {
            self.add(root(package, needed, true));
        }
        // A wheel brings the libraries itself that a build would have been linked to.
        let counts = |needed: &&NeededDeb| built == Built::Yes || needed.role == ExternalRole::Run;
        for needed in needs.run.iter().filter(counts).filter(here) {
            self.add(root(package, needed, false));
        }
        let unanswered = needs.unanswered.into_iter();
        let unanswered = unanswered.filter(|one| built == Built::Yes && applies(&one.dependency, &machines));
        let unanswered: Vec<_> = unanswered.collect();
        self.machines = machines;
        for unanswered in unanswered {
            let whose = package.map_or_else(|| "the project".to_owned(), names::typed);
            let message = format!(
                "{whose} needs {}, as {} says, and no table gives Debian packages for it",
                unanswered.dependency, unanswered.origin
            );
            self.warn("deb/unanswered", message);
        }
    }

    fn warn(&mut self, code: &'static str, message: String) {
        if self.told.insert(message.clone()) {
            self.session.emit(Event::warning(code, message));
        }
    }

    fn add(&mut self, root: Root) {
        if !self.roots.contains(&root) {
            self.roots.push(root);
        }
    }
}

/// What builds of addons have, whatever they say.
fn addons(project: &Project, lock: &Lock) -> Vec<&'static str> {
    let mut addons = ADDONS.to_vec();
    if let (Some(npm), Some(deb)) = (&project.npm, &lock.deb)
        && debian::of_lock(deb, project).is_some_and(|node| node.serves(npm).unwrap_or(false))
    {
        addons.extend(ADDONS_OF_DEBIANS_NODE);
    }
    addons
}

/// The machines that a project is locked for, as markers see them: its architectures, with the Pythons of the lock.
fn machines(project: &Project, lock: &Lock) -> Vec<MarkerEnvironment> {
    let Ok(host) = wharf_sys::host::target() else {
        return Vec::new();
    };
    let named = DebInputs::of(project).map_or_else(Vec::new, |inputs| inputs.architectures);
    let mut architectures: Vec<Arch> = named.iter().filter_map(|name| arch(name)).collect();
    if architectures.is_empty() {
        architectures.push(host.arch);
    }
    let mut pythons: Vec<_> = lock
        .targets
        .iter()
        .filter_map(|locked| locked.target.python)
        .collect();
    pythons.dedup();
    if pythons.is_empty() {
        // No package of Python is locked, so that none asks.
        pythons.push(wharf_core::PythonMinor { major: 3, minor: 12 });
    }
    let pairs = architectures
        .iter()
        .flat_map(|arch| pythons.iter().map(move |python| (*arch, *python)));
    let environment = |(arch, python): (Arch, wharf_core::PythonMinor)| {
        let mut target = host.with_python(python);
        (target.os, target.arch) = (Os::Linux, arch);
        pypi::marker_environment(&target, &format!("{python}.0"), Implementation::CPython)
    };
    pairs.map(environment).collect()
}

/// The processor that Debian means by an architecture, where markers have a word for it.
fn arch(debian: &str) -> Option<Arch> {
    match debian {
        "amd64" => Some(Arch::X86_64),
        "arm64" => Some(Arch::Aarch64),
        _ => None,
    }
}

/// Whether something is built against libraries, and nothing is said to build it with.
fn is_built_with_nothing(needs: &Needs) -> bool {
    let has = |role: ExternalRole| needs.build.iter().any(|needed| needed.role == role);
    has(ExternalRole::Host) && !has(ExternalRole::Build)
}

fn applies(dependency: &ExternalDependency, machines: &[MarkerEnvironment]) -> bool {
    dependency.marker.is_none() || machines.iter().any(|machine| dependency.applies(machine))
}

fn root(package: Option<&PackageName>, needed: &NeededDeb, is_build: bool) -> Root {
    // What a table calls `host` brings something for the build and something to run with.
    let role = match (is_build, needed.role) {
        (false, _) => ExternalRole::Run,
        (true, role) => role,
    };
    Root {
        asked: needed.relation.to_string(),
        cause: DebCause::External {
            package: package.cloned(),
            role,
            dependency: needed.dependency.to_string(),
        },
        group: needed.group.clone(),
    }
}

/// The needs of a package that no table knows.
fn compilers(name: &PackageName) -> Vec<ExternalNeed> {
    let origin = Origin::label(&format!("{} is built from source", names::typed(name)));
    let need = |dependency: &&str| ExternalNeed {
        dependency: dependency.parse().expect("a name of the table"),
        role: ExternalRole::Build,
        group: Group::Main,
        origin: origin.clone(),
    };
    COMPILERS.iter().map(need).collect()
}

/// Whether a root is there for environments that run, and not only while something is built.
pub(crate) fn is_for_running(cause: &DebCause) -> bool {
    !matches!(
        cause,
        DebCause::External {
            role: ExternalRole::Build | ExternalRole::Host,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_cannot_be_had_are_told_of_together() {
        let told = |names: &[&str]| {
            let failed = names
                .iter()
                .map(|name| ((*name).to_owned(), format!("{name} is gone")));
            unread(failed)
        };
        let begin = "what a itself says about the system is not known: a is gone";
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["a"]).as_deref(), Some(begin));
        assert_eq!(
            told(&["a", "b", "c"]),
            Some(format!("{begin}; nor what these say: b, c"))
        );
    }
}
