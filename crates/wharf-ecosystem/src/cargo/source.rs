//! Where a crate comes from, as lockfiles name it: `registry+https://…`, `sparse+https://…/`, `git+https://…?branch=b#commit`.
//! Invariant: two sources are equal exactly when cargo holds them for the same, so that a repository with and without `.git` is one.
//! Source: the cargo book, "Cargo.lock" and "Specifying dependencies"; the order is that of cargo's lockfiles.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use url::Url;

/// The name that lockfiles have for crates.io, whichever way its index is read. Nothing is fetched from it.
pub const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// Where a crate comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceId {
    /// A folder, by its path. Lockfiles do not name it.
    Path(Arc<str>),
    /// A registry with a git index, and crates.io, by the index's URL.
    Registry(Arc<str>),
    /// A registry with an index over HTTP, by its URL without `sparse+`.
    Sparse(Arc<str>),
    /// A git repository.
    Git(Arc<GitSource>),
}

/// A git repository, what of it was asked for and, in a lock, the commit.
#[derive(Clone, Debug)]
pub struct GitSource {
    /// The repository.
    pub url: Url,
    /// What was asked for.
    pub reference: GitReference,
    /// The full commit, once known. Two sources that differ in it alone are equal.
    pub commit: Option<Arc<str>>,
    canonical: Url,
}

/// What is asked for of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GitReference {
    /// A tag.
    Tag(String),
    /// A branch.
    Branch(String),
    /// A commit, or the full name of a reference.
    Rev(String),
    /// The branch that the repository shows first.
    DefaultBranch,
}

/// How the value of a git reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is: lockfiles up to version 3.
    Plain,
    /// As in a form, so that `#` and `&` are safe: from version 4.
    Percent,
}

/// A text that is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no source of crates: {reason}")]
pub struct InvalidSource {
    /// What was given.
    pub text: String,
    /// What was wrong.
    pub reason: String,
}

impl SourceId {
    /// crates.io. Cheap.
    pub fn crates_io() -> Self {
        static NAME: OnceLock<Arc<str>> = OnceLock::new();
        SourceId::Registry(Arc::clone(NAME.get_or_init(|| CRATES_IO.into())))
    }

    /// A registry by the URL of its index as configuration and index lines write it: `sparse+https://…/` or `https://…`.
    ///
    /// # Errors
    /// Where it is no URL.
    pub fn registry(url: &str) -> Result<Self, InvalidSource> {
        if url == CRATES_IO {
            return Ok(Self::crates_io());
        }
        match url.strip_prefix("sparse+") {
            Some(bare) => Ok(SourceId::Sparse(parse_url(bare)?.as_str().into())),
            None => Ok(SourceId::Registry(parse_url(url)?.as_str().into())),
        }
    }

    /// A repository, without a commit.
    ///
    /// # Errors
    /// Where it is no URL.
    pub fn git(url: &str, reference: GitReference) -> Result<Self, InvalidSource> {
        Ok(SourceId::Git(Arc::new(GitSource::new(
            parse_url(url)?,
            reference,
            None,
        )?)))
    }

    /// A folder.
    pub fn path(path: &str) -> Self {
        SourceId::Path(path.into())
    }

    /// Reads a source as lockfiles write it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidSource> {
        let invalid = |reason: &str| InvalidSource {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (kind, url) = text
            .split_once('+')
            .ok_or_else(|| invalid("it has no `registry+`, `sparse+` or `git+`"))?;
        match kind {
            "registry" => Self::registry(url),
            "sparse" => Self::registry(text),
            "git" => {
                let mut url = parse_url(url)?;
                let reference = GitReference::from_query(&url);
                let commit = url.fragment().map(Into::into);
                url.set_fragment(None);
                url.set_query(None);
                Ok(SourceId::Git(Arc::new(GitSource::new(url, reference, commit)?)))
            }
            "path" => Ok(Self::path(url)),
            _ => Err(invalid("it is neither a registry nor a repository")),
        }
    }

    /// As a lockfile writes it; a path has no such form, but one that can be read again.
    pub fn print(&self, encoding: Encoding) -> String {
        match self {
            SourceId::Path(path) => format!("path+{path}"),
            SourceId::Registry(url) => format!("registry+{url}"),
            SourceId::Sparse(url) => format!("sparse+{url}"),
            SourceId::Git(git) => {
                let mut text = format!("git+{}", git.url);
                git.reference.print(encoding, &mut text);
                if let Some(commit) = &git.commit {
                    text.push('#');
                    text.push_str(commit);
                }
                text
            }
        }
    }

    /// Whether both are one registry, folder or repository, whatever is asked of the repository: what `[patch]` goes by.
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (SourceId::Git(a), SourceId::Git(b)) => a.canonical == b.canonical,
            _ => self == other,
        }
    }

    /// Whether versions are found through an index.
    pub fn is_registry(&self) -> bool {
        match self {
            SourceId::Registry(_) | SourceId::Sparse(_) => true,
            SourceId::Path(_) | SourceId::Git(_) => false,
        }
    }

    /// Whether it is crates.io.
    pub fn is_crates_io(&self) -> bool {
        matches!(self, SourceId::Registry(url) if &**url == CRATES_IO)
    }

    /// Whether it is a folder.
    pub fn is_path(&self) -> bool {
        matches!(self, SourceId::Path(_))
    }

    /// The commit of a repository, where known.
    pub fn commit(&self) -> Option<&str> {
        match self {
            SourceId::Git(git) => git.commit.as_deref(),
            SourceId::Path(_) | SourceId::Registry(_) | SourceId::Sparse(_) => None,
        }
    }

    /// The keys that say what it is, in `[source.NAME]` of cargo's configuration; for a repository also in a dependency.
    pub fn keys(&self) -> Vec<(&'static str, String)> {
        let git = match self {
            SourceId::Registry(url) => return vec![("registry", url.to_string())],
            SourceId::Sparse(url) => return vec![("registry", format!("sparse+{url}"))],
            SourceId::Path(path) => return vec![("path", path.to_string())],
            SourceId::Git(git) => git,
        };
        let mut keys = vec![("git", git.url.to_string())];
        let stated = git.reference.stated();
        keys.extend(stated.map(|(key, value)| (key, value.to_owned())));
        keys
    }

    /// The same repository at this commit, or at none. Other sources stay as they are.
    #[must_use]
    pub fn at_commit(&self, commit: Option<&str>) -> Self {
        match self {
            SourceId::Git(git) => SourceId::Git(Arc::new(GitSource {
                commit: commit.map(Into::into),
                ..(**git).clone()
            })),
            other => other.clone(),
        }
    }
}

impl fmt::Display for SourceId {
    /// As lockfiles of version 4 write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(Encoding::Percent))
    }
}

impl GitSource {
    /// A repository.
    ///
    /// # Errors
    /// Where the URL has no path, as `git@host:path` written as a URL.
    pub fn new(url: Url, reference: GitReference, commit: Option<Arc<str>>) -> Result<Self, InvalidSource> {
        let canonical = canonical(&url).ok_or_else(|| InvalidSource {
            text: url.to_string(),
            reason: "write it as a URL with a path, such as `ssh://git@host/path`".to_owned(),
        })?;
        Ok(Self {
            url,
            reference,
            commit,
            canonical,
        })
    }
}

impl PartialEq for GitSource {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for GitSource {}

impl PartialOrd for GitSource {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GitSource {
    fn cmp(&self, other: &Self) -> Ordering {
        self.reference
            .cmp(&other.reference)
            .then_with(|| self.canonical.cmp(&other.canonical))
    }
}

impl Hash for GitSource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.reference.hash(state);
        self.canonical.as_str().hash(state);
    }
}

/// Makes a reference of a key's value.
type Make = fn(String) -> GitReference;

impl GitReference {
    /// The keys that ask for one in manifests, and what their values make.
    pub const KEYS: [(&'static str, Make); 3] =
        [("branch", Self::Branch), ("tag", Self::Tag), ("rev", Self::Rev)];

    /// The key that asks for it and its value; `None` for the branch that needs neither.
    pub fn stated(&self) -> Option<(&'static str, &str)> {
        match self {
            GitReference::Branch(name) => Some(("branch", name)),
            GitReference::Tag(name) => Some(("tag", name)),
            GitReference::Rev(name) => Some(("rev", name)),
            GitReference::DefaultBranch => None,
        }
    }

    fn from_query(url: &Url) -> Self {
        let mut reference = GitReference::DefaultBranch;
        for (key, value) in url.query_pairs() {
            match &*key {
                "branch" | "ref" => reference = GitReference::Branch(value.into_owned()),
                "rev" => reference = GitReference::Rev(value.into_owned()),
                "tag" => reference = GitReference::Tag(value.into_owned()),
                _ => {}
            }
        }
        reference
    }

    fn print(&self, encoding: Encoding, text: &mut String) {
        let Some((key, value)) = self.stated() else {
            return;
        };
        let written = match encoding {
            Encoding::Plain => write!(text, "?{key}={value}"),
            Encoding::Percent => {
                let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                write!(text, "?{key}={value}")
            }
        };
        written.expect("a string takes every text");
    }
}

fn parse_url(text: &str) -> Result<Url, InvalidSource> {
    Url::parse(text).map_err(|error| InvalidSource {
        text: text.to_owned(),
        reason: error.to_string(),
    })
}

/// What repositories are compared by: no slash and no `.git` at the end; on GitHub, letters in lower case and `https`.
fn canonical(url: &Url) -> Option<Url> {
    if url.cannot_be_a_base() {
        return None;
    }
    let mut url = url.clone();
    if url.path().ends_with('/') {
        url.path_segments_mut().ok()?.pop_if_empty();
    }
    if url.host_str() == Some("github.com") {
        let lower = format!("https{}", &url[url::Position::AfterScheme..]);
        url = Url::parse(&lower).ok()?;
        url.set_path(&url.path().to_lowercase());
    }
    let last = url
        .path_segments()?
        .next_back()?
        .strip_suffix(".git")
        .map(str::to_owned);
    if let Some(last) = last {
        url.path_segments_mut().ok()?.pop().push(&last);
    }
    Some(url)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
