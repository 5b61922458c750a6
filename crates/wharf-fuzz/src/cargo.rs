//! Cargo's part: what registries send, which is index files, their `config.json` and archives.

use std::sync::{Arc, OnceLock};

use wharf_core::{Algorithm, Digest};
use wharf_ecosystem::cargo::{CrateVersions, RegistryConfig, SourceId, crate_name};
use wharf_store::{CrateId, Store};

use crate::limits;

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
    static STORE: OnceLock<(tempfile::TempDir, Store)> = OnceLock::new();
    let (_, store) = STORE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("the temporary directory can be written");
        let store = Store::open(folder.path()).expect("a store can be made there");
        (folder, store)
    });
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
