//! What the store lacks for a layout, and putting it there.

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use wharf_ecosystem::npm::graph::{PackageIndex, To};
use wharf_store::{GraphKey, HomeContent, HomeId, HomeLink, Store, StoreError};

use super::placing::Placing;
use super::{Placement, Request};

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

/// The homes that have to be [placed](place) before the layout is applied, each once, by package.
pub fn missing(request: &Request<'_>, homes: &[Option<HomeId>], store: &Store) -> Vec<Missing> {
    let placements = Placing::of(request).placements;
    let mut seen = FxHashSet::default();
    let wanted: Vec<(PackageIndex, &HomeId)> = homes
        .iter()
        .enumerate()
        .filter_map(|(package, home)| Some((package, home.as_ref()?)))
        .filter(|(_, home)| seen.insert(*home))
        .collect();
    let look = |(package, home): (PackageIndex, &HomeId)| {
        if store.has_home(home) {
            return None;
        }
        let from = store.find_content(&home.label, home.content);
        // For files that lie in the project any home will do.
        if placements[package] != Placement::Global && from.is_some() {
            return None;
        }
        Some(Missing {
            package,
            home: home.clone(),
            from,
        })
    };
    wanted.into_par_iter().filter_map(look).collect()
}

/// What a package's home in the store links to: nothing where it is pristine.
pub fn links(request: &Request<'_>, homes: &[Option<HomeId>], package: PackageIndex) -> Vec<HomeLink> {
    match &homes[package] {
        Some(home) if home.graph != GraphKey::PRISTINE => {}
        _ => return Vec::new(),
    }
    let links = request.needs(package).filter_map(|(alias, to)| match to {
        To::Package(index) => Some(HomeLink {
            alias: alias.to_owned(),
            to: homes[*index].clone()?,
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
    request: &Request<'_>,
    homes: &[Option<HomeId>],
    package: PackageIndex,
    content: HomeContent,
    store: &Store,
) -> Result<(), StoreError> {
    match &homes[package] {
        Some(home) => store.place_home(home, content, &links(request, homes, package)),
        None => Ok(()),
    }
}

/// For each package a home in the store that has its files: the one that [`super::homes`] names, or where that is pristine
/// and not there, another with the same content.
pub fn sources(request: &Request<'_>, homes: &[Option<HomeId>], store: &Store) -> Vec<Option<HomeId>> {
    let placements = Placing::of(request).placements;
    let find = |(package, home): (PackageIndex, &Option<HomeId>)| {
        let home = home.as_ref()?;
        if placements[package] == Placement::Global || store.has_home(home) {
            return Some(home.clone());
        }
        Some(
            store
                .find_content(&home.label, home.content)
                .unwrap_or_else(|| home.clone()),
        )
    };
    homes.par_iter().enumerate().map(find).collect()
}
