//! Packages into the store.

use wharf_core::{Algorithm, Explain};
use wharf_index::IndexError;
use wharf_index::deb::{DebError, Wanted};
use wharf_store::Hasher;
use wharf_testkit::{DebPackage, DebRepository, Fault, Times};

use super::{World, deb};
use crate::support::url;

fn publish(repository: &DebRepository, package: DebPackage) -> Wanted {
    let (name, version) = (package.name().to_owned(), package.version().to_owned());
    let architecture = package.for_architecture().to_owned();
    package.publish(repository);
    let path = repository.archive_path(&name, &version);
    let bytes = repository.content(&path).unwrap();
    Wanted {
        name,
        version,
        architecture,
        digest: Hasher::digest(Algorithm::Sha256, &bytes),
        size: bytes.len() as u64,
        filename: path.trim_start_matches("/debian/").to_owned(),
        repositories: vec![url(&repository.root_url())],
    }
}

fn program() -> DebPackage {
    DebPackage::new("a", "1:1.0-1").program("/usr/bin/a", "#!/bin/sh\necho a\n")
}

#[tokio::test]
async fn fetched_once_and_found_ever_after() {
    let repository = DebRepository::start();
    let wanted = publish(&repository, program());
    let mut world = World::new(&repository);
    let repositories = world.repositories();
    let (first, same) = tokio::join!(repositories.fetch(&wanted), repositories.fetch(&wanted));
    let first = first.unwrap();
    assert_eq!(first, same.unwrap());
    assert_eq!(repository.downloads(), 1);
    world.offline();
    assert_eq!(world.repositories().fetch(&wanted).await.unwrap(), first);
    assert_eq!(repository.downloads(), 1);
}

#[tokio::test]
async fn a_large_one_is_unpacked_while_it_arrives_and_taken_up_where_it_broke() {
    let repository = DebRepository::start();
    // Nothing that compresses.
    let mut state = 1u64;
    let content: Vec<u8> = (0..9 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let wanted = publish(
        &repository,
        DebPackage::new("a", "1").file("/usr/share/a", content),
    );
    assert!(wanted.size > 8 << 20);
    let path = repository.archive_path("a", "1");
    repository.fault(&path, Fault::Truncate(1 << 20), Times::Count(2));
    let world = World::new(&repository);
    world.repositories().fetch(&wanted).await.unwrap();
}

#[tokio::test]
async fn other_bytes_than_promised_are_refused_and_nothing_of_them_kept() {
    let repository = DebRepository::start();
    let wanted = publish(&repository, program());
    let path = repository.archive_path("a", "1:1.0-1");
    repository.fault(&path, Fault::Corrupt, Times::Always);
    let world = World::new(&repository);
    let error = world.repositories().fetch(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("a 1:1.0-1"), "{error}");
    let repositories = world.repositories();
    assert!(repositories.store().lookup_deb(&wanted.digest).is_none());
}

#[tokio::test]
async fn the_wrong_package_is_refused_by_its_digest() {
    let repository = DebRepository::start();
    let mut wanted = publish(&repository, program());
    wanted.digest = Hasher::digest(Algorithm::Sha256, b"another");
    let error = World::new(&repository)
        .repositories()
        .fetch(&wanted)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "deb/wrong-checksum");
    assert!(error.to_string().starts_with("a 1:1.0-1 ("), "{error}");
}

#[tokio::test]
async fn where_it_is_gone_the_next_place_is_asked() {
    let repository = DebRepository::start();
    let wanted = publish(&repository, program());
    let gone = Wanted {
        repositories: vec![url(&repository.url("/gone")), url(&repository.root_url())],
        ..wanted.clone()
    };
    let world = World::new(&repository);
    world.repositories().fetch(&gone).await.unwrap();
    let nowhere = Wanted {
        repositories: vec![url(&repository.url("/gone")), url(&repository.url("/lost"))],
        ..wanted
    };
    let other = World::new(&repository);
    let error = other.repositories().fetch(&nowhere).await.unwrap_err();
    assert!(matches!(deb(error.clone()), DebError::Gone { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("/gone/") && text.contains("/lost/") && text.contains("do not have it"),
        "{text}"
    );
    assert!(error.hints()[0].contains("wharf lock --upgrade"));
}

#[tokio::test]
async fn offline_what_is_missing_is_named() {
    let repository = DebRepository::start();
    let wanted = publish(&repository, program());
    let mut world = World::new(&repository);
    world.offline();
    let error = world.repositories().fetch(&wanted).await.unwrap_err();
    assert!(
        matches!(error, IndexError::Net { .. }) && error.to_string().contains("a 1:1.0-1"),
        "{error}"
    );
}
