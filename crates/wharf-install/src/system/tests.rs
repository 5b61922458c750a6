//! Roots from packages that are made here.

mod limits;
mod unfinished;

use std::fmt::Write as _;

use proptest::prelude::*;
use wharf_core::Algorithm;
use wharf_store::verify::{Depth, Repair};
use wharf_store::{DebPackage, Hasher, Limits, Store};

use super::*;

/// A package before it is packed: control fields, files of the control archive, files.
#[derive(Clone)]
struct Package {
    control: String,
    extras: Vec<(&'static str, String)>,
    files: Vec<(String, String)>,
}

impl Package {
    fn new(name: &str, version: &str) -> Self {
        Self {
            control: format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: {name}\n"
            ),
            extras: Vec::new(),
            files: Vec::new(),
        }
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        let _ = writeln!(self.control, "{name}: {value}");
        self
    }

    fn extra(mut self, name: &'static str, text: &str) -> Self {
        self.extras.push((name, text.to_owned()));
        self
    }

    /// A file, or a link where the text begins with `->`.
    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    fn pack(&self) -> Vec<u8> {
        let mut control = vec![("control".to_owned(), self.control.clone())];
        control.extend(
            self.extras
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.clone())),
        );
        let mut out = b"!<arch>\n".to_vec();
        for (name, body) in [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar", tar(&control)),
            ("data.tar", tar(&self.files)),
        ] {
            out.extend(
                format!(
                    "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                    0,
                    0,
                    0,
                    100_644,
                    body.len()
                )
                .bytes(),
            );
            out.extend_from_slice(&body);
        }
        out
    }

    fn import(&self, store: &Store) -> DebPackage {
        let bytes = self.pack();
        let digest = Hasher::digest(Algorithm::Sha256, &bytes);
        store.import_deb(&bytes[..], &digest, &Limits::default()).unwrap()
    }
}

fn tar(files: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, text) in files {
        let mut header = [0u8; 512];
        let target = text.strip_prefix("->");
        let body = if target.is_some() { "" } else { text };
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, format!("./{path}").as_bytes());
        put(
            100,
            if path.contains("bin/") {
                b"0000755\0"
            } else {
                b"0000644\0"
            },
        );
        put(108, b"0000000\x000000000\0");
        put(124, format!("{:011o}\0", body.len()).as_bytes());
        put(136, b"00000000000\0        ");
        put(156, if target.is_some() { b"2" } else { b"0" });
        put(157, target.unwrap_or_default().as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(body.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    Place {
        _folder: folder,
        store,
    }
}

fn composed(place: &Place, packages: &[Package]) -> Result<System, SystemError> {
    let packages: Vec<DebPackage> = packages
        .iter()
        .map(|package| package.import(&place.store))
        .collect();
    compose(&place.store, &packages, &Options::default(), None, &GOING)
}

/// Nobody asks to stop.
static GOING: AtomicBool = AtomicBool::new(false);

fn broken(error: std::io::Error) -> JobError {
    JobError::Broken(error.to_string())
}

fn text(system: &System, path: &str) -> String {
    std::fs::read_to_string(system.root.join(path)).unwrap()
}

#[test]
fn packages_meet_below_usr_and_dpkg_knows_them() {
    let place = place();
    let one = Package::new("one", "1.0")
        .file("bin/one", "1")
        .extra("conffiles", "/etc/one.conf\n")
        .file("etc/one.conf", "x");
    let two = Package::new("two", "2:1-1")
        .file("usr/bin/two", "2")
        .file("lib/two.so", "->../bin/two");
    let system = composed(&place, &[two, one]).unwrap();
    assert_eq!(text(&system, "bin/one"), "1");
    assert_eq!(text(&system, "usr/bin/one"), "1");
    assert_eq!(
        std::fs::read_link(system.root.join("bin")).unwrap(),
        Path::new("usr/bin")
    );
    let status = text(&system, "var/lib/dpkg/status");
    assert!(
        status.contains("Package: one\nStatus: install ok installed\nVersion: 1.0\n"),
        "{status}"
    );
    assert!(
        status.contains(" /etc/one.conf 9dd4e461268c8034f5c8564e155c67a6"),
        "{status}"
    );
    assert_eq!(
        text(&system, "var/lib/dpkg/info/two.list"),
        "/.\n/lib/two.so\n/usr/bin/two\n"
    );
    let report = place.store.verify(Depth::Full, Repair::Report).unwrap();
    assert_eq!(report.damage, []);
    assert_eq!(place.store.size().unwrap().systems, 1);
}

#[test]
fn a_path_of_two_packages_is_settled_by_dpkgs_rules() {
    let one = Package::new("one", "1").file("usr/share/x", "1");
    let same = Package::new("two", "1").file("usr/share/x", "1");
    let other = Package::new("two", "1").file("usr/share/x", "2");
    let replacing = other.clone().field("Replaces", "one (<< 2)");
    let too_old = other.clone().field("Replaces", "one (<< 1)");
    let diverting = Package::new("two", "1").file("usr/share/x", "2").extra(
        "preinst",
        "#!/bin/sh\nset -e\nif [ \"$1\" = install ]; then\n  dpkg-divert --package two --rename --divert /usr/share/x.one --add /usr/share/x\nfi\n",
    );
    for (second, expected) in [
        (same, Ok("1")),
        (replacing, Ok("2")),
        (diverting, Ok("2")),
        (
            other,
            Err("one:amd64 and two:amd64 both have /usr/share/x, and neither replaces the other"),
        ),
        (
            too_old,
            Err("one:amd64 and two:amd64 both have /usr/share/x, and neither replaces the other"),
        ),
    ] {
        let place = place();
        let found = composed(&place, &[one.clone(), second]);
        match (found, expected) {
            (Ok(system), Ok(expected)) => assert_eq!(text(&system, "usr/share/x"), expected),
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn scripts_are_followed_as_far_as_they_are_data() {
    let place = place();
    let script = r#"#!/bin/sh
set -e
VERSION=${DPKG_MAINTSCRIPT_PACKAGE##*-}
helper() {
  [ -d "$1" ] || mkdir -p "$1"
  echo "$2" > "$1/state"
}
case "$1" in
  configure)
    if ! getent passwd srv >/dev/null; then
      adduser --system --quiet --home /var/lib/srv --no-create-home --group --gecos "A server" srv
    fi
    helper /var/lib/srv "v$VERSION"
    update-alternatives --install /usr/bin/tool tool /usr/bin/tool-15 10 \
      --slave /usr/share/man/man1/tool.1 tool.1 /usr/share/tool-15.1
    for unit in a b; do
      deb-systemd-helper enable "$unit.service" || true
    done
    if some-program --check; then
      touch /etc/never
    fi
  ;;
esac
cat > /etc/srv.conf <<EOF
version = $VERSION
EOF
exit 0
"#;
    let package = Package::new("srv-15", "1")
        .file("usr/bin/tool-15", "t")
        .file("usr/share/tool-15.1", "m")
        .extra("postinst", script);
    let system = composed(&place, &[package]).unwrap();
    assert_eq!(text(&system, "var/lib/srv/state"), "v15\n");
    assert_eq!(text(&system, "etc/srv.conf"), "version = 15\n");
    assert!(text(&system, "etc/passwd").contains(":A server:/var/lib/srv:/usr/sbin/nologin\n"));
    assert_eq!(
        std::fs::read_link(system.root.join("usr/bin/tool")).unwrap(),
        Path::new("/etc/alternatives/tool")
    );
    assert!(!system.root.join("etc/never").exists());
    assert_eq!(system.report.accounts, ["srv"]);
    let report = &system.report.scripts[0];
    assert_eq!(report.class, ScriptClass::NeedsRunning);
    assert_eq!(report.skipped, ["some-program --check", "touch /etc/never"]);
}

#[test]
fn what_stands_is_not_made_again() {
    let place = place();
    let package = Package::new("one", "1")
        .file("usr/share/x", "1")
        .import(&place.store);
    let options = Options::default();
    let packages = [package];
    let made = || compose(&place.store, &packages, &options, None, &GOING).unwrap();
    let (first, second) = (made(), made());
    assert!(first.made && !second.made);
    assert_eq!((first.id, first.report), (second.id, second.report));
    let approving = Options {
        approved: ["x".to_owned()].into(),
        ..options
    };
    let id = |options: &Options, finished| id_of(&packages, options, finished);
    assert_eq!(id(&approving, false), first.id, "nobody would run it");
    assert_ne!(id(&approving, true), id(&Options::default(), true));
    let answered = Options {
        answers: vec!["a a/b string c".to_owned()],
        ..approving.clone()
    };
    assert_ne!(id(&answered, true), id(&approving, true));
}

/// Does what a script's text says: a line each, `write PATH TEXT`, `remove PATH`, `secret PATH`, `fail`, and nothing else.
struct Obeys {
    called: std::sync::Mutex<Vec<Vec<String>>>,
}

impl Runner for Obeys {
    fn run(&self, job: &Job, place: Workplace<'_>) -> Result<(), JobError> {
        let Workplace::Own(root) = place else {
            panic!("scripts have a root of their own");
        };
        self.called.lock().unwrap().push(job.argv.clone());
        let text = std::fs::read_to_string(root.join(&job.argv[0][1..])).unwrap();
        for line in text.lines().skip(1).filter(|_| job.argv[1] != "triggered") {
            let words: Vec<&str> = line.split(' ').collect();
            let done = match words.as_slice() {
                ["write", path, text] => std::fs::write(root.join(path), text),
                ["remove", path] => std::fs::remove_file(root.join(path)),
                ["secret", path] => std::fs::write(root.join(path), "key").and_then(|()| {
                    std::fs::set_permissions(
                        root.join(path),
                        std::os::unix::fs::PermissionsExt::from_mode(0o600),
                    )
                }),
                _ => return Err(JobError::Failed("exit code 3: it said so".to_owned())),
            };
            done.map_err(broken)?;
        }
        Ok(())
    }
}

fn approving(place: &Place, packages: &[DebPackage]) -> Options {
    Options {
        approved: with_scripts(&place.store, packages).unwrap(),
        ..Options::default()
    }
}

fn obeys() -> Obeys {
    Obeys {
        called: std::sync::Mutex::default(),
    }
}

#[test]
fn what_approved_scripts_do_is_part_of_the_root_and_of_no_object() {
    let place = place();
    let script = "#!/bin/sh\nwrite usr/share/x/data after\nwrite etc/made new\nremove usr/share/x/old\nsecret etc/key\n";
    let first = Package::new("z-first", "1")
        .file("usr/share/x/data", "before")
        .file("usr/share/x/old", "old")
        .extra("postinst", script)
        .extra("triggers", "interest /usr/share/y\ninterest never\n")
        .import(&place.store);
    let second = Package::new("a-second", "1")
        .field("Depends", "z-first")
        .file("usr/share/y/data", "y")
        .extra("postinst", "#!/bin/sh\nwrite usr/share/x/data later\n")
        .import(&place.store);
    let packages = [first, second];
    let runner = obeys();
    let options = approving(&place, &packages);
    let system = compose(&place.store, &packages, &options, Some(&runner), &GOING).unwrap();
    assert_eq!(
        text(&system, "usr/share/x/data"),
        "later",
        "what is depended on comes first"
    );
    assert_eq!(text(&system, "etc/made"), "new");
    assert_eq!(text(&system, "etc/key"), "key");
    let data = system.root.join("etc/key").metadata().unwrap();
    let (mode, links) = (
        std::os::unix::fs::MetadataExt::mode(&data) & 0o777,
        std::os::unix::fs::MetadataExt::nlink(&data),
    );
    assert_eq!(
        (mode, links),
        (0o400, 1),
        "what was for its owner's eyes still is"
    );
    assert!(!system.root.join("usr/share/x/old").exists());
    assert_eq!(
        place.store.verify(Depth::Full, Repair::Report).unwrap().damage,
        []
    );
    let called = runner.called.into_inner().unwrap();
    let info = |name: &str| format!("/var/lib/dpkg/info/{name}.postinst");
    assert_eq!(
        called,
        [
            vec![info("z-first"), "configure".to_owned(), String::new()],
            vec![info("a-second"), "configure".to_owned(), String::new()],
            vec![info("z-first"), "triggered".to_owned(), "/usr/share/y".to_owned()],
        ]
    );
    let plain = compose(
        &place.store,
        &packages,
        &Options::default(),
        Some(&obeys()),
        &GOING,
    )
    .unwrap();
    assert_ne!(plain.id, system.id);
    assert_eq!(
        text(&plain, "usr/share/x/data"),
        "before",
        "another root of the same packages"
    );
}

#[test]
fn an_approval_is_of_one_package_and_not_of_all_with_the_same_script() {
    let place = place();
    let package = |name: &str| {
        let package = Package::new(name, "1").extra("postinst", "#!/bin/sh\nwrite etc/made new\n");
        package.import(&place.store)
    };
    let packages = [package("one"), package("other")];
    let scriptless = Package::new("scriptless", "1").import(&place.store);
    let options = approving(&place, &[packages[1].clone(), scriptless]);
    assert_eq!(options.approved, ["other:amd64".to_owned()].into());
    let runner = obeys();
    let system = compose(&place.store, &packages, &options, Some(&runner), &GOING).unwrap();
    let ran = system.report.scripts.iter().filter(|script| script.ran);
    assert_eq!(
        ran.map(|script| &script.package).collect::<Vec<_>>(),
        ["other:amd64"]
    );
    assert_eq!(runner.called.into_inner().unwrap().len(), 1);
    let other = approving(&place, &packages[..1]);
    assert_ne!(id_of(&packages, &other, true), system.id);
}

#[test]
fn where_an_approved_script_fails_there_is_no_root() {
    let place = place();
    let package = Package::new("bad", "1.2")
        .extra("postinst", "#!/bin/sh\nwrite etc/made x\nbreak\n")
        .import(&place.store);
    let packages = [package];
    let options = approving(&place, &packages);
    let error = compose(&place.store, &packages, &options, Some(&obeys()), &GOING).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the approved postinst of bad:amd64 1.2 failed: exit code 3: it said so"
    );
    assert!(!place.store.has_system(&id_of(&packages, &options, true)));
    let unanswered = Options {
        answers: vec!["bad bad/question string x".to_owned()],
        ..options
    };
    let error = compose(&place.store, &packages, &unanswered, Some(&obeys()), &GOING).unwrap_err();
    assert!(
        error.to_string().contains("no package of the root has debconf"),
        "{error}"
    );
}

/// Writes to what it may write, and to one file that is shared.
struct Writes;

impl Runner for Writes {
    fn run(&self, job: &Job, place: Workplace<'_>) -> Result<(), JobError> {
        assert_eq!(job.argv, ["/usr/bin/update-mime-database", "/usr/share/mime"]);
        let Workplace::Shared {
            copies: [(Extent::Below(of), copy)],
            ..
        } = place
        else {
            panic!("it writes below one folder: {place:?}");
        };
        assert_eq!(of.to_lossy(), "usr/share/mime");
        std::fs::write(copy.join("cache"), "made").map_err(broken)?;
        std::fs::write(copy.join("packages"), "changed").map_err(broken)
    }
}

#[test]
fn programs_that_finish_a_root_change_no_object() {
    let place = place();
    let package = Package::new("mime", "1")
        .file("usr/bin/update-mime-database", "program")
        .file("usr/share/mime/packages", "before")
        .import(&place.store);
    let system = compose(
        &place.store,
        &[package],
        &Options::default(),
        Some(&Writes),
        &GOING,
    )
    .unwrap();
    assert_eq!(text(&system, "usr/share/mime/cache"), "made");
    assert_eq!(text(&system, "usr/share/mime/packages"), "changed");
    assert_eq!(system.report.actions[0].changed, Some(2));
    assert_eq!(
        place.store.verify(Depth::Full, Repair::Report).unwrap().damage,
        []
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_packages_is_no_matter(order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle()) {
        let packages: Vec<Package> = (0..5)
            .map(|number| {
                Package::new(&format!("p{number}"), "1")
                    .file(&format!("usr/share/{number}"), "x")
                    .file("usr/share/common", "same")
                    .extra("postinst", &format!("#!/bin/sh\nadduser --system --group u{number}\n"))
            })
            .collect();
        let (one, other) = (place(), place());
        let first = composed(&one, &packages).unwrap();
        let shuffled: Vec<Package> = order.into_iter().map(|at| packages[at].clone()).collect();
        let second = composed(&other, &shuffled).unwrap();
        prop_assert_eq!(first.id, second.id);
        let tree = |place: &Place, system: &System| place.store.system_manifest(&system.id).unwrap();
        prop_assert_eq!(tree(&one, &first), tree(&other, &second));
    }
}
