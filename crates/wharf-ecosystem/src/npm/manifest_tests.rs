//! Version objects and `package.json`s as they are found.
use super::*;

fn parse(json: &str) -> PackageManifest {
    PackageManifest::parse(json.as_bytes()).unwrap()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[test]
fn a_version_object() {
    let manifest = parse(
        r#"{"name": "@s/a", "version": "1.2.3",
            "dependencies": {"z": "^1", "b": "2", "fsevents": "*"},
            "optionalDependencies": {"fsevents": "~2.3.2"},
            "peerDependencies": {"react": ">=18"},
            "peerDependenciesMeta": {"react": {"optional": false}, "vue": {"optional": true}},
            "bundleDependencies": true, "bin": "./cli.js", "os": "linux", "cpu": ["x64", "!arm"], "libc": ["glibc"],
            "engines": {"node": ">=18", "npm": ">=9"}, "hasInstallScript": true, "deprecated": "use b",
            "dist": {"tarball": "https://example.org/a.tgz", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                     "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
                     "fileCount": 3, "unpackedSize": 10}}"#,
    );
    assert_eq!(manifest.dependencies, pairs(&[("z", "^1"), ("b", "2")]));
    assert_eq!(manifest.optional_dependencies, pairs(&[("fsevents", "~2.3.2")]));
    assert_eq!(manifest.optional_peers, ["vue"]);
    assert_eq!(manifest.bundled, ["z", "b", "fsevents"]);
    assert_eq!(manifest.bin, pairs(&[("a", "cli.js")]));
    assert_eq!(
        (manifest.os, manifest.cpu.len(), manifest.libc.len()),
        (vec!["linux".to_owned()], 2, 1)
    );
    assert_eq!(manifest.engines.len(), 2);
    assert!(manifest.has_install_script);
    assert_eq!(manifest.deprecated.as_deref(), Some("use b"));
    let dist = manifest.dist.unwrap();
    let algorithms: Vec<_> = dist.integrity.iter().map(Digest::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Sha512, Algorithm::Sha1]);
    assert_eq!((dist.file_count, dist.unpacked_size), (Some(3), Some(10)));
    assert_eq!(manifest.oddities, Vec::<String>::new());
}

#[test]
fn without_integrity_the_sum_counts() {
    let manifest =
        parse(r#"{"dist": {"tarball": "t", "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}}"#);
    assert_eq!(manifest.dist.unwrap().integrity[0].algorithm(), Algorithm::Sha1);
}

#[test]
fn what_is_odd_costs_only_itself() {
    let manifest = parse(
        r#"{"name": 7, "dependencies": ["a"], "devDependencies": {"ok": "1", "bad": {"version": "1"}},
            "peerDependencies": null, "optionalDependencies": {"../../etc": "1", "node_modules": "1", ".bin": "2"},
            "engines": ["node >= 0.4"], "scripts": {"test": 1, "build": "make"}, "os": {"linux": true},
            "bin": {"x": 1}, "dist": {}, "bundleDependencies": ["../x", "ok"]}"#,
    );
    assert_eq!(manifest.name, None);
    assert_eq!(manifest.dependencies, []);
    assert_eq!(manifest.dev_dependencies, pairs(&[("ok", "1")]));
    assert_eq!(manifest.optional_dependencies, []);
    assert_eq!(manifest.bundled, ["ok"]);
    assert_eq!(
        (manifest.dist, manifest.engines.len(), manifest.os.len()),
        (None, 0, 0)
    );
    assert_eq!(
        manifest.oddities,
        [
            "`optionalDependencies`: `../../etc` names no package: left out",
            "`optionalDependencies`: `node_modules` names no package: left out",
            "`optionalDependencies`: `.bin` names no package: left out",
            "`dependencies` is a list: read as none",
            "`name` is a number: left out",
            "`bin`: `x` is a number: left out",
            "`scripts`: `test` is a number: left out",
            "`devDependencies`: `bad` is an object: left out",
        ]
    );
}

#[test]
fn an_empty_list_of_dependencies_is_no_oddity() {
    let manifest = parse(r#"{"name": "mime", "dependencies": []}"#);
    assert_eq!(manifest.oddities, Vec::<String>::new());
}

#[test]
fn commands_stay_inside_their_package() {
    for (bin, expected) in [
        (r#""cli.js""#, &[("a", "cli.js")][..]),
        (
            r#"{"x": "./bin/x.js", "@s/y": "y"}"#,
            &[("x", "bin/x.js"), ("y", "y")],
        ),
        (r#"{"x": "../../../etc/passwd"}"#, &[("x", "etc/passwd")]),
        (r#"{"../../x": "a/../b"}"#, &[("x", "b")]),
        (
            r#"{"..": "b", "x": "..", "": "c", "a\\b": "c\\d"}"#,
            &[("b", "c/d")],
        ),
        (r#"["bin/one", "two"]"#, &[("one", "bin/one"), ("two", "two")]),
        ("{}", &[]),
        ("true", &[]),
    ] {
        let manifest = parse(&format!(r#"{{"name": "@s/a", "bin": {bin}}}"#));
        assert_eq!(manifest.bin, pairs(expected), "{bin}");
    }
}

#[test]
fn a_folder_of_commands_counts_where_none_is_named() {
    for (json, expected) in [
        (r#"{"directories": {"bin": "./bin/"}}"#, &[("", "bin")][..]),
        (r#"{"directories": {"bin": "../../etc"}}"#, &[("", "etc")]),
        (r#"{"directories": {"bin": ".."}}"#, &[]),
        (r#"{"directories": {"bin": 1}}"#, &[]),
        (r#"{"directories": "bin"}"#, &[]),
        (
            r#"{"name": "a", "bin": "cli.js", "directories": {"bin": "bin"}}"#,
            &[("a", "cli.js")],
        ),
        (r#"{"bin": {}, "directories": {"bin": "bin"}}"#, &[]),
    ] {
        assert_eq!(parse(json).bin, pairs(expected), "{json}");
    }
}

#[test]
fn which_packages_run_scripts() {
    for (json, expected) in [
        (r#"{"scripts": {"postinstall": "x"}}"#, true),
        (r#"{"scripts": {"postinstall": ""}}"#, false),
        (r#"{"scripts": {"prepare": "x"}}"#, false),
        (r#"{"gypfile": true}"#, true),
        (r#"{"hasInstallScript": true}"#, true),
        ("{}", false),
    ] {
        assert_eq!(parse(json).has_install_script, expected, "{json}");
    }
}

#[test]
fn deprecation_is_judged_as_javascript_does() {
    for (value, expected) in [
        ("\"\"", false),
        ("false", false),
        ("true", true),
        ("\"x\"", true),
        ("null", false),
    ] {
        let manifest = parse(&format!(r#"{{"deprecated": {value}}}"#));
        assert_eq!(manifest.deprecated.is_some(), expected, "{value}");
    }
}

#[test]
fn no_object_is_an_error() {
    for json in ["[]", "1", "", "{", "{\"a\": }"] {
        assert!(PackageManifest::parse(json.as_bytes()).is_err(), "{json}");
    }
}

#[test]
fn both_ways_of_reading_agree() {
    let text = br#"{"name": "a", "dependencies": {"b": "1"}, "x": [1], "bin": "c"}"#;
    let value = Json::parse(text).unwrap();
    assert_eq!(
        PackageManifest::from_json(value),
        PackageManifest::parse(text).unwrap()
    );
}
