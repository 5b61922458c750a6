//! Nested layouts, judged by node's lookup; selections by machine and by kind.

use std::collections::HashMap;

use insta::assert_snapshot;
use wharf_core::Target;
use wharf_ecosystem::npm::platform::{MachineWords, Machines};
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
            while let Placed::Again(above) = what {
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
    lines(&graph, &layout)
}

fn lines(graph: &Graph, layout: &[Placement]) -> String {
    let lines = layout.iter().map(|placed| {
        let what = match &placed.what {
            Placed::Package(package) => graph.packages[*package].version.clone(),
            Placed::Importer(importer) => graph.importers[*importer].path.clone(),
            Placed::Folder(path) | Placed::Again(path) => format!("to {path}"),
        };
        format!("{} {what}", placed.path)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A whole graph laid out apart from its importers, if that is right: needs are met, files lie once, and every name is found from
/// everywhere.
pub(super) fn laid_apart(graph: &Graph, elsewhere: &[bool]) -> Result<Vec<Placement>, String> {
    let all = vec![true; graph.packages.len()];
    let laid = apart(Apart {
        graph,
        selected: &all,
        importers: &[],
        omit: &[],
        elsewhere,
        same: &[],
        is_name: |_| true,
    });
    let lies_here = |package: usize| !elsewhere.get(package).copied().unwrap_or_default();
    let mut without_importers = graph.clone();
    without_importers.importers.clear();
    for (index, package) in without_importers.packages.iter_mut().enumerate() {
        if !lies_here(index) {
            package.dependencies.clear();
        }
    }
    node_finds_every_edge(&without_importers, &laid.placements)?;
    for (package, place) in laid.places.iter().enumerate() {
        let files = laid
            .placements
            .iter()
            .filter(|one| one.what == Placed::Package(package));
        let files: Vec<&str> = files.map(|one| one.path.as_str()).collect();
        match place {
            Some(place) if files != [place] => {
                return Err(format!("{package} lies in {files:?}, not {place}"));
            }
            None if lies_here(package) && !files.is_empty() => return Err(format!("{package} has no place")),
            _ => {}
        }
    }
    let edges = graph.importers.iter().flat_map(|importer| &importer.dependencies);
    for edge in edges.chain(graph.packages.iter().flat_map(|package| &package.dependencies)) {
        let Some(To::Package(package)) = edge.to else {
            continue;
        };
        if !laid.names.contains_key(&*edge.alias) {
            return Err(format!("nobody finds {}", edge.alias));
        }
        if lies_here(package) && laid.places[package].is_none() {
            return Err(format!("{} is nowhere", edge.alias));
        }
    }
    Ok(laid.placements)
}

fn lies_apart(text: &str) -> String {
    let (index, problem) = world(text);
    let graph = resolve(&problem, &index).unwrap().graph;
    lines(&graph, &laid_apart(&graph, &[]).unwrap())
}

#[test]
fn apart_from_the_importers_each_package_lies_once() {
    let text =
        "a 1.0.0 : c ^1\nb 1.0.0 : c ^1\nc 1.0.0 : d ^1\nc 2.0.0\nd 1.0.0\nd 2.0.0\n. : a *, b *, c ^2, d ^2";
    assert_snapshot!(lies_apart(text), @r"
    node_modules/a 1.0.0
    node_modules/a/node_modules/c 1.0.0
    node_modules/a/node_modules/d 1.0.0
    node_modules/b 1.0.0
    node_modules/b/node_modules/c to node_modules/a/node_modules/c
    node_modules/c 2.0.0
    node_modules/d 2.0.0
    ");
}

#[test]
fn what_members_ask_for_lies_by_itself() {
    let text = "r 17.0.0\nr 18.0.0\nui 1.0.0 : peer r *, x *\nx 1.0.0\n. : r ^18, ui *\n\
                packages/a (a 1.0.0) : r ^17, ui *\npackages/b (b 1.0.0) : r ^17, ui *, a workspace:*";
    assert_snapshot!(lies_apart(text), @r"
    1/node_modules/r 17.0.0
    2/node_modules/r to 1/node_modules/r
    2/node_modules/ui 1.0.0
    node_modules/r 18.0.0
    node_modules/ui 1.0.0
    node_modules/x 1.0.0
    ");
}

#[test]
fn apart_circles_of_conflicts_are_links() {
    let text = "a 1.0.0 : b 1.0.0\na 2.0.0 : b 2.0.0\nb 1.0.0 : a 2.0.0\nb 2.0.0 : a 1.0.0\n. : a 1.0.0";
    assert_snapshot!(lies_apart(text), @r"
    node_modules/a 1.0.0
    node_modules/b 1.0.0
    node_modules/b/node_modules/a 2.0.0
    node_modules/b/node_modules/b 2.0.0
    node_modules/b/node_modules/b/node_modules/a to node_modules/a
    ");
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
    selected_on(text, selection, &MachineWords::default(), node)
}

fn selected_on(text: &str, selection: &Selection, words: &MachineWords, node: Option<&str>) -> String {
    let (index, problem) = world(text);
    let graph = resolve(&problem, &index).unwrap().graph;
    let target: Target = "linux-x86_64".parse().unwrap();
    let node = node.map(|node| NodeFit::new(Version::parse(node).unwrap()));
    let machines = Machines::stated(words, &target);
    match select(&graph, selection, &machines, node.as_ref()) {
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
fn a_project_states_the_machines() {
    let words = |os: &[&str]| MachineWords {
        os: os.iter().map(|word| (*word).to_owned()).collect(),
        ..MachineWords::default()
    };
    let selected = |text: &str, os: &[&str]| selected_on(text, &Selection::default(), &words(os), None);
    let text =
        "a 1.0.0 : opt linux *, opt mac *\nlinux 1.0.0 os=linux\nmac 1.0.0 os=darwin : x *\nx 1.0.0\n. : a *";
    assert_eq!(
        selected(text, &["darwin", "current"]),
        "a@1.0.0 linux@1.0.0 mac@1.0.0 x@1.0.0"
    );
    assert_snapshot!(selected(text, &["darwin"]), @r"
    a@1.0.0 mac@1.0.0 x@1.0.0
    without linux@1.0.0: it asks for os: linux
    ");
    // What is required may be for any of them.
    let text = "mac 1.0.0 os=darwin\n. : mac *";
    assert_eq!(selected(text, &["current", "darwin"]), "mac@1.0.0");
    assert_snapshot!(selected(text, &["current", "win32"]), @"error: the project requires mac@1.0.0, which asks for os: darwin; the target is os: linux, win32; cpu: x64; libc: glibc");
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
