//! Tools that are built from crates: the same as those of any ecosystem.

use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::{CargoRegistry, Crate};

use crate::{Case, fails, tells};

/// The folder of the compiler that runs these tests.
fn toolchain() -> PathBuf {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .expect("tests are built by a compiler");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("bin")
}

/// A user whose registry in the place of crates.io is this one, with this machine's compiler on PATH.
fn case(registry: &CargoRegistry) -> Case {
    let case = Case::new();
    crate::write(
        &case.fixture.home().join(".cargo/config.toml"),
        &registry.config_toml(),
    );
    for name in ["cargo", "rustc"] {
        std::os::unix::fs::symlink(toolchain().join(name), case.fixture.programs().join(name))
            .expect("the scratch folder can be written");
    }
    case
}

#[test]
fn a_crate_is_a_tool_like_any_other() {
    let registry = CargoRegistry::start();
    Crate::new("hatch", "1.0.0")
        .bin("hatch")
        .dep("shelf", "1")
        .publish(&registry);
    Crate::new("shelf", "1.0.0").publish(&registry);
    let case = case(&registry);
    std::fs::create_dir_all(case.bin("")).expect("the home can be written");
    let before = case.remains();
    let finished = case.run(&["tool", "install", "cargo:hatch@1"]).success();
    tells(&finished, &["Installed cargo:hatch 1.0.0", "commands: hatch"]);
    assert_eq!(case.says("hatch", &[]), "hatch 1.0.0\n");
    let list = case.run(&["tool", "list"]).success();
    assert!(
        list.stdout.starts_with("cargo:hatch 1.0.0  (cargo:hatch@"),
        "{list}"
    );
    // What was built for the tool is there for a one-off.
    assert_eq!(
        case.run(&["x", "cargo:hatch@1"]).success().stdout,
        "hatch 1.0.0\n"
    );
    Crate::new("hatch", "1.1.0").bin("hatch").publish(&registry);
    Crate::new("hatch", "2.0.0").bin("hatch").publish(&registry);
    let finished = case.anew(&["tool", "upgrade", "hatch"]).success();
    tells(&finished, &["Upgraded cargo:hatch 1.0.0 → 1.1.0"]);
    assert_eq!(case.says("hatch", &[]), "hatch 1.1.0\n");
    let failed = case.run(&["tool", "install", "cargo:missing"]);
    assert!(!failed.status.success(), "{failed}");
    tells(&failed, &["missing"]);
    let failed = case.run(&["tool", "install", "cargo:shelf"]);
    assert!(!failed.status.success(), "a library is no tool: {failed}");
    case.run(&["tool", "remove", "hatch"]).success();
    assert_eq!(case.remains().differences(&before), Vec::<String>::new());
}

#[test]
fn a_crate_is_built_with_the_features_that_are_asked_for() {
    let registry = CargoRegistry::start();
    let main =
        "fn main() {\n    println!(\"{} {}\", cfg!(feature = \"plain\"), cfg!(feature = \"loud\"));\n}\n";
    Crate::new("hatch", "1.0.0")
        .file("src/main.rs", main)
        .feature("default", &["plain"])
        .feature("plain", &[])
        .feature("loud", &[])
        .publish(&registry);
    let case = case(&registry);
    let other = ["--no-default-features", "--features", "loud"];
    let said = |arguments: &[&str]| case.run(arguments).success().stdout;
    assert_eq!(said(&["x", "cargo:hatch"]), "true false\n");
    let x = [&["x"], &other[..], &["cargo:hatch"]].concat();
    assert_eq!(said(&x), "false true\n");
    assert_eq!(
        said(&["--offline", "x", "cargo:hatch"]),
        "true false\n",
        "each has its own folder"
    );
    let install = [&["tool", "install", "cargo:hatch"], &other[..]].concat();
    case.run(&install).success();
    assert_eq!(case.says("hatch", &[]), "false true\n");
    case.run(&["tool", "upgrade", "hatch"]).success();
    assert_eq!(
        case.says("hatch", &[]),
        "false true\n",
        "an upgrade keeps to them"
    );
    for arguments in [
        &["tool", "install", "pypi:greet", "--no-default-features"][..],
        &["x", "--features", "loud", "npm:say"],
    ] {
        fails(&case.run(arguments), 2, &["has no features: only crates have"]);
    }
}
