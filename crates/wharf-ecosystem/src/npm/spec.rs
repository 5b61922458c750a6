//! The right-hand side of a dependency: `^1.2`, `next`, `npm:other@1`, `workspace:*`, `file:../x`, `github:user/repo#v1`.
//! Source: the npm documentation's "package specifications", pnpm's "workspace protocol" and "catalogs".

use wharf_core::WebUrl;

/// What a dependency asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
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
