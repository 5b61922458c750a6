//! A contradiction in sentences. Invariant: every sentence stands for a branch or a group of the solver's contradiction.
use std::collections::BTreeSet;

use wharf_ecosystem::pypi::package_name;
use wharf_solve::{Branch, Conflict, Fate, Group, SetId};

use super::super::encode::{Encoding, Node, RootKind};
use super::super::offer::Unfit;
use super::super::problem::Problem;
use super::super::scope::Spec;
use super::{Line, asked, written};

/// A story longer than this is cut: what matters stands first.
const LINES: usize = 40;

/// Tells a contradiction.
pub(super) fn tell(
    encoding: &Encoding,
    problem: &Problem,
    conflict: &Conflict,
    kinds: &[RootKind],
) -> Vec<Line> {
    let mut teller = Teller {
        encoding,
        problem,
        limits: Vec::new(),
        lines: Vec::new(),
    };
    for (index, branch) in &conflict.roots {
        teller.note_limits(branch, &Author::Root(kinds[*index]));
    }
    for (index, branch) in &conflict.roots {
        teller.root(kinds[*index], branch);
    }
    let mut lines = teller.lines;
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(Line {
            depth: 0,
            text: format!("… and {more} more such lines"),
        });
    }
    lines
}

/// Every reason for which a version is unusable in a contradiction.
pub(super) fn reasons(encoding: &Encoding, conflict: &Conflict) -> BTreeSet<Unfit> {
    fn collect(encoding: &Encoding, branch: &Branch, found: &mut BTreeSet<Unfit>) {
        for group in &branch.groups {
            match &group.fate {
                Fate::Unusable(reason) => {
                    found.insert(encoding.reason(*reason));
                }
                Fate::Needs(branches) => branches
                    .iter()
                    .for_each(|branch| collect(encoding, branch, found)),
                Fate::Clashes | Fate::Forbidden(_) | Fate::Told => {}
            }
        }
    }
    let mut found = BTreeSet::new();
    for (_, branch) in &conflict.roots {
        collect(encoding, branch, &mut found);
    }
    found
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

/// Who asks for something.
#[derive(Clone, PartialEq)]
enum Author {
    Root(RootKind),
    /// Versions of a package, in words, with the verb.
    Package(String),
}

/// A set that somebody asks for: what other candidates of the node clash with.
struct Limit {
    node: Node,
    set: SetId,
    author: Author,
}

struct Teller<'a> {
    encoding: &'a Encoding,
    problem: &'a Problem,
    limits: Vec<Limit>,
    lines: Vec<Line>,
}

impl Teller<'_> {
    fn note_limits(&mut self, branch: &Branch, author: &Author) {
        let (node, spec) = self.encoding.spec_of(branch.set);
        let own = matches!(spec, Spec::Only(_)) && matches!(author, Author::Package(_));
        if !own {
            self.limits.push(Limit {
                node,
                set: branch.set,
                author: author.clone(),
            });
        }
        for group in &branch.groups {
            if let Fate::Needs(branches) = &group.fate {
                let name = self.encoding.node_of_id(group.node).name;
                let verb = if group.candidates.len() == 1 {
                    "needs"
                } else {
                    "need"
                };
                let author = Author::Package(format!("{name} {} {verb}", self.versions(group)));
                for branch in branches {
                    self.note_limits(branch, &author);
                }
            }
        }
    }

    fn say(&mut self, depth: usize, text: String) {
        let line = Line { depth, text };
        if self.lines.last() != Some(&line) {
            self.lines.push(line);
        }
    }

    fn root(&mut self, kind: RootKind, branch: &Branch) {
        let asked = asked(self.problem, kind);
        let text = written(asked);
        if matches!(kind, RootKind::Constraint(_)) {
            // What a constraint does is told where it bites.
            return;
        }
        if branch.groups.is_empty() {
            let why = self.nothing(branch.set);
            self.say(0, format!("{text}: {why}"));
            return;
        }
        // A root that only limits what others need is told where it bites.
        let only_limits = branch
            .groups
            .iter()
            .all(|group| matches!(group.fate, Fate::Clashes | Fate::Forbidden(_)));
        if only_limits && self.bites_elsewhere(branch) {
            return;
        }
        self.groups(0, &text, branch);
    }

    /// Whether another requirement on the same package has more to tell than this one.
    fn bites_elsewhere(&self, branch: &Branch) -> bool {
        let (node, _) = self.encoding.spec_of(branch.set);
        self.limits.iter().any(|limit| {
            limit.set != branch.set
                && limit.node.name == node.name
                && matches!(limit.author, Author::Package(_))
        })
    }

    /// Why a set is empty.
    fn nothing(&self, set: SetId) -> String {
        let (node, spec) = self.encoding.spec_of(set);
        let directs = self.encoding.scope.directs(&node.name);
        if let Some((reference, direct)) = directs.first() {
            return format!(
                "{} is taken from {reference}, which is {}",
                node.name, direct.dist.version
            );
        }
        let Some(listing) = self.encoding.listing_of(&node.name) else {
            return String::from("nothing is known about it");
        };
        if let Some(missing) = &listing.missing {
            return missing.clone();
        }
        if matches!(spec, Spec::Direct(_)) {
            return String::from("its direct reference was not followed");
        }
        let (Some(newest), Some(oldest)) = (listing.versions.iter().max(), listing.versions.iter().min())
        else {
            return String::from("there are no versions");
        };
        if newest == oldest {
            return format!("there is no such version; the only one is {newest}");
        }
        format!(
            "there is no such version; there are {} from {oldest} to {newest}",
            listing.versions.len()
        )
    }

    fn groups(&mut self, depth: usize, subject: &str, branch: &Branch) {
        let merged = self.merge(&branch.groups);
        let alone = merged.len() == 1;
        for told in merged {
            let versions = if alone && told.all_of(branch) && told.count > 1 {
                format!("all versions ({})", told.versions)
            } else {
                told.versions.clone()
            };
            match told.kind {
                Told::Unusable(reason) => self.say(depth, format!("{subject}: {versions} {reason}")),
                Told::Clashes => {
                    let by = self.excluded_by(&branch.groups, branch.set);
                    let verb = if told.count == 1 { "is" } else { "are" };
                    self.say(depth, format!("{subject}: {versions} {verb} excluded by {by}"));
                }
                Told::Forbidden(set) => {
                    let by = self.author_of(set);
                    let verb = if told.count == 1 { "is" } else { "are" };
                    self.say(depth, format!("{subject}: {versions} {verb} excluded by {by}"));
                }
                Told::Again => self.say(depth, format!("{subject}: {versions}: as above")),
                Told::NeedsClashing { name, specs, by } => {
                    self.say(
                        depth,
                        format!("{subject}: {versions} need {name} {specs}, excluded by {by}"),
                    );
                }
                Told::Needs(branches) => {
                    for needed in branches {
                        let (node, spec) = self.encoding.spec_of(needed.set);
                        if self.is_own_base(&needed) {
                            // The extra's package itself: what becomes of it is the story.
                            self.groups(depth, subject, &needed);
                            continue;
                        }
                        let mut what = self.describe(&node, &spec);
                        if let Some(origin) = self.overridden(&node) {
                            what.push_str(&format!(" (overridden, {origin})"));
                        }
                        let verb = if told.count == 1 { "needs" } else { "need" };
                        if needed.groups.is_empty() {
                            let why = self.nothing(needed.set);
                            self.say(depth, format!("{subject}: {versions} {verb} {what}: {why}"));
                        } else if let Some(by) = self.simply_excluded(&needed) {
                            self.say(
                                depth,
                                format!("{subject}: {versions} {verb} {what}, excluded by {by}"),
                            );
                        } else {
                            self.say(depth, format!("{subject}: {versions} {verb} {what}, of which"));
                            self.groups(depth + 1, &what, &needed);
                        }
                    }
                }
            }
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

    fn is_own_base(&self, branch: &Branch) -> bool {
        matches!(self.encoding.spec_of(branch.set).1, Spec::Only(_))
    }

    /// `flask >=3`.
    fn describe(&self, node: &Node, spec: &Spec) -> String {
        let name = match &node.extra {
            Some(extra) => format!("{}[{extra}]", node.name),
            None => node.name.to_string(),
        };
        match spec {
            Spec::Any => name,
            Spec::Versions(specifiers) => format!("{name} {}", tight(&specifiers.to_string())),
            Spec::Direct(reference) => format!("{name} @ {reference}"),
            Spec::Only(candidate) => format!("{name} {}", self.encoding.version(&node.name, *candidate)),
        }
    }

    /// The rule, when all candidates of a branch only fall to rules about the same package.
    fn simply_excluded(&self, branch: &Branch) -> Option<String> {
        let all_clash = branch
            .groups
            .iter()
            .all(|group| matches!(group.fate, Fate::Clashes));
        if all_clash {
            return Some(self.excluded_by(&branch.groups, branch.set));
        }
        match &branch.groups[..] {
            [
                Group {
                    fate: Fate::Forbidden(set),
                    ..
                },
            ] => Some(self.author_of(*set)),
            _ => None,
        }
    }

    /// Who asks for a set, with what.
    fn author_of(&self, set: SetId) -> String {
        match self.limits.iter().find(|limit| limit.set == set) {
            Some(limit) => self.limit_text(limit),
            None => {
                let (node, spec) = self.encoding.spec_of(set);
                self.describe(&node, &spec)
            }
        }
    }

    fn limit_text(&self, limit: &Limit) -> String {
        match &limit.author {
            Author::Root(kind) => {
                let asked = asked(self.problem, *kind);
                format!("{} ({})", written(asked), asked.origin)
            }
            Author::Package(by) => {
                let (node, spec) = self.encoding.spec_of(limit.set);
                format!("{}, which {by}", self.describe(&node, &spec))
            }
        }
    }

    /// The other requirements on the package that leave these candidates out, the project's own first.
    fn excluded_by(&self, groups: &[Group], own: SetId) -> String {
        let Some(group) = groups.first() else {
            return String::from("other requirements");
        };
        let node = self.encoding.node_of_id(group.node);
        let mut by: Vec<(bool, String)> = Vec::new();
        let mut alone: Option<(bool, String)> = None;
        for limit in &self.limits {
            if limit.node.name != node.name || limit.set == own {
                continue;
            }
            let admitted = wharf_solve::Provider::matching(self.encoding, limit.set);
            let out = |candidate: &u32| !admitted.contains(*candidate);
            if groups.iter().any(|group| group.candidates.iter().any(out)) {
                let entry = (matches!(limit.author, Author::Package(_)), self.limit_text(limit));
                let all_out = groups.iter().all(|group| group.candidates.iter().all(out));
                if all_out && alone.as_ref().is_none_or(|(package, _)| *package && !entry.0) {
                    alone = Some(entry.clone());
                }
                if !by.contains(&entry) {
                    by.push(entry);
                }
            }
        }
        if let Some((_, text)) = alone {
            return text;
        }
        by.sort_by_key(|(package, _)| *package);
        let more = by.len().saturating_sub(2);
        let mut text = by
            .into_iter()
            .take(2)
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
            .join(" and ");
        if text.is_empty() {
            text = format!("other requirements on {}", node.name);
        }
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    }

    /// Groups that have the same thing to say become one.
    fn merge(&self, groups: &[Group]) -> Vec<Merged> {
        let mut merged: Vec<(Key, Vec<&Group>)> = Vec::new();
        for group in groups {
            let key = self.key(group);
            match merged
                .iter_mut()
                .find(|(known, _)| *known == key && key != Key::Alone)
            {
                Some((_, all)) => all.push(group),
                None => merged.push((key, vec![group])),
            }
        }
        merged
            .into_iter()
            .map(|(key, groups)| {
                let candidates: Vec<u32> = groups
                    .iter()
                    .flat_map(|group| group.candidates.iter().copied())
                    .collect();
                let kind = match (&groups[0].fate, key) {
                    (Fate::Unusable(_), _) => Told::Unusable(self.reasons_text(&groups)),
                    (Fate::Clashes, _) => Told::Clashes,
                    (Fate::Forbidden(set), _) => Told::Forbidden(*set),
                    (Fate::Told, _) => Told::Again,
                    (Fate::Needs(_), Key::Clashing(name)) if groups.len() > 1 => {
                        let branches: Vec<&Branch> = groups
                            .iter()
                            .filter_map(|group| match &group.fate {
                                Fate::Needs(branches) => branches.first(),
                                Fate::Unusable(_) | Fate::Clashes | Fate::Forbidden(_) | Fate::Told => None,
                            })
                            .collect();
                        let by = branches
                            .iter()
                            .filter_map(|branch| self.simply_excluded(branch))
                            .collect::<BTreeSet<_>>();
                        Told::NeedsClashing {
                            name,
                            specs: self.specs_text(&branches),
                            by: by.into_iter().take(2).collect::<Vec<_>>().join(" and "),
                        }
                    }
                    (Fate::Needs(branches), _) => Told::Needs(branches.clone()),
                };
                Merged {
                    versions: self.version_text(groups[0], &candidates),
                    count: candidates.len(),
                    kind,
                }
            })
            .collect()
    }

    fn key(&self, group: &Group) -> Key {
        match &group.fate {
            Fate::Unusable(reason) => Key::Unusable(std::mem::discriminant(&self.encoding.reason(*reason))),
            Fate::Clashes => Key::Clashes,
            Fate::Told => Key::Told,
            Fate::Forbidden(set) => Key::Forbidden(*set),
            Fate::Needs(branches) => match &branches[..] {
                [branch]
                    if !branch.groups.is_empty()
                        && !self.is_own_base(branch)
                        && self.simply_excluded(branch).is_some() =>
                {
                    let (node, _) = self.encoding.spec_of(branch.set);
                    Key::Clashing(self.describe(&node, &Spec::Any))
                }
                _ => Key::Alone,
            },
        }
    }

    fn reasons_text(&self, groups: &[&Group]) -> String {
        let many = groups.iter().map(|group| group.candidates.len()).sum::<usize>() > 1;
        let mut texts: Vec<String> = Vec::new();
        for group in groups {
            if let Fate::Unusable(reason) = group.fate {
                let reason = self.encoding.reason(reason);
                let text = match &reason {
                    Unfit::Python { requires } if !texts.is_empty() => requires.clone(),
                    _ if many => reason.plural(),
                    _ => reason.to_string(),
                };
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        shortened(texts, " or ")
    }

    fn specs_text(&self, branches: &[&Branch]) -> String {
        let mut texts: Vec<String> = Vec::new();
        for branch in branches {
            let (node, spec) = self.encoding.spec_of(branch.set);
            let text = match &spec {
                Spec::Versions(specifiers) => tight(&specifiers.to_string()),
                Spec::Any | Spec::Direct(_) | Spec::Only(_) => self.describe(&node, &spec),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        shortened(texts, " or ")
    }

    fn versions(&self, group: &Group) -> String {
        self.version_text(group, &group.candidates)
    }

    /// Neighbouring versions become ranges: `3.0.0 – 3.0.3, 2.3.1`.
    fn version_text(&self, group: &Group, candidates: &[u32]) -> String {
        let name = self.encoding.node_of_id(group.node).name;
        let mut positions = candidates.to_vec();
        positions.sort_unstable();
        positions.dedup();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for position in positions {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == position => *last = position,
                _ => ranges.push((position, position)),
            }
        }
        let texts = ranges
            .into_iter()
            .map(|(first, last)| {
                let (newest, oldest) = (
                    self.encoding.version(&name, first),
                    self.encoding.version(&name, last),
                );
                if first == last {
                    newest.to_string()
                } else if newest > oldest {
                    format!("{oldest} – {newest}")
                } else {
                    format!("{newest} – {oldest}")
                }
            })
            .collect();
        shortened(texts, ", ")
    }
}

/// Groups that are told in one sentence.
struct Merged {
    versions: String,
    count: usize,
    kind: Told,
}

impl Merged {
    fn all_of(&self, branch: &Branch) -> bool {
        self.count
            == branch
                .groups
                .iter()
                .map(|group| group.candidates.len())
                .sum::<usize>()
    }
}

enum Told {
    Unusable(String),
    Clashes,
    Forbidden(SetId),
    Again,
    NeedsClashing { name: String, specs: String, by: String },
    Needs(Vec<Branch>),
}

#[derive(PartialEq)]
enum Key {
    Unusable(std::mem::Discriminant<Unfit>),
    Clashes,
    Forbidden(SetId),
    Told,
    /// Needs one other package, all admitted versions of which are excluded by other requirements.
    Clashing(String),
    Alone,
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
