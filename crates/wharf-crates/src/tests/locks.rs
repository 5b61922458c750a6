//! What a lock so far holds, and what moves.

use std::sync::Arc;

use insta::assert_snapshot;
use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::cargo::{CargoLock, LockVersion};

use super::notation::{end, world};
use crate::*;

/// The lock of one world, then the outcome of another with it, some packages freed.
fn again(before: &str, after: &str, free: &[&str]) -> String {
    let (index, mut problem) = world(after);
    problem.previous = Some(Previous::freeing(Arc::new(locked(before)), free.iter().copied()));
    end(resolve(&problem, &index))
}

fn locked(text: &str) -> CargoLock {
    let (index, problem) = world(text);
    lock_of(&resolve(&problem, &index).unwrap(), None, None).unwrap()
}

const BEFORE: &str = "a 1.0.0 : b 1
                      b 1.0.0
                      c 1.0.0
                      root app 0.1.0 : a 1, c 1";
const NEWER: &str = "a 1.0.0 : b 1
                     a 1.1.0 : b ^1.1
                     b 1.0.0 yanked
                     b 1.1.0
                     c 1.0.0
                     c 1.1.0";

#[test]
fn nothing_moves_that_need_not() {
    let after = format!("{NEWER}\nroot app 0.1.0 : a 1, c 1");
    // The locked b is yanked, and stays.
    assert_snapshot!(again(BEFORE, &after, &[]), @"
    a@1.0.0 > b@1.0.0
    app@0.1.0 > a@1.0.0, c@1.0.0
    b@1.0.0
    c@1.0.0
    ");
}

#[test]
fn what_is_freed_moves_and_takes_along_what_it_needs() {
    let after = format!("{NEWER}\nroot app 0.1.0 : a 1, c 1");
    assert_snapshot!(again(BEFORE, &after, &["a"]), @"
    a@1.1.0 > b@1.1.0
    app@0.1.0 > a@1.1.0, c@1.0.0
    b@1.1.0
    c@1.0.0
    ");
    assert_snapshot!(again(BEFORE, &after, &["c"]), @"
    a@1.0.0 > b@1.0.0
    app@0.1.0 > a@1.0.0, c@1.1.0
    b@1.0.0
    c@1.1.0
    ");
}

#[test]
fn a_new_need_moves_only_what_it_must() {
    let added = format!("{NEWER}\nd 1.0.0 : c ^1.1\nroot app 0.1.0 : a 1, c 1, d 1");
    assert_snapshot!(again(BEFORE, &added, &[]), @"
    a@1.0.0 > b@1.0.0
    app@0.1.0 > a@1.0.0, c@1.1.0, d@1.0.0
    b@1.0.0
    c@1.1.0
    d@1.0.0 > c@1.1.0
    ");
    let raised = format!("{NEWER}\nroot app 0.1.0 : a ^1.1, c 1");
    assert_snapshot!(again(BEFORE, &raised, &[]), @"
    a@1.1.0 > b@1.1.0
    app@0.1.0 > a@1.1.0, c@1.0.0
    b@1.1.0
    c@1.0.0
    ");
}

#[test]
fn what_nobody_needs_any_more_goes() {
    let after = format!("{NEWER}\nroot app 0.1.0 : c 1");
    assert_snapshot!(again(BEFORE, &after, &[]), @"
    app@0.1.0 > c@1.0.0
    c@1.0.0
    ");
}

#[test]
fn a_patch_and_a_member_of_another_version() {
    let after = "a 1.0.0 : b 1
                 b 1.0.0
                 b 1.1.0
                 c 1.0.0
                 folder fork b 1.0.0 :
                 patch b * @fork
                 root app 0.2.0 : a 1, c 1";
    assert_snapshot!(again(BEFORE, after, &[]), @"
    a@1.0.0 > b@1.0.0
    app@0.2.0 > a@1.0.0, c@1.0.0
    b@1.0.0
    c@1.0.0
    ");
    let lock = {
        let (index, mut problem) = world(after);
        problem.previous = Some(Previous::kept(Arc::new(locked(BEFORE))));
        lock_of(&resolve(&problem, &index).unwrap(), Some(&locked(BEFORE)), None).unwrap()
    };
    let b = lock
        .packages
        .iter()
        .find(|package| package.name.as_str() == "b")
        .unwrap();
    assert_eq!((&b.source, &b.checksum), (&None, &None), "the fork stands in");
}

#[test]
fn an_outcome_leads_to_itself() {
    // Without a lock, `*` takes 2.0.0; a lock with both does not say so, and cargo would take the lower one for it and drop the other.
    let (index, problem) = world(
        "a 1.0.0
         a 2.0.0
         root app 0.1.0 : a *, old=a 1",
    );
    assert_snapshot!(end(resolve(&problem, &index)), @"
    a@1.0.0
    app@0.1.0 > a@1.0.0, a@1.0.0
    ");
}

#[test]
fn a_locked_version_that_is_gone_is_replaced() {
    let after = "a 1.0.0 : b 1
                 b 1.1.0
                 c 1.0.0
                 root app 0.1.0 : a 1, c 1";
    assert_snapshot!(again(BEFORE, after, &[]), @"
    a@1.0.0 > b@1.1.0
    app@0.1.0 > a@1.0.0, c@1.0.0
    b@1.1.0
    c@1.0.0
    ");
}

#[test]
fn the_form_stays_until_something_changes() {
    let (index, problem) = world(BEFORE);
    let outcome = resolve(&problem, &index).unwrap();
    let old = CargoLock {
        version: LockVersion::V3,
        comments: vec!["# ours".to_owned()],
        ..locked(BEFORE)
    };
    let same = lock_of(&outcome, Some(&old), None).unwrap();
    assert_eq!(same.print(), old.print());
    let smaller = CargoLock {
        packages: old.packages[1..].to_vec(),
        ..old.clone()
    };
    let new = lock_of(&outcome, Some(&smaller), None).unwrap();
    assert_eq!(
        (new.version, new.comments),
        (LockVersion::V4, old.comments.clone())
    );
    let for_old = lock_of(&outcome, Some(&smaller), Some("1.60".parse().unwrap())).unwrap();
    assert_eq!(for_old.version, LockVersion::V3);
}

#[test]
fn a_checksum_never_changes() {
    let (index, problem) = world(BEFORE);
    let outcome = resolve(&problem, &index).unwrap();
    let mut lock = locked(BEFORE);
    lock.packages[0].checksum = Some(Digest::from_bytes(Algorithm::Sha256, &[7; 32]).unwrap());
    let error = lock_of(&outcome, Some(&lock), None).unwrap_err().to_string();
    assert!(
        error.starts_with("a@1.0.0: `Cargo.lock` has the checksum 0707"),
        "{error}"
    );
}

#[test]
fn a_lock_for_the_text() {
    assert_snapshot!(locked("a 1.0.0\na 2.0.0 : a 1\nroot app 0.1.0 : a 2, old=a 1").print(), @r#"
    # This file is automatically @generated by Cargo.
    # It is not intended for manual editing.
    version = 4

    [[package]]
    name = "a"
    version = "1.0.0"
    source = "registry+https://github.com/rust-lang/crates.io-index"
    checksum = "0000000000000000000000000000000000000000000000000000000000010000"

    [[package]]
    name = "a"
    version = "2.0.0"
    source = "registry+https://github.com/rust-lang/crates.io-index"
    checksum = "0000000000000000000000000000000000000000000000000000000000020000"
    dependencies = [
     "a 1.0.0",
    ]

    [[package]]
    name = "app"
    version = "0.1.0"
    dependencies = [
     "a 1.0.0",
     "a 2.0.0",
    ]
    "#);
}
