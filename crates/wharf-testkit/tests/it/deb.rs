//! The repository and its packages against Debian's own tools, where this machine has them.

use std::path::Path;
use std::process::Command;

use wharf_testkit::{
    DebCompression, DebHash, DebKey, DebPackage, DebRepository, DebSignatures, DebSuite, deb_architecture,
};

use crate::get;

/// Whether a tool of Debian's is here: the kit is judged by them on the machines that have them.
fn present(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// A command's standard output, or its words about why not.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .expect("the tool starts");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("the temporary directory can be written")
}

/// What Debian's verifier says to a repository's signatures, inline and detached, judged by a keyring.
fn verified(repository: &DebRepository, keyring: &[u8]) -> [bool; 2] {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("keys.gpg"), keyring).expect("the folder can be written");
    for name in ["InRelease", "Release", "Release.gpg"] {
        let (_, _, body) = get(repository, &format!("/debian/dists/stable/{name}"), &[]);
        std::fs::write(path(name), body).expect("the folder can be written");
    }
    let keyring = path("keys.gpg");
    // As apt asks it.
    let judge = |files: &[&str]| {
        output(
            "gpgv",
            &[&["--weak-digest", "SHA1", "--keyring", &keyring], files].concat(),
        )
    };
    let inline = judge(&[&path("InRelease")]);
    let detached = judge(&[&path("Release.gpg"), &path("Release")]);
    [inline.is_ok(), detached.is_ok()]
}

#[test]
fn signatures_are_judged_as_ordered() {
    if !present("gpgv") {
        return;
    }
    let check = |signers: &[DebKey], trusted: &[DebKey], expected: bool| {
        let repository = DebRepository::start_with(&[DebSuite::new("stable").signed_by(signers)]);
        DebPackage::new("a", "1").publish(&repository);
        let found = verified(&repository, &DebKey::keyring(trusted));
        assert_eq!(found, [expected; 2], "{signers:?} judged by {trusted:?}");
    };
    let key = DebKey::of(1);
    check(std::slice::from_ref(&key), std::slice::from_ref(&key), true);
    check(std::slice::from_ref(&key), &[DebKey::of(2)], false);
    check(std::slice::from_ref(&key), &[DebKey::of(2), key.clone()], true);
    for seed in 3..12 {
        let key = DebKey::of(seed).with_subkey();
        check(std::slice::from_ref(&key), std::slice::from_ref(&key), true);
    }
    let old = key.clone().hash(DebHash::Sha256);
    check(std::slice::from_ref(&old), &[key], true);
    // Whether a key was withdrawn is a question that this tool leaves to whoever makes the keyring.
    for bad in [
        DebKey::of(1).with_unbound_subkey(),
        DebKey::of(1).hash(DebHash::Sha1),
        DebKey::of(1).signatures_expire_after(60),
    ] {
        check(std::slice::from_ref(&bad), std::slice::from_ref(&bad), false);
    }
}

#[test]
fn archives_are_read_by_debians_own_tool() {
    if !present("dpkg-deb") {
        return;
    }
    for compression in DebCompression::ALL {
        let folder = scratch();
        let long = format!("/usr/share/{}/{}", "d".repeat(90), "f".repeat(120));
        let package = DebPackage::new("a", "1:1.0-1")
            .depends("b (>= 2)")
            .program("/usr/bin/a", "#!/bin/sh\necho a\n")
            .hard_link("/usr/bin/b", "/usr/bin/a")
            .symlink("/usr/bin/c", "a")
            .conffile("/etc/a.conf", "x\n")
            .file(&long, "long")
            .script("postinst", "#!/bin/sh\n")
            .compression(compression);
        let path = folder.path().join(package.file_name()).display().to_string();
        std::fs::write(&path, package.build()).expect("the folder can be written");
        assert_eq!(
            output("dpkg-deb", &["-f", &path, "Version"]).as_deref(),
            Ok("1:1.0-1\n")
        );
        let listing = output("dpkg-deb", &["-c", &path]).expect("the archive is right");
        for expected in ["./usr/bin/b link to ./usr/bin/a", "./usr/bin/c -> a", &long] {
            assert!(listing.contains(expected), "{listing}");
        }
        let out = folder.path().join("out");
        output("dpkg-deb", &["-R", &path, &out.display().to_string()]).expect("the archive is right");
        let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("it was unpacked");
        assert_eq!(read("DEBIAN/conffiles"), "/etc/a.conf\n");
        assert!(read("DEBIAN/md5sums").ends_with(&format!("  {}\n", &long[1..])));
        assert_eq!(read("usr/bin/b"), "#!/bin/sh\necho a\n");
    }
}

#[test]
fn spoiled_archives_are_refused_by_debians_own_tool() {
    if !present("dpkg-deb") {
        return;
    }
    let package = || DebPackage::new("a", "1").file("/usr/share/a", "x".repeat(1000));
    let folder = scratch();
    for (position, bad) in [
        package().cut_to(300),
        package().without_member("data.tar"),
        package().without_member("debian-binary"),
        package().member_named("control.tar", "other.tar.xz"),
        package().member_content("data.tar", "no archive"),
        package().member_content("debian-binary", "3.0\n"),
        package().members_reversed(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder
            .path()
            .join(format!("{position}.deb"))
            .display()
            .to_string();
        std::fs::write(&path, bad.build()).expect("the folder can be written");
        let out = folder.path().join(position.to_string()).display().to_string();
        assert!(output("dpkg-deb", &["-R", &path, &out]).is_err(), "{bad:?}");
    }
}

/// apt in a folder of its own, with the host's settings left out.
fn apt(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let root = folder.display();
    let settings = format!(
        "Dir \"{root}\";\nDir::State::status \"{root}/status\";\nAPT::Architecture \"{}\";\n\
         Acquire::Languages \"none\";\nAPT::Sandbox::User \"\";\n",
        deb_architecture()
    );
    std::fs::write(folder.join("apt.conf"), settings).expect("the folder can be written");
    for below in [
        "etc/apt/preferences.d",
        "etc/apt/apt.conf.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
    ] {
        std::fs::create_dir_all(folder.join(below)).expect("the folder can be written");
    }
    let status = folder.join("status");
    if !status.exists() {
        std::fs::write(status, "").expect("the folder can be written");
    }
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("APT_CONFIG", folder.join("apt.conf"))
        .env("no_proxy", "127.0.0.1")
        .output()
        .expect("the tool starts");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}

#[test]
fn apt_accepts_what_is_served_and_refuses_what_is_wrong() {
    if !present("apt-get") {
        return;
    }
    let repository = DebRepository::start_with(&[
        DebSuite::new("stable")
            .codename("steady")
            .components(&["main", "extra"]),
        DebSuite::new("flat/").signatures(DebSignatures::Detached),
    ]);
    DebPackage::new("a", "1:1.0+b~1")
        .depends("b")
        .publish(&repository);
    DebPackage::new("b", "2")
        .native()
        .publish_in(&repository, "stable", "extra");
    DebPackage::new("c", "3")
        .depends("a")
        .publish_in(&repository, "flat/", "");
    let folder = scratch();
    let keys = repository.write_keys("stable", folder.path().join("keys"));
    let sources = ["stable", "flat/"].map(|suite| repository.source_line(suite, Some(&keys)));
    std::fs::create_dir_all(folder.path().join("etc/apt")).expect("the folder can be written");
    std::fs::write(folder.path().join("etc/apt/sources.list"), sources.join("\n"))
        .expect("it can be written");
    let update = apt(folder.path(), "apt-get", &["update"]).expect("the repository is right");
    assert!(!update.contains("W:") && !update.contains("E:"), "{update}");
    let plan = apt(folder.path(), "apt-get", &["-s", "install", "c"]).expect("c can be installed");
    assert!(
        plan.contains("Inst a (1:1.0+b~1 ") && plan.contains("Inst b (2 "),
        "{plan}"
    );
    let fetch = apt(folder.path(), "apt-get", &["-y", "-d", "install", "c"]);
    assert!(fetch.is_ok(), "{fetch:?}");
    assert_eq!(repository.downloads(), 3);

    repository.change("stable", |suite| suite.valid_until(1_704_067_201));
    let expired = apt(folder.path(), "apt-get", &["update"]);
    let words = expired.expect_err("the suite has expired");
    assert!(words.contains("expired"), "{words}");
}

#[test]
fn indexes_are_found_by_name_and_by_hash() {
    let repository = DebRepository::start();
    DebPackage::new("a", "1").publish(&repository);
    let of = deb_architecture();
    for form in [DebCompression::Gzip, DebCompression::Xz] {
        let named = repository.packages_path("stable", "main", of, form);
        let hashed = repository.hashed_packages_path("stable", "main", of, form);
        assert_eq!(get(&repository, &named, &[]).2, get(&repository, &hashed, &[]).2);
    }
    let plain = repository.packages_path("stable", "main", of, DebCompression::None);
    assert_eq!(get(&repository, &plain, &[]).0, 404);
    repository.change("stable", |suite| {
        suite.compressions(&[DebCompression::None, DebCompression::Zstd])
    });
    let (status, _, body) = get(&repository, &plain, &[]);
    assert_eq!(status, 200);
    assert!(body.starts_with(b"Package: a\n"));
}
