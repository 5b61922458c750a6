//! Why there is no outcome, with both sides and the way to each.

use insta::assert_snapshot;
use wharf_ecosystem::cargo::crate_name;

use super::notation::{end, solve, world};
use crate::*;

#[test]
fn no_version_in_the_range() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.1.0
         b 1.0.0 : a 2
         root app 0.1.0 : b 1"
    ), @r#"
    cargo/no-version: app@0.1.0 > b@1.0.0 asks for a ^2: no version is in the range; there are 1.1.0, 1.0.0
    hint: ask for a version that there is, such as `a = "1.1.0"`
    "#);
}

#[test]
fn no_such_crate() {
    assert_snapshot!(solve("root app 0.1.0 : serd 1"), @"
    cargo/no-version: app@0.1.0 asks for serd ^1: there is no such package
    hint: check the spelling of serd
    ");
}

#[test]
fn yanked_only() {
    assert_snapshot!(solve(
        "a 1.0.0 yanked
         a 1.1.0 yanked
         a 2.0.0
         root app 0.1.0 : a 1"
    ), @"
    cargo/yanked: app@0.1.0 asks for a ^1: 1.1.0, 1.0.0 are yanked
    hint: ask for another range of a; yanked versions stay only where a lock has them
    ");
}

#[test]
fn too_young() {
    let (index, mut problem) = world(
        "a 1.0.0 at=2026-01-01
         root app 0.1.0 : a 1",
    );
    problem.cooldown.cutoff = Some("2025-06-01T00:00:00Z".parse().unwrap());
    assert_snapshot!(end(resolve(&problem, &index)), @"
    cargo/too-young: app@0.1.0 asks for a ^1: 1.0.0 is published after 2025-06-01T00:00:00Z, which the cooldown forbids
    hint: wait, or exempt a from the cooldown
    ");
}

#[test]
fn a_compiler_that_is_too_old() {
    let (index, mut problem) = world(
        "a 1.0.0 rust=1.80
         a 1.1.0 rust=1.85
         a 0.9.0 rust=1.60
         root app 0.1.0 : a 1",
    );
    problem.rust_versions = RustVersions::Require("1.70".parse().unwrap());
    assert_snapshot!(end(resolve(&problem, &index)), @"
    cargo/rust-version: app@0.1.0 asks for a ^1: Rust 1.70 cannot build a version in the range; the one that asks for least is 1.0.0, for Rust 1.80
    hint: a 0.9.0 would fit; or use Rust 1.80 or newer
    ");
}

#[test]
fn ranges_that_exclude_each_other() {
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.1.0
         b 1.0.0 : c 1
         c 1.0.0 : a =1.0.0
         root app 0.1.0 : b 1, a ^1.1"
    ), @"
    cargo/conflict: app@0.1.0 > b@1.0.0 > c@1.0.0 asks for a =1.0.0: 1.0.0 is excluded by a@1.1.0, which is taken as app@0.1.0 asks for a ^1.1
    hint: make the ranges agree: change what asks for a@1.1.0, or what asks for a =1.0.0
    ");
}

#[test]
fn links() {
    assert_snapshot!(solve(
        "z-sys 1.0.0 links=z
         z-sys 2.0.0 links=z
         a 1.0.0 : z-sys 1
         b 1.0.0 : z-sys 2
         root app 0.1.0 : a 1, b 1"
    ), @"
    cargo/links: app@0.1.0 > b@1.0.0 asks for z-sys ^2: 2.0.0 is excluded as z-sys@1.0.0 links `z` too, which is taken as app@0.1.0 > a@1.0.0 asks for z-sys ^1
    hint: one package of a build may link `z`: bring both sides to one version of it
    ");
    assert_snapshot!(solve("root a 1.0.0 links=z\nroot b 1.0.0 links=z"), @"cargo/links: a@1.0.0 and b@1.0.0 both link the native library `z`, which one package of a build may do");
}

#[test]
fn features_that_are_not_there() {
    assert_snapshot!(solve(
        "a 1.0.0 : x 1
         a 1.1.0 : opt x 1 | y = dep:x
         x 1.0.0
         root app 0.1.0 : a 1 +x"
    ), @"
    cargo/no-feature: app@0.1.0 asks for a ^1 with x: 1.1.0, 1.0.0 have no feature `x`, but an optional dependency of that name, which `dep:x` hides
    hint: leave `x` out, or ask for a version of a that has it
    ");
    assert_snapshot!(solve("tool rg 1.0.0 +pcre : | pcre2 ="), @"cargo/no-feature: rg@1.0.0 has no feature `pcre`: it has pcre2");
}

#[test]
fn the_reason_lies_deeper() {
    // Every version of b leads to the same pin.
    assert_snapshot!(solve(
        "a 1.0.0
         a 1.1.0
         b 1.0.0 : a =1.0.0
         b 1.1.0 : a =1.0.0
         root app 0.1.0 : b 1, a =1.1.0"
    ), @"
    cargo/conflict: app@0.1.0 > b@1.1.0 asks for a =1.0.0: 1.0.0 is excluded by a@1.1.0, which is taken as app@0.1.0 asks for a =1.1.0
    hint: make the ranges agree: change what asks for a@1.1.0, or what asks for a =1.0.0
    ");
}

#[test]
fn what_cannot_be_had() {
    let (mut index, problem) = world("a 1.0.0 : b 1\nroot app 0.1.0 : a 1");
    index.broken.push(crate_name("b").unwrap());
    assert_snapshot!(end(resolve(&problem, &index)), @"
    cargo/unavailable: b, which app@0.1.0 > a@1.0.0 asks for, cannot be had: the registry is down
    hint: check the spelling, and for a private registry its entry in `.cargo/config.toml`
    ");
    assert_snapshot!(solve("root app 0.1.0 : a * @lib"), @"
    cargo/unavailable: a, which app@0.1.0 asks for, cannot be had: there is no Cargo.toml
    hint: check the spelling, and for a private registry its entry in `.cargo/config.toml`
    ");
    assert_snapshot!(solve("folder lib b 1.0.0 :\nroot app 0.1.0 : a * @lib"), @"
    cargo/no-version: app@0.1.0 asks for a *: there is no such package
    hint: check the spelling of a
    ");
}

#[test]
fn patches_that_cannot_be_used() {
    assert_snapshot!(solve("folder fork b 1.0.0 :\npatch a * @fork\nroot app 0.1.0 :"), @"
    cargo/patch: the patch of a in registry+https://github.com/rust-lang/crates.io-index cannot be used: path+fork has no version `*`
    hint: give the patch a path, a repository or one exact version (`=1.2.3`)
    ");
    assert_snapshot!(solve("a 1.0.0\npatch a 1\nroot app 0.1.0 :"), @"
    cargo/patch: the patch of a in registry+https://github.com/rust-lang/crates.io-index cannot be used: it points to the source that it patches
    hint: give the patch a path, a repository or one exact version (`=1.2.3`)
    ");
}

#[test]
fn circles_and_packages_that_a_lock_cannot_tell_apart() {
    assert_snapshot!(solve(
        "root a 1.0.0 : b * @b
         root b 1.0.0 : build a * @a"
    ), @"
    cargo/circle: packages need each other in a circle: a@1.0.0 > b@1.0.0 > a@1.0.0
    hint: move what both need into a third package; only dev-dependencies may go in a circle
    ");
    assert_snapshot!(solve(
        "root a 1.0.0 : b * @b
         root b 1.0.0 : dev a * @a"
    ), @"
    a@1.0.0 > b@1.0.0
    b@1.0.0 > a@1.0.0
    ");
    assert_snapshot!(solve(
        "folder x a 1.0.0 :
         folder y a 1.0.0 :
         folder z b 1.0.0 : a * @y
         root app 1.0.0 : a * @x, b * @z"
    ), @"cargo/collision: there are two packages a@1.0.0, in path+x and in path+y: `Cargo.lock` cannot tell them apart");
}
