//! Sets that are right and sets that are not.

use super::check_set;
use crate::index::RecordId;
use crate::universe::Place;
use crate::universe::tests::universe;

/// The whole universe as one set: what is wrong with it.
fn check(packages: &str, expected: &[&str]) {
    let universe = universe(packages);
    let places: Vec<Place> = (0..universe.layers()[0].index.len() as u32)
        .map(|record| Place {
            layer: 0,
            record: RecordId(record),
        })
        .collect();
    let violations: Vec<String> = check_set(&universe, &places)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(violations, expected, "{packages}");
}

#[test]
fn needs_are_fulfilled() {
    check("aa\n Depends: bb | cc\ncc", &[]);
    check("aa\n Depends: bb", &["aa:amd64 1: nothing fulfils Depends: bb"]);
    check(
        "aa\n Pre-Depends: bb (>= 2)\nbb 1",
        &["aa:amd64 1: nothing fulfils Pre-Depends: bb (>= 2)"],
    );
    check("aa\n Depends: vv (>= 2)\nbb\n Provides: vv (= 2)", &[]);
    check(
        "aa\n Depends: vv (>= 2)\nbb\n Provides: vv",
        &["aa:amd64 1: nothing fulfils Depends: vv (>= 2)"],
    );
    check("aa\n Recommends: bb", &[]);
}

#[test]
fn needs_are_fulfilled_by_the_right_architecture() {
    check(
        "aa\n Depends: bb\nbb 1 i386",
        &["aa:amd64 1: nothing fulfils Depends: bb"],
    );
    check("aa\n Depends: bb\nbb 1 i386\n Multi-Arch: foreign", &[]);
    check("aa\n Depends: bb:any\nbb 1 i386\n Multi-Arch: allowed", &[]);
    check("aa 1 all\n Depends: bb\nbb", &[]);
    check(
        "aa 1 armhf",
        &["aa:armhf 1 is for an architecture that does not count"],
    );
}

#[test]
fn opposition_is_found() {
    check(
        "aa\n Conflicts: bb\nbb",
        &["aa:amd64 1: bb:amd64 1 is meant by Conflicts: bb"],
    );
    check(
        "aa\n Breaks: vv (<< 2)\nbb\n Provides: vv (= 1)",
        &["aa:amd64 1: bb:amd64 1 is meant by Breaks: vv (<< 2)"],
    );
    check("aa\n Breaks: vv (<< 2)\nbb\n Provides: vv", &[]);
    check("aa\n Conflicts: vv\n Provides: vv", &[]);
    check(
        "aa\n Conflicts: bb\nbb 1 i386",
        &["aa:amd64 1: bb:i386 1 is meant by Conflicts: bb"],
    );
    check("aa\n Conflicts: bb:amd64\nbb 1 i386", &[]);
}

#[test]
fn a_name_is_there_once() {
    check("aa 1\naa 2", &["aa:amd64 2 and aa:amd64 1 are one package"]);
    check(
        "aa 1\naa 1 i386",
        &["aa:amd64 1 and aa:i386 1 may not stand together"],
    );
    check("aa 1\n Multi-Arch: same\naa 1 i386\n Multi-Arch: same", &[]);
    check(
        "aa 1\n Multi-Arch: same\naa 2 i386\n Multi-Arch: same",
        &["aa:i386 2 and aa:amd64 1 may not stand together"],
    );
}
