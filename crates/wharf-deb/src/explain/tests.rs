//! What is said of sets that cannot be had.

use wharf_core::Explain;

use crate::architecture::Architecture;
use crate::preferences;
use crate::solve::solve;
use crate::universe::tests::{index, layer, of_layers, problem, universe};
use crate::universe::{PackageKey, Universe};

fn told(universe: &Universe, asked: &str) -> String {
    let error = solve(universe, &problem(asked)).expect_err("it cannot be had");
    let hints: Vec<String> = error
        .hints()
        .iter()
        .map(|hint| format!("\nhint: {hint}"))
        .collect();
    format!("{error}{}", hints.concat())
}

fn check(packages: &str, asked: &str, expected: &str) {
    assert_eq!(told(&universe(packages), asked), expected);
}

#[test]
fn two_that_conflict() {
    check(
        "postfix 3.7\n Conflicts: mail-transport-agent\n Provides: mail-transport-agent\nexim 4.9\n Provides: mail-transport-agent",
        "postfix, exim",
        "`postfix` and `exim` cannot be had together\n  postfix 3.7 (stable) conflicts with `mail-transport-agent`, which exim 4.9 (stable) provides",
    );
    check(
        "aa\n Breaks: bb (<< 2)\nbb 1",
        "aa, bb",
        "`aa` and `bb` cannot be had together\n  aa 1 (stable) breaks `bb (<< 2)`, and bb 1 (stable) is that",
    );
}

#[test]
fn a_chain_down_to_what_is_missing() {
    check(
        "aa\n Depends: bb\nbb\n Depends: cc (>= 2)\ncc 1",
        "aa",
        "`aa` cannot be had\n  aa 1 (stable) needs `bb`\n  bb 1 (stable) needs `cc (>= 2)`\n    there is only cc 1 (stable)",
    );
    check(
        "aa\n Depends: bb\nbb\n Depends: nowhere",
        "aa",
        "`aa` cannot be had\n  aa 1 (stable) needs `bb`\n  bb 1 (stable) needs `nowhere`\n    no repository has a package `nowhere`, and none of their packages provides it",
    );
    check(
        "aa\n Depends: vv (>= 2)\nbb\n Provides: vv",
        "aa",
        "`aa` cannot be had\n  aa 1 (stable) needs `vv (>= 2)`\n    `vv` is provided by bb 1 (stable), but in no such version",
    );
}

#[test]
fn alternatives_are_told_one_by_one() {
    check(
        "aa\n Depends: bb | cc\nbb\n Depends: dd\ncc\n Conflicts: aa",
        "aa",
        "`aa` cannot be had\n  aa 1 (stable) needs `bb | cc`, for which there are 2\n    bb 1 (stable) needs `dd`\n      no repository has a package `dd`, and none of their packages provides it\n    cc 1 (stable) conflicts with aa 1 (stable)",
    );
}

#[test]
fn names_that_nothing_has() {
    check(
        "nginx\nnginx-core",
        "ngnix",
        "`ngnix` cannot be had\n  no repository has a package `ngnix`, and none of their packages provides it\nhint: there is `nginx` rather than `ngnix`",
    );
}

#[test]
fn versions_architectures_and_releases_that_are_not_there() {
    check(
        "aa 1",
        "aa (>= 2)",
        "`aa (>= 2)` cannot be had\n  there is only aa 1 (stable)",
    );
    check(
        "aa 1",
        "aa/testing",
        "`aa/testing` cannot be had\n  `testing` has no `aa`; there is aa 1 (stable)",
    );
    check(
        "aa 1 i386\n Depends: bb\nbb 1",
        "aa:i386",
        "`aa:i386` cannot be had\n  aa:i386 1 (stable) needs `bb`\n    there is `bb` for amd64 only, and what is for i386 needs it for i386: it does not serve others (`Multi-Arch: foreign`)",
    );
    check(
        "xx\n Depends: bb, bb:i386\nbb 1\nbb 1 i386",
        "xx",
        "`xx` cannot be had\n  xx 1 (stable) needs `bb`\n  bb 1 (stable) and bb:i386 1 (stable) cannot be there together: the package is not `Multi-Arch: same` in one version\n  xx 1 (stable) needs `bb:i386`, which is bb:i386 1 (stable)",
    );
}

#[test]
fn holds_and_pins_and_releases_that_are_not_preferred() {
    let key = PackageKey {
        name: "bb".to_owned(),
        architecture: Architecture::parse("amd64").expect("it is one"),
    };
    let held = universe("aa\n Depends: bb (>= 2)\nbb 2")
        .with_installed(index("bb 1"))
        .with_holds([key]);
    assert_eq!(
        told(&held, "aa"),
        "`aa` cannot be had\n  aa 1 (stable) needs `bb (>= 2)`\n    bb 2 (stable) would do, but the package is held at 1"
    );
    let pins = preferences::parse(b"Package: bb\nPin: version *\nPin-Priority: -1\n");
    let pinned = universe("aa\n Depends: bb\nbb 2").with_pins(pins.into_iter().flatten().collect());
    assert_eq!(
        told(&pinned, "aa"),
        "`aa` cannot be had\n  aa 1 (stable) needs `bb`\n    bb 2 (stable) would do, but pins rule it out (priority -1)"
    );
    let mut backports = layer("backports", "bb 2");
    backports.provenance.not_automatic = true;
    let two = of_layers(vec![layer("stable", "aa\n Depends: bb (>= 2)\nbb 1"), backports]);
    assert_eq!(
        told(&two, "aa"),
        "`aa` cannot be had\n  aa 1 (stable) needs `bb (>= 2)`\n    bb 2 (backports) would do, but bb 1 (stable) is preferred (priority 500 over 1)"
    );
}

#[test]
fn what_to_write_instead() {
    check(
        "aa 1",
        "aa:i386",
        "`aa:i386` cannot be had\n  there is `aa` for amd64 only: no repository that is asked has it for i386",
    );
    check(
        "aa 1",
        "aa:arm64",
        "`aa:arm64` cannot be had\n  there is `aa` for amd64 only: no lists of packages for arm64 are read",
    );
    for version in ["1.6-2", "1:1.6-2", "1.6+dfsg-1"] {
        check(
            &format!("aa {version}"),
            "aa (= 1.6)",
            &format!(
                "`aa (= 1.6)` cannot be had\n  there is only aa {version} (stable)\nhint: a version has to be there in full: write `aa (= {version})`, or `aa (>= 1.6)` for that one and later ones"
            ),
        );
    }
    check(
        "aa 1.61-2",
        "aa (= 1.6)",
        "`aa (= 1.6)` cannot be had\n  there is only aa 1.61-2 (stable)",
    );
    let pins = preferences::parse(b"Package: aa\nPin: version 1\nPin-Priority: 990\n");
    let pinned = universe("aa 1\n Depends: bb (= 1)\naa 2\n Depends: bb (= 2)\nbb 1\nbb 2")
        .with_pins(pins.into_iter().flatten().collect());
    assert_eq!(
        told(&pinned, "aa"),
        "`aa` cannot be had\n  aa 1 (stable) needs `bb (= 1)`\n    bb 1 (stable) would do, but bb 2 (stable) is newer, at the same priority\nhint: pin `bb` to 1 as well, or ask for that version of it"
    );
    let excluded = universe("aa\n Depends: bb\nbb 2").with_excluded(["bb".to_owned()]);
    assert_eq!(
        told(&excluded, "aa"),
        "`aa` cannot be had\n  aa 1 (stable) needs `bb`\n    bb 2 (stable) would do, but `exclude` rules it out\nhint: take `bb` out of `exclude`"
    );
}

#[test]
fn holds_of_what_is_locked() {
    let key = PackageKey {
        name: "bb".to_owned(),
        architecture: Architecture::parse("amd64").expect("it is one"),
    };
    for (locked, words) in [("1", "held at 1"), ("0", "held at 0, which no repository has")] {
        let held = universe("aa\n Depends: bb (>= 2)\nbb 1\nbb 2").with_holds([key.clone()]);
        let mut problem = problem("aa");
        problem.locked.push(crate::solve::Locked {
            package: key.clone(),
            version: locked.to_owned(),
        });
        let error = solve(&held, &problem).expect_err("it is held");
        assert_eq!(
            error.story[1].text,
            format!("bb 2 (stable) would do, but the package is {words}")
        );
        assert_eq!(error.hints(), ["take `bb` out of `hold`"]);
    }
}

#[test]
fn only_what_is_at_fault_is_named() {
    check(
        "aa\n Depends: xx | yy\nxx\nyy\nbb\n Conflicts: cc\ncc\ndd",
        "aa, bb, dd, cc",
        "`bb` and `cc` cannot be had together\n  bb 1 (stable) conflicts with cc 1 (stable)",
    );
    check(
        "aa\n Depends: bb\nbb",
        "aa, bb-",
        "`aa` and `bb-` cannot be had together\n  aa 1 (stable) needs `bb`\n  `bb-` asks for its removal",
    );
}
