//! Lines of an index: what they say, what is refused, and what a bad one costs.

use std::sync::Arc;

use super::*;
use crate::cargo::{CrateVersions, DependencyKind, Req};

const SUM: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn line(rest: &str) -> String {
    format!(r#"{{"name":"a","vers":"1.2.3","cksum":"{SUM}"{rest}}}"#)
}

fn read(rest: &str) -> Result<Summary, InvalidLine> {
    parse_line(line(rest).as_bytes(), &SourceId::crates_io())
}

#[test]
fn a_whole_line() {
    let summary = read(
        r#","deps":[
            {"name":"b","req":"^1","features":["x",""],"optional":true,"default_features":false,"target":"cfg(unix)","kind":"normal"},
            {"name":"renamed","package":"c","req":"=2.0.0","features":[],"kind":"build","registry":"sparse+https://example.org/index/"},
            {"name":"d","req":"*","kind":"dev","target":null,"package":null}],
        "features":{"default":["std"],"std":[]},"features2":{"std":["b?/std"],"with-b":["dep:b"]},
        "yanked":true,"links":"z","rust_version":"1.85","pubtime":"2025-11-12T19:30:12Z","v":2,"later":[1]"#,
    )
    .unwrap();
    assert_eq!(summary.label(), "a@1.2.3");
    assert!(summary.yanked);
    assert_eq!(summary.links.as_deref(), Some("z"));
    assert_eq!(summary.rust_version.unwrap().to_string(), "1.85");
    assert_eq!(summary.published.unwrap().to_string(), "2025-11-12T19:30:12Z");
    assert_eq!(summary.checksum.as_ref().unwrap().hex(), SUM);
    let [b, c, d] = summary.dependencies.as_slice() else {
        panic!("three")
    };
    assert_eq!(
        (&*b.alias, b.optional, b.default_features, b.features.len()),
        ("b", true, false, 1)
    );
    assert_eq!(b.target.as_ref().unwrap().to_string(), "cfg(unix)");
    assert!(b.source.is_crates_io());
    assert_eq!(
        (&*c.alias, c.package.as_str(), c.kind),
        ("renamed", "c", DependencyKind::Build)
    );
    assert_eq!(c.source.to_string(), "sparse+https://example.org/index/");
    assert_eq!(
        (d.kind, &d.req, d.default_features),
        (DependencyKind::Dev, &Req::parse("*").unwrap(), true)
    );
    let features: Vec<_> = summary
        .features
        .iter()
        .map(|(name, values)| {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            format!("{name}: {}", values.join(" "))
        })
        .collect();
    // `dep:b` hides the implicit feature `b`.
    assert_eq!(features, ["default: std", "std: b?/std", "with-b: dep:b"]);
}

#[test]
fn implicit_features() {
    let summary =
        read(r#","deps":[{"name":"b","req":"1","optional":true}],"features":{"x":["b/y"]}"#).unwrap();
    assert_eq!(summary.features["b"], [FeatureValue::Dep("b".into())]);
}

#[test]
fn lines_that_are_refused() {
    let check = |rest: &str, expected: &str| {
        let error = read(rest).unwrap_err().to_string();
        assert!(error.contains(expected), "{rest}: {error}");
    };
    check("", "missing field `deps`");
    check(r#","deps":[],"v":3"#, "form 3");
    check(r#","deps":[],"rust_version":"new""#, "no rust-version");
    check(r#","deps":[],"pubtime":"yesterday""#, "no time");
    check(r#","deps":[{"name":"b","req":"latest"}]"#, "no range");
    check(r#","deps":[{"name":"b","req":"1","target":"cfg("}]"#, "no target");
    check(
        r#","deps":[{"name":"b/c","req":"1"}]"#,
        "not a valid cargo package name",
    );
    check(
        r#","deps":[],"features":{"x":["y"]}"#,
        "neither a feature nor a dependency",
    );
    check(
        r#","deps":[{"name":"b","req":"1"}],"features":{"x":["b"]}"#,
        "not optional",
    );
    check(
        r#","deps":[{"name":"b","req":"1"}],"features":{"x":["b?/y"]}"#,
        "not optional",
    );
    check(
        r#","deps":[{"name":"b","req":"1","optional":true}],"features":{"x":["dep:b"],"y":["b"]}"#,
        "hidden",
    );
    check(
        r#","deps":[{"name":"b","req":"1","optional":true,"kind":"dev"}]"#,
        "cannot be optional",
    );
    check(
        r#","deps":[{"name":"b","req":"1"}],"features":{"x":["b/y/z"]}"#,
        "malformed",
    );
    check(r#","deps":[],"features":{"-x":[]}"#, "cannot name a feature");
    assert!(parse_line(b"{", &SourceId::crates_io()).is_err());
    assert!(
        parse_line(
            line(r#","deps":[]"#).replace(SUM, "ab").as_bytes(),
            &SourceId::crates_io()
        )
        .is_err()
    );
}

#[test]
fn a_bad_line_costs_its_version_only() {
    let document = [
        line(r#","deps":[]"#).replace("1.2.3", "1.10.0"),
        line(r#","deps":[],"v":7"#).replace("1.2.3", "3.0.0"),
        "{\"vers\":".to_owned(),
        String::new(),
        line(r#","deps":[],"yanked":true"#).replace("1.2.3", "1.9.0"),
        line(r#","deps":[],"links":"again""#).replace("1.2.3", "1.10.0"),
    ]
    .join("\n");
    let versions = CrateVersions::scan(
        crate_name("a").unwrap(),
        SourceId::crates_io(),
        Arc::new(document.into_bytes()),
    );
    let rows: Vec<_> = versions
        .rows()
        .iter()
        .map(|row| (row.version.to_string(), row.yanked))
        .collect();
    assert_eq!(rows, [("1.9.0".to_owned(), true), ("1.10.0".to_owned(), false)]);
    assert_eq!(versions.skipped().len(), 2, "{:?}", versions.skipped());
    let at = versions.find(&"1.10.0".parse().unwrap()).unwrap();
    assert_eq!(versions.summary(at).unwrap().links.as_deref(), Some("again"));
    assert!(versions.summary(7).is_err());
}

#[test]
fn paths_in_an_index() {
    for (name, path) in [
        ("a", "1/a"),
        ("ab", "2/ab"),
        ("abc", "3/a/abc"),
        ("Serde", "se/rd/serde"),
    ] {
        assert_eq!(path_in_index(name), path);
    }
}
