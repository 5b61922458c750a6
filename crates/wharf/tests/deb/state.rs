//! A project's own `/etc`: what was changed there and came otherwise is told, once, by the command that brings it.

use wharf_testkit::DebPackage;

use crate::{Case, views};

fn hello(version: &str, tone: &str) -> DebPackage {
    DebPackage::new("hello", version).conffile("/etc/hello.conf", tone)
}

#[test]
fn a_configuration_that_both_changed_stays_and_is_told_of() {
    if !views() {
        return;
    }
    let case = Case::new(&["hello"]);
    hello("1.0-1", "tone=calm\n").publish(&case.repository);
    case.synced();
    let own = case.fixture.project().join(".wharf/system-state/etc/hello.conf");
    assert_eq!(
        std::fs::read_to_string(&own).unwrap(),
        "tone=calm\n",
        "there before anything runs"
    );
    std::fs::write(&own, "tone=loud\n").unwrap();
    case.repository.withdraw("stable", "hello");
    hello("2.0-1", "tone=quiet\n").publish(&case.repository);
    let finished = case.run(&["sync", "--upgrade"]);
    assert!(finished.status.success(), "{}", finished.stderr);
    for words in ["/etc/hello.conf was changed in this project", "etc/hello.conf"] {
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "tone=loud\n");
    assert_eq!(
        std::fs::read_to_string(case.root().join("etc/hello.conf")).unwrap(),
        "tone=quiet\n"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_project_whose_path_no_file_can_name_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let case = Case::new(&["hello"]);
    hello("1.0-1", "").publish(&case.repository);
    let odd = case.fixture.home().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::create_dir_all(&odd).unwrap();
    std::fs::copy(case.fixture.project().join("wharf.toml"), odd.join("wharf.toml")).unwrap();
    for entry in std::fs::read_dir(case.fixture.project()).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), odd.join(entry.file_name())).unwrap();
        }
    }
    let mut command = case.fixture.command();
    command.arg("sync").current_dir(&odd);
    let finished = case.fixture.finish(command);
    assert!(finished.stderr.contains("is not Unicode"), "{}", finished.stderr);
    assert_eq!(case.repository.downloads(), 0, "nothing was fetched");
}
