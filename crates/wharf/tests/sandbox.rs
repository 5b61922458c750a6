//! Builds in the sandbox that this machine gives: what a backend reaches, what it hears, what a project can ask for.
//!
//! How strong it is, the command says itself (`-v`); what is reached has to agree with that on every machine.

use std::net::TcpListener;
use std::process::Command;

use wharf_testkit::{Finished, Fixture, Package};

/// What a backend tries, as the error with which it fails.
const PROBES: &str = r#"
import os, pathlib, socket, tempfile
def works(action):
    try:
        action()
        return "yes"
    except OSError:
        return "no"
here = pathlib.Path(__file__).parent
try:
    (pathlib.Path("PROJECT") / "written").write_text("x")
except OSError:
    pass
raise RuntimeError(" ".join(f"{name}={works(action)}" for name, action in {
    "network": lambda: socket.create_connection(("127.0.0.1", PORT), 5).close(),
    "secret": lambda: pathlib.Path("HOME/.netrc").read_text(),
    "own": lambda: (here / "made").write_text("x"),
    "temporary": lambda: tempfile.mkdtemp(),
    "system": lambda: pathlib.Path("/etc/passwd").read_text(),
}.items()))
"#;

/// A project whose only package tries what it can reach when it is built.
struct Case {
    fixture: Fixture,
    _listener: TcpListener,
}

impl Case {
    fn new(policy: &str) -> Self {
        let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
        fixture.set("PIP_NO_INDEX", "1");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let package = Package::new("near", "1.0").file("near/__init__.py", "");
        let folder = fixture.project().join("near");
        package
            .write_source_tree(&folder)
            .expect("the project can be written");
        let probes = PROBES
            .replace("PORT", &port.to_string())
            .replace("PROJECT", &fixture.project().display().to_string())
            .replace("HOME", &fixture.home().display().to_string());
        fixture.write("near/testkit_backend.py", &probes);
        fixture.write(
            "wharf.toml",
            &format!("[pypi]\nnear = {{ path = \"near\" }}\n{policy}"),
        );
        std::fs::write(fixture.home().join(".netrc"), "").expect("the home can be written");
        Self {
            fixture,
            _listener: listener,
        }
    }

    fn reached(&self, finished: &Finished) -> String {
        let line = finished.stderr.lines().find_map(|line| {
            let (_, probes) = line.split_once("RuntimeError: network=")?;
            Some(format!("network={probes}"))
        });
        let line = line.unwrap_or_else(|| panic!("{finished}"));
        // The project lies among temporary files, of which a sandbox has its own: only what is seen outside counts.
        let written = if self.fixture.has("written") { "yes" } else { "no" };
        format!("{line} outside={written}")
    }
}

/// What is reached in the sandbox that the command says it has.
fn expected(finished: &Finished) -> &'static str {
    let said = |words: &str| finished.stderr.contains(&format!("builds run {words}"));
    if said("without network, and write only into their own folders") {
        "network=no secret=no own=yes temporary=yes system=yes outside=no"
    } else if said("without network, and can read and write what you can") {
        "network=no secret=yes own=yes temporary=yes system=yes outside=yes"
    } else {
        assert!(said("without a sandbox"), "{finished}");
        "network=yes secret=yes own=yes temporary=yes system=yes outside=yes"
    }
}

#[test]
fn a_backend_reaches_what_the_command_says_and_no_more() {
    let case = Case::new("");
    let finished = case.fixture.run(&["-v", "sync"]);
    assert!(!finished.status.success(), "{finished}");
    assert_eq!(case.reached(&finished), expected(&finished));
}

#[test]
fn a_project_or_a_variable_can_turn_it_off() {
    let all = "network=yes secret=yes own=yes temporary=yes system=yes outside=yes";
    let case = Case::new("[policy]\nsandbox = \"off\"\n");
    assert_eq!(case.reached(&case.fixture.run(&["sync"])), all);
    let mut case = Case::new("[policy]\nsandbox = \"required\"\n");
    case.fixture.set("WHARF_SANDBOX", "off");
    assert_eq!(case.reached(&case.fixture.run(&["sync"])), all);
}

#[test]
fn a_package_that_the_policy_names_has_the_network_and_no_more() {
    let case = Case::new("[policy]\nbuild-network = [\"pypi:near\"]\n");
    let finished = case.fixture.run(&["-v", "sync"]);
    assert_eq!(
        case.reached(&finished),
        expected(&finished).replace("network=no", "network=yes")
    );
    let said = finished
        .stderr
        .contains("; `build-network` gives it to pypi:near");
    assert_ne!(said, finished.stderr.contains("without a sandbox"), "{finished}");
}

#[test]
fn words_that_mean_nothing_are_refused() {
    let case = Case::new("[policy]\nsandbox = \"none\"\n");
    let finished = case.fixture.run(&["sync"]).failure(2);
    assert!(finished.stderr.contains("its values are"), "{finished}");
    let mut case = Case::new("");
    case.fixture.set("WHARF_SANDBOX", "none");
    let finished = case.fixture.run(&["sync"]).failure(2);
    assert!(
        finished.stderr.contains("its words are auto, required, off"),
        "{finished}"
    );
}

/// In a user namespace that may make no further ones, as in a container.
#[test]
fn where_user_namespaces_are_forbidden_the_fallback_holds() {
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let usable = |arguments: &[&str]| {
        let status = Command::new("unshare").args(arguments).status();
        status.is_ok_and(|status| status.success())
    };
    // Where they are forbidden already, the first test is this one.
    let nested = usable(&["-Ur", "sh", "-c", forbid, "sh", "true"]);
    let case = Case::new("");
    let mut command = if nested {
        let mut command = case.fixture.isolated("unshare");
        command.args(["-Ur", "sh", "-c", forbid, "sh", env!("CARGO_BIN_EXE_wharf")]);
        command
    } else {
        case.fixture.command()
    };
    command.args(["-v", "sync"]);
    let finished = case.fixture.finish(command);
    assert!(!finished.stderr.contains("(namespaces)"), "{finished}");
    assert_eq!(case.reached(&finished), expected(&finished));
    if nested && !finished.stderr.contains("(seccomp, Landlock)") {
        assert!(
            finished.stderr.contains("user namespaces cannot be created"),
            "{finished}"
        );
    }
}

#[test]
fn a_build_that_misses_the_network_hears_of_it() {
    let case = Case::new("");
    let backend = "import socket\nsocket.create_connection(('example.invalid', 80))\n";
    case.fixture.write("near/testkit_backend.py", backend);
    let finished = case.fixture.run(&["-v", "sync"]);
    let confined = !finished.stderr.contains("builds run without a sandbox");
    let told = finished.stderr.contains("hint: builds have no network");
    assert_eq!(told, confined, "{finished}");
}
