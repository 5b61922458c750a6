//! What stays as it is: locked versions, and packages that are held. Invariant: what is held is chosen at one version or not at all; what is
//! excluded is not chosen.

use wharf_solve::agenda::Item;

use super::{Package, Shelf};

/// What a hold leaves of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Everything: it is not held, or there is nothing yet at which it could be.
    Free,
    /// This version and no other.
    At(Item),
    /// Nothing: what it is held at is not to be had, or it is not installed on the machine.
    Out,
}

impl<'u> Shelf<'u> {
    /// Whether a locked version may be chosen as before: not where pins now rule it out, or prefer another to it.
    pub(super) fn stays(&self, package: &Package, locked: Item) -> bool {
        let own = self.version(locked);
        let is_outranked = package.candidate.is_some_and(|candidate| {
            let candidate = self.version(candidate);
            candidate.priority > own.priority && (candidate.is_stated || own.is_stated)
        });
        own.priority >= 0 && !is_outranked
    }

    /// What a hold leaves of a package.
    pub(crate) fn hold(&self, package: &Package) -> Hold {
        if !self.is_held(package) {
            return Hold::Free;
        }
        let locked = package
            .locked
            .filter(|&locked| self.version(locked).priority >= 0);
        match locked.or(package.installed) {
            Some(item) => Hold::At(item),
            None if self.universe.installed.is_some() || self.locked_version(package).is_some() => Hold::Out,
            None => Hold::Free,
        }
    }

    /// The versions at which packages are held that are not installed: what those on a machine need is there.
    pub(crate) fn held(&mut self) -> Vec<Item> {
        let universe = self.universe;
        let mut held = Vec::new();
        for key in universe.holds.iter().filter(|_| universe.installed.is_none()) {
            let name = self.find(&key.name);
            let position = self.architecture_position(key.architecture.as_str());
            let package = name
                .zip(position)
                .and_then(|(name, position)| self.package_for(name, position));
            if let Some(package) = package
                && let Hold::At(item) = self.hold(self.package(package))
            {
                held.push(item);
            }
        }
        held
    }

    /// The version that is locked, whether or not it is to be had.
    pub(crate) fn locked_version(&self, package: &Package) -> Option<&'u str> {
        let key = (self.text(package.name), package.architecture);
        self.locked.get(&key).copied()
    }

    /// Whether it is never to be chosen.
    pub(crate) fn is_excluded(&self, package: &Package) -> bool {
        self.universe.excluded.contains(self.text(package.name))
    }

    fn is_held(&self, package: &Package) -> bool {
        !self.universe.holds.is_empty()
            && self.universe.holds.iter().any(|held| {
                held.name == self.text(package.name)
                    && held.architecture == self.universe.architectures[usize::from(package.architecture)]
            })
    }
}
