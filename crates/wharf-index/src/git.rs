//! Git repositories, through the `git` command: it knows the user's logins, proxies and rewritten URLs.
//!
//! A repository is fetched into a bare clone in the cache; what is locked is always a full commit. Invariants: nothing
//! that a manifest says can become an option of `git`; credentials stand in no command line and no message; git never
//! waits for somebody to type.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;
use wharf_core::WebUrl;

use crate::build::session::Kind;
use crate::cache::Cache;
use crate::error::IndexError;
use crate::index::PypiIndex;
use crate::once::OnceMap;
use crate::source_tree::{SourceTree, below};

/// The kinds of URL that are given to git. `ext::` and its like run commands.
const PROTOCOLS: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// The repositories that one command works with: their bare clones in the cache, and what was learned of them.
pub(crate) struct Repositories {
    cache: Cache,
    offline: bool,
    commits: OnceMap<String, Result<String, IndexError>>,
}

/// A working tree.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The folder that was asked for.
    pub(crate) root: PathBuf,
    /// The repository's URL without a password.
    pub(crate) shown: String,
    /// Keeps the tree in place.
    pub(crate) scratch: TempDir,
}

impl PypiIndex {
    /// The full commit that a branch, tag or revision is now; with none, that of the default branch.
    pub(crate) async fn commit(&self, url: &WebUrl, reference: Option<&str>) -> Result<String, IndexError> {
        self.shared.repositories.commit(url, reference).await
    }

    /// A working tree of a commit.
    pub(crate) async fn checkout(
        &self,
        url: &WebUrl,
        commit: &str,
        subdirectory: Option<&str>,
    ) -> Result<SourceTree, IndexError> {
        let found = self
            .shared
            .repositories
            .checkout(url, commit, subdirectory)
            .await?;
        let key = format!(
            "git {} {commit} {}",
            found.shown,
            subdirectory.unwrap_or_default()
        );
        Ok(SourceTree {
            root: found.root,
            key,
            kind: Kind::Wheel,
            _scratch: Some(found.scratch),
        })
    }
}

impl Repositories {
    pub(crate) fn new(cache: Cache, offline: bool) -> Self {
        Self {
            cache,
            offline,
            commits: OnceMap::default(),
        }
    }

    /// The full commit that a branch, tag or revision is now; with none, that of the default branch.
    pub(crate) async fn commit(&self, url: &WebUrl, reference: Option<&str>) -> Result<String, IndexError> {
        let key = format!("{url} {}", reference.unwrap_or_default());
        self.commits
            .get_or(&key, || self.find_commit(url, reference))
            .await
    }

    async fn find_commit(&self, url: &WebUrl, reference: Option<&str>) -> Result<String, IndexError> {
        let repository = Repository::new(&self.cache, url)?;
        if let Some(reference) = reference {
            let odd = reference.starts_with('-')
                || reference
                    .chars()
                    .any(|c| c.is_control() || " ~^:?*[\\".contains(c));
            if odd || reference.is_empty() {
                return Err(repository.failed(format!("`{reference}` names no branch, tag or commit")));
            }
            if is_commit(reference) && repository.has(reference).await {
                return Ok(reference.to_owned());
            }
        }
        let _lock = repository.lock().await?;
        if self.offline {
            let known = repository.parse(reference).await;
            return known.ok_or_else(|| {
                repository.failed("it is not in the cache, and the network is off".to_owned())
            });
        }
        repository.fetch(reference).await?;
        let found = repository.parse(reference).await;
        found.ok_or_else(|| repository.failed(format!("it has no {}", words(reference))))
    }

    /// The names of all tags.
    pub(crate) async fn tags(&self, url: &WebUrl) -> Result<Vec<String>, IndexError> {
        // Fetches, unless that happened already.
        self.commit(url, None).await?;
        let repository = Repository::new(&self.cache, url)?;
        let listed = repository
            .in_database(&["for-each-ref", "--format=%(refname:strip=2)", "refs/tags"])
            .await?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// The bytes of a file as a commit has it; `None` where it has none of that name.
    pub(crate) async fn file(
        &self,
        url: &WebUrl,
        commit: &str,
        path: &str,
    ) -> Result<Option<String>, IndexError> {
        let commit = self.commit(url, Some(commit)).await?;
        let repository = Repository::new(&self.cache, url)?;
        let object = format!("{commit}:{path}");
        let kind = repository.in_database(&["cat-file", "-t", &object]).await;
        if kind.is_ok_and(|kind| kind.trim() == "blob") {
            return repository
                .in_database(&["cat-file", "blob", &object])
                .await
                .map(Some);
        }
        Ok(None)
    }

    /// A working tree of a commit.
    pub(crate) async fn checkout(
        &self,
        url: &WebUrl,
        commit: &str,
        subdirectory: Option<&str>,
    ) -> Result<Checkout, IndexError> {
        if !is_commit(commit) {
            let repository = Repository::new(&self.cache, url)?;
            return Err(repository.failed(format!("`{commit}` is no full commit id")));
        }
        let found = self.commit(url, Some(commit)).await?;
        let repository = Repository::new(&self.cache, url)?;
        let scratch = self.cache.scratch("git")?;
        let tree = scratch.path().join("tree");
        let _lock = repository.lock().await?;
        let (database, into) = (repository.path.as_os_str(), tree.as_os_str());
        let clone = ["clone", "--quiet", "--shared", "--no-checkout", "--"].map(std::ffi::OsStr::new);
        repository
            .git(None, clone.into_iter().chain([database, into]))
            .await?;
        let at = Some(tree.as_path());
        let own = |arguments: &[&str]| {
            arguments
                .iter()
                .map(|text| std::ffi::OsString::from(*text))
                .collect::<Vec<_>>()
        };
        // Relative submodules are relative to where the repository came from.
        repository
            .git(at, own(&["remote", "set-url", "origin", &repository.shown]))
            .await?;
        repository
            .git(at, own(&["checkout", "--quiet", "--detach", &found]))
            .await?;
        if tree.join(".gitmodules").is_file() {
            repository
                .git(
                    at,
                    own(&["submodule", "--quiet", "update", "--init", "--recursive"]),
                )
                .await?;
        }
        let root = below(&tree, subdirectory, &repository.shown)?;
        Ok(Checkout {
            root,
            shown: repository.shown,
            scratch,
        })
    }
}

/// A reference as people know it.
fn words(reference: Option<&str>) -> String {
    let Some(reference) = reference else {
        return "`the default branch`".to_owned();
    };
    match (
        reference.strip_prefix("refs/heads/"),
        reference.strip_prefix("refs/tags/"),
    ) {
        (Some(branch), _) => format!("branch `{branch}`"),
        (None, Some(tag)) => format!("tag `{tag}`"),
        (None, None) => format!("`{reference}`"),
    }
}

/// Whether a text is a commit in full.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The bare clone of one repository.
struct Repository {
    path: PathBuf,
    /// The URL as git is given it, without a password.
    shown: String,
    /// The URL with its password, where it has one.
    secret: Option<String>,
    /// The URL for messages.
    what: String,
}

impl Repository {
    fn new(cache: &Cache, url: &WebUrl) -> Result<Self, IndexError> {
        let scheme = url.as_url().scheme();
        if !PROTOCOLS.contains(&scheme) {
            return Err(IndexError::Location {
                location: url.to_string(),
                reason: format!("git repositories are not fetched by `{scheme}`"),
            });
        }
        let mut shown = url.without_credentials().as_url().clone();
        if scheme == "ssh" {
            // The user name of ssh is an address, not a secret. Lockfiles hold none, and `git` is what forges use.
            let user = url.as_url().username();
            // Fails only for URLs that cannot have a host.
            let _ = shown.set_username(if user.is_empty() { "git" } else { user });
        }
        Ok(Self {
            path: cache.git(url),
            secret: (scheme != "ssh" && url.has_credentials()).then(|| url.expose().to_owned()),
            shown: shown.into(),
            what: url.to_string(),
        })
    }

    /// One command at a time works on a bare clone.
    async fn lock(&self) -> Result<std::fs::File, IndexError> {
        let path = self.path.with_extension("lock");
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let locked = wharf_sys::run_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let file = std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            file.lock()?;
            Ok(file)
        });
        locked.await.map_err(IndexError::disk("lock", &self.path))
    }

    async fn has(&self, commit: &str) -> bool {
        self.path.is_dir()
            && self
                .in_database(&["cat-file", "-e", &format!("{commit}^{{commit}}")])
                .await
                .is_ok()
    }

    async fn in_database(&self, arguments: &[&str]) -> Result<String, IndexError> {
        self.git(Some(&self.path), arguments.iter().map(std::ffi::OsString::from))
            .await
    }

    async fn fetch(&self, reference: Option<&str>) -> Result<(), IndexError> {
        if !self.path.join("HEAD").is_file() {
            std::fs::create_dir_all(&self.path).map_err(IndexError::disk("create", &self.path))?;
            self.in_database(&["init", "--quiet", "--bare", "--template="])
                .await?;
        }
        let common = [
            "fetch",
            "--quiet",
            "--force",
            "--no-write-fetch-head",
            "--tags",
            "--end-of-options",
            &self.shown,
        ];
        let all = [
            "+refs/heads/*:refs/remotes/origin/*",
            "+HEAD:refs/remotes/origin/HEAD",
        ];
        self.in_database(&[&common[..], &all[..]].concat()).await?;
        let Some(reference) = reference else { return Ok(()) };
        if self.parse(Some(reference)).await.is_none() {
            // A commit that no branch holds, or a reference outside of branches and tags.
            let spec = format!("+{reference}:refs/wharf/{reference}");
            let one = [&common[..], &[spec.as_str()]].concat();
            // Whether it is there is seen when it is looked up.
            let _ = self.in_database(&one).await;
        }
        Ok(())
    }

    /// The commit that a reference means in the bare clone. Tags come before branches, as git itself has it.
    async fn parse(&self, reference: Option<&str>) -> Option<String> {
        let reference = reference.unwrap_or("HEAD");
        let mut candidates = match (
            reference.strip_prefix("refs/heads/"),
            reference.starts_with("refs/tags/"),
        ) {
            (Some(branch), _) => vec![format!("refs/remotes/origin/{branch}")],
            (None, true) => vec![reference.to_owned()],
            (None, false) => vec![
                format!("refs/tags/{reference}"),
                format!("refs/remotes/origin/{reference}"),
                format!("refs/wharf/{reference}"),
            ],
        };
        if reference.len() >= 7 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            candidates.push(reference.to_owned());
        }
        for candidate in candidates {
            let revision = format!("{candidate}^{{commit}}");
            let found = self
                .in_database(&["rev-parse", "--verify", "--quiet", "--end-of-options", &revision])
                .await;
            if let Some(commit) = found
                .ok()
                .as_deref()
                .and_then(|text| text.lines().last())
                .filter(|text| is_commit(text))
            {
                return Some(commit.to_owned());
            }
        }
        None
    }

    async fn git<S: AsRef<std::ffi::OsStr>>(
        &self,
        at: Option<&Path>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, IndexError> {
        let mut command = Command::new("git");
        if let Some(at) = at {
            command.arg("-C").arg(at);
        }
        command
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "advice.detachedHead=false",
            ])
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", PROTOCOLS.join(":"))
            .env("LC_ALL", "C")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        if let Some(secret) = &self.secret {
            // By the environment, which other users cannot read, as a rewriting rule.
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", format!("url.{secret}.insteadOf"))
                .env("GIT_CONFIG_VALUE_0", &self.shown);
        }
        let output = command.output().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => IndexError::Git {
                what: self.what.clone(),
                reason: "the `git` command was not found".to_owned(),
                hints: vec![
                    "install git (Debian, Ubuntu: `apt install git`; Fedora: `dnf install git`)".to_owned(),
                ],
            },
            _ => self.failed(format!("`git` could not be started: {error}")),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// An error from what git printed.
    fn failed(&self, said: String) -> IndexError {
        let said = match &self.secret {
            Some(secret) => said.replace(secret.as_str(), &self.shown),
            None => said,
        };
        let lines: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let telling = lines.iter().find_map(|line| line.strip_prefix("fatal: "));
        let reason = telling
            .or(lines.last().copied())
            .unwrap_or("git failed without a word")
            .to_owned();
        IndexError::Git {
            what: self.what.clone(),
            hints: vec![hint(&said)],
            reason,
        }
    }
}

fn hint(said: &str) -> String {
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if any(&[
        "Could not resolve host",
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "Failed to connect",
        "unreachable",
    ]) {
        "check the network and the proxy; where the host cannot be reached from here, use an archive or a local clone instead (`name = { path = \"…\" }`)".to_owned()
    } else if any(&[
        "Authentication failed",
        "could not read Username",
        "Permission denied",
        "terminal prompts disabled",
    ]) {
        "check that `git ls-remote` works with this URL: git's own credential helpers and ssh keys are used"
            .to_owned()
    } else if any(&["certificate", "SSL"]) {
        "point GIT_SSL_CAINFO at the CA bundle of your organisation".to_owned()
    } else if any(&[
        "does not exist",
        "not found",
        "does not appear to be a git repository",
    ]) {
        "check the repository's URL".to_owned()
    } else if any(&[
        "it has no `",
        "it has no branch `",
        "it has no tag `",
        "names no branch",
    ]) {
        "check the branch, tag or commit after the `@` or `#`".to_owned()
    } else {
        "run `git ls-remote` with this URL to see whether git reaches it".to_owned()
    }
}
