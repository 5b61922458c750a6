//! Flat homes: sources of links, with every file once and no folders.

use super::*;

const FLAT: GraphKey = GraphKey::FLAT;

fn flat_id(label: &str, content: u8) -> HomeId {
    HomeId {
        graph: FLAT,
        ..id(label, content, 0)
    }
}

/// Files of which some are alike, and a command.
const FILES: [(&str, &str); 6] = [
    ("cli.js", "#!/usr/bin/env node\r\n"),
    ("lib/index.d.cts", "types"),
    ("lib/index.d.ts", "types"),
    ("lib/plain.js", "#!/usr/bin/env node\r\n"),
    ("package.json", r#"{"bin":"cli.js"}"#),
    ("types", "types"),
];

fn unpacked(store: &Store, shape: Shape<'_>) -> HomeContent {
    let bytes = package(&FILES);
    HomeContent::Fresh(store.unpack_tgz_bytes(&bytes, shape, &Limits::default()).unwrap())
}

/// What a project gets of a home.
fn linked(store: &Store, home: &HomeId, copy: bool, to: &Path) -> Vec<(String, u32, String)> {
    let placed = Placed {
        path: "a".into(),
        content: Content::Home {
            home: home.clone(),
            copy,
        },
    };
    store.materialise(&[placed], to, LinkMode::Hardlink).unwrap();
    listing(&to.join("a"))
}

#[test]
fn a_flat_home_gives_a_project_the_same_files() {
    let (dir, store) = store();
    let (tree, flat) = (id("a@1", 1, 0), flat_id("a@1", 2));
    for (home, shape) in [(&tree, Shape::Tree("a")), (&flat, Shape::Flat)] {
        store.place_home(home, unpacked(&store, shape), &[]).unwrap();
    }
    let expected = linked(&store, &tree, false, &dir.path().join("tree"));
    assert_eq!(expected.len(), FILES.len());
    let project = dir.path().join("flat");
    assert_eq!(linked(&store, &flat, false, &project), expected);
    // The record, and each content once: the command's is mended and can be run.
    let home = store.home_path(&flat);
    let names: Vec<String> = listing(&home).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), 1 + 4, "{names:?}");
    let data = |path: &str| fs::metadata(project.join("a").join(path)).unwrap();
    assert_eq!(data("lib/index.d.ts").ino(), data("types").ino());
    assert_ne!(data("cli.js").ino(), data("lib/plain.js").ino());
    for path in FILES.map(|(path, _)| path) {
        let file = store.home_file(&flat, path).unwrap().unwrap();
        assert_eq!(fs::metadata(file).unwrap().ino(), data(path).ino(), "{path}");
        let file = store.home_file(&tree, path).unwrap();
        assert_eq!(file, Some(store.home_package(&tree).join(path)));
    }
    assert_eq!(store.home_file(&flat, "gone").unwrap(), None);
    // Copies are files of the project's own, each.
    let copies = dir.path().join("copies");
    let modes = |files: Vec<(String, u32, String)>| files.into_iter().map(|(path, _, text)| (path, text));
    assert!(modes(linked(&store, &flat, true, &copies)).eq(modes(expected)));
    let names = FILES.map(|(path, _)| fs::metadata(copies.join("a").join(path)).unwrap().nlink());
    assert_eq!(names, [1; FILES.len()]);
    let size = store.size().unwrap();
    assert_eq!((size.homes, size.home_files), (2, 4 + 4));
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
}

#[test]
fn homes_of_either_shape_are_made_of_the_other() {
    let (dir, store) = store();
    let fresh = |shape| unpacked(&store, shape);
    let existing = |home: &HomeId| HomeContent::Existing(home.clone());
    let (flat, tree) = (flat_id("a@1", 1), id("a@1", 1, 0));
    let steps = [
        (flat_id("a@1", 9), fresh(Shape::Tree("a")), "unpacked for another"),
        (id("a@1", 9, 0), fresh(Shape::Flat), "unpacked for another"),
        (flat.clone(), fresh(Shape::Flat), "unpacked for it"),
        (tree.clone(), existing(&flat), "of a flat one"),
        (
            id("a@1", 1, 7),
            existing(&flat),
            "with dependencies, of a flat one",
        ),
        (flat_id("a@1", 2), existing(&tree), "of one with folders"),
        (flat_id("a@1", 3), existing(&flat), "of its like"),
    ];
    let mut expected = None;
    for (number, (home, content, words)) in steps.into_iter().enumerate() {
        store.place_home(&home, content, &[]).unwrap();
        let made = linked(&store, &home, false, &dir.path().join(number.to_string()));
        assert_eq!(&made, expected.get_or_insert_with(|| made.clone()), "{words}");
    }
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    assert_eq!(drafts(&store), 0, "what was unpacked for another is deleted");
}

#[test]
fn a_flat_home_is_found_by_its_content() {
    let (_dir, store) = store();
    let flat = flat_id("a@1", 1);
    store
        .place_home(&flat, unpacked(&store, Shape::Flat), &[])
        .unwrap();
    assert_eq!(store.find_content("a@1", flat.content), Some(flat.clone()));
    assert_eq!(flat.to_string().parse(), Ok(flat.clone()));
    assert!(store.home_path(&flat).ends_with(flat.to_string()));
}

#[test]
fn verification_finds_what_was_done_to_a_flat_home() {
    type Harm = dyn Fn(&Path, &Path);
    let cases: [(&str, Box<Harm>, Depth); 6] = [
        (
            "lib/index.d.cts: its content has changed",
            Box::new(|_, file| overwrite(file, "tipes")),
            Depth::Full,
        ),
        (
            "6 bytes instead of 5",
            Box::new(|_, file| overwrite(file, "longer")),
            Depth::Quick,
        ),
        (
            "it can be written",
            Box::new(|_, file| fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap()),
            Depth::Quick,
        ),
        (
            "No such file",
            Box::new(|_, file| fs::remove_file(file).unwrap()),
            Depth::Quick,
        ),
        (
            "evil.js: it is not of the package",
            Box::new(|home, _| fs::write(home.join("evil.js"), "").unwrap()),
            Depth::Full,
        ),
        (
            "another header",
            Box::new(|home, _| overwrite(&home.join("home"), "x")),
            Depth::Quick,
        ),
    ];
    for (words, harm, depth) in cases {
        let (_dir, store) = store();
        let flat = flat_id("a@1", 1);
        let make = || {
            store
                .place_home(&flat, unpacked(&store, Shape::Flat), &[])
                .unwrap();
        };
        make();
        let file = store.home_file(&flat, "types").unwrap().unwrap();
        harm(&store.home_path(&flat), &file);
        let damage = store.verify(depth, Repair::Quarantine).unwrap().damage;
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert!(damage[0].reason.contains(words), "{damage:?} has no {words}");
        assert!(!store.has_home(&flat));
        make();
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    }
}

#[test]
fn a_file_that_has_as_many_links_as_it_can_have_is_renewed() {
    const ALIKE: u64 = 2000;
    let (dir, store) = store();
    let flat = flat_id("a@1", 1);
    let files: Vec<String> = (0..ALIKE).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|name| (&**name, "same")).collect();
    let unpacked = store.unpack_tgz_bytes(&package(&files), Shape::Flat, &Limits::default());
    store
        .place_home(&flat, HomeContent::Fresh(unpacked.unwrap()), &[])
        .unwrap();
    let file = store.home_file(&flat, "f0").unwrap().unwrap();
    let placed = [Placed {
        path: "a".into(),
        content: Content::Home {
            home: flat.clone(),
            copy: false,
        },
    }];
    // ext4 has 65,000 links for a file. Other file systems have more, and no renewal is needed there.
    let link = |from: u32, projects: u32| {
        for number in from..from + projects {
            let root = dir.path().join(number.to_string());
            let report = store.materialise(&placed, &root, LinkMode::Hardlink).unwrap();
            assert_eq!((report.by.hardlink, report.by.copy), (ALIKE, 0), "{number}");
            let (first, last) = (root.join("a/f0"), root.join(format!("a/f{}", ALIKE - 1)));
            assert_eq!([first, last].map(|file| fs::read(file).unwrap()), [b"same"; 2]);
        }
    };
    link(0, 33);
    let used = fs::metadata(&file).unwrap().nlink();
    // The same when a home is made of it that has folders: here the names run out in the middle.
    link(33, u32::try_from((65_000 - used.min(65_000)) / ALIKE).unwrap());
    let tree = id("a@1", 1, 0);
    store
        .place_home(&tree, HomeContent::Existing(flat.clone()), &[])
        .unwrap();
    let names = fs::metadata(&file).unwrap();
    assert_eq!(names.mode() & 0o777, 0o444);
    assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
    assert_eq!(drafts(&store), 0);
}
