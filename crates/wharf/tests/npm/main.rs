//! npm projects through the real binary, against a registry on this machine.
//!
//! Node itself is played by a script that answers what Wharf asks of it: nothing here needs Node, and nothing that is
//! installed runs but what a test says.

mod ahead;
mod describe;
mod edits;
mod faults;
mod layouts;
mod locks;
mod mixed;
mod node;
mod peers;
mod places;
mod platforms;
mod scripts;
mod shims;

use serde_json::Value;
use wharf_testkit::{Finished, Fixture, Modules, NpmPackage, NpmRegistry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

/// A project whose `package.json` says this.
fn project(registry: &NpmRegistry, manifest: &Value) -> Fixture {
    let mut fixture = Fixture::with_npm_registry(BINARY, registry);
    fixture.fake_node("22.12.0");
    state(&fixture, manifest);
    fixture
}

/// Writes the root's `package.json`.
fn state(fixture: &Fixture, manifest: &Value) {
    write_json(fixture, "package.json", manifest);
}

fn write_json(fixture: &Fixture, path: &str, value: &Value) {
    fixture.write(path, &format!("{value:#}\n"));
}

/// A version without dependencies.
fn release(name: &str, version: &str) -> NpmPackage {
    NpmPackage::new(name, version)
}

/// What node finds from the root of the project, as `name version`.
#[track_caller]
fn installed(fixture: &Fixture) -> Vec<String> {
    let modules = Modules::read(&fixture.project(), &[]).expect("what is installed can be read");
    assert!(modules.unanswered().is_empty(), "{:?}", modules.unanswered());
    modules.packages().into_iter().collect()
}

/// A failure: its code, nothing on standard output, and words of its message.
#[track_caller]
fn says(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished}");
    assert_eq!(finished.stdout, "", "an error is no data: {finished}");
    tells(finished, words);
}

/// Words on standard error.
#[track_caller]
fn tells(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}
