//! Local packages: what is copied into the environment follows its source tree.

use wharf_testkit::{Fixture, Package, files_below};

/// The version, the requirements and the manifest stay what they were; only a module changes, or comes.
#[test]
fn a_changed_module_of_a_copied_package_is_installed() {
    let mut fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    fixture.set("PIP_NO_INDEX", "1");
    let package = Package::new("near", "1.0").file("near/__init__.py", "NUMBER = 1\n");
    package
        .write_source_tree(&fixture.project().join("near"))
        .expect("the project can be written");
    fixture.write("wharf.toml", "[pypi]\nnear = { path = \"near\" }\n");
    fixture.run(&["sync"]).success();
    fixture.python("import near; assert near.NUMBER == 1").success();
    assert!(fixture.run(&["sync"]).success().stderr.contains("Nothing to do"));

    let files = files_below(&fixture.project().join("near"));
    let module = files
        .iter()
        .find(|file| file.ends_with("__init__.py"))
        .expect("it has a module");
    std::fs::write(module, "NUMBER = 2\n").expect("the project can be written");
    fixture.run(&["sync", "--locked"]).success();
    fixture.python("import near; assert near.NUMBER == 2").success();

    std::fs::write(module.with_file_name("more.py"), "").expect("the project can be written");
    fixture.run(&["sync", "--locked"]).success();
    fixture.python("import near.more").success();
    assert!(fixture.run(&["sync"]).success().stderr.contains("Nothing to do"));
}
