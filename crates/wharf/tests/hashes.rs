//! Hashes in requirements files: only files that have one of them count, and all packages need one.

use wharf_testkit::{Fault, Fixture, Options, Package, Registry, Times, hex_digest};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");
const OTHER: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Case {
    _registry: Registry,
    fixture: Fixture,
    a: String,
    b: String,
}

fn case() -> Case {
    let registry = Registry::start();
    let (a, b) = (Package::new("a", "1.0").dep("b"), Package::new("b", "1.0"));
    let hash = |package: &Package| hex_digest(&package.build()[0].1);
    let (a_hash, b_hash) = (hash(&a), hash(&b));
    a.publish(&registry);
    Package::new("a", "1.1").dep("b").publish(&registry);
    b.publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    Case {
        _registry: registry,
        fixture,
        a: a_hash,
        b: b_hash,
    }
}

#[test]
fn the_file_with_the_hash_is_chosen_although_a_newer_one_exists() {
    let case = case();
    let text = format!(
        "a --hash=sha256:{}\nb==1.0 --hash=sha256:{OTHER} --hash=sha256:{}\n",
        case.a, case.b
    );
    case.fixture.write("requirements.txt", &text);
    case.fixture.run(&["sync"]).success();
    assert!(case.fixture.read("wharf.lock").contains("a-1.0-py3-none-any.whl"));
}

#[test]
fn a_hash_that_no_file_has_is_explained() {
    let case = case();
    let text = format!("a==1.0 --hash=sha256:{OTHER}\nb==1.0 --hash=sha256:{}\n", case.b);
    case.fixture.write("requirements.txt", &text);
    let finished = case.fixture.run(&["lock"]);
    assert_eq!(finished.status.code(), Some(3), "{finished}");
    assert!(
        finished
            .stderr
            .contains("has no file with a hash that requirements.txt:1 lists"),
        "{finished}"
    );
    assert!(!case.fixture.has("wharf.lock"));
}

#[test]
fn a_dependency_without_a_hash_is_refused_by_name() {
    let case = case();
    case.fixture
        .write("requirements.txt", &format!("a==1.0 --hash=sha256:{}\n", case.a));
    let finished = case.fixture.run(&["lock"]);
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(
        finished.stderr.contains("b 1.0, which it needs, has none"),
        "{finished}"
    );
    assert!(!case.fixture.has("wharf.lock"));
}

#[test]
fn files_of_an_index_without_hashes_are_locked_with_their_own() {
    let registry = Registry::start_with(Options {
        hashes: false,
        ..Options::default()
    });
    let package = Package::new("a", "1.0");
    let hash = hex_digest(&package.build()[0].1);
    package.publish(&registry);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write("wharf.toml", "[project]\nname = \"p\"\n\n[pypi]\na = \"*\"\n");
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    assert!(lock.contains(&format!("hash = \"sha256:{hash}\"")), "{lock}");
    // Other bytes under the same name are noticed from then on.
    registry.fault("/files/a/a-1.0-py3-none-any.whl", Fault::Corrupt, Times::Always);
    let finished = fixture.run(&["--store", "fresh-store", "sync", "--frozen"]);
    assert_eq!(finished.status.code(), Some(5), "{finished}");
}
