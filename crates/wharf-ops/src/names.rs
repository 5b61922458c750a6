//! Package names as people type them on the command line: `pypi:requests`, or just `requests`.

use std::collections::BTreeSet;

use wharf_core::{Ecosystem, InvalidName, PackageName};

/// What may stand before a name today.
pub(crate) const KNOWN: &str = "`pypi:`, `npm:`, `cargo:` and `deb:` work today";

/// The ecosystem that a word means which is the name of another tool, or of the language, in place of the ecosystem's.
pub(crate) fn meant(word: &str) -> Option<Ecosystem> {
    match word.to_ascii_lowercase().as_str() {
        "apt" | "dpkg" | "debian" | "ubuntu" | "deb" => Some(Ecosystem::Deb),
        "pip" | "python" | "py" | "pypi" => Some(Ecosystem::Pypi),
        "node" | "nodejs" | "js" | "npm" => Some(Ecosystem::Npm),
        "crate" | "crates" | "rust" | "cargo" => Some(Ecosystem::Cargo),
        _ => None,
    }
}

/// Reads `pypi:name` or a bare name, which means PyPI.
///
/// # Errors
/// Where the name breaks its ecosystem's rule.
pub fn package(text: &str) -> Result<PackageName, InvalidName> {
    match text.split_once(':') {
        Some((word, name)) => match word.parse::<Ecosystem>() {
            Ok(ecosystem) => PackageName::new(ecosystem, name),
            Err(_) => PackageName::pypi(text),
        },
        None => PackageName::pypi(text),
    }
}

/// What a word may mean: `npm:name` one package, a bare name one of PyPI, of npm, of cargo or of Debian.
///
/// # Errors
/// Where it is a name of none.
pub fn candidates(text: &str) -> Result<Vec<PackageName>, InvalidName> {
    let first = package(text);
    let bare = text
        .split_once(':')
        .is_none_or(|(word, _)| word.parse::<Ecosystem>().is_err());
    let others = [Ecosystem::Npm, Ecosystem::Cargo, Ecosystem::Deb]
        .into_iter()
        .filter(|_| bare);
    let others: Vec<PackageName> = others
        .filter_map(|other| PackageName::new(other, text).ok())
        .collect();
    match first {
        Ok(first) => Ok(std::iter::once(first).chain(others).collect()),
        Err(_) if !others.is_empty() => Ok(others),
        Err(error) => Err(error),
    }
}

/// Whether a word can mean this package: its whole name, or its bare one.
pub(crate) fn means(word: &str, name: &PackageName) -> bool {
    match word.split_once(':') {
        Some((ecosystem, rest)) => {
            ecosystem.parse() == Ok(name.ecosystem())
                && PackageName::new(name.ecosystem(), rest).is_ok_and(|other| other == *name)
        }
        None => PackageName::new(name.ecosystem(), word).is_ok_and(|other| other == *name),
    }
}

/// The name as reports write it: `pypi:requests`.
pub fn short(name: &PackageName) -> String {
    format!("{}:{name}", name.ecosystem())
}

/// The name as a person types it: PyPI's need no prefix.
pub(crate) fn typed(name: &PackageName) -> String {
    match name.ecosystem() {
        Ecosystem::Pypi => name.to_string(),
        _ => short(name),
    }
}

/// Names as a message lists them: a dozen, and how many there are beside these.
pub(crate) fn first(names: &BTreeSet<&str>) -> String {
    const NAMED: usize = 12;
    let mut words: Vec<&str> = names.iter().copied().take(NAMED).collect();
    let more = format!("and {} more", names.len().saturating_sub(NAMED));
    if names.len() > NAMED {
        words.push(&more);
    }
    words.join(", ")
}

/// The known name that is spelt most alike, if any is alike at all.
pub(crate) fn nearest<'a>(
    name: &PackageName,
    known: impl Iterator<Item = &'a PackageName>,
) -> Option<PackageName> {
    let scored = known.map(|other| (strsim::jaro_winkler(name.as_str(), other.as_str()), other));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score > 0.85)
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_word_can_mean() {
        let name = |text: &str| package(text).unwrap();
        for (word, package, may) in [
            ("ruff", "pypi:ruff", true),
            ("Ruff", "pypi:ruff", true),
            ("pypi:ruff", "pypi:ruff", true),
            ("npm:ruff", "pypi:ruff", false),
            ("prettier", "npm:prettier", true),
            ("@scope/a", "npm:@scope/a", true),
            ("a", "npm:@scope/a", false),
        ] {
            assert_eq!(means(word, &name(package)), may, "{word}");
        }
    }

    #[test]
    fn words_of_other_tools_mean_their_ecosystem() {
        for (word, expected) in [
            ("apt", Some(Ecosystem::Deb)),
            ("Debian", Some(Ecosystem::Deb)),
            ("pip", Some(Ecosystem::Pypi)),
            ("crates", Some(Ecosystem::Cargo)),
            ("gem", None),
        ] {
            assert_eq!(meant(word), expected, "{word}");
        }
    }

    #[test]
    fn a_message_lists_a_dozen_names() {
        let names: Vec<String> = ('a'..='n').map(String::from).collect();
        for (count, expected) in [
            (0, ""),
            (1, "a"),
            (12, "a, b, c, d, e, f, g, h, i, j, k, l"),
            (13, "a, b, c, d, e, f, g, h, i, j, k, l, and 1 more"),
            (14, "a, b, c, d, e, f, g, h, i, j, k, l, and 2 more"),
        ] {
            let names = names[..count].iter().map(String::as_str).collect();
            assert_eq!(first(&names), expected);
        }
    }

    #[test]
    fn bare_names_are_pypi_names() {
        assert_eq!(package("Django").unwrap(), package("pypi:django").unwrap());
        assert_eq!(short(&package("zope.interface").unwrap()), "pypi:zope-interface");
        assert_eq!(package("npm:@types/node").unwrap().ecosystem(), Ecosystem::Npm);
        assert!(package("gem:rails").is_err());
    }
}
