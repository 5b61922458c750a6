//! One project with a Python part and an npm part: one manifest, one lock, one sync, one generation.

use serde_json::json;
use wharf_testkit::{Fault, Fixture, NpmRegistry, Package, Registry, Times};

use crate::{BINARY, installed, release, says, state, tells, write_json};

struct Case {
    pypi: Registry,
    npm: NpmRegistry,
    fixture: Fixture,
}

fn case() -> Case {
    let (pypi, npm) = (Registry::start(), NpmRegistry::start());
    Package::new("service", "1.0").dep("base").publish(&pypi);
    Package::new("base", "1.0").publish(&pypi);
    release("front", "1.0.0").dep("lib", "*").publish(&npm);
    release("lib", "1.0.0").publish(&npm);
    let mut fixture = Fixture::with_registry(BINARY, &pypi);
    fixture.use_npm_registry(&npm);
    fixture.fake_node("22.12.0");
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[pypi]\nservice = \"*\"\n\n[npm]\nfront = \"^1.0.0\"\n",
    );
    Case { pypi, npm, fixture }
}

fn generation(fixture: &Fixture) -> u64 {
    let finished = fixture.run(&["sync", "--format", "json"]).success();
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    report["result"]["generation"].as_u64().expect("it is a number")
}

#[test]
fn a_first_npm_package_is_nothing_that_was_to_be_upgraded() {
    let case = case();
    let fixture = &case.fixture;
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[pypi]\nservice = \"*\"\n",
    );
    fixture.run(&["sync"]).success();
    let finished = fixture.run(&["add", "npm:front"]).success();
    assert!(!finished.stderr.contains("warning:"), "{finished}");
    assert!(fixture.has("node_modules/front/index.js"));
}

#[test]
fn one_sync_makes_both_parts_in_one_generation() {
    let Case { pypi, npm, fixture } = case();
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &[
            "+ npm:front 1.0.0",
            "+ npm:lib 1.0.0",
            "+ pypi:base 1.0",
            "+ pypi:service 1.0",
        ],
    );
    fixture.python("import service, base").success();
    assert!(fixture.has("node_modules/front/index.js"));
    let first = generation(&fixture);
    npm.clear_log();
    let asked = pypi.log().len();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    assert_eq!((npm.log().len(), pypi.log().len()), (0, asked));
    let listed = fixture.run(&["list"]).success().stdout;
    assert!(
        listed.contains("npm:front") && listed.contains("pypi:service"),
        "{listed}"
    );
    let listed = fixture.run(&["list", "--ecosystem", "pypi"]).success().stdout;
    assert!(
        !listed.contains("npm:") && listed.contains("pypi:base"),
        "{listed}"
    );
    let tree = fixture.run(&["tree", "--ecosystem", "npm"]).success().stdout;
    assert!(tree.contains("npm:lib") && !tree.contains("pypi:"), "{tree}");
    // One change of one part is one generation more.
    release("more", "1.0.0").publish(&npm);
    fixture.run(&["add", "npm:more"]).success();
    assert_eq!(generation(&fixture), first + 1);
    fixture.python("import service").success();
    fixture.run(&["remove", "pypi:service"]).success();
    assert_eq!(generation(&fixture), first + 2);
    assert!(fixture.has("node_modules/more/index.js"));
    assert!(!fixture.has(".venv"), "nothing of Python is asked for any more");
}

#[test]
fn a_failure_of_one_part_leaves_both() {
    let Case { pypi, npm, fixture } = case();
    fixture.run(&["sync"]).success();
    let before = (
        fixture.digest("node_modules"),
        fixture.digest(".venv"),
        fixture.read("wharf.lock"),
    );
    Package::new("extra", "1.0").publish(&pypi);
    release("broken", "1.0.0").publish(&npm);
    npm.fault("/broken/-/broken-1.0.0.tgz", Fault::Corrupt, Times::Always);
    let manifest = fixture.read("wharf.toml");
    let added =
        manifest.replace("service = \"*\"\n", "service = \"*\"\nextra = \"*\"\n") + "broken = \"*\"\n";
    fixture.write("wharf.toml", &added);
    says(&fixture.run(&["sync"]), 5, &["broken@1.0.0"]);
    assert_eq!(fixture.digest("node_modules"), before.0);
    assert_eq!(fixture.digest(".venv"), before.1);
    // The same where the lock itself fails.
    fixture.write("wharf.toml", &manifest);
    fixture.run(&["sync"]).success();
    let lock = fixture.read("wharf.lock");
    assert_eq!(lock, before.2);
    says(
        &fixture.run(&["add", "pypi:extra", "npm:nowhere"]),
        3,
        &["`nowhere`"],
    );
    assert_eq!(
        (fixture.read("wharf.toml"), fixture.read("wharf.lock")),
        (manifest, lock)
    );
}

#[test]
fn both_parts_need_no_network_when_warm() {
    let Case { pypi, npm, fixture } = case();
    fixture.run(&["sync"]).success();
    for folder in [".venv", "node_modules"] {
        std::fs::remove_dir_all(fixture.project().join(folder)).expect("it is ours");
    }
    let asked = (pypi.log().len(), npm.log().len());
    fixture.run(&["sync", "--offline"]).success();
    fixture.python("import service").success();
    assert!(fixture.has("node_modules/front/index.js"));
    assert_eq!((pypi.log().len(), npm.log().len()), asked);
}

#[test]
fn a_change_of_one_part_solves_that_part_alone() {
    let Case { pypi, npm, fixture } = case();
    fixture.run(&["lock"]).success();
    Package::new("service", "2.0").dep("base").publish(&pypi);
    release("front", "1.5.0").publish(&npm);
    let asked = pypi.log().len();
    let manifest = fixture.read("wharf.toml");
    fixture.write("wharf.toml", &manifest.replace("^1.0.0", ">=1.0.0"));
    fixture.run(&["lock", "--cache", "fresh"]).success();
    assert_eq!(pypi.log().len(), asked, "Python's part was not asked about");
    let lock = fixture.read("wharf.lock");
    assert!(!lock.contains("1.5.0") && !lock.contains("\"2.0\""), "{lock}");
    fixture
        .run(&["lock", "--cache", "fresh", "-P", "npm:front"])
        .success();
    let lock = fixture.read("wharf.lock");
    assert!(lock.contains("1.5.0") && !lock.contains("\"2.0\""), "{lock}");
}

#[test]
fn the_same_name_in_both_ecosystems_is_two_packages() {
    let Case { pypi, npm, fixture } = case();
    Package::new("twin", "1.0").publish(&pypi);
    release("twin", "2.0.0").publish(&npm);
    fixture.run(&["add", "pypi:twin", "npm:twin"]).success();
    let why = fixture.run(&["why", "npm:twin"]).success().stdout;
    assert!(why.contains("npm:twin 2.0.0") && !why.contains("pypi"), "{why}");
    fixture.run(&["remove", "npm:twin"]).success();
    assert!(!fixture.has("node_modules/twin"));
    fixture.python("import twin").success();
}

#[test]
fn a_package_json_beside_python_is_one_project() {
    let Case {
        npm: _npm,
        pypi: _pypi,
        fixture,
    } = case();
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[pypi]\nservice = \"*\"\n",
    );
    state(
        &fixture,
        &json!({ "name": "web", "dependencies": { "front": "*" }, "scripts": { "hi": "echo hi" } }),
    );
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ["front 1.0.0", "lib 1.0.0"]);
    assert_eq!(fixture.run(&["run", "hi"]).success().stdout, "hi\n");
    // Both on one PATH.
    let finished = fixture
        .run(&["run", "--", "sh", "-c", "command -v python"])
        .success();
    assert_eq!(finished.stdout, "[PROJECT]/.venv/bin/python\n");
    // The same requirement twice is named with both places.
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[npm]\nfront = \"^1\"\n",
    );
    says(
        &fixture.run(&["lock"]),
        2,
        &["front", "wharf.toml:5", "package.json:3"],
    );
}

#[test]
fn a_web_front_end_in_a_folder_of_a_python_project() {
    let Case {
        npm: _npm,
        pypi: _pypi,
        fixture,
    } = case();
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[pypi]\nservice = \"*\"\n\n[workspace]\nmembers = [\"web\"]\n",
    );
    write_json(
        &fixture,
        "web/package.json",
        &json!({ "name": "web", "version": "1.0.0", "dependencies": { "front": "*" } }),
    );
    fixture.run(&["sync"]).success();
    assert!(fixture.has("web/node_modules/front/index.js") && fixture.has(".venv/bin/python"));
    tells(&fixture.run(&["-C", "web", "sync"]).success(), &["Nothing to do"]);
    fixture
        .run(&["-C", "web", "run", "--", "python", "-c", "import service"])
        .success();
}

#[test]
fn a_part_that_goes_takes_its_folder_along() {
    let Case {
        npm: _npm,
        pypi: _pypi,
        fixture,
    } = case();
    fixture.run(&["sync"]).success();
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"both\"\n\n[pypi]\nservice = \"*\"\n",
    );
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["- npm:front 1.0.0"]);
    assert!(!fixture.has("node_modules"));
    fixture.python("import service").success();
    assert!(
        !fixture.read("wharf.lock").contains("npm"),
        "{}",
        fixture.read("wharf.lock")
    );
}
