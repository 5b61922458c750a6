//! Small universes written as text: what is asked for, and what comes out.

use super::{Asked, Change, Declined, Essential, Locked, Problem, Recommends, Suggested, What, Why, solve};
use crate::architecture::Architecture;
use crate::check::check as violations;
use crate::index::Kind;
use crate::universe::tests::{index, layer, names, of_layers, problem, universe};
use crate::universe::{PackageKey, Universe};

fn answer(universe: &Universe, problem: &Problem) -> String {
    match solve(universe, problem) {
        Ok(solution) => {
            assert_eq!(violations(universe, &solution), [], "{:?}", problem.asked);
            names(universe, &solution)
        }
        Err(error) => format!("no: {}", error.asked.join(", ")),
    }
}

fn check(packages: &str, asked: &str, expected: &str) {
    assert_eq!(answer(&universe(packages), &problem(asked)), expected, "{asked}");
}

#[test]
fn packages_bring_what_they_need_in_reading_order() {
    check(
        "aa\n Depends: bb, cc\n Pre-Depends: dd\nbb\n Depends: ee\ncc\ndd\nee",
        "aa",
        "aa dd bb ee cc",
    );
    check("aa\n Depends: bb (>= 2)\nbb 1\nbb 2", "aa", "aa bb=2");
    check("aa\n Depends: bb (<< 2)\nbb 1\nbb 2", "aa", "no: aa");
    check("aa\n Depends: aa | bb\nbb", "aa", "aa");
    check("aa\n Depends: bb\nbb\n Depends: aa", "bb, aa", "bb aa");
}

#[test]
fn alternatives_are_tried_in_order() {
    check("aa\n Depends: bb | cc\nbb\ncc", "aa", "aa bb");
    check("aa\n Depends: xx | cc\nbb\ncc", "aa", "aa cc");
    check("aa\n Depends: bb (>= 2) | cc\nbb 1\ncc", "aa", "aa cc");
    check("aa\n Depends: bb | cc\nbb\n Depends: xx\ncc", "aa", "aa cc");
    check(
        "aa\n Depends: bb | cc, dd\nbb\ncc\ndd\n Conflicts: bb",
        "aa",
        "aa cc dd",
    );
    // What is asked for counts from the beginning; what is needed later does not.
    check("aa\n Depends: bb | cc\nbb\ncc", "aa, cc", "aa cc");
    check("aa\n Depends: bb | cc, cc\nbb\ncc", "aa", "aa bb cc");
}

#[test]
fn names_are_provided() {
    check("aa\n Depends: vv\nbb\n Provides: vv", "aa", "aa bb");
    check("aa\n Depends: vv (>= 2)\nbb\n Provides: vv", "aa", "no: aa");
    check(
        "aa\n Depends: vv (>= 2)\nbb\n Provides: vv (= 2.1)",
        "aa",
        "aa bb",
    );
    check(
        "aa\n Depends: vv (>= 2)\nbb\n Provides: vv (= 1)\ncc\n Provides: vv (= 3)",
        "aa",
        "aa cc",
    );
    check("bb\n Provides: vv", "vv", "bb");
    // The package of that name goes before those that provide it, and among these the important ones.
    check(
        "aa\n Depends: vv\nbb\n Provides: vv\n Priority: important\nvv",
        "aa",
        "aa vv",
    );
    check(
        "aa\n Depends: vv\nbb\n Provides: vv\ncc\n Provides: vv\n Priority: important",
        "aa",
        "aa cc",
    );
    check(
        "aa\n Depends: vv\nbb\n Provides: vv\n Essential: yes\ncc\n Provides: vv\n Priority: required",
        "aa",
        "aa bb",
    );
}

#[test]
fn conflicts_and_breaks_keep_packages_apart() {
    check("aa\n Conflicts: bb\nbb", "aa, bb", "no: aa, bb");
    check("aa\n Breaks: bb (<< 2)\nbb 1", "aa, bb", "no: aa, bb");
    check("aa\n Breaks: bb (<< 2)\nbb 2", "aa, bb", "aa bb");
    check("aa\n Conflicts: vv\nbb\n Provides: vv", "aa, bb", "no: aa, bb");
    check("aa\n Breaks: vv (<< 2)\nbb\n Provides: vv", "aa, bb", "aa bb");
    check(
        "aa\n Breaks: vv (<< 2)\nbb\n Provides: vv (= 1)",
        "aa, bb",
        "no: aa, bb",
    );
    // Nothing stands against itself.
    check(
        "aa\n Provides: vv\n Conflicts: vv\nbb\n Provides: vv\n Conflicts: vv",
        "aa",
        "aa",
    );
    check(
        "aa\n Provides: vv\n Conflicts: vv\nbb\n Provides: vv\n Conflicts: vv",
        "aa, bb",
        "no: aa, bb",
    );
    check("aa 1\n Breaks: aa (<< 2)", "aa", "aa");
    // Replaces is about files alone.
    check("aa\n Replaces: bb\nbb", "aa, bb", "aa bb");
}

#[test]
fn recommends_are_taken_where_the_rest_admits_them() {
    check("aa\n Recommends: bb\nbb", "aa", "aa bb");
    check("aa\n Recommends: xx | bb\nbb", "aa", "aa bb");
    check("aa\n Recommends: bb\nbb\n Depends: xx", "aa", "aa");
    check(
        "aa\n Recommends: bb\n Depends: cc\nbb\n Conflicts: cc\ncc",
        "aa",
        "aa cc",
    );
    check("aa\n Suggests: bb\nbb\n Enhances: aa", "aa", "aa");
    let universe = universe("aa\n Recommends: xx, bb, yy | zz\nbb\nzz\n Conflicts: bb");
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    let declined = |group| Declined { by: 0, group };
    assert_eq!(solution.declined, [declined(0), declined(2)]);
    let without = Problem {
        recommends: Recommends::Ignored,
        ..problem("aa")
    };
    assert_eq!(answer(&universe, &without), "aa");
}

#[test]
fn architectures_are_served_as_multi_arch_says() {
    let foreign = "aa 1 i386\n Depends: bb\n";
    check(&format!("{foreign}bb 1 amd64"), "aa:i386", "no: aa:i386");
    check(
        &format!("{foreign}bb 1 amd64\n Multi-Arch: foreign"),
        "aa:i386",
        "aa:i386 bb",
    );
    check(
        &format!("{foreign}bb 1 all\n Multi-Arch: foreign"),
        "aa:i386",
        "aa:i386 bb",
    );
    check(&format!("{foreign}bb 1 all"), "aa:i386", "no: aa:i386");
    let any = "aa 1 i386\n Depends: bb:any\n";
    check(&format!("{any}bb 1 amd64"), "aa:i386", "no: aa:i386");
    check(
        &format!("{any}bb 1 amd64\n Multi-Arch: allowed"),
        "aa:i386",
        "aa:i386 bb",
    );
    check(
        "aa\n Depends: bb:i386\nbb 1 amd64\nbb 1 i386",
        "aa",
        "aa bb:i386=1",
    );
    // What only another architecture has is meant when its name is asked for.
    check("aa 1 i386", "aa", "aa:i386");
}

#[test]
fn one_name_for_two_architectures_is_in_lockstep() {
    let needs = "xx\n Depends: bb, bb:i386\n";
    check(&format!("{needs}bb 1\nbb 1 i386"), "xx", "no: xx");
    check(
        &format!("{needs}bb 1\n Multi-Arch: same\nbb 1 i386\n Multi-Arch: same"),
        "xx",
        "xx bb=1 bb:i386=1",
    );
    check(
        &format!("{needs}bb 2\n Multi-Arch: same\nbb 1 i386\n Multi-Arch: same"),
        "xx",
        "no: xx",
    );
}

#[test]
fn versions_and_releases_are_chosen_by_hand() {
    let two = || {
        of_layers(vec![
            layer("stable", "aa 1\n Depends: bb (= 1)\nbb 1\ncc 1\n Depends: bb"),
            {
                let mut layer = layer("backports", "aa 2\n Depends: bb (= 2), cc\nbb 2\ncc 2");
                layer.provenance.not_automatic = true;
                layer
            },
        ])
    };
    for (asked, expected) in [
        ("aa", "aa=1 bb=1"),
        ("aa/backports", "aa=2 bb=2 cc=1"),
        ("aa=2", "aa=2 bb=2 cc=1"),
        ("aa (>= 2)", "aa=2 bb=2 cc=1"),
        ("aa (<= 2)", "aa=1 bb=1"),
        ("aa=3", "no: aa=3"),
        ("aa=1, aa=2", "no: aa=1, aa=2"),
        ("bb=1, aa/backports", "no: bb=1, aa/backports"),
        ("aa/unstable", "no: aa/unstable"),
        ("aa/backports, bb=1", "no: aa/backports, bb=1"),
        ("cc/backports, aa", "cc=2 aa=1 bb=1"),
    ] {
        assert_eq!(answer(&two(), &problem(asked)), expected, "{asked}");
    }
}

#[test]
fn what_is_to_go_is_not_taken() {
    check("aa\n Depends: bb | cc\nbb\ncc", "aa, bb-", "aa cc");
    check("aa\n Depends: bb\nbb", "aa, bb-", "no: aa, bb-");
    check("aa\n Recommends: bb\nbb", "bb-, aa", "aa");
    let not_before = |version| Asked {
        what: What::Remove {
            relation: crate::relation::Alternative::parse("bb (<< 2)").expect("it is well-formed"),
        },
        text: format!("not bb before 2, with {version}"),
    };
    for (version, expected) in [("1", "aa cc"), ("2", "aa bb")] {
        let universe = universe(&format!("aa\n Depends: bb | cc\nbb {version}\ncc"));
        let mut problem = problem("aa");
        problem.asked.push(not_before(version));
        assert_eq!(answer(&universe, &problem), expected);
    }
}

#[test]
fn essential_packages_are_part_of_every_solution() {
    let universe = universe("aa\nee\n Essential: yes\n Pre-Depends: ff\nff");
    let whole = Problem {
        essential: Essential::Included,
        ..problem("aa")
    };
    assert_eq!(answer(&universe, &whole), "ee aa ff");
    let solution = solve(&universe, &whole).expect("it can be had");
    let why: Vec<Why> = solution.packages.iter().map(|chosen| chosen.why).collect();
    let needed = Why::Needed {
        by: 0,
        kind: Kind::PreDepends,
        group: 0,
    };
    assert_eq!(why, [Why::Essential, Why::Asked(0), needed]);
}

#[test]
fn locked_versions_stay_where_nothing_speaks_against_them() {
    let universe = universe(
        "aa 1\n Depends: vv\naa 2\n Depends: vv\nbb\n Provides: vv\ncc\n Provides: vv\ndd\n Depends: aa (>= 2)",
    );
    let lock = |packages: &[(&str, &str)]| -> Vec<Locked> {
        packages
            .iter()
            .map(|(name, version)| Locked {
                package: PackageKey {
                    name: (*name).to_owned(),
                    architecture: Architecture::parse("amd64").expect("it is one"),
                },
                version: (*version).to_owned(),
            })
            .collect()
    };
    let with = |asked: &str, packages: &[(&str, &str)]| Problem {
        locked: lock(packages),
        ..problem(asked)
    };
    let chosen_alone = answer(&universe, &problem("aa"));
    for (provider, locked) in [("bb", "bb"), ("cc", "cc")] {
        let answered = answer(&universe, &with("aa", &[("aa", "1"), (provider, "1")]));
        assert_eq!(answered, format!("aa=1 {locked}"));
        assert!(chosen_alone.starts_with("aa=2 "));
    }
    assert!(answer(&universe, &with("dd", &[("aa", "1")])).starts_with("dd aa=2 "));
    assert!(answer(&universe, &with("aa", &[("aa", "0.5")])).starts_with("aa=2 "));
}

#[test]
fn what_is_installed_stays_where_it_can() {
    let repository = "aa 2\nbb 2\n Depends: aa (>= 2)\ncc 1\n Conflicts: dd\nee\n Depends: ff | gg\nff\ngg";
    let installed =
        || universe(repository).with_installed(index("aa 1\ndd 1\ngg 1\n Recommends: xx\nxx-not 1"));
    for (asked, expected) in [
        ("ee", "ee gg=1 aa=1 dd xx-not"),
        ("bb", "bb aa=2 dd gg=1 xx-not"),
        ("cc", "cc aa=1 gg=1 xx-not"),
        ("aa", "aa=2 dd gg=1 xx-not"),
        ("dd-", "aa=1 gg=1 xx-not"),
    ] {
        let universe = installed();
        let text = answer(&universe, &problem(asked));
        // The record of what is in the repository too stands for both.
        assert_eq!(text, expected, "{asked}");
    }
    let universe = installed();
    let solution = solve(&universe, &problem("cc, bb")).expect("it can be had");
    let removed: Vec<&str> = solution
        .removed
        .iter()
        .map(|&place| universe.record(place).name())
        .collect();
    assert_eq!(removed, ["dd"]);
    let changes: Vec<(&str, bool, bool)> = solution
        .packages
        .iter()
        .map(|chosen| {
            let name = universe.record(chosen.place).name();
            (name, chosen.change == Change::New, chosen.change == Change::Kept)
        })
        .collect();
    assert!(changes.contains(&("cc", true, false)));
    assert!(changes.contains(&("aa", false, false)));
    assert!(changes.contains(&("xx-not", false, true)));
}

#[test]
fn packages_come_after_what_they_need() {
    let universe =
        universe("aa\n Depends: bb, cc\nbb\n Depends: aa\n Pre-Depends: dd\ncc\ndd\n Recommends: aa");
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    let order: Vec<&str> = solution
        .order(&universe)
        .into_iter()
        .map(|position| universe.record(solution.packages[position].place).name())
        .collect();
    assert_eq!(order, ["dd", "bb", "cc", "aa"]);
}

#[test]
fn suggestions_are_listed_where_they_could_be_followed() {
    let universe =
        universe("aa\n Suggests: bb, xx, cc | dd\n Depends: cc\nbb\n Suggests: ee\ncc\n Suggests: ee\nee");
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    let suggested = |by, group| Suggested { by, group };
    assert_eq!(
        solution.suggestions(&universe),
        [suggested(0, 0), suggested(1, 0)]
    );
}

#[test]
fn edges_lead_to_what_answers() {
    let universe = universe("aa\n Depends: vv | cc\n Recommends: xx, dd\nbb\n Provides: vv\ncc\ndd");
    let asked = problem("aa, vv, dd-");
    let solution = solve(&universe, &problem("aa, vv")).expect("it can be had");
    assert_eq!(names(&universe, &solution), "aa bb dd");
    assert_eq!(
        solution.answers(&universe),
        [vec![(Kind::Depends, 1), (Kind::Recommends, 2)], vec![], vec![]]
    );
    assert_eq!(
        solution.answering(&universe, &asked.asked),
        [Some(0), Some(1), None]
    );
}

#[test]
fn words_of_the_command_line_are_read() {
    for (text, readable) in [
        ("nginx", true),
        ("nginx:i386", true),
        ("nginx (>= 1.2) | apache2", true),
        ("nginx=1.2-3", true),
        ("nginx/stable", true),
        ("nginx-", true),
        ("gg++", true),
        ("", false),
        ("aa, bb", false),
        ("A B", false),
        ("nginx=", false),
    ] {
        assert_eq!(Asked::parse(text).is_ok(), readable, "{text}");
    }
}

mod random {
    //! Random universes against every possible choice.
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 5] = ["aa", "bb", "cc", "dd", "ee"];

    fn relation() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["aa", "bb", "cc", "dd", "ee", "vv", "ww"]);
        let version = prop_oneof![
            4 => Just(""),
            1 => Just(" (>= 2)"),
            1 => Just(" (<< 2)"),
            1 => Just(" (= 1)"),
        ];
        let qualifier = prop_oneof![6 => Just(""), 1 => Just(":any"), 1 => Just(":i386")];
        (name, qualifier, version)
            .prop_map(|(name, qualifier, version)| format!("{name}{qualifier}{version}"))
    }

    fn package() -> impl Strategy<Value = String> {
        let groups = || prop::collection::vec(prop::collection::vec(relation(), 1..3), 0..3);
        let provides = prop_oneof![3 => Just(""), 1 => Just("vv"), 1 => Just("vv (= 2)"), 1 => Just("ww")];
        let multi_arch = prop::sample::select(vec!["no", "no", "foreign", "same", "allowed"]);
        let place = (
            prop::sample::select(NAMES.to_vec()),
            prop::sample::select(vec!["1", "2"]),
            prop::sample::select(vec!["amd64", "amd64", "i386", "all"]),
        );
        let opposed = prop::collection::vec(relation(), 0..2);
        (place, groups(), groups(), opposed, provides, multi_arch).prop_map(
            |((name, version, architecture), depends, recommends, conflicts, provides, multi_arch)| {
                let field = |name: &str, groups: Vec<Vec<String>>| {
                    let groups: Vec<String> = groups.iter().map(|group| group.join(" | ")).collect();
                    match groups.is_empty() {
                        true => String::new(),
                        false => format!(" {name}: {}\n", groups.join(", ")),
                    }
                };
                let conflicts = conflicts.into_iter().map(|one| vec![one]).collect();
                format!(
                    "{name} {version} {architecture}\n{}{}{}{}{}",
                    field("Depends", depends),
                    field("Recommends", recommends),
                    field("Conflicts", conflicts),
                    field(
                        "Provides",
                        vec![vec![provides.to_owned()]; usize::from(!provides.is_empty())]
                    ),
                    field(
                        "Multi-Arch",
                        vec![vec![multi_arch.to_owned()]; usize::from(multi_arch != "no")]
                    ),
                )
            },
        )
    }

    /// Whether any set of the candidates fulfils what is asked for, by the checker alone.
    fn is_possible(universe: &Universe, asked: &[&str]) -> bool {
        let index = &universe.layers()[0].index;
        // The candidate of a name for an architecture is its highest version.
        let mut candidates: Vec<crate::index::RecordId> = Vec::new();
        for name in NAMES {
            let Some(id) = index.find(name) else { continue };
            let mut seen = Vec::new();
            for record in index.versions(id) {
                let architecture = universe.architecture_of(&index.record(record)).cloned();
                if architecture.is_some() && !seen.contains(&architecture) {
                    seen.push(architecture);
                    candidates.push(record);
                }
            }
        }
        (0_u32..1 << candidates.len()).any(|choice| {
            let places: Vec<crate::universe::Place> = candidates
                .iter()
                .enumerate()
                .filter(|(position, _)| choice >> position & 1 == 1)
                .map(|(_, &record)| crate::universe::Place { layer: 0, record })
                .collect();
            let has = |name: &str| {
                places.iter().any(|&place| {
                    let record = universe.record(place);
                    record.name() == name && universe.architecture_of(&record) == Some(universe.native())
                })
            };
            asked.iter().all(|name| has(name)) && crate::check::check_set(universe, &places).is_empty()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(800))]

        #[test]
        fn solutions_are_right_and_impossible_is_impossible(
            packages in prop::collection::vec(package(), 2..8),
            asked in prop::collection::btree_set(prop::sample::select(NAMES.to_vec()), 1..3),
        ) {
            let universe = universe(&packages.concat());
            let asked: Vec<&str> = asked
                .into_iter()
                .filter(|name| universe.layers()[0].index.find(name).is_some_and(|id| {
                    let index = &universe.layers()[0].index;
                    index.versions(id).any(|record| {
                        universe.architecture_of(&index.record(record)) == Some(universe.native())
                            // One that serves natives from abroad is chosen for them as well.
                    }) && !index.versions(id).any(|record| index.record(record).multi_arch() == crate::index::MultiArch::Foreign)
                        && index.providers(id).len() == 0
                }))
                .collect();
            prop_assume!(!asked.is_empty());
            match solve(&universe, &problem(&asked.join(","))) {
                Ok(solution) => prop_assert_eq!(violations(&universe, &solution), []),
                Err(error) => {
                    prop_assert!(!is_possible(&universe, &asked), "{}", error);
                    // The story of an impossible set is told to its end.
                    prop_assert!(!error.story.is_empty());
                }
            }
        }
    }
}

#[test]
fn packages_of_one_source_are_upgraded_together() {
    let repository = "aa 2\n Source: ss\nbb 2\n Source: ss\ncc 2\n Source: ss (1)\ndd 2\n Source: ss\nee 2\nff 2\n Source: ss\n Breaks: aa";
    let installed = index("bb 1\n Source: ss\ncc 1\nee 1\nff 1\n Source: ss");
    let universe = universe(repository).with_installed(installed);
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    // What is not installed stays away, and so does a version that does not go with what is asked for.
    assert_eq!(names(&universe, &solution), "aa bb=2 cc=1 ee=1 ff=1");
    let why: Vec<Why> = solution.packages.iter().map(|chosen| chosen.why).collect();
    assert_eq!(why[1], Why::Source { with: 0 });
}

#[test]
fn what_was_kept_before_its_source_is_upgraded_is_upgraded_too() {
    let repository = "aa 1\n Depends: bb, cc\nbb 2\n Source: ss\ncc 1\n Depends: dd\ndd 2\n Source: ss";
    let installed = index("bb 1\n Source: ss");
    let universe = universe(repository).with_installed(installed);
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    assert_eq!(names(&universe, &solution), "aa bb=2 cc dd");
}

#[test]
fn what_was_recommended_and_left_out_before_is_left_out_again() {
    let repository = "aa 2\n Recommends: old, there, new, other | old2\nold\nthere 2\nnew\nother\nold2";
    let installed = index("aa 1\n Recommends: old, there, xx | other\nthere 1");
    let universe = universe(repository).with_installed(installed);
    let solution = solve(&universe, &problem("aa")).expect("it can be had");
    assert_eq!(names(&universe, &solution), "aa=2 there=1 new");
}
