//! Repositories and archives that must not be used, through the real binary: each is refused by name with the exit code that is documented, and
//! nothing has changed.

use wharf_testkit::{
    DebCompression, DebKey, DebPackage, DebSignatures, DebSuite, Fault, Times, deb_architecture,
};

use super::{Case, exists, hello, library};

/// 2025-01-01
const LATER: u32 = 1_735_689_600;

/// What verification forbids.
const DENIED: i32 = 5;
/// What the world denies.
const WORLD: i32 = 4;

/// A project that is synced.
fn ready() -> Case {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.synced();
    case
}

/// Runs a command that has to fail with a code, an exit code and these words, and leaves everything as it was.
fn refused(case: &Case, command: &[&str], code: &str, exit: i32, words: &[&str]) {
    let (lock, root) = (
        case.lock(),
        std::fs::canonicalize(case.root()).expect("there is a root"),
    );
    let failed = case.run(&[command, &["--format", "json"]].concat());
    assert_eq!(
        failed.status.code(),
        Some(exit),
        "{}{}",
        failed.stdout,
        failed.stderr
    );
    let said: serde_json::Value = serde_json::from_str(&failed.stdout).expect("it is JSON");
    let error = &said["error"];
    assert_eq!(error["code"], code, "{said}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` in {text}");
    }
    assert_eq!(case.lock(), lock);
    assert_eq!(std::fs::canonicalize(case.root()).expect("it still stands"), root);
    assert!(exists(&case.root().join("usr/bin/hello")));
}

/// A suite that became something else, with a newer package in it.
fn suite_refused(change: impl FnOnce(DebSuite) -> DebSuite, code: &str, exit: i32, words: &[&str]) {
    let case = ready();
    hello("2.0-1").publish(&case.repository);
    case.repository.change("stable", change);
    let url = case.repository.root_url();
    let words: Vec<&str> = words
        .iter()
        .copied()
        .chain([url.trim_end_matches('/'), "stable"])
        .collect();
    refused(&case, &["lock", "--upgrade"], code, exit, &words);
    refused(&case, &["sync", "--upgrade"], code, exit, &words);
}

#[test]
fn a_suite_that_somebody_else_signed() {
    let key = DebKey::of(9).fingerprint();
    let words = [&key[24..]];
    suite_refused(
        |suite| suite.signed_by(&[DebKey::of(9)]),
        "deb/key-unknown",
        DENIED,
        &words,
    );
}

#[test]
fn a_suite_that_nobody_signed() {
    let change = |suite: DebSuite| suite.signatures(DebSignatures::Nowhere);
    suite_refused(
        change,
        "deb/unsigned",
        DENIED,
        &["neither InRelease nor Release.gpg"],
    );
}

#[test]
fn a_suite_that_expired() {
    suite_refused(
        |suite| suite.valid_until(LATER),
        "deb/release-expired",
        DENIED,
        &["2025-01-01"],
    );
}

#[test]
fn a_suite_that_goes_backwards() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    case.repository.change("stable", |suite| suite.date(LATER));
    case.synced();
    case.repository
        .change("stable", |suite| suite.date(LATER - 86_400));
    let words = ["stable", "2024-12-31", "2025-01-01"];
    refused(
        &case,
        &["lock", "--upgrade"],
        "deb/release-backdated",
        DENIED,
        &words,
    );
}

#[test]
fn a_suite_that_was_changed_on_its_way() {
    let case = ready();
    hello("2.0-1").publish(&case.repository);
    let path = case.repository.release_path("stable", "InRelease");
    case.repository.fault(&path, Fault::Corrupt, Times::Always);
    let failed = case.run(&["lock", "--upgrade"]);
    assert_eq!(failed.status.code(), Some(DENIED), "{}", failed.stderr);
    assert!(failed.stderr.contains("stable"), "{}", failed.stderr);
    assert!(case.lock().contains("1.0-1") && !case.lock().contains("2.0-1"));
}

#[test]
fn a_list_with_other_bytes_than_its_suite_promises() {
    let case = ready();
    hello("2.0-1").publish(&case.repository);
    for form in [DebCompression::Gzip, DebCompression::Xz] {
        let architecture = deb_architecture();
        let named = case
            .repository
            .packages_path("stable", "main", architecture, form);
        let hashed = case
            .repository
            .hashed_packages_path("stable", "main", architecture, form);
        for path in [named, hashed] {
            case.repository.fault(&path, Fault::Corrupt, Times::Always);
        }
    }
    let words = ["Packages", "expected sha256:"];
    refused(&case, &["lock", "--upgrade"], "deb/wrong-hash", DENIED, &words);
}

#[test]
fn archives_that_are_not_what_a_package_is() {
    let climbing = |package: DebPackage| package.raw_file("./usr/../../../escaped", "x");
    type Spoil = fn(DebPackage) -> DebPackage;
    let cases: [(&str, Spoil, &str); 7] = [
        ("a path that leads out", climbing, "climbs out"),
        (
            "a hard link that leads out",
            |package| package.raw_hard_link("./usr/bin/x", "../../../etc/passwd"),
            "",
        ),
        ("other bytes", DebPackage::wrong_checksum, "expected sha256:"),
        ("half of it", |package| package.cut_to(200), ""),
        (
            "no control",
            |package| package.without_member("control.tar"),
            "control.tar",
        ),
        (
            "no data",
            |package| package.without_member("data.tar"),
            "data.tar",
        ),
        (
            "another member first",
            |package| package.first_member("evil", "x"),
            "debian-binary",
        ),
    ];
    for (what, spoil, word) in cases {
        let case = ready();
        spoil(hello("2.0-1")).publish(&case.repository);
        let lock = case.lock();
        let root = std::fs::canonicalize(case.root()).expect("there is a root");
        let failed = case.run(&["sync", "--upgrade"]);
        assert_eq!(failed.status.code(), Some(DENIED), "{what}: {}", failed.stderr);
        assert!(failed.stderr.contains("hello 2.0-1"), "{what}: {}", failed.stderr);
        assert!(failed.stderr.contains(word), "{what}: {}", failed.stderr);
        assert_eq!(
            std::fs::canonicalize(case.root()).expect("it stands"),
            root,
            "{what}"
        );
        assert!(!exists(&case.fixture.project().join("../escaped")), "{what}");
        let after = case.run(&["sync", "--offline", "--frozen"]);
        assert!(
            after.status.success() || case.lock() != lock,
            "{what}: {}",
            after.stderr
        );
    }
}

#[test]
fn an_archive_that_breaks_off_on_its_way() {
    let case = ready();
    hello("2.0-1").publish(&case.repository);
    let path = case.repository.archive_path("hello", "2.0-1");
    case.repository.fault(&path, Fault::Truncate(0), Times::Always);
    let failed = case.run(&["sync", "--upgrade"]);
    assert_eq!(failed.status.code(), Some(WORLD), "{}", failed.stderr);
    assert!(failed.stderr.contains("hello 2.0-1"), "{}", failed.stderr);
    assert!(exists(&case.root().join("usr/bin/hello")));
}

#[test]
fn a_mirror_that_is_dead() {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    let path = case.repository.release_path("stable", "InRelease");
    case.repository.fault(&path, Fault::Status(503), Times::Always);
    let failed = case.run(&["lock"]);
    assert_eq!(failed.status.code(), Some(WORLD), "{}", failed.stderr);
    let url = case.repository.root_url();
    assert!(
        failed.stderr.contains(url.trim_end_matches('/')),
        "{}",
        failed.stderr
    );
    assert!(!exists(&case.fixture.project().join("wharf.lock")));
}
