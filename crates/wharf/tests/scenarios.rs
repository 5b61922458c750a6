//! Every scenario of `tests/scenarios/pypi` through the real binary.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use wharf_testkit::{Fixture, Registry, Scenario};

#[test]
fn every_scenario_comes_out_as_it_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/pypi");
    let scenarios = Scenario::load_all(&directory).expect("the scenarios can be read");
    let failures: Vec<_> = scenarios
        .iter()
        .filter_map(|(name, scenario)| {
            judge(scenario)
                .err()
                .map(|why| format!("{name}: {}\n{why}", scenario.what))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} fail\n\n{}",
        failures.len(),
        scenarios.len(),
        failures.join("\n\n")
    );
}

fn judge(scenario: &Scenario) -> Result<(), String> {
    let registry = Registry::start();
    scenario.publish(&registry);
    let fixture = Fixture::with_registry(env!("CARGO_BIN_EXE_wharf"), &registry);
    if !scenario.project.locked.is_empty() {
        let mut before = scenario.clone();
        before
            .project
            .constraints
            .extend(scenario.project.locked.iter().map(|pin| pin.replace(' ', "==")));
        // What the lock had is not what the project asks for now.
        before.project.requires = scenario.project.requires.iter().map(|text| bare(text)).collect();
        fixture.write("wharf.toml", &before.manifest());
        let finished = fixture.run(&["lock"]);
        if !finished.status.success() {
            return Err(format!("the lock before: {finished}"));
        }
    }
    fixture.write("wharf.toml", &scenario.manifest());
    let mut arguments = vec!["lock"];
    if let Some(moment) = &scenario.project.exclude_newer {
        arguments.extend(["--exclude-newer", moment]);
    }
    let finished = fixture.run(&arguments);
    if scenario.expect.fails.is_empty() {
        if !finished.status.success() {
            return Err(finished.to_string());
        }
        let expected: BTreeSet<_> = scenario.expect.packages.iter().cloned().collect();
        let found = locked(&fixture.read("wharf.lock"));
        return if found == expected {
            Ok(())
        } else {
            Err(format!("expected {expected:?}\nfound    {found:?}"))
        };
    }
    if finished.status.success() {
        return Err(format!("succeeds with {:?}", locked(&fixture.read("wharf.lock"))));
    }
    let silent: Vec<_> = scenario
        .expect
        .fails
        .iter()
        .filter(|word| !finished.stderr.contains(word.as_str()))
        .collect();
    if silent.is_empty() {
        Ok(())
    } else {
        Err(format!("no word of {silent:?}\n{finished}"))
    }
}

/// A requirement without its versions.
fn bare(requirement: &str) -> String {
    let end = requirement
        .find(['<', '>', '=', '~', '!'])
        .unwrap_or(requirement.len());
    requirement[..end].trim().to_owned()
}

fn locked(text: &str) -> BTreeSet<String> {
    let lock: Value = toml::from_str(text).expect("a lockfile is TOML");
    let packages = lock["package"].as_array().expect("a lockfile lists packages");
    let word = |package: &Value, key: &str| package[key].as_str().expect("a package has this key").to_owned();
    packages
        .iter()
        .map(|package| {
            format!(
                "{} {}",
                word(package, "name").trim_start_matches("pypi:"),
                word(package, "version")
            )
        })
        .collect()
}
