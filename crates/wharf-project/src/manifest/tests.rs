//! Tests of `wharf.toml`: what it means, and what its errors look like.

use std::path::Path;

use proptest::prelude::*;

use crate::requirement::Base;
use crate::stated::Stated;
use crate::text::SourceText;

fn read(text: &str) -> Result<Stated, String> {
    let mut stated = Stated::default();
    let base = Base {
        root: Path::new("/work/app"),
        folder: Path::new("/work/app"),
    };
    match super::parse(&SourceText::new(Path::new("wharf.toml"), text), base, &mut stated) {
        Ok(()) => Ok(stated),
        Err(error) => {
            let hints: Vec<String> = error.hints.iter().map(|hint| format!("\nhint: {hint}")).collect();
            Err(format!("{error}{}", hints.concat()))
        }
    }
}

#[test]
fn every_form_of_a_requirement() {
    let stated = read(
        r#"
[project]
name = "demo"
targets = ["linux-x86_64", "macos-arm64"]
[python]
version = ">=3.11"
[pypi]
fastapi = ">=0.115"
uvicorn = { version = "*", extras = ["standard"] }
Typing_Extensions = { version = ">=4", marker = "python_version < '3.13'" }
local = { path = "../lib", editable = true }
wheel = { path = "dist/wheel-1.0-py3-none-any.whl" }
tool = { git = "https://git.example.org/tool.git", tag = "v1", subdirectory = "py" }
archive = { url = "https://example.org/archive-1.0.tar.gz" }
private = { version = "==1.0", index = "corp" }
numpy = [{ version = "<2", markers = "python_version < '3.10'" }, { version = ">=2", markers = "python_version >= '3.10'" }]
[dev.pypi]
pytest = "*"
[groups.docs.pypi]
sphinx = ">=7"
[extras.postgres.pypi]
psycopg = "*"
[overrides.pypi]
urllib3 = "==2.0"
[constraints.pypi]
idna = "<4"
[policy]
cooldown = "7d"
sandbox = "required"
build-network = ["pypi:Rpds_Py", "cargo:hatch"]
exclude-newer = "2026-01-31"
scripts = ["npm:x"]
[options]
prereleases = "allow"
no-binary = ["numpy"]
[[index]]
name = "corp"
url = "https://corp.example.org/simple/"
explicit = true
"#,
    )
    .unwrap();
    let shown: Vec<String> = stated
        .roots
        .iter()
        .map(|root| format!("{}: {root} [{}]", root.group, root.origin))
        .collect();
    assert_eq!(
        shown,
        [
            "main: fastapi>=0.115 [wharf.toml:8]",
            "main: uvicorn[standard] [wharf.toml:9]",
            "main: typing-extensions>=4 ; python_full_version < '3.13' [wharf.toml:10]",
            "main: local @ ../lib [wharf.toml:11]",
            "main: wheel @ dist/wheel-1.0-py3-none-any.whl [wharf.toml:12]",
            "main: tool @ git+https://git.example.org/tool.git@v1#subdirectory=py [wharf.toml:13]",
            "main: archive @ https://example.org/archive-1.0.tar.gz [wharf.toml:14]",
            "main: private==1.0 [wharf.toml:15]",
            "main: numpy<2 ; python_full_version < '3.10' [wharf.toml:16]",
            "main: numpy>=2 ; python_full_version >= '3.10' [wharf.toml:16]",
            "dev: pytest [wharf.toml:18]",
            "group:docs: sphinx>=7 [wharf.toml:20]",
            "extra:postgres: psycopg [wharf.toml:22]",
        ]
    );
    assert!(stated.roots[3].editable && stated.overrides.len() == 1 && stated.constraints.len() == 1);
    assert_eq!(stated.policy.cooldown.seconds(), 604_800);
    assert_eq!(
        stated.policy.exclude_newer.unwrap().to_string(),
        "2026-02-01T00:00:00Z"
    );
    assert_eq!(stated.policy.sandbox, crate::SandboxPolicy::Required);
    let online: Vec<_> = stated
        .policy
        .build_network
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(online, ["rpds-py", "hatch"]);
    assert_eq!(stated.targets.len(), 2);
}

#[test]
fn errors_point_and_advise() {
    for (text, expected) in [
        (
            "[pypi]\nfastapi = \"1.2\"\n",
            " --> wharf.toml:2:12\n  |\n2 | fastapi = \"1.2\"\n  |            ^^^\nhint: write `==1.2` for exactly it, or `>=1.2` for it and later",
        ),
        (
            "[pypi]\na = \"^1.2\"",
            "`^` is not an operator of Python's version specifiers\n --> wharf.toml:2:6\n  |\n2 | a = \"^1.2\"\n  |      ^^^^\nhint: write `>=1.2,<2`",
        ),
        ("[pypi]\na = \"~1.2\"", "hint: write `~=1.2`"),
        ("[pypi]\na = \"^0.3.1\"", "hint: write `>=0.3.1,<0.4`"),
        ("[pypi]\na = \">>1\"", "`>>1` is not a version specifier"),
        (
            "[pypi]\nuvicorn = { verison = \"*\" }",
            "there is no key `verison` in the requirement `uvicorn`\n --> wharf.toml:2:13\n  |\n2 | uvicorn = { verison = \"*\" }\n  |             ^^^^^^^\nhint: did you mean `version`?",
        ),
        (
            "[apk]\ncurl = \"*\"",
            "this version of Wharf does not handle apk packages yet\n --> wharf.toml:1:2\n  |\n1 | [apk]\n  |  ^^^\nhint: take the `apk` table out; `pypi`, `npm`, `cargo` and `deb` are handled",
        ),
        ("[dev.apk]\ncurl = \"*\"", "does not handle apk packages yet"),
        ("[pyp]\n", "there is no key `pyp` in wharf.toml"),
        ("[dev]\npytest = \"*\"", "there is no key `pytest` in [dev]"),
        (
            "[dev]\npytest = \"*\"",
            "hint: requirements stand in `[dev.pypi]`",
        ),
        (
            "[pypi]\na = 1",
            "`a` must be a version string or a table, and this is of type integer",
        ),
        ("[pypi]\n\"a b\" = \"*\"", "`a b` is not the name of a package"),
        (
            "[pypi]\n\"a[x]\" = \"*\"",
            "hint: write `a = { version = \"*\", extras = [\"…\"] }`",
        ),
        (
            "[pypi]\nA-b = \"*\"\na_b = \"*\"",
            "`a_b` and `a-b` are the same package",
        ),
        (
            "[pypi]\na = { version = \"*\", marker = \"os_nam == 'x'\" }",
            " --> wharf.toml:2:32",
        ),
        (
            "[pypi]\na = { path = \"x\", git = \"y\" }",
            "`path` and `git` exclude each other",
        ),
        (
            "[pypi]\na = { git = \"https://example.org/a\", tag = \"1\", rev = \"2\" }",
            "`rev` and `tag` exclude each other",
        ),
        (
            "[pypi]\na = { version = \"*\", tag = \"x\" }",
            "`tag` needs `git` or `url`",
        ),
        (
            "[pypi]\na = { version = \"*\", editable = true }",
            "only a source tree given by `path` can be editable",
        ),
        (
            "[pypi]\na = { version = \">=1\", path = \"x\" }",
            "`version` has no meaning beside `path`",
        ),
        ("[pypi]\na = { url = \"../x\" }", "this is no value for `url`"),
        (
            "[pypi]\na = { version = \"*\", index = \"copr\" }\n[[index]]\nname = \"corp\"\nurl = \"https://example.org/\"",
            "hint: did you mean `corp`?",
        ),
        (
            "[index]\nurl = \"https://example.org/\"",
            "hint: write `[[index]]` with double brackets",
        ),
        ("[[index]]\nurl = \"example.org\"", "`example.org` is not a URL"),
        (
            "[[index]]\nurl = \"https://u:secret@example.org/\"\nurll = 1",
            "there is no key `urll` in [[index]]",
        ),
        ("[policy]\ncooldown = \"7\"", "`7` is not a span of time"),
        (
            "[policy]\nexclude-newer = \"yesterday\"",
            "`yesterday` is neither a date",
        ),
        (
            "[policy]\nsandbox = \"always\"",
            "hint: its values are `auto`, `required` and `off`",
        ),
        (
            "[policy]\nbuild-network = [\"npm:sharp\"]",
            "`npm:sharp` names nothing that is built",
        ),
        ("[project]\ntargets = [\"linux\"]", "`linux` is not a target"),
        (
            "[project]\ntargets = \"linux-x86_64\"",
            "`targets` must be an array, and this is a string",
        ),
        (
            "[python]\nversion = \"3.12\"",
            "hint: write `==3.12` for exactly it, or `>=3.12` for it and later",
        ),
        (
            "[options]\nprereleases = \"alow\"",
            "hint: its values are `if-necessary`, `allow` and `disallow`",
        ),
        ("[pypi\n", "this is not valid TOML"),
        (
            "[pypi]\na = \"*\"\na = \"*\"",
            "this is not valid TOML: duplicate key",
        ),
    ] {
        let shown = read(text).map(|_| ()).unwrap_err();
        assert!(
            shown.contains(expected),
            "{text}\n--- shown\n{shown}\n--- expected\n{expected}"
        );
        assert!(
            shown.contains("--> wharf.toml:") && !shown.contains("secret"),
            "{shown}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]={}\", \n.@:/;<>0-9*-]{0,160}") {
        let _ = read(&text);
        let _ = read(&format!("[pypi]\na = \"{text}\""));
    }
}
