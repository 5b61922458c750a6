//! The npm registry: raw HTTP, and npm itself where there is one.

use std::io::Read;
use std::process::Command;

use serde_json::Value;
use wharf_testkit::{
    Access, Fault, Fixture, Modules, NpmPackage, NpmRegistry, NpmScenario, Times, host_node,
};

use crate::get;

const SHORT: &str = "Accept: application/vnd.npm.install-v1+json";

fn document(registry: &NpmRegistry, path: &str, headers: &[&str]) -> Value {
    let (status, _, body) = get(registry, path, headers);
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).expect("the document is JSON")
}

#[test]
fn documents_come_in_the_form_that_was_asked_for() {
    let registry = NpmRegistry::start();
    NpmPackage::new("@s/a", "1.0.0")
        .dep("b", "^1")
        .script("postinstall", "true")
        .deprecated("old")
        .publish(&registry);
    let short = document(&registry, "/@s%2fa", &[SHORT]);
    let version = &short["versions"]["1.0.0"];
    assert_eq!(version["hasInstallScript"], true);
    assert_eq!(version["deprecated"], "old");
    assert_eq!(short["dist-tags"]["latest"], "1.0.0");
    assert!(version.get("scripts").is_none() && short.get("time").is_none());
    let full = document(&registry, "/@s/a", &[]);
    assert_eq!(full["versions"]["1.0.0"]["scripts"]["postinstall"], "true");
    assert_eq!(full["time"]["1.0.0"], "2024-01-01T00:00:00.000Z");
    assert_eq!(document(&registry, "/@s/a/latest", &[])["version"], "1.0.0");
    assert_eq!(registry.hits("/@s/a"), 2, "however the path is written");
    assert_eq!(get(&registry, "/other", &[]).0, 404);
    let (_, head, body) = get(&registry, "/@s/a", &["Accept-Encoding: gzip"]);
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_slice())
        .read_to_string(&mut text)
        .expect("the body is gzip");
    assert_eq!(
        serde_json::from_str::<Value>(&text).expect("the document is JSON"),
        full
    );
}

#[test]
fn an_unchanged_document_is_not_sent_again() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let (_, head, _) = get(&registry, "/a", &[SHORT]);
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("an entity tag");
    let condition = format!("If-None-Match: {tag}");
    assert_eq!(get(&registry, "/a", &[SHORT, &condition]).0, 304);
    NpmPackage::new("a", "1.0.1").publish(&registry);
    assert_eq!(get(&registry, "/a", &[SHORT, &condition]).0, 200);
}

#[test]
fn odd_documents_reach_the_client_as_they_are() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").without_dist().publish(&registry);
    NpmPackage::new("a", "1.1.0")
        .told("dependencies", Vec::<Value>::new())
        .publish(&registry);
    NpmPackage::new("a", "1.2.0")
        .version_object("no object")
        .publish(&registry);
    NpmPackage::new("a", "1.3.0").sha1_only().publish(&registry);
    registry.edit("a", |document| document["dist-tags"]["next"] = "9.9.9".into());
    let document = document(&registry, "/a", &[SHORT]);
    let versions = &document["versions"];
    assert!(versions["1.0.0"].get("dist").is_none());
    assert_eq!(versions["1.1.0"]["dependencies"], Value::Array(Vec::new()));
    assert_eq!(versions["1.2.0"], "no object");
    assert!(
        versions["1.3.0"]["dist"].get("integrity").is_none()
            && versions["1.3.0"]["dist"]["shasum"].is_string()
    );
    assert_eq!(document["dist-tags"]["next"], "9.9.9");
}

#[test]
fn a_guarded_scope_is_for_those_who_show_what_it_asks() {
    let registry = NpmRegistry::start();
    NpmPackage::new("@secret/a", "1.0.0").publish(&registry);
    NpmPackage::new("open", "1.0.0").publish(&registry);
    registry.require("@secret/", Access::Bearer("t0ken".to_owned()));
    let path = registry.tarball_path("@secret/a", "1.0.0");
    assert_eq!(get(&registry, "/open", &[]).0, 200);
    for path in ["/@secret%2fa", path.as_str()] {
        assert_eq!(get(&registry, path, &[]).0, 401);
        assert_eq!(get(&registry, path, &["Authorization: Bearer other"]).0, 403);
        assert_eq!(get(&registry, path, &["Authorization: Bearer t0ken"]).0, 200);
    }
}

#[test]
fn a_fault_is_met_as_often_as_ordered() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let path = registry.tarball_path("a", "1.0.0");
    registry.fault("/a", Fault::Status(503), Times::Count(1));
    registry.fault(&path, Fault::Truncate(10), Times::Count(1));
    assert_eq!(get(&registry, "/a", &[]).0, 503);
    assert_eq!(get(&registry, "/a", &[]).0, 200);
    assert_eq!(get(&registry, &path, &[]).2.len(), 10);
    assert!(get(&registry, &path, &[]).2.len() > 100);
    let statuses: Vec<_> = registry.log().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [503, 200, 200, 200]);
}

/// The reference client accepts documents, digests and archives, and the reader of `node_modules` finds what it installed.
#[test]
fn npm_installs_from_it() {
    if host_node().is_none()
        || !Command::new("npm")
            .arg("--version")
            .output()
            .is_ok_and(|said| said.status.success())
    {
        eprintln!("left out: no npm on this machine");
        return;
    }
    let text = r#"
what = "npm installs what the scenario says"
[index]
"a 1.0.0" = { deps = ["c@^1", "inner@1.0.0"], bin = ["a"] }
"b 1.0.0" = { deps = ["c@^2"], peers = ["a@*"], optional = ["elsewhere@1"] }
"c 1.0.0" = []
"c 1.1.0" = { deprecated = "no longer" }
"c 2.0.0" = []
"elsewhere 1.0.0" = { os = ["aix"] }
"inner 1.0.0" = []
[project]
dependencies = { a = "^1", b = "^1", x = "npm:c@1.0.0" }
[expect]
packages = ["a 1.0.0"]
"#;
    let scenario = NpmScenario::parse(text, "npm").expect("the text is a scenario");
    let registry = NpmRegistry::start();
    scenario.publish(&registry);
    let mut fixture = Fixture::new("npm");
    fixture.use_npm_registry(&registry);
    scenario.write(&fixture);
    let mut npm = fixture.isolated("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    fixture.finish(npm).success();
    let modules = Modules::read(&fixture.project(), &[]).expect("everything installed can be read");
    let edges: Vec<_> = modules.edges().into_iter().collect();
    let expected = [
        ". > a 1.0.0",
        ". > b 1.0.0",
        ". > x = c 1.0.0",
        "a 1.0.0 > c 1.0.0",
        "a 1.0.0 > inner 1.0.0",
        "b 1.0.0 > a 1.0.0",
        "b 1.0.0 > c 2.0.0",
    ];
    assert_eq!(edges, expected);
    assert!(modules.unanswered().is_empty(), "{:?}", modules.unanswered());
    assert!(fixture.has("node_modules/.bin/a"));
}
