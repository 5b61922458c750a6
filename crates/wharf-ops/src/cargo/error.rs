//! What only cargo's use cases can find wrong. Invariant: every error names the crate, the tool or the file.

use std::path::PathBuf;

use wharf_core::{Explain, Fault, PackageName};
use wharf_crates::ChecksumChanged;
use wharf_ecosystem::cargo::lock::InvalidLock;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// `Cargo.lock` cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidLock,
    },
    /// A registry changed what it published.
    #[error(transparent)]
    Checksum(ChecksumChanged),
    /// A lock has no checksum of a crate that a registry has.
    #[error("Cargo.lock has no checksum for {package} from {source_id}")]
    NoChecksum {
        /// The crate.
        package: String,
        /// Where it comes from.
        source_id: String,
    },
    /// A repository has no such crate at the commit that is locked.
    #[error("{package}, which {wanted_by} needs, is not in {source_id}")]
    NotInRepository {
        /// The crate.
        package: String,
        /// The repository, with the commit.
        source_id: String,
        /// Who needs it.
        wanted_by: String,
    },
    /// Two tools have a command of one name.
    #[error("the command `{command}` comes with cargo:{} and with cargo:{}", packages[0], packages[1])]
    SameCommand {
        /// The command.
        command: String,
        /// The tools.
        packages: [PackageName; 2],
    },
    /// Two sources have a crate of one name and version, and a tool needs both.
    #[error("{tool} needs {package} from {} and from {}, and cargo takes one for both in its build", sources[0], sources[1])]
    Twice {
        /// The tool.
        tool: String,
        /// The crate.
        package: String,
        /// Where the two come from.
        sources: [String; 2],
    },
    /// No version of a tool can be taken.
    #[error("no version of {asked} can be taken ({origin}): {reason}")]
    NoVersion {
        /// What is asked for.
        asked: String,
        /// Where it is written.
        origin: String,
        /// Why none.
        reason: String,
    },
    /// The only version that answers has a line in the index that cannot be used.
    #[error("the index's line of {name} {version} cannot be used: {reason}")]
    IndexLine {
        /// The crate.
        name: PackageName,
        /// The version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A project of crates alone has nothing that other formats could hold.
    #[error("{} asks for crates alone, and no other format holds them", manifest.display())]
    NothingToExport {
        /// The manifest.
        manifest: PathBuf,
    },
    /// The crates of a registry lie unpacked in a folder, which has no index.
    #[error(
        "the crates of `{source_id}` are to come from {place} ({origin}), a directory of unpacked crates, and Wharf reads registries alone"
    )]
    Place {
        /// The registry.
        source_id: String,
        /// Where the configuration leads to.
        place: String,
        /// Where that is written.
        origin: String,
    },
}

impl Explain for CargoError {
    fn code(&self) -> &'static str {
        match self {
            CargoError::Lock { .. } => "cargo/lock",
            CargoError::Checksum(error) => error.code(),
            CargoError::NoChecksum { .. } => "cargo/no-checksum",
            CargoError::NotInRepository { .. } => "cargo/not-in-repository",
            CargoError::SameCommand { .. } => "cargo/same-command",
            CargoError::Twice { .. } => "cargo/same-crate",
            CargoError::NoVersion { .. } => "cargo/no-version",
            CargoError::IndexLine { .. } => "cargo/index-line",
            CargoError::NothingToExport { .. } => "export/nothing",
            CargoError::Place { .. } => "cargo/source",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            CargoError::Checksum(error) => error.fault(),
            CargoError::NoVersion { .. } => Fault::Unsatisfiable,
            CargoError::IndexLine { .. } => Fault::World,
            CargoError::Lock { .. }
            | CargoError::NoChecksum { .. }
            | CargoError::NotInRepository { .. }
            | CargoError::SameCommand { .. }
            | CargoError::Twice { .. }
            | CargoError::NothingToExport { .. }
            | CargoError::Place { .. } => Fault::User,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            CargoError::Lock { path, .. } => vec![format!(
                "restore {} from version control, or remove it: `wharf lock` makes it anew",
                path.display()
            )],
            CargoError::Checksum(error) => error.hints(),
            CargoError::NotInRepository { package, .. } => {
                let name = package.split('@').next().unwrap_or(package);
                vec![format!(
                    "check the name; `wharf lock --upgrade-package cargo:{name}` looks at the repository again"
                )]
            }
            CargoError::SameCommand { packages, .. } => vec![format!(
                "name the commands that are wanted: `{} = {{ version = \"*\", bins = [\"…\"] }}`",
                packages[1]
            )],
            CargoError::Twice { .. } => {
                vec!["ask for another version of the tool, with `locked = false` perhaps".to_owned()]
            }
            CargoError::NoVersion { asked, .. } => {
                let name = asked.split('@').next().unwrap_or(asked);
                vec![format!("`wharf info {name} --versions` lists what there is")]
            }
            CargoError::Place { .. } => {
                vec![
                    "take `replace-with` out of that [source] for Wharf, or leave the crates to cargo"
                        .to_owned(),
                ]
            }
            CargoError::NothingToExport { .. } => {
                vec!["`Cargo.lock` is the lock that other tools read".to_owned()]
            }
            CargoError::NoChecksum { package, .. } => {
                let name = package.split(['@', ' ']).next().unwrap_or(package);
                vec![format!(
                    "`wharf lock --upgrade-package cargo:{name}` asks the registry for it"
                )]
            }
            CargoError::IndexLine { .. } => Vec::new(),
        }
    }
}
