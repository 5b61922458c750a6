//! Trees of small system roots, made of this host's own shell.

#![cfg(target_os = "linux")]

use std::process::Command;

use super::*;

/// A root with the host's shell and its libraries, a script, and links as packages have them.
fn root() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for folder in ["usr/bin", "usr/lib/tool/data", "usr/share/x", "etc/alternatives"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let program = |name: &str, text: &[u8]| {
        let at = root.join(name);
        fs::write(&at, text).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o555)).unwrap();
    };
    let shell = fs::canonicalize("/bin/sh").unwrap();
    program("usr/bin/dash", &fs::read(&shell).unwrap());
    program("usr/bin/hello", b"#!/bin/sh\necho hello \"$0\"\n");
    program("usr/bin/foreign", b"\x7fELF\x01\x01");
    program("usr/lib/tool/run", b"#!/usr/bin/env sh\nexit 3\n");
    fs::write(root.join("usr/lib/tool/data/file"), "data").unwrap();
    for (at, to) in [
        ("bin", "usr/bin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
        ("usr/bin/sh", "dash"),
        ("usr/bin/tool", "../lib/tool/run"),
        ("usr/bin/editor", "/etc/alternatives/editor"),
        ("etc/alternatives/editor", "/usr/bin/hello"),
        ("usr/bin/broken", "/etc/alternatives/none"),
    ] {
        symlink(to, root.join(at)).unwrap();
    }
    let listed = Command::new("ldd").arg(&shell).output().unwrap();
    for path in String::from_utf8(listed.stdout).unwrap().split_whitespace() {
        if path.starts_with('/') {
            let to = root
                .join("usr")
                .join(path.trim_start_matches("/usr").trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(path, to).unwrap();
        }
    }
    folder
}

#[test]
fn programs_run_with_the_roots_own_loader_and_libraries() {
    let root = root();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    let made = make(root.path(), &tree).unwrap();
    assert_eq!(made.path, [tree.join("usr/bin")]);
    assert_eq!(made.left, [(PathBuf::from("usr/bin/foreign"), ElfError::Foreign)]);
    let script = "while read -r a b c d e f; do echo \"$f\"; done < /proc/self/maps";
    let output = Command::new(tree.join("bin/sh"))
        .args(["-c", script])
        .output()
        .unwrap();
    let maps = String::from_utf8(output.stdout).unwrap();
    let base = [root.path(), place.path()].map(|path| path.canonicalize().unwrap().display().to_string());
    let files: Vec<&str> = maps.lines().filter(|line| line.starts_with('/')).collect();
    assert!(files.len() > 3, "{maps}");
    for file in files {
        assert!(base.iter().any(|base| file.starts_with(base)), "{file}");
    }
}

#[test]
fn scripts_links_and_alternatives_lead_to_copies() {
    let root = root();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    make(root.path(), &tree).unwrap();
    let run = |name: &str| Command::new(tree.join("usr/bin").join(name)).output().unwrap();
    let said = String::from_utf8(run("hello").stdout).unwrap();
    assert_eq!(said, format!("hello {}\n", tree.join("usr/bin/hello").display()));
    let script = fs::read_to_string(tree.join("usr/bin/hello")).unwrap();
    assert!(
        script.starts_with(&format!("#!{}\n", tree.join("usr/bin/sh").display())),
        "{script}"
    );
    assert!(run("editor").status.success());
    assert_eq!(run("tool").status.code(), Some(3));
    // What nothing changes in is one link.
    assert!(
        tree.join("usr/lib/tool/data")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert_eq!(
        fs::read_to_string(tree.join("usr/lib/tool/data/file")).unwrap(),
        "data"
    );
    assert!(tree.join("usr/share/x").is_dir());
}

#[test]
fn a_tree_stands_whole_and_is_made_again_without_harm() {
    let root = root();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    assert_eq!(standing(&tree), None);
    let made = make(root.path(), &tree).unwrap();
    assert_eq!(standing(&tree).unwrap().path, made.path);
    assert_eq!(make(root.path(), &tree).unwrap().changed, made.changed);
    let left = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(left, 1, "nothing but the tree");
    let error = make(&place.path().join("none"), &place.path().join("other")).unwrap_err();
    assert!(error.to_string().contains("none/usr"), "{error}");
}

#[test]
fn paths_in_a_root_are_followed_in_it() {
    let root = root();
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(
            resolve(root.path(), Path::new(path)),
            expected.map(PathBuf::from),
            "{path}"
        );
    };
    check("/bin/sh", Some("usr/bin/dash"));
    check("/usr/bin/editor", Some("usr/bin/hello"));
    check("/usr/bin/../share/x", Some("usr/share/x"));
    check("/usr/bin/broken", None);
    check("/../../usr/share", Some("usr/share"));
    symlink("loop", root.path().join("loop")).unwrap();
    check("/loop", None);
}
