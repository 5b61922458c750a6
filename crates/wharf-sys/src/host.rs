//! What this machine is: operating system, architecture and the version of what binaries link against.
//!
//! Invariant: no program is run to find out, except musl's own loader on musl systems, which has no other way to
//! tell its version. Sources: PEP 600 (manylinux), PEP 656 (musllinux), gnu_get_libc_version(3), elf(5).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use wharf_core::{Arch, Os, OsVersion, Target};

/// A machine that Wharf has no packages for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The operating system is none of those that targets name.
    #[error("this operating system (`{0}`) is not one that Wharf installs packages on")]
    UnknownOs(&'static str),
    /// The processor is none of those that targets name.
    #[error("this processor architecture (`{0}`) is not one that Wharf installs packages on")]
    UnknownArch(&'static str),
    /// Neither glibc nor musl was found.
    #[error("the C library of this system could not be recognised (looked at {})", .looked_at.join(", "))]
    UnknownLibc {
        /// The files that were looked at.
        looked_at: Vec<String>,
    },
}

impl wharf_core::Explain for HostError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownOs(_) => "host/unknown-os",
            Self::UnknownArch(_) => "host/unknown-arch",
            Self::UnknownLibc { .. } => "host/unknown-libc",
        }
    }

    fn fault(&self) -> wharf_core::Fault {
        wharf_core::Fault::World
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "name the target yourself: `targets = [\"linux-x86_64\"]` under `[project]` in wharf.toml"
                .to_owned(),
        ]
    }
}

/// This machine as a lock target, without a Python version. Found once per process.
///
/// # Errors
/// The system, the processor or the C library is unknown.
pub fn target() -> Result<Target, HostError> {
    static TARGET: OnceLock<Result<Target, HostError>> = OnceLock::new();
    TARGET.get_or_init(detect).clone()
}

fn detect() -> Result<Target, HostError> {
    let os = host_os()?;
    let os_version = match os {
        Os::Linux => linux_libc()?,
        Os::Macos => macos_version().unwrap_or(Target::DEFAULT_MACOS),
        Os::Windows => OsVersion::Windows,
    };
    Ok(Target {
        os,
        arch: host_arch()?,
        os_version,
        python: None,
    })
}

fn host_os() -> Result<Os, HostError> {
    match std::env::consts::OS {
        "linux" => Ok(Os::Linux),
        "macos" => Ok(Os::Macos),
        "windows" => Ok(Os::Windows),
        other => Err(HostError::UnknownOs(other)),
    }
}

fn host_arch() -> Result<Arch, HostError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(Arch::X86_64),
        "aarch64" => Ok(Arch::Aarch64),
        "x86" => Ok(Arch::X86),
        "arm" => Ok(Arch::Armv7l),
        "powerpc64" if cfg!(target_endian = "little") => Ok(Arch::Ppc64le),
        "s390x" => Ok(Arch::S390x),
        "riscv64" => Ok(Arch::Riscv64),
        other => Err(HostError::UnknownArch(other)),
    }
}

/// The C library that programs of this system use. A Wharf that was linked statically against musl may well run
/// on a glibc system, so only a Wharf linked against glibc may ask its own library.
fn linux_libc() -> Result<OsVersion, HostError> {
    if let Some(version) = own_glibc().as_deref().and_then(parse_pair) {
        return Ok(OsVersion::Glibc(version.0, version.1));
    }
    let mut looked_at = Vec::new();
    for program in ["/usr/bin/env", "/bin/sh", "/usr/bin/python3", "/bin/ls"] {
        looked_at.push(program.to_owned());
        let Some(loader) = interpreter_of_file(Path::new(program)) else {
            continue;
        };
        looked_at.push(loader.display().to_string());
        if let Some(version) = libc_of_loader(&loader) {
            return Ok(version);
        }
    }
    Err(HostError::UnknownLibc { looked_at })
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc tells its version through a C function only")]
fn own_glibc() -> Option<String> {
    // SAFETY: gnu_get_libc_version takes nothing, always succeeds, and returns a pointer to a NUL-terminated
    // string in read-only memory that lives as long as the process.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_str().ok().map(str::to_owned)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn own_glibc() -> Option<String> {
    None
}

/// The version of the C library that a dynamic loader belongs to.
fn libc_of_loader(loader: &Path) -> Option<OsVersion> {
    let name = loader.file_name()?.to_str()?;
    if name.starts_with("ld-musl") {
        let told = Command::new(loader).stdin(Stdio::null()).output().ok()?;
        let (major, minor) = musl_version(&String::from_utf8_lossy(&told.stderr))?;
        return Some(OsVersion::Musl(major, minor));
    }
    // glibc installs its library beside its loader once symbolic links are followed.
    let folder = loader.canonicalize().ok()?.parent()?.to_owned();
    let library = std::fs::read(folder.join("libc.so.6")).ok()?;
    let (major, minor) = glibc_version(&library)?;
    Some(OsVersion::Glibc(major, minor))
}

/// The version in musl's answer to being run without arguments: a line `Version 1.2.3`.
fn musl_version(answer: &str) -> Option<(u16, u16)> {
    let mut lines = answer.lines();
    lines.next().filter(|line| line.contains("musl"))?;
    lines.find_map(|line| parse_pair(line.strip_prefix("Version ")?))
}

/// The version in the banner that glibc's library carries: `GNU C Library (…) stable release version 2.36.`
fn glibc_version(library: &[u8]) -> Option<(u16, u16)> {
    const BANNER: &[u8] = b"GNU C Library";
    const BEFORE: &[u8] = b"release version ";
    let start = find(library, BANNER)?;
    let banner = &library[start..library.len().min(start + 200)];
    let version = find(banner, BEFORE)? + BEFORE.len();
    parse_pair(&String::from_utf8_lossy(&banner[version..]))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Reads the `major.minor` that a text starts with.
fn parse_pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.trim().split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn interpreter_of_file(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    // Program headers and the interpreter's name lie in the first page of every common executable.
    File::open(path).ok()?.take(8192).read_to_end(&mut head).ok()?;
    elf_interpreter(&head).map(PathBuf::from)
}

/// The dynamic loader that an ELF executable names (`PT_INTERP`), from the file's first bytes. `None` for anything
/// else, including static executables and names that lie beyond the bytes given.
#[must_use]
pub fn elf_interpreter(head: &[u8]) -> Option<String> {
    const PT_INTERP: u64 = 3;
    if head.get(..4)? != b"\x7fELF" {
        return None;
    }
    let wide = *head.get(4)? == 2;
    let little = *head.get(5)? == 1;
    let number = |offset: usize, width: usize| -> Option<u64> {
        let field = head.get(offset..offset.checked_add(width)?)?;
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if little {
            field.iter().rev().fold(0, join)
        } else {
            field.iter().fold(0, join)
        })
    };
    let index = |offset, width| number(offset, width).and_then(|value| usize::try_from(value).ok());
    let (table, entry_size, entries) = if wide {
        (index(32, 8)?, index(54, 2)?, index(56, 2)?)
    } else {
        (index(28, 4)?, index(42, 2)?, index(44, 2)?)
    };
    for entry in 0..entries {
        let at = table.checked_add(entry.checked_mul(entry_size)?)?;
        if number(at, 4)? != PT_INTERP {
            continue;
        }
        let (offset, size) = if wide {
            (index(at.checked_add(8)?, 8)?, index(at.checked_add(32)?, 8)?)
        } else {
            (index(at.checked_add(4)?, 4)?, index(at.checked_add(16)?, 4)?)
        };
        let name = head.get(offset..offset.checked_add(size)?)?;
        let name = name.split(|byte| *byte == 0).next()?;
        return std::str::from_utf8(name).ok().map(str::to_owned);
    }
    None
}

/// The version of macOS from the file that Apple keeps it in; no program is started.
fn macos_version() -> Option<OsVersion> {
    let text = read_text(Path::new("/System/Library/CoreServices/SystemVersion.plist")).ok()?;
    let (major, minor) = product_version(&text)?;
    Some(OsVersion::Macos(major, minor))
}

fn read_text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// `ProductVersion` in Apple's property list. A version such as `14` counts as 14.0.
fn product_version(plist: &str) -> Option<(u16, u16)> {
    let after = plist.split("<key>ProductVersion</key>").nth(1)?;
    let value = after.split("<string>").nth(1)?.split("</string>").next()?;
    parse_pair(value).or_else(|| Some((value.trim().parse().ok()?, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known() {
        let target = target().unwrap();
        assert_eq!(target.os == Os::Linux, cfg!(target_os = "linux"));
        assert_eq!(target.python, None);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn the_library_file_agrees_with_the_library() {
        let told = parse_pair(&own_glibc().unwrap()).unwrap();
        let loader = interpreter_of_file(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(libc_of_loader(&loader), Some(OsVersion::Glibc(told.0, told.1)));
    }

    #[test]
    fn musl_answers() {
        let check = |answer: &str, expected| assert_eq!(musl_version(answer), expected, "{answer}");
        check(
            "musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n",
            Some((1, 2)),
        );
        check("musl libc (i386)\nVersion 1.1.24_git20200121\n", Some((1, 1)));
        check("ld-linux: missing program\nVersion 2.3\n", None);
        check("", None);
    }

    #[test]
    fn glibc_banners() {
        let check =
            |banner: &str, expected| assert_eq!(glibc_version(banner.as_bytes()), expected, "{banner}");
        check(
            "\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
            Some((2, 36)),
        );
        check(
            "GNU C Library development release version 2.41.9000.",
            Some((2, 41)),
        );
        check("GNU C Library (no version)", None);
        check("", None);
    }

    #[test]
    fn apple_versions() {
        let plist = |version: &str| {
            format!(
                "<dict><key>ProductName</key><string>macOS</string>\n<key>ProductVersion</key>\n\t<string>{version}</string></dict>"
            )
        };
        assert_eq!(product_version(&plist("14.6.1")), Some((14, 6)));
        assert_eq!(product_version(&plist("26")), Some((26, 0)));
        assert_eq!(product_version(&plist("soon")), None);
        assert_eq!(product_version("garbage"), None);
    }

    #[test]
    fn broken_executables_have_no_interpreter() {
        let mut head = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        head.truncate(4096);
        for length in 0..head.len() {
            // Every cut must end in an answer, never in a panic.
            let _ = elf_interpreter(&head[..length]);
        }
        assert_eq!(elf_interpreter(b"#!/bin/sh\n"), None);
        let mut huge = head.clone();
        if huge.len() > 64 {
            huge[32..40].fill(0xff);
            assert_eq!(elf_interpreter(&huge), None);
        }
    }
}
