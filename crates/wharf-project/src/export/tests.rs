//! Tests of exports.

use crate::lock::tests::{environment, linux, sample};

use super::*;

fn targets() -> Vec<ExportTarget> {
    vec![ExportTarget {
        target: "linux-x86_64-py3.12".parse().unwrap(),
        markers: linux("3.12.4"),
    }]
}

#[test]
fn requirements_have_pins_and_hashes() {
    let hash = format!(" \\\n    --hash=sha256:{}", "ab".repeat(32));
    let text = requirements_txt(&sample(), &Selection::default(), &targets(), Hashes::Include).unwrap();
    assert_eq!(
        text,
        format!(
            "# Written by `wharf export`. Do not edit.\napp==1.0{hash}\ncrypto==3.0{hash}\nlib==2.0{hash}\npytest==3.0{hash}\n"
        )
    );
    let text = requirements_txt(&sample(), &Selection::default(), &targets(), Hashes::Omit).unwrap();
    assert!(!text.contains("--hash"));
}

#[test]
fn one_package_without_a_hash_takes_them_all_away() {
    let mut lock = sample();
    let app = lock
        .packages
        .iter_mut()
        .find(|package| package.name.as_str() == "app")
        .unwrap();
    app.source = wharf_core::Source::Directory {
        path: ".".to_owned(),
        editable: true,
    };
    app.files.clear();
    let text = requirements_txt(&lock, &Selection::default(), &targets(), Hashes::Include).unwrap();
    assert!(text.contains("\n-e .\ncrypto==3.0\n"), "{text}");
}

#[test]
fn targets_that_differ_get_markers() {
    let mut lock = sample();
    let mac = "macos-arm64-py3.12".parse().unwrap();
    lock.targets.push(crate::LockedTarget {
        target: mac,
        python: "3.12.4".to_owned(),
    });
    let mut both = targets();
    both.push(ExportTarget {
        target: mac,
        markers: environment("darwin", "arm64", "3.12.4"),
    });
    let text = requirements_txt(&lock, &Selection::default(), &both, Hashes::Omit).unwrap();
    assert!(
        text.contains("\nfast==3.0 ; sys_platform == 'darwin' and platform_machine == 'arm64'\n"),
        "{text}"
    );
    let text = pylock(&lock, &Selection::default(), &both).unwrap();
    assert!(
        text.contains("marker = \"sys_platform == 'darwin' and platform_machine == 'arm64'\""),
        "{text}"
    );
}

#[test]
fn pylock_is_as_pep_751_has_it() {
    let text = pylock(&sample(), &Selection::default(), &targets()).unwrap();
    let hash = "ab".repeat(32);
    let head = "# Written by `wharf export`. Do not edit.\nlock-version = \"1.0\"\nenvironments = [\n    \"sys_platform == 'linux' and platform_machine == 'x86_64' and python_version == '3.12'\",\n]\nrequires-python = \">=3.9\"\ncreated-by = \"wharf\"\n";
    let app = format!(
        "\n[[packages]]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.8\"\nindex = \"https://index.example.org/simple/\"\nwheels = [\n    {{ name = \"app-1.0-py3-none-any.whl\", upload-time = 2024-05-06T07:08:09Z, url = \"https://files.example.org/app-1.0-py3-none-any.whl\", size = 1234, hashes = {{ sha256 = \"{hash}\" }} }},\n]\n"
    );
    assert!(text.starts_with(&format!("{head}{app}")), "{text}");
    assert!(toml::from_str::<toml::Table>(&text).is_ok());
}

#[test]
fn every_kind_of_source_has_its_table() {
    use wharf_core::{Source, WebUrl};
    let url = WebUrl::parse("https://example.org/x").unwrap();
    let subdirectory = Some("py".to_owned());
    let mut lock = sample();
    let mut source = |name: &str, source: Source| {
        let package = lock
            .packages
            .iter_mut()
            .find(|package| package.name.as_str() == name)
            .unwrap();
        package.source = source;
    };
    source(
        "app",
        Source::Directory {
            path: "../app".to_owned(),
            editable: true,
        },
    );
    source(
        "lib",
        Source::Git {
            url: url.clone(),
            reference: Some("main".to_owned()),
            commit: "c0ffee".to_owned(),
            subdirectory: subdirectory.clone(),
        },
    );
    source("crypto", Source::Url { url, subdirectory });
    source(
        "pytest",
        Source::File {
            path: "dist/pytest-3.0.tar.gz".to_owned(),
        },
    );
    let text = pylock(&lock, &Selection::default(), &targets()).unwrap();
    println!("{text}");
    for expected in [
        "name = \"app\"\nrequires-python = \">=3.8\"\n\n[packages.directory]\npath = \"../app\"\neditable = true\n",
        "\n[packages.vcs]\ntype = \"git\"\nurl = \"https://example.org/x\"\nrequested-revision = \"main\"\ncommit-id = \"c0ffee\"\nsubdirectory = \"py\"\n",
        "\n[packages.archive]\nurl = \"https://example.org/x\"\nsize = 1234\nsubdirectory = \"py\"\nhashes = { sha256 = ",
        "\n[packages.archive]\npath = \"dist/pytest-3.0.tar.gz\"\n",
    ] {
        assert!(text.contains(expected), "{expected}\n---\n{text}");
    }
    let text = requirements_txt(&lock, &Selection::default(), &targets(), Hashes::Omit).unwrap();
    for expected in [
        "\n-e ../app\n",
        "\nlib @ git+https://example.org/x@c0ffee#subdirectory=py\n",
        "\ncrypto @ https://example.org/x#subdirectory=py\n",
        "\n./dist/pytest-3.0.tar.gz\n",
    ] {
        assert!(text.contains(expected), "{expected}\n---\n{text}");
    }
}
