//! Patterns of package names: `*`, `@scope/*`, `!x`.

/// Patterns of package names, of which the last that matches decides; `!` in front excludes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NamePatterns(Vec<String>);

impl NamePatterns {
    /// Patterns in their order.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(patterns.into_iter().map(Into::into).collect())
    }

    /// Whether there is none, so that nothing matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns as written.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether a name matches. Where every pattern excludes, all others match.
    pub fn matches(&self, name: &str) -> bool {
        let mut matched = !self.0.is_empty() && self.0.iter().all(|pattern| pattern.starts_with('!'));
        for pattern in &self.0 {
            match pattern.strip_prefix('!') {
                Some(excluded) if matches_name(excluded, name) => matched = false,
                None if matches_name(pattern, name) => matched = true,
                _ => {}
            }
        }
        matched
    }
}

/// Whether a pattern matches a name; `*` stands for any text, slashes included, as in pnpm.
fn matches_name(pattern: &str, name: &str) -> bool {
    wildcard(pattern.as_bytes(), name.as_bytes())
}

/// Matches `*` and `?`, going back to the last star only, in time proportional to the product of the lengths.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(own) if *own == text[t] || *own == b'?' => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_names() {
        for (patterns, name, expected) in [
            (&["*"][..], "@a/b", true),
            (&["@a/*"], "@a/b", true),
            (&["@a/*"], "@b/a", false),
            (&["eslint-*"], "eslint-plugin-x", true),
            (&["*eslint*"], "@types/eslint", true),
            (&["*", "!lodash"], "lodash", false),
            (&["!lodash"], "react", true),
            (&["!lodash"], "lodash", false),
            (&["*", "!a*", "ab"], "ab", true),
            (&[], "a", false),
            (&["a"], "ab", false),
        ] {
            let own = NamePatterns::new(patterns.iter().copied());
            assert_eq!(own.matches(name), expected, "{patterns:?} {name}");
        }
    }

    #[test]
    fn patterns_take_no_exponential_time() {
        let pattern = "*a".repeat(200);
        assert!(!matches_name(&pattern, &"a".repeat(150)));
    }
}
