//! The index of Python: raw HTTP, and the reference installer.

use std::process::Command;
use std::time::{Duration, Instant};

use wharf_testkit::{Fault, Fixture, Format, Options, Package, Registry, Times, host_python};

use crate::get;

const JSON: &str = "Accept: application/vnd.pypi.simple.v1+json";

#[test]
fn pages_come_in_the_format_that_was_asked_for() {
    let registry = Registry::start();
    Package::new("Big.Lib", "1.0")
        .requires_python(">=3.8")
        .yanked("broken")
        .publish(&registry);
    let (_, _, json) = get(&registry, "/simple/big-lib/", &[JSON]);
    let page: serde_json::Value = serde_json::from_slice(&json).expect("the page is JSON");
    let file = &page["files"][0];
    assert_eq!(file["filename"], "big_lib-1.0-py3-none-any.whl");
    assert_eq!(
        (&file["requires-python"], &file["yanked"]),
        (&">=3.8".into(), &"broken".into())
    );
    let (status, head, html) = get(&registry, "/simple/big-lib/", &[]);
    assert_eq!(status, 200);
    assert!(head.contains("text/html"), "{head}");
    assert!(String::from_utf8_lossy(&html).contains("data-requires-python=\"&gt;=3.8\""));
    assert_eq!(get(&registry, "/simple/other/", &[]).0, 404);
    assert_eq!(registry.hits("/simple/big-lib/"), 2);
}

#[test]
fn an_old_mirror_answers_html_and_serves_metadata_without_a_word_of_it() {
    let registry = Registry::start_with(Options::old_mirror());
    Package::new("a", "1.0").dep("b").publish(&registry);
    let (_, head, page) = get(&registry, "/simple/a/", &[JSON]);
    assert!(head.contains("text/html") && !head.contains("etag"), "{head}");
    assert!(!String::from_utf8_lossy(&page).contains("metadata"));
    let path = registry.file_path("a", "a-1.0-py3-none-any.whl.metadata");
    let (status, _, metadata) = get(&registry, &path, &[]);
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&metadata).contains("Requires-Dist: b\n"));
}

#[test]
fn ranges_and_entity_tags_are_honoured() {
    let registry = Registry::start();
    registry.serve_raw("/blob", "application/octet-stream", "0123456789");
    let (status, head, body) = get(&registry, "/blob", &["Range: bytes=-4"]);
    assert_eq!((status, body.as_slice()), (206, b"6789".as_slice()));
    assert!(head.contains("content-range: bytes 6-9/10"), "{head}");
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("the answer is tagged")
        .to_owned();
    assert_eq!(
        get(&registry, "/blob", &[&format!("If-None-Match: {tag}")]).0,
        304
    );
    assert_eq!(
        get(&registry, "/blob", &["Range: bytes=4-", "If-Range: \"other\""]).0,
        200
    );
    assert_eq!(get(&registry, "/blob", &["Range: bytes=40-"]).0, 416);
}

#[test]
fn faults_happen_as_often_as_ordered() {
    let registry = Registry::start();
    registry.serve_raw("/blob", "text/plain", "0123456789");
    registry.fault("/blob", Fault::Status(500), Times::Count(2));
    registry.fault("/blob", Fault::Truncate(4), Times::Count(1));
    registry.fault("/blob", Fault::Corrupt, Times::Count(1));
    registry.fault("/blob", Fault::Slow(Duration::from_millis(80)), Times::Count(1));
    let statuses: Vec<_> = (0..2).map(|_| get(&registry, "/blob", &[]).0).collect();
    assert_eq!(statuses, [500, 500]);
    assert_eq!(get(&registry, "/blob", &[]).2, b"0123");
    let corrupt = get(&registry, "/blob", &[]).2;
    assert_eq!((corrupt.len(), corrupt == b"0123456789"), (10, false));
    let start = Instant::now();
    assert_eq!(get(&registry, "/blob", &[]).2, b"0123456789");
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn credentials_are_asked_for() {
    let credentials = Some(("user".to_owned(), "secret".to_owned()));
    let registry = Registry::start_with(Options {
        credentials,
        format: Format::Html,
        ..Options::default()
    });
    Package::new("a", "1.0").publish(&registry);
    assert_eq!(get(&registry, "/simple/a/", &[]).0, 401);
    assert_eq!(
        get(
            &registry,
            "/simple/a/",
            &["Authorization: Basic dXNlcjpzZWNyZXQ="]
        )
        .0,
        200
    );
}

/// The archives are judged by the ecosystem's own installer: a wheel with scripts and data, and a source distribution
/// that has to be built.
#[test]
fn the_reference_installer_accepts_what_is_served() {
    let registry = Registry::start();
    Package::new("tool", "1.2")
        .dep("built>=0.1")
        .entry_point("tool", "tool:main")
        .file("tool-1.2.data/data/share/tool.txt", "data")
        .publish(&registry);
    Package::new("built", "0.1")
        .dep("leaf")
        .dynamic_sdist()
        .publish(&registry);
    Package::new("leaf", "3.0").publish(&registry);

    let fixture = Fixture::with_registry("wharf", &registry);
    let environment = fixture.project().join("env");
    let create = Command::new(host_python())
        .args(["-m", "venv"])
        .arg(&environment)
        .status();
    assert!(create.is_ok_and(|status| status.success()));
    let mut install = fixture.isolated(environment.join("bin/python"));
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--isolated",
        "tool",
    ]);
    install.arg("--index-url").arg(registry.index_url());
    fixture.finish(install).success();
    let tool = fixture
        .finish(fixture.isolated(environment.join("bin/tool")))
        .success();
    assert_eq!(tool.stdout, "tool 1.2\n");
    let mut check = fixture.isolated(environment.join("bin/python"));
    check.args(["-m", "pip", "check"]);
    fixture.finish(check).success();
    assert!(fixture.has("env/share/tool.txt"));
}
