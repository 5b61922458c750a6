//! OpenPGP keys that sign a repository, and their signatures, written packet by packet.
//!
//! Invariant: the same seed gives the same key, and the same text the same signature; nothing is shared with the library that
//! verifies. Only Ed25519, only version 4. Source: RFC 4880 (packets, signatures, armor, clear-signed text), and
//! RFC 9580, section 9.2 (the algorithm 22, its curve and its points).

use std::fmt::Write;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::server::base64;

/// When every key was made, unless said otherwise: 2023-01-01, in seconds since 1970.
pub(super) const KEY_MADE: u32 = 1_672_531_200;
/// EdDSA as version 4 keys have it.
const ALGORITHM: u8 = 22;
/// The object identifier of Curve25519 for signatures, with its length.
const CURVE: [u8; 10] = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
const PUBLIC_KEY: u8 = 6;
const PUBLIC_SUBKEY: u8 = 14;
const USER_ID: u8 = 13;
const SIGNATURE: u8 = 2;
const TEXT_SIGNATURE: u8 = 0x01;
const BINARY_SIGNATURE: u8 = 0x00;
const CERTIFICATION: u8 = 0x13;
const SUBKEY_BINDING: u8 = 0x18;
const PRIMARY_BINDING: u8 = 0x19;
const KEY_REVOCATION: u8 = 0x20;
const SUBKEY_REVOCATION: u8 = 0x28;

/// Which digest a signature is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebHash {
    /// Withdrawn: no client should take it.
    Sha1,
    /// As older archives do.
    Sha256,
    /// As the archives do today.
    Sha512,
}

impl DebHash {
    fn number(self) -> u8 {
        match self {
            Self::Sha1 => 2,
            Self::Sha256 => 8,
            Self::Sha512 => 10,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        };
        digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// A key that signs repositories: a primary key, and a subkey where asked for. Cheap to make and to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebKey {
    seed: u8,
    user: String,
    made: u32,
    expires_after: Option<u32>,
    revoked: bool,
    subkey: Option<Subkey>,
    hash: DebHash,
    signature_expires_after: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Subkey {
    expires_after: Option<u32>,
    revoked: bool,
    bound_back: bool,
}

impl DebKey {
    /// The key of this number: made on 2023-01-01, never expires, signs by itself with SHA-512.
    #[must_use]
    pub fn of(seed: u8) -> Self {
        Self {
            seed,
            user: format!("Testkit Archive Key {seed} <key{seed}@example.org>"),
            made: KEY_MADE,
            expires_after: None,
            revoked: false,
            subkey: None,
            hash: DebHash::Sha512,
            signature_expires_after: None,
        }
    }

    /// Made at this moment, in seconds since 1970.
    #[must_use]
    pub fn made(mut self, made: u32) -> Self {
        self.made = made;
        self
    }

    /// The primary key (and with it the subkey) holds for so many seconds after it was made.
    #[must_use]
    pub fn expires_after(mut self, seconds: u32) -> Self {
        self.expires_after = Some(seconds);
        self
    }

    /// Withdrawn by its owner.
    #[must_use]
    pub fn revoked(mut self) -> Self {
        self.revoked = true;
        self
    }

    /// Signs by a subkey, as the archives of Debian do.
    #[must_use]
    pub fn with_subkey(mut self) -> Self {
        self.subkey = Some(Subkey {
            expires_after: None,
            revoked: false,
            bound_back: true,
        });
        self
    }

    /// Signs by a subkey that holds for so many seconds after the key was made.
    #[must_use]
    pub fn with_subkey_expiring_after(self, seconds: u32) -> Self {
        self.with_subkey_changed(|subkey| subkey.expires_after = Some(seconds))
    }

    /// Signs by a subkey that its owner withdrew.
    #[must_use]
    pub fn with_revoked_subkey(self) -> Self {
        self.with_subkey_changed(|subkey| subkey.revoked = true)
    }

    /// Signs by a subkey that never said that it belongs to the primary key: anybody could have attached it.
    #[must_use]
    pub fn with_unbound_subkey(self) -> Self {
        self.with_subkey_changed(|subkey| subkey.bound_back = false)
    }

    /// Signs with this digest.
    #[must_use]
    pub fn hash(mut self, hash: DebHash) -> Self {
        self.hash = hash;
        self
    }

    /// Its signatures of repositories hold for so many seconds.
    #[must_use]
    pub fn signatures_expire_after(mut self, seconds: u32) -> Self {
        self.signature_expires_after = Some(seconds);
        self
    }

    /// The fingerprint of the primary key, in upper-case hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&fingerprint(&self.primary_body()))
    }

    /// The fingerprint of the key that signs, in upper-case hexadecimal: the subkey's where there is one.
    #[must_use]
    pub fn signing_fingerprint(&self) -> String {
        hex(&fingerprint(&self.signing_body()))
    }

    /// The public key as `.gpg` files have it.
    #[must_use]
    pub fn binary(&self) -> Vec<u8> {
        let primary = self.primary_body();
        let mut packets = packet(PUBLIC_KEY, &primary);
        if self.revoked {
            let about = key_material(&primary);
            let revocation = self.made_signature(KEY_REVOCATION, &about, &[subpacket(29, b"\x02lost")]);
            packets.extend(revocation);
        }
        packets.extend(packet(USER_ID, self.user.as_bytes()));
        let user = self.user.as_bytes();
        let about = [&key_material(&primary)[..], &[0xb4], &be(user.len()), user].concat();
        let mut said = vec![subpacket(27, &[0x03])];
        said.extend(self.expires_after.map(|after| subpacket(9, &after.to_be_bytes())));
        packets.extend(self.made_signature(CERTIFICATION, &about, &said));
        if let Some(subkey) = &self.subkey {
            packets.extend(self.subkey_packets(subkey));
        }
        packets
    }

    /// The public key as `.asc` files have it.
    #[must_use]
    pub fn armored(&self) -> String {
        armor("PUBLIC KEY BLOCK", &self.binary())
    }

    /// Several keys in one `.gpg` file.
    #[must_use]
    pub fn keyring(keys: &[Self]) -> Vec<u8> {
        keys.iter().flat_map(Self::binary).collect()
    }

    /// A signature of bytes, as a packet. `at` is in seconds since 1970.
    #[must_use]
    pub fn signature(&self, bytes: &[u8], at: u32) -> Vec<u8> {
        self.release_signature(BINARY_SIGNATURE, bytes, at)
    }

    fn with_subkey_changed(self, change: impl FnOnce(&mut Subkey)) -> Self {
        let mut key = self.with_subkey();
        if let Some(subkey) = &mut key.subkey {
            change(subkey);
        }
        key
    }

    fn subkey_packets(&self, subkey: &Subkey) -> Vec<u8> {
        let (primary, body) = (self.primary_body(), self.signing_body());
        let about = [key_material(&primary), key_material(&body)].concat();
        let mut said = vec![subpacket(27, &[0x02])];
        said.extend(
            subkey
                .expires_after
                .map(|after| subpacket(9, &after.to_be_bytes())),
        );
        if subkey.bound_back {
            let back = signature_body(&Making {
                pair: &self.signing_pair(),
                issuer: fingerprint(&body),
                kind: PRIMARY_BINDING,
                hash: DebHash::Sha512,
                at: self.made,
                said: &[],
                about: &about,
            });
            said.push(subpacket(32, &back));
        }
        let mut packets = packet(PUBLIC_SUBKEY, &body);
        packets.extend(self.made_signature(SUBKEY_BINDING, &about, &said));
        if subkey.revoked {
            packets.extend(self.made_signature(SUBKEY_REVOCATION, &about, &[subpacket(29, b"\x02lost")]));
        }
        packets
    }

    /// A signature of the primary key about keys, as a packet.
    fn made_signature(&self, kind: u8, about: &[u8], said: &[Vec<u8>]) -> Vec<u8> {
        let body = signature_body(&Making {
            pair: &pair(self.seed, 0),
            issuer: fingerprint(&self.primary_body()),
            kind,
            hash: DebHash::Sha512,
            at: self.made,
            said,
            about,
        });
        packet(SIGNATURE, &body)
    }

    fn release_signature(&self, kind: u8, bytes: &[u8], at: u32) -> Vec<u8> {
        let expires = self.signature_expires_after;
        let said: Vec<_> = expires
            .map(|after| subpacket(3, &after.to_be_bytes()))
            .into_iter()
            .collect();
        let body = signature_body(&Making {
            pair: &self.signing_pair(),
            issuer: fingerprint(&self.signing_body()),
            kind,
            hash: self.hash,
            at,
            said: &said,
            about: bytes,
        });
        packet(SIGNATURE, &body)
    }

    fn signing_pair(&self) -> Ed25519KeyPair {
        pair(self.seed, u8::from(self.subkey.is_some()))
    }

    fn primary_body(&self) -> Vec<u8> {
        key_body(self.made, &pair(self.seed, 0))
    }

    fn signing_body(&self) -> Vec<u8> {
        key_body(self.made, &self.signing_pair())
    }
}

/// A text with its signatures in one file, as `InRelease` is. `at` is in seconds since 1970.
#[must_use]
pub fn clear_signed(text: &str, keys: &[DebKey], at: u32) -> String {
    let mut hashes: Vec<_> = keys.iter().map(|key| key.hash.name()).collect();
    hashes.dedup();
    let mut signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: {}\n\n",
        hashes.join(", ")
    );
    for line in text.lines() {
        let escape = if line.starts_with('-') { "- " } else { "" };
        let _ = writeln!(signed, "{escape}{line}");
    }
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_end_matches([' ', '\t']))
        .collect();
    let canonical = lines.join("\r\n");
    let packets: Vec<u8> = keys
        .iter()
        .flat_map(|key| key.release_signature(TEXT_SIGNATURE, canonical.as_bytes(), at))
        .collect();
    signed + &armor("SIGNATURE", &packets)
}

/// The signatures of a file in one of their own, as `Release.gpg` is. `at` is in seconds since 1970.
#[must_use]
pub fn detached_signature(bytes: &[u8], keys: &[DebKey], at: u32) -> String {
    let packets: Vec<u8> = keys.iter().flat_map(|key| key.signature(bytes, at)).collect();
    armor("SIGNATURE", &packets)
}

/// What a signature is made of.
struct Making<'a> {
    pair: &'a Ed25519KeyPair,
    issuer: Vec<u8>,
    kind: u8,
    hash: DebHash,
    at: u32,
    said: &'a [Vec<u8>],
    about: &'a [u8],
}

/// The body of a signature packet. Source: RFC 4880, sections 5.2.3 and 5.2.4.
fn signature_body(making: &Making<'_>) -> Vec<u8> {
    let mut hashed = subpacket(2, &making.at.to_be_bytes());
    hashed.extend(subpacket(33, &[&[4], &making.issuer[..]].concat()));
    hashed.extend(making.said.concat());
    let mut body = vec![4, making.kind, ALGORITHM, making.hash.number()];
    body.extend(short(hashed.len()));
    body.extend(hashed);
    let trailer = [&[4, 0xff][..], &be(body.len())].concat();
    let digest = making.hash.of(&[making.about, &body, &trailer].concat());
    let unhashed = subpacket(16, &making.issuer[12..]);
    body.extend(short(unhashed.len()));
    body.extend(unhashed);
    body.extend(&digest[..2]);
    let signature = making.pair.sign(&digest);
    let (r, s) = signature.as_ref().split_at(32);
    body.extend(number(r));
    body.extend(number(s));
    body
}

/// The key pair of a seed: number 0 is the primary key, 1 the subkey.
fn pair(seed: u8, number: u8) -> Ed25519KeyPair {
    let mut bytes = [seed; 32];
    bytes[0] = number;
    Ed25519KeyPair::from_seed_unchecked(&bytes).expect("32 bytes are a seed")
}

fn key_body(made: u32, pair: &Ed25519KeyPair) -> Vec<u8> {
    let point = [&[0x40], pair.public_key().as_ref()].concat();
    let mut body = vec![4];
    body.extend(made.to_be_bytes());
    body.push(ALGORITHM);
    body.extend(CURVE);
    body.extend(number(&point));
    body
}

/// A key as signatures and fingerprints hash it.
fn key_material(body: &[u8]) -> Vec<u8> {
    [&[0x99], &short(body.len())[..], body].concat()
}

fn fingerprint(body: &[u8]) -> Vec<u8> {
    DebHash::Sha1.of(&key_material(body))
}

/// A packet with a length of the new format's five octets.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 0xff], &be(body.len())[..], body].concat()
}

/// A subpacket with a length of five octets.
fn subpacket(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff], &be(content.len() + 1)[..], &[kind], content].concat()
}

/// A number of many bits: how many, then the bytes without leading zeros.
fn number(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[first..];
    let bits = bytes
        .first()
        .map_or(0, |byte| bytes.len() * 8 - byte.leading_zeros() as usize);
    [&short(bits)[..], bytes].concat()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length)
        .expect("what the testkit signs is short")
        .to_be_bytes()
}

fn be(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("what the testkit signs is short")
        .to_be_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Packets as text. Source: RFC 4880, section 6.
fn armor(kind: &str, packets: &[u8]) -> String {
    let mut text = format!("-----BEGIN PGP {kind}-----\n\n");
    for line in base64(packets).as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    let sum = checksum(packets).to_be_bytes();
    let _ = write!(text, "={}\n-----END PGP {kind}-----\n", base64(&sum[1..]));
    text
}

/// The 24-bit sum of armored packets. Source: RFC 4880, section 6.1.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 16), |sum, _| {
            let shifted = sum << 1;
            if shifted & 0x0100_0000 == 0 {
                shifted
            } else {
                shifted ^ 0x0186_4cfb
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_leading_zeros() {
        assert_eq!(number(&[0, 0, 1, 255]), [0, 9, 1, 255]);
        assert_eq!(number(&[0x40, 1]), [0, 15, 0x40, 1]);
        assert_eq!(number(&[0]), [0, 0]);
    }

    #[test]
    fn a_key_is_the_same_every_time_and_differs_from_the_next() {
        assert_eq!(DebKey::of(1).binary(), DebKey::of(1).binary());
        assert_ne!(DebKey::of(1).fingerprint(), DebKey::of(2).fingerprint());
        let subkey = DebKey::of(1).with_subkey();
        assert_eq!(subkey.fingerprint(), DebKey::of(1).fingerprint());
        assert_ne!(subkey.signing_fingerprint(), subkey.fingerprint());
    }

    #[test]
    fn the_checksum_is_that_of_the_published_vector() {
        // The catalogue of CRC algorithms, CRC-24/OPENPGP.
        assert_eq!(checksum(b"123456789"), 0x0021_cf02);
    }
}
