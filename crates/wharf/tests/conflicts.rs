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
      a: both versions (1.0 and 2.0) are for Python >=3.12 or stricter

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
      a: 1.0 is newer than exclude-newer 2024-01-02T00:00:00Z (wharf.toml:8) allows

    hint: without exclude-newer 2024-01-02T00:00:00Z (wharf.toml:8) it would be a 1.0: change it at wharf.toml:8, or pass `--exclude-newer` with a later date
    ");
}

#[test]
fn the_explanation_is_there_as_data() {
    let registry = Registry::start();
    Package::new("a", "1.0").dep("c<2").publish(&registry);
    Package::new("c", "1.5").publish(&registry);
    Package::new("c", "2.0").publish(&registry);
    let fixture = Fixture::with_registry(env!("CARGO_BIN_EXE_wharf"), &registry);
    fixture.write(
        "wharf.toml",
        "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\na = \"*\"\nc = \">=2\"\n",
    );
    let finished = fixture.run(&["lock", "--format", "json"]).failure(3);
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let details = &document["error"]["details"];
    assert_eq!(details["at_fault"][1]["origin"], "wharf.toml:6", "{details}");
    assert_eq!(details["at_fault"][1]["requirement"], "c >=2");
    assert_eq!(
        details["story"][0]["text"],
        "a: 1.0 needs c <2, excluded by c >=2 (wharf.toml:6)"
    );
    assert_eq!(details["suggestions"][0]["kind"], "relax");
}

#[test]
fn a_name_that_nobody_knows() {
    let registry = Registry::start();
    Package::new("requests", "2.0").publish(&registry);
    let fixture = Fixture::with_registry(env!("CARGO_BIN_EXE_wharf"), &registry);
    fixture.write(
        "wharf.toml",
        "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\nrequests = \"*\"\nrequets = \"*\"\n",
    );
    let stderr = fixture.run(&["lock"]).failure(3).stderr;
    assert!(stderr.contains("\n  there is no package `requets`: "), "{stderr}");
    assert!(
        stderr.contains("hint: did you mean `requests` instead of `requets`?"),
        "{stderr}"
    );
}

#[test]
fn files_without_a_date_are_named_once_under_a_cutoff() {
    let registry = Registry::start();
    Package::new("a", "1.0").dep("b").publish(&registry);
    Package::new("b", "1.0").publish(&registry);
    let fixture = Fixture::with_registry(env!("CARGO_BIN_EXE_wharf"), &registry);
    fixture.write(
        "wharf.toml",
        "[project]\ntargets = [\"linux-x86_64-py3.11\"]\n\n[pypi]\na = \"*\"\n\n[policy]\ncooldown = \"7d\"\n",
    );
    let stderr = fixture.run(&["lock"]).success().stderr;
    let warning = "a and 1 more package have no upload time on the index: the cooldown of 7d (wharf.toml:8) does not hold them back";
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
}
