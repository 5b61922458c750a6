//! `Release` files: what a suite says of itself, and the digests of its files. Invariant: every file that is listed has a
//! strong digest and a path that stays inside of the suite. Source: the repository format of the Debian wiki, apt-secure(8).

use std::collections::BTreeMap;

use wharf_core::{Algorithm, Digest, Explain, Fault, Timestamp};

use crate::deb822::{self, Field, Stanza};

mod date;

pub use date::parse_date;

/// What a suite says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Who publishes it (`Debian`).
    pub origin: Option<String>,
    /// What it is a part of (`Debian-Security`).
    pub label: Option<String>,
    /// The suite (`stable`).
    pub suite: Option<String>,
    /// The suite's lasting name (`bookworm`).
    pub codename: Option<String>,
    /// The version of the distribution (`12.7`).
    pub version: Option<String>,
    /// What it is, in words.
    pub description: Option<String>,
    /// When it was made.
    pub date: Option<Timestamp>,
    /// Until when it counts.
    pub valid_until: Option<Timestamp>,
    /// The architectures, `all` among them where its packages have indexes of their own.
    pub architectures: Vec<String>,
    /// The components (`main`, `contrib`).
    pub components: Vec<String>,
    /// `Acquire-By-Hash`: whether files can be had under their digests.
    pub by_hash: bool,
    /// `No-Support-for-Architecture-all`: for which kinds of index packages of `all` have none of their own (`Packages`).
    pub no_support_for_architecture_all: Vec<String>,
    /// Nothing of it is installed but when asked for.
    pub not_automatic: bool,
    /// With [`Release::not_automatic`]: what is installed from it is upgraded.
    pub but_automatic_upgrades: bool,
    /// `Signed-By`: which keys are to sign the next one, by their fingerprints.
    pub signed_by: Vec<String>,
    /// `Snapshots`: where older states are kept.
    pub snapshots: Option<String>,
    files: BTreeMap<String, ReleaseFile>,
}

/// A file of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its path below the `Release` file.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Option<Digest>,
    /// Its SHA-512.
    pub sha512: Option<Digest>,
}

/// Whether `Valid-Until` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidUntil {
    /// It does.
    #[default]
    Checked,
    /// It does not: snapshots of the past are expired by nature.
    Ignored,
}

/// A `Release` file that is none, or that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It is malformed.
    #[error("the Release file cannot be read: line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Its files have broken digests only.
    #[error("the Release file lists its files with MD5 or SHA-1 only, which prove nothing")]
    WeakDigests,
    /// It has expired.
    #[error("the Release file of {suite} expired at {valid_until}")]
    Expired {
        /// Which suite, by its own word.
        suite: String,
        /// When.
        valid_until: Timestamp,
    },
    /// It is of the future.
    #[error("the Release file of {suite} was made at {date}, which is still to come")]
    Future {
        /// Which suite, by its own word.
        suite: String,
        /// When.
        date: Timestamp,
    },
    /// One that was seen before is newer.
    #[error("the Release file of {suite} was made at {date}, but one of {known} was seen before")]
    Backdated {
        /// Which suite, by its own word.
        suite: String,
        /// When.
        date: Timestamp,
        /// When that other was made.
        known: Timestamp,
    },
}

impl Explain for ReleaseError {
    fn code(&self) -> &'static str {
        match self {
            ReleaseError::Malformed { .. } => "deb/release-malformed",
            ReleaseError::WeakDigests => "deb/release-weak",
            ReleaseError::Expired { .. } => "deb/release-expired",
            ReleaseError::Future { .. } => "deb/release-future",
            ReleaseError::Backdated { .. } => "deb/release-backdated",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            ReleaseError::Malformed { .. } => Fault::World,
            ReleaseError::WeakDigests
            | ReleaseError::Expired { .. }
            | ReleaseError::Future { .. }
            | ReleaseError::Backdated { .. } => Fault::Denied,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            ReleaseError::Malformed { .. } => "try another mirror: this one answers with something else",
            ReleaseError::WeakDigests => "ask whoever publishes the repository for SHA-256 digests",
            ReleaseError::Expired { .. } => {
                "try another mirror, for this one is out of date; for a snapshot of the past set `check-valid-until = false` on the repository"
            }
            ReleaseError::Future { .. } => "set this machine's clock",
            ReleaseError::Backdated { .. } => {
                "try another mirror: this one is behind the one that answered before"
            }
        };
        vec![hint.to_owned()]
    }
}

impl Release {
    /// Reads a `Release` file: the text that a signature was verified for.
    ///
    /// # Errors
    /// Where a field is malformed, a path leads out of the suite, or no file has a strong digest though files are listed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let stanza = deb822::single(bytes).map_err(|error| ReleaseError::Malformed {
            line: error.line,
            reason: error.reason,
        })?;
        let text = |name| stanza.text(name).map(String::from);
        let words = |name| {
            stanza
                .get(name)
                .map(|field| field.words().map(str::to_owned).collect())
                .unwrap_or_default()
        };
        let yes = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let keys = text("Signed-By").unwrap_or_default();
        Ok(Self {
            origin: text("Origin"),
            label: text("Label"),
            suite: text("Suite").or_else(|| text("Archive")),
            codename: text("Codename"),
            version: text("Version"),
            description: text("Description"),
            date: date_of(&stanza, "Date")?,
            valid_until: date_of(&stanza, "Valid-Until")?,
            architectures: words("Architectures"),
            components: words("Components"),
            by_hash: yes("Acquire-By-Hash"),
            no_support_for_architecture_all: words("No-Support-for-Architecture-all"),
            not_automatic: yes("NotAutomatic"),
            but_automatic_upgrades: yes("ButAutomaticUpgrades"),
            signed_by: keys
                .split([',', ' ', '\n'])
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
            snapshots: text("Snapshots"),
            files: files_of(&stanza)?,
        })
    }

    /// The files, in order of their paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &ReleaseFile> {
        self.files.values()
    }

    /// The file of that path.
    pub fn file(&self, path: &str) -> Option<&ReleaseFile> {
        self.files.get(path)
    }

    /// The files that hold the same content: `base` itself, and `base` with one of `endings` (`.xz`), in this order.
    pub fn variants<'a>(&'a self, base: &str, endings: &[&str]) -> Vec<&'a ReleaseFile> {
        endings
            .iter()
            .filter_map(|ending| self.file(&format!("{base}{ending}")))
            .collect()
    }

    /// What to call the suite in a message: its codename, else its suite.
    pub fn name(&self) -> &str {
        self.codename
            .as_deref()
            .or(self.suite.as_deref())
            .unwrap_or("a repository without a name")
    }

    /// Whether it has a component; those of some suites have a prefix (`updates/main`).
    pub fn has_component(&self, name: &str) -> bool {
        let same = |component: &String| {
            component == name || component.rsplit_once('/').is_some_and(|(_, last)| last == name)
        };
        self.components.iter().any(same)
    }

    /// Whether packages of `all` have an index of their own beside those of other architectures.
    pub fn has_own_index_of_all(&self) -> bool {
        let without = |kind: &String| kind == "Packages";
        self.architectures.iter().any(|name| name == "all")
            && !self.no_support_for_architecture_all.iter().any(without)
    }

    /// Judges the dates at an instant.
    ///
    /// # Errors
    /// Where it has expired, or comes from the future by more than clocks differ.
    pub fn check_dates(&self, now: Timestamp, valid_until: ValidUntil) -> Result<(), ReleaseError> {
        /// Clocks of mirrors and users differ by minutes; a lie would have to be larger to be of use.
        const CLOCKS_DIFFER: i64 = 15 * 60;
        if let Some(date) = self.date
            && date.as_second() > now.as_second().saturating_add(CLOCKS_DIFFER)
        {
            return Err(ReleaseError::Future {
                suite: self.name().to_owned(),
                date,
            });
        }
        match (valid_until, self.valid_until) {
            (ValidUntil::Checked, Some(end)) if end < now => Err(ReleaseError::Expired {
                suite: self.name().to_owned(),
                valid_until: end,
            }),
            (ValidUntil::Checked | ValidUntil::Ignored, _) => Ok(()),
        }
    }

    /// Compares with the date of the one that was used last: a repository does not go backwards.
    ///
    /// # Errors
    /// Where this one is older.
    pub fn check_not_older(&self, known: Timestamp) -> Result<(), ReleaseError> {
        match self.date {
            Some(date) if date < known => Err(ReleaseError::Backdated {
                suite: self.name().to_owned(),
                date,
                known,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl ReleaseFile {
    /// Its digest: SHA-256, else SHA-512.
    pub fn digest(&self) -> Digest {
        self.sha256
            .or(self.sha512)
            .expect("a listed file has a strong digest")
    }

    /// Where it can be had under its digest, below the `Release` file: `main/binary-amd64/by-hash/SHA256/…`.
    pub fn by_hash_path(&self) -> String {
        let digest = self.digest();
        let folder = match digest.algorithm() {
            Algorithm::Sha512 => "SHA512",
            _ => "SHA256",
        };
        let parent = self.path.rfind('/').map_or("", |at| &self.path[..=at]);
        format!("{parent}by-hash/{folder}/{}", digest.hex())
    }
}

fn date_of(stanza: &Stanza<'_>, name: &str) -> Result<Option<Timestamp>, ReleaseError> {
    let Some(field) = stanza.get(name) else {
        return Ok(None);
    };
    let text = field.text();
    match parse_date(&text) {
        Some(date) => Ok(Some(date)),
        None => Err(ReleaseError::Malformed {
            line: field.line,
            reason: format!("`{text}` is not a date"),
        }),
    }
}

fn files_of(stanza: &Stanza<'_>) -> Result<BTreeMap<String, ReleaseFile>, ReleaseError> {
    let mut files = BTreeMap::new();
    for (name, algorithm) in [("SHA256", Algorithm::Sha256), ("SHA512", Algorithm::Sha512)] {
        if let Some(field) = stanza.get(name) {
            add_files(&mut files, &field, algorithm)?;
        }
    }
    let weak = |name: &str| {
        stanza
            .get(name)
            .is_some_and(|field| field.lines().next().is_some())
    };
    if files.is_empty() && (weak("MD5Sum") || weak("SHA1")) {
        return Err(ReleaseError::WeakDigests);
    }
    Ok(files)
}

fn add_files(
    files: &mut BTreeMap<String, ReleaseFile>,
    field: &Field<'_>,
    algorithm: Algorithm,
) -> Result<(), ReleaseError> {
    for line in field.lines() {
        let line = String::from_utf8_lossy(line);
        let malformed = |reason: &str| ReleaseError::Malformed {
            line: field.line,
            reason: format!("in `{}`, `{line}`: {reason}", field.name),
        };
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed("expected a digest, a size and a path"));
        };
        let digest = Digest::from_hex(algorithm, digest).map_err(|error| malformed(&error.to_string()))?;
        let size: u64 = size.parse().map_err(|_| malformed("the size is not a number"))?;
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(malformed("the path leads out of the suite"));
        }
        let file = files.entry(path.to_owned()).or_insert_with(|| ReleaseFile {
            path: path.to_owned(),
            size,
            sha256: None,
            sha512: None,
        });
        let slot = match algorithm {
            Algorithm::Sha512 => &mut file.sha512,
            _ => &mut file.sha256,
        };
        if file.size != size || slot.is_some_and(|known| known != digest) {
            return Err(malformed("the file stands there twice and differs"));
        }
        *slot = Some(digest);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
