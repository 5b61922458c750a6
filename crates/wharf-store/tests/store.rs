//! The store over its life: packages, linking, damage, full disks, kills, power cuts.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wharf_core::{Algorithm, Ecosystem, Explain, SafePath};
use wharf_store::{
    Content, Depth, Entry, Hasher, Kind, Limits, LinkMode, ObjectId, Placed, Repair, Store, StoreError, Tree,
    TreeId,
};

fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(&dir.path().join("store")).unwrap()
}

/// Three files (one executable, one empty) and a link.
fn sample(store: &Store) -> (TreeId, Tree) {
    let file = |path: &str, bytes: &[u8], executable| Entry {
        path: SafePath::new(path).unwrap(),
        kind: Kind::File {
            object: store.write_object(bytes, executable).unwrap(),
            size: bytes.len() as u64,
            executable,
        },
    };
    let link = Entry {
        path: SafePath::new("p/link").unwrap(),
        kind: Kind::Link("a.py".into()),
    };
    let tree = Tree::new(vec![
        file("p/a.py", b"text", false),
        file("bin/run", b"#!", true),
        file("p/e", b"", false),
        link,
    ]);
    (store.write_tree(&tree).unwrap(), tree)
}

fn plan(tree: &Tree) -> Vec<Placed> {
    let place = |entry: &Entry| Placed {
        path: entry.path.as_path().to_path_buf(),
        content: match &entry.kind {
            Kind::File {
                object,
                size,
                executable,
            } => Content::Object {
                tree: None,
                object: *object,
                size: *size,
                executable: *executable,
            },
            Kind::Link(target) => Content::Link(target.clone()),
        },
    };
    tree.entries.iter().map(place).collect()
}

#[test]
fn what_is_written_is_found_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Hasher::digest(Algorithm::Sha256, b"archive");
    let (id, tree) = {
        let store = store(&dir);
        let made = sample(&store);
        store.record_package(Ecosystem::Pypi, &upstream, &made.0).unwrap();
        store.sync().unwrap();
        made
    };
    let store = store(&dir);
    assert_eq!(store.lookup_package(Ecosystem::Pypi, &upstream), Some(id));
    assert_eq!(store.lookup_package(Ecosystem::Npm, &upstream), None);
    assert_eq!(store.tree(&id).unwrap(), tree);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.object_path(&ObjectId::of(b"text"), false)), 0o444);
    assert_eq!(mode(store.object_path(&ObjectId::of(b"#!"), true)), 0o555);
    let size = store.size().unwrap();
    assert_eq!(
        (size.objects, size.object_bytes, size.trees, size.packages),
        (3, 6, 1, 1)
    );
    assert_eq!(
        fs::read_dir(dir.path().join("store/stage")).unwrap().count(),
        1,
        "only its lock"
    );
}

#[test]
fn every_way_of_linking_gives_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (_, tree) = sample(&store);
    let mut plan = plan(&tree);
    plan.push(Placed {
        path: "p/made".into(),
        content: Content::Bytes {
            bytes: b"made".to_vec(),
            executable: true,
        },
    });
    plan.push(Placed {
        path: "hollow/deep".into(),
        content: Content::Directory,
    });
    for mode in [
        LinkMode::Auto,
        LinkMode::Reflink,
        LinkMode::Hardlink,
        LinkMode::Copy,
    ] {
        let root = dir.path().join(format!("{mode:?}"));
        let report = store.materialise(&plan, &root, mode).unwrap();
        assert_eq!((report.files, report.bytes), (3, 6));
        assert_eq!(report.by.reflink + report.by.hardlink + report.by.copy, 3);
        assert_eq!(fs::read(root.join("p/link")).unwrap(), b"text");
        assert_eq!(fs::read(root.join("p/made")).unwrap(), b"made");
        assert!(root.join("hollow/deep").is_dir());
        for run in ["bin/run", "p/made"] {
            assert_ne!(fs::metadata(root.join(run)).unwrap().mode() & 0o100, 0);
        }
        let shared = fs::metadata(root.join("p/a.py")).unwrap().nlink() > 1;
        match mode {
            LinkMode::Hardlink => assert!(shared && report.by.hardlink == 3),
            LinkMode::Copy => assert!(!shared && report.by.copy == 3),
            LinkMode::Reflink => assert!(!shared),
            LinkMode::Auto => assert_ne!(report.by.as_str(), "copy", "one file system links"),
        }
    }
    store
        .link(
            &ObjectId::of(b"text"),
            false,
            &dir.path().join("one"),
            LinkMode::Copy,
        )
        .unwrap();
    assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"text");
}

#[test]
fn plans_that_reach_out_or_clash_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    std::os::unix::fs::symlink(dir.path(), root.join("out")).unwrap();
    let bytes = |path: &str| Placed {
        path: path.into(),
        content: Content::Bytes {
            bytes: Vec::new(),
            executable: false,
        },
    };
    for (paths, reason) in [
        (&["../x"][..], "plain relative"),
        (&["/x"], "plain relative"),
        (&["a//b"], "plain relative"),
        (&["out/x"], "something else is in its place"),
        (&["b", "b"], "something else is in its place"),
        (&["c", "c/d"], "something else is in its place"),
    ] {
        let plan: Vec<_> = paths.iter().map(|path| bytes(path)).collect();
        let error = store.materialise(&plan, &root, LinkMode::Auto).unwrap_err();
        assert!(error.to_string().contains(reason), "{paths:?}: {error}");
    }
    assert!(!dir.path().join("x").exists());
    let missing = Content::Object {
        tree: None,
        object: ObjectId::of(b"none"),
        size: 4,
        executable: false,
    };
    let plan = [Placed {
        path: "m".into(),
        content: missing,
    }];
    let error = store.materialise(&plan, &root, LinkMode::Hardlink).unwrap_err();
    assert!(matches!(error, StoreError::MissingObject(_)), "{error}");
}

#[test]
fn damage_is_found_taken_out_and_healed_by_writing_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (id, tree) = sample(&store);
    let upstream = Hasher::digest(Algorithm::Sha256, b"archive");
    store.record_package(Ecosystem::Pypi, &upstream, &id).unwrap();
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);

    let path = store.object_path(&ObjectId::of(b"text"), false);
    let spoil = |bytes: &[u8]| {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    };
    spoil(b"next");
    assert_eq!(
        store.verify(Depth::Quick, Repair::Report).unwrap().damage,
        [],
        "the same size, just now"
    );
    assert_eq!(
        store.verify(Depth::Full, Repair::Report).unwrap().damage.len(),
        3,
        "object, tree, record"
    );
    spoil(b"longer than it was");
    assert_eq!(
        store.verify(Depth::Quick, Repair::Report).unwrap().damage.len(),
        3
    );
    let repaired = store.verify(Depth::Quick, Repair::Quarantine).unwrap();
    assert!(
        repaired
            .damage
            .iter()
            .any(|damage| damage.to_string().contains("18 bytes instead of 4"))
    );
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    assert_eq!(
        store.lookup_package(Ecosystem::Pypi, &upstream),
        None,
        "so it is fetched again"
    );
    assert!(matches!(store.tree(&id), Err(StoreError::MissingTree(_))));
    assert_eq!(
        store.size().unwrap().quarantine_bytes,
        18 + tree.print().len() as u64 + 65
    );
    assert_eq!(sample(&store).0, id);

    spoil(b"");
    store.write_object(b"text", false).unwrap();
    assert_eq!(
        fs::read(&path).unwrap(),
        b"text",
        "an object of the wrong size is replaced"
    );
}

#[test]
fn a_changed_tree_is_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (id, mut tree) = sample(&store);
    tree.entries.pop();
    fs::write(store.tree_path(&id), tree.print()).unwrap();
    assert_eq!(store.tree(&id).unwrap_err().code(), "store/damaged");
}

#[test]
fn another_layout_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("format"), "wharf-store 99\n").unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert_eq!(error.code(), "store/format");
    assert!(error.to_string().contains("wharf-store 99"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(
        Store::open(&dir.path().join("file")).unwrap_err().code(),
        "store/io"
    );
}

#[test]
fn a_power_cut_right_after_a_store_was_made_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (id, tree) = sample(&store(&dir));
    let format = dir.path().join("store/format");
    let text = fs::read_to_string(&format).unwrap();
    // What file systems leave of a file whose bytes never reached the disk.
    for left in [None, Some(&b""[..]), Some(&[0; 14][..])] {
        fs::remove_file(&format).unwrap();
        if let Some(left) = left {
            fs::write(&format, left).unwrap();
        }
        assert_eq!(store(&dir).tree(&id).unwrap(), tree);
        assert_eq!(fs::read_to_string(&format).unwrap(), text);
    }
}

#[test]
fn folders_of_objects_come_with_their_first_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let objects = store.root().join("store/obj");
    let folders = || fs::read_dir(&objects).unwrap().count();
    assert_eq!(folders(), 0);
    assert!(
        store
            .verify(Depth::Full, Repair::Report)
            .unwrap()
            .damage
            .is_empty()
    );
    let id = store.write_object(b"text", false).unwrap();
    assert_eq!(folders(), 1);
    assert_eq!(fs::read(store.object_path(&id, false)).unwrap(), b"text");
    // Somebody tidied up meanwhile.
    fs::remove_dir_all(objects.join(&id.to_string()[..2])).unwrap();
    store.write_object(b"text", false).unwrap();
    assert_eq!(fs::read(store.object_path(&id, false)).unwrap(), b"text");
}

/// A killed process leaves a stage folder whose lock is free, and perhaps the note that it had named objects.
fn leave_behind(root: &Path, boot: Option<&str>) -> PathBuf {
    let folder = root.join("stage/99-dead");
    fs::create_dir_all(folder.join("lane0")).unwrap();
    fs::write(folder.join("lane0/0"), "half").unwrap();
    if let Some(boot) = boot {
        fs::write(folder.join("unsynced"), boot).unwrap();
    }
    folder
}

#[test]
fn the_stage_of_the_dead_is_cleared_and_of_the_living_kept() {
    let dir = tempfile::tempdir().unwrap();
    let living = store(&dir);
    let stage = living.stage().unwrap();
    let dead = leave_behind(living.root(), None);
    drop(store(&dir));
    assert!(!dead.exists() && stage.path().is_dir());
    let path = stage.path().to_path_buf();
    drop(stage);
    assert!(!path.exists());
}

#[test]
fn after_a_power_cut_unsynced_objects_are_checked_and_after_a_kill_they_are_kept() {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    for (noted, kept) in [("another boot", false), ("", false), (boot.as_str(), true)] {
        let dir = tempfile::tempdir().unwrap();
        let (id, path) = {
            let store = store(&dir);
            leave_behind(store.root(), Some(noted));
            let (id, _) = sample(&store);
            store.sync().unwrap();
            (id, store.object_path(&ObjectId::of(b"text"), false))
        };
        // What a file system without its data looks like.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let store = store(&dir);
        assert_eq!(path.exists(), kept, "{noted:?}");
        assert_eq!(store.tree(&id).is_ok(), kept, "{noted:?}");
        assert!(
            store.object_path(&ObjectId::of(b"#!"), true).exists(),
            "sound objects stay"
        );
    }
}

fn many_files(dir: &Path) -> PathBuf {
    use std::io::Write;
    let archive = dir.join("many.zip");
    let mut writer = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for number in 0..2000u32 {
        writer
            .start_file(format!("p/{}/{number}.py", number % 20), options)
            .unwrap();
        writer.write_all(&number.to_le_bytes().repeat(200)).unwrap();
    }
    writer.start_file("large", options).unwrap();
    writer.write_all(&vec![1; 256 * 1024]).unwrap();
    writer.finish().unwrap();
    archive
}

/// Runs `child` of this file in a process of its own, below a shell that prepares it.
fn in_a_process(prepare: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("{prepare}; exec \"$0\" --ignored --exact child --nocapture"),
        ])
        .arg(std::env::current_exe().unwrap())
        .env("STORE_TEST_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
#[ignore = "not a test: what the tests below run, limit and kill"]
fn child() {
    let dir = PathBuf::from(std::env::var_os("STORE_TEST_DIR").expect("its parent says where"));
    let store = Store::open(&dir.join("store")).unwrap();
    match store.import_zip(&dir.join("many.zip"), &Limits::default()) {
        Ok(id) => println!("\nimported {id}"),
        Err(error) => println!("\nfailed {} {error:?}", error.code()),
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    many_files(dir.path());
    drop(store(&dir));
    // Files may have 64 KiB; the signal for more is ignored, so that the write fails as on a full disk.
    let output = in_a_process("trap '' XFSZ; ulimit -f 128", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("failed store/full"), "{said}");
    let store = store(&dir);
    let size = store.size().unwrap();
    assert_eq!((size.objects, size.trees, size.stage_bytes), (0, 0, 0));
}

#[test]
fn killed_anywhere_an_import_leaves_only_whole_objects_and_the_next_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let archive = many_files(dir.path());
    let mut before_the_end = 0;
    for delay in [0, 5, 10, 20, 30, 45, 60, 80, 120] {
        let mut running = in_a_process(":", dir.path()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        running.kill().unwrap();
        let output = running.wait_with_output().unwrap();
        before_the_end += u32::from(!String::from_utf8_lossy(&output.stdout).contains("imported"));
        let store = store(&dir);
        assert_eq!(
            store.verify(Depth::Full, Repair::Report).unwrap().damage,
            [],
            "killed after {delay} ms"
        );
        store.settle().unwrap();
        assert_eq!(store.size().unwrap().stage_bytes, 0);
    }
    assert!(before_the_end > 0, "no kill came in time");
    let store = store(&dir);
    let id = store.import_zip(&archive, &Limits::default()).unwrap();
    assert_eq!(store.tree(&id).unwrap().entries.len(), 2001);
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
}

#[test]
fn many_processes_and_threads_import_the_same_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let archive = many_files(dir.path());
    drop(store(&dir));
    let children: Vec<_> = (0..3)
        .map(|_| in_a_process(":", dir.path()).spawn().unwrap())
        .collect();
    let store = store(&dir);
    let ids: Vec<TreeId> = std::thread::scope(|scope| {
        let import = || store.import_zip(&archive, &Limits::default()).unwrap();
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(import)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("imported {}", ids[0])));
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    assert_eq!(store.size().unwrap().objects, 2001);
}
