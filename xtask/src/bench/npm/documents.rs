//! A recorded document as the public registry would have given it on one day, in the form that was asked for.
//!
//! The registry of the machine at hand may be a mirror that knows the full form only, has not fetched everything that is new,
//! and names another host for its archives; peers would be measured on these oddities. Tables of dependencies that are no
//! tables are left out, because one peer stops at them and could not be measured at all. Invariant: the same recording gives
//! the same document on any day. Source of the forms: the registry's "package metadata" page.

use serde_json::{Map, Value, json};

/// Nothing published later than this exists for the tools: a set resolves the same whenever it is recorded, and what a
/// registry's mirror has not caught up with is not missed.
pub(super) const DAY: &str = "2026-10-25T00:00:00";

/// Fields of a version object that the short form keeps.
const KEPT: [&str; 18] = [
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
];

/// Fields of a version object that have to be tables.
const TABLES: [&str; 4] = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];

/// Drops what was published after [`DAY`] and tables that are none, and replaces the archives' host.
pub(super) fn as_of_day(document: &mut Value, live: &str, own: &str) {
    let times = document["time"].clone();
    let young = |version: &str| {
        let time = times[version].as_str().and_then(|time| time.get(..DAY.len()));
        time.is_some_and(|time| time > DAY)
    };
    let Some(versions) = document["versions"].as_object_mut() else {
        return;
    };
    versions.retain(|version, _| !young(version));
    for object in versions.values_mut() {
        if let Some(fields) = object.as_object_mut() {
            fields.retain(|key, value| !TABLES.contains(&key.as_str()) || value.is_object());
        }
        let url = object["dist"]["tarball"]
            .as_str()
            .and_then(|url| url.strip_prefix(live));
        if let Some(path) = url.map(str::to_owned) {
            object["dist"]["tarball"] = json!(format!("{own}{path}"));
        }
    }
    let left = versions.clone();
    if let Some(tags) = document["dist-tags"].as_object_mut() {
        let lost = tags["latest"]
            .as_str()
            .is_none_or(|latest| !left.contains_key(latest));
        tags.retain(|_, version| version.as_str().is_some_and(|version| left.contains_key(version)));
        if let Some(latest) = latest(&left).filter(|_| lost) {
            tags.insert("latest".to_owned(), json!(latest));
        }
    }
    if let Some(times) = document["time"].as_object_mut() {
        times.retain(|version, _| matches!(version.as_str(), "created" | "modified") || !young(version));
    }
}

/// The document as installers ask for it.
pub(super) fn short(document: &Value) -> Value {
    let empty = Map::new();
    let versions = document["versions"].as_object().unwrap_or(&empty);
    let kept = versions
        .iter()
        .map(|(version, object)| (version.clone(), short_version(object)));
    let last = document["time"]
        .as_object()
        .and_then(|times| times.values().filter_map(Value::as_str).max());
    json!({
        "name": document["name"],
        "modified": last.unwrap_or("2020-01-01T00:00:00.000Z"),
        "dist-tags": document["dist-tags"],
        "versions": Value::Object(kept.collect()),
    })
}

fn short_version(object: &Value) -> Value {
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

/// The highest version that is no prerelease.
fn latest(versions: &Map<String, Value>) -> Option<&String> {
    let numbers = |version: &str| -> Vec<u64> {
        let core = version.split('+').next().unwrap_or(version);
        core.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    let stable = versions.keys().filter(|version| !version.contains('-'));
    stable
        .max_by_key(|version| numbers(version))
        .or(versions.keys().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_that_of_the_day_with_archives_on_the_mirror() {
        let live = "https://registry.example.org/";
        let version = |number: &str| {
            json!({ "version": number, "scripts": { "postinstall": "x" }, "dependencies": [],
                    "dist": { "tarball": format!("{live}a/-/a-{number}.tgz") } })
        };
        let mut document = json!({
            "name": "a",
            "dist-tags": { "latest": "10.0.0", "next": "11.0.0-a" },
            "versions": { "2.0.0": version("2.0.0"), "9.0.0": version("9.0.0"), "10.0.0": version("10.0.0") },
            "time": { "modified": "2030-01-01T00:00:00Z", "2.0.0": "2020-01-01T00:00:00Z", "10.0.0": "2030-01-01T00:00:00+00:00" },
        });
        as_of_day(&mut document, live, "http://127.0.0.1:1/");
        assert_eq!(document["dist-tags"], json!({ "latest": "9.0.0" }));
        let short = short(&document);
        let object = &short["versions"]["9.0.0"];
        assert_eq!(object["dist"]["tarball"], "http://127.0.0.1:1/a/-/a-9.0.0.tgz");
        assert_eq!(object["hasInstallScript"], true);
        assert!(object.get("scripts").is_none() && object.get("dependencies").is_none());
        assert_eq!(short["versions"].as_object().map(Map::len), Some(2));
    }
}
