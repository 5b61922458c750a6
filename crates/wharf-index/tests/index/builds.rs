//! Source distributions and directories through a real Python and the testkit's backend.

use std::sync::Arc;

use wharf_core::{Explain, Source};
use wharf_index::{Direct, PypiIndex};
use wharf_testkit::{Package, Registry};

use crate::support::{HostBuilder, World, name, newest, requires};

fn recorded(world: &mut World, follows: bool) -> Arc<HostBuilder> {
    let builder = Arc::new(HostBuilder {
        follows,
        ..HostBuilder::default()
    });
    world.builder = Some(builder.clone());
    builder
}

async fn fetch(index: &PypiIndex, package: &str) -> Result<wharf_store::TreeId, wharf_index::IndexError> {
    index.fetch(&newest(index, package).await).await
}

#[tokio::test]
async fn a_source_distribution_is_built_once() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .dep("b")
        .dynamic_sdist()
        .build_requires("tool>=1")
        .publish(&registry);
    let mut world = World::new(&[&registry]);
    let builder = recorded(&mut world, false);
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert_eq!(requires(&index, &dist).await, ["b"]);
    let tree = index.fetch(&dist).await.unwrap();
    assert_eq!(*builder.asked.lock().unwrap(), [["tool>=1"], ["tool>=1"]]);
    // The next process finds metadata and wheel.
    let next = world.index();
    assert_eq!(requires(&next, &newest(&next, "a").await).await, ["b"]);
    assert_eq!(fetch(&next, "a").await.unwrap(), tree);
    assert_eq!(builder.asked.lock().unwrap().len(), 2);
    assert_eq!(registry.hits(&registry.file_path("a", "a-1.0.tar.gz")), 1);
    // Nothing lies about.
    let scratch = world.cache().join("pypi-v1/scratch");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0);
}

#[tokio::test]
async fn what_the_hook_asks_for_is_added() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .dynamic_sdist()
        .build_requires("tool")
        .hook_requires("more<2")
        .publish(&registry);
    let mut world = World::new(&[&registry]);
    let builder = recorded(&mut world, false);
    fetch(&world.index(), "a").await.unwrap();
    assert_eq!(
        *builder.asked.lock().unwrap(),
        [vec!["tool"], vec!["tool", "more<2"]]
    );
}

#[tokio::test]
async fn a_failed_build_shows_the_end_of_its_log() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .dynamic_sdist()
        .build_fails("fatal error: ffi.h: No such file or directory")
        .publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    let error = index.requirements(&dist).await.unwrap_err();
    assert_eq!(error.code(), "build/failed");
    let text = error.to_string();
    assert!(
        text.contains("a 1.0") && text.contains("testkit_backend"),
        "{text}"
    );
    assert!(text.contains("  | RuntimeError: fatal error: ffi.h"), "{text}");
    assert!(error.hints()[0].contains("libffi-dev"), "{:?}", error.hints());
    let log = text.lines().last().unwrap().rsplit("is in ").next().unwrap();
    assert!(
        std::fs::read_to_string(log).unwrap().contains("Traceback"),
        "{log}"
    );
}

#[tokio::test]
async fn builds_that_need_themselves_are_named() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .dynamic_sdist()
        .build_requires("b")
        .publish(&registry);
    Package::new("b", "1.0")
        .dynamic_sdist()
        .build_requires("a")
        .publish(&registry);
    let mut world = World::new(&[&registry]);
    recorded(&mut world, true);
    let index = world.index();
    // Both at once, which must not make them wait for each other.
    let (a, b) = futures::future::join(fetch(&index, "a"), fetch(&index, "b")).await;
    for error in [a.unwrap_err(), b.unwrap_err()] {
        let text = error.to_string();
        assert!(
            text.contains("its build needs itself") && text.contains(" → "),
            "{text}"
        );
    }
}

#[tokio::test]
async fn without_a_builder_the_error_says_so() {
    let registry = Registry::start();
    Package::new("a", "1.0").dynamic_sdist().publish(&registry);
    let mut world = World::new(&[&registry]).without_builds();
    let error = fetch(&world.index(), "a").await.unwrap_err();
    assert!(error.to_string().contains("the tests forbid it"), "{error}");
    world.builder = None;
    let error = fetch(&world.index(), "a").await.unwrap_err();
    assert_eq!(error.code(), "build/not-possible", "{error}");
}

#[tokio::test]
async fn an_archive_of_another_project_is_refused() {
    let registry = Registry::start();
    let (_, bytes) = Package::new("other", "1.0").dynamic_sdist().build().remove(0);
    registry.publish_archive("a", "a-1.0.tar.gz", bytes);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert_eq!(
        index.requirements(&dist).await.unwrap_err().code(),
        "index/mismatch"
    );
    assert_eq!(index.fetch(&dist).await.unwrap_err().code(), "index/mismatch");
}

#[tokio::test]
async fn directories_are_built_as_they_are_now() {
    let world = World::new(&[]);
    let package = Package::new("local", "0.3").dep("b").dynamic_sdist();
    let folder = world.locations.root.join("libs/local");
    package.write_source_tree(&folder).unwrap();
    for editable in [false, true] {
        let index = world.index();
        let direct = Direct::parse("libs/local", editable).unwrap();
        let (dist, found) = index.direct(Some(&name("local")), &direct).await.unwrap();
        assert_eq!(
            dist.source,
            Source::Directory {
                path: "libs/local".to_owned(),
                editable
            }
        );
        assert_eq!(
            (found.version().to_string().as_str(), found.base().len()),
            ("0.3", 1)
        );
        let first = index.fetch(&dist).await.unwrap();
        assert_eq!(world.index().fetch(&dist).await.unwrap(), first);
        std::fs::write(folder.join(format!("src/local/new_{editable}.py")), "x = 1\n").unwrap();
        let changed = world.index().fetch(&dist).await.unwrap();
        assert_eq!(changed == first, editable, "editable: {editable}");
    }
    let index = world.index();
    let direct = Direct::parse("libs/local", false).unwrap();
    let error = index.direct(Some(&name("other")), &direct).await.unwrap_err();
    assert_eq!(error.code(), "index/mismatch", "{error}");
    let error = index
        .direct(None, &Direct::parse("libs", false).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "build/not-buildable", "{error}");
}

#[tokio::test]
async fn a_static_pyproject_needs_no_build() {
    let world = World::new(&[]).without_builds();
    let text = "[project]\nname = \"static\"\nversion = \"1.2\"\ndependencies = [\"b>=1\"]\n\
        [project.optional-dependencies]\nx = [\"c\"]\n";
    std::fs::write(world.locations.root.join("pyproject.toml"), text).unwrap();
    let (dist, found) = world
        .index()
        .direct(None, &Direct::parse(".", true).unwrap())
        .await
        .unwrap();
    assert_eq!(dist.label(), "static 1.2");
    assert_eq!(found.base().len(), 1);
    assert_eq!(found.for_extra(&"x".parse().unwrap()).len(), 1);
}
