//! Documents as registries serve them, and as they should not.
use super::*;
use crate::npm::PackageManifest;

const DOCUMENT: &str = r#"{"name": "a", "dist-tags": {"latest": "1.1.0", "next": "2.0.0-rc.1"},
 "modified": "2024-05-01T00:00:00.000Z",
 "versions": {
  "2.0.0-rc.1": {"name": "a", "version": "2.0.0-rc.1", "dist": {"tarball": "t2", "signatures": [{"sig": "}\""}]}},
  "1.0.0": {"dependencies": [], "engines": {"node": ">= 4 \u0026\u0026 x"}, "deprecated": "no\\\"", "dist": {"tarball": "t0"}},
  "1.1.0": {"engines": ["node >= 0.4"], "deprecated": "", "readme": "{[\\", "dist": {"tarball": "t1"}},
  "1.2.0": "broken",
  "1.3.0": {"dist": {"shasum": "x"}},
  "latest": {"dist": {"tarball": "t"}},
  "v1.4.0": {"dist": {"tarball": "t4"}}
 },
 "readme": "long \"text\" {"}"#;

fn texts(scanned: &Scanned) -> Vec<&str> {
    scanned.rows.iter().map(|row| row.row.version.as_str()).collect()
}

#[test]
fn what_a_choice_needs() {
    let scanned = scan(DOCUMENT.as_bytes()).unwrap();
    assert_eq!(scanned.name.as_deref(), Some("a"));
    assert_eq!(texts(&scanned), ["1.0.0", "1.1.0", "1.4.0", "2.0.0-rc.1"]);
    assert_eq!(scanned.tags[1], ("next".to_owned(), "2.0.0-rc.1".to_owned()));
    assert_eq!(scanned.modified.unwrap().to_string(), "2024-05-01T00:00:00Z");
    let [old, new, ..] = &scanned.rows[..] else {
        panic!()
    };
    assert_eq!((old.row.deprecated, new.row.deprecated), (true, false));
    assert_eq!(old.row.engines_node.as_deref(), Some(">= 4 && x"));
    assert_eq!(new.row.engines_node, None);
    assert_eq!(
        scanned.skipped,
        [
            "1.2.0: what is said of it is no object",
            "1.3.0: it has no archive (`dist.tarball`)",
            "`latest` is not a version: a version is three numbers, as in `1.2.3`",
        ]
    );
    assert!(!scanned.has_times);
}

fn manifest_at(document: &str, span: &Range<u32>) -> PackageManifest {
    PackageManifest::parse(&document.as_bytes()[span.start as usize..span.end as usize]).unwrap()
}

#[test]
fn spans_hold_the_manifests() {
    let scanned = scan(DOCUMENT.as_bytes()).unwrap();
    for (version, tarball) in [
        ("1.0.0", "t0"),
        ("1.1.0", "t1"),
        ("1.4.0", "t4"),
        ("2.0.0-rc.1", "t2"),
    ] {
        let span = scanned.span(&Version::parse(version).unwrap()).unwrap();
        let manifest = manifest_at(DOCUMENT, &span);
        assert_eq!(manifest.dist.unwrap().tarball, tarball, "{version}");
    }
    assert_eq!(scanned.span(&Version::new(9, 9, 9)), None);
}

#[test]
fn times_of_the_full_form() {
    let document = r#"{"versions": {"1.0.0": {"dist": {"tarball": "t"}}, "2.0.0": {"dist": {"tarball": "t"}},
        "3.0.0beta1": {"dist": {"tarball": "t"}}}, "time": {"created": "2020-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z", "1.0.0": "2021-06-01T12:30:00.123Z",
                 "2.0.0": 7, "3.0.0beta1": "2022-01-01T02:00:00+02:00", "unpublished": {"name": "x"}}}"#;
    let scanned = scan(document.as_bytes()).unwrap();
    let published: Vec<_> = scanned
        .rows
        .iter()
        .map(|row| row.row.published.map(|time| time.to_string()))
        .collect();
    assert_eq!(
        published,
        [
            Some("2021-06-01T12:30:00.123Z".to_owned()),
            None,
            Some("2022-01-01T00:00:00Z".to_owned())
        ]
    );
    assert_eq!(scanned.modified.unwrap().to_string(), "2024-01-01T00:00:00Z");
    assert!(scanned.has_times);
}

#[test]
fn the_last_of_equal_versions_counts() {
    let document =
        r#"{"versions": {"1.0.0": {"dist": {"tarball": "first"}}, "1.0.0": {"dist": {"tarball": "last"}}}}"#;
    let scanned = scan(document.as_bytes()).unwrap();
    assert_eq!(scanned.rows.len(), 1);
    let manifest = manifest_at(document, &scanned.rows[0].span);
    assert_eq!(manifest.dist.unwrap().tarball, "last");
}

#[test]
fn what_is_no_packument() {
    for (text, error) in [
        ("", "byte 0: an object was expected"),
        ("[]", "byte 0: an object was expected"),
        ("<html>", "byte 0: an object was expected"),
        ("{\"versions\": {}", "byte 15: `,` or `}` was expected"),
        (
            "{\"versions\": {}} x",
            "byte 17: the document goes on after its end",
        ),
        (
            "{\"versions\": {\"1.0.0\": {\"a\": \"",
            "byte 30: it ends inside a text",
        ),
        ("{\"a\": [[\"x\\\"", "byte 12: it ends inside a value"),
        ("{\"a\": }", "byte 6: a value was expected"),
        ("{}", "it has no `versions`"),
        ("{\"versions\": []}", "it has no `versions`"),
        ("{\"error\": \"not_found\"}", "it has no `versions`: not_found"),
    ] {
        assert_eq!(scan(text.as_bytes()).unwrap_err().to_string(), error, "{text}");
    }
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(
        scan(deep.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("nests too deeply")
    );
}

#[test]
fn a_version_that_is_too_long_in_normal_form_costs_itself_alone() {
    let version = |text: &str| format!("\"{text}\": {{\"dist\": {{\"tarball\": \"x\"}}}}");
    let long = |length: usize| format!("1.5.0{}", "a".repeat(length - 5));
    let listed = ["1.0.0", &long(255), &long(256), "2.0.0"].map(version).join(", ");
    let scanned = scan(format!("{{\"versions\": {{{listed}}}}}").as_bytes()).unwrap();
    let versions = scanned.versions(&PackageName::new(wharf_core::Ecosystem::Npm, "a").unwrap());
    let kept: Vec<_> = versions.rows().map(|row| row.version.as_str().len()).collect();
    assert_eq!((kept, versions.len()), (vec![5, 256, 5], 3));
    let highest = versions.find(&Version::parse("2.0.0").unwrap());
    assert!(highest.is_some());
    assert_eq!(versions.skipped.len(), 1);
}

#[test]
fn an_unpublished_package_has_no_versions() {
    let document = r#"{"name": "a", "versions": {}, "time": {"unpublished": {"name": "x"}}}"#;
    assert_eq!(scan(document.as_bytes()).unwrap().rows, []);
}

/// Documents with a version object, a readme and white space of any kind.
fn documents() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let text = "[a-z\\\\\"{}\\[\\]:, éß\u{1F600}]{0,20}";
    let space = || "[ \\n\\t]{0,2}";
    let value = prop_oneof![
        text.prop_map(|text| serde_json::to_string(&text).expect("texts can be written")),
        Just("null".to_owned()),
        Just("-1.5e3".to_owned()),
        text.prop_map(|text| serde_json::json!([{ "a": [text] }, []]).to_string()),
    ];
    let version = (0..4_u8, 0..4_u8, text, value.clone(), any::<bool>());
    let versions = proptest::collection::vec(version, 0..6);
    (versions, value, space(), space()).prop_map(|(versions, value, a, b)| {
        let objects = versions.iter().map(|(major, minor, engine, odd, deprecated)| {
            let engine = serde_json::json!(engine);
            format!(
                r#""{major}.{minor}.0":{a}{{"odd":{odd},{b}"engines":{{"x":{odd},"node":{engine}}},{a}"deprecated":{deprecated},"dist":{{"y":{odd},"tarball":"t"}}}}"#
            )
        });
        let objects = objects.collect::<Vec<_>>().join(&format!("{b},{a}"));
        format!(r#"{a}{{"readme":{value},{b}"versions"{a}:{b}{{{objects}}}{a}}}{b}"#)
    })
}

proptest::proptest! {
    #[test]
    fn the_scan_sees_what_a_whole_reading_sees(document in documents()) {
        let whole: serde_json::Value = serde_json::from_str(&document).expect("it is JSON");
        let scanned = scan(document.as_bytes()).expect("it is a packument");
        let versions = whole["versions"].as_object().expect("it is an object");
        proptest::prop_assert_eq!(scanned.rows.len(), versions.len());
        for ScannedRow { row, span } in &scanned.rows {
            let own = &versions[row.version.as_str()];
            let object = &document[span.start as usize..span.end as usize];
            proptest::prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(object).expect("it is JSON"), own);
            proptest::prop_assert_eq!(row.engines_node.as_deref(), own["engines"]["node"].as_str());
            proptest::prop_assert_eq!(Some(row.deprecated), own["deprecated"].as_bool());
        }
    }

    #[test]
    fn a_document_that_is_cut_is_refused(document in documents(), cut in 0..1000_usize) {
        let end = document.trim_end().len() - 1;
        let cut = cut % end;
        proptest::prop_assert!(scan(&document.as_bytes()[..cut]).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
        let _ = scan(&bytes);
        let _ = scan(&[b"{\"versions\": {\"1.0.0\": ", bytes.as_slice()].concat());
        let _ = PackageManifest::parse(&bytes);
    }
}
