//! Packets of OpenPGP: public keys, the names of their owners, and signatures, all of version 4. Invariant: what cannot be
//! read costs the packet; a length that does not fit costs the rest. Source: RFC 9580, sections 4.2, 5.2, 5.5 and 5.11.

use ring::digest;

/// What a stream of packets consists of.
#[derive(Clone, Debug)]
pub(super) enum Packet {
    /// A key that others may belong to.
    Primary(Key),
    /// A key that belongs to the primary one before it.
    Subkey(Key),
    /// The owner's name, seldom anything but UTF-8.
    User(Vec<u8>),
    /// A signature.
    Signature(Box<Signature>),
    /// What counts for nothing here, such as what GnuPG notes for itself.
    Ignored,
    /// What cannot be read although its bounds are known.
    Unsupported(Unsupported),
}

/// What cannot be read although its bounds are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsupported {
    /// A key that others may belong to.
    Primary(String),
    /// Something that belongs to the primary key before it.
    Part(String),
    /// A signature.
    Signature(String),
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The packet without its header: what fingerprints and signatures are made over.
    pub(super) body: Vec<u8>,
    /// When it was made, in seconds since 1970.
    pub(super) created: u32,
    /// SHA-1 of the key.
    pub(super) fingerprint: Vec<u8>,
    /// The numbers that it consists of.
    pub(super) material: Material,
}

/// The numbers that a key consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Material {
    /// Modulus and exponent, without leading zeros.
    Rsa {
        /// n
        modulus: Vec<u8>,
        /// e
        exponent: Vec<u8>,
    },
    /// A point of Curve25519.
    Ed25519(Vec<u8>),
    /// A point of a curve of NIST.
    Ecdsa(Curve, Vec<u8>),
    /// Of a kind that cannot sign, or is not known; by name.
    Other(&'static str),
}

/// A curve of NIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// Of 256 bits.
    P256,
    /// Of 384 bits.
    P384,
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// What it is over.
    pub(super) kind: Kind,
    /// By which algorithm, as a number: one has two ways to write its value.
    pub(super) algorithm: u8,
    /// Which digest.
    pub(super) digest: Digest,
    /// The part of the packet that is signed too.
    pub(super) signed: Vec<u8>,
    /// The first two bytes of the digest.
    pub(super) check: [u8; 2],
    /// The numbers that it consists of, as the algorithm has them.
    pub(super) value: Vec<u8>,
    /// What it says of itself and others.
    pub(super) said: Said,
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes.
    Binary,
    /// Lines.
    Text,
    /// A key and its owner's name.
    Certification,
    /// A subkey and its primary key, by that.
    SubkeyBinding,
    /// A subkey and its primary key, by the subkey.
    PrimaryBinding,
    /// A key.
    Direct,
    /// A key that is not to be used any more.
    KeyRevocation,
    /// A subkey that is not to be used any more.
    SubkeyRevocation,
    /// A name that is not the owner's any more.
    CertificationRevocation,
    /// Something else.
    Other,
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// Broken.
    Md5,
    /// Broken for collisions.
    Sha1,
    /// Broken, nearly.
    Ripemd160,
    /// SHA-2 with 256 bits.
    Sha256,
    /// SHA-2 with 384 bits.
    Sha384,
    /// SHA-2 with 512 bits.
    Sha512,
    /// Another, by its number.
    Other(u8),
}

/// What a signature says of itself and others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// When it was made, in seconds since 1970.
    pub(super) created: Option<u32>,
    /// How many seconds after that it counts.
    pub(super) expires_after: Option<u32>,
    /// How many seconds after it was made the key counts.
    pub(super) key_expires_after: Option<u32>,
    /// Whether the key may sign texts.
    pub(super) may_sign: Option<bool>,
    /// Whether the name is the owner's first.
    pub(super) is_primary_user: bool,
    /// Why a key is revoked.
    pub(super) reason: Option<String>,
    /// The signature of a subkey in turn.
    pub(super) embedded: Option<Vec<u8>>,
    /// The fingerprint of the key that made it.
    pub(super) fingerprint: Option<Vec<u8>>,
    /// The last 8 bytes of that.
    pub(super) key_id: Option<Vec<u8>>,
    /// There is something that must not be ignored, and that is not known.
    pub(super) has_unknown: bool,
}

/// Why the rest of a stream of packets cannot be read.
pub(super) type Broken = &'static str;

/// The packets of a stream.
pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<Packet, Broken>> {
    let mut reader = Reader(bytes);
    std::iter::from_fn(move || {
        if reader.0.is_empty() {
            return None;
        }
        let packet = header(&mut reader);
        if packet.is_err() {
            reader.0 = &[];
        }
        Some(packet.map(|(tag, body)| read(tag, body)))
    })
}

/// The kind of the next packet, and what it holds.
fn header<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), Broken> {
    const CUT: Broken = "a packet is cut off";
    let first = reader.byte().ok_or(CUT)?;
    if first & 0x80 == 0 {
        return Err("these are no packets of OpenPGP");
    }
    let (tag, length) = if first & 0x40 != 0 {
        (first & 0x3f, reader.length(Partial::Refused).ok_or(CUT)?)
    } else {
        let size = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Err("a packet has no length"),
        };
        ((first >> 2) & 0x0f, reader.number(size).ok_or(CUT)?)
    };
    Ok((tag, reader.take(length).ok_or(CUT)?))
}

fn read(tag: u8, body: &[u8]) -> Packet {
    let part = |what: &str| Packet::Unsupported(Unsupported::Part(what.to_owned()));
    match tag {
        2 => match Signature::parse(body) {
            Ok(signature) => Packet::Signature(Box::new(signature)),
            Err(reason) => Packet::Unsupported(Unsupported::Signature(reason.to_owned())),
        },
        6 => match Key::parse(body) {
            Ok(key) => Packet::Primary(key),
            Err(reason) => Packet::Unsupported(Unsupported::Primary(reason.to_owned())),
        },
        14 => match Key::parse(body) {
            Ok(key) => Packet::Subkey(key),
            Err(reason) => part(reason),
        },
        5 => Packet::Unsupported(Unsupported::Primary("it is a secret key".to_owned())),
        7 => part("it is a secret key"),
        13 => Packet::User(body.to_vec()),
        17 => part("it is a picture"),
        _ => Packet::Ignored,
    }
}

impl Key {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "a key is cut off";
        let mut reader = Reader(body);
        match reader.byte().ok_or(CUT)? {
            4 => {}
            _ => return Err("a key of another version than 4"),
        }
        let created = reader.number(4).ok_or(CUT)?;
        let algorithm = reader.byte().ok_or(CUT)?;
        let length = u16::try_from(body.len()).map_err(|_| "a key is too long")?;
        let mut hashed = vec![0x99];
        hashed.extend(length.to_be_bytes());
        hashed.extend(body);
        Ok(Self {
            body: body.to_vec(),
            created: u32::try_from(created).map_err(|_| CUT)?,
            fingerprint: digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed)
                .as_ref()
                .to_vec(),
            material: Material::parse(algorithm, reader).ok_or(CUT)?,
        })
    }

    /// What signatures over the key are made over: `0x99`, its length, itself.
    pub(super) fn hashed(&self) -> Vec<u8> {
        let length = u16::try_from(self.body.len()).expect("a key that was read is short");
        let mut bytes = vec![0x99];
        bytes.extend(length.to_be_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

impl Material {
    fn parse(algorithm: u8, mut reader: Reader<'_>) -> Option<Self> {
        /// The object identifiers of curves.
        const ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
        Some(match algorithm {
            1 | 3 => Material::Rsa {
                modulus: reader.integer()?.to_vec(),
                exponent: reader.integer()?.to_vec(),
            },
            19 | 22 => {
                let size = usize::from(reader.byte()?);
                let curve = reader.take(size)?;
                let point = reader.integer()?;
                match (algorithm, curve, point) {
                    (22, ED25519, [0x40, point @ ..]) => Material::Ed25519(point.to_vec()),
                    (19, P256, _) => Material::Ecdsa(Curve::P256, point.to_vec()),
                    (19, P384, _) => Material::Ecdsa(Curve::P384, point.to_vec()),
                    _ => Material::Other("its curve is none of Ed25519, P-256 and P-384"),
                }
            }
            27 => Material::Ed25519(reader.take(32)?.to_vec()),
            2 | 16 | 18 | 25 | 26 => Material::Other("it can only encrypt"),
            17 => Material::Other("DSA is not safe any more"),
            _ => Material::Other("its algorithm is none of RSA, ECDSA and Ed25519"),
        })
    }
}

impl Signature {
    /// Reads a packet without its header.
    pub(super) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "a signature is cut off";
        let mut reader = Reader(body);
        if reader.byte().ok_or(CUT)? != 4 {
            return Err("a signature of another version than 4");
        }
        let kind = Kind::of(reader.byte().ok_or(CUT)?);
        let algorithm = reader.byte().ok_or(CUT)?;
        let digest = Digest::of(reader.byte().ok_or(CUT)?);
        let length = reader.number(2).ok_or(CUT)?;
        let hashed = reader.take(length).ok_or(CUT)?;
        let signed = body[..6 + hashed.len()].to_vec();
        let length = reader.number(2).ok_or(CUT)?;
        let unhashed = reader.take(length).ok_or(CUT)?;
        let check = reader.take(2).ok_or(CUT)?;
        let mut said = Said::default();
        said.read(hashed, Area::Signed).ok_or(CUT)?;
        said.read(unhashed, Area::Added).ok_or(CUT)?;
        Ok(Self {
            kind,
            algorithm,
            digest,
            signed,
            check: [check[0], check[1]],
            value: reader.0.to_vec(),
            said,
        })
    }

    /// What is signed behind the text or the keys.
    pub(super) fn trailer(&self) -> Vec<u8> {
        let length = u32::try_from(self.signed.len()).expect("a length of 16 bits and six bytes more");
        let mut bytes = self.signed.clone();
        bytes.extend([4, 0xff]);
        bytes.extend(length.to_be_bytes());
        bytes
    }
}

impl Kind {
    fn of(number: u8) -> Self {
        match number {
            0x00 => Kind::Binary,
            0x01 => Kind::Text,
            0x10..=0x13 => Kind::Certification,
            0x18 => Kind::SubkeyBinding,
            0x19 => Kind::PrimaryBinding,
            0x1f => Kind::Direct,
            0x20 => Kind::KeyRevocation,
            0x28 => Kind::SubkeyRevocation,
            0x30 => Kind::CertificationRevocation,
            _ => Kind::Other,
        }
    }
}

impl Digest {
    fn of(number: u8) -> Self {
        match number {
            1 => Digest::Md5,
            2 => Digest::Sha1,
            3 => Digest::Ripemd160,
            8 => Digest::Sha256,
            9 => Digest::Sha384,
            10 => Digest::Sha512,
            other => Digest::Other(other),
        }
    }

    /// Its name, for messages.
    pub(super) fn name(self) -> String {
        match self {
            Digest::Md5 => "MD5".to_owned(),
            Digest::Sha1 => "SHA-1".to_owned(),
            Digest::Ripemd160 => "RIPEMD-160".to_owned(),
            Digest::Sha256 => "SHA-256".to_owned(),
            Digest::Sha384 => "SHA-384".to_owned(),
            Digest::Sha512 => "SHA-512".to_owned(),
            Digest::Other(number) => format!("the digest {number}"),
        }
    }
}

/// Where something is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    /// In what the signature covers.
    Signed,
    /// Beside that: anybody may have put it there, so only what leads to a key or is signed itself counts.
    Added,
}

impl Said {
    /// Reads one area; `None` where a length does not fit. Of what is said twice the first counts.
    fn read(&mut self, area: &[u8], place: Area) -> Option<()> {
        let mut reader = Reader(area);
        while !reader.0.is_empty() {
            let length = reader.length(Partial::Length)?;
            let part = reader.take(length)?;
            let (kind, value) = part.split_first()?;
            self.take(kind & 0x7f, kind & 0x80 != 0, value, place);
        }
        Some(())
    }

    fn take(&mut self, kind: u8, critical: bool, value: &[u8], place: Area) {
        match kind {
            16 if value.len() == 8 => _ = self.key_id.get_or_insert_with(|| value.to_vec()),
            33 if value.first() == Some(&4) => {
                self.fingerprint.get_or_insert_with(|| value[1..].to_vec());
            }
            32 => _ = self.embedded.get_or_insert_with(|| value.to_vec()),
            _ if place == Area::Added => {}
            2 => set(&mut self.created, value),
            3 => set(&mut self.expires_after, value),
            9 => set(&mut self.key_expires_after, value),
            25 => self.is_primary_user |= value.first().is_some_and(|byte| *byte != 0),
            27 => {
                let flags = value.first().copied().unwrap_or(0);
                self.may_sign.get_or_insert(flags & 2 != 0);
            }
            29 => {
                let text = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
                self.reason.get_or_insert_with(|| text.trim().to_owned());
            }
            // Preferences of the owner, and what binds certificates together: nothing that could take a signature's force.
            4..=7 | 11 | 12 | 16 | 21..=24 | 26 | 28 | 30 | 33..=35 | 39 => {}
            _ => self.has_unknown |= critical,
        }
    }
}

fn set(slot: &mut Option<u32>, value: &[u8]) {
    if let Ok(bytes) = <[u8; 4]>::try_from(value) {
        slot.get_or_insert(u32::from_be_bytes(bytes));
    }
}

/// Whether a first byte of 224 and more begins a length in parts, or one of two bytes as those below it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partial {
    /// In headers of packets, where it belongs to data only.
    Refused,
    /// Within signatures.
    Length,
}

/// Bytes that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, four at most.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(taken.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    fn length(&mut self, partial: Partial) -> Option<usize> {
        let first = usize::from(self.byte()?);
        match first {
            0..192 => Some(first),
            255 => self.number(4),
            224.. if partial == Partial::Refused => None,
            _ => Some(((first - 192) << 8) + usize::from(self.byte()?) + 192),
        }
    }

    /// A number with its length in bits before it, without leading zeros.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let bits = self.number(2)?;
        let bytes = self.take(bits.div_ceil(8))?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(&bytes[zeros..])
    }
}
