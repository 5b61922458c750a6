//! Looks for a Node where people keep them, and says of each one why it was taken or not.
//!
//! The order: what was asked for; PATH; the folders of version managers, newest first; the system's directories.
//! Invariant: a `node` that an npm package brings (`node_modules/.bin`) is never taken for the machine's.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use wharf_ecosystem::npm::Version;
use wharf_ecosystem::npm::semver::Range;

use super::{NodeBinary, NodeConsidered, NodeError, NodeRefusal, NodeVerdict, probe_cached};

/// Version managers: name, the folder with one folder a version (relative to the home), the executable inside that.
const MANAGERS: [(&str, &str, &str); 6] = [
    ("nvm", ".nvm/versions/node", "bin/node"),
    ("fnm", ".local/share/fnm/node-versions", "installation/bin/node"),
    ("volta", ".volta/tools/image/node", "bin/node"),
    ("mise", ".local/share/mise/installs/node", "bin/node"),
    ("asdf", ".asdf/installs/nodejs", "bin/node"),
    ("nodenv", ".nodenv/versions", "bin/node"),
];

/// What of the process's surroundings the search depends on.
#[derive(Clone, Debug, Default)]
pub struct NodeSurroundings {
    /// The directories of PATH, in order.
    pub path: Vec<PathBuf>,
    /// Folders of version managers: name, folder with one folder a version, executable inside that.
    pub managers: Vec<(String, PathBuf, PathBuf)>,
    /// Directories that are looked into even when they are not on PATH.
    pub system: Vec<PathBuf>,
}

impl NodeSurroundings {
    /// Those of this process.
    #[must_use]
    pub fn from_env() -> Self {
        let folder = |name: &str| {
            env::var_os(name)
                .filter(|text| !text.is_empty())
                .map(PathBuf::from)
        };
        let kept = crate::toolchains::directory(|name| env::var_os(name));
        let kept = kept.map(|folder| {
            (
                "wharf toolchain".to_owned(),
                folder.join("node"),
                "bin/node".into(),
            )
        });
        let mut managers: Vec<(String, PathBuf, PathBuf)> = kept.into_iter().collect();
        let own = [
            ("nvm", folder("NVM_DIR"), "versions/node", "bin/node"),
            ("fnm", folder("FNM_DIR"), "node-versions", "installation/bin/node"),
        ];
        for (name, root, versions, executable) in own {
            managers.extend(root.map(|root| (name.to_owned(), root.join(versions), executable.into())));
        }
        if let Some(home) = folder("HOME") {
            let table = MANAGERS.iter();
            managers.extend(table.map(|(name, versions, executable)| {
                ((*name).to_owned(), home.join(versions), PathBuf::from(executable))
            }));
        }
        let path = env::var_os("PATH").map(|path| env::split_paths(&path).collect());
        Self {
            path: path.unwrap_or_default(),
            managers,
            system: ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from).into(),
        }
    }
}

/// A search for a Node. Make one with [`NodeSearch::new`], narrow it, then [`NodeSearch::find`].
#[derive(Clone, Debug)]
pub struct NodeSearch<'a> {
    surroundings: NodeSurroundings,
    range: Option<(&'a Range, &'a str)>,
    explicit: Option<&'a Path>,
    cache: Option<&'a Path>,
}

/// What was found, and all that was looked at on the way.
#[derive(Clone, Debug)]
pub struct NodeFound {
    /// The Node to use.
    pub node: NodeBinary,
    /// In the order in which they were looked at; the last one is the chosen one.
    pub considered: Vec<NodeConsidered>,
}

/// An executable that may be a Node.
struct Candidate {
    path: PathBuf,
    found_in: String,
    /// The version that the name of its folder claims.
    says: Option<Version>,
}

impl<'a> NodeSearch<'a> {
    /// A search that takes any Node.
    #[must_use]
    pub fn new(surroundings: NodeSurroundings) -> Self {
        Self {
            surroundings,
            range: None,
            explicit: None,
            cache: None,
        }
    }

    /// The versions that will do, and who asks for them: `engines of package.json`.
    #[must_use]
    pub fn range(mut self, range: Option<(&'a Range, &'a str)>) -> Self {
        self.range = range;
        self
    }

    /// The executable that the user asks for.
    #[must_use]
    pub fn explicit(mut self, path: Option<&'a Path>) -> Self {
        self.explicit = path;
        self
    }

    /// Where answers are remembered.
    #[must_use]
    pub fn cache(mut self, cache: Option<&'a Path>) -> Self {
        self.cache = cache;
        self
    }

    /// Finds the first that fits.
    ///
    /// # Errors
    /// The one that was asked for cannot be used, or nothing fits.
    pub fn find(&self) -> Result<NodeFound, NodeError> {
        if let Some(path) = self.explicit {
            return self.only(path);
        }
        let mut considered = Vec::new();
        let mut seen = HashSet::new();
        for candidate in self.candidates() {
            if !seen.insert(real(&candidate.path)) {
                continue;
            }
            match self.judge(&candidate) {
                Ok(node) => {
                    considered.push(candidate.note(Some(node.version.to_string()), NodeVerdict::Chosen));
                    return Ok(NodeFound { node, considered });
                }
                Err((refusal, version)) => {
                    considered.push(candidate.note(version, NodeVerdict::Refused(refusal)));
                }
            }
        }
        let wanted = self
            .range
            .map(|(range, asked_by)| format!(" {range} ({asked_by})"));
        Err(NodeError::NotFound {
            wanted: wanted.unwrap_or_default(),
            considered,
        })
    }

    /// Every Node that there is, each with its verdict; the first that fits is the chosen one.
    #[must_use]
    pub fn survey(&self) -> Vec<NodeConsidered> {
        let mut seen = HashSet::new();
        let mut chosen = false;
        let candidates = self.candidates().into_iter();
        let new = candidates.filter(|candidate| seen.insert(real(&candidate.path)));
        new.map(|candidate| match self.judge(&candidate) {
            Ok(node) => {
                let verdict = if chosen {
                    NodeVerdict::Fits
                } else {
                    NodeVerdict::Chosen
                };
                chosen = true;
                candidate.note(Some(node.version.to_string()), verdict)
            }
            Err((refusal, version)) => candidate.note(version, NodeVerdict::Refused(refusal)),
        })
        .collect()
    }

    fn only(&self, path: &Path) -> Result<NodeFound, NodeError> {
        let candidate = Candidate::new(path.to_owned(), "path");
        match self.judge(&candidate) {
            Ok(node) => Ok(NodeFound {
                considered: vec![candidate.note(Some(node.version.to_string()), NodeVerdict::Chosen)],
                node,
            }),
            Err((reason, _)) => Err(NodeError::Unusable {
                path: path.to_owned(),
                reason,
            }),
        }
    }

    /// Whether a candidate will do; what its folder claims saves asking it where that cannot fit.
    fn judge(&self, candidate: &Candidate) -> Result<NodeBinary, (NodeRefusal, Option<String>)> {
        let version = |version: &Version| Some(version.to_string());
        if let Some(says) = &candidate.says
            && let Some(refusal) = self.unfit(says)
        {
            return Err((refusal, version(says)));
        }
        let node = probe_cached(&candidate.path, self.cache).map_err(|refusal| (refusal, None))?;
        match self.unfit(&node.version) {
            Some(refusal) => Err((refusal, version(&node.version))),
            None => Ok(node),
        }
    }

    fn unfit(&self, version: &Version) -> Option<NodeRefusal> {
        let (range, asked_by) = self.range?;
        // As npm reads `engines`: a prerelease of Node counts as the release it leads to.
        (!range.satisfies_including_prerelease(version)).then(|| NodeRefusal::Version {
            found: version.to_string(),
            wanted: format!("{asked_by} asks for {range}"),
        })
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut list = Vec::new();
        let path = self.surroundings.path.iter();
        for directory in path.filter(|directory| directory.is_absolute() && !is_shims(directory)) {
            list.extend(in_directory(directory, "PATH"));
        }
        for (name, folder, executable) in &self.surroundings.managers {
            list.extend(managed(name, folder, executable));
        }
        for directory in &self.surroundings.system {
            list.extend(in_directory(directory, "system"));
        }
        list
    }
}

impl Candidate {
    fn new(path: PathBuf, found_in: &str) -> Self {
        Self {
            path,
            found_in: found_in.to_owned(),
            says: None,
        }
    }

    fn note(self, version: Option<String>, verdict: NodeVerdict) -> NodeConsidered {
        NodeConsidered {
            path: self.path,
            found_in: self.found_in,
            version,
            verdict,
        }
    }
}

/// Commands of npm packages, among which may be one called `node`.
fn is_shims(directory: &Path) -> bool {
    directory.ends_with("node_modules/.bin")
}

/// Debian's older packages call it `nodejs`.
fn in_directory(directory: &Path, found_in: &str) -> Option<Candidate> {
    ["node", "nodejs"]
        .map(|name| directory.join(name))
        .into_iter()
        .find(|file| file.exists())
        .map(|file| Candidate::new(file, found_in))
}

/// The versions of a version manager, newest first.
fn managed(name: &str, folder: &Path, executable: &Path) -> Vec<Candidate> {
    let mut found: Vec<(Version, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = entry.file_name().to_string_lossy().into_owned();
        let Ok(version) = Version::parse(text.trim_start_matches('v')) else {
            continue;
        };
        found.push((version, entry.path().join(executable)));
    }
    found.sort_by(|left, right| right.0.cmp(&left.0));
    found.retain(|(_, path)| path.exists());
    let candidates = found.into_iter().map(|(version, path)| Candidate {
        says: Some(version),
        ..Candidate::new(path, name)
    });
    candidates.collect()
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A thing that answers as Node does.
    fn fake(directory: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        let path = directory.join("node");
        let text = format!(
            "#!/bin/sh\necho 'wharf-facts:{{\"version\":\"{version}\",\"platform\":\"linux\",\"arch\":\"x64\",\"executable\":\"{}\"}}'\n",
            path.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_first_that_fits_is_taken_and_every_other_says_why_not() {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        fake(&at("p/node_modules/.bin"), "22.9.0");
        fake(&at("old"), "16.20.0");
        fs::create_dir_all(at("broken")).unwrap();
        fs::write(at("broken/node"), "").unwrap();
        fake(&at("nvm/v18.1.0/bin"), "18.1.0");
        let newest = fake(&at("nvm/v22.3.0/bin"), "22.3.0");
        fake(&at("nvm/v20.5.0/bin"), "20.5.0");
        fake(&at("system"), "21.0.0");
        let surroundings = NodeSurroundings {
            path: ["p/node_modules/.bin", "old", "broken", "none"].map(at).into(),
            managers: vec![("nvm".to_owned(), at("nvm"), "bin/node".into())],
            system: vec![at("system")],
        };
        let range = Range::parse(">=20").unwrap();
        let search = NodeSearch::new(surroundings).range(Some((&range, "engines of package.json")));
        let found = search.find().unwrap();
        assert_eq!((found.node.path, found.node.version.as_str()), (newest, "22.3.0"));
        let said = |considered: &[NodeConsidered]| -> Vec<String> {
            let line = |one: &NodeConsidered| format!("{} {}", one.found_in, one.verdict);
            considered.iter().map(line).collect()
        };
        assert_eq!(
            said(&found.considered),
            [
                "PATH it is 16.20.0, but engines of package.json asks for >=20.0.0",
                "PATH it is not an executable file",
                "nvm used",
            ]
        );
        assert_eq!(
            said(&search.survey())[3..],
            [
                "nvm fits, but comes later",
                "nvm it is 18.1.0, but engines of package.json asks for >=20.0.0",
                "system fits, but comes later",
            ]
        );
        let none = Range::parse("^99").unwrap();
        let error = search.range(Some((&none, "`.nvmrc`"))).find().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("(`.nvmrc`) was found; looked at 6 of them:"),
            "{error}"
        );
    }

    #[test]
    fn the_one_that_was_asked_for_has_to_fit_too() {
        let temporary = tempfile::tempdir().unwrap();
        let node = fake(temporary.path(), "18.0.0");
        let search = NodeSearch::new(NodeSurroundings::default()).explicit(Some(&node));
        assert_eq!(search.find().unwrap().node.version.as_str(), "18.0.0");
        let range = Range::parse(">=20").unwrap();
        let error = search.range(Some((&range, "the lock"))).find().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it is 18.0.0, but the lock asks for >=20.0.0"),
            "{error}"
        );
    }
}
