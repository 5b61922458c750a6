//! Archives that no honest tool makes, from a registry that serves them under the right hash: each is refused by name
//! with exit code 5, and neither the store nor the project keeps anything of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde_json::Value;
use wharf_testkit::{Fault, Finished, Fixture, Package, Registry, Times, files_below};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");
const WHEEL: &str = "evil-1.0-py3-none-any.whl";
const METADATA: &str = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n";

/// One entry of a zip, every field of which can lie.
struct Entry {
    name: &'static str,
    mode: u32,
    method: u16,
    packed: Vec<u8>,
    content: Vec<u8>,
    declared: Option<u32>,
}

fn file(name: &'static str, content: &[u8]) -> Entry {
    Entry {
        name,
        mode: 0o100_644,
        method: 0,
        packed: content.to_vec(),
        content: content.to_vec(),
        declared: None,
    }
}

fn special(name: &'static str, mode: u32, content: &str) -> Entry {
    Entry {
        mode,
        ..file(name, content.as_bytes())
    }
}

/// A mebibyte of zeros, deflated, that says it is `declared` bytes.
fn zeros(declared: u32) -> Entry {
    let content = vec![0; 1 << 20];
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(&content).expect("memory takes every byte");
    Entry {
        method: 8,
        packed: deflate.finish().expect("memory takes every byte"),
        declared: Some(declared),
        ..file("evil/zeros.bin", &content)
    }
}

/// A zip by hand: libraries refuse to write what is tested here. Source: APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.16.
fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(out.len()).expect("a small archive");
        let mut crc = flate2::Crc::new();
        crc.update(&entry.content);
        let length = |bytes: usize| u32::try_from(bytes).expect("a small archive");
        let mut common = Vec::new();
        for number in [20, 0, entry.method, 0, 0] {
            common.extend(number.to_le_bytes());
        }
        let declared = entry.declared.unwrap_or(length(entry.content.len()));
        for number in [
            crc.sum(),
            length(entry.packed.len()),
            declared,
            length(entry.name.len()),
        ] {
            common.extend(number.to_le_bytes());
        }
        // The length of the name has two bytes; the upper two are the empty extra field.
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(entry.name.as_bytes());
        out.extend(&entry.packed);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let start = out.len();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).expect("few entries");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    for number in [directory.len(), start] {
        out.extend(u32::try_from(number).expect("a small archive").to_le_bytes());
    }
    out.extend([0, 0]);
    out
}

/// A wheel that is right but for the last entries.
fn wheel(odd: Vec<Entry>) -> Vec<u8> {
    let mut entries = vec![
        file("evil/__init__.py", b"harmless = True\n"),
        file("evil-1.0.dist-info/METADATA", METADATA.as_bytes()),
        file(
            "evil-1.0.dist-info/WHEEL",
            b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        file(
            "evil-1.0.dist-info/RECORD",
            b"evil/__init__.py,,\nevil-1.0.dist-info/METADATA,,\nevil-1.0.dist-info/WHEEL,,\nevil-1.0.dist-info/RECORD,,\n",
        ),
    ];
    entries.extend(odd);
    zip(&entries)
}

/// A registry with this as the only wheel of `evil`, whose metadata can be read without it, and a project that locked it.
fn locked(content: Vec<u8>) -> (Registry, Fixture) {
    let registry = Registry::start();
    registry.publish_archive("evil", WHEEL, content);
    let metadata = format!("{}.metadata", registry.file_path("evil", WHEEL));
    registry.serve_raw(&metadata, "text/plain", METADATA);
    let fixture = Fixture::with_registry(BINARY, &registry);
    fixture.write(
        "wharf.toml",
        "[project]\nname = \"victim\"\n\n[pypi]\nevil = \"*\"\n",
    );
    fixture.run(&["lock"]).success();
    (registry, fixture)
}

#[track_caller]
fn refused(fixture: &Fixture, finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code(), Some(5), "{finished}");
    assert_eq!(finished.stdout, "", "{finished}");
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
    assert!(!fixture.has(".venv"), "half an environment");
    let store = fixture.home().join("data/wharf/store");
    assert_eq!(
        files_below(&store),
        Vec::<PathBuf>::new(),
        "the store keeps something"
    );
}

#[test]
fn a_wheel_by_hand_installs_when_nothing_is_wrong_with_it() {
    let (_registry, fixture) = locked(wheel(vec![file("evil/more.py", b"")]));
    fixture.run(&["sync"]).success();
    fixture.python("import evil.more; assert evil.harmless").success();
}

#[test]
fn hostile_wheels_are_refused_by_name_and_leave_nothing() {
    let outside = "/wharf-test-evil";
    for (odd, words) in [
        (
            file("../../evil.py", b""),
            &["\"../../evil.py\"", "climbs out"][..],
        ),
        (file("evil/../../x.py", b""), &["climbs out"]),
        (file("/wharf-test-evil", b""), &[outside, "absolute"]),
        (file("C:/evil.py", b""), &["drive letter"]),
        (file("evil\\x.py", b""), &["backslash"]),
        (
            file("evil/__init__.py", b"harmless = False\n"),
            &["appears twice"],
        ),
        (file("Evil/__INIT__.py", b""), &["only in case"]),
        (file("evil/__init__.py/x", b""), &["both a file and a folder"]),
        (
            special("evil/link", 0o120_777, "../../../../etc"),
            &["links to `../../../../etc`", "outside"],
        ),
        (
            special("evil/link", 0o120_777, "/etc/passwd"),
            &["links to `/etc/passwd`", "outside"],
        ),
        (special("evil/tty", 0o020_644, ""), &["evil/tty", "device"]),
        (special("evil/pipe", 0o010_644, ""), &["evil/pipe", "pipe"]),
        (zeros(1 << 30), &["times its size"]),
        (zeros(10), &["evil/zeros.bin", "size it declares"]),
    ] {
        let (_registry, fixture) = locked(wheel(vec![odd]));
        let finished = fixture.run(&["sync"]);
        refused(&fixture, &finished, &["evil 1.0"]);
        refused(&fixture, &finished, words);
        assert!(finished.stderr.contains(WHEEL), "which archive: {finished}");
    }
    assert!(!Path::new(outside).exists());
}

#[test]
fn wheels_that_are_no_zip_are_refused_as_what_they_are() {
    let whole = wheel(Vec::new());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&whole).expect("memory takes every byte");
    for (content, word) in [
        (
            gzip.finish().expect("memory takes every byte"),
            "it is gzip, not a zip",
        ),
        (
            b"<!doctype html><html>moved</html>".to_vec(),
            "it is a web page, not a zip",
        ),
        (whole[..whole.len() / 2].to_vec(), "truncated"),
        (Vec::new(), "not a zip"),
    ] {
        let (_registry, fixture) = locked(content);
        refused(&fixture, &fixture.run(&["sync"]), &[WHEEL, word]);
    }
}

#[test]
fn a_refusal_is_a_document_on_request() {
    let (_registry, fixture) = locked(wheel(vec![file("../evil.py", b"")]));
    let finished = fixture.run(&["sync", "--format", "json"]).failure(5);
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!(document["error"]["fault"], "denied");
    assert!(
        document["error"]["message"].to_string().contains(WHEEL),
        "{finished}"
    );
}

#[test]
fn other_bytes_than_locked_are_refused_with_both_hashes() {
    let (registry, fixture) = locked(wheel(Vec::new()));
    registry.fault(&registry.file_path("evil", WHEEL), Fault::Corrupt, Times::Always);
    let finished = fixture.run(&["sync"]);
    refused(&fixture, &finished, &[WHEEL]);
    assert!(finished.stderr.matches("sha256:").count() >= 2, "{finished}");
}

#[test]
fn one_hostile_wheel_keeps_the_old_environment_whole() {
    let (registry, fixture) = locked(wheel(vec![file("../evil.py", b"")]));
    Package::new("good", "1.0").publish(&registry);
    fixture.write("wharf.toml", "[pypi]\ngood = \"*\"\n");
    fixture.run(&["sync"]).success();
    let before = fixture.digest(".venv");
    let manifest = fixture.read("wharf.toml");
    fixture.run(&["add", "pypi:evil"]).failure(5);
    assert!(
        fixture.digest(".venv").differences(&before).is_empty(),
        "the environment changed"
    );
    fixture.python("import good").success();
    // What failed came after the lock: the manifest and the lock agree, and the next sync says the same.
    assert_ne!(fixture.read("wharf.toml"), manifest);
    fixture.run(&["lock", "--check"]).success();
    fixture.run(&["sync"]).failure(5);
    fixture.run(&["remove", "evil"]).success();
    fixture.python("import good").success();
}

/// A gzipped tar whose headers say what `tar` libraries refuse to write.
fn tarball(odd: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
    let plain = [
        ("evil-1.0/pyproject.toml", tar::EntryType::Regular, project),
        ("evil-1.0/PKG-INFO", tar::EntryType::Regular, METADATA),
    ];
    for (name, kind, content) in plain.iter().chain(odd) {
        let mut header = tar::Header::new_ustar();
        let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        let body = if is_link { "" } else { content };
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder
            .append(&header, body.as_bytes())
            .expect("memory takes every byte");
    }
    let gzip = builder.into_inner().expect("memory takes every byte");
    gzip.finish().expect("memory takes every byte")
}

#[test]
fn hostile_source_distributions_are_refused_before_any_of_their_code_runs() {
    use tar::EntryType::{Block, Char, Fifo, Link, Regular, Symlink};
    for (odd, words) in [
        (("../evil.py", Regular, ""), &["\"../evil.py\"", "climbs out"][..]),
        (("/wharf-test-evil", Regular, ""), &["absolute"]),
        (
            ("evil-1.0/link", Symlink, "../../../etc/passwd"),
            &["links to", "outside"],
        ),
        (
            ("evil-1.0/hard", Link, "/etc/passwd"),
            &["evil-1.0/hard", "/etc/passwd", "absolute"],
        ),
        (("evil-1.0/disk", Block, ""), &["evil-1.0/disk", "device"]),
        (("evil-1.0/tty", Char, ""), &["device"]),
        (("evil-1.0/pipe", Fifo, ""), &["pipe"]),
        (("evil-1.0/PKG-INFO", Regular, METADATA), &["twice"]),
        (("evil-1.0/pkg-info", Regular, METADATA), &["only in case"]),
    ] {
        let registry = Registry::start();
        registry.publish_archive("evil", "evil-1.0.tar.gz", tarball(&[odd]));
        let fixture = Fixture::with_registry(BINARY, &registry);
        fixture.write("wharf.toml", "[pypi]\nevil = \"*\"\n");
        // A version whose archive is refused is no candidate; with no other there is no solution.
        let finished = fixture.run(&["lock"]).failure(3);
        for word in words.iter().chain(&["evil-1.0.tar.gz"]) {
            assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
        }
        assert!(!fixture.has("wharf.lock"));
        let store = fixture.home().join("data/wharf/store");
        assert_eq!(
            files_below(&store),
            Vec::<PathBuf>::new(),
            "the store keeps something"
        );
    }
}
