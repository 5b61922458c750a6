//! What an index knows of one package. Invariant: as [`Index`]: total, whatever the bytes are.

use std::ops::Range;

use wharf_core::{Algorithm, Digest};

use super::facts::{Kind, Priority, multi_arch};
use super::layout::{Section, record as at, u32_at, u64_at};
use super::relations::Groups;
use super::{Index, NameId, RecordId};
use crate::packages::MultiArch;

/// One package in one version for one architecture.
#[derive(Clone, Copy)]
pub struct Record<'i> {
    index: &'i Index,
    id: RecordId,
    row: &'i [u8],
}

impl<'i> Record<'i> {
    pub(super) fn new(index: &'i Index, id: RecordId) -> Self {
        let start = (id.0 as usize).saturating_mul(at::ROW);
        let row = (id.0 < index.records)
            .then(|| index.section(Section::Records).get(start..start + at::ROW))
            .flatten();
        Self {
            index,
            id,
            row: row.unwrap_or_default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The index that it is in.
    pub fn index(&self) -> &'i Index {
        self.index
    }

    /// The number of its name.
    pub fn name_id(&self) -> NameId {
        NameId(self.number(at::NAME))
    }

    /// Its name.
    pub fn name(&self) -> &'i str {
        self.index.name(self.name_id())
    }

    /// Its version.
    pub fn version(&self) -> &'i str {
        self.index.version(self.number(at::VERSION))
    }

    /// Its architecture, or `all`.
    pub fn architecture(&self) -> &'i str {
        self.index.term(self.number(at::ARCHITECTURE))
    }

    /// How it behaves towards other architectures.
    pub fn multi_arch(&self) -> MultiArch {
        multi_arch(self.byte(at::FLAGS) & at::MULTI_ARCH)
    }

    /// Whether the system does not work without it.
    pub fn is_essential(&self) -> bool {
        self.flag(at::ESSENTIAL)
    }

    /// Whether it boots or holds the system up: `Protected: yes`, or `Important: yes` as it was called before.
    pub fn is_protected(&self) -> bool {
        self.flag(at::PROTECTED)
    }

    /// How much it matters.
    pub fn priority(&self) -> Priority {
        Priority::of(self.byte(at::PRIORITY))
    }

    /// What it is about, such as `games`; empty where it is not said.
    pub fn section(&self) -> &'i str {
        self.index.term(self.number(at::SECTION))
    }

    /// The source package that it is built from.
    pub fn source(&self) -> &'i str {
        self.index.term(self.number(at::SOURCE))
    }

    /// The version of its source package.
    pub fn source_version(&self) -> &'i str {
        self.index.version(self.number(at::SOURCE_VERSION))
    }

    /// What it says about others.
    pub fn relations(&self, kind: Kind) -> Groups<'i> {
        let kinds = self.number(at::KINDS) as u16;
        Groups::new(self.index, self.number(at::RELATIONS), kinds, kind)
    }

    /// Whether it says anything of this kind: cheaper than to look at the relations.
    pub fn has(&self, kind: Kind) -> bool {
        self.number(at::KINDS) as u16 & kind.bit() != 0
    }

    /// Where the archive is, below the repository.
    pub fn filename(&self) -> &'i str {
        self.field_text(at::FILENAME, Section::Filenames)
    }

    /// Bytes of the archive.
    pub fn size(&self) -> u64 {
        u64_at(self.row, at::SIZE)
    }

    /// The digest of the archive, where the repository says it. Weaker ones are not kept.
    pub fn sha256(&self) -> Option<Digest> {
        let bytes = self.row.get(at::SHA256..at::SHA256 + 32)?;
        self.flag(at::HAS_SHA256)
            .then(|| Digest::from_bytes(Algorithm::Sha256, bytes))
            .flatten()
    }

    /// KiB that it takes when installed, as its maker estimated.
    pub fn installed_size(&self) -> u64 {
        u64::from(self.number(at::INSTALLED))
    }

    /// The percentage of machines that get this update, where it is rolled out in phases (Ubuntu).
    pub fn phased(&self) -> Option<u8> {
        let percentage = self.byte(at::PHASED);
        (percentage != at::NOT_PHASED).then_some(percentage)
    }

    /// One line on what it is.
    pub fn summary(&self) -> &'i str {
        self.field_text(at::SUMMARY, Section::Summaries)
    }

    /// The long description, as the control file has it without the summary; empty where the repository keeps them elsewhere.
    pub fn description(&self) -> &'i str {
        self.field_text(at::DESCRIPTION, Section::Descriptions)
    }

    fn field_text(&self, field: usize, section: Section) -> &'i str {
        self.index.text(section, self.text_range(field))
    }

    fn text_range(&self, field: usize) -> Range<usize> {
        self.index.starts(Section::Records, at::ROW, field, self.id.0)
    }

    fn number(&self, field: usize) -> u32 {
        u32_at(self.row, field)
    }

    fn byte(&self, field: usize) -> u8 {
        self.row.get(field).copied().unwrap_or_default()
    }

    fn flag(&self, flag: u8) -> bool {
        self.byte(at::FLAGS) & flag != 0
    }
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {}", self.name(), self.architecture(), self.version())
    }
}
