//! Manifests, read and inherited. Invariant: what cargo refuses is refused at its place.

use proptest::prelude::*;

use super::*;
use crate::cargo::{FeatureValue, SourceId};

fn parse(text: &str) -> Manifest {
    match Manifest::parse(text) {
        Ok(manifest) => manifest,
        Err(error) => panic!("{error} at `{}`\n{text}", &text[error.span.clone()]),
    }
}

fn resolve(text: &str, root: &str) -> CrateManifest {
    let workspace = parse(root).workspace;
    parse(text).inherit(workspace.as_ref()).unwrap()
}

/// A requirement on one line: `kind alias=package req source features optional default-features target`.
fn shown(requirement: &Requirement) -> String {
    let source = match &requirement.source {
        RequirementSource::Default => String::new(),
        RequirementSource::Registry(name) => format!(" registry:{name}"),
        RequirementSource::Index(url) => format!(" index:{url}"),
        RequirementSource::Path { path, base } => format!(" {path} of {base:?}"),
        RequirementSource::Git { url, reference } => format!(" {url} {reference:?}"),
    };
    let package = match &requirement.package {
        Some(package) => format!("={package}"),
        None => String::new(),
    };
    let target = match &requirement.target {
        Some(target) => format!(" on {target}"),
        None => String::new(),
    };
    format!(
        "{} {}{package} {}{source} {:?}{}{}{target}",
        requirement.kind.as_str(),
        requirement.name,
        requirement.req,
        requirement.features,
        if requirement.optional { " optional" } else { "" },
        if requirement.uses_default_features() {
            ""
        } else {
            " bare"
        },
    )
}

fn all(manifest: &CrateManifest) -> Vec<String> {
    manifest.requirements.iter().map(shown).collect()
}

const PACKAGE: &str = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";

#[test]
fn tables_are_gone_through_in_cargos_order() {
    let text = format!(
        "{PACKAGE}
[target.'cfg(unix)'.dev-dependencies]
u-dev = '1'
[target.'cfg(unix)'.dependencies]
u = '1'
[target.'cfg(unix)'.build-dependencies]
u-build = '1'
[target.aarch64-apple-darwin.dependencies]
mac = '1'
[build-dependencies]
b = {{ version = '2', default_features = false }}
[dev_dependencies]
d = '*'
[dependencies]
z = {{ version = '1.2', features = ['f'], optional = true }}
json = {{ package = 'serde_json', version = '=1.0.0', registry = 'corp' }}
p = {{ path = '../p' }}
g = {{ git = 'https://example.org/g', tag = 'v1' }}
i = {{ version = '1', registry-index = 'sparse+https://example.org/index/' }}
"
    );
    assert_eq!(
        all(&resolve(&text, "[workspace]")),
        [
            "normal g * https://example.org/g Tag(\"v1\") []",
            "normal i ^1 index:sparse+https://example.org/index/ []",
            "normal json=serde_json =1.0.0 registry:corp []",
            "normal p * ../p of Manifest []",
            "normal z ^1.2 [\"f\"] optional",
            "dev d * []",
            "build b ^2 [] bare",
            "normal mac ^1 [] on aarch64-apple-darwin",
            "normal u ^1 [] on cfg(unix)",
            "build u-build ^1 [] on cfg(unix)",
            "dev u-dev ^1 [] on cfg(unix)",
        ]
    );
}

#[test]
fn what_the_workspace_states() {
    let root = "
[workspace]
members = ['crates/*']
resolver = '3'
[workspace.package]
version = '0.4.0'
edition = '2024'
rust-version = '1.85'
[workspace.dependencies]
plain = '1'
bare = { version = '2', default-features = false, features = ['x'] }
local = { path = 'crates/local', version = '0.4' }
other = { package = 'real', version = '3' }
";
    let member = resolve(
        "
[package]
name = 'member'
version.workspace = true
edition = { workspace = true }
rust-version.workspace = true
[dependencies]
plain = { workspace = true, optional = true, features = ['more'], version = '9' }
bare = { workspace = true, default-features = true, features = ['y', 'x'] }
local.workspace = true
other.workspace = true
[dev-dependencies]
plain.workspace = true
",
        root,
    );
    assert_eq!(member.version, Version::new(0, 4, 0));
    assert_eq!(
        (member.edition, member.rust_version.unwrap().to_string().as_str()),
        (Edition::E2024, "1.85")
    );
    assert_eq!(
        all(&member),
        [
            "normal bare ^2 [\"x\", \"y\", \"x\"]",
            "normal local ^0.4 crates/local of Workspace []",
            "normal other=real ^3 []",
            "normal plain ^1 [\"more\"] optional",
            "dev plain ^1 []",
        ]
    );
}

#[test]
fn default_features_cannot_be_switched_off_by_a_member() {
    let root = "[workspace]\n[workspace.dependencies]\nx = '1'";
    let member = |edition: &str| {
        let text = format!(
            "[package]\nname = 'm'\nedition = '{edition}'\n[dependencies]\nx = {{ workspace = true, default-features = false }}"
        );
        parse(&text).inherit(parse(root).workspace.as_ref())
    };
    let old = member("2021").unwrap();
    assert!(old.requirements[0].uses_default_features());
    assert_eq!(old.warnings.len(), 1);
    assert!(member("2024").is_err());
}

#[test]
fn features_get_their_implicit_ones() {
    let text = format!(
        "{PACKAGE}
[dependencies]
hidden = {{ version = '1', optional = true }}
open = {{ version = '1', optional = true }}
weak = {{ version = '1', optional = true }}
[features]
default = ['std']
std = ['dep:hidden', 'weak?/std']
"
    );
    let manifest = resolve(&text, "[workspace]");
    let summary = manifest
        .summary::<InvalidManifest>(SourceId::path("."), |_| Ok(SourceId::crates_io()))
        .unwrap();
    let features: Vec<String> = summary
        .features
        .iter()
        .map(|(name, values)| {
            format!(
                "{name} {}",
                values
                    .iter()
                    .map(FeatureValue::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            )
        })
        .collect();
    assert_eq!(
        features,
        [
            "default std",
            "open dep:open",
            "std dep:hidden,weak?/std",
            "weak dep:weak"
        ]
    );
    assert_eq!(summary.dependencies.len(), 3);
}

#[test]
fn patches_and_replacements_are_found() {
    let manifest = parse(
        "
[workspace]
members = []
exclude = ['old']
[patch.crates-io]
a = { path = 'a' }
[patch.'https://example.org/repo']
b = { git = 'https://example.org/other', branch = 'fix' }
[replace]
'c:1.0.0' = { path = 'c' }
",
    );
    let patches: Vec<String> = manifest
        .patches
        .iter()
        .map(|patch| {
            format!(
                "{}: {}",
                patch.source,
                patch.requirements.iter().map(shown).collect::<String>()
            )
        })
        .collect();
    assert_eq!(
        patches,
        [
            "crates-io: normal a * a of Manifest []",
            "https://example.org/repo: normal b * https://example.org/other Branch(\"fix\") []",
        ]
    );
    assert_eq!(manifest.replaces[0].0, "c:1.0.0");
}

#[test]
fn commands_and_small_fields() {
    let manifest = parse(
        "
[project]
name = 'a'
links = 'z'
resolver = '2'
default-run = 'one'
autobins = false
workspace = '..'
[[bin]]
name = 'one'
path = 'src/one.rs'
required-features = ['cli']
[[bin]]
name = 'two'
",
    );
    let package = manifest.package.as_ref().unwrap();
    assert_eq!(package.workspace.as_ref().unwrap().text, "..");
    assert_eq!(
        (package.links.as_deref(), package.resolver),
        (Some("z"), Some(Resolver::V2))
    );
    assert!(!package.autobins);
    let bins: Vec<&str> = manifest.bins.iter().map(|bin| bin.name.as_str()).collect();
    assert_eq!(
        (bins, package.default_run.as_deref()),
        (vec!["one", "two"], Some("one"))
    );
    let alone = manifest.inherit(None).unwrap();
    assert_eq!(
        (alone.version.to_string().as_str(), alone.edition),
        ("0.0.0", Edition::E2015)
    );
}

/// The message and the text it points to.
fn refused(text: &str) -> String {
    let read = Manifest::parse(text).and_then(|manifest| {
        let workspace = manifest.workspace.clone();
        let manifest = manifest.inherit(workspace.as_ref())?;
        manifest.summary::<InvalidManifest>(SourceId::path("."), |_| Ok(SourceId::crates_io()))
    });
    match read {
        Ok(_) => format!("accepted: {text}"),
        Err(error) => format!("{} @ {}", error.message, &text[error.span]),
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let mut wrong = Vec::new();
    let mut check = |text: &str, expected: &str| {
        let told = refused(text);
        if told != expected {
            wrong.push(format!("{told}\n  expected {expected}"));
        }
    };
    for (rest, expected) in [
        (
            "[dependencies]\nx = 1",
            "`x` must be a version or a table, and this is of type integer @ 1",
        ),
        (
            "[dependencies]\nx = 'latest'",
            "`latest` is no range of versions: unexpected character 'l' while parsing major version number @ 'latest'",
        ),
        (
            "[dependencies]\nx = {}",
            "`x` says neither which version nor from where @ {}",
        ),
        (
            "[dependencies]\nx = { workspace = false }",
            "`workspace` can only be true @ false",
        ),
        (
            "[dependencies]\nx = { workspace = true }",
            "`x` comes from the workspace, and this package is in none @ x",
        ),
        (
            "[dependencies]\n'x/y' = '1'",
            "`x/y` is not a valid cargo package name: use letters, digits, `-` and `_` @ 'x/y'",
        ),
        (
            "[dependencies]\nx = { git = 'https://example.org/x', path = 'x' }",
            "`git` and `path` of `x` exclude each other @ path",
        ),
        (
            "[dependencies]\nx = { version = '1', branch = 'b' }",
            "`branch` of `x` has no meaning without `git` @ 'b'",
        ),
        (
            "[dependencies]\nx = { git = 'https://example.org/x', branch = 'b', rev = 'r' }",
            "`x` can have one of `branch`, `tag` and `rev` @ 'r'",
        ),
        (
            "[dependencies]\nx = { version = '1', features = ['a/b'] }",
            "`a/b` is no feature that `x` could have @ ['a/b']",
        ),
        (
            "[dependencies]\nx = { version = '1', artifact = 'bin' }",
            "`artifact` is a part of unstable Cargo, which Wharf does not handle @ artifact",
        ),
        (
            "[dev-dependencies]\nx = { version = '1', optional = true }",
            "`x` is a development dependency, which cannot be optional @ x",
        ),
        (
            "[dependencies]\nx = '1'\n[build-dependencies]\nx = { path = 'x' }",
            "`x` comes from different places in different tables @ x",
        ),
        (
            "[features]\nf = ['nothing']",
            "feature `f` turns on `nothing`, which is neither a feature nor a dependency @ f",
        ),
        (
            "[features]\nf = 'g'",
            "the feature `f` must be an array, and this is a string @ 'g'",
        ),
        (
            "[target.'cfg('.dependencies]\nx = '1'",
            "failed to parse `cfg(` as a cfg expression: invalid target specifier: unexpected `(` character, cfg expressions must start with `cfg(` @ 'cfg('",
        ),
        ("resolver = '9'", "there is no resolver `9` @ '9'"),
        (
            "workspace = '..'\n[workspace]",
            "a package cannot have a [workspace] and point to another one @ '..'",
        ),
        (
            "rust-version = 'nightly'",
            "`nightly` is no rust-version: write one to three numbers such as `1.85` @ 'nightly'",
        ),
        (
            "bin = 3",
            "accepted: [package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2021\"\nbin = 3",
        ),
        (
            "[workspace]\n[workspace.dependencies]\nx = { version = '1', optional = true }",
            "`x` is optional, which a dependency of the workspace cannot be @ x",
        ),
    ] {
        check(&format!("{PACKAGE}{rest}"), expected);
    }
    for (text, expected) in [
        (
            "",
            "this Cargo.toml has neither a [package] nor a [workspace] table @ ",
        ),
        (
            "[workspace]\n[dependencies]\nx = '1'",
            "[dependencies] belongs to a package, and this Cargo.toml has none @ dependencies",
        ),
        (
            "[package]\nversion = '1.0.0'",
            "the package has no `name` @ [package]",
        ),
        (
            "[package]\nname = '1a'",
            "`1a` is not a valid cargo package name: it must start with a letter @ '1a'",
        ),
        (
            "[package]\nname = 'a'\nversion = '1'",
            "`1` is no version: unexpected end of input while parsing major version number @ '1'",
        ),
        (
            "[package]\nname = 'a'\nedition = '2077'",
            "there is no edition `2077` of Rust @ '2077'",
        ),
        (
            "[package]\nname = 'a'\nversion.workspace = false",
            "`workspace` cannot be false @ version",
        ),
        (
            "[package]\nname = 'a'\nversion.workspace = true",
            "`version` comes from the workspace, and this package is in none @ version",
        ),
        (
            "[package]\nname = 'a'\nversion.workspace = true\n[workspace]",
            "`version` comes from the workspace, which does not state it @ version",
        ),
        (
            "[package",
            "this is not valid TOML: unclosed table, expected `]` @ ",
        ),
    ] {
        check(text, expected);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "(\\[(package|workspace|dependencies|features|target\\.x|patch\\.y)\\]|[a-z]{1,3} = ('[a-z0-9.*/:?]{0,5}'|\\[\\]|\\{\\}|true)|\n|[ -~]){0,40}") {
        if let Ok(manifest) = Manifest::parse(&text) {
            let workspace = manifest.workspace.clone();
            if let Ok(manifest) = manifest.inherit(workspace.as_ref()) {
                let _ = manifest.summary::<InvalidManifest>(SourceId::path("."), |_| Ok(SourceId::crates_io()));
            }
        }
    }
}
