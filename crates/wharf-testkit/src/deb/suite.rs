//! How a suite of a repository says what it is, and how it is signed. Source: the Debian wiki's "DebianRepository/Format".

use super::archive::{DebCompression, PACKED};
use super::openpgp::DebKey;
use super::package::host_architecture;

/// Where a suite's signatures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebSignatures {
    /// In `InRelease`.
    Inline,
    /// In `Release.gpg`, beside `Release`.
    Detached,
    /// In both.
    Both,
    /// There are none: only `Release`.
    Nowhere,
}

/// A suite under construction. The default: one component `main`, this machine's architecture, signed by key 1 both ways on
/// 2024-01-01, compressed with gzip and xz, found by hash, without an end of its validity.
#[derive(Debug, Clone)]
pub struct DebSuite {
    pub(super) name: String,
    pub(super) called: Option<String>,
    pub(super) codename: String,
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) version: Option<String>,
    pub(super) components: Vec<String>,
    pub(super) architectures: Vec<String>,
    pub(super) date: u32,
    pub(super) valid_until: Option<u32>,
    pub(super) by_hash: bool,
    pub(super) keys: Vec<DebKey>,
    pub(super) signatures: DebSignatures,
    pub(super) compressions: Vec<DebCompression>,
    pub(super) translations: bool,
    pub(super) fields: Vec<(String, String)>,
}

impl DebSuite {
    /// A suite by the name under which sources ask for it. One that ends in `/` is a flat repository: no components, its
    /// index and its packages in that folder.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            called: None,
            codename: name.trim_matches(['.', '/']).to_owned(),
            origin: "Testkit".to_owned(),
            label: "Testkit".to_owned(),
            version: None,
            components: vec!["main".to_owned()],
            architectures: vec![host_architecture().to_owned()],
            date: PACKED as u32,
            valid_until: None,
            by_hash: true,
            keys: vec![DebKey::of(1)],
            signatures: DebSignatures::Both,
            compressions: vec![DebCompression::Gzip, DebCompression::Xz],
            translations: false,
            fields: Vec::new(),
        }
    }

    /// `Suite`, where it is not the name under which sources ask for it.
    #[must_use]
    pub fn called(mut self, suite: &str) -> Self {
        self.called = Some(suite.to_owned());
        self
    }

    /// `Codename`.
    #[must_use]
    pub fn codename(mut self, codename: &str) -> Self {
        codename.clone_into(&mut self.codename);
        self
    }

    /// `Origin` and `Label`.
    #[must_use]
    pub fn origin(mut self, origin: &str, label: &str) -> Self {
        origin.clone_into(&mut self.origin);
        label.clone_into(&mut self.label);
        self
    }

    /// `Version`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// `Components`.
    #[must_use]
    pub fn components(mut self, components: &[&str]) -> Self {
        self.components = components.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// `Architectures`; packages for all of them are in the index of each.
    #[must_use]
    pub fn architectures(mut self, architectures: &[&str]) -> Self {
        self.architectures = architectures.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// `Date`, in seconds since 1970; the signatures are of that moment.
    #[must_use]
    pub fn date(mut self, date: u32) -> Self {
        self.date = date;
        self
    }

    /// `Valid-Until`, in seconds since 1970.
    #[must_use]
    pub fn valid_until(mut self, date: u32) -> Self {
        self.valid_until = Some(date);
        self
    }

    /// Nothing is found by its hash.
    #[must_use]
    pub fn without_by_hash(mut self) -> Self {
        self.by_hash = false;
        self
    }

    /// Who signs.
    #[must_use]
    pub fn signed_by(mut self, keys: &[DebKey]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// Where the signatures are.
    #[must_use]
    pub fn signatures(mut self, signatures: DebSignatures) -> Self {
        self.signatures = signatures;
        self
    }

    /// In which forms the index lies there; `Release` speaks of the plain one in any case.
    #[must_use]
    pub fn compressions(mut self, compressions: &[DebCompression]) -> Self {
        self.compressions = compressions.to_vec();
        self
    }

    /// Descriptions are in `i18n/Translation-en`, as in large archives, and `Packages` has the summaries.
    #[must_use]
    pub fn translations(mut self) -> Self {
        self.translations = true;
        self
    }

    /// Another field of `Release`: `NotAutomatic`, `ButAutomaticUpgrades`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether it is a flat repository.
    pub(super) fn flat(&self) -> bool {
        self.name.ends_with('/')
    }
}
