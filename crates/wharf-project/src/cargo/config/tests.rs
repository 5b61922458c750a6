//! Cargo's configuration from all its places. Source: the Cargo book, "Configuration".

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

/// A project in a home, with these files below the home, and what its configuration says.
fn read(
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> Result<(CargoConfig, tempfile::TempDir), String> {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("work/project");
    fs::create_dir_all(&project).unwrap();
    for (path, text) in files {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut options = Options::default();
    let own = ("HOME", home.path().to_str().unwrap());
    for (name, value) in variables.iter().chain([&own]) {
        options
            .environment
            .insert((*name).to_owned(), (*value).to_owned());
    }
    match CargoConfig::machine(&project, &options) {
        Ok(config) => Ok((config, home)),
        Err(error) => Err(error.to_string()),
    }
}

fn sparse(url: &str) -> SourceId {
    SourceId::registry(&format!("sparse+{url}")).unwrap()
}

/// Where the crates of a source come from, without the home's path.
fn endpoint(config: &CargoConfig, source: &SourceId) -> String {
    match config.endpoint(source) {
        Ok(CrateEndpoint::Sparse { index, token, name }) => {
            let token = token.as_ref().map_or("", |token| token.expose());
            format!("{index} {} {token}", name.unwrap_or_default())
                .trim_end()
                .to_owned()
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nothing_said() {
    let (config, _home) = read(&[], &[]).unwrap();
    let names: Vec<&str> = config
        .registries
        .iter()
        .map(|registry| registry.name.as_str())
        .collect();
    assert_eq!(
        (names, config.default_registry.as_str()),
        (vec!["crates-io"], "crates-io")
    );
    assert_eq!(config.default_source(), SourceId::crates_io());
    let CrateEndpoint::Sparse { index, token, name } = config.endpoint(&SourceId::crates_io()).unwrap()
    else {
        panic!("crates.io has a sparse index");
    };
    assert_eq!(
        format!("sparse+{index}"),
        crate::config::default_text("cargo", "index")
    );
    assert_eq!((token, name.as_deref()), (None, Some("crates-io")));
    assert!(!config.network.offline && config.incompatible_rust_versions.is_none());
}

#[test]
fn the_strongest_place_wins() {
    let files = [
        (
            ".cargo/config.toml",
            "[net]\nretry = 7\noffline = true\n[http]\ntimeout = 9\nproxy = 'proxy.example.org:8080'\ncainfo = 'ca.pem'\n[registry]\ndefault = 'corp'\n[registries.corp]\nindex = 'sparse+https://example.org/old/'\ntoken = 'weak'\n",
        ),
        (
            ".cargo/credentials.toml",
            "[registry]\ntoken = 'public'\n[registries.corp]\ntoken = 'stored'\n",
        ),
        (
            "work/.cargo/config.toml",
            "[net]\nretry = 5\n[resolver]\nincompatible-rust-versions = 'allow'\n",
        ),
        (
            "work/project/.cargo/config.toml",
            "[net]\nretry = 3\ngit-fetch-with-cli = true\n[registries.corp]\nindex = 'sparse+https://example.org/index/'\n",
        ),
    ];
    let (config, home) = read(&files, &[]).unwrap();
    assert_eq!(config.network.retries, Some(3));
    assert_eq!(config.network.timeout, Some(Duration::from_secs(9)));
    assert_eq!(
        config.network.proxy.as_ref().unwrap().expose(),
        "http://proxy.example.org:8080/"
    );
    assert_eq!(
        config.network.ca_bundle.as_deref(),
        Some(home.path().join("ca.pem").as_path())
    );
    assert!(config.network.offline && config.git_fetch_with_cli);
    assert_eq!(
        config.incompatible_rust_versions,
        Some(IncompatibleRustVersions::Allow)
    );
    let corp = config.registry("corp").unwrap();
    assert_eq!(corp.source, sparse("https://example.org/index/"));
    assert_eq!(corp.token.as_ref().unwrap().expose(), "stored");
    assert_eq!(
        config
            .registry("crates-io")
            .unwrap()
            .token
            .as_ref()
            .unwrap()
            .expose(),
        "public"
    );
    assert_eq!(config.default_source(), corp.source);
    assert_eq!(
        endpoint(&config, &corp.source),
        "https://example.org/index/ corp stored"
    );

    let variables = [
        ("CARGO_NET_RETRY", "1"),
        ("CARGO_NET_OFFLINE", "false"),
        ("CARGO_HTTP_TIMEOUT", "2"),
        ("CARGO_REGISTRIES_CORP_TOKEN", "fresh"),
        ("CARGO_REGISTRY_TOKEN", "mine"),
        ("CARGO_REGISTRY_DEFAULT", "crates-io"),
        (
            "CARGO_REGISTRIES_MY_OTHER_INDEX",
            "sparse+https://example.org/other/",
        ),
        ("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback"),
    ];
    let (config, _home) = read(&files, &variables).unwrap();
    assert_eq!((config.network.retries, config.network.offline), (Some(1), false));
    assert_eq!(
        config.registry("corp").unwrap().token.as_ref().unwrap().expose(),
        "fresh"
    );
    assert_eq!(
        config
            .registry("crates-io")
            .unwrap()
            .token
            .as_ref()
            .unwrap()
            .expose(),
        "mine"
    );
    for name in ["my-other", "my_other"] {
        assert_eq!(
            config.registry(name).unwrap().source,
            sparse("https://example.org/other/"),
            "{name}"
        );
    }
    assert_eq!(config.default_source(), SourceId::crates_io());
    assert_eq!(
        config.incompatible_rust_versions,
        Some(IncompatibleRustVersions::Fallback)
    );
    assert!(
        !format!("{config:?}").contains("fresh"),
        "secrets are not printed"
    );
}

#[test]
fn variables_spell_names_in_capitals() {
    let files = [(
        ".cargo/config.toml",
        "[registries.my_Corp]\nindex = 'sparse+https://example.org/index/'\n",
    )];
    let (config, _home) = read(&files, &[("CARGO_REGISTRIES_MY_CORP_TOKEN", "t")]).unwrap();
    assert_eq!(
        endpoint(&config, &sparse("https://example.org/index/")),
        "https://example.org/index/ my_Corp t"
    );
}

#[test]
fn replacement_is_followed() {
    let file = "
[source.crates-io]
replace-with = 'mirror'
[source.mirror]
registry = 'sparse+https://example.org/mirror'
[source.second]
registry = 'https://example.org/git-index'
replace-with = 'corp'
[registries.corp]
index = 'sparse+https://example.org/index/'
token = 't'
[source.repository]
git = 'https://example.org/repository'
branch = 'next'
replace-with = 'vendored'
[source.vendored]
directory = 'vendor'
[source.circle]
registry = 'https://example.org/circle'
replace-with = 'circle-2'
[source.circle-2]
registry = 'https://example.org/circle-2'
replace-with = 'circle'
[source.nowhere]
registry = 'https://example.org/nowhere'
replace-with = 'missing'
";
    let (config, home) = read(&[("work/project/.cargo/config.toml", file)], &[]).unwrap();
    let registry = |url: &str| SourceId::registry(url).unwrap();
    let check = |source: &SourceId, expected: &str| {
        let shown = endpoint(&config, source).replace(home.path().to_str().unwrap(), "~");
        assert_eq!(shown, expected, "{source}");
    };
    check(&SourceId::crates_io(), "https://example.org/mirror/");
    check(
        &registry("https://example.org/git-index"),
        "https://example.org/index/ corp t",
    );
    let git = |branch: &str| {
        SourceId::git(
            "https://example.org/repository.git",
            wharf_ecosystem::cargo::GitReference::Branch(branch.to_owned()),
        )
        .unwrap()
    };
    check(&git("next"), "Directory(\"~/work/project/vendor\")");
    assert_eq!(
        config.endpoint(&git("other")).unwrap(),
        CrateEndpoint::Git(git("other"))
    );
    assert_eq!(
        config.endpoint(&SourceId::path(".")).unwrap(),
        CrateEndpoint::Path
    );
    check(
        &registry("https://example.org/unknown"),
        "GitIndex { url: \"https://example.org/unknown\" }",
    );
    for (url, expected) in [
        ("circle", "would be replaced by itself"),
        ("nowhere", "there is no source and no registry of that name"),
    ] {
        let told = endpoint(&config, &registry(&format!("https://example.org/{url}")));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn what_wharf_wrote_is_not_the_users_word() {
    let own = replacement::add(
        Path::new("c"),
        "",
        &CargoConfig::default(),
        &[vec![SourceId::crates_io()]],
    )
    .unwrap();
    let files = [
        ("work/project/.cargo/config.toml", own.as_str()),
        (
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = 'mirror'\n[source.mirror]\nregistry = 'sparse+https://example.org/mirror/'\n",
        ),
    ];
    let (config, _home) = read(&files, &[]).unwrap();
    assert_eq!(
        endpoint(&config, &SourceId::crates_io()),
        "https://example.org/mirror/"
    );
    assert!(!config.sources.contains_key(replacement::SOURCE));
    let (alone, _home) = read(&files[..1], &[]).unwrap();
    assert!(matches!(
        alone.endpoint(&SourceId::crates_io()),
        Ok(CrateEndpoint::Sparse { .. })
    ));
}

#[test]
fn files_that_are_included_are_weaker() {
    let files = [
        (
            "work/project/.cargo/config.toml",
            "include = ['one.toml', { path = 'two.toml' }, { path = 'gone.toml', optional = true }]\n[net]\nretry = 1\n",
        ),
        (
            "work/project/.cargo/one.toml",
            "[net]\nretry = 2\n[http]\ntimeout = 2\n[registry]\ndefault = 'one'\n",
        ),
        (
            "work/project/.cargo/two.toml",
            "[net]\nretry = 3\n[http]\ntimeout = 3\n",
        ),
    ];
    let (config, _home) = read(&files, &[]).unwrap();
    assert_eq!(
        (config.network.retries, config.network.timeout),
        (Some(1), Some(Duration::from_secs(3)))
    );
    assert_eq!(config.default_registry, "one");
}

#[test]
fn patches_know_where_they_stand() {
    let file = "[patch.crates-io]\na = { path = '../a' }\n";
    let (config, home) = read(&[("work/project/.cargo/config.toml", file)], &[]).unwrap();
    assert_eq!(config.patches[0].folder, home.path().join("work/project"));
    assert_eq!(config.patches[0].patches[0].requirements[0].name, "a");
}

#[test]
fn mistakes_are_told() {
    let project = "work/project/.cargo/config.toml";
    for (text, expected) in [
        ("[net]\nretry = 'x'", "`retry` must be a whole number"),
        ("[registries.a]\nindex = 'nonsense'", "no source of crates"),
        ("[source.a]\nreplace-with = 'b'", "it has none of"),
        (
            "[source.a]\ndirectory = 'x'\nregistry = 'https://example.org/'",
            "more than one of",
        ),
        ("[resolver]\nincompatible-rust-versions = 'never'", "no value of"),
        ("[http]\nproxy = 'http://'", "is not a URL"),
        ("include = ['gone.toml']", "there is no such file"),
        ("include = ['config.toml']", "in a circle"),
        ("[patch.x]\ny = 3", "`y` must be a version or a table"),
        ("[", "not valid TOML"),
    ] {
        let told = read(&[(project, text)], &[]).map(|_| ()).unwrap_err();
        assert!(told.contains(expected), "{text}: {told}");
    }
    for (name, value) in [
        ("CARGO_NET_RETRY", "many"),
        ("CARGO_NET_OFFLINE", "1"),
        ("CARGO_REGISTRIES_A_INDEX", "x"),
    ] {
        let told = read(&[], &[(name, value)]).map(|_| ()).unwrap_err();
        assert!(told.contains(name), "{told}");
    }
}
