//! Lists of packages, whole and malformed.
use proptest::prelude::*;

use super::*;

const NGINX: &str = "\
Package: nginx
Source: nginx-src (1.22.0-9)
Version: 1.22.1-9
Architecture: amd64
Multi-Arch: foreign
Maintainer: J\u{f6}rg <joerg@example.org>
Installed-Size: 1234
Depends: libc6 (>= 2.36),
 libpcre2-8-0
Pre-Depends: init-system-helpers
Provides: httpd, httpd-cgi
Section: httpd
Priority: optional
Filename: pool/main/n/nginx/nginx_1.22.1-9_amd64.deb
Size: 527852
SHA256: 00aa
Description: small web server
 and more
Description-md5: 11bb
X-Unknown: anything
 at all
";

#[test]
fn a_package_has_its_fields() {
    let text = format!(
        "\n# generated\n{NGINX}\n\nPackage: base-files\nEssential: yes\nVersion: 12\nArchitecture: all\n"
    );
    let packages: Vec<_> = Stanzas::new(text.as_bytes()).map(Result::unwrap).collect();
    let [nginx, base] = &packages[..] else {
        panic!("{packages:?}")
    };
    assert_eq!(
        (nginx.name, nginx.version, nginx.architecture),
        ("nginx", "1.22.1-9", "amd64")
    );
    assert_eq!(nginx.multi_arch, MultiArch::Foreign);
    assert_eq!(nginx.depends, "libc6 (>= 2.36),\n libpcre2-8-0");
    assert_eq!(
        (nginx.pre_depends, nginx.provides),
        ("init-system-helpers", "httpd, httpd-cgi")
    );
    assert_eq!((nginx.size, nginx.installed_size), (Some(527_852), Some(1234)));
    assert_eq!(nginx.summary(), b"small web server");
    assert_eq!(nginx.description, b"small web server\n and more");
    assert_eq!(nginx.source(), ("nginx-src", "1.22.0-9"));
    assert_eq!((nginx.line, &text[nginx.range.clone()]), (3, NGINX.trim_end()));
    assert_eq!(
        (base.source(), base.essential, base.line),
        (("base-files", "12"), true, 26)
    );
    assert_eq!((base.priority, base.size), ("", None));
}

#[test]
fn both_line_ends_are_read_alike() {
    let crlf = NGINX.replace('\n', "\r\n");
    let read = |text: &'static str| Stanzas::new(text.as_bytes()).next().unwrap().unwrap();
    let (unix, dos) = (read(NGINX), read(crlf.leak()));
    assert_eq!(
        (unix.name, unix.filename, unix.size),
        (dos.name, dos.filename, dos.size)
    );
    assert_eq!(dos.depends.replace('\r', ""), unix.depends);
}

#[test]
fn a_malformed_stanza_costs_itself() {
    let good = "Package: aa\nVersion: 1\nArchitecture: all\n";
    for (stanza, expected) in [
        ("Version: 1\nArchitecture: all\n", "line 5: it has no `Package`"),
        (
            "Package: bb\nArchitecture: all\n",
            "line 5, package bb: it has no `Version`",
        ),
        (
            "Package: bb\nVersion: 1\n",
            "line 5, package bb: it has no `Architecture`",
        ),
        (
            "Package: b b\nVersion: 1\nArchitecture: all\n",
            "line 5, package b b: `Package` is no package's name",
        ),
        (
            "Package: bb\nVersion: 1 2\nArchitecture: all\n",
            "line 5, package bb: `Version` is no version",
        ),
        (
            "Package: bb\nVersion: 1\nArchitecture: any\n",
            "line 5, package bb: `Architecture` is no architecture",
        ),
        (
            "Package: bb\nnonsense\n",
            "line 6, package bb: a line has no colon after the name of its field",
        ),
        (
            " x\nPackage: bb\n",
            "line 5, package bb: a continuation line has no field to continue",
        ),
        (
            "Package: bb\nVersion: 1\nversion: 2\n",
            "line 7, package bb: the field `version` stands a second time",
        ),
        (
            "Package: bb\nSize: big\n",
            "line 6, package bb: `Size` is not a number",
        ),
        (
            "Package: bb\nEssential: maybe\n",
            "line 6, package bb: `Essential`, `Protected` or `Important` is neither yes nor no",
        ),
        (
            "Package: bb\nMulti-Arch: maybe\n",
            "line 6, package bb: `Multi-Arch` is none of no, same, foreign, allowed",
        ),
        (
            "Package: bb\nVersion: 1\nArchitecture: all\nFilename: pool/../../x.deb\n",
            "line 5, package bb: `Filename` leads out of the repository",
        ),
        (
            "Package: bb\nVersion: 1\nArchitecture: all\nFilename: /x.deb\n",
            "line 5, package bb: `Filename` leads out of the repository",
        ),
    ] {
        let text = format!("{good}\n{stanza}\n{good}");
        let read: Vec<_> = Stanzas::new(text.as_bytes()).collect();
        let [Ok(before), Err(error), Ok(after)] = &read[..] else {
            panic!("{stanza:?}: {read:?}")
        };
        assert_eq!((before.name, after.name), ("aa", "aa"));
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let read = |text: &'static [u8]| Stanzas::new(text).next().unwrap();
    let latin =
        read(b"Package: aa\nVersion: 1\nArchitecture: all\nMaintainer: J\xf6rg\nDescription: caf\xe9\n")
            .unwrap();
    assert_eq!(
        (latin.maintainer, latin.summary()),
        (&b"J\xf6rg"[..], &b"caf\xe9"[..])
    );
    let wrong = read(b"Package: aa\nVersion: 1\nArchitecture: all\nDepends: caf\xe9\n").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "line 4, package aa: a field has bytes that are not UTF-8"
    );
}

proptest! {
    #[test]
    fn agrees_with_the_general_reader(
        text in "((Package|version|Architecture|Size|Depends|X-Y)(:| :) ?[a-c0-9.]{0,3}\\r?\\n|[ #][a-c:]{0,3}\\n|\\n){0,16}",
    ) {
        let general: Vec<_> = deb822::stanzas(text.as_bytes()).collect();
        let packages: Vec<_> = Stanzas::new(text.as_bytes()).collect();
        prop_assert_eq!(general.len(), packages.len());
        for (stanza, package) in general.iter().zip(&packages) {
            if let (Ok(stanza), Ok(package)) = (stanza, package) {
                let text = |name| stanza.text(name).map(String::from).unwrap_or_default();
                prop_assert_eq!(text("Package"), package.name);
                prop_assert_eq!(text("Version"), package.version);
                prop_assert_eq!(stanza.line(), package.line);
                if !package.depends.contains('#') {
                    prop_assert_eq!(text("Depends"), package.depends);
                }
            }
        }
    }
}
