//! Hosts of git repositories that specifiers may name by a word: `github:user/repo`, `gist:id`, or just `user/repo`.
//! Source: npm's documentation of `package.json`, "Git URLs as dependencies" and "GitHub URLs". Their names are part of the format of
//! specifiers, as `npm:` is; nothing is looked up at them that a manifest does not name.

use wharf_core::WebUrl;

/// A host that has a word of its own.
#[derive(Debug)]
pub struct Host {
    /// The word before the colon.
    pub shorthand: &'static str,
    /// Its name on the web.
    pub domain: &'static str,
    /// Where an archive of a commit is, with `{path}` for `user/repo` and `{commit}`; `None` where that needs more than these two.
    archive: Option<&'static str>,
    /// The part of a page's path, counted from 0, and the words there that make it no repository's address.
    not_a_repository: fn(&[&str]) -> bool,
}

/// Every host, GitHub first: it is meant by `user/repo`.
pub const HOSTS: [Host; 5] = [
    Host {
        shorthand: "github",
        domain: "github.com",
        archive: Some("https://codeload.github.com/{path}/tar.gz/{commit}"),
        not_a_repository: |path| path.len() < 2 || path.get(2).is_some_and(|word| *word != "tree"),
    },
    Host {
        shorthand: "gitlab",
        domain: "gitlab.com",
        archive: Some("https://gitlab.com/{path}/repository/archive.tar.gz?ref={commit}"),
        not_a_repository: |path| path.len() < 2 || path.contains(&"-") || path.contains(&"archive.tar.gz"),
    },
    Host {
        shorthand: "bitbucket",
        domain: "bitbucket.org",
        archive: Some("https://bitbucket.org/{path}/get/{commit}.tar.gz"),
        not_a_repository: |path| path.len() < 2 || path.get(2) == Some(&"get"),
    },
    Host {
        shorthand: "gist",
        domain: "gist.github.com",
        archive: None,
        not_a_repository: |path| path.is_empty() || path.get(2) == Some(&"raw"),
    },
    Host {
        shorthand: "sourcehut",
        domain: "git.sr.ht",
        archive: None,
        not_a_repository: |path| path.len() < 2 || path.get(2) == Some(&"archive"),
    },
];

impl Host {
    /// The host that a word names.
    pub fn by_shorthand(word: &str) -> Option<&'static Host> {
        HOSTS
            .iter()
            .find(|host| host.shorthand.eq_ignore_ascii_case(word))
    }

    /// The host of a URL.
    pub fn by_url(url: &WebUrl) -> Option<&'static Host> {
        let domain = url.as_url().host_str()?;
        let domain = domain.strip_prefix("www.").unwrap_or(domain);
        HOSTS.iter().find(|host| host.domain == domain)
    }

    /// The repository at `path` (`user/repo`, or a gist's id), to be cloned over HTTPS.
    pub(super) fn repository(&self, path: &str) -> Option<WebUrl> {
        let path = path.strip_suffix(".git").unwrap_or(path);
        let parts = path.split('/').collect::<Vec<_>>();
        let alone = self.shorthand == "gist";
        let named = if alone {
            parts.last().copied().into_iter().collect()
        } else {
            parts
        };
        if named.iter().any(|part| part.is_empty()) || (named.len() < 2 && !alone) {
            return None;
        }
        WebUrl::parse(&format!("https://{}/{}.git", self.domain, named.join("/"))).ok()
    }

    /// The repository that a page's address means, with the branch or tag of a `tree` page; `None` for pages that are none.
    pub(super) fn page(&self, url: &WebUrl) -> Option<(WebUrl, Option<String>)> {
        let path = url.as_url().path().trim_matches('/');
        let parts = path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>();
        if (self.not_a_repository)(&parts) {
            return None;
        }
        // Groups nest on GitLab; elsewhere a repository is `user/name`.
        let depth = if self.shorthand == "gitlab" {
            parts.len()
        } else {
            parts.len().min(2)
        };
        let branch = match parts.as_slice() {
            [_, _, "tree", branch, ..] if self.shorthand == "github" => Some((*branch).to_owned()),
            _ => None,
        };
        let mut repository = url.without_fragment().as_url().clone();
        let project = parts[..depth].join("/");
        let project = project.strip_suffix(".git").unwrap_or(&project);
        repository.set_path(&format!("/{project}.git"));
        repository.set_query(None);
        Some((repository.into(), branch))
    }
}

/// An archive of one commit of a repository, which spares a clone, where the repository's host is known to offer it.
pub fn archive_url(repository: &WebUrl, commit: &str) -> Option<WebUrl> {
    let host = Host::by_url(repository)?;
    let path = repository.as_url().path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let archive = host.archive?.replace("{path}", path).replace("{commit}", commit);
    WebUrl::parse(&archive).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_of_commits() {
        for (repository, expected) in [
            (
                "https://github.com/user/repo.git",
                Some("https://codeload.github.com/user/repo/tar.gz/abc"),
            ),
            (
                "ssh://git@bitbucket.org/user/repo",
                Some("https://bitbucket.org/user/repo/get/abc.tar.gz"),
            ),
            ("https://gist.github.com/abc.git", None),
            ("https://git.example.org/user/repo.git", None),
        ] {
            let url = WebUrl::parse(repository).unwrap();
            let archive = archive_url(&url, "abc");
            assert_eq!(
                archive.map(|url| url.to_string()).as_deref(),
                expected,
                "{repository}"
            );
        }
    }
}
