//! Nested layouts, judged by node's lookup; selections by machine and by kind.

use std::collections::HashMap;

use insta::assert_snapshot;
use wharf_core::Target;
use wharf_ecosystem::npm::{Edge, Graph, NodeFit, To, Version};

use super::notation::world;
use crate::*;

/// Whether node, from every place of every package, finds what the graph says.
pub(super) fn node_finds_every_edge(graph: &Graph, layout: &[Placement]) -> Result<(), String> {
    let at: HashMap<&str, &Placed> = layout
        .iter()
        .map(|placed| (placed.path.as_str(), &placed.what))
        .collect();
    let importers = graph.importers.iter().map(|importer| {
        let folder = if importer.path == "." {
            String::new()
        } else {
            importer.path.clone()
        };
        (folder, importer.dependencies.as_slice())
    });
    let packages = layout.iter().filter_map(|placed| match placed.what {
        Placed::Package(package) => Some((
            placed.path.clone(),
            graph.packages[package].dependencies.as_slice(),
        )),
        _ => None,
    });
    for (folder, edges) in importers.chain(packages) {
        for edge in edges {
            found(&at, &folder, edge)?;
        }
    }
    Ok(())
}

fn found(at: &HashMap<&str, &Placed>, folder: &str, edge: &Edge) -> Result<(), String> {
    let Some(to) = &edge.to else { return Ok(()) };
    let mut from = folder;
    loop {
        let path = match from {
            "" => format!("node_modules/{}", edge.alias),
            from => format!("{from}/node_modules/{}", edge.alias),
        };
        if let Some(mut what) = at.get(path.as_str()) {
            while let Placed::Above(above) = what {
                what = at
                    .get(above.as_str())
                    .ok_or_else(|| format!("{path} points nowhere"))?;
            }
            let right = match (what, to) {
                (Placed::Package(here), To::Package(there)) => here == there,
                (Placed::Importer(here), To::Importer(there)) => here == there,
                (Placed::Folder(here), To::Link(there)) => here == there,
                _ => false,
            };
            return if right {
                Ok(())
            } else {
                Err(format!("{folder} finds {what:?} at {path}, not {to:?}"))
            };
        }
        if from.is_empty() {
            return Err(format!("{folder} finds no {}", edge.alias));
        }
        from = from
            .rfind("node_modules/")
            .map_or("", |cut| from[..cut].trim_end_matches('/'));
    }
}

fn layout(text: &str) -> String {
    let (index, problem) = world(text);
    let graph = resolve(&problem, &index).unwrap().graph;
    let layout = hoist(&graph, &vec![true; graph.packages.len()], Members::Linked);
    node_finds_every_edge(&graph, &layout).unwrap();
    let lines = layout.iter().map(|placed| {
        let what = match &placed.what {
            Placed::Package(package) => graph.packages[*package].version.clone(),
            Placed::Importer(importer) => graph.importers[*importer].path.clone(),
            Placed::Folder(path) | Placed::Above(path) => format!("to {path}"),
        };
        format!("{} {what}", placed.path)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_does_not_contradict_stands_at_the_top() {
    assert_snapshot!(layout("a 1.0.0 : c ^1\nb 1.0.0 : c ^2\nc 1.0.0\nc 2.0.0\n. : a *, b *"), @r"
    node_modules/a 1.0.0
    node_modules/b 1.0.0
    node_modules/b/node_modules/c 2.0.0
    node_modules/c 1.0.0
    ");
}

#[test]
fn a_package_stays_where_it_sees_its_peer() {
    assert_snapshot!(
        layout("lib 1.0.0 : ui *, r ^17\nui 1.0.0 : peer r *\nr 17.0.0\nr 18.0.0\n. : lib *, r ^18"),
        @r"
    node_modules/lib 1.0.0
    node_modules/lib/node_modules/r 17.0.0
    node_modules/lib/node_modules/ui 1.0.0
    node_modules/r 18.0.0
    "
    );
}

#[test]
fn members_are_linked_and_share_the_top() {
    assert_snapshot!(
        layout("c 1.0.0\nc 2.0.0\n. : c ^2\npackages/x (x 1.0.0) : c ^1, y workspace:*\npackages/y (y 1.0.0) : c ^2"),
        @r"
    node_modules/c 2.0.0
    node_modules/x packages/x
    node_modules/y packages/y
    packages/x/node_modules/c 1.0.0
    "
    );
}

#[test]
fn circles_of_conflicts_end_in_a_link() {
    let text = "a 1.0.0 : b 1.0.0\na 2.0.0 : b 2.0.0\nb 1.0.0 : a 2.0.0\nb 2.0.0 : a 1.0.0\n. : a 1.0.0";
    assert_snapshot!(layout(text), @r"
    node_modules/a 1.0.0
    node_modules/b 1.0.0
    node_modules/b/node_modules/a 2.0.0
    node_modules/b/node_modules/b 2.0.0
    node_modules/b/node_modules/b/node_modules/a 1.0.0
    node_modules/b/node_modules/b/node_modules/b to node_modules/b
    ");
}

fn selected(text: &str, selection: &Selection) -> String {
    selected_for(text, selection, None)
}

fn selected_for(text: &str, selection: &Selection, node: Option<&str>) -> String {
    let (index, problem) = world(text);
    let graph = resolve(&problem, &index).unwrap().graph;
    let target: Target = "linux-x86_64".parse().unwrap();
    let node = node.map(|node| NodeFit::new(Version::parse(node).unwrap()));
    match select(&graph, selection, &target, node.as_ref()) {
        Ok(selected) => {
            let taken = graph
                .packages
                .iter()
                .zip(&selected.packages)
                .filter(|(_, taken)| **taken);
            let mut lines: Vec<String> = vec![
                taken
                    .map(|(package, _)| package.label())
                    .collect::<Vec<_>>()
                    .join(" "),
            ];
            let skipped = selected.skipped.iter();
            lines.extend(
                skipped.map(|(package, why)| format!("without {}: {why}", graph.packages[*package].label())),
            );
            lines.join("\n")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn optional_packages_for_other_machines_are_left_out_with_what_only_they_need() {
    let text =
        "a 1.0.0 : opt mac *, opt wrap *\nmac 1.0.0 os=darwin : x *\nwrap 1.0.0 : mac *\nx 1.0.0\n. : a *";
    assert_snapshot!(selected(text, &Selection::default()), @r"
    a@1.0.0
    without mac@1.0.0: it asks for os: darwin
    without wrap@1.0.0: it requires mac@1.0.0, which asks for os: darwin
    ");
}

#[test]
fn optional_packages_for_another_node_are_left_out_and_required_ones_are_not() {
    let text = "a 1.0.0 node=>=22 : opt b *, opt c *, opt d *\nb 1.0.0 node=>=22 : x *\nc 1.0.0 : b *\nd 1.0.0 : e *\n\
                e 1.0.0 node=>=22\nx 1.0.0\n. : a *, e *";
    assert_snapshot!(selected_for(text, &Selection::default(), Some("20.1.0")), @r"
    a@1.0.0 d@1.0.0 e@1.0.0
    without b@1.0.0: it asks for Node >=22
    without c@1.0.0: it requires b@1.0.0, which asks for Node >=22
    ");
    let all = "a@1.0.0 b@1.0.0 c@1.0.0 d@1.0.0 e@1.0.0 x@1.0.0";
    assert_eq!(selected_for(text, &Selection::default(), Some("22.0.0")), all);
    assert_eq!(selected_for(text, &Selection::default(), None), all);
}

#[test]
fn what_is_required_must_be_for_the_machine() {
    assert_snapshot!(selected("a 1.0.0 : mac *\nmac 1.0.0 os=darwin\n. : a *", &Selection::default()), @"error: the project > a@1.0.0 requires mac@1.0.0, which asks for os: darwin; the target is linux-x86_64");
}

#[test]
fn kinds_and_importers_are_chosen() {
    let text = "a 1.0.0 : peer? t *\nb 1.0.0\nt 1.0.0\no 1.0.0\n. : a *, dev b *, dev t *, opt o *\nx (x 1.0.0) : b *";
    let prod = Selection {
        dev: false,
        importers: Some([".".to_owned()].into()),
        ..Selection::default()
    };
    assert_snapshot!(selected(text, &prod), @"a@1.0.0 o@1.0.0");
    let required = Selection {
        optional: false,
        dev: false,
        ..Selection::default()
    };
    assert_snapshot!(selected(text, &required), @"a@1.0.0 b@1.0.0");
}
