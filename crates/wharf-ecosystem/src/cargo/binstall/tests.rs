//! Manifests, machines, and the places that follow.

use super::places::{candidates, command_path};
use super::*;

fn table(body: &str) -> Result<Table, String> {
    let manifest = format!(
        "[package]\nname = \"gadget\"\nversion = \"1.2.3\"\nrepository = \"https://code.example.org/owner/gadget/\"\n[package.metadata.binstall]\n{body}"
    );
    let declared = Declared::parse(&manifest).map_err(|error| error.to_string())?;
    Ok(declared.table.expect("it has the table"))
}

fn triple(machine: &str) -> Triple {
    Triple::of_machine(&machine.parse().expect("it is a target")).remove(0)
}

fn hosts() -> Vec<CodeHost> {
    let host = |domain: &str, tree: &[&str], paths: &[&str], versioned| CodeHost {
        domain: domain.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        end: String::new(),
        versioned,
        tree: tree.iter().map(|part| (*part).to_owned()).collect(),
    };
    vec![
        host(
            "code.*",
            &["tree"],
            &[
                "{ repo }/releases/v{ version }",
                "{ repo }/releases/{ subcrate }%2Fv{ version }",
            ],
            true,
        ),
        host("flat.example.org", &[], &["{ repo }/downloads"], false),
    ]
}

fn urls(settings: &Settings, repository: Option<&str>, machine: &str) -> Result<Vec<String>, String> {
    let facts = Facts {
        name: "gadget",
        version: "1.2.3",
        repository,
    };
    let found = candidates(settings, facts, &triple(machine), &hosts()).map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|candidate| candidate.url).collect())
}

const REPOSITORY: Option<&str> = Some("https://code.example.org/owner/gadget/");

#[test]
fn a_manifest_without_the_table_declares_nothing() {
    for text in [
        "",
        "[workspace]\n",
        "[package]\nname = \"a\"\n",
        "[package.metadata]\nother = 1\n",
    ] {
        assert_eq!(Declared::parse(text), Ok(Declared::default()), "{text}");
    }
    let found = Declared::parse("[package]\nrepository = \" https://example.org/a/b \"\n");
    assert_eq!(
        found.map(|declared| declared.repository),
        Ok(Some("https://example.org/a/b".to_owned()))
    );
}

#[test]
fn what_is_of_another_form_is_told() {
    for (body, reason) in [
        ("pkg-url = 1", "`pkg-url` is not a text"),
        ("pkg-fmt = \"rar\"", "the `pkg-fmt` \"rar\" is none that is known"),
        (
            "disabled-strategies = \"compile\"",
            "`disabled-strategies` is not a list of words",
        ),
        (
            "disabled-strategies = [1]",
            "`disabled-strategies` is not a list of words",
        ),
        ("signing = true", "`signing` is not a table"),
        (
            "signing = { algorithm = \"minisign\" }",
            "its `signing` has no `pubkey`",
        ),
        ("overrides = []", "`overrides` is not a table"),
        (
            "overrides.x86_64-unknown-linux-gnu = 1",
            "`x86_64-unknown-linux-gnu` is not a table",
        ),
    ] {
        assert_eq!(table(body), Err(reason.to_owned()), "{body}");
    }
    let odd = table("[package.metadata.binstall.overrides.'cfg(']\n").expect_err("it is no platform");
    assert!(odd.starts_with("the override `cfg(` is for no machine"), "{odd}");
    let invalid = Declared::parse("[package").expect_err("it is no TOML");
    assert!(
        invalid
            .to_string()
            .starts_with("its Cargo.toml is not valid TOML"),
        "{invalid}"
    );
}

#[test]
fn overrides_by_name_come_before_those_by_description() {
    let body = r#"
pkg-url = "https://example.org/base"
bin-dir = "base"
pkg-fmt = "tgz"
disabled-strategies = ["compile"]
signing = { algorithm = "minisign", pubkey = "base" }

[package.metadata.binstall.overrides.'cfg(unix)']
pkg-url = "https://example.org/unix"
pkg-fmt = "txz"

[package.metadata.binstall.overrides.'cfg(target_os = "linux")']
pkg-fmt = "zip"
bin-dir = "linux"
disabled-strategies = ["quick-install"]

[package.metadata.binstall.overrides.x86_64-unknown-linux-gnu]
pkg-fmt = "bin"
signing = { algorithm = "minisign", pubkey = "own", file = "{ url }.minisig" }
"#;
    let table = table(body).expect("it is one");
    let seen = |machine: &str| {
        let settings = table.of_machine(&triple(machine));
        let signing = settings.signing.expect("it is stated");
        [
            settings.url.unwrap_or_default(),
            settings.format.map_or("", PackageFormat::as_str).to_owned(),
            settings.bin_dir.unwrap_or_default(),
            settings.disabled.join(" "),
            signing.public_key,
            signing.file.unwrap_or_default(),
        ]
        .join(", ")
    };
    for (machine, expected) in [
        (
            "linux-x86_64",
            "https://example.org/unix, bin, linux, quick-install compile, own, { url }.minisig",
        ),
        (
            "linux-aarch64",
            "https://example.org/unix, txz, linux, quick-install compile, base, ",
        ),
        (
            "macos-arm64",
            "https://example.org/unix, txz, base, compile, base, ",
        ),
        (
            "windows-x86_64",
            "https://example.org/base, tgz, base, compile, base, ",
        ),
    ] {
        assert_eq!(seen(machine), expected, "{machine}");
    }
}

#[test]
fn templates_of_urls() {
    let check = |body: &str, machine: &str, expected: Result<&[&str], &str>| {
        let settings = table(body).expect("it is one").of_machine(&triple(machine));
        let expected = expected
            .map(|urls| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(urls(&settings, REPOSITORY, machine), expected, "{body}");
    };
    let linux = "linux-x86_64";
    check(
        "pkg-url = \"{ repo }/v{ version }/{ name }-{ target }.{ archive-format }\"\npkg-fmt = \"tgz\"",
        linux,
        Ok(&[
            "https://code.example.org/owner/gadget/v1.2.3/gadget-x86_64-unknown-linux-gnu.tgz",
            "https://code.example.org/owner/gadget/v1.2.3/gadget-x86_64-unknown-linux-gnu.tar.gz",
        ]),
    );
    check(
        "pkg-url = \"https://example.org/{ target-arch }/{ os-name }/{ target-family }/{ target-libc }/{ target-vendor }/a.zip\"",
        linux,
        Ok(&["https://example.org/x86_64/linux/linux/gnu/unknown/a.zip"]),
    );
    check(
        "pkg-url = \"https://example.org/{ target-arch }/{ os-name }/{ target-family }/{ target-libc }/{ target-vendor }/a.zip\"",
        "macos-arm64",
        Ok(&["https://example.org/aarch64/macos/darwin/unknown/apple/a.zip"]),
    );
    check(
        "pkg-url = \"https://example.org/{ name }{ binary-ext }{ archive-suffix }\"\npkg-fmt = \"bin\"",
        "windows-x86_64",
        Ok(&[
            "https://example.org/gadget.exe.bin",
            "https://example.org/gadget.exe",
            "https://example.org/gadget.exe.exe",
        ]),
    );
    check(
        "pkg-url = \"https://example.org/{ name }.{ format }\"\npkg-fmt = \"bin\"",
        linux,
        Ok(&["https://example.org/gadget.bin"]),
    );
    check(
        "pkg-url = \"https://example.org/{ name }\"",
        linux,
        Err("nothing says how https://example.org/{ name } is packed"),
    );
    check(
        "pkg-url = \"https://example.org/{ wrong }.tgz\"",
        linux,
        Err("`{ wrong }` means nothing here"),
    );
    check(
        "pkg-url = \"https://example.org/{ subcrate }.tgz\"",
        linux,
        Err("`{ subcrate }` means nothing here"),
    );
}

#[test]
fn where_nothing_is_said_the_host_decides() {
    let guess = |repository| urls(&Settings::default(), repository, "linux-x86_64");
    let found = guess(REPOSITORY).expect("its host is known");
    assert_eq!(
        found.first().map(String::as_str),
        Some(
            "https://code.example.org/owner/gadget/releases/v1.2.3/gadget-x86_64-unknown-linux-gnu-v1.2.3.tgz"
        )
    );
    assert!(
        found.iter().all(|url| !url.contains("%2F")),
        "no subcrate is known"
    );
    assert_eq!(found.len(), 10 * 15, "ten names, fifteen endings, one folder");
    let of_folder = guess(Some(
        "https://code.example.org/owner/tools/tree/main/crates/gadget",
    ));
    let of_folder = of_folder.expect("its host is known");
    let below = "https://code.example.org/owner/tools/releases/gadget%2Fv1.2.3/gadget-";
    assert!(
        of_folder.iter().any(|url| url.starts_with(below)),
        "{of_folder:?}"
    );
    assert_eq!(of_folder.len(), 2 * 10 * 15, "two folders");
    let flat = guess(Some("https://flat.example.org/owner/gadget.git")).expect("its host is known");
    assert_eq!(flat.len(), 8 * 15, "files without a version would be of any");
    assert!(
        flat[0].starts_with("https://flat.example.org/owner/gadget/downloads/gadget-"),
        "{}",
        flat[0]
    );
    for unknown in [None, Some("https://elsewhere.example.org/a/b"), Some("no URL")] {
        let reason = guess(unknown).expect_err("its host is unknown");
        assert!(reason.starts_with("it has no `pkg-url`"), "{reason}");
    }
}

#[test]
fn places_of_signatures() {
    for (file, expected) in [
        ("", "https://example.org/gadget-1.2.3.tgz.sig"),
        (
            ", file = \"{ url }.minisig\"",
            "https://example.org/gadget-1.2.3.tgz.minisig",
        ),
        (
            ", file = \"https://example.org/{ name }.sig\"",
            "https://example.org/gadget.sig",
        ),
    ] {
        let body = format!(
            "pkg-url = \"https://example.org/{{ name }}-{{ version }}.tgz\"\nsigning = {{ algorithm = \"minisign\", pubkey = \"x\"{file} }}"
        );
        let triple = triple("linux-x86_64");
        let settings = table(&body).expect("it is one").of_machine(&triple);
        let facts = Facts {
            name: "gadget",
            version: "1.2.3",
            repository: None,
        };
        let found = candidates(&settings, facts, &triple, &[]).expect("all is said");
        assert_eq!(found[0].signature, expected);
    }
}

#[test]
fn where_a_command_lies() {
    let path = |bin_dir: Option<&str>, machine: &str, folders: &[&str]| {
        let settings = Settings {
            bin_dir: bin_dir.map(str::to_owned),
            ..Settings::default()
        };
        let facts = Facts {
            name: "gadget",
            version: "1.2.3",
            repository: None,
        };
        let found = command_path(&settings, facts, &triple(machine), "gg", |folder| {
            folders.contains(&folder)
        });
        found.map_err(|error| error.to_string())
    };
    let (linux, windows) = ("linux-x86_64", "windows-x86_64");
    for (bin_dir, machine, folders, expected) in [
        (None, linux, &[][..], Ok("gg")),
        (None, windows, &[], Ok("gg.exe")),
        (None, linux, &["gadget"], Ok("gadget/gg")),
        (
            None,
            linux,
            &["gadget", "gadget-x86_64-unknown-linux-gnu-v1.2.3"],
            Ok("gadget-x86_64-unknown-linux-gnu-v1.2.3/gg"),
        ),
        (
            Some("{ name }-{ target }/{ bin }{ binary-ext }"),
            linux,
            &[],
            Ok("gadget-x86_64-unknown-linux-gnu/gg"),
        ),
        (Some("bin/{ bin }{ format }"), windows, &[], Ok("bin/gg.exe")),
        (Some("./a/../{ bin }"), linux, &[], Ok("gg")),
        (
            Some("../{ bin }"),
            linux,
            &[],
            Err("the path `../gg` of a command leads out of the archive"),
        ),
        (
            Some("/usr/bin/{ bin }"),
            linux,
            &[],
            Err("the path `/usr/bin/gg` of a command leads out of the archive"),
        ),
        (
            Some("."),
            linux,
            &[],
            Err("the path `.` of a command leads out of the archive"),
        ),
        (
            Some("{ archive-suffix }"),
            linux,
            &[],
            Err("`{ archive-suffix }` means nothing here"),
        ),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(path(bin_dir, machine, folders), expected, "{bin_dir:?}");
    }
}
