//! Installing, listing, upgrading, removing.

use serde_json::json;
use wharf_testkit::{Digest, Fault, NpmPackage, Package, Times};

use crate::{Case, fails, greet, python, say, tells};

#[test]
fn a_tool_of_each_ecosystem_lives_and_leaves_nothing_behind() {
    let case = Case::new();
    std::fs::create_dir_all(case.bin("")).expect("the home can be written");
    let before = case.remains();
    let finished = case
        .run(&["tool", "install", "pypi:greet", "npm:say@^1"])
        .success();
    tells(
        &finished,
        &[
            "Installed pypi:greet 1.0",
            "Installed npm:say 1.0.0",
            "commands: say",
        ],
    );
    assert_eq!(case.says("greet", &["you"]), "greet 1.0 you\n");
    assert_eq!(case.says("say", &["a  b"]), "say 1.0.0 a  b\n");
    let list = case.run(&["tool", "list"]).success();
    assert_eq!(
        list.stdout
            .lines()
            .filter(|line| !line.contains("Python"))
            .collect::<Vec<_>>(),
        ["  greet", "npm:say 1.0.0  (npm:say@^1)", "  say"]
    );
    // Nothing newer yet.
    let finished = case.run(&["tool", "upgrade", "--all"]).success();
    tells(&finished, &["pypi:greet 1.0 is the newest that fits"]);
    greet("1.5").publish(&case.pypi);
    for version in ["1.2.0", "2.0.0"] {
        say(version).publish(&case.npm);
    }
    let finished = case.anew(&["tool", "upgrade", "--all"]).success();
    tells(
        &finished,
        &["Upgraded pypi:greet 1.0 → 1.5", "Upgraded npm:say 1.0.0 → 1.2.0"],
    );
    assert_eq!(case.says("greet", &[]), "greet 1.5\n");
    assert_eq!(case.says("say", &[]), "say 1.2.0\n");
    case.run(&["tool", "remove", "greet", "npm:say"]).success();
    assert_eq!(case.remains().differences(&before), Vec::<String>::new());
    assert!(!case.tools().exists());
    // The store still has it: installing again needs no archive.
    case.pypi.clear_log();
    case.run(&["tool", "install", "pypi:greet"]).success();
    assert!(
        case.pypi
            .log()
            .iter()
            .all(|request| !request.path.ends_with(".whl"))
    );
}

#[test]
fn an_upgrade_keeps_to_what_was_asked() {
    let case = Case::new();
    greet("1.2").publish(&case.pypi);
    case.run(&["tool", "install", "pypi:greet<2,!=1.2"]).success();
    for version in ["1.3", "2.0"] {
        greet(version).publish(&case.pypi);
    }
    case.anew(&["tool", "upgrade", "greet"]).success();
    assert_eq!(case.says("greet", &[]), "greet 1.3\n");
    // Asking for something else is another request.
    let finished = case.run(&["tool", "install", "pypi:greet"]).success();
    tells(&finished, &["Changed pypi:greet 1.3"]);
    case.run(&["tool", "upgrade", "greet"]).success();
    assert_eq!(case.says("greet", &[]), "greet 2.0\n");
    case.run(&["tool", "install", "pypi:greet==1.0"]).success();
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
    let finished = case.run(&["tool", "install", "pypi:greet==1.0"]).success();
    tells(&finished, &["installed already", "wharf tool upgrade"]);
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_one() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet", "npm:say"]).success();
    let before = Digest::of(&case.tools().join("pypi"));
    greet("2.0").dep("nowhere").publish(&case.pypi);
    say("1.1.0").publish(&case.npm);
    let tarball = case.npm.tarball_path("say", "1.1.0");
    case.npm.fault(&tarball, Fault::Status(500), Times::Always);
    case.pypi.fault(
        &case.pypi.file_path("greet", "greet-2.0-py3-none-any.whl"),
        Fault::Status(500),
        Times::Always,
    );
    let finished = case.anew(&["tool", "upgrade", "--all"]);
    assert!(matches!(finished.code(), Some(3 | 4)), "{finished}");
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
    assert_eq!(case.says("say", &[]), "say 1.0.0\n");
    let after = Digest::of(&case.tools().join("pypi"));
    let moved = after.differences(&before);
    assert!(
        moved.iter().all(|path| path.contains("/.wharf/")),
        "manifest, lock and environment are what they were: {moved:?}"
    );
    let list = case.json(&["tool", "list"]);
    assert_eq!(list["tools"][0]["version"], "1.0");
    assert_eq!(list["tools"][0]["trouble"], json!(null));
}

#[test]
fn of_several_that_are_upgraded_the_others_are() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet", "npm:say"]).success();
    greet("2.0").publish(&case.pypi);
    say("1.1.0").publish(&case.npm);
    let tarball = case.npm.tarball_path("say", "1.1.0");
    case.npm.fault(&tarball, Fault::Status(500), Times::Always);
    let finished = case.anew(&["tool", "upgrade", "--all"]);
    assert_eq!(finished.code(), Some(4), "{finished}");
    tells(&finished, &["Upgraded pypi:greet 1.0 → 2.0", "error:", "say"]);
    assert_eq!(case.says("greet", &[]), "greet 2.0\n");
    let document = case.run(&["tool", "upgrade", "--all", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&document.stdout).expect("one document");
    assert_eq!(document["ok"], false);
    assert_eq!(document["result"]["tools"][0]["package"], "pypi:greet");
    assert_eq!(document["result"]["failed"][0]["package"], "npm:say");
    assert_eq!(document["error"]["code"], document["result"]["failed"][0]["code"]);
}

#[test]
fn an_upgrade_brings_and_takes_away_commands() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet"]).success();
    greet("2.0")
        .entry_point("hello", "greet_command:main")
        .publish(&case.pypi);
    case.anew(&["tool", "upgrade", "greet"]).success();
    assert_eq!(case.says("hello", &[]), "greet 2.0\n");
    case.run(&["tool", "install", "pypi:greet<2"]).success();
    assert!(case.bin("hello").symlink_metadata().is_err());
    assert_eq!(case.says("greet", &[]), "greet 1.0\n");
}

#[test]
fn what_cannot_be_a_tool_leaves_nothing() {
    let case = Case::new();
    Package::new("library", "1.0").dep("greet").publish(&case.pypi);
    NpmPackage::new("lib", "1.0.0").publish(&case.npm);
    let before = case.remains();
    for (arguments, code, words) in [
        (
            &["pypi:library"][..],
            2,
            &["library brings no commands", "greet (pypi:greet)"][..],
        ),
        (&["npm:lib"], 2, &["lib brings no commands", "library"]),
        (&["pypi:missing"], 3, &["missing"]),
        (&["npm:missing"], 3, &["missing"]),
        (&["pypi:greet>=9"], 3, &["greet"]),
        (&["greet"], 2, &["ecosystem", "`pypi:greet`", "`npm:greet`"]),
        (&["gem:rails"], 2, &["gem"]),
        (&["rpm:nginx"], 2, &["rpm", "hint:"]),
        (
            &["pypi:greet", "--features", "x"],
            2,
            &["pypi:greet has no features", "pypi:greet[extra]"],
        ),
        (&["pypi:greet @ ./here"], 2, &["relative", "$PWD"]),
        (
            &["pypi:greet", "npm:say", "--with", "pypi:library"],
            2,
            &["--with"],
        ),
    ] {
        let mut all = vec!["tool", "install"];
        all.extend(arguments);
        fails(&case.run(&all), code, words);
        assert_eq!(
            case.remains().differences(&before),
            Vec::<String>::new(),
            "{arguments:?}"
        );
    }
}

#[test]
fn packages_beside_a_tool() {
    let case = Case::new();
    Package::new("plugin", "1.0")
        .file("plugin_of_host.py", "NAME = 'plugged'\n")
        .publish(&case.pypi);
    let code = "def main():\n    import plugin_of_host\n    print(plugin_of_host.NAME)\n";
    Package::new("host", "1.0")
        .file("host_command.py", code)
        .entry_point("host", "host_command:main")
        .publish(&case.pypi);
    case.run(&[
        "tool",
        "install",
        "pypi:host",
        "--with",
        "pypi:plugin>=1",
        "--with",
        "pypi:greet",
    ])
    .success();
    assert_eq!(case.says("host", &[]), "plugged\n");
    // Its commands stay inside.
    assert!(case.bin("greet").symlink_metadata().is_err());
    let list = case.json(&["tool", "list"]);
    let tool = &list["tools"][0];
    assert_eq!(tool["requested"], "pypi:host");
    assert_eq!(tool["with"], json!(["pypi:greet", "pypi:plugin>=1"]));
    assert_eq!(tool["commands"], json!(["host"]));
    case.run(&["tool", "install", "pypi:host"]).success();
    assert_eq!(case.json(&["tool", "list"])["tools"][0]["with"], json!([]));
}

#[test]
fn a_tool_is_a_project() {
    let case = Case::new();
    case.run(&["tool", "install", "npm:say"]).success();
    let folder = case.run(&["tool", "dir", "say"]).success().stdout;
    let folder = folder
        .trim()
        .replace("[HOME]", &case.fixture.home().display().to_string());
    let tree = case.run(&["-C", &folder, "tree"]).success();
    assert!(tree.stdout.contains("say 1.0.0"), "{tree}");
    // What its manifest says beyond requirements stays when something else is asked.
    let manifest = std::path::Path::new(&folder).join("wharf.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
    crate::write(&manifest, &format!("{text}\n[policy]\ncooldown = \"1h\"\n"));
    case.run(&["tool", "install", "npm:say@1.0.0"]).success();
    let text = std::fs::read_to_string(&manifest).expect("the manifest is there");
    assert!(
        text.contains("cooldown") && text.contains("say = \"1.0.0\""),
        "{text}"
    );
}

#[test]
fn the_python_that_was_asked_for_stays() {
    let case = Case::new();
    case.run(&["tool", "install", "pypi:greet", "--python", ">=3.8"])
        .success();
    let file = case.tools().join("pypi/greet/.python-version");
    let text = || std::fs::read_to_string(&file).ok();
    assert_eq!(text().as_deref(), Some(">=3.8\n"));
    greet("1.1").publish(&case.pypi);
    case.anew(&["tool", "upgrade", "greet"]).success();
    assert_eq!(text().as_deref(), Some(">=3.8\n"));
    let failed = case.run(&["tool", "install", "pypi:greet", "--python", "2.7"]);
    assert_eq!(failed.code(), Some(4), "{failed}");
    assert_eq!(text().as_deref(), Some(">=3.8\n"));
    case.run(&["tool", "install", "pypi:greet"]).success();
    assert_eq!(text(), None);
}

#[test]
fn where_things_are() {
    let mut case = Case::new();
    let path = |case: &Case, arguments: &[&str]| case.run(arguments).success().stdout;
    assert_eq!(path(&case, &["tool", "dir"]), "[HOME]/data/wharf/tools\n");
    assert_eq!(path(&case, &["tool", "dir", "--bin"]), "[HOME]/.local/bin\n");
    case.fixture.set(
        "WHARF_TOOL_DIR",
        &case.fixture.home().join("mine").display().to_string(),
    );
    case.fixture.set(
        "WHARF_TOOL_BIN_DIR",
        &case.fixture.home().join("mybin").display().to_string(),
    );
    case.run(&["tool", "install", "pypi:greet"]).success();
    assert!(case.fixture.home().join("mine/pypi/greet/wharf.toml").is_file());
    assert!(case.fixture.home().join("mybin/greet").is_file());
    assert_eq!(path(&case, &["tool", "dir", "greet"]), "[HOME]/mine/pypi/greet\n");
    case.run(&["tool", "remove", "greet"]).success();
    assert!(!case.fixture.home().join("mine").exists());
}

#[test]
fn the_shapes_of_documents() {
    let case = Case::new();
    let result = case.json(&["tool", "install", "pypi:greet"]);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&result), ["bin_directory", "bin_on_path", "failed", "tools"]);
    assert_eq!(
        keys(&result["tools"][0]),
        [
            "bin_directory",
            "changes",
            "commands",
            "directory",
            "generation",
            "node",
            "origin",
            "package",
            "previous",
            "python",
            "requested",
            "up_to_date",
            "version",
            "with"
        ]
    );
    assert_eq!(
        keys(&result["tools"][0]["commands"][0]),
        ["hidden_by", "hides", "name", "path", "replaced", "taken_by"]
    );
    let list = case.json(&["tool", "list"]);
    assert_eq!(keys(&list), ["bin_directory", "directory", "tools"]);
    assert_eq!(
        keys(&list["tools"][0]),
        [
            "commands",
            "directory",
            "generation",
            "hint",
            "node",
            "origin",
            "package",
            "python",
            "requested",
            "trouble",
            "version",
            "with"
        ]
    );
    assert_eq!(
        case.json(&["tool", "remove", "greet"]),
        json!({ "removed": [{ "package": "pypi:greet", "commands": ["greet"] }] })
    );
    assert_eq!(keys(&case.json(&["tool", "dir"])), ["path"]);
    assert_eq!(case.json(&["tool", "upgrade", "--all"])["tools"], json!([]));
}

#[test]
fn two_installs_at_once_are_both_right() {
    let case = Case::new();
    for name in ["one", "two", "three"] {
        python(name, "1.0").publish(&case.pypi);
    }
    std::thread::scope(|scope| {
        let all: Vec<_> = ["pypi:one", "pypi:two", "pypi:three", "npm:say"]
            .map(|tool| scope.spawn(|| case.run(&["tool", "install", tool])))
            .into();
        for one in all {
            one.join().expect("a thread that starts a command ends").success();
        }
    });
    assert_eq!(
        case.json(&["tool", "list"])["tools"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(case.says("two", &[]), "two 1.0\n");
}
