//! What apt fetched, as a universe.

use std::collections::BTreeMap;
use std::path::Path;

use wharf_deb::architecture::Architecture;
use wharf_deb::index::{Index, build};
use wharf_deb::preferences;
use wharf_deb::release::Release;
use wharf_deb::universe::{Layer, PackageKey, Place, Provenance, Universe};

use super::apt::{Apt, Target};
use super::{Packages, Set};
use crate::shell::{Failure, about};

/// A universe, and where every version of it is.
pub(crate) struct World {
    pub(crate) universe: Universe,
    places: BTreeMap<(String, String), Place>,
}

impl World {
    /// The same world that apt sees for a set.
    pub(crate) fn open(apt: &Apt, set: &Set) -> Result<Self, Failure> {
        let universe = Self::universe(apt, set, &apt.targets()?)?;
        let places = places(&universe);
        Ok(Self { universe, places })
    }

    /// The universe alone.
    pub(crate) fn universe(apt: &Apt, set: &Set, targets: &[Target]) -> Result<Universe, Failure> {
        let mut layers = Vec::new();
        for target in targets {
            let signed = std::fs::read_to_string(&target.release).map_err(about(target.release.display()))?;
            let release =
                Release::parse(unsigned(&signed).as_bytes()).map_err(about(target.release.display()))?;
            layers.push(Layer {
                index: index(&target.packages)?,
                provenance: Provenance::of(&release, &target.component, &target.architecture, ""),
            });
        }
        let architecture = |word: &str| Architecture::parse(word).map_err(about(word));
        let native = architecture(&apt.native)?;
        let foreign: Vec<Architecture> = set
            .foreign
            .iter()
            .map(|word| architecture(word))
            .collect::<Result<_, _>>()?;
        let pins: Result<Vec<_>, _> = preferences::parse(set.preferences.as_bytes())
            .into_iter()
            .collect();
        let holds = set.holds.iter().map(|name| PackageKey {
            name: name.clone(),
            architecture: native.clone(),
        });
        let mut universe = Universe::new(layers, native.clone())
            .with_foreign(foreign)
            .with_pins(pins.map_err(about(&set.name))?)
            .with_target_release(set.target.clone())
            .with_holds(holds);
        if !set.installed.is_empty() {
            universe = universe.with_installed(made(apt.status_text()?.as_bytes())?);
        }
        Ok(universe)
    }

    /// The records of packages by name and version.
    pub(crate) fn places(&self, packages: &Packages) -> Result<Vec<Place>, String> {
        packages
            .iter()
            .map(|(name, version)| {
                self.places
                    .get(&(name.clone(), version.clone()))
                    .copied()
                    .ok_or_else(|| format!("{name} {version}"))
            })
            .collect()
    }
}

fn places(universe: &Universe) -> BTreeMap<(String, String), Place> {
    let mut places = BTreeMap::new();
    for (number, layer) in universe.layers().iter().enumerate() {
        for record in layer.index.records() {
            let place = Place {
                layer: number as u16,
                record,
            };
            let record = layer.index.record(record);
            if let Some(architecture) = universe.architecture_of(&record) {
                places
                    .entry((
                        format!("{}:{architecture}", record.name()),
                        record.version().to_owned(),
                    ))
                    .or_insert(place);
            }
        }
    }
    places
}

/// What a signature was made for. The signature itself is apt's business here.
fn unsigned(text: &str) -> &str {
    let body = text
        .strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----\n")
        .and_then(|rest| rest.split_once("\n\n"))
        .map_or(text, |(_, body)| body);
    body.split("\n-----BEGIN PGP SIGNATURE-----")
        .next()
        .unwrap_or(body)
}

/// The index of a file of packages, kept beside it.
fn index(packages: &Path) -> Result<Index, Failure> {
    let mut kept = packages.as_os_str().to_owned();
    kept.push(".index");
    let kept = Path::new(&kept);
    let date = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified());
    if let (Ok(kept_at), Ok(made_at)) = (date(kept), date(packages))
        && kept_at > made_at
        && let Ok(index) = Index::open(std::fs::read(kept)?)
    {
        return Ok(index);
    }
    let built = build(&std::fs::read(packages)?, [0; 32]).map_err(about(packages.display()))?;
    std::fs::write(kept, &built.bytes)?;
    Index::open(built.bytes).map_err(about(packages.display()))
}

fn made(packages: &[u8]) -> Result<Index, Failure> {
    let built = build(packages, [0; 32]).map_err(about("the status of dpkg"))?;
    Index::open(built.bytes).map_err(about("the status of dpkg"))
}
