//! Which packages lie in the project, and why.

use super::*;

#[test]
fn tools_that_follow_no_links_get_the_packages_into_the_project() {
    let mut case = sample();
    case.virtual_store = VirtualStore::Auto;
    assert_eq!(placing::Placing::of(&case.request()).why, None);
    case.graph.packages[2] = package("next", "15.0.0", &[]);
    let placing = placing::Placing::of(&case.request());
    assert!(placing.why.unwrap().starts_with("next "));
    assert_eq!(placing.placements, [Placement::Project; 3]);
    case.selected[2] = false;
    assert_eq!(placing::Placing::of(&case.request()).why, None);
}

#[test]
fn what_a_development_server_is_asked_for_lies_in_the_project() {
    use Placement::{Global, Project};
    let (_, store) = &*STORE;
    let to = To::Package;
    let graph = Graph {
        importers: vec![importer(".", "top", &[("ui", to(0)), ("vite", to(3))])],
        packages: vec![
            package("ui", "1.0.0", &[("fonts", to(1)), ("e", to(2))]),
            package("fonts", "1.0.0", &[]),
            package("e", "1.0.0", &[]),
            package("vite", "7.0.0", &[("e", to(2))]),
            package("@vitejs/plugin-react", "5.0.0", &[("vite", to(3))]),
        ],
    };
    let mut case = Case::new(graph);
    case.virtual_store = VirtualStore::Auto;
    case.plan(store);
    let cache = tempfile::tempdir().unwrap();
    let served = |case: &Case| {
        let planning = Planning::new(case.request());
        let stock = planning.stock(store);
        planning.may_serve().then(|| {
            planning
                .served(&stock, store, cache.path(), &Seen::default())
                .unwrap()
        })
    };
    case.served = served(&case).unwrap();
    assert_eq!(case.served, BTreeSet::from([1]));
    case.served = BTreeSet::new();
    case.served = served(&case).unwrap();
    assert_eq!(case.served, BTreeSet::from([1]), "as it is remembered");
    // What was seen while it came is not looked for in the store. Here something else is said to have come.
    let seen = Seen::default();
    seen.look_at(case.contents[2].unwrap(), &case.unpack(1, store));
    let planning = Planning::new(case.request());
    let stock = planning.stock(store);
    let other = tempfile::tempdir().unwrap();
    let found = planning.served(&stock, store, other.path(), &seen).unwrap();
    assert!(found.contains(&2), "{found:?}");
    let found = planning
        .served(&stock, store, other.path(), &Seen::default())
        .unwrap();
    assert!(found.contains(&2), "as it is remembered: {found:?}");
    let (plan, _) = case.plan(store);
    assert_eq!(plan.placements, [Project, Project, Global, Global, Global]);
    let folder = tempfile::tempdir().unwrap();
    apply(&plan, &case, store, folder.path());
    check(&case, folder.path()).unwrap();
    assert!(
        folder
            .path()
            .join("node_modules/ui/../fonts/files/a.woff2")
            .exists()
    );
    // Who says where packages lie is not asked again, and without the server nobody asks for the files.
    case.virtual_store = VirtualStore::Global;
    assert_eq!(served(&case), None);
    case.virtual_store = VirtualStore::Auto;
    case.selected[3] = false;
    assert_eq!(served(&case), None);
    case.selected[3] = true;
    // A plugin that was not measured may hand out files in its own way.
    case.graph.packages[4] = package("vite-plugin-of-somebody", "1.0.0", &[("vite", to(3))]);
    let why = placing::Placing::of(&case.request()).why.unwrap();
    assert!(why.starts_with("vite-plugin-of-somebody needs vite"), "{why}");
}

#[test]
fn what_loads_others_without_naming_them_finds_them_over_the_store() {
    let to = To::Package;
    let graph = Graph {
        importers: vec![importer(".", "top", &[("ui", to(0)), ("vue", to(3))])],
        packages: vec![
            package("ui", "1.0.0", &[("element-plus", to(1))]),
            package("element-plus", "2.14.8", &[("vue", to(3))]),
            package("@vue/shared", "3.5.0", &[]),
            package("vue", "3.5.0", &[("@vue/shared", to(2))]),
        ],
    };
    let completed = Completed::new(&graph, &[true; 4]);
    assert_eq!(completed.added, [(1, "@vue/shared")]);
    let mut case = Case::new(completed.graph.into_owned());
    case.virtual_store = VirtualStore::Auto;
    let (plan, _) = case.plan(&STORE.1);
    assert_eq!(plan.placements, [Placement::Global; 4]);
    let folder = tempfile::tempdir().unwrap();
    apply(&plan, &case, &STORE.1, folder.path());
    check(&case, folder.path()).unwrap();
    let home = folder
        .path()
        .join(HIDDEN)
        .join("element-plus")
        .canonicalize()
        .unwrap();
    assert!(lookup(&home, "@vue/shared").is_some());
}
