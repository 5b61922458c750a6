//! Debian packages of a project through the real binary: locked, put together, run in their view, looked at, changed, refused.
//!
//! Programs of packages run only where the machine gives views; what does not need one is asked everywhere.

mod addons;
mod ahead;
mod choices;
mod crash;
mod external;
mod interrupted;
mod looks;
mod python;
mod refusals;
mod repositories;
mod scripts;
mod search;
mod state;

use std::path::{Path, PathBuf};

use serde_json::Value;
use wharf_testkit::{DebPackage, DebRepository, DebSuite, Finished, Fixture};

/// A project with a repository of its own.
struct Case {
    fixture: Fixture,
    repository: DebRepository,
}

impl Case {
    fn new(packages: &[&str]) -> Self {
        Self::with(packages, "")
    }

    fn with(packages: &[&str], more: &str) -> Self {
        let fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
        let repository = DebRepository::start();
        DebPackage::host_shell().publish(&repository);
        let case = Self { fixture, repository };
        case.manifest(packages, more);
        case
    }

    fn manifest(&self, packages: &[&str], more: &str) {
        let keys = self.repository.write_keys("stable", self.fixture.project());
        let keys = keys
            .file_name()
            .expect("it is a file")
            .to_string_lossy()
            .into_owned();
        let named: Vec<String> = packages.iter().map(|package| format!("{package:?}")).collect();
        self.fixture.write(
            "wharf.toml",
            &format!(
                "[deb]\nsuite = \"stable\"\nsources = \"none\"\npackages = [{}]\n{more}\n\
                 [[deb.repository]]\nuri = \"{}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nsigned-by = \"{keys}\"\n",
                named.join(", "),
                self.repository.root_url(),
            ),
        );
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.fixture.run(arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stderr))
    }

    fn synced(&self) -> Finished {
        let finished = self.run(&["sync"]);
        assert!(finished.status.success(), "{}", finished.stderr);
        finished
    }

    fn root(&self) -> PathBuf {
        self.fixture.project().join(".wharf/system/root")
    }

    fn lock(&self) -> String {
        std::fs::read_to_string(self.fixture.project().join("wharf.lock")).expect("the project is locked")
    }
}

/// Whether this machine gives views; where it does not, nothing is said about programs.
fn views() -> bool {
    wharf_sys::view::support().is_there()
}

fn hello(version: &str) -> DebPackage {
    DebPackage::new("hello", version)
        .depends("libhello (>= 1)")
        .program(
            "/usr/bin/hello",
            format!("#!/bin/sh\necho hello {version} from $(pwd); . /etc/hello.conf; echo $tone\n"),
        )
        .conffile("/etc/hello.conf", "tone=calm\n")
}

fn library() -> DebPackage {
    DebPackage::new("libhello", "1.0").file("/usr/share/libhello/data", "data")
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn a_project_gets_what_it_names_and_what_that_needs() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    DebPackage::new("unwanted", "1").publish(&case.repository);
    case.synced();
    assert!(exists(&case.root().join("usr/bin/hello")));
    assert!(exists(&case.root().join("usr/share/libhello/data")));
    let lock = case.lock();
    assert!(lock.contains("libhello") && !lock.contains("unwanted"), "{lock}");
    let downloads = case.repository.downloads();
    let again = case.synced();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    assert_eq!(
        case.repository.downloads(),
        downloads,
        "what is there is not fetched again"
    );
    if views() {
        let said = case.run(&["run", "--", "hello"]);
        let said = said.stdout;
        assert!(
            said.starts_with("hello 1.0-1 from ") && said.ends_with("\ncalm\n"),
            "{said}"
        );
    }
}

#[test]
fn what_programs_change_stays_and_what_they_did_not_follows() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    if !views() {
        return;
    }
    let write = |text: &str| {
        let finished = case.run(&["run", "--", "sh", "-c", text]);
        assert!(finished.status.success(), "{}", finished.stderr);
    };
    write("echo tone=loud > /etc/hello.conf; echo kept > /var/state");
    case.repository.withdraw("stable", "hello");
    hello("2.0-1").publish(&case.repository);
    let finished = case.run(&["sync", "--upgrade"]);
    assert!(finished.status.success(), "{}", finished.stderr);
    let said = case.run(&["run", "--", "hello"]);
    assert!(
        said.stdout.starts_with("hello 2.0-1") && said.stdout.ends_with("loud\n"),
        "{}",
        said.stdout
    );
    let said = case.run(&[
        "run",
        "--",
        "sh",
        "-c",
        "while read line; do echo $line; done < /var/state",
    ]);
    assert_eq!(said.stdout, "kept\n");
}

#[test]
fn programs_of_a_system_root_are_not_told_of_npm_outside() {
    let mut case = Case::new(&["hello"]);
    hello("1").publish(&case.repository);
    library().publish(&case.repository);
    let project = case.fixture.project();
    std::fs::write(
        project.join("package.json"),
        r#"{"scripts":{"told":"echo $NODE$npm_execpath$npm_node_execpath."}}"#,
    )
    .expect("the project can be written");
    case.synced();
    if !views() {
        return;
    }
    for name in ["NODE", "npm_execpath", "npm_node_execpath"] {
        case.fixture.set(name, "/outside");
    }
    let text = "echo $NODE$npm_execpath$npm_node_execpath.";
    for arguments in [&["run", "told"][..], &["run", "--", "sh", "-c", text]] {
        let said = case.run(arguments);
        assert_eq!(said.stdout, ".\n", "{}", said.stderr);
    }
}

#[test]
fn programs_cannot_change_the_system_root() {
    let case = Case::new(&["hello"]);
    hello("1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    if views() {
        let refused = case.run(&["run", "--", "sh", "-c", "echo x > /usr/bin/hello"]);
        assert!(!refused.status.success());
        let said = case.run(&["run", "--", "hello"]);
        assert!(said.stdout.starts_with("hello 1"), "{}", said.stderr);
    }
}

#[test]
fn why_and_tree_and_list_know_debian_packages() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    let why = case.json(&["why", "deb:libhello"]);
    let steps = &why["result"]["paths"][0]["steps"];
    assert_eq!(steps[0]["package"], "deb:hello", "{why}");
    assert_eq!(steps[1]["package"], "deb:libhello", "{why}");
    let origin = why["result"]["paths"][0]["origin"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(origin.contains("wharf.toml:4"), "{why}");
    let list = case.json(&["list", "--ecosystem", "deb"]);
    let packages = list["result"]["packages"].as_array().cloned().unwrap_or_default();
    let hello = packages
        .iter()
        .find(|one| one["package"] == "deb:hello")
        .expect("it is listed");
    assert_eq!(hello["direct"], true);
    assert!(
        hello["purl"].as_str().unwrap_or_default().contains("arch="),
        "{hello}"
    );
    let tree = case.run(&["tree", "--ecosystem", "deb"]);
    assert!(tree.stdout.contains("deb:hello 1.0-1"), "{}", tree.stdout);
}

#[test]
fn packages_are_added_and_removed() {
    let case = Case::new(&[]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    let added = case.run(&["add", "deb:hello (>= 1)"]);
    assert!(added.status.success(), "{}", added.stderr);
    let manifest = std::fs::read_to_string(case.fixture.project().join("wharf.toml")).unwrap();
    assert!(manifest.contains("\"hello (>= 1)\""), "{manifest}");
    assert!(exists(&case.root().join("usr/bin/hello")));
    let missing = case.run(&["add", "deb:nothing-like-it"]);
    assert!(
        !missing.status.success() && missing.stderr.contains("nothing-like-it"),
        "{}",
        missing.stderr
    );
    assert_eq!(
        std::fs::read_to_string(case.fixture.project().join("wharf.toml")).unwrap(),
        manifest
    );
    let removed = case.run(&["remove", "deb:hello"]);
    assert!(removed.status.success(), "{}", removed.stderr);
    assert!(!exists(&case.root().join("usr/bin/hello")));
}

#[test]
fn what_cannot_be_is_explained_and_changes_nothing() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    let before = case.lock();
    DebPackage::new("rival", "1")
        .conflicts("libhello")
        .publish(&case.repository);
    case.manifest(&["hello", "rival"], "");
    let failed = case.run(&["sync"]);
    assert_eq!(failed.code(), Some(3), "{}", failed.stderr);
    for word in ["rival", "libhello", "hello"] {
        assert!(failed.stderr.contains(word), "{}", failed.stderr);
    }
    assert_eq!(case.lock(), before);
    assert!(exists(&case.root().join("usr/bin/hello")));
}

#[test]
fn a_repository_that_somebody_else_signed_is_refused() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    let before = case.lock();
    case.repository.change("stable", |suite: DebSuite| {
        suite.signed_by(&[wharf_testkit::DebKey::of(9)])
    });
    DebPackage::new("hello", "9").publish(&case.repository);
    let failed = case.run(&["lock", "--upgrade"]);
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains(&case.repository.root_url()),
        "{}",
        failed.stderr
    );
    assert_eq!(case.lock(), before);
}

#[test]
fn an_archive_that_climbs_out_is_refused() {
    let case = Case::new(&["evil"]);
    DebPackage::new("evil", "1")
        .raw_file("./usr/../../../escaped", "x")
        .publish(&case.repository);
    let failed = case.run(&["sync"]);
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains("evil 1") && failed.stderr.contains("climbs out"),
        "{}",
        failed.stderr
    );
    assert!(!exists(&case.root()));
}

#[test]
fn an_archive_with_other_bytes_is_refused() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").wrong_checksum().publish(&case.repository);
    library().publish(&case.repository);
    let failed = case.run(&["sync"]);
    assert!(!failed.status.success());
    assert!(failed.stderr.contains("hello 1.0-1"), "{}", failed.stderr);
    assert!(!exists(&case.root()));
}

#[test]
fn with_lock_and_store_nothing_is_asked_of_the_network() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    std::fs::remove_dir_all(case.fixture.project().join(".wharf")).unwrap();
    let offline = case.run(&["sync", "--offline"]);
    assert!(offline.status.success(), "{}", offline.stderr);
    assert!(exists(&case.root().join("usr/bin/hello")));
}
