//! Ten tools of three ecosystems from the real registries: installed, run, upgraded, removed, and nothing left.

use crate::project::Project;

/// What is asked for, its command, and what that prints of its version.
const TOOLS: [(&str, &str, &str); 10] = [
    ("pypi:ruff==0.5.0", "ruff", "ruff 0.5.0"),
    ("pypi:black<24", "black", "black, 23."),
    ("pypi:httpie", "http", "3."),
    ("pypi:mypy", "mypy", "mypy "),
    ("npm:prettier@3.0.0", "prettier", "3.0.0"),
    ("npm:typescript@~5.4", "tsc", "Version 5.4."),
    ("npm:eslint@^8", "eslint", "v8."),
    ("npm:semver@^7", "semver", "SemVer 7."),
    ("cargo:zopfli@0.8.1", "zopfli", ""),
    ("cargo:hexyl@0.16", "hexyl", "hexyl 0.16."),
];

#[test]
#[ignore = "needs the index, the registries, Python, Node and Rust"]
fn ten_tools_of_three_ecosystems_come_and_go() {
    let project = Project::new("tools");
    assert_eq!(project.tools(), <[std::path::PathBuf; 0]>::default());
    let asked = TOOLS.map(|(asked, ..)| asked);
    project.run(&[&["tool", "install"], &asked[..]].concat());
    for (asked, command, version) in TOOLS {
        let arguments: &[&str] = match command {
            "zopfli" => continue, // it knows no options: it compresses what it is given, below
            "semver" => &["--help"],
            _ => &["--version"],
        };
        let said = project.tool(command, arguments);
        assert!(said.contains(version), "{asked}: {said}");
    }
    project.write("poem.txt", &"so much depends upon\n".repeat(200));
    project.tool(
        "zopfli",
        &[project
            .path("poem.txt")
            .to_str()
            .expect("the build folder is UTF-8")],
    );
    assert!(project.path("poem.txt.gz").exists());

    // What was asked for is kept by an upgrade, and given up by another request.
    project.run(&["tool", "upgrade", "--all"]);
    assert!(project.tool("ruff", &["--version"]).contains("ruff 0.5.0"));
    project.run(&["tool", "install", "pypi:ruff", "npm:prettier", "cargo:hexyl"]);
    project.run(&["tool", "upgrade", "--all"]);
    for (command, before) in [
        ("ruff", "ruff 0.5.0"),
        ("prettier", "3.0.0"),
        ("hexyl", "hexyl 0.16."),
    ] {
        let said = project.tool(command, &["--version"]);
        assert!(!said.contains(before), "{command}: {said}");
    }

    let names = asked.map(|asked| {
        let name = asked.split_once(':').map_or(asked, |(_, name)| name);
        name.split(['=', '<', '@']).next().unwrap_or(name)
    });
    project.run(&[&["tool", "remove"], &names[..]].concat());
    assert_eq!(project.tools(), <[std::path::PathBuf; 0]>::default());
}

/// Crates, the versions that the other registry has, their commands, and where these come from.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("cargo:typos-cli", "typos", "prebuilt from pypi:typos"),
    ("cargo:uv@=0.13.6", "uvx", "prebuilt from pypi:uv"),
    ("cargo:dprint@=0.57.4", "dprint", "prebuilt from npm:dprint"),
];

#[test]
#[ignore = "needs the registries"]
fn crates_come_from_the_registry_that_has_them_prebuilt() {
    let project = Project::new("prebuilt");
    for (asked, command, origin) in ELSEWHERE {
        let told = project.run(&["-v", "tool", "install", asked]);
        assert!(
            told.contains(origin) && !told.contains("Building"),
            "{asked}: {told}"
        );
        assert!(!project.tool(command, &["--version"]).is_empty(), "{asked}");
    }
}
