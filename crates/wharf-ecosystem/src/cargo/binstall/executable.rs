//! Whether a file is a command for a machine, told from its bytes. Sources: elf(5), the ELF supplement of the Linux Standard Base
//! ("Symbol Versioning"), and Apple's `mach-o/loader.h` and `mach-o/fat.h`.
//!
//! Invariant: nothing is run, and whatever bytes come, the answer is a verdict.

use wharf_core::{Arch, Os, OsVersion, Target};

/// The most program headers, needed libraries and needed versions that are looked at.
const MOST: usize = 4096;

/// A file that the system of a machine would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The system.
    pub os: Os,
    /// The processors that it has code for, as far as they are known.
    pub processors: Vec<Arch>,
    /// Its dynamic loader, if it has one.
    pub loader: Option<String>,
    /// The newest glibc that it needs.
    pub glibc: Option<(u16, u16)>,
}

/// Why a file is no command for a machine, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

impl Executable {
    /// Reads a file's beginning and, for ELF, its dynamic section.
    ///
    /// # Errors
    /// Where it is not a native executable, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, Unfit> {
        match bytes.get(..4) {
            Some(b"\x7fELF") => elf(bytes),
            Some([0xcf, 0xfa, 0xed, 0xfe]) => mach_o(bytes),
            Some([0xca, 0xfe, 0xba, 0xbe]) => fat(bytes),
            Some([b'#', b'!', ..]) => Err(unfit("it is a script")),
            _ => Err(unfit("it is not a native executable")),
        }
    }

    /// Whether a machine can start it.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn fits(&self, target: &Target) -> Result<(), Unfit> {
        if self.os != target.os {
            return Err(unfit("it is for another system"));
        }
        if !self.processors.contains(&target.arch) {
            return Err(unfit("it is for another processor"));
        }
        let loader = self.loader.as_deref().and_then(|path| path.rsplit('/').next());
        let is_musl = loader.is_some_and(|name| name.starts_with("ld-musl"));
        match target.os_version {
            OsVersion::Glibc(..) if is_musl => {
                Err(unfit("it needs musl's loader, and this machine has glibc"))
            }
            OsVersion::Musl(..) if loader.is_some() && !is_musl => {
                Err(unfit("it needs glibc's loader, and this machine has musl"))
            }
            OsVersion::Glibc(major, minor) => match self.glibc {
                Some(needed) if needed > (major, minor) => Err(Unfit(format!(
                    "it needs glibc {}.{}, and this machine has {major}.{minor}",
                    needed.0, needed.1
                ))),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn unfit(reason: &str) -> Unfit {
    Unfit(reason.to_owned())
}

/// Numbers at places, in a file's own byte order.
struct Reader<'b> {
    bytes: &'b [u8],
    wide: bool,
    little: bool,
}

impl Reader<'_> {
    fn number(&self, at: usize, width: usize) -> Option<u64> {
        let field = self.bytes.get(at..at.checked_add(width)?)?;
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(match self.little {
            true => field.iter().rev().fold(0, join),
            false => field.iter().fold(0, join),
        })
    }

    fn index(&self, at: usize, width: usize) -> Option<usize> {
        usize::try_from(self.number(at, width)?).ok()
    }

    /// A field whose place and width depend on the class.
    fn address(&self, base: usize, wide: usize, narrow: usize) -> Option<usize> {
        match self.wide {
            true => self.index(base.checked_add(wide)?, 8),
            false => self.index(base.checked_add(narrow)?, 4),
        }
    }

    fn text(&self, at: usize) -> Option<&str> {
        let rest = self.bytes.get(at..)?;
        let rest = &rest[..rest.len().min(4096)];
        std::str::from_utf8(rest.split(|byte| *byte == 0).next()?).ok()
    }
}

/// One program header.
struct Segment {
    kind: u64,
    offset: usize,
    address: usize,
    size: usize,
}

fn elf(bytes: &[u8]) -> Result<Executable, Unfit> {
    read_elf(bytes).ok_or_else(|| unfit("its ELF header is cut off"))?
}

fn read_elf(bytes: &[u8]) -> Option<Result<Executable, Unfit>> {
    const EXECUTABLE: u64 = 2;
    const SHARED: u64 = 3;
    let reader = Reader {
        bytes,
        wide: *bytes.get(4)? == 2,
        little: *bytes.get(5)? == 1,
    };
    // System V and GNU; others name another system.
    if !matches!(*bytes.get(7)?, 0 | 3) {
        return Some(Err(unfit("it is for another system")));
    }
    if !matches!(reader.number(16, 2)?, EXECUTABLE | SHARED) {
        return Some(Err(unfit("it is not an executable but an object file")));
    }
    let segments = segments(&reader)?;
    const INTERPRETER: u64 = 3;
    let interpreter = segments.iter().find(|segment| segment.kind == INTERPRETER);
    Some(Ok(Executable {
        os: Os::Linux,
        processors: processor(&reader).into_iter().collect(),
        loader: interpreter.and_then(|segment| reader.text(segment.offset).map(str::to_owned)),
        glibc: needed_glibc(&reader, &segments),
    }))
}

fn processor(reader: &Reader<'_>) -> Option<Arch> {
    match (reader.number(18, 2)?, reader.wide, reader.little) {
        (62, true, true) => Some(Arch::X86_64),
        (183, true, true) => Some(Arch::Aarch64),
        (3, false, true) => Some(Arch::X86),
        (40, false, true) => Some(Arch::Armv7l),
        (21, true, true) => Some(Arch::Ppc64le),
        (22, true, false) => Some(Arch::S390x),
        (243, true, true) => Some(Arch::Riscv64),
        _ => None,
    }
}

fn segments(reader: &Reader<'_>) -> Option<Vec<Segment>> {
    let table = reader.address(0, 32, 28)?;
    let (size, count) = match reader.wide {
        true => (reader.index(54, 2)?, reader.index(56, 2)?),
        false => (reader.index(42, 2)?, reader.index(44, 2)?),
    };
    let entries = (0..count.min(MOST)).map(|entry| {
        let at = table.checked_add(entry.checked_mul(size)?)?;
        Some(Segment {
            kind: reader.number(at, 4)?,
            offset: reader.address(at, 8, 4)?,
            address: reader.address(at, 16, 8)?,
            size: reader.address(at, 32, 16)?,
        })
    });
    entries.collect()
}

/// The newest `GLIBC_x.y` of the versions that the file needs.
fn needed_glibc(reader: &Reader<'_>, segments: &[Segment]) -> Option<(u16, u16)> {
    const LOAD: u64 = 1;
    const DYNAMIC: u64 = 2;
    const STRINGS: u64 = 5;
    const VERSIONS: u64 = 0x6fff_fffe;
    let in_file = |address: usize| {
        let load = segments.iter().find(|segment| {
            segment.kind == LOAD
                && address
                    .checked_sub(segment.address)
                    .is_some_and(|inside| inside < segment.size)
        })?;
        load.offset.checked_add(address - load.address)
    };
    let dynamic = segments.iter().find(|segment| segment.kind == DYNAMIC)?;
    let width = if reader.wide { 8 } else { 4 };
    let (mut strings, mut versions) = (None, None);
    for entry in 0..MOST {
        let at = dynamic.offset.checked_add(entry * width * 2)?;
        match reader.number(at, width)? {
            0 => break,
            STRINGS => strings = in_file(reader.index(at + width, width)?),
            VERSIONS => versions = in_file(reader.index(at + width, width)?),
            _ => {}
        }
    }
    let (strings, mut library) = (strings?, versions?);
    let mut newest = None;
    for _ in 0..MOST {
        let mut version = library.checked_add(reader.index(library.checked_add(8)?, 4)?)?;
        for _ in 0..reader.index(library.checked_add(2)?, 2)?.min(MOST) {
            let name = strings.checked_add(reader.index(version.checked_add(8)?, 4)?)?;
            newest = newest.max(reader.text(name).and_then(glibc_version));
            match reader.index(version.checked_add(12)?, 4)? {
                0 => break,
                next => version = version.checked_add(next)?,
            }
        }
        match reader.index(library.checked_add(12)?, 4)? {
            0 => break,
            next => library = library.checked_add(next)?,
        }
    }
    newest
}

fn glibc_version(name: &str) -> Option<(u16, u16)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn mach_o(bytes: &[u8]) -> Result<Executable, Unfit> {
    const EXECUTE: u64 = 2;
    let reader = Reader {
        bytes,
        wide: true,
        little: true,
    };
    let cut = || unfit("its Mach-O header is cut off");
    let processor = apple_processor(reader.number(4, 4).ok_or_else(cut)?);
    if reader.number(12, 4).ok_or_else(cut)? != EXECUTE {
        return Err(unfit("it is not an executable but a library or an object file"));
    }
    Ok(apple(processor.into_iter().collect()))
}

/// Several executables in one file; a file of Java's classes begins with the same bytes and has more "parts".
fn fat(bytes: &[u8]) -> Result<Executable, Unfit> {
    let reader = Reader {
        bytes,
        wide: false,
        little: false,
    };
    let cut = || unfit("its Mach-O header is cut off");
    let count = reader.index(4, 4).ok_or_else(cut)?;
    if count > 16 {
        return Err(unfit("it is not a native executable"));
    }
    let parts = (0..count).map(|part| reader.number(8 + part * 20, 4).ok_or_else(cut));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok(apple(parts.into_iter().filter_map(apple_processor).collect()))
}

fn apple(processors: Vec<Arch>) -> Executable {
    Executable {
        os: Os::Macos,
        processors,
        loader: None,
        glibc: None,
    }
}

fn apple_processor(number: u64) -> Option<Arch> {
    match number {
        0x0100_0007 => Some(Arch::X86_64),
        0x0100_000c => Some(Arch::Aarch64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().expect("it is a target")
    }

    /// A header of 64 bytes and nothing else.
    fn header(machine: u8, kind: u8, system: u8) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        (bytes[7], bytes[16], bytes[18], bytes[54]) = (system, kind, machine, 56);
        bytes
    }

    fn verdict(bytes: &[u8], machine: &str) -> String {
        let verdict = Executable::read(bytes).and_then(|found| found.fits(&target(machine)));
        verdict.map_or_else(|reason| reason.to_string(), |()| "fits".to_owned())
    }

    #[test]
    fn what_fits_which_machine() {
        let fat = [
            &[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2][..],
            &[1, 0, 0, 7],
            &[0; 16],
            &[1, 0, 0, 12],
            &[0; 16],
        ]
        .concat();
        let mut thin = vec![0xcf, 0xfa, 0xed, 0xfe, 12, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0];
        thin.resize(32, 0);
        let java = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 0];
        for (bytes, machine, expected) in [
            (&header(62, 3, 0)[..], "linux-x86_64", "fits"),
            (&header(62, 2, 3), "linux-x86_64-musl1.2", "fits"),
            (&header(62, 3, 0), "linux-aarch64", "it is for another processor"),
            (&header(62, 3, 0), "macos-x86_64", "it is for another system"),
            (&header(62, 3, 9), "linux-x86_64", "it is for another system"),
            (
                &header(62, 1, 0),
                "linux-x86_64",
                "it is not an executable but an object file",
            ),
            (
                &header(62, 3, 0)[..20],
                "linux-x86_64",
                "its ELF header is cut off",
            ),
            (b"#!/bin/sh\n", "linux-x86_64", "it is a script"),
            (b"MZ..", "linux-x86_64", "it is not a native executable"),
            (b"", "linux-x86_64", "it is not a native executable"),
            (&fat, "macos-arm64", "fits"),
            (&fat, "macos-x86_64", "fits"),
            (&fat[..12], "macos-arm64", "its Mach-O header is cut off"),
            (&thin, "macos-arm64", "fits"),
            (&thin, "macos-x86_64", "it is for another processor"),
            (&java, "macos-arm64", "it is not a native executable"),
        ] {
            assert_eq!(verdict(bytes, machine), expected, "{machine}, {bytes:02x?}");
        }
    }

    #[test]
    fn a_loader_tells_the_library() {
        let with = |loader: Option<&str>, glibc| Executable {
            os: Os::Linux,
            processors: vec![Arch::X86_64],
            loader: loader.map(str::to_owned),
            glibc,
        };
        let check = |executable: &Executable, machine: &str, expected: Result<(), &str>| {
            let verdict = executable
                .fits(&target(machine))
                .map_err(|reason| reason.to_string());
            assert_eq!(
                verdict,
                expected.map_err(str::to_owned),
                "{machine}, {executable:?}"
            );
        };
        let (gnu, musl) = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1");
        check(&with(Some(gnu), Some((2, 17))), "linux-x86_64", Ok(()));
        check(
            &with(Some(gnu), Some((2, 99))),
            "linux-x86_64",
            Err("it needs glibc 2.99, and this machine has 2.28"),
        );
        check(
            &with(Some(gnu), None),
            "linux-x86_64-musl1.2",
            Err("it needs glibc's loader, and this machine has musl"),
        );
        check(
            &with(Some(musl), None),
            "linux-x86_64",
            Err("it needs musl's loader, and this machine has glibc"),
        );
        check(&with(None, None), "linux-x86_64-musl1.2", Ok(()));
    }
}
