//! What is linked for the project while other packages are still fetched, and what is not.
//!
//! It is seen by the store's own files: whoever makes or deletes a link to a file changes its status, long after it was written.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry, files_below};

use crate::{project, release};

/// `top` needs `native`, which has a script, and all lie in the project.
fn case(scripts: &[&str]) -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("top", "1.0.0").dep("native", "*").publish(&registry);
    release("native", "1.0.0")
        .script("install", "echo built > built.txt")
        .publish(&registry);
    let options: Value = json!({ "options": { "layout": "hoisted" }, "policy": { "scripts": scripts } });
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "top": "*" }, "wharf": options }),
    );
    (registry, fixture)
}

/// The store's files of a package.
#[track_caller]
fn stored(fixture: &Fixture, package: &str) -> Vec<Metadata> {
    let home = format!("/.store/{package}@");
    let files = files_below(&fixture.home()).into_iter().filter(|path| {
        let text = path.to_string_lossy();
        text.contains(&home) && !path.ends_with("home")
    });
    let files: Vec<Metadata> = files
        .map(|path| path.metadata().expect("it was listed"))
        .collect();
    assert!(!files.is_empty(), "the store has {package}");
    files
}

/// Whether it was linked to since it was written, be it that the link is gone.
fn was_linked(file: &Metadata) -> bool {
    (file.ctime(), file.ctime_nsec()) != (file.mtime(), file.mtime_nsec())
}

#[test]
fn a_dry_run_links_nothing() {
    let (_registry, fixture) = case(&[]);
    let sync = ["sync", "--link-mode", "hardlink"];
    fixture.run(&[&sync[..], &["--dry-run"]].concat()).success();
    for package in ["top", "native"] {
        assert!(!stored(&fixture, package).iter().any(was_linked), "{package}");
    }
    // It would be seen.
    fixture.run(&sync).success();
    for package in ["top", "native"] {
        assert!(stored(&fixture, package).iter().all(was_linked), "{package}");
    }
}

#[test]
fn what_its_script_replaces_is_not_linked_before() {
    let (_registry, fixture) = case(&["npm:native"]);
    fixture.run(&["sync", "--link-mode", "hardlink"]).success();
    assert_eq!(fixture.read("node_modules/native/built.txt"), "built\n");
    assert!(!stored(&fixture, "native").iter().any(was_linked));
    assert!(stored(&fixture, "top").iter().all(|file| file.nlink() > 1));
}
