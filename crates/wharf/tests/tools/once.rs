//! `wharf x`.

use std::collections::BTreeSet;
use std::fs::{File, FileTimes};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use wharf_testkit::{Fault, NpmPackage, Package, Times};

use crate::{Case, fails, greet, python, say, tells};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Case {
    fn onces(&self) -> Vec<PathBuf> {
        let folder = self.fixture.home().join("cache/wharf/x");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Every resolution looks so much older.
    fn age(&self, by: Duration) {
        for folder in self.onces() {
            let file = File::options()
                .write(true)
                .open(folder.join(".wharf/resolved"))
                .expect("it was resolved");
            file.set_times(FileTimes::new().set_modified(SystemTime::now() - by))
                .expect("our own file can be changed");
        }
    }
}

#[test]
fn a_command_runs_and_the_second_time_nobody_is_asked() {
    let case = Case::new();
    let before = case.remains();
    for (package, first) in [("pypi:greet", "greet 1.0"), ("npm:say", "say 1.0.0")] {
        let finished = case.run(&["x", package, "--", "a b", "--flag"]).success();
        assert_eq!(finished.stdout, format!("{first} a b --flag\n"));
        let (mut asked, mut log) = (BTreeSet::new(), case.pypi.log());
        log.extend(case.npm.log());
        let twice = log.iter().find(|request| !asked.insert(&request.path));
        assert!(
            twice.is_none(),
            "what was asked ahead is not asked again: {twice:?}"
        );
        case.pypi.clear_log();
        case.npm.clear_log();
        let finished = case.run(&["x", package, "a", "--", "-h"]).success();
        assert_eq!(finished.stdout, format!("{first} a -- -h\n"));
        assert_eq!(finished.stderr, "");
        let finished = case.run(&["tool", "run", package, "--", "--", "c"]).success();
        assert_eq!(finished.stdout, format!("{first} -- c\n"));
        assert_eq!(case.pypi.log().len() + case.npm.log().len(), 0);
    }
    assert_eq!(case.remains().differences(&before), Vec::<String>::new());
    assert_eq!(case.onces().len(), 2);
}

#[test]
fn who_asks_for_what_nobody_has_is_the_command_line() {
    let case = Case::new();
    for (arguments, code, words) in [
        (
            &["x", "npm:sya"][..],
            3,
            "sya@latest, which the command line asks for, cannot be had: no package `sya` was found",
        ),
        (
            &["x", "npm:say@9"],
            3,
            "error: the command line asks for say@9: no version of say satisfies `9`",
        ),
        (
            &["x", "--with", "npm:sya", "npm:say"],
            3,
            "which the command line asks for",
        ),
        (&["x", "pypi:gerte"], 3, "gerte  the command line"),
        (
            &["tool", "install", "npm:sya"],
            3,
            "sya@latest, which the tool asks for",
        ),
    ] {
        let finished = case.run(arguments);
        fails(&finished, code, &[words]);
        // What Wharf wrote itself is nothing that people could look into.
        for word in ["wharf.toml", "the project"] {
            assert!(!finished.stderr.contains(word), "{finished}");
        }
    }
}

#[test]
fn what_is_for_other_machines_is_required_by_the_command_line() {
    let case = Case::new();
    say("3.0.0").os("sunos").publish(&case.npm);
    for (arguments, words) in [
        (
            &["x", "npm:say@3"][..],
            "the command line requires say@3.0.0, which asks for os: sunos",
        ),
        (
            &["tool", "install", "npm:say@3"],
            "the tool requires say@3.0.0, which asks for os: sunos",
        ),
    ] {
        let finished = case.run(arguments);
        fails(&finished, 3, &[words]);
        for word in ["the project", "pnpm-workspace.yaml", "optional dependency"] {
            assert!(!finished.stderr.contains(word), "{finished}");
        }
    }
}

#[test]
fn a_resolution_counts_for_a_day() {
    let case = Case::new();
    let version = |arguments: &[&str]| case.run(arguments).success().stdout;
    assert_eq!(version(&["x", "npm:say"]), "say 1.0.0\n");
    say("1.1.0").publish(&case.npm);
    case.anew(&["store", "path"]).success();
    case.age(DAY - Duration::from_secs(60));
    assert_eq!(version(&["x", "npm:say"]), "say 1.0.0\n");
    case.age(DAY + Duration::from_secs(60));
    assert_eq!(version(&["--offline", "x", "npm:say"]), "say 1.0.0\n");
    assert_eq!(version(&["x", "npm:say"]), "say 1.1.0\n");
    say("1.2.0").publish(&case.npm);
    case.anew(&["store", "path"]).success();
    assert_eq!(version(&["x", "npm:say"]), "say 1.1.0\n");
    assert_eq!(version(&["x", "--refresh", "npm:say"]), "say 1.2.0\n");
    // Another request is another resolution.
    assert_eq!(version(&["x", "npm:say@1.0.0"]), "say 1.0.0\n");
    assert_eq!(version(&["x", "npm:say"]), "say 1.2.0\n");
}

#[test]
fn what_was_resolved_runs_when_the_registry_does_not_answer() {
    let case = Case::new();
    case.run(&["x", "npm:say"]).success();
    case.age(2 * DAY);
    for path in [
        case.npm.packument_path("say"),
        case.npm.tarball_path("say", "1.0.0"),
    ] {
        case.npm.fault(&path, Fault::Status(500), Times::Always);
    }
    let finished = case.anew(&["x", "npm:say"]).success();
    assert_eq!(finished.stdout, "say 1.0.0\n");
    tells(&finished, &["warning:", "what was resolved before is used"]);
    // Whoever asks for it anew is told.
    assert_eq!(case.anew(&["x", "--refresh", "npm:say"]).code(), Some(4));
}

#[test]
fn exit_codes_and_folders_are_the_commands_own() {
    let case = Case::new();
    let code = "import os, sys\ndef main():\n    print(os.getcwd())\n    sys.exit(int(sys.argv[1]))\n";
    Package::new("ends", "1.0")
        .file("ends_command.py", code)
        .entry_point("ends", "ends_command:main")
        .publish(&case.pypi);
    for _ in 0..2 {
        let finished = case.run(&["x", "pypi:ends", "7"]);
        assert_eq!(
            (finished.code(), finished.stdout.as_str()),
            (Some(7), "[PROJECT]\n")
        );
    }
    case.fixture.write("below/readme.txt", "");
    let finished = case.run(&["-C", "below", "x", "pypi:ends", "0"]).success();
    assert_eq!(finished.stdout, "[PROJECT]/below\n");
}

#[test]
fn the_environment_of_the_caller_stays_the_callers() {
    let mut case = Case::new();
    let code = "import os\ndef main():\n    print(os.environ.get('VIRTUAL_ENV'))\n";
    Package::new("ask", "1.0")
        .file("ask_command.py", code)
        .entry_point("ask", "ask_command:main")
        .publish(&case.pypi);
    assert_eq!(case.run(&["x", "pypi:ask"]).success().stdout, "None\n");
    case.fixture.set("VIRTUAL_ENV", "/their/own");
    assert_eq!(case.run(&["x", "pypi:ask"]).success().stdout, "/their/own\n");
}

#[test]
fn which_command_is_meant() {
    let case = Case::new();
    let many = |name: &str| {
        NpmPackage::new(name, "1.0.0")
            .executable("a", "#!/bin/sh\necho a\n")
            .executable("b", "#!/bin/sh\necho b\n")
            .bin("one", "a")
            .bin("two", "b")
    };
    many("many").publish(&case.npm);
    many("@scope/two").publish(&case.npm);
    NpmPackage::new("lib", "1.0.0").dep("say", "*").publish(&case.npm);
    python("tool-with-dash", "1.0")
        .entry_point("other", "nothing:main")
        .publish(&case.pypi);
    fails(
        &case.run(&["x", "npm:many"]),
        2,
        &["several commands: one, two", "wharf x --from npm:many one"],
    );
    assert_eq!(
        case.run(&["x", "--from", "npm:many", "two"]).success().stdout,
        "b\n"
    );
    assert_eq!(case.run(&["x", "npm:@scope/two"]).success().stdout, "b\n");
    fails(
        &case.run(&["x", "--from", "npm:many", "three"]),
        2,
        &["no command `three`", "one, two"],
    );
    fails(&case.run(&["x", "npm:lib"]), 2, &["lib brings no commands"]);
    // A package beside it brings the command.
    let finished = case
        .run(&["x", "--from", "npm:lib", "--with", "npm:say", "say", "hi"])
        .success();
    assert_eq!(finished.stdout, "say 1.0.0 hi\n");
    fails(
        &case.run(&["x", "say"]),
        2,
        &["no tool `say`", "wharf x pypi:say", "wharf x npm:say"],
    );
    fails(&case.run(&["x", "pypi:missing"]), 3, &["missing"]);
    assert!(
        !case
            .onces()
            .iter()
            .any(|folder| folder.display().to_string().contains("missing")),
        "what could not be had leaves nothing"
    );
}

#[test]
fn a_bare_name_is_the_installed_tool() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet==1.0"]).success();
    greet("2.0").publish(&case.pypi);
    case.anew(&["store", "path"]).success();
    assert_eq!(
        case.run(&["x", "greet", "--", "x"]).success().stdout,
        "greet 1.0 x\n"
    );
    assert_eq!(case.run(&["x", "pypi:greet"]).success().stdout, "greet 2.0\n");
    assert_eq!(case.onces().len(), 1);
}

#[test]
fn what_nobody_used_for_a_month_goes() {
    let case = Case::new();
    case.run(&["x", "npm:say"]).success();
    case.run(&["x", "npm:say@1"]).success();
    case.age(31 * DAY);
    case.run(&["x", "npm:say"]).success();
    assert_eq!(case.onces().len(), 1, "the one that is used stays");
    assert_eq!(case.run(&["x", "npm:say"]).success().stdout, "say 1.0.0\n");
}

#[test]
fn what_solves_read_is_forgotten_when_no_solve_reads_it() {
    let case = Case::new();
    let solves = case.fixture.home().join("cache/wharf/npm-v1/solves");
    std::fs::create_dir_all(&solves).expect("our folder can be written");
    for (name, age) in [("gone.bin", 31 * DAY), ("here.bin", 29 * DAY)] {
        let then = SystemTime::now() - age;
        let file = File::create(solves.join(name)).expect("our folder can be written");
        file.set_times(FileTimes::new().set_modified(then).set_accessed(then))
            .expect("our own file can be changed");
    }
    case.run(&["x", "npm:say"]).success();
    assert!(!solves.join("gone.bin").exists());
    assert!(solves.join("here.bin").exists());
    assert_eq!(std::fs::read_dir(&solves).map(Iterator::count).ok(), Some(2));
}

#[test]
fn several_at_once_are_all_right() {
    let case = Case::new();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| case.run(&["x", "pypi:greet", "hi"])))
            .collect();
        for one in all {
            let finished = one.join().expect("a thread that starts a command ends").success();
            assert_eq!(finished.stdout, "greet 1.0 hi\n");
        }
    });
}
