//! Laws of versions and ranges.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn versions() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just(0_u64), 1..5_u64, Just(10), Just((1 << 53) - 1)];
    let identifier = prop_oneof!["[0-9]{1,20}", "[a-c-]{1,2}", "[0-9]{0,2}[a-b-][0-9a-b]{0,2}"];
    let identifiers = |most| prop::collection::vec(identifier.clone(), 0..most).prop_map(|all| all.join("."));
    (
        number.clone(),
        number.clone(),
        number,
        identifiers(3),
        identifiers(2),
    )
        .prop_map(|(a, b, c, pre, build)| {
            let hyphen = if pre.is_empty() { "" } else { "-" };
            let plus = if build.is_empty() { "" } else { "+" };
            format!("{a}.{b}.{c}{hyphen}{pre}{plus}{build}")
        })
}

fn parsed() -> impl Strategy<Value = Version> {
    versions().prop_map(|text| Version::parse_loose(&text).expect("it was made as one"))
}

fn ranges() -> impl Strategy<Value = String> {
    let partial =
        prop::collection::vec(prop_oneof!["[0-3]", Just("x".to_owned())], 1..3).prop_map(|all| all.join("."));
    let operator = prop::sample::select(vec!["", "^", "~", ">=", "<=", "<", ">", "="]);
    let comparator = (operator, prop_oneof![3 => versions(), 1 => partial])
        .prop_map(|(sign, version)| format!("{sign}{version}"));
    let alternative = prop::collection::vec(comparator, 1..3).prop_map(|all| all.join(" "));
    prop::collection::vec(alternative, 1..3).prop_map(|all| all.join(" || "))
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,30}", loose in "[0-9x*.<>=^~v| +-]{0,30}") {
        for text in [text, loose] {
            for strictness in [Strictness::Strict, Strictness::Loose] {
                let version = Version::parse_as(&text, strictness);
                let range = Range::parse_as(&text, strictness);
                prop_assert!(version.is_err() || range.is_ok(), "{text}: a version is a range");
            }
        }
    }

    #[test]
    fn plain_versions_are_read_as_any_others(made in versions(), short in "[0-3]{1,2}\\.[0-9]{1,17}\\.[0-9]{1,2}(-[0-9a.-]{0,6})?") {
        for text in [made, short] {
            let any = version::scan_any(&text, Strictness::Strict);
            match version::plain(&text) {
                Some((numbers, _)) => {
                    let plain = Version::parse(&text).unwrap();
                    prop_assert_eq!(plain.release(), numbers);
                    for strictness in [Strictness::Strict, Strictness::Loose] {
                        let any = version::scan_any(&text, strictness).unwrap();
                        prop_assert_eq!((plain.release(), plain.as_str()), (any.release(), any.as_str()));
                        prop_assert_eq!((plain.prerelease(), plain.build()), (any.prerelease(), any.build()));
                    }
                }
                None => {
                    let is_great = |version: &Version| version.release().iter().any(|number| *number >= 1_000_000_000_000_000);
                    prop_assert!(any.as_ref().map_or(true, |any| !any.build().is_empty() || is_great(any)), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_version_out_of_a_longer_text_is_the_same(text in versions()) {
        let text = Version::parse_loose(&text).unwrap().as_str().to_owned();
        let whole = format!("9.{text}.9").into();
        let part = Version::parse_part(&whole, 2..2 + text.len()).unwrap();
        let alone = Version::parse(&text).unwrap();
        prop_assert_eq!((part.as_str(), part.release()), (alone.as_str(), alone.release()));
        prop_assert_eq!((part.prerelease(), part.build()), (alone.prerelease(), alone.build()));
        prop_assert_eq!(part, alone);
    }

    #[test]
    fn a_range_reaches_up_to_its_highest_and_no_further_down_again(range in ranges(), texts in prop::collection::vec(versions(), 0..12)) {
        let mut versions: Vec<Version> = texts.iter().map(|text| Version::parse_loose(text).unwrap()).collect();
        versions.sort();
        if let Ok(range) = Range::parse(&range) {
            let reached = versions.partition_point(|version| range.reaches(version));
            for (at, version) in versions.iter().enumerate() {
                prop_assert_eq!(range.reaches(version), at < reached, "{}", version);
                prop_assert!(at < reached || !range.satisfies(version), "{}", version);
            }
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(text in versions(), range in ranges()) {
        let version = Version::parse_loose(&text).unwrap();
        prop_assert_eq!(Version::parse(version.as_str()).unwrap(), version);
        if let Ok(range) = Range::parse(&range) {
            let again = Range::parse(&range.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), range.to_string());
        }
    }

    #[test]
    fn the_order_is_total_and_the_keys_have_it(a in parsed(), b in parsed(), c in parsed()) {
        let order = a.cmp(&b);
        prop_assert_eq!(order, b.cmp(&a).reverse());
        prop_assert_eq!(order == Ordering::Equal, a == b);
        prop_assert_eq!(order, a.key().cmp(&b.key()), "{} {}", a, b);
        if order != Ordering::Greater && b <= c {
            prop_assert!(a <= c, "{} {} {}", a, b, c);
        }
        // What precedence tells apart, build metadata does not change.
        if a.precedence(&b) != Ordering::Equal {
            prop_assert_eq!(a.precedence(&b), order);
        }
    }

    #[test]
    fn ranges_hold_what_they_name(version in parsed()) {
        let range = Range::only(&version);
        prop_assert!(range.satisfies(&version) && range.satisfies_including_prerelease(&version));
        for sign in ["", ">=", "<=", "^", "~"] {
            // Above the greatest number there is no bound.
            if let Ok(range) = Range::parse(&format!("{sign}{version}")) {
                prop_assert!(range.satisfies(&version), "{sign}{version}");
            }
        }
        prop_assert_eq!(Range::any().satisfies(&version), !version.is_prerelease());
    }

    #[test]
    fn prereleases_only_add(range in ranges(), version in parsed()) {
        if let Ok(range) = Range::parse(&range) && range.satisfies(&version) {
            prop_assert!(range.satisfies_including_prerelease(&version), "{range} {version}");
        }
    }

    #[test]
    fn what_satisfies_two_ranges_satisfies_what_they_share(a in ranges(), b in ranges(), version in parsed()) {
        let (Ok(left), Ok(right)) = (Range::parse(&a), Range::parse(&b)) else {
            return Ok(());
        };
        let both = left.and(&right);
        // Prereleases are named by one of the two and so come in for both.
        if !version.is_prerelease() {
            let satisfied = both.is_some_and(|both| both.satisfies(&version));
            prop_assert_eq!(satisfied, left.satisfies(&version) && right.satisfies(&version), "{} {} {}", a, b, version);
        }
        if left.subset(&right) && left.satisfies(&version) {
            prop_assert!(right.satisfies(&version), "{} in {}: {}", a, b, version);
        }
    }
}
