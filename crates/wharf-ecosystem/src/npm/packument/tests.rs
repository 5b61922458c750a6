//! Documents as registries serve them, and as they should not.
use super::*;
use crate::npm::PackageManifest;

/// Scans where the objects do not matter.
fn scan(json: &[u8]) -> Result<Scanned, InvalidPackument> {
    super::scan(json, &mut Vec::new())
}

/// Scans and copies the objects.
fn scan_objects(document: &str) -> (Scanned, Vec<u8>) {
    let mut objects = b"of another document".to_vec();
    let scanned = super::scan(document.as_bytes(), &mut objects).expect("it is a packument");
    (scanned, objects)
}

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

fn object_at<'o>(objects: &'o [u8], span: &Range<u32>) -> &'o str {
    std::str::from_utf8(&objects[span.start as usize..span.end as usize]).unwrap()
}

fn manifest_at(objects: &[u8], span: &Range<u32>) -> PackageManifest {
    PackageManifest::parse(object_at(objects, span).as_bytes()).unwrap()
}

#[test]
fn spans_hold_the_manifests() {
    let (scanned, objects) = scan_objects(DOCUMENT);
    for (version, tarball) in [
        ("1.0.0", "t0"),
        ("1.1.0", "t1"),
        ("1.4.0", "t4"),
        ("2.0.0-rc.1", "t2"),
    ] {
        let span = scanned.span(&Version::parse(version).unwrap()).unwrap();
        let manifest = manifest_at(&objects, &span);
        assert_eq!(manifest.dist.unwrap().tarball, tarball, "{version}");
    }
    assert_eq!(scanned.span(&Version::new(9, 9, 9)), None);
}

#[test]
fn what_nobody_reads_is_not_kept() {
    let sha512 = format!("sha512-{}==", "Q".repeat(86));
    let of_sha512 = |dist: &str| dist.replace('S', &sha512);
    for (object, kept) in [
        (r#"{"dist":{"tarball":"t"}}"#, r#"{"dist":{"tarball":"t"}}"#),
        (
            r#"{ "name" : "a" , "readme": {"x": [1, "}"]}, "devDependencies": {"b": "1"}, "os": [ "linux" ], "dist": { "tarball" : "t" } }"#,
            r#"{"name":"a","os":[ "linux" ],"dist":{"tarball":"t"}}"#,
        ),
        (
            r#"{"dist":{"shasum":"a","tarball":"t","integrity":"S","signatures":[{"sig":"x"}],"fileCount":3}}"#,
            r#"{"dist":{"tarball":"t","integrity":"S","fileCount":3}}"#,
        ),
        (
            r#"{"dist":{"shasum":"a","tarball":"t","integrity":"sha512-x=="}}"#,
            r#"{"dist":{"tarball":"t","integrity":"sha512-x==","shasum":"a"}}"#,
        ),
        (
            r#"{"dist":{"integrity":"S","tarball":"t","integrity":"sha1-x","shasum":"a"}}"#,
            r#"{"dist":{"integrity":"S","tarball":"t","integrity":"sha1-x","shasum":"a"}}"#,
        ),
        (
            r#"{"dist":{"tarball":"t"},"dist":null,"engines":[],"dist":{}}"#,
            r#"{"dist":{"tarball":"t"},"dist":null,"engines":[],"dist":{}}"#,
        ),
        (
            r#"{"d\u0065scription":"d","\u0065xports":"e","exports":"e","dist":{"tarball":"t","\u0073":1,"s":1}}"#,
            r#"{"d\u0065scription":"d","\u0065xports":"e","dist":{"tarball":"t","\u0073":1}}"#,
        ),
    ] {
        let document = format!(
            r#"{{"versions": {{"0.9.0": {{}}, "1.0.0": {}}}}}"#,
            of_sha512(object)
        );
        let (scanned, objects) = scan_objects(&document);
        let last = scanned.rows.last().unwrap();
        assert_eq!(object_at(&objects, &last.span), of_sha512(kept), "{object}");
        assert_eq!(
            objects.len(),
            last.span.end as usize,
            "of the first nothing is kept"
        );
    }
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
    let (scanned, objects) = scan_objects(document);
    assert_eq!(scanned.rows.len(), 1);
    let manifest = manifest_at(&objects, &scanned.rows[0].span);
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
    let sha512 = || "[A-Za-z0-9+/]{85}[AQgwB]".prop_map(|digits| format!("\"sha512-{digits}==\""));
    let integrity = prop_oneof![sha512(), value.clone(), Just("\"sha1-x\"".to_owned())];
    let shasum = prop_oneof!["[0-9a-f]{40}".prop_map(|hex| format!("\"{hex}\"")), value.clone()];
    let read = prop::sample::select(vec![
        "name",
        "version",
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
        "peerDependenciesMeta",
        "bundleDependencies",
        "bundledDependencies",
        "bin",
        "directories",
        "os",
        "cpu",
        "libc",
        "scripts",
        "hasInstallScript",
        "gypfile",
        "exports",
    ]);
    let map =
        (text, text).prop_map(|(key, text)| serde_json::json!({ key: text, "install": text, "bin": text }));
    let read = (
        read,
        prop_oneof![
            value.clone(),
            map.prop_map(|map| map.to_string()),
            Just("true".to_owned())
        ],
    );
    let version = (
        0..4_u8,
        0..4_u8,
        text,
        value.clone(),
        any::<bool>(),
        read,
        integrity,
        shasum,
    );
    let versions = proptest::collection::vec(version, 0..6);
    (versions, value, space(), space()).prop_map(|(versions, value, a, b)| {
        let objects = versions.iter().map(|(major, minor, engine, odd, deprecated, (key, read), integrity, shasum)| {
            let engine = serde_json::json!(engine);
            format!(
                r#""{major}.{minor}.0":{a}{{"odd":{odd},{b}"engines":{{"x":{odd},"node":{engine}}},"{key}"{b}:{read},{a}"deprecated":{deprecated},"dist":{{"y":{odd},"shasum":{shasum},"integrity":{integrity}{a},"tarball":"t"}}}}"#
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
        let (scanned, objects) = scan_objects(&document);
        proptest::prop_assert!(objects.len() <= document.len());
        let versions = whole["versions"].as_object().expect("it is an object");
        proptest::prop_assert_eq!(scanned.rows.len(), versions.len());
        for ScannedRow { row, span } in &scanned.rows {
            let own = &versions[row.version.as_str()];
            let kept: serde_json::Value = serde_json::from_str(object_at(&objects, span)).expect("it is JSON");
            proptest::prop_assert_eq!(&kept["engines"], &own["engines"]);
            proptest::prop_assert_eq!(&kept["dist"]["tarball"], &own["dist"]["tarball"]);
            // Both by way of a value, which has its own order of keys.
            let mut own = own.clone();
            own.as_object_mut().expect("it is an object").remove("devDependencies");
            let parse = |value: &serde_json::Value| PackageManifest::parse(value.to_string().as_bytes());
            proptest::prop_assert_eq!(parse(&kept).expect("it is an object"), parse(&own).expect("it is an object"));
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
