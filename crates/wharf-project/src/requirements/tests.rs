//! Tests of requirements files: the syntax as a table, the files they include, and what errors look like.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::index::PackageSet;
use crate::requirement::RequirementSource;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = folder.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn read(&self) -> Result<Stated, ProjectError> {
        let variables = BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]);
        let context = Context {
            root: self.0.path(),
            variables: &variables,
        };
        let mut stated = Stated::default();
        let role = Role::Requirements(Group::Main);
        read(
            &self.0.path().join("requirements.txt"),
            &role,
            &context,
            &mut stated,
        )?;
        Ok(stated)
    }
}

fn one(text: &str) -> Stated {
    Folder::new(&[("requirements.txt", text)]).read().unwrap()
}

fn roots(text: &str) -> Vec<String> {
    one(text).roots.iter().map(ToString::to_string).collect()
}

#[test]
fn requirements_in_every_form() {
    for (text, expected) in [
        ("requests", "requests"),
        ("Requests [socks] >= 2.8, <3 # why", "requests[socks]>=2.8,<3"),
        (
            "a==1.0 ; python_version < '3.9'",
            "a==1.0 ; python_full_version < '3.9'",
        ),
        ("a (>=1,<2)", "a>=1,<2"),
        (
            "a @ https://example.org/a-1.0.tar.gz",
            "a @ https://example.org/a-1.0.tar.gz",
        ),
        (
            "a @ https://u:p@example.org/a-1.0.tar.gz ; os_name == 'nt'",
            "a @ https://example.org/a-1.0.tar.gz ; os_name == 'nt'",
        ),
        (
            "a[x]@git+https://git.example.org/a.git@main#subdirectory=b",
            "a[x] @ git+https://git.example.org/a.git@main#subdirectory=b",
        ),
        (
            "git+ssh://git@git.example.org/a.git@v1#egg=A",
            "a @ git+ssh://git.example.org/a.git@v1",
        ),
        (
            "https://example.org/Foo_Bar-1.0-py3-none-any.whl",
            "foo-bar @ https://example.org/Foo_Bar-1.0-py3-none-any.whl",
        ),
        ("./dist/my_pkg-2.1.tar.gz", "my-pkg @ dist/my_pkg-2.1.tar.gz"),
        (
            "dist/my-pkg-2.1.zip ; os_name == 'posix'",
            "my-pkg @ dist/my-pkg-2.1.zip ; os_name == 'posix'",
        ),
        ("a @ file:///opt/a-1.0.tar.gz", "a @ /opt/a-1.0.tar.gz"),
        ("a @ ../a", "a @ ../a"),
    ] {
        assert_eq!(roots(text), [expected], "{text}");
    }
}

#[test]
fn local_trees_tell_their_names() {
    for (file, text) in [
        ("lib/pyproject.toml", "[project]\nname = \"My.Lib\"\n"),
        ("lib/pyproject.toml", "[tool.poetry]\nname = \"my-lib\"\n"),
        ("lib/setup.cfg", "[metadata]\nname = my_lib\n"),
        (
            "lib/setup.py",
            "from setuptools import setup\nsetup(\n    name='my_lib', version='1')\n",
        ),
    ] {
        let folder = Folder::new(&[(file, text), ("requirements.txt", "-e ./lib[fast]\n")]);
        let stated = folder.read().unwrap();
        assert_eq!(stated.roots[0].to_string(), "my-lib[fast] @ lib", "{file}");
        assert!(stated.roots[0].editable);
        assert!(
            matches!(&stated.roots[0].source, Some(RequirementSource::Path { path, .. }) if path == "lib")
        );
    }
}

#[test]
fn hashes_and_continuations() {
    let digest = "0".repeat(64);
    let text = format!(
        "a==1 \\\n    --hash=sha256:{digest} \\\n    --hash sha256:{}\nb==2 --hash='sha256:{digest}'\n",
        "1".repeat(64)
    );
    let stated = one(&text);
    assert_eq!(
        stated
            .roots
            .iter()
            .map(|root| root.hashes.len())
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(stated.roots[1].origin.to_string(), "requirements.txt:4");
}

#[test]
fn options_are_obeyed() {
    let stated = one(
        "-i https://u:${TOKEN}@a.example.org/simple\n--extra-index-url=https://b.example.org/simple\n-f ./wheels --find-links https://c.example.org/x\n--no-index\n--pre\n--require-hashes\n--trusted-host a.example.org\n--no-binary :all:\n--only-binary=numpy,Pandas_x\n--prefer-binary\n-i 'https://d.example.org/simple'\n",
    );
    let indexes: Vec<_> = stated
        .indexes
        .iter()
        .map(|index| (index.url.expose(), index.default))
        .collect();
    assert_eq!(
        indexes,
        [
            ("https://b.example.org/simple", false),
            ("https://d.example.org/simple", true)
        ]
    );
    assert_eq!(stated.find_links.len(), 2);
    assert!(stated.no_index && stated.require_hashes && stated.prereleases == Some(Prereleases::Allow));
    let numpy = PackageName::pypi("numpy").unwrap();
    assert!(!stated.formats.no_binary.contains(&numpy) && stated.formats.only_binary.contains(&numpy));
    assert!(matches!(stated.formats.no_binary, PackageSet::All { .. }));
    assert_eq!(
        stated.warnings[0].message,
        "requirements.txt:10: `--prefer-binary` has no effect in Wharf and is passed over"
    );
}

#[test]
fn includes_are_followed_from_where_they_stand() {
    let folder = Folder::new(&[
        (
            "requirements.txt",
            "a\n-r sub/more.txt\n--constraint sub/limits.txt\n",
        ),
        ("sub/more.txt", "b\n./c-1.0.tar.gz\n-c limits.txt"),
        ("sub/limits.txt", "a<2\nb<3\n"),
    ]);
    let stated = folder.read().unwrap();
    let shown: Vec<_> = stated
        .roots
        .iter()
        .map(|root| format!("{root} {}", root.origin))
        .collect();
    assert_eq!(
        shown,
        [
            "a requirements.txt:1",
            "b sub/more.txt:1",
            "c @ sub/c-1.0.tar.gz sub/more.txt:2"
        ]
    );
    assert_eq!(stated.constraints.len(), 4);
    assert_eq!(stated.inputs.len(), 3);
}

#[test]
fn errors_point_and_advise() {
    use wharf_core::Explain;
    for (text, expected) in [
        ("ok\nrequests >> 2", "requirements.txt:2:10"),
        ("requests 2.0", "hint: write `requests==2.0`"),
        (
            "--indx-url https://x",
            "there is no option `--indx-url` in requirements files\n --> requirements.txt:1:1\n  |\n1 | --indx-url https://x\n  | ^^^^^^^^^^",
        ),
        ("--indx-url https://x", "hint: did you mean `--index-url`?"),
        ("-i", "`-i` needs a value"),
        ("-i 'x", "this quote is not closed"),
        ("-i example.org", "`example.org` is not a URL"),
        ("a --pre", "`--pre` cannot follow a requirement"),
        ("--hash=sha256:00", "`--hash` must follow a requirement"),
        (
            "a --hash=md5:d41d8cd98f00b204e9800998ecf8427e",
            "md5 is too weak to check a file by",
        ),
        ("a --hash=sha256:00", "`00` is not a sha256 digest"),
        (
            "-r missing.txt",
            "`requirements.txt` includes `missing.txt`, which does not exist",
        ),
        ("-r requirements.txt", "`requirements.txt` includes itself"),
        ("-r https://example.org/r.txt", "lies on the network"),
        ("./nowhere", "there is no folder `nowhere`"),
        (
            "git+https://git.example.org/a.git",
            "does not tell the package's name without cloning it",
        ),
        (
            "git+https://git.example.org/a.git",
            "hint: name the package: `NAME @ git+https://git.example.org/a.git`",
        ),
        (
            "hg+https://example.org/a#egg=a",
            "`hg` repositories are not supported",
        ),
        (
            "a @ https://example.org/a.zip; os_name == 'x'",
            "a marker after a URL needs a space before its `;`",
        ),
        ("a @", "a URL or a path must follow the `@`"),
        ("a ; os_nme == 'x'", "requirements.txt:1:"),
        (
            "-i https://me:hunter2@exa mple.org/",
            "`mple.org/` cannot follow an option",
        ),
        ("a @ https://me:hunter2@exa[mple.org/", "is not a URL"),
    ] {
        let error = Folder::new(&[("requirements.txt", text)])
            .read()
            .map(|_| ())
            .unwrap_err();
        let hints: Vec<String> = error
            .hints()
            .iter()
            .map(|hint| format!("\nhint: {hint}"))
            .collect();
        let shown = format!("{error}{}", hints.concat());
        assert!(shown.contains(expected), "{text}\n--- shown\n{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

fn requirement() -> impl Strategy<Value = String> {
    let name = "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?";
    let extras = prop_oneof![Just(String::new()), "\\[[a-z]{1,4}(,[a-z]{1,4})?\\]"];
    let version = prop_oneof![
        Just(String::new()),
        "(>=|<|==|~=|!=)[1-9]\\.[0-9]{1,2}",
        "==[1-9]\\.\\*",
        ">=[1-9],<[1-9]\\.[0-9]",
        " @ https://example\\.org/[a-z]{1,5}\\.zip",
        " @ git\\+https://example\\.org/[a-z]{1,5}@[a-z]{1,4}",
        " @ \\.\\./[a-z]{1,5}",
    ];
    let marker = prop_oneof![
        Just(""),
        Just(" ; sys_platform == 'linux'"),
        Just(" ; python_full_version < '3.9' and os_name == 'nt'"),
    ];
    (name, extras, version, marker)
        .prop_map(|(name, extras, version, marker)| format!("{name}{extras}{version}{marker}"))
}

proptest! {
    #[test]
    fn parse_undoes_print(text in requirement()) {
        let base = Base { root: Path::new("/work/app"), folder: Path::new("/work/app") };
        let read = |text: &str| {
            let parsed = parse_requirement(text, base).map_err(|problem| TestCaseError::fail(format!("{text}: {problem}")))?;
            Ok::<_, TestCaseError>(parsed.into_root(Group::Main, wharf_core::Origin::label("test")))
        };
        let root = read(&text)?;
        let printed = root.to_string();
        let again = read(&printed)?;
        prop_assert_eq!(&again.requirement, &root.requirement);
        prop_assert_eq!(&again.source, &root.source);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]={}\"' \n\\\\.@:/;<>0-9*#$~!,()+-]{0,160}") {
        let _ = Folder::new(&[("requirements.txt", &text)]).read();
        crate::preferences::parse_pins(&text);
    }

    #[test]
    fn any_requirement_text_is_read_or_refused(text in "\\PC{0,60}") {
        let base = Base { root: Path::new("/work/app"), folder: Path::new("/work/app") };
        for text in [text.clone(), format!("a @ {text}"), format!("a ; {text}"), format!("./{text}")] {
            if let Err(problem) = parse_requirement(&text, base) {
                prop_assert!(problem.span.start <= problem.span.end);
            }
            let _ = unnamed::parse(&text, base);
        }
    }
}
