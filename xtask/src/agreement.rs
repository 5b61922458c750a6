//! `cargo xtask agreement`: the same requirements, the same live index, the same cut-off date — the same versions?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::bench::peers;
use crate::shell::{self, Failure, about};

/// Options of `cargo xtask agreement`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only sets whose name contains this text.
    #[arg(default_value = "")]
    only: String,
    /// Nothing uploaded after this moment exists.
    #[arg(long, default_value = "2026-11-01T00:00:00Z")]
    exclude_newer: String,
    /// A directory of further `*.in` files.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// The binary; without it the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Versions by normalised name.
pub(crate) type Versions = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug, Serialize)]
struct Outcome {
    set: String,
    verdict: &'static str,
    differences: Vec<String>,
    uv_seconds: f64,
    wharf_seconds: f64,
    uv_said: Option<String>,
    wharf_said: Option<String>,
}

/// Runs every set and prints one line for each; a difference makes the command fail, and so does a set that neither can
/// resolve: it proves nothing. The times are a feel only: both caches are warm from the sets before.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let work = shell::target().join("agreement");
    let uv = peers::install(&shell::target().join("bench/peers"))?.uv;
    let wharf = shell::wharf(options.binary.as_deref())?;
    let index = shell::index_url()?;
    let mut outcomes = Vec::new();
    for path in sets(options)? {
        let outcome = compare(&path, &work, &uv, &wharf, &index, &options.exclude_newer)?;
        println!(
            "{:<34}{:<10} uv {:>6.1} s, wharf {:>6.1} s",
            outcome.set, outcome.verdict, outcome.uv_seconds, outcome.wharf_seconds
        );
        for difference in &outcome.differences {
            println!("    {difference}");
        }
        for (tool, said) in [("uv", &outcome.uv_said), ("wharf", &outcome.wharf_said)] {
            if let Some(said) = said {
                println!("    {tool}: {}", said.replace('\n', "\n        "));
            }
        }
        outcomes.push(outcome);
    }
    let report = work.join("report.json");
    std::fs::write(&report, serde_json::to_vec_pretty(&outcomes)?).map_err(about(report.display()))?;
    let same = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == "same")
        .count();
    println!(
        "{same} of {} sets are the same; {}",
        outcomes.len(),
        report.display()
    );
    if same == outcomes.len() {
        Ok(())
    } else {
        Err(Failure(format!("{} sets differ", outcomes.len() - same)))
    }
}

fn sets(options: &Options) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    let own = shell::root().join("xtask/data/agreement");
    for directory in [Some(&own), options.directory.as_ref()].into_iter().flatten() {
        for entry in std::fs::read_dir(directory).map_err(about(directory.display()))? {
            let path = entry?.path();
            let name = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "in") && name.contains(&options.only) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn compare(
    path: &Path,
    work: &Path,
    uv: &Path,
    wharf: &Path,
    index: &str,
    cutoff: &str,
) -> Result<Outcome, Failure> {
    let set = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let folder = work.join("sets").join(&set);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder).map_err(about(folder.display()))?;
    let requirements = folder.join("requirements.txt");
    std::fs::copy(path, &requirements).map_err(about(path.display()))?;
    // Constraints lie beside their set: `x.in` may say `-c x.constraints.txt`.
    let constraints = path.with_extension("constraints.txt");
    if constraints.exists() {
        let name = constraints.file_name().expect("a file of the sets has a name");
        std::fs::copy(&constraints, folder.join(name))?;
    }

    let resolved = folder.join("uv.txt");
    let start = Instant::now();
    let mut command = isolated(uv, &folder, work);
    command.args([
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--exclude-newer",
        cutoff,
    ]);
    command.arg("requirements.txt").arg("--output-file").arg("uv.txt");
    command
        .env("UV_DEFAULT_INDEX", index)
        .env("UV_NO_CONFIG", "1")
        .env("UV_PYTHON_DOWNLOADS", "never");
    command.env("UV_PYTHON", wharf_testkit::host_python());
    let uv_said = shell::output(&mut command).err().map(|Failure(said)| said);
    let uv_seconds = start.elapsed().as_secs_f64();
    // Read by the other tool, uv's answer would count as a preference.
    let theirs = if uv_said.is_none() {
        pinned_versions(&resolved)?
    } else {
        Versions::new()
    };
    if resolved.exists() {
        std::fs::rename(&resolved, work.join(format!("{set}.uv.txt")))?;
    }

    let start = Instant::now();
    let mut command = isolated(wharf, &folder, work);
    command
        .args(["lock", "--quiet", "--exclude-newer", cutoff])
        .env("PIP_INDEX_URL", index);
    let wharf_said = shell::output(&mut command).err().map(|Failure(said)| said);
    let wharf_seconds = start.elapsed().as_secs_f64();
    let ours = if wharf_said.is_none() {
        locked_versions(&folder.join("wharf.lock"))?
    } else {
        Versions::new()
    };

    let differences = differences(&theirs, &ours);
    let verdict = match (&uv_said, &wharf_said) {
        (None, None) if differences.is_empty() => "same",
        (Some(_), Some(_)) => "both fail",
        (None, None) => "different",
        (Some(_), None) => "uv fails",
        (None, Some(_)) => "we fail",
    };
    let (uv_said, wharf_said) = if verdict == "same" {
        (None, None)
    } else {
        (uv_said, wharf_said)
    };
    Ok(Outcome {
        set,
        verdict,
        differences,
        uv_seconds,
        wharf_seconds,
        uv_said,
        wharf_said,
    })
}

/// A tool that sees the same machine and none of the developer's settings but its certificates.
fn isolated(program: &Path, folder: &Path, work: &Path) -> Command {
    let mut command = Command::new(program);
    shell::isolate(&mut command, folder, &work.join("home"), shell::python_folder());
    for name in [
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "PIP_CERT",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Versions of a pinned requirements file.
pub(crate) fn pinned_versions(path: &Path) -> Result<Versions, Failure> {
    let text = std::fs::read_to_string(path).map_err(about(path.display()))?;
    let mut versions = Versions::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '-']))
    {
        let line = line.split([';', '\\', ' ']).next().unwrap_or_default();
        if let Some((name, version)) = line.split_once("==") {
            let name = name.split('[').next().unwrap_or_default();
            versions
                .entry(wharf_testkit::normalize(name))
                .or_default()
                .insert(version.to_owned());
        }
    }
    Ok(versions)
}

/// What this needs of a `wharf.lock`.
#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default, alias = "packages")]
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
}

/// Versions of a `wharf.lock`.
pub(crate) fn locked_versions(path: &Path) -> Result<Versions, Failure> {
    let text = std::fs::read_to_string(path).map_err(about(path.display()))?;
    let lock: Lock = toml::from_str(&text).map_err(about(path.display()))?;
    let mut versions = Versions::new();
    for package in lock.package {
        let name = package.name.rsplit(':').next().unwrap_or_default().to_owned();
        versions
            .entry(wharf_testkit::normalize(&name))
            .or_default()
            .insert(package.version);
    }
    Ok(versions)
}

/// Every name whose versions differ, as `name: uv 1.0, wharf 2.0`.
pub(crate) fn differences(theirs: &Versions, ours: &Versions) -> Vec<String> {
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let text = |versions: Option<&BTreeSet<String>>| match versions {
        Some(versions) => versions.iter().cloned().collect::<Vec<_>>().join(" and "),
        None => "none".to_owned(),
    };
    names
        .into_iter()
        .filter(|name| theirs.get(*name) != ours.get(*name))
        .map(|name| {
            format!(
                "{name}: uv {}, wharf {}",
                text(theirs.get(name)),
                text(ours.get(name))
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_and_locks_are_read_and_compared() {
        let folder = tempfile::tempdir().expect("the temporary directory can be written");
        let (pins, lock) = (folder.path().join("pins.txt"), folder.path().join("wharf.lock"));
        std::fs::write(
            &pins,
            "# by a tool\na[x]==1.0 ; sys_platform == 'linux'\nB_c==2.0 \\\n    --hash=sha256:0\n",
        )
        .expect("written");
        std::fs::write(&lock, "[[package]]\nname = \"pypi:a\"\nversion = \"1.0\"\n[[package]]\nname = \"b-c\"\nversion = \"2.1\"\n")
            .expect("written");
        let found = differences(
            &pinned_versions(&pins).expect("pins"),
            &locked_versions(&lock).expect("a lock"),
        );
        assert_eq!(found, ["b-c: uv 2.0, wharf 2.1"]);
    }
}
