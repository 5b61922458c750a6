//! Install scripts of approved packages, with a shell in Node's place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use wharf_core::{Ecosystem, Explain, NullSink, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::Version;
use wharf_ecosystem::npm::graph::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};
use wharf_store::{ContentKey, GraphKey, HomeContent, HomeId, Limits, Shape, Store};
use wharf_sys::Governor;

use crate::lifecycle::{Approved, Built, ScriptError, run};
use crate::nodejs::NodeBinary;

pub(super) struct World {
    temporary: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) graph: Graph,
    pub(super) homes: Vec<Option<HomeId>>,
    pub(super) node: NodeBinary,
    config: BTreeMap<String, String>,
    shims: Option<PathBuf>,
}

impl World {
    pub(super) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let store = Store::open(&temporary.path().join("store")).unwrap();
        fs::create_dir_all(temporary.path().join("project/node_modules/.bin")).unwrap();
        Self {
            node: NodeBinary {
                path: "/bin/sh".into(),
                executable: "/bin/sh".into(),
                version: Version::parse("22.1.0").unwrap(),
                platform: "linux".to_owned(),
                arch: "x64".to_owned(),
            },
            config: BTreeMap::new(),
            shims: None,
            graph: Graph::default(),
            homes: Vec::new(),
            store,
            temporary,
        }
    }

    pub(super) fn project(&self) -> PathBuf {
        self.temporary.path().join("project")
    }

    /// Puts a package into the store and the graph.
    pub(super) fn package(
        &mut self,
        name: &str,
        scripts: &str,
        files: &[(&str, &str)],
        needs: &[PackageIndex],
    ) -> PackageIndex {
        let folder = tempfile::tempdir_in(self.temporary.path()).unwrap();
        let command = format!("run-{}", name.rsplit('/').next().unwrap());
        let json = format!(
            r#"{{"name": "{name}", "version": "1.0.0", "bin": {{"{command}": "tool.sh"}}, "config": {{"port": 80}},
            "scripts": {{{scripts}}}}}"#
        );
        for (path, text) in files.iter().chain([&("package.json", json.as_str())]) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let unpacked = self
            .store
            .unpack_folder(folder.path(), Shape::Tree("a"), &Limits::default(), &|_| true)
            .unwrap();
        let home = HomeId {
            label: format!("{name}@1.0.0"),
            content: ContentKey::of_tree(&unpacked.tree()),
            graph: GraphKey::PRISTINE,
        };
        self.store
            .place_home(&home, HomeContent::Fresh(unpacked), &[])
            .unwrap();
        let edges = needs.iter().map(|&to| Edge {
            alias: self.graph.packages[to].name.as_str().to_owned(),
            range: "*".to_owned(),
            kind: EdgeKind::Prod,
            to: Some(To::Package(to)),
        });
        let package = Package {
            name: PackageName::new(Ecosystem::Npm, name).unwrap(),
            version: "1.0.0".to_owned(),
            peers: Vec::new(),
            source: Source::Registry {
                index: WebUrl::parse("https://example.org/").unwrap(),
            },
            tarball: None,
            integrity: Vec::new(),
            dependencies: edges.collect(),
            os: Vec::new(),
            cpu: Vec::new(),
            libc: Vec::new(),
            engines_node: None,
            bin: vec![(command, "tool.sh".to_owned())],
            has_scripts: true,
            bundled: Vec::new(),
            deprecated: None,
        };
        self.graph.packages.push(package);
        self.homes.push(Some(home));
        self.graph.packages.len() - 1
    }

    pub(super) fn run(&self, packages: &[PackageIndex]) -> Result<Built, ScriptError> {
        self.run_until(packages, &AtomicBool::new(false))
    }

    fn run_until(&self, packages: &[PackageIndex], cancel: &AtomicBool) -> Result<Built, ScriptError> {
        let packages: BTreeSet<PackageIndex> = packages.iter().copied().collect();
        let approved = Approved {
            system: None,
            shims: self.shims.as_deref(),
            graph: &self.graph,
            homes: &self.homes,
            packages: &packages,
            node: &self.node,
            target: "linux-x64",
            config: &self.config,
            project: &self.project(),
            logs: &self.project().join(".wharf/log"),
        };
        let sinks = NullSink::shared();
        run(&approved, &self.store, &Governor::for_machine(), &sinks, cancel)
    }

    /// A file of what a package became.
    fn built(&self, built: &Built, package: PackageIndex, file: &str) -> Option<String> {
        let mut home = self.homes[package].clone().unwrap();
        home.content = *built.contents.get(&package)?;
        fs::read_to_string(self.store.home_package(&home).join(file)).ok()
    }
}

fn writable(path: &Path) -> bool {
    fs::metadata(path).unwrap().permissions().mode() & 0o222 != 0
}

#[test]
fn scripts_run_in_order_once_and_their_result_is_kept() {
    let mut world = World::new();
    let tool = world.package(
        "tool",
        "",
        &[("tool.sh", "#!/bin/sh\necho tool >> out\n"), ("data", "d")],
        &[],
    );
    let scripts = r#""preinstall": "echo pre >> out", "install": "run-tool; cat ../../tool/data >> out; echo >> out",
        "postinstall": "echo $npm_lifecycle_event $npm_package_name $npm_package_version $npm_package_config_port >> out; pwd > where; echo $INIT_CWD >> where; rm lib.js; echo new > lib.js""#;
    let package = world.package("@s/native", scripts, &[("lib.js", "old"), ("out", "")], &[tool]);
    let built = world.run(&[package]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(built.run, 1);
    assert_eq!(
        world.built(&built, package, "out").unwrap(),
        "pre\ntool\nd\npostinstall @s/native 1.0.0 80\n"
    );
    assert_eq!(world.built(&built, package, "lib.js").unwrap(), "new\n");
    let place = world.built(&built, package, "where").unwrap();
    assert!(place.contains("/node_modules/@s/native\n"), "{place}");
    assert!(place.ends_with(&format!("{}\n", world.project().display())));
    // The files of the archive are as they were, and those of the result are as read-only.
    let original = world.store.home_package(world.homes[package].as_ref().unwrap());
    assert_eq!(fs::read_to_string(original.join("lib.js")).unwrap(), "old");
    assert!(!writable(&original.join("out")));
    assert!(
        !world
            .project()
            .join(".wharf/log/@s+native@1.0.0-install.log")
            .exists()
    );
    let again = world.run(&[package]).unwrap();
    assert_eq!((again.run, again.contents.clone()), (0, built.contents.clone()));
    let mut other = world;
    other.node.version = Version::parse("24.0.0").unwrap();
    let built = other.run(&[package]).unwrap();
    assert!(
        built.run == 1 && built.contents != again.contents,
        "another Node, another build"
    );
}

#[test]
fn only_packages_that_were_named_run_anything() {
    let mut world = World::new();
    let evil = world.package("evil", r#""postinstall": "touch $INIT_CWD/was-here""#, &[], &[]);
    let good = world.package(
        "good",
        r#""postinstall": "touch ../evil/changed; echo x > made""#,
        &[],
        &[evil],
    );
    let plain = world.package("plain", "", &[], &[evil]);
    let built = world.run(&[good, plain]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(built.contents.keys().collect::<Vec<_>>(), [&good]);
    assert!(!world.project().join("was-here").exists());
    let evil = world.store.home_package(world.homes[evil].as_ref().unwrap());
    assert!(!evil.join("changed").exists(), "dependencies are copies");
}

#[test]
fn dependencies_are_built_first_and_seen_as_they_became() {
    let mut world = World::new();
    let base = world.package(
        "base",
        r#""install": "echo built > state""#,
        &[("state", "raw\n")],
        &[],
    );
    let upper = world.package("upper", r#""install": "cat ../base/state > seen""#, &[], &[base]);
    // A cycle is no reason to stop.
    world.graph.packages[base].dependencies.push(Edge {
        alias: "upper".to_owned(),
        range: "*".to_owned(),
        kind: EdgeKind::Prod,
        to: Some(To::Package(upper)),
    });
    let top = world.package("top", r#""install": "cat ../upper/seen > seen""#, &[], &[upper]);
    let built = world.run(&[top, upper, base]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(world.built(&built, upper, "seen").unwrap(), "built\n");
    assert_eq!(world.built(&built, top, "seen").unwrap(), "built\n");
    assert_eq!(world.run(&[top, upper, base]).unwrap().run, 0);
}

#[test]
fn a_script_that_fails_says_what_it_said_and_leaves_nothing() {
    let mut world = World::new();
    let scripts = r#""install": "echo compiling; echo 'no compiler' >&2; exit 7""#;
    let package = world.package("broken", scripts, &[], &[]);
    let fine = world.package("fine", r#""install": "echo x > made""#, &[], &[]);
    let built = world.run(&[package, fine]).unwrap();
    let (at, error) = &built.failed[0];
    assert_eq!(
        (*at, built.failed.len(), error.code()),
        (package, 1, "install/script")
    );
    assert_eq!(
        error.to_string(),
        "the `install` script of broken@1.0.0 failed with status 7:\ncompiling\nno compiler"
    );
    let log = world.project().join(".wharf/log/broken@1.0.0-install.log");
    assert!(error.hints()[0].contains(log.to_str().unwrap()));
    assert_eq!(fs::read_to_string(log).unwrap(), "compiling\nno compiler\n");
    assert_eq!(built.contents.keys().collect::<Vec<_>>(), [&fine]);
    assert_eq!(
        world.run(&[package]).unwrap().failed.len(),
        1,
        "a failure is not remembered"
    );
}

#[test]
#[ignore = "needs a Node with npm and headers, a C++ compiler and Python"]
fn a_binding_is_compiled_for_the_node_at_hand() {
    let mut world = World::new();
    let search = crate::nodejs::NodeSearch::new(crate::nodejs::NodeSurroundings::from_env());
    world.node = search.find().unwrap().node;
    let gyp = r#"{"targets": [{"target_name": "answer", "sources": ["answer.c"]}]}"#;
    let code = "#include <node_api.h>\nNAPI_MODULE_INIT() { napi_value v; napi_create_int32(env, 42, &v); return v; }\n";
    let package = world.package("answer", "", &[("binding.gyp", gyp), ("answer.c", code)], &[]);
    let built = world.run(&[package]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    let mut home = world.homes[package].clone().unwrap();
    home.content = built.contents[&package];
    let library = world.store.home_package(&home).join("build/Release/answer.node");
    let mut node = std::process::Command::new(&world.node.executable);
    let program = format!("console.log(require({:?}))", library.to_str().unwrap());
    assert_eq!(super::said(node.args(["-e", &program])), "42");
}

#[test]
fn the_node_gyp_that_the_project_names_builds() {
    let mut world = World::new();
    let gyp = world.package("node-gyp", "", &[("bin/node-gyp.js", "echo own $1 > out")], &[]);
    let native = world.package("native", "", &[("binding.gyp", "{}")], &[]);
    let edge = Edge {
        alias: "node-gyp".to_owned(),
        range: "*".to_owned(),
        kind: EdgeKind::Dev,
        to: Some(To::Package(gyp)),
    };
    world.graph.importers.push(Importer {
        path: ".".to_owned(),
        dependencies: vec![edge],
        ..Importer::default()
    });
    let built = world.run(&[native]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(
        world.built(&built, native, "out").as_deref(),
        Some("own rebuild\n")
    );
}

#[test]
fn where_no_node_gyp_is_the_next_step_is_named() {
    let mut world = World::new();
    let script = r#""install": "echo 'sh: 1: node-gyp: not found'; exit 127""#;
    let native = world.package("native", script, &[], &[]);
    let built = world.run(&[native]).unwrap();
    let hints = built.failed[0].1.hints();
    assert!(hints[0].contains("`wharf add --dev npm:node-gyp`"), "{hints:?}");
}

#[test]
fn what_configuration_says_to_scripts_is_told_and_part_of_the_result() {
    let mut world = World::new();
    let script = r#""install": "echo $npm_config_some_mirror > out""#;
    let native = world.package("native", script, &[], &[]);
    let before = world.run(&[native]).unwrap();
    assert_eq!(world.built(&before, native, "out").as_deref(), Some("\n"));
    world.config.insert("some-mirror".to_owned(), "here".to_owned());
    let after = world.run(&[native]).unwrap();
    assert_eq!(after.run, 1, "another word is another build");
    assert_eq!(world.built(&after, native, "out").as_deref(), Some("here\n"));
}

#[test]
fn node_is_told_the_options_of_npms_configuration() {
    let mut world = World::new();
    let script = r#""install": "echo $NODE_OPTIONS > out""#;
    let native = world.package("native", script, &[], &[]);
    let options = "--max-old-space-size=111";
    world.config.insert("node-options".to_owned(), options.to_owned());
    let built = world.run(&[native]).unwrap();
    assert_eq!(world.built(&built, native, "out"), Some(format!("{options}\n")));
}

#[test]
fn where_npm_is_found_scripts_are_told_of_no_other() {
    let mut world = World::new();
    let shims = world.project().join("shims");
    fs::create_dir(&shims).unwrap();
    fs::write(shims.join("npm"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(shims.join("npm"), fs::Permissions::from_mode(0o755)).unwrap();
    world.shims = Some(shims);
    let npm = world.package("npm", "", &[("tool.sh", "#!/bin/sh\necho real >> out\n")], &[]);
    world.graph.packages[npm].bin = vec![("npm".to_owned(), "tool.sh".to_owned())];
    let script = r#""install": "${npm_execpath:-npm} install""#;
    let native = world.package("native", script, &[], &[npm]);
    let built = world.run(&[native]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(world.built(&built, native, "out").as_deref(), Some("real\n"));
}

#[test]
fn a_cache_that_cannot_stand_in_a_path_takes_no_command_with_it() {
    let mut world = World::new();
    world.shims = Some("/a:b/shims".into());
    let tool = world.package("tool", "", &[("tool.sh", "#!/bin/sh\necho tool > out\n")], &[]);
    let native = world.package("native", r#""install": "run-tool""#, &[], &[tool]);
    let built = world.run(&[native]).unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    assert_eq!(world.built(&built, native, "out").as_deref(), Some("tool\n"));
}

#[test]
fn an_interruption_stops_the_script_and_what_it_started() {
    let mut world = World::new();
    let flag = world.project().join("started");
    let scripts = format!(r#""install": "touch {}; sleep 60 & wait""#, flag.display());
    let package = world.package("slow", &scripts, &[], &[]);
    let cancel = AtomicBool::new(false);
    let started = std::time::Instant::now();
    let error = std::thread::scope(|scope| {
        let running = scope.spawn(|| world.run_until(&[package], &cancel));
        while !flag.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        running.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, ScriptError::Interrupted));
    assert!(started.elapsed().as_secs() < 30);
}
