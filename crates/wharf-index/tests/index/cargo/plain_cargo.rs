//! Plain cargo over a directory source of links to homes: what it builds, and that it builds it again.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use wharf_ecosystem::cargo::CargoLock;
use wharf_store::{Depth, Repair};
use wharf_testkit::{CargoRegistry, Crate, CrateDep};

use super::*;

/// A build script that copies one of its own files, as those of native libraries do.
const COPIES: &str = r#"
fn main() {
    println!("cargo::rerun-if-env-changed=AGAIN");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap()).join("word.txt");
    std::fs::copy("native/word.txt", &out).unwrap();
    println!("cargo::rustc-env=WORD={}", std::fs::read_to_string(out).unwrap());
}
"#;

fn publish(registry: &CargoRegistry) {
    Crate::new("leaf", "1.0.0").publish(registry);
    Crate::new("leaf", "2.0.0").publish(registry);
    Crate::new("answer", "1.0.0").proc_macro().publish(registry);
    Crate::new("elsewhere", "1.0.0").publish(registry);
    Crate::new("helper", "1.0.0").publish(registry);
    Crate::new("native-sys", "0.1.0+v9")
        .links("native")
        .build_script(COPIES)
        .build_dep("helper", "1")
        .file("native/word.txt", "native")
        .file("src/lib.rs", "pub const WORD: &str = env!(\"WORD\");\n")
        .publish(registry);
    Crate::new("top", "1.0.0")
        .with(CrateDep::new("old", "1").package("leaf"))
        .with(CrateDep::new("leaf", "2").optional())
        .with(CrateDep::new("elsewhere", "1").target("cfg(windows)"))
        .dep("native-sys", "0.1")
        .dep("answer", "1")
        .feature("new", &["dep:leaf"])
        .file(
            "src/lib.rs",
            "pub fn say() -> String { format!(\"{} {} {} {}\", old::WHO, leaf::WHO, native_sys::WORD, answer::answer!()) }\n",
        )
        .publish(registry);
}

fn cargo(project: &Path, arguments: &[&str], again: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(project)
        .args(arguments)
        .env("CARGO_HOME", project.join("../home"))
        .env("CARGO_TARGET_DIR", project.join("target"))
        .env("AGAIN", again)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "cargo {arguments:?}: {text}");
    text
}

#[tokio::test]
async fn plain_cargo_builds_offline_from_links_to_homes() {
    let registry = CargoRegistry::start();
    publish(&registry);
    let world = World::new(&registry);
    let project = world.project();
    let write = |path: &str, text: &str| {
        let path = project.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\ntop = { version = \"1\", features = [\"new\"] }\n",
    );
    write("src/main.rs", "fn main() { println!(\"{}\", top::say()); }\n");
    write(".cargo/config.toml", &registry.config_toml());
    cargo(&project, &["generate-lockfile"], "");
    let text = std::fs::read_to_string(project.join("Cargo.lock")).unwrap();
    let index = world.index();
    let mut ids = Vec::new();
    for locked in &CargoLock::parse(&text).unwrap().packages {
        if let Some(wanted) = Wanted::of_locked(locked) {
            ids.push(index.fetch(&wanted).await.unwrap());
        }
    }
    assert_eq!(ids.len(), 7, "those of other targets too");
    let source = project.join(".wharf/cargo");
    std::fs::create_dir_all(&source).unwrap();
    for id in &ids {
        symlink(index.store().crate_folder(id), source.join(id.label())).unwrap();
    }
    write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"wharf\"\n[source.wharf]\ndirectory = \".wharf/cargo\"\n",
    );
    registry.clear_log();
    // The second time the build script runs again, over the copy that it made.
    for again in ["one", "two"] {
        cargo(&project, &["build", "--offline", "--locked"], again);
    }
    let said = Command::new(project.join("target/debug/p"))
        .output()
        .unwrap()
        .stdout;
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "leaf 1.0.0 leaf 2.0.0 native 42\n"
    );
    cargo(
        &project,
        &["metadata", "--offline", "--locked", "--format-version", "1"],
        "",
    );
    assert_eq!(std::fs::read_to_string(project.join("Cargo.lock")).unwrap(), text);
    assert_eq!(registry.requests(), 0);
    let report = index.store().verify(Depth::Full, Repair::Report).unwrap();
    assert_eq!(
        (report.checked, report.damage),
        (7, Vec::new()),
        "building changed no home"
    );
}
