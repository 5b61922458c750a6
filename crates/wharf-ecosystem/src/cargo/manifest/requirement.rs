//! One entry of a table of dependencies. Source: the Cargo book, "Specifying Dependencies".

use toml::de::{DeTable, DeValue};

use super::reader::{Key, Value, boolean, either, flag, string, text, words, wrong};
use super::{InheritedDependency, InvalidManifest, PathBase, Requirement, StatedDependency};
use crate::cargo::{CrateName, DependencyKind, GitReference, Platform, Req, crate_name};

pub(super) use super::RequirementSource as Source;

type Read<T> = Result<T, InvalidManifest>;

/// The table that an entry stands in.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) kind: DependencyKind,
    pub(super) target: Option<&'p Platform>,
}

const ANYWHERE: Place<'static> = Place {
    kind: DependencyKind::Normal,
    target: None,
};

/// An entry of a package's table.
pub(super) fn stated(key: &Key<'_>, value: &Value<'_>, place: Place<'_>) -> Read<StatedDependency> {
    let entry = Entry { key, place };
    if let DeValue::Table(table) = value.get_ref()
        && let Some(workspace) = table.get("workspace")
    {
        return match workspace.get_ref().as_bool() {
            Some(true) => entry.inherited(table).map(StatedDependency::Inherited),
            _ => Err(wrong(workspace.span(), "`workspace` can only be true").hint("leave it out")),
        };
    }
    entry.own(value).map(StatedDependency::Own)
}

/// An entry of `[workspace.dependencies]`.
pub(super) fn of_workspace(key: &Key<'_>, value: &Value<'_>) -> Read<Requirement> {
    let requirement = Entry { key, place: ANYWHERE }.own(value)?;
    if requirement.optional {
        let message = format!(
            "`{}` is optional, which a dependency of the workspace cannot be",
            requirement.name
        );
        return Err(wrong(key.span(), message).hint("say `optional = true` where a member uses it"));
    }
    Ok(requirement)
}

/// The entries of a `[patch.SOURCE]`.
pub(super) fn patches(table: &DeTable<'_>) -> Read<Vec<Requirement>> {
    let entries = table.iter();
    entries
        .map(|(key, value)| Entry { key, place: ANYWHERE }.own(value))
        .collect()
}

struct Entry<'r, 'i> {
    key: &'r Key<'i>,
    place: Place<'r>,
}

impl Entry<'_, '_> {
    fn name(&self) -> String {
        self.key.get_ref().clone().into_owned()
    }

    fn own(&self, value: &Value<'_>) -> Read<Requirement> {
        let requirement = match value.get_ref() {
            DeValue::String(_) => self.bare(self.req(value)?, Source::Default),
            DeValue::Table(table) => self.table(value, table)?,
            other => {
                let message = format!(
                    "`{}` must be a version or a table, and this is of type {}",
                    self.name(),
                    other.type_str()
                );
                return Err(wrong(value.span(), message)
                    .hint(format!("write `{} = \"*\"` for any version", self.name())));
            }
        };
        self.check_name(&requirement)?;
        Ok(requirement)
    }

    fn bare(&self, req: Req, source: Source) -> Requirement {
        Requirement {
            name: self.name(),
            package: None,
            kind: self.place.kind,
            target: self.place.target.cloned(),
            req,
            source,
            optional: false,
            default_features: None,
            features: Vec::new(),
            span: self.key.span(),
        }
    }

    fn check_name(&self, requirement: &Requirement) -> Read<()> {
        let checked = crate_name(&requirement.name);
        checked.map_err(|error| wrong(self.key.span(), error.to_string()))?;
        Ok(())
    }

    fn req(&self, value: &Value<'_>) -> Read<Req> {
        let text = string(value, &format!("the version of `{}`", self.name()))?;
        Req::parse(text).map_err(|error| {
            wrong(value.span(), error.to_string())
                .hint("write for example `1.2`, `~1.2.3`, `=1.2.3` or `>=1, <3`")
        })
    }

    fn table(&self, value: &Value<'_>, table: &DeTable<'_>) -> Read<Requirement> {
        let req = match table.get("version") {
            Some(value) => self.req(value)?,
            None => Req::Any,
        };
        self.refuse_unstable(table)?;
        let source = self.source(table)?;
        if source_needs_version(&source) && !table.contains_key("version") {
            let message = format!("`{}` says neither which version nor from where", self.name());
            return Err(
                wrong(value.span(), message).hint("add `version`, `path`, `git` or `workspace = true`")
            );
        }
        let requirement = self.bare(req, source);
        Ok(Requirement {
            package: self.package(table)?,
            optional: self.optional(table)?,
            default_features: default_features(table)?,
            features: self.features(table)?,
            ..requirement
        })
    }

    fn inherited(&self, table: &DeTable<'_>) -> Read<InheritedDependency> {
        // Other keys say nothing here: Cargo passes over them with a warning of its own.
        Ok(InheritedDependency {
            name: self.name(),
            kind: self.place.kind,
            target: self.place.target.cloned(),
            optional: self.optional(table)?,
            default_features: default_features(table)?,
            features: self.features(table)?,
            span: self.key.span(),
        })
    }

    fn package(&self, table: &DeTable<'_>) -> Read<Option<CrateName>> {
        let Some(value) = table.get("package") else {
            return Ok(None);
        };
        let name = crate_name(string(value, "`package`")?);
        name.map(Some)
            .map_err(|error| wrong(value.span(), error.to_string()))
    }

    fn optional(&self, table: &DeTable<'_>) -> Read<bool> {
        let optional = flag(table, "optional")?.unwrap_or(false);
        if optional && self.place.kind == DependencyKind::Dev {
            let message = format!(
                "`{}` is a development dependency, which cannot be optional",
                self.name()
            );
            return Err(wrong(self.key.span(), message));
        }
        Ok(optional)
    }

    fn features(&self, table: &DeTable<'_>) -> Read<Vec<String>> {
        let Some(value) = table.get("features") else {
            return Ok(Vec::new());
        };
        let features = words(value, "`features`")?;
        let wrong_one = features
            .iter()
            .find(|feature| feature.contains('/') || feature.starts_with("dep:"));
        match wrong_one {
            Some(feature) => {
                let message = format!("`{feature}` is no feature that `{}` could have", self.name());
                Err(wrong(value.span(), message)
                    .hint("features of further dependencies are named in [features]"))
            }
            None => Ok(features),
        }
    }

    /// Keys that only unstable versions of Cargo obey.
    fn refuse_unstable(&self, table: &DeTable<'_>) -> Read<()> {
        let unstable = ["artifact", "base"];
        match unstable.iter().find_map(|key| table.get_key_value(*key)) {
            Some((key, _)) => {
                let message = format!(
                    "`{}` is a part of unstable Cargo, which Wharf does not handle",
                    key.get_ref()
                );
                Err(wrong(key.span(), message))
            }
            None => Ok(()),
        }
    }

    fn source(&self, table: &DeTable<'_>) -> Read<Source> {
        let text = |key| text(table, key);
        self.refuse_pair(table, "git", &["path", "registry", "registry-index"])?;
        self.refuse_pair(table, "registry", &["registry-index"])?;
        let reference = self.reference(table)?;
        if let Some(url) = text("git")? {
            return Ok(Source::Git {
                url,
                reference: reference.unwrap_or(GitReference::DefaultBranch),
            });
        }
        if let Some(path) = text("path")? {
            return Ok(Source::Path {
                path,
                base: PathBase::Manifest,
            });
        }
        if let Some(index) = text("registry-index")? {
            return Ok(Source::Index(index));
        }
        Ok(match text("registry")? {
            Some(name) => Source::Registry(name),
            None => Source::Default,
        })
    }

    fn refuse_pair(&self, table: &DeTable<'_>, first: &str, others: &[&str]) -> Read<()> {
        if !table.contains_key(first) {
            return Ok(());
        }
        match others.iter().find_map(|key| table.get_key_value(*key)) {
            Some((key, _)) => {
                let message = format!(
                    "`{first}` and `{}` of `{}` exclude each other",
                    key.get_ref(),
                    self.name()
                );
                Err(wrong(key.span(), message).hint("keep one of them"))
            }
            None => Ok(()),
        }
    }

    /// `branch`, `tag` or `rev`.
    fn reference(&self, table: &DeTable<'_>) -> Read<Option<GitReference>> {
        let mut found = None;
        for (key, make) in GitReference::KEYS {
            let Some(value) = table.get(key) else { continue };
            if !table.contains_key("git") {
                let message = format!("`{key}` of `{}` has no meaning without `git`", self.name());
                return Err(wrong(value.span(), message));
            }
            let text = string(value, &format!("`{key}`"))?;
            if found.replace(make(text.to_owned())).is_some() {
                let message = format!("`{}` can have one of `branch`, `tag` and `rev`", self.name());
                return Err(wrong(value.span(), message).hint("keep one of them"));
            }
        }
        Ok(found)
    }
}

fn source_needs_version(source: &Source) -> bool {
    match source {
        Source::Default | Source::Registry(_) | Source::Index(_) => true,
        Source::Path { .. } | Source::Git { .. } => false,
    }
}

fn default_features(table: &DeTable<'_>) -> Read<Option<bool>> {
    let stated = either(table, "default-features", "default_features");
    stated
        .map(|(_, value)| boolean(value, "`default-features`"))
        .transpose()
}
