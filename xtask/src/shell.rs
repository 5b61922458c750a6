//! Starting programs and finding the project's directories, with failures that name the program.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Why a chore failed, as one message for the developer.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A failure that says what it was about.
pub(crate) fn about<E: Display>(subject: impl Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("{subject}: {error}"))
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository")
}

/// Where cargo builds to.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Cargo itself, in the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The texts of a kind (`json`, `toml`) in a folder of `xtask/data` whose name contains a word, by name.
pub(crate) fn texts(folder: &str, kind: &str, only: &str) -> Result<Vec<(String, String)>, Failure> {
    let folder = root().join("xtask/data").join(folder);
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(about(folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|extension| extension == kind) && name.contains(only) {
            let text = std::fs::read_to_string(&path).map_err(about(path.display()))?;
            texts.push((name.into_owned(), text));
        }
    }
    texts.sort();
    Ok(texts)
}

/// Lets a command run in a folder, with a home of its own, and see nothing of the developer's settings; programs are looked for in
/// `first`, then where the system has its own.
pub(crate) fn isolate(
    command: &mut Command,
    folder: &Path,
    home: &Path,
    first: impl IntoIterator<Item = PathBuf>,
) {
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", search_path(first))
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8");
    for (name, folder) in [
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_STATE_HOME", "state"),
    ] {
        command.env(name, home.join(folder));
    }
}

/// These folders, then the system's.
fn search_path(first: impl IntoIterator<Item = PathBuf>) -> OsString {
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::join_paths(first.into_iter().chain(system)).unwrap_or_default()
}

/// The folder of the interpreter that tests and benches use.
pub(crate) fn python_folder() -> Option<PathBuf> {
    wharf_testkit::host_python().parent().map(Path::to_owned)
}

/// Runs a program to its end with the developer's terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(about(format!("{command:?}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("{command:?}: {status}")))
    }
}

/// Runs a program to its end and returns its standard output; on failure the message has its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(about(format!("{command:?}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure(format!(
            "{command:?}: {}\n{}",
            output.status,
            said.trim_end()
        )))
    }
}

/// Whether a program answers to these arguments.
pub(crate) fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The binary under test: the one that was named, or else the release build.
pub(crate) fn wharf(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return std::path::absolute(named).map_err(about(named.display()));
    }
    let binary = target().join("release/wharf");
    if binary.is_file() {
        Ok(binary)
    } else {
        Err(Failure(format!(
            "{}: missing; run `cargo build --release -p wharf` first",
            binary.display()
        )))
    }
}

#[derive(Debug, Deserialize)]
struct Defaults {
    #[serde(default)]
    index: Vec<toml::Table>,
    #[serde(flatten)]
    rest: toml::Table,
}

/// The index that this machine's users resolve against: pip's configuration, or else the product's own default.
///
/// Invariant: no host name stands in the sources; the public default is read from the product's defaults file.
pub(crate) fn index_url() -> Result<String, Failure> {
    for name in ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(url) = std::env::var(name).ok().filter(|url| !url.is_empty()) {
            return Ok(url);
        }
    }
    let mut pip = Command::new(wharf_testkit::host_python());
    pip.args(["-m", "pip", "config", "list"]);
    if let Ok(listing) = output(&mut pip) {
        let configured = listing.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.ends_with("index-url")
                .then(|| value.trim().trim_matches('\'').to_owned())
                .filter(|_| !key.contains("extra"))
        });
        if let Some(url) = configured {
            return Ok(url);
        }
    }
    default_index()
}

/// The npm registry that this machine's users install from, ending in `/`: as npm is configured.
pub(crate) fn npm_registry_url() -> Result<String, Failure> {
    let said = output(Command::new("npm").args(["config", "get", "registry", "--loglevel=error"]))?;
    match said.trim() {
        url if url.contains("://") => Ok(format!("{}/", url.trim_end_matches('/'))),
        other => Err(Failure(format!("npm names no registry but `{other}`"))),
    }
}

/// The registry of crates that this machine's users get crates.io's from.
#[derive(Debug)]
pub(crate) struct CratesRegistry {
    /// Its index.
    pub(crate) index: String,
    /// What it is told.
    pub(crate) token: Option<String>,
}

/// The registry of crates that stands for crates.io, as Cargo is configured.
pub(crate) fn crates_registry() -> Result<CratesRegistry, Failure> {
    let options = wharf_project::Options {
        environment: std::env::vars().collect(),
        ..wharf_project::Options::default()
    };
    let config = wharf_project::CargoConfig::machine(root(), &options)?;
    match config.endpoint(&wharf_ecosystem::cargo::SourceId::crates_io())? {
        wharf_project::CrateEndpoint::Sparse { index, token, .. } => Ok(CratesRegistry {
            index: index.expose().to_owned(),
            token: token.map(|token| token.expose().to_owned()),
        }),
        other => Err(Failure(format!(
            "crates come from what is no index over HTTP: {other:?}"
        ))),
    }
}

fn default_index() -> Result<String, Failure> {
    let path = root().join("crates/wharf-project/data/defaults.toml");
    let text = std::fs::read_to_string(&path).map_err(about(path.display()))?;
    let defaults: Defaults = toml::from_str(&text).map_err(about(path.display()))?;
    let named = defaults
        .index
        .iter()
        .find_map(|table| table.get("url"))
        .and_then(toml::Value::as_str);
    let url = named
        .map(str::to_owned)
        .or_else(|| first_url(&toml::Value::Table(defaults.rest)));
    url.ok_or_else(|| Failure(format!("{}: no index URL", path.display())))
}

/// The first text below `value` that is a URL of an index of simple pages.
fn first_url(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) if text.contains("://") && text.contains("/simple") => Some(text.clone()),
        toml::Value::Array(values) => values.iter().find_map(first_url),
        toml::Value::Table(table) => table.values().find_map(first_url),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_index_is_found_however_deep_it_stands() {
        let table: toml::Table =
            toml::from_str("[pypi]\nname = 'x'\n[pypi.deep]\nurl = 'https://example.org/simple'\n")
                .expect("the text is TOML");
        assert_eq!(
            first_url(&toml::Value::Table(table)).as_deref(),
            Some("https://example.org/simple")
        );
    }
}
