//! Sets that people install: science, workflows, clouds, a house, a site, and packages that exist only as source.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::Project;

#[test]
#[ignore = "needs the package index"]
fn notebooks_and_science() {
    let lines = ["jupyterlab", "pandas", "scikit-learn", "matplotlib"];
    let project = Project::requirements("science", &lines);
    project.run(&["sync"]);
    // The first two want packages that they do not ask for, the third has no such flag.
    project.prove(&[
        "script jupyter-events: *click*",
        "script jupyter-labhub: *",
        "script pyftmerge: *",
    ]);
    let code = "matplotlib; matplotlib.use('agg'); import pandas, sklearn.linear_model, matplotlib.pyplot as plot; \
                f = pandas.DataFrame({'x': [0, 1, 2], 'y': [1, 3, 5]}); f.plot(); plot.savefig('plot.png'); \
                m = sklearn.linear_model.LinearRegression().fit(f[['x']], f['y'])";
    assert_eq!(project.evaluate(code, "round(m.coef_[0], 6)"), "2.0");
}

#[test]
#[ignore = "needs the package index"]
fn airflow() {
    let project = Project::requirements("airflow", &["apache-airflow"]);
    project.run(&["sync"]);
    project.prove(&[]);
}

#[test]
#[ignore = "needs the package index"]
fn clouds_after_backtracking() {
    let old = Project::requirements("boto", &["urllib3<1.25.4", "boto3"]);
    old.run(&["sync"]);
    old.prove(&[]);
    let pinned = Project::requirements("s3fs", &["s3fs", "aiobotocore", "boto3", "botocore"]);
    pinned.run(&["sync"]);
    pinned.prove(&[]);
}

/// The core with its own constraints, and the requirements of what a fresh house loads.
#[test]
#[ignore = "needs the package index and Python 3.13"]
fn home_assistant() {
    let project = Project::requirements("house", &["homeassistant"]).python_version("3.13");
    project.run(&["sync"]);
    let installed = ".venv/lib/python3.13/site-packages/homeassistant";
    project.write(
        "constraints.txt",
        &project.read(&format!("{installed}/package_constraints.txt")),
    );
    let mut lines = BTreeSet::from(["homeassistant".to_owned(), "-c constraints.txt".to_owned()]);
    let mut wanted = vec![
        "default_config".to_owned(),
        "mqtt".to_owned(),
        "hue".to_owned(),
        "cast".to_owned(),
        "zha".to_owned(),
    ];
    let mut seen = BTreeMap::new();
    while let Some(domain) = wanted.pop() {
        if seen.insert(domain.clone(), ()).is_some() {
            continue;
        }
        let text = project.read(&format!("{installed}/components/{domain}/manifest.json"));
        let manifest: serde_json::Value =
            serde_json::from_str(&text).expect("an integration's manifest is JSON");
        let words = |key: &str| {
            let words = manifest[key].as_array().into_iter().flatten();
            words
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        wanted.extend(words("dependencies"));
        lines.extend(words("requirements"));
    }
    project.write(
        "requirements.txt",
        &lines.into_iter().collect::<Vec<_>>().join("\n"),
    );
    project.run(&["sync"]);
    // Two scripts use a module that Python 3.13 no longer has, one packages that it does not ask for.
    project.prove(&[
        "script coloredlogs: *'pipes'",
        "script humanfriendly: *'pipes'",
        "script envs: *",
    ]);
    assert!(project.program("hass", &["--version"]).starts_with("20"));
}

#[test]
#[ignore = "needs the package index"]
fn a_django_site() {
    let project = Project::example("django-site");
    project.run(&["sync", "--all-extras"]);
    project.prove(&[]);
    project.run(&["run", "--", "python", "manage.py", "check"]);
    project.run(&["run", "--", "python", "-m", "pytest"]);
    let lines = [
        "django",
        "djangorestframework",
        "django-allauth",
        "celery",
        "psycopg2-binary",
        "gunicorn",
        "pillow",
    ];
    let site = Project::requirements("site", &lines);
    site.run(&["sync"]);
    site.prove(&[]);
}

#[test]
#[ignore = "needs the package index"]
fn packages_built_from_source() {
    // Old setuptools without pyproject.toml, setuptools with C, flit, hatchling with plugins, poetry-core, meson-free Cython.
    let names = [
        "docopt",
        "markupsafe",
        "pyyaml",
        "idna",
        "httpx",
        "tomlkit",
        "pluggy",
        "msgpack",
        "flit-core",
    ];
    let project = Project::requirements("source", &names);
    let mut arguments = vec!["sync"];
    for name in names {
        arguments.extend(["--no-binary", name]);
    }
    project.run(&arguments);
    let lock = project.read("wharf.lock");
    for name in names {
        let start = format!("name = \"{}-", name.replace('-', "_"));
        let file = lock
            .lines()
            .find(|line| line.contains(&start))
            .expect("every package has a file");
        assert!(file.contains(".tar.gz\""), "{file}");
    }
    project.prove(&["script httpx: *"]);
    let compiled = project.evaluate(
        "markupsafe._speedups, yaml, msgpack._cmsgpack",
        "yaml.__with_libyaml__",
    );
    assert!(["True", "False"].contains(&compiled.as_str()), "{compiled}");
    // What was built once is at hand.
    std::fs::remove_dir_all(project.path(".venv")).expect("an environment can be deleted");
    arguments.extend(["--offline", "--locked"]);
    let said = project.run(&arguments);
    assert!(!said.contains("Building"), "{said}");
}
