//! How `node_modules` is laid out, and what happens to folders that are not ours, moved, damaged or shared.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;

use serde_json::{Value, json};
use wharf_testkit::{Fixture, NpmRegistry};

use crate::{installed, project, release, says, state, tells, write_json};

/// `a` needs `b` and `c` 2, the project `a` and `c` 1.
fn case(options: &Value) -> (NpmRegistry, Fixture) {
    let registry = NpmRegistry::start();
    release("a", "1.0.0")
        .dep("b", "*")
        .dep("c", "^2")
        .publish(&registry);
    release("b", "1.0.0").publish(&registry);
    for version in ["1.0.0", "2.0.0"] {
        release("c", version).publish(&registry);
    }
    let fixture = project(
        &registry,
        &json!({ "dependencies": { "a": "*", "c": "^1" }, "wharf": { "options": options } }),
    );
    (registry, fixture)
}

/// Where every name there is lies, apart from the project's own `node_modules`.
const APART: &str = "node_modules/.wharf/node_modules/.store/node_modules";

const ALL: [&str; 4] = ["a 1.0.0", "b 1.0.0", "c 1.0.0", "c 2.0.0"];

fn real(fixture: &Fixture, path: &str) -> std::path::PathBuf {
    fixture
        .project()
        .join(path)
        .canonicalize()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn isolated_packages_lie_in_the_store_and_are_shared() {
    let (_registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ALL);
    let home = real(&fixture, "node_modules/a");
    assert!(home.starts_with(real(&fixture, "../home")), "{}", home.display());
    assert!(!fixture.has("node_modules/b"));
    // Shared by all projects, so nobody writes there.
    let mode = home
        .join("index.js")
        .metadata()
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o222, 0, "{mode:o}");
    // Another project has the same home.
    let other = fixture.project().join("other");
    fixture.write("other/package.json", "{\"dependencies\": {\"a\": \"*\"}}");
    fixture.run(&["-C", "other", "sync"]).success();
    assert_eq!(
        other.join("node_modules/a").canonicalize().expect("it is there"),
        home
    );
}

#[test]
fn a_store_of_the_project_keeps_everything_inside() {
    let (_registry, fixture) = case(&json!({ "virtual-store": "project" }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ALL);
    // As flat as npm lays it out, and nested where versions differ.
    for (path, place) in [
        ("node_modules/a", "a"),
        ("node_modules/c", "c"),
        ("node_modules/a/node_modules/c", "a/node_modules/c"),
    ] {
        assert_eq!(
            real(&fixture, path),
            real(&fixture, "").join(APART).join(place),
            "{path}"
        );
    }
    assert!(!fixture.has("node_modules/b") && fixture.has(&format!("{APART}/b/index.js")));
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    // A package that somebody took out is put back.
    std::fs::remove_dir_all(fixture.project().join(APART).join("b")).expect("it is ours");
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ALL);
}

#[test]
fn members_share_what_lies_in_the_project_and_have_other_versions_once() {
    let (_registry, fixture) = case(&json!({ "virtual-store": "project" }));
    state(
        &fixture,
        &json!({
            "dependencies": { "c": "^1" }, "workspaces": ["one", "two"],
            "wharf": { "options": { "virtual-store": "project" } },
        }),
    );
    for name in ["one", "two"] {
        let package = json!({ "name": name, "version": "1.0.0", "dependencies": { "a": "*", "c": "^2" } });
        fixture.write(&format!("{name}/package.json"), &package.to_string());
    }
    fixture.run(&["sync"]).success();
    let found = wharf_testkit::Modules::read(&fixture.project(), &["one", "two"]);
    let found = found.expect("it can be read");
    assert!(found.unanswered().is_empty(), "{:?}", found.unanswered());
    assert!(fixture.read("node_modules/c/index.js").contains("1.0.0"));
    assert!(fixture.read("one/node_modules/c/index.js").contains("2.0.0"));
    for name in ["a", "c"] {
        let (one, two) = (
            format!("one/node_modules/{name}"),
            format!("two/node_modules/{name}"),
        );
        assert_eq!(real(&fixture, &one), real(&fixture, &two), "{name}");
    }
    let beside = real(&fixture, "one/node_modules/a").with_file_name("c");
    assert_eq!(
        beside.canonicalize().expect("a finds it there"),
        real(&fixture, "one/node_modules/c")
    );
}

#[test]
fn hoisted_is_as_npm_has_it() {
    for how in ["package.json", ".npmrc", "pnpm-workspace.yaml"] {
        let options = if how == "package.json" {
            json!({ "layout": "hoisted" })
        } else {
            json!({})
        };
        let (_registry, fixture) = case(&options);
        match how {
            ".npmrc" => fixture.write(".npmrc", "node-linker=hoisted\n"),
            "pnpm-workspace.yaml" => fixture.write(how, "nodeLinker: hoisted\n"),
            _ => {}
        }
        fixture.run(&["sync"]).success();
        assert_eq!(installed(&fixture), ALL);
        for path in [
            "node_modules/b/index.js",
            "node_modules/c/index.js",
            "node_modules/a/node_modules/c/index.js",
        ] {
            assert!(
                real(&fixture, path).starts_with(real(&fixture, "node_modules")),
                "{how}: {path}"
            );
        }
        tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    }
}

#[test]
fn a_layout_can_change_under_way() {
    let (_registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    let isolated = fixture.digest("node_modules").without(".wharf.json");
    for options in [
        json!({ "layout": "hoisted" }),
        json!({ "virtual-store": "project" }),
    ] {
        state(
            &fixture,
            &json!({ "dependencies": { "a": "*", "c": "^1" }, "wharf": { "options": options } }),
        );
        fixture.run(&["sync", "--locked"]).success();
        assert_eq!(installed(&fixture), ALL);
        assert_ne!(fixture.digest("node_modules").without(".wharf.json"), isolated);
    }
    state(&fixture, &json!({ "dependencies": { "a": "*", "c": "^1" } }));
    fixture.run(&["sync"]).success();
    let again = fixture.digest("node_modules").without(".wharf.json");
    assert_eq!(again.differences(&isolated), Vec::<String>::new());
}

#[test]
fn packages_that_tools_write_into_are_private() {
    let (_registry, fixture) = case(&json!({ "writable": ["b"] }));
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ALL);
    // Whoever needs a private package is private too; what has nothing to do with it stays in the store.
    let home = real(&fixture, "node_modules/a");
    assert!(
        home.starts_with(real(&fixture, "node_modules")),
        "{}",
        home.display()
    );
    let b = home
        .parent()
        .expect("it is in a folder")
        .join("b")
        .canonicalize()
        .expect("it is there");
    let mode = b
        .join("index.js")
        .metadata()
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o200, 0o200, "{mode:o}");
    assert!(real(&fixture, "node_modules/c").starts_with(real(&fixture, "../home")));
    std::fs::write(b.join("index.js"), "patched").expect("it is writable");
    fixture.run(&["store", "verify"]).success();
}

#[test]
fn what_a_project_bundles_is_its_own_with_all_that_goes_with_it() {
    let registry = NpmRegistry::start();
    let twins = |name: &str| {
        let types = format!("types of {name}\n");
        let release = release(name, "1.0.0").file("index.d.ts", &types);
        release.file("index.d.cts", &types)
    };
    twins("top").dep("middle", "*").publish(&registry);
    let middle = twins("middle").optional_dep("low", "*");
    middle.peer("host", "*").publish(&registry);
    for name in ["low", "host", "other", "of-web"] {
        twins(name).publish(&registry);
    }
    for options in [
        json!({ "virtual-store": "global" }),
        json!({ "virtual-store": "project" }),
        json!({ "layout": "hoisted" }),
    ] {
        let bundling = |bundled: Value| {
            json!({
                "dependencies": { "alias": "npm:top@*", "host": "*", "other": "*" }, "workspaces": ["web"],
                "wharf": { "options": options }, "bundleDependencies": bundled,
            })
        };
        let fixture = project(&registry, &bundling(json!(["alias"])));
        let web = json!({ "name": "web", "dependencies": { "of-web": "*" }, "bundledDependencies": true });
        write_json(&fixture, "web/package.json", &web);
        let sync = |how: &[&str]| {
            let arguments = [&["sync", "--link-mode", "hardlink"], how].concat();
            fixture.run(&arguments).success()
        };
        // The packages without a file that has several names.
        let own = || -> Vec<&str> {
            let is_own = |name: &&str| {
                let folder = match options.get("layout") {
                    Some(_) => format!("node_modules/{name}"),
                    None => format!("{APART}/{name}"),
                };
                let files = real(&fixture, &folder).read_dir().expect("it is a folder");
                let files = files.map(|file| file.and_then(|file| file.metadata()).expect("it is there"));
                let files: Vec<Metadata> = files.filter(Metadata::is_file).collect();
                assert_eq!(files.len(), 4, "{name}");
                files.iter().all(|file| file.nlink() == 1)
            };
            let all = ["alias", "middle", "low", "host", "other", "of-web"];
            all.into_iter().filter(is_own).collect()
        };
        let bundled = ["alias", "middle", "low", "of-web"];
        sync(&[]);
        assert_eq!(own(), bundled, "{options}");
        tells(&sync(&[]), &["Nothing to do"]);
        // By the lock alone.
        std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
        sync(&["--frozen"]);
        assert_eq!(own(), bundled, "{options}");
        // Of what is bundled the lock knows nothing; it is as the manifest says, at once.
        let lock = fixture.read("wharf.lock");
        for (stated, bundled) in [
            (json!(false), &["of-web"][..]),
            (json!(["other"]), &["other", "of-web"]),
        ] {
            state(&fixture, &bundling(stated));
            sync(&["--locked"]);
            assert_eq!(own(), bundled, "{options}");
        }
        assert_eq!(fixture.read("wharf.lock"), lock);
    }
}

#[test]
fn a_project_that_bundles_what_needs_others_is_hoisted() {
    let (_registry, fixture) = case(&json!({}));
    let is_hoisted = |bundled: Value| {
        let stated = json!({ "dependencies": { "a": "*", "c": "1" }, "bundleDependencies": bundled });
        state(&fixture, &stated);
        let output = fixture.run(&["sync", "-v"]).success();
        let told = output.stderr.contains("a is bundled and needs others");
        assert_eq!(
            fixture.project().join("node_modules/b").exists(),
            told,
            "{}",
            output.stderr
        );
        told
    };
    assert!(!is_hoisted(json!([])));
    assert!(is_hoisted(json!(["a"])));
    assert!(!is_hoisted(json!(["c"])), "it needs nobody");
    assert!(is_hoisted(json!(true)));
}

#[test]
fn public_patterns_are_linked_at_the_top() {
    let (_registry, fixture) = case(&json!({ "public-hoist": ["b*"] }));
    fixture.run(&["sync"]).success();
    assert!(fixture.has("node_modules/b/index.js"));
    state(&fixture, &json!({ "dependencies": { "a": "*", "c": "^1" } }));
    fixture.write(".npmrc", "shamefully-hoist=true\n");
    fixture.run(&["sync"]).success();
    assert!(fixture.has("node_modules/b/index.js"));
    assert!(
        real(&fixture, "node_modules/c/package.json")
            .to_string_lossy()
            .contains("c@1.0.0")
    );
}

#[test]
fn somebody_elses_node_modules_is_refused() {
    let (registry, fixture) = case(&json!({}));
    fixture.write("node_modules/mine/index.js", "mine");
    let before = fixture.digest("node_modules");
    let finished = fixture.run(&["sync"]);
    says(
        &finished,
        2,
        &["[PROJECT]/node_modules was not made by wharf", "--replace"],
    );
    assert_eq!(fixture.digest("node_modules"), before);
    assert_eq!(registry.log().len(), 0, "it is refused before anything is asked");
    // A plan that would be refused is none.
    says(
        &fixture.run(&["sync", "--dry-run"]),
        2,
        &["node_modules was not made by wharf", "--replace"],
    );
    fixture.run(&["sync", "--replace"]).success();
    assert_eq!(installed(&fixture), ALL);
    assert!(!fixture.has("node_modules/mine"));
    // An npm of somebody else's that came over ours.
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    fixture.write("node_modules/.package-lock.json", "{}");
    says(
        &fixture.run(&["sync"]),
        2,
        &["node_modules was not made by wharf", "--replace"],
    );
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    std::os::unix::fs::symlink("elsewhere", fixture.project().join("node_modules")).expect("it is ours");
    says(
        &fixture.run(&["sync", "--replace"]),
        2,
        &["node_modules", "symbolic link"],
    );
}

#[test]
fn somebody_elses_folder_of_a_member_is_refused_before_anything_moves() {
    let (_registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    let before = fixture.digest("node_modules");
    state(
        &fixture,
        &json!({ "dependencies": { "a": "*" }, "workspaces": ["web"] }),
    );
    fixture.write(
        "web/package.json",
        "{\"name\": \"web\", \"dependencies\": {\"c\": \"1\"}}\n",
    );
    fixture.write("web/node_modules/mine.js", "mine");
    says(
        &fixture.run(&["sync"]),
        2,
        &["[PROJECT]/web/node_modules was not made by wharf", "--replace"],
    );
    assert_eq!(fixture.digest("node_modules"), before);
    assert_eq!(fixture.read("web/node_modules/mine.js"), "mine");
    fixture.run(&["sync", "--replace"]).success();
    assert!(fixture.has("web/node_modules/c/index.js") && !fixture.has("node_modules/c"));
}

#[test]
fn caches_of_tools_survive() {
    let (_registry, fixture) = case(&json!({}));
    fixture.write("node_modules/.cache/tool/x", "kept");
    fixture.run(&["sync"]).success();
    state(&fixture, &json!({ "dependencies": { "c": "^1" } }));
    fixture.run(&["sync"]).success();
    assert_eq!(fixture.read("node_modules/.cache/tool/x"), "kept");
}

#[test]
fn what_is_missing_is_put_back() {
    let (_registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    let before = fixture.digest("node_modules").without(".wharf.json");
    for path in ["node_modules/a", &format!("{APART}/b")] {
        std::fs::remove_file(fixture.project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        fixture.run(&["sync"]).success();
        let after = fixture.digest("node_modules").without(".wharf.json");
        assert_eq!(after.differences(&before), Vec::<String>::new(), "{path}");
    }
    // A store that was emptied is filled again.
    let home = real(&fixture, "node_modules/a");
    let store = fixture.home().join("data/wharf");
    assert!(home.starts_with(store.canonicalize().expect("it is there")));
    std::fs::remove_dir_all(&store).expect("it is ours");
    fixture.run(&["sync"]).success();
    assert_eq!(installed(&fixture), ALL);
}

#[test]
fn a_project_that_moved_works_or_is_mended() {
    for options in [
        json!({}),
        json!({ "virtual-store": "project" }),
        json!({ "layout": "hoisted" }),
    ] {
        let (_registry, fixture) = case(&options);
        fixture.run(&["sync"]).success();
        let moved = fixture.project().with_file_name("moved");
        std::fs::rename(fixture.project(), &moved).expect("it is ours");
        std::fs::create_dir(fixture.project()).expect("it is ours");
        std::fs::rename(&moved, fixture.project().join("inner")).expect("it is ours");
        let found =
            wharf_testkit::Modules::read(&fixture.project().join("inner"), &[]).expect("it can be read");
        assert!(
            found.unanswered().is_empty(),
            "{options}: {:?}",
            found.unanswered()
        );
        fixture.run(&["-C", "inner", "sync"]).success();
        tells(
            &fixture.run(&["-C", "inner", "sync"]).success(),
            &["Nothing to do"],
        );
    }
}

#[test]
fn two_syncs_at_once_are_both_right() {
    let registry = NpmRegistry::start();
    let mut dependencies = json!({});
    for number in 0..12 {
        let name = format!("part{number}");
        release(&name, "1.0.0").dep("shared", "*").publish(&registry);
        dependencies[name] = json!("*");
    }
    release("shared", "1.0.0").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": dependencies }));
    thread::scope(|scope| {
        let both: Vec<_> = (0..3).map(|_| scope.spawn(|| fixture.run(&["sync"]))).collect();
        for one in both {
            let finished = one.join().expect("a thread that starts a command ends").success();
            // Whoever was slower brought nothing back.
            assert!(!finished.stderr.contains("brought"), "{finished}");
        }
    });
    assert_eq!(installed(&fixture).len(), 13);
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    fixture.run(&["store", "verify"]).success();
}

#[test]
fn two_projects_fill_one_store_at_once() {
    let (_registry, fixture) = case(&json!({}));
    for name in ["one", "two", "three"] {
        fixture.write(
            &format!("{name}/package.json"),
            "{\"dependencies\": {\"a\": \"*\", \"c\": \"^1\"}}",
        );
    }
    thread::scope(|scope| {
        let fixture = &fixture;
        let all: Vec<_> = ["one", "two", "three"]
            .map(|name| scope.spawn(move || fixture.run(&["-C", name, "sync"])))
            .into();
        for one in all {
            one.join().expect("a thread that starts a command ends").success();
        }
    });
    fixture.run(&["store", "verify"]).success();
}

#[test]
fn damage_in_the_store_is_found_and_mended() {
    let (_registry, fixture) = case(&json!({}));
    fixture.run(&["sync"]).success();
    let file = real(&fixture, "node_modules/a/index.js");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    std::fs::write(&file, "damaged").expect("it is ours");
    let finished = fixture.run(&["store", "verify"]);
    assert_eq!(finished.code(), Some(1), "{finished}");
    assert!(format!("{finished}").contains("a@1.0.0"), "{finished}");
    fixture.run(&["store", "verify", "--repair"]);
    fixture.run(&["sync"]).success();
    assert!(fixture.read("node_modules/a/index.js").contains("a 1.0.0"));
    fixture.run(&["store", "verify"]).success();
}

#[test]
fn files_of_a_folder_of_commands_are_commands() {
    let registry = NpmRegistry::start();
    release("a", "1.0.0")
        .field("directories", json!({ "bin": "./tools" }))
        .file("tools/greet", "#!/bin/sh\necho hello\n")
        .file("tools/deep/er", "#!/bin/sh\necho deeper\n")
        .file("tools/.hidden", "#!/bin/sh\n")
        .file("toolshed", "#!/bin/sh\n")
        .publish(&registry);
    for options in [
        json!({}),
        json!({ "virtual-store": "project" }),
        json!({ "layout": "hoisted" }),
    ] {
        let fixture = project(
            &registry,
            &json!({ "dependencies": { "a": "*" }, "wharf": { "options": options } }),
        );
        fixture.run(&["sync"]).success();
        let commands = fixture.project().join("node_modules/.bin");
        let mut names: Vec<String> = commands
            .read_dir()
            .expect("it has commands")
            .map(|entry| {
                entry
                    .expect("it can be read")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .filter(|name| name != "node")
            .collect();
        names.sort();
        assert_eq!(names, ["er", "greet"], "{options}");
        let run = fixture.run(&["run", "--", "er"]).success();
        assert_eq!(run.stdout, "deeper\n", "{run}");
    }
}

/// What a development server hands to browsers lies in the project, with what needs it; the rest is shared. The same where the store was
/// empty and where it has everything.
#[test]
fn what_browsers_ask_a_server_for_lies_in_the_project() {
    let registry = NpmRegistry::start();
    release("vite", "7.0.0").publish(&registry);
    release("vitest", "4.0.0").dep("vite", "*").publish(&registry);
    release("fonts", "1.0.0")
        .file("files/a.woff2", "a font")
        .publish(&registry);
    release("ui", "1.0.0")
        .dep("fonts", "*")
        .dep("plain", "*")
        .publish(&registry);
    release("plain", "1.0.0").publish(&registry);
    let dependencies = json!({ "vitest": "*", "ui": "*" });
    let fixture = project(&registry, &json!({ "dependencies": dependencies }));
    let places = |fixture: &Fixture| {
        let inside = fixture.project().canonicalize().expect("it is there");
        ["vite", "vitest", "fonts", "ui", "plain"].map(|name| {
            let place = real(fixture, &format!("{APART}/{name}"));
            (name, place.starts_with(&inside))
        })
    };
    let expected = [
        ("vite", false),
        ("vitest", false),
        ("fonts", true),
        ("ui", true),
        ("plain", false),
    ];
    let words = "their files are served from there alone: fonts@1.0.0";
    tells(&fixture.run(&["-v", "sync"]).success(), &[words]);
    assert_eq!(places(&fixture), expected);
    let from_ui = real(&fixture, "node_modules/ui").join("../fonts/files/a.woff2");
    assert!(from_ui.exists(), "{}", from_ui.display());
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    let before = fixture.digest("node_modules");
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    std::fs::remove_dir_all(fixture.project().join(".wharf")).expect("it is ours");
    tells(&fixture.run(&["-v", "sync"]).success(), &[words]);
    assert_eq!(places(&fixture), expected);
    let after = fixture.digest("node_modules").without(".wharf.json");
    assert_eq!(
        after.differences(&before.without(".wharf.json")),
        Vec::<String>::new()
    );
    fixture.run(&["store", "verify"]).success();
    // A plugin that nobody measured keeps all in the project.
    release("vite-plugin-of-somebody", "1.0.0")
        .peer("vite", "*")
        .publish(&registry);
    tells(
        &fixture
            .run(&["-v", "add", "npm:vite-plugin-of-somebody"])
            .success(),
        &["vite-plugin-of-somebody needs vite"],
    );
    assert_eq!(places(&fixture).map(|(_, inside)| inside), [true; 5]);
}

/// What was built is the project's own, what is served lies in the project, and the rest is shared: all three in one project.
#[test]
fn what_was_built_and_what_is_served_lie_in_the_project() {
    let registry = NpmRegistry::start();
    release("vite", "7.0.0").publish(&registry);
    release("fonts", "1.0.0")
        .file("a.woff2", "a font")
        .publish(&registry);
    release("native", "1.0.0")
        .dep("fonts", "*")
        .script("postinstall", "cat ../fonts/a.woff2 > built.txt")
        .publish(&registry);
    release("top", "1.0.0").dep("native", "*").publish(&registry);
    release("plain", "1.0.0").publish(&registry);
    let dependencies = json!({ "vite": "*", "top": "*", "plain": "*" });
    let fixture = project(&registry, &json!({ "dependencies": dependencies }));
    fixture.run(&["lock"]).success();
    fixture.run(&["approve", "native"]).success();
    let check = || {
        let inside = fixture.project().canonicalize().expect("it is there");
        let places = ["vite", "fonts", "native", "top", "plain"].map(|name| {
            let place = real(&fixture, &format!("{APART}/{name}"));
            (name, place.starts_with(&inside))
        });
        let expected = [
            ("vite", false),
            ("fonts", true),
            ("native", true),
            ("top", true),
            ("plain", false),
        ];
        assert_eq!(places, expected);
        let built = real(&fixture, "node_modules/top").join("../native/built.txt");
        assert_eq!(std::fs::read_to_string(built).expect("it was built"), "a font");
    };
    check();
    let before = fixture.digest("node_modules").without(".wharf.json");
    tells(&fixture.run(&["sync"]).success(), &["Nothing to do"]);
    std::fs::remove_dir_all(fixture.project().join("node_modules")).expect("it is ours");
    std::fs::remove_dir_all(fixture.project().join(".wharf")).expect("it is ours");
    fixture.run(&["sync"]).success();
    check();
    let after = fixture.digest("node_modules").without(".wharf.json");
    assert_eq!(after.differences(&before), Vec::<String>::new());
    fixture.run(&["store", "verify"]).success();
}

/// A home in the store never leads to one that is missing, whatever was in the store before: all homes of what is fetched are made.
#[test]
fn homes_that_only_the_first_look_needs_are_whole() {
    let registry = NpmRegistry::start();
    release("vite", "7.0.0").publish(&registry);
    release("fonts", "1.0.0")
        .file("a.woff2", "a font")
        .publish(&registry);
    release("carousel", "1.0.0").dep("fonts", "*").publish(&registry);
    release("ui", "1.0.0").dep("carousel", "*").publish(&registry);
    let fixture = project(
        &registry,
        &json!({
            "dependencies": { "carousel": "*" },
            "wharf": { "options": { "virtual-store": "project" } },
        }),
    );
    fixture.run(&["sync"]).success();
    let all = json!({ "dependencies": { "ui": "*", "vite": "*" } });
    fixture.write("other/package.json", &all.to_string());
    let words = "their files are served from there alone: fonts@1.0.0";
    tells(&fixture.run(&["-C", "other", "-v", "sync"]).success(), &[words]);
    fixture.run(&["store", "verify"]).success();
    let ui = real(&fixture, "other/node_modules/ui");
    assert!(ui.starts_with(real(&fixture, "other")), "{}", ui.display());
}

#[test]
fn what_loads_packages_that_it_does_not_name_gets_them() {
    let registry = NpmRegistry::start();
    release("swiper", "12.0.0").publish(&registry);
    release("react", "19.0.0").publish(&registry);
    let fixture = project(&registry, &json!({ "dependencies": { "swiper": "*" } }));
    fixture.run(&["sync"]).success();
    let beside = |fixture: &Fixture| real(fixture, "node_modules/swiper").join("../react/package.json");
    assert!(!beside(&fixture).exists(), "nothing is there that it could load");
    let out = fixture.run(&["-v", "add", "npm:react"]).success();
    tells(
        &out,
        &["get what they load and do not name: swiper@12.0.0 (react)"],
    );
    assert!(beside(&fixture).exists());
    let out = fixture.run(&["-v", "remove", "npm:react"]).success();
    assert!(!out.stderr.contains("do not name"), "{out}");
    assert!(!beside(&fixture).exists());
    fixture.run(&["store", "verify"]).success();
}
