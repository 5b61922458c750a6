//! Both formats of apt's lists of repositories.
use super::*;

fn line(text: &str) -> Source {
    parse_line(text).unwrap().unwrap()
}

#[test]
fn lines() {
    let plain = line("deb https://example.org/debian bookworm main contrib # of our own");
    assert_eq!(
        (plain.kind, plain.uri.as_str()),
        (Kind::Binary, "https://example.org/debian")
    );
    assert_eq!(plain.suite, Suite::Named("bookworm".to_owned()));
    assert_eq!(plain.components, ["main", "contrib"]);
    assert_eq!(
        (plain.enabled, plain.trusted, plain.signed_by),
        (true, None, SignedBy::Any)
    );

    let options = line(
        "deb-src\t[ arch=amd64,armel arch+=i386 arch-=armel signed-by=/a.gpg,/b.asc trusted=yes by-hash=force \
         check-valid-until=no valid-until-max=86400 lang=de ] https://example.org/x ./",
    );
    assert_eq!(options.kind, Kind::Source);
    assert_eq!(options.suite, Suite::Path("./".to_owned()));
    assert_eq!(options.architectures.of(&["s390x"]), ["amd64", "i386"]);
    assert_eq!(
        options.signed_by,
        SignedBy::Named {
            files: vec!["/a.gpg".to_owned(), "/b.asc".to_owned()],
            fingerprints: vec![]
        }
    );
    assert_eq!(
        (options.trusted, options.by_hash),
        (Some(true), Some(ByHash::Force))
    );
    assert_eq!(
        (options.check_valid_until, options.valid_for),
        (Some(false), (None, Some(86_400)))
    );
    assert_eq!(options.others, [("lang".to_owned(), "de".to_owned())]);

    let disc = line("deb cdrom:[Debian GNU/Linux 12 # amd64]/ bookworm main");
    assert_eq!(disc.uri, "cdrom:[Debian GNU/Linux 12 # amd64]/");
    for nothing in ["", "  ", "# deb https://example.org x main"] {
        assert_eq!(parse_line(nothing), Ok(None));
    }
}

#[test]
fn folders_of_releases() {
    for (text, folder) in [
        (
            "deb https://example.org/debian/ bookworm main",
            "https://example.org/debian/dists/bookworm/",
        ),
        (
            "deb https://example.org bookworm/updates main",
            "https://example.org/dists/bookworm/updates/",
        ),
        ("deb https://example.org/x ./", "https://example.org/x/"),
        ("deb https://example.org/x/ /", "https://example.org/x/"),
        (
            "deb https://example.org/x binary-$(ARCH)/",
            "https://example.org/x/binary-arm64/",
        ),
    ] {
        assert_eq!(line(text).release_folder("arm64"), folder, "{text}");
    }
}

#[test]
fn a_list_has_good_lines_and_others() {
    let list = parse_list(b"# first\r\ndeb https://example.org bookworm main\r\nrpm https://example.org x y\n\ndeb https://example.org sid main\n");
    let read: Vec<_> = list
        .iter()
        .map(|source| match source {
            Ok(source) => format!("{} {}", source.line, source.suite),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        read,
        [
            "2 bookworm",
            "line 3: `rpm` stands where `deb` or `deb-src` belongs",
            "5 sid"
        ]
    );
}

#[test]
fn lines_that_are_none() {
    for (text, reason) in [
        ("deb", "there is no URI"),
        ("deb https://example.org", "there is no suite behind the URI"),
        ("deb example.org bookworm main", "`example.org` is not a URI"),
        (
            "deb https://example.org bookworm",
            "the suite `bookworm` has no components",
        ),
        (
            "deb https://example.org ./ main",
            "the suite `./` ends with `/`: such a path has no components",
        ),
        (
            "deb [arch=amd64 https://example.org x main",
            "the bracket of the options is not closed",
        ),
        (
            "deb [arch] https://example.org x main",
            "the option `arch` has no value",
        ),
        (
            "deb [trusted=maybe] https://example.org x main",
            "`trusted` is `maybe`, which is neither yes nor no",
        ),
        (
            "deb [signed-by=key.gpg] https://example.org x main",
            "`key.gpg` is neither an absolute path nor a key's fingerprint",
        ),
        ("deb cdrom:[x bookworm main", "a bracket is not closed"),
    ] {
        assert_eq!(parse_line(text).unwrap_err().reason, reason, "{text}");
    }
}

#[test]
fn stanzas() {
    let text = "\
# our mirrors
Types: deb deb-src
URIs: https://example.org/debian
  https://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian.gpg
  0123456789ABCDEF0123456789ABCDEF01234567!
By-Hash: yes
X-Note: ours

Types: deb
URIs: https://example.org/flat
Suites: ./
Enabled: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ3==
 -----END PGP PUBLIC KEY BLOCK-----
";
    let sources: Vec<Source> = parse_deb822(text.as_bytes())
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(sources.len(), 9, "2 types × 2 URIs × 2 suites, and 1");
    let first = &sources[0];
    assert_eq!((first.line, first.by_hash), (2, Some(ByHash::Yes)));
    assert_eq!(first.architectures.only, ["amd64"]);
    assert_eq!(
        first.signed_by,
        SignedBy::Named {
            files: vec!["/usr/share/keyrings/debian.gpg".to_owned()],
            fingerprints: vec!["0123456789ABCDEF0123456789ABCDEF01234567!".to_owned()]
        }
    );
    assert_eq!(first.others, [("x-note".to_owned(), "ours".to_owned())]);
    let flat = sources.last().unwrap();
    assert!(!flat.enabled && flat.components.is_empty());
    assert_eq!(
        flat.signed_by,
        SignedBy::Embedded(
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ3==\n-----END PGP PUBLIC KEY BLOCK-----".to_owned()
        )
    );
}

#[test]
fn stanzas_that_are_none() {
    for (text, expected) in [
        (
            "Types: deb\nURIs: https://example.org\n",
            "line 1: there is no field `Suites`",
        ),
        (
            "Types: rpm\nURIs: https://example.org\nSuites: ./\n",
            "line 1: `rpm` is neither `deb` nor `deb-src`",
        ),
        ("Types: deb\nURIs: x\nSuites: ./\n", "line 2: `x` is not a URI"),
        (
            "Types: deb\nURIs: https://example.org\nSuites: x\n",
            "line 3: the suite `x` has no components",
        ),
        (
            "Types: deb\nURIs: https://example.org\nSuites: ./\nEnabled: perhaps\n",
            "line 4: `Enabled` is `perhaps`, which is neither yes nor no",
        ),
        (
            "deb https://example.org x main\n",
            "line 1: the name of a field has characters that it may not have",
        ),
        (
            "Types deb\n",
            "line 1: a line has no colon after the name of its field",
        ),
    ] {
        let read = parse_deb822(text.as_bytes());
        let [Err(error)] = &read[..] else {
            panic!("{read:?}")
        };
        assert_eq!(error.to_string(), expected, "{text}");
    }
}
