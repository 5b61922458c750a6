//! The source replacement, added and taken out. Invariant: what the user wrote stays byte for byte.

use wharf_ecosystem::cargo::GitReference;

use super::*;
use crate::project::Options;

/// What all files say together if the project's file is this text.
fn config(text: &str) -> CargoConfig {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".cargo")).unwrap();
    std::fs::write(folder.path().join(".cargo/config.toml"), text).unwrap();
    CargoConfig::machine(folder.path(), &Options::default()).unwrap()
}

fn added(text: &str, sources: &[SourceId]) -> Result<String, String> {
    added_to(text, &[sources.to_vec()])
}

fn added_to(text: &str, directories: &[Vec<SourceId>]) -> Result<String, String> {
    add(Path::new(".cargo/config.toml"), text, &config(text), directories).map_err(|error| error.to_string())
}

/// Adds, checks that adding again and taking out are what they should be, and gives the text.
fn check(text: &str, sources: &[SourceId]) -> String {
    let path = Path::new(".cargo/config.toml");
    let once = added(text, sources).unwrap();
    assert_eq!(
        added(&once, sources).unwrap(),
        once,
        "writing twice is writing once"
    );
    let left = remove(path, &once).unwrap();
    assert_eq!(left.unwrap_or_default(), text, "taking out leaves what was there");
    once
}

fn corp() -> SourceId {
    SourceId::registry("sparse+https://example.org/index/").unwrap()
}

#[test]
fn an_empty_file() {
    assert_eq!(
        check("", &[SourceId::crates_io()]),
        "[source.crates-io]
replace-with = \"wharf\"

# Written by Wharf: plain Cargo finds the locked crates in this folder.
[source.wharf]
directory = \".wharf/cargo\"
"
    );
    assert_eq!(added("", &[]).unwrap(), "");
}

#[test]
fn what_the_user_wrote_stays() {
    let text = "# mine\n[build]\njobs = 2 # two\n\n[net]\noffline = true\n";
    let git = SourceId::git("https://example.org/repo", GitReference::Tag("v1".to_owned())).unwrap();
    assert_eq!(
        check(text, &[SourceId::crates_io(), corp(), git]),
        "# mine
[build]
jobs = 2 # two

[net]
offline = true

[source.crates-io]
replace-with = \"wharf\"

[source.\"sparse+https://example.org/index/\"]
registry = \"sparse+https://example.org/index/\"
replace-with = \"wharf\"

[source.\"git+https://example.org/repo?tag=v1\"]
git = \"https://example.org/repo\"
tag = \"v1\"
replace-with = \"wharf\"

# Written by Wharf: plain Cargo finds the locked crates in this folder.
[source.wharf]
directory = \".wharf/cargo\"
"
    );
}

#[test]
fn a_mirror_is_replaced_in_its_turn() {
    let text = "[source.crates-io]\nreplace-with = \"mirror\"\n\n[source.mirror]\nregistry = \"sparse+https://example.org/mirror/\"\n";
    let once = check(text, &[SourceId::crates_io()]);
    assert!(
        once.contains("[source.crates-io]\nreplace-with = \"mirror\"\n"),
        "{once}"
    );
    assert!(
        once.contains("registry = \"sparse+https://example.org/mirror/\"\nreplace-with = \"wharf\"\n"),
        "{once}"
    );
    // A source that has a name already is not defined again, or Cargo refuses both.
    let named = "[source.corp]\nregistry = \"sparse+https://example.org/index/\"\n";
    let once = check(named, &[corp()]);
    assert!(
        once.starts_with(
            "[source.corp]\nregistry = \"sparse+https://example.org/index/\"\nreplace-with = \"wharf\"\n"
        ),
        "{once}"
    );
    // A registry may be named where a source is.
    let registry = "[registries.corp]\nindex = \"sparse+https://example.org/index/\"\n\n[source.crates-io]\nreplace-with = \"corp\"\n";
    for sources in [[SourceId::crates_io(), corp()], [corp(), SourceId::crates_io()]] {
        let once = check(registry, &sources);
        let source =
            "[source.corp]\nregistry = \"sparse+https://example.org/index/\"\nreplace-with = \"wharf\"\n";
        assert!(
            once.contains(source) && once.matches("registry = ").count() == 1,
            "{once}"
        );
    }
}

#[test]
fn what_is_no_longer_needed_goes() {
    let both = added("", &[SourceId::crates_io(), corp()]).unwrap();
    let one = added(&both, &[SourceId::crates_io()]).unwrap();
    assert_eq!(one, added("", &[SourceId::crates_io()]).unwrap());
    assert_eq!(added(&both, &[]).unwrap(), "");
}

#[test]
fn sources_that_have_a_crate_of_one_name_and_version_get_a_folder_each() {
    let git = SourceId::git("https://example.org/repo", GitReference::DefaultBranch).unwrap();
    let two = added_to("", &[vec![SourceId::crates_io()], vec![git.clone()]]).unwrap();
    assert_eq!(
        two,
        "[source.crates-io]
replace-with = \"wharf\"

[source.\"git+https://example.org/repo\"]
git = \"https://example.org/repo\"
replace-with = \"wharf-2\"

# Written by Wharf: plain Cargo finds the locked crates in this folder.
[source.wharf]
directory = \".wharf/cargo\"

# Written by Wharf: plain Cargo finds the locked crates in this folder.
[source.wharf-2]
directory = \".wharf/cargo/2\"
"
    );
    assert!(!config(&two).sources.contains_key("wharf-2"));
    assert_eq!(
        added_to(&two, &[vec![SourceId::crates_io()], vec![git.clone()]]).unwrap(),
        two
    );
    assert_eq!(
        added(&two, &[SourceId::crates_io(), git.clone()]).unwrap(),
        added("", &[SourceId::crates_io(), git]).unwrap()
    );
    assert_eq!(remove(Path::new("c"), &two).unwrap(), None);
    // Only what leads to our own folders is ours.
    let taken = "[source.wharf-2]\ndirectory = \"vendor\"\n";
    let with = added(taken, &[SourceId::crates_io()]).unwrap();
    assert_eq!(remove(Path::new("c"), &with).unwrap().unwrap(), taken);
    assert!(
        added_to(taken, &[vec![SourceId::crates_io()], vec![corp()]])
            .unwrap_err()
            .contains("is there already")
    );
}

#[test]
fn another_folder_is_a_conflict() {
    let vendored =
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n";
    let error = added(vendored, &[SourceId::crates_io()]).unwrap_err();
    assert!(
        error.contains("replaces the source `crates-io` by `vendored`"),
        "{error}"
    );
    let taken = "[source.wharf]\ndirectory = \"elsewhere\"\n";
    let error = added(taken, &[SourceId::crates_io()]).unwrap_err();
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(remove(Path::new("c"), taken).unwrap().unwrap(), taken);
    let circle = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nregistry = \"https://example.org/a\"\nreplace-with = \"crates-io\"\n";
    assert!(
        added(circle, &[SourceId::crates_io()])
            .unwrap_err()
            .contains("itself")
    );
    assert!(
        add(
            Path::new("c"),
            "[source",
            &CargoConfig::default(),
            &[vec![corp()]]
        )
        .is_err()
    );
}

#[test]
fn the_older_name_of_the_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    assert!(config_path(folder.path()).ends_with(".cargo/config.toml"));
    std::fs::create_dir(folder.path().join(".cargo")).unwrap();
    std::fs::write(folder.path().join(".cargo/config"), "").unwrap();
    assert!(config_path(folder.path()).ends_with(".cargo/config"));
}
