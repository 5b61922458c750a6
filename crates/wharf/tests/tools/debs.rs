//! Tools from Debian packages: a system root of their own, entered by their commands. Where this machine gives no views, that is
//! said, and there is nothing to be seen here.

use std::path::Path;

use serde_json::json;
use wharf_testkit::{DebMachine, DebPackage, DebRepository, DebSuite, Finished, Fixture};

use crate::{BINARY, fails, tells};

/// A repository with a shell that is essential, and a machine whose apt has it.
struct Case {
    repository: DebRepository,
    _machine: DebMachine,
    fixture: Fixture,
}

impl Case {
    fn new() -> Self {
        let repository = DebRepository::start_with(&[DebSuite::new("bookworm")]);
        DebPackage::host_shell().publish(&repository);
        greeter("1.0-1").publish(&repository);
        DebPackage::new("words", "1")
            .file("/usr/share/words/hello", "hello\n")
            .publish(&repository);
        DebPackage::new("only-files", "1")
            .depends("greeter")
            .publish(&repository);
        let machine = DebMachine::new();
        machine.write("etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n");
        let keys = repository.write_keys("bookworm", machine.root().join("keys"));
        let inside = Path::new("/keys").join(keys.file_name().expect("it is a file"));
        machine.write(
            "etc/apt/sources.list",
            repository.source_line("bookworm", Some(&inside)),
        );
        let mut fixture = Fixture::new(BINARY);
        fixture.set("WHARF_SYSTEM_ROOT", &machine.root().display().to_string());
        Self {
            repository,
            _machine: machine,
            fixture,
        }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.fixture.run(arguments)
    }

    fn says(&self, command: &str, arguments: &[&str]) -> Finished {
        let mut started = self
            .fixture
            .isolated(self.fixture.home().join(".local/bin").join(command));
        started.args(arguments);
        self.fixture.finish(started)
    }
}

/// A package whose command reads a file of another one.
fn greeter(version: &str) -> DebPackage {
    let script = format!("#!/bin/sh\nread word < /usr/share/words/hello\necho \"$word {version}\" \"$@\"\n");
    DebPackage::new("greeter", version)
        .depends("words")
        .program("/usr/bin/greet", &script)
        .program("/usr/sbin/greetd", "#!/bin/sh\necho daemon\n")
        .program("/usr/games/greet-game", "#!/bin/sh\necho game\n")
        .program("/usr/lib/greeter/helper", "#!/bin/sh\n")
}

#[test]
fn a_command_of_debian_is_installed_upgraded_and_removed() {
    if !wharf_sys::view::support().is_there() {
        return;
    }
    let case = Case::new();
    let installed = case.run(&["tool", "install", "deb:greeter"]).success();
    tells(&installed, &["greeter", "1.0-1", "greet", "greetd", "greet-game"]);
    assert_eq!(case.says("greet", &["a b"]).success().stdout, "hello 1.0-1 a b\n");
    assert_eq!(case.says("greetd", &[]).success().stdout, "daemon\n");
    let list = case.run(&["tool", "list", "--format", "json"]).success();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("it is JSON");
    assert_eq!(list["result"]["tools"][0]["package"], "deb:greeter");
    assert_eq!(list["result"]["tools"][0]["version"], "1.0-1");
    assert_eq!(
        list["result"]["tools"][0]["commands"],
        json!(["greet", "greet-game", "greetd"])
    );

    greeter("2.0-1").publish(&case.repository);
    case.repository
        .change("bookworm", |suite| suite.date(1_704_153_600));
    let outdated = case.run(&["tool", "outdated", "--check"]).failure(1);
    assert!(
        outdated.stdout.contains("greeter") && outdated.stdout.contains("1.0-1 → 2.0-1"),
        "{outdated}"
    );
    case.run(&["tool", "upgrade", "--all"]).success();
    assert_eq!(case.says("greet", &[]).success().stdout, "hello 2.0-1\n");
    case.run(&["tool", "remove", "greeter"]).success();
    assert!(!Path::new(&case.fixture.home().join(".local/bin/greet")).exists());
}

#[test]
fn a_command_runs_once_without_being_installed() {
    if !wharf_sys::view::support().is_there() {
        return;
    }
    let case = Case::new();
    let ran = case
        .run(&["x", "--from", "deb:greeter", "greet", "--", "you"])
        .success();
    assert_eq!(ran.stdout, "hello 1.0-1 you\n");
    let asked = case.repository.requests();
    let again = case.run(&["x", "--from", "deb:greeter", "greet"]).success();
    assert_eq!(again.stdout, "hello 1.0-1\n");
    assert_eq!(case.repository.requests(), asked, "within a day nobody is asked");
}

#[test]
fn what_brings_no_command_and_what_is_not_there_say_so() {
    let case = Case::new();
    fails(
        &case.run(&["tool", "install", "deb:only-files"]),
        2,
        &["only-files"],
    );
    fails(
        &case.run(&["tool", "install", "deb:no-such-thing"]),
        3,
        &["no-such-thing"],
    );
    fails(
        &case.run(&["tool", "install", "deb:greeter=>1"]),
        2,
        &["deb:jq=1.6-2.1"],
    );
}

/// A compiler that says what it is given, behind links as Debian has them.
fn compiler(repository: &DebRepository) {
    let script = |name: &str| format!("#!/bin/sh\necho {name} \"$@\"\n");
    for (name, program) in [("gcc", "gcc"), ("g++", "g++")] {
        DebPackage::new(name, "4:12.2.0-3")
            .depends(&format!("{name}-12"))
            .symlink(format!("/usr/bin/{program}"), format!("{program}-12"))
            .publish(repository);
        DebPackage::new(&format!("{name}-12"), "12.2.0-14+deb12u1")
            .symlink(
                format!("/usr/bin/{program}-12"),
                format!("this-machine-{program}-12"),
            )
            .program(format!("/usr/bin/this-machine-{program}-12"), script(program))
            .publish(repository);
    }
    DebPackage::new("binutils", "2.40")
        .program("/usr/bin/ld", script("ld"))
        .publish(repository);
    DebPackage::new("make", "4")
        .program("/usr/bin/make", script("make"))
        .publish(repository);
    DebPackage::new("libc6-dev", "2.36")
        .file("/usr/include/stdio.h", "")
        .publish(repository);
}

#[test]
fn a_compiler_is_kept_found_and_let_go() {
    let case = Case::new();
    compiler(&case.repository);
    let before = wharf_testkit::Digest::of(&case.fixture.home().join("data/wharf/toolchains"));
    let added = case.run(&["toolchain", "add", "gcc"]).success();
    tells(&added, &["Added GCC 12.2.0", "toolchains/gcc/default/bin/gcc"]);
    let again = case.run(&["toolchain", "add", "gcc"]).success();
    tells(&again, &["GCC 12.2.0 is there already"]);
    let bin = case.fixture.home().join("data/wharf/toolchains/gcc/default/bin");
    let says = |command: &str| {
        let mut started = case.fixture.isolated(bin.join(command));
        started.arg("x.c");
        case.fixture.finish(started).success().stdout
    };
    for (command, program) in [("cc", "gcc"), ("gcc", "gcc"), ("c++", "g++")] {
        let said = says(command);
        assert!(said.starts_with(&format!("{program} --sysroot=")), "{said}");
        assert!(said.ends_with(" x.c\n"), "{said}");
    }
    assert_eq!(says("ld"), "ld x.c\n");
    let list = case.run(&["toolchain", "list", "--format", "json"]).success();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("it is JSON");
    let found = list["result"]["found"].as_array().expect("a list").iter();
    let kept: Vec<_> = found
        .filter(|one| one["toolchain"] == "gcc" && one["managed"] == true)
        .collect();
    assert_eq!((kept.len(), &kept[0]["version"]), (1, &json!("12.2.0")));
    case.run(&["toolchain", "remove", "gcc"]).success();
    let after = wharf_testkit::Digest::of(&case.fixture.home().join("data/wharf/toolchains"));
    assert_eq!(after.differences(&before), Vec::<String>::new());
    fails(&case.run(&["toolchain", "add", "gcc@99"]), 3, &["-99"]);
}

#[test]
fn the_projects_repositories_are_searched() {
    let case = Case::new();
    DebPackage::new("greeter-extra", "3")
        .description("more ways to greet")
        .publish(&case.repository);
    case.fixture.write("wharf.toml", "[deb]\npackages = []\n");
    let found = case.run(&["search", "greet"]).success();
    insta::assert_snapshot!(found.stdout, @r"
    deb:greeter        1.0-1  the testkit's greeter
    deb:greeter-extra  3  more ways to greet
    ");
    let one = case
        .run(&["search", "deb:ways", "greet", "--limit", "1"])
        .success();
    assert_eq!(one.stdout, "deb:greeter-extra  3  more ways to greet\n");
}
