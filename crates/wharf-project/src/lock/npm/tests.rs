//! Tests of npm's part of the lock: the text is the lock, it is TOML, malformed places are shown, and a diff is small.

use proptest::prelude::*;
use wharf_core::{Algorithm, Digest, Ecosystem, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, Package, To};

use super::arbitrary::npm_locks;
use super::*;
use crate::lock::Lock;

pub(super) fn name(text: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, text).unwrap()
}

pub(super) fn registry() -> Source {
    Source::Registry {
        index: WebUrl::parse("https://registry.example.org/").unwrap(),
    }
}

/// A package of the usual registry without needs.
pub(crate) fn package(text: &str, version: &str) -> Package {
    Package {
        name: name(text),
        version: version.to_owned(),
        peers: Vec::new(),
        source: registry(),
        tarball: None,
        integrity: vec![Digest::from_bytes(Algorithm::Sha512, &[7; 64]).unwrap()],
        dependencies: Vec::new(),
        os: Vec::new(),
        cpu: Vec::new(),
        libc: Vec::new(),
        engines_node: None,
        bin: Vec::new(),
        has_scripts: false,
        bundled: Vec::new(),
        deprecated: None,
    }
}

/// A need that a package answers.
pub(crate) fn edge(alias: &str, range: &str, kind: EdgeKind, to: usize) -> Edge {
    Edge {
        alias: alias.to_owned(),
        range: range.to_owned(),
        kind,
        to: Some(To::Package(to)),
    }
}

/// A root with a member; a package in two sets of peers, one under an alias, one missing.
pub(crate) fn sample() -> NpmLock {
    let mut packages = vec![
        package("react", "18.3.1"),
        package("react", "19.0.0"),
        package("use-store", "1.2.0"),
        package("use-store", "1.2.0"),
        package("vite", "7.1.0"),
    ];
    for (entry, react, version) in [(2, 0, "18.3.1"), (3, 1, "19.0.0")] {
        packages[entry].peers = vec![("react".to_owned(), version.to_owned())];
        packages[entry].dependencies = vec![edge("react", "^18 || ^19", EdgeKind::Peer, react)];
    }
    packages[4].bin = vec![("vite".to_owned(), "bin/vite.js".to_owned())];
    packages[4].engines_node = Some("^20.19.0 || >=22.12.0".to_owned());
    packages[4].dependencies = vec![Edge {
        alias: "fsevents".to_owned(),
        range: "~2.3.3".to_owned(),
        kind: EdgeKind::Optional,
        to: None,
    }];
    let root = Importer {
        path: ".".to_owned(),
        name: Some("app".to_owned()),
        version: Some("1.0.0".to_owned()),
        bin: Vec::new(),
        dependencies: vec![
            edge("react", "^19.0.0", EdgeKind::Prod, 1),
            edge("use-store", "^1.2.0", EdgeKind::Prod, 3),
            edge("vite", "^7", EdgeKind::Dev, 4),
            Edge {
                alias: "@app/ui".to_owned(),
                range: "workspace:*".to_owned(),
                kind: EdgeKind::Prod,
                to: Some(To::Importer(1)),
            },
        ],
    };
    let member = Importer {
        path: "packages/ui".to_owned(),
        name: Some("@app/ui".to_owned()),
        version: None,
        bin: vec![("ui".to_owned(), "cli.js".to_owned())],
        dependencies: vec![
            edge("old-react", "npm:react@^18", EdgeKind::Prod, 0),
            edge("use-store", "^1.2.0", EdgeKind::Prod, 2),
        ],
    };
    let requirement = |importer: &Importer, edge: &Edge| NpmRoot {
        importer: importer.path.clone(),
        alias: edge.alias.clone(),
        kind: edge.kind,
        spec: edge.range.clone(),
    };
    let importers = vec![root, member];
    let requirements = importers
        .iter()
        .flat_map(|importer| {
            importer
                .dependencies
                .iter()
                .map(|edge| requirement(importer, edge))
        })
        .collect();
    let mut lock = NpmLock {
        inputs: NpmInputs {
            requirements,
            ..NpmInputs::default()
        },
        graph: Graph { importers, packages },
        node: None,
    };
    lock.normalize();
    lock
}

/// A lock of nothing but npm's part.
pub(crate) fn whole(npm: NpmLock) -> Lock {
    Lock {
        npm: Some(npm),
        ..Lock::default()
    }
}

#[test]
fn the_text_is_readable() {
    let sri = format!("sha512-{}==", "BwcH".repeat(21) + "Bw");
    let expected = format!(
        r#"# Written by Wharf. Change the manifest and run `wharf lock` rather than editing this file.
version = 1

[npm]
registry = "https://registry.example.org/"

[[npm.importer]]
path = "."
name = "app"
version = "1.0.0"
dependencies = [
    {{ name = "@app/ui", range = "workspace:*", importer = "packages/ui" }},
    {{ name = "react", range = "^19.0.0", version = "19.0.0" }},
    {{ name = "use-store", range = "^1.2.0", peers = ["react@19.0.0"] }},
    {{ name = "vite", range = "^7", kind = "dev" }},
]

[[npm.importer]]
path = "packages/ui"
name = "@app/ui"
bin = {{ ui = "cli.js" }}
dependencies = [
    {{ name = "old-react", range = "npm:react@^18", package = "react", version = "18.3.1" }},
    {{ name = "use-store", range = "^1.2.0", peers = ["react@18.3.1"] }},
]

[[npm.package]]
name = "react"
version = "18.3.1"
integrity = "{sri}"

[[npm.package]]
name = "react"
version = "19.0.0"
integrity = "{sri}"

[[npm.package]]
name = "use-store"
version = "1.2.0"
integrity = "{sri}"
peers = ["react@18.3.1"]
dependencies = [
    {{ name = "react", range = "^18 || ^19", kind = "peer", version = "18.3.1" }},
]

[[npm.package.instance]]
peers = ["react@19.0.0"]
dependencies = [
    {{ name = "react", range = "^18 || ^19", kind = "peer", version = "19.0.0" }},
]

[[npm.package]]
name = "vite"
version = "7.1.0"
integrity = "{sri}"
node = "^20.19.0 || >=22.12.0"
bin = {{ vite = "bin/vite.js" }}
dependencies = [
    {{ name = "fsevents", range = "~2.3.3", kind = "optional", missing = true }},
]
"#
    );
    let lock = whole(sample());
    assert_eq!(lock.print(), expected);
    assert_eq!(Lock::parse(&expected).unwrap(), lock);
}

#[test]
fn inputs_that_no_edge_shows_stand_apart() {
    let mut npm = sample();
    let root = |alias: &str, spec: &str| NpmRoot {
        importer: ".".to_owned(),
        alias: alias.to_owned(),
        kind: EdgeKind::Prod,
        spec: spec.to_owned(),
    };
    npm.inputs.requirements.push(root("removed", "^1"));
    for known in &mut npm.inputs.requirements {
        if known.alias == "react" {
            known.spec = "^18".to_owned();
        }
    }
    npm.inputs.requirements.retain(|known| known.alias != "vite");
    npm.inputs.overrides = vec!["react = ^19.0.0".to_owned()];
    npm.inputs.install_peers = false;
    npm.inputs.node = Some(">=20".to_owned());
    npm.normalize();
    let text = whole(npm.clone()).print();
    for line in [
        "[npm.inputs]\nnode = \">=20\"\ninstall-peers = false\noverrides = [\n    \"react = ^19.0.0\",\n]\nrequirements = [\n    { name = \"removed\", range = \"^1\" },\n]\n",
        "{ name = \"react\", range = \"^19.0.0\", version = \"19.0.0\", asked = \"^18\" },",
        "{ name = \"vite\", range = \"^7\", kind = \"dev\", added = true },",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(Lock::parse(&text).unwrap().npm, Some(npm));
}

#[test]
fn a_new_version_changes_its_own_lines() {
    let before = whole(sample());
    let mut after = before.clone();
    let packages = &mut after.npm.as_mut().unwrap().graph.packages;
    let vite = packages
        .iter_mut()
        .find(|package| package.name.as_str() == "vite")
        .unwrap();
    vite.version = "7.2.0".to_owned();
    let (before, after) = (before.print(), after.print());
    let changed: Vec<(&str, &str)> = before
        .lines()
        .zip(after.lines())
        .filter(|(a, b)| a != b)
        .collect();
    assert_eq!(changed, [("version = \"7.1.0\"", "version = \"7.2.0\"")]);
}

#[test]
fn malformed_parts_show_the_place() {
    let good = whole(sample()).print();
    for (from, to, line, message) in [
        (
            "[npm]\nregistry",
            "[npm]\nregistrar",
            "registrar",
            "there is no key `registrar` in `[npm]`",
        ),
        (
            "[npm]\nregistry = \"https://registry.example.org/\"\n",
            "",
            "[[npm.importer]]",
            "`[npm]` is missing before this table",
        ),
        ("[[npm.importer]]", "[npm]", "[npm]", "`[npm]` stands here twice"),
        (
            "[[npm.importer]]",
            "[[package]]",
            "[[package]]",
            "the table `package` must stand before `[npm]`",
        ),
        (
            "[[npm.importer]]",
            "[npm.importer]",
            "[npm.importer]",
            "there is no table `npm.importer` in a lockfile",
        ),
        ("path = \".\"\n", "", "[[npm.importer]]", "`path` is missing here"),
        (
            "path = \"packages/ui\"",
            "path = \".\"",
            "[[npm.importer]]",
            "the importer `.` stands here twice",
        ),
        (
            "importer = \"packages/ui\"",
            "importer = \"x\"",
            "importer = \"x\"",
            "the lock has no importer `x`",
        ),
        (
            "version = \"19.0.0\" }",
            "version = \"17.0.0\" }",
            "range = \"^19.0.0\"",
            "the lock has no entry of react 17.0.0 that this could mean",
        ),
        (
            ", version = \"19.0.0\" }",
            " }",
            "range = \"^19.0.0\"",
            "the lock has several entries of react that this could mean",
        ),
        (
            "kind = \"dev\"",
            "kind = \"def\"",
            "kind = \"def\"",
            "`def` is no kind of dependency",
        ),
        (
            "peers = [\"react@19.0.0\"]",
            "peers = [\"react\"]",
            "peers = [\"react\"]",
            "`react` is not `name@version`",
        ),
        ("sha512-BwcH", "sha512-!wcH", "sha512-!", "is not a sha512 digest"),
        (
            "missing = true",
            "missing = 1",
            "missing = 1",
            "missing must be true or false, and this is a number",
        ),
        (
            "missing = true",
            "missing = yes",
            "missing = yes",
            "this is not valid TOML: a value is expected, not `y`",
        ),
        (
            "name = \"vite\"\nversion",
            "name = \"vi te\"\nversion",
            "vi te",
            "`vi te` is not a valid npm package name",
        ),
        (
            "name = \"vite\"\nversion",
            "name = \"vite\"\nname",
            "name = \"7.1.0\"",
            "the key `name` stands here twice",
        ),
        (
            "name = \"vite\"\nversion",
            "name = \"vite\nversion",
            "name = \"vite",
            "this string has no closing `\"` on its line",
        ),
        (
            "\n[[npm.package]]\nname = \"vite\"",
            "\n<<<<<<< HEAD\n[[npm.package]]\nname = \"vite\"",
            "<<<<<<<",
            "this is not valid TOML: a key is expected, not `<`",
        ),
        (
            "registry = \"https://registry.example.org/\"\n",
            "",
            "[[npm.package]]",
            "`source` is missing here",
        ),
        (
            "registry = \"https://registry.example.org/\"",
            "registry = \"x\"",
            "registry = \"x\"",
            "`x` is not a URL",
        ),
        (
            "{ vite = \"bin/vite.js\" }",
            "\"x\"",
            "bin = \"x\"",
            "`bin` must be a table, and this is a string",
        ),
        (
            "node = \"^20",
            "node = \"\\q^20",
            "node = ",
            "this is no escape of TOML",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        let error = Lock::parse(&bad).unwrap_err();
        assert!(error.message.contains(message), "{message}: {}", error.message);
        assert!(error.place.text.contains(line), "{message}: {}", error.place);
        assert_eq!(
            bad.lines().nth(error.place.line as usize - 1),
            Some(error.place.text.as_str())
        );
        assert_eq!((error.code, error.hints.is_empty()), ("lock/malformed", false));
    }
}

#[test]
fn views_turn_the_graph_round() {
    let lock = sample();
    let view = GraphView::new(&lock.graph);
    let label = |node| view.label(node);
    let named = |name: &str, version: &str| -> Vec<usize> {
        let packages = lock.graph.packages.iter().enumerate();
        let found =
            packages.filter(|(_, package)| package.name.as_str() == name && package.version == version);
        found.map(|(index, _)| index).collect()
    };
    let stores = named("use-store", "1.2.0");
    let labels: Vec<String> = stores.iter().map(|index| label(Node::Package(*index))).collect();
    assert_eq!(
        labels,
        [
            "use-store 1.2.0 (with react 18.3.1)",
            "use-store 1.2.0 (with react 19.0.0)"
        ]
    );
    let users: Vec<String> = view
        .uses(Node::Package(named("react", "18.3.1")[0]))
        .iter()
        .map(|one| format!("{} by {}", one.edge.alias, label(one.by)))
        .collect();
    assert_eq!(
        users,
        [
            "old-react by @app/ui (packages/ui)",
            "react by use-store 1.2.0 (with react 18.3.1)"
        ]
    );
    let chain = view.shortest_chain(Node::Package(stores[0])).unwrap();
    assert_eq!(
        chain.iter().map(|one| label(one.by)).collect::<Vec<_>>(),
        ["@app/ui (packages/ui)"]
    );
}

proptest! {
    #[test]
    fn parse_undoes_print(npm in npm_locks()) {
        let lock = whole(npm);
        let text = lock.print();
        let read = Lock::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read, &lock, "{}", text);
        prop_assert_eq!(read.print(), text);
    }

    #[test]
    fn the_text_is_toml(npm in npm_locks()) {
        let text = whole(npm).print();
        let table: Result<toml::Table, _> = text.parse();
        prop_assert!(table.is_ok(), "{:?}\n{}", table, text);
    }

    #[test]
    fn order_means_nothing(npm in npm_locks()) {
        let lock = whole(npm);
        let mut shuffled = lock.clone();
        let graph = &mut shuffled.npm.as_mut().unwrap().graph;
        let last = graph.packages.len().wrapping_sub(1);
        graph.packages.reverse();
        let lists = graph.importers.iter_mut().map(|importer| &mut importer.dependencies);
        for edges in lists.chain(graph.packages.iter_mut().map(|package| &mut package.dependencies)) {
            edges.reverse();
            for edge in edges.iter_mut() {
                if let Some(To::Package(index)) = &mut edge.to {
                    *index = last - *index;
                }
            }
        }
        // Entries that differ in nothing but their needs have no order of their own.
        let keys: std::collections::BTreeSet<String> = graph.packages.iter().map(Package::key).collect();
        prop_assume!(keys.len() == graph.packages.len());
        prop_assert_eq!(shuffled.print(), lock.print());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]={}\", \n:0-9é\\\\#-]{0,120}") {
        let _ = Lock::parse(&format!("version = 1\n[npm]\n{text}"));
        let _ = Lock::parse(&format!("version = 1\n[npm]\n[[npm.package]]\n{text}"));
    }

    #[test]
    fn what_is_accepted_is_toml(edits in proptest::collection::vec((any::<u16>(), "[a-z\\[\\]={}\", \n0-9\\\\#.\r\t]{0,2}"), 1..4)) {
        let mut text = whole(sample()).print();
        for (at, insert) in edits {
            let at = usize::from(at) % text.len();
            text.insert_str(at, &insert);
        }
        if Lock::parse(&text).is_ok() {
            let table: Result<toml::Table, _> = text.parse();
            prop_assert!(table.is_ok(), "{:?}\n{}", table.err(), text);
        }
    }
}
