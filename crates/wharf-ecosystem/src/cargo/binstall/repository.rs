//! Whether two packages come from the same repository, by what they say of themselves.
//! Invariant: equality is symmetric, and of two texts that name no repository nothing is said.

use url::Url;

/// Whether two URLs name the same repository: scheme, user, `.git`, case and what follows the repository's own path do not count.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    match (essence(one), essence(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// `host/owner/name`, in small letters.
fn essence(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("git+").unwrap_or(text);
    // `git@host:owner/name`, as ssh has it.
    let rewritten = match text.split_once("://") {
        None => {
            let (host, path) = text.split_once(':')?;
            format!("ssh://{host}/{path}")
        }
        Some(_) => text.to_owned(),
    };
    let url = Url::parse(&rewritten).ok()?;
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let path = url.path().to_ascii_lowercase();
    let ends = ["/tree/", "/blob/", "/-/", "/src/branch/"];
    let end = ends.iter().filter_map(|mark| path.find(mark)).min();
    let path = &path[..end.unwrap_or(path.len())];
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (path.contains('/')).then(|| format!("{}/{path}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_are_the_same() {
        let here = "https://code.example.org/owner/tool";
        for (other, expected) in [
            (here, true),
            ("https://code.example.org/Owner/Tool/", true),
            ("git+https://code.example.org/owner/tool.git", true),
            ("git+ssh://git@code.example.org/owner/tool.git", true),
            ("git@code.example.org:owner/tool.git", true),
            (
                "https://www.code.example.org/owner/tool/tree/main/crates/cli",
                true,
            ),
            ("https://code.example.org/owner/tool/-/tree/main", true),
            ("https://code.example.org/owner/tool#readme", true),
            ("https://code.example.org/owner/tool-rs", false),
            ("https://code.example.org/other/tool", false),
            ("https://code.example.com/owner/tool", false),
            ("https://code.example.org/owner/tool/issues", false),
            ("https://code.example.org", false),
            ("", false),
            ("owner/tool", false),
        ] {
            assert_eq!(same(here, other), expected, "{other}");
            assert_eq!(same(other, here), expected, "{other}, the other way");
        }
        assert!(!same("", ""), "nothing is nobody's repository");
    }
}
