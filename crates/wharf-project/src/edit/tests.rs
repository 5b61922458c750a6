//! Tests of edits: what was asked for is there, and nothing else moved.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn manifest<'a>(kind: ManifestKind, text: &'a str, group: &'a Group) -> Manifest<'a> {
    let path = match kind {
        ManifestKind::Wharf => "/work/app/wharf.toml",
        ManifestKind::Pyproject => "/work/app/pyproject.toml",
        ManifestKind::Requirements => "/work/app/requirements.txt",
        ManifestKind::PackageJson => "/work/app/package.json",
        ManifestKind::Cargo => "/work/app/Cargo.toml",
    };
    Manifest {
        kind,
        path: Path::new(path),
        text,
        group,
    }
}

fn addition(text: &str, group: Group) -> Addition {
    Addition {
        text: text.to_owned(),
        group,
        editable: false,
        index: None,
    }
}

fn add_one(kind: ManifestKind, text: &str, requirement: &str, group: Group) -> String {
    add(
        manifest(kind, text, &Group::Main),
        &[addition(requirement, group)],
    )
    .unwrap()
}

fn remove_one(kind: ManifestKind, text: &str, name: &str) -> String {
    remove(
        manifest(kind, text, &Group::Main),
        &[PackageName::pypi(name).unwrap()],
        None,
    )
    .unwrap()
    .0
}

#[test]
fn what_is_added_comes_after_comments_that_stand_alone() {
    for (text, expected) in [
        ("", "[pypi]\nb = \"*\"\n"),
        ("\n\n", "[pypi]\nb = \"*\"\n"),
        ("# about\n# us", "# about\n# us\n\n[pypi]\nb = \"*\"\n"),
        ("# about us\n\n\n", "# about us\n\n[pypi]\nb = \"*\"\n"),
    ] {
        assert_eq!(add_one(ManifestKind::Wharf, text, "b", Group::Main), expected);
    }
    let path = Path::new("/work/app/wharf.toml");
    let (kind, text) = (ManifestKind::Wharf, "# about us\n");
    let package = npm::NpmAddition {
        alias: "b".to_owned(),
        text: "^1".to_owned(),
        kind: wharf_ecosystem::npm::EdgeKind::Prod,
    };
    let manifest = npm::NpmManifest { kind, path, text };
    assert_eq!(
        npm::add(manifest, &[package]).unwrap(),
        "# about us\n\n[npm]\nb = \"^1\"\n"
    );
    let tool = cargo::ToolAddition::new(
        wharf_ecosystem::cargo::crate_name("just").unwrap(),
        Some("1".to_owned()),
    );
    let manifest = cargo::CrateManifestText { kind, path, text };
    assert_eq!(
        cargo::add_tools(manifest, &[tool]).unwrap(),
        "# about us\n\n[cargo]\njust = \"1\"\n"
    );
}

#[test]
fn wharf_toml_keeps_its_form() {
    let text =
        "# top\n[pypi]\n# about a\na = \"*\" # beside a\n\nc = { version = \"*\" }  # beside c\n\n[policy]\n";
    for (requirement, group, expected) in [
        (
            "b>=1",
            Group::Main,
            "# top\n[pypi]\n# about a\na = \"*\" # beside a\nb = \">=1\"\n\nc = { version = \"*\" }  # beside c\n\n[policy]\n",
        ),
        (
            "A==2",
            Group::Main,
            "# top\n[pypi]\n# about a\na = \"==2\" # beside a\n\nc = { version = \"*\" }  # beside c\n\n[policy]\n",
        ),
        (
            "t",
            Group::Dev,
            "# top\n[pypi]\n# about a\na = \"*\" # beside a\n\nc = { version = \"*\" }  # beside c\n\n[policy]\n\n[dev.pypi]\nt = \"*\"\n",
        ),
        (
            "t[x]>=1 ; os_name == 'nt'",
            Group::Named("docs".to_owned()),
            "# top\n[pypi]\n# about a\na = \"*\" # beside a\n\nc = { version = \"*\" }  # beside c\n\n[policy]\n\n[groups.docs.pypi]\nt = { version = \">=1\", extras = [\"x\"], marker = \"os_name == 'nt'\" }\n",
        ),
    ] {
        assert_eq!(
            add_one(ManifestKind::Wharf, text, requirement, group),
            expected,
            "{requirement}"
        );
    }
    assert_eq!(
        add_one(
            ManifestKind::Wharf,
            "",
            "g @ git+https://git.example.org/g@v1#subdirectory=s",
            Group::Main
        ),
        "[pypi]\ng = { git = \"https://git.example.org/g\", rev = \"v1\", subdirectory = \"s\" }\n"
    );
    assert_eq!(
        remove_one(ManifestKind::Wharf, text, "C"),
        "# top\n[pypi]\n# about a\na = \"*\" # beside a\n\n[policy]\n"
    );
}

#[test]
fn pyproject_lists_keep_their_form() {
    let multi = "[project]\nname = \"x\"\ndependencies = [\n    \"a>=1\", # about a\n    # above b\n    \"b\",  # about b\n]\n";
    let single = "[project]\nname = \"x\"\ndependencies = [\"a\", \"b\"]\n";
    let bare = "[project]\nname = \"x\"\ndependencies = [\n  \"a\" # about a\n]\n";
    for (text, requirement, group, expected) in [
        (
            multi,
            "c==1",
            Group::Main,
            multi.replace("about b\n]", "about b\n    \"c==1\",\n]"),
        ),
        (multi, "B[x]>2", Group::Main, multi.replace("\"b\"", "\"b[x]>2\"")),
        (
            single,
            "c",
            Group::Main,
            single.replace("\"b\"]", "\"b\", \"c\"]"),
        ),
        (
            bare,
            "c",
            Group::Main,
            bare.replace("\"a\" # about a\n]", "\"a\", # about a\n  \"c\",\n]"),
        ),
        (
            "[project]\nname = \"x\"\n",
            "c",
            Group::Main,
            "[project]\nname = \"x\"\ndependencies = [\n    \"c\",\n]\n".to_owned(),
        ),
        (
            single,
            "c",
            Group::Dev,
            format!("{single}\n[dependency-groups]\ndev = [\n    \"c\",\n]\n"),
        ),
        (
            single,
            "c",
            Group::Extra("fast".to_owned()),
            format!("{single}\n[project.optional-dependencies]\nfast = [\n    \"c\",\n]\n"),
        ),
    ] {
        assert_eq!(
            add_one(ManifestKind::Pyproject, text, requirement, group),
            expected,
            "{requirement} in\n{text}"
        );
    }
    for (text, name, expected) in [
        (
            multi,
            "a",
            "[project]\nname = \"x\"\ndependencies = [\n    # above b\n    \"b\",  # about b\n]\n",
        ),
        (
            multi,
            "b",
            "[project]\nname = \"x\"\ndependencies = [\n    \"a>=1\", # about a\n]\n",
        ),
        (single, "a", "[project]\nname = \"x\"\ndependencies = [\"b\"]\n"),
        (single, "b", "[project]\nname = \"x\"\ndependencies = [\"a\"]\n"),
    ] {
        assert_eq!(
            remove_one(ManifestKind::Pyproject, text, name),
            expected,
            "{name} from\n{text}"
        );
    }
    let dynamic = "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n";
    let error = add(
        manifest(ManifestKind::Pyproject, dynamic, &Group::Main),
        &[addition("c", Group::Main)],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot change `/work/app/pyproject.toml`: `dependencies` is dynamic in this project"
    );
}

#[test]
fn requirements_files_keep_their_lines() {
    let text = "# top\n-i https://example.org/simple\na==1 \\\n    --hash=sha256:00  # pinned\nb  # why b\n-e git+https://git.example.org/c#egg=c";
    for (requirement, expected) in [
        ("d>=1", format!("{text}\nd>=1\n")),
        ("B>=2", text.replace("b  # why b", "b>=2  # why b")),
        (
            "a==2",
            text.replace("a==1 \\\n    --hash=sha256:00  # pinned", "a==2  # pinned"),
        ),
    ] {
        assert_eq!(
            add_one(ManifestKind::Requirements, text, requirement, Group::Main),
            expected,
            "{requirement}"
        );
    }
    assert_eq!(
        remove_one(ManifestKind::Requirements, text, "a"),
        text.replace("a==1 \\\n    --hash=sha256:00  # pinned\n", "")
    );
    assert_eq!(
        remove_one(ManifestKind::Requirements, text, "C"),
        text.replace("-e git+https://git.example.org/c#egg=c", "")
    );
    assert_eq!(
        add_one(ManifestKind::Requirements, "a\r\n", "b", Group::Main),
        "a\r\nb\r\n"
    );
}

#[test]
fn what_cannot_be_added_is_refused() {
    for (kind, requirement) in [
        (ManifestKind::Wharf, "a b"),
        (ManifestKind::Pyproject, ">=1"),
        (ManifestKind::Requirements, "a @"),
    ] {
        let error = add(
            manifest(kind, "", &Group::Main),
            &[addition(requirement, Group::Main)],
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("`{requirement}` is not a requirement")),
            "{error}"
        );
    }
}

fn requirements() -> impl Strategy<Value = String> {
    (
        "[a-f]",
        prop_oneof![Just(String::new()), "(>=|==)[1-9]\\.[0-9]"],
        prop_oneof![Just(""), Just(" ; os_name == 'nt'")],
    )
        .prop_map(|(name, version, marker)| format!("{name}{version}{marker}"))
}

fn group() -> impl Strategy<Value = Group> {
    prop_oneof![
        Just(Group::Main),
        Just(Group::Dev),
        Just(Group::Named("docs".to_owned())),
        Just(Group::Extra("fast".to_owned()))
    ]
}

/// The requirements that a manifest's text states.
fn stated(kind: ManifestKind, text: &str) -> Vec<(Group, String)> {
    let mut stated = crate::stated::Stated::default();
    let path = Path::new("/work/app");
    let base = Base {
        root: path,
        folder: path,
    };
    let source = crate::text::SourceText::new(Path::new("manifest"), text);
    match kind {
        ManifestKind::Wharf => crate::manifest::parse(&source, base, &mut stated).unwrap(),
        _ => crate::pyproject::parse(&source, base, &mut stated).unwrap(),
    }
    stated
        .roots
        .iter()
        .map(|root| (root.group.clone(), root.to_string()))
        .collect()
}

proptest! {
    #[test]
    fn what_is_added_is_read_back(
        kind in prop_oneof![Just(ManifestKind::Wharf), Just(ManifestKind::Pyproject)],
        edits in proptest::collection::vec((requirements(), group()), 1..6),
    ) {
        let mut text = "# head\n[project]\nname = \"x\"\n".to_owned();
        for (requirement, group) in &edits {
            let before = stated(kind, &text);
            text = add_one(kind, &text, requirement, group.clone());
            let after = stated(kind, &text);
            let root = parse_requirement(requirement, Base { root: Path::new("/"), folder: Path::new("/") })
                .unwrap()
                .into_root(group.clone(), wharf_core::Origin::label("test"));
            prop_assert!(after.contains(&(group.clone(), root.to_string())), "{}", text);
            let others = |list: &[(Group, String)]| {
                let own = |entry: &&(Group, String)| !(entry.0 == *group && entry.1[..1] == requirement[..1]);
                list.iter().filter(own).cloned().collect::<std::collections::BTreeSet<_>>()
            };
            prop_assert_eq!(others(&before), others(&after));
        }
        for (requirement, group) in &edits {
            let name = PackageName::pypi(&requirement[..1]).unwrap();
            text = remove(manifest(kind, &text, &Group::Main), &[name], Some(group)).unwrap().0;
        }
        prop_assert!(stated(kind, &text).is_empty(), "{}", text);
        prop_assert!(text.starts_with("# head\n[project]\nname = \"x\"\n"));
    }

    #[test]
    fn a_line_added_and_removed_leaves_the_file(
        lines in proptest::collection::vec("([g-k]==[1-9]|# [a-z]{0,5}|-i https://example\\.org/[a-z]|)", 0..6),
        requirement in requirements(),
    ) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let added = add_one(ManifestKind::Requirements, &text, &requirement, Group::Main);
        prop_assert_eq!(remove_one(ManifestKind::Requirements, &added, &requirement[..1]), text);
    }
}
