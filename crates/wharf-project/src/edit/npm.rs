//! Edits of npm's requirements: in `package.json`, or in the tables of `wharf.toml`; the short form of requirements; approvals of
//! install scripts. Invariant: what is not asked for stays byte for byte.

use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Value};
use wharf_core::{Ecosystem, PackageName};
use wharf_ecosystem::npm::{EdgeKind, Spec, Version};

use super::{document, existing, package_json, pyproject, wharf};
use crate::approval::ScriptApproval;
use crate::error::ProjectError;
use crate::npm::{NpmImporter, NpmOptions};
use crate::project::{ManifestKind, Project};
use crate::text::{SourceText, hide_credentials};

/// A manifest's text that is to be changed.
#[derive(Clone, Copy, Debug)]
pub struct NpmManifest<'a> {
    /// Which form it has.
    pub kind: ManifestKind,
    /// Where it lies, for messages.
    pub path: &'a Path,
    /// What it says now.
    pub text: &'a str,
}

/// A requirement to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmAddition {
    /// The name under which it is imported.
    pub alias: String,
    /// The specifier as it is to be written.
    pub text: String,
    /// How much it is needed.
    pub kind: EdgeKind,
}

/// A requirement that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmRemoved {
    /// The name under which it was imported.
    pub alias: String,
    /// The table that it stood in.
    pub kind: EdgeKind,
}

/// A requirement in short form, behind its `npm:`: `react`, `vite@^7`, `@scope/name@next`, `alias@npm:name@1`, `user/repo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpmShort {
    /// The name under which it is imported; `None` where only the package itself knows it (`user/repo`, `./folder`).
    pub alias: Option<String>,
    /// What is asked for; `None` where nothing is said.
    pub spec: Option<Spec>,
    /// The specifier as it was given; empty where nothing is said.
    pub text: String,
}

impl NpmShort {
    /// What is written before anything is solved.
    pub fn asked(&self) -> &str {
        if self.text.is_empty() {
            "latest"
        } else {
            &self.text
        }
    }

    /// What is written once a version is chosen: a range or a place as it was given; for a tag or nothing at all the chosen
    /// version with the prefix before it.
    pub fn written(&self, chosen: &Version, prefix: &str) -> String {
        match &self.spec {
            None | Some(Spec::Tag(_)) => written_range(chosen, prefix),
            Some(Spec::Alias { name, spec }) if is_open(spec) => {
                format!("npm:{name}@{}", written_range(chosen, prefix))
            }
            Some(_) => self.text.clone(),
        }
    }
}

/// A tag, or `npm:name` without anything.
fn is_open(spec: &Spec) -> bool {
    matches!(spec, Spec::Tag(_)) || matches!(spec, Spec::Range(text) if text.is_empty())
}

/// A version as a range: `^1.2.3` with the prefix `^`, `1.2.3` with none.
pub fn written_range(version: &Version, prefix: &str) -> String {
    format!("{prefix}{}", version.without_build())
}

/// The prefix that a project writes; none where the exact version is wanted.
pub fn prefix(options: &NpmOptions, exact: Exactness) -> &str {
    match exact {
        Exactness::Exact => "",
        Exactness::Usual => &options.save_prefix,
    }
}

/// Whether the exact version is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exactness {
    /// With the project's prefix.
    #[default]
    Usual,
    /// Without any.
    Exact,
}

/// Reads a requirement in short form, without its `npm:`.
///
/// # Errors
/// Where it is neither a name nor a specifier.
pub fn parse_short(text: &str) -> Result<NpmShort, ProjectError> {
    let text = text.trim();
    let cut = text.char_indices().skip(1).find(|(_, c)| *c == '@');
    let (name, rest) = match cut {
        Some((at, _)) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let is_name = PackageName::new(Ecosystem::Npm, name).is_ok();
    let whole = |error: &str| match Spec::parse(text) {
        Ok(spec) if !spec.is_registry() => Ok(NpmShort {
            alias: None,
            text: stated(&spec, text),
            spec: Some(spec),
        }),
        _ => Err(not_a_requirement(text, error)),
    };
    if !is_name {
        let reason =
            PackageName::new(Ecosystem::Npm, name).map_or_else(|error| error.to_string(), |_| String::new());
        return whole(&reason);
    }
    let alias = Some(name.to_owned());
    if rest.is_empty() {
        let text = String::new();
        return Ok(NpmShort {
            alias,
            spec: None,
            text,
        });
    }
    match Spec::parse_under(name, rest) {
        Ok(spec) => Ok(NpmShort {
            alias,
            text: stated(&spec, rest),
            spec: Some(spec),
        }),
        // `git@example.org:user/repo.git` looks like a name and a version.
        Err(error) => whole(&error.to_string()),
    }
}

/// A place of this machine as every tool reads it, which is with `file:` before it.
fn stated(spec: &Spec, text: &str) -> String {
    match spec {
        Spec::File(_) | Spec::Directory(_) if text.starts_with(['.', '/', '~']) => format!("file:{text}"),
        _ => text.to_owned(),
    }
}

fn not_a_requirement(text: &str, reason: &str) -> ProjectError {
    ProjectError::Requirement {
        text: format!("npm:{}", hide_credentials(text)),
        reason: reason.to_owned(),
        hints: vec!["write for example `npm:react`, `'npm:vite@^7'` or `npm:@scope/name@next`".to_owned()],
    }
}

/// The form of the file that holds an importer's requirements.
pub fn kind_of(importer: &NpmImporter) -> ManifestKind {
    let name = importer.manifest.file_name().and_then(|name| name.to_str());
    match name {
        Some("package.json") => ManifestKind::PackageJson,
        Some("pyproject.toml") => ManifestKind::Pyproject,
        _ => ManifestKind::Wharf,
    }
}

/// The text with the requirements added. One of an alias that is there already is replaced in its place, or moves to its new
/// table.
///
/// # Errors
/// Where the manifest is malformed, or its form cannot express it.
pub fn add(manifest: NpmManifest<'_>, additions: &[NpmAddition]) -> Result<String, ProjectError> {
    let mut text = manifest.text.to_owned();
    for addition in additions {
        let now = NpmManifest {
            text: &text,
            ..manifest
        };
        text = match manifest.kind {
            ManifestKind::PackageJson => package_json::add(now, addition)?,
            ManifestKind::Wharf => add_to_wharf(now, addition)?,
            ManifestKind::Pyproject | ManifestKind::Requirements | ManifestKind::Cargo => {
                return Err(manifest.no_npm());
            }
        };
    }
    Ok(text)
}

/// The text without the aliases, in one table or in all of them, and what was taken out.
///
/// # Errors
/// Where the manifest is malformed.
pub fn remove(
    manifest: NpmManifest<'_>,
    aliases: &[String],
    kind: Option<EdgeKind>,
) -> Result<(String, Vec<NpmRemoved>), ProjectError> {
    match manifest.kind {
        ManifestKind::PackageJson => package_json::remove(manifest, aliases, kind),
        ManifestKind::Wharf => remove_from_wharf(manifest, aliases, kind),
        ManifestKind::Pyproject | ManifestKind::Requirements | ManifestKind::Cargo => {
            Ok((manifest.text.to_owned(), Vec::new()))
        }
    }
}

/// The file that holds the approvals of a project: its own manifest, or the `package.json` beside requirements files.
pub fn approvals_file(project: &Project) -> (PathBuf, ManifestKind) {
    match project.manifest {
        ManifestKind::Requirements | ManifestKind::Cargo => {
            (project.root.join("package.json"), ManifestKind::PackageJson)
        }
        kind @ (ManifestKind::Wharf | ManifestKind::Pyproject | ManifestKind::PackageJson) => {
            (project.manifest_path.clone(), kind)
        }
    }
}

/// The text with approvals of scripts, in place of those that they replace.
///
/// # Errors
/// Where the manifest is malformed, or has no place for them.
pub fn approve(manifest: NpmManifest<'_>, approvals: &[ScriptApproval]) -> Result<String, ProjectError> {
    let mut text = withdraw(manifest, &|text| {
        let older = text.parse::<ScriptApproval>();
        older.is_ok_and(|older| approvals.iter().any(|approval| approval.replaces(&older)))
    })?;
    for approval in approvals {
        let now = NpmManifest {
            text: &text,
            ..manifest
        };
        text = push_approval(now, &approval.to_string())?;
    }
    Ok(text)
}

fn push_approval(manifest: NpmManifest<'_>, approval: &str) -> Result<String, ProjectError> {
    match manifest.kind {
        ManifestKind::PackageJson => package_json::approve(manifest, approval),
        ManifestKind::Wharf | ManifestKind::Pyproject => {
            let mut document = manifest.document()?;
            let array = scripts(&mut document, manifest.kind)
                .ok_or_else(|| manifest.cannot("`scripts` of its policy is not an array"))?;
            pyproject::push(array, approval);
            Ok(document.to_string())
        }
        ManifestKind::Requirements | ManifestKind::Cargo => Err(manifest.no_npm()),
    }
}

/// The text without the approvals that `goes` names.
fn withdraw(manifest: NpmManifest<'_>, goes: &dyn Fn(&str) -> bool) -> Result<String, ProjectError> {
    match manifest.kind {
        ManifestKind::PackageJson => package_json::withdraw(manifest, goes),
        ManifestKind::Wharf | ManifestKind::Pyproject => {
            let mut document = manifest.document()?;
            let at = |array: &Array| array.iter().position(|item| item.as_str().is_some_and(goes));
            if existing_scripts(&mut document, manifest.kind).is_none_or(|array| at(array).is_none()) {
                return Ok(manifest.text.to_owned());
            }
            if let Some(array) = existing_scripts(&mut document, manifest.kind) {
                while let Some(at) = at(array) {
                    pyproject::take(array, at);
                }
            }
            Ok(document.to_string())
        }
        ManifestKind::Requirements | ManifestKind::Cargo => Ok(manifest.text.to_owned()),
    }
}

fn policy_path(kind: ManifestKind) -> Vec<String> {
    let words: &[&str] = match kind {
        ManifestKind::Pyproject => &["tool", "wharf", "policy"],
        ManifestKind::Wharf
        | ManifestKind::Requirements
        | ManifestKind::PackageJson
        | ManifestKind::Cargo => &["policy"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// `[policy] scripts`, made where it is missing.
fn scripts(document: &mut DocumentMut, kind: ManifestKind) -> Option<&mut Array> {
    let is_new = !document.contains_key("policy");
    let table = wharf::descend(document.as_table_mut(), &policy_path(kind))?;
    if !table.contains_key("scripts") {
        table.insert("scripts", Item::Value(Value::Array(Array::new())));
    }
    if let Some(policy) = document
        .get_mut("policy")
        .and_then(Item::as_table_mut)
        .filter(|_| is_new)
    {
        // At the end, not between two tables that belong together.
        policy.set_position(Some(isize::MAX));
    }
    existing_scripts(document, kind)
}

fn existing_scripts(document: &mut DocumentMut, kind: ManifestKind) -> Option<&mut Array> {
    existing(document, &policy_path(kind))?
        .get_mut("scripts")?
        .as_array_mut()
}

/// The tables of `wharf.toml` with what they mean.
const TABLES: &[(&[&str], EdgeKind)] = &[
    (&["npm"], EdgeKind::Prod),
    (&["dev", "npm"], EdgeKind::Dev),
    (&["optional", "npm"], EdgeKind::Optional),
];

fn add_to_wharf(manifest: NpmManifest<'_>, addition: &NpmAddition) -> Result<String, ProjectError> {
    let Some((path, _)) = TABLES.iter().find(|(_, kind)| *kind == addition.kind) else {
        return Err(manifest.cannot(
            "wharf.toml has no place for peer dependencies: they belong to a package that others use",
        ));
    };
    let mut document = manifest.document()?;
    let head = wharf::take_head(&mut document);
    for (other, _) in TABLES.iter().filter(|(_, kind)| *kind != addition.kind) {
        if let Some(table) = existing(&mut document, other) {
            table.remove(&addition.alias);
        }
    }
    let path: Vec<String> = path.iter().map(|word| (*word).to_owned()).collect();
    let table = wharf::descend(document.as_table_mut(), &path)
        .ok_or_else(|| manifest.cannot(&format!("`{}` is not a table", path.join("."))))?;
    match table.get_mut(&addition.alias) {
        Some(item) => wharf::replace(item, Value::from(addition.text.as_str())),
        None => {
            let sorted = table.iter().map(|(key, _)| key).is_sorted();
            table.insert(&addition.alias, Item::Value(Value::from(addition.text.as_str())));
            if sorted {
                table.sort_values();
            }
        }
    }
    Ok(format!("{head}{document}"))
}

fn remove_from_wharf(
    manifest: NpmManifest<'_>,
    aliases: &[String],
    kind: Option<EdgeKind>,
) -> Result<(String, Vec<NpmRemoved>), ProjectError> {
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    for (path, own) in TABLES
        .iter()
        .filter(|(_, own)| kind.is_none_or(|kind| kind == *own))
    {
        let Some(table) = existing(&mut document, path) else {
            continue;
        };
        for alias in aliases {
            if table.remove(alias).is_some() {
                removed.push(NpmRemoved {
                    alias: alias.clone(),
                    kind: *own,
                });
            }
        }
    }
    Ok((document.to_string(), removed))
}

impl NpmManifest<'_> {
    pub(super) fn source(&self) -> SourceText {
        let name = self.path.file_name().map_or(self.path, Path::new);
        SourceText::new(name, self.text)
    }

    fn document(&self) -> Result<DocumentMut, ProjectError> {
        document(self.path, self.text)
    }

    fn cannot(&self, reason: &str) -> ProjectError {
        ProjectError::Edit {
            path: self.path.to_owned(),
            reason: reason.to_owned(),
            hints: vec!["write it into a package.json beside it".to_owned()],
        }
    }

    fn no_npm(&self) -> ProjectError {
        self.cannot("it has no place for npm packages")
    }
}
