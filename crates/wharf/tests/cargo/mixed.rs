//! One project with parts of three ecosystems: one sync, one generation, one undo.

use serde_json::json;
use wharf_testkit::{CargoRegistry, Fixture, NpmPackage, NpmRegistry, Package, Registry};

use crate::{BINARY, release, tells, use_registry};

struct Case {
    _registries: (Registry, NpmRegistry, CargoRegistry),
    fixture: Fixture,
}

fn case() -> Case {
    let registries = (Registry::start(), NpmRegistry::start(), CargoRegistry::start());
    Package::new("service", "1.0").publish(&registries.0);
    NpmPackage::new("front", "1.0.0").publish(&registries.1);
    release("gadget", "1.0.0").bin("gadget").publish(&registries.2);
    let mut fixture = Fixture::with_registry(BINARY, &registries.0);
    fixture.use_npm_registry(&registries.1);
    fixture.fake_node("22.12.0");
    use_registry(&fixture, &registries.2);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"all\"\n\n[pypi]\nservice = \"*\"\n\n[npm]\nfront = \"^1.0.0\"\n\n[cargo]\ngadget = \"1\"\n",
    );
    Case {
        _registries: registries,
        fixture,
    }
}

#[test]
fn three_ecosystems_are_one_generation() {
    let Case { fixture, _registries } = case();
    let finished = fixture.run(&["sync"]).success();
    tells(
        &finished,
        &["+ cargo:gadget 1.0.0", "+ npm:front 1.0.0", "+ pypi:service 1.0"],
    );
    let generation = |fixture: &Fixture| {
        let finished = fixture.run(&["sync", "--format", "json"]).success();
        let report: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
        report["result"]["generation"].as_u64()
    };
    assert_eq!(generation(&fixture), Some(1));
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    assert_eq!(
        fixture.run(&["run", "--", "gadget"]).success().stdout,
        "gadget 1.0.0\n"
    );
    fixture.python("import service").success();
    fixture.run(&["remove", "cargo:gadget"]).success();
    assert_eq!(generation(&fixture), Some(2));
    assert!(!fixture.has(".wharf/bin") && fixture.has("node_modules/front"));
    fixture.python("import service").success();
}

#[test]
fn a_failure_of_the_tool_leaves_the_others_as_they_were() {
    let Case { fixture, _registries } = case();
    fixture.run(&["sync"]).success();
    let before = (
        fixture.digest("node_modules"),
        fixture.digest(".venv"),
        fixture.digest(".wharf/bin"),
    );
    Package::new("service", "2.0").publish(&_registries.0);
    release("gadget", "2.0.0")
        .bin("gadget")
        .file("src/bin/gadget.rs", "fn main() { nothing() }")
        .publish(&_registries.2);
    crate::forget_answers(&fixture);
    let manifest = fixture
        .read("wharf.toml")
        .replace("gadget = \"1\"", "gadget = \"2\"")
        .replace("service = \"*\"", "service = \">=2\"");
    fixture.write("wharf.toml", &manifest);
    assert_eq!(fixture.run(&["sync"]).code(), Some(4));
    let after = (
        fixture.digest("node_modules"),
        fixture.digest(".venv"),
        fixture.digest(".wharf/bin"),
    );
    assert_eq!(before, after);
}

#[test]
fn a_workspace_of_crates_stands_beside_npm_packages() {
    let Case { fixture, _registries } = case();
    release("base", "1.0.0").publish(&_registries.2);
    std::fs::remove_file(fixture.project().join("wharf.toml")).expect("it is there");
    fixture.write(
        "package.json",
        &json!({"name": "web", "dependencies": {"front": "^1.0.0"}}).to_string(),
    );
    crate::manifest(&fixture, "base = \"1\"\n");
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["+ cargo:base 1.0.0", "+ npm:front 1.0.0"]);
    assert!(fixture.read("wharf.lock").contains("front") && !fixture.read("wharf.lock").contains("base"));
    crate::cargo(&fixture, &["build", "--locked", "--offline"]).success();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
}
