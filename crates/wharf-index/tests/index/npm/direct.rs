//! Git repositories, archives and folders in the place of versions.

use std::path::Path;
use std::process::Command;

use wharf_core::{Algorithm, Explain, Source};
use wharf_ecosystem::npm::Spec;
use wharf_ecosystem::npm::{Direct, From};
use wharf_index::npm::{NpmIndex, Wanted};
use wharf_index::{IndexError, NpmError};
use wharf_testkit::{NpmPackage, NpmRegistry};

use super::{World, name, npm};

fn world() -> (NpmRegistry, World) {
    let registry = NpmRegistry::start();
    let world = World::new(&registry);
    (registry, world)
}

fn spec(text: &str) -> Spec {
    Spec::parse(text).unwrap()
}

async fn at(index: &NpmIndex, text: &str) -> Result<Direct, IndexError> {
    index.direct(&spec(text), &From::Importer(".".to_owned())).await
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-C"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with two tags and a package in a folder.
fn repository(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    for number in ["1.0.0", "1.2.0"] {
        let text = format!(r#"{{"name": "g", "version": "{number}", "scripts": {{"prepare": "tsc"}}}}"#);
        write(folder, "package.json", &text);
        write(
            folder,
            "sub/package.json",
            r#"{"name": "inner", "version": "3.0.0", "files": ["lib"]}"#,
        );
        write(folder, "sub/lib/index.js", "1");
        write(folder, "sub/test/index.js", "1");
        git(folder, &["add", "."]);
        git(folder, &["commit", "--quiet", "-m", number]);
        git(folder, &["tag", &format!("v{number}")]);
    }
}

fn wanted(found: &Direct) -> Wanted {
    Wanted {
        name: name(found.manifest.name.as_deref().unwrap()),
        version: found.manifest.version.clone().unwrap(),
        url: None,
        integrity: found.integrity.clone(),
        source: found.source.clone(),
        flat: false,
    }
}

#[tokio::test]
async fn a_repository_is_pinned_to_a_commit() {
    let (_registry, world) = world();
    let folder = world.folder.path().join("g");
    repository(&folder);
    let place = format!("git+file://{}", folder.display());
    let index = world.index();
    let newest = at(&index, &place).await.unwrap();
    assert_eq!(newest.manifest.version.as_deref(), Some("1.2.0"));
    let Source::Git {
        commit, reference, ..
    } = &newest.source
    else {
        panic!("{newest:?}")
    };
    assert_eq!(
        (commit, reference),
        (&git(&folder, &["rev-parse", "HEAD"]), &None)
    );
    assert!(
        newest
            .manifest
            .oddities
            .iter()
            .any(|note| note.contains("prepare"))
    );

    let older = at(&index, &format!("{place}#semver:~1.0")).await.unwrap();
    assert_eq!(older.manifest.version.as_deref(), Some("1.0.0"));
    let error = npm(at(&index, &format!("{place}#semver:^2")).await.unwrap_err());
    assert!(matches!(error, NpmError::NoTag { .. }));
    assert!(error.to_string().contains("1.2.0, 1.0.0"), "{error}");

    let inner = at(&index, &format!("{place}#v1.0.0&path:/sub")).await.unwrap();
    assert_eq!(inner.manifest.name.as_deref(), Some("inner"));
    let (unpacked, digest) = index.unpack(&wanted(&inner)).await.unwrap();
    assert_eq!(unpacked.files(), 2, "only what `files` names, and package.json");
    assert_eq!(digest, None, "a repository has no archive");
    let error = at(&index, &format!("{place}#v1.0.0&path:none"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("none/package.json"), "{error}");
}

#[tokio::test]
async fn an_archive_at_a_url_is_pinned_by_its_hash() {
    let (registry, world) = world();
    NpmPackage::new("a", "1.0.0").dep("b", "^1").publish(&registry);
    let path = registry.tarball_path("a", "1.0.0");
    let index = world.index();
    let found = at(&index, &registry.url(&path)).await.unwrap();
    assert_eq!(found.manifest.dependencies.len(), 1);
    assert_eq!(found.integrity[0].algorithm(), Algorithm::Sha512);
    index.flush().await;
    // It is not fetched again to be unpacked.
    let later = world.index();
    later.unpack(&wanted(&found)).await.unwrap();
    assert_eq!(registry.hits(&path), 1);
    let error = at(&index, &registry.url("/none.tgz")).await.unwrap_err();
    assert_eq!(error.code(), "net/not-found");
    registry.serve_raw("/page.tgz", "text/html", "<html>");
    let error = at(&index, &registry.url("/page.tgz")).await.unwrap_err();
    assert_eq!(error.code(), "npm/archive");
    assert!(error.to_string().ends_with("it is a page of HTML"), "{error}");
}

#[tokio::test]
async fn local_archives_and_folders() {
    let (_registry, world) = world();
    let project = world.project();
    std::fs::write(project.join("a.tgz"), NpmPackage::new("a", "1.0.0").build()).unwrap();
    let lib = r#"{"name": "lib", "version": "0.1.0", "dependencies": {"a": "file:../a.tgz"}}"#;
    write(&project, "libs/lib/package.json", lib);
    write(&project, "libs/lib/node_modules/x/index.js", "");
    write(&project, "libs/lib/index.js", "");
    let index = world.index();
    let archive = at(&index, "file:./a.tgz").await.unwrap();
    assert_eq!(
        archive.source,
        Source::File {
            path: "a.tgz".to_owned()
        }
    );
    index.unpack(&wanted(&archive)).await.unwrap();

    let folder = index
        .direct(&spec("file:../libs/lib"), &From::Importer("packages".to_owned()))
        .await
        .unwrap();
    let source = Source::Directory {
        path: "libs/lib".to_owned(),
        editable: false,
    };
    assert_eq!(folder.source, source);
    let (unpacked, _) = index.unpack(&wanted(&folder)).await.unwrap();
    assert_eq!(unpacked.files(), 2);
    // What the folder names is relative to it.
    let inner = index
        .direct(&spec("file:../../a.tgz"), &From::Package(folder.source.clone()))
        .await
        .unwrap();
    assert_eq!(inner.source, archive.source);
    let linked = at(&index, "link:libs/lib").await.unwrap();
    assert!(matches!(linked.source, Source::Directory { editable: true, .. }));
}

#[tokio::test]
async fn places_that_are_none_are_told() {
    let (registry, world) = world();
    let index = world.index();
    std::fs::create_dir_all(world.project().join("empty")).unwrap();
    for (text, words) in [
        ("file:./none.tgz", "there is no such file"),
        ("file:./none", "there is no such folder"),
        ("file:./empty", "it has no package.json"),
    ] {
        let error = at(&index, text).await.unwrap_err();
        assert_eq!(error.code(), "npm/local");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(at(&index, "^1.0.0").await.unwrap_err().code(), "npm/not-direct");
    // A package from elsewhere must not reach for files of this machine.
    let stranger = Source::Registry {
        index: super::url(&registry.base_url()),
    };
    let error = index
        .direct(&spec("file:/etc"), &From::Package(stranger.clone()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("comes from elsewhere"), "{error}");
}
