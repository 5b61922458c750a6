//! From rules to sentences. Invariant: every rule is told once, at the package whose rule it is, on the way from what was asked
//! for.

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_solve::agenda::{Item, Rule, Tag};

use super::{Line, Near, absent};
use crate::index::{Alternative, Kind};
use crate::solve::{Meaning, Problem, Questions, What, Why, alternatives};
use crate::universe::shelf::{Shelf, Wanted};

/// What was told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) lines: Vec<Line>,
    pub(super) near: Vec<Near>,
    pub(super) advice: Vec<String>,
}

impl Told {
    /// Says once what to do.
    pub(super) fn advise(&mut self, advice: Option<String>) {
        self.advice
            .extend(advice.filter(|advice| !self.advice.contains(advice)));
    }
}

/// Tells the rules from the demands on.
pub(super) fn tell(shelf: &mut Shelf<'_>, problem: &Problem, questions: &Questions, rules: &[Rule]) -> Told {
    let mut by_item: FxHashMap<Item, Vec<&Rule>> = FxHashMap::default();
    for rule in rules {
        if let Rule::Needs { by: Some(by), .. } | Rule::Excludes { by: Some(by), .. } = rule {
            by_item.entry(*by).or_default().push(rule);
        }
    }
    let mut teller = Teller {
        shelf,
        problem,
        rules: by_item,
        told: FxHashSet::default(),
        out: Told::default(),
    };
    for rule in rules {
        if let Rule::Needs {
            by: None,
            tag,
            alternatives,
        } = rule
        {
            teller.demand(questions.why(*tag), alternatives);
        }
    }
    let mut unwanted: Vec<usize> = Vec::new();
    for rule in rules {
        if let Rule::Excludes { by: None, tag, .. } = rule
            && let Why::Asked(position) = questions.why(*tag)
            && !unwanted.contains(&position)
        {
            unwanted.push(position);
            teller.say(
                0,
                format!("`{}` asks for its removal", problem.asked[position].text),
            );
        }
    }
    teller.out
}

struct Teller<'t, 'u> {
    shelf: &'t mut Shelf<'u>,
    problem: &'t Problem,
    rules: FxHashMap<Item, Vec<&'t Rule>>,
    told: FxHashSet<Item>,
    out: Told,
}

impl Teller<'_, '_> {
    fn say(&mut self, depth: usize, text: String) {
        self.out.lines.push(Line { depth, text });
    }

    fn demand(&mut self, why: Why, alternatives: &[Item]) {
        match (why, alternatives) {
            (Why::Asked(position), []) => {
                let asked = &self.problem.asked[position];
                if let What::Install { relation, release } = &asked.what {
                    for alternative in &relation.alternatives {
                        let lines = absent::asked(self.shelf, alternative, release.as_deref(), &mut self.out);
                        for text in lines {
                            self.say(0, text);
                        }
                    }
                }
            }
            (Why::Asked(position), several) if several.len() > 1 => {
                let text = self.problem.asked[position].text.clone();
                self.say(0, format!("`{text}` can be any of {}", several.len()));
                self.each(several, 1);
            }
            (Why::Essential, [item, ..]) => {
                let title = title(self.shelf, *item);
                self.say(0, format!("no system works without {title}"));
                self.item(*item, 0);
            }
            _ => self.each(alternatives, 0),
        }
    }

    fn each(&mut self, items: &[Item], depth: usize) {
        for &item in items {
            if items.len() > 1 && !self.rules.contains_key(&item) {
                // What speaks against it is told at whoever excludes it.
                let title = title(self.shelf, item);
                self.say(depth, format!("{title} is excluded"));
            }
            self.item(item, depth);
        }
    }

    /// What an item needs and excludes, and so on.
    fn item(&mut self, item: Item, depth: usize) {
        if !self.told.insert(item) {
            return;
        }
        for rule in self.rules.get(&item).cloned().unwrap_or_default() {
            match rule {
                Rule::Needs { tag, .. } => self.needs(item, *tag, depth),
                Rule::Excludes { other, tag, .. } => {
                    let text = excludes(self.shelf, item, *other, *tag);
                    self.say(depth, text);
                }
            }
        }
    }

    fn needs(&mut self, item: Item, tag: Tag, depth: usize) {
        let Meaning::Relation(kind, number) = Meaning::of(tag) else {
            return;
        };
        let record = self.shelf.record(item);
        let Some(group) = record.relations(kind).nth(number as usize) else {
            return;
        };
        let title = title(self.shelf, item);
        let verb = match kind {
            Kind::PreDepends => "needs before it is unpacked",
            _ => "needs",
        };
        let mut found = Vec::new();
        alternatives(self.shelf, item, group.clone(), &mut found);
        let single = match &found[..] {
            [only] if group.to_string() != self.shelf.record(*only).name() => Some(*only),
            _ => None,
        };
        let which = match single {
            Some(only) => format!(", which is {}", self::title(self.shelf, only)),
            None if found.len() > 1 => format!(", for which there are {}", found.len()),
            None => String::new(),
        };
        self.say(depth, format!("{title} {verb} `{group}`{which}"));
        if found.is_empty() {
            let layer = self.shelf.version(item).place.layer;
            let of = self.shelf.package_of(item).architecture;
            for alternative in group {
                let wanted = Wanted {
                    name: self.shelf.name(layer, alternative.name_id()),
                    qualifier: alternative.qualifier(),
                    constraint: alternative.constraint(),
                    of,
                };
                for text in absent::reasons(self.shelf, alternative.name(), &wanted, None, &mut self.out) {
                    self.say(depth + 1, text);
                }
            }
        }
        let deeper = if found.len() > 1 { depth + 1 } else { depth };
        self.each(&found, deeper);
    }
}

/// `name version (release)`, with the architecture where it is not the machine's own.
pub(super) fn title(shelf: &Shelf<'_>, item: Item) -> String {
    let record = shelf.record(item);
    let architecture = shelf.package_of(item).architecture;
    let suffix = match architecture {
        0 => String::new(),
        foreign => format!(":{}", shelf.universe.architectures()[usize::from(foreign)]),
    };
    let from = if shelf.package_of(item).installed == Some(item) {
        "installed".to_owned()
    } else {
        shelf.provenance(item).title()
    };
    let from = if from.is_empty() {
        from
    } else {
        format!(" ({from})")
    };
    format!("{}{suffix} {}{from}", record.name(), record.version())
}

fn excludes(shelf: &mut Shelf<'_>, item: Item, other: Item, tag: Tag) -> String {
    let (one, two) = (title(shelf, item), title(shelf, other));
    match Meaning::of(tag) {
        // That is a wish, and excludes nothing.
        Meaning::OneSource => format!("{one} and {two} are of one source"),
        Meaning::OneVersion => format!("{one} and {two} are versions of one package"),
        Meaning::OneArchitecture => {
            format!(
                "{one} and {two} cannot be there together: the package is not `Multi-Arch: same` in one version"
            )
        }
        Meaning::Relation(kind, number) => {
            let verb = if kind == Kind::Breaks {
                "breaks"
            } else {
                "conflicts with"
            };
            let record = shelf.record(item);
            let alternative = record
                .relations(kind)
                .nth(number as usize)
                .and_then(|mut group| group.next());
            match alternative.filter(|alternative| !is_by_name(shelf, alternative, other)) {
                Some(alternative) => format!("{one} {verb} `{alternative}`, which {two} provides"),
                None => match alternative {
                    Some(alternative) if alternative.constraint().is_some() => {
                        format!("{one} {verb} `{alternative}`, and {two} is that")
                    }
                    _ => format!("{one} {verb} {two}"),
                },
            }
        }
    }
}

fn is_by_name(shelf: &Shelf<'_>, alternative: &Alternative<'_>, other: Item) -> bool {
    shelf.record(other).name() == alternative.name()
}
