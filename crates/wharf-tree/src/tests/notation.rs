//! Worlds and projects in a few lines. One line is one version of a package, or one importer:
//!
//! ```text
//! a 1.0.0 : b ^1, dev c *, opt d ^2, peer react ^18, peer? vue *    a version and its needs
//! a 2.0.0 deprecated os=darwin node=>=20 bundle=b : b ^1            what it says of itself
//! . : a ^1                                                          the project
//! packages/x (x 1.0.0) : y workspace:*                              a member, its name and version
//! tag a next 2.0.0
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_core::{Ecosystem, Origin, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::{
    Direct, EdgeKind, From, Graph, PackageManifest, Registries, Spec, To, Version, VersionRow, Versions,
};

use crate::*;

/// A registry in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    versions: BTreeMap<PackageName, Versions>,
    manifests: BTreeMap<(PackageName, String), Arc<PackageManifest>>,
    directs: BTreeMap<String, Arc<Direct>>,
    /// What answers `Unknown` although it is there.
    pub(crate) hidden: Vec<PackageName>,
}

pub(crate) fn name(text: &str) -> PackageName {
    PackageName::new(Ecosystem::Npm, text).unwrap()
}

pub(crate) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// Reads a world and a project.
pub(crate) fn world(text: &str) -> (Index, Problem) {
    let mut index = Index::default();
    let mut importers = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, needs) = line.split_once(" :").unwrap_or((line, ""));
        let words: Vec<&str> = head.split_whitespace().collect();
        match words.as_slice() {
            ["tag", package, tag, to] => {
                let versions = index.versions.get_mut(&name(package)).unwrap();
                let rows: Vec<VersionRow> = versions.rows().collect();
                let mut tags = versions.tags().to_vec();
                tags.push((tag.to_string(), to.to_string()));
                *versions = Versions::new(name(package), tags, rows.iter().collect(), Vec::new());
            }
            [path] => importers.push(importer(path, None, None, needs)),
            [path, name, version] if name.starts_with('(') => {
                importers.push(importer(
                    path,
                    name.strip_prefix('('),
                    version.strip_suffix(')'),
                    needs,
                ));
            }
            [url, package, version] if url.starts_with("https:") => {
                index.add_direct(url, package, version, needs);
            }
            [package, version, facts @ ..] => index.add(package, version, facts, needs),
            _ => panic!("cannot read `{line}`"),
        }
    }
    let registries = Registries::new(WebUrl::parse("https://npm.example.org/").unwrap());
    (index, Problem::new(importers, registries))
}

fn needs(text: &str) -> impl Iterator<Item = (EdgeKind, String, String)> + '_ {
    text.split(',')
        .map(str::trim)
        .filter(|need| !need.is_empty())
        .map(|need| {
            let (word, rest) = need.split_once(' ').unwrap();
            let kind = match word {
                "dev" => EdgeKind::Dev,
                "opt" => EdgeKind::Optional,
                "peer" => EdgeKind::Peer,
                "peer?" => EdgeKind::OptionalPeer,
                _ => EdgeKind::Prod,
            };
            let rest = if kind == EdgeKind::Prod { need } else { rest };
            let (alias, spec) = rest.trim().split_once(' ').unwrap_or((rest, "*"));
            (kind, alias.to_owned(), spec.trim().to_owned())
        })
}

fn importer(path: &str, name: Option<&str>, version: Option<&str>, text: &str) -> Root {
    let requirements = needs(text).map(|(kind, alias, text)| Requirement {
        spec: Spec::parse(&text).unwrap(),
        origin: Origin::label("package.json"),
        alias,
        text,
        kind,
    });
    Root {
        path: path.to_owned(),
        name: name.map(str::to_owned),
        version: version.map(str::to_owned),
        bin: Vec::new(),
        requirements: requirements.collect(),
    }
}

fn manifest(package: &str, version: &str, facts: &[&str], text: &str) -> PackageManifest {
    let mut manifest = PackageManifest {
        name: Some(package.to_owned()),
        version: Some(version.to_owned()),
        ..Default::default()
    };
    for fact in facts {
        match fact.split_once('=') {
            Some(("os", os)) => manifest.os.push(os.to_owned()),
            Some(("node", range)) => manifest.engines.push(("node".to_owned(), range.to_owned())),
            Some(("bundle", name)) => manifest.bundled.push(name.to_owned()),
            None if *fact == "deprecated" => manifest.deprecated = Some("use another".to_owned()),
            _ => panic!("cannot read `{fact}`"),
        }
    }
    for (kind, alias, spec) in needs(text) {
        match kind {
            EdgeKind::Prod => manifest.dependencies.push((alias, spec)),
            EdgeKind::Dev => manifest.dev_dependencies.push((alias, spec)),
            EdgeKind::Optional => manifest.optional_dependencies.push((alias, spec)),
            EdgeKind::Peer => manifest.peer_dependencies.push((alias, spec)),
            EdgeKind::OptionalPeer => {
                manifest.optional_peers.push(alias.clone());
                manifest.peer_dependencies.push((alias, spec));
            }
        }
    }
    manifest
}

impl Index {
    fn add(&mut self, package: &str, text: &str, facts: &[&str], needs: &str) {
        let manifest = manifest(package, text, facts, needs);
        let known = self.versions.get(&name(package));
        let mut rows: Vec<VersionRow> = known.into_iter().flat_map(Versions::rows).collect();
        rows.push(VersionRow {
            version: version(text),
            deprecated: manifest.deprecated.is_some(),
            engines_node: manifest.engines_node().map(Arc::from),
            published: None,
        });
        rows.sort_by(|a, b| a.version.cmp(&b.version));
        let tags = known.map(|known| known.tags().to_vec()).unwrap_or_default();
        let versions = Versions::new(name(package), tags, rows.iter().collect(), Vec::new());
        self.versions.insert(name(package), versions);
        self.manifests
            .insert((name(package), text.to_owned()), Arc::new(manifest));
    }

    fn add_direct(&mut self, url: &str, package: &str, version: &str, needs: &str) {
        let direct = Direct {
            manifest: Arc::new(manifest(package, version, &[], needs)),
            source: Source::Url {
                url: WebUrl::parse(url).unwrap(),
                subdirectory: None,
            },
            integrity: Vec::new(),
            tarball: Some(url.to_owned()),
        };
        self.directs.insert(url.to_owned(), Arc::new(direct));
    }
}

impl Universe for Index {
    fn versions(&self, name: &PackageName) -> Lookup<Arc<Versions>> {
        match self.versions.get(name) {
            _ if self.hidden.contains(name) => Lookup::Unknown,
            Some(versions) => Lookup::Known(Arc::new(versions.clone())),
            None => Lookup::Failed("no such package".to_owned()),
        }
    }

    fn manifest(&self, name: &PackageName, version: &Version) -> Result<Arc<PackageManifest>, String> {
        let found = self.manifests.get(&(name.clone(), version.to_string()));
        found.cloned().ok_or_else(|| "no such version".to_owned())
    }

    fn direct(&self, spec: &Spec, _from: &From) -> Lookup<Arc<Direct>> {
        match self.directs.get(&spec.to_string()) {
            Some(direct) => Lookup::Known(Arc::clone(direct)),
            None => Lookup::Failed("no such archive".to_owned()),
        }
    }
}

/// The graph, one line for each importer and package: `key -> alias=target …`; peers that nobody provides are `alias=-`.
pub(crate) fn show(graph: &Graph) -> String {
    let target = |to: &Option<To>| match to {
        None => "-".to_owned(),
        Some(To::Package(package)) => graph.packages[*package].key(),
        Some(To::Importer(importer)) => graph.importers[*importer].path.clone(),
        Some(To::Link(path)) => format!("link:{path}"),
    };
    let line = |head: String, edges: &[wharf_ecosystem::npm::Edge]| {
        let edges: Vec<String> = edges
            .iter()
            .map(|edge| format!("{}={}", edge.alias, target(&edge.to)))
            .collect();
        format!("{head} -> {}", edges.join(" ")).trim_end().to_owned()
    };
    let importers = graph
        .importers
        .iter()
        .map(|importer| line(importer.path.clone(), &importer.dependencies));
    let packages = graph
        .packages
        .iter()
        .map(|package| line(package.key(), &package.dependencies));
    importers.chain(packages).collect::<Vec<_>>().join("\n")
}

/// Resolves a world and shows the graph, then what there is to say.
pub(crate) fn solve(text: &str) -> String {
    solve_with(text, |_| {})
}

/// The same with a change to the problem.
pub(crate) fn solve_with(text: &str, change: impl FnOnce(&mut Problem)) -> String {
    let (index, mut problem) = world(text);
    change(&mut problem);
    match resolve(&problem, &index) {
        Ok(outcome) => {
            let issues = outcome.issues.iter().map(|issue| format!("! {issue}"));
            [show(&outcome.graph)]
                .into_iter()
                .chain(issues)
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(Stop::Failed(error)) => format!("error: {error}"),
        Err(Stop::Needs(needs)) => format!("{needs:?}"),
    }
}
