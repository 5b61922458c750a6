//! Layouts made for real, and read as node reads them.

mod in_project;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use wharf_core::{Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::graph::{Edge, EdgeKind, Graph, Importer, Package, PackageIndex, To};
use wharf_store::{
    ContentKey, GraphKey, HomeContent, HomeId, Limits, LinkMode, Placed, Shape, Store, Unpacked,
};

use super::*;
use crate::layout::Content;

/// One store for all cases: homes of one graph must serve every other that names them.
static STORE: LazyLock<(tempfile::TempDir, Store)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
});

pub(super) fn package(name: &str, version: &str, needs: &[(&str, To)]) -> Package {
    Package {
        name: PackageName::new(wharf_core::Ecosystem::Npm, name).unwrap(),
        version: version.to_owned(),
        peers: Vec::new(),
        source: Source::Registry {
            index: WebUrl::parse("https://registry.example.org/").unwrap(),
        },
        tarball: None,
        integrity: Vec::new(),
        dependencies: edges(needs),
        os: Vec::new(),
        cpu: Vec::new(),
        libc: Vec::new(),
        engines_node: None,
        bin: vec![(name.rsplit('/').next().unwrap().to_owned(), "cli.js".to_owned())],
        has_scripts: false,
        bundled: Vec::new(),
        deprecated: None,
    }
}

fn edges(needs: &[(&str, To)]) -> Vec<Edge> {
    let mut edges: Vec<Edge> = needs
        .iter()
        .map(|(alias, to)| Edge {
            alias: (*alias).to_owned(),
            range: "*".to_owned(),
            kind: EdgeKind::Prod,
            to: Some(to.clone()),
        })
        .collect();
    edges.sort_by(|one, other| one.alias.cmp(&other.alias));
    edges.dedup_by(|one, other| one.alias == other.alias);
    edges
}

fn importer(path: &str, name: &str, needs: &[(&str, To)]) -> Importer {
    Importer {
        path: path.to_owned(),
        name: Some(name.to_owned()),
        dependencies: edges(needs),
        ..Importer::default()
    }
}

fn content_of(package: &Package) -> ContentKey {
    let digest: Digest =
        wharf_store::Hasher::digest(wharf_core::Algorithm::Sha512, package.label().as_bytes());
    ContentKey::of_digest(&digest)
}

/// What a request borrows.
struct Case {
    graph: Graph,
    selected: Vec<bool>,
    importers: Vec<bool>,
    contents: Vec<Option<ContentKey>>,
    built: BTreeMap<PackageIndex, ContentKey>,
    served: BTreeSet<PackageIndex>,
    writable: Vec<String>,
    bundled: Vec<(usize, String)>,
    public_hoist: Vec<String>,
    layout: Layout,
    virtual_store: VirtualStore,
    root: PathBuf,
}

impl Case {
    fn new(graph: Graph) -> Self {
        Self {
            selected: vec![true; graph.packages.len()],
            importers: vec![true; graph.importers.len()],
            contents: graph
                .packages
                .iter()
                .map(|package| Some(content_of(package)))
                .collect(),
            graph,
            built: BTreeMap::new(),
            served: BTreeSet::new(),
            writable: Vec::new(),
            bundled: Vec::new(),
            public_hoist: Vec::new(),
            layout: Layout::Isolated,
            virtual_store: VirtualStore::Global,
            root: PathBuf::from("/project"),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            graph: &self.graph,
            selected: &self.selected,
            importers: &self.importers,
            omit: &[],
            contents: &self.contents,
            layout: self.layout,
            virtual_store: self.virtual_store,
            public_hoist: &self.public_hoist,
            writable: &self.writable,
            bundled: &self.bundled,
            built: &self.built,
            served: &self.served,
            root: &self.root,
        }
    }

    fn homes(&self) -> Vec<Option<HomeId>> {
        Planning::new(self.request()).homes().to_vec()
    }

    fn plan(&self, store: &Store) -> (NodePlan, Vec<Option<HomeId>>) {
        let planning = Planning::new(self.request());
        let stock = planning.stock(store);
        for lack in &stock.missing {
            let content = match &lack.from {
                Some(from) => HomeContent::Existing(from.clone()),
                None => HomeContent::Fresh(self.unpack(lack.package, store)),
            };
            planning.place(lack.package, content, store).unwrap();
        }
        assert_eq!(planning.stock(store).missing, []);
        let homes = planning.homes().to_vec();
        (planning.plan(&stock.sources, store), homes)
    }

    fn unpack(&self, package: PackageIndex, store: &Store) -> Unpacked {
        let archive = self.archive(package);
        store
            .unpack_tgz_bytes(&archive, Shape::Tree("a"), &Limits::default())
            .unwrap()
    }

    /// An archive whose `package.json` says nothing but the label; packages of fonts have one.
    fn archive(&self, package: PackageIndex) -> Vec<u8> {
        let mut tar = Vec::new();
        let mut files = vec![
            ("package.json", self.graph.packages[package].label()),
            ("cli.js", String::new()),
        ];
        if self.graph.packages[package].name.as_str().starts_with("fonts") {
            files.push(("files/a.woff2", "a font".to_owned()));
        }
        for (name, text) in files {
            let mut block = [0u8; 512];
            let path = format!("package/{name}");
            block[..path.len()].copy_from_slice(path.as_bytes());
            block[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            tar.extend(block);
            tar.write_all(text.as_bytes()).unwrap();
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.extend([0; 1024]);
        // Not compressed: the store takes plain tars as well, if they have the magic word.
        tar[257..262].copy_from_slice(b"ustar");
        let sum: u32 = tar[..512]
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if (148..156).contains(&at) {
                    32
                } else {
                    u32::from(*byte)
                }
            })
            .sum();
        tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar
    }
}

/// Lays a plan out below `root`.
fn apply(plan: &NodePlan, case: &Case, store: &Store, root: &Path) {
    for importer in &case.graph.importers {
        fs::create_dir_all(root.join(&importer.path)).unwrap();
        fs::write(root.join(&importer.path).join("package.json"), "importer").unwrap();
    }
    for one in &plan.roots {
        let placed: Vec<Placed> = one.items.iter().map(crate::layout::Item::placed).collect();
        let modules = root.join(&one.folder).join("node_modules");
        store.materialise(&placed, &modules, LinkMode::Hardlink).unwrap();
    }
}

/// Node's lookup, from a real folder: nodejs.org, "Loading from node_modules folders".
fn lookup(from: &Path, alias: &str) -> Option<PathBuf> {
    let mut folders = from
        .ancestors()
        .filter(|folder| folder.file_name().is_none_or(|name| name != "node_modules"));
    folders.find_map(|folder| folder.join("node_modules").join(alias).canonicalize().ok())
}

/// Whether every package that was `seen` lies once, and every name that leads to one is found from everywhere.
fn lies_once(case: &Case, root: &Path, seen: &BTreeSet<(PathBuf, PackageIndex)>) -> Result<(), String> {
    let places: BTreeMap<PackageIndex, &Path> = seen.iter().map(|(at, index)| (*index, &**at)).collect();
    if places.len() != seen.len() {
        return Err(format!("a package lies twice: {seen:?}"));
    }
    let importers = case.graph.importers.iter().map(|importer| &importer.dependencies);
    let packages = places
        .keys()
        .map(|index| &case.graph.packages[*index].dependencies);
    for edge in importers.chain(packages).flatten() {
        let hidden = root.join(HIDDEN).join(&edge.alias);
        if matches!(edge.to, Some(To::Package(_))) && !hidden.join("package.json").exists() {
            return Err(format!("no {} for everybody", edge.alias));
        }
    }
    Ok(())
}

/// Walks the layout from every importer and compares each need with what node finds.
fn check(case: &Case, root: &Path) -> Result<(), String> {
    let root = root.canonicalize().unwrap();
    let mut seen: BTreeSet<(PathBuf, PackageIndex)> = BTreeSet::new();
    let mut pending = Vec::new();
    let compare = |from: &Path, edges: &[Edge], pending: &mut Vec<(PathBuf, PackageIndex)>| {
        for edge in edges {
            let at = lookup(from, &edge.alias)
                .ok_or_else(|| format!("{} from {}: nothing", edge.alias, from.display()))?;
            match edge.to.as_ref().unwrap() {
                To::Package(index) => {
                    let found = fs::read_to_string(at.join("package.json")).unwrap();
                    let label = case.graph.packages[*index].label();
                    if found != label {
                        return Err(format!(
                            "{} from {}: {found} instead of {label}",
                            edge.alias,
                            from.display()
                        ));
                    }
                    pending.push((at, *index));
                }
                To::Importer(index) => {
                    let folder = root
                        .join(&case.graph.importers[*index].path)
                        .canonicalize()
                        .unwrap();
                    if at != folder {
                        return Err(format!("{} leads to {}", edge.alias, at.display()));
                    }
                }
                To::Link(_) => {}
            }
        }
        Ok(())
    };
    for importer in &case.graph.importers {
        let folder = root.join(&importer.path).canonicalize().unwrap();
        compare(&folder, &importer.dependencies, &mut pending)?;
    }
    while let Some((at, index)) = pending.pop() {
        if seen.insert((at.clone(), index)) {
            compare(&at, &case.graph.packages[index].dependencies, &mut pending)?;
        }
    }
    match case.layout {
        Layout::Isolated => lies_once(case, &root, &seen),
        Layout::Hoisted => Ok(()),
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "@s/d", "e"];

/// Position of the name, version, needs: an alias and a package.
type Drawn = (usize, u8, Vec<(usize, prop::sample::Index)>);

fn graphs() -> impl Strategy<Value = Graph> {
    let needs = prop::collection::vec((0..8usize, any::<prop::sample::Index>()), 0..4);
    let packages = prop::collection::vec((0..NAMES.len(), 1..3u8, needs.clone()), 1..10);
    (
        packages,
        needs.clone(),
        needs,
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    )
        .prop_map(|(packages, root, member, to_member)| {
            let count = packages.len();
            let names: Vec<&str> = packages.iter().map(|(name, ..)| NAMES[*name]).collect();
            let resolve = |needs: &[(usize, prop::sample::Index)], own: Option<usize>| -> Vec<(String, To)> {
                let pick = |(alias, to): &(usize, prop::sample::Index)| {
                    let to = to.index(count);
                    let alias = match alias {
                        6 => "alias",
                        7 => "@t/alias",
                        _ => names[to],
                    };
                    (alias.to_owned(), To::Package(to))
                };
                let needs = needs.iter().map(pick);
                needs
                    .filter(|(alias, to)| {
                        own.is_none_or(|own| alias != names[own] || *to != To::Package(own))
                    })
                    .collect()
            };
            fn borrowed(needs: &[(String, To)]) -> Vec<(&str, To)> {
                needs.iter().map(|(alias, to)| (&**alias, to.clone())).collect()
            }
            let build = |(index, (name, version, needs)): (usize, &Drawn)| {
                let mut needs = resolve(needs, Some(index));
                if to_member.is_some_and(|at| at.index(count) == index) {
                    needs.push(("member".to_owned(), To::Importer(1)));
                }
                package(NAMES[*name], &format!("{version}.0.0"), &borrowed(&needs))
            };
            let mut root = resolve(&root, None);
            root.push(("member".to_owned(), To::Importer(1)));
            Graph {
                importers: vec![
                    importer(".", "root", &borrowed(&root)),
                    importer("packages/m", "member", &borrowed(&resolve(&member, None))),
                ],
                packages: packages.iter().enumerate().map(build).collect(),
            }
        })
}

/// The same graph with its packages in another order: `order[new] = old`.
fn permuted(graph: &Graph, order: &[usize]) -> Graph {
    let place = |old: usize| order.iter().position(|one| *one == old).unwrap();
    let turn = |edges: &[Edge]| -> Vec<Edge> {
        let turned = edges.iter().cloned().map(|mut edge| {
            if let Some(To::Package(index)) = &mut edge.to {
                *index = place(*index);
            }
            edge
        });
        turned.collect()
    };
    let packages = order.iter().map(|old| Package {
        dependencies: turn(&graph.packages[*old].dependencies),
        ..graph.packages[*old].clone()
    });
    let importers = graph.importers.iter().map(|importer| Importer {
        dependencies: turn(&importer.dependencies),
        ..importer.clone()
    });
    Graph {
        packages: packages.collect(),
        importers: importers.collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn keys_do_not_depend_on_the_order(graph in graphs(), seed in any::<prop::sample::Index>()) {
        let count = graph.packages.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.rotate_left(seed.index(count));
        order.swap(0, count - 1);
        let other = Case::new(permuted(&graph, &order));
        let case = Case::new(graph);
        let (ours, theirs) = (case.homes(), other.homes());
        for (new, old) in order.iter().enumerate() {
            prop_assert_eq!(&ours[*old], &theirs[new]);
        }
    }

    #[test]
    fn a_key_changes_with_everything_that_is_reached_and_with_nothing_else(graph in graphs(), at in any::<prop::sample::Index>()) {
        let changed = at.index(graph.packages.len());
        let before = Case::new(graph);
        let mut after = Case::new(before.graph.clone());
        after.contents[changed] = Some(ContentKey::from_bytes([7; 8]));
        let (old, new) = (before.homes(), after.homes());
        for package in 0..old.len() {
            let mut reached = BTreeSet::from([package]);
            let mut pending = vec![package];
            while let Some(one) = pending.pop() {
                for edge in &before.graph.packages[one].dependencies {
                    if let Some(To::Package(to)) = edge.to && reached.insert(to) {
                        pending.push(to);
                    }
                }
            }
            let shared = placing::Placing::of(&before.request()).placements[package] == Placement::Global;
            let differs = old[package] != new[package];
            prop_assert_eq!(differs, if shared { reached.contains(&changed) } else { package == changed });
        }
    }

    #[test]
    fn node_finds_what_the_graph_says(
        graph in graphs(),
        hoisted in any::<bool>(),
        in_project in any::<bool>(),
        writable in any::<bool>(),
        bundled in any::<bool>(),
        built in any::<bool>(),
    ) {
        let (_, store) = &*STORE;
        let mut case = Case::new(graph);
        case.layout = if hoisted { Layout::Hoisted } else { Layout::Isolated };
        case.virtual_store = if in_project { VirtualStore::Project } else { VirtualStore::Global };
        case.writable = if writable { vec!["@s/*".to_owned()] } else { Vec::new() };
        if bundled {
            case.bundled = vec![(0, "member".to_owned()), (1, "a".to_owned())];
        }
        if built {
            // Equal content under another key: what scripts that change nothing would leave.
            case.built.insert(0, ContentKey::from_bytes([3; 8]));
        }
        let dir = tempfile::tempdir().unwrap();
        case.root = dir.path().to_path_buf();
        let (plan, _) = case.plan(store);
        apply(&plan, &case, store, dir.path());
        check(&case, dir.path()).map_err(TestCaseError::fail)?;
        // Moved, it still works: only links into the store are absolute.
        let elsewhere = tempfile::tempdir().unwrap();
        let moved = elsewhere.path().join("moved");
        fs::rename(dir.keep(), &moved).unwrap();
        check(&case, &moved).map_err(TestCaseError::fail)?;
    }
}

fn paths(plan: &NodePlan) -> Vec<String> {
    let show = |root: &NodeRoot| -> Vec<String> {
        let item = |item: &crate::layout::Item| match &item.content {
            Content::Link(target) => format!("{}: {} -> {target}", root.folder, item.path),
            Content::Home { home, copy } => format!(
                "{}: {} = {}{}",
                root.folder,
                item.path,
                home.label,
                if *copy { " copied" } else { "" }
            ),
            other => format!("{other:?}"),
        };
        root.items.iter().map(item).collect()
    };
    let mut paths: Vec<String> = plan.roots.iter().flat_map(show).collect();
    paths.sort();
    paths
}

/// Takes the store and the keys out of texts.
fn plain(texts: Vec<String>, store: &Store) -> Vec<String> {
    let root = store.root().display().to_string();
    let clean = |text: String| {
        let text = text.replace(&root, "STORE");
        let mut out = String::new();
        for run in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
            let digits = run.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
            match digits.len() {
                16 => out.push('#'),
                _ => out.push_str(digits),
            }
            out.push_str(&run[digits.len()..]);
        }
        out.replace("#.#", "#").replace("#.0/", "#/").replace("-#/", "#/")
    };
    texts.into_iter().map(clean).collect()
}

fn sample() -> Case {
    let mut graph = Graph {
        importers: vec![
            importer(".", "top", &[("a", To::Package(0)), ("m", To::Importer(1))]),
            importer(
                "packages/m",
                "m",
                &[
                    ("@s/d", To::Package(1)),
                    ("here", To::Link("vendor/x".to_owned())),
                ],
            ),
        ],
        packages: vec![
            package("a", "1.0.0", &[("@s/d", To::Package(1))]),
            package("@s/d", "2.0.0", &[("e", To::Package(2))]),
            package("e", "1.0.0", &[]),
        ],
    };
    graph.importers[1].bin = vec![
        ("m".to_owned(), "./run.js".to_owned()),
        ("d".to_owned(), "own.js".to_owned()),
    ];
    Case::new(graph)
}

#[test]
fn an_isolated_layout_over_the_store() {
    let (_, store) = &*STORE;
    let case = sample();
    let (plan, homes) = case.plan(store);
    assert_eq!(
        plain(paths(&plan), store),
        [
            ".: .bin/a -> ../a/cli.js",
            ".: .bin/d -> ../m/own.js",
            ".: .bin/m -> ../m/run.js",
            ".: .wharf/node_modules/.store/node_modules/@s/d -> STORE/store/npm/node_modules/.store/@s+d@2.0.0/#/node_modules/@s/d",
            ".: .wharf/node_modules/.store/node_modules/a -> STORE/store/npm/node_modules/.store/a@1.0.0/#/node_modules/a",
            ".: .wharf/node_modules/.store/node_modules/e -> STORE/store/npm/node_modules/.store/e@1.0.0/#/node_modules/e",
            ".: a -> STORE/store/npm/node_modules/.store/a@1.0.0/#/node_modules/a",
            ".: m -> ../packages/m",
            "packages/m: .bin/d -> ../@s/d/cli.js",
            "packages/m: .bin/m -> ../../run.js",
            "packages/m: @s/d -> STORE/store/npm/node_modules/.store/@s+d@2.0.0/#/node_modules/@s/d",
            "packages/m: here -> ../../../vendor/x",
        ]
    );
    assert_eq!(
        homes[2].as_ref().map(|home| home.graph),
        Some(GraphKey::PRISTINE),
        "a leaf needs no key of its own"
    );
    let conflict = BinConflict {
        folder: "packages/m".to_owned(),
        command: "d".to_owned(),
        kept: "@s/d".to_owned(),
        hidden: "m".to_owned(),
    };
    assert_eq!(plan.bin_conflicts, [conflict]);
}

#[test]
fn a_package_that_needs_no_others_has_one_home_wherever_it_lies() {
    let (_, store) = &*STORE;
    let graphs = |layout, virtual_store| -> Vec<GraphKey> {
        let mut case = sample();
        (case.layout, case.virtual_store) = (layout, virtual_store);
        let (_, homes) = case.plan(store);
        homes.iter().flatten().map(|home| home.graph).collect()
    };
    let in_the_project = [GraphKey::FLAT, GraphKey::FLAT, GraphKey::PRISTINE];
    assert_eq!(graphs(Layout::Isolated, VirtualStore::Project), in_the_project);
    assert_eq!(graphs(Layout::Hoisted, VirtualStore::Global), in_the_project);
    let shared = graphs(Layout::Isolated, VirtualStore::Global);
    assert!(!shared.contains(&GraphKey::FLAT) && shared[0] != shared[1]);
    assert_eq!(shared[2], GraphKey::PRISTINE);
}

#[test]
fn what_is_private_lies_in_the_project_with_all_that_needs_it() {
    let (_, store) = &*STORE;
    let mut case = sample();
    case.writable = vec!["@s/*".to_owned()];
    case.public_hoist = vec!["e".to_owned()];
    let (plan, homes) = case.plan(store);
    assert_eq!(
        plan.placements,
        [Placement::Project, Placement::ProjectWritable, Placement::Global]
    );
    let graphs = homes.iter().flatten().map(|home| home.graph);
    let expected = [GraphKey::FLAT, GraphKey::FLAT, GraphKey::PRISTINE];
    assert!(graphs.eq(expected), "{homes:?}");
    let found: Vec<String> = plain(paths(&plan), store)
        .into_iter()
        .filter(|path| !path.contains(".bin"))
        .collect();
    assert_eq!(
        found,
        [
            ".: .wharf/node_modules/.store/1/node_modules/@s/d = @s/d@2.0.0 copied",
            ".: .wharf/node_modules/.store/node_modules/@s/d -> ../../1/node_modules/@s/d",
            ".: .wharf/node_modules/.store/node_modules/a = a@1.0.0",
            ".: .wharf/node_modules/.store/node_modules/e -> STORE/store/npm/node_modules/.store/e@1.0.0/#/node_modules/e",
            ".: a -> .wharf/node_modules/.store/node_modules/a",
            ".: e -> STORE/store/npm/node_modules/.store/e@1.0.0/#/node_modules/e",
            ".: m -> ../packages/m",
            "packages/m: @s/d -> ../../../../node_modules/.wharf/node_modules/.store/1/node_modules/@s/d",
            "packages/m: here -> ../../../vendor/x",
        ]
    );
}

#[test]
fn what_importers_bundle_is_private_with_all_that_goes_along() {
    let to = To::Package;
    let of_kind = |kind: EdgeKind, needs: &[(&str, To)]| {
        let needs = edges(needs).into_iter().map(move |edge| Edge { kind, ..edge });
        needs.collect::<Vec<Edge>>()
    };
    let mut graph = Graph {
        importers: vec![
            importer(
                ".",
                "top",
                &[
                    ("x", to(0)),
                    ("m", To::Importer(1)),
                    ("d", to(4)),
                    ("here", To::Link("vendor".to_owned())),
                ],
            ),
            importer("m", "m", &[("e", to(5)), ("b", to(7))]),
        ],
        packages: vec![
            package("a", "1.0.0", &[("b", to(1))]),
            package("b", "1.0.0", &[("a", to(0))]),
            package("c", "1.0.0", &[]),
            package("p", "1.0.0", &[]),
            package("d", "1.0.0", &[("b", to(1))]),
            package("e", "1.0.0", &[]),
            package("f", "1.0.0", &[]),
            // The same as another entry, where nothing of its peer is installed.
            package("b", "1.0.0", &[]),
            package("b", "2.0.0", &[]),
        ],
    };
    graph.packages[0]
        .dependencies
        .extend(of_kind(EdgeKind::Optional, &[("c", to(2))]));
    graph.packages[0]
        .dependencies
        .extend(of_kind(EdgeKind::Peer, &[("p", to(3))]));
    graph.importers[1]
        .dependencies
        .extend(of_kind(EdgeKind::Dev, &[("f", to(6))]));
    let mut case = Case::new(graph);
    // Of each package: shared, in the project, or a private copy there.
    for (bundled, over_the_store) in [
        (&[][..], "sssssssss"),
        (&[(0, "x")], "cccspsscs"),
        (&[(0, "d")], "cccscsscs"),
        // Not by its own name, nor by what nobody asks for.
        (&[(0, "a"), (0, "here"), (1, "x")], "sssssssss"),
        // A member with what it needs to run.
        (&[(0, "m")], "pcsspcscs"),
        (&[(1, "e"), (0, "nobody")], "ssssscsss"),
    ] {
        case.bundled = bundled
            .iter()
            .map(|(importer, alias)| (*importer, (*alias).to_owned()))
            .collect();
        for (layout, stores) in [
            (Layout::Isolated, VirtualStore::Global),
            (Layout::Isolated, VirtualStore::Project),
            (Layout::Hoisted, VirtualStore::Auto),
        ] {
            (case.layout, case.virtual_store) = (layout, stores);
            let word = |placement: &Placement| match placement {
                Placement::Absent => '-',
                Placement::Global => 's',
                Placement::Project => 'p',
                Placement::ProjectWritable => 'c',
            };
            let placements = placing::Placing::of(&case.request()).placements;
            let found: String = placements.iter().map(word).collect();
            let expected = match stores {
                VirtualStore::Global => over_the_store.to_owned(),
                VirtualStore::Auto | VirtualStore::Project => over_the_store.replace('s', "p"),
            };
            assert_eq!(found, expected, "{bundled:?} {layout:?} {stores:?}");
        }
    }
}

#[test]
fn what_lies_in_the_project_lies_once_and_is_linked_by_those_who_ask() {
    let (_, store) = &*STORE;
    let mut case = Case::new(Graph {
        importers: vec![
            importer(".", "top", &[("a", To::Package(0)), ("c", To::Package(2))]),
            importer("m", "m", &[("c", To::Package(3)), ("e", To::Package(4))]),
            importer("n", "n", &[("c", To::Package(3)), ("also", To::Package(2))]),
        ],
        packages: vec![
            package("a", "1.0.0", &[("b", To::Package(1)), ("c", To::Package(3))]),
            package("b", "1.0.0", &[("c", To::Package(3)), ("m", To::Importer(1))]),
            package("c", "1.0.0", &[]),
            package("c", "2.0.0", &[("d", To::Package(5))]),
            package("e", "1.0.0", &[("c", To::Package(3))]),
            package("d", "1.0.0", &[]),
        ],
    });
    case.virtual_store = VirtualStore::Project;
    let (plan, _) = case.plan(store);
    let found: Vec<String> = paths(&plan)
        .into_iter()
        .filter(|path| !path.contains(".bin"))
        .map(|path| path.replace(".wharf/node_modules/.store", "APART"))
        .collect();
    assert_eq!(
        found,
        [
            ".: APART/1/node_modules/c = c@2.0.0",
            ".: APART/2/node_modules/c -> ../../1/node_modules/c",
            ".: APART/2/node_modules/e = e@1.0.0",
            ".: APART/node_modules/a = a@1.0.0",
            ".: APART/node_modules/a/node_modules/c -> ../../../1/node_modules/c",
            ".: APART/node_modules/also -> c",
            ".: APART/node_modules/b = b@1.0.0",
            ".: APART/node_modules/b/node_modules/c -> ../../../1/node_modules/c",
            ".: APART/node_modules/c = c@1.0.0",
            ".: APART/node_modules/d = d@1.0.0",
            ".: APART/node_modules/e -> ../2/node_modules/e",
            ".: APART/node_modules/m -> ../../../../../m",
            ".: a -> APART/node_modules/a",
            ".: c -> APART/node_modules/c",
            ".: m -> ../m",
            ".: n -> ../n",
            "m: c -> ../../node_modules/APART/1/node_modules/c",
            "m: e -> ../../node_modules/APART/2/node_modules/e",
            "n: also -> ../../node_modules/APART/node_modules/c",
            "n: c -> ../../node_modules/APART/1/node_modules/c",
        ]
    );
}

#[test]
fn entries_that_differ_in_what_is_not_installed_lie_once() {
    let (_, store) = &*STORE;
    let mut case = Case::new(Graph {
        importers: vec![
            importer(".", "top", &[("a", To::Package(0))]),
            importer("m", "m", &[("a", To::Package(1)), ("peer", To::Package(2))]),
        ],
        packages: vec![
            package("a", "1.0.0", &[]),
            package("a", "1.0.0", &[("peer", To::Package(2))]),
            package("peer", "1.0.0", &[]),
        ],
    });
    case.virtual_store = VirtualStore::Project;
    let count = |case: &Case| {
        let (plan, _) = case.plan(store);
        let paths = paths(&plan);
        paths.iter().filter(|path| path.ends_with("= a@1.0.0")).count()
    };
    assert_eq!(count(&case), 2);
    case.selected[2] = false;
    assert_eq!(count(&case), 1);
}

#[test]
fn what_is_not_installed_is_nowhere() {
    let (_, store) = &*STORE;
    let mut case = sample();
    case.selected[1] = false;
    case.importers[1] = false;
    for layout in [Layout::Isolated, Layout::Hoisted] {
        case.layout = layout;
        let (plan, homes) = case.plan(store);
        assert_eq!((plan.placements[1], &homes[1]), (Placement::Absent, &None));
        assert!(
            !paths(&plan)
                .iter()
                .any(|path| path.contains("@s") || path.starts_with("packages/m")),
            "{:?}",
            paths(&plan)
        );
    }
}

#[test]
fn names_that_are_no_folders_are_never_planned() {
    let (_, store) = &*STORE;
    let mut case = sample();
    case.graph.importers[0].dependencies = edges(&[
        ("../../evil", To::Package(0)),
        (".bin", To::Package(0)),
        ("a", To::Package(0)),
    ]);
    case.graph.packages[0].bin = vec![
        ("../evil".to_owned(), "cli.js".to_owned()),
        ("a".to_owned(), "../../evil".to_owned()),
        ("ok".to_owned(), "cli.js".to_owned()),
    ];
    let (plan, _) = case.plan(store);
    let paths = paths(&plan);
    assert!(!paths.iter().any(|path| path.contains("evil")), "{paths:?}");
    assert!(paths.contains(&".: .bin/ok -> ../a/cli.js".to_owned()));
}

#[test]
fn one_content_serves_every_layout() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    let mut case = sample();
    let (_, keyed) = case.plan(&store);
    case.layout = Layout::Hoisted;
    let stock = Planning::new(case.request()).stock(&store);
    assert_eq!(stock.missing, [], "the shared homes have all content");
    assert_eq!(stock.sources, keyed);
}
