//! Where a requirement was written, so that a message can point there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A place in a file, or a description such as `the command line`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file, relative to the project where it lies in it.
    pub file: Option<Arc<Path>>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column in characters, counted from 1.
    pub column: Option<u32>,
    /// Words for it where there is no file, or which part of the file it is (`[dev.pypi]`).
    pub label: Arc<str>,
}

impl Origin {
    /// A place that is no file: `the command line`, `the lockfile`.
    pub fn label(label: &str) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            label: label.into(),
        }
    }

    /// A place in a file.
    pub fn file(file: &Path, line: u32, column: u32) -> Self {
        Self {
            file: Some(file.into()),
            line: Some(line),
            column: Some(column),
            label: "".into(),
        }
    }

    /// The same place with words for which part of the file it is.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.label = label.into();
        self
    }
}

impl fmt::Display for Origin {
    /// `wharf.toml:12`, or the label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(file) = &self.file else {
            return f.write_str(&self.label);
        };
        write!(f, "{}", file.display())?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_file_and_line_or_the_label() {
        assert_eq!(
            Origin::file(Path::new("wharf.toml"), 12, 3).to_string(),
            "wharf.toml:12"
        );
        assert_eq!(Origin::label("the command line").to_string(), "the command line");
    }
}
