//! Edits of crates. Invariant: what is not asked for stays byte for byte.

use std::path::Path;

use proptest::prelude::*;
use wharf_ecosystem::cargo::Manifest;

use super::*;

fn text<'a>(kind: ManifestKind, text: &'a str) -> CrateManifestText<'a> {
    let path = Path::new(match kind {
        ManifestKind::Cargo => "/work/Cargo.toml",
        ManifestKind::Pyproject => "/work/pyproject.toml",
        _ => "/work/wharf.toml",
    });
    CrateManifestText { kind, path, text }
}

fn name(text: &str) -> CrateName {
    crate_name(text).unwrap()
}

fn dependency(alias: &str, req: Option<&str>) -> CrateAddition {
    CrateAddition::new(&name(alias), req.map(str::to_owned))
}

fn added(manifest: &str, additions: &[CrateAddition]) -> String {
    let changed = add(text(ManifestKind::Cargo, manifest), additions).unwrap();
    assert!(Manifest::parse(&changed).is_ok(), "{changed}");
    changed
}

const PACKAGE: &str = "[package]\nname = \"a\" # mine\n";

#[test]
fn short_forms() {
    for (given, shown) in [
        ("serde", "serde - * 1.2.3-rc.1"),
        (" tokio@1.40 ", "tokio 1.40 1.40 1.40"),
        ("x@>=1, <3", "x >=1, <3 >=1, <3 >=1, <3"),
    ] {
        let short = parse_short(given).unwrap();
        let chosen: Version = "1.2.3-rc.1+build".parse().unwrap();
        let asked = short.req.as_deref().unwrap_or("-");
        assert_eq!(
            format!(
                "{} {asked} {} {}",
                short.name,
                short.asked(),
                short.written(&chosen)
            ),
            shown
        );
    }
    assert_eq!(parse_short("a@1").unwrap().range(), Req::parse("1").unwrap());
    for (given, written) in [
        (
            "a@git+https://example.org/r",
            "{ git = \"https://example.org/r\" }",
        ),
        (
            "a@git+ssh://git@example.org/r?branch=b",
            "{ git = \"ssh://git@example.org/r\", branch = \"b\" }",
        ),
        (
            "a@git+https://example.org/r#5f5f",
            "{ git = \"https://example.org/r\", rev = \"5f5f\" }",
        ),
    ] {
        let short = parse_short(given).unwrap();
        let manifest = CrateManifestText {
            kind: ManifestKind::Wharf,
            path: Path::new("wharf.toml"),
            text: "",
        };
        let text = add_tools(manifest, &[short.tool()]).unwrap();
        assert_eq!(text, format!("[cargo]\na = {written}\n"));
    }
    for wrong in ["", "a/b", "a@", "a@newest", "@1", "a@git+nowhere"] {
        let told = parse_short(wrong).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("`cargo:{wrong}` is not a requirement")),
            "{told}"
        );
    }
}

#[test]
fn dependencies_of_every_kind() {
    let build = CrateAddition {
        table: CrateTable {
            kind: DependencyKind::Build,
            target: None,
        },
        ..dependency("cc", Some("1.0"))
    };
    let windows = CrateAddition {
        table: CrateTable {
            kind: DependencyKind::Normal,
            target: Some("cfg(windows)".to_owned()),
        },
        source: CrateOrigin::Registry("corp".to_owned()),
        ..dependency("winapi", Some("0.3"))
    };
    let renamed = CrateAddition {
        package: Some(name("serde_json")),
        features: vec!["std".to_owned()],
        default_features: Some(false),
        ..dependency("json", Some("1"))
    };
    let git = CrateAddition {
        source: CrateOrigin::Git {
            url: "https://example.org/g".to_owned(),
            reference: GitReference::Branch("b".to_owned()),
        },
        ..dependency("g", None)
    };
    let path = CrateAddition {
        source: CrateOrigin::Path("../p".to_owned()),
        ..dependency("p", Some("0.1"))
    };
    let inherited = CrateAddition {
        source: CrateOrigin::Workspace,
        table: CrateTable {
            kind: DependencyKind::Dev,
            target: None,
        },
        ..dependency("w", None)
    };
    assert_eq!(
        added(
            PACKAGE,
            &[
                dependency("z", None),
                dependency("a", Some("1")),
                build,
                windows,
                renamed,
                git,
                path,
                inherited
            ]
        ),
        r#"[package]
name = "a" # mine

[dependencies]
a = "1"
g = { git = "https://example.org/g", branch = "b" }
json = { version = "1", package = "serde_json", default-features = false, features = ["std"] }
p = { version = "0.1", path = "../p" }
z = "*"

[build-dependencies]
cc = "1.0"

[target."cfg(windows)".dependencies]
winapi = { version = "0.3", registry = "corp" }

[dev-dependencies]
w.workspace = true
"#
    );
}

#[test]
fn what_is_there_stays() {
    let manifest = r#"[package]
name = "a"

[dependencies]
# about b
b = "1" # beside b
  d  =  { version = "2", features = ["x"] } # beside d
inherited.workspace = true

[dependencies.long]
version = "3" # beside the version
features = [
    "one", # first
]

[dev_dependencies]
old = "1"
"#;
    let features = |alias: &str, req: Option<&str>| CrateAddition {
        features: vec!["x".to_owned(), "y".to_owned()],
        ..dependency(alias, req)
    };
    let dev = CrateAddition {
        table: CrateTable {
            kind: DependencyKind::Dev,
            target: None,
        },
        ..dependency("new", Some("1"))
    };
    assert_eq!(
        added(
            manifest,
            &[
                features("b", None),
                features("d", Some("2.5")),
                features("inherited", None),
                dependency("long", Some("4")),
                dependency("c", Some("1")),
                dev
            ]
        ),
        r#"[package]
name = "a"

[dependencies]
# about b
b = { version = "1", features = ["x", "y"] } # beside b
c = "1"
  d  =  { version = "2.5", features = ["x", "y"] } # beside d
inherited = { workspace = true, features = ["x", "y"] }

[dependencies.long]
version = "4" # beside the version
features = [
    "one", # first
]

[dev_dependencies]
new = "1"
old = "1"
"#
    );
    let unsorted = "[package]\nname = \"a\"\n[dependencies]\nz = \"1\"\nb = \"1\"\n";
    assert_eq!(
        added(unsorted, &[dependency("c", Some("1"))]),
        format!("{unsorted}c = \"1\"\n")
    );
    assert_eq!(
        added(
            "[package]\nname = \"a\"\n[dependencies]\nw.workspace = true\n",
            &[dependency("w", Some("2"))]
        ),
        "[package]\nname = \"a\"\n[dependencies]\nw = \"2\"\n"
    );
}

#[test]
fn optional_dependencies_get_a_feature() {
    let optional = |alias: &str| CrateAddition {
        optional: Some(true),
        ..dependency(alias, Some("1"))
    };
    assert_eq!(
        added(PACKAGE, &[optional("x")]),
        format!(
            "{PACKAGE}\n[dependencies]\nx = {{ version = \"1\", optional = true }}\n\n[features]\nx = [\"dep:x\"]\n"
        )
    );
    for rest in ["[features]\nf = [\"dep:x\"]\n", "rust-version = \"1.59\"\n"] {
        let changed = added(&format!("{PACKAGE}{rest}"), &[optional("x")]);
        assert!(!changed.contains("\nx = [\"dep:x\"]"), "{changed}");
    }
    let off = CrateAddition {
        optional: Some(false),
        ..dependency("x", None)
    };
    let manifest = format!("{PACKAGE}[dependencies]\nx = {{ version = \"1\", optional = true }}\n");
    assert_eq!(
        added(&manifest, &[off]),
        format!("{PACKAGE}[dependencies]\nx = \"1\"\n")
    );
    let dev = CrateAddition {
        table: CrateTable {
            kind: DependencyKind::Dev,
            target: None,
        },
        ..optional("x")
    };
    assert!(add(text(ManifestKind::Cargo, PACKAGE), &[dev]).is_err());
}

#[test]
fn dependencies_go_with_what_speaks_of_them() {
    let manifest = r#"[package]
name = "a"

[dependencies]
keep = "1"
# about x
x = { version = "1", optional = true }

[dev-dependencies]
x = "1"

[target.'cfg(unix)'.dependencies]
x = "1"

[features]
default = ["x/std", "keep/std"]
all = [
    "dep:x",
    "x?/more", # only then
    "keep/std",
]
"#;
    let changed = |aliases: &[&str], only: Option<&CrateTable>| {
        let aliases: Vec<String> = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        remove(text(ManifestKind::Cargo, manifest), &aliases, only).unwrap()
    };
    let (left, removed) = changed(&["x", "missing"], None);
    assert_eq!(
        left,
        r#"[package]
name = "a"

[dependencies]
keep = "1"

[features]
default = ["keep/std"]
all = [
    "keep/std",
]
"#
    );
    assert_eq!(removed.len(), 3);
    let dev = CrateTable {
        kind: DependencyKind::Dev,
        target: None,
    };
    let (left, removed) = changed(&["x"], Some(&dev));
    assert_eq!(left, manifest.replace("[dev-dependencies]\nx = \"1\"\n\n", ""));
    assert_eq!(removed[0].table, dev);
}

fn tool(crate_: &str, req: Option<&str>) -> ToolAddition {
    ToolAddition::new(name(crate_), req.map(str::to_owned))
}

#[test]
fn tools_in_both_files() {
    let rich = ToolAddition {
        features: vec!["f".to_owned()],
        bins: vec!["one".to_owned()],
        default_features: Some(false),
        locked: Some(false),
        ..tool("rich", Some("1"))
    };
    let git = ToolAddition {
        source: CrateOrigin::Git {
            url: "https://example.org/g".to_owned(),
            reference: GitReference::DefaultBranch,
        },
        all_features: Some(true),
        ..tool("g", None)
    };
    let all = [tool("ripgrep", Some("14")), rich, git];
    let table = r#"g = { git = "https://example.org/g", all-features = true }
rich = { version = "1", default-features = false, locked = false, features = ["f"], bins = ["one"] }
ripgrep = "14"
"#;
    let add_to = |kind, manifest: &str| add_tools(text(kind, manifest), &all).unwrap();
    assert_eq!(
        add_to(ManifestKind::Wharf, "[pypi]\nx = \"*\"\n"),
        format!("[pypi]\nx = \"*\"\n\n[cargo]\n{table}")
    );
    assert_eq!(
        add_to(ManifestKind::Pyproject, "[project]\nname = \"x\"\n"),
        format!("[project]\nname = \"x\"\n\n[tool.wharf.cargo]\n{table}")
    );
    let cargo_toml = add_tools(text(ManifestKind::Cargo, PACKAGE), &all).unwrap_err();
    assert!(cargo_toml.to_string().contains("no place for tools"));
    let folder = ToolAddition {
        source: CrateOrigin::Path(".".to_owned()),
        ..tool("x", None)
    };
    assert!(add_tools(text(ManifestKind::Wharf, ""), &[folder]).is_err());
}

#[test]
fn tools_are_changed_and_taken_out() {
    let manifest = "[cargo]\n# a word\ncargo_deny = \"0.16\" # why\njust = { version = \"1\" }\n\n[pypi]\n";
    let changed = add_tools(
        text(ManifestKind::Wharf, manifest),
        &[tool("cargo-deny", Some("0.18"))],
    )
    .unwrap();
    assert_eq!(changed, manifest.replace("0.16", "0.18"));
    let (left, removed) = remove_tools(
        text(ManifestKind::Wharf, manifest),
        &[name("cargo-deny"), name("other")],
    )
    .unwrap();
    assert_eq!(left, "[cargo]\njust = { version = \"1\" }\n\n[pypi]\n");
    assert_eq!(removed, [name("cargo-deny")]);
    let (left, _) = remove_tools(text(ManifestKind::Wharf, &left), &[name("just")]).unwrap();
    assert_eq!(left.trim(), "[pypi]");
}

#[test]
fn the_project_says_what_a_crate_is() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("mixed/wharf.toml", "[cargo]\n");
    write("mixed/Cargo.toml", "[workspace]\nmembers = ['m']\n");
    write("mixed/m/Cargo.toml", PACKAGE);
    write("alone/Cargo.toml", PACKAGE);
    write("py/requirements.txt", "");
    let at = |project: &str, folder: &str, meant| {
        let project = Project::read(&root.path().join(project), &crate::Options::default())
            .unwrap()
            .unwrap();
        match home(&project, &root.path().join(folder), meant) {
            Ok(CrateHome::Tools { path, .. }) | Ok(CrateHome::Package { path, .. }) => path
                .strip_prefix(root.path())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
            Err(error) => error.to_string().split(": ").last().unwrap().to_owned(),
        }
    };
    use Meant::{Dependency, Tool, Unsaid};
    for (project, folder, meant, expected) in [
        ("mixed", "mixed", Unsaid, "mixed/wharf.toml"),
        ("mixed", "mixed/m/src", Unsaid, "mixed/m/Cargo.toml"),
        ("mixed", "mixed/m", Tool, "mixed/wharf.toml"),
        (
            "mixed",
            "mixed",
            Dependency,
            "it describes a workspace and no package",
        ),
        ("alone", "alone", Unsaid, "alone/Cargo.toml"),
        (
            "alone",
            "alone",
            Tool,
            "it has no place for tools that are built from crates",
        ),
        (
            "py",
            "py",
            Unsaid,
            "it has no place for tools that are built from crates",
        ),
        (
            "py",
            "py",
            Dependency,
            "the project has no Cargo.toml, and a dependency belongs into one",
        ),
    ] {
        assert_eq!(
            at(project, folder, meant),
            expected,
            "{project} {folder} {meant:?}"
        );
    }
}

proptest! {
    #[test]
    fn adding_and_removing_leaves_the_rest(
        comment in "[a-z #]{0,8}",
        others in proptest::collection::btree_set("[b-y]{1,4}", 0..4),
        sorted in any::<bool>(),
    ) {
        let mut others: Vec<String> = others.into_iter().collect();
        if !sorted {
            others.reverse();
        }
        let lines: String = others.iter().map(|other| format!("# {comment}\n{other} = \"1\" # {comment}\n")).collect();
        let manifest = format!("{PACKAGE}\n[dependencies]\n{lines}keep = {{ version = \"2\" }}\n\n[lib]\npath = \"x\"\n");
        if Manifest::parse(&manifest).is_ok() {
            let once = added(&manifest, &[dependency("new-one", Some("1"))]);
            prop_assert_eq!(&added(&once, &[dependency("new-one", Some("1"))]), &once);
            let (left, removed) = remove(text(ManifestKind::Cargo, &once), &["new-one".to_owned()], None).unwrap();
            prop_assert_eq!(removed.len(), 1);
            prop_assert_eq!(left, manifest);
        }
    }
}
