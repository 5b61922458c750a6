//! Tests of the readers of foreign lockfiles, on small files of our own in each form.

use super::*;

fn check(form: PeerLock, text: &str, expected: &[&str]) {
    let versions = parse(form, Path::new("lock"), text).unwrap_or_else(|error| panic!("{error}"));
    let shown: Vec<String> = versions
        .iter()
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.iter().map(Version::as_str).collect();
            format!("{name} {}", versions.join(" "))
        })
        .collect();
    assert_eq!(shown, expected, "{text}");
}

fn refuse(form: PeerLock, text: &str, expected: &str) {
    let error = parse(form, Path::new("lock"), text).unwrap_err();
    assert_eq!(in_words(&error), expected, "{text}");
}

#[test]
fn package_locks_of_versions_2_and_3() {
    let text = r#"{
  "name": "app", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": {"name": "app", "dependencies": {"a": "^1"}},
    "node_modules/a": {"version": "1.2.0", "resolved": "https://registry.example.org/a/-/a-1.2.0.tgz", "integrity": "sha512-x"},
    "node_modules/b/node_modules/a": {"version": "2.0.0"},
    "node_modules/c/node_modules/a": {"version": "1.9.0"},
    "node_modules/@s/b": {"version": "3.0.0-rc.1", "dev": true},
    "node_modules/alias": {"name": "real", "version": "4.0.0"},
    "node_modules/member": {"resolved": "packages/member", "link": true},
    "packages/member": {"version": "0.0.1"},
    "packages/member/node_modules/d": {"version": "5.0.0"},
    "node_modules/repository": {"version": "1.0.0", "resolved": "git+ssh://git@example.org/x.git#abc"},
    "node_modules/inner": {"version": "1.0.0", "inBundle": true},
    "node_modules/odd": {"version": "not one"}
  }
}"#;
    let expected = ["@s/b 3.0.0-rc.1", "a 1.2.0 2.0.0 1.9.0", "d 5.0.0", "real 4.0.0"];
    check(PeerLock::PackageLock, text, &expected);
    check(PeerLock::PackageLock, r#"{"lockfileVersion": 3}"#, &[]);
    refuse(
        PeerLock::PackageLock,
        "{}",
        "line 1, column 1: it has neither `packages` nor `dependencies`",
    );
}

#[test]
fn package_locks_of_version_1() {
    let text = r#"{
  "lockfileVersion": 1,
  "dependencies": {
    "a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}, "c": {"version": "1.0.0", "bundled": true}}},
    "b": {"version": "1.5.0", "dev": true},
    "alias": {"version": "npm:@s/real@3.0.0"},
    "repository": {"version": "git+https://example.org/x.git#abc"}
  }
}"#;
    check(
        PeerLock::PackageLock,
        text,
        &["@s/real 3.0.0", "a 1.0.0", "b 1.5.0 2.0.0"],
    );
}

#[test]
fn pnpm_locks_of_version_9() {
    let text = "lockfileVersion: '9.0'

importers:
  .:
    dependencies:
      react:
        specifier: ^18
        version: 18.3.1
      alias:
        specifier: npm:real@^1
        version: real@1.0.0
      member:
        specifier: workspace:*
        version: link:packages/member
    devDependencies:
      '@s/x':
        specifier: ^1
        version: 1.0.0(react@18.3.1)

packages:
  react@18.3.1:
    resolution: {integrity: sha512-x}
  react@19.0.0:
    resolution: {integrity: sha512-x}
  '@s/x@1.0.0':
    resolution: {integrity: sha512-x}
  real@1.0.0:
    resolution: {integrity: sha512-x}
  x@https://example.org/x.tgz:
    resolution: {tarball: https://example.org/x.tgz}
    version: 1.0.0

snapshots:
  react@18.3.1: {}
";
    let expected = ["@s/x 1.0.0", "react 18.3.1 19.0.0", "real 1.0.0"];
    check(PeerLock::Pnpm, text, &expected);
    let two = format!("---\nlockfileVersion: '9.0'\npackages:\n  own@1.0.0: {{}}\n---\n{text}");
    check(PeerLock::Pnpm, &two, &expected);
}

#[test]
fn pnpm_locks_of_versions_5_and_6() {
    let six = "lockfileVersion: '6.0'
dependencies:
  react:
    specifier: ^18
    version: 18.2.0
  alias:
    specifier: npm:@s/real@^1
    version: /@s/real@1.0.0(react@18.2.0)
packages:
  /react@18.2.0:
    dev: false
  /react@18.3.0:
    dev: false
  /@types/babel__core@7.1.0(react@18.2.0):
    dev: false
";
    let expected = ["@s/real 1.0.0", "@types/babel__core 7.1.0", "react 18.2.0 18.3.0"];
    check(PeerLock::Pnpm, six, &expected);
    let five = "lockfileVersion: 5.4
specifiers:
  react: ^18
dependencies:
  react: 18.2.0
  alias: /@s/real/1.0.0_react@18.2.0
packages:
  /react/18.2.0:
    dev: false
  /react/18.3.0:
    dev: false
  /@types/babel__core/7.1.0_react@18.2.0:
    dev: false
  registry.example.org/other/1.0.0:
    dev: false
";
    check(PeerLock::Pnpm, five, &expected);
    refuse(
        PeerLock::Pnpm,
        "packages: {}\n",
        "line 1, column 1: it has no `lockfileVersion`",
    );
    refuse(
        PeerLock::Pnpm,
        "lockfileVersion: '9.0'\n<<<<<<< HEAD\n=======\n",
        "line 3, column 1: this is not valid YAML: simple key expect ':'",
    );
}

#[test]
fn bun_locks() {
    let text = r#"{
  // One line a package.
  "lockfileVersion": 1,
  "workspaces": {"": {"name": "app", "dependencies": {"a": "^1",},},},
  "packages": {
    "a": ["a@1.2.0", "", {"dependencies": {"b": "^1"}}, "sha512-x"],
    "b/a": ["a@2.0.0", "", {}, "sha512-x"],
    "@s/b": ["@s/b@3.0.0", "", {}, "sha512-x"],
    "@s/b/a": ["a@3.0.0", "", {}, "sha512-x"],
    "alias": ["real@4.0.0", "", {}, "sha512-x"],
    "member": ["member@workspace:packages/member"],
    "inner": ["inner@1.0.0", "", {"bundled": true}, "sha512-x"],
    "repository": ["repository@github:user/repository#abc", {}, "x"],
  },
}"#;
    check(
        PeerLock::Bun,
        text,
        &["@s/b 3.0.0", "a 1.2.0 3.0.0 2.0.0", "real 4.0.0"],
    );
    refuse(
        PeerLock::Bun,
        "{}",
        "line 1, column 1: it has no `lockfileVersion`",
    );
}

#[test]
fn yarn_locks_of_version_1() {
    let text = r#"# yarn lockfile v1


"@s/a@^1.0.0", "@s/a@^1.2.0":
  version "1.2.0"
  resolved "https://registry.example.org/@s/a/-/a-1.2.0.tgz#abc"
  integrity sha512-x
  dependencies:
    version "^9.0.0"

b@^1, b@~1.5:
  version "1.5.0"

"b@>=2 <3":
  version "2.1.0"

"alias@npm:@s/real@^1":
  version "1.0.0"

"x@git+https://example.org/x.git":
  version "1.0.0"
  resolved "git+https://example.org/x.git#abc"

"y@file:../y":
  version "1.0.0"
"#;
    let expected = ["@s/a 1.2.0", "@s/real 1.0.0", "b 2.1.0 1.5.0"];
    check(PeerLock::Yarn, text, &expected);
    check(PeerLock::Yarn, &text.replace('\n', "\r\n"), &expected);
    refuse(
        PeerLock::Yarn,
        "b@^1:\n  version \"1.0.0\"\n\n<<<<<<< HEAD\n",
        "line 4, column 1: this is neither an entry nor a comment",
    );
}

#[test]
fn yarn_locks_of_later_versions() {
    let text = r#"# This file is generated by running "yarn install" inside your project.

__metadata:
  version: 8
  cacheKey: 10c0

"@s/a@npm:^1.0.0, @s/a@npm:^1.2.0":
  version: 1.2.0
  resolution: "@s/a@npm:1.2.0"
  dependencies:
    version: "npm:^9.0.0"
  checksum: 10c0/x
  languageName: node
  linkType: hard

"alias@npm:real@^1":
  version: 1.0.0
  resolution: "real@npm:1.0.0"
  languageName: node
  linkType: hard

? "b@npm:^1, b@npm:~1.5"
:
  version: 1.5.0
  resolution: "b@npm:1.5.0"

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  linkType: soft

"typescript@patch:typescript@npm%3A^5#optional!builtin<compat/typescript>":
  version: 5.3.3
  resolution: "typescript@patch:typescript@npm%3A5.3.3#optional!builtin<compat/typescript>::version=5.3.3&hash=x"

"x@https://example.org/x.git":
  version: 1.0.0
  resolution: "x@https://example.org/x.git#commit=abc"
"#;
    check(
        PeerLock::Yarn,
        text,
        &["@s/a 1.2.0", "b 1.5.0", "real 1.0.0", "typescript 5.3.3"],
    );
}

#[test]
fn the_tool_that_the_project_names_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    let show = |manager: Option<&str>| {
        let found = read(folder.path(), manager);
        let warnings: Vec<String> = found
            .warnings
            .iter()
            .map(|warning| warning.message.clone())
            .collect();
        (found.files, warnings)
    };
    assert_eq!(show(None), (Vec::new(), Vec::new()));
    write("bun.lockb", "x");
    let (files, warnings) = show(None);
    assert_eq!((files.len(), warnings.len()), (0, 1));
    assert!(
        warnings[0].contains("`bun install --save-text-lockfile"),
        "{warnings:?}"
    );
    write("yarn.lock", "a@^1:\n  version \"1.0.0\"\n");
    write("pnpm-lock.yaml", "lockfileVersion: '9.0'\n");
    assert_eq!(show(None).0, [PathBuf::from("pnpm-lock.yaml")]);
    assert_eq!(show(Some("yarn@4.1.0")).0, [PathBuf::from("yarn.lock")]);
    write("pnpm-lock.yaml", "lockfileVersion: [\n");
    let (files, warnings) = show(Some("pnpm"));
    assert_eq!(files, [PathBuf::from("yarn.lock")]);
    assert!(
        warnings[0].starts_with("`pnpm-lock.yaml` is not read as preferences: line 2, column 1: "),
        "{warnings:?}"
    );
}
