//! Locked tools, read, printed and compared. Invariant: `parse(print(lock))` is the normalised lock.

use proptest::prelude::*;

use super::*;
use crate::lock::Lock;

/// A crate of crates.io.
fn public(name: &str, version: &str, dependencies: &[&LockedCrate]) -> LockedCrate {
    let mut each = LockedCrate::new(
        wharf_ecosystem::cargo::crate_name(name).unwrap(),
        version.parse().unwrap(),
        Some(SourceId::crates_io()),
    );
    each.checksum = Some(checksum(7));
    each.dependencies = dependencies.iter().map(|each| each.id()).collect();
    each
}

fn checksum(byte: u8) -> Digest {
    Digest::from_bytes(wharf_core::Algorithm::Sha256, &[byte; 32]).unwrap()
}

fn request(name: &str, req: &str) -> ToolRequest {
    ToolRequest {
        name: wharf_ecosystem::cargo::crate_name(name).unwrap(),
        req: Req::parse(req).unwrap(),
        from: None,
        features: Vec::new(),
        default_features: true,
        all_features: false,
        bins: Vec::new(),
        locked: true,
    }
}

pub(crate) fn sample() -> Lock {
    let memchr = public("memchr", "2.7.4", &[]);
    let old = public("regex", "0.9.0", &[]);
    let new = public("regex", "1.11.1", &[&memchr]);
    let mut fork = public("regex", "1.11.1", &[]);
    fork.source = Some(
        SourceId::parse(
            "git+https://example.org/regex?branch=a%26b#0123456789012345678901234567890123456789",
        )
        .unwrap(),
    );
    fork.checksum = None;
    let mut corp = public("corp", "1.0.0", &[&fork]);
    corp.source = Some(SourceId::parse("sparse+https://example.org/index/").unwrap());
    let just = LockedTool {
        request: ToolRequest {
            features: vec!["b".to_owned(), "a".to_owned()],
            bins: vec!["just".to_owned()],
            default_features: false,
            locked: false,
            from: Some("registry:corp".to_owned()),
            ..request("just", "*")
        },
        root: public("just", "1.40.0", &[]),
        graph: GraphOrigin::Resolved,
        crates: Vec::new(),
    };
    let ripgrep = LockedTool {
        request: request("ripgrep", "14"),
        root: public("ripgrep", "14.1.1", &[&memchr, &new, &old, &fork, &corp]),
        graph: GraphOrigin::Packaged,
        crates: vec![new, old, corp, fork, memchr],
    };
    Lock {
        cargo: Some(ToolsLock {
            tools: vec![ripgrep, just],
        }),
        ..Lock::default()
    }
}

#[test]
fn a_lock_of_tools() {
    let lock = sample();
    let printed = lock.print();
    let seven = "07".repeat(32);
    let expected = format!(
        r#"# Written by Wharf. Change the manifest and run `wharf lock` rather than editing this file.
version = 1

[[cargo.tool]]
name = "just"
requirement = "*"
from = "registry:corp"
features = ["a", "b"]
bins = ["just"]
default-features = false
locked = false
version = "1.40.0"
checksum = "{seven}"
graph = "resolved"

[[cargo.tool]]
name = "ripgrep"
requirement = "^14"
version = "14.1.1"
checksum = "{seven}"
graph = "packaged"
dependencies = ["corp", "memchr", "regex 0.9.0", "regex 1.11.1 (registry+https://github.com/rust-lang/crates.io-index)", "regex 1.11.1 (git+https://example.org/regex?branch=a%26b#0123456789012345678901234567890123456789)"]
crates = [
    {{ name = "corp", version = "1.0.0", source = "sparse+https://example.org/index/", checksum = "{seven}", dependencies = ["regex 1.11.1 (git+https://example.org/regex?branch=a%26b#0123456789012345678901234567890123456789)"] }},
    {{ name = "memchr", version = "2.7.4", checksum = "{seven}" }},
    {{ name = "regex", version = "0.9.0", checksum = "{seven}" }},
    {{ name = "regex", version = "1.11.1", checksum = "{seven}", dependencies = ["memchr"] }},
    {{ name = "regex", version = "1.11.1", source = "git+https://example.org/regex?branch=a%26b#0123456789012345678901234567890123456789", checksum = "", dependencies = [] }},
]
"#
    );
    let expected = expected.replace(", checksum = \"\", dependencies = []", "");
    assert_eq!(printed, expected);
    let mut normal = lock;
    normal.normalize();
    assert_eq!(Lock::parse(&printed).unwrap(), normal);
}

#[test]
fn the_lock_that_cargo_gets() {
    let lock = sample().cargo.unwrap();
    let tool = lock
        .tools
        .iter()
        .find(|tool| tool.request.name.as_str() == "ripgrep")
        .unwrap();
    let text = tool.cargo_lock().print();
    assert!(
        text.contains("name = \"ripgrep\"\nversion = \"14.1.1\"\ndependencies = ["),
        "{text}"
    );
    let read = CargoLock::parse(&text).unwrap();
    assert_eq!(read.packages.len(), 6);
    assert_eq!(tool.find(&tool.crates[0].id()), Some(&tool.crates[0]));
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let sum = "07".repeat(32);
    let tool = |rest: &str| {
        format!(
            "version = 1\n[[cargo.tool]]\nname = \"a\"\nversion = \"1.0.0\"\ngraph = \"packaged\"\n{rest}"
        )
    };
    let with_sum = |rest: &str| tool(&format!("checksum = \"{sum}\"\n{rest}"));
    for (text, expected) in [
        (tool(""), "the crate `a` has no `checksum`"),
        (with_sum("new = 1"), "there is no key `new` in `[[cargo.tool]]`"),
        (
            with_sum("dependencies = [\"b\"]"),
            "the dependency `b` leads to no crate",
        ),
        (
            with_sum("crates = [{ name = \"b\", version = \"1.0.0\" }]"),
            "the crate `b` has no `checksum`",
        ),
        (
            with_sum("crates = [{ name = \"b\", version = \"x\" }]"),
            "unexpected character",
        ),
        (
            with_sum("crates = [{ name = \"../b\", version = \"1.0.0\" }]"),
            "not a valid cargo package name",
        ),
        (
            with_sum("crates = [{ name = \"b\", version = \"1.0.0\", source = \"path+/etc\" }]"),
            "comes from a folder",
        ),
        (
            with_sum(
                "crates = [{ name = \"b\", version = \"1.0.0\", source = \"git+https://example.org/b\" }]",
            ),
            "without a commit",
        ),
        (
            with_sum(
                "crates = [{ name = \"b\", version = \"1.0.0\", source = \"ftp+https://example.org/b\" }]",
            ),
            "neither a registry nor a repository",
        ),
        (with_sum("requirement = \"newest\""), "no range of versions"),
        (tool("checksum = \"07\""), "--> wharf.lock:6:12"),
        (
            tool(&format!(
                "checksum = \"{sum}\"\nsource = \"git+https://example.org/b#01\""
            )),
            "has a `checksum`",
        ),
        (
            with_sum(&format!(
                "crates = [{{ name = \"a\", version = \"1.0.0\", checksum = \"{sum}\" }}]"
            )),
            "`a 1.0.0 (registry+https://github.com/rust-lang/crates.io-index)` is there twice",
        ),
        (
            with_sum(&format!(
                "dependencies = [\"b\"]\ncrates = [{{ name = \"b\", version = \"1.0.0\", checksum = \"{sum}\" }}, {{ name = \"b\", version = \"2.0.0\", checksum = \"{sum}\" }}]"
            )),
            "leads to several crates",
        ),
        (
            format!(
                "{}[[cargo.tool]]\nname = \"a\"\nversion = \"1.0.0\"\ngraph = \"resolved\"\nchecksum = \"{sum}\"\n",
                with_sum("")
            ),
            "the tool `a` is there twice",
        ),
        (
            with_sum("").replace("packaged", "guessed"),
            "`guessed` is none of `packaged` and `resolved`",
        ),
        (
            with_sum("").replace("graph = \"packaged\"\n", ""),
            "`graph` is missing here",
        ),
        (
            "version = 1\n[cargo]\ntools = []".to_owned(),
            "there is no key `tools` in `[cargo]`",
        ),
        ("version = 1\ncargo = 3".to_owned(), "`cargo` must be a table"),
    ] {
        let told = Lock::parse(&text).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(expected), "{text}\n{told}");
    }
}

#[test]
fn a_lock_from_before_there_were_tools() {
    let text = "version = 1\n\n[inputs]\n";
    assert_eq!(Lock::parse(text).unwrap().cargo, None);
}

#[test]
fn differences_are_told_in_words() {
    let lock = sample().cargo.unwrap();
    let asked: Vec<ToolRequest> = lock.tools.iter().map(|tool| tool.request.clone()).collect();
    assert!(lock.differences(&asked).is_empty());
    let changed = [request("ripgrep", "15"), request("bat", "*")];
    assert_eq!(
        lock.differences(&changed),
        [
            "the tool `cargo:ripgrep@^14` became `cargo:ripgrep@^15`",
            "the tool `cargo:bat@*` is new",
            "the tool `cargo:just@* (from registry:corp; features b, a; without default features; commands just; not as its author locked it)` is gone",
        ]
    );
}

fn names() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-z][a-z0-9_-]{0,6}").unwrap()
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-z0-9/+\"\\\\ é-]{1,5}", 0..3)
}

fn sources() -> impl Strategy<Value = SourceId> {
    prop_oneof![
        3 => Just(SourceId::crates_io()),
        1 => "[a-z]{1,3}".prop_map(|host| SourceId::parse(&format!("sparse+https://{host}.example.org/i/")).unwrap()),
        1 => ("[a-z]{1,3}", "[a-f0-9]{4}").prop_map(|(path, commit)| SourceId::parse(&format!("git+https://example.org/{path}?tag=v1#{commit}")).unwrap()),
    ]
}

fn crates() -> impl Strategy<Value = Vec<LockedCrate>> {
    let one = (names(), 0u64..3, sources(), any::<u8>());
    let all = proptest::collection::vec(
        (one, proptest::collection::vec(any::<prop::sample::Index>(), 0..4)),
        1..6,
    );
    all.prop_map(|all| {
        let mut made: Vec<LockedCrate> = Vec::new();
        let mut edges = Vec::new();
        for ((name, major, source, byte), needs) in all {
            let mut each = public(&name, &format!("{major}.0.0"), &[]);
            each.checksum = source.is_registry().then(|| checksum(byte));
            each.source = Some(source);
            if made.iter().all(|other| other.id() != each.id()) {
                made.push(each);
                edges.push(needs);
            }
        }
        let ids: Vec<LockedId> = made.iter().map(LockedCrate::id).collect();
        for (each, needs) in made.iter_mut().zip(edges) {
            each.dependencies = needs.iter().map(|index| index.get(&ids).clone()).collect();
        }
        made
    })
}

fn tools() -> impl Strategy<Value = LockedTool> {
    (
        crates(),
        words(),
        words(),
        any::<[bool; 4]>(),
        proptest::option::of("[a-z:+]{1,8}"),
    )
        .prop_map(|(mut crates, features, bins, flags, from)| {
            let root = crates.remove(0);
            LockedTool {
                request: ToolRequest {
                    from,
                    features,
                    bins,
                    default_features: flags[0],
                    all_features: flags[1],
                    locked: flags[2],
                    req: if flags[3] {
                        Req::Any
                    } else {
                        Req::parse("^1.2, <1.9").unwrap()
                    },
                    ..request(root.name.as_str(), "*")
                },
                root,
                graph: if flags[0] {
                    GraphOrigin::Packaged
                } else {
                    GraphOrigin::Resolved
                },
                crates,
            }
        })
}

pub(crate) fn locks() -> impl Strategy<Value = ToolsLock> {
    proptest::collection::vec(tools(), 1..3).prop_map(|mut tools| {
        tools.sort_by(|a, b| a.request.name.cmp(&b.request.name));
        tools.dedup_by(|a, b| a.request.name == b.request.name);
        ToolsLock { tools }
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(tools in locks()) {
        let mut lock = Lock { cargo: Some(tools), ..Lock::default() };
        let printed = lock.print();
        let read = Lock::parse(&printed).unwrap();
        lock.normalize();
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.print(), printed);
    }

    #[test]
    fn a_changed_text_is_answered(tools in locks(), at in any::<prop::sample::Index>(), byte in "[\\[\\]{}=\",a-z0-9\n ]") {
        let mut text = Lock { cargo: Some(tools), ..Lock::default() }.print();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = *at.get(&places);
        text.insert_str(at, &byte);
        let _ = Lock::parse(&text);
    }
}
