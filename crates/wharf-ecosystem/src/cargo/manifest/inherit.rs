//! What is written and what the workspace's root says → what is meant.
//! Source: the Cargo book, "Inheriting a dependency from a workspace"; how `default-features` of both sides join is Cargo's own rule.

use std::ops::Range;

use semver::Version;

use super::reader::wrong;
use super::{
    CrateManifest, Edition, Inheritable, InheritedDependency, InvalidManifest, Manifest, PathBase,
    Requirement, RequirementSource, StatedDependency, Workspace,
};

type Read<T> = Result<T, InvalidManifest>;

impl Manifest {
    /// The package with everything that it inherits; `workspace` is what the root of its workspace says, where it has one.
    ///
    /// # Errors
    /// Where there is no package, or something is inherited that the workspace does not state. Places are in this manifest.
    pub fn inherit(&self, workspace: Option<&Workspace>) -> Read<CrateManifest> {
        let package = self
            .package
            .as_ref()
            .ok_or_else(|| wrong(0..0, "this Cargo.toml has no [package] table"))?;
        let own = workspace.or(self.workspace.as_ref());
        let version = field(package.version.as_ref(), "version", own, |own| {
            own.version.clone()
        })?;
        let edition = field(package.edition.as_ref(), "edition", own, |own| own.edition)?.unwrap_or_default();
        let mut warnings = Vec::new();
        let mut requirements = Vec::with_capacity(self.dependencies.len());
        for dependency in &self.dependencies {
            requirements.push(match dependency {
                StatedDependency::Own(requirement) => requirement.clone(),
                StatedDependency::Inherited(inherited) => {
                    let joined = join(inherited, own, edition)?;
                    if let Some(message) = joined.ignored {
                        warnings.push((message, inherited.span.clone()));
                    }
                    joined.requirement
                }
            });
        }
        check_sources(&requirements)?;
        Ok(CrateManifest {
            name: package.name.clone(),
            span: package.span.clone(),
            version: version.unwrap_or(Version::new(0, 0, 0)),
            edition,
            rust_version: field(package.rust_version.as_ref(), "rust-version", own, |own| {
                own.rust_version
            })?,
            links: package.links.clone(),
            resolver: package.resolver,
            default_run: package.default_run.clone(),
            autobins: package.autobins,
            requirements,
            features: self.features.clone(),
            feature_spans: self.feature_spans.clone(),
            bins: self.bins.clone(),
            warnings,
        })
    }
}

fn field<T: Clone>(
    stated: Option<&Inheritable<T>>,
    key: &str,
    workspace: Option<&Workspace>,
    get: impl FnOnce(&Workspace) -> Option<T>,
) -> Read<Option<T>> {
    let span = match stated {
        None => return Ok(None),
        Some(Inheritable::Stated(value)) => return Ok(Some(value.clone())),
        Some(Inheritable::Inherited(span)) => span,
    };
    let workspace = workspace.ok_or_else(|| no_workspace(key, span))?;
    get(workspace).map(Some).ok_or_else(|| {
        let message = format!("`{key}` comes from the workspace, which does not state it");
        wrong(span.clone(), message).hint(format!(
            "add `{key}` to [workspace.package] of the root's Cargo.toml"
        ))
    })
}

fn no_workspace(what: &str, span: &Range<usize>) -> InvalidManifest {
    let message = format!("`{what}` comes from the workspace, and this package is in none");
    wrong(span.clone(), message).hint("state it here, or add a Cargo.toml with [workspace] above this folder")
}

struct Joined {
    requirement: Requirement,
    ignored: Option<String>,
}

fn join(inherited: &InheritedDependency, workspace: Option<&Workspace>, edition: Edition) -> Read<Joined> {
    let (name, span) = (&inherited.name, &inherited.span);
    let workspace = workspace.ok_or_else(|| no_workspace(name, span))?;
    let stated = workspace
        .dependencies
        .iter()
        .flatten()
        .find(|stated| stated.name == *name);
    let stated = stated.ok_or_else(|| {
        let message = format!("`{name}` comes from the workspace, which does not state it");
        wrong(span.clone(), message).hint(format!(
            "add `{name}` to [workspace.dependencies] of the root's Cargo.toml"
        ))
    })?;
    let mut requirement = stated.clone();
    if let RequirementSource::Path { base, .. } = &mut requirement.source {
        *base = PathBase::Workspace;
    }
    let ignored = join_default_features(inherited, &mut requirement, edition)?;
    requirement.features.extend(inherited.features.iter().cloned());
    Ok(Joined {
        requirement: Requirement {
            kind: inherited.kind,
            target: inherited.target.clone(),
            optional: inherited.optional,
            span: span.clone(),
            ..requirement
        },
        ignored,
    })
}

/// A member can switch default features on, and never off: others may count on them.
fn join_default_features(
    inherited: &InheritedDependency,
    requirement: &mut Requirement,
    edition: Edition,
) -> Read<Option<String>> {
    match (inherited.default_features, requirement.default_features) {
        (Some(true), Some(false)) => requirement.default_features = Some(true),
        (Some(false), Some(true) | None) => {
            let name = &inherited.name;
            if edition >= Edition::E2024 {
                let message = format!(
                    "`default-features = false` of `{name}` has no effect, as the workspace has them on"
                );
                let hint = format!("say `default-features = false` of `{name}` in [workspace.dependencies]");
                return Err(wrong(inherited.span.clone(), message).hint(hint));
            }
            return Ok(Some(format!(
                "`default-features = false` of `{name}` has no effect, as the workspace has them on"
            )));
        }
        (Some(true), Some(true) | None) | (Some(false), Some(false)) | (None, _) => {}
    }
    Ok(None)
}

/// A name stands for one place, whatever the target and the table.
fn check_sources(requirements: &[Requirement]) -> Read<()> {
    for (at, requirement) in requirements.iter().enumerate() {
        let twin = requirements[..at]
            .iter()
            .find(|other| other.name == requirement.name);
        if twin.is_some_and(|twin| twin.source != requirement.source) {
            let message = format!(
                "`{}` comes from different places in different tables",
                requirement.name
            );
            let error = wrong(requirement.span.clone(), message);
            return Err(error.hint("give one of them another name, with `package = …`"));
        }
    }
    Ok(())
}
