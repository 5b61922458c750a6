//! From a graph to a `node_modules` that Node itself can use: scripts, layout, commit, and what comes after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wharf_core::NullSink;
use wharf_ecosystem::npm::graph::{Edge, EdgeKind, Importer, PackageIndex, To};
use wharf_store::{ContentKey, HomeContent};
use wharf_sys::Governor;

use super::said;
use super::scripts::World;
use crate::node::{Layout, Planning, Request, VirtualStore};
use crate::nodejs::{NodeSearch, NodeSurroundings};
use crate::{Environment, InstalledNode, NodeWanted, Wanted};

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
        built,
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
        let processes = fs::read_dir(world.store.root().join("stage")).unwrap().flatten();
        let inside =
            processes.flat_map(|process| fs::read_dir(process.path()).into_iter().flatten().flatten());
        let drafts = inside.filter(|entry| entry.file_name().to_string_lossy().starts_with("home"));
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
    // Folders that several people share hand their group on to what is made in them, and not to what is moved there.
    fs::set_permissions(project.join(".wharf"), fs::Permissions::from_mode(0o2775)).unwrap();
    let ahead = environment.ahead(&world.store, wanted.link);
    assert_eq!(ahead.is_none(), cfg!(target_os = "linux"));
}
