//! Tests of the lockfile: the text is the lock, malformed places are shown, staleness is told in words, and the walk
//! installs what it should.

use std::collections::BTreeSet;

use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};
use proptest::prelude::*;
use wharf_core::{Algorithm, Digest, Explain, PackageName, Source, Span, Target, WebUrl};

use super::*;

pub(crate) fn linux(python: &str) -> MarkerEnvironment {
    environment("linux", "x86_64", python)
}

pub(crate) fn environment(platform: &str, machine: &str, python: &str) -> MarkerEnvironment {
    let minor = python.rsplit_once('.').map_or(python, |(minor, _)| minor);
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: python,
        os_name: "posix",
        platform_machine: machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: if platform == "linux" { "Linux" } else { "Darwin" },
        platform_version: "",
        python_full_version: python,
        python_version: minor,
        sys_platform: platform,
    })
    .unwrap()
}

fn name(text: &str) -> PackageName {
    PackageName::pypi(text).unwrap()
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn file(filename: &str) -> LockedFile {
    LockedFile {
        filename: filename.to_owned(),
        url: Some(format!("https://files.example.org/{filename}")),
        digest: Some(Digest::from_hex(Algorithm::Sha256, &"ab".repeat(32)).unwrap()),
        size: Some(1234),
        upload_time: Some("2024-05-06T07:08:09Z".parse().unwrap()),
        targets: Vec::new(),
    }
}

fn edge(text: &str) -> LockedEdge {
    LockedEdge {
        name: name(text),
        version: None,
        extras: Vec::new(),
        when_extra: None,
        marker: None,
    }
}

fn package(text: &str, version: &str, dependencies: Vec<LockedEdge>) -> LockedPackage {
    LockedPackage {
        name: name(text),
        version: version.to_owned(),
        source: Source::Registry {
            index: WebUrl::parse("https://index.example.org/simple/").unwrap(),
        },
        files: vec![file(&format!("{text}-{version}-py3-none-any.whl"))],
        dependencies,
        targets: Vec::new(),
        requires_python: Some(">=3.8".to_owned()),
    }
}

fn root(text: &str, group: Group) -> LockedRoot {
    LockedRoot {
        name: name(text),
        group,
        extras: Vec::new(),
        specifiers: ">=1".to_owned(),
        source: None,
        editable: false,
        marker: None,
        hashes: Vec::new(),
    }
}

pub(crate) fn sample() -> Lock {
    let mut app = package("app", "1.0", vec![edge("lib"), edge("fast")]);
    app.dependencies[0].extras = vec!["tls".to_owned()];
    app.dependencies[1].marker = Some("sys_platform == 'darwin'".to_owned());
    let mut lib = package("lib", "2.0", vec![edge("crypto"), edge("never")]);
    lib.dependencies[0].when_extra = Some("tls".to_owned());
    lib.dependencies[1].when_extra = Some("other".to_owned());
    let mut lock = Lock {
        version: FORMAT,
        requires_python: Some(">=3.9".to_owned()),
        inputs: LockInputs {
            roots: vec![
                root("app", Group::Main),
                root("pytest", Group::Dev),
                root("docs", Group::Named("docs".to_owned())),
            ],
            ..LockInputs::default()
        },
        targets: vec![LockedTarget {
            target: target("linux-x86_64-py3.12"),
            python: "3.12.4".to_owned(),
        }],
        packages: ["crypto", "fast", "never", "pytest", "docs"]
            .map(|name| package(name, "3.0", Vec::new()))
            .into(),
        cargo: None,
        deb: None,
        npm: None,
    };
    lock.packages.extend([app, lib]);
    lock.normalize();
    lock
}

fn installed(lock: &Lock, selection: &Selection) -> Vec<String> {
    let items = lock
        .install_set(&lock.targets[0].target, selection, &linux("3.12.4"))
        .unwrap();
    items.iter().map(|item| item.package.name.to_string()).collect()
}

#[test]
fn the_walk_follows_extras_markers_and_groups() {
    let lock = sample();
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<String>>()
    };
    let selection = |dev, groups: &[&str]| Selection {
        dev,
        groups: set(groups),
        ..Selection::default()
    };
    for (selection, expected) in [
        (
            selection(DevGroups::Include, &[]),
            vec!["app", "crypto", "lib", "pytest"],
        ),
        (selection(DevGroups::Exclude, &[]), vec!["app", "crypto", "lib"]),
        (selection(DevGroups::Only, &[]), vec!["pytest"]),
        (
            selection(DevGroups::Exclude, &["docs"]),
            vec!["app", "crypto", "docs", "lib"],
        ),
    ] {
        assert_eq!(installed(&lock, &selection), expected, "{selection:?}");
    }
    let items = lock
        .install_set(&lock.targets[0].target, &Selection::default(), &linux("3.12.4"))
        .unwrap();
    let requested: Vec<_> = items
        .iter()
        .filter(|item| item.requested)
        .map(|item| item.package.name.as_str())
        .collect();
    assert_eq!(requested, ["app", "pytest"]);
    let lib = items
        .iter()
        .find(|item| item.package.name.as_str() == "lib")
        .unwrap();
    assert_eq!(lib.extras, BTreeSet::from(["tls"]));
}

#[test]
fn cycles_between_packages_end() {
    let mut lock = sample();
    lock.packages
        .iter_mut()
        .find(|package| package.name.as_str() == "crypto")
        .unwrap()
        .dependencies = vec![edge("app")];
    assert_eq!(installed(&lock, &Selection::default()).len(), 4);
}

#[test]
fn several_versions_are_told_apart_by_target_and_by_edge() {
    let mut lock = sample();
    let mut older = package("crypto", "2.0", Vec::new());
    older.targets = vec![target("linux-x86_64-py3.9")];
    lock.packages.push(older.clone());
    lock.normalize();
    assert_eq!(
        installed(&lock, &Selection::default()).len(),
        4,
        "the other target's version does not count"
    );
    lock.packages
        .iter_mut()
        .find(|package| package.version == "2.0" && package.name == older.name)
        .unwrap()
        .targets
        .clear();
    let error = lock
        .install_set(&lock.targets[0].target, &Selection::default(), &linux("3.12.4"))
        .unwrap_err();
    assert_eq!(error.code(), "lock/ambiguous-package");
    let lib = lock
        .packages
        .iter_mut()
        .find(|package| package.name.as_str() == "lib")
        .unwrap();
    lib.dependencies
        .iter_mut()
        .find(|edge| edge.name == older.name)
        .unwrap()
        .version = Some("2.0".to_owned());
    assert_eq!(installed(&lock, &Selection::default()).len(), 4);
}

#[test]
fn broken_locks_are_named() {
    let walk = |change: &dyn Fn(&mut Lock)| {
        let mut lock = sample();
        change(&mut lock);
        lock.install_set(
            &target("linux-x86_64-py3.12"),
            &Selection::default(),
            &linux("3.12.4"),
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        walk(&|lock| lock.packages.retain(|package| package.name.as_str() != "crypto")),
        "lib 2.0 needs crypto, which the lock does not contain for linux-x86_64-py3.12"
    );
    assert_eq!(
        walk(&|lock| lock.packages.iter_mut().for_each(|package| package.files.clear())),
        "the lock has no file of app 1.0 for linux-x86_64-py3.12"
    );
    assert!(
        walk(&|lock| lock.inputs.roots[0].marker = Some("os_name ==".to_owned()))
            .starts_with("`os_name ==` in the lock is not a marker")
    );
    let lock = sample();
    let selection = Selection {
        groups: BTreeSet::from(["dosc".to_owned()]),
        ..Selection::default()
    };
    let error = lock
        .install_set(&lock.targets[0].target, &selection, &linux("3.12.4"))
        .unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hints()),
        (
            "the project has no group `dosc`",
            vec!["did you mean `docs`?".to_owned()]
        )
    );
}

#[test]
fn the_most_specific_target_fits() {
    let mut lock = sample();
    lock.targets.push(LockedTarget {
        target: target("linux-x86_64-glibc2.34-py3.12"),
        python: "3.12.4".to_owned(),
    });
    for (host, expected) in [
        (
            "linux-x86_64-glibc2.36-py3.12",
            Some("linux-x86_64-glibc2.34-py3.12"),
        ),
        ("linux-x86_64-glibc2.31-py3.12", Some("linux-x86_64-py3.12")),
        ("linux-x86_64-glibc2.36-py3.11", None),
        ("macos-arm64-py3.12", None),
    ] {
        let found = lock
            .target_for(&target(host))
            .ok()
            .map(|locked| locked.target.to_string());
        assert_eq!(found.as_deref(), expected, "{host}");
    }
    for (host, missing) in [
        ("macos-arm64-14.0-py3.12", "macos-arm64-14.0"),
        ("linux-x86_64-glibc2.36-py3.13", "linux-x86_64-py3.13"),
    ] {
        let error = lock.target_for(&target(host)).unwrap_err();
        let hint = format!("add \"{missing}\" to `targets` in wharf.toml and run `wharf lock`");
        assert_eq!(error.hints(), [hint]);
    }
}

#[test]
fn the_text_is_readable() {
    let mut lock = sample();
    lock.packages.retain(|package| package.name.as_str() == "app");
    lock.inputs.cooldown = Span::from_seconds(7 * 86_400);
    let digest = "ab".repeat(32);
    let expected = format!(
        r#"# Written by Wharf. Change the manifest and run `wharf lock` rather than editing this file.
version = 1
requires-python = ">=3.9"

[inputs]
cooldown = "7d"
requirements = [
    {{ name = "pypi:app", version = ">=1" }},
    {{ name = "pypi:pytest", version = ">=1", group = "dev" }},
    {{ name = "pypi:docs", version = ">=1", group = "group:docs" }},
]

[[target]]
target = "linux-x86_64-py3.12"
python = "3.12.4"

[[package]]
name = "pypi:app"
version = "1.0"
source = {{ registry = "https://index.example.org/simple/" }}
requires-python = ">=3.8"
dependencies = [
    {{ name = "fast", marker = "sys_platform == 'darwin'" }},
    {{ name = "lib", extras = ["tls"] }},
]
files = [
    {{ name = "app-1.0-py3-none-any.whl", url = "https://files.example.org/app-1.0-py3-none-any.whl", hash = "sha256:{digest}", size = 1234, uploaded = "2024-05-06T07:08:09Z" }},
]
"#
    );
    assert_eq!(lock.print(), expected);
    assert_eq!(Lock::parse(&expected).unwrap(), lock);
}

#[test]
fn malformed_locks_show_the_place() {
    let good = sample().print();
    for (from, to, place, message) in [
        (
            "version = 1\n",
            "version = 2\n",
            "2:11",
            "this lockfile has format 2, and this Wharf reads 1",
        ),
        ("version = 1\n", "", "1:1", "the lockfile has no `version`"),
        ("sha256:ab", "sha256:zz", "", "is not a sha256 digest"),
        (
            "size = 1234",
            "size = \"1\"",
            "",
            "`size` must be a whole number, and this is a string",
        ),
        (
            "size = 1234",
            "sizes = 1",
            "",
            "there is no key `sizes` in a file",
        ),
        (
            "[[package]]\nname = \"pypi:app\"\n",
            "[[package]]\n",
            "",
            "`name` is missing here",
        ),
        (
            "\"pypi:app\"\nversion",
            "\"app\"\nversion",
            "",
            "`app` does not say which ecosystem it is from",
        ),
        ("linux-x86_64-py3.12\"", "plan9\"", "", "`plan9` is not a target"),
        ("registry = ", "rgistry = ", "", "this source is none of"),
        (
            "\n[[target]]",
            "\n<<<<<<< HEAD\n[[target]]",
            "",
            "this is not valid TOML",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let error = Lock::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
        let shown = format!("{}:{}", error.place.line, error.place.column);
        assert!(place.is_empty() || shown == place, "{shown} {message}");
        assert!(error.place.line > 0 && !error.hints.is_empty());
    }
}

#[test]
fn stale_locks_say_why() {
    let lock = sample();
    let requires = Some(">=3.9");
    assert_eq!(lock.stale_against(&lock.inputs, requires), None);
    let reasons = |change: &dyn Fn(&mut LockInputs)| {
        let mut now = lock.inputs.clone();
        change(&mut now);
        lock.stale_against(&now, requires)
            .map(|stale| stale.to_string())
            .unwrap_or_default()
    };
    for (shown, expected) in [
        (
            reasons(&|now| now.roots[0].specifiers = ">=2".to_owned()),
            "the requirement `app>=1` became `app>=2`",
        ),
        (
            reasons(&|now| now.roots.push(root("new", Group::Main))),
            "the requirement `new>=1` is new",
        ),
        (
            reasons(&|now| _ = now.roots.remove(1)),
            "the requirement `pytest>=1 (dev)` is gone",
        ),
        (
            reasons(&|now| now.constraints.push(root("x", Group::Main))),
            "the constraint `x>=1` is new",
        ),
        (
            reasons(&|now| now.cooldown = Span::from_seconds(86_400)),
            "the cooldown changed from `0d` to `1d`",
        ),
        (
            reasons(&|now| now.targets.push(target("windows-x86_64"))),
            "the targets changed from nothing to `windows-x86_64`",
        ),
    ] {
        assert_eq!(shown, expected);
    }
    let stale = lock.stale_against(&lock.inputs, Some(">=3.10")).unwrap();
    assert_eq!(
        stale.to_string(),
        "the Python versions changed from `>=3.9` to `>=3.10`"
    );
    let mut merged = lock.clone();
    merged.packages.clear();
    assert!(
        merged
            .stale_against(&lock.inputs, requires)
            .unwrap()
            .to_string()
            .contains("`app>=1` has no package in the lock")
    );
}

fn words() -> impl Strategy<Value = String> {
    // Every character that needs care in TOML, and some that do not.
    proptest::string::string_regex("[a-z \"'\\\\\n\t\r\u{1}\u{7f}é#\\[\\]{}=,]{0,12}").unwrap()
}

fn names() -> impl Strategy<Value = PackageName> {
    proptest::string::string_regex("[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?")
        .unwrap()
        .prop_map(|text| name(&text))
}

fn targets() -> impl Strategy<Value = Vec<Target>> {
    let all = [
        "linux-x86_64-py3.12",
        "linux-aarch64-musl1.2-py3.9",
        "macos-arm64",
        "windows-x86_64-py3.13",
    ];
    proptest::sample::subsequence(all.map(target).to_vec(), 0..=4)
}

fn sources() -> impl Strategy<Value = Source> {
    let url = || WebUrl::parse("https://example.org/a%20b/x").unwrap();
    prop_oneof![
        Just(Source::Registry { index: url() }),
        words().prop_map(|location| Source::FindLinks { location }),
        proptest::option::of(words()).prop_map(move |subdirectory| Source::Url {
            url: url(),
            subdirectory
        }),
        (proptest::option::of(words()), words()).prop_map(move |(reference, commit)| Source::Git {
            url: url(),
            subdirectory: reference.clone(),
            reference,
            commit
        }),
        words().prop_map(|path| Source::File { path }),
        (words(), any::<bool>()).prop_map(|(path, editable)| Source::Directory { path, editable }),
    ]
}

fn groups() -> impl Strategy<Value = Group> {
    prop_oneof![
        Just(Group::Main),
        Just(Group::Dev),
        names().prop_map(|name| Group::Named(name.to_string())),
        names().prop_map(|name| Group::Extra(name.to_string())),
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(words(), 0..3)
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(|bytes| Digest::from_bytes(Algorithm::Sha256, &bytes).unwrap())
}

fn roots() -> impl Strategy<Value = Vec<LockedRoot>> {
    let option = || proptest::option::of(words());
    let one = (
        names(),
        groups(),
        texts(),
        words(),
        option(),
        any::<bool>(),
        option(),
        proptest::collection::vec(digests(), 0..2),
    )
        .prop_map(
            |(name, group, extras, specifiers, source, editable, marker, hashes)| LockedRoot {
                name,
                group,
                extras,
                specifiers,
                source,
                editable,
                marker,
                hashes,
            },
        );
    proptest::collection::vec(one, 0..4)
}

fn packages() -> impl Strategy<Value = LockedPackage> {
    let option = || proptest::option::of(words());
    let edges = (names(), option(), texts(), option(), option()).prop_map(
        |(name, version, extras, when_extra, marker)| LockedEdge {
            name,
            version,
            extras,
            when_extra,
            marker,
        },
    );
    let times = proptest::option::of(
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap()),
    );
    let files = (
        words(),
        option(),
        proptest::option::of(digests()),
        proptest::option::of(any::<u64>().prop_map(|n| n >> 1)),
        times,
        targets(),
    )
        .prop_map(|(filename, url, digest, size, upload_time, targets)| LockedFile {
            filename,
            url,
            digest,
            size,
            upload_time,
            targets,
        });
    let many = (
        proptest::collection::vec(files, 0..3),
        proptest::collection::vec(edges, 0..4),
    );
    (names(), words(), sources(), many, targets(), option()).prop_map(
        |(name, version, source, (files, dependencies), targets, requires_python)| LockedPackage {
            name,
            version,
            source,
            files,
            dependencies,
            targets,
            requires_python,
        },
    )
}

prop_compose! {
    fn locks()(
        requires_python in proptest::option::of(words()),
        (roots, constraints, overrides) in (roots(), roots(), roots()),
        lists in (texts(), texts(), texts(), texts()),
        declared in targets(),
        locked in targets(),
        (cooldown, no_index, modes) in (any::<u32>(), any::<bool>(), 0usize..3),
        packages in proptest::collection::vec(packages(), 0..6),
        (npm, cargo, deb) in (
            proptest::option::of(npm::arbitrary::npm_locks()),
            proptest::option::of(cargo::tests::locks()),
            proptest::option::of(deb::tests::locks()),
        ),
    ) -> Lock {
        let mut lock = Lock {
            version: FORMAT,
            requires_python,
            inputs: LockInputs {
                roots,
                constraints,
                overrides,
                targets: declared,
                cooldown: Span::from_seconds(u64::from(cooldown)),
                exclude_newer: Timestamp::from_second(i64::from(cooldown)).ok().filter(|_| no_index),
                indexes: lists.0,
                find_links: lists.1,
                local: lists.2.clone(),
                no_index,
                index_strategy: [IndexStrategy::FirstMatch, IndexStrategy::BestMatch][modes % 2],
                prereleases: [Prereleases::IfNecessary, Prereleases::Allow, Prereleases::Disallow][modes],
                resolution: [ResolutionMode::Highest, ResolutionMode::Lowest, ResolutionMode::LowestDirect][modes],
                no_binary: lists.2,
                only_binary: lists.3,
            },
            targets: locked.into_iter().map(|target| LockedTarget { target, python: "3.12.4".to_owned() }).collect(),
            packages,
            cargo,
            deb: deb.map(Arc::new),
            npm,
        };
        lock.normalize();
        lock
    }
}

proptest! {
    #[test]
    fn parse_undoes_print(lock in locks()) {
        let text = lock.print();
        let read = Lock::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.print(), text);
    }

    #[test]
    fn order_means_nothing(lock in locks()) {
        let mut shuffled = lock.clone();
        shuffled.packages.reverse();
        shuffled.inputs.roots.reverse();
        shuffled.packages.iter_mut().for_each(|package| package.dependencies.reverse());
        prop_assert_eq!(shuffled.print(), lock.print());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]={}\", \n:0-9-]{0,120}") {
        let _ = Lock::parse(&text);
        let _ = Lock::parse(&format!("version = 1\n{text}"));
    }
}
