//! Paths below a system root. Unlike packages of programming languages, Debian's have names that are not UTF-8, with
//! backslashes (`system-systemd\x2dcryptsetup.slice`) and in several cases, so these are bytes.
//! Invariant: joined to a folder, a [`RootPath`] names something below that folder.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wharf_core::UnsafePath;

/// A non-empty relative path of bytes with `/` between its parts, none of them empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootPath(Box<[u8]>);

impl RootPath {
    /// Checks a path from outside. A leading `./`, doubled slashes and a trailing slash are dropped.
    ///
    /// # Errors
    /// Where the path is empty, absolute, has `..` or a NUL, or is too long for the kernel.
    pub fn new(path: &[u8]) -> Result<Self, UnsafePath> {
        let refuse = |reason| {
            Err(UnsafePath {
                path: String::from_utf8_lossy(path).chars().take(200).collect(),
                reason,
            })
        };
        if path.len() > 4095 {
            return refuse("is longer than 4,095 bytes");
        }
        if path.starts_with(b"/") {
            return refuse("is absolute");
        }
        if path.contains(&0) {
            return refuse("has a NUL character");
        }
        let mut clean = Vec::with_capacity(path.len());
        for part in path.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return refuse("climbs out with `..`"),
                part if part.len() > 255 => return refuse("has a part longer than 255 bytes"),
                part => {
                    if !clean.is_empty() {
                        clean.push(b'/');
                    }
                    clean.extend_from_slice(part);
                }
            }
        }
        if clean.is_empty() {
            return refuse("is empty");
        }
        Ok(Self(clean.into_boxed_slice()))
    }

    /// The bytes, `/` between parts.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For people.
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The path for the file system.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Where it lies below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        folder.join(self.as_path())
    }

    /// The folder part; `None` for a single name.
    pub fn parent(&self) -> Option<&[u8]> {
        split(&self.0).0
    }

    /// The last part.
    pub fn file_name(&self) -> &[u8] {
        split(&self.0).1
    }
}

/// A path's folder and its last part.
pub fn split(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (Some(&path[..at]), &path[at + 1..]),
        None => (None, path),
    }
}

impl fmt::Display for RootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for RootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_inside() {
        for (path, expected) in [
            (&b"./usr/bin/"[..], &b"usr/bin"[..]),
            (b"a//b/./c", b"a/b/c"),
            (b"..a/b..", b"..a/b.."),
            (b"a\\b", b"a\\b"),
            (b"caf\xe9", b"caf\xe9"),
            (b"C:/x", b"C:/x"),
        ] {
            assert_eq!(RootPath::new(path).unwrap().as_bytes(), expected);
        }
    }

    #[test]
    fn paths_that_do_not() {
        let (long, part) = ([b'a'; 5000], [b'a'; 256]);
        for (path, reason) in [
            (&b""[..], "is empty"),
            (b"./", "is empty"),
            (b"/etc", "is absolute"),
            (b"a/../b", "climbs out with `..`"),
            (b"..", "climbs out with `..`"),
            (b"a\0", "has a NUL character"),
            (&long, "is longer than 4,095 bytes"),
            (&part, "has a part longer than 255 bytes"),
        ] {
            assert_eq!(RootPath::new(path).unwrap_err().reason, reason);
        }
    }
}
