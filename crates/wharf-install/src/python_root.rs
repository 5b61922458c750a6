//! A `.venv` as it is wanted: its files as a list, its record, and the bytecode that it takes over or gets.
//!
//! Invariant: nothing is written here but bytecode inside the stage.

use std::path::Path;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use wharf_core::{Event, Sinks};
use wharf_store::{Placed, Store};

use crate::PythonWanted;
use crate::bytecode;
use crate::error::InstallError;
use crate::generation::{InstalledPackage, Marker, Place, PythonPart};
use crate::layout::{Content, Item, Layout};
use crate::venv::Skeleton;
use crate::wheel::{self, Destination};

/// A `.venv` that is wanted, with all of its files.
pub(crate) struct PythonFolder<'a> {
    pub(crate) wanted: &'a PythonWanted,
    /// Where it will stand.
    pub(crate) root: &'a Path,
    pub(crate) layout: Layout,
}

impl<'a> PythonFolder<'a> {
    /// Lists everything that the environment will hold. Writes nothing but objects that the store lacks.
    pub(crate) fn new(
        wanted: &'a PythonWanted,
        root: &'a Path,
        marker: &Marker,
        store: &Store,
        sinks: &Sinks,
    ) -> Result<Self, InstallError> {
        let skeleton = Skeleton {
            python: &wanted.python,
            root,
            prompt: &wanted.prompt,
            system_site: wanted.system_site,
        };
        let mut items = skeleton.items()?;
        items.push(Item {
            path: Marker::NAME.to_owned(),
            content: Content::Bytes {
                bytes: marker.text(),
                executable: false,
            },
        });
        let to = Destination {
            python: &wanted.python,
            root,
        };
        let mut placed: Vec<_> = wanted
            .packages
            .par_iter()
            .map(|package| wheel::place(store, package, to).map(|placed| (package, placed)))
            .collect::<Result<_, _>>()?;
        placed.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
        let mut layout = Layout::new(items);
        for (package, placed) in placed {
            for warning in placed.warnings {
                sinks.emit(Event::warning("install/odd-wheel", warning));
            }
            layout.add(&format!("{} {}", package.name, package.version), placed.items);
        }
        layout.check()?;
        for one in layout.collisions() {
            let message = format!(
                "`{}` comes with {} and with {}; the former's is installed",
                one.path, one.kept, one.hidden
            );
            sinks.emit(Event::warning("install/collision", message));
        }
        Ok(Self { wanted, root, layout })
    }

    /// Everything that is put into the folder.
    pub(crate) fn placed(&self) -> Vec<Placed> {
        self.layout.items().iter().map(Item::placed).collect()
    }

    /// Files written for this environment.
    pub(crate) fn written(&self) -> usize {
        let written = |item: &&Item| matches!(item.content, Content::Bytes { .. });
        self.layout.items().iter().filter(written).count()
    }

    /// The directories that are watched.
    pub(crate) fn places(&self) -> Vec<Place> {
        [
            self.wanted.python.site_packages(),
            self.wanted.python.scheme.scripts.clone(),
        ]
        .map(|path| Place::new(&path, self.layout.names_in(&path)))
        .into()
    }

    /// What goes on record.
    pub(crate) fn part(&self) -> PythonPart {
        let wanted = self.wanted;
        let installed = wanted.packages.iter().map(|package| InstalledPackage {
            name: package.name.clone(),
            version: package.version.clone(),
            tree: package.tree,
            requested: package.requested,
            direct_url: package.direct_url.clone(),
        });
        let mut packages: Vec<_> = installed.collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        PythonPart {
            root: self.root.to_owned(),
            interpreter: wanted.python.clone(),
            prompt: wanted.prompt.clone(),
            system_site: wanted.system_site,
            compile: wanted.compile,
            packages,
            site_packages: wanted.python.site_packages(),
            scripts: wanted.python.scheme.scripts.clone(),
        }
    }

    /// Takes over the bytecode of packages that stay as they are, into the stage at `new`.
    pub(crate) fn carry(&self, before: Option<&PythonPart>, new: &Path) -> FxHashSet<String> {
        let python = &self.wanted.python;
        let Some(before) = before.filter(|before| {
            before.interpreter.same_runtime(python) && before.interpreter.magic == python.magic
        }) else {
            return FxHashSet::default();
        };
        let known: FxHashSet<_> = before
            .packages
            .iter()
            .map(|package| (&package.name, package.tree))
            .collect();
        // Owners in the layout are the skeleton, then the packages by name.
        let mut packages: Vec<_> = self.wanted.packages.iter().collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        let kept: Vec<bool> = packages
            .iter()
            .map(|package| known.contains(&(&package.name, package.tree)))
            .collect();
        bytecode::carry(&self.layout, self.root, new, &|owner| {
            owner > 0 && kept[owner - 1]
        })
    }
}
