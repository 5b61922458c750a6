//! Requirements and markers. Invariant: no input panics, expands an environment variable or takes long.
//! Source: PEP 508 ("Dependency specifiers" of the PyPA specifications).
//!
//! The parser of `pep508_rs` panics on some inputs (a name that ends in `-`, letters beyond ASCII in a marker,
//! `'x' ~= os_name`), recurses
//! without bound on nested parentheses, builds decision diagrams whose size can explode, and expands `${VARIABLES}` in
//! URLs, which in a *published* requirement would carry the user's secrets to whoever wrote it. `guard` refuses the
//! first three beforehand; parsing URLs as plain [`url::Url`]s avoids the last.

mod guard;
mod mend;

use std::path::Path;

use pep508_rs::{MarkerTree, MarkerWarningKind, Pep508Error, Pep508Url, VerbatimUrl, VersionOrUrl};
use url::Url;
use wharf_core::{Explain, Fault, PackageName};

use super::text::excerpt;

/// A requirement: name, extras, specifiers or URL, marker.
pub type Requirement = pep508_rs::Requirement<VerbatimUrl>;

/// A text that is not a requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a requirement: {reason}")]
pub struct RequirementError {
    /// What was given, cut after 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    /// The byte of the given text at which reading stopped, where that is known.
    pub position: Option<usize>,
}

impl Explain for RequirementError {
    fn code(&self) -> &'static str {
        "pypi/requirement"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["write it as `name[extra]>=1.0,<2; python_version >= \"3.9\"` or `name @ https://…`".to_owned()]
    }
}

/// Reads a requirement. URLs must be absolute, and `${…}` in them stays as it is.
///
/// # Errors
/// Where the text is no PEP 508 requirement.
pub fn parse_requirement(text: &str) -> Result<Requirement, RequirementError> {
    guard::check(text).map_err(|reason| refused(text, reason))?;
    let (mut requirement, conditions) = read(text).map_err(|error| malformed(text, &error))?;
    if conditions == Conditions::Ignored
        && let Some(marker) = guard::Parts::split(text).marker
    {
        requirement.marker = parse_marker(marker)?;
    }
    Ok(with_verbatim_url(requirement))
}

/// Whether the parser made sense of every condition of a marker; one that it did not counts as true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conditions {
    Understood,
    Ignored,
}

fn read(text: &str) -> Result<(pep508_rs::Requirement<Url>, Conditions), Pep508Error<Url>> {
    let mut conditions = Conditions::Understood;
    let mut ignored = |_: MarkerWarningKind, _: String| conditions = Conditions::Ignored;
    let requirement = pep508_rs::Requirement::parse_reporter(text, Path::new(""), &mut ignored)?;
    Ok((requirement, conditions))
}

/// Reads a requirement as it stands in old published metadata: strictly first; failing that, with the slips mended
/// whose meaning is beyond doubt (see [`super::version::parse_specifiers_lenient`]).
///
/// # Errors
/// Where the text stays malformed; the error is that of the strict reading.
pub fn parse_requirement_lenient(text: &str) -> Result<Requirement, RequirementError> {
    parse_requirement(text).or_else(|error| match mend::mend(text) {
        Some(mended) => parse_requirement(&mended).map_err(|_| error),
        None => Err(error),
    })
}

/// Reads a marker, such as `python_version < "3.9" and sys_platform == "linux"`.
///
/// # Errors
/// Where the text is no PEP 508 marker.
pub fn parse_marker(text: &str) -> Result<MarkerTree, RequirementError> {
    guard::check_marker(text).map_err(|reason| refused(text, reason))?;
    let (marker, conditions) = read_marker(text).map_err(|error| malformed(text, &error))?;
    if conditions == Conditions::Ignored
        && let Some(mended) = mend::separate_versions(text)
        && let Ok((mended, Conditions::Understood)) = read_marker(&mended)
    {
        return Ok(mended);
    }
    Ok(marker)
}

fn read_marker(text: &str) -> Result<(MarkerTree, Conditions), Pep508Error> {
    let mut conditions = Conditions::Understood;
    let mut ignored = |_: MarkerWarningKind, _: String| conditions = Conditions::Ignored;
    let marker = MarkerTree::parse_reporter(text, &mut ignored)?;
    Ok((marker, conditions))
}

/// The project that a requirement names.
pub fn package_name(requirement: &Requirement) -> PackageName {
    PackageName::pypi(requirement.name.as_ref()).expect("both crates hold names to PEP 508")
}

fn with_verbatim_url(requirement: pep508_rs::Requirement<Url>) -> Requirement {
    let version_or_url = requirement.version_or_url.map(|kind| match kind {
        VersionOrUrl::VersionSpecifier(specifiers) => VersionOrUrl::VersionSpecifier(specifiers),
        VersionOrUrl::Url(url) => {
            let given = url.to_string();
            VersionOrUrl::Url(VerbatimUrl::from_url(url).with_given(given))
        }
    });
    Requirement {
        name: requirement.name,
        extras: requirement.extras,
        version_or_url,
        marker: requirement.marker,
        origin: requirement.origin,
    }
}

fn refused(text: &str, reason: &str) -> RequirementError {
    RequirementError {
        text: excerpt(text),
        reason: reason.to_owned(),
        position: None,
    }
}

/// Takes the message alone: the error's own `Display` slices the text by numbers that count characters.
fn malformed<T: Pep508Url>(text: &str, error: &Pep508Error<T>) -> RequirementError
where
    T::Err: std::fmt::Display,
{
    use pep508_rs::Pep508ErrorSource::{String, UnsupportedRequirement, UrlError};
    let message = match &error.message {
        String(message) | UnsupportedRequirement(message) => message.clone(),
        UrlError(error) => error.to_string(),
    };
    RequirementError {
        text: excerpt(text),
        reason: message.lines().next().unwrap_or_default().to_owned(),
        position: Some(error.start.min(text.len())),
    }
}

#[cfg(test)]
mod tests;
