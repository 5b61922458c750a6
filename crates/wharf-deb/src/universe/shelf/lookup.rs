//! Who fulfils a relation, and who is meant by one that opposes. Source: Debian Policy, chapter 7; the specification of Multi-Arch.

use wharf_solve::agenda::Item;

use super::{Name, PackageId, Shelf};
use crate::index::MultiArch;
use crate::version::{Operator, compare};

/// A relation to be looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: Name,
    /// After the colon.
    pub(crate) qualifier: Option<&'a str>,
    pub(crate) constraint: Option<(Operator, &'a str)>,
    /// Position of the architecture of the package that says so.
    pub(crate) of: u8,
}

impl Wanted<'_> {
    fn accepts(&self, version: &str) -> bool {
        self.constraint
            .is_none_or(|(operator, bound)| operator.accepts(compare(version, bound)))
    }

    /// A name that is provided without a version fulfils no relation that has one.
    fn accepts_provided(&self, version: Option<&str>) -> bool {
        self.constraint.is_none() || version.is_some_and(|version| self.accepts(version))
    }
}

impl Shelf<'_> {
    /// All versions that fulfil a dependency, whether or not they may be chosen: those of the name itself first.
    pub(crate) fn fulfilling(&mut self, wanted: &Wanted<'_>, mut found: impl FnMut(&Self, Item)) {
        for package in self.packages(wanted.name) {
            for item in self.package(PackageId(package)).versions.clone().map(Item) {
                if self.serves(item, wanted) && wanted.accepts(self.record(item).version()) {
                    found(self, item);
                }
            }
        }
        for provider in self.providers(wanted.name) {
            let provider = self.providers[provider as usize];
            if self.serves(provider.item, wanted) && wanted.accepts_provided(provider.version) {
                found(self, provider.item);
            }
        }
    }

    /// All versions that a Conflicts or Breaks is about: architectures do not matter unless one is named.
    pub(crate) fn opposed(&mut self, wanted: &Wanted<'_>, mut found: impl FnMut(&Self, Item)) {
        for package in self.packages(wanted.name) {
            for item in self.package(PackageId(package)).versions.clone().map(Item) {
                if self.is_named(item, wanted) && wanted.accepts(self.record(item).version()) {
                    found(self, item);
                }
            }
        }
        for provider in self.providers(wanted.name) {
            let provider = self.providers[provider as usize];
            if self.is_named(provider.item, wanted) && wanted.accepts_provided(provider.version) {
                found(self, provider.item);
            }
        }
    }

    fn serves(&self, item: Item, wanted: &Wanted<'_>) -> bool {
        let architecture = self.package_of(item).architecture;
        let multi_arch = self.version(item).multi_arch;
        match wanted.qualifier {
            None => architecture == wanted.of || multi_arch == MultiArch::Foreign,
            Some("any") => multi_arch == MultiArch::Allowed,
            Some(_) => self.is_named(item, wanted),
        }
    }

    fn is_named(&self, item: Item, wanted: &Wanted<'_>) -> bool {
        let architecture = usize::from(self.package_of(item).architecture);
        match wanted.qualifier {
            None | Some("any") => true,
            Some("native") => architecture == 0,
            Some(word) => self.universe.architectures[architecture].as_str() == word,
        }
    }
}
