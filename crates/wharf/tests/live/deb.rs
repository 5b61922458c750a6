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

/// Asks the services among a project's packages.
fn asked(project: &Project) {
    project.write("services.sh", include_str!("services.sh"));
    let said = project.run(&["run", "--", "sh", "services.sh"]);
    for words in ["the database answers 42", "Redis answers", "nginx serves"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
#[ignore = "needs Debian's repositories"]
fn a_database_answers_a_web_server_serves_and_a_compiler_links() {
    if !views() {
        return;
    }
    let project = with(
        "deb-services",
        "[deb]\nsuite = \"bookworm\"\npackages = [\"postgresql\", \"redis-server\", \"nginx\", \"curl\", \"gcc\", \"libpq-dev (>= 15)\"]\n",
    );
    asked(&project);
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

#[test]
#[ignore = "needs Debian's repositories and the npm registry"]
fn an_addon_is_built_against_debians_libraries_for_debians_node() {
    if !views() {
        return;
    }
    let project = Project::new("deb-addon");
    project.write(
        "package.json",
        "{\"name\": \"native\", \"dependencies\": {\"libpq\": \"*\"}}\n",
    );
    project.write(
        "wharf.toml",
        "[deb]\nsuite = \"bookworm\"\npackages = [\"nodejs\"]\nrecommends = false\n[policy]\nscripts = [\"npm:libpq\"]\n",
    );
    project.run(&["sync"]);
    let program = "const Pq = require('libpq'); new Pq().connect('host=/nowhere', error => console.log(process.version, String(error)))";
    let said = project.run(&["run", "--", "node", "-e", program]);
    assert!(
        said.starts_with("v18.") && said.contains("/nowhere/.s.PGSQL.5432"),
        "{said}"
    );
    let why = project.run(&["why", "deb:libpq5"]);
    assert!(why.contains("npm:libpq runs with dep:generic/libpq"), "{why}");
    for program in ["g++", "pg_config", "node-gyp"] {
        let there = project.wharf(&["run", "--", program, "--version"]);
        assert!(
            !there.status.success(),
            "what only builds need is not in the environment: {program}"
        );
    }
}

#[test]
#[ignore = "needs Debian's repositories and the npm registry"]
fn an_addon_is_built_for_the_registrys_node_by_the_projects_node_gyp() {
    if !views() {
        return;
    }
    let project = Project::new("deb-addon-registry");
    project.write(
        "package.json",
        "{\"name\": \"native\", \"engines\": {\"node\": \"22\"}, \"dependencies\": {\"libpq\": \"*\"}, \"devDependencies\": {\"node-gyp\": \"*\"}}\n",
    );
    project.write(
        "wharf.toml",
        "[deb]\nsuite = \"bookworm\"\nrecommends = false\n[policy]\nscripts = [\"npm:libpq\"]\n",
    );
    project.run(&["sync"]);
    let program = "const Pq = require('libpq'); console.log(process.version, typeof new Pq().connect)";
    let said = project.run(&["run", "--", "node", "-e", program]);
    assert!(said.starts_with("v22.") && said.contains("function"), "{said}");
}

#[test]
#[ignore = "needs Ubuntu's repositories and the index"]
fn services_and_python_of_ubuntu_run() {
    if !views() {
        return;
    }
    let project = with(
        "deb-ubuntu",
        "[project]\nname = \"noble\"\n[pypi]\nnumpy = \"*\"\n[deb]\nsuite = \"noble\"\npackages = [\"postgresql\", \"redis-server\", \"nginx\", \"curl\"]\n",
    );
    asked(&project);
    let lock = project.read("wharf.lock");
    assert!(
        lock.contains("glibc2.39-py3.12"),
        "Ubuntu's C library decides: {lock}"
    );
    let said = project.run(&[
        "run",
        "--",
        "python",
        "-c",
        "import numpy, sys; print(sys.version, numpy.ones(2).sum())",
    ]);
    assert!(
        said.starts_with("3.12.") && said.trim().ends_with("2.0"),
        "{said}"
    );
    let said = project.run(&["run", "--", "sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID"]);
    assert_eq!(said.trim(), "ubuntu 24.04");
}

#[test]
#[ignore = "needs Debian's repositories"]
fn locales_and_a_key_are_made_where_their_scripts_are_approved() {
    if !views() {
        return;
    }
    let project = with(
        "deb-scripts",
        "[deb]\nsuite = \"bookworm\"\npackages = [\"locales\", \"ssl-cert\"]\nrecommends = false\n\
         answers = [\"locales locales/locales_to_be_generated multiselect de_DE.UTF-8 UTF-8\"]\n",
    );
    let look = ["run", "--", "sh", "-c", "locale -a; ls /etc/ssl/private"];
    let before = project.run(&look);
    assert!(
        !before.contains("de_DE") && !before.contains("snakeoil"),
        "{before}"
    );
    let pending = project.run(&["approve"]);
    assert!(
        pending.contains("locale-gen") && pending.contains("make-ssl-cert"),
        "{pending}"
    );
    project.run(&["approve", "deb:locales", "deb:ssl-cert"]);
    let after = project.run(&look);
    assert!(
        after.contains("de_DE.utf8") && after.contains("ssl-cert-snakeoil.key"),
        "{after}"
    );
}
