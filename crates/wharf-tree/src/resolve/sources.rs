//! Where packages come from: what the universe says of them, each asked for once; what it does not know is noted in the needs.

use std::rc::Rc;
use std::sync::Arc;

use wharf_core::Source;
use wharf_ecosystem::npm::semver::Range;
use wharf_ecosystem::npm::{From, PickRules, Spec, Version, Versions, pick};

use super::names::NameId;
use super::tree::{Pack, PackageId, Scope, Tree};
use crate::problem::Lookup;

/// Which package a specifier means.
pub(crate) enum Picked {
    Package(PackageId),
    Unknown,
    Failed(String),
    /// No version fits, and why in words.
    None(String),
}

impl Tree<'_> {
    /// How versions are chosen for a name.
    pub(crate) fn rules(&self, name: NameId) -> PickRules<'_> {
        PickRules {
            node: self.node.as_ref(),
            cutoff: self.problem.cutoff,
            prefer: self.preferences.get(&name).map_or(&[], Vec::as_slice),
        }
    }

    /// All versions of a name; what is unknown is noted in the needs.
    pub(crate) fn versions(&mut self, name: NameId) -> Lookup<Arc<Versions>> {
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        let package = match self.names.package(name) {
            Ok(package) => package,
            Err(error) => return Lookup::Failed(error.to_string()),
        };
        let found = self.universe.versions(&package);
        if let Lookup::Unknown = found {
            self.needed_versions.insert(package);
        }
        self.known.insert(name, found.clone());
        found
    }

    /// The version of a package that is there already and lies in a range.
    pub(crate) fn present(&self, name: NameId, fits: impl Fn(&Version) -> bool) -> Option<PackageId> {
        let versions = self.chosen.get(name)?;
        versions
            .iter()
            .copied()
            .find(|&package| self.packages[package].version.as_ref().is_some_and(&fits))
    }

    /// The version of a registry's package that a specifier means.
    pub(super) fn picked(&mut self, name: NameId, spec: &Spec) -> Picked {
        let versions = match self.versions(name) {
            Lookup::Known(versions) => versions,
            Lookup::Unknown => return Picked::Unknown,
            Lookup::Failed(reason) => return Picked::Failed(reason),
        };
        match pick(&versions, spec, &self.rules(name)) {
            Some(row) => self.package(name, &row.version),
            None => Picked::None(pick::why_none(&versions, spec, &self.rules(name))),
        }
    }

    /// The version of a registry's package that a range means; `text` is the range as written, for each of which that is found once.
    pub(super) fn picked_in(&mut self, name: NameId, range: &Range, text: &Rc<str>) -> Picked {
        let key = (name, Rc::clone(text));
        let version = match self.picks.get(&key) {
            Some(version) => version.clone(),
            None => {
                let versions = match self.versions(name) {
                    Lookup::Known(versions) => versions,
                    Lookup::Unknown => return Picked::Unknown,
                    Lookup::Failed(reason) => return Picked::Failed(reason),
                };
                let row = pick::pick_range(&versions, range, &self.rules(name));
                let version = row.map(|row| row.version);
                self.picks.insert(key, version.clone());
                version
            }
        };
        match version {
            Some(version) => self.package(name, &version),
            None => Picked::None(String::new()),
        }
    }

    /// One version of a registry's package.
    pub(crate) fn package(&mut self, name: NameId, version: &Version) -> Picked {
        let key = (name, version.clone());
        if let Some(&package) = self.by_version.get(&key) {
            return Picked::Package(package);
        }
        let package = match self.names.package(name) {
            Ok(package) => package,
            Err(error) => return Picked::Failed(error.to_string()),
        };
        let manifest = match self.universe.manifest(&package, version) {
            Ok(manifest) => manifest,
            Err(reason) => return Picked::Failed(reason),
        };
        let registries = &self.problem.registries;
        let dist = manifest.dist.clone().unwrap_or_default();
        let usual = dist.tarball.is_empty()
            || registries.is_default_tarball(&dist.tarball, &package, version.as_str());
        let fits_node = match (&self.node, manifest.engines_node()) {
            (Some(node), Some(engines)) => node.runs(engines),
            _ => true,
        };
        let pack = Pack {
            source: Source::Registry {
                index: registries.registry_for(&package).without_credentials(),
            },
            tarball: (!usual).then_some(dist.tarball),
            integrity: dist.integrity,
            sound: manifest.deprecated.is_none() && fits_node,
            manifest: self
                .problem
                .extensions
                .extended(package.as_str(), version.as_str(), &manifest),
            name: package,
            name_id: name,
            version: Some(version.clone()),
            version_text: version.as_str().into(),
            from_registry: true,
        };
        self.packages.push(pack);
        self.by_version.insert(key, self.packages.len() - 1);
        Picked::Package(self.packages.len() - 1)
    }

    /// A package that no registry lists.
    pub(super) fn direct(&mut self, scope: Scope, alias: NameId, spec: &Spec) -> Picked {
        let from = match scope {
            Scope::Importer(index) => {
                From::Importer(self.problem.importers[self.importers[index].root].path.clone())
            }
            Scope::Node(node) => From::Package(self.pack(node).source.clone()),
        };
        let direct = match self.universe.direct(spec, &from) {
            Lookup::Known(direct) => direct,
            Lookup::Unknown => {
                self.needed_directs.push((spec.clone(), from));
                return Picked::Unknown;
            }
            Lookup::Failed(reason) => return Picked::Failed(reason),
        };
        let stated = direct.manifest.name.as_deref();
        let name_id = match stated {
            Some(name) => self.names.id(name),
            None => alias,
        };
        let name = match self.names.package(name_id) {
            Ok(name) => name,
            Err(error) => return Picked::Failed(error.to_string()),
        };
        let version_text: Rc<str> = direct.manifest.version.as_deref().unwrap_or("0.0.0").into();
        let key = (name_id, Rc::clone(&version_text), direct.source.clone());
        if let Some(&package) = self.by_source.get(&key) {
            return Picked::Package(package);
        }
        let pack = Pack {
            manifest: self
                .problem
                .extensions
                .extended(name.as_str(), &version_text, &direct.manifest),
            name,
            name_id,
            version: Version::parse_loose(&version_text).ok(),
            version_text,
            source: direct.source.clone(),
            tarball: direct.tarball.clone(),
            integrity: direct.integrity.clone(),
            from_registry: false,
            sound: true,
        };
        self.packages.push(pack);
        self.by_source.insert(key, self.packages.len() - 1);
        Picked::Package(self.packages.len() - 1)
    }
}
