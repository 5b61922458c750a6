//! What a new user meets: each mistake names the thing, the reason and a next step, with the right exit code, and what
//! was asked for is alone on standard output.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use wharf_testkit::{Finished, Fixture, Package, Registry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

/// A project that is locked and synced: `a` needs `b`.
fn synced() -> (Registry, Fixture) {
    let registry = Registry::start();
    Package::new("a", "1.0").dep("b").publish(&registry);
    Package::new("b", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write("wharf.toml", "[project]\nname = \"demo\"\n\n[pypi]\na = \"*\"\n");
    fixture.run(&["sync"]).success();
    (registry, fixture)
}

#[track_caller]
fn says(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished}");
    assert_eq!(finished.stdout, "", "an error is no data: {finished}");
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}

#[test]
fn slips_on_the_command_line() {
    let (_registry, fixture) = synced();
    for (arguments, words) in [
        (&["add", "a"][..], &["ecosystem", "`pypi:a`"][..]),
        (&["add", "./lib"], &["a path does not say", "--editable ./lib"]),
        (
            &["add", "https://example.org/x"],
            &["`pypi:NAME @ https://example.org/x`"],
        ),
        (
            &["add", "rpm:nginx"],
            &["no rpm packages", "`pypi:`, `npm:`, `cargo:` and `deb:`"],
        ),
        (
            &["add", "--editable", "./lib"],
            &["there is no folder `lib`", "check the spelling"],
        ),
        (&["remove", "b"], &["does not ask for b", "`wharf why b`"]),
        (&["remove", "aa"], &["does not ask for aa"]),
        (&["remove", "zzz"], &["does not ask for zzz", "`wharf list`"]),
        (&["why", "zzz"], &["zzz is not in the lockfile", "`wharf list`"]),
        (
            &["lock", "--format", "pylock"],
            &["`wharf lock` cannot print", "wharf export --format pylock"],
        ),
        (
            &["lock", "--exclude-newer", "soon"],
            &["--exclude-newer", "`soon`"],
        ),
        (&["lock", "--target", "beos"], &["--target", "`beos`"]),
        (
            &["lock", "-r", "nothere.txt"],
            &["[PROJECT]/nothere.txt", "check the spelling"],
        ),
        (&["sync", "--group", "docs"], &["no group `docs`"]),
        (&["sync", "--extra", "docs"], &["no extra `docs`"]),
        (&["-C", "nowhere", "sync"], &["[PROJECT]/nowhere is not a folder"]),
        (
            &["run", "--", "no-such-program"],
            &["`no-such-program` cannot be started", "wharf add"],
        ),
        (&["sync", "--lockd"], &["--locked"]),
        (&["snyc"], &["'sync'"]),
        (&["help", "snyc"], &["snyc"]),
    ] {
        says(&fixture.run(arguments), 2, words);
    }
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"demo\"\n\n[pypi]\nalpha-beta = \"*\"\n",
    );
    says(
        &fixture.run(&["remove", "alpha-bta"]),
        2,
        &["did you mean alpha-beta?"],
    );
}

#[test]
fn an_upgrade_of_what_is_not_locked_is_noticed() {
    let (_registry, fixture) = synced();
    let finished = fixture.run(&["lock", "--upgrade-package", "zzz"]).success();
    assert!(
        finished
            .stderr
            .contains("zzz is to be upgraded, but is not in the lockfile"),
        "{finished}"
    );
    let finished = fixture.run(&["lock", "--upgrade-package", "b"]).success();
    assert!(!finished.stderr.contains("warning"), "{finished}");
}

#[test]
fn every_error_is_a_document_on_request() {
    let (_registry, fixture) = synced();
    for (arguments, code, exit) in [
        (&["why", "zzz"][..], "lock/not-locked", 2),
        (&["remove", "zzz"], "edit/not-required", 2),
        (&["add", "a"], "edit/cannot-add", 2),
        (&["sync", "--group", "docs"], "project/unknown-group", 2),
        (&["-C", "nowhere", "sync"], "project/folder", 2),
    ] {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        let finished = fixture.run(&all).failure(exit);
        assert_eq!(finished.stderr, "", "{finished}");
        let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
        assert_eq!(document["ok"], false);
        assert_eq!(document["error"]["code"], code, "{finished}");
        assert_eq!(document["error"]["fault"], "user");
        assert!(document["error"]["hints"].is_array());
        let command = arguments.iter().find(|word| !["-C", "nowhere"].contains(word));
        assert_eq!(document["command"], **command.expect("there is one"));
    }
}

/// The keys of each result, as docs/json.md lists them.
#[test]
fn results_have_the_documented_shapes() {
    let (_registry, fixture) = synced();
    for (arguments, keys) in [
        (
            &["lock"][..],
            &[
                "path",
                "cargo_lock",
                "packages",
                "targets",
                "meant",
                "changes",
                "written",
                "solved",
                "seconds",
            ][..],
        ),
        (
            &["sync", "--no-dev"],
            &[
                "environment",
                "generation",
                "up_to_date",
                "overtaken",
                "dry_run",
                "packages",
                "changes",
                "lock",
                "node",
                "python",
                "downloaded",
                "tools",
                "fetched",
                "seconds",
            ],
        ),
        (&["tree"], &["target", "roots"]),
        (&["why", "b"], &["package", "versions", "paths"]),
        (&["list", "--why-python"], &["target", "packages", "pythons"]),
        (&["outdated"], &["checked", "outdated"]),
        (
            &["info", "a"],
            &[
                "package",
                "purl",
                "version",
                "locked",
                "summary",
                "license",
                "requires_python",
                "engines_node",
                "rust_version",
                "requires",
                "extras",
                "urls",
                "uploaded",
                "index",
                "versions",
            ],
        ),
        (&["export"], &["text", "written"]),
        (&["store", "path"], &["path"]),
        (
            &["store", "size"],
            &[
                "path",
                "objects",
                "object_bytes",
                "trees",
                "homes",
                "home_files",
                "home_bytes",
                "crates",
                "crate_files",
                "crate_bytes",
                "debs",
                "systems",
                "system_bytes",
                "cache_path",
                "cache_bytes",
            ],
        ),
        (&["store", "verify"], &["checked", "damaged", "repaired"]),
        (&["python"], &["requirement", "candidates"]),
        (&["init"], &["manifest", "created", "adopted", "preferences"]),
        (&["add", "pypi:b"], &["manifest", "requirements", "lock", "sync"]),
        (&["remove", "b"], &["manifest", "requirements", "lock", "sync"]),
    ] {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        let finished = fixture.run(&all).success();
        let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
        assert_eq!(document["ok"], true);
        let found = document["result"].as_object().expect("a result is an object");
        let mut found: Vec<&str> = found.keys().map(String::as_str).collect();
        let mut keys = keys.to_vec();
        found.sort_unstable();
        keys.sort_unstable();
        assert_eq!(found, keys, "{arguments:?}");
    }
}

#[test]
fn data_is_alone_on_standard_output() {
    let (_registry, fixture) = synced();
    for arguments in [
        &["sync"][..],
        &["lock"],
        &["lock", "--upgrade"],
        &["sync", "--dry-run"],
        &["outdated"],
    ] {
        assert_eq!(fixture.run(arguments).success().stdout, "", "{arguments:?}");
    }
    for arguments in [
        &["tree"][..],
        &["list"],
        &["why", "b"],
        &["store", "path"],
        &["export"],
    ] {
        let finished = fixture.run(arguments).success();
        assert!(
            !finished.stdout.is_empty() && finished.stderr.is_empty(),
            "{finished}"
        );
    }
    for arguments in [
        &["-q", "lock"][..],
        &["-q", "lock", "-U"],
        &["-q", "sync", "--no-dev"],
    ] {
        let finished = fixture.run(arguments).success();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", ""));
    }
    let told = fixture.run(&["-v", "lock", "-U"]).success().stderr;
    assert!(
        told.contains("[REGISTRY]/simple/ (PIP_INDEX_URL)") && told.contains("solving for Python"),
        "{told}"
    );
    let traced = fixture
        .run(&["-vv", "lock", "-U", "--cache", "other"])
        .success()
        .stderr;
    assert!(
        traced.contains("DEBUG wharf_net")
            && traced.contains("[REGISTRY]/simple/b/")
            && !traced.contains('\u{1b}'),
        "{traced}"
    );
}

#[test]
fn closed_pipes_end_quietly_and_full_disks_do_not() {
    let (_registry, fixture) = synced();
    let mut command = fixture.command();
    command.arg("list").stdout(Stdio::piped()).stderr(Stdio::piped());
    // A reader that goes away at once.
    let mut child = command.spawn().expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(matches!(output.status.code(), Some(0 | 141)), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");

    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let mut command = fixture.command();
        command.arg("list").stdout(full).stderr(Stdio::piped());
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(4));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("standard output"), "{text}");
    }
}

#[test]
fn colour_is_for_terminals_and_those_who_ask() {
    let (_registry, fixture) = synced();
    for (arguments, coloured) in [
        (&["python"][..], false),
        (&["--color", "never", "why", "zzz"], false),
        (&["--color", "always", "why", "zzz"], true),
        (&["--color", "always", "python"], true),
    ] {
        let mut command = fixture.command();
        command.env_remove("NO_COLOR").args(arguments);
        let finished = fixture.finish(command);
        let text = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(text.contains('\u{1b}'), coloured, "{arguments:?}: {text:?}");
    }
}

#[test]
fn without_a_project_or_an_environment() {
    let fixture = Fixture::new(BINARY);
    for arguments in [
        &["sync"][..],
        &["lock"],
        &["tree"],
        &["list"],
        &["export"],
        &["add", "pypi:a"],
    ] {
        says(&fixture.run(arguments), 2, &["no wharf.toml", "`wharf init`"]);
    }
    fixture.write("wharf.toml", "[pypi]\n");
    says(
        &fixture.run(&["tree"]),
        2,
        &["there is no lockfile at [PROJECT]/wharf.lock", "`wharf lock`"],
    );
    says(&fixture.run(&["sync", "--frozen"]), 2, &["no lockfile"]);
    says(&fixture.run(&["lock", "--check"]), 2, &["no lockfile"]);
    let finished = fixture.run(&["run", "--no-sync", "--", "python", "-V"]);
    says(
        &finished,
        2,
        &["there is no environment at [PROJECT]/.venv", "wharf sync"],
    );
}

#[test]
fn variables_switch_flags_on_as_people_write_them() {
    let (_registry, mut fixture) = synced();
    for (value, code) in [("1", 2), ("yes", 2), ("true", 2), ("0", 0), ("false", 0), ("", 0)] {
        fixture.set("WHARF_OFFLINE", value);
        // Nothing is in that cache: only without the network is that an error.
        let finished = fixture.run(&["lock", "-U", "--cache", &format!("cache-{value}")]);
        assert_eq!(finished.code(), Some(code), "{value}: {finished}");
    }
    fixture.set("WHARF_OFFLINE", "maybe");
    says(&fixture.run(&["list"]), 2, &["maybe"]);
}

#[test]
fn what_a_new_manifest_hides_and_what_a_variable_lacks_is_told() {
    let fixture = Fixture::new(BINARY);
    fixture.write("requirements.txt", "${ABSENT}>=1\n");
    says(
        &fixture.run(&["lock"]),
        2,
        &["requirements.txt:1:1", "ABSENT is not set"],
    );
    fixture.write("requirements.txt", "a>=1\n");
    let finished = fixture.run(&["init"]).success();
    assert!(finished.stderr.contains("reads requirements.txt"), "{finished}");
    let finished = fixture.run(&["init", "--wharf-toml"]).success();
    assert!(
        finished
            .stderr
            .contains("warning: requirements.txt is not read any more"),
        "{finished}"
    );
}

/// A `[python]` table would bring Python into a project that has none.
#[test]
fn a_new_manifest_beside_files_of_other_ecosystems_says_nothing_of_python() {
    for (file, text, python) in [
        ("package.json", "{\"name\": \"a\", \"version\": \"1.0.0\"}", false),
        (
            "Cargo.toml",
            "[package]\nname = \"a\"\nversion = \"1.0.0\"\n",
            false,
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"a\"\nversion = \"1\"\n",
            true,
        ),
    ] {
        let fixture = Fixture::new(BINARY);
        fixture.write(file, text);
        fixture.write("src/lib.rs", "");
        fixture.run(&["init", "--wharf-toml"]).success();
        let manifest = fixture.read("wharf.toml");
        assert_eq!(manifest.contains("\n[python]\n"), python, "{manifest}");
        assert_eq!(manifest.contains("\n[pypi]\n"), python, "{manifest}");
        fixture.run(&["lock", "--offline"]).success();
    }
}

/// `--no-project` means the same wherever a part of the lock is chosen.
#[test]
fn the_project_itself_can_be_left_out_everywhere() {
    let registry = Registry::start();
    Package::new("dep", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    Package::new("own", "1.0")
        .write_source_tree(&fixture.project())
        .expect("the project can be written");
    let project = "\n[project]\nname = \"own\"\nversion = \"1.0\"\ndependencies = [\"dep\"]\n";
    let build = fixture.read("pyproject.toml");
    let (build, _) = build.split_once("[project]").unwrap_or((&build, ""));
    fixture.write("pyproject.toml", &format!("{build}{project}"));
    fixture.run(&["lock"]).success();
    for command in ["list", "tree", "export"] {
        let with = fixture.run(&[command]).success().stdout;
        let without = fixture.run(&[command, "--no-project"]).success().stdout;
        let own = |text: &str| text.contains("pypi:own") || text.lines().any(|line| line.starts_with("-e "));
        assert!(own(&with) && !own(&without), "{command}\n{with}\n{without}");
        assert!(without.contains("dep"), "{command}\n{without}");
    }
}

#[test]
fn without_a_home_the_folders_can_be_named() {
    let fixture = Fixture::new(BINARY);
    let bare = || {
        let mut command = fixture.command();
        for name in ["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command
    };
    let mut command = bare();
    command.args(["store", "path"]);
    says(&fixture.finish(command), 2, &["HOME", "`--store`"]);
    let mut command = bare();
    command.args(["store", "path", "--store", "s", "--cache", "c"]);
    assert_eq!(fixture.finish(command).success().stdout, "[PROJECT]/s\n");
}

#[test]
fn a_python_that_is_not_there() {
    let (_registry, fixture) = synced();
    says(
        &fixture.run(&["sync", "--python", "2.9"]),
        4,
        &["2.9", "--python PATH"],
    );
    fixture.write("wharf.toml", "[python]\nversion = \">=9\"\n\n[pypi]\n");
    says(&fixture.run(&["lock"]), 4, &[">=9"]);
}

/// Whether permissions stop this process at all: they do not stop root.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}

#[test]
fn closed_and_read_only_folders() {
    if is_root() {
        return;
    }
    let (_registry, fixture) = synced();
    let set = |path: &str, mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fixture.project().join(path), permissions).expect("it is ours");
    };
    set("wharf.toml", 0o000);
    says(
        &fixture.run(&["lock"]),
        4,
        &["cannot read `[PROJECT]/wharf.toml`", "who may read"],
    );
    set("wharf.toml", 0o644);
    fixture.write("wharf.toml", "[pypi]\nb = \"*\"\n");
    set(".", 0o555);
    says(
        &fixture.run(&["lock"]),
        4,
        &["cannot write [PROJECT]/wharf.lock", "who owns"],
    );
    set(".", 0o000);
    let mut command = fixture.command();
    command
        .current_dir(fixture.home())
        .args(["-C", "../project", "lock"]);
    says(&fixture.finish(command), 4, &["cannot read", "who may read"]);
    set(".", 0o755);
    fixture.run(&["lock"]).success();
}

#[test]
fn completions_and_manual_pages_are_whole() {
    let fixture = Fixture::new(BINARY);
    for (shell, word) in [
        ("bash", "complete -F _wharf"),
        ("zsh", "#compdef wharf"),
        ("fish", "complete -c wharf"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = fixture.run(&["completions", shell]).success().stdout;
        for word in [word, "upgrade-package", "store", "outdated"] {
            assert!(script.contains(word), "{shell}: no word of {word}");
        }
    }
    // The script is valid for the shell that everybody has.
    fixture.write("wharf.bash", &fixture.run(&["completions", "bash"]).stdout);
    let mut command = fixture.isolated("bash");
    command.args(["-c", "source ./wharf.bash && complete -p wharf"]);
    assert!(fixture.finish(command).success().stdout.contains("_wharf"));
    let words = "source ./wharf.bash; COMP_WORDS=(wharf sto); COMP_CWORD=1; _wharf wharf sto wharf; echo ${COMPREPLY[@]}";
    let mut command = fixture.isolated("bash");
    command.args(["-c", words]);
    assert_eq!(fixture.finish(command).success().stdout, "store\n");

    fixture.run(&["man", "pages"]).success();
    let top = fixture.read("pages/wharf.1");
    assert!(
        top.contains(".TH wharf 1") && top.contains("wharf\\-sync(1)"),
        "{top}"
    );
    for name in ["add", "lock", "sync", "run", "store", "store-verify"] {
        assert!(
            fixture
                .read(&format!("pages/wharf-{name}.1"))
                .contains(".SH DESCRIPTION"),
            "{name}"
        );
    }
    fixture.write("file", "");
    says(&fixture.run(&["man", "file"]), 4, &["manual pages", "file"]);
}
