//! What was asked yesterday holds today: an extra that `sync` installed stays when `run` or `add` sync on their way.

use wharf_testkit::{Fixture, Package, Registry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

fn case() -> (Registry, Fixture) {
    let registry = Registry::start();
    for name in ["a", "b", "c"] {
        Package::new(name, "1.0").publish(&registry);
    }
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"p\"\n\n[pypi]\na = \"*\"\n\n[extras.more.pypi]\nb = \"*\"\n",
    );
    (registry, fixture)
}

#[test]
fn run_and_add_keep_the_extras_that_were_synced() {
    let (_registry, fixture) = case();
    fixture.run(&["sync", "--extra", "more"]).success();
    fixture
        .run(&["run", "--", "python", "-c", "import a, b"])
        .success();
    fixture.run(&["add", "pypi:c"]).success();
    fixture.python("import a, b, c").success();
    // A plain sync says what it wants: the default selection.
    fixture.run(&["sync"]).success();
    assert!(!fixture.python("import b").status.success());
}

#[test]
fn damaged_memory_costs_the_flags_and_nothing_else() {
    let (_registry, fixture) = case();
    fixture.run(&["sync", "--extra", "more"]).success();
    fixture.write(".wharf/asked.json", "{ not json");
    fixture.run(&["run", "--", "python", "-c", "import a"]).success();
}

#[test]
fn run_starts_the_command_in_the_folder_that_is_named() {
    let (_registry, fixture) = case();
    fixture.write(
        "sub/wharf.toml",
        "[project]\nname = \"sub\"\n\n[pypi]\na = \"*\"\n",
    );
    fixture.write("sub/here.py", "import a\n");
    fixture
        .run(&["-C", "sub", "run", "--", "python", "-m", "here"])
        .success();
}
