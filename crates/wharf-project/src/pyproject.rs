//! `pyproject.toml`. Sources: PEP 621 (project metadata), PEP 735 (dependency groups), PEP 518 (build system); of
//! `[tool.uv]` what states requirements, sources and indexes; `[tool.wharf]` has our own settings.
//! Invariant: foreign tables are read leniently where they say nothing about requirements, and refused where reading
//! them half would install something else than they ask for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use pep508_rs::VersionOrUrl;
use toml::de::{DeTable, DeValue};
use wharf_core::{Origin, PackageName};

use crate::deb::read as deb;
use crate::error::{Invalid, ProjectError};
use crate::external::read as external;
use crate::index::{
    Declared, FindLinks, Formats, IndexSpec, IndexStrategy, PackageSet, Prereleases, ResolutionMode,
};
use crate::manifest::entry::{at_value, same_name, specifiers};
use crate::manifest::{npm, settings};
use crate::project::SelfPackage;
use crate::requirement::{
    Base, Group, PathKind, RequirementSource, RootRequirement, parse_marker, parse_reference,
    parse_requirement,
};
use crate::requirements::{Context, apply_formats, find_links_location, unnamed};
use crate::stated::Stated;
use crate::suggest::nearest;
use crate::table::{self, Reader, Value};
use crate::text::SourceText;

/// Whether a `pyproject.toml` states requirements, or only configures tools.
pub(crate) fn states_requirements(text: &str) -> bool {
    let Ok(table) = DeTable::parse(text) else {
        // A malformed file is reported by whoever reads it, not passed over.
        return true;
    };
    let table = table.get_ref();
    let tool = table.get("tool").and_then(|tool| tool.get_ref().as_table());
    let poetry = tool.and_then(|tool| tool.get("poetry"));
    let own = tool.and_then(|tool| tool.get("wharf")?.get_ref().as_table());
    table.contains_key("project")
        || table.contains_key("dependency-groups")
        || poetry.is_some()
        || own.is_some_and(|own| own.contains_key("cargo") || own.contains_key("deb"))
}

/// Reads `pyproject.toml`.
pub(crate) fn read(path: &Path, context: &Context<'_>, stated: &mut Stated) -> Result<(), ProjectError> {
    let text = std::fs::read_to_string(path).map_err(ProjectError::reading(path))?;
    stated.note_input(path.to_owned());
    let source = SourceText::new(&context.shown(path), &text);
    let folder = path.parent().unwrap_or(context.root);
    parse(
        &source,
        Base {
            root: context.root,
            folder,
        },
        stated,
    )?;
    Ok(())
}

/// Reads the text of a `pyproject.toml`.
pub(crate) fn parse(source: &SourceText, base: Base<'_>, stated: &mut Stated) -> Result<(), Invalid> {
    let document = table::parse(source)?;
    let reader = Reader {
        source,
        code: "pyproject/invalid",
    };
    let tool = match document.get("tool") {
        Some(value) => Some(reader.table(value, "`tool`")?),
        None => None,
    };
    let uv = section(&reader, tool, "uv")?;
    let file = File { reader, base, uv };
    file.read(&document, tool, stated)
}

fn section<'v, 'i>(
    reader: &Reader<'_>,
    table: Option<&'v DeTable<'i>>,
    key: &str,
) -> Result<Option<&'v DeTable<'i>>, Invalid> {
    table
        .and_then(|table| table.get(key))
        .map(|value| reader.table(value, &format!("`{key}`")))
        .transpose()
}

struct File<'s, 'v, 'i> {
    reader: Reader<'s>,
    base: Base<'s>,
    uv: Option<&'v DeTable<'i>>,
}

impl File<'_, '_, '_> {
    fn read(
        &self,
        document: &DeTable<'_>,
        tool: Option<&DeTable<'_>>,
        stated: &mut Stated,
    ) -> Result<(), Invalid> {
        let project = section(&self.reader, Some(document), "project")?;
        self.refuse_poetry(project, tool)?;
        if let Some(project) = project {
            self.project(project, stated)?;
        }
        self.groups(document, stated)?;
        if let Some(value) = document.get("external") {
            external::pep725(&self.reader, value, &mut stated.external.needs)?;
        }
        self.uv_settings(stated)?;
        if let Some(own) = section(&self.reader, tool, "wharf")? {
            const KEYS: &[&str] = &[
                "targets",
                "policy",
                "options",
                "index",
                "node",
                "workspace",
                "cargo",
                "deb",
                "dev",
                "external",
            ];
            self.reader.known_keys(own, "[tool.wharf]", KEYS)?;
            if let Some(node) = own.get("node") {
                npm::node(&self.reader, node, &mut stated.npm)?;
            }
            if let Some(workspace) = own.get("workspace") {
                npm::workspace(&self.reader, workspace, &mut stated.npm)?;
            }
            if let Some(tools) = own.get("cargo") {
                crate::cargo::tools::read(&self.reader, tools, "[tool.wharf.cargo]", &mut stated.cargo)?;
            }
            self.debian(own, stated)?;
            settings::targets(&self.reader, own.get("targets"), stated)?;
            settings::indexes(&self.reader, own.get("index"), stated)?;
            settings::policy(&self.reader, own.get("policy"), stated)?;
            settings::options(&self.reader, own.get("options"), self.base.folder, stated)?;
        }
        self.self_package(document, project, stated)
    }

    /// `[tool.wharf.deb]`, `[tool.wharf.dev.deb]` and `[tool.wharf.external]`.
    fn debian(&self, own: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        if let Some(value) = own.get("deb") {
            deb::deb(
                &self.reader,
                value,
                "[tool.wharf.deb]",
                self.base.folder,
                &mut stated.deb,
            )?;
        }
        if let Some(dev) = section(&self.reader, Some(own), "dev")? {
            self.reader.known_keys(dev, "[tool.wharf.dev]", &["deb"])?;
            if let Some(value) = dev.get("deb") {
                deb::dev(&self.reader, value, "[tool.wharf.dev.deb]", &mut stated.deb)?;
            }
        }
        match own.get("external") {
            Some(value) => {
                external::manifest(&self.reader, value, "[tool.wharf.external]", &mut stated.external)
            }
            None => Ok(()),
        }
    }

    fn refuse_poetry(
        &self,
        project: Option<&DeTable<'_>>,
        tool: Option<&DeTable<'_>>,
    ) -> Result<(), Invalid> {
        let poetry = section(&self.reader, tool, "poetry")?;
        let stated = poetry.and_then(|table| table.get_key_value("dependencies"));
        match (project, stated) {
            (None, Some((key, _))) => {
                let message = "this project states its requirements in [tool.poetry.dependencies], which Wharf does not read";
                let error = self.reader.error(key.span(), message);
                Err(error.hint("state them in `[project]` (PEP 621), which Poetry 2 reads as well"))
            }
            _ => Ok(()),
        }
    }

    fn project(&self, project: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let reader = &self.reader;
        if let Some(name) = project.get("name") {
            let text = reader.string(name, "`name`")?;
            PackageName::pypi(text).map_err(|error| reader.error(name.span(), error.to_string()))?;
            stated.name = Some(text.to_owned());
        }
        if let Some(value) = project.get("requires-python") {
            let text = reader.string(value, "`requires-python`")?;
            let read = specifiers(text).map_err(|problem| at_value(reader, value, text, problem))?;
            stated.requires_python = Some((read, reader.source.origin(value.span().start)));
        }
        if let Some(value) = project.get("dependencies") {
            let roots = self.list(value, "dependencies", &Group::Main)?;
            stated.roots.extend(roots);
        }
        if let Some(value) = project.get("optional-dependencies") {
            for (name, value) in reader.table(value, "`optional-dependencies`")? {
                let extra = PackageName::pypi(name.get_ref()).map_err(|_| {
                    reader.error(
                        name.span(),
                        format!("`{}` is no name for an extra", name.get_ref()),
                    )
                })?;
                let group = Group::Extra(extra.as_str().to_owned());
                stated
                    .roots
                    .extend(self.list(value, &format!("optional-dependencies.{extra}"), &group)?);
            }
        }
        Ok(())
    }

    /// An array of PEP 508 strings.
    fn list(&self, value: &Value<'_>, what: &str, group: &Group) -> Result<Vec<RootRequirement>, Invalid> {
        let items = self.reader.array(value, &format!("`{what}`"))?;
        items.iter().map(|item| self.item(item, what, group)).collect()
    }

    fn item(&self, value: &Value<'_>, what: &str, group: &Group) -> Result<RootRequirement, Invalid> {
        let text = self.reader.string(value, &format!("each entry of `{what}`"))?;
        let parsed = parse_requirement(text, self.base)
            .map_err(|problem| at_value(&self.reader, value, text, problem))?;
        let origin = self.reader.source.origin(value.span().start).with_label(what);
        let mut root = parsed.into_root(group.clone(), origin);
        self.apply_source(&mut root)?;
        Ok(root)
    }

    /// PEP 735, with `include-group`.
    fn groups(&self, document: &DeTable<'_>, stated: &mut Stated) -> Result<(), Invalid> {
        let Some(value) = document.get("dependency-groups") else {
            return Ok(());
        };
        let table = self.reader.table(value, "`dependency-groups`")?;
        let mut groups: BTreeMap<String, &Value<'_>> = BTreeMap::new();
        for (name, value) in table {
            let normal = PackageName::pypi(name.get_ref()).map_err(|_| {
                self.reader.error(
                    name.span(),
                    format!("`{}` is no name for a group", name.get_ref()),
                )
            })?;
            if groups.insert(normal.as_str().to_owned(), value).is_some() {
                return Err(self
                    .reader
                    .error(name.span(), format!("the group `{normal}` is there twice")));
            }
        }
        for name in groups.keys() {
            let group = if name == "dev" {
                Group::Dev
            } else {
                Group::Named(name.clone())
            };
            self.expand(name, &groups, &group, &mut Vec::new(), stated)?;
        }
        Ok(())
    }

    fn expand(
        &self,
        name: &str,
        groups: &BTreeMap<String, &Value<'_>>,
        group: &Group,
        path: &mut Vec<String>,
        stated: &mut Stated,
    ) -> Result<(), Invalid> {
        path.push(name.to_owned());
        let what = format!("dependency-groups.{name}");
        for item in self.reader.array(groups[name], &format!("`{what}`"))? {
            let DeValue::Table(table) = item.get_ref() else {
                stated.roots.push(self.item(item, &what, group)?);
                continue;
            };
            self.reader.known_keys(table, "this entry", &["include-group"])?;
            let included = table.get("include-group").ok_or_else(|| {
                self.reader.error(
                    item.span(),
                    "an entry is a requirement or `{ include-group = \"…\" }`",
                )
            })?;
            let text = self.reader.string(included, "`include-group`")?;
            let normal = PackageName::pypi(text)
                .map(|name| name.as_str().to_owned())
                .unwrap_or_default();
            if !groups.contains_key(&normal) {
                let error = self
                    .reader
                    .error(included.span(), format!("there is no group `{text}`"));
                return Err(match nearest(text, groups.keys().map(String::as_str)) {
                    Some(word) => error.hint(format!("did you mean `{word}`?")),
                    None => error,
                });
            }
            if path.contains(&normal) {
                let message = format!("the group `{name}` includes itself through `{normal}`");
                return Err(self.reader.error(included.span(), message));
            }
            self.expand(&normal, groups, group, path, stated)?;
        }
        path.pop();
        Ok(())
    }

    /// What `[tool.uv]` says about requirements and indexes.
    fn uv_settings(&self, stated: &mut Stated) -> Result<(), Invalid> {
        let Some(uv) = self.uv else { return Ok(()) };
        let reader = &self.reader;
        for (key, group) in [("dev-dependencies", Group::Dev)] {
            if let Some(value) = uv.get(key) {
                stated.roots.extend(self.list(value, key, &group)?);
            }
        }
        if let Some(value) = uv.get("constraint-dependencies") {
            stated
                .constraints
                .extend(self.list(value, "constraint-dependencies", &Group::Main)?);
        }
        if let Some(value) = uv.get("override-dependencies") {
            stated
                .overrides
                .extend(self.list(value, "override-dependencies", &Group::Main)?);
        }
        if let Some(value) = uv.get("index") {
            for item in reader.array(value, "`index`")? {
                stated
                    .indexes
                    .push(settings::index(reader, item, reader.table(item, "`index`")?)?);
            }
        }
        for (key, default) in [("index-url", true), ("extra-index-url", false)] {
            let Some(value) = uv.get(key) else { continue };
            let texts = match value.get_ref().as_array() {
                Some(_) => reader.strings(value, key)?,
                None => vec![(reader.string(value, key)?, value.span())],
            };
            for (text, span) in texts {
                let index = self.plain_index(text, span, default)?;
                stated.indexes.push(index);
            }
        }
        if let Some(value) = uv.get("find-links") {
            for (text, span) in reader.strings(value, "`find-links`")? {
                let location = find_links_location(text, self.base.folder);
                let origin = reader.source.origin(span.start);
                stated.find_links.push(FindLinks {
                    location,
                    declared: Declared::Project,
                    origin,
                });
            }
        }
        let word = |key: &str| uv.get(key).and_then(|value| value.get_ref().as_str());
        let asked = |key: &str| {
            uv.get(key)
                .and_then(|value| value.get_ref().as_bool())
                .unwrap_or(false)
        };
        stated.no_index |= asked("no-index");
        stated.prereleases = stated
            .prereleases
            .or(word("prerelease").and_then(|word| match word {
                "allow" => Some(Prereleases::Allow),
                "disallow" => Some(Prereleases::Disallow),
                _ => None,
            }));
        stated.resolution = stated
            .resolution
            .or(word("resolution").and_then(ResolutionMode::from_word));
        stated.strategy = stated
            .strategy
            .or(word("index-strategy").and_then(|word| match word {
                "first-index" | "unsafe-first-match" => Some(IndexStrategy::FirstMatch),
                "unsafe-best-match" => Some(IndexStrategy::BestMatch),
                _ => None,
            }));
        if let Some(text) = word("exclude-newer") {
            stated.policy.exclude_newer = settings::parse_instant(text).ok();
        }
        let Formats {
            no_binary,
            only_binary,
        } = &mut stated.formats;
        if asked("no-binary") {
            (*no_binary, *only_binary) = (PackageSet::all(), PackageSet::None);
        }
        for key in ["no-binary-package", "no-build-package"] {
            let Some(value) = uv.get(key) else { continue };
            for (text, span) in reader.strings(value, key)? {
                let applied = match key {
                    "no-binary-package" => apply_formats(text, no_binary, only_binary),
                    _ => apply_formats(text, only_binary, no_binary),
                };
                applied.map_err(|reason| reader.error(span, reason))?;
            }
        }
        // Last: who wants no code to run gets no builds, whatever else stands there.
        if asked("no-build") {
            (*only_binary, *no_binary) = (PackageSet::all(), PackageSet::None);
        }
        Ok(())
    }

    fn plain_index(&self, text: &str, span: Range<usize>, default: bool) -> Result<IndexSpec, Invalid> {
        let url = wharf_core::WebUrl::parse(text)
            .map_err(|error| self.reader.error(span.clone(), error.to_string()))?;
        let origin = self.reader.source.origin(span.start);
        Ok(IndexSpec {
            name: None,
            url,
            explicit: false,
            default,
            declared: Declared::Project,
            origin,
        })
    }

    /// `[tool.uv.sources]`: where a requirement comes from.
    fn apply_source(&self, root: &mut RootRequirement) -> Result<(), Invalid> {
        let Some(sources) = self.uv.and_then(|uv| uv.get("sources")) else {
            return Ok(());
        };
        let sources = self.reader.table(sources, "`sources`")?;
        let name = root.name();
        let Some((_, value)) = sources
            .iter()
            .find(|(key, _)| same_name(key.get_ref(), name.as_str()))
        else {
            return Ok(());
        };
        if root.source.is_some() {
            return Ok(());
        }
        let table = match value.get_ref().as_array() {
            None => self.reader.table(value, "a source")?,
            Some(items) => match items.iter().collect::<Vec<_>>()[..] {
                [only] => self.reader.table(only, "a source")?,
                _ => {
                    let message = format!("`{name}` has several sources, which Wharf does not read yet");
                    return Err(self.reader.error(value.span(), message));
                }
            },
        };
        self.source_table(root, value, table)
    }

    fn source_table(
        &self,
        root: &mut RootRequirement,
        value: &Value<'_>,
        table: &DeTable<'_>,
    ) -> Result<(), Invalid> {
        let text = |key: &str| {
            table
                .get(key)
                .map(|value| self.reader.string(value, key))
                .transpose()
        };
        if let Some(marker) = text("marker")? {
            // A source for some machines only means an index for the others; that takes two requirements.
            parse_marker(marker).map_err(|problem| self.reader.error(value.span(), problem.reason))?;
            return Err(self
                .reader
                .error(value.span(), "sources with a marker are not read yet"));
        }
        if let Some(index) = text("index")? {
            root.source = Some(RequirementSource::Index {
                name: index.to_owned(),
            });
            return Ok(());
        }
        let subdirectory = text("subdirectory")?
            .map(|folder| format!("#subdirectory={folder}"))
            .unwrap_or_default();
        let address = if let Some(git) = text("git")? {
            let reference = text("rev")?.or(text("tag")?).or(text("branch")?);
            let at = reference.map(|name| format!("@{name}")).unwrap_or_default();
            let scheme = if git.starts_with("git+") { "" } else { "git+" };
            format!("{scheme}{git}{at}{subdirectory}")
        } else if let Some(url) = text("url")? {
            format!("{url}{subdirectory}")
        } else if let Some(path) = text("path")? {
            path.to_owned()
        } else {
            let what = if table.contains_key("workspace") {
                "workspace sources are"
            } else {
                "this source is"
            };
            let error = self
                .reader
                .error(value.span(), format!("{what} not read by Wharf"));
            return Err(error.hint("give the package's folder: `{ path = \"…\", editable = true }`"));
        };
        let reference = parse_reference(&address, self.base)
            .map_err(|problem| self.reader.error(value.span(), problem.reason))?;
        let is_tree = matches!(
            &reference.source,
            RequirementSource::Path {
                kind: PathKind::Directory,
                ..
            }
        );
        root.editable = is_tree
            && table
                .get("editable")
                .is_some_and(|value| value.get_ref().as_bool() == Some(true));
        root.requirement.version_or_url = Some(VersionOrUrl::Url(reference.url));
        root.source = Some(reference.source);
        root.hashes.extend(reference.hashes);
        Ok(())
    }

    /// A project with a build system is a package itself and is installed in place.
    fn self_package(
        &self,
        document: &DeTable<'_>,
        project: Option<&DeTable<'_>>,
        stated: &mut Stated,
    ) -> Result<(), Invalid> {
        let Some((key, _)) = document.get_key_value("build-system") else {
            return Ok(());
        };
        let opted_out = self
            .uv
            .and_then(|uv| uv.get("package"))
            .and_then(|value| value.get_ref().as_bool());
        if opted_out == Some(false) {
            return Ok(());
        }
        let name = match &stated.name {
            Some(name) => PackageName::pypi(name).ok(),
            None => unnamed::directory_name(self.base.folder),
        };
        let Some(name) = name else {
            let origin = self.reader.source.origin(key.span().start);
            let message = format!(
                "{origin}: the project has a build system, and nothing tells its name without running code: it is not installed; state `name` in `[project]`"
            );
            stated.warn("pyproject/no-name", message, origin);
            return Ok(());
        };
        let text = |key: &str| project.and_then(|table| table.get(key)?.get_ref().as_str());
        let extras = project.and_then(|table| table.get("optional-dependencies")?.get_ref().as_table());
        let extras = extras
            .into_iter()
            .flat_map(|table| table.keys())
            .filter_map(|key| PackageName::pypi(key.get_ref()).ok());
        stated.self_package = Some(SelfPackage {
            name: name.clone(),
            version: text("version").map(str::to_owned),
            extras: extras.map(|name| name.as_str().to_owned()).collect(),
        });
        let origin: Origin = self
            .reader
            .source
            .origin(key.span().start)
            .with_label("[build-system]");
        let folder = self.base.folder.to_string_lossy().into_owned();
        let mut root = parse_requirement(&format!("{name} @ ."), self.base)
            .map_err(|problem| {
                self.reader
                    .error(key.span(), format!("{folder}: {}", problem.reason))
            })?
            .into_root(Group::Main, origin);
        root.editable = true;
        stated.roots.push(root);
        Ok(())
    }
}
