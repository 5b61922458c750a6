//! What the store lacks for a layout, and putting it there.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::graph::{PackageIndex, To};
use wharf_store::{HomeContent, HomeId, HomeLink, Store, StoreError};

use super::{Placement, Planning};

/// A home that the store lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A package that wants it; others may want the same.
    pub package: PackageIndex,
    /// Which.
    pub home: HomeId,
    /// Another home that has the content; `None` where it must be fetched.
    pub from: Option<HomeId>,
}

/// What the store has of a layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// The homes that have to be [placed](Planning::place) before the layout is applied, each once, by package.
    pub missing: Vec<Missing>,
    /// For each package a home that has its files, once what is missing was placed: its own, or for files that lie in the
    /// project another one with the same content.
    pub sources: Vec<Option<HomeId>>,
}

impl Planning<'_> {
    /// Looks into the store, once for each home.
    pub fn stock(&self, store: &Store) -> Stock {
        let mut packages: FxHashMap<&HomeId, PackageIndex> = FxHashMap::default();
        let mut wanted: Vec<(PackageIndex, &HomeId)> = Vec::new();
        for (package, home) in self.homes.iter().enumerate() {
            if let Some(home) = home
                && !packages.contains_key(home)
            {
                packages.insert(home, package);
                wanted.push((package, home));
            }
        }
        let look = |(package, home): &(PackageIndex, &HomeId)| {
            if store.has_home(home) {
                return None;
            }
            let from = store.find_content(&home.label, home.content);
            // For files that lie in the project any home will do.
            if self.placing.placements[*package] != Placement::Global && from.is_some() {
                return Some(Err((*package, from)));
            }
            Some(Ok(Missing {
                package: *package,
                home: (*home).clone(),
                from,
            }))
        };
        let found: Vec<_> = wanted.par_iter().filter_map(look).collect();
        let mut others: FxHashMap<PackageIndex, Option<HomeId>> = FxHashMap::default();
        let mut missing = Vec::new();
        for one in found {
            match one {
                Ok(lack) => missing.push(lack),
                Err((package, other)) => _ = others.insert(package, other),
            }
        }
        let source = |home: &Option<HomeId>| {
            let home = home.as_ref()?;
            let other = others.get(&packages[home]).cloned().flatten();
            Some(other.unwrap_or_else(|| home.clone()))
        };
        Stock {
            missing,
            sources: self.homes.iter().map(source).collect(),
        }
    }

    /// What a package's home in the store links to: nothing where it has none.
    pub fn links(&self, package: PackageIndex) -> Vec<HomeLink> {
        if !self.homes[package].as_ref().is_some_and(HomeId::has_links) {
            return Vec::new();
        }
        let links = self.request.needs(package).filter_map(|(alias, to)| match to {
            To::Package(index) => Some(HomeLink {
                alias: alias.to_owned(),
                to: self.homes[*index].clone()?,
            }),
            To::Importer(_) | To::Link(_) => None,
        });
        links.collect()
    }

    /// Puts a package's home into the store. The order of packages does not matter.
    ///
    /// # Errors
    /// As [`Store::place_home`].
    pub fn place(
        &self,
        package: PackageIndex,
        content: HomeContent,
        store: &Store,
    ) -> Result<(), StoreError> {
        match &self.homes[package] {
            Some(home) => store.place_home(home, content, &self.links(package)),
            None => Ok(()),
        }
    }
}
