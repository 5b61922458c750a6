//! Versions and version specifiers. Invariant: [`satisfies`] answers as PEP 440 does, for every pair.
//! Source: PEP 440, "Version specifiers".
//!
//! `pep440_rs` compares `==1.1.*` with as many release numbers as the candidate has, so that `1` would match it;
//! [`satisfies`] pads with zeros first, as the standard asks. It also clones nothing, and it stands in the innermost loop
//! of candidate selection.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::str::FromStr;

use pep440_rs::{LocalSegment, Operator, PrereleaseKind, Version, VersionSpecifier, VersionSpecifiers};
use wharf_core::{Explain, Fault};

use super::text::excerpt;

/// The longest version or specifier that is read. The longest in use have some hundreds of characters.
const LONGEST: usize = 4096;

/// A text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version: {reason}")]
pub struct InvalidVersion {
    /// What was given, cut after 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A text that is not a set of version specifiers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version specifier: {reason}")]
pub struct InvalidSpecifiers {
    /// What was given, cut after 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Explain for InvalidVersion {
    fn code(&self) -> &'static str {
        "pypi/version"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["versions look like `1.2.3`, `2.0rc1` or `1!2.0.post1`".to_owned()]
    }
}

impl Explain for InvalidSpecifiers {
    fn code(&self) -> &'static str {
        "pypi/specifier"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["write it as `>=1.2,<2`, `~=1.2` or `==1.2.*`".to_owned()]
    }
}

/// Reads a version.
///
/// # Errors
/// Where `text` is no PEP 440 version.
pub fn parse_version(text: &str) -> Result<Version, InvalidVersion> {
    if text.len() > LONGEST {
        return Err(InvalidVersion {
            text: excerpt(text),
            reason: "it is too long".to_owned(),
        });
    }
    Version::from_str(text).map_err(|error| InvalidVersion {
        text: excerpt(text),
        reason: one_line(&error.to_string()),
    })
}

/// Reads comma-separated specifiers; an empty text allows every version.
///
/// # Errors
/// Where one of them is malformed.
pub fn parse_specifiers(text: &str) -> Result<VersionSpecifiers, InvalidSpecifiers> {
    let invalid = |reason: String| InvalidSpecifiers {
        text: excerpt(text),
        reason,
    };
    if text.len() > LONGEST {
        return Err(invalid("it is too long".to_owned()));
    }
    if text.trim().is_empty() {
        return Ok(VersionSpecifiers::empty());
    }
    text.split(',')
        .map(|part| VersionSpecifier::from_str(part).map_err(|error| invalid(one_line(&error.to_string()))))
        .collect()
}

/// Reads specifiers as they stand in old published metadata: strictly first; failing that, with the slips mended whose
/// meaning is beyond doubt (a forgotten or trailing comma, `>=3.6.*`, `!=3.0*`, `=>`, stray quotes, a trailing dot).
///
/// # Errors
/// Where the text stays malformed; the error is that of the strict reading.
pub fn parse_specifiers_lenient(text: &str) -> Result<VersionSpecifiers, InvalidSpecifiers> {
    parse_specifiers(text).or_else(|error| match mend_specifiers(text) {
        Some(mended) => parse_specifiers(&mended).map_err(|_| error),
        None => Err(error),
    })
}

/// Whether `version` satisfies every one of `specifiers`, prereleases counted like any other version: whether one is
/// wanted at all is the solver's question.
pub fn satisfies(specifiers: &VersionSpecifiers, version: &Version) -> bool {
    specifiers
        .iter()
        .all(|specifier| satisfies_one(specifier, version))
}

/// Whether `version` satisfies `specifier`. See [`satisfies`].
pub fn satisfies_one(specifier: &VersionSpecifier, version: &Version) -> bool {
    let wanted = specifier.version();
    match specifier.operator() {
        Operator::Equal => equal(wanted, version),
        Operator::NotEqual => !equal(wanted, version),
        Operator::EqualStar => has_prefix(version, wanted.epoch(), wanted.release()),
        Operator::NotEqualStar => !has_prefix(version, wanted.epoch(), wanted.release()),
        Operator::TildeEqual => {
            let release = wanted.release();
            let prefix = &release[..release.len().saturating_sub(1)];
            has_prefix(version, wanted.epoch(), prefix) && public_cmp(version, wanted) != Ordering::Less
        }
        Operator::ExactEqual => wanted.to_string().eq_ignore_ascii_case(&version.to_string()),
        Operator::GreaterThanEqual => public_cmp(version, wanted) != Ordering::Less,
        Operator::LessThanEqual => public_cmp(version, wanted) != Ordering::Greater,
        Operator::GreaterThan => greater(version, wanted),
        Operator::LessThan => less(version, wanted),
    }
}

/// `==`: local labels of the candidate are ignored unless the specifier names one.
fn equal(wanted: &Version, version: &Version) -> bool {
    if wanted.is_local() {
        version == wanted
    } else {
        public_cmp(version, wanted) == Ordering::Equal
    }
}

/// `>V` excludes the local builds of V, and its post-releases unless V is one. `1.0.post1` is no post-release of `1.0a1`.
fn greater(version: &Version, wanted: &Version) -> bool {
    let post_of_wanted = version.is_post()
        && !wanted.is_post()
        && !wanted.is_dev()
        && version.pre() == wanted.pre()
        && same_base(version, wanted);
    !post_of_wanted && public_cmp(version, wanted) == Ordering::Greater
}

/// `<V` excludes the prereleases of V, unless V is one: they begin with its development releases.
fn less(version: &Version, wanted: &Version) -> bool {
    version < wanted
        && (wanted.any_prerelease()
            || !version.any_prerelease()
            || *version < wanted.clone().with_dev(Some(0)))
}

/// Whether both have the same epoch and release, whatever follows.
fn same_base(a: &Version, b: &Version) -> bool {
    a.epoch() == b.epoch() && release_cmp(a.release(), b.release()) == Ordering::Equal
}

/// Whether the candidate's release starts with `prefix`, missing numbers being zero.
fn has_prefix(version: &Version, epoch: u64, prefix: &[u64]) -> bool {
    let numbers = version.release().iter().copied().chain(std::iter::repeat(0));
    version.epoch() == epoch
        && prefix
            .iter()
            .copied()
            .zip(numbers)
            .all(|(wanted, number)| wanted == number)
}

/// Orders two versions with their local labels left out.
fn public_cmp(a: &Version, b: &Version) -> Ordering {
    if !a.is_local() && !b.is_local() {
        return a.cmp(b);
    }
    a.clone().without_local().cmp(&b.clone().without_local())
}

fn release_cmp(a: &[u64], b: &[u64]) -> Ordering {
    let longest = a.len().max(b.len());
    let padded = |numbers: &[u64], at: usize| numbers.get(at).copied().unwrap_or(0);
    (0..longest)
        .map(|at| padded(a, at).cmp(&padded(b, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A key whose byte order is the order of versions: `a < b` exactly when `version_key(a) < version_key(b)`.
pub fn version_key(version: &Version) -> Vec<u8> {
    let mut key = Vec::with_capacity(48);
    number(&mut key, version.epoch());
    let release = version.release();
    let significant = release
        .iter()
        .rposition(|part| *part != 0)
        .map_or(0, |last| last + 1);
    for part in &release[..significant] {
        key.push(1);
        number(&mut key, *part);
    }
    key.push(0);
    // A development release of the plain version sorts before its prereleases, and those before the release itself.
    match version.pre() {
        Some(pre) => {
            key.push(match pre.kind {
                PrereleaseKind::Alpha => 1,
                PrereleaseKind::Beta => 2,
                PrereleaseKind::Rc => 3,
            });
            number(&mut key, pre.number);
        }
        None if version.is_dev() && !version.is_post() => key.push(0),
        None => key.push(4),
    }
    optional(&mut key, version.post(), Missing::First);
    optional(&mut key, version.dev(), Missing::Last);
    for segment in version.local() {
        match segment {
            LocalSegment::String(text) => {
                key.push(1);
                key.extend_from_slice(text.as_bytes());
                key.push(0);
            }
            LocalSegment::Number(value) => {
                key.push(2);
                number(&mut key, *value);
            }
        }
    }
    key.push(0);
    key
}

/// Where a version without the part sorts among those that have it.
enum Missing {
    First,
    Last,
}

fn optional(key: &mut Vec<u8>, value: Option<u64>, missing: Missing) {
    match (value, missing) {
        (Some(value), _) => {
            key.push(1);
            number(key, value);
        }
        (None, Missing::First) => key.push(0),
        (None, Missing::Last) => key.push(2),
    }
}

/// The number of significant bytes, then those bytes: shorter than eight bytes for the small numbers of real versions.
fn number(key: &mut Vec<u8>, value: u64) {
    let bytes = value.to_be_bytes();
    let zeros = usize::try_from(value.leading_zeros() / 8).expect("at most eight");
    key.push(u8::try_from(bytes.len() - zeros).expect("at most eight"));
    key.extend_from_slice(&bytes[zeros..]);
}

/// Mends known slips in specifiers; `None` where nothing was found to mend.
pub(crate) fn mend_specifiers(text: &str) -> Option<String> {
    let unquoted: Cow<'_, str> = if text.contains(['\'', '"', '‘', '’', '“', '”']) {
        Cow::Owned(text.replace(['\'', '"', '‘', '’', '“', '”'], ""))
    } else {
        Cow::Borrowed(text)
    };
    let mut mended = String::with_capacity(unquoted.len() + 4);
    for part in split_specifiers(&unquoted) {
        let part = mend_specifier(part);
        if !mended.is_empty() {
            mended.push_str(", ");
        }
        mended.push_str(&part);
    }
    (mended != text).then_some(mended)
}

/// Splits at commas, and before an operator that follows a version without a comma.
fn split_specifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let current = rest.trim();
            if current.is_empty() {
                return None;
            }
            let is_operator = |c: char| "<>=!~".contains(c);
            let version = current.find(|c| !is_operator(c)).unwrap_or(current.len());
            let end = current[version..]
                .find(is_operator)
                .map_or(current.len(), |at| version + at);
            let (first, remaining) = current.split_at(end);
            rest = remaining;
            Some(first.trim())
        })
    })
}

/// Mends one specifier: `=>1` is `>=1`, `>=1.*` is `>=1`, `!=1*` is `!=1.*`, `>=1.` is `>=1`, `!=~1` is `!=1`.
fn mend_specifier(part: &str) -> String {
    let cut = part.find(|c: char| !"<>=!~".contains(c)).unwrap_or(part.len());
    let (operator, version) = part.split_at(cut);
    let operator = match operator {
        "=>" => ">=",
        "=<" => "<=",
        "!=~" | "=!" => "!=",
        "=~" => "~=",
        "=" => "==",
        _ => operator,
    };
    let mut version = version.trim().to_owned();
    match operator {
        ">" | ">=" | "<" | "<=" | "~=" => {
            while let Some(shorter) = version.strip_suffix(".*").or_else(|| version.strip_suffix('*')) {
                version.truncate(shorter.len());
            }
        }
        "==" | "!=" => {
            let stem = version.trim_end_matches(['*', '.']);
            if stem.len() < version.len() && version.contains('*') {
                version = format!("{stem}.*");
            }
        }
        _ => {}
    }
    let trimmed = version.trim_end_matches('.').len();
    version.truncate(trimmed);
    if version == "dev" {
        version = "0.dev0".to_owned();
    }
    format!("{operator}{version}")
}

/// The first line of a message of `pep440_rs`, which underlines the input in further lines.
fn one_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(':')
        .to_owned()
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
