//! From a graph to a `node_modules` that Node itself can use: scripts, layout, commit, and what comes after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use wharf_core::{Event, NullSink, Sink, Sinks};
use wharf_ecosystem::npm::graph::{Edge, EdgeKind, Importer, PackageIndex, To};
use wharf_store::{Ahead, ContentKey, HomeContent, LinkMode};
use wharf_sys::Governor;

use super::said;
use super::scripts::World;
use crate::node::{Layout, Planning, Request, VirtualStore};
use crate::nodejs::{NodeSearch, NodeSurroundings};
use crate::{Environment, InstalledNode, NodeWanted, Wanted};

/// What was said for `-v`.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Sink for Told {
    fn emit(&self, event: Event) {
        if let Event::Detail { message } = event {
            self.0.lock().unwrap().push(message);
        }
    }
}

fn importer(path: &str, needs: &[(&str, To)]) -> Importer {
    let edges = needs.iter().map(|(alias, to)| Edge {
        alias: (*alias).to_owned(),
        range: "*".to_owned(),
        kind: EdgeKind::Prod,
        to: Some(to.clone()),
    });
    Importer {
        path: path.to_owned(),
        name: Some(format!("member-{path}")),
        dependencies: edges.collect(),
        ..Importer::default()
    }
}

/// What a layout of the world's packages makes of its project.
fn wanted(
    world: &World,
    layout: Layout,
    stores: VirtualStore,
    built: &BTreeMap<PackageIndex, ContentKey>,
) -> Wanted {
    let contents: Vec<Option<ContentKey>> = world
        .homes
        .iter()
        .map(|home| home.as_ref().map(|home| home.content))
        .collect();
    let request = Request {
        graph: &world.graph,
        selected: &vec![true; world.graph.packages.len()],
        importers: &vec![true; world.graph.importers.len()],
        omit: &[],
        contents: &contents,
        layout,
        virtual_store: stores,
        public_hoist: &[],
        writable: &[],
        bundled: &[],
        built,
        served: &BTreeSet::new(),
        root: &world.project(),
    };
    let planning = Planning::new(request);
    let stock = planning.stock(&world.store);
    for missing in &stock.missing {
        let from = missing
            .from
            .clone()
            .expect("every package of the world is in the store");
        planning
            .place(missing.package, HomeContent::Existing(from), &world.store)
            .unwrap();
    }
    let packages = world.graph.packages.iter().map(|package| InstalledNode {
        name: package.name.clone(),
        version: package.version.clone(),
        key: package.key(),
    });
    Wanted::new("lock").with_node(NodeWanted {
        roots: planning.plan(&stock.sources, &world.store).roots,
        packages: packages.collect(),
        runtime: None,
        ahead: None,
    })
}

#[test]
fn node_finds_what_was_installed_in_every_layout() {
    let mut world = World::new();
    let Ok(node) = NodeSearch::new(NodeSurroundings::from_env()).find() else {
        return;
    };
    world.node = node.node;
    let deep = world.package("deep", "", &[("index.js", "module.exports = 'deep'")], &[]);
    let made = world.package(
        "@s/made",
        r#""install": "echo \"module.exports = 'made by ' + require('deep')\" > index.js""#,
        &[
            ("index.js", "throw 'not built'"),
            ("tool.sh", "#!/bin/sh\necho made\n"),
        ],
        &[deep],
    );
    let top = world.package(
        "top",
        "",
        &[("index.js", "module.exports = 'top, ' + require('@s/made')")],
        &[made],
    );
    fs::create_dir_all(world.project().join("web")).unwrap();
    world.graph.importers = vec![
        importer(".", &[("top", To::Package(top))]),
        importer("web", &[("also", To::Package(made)), ("root", To::Importer(0))]),
    ];
    fs::write(world.project().join("index.js"), "module.exports = 'the root'").unwrap();
    fs::remove_dir_all(world.project().join("node_modules")).unwrap();
    let built = world
        .run(&BTreeSet::from([made]).into_iter().collect::<Vec<_>>())
        .unwrap();
    assert!(built.failed.is_empty(), "{:?}", built.failed);
    let environment = Environment::open(&world.project()).unwrap();
    let mut generation = 0;
    for (layout, stores) in [
        (Layout::Isolated, VirtualStore::Global),
        (Layout::Isolated, VirtualStore::Project),
        (Layout::Hoisted, VirtualStore::Project),
        (Layout::Isolated, VirtualStore::Auto),
    ] {
        let wanted = wanted(&world, layout, stores, &built.contents);
        let plan = environment.plan(&wanted).unwrap();
        let (governor, sinks) = (Governor::for_machine(), NullSink::shared());
        let cancel = AtomicBool::new(false);
        let applied = environment
            .apply(&plan, &wanted, &world.store, &governor, &sinks, &cancel)
            .unwrap();
        generation += 1;
        assert_eq!(applied.generation, generation, "{layout:?} {stores:?}");
        let ask = |folder: &str, program: &str| {
            let mut command = Command::new(&world.node.executable);
            command
                .current_dir(world.project().join(folder))
                .args(["-p", program]);
            said(&mut command)
        };
        assert_eq!(
            ask(".", "require('top')"),
            "top, made by deep",
            "{layout:?} {stores:?}"
        );
        assert_eq!(
            ask("web", "[require('also'), require('root')].join(', ')"),
            "made by deep, the root",
            "{layout:?} {stores:?}"
        );
        let around = environment
            .run_environment(&world.project().join("web"))
            .unwrap()
            .unwrap();
        let tool = around.program("run-made".as_ref()).unwrap();
        assert_eq!(said(&mut Command::new(tool)), "made");
        let plan = environment.plan(&wanted).unwrap();
        assert!(plan.is_empty(), "{layout:?} {stores:?}: {plan:?}");
    }
}

#[test]
fn what_was_linked_ahead_comes_to_stand_in_the_project() {
    let mut world = World::new();
    let deep = world.package("deep", "", &[("index.js", "deep")], &[]);
    let top = world.package("@s/top", "", &[("lib/index.js", "top")], &[deep]);
    world.graph.importers = vec![importer(".", &[("@s/top", To::Package(top))])];
    let project = world.project();
    fs::remove_dir_all(project.join("node_modules")).unwrap();
    let environment = Environment::open(&project).unwrap();
    let mut wanted = wanted(&world, Layout::Hoisted, VirtualStore::Project, &BTreeMap::new());
    let ahead = environment.ahead(&world.store, wanted.link).unwrap();
    for home in world.homes.iter().flatten() {
        ahead.link(&world.store, home);
    }
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let staged = || -> BTreeSet<u64> {
        let below = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        let inside = below(world.store.root().join("stage")).flat_map(|process| below(process.path()));
        let drafts = inside.filter(|entry| entry.file_name().to_string_lossy().starts_with("drafts"));
        let drafts = drafts.flat_map(|drafts| below(drafts.path()));
        drafts.map(|entry| inode(&entry.path())).collect()
    };
    let linked = staged();
    wanted.node.as_mut().unwrap().ahead = Some(Arc::new(ahead));
    let plan = environment.plan(&wanted).unwrap();
    let (governor, sinks) = (Governor::for_machine(), NullSink::shared());
    let cancel = AtomicBool::new(false);
    let applied = environment.apply(&plan, &wanted, &world.store, &governor, &sinks, &cancel);
    let files = applied.unwrap().files;
    let stands = ["deep", "@s/top"].map(|name| inode(&project.join("node_modules").join(name)));
    assert_eq!(BTreeSet::from(stands), linked, "moved, not made once more");
    assert_eq!(staged(), BTreeSet::new());
    let count = |folder: &str| {
        fs::read_dir(project.join("node_modules").join(folder))
            .unwrap()
            .count()
    };
    assert_eq!(
        files as usize,
        count("deep") + count("@s/top") - 1 + count("@s/top/lib")
    );
}

/// Folders that several people share hand their group on to what is made in them, and not to what is moved there.
#[test]
fn whether_packages_are_linked_ahead_is_seen_by_the_folder_that_they_would_be_made_in() {
    let world = World::new();
    let project = world.project();
    let environment = Environment::open(&project).unwrap();
    let is_linked = || environment.ahead(&world.store, LinkMode::Auto).is_some();
    let share = |folder: &str, mode| {
        fs::set_permissions(project.join(folder), fs::Permissions::from_mode(mode)).unwrap();
    };
    let (shared, own) = (0o2775, 0o755);
    let if_shared = !cfg!(target_os = "linux");
    assert!(is_linked());
    share(".", shared);
    assert_eq!(is_linked(), if_shared, "the records will be made in the project");
    share(".", own);
    fs::create_dir(project.join(".wharf")).unwrap();
    share(".wharf", shared);
    assert_eq!(is_linked(), if_shared, "the stage will be made in the records");
    // Whoever shares a folder later on shares none of those in it.
    fs::create_dir(project.join(".wharf/stage")).unwrap();
    share(".wharf/stage", own);
    assert!(is_linked());
    share(".wharf", own);
    share(".wharf/stage", shared);
    assert_eq!(is_linked(), if_shared, "only the stage is shared");
}

#[test]
fn why_nothing_could_be_moved_into_the_project_is_told_where_it_is_met() {
    let mut world = World::new();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    if fs::metadata(other.path()).unwrap().dev() == fs::metadata(world.store.root()).unwrap().dev() {
        return;
    }
    let top = world.package("top", "", &[("index.js", "top")], &[]);
    world.graph.importers = vec![importer(".", &[("top", To::Package(top))])];
    let environment = Environment::open(other.path()).unwrap();
    let mut wanted = wanted(&world, Layout::Hoisted, VirtualStore::Project, &BTreeMap::new());
    // Mounts may change between the look at both places and the commit.
    let ahead = Ahead::new(wanted.link);
    world
        .homes
        .iter()
        .flatten()
        .for_each(|home| ahead.link(&world.store, home));
    assert_eq!(ahead.why_not(), None);
    wanted.node.as_mut().unwrap().ahead = Some(Arc::new(ahead));
    let told = Arc::new(Told::default());
    let sinks: Sinks = told.clone();
    let plan = environment.plan(&wanted).unwrap();
    let (governor, cancel) = (Governor::for_machine(), AtomicBool::new(false));
    environment
        .apply(&plan, &wanted, &world.store, &governor, &sinks, &cancel)
        .unwrap();
    let packages = other.path().join("node_modules");
    assert_eq!(fs::read_to_string(packages.join("top/index.js")).unwrap(), "top");
    let told = told.0.lock().unwrap();
    assert!(
        matches!(&told[..], [one] if one.starts_with("npm packages are linked when all are there: cannot move ")),
        "{told:?}"
    );
}
