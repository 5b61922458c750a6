//! Tests of whole projects: which file wins, what configuration adds, what PEP 621 and 735 mean.

use std::path::Path;

use wharf_core::Explain;

use crate::{Group, Lock, LockInputs, ManifestKind, Options, Project, ProjectError, SourceText};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = folder.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn options(&self, variables: &[(&str, &str)]) -> Options {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Options {
            environment,
            system_root: self.0.path().join("system"),
            ..Options::default()
        }
    }

    fn discover(&self, start: &str, variables: &[(&str, &str)]) -> Result<Project, ProjectError> {
        Project::discover(&self.0.path().join(start), &self.options(variables))
    }
}

fn shown(project: &Project) -> Vec<String> {
    project
        .roots
        .iter()
        .map(|root| format!("{}: {root} [{}]", root.group, root.origin))
        .collect()
}

#[test]
fn the_nearest_manifest_wins() {
    let wharf = ("wharf.toml", "[pypi]\na = \"*\"\n");
    let project = (
        "pyproject.toml",
        "[project]\nname = \"p\"\ndependencies = [\"b\"]\n",
    );
    let tools = ("pyproject.toml", "[tool.black]\n");
    let requirements = ("requirements.txt", "c\n");
    for (files, expected) in [
        (
            vec![wharf, project, requirements],
            Some((ManifestKind::Wharf, "a")),
        ),
        (vec![project, requirements], Some((ManifestKind::Pyproject, "b"))),
        (vec![tools, requirements], Some((ManifestKind::Requirements, "c"))),
        (vec![requirements], Some((ManifestKind::Requirements, "c"))),
        (vec![], None),
    ] {
        let folder = Folder::new(&files);
        std::fs::create_dir(folder.0.path().join("deep")).unwrap();
        let found = folder.discover("deep", &[]);
        let found = found.map(|project| (project.manifest, project.roots[0].to_string()));
        match expected {
            Some((kind, root)) => assert_eq!(found.unwrap(), (kind, root.to_owned())),
            None => assert_eq!(found.unwrap_err().code(), "project/none"),
        }
    }
}

#[test]
fn requirements_files_are_groups() {
    let folder = Folder::new(&[
        ("requirements.txt", "a"),
        ("requirements-dev.txt", "b"),
        ("docs-requirements.txt", "c"),
        ("requirements_Old.txt", "d"),
        ("notes.txt", "not a requirement"),
    ]);
    let project = folder.discover("", &[]).unwrap();
    assert_eq!(
        shown(&project),
        [
            "main: a [requirements.txt:1]",
            "dev: b [requirements-dev.txt:1]",
            "group:docs: c [docs-requirements.txt:1]",
            "group:old: d [requirements_Old.txt:1]"
        ]
    );
    let file = |group| {
        crate::edit::file_for(&project, &group)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    assert_eq!(file(Group::Dev), "requirements-dev.txt");
}

#[test]
fn explicit_files_are_all_that_counts() {
    let folder = Folder::new(&[
        ("wharf.toml", "[pypi]\na=\"*\""),
        ("x/my.txt", "b\n-c lim.txt"),
        ("x/lim.txt", "b<2"),
    ]);
    let mut options = folder.options(&[]);
    options.files = vec!["x/my.txt".into()];
    let project = Project::discover(folder.0.path(), &options).unwrap();
    assert_eq!(shown(&project), ["main: b [x/my.txt:1]"]);
    assert_eq!(project.constraints.len(), 1);
}

#[test]
fn pyproject_in_full() {
    let text = r#"
[project]
name = "Demo"
version = "1.2"
requires-python = ">=3.10"
dependencies = [
    "requests>=2",
    "lib",
]
[project.optional-dependencies]
Fast_IO = ["uvloop ; sys_platform != 'win32'"]
[dependency-groups]
dev = ["pytest", { include-group = "lint" }]
lint = ["ruff"]
[build-system]
requires = ["hatchling"]
[tool.uv]
constraint-dependencies = ["idna<4"]
[tool.uv.sources]
lib = { path = "../lib", editable = true }
[[tool.uv.index]]
name = "corp"
url = "https://corp.example.org/simple"
[tool.wharf]
targets = ["linux-x86_64"]
[tool.wharf.policy]
cooldown = "3d"
"#;
    let project = Folder::new(&[("pyproject.toml", text)])
        .discover("", &[])
        .unwrap();
    assert_eq!(
        shown(&project),
        [
            "main: requests>=2 [pyproject.toml:7]",
            "main: lib @ ../lib [pyproject.toml:8]",
            "extra:fast-io: uvloop ; sys_platform != 'win32' [pyproject.toml:11]",
            "dev: pytest [pyproject.toml:13]",
            "dev: ruff [pyproject.toml:14]",
            "group:lint: ruff [pyproject.toml:14]",
            "main: demo @ . [pyproject.toml:15]",
        ]
    );
    assert!(project.roots[1].editable && project.roots[6].editable);
    let own = project.self_package.unwrap();
    assert_eq!(
        (own.name.as_str(), own.version.as_deref(), own.extras),
        ("demo", Some("1.2"), vec!["fast-io".to_owned()])
    );
    assert_eq!(
        (
            project.targets.len(),
            project.policy.cooldown.seconds(),
            project.constraints.len()
        ),
        (1, 259_200, 1)
    );
    assert_eq!(project.indexes.indexes[0].name.as_deref(), Some("corp"));
}

#[test]
fn what_uv_may_build_is_what_is_built_here() {
    let allowed = |text: &str| {
        let text = format!("[project]\nname = \"demo\"\nversion = \"1\"\n[tool.uv]\n{text}");
        let project = Folder::new(&[("pyproject.toml", &text)])
            .discover("", &[])
            .unwrap();
        let formats = project.formats;
        ["named", "other"].map(|name| {
            let name = wharf_core::PackageName::pypi(name).unwrap();
            match (
                formats.only_binary.contains(&name),
                formats.no_binary.contains(&name),
            ) {
                (false, false) => "any",
                (true, false) => "wheel",
                (false, true) => "build",
                (true, true) => "none",
            }
        })
    };
    for (text, expected) in [
        ("", ["any", "any"]),
        ("no-build = true", ["wheel", "wheel"]),
        ("no-build = false", ["any", "any"]),
        ("no-binary = true", ["build", "build"]),
        ("no-build-package = [\"named\"]", ["wheel", "any"]),
        ("no-binary-package = [\"named\"]", ["build", "any"]),
        (
            "no-binary = true\nno-build-package = [\"named\"]",
            ["wheel", "build"],
        ),
        (
            "no-build = true\nno-binary-package = [\"named\"]",
            ["wheel", "wheel"],
        ),
    ] {
        assert_eq!(allowed(text), expected, "{text}");
    }
}

#[test]
fn pyproject_errors_point() {
    for (text, expected) in [
        (
            "[project]\ndependencies = [\n  \"ok\",\n  \"a >> 1\",\n]",
            "pyproject.toml:4:6",
        ),
        (
            "[project]\ndependencies = \"a\"",
            "`dependencies` must be an array",
        ),
        (
            "[project]\nrequires-python = \"3.9\"",
            "`3.9` is a version, not a version specifier",
        ),
        (
            "[dependency-groups]\na = [{ include-group = \"b\" }]\nb = [{ include-group = \"a\" }]",
            "includes itself through",
        ),
        (
            "[dependency-groups]\ntests = []\na = [{ include-group = \"test\" }]",
            "there is no group `test`",
        ),
        (
            "[tool.poetry.dependencies]\npython = \"^3.9\"",
            "[tool.poetry.dependencies], which Wharf does not read",
        ),
        (
            "[project]\ndependencies = [\"a\"]\n[tool.uv.sources]\na = { workspace = true }",
            "workspace sources are not read",
        ),
        ("[project\n", "this is not valid TOML"),
        (
            "[project]\nname = \"x\"\n[tool.wharf]\npolcy = {}",
            "there is no key `polcy` in [tool.wharf]",
        ),
    ] {
        let error = Folder::new(&[("pyproject.toml", text)])
            .discover("", &[])
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{text}\n{error}");
        assert!(error.place().is_some());
    }
}

#[test]
fn configuration_has_one_order() {
    let folder = Folder::new(&[
        (
            "wharf.toml",
            "[pypi]\na = \"*\"\n[[index]]\nname = \"own\"\nurl = \"https://own.example.org/\"\n",
        ),
        (
            "system/etc/pip.conf",
            "[global]\nindex-url = https://system.example.org/\nretries = 9\ntimeout = 7\n",
        ),
        (
            "home/.config/pip/pip.conf",
            "[global]\nextra-index-url =\n    https://u1.example.org/\n    https://u2.example.org/\n[install]\nretries = 4\n",
        ),
    ]);
    let home = folder.0.path().join("home").to_string_lossy().into_owned();
    let urls = |variables: &[(&str, &str)]| {
        let project = folder.discover("", variables).unwrap();
        let urls: Vec<String> = project
            .indexes
            .indexes
            .iter()
            .map(|index| index.url.as_url().host_str().unwrap().replace(".example.org", ""))
            .collect();
        (
            urls.join(" "),
            project.network.retries,
            project.network.timeout.map(|timeout| timeout.as_secs()),
        )
    };
    assert_eq!(urls(&[]), ("own system".to_owned(), Some(9), Some(7)));
    assert_eq!(
        urls(&[("HOME", &home)]),
        ("own u1 u2 system".to_owned(), Some(4), Some(7))
    );
    let uv = ("UV_INDEX", "x=https://x.example.org/");
    let pip = ("PIP_INDEX_URL", "https://env.example.org/");
    assert_eq!(
        urls(&[("HOME", &home), pip, uv, ("PIP_RETRIES", "1")]),
        ("own x u1 u2 env".to_owned(), Some(1), Some(7))
    );
    assert_eq!(
        urls(&[("WHARF_DEFAULT_INDEX", "https://w.example.org/"), pip]).0,
        "own w"
    );
    assert_eq!(urls(&[("PIP_NO_INDEX", "1")]).0, "");
    assert_eq!(urls(&[("PIP_CONFIG_FILE", "/dev/null"), pip]).0, "own env");
}

#[test]
fn bad_settings_are_named_without_their_secrets() {
    let folder = Folder::new(&[("requirements.txt", "a")]);
    for (name, value, expected) in [
        (
            "PIP_INDEX_URL",
            "https://u:hunter2@exa mple.org/",
            "PIP_INDEX_URL is set to `https://*********@exa mple.org/`: it is not a URL",
        ),
        (
            "PIP_RETRIES",
            "many",
            "PIP_RETRIES is set to `many`: it is not a whole number",
        ),
        (
            "PIP_TIMEOUT",
            "-1",
            "PIP_TIMEOUT is set to `-1`: it is not a number of seconds",
        ),
        (
            "UV_OFFLINE",
            "maybe",
            "UV_OFFLINE is set to `maybe`: it is neither true nor false",
        ),
        (
            "PIP_CONFIG_FILE",
            "/nowhere/pip.conf",
            "cannot read `/nowhere/pip.conf`",
        ),
    ] {
        let error = folder.discover("", &[(name, value)]).unwrap_err().to_string();
        assert!(
            error.starts_with(expected) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_find_links_folder_is_a_warning() {
    let folder = Folder::new(&[("requirements.txt", "a\n-f ./here\n-f ./gone"), ("here/x", "")]);
    let project = folder
        .discover("", &[("PIP_FIND_LINKS", "/nowhere/wheels")])
        .unwrap();
    let codes: Vec<_> = project
        .warnings
        .iter()
        .map(|warning| (warning.code, warning.message.as_str().ends_with("does not exist")))
        .collect();
    assert_eq!(codes, [("config/missing-find-links", true); 2]);
    let inputs = LockInputs::of(&project);
    assert_eq!(
        inputs.find_links,
        ["here", "gone"],
        "the machine's are no input of the lock"
    );
}

#[test]
fn peers_pins_are_preferred() {
    let folder = Folder::new(&[
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"a\", \"b\", \"c\"]",
        ),
        (
            "uv.lock",
            "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\n[[package]]\nname = \"A\"\nversion = \"2.0\"\n[[package]]\nname = \"x\"\n",
        ),
        ("poetry.lock", "[[package]]\nname = \"a\"\nversion = \"9\"\n"),
        (
            "requirements.txt",
            "# pinned\n--index-url https://example.org\nb==3.1 \\\n  --hash=sha256:00\na==7\nc>=1\n",
        ),
    ]);
    let found = crate::preferences(&folder.discover("", &[]).unwrap());
    let shown: Vec<String> = found
        .versions
        .iter()
        .map(|(name, versions)| {
            format!(
                "{name} {}",
                versions
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("|")
            )
        })
        .collect();
    assert_eq!(shown, ["a 1.0|2.0", "b 3.1"]);
    assert_eq!(found.files, [Path::new("uv.lock"), Path::new("requirements.txt")]);
    let folder = Folder::new(&[
        ("requirements.txt", "a"),
        ("uv.lock", "<<<<<<<"),
        ("pylock.toml", "[[packages]]\nname = \"a\"\nversion = \"1\""),
    ]);
    let found = crate::preferences(&folder.discover("", &[]).unwrap());
    assert_eq!((found.versions.len(), found.warnings.len()), (1, 1));
}

#[test]
fn a_lock_of_a_project_is_fresh_until_the_project_changes() {
    let read = |text: &str| Folder::new(&[("wharf.toml", text)]).discover("", &[]).unwrap();
    let text = "[pypi]\na = { version = \">=1\", extras = [\"y\", \"x\"] }\nb = { path = \"../b\" }\n[constraints.pypi]\nc = \"<2\"\n";
    let project = read(text);
    let package = |name: &str| crate::LockedPackage {
        name: wharf_core::PackageName::pypi(name).unwrap(),
        version: "1".to_owned(),
        source: wharf_core::Source::Directory {
            path: "../b".to_owned(),
            editable: false,
        },
        files: Vec::new(),
        dependencies: Vec::new(),
        targets: Vec::new(),
        requires_python: None,
    };
    let lock = Lock {
        version: 1,
        requires_python: None,
        inputs: LockInputs::of(&project),
        targets: Vec::new(),
        packages: vec![package("a"), package("b")],
        cargo: None,
        deb: None,
        npm: None,
    };
    let lock = Lock::parse_file(&SourceText::new(Path::new("wharf.lock"), &lock.print())).unwrap();
    assert_eq!(lock.stale(&project), None);
    assert_eq!(
        lock.stale(&read(&text.replace("\"y\", \"x\"", "\"x\", \"y\""))),
        None,
        "order means nothing"
    );
    assert_eq!(lock.stale(&read(&format!("# comment\n{text}"))), None);
    let stale = lock.stale(&read(&text.replace(">=1", ">=2"))).unwrap();
    assert_eq!(
        stale.to_string(),
        "the requirement `a[x,y]>=1` became `a[x,y]>=2`"
    );
}

#[test]
fn init_adopts_or_writes() {
    let folder = Folder::new(&[]);
    let place = folder.0.path().join("My App!");
    std::fs::create_dir(&place).unwrap();
    let crate::init::Init::Write(text) = crate::init::init(&place, Some("3.12")) else {
        panic!("nothing to adopt")
    };
    std::fs::write(place.join("wharf.toml"), &text).unwrap();
    let project = Project::read(&place, &folder.options(&[])).unwrap().unwrap();
    assert_eq!(
        (
            project.name.as_deref(),
            project.requires_python.unwrap().to_string().as_str()
        ),
        (Some("my-app"), ">=3.12")
    );
    assert_eq!(
        crate::init::init(&place, None),
        crate::init::Init::Adopt(ManifestKind::Wharf)
    );
}

#[test]
fn a_local_package_with_sources_of_its_own_is_not_read_by_halves() {
    let member = "[project]\nname = \"near\"\ndependencies = [\"inner\", \"kept\"]\n\n[dependency-groups]\ndev = [\"tool\"]\n\n\
                  [tool.uv.sources]\ntool = { git = \"https://example.org/tool\" }\nkept = { index = \"own\" }\n\
                  inner = { path = \"../inner\" }\n";
    let discover = |manifest: &str| {
        Folder::new(&[("wharf.toml", manifest), ("near/pyproject.toml", member)]).discover("", &[])
    };
    let near = "[pypi]\nnear = { path = \"near\", editable = true }\n";
    let error = discover(near).unwrap_err();
    assert_eq!(error.code(), "project/source-not-read");
    let place = error.place().expect("it stands in a file");
    assert_eq!(place.origin().to_string(), "near/pyproject.toml:11");
    assert!(error.to_string().contains("inner"), "{error}");
    // A development tool of the local package is not installed, and an index by name is an index.
    let project = discover(&format!("{near}inner = {{ path = \"inner\" }}\n")).unwrap();
    assert_eq!(project.roots.len(), 2);
}
