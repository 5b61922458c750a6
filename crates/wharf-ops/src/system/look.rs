//! What is installed, what there is, and what is known of one package.

use std::collections::{BTreeMap, BTreeSet};

use wharf_core::{Ecosystem, PackageName};
use wharf_deb::architecture::Architecture;
use wharf_deb::index::{Group, Hit, Index, Kind, NameId, Place as Found, Record};
use wharf_deb::universe::Layer;
use wharf_deb::version::compare;

use super::Where;
use super::error::SystemError;
use super::host::{Host, shown_name};
use super::lists;
use super::report::{
    FoundPackage, InstalledPackage, ShownRelation, ShownVersion, SystemList, SystemSearch, SystemShow,
};
use crate::error::OpsError;
use crate::session::Session;

/// What is installed, of packages whose names match one of the patterns (`*` stands for anything); without any, everything.
///
/// # Errors
/// Where the machine has no packages of Debian's.
pub fn list(session: &Session, place: &Where, patterns: &[String]) -> Result<SystemList, OpsError> {
    let host = Host::read(session, &place.root(session))?;
    let wanted = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name));
    let records = host.installed.records().map(|id| host.installed.record(id));
    let mut packages: Vec<InstalledPackage> = records
        .filter(|record| wanted(record.name()))
        .map(|record| InstalledPackage {
            package: host.shown(record.name(), record.architecture()),
            version: record.version().to_owned(),
            architecture: record.architecture().to_owned(),
            automatic: host.is_in(&host.automatic, record.name(), record.architecture()),
            held: host.is_in(&host.held, record.name(), record.architecture()),
            installed_size: record.installed_size() * 1024,
            summary: record.summary().to_owned(),
        })
        .collect();
    packages.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(SystemList {
        root: host.root.clone(),
        architectures: host.architectures.iter().map(ToString::to_string).collect(),
        packages,
    })
}

/// Packages of the machine's repositories that have all of these words.
///
/// # Errors
/// Where the machine has no packages of Debian's, or no lists.
pub fn search(session: &Session, place: &Where, words: &[String]) -> Result<SystemSearch, OpsError> {
    let host = Host::read(session, &place.root(session))?;
    let layers = lists::layers(session, &host)?;
    let described = lists::descriptions(session, &host)?;
    let described: Vec<&Index> = described.iter().collect();
    let installed = |name: &str| installed_version(&host, name);
    Ok(SystemSearch {
        packages: found(&layers, &described, words, installed),
    })
}

/// The packages of several indexes that have all of these words, best first; of each its highest version. `described` has the long
/// descriptions that lie apart from the packages.
pub(crate) fn found(
    layers: &[Layer],
    described: &[&Index],
    words: &[String],
    installed: impl Fn(&str) -> Option<String>,
) -> Vec<FoundPackage> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut best: BTreeMap<&str, (Found, Record<'_>, &Layer)> = BTreeMap::new();
    for layer in layers {
        for Hit { record, place } in layer.index.search(&words) {
            let record = layer.index.record(record);
            let entry = best.entry(record.name()).or_insert((place, record, layer));
            entry.0 = entry.0.min(place);
            if compare(record.version(), entry.1.version()).is_gt() {
                (entry.1, entry.2) = (record, layer);
            }
        }
    }
    for index in described {
        for Hit { record, place } in index.search(&words) {
            let name = index.record(record).name();
            if let Some((record, layer)) = highest(layers, name) {
                let entry = best.entry(record.name()).or_insert((place, record, layer));
                entry.0 = entry.0.min(place);
            }
        }
    }
    let mut found: Vec<_> = best.into_iter().collect();
    found.sort_by_key(|(name, (place, ..))| (*place, *name));
    let package = |(name, (_, record, layer)): (&str, (Found, Record<'_>, &Layer))| FoundPackage {
        package: format!("deb:{name}"),
        version: record.version().to_owned(),
        from: layer.provenance.title(),
        installed: installed(name),
        summary: record.summary().to_owned(),
    };
    found.into_iter().map(package).collect()
}

/// The highest version of a name in several indexes.
fn highest<'l>(layers: &'l [Layer], name: &str) -> Option<(Record<'l>, &'l Layer)> {
    let of = |layer: &'l Layer| {
        let id = layer.index.find(name)?;
        let record = records_of(&layer.index, id).next()?;
        Some((record, layer))
    };
    let all = layers.iter().filter_map(of);
    all.max_by(|(one, _), (other, _)| compare(one.version(), other.version()))
}

/// What is known of a package, with the relations of its highest version or of the one that is asked for.
///
/// # Errors
/// Where neither the machine nor its repositories have one of that name. A machine without lists is looked at alone.
pub fn show(
    session: &Session,
    place: &Where,
    name: &str,
    version: Option<&str>,
) -> Result<SystemShow, OpsError> {
    let host = Host::read(session, &place.root(session))?;
    let layers = match lists::layers(session, &host) {
        Err(OpsError::System(error)) if matches!(*error, SystemError::NoLists { .. }) => Vec::new(),
        layers => layers?,
    };
    let name = name.strip_prefix("deb:").unwrap_or(name);
    let known = known(&layers, Some(&host.installed), host.native(), name, version)?;
    let mut shown = known.ok_or_else(|| SystemError::Unknown {
        name: name.to_owned(),
    })?;
    if let Some(first) = shown.versions.first() {
        let (bare, architecture) = (bare(name), first.architecture.as_str());
        shown.installed = installed_version(&host, bare);
        shown.automatic = host.is_in(&host.automatic, bare, architecture);
        shown.held = host.is_in(&host.held, bare, architecture);
        if shown.description.is_empty() {
            let described = lists::descriptions(session, &host)?;
            shown.description = description(&described.iter().collect::<Vec<_>>(), bare);
        }
    }
    Ok(shown)
}

/// A name without the architecture that may stand behind it.
pub(super) fn bare(name: &str) -> &str {
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// What indexes, and the records of a machine, say of a package, `libc6:i386` of that architecture alone; relations are those of the
/// highest version, or of the one that is asked for. `None` where none has or provides it.
///
/// # Errors
/// Where there is no such version.
pub(super) fn known(
    layers: &[Layer],
    installed: Option<&Index>,
    native: &Architecture,
    asked: &str,
    version: Option<&str>,
) -> Result<Option<SystemShow>, OpsError> {
    let name = bare(asked);
    let architecture = asked.split_once(':').map(|(_, architecture)| architecture);
    let mut records: Vec<(Record<'_>, Option<&Layer>)> = Vec::new();
    let mut provided_by = BTreeSet::new();
    for layer in layers {
        let Some(id) = layer.index.find(name) else {
            continue;
        };
        records.extend(records_of(&layer.index, id).map(|record| (record, Some(layer))));
        let providers = layer.index.providers(id);
        let others = providers.map(|provider| layer.index.record(provider.record).name().to_owned());
        provided_by.extend(others.filter(|other| other != name));
    }
    if let Some((index, id)) = installed.and_then(|index| Some((index, index.find(name)?))) {
        records.extend(records_of(index, id).map(|record| (record, None)));
    }
    records.retain(|(record, _)| architecture.is_none_or(|wanted| wanted == record.architecture()));
    records.sort_by(|(a, _), (b, _)| compare(b.version(), a.version()));
    if records.is_empty() {
        let shown = || only_provided(name, provided_by.clone());
        return Ok((!provided_by.is_empty()).then(shown));
    }
    let wanted = |record: &Record<'_>| version.is_none_or(|version| version == record.version());
    let Some((first, _)) = records.iter().find(|(record, _)| wanted(record)) else {
        return Err(OpsError::NoSuchVersion {
            name: PackageName::new(Ecosystem::Deb, name)?,
            version: version.unwrap_or_default().to_owned(),
        });
    };
    Ok(Some(SystemShow {
        package: shown_name(native, name, first.architecture()),
        installed: None,
        automatic: false,
        held: false,
        summary: first.summary().to_owned(),
        description: first.description().to_owned(),
        section: first.section().to_owned(),
        source: first.source().to_owned(),
        versions: versions(&records),
        relations: relations(first),
        provided_by: provided_by.into_iter().collect(),
    }))
}

/// The long description of a package, where descriptions lie apart.
pub(super) fn description(described: &[&Index], name: &str) -> String {
    let text = |index: &&Index| {
        let record = records_of(index, index.find(name)?).next()?;
        Some(record.description().to_owned())
    };
    described.iter().find_map(text).unwrap_or_default()
}

/// A name that no package has, and some provide.
fn only_provided(name: &str, provided_by: BTreeSet<String>) -> SystemShow {
    SystemShow {
        package: format!("deb:{name}"),
        installed: None,
        automatic: false,
        held: false,
        summary: String::new(),
        description: String::new(),
        section: String::new(),
        source: String::new(),
        versions: Vec::new(),
        relations: Vec::new(),
        provided_by: provided_by.into_iter().collect(),
    }
}

fn records_of(index: &Index, name: NameId) -> impl Iterator<Item = Record<'_>> {
    index.versions(name).map(|id| index.record(id))
}

fn installed_version(host: &Host, name: &str) -> Option<String> {
    let id = host.installed.find(name)?;
    let record = records_of(&host.installed, id).next()?;
    Some(record.version().to_owned())
}

/// Each version of each architecture once, with all places that have it.
fn versions(records: &[(Record<'_>, Option<&Layer>)]) -> Vec<ShownVersion> {
    let mut versions: Vec<ShownVersion> = Vec::new();
    for (record, layer) in records {
        let from = layer.map_or_else(|| "installed".to_owned(), |layer| layer.provenance.title());
        let same = versions
            .iter_mut()
            .find(|known| known.version == record.version() && known.architecture == record.architecture());
        match same {
            Some(known) => {
                known.size = known.size.max(record.size());
                if !known.from.contains(&from) {
                    known.from.push(from);
                }
            }
            None => versions.push(ShownVersion {
                version: record.version().to_owned(),
                architecture: record.architecture().to_owned(),
                from: vec![from],
                size: record.size(),
                installed_size: record.installed_size() * 1024,
            }),
        }
    }
    versions
}

fn relations(record: &Record<'_>) -> Vec<ShownRelation> {
    let kinds = Kind::ALL.into_iter().filter(|kind| record.has(*kind));
    kinds
        .map(|kind| ShownRelation {
            field: kind.field(),
            text: record.relations(kind).map(group).collect::<Vec<_>>().join(", "),
        })
        .collect()
}

/// A group as control files have it.
pub(super) fn group(group: Group<'_>) -> String {
    let alternative = |one: wharf_deb::index::Alternative<'_>| {
        let qualifier = one
            .qualifier()
            .map_or_else(String::new, |word| format!(":{word}"));
        let constraint = one.constraint();
        let constraint = constraint.map_or_else(String::new, |(operator, version)| {
            format!(" ({operator} {version})")
        });
        format!("{}{qualifier}{constraint}", one.name())
    };
    group.map(alternative).collect::<Vec<_>>().join(" | ")
}

/// Whether a name matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx-core", false),
            ("nginx*", "nginx-core", true),
            ("*-dev", "libpq-dev", true),
            ("lib*-dev", "libpq5", false),
            ("a*b*c", "abbc", true),
            ("ab*b", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
