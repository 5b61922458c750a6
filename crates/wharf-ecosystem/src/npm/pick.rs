//! Which version answers a specifier. Source: the behaviour of npm (npm-pick-manifest), since lockfiles and people rely on it.
//!
//! In this order: a preferred version that fits (what a lockfile holds); what the tag `latest` points to, if it fits and nothing
//! speaks against it; the highest that is neither deprecated nor made for another Node; the highest made for this Node; the highest
//! not deprecated; the highest.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use wharf_core::Timestamp;

use super::semver::{Range, Version};
use super::spec::Spec;
use super::versions::{VersionRow, Versions};

/// What the choice depends on beside the specifier.
#[derive(Clone, Debug, Default)]
pub struct PickRules<'p> {
    /// The Node that the packages will run on; `None` leaves `engines` out of account.
    pub node: Option<&'p NodeFit>,
    /// Versions published later do not count; those of unknown date do.
    pub cutoff: Option<Timestamp>,
    /// Versions to keep where they fit, best first.
    pub prefer: &'p [Version],
}

/// The version that answers a range, a tag or an alias; `None` where none does, and for specifiers that no registry answers.
pub fn pick(versions: &Versions, spec: &Spec, rules: &PickRules<'_>) -> Option<VersionRow> {
    match spec {
        Spec::Range(text) => pick_range(versions, &Range::parse(text).ok()?, rules),
        Spec::Tag(tag) => pick_tag(versions, tag, rules),
        Spec::Alias { spec, .. } => pick(versions, spec, rules),
        Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) | Spec::Directory(_) => None,
        Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => None,
    }
}

/// The version that answers a range.
pub fn pick_range(versions: &Versions, range: &Range, rules: &PickRules<'_>) -> Option<VersionRow> {
    let preferred = rules.prefer.iter().filter(|version| range.satisfies(version));
    let mut preferred = preferred.filter_map(|version| versions.find(version));
    if let Some(row) = preferred.find(|row| rules.in_time(row)) {
        return Some(row);
    }
    let latest = versions.latest().filter(|row| {
        // `*` takes what is latest even where that is a prerelease.
        (range.is_any() || range.satisfies(&row.version)) && rules.in_time(row) && rules.is_sound(row)
    });
    latest.or_else(|| {
        let reached = versions.rows_while(|version| range.reaches(version)).rev();
        let fits = |row: &VersionRow| range.satisfies(&row.version) && rules.in_time(row);
        best(reached.filter(fits), rules)
    })
}

/// The version that a tag points to, or where that is too new the highest below it that is not.
pub fn pick_tag(versions: &Versions, tag: &str, rules: &PickRules<'_>) -> Option<VersionRow> {
    let tagged = versions.tagged(tag)?;
    let preferred = rules.prefer.iter().filter_map(|version| versions.find(version));
    let kept: Vec<_> = preferred.filter(|row| rules.in_time(row)).collect();
    if let Some(first) = kept.first() {
        let same = kept.iter().find(|row| row.version == tagged.version);
        return same.or(Some(first)).cloned();
    }
    if rules.in_time(&tagged) {
        return Some(tagged);
    }
    let below = Range::parse(&format!("<={}", tagged.version.without_build())).ok()?;
    pick_range(versions, &below, rules)
}

/// Why [`pick`] finds nothing, in words: what there is instead, and what keeps it out.
pub fn why_none(versions: &Versions, spec: &Spec, rules: &PickRules<'_>) -> String {
    match spec {
        Spec::Range(text) => why_no_range(versions, text, rules),
        Spec::Tag(tag) => why_no_tag(versions, tag, rules),
        Spec::Alias { spec, .. } => why_none(versions, spec, rules),
        Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) | Spec::Directory(_) => no_registry(spec),
        Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => no_registry(spec),
    }
}

impl PickRules<'_> {
    /// Whether a version is old enough.
    pub fn in_time(&self, row: &VersionRow) -> bool {
        match (self.cutoff, row.published) {
            (Some(cutoff), Some(published)) => published <= cutoff,
            (None, _) | (_, None) => true,
        }
    }

    /// Whether a version says that it runs on the Node, or says nothing.
    pub fn fits_node(&self, row: &VersionRow) -> bool {
        match (&self.node, &row.engines_node) {
            (Some(node), Some(engines)) => node.runs(engines),
            (None, _) | (_, None) => true,
        }
    }

    fn is_sound(&self, row: &VersionRow) -> bool {
        !row.deprecated && self.fits_node(row)
    }
}

/// Which ranges of `engines.node` allow a Node. Each is judged once: a few hundred texts stand in a hundred thousand versions.
#[derive(Clone, Debug)]
pub struct NodeFit {
    node: Version,
    judged: RefCell<FxHashMap<Box<str>, bool>>,
}

impl NodeFit {
    /// For this Node.
    pub fn new(node: Version) -> Self {
        Self {
            node,
            judged: RefCell::default(),
        }
    }

    /// The Node.
    pub fn node(&self) -> &Version {
        &self.node
    }

    /// Whether `engines.node` allows it. Nightly builds count as their release, and what is no range allows every one.
    pub fn runs(&self, engines: &str) -> bool {
        if let Some(known) = self.judged.borrow().get(engines) {
            return *known;
        }
        let range = Range::parse(engines);
        let runs = range.map_or(true, |range| range.satisfies_including_prerelease(&self.node));
        self.judged.borrow_mut().insert(engines.into(), runs);
        runs
    }
}

/// The first that nothing speaks against, else the first against which least does.
fn best(highest_first: impl Iterator<Item = VersionRow>, rules: &PickRules<'_>) -> Option<VersionRow> {
    let (mut fitting, mut kept, mut any) = (None, None, None);
    for row in highest_first {
        match (rules.fits_node(&row), row.deprecated) {
            (true, false) => return Some(row),
            (true, true) => fitting = fitting.or(Some(row)),
            (false, false) => kept = kept.or(Some(row)),
            (false, true) => any = any.or(Some(row)),
        }
    }
    fitting.or(kept).or(any)
}

fn no_registry(spec: &Spec) -> String {
    format!("`{spec}` is nothing that a registry answers")
}

fn why_no_range(versions: &Versions, text: &str, rules: &PickRules<'_>) -> String {
    let name = versions.name.as_str();
    let Ok(range) = Range::parse(text) else {
        return format!("`{text}` is not a range of versions");
    };
    if versions.is_empty() {
        return match versions.skipped.first() {
            Some(first) => format!("{name} has no version that can be read ({first})"),
            None => format!("{name} has no versions"),
        };
    }
    let mut words = match too_new(versions, &range, rules) {
        Some(newer) => newer,
        None => match nearest(versions, &range) {
            (near, only_prereleases) if only_prereleases => {
                format!("no release of {name} satisfies `{text}`; prereleases that come near: {near}")
            }
            (near, _) => format!("no version of {name} satisfies `{text}`; there is {near}"),
        },
    };
    if let Some(skipped) = versions.skipped.first() {
        words.push_str(&format!(" (left out: {skipped})"));
    }
    words
}

/// Words for versions that would do, had they been published earlier.
fn too_new(versions: &Versions, range: &Range, rules: &PickRules<'_>) -> Option<String> {
    let cutoff = rules.cutoff?;
    let late: Vec<_> = versions
        .rows()
        .filter(|row| range.satisfies(&row.version) && !rules.in_time(row))
        .collect();
    let oldest = late.iter().min_by_key(|row| row.published)?;
    let name = versions.name.as_str();
    let published = oldest.published.map(|time| time.to_string()).unwrap_or_default();
    Some(format!(
        "every version of {name} that satisfies the range was published after {cutoff}; the oldest of them is {} ({published})",
        oldest.version
    ))
}

/// The versions next to the range, and whether prereleases are what satisfies it.
fn nearest(versions: &Versions, range: &Range) -> (String, bool) {
    let inside: Vec<_> = versions
        .rows()
        .rev()
        .filter(|row| row.version.is_prerelease() && range.satisfies_including_prerelease(&row.version))
        .take(3)
        .map(|row| row.version.to_string())
        .collect();
    if !inside.is_empty() {
        return (inside.join(", "), true);
    }
    let releases = versions.rows().filter(|row| !row.version.is_prerelease());
    let releases: Vec<_> = releases.map(|row| row.version).collect();
    let wanted = range
        .alternatives()
        .find_map(|comparators| comparators.iter().find_map(bound_of));
    let mut near: Vec<String> = Vec::new();
    if let Some(wanted) = wanted {
        let at = releases.partition_point(|version| version < wanted);
        let around = releases[at.saturating_sub(2)..].iter().take(4);
        near.extend(around.map(Version::to_string));
    }
    let last = versions.latest().or_else(|| versions.rows().next_back());
    let last = last.map(|row| row.version.to_string());
    near.extend(last.filter(|last| !near.contains(last)));
    (near.join(", "), false)
}

fn bound_of(comparator: &super::semver::Comparator) -> Option<&Version> {
    match comparator {
        super::semver::Comparator::Any => None,
        super::semver::Comparator::Bound(_, version) => Some(version),
    }
}

fn why_no_tag(versions: &Versions, tag: &str, rules: &PickRules<'_>) -> String {
    let name = versions.name.as_str();
    let points_to = versions.tags().iter().find(|(known, _)| known == tag);
    match (points_to, versions.tagged(tag)) {
        (None, _) => {
            let mut tags: Vec<_> = versions.tags().iter().map(|(tag, _)| tag.as_str()).collect();
            tags.truncate(8);
            format!("{name} has no tag `{tag}`; it has {}", tags.join(", "))
        }
        (Some((_, version)), None) => {
            format!("the tag `{tag}` of {name} points to {version}, which is not there")
        }
        (Some((_, version)), Some(_)) => match rules.cutoff {
            Some(cutoff) => format!(
                "the tag `{tag}` of {name} points to {version}, published after {cutoff}, and no older version does instead"
            ),
            None => format!("the tag `{tag}` of {name} points to {version}"),
        },
    }
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;
