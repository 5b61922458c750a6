//! Which packages are for which machines: `os`, `cpu` and `libc` of a manifest.
//! Source: docs.npmjs.com, "package.json"; the words are node's `process.platform` and `process.arch`.

use wharf_core::target::{Arch, Os, OsVersion, Target};

/// Whether a package is for a target. Each list names what it is for, or with `!` what it is not for; an empty one allows everything.
pub fn fits(os: &[String], cpu: &[String], libc: &[String], target: &Target) -> bool {
    allows(os, os_word(target)) && allows(cpu, cpu_word(target)) && fits_libc(libc, target)
}

/// What of a package's lists does not fit a target, in words (`os: darwin`); `None` where it is for the target.
pub fn why_not(os: &[String], cpu: &[String], libc: &[String], target: &Target) -> Option<String> {
    let lists = [
        ("os", os, allows(os, os_word(target))),
        ("cpu", cpu, allows(cpu, cpu_word(target))),
    ];
    let libc = [("libc", libc, fits_libc(libc, target))];
    let unfit: Vec<_> = lists
        .into_iter()
        .chain(libc)
        .filter(|(_, _, fits)| !fits)
        .map(|(field, list, _)| format!("{field}: {}", list.join(", ")))
        .collect();
    (!unfit.is_empty()).then(|| unfit.join("; "))
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

fn fits_libc(libc: &[String], target: &Target) -> bool {
    match libc_word(target) {
        Some(word) => allows(libc, word),
        // A package that names a C library is for Linux.
        None => libc.is_empty() || is_any(libc),
    }
}

fn is_any(list: &[String]) -> bool {
    matches!(list, [only] if only == "any")
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
        assert_eq!(why_not(&os, &cpu, &libc, &parsed).as_deref(), expected, "{shown}");
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
}
