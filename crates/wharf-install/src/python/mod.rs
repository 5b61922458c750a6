//! Python interpreters: what one is, how it is asked about itself, how one is found.
//!
//! Invariant: an [`Interpreter`] only holds what the interpreter said of itself; nothing is guessed from file names.

mod discover;
mod probe;
mod request;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_core::{Arch, Explain, Fault, OsVersion, PythonMinor, Target};
use wharf_ecosystem::pypi::MarkerEnvironment;

pub use discover::{Considered, Discovered, Refusal, Search, Surroundings, Verdict, discover};
pub use probe::{probe, probe_cached, probe_inside};
pub use request::{Request, RequestError, satisfies};

/// One Python interpreter, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The executable that was asked.
    pub path: PathBuf,
    /// The executable that environments link to: itself, or the one an environment was made from.
    pub base_executable: PathBuf,
    /// `sys.implementation.name`: `cpython`, `pypy`.
    pub implementation: String,
    /// The full version, `3.12.1` or `3.14.0rc2`.
    pub version: String,
    /// Major and minor version.
    #[serde(with = "minor_text")]
    pub minor: PythonMinor,
    /// `sys.prefix`.
    pub prefix: PathBuf,
    /// `sys.base_prefix`; differs from `prefix` inside an environment.
    pub base_prefix: PathBuf,
    /// Where an environment of this interpreter keeps things, relative to its root.
    pub scheme: Scheme,
    /// The eleven values that PEP 508 markers can ask for.
    pub markers: Markers,
    /// `sysconfig.get_platform()`: `linux-x86_64`, `macosx-14.0-arm64`.
    pub platform: String,
    /// The GNU C library it runs on; `None` on musl and elsewhere.
    pub libc: Option<Libc>,
    /// Width of a pointer: 64 or 32.
    pub pointer_bits: u8,
    /// Whether this is a free-threaded build (`Py_GIL_DISABLED`).
    pub gil_disabled: bool,
    /// Whether this is a debug build.
    pub debug: bool,
    /// File name end of extension modules: `.cpython-312-x86_64-linux-gnu.so`.
    pub extension_suffix: Option<String>,
    /// Name of its bytecode files: `cpython-312`. `None` where it keeps none.
    pub cache_tag: Option<String>,
    /// The four bytes in front of its bytecode files, in hexadecimal.
    pub magic: String,
    /// The system root in whose view it runs, and every path above is one; `None` for the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
}

/// Directories of an environment, relative to its root, `/`-separated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheme {
    /// Pure Python packages: `lib/python3.12/site-packages`.
    pub purelib: String,
    /// Packages with compiled code; the same directory on nearly every system.
    pub platlib: String,
    /// Executables: `bin`.
    pub scripts: String,
    /// Root of data files: `.`.
    pub data: String,
}

/// The environment marker values of PEP 508.
#[expect(
    missing_docs,
    reason = "the fields are the marker variables of PEP 508, named there"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markers {
    pub implementation_name: String,
    pub implementation_version: String,
    pub os_name: String,
    pub platform_machine: String,
    pub platform_python_implementation: String,
    pub platform_release: String,
    pub platform_system: String,
    pub platform_version: String,
    pub python_full_version: String,
    pub python_version: String,
    pub sys_platform: String,
}

/// A C library and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libc {
    /// `glibc`.
    pub name: String,
    /// `2.36`.
    pub version: String,
}

impl Interpreter {
    /// The markers in the form that requirements are evaluated with.
    ///
    /// # Errors
    /// A value that is no version where PEP 508 wants one, as some vendors' builds have it.
    pub fn marker_environment(&self) -> Result<MarkerEnvironment, PythonError> {
        serde_json::to_value(&self.markers)
            .and_then(serde_json::from_value)
            .map_err(|source| PythonError::Markers {
                path: self.path.clone(),
                source,
            })
    }

    /// The target that this interpreter installs for: this machine's, with the C library and the width that the interpreter
    /// itself reports.
    #[must_use]
    pub fn target(&self, machine: &Target) -> Target {
        let mut target = machine.with_python(self.minor);
        let glibc = self
            .libc
            .as_ref()
            .filter(|libc| libc.name == "glibc")
            .and_then(|libc| {
                let mut numbers = libc.version.split('.').map(str::parse);
                Some(OsVersion::Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
            });
        if let (OsVersion::Glibc(..) | OsVersion::Musl(..), Some(glibc)) = (target.os_version, glibc) {
            target.os_version = glibc;
        }
        if self.pointer_bits == 32 {
            target.arch = match target.arch {
                Arch::X86_64 => Arch::X86,
                Arch::Aarch64 => Arch::Armv7l,
                arch @ (Arch::X86 | Arch::Armv7l | Arch::Ppc64le | Arch::S390x | Arch::Riscv64) => arch,
            };
        }
        target
    }

    /// Where packages go in an environment of this interpreter. Both kinds of package share one directory: where a
    /// system keeps compiled ones under `lib64`, that is a link to `lib` in an environment.
    #[must_use]
    pub fn site_packages(&self) -> String {
        match self.scheme.purelib.strip_prefix("lib64/") {
            Some(rest) => format!("lib/{rest}"),
            None => self.scheme.purelib.clone(),
        }
    }

    /// The directory name that versioned things have: `python3.12`, `python3.13t`, `pypy3.10`.
    #[must_use]
    pub fn versioned_name(&self) -> String {
        let site = self.site_packages();
        match Path::new(&site)
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str())
        {
            Some(name) if name != "lib" => name.to_owned(),
            _ => format!("python{}.{}", self.minor.major, self.minor.minor),
        }
    }

    /// Whether environments made from the two are interchangeable: same executable, same kind, same minor version.
    #[must_use]
    pub fn same_runtime(&self, other: &Self) -> bool {
        self.base_executable == other.base_executable
            && self.root.is_some() == other.root.is_some()
            && self.implementation == other.implementation
            && self.minor == other.minor
            && self.gil_disabled == other.gil_disabled
            && self.extension_suffix == other.extension_suffix
    }
}

/// Writes a minor version as `3.12`.
mod minor_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use wharf_core::PythonMinor;

    pub(super) fn serialize<S: Serializer>(minor: &PythonMinor, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(minor)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PythonMinor, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Why no interpreter could be used.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// The one that was asked for does not answer.
    #[error("cannot use the Python at {}: {reason}", path.display())]
    Unusable {
        /// The executable.
        path: PathBuf,
        /// What it did.
        reason: Refusal,
    },
    /// Nothing that was looked at fits.
    #[error("no Python {wanted} was found; looked at {}", looked_at(considered))]
    NotFound {
        /// What was wanted, in words.
        wanted: String,
        /// All that was looked at, with the reasons.
        considered: Vec<Considered>,
    },
    /// The request itself makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The interpreter names versions that are none.
    #[error("the Python at {} describes itself in a way that PEP 508 does not know", path.display())]
    Markers {
        /// The executable.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// Interpreters that an error lists; `wharf python` lists all.
const SHOWN: usize = 12;

fn looked_at(considered: &[Considered]) -> String {
    match considered.len() {
        0 => "PATH, pyenv and the system's directories, and none is there".to_owned(),
        1 => format!("{}: {}", considered[0].path.display(), considered[0].verdict),
        count => {
            let shown = considered.iter().take(SHOWN);
            let lines = shown.map(|one| format!("\n  {}: {}", one.path.display(), one.verdict));
            format!("{count} interpreters:{}", lines.collect::<String>())
        }
    }
}

impl Explain for PythonError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "python/unusable",
            Self::NotFound { .. } => "python/not-found",
            Self::Request(_) => "python/request",
            Self::Markers { .. } => "python/markers",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Request(_) => Fault::User,
            Self::Unusable { .. } | Self::NotFound { .. } | Self::Markers { .. } => Fault::World,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotFound { .. } => {
                vec!["install a fitting Python, or name one with `--python PATH`".to_owned()]
            }
            Self::Unusable { .. } | Self::Markers { .. } => {
                vec!["name another Python with `--python PATH` or `--python 3.12`".to_owned()]
            }
            Self::Request(_) => {
                vec!["ask for a version (`3.12`, `>=3.11`), a name (`python3.12`) or a path".to_owned()]
            }
        }
    }
}
