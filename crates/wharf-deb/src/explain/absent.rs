//! Why a relation is fulfilled by nothing. Invariant: of all that could be said the most specific is.

use wharf_solve::agenda::Item;

use super::Near;
use super::story::{Told, title};
use crate::relation;
use crate::solve::wanted;
use crate::universe::Universe;
use crate::universe::shelf::{Hold, PackageId, Shelf, Wanted};
use crate::version::Operator;

/// How many versions, providers or names are listed.
const LISTED: usize = 3;

/// Why nothing may be chosen for an alternative that was asked for.
pub(super) fn asked(
    shelf: &mut Shelf<'_>,
    alternative: &relation::Alternative,
    release: Option<&str>,
    told: &mut Told,
) -> Vec<String> {
    let name = alternative.name.as_str();
    let lookups = wanted(shelf, alternative);
    if lookups.is_empty() {
        told.near.extend(spelt_alike(shelf.universe, name));
        return vec![nowhere(name)];
    }
    let mut lines: Vec<String> = Vec::new();
    for lookup in &lookups {
        told.advise(version_in_full(shelf, name, lookup));
        for line in reasons(shelf, name, lookup, release, told) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines == [nowhere(name)] {
        told.near.extend(spelt_alike(shelf.universe, name));
    }
    lines
}

fn nowhere(name: &str) -> String {
    format!("no repository has a package `{name}`, and none of their packages provides it")
}

/// Why nothing may be chosen for a lookup.
pub(super) fn reasons(
    shelf: &mut Shelf<'_>,
    name: &str,
    wanted: &Wanted<'_>,
    release: Option<&str>,
    told: &mut Told,
) -> Vec<String> {
    let mut fulfilling = Vec::new();
    shelf.fulfilling(wanted, |_, item| fulfilling.push(item));
    if let Some(release) = release
        && !fulfilling.is_empty()
    {
        let there: Vec<String> = fulfilling
            .iter()
            .take(LISTED)
            .map(|&item| title(shelf, item))
            .collect();
        return vec![format!(
            "`{release}` has no `{name}`; there is {}",
            there.join(", ")
        )];
    }
    if !fulfilling.is_empty() {
        return fulfilling
            .iter()
            .take(LISTED)
            .map(|&item| {
                told.advise(way_out(shelf, item));
                refused(shelf, item)
            })
            .collect();
    }
    let any_version = Wanted {
        constraint: None,
        ..*wanted
    };
    let mut others = Vec::new();
    shelf.fulfilling(&any_version, |_, item| others.push(item));
    if !others.is_empty() {
        return vec![other_versions(shelf, name, wanted, &others)];
    }
    let elsewhere: Vec<PackageId> = shelf.packages(wanted.name).map(PackageId).collect();
    if elsewhere.is_empty() {
        return vec![nowhere(name)];
    }
    vec![of_another_architecture(shelf, name, wanted, &elsewhere)]
}

/// A package that is there, but not for the architecture that needs it.
fn of_another_architecture(
    shelf: &Shelf<'_>,
    name: &str,
    wanted: &Wanted<'_>,
    elsewhere: &[PackageId],
) -> String {
    let architectures = shelf.universe.architectures();
    let of = |position: u8| architectures[usize::from(position)].as_str();
    let there: Vec<&str> = elsewhere
        .iter()
        .map(|&package| of(shelf.package(package).architecture))
        .collect();
    let there = format!("there is `{name}` for {} only", there.join(", "));
    let own = of(wanted.of);
    match wanted.qualifier {
        Some("any") => {
            format!("{there}, and it does not say that it serves other architectures (`Multi-Arch: allowed`)")
        }
        None | Some("native") => {
            format!(
                "{there}, and what is for {own} needs it for {own}: it does not serve others (`Multi-Arch: foreign`)"
            )
        }
        Some(word) if architectures.iter().all(|known| known.as_str() != word) => {
            format!("{there}: no lists of packages for {word} are read")
        }
        Some(word) => format!("{there}: no repository that is asked has it for {word}"),
    }
}

/// What to write where somebody names a version without its revision.
fn version_in_full(shelf: &mut Shelf<'_>, name: &str, wanted: &Wanted<'_>) -> Option<String> {
    let (Operator::Equal, bound) = wanted.constraint? else {
        return None;
    };
    let mut known = Vec::new();
    let any_version = Wanted {
        constraint: None,
        ..*wanted
    };
    shelf.fulfilling(&any_version, |shelf, item| {
        if shelf.package_of(item).name == wanted.name {
            known.push(shelf.record(item).version());
        }
    });
    let is_meant = |version: &&&str| {
        let of = |text: &str| {
            let rest = text.strip_prefix(bound);
            rest.is_some_and(|rest| rest.starts_with(['-', '+', '~', '.']))
        };
        of(version)
            || version
                .split_once(':')
                .is_some_and(|(_, rest)| rest == bound || of(rest))
    };
    let full = known.iter().find(is_meant)?;
    Some(format!(
        "a version has to be there in full: write `{name} (= {full})`, or `{name} (>= {bound})` for that one and later ones"
    ))
}

/// Versions that are there when none of them is the one that is wanted.
fn other_versions(shelf: &Shelf<'_>, name: &str, wanted: &Wanted<'_>, others: &[Item]) -> String {
    let is_real = |item: &&Item| shelf.package_of(**item).name == wanted.name;
    let real: Vec<String> = others
        .iter()
        .filter(is_real)
        .take(LISTED)
        .map(|&item| title(shelf, item))
        .collect();
    if !real.is_empty() {
        return format!("there is only {}", real.join(", "));
    }
    let providers: Vec<String> = others
        .iter()
        .take(LISTED)
        .map(|&item| title(shelf, item))
        .collect();
    format!(
        "`{name}` is provided by {}, but in no such version",
        providers.join(", ")
    )
}

/// Why a version that would do may not be chosen.
fn refused(shelf: &Shelf<'_>, item: Item) -> String {
    let title = title(shelf, item);
    let package = shelf.package_of(item);
    if shelf.is_excluded(package) {
        return format!("{title} would do, but `exclude` rules it out");
    }
    match (shelf.hold(package), shelf.locked_version(package)) {
        (Hold::At(held), _) => {
            let held = shelf.record(held).version();
            return format!("{title} would do, but the package is held at {held}");
        }
        (Hold::Out, Some(held)) => {
            let why = match package.locked {
                Some(_) => "pins rule out",
                None => "no repository has",
            };
            return format!("{title} would do, but the package is held at {held}, which {why}");
        }
        (Hold::Out, None) => {
            return format!("{title} would do, but the package is held, and not installed");
        }
        (Hold::Free, _) => {}
    }
    let priority = shelf.version(item).priority;
    let Some(&other) = package.offered.first() else {
        return format!("{title} would do, but pins rule it out (priority {priority})");
    };
    let (other_title, other_priority) = (self::title(shelf, other), shelf.version(other).priority);
    if other_priority > priority {
        format!(
            "{title} would do, but {other_title} is preferred (priority {other_priority} over {priority})"
        )
    } else if is_newer(shelf, item, other) {
        format!("{title} would do, but {other_title} is newer, at the same priority")
    } else {
        format!("{title} would do, but {other_title} is taken in its place")
    }
}

/// Whether a version is preferred to another for nothing but being newer.
fn is_newer(shelf: &Shelf<'_>, item: Item, preferred: Item) -> bool {
    let (one, two) = (shelf.version(item), shelf.version(preferred));
    // The items of a package go down with the version.
    one.priority == two.priority && preferred < item
}

/// What to write so that a version that would do may be chosen.
fn way_out(shelf: &Shelf<'_>, item: Item) -> Option<String> {
    let package = shelf.package_of(item);
    let record = shelf.record(item);
    let name = record.name();
    if shelf.is_excluded(package) {
        return Some(format!("take `{name}` out of `exclude`"));
    }
    if shelf.hold(package) != Hold::Free {
        // What holds a package of a machine is not for a project to change.
        let is_project = shelf.universe.installed.is_none();
        return is_project.then(|| format!("take `{name}` out of `hold`"));
    }
    let other = *package.offered.first()?;
    is_newer(shelf, item, other).then(|| {
        format!(
            "pin `{name}` to {} as well, or ask for that version of it",
            record.version()
        )
    })
}

/// Names of packages that are spelt alike.
fn spelt_alike(universe: &Universe, unknown: &str) -> Option<Near> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    let bound = (unknown.len() / 3).clamp(1, 3);
    for layer in universe.layers() {
        for id in layer.index.names() {
            let name = layer.index.name(id);
            if name.len().abs_diff(unknown.len()) > bound || layer.index.versions(id).len() == 0 {
                continue;
            }
            let distance = strsim::osa_distance(name, unknown);
            if distance <= bound {
                found.push((distance, name));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    let known: Vec<String> = found
        .iter()
        .take(LISTED)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    (!known.is_empty()).then(|| Near {
        unknown: unknown.to_owned(),
        known,
    })
}
