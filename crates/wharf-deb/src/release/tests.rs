//! Release files: what is read of them, and which are refused.
use super::*;

const TEXT: &str = "\
Origin: Debian
Label: Debian
Suite: stable
Version: 12.7
Codename: bookworm
Changelogs: https://example.org/@CHANGEPATH@_changelog
Date: Sat, 31 Aug 2024 09:49:18 UTC
Valid-Until: Sat, 07 Sep 2024 09:49:18 UTC
Acquire-By-Hash: yes
No-Support-for-Architecture-all: Packages
Architectures: all amd64 arm64
Components: main contrib
Description: Debian 12.7
MD5Sum:
 00000000000000000000000000000000 1 main/old
SHA256:
 1111111111111111111111111111111111111111111111111111111111111111   10 main/binary-amd64/Packages
 2222222222222222222222222222222222222222222222222222222222222222    5 main/binary-amd64/Packages.xz
 3333333333333333333333333333333333333333333333333333333333333333    6 main/binary-amd64/Packages.gz
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_release_file() {
    let release = Release::parse(TEXT.as_bytes()).unwrap();
    assert_eq!(
        (
            release.name(),
            release.suite.as_deref(),
            release.version.as_deref()
        ),
        ("bookworm", Some("stable"), Some("12.7"))
    );
    assert_eq!(release.date, Some(at("2024-08-31T09:49:18Z")));
    assert_eq!(release.architectures, ["all", "amd64", "arm64"]);
    assert!(release.has_component("contrib") && !release.has_component("non-free"));
    assert!(release.by_hash && !release.has_own_index_of_all() && !release.not_automatic);
    assert_eq!(release.files().len(), 3, "what has MD5 only is not listed");
    let paths: Vec<_> = release
        .variants("main/binary-amd64/Packages", &[".zst", ".xz", ".gz", ""])
        .iter()
        .map(|file| (file.path.as_str(), file.size))
        .collect();
    assert_eq!(
        paths,
        [
            ("main/binary-amd64/Packages.xz", 5),
            ("main/binary-amd64/Packages.gz", 6),
            ("main/binary-amd64/Packages", 10)
        ]
    );
    assert_eq!(
        release.file("main/binary-amd64/Packages").unwrap().by_hash_path(),
        format!("main/binary-amd64/by-hash/SHA256/{}", "1".repeat(64))
    );
}

#[test]
fn suites_that_are_not_for_everybody() {
    let text = "Suite: experimental\nNotAutomatic: yes\nButAutomaticUpgrades: Yes\nComponents: updates/main\n\
                Signed-By: AAAA,\n BBBB!\nArchitectures: all\n";
    let release = Release::parse(text.as_bytes()).unwrap();
    assert!(release.not_automatic && release.but_automatic_upgrades && release.has_own_index_of_all());
    assert!(release.has_component("main"));
    assert_eq!(release.signed_by, ["AAAA", "BBBB!"]);
    assert_eq!((release.files().len(), release.by_hash), (0, false));
}

#[test]
fn stronger_digests_stand_beside_others() {
    let text = format!(
        "SHA256:\n {} 1 x\nSHA512:\n {} 1 x\n {} 2 y\n",
        "1".repeat(64),
        "2".repeat(128),
        "3".repeat(128)
    );
    let release = Release::parse(text.as_bytes()).unwrap();
    assert_eq!(release.file("x").unwrap().digest().algorithm(), Algorithm::Sha256);
    assert_eq!(
        release.file("y").unwrap().by_hash_path(),
        format!("by-hash/SHA512/{}", "3".repeat(128))
    );
}

#[test]
fn release_files_that_are_none() {
    let one = "1".repeat(64);
    for (text, expected) in [
        ("".to_owned(), "line 1: there are no fields".to_owned()),
        (
            "<html>".to_owned(),
            "line 1: a line has no colon after the name of its field".to_owned(),
        ),
        (
            "A: b\n\nC: d\n".to_owned(),
            "line 3: a second stanza starts where only one belongs".to_owned(),
        ),
        (
            "Suite: x\nDate: now\n".to_owned(),
            "line 2: `now` is not a date".to_owned(),
        ),
        (
            format!("SHA256:\n {one} 1\n"),
            format!("line 1: in `SHA256`, `{one} 1`: expected a digest, a size and a path"),
        ),
        (
            format!("SHA256:\n {one} -1 x\n"),
            format!("line 1: in `SHA256`, `{one} -1 x`: the size is not a number"),
        ),
        (
            format!("SHA256:\n {one} 1 main/../../x\n"),
            format!("line 1: in `SHA256`, `{one} 1 main/../../x`: the path leads out of the suite"),
        ),
        (
            format!("SHA256:\n {one} 1 x\n {one} 2 x\n"),
            format!("line 1: in `SHA256`, `{one} 2 x`: the file stands there twice and differs"),
        ),
        (
            "SHA256:\n 1234 1 x\n".to_owned(),
            "line 1: in `SHA256`, `1234 1 x`: `1234` is not a sha256 digest".to_owned(),
        ),
    ] {
        let error = Release::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the Release file cannot be read: {expected}")
        );
    }
    let weak = format!("MD5Sum:\n {} 1 x\n", "1".repeat(32));
    assert_eq!(Release::parse(weak.as_bytes()), Err(ReleaseError::WeakDigests));
}

#[test]
fn dates_are_judged() {
    let release = Release::parse(TEXT.as_bytes()).unwrap();
    let check = |now: &str, valid_until| {
        release
            .check_dates(at(now), valid_until)
            .map_err(|error| (error.code(), error.fault()))
    };
    assert_eq!(check("2024-09-07T09:49:18Z", ValidUntil::Checked), Ok(()));
    assert_eq!(
        check("2024-09-07T09:49:19Z", ValidUntil::Checked),
        Err(("deb/release-expired", Fault::Denied))
    );
    assert_eq!(check("2034-09-07T09:49:19Z", ValidUntil::Ignored), Ok(()));
    assert_eq!(check("2024-08-31T09:40:00Z", ValidUntil::Checked), Ok(()));
    assert_eq!(
        check("2024-08-30T00:00:00Z", ValidUntil::Ignored),
        Err(("deb/release-future", Fault::Denied))
    );
    assert_eq!(release.check_not_older(at("2024-08-31T09:49:18Z")), Ok(()));
    assert_eq!(
        release
            .check_not_older(at("2024-08-31T09:49:19Z"))
            .unwrap_err()
            .to_string(),
        "the Release file of bookworm was made at 2024-08-31T09:49:18Z, but one of 2024-08-31T09:49:19Z was seen before"
    );
}
