//! Builds with the cargo of this machine; where there is none, they pass quietly.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wharf_core::{Algorithm, NullSink, Sinks};
use wharf_ecosystem::cargo::{Dependency, Req, SourceId, Summary, Version, crate_name};
use wharf_store::{Hasher, Store};
use wharf_sys::sandbox::{Network, Strength, support};

use super::build::{Running, known};
use super::*;

/// A folder of homes, a store and a compiler.
struct Fixture {
    temporary: tempfile::TempDir,
    store: Store,
    toolchain: Toolchain,
    strength: Strength,
    logs: PathBuf,
    sinks: Sinks,
}

impl Fixture {
    fn new() -> Option<Self> {
        let toolchain = Surroundings::from_env().find().ok()?;
        let temporary = tempfile::tempdir().unwrap();
        let store = Store::open(&temporary.path().join("store")).unwrap();
        let logs = temporary.path().join("logs");
        Some(Self {
            temporary,
            store,
            toolchain,
            strength: support().strength,
            logs,
            sinks: NullSink::shared(),
        })
    }

    fn home(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let home = self.temporary.path().join("homes").join(name);
        let checksum = digest(name).hex();
        for (path, text) in files {
            let file = home.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let text = format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}");
        fs::write(home.join(".cargo-checksum.json"), text).unwrap();
        home
    }

    fn build(&self, request: &Request) -> Result<Built, RustError> {
        build(request, &self.running())
    }

    fn running(&self) -> Running<'_> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Running {
            toolchain: &self.toolchain,
            store: &self.store,
            jobs: 1,
            strength: self.strength,
            network: Network::None,
            logs: &self.logs,
            sinks: &self.sinks,
            cancel: &NEVER,
        }
    }

    fn stages(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in fs::read_dir(self.store.root().join("stage")).unwrap().flatten() {
            let entries = fs::read_dir(folder.path()).into_iter().flatten().flatten();
            found.extend(
                entries
                    .map(|entry| entry.path())
                    .filter(|path| path.join("crates").is_dir()),
            );
        }
        found
    }
}

fn digest(name: &str) -> wharf_core::Digest {
    Hasher::digest(Algorithm::Sha256, name.as_bytes())
}

const MANIFEST: &str = r#"[package]
name = "hello"
version = "1.0.0"
edition = "2021"

[dependencies.helper]
version = "1"

[target."cfg(windows)".dependencies.elsewhere]
version = "0.1"
features = ["wide"]

[dev-dependencies.never]
version = "9"

[features]
loud = []
"#;
const MAIN: &str =
    r#"fn main() { println!("{}{}", helper::TEXT, if cfg!(feature = "loud") { "!" } else { "" }); }"#;

/// A build script whose answer is what the tool says.
const SCRIPT: &str = "fn main() { println!(\"cargo::rustc-env=HELPED={}\", std::env::var(\"SECRET_TOKEN\").map_or(\"hello\", |_| \"leaked\")); }";

fn request(fixture: &Fixture, main: &str) -> Request {
    request_with(fixture, main, SCRIPT)
}

fn request_with(fixture: &Fixture, main: &str, script: &str) -> Request {
    let home = fixture.home("hello", &[("Cargo.toml", MANIFEST), ("src/main.rs", main)]);
    let helper = "[package]\nname = \"helper\"\nversion = \"1.2.0\"\nedition = \"2021\"\n";
    let source = "pub const TEXT: &str = env!(\"HELPED\");";
    let helper = fixture.home(
        "helper",
        &[
            ("Cargo.toml", helper),
            ("src/lib.rs", source),
            ("build.rs", script),
        ],
    );
    let mut elsewhere = Summary::new(
        crate_name("elsewhere").unwrap(),
        Version::new(0, 1, 7),
        SourceId::crates_io(),
    );
    elsewhere.checksum = Some(digest("elsewhere"));
    elsewhere.features = BTreeMap::from([("wide".into(), Vec::new())]);
    elsewhere.dependencies = vec![Dependency::new(
        crate_name("helper").unwrap(),
        Req::parse("1").unwrap(),
        SourceId::crates_io(),
    )];
    let locked = |name: &str, version: &str, needs: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n{needs}\n",
            digest(name).hex()
        )
    };
    let lock = [
        "version = 4\n\n".to_owned(),
        locked("elsewhere", "0.1.7", "dependencies = [\"helper\"]\n"),
        locked("hello", "1.0.0", "dependencies = [\"elsewhere\", \"helper\"]\n"),
        locked("helper", "1.2.0", ""),
    ];
    Request {
        name: "hello".to_owned(),
        version: Version::new(1, 0, 0),
        index: None,
        features: Vec::new(),
        all_features: false,
        no_default_features: false,
        bins: Vec::new(),
        home,
        checksum: digest("hello"),
        repository: None,
        lock: lock.concat(),
        crates: vec![
            Crate {
                name: "helper".to_owned(),
                version: Version::new(1, 2, 0),
                content: CrateContent::Home(helper),
            },
            Crate {
                name: "elsewhere".to_owned(),
                version: Version::new(0, 1, 7),
                content: CrateContent::Listed(Arc::new(elsewhere)),
            },
        ],
        sources: Vec::new(),
    }
}

fn says(fixture: &Fixture, built: &Built) -> String {
    let tree = fixture.store.tree(&built.tree).unwrap();
    let wharf_store::Kind::File {
        object, executable, ..
    } = tree.entries[0].kind
    else {
        panic!("a command is a file");
    };
    let program = fixture.temporary.path().join("program");
    let bytes = fixture.store.read_file(&built.tree, &object, executable).unwrap();
    fs::write(&program, bytes).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    String::from_utf8(Command::new(program).output().unwrap().stdout).unwrap()
}

#[test]
fn a_tool_is_built_once_for_each_request() {
    let Some(fixture) = Fixture::new() else { return };
    let mut plain = request(&fixture, MAIN);
    assert_eq!(known(&plain, &fixture.toolchain, &fixture.store), None);
    let built = fixture.build(&plain).unwrap();
    assert_eq!(built.commands, ["hello"]);
    assert_eq!(says(&fixture, &built), "hello\n");
    assert_eq!(
        known(&plain, &fixture.toolchain, &fixture.store).as_ref(),
        Some(&built)
    );
    assert!(fixture.stages().is_empty() && !fixture.logs.join("hello-1.0.0.log").exists());
    plain.features = vec!["loud".to_owned()];
    assert_eq!(known(&plain, &fixture.toolchain, &fixture.store), None);
    assert_eq!(says(&fixture, &fixture.build(&plain).unwrap()), "hello!\n");
    let mut other = fixture.toolchain.clone();
    other.verbose.push_str("another commit");
    assert_eq!(known(&plain, &other, &fixture.store), None);
}

#[test]
fn what_fails_shows_why_and_keeps_the_log() {
    let Some(fixture) = Fixture::new() else { return };
    let error = fixture
        .build(&request(&fixture, "fn main() { let x: u8 = \"no\"; }"))
        .unwrap_err();
    let RustError::Failed { tail, log, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        tail.contains("mismatched types") && !tail.contains("Compiling"),
        "{tail}"
    );
    assert!(fs::read_to_string(log).unwrap().contains("Compiling hello"));
    assert!(fixture.stages().is_empty());
    let library = request(&fixture, MAIN);
    fs::rename(library.home.join("src/main.rs"), library.home.join("src/lib.rs")).unwrap();
    let error = fixture.build(&library).unwrap_err();
    assert_eq!(error.code(), "cargo/no-commands", "{error}");
}

/// Every strength that can be had here, and none at all.
fn strengths() -> Vec<Strength> {
    let all = Strength::ALL
        .into_iter()
        .filter(|strength| strength.tried().is_ok());
    all.chain([Strength::None]).collect()
}

#[test]
fn a_build_reaches_no_network_and_writes_only_where_it_may() {
    let Some(mut fixture) = Fixture::new() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = fixture.temporary.path().join("out side");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("readable"), "").unwrap();
    let script = format!(
        r#"use std::fs::{{write, create_dir}};
fn main() {{
    let net = std::net::TcpStream::connect("{}").is_ok();
    let outside = write("{}/written", "").is_ok();
    let temporary = std::env::temp_dir().join("wharf-test-of-a-build");
    let own = create_dir(temporary).is_ok() && write(std::env::var("OUT_DIR").unwrap() + "/x", "").is_ok();
    let null = write("/dev/null", "x").is_ok();
    println!("cargo::rustc-env=HELPED=net {{net}} outside {{outside}} own {{own}} null {{null}}");
}}"#,
        listener.local_addr().unwrap(),
        outside.display()
    );
    for (number, strength) in strengths().into_iter().enumerate() {
        fixture.strength = strength;
        let mut asked = request_with(&fixture, MAIN, &script);
        // Another request, or the store would have it.
        asked.lock.push_str(&"\n".repeat(number));
        let said = says(&fixture, &fixture.build(&asked).unwrap());
        let net = strength == Strength::None;
        let free = !strength.is_whole();
        assert_eq!(
            said,
            format!("net {net} outside {free} own true null true\n"),
            "{strength:?}"
        );
        assert_eq!(outside.join("written").exists(), free);
        let _ = fs::remove_file(outside.join("written"));
        let left = std::env::temp_dir().join("wharf-test-of-a-build");
        assert_eq!(
            fs::remove_dir(left).is_ok(),
            strength == Strength::None,
            "{strength:?}"
        );
    }
}

#[test]
fn a_build_that_misses_the_network_hears_that_there_is_none() {
    let Some(mut fixture) = Fixture::new() else { return };
    let script = "fn main() { std::net::TcpStream::connect((\"example.invalid\", 80)).unwrap(); }";
    for strength in [support().strength, Strength::None] {
        fixture.strength = strength;
        let error = fixture.build(&request_with(&fixture, MAIN, script)).unwrap_err();
        let told = error
            .hints()
            .iter()
            .any(|hint| hint.starts_with("builds have no network"));
        assert_eq!(told, strength > Strength::None, "{error} {:?}", error.hints());
    }
}

#[test]
fn a_build_ends_when_the_user_stops_it() {
    let Some(mut fixture) = Fixture::new() else { return };
    let script = "fn main() { loop { std::thread::sleep(std::time::Duration::from_millis(10)); } }";
    for strength in strengths() {
        fixture.strength = strength;
        let asked = request_with(&fixture, MAIN, script);
        let cancel = AtomicBool::new(false);
        let running = Running {
            cancel: &cancel,
            ..fixture.running()
        };
        let error = std::thread::scope(|scope| {
            let building = scope.spawn(|| build(&asked, &running));
            // The build script runs once cargo's lock of the target folder is there.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while !fixture
                .stages()
                .iter()
                .any(|stage| stage.join("target/release/.cargo-lock").exists())
            {
                assert!(std::time::Instant::now() < end);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
            building.join().unwrap().unwrap_err()
        });
        assert!(matches!(error, RustError::Interrupted), "{strength:?}: {error}");
        assert!(fixture.stages().is_empty(), "{strength:?}");
    }
}
