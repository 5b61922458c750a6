//! Which packages are for which machines: `os`, `cpu` and `libc` of a manifest.
//! Sources: docs.npmjs.com, "package.json"; pnpm.io and yarnpkg.com, "supportedArchitectures"; the words are node's `process.platform` and `process.arch`.

use std::fmt;

use serde::Serialize;
use wharf_core::target::{Arch, Os, OsVersion, Target};

/// The machines that packages are installed for, in the words of npm: one of each list, in any combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machines {
    os: Vec<String>,
    cpu: Vec<String>,
    libc: Libcs,
    /// In words.
    shown: String,
}

/// The C libraries of those machines.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Libcs {
    These(Vec<String>),
    /// Linux machines that are not this one, and nothing says which they have.
    All,
}

/// What a project says about the machines that its packages are installed for (pnpm's and yarn's `supportedArchitectures`). A list
/// that is empty means this machine, as does the word `current`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MachineWords {
    /// Words of node's `process.platform`.
    pub os: Vec<String>,
    /// Words of node's `process.arch`.
    pub cpu: Vec<String>,
    /// `glibc`, `musl`.
    pub libc: Vec<String>,
}

impl Machines {
    /// One machine.
    pub fn only(target: &Target) -> Self {
        Self::stated(&MachineWords::default(), target)
    }

    /// Those that a project states; `target` is this machine.
    pub fn stated(words: &MachineWords, target: &Target) -> Self {
        let resolved = |list: &[String], own: Option<&str>| -> Vec<String> {
            let current = || own.map(str::to_owned);
            if list.is_empty() {
                return current().into_iter().collect();
            }
            let words = list.iter().filter_map(|word| match word.as_str() {
                "current" => current(),
                word => Some(word.to_owned()),
            });
            words.collect()
        };
        let os = resolved(&words.os, Some(os_word(target)));
        let cpu = resolved(&words.cpu, Some(cpu_word(target)));
        let libc = resolved(&words.libc, libc_word(target));
        let mut shown = target.to_string();
        if *words != MachineWords::default() {
            let lists = [("os", &os), ("cpu", &cpu), ("libc", &libc)].into_iter();
            let lists = lists.filter(|(_, list)| !list.is_empty());
            let lists: Vec<String> = lists
                .map(|(field, list)| format!("{field}: {}", list.join(", ")))
                .collect();
            shown = lists.join("; ");
        }
        let is_foreign_linux = libc_word(target).is_none() && os.iter().any(|os| os == "linux");
        Self {
            libc: match libc.is_empty() && is_foreign_linux {
                true => Libcs::All,
                false => Libcs::These(libc),
            },
            os,
            cpu,
            shown,
        }
    }

    /// Whether a package is for one of them. Each list names what it is for, or with `!` what it is not for; an empty one allows everything.
    pub fn fit(&self, os: &[String], cpu: &[String], libc: &[String]) -> bool {
        allows_any(os, &self.os) && allows_any(cpu, &self.cpu) && self.fits_libc(libc)
    }

    /// What of a package's lists fits none of them, in words (`os: darwin`); `None` where it is for one of them.
    pub fn why_not(&self, os: &[String], cpu: &[String], libc: &[String]) -> Option<String> {
        let lists = [
            ("os", os, allows_any(os, &self.os)),
            ("cpu", cpu, allows_any(cpu, &self.cpu)),
            ("libc", libc, self.fits_libc(libc)),
        ];
        let unfit: Vec<_> = lists
            .into_iter()
            .filter(|(_, _, fits)| !fits)
            .map(|(field, list, _)| format!("{field}: {}", list.join(", ")))
            .collect();
        (!unfit.is_empty()).then(|| unfit.join("; "))
    }

    fn fits_libc(&self, libc: &[String]) -> bool {
        match &self.libc {
            Libcs::All => true,
            // A package that names a C library is for Linux.
            Libcs::These(own) if own.is_empty() => libc.is_empty() || is_any(libc),
            Libcs::These(own) => allows_any(libc, own),
        }
    }
}

impl fmt::Display for Machines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Whether a package is for a target, as [`Machines::fit`] has it.
pub fn fits(os: &[String], cpu: &[String], libc: &[String], target: &Target) -> bool {
    Machines::only(target).fit(os, cpu, libc)
}

/// Node's word for the operating system.
pub fn os_word(target: &Target) -> &'static str {
    match target.os {
        Os::Linux => "linux",
        Os::Macos => "darwin",
        Os::Windows => "win32",
    }
}

/// Node's word for the processor.
pub fn cpu_word(target: &Target) -> &'static str {
    match target.arch {
        Arch::X86_64 => "x64",
        Arch::Aarch64 => "arm64",
        Arch::X86 => "ia32",
        Arch::Armv7l => "arm",
        Arch::Ppc64le => "ppc64",
        Arch::S390x => "s390x",
        Arch::Riscv64 => "riscv64",
    }
}

/// npm's word for the C library; `None` where there is but one.
pub fn libc_word(target: &Target) -> Option<&'static str> {
    match target.os_version {
        OsVersion::Glibc(..) => Some("glibc"),
        OsVersion::Musl(..) => Some("musl"),
        OsVersion::Macos(..) | OsVersion::Windows => None,
    }
}

fn is_any(list: &[String]) -> bool {
    matches!(list, [only] if only == "any")
}

fn allows_any(list: &[String], words: &[String]) -> bool {
    words.iter().any(|word| allows(list, word))
}

fn allows(list: &[String], word: &str) -> bool {
    if list.is_empty() || is_any(list) {
        return true;
    }
    if list.iter().any(|entry| entry.strip_prefix('!') == Some(word)) {
        return false;
    }
    list.iter().any(|entry| entry == word) || list.iter().all(|entry| entry.starts_with('!'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, os: &[&str], cpu: &[&str], libc: &[&str], expected: Option<&str>) {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (os, cpu, libc) = (owned(os), owned(cpu), owned(libc));
        let parsed: Target = target.parse().unwrap();
        let shown = format!("{target} {os:?} {cpu:?} {libc:?}");
        let only = Machines::only(&parsed);
        assert_eq!(only.why_not(&os, &cpu, &libc).as_deref(), expected, "{shown}");
        assert_eq!(fits(&os, &cpu, &libc, &parsed), expected.is_none(), "{shown}");
    }

    #[test]
    fn lists_and_targets() {
        let linux = "linux-x86_64";
        check(linux, &[], &[], &[], None);
        check(linux, &["linux"], &["x64"], &["glibc"], None);
        check(linux, &["any"], &["any"], &["any"], None);
        check(linux, &["darwin", "linux"], &[], &[], None);
        check(linux, &["!win32"], &[], &[], None);
        check(linux, &["!linux"], &[], &[], Some("os: !linux"));
        check(linux, &["!win32", "darwin"], &[], &[], Some("os: !win32, darwin"));
        check(
            linux,
            &["darwin"],
            &["arm64"],
            &[],
            Some("os: darwin; cpu: arm64"),
        );
        check(linux, &[], &[], &["musl"], Some("libc: musl"));
        check("linux-aarch64-musl1.2", &["linux"], &["arm64"], &["musl"], None);
        check("macos-arm64", &["darwin"], &["arm64"], &[], None);
        check("macos-arm64", &[], &[], &["glibc"], Some("libc: glibc"));
        check("windows-x86_64", &["win32"], &["x64", "ia32"], &[], None);
    }

    fn stated(machine: &str, os: &[&str], cpu: &[&str], libc: &[&str]) -> Machines {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let words = MachineWords {
            os: owned(os),
            cpu: owned(cpu),
            libc: owned(libc),
        };
        Machines::stated(&words, &machine.parse().unwrap())
    }

    /// The packages of a kind that most tools come as.
    fn chosen(machines: &Machines) -> Vec<&'static str> {
        let packages = [
            ("linux-x64", "linux", "x64", Some("glibc")),
            ("linux-x64-musl", "linux", "x64", Some("musl")),
            ("linux-arm64", "linux", "arm64", Some("glibc")),
            ("darwin-arm64", "darwin", "arm64", None),
            ("darwin-x64", "darwin", "x64", None),
            ("win32-x64", "win32", "x64", None),
            ("wasm", "", "wasm32", None),
        ];
        let list = |word: &str| Vec::from_iter((!word.is_empty()).then(|| word.to_owned()));
        let chosen = packages.into_iter().filter(|(_, os, cpu, libc)| {
            let libc: Vec<String> = libc.iter().map(|libc| (*libc).to_owned()).collect();
            machines.fit(&list(os), &list(cpu), &libc)
        });
        chosen.map(|(name, _, _, _)| name).collect()
    }

    #[test]
    fn machines_that_a_project_states() {
        let linux = "linux-x86_64";
        for (machines, expected) in [
            (stated(linux, &[], &[], &[]), &["linux-x64"][..]),
            (
                stated(linux, &["current"], &["current"], &["current"]),
                &["linux-x64"],
            ),
            (stated(linux, &["win32"], &[], &[]), &["win32-x64"]),
            (
                stated(linux, &["darwin", "current"], &["x64", "arm64"], &[]),
                &["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"],
            ),
            (
                stated(linux, &[], &[], &["current", "musl"]),
                &["linux-x64", "linux-x64-musl"],
            ),
            (
                stated(linux, &[], &["current", "wasm32"], &[]),
                &["linux-x64", "wasm"],
            ),
            // Nobody knows which C library the others have.
            (
                stated("macos-arm64", &["linux", "current"], &["current", "x64"], &[]),
                &[
                    "linux-x64",
                    "linux-x64-musl",
                    "linux-arm64",
                    "darwin-arm64",
                    "darwin-x64",
                ],
            ),
            (
                stated("macos-arm64", &["linux"], &["x64"], &["musl"]),
                &["linux-x64-musl"],
            ),
        ] {
            assert_eq!(chosen(&machines), expected, "{machines:?}");
        }
    }

    #[test]
    fn what_a_package_is_not_for_rules_out_that_machine_alone() {
        let not_windows = ["!win32".to_owned()];
        for (os, expected) in [
            (&["win32"][..], Some("os: !win32")),
            (&["win32", "darwin"], None),
            (&["current"], None),
        ] {
            let machines = stated("linux-x86_64", os, &[], &[]);
            assert_eq!(
                machines.why_not(&not_windows, &[], &[]).as_deref(),
                expected,
                "{os:?}"
            );
        }
        let words = stated("linux-x86_64", &["win32", "current"], &[], &[]).to_string();
        assert_eq!(words, "os: win32, linux; cpu: x64; libc: glibc");
    }
}
