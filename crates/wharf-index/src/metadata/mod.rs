//! What one version requires, as a compact blob from which requirements are parsed only when somebody asks.
//!
//! Parsing requirements costs more than everything else in a warm resolve, and most requirements of large packages
//! stand behind extras that nobody asks for. So the blob keeps those that mention no extra apart from the others, and
//! with each of the others the extras that can switch it on.
//!
//! Invariant: [`Requirements::base`] and [`Requirements::for_extra`] together give for every extra exactly what
//! [`CoreMetadata::requires_dist`] holds for it.

pub(crate) mod wheel;

use std::sync::OnceLock;

use wharf_core::PackageName;
use wharf_ecosystem::pypi::metadata::MetadataError;
use wharf_ecosystem::pypi::{
    self, CoreMetadata, ExtraName, ExtraOperator, MarkerExpression, MarkerTree, MarkerValueExtra,
    Requirement, Version, VersionSpecifiers,
};

use crate::codec::{Cursor, checksum, put_text, u64_at};

const MAGIC: &[u8; 8] = b"WHARFm\x01\n";
const HEADER: usize = 16;

/// What one version requires.
#[derive(Debug)]
pub struct Requirements {
    name: PackageName,
    version: Version,
    requires_python: Option<VersionSpecifiers>,
    extras: Vec<ExtraName>,
    problem: Option<String>,
    bytes: Box<[u8]>,
    base_at: usize,
    conditional_at: usize,
    headers_at: usize,
    base: OnceLock<Vec<Requirement>>,
}

impl Requirements {
    /// The package.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The Pythons that it is for.
    pub fn requires_python(&self) -> Option<&VersionSpecifiers> {
        self.requires_python.as_ref()
    }

    /// Its extras.
    pub fn extras(&self) -> &[ExtraName] {
        &self.extras
    }

    /// Why this version must not be chosen: a field that decides about it cannot be read.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What it requires whatever extras are asked for, parsed once. Markers are still to be evaluated.
    pub fn base(&self) -> &[Requirement] {
        self.base.get_or_init(|| {
            let mut cursor = self.cursor(self.base_at);
            let count = cursor.number().unwrap_or_default();
            (0..count)
                .map_while(|_| cursor.text())
                .filter_map(parse)
                .collect()
        })
    }

    /// What it requires beyond [`base`](Self::base) when `extra` is asked for. Markers, with the extra in them, are
    /// still to be evaluated.
    pub fn for_extra(&self, extra: &ExtraName) -> Vec<Requirement> {
        self.conditional(|extras| extras.is_empty() || extras.iter().any(|name| *name == extra.as_ref()))
    }

    /// Everything, as the package itself says it.
    ///
    /// # Errors
    /// Only where the blob is damaged in a way that its checksum does not show.
    pub fn core(&self) -> Result<CoreMetadata, MetadataError> {
        CoreMetadata::parse(self.cursor(self.headers_at).text().unwrap_or_default().as_bytes())
    }

    fn cursor(&self, at: usize) -> Cursor<'_> {
        Cursor::new(self.bytes.get(at..).unwrap_or_default())
    }

    fn conditional(&self, wanted: impl Fn(&[&str]) -> bool) -> Vec<Requirement> {
        let mut cursor = self.cursor(self.conditional_at);
        let mut found = Vec::new();
        for _ in 0..cursor.number().unwrap_or_default() {
            let count = cursor.number().unwrap_or_default();
            let extras: Vec<&str> = (0..count).map_while(|_| cursor.text()).collect();
            let Some(text) = cursor.text() else { break };
            if wanted(&extras) {
                found.extend(parse(text));
            }
        }
        found
    }

    /// Reads a blob; `None` where it is none, torn, damaged, or of another format version.
    pub(crate) fn open(bytes: impl Into<Box<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        if bytes.get(..8)? != MAGIC || u64_at(&bytes, 8)? != checksum(bytes.get(HEADER..)?) {
            return None;
        }
        let mut cursor = Cursor::new(bytes.get(HEADER..)?);
        let name = PackageName::pypi(cursor.text()?).ok()?;
        let version = pypi::parse_version(cursor.text()?).ok()?;
        let requires_python = match cursor.text()? {
            "" => None,
            text => Some(pypi::parse_specifiers(text).ok()?),
        };
        let problem = Some(cursor.text()?)
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        let count = cursor.number()?;
        let extras = (0..count)
            .map(|_| cursor.text()?.parse().ok())
            .collect::<Option<Vec<_>>>()?;
        let [base_at, conditional_at, headers_at] = [cursor.number()?, cursor.number()?, cursor.number()?];
        let at = |position: u32| HEADER + position as usize;
        Some(Self {
            name,
            version,
            requires_python,
            extras,
            problem,
            base_at: at(base_at),
            conditional_at: at(conditional_at),
            headers_at: at(headers_at),
            bytes,
            base: OnceLock::new(),
        })
    }

    /// Makes a view of parsed metadata; `headers` is the text it was parsed from.
    pub(crate) fn new(metadata: &CoreMetadata, headers: &[u8]) -> Self {
        Self::open(encode(metadata, headers)).expect("what was just encoded can be opened")
    }

    /// Reads the bytes of a `METADATA` or `PKG-INFO`.
    ///
    /// # Errors
    /// Where they are no metadata.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        Ok(Self::new(&CoreMetadata::parse(bytes)?, bytes))
    }

    /// The blob, for writing.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Only what parsed is written, so nothing is lost here.
fn parse(text: &str) -> Option<Requirement> {
    pypi::parse_requirement(text).ok()
}

/// Writes metadata as a blob.
fn encode(metadata: &CoreMetadata, headers: &[u8]) -> Vec<u8> {
    let mut front = Vec::new();
    put_text(&mut front, metadata.name.as_str());
    put_text(&mut front, &metadata.version.to_string());
    put_text(
        &mut front,
        &metadata
            .requires_python
            .as_ref()
            .map(|python| python.to_string())
            .unwrap_or_default(),
    );
    put_text(
        &mut front,
        &metadata
            .fatal_problem()
            .map(|problem| problem.to_string())
            .unwrap_or_default(),
    );
    put_number(&mut front, metadata.provides_extra.len());
    for extra in &metadata.provides_extra {
        put_text(&mut front, extra.as_ref());
    }
    let (mut base, mut conditional) = (Vec::new(), Vec::new());
    let mut counts = [0usize; 2];
    for requirement in &metadata.requires_dist {
        let text = requirement.to_string();
        match extras_of(&requirement.marker) {
            None => {
                counts[0] += 1;
                put_text(&mut base, &text);
            }
            Some(extras) => {
                counts[1] += 1;
                put_number(&mut conditional, extras.len());
                for extra in &extras {
                    put_text(&mut conditional, extra.as_ref());
                }
                put_text(&mut conditional, &text);
            }
        }
    }
    let base_at = front.len() + 12;
    let conditional_at = base_at + 4 + base.len();
    let headers_at = conditional_at + 4 + conditional.len();
    for position in [base_at, conditional_at, headers_at] {
        put_number(&mut front, position);
    }
    put_number(&mut front, counts[0]);
    front.extend_from_slice(&base);
    put_number(&mut front, counts[1]);
    front.extend_from_slice(&conditional);
    put_text(&mut front, &String::from_utf8_lossy(without_description(headers)));
    let mut out = Vec::with_capacity(HEADER + front.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&checksum(&front).to_le_bytes());
    out.extend_from_slice(&front);
    out
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&crate::codec::offset(number).to_le_bytes());
}

/// The headers alone: the long description is read by nobody here.
fn without_description(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    match (end, crlf) {
        (Some(end), Some(crlf)) => &bytes[..end.min(crlf) + 1],
        (Some(end), None) | (None, Some(end)) => &bytes[..end + 1],
        (None, None) => bytes,
    }
}

/// The extras that can switch a marker on: `None` where it mentions none, an empty list where only evaluating it
/// tells (`extra != "x"`, or an alternative without an extra).
fn extras_of(marker: &MarkerTree) -> Option<Vec<ExtraName>> {
    let mut extras = Vec::new();
    let mut mentioned = false;
    let mut simple = true;
    for clause in marker.to_dnf() {
        let before = extras.len();
        for expression in clause {
            if let MarkerExpression::Extra { operator, name } = expression {
                mentioned = true;
                match (operator, name) {
                    (ExtraOperator::Equal, MarkerValueExtra::Extra(extra)) => extras.push(extra),
                    (ExtraOperator::Equal | ExtraOperator::NotEqual, _) => simple = false,
                }
            }
        }
        simple &= extras.len() > before;
    }
    extras.sort();
    extras.dedup();
    match (mentioned, simple) {
        (false, _) => None,
        (true, true) => Some(extras),
        (true, false) => Some(Vec::new()),
    }
}

/// The headers of metadata that was read from somewhere else than headers.
pub(crate) fn to_headers(metadata: &CoreMetadata) -> String {
    let mut text = format!(
        "Metadata-Version: {}\nName: {}\nVersion: {}\n",
        if metadata.metadata_version.is_empty() {
            "2.1"
        } else {
            &metadata.metadata_version
        },
        metadata.name,
        metadata.version
    );
    let mut line = |field: &str, value: &str| {
        let value = value.replace(['\r', '\n'], " ");
        text.push_str(&format!("{field}: {value}\n"));
    };
    for (field, value) in [
        ("Summary", &metadata.summary),
        ("Home-page", &metadata.home_page),
        ("License", &metadata.license),
        ("Author", &metadata.author),
    ] {
        if let Some(value) = value {
            line(field, value);
        }
    }
    for (label, url) in &metadata.project_urls {
        line("Project-URL", &format!("{label}, {url}"));
    }
    if let Some(python) = &metadata.requires_python {
        line("Requires-Python", &python.to_string());
    }
    for extra in &metadata.provides_extra {
        line("Provides-Extra", extra.as_ref());
    }
    for requirement in &metadata.requires_dist {
        line("Requires-Dist", &requirement.to_string());
    }
    text
}

#[cfg(test)]
mod tests;
