//! `[external]`: what it means, what its errors look like, and what the shipped table answers.

use std::path::Path;
use std::str::FromStr;

use proptest::prelude::*;
use wharf_core::{Ecosystem, PackageName};

use super::*;
use crate::error::Invalid;
use crate::table::Reader;
use crate::text::SourceText;

/// Reads a table as `[external]` of a `wharf.toml`.
fn manifest(text: &str) -> Result<ExternalProject, Invalid> {
    let source = SourceText::new(Path::new("wharf.toml"), text);
    let reader = Reader {
        source: &source,
        code: "manifest/invalid",
    };
    let document = crate::table::parse(&source)?;
    let mut external = ExternalProject::default();
    read::manifest(&reader, &document["external"], "[external]", &mut external)?;
    Ok(external)
}

fn pypi(name: &str) -> PackageName {
    PackageName::pypi(name).unwrap()
}

fn npm(name: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, name).unwrap()
}

/// `relation < dependency (role; who says so)`
fn shown(needed: &[NeededDeb]) -> Vec<String> {
    needed
        .iter()
        .map(|each| {
            format!(
                "{} < {} ({}; {})",
                each.relation, each.dependency, each.role, each.origin
            )
        })
        .collect()
}

#[test]
fn names_are_read_and_printed() {
    for (text, printed) in [
        ("dep:generic/libpq", "dep:generic/libpq"),
        ("dep:Generic/LibPQ@>=15", "dep:generic/libpq@>=15"),
        ("dep:virtual/compiler/cpp", "dep:virtual/compiler/c++"),
        ("dep:virtual/compiler/c++", "dep:virtual/compiler/c++"),
        (
            "dep:virtual/interface/lapack@>=3.7.1",
            "dep:virtual/interface/lapack@>=3.7.1",
        ),
        (
            "dep:virtual/interface/blas>=3,<4",
            "dep:virtual/interface/blas@>=3,<4",
        ),
        (
            "dep:generic/xcb; platform_system=='Linux'",
            "dep:generic/xcb; platform_system == 'Linux'",
        ),
        ("dep:github/AbiWord/enchant", "dep:github/abiword/enchant"),
        (
            "dep:golang/github.com/junegunn/fzf",
            "dep:golang/github.com/junegunn/fzf",
        ),
        ("pkg:deb/debian/libpq-dev@15", "dep:deb/debian/libpq-dev@15"),
        ("dep:generic/gcc@14", "dep:generic/gcc@14"),
    ] {
        let read = ExternalDependency::from_str(text).unwrap();
        assert_eq!(read.to_string(), printed);
        assert_eq!(ExternalDependency::from_str(printed).unwrap(), read);
    }
    for (text, reason) in [
        ("libpq", "it begins with neither `dep:` nor `pkg:`"),
        ("dep:libpq", "it has no name after its type"),
        ("dep:generic//x", "a part of it is empty"),
        ("dep:generic/x?a=b", "qualifiers (`?…`) and subpaths"),
        ("dep:generic/a b", "` ` may not stand in it"),
        ("dep:generic/x; bogus", "names nothing of the system"),
        ("dep:generic/ä", "`ä` may not stand in it"),
    ] {
        let error = ExternalDependency::from_str(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn every_key_of_pep_725_is_read() {
    let text = r#"
[external]
build-requires = ["dep:virtual/compiler/c"]
host-requires = ["dep:generic/libjpeg"]
dependencies = ["dep:generic/git"]
[external.optional-host-requires]
Extra_One = ["dep:generic/lcms2"]
[external.dependency-groups]
dev = ["dep:generic/clang-format", { include-group = "more" }]
more = ["dep:generic/graphviz"]
"#;
    let needs = of_pyproject(text, "pillow's pyproject.toml").unwrap();
    let mut found: Vec<String> = needs
        .iter()
        .map(|need| {
            format!(
                "{} {} [{}] {}",
                need.role, need.dependency, need.group, need.origin
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "build dep:virtual/compiler/c [main] pillow's pyproject.toml:3",
            "host dep:generic/lcms2 [extra:extra-one] pillow's pyproject.toml:7",
            "host dep:generic/libjpeg [main] pillow's pyproject.toml:4",
            "run dep:generic/clang-format [dev] pillow's pyproject.toml:9",
            "run dep:generic/git [main] pillow's pyproject.toml:5",
            "run dep:generic/graphviz [dev] pillow's pyproject.toml:10",
            "run dep:generic/graphviz [group:more] pillow's pyproject.toml:10",
        ]
    );
    assert_eq!(of_pyproject("[project]\nname = \"x\"", "x").unwrap(), []);
    for (text, expected) in [
        (
            "[external]\nbuild-require = []",
            "hint: did you mean `build-requires`?",
        ),
        (
            "[external]\n\"pypi:x\" = []",
            "there is no key `pypi:x` in [external]",
        ),
        (
            "[external]\nbuild-requires = [\"gcc\"]",
            "hint: write for example `dep:generic/libpq`",
        ),
        (
            "[external.dependency-groups]\na = [{ include-group = \"a\" }]",
            "the group `a` includes itself through `a`",
        ),
        (
            "[external.dependency-groups]\na = [{ include-group = \"b\" }]",
            "there is no group `b`",
        ),
        (
            "[external]\ndependencies = \"dep:generic/git\"",
            "`dependencies` must be an array",
        ),
    ] {
        let error = of_pyproject(text, "x's pyproject.toml").unwrap_err();
        let hints: Vec<String> = error.hints.iter().map(|hint| format!("\nhint: {hint}")).collect();
        let shown = format!("{error}{}", hints.concat());
        assert!(shown.contains(expected), "{text}\n{shown}");
        assert!(shown.contains("--> x's pyproject.toml:"), "{shown}");
    }
}

#[test]
fn the_word_nearest_to_the_user_counts() {
    let external = manifest(
        r#"
[external]
"pypi:psycopg2" = ["dep:generic/libpq@>=16"]
"npm:own" = { build-requires = ["dep:virtual/compiler/c++"], host-requires = ["dep:generic/libown"], dependencies = ["pkg:deb/debian/jq"] }
"dep:generic/libown" = { deb = { host = "libown-dev", run = ["libown2t64 | libown2", "own-data"] } }
"#,
    )
    .unwrap();
    let needs = external.needs_of(&pypi("psycopg2"), Some("2.9.9"), None);
    assert_eq!(
        shown(&needs.build),
        ["libpq-dev (>= 16) < dep:generic/libpq@>=16 (host; wharf.toml:3)"]
    );
    assert_eq!(needs.build[0].answered_by.to_string(), "the shipped table");
    assert_eq!(
        shown(&needs.run),
        ["libpq5 < dep:generic/libpq@>=16 (host; wharf.toml:3)"]
    );
    let needs = external.needs_of(&npm("own"), None, None);
    assert_eq!(
        shown(&needs.build),
        [
            "g++ < dep:virtual/compiler/c++ (build; wharf.toml:4)",
            "libc6-dev < dep:virtual/compiler/c++ (build; wharf.toml:4)",
            "make < dep:virtual/compiler/c++ (build; wharf.toml:4)",
            "libown-dev < dep:generic/libown (host; wharf.toml:4)",
        ]
    );
    assert_eq!(
        shown(&needs.run),
        [
            "libown2t64 | libown2 < dep:generic/libown (host; wharf.toml:4)",
            "own-data < dep:generic/libown (host; wharf.toml:4)",
            "jq < dep:deb/debian/jq (run; wharf.toml:4)",
        ]
    );
    assert_eq!(needs.build[3].answered_by.to_string(), "wharf.toml:5");
    // The package's own word counts before the tables, the project's before that.
    let own = of_pyproject(
        "[external]\nhost-requires = [\"dep:generic/zlib\"]",
        "psycopg2's pyproject.toml",
    )
    .unwrap();
    let plain = ExternalProject::default();
    let needs = plain.needs_of(&pypi("psycopg2"), None, Some(&own));
    assert_eq!(
        shown(&needs.build),
        ["zlib1g-dev < dep:generic/zlib (host; psycopg2's pyproject.toml:2)"]
    );
    let needs = external.needs_of(&pypi("psycopg2"), None, Some(&own));
    assert_eq!(needs.build[0].origin.to_string(), "wharf.toml:3");
    let user = ExternalProject {
        user: read::table(&SourceText::new(
            Path::new("external.toml"),
            "\"pypi:psycopg2\" = [\"dep:generic/git\"]\n",
        ))
        .unwrap(),
        ..ExternalProject::default()
    };
    let needs = user.needs_of(&pypi("psycopg2"), None, None);
    assert_eq!(
        shown(&needs.run),
        ["git < dep:generic/git (host; external.toml:1)"]
    );
    assert_eq!(external.words().len(), 6, "{:?}", external.words());
    assert!(user.words().is_empty(), "the user's table is no input of a lock");
}

#[test]
fn what_nothing_answers_is_told() {
    let external =
        manifest("[external]\nhost-requires = [\"dep:generic/libnowhere\", \"dep:cargo/ripgrep\"]\n")
            .unwrap();
    let needs = external.own_needs();
    assert!(needs.build.is_empty() && needs.run.is_empty());
    let unanswered: Vec<String> = needs
        .unanswered
        .iter()
        .map(|each| format!("{} {}", each.dependency, each.origin))
        .collect();
    assert_eq!(
        unanswered,
        [
            "dep:generic/libnowhere wharf.toml:2",
            "dep:cargo/ripgrep wharf.toml:2"
        ]
    );
    assert!(external.needs_of(&pypi("idna"), Some("3.10"), None).is_empty());
}

#[test]
fn errors_point_and_advise() {
    for (text, expected) in [
        (
            "[external]\nhost-require = []",
            "hint: did you mean `host-requires`?",
        ),
        (
            "[external]\npsycopg2 = []",
            "hint: a package is written `\"pypi:NAME\"`",
        ),
        ("[external]\n\"gem:x\" = []", "`gem` is not an ecosystem"),
        (
            "[external]\n\"pypi:a b\" = []",
            "`a b` is not a valid pypi package name",
        ),
        (
            "[external]\n\"pypi:a\" = []\n\"pypi:A\" = []",
            "`pypi:A` stands here twice",
        ),
        (
            "[external]\n\"pypi:a\" = { requires = [] }",
            "there is no key `requires` in `pypi:a`",
        ),
        (
            "[external]\n\"pypi:a\" = { version = \"1\" }",
            "--> wharf.toml:2:24",
        ),
        (
            "[external]\n\"dep:generic/x\" = [\"x-dev\"]",
            "`dep:generic/x` must be a table",
        ),
        (
            "[external]\n\"dep:generic/x\" = { rpm = \"x\" }",
            "there is no key `rpm` in `dep:generic/x`",
        ),
        (
            "[external]\n\"dep:generic/x\" = {}",
            "hint: write for example `{ deb = { host = \"libpq-dev\"",
        ),
        (
            "[external]\n\"dep:generic/x\" = { deb = \"a>=1\" }",
            "hint: write `a (>= 1)`",
        ),
        (
            "[external]\n\"dep:generic/x@1\" = { deb = \"a\" }",
            "a name stands here without a version",
        ),
        (
            "[external]\n\"dep:generic/x\" = { deb = { dev = \"a\" } }",
            "there is no key `dev` in `deb`",
        ),
    ] {
        let error = manifest(text).unwrap_err();
        let hints: Vec<String> = error.hints.iter().map(|hint| format!("\nhint: {hint}")).collect();
        let shown = format!("{error}{}", hints.concat());
        assert!(shown.contains(expected), "{text}\n{shown}");
        assert!(shown.contains("--> wharf.toml:"), "{shown}");
    }
}

#[test]
fn the_shipped_table_is_whole() {
    let table = Table::shipped();
    let none = ExternalProject::default();
    let mut counts = std::collections::BTreeMap::new();
    for (package, _) in table.packages() {
        *counts.entry(package.ecosystem()).or_insert(0) += 1;
        let needs = none.answer(table.package(package, None).unwrap());
        assert!(needs.unanswered.is_empty(), "{package}: {:?}", needs.unanswered);
        assert!(!needs.is_empty(), "{package} needs nothing");
    }
    assert!(
        counts[&Ecosystem::Pypi] >= 50 && counts[&Ecosystem::Npm] >= 20,
        "{counts:?}"
    );
    for (name, role, relations) in table.names() {
        assert!(!relations.is_empty(), "{name} {role}");
    }
    // One version of a package has one entry.
    for (name, version, expected) in [
        ("cryptography", "2.9", false),
        ("cryptography", "43.0.1", true),
        ("cryptography", "not a version", true),
    ] {
        let needs = none.needs_of(&pypi(name), Some(version), None);
        let has_rust = needs
            .build
            .iter()
            .any(|each| each.relation.to_string() == "rustc");
        assert_eq!(has_rust, expected, "{name} {version}");
    }
}

#[test]
fn packages_that_the_issue_names_are_there() {
    let none = ExternalProject::default();
    for (package, expected) in [
        (pypi("psycopg2"), "libpq-dev"),
        (pypi("lxml"), "libxslt1-dev"),
        (pypi("pillow"), "libjpeg-dev"),
        (pypi("mysqlclient"), "default-libmysqlclient-dev"),
        (pypi("python-ldap"), "libldap-dev | libldap2-dev"),
        (pypi("pygobject"), "libcairo2-dev"),
        (pypi("uwsgi"), "libpcre2-dev"),
        (npm("canvas"), "libpango1.0-dev"),
        (npm("better-sqlite3"), "g++"),
        (npm("kerberos"), "libkrb5-dev"),
        (npm("node-gyp"), "python3"),
    ] {
        let needs = none.needs_of(&package, None, None);
        let relations: Vec<String> = needs.build.iter().map(|each| each.relation.to_string()).collect();
        assert!(
            relations.iter().any(|relation| relation == expected),
            "{package}: {relations:?}"
        );
        assert!(
            needs
                .build
                .iter()
                .all(|each| each.origin.to_string() == "the shipped table")
        );
    }
}

#[test]
fn markers_say_where_a_need_holds() {
    let environment = pep508_rs::MarkerEnvironment::try_from(pep508_rs::MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: "3.12.4",
        os_name: "posix",
        platform_machine: "x86_64",
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: "3.12.4",
        python_version: "3.12",
        sys_platform: "linux",
    })
    .unwrap();
    for (text, expected) in [
        ("dep:generic/x", true),
        ("dep:generic/x; platform_system == 'Linux'", true),
        ("dep:generic/x; sys_platform == 'win32'", false),
    ] {
        let read = ExternalDependency::from_str(text).unwrap();
        assert_eq!(read.applies(&environment), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]={}\", \n.@:/;<>0-9*+-]{0,120}") {
        let _ = manifest(&format!("[external]\n{text}"));
        let _ = of_pyproject(&format!("[external]\n{text}"), "x");
        if let Ok(read) = ExternalDependency::from_str(&format!("dep:{text}")) {
            prop_assert_eq!(ExternalDependency::from_str(&read.to_string()), Ok(read.clone()));
        }
    }
}
