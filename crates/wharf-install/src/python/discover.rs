//! Looks for an interpreter where people keep them, and says of each one why it was taken or not.
//!
//! The order: what was asked for; `.python-version`; PATH; pyenv's versions, newest first; the system's directories.
//! Invariant: pyenv's shims are never run: which interpreter they would start is read from pyenv's own files.

use std::collections::HashSet;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use wharf_ecosystem::pypi::{Version, VersionSpecifiers};

use super::request::satisfies;
use super::{Interpreter, PythonError, Request, RequestError, probe};

/// One interpreter that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Considered {
    /// The executable.
    pub path: PathBuf,
    /// Where it was found, in words: `PATH`, `pyenv`, `.python-version`.
    pub found_in: String,
    /// Its version, where it could be asked.
    pub version: Option<String>,
    /// Why it was taken or not.
    pub verdict: Verdict,
}

/// Taken or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// This one is used.
    Chosen,
    /// It fits, but an earlier one was taken.
    Fits,
    /// It cannot be used.
    Refused(Refusal),
}

/// Why an interpreter is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// There is no such file.
    Missing,
    /// The file cannot be executed.
    NotExecutable,
    /// It is a Python 2.
    NotPython3,
    /// It fails or answers nonsense; the text says how.
    Broken(String),
    /// Its version is outside what the project requires.
    Version {
        /// What it has.
        found: String,
        /// What is required, and by whom.
        wanted: String,
    },
    /// A free-threaded build, which must be asked for.
    FreeThreaded,
    /// Not CPython, which must be asked for by name.
    Implementation(String),
    /// It belongs to a virtual environment; the interpreter behind it is looked at instead.
    InsideEnvironment(PathBuf),
    /// A pyenv shim; the text says what pyenv selects.
    Shim(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => formatter.write_str("used"),
            Self::Fits => formatter.write_str("fits, but comes later"),
            Self::Refused(refusal) => refusal.fmt(formatter),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("there is no such file"),
            Self::NotExecutable => formatter.write_str("it is not an executable file"),
            Self::NotPython3 => formatter.write_str("it is a Python 2"),
            Self::Broken(how) => write!(formatter, "it does not work: {how}"),
            Self::Version { found, wanted } => write!(formatter, "it is {found}, but {wanted}"),
            Self::FreeThreaded => {
                formatter.write_str("it is a free-threaded build, which must be asked for (`3.13t`)")
            }
            Self::Implementation(name) => {
                write!(formatter, "it is {name}, which must be asked for by name or path")
            }
            Self::InsideEnvironment(root) => {
                write!(
                    formatter,
                    "it belongs to the environment {}; the one behind it counts",
                    root.display()
                )
            }
            Self::Shim(selects) => write!(formatter, "it is a pyenv shim; {selects}"),
        }
    }
}

/// What was found, and all that was looked at on the way.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// The interpreter to use.
    pub interpreter: Interpreter,
    /// In the order in which they were looked at; the last one is the chosen one.
    pub considered: Vec<Considered>,
}

/// What of the process's surroundings the search depends on.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The directories of PATH, in order.
    pub path: Vec<PathBuf>,
    /// Roots of pyenv: `$PYENV_ROOT`, `~/.pyenv`.
    pub pyenv_roots: Vec<PathBuf>,
    /// `$PYENV_VERSION`.
    pub pyenv_version: Option<String>,
    /// Directories that are looked into even when they are not on PATH.
    pub system: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn from_env() -> Self {
        let home = env::var_os("HOME")
            .filter(|home| !home.is_empty())
            .map(|home| PathBuf::from(home).join(".pyenv"));
        let root = env::var_os("PYENV_ROOT")
            .filter(|root| !root.is_empty())
            .map(PathBuf::from);
        let mut pyenv_roots: Vec<PathBuf> = root.into_iter().chain(home).collect();
        pyenv_roots.dedup();
        Self {
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            pyenv_roots,
            pyenv_version: env::var("PYENV_VERSION").ok().filter(|text| !text.is_empty()),
            system: vec![
                PathBuf::from("/usr/local/bin"),
                PathBuf::from("/usr/bin"),
                PathBuf::from("/bin"),
            ],
        }
    }
}

/// A search for an interpreter. Make one with [`Search::new`], narrow it, then [`Search::find`].
#[derive(Clone, Debug)]
pub struct Search<'a> {
    surroundings: Surroundings,
    requires: Option<&'a VersionSpecifiers>,
    request: Option<Request>,
    project: Option<&'a Path>,
    cache: Option<&'a Path>,
    root: Option<&'a Path>,
}

/// Finds the interpreter for a project: the one asked for (`explicit`: a path, a name or a version), else the first
/// that satisfies `requires`. Answers are remembered below `cache`.
///
/// # Errors
/// The explicit one cannot be used, or nothing fits.
pub fn discover(
    requires: Option<&VersionSpecifiers>,
    explicit: Option<&str>,
    project: Option<&Path>,
    cache: &Path,
) -> Result<(Interpreter, Vec<Considered>), PythonError> {
    let mut search = Search::new(Surroundings::from_env())
        .requires(requires)
        .project(project)
        .cache(Some(cache));
    if let Some(text) = explicit {
        search = search.request(Some(text.parse()?));
    }
    search.find().map(|found| (found.interpreter, found.considered))
}

impl<'a> Search<'a> {
    /// A search that takes any CPython 3.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            requires: None,
            request: None,
            project: None,
            cache: None,
            root: None,
        }
    }

    /// The range that the project requires.
    #[must_use]
    pub fn requires(mut self, requires: Option<&'a VersionSpecifiers>) -> Self {
        self.requires = requires;
        self
    }

    /// What the user asks for; it beats everything but the project's own range.
    #[must_use]
    pub fn request(mut self, request: Option<Request>) -> Self {
        self.request = request;
        self
    }

    /// The directory whose `.python-version` (or a parent's) counts.
    #[must_use]
    pub fn project(mut self, project: Option<&'a Path>) -> Self {
        self.project = project;
        self
    }

    /// Where answers of interpreters are remembered.
    #[must_use]
    pub fn cache(mut self, cache: Option<&'a Path>) -> Self {
        self.cache = cache;
        self
    }

    /// The system root whose interpreters are looked at, in its view, in the place of this machine's.
    #[must_use]
    pub fn root(mut self, root: Option<&'a Path>) -> Self {
        self.root = root;
        self
    }

    /// Finds the interpreter.
    ///
    /// # Errors
    /// As [`discover`].
    pub fn find(&self) -> Result<Discovered, PythonError> {
        let mut walk = Walk {
            search: self,
            considered: Vec::new(),
            seen: HashSet::new(),
        };
        if let Some(request) = &self.request {
            return match walk.first(request, "asked for") {
                Some(interpreter) => Ok(walk.done(interpreter)),
                None => Err(walk.failed(request)),
            };
        }
        if let Some((file, requests)) = self.project.and_then(python_version_file) {
            for request in &requests {
                if let Some(interpreter) = walk.first(request, &file.display().to_string()) {
                    return Ok(walk.done(interpreter));
                }
            }
            walk.seen.clear();
        }
        let any = Request::Version {
            release: vec![3],
            free_threaded: false,
        };
        match walk.first(&any, "") {
            Some(interpreter) => Ok(walk.done(interpreter)),
            None => Err(PythonError::NotFound {
                wanted: self.wanted(None),
                considered: walk.considered,
            }),
        }
    }

    /// Every interpreter that there is, each with its verdict; the first that fits is the chosen one.
    #[must_use]
    pub fn survey(&self) -> Vec<Considered> {
        let mut walk = Walk {
            search: self,
            considered: Vec::new(),
            seen: HashSet::new(),
        };
        let any = Request::Version {
            release: vec![3],
            free_threaded: false,
        };
        let request = self.request.clone().unwrap_or(any);
        for candidate in self.candidates(&request) {
            if let Some(interpreter) = walk.consider(&candidate, &request, "") {
                let chosen = walk.considered.iter().any(|one| one.verdict == Verdict::Chosen);
                walk.note(
                    &candidate,
                    Some(interpreter.version),
                    if chosen { Verdict::Fits } else { Verdict::Chosen },
                );
            }
        }
        walk.considered
    }

    fn wanted(&self, request: Option<&Request>) -> String {
        match (request, self.requires) {
            (Some(request), Some(range)) => format!("`{request}` that satisfies `{range}`"),
            (Some(request), None) => format!("`{request}`"),
            (None, Some(range)) => format!("that satisfies `{range}`"),
            (None, None) => "3".to_owned(),
        }
    }

    /// All executables that could answer the request, best first. Some may not exist.
    fn candidates(&self, request: &Request) -> Vec<Candidate> {
        if let (Some(root), false) = (self.root, matches!(request, Request::Path(_))) {
            return inside(root, &names(request));
        }
        match request {
            Request::Path(path) => vec![Candidate::new(executable_of(path), "path")],
            Request::Name(name) => {
                let mut list = self.on_path(std::slice::from_ref(name));
                for (version, bin) in self.pyenv_versions() {
                    // `pypy3.10-7.3.12` is the name of a pyenv version, `pypy3` one of a command.
                    let file = if version == *name {
                        bin.join("python")
                    } else {
                        bin.join(name)
                    };
                    list.push(Candidate::new(file, "pyenv"));
                }
                list.retain(|candidate| candidate.path.exists());
                list
            }
            Request::Version { .. } | Request::Range(_) => {
                let mut list = self.on_path(&names(request));
                list.extend(self.pyenv_versions().into_iter().filter_map(|(version, bin)| {
                    let mut candidate = Candidate::new(bin.join("python"), "pyenv");
                    candidate.says = Some(Version::from_str(&version).ok()?);
                    Some(candidate)
                }));
                let system = self.surroundings.system.iter();
                list.extend(system.flat_map(|directory| in_directory(directory, &names(request), "system")));
                list
            }
        }
    }

    fn on_path(&self, names: &[String]) -> Vec<Candidate> {
        let mut list = Vec::new();
        for directory in &self.surroundings.path {
            if directory.as_os_str().is_empty() || directory.is_relative() {
                continue;
            }
            match self
                .surroundings
                .pyenv_roots
                .iter()
                .find(|root| root.join("shims") == *directory)
            {
                Some(root) => list.extend(self.behind_shims(root, directory, names)),
                None => list.extend(in_directory(directory, names, "PATH")),
            }
        }
        list
    }

    /// What pyenv's shims would run, without running them.
    fn behind_shims(&self, root: &Path, shims: &Path, names: &[String]) -> Vec<Candidate> {
        let Some(shim) = names
            .iter()
            .map(|name| shims.join(name))
            .find(|shim| shim.exists())
        else {
            return Vec::new();
        };
        let selected = self.pyenv_selection(root);
        let says = match selected.as_slice() {
            [] => "pyenv selects no version".to_owned(),
            versions => format!("pyenv selects {}", versions.join(", ")),
        };
        let mut list = vec![Candidate {
            refusal: Some(Refusal::Shim(says)),
            ..Candidate::new(shim, "PATH")
        }];
        for version in selected {
            let bin = root.join("versions").join(&version).join("bin");
            list.extend(in_directory(&bin, names, "pyenv's selection"));
        }
        list
    }

    /// The versions that pyenv selects here: `$PYENV_VERSION`, else `.python-version` upwards, else its global ones.
    fn pyenv_selection(&self, root: &Path) -> Vec<String> {
        if let Some(text) = &self.surroundings.pyenv_version {
            return text.split(':').map(str::to_owned).collect();
        }
        let local = self.project.and_then(|start| {
            start
                .ancestors()
                .find_map(|at| words(&at.join(".python-version")))
        });
        let lines = local.or_else(|| words(&root.join("version"))).unwrap_or_default();
        lines
            .into_iter()
            .filter(|version| root.join("versions").join(version).is_dir())
            .collect()
    }

    /// Name and `bin` of every pyenv version, newest first, then those whose names are no versions.
    fn pyenv_versions(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(Option<Version>, String, PathBuf)> = Vec::new();
        for root in &self.surroundings.pyenv_roots {
            let Ok(entries) = fs::read_dir(root.join("versions")) else {
                continue;
            };
            for entry in entries.flatten() {
                if let Ok(name) = entry.file_name().into_string() {
                    found.push((Version::from_str(&name).ok(), name, entry.path().join("bin")));
                }
            }
        }
        found.sort_by(|left, right| right.cmp(left));
        found.into_iter().map(|(_, name, bin)| (name, bin)).collect()
    }
}

/// An executable that may be an interpreter.
struct Candidate {
    path: PathBuf,
    found_in: &'static str,
    /// The version that the name of its directory claims.
    says: Option<Version>,
    /// Known not to be usable before it is run.
    refusal: Option<Refusal>,
}

impl Candidate {
    fn new(path: PathBuf, found_in: &'static str) -> Self {
        Self {
            path,
            found_in,
            says: None,
            refusal: None,
        }
    }
}

/// The interpreters of a system root, by their paths inside.
fn inside(root: &Path, names: &[String]) -> Vec<Candidate> {
    let paths = names.iter().map(|name| Path::new("/usr/bin").join(name));
    paths
        .filter(|path| on_disk(Some(root), path).symlink_metadata().is_ok())
        .map(|path| Candidate::new(path, "the project's Debian packages"))
        .collect()
}

/// Where a path lies on this machine; in a system root only what it has itself.
fn on_disk(root: Option<&Path>, path: &Path) -> PathBuf {
    match (root, path.strip_prefix("/")) {
        (Some(root), Ok(inner)) if path.starts_with("/usr") => root.join(inner),
        _ => path.to_owned(),
    }
}

/// A search under way.
struct Walk<'s, 'a> {
    search: &'s Search<'a>,
    considered: Vec<Considered>,
    seen: HashSet<PathBuf>,
}

impl Walk<'_, '_> {
    fn first(&mut self, request: &Request, asked_by: &str) -> Option<Interpreter> {
        for candidate in self.search.candidates(request) {
            if let Some(interpreter) = self.consider(&candidate, request, asked_by) {
                self.note(&candidate, Some(interpreter.version.clone()), Verdict::Chosen);
                return Some(interpreter);
            }
        }
        None
    }

    /// Looks at one candidate: `Some` if it fits, else a note is left why not.
    fn consider(&mut self, candidate: &Candidate, request: &Request, asked_by: &str) -> Option<Interpreter> {
        let by_path = matches!(request, Request::Path(_));
        if !by_path && let Some(behind) = environment_of(&candidate.path) {
            let refusal = Refusal::InsideEnvironment(behind.root);
            if self.seen.insert(candidate.path.clone()) {
                self.note(candidate, None, Verdict::Refused(refusal));
            }
            let base = Candidate::new(behind.base?, candidate.found_in);
            return self.consider(&base, request, asked_by);
        }
        if let Some(refusal) = &candidate.refusal {
            self.note(candidate, None, Verdict::Refused(refusal.clone()));
            return None;
        }
        let lies = on_disk(self.search.root, &candidate.path);
        let real = fs::canonicalize(&lies).unwrap_or(lies);
        if !by_path && !self.seen.insert(real) {
            return None;
        }
        let judged = match self.judge_name(candidate, request, asked_by) {
            Some(refusal) => Err((refusal, None)),
            None => self
                .ask(&candidate.path)
                .map_err(|refusal| (refusal, None))
                .and_then(|found| match self.judge(&found, request, asked_by) {
                    Some(refusal) => Err((refusal, Some(found.version))),
                    None => Ok(found),
                }),
        };
        judged
            .map_err(|(refusal, version)| self.note(candidate, version, Verdict::Refused(refusal)))
            .ok()
    }

    fn ask(&self, path: &Path) -> Result<Interpreter, Refusal> {
        match self.search.root {
            Some(root) => probe::probe_inside(root, path, self.search.cache),
            None => probe::probe_cached(path, self.search.cache),
        }
    }

    /// Refuses by the version that the directory name claims, which saves running the interpreter.
    fn judge_name(&self, candidate: &Candidate, request: &Request, asked_by: &str) -> Option<Refusal> {
        let says = candidate.says.as_ref()?;
        if says.release().first() == Some(&2) {
            return Some(Refusal::NotPython3);
        }
        let fits = request.could_accept(says)
            && self
                .search
                .requires
                .is_none_or(|range| satisfies(range, &says.to_string()));
        (!fits).then(|| self.wrong_version(&says.to_string(), request, asked_by))
    }

    fn judge(&self, found: &Interpreter, request: &Request, asked_by: &str) -> Option<Refusal> {
        let by_name = matches!(request, Request::Path(_) | Request::Name(_));
        if found.implementation != "cpython" && !by_name {
            return Some(Refusal::Implementation(
                found.markers.platform_python_implementation.clone(),
            ));
        }
        let asks_for_threads = matches!(
            request,
            Request::Version {
                free_threaded: true,
                ..
            }
        );
        if found.gil_disabled && !asks_for_threads && !by_name {
            return Some(Refusal::FreeThreaded);
        }
        let fits = request.accepts(found)
            && self
                .search
                .requires
                .is_none_or(|range| satisfies(range, &found.version));
        (!fits).then(|| self.wrong_version(&found.version, request, asked_by))
    }

    fn wrong_version(&self, found: &str, request: &Request, asked_by: &str) -> Refusal {
        let wanted = match self.search.requires.filter(|range| !satisfies(range, found)) {
            Some(range) => format!("the project requires {range}"),
            None if asked_by.is_empty() => format!("{request} is wanted"),
            None if asked_by == "asked for" => format!("{request} was asked for"),
            None => format!("{asked_by} asks for {request}"),
        };
        Refusal::Version {
            found: found.to_owned(),
            wanted,
        }
    }

    fn note(&mut self, candidate: &Candidate, version: Option<String>, verdict: Verdict) {
        self.considered.push(Considered {
            path: candidate.path.clone(),
            found_in: candidate.found_in.to_owned(),
            version: version.or_else(|| candidate.says.as_ref().map(Version::to_string)),
            verdict,
        });
    }

    fn done(self, interpreter: Interpreter) -> Discovered {
        Discovered {
            interpreter,
            considered: self.considered,
        }
    }

    fn failed(self, request: &Request) -> PythonError {
        if let (
            Request::Path(_),
            [
                Considered {
                    path,
                    verdict: Verdict::Refused(reason),
                    ..
                },
            ],
        ) = (request, self.considered.as_slice())
        {
            return PythonError::Unusable {
                path: path.clone(),
                reason: reason.clone(),
            };
        }
        PythonError::NotFound {
            wanted: self.search.wanted(Some(request)),
            considered: self.considered,
        }
    }
}

/// The command names that can answer a request, best first.
fn names(request: &Request) -> Vec<String> {
    let generic = ["python3".to_owned(), "python".to_owned()];
    match request {
        Request::Version {
            release,
            free_threaded,
        } if release.len() >= 2 => {
            let exact = format!("python{}.{}", release[0], release[1]);
            let threaded = free_threaded.then(|| format!("{exact}t"));
            threaded.into_iter().chain([exact]).chain(generic).collect()
        }
        _ => generic
            .into_iter()
            .chain((6..=20).rev().map(|minor| format!("python3.{minor}")))
            .collect(),
    }
}

fn in_directory(directory: &Path, names: &[String], found_in: &'static str) -> Vec<Candidate> {
    let paths = names.iter().map(|name| directory.join(name));
    paths
        .filter(|path| path.exists())
        .map(|path| Candidate::new(path, found_in))
        .collect()
}

/// A directory stands for the interpreter inside it.
fn executable_of(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let inside = ["bin/python3", "bin/python"].map(|name| path.join(name));
    inside
        .iter()
        .find(|file| file.exists())
        .unwrap_or(&inside[0])
        .clone()
}

/// The environment that an executable belongs to.
struct Behind {
    root: PathBuf,
    base: Option<PathBuf>,
}

/// Reads `pyvenv.cfg` beside or above the executable, as Python itself does when it starts.
fn environment_of(executable: &Path) -> Option<Behind> {
    let bin = executable.parent()?;
    let root = [Some(bin), bin.parent()]
        .into_iter()
        .flatten()
        .find(|at| at.join("pyvenv.cfg").is_file())?;
    let text = fs::read_to_string(root.join("pyvenv.cfg")).unwrap_or_default();
    let home = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "home").then(|| PathBuf::from(value.trim()))
    });
    let base = home.and_then(|home| {
        let name = executable.file_name().unwrap_or_default();
        let files = [home.join(name), home.join("python3"), home.join("python")];
        files.into_iter().find(|file| file.exists())
    });
    Some(Behind {
        root: root.to_owned(),
        base,
    })
}

/// The nearest `.python-version` and what it asks for. Lines that are no requests are passed over.
fn python_version_file(start: &Path) -> Option<(PathBuf, Vec<Request>)> {
    start
        .ancestors()
        .map(|at| at.join(".python-version"))
        .find_map(|file| {
            let parsed: Vec<Result<Request, RequestError>> =
                words(&file)?.iter().map(|word| word.parse()).collect();
            let requests: Vec<Request> = parsed
                .into_iter()
                .flatten()
                .filter(|one| !matches!(one, Request::Path(_)))
                .collect();
            (!requests.is_empty()).then_some((file, requests))
        })
}

/// The words of a small file, without comments. `None` if it cannot be read.
fn words(file: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(file).ok()?;
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    Some(
        lines
            .flat_map(str::split_whitespace)
            .filter(|word| *word != "system")
            .map(str::to_owned)
            .collect(),
    )
}
