//! Releases: formats, caching, several indexes, find-links, faults.

use wharf_core::Explain;
use wharf_index::{IndexLocation, Place, Refresh, Strategy};
use wharf_testkit::{Fault, Options, Package, Registry, Times, files_below};

use crate::support::{World, name, newest, url};

const UNKNOWN: &str = "index/unknown-package";

fn versions(releases: &wharf_index::Releases) -> Vec<String> {
    releases
        .iter()
        .map(|release| release.version().to_string())
        .collect()
}

#[tokio::test]
async fn both_formats_give_the_same_releases() {
    for options in [Options::default(), Options::old_mirror()] {
        let registry = Registry::start_with(options);
        for version in ["1.9", "1.10", "2.0rc1", "1.10.post1"] {
            Package::new("a", version)
                .wheel()
                .sdist()
                .requires_python(">=3.8")
                .publish(&registry);
        }
        Package::new("a", "0.5")
            .yanked("broken")
            .uploaded("2024-01-02T03:04:05Z")
            .publish(&registry);
        let world = World::new(&[&registry]);
        let index = world.index();
        let releases = index.releases(&name("A")).await.unwrap();
        assert_eq!(
            versions(&releases),
            ["2.0rc1", "1.10.post1", "1.10", "1.9", "0.5"]
        );
        let newest = releases.get(0).unwrap();
        assert_eq!(newest.wheels().count(), 1);
        assert_eq!(newest.sdist().unwrap().filename(), "a-2.0rc1.tar.gz");
        assert_eq!(
            newest.sdist().unwrap().requires_python().unwrap().to_string(),
            ">=3.8"
        );
        let oldest = releases.get(4).unwrap().wheels().next().unwrap();
        assert_eq!(oldest.yanked(), Some("broken"));
        assert_eq!(oldest.upload_time().unwrap().to_string(), "2024-01-02T03:04:05Z");
        assert_eq!(oldest.digests().len(), 1);
    }
}

#[tokio::test]
async fn a_second_process_asks_nobody() {
    let registry = Registry::start_with(Options::old_mirror());
    Package::new("a", "1.0").publish(&registry);
    let world = World::new(&[&registry]);
    world.index().releases(&name("a")).await.unwrap();
    assert_eq!(registry.hits(&registry.page_path("a")), 1);
    let second = world.index();
    assert_eq!(
        versions(&second.cached_releases(&name("a"), None).unwrap()),
        ["1.0"]
    );
    assert_eq!(versions(&second.releases(&name("a")).await.unwrap()), ["1.0"]);
    assert!(second.cached_releases(&name("b"), None).is_none());
    assert_eq!(registry.hits(&registry.page_path("a")), 1);
}

#[tokio::test]
async fn a_refresh_sees_what_is_new() {
    for options in [Options::default(), Options::old_mirror()] {
        let registry = Registry::start_with(options);
        Package::new("a", "1.0").publish(&registry);
        let world = World::new(&[&registry]);
        world.index().releases(&name("a")).await.unwrap();
        let refreshed = || world.index().with_refresh(Refresh::Everything);
        assert_eq!(
            versions(&refreshed().releases(&name("a")).await.unwrap()),
            ["1.0"]
        );
        Package::new("a", "1.1").publish(&registry);
        assert_eq!(
            versions(&world.index().releases(&name("a")).await.unwrap()),
            ["1.0"]
        );
        assert_eq!(
            versions(&refreshed().releases(&name("a")).await.unwrap()),
            ["1.1", "1.0"]
        );
        assert_eq!(
            versions(&world.index().cached_releases(&name("a"), None).unwrap()),
            ["1.1", "1.0"]
        );
    }
}

#[tokio::test]
async fn offline_uses_what_is_there() {
    let registry = Registry::start_with(Options {
        cache_control: Some("max-age=0".to_owned()),
        ..Options::default()
    });
    Package::new("a", "1.0").publish(&registry);
    let mut world = World::new(&[&registry]);
    world.index().releases(&name("a")).await.unwrap();
    world.offline();
    assert_eq!(
        versions(&world.index().releases(&name("a")).await.unwrap()),
        ["1.0"]
    );
    let error = world.index().releases(&name("b")).await.unwrap_err();
    assert_eq!(error.code(), "net/offline", "{error}");
}

#[tokio::test]
async fn many_tasks_share_one_request() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    let world = World::new(&[&registry]);
    let (index, a) = (world.index(), name("a"));
    let all = futures::future::join_all((0..20).map(|_| index.releases(&a))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(registry.hits(&registry.page_path("a")), 1);
}

#[tokio::test]
async fn the_first_index_that_has_a_name_answers_alone() {
    let (private, public) = (Registry::start(), Registry::start());
    Package::new("ours", "1.0").publish(&private);
    Package::new("ours", "99.0").publish(&public);
    Package::new("theirs", "2.0").publish(&public);
    let mut world = World::new(&[&private, &public]);
    let index = world.index();
    assert_eq!(versions(&index.releases(&name("ours")).await.unwrap()), ["1.0"]);
    assert_eq!(versions(&index.releases(&name("theirs")).await.unwrap()), ["2.0"]);
    assert_eq!(
        public.hits(&public.page_path("ours")),
        0,
        "private names are not told to others"
    );
    world.locations.strategy = Strategy::BestMatch;
    assert_eq!(
        versions(&world.index().releases(&name("ours")).await.unwrap()),
        ["99.0", "1.0"]
    );
}

#[tokio::test]
async fn an_index_that_fails_is_not_passed_over() {
    let (private, public) = (Registry::start(), Registry::start());
    Package::new("ours", "1.0").publish(&private);
    Package::new("ours", "99.0").publish(&public);
    private.fault(&private.page_path("ours"), Fault::Status(500), Times::Always);
    let world = World::new(&[&private, &public]);
    let error = world.index().releases(&name("ours")).await.unwrap_err();
    assert_eq!(error.code(), "net/status", "{error}");
    assert!(error.to_string().contains(&private.page_path("ours")), "{error}");
    assert!(!error.hints().is_empty());
    assert_eq!(public.log().len(), 0);
}

#[tokio::test]
async fn explicit_indexes_serve_those_who_name_them() {
    let (main, special) = (Registry::start(), Registry::start());
    Package::new("a", "1.0").publish(&main);
    Package::new("a", "1.0+gpu").publish(&special);
    let mut world = World::new(&[&main]);
    world.locations.indexes.push(IndexLocation {
        name: Some("special".to_owned()),
        explicit: true,
        ..IndexLocation::new(url(&special.index_url()))
    });
    let index = world.index();
    assert_eq!(versions(&index.releases(&name("a")).await.unwrap()), ["1.0"]);
    assert_eq!(
        versions(&index.releases_from(&name("a"), Some("special")).await.unwrap()),
        ["1.0+gpu"]
    );
    let error = index
        .releases_from(&name("a"), Some("nothing"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "index/unknown-index");
    let missing = index
        .releases_from(&name("b"), Some("special"))
        .await
        .unwrap_err();
    assert_eq!(missing.code(), UNKNOWN, "{missing}");
}

#[tokio::test]
async fn unknown_packages_say_where_they_were_looked_for() {
    let registry = Registry::start();
    let mut world = World::new(&[&registry]);
    world.locations.find_links = vec!["links".to_owned()];
    let error = world.index().releases(&name("nothing")).await.unwrap_err();
    assert_eq!(error.code(), UNKNOWN);
    let text = error.to_string();
    assert!(
        text.contains("`nothing`") && text.contains(&registry.index_url()) && text.contains("links"),
        "{text}"
    );
    assert!(
        world.events.warnings()[0].starts_with("index/find-links"),
        "{:?}",
        world.events.warnings()
    );
    world.locations.indexes.clear();
    world.locations.find_links.clear();
    let error = world.index().releases(&name("nothing")).await.unwrap_err();
    assert!(error.to_string().contains("no index is configured"), "{error}");
}

#[tokio::test]
async fn passing_faults_pass() {
    for fault in [
        Fault::Status(503),
        Fault::RetryAfter(429, "0".to_owned()),
        Fault::Truncate(40),
    ] {
        let registry = Registry::start();
        Package::new("a", "1.0").publish(&registry);
        registry.fault(&registry.page_path("a"), fault.clone(), Times::Count(2));
        let world = World::new(&[&registry]);
        let releases = world.index().releases(&name("a")).await;
        assert_eq!(releases.map(|releases| releases.len()).ok(), Some(1), "{fault:?}");
    }
}

#[tokio::test]
async fn garbage_is_an_error_that_names_the_page() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    registry.serve_raw(
        &registry.page_path("a"),
        "application/vnd.pypi.simple.v1+json",
        "{\"files\": 7}",
    );
    let world = World::new(&[&registry]);
    let error = world.index().releases(&name("a")).await.unwrap_err();
    assert_eq!(error.code(), "index/page");
    assert!(error.to_string().contains(&registry.page_path("a")), "{error}");
    assert!(error.hints()[0].contains("/simple/"), "{:?}", error.hints());
}

#[tokio::test]
async fn one_odd_file_costs_that_file() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    registry.publish_archive("a", "a-not a version.tar.gz", "x");
    registry.publish_archive("a", "readme.txt", "x");
    let world = World::new(&[&registry]);
    let index = world.index();
    let releases = index.releases(&name("a")).await.unwrap();
    assert_eq!(versions(&releases), ["1.0"]);
    let skipped: Vec<_> = releases
        .skipped()
        .into_iter()
        .map(|skipped| skipped.filename)
        .collect();
    assert_eq!(skipped, ["a-not a version.tar.gz", "readme.txt"]);
}

#[tokio::test]
async fn folders_of_archives_are_merged_with_the_index() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    Package::new("a", "2.0").publish(&registry);
    let mut world = World::new(&[&registry]);
    let folder = world.locations.root.join("links");
    std::fs::create_dir_all(&folder).unwrap();
    for version in ["2.0", "3.0"] {
        let (filename, bytes) = Package::new("a", version).dep("local").build().remove(0);
        std::fs::write(folder.join(filename), bytes).unwrap();
    }
    std::fs::write(folder.join("notes.txt"), "x").unwrap();
    world.locations.find_links = vec!["links".to_owned()];
    let index = world.index();
    let releases = index.releases(&name("a")).await.unwrap();
    assert_eq!(versions(&releases), ["3.0", "2.0", "1.0"]);
    // The local file wins its name.
    let second = releases.get(1).unwrap();
    let places: Vec<_> = second.files().map(|file| file.place().clone()).collect();
    assert_eq!(places, [Place::FindLinks("links".to_owned())]);
    let dist = newest(&index, "a").await;
    assert_eq!(crate::support::requires(&index, &dist).await, ["local"]);
    index.fetch(&dist).await.unwrap();
    world.locations.no_index = true;
    assert_eq!(
        versions(&world.index().releases(&name("a")).await.unwrap()),
        ["3.0", "2.0"]
    );
}

#[tokio::test]
async fn pages_of_links_list_several_projects() {
    let registry = Registry::start();
    let mut page = String::from("<html><body>\n");
    for package in ["a", "some_thing"] {
        let (filename, bytes) = Package::new(package, "1.0").build().remove(0);
        registry.serve_raw(&format!("/links/{filename}"), "application/zip", bytes);
        page.push_str(&format!("<a href=\"{filename}\">{filename}</a><br>\n"));
    }
    registry.serve_raw("/links/index.html", "text/html", page);
    let mut world = World::new(&[]);
    world.locations.find_links = vec![registry.url("/links/index.html")];
    let index = world.index();
    for package in ["a", "Some.Thing"] {
        let dist = newest(&index, package).await;
        index.fetch(&dist).await.unwrap();
    }
    assert_eq!(registry.hits("/links/index.html"), 1);
    assert_eq!(index.releases(&name("b")).await.unwrap_err().code(), UNKNOWN);
}

#[tokio::test]
async fn an_index_can_be_a_folder() {
    let mut world = World::new(&[]);
    let folder = world.folder.path().join("mirror/a");
    std::fs::create_dir_all(&folder).unwrap();
    let (filename, bytes) = Package::new("a", "1.0").build().remove(0);
    std::fs::write(folder.join(filename), bytes).unwrap();
    let root = url::Url::from_directory_path(world.folder.path().join("mirror")).unwrap();
    world.locations.indexes = vec![IndexLocation::new(root.into())];
    let index = world.index();
    let dist = newest(&index, "a").await;
    index.fetch(&dist).await.unwrap();
    assert_eq!(index.releases(&name("b")).await.unwrap_err().code(), UNKNOWN);
}

#[tokio::test]
async fn a_damaged_cache_is_no_cache() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    let world = World::new(&[&registry]);
    world.index().releases(&name("a")).await.unwrap();
    let mut damaged = 0;
    for entry in files_below(&world.cache().join("pypi-v1")) {
        let mut bytes = std::fs::read(&entry).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&entry, bytes).unwrap();
        damaged += 1;
    }
    assert!(damaged > 0);
    assert_eq!(
        versions(&world.index().releases(&name("a")).await.unwrap()),
        ["1.0"]
    );
}

#[tokio::test]
async fn futures_can_move_between_threads() {
    let registry = Registry::start();
    Package::new("a", "1.0").publish(&registry);
    let world = World::new(&[&registry]);
    let index = world.index();
    let task = tokio::spawn(async move {
        let dist = newest(&index, "a").await;
        index.metadata(&dist).await.unwrap();
        index.fetch(&dist).await.unwrap()
    });
    task.await.unwrap();
}
