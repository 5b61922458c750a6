//! The loader's cache, `/etc/ld.so.cache`, and the links that go with it, as glibc's `ldconfig` makes them.
//!
//! Invariant: equal files give the same cache, byte for byte. The format is the one with extensions (glibc 2.33), which every glibc
//! since 2.2 reads: it knows the entries by their offsets. Sources: ld.so.conf as ldconfig(8) has it; glibc, `dl-cache.h`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use wharf_store::{Store, StoreError};

use super::elf::{self, Library};
use super::files::{Files, Last, Node, NodeKind};

const CACHE: &[u8] = b"etc/ld.so.cache";
const CONFIGURATION: &str = "/etc/ld.so.conf";
/// Subfolders for processors, in folders of libraries.
const HWCAPS: &str = "glibc-hwcaps";
/// How deep configuration files include each other.
const MAX_DEPTH: usize = 8;

/// An entry of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What programs ask for.
    name: Vec<u8>,
    /// Where it is.
    path: Vec<u8>,
    flags: u32,
    /// For which processors, where not for all.
    hwcaps: Option<Vec<u8>>,
}

/// Makes the links and the cache; gives the number of libraries in it.
pub(crate) fn configure(store: &Store, files: &mut Files) -> Result<u64, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen = Vec::new();
    for folder in folders(store, files)? {
        let Some(place) = files.resolve(folder.as_bytes(), Last::Follow) else {
            continue;
        };
        if !files.is_folder(&place) || seen.contains(&place) {
            continue;
        }
        let hwcaps = [place.as_slice(), b"/", HWCAPS.as_bytes()].concat();
        let processors: Vec<Vec<u8>> = files.list(&hwcaps).iter().map(|name| name.to_vec()).collect();
        seen.push(place);
        for name in processors {
            let below = [folder.as_bytes(), b"/", HWCAPS.as_bytes(), b"/", &name].concat();
            scan(store, files, &below, Some(&name), &mut entries)?;
        }
        scan(store, files, folder.as_bytes(), None, &mut entries)?;
    }
    // Stable: of equal entries the one of the folder that is named first comes first, and is found.
    entries.sort_by(order);
    let cache = print(&entries);
    files.put(CACHE, Node::text(cache));
    Ok(entries.len() as u64)
}

/// The folders in the order in which they are looked at: those of the configuration, then the built-in ones.
fn folders(store: &Store, files: &Files) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    read_configuration(store, files, CONFIGURATION, 0, &mut found)?;
    found.extend(["/lib", "/usr/lib"].map(str::to_owned));
    Ok(found)
}

fn read_configuration(
    store: &Store,
    files: &Files,
    path: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), StoreError> {
    let Some(text) = files.read_text(store, path)?.filter(|_| depth < MAX_DEPTH) else {
        return Ok(());
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(patterns) = line
            .strip_prefix("include")
            .filter(|rest| rest.starts_with([' ', '\t']))
        {
            for pattern in patterns.split_whitespace() {
                for path in matching(files, pattern) {
                    read_configuration(store, files, &path, depth + 1, found)?;
                }
            }
        } else if line.starts_with('/') {
            // `path=type` is of libc5's time.
            let folder = line.split('=').next().unwrap_or(line).trim_end();
            found.push(folder.trim_end_matches('/').to_owned());
        }
    }
    Ok(())
}

/// Files that match a pattern with at most one `*`, in the last part.
fn matching(files: &Files, pattern: &str) -> Vec<String> {
    let Some((folder, name)) = pattern.rsplit_once('/') else {
        return Vec::new();
    };
    let Some((before, after)) = name.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let names = files.list(folder.as_bytes());
    let fits = |name: &&&[u8]| {
        !name.starts_with(b".")
            && name.len() >= before.len() + after.len()
            && name.starts_with(before.as_bytes())
            && name.ends_with(after.as_bytes())
    };
    names
        .iter()
        .filter(fits)
        .map(|name| format!("{folder}/{}", String::from_utf8_lossy(name)))
        .collect()
}

/// A file or link of a folder that may be a library.
struct Candidate {
    name: Vec<u8>,
    /// The name of the file that it is or leads to.
    real: Vec<u8>,
    is_link: bool,
    kind: NodeKind,
}

/// What a folder has under one name.
struct Found {
    name: Vec<u8>,
    is_link: bool,
    flags: u32,
}

fn scan(
    store: &Store,
    files: &mut Files,
    folder: &[u8],
    hwcaps: Option<&[u8]>,
    entries: &mut Vec<Entry>,
) -> Result<(), StoreError> {
    let candidates = candidates(files, folder);
    let read: Result<Vec<Option<Library>>, StoreError> = candidates
        .par_iter()
        .map(|candidate| match &candidate.kind {
            NodeKind::Object { object, mode, .. } => {
                let path = store.object_path(object, mode & 0o111 != 0);
                let file = File::open(&path).map_err(StoreError::io("read", &path))?;
                Ok(elf::read(&file))
            }
            _ => Ok(None),
        })
        .collect();
    let mut found: BTreeMap<Vec<u8>, Found> = BTreeMap::new();
    for (candidate, library) in candidates.into_iter().zip(read?) {
        let Some(library) = library else { continue };
        let (soname, is_link) = name_of(&candidate, library.soname);
        let new = Found {
            name: candidate.name,
            is_link,
            flags: library.flags,
        };
        match found.get_mut(&soname) {
            Some(old) if !better(&new, old) => {}
            Some(old) => *old = new,
            None => {
                found.insert(soname, new);
            }
        }
    }
    for (soname, found) in found {
        let path = [folder, b"/", &soname].concat();
        if !found.is_link && found.name != soname {
            make_link(files, &path, folder, &found.name);
        }
        entries.push(Entry {
            name: soname,
            path,
            flags: found.flags,
            hwcaps: hwcaps.map(<[u8]>::to_vec),
        });
    }
    Ok(())
}

fn candidates(files: &Files, folder: &[u8]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for name in files.list(folder) {
        let begins = name.starts_with(b"lib") || name.starts_with(b"ld-");
        if !begins || !name.windows(3).any(|part| part == b".so") {
            continue;
        }
        let path = [folder, b"/", name].concat();
        let Some(place) = files.resolve(&path, Last::Follow) else {
            continue;
        };
        let Some(node) = files.exact(&place).filter(|node| node.kind.is_file()) else {
            continue;
        };
        let own = files.look_at(&path);
        found.push(Candidate {
            name: name.to_vec(),
            real: wharf_store::system::split(&place).1.to_vec(),
            is_link: own.is_some_and(|node| matches!(node.kind, NodeKind::Link(_))),
            kind: node.kind.clone(),
        });
    }
    found
}

/// Under which name a candidate goes, and whether as a link. A link of the library's own name, or of the one that the linker uses
/// (`libz.so`), is a name by itself; any other is a version of the library.
fn name_of(candidate: &Candidate, soname: Option<Vec<u8>>) -> (Vec<u8>, bool) {
    let soname = soname.unwrap_or_else(|| candidate.real.clone());
    if !candidate.is_link {
        return (soname, false);
    }
    let name = &candidate.name;
    let for_linker = name.ends_with(b".so") && soname.starts_with(name);
    match *name == soname || for_linker {
        true => (name.clone(), true),
        false => (soname, false),
    }
}

/// Files before links, then the newer.
fn better(new: &Found, old: &Found) -> bool {
    (!new.is_link && old.is_link)
        || (new.is_link == old.is_link && compare(&old.name, &new.name) == Ordering::Less)
}

/// The link of a library's name to its file, unless that name is a file, or leads there already.
fn make_link(files: &mut Files, path: &[u8], folder: &[u8], name: &[u8]) {
    let file = [folder, b"/", name].concat();
    let place = |files: &Files, path: &[u8]| files.resolve(path, Last::Follow);
    match files.look_at(path).map(|node| &node.kind) {
        Some(NodeKind::Link(_)) if place(files, path) == place(files, &file) => {}
        None | Some(NodeKind::Link(_)) => {
            files.link(path, name);
        }
        Some(_) => {}
    }
}

/// The order of names: runs of digits count as numbers. Source: glibc, `dl-cache.c`.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        match (one.first(), other.first()) {
            (None, None) => return Ordering::Equal,
            (Some(left), Some(right)) if left.is_ascii_digit() && right.is_ascii_digit() => {
                let (left, right) = (number(&mut one), number(&mut other));
                if left != right {
                    return left.cmp(&right);
                }
            }
            (Some(left), _) if left.is_ascii_digit() => return Ordering::Greater,
            (_, Some(right)) if right.is_ascii_digit() => return Ordering::Less,
            (left, right) if left == right => {
                (one, other) = (&one[1..], &other[1..]);
            }
            (left, right) => return left.cmp(&right),
        }
    }
}

fn number(text: &mut &[u8]) -> u64 {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    *text = rest;
    digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    })
}

/// The order in the cache, which the loader searches by halves: names downwards, those for some processors first.
fn order(one: &Entry, other: &Entry) -> Ordering {
    compare(&other.name, &one.name)
        .then_with(|| other.flags.cmp(&one.flags))
        .then_with(|| match (&one.hwcaps, &other.hwcaps) {
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (one, other) => one.cmp(other),
        })
}

/// The cache's bytes.
fn print(entries: &[Entry]) -> Vec<u8> {
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    let mut strings = Strings {
        bytes: Vec::new(),
        start: HEADER + entries.len() * ENTRY,
        known: FxHashMap::default(),
    };
    let mut processors: Vec<&[u8]> = entries
        .iter()
        .filter_map(|entry| entry.hwcaps.as_deref())
        .collect();
    processors.sort_unstable();
    processors.dedup();
    let mut table = Vec::with_capacity(entries.len() * ENTRY);
    for entry in entries {
        put(&mut table, entry.flags);
        // The name is the end of the path: one text serves both.
        let path = strings.place(&entry.path);
        let name = path + (entry.path.len() - entry.name.len()) as u32;
        put(&mut table, name);
        put(&mut table, path);
        put(&mut table, 0);
        let hwcaps = entry.hwcaps.as_deref().map_or(0, |wanted| {
            let index = processors
                .binary_search(&wanted)
                .expect("every one is in the list");
            1 << 62 | index as u64
        });
        table.extend(hwcaps.to_le_bytes());
    }
    let processors: Vec<u32> = processors.into_iter().map(|name| strings.place(name)).collect();
    let mut out = b"glibc-ld.so.cache1.1".to_vec();
    put(&mut out, entries.len() as u32);
    put(&mut out, strings.bytes.len() as u32);
    put(&mut out, 2); // little endian
    let end = strings.start + strings.bytes.len();
    let extension = end.next_multiple_of(4);
    put(&mut out, extension as u32);
    out.extend([0; 12]);
    out.extend(table);
    out.extend(strings.bytes);
    out.resize(extension, 0);
    extend(&mut out, &processors);
    out
}

/// What comes after the strings: who made the cache, and the names of the processors' subfolders.
fn extend(out: &mut Vec<u8>, processors: &[u32]) {
    const GENERATOR: &[u8] = b"wharf";
    let sections = 1 + u32::from(!processors.is_empty());
    let base = out.len() as u32 + 8 + 16 * sections;
    put(out, 0xeaa4_2174);
    put(out, sections);
    if !processors.is_empty() {
        let length = 4 * processors.len() as u32;
        [1, 0, base, length]
            .into_iter()
            .for_each(|number| put(out, number));
    }
    let generator = base + 4 * processors.len() as u32;
    [0, 0, generator, GENERATOR.len() as u32]
        .into_iter()
        .for_each(|number| put(out, number));
    processors.iter().for_each(|place| put(out, *place));
    out.extend_from_slice(GENERATOR);
}

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend(number.to_le_bytes());
}

/// Texts that end with a NUL, each once.
struct Strings<'a> {
    bytes: Vec<u8>,
    start: usize,
    known: FxHashMap<&'a [u8], u32>,
}

impl<'a> Strings<'a> {
    fn place(&mut self, text: &'a [u8]) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let place = (self.start + self.bytes.len()) as u32;
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.known.insert(text, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_the_loader_does() {
        for (less, more) in [
            ("libz.so.1", "libz.so.1.2"),
            ("liba.so.9", "liba.so.10"),
            ("liba.so", "liba.so.1"),
            ("liba-x.so", "liba1.so"),
            ("liba", "libb"),
        ] {
            assert_eq!(
                compare(less.as_bytes(), more.as_bytes()),
                Ordering::Less,
                "{less} {more}"
            );
            assert_eq!(compare(more.as_bytes(), less.as_bytes()), Ordering::Greater);
        }
        assert_eq!(compare(b"lib1.so", b"lib1.so"), Ordering::Equal);
    }

    #[test]
    fn links_go_by_their_own_name_or_by_the_librarys() {
        let candidate = |name: &str, real: &str| Candidate {
            name: name.as_bytes().to_vec(),
            real: real.as_bytes().to_vec(),
            is_link: name != real,
            kind: NodeKind::Folder { mode: 0 },
        };
        for (name, real, soname, expected) in [
            ("libz.so.1.2", "libz.so.1.2", "libz.so.1", ("libz.so.1", false)),
            ("libz.so.1", "libz.so.1.2", "libz.so.1", ("libz.so.1", true)),
            ("libz.so", "libz.so.1.2", "libz.so.1", ("libz.so", true)),
            ("libz-2.so", "libz.so.1.2", "libz.so.1", ("libz.so.1", false)),
            ("liby.so.0", "liby.so", "liby.so", ("liby.so", false)),
        ] {
            let (found, is_link) = name_of(&candidate(name, real), Some(soname.as_bytes().to_vec()));
            assert_eq!(
                (found.as_slice(), is_link),
                (expected.0.as_bytes(), expected.1),
                "{name}"
            );
        }
    }

    #[test]
    fn a_cache_says_where_its_parts_are() {
        let entry = |name: &str, hwcaps: Option<&str>| Entry {
            name: name.as_bytes().to_vec(),
            path: format!("/lib/{name}").into_bytes(),
            flags: 0x303,
            hwcaps: hwcaps.map(|text| text.as_bytes().to_vec()),
        };
        let bytes = print(&[
            entry("libb.so.1", Some("x86-64-v3")),
            entry("libb.so.1", None),
            entry("liba.so", None),
        ]);
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let text = |at: usize| bytes[at..].split(|byte| *byte == 0).next().unwrap();
        assert_eq!(&bytes[..20], b"glibc-ld.so.cache1.1");
        assert_eq!(number(20), 3);
        assert_eq!(text(number(48 + 4)), b"libb.so.1");
        assert_eq!(text(number(48 + 8)), b"/lib/libb.so.1");
        assert_eq!(&bytes[48 + 16..48 + 24], &(1u64 << 62).to_le_bytes());
        let extension = number(32);
        assert_eq!((number(extension), number(extension + 4)), (0xeaa4_2174, 2));
        assert_eq!(text(number(number(extension + 16))), b"x86-64-v3");
    }
}
