//! Requirements files, in the whole syntax that pip reads.
//! Source: pip's documentation, "Requirements File Format". Invariant: an option is obeyed, warned about by name, or
//! refused; none is passed over in silence.
//!
//! | module | job |
//! |---|---|
//! | [`lines`] | continuations, comments, variables |
//! | [`options`] | `--option value` in all its spellings |
//! | [`unnamed`] | the name of a path or URL that stands without one |

pub(crate) mod lines;
pub(crate) mod options;
pub(crate) mod unnamed;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use wharf_core::{Digest, PackageName, WebUrl};

use crate::error::{Invalid, ProjectError};
use crate::index::{Declared, FindLinks, FindLinksLocation, IndexSpec, PackageSet, Prereleases};
use crate::requirement::{Base, Group, Problem, RootRequirement, normalize, parse_requirement};
use crate::stated::Stated;
use crate::suggest::nearest;
use crate::text::{SourceText, hide_credentials};
use lines::{Logical, logical_lines};
use options::{OPTIONS, Opt, Switch, split_options, split_requirement};

const CODE: &str = "requirements/invalid";

/// What is read, and into which part of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Requirements of a group.
    Requirements(Group),
    /// Bounds on what something else asks for.
    Constraints,
}

/// What reading needs besides the file.
pub(crate) struct Context<'a> {
    pub(crate) root: &'a Path,
    pub(crate) variables: &'a BTreeMap<String, String>,
}

impl Context<'_> {
    /// A path relative to the project, for messages.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.root).unwrap_or(path).to_owned()
    }
}

/// Reads a requirements file and those that it includes.
pub(crate) fn read(
    path: &Path,
    role: &Role,
    context: &Context<'_>,
    stated: &mut Stated,
) -> Result<(), ProjectError> {
    let text = std::fs::read_to_string(path).map_err(ProjectError::reading(path))?;
    stated.note_input(path.to_owned());
    let source = SourceText::new(&context.shown(path), &text);
    File {
        path,
        source,
        role,
        context,
        parents: &[],
    }
    .read(stated)
}

struct File<'a> {
    path: &'a Path,
    source: SourceText,
    role: &'a Role,
    context: &'a Context<'a>,
    parents: &'a [&'a Path],
}

impl File<'_> {
    fn read(&self, stated: &mut Stated) -> Result<(), ProjectError> {
        for line in logical_lines(self.source.text(), self.context.variables) {
            if line.text.starts_with('-') {
                self.option_line(&line, stated)?;
            } else {
                self.requirement_line(&line, stated)?;
            }
        }
        Ok(())
    }

    fn base(&self) -> Base<'_> {
        Base {
            root: self.context.root,
            folder: self.path.parent().unwrap_or(self.context.root),
        }
    }

    fn invalid(&self, line: &Logical, span: Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(&self.source, line.locate(span), CODE, message)
    }

    fn problem(&self, line: &Logical, offset: usize, problem: Problem) -> Invalid {
        let span = problem.span.start + offset..problem.span.end + offset;
        let mut invalid = self.invalid(line, span, problem.reason);
        invalid.hints = problem.hints;
        match unset_variable(&line.text) {
            Some(name) => invalid.hint(format!("the variable {name} is not set")),
            None => invalid,
        }
    }

    fn requirement_line(&self, line: &Logical, stated: &mut Stated) -> Result<(), ProjectError> {
        let (text, rest) = split_requirement(&line.text);
        let mut hashes = Vec::new();
        for option in self.options(line, rest)? {
            match option.switch {
                Switch::Hash => {
                    let digest = Digest::parse(&option.value)
                        .map_err(|error| self.invalid(line, option.span.clone(), error.to_string()))?;
                    if !digest.algorithm().is_strong() {
                        let message = format!("{} is too weak to check a file by", digest.algorithm());
                        return Err(self
                            .invalid(line, option.span, message)
                            .hint("use sha256, sha384 or sha512")
                            .into());
                    }
                    hashes.push(digest);
                }
                Switch::BuildSetting => self.ignored(line, &option, stated),
                _ => {
                    let message = format!("`{}` cannot follow a requirement", option.name);
                    return Err(self
                        .invalid(line, option.span, message)
                        .hint("put it on a line of its own")
                        .into());
                }
            }
        }
        let mut root = self.requirement(line, text, 0)?;
        root.hashes.extend(hashes);
        self.add(root, stated);
        Ok(())
    }

    fn add(&self, root: RootRequirement, stated: &mut Stated) {
        match self.role {
            Role::Requirements(_) => stated.roots.push(root),
            Role::Constraints => stated.constraints.push(root),
        }
    }

    fn requirement(&self, line: &Logical, text: &str, offset: usize) -> Result<RootRequirement, Invalid> {
        let group = match self.role {
            Role::Requirements(group) => group.clone(),
            Role::Constraints => Group::Main,
        };
        let origin = self.source.origin(line.locate(offset..offset + 1).start);
        let parsed = if unnamed::is_unnamed(text) {
            unnamed::parse(text, self.base())
        } else {
            parse_requirement(text, self.base())
        };
        Ok(parsed
            .map_err(|problem| self.problem(line, offset, problem))?
            .into_root(group, origin))
    }

    fn options(&self, line: &Logical, span: Range<usize>) -> Result<Vec<Opt>, Invalid> {
        split_options(&line.text, span).map_err(|problem| {
            let unknown = problem.reason.starts_with("there is no option");
            let word = line.text.get(problem.span.clone()).unwrap_or_default();
            let known = OPTIONS.iter().map(|(name, ..)| *name);
            let near = nearest(word, known).filter(|_| unknown);
            let invalid = self.problem(line, 0, problem);
            match near {
                Some(word) => invalid.hint(format!("did you mean `{word}`?")),
                None => invalid,
            }
        })
    }

    fn option_line(&self, line: &Logical, stated: &mut Stated) -> Result<(), ProjectError> {
        for option in self.options(line, 0..line.text.len())? {
            self.option(line, option, stated)?;
        }
        Ok(())
    }

    fn option(&self, line: &Logical, option: Opt, stated: &mut Stated) -> Result<(), ProjectError> {
        let origin = self.source.origin(line.locate(option.span.clone()).start);
        match option.switch {
            Switch::Requirement => self.include(line, &option, self.role, stated)?,
            Switch::Constraint => self.include(line, &option, &Role::Constraints, stated)?,
            Switch::Editable => {
                let mut root = self.requirement(line, &option.value, option.span.start)?;
                root.editable = true;
                self.add(root, stated);
            }
            Switch::IndexUrl | Switch::ExtraIndexUrl => {
                let url = WebUrl::parse(&option.value)
                    .map_err(|error| self.invalid(line, option.span.clone(), error.to_string()))?;
                let default = option.switch == Switch::IndexUrl;
                if default {
                    stated.indexes.retain(|index| !index.default);
                }
                let declared = Declared::Project;
                stated.indexes.push(IndexSpec {
                    name: None,
                    url,
                    explicit: false,
                    default,
                    declared,
                    origin,
                });
            }
            Switch::FindLinks => {
                let location = find_links_location(&option.value, self.base().folder);
                stated.find_links.push(FindLinks {
                    location,
                    declared: Declared::Project,
                    origin,
                });
            }
            Switch::NoIndex => stated.no_index = true,
            Switch::NoBinary => self.formats(
                line,
                &option,
                &mut stated.formats.no_binary,
                &mut stated.formats.only_binary,
            )?,
            Switch::OnlyBinary => self.formats(
                line,
                &option,
                &mut stated.formats.only_binary,
                &mut stated.formats.no_binary,
            )?,
            Switch::Pre => stated.prereleases = Some(Prereleases::Allow),
            Switch::RequireHashes => stated.require_hashes = true,
            Switch::TrustedHost => stated.trusted_hosts.push(option.value),
            Switch::PreferBinary | Switch::UseFeature => self.ignored(line, &option, stated),
            Switch::Hash | Switch::BuildSetting => {
                let message = format!("`{}` must follow a requirement", option.name);
                return Err(self.invalid(line, option.span, message).into());
            }
        }
        Ok(())
    }

    fn formats(
        &self,
        line: &Logical,
        option: &Opt,
        set: &mut PackageSet,
        other: &mut PackageSet,
    ) -> Result<(), Invalid> {
        apply_formats(&option.value, set, other)
            .map_err(|reason| self.invalid(line, option.span.clone(), reason))
    }

    fn ignored(&self, line: &Logical, option: &Opt, stated: &mut Stated) {
        let origin = self.source.origin(line.locate(option.span.clone()).start);
        let message = format!(
            "{origin}: `{}` has no effect in Wharf and is passed over",
            option.name
        );
        stated.warn("requirements/ignored-option", message, origin);
    }

    fn include(
        &self,
        line: &Logical,
        option: &Opt,
        role: &Role,
        stated: &mut Stated,
    ) -> Result<(), ProjectError> {
        if option.value.contains("://") {
            let message = format!("`{}` lies on the network", hide_credentials(&option.value));
            let hint = "download the file and include it by its path: a lock must not depend on what a URL says today";
            return Err(self.invalid(line, option.span.clone(), message).hint(hint).into());
        }
        let path = normalize(&self.base().folder.join(&option.value));
        let place = self.source.excerpt(line.locate(option.span.clone()));
        let parents = [self.parents, &[self.path]].concat();
        if parents.contains(&path.as_path()) {
            let shown = self.context.shown(&path);
            let message = format!("`{}` includes itself", shown.display());
            return Err(self
                .invalid(line, option.span.clone(), message)
                .hint("remove this line")
                .into());
        }
        stated.note_input(path.clone());
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ProjectError::MissingInclude {
                path: self.context.shown(&path),
                place: Box::new(place),
            },
            _ => ProjectError::reading(&path)(error),
        })?;
        let source = SourceText::new(&self.context.shown(&path), &text);
        File {
            path: &path,
            source,
            role,
            context: self.context,
            parents: &parents,
        }
        .read(stated)
    }
}

/// The first `${NAME}` that was left as it stands because nothing has that name.
fn unset_variable(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("${")?;
    let (name, _) = rest.split_once('}')?;
    (!name.is_empty()).then_some(name)
}

/// A find-links value: a URL, or a path relative to `folder`.
pub(crate) fn find_links_location(value: &str, folder: &Path) -> FindLinksLocation {
    let path = value.strip_prefix("file://").unwrap_or(value);
    match WebUrl::parse(value) {
        Ok(url) if matches!(url.as_url().scheme(), "http" | "https") => FindLinksLocation::Url(url),
        _ => FindLinksLocation::Path(normalize(&folder.join(path))),
    }
}

/// Applies the value of `--no-binary` or `--only-binary`: `:all:`, `:none:`, or names, left to right. A package that
/// enters one set leaves the other, so that the last word counts.
pub(crate) fn apply_formats(value: &str, set: &mut PackageSet, other: &mut PackageSet) -> Result<(), String> {
    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            ":all:" => (*set, *other) = (PackageSet::all(), PackageSet::None),
            ":none:" => *set = PackageSet::None,
            name => {
                let name = PackageName::pypi(name).map_err(|error| error.to_string())?;
                other.remove(&name);
                set.add(name);
            }
        }
    }
    Ok(())
}
