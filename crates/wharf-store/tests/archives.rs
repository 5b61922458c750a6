//! Archives as the world makes them, and as it should not: what gets in, what is refused, and in which words.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wharf_core::{Explain, Fault};
use wharf_store::archive::{ArchiveError, tar as tar_reader, zip as zip_reader};
use wharf_store::extract::{extract_tar, extract_zip};
use wharf_store::{Compression, Depth, Kind, Limits, ObjectId, Repair, Store, StoreSize, TreeId};

/// One stored entry, every field of which a test can falsify.
#[derive(Clone)]
struct Part {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    bytes: Vec<u8>,
    mode: u32,
    method: u16,
    flags: u16,
    crc_flip: u32,
    size_off: i64,
    extra: Vec<u8>,
}

fn part(name: &str, bytes: &[u8]) -> Part {
    Part {
        name: name.into(),
        local_name: None,
        bytes: bytes.into(),
        mode: 0o100_644,
        method: 0,
        flags: 0,
        crc_flip: 0,
        size_off: 0,
        extra: Vec::new(),
    }
}

fn print_zip(parts: &[Part]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let offset = out.len() as u32;
        let crc = libdeflater::crc32(&part.bytes) ^ part.crc_flip;
        let packed = part.bytes.len() as u32;
        let size = (i64::from(packed) + part.size_off) as u32;
        let both = |out: &mut Vec<u8>, name: &[u8], extra: &[u8]| {
            for number in [20, part.flags, part.method, 0, 0] {
                out.extend(number.to_le_bytes());
            }
            for number in [crc, packed, size] {
                out.extend(number.to_le_bytes());
            }
            out.extend((name.len() as u16).to_le_bytes());
            out.extend((extra.len() as u16).to_le_bytes());
        };
        out.extend(b"PK\x03\x04");
        let local_name = part.local_name.as_ref().unwrap_or(&part.name);
        both(&mut out, local_name, &[]);
        out.extend(local_name);
        out.extend(&part.bytes);
        directory.extend(b"PK\x01\x02\x14\x03");
        both(&mut directory, &part.name, &part.extra);
        directory.extend([0; 6]);
        directory.extend((part.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&part.name);
        directory.extend(&part.extra);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((parts.len() as u16).to_le_bytes());
    out.extend((parts.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
}

fn import(store: &Store, name: &str, bytes: &[u8], limits: &Limits) -> Result<TreeId, ArchiveError> {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join(name);
    std::fs::write(&archive, bytes).unwrap();
    store.import_zip(&archive, limits)
}

fn assert_empty(store: &Store) {
    let size = StoreSize {
        stage_bytes: 0,
        ..store.size().unwrap()
    };
    assert_eq!(size, StoreSize::default(), "a refused archive leaves nothing");
    assert_eq!(staged(store), Vec::<PathBuf>::new(), "nor does its stage stay");
}

/// What lies in the stage's folders for objects and for the small files of trees.
fn staged(store: &Store) -> Vec<PathBuf> {
    let mut found = walk(&store.root().join("stage"));
    let is_ours = |part: std::path::Component<'_>| {
        let part = part.as_os_str().to_string_lossy();
        part.starts_with("lane") || part.starts_with("drafts")
    };
    found.retain(|path| path.components().any(is_ours));
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn zips_that_are_refused_say_why_and_leave_nothing() {
    let good = print_zip(&[part("a", b"one"), part("b/c", b"two")]);
    let with = |change: &dyn Fn(&mut Part)| {
        let mut bad = part("bad", b"content");
        change(&mut bad);
        print_zip(&[part("good", b"fine"), bad])
    };
    let named = |name: &str| with(&|bad| bad.name = name.into());
    let linked = |target: &str| with(&|bad| (bad.mode, bad.bytes) = (0o120_777, target.into()));
    let overlap = {
        let mut bytes = print_zip(&[part("a", b"one"), part("b", b"two")]);
        let second = bytes.len() - 22 - 47 + 42; // the second entry's offset, in its directory record
        bytes[second..second + 4].copy_from_slice(&0u32.to_le_bytes());
        bytes
    };
    for (what, bytes, reason) in [
        ("climbing", named("../x"), "climbs out with `..`"),
        ("absolute", named("/etc/passwd"), "is absolute"),
        ("drive", named("C:x"), "has a drive letter"),
        ("backslash", named("a\\b"), "has a backslash"),
        ("NUL", named("a\0b"), "has a NUL"),
        (
            "not text",
            with(&|bad| bad.name = b"\xff\xfe".to_vec()),
            "its name is not UTF-8",
        ),
        ("twice", named("good"), "it appears twice"),
        ("case", named("GOOD"), "differs from `good` only in case"),
        (
            "file and folder",
            named("good/x"),
            "`good` is both a file and a folder",
        ),
        (
            "escaping link",
            linked("../../etc"),
            "links to `../../etc`, outside the archive",
        ),
        (
            "absolute link",
            linked("/etc"),
            "links to `/etc`, outside the archive",
        ),
        ("endless link", linked("bad"), "never ends"),
        ("device", with(&|bad| bad.mode = 0o020_644), "it is a device"),
        ("pipe", with(&|bad| bad.mode = 0o010_644), "it is a pipe"),
        ("socket", with(&|bad| bad.mode = 0o140_644), "it is a socket"),
        (
            "checksum",
            with(&|bad| bad.crc_flip = 1),
            "checksum does not match",
        ),
        (
            "declared size",
            with(&|bad| bad.size_off = 1),
            "does not unpack to the size it declares",
        ),
        ("encrypted", with(&|bad| bad.flags = 1), "it is encrypted"),
        (
            "strongly encrypted",
            with(&|bad| bad.flags = 1 << 6),
            "it is encrypted",
        ),
        ("LZMA", with(&|bad| bad.method = 14), "compression method 14"),
        ("not deflate", with(&|bad| bad.method = 8), "damaged"),
        ("not bzip2", with(&|bad| bad.method = 12), "entry \"bad\""),
        ("not Zstandard", with(&|bad| bad.method = 93), "entry \"bad\""),
        (
            "two names",
            with(&|bad| bad.local_name = Some(b"dab".to_vec())),
            "contradicts the directory",
        ),
        (
            "unicode path",
            with(&|bad| bad.extra = b"\x75\x70\x08\0\x01\0\0\0\0abc".to_vec()),
            "two different names",
        ),
        (
            "broken extra",
            with(&|bad| bad.extra = b"\x75\x70\xff\0".to_vec()),
            "extra field is damaged",
        ),
        (
            "full folder",
            with(&|bad| bad.name = b"bad/".to_vec()),
            "folder with contents",
        ),
        ("overlap", overlap, "overlaps another entry"),
        (
            "bytes in front",
            [b"junk".as_slice(), &good].concat(),
            "does not end where it should",
        ),
        (
            "bytes behind",
            [good.as_slice(), b"x"].concat(),
            "it is truncated",
        ),
        ("nothing", Vec::new(), "it is not a zip"),
        (
            "a web page",
            b"<html><body>404</body></html>".to_vec(),
            "it is a web page, not a zip",
        ),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0".to_vec(),
            "it is gzip, not a zip",
        ),
    ] {
        let (_dir, store) = store();
        let error = import(&store, "x.whl", &bytes, &Limits::default()).expect_err(what);
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains("x.whl"), "{what}: {text}");
        assert_eq!(error.fault(), Fault::Denied, "{what}");
        assert_empty(&store);
    }
}

#[test]
fn every_cut_of_a_zip_is_refused() {
    let good = print_zip(&[part("a", b"one"), part("b/c", b"two")]);
    for cut in 0..good.len() {
        assert!(
            zip_reader::inspect(&good[..cut], &Limits::default()).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn limits_are_limits() {
    let limits = Limits {
        max_entries: 2,
        max_file_bytes: 10,
        max_total_bytes: 15,
        ..Limits::default()
    };
    for (parts, reason) in [
        (
            vec![part("a", b""), part("b", b""), part("c", b"")],
            "more than 2 entries",
        ),
        (vec![part("a", b"01234567890")], "more than 10 bytes"),
        (
            vec![part("a", b"01234567"), part("b", b"01234567")],
            "more than 15 bytes in all",
        ),
    ] {
        let error = zip_reader::inspect(&print_zip(&parts), &limits).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    // Three million zeros in three thousand bytes.
    let limits = Limits {
        ratio_matters_from: 1 << 20,
        ..Limits::default()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut header = tar::Header::new_ustar();
    header.set_path("zeros").unwrap();
    header.set_size(3 << 20);
    header.set_cksum();
    gzip.write_all(header.as_bytes()).unwrap();
    let block = vec![0; 1 << 20];
    (0..4).for_each(|_| gzip.write_all(&block).unwrap());
    let error = tar_reader::inspect(&gzip.finish().unwrap(), Compression::Gzip, &limits).unwrap_err();
    assert!(
        error.to_string().contains("more than 200 times its size"),
        "{error}"
    );
}

/// The same files by the `zip` crate, in every method that packages use.
#[test]
fn ordinary_zips_get_in_by_every_method() {
    use zip::CompressionMethod::{Deflated, Stored};
    let text = "some text that repeats, ".repeat(2000);
    let mut ids = Vec::new();
    for (method, large) in [(Stored, false), (Deflated, false), (Deflated, true)] {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .large_file(large);
        writer.add_directory("pkg", options).unwrap();
        writer
            .start_file("pkg/ü.txt", options.unix_permissions(0o644))
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer
            .start_file("pkg/run", options.unix_permissions(0o755))
            .unwrap();
        writer.write_all(b"#!/bin/sh\n").unwrap();
        writer.start_file("pkg/empty", options).unwrap();
        writer.add_symlink("pkg/link", "run", options).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let (_dir, store) = store();
        let id = import(&store, "p.whl", &bytes, &Limits::default()).unwrap();
        let tree = store.tree(&id).unwrap();
        assert_eq!(tree.get("pkg/link").unwrap().kind, Kind::Link("run".into()));
        let Kind::File {
            object,
            executable: true,
            size: 10,
        } = tree.get("pkg/run").unwrap().kind
        else {
            panic!("{tree:?}")
        };
        assert_eq!(store.read_file(&id, &object, true).unwrap(), b"#!/bin/sh\n");
        let Kind::File {
            object,
            executable: false,
            ..
        } = tree.get("pkg/ü.txt").unwrap().kind
        else {
            panic!("{tree:?}")
        };
        assert_eq!(store.read_file(&id, &object, false).unwrap(), text.as_bytes());
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the packing does not show in the tree");
}

#[test]
fn more_entries_than_the_old_format_counts_and_files_too_large_for_memory() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..66_000 {
        writer.start_file(number.to_string(), options).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(
        zip_reader::inspect(&bytes, &Limits::default()).unwrap().len(),
        66_000
    );

    let (_dir, store) = store();
    let large = vec![b'x'; (64 << 20) + 1];
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file(
            "large",
            options
                .compression_method(zip::CompressionMethod::Deflated)
                .large_file(true),
        )
        .unwrap();
    writer.write_all(&large).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let limits = Limits {
        max_ratio: 2000,
        ..Limits::default()
    };
    let id = import(&store, "large.zip", &bytes, &limits).unwrap();
    let Kind::File { object, .. } = store.tree(&id).unwrap().entries[0].kind else {
        panic!("it is a file")
    };
    assert_eq!(object, ObjectId::of(&large));
    bytes[5000] ^= 0x55;
    let error = import(&store, "large.zip", &bytes, &limits).unwrap_err();
    assert_eq!(error.code(), "archive/damaged");
}

#[test]
fn a_file_that_an_archive_has_often_is_written_once_and_a_large_one_as_it_comes() {
    let (_dir, store) = store();
    let mut files: Vec<(String, Vec<u8>)> = (0..300)
        .flat_map(|number| {
            [
                (format!("{number}/__init__.py"), Vec::new()),
                (format!("{number}/only"), format!("{number}").into_bytes()),
            ]
        })
        .collect();
    let mut noise = 1u32;
    let large = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        (noise % 64) as u8
    });
    files.push(("large".to_owned(), large.take(2_000_000).collect()));
    let print = |damage: bool| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &files {
            writer
                .start_file(&**name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        let mut bytes = writer.finish().unwrap().into_inner();
        if damage {
            let within = bytes.len() - 200_000;
            bytes[within..within + 40].fill(0xff);
        }
        bytes
    };

    import(&store, "bad.zip", &print(true), &Limits::default()).unwrap_err();
    assert_empty(&store);

    let id = import(&store, "good.zip", &print(false), &Limits::default()).unwrap();
    let tree = store.tree(&id).unwrap();
    let found: std::collections::BTreeMap<_, _> = tree
        .entries
        .iter()
        .map(|entry| match entry.kind {
            Kind::File { object, .. } => (entry.path.as_str().to_owned(), object),
            _ => panic!("they are files"),
        })
        .collect();
    let expected = files
        .iter()
        .map(|(name, content)| (name.clone(), ObjectId::of(content)));
    assert_eq!(found, expected.collect());
    let report = store.verify(Depth::Full, Repair::Report).unwrap();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    assert_eq!(store.size().unwrap().objects, 302);
    assert_eq!(staged(&store), Vec::<PathBuf>::new());
}

fn print_tar(change: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    add(
        &mut builder,
        "pkg/setup.py",
        tar::EntryType::Regular,
        b"print()",
        None,
    );
    change(&mut builder);
    builder.into_inner().unwrap()
}

/// Adds an entry without the checks that the `tar` crate makes.
fn add(
    builder: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: tar::EntryType,
    bytes: &[u8],
    link: Option<&str>,
) {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    if let Some(link) = link {
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

#[test]
fn tars_that_are_refused_say_why_and_leave_nothing() {
    use tar::EntryType as T;
    let with =
        |path: &str, kind: T, link: Option<&str>| print_tar(|builder| add(builder, path, kind, b"", link));
    for (what, bytes, reason) in [
        ("climbing", with("../x", T::Regular, None), "climbs out"),
        ("absolute", with("/x", T::Regular, None), "is absolute"),
        ("twice", with("pkg/setup.py", T::Regular, None), "appears twice"),
        ("case", with("pkg/SETUP.py", T::Regular, None), "only in case"),
        (
            "file and folder",
            with("pkg", T::Regular, None),
            "both a file and a folder",
        ),
        ("device", with("dev", T::Char, None), "it is a device"),
        ("disk", with("dev", T::Block, None), "it is a device"),
        ("pipe", with("pipe", T::Fifo, None), "it is a pipe"),
        (
            "escaping link",
            with("pkg/l", T::Symlink, Some("../../x")),
            "outside the archive",
        ),
        (
            "absolute link",
            with("pkg/l", T::Symlink, Some("/x")),
            "outside the archive",
        ),
        (
            "escaping hard link",
            with("pkg/l", T::Link, Some("../x")),
            "climbs out",
        ),
        (
            "dangling hard link",
            with("pkg/l", T::Link, Some("pkg/none")),
            "does not have before it",
        ),
        (
            "link into a link",
            print_tar(|builder| {
                add(builder, "pkg/up", T::Symlink, b"", Some(".."));
                add(builder, "pkg/up/x", T::Regular, b"", None);
            }),
            "both a file and a folder",
        ),
        ("no end", print_tar(|_| {})[..1024].to_vec(), "it is truncated"),
        ("in a file", print_tar(|_| {})[..515].to_vec(), "it is truncated"),
        ("nothing", Vec::new(), "it is truncated"),
        (
            "a zip",
            print_zip(&[part("a", b"")]),
            "it is a zip, not an uncompressed tar",
        ),
        (
            "long name",
            print_tar(|builder| {
                let name = vec![b'x'; 2 << 20];
                add(builder, "././@LongLink", T::GNULongName, &name, None);
                add(builder, "x", T::Regular, b"", None);
            }),
            "headers are too long",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("x.tar");
        std::fs::write(&archive, bytes).unwrap();
        let into = dir.path().join("out");
        let error = extract_tar(&archive, Compression::None, &into, &Limits::default()).expect_err(what);
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
}

#[test]
fn every_compression_gets_in_and_no_cut_of_it_does() {
    let plain = print_tar(|builder| {
        add(builder, "pkg/data", tar::EntryType::Regular, &[7; 5000], None);
        add(builder, "pkg/hard", tar::EntryType::Link, b"", Some("pkg/data"));
        add(builder, "pkg/soft", tar::EntryType::Symlink, b"", Some("data"));
    });
    let gzip = {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(&plain).unwrap();
        writer.finish().unwrap()
    };
    let bzip2 = {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        writer.write_all(&plain).unwrap();
        writer.finish().unwrap()
    };
    let xz = {
        let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 1);
        writer.write_all(&plain).unwrap();
        writer.finish().unwrap()
    };
    let zstd = {
        let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        writer.include_checksum(true).unwrap();
        writer.write_all(&plain).unwrap();
        writer.finish().unwrap()
    };
    let (dir, store) = store();
    let mut ids = Vec::new();
    for (name, compression, bytes) in [
        ("a.tar", Compression::None, &plain),
        ("a.tar.gz", Compression::Gzip, &gzip),
        ("a.tar.bz2", Compression::Bzip2, &bzip2),
        ("a.tar.xz", Compression::Xz, &xz),
        ("a.tar.zst", Compression::Zstd, &zstd),
    ] {
        let archive = dir.path().join(name);
        std::fs::write(&archive, bytes).unwrap();
        for cut in (0..bytes.len() - 1024.min(bytes.len() / 2)).step_by(7) {
            assert!(
                tar_reader::inspect(&bytes[..cut], compression, &Limits::default()).is_err(),
                "{name} at {cut}"
            );
        }
        let folder = dir.path().join(format!("{name}.d"));
        extract_tar(&archive, compression, &folder, &Limits::default()).unwrap();
        assert_eq!(std::fs::read(folder.join("pkg/soft")).unwrap(), [7; 5000]);
        assert_eq!(std::fs::read(folder.join("pkg/hard")).unwrap(), [7; 5000]);
        ids.push(store.import_folder(&folder, &Limits::default()).unwrap());
        assert!(
            extract_tar(&archive, compression, &folder, &Limits::default()).is_err(),
            "not into a full folder"
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_gzip_has_members_and_what_follows_them() {
    let gzip = |bytes: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    let plain = print_tar(|builder| {
        add(builder, "pkg/data", tar::EntryType::Regular, &[7; 5000], None);
    });
    let (one, other) = plain.split_at(700);
    let members = [gzip(one), gzip(b""), gzip(other)].concat();
    let check = |rest: &[u8], expected: Result<usize, &str>| {
        let bytes = [&members[..], rest].concat();
        match (
            tar_reader::inspect(&bytes, Compression::Gzip, &Limits::default()),
            expected,
        ) {
            (Ok(found), Ok(count)) => assert_eq!(found.len(), count),
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{error}"),
            (found, expected) => panic!("{found:?}, {expected:?}"),
        }
    };
    check(b"", Ok(2));
    // A tape's padding, and anything else that is no member: dpkg and tarfile take both, GNU tar the first.
    check(&[0; 9000], Ok(2));
    check(b"garbage", Ok(2));
    // Nobody but tarfile, which does not look, takes what begins like a member and is none.
    check(b"\x1f\x8bgarbage", Err("damaged"));
    check(&gzip(&plain)[..40], Err("truncated"));
    // What follows the tar's end is unpacked and checked, and not looked at.
    check(&gzip(&plain), Ok(2));
    let mut damaged = gzip(&plain);
    *damaged.last_mut().unwrap() ^= 1;
    check(&damaged, Err("damaged"));
}

#[test]
fn a_zip_extracts_as_it_imports() {
    let (dir, store) = store();
    let mut link = part("d/link", b"../a");
    link.mode = 0o120_777;
    let mut run = part("d/run", b"#!");
    run.mode = 0o100_755;
    let bytes = print_zip(&[part("a", b"one"), link, run]);
    let archive = dir.path().join("a.zip");
    std::fs::write(&archive, &bytes).unwrap();
    let limits = Limits::default();
    extract_zip(&archive, &dir.path().join("out"), &limits).unwrap();
    assert_eq!(std::fs::read(dir.path().join("out/d/link")).unwrap(), b"one");
    let id = store.import_zip(&archive, &limits).unwrap();
    assert_eq!(store.import_folder(&dir.path().join("out"), &limits).unwrap(), id);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_zips_are_refused_or_read_but_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut link = part("d/link", b"../a");
        link.mode = 0o120_777;
        let mut bytes = print_zip(&[part("a", b"one"), link, part("d/e", &[9; 300])]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(entries) = zip_reader::inspect(&bytes, &Limits::default()) {
            prop_assert!(entries.len() <= 3);
        }
    }

    #[test]
    fn changed_tars_are_refused_or_stay_inside(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = print_tar(|builder| {
            add(builder, "pkg/hard", tar::EntryType::Link, b"", Some("pkg/setup.py"));
            add(builder, "pkg/soft", tar::EntryType::Symlink, b"", Some("setup.py"));
        });
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("x.tar");
        std::fs::write(&archive, &bytes).unwrap();
        let limits = Limits { max_total_bytes: 1 << 20, ..Limits::default() };
        let _ = extract_tar(&archive, Compression::None, &dir.path().join("out"), &limits);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing beside the folder");
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(zip_reader::inspect(&noise, &Limits::default()).is_err());
        for compression in [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::Zstd] {
            prop_assert!(tar_reader::inspect(&noise, compression, &Limits::default()).is_err());
        }
    }
}
