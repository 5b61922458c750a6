//! One requirement of a project: what it asks for, in which group, from where, and where that is written.
//! Sources: PEP 508 (dependency specifiers), PEP 440 (direct references), pip's VCS URL forms.
//! Invariant: parsing reads neither the process's environment nor its working directory.

use std::fmt;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use pep508_rs::{MarkerTree, Requirement, VerbatimUrl, VersionOrUrl};
use serde::{Serialize, Serializer};
use url::Url;
use wharf_core::{Digest, Origin, PackageName, WebUrl};
use wharf_ecosystem::pypi::RequirementError;

use crate::text::hide_credentials;

/// Which part of a project a requirement belongs to. Prints as `main`, `dev`, `group:docs`, `extra:postgres`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What the project needs to run.
    Main,
    /// What its developers need; installed unless asked otherwise.
    Dev,
    /// A dependency group (PEP 735) or a requirements file of another name; installed when asked.
    Named(String),
    /// An optional dependency of the project; installed when asked.
    Extra(String),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Main => f.write_str("main"),
            Group::Dev => f.write_str("dev"),
            Group::Named(name) => write!(f, "group:{name}"),
            Group::Extra(name) => write!(f, "extra:{name}"),
        }
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.split_once(':')) {
            ("main", _) => Ok(Group::Main),
            ("dev", _) => Ok(Group::Dev),
            (_, Some(("group", name))) if !name.is_empty() => Ok(Group::Named(name.to_owned())),
            (_, Some(("extra", name))) if !name.is_empty() => Ok(Group::Extra(name.to_owned())),
            _ => Err(format!(
                "`{text}` is none of `main`, `dev`, `group:NAME` and `extra:NAME`"
            )),
        }
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// A wheel or a source archive.
    Archive,
    /// A source tree.
    Directory,
}

/// Where a requirement's package comes from, if not from any index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum RequirementSource {
    /// Only from the index of this name.
    Index {
        /// Its name in the manifest.
        name: String,
    },
    /// An archive at a URL.
    Url {
        /// The archive, without the fragment.
        url: WebUrl,
        /// The folder in it that holds the project.
        subdirectory: Option<String>,
    },
    /// A git repository.
    Git {
        /// The repository, without `git+`.
        url: WebUrl,
        /// A branch, tag or commit.
        reference: Option<String>,
        /// The folder in it that holds the project.
        subdirectory: Option<String>,
    },
    /// A local archive or source tree.
    Path {
        /// Relative to the project's root with `/` separators, absolute where it was written so and lies elsewhere.
        path: String,
        /// Which of the two.
        kind: PathKind,
    },
}

impl fmt::Display for RequirementSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fragment = |subdirectory: &Option<String>| match subdirectory {
            Some(folder) => format!("#subdirectory={folder}"),
            None => String::new(),
        };
        match self {
            RequirementSource::Index { name } => write!(f, "index:{name}"),
            RequirementSource::Url { url, subdirectory } => write!(f, "{url}{}", fragment(subdirectory)),
            RequirementSource::Git {
                url,
                reference,
                subdirectory,
            } => {
                let at = reference
                    .as_ref()
                    .map(|name| format!("@{name}"))
                    .unwrap_or_default();
                write!(f, "git+{url}{at}{}", fragment(subdirectory))
            }
            RequirementSource::Path { path, .. } => write!(f, "path:{path}"),
        }
    }
}

/// A requirement that the project itself states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRequirement {
    /// Name, extras, versions or direct reference, marker.
    pub requirement: Requirement<VerbatimUrl>,
    /// Where the package comes from, if not from any index. Set for every direct reference.
    pub source: Option<RequirementSource>,
    /// Whether a source tree is to be imported in place.
    pub editable: bool,
    /// Which part of the project needs it.
    pub group: Group,
    /// Where it is written.
    pub origin: Origin,
    /// Digests of which one must match the file that is installed; empty means that any file will do.
    pub hashes: Vec<Digest>,
}

impl RootRequirement {
    /// The package's name.
    ///
    /// # Panics
    /// Never: PEP 508 names are what PyPI allows.
    pub fn name(&self) -> PackageName {
        PackageName::pypi(self.requirement.name.as_ref()).expect("a PEP 508 name is a PyPI name")
    }

    /// The requested extras in normal form.
    pub fn extras(&self) -> impl Iterator<Item = &str> {
        self.requirement.extras.iter().map(AsRef::as_ref)
    }

    /// The version specifiers as text, empty for any version or a direct reference.
    pub fn specifiers(&self) -> String {
        match &self.requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
            Some(VersionOrUrl::Url(_)) | None => String::new(),
        }
    }

    /// The marker as text, `None` where it always holds.
    pub fn marker(&self) -> Option<String> {
        self.requirement.marker.try_to_string()
    }
}

impl fmt::Display for RootRequirement {
    /// The requirement as people write it, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.requirement.name)?;
        let extras: Vec<&str> = self.extras().collect();
        if !extras.is_empty() {
            write!(f, "[{}]", extras.join(","))?;
        }
        match &self.source {
            Some(RequirementSource::Index { .. }) | None => f.write_str(&self.specifiers())?,
            Some(RequirementSource::Path { path, .. }) => write!(f, " @ {path}")?,
            Some(source) => write!(f, " @ {source}")?,
        }
        match self.marker() {
            Some(marker) => write!(f, " ; {marker}"),
            None => Ok(()),
        }
    }
}

/// Where relative paths of a requirement start, and the root that they are shown against. Both are absolute.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The folder of the file in which the requirement stands.
    pub folder: &'a Path,
}

/// A requirement without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Name, extras, versions or direct reference, marker.
    pub requirement: Requirement<VerbatimUrl>,
    /// Where a direct reference points.
    pub source: Option<RequirementSource>,
    /// Digests that a direct reference carries in its fragment.
    pub hashes: Vec<Digest>,
}

impl Parsed {
    /// The same as a root of the project.
    pub fn into_root(self, group: Group, origin: Origin) -> RootRequirement {
        RootRequirement {
            requirement: self.requirement,
            source: self.source,
            editable: false,
            group,
            origin,
            hashes: self.hashes,
        }
    }
}

/// Why a text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Problem {
    /// What is wrong.
    pub reason: String,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// Next steps.
    pub hints: Vec<String>,
}

impl Problem {
    pub(crate) fn new(reason: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            reason: reason.into(),
            span,
            hints: Vec::new(),
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Reads one PEP 508 requirement. Relative paths in direct references are allowed (`name @ ./path`).
///
/// # Errors
/// Where the text is malformed, with the bytes at fault.
pub fn parse_requirement(text: &str, base: Base<'_>) -> Result<Parsed, Problem> {
    let Some((head, at)) = direct_reference(text) else {
        let requirement = parse_pep508(text)?;
        return Ok(Parsed {
            requirement,
            source: None,
            hashes: Vec::new(),
        });
    };
    let rest = &text[at + 1..];
    let start = at + 1 + (rest.len() - rest.trim_start().len());
    let target = text[start..]
        .split(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let after = start + target.len();
    if target.is_empty() {
        return Err(Problem::new("a URL or a path must follow the `@`", at..at + 1));
    }
    let tail = text[after..].trim_start();
    if target.contains(';') {
        return Err(
            Problem::new("a marker after a URL needs a space before its `;`", start..after)
                .hint("write ` ; ` with spaces around the semicolon"),
        );
    }
    if !tail.is_empty() && !tail.starts_with(';') {
        let from = text.len() - tail.len();
        return Err(Problem::new(
            "only a marker (`; …`) may follow a URL",
            from..text.len(),
        ));
    }
    let plain = format!("{head} {tail}");
    let mut requirement = parse_pep508(&plain).map_err(|mut problem| {
        if problem.span.start > head.len() {
            let shift = (text.len() - tail.len()) - (head.len() + 1);
            problem.span = problem.span.start + shift..problem.span.end + shift;
        }
        problem
    })?;
    let reference = parse_reference(target, base).map_err(|mut problem| {
        problem.span = start..after;
        problem
    })?;
    requirement.version_or_url = Some(VersionOrUrl::Url(reference.url.with_given(target)));
    Ok(Parsed {
        requirement,
        source: Some(reference.source),
        hashes: reference.hashes,
    })
}

/// Reads a PEP 508 marker such as `python_version < "3.11"`.
///
/// # Errors
/// Where it is malformed.
pub fn parse_marker(text: &str) -> Result<MarkerTree, Problem> {
    wharf_ecosystem::pypi::parse_marker(text).map_err(|error| pep508_problem(text, &error))
}

/// Splits `name[extras] @ rest` and gives the part before and the place of the `@`.
fn direct_reference(text: &str) -> Option<(&str, usize)> {
    let at = text.find('@')?;
    let head = &text[..at];
    let is_head = |c: char| c.is_ascii_alphanumeric() || "._-[], \t".contains(c);
    (head.chars().all(is_head) && !head.trim().is_empty()).then_some((head.trim_end(), at))
}

fn parse_pep508(text: &str) -> Result<Requirement<VerbatimUrl>, Problem> {
    let requirement =
        wharf_ecosystem::pypi::parse_requirement(text).map_err(|error| pep508_problem(text, &error))?;
    match requirement.version_or_url {
        Some(VersionOrUrl::Url(_)) => Err(Problem::new(
            "a direct reference is written `name @ URL`",
            0..text.len(),
        )),
        Some(VersionOrUrl::VersionSpecifier(_)) | None => Ok(requirement),
    }
}

/// The word at which reading stopped, and a better way to write what was probably meant.
fn pep508_problem(text: &str, error: &RequirementError) -> Problem {
    let span = match error.position.filter(|at| text.is_char_boundary(*at)) {
        Some(at) => {
            at..text[at..]
                .find(char::is_whitespace)
                .map_or(text.len(), |length| at + length.max(1))
        }
        None => 0..text.len(),
    };
    let problem = Problem::new(error.reason.trim_end_matches('.'), span);
    match text.trim().split_once(char::is_whitespace) {
        Some((name, version)) if version.trim_start().starts_with(|c: char| c.is_ascii_digit()) => {
            problem.hint(format!("write `{name}=={}`", version.trim()))
        }
        _ => problem,
    }
}

/// What a direct reference points to.
pub(crate) struct Reference {
    pub(crate) url: VerbatimUrl,
    pub(crate) source: RequirementSource,
    pub(crate) hashes: Vec<Digest>,
    /// `#egg=name`, as old files write it.
    pub(crate) egg: Option<String>,
}

/// Reads a URL, a VCS URL or a path.
pub(crate) fn parse_reference(text: &str, base: Base<'_>) -> Result<Reference, Problem> {
    let whole = 0..text.len();
    let fail = |reason: String| Problem::new(reason, whole.clone());
    let scheme = scheme_of(text);
    if let Some(vcs) = scheme
        .as_deref()
        .and_then(|scheme| scheme.split_once('+'))
        .map(|(vcs, _)| vcs)
    {
        if vcs != "git" {
            return Err(fail(format!("`{vcs}` repositories are not supported"))
                .hint("use a git repository, or the URL of an archive"));
        }
        return git_reference(text, base);
    }
    match scheme.as_deref() {
        Some("http" | "https" | "ftp") => {
            let url = WebUrl::parse(text).map_err(|error| fail(error.to_string()))?;
            let fragment = Fragment::read(url.as_url().fragment())?;
            let source = RequirementSource::Url {
                url: url.without_fragment(),
                subdirectory: fragment.subdirectory,
            };
            let verbatim = VerbatimUrl::from_url(url.as_url().clone());
            Ok(Reference {
                url: verbatim,
                source,
                hashes: fragment.hashes,
                egg: fragment.egg,
            })
        }
        Some("ssh" | "git") => Err(fail("this looks like a git repository".to_owned())
            .hint(format!("write `git+{}`", hide_credentials(text)))),
        Some("file") => path_reference(&file_url_path(text).map_err(fail)?, text, base),
        Some(other) if other.len() > 1 => Err(fail(format!("URLs of the kind `{other}:` are not supported"))
            .hint("use https, a git repository (`git+https://…`) or a path")),
        Some(_) | None => path_reference(text.split('#').next().unwrap_or(text), text, base),
    }
}

/// The scheme in lower case, where one stands before a colon.
fn scheme_of(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    valid.then(|| scheme.to_ascii_lowercase())
}

fn file_url_path(text: &str) -> Result<String, String> {
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or(rest);
    let path = match rest.strip_prefix("//") {
        Some(after) => after
            .strip_prefix("localhost")
            .filter(|path| path.starts_with('/'))
            .unwrap_or(after),
        None => rest,
    };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    decoded
        .map(|path| path.into_owned())
        .map_err(|_| format!("`{text}` does not name a UTF-8 path"))
}

fn path_reference(path: &str, text: &str, base: Base<'_>) -> Result<Reference, Problem> {
    let whole = 0..text.len();
    let fragment = Fragment::read(text.split_once('#').map(|(_, fragment)| fragment))?;
    let shown = project_path(path, base);
    let kind = if is_archive(path) {
        PathKind::Archive
    } else {
        PathKind::Directory
    };
    let absolute = normalize(&base.root.join(&shown));
    let url = Url::from_file_path(&absolute)
        .map_err(|()| Problem::new(format!("`{path}` is not a path that a URL can hold"), whole))?;
    let source = RequirementSource::Path { path: shown, kind };
    Ok(Reference {
        url: VerbatimUrl::from_url(url),
        source,
        hashes: fragment.hashes,
        egg: fragment.egg,
    })
}

fn git_reference(text: &str, base: Base<'_>) -> Result<Reference, Problem> {
    let whole = 0..text.len();
    let full = Url::parse(text).map_err(|error| {
        Problem::new(
            format!("`{}` is not a URL: {error}", hide_credentials(text)),
            whole.clone(),
        )
    })?;
    let fragment = Fragment::read(full.fragment())?;
    let bare = text["git+".len()..].split('#').next().unwrap_or_default();
    let path_start = bare.find("://").map_or(0, |at| at + 3);
    let path_start = bare[path_start..]
        .find('/')
        .map_or(bare.len(), |at| path_start + at);
    let (address, reference) = match bare[path_start..].rfind('@') {
        Some(at) => (
            &bare[..path_start + at],
            Some(bare[path_start + at + 1..].to_owned()),
        ),
        None => (bare, None),
    };
    if reference.as_deref() == Some("") {
        return Err(Problem::new(
            "a branch, tag or commit must follow the last `@`",
            whole,
        ));
    }
    let url = match address.strip_prefix("file://") {
        Some(path) if !path.starts_with('/') => {
            let absolute = normalize(&base.folder.join(path));
            Url::from_file_path(absolute).map(WebUrl::from).ok()
        }
        Some(_) | None => WebUrl::parse(address).ok(),
    }
    .ok_or_else(|| Problem::new(format!("`{}` is not a URL", hide_credentials(address)), whole))?;
    let source = RequirementSource::Git {
        url,
        reference,
        subdirectory: fragment.subdirectory,
    };
    Ok(Reference {
        url: VerbatimUrl::from_url(full),
        source,
        hashes: fragment.hashes,
        egg: fragment.egg,
    })
}

/// What may stand after the `#` of a direct reference.
#[derive(Default)]
struct Fragment {
    subdirectory: Option<String>,
    egg: Option<String>,
    hashes: Vec<Digest>,
}

impl Fragment {
    fn read(fragment: Option<&str>) -> Result<Self, Problem> {
        let mut read = Self::default();
        for part in fragment.unwrap_or_default().split('&') {
            let decoded = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
            match decoded.split_once('=') {
                Some(("subdirectory", folder)) => {
                    let folder = folder.trim_matches('/');
                    let safe = wharf_core::SafePath::new(folder)
                        .map_err(|error| Problem::new(error.to_string(), 0..0))?;
                    read.subdirectory = Some(safe.as_str().to_owned());
                }
                Some(("egg", name)) => {
                    read.egg = Some(name.split('[').next().unwrap_or_default().to_owned());
                }
                Some(_) => read.hashes.extend(Digest::parse(&decoded).ok()),
                None => {}
            }
        }
        Ok(read)
    }
}

/// Whether a path names an archive rather than a source tree.
pub(crate) fn is_archive(path: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        ".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar",
    ];
    let lower = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| lower.ends_with(ending)) || lower.ends_with(".tar.zst")
}

/// A path as the project shows it: relative to the root, with `/`; absolute where it was written so and lies elsewhere.
pub(crate) fn project_path(path: &str, base: Base<'_>) -> String {
    let absolute = normalize(&base.folder.join(path));
    let root = normalize(base.root);
    if let Ok(inside) = absolute.strip_prefix(&root) {
        let inside = slashes(inside);
        return if inside.is_empty() { ".".to_owned() } else { inside };
    }
    if Path::new(path).is_absolute() {
        return slashes(&absolute);
    }
    let shared = root
        .components()
        .zip(absolute.components())
        .take_while(|(a, b)| a == b)
        .count();
    let ups = root.components().count() - shared;
    let climb: PathBuf = std::iter::repeat_n("..", ups).collect();
    slashes(&climb.join(absolute.components().skip(shared).collect::<PathBuf>()))
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// Takes `.` and `..` out of a path without asking the file system.
pub fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(component),
        }
    }
    normal
}
