//! One call of one hook: a Python process in the build environment, its log, its answer.
//!
//! Invariant: the process and what it started are gone when the call is over, also when it is cancelled. Where there are
//! sandboxes it runs in one, without network.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use wharf_sys::sandbox::{self, Sandbox, Strength};

use super::environment::variables;
use super::{BuildEnvironment, BuildError, diagnose};
use crate::error::IndexError;

const SCRIPT: &str = include_str!("hooks.py");

/// How much of a log is shown.
const TAIL_LINES: usize = 25;

/// The hooks of PEP 517 and PEP 660 that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    RequiresForWheel,
    RequiresForEditable,
    PrepareMetadata,
    PrepareEditableMetadata,
    BuildWheel,
    BuildEditable,
}

impl Hook {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Hook::RequiresForWheel => "get_requires_for_build_wheel",
            Hook::RequiresForEditable => "get_requires_for_build_editable",
            Hook::PrepareMetadata => "prepare_metadata_for_build_wheel",
            Hook::PrepareEditableMetadata => "prepare_metadata_for_build_editable",
            Hook::BuildWheel => "build_wheel",
            Hook::BuildEditable => "build_editable",
        }
    }
}

/// What a call needs to know.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// What is built, for people.
    pub(crate) what: &'a str,
    /// The source tree, in which the process runs.
    pub(crate) tree: &'a Path,
    /// The backend, as `pyproject.toml` names it.
    pub(crate) backend: &'a str,
    /// Folders that are searched for it first.
    pub(crate) backend_path: &'a [PathBuf],
    /// The environment.
    pub(crate) environment: &'a BuildEnvironment,
    /// A folder for the script, its messages, its home directory.
    pub(crate) scratch: &'a Path,
    /// Where logs of failed calls are kept.
    pub(crate) logs: &'a Path,
}

/// What a hook answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The backend has no such hook.
    Missing,
    /// Further requirements.
    Requires(Vec<String>),
    /// The name of the file or folder that it made.
    Made(String),
}

#[derive(Serialize)]
struct Request<'a> {
    hook: &'static str,
    backend: &'a str,
    backend_path: &'a [PathBuf],
    folder: Option<&'a Path>,
    answer: &'a Path,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    missing: bool,
    requires: Option<Vec<String>>,
    name: Option<String>,
    error: Option<String>,
}

impl Call<'_> {
    /// Calls a hook; `folder` is where it puts what it makes.
    pub(crate) async fn run(&self, hook: Hook, folder: Option<&Path>) -> Result<Answer, IndexError> {
        let script = self.scratch.join("hooks.py");
        let home = self.scratch.join("home");
        let request = self.scratch.join("request.json");
        let answer = self.scratch.join("answer.json");
        let log = self.scratch.join(format!("{}.log", hook.as_str()));
        std::fs::create_dir_all(&home).map_err(IndexError::disk("create", &home))?;
        std::fs::write(&script, SCRIPT).map_err(IndexError::disk("write", &script))?;
        // An answer of the hook before must not be taken for this one's.
        let _ = std::fs::remove_file(&answer);
        let message = Request {
            hook: hook.as_str(),
            backend: self.backend,
            backend_path: self.backend_path,
            folder,
            answer: &answer,
        };
        let message = serde_json::to_vec(&message).expect("texts and paths of this process are valid JSON");
        std::fs::write(&request, message).map_err(IndexError::disk("write", &request))?;
        let status = self.process(&[&script, &request], &home, &log).await?;
        let reply =
            crate::cache::read(&answer).and_then(|bytes| serde_json::from_slice::<Reply>(&bytes).ok());
        match reply {
            Some(Reply {
                error: Some(error), ..
            }) => Err(self.failure(hook, format!("failed with {error}"), &log)),
            Some(Reply { missing: true, .. }) => Ok(Answer::Missing),
            Some(Reply {
                requires: Some(requires),
                ..
            }) => Ok(Answer::Requires(requires)),
            Some(Reply { name: Some(name), .. }) => Ok(Answer::Made(name)),
            Some(_) => Err(self.failure(hook, "answered nothing".to_owned(), &log)),
            None => Err(self.failure(hook, format!("ended without an answer ({status})"), &log)),
        }
    }

    async fn process(&self, arguments: &[&Path], home: &Path, log: &Path) -> Result<ExitStatus, IndexError> {
        let output = File::create(log).map_err(IndexError::disk("create", log))?;
        let errors = output.try_clone().map_err(IndexError::disk("write", log))?;
        let python = &self.environment.python;
        let prefix = python.parent().and_then(Path::parent);
        let mut command = std::process::Command::new(python);
        command
            .args(arguments)
            .current_dir(self.tree)
            .env_clear()
            .envs(variables(
                std::env::vars_os(),
                home,
                prefix,
                &self.environment.path_dirs,
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors));
        // A group of its own, so that compilers end with the build that started them.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.confine(&mut command)
            .map_err(IndexError::disk("confine", python))?;
        let mut command = Command::from(command);
        let started = command.kill_on_drop(true).spawn().map_err(sandbox::told);
        let child = started.map_err(IndexError::disk("run", python))?;
        let mut group = Group(child);
        group.0.wait().await.map_err(IndexError::disk("wait for", python))
    }

    /// Puts the hook and what it starts into a sandbox: it reads the system and its environment, and writes into its source
    /// tree and its scratch folder.
    fn confine(&self, command: &mut std::process::Command) -> std::io::Result<()> {
        let temporary = self.scratch.join("tmp");
        std::fs::create_dir_all(&temporary)?;
        let mut sandbox = Sandbox::for_build(command)
            .program(&self.environment.python)
            .writable(self.scratch)
            .writable(self.tree)
            .temporary(temporary)
            .network(self.environment.network);
        let repository = repository(self.tree);
        for path in self.environment.readable.iter().chain(&repository) {
            sandbox = sandbox.readable(path);
        }
        match (&self.environment.view, self.environment.strength) {
            (Some(view), Strength::None) => view.enter(command).map_err(std::io::Error::other),
            (Some(view), strength) => sandbox.view(view.clone()).confine(command, strength),
            (None, strength) => sandbox.confine(command, strength),
        }
    }

    /// What the output says about what is missing, the limits of the sandbox first.
    fn hints(&self, output: &str) -> Vec<String> {
        let mut hints = match self.environment.strength {
            Strength::None => Vec::new(),
            _ => {
                let name = self.what.split(' ').next().unwrap_or(self.what);
                sandbox::limits_met(output, &format!("pypi:{name}"), self.environment.network)
            }
        };
        hints.extend(diagnose(output));
        hints
    }

    fn failure(&self, hook: Hook, reason: String, log: &Path) -> IndexError {
        let bytes = crate::cache::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        let error = BuildError::Hook {
            what: self.what.to_owned(),
            hook: hook.as_str(),
            backend: self.backend.to_owned(),
            reason,
            tail,
            log: keep(self.logs, self.what, hook, &bytes),
            hints: self.hints(&text),
        };
        error.into()
    }
}

/// The repository that a source tree lies in, and where its history is: versions are often taken from that.
fn repository(tree: &Path) -> Vec<PathBuf> {
    let Some(root) = tree.ancestors().find(|folder| folder.join(".git").exists()) else {
        return Vec::new();
    };
    // A home that is a repository is a home.
    if std::env::home_dir().is_some_and(|home| home.starts_with(root)) {
        return Vec::new();
    }
    let mut found = vec![root.to_owned()];
    // Of a further work tree the history lies with the first one.
    let told = std::fs::read_to_string(root.join(".git")).unwrap_or_default();
    if let Some(folder) = told.strip_prefix("gitdir:") {
        let folder = root.join(folder.trim());
        let shared = folder.ancestors().find(|above| above.ends_with(".git"));
        found.push(shared.unwrap_or(&folder).to_owned());
    }
    found
}

/// Ends everything that a build started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self
            .0
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            // It may have ended between the question and the signal: then there is nothing to end.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Keeps a log where it outlives the build.
fn keep(logs: &Path, what: &str, hook: Hook, bytes: &[u8]) -> Option<PathBuf> {
    let name: String = what
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .take(100)
        .collect();
    let now = wharf_core::Timestamp::now().as_millisecond();
    let path = logs.join(format!("{name}-{}-{now}.log", hook.as_str()));
    crate::cache::write(&path, bytes).ok().map(|()| path)
}
