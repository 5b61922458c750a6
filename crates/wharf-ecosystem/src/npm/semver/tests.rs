//! node's semantics as a table: `facts.tsv` has on each line what node-semver 7.8 answers, for the inputs of its published fixtures
//! and for odd ones of our own. A dash stands for "no version" or "no range"; texts are escaped as in JSON.
//!
//! | line | columns |
//! |---|---|
//! | `range` | text, its normal form read strictly, read loosely, read loosely with prereleases included |
//! | `version` | text, its normal form read strictly, read loosely |
//! | `order` | two versions, and how the first compares |
//! | `inside` | range, version, whether it lies inside, and whether it does where prereleases are included |
//! | `meet` | two ranges, and whether they intersect |
//! | `subset` | two ranges, and whether the first lies in the second |

use std::cmp::Ordering;

use super::*;

const FACTS: &str = include_str!("facts.tsv");

/// The lines of a kind, their columns unescaped.
fn facts(kind: &str) -> Vec<Vec<String>> {
    let unescape = |column: &str| serde_json::from_str::<String>(&format!("\"{column}\"")).unwrap();
    let lines = FACTS.lines().filter_map(|line| line.split_once('\t'));
    let facts: Vec<Vec<String>> = lines
        .filter(|(own, _)| *own == kind)
        .map(|(_, columns)| columns.split('\t').map(unescape).collect())
        .collect();
    assert!(facts.len() > 50, "{kind}: {}", facts.len());
    facts
}

fn or_dash<T: ToString, E>(result: Result<T, E>) -> String {
    result.map_or_else(|_| "-".to_owned(), |value| value.to_string())
}

#[test]
fn ranges_and_their_normal_forms() {
    for fact in facts("range") {
        let [text, strict, loose, included] = &fact[..] else {
            panic!("{fact:?}")
        };
        assert_eq!(
            or_dash(Range::parse_as(text, Strictness::Strict)),
            *strict,
            "{text:?}"
        );
        let range = Range::parse(text);
        assert_eq!(or_dash(range.clone()), *loose, "{text:?}");
        assert_eq!(
            or_dash(range.map(Range::including_prereleases)),
            *included,
            "{text:?}"
        );
    }
}

#[test]
fn versions_and_their_normal_forms() {
    for fact in facts("version") {
        let [text, strict, loose] = &fact[..] else {
            panic!("{fact:?}")
        };
        assert_eq!(or_dash(Version::parse(text)), *strict, "{text:?}");
        assert_eq!(or_dash(Version::parse_loose(text)), *loose, "{text:?}");
    }
}

#[test]
fn the_order_of_versions() {
    for fact in facts("order") {
        let [a, b, order] = &fact[..] else {
            panic!("{fact:?}")
        };
        let [left, right] = [a, b].map(|text| Version::parse_loose(text).unwrap());
        let expected = order.parse::<i32>().unwrap().cmp(&0);
        assert_eq!(left.precedence(&right), expected, "{a} {b}");
        assert_eq!(right.precedence(&left), expected.reverse(), "{b} {a}");
    }
}

#[test]
fn what_lies_inside() {
    for fact in facts("inside") {
        let [range, version, apart, included] = &fact[..] else {
            panic!("{fact:?}")
        };
        let found = match (Range::parse(range), Version::parse_loose(version)) {
            (Ok(range), Ok(version)) => (
                range.satisfies(&version),
                range.satisfies_including_prerelease(&version),
            ),
            _ => (false, false),
        };
        assert_eq!(
            (found.0.to_string(), found.1.to_string()),
            (apart.clone(), included.clone()),
            "{range} {version}"
        );
    }
}

#[test]
fn ranges_that_meet() {
    for fact in facts("meet") {
        let [a, b, meet] = &fact[..] else {
            panic!("{fact:?}")
        };
        let [left, right] = [a, b].map(|text| Range::parse(text).unwrap());
        assert_eq!(left.intersects(&right).to_string(), *meet, "{a} and {b}");
        assert_eq!(left.and(&right).is_some(), left.intersects(&right), "{a} and {b}");
    }
}

#[test]
fn ranges_in_ranges() {
    for fact in facts("subset") {
        let [a, b, subset] = &fact[..] else {
            panic!("{fact:?}")
        };
        let [sub, dom] = [a, b].map(|text| Range::parse(text).unwrap());
        assert_eq!(sub.subset(&dom).to_string(), *subset, "{a} in {b}");
    }
}

#[test]
fn long_texts() {
    let long = "a".repeat(500);
    assert_eq!(
        Range::parse(&format!("^1.2.3+{long}")).unwrap().to_string(),
        ">=1.2.3 <2.0.0-0"
    );
    assert!(Version::parse_loose(&format!("1.2.3+{long}")).is_err());
    assert!(Range::parse(&"9".repeat(400)).is_err());
    assert!(Range::parse(&"1 || ".repeat(10_000)).unwrap().is_any());
}

#[test]
fn numbers_that_no_double_holds_are_compared_exactly() {
    let version = |text| Version::parse_loose(text).unwrap();
    let (low, high) = (
        version("1.0.0-99999999999999999998"),
        version("1.0.0-99999999999999999999"),
    );
    assert_eq!(low.precedence(&high), Ordering::Less);
    assert_eq!(low.precedence(&version("1.0.0-1")), Ordering::Greater);
}

#[test]
fn parts_of_a_version() {
    let version = Version::parse_loose("v01.2.3beta.04+build.5").unwrap();
    assert_eq!((version.major(), version.minor(), version.patch()), (1, 2, 3));
    assert_eq!((version.prerelease(), version.build()), ("beta.4", "build.5"));
    assert_eq!(
        (version.as_str(), version.without_build()),
        ("1.2.3-beta.4+build.5", "1.2.3-beta.4")
    );
    let release = Version::parse("1.2.3+b").unwrap();
    assert_eq!(
        (release.prerelease(), release.build(), release.is_prerelease()),
        ("", "b", false)
    );
}

#[test]
fn exact_and_any() {
    for (text, exact, any) in [
        ("1.2.3", Some("1.2.3"), false),
        ("=1.2.3-rc.1", Some("1.2.3-rc.1"), false),
        ("1.2.3 || 1.2.4", None, false),
        ("^1.2.3", None, false),
        ("*", None, true),
        ("x || 1", None, true),
    ] {
        let range = Range::parse(text).unwrap();
        assert_eq!(range.exact().map(Version::as_str), exact, "{text}");
        assert_eq!(range.is_any(), any, "{text}");
    }
}

#[test]
fn the_versions_of_both() {
    for (a, b, both) in [
        ("^1.2", "^1.4", Some(">=1.2.0 <2.0.0-0 >=1.4.0")),
        ("^1 || ^2", "^2 || ^3", Some(">=2.0.0 <3.0.0-0")),
        ("*", "1.x", Some(">=1.0.0 <2.0.0-0")),
        ("*", "*", Some("*")),
        ("^1", "^2", None),
    ] {
        let [left, right] = [a, b].map(|text| Range::parse(text).unwrap());
        assert_eq!(
            left.and(&right).map(|range| range.to_string()).as_deref(),
            both,
            "{a} and {b}"
        );
    }
}
