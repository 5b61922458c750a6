//! What sources say themselves that they need of the system: locked, said with its place, and second to what the project says.

use wharf_testkit::{DebPackage, Package, Registry};

use crate::{Case, views};

/// A project of Python whose one package is built from source, and says this about itself.
fn case(own: &str, more: &str) -> (Registry, Case) {
    let registry = Registry::start();
    Package::new("native", "1.0")
        .sdist()
        .pyproject(own)
        .publish(&registry);
    let mut case = Case::with(&[], &manifest(more));
    case.fixture.use_registry(&registry);
    DebPackage::new("python3", "3.11.2-1")
        .depends("python3.11")
        .publish(&case.repository);
    for (name, version) in [("python3.11", "3.11.2-6"), ("libc6", "2.36-9")] {
        DebPackage::new(name, version).native().publish(&case.repository);
    }
    for name in [
        "python3-dev",
        "gcc",
        "g++",
        "libc6-dev",
        "make",
        "libown",
        "libother",
        "libstdc++6",
    ] {
        DebPackage::new(name, "1").publish(&case.repository);
    }
    for name in ["libown", "libother"] {
        DebPackage::new(&format!("{name}-dev"), "1")
            .depends(name)
            .publish(&case.repository);
    }
    (registry, case)
}

fn manifest(more: &str) -> String {
    format!(
        "\n[pypi]\nnative = \"*\"\n[external]\n\
         \"dep:generic/own\" = {{ deb = {{ host = \"libown-dev\", run = \"libown\" }} }}\n\
         \"dep:generic/other\" = {{ deb = {{ host = \"libother-dev\", run = \"libother\" }} }}\n{more}"
    )
}

/// Whether a lock has a Debian package.
fn has(lock: &str, name: &str) -> bool {
    lock.contains(&format!("name = \"{name}\"\n"))
}

fn locked(case: &Case) -> String {
    let finished = case.run(&["lock"]);
    assert!(finished.status.success(), "{finished}");
    case.lock()
}

#[test]
fn a_source_says_itself_what_it_needs() {
    if !views() {
        return;
    }
    let (_registry, case) = case("[external]\nhost-requires = [\"dep:generic/own\"]\n", "");
    let lock = locked(&case);
    assert!(has(&lock, "libown-dev") && !has(&lock, "gcc"), "{lock}");
    let why = case.run(&["why", "deb:libown"]);
    assert!(
        why.stdout
            .contains("native runs with dep:generic/own (native's pyproject.toml:6)"),
        "{why}"
    );
    assert!(case.run(&["lock", "--check"]).status.success());
    // Where the source is not at hand, the lock stands as it is, and nothing is fetched for it.
    case.fixture.forget().expect("the caches are ours");
    assert_eq!(locked(&case), lock);
    // The lock does not depend on what was locked before.
    std::fs::remove_file(case.fixture.project().join("wharf.lock")).expect("it is there");
    case.fixture.forget().expect("the caches are ours");
    assert_eq!(locked(&case), lock);
}

#[test]
fn what_the_project_says_counts_first() {
    if !views() {
        return;
    }
    let own = "[external]\nhost-requires = [\"dep:generic/own\"]\n";
    let (_registry, case) = case(own, "");
    locked(&case);
    case.manifest(&[], &manifest("\"pypi:native\" = [\"dep:generic/other\"]\n"));
    let lock = locked(&case);
    assert!(has(&lock, "libother-dev") && !has(&lock, "libown"), "{lock}");
    assert!(
        has(&lock, "gcc"),
        "nothing is said of what it is built with: {lock}"
    );
    let why = case.run(&["why", "deb:libother"]);
    assert!(why.stdout.contains("dep:generic/other (wharf.toml:"), "{why}");
    case.manifest(&[], &manifest(""));
    assert!(has(&locked(&case), "libown"));
}

#[test]
fn a_need_counts_where_its_marker_holds_and_what_cannot_be_read_is_passed_over() {
    if !views() {
        return;
    }
    let own = "[external]\nhost-requires = [\"dep:generic/own; platform_system == 'Linux'\", \"dep:generic/other; platform_system == 'Windows'\"]\n";
    let (_registry, marked) = case(own, "");
    let lock = locked(&marked);
    assert!(has(&lock, "libown-dev") && !has(&lock, "libother"), "{lock}");
    let (_registry, odd) = case("[external]\nbuild-tools = [\"dep:generic/own\"]\n", "");
    let finished = odd.run(&["lock"]);
    assert!(finished.status.success(), "{finished}");
    assert!(finished.stderr.contains("native's pyproject.toml"), "{finished}");
    let lock = odd.lock();
    assert!(
        has(&lock, "gcc") && !has(&lock, "libown"),
        "what no table knows gets compilers: {lock}"
    );
}
