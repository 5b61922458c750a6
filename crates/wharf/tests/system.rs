//! `wharf system`: what a machine has and what a change of it would do, over the files of a machine in a folder.

use serde_json::Value;
use wharf_testkit::{
    DebCompression, DebListForm, DebMachine, DebPackage, DebRepository, DebSuite, Finished, Fixture,
    deb_architecture,
};

/// A repository with two suites, and a machine that has asked both.
struct Case {
    fixture: Fixture,
    machine: DebMachine,
}

fn package(name: &str, version: &str) -> DebPackage {
    DebPackage::new(name, version).field("Installed-Size", "100")
}

fn case() -> Case {
    let repository = DebRepository::start_with(&[
        DebSuite::new("steady")
            .codename("steady")
            .components(&["main", "extra"]),
        DebSuite::new("steady-backports")
            .field("NotAutomatic", "yes")
            .field("ButAutomaticUpgrades", "yes"),
    ]);
    let dpkg = package("dpkg", "1.21").native().essential();
    package("web", "2.0-1")
        .depends("libweb (>= 2), mail-agent")
        .recommends("web-doc, missing-thing")
        .suggests("web-dev")
        .description("a web server\nIt serves pages over many protocols.")
        .publish(&repository);
    package("libweb", "2.0-1").publish(&repository);
    package("web-doc", "2.0-1").publish(&repository);
    package("postbox", "3")
        .provides("mail-agent")
        .publish(&repository);
    package("newer", "2").publish_in(&repository, "steady", "extra");
    package("rival", "1").conflicts("old").publish(&repository);
    package("impossible", "1")
        .depends("libweb (>= 9)")
        .publish(&repository);
    package("web", "3.0-1~bpo1")
        .depends("libweb (>= 2)")
        .publish_in(&repository, "steady-backports", "main");
    let machine = DebMachine::new()
        .installed(&dpkg)
        .installed(&package("newer", "1"))
        .installed(&package("old", "1").depends("old-lib"))
        .automatic(&package("old-lib", "1").description("what the old one needs"))
        .in_state(&package("fixed", "1"), "hold ok installed")
        .in_state(&package("gone", "1"), "deinstall ok config-files")
        .updated(&repository, "steady", "main", DebListForm::Lz4)
        .updated(
            &repository,
            "steady",
            "extra",
            DebListForm::As(DebCompression::Zstd),
        )
        .updated(
            &repository,
            "steady-backports",
            "main",
            DebListForm::As(DebCompression::None),
        );
    Case {
        fixture: Fixture::new(env!("CARGO_BIN_EXE_wharf")),
        machine,
    }
}

impl Case {
    fn run(&self, arguments: &[&str]) -> Finished {
        let root = self.machine.root().display().to_string();
        let before = self.machine.files();
        let finished = self
            .fixture
            .run(&[&["system", "--root", &root], arguments].concat());
        assert_eq!(self.machine.files(), before, "looking changes nothing");
        finished
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--format", "json"]].concat()).success();
        let document: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
        document["result"].clone()
    }

    /// What a plan does: signs, names and versions.
    fn plan(&self, arguments: &[&str]) -> Vec<String> {
        let plan = self.json(&[&["plan"], arguments].concat());
        let mut lines = Vec::new();
        for (sign, field) in [
            ("+", "install"),
            ("^", "upgrade"),
            ("v", "downgrade"),
            ("-", "remove"),
        ] {
            for one in plan[field].as_array().expect("a plan has all lists") {
                let version = one["to"].as_str().or(one["from"].as_str()).unwrap_or_default();
                lines.push(format!(
                    "{sign}{} {version}",
                    one["package"].as_str().unwrap_or_default()
                ));
            }
        }
        lines.sort();
        lines
    }
}

#[test]
fn what_is_installed_is_listed() {
    let case = case();
    let listed = case.run(&["list"]).success();
    insta::assert_snapshot!(listed.stdout, @r"
    * deb:dpkg     1.21  the testkit's dpkg
    * deb:fixed    1     the testkit's fixed  (held)
    * deb:newer    1     the testkit's newer
    * deb:old      1     the testkit's old
      deb:old-lib  1     what the old one needs
    ");
    let manual = case.run(&["list", "--manual", "old*"]).success();
    assert_eq!(manual.stdout, "* deb:old  1  the testkit's old\n");
    let list = case.json(&["list", "old-lib"]);
    assert_eq!(list["architectures"][0], deb_architecture());
    assert_eq!(list["packages"][0]["automatic"], true);
    assert_eq!(list["packages"][0]["installed_size"], 102_400);
}

#[test]
fn words_are_found_in_names_and_descriptions() {
    let case = case();
    let found = case.run(&["search", "web"]).success();
    insta::assert_snapshot!(found.stdout, @r"
    deb:web      3.0-1~bpo1  the testkit's web
    deb:web-doc  2.0-1  the testkit's web-doc
    deb:libweb   2.0-1  the testkit's libweb
    ");
    let both = case.json(&["search", "PROTOCOLS", "server"]);
    assert_eq!(both["packages"][0]["package"], "deb:web");
    let installed = case.json(&["search", "newer"]);
    assert_eq!(installed["packages"][0]["installed"], "1");
    assert_eq!(installed["packages"][0]["from"], "steady/extra");
    let none = case.run(&["search", "no-such-word"]).success();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "No package has all of these words\n")
    );
}

#[test]
fn a_package_is_shown_with_all_its_versions() {
    let case = case();
    let shown = case.json(&["show", "deb:web"]);
    assert_eq!(shown["installed"], Value::Null);
    let versions: Vec<_> = shown["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["version"])
        .collect();
    assert_eq!(versions, ["3.0-1~bpo1", "2.0-1"]);
    assert_eq!(shown["versions"][1]["from"][0], "steady/main");
    let virtual_name = case.json(&["show", "mail-agent"]);
    assert_eq!(virtual_name["provided_by"][0], "postbox");
    let held = case.json(&["show", "fixed"]);
    assert_eq!(
        (&held["held"], &held["versions"][0]["from"][0]),
        (&Value::from(true), &Value::from("installed"))
    );
    let unknown = case.run(&["show", "nothing-like-it"]).failure(2);
    assert!(
        unknown
            .stderr
            .contains("no package of the machine or its repositories is called nothing-like-it")
    );
}

#[test]
fn an_installation_is_planned_with_reasons() {
    let case = case();
    assert_eq!(
        case.plan(&["install", "web"]),
        [
            "+deb:libweb 2.0-1",
            "+deb:postbox 3",
            "+deb:web 2.0-1",
            "+deb:web-doc 2.0-1"
        ]
    );
    assert_eq!(
        case.plan(&["install", "web", "--no-recommends"]),
        ["+deb:libweb 2.0-1", "+deb:postbox 3", "+deb:web 2.0-1"]
    );
    assert_eq!(
        case.plan(&["install", "web/steady-backports"]),
        ["+deb:libweb 2.0-1", "+deb:web 3.0-1~bpo1"]
    );
    assert_eq!(
        case.plan(&["install", "-t", "steady-backports", "web"]),
        ["+deb:libweb 2.0-1", "+deb:web 3.0-1~bpo1"]
    );
    let plan = case.run(&["plan", "install", "web"]).success();
    let text = &plan.stdout;
    for expected in [
        "Would install 4 packages:",
        "(asked for)",
        "(deb:web needs libweb (>= 2))",
        "(deb:web needs mail-agent)",
        "(deb:web recommends web-doc)",
        "Recommended, but not taken:\n   deb:web: missing-thing",
        "Suggested by new packages:\n   deb:web: web-dev",
        "400.0 KiB more on the disk",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(
        plan.stderr,
        "This is a plan: Wharf does not change the machine. What would: sudo apt-get install web\n"
    );
}

#[test]
fn removals_and_upgrades_are_planned() {
    let case = case();
    assert_eq!(
        case.plan(&["remove", "old-lib"]),
        ["-deb:old 1", "-deb:old-lib 1"]
    );
    let alone = case.json(&["plan", "remove", "old"]);
    assert_eq!(alone["remove"][0]["reason"], "asked for");
    assert_eq!(alone["unneeded"][0], "deb:old-lib");
    assert_eq!(alone["installed_change"], -102_400);
    let needing = case.json(&["plan", "remove", "old-lib"]);
    let reasons: Vec<_> = needing["remove"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["reason"])
        .collect();
    assert!(reasons.contains(&&Value::from("it needs old-lib")), "{reasons:?}");
    assert_eq!(case.plan(&["upgrade"]), ["^deb:newer 2"]);
    assert_eq!(case.plan(&["upgrade", "newer"]), ["^deb:newer 2"]);
    assert_eq!(case.plan(&["install", "rival"]), ["+deb:rival 1", "-deb:old 1"]);
    let nothing = case.run(&["plan", "install", "dpkg"]).success();
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("Nothing would change\n", "")
    );
}

#[test]
fn preferences_of_the_machine_count() {
    let case = case();
    let text = "Package: web\nPin: release n=steady-backports\nPin-Priority: 900\n";
    case.machine.write("etc/apt/preferences.d/web", text);
    assert_eq!(
        case.plan(&["install", "web"]),
        ["+deb:libweb 2.0-1", "+deb:web 3.0-1~bpo1"]
    );
    case.machine
        .write("etc/apt/preferences.d/web", "Package: web\nPin: moon\n");
    let bad = case.run(&["plan", "install", "web"]).failure(4);
    assert!(bad.stderr.contains("etc/apt/preferences.d/web"), "{bad}");
}

#[test]
fn what_cannot_be_had_is_explained() {
    let case = case();
    let refused = case.run(&["plan", "install", "impossible"]);
    assert!(!refused.status.success());
    assert!(
        refused.stderr.contains("impossible") && refused.stderr.contains("libweb"),
        "{refused}"
    );
}

#[test]
fn machines_that_cannot_be_read_say_so() {
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    fixture.write("other/etc/os-release", "PRETTY_NAME=\"Other Linux 40\"\n");
    let other = fixture.run(&["system", "--root", "other", "list"]).failure(4);
    insta::assert_snapshot!(other.stderr, @r"
    error: [PROJECT]/other has no package database of dpkg

    hint: it says that it is Other Linux 40: `wharf system` reads Debian, Ubuntu and what is made of them
    hint: packages of Debian in a project need no Debian around them: `wharf add deb:NAME`
    ");
    let bare = DebMachine::new();
    let root = bare.root().display().to_string();
    let no_lists = fixture
        .run(&["system", "--root", &root, "plan", "install", "web"])
        .failure(4);
    assert!(
        no_lists
            .stderr
            .contains("hint: let apt ask its repositories: `sudo apt-get update`")
    );
    let list = format!(
        "var/lib/apt/lists/example.org_dists_x_main_binary-{}_Packages.xz",
        deb_architecture()
    );
    bare.write(&list, "this is no xz");
    let bad = fixture
        .run(&["system", "--root", &root, "search", "web"])
        .failure(4);
    assert!(bad.stderr.contains("_Packages.xz cannot be used"), "{bad}");
}

#[test]
fn only_debian_can_be_searched() {
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    for arguments in [
        &["search", "npm:left"][..],
        &["search", "--ecosystem", "pypi", "left"],
    ] {
        let refused = fixture.run(arguments).failure(2);
        assert!(
            refused.stderr.contains("cannot be searched; `deb` can"),
            "{refused}"
        );
    }
}

#[test]
fn what_every_system_needs_is_not_removed_without_a_word() {
    let case = case();
    let plan = case.run(&["plan", "remove", "dpkg"]).success();
    assert!(plan.stderr.contains("Every system needs deb:dpkg"), "{plan}");
    assert!(!plan.stderr.contains("apt-get remove"), "nothing to copy: {plan}");
    let plan = case.run(&["plan", "remove", "old"]).success();
    assert!(plan.stderr.contains("sudo apt-get remove old"), "{plan}");
}

#[test]
fn a_name_that_nothing_has_is_no_plan_in_which_nothing_changes() {
    let case = case();
    for task in ["remove", "upgrade", "install"] {
        let refused = case.run(&["plan", task, "nothere"]);
        assert!(
            !refused.status.success() && refused.stderr.contains("nothere"),
            "{refused}"
        );
    }
    let refused = case.run(&["plan", "install", "newer:arm65"]);
    assert!(!refused.status.success(), "{refused}");
    let nothing = case.run(&["plan", "remove", "web"]).success();
    assert!(
        nothing.stdout.contains("Nothing would change"),
        "it is not installed: {nothing}"
    );
}
