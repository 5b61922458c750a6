//! Universes written as text, for the tests of all that looks at one; and what pins say of them.

use super::{Layer, PackageKey, Provenance, Universe};
use crate::architecture::Architecture;
use crate::index::{Index, build};
use crate::preferences;
use crate::solve::{Asked, Essential, Problem, Recommends, Solution, solve};

/// An index of stanzas written as lines `name version [architecture]`, followed by indented fields.
pub(crate) fn index(text: &str) -> Index {
    let mut packages = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.trim_start().contains(": ") {
            packages.push_str(line.trim_start());
            packages.push('\n');
            continue;
        }
        let mut words = line.split_whitespace();
        let name = words.next().expect("the line is not empty");
        let version = words.next().unwrap_or("1");
        let architecture = words.next().unwrap_or("amd64");
        packages.push_str(&format!(
            "\nPackage: {name}\nVersion: {version}\nArchitecture: {architecture}\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {}\n",
            "0".repeat(64)
        ));
    }
    let built = build(packages.trim_start().as_bytes(), [0; 32]).expect("a small file fits");
    Index::open(built.bytes).expect("what was just built is whole")
}

/// A layer of a release called `suite`.
pub(crate) fn layer(suite: &str, text: &str) -> Layer {
    Layer {
        index: index(text),
        provenance: Provenance {
            suite: suite.to_owned(),
            codename: suite.to_owned(),
            ..Provenance::default()
        },
    }
}

/// A universe of one release for `amd64` beside `i386`.
pub(crate) fn universe(text: &str) -> Universe {
    of_layers(vec![layer("stable", text)])
}

/// A universe of several releases.
pub(crate) fn of_layers(layers: Vec<Layer>) -> Universe {
    let architecture = |word| Architecture::parse(word).expect("it is one");
    Universe::new(layers, architecture("amd64")).with_foreign([architecture("i386")])
}

/// What is asked for, words apart by commas, with Recommends and without Essential packages.
pub(crate) fn problem(asked: &str) -> Problem {
    Problem {
        asked: asked
            .split(',')
            .map(|text| Asked::parse(text).expect("it can be asked for"))
            .collect(),
        essential: Essential::LeftOut,
        recommends: Recommends::Taken,
        locked: Vec::new(),
    }
}

/// The packages of a solution in order, `name`, or `name=version` where the universe has several.
pub(crate) fn names(universe: &Universe, solution: &Solution) -> String {
    let mut names = Vec::new();
    for chosen in &solution.packages {
        let record = universe.record(chosen.place);
        let foreign = match universe.architecture_of(&record) {
            Some(architecture) if architecture != universe.native() => format!(":{architecture}"),
            _ => String::new(),
        };
        let versions: usize = universe
            .layers()
            .iter()
            .filter_map(|layer| Some(layer.index.versions(layer.index.find(record.name())?).count()))
            .sum();
        let version = match versions {
            0 | 1 => String::new(),
            _ => format!("={}", record.version()),
        };
        names.push(format!("{}{foreign}{version}", record.name()));
    }
    names.join(" ")
}

fn check(pins: &str, expected: &str) {
    let universe = of_layers(vec![
        layer("stable", "aa 1.0\n  Source: ss"),
        Layer {
            provenance: Provenance {
                origin: "Debian Backports".to_owned(),
                not_automatic: true,
                but_automatic_upgrades: true,
                ..layer("backports", "").provenance
            },
            ..layer("backports", "aa 2.0\n  Source: ss")
        },
        Layer {
            provenance: Provenance {
                site: "example.org".to_owned(),
                not_automatic: true,
                ..layer("experimental", "").provenance
            },
            ..layer("experimental", "aa 3.0")
        },
    ]);
    let pins = preferences::parse(pins.as_bytes())
        .into_iter()
        .map(|pin| pin.expect("it is well-formed"))
        .collect();
    let universe = universe.with_pins(pins);
    let answer = match solve(&universe, &problem("aa")) {
        Ok(solution) => names(&universe, &solution),
        Err(_) => "nothing".to_owned(),
    };
    assert_eq!(answer, expected);
}

#[test]
fn the_release_and_pins_say_which_version_is_the_candidate() {
    check("", "aa=1.0");
    check("Package: aa\nPin: version 2*\nPin-Priority: 600\n", "aa=2.0");
    check(
        "Package: aa\nPin: release n=backports\nPin-Priority: 501\n",
        "aa=2.0",
    );
    check(
        "Package: *\nPin: release o=Debian Backports\nPin-Priority: 700\n",
        "aa=2.0",
    );
    check(
        "Package: src:ss\nPin: release a=backports\nPin-Priority: 700\n",
        "aa=2.0",
    );
    check(
        "Package: *\nPin: origin example.org\nPin-Priority: 900\n",
        "aa=3.0",
    );
    // What is pinned to an equal priority is decided by the version.
    check(
        "Package: *\nPin: release a=backports\nPin-Priority: 500\n",
        "aa=2.0",
    );
    // A pin that names the package counts before one that does not, and the first before the second.
    check(
        "Package: *\nPin: release a=backports\nPin-Priority: 900\n\nPackage: aa\nPin: release a=backports\nPin-Priority: 50\n",
        "aa=1.0",
    );
    check(
        "Package: aa\nPin: version 3.0\nPin-Priority: 950\n\nPackage: aa\nPin: version 3*\nPin-Priority: -1\n",
        "aa=3.0",
    );
    check("Package: aa\nPin: version *\nPin-Priority: -1\n", "nothing");
    check("Package: bb\nPin: version *\nPin-Priority: -1\n", "aa=1.0");
}

#[test]
fn a_repositorys_own_priority_counts_for_it_alone_and_after_pins() {
    let stated = |suite: &str, text: &str, priority| Layer {
        provenance: Provenance {
            site: "example.org".to_owned(),
            priority,
            ..layer(suite, "").provenance
        },
        ..layer(suite, text)
    };
    let check = |own: Option<i32>, pins: &str, expected: &str| {
        let layers = vec![stated("one", "aa 1", own), stated("two", "aa 2", None)];
        let pins = preferences::parse(pins.as_bytes())
            .into_iter()
            .map(|pin| pin.expect("it is well-formed"))
            .collect();
        let universe = of_layers(layers).with_pins(pins);
        let solution = solve(&universe, &problem("aa")).expect("it can be had");
        assert_eq!(names(&universe, &solution), expected, "{own:?}");
    };
    check(None, "", "aa=2");
    check(Some(600), "", "aa=1");
    check(Some(400), "", "aa=2");
    // What is said of packages by name, or of everything, comes first.
    check(
        Some(600),
        "Package: aa\nPin: version 2\nPin-Priority: 700\n",
        "aa=2",
    );
    check(
        Some(600),
        "Package: *\nPin: release n=one\nPin-Priority: 400\n",
        "aa=2",
    );
    check(
        Some(400),
        "Package: *\nPin: release n=one\nPin-Priority: 600\n",
        "aa=1",
    );
}

#[test]
fn a_target_release_is_wanted_more() {
    let universe = of_layers(vec![
        layer("stable", "aa 2\n  Depends: bb\nbb 1"),
        layer("old", "aa 1\n  Depends: bb"),
    ]);
    for (word, expected) in [
        ("old", "aa=1 bb"),
        ("/^ol/", "aa=1 bb"),
        ("o*", "aa=1 bb"),
        ("/x/", "aa=2 bb"),
    ] {
        let universe = universe.clone().with_target_release(Some(word.to_owned()));
        let solution = solve(&universe, &problem("aa")).expect("it can be had");
        assert_eq!(names(&universe, &solution), expected, "{word}");
    }
}

#[test]
fn what_is_installed_goes_down_for_a_priority_of_a_thousand_only() {
    for (priority, expected) in [(999, "aa=2"), (1000, "aa=1")] {
        let pins = format!("Package: aa\nPin: version 1\nPin-Priority: {priority}\n");
        let pins = preferences::parse(pins.as_bytes())
            .into_iter()
            .map(|pin| pin.expect("it is well-formed"));
        let universe = universe("aa 1")
            .with_installed(index("aa 2"))
            .with_pins(pins.collect());
        let solution = solve(&universe, &problem("aa")).expect("it can be had");
        assert_eq!(names(&universe, &solution), expected, "at {priority}");
    }
}

#[test]
fn holds_keep_what_is_there_and_keep_out_what_is_not() {
    let key = |name: &str| PackageKey {
        name: name.to_owned(),
        architecture: Architecture::parse("amd64").expect("it is one"),
    };
    let held = universe("aa 2\nbb 1\ncc 1\n  Depends: aa (>= 2) | bb")
        .with_installed(index("aa 1"))
        .with_holds([key("aa")]);
    let solution = solve(&held, &problem("cc")).expect("it can be had");
    assert_eq!(names(&held, &solution), "cc bb aa=1");
    let held = held.with_holds([key("bb")]);
    assert!(solve(&held, &problem("cc")).is_err());
    // Nor does a version that is chosen by hand bring what is held.
    let two = of_layers(vec![
        layer("stable", "aa 1\n Depends: bb (= 1)\nbb 1"),
        layer("backports", "aa 2\n Depends: bb (= 2)\nbb 2"),
    ]);
    let held = two.with_installed(index("bb 1")).with_holds([key("bb")]);
    assert!(solve(&held, &problem("aa/backports")).is_err());
    assert!(solve(&held, &problem("aa/stable")).is_ok());
}

#[test]
fn what_is_locked_stays_unless_somebody_says_otherwise() {
    let mut backports = layer("backports", "aa 3\naa 4");
    backports.provenance.not_automatic = true;
    let stable = layer("stable", "aa 1\naa 2\nbb\ncc\n  Depends: aa | bb");
    let universe = of_layers(vec![stable, backports]);
    let key = PackageKey {
        name: "aa".to_owned(),
        architecture: universe.native().clone(),
    };
    let pin = |version: &str, priority: i32| {
        format!("Package: aa\nPin: version {version}\nPin-Priority: {priority}\n")
    };
    for (asked, locked, held, excluded, pins, expected) in [
        ("aa", Some("1"), false, false, String::new(), "aa=1"),
        ("aa", Some("0"), false, false, String::new(), "aa=2"),
        // A hold keeps what is locked, and what is not locked yet is taken as any other.
        ("aa", Some("1"), true, false, pin("2", 990), "aa=1"),
        ("aa", None, true, false, String::new(), "aa=2"),
        ("aa", Some("0"), true, false, String::new(), "nothing"),
        ("aa (>= 2)", Some("1"), true, false, String::new(), "nothing"),
        ("aa (= 1)", Some("1"), true, false, String::new(), "aa=1"),
        // Pins and exclusions count with a lock as without.
        ("cc", Some("2"), false, true, String::new(), "cc bb"),
        ("cc", Some("2"), true, true, String::new(), "cc bb"),
        ("aa (= 2)", Some("2"), false, true, String::new(), "nothing"),
        ("aa", Some("2"), false, false, pin("2", -1), "aa=1"),
        ("aa", Some("2"), true, false, pin("2", -1), "nothing"),
        ("aa (= 2)", Some("2"), false, false, pin("2", -1), "aa=2"),
        ("aa", Some("2"), false, false, pin("1", 1000), "aa=1"),
        ("aa", Some("2"), false, false, pin("1", 501), "aa=1"),
        ("aa", Some("1"), false, false, pin("1", 500), "aa=1"),
        ("aa", Some("2"), false, false, pin("2", 100), "aa=1"),
        // What a relation takes from a release that is not preferred stays too.
        ("aa (>= 3)", Some("3"), false, false, String::new(), "aa=3"),
        ("aa (>= 3)", Some("3"), false, false, pin("1", 990), "aa=3"),
        ("aa (>= 3)", None, false, false, String::new(), "aa=4"),
    ] {
        let pins = preferences::parse(pins.as_bytes())
            .into_iter()
            .flatten()
            .collect();
        let universe = universe
            .clone()
            .with_pins(pins)
            .with_holds(held.then(|| key.clone()))
            .with_excluded(excluded.then(|| "aa".to_owned()));
        let mut problem = problem(asked);
        problem.locked.extend(locked.map(|version| crate::solve::Locked {
            package: key.clone(),
            version: version.to_owned(),
        }));
        let answer = match solve(&universe, &problem) {
            Ok(solution) => names(&universe, &solution),
            Err(_) => "nothing".to_owned(),
        };
        assert_eq!(answer, expected, "{asked}, locked {locked:?}, held {held}");
    }
}

#[test]
fn what_is_held_brings_what_it_needs_in_the_version_that_it_needs() {
    let text =
        "aa 1\n Depends: bb (= 1)\naa 2\n Depends: bb (= 2)\nbb 1\n Depends: cc (= 1)\nbb 2\ncc 1\ncc 2";
    let universe = universe(text);
    let key = PackageKey {
        name: "aa".to_owned(),
        architecture: universe.native().clone(),
    };
    let universe = universe.with_holds([key.clone()]);
    for (asked, expected) in [
        ("aa", "aa=1 bb=1 cc=1"),
        ("bb, cc", "bb=2 cc=2"),
        ("cc, aa", "aa=1 cc=1 bb=1"),
    ] {
        let mut problem = problem(asked);
        problem.locked.push(crate::solve::Locked {
            package: key.clone(),
            version: "1".to_owned(),
        });
        let solution = solve(&universe, &problem).expect("it can be had");
        assert_eq!(names(&universe, &solution), expected);
    }
    let excluded = universe.with_excluded(["bb".to_owned()]);
    assert!(solve(&excluded, &problem("aa (= 1)")).is_err());
}
