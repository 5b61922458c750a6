//! Pins as they are written, and what they match.
use super::*;

fn pins(text: &str) -> Vec<Pin> {
    parse(text.as_bytes()).into_iter().map(Result::unwrap).collect()
}

#[test]
fn pins_of_every_kind() {
    let pins = pins(
        "Explanation: stay with stable\nPackage: *\nPin: release a=stable, o=Debian, c=main\nPin-Priority: 900\n\n\
         # newer ones\nPackage: nginx /^lib.*-dev$/ src:linux gcc-*:i386\nPin: version 1.2*\nPin-Priority: -10\n\n\
         Package: *\nPin: origin \"packages.example.org\"\nPin-Priority: 1001\n\n\
         Package: *\nPin: release bookworm-backports\nPin-Priority: 100\n\n\
         Package: *\nPin: release 12*\nPin-Priority: 100\n\n\
         Package: *\nPin: origin \"\"\nPin-Priority: 100\n",
    );
    assert_eq!(
        pins.iter().map(|pin| pin.priority).collect::<Vec<_>>(),
        [900, -10, 1001, 100, 100, 100]
    );
    assert!(pins[0].packages[0].is_any());
    let PinTarget::Release(conditions) = &pins[0].target else {
        panic!("{pins:?}")
    };
    let keys: Vec<_> = conditions.iter().map(|condition| condition.key).collect();
    assert_eq!(
        keys,
        [ReleaseKey::Suite, ReleaseKey::Origin, ReleaseKey::Component]
    );
    assert!(conditions[1].value.matches("debian"));

    let of = |name: &str, source: &str, architecture: &str| {
        pins[1]
            .packages
            .iter()
            .any(|pattern| pattern.matches(name, source, architecture))
    };
    assert!(of("nginx", "nginx", "amd64") && of("libpq-dev", "postgresql", "amd64"));
    assert!(of("linux-image-amd64", "linux", "amd64") && !of("linux", "linux-meta", "amd64"));
    assert!(of("gcc-12", "gcc-12", "i386") && !of("gcc-12", "gcc-12", "amd64"));
    assert_eq!(pins[1].target.matches_version("1.22.1-9"), Some(true));
    assert_eq!(pins[1].target.matches_version("2.0"), Some(false));
    assert_eq!((pins[1].line, pins[0].target.matches_version("1")), (7, None));

    let PinTarget::Origin(host) = &pins[2].target else {
        panic!("{pins:?}")
    };
    assert!(host.matches("packages.example.org"));
    for (pin, key) in [(3, ReleaseKey::SuiteOrCodename), (4, ReleaseKey::Version)] {
        let PinTarget::Release(conditions) = &pins[pin].target else {
            panic!("{pins:?}")
        };
        assert_eq!(conditions[0].key, key);
    }
    let PinTarget::Origin(local) = &pins[5].target else {
        panic!("{pins:?}")
    };
    assert!(local.matches("") && !local.matches("example.org"));
}

#[test]
fn versions_that_are_equal_are_meant() {
    let pin = &pins("Package: a1\nPin: version 0:1.0\nPin-Priority: 1\n")[0];
    assert_eq!(pin.target.matches_version("1.0-0"), Some(true));
    assert_eq!(pin.target.matches_version("1.0-1"), Some(false));
}

#[test]
fn what_is_no_pin_is_reported() {
    for (text, expected) in [
        (
            "Pin: version 1\nPin-Priority: 1\n",
            "line 1: there is no field `Package`",
        ),
        ("Package: a\nPin-Priority: 1\n", "line 1: there is no field `Pin`"),
        (
            "Package: a\nPin: version 1\n",
            "line 1: there is no field `Pin-Priority`",
        ),
        (
            "Package: a\nPin: version 1\nPin-Priority: 0\n",
            "line 3: `0` is not a priority: write a number between -32768 and 32767, but 0",
        ),
        (
            "Package: a\nPin: version 1\nPin-Priority: 40000\n",
            "line 3: `40000` is not a priority: write a number between -32768 and 32767, but 0",
        ),
        (
            "Package: a\nPin: host x\nPin-Priority: 1\n",
            "line 2: `host` is none of version, release, origin",
        ),
        (
            "Package: a\nPin: release x=y\nPin-Priority: 1\n",
            "line 2: `x` is none of a, n, o, l, c, v, b",
        ),
        (
            "Package: a\nPin: release a=b,c\nPin-Priority: 1\n",
            "line 2: the condition `c` has no `=`",
        ),
        (
            "Package: a\nPin: version\nPin-Priority: 1\n",
            "line 2: `version` names no version",
        ),
        (
            "Package: a\nPin: release\nPin-Priority: 1\n",
            "line 2: `release` has no condition",
        ),
    ] {
        let read = parse(format!("{text}\nPackage: b\nPin: version 1\nPin-Priority: 1\n").as_bytes());
        let [Err(error), Ok(_)] = &read[..] else {
            panic!("{read:?}")
        };
        assert_eq!(error.to_string(), expected);
    }
    let read = parse(b"Package: a \xff\nPin: version 1\nPin-Priority: 1\n");
    assert_eq!(read[0].as_ref().unwrap_err().reason, "`Package` is not UTF-8");
    let read = parse(b"Package: /(/\nPin: version 1\nPin-Priority: 1\n");
    assert!(
        read[0]
            .as_ref()
            .unwrap_err()
            .reason
            .starts_with("`/(/` is not a regular expression")
    );
}
