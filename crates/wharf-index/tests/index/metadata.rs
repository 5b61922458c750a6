//! Metadata by the cheapest way that works.

use wharf_core::Explain;
use wharf_testkit::{Fault, Options, Package, Registry, Times};

use crate::support::{World, name, newest, requires};

fn path(registry: &Registry, package: &str, version: &str) -> String {
    registry.file_path(package, &format!("{package}-{version}-py3-none-any.whl"))
}

fn ranges(registry: &Registry) -> usize {
    registry
        .log()
        .iter()
        .filter(|entry| entry.range.is_some())
        .count()
}

#[tokio::test]
async fn announced_metadata_takes_one_request() {
    let registry = Registry::start();
    Package::new("a", "1.0").dep("b>=1").publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert_eq!(requires(&index, &dist).await, ["b"]);
    assert_eq!(registry.log().len(), 2);
    assert_eq!(
        registry.hits(&format!("{}.metadata", path(&registry, "a", "1.0"))),
        1
    );
    // And none in the next process.
    let next = world.index();
    let dist = newest(&next, "a").await;
    assert_eq!(next.cached_requirements(&dist).unwrap().base().len(), 1);
    assert_eq!(registry.log().len(), 2);
    assert_eq!(
        next.metadata(&dist).await.unwrap().summary.as_deref(),
        Some("a, made by the testkit")
    );
}

#[tokio::test]
async fn unannounced_metadata_is_found() {
    let registry = Registry::start_with(Options::old_mirror());
    for package in ["a", "b", "c"] {
        Package::new(package, "1.0").dep("x").publish(&registry);
    }
    let world = World::new(&[&registry]);
    let index = world.index();
    let dists = futures::future::join_all(["a", "b", "c"].map(|package| newest(&index, package))).await;
    let all = futures::future::join_all(dists.iter().map(|dist| requires(&index, dist))).await;
    assert_eq!(all, [["x"], ["x"], ["x"]]);
    assert_eq!(ranges(&registry), 0);
    assert_eq!(registry.log().len(), 6);
}

#[tokio::test]
async fn a_host_without_it_is_asked_once() {
    let registry = Registry::start_with(Options {
        serve_metadata: false,
        ..Options::old_mirror()
    });
    let packages: Vec<String> = (0..8).map(|number| format!("a{number}")).collect();
    for package in &packages {
        Package::new(package, "1.0").dep("x").publish(&registry);
    }
    let world = World::new(&[&registry]);
    let index = world.index();
    let dists = futures::future::join_all(packages[1..].iter().map(|package| newest(&index, package))).await;
    futures::future::join_all(dists.iter().map(|dist| requires(&index, dist))).await;
    let failed = || registry.log().iter().filter(|entry| entry.status == 404).count();
    assert_eq!(failed(), 1);
    assert_eq!(ranges(&registry), 7);
    // Remembered by the next process.
    let next = world.index();
    let dist = newest(&next, "a0").await;
    requires(&next, &dist).await;
    assert_eq!((failed(), ranges(&registry)), (1, 8));
}

#[tokio::test]
async fn without_ranges_the_whole_wheel_is_taken() {
    let registry = Registry::start_with(Options {
        serve_metadata: false,
        ranges: false,
        ..Options::old_mirror()
    });
    let noise: String = (0..400_000u64)
        .map(|at| format!("{:x}", at.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    Package::new("a", "1.0")
        .dep("x")
        .file("a/noise.txt", &noise)
        .publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert_eq!(requires(&index, &dist).await, ["x"]);
    // It is in the store now.
    assert!(index.fetched(&dist).is_some());
}

#[tokio::test]
async fn wrong_metadata_beside_a_wheel_is_not_used() {
    for options in [Options::default(), Options::old_mirror()] {
        let announces = options.announce_metadata;
        let registry = Registry::start_with(options);
        Package::new("a", "1.0").dep("right").publish(&registry);
        let beside = format!("{}.metadata", path(&registry, "a", "1.0"));
        registry.serve_raw(
            &beside,
            "text/plain",
            "Metadata-Version: 2.1\nName: other\nVersion: 1.0\nRequires-Dist: wrong\n",
        );
        let world = World::new(&[&registry]);
        let index = world.index();
        let dist = newest(&index, "a").await;
        assert_eq!(requires(&index, &dist).await, ["right"], "announced: {announces}");
    }
}

#[tokio::test]
async fn a_faulty_way_leads_to_the_next() {
    for fault in [
        Fault::Garbage,
        Fault::Status(403),
        Fault::Status(500),
        Fault::Corrupt,
    ] {
        let registry = Registry::start();
        Package::new("a", "1.0").dep("b").publish(&registry);
        registry.fault(
            &format!("{}.metadata", path(&registry, "a", "1.0")),
            fault.clone(),
            Times::Always,
        );
        let world = World::new(&[&registry]);
        let index = world.index();
        let dist = newest(&index, "a").await;
        assert_eq!(requires(&index, &dist).await, ["b"], "{fault:?}");
    }
}

#[tokio::test]
async fn when_no_way_works_the_error_names_the_url() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    let wheel = path(&registry, "a", "1.0");
    registry.fault(&format!("{wheel}.metadata"), Fault::Status(404), Times::Always);
    registry.fault(&wheel, Fault::Status(404), Times::Always);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    let error = index.requirements(&dist).await.unwrap_err();
    assert_eq!(error.code(), "net/not-found");
    assert!(
        error.to_string().contains(&wheel) && error.to_string().contains("a 1.0"),
        "{error}"
    );
}

#[tokio::test]
async fn unreadable_requirements_are_a_problem_of_that_version() {
    let registry = Registry::start();
    let text =
        "Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Dist: b (=>> what)\nRequires-Dist: c\n";
    Package::new("a", "1.0").metadata(text).publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let dist = newest(&index, "a").await;
    let found = index.requirements(&dist).await.unwrap();
    assert!(found.problem().unwrap().contains("what"), "{:?}", found.problem());
    assert_eq!(found.base().len(), 1);
}

#[tokio::test]
async fn static_source_metadata_needs_no_build() {
    let registry = Registry::start();
    Package::new("a", "1.0")
        .dep("b")
        .sdist()
        .build_fails("must not run")
        .publish(&registry);
    let world = World::new(&[&registry]).without_builds();
    let index = world.index();
    let dist = newest(&index, "a").await;
    assert!(dist.needs_build());
    assert_eq!(requires(&index, &dist).await, ["b"]);
    let archive = registry.file_path("a", "a-1.0.tar.gz");
    assert_eq!(registry.hits(&archive), 1);
    // Kept: neither the archive nor its metadata is asked for again.
    let next = world.index();
    assert!(next.cached_requirements(&newest(&next, "a").await).is_some());
    assert_eq!(registry.hits(&archive), 1);
}

#[tokio::test]
async fn latest_versions_and_information() {
    use wharf_ecosystem::pypi::{Implementation, Tags, parse_version};
    let registry = Registry::start();
    Package::new("a", "1.0").dep("b").publish(&registry);
    Package::new("a", "1.1")
        .requires_python(">=3.99")
        .publish(&registry);
    Package::new("a", "1.2").yanked("no").publish(&registry);
    Package::new("a", "1.3")
        .wheel_for("cp311-cp311-win_amd64")
        .publish(&registry);
    Package::new("a", "2.0a1").publish(&registry);
    let world = World::new(&[&registry]);
    let target = "linux-x86_64-py3.11".parse().unwrap();
    let (tags, python) = (
        Tags::for_target(&target, Implementation::CPython),
        parse_version("3.11.7").unwrap(),
    );
    let suits = wharf_index::Suits {
        tags: &tags,
        python: &python,
        cutoff: None,
        prereleases: Default::default(),
    };
    let info = world.index().info(&name("a"), None, suits).await.unwrap();
    assert_eq!(info.latest.unwrap().to_string(), "1.0");
    let usable: Vec<_> = info
        .versions
        .iter()
        .map(|version| (version.version.to_string(), version.usable))
        .collect();
    let expected = [
        ("2.0a1", true),
        ("1.3", false),
        ("1.2", true),
        ("1.1", false),
        ("1.0", true),
    ];
    assert_eq!(
        usable,
        expected.map(|(version, usable)| (version.to_owned(), usable))
    );
    assert_eq!(info.versions[2].yanked.as_deref(), Some("no"));
    assert_eq!(info.metadata.unwrap().requires_dist.len(), 1);
}
