//! Indexes of small lists, what comes back of them, and what damaged ones do.

use proptest::prelude::*;

use super::layout::{COVERED, HEADER, checksum};
use super::*;

const PACKAGES: &str = "\
Package: alpha
Source: alpha-src (0.9)
Version: 1.0-1
Architecture: amd64
Multi-Arch: same
Essential: yes
Priority: required
Section: libs
Installed-Size: 12
Pre-Depends: gamma:any (>= 2.0~rc1)
Depends: beta (<< 3) | delta, epsilon (= 1:2-3),
 zeta
Conflicts: eta
Breaks: theta (<= 1)
Provides: virtual, versioned (= 4)
Filename: pool/a/alpha_1.0-1_amd64.deb
Size: 1234
SHA256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
Phased-Update-Percentage: 30
Description: the first letter
 Said at length,
 .
 in two parts.

Package: beta
Version: 2
Architecture: all
Provides: virtual
Description: another Letter

Package: alpha
Version: 1.0-2
Architecture: amd64
Description: the first letter, again

Package: broken
Version: 1
Architecture: all
Depends: what (is that

Package: alpha
Version: 1:0.1
Architecture: amd64
Description: the first letter, of another epoch
";

fn index_of(packages: &str) -> Index {
    Index::open(build(packages.as_bytes(), [7; 32]).unwrap().bytes).unwrap()
}

fn the(index: &Index, name: &str) -> RecordId {
    index.versions(index.find(name).unwrap()).next().unwrap()
}

#[test]
fn everything_comes_back() {
    let index = index_of(PACKAGES);
    index.verify().unwrap();
    assert_eq!(index.made_of(), [7; 32]);
    let record = index
        .versions(index.find("alpha").unwrap())
        .map(|id| index.record(id))
        .last()
        .unwrap();
    assert_eq!(
        (record.name(), record.version(), record.architecture()),
        ("alpha", "1.0-1", "amd64")
    );
    assert_eq!((record.source(), record.source_version()), ("alpha-src", "0.9"));
    assert_eq!(
        (record.multi_arch(), record.priority()),
        (MultiArch::Same, Priority::Required)
    );
    assert_eq!((record.is_essential(), record.is_protected()), (true, false));
    assert_eq!(
        (record.section(), record.installed_size(), record.size()),
        ("libs", 12, 1234)
    );
    assert_eq!(record.filename(), "pool/a/alpha_1.0-1_amd64.deb");
    assert_eq!(
        record.sha256().unwrap().hex(),
        "00112233445566778899aabbccddeeff".repeat(2)
    );
    assert_eq!(record.phased(), Some(30));
    assert_eq!(record.summary(), "the first letter");
    assert_eq!(record.description(), "Said at length,\n\nin two parts.");
    let relations = |kind| {
        let groups: Vec<String> = record.relations(kind).map(|group| group.to_string()).collect();
        groups.join(", ")
    };
    assert_eq!(relations(Kind::PreDepends), "gamma:any (>= 2.0~rc1)");
    assert_eq!(
        relations(Kind::Depends),
        "beta (<< 3) | delta, epsilon (= 1:2-3), zeta"
    );
    assert_eq!(relations(Kind::Conflicts), "eta");
    assert_eq!(relations(Kind::Breaks), "theta (<= 1)");
    assert_eq!(relations(Kind::Provides), "virtual, versioned (= 4)");
    for kind in [Kind::Recommends, Kind::Suggests, Kind::Replaces, Kind::Enhances] {
        assert_eq!(
            (relations(kind).as_str(), record.has(kind)),
            ("", false),
            "{kind:?}"
        );
    }
    let beta = index.record(the(&index, "beta"));
    assert_eq!((beta.source(), beta.source_version()), ("beta", "2"));
    assert_eq!(
        (beta.sha256(), beta.phased(), beta.description()),
        (None, None, "")
    );
    let essentials: Vec<RecordId> = index.essentials().collect();
    assert_eq!(essentials, [record.id()]);
}

#[test]
fn versions_come_highest_first() {
    let index = index_of(PACKAGES);
    let versions: Vec<&str> = index
        .versions(index.find("alpha").unwrap())
        .map(|id| index.record(id).version())
        .collect();
    assert_eq!(versions, ["1:0.1", "1.0-2", "1.0-1"]);
    assert_eq!(index.len(), 4);
    assert_eq!(index.find("omega"), None);
    assert_eq!(index.versions(index.find("zeta").unwrap()).len(), 0);
}

#[test]
fn providers_are_known_by_what_they_provide() {
    let index = index_of(PACKAGES);
    let providers = |name| {
        let providers = index.providers(index.find(name).unwrap());
        let words = |it: Provider<'_>| format!("{:?} {:?}", index.record(it.record), it.version);
        providers.map(words).collect::<Vec<String>>()
    };
    assert_eq!(
        providers("virtual"),
        ["alpha:amd64 1.0-1 None", "beta:all 2 None"]
    );
    assert_eq!(providers("versioned"), ["alpha:amd64 1.0-1 Some(\"4\")"]);
    assert_eq!(providers("alpha").len(), 0);
}

#[test]
fn names_are_numbered_as_they_are_mentioned() {
    let index = index_of(PACKAGES);
    let names: Vec<&str> = index.names().map(|id| index.name(id)).take(11).collect();
    let expected = [
        "alpha",
        "gamma",
        "beta",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "virtual",
        "versioned",
        "broken",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_is_no_package_is_told_with_its_line() {
    let built = build(PACKAGES.as_bytes(), [0; 32]).unwrap();
    assert_eq!(built.skipped_count, 1);
    let skipped = &built.skipped[0];
    assert_eq!((skipped.line, skipped.package.as_deref()), (36, Some("broken")));
    assert!(skipped.reason.contains("`Depends`"), "{}", skipped.reason);
}

#[test]
fn the_same_package_twice_is_one() {
    let stanza = "Package: a\nVersion: 1\nArchitecture: all\n\n";
    assert_eq!(index_of(&stanza.repeat(3)).len(), 1);
    let other = format!(
        "{stanza}Package: a\nVersion: 1\nArchitecture: all\nSHA256: {}\n",
        "ab".repeat(32)
    );
    assert_eq!(index_of(&other).len(), 2);
}

#[test]
fn words_are_found_where_they_matter_most() {
    let packages = "\
        Package: jq\nVersion: 1\nArchitecture: all\nDescription: JSON processor\n\n\
        Package: json\nVersion: 1\nArchitecture: all\nDescription: exactly that\n\n\
        Package: json-c\nVersion: 1\nArchitecture: all\nDescription: a library\n Reads much.\n\n\
        Package: libjson\nVersion: 2\nArchitecture: all\nDescription: another library\n\n\
        Package: libjson\nVersion: 1\nArchitecture: all\nDescription: an old library\n\n\
        Package: other\nVersion: 1\nArchitecture: all\nDescription: something\n It can read jSoN too.\n\n\
        Package: so\nVersion: 1\nArchitecture: all\nDescription: ends with jso\n\n\
        Package: n-\nVersion: 1\nArchitecture: all\nDescription: n begins\n";
    let index = index_of(packages);
    let search = |words: &[&str]| {
        let hits = index.search(words);
        let words = |hit: &Hit| format!("{:?} {:?}", index.record(hit.record), hit.place);
        hits.iter().map(words).collect::<Vec<String>>()
    };
    let expected = [
        "json:all 1 Exact",
        "json-c:all 1 Prefix",
        "libjson:all 2 Name",
        "jq:all 1 Summary",
        "other:all 1 Description",
    ];
    assert_eq!(search(&["json"]), expected);
    assert_eq!(search(&["JSON"]), expected);
    assert_eq!(
        search(&["json", "library"]),
        ["json-c:all 1 Summary", "libjson:all 2 Summary"]
    );
    assert_eq!(
        search(&["read"]),
        ["json-c:all 1 Description", "other:all 1 Description"]
    );
    assert!(search(&["json", "nothing"]).is_empty());
    assert_eq!(search(&[]).len(), 7);
}

#[test]
fn nothing_is_an_index_too() {
    for packages in ["", "\n\n", "   \n"] {
        let index = index_of(packages);
        assert!(index.is_empty() && index.find("a").is_none() && index.search(&["a"]).is_empty());
        index.verify().unwrap();
    }
}

#[test]
fn names_that_collide_are_all_found() {
    let packages: String = (0..5000)
        .map(|number| format!("Package: p{number}\nVersion: {number}\nArchitecture: all\n\n"))
        .collect();
    let index = index_of(&packages);
    for number in 0..5000 {
        let record = index.record(the(&index, &format!("p{number}")));
        assert_eq!(record.version(), number.to_string());
    }
}

#[test]
fn a_header_that_is_not_whole_is_no_index() {
    let bytes = build(PACKAGES.as_bytes(), [0; 32]).unwrap().bytes;
    for at in 0..HEADER {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(Index::open(other).is_err(), "{at}");
    }
    for cut in [0, 8, HEADER, bytes.len() - 1] {
        assert!(Index::open(bytes[..cut].to_vec()).is_err(), "{cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Index::open(longer).unwrap_err(), Damaged::Length);
    let mut other = bytes;
    *other.last_mut().unwrap() ^= 1;
    let index = Index::open(other).unwrap();
    assert_eq!(index.verify(), Err(Damaged::Checksum));
}

/// Looks at everything that an index has.
fn look_at_all(index: &Index) -> usize {
    let mut seen = index.search(&["a"]).len() + index.essentials().count();
    for id in index.names().take(500) {
        seen += index.name(id).len() + usize::from(index.find(index.name(id)).is_some());
        seen += index.versions(id).take(500).count();
        seen += index
            .providers(id)
            .take(500)
            .filter(|provider| provider.version.is_some())
            .count();
    }
    for id in index.records().take(500) {
        let record = index.record(id);
        seen += record.summary().len() + record.description().len() + record.filename().len();
        seen += record.section().len() + record.source().len() + record.source_version().len();
        for kind in Kind::ALL {
            for group in record.relations(kind) {
                seen += group
                    .map(|alternative| alternative.to_string().len())
                    .sum::<usize>();
            }
        }
    }
    seen
}

proptest! {
    #[test]
    fn cut_anywhere_the_pieces_give_the_same(cuts in prop::collection::vec(0..PACKAGES.len(), 0..6)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut builder = Builder::new();
        let mut from = 0;
        for cut in cuts {
            builder.push(&PACKAGES.as_bytes()[from..cut]);
            from = cut;
        }
        builder.push(&PACKAGES.as_bytes()[from..]);
        let whole = build(PACKAGES.as_bytes(), [1; 32]).unwrap();
        let pieces = builder.finish([1; 32]).unwrap();
        prop_assert_eq!(pieces.bytes, whole.bytes);
        prop_assert_eq!(pieces.skipped, whole.skipped);
    }

    #[test]
    fn damage_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = build(PACKAGES.as_bytes(), [0; 32]).unwrap().bytes;
        for (at, byte) in changes {
            let at = 64 + at.index(bytes.len() - 64);
            bytes[at] = byte;
        }
        // With the checksum right, so that what follows it is reached.
        let sum = checksum(&bytes[COVERED..HEADER]);
        bytes[8..16].copy_from_slice(&sum.to_le_bytes());
        if let Ok(index) = Index::open(bytes) {
            look_at_all(&index);
        }
    }

    #[test]
    fn any_packages_are_survived(text in "(Package: [a-c]{1,2}\n|Version: [0-9~:.-]{1,4}\n|Architecture: all\n|Depends: [a-c ,|()<=>1:]{0,12}\n|Provides: [a-c,= ()1]{0,9}\n|\n| [a-z]\n){0,20}") {
        let index = index_of(&text);
        look_at_all(&index);
        index.verify().unwrap();
    }
}
