//! The machines that prebuilt commands are for, by the compiler's names for them.
//!
//! Sources: cargo-binstall, SUPPORT.md ("Using `cfg` expressions", the variables of templates), and rustc's list of platforms.
//! Invariant: the first name of a machine is its own; those after it are of what it runs as well.

use std::borrow::Cow;

use cargo_platform::{Cfg, Platform};
use wharf_core::{Arch, Os, OsVersion, Target};

/// A name such as `x86_64-unknown-linux-gnu`, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triple {
    text: String,
    arch: &'static str,
    vendor: &'static str,
    system: &'static str,
    environment: &'static str,
}

impl Triple {
    /// The names under which commands for a machine are published, best first. What is linked statically against musl runs on
    /// every Linux.
    #[must_use]
    pub fn of_machine(target: &Target) -> Vec<Self> {
        match target.os {
            Os::Linux => {
                let musl = Self::linux(target.arch, "musl");
                match target.os_version {
                    OsVersion::Musl(..) => vec![musl],
                    _ => vec![Self::linux(target.arch, "gnu"), musl],
                }
            }
            Os::Macos => {
                let apple = |arch| Self::new(arch, "apple", "darwin", "unknown");
                let own = match target.arch {
                    Arch::Aarch64 => "aarch64",
                    _ => "x86_64",
                };
                let universal = ["universal", "universal2"].map(|name| Self {
                    text: format!("{name}-apple-darwin"),
                    ..apple("universal")
                });
                [apple(own)].into_iter().chain(universal).collect()
            }
            Os::Windows => ["msvc", "gnu"]
                .map(|environment| Self::new(arch(target.arch), "pc", "windows", environment))
                .to_vec(),
        }
    }

    fn linux(machine: Arch, libc: &str) -> Self {
        let environment = match (machine, libc) {
            (Arch::Armv7l, "gnu") => "gnueabihf",
            (Arch::Armv7l, _) => "musleabihf",
            (_, "gnu") => "gnu",
            (_, _) => "musl",
        };
        Self::new(arch(machine), "unknown", "linux", environment)
    }

    fn new(
        arch: &'static str,
        vendor: &'static str,
        system: &'static str,
        environment: &'static str,
    ) -> Self {
        let end = match environment {
            "unknown" => String::new(),
            environment => format!("-{environment}"),
        };
        Self {
            text: format!("{arch}-{vendor}-{system}{end}"),
            arch,
            vendor,
            system,
            environment,
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `.exe` where commands are named so.
    #[must_use]
    pub fn command_suffix(&self) -> &'static str {
        match self.is_windows() {
            true => ".exe",
            false => "",
        }
    }

    pub(super) fn is_windows(&self) -> bool {
        self.system == "windows"
    }

    /// rustc's word for the system.
    fn system_word(&self) -> &'static str {
        match self.system {
            "darwin" => "macos",
            other => other,
        }
    }

    /// What a template may ask of the machine.
    pub(super) fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let word = match key {
            "target" => &self.text,
            // Not rustc's family: the documentation says system and means it.
            "target-family" => self.system,
            "os-name" => self.system_word(),
            "target-arch" => self.arch,
            "target-libc" => self.environment,
            "target-vendor" => self.vendor,
            _ => return None,
        };
        Some(Cow::Borrowed(word))
    }

    /// Whether an entry of `overrides` is about the machine by its name.
    pub(super) fn is_named_by(&self, platform: &Platform) -> bool {
        matches!(platform, Platform::Name(name) if *name == self.text)
    }

    /// Whether one is by a `cfg(…)`.
    pub(super) fn is_described_by(&self, platform: &Platform) -> bool {
        matches!(platform, Platform::Cfg(_)) && platform.matches(&self.text, &self.facts())
    }

    fn facts(&self) -> Vec<Cfg> {
        let family = if self.is_windows() { "windows" } else { "unix" };
        let facts = [
            family.to_owned(),
            format!("target_family=\"{family}\""),
            format!("target_os=\"{}\"", self.system_word()),
            format!("target_arch=\"{}\"", self.arch),
            format!("target_env=\"{}\"", self.environment),
            format!("target_vendor=\"{}\"", self.vendor),
        ];
        facts.iter().filter_map(|fact| fact.parse().ok()).collect()
    }
}

fn arch(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "aarch64",
        Arch::X86 => "i686",
        Arch::Armv7l => "armv7",
        Arch::Ppc64le => "powerpc64le",
        Arch::S390x => "s390x",
        Arch::Riscv64 => "riscv64gc",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(target: &str) -> Vec<String> {
        let target: Target = target.parse().expect("it is a target");
        let names = Triple::of_machine(&target);
        names.iter().map(|triple| triple.as_str().to_owned()).collect()
    }

    #[test]
    fn machines_and_their_names() {
        for (target, expected) in [
            (
                "linux-x86_64",
                &["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"][..],
            ),
            ("linux-x86_64-musl1.2", &["x86_64-unknown-linux-musl"]),
            (
                "linux-armv7l",
                &["armv7-unknown-linux-gnueabihf", "armv7-unknown-linux-musleabihf"],
            ),
            (
                "linux-riscv64",
                &["riscv64gc-unknown-linux-gnu", "riscv64gc-unknown-linux-musl"],
            ),
            (
                "macos-arm64",
                &[
                    "aarch64-apple-darwin",
                    "universal-apple-darwin",
                    "universal2-apple-darwin",
                ],
            ),
            (
                "windows-x86_64",
                &["x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu"],
            ),
        ] {
            assert_eq!(names(target), expected, "{target}");
        }
    }

    #[test]
    fn what_an_override_is_about() {
        let of = |target: &str| Triple::of_machine(&target.parse().expect("it is a target")).remove(0);
        let (linux, apple) = (of("linux-x86_64"), of("macos-arm64"));
        for (platform, on_linux, on_apple) in [
            ("cfg(unix)", true, true),
            ("cfg(target_os = \"macos\")", false, true),
            (
                "cfg(all(target_os = \"linux\", target_env = \"gnu\"))",
                true,
                false,
            ),
            ("cfg(not(windows))", true, true),
            ("cfg(target_arch = \"aarch64\")", false, true),
            (
                "cfg(any(target_vendor = \"apple\", target_family = \"windows\"))",
                false,
                true,
            ),
        ] {
            let platform: Platform = platform.parse().expect("it is one");
            let found = (linux.is_described_by(&platform), apple.is_described_by(&platform));
            assert_eq!(found, (on_linux, on_apple), "{platform}");
        }
        let named: Platform = "x86_64-unknown-linux-gnu".parse().expect("it is one");
        assert!(linux.is_named_by(&named) && !linux.is_described_by(&named) && !apple.is_named_by(&named));
    }
}
