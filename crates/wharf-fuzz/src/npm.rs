//! npm's part: versions, specifiers, manifests, documents, archives, settings, and the lockfiles of its tools.

use std::path::Path;

use wharf_core::{Ecosystem, PackageName, Target};
use wharf_ecosystem::npm::pick::why_none;
use wharf_ecosystem::npm::{
    Json, Overrides, PackageExtensions, PackageManifest, PeerRules, PickRules, Range, Spec, Version,
    packument, pick, platform,
};
use wharf_ecosystem::rules::rules;
use wharf_project::ScriptApproval;
use wharf_project::preferences::npm::{self as foreign, PeerLock};
use wharf_store::Shape;

use crate::{limits, read_project, read_project_of, store, text};

pub(crate) fn npm_version(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    let npm = rules(Ecosystem::Npm).expect("npm has rules");
    if let (Ok(a), Ok(b)) = (Version::parse_loose(first), Version::parse_loose(second)) {
        assert_eq!(Version::parse(a.as_str()).as_ref(), Ok(&a), "printed: {a}");
        assert_eq!(a.cmp(&b), b.cmp(&a).reverse(), "{a} and {b}");
        let keys = [&a, &b].map(|version| npm.parse_version(version.as_str()).expect("it is a version"));
        assert_eq!(a.cmp(&b), npm.compare(&keys[0], &keys[1]), "{a} and {b}");
    }
}

pub(crate) fn npm_range(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, "^1.2.3 || 2.x"));
    if let (Ok(a), Ok(b)) = (Range::parse(first), Range::parse(second)) {
        let printed = a.to_string();
        let again = Range::parse(&printed).expect("what is printed is a range");
        assert_eq!(again.to_string(), printed, "{first:?}");
        let _ = (a.intersects(&b), a.subset(&b), a.and(&b));
        for version in ["0.0.0", "1.2.3", "1.2.3-rc.1", "2.9.9"] {
            let version = Version::parse(version).expect("it is a version");
            if a.satisfies(&version) {
                assert!(a.satisfies_including_prerelease(&version), "{first:?} {version}");
            }
        }
    }
}

pub(crate) fn npm_spec(bytes: &[u8]) {
    if let Some(Ok(spec)) = text(bytes).map(Spec::parse) {
        let printed = spec.print();
        let again = Spec::parse(&printed).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        assert_eq!(again.print(), printed);
    }
}

pub(crate) fn npm_short(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = wharf_project::edit::npm::parse_short(text);
        if let Ok(approval) = text.parse::<ScriptApproval>() {
            let printed = approval.to_string();
            let again: ScriptApproval = printed.parse().expect("what is printed is an approval");
            assert_eq!(again.to_string(), printed);
        }
    }
}

pub(crate) fn packument_document(bytes: &[u8]) {
    let mut objects = Vec::new();
    let Ok(scanned) = packument::scan(bytes, &mut objects) else {
        return;
    };
    assert!(objects.len() <= bytes.len(), "what is kept is a part");
    let name = PackageName::new(Ecosystem::Npm, "a").expect("it is a name");
    let versions = scanned.versions(&name);
    assert!(
        versions.rows().is_sorted_by(|a, b| a.version < b.version),
        "the rows are in order, each once"
    );
    let rows = scanned.rows.iter().map(|scanned| &scanned.row);
    assert!(
        versions.rows().eq(rows.cloned()),
        "all of them, as they were read"
    );
    for scanned in &scanned.rows {
        assert!((scanned.span.end as usize) <= objects.len() && scanned.span.start < scanned.span.end);
        let object = &objects[scanned.span.start as usize..scanned.span.end as usize];
        if let Ok(manifest) = PackageManifest::parse(object) {
            check_manifest(&manifest);
        }
    }
    for spec in ["*", "^1", "latest"] {
        let spec = Spec::parse(spec).expect("it is a specifier");
        if pick(&versions, &spec, &PickRules::default()).is_none() {
            assert!(!why_none(&versions, &spec, &PickRules::default()).is_empty());
        }
    }
}

pub(crate) fn package_json(bytes: &[u8]) {
    if let Ok(manifest) = PackageManifest::parse(bytes) {
        check_manifest(&manifest);
    }
    if let Some(text) = text(bytes) {
        read_project("package.json", text);
    }
}

/// Names are folders in `node_modules`, and paths of commands stay inside.
fn check_manifest(manifest: &PackageManifest) {
    let lists = [
        &manifest.dependencies,
        &manifest.dev_dependencies,
        &manifest.optional_dependencies,
        &manifest.peer_dependencies,
    ];
    for (name, _) in lists.into_iter().flatten() {
        assert!(
            PackageName::new(Ecosystem::Npm, name).is_ok(),
            "{name:?} leads elsewhere"
        );
    }
    for (command, path) in &manifest.bin {
        assert!(
            !command.contains(['/', '\\']) && command != "..",
            "{command:?} leads elsewhere"
        );
        assert!(
            !path.starts_with('/') && path.split('/').all(|part| part != ".."),
            "{path:?} leads elsewhere"
        );
    }
    let target: Target = "linux-x86_64".parse().expect("it is a target");
    let machines = platform::Machines::only(&target);
    let fits = machines.fit(&manifest.os, &manifest.cpu, &manifest.libc);
    let why = machines.why_not(&manifest.os, &manifest.cpu, &manifest.libc);
    assert_eq!(fits, why.is_none());
}

/// Overrides in their three notations, extensions and rules of peers: a JSON object.
pub(crate) fn npm_rules(bytes: &[u8]) {
    let Ok(json) = Json::parse(bytes) else { return };
    let root = PackageManifest::default();
    let mut overrides = Overrides::default();
    let _ = overrides.add_npm(&json, &root);
    for (key, value) in json.object().unwrap_or_default() {
        if let Some(value) = value.text() {
            let _ = overrides.add_pnpm(key, value, &root);
            let _ = overrides.add_yarn(key, value, &root);
        }
    }
    let spec = Spec::parse("^1").expect("it is a specifier");
    let _ = overrides.apply(&[("a", "1.0.0"), ("b", "2.0.0")], "c", &spec);
    let mut manifest = PackageManifest {
        name: Some("a".to_owned()),
        version: Some("1.0.0".to_owned()),
        ..PackageManifest::default()
    };
    if let Ok(extensions) = PackageExtensions::parse(&json) {
        extensions.apply(&mut manifest);
        check_manifest(&manifest);
    }
    if let Ok(rules) = PeerRules::parse(&json) {
        let _ = rules.allowed("a", "1.0.0", "b");
    }
}

pub(crate) fn npmrc(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        read_project_of(&[("package.json", "{}"), (".npmrc", text), (".nvmrc", text)]);
    }
}

pub(crate) fn pnpm_workspace(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let package = r#"{"dependencies": {"a": "catalog:", "b": "catalog:c"}}"#;
        read_project_of(&[("package.json", package), ("pnpm-workspace.yaml", text)]);
    }
}

pub(crate) fn package_lock(bytes: &[u8]) {
    foreign_lock(PeerLock::PackageLock, "package-lock.json", bytes);
}

pub(crate) fn pnpm_lock(bytes: &[u8]) {
    foreign_lock(PeerLock::Pnpm, "pnpm-lock.yaml", bytes);
}

pub(crate) fn bun_lock(bytes: &[u8]) {
    foreign_lock(PeerLock::Bun, "bun.lock", bytes);
}

pub(crate) fn yarn_lock(bytes: &[u8]) {
    foreign_lock(PeerLock::Yarn, "yarn.lock", bytes);
}

/// Another tool's lockfile is read or refused with words.
fn foreign_lock(form: PeerLock, file: &str, bytes: &[u8]) {
    if let Some(Err(error)) = text(bytes).map(|text| foreign::parse(form, Path::new(file), text)) {
        assert!(!error.message.is_empty() && error.place.line > 0);
    }
}

/// Both ways of unpacking give the same tree, in folders and flat, and keep to the limits.
pub(crate) fn npm_archive(bytes: &[u8]) {
    let store = store();
    let memory = store.unpack_tgz_bytes(bytes, Shape::Tree("a"), &limits());
    let stream = store.unpack_tgz(bytes, Shape::Flat, &limits());
    // What follows the archive's end marker may be broken: only the stream reads on and refuses it.
    assert!(
        memory.is_ok() || stream.is_err(),
        "refused from memory, taken as a stream"
    );
    if let (Ok(memory), Ok(stream)) = (memory, stream) {
        assert_eq!(memory.tree(), stream.tree(), "read from memory and as a stream");
        assert!(
            memory.bytes() <= limits().max_total_bytes,
            "{} bytes",
            memory.bytes()
        );
    }
}
