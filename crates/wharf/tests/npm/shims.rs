//! Scripts that call `npm`, `npx` and their like where PATH has none of them: Wharf stands in for them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{project, release, says, state, tells, write_json};

/// A project on a machine whose PATH has a shell, a few commands of the system's, and a Node, but no npm.
fn without_npm(registry: &NpmRegistry, manifest: &Value) -> Fixture {
    let mut fixture = project(registry, manifest);
    let programs = fixture.programs();
    for name in ["sh", "cat", "cp", "env", "printf", "pwd"] {
        let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        let found = found
            .iter()
            .find(|path| path.exists())
            .expect("each system has it");
        symlink(found, programs.join(name)).expect("the test's own folder");
    }
    fixture.set("PATH", &programs.display().to_string());
    fixture
}

fn program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the test's own folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("the test's own file");
}

#[test]
fn scripts_call_scripts_and_commands_by_the_words_of_others() {
    let registry = NpmRegistry::start();
    release("tool", "1.0.0")
        .executable("t.js", "#!/bin/sh\nprintf '<%s>' tool \"$@\"; echo\n")
        .bin("tool", "t.js")
        .publish(&registry);
    let fixture = without_npm(
        &registry,
        &json!({
            "name": "demo", "version": "1.2.3", "dependencies": { "tool": "1" },
            "scripts": {
                "build": "npm run clean && tool built",
                "preclean": "echo before", "clean": "echo $npm_lifecycle_event $npm_package_name", "postclean": "echo after",
                "demo": "tool '' demo", "show": "printf '<%s>' show; tool",
                "args": "npm run show -- 'a b' '$HOME' --flag", "pnpm": "pnpm demo", "pnpm2": "pnpm run build",
                "dashes": "npm run say -- --x && pnpm say -- --x && pnpm run say -- --x && pnpm say --x && pnpm tool -- --x",
                "say": "tool",
                "yarn": "yarn -s tool 'x y'",
                "npx": "npx tool --version -s", "exec": "npm exec -- tool x", "twice": "npm run npm2", "npm2": "npm run clean",
                "bad": "exit 7", "fails": "npm run bad; echo $?; npm run bad", "signal": "npm run killed", "killed": "kill -9 $$",
                "alone": "env -i PATH=\"$PATH\" npm run clean", "below": "cd deep/down && npm run where", "where": "pwd; echo $INIT_CWD",
                "test": "echo tested", "t": "npm t", "present": "npm run --if-present nothing && echo fine",
                "missing": "npm run nothing", "command": "npm run tool", "list": "npm run",
                "registry": "npm config get registry", "version": "npm --version", "prefix": "cd deep/down && npm prefix && npm root",
                "install": "npm install", "ci": "npm ci", "unknown": "npm run clean --watch", "end": "echo ${PATH##*:}",
                "ends": "npm run -s end"
            }
        }),
    );
    fixture.write("deep/down/x", "");
    fixture.run(&["sync"]).success();
    let clean = "before\nclean demo\nafter\n";
    for (script, expected) in [
        ("build", format!("{clean}<tool><built>\n")),
        ("args", "<show><tool><a b><$HOME><--flag>\n".to_owned()),
        ("pnpm", "<tool><><demo>\n".to_owned()),
        ("pnpm2", format!("{clean}<tool><built>\n")),
        (
            "dashes",
            "<tool><--x>\n<tool><--><--x>\n<tool><--><--x>\n<tool><--x>\n<tool><--><--x>\n".to_owned(),
        ),
        ("yarn", "<tool><x y>\n".to_owned()),
        ("npx", "<tool><--version><-s>\n".to_owned()),
        ("exec", "<tool><x>\n".to_owned()),
        ("twice", clean.to_owned()),
        ("alone", clean.to_owned()),
        ("below", "[PROJECT]\n[PROJECT]/deep/down\n".to_owned()),
        ("t", "tested\n".to_owned()),
        ("present", "fine\n".to_owned()),
        ("registry", "[NPM]/\n".to_owned()),
        ("prefix", "[PROJECT]\n[PROJECT]/node_modules\n".to_owned()),
    ] {
        let finished = fixture.run(&["run", script]).success();
        assert_eq!(finished.stdout, expected, "{script}: {finished}");
    }
    // Also where nobody has put a script around it.
    let finished = fixture.run(&["run", "--", "npm", "run", "-s", "clean"]).success();
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), (clean, ""));
    let finished = fixture.run(&["run", "list"]).success();
    assert!(
        finished.stdout.contains("npm run clean && tool built"),
        "{finished}"
    );
    let version = fixture.run(&["run", "version"]).success().stdout;
    assert!(version.contains("+wharf."), "{version}");
    let finished = fixture.run(&["run", "fails"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(7), "7\n"),
        "{finished}"
    );
    // As shells tell it, or as it is where the shell has left the place to what it started last.
    let ended = fixture.run(&["run", "signal"]);
    assert!(matches!(ended.code(), None | Some(137)), "{ended}");
    // The programs come last on PATH, once, however deep it goes.
    let last = fixture.run(&["run", "end"]).success().stdout;
    assert!(last.contains("/shims/"), "{last}");
    assert_eq!(fixture.run(&["run", "ends"]).success().stdout, last);
    for (script, words) in [
        (
            "missing",
            &["no script `nothing` in [PROJECT]/package.json", "hint:", "build"][..],
        ),
        ("command", &["no script `tool`"]),
        (
            "install",
            &["`npm install`", "`wharf sync`", "`wharf add npm:NAME`"],
        ),
        ("ci", &["`wharf sync --locked`", "wharf add --dev npm:npm"]),
        ("unknown", &["`--watch`", "`npm run clean -- --watch`"]),
    ] {
        says(&fixture.run(&["run", script]), 2, words);
    }
}

#[test]
fn a_real_npm_comes_first() {
    let registry = NpmRegistry::start();
    let fixture = without_npm(
        &registry,
        &json!({ "scripts": { "a": "npm run b", "b": "echo b" } }),
    );
    assert_eq!(fixture.run(&["run", "a"]).success().stdout, "b\n");
    program(&fixture.programs().join("npm"), "#!/bin/sh\necho real \"$@\"\n");
    assert_eq!(fixture.run(&["run", "a"]).success().stdout, "real run b\n");
}

#[test]
fn nothing_is_synced_and_no_variable_leads_elsewhere() {
    let registry = NpmRegistry::start();
    let scripts = json!({ "edit": "cp other.json package.json && npm run hi", "hi": "echo hi" });
    let mut fixture = without_npm(&registry, &json!({ "scripts": scripts }));
    let stale = json!({ "scripts": scripts, "dependencies": { "gone": "1" } });
    fixture.write("other.json", &stale.to_string());
    assert_eq!(fixture.run(&["run", "edit"]).success().stdout, "hi\n");
    // In a project below, which has nothing of Wharf's, as in the project itself.
    state(
        &fixture,
        &json!({ "scripts": { "below": "cd below && npm run hi" } }),
    );
    write_json(&fixture, "below/package.json", &stale);
    assert_eq!(fixture.run(&["run", "below"]).success().stdout, "hi\n");
    // A folder that is said by a variable is where the first command works, not those below.
    state(
        &fixture,
        &json!({ "scripts": { "up": "npm run down", "down": "pwd" } }),
    );
    fixture.write("here/x", "");
    fixture.set("WHARF_PROJECT", "here");
    assert_eq!(fixture.run(&["run", "up"]).success().stdout, "[PROJECT]\n");
}

#[test]
fn what_the_project_lacks_is_run_as_a_one_off() {
    let registry = NpmRegistry::start();
    let cow = |version: &str| {
        release("cow", version)
            .executable("c", &format!("#!/bin/sh\necho cow {version} \"$@\"\n"))
            .bin("cow", "c")
    };
    cow("1.0.0").publish(&registry);
    cow("2.0.0").publish(&registry);
    let scripts = json!({
        "cow": "npx cow moo", "one": "npx -y cow@1 moo", "own": "npx --no-install cow moo", "dlx": "pnpm dlx cow moo",
        "from": "npx -p cow@2 cow moo"
    });
    let fixture = without_npm(&registry, &json!({ "scripts": scripts }));
    let finished = fixture.run(&["run", "cow"]).success();
    assert_eq!(finished.stdout, "cow 2.0.0 moo\n");
    tells(&finished, &["no command of npm:cow"]);
    assert_eq!(fixture.run(&["run", "one"]).success().stdout, "cow 1.0.0 moo\n");
    says(&fixture.run(&["run", "own"]), 2, &["`cow`"]);
    // What the project has is taken, unless another version is asked for.
    state(
        &fixture,
        &json!({ "dependencies": { "cow": "1" }, "scripts": scripts }),
    );
    for (script, version) in [
        ("cow", "1.0.0"),
        ("one", "1.0.0"),
        ("own", "1.0.0"),
        ("dlx", "2.0.0"),
        ("from", "2.0.0"),
    ] {
        let finished = fixture.run(&["run", script]).success();
        assert_eq!(finished.stdout, format!("cow {version} moo\n"), "{script}");
    }
    let finished = fixture
        .run(&["x", "--prefer-project", "npm:cow", "--", "moo"])
        .success();
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        ("cow 1.0.0 moo\n", "")
    );
    assert_eq!(fixture.run(&["x", "npm:cow"]).success().stdout, "cow 2.0.0\n");
}

fn workspace(registry: &NpmRegistry) -> Fixture {
    let fixture = without_npm(
        registry,
        &json!({
            "name": "top", "workspaces": ["libs/*", "app"],
            "scripts": {
                "hi": "echo top", "all": "npm run hi -ws -- x", "bad": "npm run bad -ws", "pnpm": "pnpm -r hi",
                "one": "npm run -w @s/a hi", "folder": "pnpm --filter './libs/*' hi", "yarn": "yarn workspace app hi y",
                "root": "npm run -s hi -ws --include-workspace-root", "none": "npm run nothing -w app", "commands": "pnpm -r exec pwd",
                "meet": "pnpm --parallel meet", "fail": "pnpm --parallel --filter './libs/*' fail", "each": "pnpm --parallel -r exec pwd"
            }
        }),
    );
    let member = |path: &str, name: &str, scripts: Value, dependencies: Value| {
        let manifest =
            json!({ "name": name, "version": "1.0.0", "scripts": scripts, "dependencies": dependencies });
        write_json(&fixture, &format!("{path}/package.json"), &manifest);
    };
    let hi = |name: &str| json!({ "hi": format!("echo {name}"), "bad": format!("echo {name}; exit 3") });
    // The workspace has `a` before `b`, which it needs.
    member("libs/a", "@s/a", hi("a"), json!({ "@s/b": "*" }));
    member("libs/b", "@s/b", hi("b"), json!({}));
    member("libs/c", "@s/c", json!({}), json!({}));
    member("app", "app", hi("app"), json!({ "@s/a": "*" }));
    fixture
}

#[test]
fn members_of_the_workspace_run_in_the_order_of_their_needs() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    for (words, expected) in [
        (&["run", "--workspaces", "hi"][..], "b\na\napp\n"),
        (
            &["run", "--workspaces", "--include-workspace-root", "hi"],
            "top\nb\na\napp\n",
        ),
        (&["run", "-w", "@s/*", "hi", "x y"], "b x y\na x y\n"),
        (&["run", "-w", "app", "-w", "libs/b", "hi"], "b\napp\n"),
        (&["-C", "libs", "run", "-w", "a", "hi"], "a\n"),
        (&["run", "-w", ".", "hi"], "top\n"),
        (&["run", "-w", "app", "hi", "--", "-x", "--"], "app -x --\n"),
        (
            &["run", "--verbatim", "-w", "app", "hi", "--", "-x"],
            "app -- -x\n",
        ),
        (&["run", "--verbatim", "hi", "--", "-x"], "top -- -x\n"),
        (&["run", "-w", "app", "--", "pwd"], "[PROJECT]/app\n"),
        (&["run", "--workspaces", "--if-present", "nothing"], ""),
        (&["run", "--if-present", "nothing"], ""),
    ] {
        let finished = fixture.run(words).success();
        assert_eq!(finished.stdout, expected, "{words:?}: {finished}");
    }
    let finished = fixture.run(&["run", "--workspaces", "hi"]).success();
    assert_eq!(
        finished.stderr,
        "@s/b:\n$ echo b\n@s/a:\n$ echo a\napp:\n$ echo app\n"
    );
    let finished = fixture.run(&["-q", "run", "--workspaces", "hi"]).success();
    assert_eq!(finished.stderr, "");
    // The first that fails ends it, with its code; or else the others run all the same.
    let finished = fixture.run(&["run", "--workspaces", "bad"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(3), "b\n"),
        "{finished}"
    );
    let finished = fixture.run(&["run", "--workspaces", "--no-bail", "bad"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(3), "b\na\napp\n"),
        "{finished}"
    );
    for (words, said) in [
        (
            &["run", "-w", "gone", "hi"][..],
            &["no member", "`gone`", "the members are: app, @s/a, @s/b, @s/c"][..],
        ),
        (
            &["run", "--workspaces", "--script", "nothing"],
            &["`nothing`", "@s/a", "--if-present"],
        ),
        (&["run", "--workspaces"], &["COMMAND"]),
        (
            &["run", "--script", "nothing"],
            &["no script `nothing` in [PROJECT]/package.json"],
        ),
    ] {
        says(&fixture.run(words), 2, said);
    }
}

#[test]
fn folders_are_those_that_are_seen_from_where_the_user_stands() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    for (folder, words, expected) in [
        ("app", &["-w", "."][..], "app\n"),
        ("app", &["-w", ".."], "top\n"),
        ("app", &["-w", "../libs/a"], "a\n"),
        ("libs/a", &["-w", ".."], "b\na\n"),
        ("libs/a", &["--include-workspace-root"], "top\n"),
        (".", &["-w", "libs/*"], "b\na\n"),
        (".", &["-w", "./*"], "app\n"),
        (".", &["-w", "./**"], "top\nb\na\napp\n"),
        ("libs", &["-w", "./*"], "b\na\n"),
    ] {
        let line: Vec<&str> = ["-C", folder, "run"]
            .iter()
            .chain(words)
            .copied()
            .chain(["hi"])
            .collect();
        let finished = fixture.run(&line).success();
        assert_eq!(finished.stdout, expected, "{folder} {words:?}: {finished}");
    }
    // A name of the root's is none below it.
    let finished = fixture.run(&["-C", "app", "run", "-w", "libs", "hi"]);
    says(&finished, 2, &["no member", "`libs`"]);
    // With `-w` the project alone is meant, wherever the script stands.
    let scripts = json!({ "hi": "echo app", "up": "pnpm -w run hi", "own": "npm run hi -w ." });
    write_json(
        &fixture,
        "app/package.json",
        &json!({ "name": "app", "version": "1.0.0", "scripts": scripts }),
    );
    for (script, expected) in [("up", "top\n"), ("own", "app\n")] {
        let finished = fixture.run(&["-C", "app", "run", script]).success();
        assert_eq!(finished.stdout, expected, "{script}: {finished}");
    }
}

#[test]
fn members_have_the_usual_scripts_that_nobody_wrote() {
    let registry = NpmRegistry::start();
    let mut fixture = workspace(&registry);
    fixture.fake_node("22.12.0");
    program(&fixture.programs().join("node"), "#!/bin/sh\necho node \"$@\"\n");
    fixture.set("WHARF_NO_SYNC", "1");
    fixture.write("app/server.js", "");
    for words in [
        &["run", "--script", "--workspaces", "start"][..],
        &["run", "--no-script", "--", "npm", "start", "-w", "app"],
    ] {
        assert_eq!(
            fixture.run(words).success().stdout,
            "node server.js\n",
            "{words:?}"
        );
    }
}

#[test]
fn programs_that_scripts_ask_are_answered_as_by_npm_whatever_the_user_reads() {
    let registry = NpmRegistry::start();
    let mut fixture = without_npm(
        &registry,
        &json!({ "scripts": { "ask": "echo \"<$(npm config get registry)>\"" } }),
    );
    fixture.set("WHARF_FORMAT", "json");
    fixture.set("WHARF_NO_SYNC", "1");
    assert_eq!(fixture.run(&["run", "ask"]).success().stdout, "<[NPM]/>\n");
}

#[test]
fn members_run_at_once() {
    let registry = NpmRegistry::start();
    let mut fixture = workspace(&registry);
    for name in ["mkfifo", "sleep"] {
        symlink(Path::new("/usr/bin").join(name), fixture.programs().join(name)).expect("each system has it");
    }
    let meet = |own: &str, other: &str| {
        format!(
            "mkfifo ../../fifo-{own}; while [ ! -p ../../fifo-{other} ]; do sleep 0.01; done; echo {own}; echo e >&2"
        )
    };
    let member = |path: &str, name: &str, meet: String, fail: &str, needs: Value| {
        let scripts = json!({ "meet": meet, "fail": fail });
        let manifest = json!({ "name": name, "version": "1.0.0", "scripts": scripts, "dependencies": needs });
        write_json(&fixture, &format!("{path}/package.json"), &manifest);
    };
    member(
        "libs/a",
        "@s/a",
        meet("a", "b"),
        "echo x; exit 7",
        json!({ "@s/b": "*" }),
    );
    member("libs/b", "@s/b", meet("b", "a"), "sleep 60 & sleep 60", json!({}));
    fixture.run(&["sync"]).success();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    };
    for words in [
        &["run", "-q", "--workspaces", "--parallel", "meet"][..],
        &["run", "meet"],
    ] {
        let finished = fixture.run(words).success();
        assert_eq!(sorted(&finished.stdout), "@s/a: a\n@s/b: b", "{finished}");
        assert!(sorted(&finished.stderr).contains("@s/a: e\n"), "{finished}");
        for name in ["a", "b"] {
            std::fs::remove_file(fixture.project().join(format!("fifo-{name}"))).expect("it was made");
        }
    }
    let begin = std::time::Instant::now();
    let finished = fixture.run(&["run", "fail"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(7), "@s/a: x\n"),
        "{finished}"
    );
    assert!(
        finished.stderr.contains("@s/a: failed with exit code 7"),
        "{finished}"
    );
    assert!(begin.elapsed().as_secs() < 20, "the others are ended");
    let finished = fixture.run(&["run", "each"]).success();
    assert_eq!(
        sorted(&finished.stdout),
        "@s/a: [PROJECT]/libs/a\n@s/b: [PROJECT]/libs/b\n@s/c: [PROJECT]/libs/c\napp: [PROJECT]/app"
    );
    says(&fixture.run(&["run", "--parallel", "meet"]), 2, &["--workspaces"]);
    fixture.set("WHARF_NO_SYNC", "1");
    fixture
        .run(&["run", "--parallel", "--workspaces", "--if-present", "nothing"])
        .success();
}

#[test]
fn members_that_run_at_once_are_sent_what_comes() {
    let registry = NpmRegistry::start();
    let mut fixture = project(&registry, &json!({ "workspaces": ["a", "b"] }));
    for name in ["a", "b"] {
        let live =
            format!("trap 'echo ended; exit 0' TERM; echo > ../{name}.up; while :; do sleep 0.01; done");
        let manifest = json!({ "name": name, "scripts": { "live": live } });
        write_json(&fixture, &format!("{name}/package.json"), &manifest);
    }
    fixture.set("PATH", "/usr/bin:/bin");
    fixture.run(&["sync"]).success();
    let mut command = fixture.command();
    command.args(["run", "-q", "--workspaces", "--parallel", "live"]);
    command.stdout(Stdio::piped());
    let started = command.spawn().expect("it is there");
    let begin = std::time::Instant::now();
    while !(fixture.has("a.up") && fixture.has("b.up")) {
        assert!(begin.elapsed().as_secs() < 60, "both have begun");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut kill = Command::new("/bin/kill");
    kill.args(["-TERM", &started.id().to_string()]);
    assert!(kill.status().expect("there is a kill").success());
    let output = started.wait_with_output().expect("it can be waited for");
    let mut lines: Vec<_> = output.stdout.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    assert_eq!(lines, [&b""[..], b"a: ended", b"b: ended"]);
    assert_eq!(output.status.code(), Some(128 + 15));
}

#[test]
fn scripts_run_others_in_members() {
    let registry = NpmRegistry::start();
    let fixture = workspace(&registry);
    fixture.run(&["sync"]).success();
    for (script, expected) in [
        ("all", "b x\na x\napp x\n"),
        ("pnpm", "b\na\napp\n"),
        ("one", "a\n"),
        ("folder", "b\na\n"),
        ("yarn", "app y\n"),
        ("root", "top\nb\na\napp\n"),
        (
            "commands",
            "[PROJECT]/libs/b\n[PROJECT]/libs/a\n[PROJECT]/app\n[PROJECT]/libs/c\n",
        ),
    ] {
        let finished = fixture.run(&["run", script]).success();
        assert_eq!(finished.stdout, expected, "{script}: {finished}");
    }
    let finished = fixture.run(&["run", "bad"]);
    assert_eq!(
        (finished.code(), finished.stdout.as_str()),
        (Some(3), "b\na\napp\n"),
        "{finished}"
    );
    says(&fixture.run(&["run", "none"]), 2, &["`nothing`", "app"]);
}

#[test]
fn what_npm_is_started_by_is_a_program_to_the_shell_and_to_node() {
    let Some(node) = ["/usr/bin/node", "/usr/local/bin/node"]
        .iter()
        .find(|path| Path::new(path).exists())
    else {
        return;
    };
    let registry = NpmRegistry::start();
    let fixture = without_npm(
        &registry,
        &json!({ "scripts": {
            "shell": "\"$npm_execpath\" run -s hi x", "node": "real-node \"$npm_execpath\" run hi -- 'a b'", "hi": "printf '<%s>' hi",
            "code": "real-node \"$npm_execpath\" run bad", "bad": "exit 7"
        } }),
    );
    symlink(node, fixture.programs().join("real-node")).expect("the test's own folder");
    // Node takes files without an ending for what the nearest package.json says.
    fixture.write("../home/package.json", "{ \"type\": \"module\" }");
    assert_eq!(fixture.run(&["run", "shell"]).success().stdout, "<hi><x>");
    assert_eq!(fixture.run(&["run", "node"]).success().stdout, "<hi><a b>");
    assert_eq!(fixture.run(&["run", "code"]).code(), Some(7));
}

#[test]
fn install_scripts_that_were_approved_find_it() {
    let registry = NpmRegistry::start();
    release("native", "1.0.0")
        .script(
            "install",
            "npm run build -- x && npx -y cow >> trace.txt && \"$npm_execpath\" run build y",
        )
        .script(
            "build",
            "echo $npm_lifecycle_event $npm_package_name >> trace.txt; echo >> trace.txt built",
        )
        .publish(&registry);
    release("cow", "1.0.0")
        .executable("c", "#!/bin/sh\necho cow\n")
        .bin("cow", "c")
        .publish(&registry);
    let fixture = without_npm(
        &registry,
        &json!({ "dependencies": { "native": "1" }, "wharf": { "policy": { "scripts": ["npm:native"] } } }),
    );
    fixture.run(&["sync"]).success();
    // What stands behind is handed to the last command of the line.
    let once = "build native\nbuilt";
    assert_eq!(
        fixture.read("node_modules/native/trace.txt"),
        format!("{once} x\ncow\n{once} y\n")
    );
}

#[test]
fn usual_scripts_that_nobody_wrote() {
    let registry = NpmRegistry::start();
    let mut fixture = without_npm(
        &registry,
        &json!({ "scripts": { "stop": "echo stop", "again": "npm restart" } }),
    );
    fixture.fake_node("22.12.0");
    program(&fixture.programs().join("node"), "#!/bin/sh\necho node \"$@\"\n");
    fixture.write("server.js", "");
    fixture.set("WHARF_NO_SYNC", "1");
    assert_eq!(
        fixture.run(&["run", "again"]).success().stdout,
        "stop\nnode server.js\n"
    );
}
