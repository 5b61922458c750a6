//! Everything of Wharf that reads bytes from outside, as functions of bytes: the bodies of the fuzz targets.
//!
//! Two callers: the targets in `fuzz/` under a fuzzer, and the corpus test of this crate in every ordinary test run.
//! A target fails by panicking: because the code under it does, or because a law does not hold (what is printed parses
//! to the same; an accepted path stays inside). To add one, write a function and name it in [`TARGETS`].

mod cargo;
mod deb;
mod npm;
mod prebuilt;

use std::path::Path;
use std::sync::OnceLock;

use wharf_core::{Digest, PackageName, PackageUrl, ShortRequirement, Target, WebUrl};
use wharf_ecosystem::pypi;
use wharf_ecosystem::pypi::wheel::{EntryPoints, Layout, Record, Root, WheelFile};
use wharf_project::{Lock, Options, Project, preferences};
use wharf_store::archive::{Limits, tar, zip};
use wharf_store::{Compression, Store, SystemTree, Tree, journal};

/// A target: bytes in, a panic or nothing.
pub type Body = fn(&[u8]);

/// Every target by name. Cargo's, Debian's and npm's are in their own modules. The names are those of the corpus folders and of the binaries in `fuzz/`.
pub const TARGETS: [(&str, Body); 59] = [
    ("binstall_table", prebuilt::binstall_table),
    ("build_system", build_system),
    ("bun_lock", npm::bun_lock),
    ("cargo_config", cargo::cargo_config),
    ("cargo_lock", cargo::cargo_lock),
    ("cargo_short", cargo::cargo_short),
    ("cargo_toml", cargo::cargo_toml),
    ("core_metadata", core_metadata),
    ("crate_archive", cargo::crate_archive),
    ("crate_config", cargo::crate_config),
    ("crate_index", cargo::crate_index),
    ("deb_archive", deb::deb_archive),
    ("deb_control", deb::deb_control),
    ("deb_index", deb::deb_index),
    ("deb_keyring", deb::deb_keyring),
    ("deb_packages", deb::deb_packages),
    ("deb_preferences", deb::deb_preferences),
    ("deb_relation", deb::deb_relation),
    ("deb_release", deb::deb_release),
    ("deb_script", deb::deb_script),
    ("deb_settings", deb::deb_settings),
    ("deb_signature", deb::deb_signature),
    ("deb_sources", deb::deb_sources),
    ("deb_status", deb::deb_status),
    ("deb_version", deb::deb_version),
    ("digest", digest),
    ("entry_points", entry_points),
    ("executable", prebuilt::executable),
    ("journal", journal_file),
    ("lock_file", lock_file),
    ("manifest", manifest),
    ("minisign", prebuilt::minisign),
    ("npm_archive", npm::npm_archive),
    ("npm_range", npm::npm_range),
    ("npm_rules", npm::npm_rules),
    ("npm_short", npm::npm_short),
    ("npm_spec", npm::npm_spec),
    ("npm_version", npm::npm_version),
    ("npmrc", npm::npmrc),
    ("package_json", npm::package_json),
    ("package_lock", npm::package_lock),
    ("package_url", package_url),
    ("packument", npm::packument_document),
    ("peer_lock", peer_lock),
    ("pnpm_lock", npm::pnpm_lock),
    ("pnpm_workspace", npm::pnpm_workspace),
    ("pyproject", pyproject),
    ("record", record),
    ("requirement", requirement),
    ("requirements_file", requirements_file),
    ("short_requirement", short_requirement),
    ("simple_html", simple_html),
    ("simple_json", simple_json),
    ("tar_archive", tar_archive),
    ("target", target),
    ("tree", tree),
    ("wheel_name", wheel_name),
    ("yarn_lock", npm::yarn_lock),
    ("zip_archive", zip_archive),
];

/// Runs one target.
///
/// # Panics
/// When there is none of that name, or when the input shows a mistake.
pub fn run(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, body) = found.expect("the target is in the list");
    body(bytes);
}

/// Archives in a fuzzer's hands stay small, so that a run is about parsing and not about copying.
fn limits() -> Limits {
    Limits {
        max_entries: 256,
        max_file_bytes: 1 << 20,
        max_total_bytes: 4 << 20,
        ..Limits::default()
    }
}

fn project() -> PackageName {
    PackageName::pypi("project").expect("a plain word is a name")
}

fn page_url() -> WebUrl {
    WebUrl::parse("https://example.org/simple/project/").expect("the URL is one")
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn simple_json(bytes: &[u8]) {
    if let Ok(page) = pypi::simple::parse_json(bytes, &page_url(), &project()) {
        check_page(&page);
    }
}

fn simple_html(bytes: &[u8]) {
    if let Ok(page) = pypi::simple::parse_html(bytes, &page_url(), &project()) {
        check_page(&page);
    }
}

/// Every file kept is one of the page's project, under a name without a folder.
fn check_page(page: &pypi::simple::Page) {
    for file in &page.files {
        assert!(
            !file.filename.contains('/'),
            "a file name with a folder: {}",
            file.filename
        );
    }
}

fn core_metadata(bytes: &[u8]) {
    // An answer of either kind is right; what counts is that there is one.
    let _ = pypi::CoreMetadata::parse(bytes);
    let _ = pypi::CoreMetadata::from_pkg_info(bytes);
}

fn pyproject(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = pypi::CoreMetadata::from_pyproject(text);
        read_project("pyproject.toml", text);
    }
}

fn build_system(bytes: &[u8]) {
    if let Some(Ok(system)) = text(bytes).map(pypi::BuildSystem::from_pyproject) {
        assert!(
            !system.module().contains(':'),
            "the object belongs to the module: {}",
            system.module()
        );
    }
}

fn wheel_name(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = pypi::DistName::parse(text, &project());
        if let Ok(wheel) = pypi::WheelName::parse(text) {
            let target: Target = "linux-x86_64-glibc2.36".parse().expect("the target is one");
            let _ = pypi::Tags::for_target(&target, pypi::Implementation::CPython).explain(&wheel);
        }
        let _ = WheelFile::parse(bytes);
    }
}

fn record(bytes: &[u8]) {
    if let Ok(record) = Record::parse(bytes) {
        let printed = record.to_string();
        assert_eq!(
            Record::parse(printed.as_bytes()).as_ref(),
            Ok(&record),
            "printed: {printed}"
        );
        let layout = Layout::new("project-1.dist-info".to_owned(), Root::Purelib);
        for row in &record.rows {
            if let Ok(path) = wharf_core::SafePath::new(&row.path) {
                let _ = layout.place(&path);
            }
        }
    }
}

fn entry_points(bytes: &[u8]) {
    let _ = EntryPoints::parse(bytes);
}

fn requirement(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        if let Ok(requirement) = pypi::parse_requirement(text) {
            let printed = requirement.to_string();
            assert!(
                pypi::parse_requirement(&printed).is_ok(),
                "{text:?} is printed as {printed:?}"
            );
        }
        let _ = pypi::parse_requirement_lenient(text);
    }
}

fn requirements_file(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = preferences::parse_pins(text);
        read_project("requirements.txt", text);
    }
}

fn manifest(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        read_project("wharf.toml", text);
    }
}

/// Reads a project that consists of one file; an error has to have words.
fn read_project(name: &str, text: &str) {
    read_project_of(&[(name, text)]);
}

/// One store for all archives of a run.
fn store() -> &'static Store {
    static STORE: OnceLock<(tempfile::TempDir, Store)> = OnceLock::new();
    let (_, store) = STORE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("the temporary directory can be written");
        let store = Store::open(folder.path()).expect("a store can be made there");
        (folder, store)
    });
    store
}

/// Reads a project that consists of these files.
fn read_project_of(files: &[(&str, &str)]) {
    // Requirements that name other files would leave the fuzzer's folder.
    if files
        .iter()
        .any(|(_, text)| text.contains("/dev") || text.contains("/proc"))
    {
        return;
    }
    let folder = tempfile::tempdir().expect("the temporary directory can be written");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the temporary directory can be written");
    }
    let options = Options {
        system_root: folder.path().to_owned(),
        ..Options::default()
    };
    if let Err(error) = Project::read(folder.path(), &options) {
        assert!(!error.to_string().is_empty());
    }
}

fn peer_lock(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = preferences::parse_peer_lock(text);
    }
}

fn lock_file(bytes: &[u8]) {
    if let Some(Ok(lock)) = text(bytes).map(Lock::parse) {
        let printed = lock.print();
        let again = Lock::parse(&printed)
            .unwrap_or_else(|error| panic!("what was printed is no lock: {error:?}\n{printed}"));
        assert_eq!(again.print(), printed);
    }
}

fn zip_archive(bytes: &[u8]) {
    if let Ok(entries) = zip::inspect(bytes, &limits()) {
        check_entries(entries.iter().map(|(path, size)| (path.as_str(), *size)));
    }
}

fn tar_archive(bytes: &[u8]) {
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Bzip2,
        Compression::Xz,
        Compression::Zstd,
    ] {
        if let Ok(entries) = tar::inspect(bytes, compression, &limits()) {
            check_entries(entries.iter().map(|(path, size)| (path.as_str(), *size)));
        }
    }
}

/// Accepted entries stay inside and within the limits.
fn check_entries<'e>(entries: impl Iterator<Item = (&'e str, u64)>) {
    let mut total = 0;
    for (path, size) in entries {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        assert!(inside, "leaves its folder: {path}");
        total += size;
    }
    assert!(total <= limits().max_total_bytes, "{total} bytes");
}

/// Of both formats at most one reads the bytes, and prints them again.
fn tree(bytes: &[u8]) {
    let old = Tree::parse(bytes).map(|tree| tree.print());
    let new = SystemTree::parse(bytes).map(|tree| tree.print());
    assert!(old.is_err() || new.is_err(), "read in both formats");
    if let Ok(printed) = old.or(new) {
        assert_eq!(printed, bytes);
    }
}

fn journal_file(bytes: &[u8]) {
    let judged = journal::judge("1", bytes);
    assert!(judged.sound <= bytes.len());
    // The sound part by itself says the same, and there is nothing wrong with it.
    let again = journal::judge("1", &bytes[..judged.sound]);
    assert!(again.sound == judged.sound && !again.damaged);
}

fn package_url(bytes: &[u8]) {
    if let Some(Ok(url)) = text(bytes).map(str::parse::<PackageUrl>) {
        let printed = url.to_string();
        let again: PackageUrl = printed
            .parse()
            .unwrap_or_else(|error| panic!("{printed}: {error}"));
        assert_eq!(again.to_string(), printed);
    }
}

fn short_requirement(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = ShortRequirement::parse(text);
    }
}

fn target(bytes: &[u8]) {
    if let Some(Ok(target)) = text(bytes).map(str::parse::<Target>) {
        let printed = target.to_string();
        assert_eq!(printed.parse::<Target>().ok(), Some(target), "{printed}");
    }
}

fn digest(bytes: &[u8]) {
    if let Some(Ok(digest)) = text(bytes).map(Digest::parse) {
        let printed = digest.to_string();
        assert_eq!(Digest::parse(&printed).ok(), Some(digest), "{printed}");
    }
}
