//! The small matchers of npm's world: patterns of package names (`*`, `@scope/*`, `!x`) and of paths (`packages/*`, `apps/**`).

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
pub fn matches_name(pattern: &str, name: &str) -> bool {
    wildcard(pattern.as_bytes(), name.as_bytes())
}

/// Whether a pattern matches a path with `/` separators: `*` and `?` stay within a part, `**` is any number of parts, and `{a,b}` is
/// either. A slash or `./` in front and a slash at the end count for nothing.
pub fn matches_path(pattern: &str, path: &str) -> bool {
    let parts = |text: &'_ str| -> Vec<String> {
        let kept = text.split('/').filter(|part| !part.is_empty() && *part != ".");
        kept.map(str::to_owned).collect()
    };
    let path = parts(path);
    alternatives(pattern)
        .iter()
        .any(|pattern| matches_parts(&parts(pattern), &path))
}

/// The most patterns that braces may stand for.
const MOST_ALTERNATIVES: usize = 256;

/// A pattern once for each choice in its braces.
fn alternatives(pattern: &str) -> Vec<String> {
    let mut open = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(pattern) = open.pop() {
        match braces(&pattern) {
            Some((before, choices, after)) if open.len() + done.len() < MOST_ALTERNATIVES => {
                open.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// The first innermost `{a,b}` of a pattern, and what stands around it.
fn braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let close = pattern.find('}')?;
    let open = pattern[..close].rfind('{')?;
    let choices = pattern[open + 1..close].split(',').collect();
    Some((&pattern[..open], choices, &pattern[close + 1..]))
}

fn matches_parts(pattern: &[String], path: &[String]) -> bool {
    // Which prefixes of the pattern match the path read so far: `**` would take exponential time otherwise.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    close_over_stars(pattern, &mut reached);
    for part in path {
        let mut next = vec![false; pattern.len() + 1];
        for (position, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            match pattern.get(position) {
                Some(stars) if stars == "**" => next[position] = true,
                Some(own) if matches_part(own, part) => next[position + 1] = true,
                Some(_) | None => {}
            }
        }
        close_over_stars(pattern, &mut next);
        reached = next;
    }
    reached[pattern.len()]
}

/// `**` matches no part at all as well.
fn close_over_stars(pattern: &[String], reached: &mut [bool]) {
    for position in 0..pattern.len() {
        if reached[position] && pattern[position] == "**" {
            reached[position + 1] = true;
        }
    }
}

/// A star at the front does not match hidden files.
fn matches_part(pattern: &str, part: &str) -> bool {
    if part.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    wildcard(pattern.as_bytes(), part.as_bytes())
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
    fn patterns_of_paths() {
        for (pattern, path, expected) in [
            ("packages/*", "packages/a", true),
            ("packages/*", "packages/a/b", false),
            ("packages/*", "packages/.git", false),
            ("./packages/*/", "packages/a", true),
            ("packages/**", "packages/a/b", true),
            ("packages/**", "packages", true),
            ("**/app", "x/y/app", true),
            ("**", "a/b/c", true),
            ("{apps,libs}/*", "libs/x", true),
            ("{apps,libs}/*", "other/x", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            (".", ".", true),
            ("app", "app", true),
            ("**/a/**/b", "a/x/a/y/b", true),
        ] {
            assert_eq!(matches_path(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_take_no_exponential_time() {
        let pattern = "*a".repeat(200);
        assert!(!matches_name(&pattern, &"a".repeat(150)));
        assert!(!matches_path(&"**/a/".repeat(100), &"a/".repeat(50)));
        assert!(!matches_path(&"{a,b}".repeat(40), "c"));
    }
}
