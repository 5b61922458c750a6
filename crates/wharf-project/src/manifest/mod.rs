//! `wharf.toml`. Invariant: every key is known and obeyed, or refused with its place; nothing is passed over.
//!
//! | module | job |
//! |---|---|
//! | [`entry`] | one requirement: `name = ">=1"` or `name = { version = … }` |
//! | [`npm`] | the tables about npm |
//! | [`settings`] | `[policy]`, `[options]`, `[[index]]`, targets |

pub(crate) mod entry;
pub(crate) mod npm;
pub(crate) mod settings;

#[cfg(test)]
mod tests;

use std::path::Path;

use toml::de::DeTable;
use wharf_core::Ecosystem;
use wharf_ecosystem::npm::EdgeKind;

use crate::cargo::tools;
use crate::deb::read as deb;
use crate::error::{Invalid, ProjectError};
use crate::external::read as external;
use crate::requirement::{Base, Group, RootRequirement};
use crate::requirements::Context;
use crate::stated::Stated;
use crate::table::{self, Key, Reader, Value};
use crate::text::SourceText;
use entry::requirements;

/// The tables of the ecosystems that this version of Wharf does not handle yet.
const LATER: &[Ecosystem] = &[Ecosystem::Apk, Ecosystem::Rpm, Ecosystem::Alpm];

const TABLES: &[&str] = &[
    "project",
    "python",
    "node",
    "workspace",
    "pypi",
    "npm",
    "cargo",
    "deb",
    "external",
    "dev",
    "optional",
    "groups",
    "extras",
    "overrides",
    "constraints",
    "policy",
    "options",
    "index",
];

/// Reads `wharf.toml`.
pub(crate) fn read(path: &Path, context: &Context<'_>, stated: &mut Stated) -> Result<(), ProjectError> {
    let text = std::fs::read_to_string(path).map_err(ProjectError::reading(path))?;
    stated.note_input(path.to_owned());
    let source = SourceText::new(&context.shown(path), &text);
    let base = Base {
        root: context.root,
        folder: path.parent().unwrap_or(context.root),
    };
    parse(&source, base, stated)?;
    Ok(())
}

/// Reads the text of a `wharf.toml`.
pub(crate) fn parse(source: &SourceText, base: Base<'_>, stated: &mut Stated) -> Result<(), Invalid> {
    let document = table::parse(source)?;
    Manifest {
        reader: Reader {
            source,
            code: "manifest/invalid",
        },
        base,
    }
    .read(&document, stated)
}

struct Manifest<'s> {
    reader: Reader<'s>,
    base: Base<'s>,
}

impl Manifest<'_> {
    fn read(&self, document: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        self.refuse_unknown(document)?;
        if let Some(value) = document.get("project") {
            self.project(value, stated)?;
        }
        if let Some(value) = document.get("python") {
            self.python(value, stated)?;
        }
        if let Some(value) = document.get("node") {
            npm::node(&self.reader, value, &mut stated.npm)?;
        }
        if let Some(value) = document.get("workspace") {
            npm::workspace(&self.reader, value, &mut stated.npm)?;
        }
        let indexes = document.get("index");
        settings::indexes(&self.reader, indexes, stated)?;
        settings::policy(&self.reader, document.get("policy"), stated)?;
        settings::options(&self.reader, document.get("options"), self.base.folder, stated)?;
        let mut roots = Vec::new();
        roots.extend(self.pypi(document, Group::Main, "[pypi]")?);
        if let Some(value) = document.get("dev") {
            roots.extend(self.ecosystems(value, Group::Dev, "[dev]")?);
        }
        roots.extend(self.named(document, "groups", Group::Named)?);
        roots.extend(self.named(document, "extras", Group::Extra)?);
        stated.roots.extend(roots);
        for (key, into) in [
            ("overrides", &mut stated.overrides),
            ("constraints", &mut stated.constraints),
        ] {
            if let Some(value) = document.get(key) {
                into.extend(self.ecosystems(value, Group::Main, &format!("[{key}]"))?);
            }
        }
        self.npm(document, stated)?;
        if let Some(value) = document.get("cargo") {
            tools::read(&self.reader, value, "[cargo]", &mut stated.cargo)?;
        }
        self.deb(document, stated)?;
        if let Some(value) = document.get("external") {
            external::manifest(&self.reader, value, "[external]", &mut stated.external)?;
        }
        entry::check_indexes(&self.reader, document, stated)
    }

    /// `[deb]` and `[dev.deb]`.
    fn deb(&self, document: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        if let Some(value) = document.get("deb") {
            deb::deb(&self.reader, value, "[deb]", self.base.folder, &mut stated.deb)?;
        }
        let dev = document
            .get("dev")
            .and_then(|value| value.get_ref().as_table()?.get("deb"));
        match dev {
            Some(value) => deb::dev(&self.reader, value, "[dev.deb]", &mut stated.deb),
            None => Ok(()),
        }
    }

    /// `[npm]`, `[dev.npm]`, `[optional.npm]` and `[overrides.npm]`.
    fn npm(&self, document: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let below = |table: &str| document.get(table)?.get_ref().as_table()?.get("npm");
        let optional = document.get("optional");
        if let Some(value) = optional {
            let table = self.reader.table(value, "[optional]")?;
            for key in table.keys() {
                self.refuse_later(key)?;
                self.refuse_tools(key)?;
                self.refuse_debian(key)?;
                if key.get_ref() == "pypi" {
                    let error = self
                        .reader
                        .error(key.span(), "a Python requirement is optional as part of an extra");
                    return Err(error.hint("write `[extras.NAME.pypi]`"));
                }
            }
            self.reader.known_keys(table, "[optional]", &["npm"])?;
        }
        let tables = &mut stated.npm;
        for (value, kind, place) in [
            (document.get("npm"), EdgeKind::Prod, "[npm]"),
            (below("dev"), EdgeKind::Dev, "[dev.npm]"),
            (below("optional"), EdgeKind::Optional, "[optional.npm]"),
        ] {
            if let Some(value) = value {
                npm::requirements(&self.reader, value, kind, place, tables)?;
            }
        }
        match below("overrides") {
            Some(value) => npm::overrides(&self.reader, value, tables),
            None => Ok(()),
        }
    }

    fn refuse_unknown(&self, document: &DeTable<'_>) -> Result<(), Invalid> {
        for key in document.keys() {
            self.refuse_later(key)?;
            if !TABLES.contains(&key.get_ref().as_ref()) {
                return Err(self.reader.unknown_key(key, "wharf.toml", TABLES));
            }
        }
        Ok(())
    }

    /// Refuses the table of an ecosystem that is known but not handled yet.
    fn refuse_later(&self, key: &Key<'_>) -> Result<(), Invalid> {
        match LATER.iter().find(|ecosystem| ecosystem.as_str() == key.get_ref()) {
            Some(ecosystem) => {
                let message = format!("this version of Wharf does not handle {ecosystem} packages yet");
                let mut error = self.reader.error(key.span(), message);
                error.code = "manifest/later-ecosystem";
                Err(error.hint(format!(
                    "take the `{ecosystem}` table out; `pypi`, `npm`, `cargo` and `deb` are handled"
                )))
            }
            None => Ok(()),
        }
    }

    /// Tools have one table: they are commands, not parts of a group.
    fn refuse_tools(&self, key: &Key<'_>) -> Result<(), Invalid> {
        if key.get_ref() != "cargo" {
            return Ok(());
        }
        let error = self
            .reader
            .error(key.span(), "tools that are built from crates belong to no group");
        Err(error.hint("write them into `[cargo]`"))
    }

    /// Debian packages are one set for the whole project.
    fn refuse_debian(&self, key: &Key<'_>) -> Result<(), Invalid> {
        if key.get_ref() != "deb" {
            return Ok(());
        }
        let error = self.reader.error(
            key.span(),
            "Debian packages have neither groups nor extras, overrides or constraints",
        );
        Err(error.hint("write them into `[deb]` or `[dev.deb]`; `hold`, `exclude` and `[[deb.pin]]` say which versions are taken"))
    }

    fn project(&self, value: &Value<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let table = self.reader.table(value, "`project`")?;
        self.reader
            .known_keys(table, "[project]", &["name", "version", "description", "targets"])?;
        if let Some(name) = table.get("name") {
            stated.name = Some(self.reader.string(name, "`name`")?.to_owned());
        }
        for key in ["version", "description"] {
            table
                .get(key)
                .map(|value| self.reader.string(value, &format!("`{key}`")))
                .transpose()?;
        }
        settings::targets(&self.reader, table.get("targets"), stated)
    }

    fn python(&self, value: &Value<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let table = self.reader.table(value, "`python`")?;
        self.reader.known_keys(table, "[python]", &["version"])?;
        if let Some(version) = table.get("version") {
            let text = self.reader.string(version, "`version`")?;
            let specifiers = entry::specifiers(text)
                .map_err(|problem| entry::at_value(&self.reader, version, text, problem))?;
            stated.requires_python = Some((specifiers, self.reader.source.origin(version.span().start)));
        }
        Ok(())
    }

    fn pypi(&self, table: &DeTable<'_>, group: Group, place: &str) -> Result<Vec<RootRequirement>, Invalid> {
        match table.get("pypi") {
            Some(value) => requirements(&self.reader, self.base, value, &group, place),
            None => Ok(Vec::new()),
        }
    }

    /// `[dev.pypi]` and its like: a table with one table for each ecosystem.
    fn ecosystems(
        &self,
        value: &Value<'_>,
        group: Group,
        place: &str,
    ) -> Result<Vec<RootRequirement>, Invalid> {
        let table = self.reader.table(value, place)?;
        for key in table.keys() {
            self.refuse_later(key)?;
            self.refuse_tools(key)?;
            let inner = place.trim_matches(['[', ']']);
            if inner == "dev" && key.get_ref() == "deb" {
                continue;
            }
            self.refuse_debian(key)?;
            let has_npm = matches!(inner, "dev" | "overrides");
            if key.get_ref() == "npm" && !has_npm {
                let error = self
                    .reader
                    .error(key.span(), format!("npm has nothing like `[{inner}]`"));
                return Err(
                    error.hint("npm's requirements stand in `[npm]`, `[dev.npm]` and `[optional.npm]`")
                );
            }
            if !matches!(key.get_ref().as_ref(), "pypi" | "npm") {
                let known: &[&str] = match inner {
                    "dev" => &["pypi", "npm", "deb"],
                    _ if has_npm => &["pypi", "npm"],
                    _ => &["pypi"],
                };
                let error = self.reader.unknown_key(key, place, known);
                return Err(error.hint(format!("requirements stand in `[{inner}.pypi]`")));
            }
        }
        self.pypi(table, group, &place.replace(']', ".pypi]"))
    }

    /// `[groups.NAME.pypi]` and `[extras.NAME.pypi]`.
    fn named(
        &self,
        document: &DeTable<'_>,
        key: &str,
        group: impl Fn(String) -> Group,
    ) -> Result<Vec<RootRequirement>, Invalid> {
        let mut roots = Vec::new();
        let Some(value) = document.get(key) else {
            return Ok(roots);
        };
        for (name, value) in self.reader.table(value, &format!("`{key}`"))? {
            let normal = wharf_core::PackageName::pypi(name.get_ref()).map_err(|_| {
                self.reader.error(
                    name.span(),
                    format!("`{}` is not a name for a group or an extra", name.get_ref()),
                )
            })?;
            let place = format!("[{key}.{normal}]");
            let group = group(normal.as_str().to_owned());
            roots.extend(self.ecosystems(value, group, &place)?);
        }
        Ok(roots)
    }
}
