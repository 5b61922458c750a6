//! Packages that say they do not run on the project's Node: a warning, or an error where engines are strict.
//!
//! Invariant: the graph alone is judged, so a lock that was made before is judged like a fresh one. What only optional needs
//! lead to stops nobody.

use wharf_ecosystem::npm::{Graph, NodeFit, PackageIndex, Version};
use wharf_project::NpmProject;
use wharf_project::lock::npm::{GraphView, Node};

use crate::error::OpsError;

/// How many packages a message names.
const NAMED: usize = 12;

/// Refuses a graph whose packages do not run on `node`, where the project wants that.
///
/// # Errors
/// Where engines are strict and one does not fit.
pub(crate) fn check(
    npm: &NpmProject,
    graph: &Graph,
    selected: &[bool],
    node: &Version,
) -> Result<(), OpsError> {
    if !npm.options.engine_strict {
        return Ok(());
    }
    match misfits(graph, selected, node) {
        misfits if misfits.is_empty() => Ok(()),
        misfits => Err(OpsError::Engines {
            node: node.as_str().to_owned(),
            packages: misfits,
        }),
    }
}

/// What is told of a graph whose packages do not run on `node`, where that is no error.
pub(crate) fn warning(graph: &Graph, node: &Version) -> Option<String> {
    let misfits = misfits(graph, &vec![true; graph.packages.len()], node);
    let more = misfits.len().saturating_sub(NAMED);
    let mut words: Vec<String> = misfits.into_iter().take(NAMED).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    let node = node.as_str();
    (!words.is_empty()).then(|| {
        format!(
            "packages that were not made for Node {node}: {}",
            words.join("; ")
        )
    })
}

/// Each with the Node that it wants and who brings it in.
fn misfits(graph: &Graph, selected: &[bool], node: &Version) -> Vec<String> {
    let node = NodeFit::new(node.clone());
    let unfit: Vec<(PackageIndex, &str)> = graph
        .packages
        .iter()
        .enumerate()
        .filter(|(index, _)| selected[*index])
        .filter_map(|(index, package)| Some((index, package.engines_node.as_deref()?)))
        .filter(|(_, wanted)| !node.runs(wanted))
        .collect();
    if unfit.is_empty() {
        return Vec::new();
    }
    let optional = wharf_tree::select::only_optional(graph);
    let view = GraphView::new(graph);
    let needed = unfit.into_iter().filter(|(index, _)| !optional[*index]);
    let mut misfits: Vec<String> = needed
        .map(|(index, wanted)| {
            let package = &graph.packages[index];
            let chain = view.shortest_chain(Node::Package(index)).unwrap_or_default();
            let way: Vec<String> = chain.iter().map(|one| view.label(one.by)).collect();
            format!(
                "{}@{} wants {wanted} ({})",
                package.name,
                package.version,
                way.join(" > ")
            )
        })
        .collect();
    misfits.dedup();
    misfits
}
