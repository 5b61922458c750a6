//! Activation scripts do in each shell what they promise, and leave no trace.

use std::process::Command;

use super::{Fixture, output, program, said};

/// Sources the script in a shell, looks, leaves, looks again.
fn session(shell: &str, script: &str) -> Option<String> {
    program(shell)?;
    let mut command = Command::new(shell);
    match shell {
        "nu" => command.args(["--no-config-file", "-c", script]),
        "fish" => command.args(["--no-config", "-c", script]),
        "tcsh" | "csh" => command.args(["-f", "-c", script]),
        "pwsh" => command.args(["-NoProfile", "-Command", script]),
        _ => command.args(["-c", script]),
    };
    Some(said(&mut command))
}

const ODD: [&str; 3] = ["plain", "it's a \"quoted\" $HOME", "späte !bang 工"];

#[test]
fn posix_shells_enter_and_leave() {
    for name in ODD {
        let Some(fixture) = Fixture::named(name) else {
            return;
        };
        fixture.install(&[]);
        let (root, activate) = (fixture.root(), fixture.bin("activate"));
        let quoted = format!("'{}'", activate.display().to_string().replace('\'', r"'\''"));
        for shell in ["sh", "bash", "dash", "zsh"] {
            // Strict options, as in people's scripts; PYTHONHOME must come back.
            let script = format!(
                "set -eu; before=$PATH; PYTHONHOME=/elsewhere; export PYTHONHOME; . {quoted}; . {quoted}\n\
                 echo \"$VIRTUAL_ENV|$VIRTUAL_ENV_PROMPT|$(command -v python)|${{PYTHONHOME-none}}\"\n\
                 python -c 'import sys; print(sys.prefix)'\n\
                 deactivate; [ \"$PATH\" = \"$before\" ] && echo \"back ${{VIRTUAL_ENV-none}} $PYTHONHOME\""
            );
            if let Some(seen) = session(shell, &script) {
                let root = root.display();
                assert_eq!(
                    seen,
                    format!("{root}|demo|{root}/bin/python|none\n{root}\nback none /elsewhere"),
                    "{shell}"
                );
            }
        }
    }
}

#[test]
fn fish_enters_and_leaves() {
    for name in ODD {
        let Some(fixture) = Fixture::named(name) else {
            return;
        };
        fixture.install(&[]);
        let quoted = fixture
            .bin("activate.fish")
            .display()
            .to_string()
            .replace('\\', r"\\")
            .replace('\'', r"\'");
        let script = format!(
            "set before $PATH; source '{quoted}'; source '{quoted}'; echo $VIRTUAL_ENV; command -v python; fish_prompt; echo; \
             deactivate; test (string join : $PATH) = (string join : $before); and echo back; set -q VIRTUAL_ENV; or echo none; functions -q deactivate; or echo gone"
        );
        let Some(seen) = session("fish", &script) else {
            return;
        };
        let root = fixture.root().display().to_string();
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(
            (lines[0], lines[1]),
            (root.as_str(), format!("{root}/bin/python").as_str())
        );
        assert!(lines[2].starts_with("(demo) "), "{seen}");
        assert!(seen.ends_with("back\nnone\ngone"), "{seen}");
    }
}

#[test]
fn csh_enters_and_leaves() {
    for name in ["plain", "it's späte 工"] {
        let Some(fixture) = Fixture::named(name) else {
            return;
        };
        fixture.install(&[]);
        let quoted = format!(
            "'{}'",
            fixture
                .bin("activate.csh")
                .display()
                .to_string()
                .replace('\'', r"'\''")
        );
        let script = format!(
            "set before = \"$PATH\"; source {quoted}; echo \"$VIRTUAL_ENV\"; which python; eval deactivate; \
             if (\"$PATH\" == \"$before\") echo back; if (! $?VIRTUAL_ENV) echo none"
        );
        let Some(seen) = session("tcsh", &script) else {
            return;
        };
        let root = fixture.root().display().to_string();
        assert_eq!(seen, format!("{root}\n{root}/bin/python\nback\nnone"));
    }
}

#[test]
fn nushell_enters() {
    for name in ODD {
        let Some(fixture) = Fixture::named(name) else {
            return;
        };
        fixture.install(&[]);
        // An overlay needs a literal path, and Nushell reads the double-quoted form as ours is written.
        let path = fixture
            .bin("activate.nu")
            .display()
            .to_string()
            .replace('\\', r"\\")
            .replace('"', "\\\"");
        let script = format!(
            "overlay use \"{path}\"; print $env.VIRTUAL_ENV; print (which python | get 0.path); print (do $env.PROMPT_COMMAND); deactivate; print ($env.VIRTUAL_ENV? | default none)"
        );
        let Some(seen) = session("nu", &script) else {
            return;
        };
        let root = fixture.root().display().to_string();
        assert_eq!(seen, format!("{root}\n{root}/bin/python\n(demo) \nnone"));
    }
}

#[test]
fn powershell_enters_and_leaves() {
    let Some(fixture) = Fixture::named("it's") else {
        return;
    };
    fixture.install(&[]);
    let quoted = format!(
        "'{}'",
        fixture
            .bin("activate.ps1")
            .display()
            .to_string()
            .replace('\'', "''")
    );
    let script =
        format!("$before = $env:PATH; . {quoted}; $env:VIRTUAL_ENV; deactivate; $env:PATH -eq $before");
    let Some(seen) = session("pwsh", &script) else {
        return;
    };
    assert_eq!(seen, format!("{}\nTrue", fixture.root().display()));
}

#[test]
fn a_running_python_enters() {
    let Some(fixture) = Fixture::named("it's späte") else {
        return;
    };
    let package = fixture.package("only_here", "1", &[("only_here.py", "")]);
    fixture.install(&[package]);
    let code = format!(
        "path = {:?}; exec(open(path).read(), {{'__file__': path}}); import only_here, os; print(os.environ['VIRTUAL_ENV'])",
        fixture.bin("activate_this.py").display().to_string()
    );
    let seen = output(Command::new(&fixture.python.base_executable).args(["-c", &code]));
    assert_eq!(
        String::from_utf8_lossy(&seen.stdout).trim(),
        fixture.root().display().to_string(),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
}
