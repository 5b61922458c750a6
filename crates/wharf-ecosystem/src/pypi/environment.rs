//! The marker values of a target: what `python_version`, `sys_platform` and their like are on such a machine.
//! Source: PEP 508, "Environment markers".

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, StringVersion};
use wharf_core::{Arch, Os, Target};

/// A Python implementation, as far as it decides which wheels fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Implementation {
    /// CPython with its global lock.
    #[default]
    CPython,
    /// CPython built without its global lock (`python3.13t`).
    CPythonFreeThreaded,
    /// PyPy of the given version, such as 7.3.
    PyPy(u8, u8),
    /// GraalPy of the given version, such as 24.2.
    GraalPy(u8, u8),
}

/// A text that names no implementation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a Python implementation (known: cpython, cpython-freethreaded, pypy<version>, graalpy<version>)"
)]
pub struct UnknownImplementation(pub String);

impl Implementation {
    /// `implementation_name`: what `sys.implementation.name` says.
    pub const fn name(self) -> &'static str {
        match self {
            Implementation::CPython | Implementation::CPythonFreeThreaded => "cpython",
            Implementation::PyPy(..) => "pypy",
            Implementation::GraalPy(..) => "graalpy",
        }
    }

    /// `platform_python_implementation`: what `platform.python_implementation()` says.
    pub const fn platform_name(self) -> &'static str {
        match self {
            Implementation::CPython | Implementation::CPythonFreeThreaded => "CPython",
            Implementation::PyPy(..) => "PyPy",
            Implementation::GraalPy(..) => "GraalVM",
        }
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Implementation::CPython => f.write_str("cpython"),
            Implementation::CPythonFreeThreaded => f.write_str("cpython-freethreaded"),
            Implementation::PyPy(major, minor) => write!(f, "pypy{major}.{minor}"),
            Implementation::GraalPy(major, minor) => write!(f, "graalpy{major}.{minor}"),
        }
    }
}

impl FromStr for Implementation {
    type Err = UnknownImplementation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |version: &str| {
            let (major, minor) = version.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        let versioned = |prefix: &str| text.strip_prefix(prefix).and_then(pair);
        match text {
            "cpython" => Ok(Implementation::CPython),
            "cpython-freethreaded" => Ok(Implementation::CPythonFreeThreaded),
            _ => versioned("pypy")
                .map(|(major, minor)| Implementation::PyPy(major, minor))
                .or_else(|| versioned("graalpy").map(|(major, minor)| Implementation::GraalPy(major, minor)))
                .ok_or_else(|| UnknownImplementation(text.to_owned())),
        }
    }
}

/// The markers of `target` under the Python whose full version is `python_full` (`3.12.1`, `3.14.0rc1`).
///
/// `platform_release` and `platform_version` are empty: they belong to one machine, not to a kind of machine. Of a
/// prerelease of Python the full version compares as the release, so that `python_version >= "3.13"` holds on 3.13.0rc1. Of a
/// version that PEP 440 cannot read (`3.14.0a1+` of a build from source) the longest readable beginning counts, and the
/// target's own Python where nothing of it is readable.
pub fn marker_environment(
    target: &Target,
    python_full: &str,
    implementation: Implementation,
) -> MarkerEnvironment {
    let full = full_version(target, python_full);
    let minor = format!("{}.{}", number(&full, 0), number(&full, 1));
    let implementation_version = match implementation {
        Implementation::CPython | Implementation::CPythonFreeThreaded => full.to_string(),
        Implementation::PyPy(major, minor) | Implementation::GraalPy(major, minor) => {
            format!("{major}.{minor}.0")
        }
    };
    let (os_name, platform_system, sys_platform) = match target.os {
        Os::Linux => ("posix", "Linux", "linux"),
        Os::Macos => ("posix", "Darwin", "darwin"),
        Os::Windows => ("nt", "Windows", "win32"),
    };
    let builder = MarkerEnvironmentBuilder {
        implementation_name: implementation.name(),
        implementation_version: &implementation_version,
        os_name,
        platform_machine: platform_machine(target),
        platform_python_implementation: implementation.platform_name(),
        platform_release: "",
        platform_system,
        platform_version: "",
        python_full_version: "3",
        python_version: &minor,
        sys_platform,
    };
    MarkerEnvironment::try_from(builder)
        .expect("numbers joined by dots are versions")
        .with_python_full_version(StringVersion {
            string: full.to_string(),
            // `pep508_rs` answers for `python_version` from the full version, and 3.13.0rc1 lies below 3.13.
            version: full.only_release(),
        })
}

/// What `platform.machine()` says on such a machine.
fn platform_machine(target: &Target) -> &'static str {
    match (target.os, target.arch) {
        (Os::Macos, Arch::Aarch64) => "arm64",
        (Os::Windows, Arch::X86_64) => "AMD64",
        (Os::Windows, Arch::Aarch64) => "ARM64",
        (Os::Windows, Arch::X86) => "x86",
        (Os::Linux | Os::Macos | Os::Windows, arch) => arch.as_str(),
    }
}

fn full_version(target: &Target, text: &str) -> Version {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.rev()
        .take(64)
        .find_map(|end| super::version::parse_version(&text[..end]).ok())
        .or_else(|| {
            let python = target.python?;
            Some(Version::new([
                u64::from(python.major),
                u64::from(python.minor),
                0,
            ]))
        })
        .unwrap_or_else(|| Version::new([3]))
}

fn number(version: &Version, at: usize) -> u64 {
    version.release().get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::parse_marker;

    fn environment(target: &str, python: &str) -> MarkerEnvironment {
        marker_environment(&target.parse().unwrap(), python, Implementation::CPython)
    }

    #[test]
    fn each_system_has_its_values() {
        for (target, os_name, system, platform, machine) in [
            ("linux-x86_64", "posix", "Linux", "linux", "x86_64"),
            ("linux-aarch64-musl1.2", "posix", "Linux", "linux", "aarch64"),
            ("linux-i686", "posix", "Linux", "linux", "i686"),
            ("macos-arm64", "posix", "Darwin", "darwin", "arm64"),
            ("macos-x86_64", "posix", "Darwin", "darwin", "x86_64"),
            ("windows-x86_64", "nt", "Windows", "win32", "AMD64"),
            ("windows-arm64", "nt", "Windows", "win32", "ARM64"),
        ] {
            let values = environment(target, "3.12.1");
            let found = (
                values.os_name(),
                values.platform_system(),
                values.sys_platform(),
                values.platform_machine(),
            );
            assert_eq!(found, (os_name, system, platform, machine), "{target}");
        }
    }

    #[test]
    fn versions_come_from_the_full_version() {
        for (full, minor, kept) in [
            ("3.12.1", "3.12", "3.12.1"),
            ("3.14.0rc1", "3.14", "3.14.0rc1"),
            ("3.14.0a1+", "3.14", "3.14.0a1"),
            ("3.13.0 (main, Oct 2024)", "3.13", "3.13.0"),
            ("3", "3.0", "3"),
            ("", "3.9", "3.9.0"),
            ("nonsense", "3.9", "3.9.0"),
        ] {
            let values = environment("linux-x86_64-py3.9", full);
            assert_eq!(values.python_version().string, minor, "{full}");
            assert_eq!(values.python_full_version().string, kept, "{full}");
        }
    }

    #[test]
    fn implementations_print_and_parse() {
        for implementation in [
            Implementation::CPython,
            Implementation::CPythonFreeThreaded,
            Implementation::PyPy(7, 3),
            Implementation::GraalPy(24, 2),
        ] {
            assert_eq!(implementation.to_string().parse(), Ok(implementation));
        }
        assert!("jython".parse::<Implementation>().is_err());
    }

    #[test]
    fn markers_see_the_target() {
        let environment = environment("windows-x86_64", "3.11.4");
        let holds = |marker: &str| parse_marker(marker).unwrap().evaluate(&environment, &[]);
        assert!(holds("sys_platform == 'win32' and python_version >= '3.8'"));
        assert!(holds("platform_python_implementation == 'CPython'"));
        assert!(holds("python_full_version < '3.11.5'"));
        assert!(!holds("os_name == 'posix'"));
    }

    #[test]
    fn a_prerelease_of_python_is_that_python() {
        let environment = environment("linux-x86_64", "3.13.0rc1");
        let holds = |marker: &str| parse_marker(marker).unwrap().evaluate(&environment, &[]);
        assert!(holds("python_version == '3.13' and python_version >= '3.13'"));
        assert!(!holds("python_version < '3.13'") && !holds("python_full_version < '3.13'"));
    }
}
