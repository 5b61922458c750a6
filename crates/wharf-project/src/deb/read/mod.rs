//! `[deb]` and `[dev.deb]` of `wharf.toml`, and the same below `[tool.wharf]` of `pyproject.toml`. Relations are Debian's own text.
//!
//! | module | job |
//! |---|---|
//! | `repository` | `[[deb.repository]]` |
//! | `pin` | `[[deb.pin]]` |

mod pin;
mod repository;

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use wharf_core::{Ecosystem, Explain, Origin, PackageName};
use wharf_deb::architecture::Architecture;
use wharf_deb::relation::{Alternative, InvalidRelation, Qualifier, Relation, Relations};
use wharf_deb::version::Operator;

use super::repository::DebRepository;
use super::{DebHold, DebPin, DebRequirement, DebSources, DebSuite, usual};
use crate::error::Invalid;
use crate::index::Declared;
use crate::manifest::entry::at_value;
use crate::requirement::{Group, Problem};
use crate::suggest::nearest;
use crate::table::{Reader, Value, list};

/// What manifests say about Debian packages.
#[derive(Clone, Debug, Default)]
pub(crate) struct DebTables {
    /// The first table, where there is one, even an empty one.
    pub(crate) declared: Option<Origin>,
    pub(crate) suite: Option<DebSuite>,
    pub(crate) packages: Vec<DebRequirement>,
    pub(crate) recommends: Option<bool>,
    pub(crate) foreign: Vec<Architecture>,
    pub(crate) components: Option<Vec<String>>,
    pub(crate) holds: Vec<DebHold>,
    pub(crate) excludes: Vec<PackageName>,
    pub(crate) answers: Vec<String>,
    pub(crate) pins: Vec<DebPin>,
    pub(crate) sources: DebSources,
    pub(crate) snapshot: Option<String>,
    pub(crate) repositories: Vec<DebRepository>,
}

const KEYS: &[&str] = &[
    "suite",
    "packages",
    "recommends",
    "architectures",
    "components",
    "hold",
    "exclude",
    "answers",
    "sources",
    "snapshot",
    "repository",
    "pin",
];

/// Reads `[deb]`.
pub(crate) fn deb(
    reader: &Reader<'_>,
    value: &Value<'_>,
    place: &str,
    folder: &Path,
    tables: &mut DebTables,
) -> Result<(), Invalid> {
    let table = reader.table(value, place)?;
    reader.known_keys(table, place, KEYS)?;
    let deb = Table {
        reader,
        table,
        place,
        folder,
    };
    declare(reader, value, place, tables);
    tables.sources = deb.sources()?;
    tables.snapshot = deb.snapshot()?;
    tables.components = deb.components()?;
    if let Some(value) = table.get("recommends") {
        tables.recommends = Some(reader.boolean(value, "`recommends`")?);
    }
    if let Some(value) = table.get("packages") {
        packages(reader, value, Group::Main, place, tables)?;
    }
    deb.architectures(tables)?;
    deb.holds(tables)?;
    deb.excludes(tables)?;
    deb.answers(tables)?;
    deb.pins(tables)?;
    deb.suite(tables)?;
    deb.repositories(tables)
}

/// Reads `[dev.deb]`.
pub(crate) fn dev(
    reader: &Reader<'_>,
    value: &Value<'_>,
    place: &str,
    tables: &mut DebTables,
) -> Result<(), Invalid> {
    let table = reader.table(value, place)?;
    reader.known_keys(table, place, &["packages"])?;
    declare(reader, value, place, tables);
    match table.get("packages") {
        Some(value) => packages(reader, value, Group::Dev, place, tables),
        None => Ok(()),
    }
}

fn declare(reader: &Reader<'_>, value: &Value<'_>, place: &str, tables: &mut DebTables) {
    let origin = || reader.source.origin(value.span().start).with_label(place);
    tables.declared.get_or_insert_with(origin);
}

fn packages(
    reader: &Reader<'_>,
    value: &Value<'_>,
    group: Group,
    place: &str,
    tables: &mut DebTables,
) -> Result<(), Invalid> {
    for item in reader.array(value, "`packages`")? {
        let text = reader.string(item, "each entry of `packages`")?;
        let relation = relation(text).map_err(|problem| at_value(reader, item, text, problem))?;
        let twin = tables
            .packages
            .iter()
            .find(|other| other.relation == relation && other.group == group);
        if let Some(twin) = twin {
            let error = reader.error(item.span(), format!("`{relation}` stands here already"));
            return Err(error.hint(format!("remove one of them ({})", twin.origin)));
        }
        for alternative in &relation.alternatives {
            if let Some(Qualifier::Architecture(word)) = &alternative.qualifier {
                let architecture = architecture(reader, item.span(), word.as_str())?;
                if !tables.foreign.contains(&architecture) {
                    tables.foreign.push(architecture);
                }
            }
        }
        let origin = reader.source.origin(item.span().start).with_label(place);
        tables.packages.push(DebRequirement {
            relation,
            group: group.clone(),
            origin,
        });
    }
    Ok(())
}

/// Reads one relation in Debian's own text.
pub(crate) fn relation(text: &str) -> Result<Relation, Problem> {
    let whole = 0..text.len();
    let Relations(mut relations) = Relations::parse(text).map_err(|error| malformed(text, &error))?;
    let Some(relation) = relations.pop() else {
        return Err(Problem::new("this names no package", whole));
    };
    if !relations.is_empty() {
        let problem = Problem::new(format!("`{text}` is more than one requirement"), whole);
        return Err(problem.hint("write each as an entry of its own; `a | b` is one of several"));
    }
    let mut alternatives = relation.alternatives.iter();
    if alternatives.any(|alternative| !alternative.profiles.is_empty()) {
        let problem = Problem::new("build profiles have no meaning here", whole);
        return Err(problem.hint("take out what stands between `<` and `>`"));
    }
    Ok(relation)
}

fn malformed(text: &str, error: &InvalidRelation) -> Problem {
    let span = match text.find(&error.part).filter(|_| !error.part.is_empty()) {
        Some(at) => at..at + error.part.len(),
        None => 0..text.len(),
    };
    let problem = Problem::new(
        format!("`{text}` is not a requirement of Debian's: {}", error.reason),
        span,
    );
    let bare = text.split_once(['=', '<', '>']).filter(|_| !text.contains('('));
    match bare {
        Some((name, _)) => {
            let version = text[name.len()..].trim_start_matches(['=', '<', '>']).trim();
            let sign = match &text[name.len()..] {
                rest if rest.starts_with(">=") => ">=",
                rest if rest.starts_with("<=") => "<=",
                rest if rest.starts_with('>') => ">>",
                rest if rest.starts_with('<') => "<<",
                _ => "=",
            };
            problem.hint(format!("write `{} ({sign} {version})`", name.trim()))
        }
        None => match text.split_once('/').filter(|(name, _)| !name.is_empty()) {
            Some((name, release)) => in_release(name, release).into_iter().fold(problem, Problem::hint),
            None => error.hints().into_iter().fold(problem, Problem::hint),
        },
    }
}

/// What to write in place of `nginx/bookworm-backports`, which projects do not know.
pub(crate) fn in_release(name: &str, release: &str) -> [String; 2] {
    [
        format!(
            "take a package from another release by a pin: `[[deb.pin]]` with `packages = [\"{name}\"]`, `release = \"n={release}\"`, `priority = 990`"
        ),
        format!(
            "a release that is not among the usual repositories is named in `[[deb.repository]]`; or ask for a version, as in `{name} (>= 2)`"
        ),
    ]
}

struct Table<'r, 's, 't, 'i> {
    reader: &'r Reader<'s>,
    table: &'t DeTable<'i>,
    place: &'r str,
    folder: &'r Path,
}

impl Table<'_, '_, '_, '_> {
    fn sources(&self) -> Result<DebSources, Invalid> {
        let Some(value) = self.table.get("sources") else {
            return Ok(DebSources::default());
        };
        let text = self.reader.string(value, "`sources`")?;
        DebSources::from_word(text).ok_or_else(|| {
            let error = self
                .reader
                .error(value.span(), format!("`{text}` is no value of `sources`"));
            error.hint(format!("its values are {}", list(DebSources::WORDS)))
        })
    }

    /// An instant as snapshots are named: `20260115T000000Z`.
    fn snapshot(&self) -> Result<Option<String>, Invalid> {
        let Some(value) = self.table.get("snapshot") else {
            return Ok(None);
        };
        let text = match value.get_ref() {
            DeValue::Datetime(instant) => instant.to_string(),
            _ => self.reader.string(value, "`snapshot`")?.to_owned(),
        };
        let plain: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let full = if plain.contains('T') {
            plain
        } else {
            format!("{plain}T000000Z")
        };
        let is_digits =
            |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts = full.strip_suffix('Z').and_then(|rest| rest.split_once('T'));
        match parts {
            Some((day, time)) if is_digits(day, 8) && is_digits(time, 6) => Ok(Some(full)),
            _ => {
                let message = format!("`{text}` is neither a date nor an instant in UTC");
                let error = self.reader.error(value.span(), message);
                Err(error.hint("write for example `2026-01-31` or `2026-01-31T12:00:00Z`"))
            }
        }
    }

    fn components(&self) -> Result<Option<Vec<String>>, Invalid> {
        match self.table.get("components") {
            Some(value) => Ok(Some(words(self.reader, value, "`components`")?)),
            None => Ok(None),
        }
    }

    fn architectures(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        if let Some(value) = self.table.get("architectures") {
            // Those that packages name stand there already.
            for architecture in architectures(self.reader, value)? {
                if !tables.foreign.contains(&architecture) {
                    tables.foreign.push(architecture);
                }
            }
        }
        Ok(())
    }

    /// `nginx`, or `nginx (= 1.22.1-9)`.
    fn holds(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        let Some(value) = self.table.get("hold") else {
            return Ok(());
        };
        for item in self.reader.array(value, "`hold`")? {
            let text = self.reader.string(item, "each entry of `hold`")?;
            let error = |message: String| {
                let error = self.reader.error(item.span(), message);
                error.hint("write `nginx` for the version that is locked, or `nginx (= 1.22.1-9)`")
            };
            let held = Alternative::parse(text).map_err(|invalid| error(invalid.to_string()))?;
            if held.qualifier.is_some() {
                return Err(error("a package is held for all its architectures".to_owned()));
            }
            let version = match held.version {
                None => None,
                Some((Operator::Equal, version)) => Some(version.to_string()),
                Some(_) => return Err(error(format!("`{text}` is a range, not a version"))),
            };
            tables.holds.push(DebHold {
                name: held.name,
                version,
                origin: self
                    .reader
                    .source
                    .origin(item.span().start)
                    .with_label(self.place),
            });
        }
        Ok(())
    }

    fn excludes(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        let Some(value) = self.table.get("exclude") else {
            return Ok(());
        };
        for (text, span) in self.reader.strings(value, "`exclude`")? {
            let name = PackageName::new(Ecosystem::Deb, text)
                .map_err(|invalid| self.reader.error(span, invalid.to_string()))?;
            tables.excludes.push(name);
        }
        Ok(())
    }

    fn answers(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        let Some(value) = self.table.get("answers") else {
            return Ok(());
        };
        for (text, span) in self.reader.strings(value, "`answers`")? {
            let parts = text.split_whitespace().count();
            if parts < 3 || text.contains('\n') {
                return Err(self.reader.error(
                    span,
                    "an answer is one line for debconf: `PACKAGE QUESTION TYPE VALUE`".to_owned(),
                ));
            }
            tables.answers.push(text.to_owned());
        }
        Ok(())
    }

    fn pins(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        for item in array_of_tables(self.reader, self.table, "pin")? {
            let pin = pin::read(self.reader, item)?;
            tables.pins.push(pin);
        }
        Ok(())
    }

    /// A suite that nothing can answer is refused here, where its place is known.
    fn suite(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        let Some(value) = self.table.get("suite") else {
            return Ok(());
        };
        let name = suite_name(self.reader, value)?;
        let has_others = matches!(tables.sources, DebSources::Host | DebSources::None)
            || self.table.contains_key("repository");
        if usual::distribution_of(name).is_none() && !has_others {
            let message = format!("`{name}` is no suite of Debian or Ubuntu that Wharf knows");
            let error = self.reader.error(value.span(), message);
            return Err(match nearest(name, usual::suites()) {
                Some(word) => error.hint(format!("did you mean `{word}`?")),
                None => {
                    error.hint("name its repositories in `[[deb.repository]]`, or write `sources = \"host\"`")
                }
            });
        }
        tables.suite = Some(DebSuite {
            name: name.to_owned(),
            declared: Declared::Project,
            origin: self
                .reader
                .source
                .origin(value.span().start)
                .with_label(self.place),
        });
        Ok(())
    }

    fn repositories(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        for item in array_of_tables(self.reader, self.table, "repository")? {
            let read = repository::Repository {
                reader: self.reader,
                item,
                table: self.reader.table(item, "a repository")?,
                folder: self.folder,
            };
            tables.repositories.extend(read.read(tables.suite.as_ref())?);
        }
        Ok(())
    }
}

fn array_of_tables<'t, 'i>(
    reader: &Reader<'_>,
    table: &'t DeTable<'i>,
    key: &str,
) -> Result<Vec<&'t Value<'i>>, Invalid> {
    let Some(value) = table.get(key) else {
        return Ok(Vec::new());
    };
    if value.get_ref().is_table() {
        let error = reader.error(value.span(), format!("`{key}` is an array of tables"));
        return Err(error.hint(format!("write `[[deb.{key}]]` with double brackets")));
    }
    Ok(reader.array(value, &format!("`{key}`"))?.iter().collect())
}

fn suite_name<'v>(reader: &Reader<'_>, value: &'v Value<'_>) -> Result<&'v str, Invalid> {
    let name = reader.string(value, "`suite`")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._/+~".contains(c);
    if name.is_empty() || !name.chars().all(legal) || name.starts_with(['/', '.', '-']) {
        return Err(reader.error(value.span(), format!("`{name}` is not the name of a suite")));
    }
    Ok(name)
}

/// Words without blanks and commas.
fn words(reader: &Reader<'_>, value: &Value<'_>, what: &str) -> Result<Vec<String>, Invalid> {
    let mut words: Vec<String> = Vec::new();
    let items = match value.get_ref() {
        DeValue::String(text) => vec![(text.as_ref(), value.span())],
        _ => reader.strings(value, what)?,
    };
    for (word, span) in items {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(reader.error(span, format!("`{}` is no word", word.escape_debug())));
        }
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    Ok(words)
}

fn architectures(reader: &Reader<'_>, value: &Value<'_>) -> Result<Vec<Architecture>, Invalid> {
    let mut architectures = Vec::new();
    for (text, span) in reader.strings(value, "`architectures`")? {
        let architecture = architecture(reader, span, text)?;
        if !architectures.contains(&architecture) {
            architectures.push(architecture);
        }
    }
    Ok(architectures)
}

/// An architecture that there are packages for: a name that is misspelt has none, and nobody would say so.
fn architecture(reader: &Reader<'_>, span: Range<usize>, text: &str) -> Result<Architecture, Invalid> {
    let known = Architecture::parse(text).ok().filter(Architecture::is_known);
    known.ok_or_else(|| {
        let error = reader.error(
            span,
            format!("`{text}` is no architecture that Debian has packages for"),
        );
        let error = match nearest(text, Architecture::KNOWN.iter().copied()) {
            Some(word) => error.hint(format!("did you mean `{word}`?")),
            None => error,
        };
        error.hint(format!("its architectures are {}", list(Architecture::KNOWN)))
    })
}

/// A whole number that may be below zero.
fn integer(reader: &Reader<'_>, value: &Value<'_>, what: &str) -> Result<i32, Invalid> {
    let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
    number
        .and_then(|number| number.as_str().parse().ok())
        .ok_or_else(|| {
            let found = value.get_ref().type_str();
            reader.error(
                value.span(),
                format!("{what} must be a whole number such as 500 or -1, and this is of type {found}"),
            )
        })
}
