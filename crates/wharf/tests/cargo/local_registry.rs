//! A local registry in the place of crates.io: a folder of archives with an index, and no server.

use std::path::PathBuf;

use wharf_testkit::{Crate, CrateDep, Fixture};

use crate::{BINARY, cargo, link_compiler, locked, manifest, release, says};

/// A project whose user has put a folder with these crates in the place of crates.io.
fn project(crates: &[Crate]) -> (Fixture, PathBuf) {
    let fixture = Fixture::new(BINARY);
    link_compiler(&fixture);
    let folder = fixture.home().join("registry");
    let write = |path: PathBuf, bytes: &[u8]| {
        std::fs::create_dir_all(path.parent().expect("it is inside")).expect("the home can be written");
        std::fs::write(path, bytes).expect("the home can be written");
    };
    for one in crates {
        let line: serde_json::Value = serde_json::from_str(&one.line()).expect("it is JSON");
        let word = |key: &str| line[key].as_str().expect("it is text").to_owned();
        let (name, version) = (word("name"), word("vers"));
        write(folder.join(format!("{name}-{version}.crate")), &one.build());
        // All names here have four letters or more.
        let path = folder
            .join("index")
            .join(&name[..2])
            .join(&name[2..4])
            .join(&name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        write(path, format!("{before}{}\n", one.line()).as_bytes());
    }
    let settings = format!(
        "[source.crates-io]\nreplace-with = \"local\"\n\n[source.local]\nlocal-registry = \"{}\"\n",
        folder.display()
    );
    write(fixture.home().join(".cargo/config.toml"), settings.as_bytes());
    (fixture, folder)
}

fn crates() -> [Crate; 4] {
    [
        release("base", "1.0.0"),
        release("base", "1.1.0"),
        release("used", "1.0.0").with(CrateDep::new("base", "1")),
        release("gadget", "1.0.0")
            .bin("gadget")
            .file("src/bin/gadget.rs", "fn main() { println!(\"{}\", base::WHO); }")
            .dep("base", "=1.0.0"),
    ]
}

#[test]
fn crates_of_a_folder_are_locked_and_laid_out() {
    let (fixture, _) = project(&crates());
    manifest(&fixture, "used = \"1\"\n");
    fixture.run(&["sync", "--offline"]).success();
    assert_eq!(locked(&fixture), ["app 0.1.0", "base 1.1.0", "used 1.0.0"]);
    cargo(&fixture, &["build", "--locked", "--offline"]).success();
    let text = fixture.read("Cargo.lock");
    for path in ["Cargo.lock", ".cargo/config.toml"] {
        std::fs::remove_file(fixture.project().join(path)).expect("it is there");
    }
    let mut command = fixture.isolated(fixture.programs().join("cargo"));
    command.args(["generate-lockfile", "--offline"]);
    fixture.finish(command).success();
    assert_eq!(fixture.read("Cargo.lock"), text);
}

#[test]
fn a_tool_comes_out_of_a_folder() {
    let (fixture, _) = project(&crates());
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    fixture.run(&["sync"]).success();
    let finished = fixture.run(&["run", "--", "gadget"]).success();
    assert_eq!(finished.stdout, "base 1.0.0\n");
}

#[test]
fn what_a_folder_lacks_or_has_otherwise_is_said() {
    let (fixture, folder) = project(&crates());
    manifest(&fixture, "missing = \"1\"\n");
    says(&fixture.run(&["lock"]), 3, &["missing", "app@0.1.0"]);
    manifest(&fixture, "base = \"1\"\n");
    fixture.run(&["lock"]).success();
    std::fs::write(folder.join("base-1.1.0.crate"), "something else").expect("the home can be written");
    says(
        &fixture.run(&["sync"]),
        5,
        &["base@1.1.0", "base-1.1.0.crate", "checksum"],
    );
    std::fs::remove_file(folder.join("base-1.1.0.crate")).expect("it is there");
    says(&fixture.run(&["sync"]), 4, &["base-1.1.0.crate"]);
    // Unpacked crates without an index are another thing.
    let settings = "[source.crates-io]\nreplace-with = \"v\"\n\n[source.v]\ndirectory = \"vendor\"\n";
    fixture.write(".cargo/config.toml", settings);
    says(
        &fixture.run(&["lock"]),
        2,
        &["vendor", "directory of unpacked crates", "hint:"],
    );
}
