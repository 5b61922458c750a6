//! Archives: verified, resumed, unpacked, and nothing left of what was refused.

use wharf_core::{Algorithm, Digest, Explain, Source};
use wharf_index::npm::{NpmIndex, Wanted};
use wharf_store::Hasher;
use wharf_testkit::{Fault, NpmOptions, NpmPackage, NpmRegistry, Times, files_below};

use super::{World, name, url, version};

/// A text that does not compress, so that the archive is as long as the transfer needs it to be.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(next).collect()
}

fn wanted(registry: &NpmRegistry, package: &str, number: &str, integrity: &[Digest]) -> Wanted {
    Wanted {
        name: name(package),
        version: number.to_owned(),
        url: None,
        integrity: integrity.to_vec(),
        source: Source::Registry {
            index: url(&registry.base_url()),
        },
        flat: false,
    }
}

fn sha512(bytes: &[u8]) -> Digest {
    Hasher::digest(Algorithm::Sha512, bytes)
}

/// What the registry promises of a version.
async fn promised(index: &NpmIndex, package: &str, number: &str) -> Vec<Digest> {
    index.versions(&name(package)).await.unwrap();
    let manifest = index.manifest(&name(package), &version(number)).unwrap();
    manifest.dist.as_ref().unwrap().integrity.clone()
}

/// The packages in the store's folder for what is not finished.
fn staged(world: &World) -> usize {
    let stage = world.folder.path().join("store/stage");
    files_below(&stage)
        .iter()
        .filter(|file| file.ends_with("package.json"))
        .count()
}

#[tokio::test]
async fn a_package_is_fetched_verified_and_unpacked() {
    let registry = NpmRegistry::start();
    let package = NpmPackage::new("@s/a", "1.0.0").file("lib/index.js", "hello");
    package.publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let integrity = promised(&index, "@s/a", "1.0.0").await;
    assert_eq!(integrity[0].algorithm(), Algorithm::Sha512);
    let (unpacked, digest) = index
        .unpack(&wanted(&registry, "@s/a", "1.0.0", &integrity))
        .await
        .unwrap();
    assert_eq!(digest.as_ref(), Some(&integrity[0]));
    assert_eq!(unpacked.files(), 3);
    assert_eq!(staged(&world), 1);
    drop(unpacked);
    assert_eq!(staged(&world), 0);
}

#[tokio::test]
async fn weak_and_missing_digests_end_in_a_strong_one() {
    let registry = NpmRegistry::start();
    let package = NpmPackage::new("a", "1.0.0").sha1_only();
    package.publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let integrity = promised(&index, "a", "1.0.0").await;
    assert_eq!(integrity[0].algorithm(), Algorithm::Sha1);
    for integrity in [&integrity[..], &[]] {
        let wanted = wanted(&registry, "a", "1.0.0", integrity);
        assert!(wanted.is_weak());
        let (_, digest) = index.unpack(&wanted).await.unwrap();
        assert_eq!(digest, Some(sha512(&package.build())));
    }
    let other = [Hasher::digest(Algorithm::Sha1, b"other")];
    let error = index
        .unpack(&wanted(&registry, "a", "1.0.0", &other))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "index/wrong-hash");
}

#[tokio::test]
async fn the_wrong_bytes_are_named_and_leave_nothing() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").wrong_hash().publish(&registry);
    let large = NpmPackage::new("large", "1.0.0")
        .bytes("blob", &noise(9 << 20), 0o644)
        .wrong_hash();
    large.publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    for package in ["a", "large"] {
        let integrity = promised(&index, package, "1.0.0").await;
        let error = index
            .unpack(&wanted(&registry, package, "1.0.0", &integrity))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "index/wrong-hash");
        let text = error.to_string();
        assert!(text.contains(&format!("{package}@1.0.0")), "{text}");
        assert!(text.contains(&integrity[0].to_string()), "{text}");
        assert_eq!(staged(&world), 0);
    }
    // A lie is not asked for twice.
    assert_eq!(registry.hits("/a/-/a-1.0.0.tgz"), 1);
}

#[tokio::test]
async fn broken_transfers_are_taken_up_where_they_ended() {
    for (ranges, requests) in [(true, 2), (false, 2)] {
        let registry = NpmRegistry::start_with(NpmOptions {
            ranges,
            ..NpmOptions::default()
        });
        for (package, size) in [("small", 1 << 20), ("large", 9 << 20)] {
            let package = NpmPackage::new(package, "1.0.0").bytes("blob", &noise(size), 0o644);
            package.publish(&registry);
        }
        let world = World::new(&registry);
        let index = world.index();
        for package in ["small", "large"] {
            let path = registry.tarball_path(package, "1.0.0");
            registry.fault(&path, Fault::Truncate(300_000), Times::Count(1));
            let integrity = promised(&index, package, "1.0.0").await;
            let wanted = wanted(&registry, package, "1.0.0", &integrity);
            let (unpacked, _) = index.unpack(&wanted).await.unwrap();
            assert_eq!(unpacked.files(), 3);
            assert_eq!(registry.hits(&path), requests, "{package}, ranges: {ranges}");
        }
        let resumed = registry
            .log()
            .into_iter()
            .filter(|request| request.status == 206)
            .count();
        assert_eq!(resumed, if ranges { 2 } else { 0 });
    }
}

#[tokio::test]
async fn halves_of_different_files_are_fetched_anew() {
    let registry = NpmRegistry::start();
    let package = NpmPackage::new("a", "1.0.0").bytes("blob", &noise(1 << 20), 0o644);
    package.publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let integrity = promised(&index, "a", "1.0.0").await;
    let path = registry.tarball_path("a", "1.0.0");
    registry.fault(&path, Fault::Truncate(300_000), Times::Count(1));
    registry.fault(&path, Fault::Corrupt, Times::Count(1));
    let wanted = wanted(&registry, "a", "1.0.0", &integrity);
    index.unpack(&wanted).await.unwrap();
    assert_eq!(registry.hits(&path), 3);
}

#[tokio::test]
async fn what_is_no_archive_is_refused() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0")
        .archive(b"nonsense".as_slice())
        .publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let integrity = promised(&index, "a", "1.0.0").await;
    let error = index
        .unpack(&wanted(&registry, "a", "1.0.0", &integrity))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("a@1.0.0"), "{error}");
    assert_eq!(staged(&world), 0);
}

#[tokio::test]
async fn an_archive_that_is_gone_is_told() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let path = registry.tarball_path("a", "1.0.0");
    registry.fault(&path, Fault::Status(404), Times::Always);
    let error = index
        .unpack(&wanted(&registry, "a", "1.0.0", &[]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "net/not-found");
    assert!(
        error.to_string().starts_with("a@1.0.0 could not be fetched"),
        "{error}"
    );
}

#[tokio::test]
async fn archives_of_the_public_registry_come_from_the_configured_one() {
    let registry = NpmRegistry::start();
    NpmPackage::new("@s/a", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index().replacing_host("npm.example.org");
    let public = |at: Option<&str>| Wanted {
        url: at.map(url),
        source: Source::Registry {
            index: url("https://npm.example.org/"),
        },
        ..wanted(&registry, "@s/a", "1.0.0", &[])
    };
    index.unpack(&public(None)).await.unwrap();
    let usual = "https://npm.example.org/@s/a/-/a-1.0.0.tgz";
    index.unpack(&public(Some(usual))).await.unwrap();
    assert_eq!(registry.hits("/@s/a/-/a-1.0.0.tgz"), 2);
}

#[tokio::test]
async fn a_packument_cannot_name_files_of_this_machine() {
    let registry = NpmRegistry::start();
    let world = World::new(&registry);
    let index = world.index();
    let archive = world.project().join("a.tgz");
    std::fs::write(&archive, NpmPackage::new("a", "1.0.0").build()).unwrap();
    let wanted = Wanted {
        url: Some(url(&format!("file://{}", archive.display()))),
        ..wanted(&registry, "a", "1.0.0", &[])
    };
    let error = index.unpack(&wanted).await.unwrap_err();
    assert_eq!(error.code(), "net/scheme");
}

#[tokio::test]
async fn many_at_once() {
    let registry = NpmRegistry::start();
    for number in 0..60 {
        let package = NpmPackage::new(&format!("p{number}"), "1.0.0");
        package.bytes("blob", &noise(50_000), 0o644).publish(&registry);
    }
    let world = World::new(&registry);
    let index = world.index();
    let all = (0..60).map(|number| {
        let index = index.clone();
        let wanted = wanted(&registry, &format!("p{number}"), "1.0.0", &[]);
        tokio::spawn(async move { index.unpack(&wanted).await.map(|(unpacked, _)| unpacked.files()) })
    });
    for task in futures::future::join_all(all).await {
        assert_eq!(task.unwrap().unwrap(), 3);
    }
    assert_eq!(staged(&world), 0);
}
