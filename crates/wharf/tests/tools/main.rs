//! Tools, one-offs and toolchains through the real binary, against registries on this machine.
//!
//! Node is played by a script that knows its version and says what it was asked to run.

mod crash;
mod crates;
mod debs;
mod install;
mod names;
mod once;
mod several;
mod toolchains;

use std::path::{Path, PathBuf};

use serde_json::Value;
use wharf_testkit::{Digest, Finished, Fixture, NpmPackage, NpmRegistry, Package, Registry};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");

/// Two registries and a user without anything.
struct Case {
    pypi: Registry,
    npm: NpmRegistry,
    fixture: Fixture,
}

impl Case {
    /// `pypi:greet` and `npm:say` in version 1.
    fn new() -> Self {
        let (pypi, npm) = (Registry::start(), NpmRegistry::start());
        greet("1.0").publish(&pypi);
        say("1.0.0").publish(&npm);
        let mut fixture = Fixture::with_registry(BINARY, &pypi);
        fixture.use_npm_registry(&npm);
        fixture.fake_node("22.12.0");
        Self { pypi, npm, fixture }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.fixture.run(arguments)
    }

    /// The same with nothing remembered of the registries.
    fn anew(&self, arguments: &[&str]) -> Finished {
        let cache = self.fixture.home().join("cache");
        for entry in std::fs::read_dir(cache.join("wharf"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.file_name() != "x" {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        self.fixture.run(arguments)
    }

    /// The `result` of a command that succeeds.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--format", "json"]);
        let finished = self.run(&arguments).success();
        let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
        assert_eq!(document["ok"], true, "{document:#}");
        document["result"].clone()
    }

    fn tools(&self) -> PathBuf {
        self.fixture.home().join("data/wharf/tools")
    }

    fn bin(&self, command: &str) -> PathBuf {
        self.fixture.home().join(".local/bin").join(command)
    }

    /// What an installed command prints.
    #[track_caller]
    fn says(&self, command: &str, arguments: &[&str]) -> String {
        let mut started = self.fixture.isolated(self.bin(command));
        started.args(arguments);
        self.fixture.finish(started).success().stdout
    }

    /// Everything of the user's but the store's content and the cache.
    fn remains(&self) -> Digest {
        let home = self.fixture.home();
        let data = home.join("data/wharf");
        ["config", "state", ".local"]
            .iter()
            .fold(Digest::of(&data.join("tools")), |digest, folder| {
                digest.with(folder, Digest::of(&home.join(folder)))
            })
            .with("toolchains", Digest::of(&data.join("toolchains")))
    }
}

/// A Python package whose command says its version and what it is given.
fn greet(version: &str) -> Package {
    python("greet", version)
}

fn python(name: &str, version: &str) -> Package {
    let code = format!("import sys\n\ndef main():\n    print('{name} {version}', *sys.argv[1:])\n");
    Package::new(name, version)
        .file(&format!("{name}_command.py"), &code)
        .entry_point(name, &format!("{name}_command:main"))
}

/// An npm package whose command says its version and what it is given.
fn say(version: &str) -> NpmPackage {
    let script = format!("#!/bin/sh\necho say {version} \"$@\"\n");
    NpmPackage::new("say", version)
        .executable("bin/say", &script)
        .bin("say", "bin/say")
}

/// A failure: its code, nothing on standard output, and words of its message.
#[track_caller]
fn fails(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished}");
    assert_eq!(finished.stdout, "", "an error is no data: {finished}");
    tells(finished, words);
}

/// Words on standard error.
#[track_caller]
fn tells(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("our folder can be written");
    std::fs::write(path, text).expect("our folder can be written");
}

/// A command that somebody else put there.
fn foreign(path: &Path, says: &str) {
    write(path, &format!("#!/bin/sh\necho {says}\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("our own file can be changed");
}
