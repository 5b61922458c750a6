//! The platform tags of a target, best first.
//! Sources: PEP 425, PEP 600 (manylinux), PEP 656 (musllinux), and the PyPA specification "Platform compatibility tags".

use wharf_core::{Arch, Os, OsVersion, Target};

/// Every platform tag whose wheels run on `target`, best first; `any` is not among them.
pub(super) fn platforms(target: &Target) -> Vec<String> {
    match (target.os, target.os_version) {
        (Os::Linux, OsVersion::Glibc(major, minor)) => {
            let mut tags = vec![format!("linux_{}", target.arch.as_str())];
            manylinux(target.arch, major, minor, &mut tags);
            tags
        }
        (Os::Linux, OsVersion::Musl(major, minor)) => {
            let arch = target.arch.as_str();
            let mut tags = vec![format!("linux_{arch}")];
            tags.extend(
                (0..=minor)
                    .rev()
                    .map(|minor| format!("musllinux_{major}_{minor}_{arch}")),
            );
            tags
        }
        (Os::Linux, OsVersion::Macos(..) | OsVersion::Windows) => {
            vec![format!("linux_{}", target.arch.as_str())]
        }
        (Os::Macos, OsVersion::Macos(major, minor)) => macos(target.arch, major, minor),
        (Os::Macos, OsVersion::Glibc(..) | OsVersion::Musl(..) | OsVersion::Windows) => Vec::new(),
        (Os::Windows, _) => windows(target.arch),
    }
}

/// The highest minor version that an earlier glibc series is taken to have had, should there ever be a glibc 3.
const LAST_GLIBC_MINOR: u16 = 50;

/// PEP 600 tags from the target's glibc down to the oldest one, with the older names (PEP 513, 571, 599) after the
/// versions that they stand for.
fn manylinux(arch: Arch, major: u16, minor: u16, tags: &mut Vec<String>) {
    // CentOS 5 (glibc 2.5) was supported on x86 only; CentOS 7 (glibc 2.17) is the floor elsewhere.
    let floor = match arch {
        Arch::X86_64 | Arch::X86 => 5,
        Arch::Aarch64 | Arch::Armv7l | Arch::Ppc64le | Arch::S390x | Arch::Riscv64 => 17,
    };
    let arch = arch.as_str();
    for series in (2..=major).rev() {
        let newest = if series == major { minor } else { LAST_GLIBC_MINOR };
        let oldest = if series == 2 { floor } else { 0 };
        for release in (oldest..=newest).rev() {
            tags.push(format!("manylinux_{series}_{release}_{arch}"));
            let legacy = match (series, release) {
                (2, 17) => "manylinux2014",
                (2, 12) => "manylinux2010",
                (2, 5) => "manylinux1",
                _ => continue,
            };
            tags.push(format!("{legacy}_{arch}"));
        }
    }
}

/// Tags from the target's macOS down. macOS 10 counted minor versions, its successors count major ones; each release
/// runs the binaries of those before it, and `universal2` binaries may claim a macOS older than the first Arm one.
fn macos(arch: Arch, major: u16, minor: u16) -> Vec<String> {
    let tag = |(major, minor): (u16, u16), format: &str| format!("macosx_{major}_{minor}_{format}");
    let mut tags = Vec::new();
    let mut all_formats = |version| {
        tags.extend(
            macos_formats(arch, version)
                .iter()
                .map(|format| tag(version, format)),
        );
    };
    if major == 10 {
        (0..=minor).rev().for_each(|minor| all_formats((10, minor)));
        return tags;
    }
    (11..=major).rev().for_each(|major| all_formats((major, 0)));
    let macos_10 = (4..=16).rev().map(|minor| (10, minor));
    if major > 10 && arch == Arch::X86_64 {
        macos_10.for_each(all_formats);
    } else if major > 10 {
        tags.extend(macos_10.map(|version| tag(version, "universal2")));
    }
    tags
}

/// The binary formats that hold code for `arch`, best first.
fn macos_formats(arch: Arch, version: (u16, u16)) -> &'static [&'static str] {
    match arch {
        Arch::X86_64 if version >= (10, 4) => {
            &["x86_64", "intel", "fat64", "fat3", "universal2", "universal"]
        }
        Arch::X86 if version >= (10, 4) => &["i386", "intel", "fat3", "fat", "universal"],
        Arch::Aarch64 => &["arm64", "universal2"],
        Arch::X86_64 | Arch::X86 | Arch::Armv7l | Arch::Ppc64le | Arch::S390x | Arch::Riscv64 => &[],
    }
}

fn windows(arch: Arch) -> Vec<String> {
    let tag = match arch {
        Arch::X86_64 => "win_amd64",
        Arch::Aarch64 => "win_arm64",
        Arch::X86 => "win32",
        Arch::Armv7l => "win_arm32",
        Arch::Ppc64le | Arch::S390x | Arch::Riscv64 => return Vec::new(),
    };
    vec![tag.to_owned()]
}
