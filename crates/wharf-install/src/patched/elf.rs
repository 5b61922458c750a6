//! A program's loader and library folders, exchanged: bytes in, bytes out.
//!
//! The new words lie at the end of the file, in a segment of their own whose header takes the place of a note's; the table of
//! strings is copied there, and the dynamic section where it has no entry to spare. Nothing else moves, so that no address in the program changes. The folders go into
//! `DT_RPATH`, which counts for what libraries need too, as `DT_RUNPATH` does not. Sources: elf(5), ld.so(8), the System V
//! gABI's chapter on dynamic linking.
//!
//! Invariants: no input makes it panic or read outside; what it does not understand is refused and never changed.

/// Why a file is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It is no 64-bit little-endian ELF file, or not for this machine.
    #[error("it is not for this kind of machine")]
    Foreign,
    /// It says something that cannot be, such as a segment beyond its end.
    #[error("it is malformed")]
    Malformed,
    /// It needs no libraries.
    #[error("it is linked statically")]
    Static,
    /// There is no header to spare.
    #[error("it has no room for the names of another loader and of its libraries")]
    Full,
}

/// What a file is, as far as that counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind<'a> {
    /// The loader that a program asks for; none in a library.
    pub interpreter: Option<&'a [u8]>,
    /// The folders in which it has its libraries looked for, with colons between.
    pub folders: Option<&'a [u8]>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const PT_GNU_PROPERTY: u32 = 0x6474_e553;
const READ: u32 = 4;
const WRITE: u32 = 2;
const DT_NULL: u64 = 0;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
/// The largest page that a segment is laid out for; what is said beyond would make the file as long.
const LARGEST_PAGE: u64 = 1 << 21;
/// Sizes of a header of a segment and of an entry of the dynamic section.
const HEADER: usize = 56;
const ENTRY: usize = 16;

/// A header of a segment.
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    size: u64,
    in_memory: u64,
    align: u64,
}

/// A file, read as far as needed.
struct Elf<'a> {
    bytes: &'a [u8],
    table: usize,
    segments: Vec<Segment>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ElfError> {
    let end = at.checked_add(N).ok_or(ElfError::Malformed)?;
    let slice = bytes.get(at..end).ok_or(ElfError::Malformed)?;
    slice.try_into().map_err(|_| ElfError::Malformed)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, ElfError> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, ElfError> {
    number(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, ElfError> {
    number(bytes, at).map(u64::from_le_bytes)
}

fn index(number: u64) -> Result<usize, ElfError> {
    usize::try_from(number).map_err(|_| ElfError::Malformed)
}

/// The machine that this program was built for, as ELF numbers it.
const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    62
} else if cfg!(target_arch = "aarch64") {
    183
} else if cfg!(target_arch = "riscv64") {
    243
} else {
    0
};

impl<'a> Elf<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ElfError> {
        if bytes.get(..6) != Some(b"\x7fELF\x02\x01") || u16_at(bytes, 18)? != MACHINE {
            return Err(ElfError::Foreign);
        }
        let table = index(u64_at(bytes, 32)?)?;
        if usize::from(u16_at(bytes, 54)?) != HEADER {
            return Err(ElfError::Malformed);
        }
        let count = usize::from(u16_at(bytes, 56)?);
        let segments = (0..count).map(|number| {
            let at = table.checked_add(number * HEADER).ok_or(ElfError::Malformed)?;
            Ok(Segment {
                kind: u32_at(bytes, at)?,
                flags: u32_at(bytes, at + 4)?,
                offset: u64_at(bytes, at + 8)?,
                address: u64_at(bytes, at + 16)?,
                size: u64_at(bytes, at + 32)?,
                in_memory: u64_at(bytes, at + 40)?,
                align: u64_at(bytes, at + 48)?,
            })
        });
        let segments = segments.collect::<Result<_, _>>()?;
        Ok(Self {
            bytes,
            table,
            segments,
        })
    }

    fn first(&self, kind: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    fn slice(&self, from: u64, size: u64) -> Result<&'a [u8], ElfError> {
        let from = index(from)?;
        let end = from.checked_add(index(size)?).ok_or(ElfError::Malformed)?;
        self.bytes.get(from..end).ok_or(ElfError::Malformed)
    }

    /// Where in the file an address is.
    fn offset(&self, address: u64) -> Result<u64, ElfError> {
        let mut loads = self.segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let inside =
            |segment: &&Segment| address >= segment.address && address - segment.address < segment.size;
        let segment = loads.find(inside).ok_or(ElfError::Malformed)?;
        segment
            .offset
            .checked_add(address - segment.address)
            .ok_or(ElfError::Malformed)
    }

    fn dynamic(&self) -> Result<Dynamic<'a>, ElfError> {
        let segment = self.first(PT_DYNAMIC).ok_or(ElfError::Static)?;
        let bytes = self.slice(segment.offset, segment.size)?;
        let mut entries = Vec::new();
        for at in (0..bytes.len() / ENTRY).map(|number| number * ENTRY) {
            entries.push((u64_at(bytes, at)?, u64_at(bytes, at + 8)?));
        }
        let value = |tag| {
            entries
                .iter()
                .find(|(found, _)| *found == tag)
                .map(|(_, value)| *value)
        };
        let strings = value(DT_STRTAB).ok_or(ElfError::Malformed)?;
        let size = value(DT_STRSZ).ok_or(ElfError::Malformed)?;
        let strings = self.slice(self.offset(strings)?, size)?;
        Ok(Dynamic {
            at: index(segment.offset)?,
            entries,
            strings,
        })
    }
}

/// The dynamic section.
struct Dynamic<'a> {
    at: usize,
    entries: Vec<(u64, u64)>,
    strings: &'a [u8],
}

impl<'a> Dynamic<'a> {
    fn folders(&self) -> Option<&'a [u8]> {
        let (_, at) = self
            .entries
            .iter()
            .find(|(tag, _)| matches!(*tag, DT_RPATH | DT_RUNPATH))?;
        let text = self.strings.get(index(*at).ok()?..)?;
        Some(&text[..text.iter().position(|byte| *byte == 0)?])
    }

    /// The entries that stay whatever the folders are.
    fn kept(&self) -> impl Iterator<Item = &(u64, u64)> {
        let used = self.entries.iter().take_while(|(tag, _)| *tag != DT_NULL);
        used.filter(|(tag, _)| !matches!(*tag, DT_RPATH | DT_RUNPATH))
    }

    fn entries_with_folders(&self) -> usize {
        self.kept().count() + 1
    }

    /// The entries with new strings and folders: as many as there were, or where the section moves as many as it needs.
    fn with(&self, strings: u64, size: u64, folders: u64, moved: bool) -> Vec<(u64, u64)> {
        let mut entries: Vec<(u64, u64)> = self
            .kept()
            .map(|(tag, value)| match *tag {
                DT_STRTAB => (DT_STRTAB, strings),
                DT_STRSZ => (DT_STRSZ, size),
                tag => (tag, *value),
            })
            .collect();
        entries.push((DT_RPATH, folders));
        // One at least ends the section.
        let length = match moved {
            true => entries.len() + 1,
            false => self.entries.len(),
        };
        entries.resize(length, (DT_NULL, 0));
        entries
    }
}

/// What a file is.
///
/// # Errors
/// It is none that could be changed.
pub fn kind(bytes: &[u8]) -> Result<Kind<'_>, ElfError> {
    let elf = Elf::read(bytes)?;
    let interpreter = match elf.first(PT_INTERP) {
        Some(segment) => {
            let text = elf.slice(segment.offset, segment.size)?;
            Some(text.strip_suffix(b"\0").unwrap_or(text))
        }
        None => None,
    };
    let folders = elf.dynamic()?.folders();
    Ok(Kind { interpreter, folders })
}

/// A file with another loader, if it asks for one, and other folders for its libraries.
///
/// # Errors
/// It is none that can be changed.
pub fn patch(bytes: &[u8], interpreter: &[u8], folders: &[u8]) -> Result<Vec<u8>, ElfError> {
    let elf = Elf::read(bytes)?;
    let dynamic = elf.dynamic()?;
    let spare = |segment: &Segment| matches!(segment.kind, PT_NOTE | PT_GNU_PROPERTY);
    let spare = elf.segments.iter().position(spare).ok_or(ElfError::Full)?;
    let loads = || elf.segments.iter().filter(|segment| segment.kind == PT_LOAD);
    let align = loads()
        .map(|load| load.align)
        .max()
        .filter(|align| align.is_power_of_two());
    let align = align.filter(|align| *align <= LARGEST_PAGE);
    let align = align.ok_or(ElfError::Malformed)?.max(4096);
    let end = loads().map(|load| load.address.checked_add(load.in_memory));
    let end = end
        .collect::<Option<Vec<u64>>>()
        .and_then(|ends| ends.into_iter().max());
    let up = |number: u64| number.checked_next_multiple_of(align);
    // Far from where sums of addresses would not fit.
    let address = end
        .and_then(up)
        .filter(|address| *address < 1 << 62)
        .ok_or(ElfError::Malformed)?;
    let offset = up(bytes.len() as u64).ok_or(ElfError::Malformed)?;

    // The dynamic section comes first where it moves, then the strings, then the loader.
    let moved = dynamic.entries_with_folders() + 1 > dynamic.entries.len();
    let entries_size = match moved {
        true => ((dynamic.entries_with_folders() + 1) * ENTRY) as u64,
        false => 0,
    };
    let folders_at = dynamic.strings.len() as u64;
    let strings_size = folders_at + folders.len() as u64 + 1;
    let entries = dynamic.with(address + entries_size, strings_size, folders_at, moved);
    let mut words = Vec::new();
    if moved {
        words.extend(entry_bytes(&entries));
    }
    words.extend_from_slice(dynamic.strings);
    words.extend_from_slice(folders);
    words.push(0);
    let interpreter_at = words.len() as u64;
    words.extend_from_slice(interpreter);
    words.push(0);

    let added = Segment {
        kind: PT_LOAD,
        // The loader writes into a dynamic section.
        flags: if moved { READ | WRITE } else { READ },
        offset,
        address,
        size: words.len() as u64,
        in_memory: words.len() as u64,
        align,
    };
    let mut segments = elf.segments.clone();
    for segment in &mut segments {
        let (at, size) = match segment.kind {
            PT_INTERP => (interpreter_at, interpreter.len() as u64 + 1),
            PT_DYNAMIC if moved => (0, entries_size),
            _ => continue,
        };
        segment.offset = offset + at;
        segment.address = address + at;
        segment.size = size;
        segment.in_memory = size;
    }
    segments.remove(spare);
    // Those that are loaded are in the order of their addresses.
    let last = segments.iter().rposition(|segment| segment.kind == PT_LOAD);
    segments.insert(last.map_or(0, |last| last + 1), added);

    let mut patched = bytes.to_vec();
    patched.resize(index(offset)?, 0);
    patched.extend_from_slice(&words);
    for (number, segment) in segments.iter().enumerate() {
        write_segment(&mut patched, elf.table + number * HEADER, segment);
    }
    if !moved {
        let bytes = entry_bytes(&entries);
        patched[dynamic.at..dynamic.at + bytes.len()].copy_from_slice(&bytes);
    }
    Ok(patched)
}

fn entry_bytes(entries: &[(u64, u64)]) -> Vec<u8> {
    let numbers = entries.iter().flat_map(|(tag, value)| [*tag, *value]);
    numbers.flat_map(u64::to_le_bytes).collect()
}

fn write_segment(bytes: &mut [u8], at: usize, segment: &Segment) {
    let mut put =
        |inner: usize, value: &[u8]| bytes[at + inner..at + inner + value.len()].copy_from_slice(value);
    put(0, &segment.kind.to_le_bytes());
    put(4, &segment.flags.to_le_bytes());
    put(8, &segment.offset.to_le_bytes());
    put(16, &segment.address.to_le_bytes());
    put(24, &segment.address.to_le_bytes());
    put(32, &segment.size.to_le_bytes());
    put(40, &segment.in_memory.to_le_bytes());
    put(48, &segment.align.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use proptest::prelude::*;

    use super::*;

    const DT_DEBUG: u64 = 21;

    /// A program of this machine that is linked to libraries: the tests themselves.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// A program that is small enough to be changed hundreds of times.
    fn small() -> &'static [u8] {
        static SMALL: OnceLock<Vec<u8>> = OnceLock::new();
        SMALL.get_or_init(|| std::fs::read("/bin/sh").unwrap_or_else(|_| program()))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_has_the_new_words_and_its_own_strings() {
        let before = program();
        let loader = kind(&before).unwrap().interpreter.unwrap().to_owned();
        let patched = patch(&before, b"/new/loader", b"/a:/b c").unwrap();
        let found = kind(&patched).unwrap();
        assert_eq!(found.interpreter, Some(&b"/new/loader"[..]));
        assert_eq!(found.folders, Some(&b"/a:/b c"[..]));
        let strings = Elf::read(&before).unwrap().dynamic().unwrap().strings.to_owned();
        let elf = Elf::read(&patched).unwrap();
        assert!(elf.dynamic().unwrap().strings.starts_with(&strings));
        // Once more, over what was patched: there is another note, or it is said that there is none.
        match patch(&patched, &loader, b"/c") {
            Ok(again) => assert_eq!(kind(&again).unwrap().interpreter, Some(&loader[..])),
            Err(error) => assert_eq!(error, ElfError::Full),
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_patched_program_runs() {
        use std::os::unix::fs::PermissionsExt;
        let sh = std::fs::read("/bin/sh").unwrap();
        let loader = kind(&sh).unwrap().interpreter.unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("sh");
        let run = |loader: &[u8]| {
            std::fs::write(&at, patch(&sh, loader, b"/nonexistent").unwrap()).unwrap();
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
            std::process::Command::new(&at).args(["-c", "exit 7"]).status()
        };
        assert_eq!(run(&loader).unwrap().code(), Some(7));
        // The loader that it asks for is the one that was written.
        assert!(run(b"/nonexistent/loader").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_without_an_entry_to_spare_runs_too() {
        use std::os::unix::fs::PermissionsExt;
        let bytes = program();
        let loader = kind(&bytes).unwrap().interpreter.unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("tests");
        let mut patched = bytes;
        // The entries to spare are taken: what ends the section comes last.
        let dynamic = Elf::read(&patched).unwrap().dynamic().unwrap();
        let (at_file, used, all) = (dynamic.at, dynamic.kept().count(), dynamic.entries.len());
        for number in used..all - 1 {
            patched[at_file + number * ENTRY..][..8].copy_from_slice(&DT_DEBUG.to_le_bytes());
        }
        patched = patch(&patched, &loader, b"/nonexistent").unwrap();
        std::fs::write(&at, patched).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = std::process::Command::new(&at).arg("--list").output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(kind(b""), Err(ElfError::Foreign));
        assert_eq!(kind(b"#!/bin/sh\n"), Err(ElfError::Foreign));
        assert_eq!(kind(b"\x7fELF\x01\x01\x01"), Err(ElfError::Foreign));
        assert!(patch(&program()[..2000], b"/l", b"/f").is_err());
    }

    proptest! {
        #[test]
        fn damaged_files_are_refused_or_changed_and_never_panic(changes in prop::collection::vec((0usize..1200, any::<u8>()), 1..12), cut in 0usize..20_000) {
            let mut bytes = small().to_vec();
            bytes.truncate(20_000 + cut);
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            _ = kind(&bytes);
            _ = patch(&bytes, b"/loader", b"/folder");
        }
    }
}
