//! Targets: what a lock is solved for. A target is a platform (system, architecture, version of libc or of the system)
//! and, where Python takes part, a Python minor version. Invariant: parse∘print is the identity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

/// A processor architecture, named as Linux names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm (`arm64` on macOS and Windows).
    Aarch64,
    /// 32-bit x86.
    X86,
    /// 32-bit Arm with hardware floating point.
    Armv7l,
    /// 64-bit little-endian POWER.
    Ppc64le,
    /// IBM Z.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
}

impl Arch {
    const ALL: [Arch; 7] = [
        Arch::X86_64,
        Arch::Aarch64,
        Arch::X86,
        Arch::Armv7l,
        Arch::Ppc64le,
        Arch::S390x,
        Arch::Riscv64,
    ];

    /// The word in a target and in `uname -m` on Linux.
    pub const fn as_str(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
            Arch::X86 => "i686",
            Arch::Armv7l => "armv7l",
            Arch::Ppc64le => "ppc64le",
            Arch::S390x => "s390x",
            Arch::Riscv64 => "riscv64",
        }
    }
}

/// The version of what binaries link against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OsVersion {
    /// Linux with the GNU C library of at least this version.
    Glibc(u16, u16),
    /// Linux with musl of at least this version.
    Musl(u16, u16),
    /// macOS of at least this version.
    Macos(u16, u16),
    /// Windows; its version selects nothing.
    Windows,
}

/// A Python minor version such as 3.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonMinor {
    /// 3.
    pub major: u8,
    /// 12.
    pub minor: u8,
}

/// A kind of machine that a lock is solved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The operating system.
    pub os: Os,
    /// The architecture.
    pub arch: Arch,
    /// The oldest libc or system that the target includes.
    pub os_version: OsVersion,
    /// The Python minor version; `None` until an interpreter or the manifest fixes it.
    pub python: Option<PythonMinor>,
}

/// A text that is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a target: {reason} (write for example `linux-x86_64`, `linux-aarch64-musl1.2`, `macos-arm64` or `windows-x86_64`, with `-py3.12` for a Python version)"
)]
pub struct InvalidTarget {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Target {
    /// The glibc of a Linux target that names none: what the common wheels of today ask for.
    pub const DEFAULT_GLIBC: OsVersion = OsVersion::Glibc(2, 28);
    /// The macOS of a target that names none, on 64-bit Arm and elsewhere alike.
    pub const DEFAULT_MACOS: OsVersion = OsVersion::Macos(13, 0);

    /// The same target with a Python minor version.
    #[must_use]
    pub fn with_python(mut self, python: PythonMinor) -> Self {
        self.python = Some(python);
        self
    }

    /// The same target with no Python version.
    #[must_use]
    pub fn without_python(mut self) -> Self {
        self.python = None;
        self
    }

    /// Whether what was locked for `self` works on `host`: same system, architecture and Python, and a libc or system
    /// at least as new.
    pub fn includes(&self, host: &Target) -> bool {
        let new_enough = match (self.os_version, host.os_version) {
            (OsVersion::Glibc(..), OsVersion::Glibc(..))
            | (OsVersion::Musl(..), OsVersion::Musl(..))
            | (OsVersion::Macos(..), OsVersion::Macos(..))
            | (OsVersion::Windows, OsVersion::Windows) => host.os_version >= self.os_version,
            (OsVersion::Glibc(..) | OsVersion::Musl(..) | OsVersion::Macos(..) | OsVersion::Windows, _) => {
                false
            }
        };
        let python_fits = self.python.is_none() || self.python == host.python;
        self.os == host.os && self.arch == host.arch && new_enough && python_fits
    }
}

impl fmt::Display for PythonMinor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for PythonMinor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a Python minor version such as 3.12");
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            major: decimal(major).ok_or_else(wrong)?,
            minor: decimal(minor).ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.os, self.arch) {
            (Os::Linux, arch) => write!(f, "linux-{}", arch.as_str())?,
            (Os::Macos, Arch::Aarch64) => f.write_str("macos-arm64")?,
            (Os::Macos, arch) => write!(f, "macos-{}", arch.as_str())?,
            (Os::Windows, Arch::Aarch64) => f.write_str("windows-arm64")?,
            (Os::Windows, arch) => write!(f, "windows-{}", arch.as_str())?,
        }
        match self.os_version {
            version if version == Self::DEFAULT_GLIBC || version == Self::DEFAULT_MACOS => {}
            OsVersion::Glibc(major, minor) => write!(f, "-glibc{major}.{minor}")?,
            OsVersion::Musl(major, minor) => write!(f, "-musl{major}.{minor}")?,
            OsVersion::Macos(major, minor) => write!(f, "-{major}.{minor}")?,
            OsVersion::Windows => {}
        }
        match self.python {
            Some(python) => write!(f, "-py{python}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: &str| InvalidTarget {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let mut parts = text.split('-').peekable();
        let os = match parts.next() {
            Some("linux") => Os::Linux,
            Some("macos") => Os::Macos,
            Some("windows") => Os::Windows,
            _ => return Err(invalid("it starts with none of linux, macos, windows")),
        };
        let arch = parts
            .next()
            .and_then(parse_arch)
            .ok_or_else(|| invalid("its architecture is unknown"))?;
        let mut os_version = match os {
            Os::Linux => Self::DEFAULT_GLIBC,
            Os::Macos => Self::DEFAULT_MACOS,
            Os::Windows => OsVersion::Windows,
        };
        if let Some(part) = parts.next_if(|part| !part.starts_with("py")) {
            os_version =
                parse_os_version(os, part).ok_or_else(|| invalid("its system version is malformed"))?;
        }
        let python = match parts.next() {
            None => None,
            Some(part) => {
                let minor = part
                    .strip_prefix("py")
                    .ok_or_else(|| invalid("its last part is no Python version"))?;
                Some(minor.parse().map_err(|reason: String| invalid(&reason))?)
            }
        };
        if parts.next().is_some() {
            return Err(invalid("it has too many parts"));
        }
        Ok(Self {
            os,
            arch,
            os_version,
            python,
        })
    }
}

fn parse_arch(word: &str) -> Option<Arch> {
    match word {
        "arm64" => Some(Arch::Aarch64),
        "amd64" => Some(Arch::X86_64),
        "x86" => Some(Arch::X86),
        _ => Arch::ALL.into_iter().find(|arch| arch.as_str() == word),
    }
}

fn parse_os_version(os: Os, part: &str) -> Option<OsVersion> {
    let pair = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((decimal(major)?, decimal(minor)?))
    };
    match os {
        Os::Linux => match part.strip_prefix("glibc") {
            Some(version) => pair(version).map(|(major, minor)| OsVersion::Glibc(major, minor)),
            None => pair(part.strip_prefix("musl")?).map(|(major, minor)| OsVersion::Musl(major, minor)),
        },
        Os::Macos => pair(part).map(|(major, minor)| OsVersion::Macos(major, minor)),
        Os::Windows => None,
    }
}

/// Plain digits without sign or leading zero, so that printing gives the same text back.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_parse_and_print() {
        for text in [
            "linux-x86_64",
            "linux-x86_64-py3.12",
            "linux-x86_64-glibc2.36-py3.11",
            "linux-aarch64-musl1.2",
            "macos-arm64",
            "macos-x86_64-14.0-py3.13",
            "windows-x86_64-py3.12",
            "windows-arm64",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        let aliases = [
            ("linux-x86_64-glibc2.28", "linux-x86_64"),
            ("macos-aarch64", "macos-arm64"),
        ];
        for (alias, printed) in aliases {
            assert_eq!(alias.parse::<Target>().unwrap().to_string(), printed);
        }
        for bad in [
            "",
            "linux",
            "plan9-x86_64",
            "linux-vax",
            "windows-x86_64-10.0",
            "linux-x86_64-py3",
            "linux-x86_64-py3.1-x",
            "linux-x86_64-glibc2.036",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_older_libc_includes_newer_hosts() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        assert!(target("linux-x86_64").includes(&target("linux-x86_64-glibc2.36-py3.12")));
        assert!(target("linux-x86_64-py3.12").includes(&target("linux-x86_64-glibc2.36-py3.12")));
        assert!(!target("linux-x86_64-glibc2.36").includes(&target("linux-x86_64")));
        assert!(!target("linux-x86_64-musl1.2").includes(&target("linux-x86_64")));
        assert!(!target("linux-x86_64-py3.11").includes(&target("linux-x86_64-py3.12")));
    }
}
