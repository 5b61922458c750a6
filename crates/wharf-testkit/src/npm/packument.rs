//! The documents of a registry: full ones, and the abbreviated ones that installers ask for.
//! Source: the registry's "package metadata" page, which lists the fields of the abbreviated form.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::registry::Release;

/// The media type of the abbreviated form.
pub const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// Fields of a version object that the abbreviated form keeps.
const KEPT: [&str; 20] = [
    "name",
    "version",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "dist",
    "engines",
    "os",
    "cpu",
    "libc",
    "deprecated",
    "hasInstallScript",
    "_hasShrinkwrap",
];

/// The full document of one package.
pub(super) fn full(name: &str, releases: &[Release], tags: &BTreeMap<String, String>) -> Value {
    let mut versions = Map::new();
    let mut time = Map::new();
    for release in releases {
        versions.insert(release.version.clone(), release.object.clone());
        time.insert(release.version.clone(), json!(release.published));
    }
    let moments = || releases.iter().map(|release| release.published.as_str());
    time.insert("created".to_owned(), json!(moments().min()));
    time.insert("modified".to_owned(), json!(moments().max()));
    let mut all = tags.clone();
    if let Some(latest) = latest(releases.iter().map(|release| &*release.version)) {
        all.entry("latest".to_owned()).or_insert(latest.to_owned());
    }
    json!({
        "_id": name,
        "name": name,
        "description": format!("{name}, made by the testkit"),
        "license": "MIT",
        "homepage": format!("https://example.org/{name}"),
        "maintainers": [{ "name": "testkit", "email": "testkit@example.org" }],
        "readme": "",
        "dist-tags": all,
        "versions": versions,
        "time": time,
    })
}

/// A full document as installers ask for it. What is no object stays as it is: oddities reach the client.
#[must_use]
pub fn abbreviated(full: &Value) -> Value {
    let versions = full["versions"].as_object().map(|versions| {
        let kept = versions
            .iter()
            .map(|(version, object)| (version.clone(), abbreviated_version(object)));
        Value::Object(kept.collect())
    });
    json!({
        "name": full["name"],
        "modified": full["time"]["modified"],
        "dist-tags": full["dist-tags"],
        "versions": versions.unwrap_or_else(|| full["versions"].clone()),
    })
}

fn abbreviated_version(object: &Value) -> Value {
    let Some(fields) = object.as_object() else {
        return object.clone();
    };
    let kept = fields.iter().filter(|(key, _)| KEPT.contains(&key.as_str()));
    let mut kept: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    let events = ["preinstall", "install", "postinstall"];
    if events.iter().any(|event| object["scripts"][event].is_string()) || object["gypfile"] == true {
        kept.insert("hasInstallScript".to_owned(), json!(true));
    }
    Value::Object(kept)
}

/// The highest version that is no prerelease, or else the last of them.
#[must_use]
pub fn latest<'v>(mut versions: impl DoubleEndedIterator<Item = &'v str> + Clone) -> Option<&'v str> {
    let stable = versions.clone().filter(|version| !version.contains('-'));
    stable
        .max_by_key(|version| numbers(version))
        .or_else(|| versions.next_back())
}

fn numbers(version: &str) -> Vec<u64> {
    let core = version.split('+').next().unwrap_or(version);
    core.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str) -> Release {
        Release {
            version: version.to_owned(),
            object: json!({ "version": version, "scripts": { "test": "true" }, "dependencies": [] }),
            published: "2024-01-01T00:00:00.000Z".to_owned(),
            archive: bytes::Bytes::new(),
        }
    }

    #[test]
    fn latest_is_the_highest_release_whatever_the_order_of_publishing() {
        let check = |versions: &[&str], expected| assert_eq!(latest(versions.iter().copied()), expected);
        check(&["2.0.0", "10.0.0", "9.9.9", "11.0.0-rc.1"], Some("10.0.0"));
        check(&["1.0.0-a", "1.0.0-b"], Some("1.0.0-b"));
        check(&[], None);
    }

    #[test]
    fn the_abbreviated_form_drops_scripts_and_times_and_keeps_oddities() {
        let document = full("a", &[release("1.0.0")], &BTreeMap::new());
        assert_eq!(document["time"]["1.0.0"], "2024-01-01T00:00:00.000Z");
        let short = abbreviated(&document);
        assert_eq!(short["versions"]["1.0.0"]["dependencies"], json!([]));
        assert!(short["versions"]["1.0.0"].get("scripts").is_none());
        assert!(short["versions"]["1.0.0"].get("hasInstallScript").is_none());
        assert!(short.get("time").is_none());
    }

    #[test]
    fn the_abbreviated_form_says_that_there_are_scripts() {
        let check = |object: Value, expected: bool| {
            let short = abbreviated(&json!({ "versions": { "1.0.0": object } }));
            assert_eq!(short["versions"]["1.0.0"]["hasInstallScript"] == true, expected);
        };
        check(json!({ "scripts": { "postinstall": "x" } }), true);
        check(json!({ "gypfile": true }), true);
        check(json!({ "scripts": { "test": "x" } }), false);
    }
}
