//! Versions and manifests: cold, warm, stale, offline, and of every odd document.

use std::time::Duration;

use wharf_core::{Explain, Timestamp};
use wharf_index::npm::{About, Detail};
use wharf_index::{NpmError, Refresh};
use wharf_testkit::{Fault, NpmOptions, NpmPackage, NpmRegistry, Times, files_below};

use super::{World, name, npm, texts, version};

fn registry() -> NpmRegistry {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").dep("b", "^1").publish(&registry);
    NpmPackage::new("a", "1.10.0")
        .dep("b", "^2")
        .engines("node", ">=20")
        .publish(&registry);
    NpmPackage::new("a", "1.9.0").deprecated("old").publish(&registry);
    NpmPackage::new("@s/b", "0.1.0-rc.1")
        .tag("next")
        .publish(&registry);
    registry
}

#[tokio::test]
async fn a_package_is_fetched_once_and_read_from_its_table_then() {
    let registry = registry();
    let mut world = World::new(&registry);
    let index = world.index();
    let a = name("a");
    let (first, second) = tokio::join!(index.versions(&a), index.versions(&a));
    let versions = first.unwrap();
    assert!(std::sync::Arc::ptr_eq(&versions, &second.unwrap()));
    assert_eq!(texts(&versions), ["1.0.0", "1.9.0", "1.10.0"]);
    assert_eq!(versions.tagged("latest").unwrap().version, version("1.10.0"));
    assert!(versions.row(1).unwrap().deprecated && !versions.row(2).unwrap().deprecated);
    assert_eq!(versions.row(2).unwrap().engines_node.as_deref(), Some(">=20"));
    let manifest = index.manifest(&name("a"), &version("1.10.0")).unwrap();
    assert_eq!(manifest.dependencies, [("b".to_owned(), "^2".to_owned())]);
    assert_eq!(registry.hits("/a"), 1);
    index.flush().await;

    // What is read from the file is what was parsed.
    world.offline();
    let warm = world.index();
    assert!(warm.known(&name("a")).is_none());
    let again = warm.cached(&name("a")).unwrap();
    assert_eq!(*again, *versions);
    assert_eq!(warm.manifest(&name("a"), &version("1.10.0")).unwrap(), manifest);
    assert_eq!(registry.hits("/a"), 1);
}

#[tokio::test]
async fn a_manifest_comes_from_memory_or_from_its_span() {
    let registry = registry();
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("@s/b")).await.unwrap();
    let early = index.manifest(&name("@s/b"), &version("0.1.0-rc.1")).unwrap();
    index.flush().await;
    let later = world.index();
    later.cached(&name("@s/b")).unwrap();
    assert_eq!(
        later.manifest(&name("@s/b"), &version("0.1.0-rc.1")).unwrap(),
        early
    );
    let error = npm(index.manifest(&name("@s/b"), &version("9.9.9")).unwrap_err());
    assert_eq!(error.to_string(), "`@s/b` has no version 9.9.9");
    assert!(
        npm(index
            .manifest(&name("never-asked"), &version("1.0.0"))
            .unwrap_err())
        .to_string()
        .contains("never-asked")
    );
}

#[tokio::test]
async fn a_stale_document_is_confirmed_by_its_tag_and_renewed() {
    let registry = NpmRegistry::start_with(NpmOptions {
        cache_control: Some("max-age=0".to_owned()),
        ..NpmOptions::default()
    });
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let versions = index.versions(&name("a")).await.unwrap();
    index.flush().await;

    let again = world.index();
    assert!(again.cached(&name("a")).is_none(), "it is stale");
    assert_eq!(*again.versions(&name("a")).await.unwrap(), *versions);
    let log = registry.log();
    assert_eq!(
        log.iter().map(|request| request.status).collect::<Vec<_>>(),
        [200, 304]
    );
    // The manifest is read from the file that was confirmed.
    again.manifest(&name("a"), &version("1.0.0")).unwrap();
    again.flush().await;

    NpmPackage::new("a", "1.1.0").publish(&registry);
    let third = world.index();
    assert_eq!(
        texts(&third.versions(&name("a")).await.unwrap()),
        ["1.0.0", "1.1.0"]
    );
    // Another process replaced the file under the second one's feet.
    third.flush().await;
    again.manifest(&name("a"), &version("1.0.0")).unwrap();
    assert_eq!(registry.log().last().unwrap().status, 200);
}

#[tokio::test]
async fn fresh_documents_are_asked_for_again_on_demand() {
    let registry = registry();
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    index.flush().await;
    let refreshed = world.index().with_refresh(Refresh::Everything);
    refreshed.versions(&name("a")).await.unwrap();
    assert_eq!(registry.hits("/a"), 2);
    assert_eq!(registry.log()[1].status, 304);
}

#[tokio::test]
async fn offline_uses_what_is_there_however_old() {
    let registry = NpmRegistry::start_with(NpmOptions {
        cache_control: Some("max-age=0".to_owned()),
        ..NpmOptions::default()
    });
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let mut world = World::new(&registry);
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    index.flush().await;
    world.offline();
    let offline = world.index();
    assert_eq!(texts(&offline.versions(&name("a")).await.unwrap()), ["1.0.0"]);
    let error = offline.versions(&name("b")).await.unwrap_err();
    assert_eq!(error.code(), "net/offline");
    assert!(error.to_string().contains("`b`"), "{error}");
    assert_eq!(
        offline.known(&name("b")).unwrap().unwrap_err().code(),
        "net/offline"
    );
    assert_eq!(registry.log().len(), 1);
}

#[tokio::test]
async fn an_outage_is_bridged_and_told_once() {
    let registry = NpmRegistry::start_with(NpmOptions {
        cache_control: Some("max-age=0".to_owned()),
        ..NpmOptions::default()
    });
    for package in ["a", "b"] {
        NpmPackage::new(package, "1.0.0").publish(&registry);
    }
    let world = World::new(&registry);
    let index = world.index();
    for package in ["a", "b"] {
        index.versions(&name(package)).await.unwrap();
    }
    index.flush().await;
    for path in ["/a", "/b"] {
        registry.fault(path, Fault::Status(503), Times::Always);
    }
    let again = world.index();
    for package in ["a", "b"] {
        assert_eq!(texts(&again.versions(&name(package)).await.unwrap()), ["1.0.0"]);
    }
    let warnings = world.events.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cache/stale"), "{warnings:?}");
}

#[tokio::test]
async fn a_busy_registry_is_asked_again() {
    let registry = registry();
    registry.fault("/a", Fault::RetryAfter(429, "0".to_owned()), Times::Count(2));
    let world = World::new(&registry);
    assert_eq!(world.index().versions(&name("a")).await.unwrap().len(), 3);
    assert_eq!(registry.hits("/a"), 3);
    registry.fault("/@s/b", Fault::Status(500), Times::Always);
    let error = world.index().versions(&name("@s/b")).await.unwrap_err();
    assert_eq!(error.code(), "net/status");
    assert!(error.to_string().contains("tried 4 times"), "{error}");
}

#[tokio::test]
async fn bodies_that_break_on_the_way_are_asked_for_again() {
    let registry = registry();
    registry.fault("/a", Fault::Truncate(30), Times::Count(1));
    registry.fault("/@s/b", Fault::Corrupt, Times::Count(1));
    let world = World::new(&registry);
    let index = world.index();
    assert_eq!(index.versions(&name("a")).await.unwrap().len(), 3);
    assert_eq!(index.versions(&name("@s/b")).await.unwrap().len(), 1);
    assert_eq!((registry.hits("/a"), registry.hits("/@s/b")), (2, 2));
}

#[tokio::test]
async fn unknown_packages_are_told_with_the_registry_and_names_alike() {
    let registry = registry();
    NpmPackage::new("react", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("react")).await.unwrap();
    index.flush().await;
    let error = index.versions(&name("raect")).await.unwrap_err();
    assert_eq!(error.code(), "npm/unknown-package");
    assert_eq!(
        error.to_string(),
        format!(
            "no package `raect` was found: {}/ does not have it",
            registry.base_url()
        )
    );
    assert_eq!(error.hints(), ["did you mean `react`?"]);
    let error = index.versions(&name("@nobody/x")).await.unwrap_err();
    assert!(
        error.hints()[0].contains("`@nobody:registry=…`"),
        "{:?}",
        error.hints()
    );
    assert_eq!(
        index.known(&name("raect")).unwrap().unwrap_err().code(),
        "npm/unknown-package"
    );
}

#[tokio::test]
async fn what_is_no_packument_is_told() {
    let registry = registry();
    registry.serve_raw("/page", "text/html", "<!doctype html><title>Sign in</title>");
    registry.serve_raw("/wrong", "application/json", r#"{"error": "not today"}"#);
    registry.serve_raw(
        "/cut",
        "application/json",
        r#"{"name": "cut", "versions": {"1.0.0": {"#,
    );
    let world = World::new(&registry);
    let index = world.index();
    for (package, words) in [("page", "byte 0"), ("wrong", "not today"), ("cut", "byte")] {
        let error = npm(index.versions(&name(package)).await.unwrap_err());
        assert!(matches!(error, NpmError::Packument { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains(&format!("/{package}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn one_malformed_version_costs_that_version() {
    let registry = NpmRegistry::start();
    NpmPackage::new("mime", "1.0.0").publish(&registry);
    NpmPackage::new("mime", "1.1.0")
        .version_object("nothing")
        .publish(&registry);
    NpmPackage::new("mime", "1.2.0").without_dist().publish(&registry);
    NpmPackage::new("mime", "1.3.0")
        .told("dependencies", serde_json::json!(["a", "b"]))
        .publish(&registry);
    registry.tag("mime", "gone", "7.7.7");
    let world = World::new(&registry);
    let index = world.index();
    let versions = index.versions(&name("mime")).await.unwrap();
    assert_eq!(texts(&versions), ["1.0.0", "1.3.0"]);
    assert_eq!(versions.skipped.len(), 2, "{:?}", versions.skipped);
    assert!(versions.tagged("gone").is_none());
    let manifest = index.manifest(&name("mime"), &version("1.3.0")).unwrap();
    assert!(manifest.dependencies.is_empty() && !manifest.oddities.is_empty());
    index.flush().await;
    assert_eq!(*world.index().cached(&name("mime")).unwrap(), *versions);
}

#[tokio::test]
async fn registries_that_know_only_the_full_form_serve_as_well() {
    let registry = NpmRegistry::start_with(NpmOptions {
        abbreviated: false,
        gzip: false,
        etag: false,
        cache_control: None,
        ..NpmOptions::default()
    });
    NpmPackage::new("a", "1.0.0")
        .published("2024-03-01T00:00:00Z")
        .publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let versions = index.versions(&name("a")).await.unwrap();
    assert_eq!(
        versions.row(0).unwrap().published,
        "2024-03-01T00:00:00Z".parse().ok()
    );
    index.flush().await;
    let warm = world.index();
    assert_eq!(*warm.cached(&name("a")).unwrap(), *versions);
    // The same document answers what people ask.
    warm.about(&name("a"), None).await.unwrap();
    assert_eq!(registry.hits("/a"), 1);
}

#[tokio::test]
async fn times_cost_a_full_document_only_where_something_changed() {
    let registry = NpmRegistry::start();
    NpmPackage::new("old", "1.0.0")
        .published("2024-01-01T00:00:00Z")
        .publish(&registry);
    for (number, time) in [
        ("1.0.0", "2024-01-01T00:00:00Z"),
        ("2.0.0", "2024-09-01T00:00:00Z"),
    ] {
        NpmPackage::new("new", number).published(time).publish(&registry);
    }
    let time = |text: &str| -> Option<Timestamp> { text.parse().ok() };
    let until = time("2024-06-01T00:00:00Z").unwrap();
    let world = World::new(&registry).with(Detail::Until(until));
    let index = world.index();
    let old = index.versions(&name("old")).await.unwrap();
    assert!(old.rows().all(|row| row.published.is_some_and(|at| at <= until)));
    let new = index.versions(&name("new")).await.unwrap();
    let times: Vec<_> = new.rows().map(|row| row.published).collect();
    assert_eq!(
        times,
        [time("2024-01-01T00:00:00Z"), time("2024-09-01T00:00:00Z")]
    );
    assert_eq!((registry.hits("/old"), registry.hits("/new")), (1, 2));
    index.manifest(&name("old"), &version("1.0.0")).unwrap();
    index.flush().await;
    let warm = world.index();
    assert_eq!(*warm.cached(&name("old")).unwrap(), *old);
    assert_eq!(*warm.cached(&name("new")).unwrap(), *new);
    warm.manifest(&name("old"), &version("1.0.0")).unwrap();
}

#[tokio::test]
async fn damaged_caches_are_made_again() {
    let registry = registry();
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    index.flush().await;
    let files = files_below(&world.cache());
    let file = files.iter().find(|path| path.ends_with("a.bin")).unwrap();
    let whole = std::fs::read(file).unwrap();
    for cut in [0, 7, 63, 64, 200, whole.len() - 1] {
        std::fs::write(file, &whole[..cut]).unwrap();
        assert!(world.index().cached(&name("a")).is_none(), "cut at {cut}");
    }
    std::fs::write(file, &whole).unwrap();
    let again = world.index();
    assert!(again.cached(&name("a")).is_some());
    // The file goes after its table was read.
    std::fs::remove_file(file).unwrap();
    let error = again.manifest(&name("a"), &version("1.0.0")).unwrap_err();
    assert_eq!(error.code(), "index/disk");
    let manifest = again.manifest_of(&name("a"), &version("1.0.0")).await.unwrap();
    assert_eq!(manifest.dependencies.len(), 1);
    assert_eq!(again.manifest(&name("a"), &version("1.0.0")).unwrap(), manifest);
}

#[tokio::test]
async fn what_a_solve_read_is_recalled_by_the_next_one() {
    let registry = registry();
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    let manifest = index.manifest(&name("a"), &version("1.0.0")).unwrap();
    index.solved();
    index.flush().await;
    let file = |folder: &str| {
        let files = files_below(&world.cache()).into_iter();
        let mut files = files.filter(|path| path.components().any(|part| part.as_os_str() == folder));
        files.next().unwrap()
    };
    // Without the document's blocks: only their table, and a body of the same length.
    let mut document = std::fs::read(file("abbreviated")).unwrap();
    let body = document.len() - 8;
    document[body..].fill(0);
    std::fs::write(file("abbreviated"), &document).unwrap();
    let again = world.index();
    again.read_ahead();
    again.cached(&name("a")).unwrap();
    assert_eq!(again.manifest(&name("a"), &version("1.0.0")).unwrap(), manifest);
    let other = again.manifest(&name("a"), &version("1.10.0")).unwrap_err();
    assert_eq!(other.code(), "index/disk");
    // Another document is not that one, although the version has the same name.
    NpmPackage::new("a", "1.0.0").dep("other", "*").publish(&registry);
    let fresh = world.index().with_refresh(Refresh::Everything);
    fresh.versions(&name("a")).await.unwrap();
    let changed = fresh.manifest(&name("a"), &version("1.0.0")).unwrap();
    assert_eq!(changed.dependencies, [("other".to_owned(), "*".to_owned())]);
    // Without the file everything is as before.
    std::fs::remove_file(file("solves")).unwrap();
    world.index().read_ahead();
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_a_warning() {
    let registry = registry();
    let world = World::new(&registry);
    std::fs::create_dir_all(world.cache()).unwrap();
    std::fs::write(world.cache().join("npm-v1"), "in the way").unwrap();
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    index.versions(&name("@s/b")).await.unwrap();
    index.flush().await;
    // The document stays in memory.
    index.manifest(&name("a"), &version("1.0.0")).unwrap();
    let warnings = world.events.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("cache/unwritable"), "{warnings:?}");
}

#[tokio::test]
async fn what_must_not_be_kept_is_not() {
    let registry = NpmRegistry::start_with(NpmOptions {
        cache_control: Some("no-store".to_owned()),
        ..NpmOptions::default()
    });
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    index.flush().await;
    assert_eq!(files_below(&world.cache()), Vec::<std::path::PathBuf>::new());
    index.manifest(&name("a"), &version("1.0.0")).unwrap();
}

#[tokio::test]
async fn people_are_told_about_a_package() {
    let registry = NpmRegistry::start();
    for (number, time) in [
        ("1.0.0", "2024-01-01T00:00:00Z"),
        ("2.0.0", "2024-09-01T00:00:00Z"),
    ] {
        NpmPackage::new("a", number)
            .published(time)
            .field("description", format!("about {number}"))
            .field("license", "MIT")
            .dep("b", "^1")
            .publish(&registry);
    }
    let world = World::new(&registry);
    let index = world.index();
    let about = |wanted| {
        let index = index.clone();
        async move { index.about(&name("a"), wanted).await.unwrap() }
    };
    let About { versions, shown, .. } = about(None).await;
    let numbers: Vec<_> = versions.iter().map(|row| row.version.to_string()).collect();
    assert_eq!(numbers, ["2.0.0", "1.0.0"]);
    assert!(versions.iter().all(|row| row.published.is_some()));
    let shown = shown.unwrap();
    assert_eq!(shown.description.as_deref(), Some("about 2.0.0"));
    assert_eq!(
        (shown.licence.as_deref(), shown.dependencies.len()),
        (Some("MIT"), 1)
    );
    let first = about(Some(&version("1.0.0"))).await.shown.unwrap();
    assert_eq!(first.description.as_deref(), Some("about 1.0.0"));
    let error = index.about(&name("none"), None).await.unwrap_err();
    assert_eq!(error.code(), "npm/unknown-package");
}

#[tokio::test]
async fn a_slow_registry_delays_nobody_else() {
    let registry = registry();
    registry.fault("/a", Fault::Slow(Duration::from_millis(400)), Times::Count(1));
    let world = World::new(&registry);
    let index = world.index();
    let slow = tokio::spawn({
        let index = index.clone();
        async move { index.versions(&name("a")).await }
    });
    tokio::time::timeout(Duration::from_millis(300), index.versions(&name("@s/b")))
        .await
        .unwrap()
        .unwrap();
    slow.await.unwrap().unwrap();
}
