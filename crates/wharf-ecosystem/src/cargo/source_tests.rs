//! Sources: what lockfiles write, what is one place, and their order.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> SourceId {
    SourceId::parse(text).unwrap()
}

#[test]
fn what_lockfiles_write() {
    for text in [
        "registry+https://github.com/rust-lang/crates.io-index",
        "sparse+https://example.org/index/",
        "git+https://example.org/a.git#0123456789abcdef0123456789abcdef01234567",
        "git+https://example.org/a?branch=feature%2Fx#0123456789abcdef0123456789abcdef01234567",
        "git+ssh://git@example.org/a?tag=v1.0.0",
        "git+file:///a/b?rev=abc",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
    assert!(parse("registry+https://github.com/rust-lang/crates.io-index").is_crates_io());
    assert_eq!(
        parse("git+https://example.org/a?ref=x"),
        parse("git+https://example.org/a?branch=x")
    );
    for text in [
        "https://example.org",
        "registry+x",
        "hg+https://example.org",
        "git+mailto:x@example.org",
        "",
    ] {
        assert!(SourceId::parse(text).is_err(), "{text}");
    }
}

#[test]
fn values_are_encoded_from_version_4_on() {
    let source = SourceId::git(
        "https://example.org/a",
        GitReference::Branch("a/b&c#d".to_owned()),
    )
    .unwrap();
    assert_eq!(
        source.print(Encoding::Plain),
        "git+https://example.org/a?branch=a/b&c#d"
    );
    assert_eq!(
        source.print(Encoding::Percent),
        "git+https://example.org/a?branch=a%2Fb%26c%23d"
    );
}

#[test]
fn what_is_one_repository() {
    let same = |a: &str, b: &str| assert_eq!(parse(a), parse(b));
    same(
        "git+https://github.com/Rust-Lang/Cargo.git",
        "git+https://github.com/rust-lang/cargo",
    );
    same("git+git://github.com/a/b/", "git+https://github.com/a/b");
    same(
        "git+https://example.org/a.git?tag=x#1",
        "git+https://example.org/a?tag=x#2",
    );
    assert_ne!(
        parse("git+https://example.org/A"),
        parse("git+https://example.org/a")
    );
    assert_ne!(
        parse("git+https://example.org/a?tag=x"),
        parse("git+https://example.org/a")
    );
    assert!(parse("git+https://example.org/a?tag=x").same_place(&parse("git+https://example.org/a.git")));
    assert!(!SourceId::crates_io().same_place(&parse("git+https://github.com/rust-lang/crates.io-index")));
}

#[test]
fn the_order_of_lockfiles() {
    let ordered = [
        SourceId::path("b"),
        parse("registry+https://example.org/b"),
        parse("sparse+https://example.org/a/"),
        parse("git+https://example.org/a?tag=z"),
        parse("git+https://example.org/a?branch=a"),
        parse("git+https://example.org/a?rev=a"),
        parse("git+https://example.org/a"),
        parse("git+https://example.org/b"),
    ];
    assert!(ordered.is_sorted_by(|a, b| a < b));
}

proptest! {
    #[test]
    fn every_reference_is_read_as_it_was_written(value in "\\PC{1,20}", kind in 0..3) {
        let reference = match kind {
            0 => GitReference::Branch(value),
            1 => GitReference::Tag(value),
            _ => GitReference::Rev(value),
        };
        let source = SourceId::git("https://example.org/a", reference).unwrap().at_commit(Some("0a1b"));
        let again = SourceId::parse(&source.to_string()).unwrap();
        prop_assert_eq!(again.commit(), Some("0a1b"));
        prop_assert_eq!(again.to_string(), source.to_string());
        prop_assert_eq!(again, source);
    }
}

#[test]
fn keys_say_what_a_source_is() {
    for (text, keys) in [
        (
            "registry+https://example.org/index",
            "registry=https://example.org/index",
        ),
        (
            "sparse+https://example.org/index/",
            "registry=sparse+https://example.org/index/",
        ),
        ("git+https://example.org/r#5f5f", "git=https://example.org/r"),
        (
            "git+https://example.org/r?branch=a%2Fb",
            "git=https://example.org/r branch=a/b",
        ),
        (
            "git+https://example.org/r?tag=v1",
            "git=https://example.org/r tag=v1",
        ),
        (
            "git+https://example.org/r?rev=5f#5f5f",
            "git=https://example.org/r rev=5f",
        ),
        ("path+../x", "path=../x"),
    ] {
        let source = SourceId::parse(text).unwrap();
        let found: Vec<String> = source
            .keys()
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(found.join(" "), keys);
    }
}
