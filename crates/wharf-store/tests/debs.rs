//! Debian packages into the store: what comes out of good ones, and by which words bad ones are refused.

use std::io::{Read, Write};

use wharf_core::{Algorithm, Digest};
use wharf_store::verify::{Depth, Repair};
use wharf_store::{DebPackage, Hasher, Limits, Store, StoreSize, SystemKind, SystemTree};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::open(&folder.path().join("store")).expect("a fresh store opens");
    (folder, store)
}

fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, body) in members {
        out.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                100_644,
                body.len()
            )
            .bytes(),
        );
        out.extend_from_slice(body);
        if body.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// One entry of a tar: its type, path and either contents or target.
type Entry<'a> = (u8, &'a [u8], &'a [u8]);

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, path, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_mode(if path.ends_with(b"suid") { 0o4755 } else { 0o644 });
        header.as_gnu_mut().expect("it is a GNU header").name[..path.len()].copy_from_slice(path);
        let is_file = *kind == b'0';
        header.set_size(if is_file { text.len() as u64 } else { 0 });
        if matches!(kind, b'1' | b'2') {
            header.as_gnu_mut().expect("it is a GNU header").linkname[..text.len()].copy_from_slice(text);
        }
        header.set_cksum();
        let body: &[u8] = if is_file { text } else { b"" };
        builder.append(&header, body).expect("memory can be written");
    }
    builder.into_inner().expect("memory can be written")
}

fn control() -> Vec<u8> {
    tar(&[(b'0', b"./control", b"Package: a\nVersion: 1\n")])
}

fn deb(data: &[Entry<'_>]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", control()),
        ("data.tar", tar(data)),
    ])
}

/// Gives one byte at a time.
struct Slowly<'a>(&'a [u8]);

impl Read for Slowly<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min(1);
        self.0.read(&mut into[..count])
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Hasher::digest(Algorithm::Sha256, bytes)
}

fn import(store: &Store, bytes: &[u8]) -> Result<DebPackage, String> {
    let limits = Limits {
        max_file_bytes: 1 << 20,
        max_total_bytes: 4 << 20,
        ..Limits::default()
    };
    store
        .import_deb(bytes, &digest(bytes), &limits)
        .map_err(|error| error.to_string())
}

fn data(store: &Store, package: &DebPackage) -> SystemTree {
    store
        .system_tree(&package.data)
        .expect("the tree was just written")
}

#[test]
fn what_a_package_has_is_kept() {
    let (_folder, store) = store();
    let bytes = deb(&[
        (b'5', b"./", b""),
        (b'5', b"./usr/", b""),
        (b'0', b"./usr/suid", b"x"),
        (b'1', b"./usr/hard", b"./usr/suid"),
        (b'2', b"./usr/absolute", b"/etc/alternatives/x"),
        (b'2', b"./usr/up", b"../../../../x"),
        (b'0', b"./usr/caf\xe9", b"latin"),
        (b'0', b"./usr/README", b"1"),
        (b'0', b"./usr/readme", b"2"),
        (b'3', b"./dev", b""),
    ]);
    let package = import(&store, &bytes).unwrap();
    assert_eq!(store.lookup_deb(&digest(&bytes)), Some(package.clone()));
    let tree = data(&store, &package);
    let mode = |path: &[u8]| match &tree.get(path).unwrap().kind {
        SystemKind::File { mode, object, .. } => (*mode, *object),
        other => panic!("{other:?}"),
    };
    assert_eq!(mode(b"usr/suid").0, 0o4755);
    assert_eq!(mode(b"usr/hard"), mode(b"usr/suid"));
    assert!(tree.get(b"usr/caf\xe9").is_some());
    assert!(matches!(
        tree.get(b"dev").unwrap().kind,
        SystemKind::Noted { letter: b'3', .. }
    ));
    assert!(
        matches!(&tree.get(b"usr/absolute").unwrap().kind, SystemKind::Link(target) if &**target == b"/etc/alternatives/x")
    );
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
}

#[test]
fn every_packing_gives_the_same_trees() {
    let (_folder, store) = store();
    let plain = tar(&[(b'0', b"./a", b"contents")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = Vec::new();
    liblzma::read::XzEncoder::new(&plain[..], 1)
        .read_to_end(&mut xz)
        .unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let mut seen = Vec::new();
    for (name, body) in [
        ("data.tar", plain),
        ("data.tar.gz", gzip.finish().unwrap()),
        ("data.tar.xz", xz),
        ("data.tar.zst", zstd),
    ] {
        let bytes = ar(&[
            ("debian-binary", b"2.0\n".to_vec()),
            ("_passed-over", b"x".to_vec()),
            ("control.tar", control()),
            (name, body),
            ("later", b"ignored".to_vec()),
        ]);
        seen.push(import(&store, &bytes).unwrap());
        // As a network may bring it.
        let (_folder, other) = self::store();
        let slowly = other.import_deb(Slowly(&bytes), &digest(&bytes), &Limits::default());
        seen.push(slowly.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[test]
fn bad_packages_are_refused_by_name_and_leave_nothing() {
    let version = |text: &[u8]| {
        ar(&[
            ("debian-binary", text.to_vec()),
            ("control.tar", control()),
            ("data.tar", tar(&[])),
        ])
    };
    let swapped = ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("data.tar", tar(&[])),
        ("control.tar", control()),
    ]);
    let unknown = ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", control()),
        ("surprise", Vec::new()),
        ("data.tar", tar(&[])),
    ]);
    let bare = ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", tar(&[])),
        ("data.tar", tar(&[])),
    ]);
    let bomb = vec![0; 2 << 20];
    let good = deb(&[(b'0', b"a", b"x")]);
    for (bytes, reason) in [
        (deb(&[(b'0', b"../a", b"x")]), "climbs out with `..`"),
        (deb(&[(b'0', b"/etc/a", b"x")]), "is absolute"),
        (
            deb(&[(b'2', b"a", b"/etc"), (b'0', b"a/b", b"x")]),
            "`a` is both a file and a folder",
        ),
        (
            deb(&[(b'0', b"a/b", b"x"), (b'2', b"a", b"/etc")]),
            "`a` is both a file and a folder",
        ),
        (deb(&[(b'0', b"a", b"x"), (b'0', b"a", b"y")]), "it appears twice"),
        (deb(&[(b'1', b"a", b"b")]), "it is a hard link to `b`"),
        (
            deb(&[(b'0', b"a", &bomb)]),
            "it unpacks to more than 1048576 bytes",
        ),
        (version(b"3.0\n"), "its format has version 3.0"),
        (version(b"2\n"), "its format has version 2"),
        (swapped, "it has `data.tar` where its control.tar should be"),
        (unknown, "it has `surprise` where its data.tar should be"),
        (bare, "it has no file `control`"),
        (good[..good.len() - 700].to_vec(), "it is truncated"),
        // In the first bytes of its last member.
        (good[..good.len() - 2000].to_vec(), "it is truncated"),
        (b"PK\x03\x04....".to_vec(), "it is a zip, not a Debian package"),
    ] {
        let (_folder, store) = store();
        let error = import(&store, &bytes).unwrap_err();
        assert!(error.contains(reason), "{error} should have {reason}");
        let size = StoreSize {
            stage_bytes: 0,
            ..store.size().unwrap()
        };
        assert_eq!(size, StoreSize::default(), "{reason}");
    }
}

#[test]
fn another_digest_is_refused_after_all_was_read() {
    let (_folder, store) = store();
    let bytes = deb(&[(b'0', b"a", b"x")]);
    let error = store
        .import_deb(&bytes[..], &digest(b"else"), &Limits::default())
        .unwrap_err();
    assert!(error.to_string().contains("its digest is sha256:"), "{error}");
    assert_eq!(store.size().unwrap().objects, 0);
}

/// A tar of files without contents, under names of any length.
fn named(names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(name.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(name.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(0);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn with_data(data: Vec<u8>) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", control()),
        ("data.tar", data),
    ])
}

#[test]
fn a_sparse_file_is_refused_before_its_holes_are_written() {
    let (_folder, store) = store();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..6].copy_from_slice(b"./hole");
    // 3 GiB, all of it a hole.
    gnu.realsize.copy_from_slice(b"30000000000\0");
    gnu.sparse[0].offset.copy_from_slice(b"30000000000\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    let mut data = header.as_bytes().to_vec();
    data.resize(512 + 1024, 0);
    let bytes = with_data(data);
    let refused = store
        .import_deb(&bytes[..], &digest(&bytes), &Limits::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("./hole") && refused.contains("it is a sparse file, not a file, folder or link"),
        "{refused}"
    );
    assert_eq!(store.size().unwrap(), StoreSize::default());
}

#[test]
fn folders_that_only_paths_imply_count() {
    let (_folder, store) = store();
    let deep = |from: usize, levels: usize| format!("{from:x}{}", "/a".repeat(levels));
    let refused = |names: &[String]| {
        let bytes = with_data(named(names));
        let limits = Limits {
            max_entries: 1000,
            ..Limits::default()
        };
        let imported = store.import_deb(&bytes[..], &digest(&bytes), &limits);
        imported.err().map(|error| error.to_string())
    };
    assert_eq!(refused(&[deep(0, 200)]), None);
    let why = refused(&[deep(0, 300)]).unwrap_or_default();
    assert!(why.contains("more than 256 folders"), "{why}");
    // Each path has folders of its own.
    let many: Vec<String> = (0..5).map(|from| deep(from, 250)).collect();
    let why = refused(&many).unwrap_or_default();
    assert!(why.contains("more than 1000 entries"), "{why}");
    // What they share is counted once.
    let beside: Vec<String> = (0..500).map(|name| format!("{}/{name}", deep(0, 250))).collect();
    assert_eq!(refused(&beside), None);
}

#[test]
fn names_and_owners_are_counted_in_all() {
    let (_folder, store) = store();
    let mut data = Vec::new();
    let owner = "o".repeat(900_000);
    let mut builder = tar::Builder::new(&mut data);
    for number in 0..160 {
        builder
            .append_pax_extensions([("uname", owner.as_bytes())])
            .unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{number}")).unwrap();
        header.set_size(0);
        header.set_uid(1000);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    }
    builder.finish().unwrap();
    drop(builder);
    let bytes = with_data(data);
    let why = store
        .import_deb(&bytes[..], &digest(&bytes), &Limits::default())
        .unwrap_err()
        .to_string();
    assert!(why.contains("names, targets and owners"), "{why}");
}

#[test]
fn a_whole_archive_with_another_digest_is_not_unpacked() {
    let (_folder, store) = store();
    // What would be refused by another name if it were looked at.
    let bytes = deb(&[(b'0', b"../../escape", b"x")]);
    let limits = Limits::default();
    let why = |digest: &Digest| {
        let imported = store.import_whole_deb(&bytes, digest, &limits);
        imported.unwrap_err().to_string()
    };
    assert!(
        why(&digest(b"other")).contains("its digest is"),
        "{}",
        why(&digest(b"other"))
    );
    assert!(
        why(&digest(&bytes)).contains("climbs out"),
        "{}",
        why(&digest(&bytes))
    );
    let good = deb(&[(b'0', b"./a", b"x")]);
    let package = store.import_whole_deb(&good, &digest(&good), &limits).unwrap();
    assert_eq!(store.lookup_deb(&digest(&good)), Some(package));
}
