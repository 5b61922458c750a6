//! apt's lists of repositories, in both formats. Invariant: a malformed line or stanza costs itself, and is reported.
//! Source: sources.list(5).
//!
//! | module | job |
//! |---|---|
//! | `line` | `deb [arch=amd64] https://example.org/debian bookworm main` |
//! | `stanza` | the same as fields, in `.sources` files |

mod line;
mod stanza;

use std::fmt;

use wharf_core::{Explain, Fault};

/// A suite of a repository, with what is to be had of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Binary packages, or source packages.
    pub kind: Kind,
    /// The repository's root.
    pub uri: String,
    /// The suite, or the path of a repository without suites.
    pub suite: Suite,
    /// The components; empty for a repository without suites.
    pub components: Vec<String>,
    /// Which architectures.
    pub architectures: Selection,
    /// By which keys it has to be signed.
    pub signed_by: SignedBy,
    /// Whether it counts: `Enabled: no` switches it off.
    pub enabled: bool,
    /// Whether it is trusted without a signature, where something is said.
    pub trusted: Option<bool>,
    /// Whether `Valid-Until` counts, where something is said.
    pub check_valid_until: Option<bool>,
    /// Whether `Date` counts, where something is said.
    pub check_date: Option<bool>,
    /// How long after its date it counts at least, and at most, in seconds.
    pub valid_for: (Option<u64>, Option<u64>),
    /// Whether files are had under their digests, where something is said.
    pub by_hash: Option<ByHash>,
    /// What else is said, names in lower case.
    pub others: Vec<(String, String)>,
    /// The line on which it stands or its stanza begins, from 1.
    pub line: usize,
}

/// What is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `deb`: packages.
    Binary,
    /// `deb-src`: their sources.
    Source,
}

/// Where the `Release` file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// Under `dists/`, with components.
    Named(String),
    /// Under the root itself; ends with `/`.
    Path(String),
}

/// Which architectures: those of the machine with changes, or just these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Just these, where it is not empty.
    pub only: Vec<String>,
    /// These too.
    pub added: Vec<String>,
    /// Not these.
    pub removed: Vec<String>,
}

/// By which keys a repository has to be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignedBy {
    /// Any that the machine trusts.
    #[default]
    Any,
    /// Those in files, those of these fingerprints, or both.
    Named {
        /// Absolute paths.
        files: Vec<String>,
        /// Fingerprints, `!` behind those that mean one key exactly.
        fingerprints: Vec<String>,
    },
    /// Those that stand in the list itself, armored.
    Embedded(String),
}

/// Whether files are had under their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByHash {
    /// Never.
    No,
    /// Where the repository says that it has them.
    Yes,
    /// Always.
    Force,
}

/// A line or stanza that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidSource {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Explain for InvalidSource {
    fn code(&self) -> &'static str {
        "deb/sources"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["sources.list(5) has the syntax: `deb https://example.org/debian bookworm main`, or the fields of a `.sources` file".to_owned()]
    }
}

/// Reads one line of a `.list` file; `None` where it is empty or a comment.
///
/// # Errors
/// Where it is malformed.
pub fn parse_line(text: &str) -> Result<Option<Source>, InvalidSource> {
    line::parse(text, 1)
}

/// Reads a `.list` file.
pub fn parse_list(bytes: &[u8]) -> Vec<Result<Source, InvalidSource>> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(at, line)| line::parse(line, at + 1).transpose())
        .collect()
}

/// Reads a `.sources` file: a source for each type, URI and suite of each stanza.
pub fn parse_deb822(bytes: &[u8]) -> Vec<Result<Source, InvalidSource>> {
    stanza::parse(bytes)
}

impl Source {
    fn new(kind: Kind, uri: &str, suite: Suite, line: usize) -> Self {
        Self {
            kind,
            uri: uri.to_owned(),
            suite,
            components: Vec::new(),
            architectures: Selection::default(),
            signed_by: SignedBy::default(),
            enabled: true,
            trusted: None,
            check_valid_until: None,
            check_date: None,
            valid_for: (None, None),
            by_hash: None,
            others: Vec::new(),
            line,
        }
    }

    /// Takes an option, named as in `.list` files.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let list = || {
            value
                .split([',', ' ', '\t', '\n'])
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
        };
        match name.to_ascii_lowercase().as_str() {
            "arch" => self.architectures.only.extend(list()),
            "arch+" => self.architectures.added.extend(list()),
            "arch-" => self.architectures.removed.extend(list()),
            "signed-by" => self.signed_by = SignedBy::parse(value)?,
            "trusted" => self.trusted = Some(truth(name, value)?),
            "check-valid-until" => self.check_valid_until = Some(truth(name, value)?),
            "check-date" => self.check_date = Some(truth(name, value)?),
            "valid-until-min" => self.valid_for.0 = Some(number(name, value)?),
            "valid-until-max" => self.valid_for.1 = Some(number(name, value)?),
            "by-hash" if value.eq_ignore_ascii_case("force") => self.by_hash = Some(ByHash::Force),
            "by-hash" => {
                self.by_hash = Some(if truth(name, value)? {
                    ByHash::Yes
                } else {
                    ByHash::No
                });
            }
            other => self.others.push((other.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    /// The folder of its `Release` file on a machine of an architecture; ends with `/`.
    pub fn release_folder(&self, architecture: &str) -> String {
        let root = self.uri.trim_end_matches('/');
        let folder = match &self.suite {
            Suite::Named(name) => format!("{root}/dists/{}/", name.trim_matches('/')),
            Suite::Path(path) => match path.trim_start_matches("./").trim_matches('/') {
                "" => format!("{root}/"),
                path => format!("{root}/{path}/"),
            },
        };
        folder.replace("$(ARCH)", architecture)
    }
}

impl Selection {
    /// The architectures for a machine that has these of its own.
    pub fn of(&self, native: &[&str]) -> Vec<String> {
        let mut chosen: Vec<String> = if self.only.is_empty() {
            native.iter().map(|&name| name.to_owned()).collect()
        } else {
            self.only.clone()
        };
        for added in &self.added {
            if !chosen.contains(added) {
                chosen.push(added.clone());
            }
        }
        chosen.retain(|name| !self.removed.contains(name));
        chosen
    }
}

impl SignedBy {
    fn parse(value: &str) -> Result<Self, String> {
        if value.trim_start().starts_with("-----BEGIN") {
            return Ok(SignedBy::Embedded(value.to_owned()));
        }
        let (mut files, mut fingerprints) = (Vec::new(), Vec::new());
        for word in value
            .split([',', ' ', '\t', '\n'])
            .filter(|word| !word.is_empty())
        {
            let digits = word.trim_end_matches('!');
            if word.starts_with('/') {
                files.push(word.to_owned());
            } else if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits.len() >= 16 {
                fingerprints.push(word.to_owned());
            } else {
                return Err(format!(
                    "`{word}` is neither an absolute path nor a key's fingerprint"
                ));
            }
        }
        if files.is_empty() && fingerprints.is_empty() {
            return Ok(SignedBy::Any);
        }
        Ok(SignedBy::Named { files, fingerprints })
    }
}

impl Suite {
    fn parse(text: &str) -> Self {
        if text.ends_with('/') {
            Suite::Path(text.to_owned())
        } else {
            Suite::Named(text.to_owned())
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Suite::Named(text) | Suite::Path(text) => text,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "deb" => Some(Kind::Binary),
            "deb-src" => Some(Kind::Source),
            _ => None,
        }
    }
}

/// A suite has components, a path has none.
fn check_components(suite: &Suite, components: &[String]) -> Result<(), String> {
    match suite {
        Suite::Named(name) if components.is_empty() => Err(format!("the suite `{name}` has no components")),
        Suite::Path(path) if !components.is_empty() => Err(format!(
            "the suite `{path}` ends with `/`: such a path has no components"
        )),
        Suite::Named(_) | Suite::Path(_) => Ok(()),
    }
}

fn check_uri(uri: &str) -> Result<(), String> {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(legal) {
        return Err(format!("`{uri}` is not a URI"));
    }
    Ok(())
}

fn truth(name: &str, value: &str) -> Result<bool, String> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Ok(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Ok(false),
        other => Err(format!("`{name}` is `{other}`, which is neither yes nor no")),
    }
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is `{value}`, which is not a number of seconds"))
}

#[cfg(test)]
mod tests;
