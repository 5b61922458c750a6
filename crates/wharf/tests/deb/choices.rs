//! What a project says about which versions are chosen: holds, exclusions, pins, architectures, suites. One manifest gives one result, with a lock as
//! without.

use wharf_testkit::{DebPackage, DebRepository, DebSuite, Fixture, deb_architecture};

use super::{Case, views};

/// What cannot be had.
const NOTHING: i32 = 3;

/// A project that asks for `tool`, which there is as 1 and 2.
fn case(packages: &[&str], more: &str) -> Case {
    let case = Case::with(packages, more);
    for version in ["1", "2"] {
        tool(version).publish(&case.repository);
    }
    case
}

fn tool(version: &str) -> DebPackage {
    DebPackage::new("tool", version).file(format!("/usr/share/tool/{version}"), "")
}

/// Locks, and looks that a check has nothing to say then.
fn lock(case: &Case, arguments: &[&str]) -> String {
    let finished = case.run(&[&["lock"], arguments].concat());
    assert!(finished.status.success(), "{}", finished.stderr);
    let checked = case.run(&["lock", "--check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    finished.stderr
}

/// The locked version of a package.
fn version(case: &Case, name: &str) -> Option<String> {
    let list = case.json(&["list", "--ecosystem", "deb"]);
    let packages = list["result"]["packages"].as_array().cloned().unwrap_or_default();
    let found = packages
        .iter()
        .find(|package| package["package"] == format!("deb:{name}"))?;
    Some(found["version"].as_str().unwrap_or_default().to_owned())
}

fn refused(case: &Case, words: &[&str]) {
    let failed = case.run(&["lock"]);
    assert_eq!(failed.code(), Some(NOTHING), "{}", failed.stderr);
    for word in words {
        assert!(failed.stderr.contains(word), "`{word}` in {}", failed.stderr);
    }
}

#[test]
fn what_is_held_stays_as_it_is_locked() {
    let case = Case::new(&["tool"]);
    tool("1").publish(&case.repository);
    lock(&case, &[]);
    tool("2").publish(&case.repository);
    case.manifest(&["tool"], "hold = [\"tool\"]");
    for arguments in [&[][..], &["--upgrade"], &["--upgrade-package", "deb:tool"]] {
        lock(&case, arguments);
        assert_eq!(version(&case, "tool").as_deref(), Some("1"), "{arguments:?}");
    }
    // What a requirement says is refused rather than the hold broken.
    case.manifest(&["tool (>= 2)"], "hold = [\"tool\"]");
    refused(&case, &["the package is held at 1", "take `tool` out of `hold`"]);
    case.manifest(&["tool"], "");
    lock(&case, &["--upgrade"]);
    assert_eq!(version(&case, "tool").as_deref(), Some("2"));
    // Without a lock it is held from the first one on.
    case.manifest(&["tool"], "hold = [\"tool\"]");
    std::fs::remove_file(case.fixture.project().join("wharf.lock")).expect("it is locked");
    lock(&case, &[]);
    assert_eq!(version(&case, "tool").as_deref(), Some("2"));
    case.repository.withdraw("stable", "tool");
    tool("3").publish(&case.repository);
    let failed = case.run(&["lock", "--upgrade"]);
    assert_eq!(failed.code(), Some(NOTHING), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("tool is held at 2, which no repository")
            && failed.stderr.contains("there is 3"),
        "{}",
        failed.stderr
    );
}

#[test]
fn a_version_that_is_held_is_taken_with_a_lock_as_without() {
    let held = "hold = [\"tool (= 1)\"]";
    let case = case(&["tool"], held);
    lock(&case, &[]);
    assert_eq!(version(&case, "tool").as_deref(), Some("1"));
    case.manifest(&["tool"], "");
    lock(&case, &["--upgrade"]);
    assert_eq!(version(&case, "tool").as_deref(), Some("2"));
    case.manifest(&["tool"], held);
    lock(&case, &[]);
    assert_eq!(version(&case, "tool").as_deref(), Some("1"));
    case.manifest(&["tool"], "hold = [\"tool (= 9)\"]");
    refused(&case, &["tool is held at 9", "there is 2, 1", "wharf.toml:5"]);
    case.manifest(&["tool"], "hold = [\"toool\"]");
    let said = lock(&case, &[]);
    assert!(said.contains("`hold` names toool"), "{said}");
}

#[test]
fn exclusions_and_pins_count_with_a_lock_as_without() {
    let case = case(&["user"], "");
    DebPackage::new("user", "1")
        .depends("tool | other")
        .publish(&case.repository);
    DebPackage::new("other", "1").publish(&case.repository);
    lock(&case, &[]);
    assert_eq!(version(&case, "tool").as_deref(), Some("2"));
    let pin = |version: &str, priority: i32| {
        format!("\n[[deb.pin]]\npackages = [\"tool\"]\nversion = {version:?}\npriority = {priority}\n")
    };
    for (more, tool, other) in [
        (pin("1", 1000), Some("1"), None),
        (String::new(), Some("1"), None),
        (pin("2", 600), Some("2"), None),
        (pin("2", -1), Some("1"), None),
        ("exclude = [\"tool\"]\n".to_owned(), None, Some("1")),
    ] {
        case.manifest(&["user"], &more);
        lock(&case, &[]);
        assert_eq!(version(&case, "tool").as_deref(), tool, "{more}");
        assert_eq!(version(&case, "other").as_deref(), other, "{more}");
    }
    case.manifest(&["tool"], "exclude = [\"tool\"]\n");
    refused(&case, &["`exclude` rules it out", "take `tool` out of `exclude`"]);
}

#[test]
fn the_lists_of_an_architecture_that_a_package_names_are_read() {
    let own = deb_architecture();
    let other = if own == "amd64" { "i386" } else { "amd64" };
    let foreign = format!("tool:{other}");
    let case = Case::new(&[&foreign]);
    case.repository
        .change("stable", |suite: DebSuite| suite.architectures(&[own, other]));
    tool("1").architecture(own).publish(&case.repository);
    refused(&case, &[&format!("there is `tool` for {own} only")]);
    tool("1").architecture(other).publish(&case.repository);
    lock(&case, &["--upgrade"]);
    let before = case.lock();
    assert!(
        before.contains(&format!("architecture = \"{other}\"")),
        "{before}"
    );
    let failed = case.run(&["add", "deb:tool:i387"]);
    assert!(
        !failed.status.success() && failed.stderr.contains("did you mean `i386`?"),
        "{}",
        failed.stderr
    );
    assert_eq!(case.lock(), before);
}

#[test]
fn the_first_package_brings_the_suite_into_the_manifest() {
    let repository = DebRepository::start_with(&[DebSuite::new("bookworm")]);
    tool("1").publish_in(&repository, "bookworm", "main");
    DebPackage::host_shell().publish_in(&repository, "bookworm", "main");
    let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    let keys = repository.write_keys("bookworm", fixture.project());
    let machine = fixture.project().join("machine");
    std::fs::create_dir_all(machine.join("etc")).expect("the project is writable");
    std::fs::write(
        machine.join("etc/os-release"),
        "ID=debian\nVERSION_CODENAME=bookworm\n",
    )
    .expect("the project is writable");
    fixture.set("WHARF_SYSTEM_ROOT", &machine.display().to_string());
    let repositories = format!(
        "[[deb.repository]]\nuri = \"{}\"\nsuites = [\"bookworm\"]\nsigned-by = {keys:?}\n",
        repository.root_url()
    );
    fixture.write(
        "wharf.toml",
        &format!("[deb]\nsources = \"none\"\n\n{repositories}"),
    );
    let added = fixture.run(&["add", "deb:tool", "--no-sync"]);
    assert!(added.status.success(), "{}", added.stderr);
    let manifest = std::fs::read_to_string(fixture.project().join("wharf.toml")).expect("it was written");
    assert_eq!(
        manifest,
        format!("[deb]\nsuite = \"bookworm\"\nsources = \"none\"\npackages = [\"tool\"]\n\n{repositories}")
    );
    let checked = fixture.run(&["lock", "--check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
}

#[test]
fn what_cannot_be_added_says_what_can() {
    let case = Case::new(&[]);
    DebPackage::new("tool", "1.6-2").publish(&case.repository);
    for (asked, words) in [
        ("deb:tool=1.6", "write `tool (= 1.6-2)`, or `tool (>= 1.6)`"),
        (
            "deb:tool/bookworm-backports",
            "`release = \"n=bookworm-backports\"`",
        ),
    ] {
        let failed = case.run(&["add", asked]);
        assert!(
            !failed.status.success() && failed.stderr.contains(words),
            "{}",
            failed.stderr
        );
    }
}

#[test]
fn a_python_that_nothing_is_written_in_is_told_of() {
    if !views() {
        return;
    }
    let case = case(&[], "\n[python]\nversion = \">=3.8\"\n");
    for (name, version, needs) in [
        ("python3", "3.11.2-1", "python3.11"),
        ("python3.11", "3.11.2-1", "libc6"),
        ("libc6", "2.36-9", "shell"),
    ] {
        let package = DebPackage::new(name, version).depends(needs);
        package.publish(&case.repository);
    }
    let said = |name: &str| {
        let added = case.run(&["add", name, "--no-sync"]);
        assert!(added.status.success(), "{}", added.stderr);
        added.stderr
    };
    let first = said("deb:tool");
    assert!(first.contains("`[python]` of wharf.toml"), "{first}");
    let second = said("deb:shell");
    assert!(!second.contains("`[python]`"), "{second}");
}
