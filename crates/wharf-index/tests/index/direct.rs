//! URLs, local archives and git repositories.

use std::path::Path;
use std::process::Command;

use wharf_core::{Explain, Source};
use wharf_index::Direct;
use wharf_testkit::{Package, Registry, hex_digest};

use crate::support::{World, name};

#[tokio::test]
async fn archives_at_urls_are_locked_by_their_digest() {
    let registry = Registry::start();
    let package = Package::new("a", "1.0").dep("b").wheel().dynamic_sdist();
    for (filename, bytes) in package.build() {
        let digest = hex_digest(&bytes);
        registry.serve_raw(&format!("/files/{filename}"), "application/octet-stream", bytes);
        let world = World::new(&[]);
        let at = registry.url(&format!("/files/{filename}"));
        let (dist, found) = world
            .index()
            .direct(Some(&name("a")), &Direct::parse(&at, false).unwrap())
            .await
            .unwrap();
        assert_eq!(found.base().len(), 1, "{filename}");
        assert_eq!(dist.digest().unwrap().hex(), digest);
        assert!(matches!(&dist.source, Source::Url { .. }));
        world.index().fetch(&dist).await.unwrap();
        let wrong = format!("{at}#sha256={}", "0".repeat(64));
        let error = world
            .index()
            .direct(None, &Direct::parse(&wrong, false).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "net/wrong-hash", "{error}");
    }
}

#[tokio::test]
async fn archives_with_odd_names_say_who_they_are() {
    let registry = Registry::start();
    let (_, bytes) = Package::new("a", "1.7")
        .dep("b")
        .dynamic_sdist()
        .build()
        .remove(0);
    registry.serve_raw("/archive/main.tar.gz", "application/gzip", bytes);
    let world = World::new(&[]);
    let direct = Direct::parse(&registry.url("/archive/main.tar.gz"), false).unwrap();
    for wanted in [None, Some(name("a"))] {
        let (dist, _) = world.index().direct(wanted.as_ref(), &direct).await.unwrap();
        assert_eq!(dist.label(), "a 1.7");
        world.index().fetch(&dist).await.unwrap();
    }
    let error = world
        .index()
        .direct(Some(&name("other")), &direct)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "index/mismatch", "{error}");
}

#[tokio::test]
async fn local_archives() {
    let world = World::new(&[]);
    for (filename, bytes) in Package::new("a", "1.0").wheel().sdist().build() {
        std::fs::write(world.locations.root.join(&filename), bytes).unwrap();
        let index = world.index();
        let (dist, _) = index
            .direct(None, &Direct::parse(&filename, false).unwrap())
            .await
            .unwrap();
        assert_eq!(dist.label(), "a 1.0");
        assert_eq!(
            dist.source,
            Source::File {
                path: filename.clone()
            }
        );
        index.fetch(&dist).await.unwrap();
    }
    for (path, code) in [
        ("missing-1.0.tar.gz", "index/location"),
        ("missing", "index/location"),
    ] {
        let error = world
            .index()
            .direct(None, &Direct::parse(path, false).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

fn git(at: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(at)
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(at: &Path, package: &Package, folder: &str) -> String {
    package.write_source_tree(&at.join(folder)).unwrap();
    git(at, &["add", "-A"]);
    git(at, &["commit", "-q", "-m", "work"]);
    git(at, &["rev-parse", "HEAD"])
}

#[tokio::test]
async fn git_is_locked_to_a_commit() {
    let mut world = World::new(&[]);
    let at = world.folder.path().join("repository");
    std::fs::create_dir_all(&at).unwrap();
    git(&at, &["init", "-q"]);
    let first = commit(&at, &Package::new("a", "1.0").dep("b").dynamic_sdist(), "python");
    git(&at, &["tag", "-a", "v1.0", "-m", "first"]);
    let second = commit(&at, &Package::new("a", "2.0").dynamic_sdist(), "python");
    let base = format!("git+file://{}", at.display());
    for (reference, expected, version) in [
        ("", &second, "2.0"),
        ("@main", &second, "2.0"),
        ("@v1.0", &first, "1.0"),
        (&format!("@{}", &first[..9]), &first, "1.0"),
    ] {
        let direct = Direct::parse(&format!("{base}{reference}#subdirectory=python"), false).unwrap();
        let (dist, _) = world.index().direct(Some(&name("a")), &direct).await.unwrap();
        let Source::Git { commit, .. } = &dist.source else {
            panic!("{:?}", dist.source)
        };
        assert_eq!(
            (commit, dist.version.to_string().as_str()),
            (expected, version),
            "{reference}"
        );
        world.index().fetch(&dist).await.unwrap();
    }
    for bad in ["@missing", "@--upload-pack=x", "@a..b~1"] {
        let direct = Direct::parse(&format!("{base}{bad}"), false).unwrap();
        let error = world.index().direct(None, &direct).await.unwrap_err();
        assert_eq!(error.code(), "index/git", "{bad}: {error}");
        assert!(error.hints()[0].contains("after the `@`"), "{:?}", error.hints());
    }
    // With the commit locked, the repository is not needed any more, nor the network.
    std::fs::rename(&at, world.folder.path().join("gone")).unwrap();
    world.offline();
    let direct = Direct::parse(&format!("{base}@{first}#subdirectory=python"), false).unwrap();
    assert_eq!(
        world
            .index()
            .direct(None, &direct)
            .await
            .unwrap()
            .0
            .version
            .to_string(),
        "1.0"
    );
}

#[tokio::test]
async fn unreachable_repositories_say_why() {
    let world = World::new(&[]);
    let missing = format!("git+file://{}/nothing", world.folder.path().display());
    let error = world
        .index()
        .direct(None, &Direct::parse(&missing, false).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "index/git");
    assert!(error.to_string().contains("nothing"), "{error}");
    let private = "git+http://me:s3cret@127.0.0.1:9/a/b.git";
    let error = world
        .index()
        .direct(None, &Direct::parse(private, false).unwrap())
        .await
        .unwrap_err();
    assert!(
        !format!("{error} {:?} {error:?}", error.hints()).contains("s3cret"),
        "{error}"
    );
    assert!(
        error.hints()[0].contains("network"),
        "{error} {:?}",
        error.hints()
    );
    let direct = Direct::Git {
        url: crate::support::url("ext::sh"),
        reference: None,
        subdirectory: None,
    };
    let error = world.index().direct(None, &direct).await.unwrap_err();
    assert_eq!(error.code(), "index/location", "{error}");
}
