//! A system root that is being put together when everything ends: the old root or the new one, and the next command goes on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use wharf_testkit::{DebPackage, Digest, files_below};

use crate::{Case, views};

/// How often something is killed.
const KILLS: u32 = 10;

/// Many files in folders, a program, a cache that a finishing program makes, and a script that was approved.
fn many(version: &str) -> DebPackage {
    let mut package = DebPackage::new("many", version)
        .program(
            "/usr/bin/update-mime-database",
            format!("#!/bin/sh\necho {version} > $1/cache\n"),
        )
        .folder("/usr/share/mime", 0o755)
        .folder("/usr/share/many", 0o755)
        .script(
            "postinst",
            &format!("#!/bin/sh\nfor part in 1 2 3 4 5 6 7 8; do echo $part {version} > /usr/share/many/made$part; done\n"),
        );
    for number in 0..300 {
        package = package.file(
            format!("/usr/share/many/{}/{number}", number % 17),
            format!("{number} of {version}\n").repeat(50),
        );
    }
    package
}

fn case() -> Case {
    let case = Case::new(&["many"]);
    for version in ["1", "2"] {
        many(version).publish(&case.repository);
    }
    case
}

/// Has the manifest ask for a version, its scripts approved, and the lock follow.
fn lock_to(case: &Case, version: &str) {
    case.manifest(&[&format!("many (= {version})")], "");
    let text = case.fixture.read("wharf.toml");
    case.fixture.write(
        "wharf.toml",
        &format!("{text}\n[policy]\nscripts = [\"deb:many\"]\n"),
    );
    case.run(&["lock"]).success();
}

fn found(case: &Case) -> Digest {
    let root = case.root().canonicalize().expect("there is a root");
    Digest::of(&root)
}

/// The folder of all roots in the store.
fn systems(case: &Case) -> std::path::PathBuf {
    let root = case.root().canonicalize().expect("there is a root");
    let systems = root.parent().and_then(std::path::Path::parent);
    systems.expect("a root lies in a system in a folder").to_owned()
}

/// Takes all roots away but the one that stands, so that the next has to be made.
fn forget_others(case: &Case) {
    let standing = case.root().canonicalize().expect("there is a root");
    for entry in std::fs::read_dir(systems(case))
        .expect("the store can be read")
        .flatten()
    {
        if !standing.starts_with(entry.path()) {
            std::fs::remove_dir_all(entry.path()).expect("a root can be removed");
        }
    }
}

#[test]
fn a_kill_leaves_the_old_root_or_the_new_one() {
    let case = case();
    let state = |version| {
        lock_to(&case, version);
        case.run(&["sync", "--frozen"]).success();
        found(&case)
    };
    let (first, second) = (state("1"), state("2"));
    assert!(first != second && first.len() > 300, "{}", first.len());
    state("1");
    lock_to(&case, "2");
    forget_others(&case);
    let start = Instant::now();
    case.run(&["sync", "--frozen"]).success();
    let window = start.elapsed();
    let (mut old, mut new) = (0, 0);
    for kill in 0..KILLS {
        let there = kill % 2 == 1;
        let (from, to) = if there {
            (&first, &second)
        } else {
            (&second, &first)
        };
        assert!(found(&case) == *from);
        lock_to(&case, if there { "2" } else { "1" });
        forget_others(&case);
        // Spread over the whole of it, each half in every place.
        let delay = window.mul_f64(f64::from((kill * 7) % KILLS + 1) / f64::from(KILLS + 1));
        kill_after(&case, delay);
        match found(&case) {
            now if now == *from => old += 1,
            now if now == *to => new += 1,
            now => panic!("after {delay:?}: {:?}", now.differences(to)),
        }
        if views() {
            let run = case.run(&[
                "run",
                "--no-sync",
                "--",
                "sh",
                "-c",
                "read a b < /usr/share/many/made8; echo $a",
            ]);
            assert_eq!(run.stdout, "8\n", "{}", run.stderr);
        }
        case.run(&["sync", "--frozen"]).success();
        assert!(found(&case) == *to, "{:?}", found(&case).differences(to));
        case.run(&["store", "verify"]).success();
    }
    assert_eq!(old + new, KILLS);
    // What the next command after a power cut has to know stays until the disk has everything.
    let known = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default();
        ["lock", ".lock", "unsynced"].iter().any(|known| name == *known)
    };
    let mut left = files_below(&systems(&case).join("../../stage"));
    left.retain(|path| !known(path));
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "nothing is left behind");
}

fn kill_after(case: &Case, delay: Duration) {
    let mut command = case.fixture.command();
    command
        .args(["sync", "--frozen"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    std::thread::sleep(delay);
    child.kill().expect("a child can be killed");
    child.wait().expect("a child can be waited for");
}

#[test]
fn a_full_disk_leaves_the_old_root() {
    let case = case();
    lock_to(&case, "1");
    case.run(&["sync", "--frozen"]).success();
    let before = found(&case);
    lock_to(&case, "2");
    // What writes more than this ends as on a full disk: the record of the new root is larger, each of its files is not.
    let binary = case.fixture.command();
    let mut limited = case.fixture.isolated("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"])
        .arg(binary.get_program())
        .args(["sync", "--frozen"]);
    let failed = case.fixture.finish(limited);
    assert_eq!(failed.code(), Some(4), "{}", failed.stderr);
    assert!(found(&case) == before);
    case.run(&["store", "verify"]).success();
    case.run(&["sync", "--frozen"]).success();
    assert!(found(&case) != before);
}
