//! Archives into the store, and those that do not get there.

use wharf_index::cargo::CargoError;
use wharf_store::{Depth, Repair};
use wharf_testkit::{CargoOptions, CargoRegistry, Crate, Fault, Times};

use super::*;

#[tokio::test]
async fn a_crate_comes_into_the_store_once() {
    let registry = CargoRegistry::start();
    let release = Crate::new("a", "1.0.0")
        .lockfile("version = 4\n")
        .executable("run.sh", "#!/bin/sh\n");
    release.publish(&registry);
    let world = World::new(&registry);
    for _ in 0..2 {
        let index = world.index();
        let wanted = wanted(&index, "a").await;
        let id = index.fetch(&wanted).await.unwrap();
        let store = index.store();
        assert_eq!(id, wanted.id());
        assert_eq!(
            store.crate_file(&id, "Cargo.lock").unwrap().unwrap(),
            b"version = 4\n"
        );
        let manifest = store.crate_file(&id, "Cargo.toml").unwrap().unwrap();
        assert_eq!(String::from_utf8(manifest).unwrap(), release.cargo_toml());
        let checksum = store.crate_file(&id, ".cargo-checksum.json").unwrap().unwrap();
        assert!(String::from_utf8(checksum).unwrap().contains(&release.checksum()));
        assert_eq!(store.verify(Depth::Full, Repair::Report).unwrap().damage, []);
        index.flush().await;
    }
    assert_eq!(registry.hits(&registry.download_path("a", "1.0.0")), 1);
    assert_eq!(registry.hits(&registry.config_path()), 1);
}

#[tokio::test]
async fn templates_say_where_archives_are() {
    for dl in [
        "/api/v1/crates",
        "/files/{prefix}/{lowerprefix}/{crate}-{version}.crate",
        "/by-hash/{sha256-checksum}",
    ] {
        let registry = CargoRegistry::start_with(CargoOptions {
            dl: dl.to_owned(),
            ..CargoOptions::default()
        });
        for crate_name in ["a", "Abc", "MyCrate"] {
            Crate::new(crate_name, "1.0.0-rc.1+meta").publish(&registry);
            let world = World::new(&registry);
            let index = world.index();
            let wanted = wanted(&index, crate_name).await;
            let id = index
                .fetch(&wanted)
                .await
                .unwrap_or_else(|error| panic!("{dl} {crate_name}: {error}"));
            assert!(index.store().has_crate(&id));
        }
    }
}

#[tokio::test]
async fn bad_archives_are_refused_by_name_and_the_rest_is_unharmed() {
    let registry = CargoRegistry::start();
    Crate::new("wrong", "1.0.0").wrong_checksum().publish(&registry);
    Crate::new("cut", "1.0.0").truncated(120).publish(&registry);
    Crate::new("escape", "1.0.0")
        .entry("../../evil", b"evil")
        .publish(&registry);
    Crate::new("inside", "1.0.0")
        .entry("inside-1.0.0/../../../evil", b"evil")
        .publish(&registry);
    Crate::new("rooted", "1.0.0")
        .entry("/evil", b"evil")
        .publish(&registry);
    Crate::new("other", "1.0.0").top("other-1.0.1").publish(&registry);
    Crate::new("linked", "1.0.0")
        .symlink("linked-1.0.0/l", "/etc")
        .publish(&registry);
    Crate::new("empty", "1.0.0")
        .archive(Vec::new())
        .publish(&registry);
    Crate::new("page", "1.0.0")
        .archive(b"<html></html>".to_vec())
        .publish(&registry);
    Crate::new("good", "1.0.0").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    for (crate_name, words) in [
        ("wrong", "wrong checksum"),
        ("cut", "refused"),
        ("escape", "../../evil"),
        ("inside", "evil"),
        ("rooted", "/evil"),
        ("other", "outside of `other-1.0.0/`"),
        ("linked", "a link"),
        ("empty", "truncated"),
        ("page", "not gzip"),
    ] {
        let wanted = wanted(&index, crate_name).await;
        let error = index.fetch(&wanted).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("{crate_name}@1.0.0")) && text.contains(words),
            "{words}: {text}"
        );
        assert!(!hint(&error).is_empty(), "{text}");
        assert!(!index.store().has_crate(&wanted.id()));
    }
    let wanted = wanted(&index, "good").await;
    index.fetch(&wanted).await.unwrap();
    assert!(!world.folder.path().join("evil").exists());
    assert_eq!(index.store().size().unwrap().crates, 1);
}

#[tokio::test]
async fn a_wrong_checksum_is_told_even_where_the_archive_is_broken_too() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0")
        .wrong_checksum()
        .truncated(100)
        .publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    let error = index.fetch(&wanted).await.unwrap_err();
    assert!(hint(&error).contains("never changes"), "{}", hint(&error));
    let CargoError::Checksum { what, expected, .. } = cargo(error) else {
        panic!("another error")
    };
    assert_eq!(what, "a@1.0.0");
    assert_eq!(expected, wanted.checksum.to_string());
}

#[tokio::test]
async fn transfers_that_break_are_taken_up_again() {
    let registry = CargoRegistry::start();
    let noise: Vec<u8> = (0u32..200_000)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let release = Crate::new("a", "1.0.0").bytes("noise", &noise, 0o644);
    release.publish(&registry);
    let path = registry.download_path("a", "1.0.0");
    registry.fault(&path, Fault::Truncate(100_000), Times::Count(1));
    registry.fault(&path, Fault::Status(503), Times::Count(1));
    let world = World::new(&registry);
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    let id = index.fetch(&wanted).await.unwrap();
    assert_eq!(index.store().crate_file(&id, "noise").unwrap().unwrap(), noise);
}

#[tokio::test]
async fn what_is_not_there_is_told_by_name() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    registry.fault(
        &registry.download_path("a", "1.0.0"),
        Fault::Status(404),
        Times::Always,
    );
    let mut world = World::new(&registry);
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    let error = index.fetch(&wanted).await.unwrap_err().to_string();
    assert!(
        error.contains("a@1.0.0 could not be fetched") && error.contains("404"),
        "{error}"
    );
    index.flush().await;
    world.offline();
    let index = world.index();
    let error = index.fetch(&wanted).await.unwrap_err().to_string();
    assert!(error.contains("network is off"), "{error}");
}

#[tokio::test]
async fn what_people_ask_about_a_crate() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0")
        .package_key("description", "\"\"\"\nA crate\nof letters\n\"\"\"")
        .package_key("license", "\"MIT\"")
        .package_key("keywords", "[\"x\", \"y\"]")
        .manifest_tables("[[bin]]\nname = \"az\"\npath = \"src/az.rs\"\n")
        .rust_version("1.70")
        .dep("b", "^1")
        .optional_dep("c", "2")
        .dev_dep("d", "3")
        .feature("more", &["dep:c"])
        .publish(&registry);
    Crate::new("a", "1.1.0").yanked().publish(&registry);
    Crate::new("a", "2.0.0-rc.1").publish(&registry);
    let world = World::new(&registry);
    let index = world.index();
    let about = index.about(&io(), &name("a"), None).await.unwrap();
    assert_eq!(about.versions.rows().len(), 3);
    let shown = about.shown.unwrap();
    assert_eq!(shown.version, "1.0.0", "neither withdrawn nor a pre-release");
    assert_eq!(shown.description.as_deref(), Some("A crate of letters"));
    assert_eq!(
        (shown.licence.as_deref(), shown.rust_version.as_deref()),
        (Some("MIT"), Some("1.70"))
    );
    assert_eq!(
        (shown.keywords, shown.programs),
        (vec!["x".to_owned(), "y".to_owned()], vec!["az".to_owned()])
    );
    assert_eq!(shown.dependencies, [("b".to_owned(), "^1".to_owned())]);
    assert!(
        shown
            .features
            .contains(&("more".to_owned(), vec!["dep:c".to_owned()])),
        "{:?}",
        shown.features
    );
    // Without its archive, what the index knows.
    registry.fault(
        &registry.download_path("a", "1.1.0"),
        Fault::Status(404),
        Times::Always,
    );
    let yanked = "1.1.0".parse().unwrap();
    let shown = index
        .about(&io(), &name("a"), Some(&yanked))
        .await
        .unwrap()
        .shown
        .unwrap();
    assert!(shown.yanked && shown.description.is_none());
    let none = "9.0.0".parse().unwrap();
    assert_eq!(
        index.about(&io(), &name("a"), Some(&none)).await.unwrap().shown,
        None
    );
}

#[tokio::test]
async fn a_configuration_that_is_none() {
    for (config, words) in [
        (&b"<html>"[..], "no configuration of a registry"),
        (br#"{"dl":"nowhere/{crate}"}"#, "makes no URL"),
    ] {
        let registry = CargoRegistry::start();
        Crate::new("a", "1.0.0").publish(&registry);
        registry.serve_raw(&registry.config_path(), "text/plain", config);
        let world = World::new(&registry);
        let index = world.index();
        let wanted = wanted(&index, "a").await;
        let error = index.fetch(&wanted).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
