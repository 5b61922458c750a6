//! The Debian part of a lock, read, printed and compared. Invariant: `parse(print(lock))` is the normalised lock.

use std::sync::Arc;

use proptest::prelude::*;
use wharf_core::{Algorithm, Ecosystem};

use super::*;
use crate::lock::Lock;

fn name(text: &str) -> PackageName {
    PackageName::new(Ecosystem::Deb, text).unwrap()
}

fn id(text: &str) -> DebId {
    let (name_text, architecture) = text.split_once(':').unwrap();
    DebId {
        name: name(name_text),
        architecture: architecture.to_owned(),
    }
}

fn package(text: &str, version: &str, depends: &[&str]) -> LockedDeb {
    let id = id(text);
    LockedDeb {
        version: version.to_owned(),
        repository: "bookworm".to_owned(),
        filename: format!("pool/main/{}_{version}_{}.deb", id.name, id.architecture),
        size: 1234,
        sha256: Digest::from_bytes(Algorithm::Sha256, &[7; 32]).unwrap(),
        dependencies: depends
            .iter()
            .map(|text| DebEdge {
                kind: DebEdgeKind::Depends,
                package: self::id(text),
            })
            .collect(),
        id,
    }
}

fn root(asked: &str, cause: DebCause, package: &str) -> LockedDebRoot {
    LockedDebRoot {
        asked: asked.to_owned(),
        cause,
        group: Group::Main,
        package: id(package),
    }
}

fn external(package: &str, role: ExternalRole) -> DebCause {
    DebCause::External {
        package: Some(PackageName::pypi(package).unwrap()),
        role,
        dependency: "dep:generic/libpq".to_owned(),
    }
}

pub(crate) fn sample() -> DebLock {
    let mut pre = package("libpq5:amd64", "15.8-0+deb12u1", &[]);
    pre.dependencies = vec![
        DebEdge {
            kind: DebEdgeKind::PreDepends,
            package: id("libc6:amd64"),
        },
        DebEdge {
            kind: DebEdgeKind::Recommends,
            package: id("tzdata:all"),
        },
    ];
    let mut lock = DebLock {
        suite: "bookworm".to_owned(),
        inputs: DebInputs {
            suite: Some("bookworm".to_owned()),
            packages: vec![DebRoot {
                asked: "nginx (>= 1.22)".to_owned(),
                group: Group::Main,
            }],
            external: vec!["pypi:psycopg2 host dep:generic/libpq".to_owned()],
            recommends: false,
            foreign: vec!["i386".to_owned()],
            ..DebInputs::default()
        },
        repositories: LockedRepository::named([(
            WebUrl::parse("http://deb.example.org/debian").unwrap(),
            "bookworm".to_owned(),
        )]),
        systems: vec![LockedSystem {
            architecture: "amd64".to_owned(),
            roots: vec![
                root("nginx (>= 1.22)", DebCause::Manifest, "nginx:amd64"),
                root("base-files", DebCause::Essential, "base-files:amd64"),
                root("python3", DebCause::Part("python".to_owned()), "python3:amd64"),
                root("libpq5", external("psycopg2", ExternalRole::Host), "libpq5:amd64"),
            ],
            packages: vec![
                package(
                    "nginx:amd64",
                    "1.22.1-9",
                    &["libc6:amd64", "nginx-common:all", "libpq5:amd64"],
                ),
                package("nginx-common:all", "1.22.1-9", &[]),
                package("libc6:amd64", "2.36-9", &[]),
                package("libc6:i386", "2.36-9", &[]),
                package("base-files:amd64", "12.4", &["libc6:amd64"]),
                package("python3:amd64", "3.11.2-1+b1", &["libc6:amd64"]),
                package("tzdata:all", "2024b-0", &[]),
                pre,
            ],
        }],
    };
    lock.normalize();
    lock
}

fn whole(deb: DebLock) -> Lock {
    Lock {
        deb: Some(Arc::new(deb)),
        ..Lock::default()
    }
}

#[test]
fn it_prints_and_reads() {
    let lock = whole(sample());
    let text = lock.print();
    assert_eq!(Lock::parse(&text).unwrap(), lock);
    let sum = "07".repeat(32);
    let from = text.find("[deb]").unwrap();
    let to = text.find("[[deb.system.package]]\nname = \"libpq5\"").unwrap();
    assert_eq!(
        text[from..to].to_owned(),
        format!(
            r#"[deb]
suite = "bookworm"

[deb.inputs]
suite = "bookworm"
recommends = false
foreign = ["i386"]
external = [
    "pypi:psycopg2 host dep:generic/libpq",
]
packages = [
    {{ asked = "nginx (>= 1.22)" }},
]

[[deb.repository]]
name = "bookworm"
uri = "http://deb.example.org/debian"
suite = "bookworm"

[[deb.system]]
architecture = "amd64"
roots = [
    {{ asked = "base-files", essential = true, package = "base-files" }},
    {{ asked = "libpq5", for = "pypi:psycopg2", role = "host", needs = "dep:generic/libpq", package = "libpq5" }},
    {{ asked = "nginx (>= 1.22)", package = "nginx" }},
    {{ asked = "python3", part = "python", package = "python3" }},
]

[[deb.system.package]]
name = "base-files"
version = "12.4"
repository = "bookworm"
filename = "pool/main/base-files_12.4_amd64.deb"
size = 1234
sha256 = "{sum}"
depends = ["libc6:amd64"]

[[deb.system.package]]
name = "libc6"
version = "2.36-9"
repository = "bookworm"
filename = "pool/main/libc6_2.36-9_amd64.deb"
size = 1234
sha256 = "{sum}"

[[deb.system.package]]
name = "libc6"
architecture = "i386"
version = "2.36-9"
repository = "bookworm"
filename = "pool/main/libc6_2.36-9_i386.deb"
size = 1234
sha256 = "{sum}"

"#
        )
    );
    assert!(text.contains("pre-depends = [\"libc6:amd64\"]\nrecommends = [\"tzdata\"]\n"));
}

#[test]
fn it_stands_before_npm_and_after_the_others() {
    let npm = crate::lock::npm::tests::sample();
    let mut lock = crate::lock::tests::sample();
    lock.deb = Some(Arc::new(sample()));
    lock.npm = Some(npm);
    lock.normalize();
    let text = lock.print();
    assert!(text.find("\n[deb]").unwrap() < text.find("\n[npm]").unwrap());
    assert!(text.rfind("\n[[package]]").unwrap() < text.find("\n[deb]").unwrap());
    assert_eq!(Lock::parse(&text).unwrap(), lock);
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    let text = whole(sample()).print();
    for (from, to, expected) in [
        (
            "suite = \"bookworm\"\n\n[deb.inputs]",
            "\n[deb.inputs]",
            "`suite` is missing here",
        ),
        (
            "\n[deb]\nsuite = \"bookworm\"\n",
            "",
            "`[deb]` is missing before this table",
        ),
        (
            "recommends = false",
            "recommend = false",
            "there is no key `recommend` in `[deb.inputs]`",
        ),
        (
            "depends = [\"libc6:amd64\"]",
            "depends = [\"libc6\"]",
            "the lock has `libc6` of several architectures",
        ),
        (
            "depends = [\"libc6:amd64\"]",
            "depends = [\"libc7\"]",
            "the lock has no package `libc7` for this architecture",
        ),
        (
            "package = \"nginx\"",
            "package = \"apache2\"",
            "the lock has no package `apache2`",
        ),
        (
            "repository = \"bookworm\"",
            "repository = \"sid\"",
            "the lock has no repository `sid`",
        ),
        (
            "size = 1234",
            "size = \"1\"",
            "size must be a whole number, and this is a string",
        ),
        ("architecture = \"i386\"\n", "", "is there twice"),
        (
            "essential = true",
            "essential = true, part = \"x\"",
            "only one of `essential`, `part` and `role`",
        ),
        ("role = \"host\", ", "", "`role` is missing here"),
        (
            "role = \"host\"",
            "role = \"hots\"",
            "`hots` is none of `build`, `host` and `run`",
        ),
        (
            "for = \"pypi:psycopg2\"",
            "for = \"psycopg2\"",
            "does not say which ecosystem it is from",
        ),
        ("sha256 = \"07", "sha256 = \"0", "sha256"),
        (
            "[[deb.system]]\n",
            "[[deb.sytem]]\n",
            "there is no table `deb.sytem` in a lockfile",
        ),
        ("uri = \"http://", "uri = \"", "is not a URL"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let shown = Lock::parse(&broken).unwrap_err().to_string();
        assert!(shown.contains(expected), "{from} → {to}\n{shown}");
        assert!(shown.contains("--> wharf.lock:"), "{shown}");
    }
    let swapped = text.replace("\n[deb]", "\n[npm]\n\n[deb]");
    let shown = Lock::parse(&swapped).unwrap_err().to_string();
    assert!(shown.contains("must stand before `[npm]`"), "{shown}");
}

#[test]
fn roots_bring_packages_along_and_packages_tell_why() {
    let lock = sample();
    let system = lock.system("amd64").unwrap();
    let names = |packages: Vec<&LockedDeb>| -> Vec<String> {
        packages.iter().map(|package| package.id.to_string()).collect()
    };
    let needed = system.selected(|root| matches!(root.cause, DebCause::External { .. }));
    assert_eq!(names(needed), ["libc6:amd64", "libpq5:amd64", "tzdata:all"]);
    assert_eq!(
        system.selected(|_| true).len(),
        system.packages.len() - 1,
        "nobody needs libc6:i386"
    );
    let chains = system.chains(&id("libpq5:amd64"));
    let shown: Vec<_> = chains
        .into_iter()
        .map(|chain| (chain.root.asked.clone(), names(chain.packages)))
        .collect();
    assert_eq!(
        shown,
        [
            ("libpq5".to_owned(), vec!["libpq5:amd64".to_owned()]),
            (
                "nginx (>= 1.22)".to_owned(),
                vec!["nginx:amd64".to_owned(), "libpq5:amd64".to_owned()]
            ),
        ]
    );
    assert!(system.chains(&id("libc6:i386")).is_empty());
    let users = system.dependents(&id("tzdata:all"));
    assert_eq!(users.len(), 1);
    assert_eq!(
        (users[0].0.id.clone(), users[0].1),
        (id("libpq5:amd64"), DebEdgeKind::Recommends)
    );
}

#[test]
fn each_difference_is_told() {
    let lock = sample();
    let same = lock.inputs.clone();
    assert_eq!(lock.differences(&same), Vec::<String>::new());
    let asked = |asked: &str, group: Group| DebRoot {
        asked: asked.to_owned(),
        group,
    };
    for (now, expected) in [
        (
            DebInputs {
                packages: vec![asked("nginx (>= 1.24)", Group::Main)],
                ..same.clone()
            },
            vec!["the requirement `deb:nginx (>= 1.22)` became `deb:nginx (>= 1.24)`"],
        ),
        (
            DebInputs {
                packages: vec![same.packages[0].clone(), asked("jq", Group::Dev)],
                ..same.clone()
            },
            vec!["the requirement `deb:jq (dev)` is new"],
        ),
        (
            DebInputs {
                packages: Vec::new(),
                ..same.clone()
            },
            vec!["the requirement `deb:nginx (>= 1.22)` is gone"],
        ),
        (
            DebInputs {
                suite: Some("trixie".to_owned()),
                ..same.clone()
            },
            vec!["the Debian suite changed from `bookworm` to `trixie`"],
        ),
        (
            DebInputs {
                recommends: true,
                foreign: Vec::new(),
                ..same.clone()
            },
            vec![
                "`recommends` changed from `false` to `true`",
                "the foreign architectures changed from `i386` to nothing",
            ],
        ),
        (
            DebInputs {
                holds: vec!["nginx".to_owned()],
                excludes: vec!["exim4".to_owned()],
                ..same.clone()
            },
            vec![
                "the held Debian package `nginx` is new",
                "the excluded Debian package `exim4` is new",
            ],
        ),
        (
            DebInputs {
                external: Vec::new(),
                ..same.clone()
            },
            vec!["the need of the system `pypi:psycopg2 host dep:generic/libpq` is gone"],
        ),
        (
            DebInputs {
                sources: DebSources::Default,
                ..same.clone()
            },
            vec!["`sources` of [deb] changed from `auto` to `default`"],
        ),
    ] {
        assert_eq!(lock.differences(&now), expected);
    }
    let mut merged = sample();
    merged.systems[0]
        .roots
        .retain(|root| root.cause != DebCause::Manifest);
    assert_eq!(
        merged.differences(&same),
        ["`deb:nginx (>= 1.22)` has no package in the lock for amd64"]
    );
    merged.systems.clear();
    assert_eq!(
        merged.differences(&same),
        ["no Debian package is locked for any architecture"]
    );
}

#[test]
fn repositories_of_one_suite_get_numbers() {
    let uri = |text: &str| WebUrl::parse(text).unwrap();
    let named = LockedRepository::named([
        (uri("https://a.example.org/"), "trixie".to_owned()),
        (uri("https://b.example.org/"), "trixie".to_owned()),
        (uri("https://c.example.org/"), "./".to_owned()),
    ]);
    let names: Vec<&str> = named.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["trixie", "trixie 2", "."]);
}

fn words() -> impl Strategy<Value = String> {
    // Every character that needs care in TOML, and some that do not.
    proptest::string::string_regex("[a-z \"'\\\\\n\t\r\u{1}\u{7f}é#\\[\\]{}=,@|]{0,8}").unwrap()
}

fn some_words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(words(), 0..3)
}

fn groups() -> impl Strategy<Value = Group> {
    prop_oneof![
        Just(Group::Main),
        Just(Group::Dev),
        "[a-z]{1,4}".prop_map(Group::Extra)
    ]
}

fn causes() -> impl Strategy<Value = DebCause> {
    let roles = prop_oneof![
        Just(ExternalRole::Build),
        Just(ExternalRole::Host),
        Just(ExternalRole::Run)
    ];
    prop_oneof![
        Just(DebCause::Manifest),
        Just(DebCause::Essential),
        words().prop_map(DebCause::Part),
        (proptest::option::of("[a-z]{1,5}"), roles, words()).prop_map(|(package, role, dependency)| {
            DebCause::External {
                package: package.map(|text| PackageName::pypi(&text).unwrap()),
                role,
                dependency,
            }
        }),
    ]
}

fn inputs() -> impl Strategy<Value = DebInputs> {
    let roots = proptest::collection::vec((words(), groups()), 0..3);
    (
        roots,
        (
            some_words(),
            some_words(),
            some_words(),
            some_words(),
            some_words(),
            some_words(),
        ),
        (some_words(), any::<bool>(), proptest::option::of(some_words())),
        (
            proptest::option::of(words()),
            proptest::option::of(words()),
            0..4usize,
        ),
    )
        .prop_map(|(roots, lists, more, settings)| {
            let all = [
                DebSources::Auto,
                DebSources::Host,
                DebSources::Default,
                DebSources::None,
            ];
            DebInputs {
                packages: roots
                    .into_iter()
                    .map(|(asked, group)| DebRoot { asked, group })
                    .collect(),
                external: lists.0,
                architectures: lists.1,
                foreign: lists.2,
                holds: lists.3,
                excludes: lists.4,
                pins: lists.5,
                repositories: more.0,
                recommends: more.1,
                components: more.2,
                suite: settings.0,
                snapshot: settings.1,
                sources: all[settings.2],
            }
        })
}

fn systems() -> impl Strategy<Value = LockedSystem> {
    let architectures = prop_oneof![Just("amd64"), Just("i386"), Just("all")];
    let edge = (any::<prop::sample::Index>(), 0..3usize);
    let one = (
        ("[a-z]{2,3}", architectures),
        (words(), words(), any::<u32>(), any::<[u8; 32]>()),
        proptest::collection::vec(edge, 0..4),
    );
    let root = (words(), causes(), groups(), any::<prop::sample::Index>());
    (
        proptest::collection::vec(one, 1..6),
        proptest::collection::vec(root, 0..4),
        "[a-z]{1,5}",
    )
        .prop_map(|(packages, roots, architecture)| {
            let ids: Vec<DebId> = packages
                .iter()
                .map(|((text, architecture), ..)| DebId {
                    name: name(text),
                    architecture: (*architecture).to_owned(),
                })
                .collect();
            let mut packages: Vec<LockedDeb> = packages
                .into_iter()
                .enumerate()
                .map(|(at, (_, (version, filename, size, sum), edges))| LockedDeb {
                    id: ids[at].clone(),
                    version,
                    repository: "here".to_owned(),
                    filename,
                    size: u64::from(size),
                    sha256: Digest::from_bytes(Algorithm::Sha256, &sum).unwrap(),
                    dependencies: edges
                        .into_iter()
                        .map(|(to, kind)| DebEdge {
                            kind: DebEdgeKind::ALL[kind],
                            package: to.get(&ids).clone(),
                        })
                        .collect(),
                })
                .collect();
            packages.sort_by(|a, b| a.id.cmp(&b.id));
            packages.dedup_by(|a, b| a.id == b.id);
            LockedSystem {
                architecture,
                roots: roots
                    .into_iter()
                    .map(|(asked, cause, group, to)| LockedDebRoot {
                        asked,
                        cause,
                        group,
                        package: to.get(&ids).clone(),
                    })
                    .collect(),
                packages,
            }
        })
}

pub(crate) fn locks() -> impl Strategy<Value = DebLock> {
    (
        words(),
        inputs(),
        words(),
        proptest::collection::vec(systems(), 0..3),
    )
        .prop_map(|(suite, inputs, place, mut systems)| {
            systems.sort_by(|a, b| a.architecture.cmp(&b.architecture));
            systems.dedup_by(|a, b| a.architecture == b.architecture);
            DebLock {
                suite,
                inputs,
                repositories: vec![LockedRepository {
                    name: "here".to_owned(),
                    uri: WebUrl::parse("https://deb.example.org/a%20b").unwrap(),
                    suite: place,
                }],
                systems,
            }
        })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(deb in locks()) {
        let mut lock = whole(deb);
        let printed = lock.print();
        let read = Lock::parse(&printed).unwrap();
        lock.normalize();
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.print(), printed);
    }

    #[test]
    fn a_changed_text_is_answered(deb in locks(), at in any::<prop::sample::Index>(), byte in "[\\[\\]{}=\",a-z0-9\n ]") {
        let mut text = whole(deb).print();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = *at.get(&places);
        text.insert_str(at, &byte);
        let _ = Lock::parse(&text);
    }
}
