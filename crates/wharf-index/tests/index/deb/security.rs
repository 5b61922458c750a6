//! What a repository, a mirror or a server may try: none of it reaches what another repository gives, and none of it goes on for ever.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use wharf_core::{Algorithm, Explain};
use wharf_index::Refresh;
use wharf_index::deb::{Names, Trust, Wanted};
use wharf_store::Hasher;
use wharf_testkit::{
    DebCompression, DebKey, DebPackage, DebRepository, DebSuite, Fault, Times, deb_architecture,
};

use super::{World, files, signed, stable, suite};
use crate::support::url;

/// 2025-01-01
const LATER: u32 = 1_735_689_600;

fn with(version: &str) -> DebRepository {
    let repository = DebRepository::start();
    DebPackage::new("hello", version).publish(&repository);
    repository
}

fn list(repository: &DebRepository, form: DebCompression) -> bytes::Bytes {
    let path = repository.packages_path("stable", "main", deb_architecture(), form);
    repository.content(&path).unwrap()
}

/// Files of a suite by their paths.
type Files<'f> = &'f [(&'f str, &'f [u8])];

/// A folder that is a repository of these files of `dists/stable`, which says of them whatever it likes.
fn says(folder: &Path, files: Files<'_>, listed: Files<'_>) {
    let suite = folder.join("dists/stable");
    for (path, content) in files {
        let path = suite.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let mut release = format!(
        "Suite: stable\nComponents: main\nArchitectures: {}\nSHA256:\n",
        deb_architecture()
    );
    for (path, content) in listed {
        let digest = Hasher::digest(Algorithm::Sha256, content).hex();
        release.push_str(&format!(" {digest} {} {path}\n", content.len()));
    }
    std::fs::write(suite.join("Release"), release).unwrap();
}

#[tokio::test]
async fn no_repository_plants_an_index_under_the_name_of_anothers() {
    let (victim, evil) = (with("1"), with("9"));
    // The unpacked list lies nowhere, as at Debian's: what it hashes to is only said.
    victim.change("stable", |suite| suite.compressions(&[DebCompression::Gzip]));
    evil.change("stable", |suite| suite.compressions(&[DebCompression::Gzip]));
    let plain = {
        let mut text = Vec::new();
        let packed = list(&victim, DebCompression::Gzip);
        flate2::read::MultiGzDecoder::new(&packed[..])
            .read_to_end(&mut text)
            .unwrap();
        text
    };
    let (theirs, own) = (
        list(&victim, DebCompression::Gzip),
        list(&evil, DebCompression::Gzip),
    );
    let base = format!("main/binary-{}/Packages", deb_architecture());
    let packed = format!("{base}.gz");
    let cases: [(Files<'_>, Files<'_>); 3] = [
        // The digest of the other's unpacked list beside a packed one of its own.
        (&[(&packed, &own)], &[(&base, &plain), (&packed, &own)]),
        // The other's packed list as one that is not packed, which reads as no packages at all.
        (&[(&base, &theirs)], &[(&base, &theirs)]),
        // The other's list as the descriptions of its own.
        (
            &[(&packed, &own), ("main/i18n/Translation-en.gz", &theirs)],
            &[(&packed, &own), ("main/i18n/Translation-en.gz", &theirs)],
        ),
    ];
    for (number, (lying, listed)) in cases.into_iter().enumerate() {
        let mut world = World::new(&victim);
        let folder = world.folder.path().join("evil");
        says(&folder, lying, listed);
        let mut planted = stable(&evil);
        planted.uri = url(&format!("file://{}", folder.display()));
        planted.trust = Trust::Anyone;
        let honest = std::mem::replace(&mut world.suites[0], planted);
        let repositories = world.repositories();
        if let Ok(snapshots) = repositories.refresh(&world.suites).await {
            repositories.descriptions(&snapshots).await.unwrap();
        }
        let planted = files(&world.cache().join("deb-v2/indexes")).len();
        assert!(planted > 0, "{number}: the attempt came as far as the cache");
        world.suites = vec![honest];
        assert_eq!(world.names().await, ["hello 1"], "{number}");
    }
}

fn in_two_seconds() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.as_secs() as u32 + 2
}

#[tokio::test]
async fn what_expires_in_the_cache_is_not_used_any_more() {
    let repository = with("1");
    repository.change("stable", |suite| suite.valid_until(in_two_seconds()));
    let mut world = World::new(&repository);
    // A mirror that says how long its answers hold is not asked within that time.
    world.refresh = Refresh::Nothing;
    assert_eq!(world.names().await, ["hello 1"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let path = repository.release_path("stable", "InRelease");
    world.refused().await.says("deb/release-expired", &["stable"]);
    assert_eq!(
        repository.hits(&path),
        2,
        "it is asked whether there is another one"
    );
    repository.fault(&path, Fault::Status(503), Times::Always);
    let error = world.refused().await;
    assert!(error.code.starts_with("net/"), "{error:?}");
    assert_eq!(world.events.warnings(), Vec::<String>::new());
    // Who says that the network is off gets what there is, and is told.
    world.offline();
    assert_eq!(world.names().await, ["hello 1"]);
    let warnings = world.events.warnings();
    assert!(
        warnings.len() == 1
            && warnings[0].starts_with("deb/release-expired")
            && warnings[0].contains("expired at"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn what_expired_does_not_stand_in_for_a_new_list_that_cannot_be_had() {
    let repository = with("1");
    repository.change("stable", |suite| suite.valid_until(in_two_seconds()));
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["hello 1"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    DebPackage::new("hello", "2").publish(&repository);
    repository.change("stable", |suite| suite.valid_until(u32::MAX));
    for form in [DebCompression::Gzip, DebCompression::Xz] {
        let hashed = repository.hashed_packages_path("stable", "main", deb_architecture(), form);
        let named = repository.packages_path("stable", "main", deb_architecture(), form);
        for path in [hashed, named] {
            repository.fault(&path, Fault::Status(503), Times::Always);
        }
    }
    let error = world.refused().await;
    assert!(error.code.starts_with("net/"), "{error:?}");
}

#[tokio::test]
async fn another_suite_of_the_same_key_is_refused() {
    let repository = with("1");
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["hello 1"]);
    DebPackage::new("hello", "2").publish(&repository);
    repository.change("stable", |suite| suite.called("testing").codename("forky"));
    let error = world.refused().await;
    error.says(
        "deb/renamed-suite",
        &["Suite `testing`", "Codename `forky`", "was Suite `stable`"],
    );
    let kept = files(&world.cache().join("deb-v2/suites"));
    assert!(error.hints[0].contains(&kept[0].0), "{error:?}");
    // It may become old, or another release may become stable.
    repository.change("stable", |suite| suite.called("oldstable").codename("stable"));
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
    repository.change("stable", |suite| suite.called("stable").codename("next"));
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
    repository.change("stable", |suite| suite.origin("Somebody else", "Testkit"));
    world.refused().await.says(
        "deb/renamed-suite",
        &["Origin `Somebody else`", "Origin `Testkit`"],
    );
    // That the names are others is accepted by forgetting what they were.
    std::fs::remove_file(&kept[0].0).unwrap();
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
}

#[tokio::test]
async fn names_of_ones_own_are_accepted_once_and_have_to_stay() {
    let own = |repository: &DebRepository, name: &str| {
        repository.change("stable", |suite| suite.called(name).codename(name));
    };
    let repository = with("1");
    own(&repository, "product");
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["hello 1"]);
    let warnings = world.events.warnings();
    assert!(
        warnings.len() == 1
            && warnings[0].starts_with("deb/other-suite")
            && warnings[0].contains("Suite `product`"),
        "{warnings:?}"
    );
    DebPackage::new("hello", "2").publish(&repository);
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
    own(&repository, "another");
    world
        .refused()
        .await
        .says("deb/renamed-suite", &["Suite `another`", "was Suite `product`"]);
    // Other keys are another beginning.
    let mut world = world;
    world.suites[0].trust = signed(&[DebKey::of(1), DebKey::of(2)]);
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
    // The one that was asked for is right at any time.
    own(&repository, "stable");
    assert_eq!(world.names().await, ["hello 2", "hello 1"]);
}

#[tokio::test]
async fn distributions_call_their_suites_what_they_are_asked_for_by() {
    let repository = with("1");
    repository.change("stable", |suite| suite.called("testing").codename("forky"));
    let mut world = World::new(&repository);
    world.suites[0].names = Names::Asked;
    world
        .refused()
        .await
        .says("deb/other-suite", &["Suite `testing`, Codename `forky`"]);
    // Also where somebody else took it by any name.
    world.suites[0].names = Names::FirstSeen;
    assert_eq!(world.names().await, ["hello 1"]);
    world.suites[0].names = Names::Asked;
    world.refused().await.says("deb/other-suite", &["stable"]);
    repository.change("stable", |suite| suite.codename("stable"));
    assert_eq!(world.names().await, ["hello 1"]);
}

#[tokio::test]
async fn flat_repositories_have_names_of_their_own_that_stay() {
    let repository = DebRepository::start_with(&[DebSuite::new("flat/").called("anything")]);
    DebPackage::new("a", "1").publish_in(&repository, "flat/", "");
    let mut world = World::new(&repository);
    world.suites = vec![suite(&repository, "flat/", &[DebKey::of(1)])];
    assert_eq!(world.names().await, ["a 1"]);
    assert_eq!(world.events.warnings(), Vec::<String>::new());
    repository.change("flat/", |suite| suite.called("else"));
    world
        .refused()
        .await
        .says("deb/renamed-suite", &["Suite `else`", "Suite `anything`"]);
}

#[tokio::test]
async fn what_nobody_signed_sets_no_date_for_what_somebody_signs() {
    let repository = with("1");
    repository.change("stable", |suite| suite.date(LATER));
    let mut world = World::new(&repository);
    world.suites[0].trust = Trust::Anyone;
    assert_eq!(world.names().await, ["hello 1"]);
    repository.change("stable", |suite| suite.date(LATER - 86_400));
    world.suites = vec![stable(&repository)];
    assert_eq!(world.names().await, ["hello 1"]);
    // Each of them still goes forwards alone.
    repository.change("stable", |suite| suite.date(LATER - 2 * 86_400));
    world.refused().await.says("deb/release-backdated", &["stable"]);
    world.suites[0].trust = Trust::Anyone;
    world.refused().await.says("deb/release-backdated", &["stable"]);
}

/// A server that answers with these bytes and then goes on for ever; how many it sent.
fn endless(beginning: &[u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/endless", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let (count, beginning) = (Arc::clone(&sent), beginning.to_vec());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count, beginning) = (stream.unwrap(), Arc::clone(&count), beginning.clone());
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
                let mut more = Ok(());
                for piece in [&head[..], &beginning] {
                    more = more.and_then(|()| stream.write_all(piece));
                }
                while more.is_ok() {
                    more = stream.write_all(&[0; 1 << 16]);
                    count.fetch_add(1 << 16, Ordering::Relaxed);
                }
            });
        }
    });
    (address, sent)
}

#[tokio::test]
async fn a_list_without_end_is_not_the_one_that_is_promised() {
    let repository = with("1");
    let forms = [DebCompression::Gzip, DebCompression::Xz];
    for right in [false, true] {
        let mut counts = Vec::new();
        for form in forms {
            let beginning = match right {
                true => list(&repository, form),
                false => bytes::Bytes::new(),
            };
            let (address, sent) = endless(&beginning);
            counts.push(sent);
            let named = repository.packages_path("stable", "main", deb_architecture(), form);
            let hashed = repository.hashed_packages_path("stable", "main", deb_architecture(), form);
            for path in [named, hashed] {
                repository.fault(&path, Fault::Redirect(address.clone()), Times::Always);
            }
        }
        let world = World::new(&repository);
        let error = tokio::time::timeout(Duration::from_secs(60), world.refused()).await;
        let error = error.expect("it comes to an end");
        error.says("deb/wrong-hash", &["Packages", "more than"]);
        let sent: usize = counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        assert!(sent < 256 << 20, "{sent}");
    }
}

#[tokio::test]
async fn an_archive_without_end_is_not_the_one_that_is_promised() {
    let repository = with("1");
    let path = repository.archive_path("hello", "1");
    let bytes = repository.content(&path).unwrap();
    let (address, sent) = endless(&bytes);
    repository.fault(&path, Fault::Redirect(address), Times::Always);
    let world = World::new(&repository);
    // Small ones are gathered, large ones unpacked while they arrive.
    for size in [bytes.len() as u64, 9 << 20] {
        let wanted = Wanted {
            name: "hello".to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            digest: Hasher::digest(Algorithm::Sha256, &bytes),
            size,
            filename: path.trim_start_matches("/debian/").to_owned(),
            repositories: vec![url(&repository.root_url())],
        };
        let repositories = world.repositories();
        let fetched = tokio::time::timeout(Duration::from_secs(60), repositories.fetch(&wanted)).await;
        let error = fetched.expect("it comes to an end").unwrap_err();
        assert_eq!(error.code(), "deb/wrong-checksum", "{error}");
    }
    assert!(sent.load(Ordering::Relaxed) < 256 << 20);
}
