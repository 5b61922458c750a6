//! Specifiers as people write them.
use super::*;

/// Kind and parts, in one line.
fn shown(text: &str) -> String {
    let spec = match Spec::parse(text) {
        Ok(spec) => spec,
        Err(error) => return format!("error: {error}"),
    };
    // Credentials are not printed, so the texts are compared.
    let again = Spec::parse(&spec.print()).map(|again| again.print());
    assert_eq!(again, Ok(spec.print()), "{text}");
    match &spec {
        Spec::Range(_) => format!("range {spec}"),
        Spec::Tag(_) => format!("tag {spec}"),
        Spec::Alias { .. } => format!("alias {spec}"),
        Spec::Git { .. } => format!("git {spec}"),
        Spec::Tarball(_) => format!("tarball {spec}"),
        Spec::File(_) => format!("file {spec}"),
        Spec::Directory(_) => format!("directory {spec}"),
        Spec::Link(_) => format!("link {spec}"),
        Spec::Workspace { .. } => format!("workspace {spec}"),
        Spec::Catalog(_) => format!("catalog {spec}"),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

#[test]
fn what_registries_answer() {
    check("", "range ");
    check("*", "range *");
    check("^1.2.3", "range ^1.2.3");
    check(" >=1 <3 || 5.x ", "range >=1 <3 || 5.x");
    check("v1.2.3", "range v1.2.3");
    check("1.2.3-beta.1+build", "range 1.2.3-beta.1+build");
    check("latest", "tag latest");
    check("next-11", "tag next-11");
    check("2.x-latest", "tag 2.x-latest");
    check(
        "beta tag",
        "error: `beta tag` is neither a range of versions nor a tag, path or URL",
    );
    check("1.0.0 beta tag", "range 1.0.0 beta tag");
    check("npm:react@^17", "alias npm:react@^17");
    check("npm:@types/node@latest", "alias npm:@types/node@latest");
    check("npm:react", "alias npm:react");
    check("npm:@types/node", "alias npm:@types/node");
    check("npm:^1.2.3", "range ^1.2.3");
    check(
        "npm:../x@1",
        "error: `npm:../x@1` is no alias: `../x` is not a valid npm package name: it starts with `.` or `_`",
    );
    check(
        "npm:a@npm:b@1",
        "error: `npm:a@npm:b@1` is no alias: `npm:b@1` is neither a range of versions nor a tag",
    );
    check("jsr:@std/fs@^1", "alias npm:@jsr/std__fs@^1");
    check(
        "jsr:^1",
        "error: `jsr:^1` is no alias: write the whole name, as in `jsr:@scope/name@^1`",
    );
}

#[test]
fn a_specifier_of_jsr_may_leave_the_name_to_its_alias() {
    let under = |alias: &str, text: &str| Spec::parse_under(alias, text).map(|spec| spec.print());
    for (alias, text, expected) in [
        ("@std/fs", "jsr:^1", "npm:@jsr/std__fs@^1"),
        ("@std/fs", "jsr:latest", "npm:@jsr/std__fs@latest"),
        ("@std/fs", "jsr:@std/path@^2", "npm:@jsr/std__path@^2"),
        ("@std/fs", "^3", "^3"),
        ("path", "jsr:@std/path@^2", "npm:@jsr/std__path@^2"),
    ] {
        assert_eq!(under(alias, text).as_deref(), Ok(expected), "{alias} {text}");
    }
    assert!(
        under("path", "jsr:^2").is_err(),
        "there is no name without a scope"
    );
}

#[test]
fn members_of_a_workspace_answer_by_their_version() {
    for (text, version, expected) in [
        ("^1.0.0", Some("1.2.0"), Some(true)),
        ("^1.0.0", Some("1.2.0-rc.1"), Some(false)),
        ("^1.0.0", None, Some(false)),
        ("*", Some("1.2.0-rc.1"), Some(true)),
        ("*", None, Some(true)),
        ("npm:x@^2", Some("1.2.0"), Some(false)),
        ("workspace:^", None, Some(true)),
        ("workspace:~", Some("3.0.0-rc.1"), Some(true)),
        ("workspace:*", None, Some(true)),
        ("workspace:^1", Some("1.2.0-rc.1"), Some(true)),
        ("workspace:^2", Some("1.2.0"), Some(false)),
        ("workspace:^2", None, Some(false)),
        ("workspace:../x", Some("1.2.0"), None),
        ("latest", Some("1.2.0"), None),
    ] {
        let spec = Spec::parse(text).expect("it is a specifier");
        let version = version.map(|version| Version::parse(version).expect("it is a version"));
        assert_eq!(
            spec.takes_member(version.as_ref()),
            expected,
            "{text} {version:?}"
        );
    }
}

#[test]
fn repositories() {
    let github = "git git+https://github.com/user/repo.git";
    check("user/repo", github);
    check("github:user/repo", github);
    check("github:user/repo.git", github);
    check("github:token@user/repo", github);
    check("https://github.com/user/repo", github);
    check(
        "https://www.github.com/user/repo.git",
        "git git+https://www.github.com/user/repo.git",
    );
    check("git+https://github.com/user/repo.git", github);
    check("git://github.com/user/repo.git", github);
    check(
        "https://github.com/user/repo/tree/next",
        "git git+https://github.com/user/repo.git#next",
    );
    check(
        "user/repo#v1.2.3",
        "git git+https://github.com/user/repo.git#v1.2.3",
    );
    check(
        "user/repo#feature/x",
        "git git+https://github.com/user/repo.git#feature/x",
    );
    check(
        "user/repo#semver:^1.2",
        "git git+https://github.com/user/repo.git#semver:^1.2",
    );
    check(
        "user/repo#semver:%3E%3D1%20%3C2",
        "git git+https://github.com/user/repo.git#semver:>=1%20<2",
    );
    check(
        "user/repo#main::path:packages/a",
        "git git+https://github.com/user/repo.git#main::path:packages/a",
    );
    check(
        "user/repo#main&path:/packages/a",
        "git git+https://github.com/user/repo.git#main::path:packages/a",
    );
    check(
        "gitlab:group/sub/repo",
        "git git+https://gitlab.com/group/sub/repo.git",
    );
    check(
        "bitbucket:user/repo",
        "git git+https://bitbucket.org/user/repo.git",
    );
    check(
        "gist:11081aaa281",
        "git git+https://gist.github.com/11081aaa281.git",
    );
    check(
        "gist:user/11081aaa281#v1",
        "git git+https://gist.github.com/11081aaa281.git#v1",
    );
    check(
        "git@github.com:user/repo.git",
        "git git+ssh://git@github.com/user/repo.git",
    );
    check(
        "git@git.example.org:a/b.git#main",
        "git git+ssh://git@git.example.org/a/b.git#main",
    );
    check(
        "git+ssh://git@git.example.org:a/b.git",
        "git git+ssh://git@git.example.org/a/b.git",
    );
    check(
        "git+ssh://git@git.example.org:2222/a/b.git",
        "git git+ssh://git@git.example.org:2222/a/b.git",
    );
    check(
        "ssh://git@git.example.org/a/b",
        "git git+ssh://git@git.example.org/a/b",
    );
    check("git+file:///srv/git/a.git", "git git+file:///srv/git/a.git");
    check("git://git.example.org/a.git", "git git://git.example.org/a.git");
    check(
        "https://git.example.org/a/b.git#abc",
        "git git+https://git.example.org/a/b.git#abc",
    );
    check(
        "git+https://me:secret@git.example.org/a.git",
        "git git+https://git.example.org/a.git",
    );
}

#[test]
fn archives_and_folders() {
    check("https://example.org/a.tgz", "tarball https://example.org/a.tgz");
    check("http://example.org/x?y=1", "tarball http://example.org/x?y=1");
    check(
        "https://github.com/user/repo/archive/v1.tar.gz",
        "tarball https://github.com/user/repo/archive/v1.tar.gz",
    );
    check(
        "https://gitlab.com/a/b/-/archive/v1/b.tar.gz",
        "tarball https://gitlab.com/a/b/-/archive/v1/b.tar.gz",
    );
    check("file:../lib", "directory file:../lib");
    check("file:a.tgz", "file file:a.tgz");
    check("file:///srv/a", "directory file:/srv/a");
    check("file://../a", "directory file:../a");
    check("file://a/b", "directory file:/a/b");
    check("./a.tar.gz", "file file:./a.tar.gz");
    check("../a", "directory file:../a");
    check("~/a", "directory file:~/a");
    check("/srv/a", "directory file:/srv/a");
    check("a.tgz", "file file:a.tgz");
    check("a/b/c", "directory file:a/b/c");
    check("@scope/name", "directory file:@scope/name");
    check("link:../lib", "link link:../lib");
    check("portal:../lib", "directory file:../lib");
}

#[test]
fn workspaces_and_catalogs() {
    check("workspace:*", "workspace workspace:*");
    check("workspace:^", "workspace workspace:^");
    check("workspace:^1.2", "workspace workspace:^1.2");
    check("workspace:../lib", "workspace workspace:../lib");
    check("workspace:@s/lib@~", "workspace workspace:@s/lib@~");
    check("catalog:", "catalog catalog:");
    check("catalog:default", "catalog catalog:");
    check("catalog:react18", "catalog catalog:react18");
    let spec = Spec::parse("workspace:lib@*").unwrap();
    assert_eq!((spec.package_name("alias"), spec.is_registry()), ("lib", false));
}

#[test]
fn what_is_refused() {
    check(
        "patch:lodash@npm%3A4#x",
        "error: `patch:` in `patch:lodash@npm%3A4#x` is a protocol that Wharf does not read",
    );
    check(
        "svn://example.org/a",
        "error: `svn:` in `svn://example.org/a` is a protocol that Wharf does not read",
    );
    check(
        "github:repo",
        "error: `github:repo` is not a URL: `github:` is followed by `user/repository`",
    );
    check(
        "user/repo#a::b",
        "error: what follows `#` in `user/repo#a::b` contradicts itself: two branches, tags or commits",
    );
    check(
        "user/repo#a::semver:1",
        "error: what follows `#` in `user/repo#a::semver:1` contradicts itself: a range and a branch, tag or commit",
    );
    check(
        "https://me:secret@exa mple.org/a",
        "error: `https://exa mple.org/a` is not a URL: invalid international domain name",
    );
}

#[test]
fn names_and_ranges() {
    let spec = Spec::parse("npm:react@^17").unwrap();
    assert_eq!(spec.package_name("old-react"), "react");
    assert_eq!(spec.range().unwrap().to_string(), ">=17.0.0 <18.0.0-0");
    assert_eq!(Spec::parse("latest").unwrap().range(), None);
}

proptest::proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(text in "[a-z0-9@:/#.^~*+& -]{0,24}", any in "\\PC{0,16}") {
        for text in [text.as_str(), any.as_str(), &format!("git+https://h/{text}"), &format!("github:a/b#{any}"), &format!("file:{any}")] {
            if let Ok(spec) = Spec::parse(text) {
                let printed = spec.print();
                proptest::prop_assert_eq!(Spec::parse(&printed), Ok(spec), "{} is printed as {}", text, printed);
            }
        }
    }
}
