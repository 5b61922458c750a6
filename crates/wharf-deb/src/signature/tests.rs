//! Keys and signatures made by GnuPG 2.2, with its clock set to the first days of 2025: `tests/signature/README.md` says how.

use wharf_core::{Explain, Timestamp};

use super::*;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/signature/", $name))
    };
}

const TEXT: &[u8] = file!("Release");
const ALICE: &str = "A1D3BF72C5CC240C4A1B247684A995D761ED6DAF";
const ALICE_SUBKEY: &str = "1F16662EAD4D4417B878B7E65F2CAC97951C26CA";
const BOB: &str = "7BFE6395AF6FC6C13622DF958278F3F037F4CA82";
const CAROL: &str = "C5E27F2CD6DAF6B4442C6F8E7A66BFA1830AC120";
const DAVE: &str = "19AB59B099A76346C04634065AD28BC280C5E9B7";

fn at(day: &str) -> Timestamp {
    format!("{day}T00:00:00Z").parse().unwrap()
}

/// A day on which everything counts that ever does.
fn now() -> Timestamp {
    at("2025-01-05")
}

fn keys(bytes: &[u8]) -> Keyring {
    Keyring::parse(bytes).unwrap()
}

fn everybody() -> Keyring {
    keys(file!("all.gpg"))
}

/// Who signed, `key under primary` for subkeys, or the error's code and message.
fn inline(bytes: &[u8], keyring: &Keyring, now: Timestamp) -> Result<String, String> {
    told(verify_inline(bytes, keyring, now))
}

fn told(verified: Result<Verified, SignatureError>) -> Result<String, String> {
    let verified = verified.map_err(|error| format!("{}: {error}", error.code()))?;
    let signers: Vec<String> = verified
        .signers
        .iter()
        .map(|signer| {
            let user = signer.user.as_deref().unwrap_or("?");
            let (name, _) = user.split_once(' ').unwrap_or((user, ""));
            let kind = if signer.key == signer.primary {
                ""
            } else {
                "'s subkey"
            };
            format!("{name}{kind}")
        })
        .collect();
    Ok(signers.join(", "))
}

#[test]
fn signatures_that_count() {
    for (bytes, expected) in [
        (&file!("primary.inrelease")[..], "alice"),
        (file!("subkey.inrelease"), "alice's subkey"),
        (file!("two.inrelease"), "alice's subkey, bob"),
        (file!("rsa.inrelease"), "carol"),
        (file!("expiring.inrelease"), "bob"),
    ] {
        assert_eq!(inline(bytes, &everybody(), now()).as_deref(), Ok(expected));
    }
    let armored = keys(
        &[
            &file!("alice.asc")[..],
            b"-- and this is Bob's:\n",
            file!("bob.asc"),
        ]
        .concat(),
    );
    assert_eq!(
        inline(file!("two.inrelease"), &armored, now()).as_deref(),
        Ok("alice's subkey, bob")
    );
    assert_eq!(armored.keys().count(), 2);
}

#[test]
fn the_text_is_what_was_signed() {
    let verified = verify_inline(file!("subkey.inrelease"), &everybody(), now()).unwrap();
    let expected = String::from_utf8_lossy(TEXT)
        .replace("folded \n", "folded\n")
        .replace("line   \n", "line\n");
    assert_eq!(String::from_utf8_lossy(&verified.text), expected);
    let signer = &verified.signers[0];
    assert_eq!(
        (signer.primary.to_string(), signer.key.to_string()),
        (ALICE.to_owned(), ALICE_SUBKEY.to_owned())
    );
    assert_eq!(signer.user.as_deref(), Some("alice <alice@example.org>"));
    assert_eq!(signer.created.to_string(), "2025-01-02T12:00:01Z");
    // What travels may turn line ends around and add spaces to them: the text stays the same.
    let text = String::from_utf8_lossy(file!("subkey.inrelease"));
    for sent in [
        text.replace('\n', "\r\n"),
        text.replace("stable\n", "stable \t\r\n"),
    ] {
        assert_eq!(
            verify_inline(sent.as_bytes(), &everybody(), now()).unwrap(),
            verified
        );
    }
}

#[test]
fn detached_signatures() {
    for signature in [&file!("detached.gpg")[..], file!("detached.asc")] {
        let verified = verify_detached(TEXT, signature, &everybody(), now());
        assert_eq!(verified.as_ref().unwrap().text, TEXT);
        assert_eq!(told(verified).as_deref(), Ok("alice's subkey, bob"));
        let other = verify_detached(b"other", signature, &everybody(), now());
        assert_eq!(other.unwrap_err().code(), "deb/signature-bad");
    }
    let twice = [&file!("detached.asc")[..], file!("detached.asc")].concat();
    let verified = verify_detached(TEXT, &twice, &everybody(), now()).unwrap();
    assert_eq!(verified.signers.len(), 4);
    for (signature, code) in [
        (&b""[..], "deb/not-signed"),
        (b"\n", "deb/not-signed"),
        (b"<html>", "deb/signed-outside"),
        (file!("all.gpg"), "deb/signature-malformed"),
        (&file!("detached.gpg")[..20], "deb/signature-malformed"),
    ] {
        assert_eq!(
            verify_detached(TEXT, signature, &everybody(), now())
                .unwrap_err()
                .code(),
            code
        );
    }
}

#[test]
fn one_signature_that_counts_is_enough() {
    let bob = keys(file!("bob.asc"));
    let verified = verify_inline(file!("two.inrelease"), &bob, now()).unwrap();
    assert_eq!(verified.signers[0].key.to_string(), BOB);
    assert_eq!(
        verified.others,
        [Problem::UnknownKey {
            key: ALICE_SUBKEY.to_owned()
        }]
    );
    assert_eq!(
        inline(file!("dave.inrelease"), &everybody(), now()),
        Err(format!(
            "deb/key-unknown: it is signed by the key {DAVE}, which is not among the given ones"
        ))
    );
}

#[test]
fn only_some_keys_are_accepted() {
    let only = |fingerprint: &str| everybody().restricted_to([fingerprint]).unwrap();
    let refused = |key: &str| {
        Err(format!(
            "deb/signature-refused: it is signed by the key {key}, which `signed-by` does not accept"
        ))
    };
    let (primary, subkey) = (file!("primary.inrelease"), file!("subkey.inrelease"));
    for (accepted, bytes, expected) in [
        (ALICE.to_owned(), &primary[..], Ok("alice".to_owned())),
        (ALICE.to_lowercase(), subkey, Ok("alice's subkey".to_owned())),
        (format!("{ALICE}!"), primary, Ok("alice".to_owned())),
        (format!("{ALICE}!"), subkey, refused(ALICE_SUBKEY)),
        (ALICE_SUBKEY.to_owned(), subkey, Ok("alice's subkey".to_owned())),
        (
            format!("{ALICE_SUBKEY}!"),
            subkey,
            Ok("alice's subkey".to_owned()),
        ),
        (format!("{ALICE_SUBKEY}!"), primary, refused(ALICE)),
        (BOB.to_owned(), subkey, refused(ALICE_SUBKEY)),
    ] {
        assert_eq!(inline(bytes, &only(&accepted), now()), expected, "{accepted}");
    }
    let two = verify_inline(file!("two.inrelease"), &only(BOB), now()).unwrap();
    assert_eq!((two.signers.len(), two.others.len()), (1, 1));
    for bad in [
        "",
        "61ED6DAF",
        "84A995D761ED6DAF",
        "A1D3BF72C5CC240C4A1B247684A995D761ED6DAG",
    ] {
        assert!(everybody().restricted_to([bad]).is_err(), "{bad}");
    }
}

#[test]
fn keys_and_signatures_expire() {
    for (bytes, day, expected) in [
        (&file!("rsa.inrelease")[..], "2025-02-28", Ok("carol".to_owned())),
        (
            file!("rsa.inrelease"),
            "2025-03-02",
            Err(format!(
                "deb/signature-refused: the key {CAROL} expired at 2025-03-01T00:00:00Z"
            )),
        ),
        (file!("expiring.inrelease"), "2025-01-12", Ok("bob".to_owned())),
        (
            file!("expiring.inrelease"),
            "2025-01-13",
            Err(format!(
                "deb/signature-refused: the signature by the key {BOB} expired at 2025-01-12T12:00:00Z"
            )),
        ),
        (
            file!("primary.inrelease"),
            "2025-01-02",
            Err(format!(
                "deb/signature-refused: the signature by the key {ALICE} was made at 2025-01-02T12:00:00Z, which is still to come"
            )),
        ),
    ] {
        assert_eq!(inline(bytes, &everybody(), at(day)), expected, "{day}");
    }
}

#[test]
fn keys_are_revoked() {
    assert_eq!(
        inline(file!("dave.inrelease"), &keys(file!("dave.asc")), now()).as_deref(),
        Ok("dave")
    );
    assert_eq!(
        inline(file!("dave.inrelease"), &keys(file!("dave-revoked.asc")), now()),
        Err(format!(
            "deb/signature-refused: the key {DAVE} was revoked by its owner: the key was stolen"
        ))
    );
    // An older copy of the key that does not know of it yet changes nothing.
    for files in [["dave.asc", "dave-revoked.asc"], ["dave-revoked.asc", "dave.asc"]] {
        let mut both = Keyring::default();
        for name in files {
            let bytes: &[u8] = match name {
                "dave.asc" => file!("dave.asc"),
                _ => file!("dave-revoked.asc"),
            };
            both.extend(keys(bytes));
        }
        assert!(
            inline(file!("dave.inrelease"), &both, now()).is_err(),
            "{files:?}"
        );
    }
    let revoked = keys(file!("alice-subkey-revoked.asc"));
    assert_eq!(
        inline(file!("primary.inrelease"), &revoked, now()).as_deref(),
        Ok("alice")
    );
    assert_eq!(
        inline(file!("subkey.inrelease"), &revoked, now()),
        Err(format!(
            "deb/signature-refused: the key {ALICE_SUBKEY} was revoked by its owner: retired"
        ))
    );
}

#[test]
fn broken_digests_prove_nothing() {
    assert_eq!(
        inline(file!("sha1.inrelease"), &everybody(), now()),
        Err(format!(
            "deb/signature-refused: the signature by the key {CAROL} uses SHA-1, which is broken"
        ))
    );
}

#[test]
fn changed_texts_are_refused() {
    let text = String::from_utf8_lossy(file!("two.inrelease")).into_owned();
    let bad = Err("deb/signature-bad");
    for (changed, expected) in [
        (text.replace("stable", "stabel"), bad),
        (text.replace("Suite: stable\n", ""), bad),
        (text.replace("Suite: stable\n", "Suite: stable\n\n"), bad),
        (text.replace("\tfolded", " folded"), bad),
        (
            text.replace("Origin: Example\n", "Origin: Example\r"),
            Err("deb/signature-malformed"),
        ),
        (format!("Suite: evil\n{text}"), Err("deb/signed-outside")),
        (format!("{text}Suite: evil\n"), Err("deb/signed-outside")),
        (format!("{text}{text}"), Err("deb/signed-outside")),
        (text.replace("=", "a"), Err("deb/signature-malformed")),
        (format!("{text}\n \n"), Ok(())),
    ] {
        let verified = verify_inline(changed.as_bytes(), &everybody(), now());
        assert_eq!(
            verified.map(|_| ()).map_err(|error| error.code()),
            expected,
            "{changed}"
        );
    }
    // One signature that counts does not outweigh a bad one.
    let mut signature = file!("detached.gpg").to_vec();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(
        told(verify_detached(TEXT, &signature, &everybody(), now())),
        Err(format!(
            "deb/signature-bad: the signature by the key {BOB} does not fit the text: one of them was changed"
        ))
    );
}

/// The packets of a file, each with its header.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut split = Vec::new();
    while let [first, rest @ ..] = bytes {
        let (length, header) = match first & 3 {
            0 => (usize::from(rest[0]), 2),
            _ => (usize::from(rest[0]) << 8 | usize::from(rest[1]), 3),
        };
        let (packet, after) = bytes.split_at(header + length);
        split.push(packet.to_vec());
        bytes = after;
    }
    split
}

/// Alice's key, user, certification, subkey, binding; Bob's key, user, certification.
fn parts() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let decoded = |bytes: &[u8]| split(&armor::decode(bytes, 1, armor::Kind::Key).unwrap());
    (decoded(file!("alice.asc")), decoded(file!("bob.asc")))
}

#[test]
fn what_is_not_bound_counts_for_nothing() {
    let (alice, bob) = parts();
    assert_eq!((alice.len(), bob.len()), (5, 3));
    let unusable = |key: &str, reason: &str| {
        Err(format!(
            "deb/signature-refused: the key {key} cannot be used: {reason}"
        ))
    };
    let subkey = file!("subkey.inrelease");
    let judged = |parts: &[&Vec<u8>], bytes: &[u8]| {
        let bytes_of_keys: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        inline(bytes, &keys(&bytes_of_keys), now())
    };
    let whole: Vec<&Vec<u8>> = alice.iter().collect();
    assert_eq!(judged(&whole, subkey).as_deref(), Ok("alice's subkey"));
    // Somebody else's subkey under Bob's key.
    let stolen = [&bob[0], &bob[1], &bob[2], &alice[3], &alice[4]];
    assert_eq!(
        judged(&stolen, subkey),
        unusable(ALICE_SUBKEY, "nothing binds it to its primary key")
    );
    // Without its binding, and without its owner's name.
    assert_eq!(
        judged(&[&alice[0], &alice[1], &alice[2], &alice[3]], subkey),
        unusable(ALICE_SUBKEY, "nothing binds it to its primary key")
    );
    assert_eq!(
        judged(&[&alice[0], &alice[3], &alice[4]], subkey),
        unusable(ALICE, "nothing binds it to its owner")
    );
    // The owner's name, certified by somebody else.
    assert_eq!(
        judged(&[&alice[0], &alice[1], &bob[2]], file!("primary.inrelease")),
        unusable(ALICE, "nothing binds it to its owner")
    );
    // Without the signature by which the subkey binds itself in turn: GnuPG writes it where nothing signs it.
    let mut binding = alice[4].clone();
    let embedded = binding
        .iter()
        .rposition(|byte| *byte == 32)
        .expect("a part of that kind");
    let position = (0..=embedded)
        .rev()
        .find(|at| binding[*at] == 32 && binding[at + 1] == 4 && binding[at + 2] == 0x19)
        .expect("an embedded signature");
    binding[position] = 100;
    assert_eq!(
        judged(&[&alice[0], &alice[1], &alice[2], &alice[3], &binding], subkey),
        unusable(ALICE_SUBKEY, "it does not bind itself to its primary key")
    );
}

#[test]
fn what_cannot_be_read_costs_itself() {
    let (alice, bob) = parts();
    // A key of another version before, and what belongs to it; GnuPG's own notes in between.
    let mut future = alice[0].clone();
    let version = future.iter().position(|byte| *byte == 4).unwrap();
    future[version] = 9;
    let trust = vec![0xb0, 2, 0, 0];
    let mixed: Vec<u8> = [
        &future, &alice[1], &alice[2], &alice[3], &alice[4], &bob[0], &trust, &bob[1], &trust, &bob[2],
        &trust,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    let keyring = keys(&mixed);
    assert_eq!(keyring.keys().count(), 1);
    assert_eq!(keyring.unreadable(), ["a key of another version than 4"]);
    assert_eq!(
        inline(file!("two.inrelease"), &keyring, now()).as_deref(),
        Ok("bob")
    );
}

#[test]
fn files_that_hold_no_keys() {
    for (bytes, expected) in [
        (&b""[..], "the file of keys is empty"),
        (b"  \n", "the file of keys is empty"),
        (b"<html>", "the file of keys holds no public key"),
        (
            b"\x00\x00\x00\x20\x01\x01\x00\x02KBXf",
            "the file of keys is a keybox of GnuPG, which only GnuPG reads",
        ),
        (file!("detached.gpg"), "the file of keys holds no public key"),
        (
            &file!("all.gpg")[..30],
            "the file of keys holds no public key: a packet is cut off",
        ),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n",
            "the file of keys cannot be read: its signature cannot be read: its armor is cut off",
        ),
    ] {
        assert_eq!(Keyring::parse(bytes).unwrap_err().to_string(), expected);
    }
}

#[test]
fn every_change_of_a_signed_file_is_seen() {
    let bytes = file!("two.inrelease");
    let good = verify_inline(bytes, &everybody(), now()).unwrap();
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut changed = bytes.to_vec();
            changed[at] ^= flip;
            if let Ok(verified) = verify_inline(&changed, &everybody(), now()) {
                assert_eq!(verified.text, good.text, "byte {at} ^ {flip:x}");
            }
        }
    }
}
