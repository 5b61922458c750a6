//! Crates from archive to home to directory source: what gets in, what is refused, and what verification finds.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use proptest::prelude::*;
use wharf_core::{Algorithm, Digest};
use wharf_store::{CrateId, Depth, Limits, Repair, RepositoryId, RepositoryPackages, Store};

use support::{drafts, store};

/// What cargo packs every file with.
const PACKED: i64 = 1_153_704_088;

#[derive(Default)]
struct Packer(Vec<u8>);

impl Packer {
    fn entry(mut self, path: &str, kind: tar::EntryType, mode: u32, bytes: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        let name = &mut header.as_gnu_mut().unwrap().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(1);
        if kind.is_symlink() {
            header.set_link_name("src").unwrap();
        }
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, text: &str) -> Self {
        self.entry(path, tar::EntryType::Regular, 0o644, text.as_bytes())
    }

    fn pack(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&self.0).unwrap();
        gzip.finish().unwrap()
    }
}

fn plain() -> Packer {
    Packer::default()
        .file("a-1.0.0/Cargo.toml", "[package]\n")
        .file("a-1.0.0/src/lib.rs", "pub fn a() {}\n")
}

fn digest(packed: &[u8]) -> Digest {
    let mut hasher = wharf_store::Hasher::new(Algorithm::Sha256);
    hasher.update(packed);
    hasher.finish()
}

fn place(store: &Store, packed: &[u8]) -> CrateId {
    let digest = digest(packed);
    let unpacked = store
        .unpack_crate_bytes(packed, "a-1.0.0", &Limits::default())
        .unwrap();
    let id = CrateId::new("a", "1.0.0", &digest);
    store.place_crate(&id, unpacked, Some(&digest)).unwrap();
    id
}

#[test]
fn files_that_are_alike_are_two_since_both_can_be_written_to() {
    let (_dir, store) = store();
    let packed = plain().file("a-1.0.0/src/same.rs", "pub fn a() {}\n").pack();
    let stream = store
        .unpack_crate(&*packed, "a-1.0.0", &Limits::default())
        .unwrap();
    let home = store.crate_folder(&place(&store, &packed));
    for folder in [home, stream.package()] {
        let inode = |path: &str| fs::metadata(folder.join(path)).unwrap().ino();
        assert_ne!(inode("src/lib.rs"), inode("src/same.rs"));
    }
}

#[test]
fn a_home_is_an_entry_of_a_directory_source() {
    let (_dir, store) = store();
    let packed = plain()
        .entry("a-1.0.0/run.sh", tar::EntryType::Regular, 0o755, b"#!/bin/sh\n")
        .file("a-1.0.0/package.json", r#"{"bin":"src/lib.rs"}"#)
        .file("a-1.0.0/Cargo.lock", "version = 4\n")
        .file("a-1.0.0/.cargo-ok", "ok")
        .file("a-1.0.0/.cargo-checksum.json", "{}")
        .file("a-1.0.0/inner/.cargo-checksum.json", "kept")
        .pack();
    let id = place(&store, &packed);
    let folder = store.crate_folder(&id);
    assert!(folder.ends_with("a-1.0.0") && store.has_crate(&id));
    let expected = format!(r#"{{"files":{{}},"package":"{}"}}"#, digest(&packed).hex());
    assert_eq!(
        fs::read_to_string(folder.join(".cargo-checksum.json")).unwrap(),
        expected
    );
    assert_eq!(
        store.crate_file(&id, "Cargo.lock").unwrap().unwrap(),
        b"version = 4\n"
    );
    assert_eq!(store.crate_file(&id, "Cargo.lock.orig").unwrap(), None);
    assert!(!folder.join(".cargo-ok").exists());
    assert_eq!(
        fs::read(folder.join("inner/.cargo-checksum.json")).unwrap(),
        b"kept"
    );
    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    // npm's commands are npm's.
    // Build scripts copy modes, and copy over their copies.
    assert_eq!(
        (mode("src/lib.rs"), mode("run.sh"), mode("Cargo.toml")),
        (0o644, 0o755, 0o644)
    );
    assert_eq!(fs::metadata(folder.join("src/lib.rs")).unwrap().mtime(), PACKED);
    assert_eq!(drafts(&store), 0);
}

#[test]
fn what_is_no_crate_is_refused_and_nothing_stays() {
    let (dir, store) = store();
    let link = |path: &str, kind| plain().entry(path, kind, 0o777, b"").pack();
    for (packed, words) in [
        (plain().file("../../evil", "").pack(), "\"../../evil\""),
        (plain().file("a-1.0.0/../../evil", "").pack(), "evil"),
        (plain().file("/evil", "").pack(), "\"/evil\""),
        (plain().file("evil", "").pack(), "outside of `a-1.0.0/`"),
        (plain().file("a-1.0.1/evil", "").pack(), "outside of `a-1.0.0/`"),
        (
            plain().entry("b/", tar::EntryType::Directory, 0o755, b"").pack(),
            "outside of",
        ),
        (
            link("a-1.0.0/l", tar::EntryType::Symlink),
            "a link, which no crate has",
        ),
        (
            link("a-1.0.0/l", tar::EntryType::Link),
            "a link, which no crate has",
        ),
        (link("a-1.0.0/d", tar::EntryType::Char), "a device"),
        (
            Packer::default().file("a-1.0.0/src/lib.rs", "").pack(),
            "no Cargo.toml",
        ),
        (plain().pack()[..100].to_vec(), "refused"),
        (b"<html>".to_vec(), "not gzip"),
        (Vec::new(), "truncated"),
    ] {
        for stream in [false, true] {
            let limits = Limits::default();
            let refused = if stream {
                store.unpack_crate(packed.as_slice(), "a-1.0.0", &limits)
            } else {
                store.unpack_crate_bytes(&packed, "a-1.0.0", &limits)
            };
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
    assert_eq!(drafts(&store), 0);
    assert!(!dir.path().join("evil").exists() && !store.root().join("evil").exists());
    assert_eq!(store.size().unwrap().crates, 0);
}

#[test]
fn a_long_name_that_is_cut_off_at_a_slash_is_a_file() {
    let (_dir, store) = store();
    let folder = format!("a-1.0.0/{}/", "x".repeat(91));
    assert_eq!(folder.len(), 100, "as much as a header holds");
    let long = format!("{folder}deep/lib.rs\0");
    for kind in [tar::EntryType::Regular, tar::EntryType::Continuous] {
        let packed = plain()
            .entry(
                "././@LongLink",
                tar::EntryType::GNULongName,
                0o644,
                long.as_bytes(),
            )
            .entry(&folder, kind, 0o644, b"text")
            .file("a-1.0.0/after", "more")
            .pack();
        for stream in [false, true] {
            let limits = Limits::default();
            let unpacked = if stream {
                store.unpack_crate(packed.as_slice(), "a-1.0.0", &limits)
            } else {
                store.unpack_crate_bytes(&packed, "a-1.0.0", &limits)
            };
            let unpacked = unpacked.unwrap();
            let path = long.trim_end_matches('\0').strip_prefix("a-1.0.0/").unwrap();
            assert_eq!(fs::read(unpacked.package().join(path)).unwrap(), b"text");
            assert_eq!(fs::read(unpacked.package().join("after")).unwrap(), b"more");
        }
    }
}

#[test]
fn both_readers_give_the_same() {
    let (_dir, store) = store();
    let long = format!("a-1.0.0/{}", "x".repeat(90));
    let packed = plain()
        .file(&long, "text")
        .file("a-1.0.0/src/lib.rs", "again")
        .pack();
    let limits = Limits::default();
    let memory = store.unpack_crate_bytes(&packed, "a-1.0.0", &limits).unwrap();
    let stream = store.unpack_crate(packed.as_slice(), "a-1.0.0", &limits).unwrap();
    assert_eq!(memory.tree(), stream.tree());
    assert_eq!(memory.files(), 3);
    assert_eq!(fs::read(memory.package().join("src/lib.rs")).unwrap(), b"again");
}

#[test]
fn whoever_comes_second_finds_the_first() {
    let (_dir, store) = store();
    let packed = plain().pack();
    let digest = digest(&packed);
    let id = CrateId::new("a", "1.0.0", &digest);
    let limits = Limits::default();
    let unpack = || store.unpack_crate_bytes(&packed, "a-1.0.0", &limits).unwrap();
    let (one, two) = (unpack(), unpack());
    store.place_crate(&id, one, Some(&digest)).unwrap();
    let before = fs::metadata(store.crate_folder(&id)).unwrap().ino();
    store.place_crate(&id, two, Some(&digest)).unwrap();
    assert_eq!(fs::metadata(store.crate_folder(&id)).unwrap().ino(), before);
    assert_eq!(drafts(&store), 0);
}

#[test]
fn a_crate_of_a_repository_has_no_checksum() {
    let (_dir, store) = store();
    let packed = plain().pack();
    let unpacked = store
        .unpack_crate_bytes(&packed, "a-1.0.0", &Limits::default())
        .unwrap();
    let id = CrateId::new("a", "1.0.0", &digest(&packed));
    store.place_crate(&id, unpacked, None).unwrap();
    let text = store.crate_file(&id, ".cargo-checksum.json").unwrap().unwrap();
    assert_eq!(text, br#"{"files":{},"package":null}"#);
}

fn change(path: &Path, text: &str) {
    fs::remove_file(path).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn verification_finds_what_was_changed() {
    type Harm = fn(&Path);
    let harms: [(Harm, &str); 5] = [
        (
            |folder| change(&folder.join("src/lib.rs"), "pub fn b() {}\n"),
            "content has changed",
        ),
        (
            |folder| fs::remove_file(folder.join("src/lib.rs")).unwrap(),
            "src/lib.rs",
        ),
        (
            |folder| fs::write(folder.join("src/stray.rs"), "").unwrap(),
            "not of the package",
        ),
        (
            |folder| {
                change(
                    &folder.join(".cargo-checksum.json"),
                    r#"{"files":{},"package":""}"#,
                );
            },
            ".cargo-checksum.json",
        ),
        (
            |folder| {
                let path = folder.join("Cargo.toml");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            },
            "can be written",
        ),
    ];
    for (harm, words) in harms {
        let (_dir, store) = store();
        let id = place(&store, &plain().pack());
        let sound = store.verify(Depth::Full, Repair::Report).unwrap();
        assert_eq!((sound.checked, sound.damage.len()), (1, 0));
        harm(&store.crate_folder(&id));
        let found = store.verify(Depth::Full, Repair::Quarantine).unwrap();
        let [damage] = found.damage.as_slice() else {
            panic!("{words}: {found:?}")
        };
        assert!(damage.reason.contains(words), "{words}: {damage}");
        assert!(damage.path.starts_with("store/cargo"), "{damage}");
        assert!(!store.has_crate(&id));
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    }
}

#[test]
fn size_counts_crates() {
    let (_dir, store) = store();
    place(&store, &plain().pack());
    let size = store.size().unwrap();
    // Two files, the checksum file and the record.
    assert_eq!((size.crates, size.crate_files), (1, 4));
    assert!(size.crate_bytes > 100);
}

/// A working tree with a package in a folder, and links.
fn working_tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("README.md", "read me\n");
    write("a/Cargo.toml", "[package]\nversion.workspace = true\n");
    write("a/src/lib.rs", "pub fn a() {}\n");
    write("run.sh", "#!/bin/sh\n");
    write(".git/HEAD", "ref: refs/heads/main\n");
    write("module/.git", "gitdir: ../.git/modules/module\n");
    write("module/file", "");
    fs::set_permissions(tree.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("../README.md", tree.path().join("a/README.md")).unwrap();
    std::os::unix::fs::symlink("not/there", tree.path().join("dangling")).unwrap();
    tree
}

#[test]
fn a_repository_is_a_home_whose_packages_are_entries_of_a_directory_source() {
    let (_dir, store) = store();
    let tree = working_tree();
    let id = RepositoryId::new("tools", &"5f".repeat(20));
    let packages = RepositoryPackages::from([("a".to_owned(), Some("[package]\n".to_owned()))]);
    assert!(!store.has_repository(&id));
    store.place_repository(&id, tree.path(), &packages).unwrap();
    assert!(store.has_repository(&id));
    let folder = store.repository_folder(&id);
    let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    assert_eq!(read("a/Cargo.toml"), "[package]\n");
    assert_eq!(read("a/.cargo-checksum.json"), r#"{"files":{},"package":null}"#);
    assert_eq!(read("a/README.md"), "read me\n");
    assert!(!folder.join(".git").exists() && !folder.join("module/.git").exists());
    let data = fs::metadata(folder.join("run.sh")).unwrap();
    assert_eq!((data.mode() & 0o777, data.mtime()), (0o755, PACKED));
    // Again is no work, and no harm.
    let before = fs::metadata(&folder).unwrap().ino();
    store.place_repository(&id, tree.path(), &packages).unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().ino(), before);
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    fs::write(folder.join("a/src/lib.rs"), "pub fn b() {}\n").unwrap();
    let damage = store.verify(Depth::Full, Repair::Report).unwrap().damage;
    assert!(damage[0].path.starts_with("store/cargo"), "{damage:?}");
}

#[test]
fn a_repository_that_leads_out_of_itself_is_refused_by_name() {
    for (link, target) in [
        ("out", "../outside"),
        ("a/src/deep", "../../../etc"),
        ("root", "/etc/passwd"),
        ("self", "self"),
    ] {
        let (_dir, store) = store();
        let tree = working_tree();
        std::os::unix::fs::symlink(target, tree.path().join(link)).unwrap();
        let id = RepositoryId::new("tools", &"5f".repeat(20));
        let error = store.place_repository(&id, tree.path(), &RepositoryPackages::new());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(link) && error.contains(target), "{error}");
        assert!(!store.has_repository(&id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_archives_are_survived(at in 0usize..400, byte in any::<u8>(), cut in 0usize..400) {
        let (_dir, store) = store();
        let mut packed = plain().file("a-1.0.0/x", &"text ".repeat(100)).pack();
        let length = packed.len();
        packed[at % length] ^= byte;
        packed.truncate(length - cut % length);
        let _ = store.unpack_crate_bytes(&packed, "a-1.0.0", &Limits::default());
        prop_assert_eq!(drafts(&store), 0);
    }
}
