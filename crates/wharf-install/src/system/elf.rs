//! What the loader's cache needs of an ELF file: for which machine it is, and what it calls itself.
//!
//! Invariant: every offset is checked; bytes that are no shared object give `None`. Source: elf(5), the System V gABI.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// A shared object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Library {
    pub(crate) soname: Option<Vec<u8>>,
    /// The kind of library as the cache has it: `FLAG_ELF_LIBC6` and the machine's bits.
    pub(crate) flags: u32,
}

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const TAG_STRTAB: u64 = 5;
const TAG_SONAME: u64 = 14;
/// No dynamic section and no string table of a library is larger.
const MOST: u64 = 64 << 20;

/// Reads a library; `None` for what is none.
pub(crate) fn read(file: &File) -> Option<Library> {
    let mut ident = [0u8; 64];
    let count = file.read_at(&mut ident, 0).ok()?;
    if count < 52 || &ident[..4] != b"\x7fELF" || ident[6] != 1 {
        return None;
    }
    let elf = Elf {
        file,
        wide: match ident[4] {
            1 => false,
            2 => true,
            _ => return None,
        },
        little: match ident[5] {
            1 => true,
            2 => false,
            _ => return None,
        },
    };
    let kind = elf.number(&ident, 16, 2)?;
    if kind != 3 || (elf.wide && count < 64) {
        return None; // not ET_DYN
    }
    let machine = elf.number(&ident, 18, 2)?;
    let eflags = elf.number(&ident, if elf.wide { 48 } else { 36 }, 4)? as u32;
    Some(Library {
        soname: elf.soname(&ident)?,
        flags: flags(machine as u16, elf.wide, eflags)?,
    })
}

/// The kind of library in the cache. Source: glibc, `ldconfig.h` and each port's `readelflib.c`.
fn flags(machine: u16, wide: bool, eflags: u32) -> Option<u32> {
    const LIBC6: u32 = 0x0003;
    Some(
        LIBC6
            | match (machine, wide) {
                (62, true) => 0x0300,                         // x86-64
                (62, false) => 0x0800,                        // x32
                (3, false) => 0,                              // i386
                (183, true) => 0x0a00,                        // AArch64
                (40, false) if eflags & 0x400 != 0 => 0x0900, // Arm, hard float
                (40, false) if eflags & 0x200 != 0 => 0x0b00, // Arm, soft float
                (40, false) => 0,
                (21, true) => 0x0500,                     // PowerPC 64
                (22, true) => 0x0400,                     // S/390 64
                (243, true) if eflags & 6 == 4 => 0x1000, // RISC-V, double float
                (243, true) if eflags & 6 == 0 => 0x0f00, // RISC-V, soft float
                (258, true) if eflags & 7 == 3 => 0x1200, // LoongArch, double float
                (258, true) if eflags & 7 == 1 => 0x1100, // LoongArch, soft float
                (8, true) => 0x0700,                      // MIPS 64
                (8, false) => 0,
                _ => return None,
            },
    )
}

struct Elf<'a> {
    file: &'a File,
    wide: bool,
    little: bool,
}

impl Elf<'_> {
    fn number(&self, bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let field = bytes.get(at..at.checked_add(size)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self.little {
            true => field.iter().rev().fold(0, fold),
            false => field.iter().fold(0, fold),
        })
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u64> {
        self.number(bytes, at, if self.wide { 8 } else { 4 })
    }

    fn bytes(&self, at: u64, size: u64) -> Option<Vec<u8>> {
        if size > MOST {
            return None;
        }
        let mut bytes = vec![0; size as usize];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }

    /// The name it calls itself by, where it has one; `None` where it cannot be read.
    fn soname(&self, header: &[u8]) -> Option<Option<Vec<u8>>> {
        let (offset, size, count) = match self.wide {
            true => (
                self.number(header, 32, 8)?,
                self.number(header, 54, 2)?,
                self.number(header, 56, 2)?,
            ),
            false => (
                self.number(header, 28, 4)?,
                self.number(header, 42, 2)?,
                self.number(header, 44, 2)?,
            ),
        };
        let least = if self.wide { 56 } else { 32 };
        if size < least {
            return None;
        }
        let table = self.bytes(offset, size * count)?;
        let mut loads = Vec::new();
        let mut dynamic = None;
        for segment in table.chunks_exact(size as usize) {
            let kind = self.number(segment, 0, 4)? as u32;
            let at = |wide: usize, narrow: usize| self.word(segment, if self.wide { wide } else { narrow });
            let (offset, address, length) = (at(8, 4)?, at(16, 8)?, at(32, 16)?);
            match kind {
                LOAD => loads.push((address, offset, length)),
                DYNAMIC => dynamic = Some((offset, length)),
                _ => {}
            }
        }
        let (offset, length) = dynamic?;
        let dynamic = self.bytes(offset, length)?;
        let width = if self.wide { 16 } else { 8 };
        let (mut strings, mut soname) = (None, None);
        for pair in dynamic.chunks_exact(width) {
            match (self.word(pair, 0)?, self.word(pair, width / 2)?) {
                (0, _) => break,
                (TAG_STRTAB, value) => strings = Some(value),
                (TAG_SONAME, value) => soname = Some(value),
                _ => {}
            }
        }
        let (Some(strings), Some(soname)) = (strings, soname) else {
            return Some(None);
        };
        let holds = |(address, _, length): &&(u64, u64, u64)| {
            strings
                .checked_sub(*address)
                .is_some_and(|inside| inside < *length)
        };
        let (address, offset, _) = loads.iter().find(holds)?;
        let at = (strings - address).checked_add(*offset)?.checked_add(soname)?;
        let mut text = [0u8; 256];
        let count = self.file.read_at(&mut text, at).ok()?;
        let end = text[..count].iter().position(|byte| *byte == 0)?;
        Some(Some(text[..end].to_vec()))
    }
}
