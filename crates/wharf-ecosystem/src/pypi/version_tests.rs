//! Tables for versions and specifiers. The facts are those of PEP 440 and were compared with the `packaging` library.

use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    parse_version(text).unwrap()
}

/// Checks which of the versions on the right satisfy the specifiers: `+1.0` does, `-2.0` does not.
fn check(specifiers: &str, versions: &str) {
    let parsed = parse_specifiers(specifiers).unwrap();
    for case in versions.split_whitespace() {
        let (sign, text) = case.split_at(1);
        assert_eq!(
            satisfies(&parsed, &version(text)),
            sign == "+",
            "{text} against {specifiers}"
        );
    }
}

#[test]
fn versions_are_normalised() {
    for (text, printed) in [
        ("1.0", "1.0"),
        ("v1.0", "1.0"),
        (" 1.0\n", "1.0"),
        ("1.0.0-RC.1", "1.0.0rc1"),
        ("1.0alpha", "1.0a0"),
        ("1.0-beta-2", "1.0b2"),
        ("1.0c3", "1.0rc3"),
        ("1.0preview4", "1.0rc4"),
        ("1.0-1", "1.0.post1"),
        ("1.0.rev2", "1.0.post2"),
        ("1.0.post", "1.0.post0"),
        ("1.0dev", "1.0.dev0"),
        ("1!2.0", "1!2.0"),
        ("0!2.0", "2.0"),
        ("1.0+Ubuntu-1_2.3", "1.0+ubuntu.1.2.3"),
        ("001.002", "1.2"),
        ("1.0a1.post2.dev3+x", "1.0a1.post2.dev3+x"),
    ] {
        assert_eq!(version(text).to_string(), printed, "{text}");
    }
}

#[test]
fn what_is_no_version() {
    for text in [
        "",
        "latest",
        "1.0.",
        "1..0",
        "1.0+",
        "1.0+_x",
        "1.0+a..b",
        "1.0-",
        "1 .0",
        "=1.0",
        "1.0.*",
        "2011k",
        "1,0",
        "1.0a1b2",
        "99999999999999999999999",
        "é",
    ] {
        assert!(parse_version(text).is_err(), "{text}");
    }
    assert!(parse_version(&"1.".repeat(3000)).is_err());
}

/// Every version stands before the next one.
const ORDERED: [&str; 24] = [
    "0",
    "1.0.dev0",
    "1.0.dev456",
    "1.0a1.dev1",
    "1.0a1",
    "1.0a2.dev456",
    "1.0a12.dev456",
    "1.0a12",
    "1.0b1.dev456",
    "1.0b2",
    "1.0b2.post345.dev456",
    "1.0b2.post345",
    "1.0rc1.dev456",
    "1.0rc1",
    "1.0",
    "1.0+abc.5",
    "1.0+abc.7",
    "1.0+5",
    "1.0.post456.dev34",
    "1.0.post456",
    "1.0.1",
    "1.1.dev1",
    "256.0",
    "1!0.1",
];

#[test]
fn versions_are_ordered() {
    for (at, left) in ORDERED.iter().enumerate() {
        for (other, right) in ORDERED.iter().enumerate() {
            let (a, b) = (version(left), version(right));
            assert_eq!(a.cmp(&b), at.cmp(&other), "{left} and {right}");
            assert_eq!(
                version_key(&a).cmp(&version_key(&b)),
                at.cmp(&other),
                "keys of {left} and {right}"
            );
        }
    }
    assert_eq!(version_key(&version("1.0.0")), version_key(&version("1")));
}

#[test]
fn equality() {
    check("==1.0", "+1 +1.0.0 +1.0+local -1.0.1 -1.0.post1 -1.0rc1 -1!1.0");
    check("==1.0+local", "+1.0+local +1+LOCAL -1.0 -1.0+other");
    check("!=1.0", "-1 -1.0+local +1.0.1 +1.0.dev0");
    check("!=1.0+local", "-1.0+local +1.0 +1.0+other");
    check("===1.0", "+1.0 -1.0.0 -1.0+local");
}

#[test]
fn prefixes_are_padded_with_zeros() {
    check(
        "==1.1.*",
        "+1.1 +1.1.9 +1.1a1 +1.1.dev0 +1.1.post1 +1.1+x -1 -1.0 -1.2 -1.10 -2!1.1",
    );
    check("==1.0.*", "+1 +1.0.5 -1.1");
    check("!=2.1.*", "+2 +2.2 -2.1 -2.1.3rc1");
    check("==1!2.*", "+1!2.5 -2.5");
}

#[test]
fn compatible_releases() {
    check("~=2.2", "+2.2 +2.3 +2.2.post3 +2.9+x -2.1 -3.0 -2.2rc1 -1!2.2");
    check("~=2.2.0", "+2.2 +2.2.1 -2.3 -2.2.dev0");
    check("~=2.2rc1", "+2.2rc1 +2.2 +2.3 -2.2b1 -3");
    check("~=2.2.post3", "+2.2.post3 +2.3 -2.2 -2.2.post2");
    assert!(parse_specifiers("~=2").is_err());
}

#[test]
fn inclusive_order() {
    check(">=1.0", "+1 +1.0+x +1.0.post1 +2.dev0 -1.0rc1 -1.0.dev0 -0.9");
    check("<=1.0", "+1 +1.0+x +1.0rc1 +0.9 -1.0.post1 -1.0.1");
}

#[test]
fn exclusive_order() {
    // Neither the prereleases of 1.0 are below it, nor its post-releases and local builds above.
    check(
        "<1.0",
        "+0.9 +0.9rc1 -1.0 -1.0rc1 -1.0a1.post1 -1.0.dev0 -1.0+x -1!0",
    );
    check("<1.0rc1", "+1.0b1 +1.0.dev0 -1.0rc1 -1.0");
    check("<1.0.post1", "+1.0 +1.0rc1 -1.0.post1 -1.0.post1.dev0");
    check(
        ">1.0",
        "+1.0.1 +1.1rc1 -1.0 -1.0.post1 -1.0+x -1.0.post1.dev0 -0.9",
    );
    check(">1.0.post1", "+1.0.post2 +1.1 -1.0.post1 -1.0.post1+x -1.0");
    check(
        ">1.0rc1",
        "+1.0 +1.0.post1 +1.0rc2 -1.0rc1 -1.0rc1.post1 -1.0rc1+x",
    );
    check(">1.0.dev1", "+1.0.dev2 +1.0a1 +1.0.post1 -1.0.dev1 -1.0.dev1+x");
}

#[test]
fn sets_are_conjunctions() {
    check("", "+0 +1.0rc1 +1!5");
    check(" >=1.0 , !=1.5.* ,<2", "+1.0 +1.6 -1.5.2 -2.0 -0.9");
}

#[test]
fn what_is_no_specifier() {
    for text in [
        "1.0",
        "=1.0",
        ">=",
        ">=1.0,",
        ">=1.0.*",
        "~=1",
        "==1.*.*",
        "==1.0+x.*",
        "<1.0+x",
        "^1.0",
        ">=1.0 <2",
        "><1",
        "é",
    ] {
        assert!(parse_specifiers(text).is_err(), "{text}");
    }
}

#[test]
fn slips_are_mended() {
    for (text, meaning) in [
        (">=3.6.*", ">=3.6"),
        (">=3.6,", ">=3.6"),
        (",>=3.6", ">=3.6"),
        (">=2.7,!=3.0*,!=3.1*", ">=2.7, !=3.0.*, !=3.1.*"),
        (">=3.6 <4", ">=3.6, <4"),
        (">=3.6<4", ">=3.6, <4"),
        ("'>=3.6'", ">=3.6"),
        (">='3.6'", ">=3.6"),
        (">=\u{2018}3.6\u{2019}", ">=3.6"),
        ("=>3.6", ">=3.6"),
        ("=<3.6", "<=3.6"),
        (">=3.6.", ">=3.6"),
        ("!=~5.0", "!=5.0"),
        (">dev", ">0.dev0"),
        ("<4.0.*;>=3", "<4.0, >=3"),
        ("=3.6", "==3.6"),
        (">=3.6,<4", ">=3.6, <4"),
    ] {
        let mended = parse_specifiers_lenient(text).unwrap();
        assert_eq!(mended, parse_specifiers(meaning).unwrap(), "{text}");
    }
    for text in ["3.6", "python", ">=x", ">=", "^3.6", "~=3"] {
        assert!(parse_specifiers_lenient(text).is_err(), "{text}");
    }
}

/// Versions near each other, so that the special cases meet.
fn close_versions() -> impl Strategy<Value = Version> {
    "([01]!)?[0-2](\\.[0-2]){0,2}((a|b|rc)[01])?(\\.post[01])?(\\.dev[01])?(\\+[a1](\\.[b2])?)?"
        .prop_map(|text| version(&text))
}

proptest! {
    #[test]
    fn keys_order_as_versions_do(a in close_versions(), b in close_versions()) {
        prop_assert_eq!(a.cmp(&b), version_key(&a).cmp(&version_key(&b)), "{} and {}", a, b);
    }

    #[test]
    fn large_numbers_keep_their_order(a in any::<u64>(), b in any::<u64>()) {
        let (left, right) = (Version::new([a]), Version::new([b]));
        prop_assert_eq!(a.cmp(&b), version_key(&left).cmp(&version_key(&right)));
    }

    #[test]
    fn operators_agree_with_each_other(candidate in close_versions(), wanted in close_versions()) {
        let wanted = wanted.without_local();
        let holds = |operator: &str| satisfies(&parse_specifiers(&format!("{operator}{wanted}")).unwrap(), &candidate);
        prop_assert_eq!(holds("=="), !holds("!="));
        prop_assert!(!(holds("<") && holds(">")));
        prop_assert!(!holds("<") || holds("<="));
        prop_assert!(!holds(">") || holds(">="));
        prop_assert_eq!(holds("=="), holds("<=") && holds(">="));
        prop_assert_eq!(holds("<=") || holds(">="), true);
    }

    #[test]
    fn versions_print_to_themselves(version in close_versions()) {
        prop_assert_eq!(parse_version(&version.to_string()).unwrap(), version);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,40}", near in "[<>=!~,;.*0-9a-z+ '-]{0,24}") {
        let _ = parse_version(&text);
        let _ = parse_specifiers_lenient(&text);
        let _ = parse_version(&near);
        let _ = parse_specifiers_lenient(&near);
    }

    #[test]
    fn lenient_reading_changes_nothing_that_is_right(a in close_versions(), b in close_versions()) {
        let text = format!(">={},<{}", a.without_local(), b.without_local());
        prop_assert_eq!(parse_specifiers_lenient(&text), parse_specifiers(&text));
    }
}
