//! What is chosen: versions, features, edges, patches, policies.

use insta::assert_snapshot;

use super::notation::{end, solve, world};
use crate::*;

#[test]
fn the_newest_version_in_the_range_and_several_that_exclude_each_other_not() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.9.0
         a 1.10.0-rc.1
         a 2.0.0 yanked
         a 0.3.0
         b 1.0.0 : a 0.3
         root app 0.1.0 : a 1, b *"
    ), @"
    a@0.3.0
    a@1.9.0
    app@0.1.0 > a@1.9.0, b@1.0.0
    b@1.0.0 > a@0.3.0
    ");
}

#[test]
fn a_pin_decides_for_all_that_are_compatible() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.2.0
         b 1.0.0 : a ^1
         root app 0.1.0 : b 1, a =1.0.0"
    ), @"
    a@1.0.0
    app@0.1.0 > b@1.0.0, a@1.0.0
    b@1.0.0 > a@1.0.0
    ");
}

#[test]
fn going_back_to_the_decision_that_had_a_part_in_it() {
    // The newest b asks for what the pin of app excludes; the decisions in between have no part in it.
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.2.0
         b 1.0.0 : a ^1
         b 1.1.0 : c 1
         c 1.0.0 : a ^1.2
         x 1.0.0
         x 1.1.0
         root app 0.1.0 : b 1, x 1, a =1.0.0"
    ), @"
    a@1.0.0
    app@0.1.0 > b@1.0.0, x@1.1.0, a@1.0.0
    b@1.0.0 > a@1.0.0
    x@1.1.0
    ");
}

#[test]
fn features_default_hidden_and_weak() {
    assert_snapshot!(solve(
        "serde 1.0.0 : opt derive 1 | default = std | std = | derive = dep:derive
         derive 1.0.0
         lib 1.0.0 : opt serde 1 -default, opt log 0.4 | default = std | std = serde?/std | full = dep:serde log | fast =
         log 0.4.0 : | std =
         root app 0.1.0 : lib 1 -default +full +std"
    ), @"
    app@0.1.0 > lib@1.0.0
    lib@1.0.0 [full log std] > serde@1.0.0, log@0.4.0
    log@0.4.0
    serde@1.0.0 [std]
    ");
    // For a lockfile, a weak feature turns its dependency on, as in cargo.
    assert_snapshot!(solve(
        "serde 1.0.0 : | std =
         lib 1.0.0 : opt serde 1 | default = std | std = serde?/std
         root app 0.1.0 : lib 1"
    ), @"
    app@0.1.0 > lib@1.0.0
    lib@1.0.0 [default std] > serde@1.0.0
    serde@1.0.0 [std]
    ");
}

#[test]
fn features_of_all_who_ask_are_united() {
    assert_snapshot!(solve(
        "lib 1.0.0 : opt x 1, opt y 1
         x 1.0.0
         y 1.0.0
         a 1.0.0 : lib 1 +x
         root app 0.1.0 : lib 1 +y, a 1"
    ), @"
    a@1.0.0 > lib@1.0.0
    app@0.1.0 > lib@1.0.0, a@1.0.0
    lib@1.0.0 [x y] > x@1.0.0, y@1.0.0
    x@1.0.0
    y@1.0.0
    ");
}

#[test]
fn a_version_without_the_feature_is_passed_over() {
    assert_snapshot!(solve(
        "lib 1.0.0 : | fast =
         lib 1.1.0 :
         root app 0.1.0 : lib 1 +fast"
    ), @"
    app@0.1.0 > lib@1.0.0
    lib@1.0.0 [fast]
    ");
}

#[test]
fn one_package_links_a_native_library() {
    assert_snapshot!(solve(
        "z-sys 1.0.0 links=z
         z-sys 2.0.0 links=z
         a 1.0.0 : z-sys 1
         root app 0.1.0 : z-sys *, a 1"
    ), @"
    a@1.0.0 > z-sys@1.0.0
    app@0.1.0 > z-sys@1.0.0, a@1.0.0
    z-sys@1.0.0
    ");
}

#[test]
fn members_count_with_dev_dependencies_and_all_features_tools_with_what_is_asked() {
    let world = |root: &str| {
        format!(
            "a 1.0.0 : dev t 1
             o 1.0.0
             p 1.0.0
             t 1.0.0
             {root} : a 1, opt o 1, opt p 1, dev t 1 | default = o"
        )
    };
    assert_snapshot!(solve(&world("root app 0.1.0")), @"
    a@1.0.0
    app@0.1.0 [default o p] > a@1.0.0, o@1.0.0, p@1.0.0, t@1.0.0
    o@1.0.0
    p@1.0.0
    t@1.0.0
    ");
    assert_snapshot!(solve(&world("tool app 0.1.0")), @"
    a@1.0.0
    app@0.1.0 [default o] > a@1.0.0, o@1.0.0
    o@1.0.0
    ");
    assert_snapshot!(solve(&world("tool app 0.1.0 -default +p")), @"
    a@1.0.0
    app@0.1.0 [p] > a@1.0.0, p@1.0.0
    p@1.0.0
    ");
}

#[test]
fn members_folders_repositories_and_names_that_code_uses() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 0.9.0
         folder ../lib lib 0.2.0-dev : a 1
         git https://example.org/r.git tools 3.0.0 : old=a 0.9
         root core 0.1.0 : lib * @../lib
         root app 0.1.0 : core * @core, tools * @https://example.org/r, a 1"
    ), @"
    a@0.9.0
    a@1.0.0
    app@0.1.0 > core@0.1.0, tools@3.0.0, a@1.0.0
    core@0.1.0 > lib@0.2.0-dev
    lib@0.2.0-dev > a@1.0.0
    tools@3.0.0 > a@0.9.0
    ");
}

#[test]
fn a_patch_takes_the_place_of_the_versions_that_it_answers_for() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.5.0
         b 1.0.0 : a 1
         folder fork a 1.2.0 :
         folder other c 1.0.0 :
         patch a * @fork
         patch c * @other
         root app 0.1.0 : b 1, a ^1.1"
    ), @"
    a@1.2.0
    app@0.1.0 > b@1.0.0, a@1.2.0
    b@1.0.0 > a@1.2.0
    unused patch c@1.0.0
    ");
    // What it does not answer for still comes from the registry, and excludes it.
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.5.0
         b 1.0.0 : a =1.0.0
         folder fork a 1.2.0 :
         patch a * @fork
         root app 0.1.0 : b 1, a 1"
    ), @"
    a@1.0.0
    app@0.1.0 > b@1.0.0, a@1.0.0
    b@1.0.0 > a@1.0.0
    unused patch a@1.2.0
    ");
}

#[test]
fn compilers_have_their_say() {
    let text = "a 1.0.0 rust=1.60
                a 1.1.0 rust=1.70
                a 1.2.0 rust=1.90
                b 1.0.0 rust=1.90
                root app 0.1.0 : a 1, b 1";
    let with = |rust_versions: RustVersions| {
        let (index, mut problem) = world(text);
        problem.rust_versions = rust_versions;
        end(resolve(&problem, &index))
    };
    let rust = |text: &str| text.parse().unwrap();
    assert!(with(RustVersions::Ignore).starts_with("a@1.2.0"));
    assert!(with(RustVersions::Prefer(vec![rust("1.75")])).starts_with("a@1.1.0"));
    // What more members can build comes first.
    assert!(with(RustVersions::Prefer(vec![rust("1.75"), rust("1.65")])).starts_with("a@1.0.0"));
    assert_snapshot!(with(RustVersions::Require(rust("1.75"))), @r#"
    cargo/rust-version: app@0.1.0 asks for b ^1: Rust 1.75 cannot build a version in the range; the one that asks for least is 1.0.0, for Rust 1.90
    hint: use Rust 1.90 or newer
    "#);
    let (index, problem) = world(text);
    let outcome = resolve(&problem, &index).unwrap();
    let beyond: Vec<_> = outcome
        .beyond(rust("1.75"))
        .map(|package| package.summary.label())
        .collect();
    assert_eq!(beyond, ["a@1.2.0", "b@1.0.0"]);
}

#[test]
fn young_versions_wait() {
    let text = "a 1.0.0 at=2025-01-01
                a 1.1.0 at=2026-01-01
                root app 0.1.0 : a 1";
    let (index, mut problem) = world(text);
    problem.cooldown.cutoff = Some("2025-06-01T00:00:00Z".parse().unwrap());
    assert!(end(resolve(&problem, &index)).starts_with("a@1.0.0"));
    problem
        .cooldown
        .exempt
        .insert(wharf_ecosystem::cargo::crate_name("a").unwrap());
    assert!(end(resolve(&problem, &index)).starts_with("a@1.1.0"));
}

#[test]
fn what_is_not_known_is_asked_for_all_at_once() {
    let (index, problem) = world(
        "a 1.0.0 : c 1
         b 1.0.0 : d 1
         c 1.0.0
         d 1.0.0
         root app 0.1.0 : a 1, b 1",
    );
    let name = |text| wharf_ecosystem::cargo::crate_name(text).unwrap();
    *index.hidden.lock().unwrap() = ["a", "b", "c", "d"].map(name).to_vec();
    assert_eq!(end(resolve(&problem, &index)), "needs a, b");
    index
        .hidden
        .lock()
        .unwrap()
        .retain(|hidden| ["b", "d"].contains(&hidden.as_str()));
    assert_eq!(end(resolve(&problem, &index)), "needs b");
    index.hidden.lock().unwrap().clear();
    assert!(end(resolve(&problem, &index)).starts_with("a@1.0.0"));
}

#[test]
fn walking_ahead_names_each_crate_once() {
    let (index, problem) = world(
        "a 1.0.0 : c 1, opt o 1
         a 0.9.0 : never 1
         b 1.0.0 : d 1, c 1
         c 1.0.0 : b 1
         d 1.0.0
         root app 0.1.0 : a *, b 1",
    );
    let all =
        ["a", "b", "c", "d", "o", "never"].map(|text| wharf_ecosystem::cargo::crate_name(text).unwrap());
    *index.hidden.lock().unwrap() = all.to_vec();
    let mut walk = Prefetch::new(&problem);
    let mut rounds = Vec::new();
    loop {
        let needs = walk.advance(&problem, &index);
        if needs.is_empty() {
            break;
        }
        let names: Vec<String> = needs.crates.iter().map(|(_, name)| name.to_string()).collect();
        index
            .hidden
            .lock()
            .unwrap()
            .retain(|hidden| !names.contains(&hidden.to_string()));
        rounds.push(names.join(" "));
    }
    assert_eq!(rounds, ["a b", "c d"]);
}
