//! Commands that only look, and what people are told who ask for what is not there.

use wharf_testkit::{
    DebListForm, DebMachine, DebPackage, DebRepository, DebSuite, Finished, Fixture, Package, Registry,
};

use crate::{Case, hello, library, views};

/// A project of `hello` and its library, with an index of Python packages of the same name that nobody should ask.
fn case(more: &str) -> (Registry, Case) {
    let registry = Registry::start();
    Package::new("hello", "1.13.0").sdist().publish(&registry);
    let mut case = Case::with(&["hello"], more);
    case.fixture.use_registry(&registry);
    hello("1.0-1")
        .description("greets\n at length")
        .publish(&case.repository);
    library().publish(&case.repository);
    (registry, case)
}

fn refused(finished: &Finished, words: &[&str]) {
    assert!(!finished.status.success(), "{words:?}: {}", finished.stdout);
    for word in words {
        assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
    }
}

fn done(finished: Finished) -> String {
    finished.success().stdout
}

#[test]
fn info_of_a_debian_package_is_what_the_projects_repositories_say() {
    let (registry, case) = case("");
    let before = case.json(&["info", "deb:hello"]);
    assert!(
        before["ok"] == true && before["result"]["locked"].is_null(),
        "{before}"
    );
    done(case.run(&["lock"]));
    for asked in ["deb:hello", "hello", "deb:hello=1.0-1"] {
        let told = case.json(&["info", asked]);
        let told = &told["result"];
        for (field, value) in [
            ("package", "deb:hello"),
            ("version", "1.0-1"),
            ("locked", "1.0-1"),
            ("summary", "greets"),
        ] {
            assert_eq!(told[field], value, "{asked}: {told}");
        }
        assert!(
            told["purl"]
                .as_str()
                .unwrap_or_default()
                .starts_with("pkg:deb/hello@1.0-1?arch="),
            "{told}"
        );
        assert_eq!(told["relations"][0]["text"], "libhello (>= 1)", "{told}");
        assert_eq!(told["versions"][0]["from"][0], "stable/main", "{told}");
    }
    let text = done(case.run(&["info", "deb:hello"]));
    for word in ["locked", "greets", "at length", "libhello (>= 1)"] {
        assert!(text.contains(word), "{text}");
    }
    refused(
        &case.run(&["info", "deb:nothing"]),
        &["nothing", "wharf search nothing"],
    );
    refused(
        &case.run(&["info", "deb:hello=7"]),
        &["deb:hello has no version 7"],
    );
    assert_eq!(registry.requests(), 0, "PyPI has nothing to say of it");
}

#[test]
fn info_without_a_project_is_what_the_machine_says() {
    let repository = DebRepository::start_with(&[DebSuite::new("steady").codename("steady")]);
    DebPackage::new("web", "2.0-1")
        .depends("libweb")
        .publish(&repository);
    let machine = DebMachine::new()
        .installed(&DebPackage::new("web", "1.0-1"))
        .updated(&repository, "steady", "main", DebListForm::Lz4);
    let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    fixture.set("WHARF_SYSTEM_ROOT", &machine.root().display().to_string());
    let info = done(fixture.run(&["info", "deb:web"]));
    assert!(
        info.contains("installed") && info.contains("1.0-1") && info.contains("2.0-1"),
        "{info}"
    );
    assert_eq!(info, done(fixture.run(&["system", "show", "web"])));
}

#[test]
fn ecosystems_that_cannot_be_asked_are_refused_with_those_that_can() {
    let (registry, case) = case("");
    for (asked, words) in [
        (
            "gem:rails",
            &[
                "`gem` is not an ecosystem",
                "pypi, npm, cargo, deb",
                "not yet: apk",
            ][..],
        ),
        ("apk:musl", &["no apk packages", "`deb:`"]),
        ("apt:hello", &["`wharf info deb:hello`"]),
    ] {
        refused(&case.run(&["info", asked]), words);
    }
    assert_eq!(registry.requests(), 0);
    let before = case.fixture.read("wharf.toml");
    refused(&case.run(&["add", "apt:hello"]), &["write `deb:hello`"]);
    refused(&case.run(&["add", "hello"]), &["`pypi:hello`", "`deb:hello`"]);
    assert_eq!(case.fixture.read("wharf.toml"), before);
    refused(
        &case.run(&["x", "--", "hello"]),
        &["wharf x pypi:hello", "wharf x deb:hello"],
    );
    refused(&case.run(&["tool", "install", "hello"]), &["`deb:hello`"]);
}

#[test]
fn a_project_without_python_looks_at_python_packages_and_has_none_to_export() {
    let registry = Registry::start();
    Package::new("plain", "1.0")
        .summary("it is plain")
        .publish(&registry);
    Package::new("built", "1.0").sdist().publish(&registry);
    let mut case = Case::new(&[]);
    case.fixture.use_registry(&registry);
    done(case.run(&["lock"]));
    for path in [None, Some("/nowhere")] {
        if let Some(path) = path {
            case.fixture.set("PATH", path);
        }
        let told = done(case.run(&["info", "pypi:plain"]));
        assert!(
            told.contains("plain 1.0") && told.contains("it is plain"),
            "{told}"
        );
        let told = done(case.run(&["info", "pypi:built"]));
        assert!(told.contains("built 1.0"), "{told}");
        for format in ["text", "requirements-txt", "pylock"] {
            refused(
                &case.run(&["export", "--format", format]),
                &["wharf.lock has no Python packages", "wharf list --ecosystem deb"],
            );
        }
        refused(
            &case.run(&["export", "--format", "package-lock"]),
            &["has no npm packages"],
        );
    }
}

#[test]
fn a_command_that_only_the_machine_has_is_named_with_what_brings_it() {
    let (_registry, case) = case("[dev.deb]\npackages = [\"tester\"]\n");
    for name in ["env", "tester"] {
        DebPackage::new(name, "1")
            .program(format!("/usr/bin/{name}"), "#!/bin/sh\necho ours\n")
            .publish(&case.repository);
    }
    if !views() {
        return;
    }
    let hidden = ["env is not seen here", "`wharf add deb:env`"];
    // The first time the environment is made before, then it is there already.
    for more in [&["--"][..], &["--"], &["--no-sync", "--"]] {
        let lists = case.repository.hits_below("/dists/");
        refused(&case.run(&[&["run"], more, &["env"]].concat()), &hidden);
        refused(
            &case.run(&[&["run"], more, &["unheard-of"]].concat()),
            &["nothing called `unheard-of`", "`wharf search unheard-of`"],
        );
        let asked = case.repository.hits_below("/dists/") - lists;
        assert!(lists == 0 || asked == 0, "hints ask nobody");
    }
    assert_eq!(done(case.run(&["run", "--", "tester"])), "ours\n");
    done(case.run(&["sync", "--no-dev"]));
    refused(
        &case.run(&["run", "--", "tester"]),
        &[
            "nothing called `tester`",
            "`deb:tester` is a development package",
            "`wharf sync`",
        ],
    );
    refused(
        &case.run(&["run", "--", "env"]),
        &[hidden[0], "development packages are left out"],
    );
    done(case.run(&["sync"]));
    assert_eq!(done(case.run(&["run", "--", "tester"])), "ours\n");
}

#[test]
fn a_fresh_clone_is_looked_at_before_anything_is_installed() {
    if !views() {
        return;
    }
    let registry = Registry::start();
    Package::new("plain", "1.0").dep("deep").publish(&registry);
    for version in ["1.0", "2.0"] {
        Package::new("deep", version).publish(&registry);
    }
    let more = "\n[python]\nversion = \">=3.8\"\n\n[pypi]\nplain = \"*\"\ndeep = \"<2\"\n";
    let mut case = Case::with(&["hello"], more);
    case.fixture.use_registry(&registry);
    hello("1.0-1").publish(&case.repository);
    library().publish(&case.repository);
    DebPackage::new("python3", "3.11.2-1")
        .depends("python3.11")
        .publish(&case.repository);
    DebPackage::new("python3.11", "3.11.2-6")
        .depends("libc6")
        .native()
        .publish(&case.repository);
    DebPackage::new("libc6", "2.36-9")
        .native()
        .publish(&case.repository);
    done(case.run(&["lock"]));
    case.fixture.forget().expect("the caches can be taken away");
    let local = case.fixture.project().join(".wharf");
    if local.exists() {
        std::fs::remove_dir_all(&local).expect("it can be taken away");
    }
    for (asked, words) in [
        (&["why", "deep"][..], &["pypi:plain 1.0", "pypi:deep 1.0"][..]),
        (&["why", "deb:libc6"], &["deb:python3.11 3.11.2-6"]),
        (&["list"], &["pypi:deep", "deb:libhello"]),
        (&["tree"], &["pypi:plain 1.0", "deb:hello 1.0-1"]),
        (&["tree", "--package", "deb:libhello", "--invert"], &["deb:hello"]),
        (&["outdated"], &["pypi:deep"]),
        (&["export"], &["deep==1.0", "plain==1.0"]),
        (&["export", "--format", "pylock"], &["deep"]),
        (&["info", "deep"], &["pypi:deep 2.0", "1.0"]),
        (&["info", "deb:python3.11"], &["3.11.2-6"]),
    ] {
        let told = done(case.run(asked));
        for word in words {
            assert!(told.contains(word), "{asked:?}: {word}: {told}");
        }
    }
    assert_eq!(case.repository.downloads(), 0, "no package is needed to look");
    assert!(!case.fixture.has(".wharf/system") && !case.fixture.has(".venv"));
}
