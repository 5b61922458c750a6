//! Relative paths from outside: archive entries, RECORD rows, layer files.
//! Invariant: joined to a folder, a [`SafePath`] names something below that folder on every platform. A [`SafePathRef`] is one
//! that somebody else holds.

use std::fmt;
use std::path::{Path, PathBuf};

/// A non-empty relative path with `/` between its parts, none of them empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(Box<str>);

/// A [`SafePath`] that lies in somebody else's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePathRef<'a>(&'a str);

/// A path that could leave its folder, or that some platform cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path {path:?} {reason}")]
pub struct UnsafePath {
    /// The path as it was given.
    pub path: String,
    /// What is wrong with it, as a predicate.
    pub reason: &'static str,
}

impl SafePath {
    /// Checks a path from outside. A leading `./`, doubled slashes and a trailing slash are dropped.
    ///
    /// # Errors
    /// Where the path is empty, absolute, has a drive letter, `..`, a backslash or a NUL, or is longer than 4,096 bytes.
    pub fn new(path: &str) -> Result<Self, UnsafePath> {
        if is_clean(path).map_err(|reason| refuse(path, reason))? {
            return Ok(Self(path.into()));
        }
        let mut text = String::with_capacity(path.len());
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(part);
        }
        if text.is_empty() {
            return Err(refuse(path, "is empty"));
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// The same path, borrowed.
    pub fn borrowed(&self) -> SafePathRef<'_> {
        SafePathRef(&self.0)
    }

    /// The text, `/` between parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path for the file system.
    pub fn as_path(&self) -> &Path {
        Path::new(&*self.0)
    }

    /// Where it lies below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        folder.join(self.as_path())
    }

    /// The folder part; `None` for a single name.
    pub fn parent(&self) -> Option<&str> {
        self.borrowed().parent()
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }
}

impl<'a> SafePathRef<'a> {
    /// Takes a path that is already in the form that [`SafePath::new`] gives.
    ///
    /// # Errors
    /// Where that would refuse the path, or change it.
    pub fn new(path: &'a str) -> Result<Self, UnsafePath> {
        match is_clean(path) {
            Ok(true) => Ok(Self(path)),
            Ok(false) => Err(refuse(path, "is not in its shortest form")),
            Err(reason) => Err(refuse(path, reason)),
        }
    }

    /// The text, `/` between parts.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The folder part; `None` for a single name.
    pub fn parent(self) -> Option<&'a str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// The same path, held.
    pub fn to_safe_path(self) -> SafePath {
        SafePath(self.0.into())
    }
}

fn refuse(path: &str, reason: &'static str) -> UnsafePath {
    UnsafePath {
        path: path.chars().take(200).collect(),
        reason,
    }
}

/// Whether a path is in its shortest form; why it is unsafe, as a predicate. Archives have tens of thousands of these, nearly all of
/// them clean.
fn is_clean(path: &str) -> Result<bool, &'static str> {
    if path.len() > 4096 {
        return Err("is longer than 4,096 bytes");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    if path.as_bytes().contains(&0) {
        return Err("has a NUL character");
    }
    if path.as_bytes().contains(&b'\\') {
        return Err("has a backslash");
    }
    if path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic() {
        return Err("has a drive letter");
    }
    let mut is_clean = true;
    for part in path.as_bytes().split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => is_clean = false,
            b".." => return Err("climbs out with `..`"),
            _ if part.len() > 255 => return Err("has a part longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(is_clean)
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_inside() {
        for (path, expected) in [
            ("a", "a"),
            ("a/b.py", "a/b.py"),
            ("./a//b/", "a/b"),
            ("a/./.", "a"),
            ("a/.b/...", "a/.b/..."),
            ("..a/b..", "..a/b.."),
            ("ü/…", "ü/…"),
        ] {
            let safe = SafePath::new(path).unwrap();
            assert_eq!(safe.as_str(), expected);
            assert_eq!(SafePathRef::new(path).is_ok(), path == expected, "{path:?}");
            assert_eq!(SafePathRef::new(expected).unwrap().to_safe_path(), safe);
        }
    }

    #[test]
    fn paths_that_do_not() {
        let long = "x".repeat(300);
        for path in [
            "",
            ".",
            "/",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a/..",
            "a//..",
            "./..",
            "C:/x",
            "c:x",
            "a\\b",
            "a\0b",
            &long,
            &format!("a//{long}"),
        ] {
            assert!(SafePath::new(path).is_err(), "{path:?}");
            assert!(SafePathRef::new(path).is_err(), "{path:?}");
        }
    }
}
