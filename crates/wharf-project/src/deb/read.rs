//! `[deb]` and `[dev.deb]` of `wharf.toml`, and the same below `[tool.wharf]` of `pyproject.toml`. Relations are Debian's own text.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use wharf_core::{Ecosystem, Explain, Origin, PackageName, WebUrl};
use wharf_deb::architecture::Architecture;
use wharf_deb::relation::{Alternative, InvalidRelation, Relation, Relations};
use wharf_deb::version::Operator;

use super::repository::{DebDistribution, DebKeys, DebRepository};
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
    pub(crate) recommends: bool,
    pub(crate) foreign: Vec<Architecture>,
    pub(crate) components: Option<Vec<String>>,
    pub(crate) holds: Vec<DebHold>,
    pub(crate) excludes: Vec<PackageName>,
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
        tables.recommends = reader.boolean(value, "`recommends`")?;
    }
    if let Some(value) = table.get("packages") {
        packages(reader, value, Group::Main, place, tables)?;
    }
    deb.architectures(tables)?;
    deb.holds(tables)?;
    deb.excludes(tables)?;
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
        None => error.hints().into_iter().fold(problem, Problem::hint),
    }
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
            tables.foreign = architectures(self.reader, value)?;
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

    fn pins(&self, tables: &mut DebTables) -> Result<(), Invalid> {
        for item in array_of_tables(self.reader, self.table, "pin")? {
            let pin = pin(self.reader, item)?;
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
            let read = Repository {
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

fn pin(reader: &Reader<'_>, item: &Value<'_>) -> Result<DebPin, Invalid> {
    const KINDS: &[&str] = &["release", "version", "origin"];
    let table = reader.table(item, "a pin")?;
    reader.known_keys(
        table,
        "[[deb.pin]]",
        &["packages", "release", "version", "origin", "priority"],
    )?;
    let missing = |key: &str| reader.error(item.span(), format!("this pin has no `{key}`"));
    let packages = words(
        reader,
        table.get("packages").ok_or_else(|| missing("packages"))?,
        "`packages`",
    )?;
    let priority = integer(
        reader,
        table.get("priority").ok_or_else(|| missing("priority"))?,
        "`priority`",
    )?;
    let mut kinds = KINDS.iter().filter_map(|kind| table.get_key_value(*kind));
    let Some((kind, value)) = kinds.next() else {
        let error = reader.error(
            item.span(),
            "this pin says neither `release` nor `version` nor `origin`",
        );
        return Err(
            error.hint("write for example `release = \"n=bookworm-backports\"` or `version = \"1.22*\"`")
        );
    };
    if let Some((other, _)) = kinds.next() {
        let message = format!(
            "`{}` and `{}` exclude each other",
            kind.get_ref(),
            other.get_ref()
        );
        return Err(reader.error(other.span(), message).hint("keep one of them"));
    }
    let text = reader.string(value, &format!("`{}`", kind.get_ref()))?;
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(reader.error(value.span(), "this pins nothing"));
    }
    if packages.is_empty() {
        return Err(reader
            .error(item.span(), "this pin is for no package")
            .hint("`packages = [\"*\"]` is for all"));
    }
    let pin = DebPin {
        packages,
        pin: format!("{} {}", kind.get_ref(), text.trim()),
        priority,
        origin: reader.source.origin(item.span().start).with_label("[[deb.pin]]"),
    };
    let mut read = wharf_deb::preferences::parse(pin.stanza().as_bytes());
    match read.pop() {
        Some(Ok(_)) if read.is_empty() => Ok(pin),
        Some(Err(invalid)) => Err(reader.error(
            item.span(),
            format!("this pin cannot be read: {}", invalid.reason),
        )),
        Some(Ok(_)) | None => Err(reader.error(item.span(), "this pin cannot be read")),
    }
}

/// One `[[deb.repository]]`, which may name several suites.
struct Repository<'r, 's, 't, 'i> {
    reader: &'r Reader<'s>,
    item: &'t Value<'i>,
    table: &'t DeTable<'i>,
    folder: &'r Path,
}

impl Repository<'_, '_, '_, '_> {
    fn read(&self, suite: Option<&DebSuite>) -> Result<Vec<DebRepository>, Invalid> {
        const KEYS: &[&str] = &[
            "uri",
            "suites",
            "components",
            "architectures",
            "signed-by",
            "trusted",
            "priority",
            "check-valid-until",
        ];
        self.reader.known_keys(self.table, "[[deb.repository]]", KEYS)?;
        let uri = self.uri()?;
        let suites = self.suites(suite)?;
        let components = match self.table.get("components") {
            Some(value) => words(self.reader, value, "`components`")?,
            None => Vec::new(),
        };
        let architectures = match self.table.get("architectures") {
            Some(value) => architectures(self.reader, value)?,
            None => Vec::new(),
        };
        let trusted = self.flag("trusted", false)?;
        let priority = self.table.get("priority");
        let priority = priority
            .map(|value| integer(self.reader, value, "`priority`"))
            .transpose()?;
        let check_valid_until = self.flag("check-valid-until", true)?;
        let mut repositories = Vec::new();
        for suite in suites {
            let components = self.components_of(&suite, &components)?;
            repositories.push(DebRepository {
                uri: uri.clone(),
                components,
                architectures: architectures.clone(),
                keys: self.keys(&suite, trusted)?,
                trusted,
                priority,
                check_valid_until,
                declared: Declared::Project,
                origin: self
                    .reader
                    .source
                    .origin(self.item.span().start)
                    .with_label("[[deb.repository]]"),
                suite,
            });
        }
        Ok(repositories)
    }

    fn uri(&self) -> Result<WebUrl, Invalid> {
        let value = self.table.get("uri").ok_or_else(|| {
            self.reader
                .error(self.item.span(), "this repository has no `uri`")
        })?;
        let text = self.reader.string(value, "`uri`")?;
        let uri = WebUrl::parse(text).map_err(|error| self.reader.error(value.span(), error.to_string()))?;
        if !matches!(uri.as_url().scheme(), "http" | "https" | "file") {
            let message = "a repository is reached by http, https or file";
            return Err(self.reader.error(value.span(), message));
        }
        Ok(uri)
    }

    fn suites(&self, suite: Option<&DebSuite>) -> Result<Vec<String>, Invalid> {
        match (self.table.get("suites"), suite) {
            (Some(value), _) => {
                let names = words(self.reader, value, "`suites`")?;
                match names.is_empty() {
                    true => Err(self.reader.error(value.span(), "this repository has no suite")),
                    false => Ok(names),
                }
            }
            (None, Some(suite)) => Ok(vec![suite.name.clone()]),
            (None, None) => {
                let error = self
                    .reader
                    .error(self.item.span(), "this repository has no `suites`");
                Err(error.hint(
                    "write for example `suites = [\"bookworm\"]`, or `[\"./\"]` for one without `dists`",
                ))
            }
        }
    }

    /// A suite that is a path has no components, every other one has some.
    fn components_of(&self, suite: &str, components: &[String]) -> Result<Vec<String>, Invalid> {
        match (suite.ends_with('/'), components) {
            (true, []) => Ok(Vec::new()),
            (true, [..]) => {
                let span = self.table.get("components").map_or(0..0, Value::span);
                Err(self.reader.error(
                    span,
                    format!("the suite `{suite}` is a path, which has no components"),
                ))
            }
            (false, []) => Ok(vec!["main".to_owned()]),
            (false, some) => Ok(some.to_vec()),
        }
    }

    /// The keys that are named, else those of the distribution that the suite is of.
    fn keys(&self, suite: &str, trusted: bool) -> Result<DebKeys, Invalid> {
        let mut keys = DebKeys::default();
        let Some(value) = self.table.get("signed-by") else {
            keys.shipped = usual::distribution_of(suite);
            if keys.shipped.is_none() && !trusted {
                let error = self.reader.error(
                    self.item.span(),
                    "nothing says which key this repository is signed by",
                );
                return Err(
                    error.hint("write `signed-by = \"keys/example.asc\"`, with the file in the project")
                );
            }
            return Ok(keys);
        };
        let items: Vec<(&str, Range<usize>)> = match value.get_ref() {
            DeValue::Array(_) => self.reader.strings(value, "`signed-by`")?,
            _ => vec![(self.reader.string(value, "`signed-by`")?, value.span())],
        };
        for (text, span) in items {
            self.key(text.trim(), span, &mut keys)?;
        }
        if keys.files.is_empty() && keys.blocks.is_empty() && keys.shipped.is_none() {
            keys.shipped = usual::distribution_of(suite);
            if keys.shipped.is_none() {
                let message = "a fingerprint alone is no key";
                let error = self.reader.error(value.span(), message);
                return Err(error.hint("name the file with the key as well"));
            }
        }
        Ok(keys)
    }

    /// A file, a block of a key, a fingerprint, or the name of a distribution whose keys come with Wharf.
    fn key(&self, text: &str, span: Range<usize>, keys: &mut DebKeys) -> Result<(), Invalid> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let is_print = matches!(plain.len(), 40 | 64) && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            keys.blocks.push(format!("{text}\n"));
        } else if let Some(distribution) = DebDistribution::from_word(text) {
            keys.shipped = Some(distribution);
        } else if is_print {
            keys.fingerprints.push(plain.to_ascii_uppercase());
        } else if text.is_empty() || text.contains('\n') {
            let error = self.reader.error(span, "this is no key and no file with one");
            return Err(error.hint("write the path of a file, or a block that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`"));
        } else {
            keys.files
                .push(crate::requirement::normalize(&self.folder.join(text)));
        }
        Ok(())
    }

    fn flag(&self, key: &str, usual: bool) -> Result<bool, Invalid> {
        match self.table.get(key) {
            Some(value) => self.reader.boolean(value, &format!("`{key}`")),
            None => Ok(usual),
        }
    }
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
        let architecture = Architecture::parse(text)
            .ok()
            .filter(|architecture| !architecture.is_all())
            .ok_or_else(|| {
                reader.error(
                    span,
                    format!("`{text}` is not an architecture such as `amd64` or `arm64`"),
                )
            })?;
        if !architectures.contains(&architecture) {
            architectures.push(architecture);
        }
    }
    Ok(architectures)
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
