//! Several repositories through the real binary: what one of them says, or is said of it, counts for it alone.

use wharf_testkit::{DebPackage, DebRepository, DebSuite};

use super::Case;

/// What verification forbids.
const DENIED: i32 = 5;

/// Another table for a repository that is signed by the same key as that of the case.
fn table(repository: &DebRepository, suite: &str, more: &str) -> String {
    format!(
        "[[deb.repository]]\nuri = \"{}\"\nsuites = [\"{suite}\"]\ncomponents = [\"main\"]\n{more}\n",
        repository.root_url()
    )
}

fn locked(case: &Case) -> String {
    let finished = case.run(&["lock", "--upgrade"]);
    assert!(finished.status.success(), "{}", finished.stderr);
    case.lock()
}

#[test]
fn a_priority_is_that_of_one_repository_and_not_of_its_host() {
    // Both are on 127.0.0.1.
    let case = Case::new(&["thing"]);
    let other = DebRepository::start_with(&[DebSuite::new("extra"), DebSuite::new("more")]);
    DebPackage::new("thing", "1").publish(&case.repository);
    DebPackage::new("thing", "2").publish_in(&other, "extra", "main");
    DebPackage::new("thing", "3").publish_in(&other, "more", "main");
    let signed = "signed-by = \"stable-testkit.asc\"";
    let with = |pins: &str, extra: &str, more: &str| {
        let extra = table(&other, "extra", &format!("{signed}\n{extra}"));
        let more = table(&other, "more", &format!("{signed}\n{more}"));
        case.manifest(&["thing"], &format!("{pins}\n{extra}{more}"));
        locked(&case)
    };
    let is = |lock: &str, version: &str| {
        let line = format!("deb:thing@{version}");
        let has = lock.contains(&line) || lock.contains(&format!("version = \"{version}\""));
        assert!(has, "thing {version} in {lock}");
    };
    is(&with("", "", ""), "3");
    is(&with("", "priority = 600", ""), "2");
    is(&with("", "priority = 600", "priority = 700"), "3");
    is(&with("", "priority = 400", "priority = 300"), "1");
    let pin = "[[deb.pin]]\npackages = [\"thing\"]\nversion = \"3\"\npriority = 800\n";
    is(&with(pin, "priority = 600", ""), "3");
}

#[test]
fn no_repository_plants_packages_in_another() {
    let case = Case::new(&["thing"]);
    let evil = DebRepository::start();
    DebPackage::new("thing", "1").publish(&case.repository);
    DebPackage::new("thing", "9").publish(&evil);
    let folder = case.fixture.project().join("evil/dists/stable");
    let base = format!("main/binary-{}", wharf_testkit::deb_architecture());
    let (names, form) = ("Packages.gz", wharf_testkit::DebCompression::Gzip);
    let path = evil.packages_path("stable", "main", wharf_testkit::deb_architecture(), form);
    std::fs::create_dir_all(folder.join(&base)).expect("the folder can be made");
    let own = evil.content(&path).expect("it is there");
    std::fs::write(folder.join(&base).join(names), own).expect("it can be written");
    // Its own packed list, and the digest that the other's `Release` has for the unpacked one.
    let said = |repository: &DebRepository, file: &str| {
        let release = repository
            .content(&repository.release_path("stable", "Release"))
            .expect("it is there");
        let release = String::from_utf8(release.to_vec()).expect("it is text");
        let ending = format!(" {base}/{file}");
        let line = release.lines().find(|line| line.ends_with(&ending));
        line.expect("it is listed").to_owned()
    };
    let plain = said(&case.repository, "Packages");
    let digest = plain.split_whitespace().next().unwrap_or_default();
    let release = format!(
        "Suite: stable\nComponents: main\nArchitectures: {}\nSHA256:\n {digest} 100000 {base}/Packages\n{}\n",
        wharf_testkit::deb_architecture(),
        said(&evil, names),
    );
    std::fs::write(folder.join("Release"), release).expect("it can be written");
    let honest = case.fixture.read("wharf.toml");
    let uri = format!("file://{}", case.fixture.project().join("evil").display());
    let trusting = format!(
        "[deb]\nsuite = \"stable\"\nsources = \"none\"\npackages = [\"thing\"]\n\
         [[deb.repository]]\nuri = \"{uri}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\ntrusted = true\n"
    );
    case.fixture.write("wharf.toml", &trusting);
    let planted = locked(&case);
    assert!(planted.contains("thing"), "{planted}");
    std::fs::remove_file(case.fixture.project().join("wharf.lock")).expect("it was locked");
    case.fixture.write("wharf.toml", &honest);
    let lock = locked(&case);
    assert!(lock.contains("pool/main/t/thing/thing_1_"), "{lock}");
    assert!(!lock.contains("thing_9_"), "{lock}");
}

#[test]
fn another_suite_of_the_same_key_is_not_locked_from() {
    let case = Case::new(&["thing"]);
    DebPackage::new("thing", "1").publish(&case.repository);
    let before = locked(&case);
    DebPackage::new("thing", "2").publish(&case.repository);
    case.repository
        .change("stable", |suite| suite.called("testing").codename("testing"));
    let failed = case.run(&["lock", "--upgrade"]);
    assert_eq!(failed.status.code(), Some(DENIED), "{}", failed.stderr);
    let words = ["Suite `testing`", "was Suite `stable`", "deb-v2/suites/"];
    for words in words {
        assert!(failed.stderr.contains(words), "`{words}` in {}", failed.stderr);
    }
    let said = case.json(&["lock", "--upgrade"]);
    assert_eq!(said["error"]["code"], "deb/renamed-suite", "{said}");
    assert_eq!(case.lock(), before);
}
