//! Why a wheel does not fit a target, in words that name what would fit.

use std::fmt;

use wharf_core::{OsVersion, Target};

use super::Tags;
use crate::pypi::environment::Implementation;
use crate::pypi::filename::WheelName;

/// Why a wheel does not fit. Prints as a predicate of the wheel: "needs CPython 3.9".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incompatible {
    /// The wheel is for other Pythons.
    Python {
        /// What the wheel needs, such as `CPython 3.9`.
        needs: String,
        /// What the target has.
        has: String,
    },
    /// The Python fits, its binary interface does not.
    Abi {
        /// What the wheel needs, such as `the free-threaded build`.
        needs: String,
        /// What the target has.
        has: String,
    },
    /// The wheel is for another system or architecture.
    Platform {
        /// What the wheel needs, such as `Windows on x86_64`.
        needs: String,
        /// What the target has.
        has: String,
    },
    /// The system fits, but it is too old.
    TooOld {
        /// What the wheel needs, such as `glibc 2.39 or newer`.
        needs: String,
        /// What the target has.
        has: String,
    },
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Incompatible::Python { needs, has }
        | Incompatible::Abi { needs, has }
        | Incompatible::Platform { needs, has }
        | Incompatible::TooOld { needs, has }) = self;
        write!(f, "needs {needs} (the target has {has})")
    }
}

/// Finds the reason why a wheel that does not fit does not.
pub(super) fn explain(tags: &Tags, wheel: &WheelName) -> Incompatible {
    if !wheel.python().any(|tag| tags.knows_python(tag, wheel)) {
        return Incompatible::Python {
            needs: either(wheel.python().map(python_words)),
            has: own_python(tags),
        };
    }
    if wheel.platform().any(|tag| tags.has_platform(tag)) {
        return Incompatible::Abi {
            needs: either(wheel.abi().map(abi_words)),
            has: own_python(tags),
        };
    }
    let needs: Vec<Platform<'_>> = wheel.platform().map(Platform::parse).collect();
    let same_machine = needs
        .iter()
        .filter(|platform| platform.is_older_than(tags.target()));
    let oldest = same_machine.min_by_key(|platform| platform.version);
    match oldest {
        Some(platform) => Incompatible::TooOld {
            needs: platform.version_words(),
            has: target_version(tags.target()),
        },
        None => Incompatible::Platform {
            needs: either(needs.iter().map(Platform::to_string)),
            has: tags.target().without_python().to_string(),
        },
    }
}

/// The first three of some alternatives, joined with "or".
fn either(words: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    let shown = distinct.len().min(3);
    let mut text = distinct[..shown].join(" or ");
    if distinct.len() > shown {
        text.push_str(" or others");
    }
    text
}

/// `cp39` is CPython 3.9, `py2` is Python 2.
fn python_words(tag: &str) -> String {
    let (name, version) = tag.split_at(tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len()));
    let name = match name {
        "py" => "Python",
        "cp" => "CPython",
        "pp" => "PyPy",
        "ip" => "IronPython",
        "jy" => "Jython",
        "graalpy" => "GraalPy",
        _ => return format!("the Python tag `{tag}`"),
    };
    match version {
        "" => name.to_owned(),
        _ if version.len() == 1 => format!("{name} {version}"),
        _ => format!("{name} {}.{}", &version[..1], &version[1..]),
    }
}

fn abi_words(tag: &str) -> String {
    let digits = tag
        .strip_prefix("cp")
        .map(|rest| rest.trim_end_matches(|c: char| !c.is_ascii_digit()));
    match tag {
        "abi3" => "CPython's stable ABI (`abi3`)".to_owned(),
        "abi3t" => "the free-threaded stable ABI (`abi3t`)".to_owned(),
        "none" => "another Python".to_owned(),
        _ => match digits {
            Some(version) if tag.ends_with('t') && !version.is_empty() => {
                format!(
                    "the free-threaded build of {}",
                    python_words(&format!("cp{version}"))
                )
            }
            _ => format!("the ABI `{tag}`"),
        },
    }
}

fn own_python(tags: &Tags) -> String {
    let name = match tags.implementation() {
        Implementation::CPython => "CPython",
        Implementation::CPythonFreeThreaded => "free-threaded CPython",
        Implementation::PyPy(..) => "PyPy",
        Implementation::GraalPy(..) => "GraalPy",
    };
    match tags.target().python {
        Some(python) => format!("{name} {python}"),
        None => "no Python version".to_owned(),
    }
}

fn target_version(target: &Target) -> String {
    match target.os_version {
        OsVersion::Glibc(major, minor) => format!("glibc {major}.{minor}"),
        OsVersion::Musl(major, minor) => format!("musl {major}.{minor}"),
        OsVersion::Macos(major, minor) => format!("macOS {major}.{minor}"),
        OsVersion::Windows => "Windows".to_owned(),
    }
}

/// A platform tag taken apart.
struct Platform<'a> {
    tag: &'a str,
    family: Family,
    version: (u16, u16),
    arch: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Glibc,
    Musl,
    Macos,
    Windows,
    Linux,
    Other,
}

impl<'a> Platform<'a> {
    fn parse(tag: &'a str) -> Self {
        let versioned = |family, rest: &'a str| {
            let mut parts = rest.splitn(3, '_');
            let major = parts.next()?.parse().ok()?;
            let minor = parts.next()?.parse().ok()?;
            Some((family, (major, minor), parts.next()?))
        };
        let legacy = |prefix: &str, version| {
            let arch = tag.strip_prefix(prefix)?;
            Some((Family::Glibc, version, arch))
        };
        let (family, version, arch) = legacy("manylinux2014_", (2, 17))
            .or_else(|| legacy("manylinux2010_", (2, 12)))
            .or_else(|| legacy("manylinux1_", (2, 5)))
            .or_else(|| versioned(Family::Glibc, tag.strip_prefix("manylinux_")?))
            .or_else(|| versioned(Family::Musl, tag.strip_prefix("musllinux_")?))
            .or_else(|| versioned(Family::Macos, tag.strip_prefix("macosx_")?))
            .or_else(|| Some((Family::Linux, (0, 0), tag.strip_prefix("linux_")?)))
            .or_else(|| Some((Family::Windows, (0, 0), tag.strip_prefix("win_")?)))
            .or_else(|| (tag == "win32").then_some((Family::Windows, (0, 0), "x86")))
            .unwrap_or((Family::Other, (0, 0), tag));
        Self {
            tag,
            family,
            version,
            arch,
        }
    }

    /// Whether only the version keeps the target from running this.
    fn is_older_than(&self, target: &Target) -> bool {
        let (family, version) = match target.os_version {
            OsVersion::Glibc(major, minor) => (Family::Glibc, (major, minor)),
            OsVersion::Musl(major, minor) => (Family::Musl, (major, minor)),
            OsVersion::Macos(major, minor) => (Family::Macos, (major, minor)),
            OsVersion::Windows => return false,
        };
        let own = target.arch.as_str();
        let same_arch = match (self.family, own) {
            (Family::Macos, "aarch64") => matches!(self.arch, "arm64" | "universal2"),
            (Family::Macos, "x86_64") => matches!(self.arch, "x86_64" | "universal2" | "intel"),
            _ => self.arch == own,
        };
        self.family == family && same_arch && version < self.version
    }

    fn version_words(&self) -> String {
        let (major, minor) = self.version;
        match self.family {
            Family::Glibc => format!("glibc {major}.{minor} or newer"),
            Family::Musl => format!("musl {major}.{minor} or newer"),
            Family::Macos => format!("macOS {major}.{minor} or newer"),
            Family::Windows | Family::Linux | Family::Other => self.to_string(),
        }
    }
}

impl fmt::Display for Platform<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arch = match self.arch {
            "amd64" => "x86_64",
            arch => arch,
        };
        match self.family {
            Family::Glibc => write!(f, "Linux with glibc on {arch}"),
            Family::Musl => write!(f, "Linux with musl on {arch}"),
            Family::Linux => write!(f, "Linux on {arch}"),
            Family::Macos => write!(f, "macOS on {arch}"),
            Family::Windows => write!(f, "Windows on {arch}"),
            Family::Other => write!(f, "the platform `{}`", self.tag),
        }
    }
}
