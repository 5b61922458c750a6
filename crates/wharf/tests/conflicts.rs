//! Whole explanations as a user sees them, from real pages to the terminal.

use wharf_testkit::{Fixture, Package, Registry};

fn explained(registry: &Registry, manifest: &str) -> String {
    let fixture = Fixture::with_registry(env!("CARGO_BIN_EXE_wharf"), registry);
    fixture.write("wharf.toml", manifest);
    let finished = fixture.run(&["lock"]).failure(3);
    assert_eq!(finished.stdout, "");
    assert!(!fixture.has("wharf.lock"));
    finished.stderr
}

#[test]
fn two_packages_want_different_versions_of_a_third() {
    let registry = Registry::start();
    Package::new("a", "1.0").dep("c<2").publish(&registry);
    Package::new("b", "1.0").dep("c>=2").publish(&registry);
    Package::new("b", "0.9").dep("c").publish(&registry);
    Package::new("c", "1.5").publish(&registry);
    Package::new("c", "2.0").publish(&registry);
    let manifest = "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\na = \"*\"\nb = \">=1\"\n";
    insta::assert_snapshot!(explained(&registry, manifest), @r"
    error: these two requirements contradict each other on linux-x86_64-py3.11:
      a      wharf.toml:5
      b >=1  wharf.toml:6
    because
      a: 1.0 needs c <2, excluded by c >=2, which b 1.0 needs
      b >=1: 1.0 needs c >=2, excluded by c <2, which a 1.0 needs

    hint: change `b >=1` (wharf.toml:6) to admit 0.9
    ");
}

#[test]
fn nothing_fits_this_python() {
    let registry = Registry::start();
    Package::new("a", "2.0")
        .requires_python(">=3.13")
        .publish(&registry);
    Package::new("a", "1.0")
        .requires_python(">=3.12")
        .publish(&registry);
    let manifest = "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\na = \"*\"\n";
    insta::assert_snapshot!(explained(&registry, manifest), @r"
    error: nothing satisfies this requirement on linux-x86_64-py3.11:
      a  wharf.toml:5
    because
      a: all versions (1.0 – 2.0) are for Python >=3.13 or >=3.12

    hint: use Python 3.12: there it can be solved
    ");
}

#[test]
fn everything_is_younger_than_the_cooldown() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .uploaded("2099-01-01T00:00:00Z")
        .publish(&registry);
    let manifest = "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\na = \"*\"\n\n[policy]\nexclude-newer = \"2024-01-01\"\n";
    insta::assert_snapshot!(explained(&registry, manifest), @r"
    error: nothing satisfies this requirement on linux-x86_64-py3.11:
      a  wharf.toml:5
    because
      a: 1.0 is newer than exclude-newer 2024-01-02T00:00:00Z allows

    hint: without exclude-newer 2024-01-02T00:00:00Z it would be a 1.0
    ");
}
