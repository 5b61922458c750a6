//! What packages of other ecosystems need of the system, as `[external]` tables say it: what they are built with and against,
//! and what they run with.
//!
//! A package that no table knows and that is built from source is taken to need a compiler: what a build needs cannot be known
//! before it runs, and one without a compiler tells nothing that helps.

use std::collections::BTreeSet;

use wharf_core::{Event, Origin, PackageName};
use wharf_project::LockedPackage;
use wharf_project::external::{ExternalNeed, ExternalRole, NeededDeb, Needs};
use wharf_project::lock::deb::DebCause;
use wharf_project::{Group, Lock, Project};

use super::lock::Root;
use crate::names;
use crate::npm::approvals;
use crate::session::Session;

/// What a source build of Python has beyond what tables say: the headers of Python itself.
const PYTHON_HEADERS: &str = "python3-dev";
/// What builds of addons run with.
const ADDONS: [&str; 2] = ["python3", "make"];
/// What is asked for where no table knows a package that is built.
const COMPILERS: [&str; 2] = ["dep:virtual/compiler/c", "dep:virtual/compiler/c++"];

/// What the locked packages and the project itself need.
pub(crate) fn roots(session: &Session, project: &Project, lock: &Lock) -> Vec<Root> {
    let mut found = Found::new(session, project);
    found.own();
    for package in &lock.packages {
        found.python(package, is_built(package));
    }
    if let (Some(npm), Some(locked)) = (&project.npm, &lock.npm) {
        for package in &locked.graph.packages {
            let built = approvals::approved(npm, package);
            found.node(&package.name, &package.version, built);
        }
    }
    found.roots
}

/// What the build of one Python package needs that the lock may not know yet.
pub(crate) fn roots_of_build(session: &Session, project: &Project, name: &PackageName) -> Vec<Root> {
    let mut found = Found::new(session, project);
    found.of(name, None, Built::Yes);
    found.roots
}

/// Whether something is built from source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Built {
    No,
    Yes,
}

/// Whether the lock has anything but a wheel of it.
fn is_built(package: &LockedPackage) -> Built {
    let wheel = |name: &str| {
        std::path::Path::new(name)
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("whl"))
    };
    let is_folder = matches!(
        package.source,
        wharf_core::Source::Directory { .. } | wharf_core::Source::Git { .. }
    );
    match is_folder || package.files.iter().any(|file| !wheel(&file.filename)) {
        true => Built::Yes,
        false => Built::No,
    }
}

struct Found<'a> {
    session: &'a Session,
    project: &'a Project,
    roots: Vec<Root>,
    /// What was said to be unknown, once each.
    told: BTreeSet<String>,
}

impl<'a> Found<'a> {
    fn new(session: &'a Session, project: &'a Project) -> Self {
        Self {
            session,
            project,
            roots: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// What the project says that it needs itself.
    fn own(&mut self) {
        let needs = self.project.external.own_needs();
        self.take(None, needs, Built::Yes);
    }

    fn python(&mut self, package: &LockedPackage, built: Built) {
        self.of(&package.name, Some(&package.version), built);
    }

    fn node(&mut self, name: &PackageName, version: &str, built: bool) {
        let built = if built { Built::Yes } else { Built::No };
        self.of(name, Some(version), built);
    }

    fn of(&mut self, name: &PackageName, version: Option<&str>, built: Built) {
        let external = &self.project.external;
        let mut needs = external.needs_of(name, version, None);
        if built == Built::Yes && needs.is_empty() {
            needs = external.answer(&compilers(name));
        }
        self.take(Some(name), needs, built);
        if built == Built::Yes {
            let also: &[&str] = match name.ecosystem() {
                wharf_core::Ecosystem::Pypi => &[PYTHON_HEADERS],
                _ => &ADDONS,
            };
            for asked in also {
                self.add(Root {
                    asked: (*asked).to_owned(),
                    cause: DebCause::External {
                        package: Some(name.clone()),
                        role: ExternalRole::Host,
                        dependency: format!("deb:{asked}"),
                    },
                    group: Group::Main,
                });
            }
        }
    }

    fn take(&mut self, package: Option<&PackageName>, needs: Needs, built: Built) {
        for needed in needs.build.iter().filter(|_| built == Built::Yes) {
            self.add(root(package, needed, true));
        }
        // A wheel brings the libraries itself that a build would have been linked to.
        let counts = |needed: &&NeededDeb| built == Built::Yes || needed.role == ExternalRole::Run;
        for needed in needs.run.iter().filter(counts) {
            self.add(root(package, needed, false));
        }
        if built == Built::No {
            return;
        }
        for unanswered in needs.unanswered {
            let whose = package.map_or_else(|| "the project".to_owned(), names::typed);
            let message = format!(
                "{whose} needs {}, as {} says, and no table gives Debian packages for it",
                unanswered.dependency, unanswered.origin
            );
            if self.told.insert(message.clone()) {
                self.session.emit(Event::warning("deb/unanswered", message));
            }
        }
    }

    fn add(&mut self, root: Root) {
        if !self.roots.contains(&root) {
            self.roots.push(root);
        }
    }
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
