//! Architectures of Debian packages and patterns over them (`linux-any`, `any-amd64`). Invariant: a pattern that names
//! one architecture matches that one only. Source: Debian Policy 11.1, deb-src-control(5), dpkg-architecture(1).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use wharf_core::{Arch, Os, OsVersion, Target};

/// An architecture as packages name it: `amd64`, `armhf`, `all`. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture(Arc<str>);

/// A text that cannot name an architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an architecture: use lower-case letters, digits and `-`")]
pub struct InvalidArchitecture(pub String);

impl Architecture {
    /// The word for packages that fit every machine.
    pub const ALL: &'static str = "all";

    /// Reads an architecture; one that Debian does not know is taken too, for repositories of its own kind.
    ///
    /// # Errors
    /// Where `text` has other characters, or is a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidArchitecture> {
        if is_architecture(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidArchitecture(text.to_owned()))
        }
    }

    /// `all`: packages that fit every machine.
    pub fn all() -> Self {
        Self(Self::ALL.into())
    }

    /// Those that Debian and Ubuntu have packages for, or had, on Linux and the Hurd.
    pub const KNOWN: &[&str] = &[
        "amd64",
        "arm64",
        "armel",
        "armhf",
        "i386",
        "loong64",
        "mips64el",
        "mipsel",
        "ppc64el",
        "riscv64",
        "s390x",
        "alpha",
        "hppa",
        "hurd-amd64",
        "hurd-i386",
        "ia64",
        "m68k",
        "mips",
        "powerpc",
        "ppc64",
        "sh4",
        "sparc64",
        "x32",
    ];

    /// Whether it is among [`Architecture::KNOWN`].
    pub fn is_known(&self) -> bool {
        Self::KNOWN.contains(&self.as_str())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `all`.
    pub fn is_all(&self) -> bool {
        &*self.0 == Self::ALL
    }

    /// The architecture whose packages run on a target: those with the GNU C library, on Linux.
    pub fn of(target: &Target) -> Option<Self> {
        match (target.os, target.os_version) {
            (Os::Linux, OsVersion::Glibc(..)) => Some(Self::of_machine(target.arch)),
            (Os::Linux | Os::Macos | Os::Windows, _) => None,
        }
    }

    /// The architecture of packages for a processor, on Linux with the GNU C library.
    pub fn of_machine(arch: Arch) -> Self {
        Self(
            match arch {
                Arch::X86_64 => "amd64",
                Arch::Aarch64 => "arm64",
                Arch::X86 => "i386",
                Arch::Armv7l => "armhf",
                Arch::Ppc64le => "ppc64el",
                Arch::S390x => "s390x",
                Arch::Riscv64 => "riscv64",
            }
            .into(),
        )
    }

    /// The processor, where Wharf has targets with it.
    pub fn machine(&self) -> Option<Arch> {
        match self.as_str() {
            "amd64" => Some(Arch::X86_64),
            "arm64" => Some(Arch::Aarch64),
            "i386" => Some(Arch::X86),
            "armhf" => Some(Arch::Armv7l),
            "ppc64el" => Some(Arch::Ppc64le),
            "s390x" => Some(Arch::S390x),
            "riscv64" => Some(Arch::Riscv64),
            _ => None,
        }
    }

    /// The name of the folder under `/usr/lib` for libraries of this architecture (`x86_64-linux-gnu`), where it is a
    /// Linux with the GNU C library.
    pub fn multiarch_triplet(&self) -> Option<String> {
        let tuple = Tuple::of(self.as_str())?;
        let system = match (tuple.abi, tuple.libc, tuple.os) {
            ("base", "gnu", "linux") => "linux-gnu",
            ("eabi", "gnu", "linux") => "linux-gnueabi",
            ("eabihf", "gnu", "linux") => "linux-gnueabihf",
            ("abi64", "gnu", "linux") => "linux-gnuabi64",
            ("abin32", "gnu", "linux") => "linux-gnuabin32",
            ("x32", "gnu", "linux") => "linux-gnux32",
            ("base", "musl", "linux") => "linux-musl",
            ("base", "gnu", "hurd") => "gnu",
            _ => return None,
        };
        let processor = match tuple.cpu {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "i386" => "i386",
            "loong64" => "loongarch64",
            "ppc64el" => "powerpc64le",
            "ppc64" => "powerpc64",
            other => other,
        };
        Some(format!("{processor}-{system}"))
    }
}

/// Whether a text can name an architecture: no pattern, and characters that are safe in file names.
pub fn is_architecture(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().copied().all(legal)
        && !text.split('-').any(|part| part == "any" || part.is_empty())
}

/// An architecture by its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tuple<'a> {
    abi: &'a str,
    libc: &'a str,
    os: &'a str,
    cpu: &'a str,
}

/// Architectures that are not called after their processor: what they are called, and their parts.
const NAMED: [(&str, [&str; 4]); 20] = [
    ("armhf", ["eabihf", "gnu", "linux", "arm"]),
    ("armel", ["eabi", "gnu", "linux", "arm"]),
    ("x32", ["x32", "gnu", "linux", "amd64"]),
    ("arm64ilp32", ["ilp32", "gnu", "linux", "arm64"]),
    ("powerpcspe", ["spe", "gnu", "linux", "powerpc"]),
    ("mips64", ["abi64", "gnu", "linux", "mips64"]),
    ("mips64el", ["abi64", "gnu", "linux", "mips64el"]),
    ("mips64r6", ["abi64", "gnu", "linux", "mips64r6"]),
    ("mips64r6el", ["abi64", "gnu", "linux", "mips64r6el"]),
    ("mipsn32", ["abin32", "gnu", "linux", "mips64"]),
    ("mipsn32el", ["abin32", "gnu", "linux", "mips64el"]),
    ("mipsn32r6", ["abin32", "gnu", "linux", "mips64r6"]),
    ("mipsn32r6el", ["abin32", "gnu", "linux", "mips64r6el"]),
    ("musl-linux-armhf", ["eabihf", "musl", "linux", "arm"]),
    ("uclibc-linux-armel", ["eabi", "uclibc", "linux", "arm"]),
    ("kfreebsd-armhf", ["eabihf", "gnu", "kfreebsd", "arm"]),
    ("uclinux-armel", ["eabi", "uclibc", "uclinux", "arm"]),
    ("mint-m68k", ["base", "tos", "mint", "m68k"]),
    ("linux-armhf", ["eabihf", "gnu", "linux", "arm"]),
    ("linux-armel", ["eabi", "gnu", "linux", "arm"]),
];

/// Prefixes of architectures with another system or another C library, and what these are.
const SYSTEMS: [(&str, &str, &str); 16] = [
    ("musl-linux", "musl", "linux"),
    ("uclibc-linux", "uclibc", "linux"),
    ("linux", "gnu", "linux"),
    ("kfreebsd", "gnu", "kfreebsd"),
    ("knetbsd", "gnu", "knetbsd"),
    ("kopensolaris", "gnu", "kopensolaris"),
    ("hurd", "gnu", "hurd"),
    ("darwin", "bsd", "darwin"),
    ("dragonflybsd", "bsd", "dragonflybsd"),
    ("freebsd", "bsd", "freebsd"),
    ("netbsd", "bsd", "netbsd"),
    ("openbsd", "bsd", "openbsd"),
    ("aix", "sysv", "aix"),
    ("solaris", "sysv", "solaris"),
    ("uclinux", "uclibc", "uclinux"),
    ("mint", "tos", "mint"),
];

impl<'a> Tuple<'a> {
    /// The parts of an architecture's name; `None` for `all` and for systems that Debian does not know.
    fn of(name: &'a str) -> Option<Self> {
        if name == Architecture::ALL {
            return None;
        }
        if let Some((_, [abi, libc, os, cpu])) = NAMED.iter().find(|(known, _)| *known == name) {
            return Some(Self { abi, libc, os, cpu });
        }
        match name.rsplit_once('-') {
            None => Some(Self {
                abi: "base",
                libc: "gnu",
                os: "linux",
                cpu: name,
            }),
            Some((system, cpu)) => {
                SYSTEMS
                    .iter()
                    .find(|(prefix, ..)| *prefix == system)
                    .map(|(_, libc, os)| Self {
                        abi: "base",
                        libc,
                        os,
                        cpu,
                    })
            }
        }
    }

    /// The parts of a pattern, from the right: processor, system, C library, ABI; what is left out is `any`.
    fn of_pattern(pattern: &'a str) -> Option<Self> {
        let mut parts = pattern.rsplitn(4, '-');
        let cpu = parts.next()?;
        let mut next = || parts.next().unwrap_or("any");
        let (os, libc, abi) = (next(), next(), next());
        Some(Self { abi, libc, os, cpu })
    }
}

/// Whether a pattern (`amd64`, `any`, `linux-any`, `any-i386`, `musl-any-any`) has the architecture `name` in it.
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    if !is_pattern(pattern) {
        // `linux-amd64` is another way to write `amd64`.
        return Tuple::of(pattern).is_some_and(|tuple| Some(tuple) == Tuple::of(name));
    }
    let (Some(pattern), Some(tuple)) = (Tuple::of_pattern(pattern), Tuple::of(name)) else {
        return false;
    };
    let fits = |wanted: &str, part: &str| wanted == "any" || wanted == part;
    fits(pattern.abi, tuple.abi)
        && fits(pattern.libc, tuple.libc)
        && fits(pattern.os, tuple.os)
        && fits(pattern.cpu, tuple.cpu)
}

/// Whether a text names several architectures: `any` is one of its parts.
pub fn is_pattern(text: &str) -> bool {
    text.split('-').any(|part| part == "any")
}

impl FromStr for Architecture {
    type Err = InvalidArchitecture;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("amd64", "amd64", true),
            ("amd64", "i386", false),
            ("any", "amd64", true),
            ("any", "hurd-i386", true),
            ("any", "all", false),
            ("all", "all", true),
            ("linux-any", "amd64", true),
            ("linux-any", "armhf", true),
            ("linux-any", "hurd-i386", false),
            ("linux-any", "musl-linux-amd64", true),
            ("any-i386", "hurd-i386", true),
            ("any-i386", "i386", true),
            ("any-amd64", "x32", true),
            ("any-arm", "armhf", true),
            ("any-arm", "arm64", false),
            ("gnu-any-any", "amd64", true),
            ("gnu-any-any", "musl-linux-amd64", false),
            ("musl-any-any", "musl-linux-amd64", true),
            ("eabihf-any-any-any", "armhf", true),
            ("eabihf-any-any-any", "armel", false),
            ("kfreebsd-any", "kfreebsd-amd64", true),
            ("any-any", "amd64", true),
            ("any-any-any-any", "s390x", true),
            ("linux-amd64", "amd64", true),
            ("hurd-any", "hurd-amd64", true),
            ("any-mips64", "mipsn32", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} over {name}");
        }
    }

    #[test]
    fn names() {
        for good in ["amd64", "all", "kfreebsd-i386", "musl-linux-armhf", "loong64"] {
            assert_eq!(Architecture::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "any", "linux-any", "AMD64", "a/b", "-x", "a--b", "x-", "é"] {
            assert!(Architecture::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_have_architectures() {
        for arch in [
            Arch::X86_64,
            Arch::Aarch64,
            Arch::X86,
            Arch::Armv7l,
            Arch::Ppc64le,
            Arch::S390x,
            Arch::Riscv64,
        ] {
            assert_eq!(Architecture::of_machine(arch).machine(), Some(arch));
        }
        let of = |target: &str| Architecture::of(&target.parse().unwrap()).map(|name| name.to_string());
        assert_eq!(of("linux-x86_64"), Some("amd64".to_owned()));
        assert_eq!(of("linux-aarch64-musl1.2"), None);
        assert_eq!(of("macos-arm64"), None);
    }

    #[test]
    fn library_folders() {
        for (name, folder) in [
            ("amd64", Some("x86_64-linux-gnu")),
            ("i386", Some("i386-linux-gnu")),
            ("armhf", Some("arm-linux-gnueabihf")),
            ("ppc64el", Some("powerpc64le-linux-gnu")),
            ("mips64el", Some("mips64el-linux-gnuabi64")),
            ("x32", Some("x86_64-linux-gnux32")),
            ("hurd-i386", Some("i386-gnu")),
            ("all", None),
        ] {
            let architecture = Architecture::parse(name).unwrap();
            assert_eq!(architecture.multiarch_triplet().as_deref(), folder, "{name}");
        }
    }
}
