//! A system root whose finishing programs do not end well: it is placed only where they ended by themselves.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wharf_testkit::DebPackage;

use crate::{Case, exists, hello, library, views};

/// A package whose program finishes the root in this way.
fn finished(version: &str, text: &str) -> DebPackage {
    DebPackage::new("finished", version)
        .program("/usr/bin/update-mime-database", format!("#!/bin/sh\n{text}\n"))
        .folder("/usr/share/mime", 0o755)
}

fn cache(case: &Case) -> Option<String> {
    std::fs::read_to_string(case.root().join("usr/share/mime/cache")).ok()
}

/// All files below a folder in which others are at work.
fn below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

/// Whether a program has begun to finish a root somewhere.
fn is_at_work(home: &Path) -> bool {
    below(home).iter().any(|path| {
        path.ends_with("cache") && std::fs::read_to_string(path).is_ok_and(|text| text == "half\n")
    })
}

#[test]
fn an_interrupt_leaves_no_root_and_the_next_command_makes_it() {
    if !views() {
        return;
    }
    let case = Case::new(&["finished"]);
    // Long enough to be met in the middle; it has nothing to sleep with.
    let work =
        "echo half > $1/cache; i=0; while [ $i -lt 1500000 ]; do i=$((i+1)); done; echo whole > $1/cache";
    finished("1", work).publish(&case.repository);
    case.run(&["lock"]).success();
    let home = case.fixture.home();
    let mut command = case.fixture.command();
    command
        .args(["sync", "--frozen"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("the binary starts");
    let start = Instant::now();
    while !is_at_work(&home) {
        assert!(
            child.try_wait().expect("it is a child").is_none(),
            "it ended before"
        );
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing finishes the root"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    // What a terminal does: everything that is of its foreground hears it.
    let group = format!("-{}", child.id());
    let sent = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let status = child.wait().expect("it is a child");
    assert_eq!(status.code(), Some(130), "{status}");
    assert!(!exists(&case.root()), "it is no root of the project");
    let roots: Vec<PathBuf> = below(&home)
        .into_iter()
        .filter(|path| path.ends_with("usr/bin/update-mime-database"))
        .collect();
    assert_eq!(roots, Vec::<PathBuf>::new(), "nor of any other");
    case.run(&["sync", "--frozen"]).success();
    assert_eq!(cache(&case).as_deref(), Some("whole\n"));
}

#[test]
fn a_program_that_is_killed_or_lacks_room_leaves_the_old_root() {
    if !views() {
        return;
    }
    let case = Case::new(&["finished"]);
    finished("1", "echo first > $1/cache").publish(&case.repository);
    case.synced();
    let old = case.root().canonicalize().unwrap();
    for (version, text, said) in [
        (
            "2",
            "echo half > $1/cache; echo working; kill -9 $$",
            "killed by signal 9; it said last: working",
        ),
        (
            "3",
            "echo half > $1/cache; echo cache: No space left on device >&2; exit 1",
            "No space left on device",
        ),
    ] {
        finished(version, text).publish(&case.repository);
        let failed = case.run(&["sync", "--upgrade"]);
        assert_eq!(failed.code(), Some(4), "{}", failed.stderr);
        for words in [
            "/usr/bin/update-mime-database (for MIME types)",
            said,
            "run the command again",
        ] {
            assert!(failed.stderr.contains(words), "{words}: {}", failed.stderr);
        }
        assert_eq!(case.root().canonicalize().unwrap(), old);
        assert_eq!(cache(&case).as_deref(), Some("first\n"));
    }
}

#[test]
fn a_program_that_fails_by_itself_is_told_and_what_it_did_is_not_taken() {
    if !views() {
        return;
    }
    let case = Case::new(&["finished"]);
    finished("1", "echo half > $1/cache; echo what is this; exit 3").publish(&case.repository);
    let synced = case.synced();
    assert!(
        synced
            .stderr
            .contains("MIME types did not finish the system root: exit code 3; it said last: what is this"),
        "{}",
        synced.stderr
    );
    assert!(exists(&case.root().join("usr/share/mime")));
    assert_eq!(cache(&case), None);
}

#[test]
fn a_small_archive_with_other_bytes_is_not_looked_into() {
    let case = Case::new(&["hello"]);
    hello("1.0-1")
        .raw_file("./usr/../../../escaped", "x")
        .wrong_checksum()
        .publish(&case.repository);
    library().publish(&case.repository);
    let failed = case.run(&["sync"]);
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains("hello 1.0-1") && !failed.stderr.contains("climbs out"),
        "{}",
        failed.stderr
    );
    assert!(!exists(&case.root()));
}
