//! Repositories that must not be used: each is refused by name, and what the cache had stays.

use wharf_deb::release::ValidUntil;
use wharf_index::deb::{KeyBlock, Keys, Trust};
use wharf_testkit::{
    DebCompression, DebHash, DebKey, DebPackage, DebRepository, DebSignatures, DebSuite, Fault, Times,
    deb_architecture,
};

use super::{Refused, World, signed, stable};

/// 2025-01-01
const LATER: u32 = 1_735_689_600;

fn start(suite: DebSuite) -> DebRepository {
    let repository = DebRepository::start_with(&[suite]);
    DebPackage::new("a", "1").publish(&repository);
    repository
}

fn plain() -> DebSuite {
    DebSuite::new("stable")
}

/// What a machine says that knows nothing yet, and that one that has an earlier state says the same and keeps it.
async fn refused(change: impl FnOnce(DebSuite) -> DebSuite) -> Refused {
    let repository = start(plain());
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["a 1"]);
    DebPackage::new("b", "1").publish(&repository);
    repository.change("stable", change);
    let error = world.refused().await;
    let fresh = World::new(&repository).refused().await;
    assert_eq!((fresh.code, &fresh.text), (error.code, &error.text));
    let mut offline = world;
    offline.offline();
    assert_eq!(offline.names().await, ["a 1"], "what was there before still is");
    error
}

#[tokio::test]
async fn signed_by_somebody_else() {
    let error = refused(|suite| suite.signed_by(&[DebKey::of(2)])).await;
    error.says("deb/key-unknown", &["stable", &DebKey::of(2).fingerprint()[24..]]);
}

#[tokio::test]
async fn signed_by_nobody() {
    let error = refused(|suite| suite.signatures(DebSignatures::Nowhere)).await;
    error.says("deb/unsigned", &["stable", "neither InRelease nor Release.gpg"]);
}

#[tokio::test]
async fn signed_with_a_broken_digest() {
    let error = refused(|suite| suite.signed_by(&[DebKey::of(1).hash(DebHash::Sha1)])).await;
    error.says("deb/signature-refused", &["stable"]);
}

#[tokio::test]
async fn expired() {
    let error = refused(|suite| suite.valid_until(LATER)).await;
    error.says("deb/release-expired", &["stable", "2025-01-01"]);
    let repository = start(plain().valid_until(LATER));
    let mut world = World::new(&repository);
    world.suites[0].valid_until = ValidUntil::Ignored;
    assert_eq!(world.names().await, ["a 1"]);
}

#[tokio::test]
async fn from_the_future() {
    let error = refused(|suite| suite.date(4_000_000_000)).await;
    error.says("deb/signature-refused", &["stable", "still to come"]);
    let repository = start(plain().date(4_000_000_000));
    let mut world = World::new(&repository);
    world.suites[0].trust = Trust::Anyone;
    let error = world.refused().await;
    error.says("deb/release-future", &["stable", "still to come"]);
}

#[tokio::test]
async fn backdated() {
    let repository = start(plain().date(LATER));
    let world = World::new(&repository);
    world.names().await;
    repository.change("stable", |suite| suite.date(LATER - 86_400));
    world
        .refused()
        .await
        .says("deb/release-backdated", &["stable", "2024-12-31", "2025-01-01"]);
    // Who never saw the later one cannot know.
    assert_eq!(World::new(&repository).names().await, ["a 1"]);
}

#[tokio::test]
async fn changed_after_it_was_signed() {
    let repository = start(plain());
    let world = World::new(&repository);
    world.names().await;
    DebPackage::new("b", "1").publish(&repository);
    let path = repository.release_path("stable", "InRelease");
    for fault in [Fault::Corrupt, Fault::Garbage] {
        repository.fault(&path, fault.clone(), Times::Count(1));
        let error = world.refused().await;
        assert!(
            error.code.starts_with("deb/") && error.text.contains("stable"),
            "{fault:?}: {error:?}"
        );
    }
    assert_eq!(world.names().await, ["a 1", "b 1"]);
}

#[tokio::test]
async fn cut_short() {
    let repository = start(plain());
    let world = World::new(&repository);
    for file in ["InRelease"] {
        let path = repository.release_path("stable", file);
        repository.fault(&path, Fault::Truncate(200), Times::Always);
        world.refused().await.says("net/broken", &["stable", "InRelease"]);
    }
}

#[tokio::test]
async fn lists_with_other_bytes_than_promised() {
    let repository = start(plain());
    let world = World::new(&repository);
    world.names().await;
    DebPackage::new("b", "1").publish(&repository);
    for form in [DebCompression::Gzip, DebCompression::Xz] {
        let named = repository.packages_path("stable", "main", deb_architecture(), form);
        let hashed = repository.hashed_packages_path("stable", "main", deb_architecture(), form);
        for path in [named, hashed] {
            repository.fault(&path, Fault::Corrupt, Times::Always);
        }
    }
    let error = world.refused().await;
    error.says("deb/wrong-hash", &["Packages", "stable", "expected sha256:"]);
    assert!(error.hints[0].contains("nothing was changed"));
}

#[tokio::test]
async fn lists_that_are_not_there() {
    let repository = start(plain());
    for form in [DebCompression::Gzip, DebCompression::Xz] {
        let named = repository.packages_path("stable", "main", deb_architecture(), form);
        let hashed = repository.hashed_packages_path("stable", "main", deb_architecture(), form);
        for path in [named, hashed] {
            repository.fault(&path, Fault::Status(404), Times::Always);
        }
    }
    let error = World::new(&repository).refused().await;
    error.says("deb/missing-index", &["Packages", "stable"]);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let repository = start(plain());
    let mut world = World::new(&repository);
    world.suites[0].suite = "stabel".to_owned();
    world
        .refused()
        .await
        .says("deb/no-suite", &["`stabel`", "dists/stabel/InRelease"]);
    world.suites = vec![stable(&repository)];
    world.suites[0].components = vec!["man".to_owned()];
    world
        .refused()
        .await
        .says("deb/no-component", &["`man`", "it has main"]);
    world.suites = vec![stable(&repository)];
    world.suites[0].architectures = vec!["hurd-i386".to_owned()];
    world
        .refused()
        .await
        .says("deb/no-architecture", &["hurd-i386", deb_architecture()]);
    world.suites = vec![stable(&repository)];
    world.offline();
    world
        .refused()
        .await
        .says("deb/offline", &["stable", "the network is off"]);
}

#[tokio::test]
async fn keys_that_are_none() {
    let repository = start(plain());
    let mut world = World::new(&repository);
    let with = |bytes: &[u8], fingerprints: &[&str]| {
        Trust::Signed(Keys {
            blocks: vec![KeyBlock {
                place: "keys.asc".to_owned(),
                bytes: bytes.to_vec(),
            }],
            fingerprints: fingerprints.iter().map(|it| (*it).to_owned()).collect(),
        })
    };
    world.suites[0].trust = Trust::Signed(Keys::default());
    world.refused().await.says("deb/no-keys", &["stable"]);
    world.suites[0].trust = with(b"no keys at all", &[]);
    world.refused().await.says("deb/keyring", &["stable", "keys.asc"]);
    let key = DebKey::of(1);
    world.suites[0].trust = with(&key.binary(), &[&DebKey::of(2).fingerprint()]);
    world.refused().await.says("deb/signature-refused", &["stable"]);
    world.suites[0].trust = with(key.armored().as_bytes(), &[&key.fingerprint()]);
    assert_eq!(world.names().await, ["a 1"]);
}

#[tokio::test]
async fn other_keys_than_before_are_asked_anew() {
    let repository = start(plain());
    let mut world = World::new(&repository);
    world.names().await;
    world.suites[0].trust = signed(&[DebKey::of(2)]);
    world.refused().await.says("deb/key-unknown", &["stable"]);
    world.offline();
    world.refused().await.says("deb/offline", &["stable"]);
}
