//! Archives of npm packages: what gets in and what is refused, by both ways of unpacking.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::LazyLock;

use proptest::prelude::*;
use wharf_store::home::unpack::read_file_of_tgz;
use wharf_store::{Shape, Unpacked};

use super::*;

/// Unpacks through memory and through the stream, in folders and flat, which must agree.
fn both(store: &Store, bytes: &[u8]) -> Result<Unpacked, String> {
    let explain = |error: wharf_store::ArchiveError| error.to_string();
    let memory = store
        .unpack_tgz_bytes(bytes, Shape::Tree("a"), &Limits::default())
        .map_err(explain);
    // What arrives may begin with a piece of a single byte.
    let (first, rest) = bytes.split_at(bytes.len().min(1));
    let stream = store
        .unpack_tgz(first.chain(rest), Shape::Tree("a"), &Limits::default())
        .map_err(explain);
    let manifest = read_file_of_tgz(bytes, "package.json", 1 << 20, &Limits::default()).map_err(explain);
    match (memory, stream) {
        (Ok(memory), Ok(stream)) => {
            let unpacked = memory.package_json().ok();
            // Commands are mended where they are unpacked, and no manifest is one.
            assert_eq!(manifest, Ok(unpacked));
            assert_eq!(memory.tree(), stream.tree());
            assert_eq!(listing(&memory.package()), listing(&stream.package()));
            flat(store, bytes, &memory);
            Ok(memory)
        }
        (Err(memory), Err(stream)) => {
            assert_eq!(memory, stream);
            let flat = store.unpack_tgz(bytes, Shape::Flat, &Limits::default());
            assert_eq!(flat.map_err(explain).unwrap_err(), memory);
            Err(memory)
        }
        (memory, stream) => panic!("{memory:?} but {stream:?}"),
    }
}

/// Unpacks so that files lie flat, both ways, which must have the same files as one that has folders, and no others.
fn flat(store: &Store, bytes: &[u8], expected: &Unpacked) {
    let files = listing(&expected.package());
    let ways = [
        store.unpack_tgz_bytes(bytes, Shape::Flat, &Limits::default()),
        store.unpack_tgz(bytes, Shape::Flat, &Limits::default()),
    ];
    for unpacked in ways {
        let unpacked = unpacked.unwrap();
        assert_eq!(unpacked.tree(), expected.tree());
        let mut contents = BTreeSet::new();
        for (path, mode, text) in &files {
            let file = unpacked.file(path).unwrap();
            assert_eq!(file.parent(), Some(&*unpacked.package()), "{path}");
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, *mode, "{path}");
            assert_eq!(
                String::from_utf8_lossy(&fs::read(&file).unwrap()),
                *text,
                "{path}"
            );
            contents.insert(file);
        }
        let there = fs::read_dir(unpacked.package()).unwrap();
        assert_eq!(there.count(), contents.len(), "nothing else lies there");
        assert_eq!(unpacked.file("no/such/file"), None);
    }
}

#[test]
fn a_package_as_npm_would_have_it() {
    let (_dir, store) = store();
    let tar = Tar::new()
        .entry(
            "pax_global_header",
            b'g',
            0o644,
            b"30 comment=some commit or so\n",
        )
        .entry("package/", b'5', 0o755, b"")
        .file("package/package.json", r#"{"bin":{"x":"./cli.js","y":"bin/y"}}"#)
        .entry("package/cli.js", b'0', 0o644, b"#!/usr/bin/env node\r\nrun()\r\n")
        .entry("package/bin/y", 0, 0o600, b"#!/bin/sh\n")
        .entry("package/tool", b'0', 0o777, b"t")
        .entry("package/link", b'2', 0o777, b"")
        .entry("other/inner/deep.txt", b'0', 0o000, b"d")
        .file("./package/dot", "dot")
        .file("top-level", "dropped: nothing is left of its path")
        .end();
    let expected = [
        ("bin/y", 0o555, "#!/bin/sh\n"),
        ("cli.js", 0o555, "#!/usr/bin/env node\nrun()\r\n"),
        ("dot", 0o444, "dot"),
        ("inner/deep.txt", 0o444, "d"),
        ("package.json", 0o444, r#"{"bin":{"x":"./cli.js","y":"bin/y"}}"#),
        ("tool", 0o555, "t"),
    ]
    .map(|(name, mode, text)| (name.to_owned(), mode, text.to_owned()));
    for bytes in [gzip(&tar), tar.clone()] {
        let unpacked = both(&store, &bytes).unwrap();
        assert_eq!(listing(&unpacked.package()), expected);
        assert_eq!(unpacked.files(), 6);
    }
}

#[test]
fn odd_but_honest_archives_get_in() {
    let (_dir, store) = store();
    let long = format!("package/{}/file", "long".repeat(40));
    let record = format!(" path={long}\n");
    let length = record.len() + 3;
    let pax = Tar::new()
        .entry(
            "package/PaxHeader",
            b'x',
            0o644,
            format!("{length}{record}").as_bytes(),
        )
        .file("package/cut", "pax")
        .end();
    let gnu = Tar::new()
        .entry("././@LongLink", b'L', 0o644, format!("{long}\0").as_bytes())
        .file("package/cut", "gnu")
        .end();
    let mut prefixed = header(b"file", "0000644\0", "00000000003\0", b'0');
    prefixed[345..352].copy_from_slice(b"package");
    sum(&mut prefixed);
    let ustar = Tar::new().raw(&prefixed).body(b"pre").end();
    // base-256 size, and a mode that is no number
    let mut binary = header(b"package/file", "", "", b'0');
    binary[124] = 0x80;
    binary[135] = 3;
    binary[100..107].copy_from_slice(b"garbage");
    sum(&mut binary);
    let base256 = Tar::new().raw(&binary).body(b"256").end();
    let no_end = Tar::new().file("package/file", "noe").0;
    // Folders that nothing but the slash at their end tells from files, in the name or between the prefix and no name.
    let old = |kind| Tar::new().entry("package/lib/", kind, 0o755, b"");
    let [old, older] = [b'0', 0].map(|kind| old(kind).file("package/lib/file", "old").end());
    let mut nameless = header(b"", "0000755\0", "00000000000\0", b'0');
    nameless[345..356].copy_from_slice(b"package/lib");
    sum(&mut nameless);
    let split = Tar::new().raw(&nameless).file("package/lib/file", "old").end();
    for bytes in [&pax, &gnu, &ustar, &base256, &no_end, &old, &older, &split] {
        assert_eq!(both(&store, &gzip(bytes)).unwrap().files(), 1);
    }
    // Two members of a gzip are one stream, also where they cut a file in two.
    let whole = Tar::new()
        .file("package/a", &"a".repeat(700))
        .file("package/b", "b")
        .end();
    let two = [gzip(&whole[..1000]), gzip(&whole[1000..])].concat();
    assert_eq!(both(&store, &two).unwrap().files(), 2);
    // Padding after the end marker, and a size at the end that lies because of it.
    let padded = [&whole[..], &[0; 9000]].concat();
    assert_eq!(both(&store, &gzip(&padded)).unwrap().files(), 2);
    // What follows the last member of the gzip: a tape's padding, anything else, nothing whole.
    for rest in [&[0; 9000][..], b"garbage"] {
        let followed = [&*gzip(&whole), rest].concat();
        assert_eq!(both(&store, &followed).unwrap().files(), 2);
    }
    assert!(both(&store, &[&*gzip(&whole), b"\x1f\x8b\x08"].concat()).is_err());
}

#[test]
fn hostile_archives_are_refused_by_both_ways_and_leave_nothing() {
    let (_dir, store) = store();
    let good = || Tar::new().file("package/package.json", "{}");
    let mut bad_sum = header(b"package/x", "0000644\0", "00000000000\0", b'0');
    bad_sum[0] = b'q';
    for (bytes, words) in [
        (good().file("package/../../x", "").end(), "climbs out with `..`"),
        (good().file("/etc/passwd", "").end(), "is absolute"),
        (good().file("package/a\\b", "").end(), "has a backslash"),
        (
            good().file("package/a", "").file("package/a/b", "").end(),
            "both a file and a folder",
        ),
        (good().entry("package/dev", b'3', 0o644, b"").end(), "a device"),
        (good().entry("package/pipe", b'6', 0o644, b"").end(), "a pipe"),
        (
            good().entry("package/odd", b'Z', 0o644, b"").end(),
            "of an unknown type",
        ),
        (
            good().entry("package/sparse", b'S', 0o644, b"").end(),
            "a sparse file",
        ),
        (good().raw(&bad_sum).end(), "checksum does not match"),
        (
            good().raw(&header(b"package/x", "0000644\0", "zzzz", b'0')).end(),
            "a number in a header",
        ),
        (
            good()
                .raw(&header(b"package/x", "0000644\0", "00000001750\0", b'0'))
                .0,
            "truncated",
        ),
        (good().raw(&[1; 100]).0, "truncated"),
        (
            good().entry("x", b'x', 0o644, b"nonsense").end(),
            "extended header is damaged",
        ),
        (
            good()
                .raw(&header(b"package/\xff\xfe", "0000644\0", "00000000000\0", b'0'))
                .end(),
            "not UTF-8",
        ),
        (
            good().entry("x", b'L', 0o644, &[b'a'; 2 << 20]).end(),
            "headers are too long",
        ),
    ] {
        let error = both(&store, &gzip(&bytes)).expect_err(words);
        assert!(error.contains(words), "{error} has no {words}");
    }
    for (bytes, words) in [
        (Vec::new(), "truncated"),
        (b"<html>".to_vec(), "a web page"),
        (b"PK\x03\x04".to_vec(), "a zip"),
        (b"hello".to_vec(), "something else"),
    ] {
        let error = both(&store, &bytes).unwrap_err();
        assert!(error.contains(words), "{error} has no {words}");
    }
    assert_eq!((drafts(&store), store.size().unwrap().homes), (0, 0));
}

#[test]
fn of_a_path_that_comes_twice_the_last_counts_and_case_tells_names_apart() {
    let (_dir, store) = store();
    let tar = Tar::new()
        .file("package/package.json", r#"{"bin":"a"}"#)
        .file("package/./a", "first, and longer")
        .entry("package/a", b'0', 0o755, b"last")
        .file("other/b", "first")
        .file("package/b", "")
        .file("package/README", "upper")
        .file("package/readme", "lower")
        .file("package/C", "first")
        .file("package/c", "small, and before")
        .entry("package/C", b'0', 0o755, b"large")
        .file("package/c", "small")
        .end();
    let unpacked = both(&store, &gzip(&tar)).unwrap();
    let texts: Vec<_> = listing(&unpacked.package())
        .into_iter()
        .map(|(name, _, text)| (name, text))
        .collect();
    let expected = [
        ("C", "large"),
        ("README", "upper"),
        ("a", "last"),
        ("b", ""),
        ("c", "small"),
        ("package.json", r#"{"bin":"a"}"#),
        ("readme", "lower"),
    ];
    assert_eq!(
        texts,
        expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
    );
    assert_eq!(unpacked.files(), 7);
}

#[test]
fn no_cut_of_an_archive_passes() {
    let (_dir, store) = store();
    let whole = package(&[
        ("package.json", "{}"),
        ("a/b.js", "some text"),
        ("c.js", "more of it"),
    ]);
    for end in 0..whole.len() {
        assert!(both(&store, &whole[..end]).is_err(), "{end} of {}", whole.len());
    }
}

#[test]
fn limits_are_limits_also_where_the_size_at_the_end_lies() {
    let (_dir, store) = store();
    let zeros = vec![0; 300 << 20];
    let bomb = Tar::new().entry("package/zeros", b'0', 0o644, &zeros).end();
    let mut bomb = gzip(&bomb);
    let limits = Limits::default();
    for told in [None, Some(1000u32), Some(u32::MAX)] {
        if let Some(told) = told {
            let at = bomb.len() - 4;
            bomb[at..].copy_from_slice(&told.to_le_bytes());
        }
        let error = store
            .unpack_tgz_bytes(&bomb, Shape::Tree("a"), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains("times its size"), "{error}");
    }
    let many: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "12345678")).collect();
    for (limits, words) in [
        (
            Limits {
                max_entries: 19,
                ..Limits::default()
            },
            "more than 19 entries",
        ),
        (
            Limits {
                max_file_bytes: 7,
                ..Limits::default()
            },
            "more than 7 bytes",
        ),
        (
            Limits {
                max_total_bytes: 159,
                ..Limits::default()
            },
            "more than 159 bytes in all",
        ),
    ] {
        let bytes = package(&files);
        for error in [
            store
                .unpack_tgz_bytes(&bytes, Shape::Tree("a"), &limits)
                .unwrap_err()
                .to_string(),
            store
                .unpack_tgz(&*bytes, Shape::Tree("a"), &limits)
                .unwrap_err()
                .to_string(),
        ] {
            assert!(error.contains(words), "{error} has no {words}");
        }
    }
}

#[test]
fn a_large_package_is_written_by_several_threads_as_by_one() {
    let (_dir, store) = store();
    let files: Vec<(String, String)> = (0..2000)
        .map(|number| {
            (
                format!("d{}/e{}/f{number}.js", number % 7, number % 31),
                format!("text {number}"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(both(&store, &package(&files)).unwrap().files(), 2000);
}

#[test]
fn a_file_that_comes_again_replaces_one_that_another_thread_wrote() {
    let (_dir, store) = store();
    let large = "x".repeat(2 << 20);
    let mut tar = Tar::new().file("package/again.bin", &large);
    for number in 0..500 {
        tar = tar.file(&format!("package/f{number}"), "first");
        if number % 100 == 99 {
            tar = tar.file(&format!("package/f{}", number - 99), &format!("last {number}"));
        }
    }
    let tar = tar
        .file("package/again.bin", "small")
        .file("package/f1", "second");
    let unpacked = both(&store, &gzip(&tar.file("package/f1", "third").end())).unwrap();
    assert_eq!(unpacked.files(), 501);
    let text = |name: &str| fs::read_to_string(unpacked.package().join(name)).unwrap();
    assert_eq!(
        [text("f0"), text("f400"), text("f1")],
        ["last 99", "last 499", "third"]
    );
    assert_eq!(text("again.bin"), "small");
    for number in (2..500).filter(|number| number % 100 != 0) {
        assert_eq!(text(&format!("f{number}")), "first", "f{number}");
    }
}

#[test]
fn files_that_are_alike_are_one_on_disk_unless_one_of_them_can_be_run() {
    let (_dir, store) = store();
    let tar = Tar::new()
        .file("package/lib/index.d.ts", "types")
        .file("package/lib/index.d.cts", "types")
        .file("package/lib/empty.js", "")
        .file("package/types/empty.d.ts", "")
        .file("package/lib/same-as-cli.js", "#!/usr/bin/env node\n")
        .entry("package/cli.js", b'0', 0o644, b"#!/usr/bin/env node\n")
        .file("package/lib/also-same.js", "#!/usr/bin/env node\n")
        .entry("package/tool", b'0', 0o755, b"types")
        .entry("package/other-tool", b'0', 0o755, b"types")
        // Behind the files, so that what comes as a stream is made a command only in the end.
        .file("package/package.json", r#"{"bin":"cli.js"}"#)
        .end();
    let bytes = gzip(&tar);
    both(&store, &bytes).unwrap();
    let ways = [
        store.unpack_tgz_bytes(&bytes, Shape::Tree("a"), &Limits::default()),
        store.unpack_tgz(&*bytes, Shape::Tree("a"), &Limits::default()),
    ];
    for unpacked in ways {
        let unpacked = unpacked.unwrap();
        let data = |path: &str| fs::metadata(unpacked.package().join(path)).unwrap();
        let is_one = |one: &str, other: &str| data(one).ino() == data(other).ino();
        assert!(is_one("lib/index.d.ts", "lib/index.d.cts"));
        assert!(is_one("lib/empty.js", "types/empty.d.ts"));
        assert!(is_one("tool", "other-tool"));
        assert!(is_one("lib/same-as-cli.js", "lib/also-same.js"));
        assert!(!is_one("lib/same-as-cli.js", "cli.js"));
        assert!(!is_one("lib/index.d.ts", "tool"));
        let mode = |path: &str| data(path).mode() & 0o777;
        assert_eq!([mode("cli.js"), mode("tool")], [0o555; 2]);
        assert_eq!([mode("lib/also-same.js"), mode("lib/index.d.cts")], [0o444; 2]);
    }
}

#[test]
fn a_command_that_is_too_long_for_a_script_can_be_run_and_stays_as_it_is() {
    let (_dir, store) = store();
    let long = format!("#!/usr/bin/env node\r\n{}", "x".repeat(1 << 20));
    let manifest = r#"{"bin":{"a":"a","b":"b"}}"#;
    for mode in [0o644, 0o755] {
        let tar = Tar::new()
            .entry("package/a", b'0', mode, long.as_bytes())
            .entry("package/b", b'0', 0o644, b"short\n")
            .entry("package/same", b'0', mode, long.as_bytes())
            .file("package/package.json", manifest);
        let unpacked = both(&store, &gzip(&tar.end())).unwrap();
        let file = unpacked.file("a").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), long);
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o555);
    }
}

#[test]
fn a_file_has_no_more_names_than_many_projects_can_take() {
    let (_dir, store) = store();
    let files: Vec<String> = (0..100).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|name| (&**name, "same")).collect();
    let bytes = package(&files);
    let memory = store
        .unpack_tgz_bytes(&bytes, Shape::Tree("a"), &Limits::default())
        .unwrap();
    let stream = store
        .unpack_tgz(&*bytes, Shape::Tree("a"), &Limits::default())
        .unwrap();
    let data = |unpacked: &Unpacked| -> Vec<fs::Metadata> {
        let paths = files.iter().map(|(name, _)| unpacked.package().join(name));
        paths.map(|path| fs::metadata(path).unwrap()).collect()
    };
    // Several threads write the stream, and two may write the same.
    assert!(
        data(&memory)
            .iter()
            .chain(&data(&stream))
            .all(|file| file.nlink() <= 32)
    );
    let inodes: BTreeSet<u64> = data(&memory).iter().map(MetadataExt::ino).collect();
    assert_eq!(inodes.len(), 4);
}

#[test]
fn a_package_lies_where_its_home_will_have_it_and_can_get_another_name() {
    let (_dir, store) = store();
    let bytes = package(&[("package.json", "{}"), ("x.js", "x")]);
    for (known, name) in [("@s/a", "@s/a"), ("@s/a", "b"), ("a", "@s/a"), ("../../x", "a")] {
        let unpacked = store
            .unpack_tgz_bytes(&bytes, Shape::Tree(known), &Limits::default())
            .unwrap();
        let ends_so = unpacked
            .package()
            .ends_with(Path::new("node_modules").join(known));
        assert_eq!(ends_so, known != "../../x", "{known}");
        let home = id(&format!("{name}@1"), 7, 0);
        store
            .place_home(&home, HomeContent::Fresh(unpacked), &[])
            .unwrap();
        assert_eq!(
            fs::read_to_string(store.home_package(&home).join("x.js")).unwrap(),
            "x"
        );
        let modules = fs::read_dir(store.home_path(&home).join("node_modules")).unwrap();
        assert_eq!(modules.count(), 1, "{known} {name}");
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
        fs::remove_dir_all(store.home_path(&home)).unwrap();
    }
}

#[test]
fn a_folder_is_taken_as_the_filter_says() {
    let (dir, store) = store();
    let folder = dir.path().join("source");
    fs::create_dir_all(folder.join("node_modules/x")).unwrap();
    fs::create_dir_all(folder.join("lib")).unwrap();
    fs::write(folder.join("package.json"), r#"{"bin":"lib/cli.js"}"#).unwrap();
    fs::write(folder.join("lib/cli.js"), "#!/usr/bin/env node\r\n").unwrap();
    fs::write(folder.join("node_modules/x/y"), "").unwrap();
    std::os::unix::fs::symlink("/etc", folder.join("lib/etc")).unwrap();
    let taken = store
        .unpack_folder(&folder, Shape::Tree("a"), &Limits::default(), &|path| {
            path != "node_modules"
        })
        .unwrap();
    let names: Vec<_> = listing(&taken.package())
        .into_iter()
        .map(|(name, mode, _)| (name, mode))
        .collect();
    assert_eq!(
        names,
        [
            ("lib/cli.js".to_owned(), 0o555),
            ("package.json".to_owned(), 0o444)
        ]
    );
    let archive = package(&[
        ("package.json", r#"{"bin":"lib/cli.js"}"#),
        ("lib/cli.js", "#!/usr/bin/env node\r\n"),
    ]);
    assert_eq!(
        taken.tree(),
        both(&store, &archive).unwrap().tree(),
        "a folder is what its archive would be"
    );
}

/// One store for many cases: making one takes longer than a case.
static SHARED: LazyLock<(tempfile::TempDir, Store)> = LazyLock::new(store);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn changed_archives_are_refused_or_read_alike_by_both_ways(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let (_dir, store) = &*SHARED;
        let mut tar = Tar::new()
            .file("package/package.json", r#"{"bin":"a/b.js"}"#)
            .entry("package/long", b'L', 0o644, b"package/longer\0")
            .file("package/a/b.js", "#!x\r\n")
            .entry("package/link", b'1', 0o644, b"")
            .entry("package/d/", b'5', 0o755, b"")
            .end();
        for (at, byte) in changes {
            let at = at.index(tar.len());
            tar[at] = byte;
        }
        let _ = both(store, &gzip(&tar));
        prop_assert_eq!(drafts(store), 0);
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..1500)) {
        let (_dir, store) = &*SHARED;
        prop_assert!(both(store, &noise).is_err());
        prop_assert!(both(store, &gzip(&[&[1], &*noise].concat())).is_err());
    }
}
