//! The small files of unpacked packages: where they lie, how they come out, what becomes of damage.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use wharf_core::{Algorithm, Ecosystem, SafePath};
use wharf_store::{
    Content, Depth, Entry, Hasher, Kind, Limits, LinkMode, ObjectId, Placed, Repair, Store, StoreError, Tree,
    TreeId,
};

/// More than is ever unpacked in memory at once.
fn large() -> Vec<u8> {
    (0..1_500_000u32)
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// A zip with a script, two files that are alike, an empty one, a large one, and one of this version alone.
fn version(folder: &Path, version: u8) -> PathBuf {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default();
    for (path, bytes, options) in [
        ("p/run", b"#!/bin/sh\n".to_vec(), plain.unix_permissions(0o755)),
        ("p/one", b"text".to_vec(), plain),
        ("p/two", b"text".to_vec(), plain),
        ("p/run.txt", b"#!/bin/sh\n".to_vec(), plain),
        ("p/empty", Vec::new(), plain),
        ("p/large", large(), plain),
        ("p/version", vec![version], plain),
    ] {
        writer.start_file(path, options).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    let path = folder.join(format!("p-{version}.whl"));
    fs::write(&path, writer.finish().unwrap().into_inner()).unwrap();
    path
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        Self { dir, store }
    }

    /// Imports a version, and remembers it as an index would.
    fn import(&self, number: u8) -> TreeId {
        let archive = version(self.dir.path(), number);
        let id = self.store.import_zip(&archive, &Limits::default()).unwrap();
        self.store
            .record_package(Ecosystem::Pypi, &upstream(number), &id)
            .unwrap();
        id
    }

    fn folder(&self, tree: &TreeId) -> PathBuf {
        self.store
            .root()
            .join("store/files")
            .join(&tree.to_string()[..32])
    }

    fn small(&self, tree: &TreeId, bytes: &[u8], executable: bool) -> PathBuf {
        let name = ObjectId::of(bytes).to_string()[..32].to_owned();
        self.folder(tree)
            .join(if executable { name + ".x" } else { name })
    }

    /// All of a tree, in a folder of its own.
    fn place(&self, tree: &TreeId, name: &str, mode: LinkMode) -> Result<PathBuf, StoreError> {
        let to = self.dir.path().join(name);
        let entries = self.store.tree(tree)?.entries;
        let plan: Vec<_> = entries.iter().map(|entry| placed(tree, entry)).collect();
        self.store.materialise(&plan, &to, mode).map(|_| to)
    }

    fn damage(&self, depth: Depth) -> Vec<String> {
        let report = self.store.verify(depth, Repair::Report).unwrap();
        report.damage.iter().map(ToString::to_string).collect()
    }
}

fn upstream(number: u8) -> wharf_core::Digest {
    Hasher::digest(Algorithm::Sha256, &[number])
}

fn placed(tree: &TreeId, entry: &Entry) -> Placed {
    let Kind::File {
        object,
        size,
        executable,
    } = entry.kind
    else {
        panic!("all of them are files")
    };
    Placed {
        path: entry.path.as_path().to_path_buf(),
        content: Content::Object {
            tree: Some(*tree),
            object,
            size,
            executable,
        },
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn spoil(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn small_files_lie_with_their_tree_and_versions_share_the_large_ones() {
    let world = World::new();
    let (one, two) = (world.import(1), world.import(2));
    for tree in [&one, &two] {
        assert_eq!(count(&world.folder(tree)), 5, "those that are alike are one");
    }
    assert_eq!(count(&world.store.root().join("store/obj")), 1, "the large one");
    assert_eq!(world.store.size().unwrap().objects, 11);
    for (name, mode) in [
        ("auto", LinkMode::Auto),
        ("hard", LinkMode::Hardlink),
        ("copy", LinkMode::Copy),
    ] {
        let to = world.place(&two, name, mode).unwrap();
        for (path, bytes) in [
            ("p/run", &b"#!/bin/sh\n"[..]),
            ("p/run.txt", b"#!/bin/sh\n"),
            ("p/one", b"text"),
            ("p/two", b"text"),
            ("p/empty", b""),
            ("p/large", &large()),
            ("p/version", &[2]),
        ] {
            assert_eq!(fs::read(to.join(path)).unwrap(), bytes, "{name}: {path}");
            let mode = fs::metadata(to.join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o100 != 0, path == "p/run", "{name}: {path}");
        }
    }
    assert_eq!(
        world
            .store
            .read_file(&two, &ObjectId::of(&large()), false)
            .unwrap(),
        large()
    );
    let lies = |bytes: &[u8]| world.store.file_path(&two, &ObjectId::of(bytes), false);
    assert_eq!(lies(b"text"), world.small(&two, b"text", false));
    assert_eq!(
        lies(&large()),
        world.store.object_path(&ObjectId::of(&large()), false)
    );
    let error = world
        .store
        .read_file(&two, &ObjectId::of(&[1]), false)
        .unwrap_err();
    assert!(
        matches!(error, StoreError::MissingObject(_)),
        "of the other version: {error}"
    );
    assert_eq!(world.damage(Depth::Full), [""; 0]);
}

#[test]
fn files_that_are_objects_serve_a_tree_as_well() {
    let world = World::new();
    let entry = Entry {
        path: SafePath::new("one").unwrap(),
        kind: Kind::File {
            object: world.store.write_object(b"text", false).unwrap(),
            size: 4,
            executable: false,
        },
    };
    let tree = world.store.write_tree(&Tree::new(vec![entry])).unwrap();
    let to = world.place(&tree, "out", LinkMode::Auto).unwrap();
    assert_eq!(fs::read(to.join("one")).unwrap(), b"text");
    assert_eq!(world.damage(Depth::Full), [""; 0]);
}

#[test]
fn what_is_damaged_is_taken_out_with_all_that_needs_it_and_comes_again() {
    let world = World::new();
    let (one, two) = (world.import(1), world.import(2));
    let large = world.store.object_path(&ObjectId::of(&large()), false);
    let damages: [(&str, &dyn Fn(), usize); 5] = [
        // The folder, its tree, its record.
        (
            "another digest",
            &|| spoil(&world.small(&one, b"text", false), b"longer"),
            3,
        ),
        (
            "another digest",
            &|| spoil(&world.small(&one, b"text", false), b"tixt"),
            3,
        ),
        (
            "lacks a file",
            &|| fs::remove_file(world.small(&one, b"#!/bin/sh\n", true)).unwrap(),
            3,
        ),
        (
            "is no digest",
            &|| fs::write(world.folder(&one).join("mine"), "").unwrap(),
            3,
        ),
        // The object, and the folders, trees and records of both versions.
        ("lacks a file", &|| spoil(&large, b"short"), 7),
    ];
    for (expected, damage, count) in damages {
        damage();
        let told = world.damage(Depth::Full);
        assert_eq!(told.len(), count, "{expected}: {told:?}");
        assert!(
            told.iter().any(|one| one.contains(expected)),
            "{expected}: {told:?}"
        );
        world.store.verify(Depth::Full, Repair::Quarantine).unwrap();
        assert_eq!(world.damage(Depth::Full), [""; 0], "{expected}");
        assert_eq!(world.store.lookup_package(Ecosystem::Pypi, &upstream(1)), None);
        assert_eq!((world.import(1), world.import(2)), (one, two));
        let to = world.place(&one, "again", LinkMode::Auto).unwrap();
        assert_eq!(fs::read(to.join("p/two")).unwrap(), b"text");
        fs::remove_dir_all(to).unwrap();
    }
}

#[test]
fn a_missing_file_stops_what_needs_it() {
    let world = World::new();
    let tree = world.import(1);
    fs::remove_file(world.small(&tree, &[1], false)).unwrap();
    let error = world.place(&tree, "out", LinkMode::Auto).unwrap_err();
    assert!(matches!(error, StoreError::MissingObject(_)), "{error}");
}

#[test]
fn files_without_a_tree_become_those_of_the_next_import() {
    let world = World::new();
    let tree = world.import(1);
    // Killed between the two.
    fs::remove_file(world.store.tree_path(&tree)).unwrap();
    assert_eq!(world.store.lookup_package(Ecosystem::Pypi, &upstream(1)), None);
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&world.folder(&tree));
    assert_eq!(world.import(1), tree);
    assert_eq!(inode(&world.folder(&tree)), before);
    world.place(&tree, "out", LinkMode::Auto).unwrap();
    assert_eq!(world.damage(Depth::Full), [""; 0]);
}

#[test]
fn what_a_power_cut_spoiled_is_taken_out_before_it_is_used() {
    let world = World::new();
    let (one, two) = (world.import(1), world.import(2));
    // As if the process had named them in an earlier life of the machine.
    let dead = world.store.root().join("stage/99-dead");
    fs::create_dir_all(&dead).unwrap();
    fs::write(dead.join("unsynced"), "another boot").unwrap();
    spoil(&world.small(&one, b"text", false), b"");
    let store = Store::open(world.store.root()).unwrap();
    assert!(!world.folder(&one).exists() && world.folder(&two).exists());
    assert_eq!(store.lookup_package(Ecosystem::Pypi, &upstream(1)), None);
    assert_eq!(store.lookup_package(Ecosystem::Pypi, &upstream(2)), Some(two));
    assert_eq!(world.import(1), one);
    assert_eq!(world.damage(Depth::Full), [""; 0]);
}
