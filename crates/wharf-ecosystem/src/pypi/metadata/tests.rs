//! Metadata, whole and broken.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> CoreMetadata {
    CoreMetadata::parse(text.as_bytes()).unwrap()
}

fn shown(requirements: &[Requirement]) -> Vec<String> {
    requirements.iter().map(ToString::to_string).collect()
}

#[test]
fn a_wheels_metadata() {
    let metadata = parse(
        "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0.0\nSummary: Foo, with: colons\nHome-page: UNKNOWN\n\
         License-Expression: MIT OR Apache-2.0\nAuthor-email: \"A B\" <a@example.org>\nProject-URL: Source, https://example.org/a,b\n\
         Project-URL: https://example.org\nRequires-Python: >=3.8\nRequires-Dist: requests[socks] (>=2.0,<3)\nrequires-dist: b; extra == 'X_y'\n\
         Provides-Extra: X_y\nProvides-Extra: x-y\nDynamic: License\nClassifier: a\n\nRequires-Dist: in-the-description\n",
    );
    assert_eq!(
        (metadata.name.as_str(), metadata.version.to_string().as_str()),
        ("foo-bar", "1.0.0")
    );
    assert_eq!(
        shown(&metadata.requires_dist),
        ["requests[socks]>=2.0,<3", "b ; extra == 'x-y'"]
    );
    assert_eq!(metadata.requires_python, Some(">=3.8".parse().unwrap()));
    assert_eq!(
        metadata
            .provides_extra
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["x-y"]
    );
    assert_eq!(metadata.dynamic, ["License"]);
    assert_eq!(metadata.summary.as_deref(), Some("Foo, with: colons"));
    assert_eq!(
        (metadata.home_page, metadata.license.as_deref()),
        (None, Some("MIT OR Apache-2.0"))
    );
    assert_eq!(metadata.author.as_deref(), Some("\"A B\" <a@example.org>"));
    assert_eq!(
        metadata.project_urls,
        [
            ("Source".into(), "https://example.org/a,b".into()),
            (String::new(), "https://example.org".into())
        ]
    );
    assert_eq!(metadata.problems, []);
}

#[test]
fn headers_in_every_style() {
    for text in [
        "Name: a\nVersion: 1\nLicense: x\n  y\n\tz\nSummary: s",
        "\u{feff}Metadata-Version: 1.1\r\nname: a\r\nVERSION : 1\r\nlicense: x\r\n y\r\n z\r\nsummary:s\r\n\r\nbody",
        "no header at all\n folded under nothing\nName:a\nVersion:1\nLicense: x\n y\n z\nSummary: s\n",
    ] {
        let metadata = parse(text);
        assert_eq!(
            (metadata.name.as_str(), metadata.version.to_string().as_str()),
            ("a", "1"),
            "{text:?}"
        );
        assert_eq!(metadata.license.as_deref(), Some("x\ny\nz"), "{text:?}");
        assert_eq!(metadata.summary.as_deref(), Some("s"), "{text:?}");
    }
}

#[test]
fn metadata_of_nothing() {
    for (text, expected) in [
        ("", "no `Name`"),
        ("Name: a", "no `Version`"),
        ("\nName: a\nVersion: 1", "no `Name`"),
        ("Name: -a-\nVersion: 1", "`Name` is invalid"),
        ("Name: a\nVersion: latest", "`Version` is invalid"),
        ("Metadata-Version: 3.0\nName: a\nVersion: 1", "format version 3.0"),
        ("<html>", "no `Name`"),
    ] {
        let error = CoreMetadata::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn one_bad_value_is_one_problem() {
    let metadata = parse(
        "Name: a\nVersion: 1\nRequires-Dist: good (>=1.0,)\nRequires-Dist: b >= what\nRequires-Python: three\nProvides-Extra: -\nProvides-Extra: x\n",
    );
    assert_eq!(shown(&metadata.requires_dist), ["good>=1.0"]);
    let fields: Vec<_> = metadata
        .problems
        .iter()
        .map(|problem| (problem.field, problem.value.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            (ProblemField::RequiresDist, "b >= what"),
            (ProblemField::ProvidesExtra, "-"),
            (ProblemField::RequiresPython, "three"),
        ]
    );
    assert_eq!(
        metadata.fatal_problem().map(|problem| problem.field),
        Some(ProblemField::RequiresDist)
    );
    assert_eq!(metadata.provides_extra.len(), 1);
    assert!(
        parse("Name: a\nVersion: 1\nProvides-Extra: -")
            .fatal_problem()
            .is_none()
    );
}

#[test]
fn only_settled_pkg_info_replaces_a_build() {
    let check = |head: &str, expected: bool| {
        let text = format!("{head}\nName: a\nVersion: 1\nRequires-Dist: b\n");
        assert_eq!(
            CoreMetadata::from_pkg_info(text.as_bytes()).is_some(),
            expected,
            "{head}"
        );
    };
    check("Metadata-Version: 2.2", true);
    check("Metadata-Version: 2.10\nDynamic: License\nDynamic: Summary", true);
    check("Metadata-Version: 2.1", false);
    check("Metadata-Version: 1.2", false);
    check("Metadata-Version: 2", false);
    check("Metadata-Version: 2.2\nDynamic: requires-dist", false);
    check("Metadata-Version: 2.3\nDynamic: Requires-Python", false);
    check("Metadata-Version: 2.3\nDynamic: Provides-Extra", false);
    check("Metadata-Version: 2.2\nRequires-Dist: c >= what", false);
    check("Metadata-Version: 3.0", false);
}

#[test]
fn a_static_pyproject() {
    let metadata = CoreMetadata::from_pyproject(
        r#"
        [build-system]
        requires = ["hatchling"]
        [project]
        name = "Foo_Bar"
        version = "1.0"
        description = "Foo"
        requires-python = ">=3.9"
        dependencies = ["requests>=2", "tomli; python_version<'3.11'"]
        dynamic = ["readme"]
        [project.optional-dependencies]
        Test_All = ["pytest", "foo-bar[docs]"]
        docs = []
        "#,
    )
    .unwrap();
    assert_eq!(
        (metadata.name.as_str(), metadata.version.to_string().as_str()),
        ("foo-bar", "1.0")
    );
    assert_eq!(
        shown(&metadata.requires_dist),
        [
            "requests>=2",
            "tomli ; python_full_version < '3.11'",
            "pytest ; extra == 'test-all'",
            "foo-bar[docs] ; extra == 'test-all'"
        ]
    );
    assert_eq!(
        metadata
            .provides_extra
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["test-all", "docs"]
    );
    assert_eq!(metadata.requires_python, Some(">=3.9".parse().unwrap()));
}

#[test]
fn what_only_a_build_can_tell() {
    for project in [
        "",
        "[tool.poetry]\nname = 'a'\nversion = '1'\n",
        "[project]\nname = 'a'\n",
        "[project]\nversion = '1'\n",
        "[project]\nname = 'a'\ndynamic = ['version']\n",
        "[project]\nname = 'a'\nversion = '1'\ndynamic = ['dependencies']\n",
        "[project]\nname = 'a'\nversion = '1'\ndynamic = ['optional-dependencies']\n",
        "[project]\nname = 'a'\nversion = '1'\ndynamic = ['requires-python']\n",
        "[project]\nname = 'a'\nversion = '1'\ndependencies = ['b >= what']\n",
        "[project]\nname = 'a'\nversion = '1'\ndependencies = ['b @ ./relative']\n",
        "[project]\nname = 'a'\nversion = '1'\nrequires-python = 'three'\n",
        "[project]\nname = 'a'\nversion = '1'\noptional-dependencies = {'-' = []}\n",
        "[project]\nname = 'a'\nversion = 'latest'\n",
        "[project\n",
    ] {
        assert_eq!(CoreMetadata::from_pyproject(project), None, "{project}");
    }
    assert!(CoreMetadata::from_pyproject("[project]\nname = 'a'\nversion = '1'\n").is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..80), tail in "(Requires-Dist: |Requires-Python: |\n| |a|\\[|;|é|>=1|'|-){0,20}") {
        let _ = CoreMetadata::parse(&bytes);
        let _ = CoreMetadata::parse(format!("Name: a\nVersion: 1\n{tail}").as_bytes());
        let _ = CoreMetadata::from_pyproject(&tail);
    }
}
