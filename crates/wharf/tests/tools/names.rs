//! Names: of tools as they are typed, of commands that are in each other's way.

use crate::{Case, fails, foreign, greet, python, say, tells};

#[test]
fn a_command_that_is_not_wharfs_is_left_alone() {
    let case = Case::new();
    foreign(&case.bin("greet"), "theirs");
    let before = case.remains();
    fails(
        &case.run(&["tool", "install", "pypi:greet"]),
        2,
        &["[HOME]/.local/bin/greet", "not Wharf's", "--force"],
    );
    assert_eq!(case.remains().differences(&before), Vec::<String>::new());
    let finished = case.run(&["tool", "install", "pypi:greet", "--force"]).success();
    tells(
        &finished,
        &["the command `greet` was that of [HOME]/.local/bin/greet"],
    );
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
}

#[test]
fn a_command_of_another_tool_stays_its_own() {
    let case = Case::new();
    python("other", "1.0")
        .entry_point("greet", "other_command:main")
        .publish(&case.pypi);
    case.run(&["tool", "install", "pypi:greet"]).success();
    fails(
        &case.run(&["tool", "install", "pypi:other"]),
        2,
        &["the command `greet` is that of pypi:greet", "--force"],
    );
    assert!(case.bin("other").symlink_metadata().is_err());
    case.run(&["tool", "install", "pypi:other", "--force"]).success();
    assert_eq!(case.says("greet", &[]), "other 1.0\n");
    // Removing the one that lost it leaves the other's.
    case.run(&["tool", "remove", "pypi:greet"]).success();
    assert_eq!(case.says("greet", &[]), "other 1.0\n");
    case.run(&["tool", "remove", "other"]).success();
    assert!(case.bin("greet").symlink_metadata().is_err());
}

#[test]
fn an_upgrade_does_without_a_command_that_is_taken() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet"]).success();
    foreign(&case.bin("hello"), "theirs");
    greet("2.0")
        .entry_point("hello", "greet_command:main")
        .publish(&case.pypi);
    let finished = case.anew(&["tool", "upgrade", "greet"]).success();
    tells(
        &finished,
        &["1.0 → 2.0", "the command `hello` stays that of", "--force"],
    );
    assert_eq!(case.says("hello", &[]), "theirs\n");
    case.run(&["tool", "install", "pypi:greet", "--force"]).success();
    assert_eq!(case.says("hello", &[]), "greet 2.0\n");
}

#[test]
fn neighbours_on_path_are_told() {
    let mut case = Case::new();
    let finished = case.run(&["tool", "install", "pypi:greet"]).success();
    tells(
        &finished,
        &["is not on PATH", "bash: ", "zsh: ", "fish: ", "nu: "],
    );
    case.fixture.set("SHELL", "/usr/bin/fish");
    let finished = case.run(&["tool", "install", "pypi:greet"]).success();
    tells(&finished, &["fish_add_path \"[HOME]/.local/bin\""]);
    assert!(!finished.stderr.contains("zsh"), "{finished}");
    let (earlier, later) = (
        case.fixture.home().join("earlier"),
        case.fixture.home().join("later"),
    );
    foreign(&earlier.join("say"), "earlier");
    foreign(&later.join("greet"), "later");
    let programs = case.fixture.programs();
    let usual = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let folders = [programs, earlier, case.bin(""), later].into_iter().chain(usual);
    let path = std::env::join_paths(folders).expect("the paths hold no separator");
    case.fixture.set("PATH", &path.to_string_lossy());
    let finished = case.run(&["tool", "install", "npm:say", "pypi:greet"]).success();
    tells(
        &finished,
        &[
            "`say` starts [HOME]/earlier/say",
            "`greet` comes before [HOME]/later/greet",
        ],
    );
    assert!(!finished.stderr.contains("not on PATH"), "{finished}");
}

#[test]
fn tools_as_people_call_them() {
    let case = Case::new();
    fails(
        &case.run(&["tool", "remove", "greet"]),
        2,
        &["no tool `greet`", "wharf tool install pypi:greet"],
    );
    case.run(&["tool", "install", "pypi:greet"]).success();
    fails(
        &case.run(&["tool", "upgrade", "gret"]),
        2,
        &["no tool `gret`", "did you mean pypi:greet"],
    );
    fails(
        &case.run(&["tool", "dir", "npm:greet"]),
        2,
        &["no tool `npm:greet`"],
    );
    case.run(&["tool", "dir", "Greet"]).success();
    // One name, two tools.
    python("say", "3.0").publish(&case.pypi);
    case.run(&["tool", "install", "npm:say"]).success();
    case.run(&["tool", "install", "pypi:say", "--force"]).success();
    fails(
        &case.run(&["tool", "remove", "say"]),
        2,
        &["several tools", "npm:say", "pypi:say"],
    );
    case.run(&["tool", "remove", "pypi:say"]).success();
    case.run(&["tool", "remove", "say", "greet"]).success();
    assert!(!case.tools().exists());
}

#[test]
fn nothing_is_removed_where_one_name_is_wrong() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet"]).success();
    fails(
        &case.run(&["tool", "remove", "greet", "nothing"]),
        2,
        &["no tool `nothing`"],
    );
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
    assert_eq!(case.run(&["tool", "upgrade"]).code(), Some(2));
}

#[test]
fn an_environment_that_somebody_deleted_is_told_and_mended() {
    let case = Case::new();
    say("1.1.0").publish(&case.npm);
    case.run(&["tool", "install", "pypi:greet", "npm:say"]).success();
    std::fs::remove_dir_all(case.tools().join("pypi/greet/.venv")).expect("it is ours");
    let list = case.run(&["tool", "list"]).success();
    tells(
        &list,
        &[
            "pypi:greet: its environment is gone",
            "wharf tool upgrade pypi:greet",
        ],
    );
    assert!(list.stdout.contains("npm:say 1.1.0"), "{list}");
    fails(
        &case.run(&["x", "greet"]),
        2,
        &[
            "the environment of pypi:greet is gone",
            "wharf tool upgrade pypi:greet",
        ],
    );
    case.run(&["tool", "upgrade", "greet"]).success();
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
    // As does a command that somebody deleted.
    std::fs::remove_file(case.bin("greet")).expect("it is ours");
    case.run(&["tool", "install", "pypi:greet"]).success();
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
}
