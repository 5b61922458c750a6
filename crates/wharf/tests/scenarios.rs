//! Every scenario of `tests/scenarios/pypi` through the real binary.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use wharf_testkit::{Fixture, Package, Registry, Scenario};

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

/// A lock of local archives says nothing about this machine: it serves wherever the project lies.
#[test]
fn local_archives_are_locked_by_their_place_in_the_project() {
    let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    fixture.set("PIP_NO_INDEX", "1");
    for name in ["linked", "direct"] {
        for (file, bytes) in Package::new(name, "1.0").build() {
            let folder = fixture.project().join(name);
            std::fs::create_dir_all(&folder).expect("the project can be written");
            std::fs::write(folder.join(file), bytes).expect("the project can be written");
        }
    }
    fixture.write(
        "wharf.toml",
        "[pypi]\nlinked = \"*\"\ndirect = { path = \"direct/direct-1.0-py3-none-any.whl\" }\n[options]\nfind-links = [\"linked\"]\n",
    );
    fixture.run(&["lock"]).success();
    let lock = fixture.read("wharf.lock");
    let place = std::fs::canonicalize(fixture.project()).expect("the project is there");
    assert!(
        !lock.contains(&place.display().to_string()) && !lock.contains("file:"),
        "{lock}"
    );
    let moved = fixture.home().join("elsewhere");
    std::fs::rename(fixture.project(), &moved).expect("a folder can be moved");
    let mut command = fixture.isolated(env!("CARGO_BIN_EXE_wharf"));
    command.current_dir(&moved).args(["sync", "--locked"]);
    fixture.finish(command).success();
    let mut command = fixture.isolated(moved.join(".venv/bin/python"));
    command.current_dir(&moved).args(["-c", "import linked, direct"]);
    fixture.finish(command).success();
    std::fs::rename(&moved, fixture.project()).expect("a folder can be moved back");
    // Moved once more, the environment is made anew where it now lies.
    fixture.run(&["sync", "--locked"]).success();
    fixture.python("import linked, direct").success();
}
