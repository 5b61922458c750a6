//! Project pages of an index: the files of one project.
//! Sources: PEP 503 (HTML), 691 (JSON), 592 (yanked), 629 (version), 658 and 714 (metadata), 700 (sizes, times),
//! 792 (status).
//!
//! Invariant: what is wrong with one file is said of that file in [`Page::skipped`] and costs nothing else. Only a document
//! that is no page at all is an error.

mod anchor;
mod entity;
mod file;
mod html;
mod json;

use wharf_core::{Digest, Explain, Fault, InvalidUrl, PackageName, Timestamp, WebUrl};

use super::filename::DistName;
use pep440_rs::VersionSpecifiers;

pub use html::parse_html;
pub use json::parse_json;

/// What to send as `Accept`, best first.
pub const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
    application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/// One project's files on one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The project.
    pub name: PackageName,
    /// Its files, in the order of the page.
    pub files: Vec<File>,
    /// What stands on the page and cannot be used.
    pub skipped: Vec<Skipped>,
    /// What the index says of the project as a whole.
    pub status: Option<ProjectStatus>,
}

/// A file that an index offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub filename: String,
    /// Where it lies, without a fragment.
    pub url: WebUrl,
    /// Its digests, strongest first; empty where the index gives none that Wharf knows.
    pub digests: Vec<Digest>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The Pythons that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Whether it was withdrawn, and why; the reason may be empty.
    pub yanked: Option<String>,
    /// When it was uploaded.
    pub upload_time: Option<Timestamp>,
    /// Whether its metadata lies beside it, at its URL with `.metadata` appended.
    pub metadata: MetadataFile,
    /// What its name says.
    pub dist: DistName,
}

/// What an index says of a file's separate metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataFile {
    /// Nothing: it may be there or not.
    #[default]
    Unknown,
    /// It is not there.
    Absent,
    /// It is there, with this digest if one is given.
    Present(Option<Digest>),
}

/// Something on a page that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file's name, or the link where it has none.
    pub filename: String,
    /// Why, as a predicate: "is no wheel and no source archive".
    pub reason: String,
}

/// What an index says of a project as a whole (PEP 792).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectStatus {
    /// `active`, `archived`, `deprecated`, `quarantined`, or a word of later standards.
    pub status: String,
    /// Why, for people.
    pub reason: Option<String>,
}

/// A document that is not a project page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not JSON, or JSON of another shape.
    #[error("the index's answer for `{name}` is no JSON project page: {reason}")]
    Json {
        /// The project asked for.
        name: PackageName,
        /// What is wrong, and where.
        reason: String,
    },
    /// No HTML.
    #[error("the index's answer for `{name}` is no HTML: {reason}")]
    Html {
        /// The project asked for.
        name: PackageName,
        /// What is wrong.
        reason: &'static str,
    },
    /// A later major version of the format, which this Wharf cannot read.
    #[error(
        "the index answers for `{name}` in version {version} of the format, which this Wharf cannot read"
    )]
    Version {
        /// The project asked for.
        name: PackageName,
        /// The version that the page claims.
        version: String,
    },
    /// The page's `<base href>` is no URL.
    #[error("the index's answer for `{name}` has an unusable base URL")]
    Base {
        /// The project asked for.
        name: PackageName,
        /// Why.
        #[source]
        source: InvalidUrl,
    },
}

impl Explain for PageError {
    fn code(&self) -> &'static str {
        match self {
            PageError::Json { .. } | PageError::Html { .. } | PageError::Base { .. } => "pypi/page",
            PageError::Version { .. } => "pypi/page-version",
        }
    }

    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        match self {
            PageError::Version { .. } => vec!["update Wharf".to_owned()],
            PageError::Json { .. } | PageError::Html { .. } | PageError::Base { .. } => {
                vec!["check that the index's URL is right (it usually ends in `/simple/`), and that no login page or proxy answers in its place".to_owned()]
            }
        }
    }
}

/// Reads a page of either format. The content type decides where it is one of the known ones, the content itself where
/// it is missing or says something else (`application/octet-stream`, `text/plain`).
///
/// # Errors
/// Where the document is no project page.
pub fn parse(
    content_type: Option<&str>,
    bytes: &[u8],
    base: &WebUrl,
    name: &PackageName,
) -> Result<Page, PageError> {
    let media_type = content_type
        .and_then(|text| text.split(';').next())
        .unwrap_or_default()
        .trim();
    let is_json = match media_type.to_ascii_lowercase().as_str() {
        "application/vnd.pypi.simple.v1+json"
        | "application/vnd.pypi.simple.latest+json"
        | "application/json" => true,
        "application/vnd.pypi.simple.v1+html" | "application/vnd.pypi.simple.latest+html" | "text/html" => {
            false
        }
        _ => bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
    };
    if is_json {
        parse_json(bytes, base, name)
    } else {
        parse_html(bytes, base, name)
    }
}

/// Refuses a page of a later major version; minor versions only add.
fn check_version(version: &str, name: &PackageName) -> Result<(), PageError> {
    let major = version.trim().split('.').next().unwrap_or_default();
    if major == "1" || major.is_empty() {
        Ok(())
    } else {
        Err(PageError::Version {
            name: name.clone(),
            version: super::text::excerpt(version),
        })
    }
}

#[cfg(test)]
mod tests;
