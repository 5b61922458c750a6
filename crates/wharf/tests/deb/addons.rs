//! Node of a project's Debian packages, and addons of npm packages that are built against these: real repositories and archives, with
//! shell scripts in the place of Node and node-gyp.
//!
//! Which Node is locked is asked everywhere; what is built, where the machine gives views.

use serde_json::{Value, json};
use wharf_testkit::{DebPackage, DebRepository, Finished, Fixture, NpmPackage, NpmRegistry};

/// A project with a registry and a repository of its own.
struct Case {
    fixture: Fixture,
    repository: DebRepository,
    _registry: NpmRegistry,
}

/// Runs a file as a shell does.
const NODE: &str =
    "#!/bin/sh\ncase $1 in -v|--version) echo v18.20.4;; *) file=$1; shift; . \"$file\";; esac\n";
/// Says what it was told, and reads what it needs.
const GYP: &str = "read settings < \"$npm_config_nodedir/include/node/common.gypi\"\nread own < /usr/include/own.h\n\
                   echo \"$1 with $npm_config_nodedir: $settings, $own\" > built.txt\n";

impl Case {
    /// One whose manifests end with these.
    fn new(packages: &str, npm: &Value) -> Self {
        let registry = NpmRegistry::start();
        NpmPackage::new("addon", "1.0.0")
            .file("binding.gyp", "{}")
            .field("hasInstallScript", true)
            .publish(&registry);
        let mut fixture = Fixture::with_npm_registry(env!("CARGO_BIN_EXE_wharf"), &registry);
        fixture.fake_node("22.12.0");
        let repository = DebRepository::start();
        publish(&repository);
        let case = Self {
            fixture,
            repository,
            _registry: registry,
        };
        case.state(packages, npm);
        case
    }

    fn state(&self, packages: &str, npm: &Value) {
        let keys = self.repository.write_keys("stable", self.fixture.project());
        let keys = keys
            .file_name()
            .expect("it is a file")
            .to_string_lossy()
            .into_owned();
        self.fixture.write(
            "wharf.toml",
            &format!(
                "[policy]\nscripts = [\"npm:addon\"]\n[external]\n\"npm:addon\" = [\"dep:generic/own\"]\n\
                 \"dep:generic/own\" = {{ deb = {{ host = \"libown-dev\", run = \"libown\" }} }}\n\
                 [deb]\nsuite = \"stable\"\nsources = \"none\"\npackages = [{packages}]\n\
                 [[deb.repository]]\nuri = \"{}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nsigned-by = \"{keys}\"\n",
                self.repository.root_url(),
            ),
        );
        self.fixture.write("package.json", &format!("{npm:#}\n"));
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.fixture.run(arguments)
    }

    /// The Node of the lock.
    fn locked(&self) -> String {
        let lock: toml::Table = self.fixture.read("wharf.lock").parse().expect("a lock is TOML");
        let node = lock["npm"]["node"].as_table().expect("a Node is locked");
        let files = node
            .get("files")
            .and_then(toml::Value::as_array)
            .map_or(0, Vec::len);
        assert_eq!(files, 0, "nothing is fetched for it");
        node["version"].as_str().unwrap_or_default().to_owned()
    }
}

/// What a suite has for addons.
fn publish(repository: &DebRepository) {
    DebPackage::host_shell().publish(repository);
    for name in [
        "python3",
        "make",
        "gcc",
        "g++",
        "libc6-dev",
        "libatomic1",
        "libstdc++6",
        "libown",
    ] {
        DebPackage::new(name, "1").publish(repository);
    }
    DebPackage::new("nodejs", "18.20.4+dfsg-1~deb12u3")
        .native()
        .program("/usr/bin/node", NODE)
        .publish(repository);
    DebPackage::new("libnode-dev", "18.20.4+dfsg-1~deb12u3")
        .file("/usr/include/node/node_version.h", "")
        .file("/usr/include/node/common.gypi", "settings of 18\n")
        .publish(repository);
    DebPackage::new("node-gyp", "9.3.0-2")
        .depends("nodejs, libnode-dev")
        .file("/usr/share/nodejs/node-gyp/bin/node-gyp.js", GYP)
        .publish(repository);
    DebPackage::new("libown-dev", "1")
        .depends("libown")
        .file("/usr/include/own.h", "own header\n")
        .publish(repository);
    DebPackage::new("needs-node", "1")
        .depends("nodejs")
        .publish(repository);
}

fn views() -> bool {
    wharf_sys::view::support().is_there()
}

fn needs() -> Value {
    json!({ "name": "x", "dependencies": { "addon": "*" } })
}

fn needs_node(range: &str) -> Value {
    json!({ "name": "x", "dependencies": { "addon": "*" }, "engines": { "node": range } })
}

#[test]
fn debians_node_is_the_projects_and_addons_are_built_against_it() {
    let case = Case::new("\"nodejs\"", &needs());
    case.run(&["lock"]).success();
    assert_eq!(case.locked(), "18.20.4");
    if !views() {
        return;
    }
    let finished = case.run(&["sync"]).success();
    assert_eq!(
        case.fixture.read("node_modules/addon/built.txt"),
        "rebuild with /usr: settings of 18, own header\n",
        "{finished}"
    );
    assert_eq!(
        case.run(&["run", "--", "node", "-v"]).success().stdout,
        "v18.20.4\n"
    );
    let inside = |path: &str| {
        case.fixture
            .project()
            .join(".wharf/system/root")
            .join(path)
            .exists()
    };
    assert!(
        inside("usr/bin/node") && !inside("usr/include/own.h"),
        "what only builds need is not there later"
    );
    assert!(case.run(&["sync"]).success().stderr.contains("Nothing to do"));
    let why = case.run(&["why", "deb:libown"]).success();
    assert!(
        why.stdout.contains("npm:addon") && why.stdout.contains("wharf.toml:4"),
        "{why}"
    );
}

#[test]
fn another_node_gets_no_node_gyp_of_debians() {
    let case = Case::new("\"node-gyp\"", &needs_node(">=20"));
    case.run(&["lock"]).success();
    assert_eq!(case.locked(), "22.12.0");
    if !views() {
        return;
    }
    let finished = case.run(&["sync"]);
    assert!(!finished.status.success(), "{finished}");
    for word in [
        "node-gyp: not found",
        "`wharf add --dev npm:node-gyp`",
        "(22.12.0)",
        "`wharf add deb:nodejs`",
    ] {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
    // One that came with npm, and headers, beside Node.
    let prefix = case
        .fixture
        .programs()
        .parent()
        .expect("it is below the home")
        .to_owned();
    let put = |path: &str, text: &str| {
        let path = prefix.join(path);
        std::fs::create_dir_all(path.parent().expect("it is below a folder"))
            .expect("the home can be written");
        std::fs::write(path, text).expect("the home can be written");
    };
    put("include/node/node_version.h", "");
    put("include/node/common.gypi", "settings of 22\n");
    put("lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js", "");
    case.run(&["sync"]).success();
}

#[test]
fn a_node_of_debian_that_is_asked_for_has_to_fit() {
    let case = Case::new("\"nodejs\"", &needs_node(">=20"));
    let finished = case.run(&["lock"]);
    assert_eq!(finished.code(), Some(2), "{finished}");
    for word in [
        "has to be >=20",
        "package.json:",
        "stable's nodejs",
        "is 18.20.4",
        "take `nodejs` out at wharf.toml:9",
    ] {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
    // One that only comes along makes room.
    case.state("\"needs-node\"", &needs_node(">=20"));
    case.run(&["lock"]).success();
    assert_eq!(case.locked(), "22.12.0");
    case.state("\"needs-node\"", &needs());
    case.run(&["lock"]).success();
    assert_eq!(case.locked(), "18.20.4");
    case.run(&["lock", "--check"]).success();
}
