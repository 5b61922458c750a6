//! Tests of npm's edits: what was asked for is there, and nothing else moved.

use std::path::Path;

use proptest::prelude::*;
use wharf_ecosystem::npm::{EdgeKind, Spec, Version};

use super::npm::*;
use crate::project::ManifestKind;

fn manifest(kind: ManifestKind, text: &str) -> NpmManifest<'_> {
    let path = match kind {
        ManifestKind::PackageJson => "/work/app/package.json",
        _ => "/work/app/wharf.toml",
    };
    NpmManifest {
        kind,
        path: Path::new(path),
        text,
    }
}

fn addition(alias: &str, text: &str, kind: EdgeKind) -> NpmAddition {
    NpmAddition {
        alias: alias.to_owned(),
        text: text.to_owned(),
        kind,
    }
}

fn added(kind: ManifestKind, text: &str, alias: &str, spec: &str, edge: EdgeKind) -> String {
    add(manifest(kind, text), &[addition(alias, spec, edge)]).unwrap()
}

fn removed(kind: ManifestKind, text: &str, alias: &str) -> String {
    remove(manifest(kind, text), &[alias.to_owned()], None).unwrap().0
}

#[test]
fn package_json_keeps_its_form() {
    let check = |text: &str, alias: &str, kind: EdgeKind, expected: &str| {
        let after = added(ManifestKind::PackageJson, text, alias, "^1.0.0", kind);
        assert_eq!(after, expected, "{text}");
        crate::json::parse(
            &crate::SourceText::new(Path::new("p"), &after),
            crate::json::Dialect::Strict,
        )
        .unwrap();
    };
    let two = "{\n  \"name\": \"x\",\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"c\": \"3\"\n  }\n}\n";
    check(
        two,
        "b",
        EdgeKind::Prod,
        &two.replace("    \"c\"", "    \"b\": \"^1.0.0\",\n    \"c\""),
    );
    check(
        two,
        "@s/b",
        EdgeKind::Prod,
        &two.replace("    \"a\"", "    \"@s/b\": \"^1.0.0\",\n    \"a\""),
    );
    check(
        two,
        "d",
        EdgeKind::Prod,
        &two.replace("\"3\"", "\"3\",\n    \"d\": \"^1.0.0\""),
    );
    check(two, "a", EdgeKind::Prod, &two.replace("\"1\"", "\"^1.0.0\""));
    check(
        two,
        "d",
        EdgeKind::Dev,
        &two.replace(
            "  }\n}",
            "  },\n  \"devDependencies\": {\n    \"d\": \"^1.0.0\"\n  }\n}",
        ),
    );
    check(
        two,
        "a",
        EdgeKind::Dev,
        "{\n  \"name\": \"x\",\n  \"dependencies\": {\n    \"c\": \"3\"\n  },\n  \"devDependencies\": {\n    \"a\": \"^1.0.0\"\n  }\n}\n",
    );
    // Another order is its author's choice; tabs, line ends and what follows the last brace are theirs, too.
    check(
        "{\r\n\t\"dependencies\": {\r\n\t\t\"z\": \"1\",\r\n\t\t\"a\": \"1\"\r\n\t}\r\n}",
        "m",
        EdgeKind::Prod,
        "{\r\n\t\"dependencies\": {\r\n\t\t\"z\": \"1\",\r\n\t\t\"a\": \"1\",\r\n\t\t\"m\": \"^1.0.0\"\r\n\t}\r\n}",
    );
    check(
        "{}",
        "a",
        EdgeKind::Prod,
        "{\n  \"dependencies\": {\n    \"a\": \"^1.0.0\"\n  }\n}",
    );
    check(
        "{\"name\":\"x\"}",
        "a",
        EdgeKind::Prod,
        "{\"name\":\"x\",\"dependencies\":{\"a\":\"^1.0.0\"}}",
    );
    check(
        "{\n    \"devDependencies\": {},\n    \"x\": 1\n}\n",
        "a",
        EdgeKind::Dev,
        "{\n    \"devDependencies\": {\n        \"a\": \"^1.0.0\"\n    },\n    \"x\": 1\n}\n",
    );
    check(
        "{\n  \"devDependencies\": {\n    \"d\": \"1\"\n  }\n}\n",
        "a",
        EdgeKind::Prod,
        "{\n  \"dependencies\": {\n    \"a\": \"^1.0.0\"\n  },\n  \"devDependencies\": {\n    \"d\": \"1\"\n  }\n}\n",
    );
    check(
        "{\n  \"name\": \"x\"\n}\n",
        "p",
        EdgeKind::OptionalPeer,
        "{\n  \"name\": \"x\",\n  \"peerDependencies\": {\n    \"p\": \"^1.0.0\"\n  },\n  \"peerDependenciesMeta\": {\n    \"p\": {\n      \"optional\": true\n    }\n  }\n}\n",
    );
}

#[test]
fn removing_takes_every_table() {
    let text = "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"b\": \"1\"\n  },\n  \"peerDependencies\": {\n    \"a\": \"1\"\n  },\n  \"peerDependenciesMeta\": {\n    \"a\": { \"optional\": true }\n  },\n  \"x\": 1\n}\n";
    let (after, removed) =
        remove(manifest(ManifestKind::PackageJson, text), &["a".to_owned()], None).unwrap();
    assert_eq!(
        after,
        "{\n  \"dependencies\": {\n    \"b\": \"1\"\n  },\n  \"x\": 1\n}\n"
    );
    let kinds: Vec<_> = removed.iter().map(|removed| removed.kind).collect();
    assert_eq!(kinds, [EdgeKind::Prod, EdgeKind::Peer]);
    let (after, _) = remove(
        manifest(ManifestKind::PackageJson, text),
        &["a".to_owned()],
        Some(EdgeKind::Prod),
    )
    .unwrap();
    assert_eq!(after, text.replace("    \"a\": \"1\",\n", ""));
}

#[test]
fn twofold_keys_are_not_edited() {
    let text = "{\"dependencies\": {\"a\": \"1\", \"a\": \"2\"}}";
    let error = add(
        manifest(ManifestKind::PackageJson, text),
        &[addition("b", "1", EdgeKind::Prod)],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot change `/work/app/package.json`: `a` stands twice in one object, first in package.json:1"
    );
}

#[test]
fn wharf_toml_keeps_its_form() {
    let text = "# top\n[npm]\na = \"1\" # one\nc = { version = \"3\" }\n\n[dev.npm]\nd = \"1\"\n";
    let wharf = ManifestKind::Wharf;
    assert_eq!(
        added(wharf, text, "b", "^1", EdgeKind::Prod),
        text.replace("c =", "b = \"^1\"\nc =")
    );
    assert_eq!(
        added(wharf, text, "a", "^2", EdgeKind::Prod),
        text.replace("\"1\" # one", "\"^2\" # one")
    );
    assert_eq!(
        added(wharf, text, "@s/x", "^2", EdgeKind::Dev),
        text.replace("d = \"1\"", "\"@s/x\" = \"^2\"\nd = \"1\"")
    );
    assert_eq!(
        added(wharf, text, "d", "^2", EdgeKind::Optional),
        text.replace(
            "[dev.npm]\nd = \"1\"\n",
            "[dev.npm]\n\n[optional.npm]\nd = \"^2\"\n"
        )
    );
    assert_eq!(removed(wharf, text, "d"), text.replace("d = \"1\"\n", ""));
    assert!(add(manifest(wharf, text), &[addition("p", "1", EdgeKind::Peer)]).is_err());
}

#[test]
fn approvals_find_their_place() {
    let one = ["npm:esbuild@0.25.0".parse().unwrap()];
    let approved = |kind, text: &str| approve(manifest(kind, text), &one).unwrap();
    assert_eq!(
        approved(ManifestKind::PackageJson, "{\n  \"name\": \"x\"\n}\n"),
        "{\n  \"name\": \"x\",\n  \"wharf\": {\n    \"policy\": {\n      \"scripts\": [\n        \"npm:esbuild@0.25.0\"\n      ]\n    }\n  }\n}\n"
    );
    let again = approved(
        ManifestKind::PackageJson,
        &approved(ManifestKind::PackageJson, "{\n  \"name\": \"x\"\n}\n"),
    );
    assert_eq!(again.matches("esbuild").count(), 1);
    assert_eq!(
        approved(ManifestKind::Wharf, "[npm]\n\n[dev.npm]\na = \"1\"\n"),
        "[npm]\n\n[dev.npm]\na = \"1\"\n\n[policy]\nscripts = [\n    \"npm:esbuild@0.25.0\",\n]\n"
    );
    assert_eq!(
        approved(ManifestKind::Wharf, "[npm]\n\n[policy]\ncooldown = \"7d\"\n"),
        "[npm]\n\n[policy]\ncooldown = \"7d\"\nscripts = [\n    \"npm:esbuild@0.25.0\",\n]\n"
    );
    assert_eq!(
        approved(
            ManifestKind::Wharf,
            "[policy]\nscripts = [\"npm:a\", \"npm:esbuild@0.25.0\"]\n"
        ),
        "[policy]\nscripts = [\"npm:a\", \"npm:esbuild@0.25.0\"]\n"
    );
    let text = "[policy]\nscripts = [\"deb:locales@1\", \"npm:a\", \"deb:locales@2\", \"npm:locales\"]\n";
    let debs = ["deb:locales@3", "deb:tzdata@1"].map(|text| text.parse().unwrap());
    assert_eq!(
        approve(manifest(ManifestKind::Wharf, text), &debs).unwrap(),
        "[policy]\nscripts = [\"npm:a\", \"npm:locales\", \"deb:locales@3\", \"deb:tzdata@1\"]\n"
    );
}

#[test]
fn short_forms_are_read() {
    for (text, alias, spec) in [
        ("react", Some("react"), None),
        ("@types/node", Some("@types/node"), None),
        ("vite@^7", Some("vite"), Some("^7")),
        ("@s/n@next", Some("@s/n"), Some("next")),
        ("a@npm:b@1", Some("a"), Some("npm:b@1")),
        ("a@workspace:*", Some("a"), Some("workspace:*")),
        ("a@file:../a", Some("a"), Some("file:../a")),
        ("a@>=1 <2", Some("a"), Some(">=1 <2")),
        ("user/repo#v1", None, Some("user/repo#v1")),
        ("./local", None, Some("file:./local")),
        (
            "git@example.org:user/repo.git",
            None,
            Some("git@example.org:user/repo.git"),
        ),
        (
            "https://example.org/a.tgz",
            None,
            Some("https://example.org/a.tgz"),
        ),
    ] {
        let short = parse_short(text).unwrap();
        assert_eq!(
            (short.alias.as_deref(), short.spec.is_some()),
            (alias, spec.is_some()),
            "{text}"
        );
        assert_eq!(short.text, spec.unwrap_or_default(), "{text}");
    }
    for text in ["", "a b", "@s", "a@^^x y"] {
        assert!(parse_short(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_written_follows_the_choice() {
    let chosen = Version::parse("7.1.2").unwrap();
    for (text, prefix, expected) in [
        ("vite", "^", "^7.1.2"),
        ("vite", "", "7.1.2"),
        ("vite@next", "~", "~7.1.2"),
        ("vite@^7", "^", "^7"),
        ("vite@7.1.2", "^", "7.1.2"),
        ("v@npm:vite", "^", "npm:vite@^7.1.2"),
        ("v@npm:vite@beta", "^", "npm:vite@^7.1.2"),
        ("v@npm:vite@7", "^", "npm:vite@7"),
        ("vite@file:x", "^", "file:x"),
    ] {
        let short = parse_short(text).unwrap();
        assert_eq!(short.written(&chosen, prefix), expected, "{text}");
    }
    assert!(matches!(parse_short("a@next").unwrap().spec, Some(Spec::Tag(_))));
}

/// Texts of package.json files in many forms.
fn package_json() -> impl Strategy<Value = String> {
    let table = prop::collection::btree_map("[a-m]{1,3}|@[a-z]/[a-m]{1,2}", "[0-9]", 1..5);
    let tables = prop::collection::btree_map(
        prop::sample::select(vec![
            "dependencies",
            "devDependencies",
            "name",
            "zzz",
            "optionalDependencies",
        ]),
        table,
        0..4,
    );
    let forms = prop::sample::select(vec![("\n", "  "), ("\n", "\t"), ("\r\n", "    "), ("", "")]);
    (tables, forms, any::<bool>(), any::<bool>()).prop_map(|(tables, (newline, unit), spaced, ended)| {
        let colon = if spaced { ": " } else { ":" };
        let members = |entries: Vec<String>, depth: usize| {
            if entries.is_empty() {
                return "{}".to_owned();
            }
            let line = format!("{newline}{}", unit.repeat(depth));
            let close = format!("{newline}{}", unit.repeat(depth - 1));
            format!("{{{line}{}{close}}}", entries.join(&format!(",{line}")))
        };
        let tables = tables.into_iter().map(|(name, table)| {
            let entries = table
                .into_iter()
                .map(|(key, value)| format!("\"{key}\"{colon}\"{value}\""));
            format!("\"{name}\"{colon}{}", members(entries.collect(), 2))
        });
        let text = members(tables.collect(), 1);
        if ended {
            text + if newline.is_empty() { "\n" } else { newline }
        } else {
            text
        }
    })
}

proptest! {
    #[test]
    fn what_is_added_and_removed_leaves_no_trace(
        text in package_json(),
        alias in "[n-z]{1,3}|@[a-z]/[n-z]{1,2}",
        kind in prop::sample::select(vec![EdgeKind::Prod, EdgeKind::Dev, EdgeKind::Optional, EdgeKind::Peer, EdgeKind::OptionalPeer]),
    ) {
        let with = added(ManifestKind::PackageJson, &text, &alias, "^1.2.3", kind);
        let source = crate::SourceText::new(Path::new("package.json"), &with);
        let root = crate::json::parse(&source, crate::json::Dialect::Strict).unwrap();
        let table = match kind {
            EdgeKind::Prod => "dependencies",
            EdgeKind::Dev => "devDependencies",
            EdgeKind::Optional => "optionalDependencies",
            EdgeKind::Peer | EdgeKind::OptionalPeer => "peerDependencies",
        };
        let written = root.get(table).and_then(|table| table.get(&alias)).and_then(crate::yaml::Node::text);
        prop_assert_eq!(written, Some("^1.2.3"));
        prop_assert_eq!(removed(ManifestKind::PackageJson, &with, &alias), text);
    }

    #[test]
    fn wharf_toml_is_left_as_it_was(
        names in prop::collection::btree_set("[a-m]{1,4}", 1..5),
        alias in "[n-z]{1,3}",
    ) {
        let entries: Vec<String> = names.iter().map(|name| format!("{name} = \"^1\"  # {name}\n")).collect();
        let text = format!("# top\n[pypi]\nx = \"*\"\n\n[npm]\n{}\n[dev.npm]\n", entries.concat());
        let with = added(ManifestKind::Wharf, &text, &alias, "^2", EdgeKind::Prod);
        let line = format!("{alias} = \"^2\"\n");
        prop_assert!(with.contains(&line));
        prop_assert_eq!(removed(ManifestKind::Wharf, &with, &alias), text);
    }
}
