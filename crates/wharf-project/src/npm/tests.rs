//! Tests of whole npm projects: what their files say together, and what is said about what is wrong in them.

use std::fmt::Write as _;
use std::path::Path;

use wharf_core::Explain;

use crate::{ManifestKind, NpmProject, Options, Project, ProjectError};

/// A folder with files, removed at the end.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn discover(&self, start: &str, variables: &[(&str, &str)]) -> Result<Project, ProjectError> {
        let mut environment: std::collections::BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| {
                (
                    (*name).to_owned(),
                    value.replace("{root}", &self.path().display().to_string()),
                )
            })
            .collect();
        environment
            .entry("HOME".to_owned())
            .or_insert_with(|| self.path().join("home").display().to_string());
        let options = Options {
            environment,
            system_root: self.path().join("system"),
            ..Options::default()
        };
        Project::discover(&self.path().join(start), &options)
    }

    pub(super) fn npm(&self) -> NpmProject {
        self.discover(".", &[]).unwrap().npm.unwrap()
    }
}

/// Importers and requirements, one a line.
fn shown(npm: &NpmProject) -> String {
    let mut text = String::new();
    for importer in &npm.importers {
        let name = importer.name.as_deref().unwrap_or("-");
        writeln!(text, "{} ({name})", importer.path).unwrap();
        for one in &importer.requirements {
            let kind = one.kind.as_str();
            writeln!(text, "  {kind} {} {} [{}]", one.alias, one.spec, one.origin).unwrap();
        }
    }
    text
}

fn warnings(project: &Project) -> Vec<String> {
    project
        .warnings
        .iter()
        .map(|warning| warning.message.clone())
        .collect()
}

#[test]
fn a_package_json_alone_is_a_project() {
    let folder = Folder::new(&[(
        "package.json",
        r#"{
  "name": "app", "version": "1.0.0", "private": true,
  "bin": "./cli.js",
  "scripts": { "dev": "vite", "build": "vite build" },
  "dependencies": {
    "react": "^19",
    "next-react": "npm:react@next",
    "optional-too": "1",
    "both": "1"
  },
  "devDependencies": { "vite": "7.x", "both": "2" },
  "optionalDependencies": { "optional-too": "1" },
  "peerDependencies": { "vite": ">=6", "sass": "*" },
  "peerDependenciesMeta": { "sass": { "optional": true } },
  "packageManager": "pnpm@9.1.0+sha512.abc",
  "anything": ["else"]
}"#,
    )]);
    let project = folder.discover(".", &[]).unwrap();
    let npm = project.npm.as_ref().unwrap();
    assert_eq!(
        shown(npm),
        "\
. (app)
  optional optional-too 1 [package.json:12]
  prod react ^19 [package.json:6]
  prod next-react npm:react@next [package.json:7]
  prod both 1 [package.json:9]
  dev vite 7.x [package.json:11]
  peer vite >=6 [package.json:13]
  optional-peer sass * [package.json:13]
"
    );
    assert_eq!(
        warnings(&project),
        ["`both` stands in `dependencies` (`1`) and in `devDependencies` (`2`); the first counts"]
    );
    let root = npm.root();
    assert_eq!(root.bin, [("app".to_owned(), "cli.js".to_owned())]);
    assert_eq!((root.script("dev"), root.private), (Some("vite"), true));
    assert_eq!(root.manifest, folder.path().join("package.json"));
    assert_eq!(npm.package_manager.as_deref(), Some("pnpm@9.1.0+sha512.abc"));
    assert_eq!(
        (project.manifest, project.name.as_deref()),
        (ManifestKind::PackageJson, Some("app"))
    );
    assert!(!project.uses_python() && project.uses_npm());
}

#[test]
fn what_an_importer_bundles_is_known_by_its_aliases() {
    let check = |stated: &str, expected: &[&str]| {
        let manifest = format!(
            r#"{{"dependencies": {{"x": "npm:a@1", "b": "1", "o": "1"}}, "optionalDependencies": {{"o": "1"}},
                "devDependencies": {{"d": "1"}}, "peerDependencies": {{"p": "1"}}{stated}}}"#
        );
        let root = r#"{"workspaces": ["m"]}"#;
        let folder = Folder::new(&[("package.json", root), ("m/package.json", &manifest)]);
        let found = folder
            .npm()
            .importers
            .into_iter()
            .map(|importer| importer.bundled);
        let expected = expected.iter().map(|name| (*name).to_owned());
        assert_eq!(
            found.collect::<Vec<_>>(),
            [Vec::new(), expected.collect()],
            "{stated}"
        );
    };
    check("", &[]);
    check(r#", "bundleDependencies": ["x", "d", "x"]"#, &["d", "x"]);
    check(r#", "bundledDependencies": ["b"]"#, &["b"]);
    check(
        r#", "bundledDependencies": ["b"], "bundleDependencies": ["o"]"#,
        &["o"],
    );
    check(r#", "bundleDependencies": true"#, &["b", "o", "x"]);
    check(r#", "bundleDependencies": {"x": "1"}"#, &["x"]);
    for nothing in ["false", "null", "[]", "\"true\"", "7"] {
        check(&format!(r#", "bundleDependencies": {nothing}"#), &[]);
    }
}

#[test]
fn wharf_toml_and_package_json_are_one_project() {
    let folder = Folder::new(&[
        (
            "wharf.toml",
            r#"
[python]
version = ">=3.11"
[pypi]
fastapi = "*"
[npm]
vite = "^7"
ui = { package = "@scope/ui", version = "^2" }
local = { path = "../local", link = true }
tool = { git = "https://example.org/tool.git", tag = "v1", subdirectory = "js" }
web = { workspace = true }
[dev.npm]
vitest = "*"
[optional.npm]
fsevents = "^2"
[overrides.npm]
"vite>esbuild" = "0.25.0"
old = "-"
[node]
version = ">=20"
[options.npm]
layout = "hoisted"
public-hoist = ["*eslint*"]
strict-peers = true
[policy]
scripts = ["npm:esbuild@0.25.0"]
[workspace]
members = ["web"]
"#,
        ),
        (
            "package.json",
            r#"{"name": "app", "dependencies": {"react": "^19"}}"#,
        ),
        ("web/package.json", r#"{"name": "web"}"#),
    ]);
    let project = folder.discover("web", &[]).unwrap();
    let npm = project.npm.as_ref().unwrap();
    assert_eq!(
        shown(npm),
        "\
. (app)
  prod react ^19 [package.json:1]
  prod vite ^7 [wharf.toml:7]
  prod ui npm:@scope/ui@^2 [wharf.toml:8]
  prod local link:../local [wharf.toml:9]
  prod tool git+https://example.org/tool.git#v1::path:js [wharf.toml:10]
  prod web workspace:* [wharf.toml:11]
  dev vitest * [wharf.toml:13]
  optional fsevents ^2 [wharf.toml:15]
web (web)
"
    );
    let rules: Vec<_> = npm
        .override_rules
        .iter()
        .map(|rule| format!("{} = {}", rule.key, rule.text))
        .collect();
    assert_eq!(rules, ["vite>esbuild = 0.25.0", "old = -"]);
    assert_eq!(npm.overrides.rules().len(), 2);
    assert_eq!(npm.node.as_ref().map(|node| node.text.as_str()), Some(">=20"));
    assert_eq!(npm.options.layout.as_str(), "hoisted");
    assert!(npm.options.strict_peers && npm.options.public_hoist == Some(vec!["*eslint*".to_owned()]));
    assert_eq!(npm.scripts[0].to_string(), "npm:esbuild@0.25.0");
    assert!(project.uses_python() && project.manifest == ManifestKind::Wharf);
    assert_eq!(
        npm.importer_at(&folder.path().join("web/src")).unwrap().path,
        "web"
    );
    assert_eq!(npm.importer_at(folder.path()).unwrap().path, ".");
    assert!(warnings(&project).is_empty(), "{:?}", warnings(&project));
}

#[test]
fn workspaces_of_npm_pnpm_and_bun() {
    let member = |name: &str| {
        format!(r#"{{"name": "{name}", "dependencies": {{"react": "catalog:", "vue": "catalog:old"}}}}"#)
    };
    let (a, b) = (member("a"), member("b"));
    let expected = "\
. (root)
packages/a (a)
  prod react ^19 [packages/a/package.json:1]
  prod vue ^2 [packages/a/package.json:1]
packages/b (b)
  prod react ^19 [packages/b/package.json:1]
  prod vue ^2 [packages/b/package.json:1]
";
    let pnpm = "packages:\n  - 'packages/*'\ncatalog:\n  react: ^19\ncatalogs:\n  old:\n    vue: ^2\n";
    let bun = r#"{"name": "root", "workspaces": {"packages": ["packages/*"], "catalog": {"react": "^19"}, "catalogs": {"old": {"vue": "^2"}}}}"#;
    let list = r#"{"name": "root", "workspaces": ["./packages/*/"], "catalog": {"react": "^19"}, "catalogs": {"old": {"vue": "^2"}}}"#;
    for root in [
        vec![
            ("package.json", r#"{"name": "root"}"#),
            ("pnpm-workspace.yaml", pnpm),
        ],
        vec![("package.json", bun)],
        vec![("package.json", list)],
    ] {
        let mut files = root;
        files.extend([
            ("packages/a/package.json", a.as_str()),
            ("packages/b/package.json", b.as_str()),
        ]);
        let folder = Folder::new(&files);
        assert_eq!(shown(&folder.npm()), expected);
        // A member belongs to the workspace above it.
        let project = folder.discover("packages/b", &[]).unwrap();
        assert_eq!(project.root, folder.path());
        assert!(project.inputs.contains(&folder.path().join("packages")));
    }
}

#[test]
fn a_folder_that_is_no_member_is_its_own_project() {
    let folder = Folder::new(&[
        (
            "package.json",
            r#"{"name": "root", "workspaces": ["packages/*", "!packages/out"]}"#,
        ),
        ("packages/out/package.json", r#"{"name": "out"}"#),
        ("packages/in/src/package.json", r#"{"type": "module"}"#),
        ("packages/in/package.json", r#"{"name": "in"}"#),
    ]);
    let root_of = |start: &str| folder.discover(start, &[]).unwrap().root;
    assert_eq!(root_of("packages/out"), folder.path().join("packages/out"));
    assert_eq!(root_of("packages/in"), folder.path());
    // A note to Node is no project.
    assert_eq!(root_of("packages/in/src"), folder.path());
    let bare = Folder::new(&[("a/package.json", r#"{"type": "module"}"#)]);
    assert_eq!(bare.discover("a", &[]).unwrap().root, bare.path().join("a"));
}

#[test]
fn python_projects_keep_their_package_json() {
    let folder = Folder::new(&[
        (
            "pyproject.toml",
            "[project]\nname = \"p\"\ndependencies = [\"a\"]\n",
        ),
        ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#),
    ]);
    let project = folder.discover(".", &[]).unwrap();
    assert_eq!(
        shown(project.npm.as_ref().unwrap()),
        ". (-)\n  dev prettier 3 [package.json:1]\n"
    );
    assert!(project.uses_python() && project.uses_npm());
    let plain = Folder::new(&[("pyproject.toml", "[project]\nname = \"p\"\n")]);
    assert!(plain.discover(".", &[]).unwrap().npm.is_none());
    // As a member of a workspace above, the folder's package.json is that one's.
    let above = Folder::new(&[
        ("package.json", r#"{"name": "root", "workspaces": ["api"]}"#),
        ("api/pyproject.toml", "[project]\nname = \"p\"\n"),
        ("api/package.json", r#"{"name": "api"}"#),
    ]);
    let project = above.discover("api", &[]).unwrap();
    assert!(project.npm.is_none() && warnings(&project)[0].contains("is a member of the workspace"));
}

#[test]
fn overrides_of_every_kind_are_read() {
    let folder = Folder::new(&[
        (
            "package.json",
            r#"{
  "dependencies": {"a": "1", "b": "^2"},
  "overrides": {"c": "$b", "d": {".": "4", "e@^1": "5"}},
  "resolutions": {"f/**/g": "6", "h": "patch:h@npm%3A7.0.0#./h.patch"},
  "pnpm": {
    "overrides": {"i>j@1": "catalog:"},
    "packageExtensions": {"k@1": {"peerDependencies": {"l": "*"}}},
    "peerDependencyRules": {"ignoreMissing": ["m"], "allowedVersions": {"n": "9"}}
  }
}"#,
        ),
        (
            "pnpm-workspace.yaml",
            "catalog:\n  j: 1.20\noverrides:\n  o: '8'\n",
        ),
    ]);
    let project = folder.discover(".", &[]).unwrap();
    let npm = project.npm.as_ref().unwrap();
    let rules = |rules: &[crate::StatedRule]| -> Vec<String> {
        rules
            .iter()
            .map(|rule| format!("{} = {} [{}]", rule.key, rule.text, rule.origin))
            .collect()
    };
    assert_eq!(
        rules(&npm.override_rules),
        [
            "o = 8 [pnpm-workspace.yaml:4]",
            "i>j@1 = 1.20 [package.json:6]",
            "c = $b [package.json:3]",
            "d > . = 4 [package.json:3]",
            "d > e@^1 = 5 [package.json:3]",
            "f/**/g = 6 [package.json:4]",
            "h = npm:7.0.0 [package.json:4]",
        ]
    );
    assert_eq!(npm.overrides.rules().len(), 7);
    assert_eq!(
        rules(&npm.extension_rules),
        ["k@1 > peerDependencies > l = * [package.json:7]"]
    );
    assert!(!npm.extensions.is_empty() && npm.peer_rules.ignores_missing("m"));
    assert_eq!(
        warnings(&project),
        [
            "these packages are installed without their patches (package.json:4), since Wharf applies none: `h`"
        ]
    );
}

#[test]
fn what_is_not_obeyed_is_named() {
    let folder = Folder::new(&[
        (
            "package.json",
            r#"{
  "workspaces": ["a", "gone", "../out"],
  "trustedDependencies": ["esbuild"],
  "wharf": {"policy": {"scripts": ["npm:sharp"]}},
  "pnpm": {"onlyBuiltDependencies": ["sharp", "bcrypt"], "patchedDependencies": {"x@1": "x.patch"}}
}"#,
        ),
        (
            "a/package.json",
            r#"{"name": "a", "name": "a", "resolutions": {"y": "1"}, "dependenciesMeta": {"b": {"injected": true}}}"#,
        ),
        (".npmrc", "modules-dir=lib\nfund=false\n"),
        (
            ".yarnrc.yml",
            "nodeLinker: node-modules\nnmHoistingLimits: workspaces\nenableTelemetry: false\n",
        ),
    ]);
    let project = folder.discover(".", &[]).unwrap();
    assert_eq!(
        warnings(&project),
        [
            "the workspace names `gone`, which has no package.json (package.json:2)",
            "the pattern `../out` leads out of the project (package.json:2)",
            "`resolutions` in a/package.json:1 has no effect: it counts at the root of the workspace",
            "`injected` of `dependenciesMeta` in a/package.json:1 is not obeyed: these are linked: `b`",
            "`name` stands twice in one object of this file; the last one counts",
            "install scripts that package.json:5 allows do not run by that; `wharf approve` lets those run that are needed: `npm:bcrypt`",
            "these packages are installed without their patches (package.json:5), since Wharf applies none: `x@1`",
            "install scripts that package.json:3 allows do not run by that; `wharf approve` lets those run that are needed: `npm:esbuild`",
            "Wharf does not obey these settings of .yarnrc.yml: `nmHoistingLimits`",
            "Wharf does not obey these settings of .npmrc: `modules-dir`",
        ]
    );
    assert_eq!(project.npm.unwrap().options.layout.as_str(), "hoisted");
}

#[test]
fn errors_point_and_advise() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let error = Folder::new(files).discover(".", &[]).map(|_| ()).unwrap_err();
        let hints: Vec<String> = error
            .hints()
            .into_iter()
            .map(|hint| format!("hint: {hint}"))
            .collect();
        let shown = format!("{error}\n{}", hints.join("\n"));
        assert!(
            shown.contains(expected),
            "--- shown\n{shown}\n--- expected\n{expected}"
        );
    };
    let package = |text| [("package.json", text)];
    check(
        &package("{\n  \"dependencies\": {\"a\": \"1\",}\n}"),
        "this is not valid JSON: nothing follows this comma\n --> package.json:2:28\n  |\n2 |   \"dependencies\": {\"a\": \"1\",}\n  |                            ^\nhint: take the comma out",
    );
    check(&package("[]"), "a package.json is an object");
    check(
        &package(r#"{"name": "x", "dependencies": ["a"]}"#),
        "`dependencies` must be an object of names and versions",
    );
    check(
        &package(r#"{"dependencies": {"a": 1}}"#),
        "the version of `a` must be a string",
    );
    check(
        &package(r#"{"dependencies": {"../a": "1"}}"#),
        "`../a` cannot be a folder in `node_modules`",
    );
    check(
        &package(r#"{"dependencies": {"a": "exec:x"}}"#),
        "`exec:` in `exec:x` is a protocol that Wharf does not read\n --> package.json:1:24",
    );
    check(
        &package(r#"{"name": "x", "workspaces": "packages/*"}"#),
        "hint: write `\"workspaces\": [\"packages/*\"]`",
    );
    check(
        &package(r#"{"wharf": {"polcy": {}}}"#),
        "there is no key `polcy` in `wharf`\n --> package.json:1:12",
    );
    check(
        &package(r#"{"wharf": {"polcy": {}}}"#),
        "hint: did you mean `policy`?",
    );
    check(
        &package(r#"{"wharf": {"options": {"layout": "flat"}}}"#),
        "its values are `isolated` and `hoisted`",
    );
    check(
        &package(r#"{"dependencies": {"a": "catalog:"}}"#),
        "the workspace has no such catalog: the default catalog",
    );
    check(
        &[
            ("package.json", r#"{"dependencies": {"raect": "catalog:"}}"#),
            ("pnpm-workspace.yaml", "catalog:\n  react: 1\n"),
        ],
        "the default catalog has no entry for `raect`\n --> package.json:1:28",
    );
    check(
        &[
            ("package.json", r#"{"name": "x"}"#),
            ("pnpm-workspace.yaml", "packages: packages/*\n"),
        ],
        "`packages` must be a list of patterns\n --> pnpm-workspace.yaml:1:11",
    );
    check(
        &package(r#"{"name": "x", "overrides": {"a": "exec:x"}}"#),
        " --> package.json:1:29",
    );
    check(
        &package(r#"{"name": "x", "pnpm": {"overrides": {"a": {"b": "1"}}}}"#),
        "the override of `a` must be a string",
    );
    check(
        &[
            ("package.json", r#"{"devDependencies": {"vite": "7"}}"#),
            ("wharf.toml", "[npm]\nvite = \"^7\"\n"),
        ],
        "`vite` stands in package.json:1 as well\n --> wharf.toml:2:8\n  |\n2 | vite = \"^7\"\n  |        ^^^^\nhint: take it out here, or out of package.json:1",
    );
    for (text, expected) in [
        ("[npm]\nA = 1", "`A` must be a version string or a table"),
        ("[npm]\n\"a b\" = \"1\"", "`a b` is not a valid npm package name"),
        ("[npm]\na = { verison = \"1\" }", "did you mean `version`?"),
        (
            "[npm]\na = { path = \"x\", url = \"y\" }",
            "`path` and `url` exclude each other",
        ),
        (
            "[npm]\na = { path = \"x\", tag = \"y\" }",
            "`tag` has no meaning beside `path`",
        ),
        (
            "[npm]\na = { git = \"x\", tag = \"y\", rev = \"z\" }",
            "exclude each other",
        ),
        (
            "[npm]\na = {}",
            "`a` says neither a version nor where it comes from",
        ),
        (
            "[npm]\na = \"1\"\n[dev.npm]\na = \"1\"",
            "`a` stands in [npm] as well\n --> wharf.toml:4:1",
        ),
        ("[npm]\na = \"^^\"", "wharf.toml:2:5"),
        ("[npn]\na = \"1\"", "did you mean `npm`?"),
        (
            "[groups.docs.npm]\na = \"1\"",
            "npm has nothing like `[groups.docs]`",
        ),
        ("[optional.pypi]\na = \"1\"", "hint: write `[extras.NAME.pypi]`"),
        ("[options.npm]\nlayuot = \"hoisted\"", "did you mean `layout`?"),
        (
            "[options.npm]\nvirtual-store = \"shared\"",
            "its values are `auto`, `global` and `project`",
        ),
        ("[node]\nversion = \"twenty\"", "wharf.toml:2:11"),
        (
            "[workspace]\nmembers = [\"web\"]",
            "the workspace names `web`, which has no package.json\n --> wharf.toml:2:12",
        ),
        ("[policy]\nscripts = [\"npm:a@^1\"]", "`^1` is not one version"),
        (
            "[policy]\nscripts = [\"a\"]",
            "`a` approves no package: it must begin with `npm:`",
        ),
    ] {
        check(&[("wharf.toml", text)], expected);
    }
}

#[test]
fn init_adopts_a_package_json() {
    use crate::init::{Init, init};
    let folder = Folder::new(&[
        ("package.json", "{}"),
        ("python/requirements.txt", "a\n"),
        ("empty/x", ""),
    ]);
    let kind = |start: &str| match init(&folder.path().join(start), Some("3.12")) {
        Init::Adopt(kind) => Some(kind),
        Init::Write(_) => None,
    };
    assert_eq!(kind("."), Some(ManifestKind::PackageJson));
    assert_eq!(kind("python"), Some(ManifestKind::Requirements));
    assert_eq!(kind("empty"), None);
}

#[test]
fn a_workspace_that_comes_to_claim_a_folder_is_a_change() {
    let folder = Folder::new(&[("web/package.json", r#"{"name": "web"}"#)]);
    let options = Options {
        system_root: folder.path().join("system"),
        ..Options::default()
    };
    let web = folder.path().join("web");
    let project = Project::discover(&web, &options).unwrap();
    assert_eq!(project.root, web);
    for name in ["wharf.toml", "pnpm-workspace.yaml", "package.json"] {
        assert!(project.inputs.contains(&folder.path().join(name)), "{name}");
    }
}

#[test]
fn named_files_are_read_alone() {
    let folder = Folder::new(&[("package.json", r#"{"name": "x"}"#), ("r.txt", "a\n")]);
    let options = Options {
        files: vec!["r.txt".into()],
        system_root: folder.path().join("system"),
        ..Options::default()
    };
    let project = Project::discover(folder.path(), &options).unwrap();
    assert!(project.npm.is_none() && project.uses_python());
    // Outside of any project the machine's own registries are known.
    let machine = Project::machine(folder.path(), &options).unwrap();
    assert_eq!(
        machine.npm.unwrap().registries.default.as_url().host_str(),
        crate::npm::public_host().as_deref()
    );
}
