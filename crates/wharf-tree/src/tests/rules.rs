//! One table entry for each rule of resolution.

use insta::assert_snapshot;
use wharf_ecosystem::npm::overrides::Overrides;

use super::notation::{name, solve, solve_with, version, world};
use crate::*;

#[test]
fn a_version_that_is_there_is_taken_again() {
    assert_snapshot!(solve("a 1.0.0 : c ^1.0.0\nb 1.0.0 : c ~1.0.0\nc 1.0.0\nc 1.5.0\n. : a *, b *, c ~1.0.0"), @r"
    . -> a=a@1.0.0 b=b@1.0.0 c=c@1.0.0
    a@1.0.0 -> c=c@1.0.0
    b@1.0.0 -> c=c@1.0.0
    c@1.0.0 ->
    ");
}

#[test]
fn dedupe_moves_needs_to_what_others_take() {
    assert_snapshot!(solve("a 1.0.0 : c ^1.0.0\nb 1.0.0 : c ~1.0.0\nc 1.0.0\nc 1.5.0\n. : a *, b *"), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@1.0.0
    b@1.0.0 -> c=c@1.0.0
    c@1.0.0 ->
    ");
}

#[test]
fn what_is_added_for_peers_moves_to_what_others_take() {
    // Without the range of `b`, `c` would be there in its newest version alone.
    let lines = "lib 1.0.0 : peer tool *\ntool 1.0.0 : a *, b *\na 1.0.0 : c ^1.0.0\nb 1.0.0 : c ~1.0.0\nc 1.0.0\nc 1.5.0\n. : lib *";
    assert_snapshot!(solve(lines), @r"
    . -> lib=lib@1.0.0(tool@1.0.0) tool=tool@1.0.0
    a@1.0.0 -> c=c@1.0.0
    b@1.0.0 -> c=c@1.0.0
    c@1.0.0 ->
    lib@1.0.0(tool@1.0.0) -> tool=tool@1.0.0
    tool@1.0.0 -> a=a@1.0.0 b=b@1.0.0
    ");
}

#[test]
fn what_moves_then_wants_other_peers() {
    // `c` wants `p` in the version alone that is taken in the end.
    let lines = "lib 1.0.0 : peer tool *\ntool 1.0.0 : a *, b *\na 1.0.0 : c ^1.0.0\nb 1.0.0 : c ~1.0.0\nc 1.0.0 : peer p *\nc 1.5.0 : peer q *\np 1.0.0\nq 1.0.0\n. : lib *";
    assert_snapshot!(solve(lines), @r"
    . -> lib=lib@1.0.0(tool@1.0.0) p=p@1.0.0 tool=tool@1.0.0(p@1.0.0)
    a@1.0.0(p@1.0.0) -> c=c@1.0.0(p@1.0.0)
    b@1.0.0(p@1.0.0) -> c=c@1.0.0(p@1.0.0)
    c@1.0.0(p@1.0.0) -> p=p@1.0.0
    lib@1.0.0(tool@1.0.0) -> tool=tool@1.0.0(p@1.0.0)
    p@1.0.0 ->
    tool@1.0.0(p@1.0.0) -> a=a@1.0.0(p@1.0.0) b=b@1.0.0(p@1.0.0)
    ");
}

#[test]
fn the_importers_own_choice_stays() {
    assert_snapshot!(solve("a 1.0.0 : c 1.0.0\nc 1.0.0\nc 1.5.0\n. : a *, c ^1"), @r"
    . -> a=a@1.0.0 c=c@1.5.0
    a@1.0.0 -> c=c@1.0.0
    c@1.0.0 ->
    c@1.5.0 ->
    ");
}

#[test]
fn dedupe_gives_up_nothing_sound() {
    assert_snapshot!(solve("a 1.0.0 : c ^1.0.0\nb 1.0.0 : c ~1.0.0\nc 1.0.0 deprecated\nc 1.5.0\n. : a *, b *"), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@1.5.0
    b@1.0.0 -> c=c@1.0.0
    c@1.0.0 ->
    c@1.5.0 ->
    ! c@1.0.0 is deprecated: use another (the project > b@1.0.0 > c@1.0.0)
    ");
}

#[test]
fn a_peer_is_provided_by_siblings() {
    assert_snapshot!(solve("dom 1.0.0 : peer react ^1\nreact 1.0.0\nreact 2.0.0\n. : dom *, react 1.0.0"), @r"
    . -> dom=dom@1.0.0(react@1.0.0) react=react@1.0.0
    dom@1.0.0(react@1.0.0) -> react=react@1.0.0
    react@1.0.0 ->
    ");
}

#[test]
fn a_peer_is_provided_from_further_up() {
    assert_snapshot!(solve("lib 1.0.0 : dom *\ndom 1.0.0 : peer react *\nreact 1.0.0\n. : lib *, react *"), @r"
    . -> lib=lib@1.0.0(react@1.0.0) react=react@1.0.0
    dom@1.0.0(react@1.0.0) -> react=react@1.0.0
    lib@1.0.0(react@1.0.0) -> dom=dom@1.0.0(react@1.0.0)
    react@1.0.0 ->
    ");
}

#[test]
fn a_missing_peer_is_added_in_a_version_that_suits_all() {
    assert_snapshot!(
        solve("a 1.0.0 : peer r >=1\nb 1.0.0 : peer r ^2.0.0\nc 1.0.0 : peer r <2.5\nr 1.0.0\nr 2.1.0\nr 2.6.0\nr 3.0.0\n. : a *, b *, c *"),
        @r"
    . -> a=a@1.0.0(r@2.1.0) b=b@1.0.0(r@2.1.0) c=c@1.0.0(r@2.1.0) r=r@2.1.0
    a@1.0.0(r@2.1.0) -> r=r@2.1.0
    b@1.0.0(r@2.1.0) -> r=r@2.1.0
    c@1.0.0(r@2.1.0) -> r=r@2.1.0
    r@2.1.0 ->
    "
    );
}

#[test]
fn of_versions_that_are_there_a_missing_peer_is_the_one_that_the_registry_would_give() {
    let text = "wasm 1.0.0 : peer r ^1 || ^2.0.0-a\nold 1.0.0 : r ^1\nnext 1.0.0 : r 2.0.0-b\nr 1.0.0\nr 2.0.0-b\ntag r latest 1.0.0\n. : wasm *, old *, next *";
    assert_snapshot!(solve(text), @r"
    . -> next=next@1.0.0 old=old@1.0.0 r=r@1.0.0 wasm=wasm@1.0.0(r@1.0.0)
    next@1.0.0 -> r=r@2.0.0-b
    old@1.0.0 -> r=r@1.0.0
    r@1.0.0 ->
    r@2.0.0-b ->
    wasm@1.0.0(r@1.0.0) -> r=r@1.0.0
    ");
    let text = "wasm 1.0.0 : peer r >=1\nold 1.0.0 : r ^1\nnext 1.0.0 : r ^2\nr 1.0.0\nr 2.0.0\n. : wasm *, old *, next *";
    assert_snapshot!(solve(text), @r"
    . -> next=next@1.0.0 old=old@1.0.0 r=r@2.0.0 wasm=wasm@1.0.0(r@2.0.0)
    next@1.0.0 -> r=r@2.0.0
    old@1.0.0 -> r=r@1.0.0
    r@1.0.0 ->
    r@2.0.0 ->
    wasm@1.0.0(r@2.0.0) -> r=r@2.0.0
    ");
}

#[test]
fn missing_peers_are_reported_where_the_project_wants_that() {
    let text = "a 1.0.0 : peer r >=1\nr 1.0.0\n. : a *";
    assert_snapshot!(solve_with(text, |problem| problem.missing_peers = MissingPeers::Report), @r"
    . -> a=a@1.0.0
    a@1.0.0 -> r=-
    ! the project > a@1.0.0 wants r >=1 as a peer and nobody provides it: the project does not want missing peers added
    ");
}

#[test]
fn peers_of_added_peers_are_added() {
    assert_snapshot!(solve("a 1.0.0 : peer b *\nb 1.0.0 : peer c *\nc 1.0.0\n. : a *"), @r"
    . -> a=a@1.0.0(b@1.0.0) b=b@1.0.0(c@1.0.0) c=c@1.0.0
    a@1.0.0(b@1.0.0) -> b=b@1.0.0(c@1.0.0)
    b@1.0.0(c@1.0.0) -> c=c@1.0.0
    c@1.0.0 ->
    ");
}

#[test]
fn an_optional_peer_is_met_but_never_added() {
    assert_snapshot!(solve("a 1.0.0 : peer? t *\nt 1.0.0\n. : a *"), @r"
    . -> a=a@1.0.0
    a@1.0.0 -> t=-
    ");
    assert_snapshot!(solve("a 1.0.0 : peer? t *\nt 1.0.0\n. : a *, t *"), @r"
    . -> a=a@1.0.0(t@1.0.0) t=t@1.0.0
    a@1.0.0(t@1.0.0) -> t=t@1.0.0
    t@1.0.0 ->
    ");
}

#[test]
fn peers_in_a_circle_end() {
    assert_snapshot!(solve("p 1.0.0 : peer q *\nq 1.0.0 : peer p *\nx 1.0.0 : peer p *, peer q *\n. : p *, q *, x *"), @r"
    . -> p=p@1.0.0(q@1.0.0) q=q@1.0.0(p@1.0.0) x=x@1.0.0(p@1.0.0)(q@1.0.0)
    p@1.0.0(q@1.0.0) -> q=q@1.0.0(p@1.0.0)
    q@1.0.0(p@1.0.0) -> p=p@1.0.0(q@1.0.0)
    x@1.0.0(p@1.0.0)(q@1.0.0) -> p=p@1.0.0(q@1.0.0) q=q@1.0.0(p@1.0.0)
    ");
}

#[test]
fn a_package_stands_once_for_each_set_of_peers() {
    assert_snapshot!(
        solve("ui 1.0.0 : peer r *\nold 1.0.0 : ui *, r ^1\nnew 1.0.0 : ui *, r ^2\nr 1.0.0\nr 2.0.0\n. : old *, new *"),
        @r"
    . -> new=new@1.0.0 old=old@1.0.0
    new@1.0.0 -> r=r@2.0.0 ui=ui@1.0.0(r@2.0.0)
    old@1.0.0 -> r=r@1.0.0 ui=ui@1.0.0(r@1.0.0)
    r@1.0.0 ->
    r@2.0.0 ->
    ui@1.0.0(r@1.0.0) -> r=r@1.0.0
    ui@1.0.0(r@2.0.0) -> r=r@2.0.0
    "
    );
}

#[test]
fn equal_instances_are_one() {
    // Each member provides `r` itself; all are the same.
    assert_snapshot!(
        solve("ui 1.0.0 : peer r *, deep *\ndeep 1.0.0 : peer r *\nr 1.0.0\nx (x 1.0.0) : ui *, r *\ny (y 1.0.0) : ui *, r *"),
        @r"
    x -> r=r@1.0.0 ui=ui@1.0.0(r@1.0.0)
    y -> r=r@1.0.0 ui=ui@1.0.0(r@1.0.0)
    deep@1.0.0(r@1.0.0) -> r=r@1.0.0
    r@1.0.0 ->
    ui@1.0.0(r@1.0.0) -> deep=deep@1.0.0(r@1.0.0) r=r@1.0.0
    "
    );
}

#[test]
fn a_provider_takes_another_version_that_suits_its_askers() {
    assert_snapshot!(solve("ui 1.0.0 : peer r ^17\nr 17.0.0\nr 18.0.0\n. : ui *, r >=16"), @r"
    . -> r=r@17.0.0 ui=ui@1.0.0(r@17.0.0)
    r@17.0.0 ->
    ui@1.0.0(r@17.0.0) -> r=r@17.0.0
    ");
}

#[test]
fn a_conflict_names_both_sides() {
    assert_snapshot!(solve("ui 1.0.0 : peer r ^17\nr 17.0.0\nr 18.0.0\n. : ui *, r ^18"), @r"
    . -> r=r@18.0.0 ui=ui@1.0.0(r@18.0.0)
    r@18.0.0 ->
    ui@1.0.0(r@18.0.0) -> r=r@18.0.0
    ! the project > ui@1.0.0 wants r ^17 as a peer, but the project provides r@18.0.0 (it asks for ^18)
    ");
}

#[test]
fn a_conflict_fails_where_peers_are_strict() {
    let text = "ui 1.0.0 : peer r ^17\nr 17.0.0\nr 18.0.0\n. : ui *, r ^18";
    assert_snapshot!(solve_with(text, |problem| problem.peer_conflicts = PeerConflicts::Fail), @r"
    error: peers do not fit together:
      the project > ui@1.0.0 wants r ^17 as a peer, but the project provides r@18.0.0 (it asks for ^18)
    ");
}

#[test]
fn peer_rules_silence_a_conflict() {
    let text = "ui 1.0.0 : peer r ^17\nr 17.0.0\nr 18.0.0\n. : ui *, r ^18";
    assert_snapshot!(solve_with(text, |problem| problem.peer_rules.allow("ui>r", "18").unwrap()), @r"
    . -> r=r@18.0.0 ui=ui@1.0.0(r@18.0.0)
    r@18.0.0 ->
    ui@1.0.0(r@18.0.0) -> r=r@18.0.0
    ");
}

#[test]
fn below_a_package_a_second_version_is_added_as_npm_does() {
    assert_snapshot!(solve("lib 1.0.0 : ui *\nui 1.0.0 : peer r ^17\nr 17.0.0\nr 18.0.0\n. : lib *, r ^18"), @r"
    . -> lib=lib@1.0.0(r@18.0.0) r=r@18.0.0
    lib@1.0.0(r@18.0.0) -> r=r@17.0.0 ui=ui@1.0.0(r@17.0.0)
    r@17.0.0 ->
    r@18.0.0 ->
    ui@1.0.0(r@17.0.0) -> r=r@17.0.0
    ! r@17.0.0 was added below the project > lib@1.0.0, which wants ^17, beside r@18.0.0
    ");
}

#[test]
fn beside_a_packages_own_need_a_second_version_is_added_for_those_whom_it_does_not_suit() {
    assert_snapshot!(
        solve("lib 1.0.0 : config *, r ^18\nconfig 1.0.0 : peer r ^17, peer dom ^17\ndom 17.0.0 : peer r ^17\ndom 18.0.0 : peer r ^18\nr 17.0.0\nr 18.0.0\n. : lib *, dom ^18, r ^18"),
        @r"
    . -> dom=dom@18.0.0(r@18.0.0) lib=lib@1.0.0(dom@18.0.0) r=r@18.0.0
    config@1.0.0(dom@17.0.0)(r@17.0.0) -> dom=dom@17.0.0(r@17.0.0) r=r@17.0.0
    dom@17.0.0(r@17.0.0) -> r=r@17.0.0
    dom@18.0.0(r@18.0.0) -> r=r@18.0.0
    lib@1.0.0(dom@18.0.0) -> config=config@1.0.0(dom@17.0.0)(r@17.0.0) dom=dom@17.0.0(r@17.0.0) r=r@18.0.0
    r@17.0.0 ->
    r@18.0.0 ->
    ! dom@17.0.0 was added below the project > lib@1.0.0, which wants ^17, beside dom@18.0.0
    "
    );
}

#[test]
fn a_package_that_is_its_own_childs_peer_provides_itself() {
    assert_snapshot!(solve("core 1.0.0 : helper *\nhelper 1.0.0 : peer core *\n. : core *"), @r"
    . -> core=core@1.0.0
    core@1.0.0 -> helper=helper@1.0.0(core@1.0.0)
    helper@1.0.0(core@1.0.0) -> core=core@1.0.0
    ");
}

#[test]
fn an_optional_need_that_fails_is_left_out_with_what_requires_it() {
    assert_snapshot!(solve("a 1.0.0 : opt b *\nb 1.0.0 : nowhere *\n. : a *, opt gone ^9"), @r"
    . -> a=a@1.0.0 gone=-
    a@1.0.0 -> b=-
    ! b@*, optional for the project > a@1.0.0, was left out: nowhere@* cannot be had: no such package
    ! gone@^9, optional for the project, was left out: gone@^9 cannot be had: no such package
    ");
}

#[test]
fn a_required_need_that_fails_is_explained_with_its_chain() {
    assert_snapshot!(solve("a 1.0.0 : b ^3\nb 1.0.0\nb 2.0.0\n. : a *, c ^1"), @r"
    error: the project > a@1.0.0 asks for b@^3: no version of b satisfies `^3`; there is 1.0.0, 2.0.0
    c@^1, which the project asks for (package.json), cannot be had: no such package
    ");
}

#[test]
fn bundled_dependencies_are_not_resolved() {
    assert_snapshot!(solve("a 1.0.0 bundle=b : b ^9, c *\nc 1.0.0 : peer b *\n. : a *"), @r"
    . -> a=a@1.0.0
    a@1.0.0 -> c=c@1.0.0
    c@1.0.0 -> b=-
    ");
}

#[test]
fn aliases_stand_under_their_own_name() {
    assert_snapshot!(solve("r 1.0.0\nr 2.0.0\n. : r ^2, old npm:r@^1"), @r"
    . -> old=r@1.0.0 r=r@2.0.0
    r@1.0.0 ->
    r@2.0.0 ->
    ");
}

#[test]
fn tags_are_followed() {
    assert_snapshot!(solve("r 1.0.0\nr 2.0.0-rc.1\ntag r next 2.0.0-rc.1\n. : r next"), @r"
    . -> r=r@2.0.0-rc.1
    r@2.0.0-rc.1 ->
    ");
}

#[test]
fn members_are_linked_by_workspace_specs_and_by_ranges_that_they_satisfy() {
    let text = "x 2.0.0\npackages/x (x 1.0.0) :\npackages/y (y 1.0.0) : x workspace:^\npackages/z (z 1.0.0) : x ^1\npackages/old (old 1.0.0) : x ^2";
    assert_snapshot!(solve(text), @r"
    packages/old -> x=x@2.0.0
    packages/x ->
    packages/y -> x=packages/x
    packages/z -> x=packages/x
    x@2.0.0 ->
    ");
    assert_snapshot!(solve("packages/y (y 1.0.0) : gone workspace:*"), @"error: `gone: workspace:*` (package.json) is not in the workspace: no member is called gone");
    assert_snapshot!(solve("packages/x (x 1.0.0) :\npackages/y (y 1.0.0) : x workspace:^2"), @"error: `x: workspace:^2` (package.json) is not in the workspace: x is of version 1.0.0 there");
}

#[test]
fn a_member_that_does_not_answer_is_named() {
    let text = "x 2.0.0\npackages/x (x 3.0.0-rc.1) :\npackages/y (y 1.0.0) : x ^3";
    assert_snapshot!(solve(text), @"error: packages/y asks for x@^3 (package.json): no version of x satisfies `^3`; there is 2.0.0; packages/x of the workspace is 3.0.0-rc.1");
    let text = "packages/x (x 3.0.0) :\npackages/y (y 1.0.0) : x ^2";
    assert_snapshot!(solve(text), @"error: x@^2, which packages/y asks for (package.json), cannot be had: no such package; packages/x of the workspace is 3.0.0");
    let text = "x 2.0.0\npackages/x (x 3.0.0-rc.1) :\npackages/y (y 1.0.0) : x *";
    assert_snapshot!(solve(text), @r"
    packages/x ->
    packages/y -> x=packages/x
    ");
}

#[test]
fn members_meet_peers_that_the_root_provides() {
    assert_snapshot!(solve("ui 1.0.0 : peer r *\nr 1.0.0\n. : r *\npackages/x (x 1.0.0) : ui *"), @r"
    . -> r=r@1.0.0
    packages/x -> ui=ui@1.0.0(r@1.0.0)
    r@1.0.0 ->
    ui@1.0.0(r@1.0.0) -> r=r@1.0.0
    ");
}

#[test]
fn folders_are_linked_and_archives_have_needs() {
    assert_snapshot!(
        solve("https://example.org/t.tgz t 3.0.0 : c *\nc 1.0.0\n. : t https://example.org/t.tgz, l link:../lib"),
        @r"
    . -> l=link:../lib t=t@3.0.0
    c@1.0.0 ->
    t@3.0.0 -> c=c@1.0.0
    "
    );
}

#[test]
fn overrides_replace_remove_and_hold_below_some_packages() {
    let text = "a 1.0.0 : c *, d *\nb 1.0.0 : c ^2, d *\nc 1.0.0\nc 2.0.0\nd 1.0.0\n. : a *, b *";
    let overrides = |key: &'static str, value: &'static str| {
        move |problem: &mut Problem| {
            let mut rules = Overrides::default();
            rules.add_pnpm(key, value, &Default::default()).unwrap();
            problem.overrides = rules;
        }
    };
    assert_snapshot!(solve_with(text, overrides("c", "1.0.0")), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@1.0.0 d=d@1.0.0
    b@1.0.0 -> c=c@1.0.0 d=d@1.0.0
    c@1.0.0 ->
    d@1.0.0 ->
    ");
    assert_snapshot!(solve_with(text, overrides("a>c", "1.0.0")), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@1.0.0 d=d@1.0.0
    b@1.0.0 -> c=c@2.0.0 d=d@1.0.0
    c@1.0.0 ->
    c@2.0.0 ->
    d@1.0.0 ->
    ");
    assert_snapshot!(solve_with(text, overrides("d", "-")), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@2.0.0
    b@1.0.0 -> c=c@2.0.0
    c@2.0.0 ->
    ");
    assert_snapshot!(solve_with(text, overrides("nothing", "1.0.0")), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 -> c=c@2.0.0 d=d@1.0.0
    b@1.0.0 -> c=c@2.0.0 d=d@1.0.0
    c@2.0.0 ->
    d@1.0.0 ->
    ! the override `nothing` matches nothing
    ");
}

#[test]
fn overrides_that_hold_below_keep_subtrees_apart() {
    let text = "a 1.0.0 : m *\nm 1.0.0 : c *\nc 1.0.0\nc 2.0.0\n. : a *, c ^2, m *";
    assert_snapshot!(
        solve_with(text, |problem| {
            problem.overrides.add_yarn("a/**/c", "1.0.0", &Default::default()).unwrap();
        }),
        @r"
    . -> a=a@1.0.0 c=c@2.0.0 m=m@1.0.0
    a@1.0.0 -> m=m@1.0.0(m@1.0.0#2)
    c@1.0.0 ->
    c@2.0.0 ->
    m@1.0.0 -> c=c@2.0.0
    m@1.0.0(m@1.0.0#2) -> c=c@1.0.0
    "
    );
}

#[test]
fn preferences_are_kept_where_they_fit() {
    let text = "a 1.0.0 : c ^1\nc 1.0.0\nc 1.5.0\n. : a *, c ^1.2";
    let prefer = |problem: &mut Problem| {
        problem.preferences.insert(name("c"), vec![version("1.0.0")]);
    };
    assert_snapshot!(solve_with(text, prefer), @r"
    . -> a=a@1.0.0 c=c@1.5.0
    a@1.0.0 -> c=c@1.5.0
    c@1.5.0 ->
    ");
}

#[test]
fn a_version_for_another_node_goes_last_and_deprecations_are_told() {
    let text = "a 1.0.0 deprecated\na 2.0.0 node=>=22\nb 1.0.0 node=>=22\n. : a *, b *";
    assert_snapshot!(solve_with(text, |problem| problem.node = Some(version("20.0.0"))), @r"
    . -> a=a@1.0.0 b=b@1.0.0
    a@1.0.0 ->
    b@1.0.0 ->
    ! a@1.0.0 is deprecated: use another (the project > a@1.0.0)
    ");
}

#[test]
fn what_is_unknown_is_listed_at_once() {
    let (mut index, problem) = world("a 1.0.0 : b *\nb 1.0.0\nc 1.0.0\n. : a *, c *");
    index.hidden = vec![name("b"), name("c")];
    let needs = Needs {
        versions: vec![name("b"), name("c")],
        ..Needs::default()
    };
    assert_eq!(resolve(&problem, &index), Err(Stop::Needs(needs)));
}
