//! Tools that do not work over the shared store, or in an isolated layout, as measured: `data/npm-project-store.txt`,
//! `data/npm-servers.txt` and `data/npm-hoisting.txt`.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;
use wharf_ecosystem::npm::graph::{Edge, Graph, Package, To};

use super::Request;

const MEASURED: &str = include_str!("../../data/npm-project-store.txt");
const SERVERS: &str = include_str!("../../data/npm-servers.txt");
const HOISTING: &str = include_str!("../../data/npm-hoisting.txt");

/// Why this project's packages must lie in the project, if they must.
pub(super) fn why_project(request: &Request<'_>) -> Option<String> {
    let known: Vec<(&str, &str)> = entries(MEASURED).collect();
    let packages = &request.graph.packages;
    let mut installed = (0..packages.len()).filter(|package| request.has(*package));
    installed.find_map(|package| {
        let name = packages[package].name.as_str();
        if let Some((name, reason)) = known.iter().find(|(known, _)| *known == name) {
            return Some(format!("{name} {reason}"));
        }
        let needs = request.needs(package).filter_map(|(_, to)| match to {
            To::Package(need) => Some(packages[*need].name.as_str()),
            To::Importer(_) | To::Link(_) => None,
        });
        let server = unmeasured(name, needs)?;
        Some(format!(
            "{name} needs {server}, and was not measured over the shared store"
        ))
    })
}

/// Whether a package of this name and these needs is a tool for which all packages of a project lie in it. A guess, for what has to be
/// begun before the graph is known: versions are not looked at, nor who asks for it.
pub fn keeps_all_in_the_project<'n>(name: &str, needs: impl Iterator<Item = &'n str>) -> bool {
    static TOOLS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
        let measured = entries(MEASURED).map(|(name, _)| name);
        let hoisted = tools().filter(|tool| tool.wants == LAYOUT).map(|tool| tool.name);
        measured.chain(hoisted).collect()
    });
    TOOLS.contains(name) || unmeasured(name, needs).is_some()
}

/// The server that a package needs, if it was not measured beside one.
fn unmeasured<'n>(name: &str, mut needs: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    needs.find(|need| is_server(need) && !is_measured_with_a_server(name))
}

/// Whether a development server is installed that hands out files of packages from inside the project alone.
pub(super) fn has_server(request: &Request<'_>) -> bool {
    let mut packages = request.graph.packages.iter().enumerate();
    packages.any(|(index, package)| is_server(package.name.as_str()) && request.has(index))
}

/// Whether this is such a server, or a package that was measured beside one: none of their own files is asked for.
pub(super) fn is_measured_with_a_server(name: &str) -> bool {
    static MEASURED: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
        entries(SERVERS)
            .flat_map(|(server, beside)| [server, beside])
            .collect()
    });
    MEASURED.contains(name)
}

fn is_server(name: &str) -> bool {
    static NAMES: LazyLock<FxHashSet<&str>> =
        LazyLock::new(|| entries(SERVERS).map(|(server, _)| server).collect());
    NAMES.contains(name)
}

/// Patterns of packages that are linked in the project's own `node_modules` where it does not say which, as the tools that it
/// asks for need it.
pub fn public_hoist(graph: &Graph) -> Vec<String> {
    let patterns = asked(graph).filter(|tool| tool.wants != LAYOUT);
    let mut patterns: Vec<String> = patterns.map(|tool| tool.wants.to_owned()).collect();
    patterns.sort_unstable();
    patterns.dedup();
    patterns
}

/// Why this project's packages must be hoisted, if they must: a tool that it asks for, or what it bundles ([`Request::bundled`]).
pub fn why_hoisted(graph: &Graph, bundled: &[(usize, String)]) -> Option<String> {
    if let Some(tool) = asked(graph).find(|tool| tool.wants == LAYOUT) {
        return Some(format!("{} {}", tool.name, tool.reason));
    }
    let mut bundled = bundled.iter().filter(|(importer, alias)| {
        let importer = &graph.importers[*importer];
        importer.path == "."
            && importer
                .dependencies
                .iter()
                .any(|edge| edge.alias == *alias && needs_others(graph, edge))
    });
    let (_, alias) = bundled.next()?;
    Some(format!(
        "{alias} is bundled and needs others, which npm packs where a hoisted layout has them"
    ))
}

/// Whether what an edge leads to has dependencies of its own.
fn needs_others(graph: &Graph, edge: &Edge) -> bool {
    match edge.to {
        Some(To::Package(index)) => {
            let mut needs = graph.packages[index].dependencies.iter();
            needs.any(|need| need.kind.goes_along())
        }
        Some(To::Importer(_) | To::Link(_)) | None => false,
    }
}

/// Stands in place of a pattern.
const LAYOUT: &str = "layout";

/// A tool that looks for packages where an isolated layout does not have them.
struct Tool {
    name: &'static str,
    below: Option<u64>,
    wants: &'static str,
    reason: &'static str,
}

impl Tool {
    fn is(&self, package: &Package) -> bool {
        let major = || package.version.split('.').next()?.parse::<u64>().ok();
        let old = |below: u64| major().is_some_and(|major| major < below);
        self.name == package.name.as_str() && self.below.is_none_or(old)
    }
}

fn tools() -> impl Iterator<Item = Tool> {
    entries(HOISTING).filter_map(|(name, rest)| {
        let (first, after) = rest.split_once(' ')?;
        let below = first.strip_prefix('<').and_then(|below| below.parse().ok());
        let (wants, reason) = match below {
            Some(_) => after.split_once(' ')?,
            None => (first, after),
        };
        Some(Tool {
            name,
            below,
            wants,
            reason: reason.trim(),
        })
    })
}

/// The tools that an importer asks for itself.
fn asked(graph: &Graph) -> impl Iterator<Item = Tool> + use<'_> {
    tools().filter(|tool| {
        let mut edges = graph
            .importers
            .iter()
            .flat_map(|importer| &importer.dependencies)
            .filter(|edge| !edge.range.is_empty());
        edges.any(|edge| match edge.to {
            Some(To::Package(index)) => tool.is(&graph.packages[index]),
            Some(To::Importer(_) | To::Link(_)) | None => false,
        })
    })
}

pub(super) fn entries(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ').map(|(name, reason)| (name, reason.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_ecosystem::npm::graph::{EdgeKind, Importer};

    #[test]
    fn the_names_of_tools_tell_where_packages_will_lie() {
        for (name, needs, expected) in [
            ("next", &["react"][..], true),
            ("gatsby", &[], true),
            // Some packages lie in the project for it, and not all.
            ("vite", &["rollup"], false),
            ("vitest", &["vite"], false),
            ("vite-plugin-of-somebody", &["rollup", "vite"], true),
            // Wants some names in the project's own node_modules, and no more.
            ("eslint", &[], false),
            ("react", &[], false),
        ] {
            let found = keeps_all_in_the_project(name, needs.iter().copied());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn every_tool_has_a_reason_and_stands_there_once() {
        let mut names: Vec<&str> = entries(MEASURED).map(|(name, _)| name).collect();
        assert!(entries(MEASURED).all(|(name, reason)| wharf_store::is_alias(name) && reason.len() > 20));
        let mut beside = entries(SERVERS);
        assert!(beside.all(|(server, name)| wharf_store::is_alias(server) && wharf_store::is_alias(name)));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(tools().count(), entries(HOISTING).count());
        assert!(tools().all(|tool| wharf_store::is_alias(tool.name) && tool.reason.len() > 20));
    }

    #[test]
    fn only_what_a_project_asks_for_itself_is_hoisted_for() {
        let graph = |name: &str, version: &str, range: &str| Graph {
            importers: vec![Importer {
                path: ".".to_owned(),
                dependencies: vec![Edge {
                    alias: name.to_owned(),
                    range: range.to_owned(),
                    kind: EdgeKind::Dev,
                    to: Some(To::Package(0)),
                }],
                ..Importer::default()
            }],
            packages: vec![crate::node::tests::package(name, version, &[])],
        };
        let patterns = |name, version, range| public_hoist(&graph(name, version, range)).join(" ");
        for (name, version, range, expected) in [
            ("eslint", "8.57.1", "^8", "*eslint*"),
            ("eslint", "9.39.0", "^9", ""),
            ("eslint", "10.0.0", "^10", ""),
            ("eslint", "8.57.1", "", ""), // added for somebody's peer
            ("@eslint/eslintrc", "3.3.0", "^3", "*eslint*"),
            ("prettier", "2.8.8", "2", "*prettier*"),
            ("prettier", "3.6.0", "3", ""),
            ("gatsby", "5.16.1", "^5", ""),
        ] {
            assert_eq!(
                patterns(name, version, range),
                expected,
                "{name}@{version} {range}"
            );
        }
        let why = why_hoisted(&graph("gatsby", "5.16.1", "^5"), &[]);
        assert!(why.is_some_and(|why| why.starts_with("gatsby builds the site")));
        assert_eq!(why_hoisted(&graph("gatsby", "5.16.1", ""), &[]), None);
        assert_eq!(why_hoisted(&graph("eslint", "8.57.1", "^8"), &[]), None);
    }
}
