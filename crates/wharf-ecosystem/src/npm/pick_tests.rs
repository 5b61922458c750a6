//! Choices of versions.
use super::*;
use wharf_core::{Ecosystem, PackageName};

/// Rows are written `version`, then `!` if deprecated, `node=range`, `at=date`.
fn versions(rows: &[&str], tags: &[(&str, &str)]) -> Versions {
    let mut rows: Vec<_> = rows.iter().map(|text| row(text)).collect();
    rows.sort_by(|a, b| a.version.cmp(&b.version));
    let tags = tags
        .iter()
        .map(|(tag, version)| ((*tag).to_owned(), (*version).to_owned()));
    let name = PackageName::new(Ecosystem::Npm, "a").unwrap();
    Versions::new(name, tags.collect(), rows.iter().collect(), Vec::new())
}

fn row(text: &str) -> VersionRow {
    let mut words = text.split_whitespace();
    let mut row = VersionRow {
        version: Version::parse(words.next().unwrap()).unwrap(),
        deprecated: false,
        engines_node: None,
        published: None,
    };
    for word in words {
        match word.split_once('=') {
            None => row.deprecated = true,
            Some(("node", range)) => row.engines_node = Some(range.into()),
            Some((_, date)) => row.published = Some(format!("{date}T00:00:00Z").parse().unwrap()),
        }
    }
    row
}

fn rules(node: &str, cutoff: &str) -> PickRules<'static> {
    PickRules {
        node: Version::parse(node)
            .ok()
            .map(|node| &*Box::leak(Box::new(NodeFit::new(node)))),
        cutoff: format!("{cutoff}T00:00:00Z").parse().ok(),
        prefer: &[],
    }
}

#[track_caller]
fn check(versions: &Versions, spec: &str, rules: &PickRules<'_>, expected: &str) {
    let picked = pick(versions, &Spec::parse(spec).unwrap(), rules);
    assert_eq!(
        picked.map_or("nothing".to_owned(), |row| row.version.to_string()),
        expected,
        "{spec}"
    );
}

#[test]
fn latest_then_the_highest() {
    let a = versions(
        &["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0-rc.1"],
        &[("latest", "1.1.0"), ("next", "2.1.0-rc.1")],
    );
    let none = rules("", "");
    check(&a, "^1.0.0", &none, "1.1.0");
    check(&a, "^1.2.0", &none, "1.2.0");
    check(&a, "*", &none, "1.1.0");
    check(&a, "", &none, "1.1.0");
    check(&a, ">1", &none, "2.0.0");
    check(&a, "1.0.0", &none, "1.0.0");
    check(&a, "next", &none, "2.1.0-rc.1");
    check(&a, "latest", &none, "1.1.0");
    check(&a, "npm:a@^2", &none, "2.0.0");
    check(&a, "^2.1.0-0", &none, "2.1.0-rc.1");
    check(&a, "^3", &none, "nothing");
    check(&a, "beta", &none, "nothing");
    check(&a, "file:../a", &none, "nothing");
}

#[test]
fn any_version_is_latest_even_as_a_prerelease() {
    let a = versions(&["1.0.0-rc.1"], &[("latest", "1.0.0-rc.1")]);
    check(&a, "*", &rules("", ""), "1.0.0-rc.1");
    check(&a, "^1", &rules("", ""), "nothing");
}

#[test]
fn deprecated_versions_and_other_nodes_come_last() {
    let node = rules("18.0.0", "");
    let a = versions(
        &["1.0.0", "1.1.0 node=>=20", "1.2.0 !", "1.3.0 ! node=>=20"],
        &[("latest", "1.3.0")],
    );
    check(&a, "^1", &node, "1.0.0");
    check(&a, "^1.1", &node, "1.2.0");
    check(&a, "1.1.0 || 1.3.0", &node, "1.1.0");
    check(&a, "1.3.0", &node, "1.3.0");
    check(&a, "^1", &rules("", ""), "1.1.0");
    let odd = versions(&["1.0.0", "1.1.0 node=whatever"], &[]);
    check(&odd, "^1", &node, "1.1.0");
}

#[test]
fn what_is_preferred_is_kept() {
    let a = versions(&["1.0.0", "1.1.0 !", "2.0.0"], &[("latest", "2.0.0")]);
    let prefer = ["1.1.0", "1.0.0", "9.9.9"].map(|text| Version::parse(text).unwrap());
    let keep = PickRules {
        prefer: &prefer,
        ..PickRules::default()
    };
    check(&a, "^1", &keep, "1.1.0");
    check(&a, "1.0.0", &keep, "1.0.0");
    check(&a, "*", &keep, "1.1.0");
    check(&a, "^2", &keep, "2.0.0");
    check(&a, "latest", &keep, "1.1.0");
}

#[test]
fn what_is_too_new_does_not_count() {
    let a = versions(
        &[
            "1.0.0 at=2024-01-01",
            "1.1.0 at=2024-06-01",
            "1.2.0",
            "2.0.0 at=2024-07-01",
        ],
        &[("latest", "2.0.0"), ("old", "1.1.0")],
    );
    let early = rules("", "2024-03-01");
    check(&a, "^1.0.0 <1.2", &early, "1.0.0");
    check(&a, "^1", &early, "1.2.0");
    check(&a, "2.0.0", &early, "nothing");
    check(&a, "old", &early, "1.0.0");
    check(&a, "latest", &early, "1.2.0");
}

#[test]
fn reasons() {
    let a = versions(
        &[
            "1.0.0 at=2024-01-01",
            "1.1.0 at=2024-06-01",
            "2.0.0-rc.1",
            "3.0.0",
        ],
        &[("latest", "3.0.0"), ("gone", "9.0.0")],
    );
    for (spec, cutoff, expected) in [
        (
            "^1.5",
            "",
            "no version of a satisfies `^1.5`; there is 1.0.0, 1.1.0, 3.0.0",
        ),
        (
            "^2",
            "",
            "no release of a satisfies `^2`; prereleases that come near: 2.0.0-rc.1",
        ),
        ("^9", "", "no version of a satisfies `^9`; there is 1.1.0, 3.0.0"),
        (
            "1.1.0",
            "2024-03-01",
            "every version of a that satisfies the range was published after 2024-03-01T00:00:00Z; the oldest of them is 1.1.0 (2024-06-01T00:00:00Z)",
        ),
        ("beta", "", "a has no tag `beta`; it has latest, gone"),
        (
            "gone",
            "",
            "the tag `gone` of a points to 9.0.0, which is not there",
        ),
        (
            "npm:a@7",
            "",
            "no version of a satisfies `7`; there is 1.1.0, 3.0.0",
        ),
        ("link:x", "", "`link:x` is nothing that a registry answers"),
    ] {
        assert_eq!(
            why_none(&a, &Spec::parse(spec).unwrap(), &rules("", cutoff)),
            expected
        );
    }
    let skipped = vec!["1.0.0: broken".to_owned()];
    let empty = Versions::new(
        a.name.clone(),
        a.tags().to_vec(),
        [].into_iter().collect(),
        skipped,
    );
    assert_eq!(
        why_none(&empty, &Spec::parse("^1").unwrap(), &rules("", "")),
        "a has no version that can be read (1.0.0: broken)"
    );
}
