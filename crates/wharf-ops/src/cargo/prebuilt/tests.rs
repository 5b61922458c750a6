//! Keys and receipts of prebuilts.

use std::path::PathBuf;

use wharf_core::{Algorithm, Explain, Fault};
use wharf_ecosystem::cargo::Version;
use wharf_ecosystem::cargo::binstall::BadSignature;
use wharf_install::InstalledTool;
use wharf_store::Hasher;

use super::error::PrebuiltError;
use super::*;

fn request(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request {
        name: "gadget".to_owned(),
        version: Version::new(1, 0, 0),
        index: None,
        features: Vec::new(),
        all_features: false,
        no_default_features: false,
        bins: Vec::new(),
        home: PathBuf::new(),
        checksum: Hasher::digest(Algorithm::Sha256, b"gadget"),
        lock: String::new(),
        crates: Vec::new(),
        repository: None,
        sources: Vec::new(),
    };
    change(&mut request);
    request
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("there is room");
    let store = Store::open(folder.path()).expect("it can be made");
    (folder, store)
}

#[test]
fn what_a_prebuilt_is_known_by() {
    let key = |change: fn(&mut Request)| receipt::key(&request(change)).expect("this machine is known");
    let plain = key(|_| {});
    for (what, other) in [
        ("name", key(|request| request.name.push('s'))),
        ("version", key(|request| request.version = Version::new(1, 0, 1))),
        (
            "checksum",
            key(|request| request.checksum = Hasher::digest(Algorithm::Sha256, b"other")),
        ),
        (
            "index",
            key(|request| request.index = Some("registry".to_owned())),
        ),
        ("commands", key(|request| request.bins = vec!["gg".to_owned()])),
    ] {
        assert_ne!(plain, other, "another {what}");
    }
    // The graph has no part in it, and the order of commands neither.
    assert_eq!(plain, key(|request| request.lock = "version = 4".to_owned()));
    assert_eq!(
        key(|request| request.bins = vec!["a".to_owned(), "b".to_owned()]),
        key(|request| request.bins = vec!["b".to_owned(), "a".to_owned(), "b".to_owned()])
    );
    assert_ne!(
        plain.hex(),
        request(|_| {}).key().hex(),
        "a build is known by something else"
    );
}

#[test]
fn what_is_kept_comes_back_with_its_receipt() {
    let (_folder, store) = store();
    let request = request(|_| {});
    let origin = Origin::Package {
        package: "pypi:gadget".to_owned(),
        file: "gadget-1.0.0-py3-none-any.whl".to_owned(),
        digest: "sha256:00".to_owned(),
    };
    assert!(receipt::known(&request, &store).is_none());
    let commands = vec![("gg".to_owned(), b"bytes".to_vec())];
    let kept = receipt::keep(&request, &store, commands, &origin).expect("there is room");
    let kept = kept.expect("this machine is known");
    let known = receipt::known(&request, &store).expect("it was kept");
    assert_eq!(
        (known.key, known.built.commands),
        (kept.key.clone(), vec!["gg".to_owned()])
    );
    let standing = CommandsPart {
        tools: vec![InstalledTool {
            name: wharf_ecosystem::cargo::crate_name("gadget").expect("it is a name"),
            version: "1.0.0".to_owned(),
            key: kept.key,
            commands: kept.built.commands,
            tree: kept.built.tree,
        }],
    };
    let stands = |policy| super::kept(&request, &standing, &store, policy).is_some();
    assert!(stands(PrebuiltPolicy::Verified) && !stands(PrebuiltPolicy::Never));
    // A store that lost the receipt has no prebuilt.
    let (_other, emptied) = self::store();
    assert!(super::kept(&request, &standing, &emptied, PrebuiltPolicy::Verified).is_none());
}

#[test]
fn names_that_lead_out_are_no_commands() {
    let (_folder, store) = store();
    let commands = vec![("../gg".to_owned(), b"bytes".to_vec())];
    let refused = receipt::keep(&request(|_| {}), &store, commands, &Origin::Built).err();
    let refused = refused.expect("it leads out");
    assert_eq!(refused.code(), "archive/unsafe", "{refused}");
    assert!(receipt::known(&request(|_| {}), &store).is_none());
}

#[test]
fn words_of_origins_and_refusals() {
    let signed = Origin::Signed {
        key: "RWQ".to_owned(),
        url: "https://example.org/a".to_owned(),
    };
    assert_eq!(signed.to_string(), "prebuilt, signed with key RWQ");
    assert_eq!(Origin::Built.to_string(), "built");
    let text = serde_json::to_string(&signed).expect("it is plain data");
    assert_eq!(
        text,
        r#"{"kind":"signed","key":"RWQ","url":"https://example.org/a"}"#
    );
    let refused = PrebuiltError::Signature {
        package: "gadget 1.0.0".to_owned(),
        url: Box::new("https://example.org/a.tgz".parse().expect("it is a URL")),
        reason: BadSignature::Mismatch,
    };
    assert_eq!(
        refused.to_string(),
        "the prebuilt commands of gadget 1.0.0 are refused: the signature of https://example.org/a.tgz: it does not match the file"
    );
    assert_eq!(
        (refused.code(), refused.fault()),
        ("prebuilt/bad-signature", Fault::Denied)
    );
    assert!(
        refused
            .hints()
            .iter()
            .any(|hint| hint.contains("--prebuilt never"))
    );
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn this_very_program_is_a_command_for_this_machine() {
    let own = std::env::current_exe().expect("it has a path");
    let bytes = std::fs::read(own).expect("it can be read");
    let found = Executable::read(&bytes).expect("it runs");
    assert!(
        found.loader.as_ref().is_some_and(|loader| loader.contains("ld-")),
        "it is dynamic"
    );
    assert!(
        found.glibc.is_some_and(|version| version >= (2, 2)),
        "{:?}",
        found.glibc
    );
    let machine = wharf_sys::host::target().expect("it is known");
    assert_eq!(found.fits(&machine), Ok(()));
    for length in (0..4096).chain([bytes.len() / 2]) {
        // Every cut ends in a verdict.
        let _ = Executable::read(&bytes[..length.min(bytes.len())]);
    }
}
