//! Workspaces on disk. Source: the Cargo book, "Workspaces".

use std::fs;
use std::path::Path;

use wharf_core::Explain;

use super::*;
use crate::project::{ManifestKind, Options, Project};

/// Writes files below a folder.
fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// `work` in a folder of its own with these files in it.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("work")).unwrap();
    write(&root.path().join("work"), files);
    root
}

fn discover(root: &tempfile::TempDir, folder: &str) -> Result<Project, ProjectErrorText> {
    let mut options = Options::default();
    let home = root.path().join("home").to_string_lossy().into_owned();
    options.environment.insert("HOME".to_owned(), home);
    let start = root.path().join("work").join(folder);
    Project::discover(&start, &options).map_err(|error| {
        let hints = error.hints().join("; ");
        format!("{}: {error}\nhint: {hints}", error.code()).replace(&*root.path().to_string_lossy(), "~")
    })
}

type ProjectErrorText = String;

fn crates(root: &tempfile::TempDir, folder: &str) -> CargoProject {
    discover(root, folder).unwrap().cargo.unwrap()
}

fn refused(files: &[(&str, &str)], folder: &str, expected: &[&str]) {
    let root = tree(files);
    let told = discover(&root, folder).map(|_| ()).unwrap_err();
    for part in expected {
        assert!(told.contains(part), "`{part}` is missing in:\n{told}");
    }
}

fn package(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
}

fn paths(members: &[CargoMember]) -> Vec<&str> {
    members.iter().map(|member| member.path.as_str()).collect()
}

/// The dependencies of a member, each with where it leads.
fn leads(member: &CargoMember) -> Vec<String> {
    let needs = member.summary.dependencies.iter();
    needs
        .map(|need| {
            format!(
                "{} {} {} {}",
                need.kind.as_str(),
                need.alias,
                need.req,
                need.source
            )
        })
        .collect()
}

#[test]
fn a_package_of_its_own() {
    let root = tree(&[
        (
            "Cargo.toml",
            &package("one", "[dependencies]\nserde = '1'\nnear = { path = 'near' }\n"),
        ),
        (
            "near/Cargo.toml",
            &package(
                "near",
                "[dev-dependencies]\ngone = { path = '../gone' }\n[dependencies]\nfar = { path = '../../far' }\n",
            ),
        ),
        ("../far/Cargo.toml", &package("far", "")),
        ("src/main.rs", ""),
        ("src/bin/second.rs", ""),
        ("src/bin/third/main.rs", ""),
        ("Cargo.lock", ""),
    ]);
    let project = discover(&root, "").unwrap();
    assert_eq!(
        (project.manifest, project.name.as_deref()),
        (ManifestKind::Cargo, Some("one"))
    );
    assert!(!project.uses_python() && !project.uses_npm() && project.cargo_tools.is_none());
    let crates = project.cargo.unwrap();
    assert_eq!(paths(&crates.members), ["."]);
    assert_eq!(crates.members[0].bins, ["one", "second", "third"]);
    assert_eq!(
        leads(&crates.members[0]),
        [
            "normal near * path+near",
            "normal serde ^1 registry+https://github.com/rust-lang/crates.io-index"
        ]
    );
    assert_eq!(paths(&crates.path_packages), ["../far", "near"]);
    assert_eq!(
        leads(crates.package_at("near").unwrap()),
        ["normal far * path+../far", "dev gone * path+gone"]
    );
    assert_eq!(crates.resolver, Resolver::V2);
    assert!(!crates.prefers_supported() && crates.rust_version.is_none());
    assert_eq!(crates.lock, Some(crates.lock_path()));
    for input in ["Cargo.toml", "near/Cargo.toml", ".cargo/config.toml"] {
        assert!(project.inputs.contains(&crates.root.join(input)), "{input}");
    }
}

const ROOT: &str = "
[workspace]
members = ['crates/*', 'tools/cli']
exclude = ['crates/old']
resolver = '3'
[workspace.package]
version = '2.0.0'
edition = '2024'
[workspace.dependencies]
local = { path = 'crates/local', features = ['x'] }
";

fn workspace() -> tempfile::TempDir {
    tree(&[
        ("Cargo.toml", ROOT),
        (
            "crates/b/Cargo.toml",
            &package(
                "b",
                "rust-version = '1.70'\n[dependencies]\nnested = { path = 'deep/nested' }\n",
            ),
        ),
        (
            "crates/b/deep/nested/Cargo.toml",
            &package("nested", "[build-dependencies]\nlocal.workspace = true\n"),
        ),
        (
            "crates/local/Cargo.toml",
            "[package]\nname = 'local'\nversion.workspace = true\nedition.workspace = true\nrust-version = '1.85'\n[features]\nx = []\n",
        ),
        ("crates/old/Cargo.toml", &package("old", "")),
        (
            "tools/cli/Cargo.toml",
            &package(
                "cli",
                "[target.'cfg(unix)'.dependencies]\nother = { path = '../../../other' }\nold = { path = '../../crates/old' }\n",
            ),
        ),
        (
            "../other/Cargo.toml",
            "[workspace]\nmembers = ['sub']\n[package]\nname = 'other'\n[dependencies]\nsub = { path = 'sub' }\n",
        ),
        ("../other/sub/Cargo.toml", "[package]\nname = 'sub'\n"),
    ])
}

#[test]
fn a_workspace_from_every_folder() {
    let root = workspace();
    for folder in ["", "crates", "crates/b", "crates/b/deep/nested", "tools/cli"] {
        let crates = crates(&root, folder);
        assert_eq!(
            paths(&crates.members),
            ["crates/b", "crates/b/deep/nested", "crates/local", "tools/cli"],
            "{folder}"
        );
        assert_eq!(
            paths(&crates.path_packages),
            ["../other", "../other/sub", "crates/old"]
        );
        assert_eq!(
            (crates.default_members.len(), crates.inheritable.as_slice()),
            (4, &["local".to_owned()][..])
        );
        assert_eq!(crates.rust_version.unwrap().to_string(), "1.70");
        assert!(crates.prefers_supported());
        assert_eq!(crates.members[2].manifest.version.to_string(), "2.0.0");
        assert_eq!(leads(&crates.members[1]), ["build local * path+crates/local"]);
        assert_eq!(&*crates.members[1].summary.dependencies[0].features[0], "x");
    }
    // A package that is excluded is a project of its own.
    assert_eq!(paths(&crates(&root, "crates/old").members), ["."]);
    let crates = crates(&root, "");
    assert_eq!(
        crates.member_at(&crates.root.join("crates/b/src")).unwrap().path,
        "crates/b"
    );
    assert!(crates.member_at(&crates.root).is_none());
}

#[test]
fn path_dependencies_of_a_root_package_are_members() {
    let root = tree(&[
        (
            "Cargo.toml",
            &package(
                "top",
                "resolver = '1'\n[workspace]\ndefault-members = ['.', 'a']\n[dependencies]\na = { path = 'a' }\nout = { path = '../out' }\n",
            ),
        ),
        ("a/Cargo.toml", &package("a", "")),
        ("../out/Cargo.toml", &package("out", "workspace = '../work'\n")),
    ]);
    let crates = crates(&root, "a");
    assert_eq!(paths(&crates.members), [".", "a", "../out"]);
    assert_eq!(crates.default_members, [".", "a"]);
    assert_eq!(crates.resolver, Resolver::V1);
    assert!(crates.path_packages.is_empty());
}

#[test]
fn patches_of_every_kind() {
    let root = tree(&[
        (
            "Cargo.toml",
            &package(
                "top",
                "
[dependencies]
fork = { git = 'https://example.org/fork', branch = 'main' }
corp = { version = '1', registry = 'corp' }
[patch.crates-io]
serde = { path = 'patched' }
both = { path = 'patched', package = 'serde' }
[patch.corp]
corp = { git = 'https://example.org/corp' }
[patch.'https://example.org/fork']
fork = { git = 'https://example.org/other', rev = 'abc' }
",
            ),
        ),
        ("patched/Cargo.toml", &package("serde", "")),
        (
            ".cargo/config.toml",
            "[registries.corp]\nindex = 'sparse+https://example.org/index/'\n[patch.crates-io]\nboth = '9'\n",
        ),
    ]);
    // The word of the configuration stands, and a patch cannot lead to what it patches.
    let told = discover(&root, "").unwrap_err();
    assert!(told.contains("`both` would be replaced by itself"), "{told}");
    write(
        &root.path().join("work"),
        &[(
            ".cargo/config.toml",
            "[registries.corp]\nindex = 'sparse+https://example.org/index/'\n[patch.crates-io]\nboth = { git = 'https://example.org/both' }\n",
        )],
    );
    let crates = crates(&root, "");
    let shown: Vec<String> = crates
        .patches
        .iter()
        .map(|patch| {
            format!(
                "{}: {} {}",
                patch.of, patch.dependency.alias, patch.dependency.source
            )
        })
        .collect();
    let public = SourceId::crates_io();
    assert_eq!(
        shown,
        [
            format!("{public}: both git+https://example.org/both"),
            "sparse+https://example.org/index/: corp git+https://example.org/corp".to_owned(),
            format!("{public}: serde path+patched"),
            "git+https://example.org/fork: fork git+https://example.org/other?rev=abc".to_owned(),
        ]
    );
    assert_eq!(paths(&crates.path_packages), ["patched"]);
    let git: Vec<String> = crates
        .git_uses()
        .iter()
        .map(|used| format!("{} {} {}", used.source, used.package, used.needed_by))
        .collect();
    assert_eq!(
        git,
        [
            "git+https://example.org/fork?branch=main fork top@0.1.0",
            "git+https://example.org/both both [patch]",
            "git+https://example.org/corp corp [patch]",
            "git+https://example.org/other?rev=abc fork [patch]",
        ]
    );
}

#[test]
fn crates_beside_other_manifests() {
    let root = tree(&[
        ("wharf.toml", "[cargo]\nripgrep = '14'\n[npm]\nvite = '7'\n"),
        ("Cargo.toml", &package("beside", "")),
        ("web/package.json", "{\"dependencies\": {\"a\": \"1\"}}"),
        ("web/Cargo.toml", &package("wasm", "")),
        ("bare/package.json", "{\"type\": \"module\"}"),
        ("bare/Cargo.toml", &package("bare", "")),
        ("linted/pyproject.toml", "[tool.ruff]\n"),
        ("linted/Cargo.toml", &package("linted", "")),
        ("py/pyproject.toml", "[tool.wharf.cargo]\njust = '*'\n"),
    ]);
    let project = discover(&root, "").unwrap();
    assert_eq!(project.manifest, ManifestKind::Wharf);
    assert!(
        project.cargo.is_some()
            && project.uses_npm()
            && project.cargo_tools.is_some()
            && !project.uses_python()
    );
    let kind = |folder| {
        let project = discover(&root, folder).unwrap();
        (project.manifest, project.cargo.is_some(), project.npm.is_some())
    };
    assert_eq!(kind("web"), (ManifestKind::PackageJson, true, true));
    assert_eq!(kind("bare"), (ManifestKind::Cargo, true, true));
    assert_eq!(kind("linted"), (ManifestKind::Cargo, true, false));
    let tools = discover(&root, "py").unwrap();
    assert_eq!(
        (tools.manifest, tools.cargo_tools.unwrap().tools.len()),
        (ManifestKind::Pyproject, 1)
    );
}

#[test]
fn a_member_with_a_manifest_of_its_own_leaves_its_crates_to_the_workspace() {
    let root = tree(&[
        ("Cargo.toml", "[workspace]\nmembers = ['binding']\n"),
        ("binding/Cargo.toml", &package("binding", "")),
        (
            "binding/pyproject.toml",
            "[project]\nname = 'binding'\nversion = '1'\n",
        ),
    ]);
    let project = discover(&root, "binding").unwrap();
    assert_eq!(
        (project.manifest, project.cargo.is_none()),
        (ManifestKind::Pyproject, true)
    );
    assert_eq!(
        project
            .warnings
            .iter()
            .map(|warning| warning.code)
            .collect::<Vec<_>>(),
        ["cargo/member"]
    );
    assert_eq!(paths(&crates(&root, "").members), ["binding"]);
}

#[test]
fn mistakes_are_told_by_name() {
    let (top, a) = (package("top", ""), package("a", ""));
    let virtual_root = |rest: &str| format!("[workspace]\n{rest}");
    refused(
        &[("Cargo.toml", &virtual_root("members = ['gone']"))],
        "",
        &["names `gone`", "Cargo.toml:2:12"],
    );
    refused(
        &[
            ("Cargo.toml", &virtual_root("members = ['x/*']")),
            ("x/empty/readme", ""),
        ],
        "",
        &["names `x/empty`", "`exclude`"],
    );
    refused(
        &[
            ("Cargo.toml", &virtual_root("members = ['a', 'b']")),
            ("a/Cargo.toml", &a),
            ("b/Cargo.toml", &a),
        ],
        "",
        &["the members `a` and `b` have one name", "b/Cargo.toml:2:8"],
    );
    refused(
        &[
            ("Cargo.toml", &virtual_root("members = ['a']")),
            ("a/Cargo.toml", &a),
            ("b/Cargo.toml", &top),
        ],
        "b",
        &["none of its members", "\"b\"", "b/Cargo.toml:2:8"],
    );
    refused(
        &[
            ("Cargo.toml", &virtual_root("members = ['../out']")),
            ("../out/Cargo.toml", &a),
        ],
        "",
        &["`../out` is a member here and does not lie below", "workspace = "],
    );
    refused(
        &[
            ("Cargo.toml", &virtual_root("members = ['a']")),
            ("a/Cargo.toml", &package("a", "[workspace]\n")),
        ],
        "",
        &["`a` is a member here and belongs to the workspace `a`"],
    );
    refused(
        &[
            (
                "Cargo.toml",
                &virtual_root("members = ['a']\ndefault-members = ['b']"),
            ),
            ("a/Cargo.toml", &a),
        ],
        "",
        &["`b` is a default member and no member"],
    );
    refused(
        &[(
            "Cargo.toml",
            &package("top", "[dependencies]\nx = { path = 'x' }"),
        )],
        "",
        &["leads to `x`, which has no Cargo.toml", "Cargo.toml:6:1"],
    );
    refused(
        &[
            (
                "Cargo.toml",
                &package("top", "[dependencies]\nx = { path = 'x' }"),
            ),
            ("x/Cargo.toml", &a),
        ],
        "",
        &["`x` holds the package `a`, not `x`", "package = \"a\""],
    );
    refused(
        &[(
            "Cargo.toml",
            &package("top", "[dependencies]\nx = { version = '1', registry = 'corp' }"),
        )],
        "",
        &["there is no registry `corp`", "[registries.corp]"],
    );
    refused(
        &[("Cargo.toml", &package("top", "[patch.nowhere]\nx = '1'"))],
        "",
        &["`nowhere` is neither"],
    );
    refused(
        &[(
            "Cargo.toml",
            &package("top", "[patch.crates-io]\nx = { path = 'x' }"),
        )],
        "",
        &["the patch of `x`", "no Cargo.toml"],
    );
    refused(
        &[(
            "Cargo.toml",
            &package("top", "[replace]\n'x:1.0.0' = { path = 'x' }"),
        )],
        "",
        &["`x:1.0.0` is replaced by [replace]", "[patch.crates-io]"],
    );
    refused(
        &[("Cargo.toml", &package("top", "workspace = '..'"))],
        "",
        &["`..` has no Cargo.toml with a [workspace]", "Cargo.toml:5:13"],
    );
    refused(
        &[(
            "Cargo.toml",
            &package("top", "resolver = '2'\n[workspace]\nresolver = '2'"),
        )],
        "",
        &["both [workspace] and [package]"],
    );
    refused(
        &[("Cargo.toml", "[package"), ("a/Cargo.toml", &a)],
        "a",
        &["not valid TOML", "Cargo.toml:1:"],
    );
    refused(
        &[("Cargo.toml", &package("top", "[features]\nf = ['nothing']"))],
        "",
        &["neither a feature nor a dependency", "Cargo.toml:6:1"],
    );
}

#[test]
fn tables_of_members_that_count_at_the_root_alone() {
    let root = tree(&[
        ("Cargo.toml", "[workspace]\nmembers = ['a']\n"),
        (
            "a/Cargo.toml",
            &package(
                "a",
                "[patch.crates-io]\nx = { path = 'x' }\n[replace]\n'x:1.0.0' = { path = 'x' }\n",
            ),
        ),
    ]);
    let project = discover(&root, "").unwrap();
    let codes: Vec<&str> = project.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["cargo/ignored", "cargo/ignored"]);
    assert!(project.cargo.unwrap().patches.is_empty());
}

#[test]
fn packages_of_a_repository() {
    let root = tree(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = ['a', 'b']\n[workspace.dependencies]\nb = { path = 'b', version = '0.1' }\n",
        ),
        (
            "a/Cargo.toml",
            &package("a", "[dependencies]\nb.workspace = true\nserde = '1'\n"),
        ),
        ("b/Cargo.toml", &package("b", "")),
        ("broken/Cargo.toml", "["),
        ("target/package/c/Cargo.toml", &package("c", "")),
        (".git/d/Cargo.toml", &package("d", "")),
    ]);
    let source = SourceId::git(
        "https://example.org/repository",
        wharf_ecosystem::cargo::GitReference::DefaultBranch,
    )
    .unwrap();
    let found = repository_packages(&root.path().join("work"), &source, &CargoConfig::default()).unwrap();
    assert_eq!(paths(&found), ["a", "b"]);
    assert_eq!(found[0].summary.source, source);
    assert_eq!(
        leads(&found[0]),
        [
            "normal b ^0.1 git+https://example.org/repository",
            "normal serde ^1 registry+https://github.com/rust-lang/crates.io-index"
        ]
    );
}

#[test]
fn tools_as_strings_and_tables() {
    let root = tree(&[(
        "wharf.toml",
        "
[cargo]
ripgrep = '14'
cargo-nextest = { version = '*', features = ['b', 'a'], default-features = false, bins = ['cargo-nextest'], locked = false }
all = { version = '1.2.3', all-features = true, registry = 'crates-io' }
own = { git = 'https://example.org/own', tag = 'v1' }
lost = { version = '1', registry = 'corp' }
",
    )]);
    let tools = discover(&root, "").unwrap().cargo_tools.unwrap();
    let shown: Vec<String> = tools
        .tools
        .iter()
        .map(|tool| {
            let source = match tool.source_id(&tools.config) {
                Ok(source) if source.is_crates_io() => String::new(),
                Ok(source) => format!(" {source}"),
                Err(error) => format!(" {error}"),
            };
            format!(
                "{tool}{source} {:?} {:?} {} {} {}",
                tool.features, tool.bins, tool.default_features, tool.all_features, tool.locked
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "cargo:all@^1.2.3 [] [] true true true",
            "cargo:cargo-nextest [\"a\", \"b\"] [\"cargo-nextest\"] false false false",
            "cargo:lost@^1 `registry` of `lost` (wharf.toml:7) is set to `corp`: Cargo's configuration has no [registries.corp] [] [] true false true",
            "cargo:own@git+https://example.org/own?tag=v1 git+https://example.org/own?tag=v1 [] [] true false true",
            "cargo:ripgrep@^14 [] [] true false true",
        ]
    );
}

#[test]
fn tools_that_make_no_sense() {
    for (text, expected) in [
        ("[cargo]\nx = 3", "`x` must be a version string or a table"),
        ("[cargo]\nx = 'newest'", "`newest` is no range of versions"),
        ("[cargo]\nx = { features = [] }", "`x` has no `version`"),
        ("[cargo]\nx = { verison = '1' }", "did you mean `version`?"),
        ("[cargo]\nx = { path = '.' }", "not from a folder"),
        (
            "[cargo]\nx = { version = '1', git = 'https://example.org/x', registry = 'y' }",
            "`git` and `registry` exclude",
        ),
        (
            "[cargo]\nx = { version = '1', branch = 'y' }",
            "no meaning without `git`",
        ),
        (
            "[cargo]\nx = { git = 'https://example.org/x', branch = 'y', rev = 'z' }",
            "exclude each other",
        ),
        (
            "[cargo]\nx = { version = '1', all-features = true, features = ['y'] }",
            "no meaning beside",
        ),
        (
            "[cargo]\nx = { version = '1', bins = ['a b'] }",
            "`a b` is no name",
        ),
        ("[cargo]\nx_y = '1'\nx-y = '2'", "are the same crate"),
        ("[cargo]\n'a/b' = '1'", "not a valid cargo package name"),
        ("[dev.cargo]\nx = '1'", "belong to no group"),
        ("[optional.cargo]\nx = '1'", "belong to no group"),
        ("[cargo]\nx = { git = 'nonsense' }", "no source of crates"),
    ] {
        refused(&[("wharf.toml", text)], "", &[expected]);
    }
}
