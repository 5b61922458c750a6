//! Tokens: who gets them, and what is said where there is none.

use wharf_testkit::{CargoOptions, CargoRegistry, Crate};

use super::*;

fn closed() -> CargoRegistry {
    let registry = CargoRegistry::start_with(CargoOptions {
        auth_required: true,
        ..CargoOptions::default()
    });
    Crate::new("a", "1.0.0").publish(&registry);
    registry.require("secret word");
    registry
}

#[tokio::test]
async fn a_closed_registry_gets_its_token_for_everything() {
    let registry = closed();
    let world = World::new(&registry).with_token("secret word");
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    index.fetch(&wanted).await.unwrap();
    let log = registry.log();
    // Asked without it first: only a registry that wants it gets it.
    assert_eq!((log[0].path.as_str(), log[0].status), ("/index/config.json", 401));
    assert_eq!(log[0].authorization, None);
    assert!(
        log[1..]
            .iter()
            .all(|request| request.authorization.as_deref() == Some("secret word"))
    );
    assert!(log[1..].iter().all(|request| request.status == 200), "{log:?}");
    assert!(!format!("{index:?} {:?}", world.registries).contains("secret"));
}

#[tokio::test]
async fn an_open_registry_never_gets_the_token() {
    let registry = CargoRegistry::start();
    Crate::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry).with_token("secret word");
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    index.fetch(&wanted).await.unwrap();
    assert_eq!(registry.requests(), 3);
    assert!(
        registry
            .log()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}

#[tokio::test]
async fn a_registry_that_says_so_and_answers_anyway_gets_it_too() {
    let registry = CargoRegistry::start_with(CargoOptions {
        auth_required: true,
        dl: "/files/{crate}/{version}".to_owned(),
        ..CargoOptions::default()
    });
    Crate::new("a", "1.0.0").publish(&registry);
    let world = World::new(&registry).with_token("secret word");
    let index = world.index();
    let wanted = wanted(&index, "a").await;
    index.fetch(&wanted).await.unwrap();
    let shown: Vec<bool> = registry
        .log()
        .iter()
        .map(|request| request.authorization.is_some())
        .collect();
    assert_eq!(shown, [false, true, true]);
}

#[tokio::test]
async fn without_a_token_the_next_step_is_told() {
    let registry = closed();
    let world = World::new(&registry);
    let index = world.index();
    let error = index.versions(&io(), &name("a")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`crates-io`") && text.contains("`a`") && text.contains("no token was sent"),
        "{text}"
    );
    assert!(
        hint(&error).contains("cargo login --registry crates-io"),
        "{}",
        hint(&error)
    );
    // Where `config.json` can be read, it says so before anything fails.
    let registry = CargoRegistry::start_with(CargoOptions {
        auth_required: true,
        ..CargoOptions::default()
    });
    let world = World::new(&registry);
    let index = world.index();
    let error = index.config(&io()).await.unwrap_err();
    assert!(
        error.to_string().contains("wants a token for everything"),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_that_is_not_accepted() {
    let registry = closed();
    let world = World::new(&registry).with_token("another word");
    let index = world.index();
    let error = index.versions(&io(), &name("a")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("403") && text.contains("cargo's credentials"),
        "{text}"
    );
    assert!(!text.contains("another word"));
    assert!(hint(&error).contains("may not read"), "{}", hint(&error));
}
