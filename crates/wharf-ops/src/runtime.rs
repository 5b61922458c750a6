//! What solves and choices of files need to know of a Python: what it says of itself, or what is known of it before it is there.
//!
//! Invariant: two runtimes that are equal take the same files, and fulfil the same markers but for those of one machine's kernel.

use std::path::{Path, PathBuf};

use wharf_core::{PythonMinor, Target};
use wharf_ecosystem::pypi::{self, Implementation, MarkerEnvironment, Tags, Version};
use wharf_install::python::Interpreter;

use crate::error::OpsError;
use crate::resolve::TargetEnvironment;

/// A Python as far as a solve needs it.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    /// The full version: `3.12.1`, `3.14.0rc2`.
    version: String,
    implementation: Implementation,
    markers: MarkerEnvironment,
    target: Target,
    path: PathBuf,
    /// What answered; `None` of one that is not there yet.
    interpreter: Option<Interpreter>,
}

impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.implementation == other.implementation
            && self.target == other.target
    }
}

impl Runtime {
    /// What an interpreter says of itself.
    ///
    /// # Errors
    /// The machine is none that Wharf knows, or the interpreter names versions that are none.
    pub(crate) fn of(interpreter: &Interpreter) -> Result<Self, OpsError> {
        let machine = wharf_sys::host::target()?;
        Ok(Self {
            version: interpreter.version.clone(),
            implementation: implementation(interpreter),
            markers: interpreter.marker_environment()?,
            target: interpreter.target(&machine),
            path: interpreter.path.clone(),
            interpreter: Some(interpreter.clone()),
        })
    }

    /// A CPython that is not there yet: its full version, the machine with its minor version, and the path that it will have.
    pub(crate) fn foreseen(version: &str, target: Target, path: PathBuf) -> Self {
        let implementation = Implementation::CPython;
        Self {
            version: version.to_owned(),
            implementation,
            markers: pypi::marker_environment(&target, version, implementation),
            target,
            path,
            interpreter: None,
        }
    }

    /// A CPython of this machine that stands for any, where there is none: what needs one only to be looked at is weighed for it.
    ///
    /// # Errors
    /// The machine is none that Wharf knows.
    pub(crate) fn usual() -> Result<Self, OpsError> {
        let minor = PythonMinor { major: 3, minor: 13 };
        let target = wharf_sys::host::target()?.with_python(minor);
        Ok(Self::foreseen("3.13.0", target, PathBuf::from("python3")))
    }

    /// The full version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The machine that it runs on, with its minor version.
    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// What it answers markers.
    pub(crate) fn markers(&self) -> &MarkerEnvironment {
        &self.markers
    }

    /// Its executable.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All that it says of itself; `None` of one that is not there yet.
    pub(crate) fn interpreter(&self) -> Option<&Interpreter> {
        self.interpreter.as_ref()
    }

    /// What it is known by where something is built for it: files that were built for one serve every equal one.
    pub(crate) fn identity(&self) -> String {
        format!("{} {} {}", self.implementation.name(), self.version, self.target)
    }

    /// What markers and wheel tags need to know of a target. The runtime speaks for its own kind of machine; other
    /// machines are taken to run the first release of their Python minor version.
    pub(crate) fn environment(&self, target: Target) -> TargetEnvironment {
        let own = self.target.python;
        let target = match target.python.or(own) {
            Some(python) => target.with_python(python),
            None => target,
        };
        let same_python = target.python == own;
        let full = match target.python {
            Some(python) if !same_python => format!("{python}.0"),
            _ => self.version.clone(),
        };
        let same_machine = same_python && (target.os, target.arch) == (self.target.os, self.target.arch);
        let (markers, implementation) = match same_machine {
            true => (self.markers.clone(), self.implementation),
            false => {
                let implementation = Implementation::CPython;
                (
                    pypi::marker_environment(&target, &full, implementation),
                    implementation,
                )
            }
        };
        let minor = target
            .python
            .map_or([3, 0], |python| [python.major.into(), python.minor.into()]);
        TargetEnvironment {
            target,
            markers,
            tags: Tags::for_target(&target, implementation),
            python: full.parse::<Version>().unwrap_or_else(|_| Version::new(minor)),
        }
    }
}

/// Which wheels an interpreter takes.
fn implementation(interpreter: &Interpreter) -> Implementation {
    let mut parts = interpreter
        .markers
        .implementation_version
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    match interpreter.implementation.as_str() {
        "pypy" => Implementation::PyPy(major, minor),
        "graalpy" => Implementation::GraalPy(major, minor),
        _ if interpreter.gil_disabled => Implementation::CPythonFreeThreaded,
        _ => Implementation::CPython,
    }
}
