//! A contradiction in sentences. Invariant: every sentence stands for a branch or a group of the proof.
use std::collections::BTreeSet;

use wharf_core::PackageName;
use wharf_ecosystem::pypi::{Version, package_name};
use wharf_solve::{Conflict, Provider, Root, SetId};

use super::super::encode::{Encoding, Node, RootKind};
use super::super::offer::Unfit;
use super::super::problem::Problem;
use super::super::scope::Spec;
use super::proof::{Branch, Fall, Group, Proof, learned};
use super::{Line, asked, written};

/// A story longer than this is cut: what matters stands first.
const LINES: usize = 12;

/// A contradiction, told.
#[derive(Default)]
pub(super) struct Story {
    /// The sentences.
    pub(super) lines: Vec<Line>,
    /// Why versions in it are unusable.
    pub(super) reasons: BTreeSet<Unfit>,
    /// Packages in it that do not exist.
    pub(super) unknown: Vec<PackageName>,
    /// Root rules that exclude what others need.
    pub(super) limits: Vec<RootKind>,
}

/// Tells a contradiction from what the search learned anyway, if that shows that one of the roots cannot be had.
pub(super) fn tell_learned(
    encoding: &Encoding,
    problem: &Problem,
    roots: &[Root],
    kinds: &[RootKind],
) -> Option<Story> {
    let conflict = learned(encoding, roots);
    let proof = Proof::new(encoding, &conflict, roots, kinds);
    let is_whole = |&(index, set): &(usize, SetId)| {
        matches!(kinds[index], RootKind::Root(_)) && proof.is_shown(set) && proof.root(set).is_whole()
    };
    let whole = Conflict {
        roots: conflict.roots.iter().copied().filter(is_whole).collect(),
        ..conflict.clone()
    };
    (!whole.roots.is_empty()).then(|| tell(encoding, problem, &whole, roots, kinds))
}

/// Tells a contradiction between `roots`, which come from `kinds`.
pub(super) fn tell(
    encoding: &Encoding,
    problem: &Problem,
    conflict: &Conflict,
    roots: &[Root],
    kinds: &[RootKind],
) -> Story {
    let proof = Proof::new(encoding, conflict, roots, kinds);
    let mut teller = Teller {
        encoding,
        problem,
        proof: &proof,
        story: Story::default(),
        authors: BTreeSet::new(),
        clashes: BTreeSet::new(),
    };
    let branches: Vec<(RootKind, Branch)> = conflict
        .roots
        .iter()
        .map(|(index, set)| (kinds[*index], *set))
        // What a constraint does is told where it bites.
        .filter(|(kind, _)| matches!(kind, RootKind::Root(_)))
        .map(|(kind, set)| (kind, proof.root(set)))
        .collect();
    // One requirement whose versions all fall to the project's own words, or to the world, is the whole proof.
    let whole = branches.iter().filter(|(_, branch)| branch.is_whole());
    if let Some((kind, branch)) = whole.min_by_key(|(_, branch)| branch.size()) {
        teller.root(*kind, branch);
        return teller.finish();
    }
    // A root that only limits what others need is told where it bites.
    let (limits, needs): (Vec<_>, Vec<_>) = branches.into_iter().partition(|(_, branch)| only_limits(branch));
    for (kind, branch) in needs.into_iter().chain(limits) {
        teller.root(kind, &branch);
    }
    teller.finish()
}

fn only_limits(branch: &Branch) -> bool {
    !branch.groups.is_empty()
        && branch
            .groups
            .iter()
            .all(|group| matches!(group.fall, Fall::Excluded(_) | Fall::Clash))
}
/// `flask>=3` → `flask >=3`.
pub(super) fn spaced(requirement: &str) -> String {
    match requirement.find(['<', '>', '=', '!', '~']) {
        Some(at) if at > 0 && !requirement[..at].ends_with(' ') && !requirement.contains(" @ ") => {
            format!("{} {}", &requirement[..at], &requirement[at..])
        }
        _ => requirement.to_owned(),
    }
}

struct Teller<'a> {
    encoding: &'a Encoding,
    problem: &'a Problem,
    proof: &'a Proof<'a>,
    story: Story,
    /// Packages whose needs were given as the reason why something is excluded.
    authors: BTreeSet<PackageName>,
    /// Packages of which it was said what clashes.
    clashes: BTreeSet<PackageName>,
}

impl Teller<'_> {
    fn finish(self) -> Story {
        let mut story = self.story;
        if story.lines.len() > LINES {
            let more = story.lines.len() - LINES;
            story.lines.truncate(LINES);
            story.lines.push(Line {
                depth: 0,
                text: format!("… and {more} more such lines"),
            });
        }
        story
    }

    fn say(&mut self, depth: usize, text: String) {
        let line = Line { depth, text };
        if !self.story.lines.contains(&line) {
            self.story.lines.push(line);
        }
    }

    fn root(&mut self, kind: RootKind, branch: &Branch) {
        if only_limits(branch) && (self.story.limits.contains(&kind) || self.bites_elsewhere(branch)) {
            return;
        }
        let text = written(asked(self.problem, kind));
        match &branch.groups[..] {
            [] => {
                let (why, is_unknown) = self.nothing(branch.sets[0]);
                let text = if is_unknown { why } else { format!("{text}: {why}") };
                self.say(0, text);
            }
            [
                Group {
                    fall: Fall::Excluded(other),
                    ..
                },
            ] if self.is_plain(kind) && self.is_plain(*other) => {
                self.cite(kind);
                self.cite(*other);
                let specs = [kind, *other].map(|kind| self.specifiers_of(kind));
                let text = format!(
                    "no version of {} is both {} and {}",
                    branch.node.name, specs[0], specs[1]
                );
                self.say(0, text);
            }
            [
                Group {
                    fall: Fall::Needs(needed),
                    ..
                },
            ] if self.authors.contains(&branch.node.name)
                && only_limits(needed)
                && self.clashes.contains(&needed.node.name) =>
            {
                // Seen from this side, it is what was just said.
            }
            _ => self.groups(0, &text, branch, &mut Vec::new()),
        }
    }

    /// Whether what this root limits was told as a clash already.
    fn bites_elsewhere(&self, branch: &Branch) -> bool {
        self.clashes.contains(&branch.node.name)
    }

    /// Whether a root is a name with versions, and nothing else.
    fn is_plain(&self, kind: RootKind) -> bool {
        let asked = asked(self.problem, kind);
        asked.place.is_none()
            && matches!(
                &asked.requirement.version_or_url,
                Some(wharf_ecosystem::pypi::VersionOrUrl::VersionSpecifier(_))
            )
    }

    fn specifiers_of(&self, kind: RootKind) -> String {
        match &asked(self.problem, kind).requirement.version_or_url {
            Some(wharf_ecosystem::pypi::VersionOrUrl::VersionSpecifier(specifiers)) => {
                tight(&specifiers.to_string())
            }
            _ => written(asked(self.problem, kind)),
        }
    }

    fn cite(&mut self, kind: RootKind) {
        if !self.story.limits.contains(&kind) {
            self.story.limits.push(kind);
        }
    }

    /// Why a set is empty, and whether that is because the package does not exist.
    fn nothing(&mut self, set: SetId) -> (String, bool) {
        let (node, spec) = self.encoding.spec_of(set);
        let directs = self.encoding.scope.directs(&node.name);
        if let Some((reference, direct)) = directs.first() {
            let text = format!(
                "{} is taken from {reference}, which is {}",
                node.name, direct.dist.version
            );
            return (text, false);
        }
        let Some(listing) = self.encoding.listing_of(&node.name) else {
            return (String::from("nothing is known about it"), false);
        };
        if let Some(missing) = &listing.missing {
            if listing.is_unknown && !self.story.unknown.contains(&node.name) {
                self.story.unknown.push(node.name);
            }
            return (missing.clone(), listing.is_unknown);
        }
        if matches!(spec, Spec::Direct(_)) {
            return (String::from("its direct reference was not followed"), false);
        }
        let (Some(newest), Some(oldest)) = (listing.versions.iter().max(), listing.versions.iter().min())
        else {
            return (String::from("there are no versions"), false);
        };
        let text = if newest == oldest {
            format!("there is no such version; the only one is {newest}")
        } else {
            let count = listing.versions.len();
            format!("there is no such version; there are {count} from {oldest} to {newest}")
        };
        (text, false)
    }

    /// `path`: the packages above.
    fn groups(&mut self, depth: usize, subject: &str, branch: &Branch, path: &mut Vec<PackageName>) {
        path.push(branch.node.name.clone());
        // Withdrawn versions among others are a remark; nobody expects them to do.
        let is_yanked = |group: &&Group| matches!(&group.fall, Fall::Unusable(reasons) if matches!(reasons[0], Unfit::Yanked { .. }));
        let (yanked, groups): (Vec<&Group>, Vec<&Group>) = match &branch.groups[..] {
            [_] => (Vec::new(), branch.groups.iter().collect()),
            groups => groups.iter().partition(is_yanked),
        };
        let all: Vec<u32> = groups
            .iter()
            .flat_map(|group| group.candidates.iter().copied())
            .collect();
        let remark = match yanked.iter().map(|group| group.candidates.len()).sum::<usize>() {
            0 => String::new(),
            1 => String::from("; 1 more was yanked"),
            count => format!("; {count} more were yanked"),
        };
        for group in groups {
            let mut versions = self.versions(&branch.node, &group.candidates, &all);
            if versions.ends_with(')') {
                versions.insert_str(versions.len() - 1, &remark);
            }
            let is_one = group.candidates.len() == 1;
            match &group.fall {
                Fall::Unusable(reasons) => {
                    self.story.reasons.extend(reasons.iter().cloned());
                    let reason = Unfit::together(reasons, is_one);
                    self.say(depth, format!("{subject}: {versions} {reason}"));
                }
                Fall::Excluded(_) | Fall::Clash => {
                    let by = self.excluded_by(branch, path);
                    let verb = if is_one { "is" } else { "are" };
                    self.say(depth, format!("{subject}: {versions} {verb} excluded by {by}"));
                }
                Fall::Needs(needed) => {
                    let verb = if is_one { "needs" } else { "need" };
                    let start = format!("{subject}: {versions} {verb}");
                    self.need(depth, &start, needed, path);
                }
            }
        }
        path.pop();
    }

    /// Tells of what is needed, stepping over links of the chain that have nothing of their own to tell.
    fn need(&mut self, depth: usize, start: &str, needed: &Branch, path: &mut Vec<PackageName>) {
        let above = path.len();
        let mut links: Vec<String> = Vec::new();
        let mut needed = needed;
        while let [
            Group {
                fall: Fall::Needs(next),
                ..
            },
        ] = &needed.groups[..]
        {
            links.push(needed.node.to_string());
            path.push(needed.node.name.clone());
            needed = next;
        }
        let mut what = self.describe(&needed.node, &needed.sets);
        if let Some(origin) = self.overridden(&needed.node) {
            what.push_str(&format!(" (overridden, {origin})"));
        }
        let through = match &links[..] {
            [] => String::new(),
            links => format!(" (through {})", links.join(" → ")),
        };
        if needed.groups.is_empty() {
            let (why, is_unknown) = self.nothing(needed.sets[0]);
            let why = if is_unknown {
                format!(", but {why}")
            } else {
                format!(": {why}")
            };
            self.say(depth, format!("{start} {what}{through}{why}"));
        } else if let (true, [_]) = (only_limits(needed), &needed.groups[..]) {
            let told =
                matches!(needed.groups[0].fall, Fall::Clash) && self.clashes.contains(&needed.node.name);
            if told {
                self.say(depth, format!("{start} {what}{through}"));
            } else {
                path.push(needed.node.name.clone());
                let by = self.excluded_by(needed, path);
                self.say(depth, format!("{start} {what}{through}, excluded by {by}"));
            }
        } else {
            self.say(depth, format!("{start} {what}{through}, of which"));
            self.groups(depth + 1, &what, needed, path);
        }
        path.truncate(above);
    }

    /// What excludes the excluded versions of a branch: the project's own rules first.
    fn excluded_by(&mut self, branch: &Branch, path: &[PackageName]) -> String {
        let mut by: Vec<String> = Vec::new();
        for group in &branch.groups {
            let text = match &group.fall {
                Fall::Excluded(kind) => {
                    self.cite(*kind);
                    let asked = asked(self.problem, *kind);
                    format!("{} ({})", written(asked), asked.origin)
                }
                Fall::Clash => self.clash(&branch.node, &group.candidates, path),
                Fall::Unusable(_) | Fall::Needs(_) => continue,
            };
            if !by.contains(&text) {
                by.push(text);
            }
        }
        by.join(" and ")
    }

    fn clash(&mut self, node: &Node, candidates: &[u32], path: &[PackageName]) -> String {
        self.clashes.insert(node.name.clone());
        match self.proof.author_against(&node.name, candidates, path) {
            Some((author, versions, sets)) => {
                let verb = if versions.len() == 1 { "needs" } else { "need" };
                let author_node = Node {
                    name: author.clone(),
                    extra: None,
                };
                let what = self.describe(node, &sets);
                let text = format!(
                    "{what}, which {author} {} {verb}",
                    self.ranges(&author_node, &versions, &versions)
                );
                self.authors.insert(author);
                text
            }
            None => format!("other requirements on {}", node.name),
        }
    }

    /// Where the override of a package stands, if there is one.
    fn overridden(&self, node: &Node) -> Option<String> {
        self.problem
            .overrides
            .iter()
            .find(|asked| package_name(&asked.requirement) == node.name)
            .map(|asked| asked.origin.to_string())
    }

    /// `flask >=3`; of several sets the widest where one holds the others, else the first few.
    fn describe(&self, node: &Node, sets: &[SetId]) -> String {
        let widest = sets.iter().find(|&&wide| {
            let wide = self.encoding.matching(wide);
            sets.iter()
                .all(|&other| self.encoding.matching(other).is_subset(&wide))
        });
        if let (Some(&widest), true) = (widest, sets.len() > 1) {
            return match self.encoding.spec_of(widest).1 {
                Spec::Any => node.to_string(),
                _ => format!("{} or stricter", self.describe(node, &[widest])),
            };
        }
        let mut texts: Vec<String> = Vec::new();
        for &set in sets {
            let text = match self.encoding.spec_of(set).1 {
                Spec::Any => return node.to_string(),
                Spec::Versions(specifiers) => tight(&specifiers.to_string()),
                Spec::Direct(reference) => format!("@ {reference}"),
                Spec::Only(candidate) => self.encoding.version(&node.name, candidate).to_string(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.len() {
            0..=3 => format!("{node} {}", texts.join(" or ")),
            count => match self.span(node, sets) {
                Some((oldest, newest)) => {
                    format!("{node} from {oldest} to {newest} ({count} different ranges)")
                }
                None => format!("{node} {} (or {} other ranges)", texts[0], count - 1),
            },
        }
    }

    /// The oldest and the newest version that any of the sets admits; prereleases only where there is nothing else.
    fn span(&self, node: &Node, sets: &[SetId]) -> Option<(Version, Version)> {
        let versions: BTreeSet<Version> = sets
            .iter()
            .flat_map(|&set| self.encoding.matching(set).iter().collect::<Vec<u32>>())
            .map(|candidate| self.encoding.version(&node.name, candidate))
            .collect();
        let (stable, pre): (Vec<Version>, Vec<Version>) = versions
            .into_iter()
            .partition(|version| !version.any_prerelease());
        let versions = if stable.is_empty() { pre } else { stable };
        Some((versions.first()?.clone(), versions.last()?.clone()))
    }

    /// Some of the versions that a requirement admits, in words. Prereleases that share the fate of releases go unsaid.
    fn versions(&self, node: &Node, candidates: &[u32], all: &[u32]) -> String {
        let released = |candidates: &[u32]| -> Vec<u32> {
            let is_release =
                |candidate: &u32| !self.encoding.version(&node.name, *candidate).any_prerelease();
            candidates.iter().copied().filter(is_release).collect()
        };
        let stable = released(candidates);
        let stable_of_all = released(all);
        let (candidates, all): (&[u32], &[u32]) = if stable.is_empty() {
            (candidates, all)
        } else {
            (&stable, &stable_of_all)
        };
        let ranges = self.ranges(node, candidates, all);
        match candidates.len() {
            1 => ranges,
            count if count == all.len() && count == 2 => format!("both versions ({ranges})"),
            count if count == all.len() => format!("all {count} versions ({ranges})"),
            count if count > 5 => format!("{count} versions ({ranges})"),
            _ => ranges,
        }
    }

    /// Neighbours among all versions that are spoken of become ranges: `3.0.0 – 3.0.3, 2.3.1`.
    fn ranges(&self, node: &Node, candidates: &[u32], all: &[u32]) -> String {
        let mut sorted: Vec<(Version, bool)> = all
            .iter()
            .map(|&candidate| {
                (
                    self.encoding.version(&node.name, candidate),
                    candidates.contains(&candidate),
                )
            })
            .collect();
        sorted.sort();
        sorted.dedup();
        let mut texts: Vec<String> = sorted
            .chunk_by(|(_, before), (_, after)| before == after)
            .filter(|run| run[0].1)
            .map(|run| match run {
                [(only, _)] => only.to_string(),
                [(first, _), (second, _)] if run.len() == all.len() => format!("{first} and {second}"),
                _ => format!("{} – {}", run[0].0, run[run.len() - 1].0),
            })
            .collect();
        texts.reverse();
        shortened(texts, ", ")
    }
}

/// `>=1, <2` → `>=1,<2`.
fn tight(specifiers: &str) -> String {
    specifiers.replace(", ", ",")
}

fn shortened(mut texts: Vec<String>, separator: &str) -> String {
    let more = texts.len().saturating_sub(4);
    if more == 0 {
        return texts.join(separator);
    }
    texts.truncate(3);
    format!("{} and {} more", texts.join(separator), more + 1)
}
