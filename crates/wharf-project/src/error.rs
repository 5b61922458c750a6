//! What can be wrong with a project's files. Invariant: an error about the content of a file shows line and column.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use wharf_core::{Explain, Fault};

use crate::text::{Excerpt, SourceText};

/// Something in a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// A stable code such as `manifest/unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Excerpt,
    /// Next steps.
    pub hints: Vec<String>,
}

impl Invalid {
    /// Something wrong in `span` of `source`.
    pub(crate) fn new(
        source: &SourceText,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            place: source.excerpt(span),
            hints: Vec::new(),
        }
    }

    /// The same with one more next step.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.place)
    }
}

impl std::error::Error for Invalid {}

/// Why a project could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A file's content cannot be used.
    #[error(transparent)]
    Invalid(Box<Invalid>),
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that another one includes does not exist.
    #[error("`{}` includes `{}`, which does not exist", place.file.display(), path.display())]
    MissingInclude {
        /// The included file.
        path: PathBuf,
        /// Where it is included.
        place: Box<Excerpt>,
    },
    /// No manifest here or above.
    #[error("there is no wharf.toml, pyproject.toml, requirements.txt, package.json or Cargo.toml in `{}` or above it", start.display())]
    NoProject {
        /// Where the search began.
        start: PathBuf,
    },
    /// A configured value, not in a file, cannot be used.
    #[error("{name} is set to `{value}`: {reason}")]
    Setting {
        /// The variable or option.
        name: String,
        /// Its value, without credentials.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A requirement given as text, not in a file, cannot be used.
    #[error("`{text}` is not a requirement: {reason}")]
    Requirement {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
        /// Next steps.
        hints: Vec<String>,
    },
    /// An edit that the file's form does not allow.
    #[error("cannot change `{}`: {reason}", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// Next steps.
        hints: Vec<String>,
    },
}

impl From<Invalid> for ProjectError {
    fn from(invalid: Invalid) -> Self {
        ProjectError::Invalid(Box::new(invalid))
    }
}

impl ProjectError {
    /// Reads a file as text.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| ProjectError::Read { path, source }
    }

    /// The place in a file that the error is about.
    pub fn place(&self) -> Option<&Excerpt> {
        match self {
            ProjectError::Invalid(invalid) => Some(&invalid.place),
            ProjectError::MissingInclude { place, .. } => Some(place),
            ProjectError::Read { .. }
            | ProjectError::NoProject { .. }
            | ProjectError::Setting { .. }
            | ProjectError::Requirement { .. }
            | ProjectError::Edit { .. } => None,
        }
    }
}

impl Explain for ProjectError {
    fn code(&self) -> &'static str {
        match self {
            ProjectError::Invalid(invalid) => invalid.code,
            ProjectError::Read { .. } => "project/unreadable",
            ProjectError::MissingInclude { .. } => "requirements/missing-include",
            ProjectError::NoProject { .. } => "project/none",
            ProjectError::Setting { .. } => "config/invalid-setting",
            ProjectError::Requirement { .. } => "requirement/invalid",
            ProjectError::Edit { .. } => "manifest/edit",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ProjectError::Read { source, .. }
                if !matches!(
                    source.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::NotFound
                ) =>
            {
                Fault::World
            }
            _ => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ProjectError::Invalid(invalid) => invalid.hints.clone(),
            ProjectError::Read { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                vec!["save the file as UTF-8".to_owned()]
            }
            ProjectError::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
                vec![format!("check the spelling of `{}`", path.display())]
            }
            ProjectError::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec!["look at who may read that file and the folders above it (`ls -ld`)".to_owned()]
            }
            ProjectError::Read { .. } => Vec::new(),
            ProjectError::MissingInclude { place, .. } => {
                vec![format!(
                    "create the file, or remove line {} of `{}`",
                    place.line,
                    place.file.display()
                )]
            }
            ProjectError::NoProject { .. } => vec!["run `wharf init` to start a project here".to_owned()],
            ProjectError::Setting { name, .. } => vec![format!("change or unset {name}")],
            ProjectError::Requirement { hints, .. } | ProjectError::Edit { hints, .. } => hints.clone(),
        }
    }
}
