//! The Debian part of a project: what `[deb]` means, what its errors look like, and which repositories count.

use std::path::Path;

use wharf_core::PackageName;
use wharf_deb::architecture::Architecture;

use super::*;
use crate::project::{Options, Project};

/// A folder with a manifest, and a host below it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn host(&self) -> std::path::PathBuf {
        self.0.path().join("host")
    }

    fn project(&self) -> Result<Project, String> {
        let options = Options {
            system_root: self.host(),
            ..Options::default()
        };
        Project::discover(&self.0.path().join("app"), &options).map_err(|error| {
            let hints: Vec<String> = wharf_core::Explain::hints(&error)
                .iter()
                .map(|hint| format!("\nhint: {hint}"))
                .collect();
            format!("{error}{}", hints.concat())
        })
    }
}

fn read(manifest: &str) -> Result<Project, String> {
    Folder::new(&[("app/wharf.toml", manifest)]).project()
}

fn amd64() -> Architecture {
    Architecture::parse("amd64").unwrap()
}

const BOOKWORM: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";

fn shown(repositories: &[DebRepository]) -> Vec<String> {
    let line = |each: &DebRepository| format!("{} {} {}", each.uri, each.suite, each.components.join(" "));
    repositories.iter().map(line).collect()
}

#[test]
fn every_key_is_read() {
    let project = read(
        r#"
[deb]
suite = "bookworm"
packages = ["nginx", "libpq-dev (>= 15)", "foo:i386", "default-mta | mail-transport-agent", "cpuid [amd64]"]
recommends = false
architectures = ["i386"]
components = ["main", "contrib"]
hold = ["nginx", "libc6 (= 2.36-9)"]
exclude = ["exim4"]
sources = "default"
snapshot = 2026-01-15

[[deb.repository]]
uri = "https://deb.example.org/pg"
suites = ["bookworm-pgdg"]
signed-by = "keys/pg.asc"
priority = 600

[[deb.repository]]
uri = "https://deb.example.org/flat"
suites = ["./"]
trusted = true
check-valid-until = false

[[deb.pin]]
packages = ["nginx", "libnginx-mod-*"]
release = "n=bookworm-backports"
priority = -1

[dev.deb]
packages = ["gdb"]
"#,
    )
    .unwrap();
    let deb = project.deb.as_ref().unwrap();
    let asked: Vec<String> = deb
        .packages
        .iter()
        .map(|each| format!("{each} [{}] {}", each.group, each.origin))
        .collect();
    assert_eq!(
        asked,
        [
            "deb:nginx [main] wharf.toml:4",
            "deb:libpq-dev (>= 15) [main] wharf.toml:4",
            "deb:foo:i386 [main] wharf.toml:4",
            "deb:default-mta | mail-transport-agent [main] wharf.toml:4",
            "deb:cpuid [amd64] [main] wharf.toml:4",
            "deb:gdb [dev] wharf.toml:31",
        ]
    );
    assert!(!deb.recommends && deb.foreign.len() == 1 && deb.foreign[0].as_str() == "i386");
    assert_eq!(deb.snapshot.as_deref(), Some("20260115T000000Z"));
    let holds: Vec<String> = deb.holds.iter().map(DebHold::words).collect();
    assert_eq!(holds, ["nginx", "libc6 (= 2.36-9)"]);
    assert_eq!(
        deb.excludes,
        [PackageName::new(wharf_core::Ecosystem::Deb, "exim4").unwrap()]
    );
    assert_eq!(
        deb.pins[0].words(),
        "nginx libnginx-mod-*: release n=bookworm-backports -1"
    );
    assert_eq!(deb.preferences().len(), 1);
    assert_eq!(deb.own[0].keys.files, [project.root.join("keys/pg.asc")]);
    assert_eq!(
        (deb.own[0].priority, deb.own[0].components.as_slice()),
        (Some(600), &["main".to_owned()][..])
    );
    assert!(deb.own[1].trusted && !deb.own[1].check_valid_until && deb.own[1].components.is_empty());
    assert!(!project.uses_python() && !project.uses_npm());
    let inputs = crate::DebInputs::of(&project).unwrap();
    assert_eq!(
        inputs.repositories,
        [
            "https://deb.example.org/pg bookworm-pgdg main signed-by keys/pg.asc priority 600",
            "https://deb.example.org/flat ./ trusted valid for ever",
        ]
    );
    assert_eq!(inputs.suite.as_deref(), Some("bookworm"));
    // A snapshot has run out long ago, and is asked for with its instant.
    let all = deb.repositories("bookworm", &amd64()).unwrap();
    assert_eq!(all.len(), 5);
    assert!(
        all[2..]
            .iter()
            .all(|each| !each.check_valid_until && each.uri.to_string().contains("20260115T000000Z"))
    );
}

#[test]
fn errors_point_and_advise() {
    for (text, expected) in [
        ("[deb]\nsuite = \"bokworm\"", "--> wharf.toml:2:9\n"),
        ("[deb]\nsuite = \"bokworm\"", "hint: did you mean `bookworm`?"),
        (
            "[deb]\nsuite = \"rawhide\"",
            "hint: name its repositories in `[[deb.repository]]`",
        ),
        ("[deb]\nsuite = \"../x\"", "`../x` is not the name of a suite"),
        ("[deb]\npackage = []", "hint: did you mean `packages`?"),
        (
            "[deb]\npackages = [\"libpq-dev>=15\"]",
            "hint: write `libpq-dev (>= 15)`",
        ),
        ("[deb]\npackages = [\"libpq-dev>=15\"]", "--> wharf.toml:2:23\n"),
        (
            "[deb]\npackages = [\"nginx=1.22\"]",
            "hint: write `nginx (= 1.22)`",
        ),
        (
            "[deb]\npackages = [\"aa, bb\"]",
            "`aa, bb` is more than one requirement",
        ),
        ("[deb]\npackages = [\"\"]", "this names no package"),
        (
            "[deb]\npackages = [\"aa <!nocheck>\"]",
            "build profiles have no meaning here",
        ),
        ("[deb]\npackages = [\"aa\", \"aa\"]", "`aa` stands here already"),
        ("[deb]\npackages = [\"n\"]", "--> wharf.toml:2:14\n"),
        (
            "[deb]\npackages = [\"nginx (>= )\"]",
            "is not a requirement of Debian's",
        ),
        (
            "[deb]\npackages = \"nginx\"",
            "`packages` must be an array, and this is a string",
        ),
        (
            "[deb]\narchitectures = [\"x86-64!\"]",
            "`x86-64!` is no architecture that Debian has packages for",
        ),
        ("[deb]\nhold = [\"nginx (>= 1)\"]", "is a range, not a version"),
        (
            "[deb]\nexclude = [\"a b\"]",
            "`a b` is not a valid deb package name",
        ),
        (
            "[deb]\nsources = \"hots\"",
            "hint: its values are `auto`, `host`, `default` and `none`",
        ),
        (
            "[deb]\nsnapshot = \"yesterday\"",
            "hint: write for example `2026-01-31`",
        ),
        (
            "[deb.repository]\nuri = \"https://example.org/\"",
            "hint: write `[[deb.repository]]` with double brackets",
        ),
        (
            "[[deb.repository]]\nsuites = [\"x\"]",
            "this repository has no `uri`",
        ),
        (
            "[[deb.repository]]\nuri = \"https://example.org/\"",
            "this repository has no `suites`",
        ),
        (
            "[[deb.repository]]\nuri = \"ftp://example.org/\"\nsuites = [\"x\"]",
            "reached by http, https or file",
        ),
        (
            "[[deb.repository]]\nuri = \"https://example.org/\"\nsuites = [\"x\"]",
            "hint: write `signed-by = \"keys/example.asc\"`",
        ),
        (
            "[[deb.repository]]\nuri = \"https://example.org/\"\nsuites = [\"./\"]\ncomponents = [\"main\"]\ntrusted = true",
            "the suite `./` is a path, which has no components",
        ),
        (
            "[[deb.repository]]\nuri = \"https://example.org/\"\nsuites = [\"x\"]\nsigned-by = \"0123456789012345678901234567890123456789\"",
            "a fingerprint alone is no key",
        ),
        (
            "[[deb.pin]]\npackages = [\"a\"]\npriority = 1",
            "says neither `release` nor `version` nor `origin`",
        ),
        (
            "[[deb.pin]]\npackages = [\"a\"]\nversion = \"1\"",
            "this pin has no `priority`",
        ),
        (
            "[[deb.pin]]\npackages = [\"a\"]\nversion = \"1\"\norigin = \"x\"\npriority = 1",
            "`version` and `origin` exclude each other",
        ),
        (
            "[[deb.pin]]\npackages = [\"a\"]\nversion = \"1\"\npriority = 0",
            "is not a priority",
        ),
        (
            "[[deb.repository]]\nuri = \"https://deb.example.org/x\"\nsuites = [\"./\"]\npriority = 0",
            "a `priority` is a number between -32768 and 32767, but not 0",
        ),
        (
            "[[deb.repository]]\nuri = \"https://deb.example.org/x\"\nsuites = [\"./\"]\npriority = 40000",
            "--> wharf.toml:4:12\n",
        ),
        ("[deb]\npackages = [\"hello:i387\"]", "hint: did you mean `i386`?"),
        (
            "[deb]\narchitectures = [\"arm65\"]",
            "`arm65` is no architecture that Debian has packages for",
        ),
        (
            "[deb]\narchitectures = [\"pdp11\"]",
            "hint: its architectures are `amd64`, `arm64`",
        ),
        (
            "[deb]\nhold = [\"libc6:i386\"]",
            "a package is held for all its architectures",
        ),
        (
            "[deb]\npackages = [\"hello/bookworm-backports\"]",
            "release = \"n=bookworm-backports\"",
        ),
        (
            "[dev.deb]\nsuite = \"sid\"",
            "there is no key `suite` in [dev.deb]",
        ),
        (
            "[groups.docs.deb]\npackages = []",
            "Debian packages have neither groups nor extras",
        ),
        (
            "[constraints.deb]\nx = \"1\"",
            "hint: write them into `[deb]` or `[dev.deb]`",
        ),
    ] {
        let shown = read(text).map(|_| ()).expect_err(text);
        assert!(
            shown.contains(expected) && shown.contains("--> wharf.toml:"),
            "{text}\n--- shown\n{shown}\n--- expected\n{expected}"
        );
    }
}

#[test]
fn architectures_that_packages_name_count_without_being_said() {
    let text = "[deb]\narchitectures = [\"armhf\"]\npackages = [\"aa:i386\", \"bb | cc:arm64\", \"dd:any\"]\n[dev.deb]\npackages = [\"ee:i386\"]\n";
    let project = read(text).unwrap();
    let mut foreign: Vec<&str> = project
        .deb
        .iter()
        .flat_map(|deb| &deb.foreign)
        .map(|one| one.as_str())
        .collect();
    foreign.sort_unstable();
    assert_eq!(foreign, ["arm64", "armhf", "i386"]);
}

#[test]
fn the_suite_is_the_hosts_where_the_manifest_says_none() {
    let folder = Folder::new(&[
        ("app/wharf.toml", "[deb]\npackages = [\"jq\"]\n"),
        ("host/etc/os-release", BOOKWORM),
    ]);
    let project = folder.project().unwrap();
    let deb = project.deb.as_ref().unwrap();
    let suite = deb.suite.as_ref().unwrap();
    assert!(deb.recommends, "as apt does it");
    assert_eq!(
        (suite.name.as_str(), suite.declared),
        ("bookworm", Declared::Machine)
    );
    assert_eq!(
        crate::DebInputs::of(&project).unwrap().suite,
        None,
        "no input of the lock"
    );
    let repositories = deb.repositories("bookworm", &amd64()).unwrap();
    let suites: Vec<&str> = repositories.iter().map(|each| each.suite.as_str()).collect();
    assert_eq!(suites, ["bookworm", "bookworm-updates", "bookworm-security"]);
    assert!(
        repositories
            .iter()
            .all(|each| each.keys.shipped == Some(DebDistribution::Debian))
    );
    let other = Folder::new(&[
        ("app/wharf.toml", "[deb]\n"),
        ("host/etc/os-release", "ID=fedora\n"),
    ]);
    assert_eq!(other.project().unwrap().deb.unwrap().suite, None);
}

#[test]
fn the_usual_repositories_know_ports_and_suites_that_stand_alone() {
    let project = read("[deb]\nsuite = \"noble\"\nsources = \"default\"\n").unwrap();
    let deb = project.deb.unwrap();
    let arm = Architecture::parse("arm64").unwrap();
    let of = |suite: &str, architecture: &Architecture| {
        let all = deb.repositories(suite, architecture).unwrap();
        all.iter().map(|each| each.uri.to_string()).collect::<Vec<_>>()
    };
    let (main, ports) = (of("noble", &amd64()), of("noble", &arm));
    assert_eq!((main.len(), ports.len()), (3, 3));
    assert!(main.iter().all(|uri| !ports.contains(uri)), "{main:?} {ports:?}");
    assert_eq!(of("sid", &amd64()).len(), 1);
    assert_eq!(of("bookworm-backports", &arm).len(), 1);
    let unknown = deb.repositories("rawhide", &amd64()).unwrap_err().to_string();
    assert!(
        unknown.contains("no repository is known that has it for amd64"),
        "{unknown}"
    );
}

const SOURCES: &str = "Types: deb deb-src\n# a comment in between\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/x.gpg\n\nTypes: deb\nEnabled: no\nURIs: http://off.example.org/debian\nSuites: bookworm\nComponents: main\n";

#[test]
fn the_hosts_sources_win_for_the_suite_that_they_cover() {
    let host = [
        ("host/etc/os-release", BOOKWORM),
        ("host/etc/apt/sources.list.d/debian.sources", SOURCES),
        (
            "host/etc/apt/sources.list",
            "# comment\ndeb [trusted=yes arch=amd64,arm64] http://mirror.example.org/security bookworm-security main contrib\ndeb cdrom:[x]/ bookworm main\nnonsense\n",
        ),
        (
            "host/etc/apt/sources.list.d/third.list",
            "deb http://third.example.org/apt stable main\n",
        ),
        ("host/etc/apt/trusted.gpg.d/third.asc", "key"),
    ];
    let with = |manifest: &'static str| {
        let mut files = host.to_vec();
        files.push(("app/wharf.toml", manifest));
        Folder::new(&files)
    };
    let native = own();
    let folder = with("[deb]\n");
    let project = folder.project().unwrap();
    let deb = project.deb.unwrap();
    let found = deb.repositories("bookworm", &native).unwrap();
    let mut expected = vec![
        "http://mirror.example.org/debian bookworm main",
        "http://mirror.example.org/debian bookworm-updates main",
    ];
    if ["amd64", "arm64"].contains(&native.as_str()) {
        expected.insert(
            0,
            "http://mirror.example.org/security bookworm-security main contrib",
        );
    }
    assert_eq!(shown(&found), expected);
    assert_eq!(
        found.last().unwrap().keys.files,
        [folder.host().join("usr/share/keyrings/x.gpg")]
    );
    assert!(found.iter().all(|each| each.declared == Declared::Machine));
    // Another suite, and an architecture that the mirror may lack, come from the usual places.
    let other = deb.repositories("trixie", &native).unwrap();
    assert!(other.iter().all(|each| each.keys.shipped.is_some()));
    let foreign = Architecture::parse("s390x").unwrap();
    if foreign != native {
        let found = deb.repositories("bookworm", &foreign).unwrap();
        assert!(found.iter().all(|each| each.keys.shipped.is_some()));
    }
    let warnings: Vec<_> = project.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(warnings, ["deb/host-sources"]);
    // Components of the manifest count for them as well.
    let deb = with("[deb]\ncomponents = [\"main\", \"non-free\"]\n")
        .project()
        .unwrap()
        .deb
        .unwrap();
    let found = deb.repositories("bookworm", &native).unwrap();
    assert!(found.iter().all(|each| each.components == ["main", "non-free"]));
    // Everything that the host has, only where the manifest says so.
    let folder = with("[deb]\nsources = \"host\"\n");
    let deb = folder.project().unwrap().deb.unwrap();
    let found = deb.repositories("bookworm", &native).unwrap();
    let third = found.iter().find(|each| each.suite == "stable").unwrap();
    assert_eq!(
        third.keys.files,
        [folder.host().join("etc/apt/trusted.gpg.d/third.asc")]
    );
    assert_eq!(third.keys.read().unwrap()[0].bytes, b"key");
    // And nothing of it.
    let deb = with("[deb]\nsources = \"none\"\n")
        .project()
        .unwrap()
        .deb
        .unwrap();
    assert!(deb.repositories("bookworm", &native).is_err());
}

fn own() -> Architecture {
    DebHost::read(Path::new("/nonexistent"), &mut crate::stated::Stated::default())
        .architecture
        .unwrap()
}

#[test]
fn the_same_stands_in_a_pyproject() {
    let folder = Folder::new(&[(
        "app/pyproject.toml",
        "[tool.wharf.deb]\nsuite = \"trixie\"\npackages = [\"jq\"]\n[tool.wharf.dev.deb]\npackages = [\"gdb\"]\n",
    )]);
    let project = folder.project().unwrap();
    let deb = project.deb.as_ref().unwrap();
    let groups: Vec<String> = deb.packages.iter().map(|each| each.group.to_string()).collect();
    assert_eq!(groups, ["main", "dev"]);
    assert_eq!(deb.packages[0].origin.to_string(), "pyproject.toml:3");
}

#[test]
fn shipped_keys_are_blocks_of_public_keys() {
    for distribution in [DebDistribution::Debian, DebDistribution::Ubuntu] {
        let keys = DebKeys {
            shipped: Some(distribution),
            ..DebKeys::default()
        };
        let read = keys.read().unwrap();
        let keyring = wharf_deb::signature::Keyring::parse(&read[0].bytes).unwrap();
        assert!(!keyring.is_empty(), "{}", read[0].place);
    }
    let missing = DebKeys {
        files: vec!["/nonexistent/key.asc".into()],
        ..DebKeys::default()
    };
    assert!(missing.read().is_err());
}

#[test]
fn a_project_without_debian_packages_has_no_such_part() {
    let project =
        read("[pypi]\nidna = \"*\"\n[external]\nhost-requires = [\"dep:generic/libpq\"]\n").unwrap();
    assert!(project.deb.is_none() && crate::DebInputs::of(&project).is_none());
    assert!(project.uses_python());
}

#[test]
fn a_lock_goes_stale_with_what_the_project_says_alone() {
    let project = read("[project]\ntargets = [\"linux-x86_64\"]\n[deb]\npackages = []\n[external]\n\"pypi:a\" = [\"dep:generic/zlib\"]\n").unwrap();
    let inputs = crate::DebInputs::of(&project).unwrap();
    assert_eq!(inputs.architectures, ["amd64"]);
    assert_eq!(inputs.external, ["pypi:a host dep:generic/zlib"]);
    let system = crate::LockedSystem {
        architecture: "amd64".to_owned(),
        roots: Vec::new(),
        packages: Vec::new(),
    };
    let mut lock = crate::Lock {
        inputs: crate::LockInputs::of(&project),
        deb: Some(std::sync::Arc::new(crate::DebLock {
            suite: "trixie".to_owned(),
            inputs,
            repositories: Vec::new(),
            systems: vec![system],
        })),
        ..crate::Lock::default()
    };
    let reasons =
        |lock: &crate::Lock, project: &Project| lock.stale_deb(project).map(|stale| stale.to_string());
    assert_eq!(reasons(&lock, &project), None);
    let more = read("[project]\ntargets = [\"linux-x86_64\", \"linux-aarch64\", \"macos-arm64\"]\n[deb]\npackages = [\"jq\"]\n").unwrap();
    assert_eq!(
        reasons(&lock, &more).unwrap(),
        "the requirement `deb:jq` is new; the need of the system `pypi:a host dep:generic/zlib` is gone; the architectures changed from `amd64` to `amd64, arm64`"
    );
    let without = read("[pypi]\n").unwrap();
    assert_eq!(
        reasons(&lock, &without).unwrap(),
        "the project has no Debian packages any more"
    );
    lock.deb = None;
    assert_eq!(
        reasons(&lock, &project).unwrap(),
        "no Debian package is locked yet"
    );
    assert!(
        lock.stale(&project)
            .unwrap()
            .to_string()
            .contains("no Debian package is locked yet")
    );
}

#[test]
fn the_users_own_table_is_read_where_it_can_matter() {
    let folder = Folder::new(&[
        ("app/wharf.toml", "[deb]\nsuite = \"trixie\"\n"),
        (
            "home/.config/wharf/external.toml",
            "\"pypi:mine\" = [\"dep:generic/git\"]\n",
        ),
        ("named.toml", "\"pypi:mine\" = [\n"),
    ]);
    let with = |variables: &[(&str, &Path)]| {
        let environment = variables
            .iter()
            .map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
        let options = Options {
            system_root: folder.host(),
            environment: environment.collect(),
            ..Options::default()
        };
        Project::discover(&folder.0.path().join("app"), &options)
    };
    let home = folder.0.path().join("home");
    let project = with(&[("HOME", &home)]).unwrap();
    let mine = PackageName::pypi("mine").unwrap();
    let needs = project.external.needs_of(&mine, None, None);
    assert_eq!(needs.run.len(), 1);
    assert!(needs.run[0].origin.to_string().ends_with("wharf/external.toml:1"));
    assert!(project.inputs.contains(&home.join(".config/wharf/external.toml")));
    let broken = with(&[("WHARF_EXTERNAL", &folder.0.path().join("named.toml"))]).unwrap_err();
    assert!(broken.to_string().contains("this is not valid TOML"));
    let missing = with(&[("WHARF_EXTERNAL", &home.join("none.toml"))]).unwrap_err();
    assert!(missing.to_string().contains("cannot read"));
}
