//! Debian's part: what repositories send, which is `Release` and `Packages` files and their signatures; what archives hold; and what
//! a machine has: lists of repositories, pins, dpkg's status, files of keys.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use wharf_core::{Algorithm, Timestamp};
use wharf_deb::control::Control;
use wharf_deb::deb822;
use wharf_deb::index::{Index, Kind, build};
use wharf_deb::packages::Stanzas;
use wharf_deb::relation::{Relations, terms};
use wharf_deb::release::{Release, ValidUntil};
use wharf_deb::settings::Settings;
use wharf_deb::signature::{Keyring, verify_detached, verify_inline};
use wharf_deb::sources::{self, SignedBy};
use wharf_deb::version::{Version, compare_bytes, is_version};
use wharf_deb::{preferences, status};
use wharf_install::system::{ScriptClass, ScriptKind, try_script};
use wharf_store::{Hasher, SystemKind, SystemTree};

use crate::{limits, store, text};

/// Keys of the tests, whose other halves nobody has.
const KEYS: &[u8] = include_bytes!("../../wharf-deb/tests/signature/all.gpg");
/// The text that they signed.
const SIGNED: &[u8] = include_bytes!("../../wharf-deb/tests/signature/Release");

/// How long a script may be followed, without optimisation and beside other tests.
const LONGEST: Duration = Duration::from_secs(20);
/// What a script may write, with what every root has.
const MOST_WRITTEN: u64 = 80 << 20;

fn now() -> Timestamp {
    "2025-01-05T00:00:00Z".parse().expect("it is an instant")
}

/// The order is total on any bytes, and versions are in the order of their keys. The input is three texts on lines.
pub(crate) fn deb_version(bytes: &[u8]) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(4).collect();
    for a in &lines {
        assert_eq!(compare_bytes(a, a), Ordering::Equal);
        for b in &lines {
            assert_eq!(compare_bytes(a, b), compare_bytes(b, a).reverse());
            for c in &lines {
                if compare_bytes(a, b).is_le() && compare_bytes(b, c).is_le() {
                    assert!(compare_bytes(a, c).is_le());
                }
            }
        }
    }
    let Some(text) = text(bytes) else { return };
    let versions: Vec<Version> = text
        .lines()
        .take(4)
        .filter_map(|line| Version::parse(line).ok())
        .collect();
    for a in &versions {
        assert!(is_version(a.as_str()));
        for b in &versions {
            assert_eq!(a.key().cmp(&b.key()), a.cmp(b), "{a} {b}");
        }
    }
}

/// What is printed parses to the same, and both readers agree.
pub(crate) fn deb_relation(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let borrowed: Vec<_> = terms(text).collect();
    if let Ok(relations) = Relations::parse(text) {
        let alternatives: usize = relations
            .0
            .iter()
            .map(|relation| relation.alternatives.len())
            .sum();
        assert_eq!(borrowed.len(), alternatives, "{text:?}");
        let printed = relations.to_string();
        assert_eq!(Relations::parse(&printed).as_ref(), Ok(&relations), "{printed}");
    }
}

/// Stanzas stand where they say, and each package is one.
pub(crate) fn deb_packages(bytes: &[u8]) {
    let packages: Vec<_> = Stanzas::new(bytes).collect();
    assert_eq!(packages.len(), deb822::stanzas(bytes).count());
    let mut end = 0;
    for package in packages.into_iter().flatten() {
        assert!(package.range.start >= end && package.range.end <= bytes.len());
        end = package.range.end;
        assert!(is_version(package.version) || package.status.ends_with(" not-installed"));
        assert!(!package.filename.starts_with('/') && !package.filename.split('/').any(|part| part == ".."));
        let _ = (package.source(), package.summary());
    }
}

/// What is in an index is what the list says, and an index that is damaged behind its header is looked at without harm. The
/// input is a list, and where a zero byte stands, behind that the damage: four bytes of place and one of value each.
pub(crate) fn deb_index(bytes: &[u8]) {
    let (list, damage) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[bytes.len()..]),
    };
    let built = build(list, [0; 32]).expect("a fuzzer's list is small");
    let mut damaged = built.bytes.clone();
    let index = Index::open(built.bytes).expect("it was made just now");
    assert_eq!(index.verify(), Ok(()));
    assert!(index.len() + built.skipped_count <= Stanzas::new(list).count());
    look_at(&index);
    for id in index.records() {
        let record = index.record(id);
        assert!(is_version(record.version()));
        assert!(index.versions(record.name_id()).any(|other| other == id));
        assert_eq!(index.find(record.name()), Some(record.name_id()));
    }
    for change in damage.chunks_exact(5) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], change[3]]) as usize;
        let length = damaged.len() - Index::HEADER;
        if length > 0 {
            damaged[Index::HEADER + at % length] = change[4];
        }
    }
    if let Ok(index) = Index::open(damaged) {
        look_at(&index);
    }
}

/// Looks at what an index has, up to a number of rows: damage may make each of them as large as the file.
fn look_at(index: &Index) {
    const ROWS: usize = 200;
    let _ = (index.search(&["a"]), index.essentials().count());
    for name in index.names().take(ROWS) {
        let _ = (
            index.find(index.name(name)),
            index.versions(name).take(ROWS).count(),
        );
        for provider in index.providers(name).take(ROWS) {
            let _ = (index.record(provider.record).name(), provider.version);
        }
    }
    for record in index.records().take(ROWS).map(|id| index.record(id)) {
        let _ = (
            record.filename(),
            record.summary(),
            record.description(),
            record.sha256(),
        );
        let _ = (
            record.source(),
            record.source_version(),
            record.section(),
            record.architecture(),
        );
        for kind in Kind::ALL {
            for group in record.relations(kind).take(ROWS) {
                for alternative in group.take(ROWS) {
                    drop(alternative.to_string());
                }
            }
        }
    }
}

pub(crate) fn deb_control(bytes: &[u8]) {
    if let Ok(control) = Control::parse(bytes) {
        assert!(!control.name.as_str().contains('/') && !control.version.as_str().contains('/'));
    }
}

/// Every file that is listed has a strong digest and stays inside of the suite.
pub(crate) fn deb_release(bytes: &[u8]) {
    let Ok(release) = Release::parse(bytes) else {
        return;
    };
    for file in release.files() {
        assert!(file.digest().algorithm().is_strong());
        for path in [file.path.clone(), file.by_hash_path()] {
            assert!(
                !path.starts_with('/') && !path.split('/').any(|part| part == ".."),
                "{path}"
            );
        }
    }
    let _ = release.check_dates(now(), ValidUntil::Checked);
}

/// Nobody but the owners of the keys can make a text that counts.
pub(crate) fn deb_signature(bytes: &[u8]) {
    let keyring = Keyring::parse(KEYS).expect("they are keys");
    if let Ok(verified) = verify_inline(bytes, &keyring, now()) {
        let lines = |text: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(text);
            text.lines().map(|line| line.trim_end().to_owned()).collect()
        };
        assert_eq!(lines(&verified.text), lines(SIGNED));
        assert!(!verified.signers.is_empty());
    }
    if let Ok(verified) = verify_detached(SIGNED, bytes, &keyring, now()) {
        assert!(!verified.signers.is_empty());
    }
    assert!(verify_detached(b"something else", bytes, &keyring, now()).is_err());
}

/// A signature counts by the keys of a file only when they are its makers'.
pub(crate) fn deb_keyring(bytes: &[u8]) {
    let Ok(keyring) = Keyring::parse(bytes) else {
        return;
    };
    assert!(keyring.keys().count() > 0);
    let known = Keyring::parse(KEYS).expect("they are keys");
    let signed = include_bytes!("../../wharf-deb/tests/signature/two.inrelease");
    if let Ok(verified) = verify_inline(signed, &keyring, now()) {
        for signer in verified.signers {
            assert!(known.keys().any(|key| key.fingerprint == signer.primary));
        }
    }
}

pub(crate) fn deb_sources(bytes: &[u8]) {
    for source in [sources::parse_list(bytes), sources::parse_deb822(bytes)]
        .into_iter()
        .flatten()
        .flatten()
    {
        assert!(source.release_folder("amd64").ends_with('/'));
        if let SignedBy::Named { files, .. } = &source.signed_by {
            assert!(files.iter().all(|file| file.starts_with('/')));
        }
    }
}

pub(crate) fn deb_preferences(bytes: &[u8]) {
    for pin in preferences::parse(bytes).into_iter().flatten() {
        assert!(!pin.packages.is_empty() && pin.priority != 0);
        let _ = pin.target.matches_version("1:1.2-3");
        for pattern in &pin.packages {
            assert!(!pattern.is_any() || pattern.matches("libstdc++6", "gcc-12", "amd64"));
        }
    }
}

/// Names are read back however they are written; places are whole paths.
pub(crate) fn deb_settings(bytes: &[u8]) {
    let mut settings = Settings::default();
    let mut included = 0;
    let _ = settings.read(bytes, |_, _| included += 1);
    for name in ["APT::Install-Recommends", "APT::Default-Release", "Dir"] {
        assert_eq!(settings.text(name), settings.text(&name.to_ascii_uppercase()));
        let _ = (settings.flag(name), settings.list(name));
    }
    for name in ["Dir::State::lists", "Dir::Etc::preferences"] {
        assert!(settings.place(name).is_none_or(|place| !place.is_empty()));
    }
}

pub(crate) fn deb_status(bytes: &[u8]) {
    for known in status::parse(bytes).flatten() {
        assert!(!known.is_present() || is_version(known.package.version));
    }
    let _ = status::automatic(bytes);
}

/// A script is followed soon and within limits, in either place twice to the same, and what it does stays below the root in a form that
/// can be made: folders above everything, modes and links that the kernel takes.
pub(crate) fn deb_script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for kind in [ScriptKind::Preinst, ScriptKind::Postinst] {
        let begun = Instant::now();
        let follow = || try_script(store(), kind, &text).expect("no script keeps a root from being made");
        let trial = follow();
        assert!(begun.elapsed() < LONGEST, "followed for {:?}", begun.elapsed());
        let again = follow();
        assert_eq!((&trial.script, &trial.report), (&again.script, &again.report));
        assert_eq!(trial.tree, again.tree, "followed twice");
        let is_whole = trial.script.class != ScriptClass::NeedsRunning;
        assert_eq!(trial.script.skipped.is_empty(), is_whole);
        assert!(trial.tree.size() <= MOST_WRITTEN, "{} bytes", trial.tree.size());
        check_root(&trial.tree);
        for folder in &trial.report.runtime {
            let path = &folder.path;
            assert!(
                path.starts_with('/') && !path.split('/').any(|part| part == ".."),
                "{path}"
            );
        }
    }
}

/// What lies below a root can be made there: the manifest is one that is read again.
fn check_root(tree: &SystemTree) {
    assert_eq!(SystemTree::parse(&tree.print()).as_ref(), Ok(tree));
    for entry in &tree.entries {
        if let Some(above) = entry.path.parent() {
            let above = tree.get(above).map(|above| &above.kind);
            assert!(matches!(above, Some(SystemKind::Folder { .. })), "{}", entry.path);
        }
        if let SystemKind::Link(target) = &entry.kind {
            let possible = !target.is_empty() && target.len() < 4096 && !target.contains(&0);
            assert!(possible, "{}", entry.path);
        }
    }
}

/// What is taken stays inside, has each path once, and keeps to the limits.
pub(crate) fn deb_archive(bytes: &[u8]) {
    let digest = Hasher::digest(Algorithm::Sha256, bytes);
    let Ok(package) = store().import_deb(bytes, &digest, &limits()) else {
        return;
    };
    let tree = store()
        .system_tree(&package.data)
        .expect("what was imported can be read");
    assert!(tree.size() <= limits().max_total_bytes, "{} bytes", tree.size());
    assert!(tree.entries.windows(2).all(|pair| pair[0].path < pair[1].path));
    for entry in &tree.entries {
        let parts = entry.path.as_bytes().split(|byte| *byte == b'/');
        assert!(
            parts.into_iter().all(|part| !part.is_empty() && part != b".."),
            "{}",
            entry.path
        );
        assert!(!matches!(&entry.kind, SystemKind::Link(target) if target.is_empty()));
    }
}
