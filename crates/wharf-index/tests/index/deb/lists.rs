//! What suites have: fetched once, kept, asked for again with a condition.

use wharf_deb::index::Kind;
use wharf_index::Refresh;
use wharf_testkit::{DebCompression, DebPackage, DebRepository, DebSuite, Fault, Times, deb_architecture};

use super::{World, names, stable, suite};

fn with_packages() -> DebRepository {
    let repository = DebRepository::start();
    DebPackage::new("a", "1.0-1")
        .depends("b (>= 2) | c")
        .publish(&repository);
    DebPackage::new("b", "2.0")
        .architecture("all")
        .publish(&repository);
    repository
}

#[tokio::test]
async fn packages_are_there_and_the_second_time_nothing_but_a_question_is_asked() {
    let repository = with_packages();
    let world = World::new(&repository);
    let first = world.refresh().await.unwrap();
    let part = &first[0].parts[0];
    assert_eq!(
        (part.component.as_str(), part.architecture.as_str()),
        ("main", deb_architecture())
    );
    assert_eq!(names(&part.index), ["a 1.0-1", "b 2.0"]);
    let a = part
        .index
        .record(part.index.versions(part.index.find("a").unwrap()).next().unwrap());
    let groups: Vec<String> = a
        .relations(Kind::Depends)
        .map(|group| group.to_string())
        .collect();
    assert_eq!(groups, ["b (>= 2) | c"]);
    assert_eq!(first[0].release.suite.as_deref(), Some("stable"));
    let lists = repository.hits_below("/debian/dists/stable/main");
    assert_eq!(lists, 1);
    let second = world.refresh().await.unwrap();
    assert_eq!(names(&second[0].parts[0].index), ["a 1.0-1", "b 2.0"]);
    assert_eq!(
        repository.hits(&repository.release_path("stable", "InRelease")),
        2
    );
    assert_eq!(repository.hits_below("/debian/dists/stable/main"), lists);
}

#[tokio::test]
async fn what_changed_is_seen_and_the_old_index_goes() {
    let repository = with_packages();
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    DebPackage::new("c", "3").publish(&repository);
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0", "c 3"]);
    let indexes = std::fs::read_dir(world.cache().join("deb-v2/indexes")).unwrap();
    assert_eq!(indexes.count(), 1);
}

#[tokio::test]
async fn what_an_older_version_kept_goes_when_nobody_uses_it_any_more() {
    let repository = with_packages();
    let world = World::new(&repository);
    let older = world.cache().join("deb-v1");
    std::fs::create_dir_all(older.join("suites")).unwrap();
    std::fs::create_dir_all(older.join("indexes")).unwrap();
    let month = std::time::Duration::from_secs(30 * 24 * 60 * 60);
    let keep = |name: &str, unused_for| {
        let file = std::fs::File::create(older.join(name)).unwrap();
        let then = std::time::SystemTime::now() - unused_for;
        let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
        file.set_times(times).unwrap();
    };
    keep("suites/one", month * 2);
    keep("indexes/one", month / 2);
    world.names().await;
    assert!(older.join("indexes/one").is_file(), "it is in use");
    assert!(!older.join("suites").exists());
    keep("indexes/one", month * 2);
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    assert!(older.exists(), "it is looked at when a suite is new");
    DebPackage::new("c", "3").publish(&repository);
    world.names().await;
    assert!(!older.exists());
}

#[tokio::test]
async fn fresh_or_offline_the_cache_is_enough() {
    let repository = with_packages();
    let mut world = World::new(&repository);
    world.names().await;
    let asked = repository.hits_below("/debian/");
    world.offline();
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    assert_eq!(repository.hits_below("/debian/"), asked);
}

#[tokio::test]
async fn a_server_that_is_out_of_order_is_stood_in_for() {
    let repository = with_packages();
    let world = World::new(&repository);
    world.names().await;
    let path = repository.release_path("stable", "InRelease");
    repository.fault(&path, Fault::Status(503), Times::Always);
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    let warnings = world.events.warnings();
    assert!(
        warnings.iter().any(|warning| warning.starts_with("cache/stale")),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_damaged_index_is_made_again() {
    let repository = with_packages();
    let world = World::new(&repository);
    world.names().await;
    let folder = world.cache().join("deb-v2/indexes");
    let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&path, b"WHARFDX1 and nothing").unwrap();
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    assert!(std::fs::metadata(&path).unwrap().len() > 100);
}

#[tokio::test]
async fn every_packing_is_read() {
    for form in [
        DebCompression::Gzip,
        DebCompression::Xz,
        DebCompression::Zstd,
        DebCompression::None,
    ] {
        let suite = DebSuite::new("stable").compressions(&[form]);
        let repository = DebRepository::start_with(&[suite]);
        DebPackage::new("a", "1").publish(&repository);
        assert_eq!(World::new(&repository).names().await, ["a 1"], "{form:?}");
    }
}

#[tokio::test]
async fn a_mirror_in_the_middle_of_an_update_is_asked_in_the_other_way() {
    // By hash where the name has other bytes already, by name where the hash is not there yet.
    let by_name = DebRepository::start_with(&[DebSuite::new("stable").without_by_hash()]);
    DebPackage::new("a", "1").publish(&by_name);
    let form = DebCompression::Gzip;
    let path = by_name.packages_path("stable", "main", deb_architecture(), form);
    by_name.fault(&path, Fault::Corrupt, Times::Always);
    let error = World::new(&by_name).refused().await;
    error.says("deb/wrong-hash", &["Packages.gz", "stable"]);

    let by_hash = with_packages();
    let path = by_hash.hashed_packages_path("stable", "main", deb_architecture(), form);
    by_hash.fault(&path, Fault::Status(404), Times::Always);
    assert_eq!(World::new(&by_hash).names().await, ["a 1.0-1", "b 2.0"]);
    let other = with_packages();
    let path = other.hashed_packages_path("stable", "main", deb_architecture(), form);
    other.fault(&path, Fault::Corrupt, Times::Always);
    assert_eq!(World::new(&other).names().await, ["a 1.0-1", "b 2.0"]);
}

#[tokio::test]
async fn several_suites_components_and_architectures_at_once() {
    let other = if deb_architecture() == "i386" {
        "amd64"
    } else {
        "i386"
    };
    let stable_suite = DebSuite::new("stable")
        .components(&["main", "contrib"])
        .architectures(&[deb_architecture(), other]);
    let repository = DebRepository::start_with(&[stable_suite, DebSuite::new("updates")]);
    DebPackage::new("a", "1")
        .architecture(deb_architecture())
        .publish(&repository);
    DebPackage::new("c", "1")
        .architecture(other)
        .publish_in(&repository, "stable", "contrib");
    DebPackage::new("a", "2").publish_in(&repository, "updates", "main");
    let mut world = World::new(&repository);
    world.suites[0].components.push("contrib".to_owned());
    world.suites[0].architectures.push(other.to_owned());
    let mut updates = suite(&repository, "updates", &[wharf_testkit::DebKey::of(1)]);
    // What a suite has not is nothing to look for.
    updates.architectures.push(other.to_owned());
    world.suites.push(updates);
    let snapshots = world.refresh().await.unwrap();
    let found: Vec<(String, Vec<String>)> = snapshots
        .iter()
        .flat_map(|snapshot| &snapshot.parts)
        .map(|part| {
            (
                format!("{} {}", part.component, part.architecture),
                names(&part.index),
            )
        })
        .collect();
    let native = deb_architecture();
    let expected = [
        (format!("main {native}"), vec!["a 1".to_owned()]),
        (format!("main {other}"), vec![]),
        (format!("contrib {native}"), vec![]),
        (format!("contrib {other}"), vec!["c 1".to_owned()]),
        (format!("main {native}"), vec!["a 2".to_owned()]),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_package_that_cannot_be_read_is_told_and_left_out() {
    let repository = with_packages();
    repository.add_stanza(
        "stable",
        "main",
        deb_architecture(),
        "Package: broken\nVersion: 1 2\nArchitecture: all\n",
    );
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    let warnings = world.events.warnings();
    assert!(
        warnings[0].contains("broken") && warnings[0].starts_with("deb/malformed-package"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn asked_twice_within_its_time_a_suite_is_not_asked() {
    let repository = with_packages();
    let mut world = World::new(&repository);
    world.refresh = Refresh::Nothing;
    world.names().await;
    let asked = repository.hits_below("/debian/");
    world.suites = vec![stable(&repository)];
    assert_eq!(world.names().await, ["a 1.0-1", "b 2.0"]);
    // Testkit says nothing of how long its answers hold, and then they do for some minutes.
    assert_eq!(repository.hits_below("/debian/"), asked);
}
