//! Why a relation is fulfilled by nothing. Invariant: of all that could be said the most specific is.

use wharf_solve::agenda::Item;

use super::Near;
use super::story::title;
use crate::relation;
use crate::solve::wanted;
use crate::universe::Universe;
use crate::universe::shelf::{PackageId, Shelf, Wanted};

/// How many versions, providers or names are listed.
const LISTED: usize = 3;

/// Why nothing may be chosen for an alternative that was asked for.
pub(super) fn asked(
    shelf: &mut Shelf<'_>,
    alternative: &relation::Alternative,
    release: Option<&str>,
    near: &mut Vec<Near>,
) -> Vec<String> {
    let name = alternative.name.as_str();
    let lookups = wanted(shelf, alternative);
    if lookups.is_empty() {
        near.extend(spelt_alike(shelf.universe, name));
        return vec![nowhere(name)];
    }
    let mut lines: Vec<String> = Vec::new();
    for lookup in &lookups {
        for line in reasons(shelf, name, lookup, release) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines == [nowhere(name)] {
        near.extend(spelt_alike(shelf.universe, name));
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
            .map(|&item| refused(shelf, item))
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
    let elsewhere: Vec<String> = shelf
        .packages(wanted.name)
        .map(|package| {
            let architecture = shelf.package(PackageId(package)).architecture;
            shelf.universe.architectures()[usize::from(architecture)].to_string()
        })
        .collect();
    if elsewhere.is_empty() {
        return vec![nowhere(name)];
    }
    let qualifier = wanted
        .qualifier
        .map(|word| format!(":{word}"))
        .unwrap_or_default();
    vec![format!(
        "`{name}` is there for {} only, which does not serve `{name}{qualifier}` of {}",
        elsewhere.join(", "),
        shelf.universe.architectures()[usize::from(wanted.of)]
    )]
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
    if shelf.is_held(package) {
        return match package.installed {
            Some(installed) => format!(
                "{title} would do, but the package is held at {}",
                shelf.record(installed).version()
            ),
            None => format!("{title} would do, but the package is held, and not installed"),
        };
    }
    let priority = shelf.version(item).priority;
    match package.offered.first() {
        Some(&other) => format!(
            "{title} would do, but {} is preferred (priority {} over {priority})",
            self::title(shelf, other),
            shelf.version(other).priority,
        ),
        None => format!("{title} would do, but pins rule it out (priority {priority})"),
    }
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
