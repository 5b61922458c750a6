//! Crates from git repositories on this machine: locked as cargo locks them, and built by plain cargo without the repositories.

use std::path::PathBuf;

use wharf_testkit::{CargoRegistry, Finished, Fixture};

use crate::{BINARY, cargo, forget_answers, locked, manifest, project, release, says, tells};

/// A git repository beside a project.
struct Repository<'f> {
    fixture: &'f Fixture,
    folder: PathBuf,
}

impl<'f> Repository<'f> {
    fn new(fixture: &'f Fixture, name: &str) -> Self {
        let folder = fixture.home().join("repositories").join(name);
        std::fs::create_dir_all(&folder).expect("the home can be written");
        let repository = Self { fixture, folder };
        repository.git(&["init", "-q", "-b", "main", "."]);
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = self.fixture.isolated("git");
        command.current_dir(&self.folder).args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            "-c",
            "protocol.file.allow=always",
        ]);
        command.args(arguments);
        self.fixture.finish(command).success().stdout.trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().expect("it is inside")).expect("the home can be written");
        std::fs::write(path, text).expect("the home can be written");
        self
    }

    /// A package with a library; `rest` follows its name and version in the manifest.
    fn package(&self, folder: &str, name: &str, version: &str, rest: &str) -> &Self {
        let text =
            format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n{rest}");
        self.write(&format!("{folder}/Cargo.toml"), &text);
        let who = format!("pub const WHO: &str = \"{name} {version}\";\n");
        self.write(&format!("{folder}/src/lib.rs"), &who)
    }

    /// Commits everything; the commit.
    fn commit(&self) -> String {
        self.git(&["add", "-A", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// The URL as [`Fixture::filtered`] leaves it.
    fn shown(&self) -> String {
        self.fixture.filtered(&self.url())
    }

    /// Nobody can reach it any more.
    fn vanish(&self) {
        std::fs::rename(&self.folder, self.folder.with_extension("gone")).expect("the home can be written");
    }
}

/// `base` and `used`, of which the latter has every version.
fn published() -> CargoRegistry {
    let registry = CargoRegistry::start();
    release("base", "1.0.0").publish(&registry);
    release("base", "1.1.0").publish(&registry);
    release("used", "1.0.0").dep("base", "1").publish(&registry);
    registry
}

/// What `print` in the project's program says, built by plain cargo with nothing but what Wharf laid out.
fn printed(fixture: &Fixture, print: &str) -> String {
    fixture.write(
        "src/main.rs",
        &format!("fn main() {{ print!(\"{{}}\", {print}); }}\n"),
    );
    cargo(fixture, &["run", "-q", "--locked", "--offline"])
        .success()
        .stdout
}

/// The lock is the one that cargo writes.
fn same_lock_as_cargo(fixture: &Fixture) {
    let text = fixture.read("Cargo.lock");
    std::fs::remove_file(fixture.project().join("Cargo.lock")).expect("it is there");
    let settings = fixture.project().join(".cargo");
    let aside = fixture.project().join("cargo-aside");
    if settings.exists() {
        std::fs::rename(&settings, &aside).expect("the project can be written");
    }
    let mut command = fixture.isolated(fixture.programs().join("cargo"));
    command.arg("generate-lockfile");
    fixture.finish(command).success();
    assert_eq!(fixture.read("Cargo.lock"), text);
    if aside.exists() {
        std::fs::rename(&aside, &settings).expect("the project can be written");
    }
}

fn sync(fixture: &Fixture) -> Finished {
    fixture.run(&["sync"]).success()
}

#[test]
fn a_repository_stays_at_its_commit_until_it_is_asked_to_move() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository.package(".", "gitty", "0.3.0", "[dependencies]\nbase = \"1\"\n");
    let first = repository.commit();
    manifest(
        &fixture,
        &format!("gitty = {{ git = \"{}\" }}\n", repository.url()),
    );
    fixture.run(&["lock"]).success();
    same_lock_as_cargo(&fixture);
    let lock = fixture.read("Cargo.lock");
    assert!(lock.contains(&first), "{lock}");
    tells(&sync(&fixture), &["+ cargo:gitty 0.3.0", "+ cargo:base 1.1.0"]);
    assert_eq!(printed(&fixture, "gitty::WHO"), "gitty 0.3.0");
    tells(&sync(&fixture), &["Nothing to do"]);

    repository.package(".", "gitty", "0.4.0", "");
    let second = repository.commit();
    fixture.run(&["lock", "--check"]).success();
    fixture.run(&["lock"]).success();
    assert_eq!(fixture.read("Cargo.lock"), lock);
    fixture
        .run(&["lock", "--upgrade-package", "cargo:gitty"])
        .success();
    assert!(fixture.read("Cargo.lock").contains(&second));
    assert_eq!(locked(&fixture), ["app 0.1.0", "gitty 0.4.0"]);
    same_lock_as_cargo(&fixture);
    let moved = format!("cargo:gitty 0.3.0#{} → 0.4.0#{}", &first[..8], &second[..8]);
    tells(&sync(&fixture), &[&moved]);
    assert_eq!(printed(&fixture, "gitty::WHO"), "gitty 0.4.0");
    // The manifest may leave the repository, and what was written for it goes.
    manifest(&fixture, "base = \"1\"\n");
    sync(&fixture);
    let settings = fixture.read(".cargo/config.toml");
    assert!(!settings.contains("git+"), "{settings}");
}

#[test]
fn a_new_commit_of_the_same_version_is_laid_out_too() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository.package(".", "gitty", "0.3.0", "").commit();
    manifest(
        &fixture,
        &format!("gitty = {{ git = \"{}\" }}\n", repository.url()),
    );
    sync(&fixture);
    assert_eq!(printed(&fixture, "gitty::WHO"), "gitty 0.3.0");
    repository
        .write("src/lib.rs", "pub const WHO: &str = \"new\";\n")
        .commit();
    let second = repository.git(&["rev-parse", "HEAD"]);
    let finished = fixture
        .run(&["sync", "--upgrade-package", "cargo:gitty"])
        .success();
    tells(&finished, &[&format!("0.3.0#{}", &second[..8])]);
    assert_eq!(printed(&fixture, "gitty::WHO"), "new");
}

#[test]
fn packages_of_a_workspace_inherit_and_read_what_lies_beside_them() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "tools.git");
    repository
        .write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n\n[workspace.package]\nversion = \"0.7.0\"\n\
             edition = \"2021\"\nreadme = \"README.md\"\n\n[workspace.dependencies]\nbase = { version = \"1\", default-features = false }\n\
             inner = { path = \"crates/inner\", features = [\"quiet\"] }\n\n[workspace.lints.rust]\nunused = \"allow\"\n",
        )
        .write("README.md", "read me")
        .write(
            "crates/outer/Cargo.toml",
            "[package]\nname = \"outer\"\nversion.workspace = true\nedition.workspace = true\nreadme.workspace = true\n\n\
             [dependencies]\ninner = { workspace = true, features = [\"more\"] }\nbase.workspace = true\n\n[lints]\nworkspace = true\n",
        )
        .write(
            "crates/outer/src/lib.rs",
            "pub fn say() -> String { format!(\"{} {}\", inner::WHO, include_str!(\"../../../README.md\")) }\n",
        )
        .write(
            "crates/inner/Cargo.toml",
            "[package]\nname = \"inner\"\nversion = { workspace = true }\nedition.workspace = true\n\n\
             [features]\nquiet = []\nmore = []\n\n[dev-dependencies]\nunreachable = { path = \"../nowhere\" }\n",
        )
        .write(
            "crates/inner/src/lib.rs",
            "#[cfg(all(feature = \"quiet\", feature = \"more\"))]\npub const WHO: &str = env!(\"CARGO_PKG_VERSION\");\n",
        )
        .write("crates/broken/Cargo.toml", "[package]\nname = \"broken\"\nversion.workspace = 3\n");
    repository.commit();
    let dependencies = format!(
        "outer = {{ git = \"{0}\", branch = \"main\" }}\ninner = {{ git = \"{0}\", branch = \"main\" }}\n",
        repository.url()
    );
    manifest(&fixture, &dependencies);
    sync(&fixture);
    assert_eq!(
        locked(&fixture),
        ["app 0.1.0", "base 1.1.0", "inner 0.7.0", "outer 0.7.0"]
    );
    let settings = fixture.read(".cargo/config.toml");
    assert!(
        settings.contains("branch = \"main\"\nreplace-with = \"wharf\""),
        "{settings}"
    );
    assert_eq!(printed(&fixture, "outer::say()"), "0.7.0 read me");
    same_lock_as_cargo(&fixture);
    tells(&fixture.run(&["store", "verify"]).success(), &[]);
}

#[test]
fn whatever_is_asked_of_a_repository_is_what_cargo_takes() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "many");
    let of = |version: &str| repository.package(".", "many", version, "").commit();
    let first = of("0.1.0");
    repository.git(&["tag", "v1"]);
    repository.git(&["tag", "-a", "annotated", "-m", "x"]);
    of("0.2.0");
    repository.git(&["branch", "dev/next"]);
    // A branch and a tag of one name are two things.
    repository.git(&["branch", "v1"]);
    of("0.3.0");
    for (asked, version) in [
        (String::new(), "0.3.0"),
        (", branch = \"dev/next\"".to_owned(), "0.2.0"),
        (", branch = \"v1\"".to_owned(), "0.2.0"),
        (", tag = \"v1\"".to_owned(), "0.1.0"),
        (", tag = \"annotated\"".to_owned(), "0.1.0"),
        (format!(", rev = \"{first}\""), "0.1.0"),
        (format!(", rev = \"{}\"", &first[..9]), "0.1.0"),
        (", rev = \"refs/heads/dev/next\"".to_owned(), "0.2.0"),
    ] {
        manifest(
            &fixture,
            &format!("many = {{ git = \"{}\"{asked} }}\n", repository.url()),
        );
        let _ = std::fs::remove_file(fixture.project().join("Cargo.lock"));
        sync(&fixture);
        assert_eq!(
            printed(&fixture, "many::WHO"),
            format!("many {version}"),
            "{asked}"
        );
        same_lock_as_cargo(&fixture);
    }
}

#[test]
fn submodules_come_along() {
    let registry = published();
    let fixture = project(&registry);
    let inner = Repository::new(&fixture, "words");
    inner.write("words.txt", "from a submodule").commit();
    let outer = Repository::new(&fixture, "holder");
    outer.package(".", "holder", "0.1.0", "");
    outer.write(
        "src/lib.rs",
        "pub const WHO: &str = include_str!(\"../words/words.txt\");\n",
    );
    outer.git(&["submodule", "--quiet", "add", "../words", "words"]);
    outer.commit();
    manifest(&fixture, &format!("holder = {{ git = \"{}\" }}\n", outer.url()));
    sync(&fixture);
    assert_eq!(printed(&fixture, "holder::WHO"), "from a submodule");
    same_lock_as_cargo(&fixture);
}

#[test]
fn a_repository_takes_the_place_of_a_registrys_crate() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "base");
    repository.package(".", "base", "1.0.5", "").commit();
    manifest(&fixture, "used = \"1\"\nbase = \"1\"\n");
    let text = fixture.read("Cargo.toml");
    let patch = format!(
        "\n[patch.crates-io]\nbase = {{ git = \"{}\" }}\n",
        repository.url()
    );
    fixture.write("Cargo.toml", &(text + &patch));
    sync(&fixture);
    assert_eq!(locked(&fixture), ["app 0.1.0", "base 1.0.5", "used 1.0.0"]);
    assert_eq!(printed(&fixture, "base::WHO"), "base 1.0.5");
    same_lock_as_cargo(&fixture);
}

#[test]
fn one_name_and_version_of_two_sources_lie_side_by_side() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "base");
    repository.package(".", "base", "1.1.0", "").commit();
    repository
        .write("src/lib.rs", "pub const WHO: &str = \"git\";\n")
        .commit();
    let dependencies = format!(
        "base = \"1\"\nother = {{ package = \"base\", git = \"{}\" }}\n",
        repository.url()
    );
    manifest(&fixture, &dependencies);
    sync(&fixture);
    assert_eq!(
        printed(&fixture, "[base::WHO, other::WHO].concat()"),
        "base 1.1.0git"
    );
    tells(&sync(&fixture), &["Nothing to do"]);
    manifest(&fixture, "base = \"1\"\n");
    sync(&fixture);
    let settings = fixture.read(".cargo/config.toml");
    assert!(
        !settings.contains("wharf-2") && !fixture.has(".wharf/cargo/2"),
        "{settings}"
    );
}

#[test]
fn a_mirror_stands_in_for_a_repository() {
    let registry = published();
    let fixture = project(&registry);
    let mirror = Repository::new(&fixture, "mirror");
    mirror.package(".", "gitty", "0.3.0", "").commit();
    let gone = "file:///nowhere/gitty";
    let settings = format!(
        "[source.\"git+{gone}\"]\ngit = \"{gone}\"\nreplace-with = \"mirror\"\n\n[source.mirror]\ngit = \"{}\"\n",
        mirror.url()
    );
    fixture.write(".cargo/config.toml", &settings);
    manifest(&fixture, &format!("gitty = {{ git = \"{gone}\" }}\n"));
    sync(&fixture);
    assert!(fixture.read("Cargo.lock").contains(&format!("git+{gone}#")));
    assert_eq!(printed(&fixture, "gitty::WHO"), "gitty 0.3.0");
    // A directory in its place is the user's own affair.
    let vendored = format!(
        "[source.\"git+{gone}\"]\ngit = \"{gone}\"\nreplace-with = \"v\"\n\n[source.v]\ndirectory = \"vendor\"\n"
    );
    fixture.write(".cargo/config.toml", &vendored);
    says(
        &fixture.run(&["lock", "--upgrade"]),
        2,
        &["gitty", gone, "vendor"],
    );
}

#[test]
fn a_crate_of_a_repository_is_added_by_its_url() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository.package(".", "gitty", "0.3.0", "").commit();
    repository.git(&["tag", "v3"]);
    manifest(&fixture, "");
    let spec = format!("cargo:gitty@git+{}?tag=v3", repository.url());
    fixture.run(&["add", &spec]).success();
    let text = fixture.read("Cargo.toml");
    let entry = format!("gitty = {{ git = \"{}\", tag = \"v3\" }}", repository.url());
    assert!(text.contains(&entry), "{text}");
    assert_eq!(printed(&fixture, "gitty::WHO"), "gitty 0.3.0");
}

#[test]
fn what_the_store_has_needs_no_repository() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository
        .package(".", "gitty", "0.3.0", "[dependencies]\nbase = \"1\"\n")
        .commit();
    manifest(
        &fixture,
        &format!("gitty = {{ git = \"{}\" }}\n", repository.url()),
    );
    sync(&fixture);
    repository.vanish();
    registry.clear_log();
    // Another project with the same lock, without network and without what git was told.
    let other = |arguments: &[&str]| {
        let mut command = fixture.command();
        command
            .current_dir(fixture.project().join("other"))
            .args(arguments);
        fixture.finish(command)
    };
    fixture.write("other/Cargo.toml", &fixture.read("Cargo.toml"));
    fixture.write("other/Cargo.lock", &fixture.read("Cargo.lock"));
    fixture.write("other/src/lib.rs", "");
    other(&["sync", "--offline"]).success();
    other(&["lock", "--check", "--offline"]).success();
    forget_answers(&fixture);
    std::fs::remove_dir_all(fixture.project().join("other/.wharf")).expect("it is there");
    other(&["sync", "--frozen", "--offline"]).success();
    assert_eq!(registry.requests(), 0);
    // Without the store nothing can be had: who asks for what, and from where.
    let elsewhere = repository.url();
    let fresh = Fixture::new(BINARY);
    fresh.write("Cargo.toml", &fixture.read("Cargo.toml"));
    fresh.write("Cargo.lock", &fixture.read("Cargo.lock"));
    fresh.write("src/lib.rs", "");
    let frozen = fresh.run(&["sync", "--frozen"]);
    says(&frozen, 4, &["gitty", &elsewhere, "app@0.1.0", "hint:"]);
    let offline = fresh.run(&["sync", "--frozen", "--offline"]);
    says(&offline, 4, &["gitty", &elsewhere, "the network is off", "hint:"]);
    let moved = fixture.run(&["lock", "--upgrade-package", "cargo:gitty"]);
    says(&moved, 4, &["gitty", &repository.shown(), "app@0.1.0", "hint:"]);
}

#[test]
fn what_a_repository_lacks_is_said() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository.package(".", "gitty", "0.3.0", "").commit();
    let (url, shown) = (repository.url(), repository.shown());
    let gone = "5f".repeat(20);
    for (asked, code, words) in [
        (
            format!("gitty = {{ git = \"{url}\", branch = \"none\" }}"),
            4,
            vec!["no branch `none`", "gitty"],
        ),
        (
            format!("gitty = {{ git = \"{url}\", tag = \"none\" }}"),
            4,
            vec!["no tag `none`", "gitty"],
        ),
        (
            format!("gitty = {{ git = \"{url}\", rev = \"{gone}\" }}"),
            4,
            vec![&*gone, "gitty"],
        ),
        (format!("other = {{ git = \"{url}\" }}"), 3, vec!["other", "app"]),
        (
            format!("gitty = {{ git = \"{url}\", version = \"1\" }}"),
            3,
            vec!["gitty", "0.3.0"],
        ),
    ] {
        manifest(&fixture, &asked);
        says(
            &fixture.run(&["lock"]),
            code,
            &[words, vec![&*shown, "hint:"]].concat(),
        );
    }
    // A lock may name a commit that a force push took away.
    manifest(&fixture, &format!("gitty = {{ git = \"{url}\" }}\n"));
    fixture.run(&["lock"]).success();
    let lock = fixture.read("Cargo.lock");
    let commit = repository.git(&["rev-parse", "HEAD"]);
    fixture.write("Cargo.lock", &lock.replace(&commit, &gone));
    says(&fixture.run(&["sync", "--frozen"]), 4, &[&gone, &shown, "gitty"]);
}

#[test]
fn a_repository_that_leads_out_of_itself_is_refused() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "gitty");
    repository.package(".", "gitty", "0.3.0", "");
    std::os::unix::fs::symlink("../../outside", repository.folder.join("src/link"))
        .expect("the home can be written");
    repository.commit();
    manifest(
        &fixture,
        &format!("gitty = {{ git = \"{}\" }}\n", repository.url()),
    );
    says(
        &fixture.run(&["sync"]),
        5,
        &["src/link", "../../outside", &repository.shown(), "gitty"],
    );
    assert!(!fixture.has("Cargo.lock") && !fixture.has(".cargo"));
    // A manifest that points out of it is none of its packages.
    std::fs::remove_file(repository.folder.join("src/link")).expect("it is there");
    repository
        .package("deep", "deep", "0.1.0", "workspace = \"../../elsewhere\"\n")
        .commit();
    manifest(
        &fixture,
        &format!("deep = {{ git = \"{}\" }}\n", repository.url()),
    );
    says(&fixture.run(&["lock"]), 3, &["deep", &repository.shown()]);
}

/// A repository with a workspace: the tool `shouter`, and the library that it needs.
fn workshop(fixture: &Fixture) -> Repository<'_> {
    let repository = Repository::new(fixture, "workshop");
    repository
        .write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"shouter\", \"voice\"]\nresolver = \"2\"\n\n[workspace.package]\nedition = \"2021\"\n\n\
             [workspace.dependencies]\nvoice = { path = \"voice\" }\n\n[profile.release]\ndebug-assertions = true\n",
        )
        .write("README.md", "hear me")
        .write(
            "shouter/Cargo.toml",
            "[package]\nname = \"shouter\"\nversion = \"0.2.0\"\nedition.workspace = true\n\n[dependencies]\nvoice.workspace = true\n\
             base = { version = \"1\", optional = true }\n\n[dev-dependencies]\nnever-published = \"1\"\n\n[features]\nloud = [\"dep:base\"]\n",
        )
        .write(
            "shouter/src/main.rs",
            "fn main() {\n    let end = if cfg!(feature = \"loud\") { \"!\" } else { \"\" };\n    \
             let kind = if cfg!(debug_assertions) { \"checked\" } else { \"plain\" };\n    \
             println!(\"{} {} {kind}{end}\", voice::WHO, include_str!(\"../../README.md\"));\n}\n",
        )
        .package("voice", "voice", "0.1.0", "");
    repository
}

#[test]
fn a_tool_is_built_from_its_repository() {
    let registry = published();
    let fixture = project(&registry);
    let repository = workshop(&fixture);
    let first = repository.commit();
    let asks = |rest: &str| {
        let text = format!("[cargo]\nshouter = {{ git = \"{}\"{rest} }}\n", repository.url());
        fixture.write("wharf.toml", &text);
    };
    let says_now = || fixture.run(&["run", "--", "shouter"]).success().stdout;
    asks("");
    tells(
        &fixture.run(&["sync"]).success(),
        &["+ cargo:shouter 0.2.0", "Building shouter 0.2.0"],
    );
    assert_eq!(says_now(), "voice 0.1.0 hear me checked\n");
    let lock = fixture.read("wharf.lock");
    assert!(
        lock.contains(&first) && lock.contains("voice") && !lock.contains("never-published"),
        "{lock}"
    );
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // Another project has it without repository, network or compiler at work.
    let gone = repository.folder.with_extension("gone");
    std::fs::rename(&repository.folder, &gone).expect("the home can be written");
    for file in ["wharf.toml", "wharf.lock"] {
        fixture.write(&format!("other/{file}"), &fixture.read(file));
    }
    let mut command = fixture.command();
    command
        .current_dir(fixture.project().join("other"))
        .args(["sync", "--offline"]);
    let finished = fixture.finish(command).success();
    assert!(!finished.stderr.contains("Building"), "{finished}");
    // Other features of the same commit need no repository either.
    asks(", features = [\"loud\"]");
    fixture.run(&["sync"]).success();
    assert_eq!(says_now(), "voice 0.1.0 hear me checked!\n");
    std::fs::rename(&gone, &repository.folder).expect("the home can be written");

    repository.package("voice", "voice", "0.1.5", "").commit();
    fixture.run(&["sync"]).success();
    assert_eq!(
        says_now(),
        "voice 0.1.0 hear me checked!\n",
        "it stays at its commit"
    );
    fixture
        .run(&["sync", "--upgrade-package", "cargo:shouter"])
        .success();
    assert_eq!(says_now(), "voice 0.1.5 hear me checked!\n");
}

#[test]
fn a_tool_for_the_user_comes_from_a_repository() {
    let registry = published();
    let fixture = project(&registry);
    let repository = workshop(&fixture);
    repository.commit();
    // What the workspace patches counts as where cargo builds it.
    repository.package("base", "base", "1.0.9", "");
    let text = std::fs::read_to_string(repository.folder.join("Cargo.toml")).expect("it was written");
    let patched = format!("{text}\n[patch.crates-io]\nbase = {{ path = \"base\" }}\n");
    repository.write("Cargo.toml", &patched);
    repository.git(&["checkout", "-q", "-b", "patched"]);
    let main = "fn main() { println!(\"{} {}\", voice::WHO, base::WHO); }\n";
    repository.write(
        "shouter/src/main.rs",
        &format!("#[cfg(feature = \"loud\")]\n{main}#[cfg(not(feature = \"loud\"))]\nfn main() {{}}\n"),
    );
    repository.commit();
    let spec = format!("cargo:shouter@git+{}?branch=patched", repository.url());
    fixture
        .run(&["tool", "install", &spec, "--features", "loud"])
        .success();
    let program = fixture.home().join(".local/bin/shouter");
    let finished = fixture.finish(fixture.isolated(&program)).success();
    assert_eq!(finished.stdout, "voice 0.1.0 base 1.0.9\n");
    repository.package("voice", "voice", "0.3.0", "").commit();
    fixture.run(&["tool", "upgrade", "shouter"]).success();
    let finished = fixture.finish(fixture.isolated(&program)).success();
    assert_eq!(finished.stdout, "voice 0.3.0 base 1.0.9\n");
    fixture.run(&["tool", "remove", "shouter"]).success();
}

#[test]
fn the_packages_of_a_repository_move_together() {
    let registry = published();
    let fixture = project(&registry);
    let repository = Repository::new(&fixture, "pair");
    let release = |version: &str| {
        repository.package(
            "one",
            "one",
            version,
            "[dependencies]\ntwo = { path = \"../two\" }\n",
        );
        repository.package("two", "two", version, "").commit()
    };
    release("0.1.0");
    let url = repository.url();
    manifest(
        &fixture,
        &format!("one = {{ git = \"{url}\" }}\ntwo = {{ git = \"{url}\" }}\n"),
    );
    sync(&fixture);
    release("0.2.0");
    fixture.run(&["sync", "--upgrade-package", "cargo:two"]).success();
    assert_eq!(locked(&fixture), ["app 0.1.0", "one 0.2.0", "two 0.2.0"]);
    assert_eq!(
        printed(&fixture, "[one::WHO, two::WHO].concat()"),
        "one 0.2.0two 0.2.0"
    );
    same_lock_as_cargo(&fixture);
}

#[test]
fn the_lock_of_a_tools_repository_counts() {
    let registry = published();
    let fixture = project(&registry);
    let repository = workshop(&fixture);
    let checksum = release("base", "1.0.0").checksum();
    repository.write(
        "Cargo.lock",
        &format!(
            "version = 4\n\n[[package]]\nname = \"base\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
             checksum = \"{checksum}\"\n\n[[package]]\nname = \"shouter\"\nversion = \"0.2.0\"\ndependencies = [\n \"base\",\n \"voice\",\n]\n\n\
             [[package]]\nname = \"voice\"\nversion = \"0.1.0\"\n"
        ),
    );
    repository.commit();
    let ask = |rest: &str| {
        let text = format!(
            "[cargo]\nshouter = {{ git = \"{}\", branch = \"main\"{rest} }}\n",
            repository.url()
        );
        fixture.write("wharf.toml", &text);
        fixture.run(&["lock"]).success();
        fixture.read("wharf.lock")
    };
    let taken = ask("");
    assert!(taken.contains("1.0.0") && !taken.contains("1.1.0"), "{taken}");
    let own = ask(", locked = false");
    assert!(own.contains("1.1.0"), "{own}");
}

#[test]
fn what_a_tools_repository_lacks_is_said() {
    let registry = published();
    let fixture = project(&registry);
    let repository = workshop(&fixture);
    repository.commit();
    let (url, shown) = (repository.url(), repository.shown());
    for (tool, code, words) in [
        (
            format!("missing = {{ git = \"{url}\" }}"),
            2,
            ["missing, which", &*shown],
        ),
        (
            format!("shouter = {{ git = \"{url}\", version = \"3\" }}"),
            3,
            ["cargo:shouter@^3", "has 0.2.0"],
        ),
        (
            format!("voice = {{ git = \"{url}\" }}"),
            2,
            ["voice", "no commands"],
        ),
        (
            format!("shouter = {{ git = \"{url}\", tag = \"v9\" }}"),
            4,
            ["cargo:shouter@git+", "no tag `v9`"],
        ),
    ] {
        fixture.write("wharf.toml", &format!("[cargo]\n{tool}\n"));
        says(&fixture.run(&["lock"]), code, &words);
    }
}
