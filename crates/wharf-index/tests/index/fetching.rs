//! Wheels into the store.

use wharf_core::{Digest, Explain, Fault as Blame, Source};
use wharf_index::Dist;
use wharf_store::Store;
use wharf_testkit::{Fault, Options, Package, Registry, Times, hex_digest};

use crate::support::{World, name, newest, url};

#[tokio::test]
async fn a_wheel_is_fetched_once() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .file("a/data.txt", "hello")
        .publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert!(index.fetched(&dist).is_none());
    let all = futures::future::join_all((0..5).map(|_| index.fetch(&dist))).await;
    let tree = *all[0].as_ref().unwrap();
    assert!(all.iter().all(|found| *found.as_ref().unwrap() == tree));
    let store = Store::open(&world.folder.path().join("store")).unwrap();
    let paths: Vec<_> = store
        .tree(&tree)
        .unwrap()
        .entries
        .iter()
        .map(|entry| entry.path.to_string())
        .collect();
    assert!(paths.contains(&"a/data.txt".to_owned()), "{paths:?}");
    let wheel = registry.file_path("a", "a-1.0-py3-none-any.whl");
    assert_eq!(registry.hits(&wheel), 1);
    assert_eq!(world.index().fetched(&dist), Some(tree));
    assert_eq!(world.index().fetch(&dist).await.unwrap(), tree);
    assert_eq!(registry.hits(&wheel), 1);
}

#[tokio::test]
async fn what_is_not_what_was_promised_leaves_nothing() {
    for fault in [Fault::Corrupt, Fault::Garbage] {
        let registry = Registry::start();
        Package::new("a", "1.0").publish(&registry);
        let wheel = registry.file_path("a", "a-1.0-py3-none-any.whl");
        registry.fault(&wheel, fault.clone(), Times::Always);
        let world = World::new(&[&registry]);
        let index = world.index();
        let dist = newest(&index, "a").await;
        let error = index.fetch(&dist).await.unwrap_err();
        assert_eq!(error.fault(), Blame::Denied, "{fault:?}: {error}");
        assert!(error.to_string().contains(&wheel), "{error}");
        assert!(index.fetched(&dist).is_none());
    }
}

#[tokio::test]
async fn broken_transfers_are_taken_up_again() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    registry.fault(
        &registry.file_path("a", "a-1.0-py3-none-any.whl"),
        Fault::Truncate(100),
        Times::Count(2),
    );
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    index.fetch(&dist).await.unwrap();
}

#[tokio::test]
async fn hostile_archives_are_refused_by_name() {
    let registry = Registry::start();
    let (_, honest) = Package::new("b", "1.0").build().remove(0);
    registry.publish_archive("a", "a-1.0-py3-none-any.whl", honest);
    registry.publish_archive("c", "c-1.0-py3-none-any.whl", "no archive");
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    let error = index.fetch(&dist).await.unwrap_err();
    assert!(error.to_string().contains("a 1.0"), "{error}");
    assert!(
        index.fetched(&dist).is_none(),
        "a wheel of another project is not recorded"
    );
    let dist = newest(&index, "c").await;
    let error = index.fetch(&dist).await.unwrap_err();
    assert!(error.to_string().contains("c 1.0"), "{error}");
}

#[tokio::test]
async fn without_a_hash_there_is_a_warning() {
    let registry = Registry::start_with(Options {
        hashes: false,
        ..Options::old_mirror()
    });
    Package::new("a", "1.0").publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    index.fetch(&dist).await.unwrap();
    assert!(
        world.events.warnings()[0].starts_with("index/unverified"),
        "{:?}",
        world.events.warnings()
    );
}

#[tokio::test]
async fn locked_files_are_fetched_without_a_page() {
    let registry = Registry::start();
    let package = Package::new("a", "1.0");
    let (filename, bytes) = package.build().remove(0);
    package.publish(&registry);
    let locked = |hex: &str| {
        let source = Source::Registry {
            index: url(&registry.index_url()),
        };
        let digest = Digest::parse(&format!("sha256:{hex}")).unwrap();
        let file = url(&registry.url(&registry.file_path("a", &filename)));
        let size = Some(bytes.len() as u64);
        Dist::locked(
            name("a"),
            "1.0".parse().unwrap(),
            source,
            &filename,
            file,
            Some(digest),
            size,
        )
        .unwrap()
    };
    let world = World::new(&[]);
    world.index().fetch(&locked(&hex_digest(&bytes))).await.unwrap();
    let error = world.index().fetch(&locked(&"0".repeat(64))).await.unwrap_err();
    assert_eq!(error.code(), "net/wrong-hash", "{error}");
}

#[tokio::test]
async fn credentials_of_an_index_serve_its_files_and_are_kept_nowhere() {
    let credentials = Some(("me".to_owned(), "s3cret".to_owned()));
    let registry = Registry::start_with(Options {
        credentials,
        ..Options::default()
    });
    Package::new("a", "1.0").dep("b").publish(&registry);
    let mut world = World::new(&[&registry]);
    let with_login = registry.index_url().replace("http://", "http://me:s3cret@");
    world.locations.indexes[0].url = url(&with_login);
    for _ in 0..2 {
        let index = world.index();
        let dist = newest(&index, "a").await;
        index.requirements(&dist).await.unwrap();
        index.fetch(&dist).await.unwrap();
        assert!(!serde_json::to_string(&dist.source).unwrap().contains("s3cret"));
    }
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", "s3cret"])
        .arg(world.folder.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    world.locations.indexes[0].url = url(&registry.index_url());
    let error = World::new(&[&registry])
        .index()
        .releases(&name("a"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "net/unauthorized", "{error}");
}
