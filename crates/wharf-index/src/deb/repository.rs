//! What is asked for: suites of repositories, and who may sign them. Sources: sources.list(5), apt-secure(8), the
//! repository format of the Debian wiki.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wharf_core::WebUrl;
use wharf_deb::release::ValidUntil;

use super::error::DebError;

/// One suite of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is: `dists/SUITE` and the files of packages are below it. `http:`, `https:`, `file:` or `copy:`.
    pub uri: WebUrl,
    /// The suite; a path that ends in `/` for a repository without `dists` (a flat one).
    pub suite: String,
    /// The components that are wanted; none where the suite is a path.
    pub components: Vec<String>,
    /// The architectures that packages are wanted for, the machine's own first. `all` is always among them.
    pub architectures: Vec<String>,
    /// Who may sign it.
    pub trust: Trust,
    /// Whether `Valid-Until` counts.
    pub valid_until: ValidUntil,
    /// Which names its `Release` file may have.
    pub names: Names,
}

/// Which names a signed `Release` file may have: one key signs many suites. Those that were asked for are always right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Those that were asked for alone, as distributions keep it.
    Asked,
    /// Others too, as long as they stay what they were when the suite was first seen.
    FirstSeen,
}

/// Who may sign a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever has one of these keys.
    Signed(Keys),
    /// Nobody has to: `trusted=yes`.
    Anyone,
}

/// Keys that a repository may be signed by. They are read only where something has to be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// OpenPGP data, binary or armoured.
    pub blocks: Vec<KeyBlock>,
    /// Of the keys only those with these fingerprints; empty for all.
    pub fingerprints: Vec<String>,
}

/// One file or block of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBlock {
    /// Where it is from, for messages.
    pub place: String,
    /// The data.
    pub bytes: Vec<u8>,
}

impl Trust {
    /// What stands for it where it is remembered what something was verified with.
    pub(super) fn identity(&self) -> String {
        let Trust::Signed(keys) = self else {
            return "anyone".to_owned();
        };
        let mut hasher = Sha256::new();
        for block in &keys.blocks {
            hasher.update((block.bytes.len() as u64).to_le_bytes());
            hasher.update(&block.bytes);
        }
        for fingerprint in &keys.fingerprints {
            hasher.update(fingerprint.as_bytes());
            hasher.update(b"\n");
        }
        hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind a server.
    Web(WebUrl),
    /// On this machine.
    File(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Web(url) => url.without_credentials().fmt(f),
            Place::File(path) => path.display().fmt(f),
        }
    }
}

impl Repository {
    /// Whether it has no `dists`.
    pub fn is_flat(&self) -> bool {
        self.suite.ends_with('/')
    }

    /// What messages call it: `http://deb.example.org/debian bookworm`.
    pub fn words(&self) -> String {
        format!("{} {}", self.uri.without_credentials(), self.suite)
    }

    /// What it is in the cache. What nobody signed says nothing about what somebody signs, and what was taken by any name nothing
    /// about what must have a certain one.
    pub(super) fn key(&self) -> String {
        let trust = match (&self.trust, self.names) {
            (Trust::Anyone, _) => "anyone",
            (Trust::Signed(_), Names::FirstSeen) => "signed",
            (Trust::Signed(_), Names::Asked) => "signed by its name",
        };
        format!("{} {} {trust}", self.uri.without_credentials(), self.suite)
    }

    /// Where a file of the suite is.
    pub(super) fn suite_file(&self, path: &str) -> Result<Place, DebError> {
        let suite = self.suite.trim_start_matches("./").trim_matches('/');
        match (self.is_flat(), suite) {
            (true, "") => self.file(path),
            (true, folder) => self.file(&format!("{folder}/{path}")),
            (false, suite) => self.file(&format!("dists/{suite}/{path}")),
        }
    }

    /// Where a file of the repository is.
    pub(super) fn file(&self, path: &str) -> Result<Place, DebError> {
        below(&self.uri, path)
    }
}

/// Where the file at a path below a repository is.
pub(super) fn below(uri: &WebUrl, path: &str) -> Result<Place, DebError> {
    let refused = |reason: &str| DebError::Location {
        uri: Box::new(uri.without_credentials()),
        reason: reason.to_owned(),
    };
    let path = path.trim_start_matches("./");
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(refused("a path leads out of it"));
    }
    match uri.as_url().scheme() {
        "http" | "https" => {
            let mut url = uri.as_url().clone();
            url.set_query(None);
            url.set_fragment(None);
            let kept: Vec<&str> = path.split('/').collect();
            url.path_segments_mut()
                .map_err(|()| refused("it is no address that files are below"))?
                .pop_if_empty()
                .extend(kept);
            Ok(Place::Web(WebUrl::from(url)))
        }
        "file" | "copy" => {
            let folder = percent_encoding::percent_decode_str(uri.as_url().path()).decode_utf8_lossy();
            Ok(Place::File(Path::new(folder.as_ref()).join(path)))
        }
        other => Err(refused(&format!("Wharf does not know how to read `{other}:`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(uri: &str, suite: &str) -> Repository {
        Repository {
            uri: WebUrl::parse(uri).unwrap(),
            suite: suite.to_owned(),
            components: Vec::new(),
            architectures: Vec::new(),
            trust: Trust::Anyone,
            valid_until: ValidUntil::Checked,
            names: Names::FirstSeen,
        }
    }

    #[test]
    fn where_files_are() {
        let check = |uri, suite, expected: &str| {
            let place = repository(uri, suite).suite_file("InRelease").unwrap();
            assert_eq!(place.to_string(), expected);
        };
        let debian = "https://deb.example.org/debian/dists/bookworm/InRelease";
        check("https://deb.example.org/debian", "bookworm", debian);
        check("https://deb.example.org/debian/", "bookworm", debian);
        check(
            "https://a.example.org",
            "b/updates",
            "https://a.example.org/dists/b/updates/InRelease",
        );
        check(
            "https://a.example.org/x",
            "./",
            "https://a.example.org/x/InRelease",
        );
        check(
            "https://a.example.org/x",
            "/",
            "https://a.example.org/x/InRelease",
        );
        check(
            "https://a.example.org/x",
            "y/z/",
            "https://a.example.org/x/y/z/InRelease",
        );
        check("file:///srv/my%20debs", "./", "/srv/my debs/InRelease");
        check("copy:///srv/debs", "stable", "/srv/debs/dists/stable/InRelease");
    }

    #[test]
    fn names_of_files_are_written_as_addresses_want_them() {
        let file = |path| repository("https://a.example.org/x", "s").file(path);
        assert_eq!(
            file("pool/a b_1%3a2.deb").unwrap().to_string(),
            "https://a.example.org/x/pool/a%20b_1%253a2.deb"
        );
        for path in ["", "/etc/passwd", "pool/../../x", ".."] {
            assert!(matches!(file(path), Err(DebError::Location { .. })), "{path}");
        }
        let cdrom = repository("cdrom:/x", "s").file("a").unwrap_err();
        assert!(cdrom.to_string().contains("`cdrom:`"), "{cdrom}");
    }
}
