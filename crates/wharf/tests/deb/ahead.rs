//! Packages that are fetched while the rest of a project is still being solved: what goes wrong there is said once, by whoever needs them, and
//! leaves nothing.

use wharf_testkit::{Fault, Times};

use super::{Case, exists, hello, library};

/// A project that has not been locked, whose archive of `hello` is faulty.
fn faulty(fault: Fault) -> (Case, String) {
    let case = Case::new(&["hello"]);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    let path = case.repository.archive_path("hello", "1.0-1");
    case.repository.fault(&path, fault, Times::Always);
    (case, path)
}

/// How often a text has another one in it.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// A command that fails ends with this code, says once what it could not have, and leaves a store that is whole.
fn fails(case: &Case, command: &[&str], exit: i32) {
    let failed = case.run(command);
    assert_eq!(failed.status.code(), Some(exit), "{}", failed.stderr);
    assert_eq!(count(&failed.stderr, "hello 1.0-1"), 1, "{}", failed.stderr);
    assert_eq!(count(&failed.stderr, "warning"), 0, "{}", failed.stderr);
    assert!(!exists(&case.root()));
    let verified = case.run(&["store", "verify"]);
    assert!(verified.status.success(), "{verified}");
    let size = case.json(&["store", "size"]);
    assert_eq!(size["result"]["systems"], 0, "{size}");
}

#[test]
fn a_mirror_that_dies_is_asked_as_often_as_without_a_head_start() {
    let (case, path) = faulty(Fault::Status(503));
    fails(&case, &["sync"], 4);
    let ahead = case.repository.hits(&path);
    assert!(ahead > 0);
    fails(&case, &["sync", "--frozen"], 4);
    assert_eq!(case.repository.hits(&path), 2 * ahead);
    case.repository.mend(&path);
    case.synced();
    assert!(exists(&case.root().join("usr/bin/hello")));
}

#[test]
fn an_archive_with_another_digest_is_fetched_once_and_not_kept() {
    let (case, path) = faulty(Fault::Corrupt);
    fails(&case, &["sync"], 5);
    assert_eq!(case.repository.hits(&path), 1);
    case.repository.mend(&path);
    case.synced();
    assert_eq!(case.repository.hits(&path), 2);
    assert!(exists(&case.root().join("usr/bin/hello")));
}
