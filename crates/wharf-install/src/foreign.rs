//! What stands where a root belongs: nothing, Wharf's own, or somebody else's.
//! Invariant: what is not Wharf's is never moved unless that was asked for.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::caches;
use crate::error::InstallError;
use crate::generation::Marker;
use crate::ground::RootKind;
use crate::wanted::Foreign;

/// What stands at the place of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing, or a folder in which nothing would be missed: empty, or with tools' caches only, which are kept.
    Nothing,
    /// A folder that this transaction made.
    Ours(String),
    /// Somebody else's folder; what it is, in words.
    Foreign(&'static str),
    /// A link or a file, which is never replaced.
    Odd(&'static str),
}

/// Looks at the place of a root that is to be changed.
///
/// # Errors
/// It is not ours to move, or cannot be looked at.
pub(crate) fn movable(path: &Path, kind: RootKind, foreign: Foreign) -> Result<Standing, InstallError> {
    let refuse = |found: &str, replaceable| InstallError::Foreign {
        path: path.to_owned(),
        found: found.to_owned(),
        replaceable,
    };
    match standing(path, kind)? {
        Standing::Foreign(found) if foreign == Foreign::Refuse => Err(refuse(found, true)),
        Standing::Odd(found) => Err(refuse(found, false)),
        standing => Ok(standing),
    }
}

/// Looks at the place of a root.
///
/// # Errors
/// It cannot be looked at.
pub(crate) fn standing(path: &Path, kind: RootKind) -> Result<Standing, InstallError> {
    let data = match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Standing::Nothing);
        }
        Err(error) => return Err(InstallError::io("examine", path)(error)),
        Ok(data) => data,
    };
    if data.is_symlink() {
        return Ok(Standing::Odd("it is a symbolic link"));
    }
    if !data.is_dir() {
        return Ok(Standing::Odd("it is a file"));
    }
    if let Some(marker) = Marker::read(path) {
        return Ok(Standing::Ours(marker.transaction));
    }
    let entries = fs::read_dir(path).map_err(InstallError::io("list", path))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(InstallError::io("list", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    let bare = match kind {
        RootKind::Python => names.is_empty(),
        RootKind::Node => names
            .iter()
            .all(|name| caches::is_cache(name) && path.join(name).is_dir()),
        RootKind::Crates | RootKind::Commands | RootKind::System => names.is_empty(),
    };
    if bare {
        return Ok(Standing::Nothing);
    }
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    Ok(Standing::Foreign(match kind {
        RootKind::Python if path.join("pyvenv.cfg").is_file() => {
            "it is a virtual environment of another tool"
        }
        RootKind::Python => "it is a directory with something else in it",
        RootKind::Node if has(".modules.yaml") || has(".pnpm") => "pnpm installed it",
        RootKind::Node if has(".package-lock.json") => "npm installed it",
        RootKind::Node if has(".yarn-integrity") || has(".yarn-state.yml") => "yarn installed it",
        RootKind::Node if has(".bun") => "bun installed it",
        RootKind::Node => "another tool installed it",
        RootKind::Crates | RootKind::Commands | RootKind::System => "something else put files there",
    }))
}

/// Refuses a place from which a folder cannot be exchanged in one step with one in the project's state.
///
/// # Errors
/// [`InstallError::Apart`] where it is a mount point or lies on another file system.
pub(crate) fn refuse_apart(path: &Path, state: &Path) -> Result<(), InstallError> {
    let device = |path: &Path| fs::metadata(path).map(|data| data.dev());
    let here = device(state).map_err(InstallError::io("examine", state))?;
    let folder = path.parent().unwrap_or(path);
    let there = device(folder).map_err(InstallError::io("examine", folder))?;
    // Nothing there is fine.
    let own = device(path).unwrap_or(there);
    if here == there && here == own {
        return Ok(());
    }
    Err(InstallError::Apart {
        path: path.to_owned(),
        state: state.to_owned(),
    })
}
