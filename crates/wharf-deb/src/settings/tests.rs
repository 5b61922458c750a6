//! Files of settings as apt.conf(5) has them.

use proptest::prelude::*;

use super::Settings;

fn read(text: &str) -> Settings {
    let mut settings = Settings::default();
    let outcome = settings.read(text.as_bytes(), |_, _| {});
    assert_eq!(outcome, Ok(()), "{text}");
    settings
}

#[test]
fn names_have_texts_however_they_are_written() {
    for text in [
        "APT::Install-Recommends \"false\";",
        "apt::install-recommends false;",
        "APT { Install-Recommends \"false\"; };",
        "APT {\n  // why\n  Install-Recommends \"false\" ; # and\n}\n",
        "/* a\n comment */ APT::Install-Recommends \"true\";\nAPT::Install-Recommends \"0\";",
        "APT \"x\" { Install-Recommends \"no\" }",
        "# APT::Install-Recommends \"true\";\nAPT::Install-Recommends no;",
    ] {
        assert_eq!(read(text).flag("APT::Install-Recommends"), Some(false), "{text}");
    }
    assert_eq!(
        read("A::B \"https://example.org//x\";").text("a::b"),
        Some("https://example.org//x")
    );
    assert_eq!(
        read("A::B https://example.org;").text("A::B"),
        Some("https://example.org")
    );
    assert_eq!(read("A::B \"perhaps\";").flag("A::B"), None);
    assert_eq!(read("").flag("A::B"), None);
}

#[test]
fn lists_grow_and_are_cleared() {
    for (text, expected) in [
        (
            "APT::Architectures { \"amd64\"; \"i386\"; };",
            vec!["amd64", "i386"],
        ),
        (
            "APT::Architectures:: \"amd64\"; APT::Architectures:: \"arm64\";",
            vec!["amd64", "arm64"],
        ),
        ("APT { Architectures { amd64; i386; }; };", vec!["amd64", "i386"]),
        ("APT::Architectures \"amd64, i386\";", vec!["amd64", "i386"]),
        (
            "APT::Architectures { \"a\"; };\n#clear APT::Architectures;\nAPT::Architectures { \"b\" };",
            vec!["b"],
        ),
        ("APT::Architectures { One \"a\"; Two::Three \"b\"; };", vec!["a"]),
        ("APT::Other { \"a\"; };", vec![]),
    ] {
        assert_eq!(read(text).list("apt::architectures"), expected, "{text}");
    }
}

#[test]
fn folders_lie_in_each_other() {
    let place = |text: &str, name: &str| read(text).place(name);
    let check = |text: &str, name: &str, expected: &str| {
        assert_eq!(place(text, name).as_deref(), Some(expected), "{text}");
    };
    check("", "Dir::State::lists", "/var/lib/apt/lists");
    check("", "Dir::State::status", "/var/lib/dpkg/status");
    check("", "Dir::Etc::preferencesparts", "/etc/apt/preferences.d");
    check("Dir::State \"/srv/apt\";", "Dir::State::lists", "/srv/apt/lists");
    check("Dir \"/srv\";", "Dir::State::lists", "/srv/var/lib/apt/lists");
    check("Dir { State { Lists \"/x/\"; }; };", "Dir::State::lists", "/x");
    check(
        "Dir::Etc::Preferences \"mine\";",
        "Dir::Etc::preferences",
        "/etc/apt/mine",
    );
    assert_eq!(
        place("Dir::Etc::preferences \"/dev/null\";", "Dir::Etc::preferences"),
        None
    );
    assert_eq!(place("", "Dir::Unknown"), None);
}

#[test]
fn further_files_are_asked_for_where_they_are_named() {
    let mut settings = Settings::default();
    let outcome = settings.read(
        b"A::B \"1\";\n#include \"/etc/more\"\nA::C \"3\";",
        |settings, name| {
            assert_eq!(name, "/etc/more");
            let inner = settings.read(b"A::B \"2\"; A::C \"2\";", |_, _| {});
            assert_eq!(inner, Ok(()));
        },
    );
    assert_eq!(outcome, Ok(()));
    assert_eq!(
        (settings.text("A::B"), settings.text("A::C")),
        (Some("2"), Some("3"))
    );
}

#[test]
fn what_cannot_be_understood_is_told_with_its_line() {
    for (text, expected) in [
        ("A::B \"1\n\nC", "line 1: a text has no end"),
        ("A::B \"1\";\n/* x", "line 2: a comment has no end"),
        ("A::B \"1\";\n};", "line 2: a `}` closes nothing"),
        ("A {\nB \"1\";\n", "line 3: a `{` is not closed"),
        ("A::B \"1\"", "line 1: the last setting has no `;`"),
    ] {
        let mut settings = Settings::default();
        let error = settings.read(text.as_bytes(), |_, _| {}).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    let deep = "A {".repeat(1000);
    assert!(Settings::default().read(deep.as_bytes(), |_, _| {}).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text in ".{0,200}", pieces in proptest::collection::vec("[A-Za-z:\"{};#/* \n]{0,6}", 0..40)) {
        for text in [text, pieces.concat()] {
            let mut settings = Settings::default();
            let _ = settings.read(text.as_bytes(), |_, _| {});
            let _ = (settings.list("a"), settings.flag("a"), settings.place("Dir::State::lists"));
        }
    }
}
