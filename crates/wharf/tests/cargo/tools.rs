//! Tools of `[cargo]`: built once, by the cargo of this machine, and run.

use wharf_testkit::{CargoRegistry, CrateDep, Fixture};

use crate::{forget_answers, json, project, release, says, tells};

/// `gadget` says its name, with `loud` more; on Windows it would need a crate that nobody has to download here.
fn published() -> CargoRegistry {
    let registry = CargoRegistry::start();
    release("words", "1.0.0")
        .file("src/lib.rs", "pub const HELLO: &str = \"hello\";")
        .publish(&registry);
    release("words", "1.1.0")
        .file("src/lib.rs", "pub const HELLO: &str = \"hello again\";")
        .publish(&registry);
    release("far-away", "1.0.0").publish(&registry);
    release("shout", "1.0.0")
        .file("src/lib.rs", "pub const END: &str = \"!\";")
        .publish(&registry);
    let main = "fn main() {\n    print!(\"{}\", words::HELLO);\n    #[cfg(feature = \"loud\")]\n    print!(\"{}\", shout::END);\n    println!();\n}\n";
    release("gadget", "1.0.0")
        .bin("gadget")
        .file("src/bin/gadget.rs", main)
        .dep("words", "1")
        .optional_dep("shout", "1")
        .dev_dep("never-published", "1")
        .with(CrateDep::new("far-away", "1").target("cfg(windows)"))
        .feature("loud", &["dep:shout"])
        .publish(&registry);
    registry
}

fn run(fixture: &Fixture, words: &[&str]) -> String {
    fixture.run(&[&["run", "--"], words].concat()).success().stdout
}

#[test]
fn a_tool_is_built_and_comes_first_on_path() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    let finished = fixture.run(&["sync"]).success();
    tells(&finished, &["+ cargo:gadget 1.0.0", "Building gadget 1.0.0"]);
    assert_eq!(run(&fixture, &["gadget"]), "hello again\n");
    assert_eq!(
        registry.hits(&registry.download_path("far-away", "1.0.0")),
        0,
        "no machine here compiles it"
    );
    registry.clear_log();
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    assert_eq!(registry.requests(), 0);
    let lock = fixture.read("wharf.lock");
    assert!(
        lock.contains("gadget") && lock.contains("words") && !lock.contains("never-published"),
        "{lock}"
    );
}

#[test]
fn a_second_project_has_it_at_once() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    fixture.run(&["sync"]).success();
    fixture.write("other/wharf.toml", "[cargo]\ngadget = \"*\"\n");
    let mut command = fixture.command();
    command
        .current_dir(fixture.project().join("other"))
        .args(["sync", "--offline"]);
    let finished = fixture.finish(command).success();
    assert!(!finished.stderr.contains("Building"), "{finished}");
    let mut command = fixture.command();
    command
        .current_dir(fixture.project().join("other"))
        .args(["run", "--", "gadget"]);
    assert_eq!(fixture.finish(command).success().stdout, "hello again\n");
    // Without the cached answers of the registry too: the lock has all that is needed.
    forget_answers(&fixture);
    std::fs::remove_dir_all(fixture.project().join(".wharf")).expect("it is there");
    fixture.run(&["sync", "--frozen", "--offline"]).success();
    assert_eq!(run(&fixture, &["gadget"]), "hello again\n");
}

#[test]
fn features_make_another_tool_of_it() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write(
        "wharf.toml",
        "[cargo]\ngadget = { version = \"1\", features = [\"loud\"] }\n",
    );
    fixture.run(&["sync"]).success();
    assert_eq!(run(&fixture, &["gadget"]), "hello again!\n");
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    assert_eq!(run(&fixture, &["gadget"]), "hello again\n");
    fixture.write(
        "wharf.toml",
        "[cargo]\ngadget = { version = \"1\", features = [\"silent\"] }\n",
    );
    says(&fixture.run(&["sync"]), 2, &["gadget", "silent", "loud"]);
    assert_eq!(
        fixture
            .run(&["run", "--no-sync", "--", "gadget"])
            .success()
            .stdout,
        "hello again\n"
    );
}

#[test]
fn the_lock_that_a_crate_brings_is_obeyed() {
    let registry = published();
    let words = release("words", "1.0.0").file("src/lib.rs", "pub const HELLO: &str = \"hello\";");
    let lock = format!(
        "version = 4\n\n[[package]]\nname = \"brings\"\nversion = \"1.0.0\"\ndependencies = [\n \"words\",\n]\n\n[[package]]\nname = \"words\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n",
        words.checksum()
    );
    release("brings", "1.0.0")
        .bin("brings")
        .file(
            "src/bin/brings.rs",
            "fn main() { println!(\"{}\", words::HELLO); }",
        )
        .dep("words", "1")
        .lockfile(&lock)
        .publish(&registry);
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\nbrings = \"1\"\n");
    fixture.run(&["sync"]).success();
    assert_eq!(run(&fixture, &["brings"]), "hello\n");
    fixture.write(
        "wharf.toml",
        "[cargo]\nbrings = { version = \"1\", locked = false }\n",
    );
    fixture.run(&["sync"]).success();
    assert_eq!(run(&fixture, &["brings"]), "hello again\n");
}

#[test]
fn a_failure_shows_the_compiler_and_changes_nothing() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    fixture.run(&["sync"]).success();
    release("broken", "1.0.0")
        .bin("broken")
        .file("src/bin/broken.rs", "fn main() { nothing() }")
        .publish(&registry);
    release("library", "1.0.0").publish(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\nbroken = \"1\"\n");
    let finished = fixture.run(&["sync"]);
    says(
        &finished,
        4,
        &[
            "broken 1.0.0 could not be built",
            "cannot find function `nothing`",
            "logs/broken-1.0.0.log",
        ],
    );
    assert_eq!(
        fixture
            .run(&["run", "--no-sync", "--", "gadget"])
            .success()
            .stdout,
        "hello again\n"
    );
    fixture.write("wharf.toml", "[cargo]\nlibrary = \"1\"\n");
    says(&fixture.run(&["sync"]), 2, &["library 1.0.0 has no commands"]);
}

#[test]
fn without_a_compiler_that_is_said() {
    let registry = published();
    let mut fixture = project(&registry);
    for name in ["cargo", "rustc"] {
        std::fs::remove_file(fixture.programs().join(name)).expect("it is there");
    }
    fixture.set("PATH", "/nonexistent");
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    let finished = fixture.run(&["sync"]);
    // A machine with a compiler among the system's own programs has one in any case.
    if !std::path::Path::new("/usr/bin/rustc").exists()
        && !std::path::Path::new("/usr/local/bin/rustc").exists()
    {
        says(
            &finished,
            4,
            &[
                "gadget 1.0.0 has to be built, and no Rust compiler was found",
                "rustup",
            ],
        );
    }
}

#[test]
fn tools_are_listed_with_what_they_need() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    fixture.run(&["sync"]).success();
    let listed = json(&fixture, &["list", "--ecosystem", "cargo"]);
    let names: Vec<&str> = listed["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["package"].as_str())
        .collect();
    assert!(
        names.contains(&"cargo:gadget") && names.contains(&"cargo:words"),
        "{names:?}"
    );
    let tree = fixture.run(&["tree"]).success().stdout;
    assert!(
        tree.contains("cargo:gadget 1.0.0") && tree.contains("cargo:words 1.1.0"),
        "{tree}"
    );
    let why = fixture.run(&["why", "cargo:words"]).success().stdout;
    assert!(why.contains("gadget") && why.contains("wharf.toml"), "{why}");
}

/// Whether a build script runs whose path begins with a folder. In a sandbox it has another number than outside, so that
/// it is looked for by its path. What is a zombie has none.
fn script_runs(below: &std::path::Path) -> bool {
    let below = below.to_str().expect("a path of a test is text");
    let processes = std::fs::read_dir("/proc").expect("it is mounted");
    processes.flatten().any(|process| {
        let said = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        said.starts_with(below) && said.contains("build-script-build")
    })
}

#[test]
fn an_interrupt_stops_the_compiler_and_changes_nothing() {
    let registry = published();
    let script = "fn main() { std::thread::sleep(std::time::Duration::from_secs(60)); }";
    release("sleeper", "1.0.0")
        .bin("sleeper")
        .build_script(script)
        .publish(&registry);
    for sandbox in ["auto", "off"] {
        let mut fixture = project(&registry);
        fixture.set("WHARF_SANDBOX", sandbox);
        fixture.write("wharf.toml", "[cargo]\nsleeper = \"1\"\n");
        let mut command = fixture.command();
        command.arg("sync").stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("it was built");
        let started = std::time::Instant::now();
        let waited = || started.elapsed() < std::time::Duration::from_secs(50);
        let home = fixture.home().canonicalize().expect("it is there");
        while !script_runs(&home) && waited() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(waited(), "the build script runs");
        let interrupted = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(interrupted.expect("kill is there").success());
        let status = child.wait().expect("it is ours");
        assert_eq!(status.code(), Some(130), "{sandbox}");
        // It may take the kernel a moment.
        while script_runs(&home) && waited() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(!fixture.has(".wharf/bin"));
        assert!(waited(), "nobody waits for the script ({sandbox})");
    }
}

#[test]
fn a_dry_run_builds_nothing() {
    let registry = published();
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    let finished = fixture.run(&["sync", "--dry-run"]).success();
    tells(&finished, &["+ cargo:gadget 1.0.0"]);
    assert!(
        !finished.stderr.contains("Building") && !fixture.has(".wharf/bin") && !fixture.has("wharf.lock")
    );
}

#[test]
fn two_tools_with_one_command_are_refused_and_bins_chooses() {
    let registry = published();
    release("twin", "1.0.0")
        .bin("gadget")
        .bin("twin")
        .publish(&registry);
    let fixture = project(&registry);
    fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\ntwin = \"1\"\n");
    says(
        &fixture.run(&["sync"]),
        2,
        &["`gadget`", "cargo:gadget", "cargo:twin", "bins"],
    );
    fixture.write(
        "wharf.toml",
        "[cargo]\ngadget = \"1\"\ntwin = { version = \"1\", bins = [\"twin\"] }\n",
    );
    fixture.run(&["sync"]).success();
    assert_eq!(run(&fixture, &["twin"]), "twin 1.0.0\n");
}

#[test]
fn a_tool_of_a_registry_of_ones_own() {
    let (public, own) = (published(), CargoRegistry::start());
    release("inner", "1.0.0").publish(&own);
    release("corp-gadget", "1.0.0")
        .bin("corp-gadget")
        .file(
            "src/bin/corp-gadget.rs",
            "fn main() { println!(\"{} {}\", inner::WHO, words::HELLO); }",
        )
        .with(CrateDep::new("inner", "1").registry(&own.index_url()))
        .with(CrateDep::new("words", "1").registry("https://github.com/rust-lang/crates.io-index"))
        .publish(&own);
    let fixture = project(&public);
    let config = fixture.home().join(".cargo/config.toml");
    let text =
        std::fs::read_to_string(&config).expect("it was written") + "\n" + &own.config_toml_named("corp");
    std::fs::write(&config, text).expect("the home can be written");
    fixture.write(
        "wharf.toml",
        "[cargo]\ncorp-gadget = { version = \"1\", registry = \"corp\" }\n",
    );
    fixture.run(&["sync"]).success();
    assert!(run(&fixture, &["corp-gadget"]).contains("hello again"));
}
