//! `wharf add` and `wharf remove` in workspaces and for tools.

use wharf_testkit::CargoRegistry;

use crate::{locked, manifest, project, release, says, tells};

fn published() -> CargoRegistry {
    let registry = CargoRegistry::start();
    release("base", "1.0.3").feature("extra", &[]).publish(&registry);
    release("helper", "0.2.1").publish(&registry);
    release("gadget", "1.4.2").bin("gadget").publish(&registry);
    registry
}

#[test]
fn a_requirement_of_a_package() {
    let registry = published();
    let fixture = project(&registry);
    manifest(&fixture, "");
    fixture.run(&["add", "cargo:base"]).success();
    let text = fixture.read("Cargo.toml");
    assert!(text.contains("base = \"1.0.3\""), "{text}");
    assert!(fixture.has(".wharf/cargo/base-1.0.3/Cargo.toml"));
    fixture.run(&["add", "--dev", "cargo:helper@0.2"]).success();
    let text = fixture.read("Cargo.toml");
    assert!(text.contains("[dev-dependencies]\nhelper = \"0.2\""), "{text}");
    assert_eq!(locked(&fixture), ["app 0.1.0", "base 1.0.3", "helper 0.2.1"]);
    says(&fixture.run(&["add", "cargo:nowhere"]), 3, &["nowhere"]);
    assert_eq!(
        fixture.read("Cargo.toml"),
        text,
        "what cannot be had is not written"
    );
    fixture.run(&["remove", "cargo:base"]).success();
    assert_eq!(locked(&fixture), ["app 0.1.0", "helper 0.2.1"]);
    let finished = fixture.run(&["remove", "cargo:base"]);
    says(&finished, 2, &["does not ask for cargo:base"]);
}

#[test]
fn a_tool_of_a_project() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "# mine\n[project]\nname = \"own\"\n");
    let finished = fixture.run(&["add", "cargo:gadget"]).success();
    tells(&finished, &["gadget"]);
    let text = fixture.read("wharf.toml");
    assert!(
        text.starts_with("# mine\n") && text.contains("[cargo]\ngadget = \"1.4.2\""),
        "{text}"
    );
    assert_eq!(
        fixture.run(&["run", "--", "gadget"]).success().stdout,
        "gadget 1.4.2\n"
    );
    says(
        &fixture.run(&["add", "cargo:base"]),
        2,
        &["base 1.0.3 has no commands"],
    );
    says(
        &fixture.run(&["add", "cargo:nowhere"]),
        3,
        &["nowhere", "the registry"],
    );
    assert_eq!(
        fixture.read("wharf.toml"),
        text,
        "what cannot be had is not written"
    );
    fixture.run(&["remove", "cargo:gadget"]).success();
    assert!(!fixture.read("wharf.toml").contains("gadget") && !fixture.has(".wharf/bin"));
}
