//! Relations read and printed again; what is refused.
use proptest::prelude::*;

use super::*;

fn check(text: &str, printed: &str) {
    let relations = Relations::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(relations.to_string(), printed, "{text}");
    assert_eq!(Relations::parse(printed).as_ref(), Ok(&relations), "{printed}");
}

#[test]
fn the_whole_language() {
    check("", "");
    check(" , ,\n ", "");
    check("libc6", "libc6");
    check("libc6(>=2.36)", "libc6 (>= 2.36)");
    check("libc6 ( >= 2.36 ) ,zlib1g", "libc6 (>= 2.36), zlib1g");
    check("a1 (<1), b1 (>1)", "a1 (<= 1), b1 (>= 1)");
    check(
        "aa (<<1) | bb (>>1:2-3) | cc (=1~)",
        "aa (<< 1) | bb (>> 1:2-3) | cc (= 1~)",
    );
    check(
        "python3:any, gcc:native, libc6:i386 (= 1)",
        "python3:any, gcc:native, libc6:i386 (= 1)",
    );
    check(
        "aa [linux-any !i386] <!nocheck> <stage1  cross>,",
        "aa [linux-any !i386] <!nocheck> <stage1 cross>",
    );
    check(
        "debconf (>= 0.5)\n | debconf-2.0,\n\tucf",
        "debconf (>= 0.5) | debconf-2.0, ucf",
    );
    check(
        "aa (>= 1)[any-amd64]<!pkg.foo.bar>",
        "aa (>= 1) [any-amd64] <!pkg.foo.bar>",
    );
    check("Upper_Case", "upper_case");
}

#[test]
fn what_is_wrong_is_named() {
    for (text, part, reason) in [
        ("(>= 1)", "(>= 1)", "no package name stands there"),
        ("a b", "b", "it does not belong there"),
        ("aa:", ":", "nothing follows the colon"),
        ("aa:linux-any", "linux-any", "it is no architecture"),
        ("aa (1)", "1", "no operator stands before the version"),
        ("aa (>= )", "", "it is no version"),
        ("aa (>= 1 2)", "1 2", "it is no version"),
        ("aa (>= ${x})", "${x}", "it is no version"),
        ("aa (>= 1", "(>= 1", "the parenthesis is not closed"),
        ("aa [", "[", "the bracket is not closed"),
        ("aa []", "", "the brackets are empty"),
        ("aa [i386 A]", "A", "it is no architecture"),
        ("aa <", "<", "the angle bracket is not closed"),
        ("aa <>", "", "the angle brackets are empty"),
        ("aa <!>", "", "it is no build profile"),
        ("aa |", "|", "no alternative follows"),
        ("aa || bb", "", "no package name stands there"),
        ("aa | , bb", "", "no package name stands there"),
        ("-a", "-a", "no package name stands there"),
        ("é", "é", "no package name stands there"),
    ] {
        let error = Relations::parse(text).expect_err(text);
        assert_eq!((error.part.as_str(), error.reason), (part, reason), "{text}");
    }
    let long = format!("aa, {}", "é".repeat(1000));
    assert!(Relations::parse(&long).unwrap_err().to_string().len() < 600);
}

#[test]
fn what_follows_a_malformed_relation_is_read() {
    let read: Vec<_> = terms("aa, b b | cc, dd | e e, ff")
        .map(|term| {
            term.map(|term| (term.first, term.name))
                .map_err(|error| error.part)
        })
        .collect();
    assert_eq!(
        read,
        [
            Ok((true, "aa")),
            Err("b".to_owned()),
            Ok((true, "dd")),
            Err("e".to_owned()),
            Ok((true, "ff"))
        ]
    );
}

#[test]
fn some_count_on_some_architectures_and_in_some_builds() {
    let relations = Relations::parse(
        "aa, bb [amd64], cc [!amd64] | dd, ee <!nocheck>, ff <nocheck cross> <stage1>, gg [linux-any], hh [!i386 !armhf]",
    )
    .unwrap();
    for (architecture, profiles, expected) in [
        (
            "amd64",
            &[] as &[&str],
            "aa, bb [amd64], dd, ee <!nocheck>, gg [linux-any], hh [!i386 !armhf]",
        ),
        ("i386", &["nocheck"], "aa, cc [!amd64] | dd, gg [linux-any]"),
        (
            "hurd-i386",
            &["nocheck", "cross"],
            "aa, cc [!amd64] | dd, ff <nocheck cross> <stage1>, hh [!i386 !armhf]",
        ),
    ] {
        assert_eq!(
            relations.reduced(architecture, profiles).to_string(),
            expected,
            "{architecture}"
        );
    }
}

#[test]
fn one_alternative() {
    let nginx: Alternative = "nginx (>= 1.22)".parse().unwrap();
    assert!(nginx.accepts(&Version::parse("1.22-1").unwrap()));
    assert!(!nginx.accepts(&Version::parse("1.22~rc1").unwrap()));
    assert_eq!(nginx.constraint().unwrap().to_string(), ">= 1.22");
    for bad in ["", "aa, bb", "aa | bb"] {
        assert!(Alternative::parse(bad).is_err(), "{bad}");
    }
}

fn alternative() -> impl Strategy<Value = String> {
    (
        "[a-z0-9][a-z0-9+.-]{1,6}",
        prop::option::of(":(any|native|amd64|hurd-i386)"),
        prop::option::of("( )?\\((<<|<=|=|>=|>>|<|>) ?([0-9]:)?[0-9][a-z0-9.+~]{0,4}(-[0-9a-z~]{1,3})?\\)"),
        prop::option::of(" ?\\[!?(amd64|linux-any|any-i386)( !?armhf)?\\]"),
        prop::option::of("( ?<!?[a-z]{1,5}( !?[a-z.]{1,3}[a-z])?>){1,3}"),
    )
        .prop_map(|(name, qualifier, version, architectures, profiles)| {
            [
                name,
                qualifier.unwrap_or_default(),
                version.unwrap_or_default(),
                architectures.unwrap_or_default(),
                profiles.unwrap_or_default(),
            ]
            .concat()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_printed_parses_to_the_same(
        groups in prop::collection::vec(prop::collection::vec(alternative(), 1..4), 0..5),
    ) {
        let text = groups.iter().map(|group| group.join(" | ")).collect::<Vec<_>>().join(",");
        let relations = Relations::parse(&text).unwrap();
        prop_assert_eq!(relations.0.len(), groups.len());
        let printed = relations.to_string();
        prop_assert_eq!(Relations::parse(&printed).unwrap(), relations, "{}", printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-c ,|():<>\\[\\]!=1.~-]{0,40}") {
        if let Ok(relations) = Relations::parse(&text) {
            prop_assert_eq!(Relations::parse(&relations.to_string()), Ok(relations));
        }
    }
}
