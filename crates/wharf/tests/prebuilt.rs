//! Commands of crates that come prebuilt, through the real binary, against registries and a host of releases on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_testkit::{
    CargoRegistry, Crate, Fault, Finished, Fixture, NpmPackage, NpmRegistry, Package, Registry, SigningKey,
    Times, hex_digest,
};

const BINARY: &str = env!("CARGO_BIN_EXE_wharf");
/// Where the releases of `gadget` lie.
const RELEASES: &str = "/releases/1.0.0";
/// What both registries call the project.
const REPOSITORY: &str = "https://code.example.org/owner/tool";

/// A registry in the place of crates.io, which is the host of releases as well, and a user without a compiler.
struct Case {
    crates: CargoRegistry,
    pypi: Registry,
    npm: NpmRegistry,
    fixture: Fixture,
    key: SigningKey,
}

impl Case {
    fn new() -> Self {
        let (crates, pypi, npm) = (CargoRegistry::start(), Registry::start(), NpmRegistry::start());
        let mut fixture = Fixture::with_registry(BINARY, &pypi);
        fixture.use_npm_registry(&npm);
        let home = fixture.home().join(".cargo");
        fs::create_dir_all(&home).expect("the home can be written");
        fs::write(home.join("config.toml"), crates.config_toml()).expect("the home can be written");
        fixture.set("PATH", &fixture.programs().display().to_string());
        let key = SigningKey::of(7);
        Case {
            crates,
            pypi,
            npm,
            fixture,
            key,
        }
    }

    /// The same where this machine's compiler is on PATH.
    fn with_compiler() -> Self {
        let mut case = Self::new();
        let programs = case.fixture.programs();
        fs::create_dir_all(&programs).expect("the scratch folder can be written");
        for name in ["cargo", "rustc"] {
            std::os::unix::fs::symlink(toolchain().join(name), programs.join(name))
                .expect("the scratch folder can be written");
        }
        let path = std::env::var("PATH").expect("tests have a PATH");
        case.fixture
            .set("PATH", &format!("{}:{path}", programs.display()));
        case
    }

    /// `gadget`, which declares its prebuilts so, and needs a crate besides.
    fn gadget(&self, declared: &str) {
        Crate::new("words", "1.0.0").publish(&self.crates);
        Crate::new("gadget", "1.0.0")
            .package_key("repository", &format!("\"{REPOSITORY}\""))
            .bin("gadget")
            .file("src/bin/gadget.rs", "fn main() { println!(\"built\"); }")
            .dep("words", "1")
            .feature("loud", &[])
            .manifest_tables(&format!("\n[package.metadata.binstall]\n{declared}\n"))
            .publish(&self.crates);
        self.fixture.write("wharf.toml", "[cargo]\ngadget = \"1\"\n");
    }

    /// `gadget`, whose releases are archives of this kind, signed.
    fn signed(&self, name: &str) {
        self.gadget(&format!(
            "pkg-url = \"{}{RELEASES}/{name}\"\nsigning = {{ algorithm = \"minisign\", pubkey = \"{}\" }}",
            self.crates.base_url(),
            self.key.public()
        ));
    }

    /// Puts an archive and its signature on the host of releases.
    fn release(&self, name: &str, archive: &[u8]) {
        let signature = self.key.sign(archive);
        self.serve(name, archive);
        self.serve(&format!("{name}.sig"), signature.as_bytes());
    }

    fn serve(&self, name: &str, content: &[u8]) {
        let path = format!("{RELEASES}/{name}");
        self.crates
            .serve_raw(&path, "application/octet-stream", content.to_vec());
    }

    fn sync(&self, more: &[&str]) -> Finished {
        self.fixture.run(&[&["sync"], more].concat())
    }

    /// What a command of the project says.
    fn says(&self, command: &str) -> String {
        let run = self.fixture.run(&["run", "--no-sync", "--", command]);
        run.success().stdout
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let finished = self.fixture.run(&[arguments, &["--format", "json"]].concat());
        let mut document: serde_json::Value =
            serde_json::from_str(&finished.success().stdout).expect("it is JSON");
        document["result"].take()
    }
}

/// The folder of the compiler that runs these tests.
fn toolchain() -> PathBuf {
    let output = Command::new(option_env!("RUSTC").unwrap_or("rustc"))
        .args(["--print", "sysroot"])
        .output()
        .expect("tests are built by a compiler");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("bin")
}

/// A native command that says `prebuilt`.
fn native() -> Vec<u8> {
    let folder = tempfile();
    let (source, program) = (folder.join("main.rs"), folder.join("main"));
    fs::write(&source, "fn main() { println!(\"prebuilt\"); }").expect("there is room");
    let compiled = Command::new(toolchain().join("rustc"))
        .args(["-C", "strip=symbols", "-o"])
        .args([&program, &source])
        .status()
        .expect("tests are built by a compiler");
    assert!(compiled.success(), "a program of one line compiles");
    let bytes = fs::read(program).expect("it was made");
    fs::remove_dir_all(folder).expect("it was made");
    bytes
}

/// A folder of this test alone.
fn tempfile() -> PathBuf {
    let name = std::thread::current().name().unwrap_or("main").replace("::", "-");
    let folder = std::env::temp_dir().join(format!("wharf-prebuilt-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room");
    folder
}

/// The same with the header of another processor.
fn foreign() -> Vec<u8> {
    let mut bytes = native();
    // `e_machine`: SPARC, which Wharf has no machine for.
    bytes[18] = 2;
    bytes[19] = 0;
    bytes
}

/// A tar in gzip with these files.
fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packer);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Set by hand: the library refuses paths that no archive should have.
        header.as_gnu_mut().expect("it is one").name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, *content).expect("it goes to memory");
    }
    let packer = archive.into_inner().expect("it goes to memory");
    packer.finish().expect("it goes to memory")
}

#[track_caller]
fn tells(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(finished.stderr.contains(word), "no word of `{word}`: {finished}");
    }
}

#[track_caller]
fn does_not_tell(finished: &Finished, words: &[&str]) {
    for word in words {
        assert!(!finished.stderr.contains(word), "a word of `{word}`: {finished}");
    }
}

#[test]
fn a_signed_prebuilt_needs_no_compiler() {
    let case = Case::new();
    case.signed("gadget-{ target }.tgz");
    let name = format!("gadget-{}-unknown-linux-gnu.tgz", std::env::consts::ARCH);
    let native = native();
    case.release(&name, &tgz(&[("README", b"read"), ("gadget", &native)]));
    let finished = case.sync(&[]).success();
    let origin = format!(
        "cargo:gadget 1.0.0: prebuilt, signed with key {}",
        case.key.public()
    );
    tells(&finished, &["+ cargo:gadget 1.0.0", &origin]);
    assert_eq!(case.says("gadget"), "prebuilt\n");
    assert_eq!(
        case.crates.hits(&case.crates.download_path("words", "1.0.0")),
        0,
        "what a build would need is not fetched"
    );
    let command = case.fixture.project().join(".wharf/bin/gadget");
    assert_eq!(
        hex_digest(&fs::read(command).expect("it is there")),
        hex_digest(&native)
    );
    assert!(
        !case.fixture.has(".wharf/bin/README"),
        "nothing but commands is taken"
    );
    case.crates.clear_log();
    tells(&case.sync(&[]).success(), &["Nothing to do"]);
    assert_eq!(case.crates.requests(), 0);

    // A second project has it at once, without network.
    case.fixture
        .write("other/wharf.toml", "[cargo]\ngadget = \"*\"\n");
    let other = case.fixture.project().join("other");
    let mut command = case.fixture.command();
    command.current_dir(&other).args(["sync", "--offline"]);
    tells(&case.fixture.finish(command).success(), &[&origin]);
    assert!(other.join(".wharf/bin/gadget").is_file());
}

#[test]
fn json_says_where_a_tool_comes_from() {
    let case = Case::new();
    case.signed("gadget.tgz");
    case.release("gadget.tgz", &tgz(&[("gadget", &native())]));
    let result = case.json(&["sync"]);
    let tool = &result["tools"][0];
    assert_eq!(tool["package"], "cargo:gadget");
    assert_eq!(tool["version"], "1.0.0");
    assert_eq!(tool["origin"]["kind"], "signed");
    assert_eq!(tool["origin"]["key"], case.key.public());
    let url = format!("{}{RELEASES}/gadget.tgz", case.crates.base_url());
    assert_eq!(tool["origin"]["url"], url);
    let result = case.json(&["tool", "install", "cargo:gadget"]);
    assert_eq!(result["tools"][0]["origin"]["kind"], "signed", "{result}");
}

#[test]
fn a_tool_of_the_user_comes_prebuilt_too() {
    let case = Case::new();
    case.signed("gadget.tgz");
    case.release("gadget.tgz", &tgz(&[("gadget", &native())]));
    let finished = case.fixture.run(&["tool", "install", "cargo:gadget"]).success();
    tells(
        &finished,
        &["Installed cargo:gadget 1.0.0", "prebuilt, signed with key"],
    );
    assert_eq!(
        case.fixture.run(&["x", "cargo:gadget"]).success().stdout,
        "prebuilt\n"
    );
}

#[test]
fn whoever_wants_none_gets_none() {
    let case = Case::with_compiler();
    case.signed("gadget.tgz");
    case.release("gadget.tgz", &tgz(&[("gadget", &native())]));
    case.sync(&[]).success();
    let lock = case.fixture.read("wharf.lock");
    assert_eq!(case.says("gadget"), "prebuilt\n");
    // Neither the one that stands nor the one in the store.
    let finished = case.sync(&["--prebuilt", "never"]).success();
    tells(&finished, &["Building gadget 1.0.0", "cargo:gadget 1.0.0: built"]);
    assert_eq!(case.says("gadget"), "built\n");
    assert_eq!(
        case.fixture.read("wharf.lock"),
        lock,
        "the lock knows nothing of it"
    );
    // What was built stays: nothing is gained by another.
    case.sync(&["--prebuilt", "verified"]).success();
    assert_eq!(case.says("gadget"), "built\n");

    case.fixture.write(
        "other/wharf.toml",
        "[policy]\nprebuilt = \"never\"\n[cargo]\ngadget = \"1\"\n",
    );
    let other = case.fixture.project().join("other");
    for (more, says) in [(&[][..], "built"), (&["--prebuilt", "verified"], "built")] {
        let mut command = case.fixture.command();
        command.current_dir(&other).arg("sync").args(more);
        tells(&case.fixture.finish(command).success(), &[]);
        let program = other.join(".wharf/bin/gadget");
        let said = Command::new(program).output().expect("it runs").stdout;
        assert_eq!(String::from_utf8_lossy(&said).trim(), says);
    }
    case.fixture.write(
        "odd/wharf.toml",
        "[policy]\nprebuilt = \"always\"\n[cargo]\ngadget = \"1\"\n",
    );
    let mut command = case.fixture.command();
    command
        .current_dir(case.fixture.project().join("odd"))
        .arg("sync");
    let finished = case.fixture.finish(command).failure(2);
    tells(
        &finished,
        &[
            "`always` is no value of `prebuilt`",
            "its values are `verified` and `never`",
        ],
    );
}

#[test]
fn formats_and_folders() {
    let native = native();
    for (name, declared, archive) in [
        (
            "gadget.tgz",
            "bin-dir = \"deep/{ bin }\"",
            tgz(&[("deep/gadget", &native)]),
        ),
        ("gadget.tar.gz", "", tgz(&[("gadget-1.0.0/gadget", &native)])),
        ("gadget", "pkg-fmt = \"bin\"", native.clone()),
    ] {
        let case = Case::new();
        case.gadget(&format!(
            "pkg-url = \"{}{RELEASES}/{name}\"\n{declared}\n[package.metadata.binstall.signing]\nalgorithm = \"minisign\"\npubkey = \"{}\"\n",
            case.crates.base_url(),
            case.key.public()
        ));
        case.release(name, &archive);
        case.sync(&[]).success();
        assert_eq!(case.says("gadget"), "prebuilt\n", "{name}");
    }
}

#[test]
fn what_cannot_be_verified_is_built_and_v_says_why() {
    let native = native();
    for (declared, reason) in [
        (
            "",
            "it declares prebuilt commands, and no key that they could be verified with",
        ),
        (
            "signing = { algorithm = \"other\", pubkey = \"x\" }",
            "signed with `other`, which is not known",
        ),
        (
            "signing = { algorithm = \"minisign\", pubkey = \"x\" }",
            "is not a minisign public key",
        ),
        (
            "signing = { algorithm = \"minisign\" }",
            "its `signing` has no `pubkey`",
        ),
        (
            "disabled-strategies = [\"crate-meta-data\"]",
            "asks not to take what its releases have",
        ),
    ] {
        let case = Case::with_compiler();
        let url = format!("pkg-url = \"{}{RELEASES}/gadget.tgz\"\n", case.crates.base_url());
        case.gadget(&format!("{url}{declared}"));
        case.release("gadget.tgz", &tgz(&[("gadget", &native)]));
        let finished = case.sync(&["-v"]).success();
        tells(
            &finished,
            &[
                "gadget 1.0.0 is not taken prebuilt",
                reason,
                "gadget 1.0.0: built",
            ],
        );
        assert_eq!(
            case.crates.hits(&format!("{RELEASES}/gadget.tgz")),
            0,
            "{declared}"
        );
    }
}

#[test]
fn what_is_asked_otherwise_is_built() {
    let case = Case::with_compiler();
    case.signed("gadget.tgz");
    case.release("gadget.tgz", &tgz(&[("gadget", &native())]));
    for asked in [
        "{ version = \"1\", features = [\"loud\"] }",
        "{ version = \"1\", default-features = false }",
        "{ version = \"1\", locked = false }",
    ] {
        case.fixture
            .write("wharf.toml", &format!("[cargo]\ngadget = {asked}\n"));
        case.sync(&[]).success();
        assert_eq!(case.says("gadget"), "built\n", "{asked}");
    }
}

#[test]
fn what_is_not_there_is_built_with_a_line() {
    let native = native();
    let archive = tgz(&[("gadget", &native)]);
    let foreign = tgz(&[("gadget", &foreign())]);
    let empty = tgz(&[("README", b"nothing else")]);
    let script = tgz(&[("gadget", b"#!/bin/sh\necho prebuilt\n")]);
    let nothing: fn(&Case) = |_| {};
    let archive_only: fn(&Case) = |case| case.serve("gadget.tgz", &tgz(&[("gadget", b"x")]));
    let signature_only: fn(&Case) = |case| case.serve("gadget.tgz.sig", case.key.sign(b"gone").as_bytes());
    let down: fn(&Case) = |case| {
        let path = format!("{RELEASES}/gadget.tgz.sig");
        case.crates.fault(&path, Fault::Status(403), Times::Always);
    };
    for (what, served, set, reason) in [
        ("nothing", None, nothing, "does not exist (HTTP 404)"),
        (
            "no signature",
            None,
            archive_only,
            "gadget.tgz.sig does not exist",
        ),
        ("no archive", None, signature_only, "gadget.tgz does not exist"),
        ("refused", Some(&archive), down, "refused access (HTTP 403)"),
        (
            "another processor",
            Some(&foreign),
            nothing,
            "it is for another processor",
        ),
        ("a script", Some(&script), nothing, "it is a script"),
        ("no command", Some(&empty), nothing, "it has no `gadget`"),
    ] {
        let case = Case::with_compiler();
        case.signed("gadget.tgz");
        if let Some(archive) = served {
            case.release("gadget.tgz", archive);
        }
        set(&case);
        let finished = case.sync(&[]).success();
        tells(
            &finished,
            &["warning: gadget 1.0.0 is not taken prebuilt", reason],
        );
        assert_eq!(case.says("gadget"), "built\n", "{what}");
    }
}

#[test]
fn without_network_it_is_built() {
    let case = Case::with_compiler();
    case.signed("gadget.tgz");
    case.release("gadget.tgz", &tgz(&[("gadget", &native())]));
    case.sync(&["--prebuilt", "never"]).success();
    fs::remove_dir_all(case.fixture.project().join(".wharf")).expect("it is there");
    // Another checksum of the graph would be needed for another build: the one in the store serves.
    let finished = case.sync(&["--offline"]).success();
    does_not_tell(&finished, &["Building"]);
    assert_eq!(case.says("gadget"), "built\n");
}

#[test]
fn a_wrong_signature_is_refused() {
    let native = native();
    let archive = tgz(&[("gadget", &native)]);
    let other: fn(&Case, &[u8]) = |case, archive| {
        case.serve("gadget.tgz", archive);
        let signature = SigningKey::of(8).sign(archive);
        case.serve("gadget.tgz.sig", signature.as_bytes());
    };
    let forged: fn(&Case, &[u8]) = |case, archive| {
        case.serve("gadget.tgz", archive);
        case.serve("gadget.tgz.sig", case.key.sign(b"something else").as_bytes());
    };
    let truncated: fn(&Case, &[u8]) = |case, archive| {
        case.serve("gadget.tgz", &archive[..archive.len() / 2]);
        case.serve("gadget.tgz.sig", case.key.sign(archive).as_bytes());
    };
    let page: fn(&Case, &[u8]) = |case, archive| {
        case.serve("gadget.tgz", archive);
        case.serve("gadget.tgz.sig", b"<html>welcome</html>");
    };
    for (set, reason) in [
        (other, "it was made with another key than the crate declares"),
        (forged, "it does not match the file"),
        (truncated, "it does not match the file"),
        (page, "it is not a minisign signature"),
    ] {
        let case = Case::with_compiler();
        case.signed("gadget.tgz");
        set(&case, &archive);
        let finished = case.sync(&[]).failure(5);
        tells(
            &finished,
            &[
                "the prebuilt commands of gadget 1.0.0 are refused",
                "gadget.tgz",
                reason,
                "--prebuilt never",
            ],
        );
        assert!(!case.fixture.has(".wharf/bin/gadget"), "{reason}");
        // The next step that the message names.
        case.sync(&["--prebuilt", "never"]).success();
        assert_eq!(case.says("gadget"), "built\n");
    }
}

#[test]
fn an_unsafe_archive_is_refused_though_it_is_signed() {
    let native = native();
    for (archive, reason) in [
        (tgz(&[("../gadget", &native)]), "../gadget"),
        (tgz(&[("gadget", &native), ("/etc/gadget", b"")]), "/etc/gadget"),
        (
            tgz(&[("gadget", &native), ("gadget", &native)]),
            "it appears twice",
        ),
        (b"no archive at all".to_vec(), "not gzip"),
    ] {
        let case = Case::new();
        case.signed("gadget.tgz");
        case.release("gadget.tgz", &archive);
        let finished = case.sync(&[]).failure(5);
        tells(
            &finished,
            &[
                "the prebuilt commands of gadget 1.0.0 are refused",
                reason,
                "--prebuilt never",
            ],
        );
    }
}

/// `typos-cli`, which the product knows as `pypi:typos`.
fn typos(case: &Case) {
    Crate::new("typos-cli", "1.2.3")
        .package_key("repository", &format!("\"{REPOSITORY}\""))
        .manifest_tables("\n[[bin]]\nname = \"typos\"\npath = \"src/main.rs\"\n")
        .file("src/main.rs", "fn main() { println!(\"built\"); }")
        .publish(&case.crates);
    case.fixture.write("wharf.toml", "[cargo]\ntypos-cli = \"1\"\n");
}

/// A wheel of `typos` for this machine.
fn wheel(version: &str, repository: &str, command: &[u8]) -> Package {
    let tags = format!("py3-none-linux_{}", std::env::consts::ARCH);
    Package::new("typos", version)
        .wheel_for(&tags)
        .bytes(&format!("typos-{version}.data/scripts/typos"), command)
        .metadata(&format!(
            "Metadata-Version: 2.4\nName: typos\nVersion: {version}\nProject-URL: Source, {repository}\n"
        ))
}

#[test]
fn the_same_tool_out_of_another_registry() {
    let case = Case::new();
    typos(&case);
    wheel("1.2.3", &format!("{REPOSITORY}.git"), &native()).publish(&case.pypi);
    let finished = case.sync(&[]).success();
    tells(
        &finished,
        &["+ cargo:typos-cli 1.2.3", "prebuilt from pypi:typos"],
    );
    assert_eq!(case.says("typos"), "prebuilt\n");
    let lock = case.fixture.read("wharf.lock");
    assert!(!lock.contains("pypi"), "{lock}");
    let requests = case.pypi.requests();
    case.fixture
        .write("other/wharf.toml", "[cargo]\ntypos-cli = \"*\"\n");
    let mut command = case.fixture.command();
    command
        .current_dir(case.fixture.project().join("other"))
        .args(["sync", "--offline", "--format", "json"]);
    let finished = case.fixture.finish(command).success();
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    let origin = &document["result"]["tools"][0]["origin"];
    assert_eq!(
        (&origin["kind"], &origin["package"]),
        (&"package".into(), &"pypi:typos".into())
    );
    assert_eq!(case.pypi.requests(), requests);
}

#[test]
fn what_does_not_agree_is_built() {
    let native = native();
    let other = "https://code.example.org/somebody/else";
    let far = format!(
        "py3-none-linux_{}",
        if cfg!(target_arch = "x86_64") {
            "aarch64"
        } else {
            "x86_64"
        }
    );
    let away = Package::new("typos", "1.2.3").wheel_for(&far);
    let nameless = Package::new("typos", "1.2.3")
        .wheel_for(&format!("py3-none-linux_{}", std::env::consts::ARCH))
        .metadata(&format!(
            "Metadata-Version: 2.4\nName: typos\nVersion: 1.2.3\nProject-URL: Source, {REPOSITORY}\n"
        ));
    for (package, reason) in [
        (None, "no package `typos` was found"),
        (
            Some(wheel("1.2.3", other, &native)),
            "it does not name the crate's repository",
        ),
        (
            Some(wheel("1.2.4", REPOSITORY, &native)),
            "it has no version 1.2.3",
        ),
        (
            Some(wheel("1.2.3", REPOSITORY, &foreign())),
            "it is for another processor",
        ),
        (
            Some(wheel("1.2.3", REPOSITORY, &native).yanked("broken")),
            "has no wheel for this machine",
        ),
        (Some(away), "has no wheel for this machine"),
        (Some(nameless), "it has no command `typos`"),
    ] {
        let case = Case::with_compiler();
        typos(&case);
        if let Some(package) = package {
            package.publish(&case.pypi);
        }
        let finished = case.sync(&["-v"]).success();
        tells(
            &finished,
            &["typos-cli 1.2.3 is not taken prebuilt: pypi:typos: ", reason],
        );
        does_not_tell(&finished, &["warning"]);
        assert_eq!(case.says("typos"), "built\n", "{reason}");
    }
}

#[test]
fn other_bytes_than_the_index_promises_are_refused() {
    let case = Case::with_compiler();
    typos(&case);
    wheel("1.2.3", REPOSITORY, &native()).publish(&case.pypi);
    let file = format!("typos-1.2.3-py3-none-linux_{}.whl", std::env::consts::ARCH);
    let path = case.pypi.file_path("typos", &file);
    case.pypi.fault(&path, Fault::Corrupt, Times::Always);
    let finished = case.sync(&[]).failure(5);
    tells(
        &finished,
        &[
            "the prebuilt commands of typos-cli 1.2.3 are refused",
            &file,
            "--prebuilt never",
        ],
    );
    case.sync(&["--prebuilt", "never"]).success();
    assert_eq!(case.says("typos"), "built\n");
}

#[test]
fn an_outage_of_the_other_registry_is_told() {
    let mut case = Case::with_compiler();
    case.fixture.set("WHARF_RETRIES", "0");
    typos(&case);
    wheel("1.2.3", REPOSITORY, &native()).publish(&case.pypi);
    let page = case.pypi.page_path("typos");
    case.pypi.fault(&page, Fault::Status(400), Times::Always);
    let finished = case.sync(&[]).success();
    tells(
        &finished,
        &["warning: typos-cli 1.2.3 is not taken prebuilt: pypi:typos: "],
    );
    assert_eq!(case.says("typos"), "built\n");
}

#[test]
fn a_package_of_npm_holds_the_command_of_one_machine() {
    let case = Case::new();
    Crate::new("dprint", "1.2.3")
        .package_key("repository", &format!("\"{REPOSITORY}\""))
        .bin("dprint")
        .publish(&case.crates);
    case.fixture.write("wharf.toml", "[cargo]\ndprint = \"1\"\n");
    let cpu = if cfg!(target_arch = "x86_64") {
        "x64"
    } else {
        "arm64"
    };
    let platform = |os: &str, cpu: &str, libc: &str| {
        let name = format!("@dprint/{os}-{cpu}-{libc}");
        let package = NpmPackage::new(&name, "1.2.3").os(os).cpu(cpu);
        match os {
            "linux" => (name, package.libc(libc)),
            _ => (name, package),
        }
    };
    let mut main = NpmPackage::new("dprint", "1.2.3").told(
        "repository",
        serde_json::json!({ "type": "git", "url": format!("git+{REPOSITORY}.git") }),
    );
    for (os, cpu, libc, bytes) in [
        ("linux", cpu, "glibc", native()),
        ("linux", cpu, "musl", b"not for here".to_vec()),
        ("linux", "s390x", "glibc", b"nor this".to_vec()),
        ("darwin", cpu, "any", b"nor this".to_vec()),
    ] {
        let (name, package) = platform(os, cpu, libc);
        package.bytes("dprint", &bytes, 0o644).publish(&case.npm);
        main = main.optional_dep(&name, "1.2.3");
    }
    main.publish(&case.npm);
    let finished = case.sync(&[]).success();
    tells(&finished, &["+ cargo:dprint 1.2.3", "prebuilt from npm:dprint"]);
    assert_eq!(case.says("dprint"), "prebuilt\n");
}
