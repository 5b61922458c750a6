//! Prebuilt commands: what crates declare of them, signatures, and the files themselves.

use wharf_core::{Arch, Os, Target};
use wharf_ecosystem::cargo::binstall::places::{candidates, command_path};
use wharf_ecosystem::cargo::binstall::{Declared, Executable, Facts, PublicKey, Signature, Triple};
use wharf_project::prebuilt::code_hosts;

use crate::text;

const MACHINES: [&str; 4] = [
    "linux-x86_64",
    "linux-aarch64-musl1.2",
    "macos-arm64",
    "windows-x86_64",
];
/// A key of the tests, whose other half nobody has.
const KEY: &str = "RWRjIJwW5QKqeRUZ/MxObw+EazBxiWEyr7AMx/mS3QU6bPcqUlRIfqUG";

fn machine(text: &str) -> Target {
    text.parse().expect("it is a target")
}

/// Whatever a manifest declares, the path of a command stays inside of the archive, and no key is left in a URL.
pub(crate) fn binstall_table(bytes: &[u8]) {
    let Some(Ok(declared)) = text(bytes).map(Declared::parse) else {
        return;
    };
    let Some(table) = &declared.table else { return };
    let facts = Facts {
        name: "gadget",
        version: "1.2.3",
        repository: declared.repository.as_deref(),
    };
    for triple in MACHINES
        .iter()
        .flat_map(|name| Triple::of_machine(&machine(name)))
    {
        let settings = table.of_machine(&triple);
        if let Ok(places) = candidates(&settings, facts, &triple, code_hosts()) {
            let mut seen = Vec::new();
            for place in places {
                assert!(!seen.contains(&place), "the same place twice: {place:?}");
                seen.push(place);
            }
        }
        for has_folder in [true, false] {
            if let Ok(path) = command_path(&settings, facts, &triple, "gg", |_| has_folder) {
                let parts: Vec<&str> = path.split('/').collect();
                let odd = |part: &&str| part.is_empty() || *part == "." || *part == "..";
                assert!(!parts.iter().any(odd), "{path}");
            }
        }
    }
}

/// Nothing that a fuzzer makes is a signature of a key whose other half it does not have.
pub(crate) fn minisign(bytes: &[u8]) {
    let key = PublicKey::parse(KEY).expect("it is a key");
    if let Some(Ok(other)) = text(bytes).map(PublicKey::parse) {
        assert_eq!(PublicKey::parse(other.as_str()).as_ref(), Ok(&other));
    }
    let Ok(signature) = Signature::parse(bytes) else {
        return;
    };
    if let Ok(mut check) = key.check(&signature) {
        check.update(b"what was never signed");
        assert!(check.finish().is_err(), "a forged signature");
    }
}

/// A file fits one system at most, and the processors that it says.
pub(crate) fn executable(bytes: &[u8]) {
    let Ok(found) = Executable::read(bytes) else {
        return;
    };
    for name in MACHINES {
        let machine = machine(name);
        if found.fits(&machine).is_ok() {
            assert_eq!(found.os, machine.os);
            assert!(found.processors.contains(&machine.arch));
            assert!(machine.os != Os::Windows && machine.arch != Arch::X86, "{name}");
        }
    }
}
