//! npm packages from archive to home: what gets in, what is refused (`archives`), how homes link, and what verification finds.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod archives;
mod flat;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wharf_core::SafePath;
use wharf_store::{
    Ahead, Content, ContentKey, Depth, GraphKey, HomeContent, HomeId, HomeLink, Limits, LinkMode, Placed,
    Repair, Shape, Store,
};

use support::{drafts, store};

/// A header with every field as given, and a right checksum.
fn header(name: &[u8], mode: &str, size: &str, kind: u8) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    block[100..100 + mode.len()].copy_from_slice(mode.as_bytes());
    block[124..124 + size.len()].copy_from_slice(size.as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    block
}

fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

struct Tar(Vec<u8>);

impl Tar {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn entry(mut self, name: &str, kind: u8, mode: u32, bytes: &[u8]) -> Self {
        let (mode, size) = (format!("{mode:07o}\0"), format!("{:011o}\0", bytes.len()));
        self.0.extend(header(name.as_bytes(), &mode, &size, kind));
        self.body(bytes)
    }

    fn body(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn raw(mut self, block: &[u8]) -> Self {
        self.0.extend(block);
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        self.entry(name, b'0', 0o644, text.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn package(files: &[(&str, &str)]) -> Vec<u8> {
    let tar = files.iter().fold(Tar::new(), |tar, (name, text)| {
        tar.file(&format!("package/{name}"), text)
    });
    gzip(&tar.end())
}

fn listing(folder: &Path) -> Vec<(String, u32, String)> {
    fn walk(folder: &Path, top: &Path, found: &mut Vec<(String, u32, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = path.symlink_metadata().unwrap();
            if data.is_dir() {
                walk(&path, top, found);
            } else {
                let name = path.strip_prefix(top).unwrap().display().to_string();
                let text = fs::read(&path).map(|text| String::from_utf8_lossy(&text).into_owned());
                found.push((name, data.mode() & 0o777, text.unwrap_or_default()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

fn id(label: &str, content: u8, graph: u8) -> HomeId {
    HomeId {
        label: label.to_owned(),
        content: ContentKey::from_bytes([content; 8]),
        graph: GraphKey::from_bytes([graph; 8]),
    }
}

fn place(store: &Store, id: &HomeId, files: &[(&str, &str)], links: &[(&str, &HomeId)]) {
    let unpacked = store
        .unpack_tgz_bytes(&package(files), Shape::Tree("a"), &Limits::default())
        .unwrap();
    let links: Vec<HomeLink> = links
        .iter()
        .map(|(alias, to)| HomeLink {
            alias: (*alias).to_owned(),
            to: (*to).clone(),
        })
        .collect();
    store
        .place_home(id, HomeContent::Fresh(unpacked), &links)
        .unwrap();
}

#[test]
fn homes_link_to_each_other_and_node_finds_its_way() {
    let (_dir, store) = store();
    let (a, b, c) = (id("@s/a@1.0.0", 1, 1), id("b@1.0.0", 2, 2), id("b@2.0.0", 3, 0));
    // a -> b, @t/alias = b, and b -> a (a circle), and b 1 -> b 2 under its own name
    place(
        &store,
        &a,
        &[("package.json", "A")],
        &[("b", &b), ("@t/alias", &b)],
    );
    place(&store, &b, &[("package.json", "B1")], &[("@s/a", &a), ("b", &c)]);
    place(&store, &c, &[("package.json", "B2")], &[]);
    let read = |home: &HomeId, way: &str| fs::read_to_string(store.home_package(home).join(way)).unwrap();
    assert_eq!(read(&a, "../../b/package.json"), "B1");
    assert_eq!(read(&a, "../../@t/alias/package.json"), "B1");
    assert_eq!(read(&b, "../@s/a/package.json"), "A");
    assert_eq!(read(&b, "node_modules/b/package.json"), "B2");
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    // A moved store still works: links in it are relative.
    let moved = store.root().with_file_name("moved");
    fs::rename(store.root(), &moved).unwrap();
    let moved = Store::open(&moved).unwrap();
    assert_eq!(
        fs::read_to_string(moved.home_package(&b).join("../@s/a/package.json")).unwrap(),
        "A"
    );
    let refused = moved.place_home(
        &id("x@1", 9, 9),
        HomeContent::Existing(c.clone()),
        &[HomeLink {
            alias: "../../evil".to_owned(),
            to: c,
        }],
    );
    assert!(refused.is_err() && !moved.has_home(&id("x@1", 9, 9)));
}

#[test]
fn content_is_found_and_shared_between_homes() {
    let (_dir, store) = store();
    let (keyed, other, pristine) = (id("a@1", 1, 5), id("a@1", 1, 6), id("a@1", 1, 0));
    assert_eq!(store.find_content("a@1", keyed.content), None);
    place(&store, &keyed, &[("x/y.js", "text"), ("z", "z")], &[]);
    assert_eq!(store.find_content("a@1", keyed.content), Some(keyed.clone()));
    for home in [&other, &pristine] {
        store
            .place_home(home, HomeContent::Existing(keyed.clone()), &[])
            .unwrap();
    }
    assert_eq!(store.find_content("a@1", keyed.content), Some(pristine.clone()));
    assert_eq!(store.find_content("a@1", ContentKey::from_bytes([9; 8])), None);
    let inode = |home: &HomeId| {
        fs::metadata(store.home_package(home).join("x/y.js"))
            .unwrap()
            .ino()
    };
    assert_eq!((inode(&keyed), inode(&keyed)), (inode(&other), inode(&pristine)));
    let size = store.size().unwrap();
    assert_eq!((size.homes, size.home_files, size.home_bytes), (3, 2, 5));
    let files = store.home_files(&other).unwrap();
    let files: Vec<&str> = files.iter().map(SafePath::as_str).collect();
    assert_eq!(files, ["x/y.js", "z"]);
    // A second unpacking of what is there already is thrown away.
    place(&store, &keyed, &[("x/y.js", "text"), ("z", "z")], &[]);
    assert_eq!(drafts(&store), 0);
}

#[test]
fn homes_are_placed_in_folders_linked_or_copied() {
    let (dir, store) = store();
    let (a, b) = (id("a@1", 1, 0), id("@s/b@1", 2, 0));
    place(
        &store,
        &a,
        &[
            ("package.json", r#"{"bin":"cli.js"}"#),
            ("cli.js", "c"),
            ("node_modules/in/x", "bundled"),
        ],
        &[],
    );
    place(&store, &b, &[("index.js", "b")], &[]);
    let home = |path: &str, home: &HomeId, copy| Placed {
        path: path.into(),
        content: Content::Home {
            home: home.clone(),
            copy,
        },
    };
    let plan = [
        home("a", &a, false),
        home("a/node_modules/@s/b", &b, false),
        home("private/a", &a, true),
        Placed {
            path: ".bin/a".into(),
            content: Content::Link("../a/cli.js".to_owned()),
        },
    ];
    let root = dir.path().join("node_modules");
    let report = store.materialise(&plan, &root, LinkMode::Hardlink).unwrap();
    assert_eq!((report.files, report.by.hardlink, report.by.copy), (7, 4, 3));
    assert_eq!(
        fs::read_to_string(root.join("a/node_modules/@s/b/index.js")).unwrap(),
        "b"
    );
    assert_eq!(
        fs::read_to_string(root.join("a/node_modules/in/x")).unwrap(),
        "bundled"
    );
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().mode() & 0o777;
    assert_eq!((mode("a/cli.js"), mode("a/package.json")), (0o555, 0o444));
    assert_eq!(
        (
            mode("private/a/cli.js") & 0o700,
            mode("private/a/package.json") & 0o700
        ),
        (0o700, 0o600)
    );
    fs::write(root.join("private/a/cli.js"), "changed").unwrap();
    assert_eq!(
        fs::read_to_string(store.home_package(&a).join("cli.js")).unwrap(),
        "c"
    );
    let twice = [home("a", &a, false), home("a", &b, false)];
    assert!(
        store
            .materialise(&twice, &dir.path().join("twice"), LinkMode::Auto)
            .is_err()
    );
    let missing = [home("a", &id("gone@1", 1, 1), false)];
    assert!(
        store
            .materialise(&missing, &dir.path().join("gone"), LinkMode::Auto)
            .is_err()
    );
}

#[test]
fn a_home_with_many_files_is_linked_whole_or_its_damaged_record_is_named() {
    let (dir, store) = store();
    let home = id("many@1", 1, 0);
    // In the last of its folders are more files than one thread would else take.
    let files: Vec<(String, String)> = (0..1000usize)
        .map(|number| {
            let folder = "d".repeat(1 + number.min(700) / 90);
            (format!("{folder}/{number}.js"), "x".repeat(number))
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    place(&store, &home, &files, &[]);
    let plan = [Placed {
        path: "many".into(),
        content: Content::Home {
            home: home.clone(),
            copy: false,
        },
    }];
    let link = |name: &str| {
        let root = dir.path().join(name);
        store
            .materialise(&plan, &root, LinkMode::Hardlink)
            .map(|report| (report, root.join("many")))
    };
    let (report, linked) = link("whole").unwrap();
    assert_eq!((report.files, report.bytes), (1000, 999 * 1000 / 2));
    assert_eq!(listing(&linked), listing(&store.home_package(&home)));

    let path = store.home_path(&home).join("home");
    let record = fs::read(&path).unwrap();
    let changed = |at: usize| {
        let mut bytes = record.clone();
        bytes[at] ^= 0x80;
        bytes
    };
    let damaged = [
        (record[..record.len() / 2].to_vec(), "an early end"),
        (record[..8].to_vec(), "another header"),
        (record[..13].to_vec(), "cut off"),
        (changed(14), "another header"),
        (changed(record.len() - 1), "not UTF-8"),
    ];
    for (number, (bytes, reason)) in damaged.into_iter().enumerate() {
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, bytes).unwrap();
        let error = link(&number.to_string()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
    }
}

#[test]
fn what_was_linked_ahead_is_what_would_be_linked_at_the_end() {
    let (dir, store) = store();
    let many: Vec<String> = (0..300)
        .map(|number| format!("d{}/f{number}", number % 3))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "m")).collect();
    let homes = [id("a@1", 1, 0), id("@s/b@1", 2, 0), id("c@1", 3, 0)];
    let bundled = [("cli.js", "c"), ("node_modules/in/x", "bundled")];
    place(&store, &homes[0], &bundled, &[]);
    place(
        &store,
        &homes[1],
        &[("package.json", r#"{"bin":"b.js"}"#), ("b.js", "b")],
        &[],
    );
    place(&store, &homes[2], &many, &[]);
    let home = |path: &str, home: usize, copy| Placed {
        path: path.into(),
        content: Content::Home {
            home: homes[home].clone(),
            copy,
        },
    };
    let plan = [
        home("a", 0, false),
        home("a/node_modules/@s/b", 1, false),
        home("private/b", 1, true),
        home("again/b", 1, false),
        home("c", 2, false),
    ];
    let make = |ahead: &Ahead, name: &str| {
        let root = dir.path().join(name);
        let report = store.materialise_with(&plan, &root, ahead).unwrap();
        (listing(&root), report)
    };
    let expected = make(&Ahead::new(LinkMode::Hardlink), "none");
    assert_eq!((expected.1.by.hardlink, expected.1.by.copy), (306, 2));
    for which in 1..8 {
        let ahead = Ahead::new(LinkMode::Hardlink);
        for (_, home) in homes.iter().enumerate().filter(|(bit, _)| which >> bit & 1 == 1) {
            ahead.link(&store, home);
        }
        assert!(drafts(&store) > 0);
        assert_eq!(make(&ahead, &which.to_string()), expected);
        assert_eq!(drafts(&store), 0, "each was moved to its place");
    }
    let ahead = Ahead::new(LinkMode::Hardlink);
    ahead.link(&store, &homes[0]);
    // What stands there is not replaced, whether it comes ahead or not.
    let taken = dir.path().join("taken");
    fs::create_dir_all(taken.join("a")).unwrap();
    fs::write(taken.join("a/cli.js"), "own").unwrap();
    store.materialise_with(&plan, &taken, &ahead).unwrap_err();
    assert_eq!(fs::read_to_string(taken.join("a/cli.js")).unwrap(), "own");
    // That one could not be moved says nothing of others.
    assert_eq!(ahead.why_not(), None);
    ahead.link(&store, &homes[1]);
    assert_eq!(drafts(&store), 1);
    drop(ahead);
    assert_eq!(drafts(&store), 0, "what nobody took is deleted");
}

#[test]
fn a_home_is_made_and_linked_ahead_at_once() {
    let (dir, store) = store();
    let (one, other, gone) = (id("a@1", 1, 0), id("a@1", 1, 1), id("a@1", 2, 0));
    let files = [("x/y.js", "text"), ("z", "z")];
    let fresh = || {
        let unpacked = store.unpack_tgz_bytes(&package(&files), Shape::Tree("a"), &Limits::default());
        HomeContent::Fresh(unpacked.unwrap())
    };
    let existing = || HomeContent::Existing(one.clone());
    let contents: [(&HomeId, &dyn Fn() -> HomeContent); 3] =
        [(&one, &fresh), (&one, &fresh), (&other, &existing)];
    for (number, (home, content)) in contents.into_iter().enumerate() {
        let ahead = Ahead::new(LinkMode::Hardlink);
        ahead.place(&store, home, content(), &[]).unwrap();
        let root = dir.path().join(number.to_string());
        let placed = Placed {
            path: "a".into(),
            content: Content::Home {
                home: home.clone(),
                copy: false,
            },
        };
        let waiting = drafts(&store);
        let report = store.materialise_with(&[placed], &root, &ahead).unwrap();
        assert_eq!((waiting, drafts(&store), report.by.hardlink), (1, 0, 2));
        assert_eq!(listing(&root.join("a")), listing(&store.home_package(home)));
    }
    let ahead = Ahead::new(LinkMode::Hardlink);
    let error = ahead.place(&store, &id("b@1", 3, 0), HomeContent::Existing(gone), &[]);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("the store has no home a@1")
    );
    assert_eq!((ahead.why_not(), drafts(&store)), (None, 0));
}

#[test]
fn what_cannot_be_linked_ahead_is_linked_at_the_end() {
    let (dir, store) = store();
    let homes = [id("a@1", 1, 0), id("b@1", 2, 0)];
    for home in &homes {
        place(&store, home, &[("index.js", "text"), ("lib/x.js", "x")], &[]);
    }
    let plan = ["a", "b"].into_iter().zip(&homes).map(|(path, home)| Placed {
        path: path.into(),
        content: Content::Home {
            home: home.clone(),
            copy: false,
        },
    });
    let plan: Vec<Placed> = plan.collect();
    let make = |ahead: &Ahead, name: &str| {
        let root = dir.path().join(name);
        let report = store.materialise_with(&plan, &root, ahead);
        report.map(|report| (listing(&root), report))
    };
    let expected = make(&Ahead::new(LinkMode::Hardlink), "none").unwrap();
    let stage = fs::read_dir(store.stage_folder()).unwrap().flatten();
    let stage = stage.map(|entry| entry.path()).find(|path| path.is_dir());
    // What is taken away, and whether the environment needs it.
    let harms = [
        (store.home_path(&homes[1]), "the store has no home b@1", true),
        (store.home_package(&homes[1]).join("lib"), "it is missing", true),
        (stage.unwrap(), "cannot make ", false),
    ];
    for (number, (harmed, reason, is_needed)) in harms.into_iter().enumerate() {
        let ahead = Ahead::new(LinkMode::Hardlink);
        ahead.link(&store, &homes[0]);
        assert_eq!((drafts(&store), ahead.why_not()), (1, None));
        let away = dir.path().join("away");
        fs::rename(&harmed, &away).unwrap();
        ahead.link(&store, &homes[1]);
        let told = ahead.why_not().unwrap();
        assert!(told.contains(reason), "{told}");
        let made = make(&ahead, &format!("{number} harmed"));
        match made {
            Ok(made) => assert!(made == expected && !is_needed),
            Err(error) => assert!(is_needed && error.to_string().contains(reason), "{error}"),
        }
        fs::rename(&away, &harmed).unwrap();
        ahead.link(&store, &homes[1]);
        // That which was taken away with the whole stage could not be deleted.
        let left = usize::from(!is_needed);
        assert_eq!(drafts(&store), left, "nothing is linked ahead any more");
        assert_eq!(make(&ahead, &format!("{number} sound")).unwrap(), expected);
    }
}

#[test]
fn nothing_is_tried_to_be_moved_to_another_device_twice() {
    let (_dir, store) = store();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    if fs::metadata(other.path()).unwrap().dev() == fs::metadata(store.root()).unwrap().dev() {
        return;
    }
    let homes: Vec<HomeId> = (1..9)
        .map(|number| id(&format!("p{number}@1"), number, 0))
        .collect();
    let ahead = Ahead::new(LinkMode::Auto);
    let mut plan = Vec::new();
    for home in &homes {
        place(&store, home, &[("index.js", home.name())], &[]);
        ahead.link(&store, home);
        plan.push(Placed {
            path: home.name().into(),
            content: Content::Home {
                home: home.clone(),
                copy: false,
            },
        });
    }
    assert_eq!(drafts(&store), homes.len());
    // One alone is enough to see it.
    let report = store
        .materialise_with(&plan[..1], &other.path().join("one"), &ahead)
        .unwrap();
    assert_eq!((report.files, report.by.copy), (1, 1));
    assert_eq!(drafts(&store), 0, "the others cannot be moved either");
    let reason = ahead.why_not().unwrap();
    assert!(reason.starts_with("cannot move "), "{reason}");
    let report = store
        .materialise_with(&plan, &other.path().join("all"), &ahead)
        .unwrap();
    assert_eq!(report.by.copy, homes.len() as u64);
}

/// Writes to a file of the store all the same, and leaves its mode as it was.
fn overwrite(path: &Path, text: &str) {
    let before = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, before).unwrap();
}

/// Three homes, the first of which needs the second, which needs the third.
fn chain(store: &Store) -> [HomeId; 3] {
    let homes = [id("a@1", 1, 1), id("b@1", 2, 2), id("c@1", 3, 0)];
    let files = [("index.js", "text"), ("package.json", r#"{"bin":"index.js"}"#)];
    place(store, &homes[2], &files, &[]);
    place(store, &homes[1], &files, &[("c", &homes[2])]);
    place(store, &homes[0], &files, &[("b", &homes[1])]);
    homes
}

#[test]
fn verification_finds_what_was_done_to_a_home() {
    type Harm = dyn Fn(&Path, &Path);
    let cases: [(&str, Box<Harm>, Depth); 9] = [
        (
            "its content has changed",
            Box::new(|_, package| overwrite(&package.join("index.js"), "tixt")),
            Depth::Full,
        ),
        (
            "5 bytes instead of 4",
            Box::new(|_, package| overwrite(&package.join("index.js"), "longe")),
            Depth::Quick,
        ),
        (
            "it can be written",
            Box::new(|_, package| {
                fs::set_permissions(package.join("index.js"), Permissions::from_mode(0o755)).unwrap();
            }),
            Depth::Quick,
        ),
        (
            "it cannot be run",
            Box::new(|_, package| {
                fs::set_permissions(package.join("index.js"), Permissions::from_mode(0o444)).unwrap();
            }),
            Depth::Quick,
        ),
        (
            "No such file",
            Box::new(|_, package| fs::remove_file(package.join("index.js")).unwrap()),
            Depth::Quick,
        ),
        (
            "it is not of the package",
            Box::new(|_, package| fs::write(package.join("evil.js"), "").unwrap()),
            Depth::Full,
        ),
        (
            "its link c",
            Box::new(|home, _| fs::remove_file(home.join("node_modules/c")).unwrap()),
            Depth::Quick,
        ),
        (
            "leads elsewhere",
            Box::new(|home, _| {
                fs::remove_file(home.join("node_modules/c")).unwrap();
                std::os::unix::fs::symlink("/tmp", home.join("node_modules/c")).unwrap();
            }),
            Depth::Quick,
        ),
        (
            "another header",
            Box::new(|home, _| {
                fs::remove_file(home.join("home")).unwrap();
                fs::write(home.join("home"), "x").unwrap();
            }),
            Depth::Quick,
        ),
    ];
    for (words, harm, depth) in cases {
        let (_dir, store) = store();
        let [a, b, c] = chain(&store);
        assert_eq!(store.verify(depth, Repair::Report).unwrap().damage, []);
        harm(&store.home_path(&b), &store.home_package(&b));
        let damage = store.verify(depth, Repair::Quarantine).unwrap().damage;
        // What needs it goes too: it would be taken for complete.
        assert_eq!(damage.len(), 2, "{damage:?}");
        assert!(
            damage.iter().any(|one| one.reason.contains(words)),
            "{damage:?} has no {words}"
        );
        assert!(
            damage.iter().any(|one| one.reason.contains("it needs b@1")),
            "{damage:?}"
        );
        assert!(!store.has_home(&a) && !store.has_home(&b) && store.has_home(&c));
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
        chain(&store);
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    }
}

#[test]
fn a_home_whose_dependency_is_gone_is_damaged() {
    let (_dir, store) = store();
    let [_, b, c] = chain(&store);
    fs::remove_dir_all(store.home_path(&c)).unwrap();
    let damage = store.verify(Depth::Quick, Repair::Quarantine).unwrap().damage;
    assert_eq!(damage.len(), 2, "{damage:?}");
    assert!(!store.has_home(&b));
}

#[test]
fn what_a_killed_process_left_in_the_stage_is_cleared_and_homes_stay() {
    let (dir, store) = store();
    let [a, ..] = chain(&store);
    let unpacked = store
        .unpack_tgz_bytes(&package(&[("x", "x")]), Shape::Tree("a"), &Limits::default())
        .unwrap();
    std::mem::forget(unpacked);
    let root: PathBuf = store.root().to_path_buf();
    // The lock of the stage folder ends with the store, its folder stays: homes were named and not synced.
    drop(store);
    let stage = || {
        fs::read_dir(root.join("stage"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .count()
    };
    assert_eq!(stage(), 1);
    let store = Store::open(&dir.path().join("store")).unwrap();
    assert_eq!(stage(), 1, "the note stays until somebody flushes");
    let left = fs::read_dir(root.join("stage")).unwrap().flatten();
    let left = left.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "unsynced"]);
    store.settle().unwrap();
    assert_eq!(stage(), 0);
    assert!(store.has_home(&a));
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
}

#[test]
fn after_a_power_cut_homes_that_did_not_reach_the_disk_go_with_what_needs_them() {
    let (dir, store) = store();
    let [a, b, c] = chain(&store);
    let root = store.root().to_path_buf();
    drop(store);
    let process = fs::read_dir(root.join("stage"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir());
    fs::write(process.unwrap().join("unsynced"), "another boot").unwrap();
    let torn = root.join("store/npm/node_modules/.store/b@1");
    let torn = fs::read_dir(torn)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("node_modules/b/index.js");
    overwrite(&torn, "");
    let store = Store::open(&dir.path().join("store")).unwrap();
    assert!(!store.has_home(&b) && !store.has_home(&a) && store.has_home(&c));
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
}

#[test]
fn many_at_once_place_the_same_home_once() {
    let (_dir, store) = store();
    let (home, bytes) = (
        id("a@1", 1, 1),
        package(&[("index.js", "text"), ("package.json", "{}")]),
    );
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let unpacked = store
                    .unpack_tgz_bytes(&bytes, Shape::Tree("a"), &Limits::default())
                    .unwrap();
                store
                    .place_home(&home, HomeContent::Fresh(unpacked), &[])
                    .unwrap();
            });
        }
    });
    let size = store.size().unwrap();
    assert_eq!((size.homes, size.home_files, drafts(&store)), (1, 2, 0));
}

#[test]
fn any_number_of_packages_waits_in_the_stage() {
    const WAITING: usize = 150;
    let (_dir, store) = store();
    let bytes = package(&[("index.js", "text"), ("package.json", "{}")]);
    let unpack = || store.unpack_tgz_bytes(&bytes, Shape::Tree("a"), &Limits::default());
    let mut waiting: Vec<_> = std::thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(|| (0..WAITING / 3).map(|_| unpack().unwrap()).collect()));
        threads
            .map(|thread| -> Vec<_> { thread.join().unwrap() })
            .into_iter()
            .flatten()
            .collect()
    });
    let folders: BTreeSet<PathBuf> = waiting.iter().map(|one| one.package()).collect();
    assert_eq!((folders.len(), drafts(&store)), (WAITING, WAITING));
    let last = HomeContent::Fresh(waiting.pop().unwrap());
    store.place_home(&id("a@1", 1, 1), last, &[]).unwrap();
    drop(waiting);
    assert_eq!((store.size().unwrap().homes, drafts(&store)), (1, 0));
}
