//! Cargo's part: what registries send, which is index files, their `config.json` and archives; and what people write: manifests,
//! lockfiles, configuration, requirements.

use std::path::Path;
use std::sync::Arc;

use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::cargo::{
    CargoLock, CrateManifest, CrateVersions, InvalidManifest, Manifest, RegistryConfig, SourceId, crate_name,
};
use wharf_project::ManifestKind;
use wharf_project::cargo::config::{CargoConfig, replacement};
use wharf_project::edit::cargo::{self as edit, CrateAddition, CrateManifestText};
use wharf_project::{CrateEndpoint, Options};
use wharf_store::CrateId;

use crate::{limits, read_project, store, text};

/// What every archive says that it is.
const LABEL: &str = "a-1.0.0";

fn digest() -> Digest {
    Digest::from_hex(Algorithm::Sha256, &"ab".repeat(32)).expect("64 digits are a SHA-256")
}

/// Whatever lines come, the versions are in order, and what a row says is what its line says.
pub(crate) fn crate_index(bytes: &[u8]) {
    let name = crate_name("a").expect("a letter is a name");
    let versions = CrateVersions::scan(name, SourceId::crates_io(), Arc::new(bytes.to_vec()));
    let rows = versions.rows();
    assert!(
        rows.is_sorted_by(|a, b| a.version < b.version),
        "not in order, or one twice"
    );
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(versions.find(&row.version), Some(at));
        if let Ok(summary) = versions.summary(at) {
            assert_eq!(summary.version, row.version);
            assert_eq!((summary.yanked, summary.published), (row.yanked, row.published));
            assert_eq!(summary.rust_version, row.rust_version);
        }
    }
}

/// An accepted configuration makes URLs for every crate.
pub(crate) fn crate_config(bytes: &[u8]) {
    let Ok(config) = RegistryConfig::parse(bytes) else {
        return;
    };
    for (name, version) in [
        ("serde", "1.0.0"),
        ("Inflector", "0.1.0-rc.1+meta"),
        ("abc", "0.0.1"),
    ] {
        let name = crate_name(name).expect("it is a name");
        let version = version.parse().expect("it is a version");
        if let Ok(url) = config.download(&name, &version, &digest()) {
            assert!(!url.as_str().contains("{version}"), "{url}");
        }
    }
}

/// Both readers agree, and what is placed is a crate that verification finds sound.
pub(crate) fn crate_archive(bytes: &[u8]) {
    let store = store();
    let memory = store.unpack_crate_bytes(bytes, LABEL, &limits());
    let stream = store.unpack_crate(bytes, LABEL, &limits());
    // What follows the archive's end marker may be broken: only the stream reads on and refuses it.
    assert!(
        memory.is_ok() || stream.is_err(),
        "refused from memory, taken as a stream"
    );
    let Ok(memory) = memory else { return };
    if let Ok(stream) = stream {
        assert_eq!(memory.tree(), stream.tree(), "read from memory and as a stream");
    }
    assert!(
        memory.bytes() <= limits().max_total_bytes,
        "{} bytes",
        memory.bytes()
    );
    let tree = Digest::from_hex(Algorithm::Blake3, &memory.tree().to_string());
    let id = CrateId::new("a", "1.0.0", &tree.expect("a tree is named by a BLAKE3 digest"));
    store
        .place_crate(&id, memory, Some(&digest()))
        .expect("what was unpacked can be placed");
    let manifest = store.crate_file(&id, "Cargo.toml").expect("it can be read");
    assert!(manifest.is_some(), "a crate without Cargo.toml");
}

/// What is told has a place in the text; what is accepted can be changed, and changed back.
pub(crate) fn cargo_toml(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let meant = Manifest::parse(text).and_then(|manifest| {
        let workspace = manifest.workspace.clone();
        manifest.inherit(workspace.as_ref())
    });
    match meant {
        Ok(manifest) => {
            let summary =
                manifest.summary::<InvalidManifest>(SourceId::path("."), |_| Ok(SourceId::crates_io()));
            if let Err(error) = summary {
                assert!(text.get(error.span).is_some(), "a place outside of the text");
            }
            added_and_removed(text, &manifest);
        }
        Err(error) => assert!(text.get(error.span).is_some(), "a place outside of the text"),
    }
    read_project("Cargo.toml", text);
}

fn added_and_removed(text: &str, before: &CrateManifest) {
    let alias = "an-unlikely-name";
    let manifest = |text| CrateManifestText {
        kind: ManifestKind::Cargo,
        path: Path::new("Cargo.toml"),
        text,
    };
    let aliases = |text: &str| {
        let manifest = Manifest::parse(text).expect("an edit leaves a manifest");
        let names = manifest
            .dependencies
            .iter()
            .map(|dependency| dependency.name().to_owned());
        names.collect::<Vec<_>>()
    };
    let was: Vec<&str> = before
        .requirements
        .iter()
        .map(|requirement| requirement.name.as_str())
        .collect();
    let name = crate_name(alias).expect("it is a name");
    if was.contains(&alias) {
        return;
    }
    let Ok(more) = edit::add(manifest(text), &[CrateAddition::new(&name, Some("1".to_owned()))]) else {
        return;
    };
    assert!(aliases(&more).iter().any(|known| known == alias), "{more}");
    let (left, removed) = edit::remove(manifest(&more), &[alias.to_owned()], None).expect("it was added");
    assert_eq!(removed.len(), 1, "{more}");
    assert_eq!(aliases(&left), was, "{left}");
}

/// Printing what was read settles at once.
pub(crate) fn cargo_lock(bytes: &[u8]) {
    if let Some(Ok(lock)) = text(bytes).map(CargoLock::parse) {
        let printed = lock.print();
        let again = CargoLock::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.print(), printed);
    }
}

/// What Wharf writes into a configuration is no user's word, is written once, and goes without a trace.
pub(crate) fn cargo_config(bytes: &[u8]) {
    let Some(text) = text(bytes).filter(|text| !text.contains("/dev") && !text.contains("/proc")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("the temporary directory can be written");
    let path = folder.path().join(".cargo/config.toml");
    std::fs::create_dir(folder.path().join(".cargo")).expect("the temporary directory can be written");
    let read = |text: &str| {
        std::fs::write(&path, text).expect("the temporary directory can be written");
        CargoConfig::machine(folder.path(), &Options::default())
    };
    let Ok(config) = read(text) else { return };
    let sources = [
        SourceId::crates_io(),
        SourceId::registry("sparse+https://example.org/index/").expect("it is a URL"),
    ];
    let directories = [sources.to_vec()];
    let endpoints = |config: &CargoConfig| sources.each_ref().map(|source| config.endpoint(source).ok());
    let Ok(once) = replacement::add(&path, text, &config, &directories) else {
        return;
    };
    let config_then = read(&once).unwrap_or_else(|error| panic!("{error}\n{once}"));
    for (then, before) in endpoints(&config_then).into_iter().zip(endpoints(&config)) {
        // What led to a source of our name that was not there is ours from now on.
        if let Some(before) = before {
            assert_eq!(then.map(same), Some(same(before)), "{once}");
        }
    }
    let twice = replacement::add(&path, &once, &config_then, &directories).expect("it was written before");
    assert_eq!(twice, once);
    let left = replacement::remove(&path, &once)
        .expect("it can be read")
        .unwrap_or_default();
    let again = replacement::remove(&path, &left)
        .expect("it can be read")
        .unwrap_or_default();
    assert_eq!(left, again);
}

/// What a registry is called counts for nothing here: its crates come from the same place.
fn same(endpoint: CrateEndpoint) -> String {
    match endpoint {
        CrateEndpoint::Sparse { index, .. } => index.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn cargo_short(bytes: &[u8]) {
    if let Some(Ok(short)) = text(bytes).map(edit::parse_short) {
        let again =
            edit::parse_short(&format!("{}@{}", short.name, short.asked())).expect("it was one before");
        assert_eq!((&again.name, again.asked()), (&short.name, short.asked()));
        let chosen = "1.2.3-rc.1+build".parse().expect("it is a version");
        let written = edit::parse_short(&format!("{}@{}", short.name, short.written(&chosen)));
        assert!(written.is_ok(), "{short:?}");
    }
}
