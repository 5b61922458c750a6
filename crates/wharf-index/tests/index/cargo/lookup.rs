//! Index files: from the registry, from the cache, and what happens where they cannot be had.

use std::sync::Arc;

use wharf_index::Refresh;
use wharf_index::cargo::CargoError;
use wharf_testkit::{CargoOptions, CargoRegistry, Crate, Fault, Times, files_below};

use super::*;

#[tokio::test]
async fn versions_come_in_order_and_a_bad_line_costs_itself() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.10.0")
        .dep("b", "^1")
        .rust_version("1.70")
        .publish(&registry);
    Crate::new("a", "1.9.0")
        .yanked()
        .pubtime("2024-02-03T04:05:06Z")
        .publish(&registry);
    registry.add_line("a", "{");
    registry.add_line(
        "a",
        r#"{"name":"a","vers":"9.0.0","deps":[],"cksum":"","features":{},"yanked":false,"v":3}"#,
    );
    let world = World::new(&registry);
    for _ in 0..2 {
        // From the registry, then from the cache.
        let index = world.index();
        let versions = index.versions(&io(), &name("a")).await.unwrap();
        assert_eq!(texts(&versions), ["1.9.0", "1.10.0"]);
        assert!(versions.rows()[0].yanked && versions.rows()[0].published.is_some());
        assert_eq!(versions.rows()[1].rust_version.unwrap().to_string(), "1.70");
        assert_eq!(versions.skipped().len(), 2, "{:?}", versions.skipped());
        let summary = versions.summary(1).unwrap();
        assert_eq!(summary.dependencies[0].package.as_str(), "b");
        assert!(Arc::ptr_eq(&versions, &index.cached(&io(), &name("a")).unwrap()));
        index.flush().await;
    }
    assert_eq!(registry.hits(&registry.index_path("a")), 1);
    assert_eq!(registry.requests(), 1, "no config.json is needed for looking up");
    assert_eq!(files_below(&world.cache().join("cargo-v1")).len(), 1);
}

#[tokio::test]
async fn names_of_all_lengths_and_cases_are_found() {
    let registry = CargoRegistry::start();
    let world = World::new(&registry);
    let index = world.index();
    for crate_name in ["a", "ab", "abc", "abcd", "Inflector", "proc-macro2"] {
        Crate::new(crate_name, "1.0.0").publish(&registry);
        let versions = index.versions(&io(), &name(crate_name)).await.unwrap();
        assert_eq!(texts(&versions), ["1.0.0"], "{crate_name}");
    }
}

#[tokio::test]
async fn everybody_asks_and_the_registry_is_asked_once() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let (source, name) = (io(), name("a"));
    let ask = || index.versions(&source, &name);
    let all = futures_join([ask(), ask(), ask(), ask()]).await;
    assert!(all.iter().all(|versions| texts(versions) == ["1.0.0"]));
    assert_eq!(registry.requests(), 1);
}

async fn futures_join<F: Future<Output = Result<Arc<CrateVersions>, IndexError>>>(
    futures: [F; 4],
) -> Vec<Arc<CrateVersions>> {
    let [a, b, c, d] = futures;
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    [a, b, c, d].into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_is_stale_is_asked_for_with_a_condition() {
    for (etag, last_modified) in [(true, false), (false, true)] {
        let registry = CargoRegistry::start_with(CargoOptions {
            etag,
            last_modified,
            cache_control: Some("max-age=0".to_owned()),
            ..CargoOptions::default()
        });
        Crate::new("a", "1.0.0").publish(&registry);
        let world = World::new(&registry);
        for _ in 0..2 {
            let index = world.index();
            assert!(index.cached(&io(), &name("a")).is_none());
            let versions = index.versions(&io(), &name("a")).await.unwrap();
            assert_eq!(texts(&versions), ["1.0.0"]);
            index.flush().await;
        }
        let log = registry.log();
        let statuses: Vec<u16> = log.iter().map(|request| request.status).collect();
        assert_eq!(statuses, [200, 304]);
        assert_eq!(
            (log[1].if_none_match.is_some(), log[1].if_modified_since.is_some()),
            (etag, last_modified)
        );
    }
}

#[tokio::test]
async fn what_changed_is_taken_where_it_is_asked_for() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    let mut world = World::new(&registry);
    let count = async |world: &World| {
        let index = world.index();
        let versions = index.versions(&io(), &name("a")).await.unwrap();
        index.flush().await;
        versions.rows().len()
    };
    assert_eq!(count(&world).await, 1);
    Crate::new("a", "1.1.0").publish(&registry);
    assert_eq!(count(&world).await, 1, "it is fresh for ten minutes");
    world.refresh = Refresh::Packages([name("b")].into_iter().collect());
    assert_eq!(count(&world).await, 1);
    world.refresh = Refresh::Packages([name("a")].into_iter().collect());
    assert_eq!(count(&world).await, 2);
    world.refresh = Refresh::Nothing;
    assert_eq!(count(&world).await, 2);
}

#[tokio::test]
async fn no_such_crate_is_told_by_name() {
    let registry = CargoRegistry::start();
    Crate::new("proc-macro2", "1.0.0").publish(&registry);
    Crate::new("serde", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let error = index.versions(&io(), &name("proc_macro2")).await.unwrap_err();
    assert_eq!(error.code(), "cargo/unknown-crate");
    assert!(
        error
            .to_string()
            .contains("no crate `proc_macro2` was found: the registry `crates-io`"),
        "{error}"
    );
    assert_eq!(hint(&error), "did you mean `proc-macro2`?");
    index.versions(&io(), &name("serde")).await.unwrap();
    index.flush().await;
    let error = index.versions(&io(), &name("serdf")).await.unwrap_err();
    // `se/rd/serde` and `se/rd/serdf`: neighbours.
    assert_eq!(hint(&error), "did you mean `serde`?");
    for status in [404, 410, 451] {
        let gone = format!("gone{status}");
        registry.fault(&registry.index_path(&gone), Fault::Status(status), Times::Always);
        let error = index.versions(&io(), &name(&gone)).await.unwrap_err();
        assert!(matches!(cargo(error), CargoError::Unknown { .. }), "{status}");
    }
    assert!(matches!(index.known(&io(), &name("serdf")), Some(Err(_))));
    assert!(index.known(&io(), &name("never-asked")).is_none());
}

#[tokio::test]
async fn offline_the_cache_is_all_there_is() {
    let registry = CargoRegistry::start_with(CargoOptions {
        cache_control: Some("max-age=0".to_owned()),
        ..CargoOptions::default()
    });
    Crate::new("a", "1.0.0").publish(&registry);
    let mut world = World::new(&registry).with_token("never needed");
    let index = world.index();
    index.versions(&io(), &name("a")).await.unwrap();
    index.flush().await;
    registry.clear_log();
    world.offline();
    let index = world.index();
    assert_eq!(texts(&index.cached(&io(), &name("a")).unwrap()), ["1.0.0"]);
    assert_eq!(
        texts(&index.versions(&io(), &name("a")).await.unwrap()),
        ["1.0.0"]
    );
    let error = index.versions(&io(), &name("b")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("crate `b`") && text.contains("`crates-io`") && text.contains("network is off"),
        "{text}"
    );
    assert_eq!(registry.requests(), 0);
}

#[tokio::test]
async fn a_registry_that_is_out_of_order_is_stood_in_for_by_the_cache() {
    let registry = CargoRegistry::start_with(CargoOptions {
        cache_control: Some("max-age=0".to_owned()),
        ..CargoOptions::default()
    });
    Crate::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&io(), &name("a")).await.unwrap();
    index.flush().await;
    registry.fault(&registry.index_path("a"), Fault::Status(503), Times::Always);
    let index = world.index();
    assert_eq!(
        texts(&index.versions(&io(), &name("a")).await.unwrap()),
        ["1.0.0"]
    );
    registry.fault(&registry.index_path("b"), Fault::Status(503), Times::Always);
    let error = index.versions(&io(), &name("b")).await.unwrap_err().to_string();
    assert!(error.contains("`b`") && error.contains("503"), "{error}");
}

#[tokio::test]
async fn answers_that_are_no_index_file() {
    let registry = CargoRegistry::start();
    registry.serve_raw(
        &registry.index_path("login"),
        "text/html",
        "<html>please log in</html>",
    );
    registry.serve_raw(&registry.index_path("empty"), "text/plain", "\n");
    Crate::new("corrupt", "1.0.0").publish(&registry);
    registry.fault(&registry.index_path("corrupt"), Fault::Corrupt, Times::Count(1));
    let world = World::new(&registry);
    let index = world.index();
    let error = index.versions(&io(), &name("login")).await.unwrap_err();
    assert!(error.to_string().contains("no index file of a crate"), "{error}");
    assert!(hint(&error).contains("proxy"), "{}", hint(&error));
    // A crate of which everything was deleted.
    assert!(
        index
            .versions(&io(), &name("empty"))
            .await
            .unwrap()
            .rows()
            .is_empty()
    );
    // Damaged on the way: asked for again.
    assert_eq!(
        texts(&index.versions(&io(), &name("corrupt")).await.unwrap()),
        ["1.0.0"]
    );
}

#[tokio::test]
async fn a_damaged_cache_is_as_good_as_none() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    index.versions(&io(), &name("a")).await.unwrap();
    index.flush().await;
    let file = files_below(&world.cache().join("cargo-v1")).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let index = world.index();
    assert!(index.cached(&io(), &name("a")).is_none());
    assert_eq!(
        texts(&index.versions(&io(), &name("a")).await.unwrap()),
        ["1.0.0"]
    );
    assert_eq!(registry.hits(&registry.index_path("a")), 2);
}

#[tokio::test]
async fn another_registry_is_asked_without_being_configured() {
    let registry = CargoRegistry::start();
    let other = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    Crate::new("a", "2.0.0").publish(&other);
    let world = World::new(&registry);
    let index = world.index();
    let source = SourceId::registry(&other.index_url()).unwrap();
    let versions = index.versions(&source, &name("a")).await.unwrap();
    assert_eq!(
        (texts(&versions).as_slice(), versions.source()),
        (["2.0.0".to_owned()].as_slice(), &source)
    );
    assert_eq!(
        texts(&index.versions(&io(), &name("a")).await.unwrap()),
        ["1.0.0"]
    );
    let git = SourceId::registry("https://git.example.org/index").unwrap();
    let error = index.versions(&git, &name("a")).await.unwrap_err();
    assert!(error.to_string().contains("git repository"), "{error}");
    assert!(hint(&error).contains("sparse+https"), "{}", hint(&error));
}
