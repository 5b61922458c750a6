//! `Packages` files: many packages, a stanza each, borrowed. Invariant: a malformed stanza costs that stanza only, and is
//! reported with its line. Source: Debian Policy 5.3, the repository format of the Debian wiki.
//!
//! The file of a whole distribution has 50 MB and more: each line is looked at once, and only the values of fields that
//! Wharf reads are checked.

use std::ops::Range;

use wharf_core::{Explain, Fault};

use crate::architecture::is_architecture;
use crate::deb822::{self, Lines};
use crate::version::is_version;

/// One package of a repository. Texts of relations are as they stand there: [`crate::relation::terms()`] reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its architecture, or `all`.
    pub architecture: &'a str,
    /// Whether it may stand beside, or serve, packages of other architectures.
    pub multi_arch: MultiArch,
    /// `Essential: yes`: part of every system.
    pub essential: bool,
    /// `Protected: yes`, or `Important: yes` as it was called: not to be removed.
    pub protected: bool,
    /// `required`, `important`, `standard`, `optional` or `extra`.
    pub priority: &'a str,
    /// The section (`libs`, `contrib/net`).
    pub section: &'a str,
    /// The source package, and in parentheses its version where that is another.
    pub source: &'a str,
    /// Relations.
    pub pre_depends: &'a str,
    /// Relations.
    pub depends: &'a str,
    /// Relations.
    pub recommends: &'a str,
    /// Relations.
    pub suggests: &'a str,
    /// Relations.
    pub enhances: &'a str,
    /// Relations.
    pub conflicts: &'a str,
    /// Relations.
    pub breaks: &'a str,
    /// Relations.
    pub replaces: &'a str,
    /// Relations.
    pub provides: &'a str,
    /// Where the archive is, below the repository's root.
    pub filename: &'a str,
    /// How many bytes the archive has.
    pub size: Option<u64>,
    /// How much it takes when unpacked, in KiB, by its own word.
    pub installed_size: Option<u64>,
    /// The archive's SHA-256, in hexadecimal digits.
    pub sha256: &'a str,
    /// The archive's SHA-512, in hexadecimal digits.
    pub sha512: &'a str,
    /// The archive's MD5, in hexadecimal digits: enough to compare with, never to trust.
    pub md5: &'a str,
    /// The first line says what it is; more may follow. Not always UTF-8.
    pub description: &'a [u8],
    /// Names the description in a `Translation` file, where only the first line stands here.
    pub description_md5: &'a str,
    /// Words of a classification (`role::program`).
    pub tag: &'a str,
    /// The home page.
    pub homepage: &'a [u8],
    /// Who looks after it.
    pub maintainer: &'a [u8],
    /// In dpkg's own file: what is wanted of it, and how far it is. [`crate::status`] reads it.
    pub status: &'a str,
    /// Ubuntu: to how many of a hundred machines the update is offered so far.
    pub phased: Option<u8>,
    /// The line of its first field, from 1.
    pub line: usize,
    /// Where the stanza stands in the file.
    pub range: Range<usize>,
}

/// Whether a package may stand beside, or serve, packages of other architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MultiArch {
    /// Neither.
    #[default]
    No,
    /// It may stand beside itself of another architecture, in the same version.
    Same,
    /// It serves packages of any architecture.
    Foreign,
    /// It serves those of another architecture that ask for `:any`.
    Allowed,
}

impl MultiArch {
    /// As control files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            MultiArch::No => "no",
            MultiArch::Same => "same",
            MultiArch::Foreign => "foreign",
            MultiArch::Allowed => "allowed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            MultiArch::No,
            MultiArch::Same,
            MultiArch::Foreign,
            MultiArch::Allowed,
        ]
        .into_iter()
        .find(|known| text.eq_ignore_ascii_case(known.as_str()))
    }
}

/// A stanza that describes no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {reason}", package.as_ref().map(|name| format!(", package {name}")).unwrap_or_default())]
pub struct MalformedStanza {
    /// The line, from 1.
    pub line: usize,
    /// The package, where its name was read.
    pub package: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl Explain for MalformedStanza {
    fn code(&self) -> &'static str {
        "deb/packages-stanza"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

/// The packages of a file, in order.
#[derive(Clone, Debug)]
pub struct Stanzas<'a> {
    lines: Lines<'a>,
}

impl<'a> Stanzas<'a> {
    /// The packages of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            lines: Lines {
                bytes,
                at: 0,
                number: 0,
            },
        }
    }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Result<Package<'a>, MalformedStanza>;

    fn next(&mut self) -> Option<Self::Item> {
        // Blank lines and comments before.
        let (start, mut line) = loop {
            let (start, line) = self.lines.next()?;
            if !deb822::is_blank(line) && line[0] != b'#' {
                break (start, line);
            }
        };
        let first = self.lines.number;
        let mut reader = Reader {
            package: Package {
                line: first,
                range: start..start,
                ..Package::default()
            },
            open: None,
            seen: 0,
            begun: false,
            wrong: None,
        };
        let mut at = start;
        let mut end;
        loop {
            reader.take(self.lines.bytes, at, line, self.lines.number);
            end = at + line.len();
            match self.lines.next() {
                Some((next, text)) if !text.is_empty() && !deb822::is_blank(text) => {
                    (at, line) = (next, text);
                }
                Some(_) | None => break,
            }
        }
        reader.package.range.end = end;
        Some(reader.finish(self.lines.bytes))
    }
}

/// The fields that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Name,
    Version,
    Architecture,
    MultiArch,
    Essential,
    Protected,
    Important,
    Priority,
    Section,
    Source,
    PreDepends,
    Depends,
    Recommends,
    Suggests,
    Enhances,
    Conflicts,
    Breaks,
    Replaces,
    Provides,
    Filename,
    Size,
    InstalledSize,
    Sha256,
    Sha512,
    Md5,
    Description,
    DescriptionMd5,
    Tag,
    Homepage,
    Maintainer,
    Phased,
    Status,
}

/// The fields that are read, by the length of their names: a line is compared with seven of them at most.
const fn candidates(length: usize) -> &'static [(&'static str, Slot)] {
    match length {
        3 => &[("Tag", Slot::Tag)],
        4 => &[("Size", Slot::Size)],
        6 => &[
            ("SHA256", Slot::Sha256),
            ("MD5sum", Slot::Md5),
            ("Source", Slot::Source),
            ("Breaks", Slot::Breaks),
            ("SHA512", Slot::Sha512),
            ("Status", Slot::Status),
        ],
        7 => &[
            ("Package", Slot::Name),
            ("Version", Slot::Version),
            ("Section", Slot::Section),
            ("Depends", Slot::Depends),
        ],
        8 => &[
            ("Priority", Slot::Priority),
            ("Filename", Slot::Filename),
            ("Homepage", Slot::Homepage),
            ("Provides", Slot::Provides),
            ("Suggests", Slot::Suggests),
            ("Replaces", Slot::Replaces),
            ("Enhances", Slot::Enhances),
        ],
        9 => &[
            ("Conflicts", Slot::Conflicts),
            ("Essential", Slot::Essential),
            ("Protected", Slot::Protected),
            ("Important", Slot::Important),
        ],
        10 => &[
            ("Maintainer", Slot::Maintainer),
            ("Multi-Arch", Slot::MultiArch),
            ("Recommends", Slot::Recommends),
        ],
        11 => &[
            ("Description", Slot::Description),
            ("Pre-Depends", Slot::PreDepends),
        ],
        12 => &[("Architecture", Slot::Architecture)],
        14 => &[("Installed-Size", Slot::InstalledSize)],
        15 => &[("Description-md5", Slot::DescriptionMd5)],
        24 => &[("Phased-Update-Percentage", Slot::Phased)],
        _ => &[],
    }
}

struct Reader<'a> {
    package: Package<'a>,
    /// The field whose value may go on, and where that value stands.
    open: Option<(Slot, Range<usize>, usize)>,
    /// Which fields were there, a bit each.
    seen: u32,
    /// The first field was read, known or not: a continuation line has something to continue.
    begun: bool,
    wrong: Option<(usize, String)>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: &'a [u8], at: usize, line: &'a [u8], number: usize) {
        match line[0] {
            b'#' => {}
            b' ' | b'\t' => match &mut self.open {
                Some((_, value, _)) => value.end = at + line.len(),
                None if self.begun => {}
                None => self.refuse(number, "a continuation line has no field to continue"),
            },
            _ => {
                self.close(bytes);
                self.begun = true;
                match deb822::split(line) {
                    Ok((name, value)) => {
                        self.open(name, at + line.len() - value.len()..at + line.len(), number);
                    }
                    Err(reason) => self.refuse(number, reason),
                }
            }
        }
    }

    fn open(&mut self, name: &str, value: Range<usize>, number: usize) {
        let found = candidates(name.len())
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known));
        let Some((_, slot)) = found else { return };
        let bit = 1 << (*slot as u32);
        if self.seen & bit != 0 {
            return self.refuse(number, &format!("the field `{name}` stands a second time"));
        }
        self.seen |= bit;
        self.open = Some((*slot, value, number));
    }

    fn refuse(&mut self, line: usize, reason: &str) {
        self.wrong.get_or_insert_with(|| (line, reason.to_owned()));
    }

    /// Keeps the value of the field that is open.
    fn close(&mut self, bytes: &'a [u8]) {
        let Some((slot, value, line)) = self.open.take() else {
            return;
        };
        let value = bytes[value].trim_ascii();
        match slot {
            Slot::Description => return self.package.description = value,
            Slot::Homepage => return self.package.homepage = value,
            Slot::Maintainer => return self.package.maintainer = value,
            _ => {}
        }
        match std::str::from_utf8(value) {
            Ok(text) => {
                if let Err(reason) = self.package.set(slot, text) {
                    self.refuse(line, reason);
                }
            }
            Err(_) => self.refuse(line, "a field has bytes that are not UTF-8"),
        }
    }

    fn finish(mut self, bytes: &'a [u8]) -> Result<Package<'a>, MalformedStanza> {
        self.close(bytes);
        if let Err(reason) = self.package.check() {
            self.refuse(self.package.line, reason);
        }
        match self.wrong {
            None => Ok(self.package),
            Some((line, reason)) => Err(MalformedStanza {
                line,
                package: (!self.package.name.is_empty()).then(|| self.package.name.to_owned()),
                reason,
            }),
        }
    }
}

impl<'a> Package<'a> {
    fn set(&mut self, slot: Slot, text: &'a str) -> Result<(), &'static str> {
        match slot {
            Slot::Name => self.name = text,
            Slot::Version => self.version = text,
            Slot::Architecture => self.architecture = text,
            Slot::MultiArch => {
                self.multi_arch =
                    MultiArch::parse(text).ok_or("`Multi-Arch` is none of no, same, foreign, allowed")?;
            }
            Slot::Essential => self.essential = yes(text)?,
            Slot::Protected | Slot::Important => self.protected |= yes(text)?,
            Slot::Priority => self.priority = text,
            Slot::Section => self.section = text,
            Slot::Source => self.source = text,
            Slot::PreDepends => self.pre_depends = text,
            Slot::Depends => self.depends = text,
            Slot::Recommends => self.recommends = text,
            Slot::Suggests => self.suggests = text,
            Slot::Enhances => self.enhances = text,
            Slot::Conflicts => self.conflicts = text,
            Slot::Breaks => self.breaks = text,
            Slot::Replaces => self.replaces = text,
            Slot::Provides => self.provides = text,
            Slot::Filename => self.filename = text,
            Slot::Size => self.size = Some(text.parse().map_err(|_| "`Size` is not a number")?),
            // A size that is no number harms nobody: it is shown, and nothing else.
            Slot::InstalledSize => self.installed_size = text.parse().ok(),
            Slot::Sha256 => self.sha256 = text,
            Slot::Sha512 => self.sha512 = text,
            Slot::Md5 => self.md5 = text,
            Slot::DescriptionMd5 => self.description_md5 = text,
            Slot::Tag => self.tag = text,
            Slot::Status => self.status = text,
            Slot::Phased => self.phased = text.parse().ok().filter(|percent| *percent <= 100),
            Slot::Description | Slot::Homepage | Slot::Maintainer => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.name.is_empty() {
            return Err("it has no `Package`");
        }
        if !is_name(self.name) {
            return Err("`Package` is no package's name");
        }
        // dpkg remembers packages that it knows nothing of.
        if self.version.is_empty() && self.status.ends_with(" not-installed") {
            return Ok(());
        }
        if self.version.is_empty() {
            return Err("it has no `Version`");
        }
        if !is_version(self.version) {
            return Err("`Version` is no version");
        }
        if self.architecture.is_empty() {
            return Err("it has no `Architecture`");
        }
        if !is_architecture(self.architecture) {
            return Err("`Architecture` is no architecture");
        }
        let climbs = self.filename.split('/').any(|part| part == "..");
        if climbs || self.filename.starts_with('/') {
            return Err("`Filename` leads out of the repository");
        }
        Ok(())
    }

    /// The first line of the description.
    pub fn summary(&self) -> &'a [u8] {
        let end = memchr::memchr(b'\n', self.description);
        self.description[..end.unwrap_or(self.description.len())].trim_ascii_end()
    }

    /// The source package and its version, which are those of the package itself where nothing else is said.
    pub fn source(&self) -> (&'a str, &'a str) {
        if self.source.is_empty() {
            return (self.name, self.version);
        }
        match self.source.split_once('(') {
            None => (self.source, self.version),
            Some((name, version)) => (name.trim(), version.trim_end().trim_end_matches(')').trim()),
        }
    }
}

fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && text.bytes().all(legal)
}

fn yes(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("`Essential`, `Protected` or `Important` is neither yes nor no"),
    }
}

#[cfg(test)]
mod tests;
