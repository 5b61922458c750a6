//! Where repositories may be, and how they may be signed.

use std::path::Path;

use wharf_index::Refresh;
use wharf_index::deb::{Trust, add_logins};
use wharf_testkit::{
    DebCompression, DebKey, DebPackage, DebRepository, DebSignatures, DebSuite, deb_architecture,
};

use super::{World, suite};
use crate::support::url;

#[tokio::test]
async fn the_signature_may_be_beside() {
    let stable = DebSuite::new("stable").signatures(DebSignatures::Detached);
    let repository = DebRepository::start_with(&[stable]);
    DebPackage::new("a", "1").publish(&repository);
    let world = World::new(&repository);
    assert_eq!(world.names().await, ["a 1"]);
    assert_eq!(world.names().await, ["a 1"]);
}

#[tokio::test]
async fn nobody_has_to_sign_what_is_trusted() {
    let stable = DebSuite::new("stable").signatures(DebSignatures::Nowhere);
    let repository = DebRepository::start_with(&[stable]);
    DebPackage::new("a", "1").publish(&repository);
    let mut world = World::new(&repository);
    world.suites[0].trust = Trust::Anyone;
    assert_eq!(world.names().await, ["a 1"]);
}

#[tokio::test]
async fn a_repository_may_be_a_folder_on_a_server() {
    let repository = DebRepository::start_with(&[DebSuite::new("flat/")]);
    DebPackage::new("a", "1").publish_in(&repository, "flat/", "");
    let mut world = World::new(&repository);
    world.suites = vec![suite(&repository, "flat/", &[DebKey::of(1)])];
    let snapshots = world.refresh().await.unwrap();
    let part = &snapshots[0].parts[0];
    assert_eq!((part.component.as_str(), part.architecture.as_str()), ("", ""));
    assert_eq!(super::names(&part.index), ["a 1"]);
}

/// Writes what a repository serves into a folder.
fn mirror(repository: &DebRepository, folder: &Path, paths: &[String]) {
    for path in paths {
        let target = folder.join(path.trim_start_matches("/debian/"));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, repository.content(path).unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_repository_may_be_on_this_machine() {
    let repository = DebRepository::start();
    DebPackage::new("a", "1").publish(&repository);
    let mut world = World::new(&repository);
    let folder = world.folder.path().join("my debs");
    let list = repository.packages_path("stable", "main", deb_architecture(), DebCompression::Gzip);
    mirror(
        &repository,
        &folder,
        &[repository.release_path("stable", "InRelease"), list.clone()],
    );
    world.suites[0].uri = url(&format!("file://{}", folder.display()));
    // What is on this machine is at hand without a network, and looked at every time.
    world.offline();
    world.refresh = Refresh::Nothing;
    assert_eq!(world.names().await, ["a 1"]);
    DebPackage::new("b", "1").publish(&repository);
    mirror(
        &repository,
        &folder,
        &[repository.release_path("stable", "InRelease"), list],
    );
    assert_eq!(world.names().await, ["a 1", "b 1"]);
    assert_eq!(repository.hits_below("/debian/"), 0);
}

#[tokio::test]
async fn a_trusted_folder_needs_no_release_file() {
    let repository = DebRepository::start();
    let mut world = World::new(&repository);
    let folder = world.folder.path().join("debs");
    std::fs::create_dir_all(&folder).unwrap();
    let stanza = "Package: a\nVersion: 1\nArchitecture: all\nFilename: ./a.deb\n";
    std::fs::write(folder.join("Packages"), stanza).unwrap();
    world.suites[0].uri = url(&format!("file://{}", folder.display()));
    world.suites[0].suite = "./".to_owned();
    world.suites[0].components.clear();
    world.suites[0].trust = Trust::Anyone;
    assert_eq!(world.names().await, ["a 1"]);
    std::fs::write(
        folder.join("Packages"),
        format!("{stanza}\n{}", stanza.replace("a", "b")),
    )
    .unwrap();
    assert_eq!(
        world.names().await.len(),
        1,
        "the second stanza is none of a package"
    );
    std::fs::remove_file(folder.join("Packages")).unwrap();
    assert_eq!(
        world
            .refresh()
            .await
            .map_err(|error| super::deb(error).to_string())
            .unwrap_err(),
        format!(
            "the repository file://{0} has no suite `./`: {0}/Release does not exist",
            folder.display()
        )
    );
}

#[tokio::test]
async fn logins_of_apt_reach_their_repository() {
    let repository = DebRepository::start();
    DebPackage::new("a", "1").publish(&repository);
    let world = World::new(&repository);
    let parts = world.parts();
    add_logins(
        &parts.client,
        &format!("machine {} login joe password x", repository.root_url()),
    );
    let repositories = wharf_index::Repositories::new(
        parts.client,
        parts.store,
        parts.governor,
        &parts.cache,
        parts.sinks,
    );
    repositories.refresh(&world.suites).await.unwrap();
}
