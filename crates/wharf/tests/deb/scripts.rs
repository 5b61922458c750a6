//! Maintainer scripts: skipped and said so, approved, of another version, failing, trying to get out.

use wharf_testkit::DebPackage;

use crate::{Case, exists, views};

/// A package whose script calls a program of its own, which writes what it was given.
fn maker(version: &str, script: &str) -> DebPackage {
    DebPackage::new("maker", version)
        .program(
            "/usr/bin/make-thing",
            "#!/bin/sh\necho \"$@\" > /usr/share/maker/made\n[ \"$1\" != spoil ] || echo spoilt > \"$2\"\n",
        )
        .folder("/usr/share/maker", 0o755)
        .script("postinst", &format!("#!/bin/sh\nset -e\n{script}"))
}

fn made(case: &Case) -> Option<String> {
    std::fs::read_to_string(case.root().join("usr/share/maker/made")).ok()
}

fn manifest(case: &Case) -> String {
    std::fs::read_to_string(case.fixture.project().join("wharf.toml")).expect("there is a manifest")
}

#[test]
fn skipped_scripts_are_named_once_and_run_where_they_are_approved() {
    let case = Case::new(&["maker"]);
    maker("1.0-1", "make-thing $1 as $(id -u 2>/dev/null || echo root)\n").publish(&case.repository);
    let first = case.synced();
    let told = "maintainer scripts were not run: maker";
    assert!(
        first.stderr.contains(told) && first.stderr.contains("wharf approve deb:NAME"),
        "{}",
        first.stderr
    );
    assert_eq!(made(&case), None);
    assert!(!case.synced().stderr.contains(told), "once");
    let pending = case.json(&["approve"]);
    let entry = &pending["result"]["packages"][0];
    assert_eq!(
        (&entry["package"], &entry["approved"]),
        (&"deb:maker".into(), &false.into())
    );
    assert!(
        entry["skipped"][0]
            .as_str()
            .unwrap_or_default()
            .starts_with("make-thing"),
        "{entry}"
    );

    let old = case.root().canonicalize().unwrap();
    let approved = case.run(&["approve", "deb:maker"]);
    assert!(approved.status.success(), "{}", approved.stderr);
    let text = manifest(&case);
    assert!(
        text.contains("scripts = [") && text.contains("\"deb:maker@1.0-1#sha256:"),
        "{text}"
    );
    if views() {
        assert_eq!(made(&case).as_deref(), Some("configure as root\n"));
        assert_ne!(case.root().canonicalize().unwrap(), old, "it is another root");
        assert!(exists(&old), "the old one stands");
    }
    let list = case.json(&["approve"]);
    assert_eq!(list["result"]["packages"][0]["approved"], true, "{list}");
    let again = case.run(&["approve", "deb:maker"]);
    assert!(again.status.success());
    assert_eq!(manifest(&case), text, "what is approved is not approved twice");
    assert!(case.synced().stderr.contains("Nothing to do"));
    let none = case.run(&["approve", "deb:nothing"]);
    assert!(
        !none.status.success() && none.stderr.contains("deb:nothing is not in the lockfile"),
        "{}",
        none.stderr
    );
}

#[test]
fn another_version_waits_for_another_approval() {
    let case = Case::new(&["maker"]);
    maker("1.0-1", "make-thing one\n").publish(&case.repository);
    case.synced();
    assert!(case.run(&["approve", "deb:maker"]).status.success());
    case.repository.withdraw("stable", "maker");
    maker("2.0-1", "make-thing two\n").publish(&case.repository);
    let upgraded = case.run(&["sync", "--upgrade"]);
    assert!(upgraded.status.success(), "{}", upgraded.stderr);
    assert_eq!(made(&case), None, "it was not approved");
    assert!(
        upgraded.stderr.contains("were not run: maker"),
        "{}",
        upgraded.stderr
    );
    assert_eq!(
        case.json(&["approve"])["result"]["packages"][0]["approved"],
        false
    );
    assert!(case.run(&["approve", "deb:maker"]).status.success());
    let text = manifest(&case);
    assert!(
        text.contains("deb:maker@2.0-1#") && !text.contains("1.0-1#"),
        "{text}"
    );
    if views() {
        assert_eq!(made(&case).as_deref(), Some("two\n"));
    }
}

#[test]
fn a_script_that_fails_says_what_it_said_and_leaves_the_old_root() {
    if !views() {
        return;
    }
    let case = Case::new(&["maker"]);
    maker("1.0-1", "make-thing half\necho there is no licence\nexit 7\n").publish(&case.repository);
    case.synced();
    let old = case.root().canonicalize().unwrap();
    let failed = case.run(&["approve", "deb:maker"]);
    assert_eq!(failed.code(), Some(4), "{}", failed.stderr);
    for word in [
        "postinst of maker:all 1.0-1",
        "exit code 7",
        "there is no licence",
    ] {
        assert!(failed.stderr.contains(word), "{word}: {}", failed.stderr);
    }
    assert_eq!(case.root().canonicalize().unwrap(), old);
    assert_eq!(made(&case), None);
    let run = case.run(&["run", "--no-sync", "--", "sh", "-c", "echo works"]);
    assert_eq!(run.stdout, "works\n", "{}", run.stderr);
}

#[test]
fn scripts_see_the_root_and_no_network_and_change_nothing_else() {
    if !views() {
        return;
    }
    let case = Case::new(&["maker", "bystander"]);
    let project = case.fixture.project().display().to_string();
    let script = format!(
        "make-thing spoil /usr/share/bystander/data; exec > /usr/share/maker/made\n\
         for path in {project} /root /home /work; do [ -e $path/wharf.toml ] && echo sees $path; done\n\
         while read line; do case $line in *:*) echo ${{line%%:*}} ;; esac; done < /proc/net/dev\n\
         echo x > /proc/sys/kernel/hostname && echo changes the machine\n\
         [ -e /dev/sda ] || [ -e /dev/vda ] || echo no disk\n\
         echo escaped > /../../../../../../../../escaped-from-a-root && echo wrote\n"
    );
    maker("1.0-1", &script).publish(&case.repository);
    DebPackage::new("bystander", "1")
        .file("/usr/share/bystander/data", "whole\n")
        .publish(&case.repository);
    case.synced();
    let first = case.root().canonicalize().unwrap();
    let approved = case.run(&["approve", "deb:maker"]);
    assert!(approved.status.success(), "{}", approved.stderr);
    let said = made(&case).unwrap_or_default();
    assert_eq!(
        said, "lo\nno disk\nwrote\n",
        "no path of the host, no interface but its own"
    );
    assert!(!exists(std::path::Path::new("/escaped-from-a-root")));
    assert!(
        exists(&case.root().join("escaped-from-a-root")),
        "above the root is the root"
    );
    let spoilt = std::fs::read_to_string(case.root().join("usr/share/bystander/data")).unwrap();
    assert_eq!(spoilt, "spoilt\n", "the root is its own to change");
    let verified = case.run(&["store", "verify"]);
    assert!(verified.status.success(), "{}", verified.stderr);
    // Without the approval the other root is there again, untouched.
    let text = manifest(&case);
    let start = text.find("[policy]").expect("the approval stands there");
    case.fixture.write("wharf.toml", &text[..start]);
    let plain = case.synced();
    assert_eq!(case.root().canonicalize().unwrap(), first, "{}", plain.stderr);
    let whole = std::fs::read_to_string(case.root().join("usr/share/bystander/data")).unwrap();
    assert_eq!(whole, "whole\n", "{}\n{}", plain.stderr, manifest(&case));
}

#[test]
fn an_approval_that_is_none_is_refused_with_its_place() {
    let case = Case::new(&["maker"]);
    maker("1", "make-thing\n").publish(&case.repository);
    for (entry, why) in [
        ("deb:", "approves no package"),
        ("deb:maker@", "is not one version"),
        ("deb:maker#sha256:00", "a digest belongs to one version"),
    ] {
        let text = manifest(&case);
        let at = text.find("[[deb.repository]]").expect("there is one");
        let (deb, rest) = text.split_at(at);
        case.fixture.write(
            "wharf.toml",
            &format!("{deb}{rest}\n[policy]\nscripts = [\"{entry}\"]\n"),
        );
        let refused = case.run(&["sync"]);
        assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        case.fixture.write("wharf.toml", &text);
    }
}

/// In a user namespace that may make no further ones, as in a container.
#[test]
fn without_namespaces_what_does_not_finish_a_root_is_one_warning() {
    let case = Case::new(&["desktop"]);
    let folders = [
        "/usr/share/mime",
        "/var/cache/fontconfig",
        "/usr/share/applications",
    ];
    let mut package = DebPackage::new("desktop", "1");
    for (program, folder) in ["update-mime-database", "fc-cache", "update-desktop-database"]
        .iter()
        .zip(folders)
    {
        let text = format!("#!/bin/sh\necho made > {folder}/made\n");
        package = package
            .folder(folder, 0o755)
            .program(format!("/usr/bin/{program}"), text);
    }
    package.publish(&case.repository);
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let nested = std::process::Command::new("unshare")
        .args(["-Ur", "sh", "-c", forbid, "sh", "true"])
        .status()
        .is_ok_and(|status| status.success());
    // Where they are forbidden already, nothing needs to be done for it.
    let mut command = case.fixture.command();
    if nested {
        command = case.fixture.isolated("unshare");
        command.args(["-Ur", "sh", "-c", forbid, "sh", env!("CARGO_BIN_EXE_wharf")]);
    }
    command.arg("sync");
    let finished = case.fixture.finish(command);
    assert!(finished.status.success(), "{finished}");
    let made = folders
        .iter()
        .filter(|folder| exists(&case.root().join(&folder[1..]).join("made")));
    if nested || made.count() == 0 {
        assert_eq!(
            finished.stderr.matches("did not finish the system root").count(),
            1,
            "{finished}"
        );
        let together = "MIME types, desktop entries and fonts did not finish";
        assert!(finished.stderr.contains(together), "{finished}");
    }
}
