//! Licences of everything that is linked. Source of the expressions: the SPDX specification, annex D.

use super::Metadata;

/// Licences that ask for no more than attribution.
const ALLOWED: [&str; 17] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
    "bzip2-1.0.6",
];

/// Crates under a licence that asks for more, each with why it may stay.
const EXCEPTIONS: [(&str, &str); 1] = [
    // Copyleft by file, used unmodified: the version ranges under the marker algebra of the requirements parser.
    ("version-ranges", "MPL-2.0"),
];

/// Checks that every dependency offers an allowed licence, and every member the project's own.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let subject = format!("{} {}", package.name, package.version);
        match &package.license {
            None => findings.push(format!("{subject}: names no licence")),
            Some(licence) if package.source.is_none() && licence != "MIT OR Apache-2.0" => {
                findings.push(format!("{subject}: use `license.workspace = true`"));
            }
            Some(licence) if EXCEPTIONS.contains(&(package.name.as_str(), licence.as_str())) => {}
            Some(licence) if !allows(licence) => {
                findings.push(format!("{subject}: {licence} is not allowed"));
            }
            Some(_) => {}
        }
    }
    findings
}

/// Whether the expression can be satisfied by allowed licences alone.
fn allows(expression: &str) -> bool {
    // `/` is an old spelling of OR. AND binds tighter than OR.
    let expression = expression.replace('/', " OR ");
    match enclosed(&expression) {
        Some((before, inner, after)) => {
            let word = if allows(inner) { "MIT" } else { "none" };
            allows(&format!("{before}{word}{after}"))
        }
        None => expression.split(" OR ").any(|all| {
            all.split(" AND ")
                .all(|licence| ALLOWED.contains(&licence.trim()))
        }),
    }
}

/// The first innermost pair of brackets: what is before, inside and after.
fn enclosed(expression: &str) -> Option<(&str, &str, &str)> {
    let close = expression.find(')')?;
    let open = expression[..close].rfind('(')?;
    Some((
        &expression[..open],
        &expression[open + 1..close],
        &expression[close + 1..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_the_standard_says() {
        let check = |expression, expected| assert_eq!(allows(expression), expected, "{expression}");
        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("GPL-3.0-only OR MIT", true);
        check("GPL-3.0-only", false);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("(GPL-2.0-only OR LGPL-3.0-only) AND MIT", false);
        check("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true);
    }
}
