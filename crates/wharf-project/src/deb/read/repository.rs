//! `[[deb.repository]]`: a repository that everybody who has the project uses.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use wharf_core::WebUrl;

use super::{architectures, integer, words};
use crate::deb::repository::{DebDistribution, DebKeys, DebRepository};
use crate::deb::{DebSuite, usual};
use crate::error::Invalid;
use crate::index::Declared;
use crate::table::{Reader, Value};

/// One `[[deb.repository]]`, which may name several suites.
pub(super) struct Repository<'r, 's, 't, 'i> {
    pub(super) reader: &'r Reader<'s>,
    pub(super) item: &'t Value<'i>,
    pub(super) table: &'t DeTable<'i>,
    pub(super) folder: &'r Path,
}

impl Repository<'_, '_, '_, '_> {
    pub(super) fn read(&self, suite: Option<&DebSuite>) -> Result<Vec<DebRepository>, Invalid> {
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
        let priority = priority.map(|value| self.priority(value)).transpose()?;
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

    /// A priority as apt knows them, since pins that apt reads are compared with it.
    fn priority(&self, value: &Value<'_>) -> Result<i32, Invalid> {
        let priority = integer(self.reader, value, "`priority`")?;
        match i16::try_from(priority) {
            Ok(1..) | Ok(..0) => Ok(priority),
            Ok(0) | Err(_) => {
                let message = "a `priority` is a number between -32768 and 32767, but not 0";
                Err(self.reader.error(value.span(), message))
            }
        }
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
