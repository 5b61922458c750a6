//! A recorded document as the public registry would have given it on one day.
//!
//! The registry of the machine at hand may be a mirror that knows the full form only, has not fetched everything that is new,
//! and names another host for its archives; peers would be measured on these oddities. Tables of dependencies that are no
//! tables are left out, because one peer stops at them and could not be measured at all. Invariant: the same recording gives
//! the same document on any day.

use serde_json::{Value, json};

/// Nothing published later than this exists for the tools: a set resolves the same whenever it is recorded, and what a
/// registry's mirror has not caught up with is not missed.
pub(in crate::bench) const DAY: &str = "2026-10-25T00:00:00";

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
    let newest = wharf_testkit::npm_latest(left.keys().map(String::as_str));
    if let Some(tags) = document["dist-tags"].as_object_mut() {
        let lost = tags["latest"]
            .as_str()
            .is_none_or(|latest| !left.contains_key(latest));
        tags.retain(|_, version| version.as_str().is_some_and(|version| left.contains_key(version)));
        if let Some(latest) = newest.filter(|_| lost) {
            tags.insert("latest".to_owned(), json!(latest));
        }
    }
    if let Some(times) = document["time"].as_object_mut() {
        times.retain(|version, _| version == "created" || (version != "modified" && !young(version)));
        // Some registries do not say it, and one peer reads no document without it.
        let last = times.values().filter_map(Value::as_str).max();
        let last = last.unwrap_or("2020-01-01T00:00:00.000Z").to_owned();
        times.insert("modified".to_owned(), json!(last));
    }
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
        let short = wharf_testkit::npm_abbreviated(&document);
        let object = &short["versions"]["9.0.0"];
        assert_eq!(object["dist"]["tarball"], "http://127.0.0.1:1/a/-/a-9.0.0.tgz");
        assert_eq!(object["hasInstallScript"], true);
        assert!(object.get("scripts").is_none() && object.get("dependencies").is_none());
        assert_eq!(short["modified"], "2020-01-01T00:00:00Z");
        assert_eq!(short["versions"].as_object().map(serde_json::Map::len), Some(2));
    }
}
