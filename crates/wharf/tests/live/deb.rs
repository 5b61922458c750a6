//! Debian packages from the real repositories: services that run, tools that work together, packages of PyPI that are built against them.

use crate::project::Project;

/// Whether this machine gives views; without one there is nothing to run services in.
fn views() -> bool {
    wharf_sys::view::support().is_there()
}

fn with(name: &'static str, manifest: &str) -> Project {
    let project = Project::new(name);
    project.write("wharf.toml", manifest);
    project.run(&["sync"]);
    project
}

#[test]
#[ignore = "needs Debian's repositories"]
fn a_database_answers_a_web_server_serves_and_a_compiler_links() {
    if !views() {
        return;
    }
    let project = with(
        "deb-services",
        "[deb]\nsuite = \"bookworm\"\npackages = [\"postgresql\", \"nginx\", \"gcc\", \"libpq-dev (>= 15)\", \"git\"]\n",
    );
    let said = project.run(&[
        "run",
        "--",
        "sh",
        "-c",
        "/usr/lib/postgresql/15/bin/postgres --version; nginx -v 2>&1; git --version",
    ]);
    for word in ["postgres (PostgreSQL) 15", "nginx/1.22", "git version 2.39"] {
        assert!(said.contains(word), "{said}");
    }
    project.write(
        "version.c",
        "#include <libpq-fe.h>\n#include <stdio.h>\nint main(void) { printf(\"%d\\n\", PQlibVersion()); return 0; }\n",
    );
    let said = project.run(&[
        "run",
        "--",
        "sh",
        "-c",
        "gcc -I/usr/include/postgresql version.c -lpq -o version && ./version",
    ]);
    assert!(said.trim().starts_with("15"), "{said}");
}

#[test]
#[ignore = "needs Debian's repositories and the index"]
fn a_source_build_links_against_debians_libraries() {
    if !views() {
        return;
    }
    let project = with(
        "deb-psycopg2",
        "[project]\nname = \"native\"\n[pypi]\npsycopg2 = \"*\"\n[options]\nno-binary = [\"psycopg2\"]\n[deb]\nsuite = \"bookworm\"\nrecommends = false\n",
    );
    let said = project.run(&[
        "run",
        "--",
        "python",
        "-c",
        "import psycopg2; print(psycopg2.extensions.libpq_version())",
    ]);
    assert!(said.trim().starts_with("15"), "{said}");
    let why = project.run(&["why", "deb:libpq5"]);
    assert!(why.contains("psycopg2"), "{why}");
    let compiler = project.wharf(&["run", "--", "gcc", "--version"]);
    assert!(
        !compiler.status.success(),
        "what only builds need is not in the environment"
    );
}
