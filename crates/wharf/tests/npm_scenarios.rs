//! Every scenario of `tests/scenarios/npm` through the real binary.

use std::path::Path;

use wharf_testkit::NpmScenario;

#[test]
fn every_npm_scenario_comes_out_as_it_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/npm");
    let scenarios = NpmScenario::load_all(&directory).expect("the scenarios can be read");
    let failures: Vec<_> = scenarios
        .iter()
        .filter_map(|(name, scenario)| {
            let why = scenario.judge(env!("CARGO_BIN_EXE_wharf")).err()?;
            Some(format!("{name}: {}\n{why}", scenario.what))
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
