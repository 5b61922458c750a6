//! Environments of several folders: `.venv` and `node_modules` of a project and its members, as one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use wharf_core::{Explain, NullSink, PackageName};
use wharf_store::{ContentKey, GraphKey, HomeContent, HomeId, Limits, Shape, Store};
use wharf_sys::Governor;

use super::Fixture;
use crate::generation::Marker;
use crate::layout::{Content, Item};
use crate::{
    Applied, Durability, Environment, Fingerprint, Foreign, Freshness, InstallError, InstalledNode, NodeRoot,
    NodeRuntime, NodeWanted, Plan, Recovered, RootName, Wanted,
};

/// A project without Python.
pub(super) struct Project {
    _temporary: tempfile::TempDir,
    pub(super) folder: PathBuf,
    pub(super) store: Store,
}

impl Project {
    fn new(members: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("project");
        for member in members {
            fs::create_dir_all(folder.join(member)).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&temporary.path().join("store")).unwrap();
        Self {
            folder,
            store,
            _temporary: temporary,
        }
    }

    fn environment(&self) -> Environment {
        Environment::open(&self.folder).unwrap()
    }

    fn plan(&self, wanted: &Wanted) -> Plan {
        self.environment().plan(wanted).unwrap()
    }

    fn apply(&self, wanted: &Wanted) -> Result<Applied, InstallError> {
        apply(&self.folder, &self.store, wanted)
    }

    fn root(&self, folder: &str) -> PathBuf {
        self.folder.join(folder).join("node_modules")
    }
}

pub(super) fn apply(project: &Path, store: &Store, wanted: &Wanted) -> Result<Applied, InstallError> {
    let environment = Environment::open(project)?;
    if wanted.durability != Durability::Process {
        environment.expect_commit();
    }
    apply_to(&environment, store, wanted)
}

pub(super) fn apply_to(
    environment: &Environment,
    store: &Store,
    wanted: &Wanted,
) -> Result<Applied, InstallError> {
    let plan = environment.plan(wanted)?;
    environment.apply(
        &plan,
        wanted,
        store,
        &Governor::for_machine(),
        &NullSink::shared(),
        &AtomicBool::new(false),
    )
}

/// A `node_modules` with a file for each package, and a package of that name and version on record.
pub(super) fn node(folders: &[(&str, &[(&str, &str)])]) -> NodeWanted {
    let mut wanted = NodeWanted::default();
    for (folder, packages) in folders {
        let mut items = Vec::new();
        for (name, version) in *packages {
            items.push(Item::text(&format!("{name}/version"), (*version).to_owned()));
            items.push(Item::link(
                &format!(".bin/{}", name.replace('/', "-")),
                &format!("../{name}/version"),
            ));
            wanted.packages.push(InstalledNode {
                name: PackageName::new(wharf_core::Ecosystem::Npm, name).unwrap(),
                version: (*version).to_owned(),
                key: format!("{name}@{version}"),
            });
        }
        wanted.roots.push(NodeRoot {
            folder: (*folder).to_owned(),
            items,
        });
    }
    wanted.packages.sort();
    wanted.packages.dedup();
    wanted
}

fn wish(folders: &[(&str, &[(&str, &str)])]) -> Wanted {
    Wanted::new("lock").with_node(node(folders))
}

#[test]
fn a_project_without_python_gets_no_venv() {
    let project = Project::new(&["packages/a", "packages/empty"]);
    let wanted = wish(&[
        (".", &[("react", "19.0.0"), ("@scope/x", "1.0.0")]),
        ("packages/a", &[("react", "18.0.0")]),
        ("packages/empty", &[]),
    ]);
    let applied = project.apply(&wanted).unwrap();
    assert_eq!((applied.generation, applied.changed), (1, true));
    let names = |changes: &[crate::Change]| -> Vec<String> {
        let line = |change: &crate::Change| {
            let shown = |version: &Option<String>| version.clone().unwrap_or_default();
            format!("{} {} -> {}", change.name, shown(&change.from), shown(&change.to))
        };
        changes.iter().map(line).collect()
    };
    assert_eq!(
        names(&applied.plan.add),
        ["@scope/x  -> 1.0.0", "react  -> 18.0.0, 19.0.0"]
    );
    assert_eq!(
        fs::read_to_string(project.root(".").join("react/version")).unwrap(),
        "19.0.0"
    );
    assert_eq!(
        fs::read_to_string(project.root("packages/a").join(".bin/react")).unwrap(),
        "18.0.0"
    );
    assert!(!project.root("packages/empty").exists() && !project.folder.join(".venv").exists());
    let again = project.apply(&wanted).unwrap();
    assert_eq!((again.generation, again.changed), (1, false));
    let less = wish(&[(".", &[("react", "19.1.0")])]);
    let applied = project.apply(&less).unwrap();
    assert_eq!(names(&applied.plan.change), ["react 18.0.0, 19.0.0 -> 19.1.0"]);
    assert_eq!(names(&applied.plan.remove), ["@scope/x 1.0.0 -> "]);
    assert!(
        !project.root("packages/a").exists(),
        "folders that are no longer wanted go"
    );
    assert_eq!(project.environment().recover().unwrap(), Recovered::Clean);
    // Nothing is wanted any more.
    project.apply(&Wanted::new("lock")).unwrap();
    assert!(!project.root(".").exists());
    assert!(!project.apply(&Wanted::new("lock")).unwrap().changed);
}

#[test]
fn folders_that_do_not_change_are_not_touched() {
    use std::os::unix::fs::MetadataExt;
    let project = Project::new(&["a", "b"]);
    project
        .apply(&wish(&[("a", &[("x", "1.0.0")]), ("b", &[("x", "1.0.0")])]))
        .unwrap();
    let inode = |folder: &str| fs::metadata(project.root(folder)).unwrap().ino();
    let (a, b) = (inode("a"), inode("b"));
    let wanted = wish(&[("a", &[("x", "1.0.0")]), ("b", &[("x", "2.0.0")])]);
    let applied = project.apply(&wanted).unwrap();
    assert_eq!(applied.plan.roots.keep, [RootName::node("a")].into());
    assert_eq!(applied.plan.roots.make, [RootName::node("b")].into());
    assert!(inode("a") == a && inode("b") != b);
    assert_eq!(Marker::read(&project.root("a")).unwrap().generation, 1);
    assert_eq!(Marker::read(&project.root("b")).unwrap().generation, 2);
    assert!(project.plan(&wanted).is_empty());
}

#[test]
fn what_others_did_is_noticed_and_set_right_in_its_folder() {
    let project = Project::new(&["a"]);
    let wanted = wish(&[
        (".", &[("x", "1.0.0"), ("@s/y", "1.0.0")]),
        ("a", &[("x", "1.0.0")]),
    ]);
    project.apply(&wanted).unwrap();
    fs::create_dir_all(project.root(".").join("intruder")).unwrap();
    fs::create_dir_all(project.root(".").join("@s/intruder")).unwrap();
    fs::remove_file(project.root(".").join(".bin/x")).unwrap();
    fs::create_dir_all(project.root("a").join(".cache/tool")).unwrap();
    let plan = project.plan(&wanted);
    assert_eq!(
        plan.foreign,
        ["node_modules/intruder", "node_modules/@s/intruder"]
    );
    assert_eq!(plan.missing, ["node_modules/.bin/x"]);
    assert_eq!(plan.roots.make, [RootName::node(".")].into());
    project.apply(&wanted).unwrap();
    assert!(!project.root(".").join("intruder").exists());
    assert!(project.plan(&wanted).is_empty());
    fs::remove_dir_all(project.root("a")).unwrap();
    let plan = project.plan(&wanted);
    assert_eq!(plan.rebuild, ["a/node_modules: it is not there"]);
    project.apply(&wanted).unwrap();
    assert!(project.root("a").join("x/version").exists());
}

#[test]
fn what_others_put_behind_the_same_names_is_noticed_and_set_right() {
    let project = Project::new(&[]);
    let wanted = wish(&[(".", &[("x", "1.0.0"), ("y", "1.0.0"), ("@s/z", "1.0.0")])]);
    project.apply(&wanted).unwrap();
    let root = project.root(".");
    let environment = project.environment();
    let note = || {
        let key = "sync".to_owned();
        let inputs = Vec::new();
        environment.note_current(&Fingerprint { key, inputs }).unwrap();
    };
    note();
    // Past the grain of the file system's clock.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let replace = |name: &str, version: &str| {
        let aside = root.join(".aside");
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("version"), version).unwrap();
        fs::remove_dir_all(root.join(name)).unwrap();
        fs::rename(&aside, root.join(name)).unwrap();
    };
    // A tool's cache changes the folder, and nothing that counts.
    fs::create_dir_all(root.join(".cache/tool")).unwrap();
    assert!(project.plan(&wanted).is_empty());
    assert_eq!(environment.is_current("sync"), Freshness::Current(1));
    replace("x", "2.0.0");
    assert_ne!(environment.is_current("sync"), Freshness::Current(1));
    let plan = project.plan(&wanted);
    assert_eq!(plan.foreign, ["what something else put at node_modules/x"]);
    assert_eq!(plan.roots.make, [RootName::node(".")].into());
    replace("@s/z", "2.0.0");
    fs::remove_file(root.join(".bin/y")).unwrap();
    std::os::unix::fs::symlink("../x/version", root.join(".bin/y")).unwrap();
    let plan = project.plan(&wanted);
    assert_eq!(
        plan.foreign,
        ["what something else put at node_modules/x (and 2 others)"]
    );
    project.apply(&wanted).unwrap();
    assert_eq!(fs::read_to_string(root.join("x/version")).unwrap(), "1.0.0");
    assert!(project.plan(&wanted).is_empty());
    note();
    assert_eq!(environment.is_current("sync"), Freshness::Current(2));
}

#[test]
fn a_copy_is_what_was_copied() {
    let project = Project::new(&[]);
    let wanted = wish(&[(".", &[("x", "1.0.0")])]);
    project.apply(&wanted).unwrap();
    let copy = project.folder.with_file_name("copy");
    let state = copy.join(".wharf");
    // The records first, with their times, and what they tell of later: as an archive is unpacked.
    for (from, to) in [
        (project.folder.join(".wharf"), &state),
        (project.root("."), &copy.join("node_modules")),
    ] {
        fs::create_dir_all(to).unwrap();
        let copied = std::process::Command::new("cp")
            .args(["-a", "-T"])
            .args([from.as_path(), to.as_path()])
            .status();
        assert!(copied.unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    let plan = Environment::open(&copy).unwrap().plan(&wanted).unwrap();
    assert_eq!(plan.foreign, [""; 0]);
    assert!(plan.is_empty());
}

#[test]
fn links_that_lead_nowhere_are_mended() {
    let project = Project::new(&[]);
    let home = project.store.root().join("home");
    fs::create_dir(&home).unwrap();
    let mut wanted = wish(&[(".", &[])]);
    let part = wanted.node.as_mut().unwrap();
    part.roots[0].items = vec![
        Item::link("x", home.to_str().unwrap()),
        Item::link(".bin/promised", "../x/never-there"),
        Item::link("linked", "../../gone"),
    ];
    project.apply(&wanted).unwrap();
    assert!(project.plan(&wanted).is_empty());
    fs::remove_dir(&home).unwrap();
    assert_eq!(project.plan(&wanted).missing, ["node_modules/x"]);
}

#[test]
fn a_project_that_moved_keeps_its_node_modules() {
    let project = Project::new(&["a"]);
    let wanted = wish(&[(".", &[("x", "1.0.0")]), ("a", &[("y", "1.0.0")])]);
    project.apply(&wanted).unwrap();
    let moved = project.folder.with_file_name("moved");
    fs::rename(&project.folder, &moved).unwrap();
    let environment = Environment::open(&moved).unwrap();
    assert!(environment.plan(&wanted).unwrap().is_empty());
}

#[test]
fn anothers_node_modules_are_refused_unless_replacing_is_asked_for() {
    let project = Project::new(&["a"]);
    let root = project.root("a");
    fs::create_dir_all(root.join("react")).unwrap();
    let mut wanted = wish(&[(".", &[("x", "1.0.0")]), ("a", &[("x", "1.0.0")])]);
    for (file, words) in [
        (None, "another tool installed it"),
        (Some(".yarn-integrity"), "yarn installed it"),
        (Some(".package-lock.json"), "npm installed it"),
        (Some(".modules.yaml"), "pnpm installed it"),
    ] {
        if let Some(file) = file {
            fs::write(root.join(file), "").unwrap();
        }
        let error = project.apply(&wanted).unwrap_err();
        assert_eq!(error.code(), "install/foreign-environment");
        assert!(error.to_string().ends_with(words), "{error}");
        assert!(error.hints()[0].contains("`wharf sync --replace`"));
    }
    assert!(
        root.join("react").is_dir() && !project.root(".").exists(),
        "nothing was touched"
    );
    fs::create_dir_all(root.join(".cache/kept")).unwrap();
    wanted.foreign = Foreign::Replace;
    project.apply(&wanted).unwrap();
    assert!(!root.join("react").exists() && root.join("x").exists() && root.join(".cache/kept").exists());
    fs::remove_dir_all(project.root(".")).unwrap();
    std::os::unix::fs::symlink("a", project.root(".")).unwrap();
    let error = project.apply(&wanted).unwrap_err();
    assert!(error.to_string().ends_with("it is a symbolic link"), "{error}");
}

#[test]
fn a_member_on_another_file_system_is_refused_by_name() {
    use std::os::unix::fs::MetadataExt;
    let project = Project::new(&[]);
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    if device(other.path()) == device(&project.folder) {
        return;
    }
    let far = format!("{}{}", "../".repeat(20), other.path().display());
    let error = project
        .apply(&wish(&[(".", &[("x", "1.0.0")]), (&far, &[("x", "1.0.0")])]))
        .unwrap_err();
    assert_eq!(error.code(), "install/file-system");
    assert!(error.hints()[0].starts_with("unmount"), "{:?}", error.hints());
    assert!(!project.root(".").exists(), "nothing was touched");
}

#[test]
fn caches_of_tools_outlive_the_folder() {
    let project = Project::new(&[]);
    fs::create_dir_all(project.root(".").join(".vite/deps")).unwrap();
    project.apply(&wish(&[(".", &[("x", "1.0.0")])])).unwrap();
    assert!(
        project.root(".").join(".vite/deps").exists(),
        "from before the first install, too"
    );
    fs::write(project.root(".").join(".vite/deps/a.js"), "cached").unwrap();
    fs::create_dir_all(project.root(".").join(".cache/babel")).unwrap();
    let wanted = wish(&[(".", &[("x", "2.0.0")])]);
    project.apply(&wanted).unwrap();
    assert_eq!(
        fs::read_to_string(project.root(".").join(".vite/deps/a.js")).unwrap(),
        "cached"
    );
    assert!(project.root(".").join(".cache/babel").exists());
    assert!(project.plan(&wanted).is_empty(), "caches are no change");
}

#[test]
fn homes_of_the_store_become_folders() {
    use std::os::unix::fs::MetadataExt;
    let project = Project::new(&[]);
    let source = project.folder.join("source");
    fs::create_dir_all(source.join("lib")).unwrap();
    fs::write(source.join("package.json"), "{}").unwrap();
    fs::write(source.join("lib/a.js"), "a").unwrap();
    let unpacked = project
        .store
        .unpack_folder(&source, Shape::Tree("a"), &Limits::default(), &|_| true)
        .unwrap();
    let home = HomeId {
        label: "a@1.0.0".to_owned(),
        content: ContentKey::of_tree(&unpacked.tree()),
        graph: GraphKey::PRISTINE,
    };
    project
        .store
        .place_home(&home, HomeContent::Fresh(unpacked), &[])
        .unwrap();
    let wanted = |copy| {
        let home = home.clone();
        let item = Item {
            path: "a".to_owned(),
            content: Content::Home { home, copy },
        };
        let mut wanted = wish(&[(".", &[])]);
        wanted.node.as_mut().unwrap().roots[0].items = vec![item, Item::link(".bin/a", "../a/lib/a.js")];
        wanted
    };
    let stored = fs::metadata(project.store.home_package(&home).join("lib/a.js")).unwrap();
    let file = project.root(".").join("a/lib/a.js");
    project.apply(&wanted(false)).unwrap();
    assert!(fs::metadata(&file).unwrap().mode() & 0o222 == 0);
    let plan = project.plan(&wanted(true));
    assert_eq!(plan.rebuild, ["node_modules: what lies in it changes"]);
    project.apply(&wanted(true)).unwrap();
    let copied = fs::metadata(&file).unwrap();
    assert!(copied.ino() != stored.ino() && copied.mode() & 0o200 != 0);
    assert_eq!(fs::read_to_string(project.root(".").join(".bin/a")).unwrap(), "a");
}

#[test]
fn what_an_older_wharf_made_is_made_anew() {
    let Some(fixture) = Fixture::new() else { return };
    let state = fixture.project.join(".wharf");
    fs::create_dir_all(state.join("gen")).unwrap();
    fs::create_dir_all(fixture.root()).unwrap();
    fs::write(
        state.join("gen/7.json"),
        r#"{"format": 1, "number": 7, "packages": []}"#,
    )
    .unwrap();
    let marker = r#"{"format": 1, "generation": 7, "transaction": "7-1-2"}"#;
    fs::write(fixture.root().join(Marker::NAME), marker).unwrap();
    fs::write(fixture.root().join("left"), "").unwrap();
    let applied = apply(&fixture.project, &fixture.store, &fixture.wanted(&[])).unwrap();
    assert_eq!((applied.generation, applied.changed), (8, true));
    assert!(!fixture.root().join("left").exists());
    assert_eq!(fixture.run("print(1)"), "1");
}

#[test]
fn a_node_of_the_environment_comes_first() {
    let project = Project::new(&["a/src"]);
    let mut wanted = wish(&[("a", &[("x", "1.0.0")])]);
    let node = project.folder.join("node-22");
    fs::write(&node, "").unwrap();
    wanted.node.as_mut().unwrap().runtime = Some(NodeRuntime {
        version: "22.1.0".to_owned(),
        path: node.clone(),
    });
    // A package may bring a command of that name.
    let items = &mut wanted.node.as_mut().unwrap().roots[0].items;
    items.push(Item::link(".bin/node", "../x/version"));
    project.apply(&wanted).unwrap();
    for folder in [".", "a"] {
        assert_eq!(
            fs::read_link(project.root(folder).join(".bin/node")).unwrap(),
            node
        );
    }
    let environment = project.environment();
    let around = environment
        .run_environment(&project.folder.join("a/src"))
        .unwrap()
        .unwrap();
    assert_eq!(
        around.path,
        [project.root("a").join(".bin"), project.root(".").join(".bin")]
    );
    assert_eq!(
        around.program("node".as_ref()),
        Some(project.root("a").join(".bin/node"))
    );
    assert_eq!(around.program("./node".as_ref()), None);
    assert!(around.variables.is_empty() && around.remove.is_empty());
    let part = environment.current().unwrap().unwrap().node.unwrap();
    assert_eq!(part.runtime.unwrap().version, "22.1.0");
}

#[test]
fn a_command_finds_both_worlds() {
    let Some(fixture) = Fixture::new() else { return };
    let mut wanted = fixture.wanted(&[]);
    let environment = Environment::open(&fixture.project).unwrap();
    assert_eq!(environment.run_environment(&fixture.project).unwrap(), None);
    let mut part = node(&[(".", &[("x", "1.0.0")])]);
    part.roots[0]
        .items
        .push(Item::link(".wharf/node_modules/.store/node_modules/x", "../../x"));
    wanted.node = Some(part);
    apply(&fixture.project, &fixture.store, &wanted).unwrap();
    let around = environment.run_environment(&fixture.project).unwrap().unwrap();
    let modules = fixture.project.join("node_modules");
    assert_eq!(around.path, [fixture.root().join("bin"), modules.join(".bin")]);
    let names: Vec<&str> = around.variables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["VIRTUAL_ENV", "NODE_PATH"]);
    assert_eq!(around.remove, ["PYTHONHOME"]);
    let hoisted = modules.join(".wharf/node_modules/.store/node_modules");
    assert!(
        around.variables[1]
            .1
            .to_string_lossy()
            .starts_with(hoisted.to_str().unwrap())
    );
    let path = around.path_around("/one:/two".as_ref());
    assert!(path.to_string_lossy().ends_with("node_modules/.bin:/one:/two"));
}

#[test]
fn nothing_to_do_is_found_out_in_no_time() {
    let members: Vec<String> = (0..10).map(|number| format!("packages/m{number}")).collect();
    let folders: Vec<&str> = members.iter().map(String::as_str).chain(["."]).collect();
    let project = Project::new(&folders);
    let names: Vec<String> = (0..40).map(|number| format!("package-{number}")).collect();
    let packages: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1.0.0")).collect();
    let all: Vec<_> = folders
        .iter()
        .map(|folder| (*folder, packages.as_slice()))
        .collect();
    let mut wanted = wish(&all);
    let top = &mut wanted.node.as_mut().unwrap().roots[10].items;
    top.extend((0..1500).map(|number| {
        Item::link(
            &format!(".wharf/node_modules/.store/node_modules/p{number}"),
            "../..",
        )
    }));
    let started = Instant::now();
    project.apply(&wanted).unwrap();
    let installed = started.elapsed();
    let started = Instant::now();
    assert!(project.plan(&wanted).is_empty());
    eprintln!(
        "11 roots, 1,940 packages: installed in {installed:?}, compared in {:?}",
        started.elapsed()
    );
    let environment = project.environment();
    let inputs: Vec<PathBuf> = folders
        .iter()
        .map(|folder| project.folder.join(folder).join("package.json"))
        .collect();
    let note = || {
        let (key, inputs) = ("sync".to_owned(), inputs.clone());
        environment.note_current(&Fingerprint { key, inputs }).unwrap();
    };
    note();
    // Past the clock's granularity nothing has to be listed; the first look notes that.
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(environment.is_current("sync"), Freshness::Current(1));
    note();
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(environment.is_current("sync"), Freshness::Current(1));
    }
    let each = started.elapsed() / 100;
    eprintln!("nothing to do, 11 roots: {each:?}");
    assert!(each.as_millis() < 20, "{each:?}");
    let stale = |part: &str| match environment.is_current("sync") {
        Freshness::Stale(reason) => assert!(reason.contains(part), "{reason}"),
        Freshness::Current(_) => panic!("taken for current although: {part}"),
    };
    let root = project.root("packages/m7");
    fs::create_dir(root.join(".cache")).unwrap();
    assert_eq!(
        environment.is_current("sync"),
        Freshness::Current(1),
        "a tool's cache"
    );
    fs::create_dir(root.join("intruder")).unwrap();
    stale("somebody changed");
    fs::remove_dir(root.join("intruder")).unwrap();
    fs::rename(root.join(".bin/package-3"), root.join(".bin/other")).unwrap();
    stale("somebody changed");
    fs::rename(root.join(".bin/other"), root.join(".bin/package-3")).unwrap();
    assert_eq!(environment.is_current("sync"), Freshness::Current(1));
    fs::remove_dir_all(&root).unwrap();
    stale("was replaced");
}
