//! Tokens: sent where they belong, nowhere else, and never shown.

use wharf_core::{Explain, Source};
use wharf_index::NpmError;
use wharf_index::npm::Wanted;
use wharf_net::Login;
use wharf_testkit::{Access, Fault, NpmPackage, NpmRegistry, Times, files_below};

use super::{World, name, npm, url, version};

const TOKEN: &str = "npm_s3cr3t";

fn guarded() -> NpmRegistry {
    let registry = NpmRegistry::start();
    registry.require("@acme/", Access::Bearer(TOKEN.to_owned()));
    NpmPackage::new("@acme/a", "1.0.0").publish(&registry);
    NpmPackage::new("open", "1.0.0").publish(&registry);
    registry
}

fn authorizations(registry: &NpmRegistry) -> Vec<Option<String>> {
    registry
        .log()
        .into_iter()
        .map(|request| request.authorization)
        .collect()
}

#[tokio::test]
async fn a_token_opens_its_registry() {
    let registry = guarded();
    let mut world = World::new(&registry);
    let prefix = url(&registry.base_url());
    world.settings.credentials = vec![(prefix, Login::bearer(TOKEN.to_owned()))];
    let index = world.index();
    index.versions(&name("@acme/a")).await.unwrap();
    let expected = Some(format!("Bearer {TOKEN}"));
    assert_eq!(authorizations(&registry), [expected]);
    index.flush().await;
    for file in files_below(&world.cache()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes());
        assert!(!found, "{} holds the token", file.display());
    }
    assert!(!format!("{index:?} {:?}", world.settings).contains(TOKEN));
}

#[tokio::test]
async fn refusals_name_the_key_of_the_npmrc() {
    let registry = guarded();
    let mut world = World::new(&registry);
    let error = world.index().versions(&name("@acme/a")).await.unwrap_err();
    assert_eq!(error.code(), "npm/unauthorized");
    let port = registry.base_url().rsplit_once(':').unwrap().1.to_owned();
    let key = format!("//127.0.0.1:{port}/:_authToken=…");
    assert!(error.hints()[0].contains(&key), "{:?}", error.hints());

    let wrong = Login::bearer("npm_wr0ng".to_owned());
    world.settings.credentials = vec![(url(&registry.base_url()), wrong)];
    let error = world.index().versions(&name("@acme/a")).await.unwrap_err();
    let told = format!("{error} {:?}", error.hints());
    assert!(told.contains("HTTP 403") && told.contains(&key), "{told}");
    assert!(!told.contains("npm_wr0ng"), "{told}");
    assert!(matches!(npm(error), NpmError::Refused { sent: Some(_), .. }));
}

#[tokio::test]
async fn a_scope_has_its_registry_and_its_token_alone() {
    let (private, public) = (guarded(), NpmRegistry::start());
    NpmPackage::new("open", "2.0.0").publish(&public);
    let mut world = World::new(&public);
    world.registries = world.registries.with_scope("@acme", url(&private.base_url()));
    world.settings.credentials = vec![(url(&private.base_url()), Login::bearer(TOKEN.to_owned()))];
    let index = world.index();
    index.versions(&name("@acme/a")).await.unwrap();
    let open = index.versions(&name("open")).await.unwrap();
    assert_eq!(open.row(0).unwrap().version, version("2.0.0"));
    assert_eq!(authorizations(&public), [None]);
    assert_eq!(private.log().len(), 1);
}

#[tokio::test]
async fn tokens_stay_below_their_path() {
    let registry = NpmRegistry::start();
    NpmPackage::new("a", "1.0.0").publish(&registry);
    let mut world = World::new(&registry);
    let prefix = url(&registry.url("/team/"));
    world.settings.credentials = vec![(prefix, Login::bearer(TOKEN.to_owned()))];
    world.index().versions(&name("a")).await.unwrap();
    assert_eq!(authorizations(&registry), [None]);
}

#[tokio::test]
async fn no_token_goes_to_the_host_that_a_packument_or_a_redirect_names() {
    let (registry, stranger) = (NpmRegistry::start(), NpmRegistry::start());
    let package = NpmPackage::new("a", "1.0.0");
    let stolen = stranger.url("/a/-/a-1.0.0.tgz");
    package.clone().publish(&stranger);
    package.clone().tarball_url(&stolen).publish(&registry);
    NpmPackage::new("b", "1.0.0").publish(&registry);
    let elsewhere = stranger.url("/a/-/a-1.0.0.tgz?redirected");
    registry.fault("/b/-/b-1.0.0.tgz", Fault::Redirect(elsewhere), Times::Always);
    let mut world = World::new(&registry);
    world.settings.credentials = vec![(url(&registry.base_url()), Login::bearer(TOKEN.to_owned()))];
    let index = world.index();
    index.versions(&name("a")).await.unwrap();
    let manifest = index.manifest(&name("a"), &version("1.0.0")).unwrap();
    let dist = manifest.dist.as_ref().unwrap();
    assert_eq!(dist.tarball, stolen);
    let wanted = |package: &str, at: Option<&str>| Wanted {
        name: name(package),
        version: "1.0.0".to_owned(),
        url: at.map(url),
        integrity: dist.integrity.clone(),
        source: Source::Registry {
            index: url(&registry.base_url()),
        },
        flat: false,
    };
    index.unpack(&wanted("a", Some(&stolen))).await.unwrap();
    // The redirect leads to the same bytes, so that the digest fits.
    index.unpack(&wanted("b", None)).await.unwrap();
    assert_eq!(authorizations(&stranger), [None, None]);
    let sent = authorizations(&registry);
    assert!(sent.iter().all(Option::is_some), "{sent:?}");
}
