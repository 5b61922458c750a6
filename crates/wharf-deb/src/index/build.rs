//! Makes an index of `Packages`, a piece at a time as it arrives.
//!
//! Most of a `Packages` file is said many times: `libc6 (>= 2.34)` in thousands of records. Names, versions and whole
//! alternatives are interned, so that each is parsed once. Invariant: the same pieces, cut anywhere, give the same bytes;
//! a stanza that is no package is passed over and told, and costs itself alone.

use std::borrow::Cow;
use std::cmp::Ordering;

use memchr::{memchr, memchr_iter, memmem};

use super::facts::{Kind, Priority, multi_arch_number, operator_number};
use super::layout::{COVERED, HEADER, MAGIC, NAME, NONE, Section, checksum, hash, record as at, words};
use crate::packages::{MalformedStanza, Package, Stanzas};
use crate::relation::{Term, terms};
use crate::version::{Operator, compare, is_version};

/// Bytes of `Packages` that one index may be made of. Numbers in it have 32 bits.
const LIMIT: usize = 2 << 30;
/// Stanzas that are told of; more are only counted.
const TOLD: usize = 100;

/// Makes an index of a whole `Packages` file. `made_of` names what it is made of: the digest of the file, say.
///
/// # Errors
/// Where the file is too large to be one.
pub fn build(packages: &[u8], made_of: [u8; 32]) -> Result<Built, TooLarge> {
    let mut builder = Builder::new();
    builder.push(packages);
    builder.finish(made_of)
}

/// A finished index.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// The first stanzas that are not in it, and why.
    pub skipped: Vec<MalformedStanza>,
    /// How many are not in it.
    pub skipped_count: usize,
}

/// More than any repository has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file of packages is larger than 2 GiB")]
pub struct TooLarge;

/// Makes an index.
#[derive(Default)]
pub struct Builder {
    names: Interner,
    versions: Interner,
    terms: Interner,
    alternatives: Interner,
    /// What each alternative is in words: the first with its flags, and how many follow.
    encoded: Vec<Option<Encoded>>,
    relations: Vec<u32>,
    records: Vec<Draft>,
    texts: String,
    /// The beginning of a stanza whose end has not come.
    rest: Vec<u8>,
    lines: usize,
    taken: usize,
    skipped: Vec<MalformedStanza>,
    skipped_count: usize,
}

/// An alternative in words.
#[derive(Clone, Copy)]
struct Encoded {
    words: [u32; 3],
    count: u8,
}

/// A record before its place is known.
struct Draft {
    row: [u8; at::ROW],
    name: u32,
    version: u32,
    /// Where its texts begin: file name, summary, description, and where they end.
    texts: [u32; 4],
}

impl Builder {
    /// An index of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of `Packages`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.taken = self.taken.saturating_add(bytes.len());
        if self.taken > LIMIT {
            return;
        }
        if self.rest.is_empty() {
            let whole = whole_stanzas(bytes);
            self.stanzas(&bytes[..whole]);
            self.rest.extend_from_slice(&bytes[whole..]);
            return;
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(bytes);
        let whole = whole_stanzas(&joined);
        self.stanzas(&joined[..whole]);
        joined.drain(..whole);
        self.rest = joined;
    }

    /// The index.
    ///
    /// # Errors
    /// Where more came than an index can hold.
    pub fn finish(mut self, made_of: [u8; 32]) -> Result<Built, TooLarge> {
        if self.taken > LIMIT {
            return Err(TooLarge);
        }
        let rest = std::mem::take(&mut self.rest);
        self.stanzas(&rest);
        let order = self.order();
        let sections = self.sections(&order);
        let (skipped, skipped_count) = (std::mem::take(&mut self.skipped), self.skipped_count);
        // Three copies of the largest lists would be what the whole command needs most memory for.
        drop(self);
        Ok(Built {
            bytes: assemble(sections, made_of),
            skipped,
            skipped_count,
        })
    }

    fn stanzas(&mut self, bytes: &[u8]) {
        for stanza in Stanzas::new(bytes) {
            let taken = stanza.and_then(|package| {
                self.record(&package).map_err(|reason| MalformedStanza {
                    line: package.line,
                    package: Some(package.name.to_owned()),
                    reason,
                })
            });
            if let Err(malformed) = taken {
                self.skip(malformed);
            }
        }
        self.lines += memchr_iter(b'\n', bytes).count();
    }

    fn skip(&mut self, mut malformed: MalformedStanza) {
        self.skipped_count += 1;
        malformed.line += self.lines;
        if self.skipped.len() < TOLD {
            self.skipped.push(malformed);
        }
    }

    fn record(&mut self, stanza: &Package<'_>) -> Result<(), String> {
        // A stanza of what is not installed needs none.
        if !is_version(stanza.version) {
            return Err("it has no `Version`".to_owned());
        }
        let digest = match stanza.sha256 {
            "" => [0; 32],
            hex => sha256(hex).ok_or("`SHA256` is no such digest")?,
        };
        // The package itself first: see `NameId`.
        let name = self.names.intern(stanza.name);
        let relations = offset(self.relations.len());
        let kinds = self.relations(stanza).inspect_err(|_| {
            self.relations.truncate(relations as usize);
        })?;
        let (source, source_version) = stanza.source();
        let installed = stanza.installed_size.unwrap_or_default();
        let installed = u32::try_from(installed).unwrap_or(u32::MAX);
        let version = self.versions.intern(stanza.version);
        let mut row = [0; at::ROW];
        for (field, number) in [
            (at::NAME, name),
            (at::VERSION, version),
            (at::RELATIONS, relations),
            (at::ARCHITECTURE, self.terms.intern(stanza.architecture)),
            (at::SECTION, self.terms.intern(stanza.section)),
            (at::INSTALLED, installed),
            (at::SOURCE, self.terms.intern(source)),
            (at::SOURCE_VERSION, self.versions.intern(source_version)),
        ] {
            row[field..field + 4].copy_from_slice(&number.to_le_bytes());
        }
        row[at::KINDS..at::KINDS + 2].copy_from_slice(&kinds.to_le_bytes());
        let size = stanza.size.unwrap_or_default();
        row[at::SIZE..at::SIZE + 8].copy_from_slice(&size.to_le_bytes());
        row[at::PHASED] = stanza.phased.unwrap_or(at::NOT_PHASED);
        row[at::PRIORITY] = Priority::parse(stanza.priority) as u8;
        row[at::FLAGS] = flags(stanza);
        row[at::SHA256..at::SHA256 + 32].copy_from_slice(&digest);
        let texts = self.texts(stanza);
        self.records.push(Draft {
            row,
            name,
            version,
            texts,
        });
        Ok(())
    }

    /// Adds the texts of a stanza, and says where they are.
    fn texts(&mut self, stanza: &Package<'_>) -> [u32; 4] {
        let summary = stanza.summary();
        let long = memchr(b'\n', stanza.description).map_or(&b""[..], |at| &stanza.description[at + 1..]);
        // What is no UTF-8 costs a letter, not a package.
        let (summary, long) = (String::from_utf8_lossy(summary), String::from_utf8_lossy(long));
        let long = unindented(&long);
        let mut starts = [0; 4];
        for (start, text) in starts.iter_mut().zip([stanza.filename, &summary, &long]) {
            *start = offset(self.texts.len());
            self.texts.push_str(text);
        }
        starts[3] = offset(self.texts.len());
        starts
    }

    /// Adds the words of all relations, and says of which kinds there are any.
    fn relations(&mut self, stanza: &Package<'_>) -> Result<u16, String> {
        let mut kinds = 0;
        for kind in Kind::ALL {
            let text = relation(stanza, kind);
            if text.is_empty() {
                continue;
            }
            let start = self.relations.len();
            self.relations.push(0);
            for group in text.split(',').map(str::trim).filter(|group| !group.is_empty()) {
                self.group(group)
                    .ok_or_else(|| format!("`{group}` in `{}` is no relation", kind.field()))?;
            }
            let length = self.relations.len() - start - 1;
            if length == 0 {
                self.relations.truncate(start);
                continue;
            }
            self.relations[start] = offset(length);
            kinds |= kind.bit();
        }
        Ok(kinds)
    }

    fn group(&mut self, text: &str) -> Option<()> {
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (alternative, after) = match memchr(b'|', text.as_bytes()) {
                Some(at) => (&text[..at], Some(&text[at + 1..])),
                None => (text, None),
            };
            let mut encoded = self.alternative(alternative.trim())?;
            if after.is_some() {
                encoded.words[0] |= words::OR;
            }
            let encoded = &encoded.words[..usize::from(encoded.count)];
            self.relations.extend_from_slice(encoded);
            rest = after;
        }
        Some(())
    }

    fn alternative(&mut self, text: &str) -> Option<Encoded> {
        let number = self.alternatives.intern(text) as usize;
        if number == self.encoded.len() {
            let encoded = only_term(text).map(|term| self.encode(&term));
            self.encoded.push(encoded);
        }
        self.encoded[number]
    }

    fn encode(&mut self, term: &Term<'_>) -> Encoded {
        let mut encoded = Encoded {
            words: [self.names.intern(term.name), 0, 0],
            count: 1,
        };
        let mut further = |flag, word| {
            encoded.words[0] |= flag;
            encoded.words[usize::from(encoded.count)] = word;
            encoded.count += 1;
        };
        if let Some((operator, version)) = term.version {
            let operator = operator_number(operator) << words::OPERATOR_SHIFT;
            further(words::VERSION, operator | self.versions.intern(version));
        }
        if let Some(qualifier) = term.qualifier {
            further(words::QUALIFIER, self.terms.intern(qualifier));
        }
        encoded
    }

    /// The records in their order, without those that say the same twice.
    fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..offset(self.records.len())).collect();
        let draft = |number: u32| &self.records[number as usize];
        order.sort_by(|a, b| {
            let (a, b) = (draft(*a), draft(*b));
            a.name.cmp(&b.name).then_with(|| match a.version == b.version {
                true => Ordering::Equal,
                false => compare(self.versions.text(b.version), self.versions.text(a.version)),
            })
        });
        order.dedup_by(|b, a| same_package(draft(*a), draft(*b)));
        order
    }

    fn sections(&self, order: &[u32]) -> [Vec<u8>; Section::COUNT] {
        let texts = Texts::of(self, order);
        let providers = self.providers(order);
        let essential = (0u32..).zip(order).filter(|(_, number)| {
            let flags = self.records[**number as usize].row[at::FLAGS];
            flags & (at::ESSENTIAL | at::PROTECTED) != 0
        });
        let essential = essential.flat_map(|(place, _)| place.to_le_bytes()).collect();
        let bytes = |numbers: &[u32]| {
            numbers
                .iter()
                .flat_map(|it| it.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        [
            self.name_rows(order, &providers),
            self.names.texts.clone().into_bytes(),
            self.names
                .slots
                .iter()
                .flat_map(|(_, number)| number.to_le_bytes())
                .collect(),
            bytes(&self.versions.starts()),
            self.versions.texts.clone().into_bytes(),
            bytes(&self.terms.starts()),
            self.terms.texts.clone().into_bytes(),
            texts.rows,
            providers.rows,
            bytes(&self.relations),
            essential,
            texts.filenames,
            texts.summaries,
            texts.descriptions,
        ]
    }

    fn name_rows(&self, order: &[u32], providers: &Providers) -> Vec<u8> {
        let mut rows = Vec::with_capacity((self.names.len() + 1) * NAME);
        let mut place = 0;
        for (name, start) in (0u32..).zip(self.names.starts()) {
            // Names are in the order of their numbers, and so are the records.
            while order
                .get(place)
                .is_some_and(|it| self.records[*it as usize].name < name)
            {
                place += 1;
            }
            for number in [start, offset(place), providers.starts[name as usize]] {
                rows.extend_from_slice(&number.to_le_bytes());
            }
        }
        rows
    }

    /// Who provides what, by names.
    fn providers(&self, order: &[u32]) -> Providers {
        let mut provided: Vec<[u32; 3]> = Vec::new();
        for (place, number) in (0u32..).zip(order) {
            let row = &self.records[*number as usize].row;
            self.provides(row, |name, version| provided.push([name, place, version]));
        }
        provided.sort_unstable();
        provided.dedup();
        let mut starts = vec![0; self.names.len() + 1];
        for [name, ..] in &provided {
            starts[*name as usize + 1] += 1;
        }
        for name in 0..self.names.len() {
            starts[name + 1] += starts[name];
        }
        let rows = provided
            .iter()
            .flat_map(|[_, record, version]| [*record, *version]);
        Providers {
            starts,
            rows: rows.flat_map(u32::to_le_bytes).collect(),
        }
    }

    /// Calls with each name that a record provides, and the version or [`NONE`].
    fn provides(&self, row: &[u8; at::ROW], mut each: impl FnMut(u32, u32)) {
        let kinds = u16::from_le_bytes([row[at::KINDS], row[at::KINDS + 1]]);
        if kinds & Kind::Provides.bit() == 0 {
            return;
        }
        let mut at = super::layout::u32_at(row, at::RELATIONS) as usize;
        // It is the last of the kinds.
        for _ in 1..kinds.count_ones() {
            at += self.relations[at] as usize + 1;
        }
        let end = at + 1 + self.relations[at] as usize;
        at += 1;
        while at < end {
            let word = self.relations[at];
            at += 1;
            let mut version = NONE;
            if word & words::VERSION != 0 {
                let word = self.relations[at];
                // Only `=` means anything here.
                if word >> words::OPERATOR_SHIFT == operator_number(Operator::Equal) {
                    version = word & words::VERSION_NUMBER;
                }
                at += 1;
            }
            at += usize::from(word & words::QUALIFIER != 0);
            each(word & words::NAME, version);
        }
    }
}

/// Who provides what: where the providers of each name begin, and their rows.
struct Providers {
    starts: Vec<u32>,
    rows: Vec<u8>,
}

/// The rows of the records, and the texts that they point into.
#[derive(Default)]
struct Texts {
    rows: Vec<u8>,
    filenames: Vec<u8>,
    summaries: Vec<u8>,
    descriptions: Vec<u8>,
}

impl Texts {
    fn of(builder: &Builder, order: &[u32]) -> Self {
        let mut texts = Self::default();
        texts.rows.reserve_exact((order.len() + 1) * at::ROW);
        for number in order {
            let draft = &builder.records[*number as usize];
            texts.row(&draft.row);
            let [filename, summary, description, end] = draft.texts.map(|start| start as usize);
            let all = builder.texts.as_bytes();
            texts.filenames.extend_from_slice(&all[filename..summary]);
            texts.summaries.extend_from_slice(&all[summary..description]);
            texts.descriptions.extend_from_slice(&all[description..end]);
        }
        texts.row(&[0; at::ROW]);
        texts
    }

    fn row(&mut self, row: &[u8; at::ROW]) {
        let mut row = *row;
        for (field, length) in [
            (at::FILENAME, self.filenames.len()),
            (at::SUMMARY, self.summaries.len()),
            (at::DESCRIPTION, self.descriptions.len()),
        ] {
            row[field..field + 4].copy_from_slice(&offset(length).to_le_bytes());
        }
        self.rows.extend_from_slice(&row);
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// What a stanza says of this kind.
fn relation<'t>(stanza: &Package<'t>, kind: Kind) -> &'t str {
    match kind {
        Kind::PreDepends => stanza.pre_depends,
        Kind::Depends => stanza.depends,
        Kind::Conflicts => stanza.conflicts,
        Kind::Breaks => stanza.breaks,
        Kind::Recommends => stanza.recommends,
        Kind::Suggests => stanza.suggests,
        Kind::Replaces => stanza.replaces,
        Kind::Enhances => stanza.enhances,
        Kind::Provides => stanza.provides,
    }
}

/// One alternative. Architectures and profiles are for sources alone.
fn only_term(text: &str) -> Option<Term<'_>> {
    let mut terms = terms(text);
    let term = terms.next()?.ok()?;
    let is_plain = term.architectures().next().is_none() && term.profiles().next().is_none();
    (is_plain && terms.next().is_none()).then_some(term)
}

/// The bytes up to the end of the last stanza that is whole.
fn whole_stanzas(bytes: &[u8]) -> usize {
    memmem::rfind(bytes, b"\n\n").map_or(0, |at| at + 2)
}

fn flags(stanza: &Package<'_>) -> u8 {
    let mut flags = multi_arch_number(stanza.multi_arch);
    for (set, flag) in [
        (stanza.essential, at::ESSENTIAL),
        (stanza.protected, at::PROTECTED),
        (!stanza.sha256.is_empty(), at::HAS_SHA256),
    ] {
        if set {
            flags |= flag;
        }
    }
    flags
}

/// Whether two records are one that was listed twice.
fn same_package(a: &Draft, b: &Draft) -> bool {
    let identity = |draft: &Draft| {
        let architecture = super::layout::u32_at(&draft.row, at::ARCHITECTURE);
        (draft.name, draft.version, architecture)
    };
    identity(a) == identity(b) && a.row[at::SHA256..at::SHA256 + 32] == b.row[at::SHA256..at::SHA256 + 32]
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// A long description without the blank that each line begins with; ` .` is an empty line.
fn unindented(text: &str) -> Cow<'_, str> {
    if text.is_empty() {
        return Cow::Borrowed("");
    }
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix([' ', '\t']).unwrap_or(line) {
            "." => "",
            line => line,
        })
        .collect();
    Cow::Owned(lines.join("\n"))
}

/// A number of the format. [`LIMIT`] keeps all of them in range.
fn offset(number: usize) -> u32 {
    u32::try_from(number).expect("an index is made of less than 2 GiB")
}

/// Texts by numbers, each once.
#[derive(Default)]
struct Interner {
    texts: String,
    ends: Vec<u32>,
    /// Hash and number plus one, by hash; a power of two of them, at most half of them taken.
    slots: Vec<(u32, u32)>,
}

impl Interner {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.texts[start..self.ends[number] as usize]
    }

    fn intern(&mut self, text: &str) -> u32 {
        if self.slots.len() < (self.ends.len() + 1) * 2 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let hash = hash(text.as_bytes()) as u32;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                (_, 0) => break,
                (known, number) if known == hash && self.text(number - 1) == text => return number - 1,
                _ => slot = (slot + 1) & mask,
            }
        }
        let number = offset(self.ends.len());
        self.texts.push_str(text);
        self.ends.push(offset(self.texts.len()));
        self.slots[slot] = (hash, number + 1);
        number
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(1024);
        let old = std::mem::replace(&mut self.slots, vec![(0, 0); length]);
        for taken in old.into_iter().filter(|(_, number)| *number != 0) {
            let mut slot = taken.0 as usize & (length - 1);
            while self.slots[slot].1 != 0 {
                slot = (slot + 1) & (length - 1);
            }
            self.slots[slot] = taken;
        }
    }

    /// Where each text begins, and where the last ends.
    fn starts(&self) -> Vec<u32> {
        std::iter::once(0).chain(self.ends.iter().copied()).collect()
    }
}

/// The file of these sections.
fn assemble(sections: [Vec<u8>; Section::COUNT], made_of: [u8; 32]) -> Vec<u8> {
    let length = HEADER + sections.iter().map(|section| section.len()).sum::<usize>();
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&(length as u64).to_le_bytes());
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&made_of);
    let mut start = HEADER;
    for section in &sections {
        file.extend_from_slice(&offset(start).to_le_bytes());
        file.extend_from_slice(&offset(section.len()).to_le_bytes());
        start += section.len();
    }
    for section in sections {
        file.extend_from_slice(&section);
    }
    let body = checksum(&file[HEADER..]);
    file[24..32].copy_from_slice(&body.to_le_bytes());
    let header = checksum(&file[COVERED..HEADER]);
    file[8..16].copy_from_slice(&header.to_le_bytes());
    file
}
