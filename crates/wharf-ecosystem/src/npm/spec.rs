//! The right-hand side of a dependency: `^1.2`, `next`, `npm:other@1`, `workspace:*`, `file:../x`, `github:user/repo#v1`.
//! Source: the npm documentation's "package specifications", pnpm's "workspace protocol" and "catalogs", yarn's "protocols".
//! Invariant: what is printed is read as the same.

use std::fmt;

use percent_encoding::percent_decode_str;
use wharf_core::{Ecosystem, PackageName, WebUrl};

use super::hosts::Host;
use super::semver::{Range, Version};

/// What a dependency asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spec {
    /// Versions of a registry that fall into a range; the range as written (empty means any).
    Range(String),
    /// What a tag of the registry points to.
    Tag(String),
    /// Another package under this name (`npm:name@spec`); the inner one is a range or a tag.
    Alias {
        /// The package's own name.
        name: String,
        /// Which version of it.
        spec: Box<Spec>,
    },
    /// A git repository.
    Git {
        /// Where (`https`, `ssh` or `file`), without `git+`.
        url: WebUrl,
        /// A branch, tag or commit.
        reference: Option<String>,
        /// `semver:` range over its tags.
        semver: Option<String>,
        /// `path:` folder inside it.
        subdirectory: Option<String>,
    },
    /// An archive at a URL.
    Tarball(WebUrl),
    /// A local archive; the path as written.
    File(String),
    /// A local folder, installed with its dependencies; the path as written.
    Directory(String),
    /// A local folder, linked as it stands; the path as written.
    Link(String),
    /// A member of the workspace: `*`, `^`, `~`, a range, or a path.
    Workspace {
        /// The member's own name where the specifier gives one (`workspace:name@*`).
        name: Option<String>,
        /// What follows.
        range: String,
    },
    /// The version that a catalog states; `None` is the default catalog.
    Catalog(Option<String>),
}

/// A text that no package manager reads as a specifier, or that only another one does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpec {
    /// Neither range nor tag nor anything with a place.
    #[error("`{text}` is neither a range of versions nor a tag, path or URL")]
    Nothing {
        /// What was given, without credentials.
        text: String,
    },
    /// An alias without a usable name.
    #[error("`{text}` is no alias: {reason}")]
    Alias {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A URL that cannot be read.
    #[error("`{text}` is not a URL: {reason}")]
    Url {
        /// What was given, without credentials.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What follows the `#` contradicts itself.
    #[error("what follows `#` in `{text}` contradicts itself: {reason}")]
    Fragment {
        /// What was given, without credentials.
        text: String,
        /// What contradicts.
        reason: &'static str,
    },
    /// A protocol that Wharf does not read.
    #[error("`{protocol}` in `{text}` is a protocol that Wharf does not read")]
    Protocol {
        /// The word and its colon.
        protocol: String,
        /// What was given, without credentials.
        text: String,
    },
}

impl Spec {
    /// Reads a specifier as npm, pnpm and yarn do.
    ///
    /// # Errors
    /// Where it is nothing that they read, or a protocol of one of them that Wharf does not follow (`patch:`, `exec:`).
    pub fn parse(text: &str) -> Result<Self, InvalidSpec> {
        let text = text.trim();
        if is_path(text) {
            return Ok(local(&file_path(text)));
        }
        if let Some((protocol, rest)) = protocol(text)
            && let Some(spec) = by_protocol(&protocol, rest, text)
        {
            return spec;
        }
        if let Some(path) = github_path(text) {
            return hosted(&super::hosts::HOSTS[0], path, text);
        }
        if let Some(spec) = scp(text) {
            return spec;
        }
        if text.contains(['/', '\\']) || is_archive(text) {
            return Ok(local(text));
        }
        Self::registry(text)
    }

    /// Reads a specifier that stands under a name: `jsr:^1` means the package of that name.
    ///
    /// # Errors
    /// As [`Spec::parse`].
    pub fn parse_under(alias: &str, text: &str) -> Result<Self, InvalidSpec> {
        match text.trim().strip_prefix("jsr:") {
            Some(rest) if !rest.contains('/') && alias.starts_with('@') && alias.contains('/') => {
                Self::parse(&format!("jsr:{alias}@{}", rest.trim()))
            }
            _ => Self::parse(text),
        }
    }

    /// Whether a member of a workspace of this version, which is called as the specifier says, answers it; `None` where that is no
    /// question of versions. `workspace:` takes prereleases, and `workspace:^` and the like whatever the member is.
    pub fn takes_member(&self, version: Option<&Version>) -> Option<bool> {
        match self {
            Self::Workspace { range, .. } if range.starts_with('.') || range.contains('/') => None,
            Self::Workspace { range, .. } if matches!(&**range, "" | "^" | "~") => Some(true),
            Self::Workspace { range, .. } => Some(Range::parse(range).is_ok_and(|range| {
                range.is_any() || version.is_some_and(|version| range.satisfies_including_prerelease(version))
            })),
            spec => Some(spec.range()?.takes_member(version)),
        }
    }

    /// Reads what asks for versions of a registry: a range, else a tag.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn registry(text: &str) -> Result<Self, InvalidSpec> {
        let text = text.trim();
        if Range::parse(text).is_ok() {
            Ok(Spec::Range(text.to_owned()))
        } else if is_tag(text) {
            Ok(Spec::Tag(text.to_owned()))
        } else {
            Err(nothing(text))
        }
    }

    /// The specifier in one canonical form, without credentials. [`fmt::Display`] prints the same.
    pub fn print(&self) -> String {
        self.to_string()
    }

    /// The range that it asks a registry for: its own or its alias's. `None` for tags and everything with a place.
    pub fn range(&self) -> Option<Range> {
        match self {
            Spec::Range(text) => Range::parse(text).ok(),
            Spec::Alias { spec, .. } => spec.range(),
            Spec::Tag(_) | Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) => None,
            Spec::Directory(_) | Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => None,
        }
    }

    /// Whether a registry answers it.
    pub fn is_registry(&self) -> bool {
        match self {
            Spec::Range(_) | Spec::Tag(_) | Spec::Alias { .. } => true,
            Spec::Git { .. } | Spec::Tarball(_) | Spec::File(_) => false,
            Spec::Directory(_) | Spec::Link(_) | Spec::Workspace { .. } | Spec::Catalog(_) => false,
        }
    }

    /// The name of the package that it means, where it stands under `alias`.
    pub fn package_name<'s>(&'s self, alias: &'s str) -> &'s str {
        match self {
            Spec::Alias { name, .. } | Spec::Workspace { name: Some(name), .. } => name,
            _ => alias,
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Range(text) | Spec::Tag(text) => f.write_str(text),
            Spec::Alias { name, spec } => match &**spec {
                Spec::Range(any) if any.is_empty() => write!(f, "npm:{name}"),
                spec => write!(f, "npm:{name}@{spec}"),
            },
            Spec::Git {
                url,
                reference,
                semver,
                subdirectory,
            } => {
                f.write_str(&git_url(url))?;
                let path = subdirectory.as_ref().map(|path| format!("path:{}", escape(path)));
                let semver = semver.as_ref().map(|range| format!("semver:{}", escape(range)));
                let reference = reference.as_ref().map(|reference| escape(reference));
                let parts: Vec<_> = [reference, semver, path].into_iter().flatten().collect();
                match parts.is_empty() {
                    true => Ok(()),
                    false => write!(f, "#{}", parts.join("::")),
                }
            }
            Spec::Tarball(url) => write!(f, "{url}"),
            Spec::File(path) | Spec::Directory(path) => write!(f, "file:{path}"),
            Spec::Link(path) => write!(f, "link:{path}"),
            Spec::Workspace {
                name: Some(name),
                range,
            } => write!(f, "workspace:{name}@{range}"),
            Spec::Workspace { name: None, range } => write!(f, "workspace:{range}"),
            Spec::Catalog(name) => write!(f, "catalog:{}", name.as_deref().unwrap_or_default()),
        }
    }
}

/// Where a repository is, as a specifier writes it. The user name of ssh is an address and no secret.
fn git_url(url: &WebUrl) -> String {
    let user = url.as_url().username();
    let text = url.to_string();
    let text = match text.strip_prefix("ssh://") {
        Some(rest) if !user.is_empty() => format!("ssh://{user}@{rest}"),
        _ => text,
    };
    if text.starts_with("git:") {
        text
    } else {
        format!("git+{text}")
    }
}

/// With what ends a part of a fragment escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' | ':' | '&' | '#' => escaped.push_str(&format!("%{:02X}", u32::from(c))),
            _ if c.is_whitespace() || c.is_control() => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    escaped.push_str(&format!("%{byte:02X}"));
                }
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// `./x`, `../x`, `/x`, `~/x`, `C:\x`.
fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    text.starts_with(['.', '/', '\\']) || text.starts_with("~/") || drive
}

fn is_archive(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".tgz", ".tar.gz", ".tar"]
        .iter()
        .any(|suffix| lower.ends_with(suffix))
}

/// An archive or a folder, by its name.
fn local(path: &str) -> Spec {
    match is_archive(path) {
        true => Spec::File(path.to_owned()),
        false => Spec::Directory(path.to_owned()),
    }
}

/// The word before the first colon, in lower case, if it can be a protocol; and the rest.
fn protocol(text: &str) -> Option<(String, &str)> {
    let (word, rest) = text.split_once(':')?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_word = word.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (is_word && word.bytes().all(legal)).then(|| (word.to_ascii_lowercase(), rest))
}

/// What a protocol says; `None` where the word is none.
fn by_protocol(protocol: &str, rest: &str, text: &str) -> Option<Result<Spec, InvalidSpec>> {
    if let Some(host) = Host::by_shorthand(protocol) {
        return Some(hosted(host, rest.trim_start_matches('/'), text));
    }
    Some(match protocol {
        "npm" => alias(rest, text),
        "jsr" => jsr(rest, text),
        "workspace" => Ok(workspace(rest)),
        "catalog" => Ok(Spec::Catalog(match rest.trim() {
            "" | "default" => None,
            name => Some(name.to_owned()),
        })),
        "link" => Ok(Spec::Link(rest.to_owned())),
        "portal" => Ok(Spec::Directory(rest.to_owned())),
        "file" => Ok(local(&file_path(rest))),
        "http" | "https" => web(text),
        "git" | "ssh" | "git+ssh" | "git+https" | "git+http" | "git+file" => git(text),
        _ => Err(InvalidSpec::Protocol {
            protocol: format!("{protocol}:"),
            text: WebUrl::redact(text),
        }),
    })
}

/// `file://path` is written for `file:path` as well; `file:///path` is absolute.
fn file_path(rest: &str) -> String {
    let slashes = rest.len() - rest.trim_start_matches('/').len();
    let bare = &rest[slashes..];
    let relative = bare == "." || bare == ".." || bare.starts_with("./") || bare.starts_with("../");
    match slashes {
        0 => rest.to_owned(),
        _ if relative || bare.starts_with("~/") => bare.to_owned(),
        _ => format!("/{bare}"),
    }
}

/// `npm:name@spec`, or a bare range or tag.
fn alias(rest: &str, text: &str) -> Result<Spec, InvalidSpec> {
    let wrong = |reason: String| InvalidSpec::Alias {
        text: text.to_owned(),
        reason,
    };
    // A range is read loosely: what looks like something else is not taken for nonsense in one.
    let is_bare = !rest.contains(['@', '/', '\\', ':']) && !is_path(rest);
    if is_bare && Range::parse(rest).is_ok() {
        return Ok(Spec::Range(rest.trim().to_owned()));
    }
    let (name, wanted) = split_name(rest);
    PackageName::new(Ecosystem::Npm, name).map_err(|error| wrong(error.to_string()))?;
    let spec = Spec::registry(wanted)
        .map_err(|_| wrong(format!("`{wanted}` is neither a range of versions nor a tag")))?;
    Ok(Spec::Alias {
        name: name.to_owned(),
        spec: Box::new(spec),
    })
}

/// `@scope/name@spec` of the JSR registry, whose packages npm knows as `@jsr/scope__name`.
fn jsr(rest: &str, text: &str) -> Result<Spec, InvalidSpec> {
    let (name, wanted) = split_name(rest);
    let mangled = name.strip_prefix('@').and_then(|scoped| scoped.split_once('/'));
    match mangled {
        Some((scope, name)) => alias(&format!("@jsr/{scope}__{name}@{wanted}"), text),
        None => Err(InvalidSpec::Alias {
            text: text.to_owned(),
            reason: "write the whole name, as in `jsr:@scope/name@^1`".to_owned(),
        }),
    }
}

/// A name and what follows the `@` after it.
fn split_name(text: &str) -> (&str, &str) {
    match text.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

fn workspace(rest: &str) -> Spec {
    let (name, range) = split_name(rest);
    let named = rest.len() > name.len() && PackageName::new(Ecosystem::Npm, name).is_ok();
    match named {
        true => Spec::Workspace {
            name: Some(name.to_owned()),
            range: range.to_owned(),
        },
        false => Spec::Workspace {
            name: None,
            range: rest.to_owned(),
        },
    }
}

/// A page of a known host, a repository, or an archive.
fn web(text: &str) -> Result<Spec, InvalidSpec> {
    let url = parse_url(text)?;
    let repository = Host::by_url(&url).and_then(|host| host.page(&url));
    if let Some((repository, branch)) = repository {
        return with_fragment(repository, url.as_url().fragment().or(branch.as_deref()), text);
    }
    if url.as_url().path().ends_with(".git") {
        return with_fragment(url.without_fragment(), url.as_url().fragment(), text);
    }
    Ok(Spec::Tarball(url))
}

fn git(text: &str) -> Result<Spec, InvalidSpec> {
    let bare = match text.get(..4) {
        Some(plus) if plus.eq_ignore_ascii_case("git+") => &text[4..],
        _ => text,
    };
    // `ssh://git@host:user/repo` is no URL, but much written.
    let url = match scp_in_url(bare) {
        Some(corrected) => parse_url(&corrected)?,
        None => parse_url(bare)?,
    };
    let repository = match (url.as_url().scheme(), Host::by_url(&url)) {
        // The hosts that have a word do not answer git's own protocol any more.
        ("git", Some(host)) => host.repository(url.as_url().path().trim_matches('/')),
        _ => None,
    };
    let fragment = url.as_url().fragment();
    with_fragment(
        repository.unwrap_or_else(|| url.without_fragment()),
        fragment,
        text,
    )
}

/// `ssh://git@host:user/repo` with a slash for the colon; `None` where the colon comes before a port.
fn scp_in_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("ssh://")?;
    let end = rest.find(['/', '#']).unwrap_or(rest.len());
    let authority_start = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let colon = authority_start + rest[authority_start..end].find(':')?;
    let port = &rest[colon + 1..end];
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(format!("ssh://{}/{}", &rest[..colon], &rest[colon + 1..]))
}

/// `git@host:path`.
fn scp(text: &str) -> Option<Result<Spec, InvalidSpec>> {
    let (before, _) = text.split_once('#').unwrap_or((text, ""));
    let (user, rest) = before.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
    if !plain(user) || !plain(host) || path.is_empty() {
        return None;
    }
    let after_host = &text[user.len() + 1 + host.len() + 1..];
    Some(git(&format!(
        "ssh://{user}@{host}/{}",
        after_host.trim_start_matches('/')
    )))
}

/// `user/repo`, with nothing before the `#` that makes it something else.
fn github_path(text: &str) -> Option<&str> {
    let (path, _) = text.split_once('#').unwrap_or((text, ""));
    let (user, repository) = path.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| matches!(c, '@' | ':' | '/' | '\\') || c.is_whitespace())
    };
    (plain(user) && plain(repository)).then_some(text)
}

/// `user/repo#fragment` at a host.
fn hosted(host: &Host, rest: &str, text: &str) -> Result<Spec, InvalidSpec> {
    let (path, fragment) = match rest.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (rest, None),
    };
    // Credentials in front of the path count for nothing, as in npm.
    let path = path.rsplit_once('@').map_or(path, |(_, path)| path);
    let repository = host.repository(path).ok_or_else(|| InvalidSpec::Url {
        text: WebUrl::redact(text),
        reason: format!("`{}:` is followed by `user/repository`", host.shorthand),
    })?;
    with_fragment(repository, fragment, text)
}

/// A repository with what follows the `#`: a branch, tag or commit, `semver:`, `path:`.
fn with_fragment(url: WebUrl, fragment: Option<&str>, text: &str) -> Result<Spec, InvalidSpec> {
    let contradiction = |reason| InvalidSpec::Fragment {
        text: WebUrl::redact(text),
        reason,
    };
    let (mut reference, mut semver, mut subdirectory) = (None, None, None);
    for part in fragment_parts(fragment.unwrap_or_default()) {
        let (slot, value, twice) = match part.split_once(':') {
            None => (&mut reference, part, "two branches, tags or commits"),
            Some(("semver", range)) => (&mut semver, range, "two ranges"),
            Some(("path", path)) => (&mut subdirectory, path.trim_start_matches('/'), "two paths"),
            // npm leaves out what it does not know.
            Some(_) => continue,
        };
        if value.is_empty() {
            continue;
        }
        if slot.replace(decode(value)).is_some() {
            return Err(contradiction(twice));
        }
    }
    if reference.is_some() && semver.is_some() {
        return Err(contradiction("a range and a branch, tag or commit"));
    }
    Ok(Spec::Git {
        url,
        reference,
        semver,
        subdirectory,
    })
}

/// npm separates by `::`, pnpm by `&`, which may stand in a branch's name as well.
fn fragment_parts(fragment: &str) -> impl Iterator<Item = &str> {
    fragment.split("::").flat_map(|part| {
        let cut = ["&path:", "&semver:"]
            .iter()
            .filter_map(|key| part.find(key))
            .min();
        let (first, second) = match cut {
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        };
        std::iter::once(first).chain(second)
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn parse_url(text: &str) -> Result<WebUrl, InvalidSpec> {
    WebUrl::parse(text).map_err(|error| InvalidSpec::Url {
        text: error.text,
        reason: error.reason,
    })
}

/// Whether the text needs no escaping in a URL, as npm asks of tags.
fn is_tag(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

fn nothing(text: &str) -> InvalidSpec {
    InvalidSpec::Nothing {
        text: WebUrl::redact(text),
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
