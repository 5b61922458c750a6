//! Whether a key may have made a signature: it is bound to its owner, meant for signing, neither revoked nor expired.
//!
//! What a key says of itself counts where the signature by which it says so holds: of several the newest. These
//! signatures may be over SHA-1, as those of many keys in use are: the file with the keys is trusted as it lies there,
//! and they only narrow what the key may do. MD5 is refused there too.
//!
//! Source: RFC 9580, sections 5.2.1, 5.2.3 and 10.1.

use wharf_core::Timestamp;

use super::keyring::KeySummary;
use super::packet::{Digest, Key, Kind, Packet, Signature, Unsupported};
use super::verify::{Refusal, verify};
use super::{Fingerprint, Problem, Signer};

/// A key with its subkeys and what it says of itself.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    key: Key,
    /// Signatures over the key itself.
    signatures: Vec<Signature>,
    users: Vec<Part<Vec<u8>>>,
    subkeys: Vec<Part<Key>>,
}

/// What belongs to a key, with the signatures that say so.
#[derive(Clone, Debug)]
struct Part<T> {
    item: T,
    signatures: Vec<Signature>,
}

/// Clocks of signers and users differ by minutes.
const CLOCKS_DIFFER: i64 = 15 * 60;

/// Which of a certificate's keys: the primary one, or a subkey by its place.
pub(super) type Which = Option<usize>;

/// The certificates of a stream of packets; what cannot be read is told in words.
pub(super) fn certificates(
    packets: impl Iterator<Item = Packet>,
    unreadable: &mut Vec<String>,
) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    // Whether what comes belongs to the last certificate, and to which part of it.
    let mut place = Place::Nowhere;
    for packet in packets {
        match packet {
            Packet::Primary(key) => {
                found.push(Certificate::new(key));
                place = Place::Key;
            }
            Packet::Unsupported(Unsupported::Primary(reason)) => {
                unreadable.push(reason);
                place = Place::Nowhere;
            }
            Packet::Ignored | Packet::Unsupported(Unsupported::Signature(_)) => {}
            other => {
                if let Some(last) = found.last_mut().filter(|_| place != Place::Nowhere) {
                    place = last.take(other, place);
                }
            }
        }
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a key that cannot be read.
    Nowhere,
    Key,
    User,
    Subkey,
    /// Behind a part that cannot be read.
    Unknown,
}

impl Certificate {
    fn new(key: Key) -> Self {
        Self {
            key,
            signatures: Vec::new(),
            users: Vec::new(),
            subkeys: Vec::new(),
        }
    }

    fn take(&mut self, packet: Packet, place: Place) -> Place {
        match packet {
            Packet::User(item) => {
                self.users.push(Part {
                    item,
                    signatures: Vec::new(),
                });
                Place::User
            }
            Packet::Subkey(item) => {
                self.subkeys.push(Part {
                    item,
                    signatures: Vec::new(),
                });
                Place::Subkey
            }
            Packet::Signature(signature) => {
                let signatures = match place {
                    Place::Key => Some(&mut self.signatures),
                    Place::User => self.users.last_mut().map(|user| &mut user.signatures),
                    Place::Subkey => self.subkeys.last_mut().map(|subkey| &mut subkey.signatures),
                    Place::Nowhere | Place::Unknown => None,
                };
                if let Some(signatures) = signatures {
                    signatures.push(*signature);
                }
                place
            }
            Packet::Unsupported(Unsupported::Part(_)) => Place::Unknown,
            Packet::Primary(_) | Packet::Ignored | Packet::Unsupported(_) => place,
        }
    }

    fn key(&self, which: Which) -> &Key {
        which.map_or(&self.key, |at| &self.subkeys[at].item)
    }

    /// The fingerprint of one of its keys.
    pub(super) fn fingerprint(&self, which: Which) -> Fingerprint {
        Fingerprint::of(self.key(which))
    }

    pub(super) fn summary(&self) -> KeySummary {
        KeySummary {
            fingerprint: self.fingerprint(None),
            subkeys: (0..self.subkeys.len())
                .map(|at| self.fingerprint(Some(at)))
                .collect(),
            users: self.users.iter().map(name).collect(),
        }
    }

    /// Which of its keys a signature names as its maker.
    pub(super) fn named(&self, signature: &Signature) -> impl Iterator<Item = Which> {
        let all = std::iter::once(None).chain((0..self.subkeys.len()).map(Some));
        all.filter(move |which| names(signature, self.key(*which)))
    }

    /// Judges a signature over `data` by one of its keys.
    pub(super) fn judge(
        &self,
        which: Which,
        signature: &Signature,
        data: &[u8],
        now: Timestamp,
    ) -> Result<Signer, Problem> {
        let key = self.fingerprint(which);
        if let Err(refusal) = verify(signature, self.key(which), data) {
            return Err(match refusal {
                Refusal::Bad => Problem::Bad { key },
                Refusal::Key(reason) => Problem::KeyUnusable { key, reason },
                Refusal::Digest(reason) => Problem::Unsupported { reason },
            });
        }
        let created = check_dates(signature, self.key(which).created, &key, now)?;
        let primary = self.primary(now)?;
        match which {
            None if primary.may_sign == Some(false) => {
                return Err(Problem::KeyUnusable {
                    key,
                    reason: "it is not meant for signing",
                });
            }
            None => {}
            Some(at) => self.check_subkey(&self.subkeys[at], now)?,
        }
        Ok(Signer {
            primary: self.fingerprint(None),
            key,
            user: primary.user,
            created,
        })
    }

    /// What the primary key says of itself, where it may be used.
    fn primary(&self, now: Timestamp) -> Result<Primary, Problem> {
        let key = self.fingerprint(None);
        let body = self.key.hashed();
        let own = |signature: &&Signature| verify(signature, &self.key, &body).is_ok();
        let mut revocations = self
            .signatures
            .iter()
            .filter(|signature| signature.kind == Kind::KeyRevocation && is_trusted(signature));
        if let Some(revocation) = revocations.find(own) {
            return Err(Problem::KeyRevoked {
                key,
                reason: reason(revocation),
            });
        }
        let direct = self
            .signatures
            .iter()
            .filter(|signature| signature.kind == Kind::Direct && counts(signature, now))
            .filter(own)
            .map(|signature| (signature, None));
        let users = self
            .users
            .iter()
            .filter_map(|user| Some((self.certification(user, now)?, Some(user))));
        let all: Vec<(&Signature, Option<&Part<Vec<u8>>>)> = direct.chain(users).collect();
        let Some((newest, _)) = all.iter().max_by_key(|(signature, _)| signature.said.created) else {
            return Err(Problem::KeyUnusable {
                key,
                reason: "nothing binds it to its owner",
            });
        };
        check_expiry(newest, self.key.created, &key, now)?;
        // The user that is marked as primary, else that of the newest signature.
        let user = all
            .iter()
            .filter(|(_, user)| user.is_some())
            .max_by_key(|(signature, _)| (signature.said.is_primary_user, signature.said.created));
        Ok(Primary {
            may_sign: newest.said.may_sign,
            user: user.and_then(|(_, user)| user.map(name)),
        })
    }

    /// The newest signature by which a user is bound to the key; `None` where that was taken back.
    fn certification<'a>(&self, user: &'a Part<Vec<u8>>, now: Timestamp) -> Option<&'a Signature> {
        let mut body = self.key.hashed();
        body.push(0xb4);
        body.extend(u32::try_from(user.item.len()).ok()?.to_be_bytes());
        body.extend(&user.item);
        let newest = |kind: Kind| {
            user.signatures
                .iter()
                .filter(|signature| signature.kind == kind && names(signature, &self.key))
                .filter(|signature| counts(signature, now) && verify(signature, &self.key, &body).is_ok())
                .max_by_key(|signature| signature.said.created)
        };
        let certification = newest(Kind::Certification)?;
        let revocation = newest(Kind::CertificationRevocation);
        let revoked =
            revocation.is_some_and(|revocation| revocation.said.created >= certification.said.created);
        (!revoked).then_some(certification)
    }

    /// Whether a subkey may be used: bound by the primary key, which it has to sign in turn. Otherwise anybody could put
    /// another's subkey under a key of their own.
    fn check_subkey(&self, subkey: &Part<Key>, now: Timestamp) -> Result<(), Problem> {
        let key = Fingerprint::of(&subkey.item);
        let unusable = |reason| {
            Err(Problem::KeyUnusable {
                key: key.clone(),
                reason,
            })
        };
        let body = [self.key.hashed(), subkey.item.hashed()].concat();
        let by_primary = |signature: &&Signature| verify(signature, &self.key, &body).is_ok();
        let mut revocations = subkey
            .signatures
            .iter()
            .filter(|signature| signature.kind == Kind::SubkeyRevocation && is_trusted(signature));
        if let Some(revocation) = revocations.find(by_primary) {
            return Err(Problem::KeyRevoked {
                key,
                reason: reason(revocation),
            });
        }
        let binding = subkey
            .signatures
            .iter()
            .filter(|signature| signature.kind == Kind::SubkeyBinding && counts(signature, now))
            .filter(by_primary)
            .max_by_key(|signature| signature.said.created);
        let Some(binding) = binding else {
            return unusable("nothing binds it to its primary key");
        };
        if binding.said.may_sign == Some(false) {
            return unusable("it is not meant for signing");
        }
        let back = binding
            .said
            .embedded
            .as_deref()
            .and_then(|packet| Signature::parse(packet).ok())
            .filter(|signature| signature.kind == Kind::PrimaryBinding && counts(signature, now))
            .filter(|signature| verify(signature, &subkey.item, &body).is_ok());
        if back.is_none() {
            return unusable("it does not bind itself to its primary key");
        }
        check_expiry(binding, subkey.item.created, &key, now)
    }
}

/// What a primary key says of itself.
struct Primary {
    /// Whether it may sign, where it says so.
    may_sign: Option<bool>,
    user: Option<String>,
}

/// Whether a digest proves nothing in a signature over a text.
pub(super) fn is_weak(digest: Digest) -> bool {
    matches!(digest, Digest::Md5 | Digest::Sha1 | Digest::Ripemd160)
}

/// Whether the digest of a signature of a key about itself proves enough.
fn is_trusted(signature: &Signature) -> bool {
    !is_weak(signature.digest) || signature.digest == Digest::Sha1
}

/// Whether a signature of a key about itself counts, apart from the mathematics.
fn counts(signature: &Signature, now: Timestamp) -> bool {
    let said = &signature.said;
    let Some(created) = said.created else { return false };
    let begun = i64::from(created) <= now.as_second().saturating_add(CLOCKS_DIFFER);
    let ended = end(created, said.expires_after).is_some_and(|end| end <= now.as_second());
    is_trusted(signature) && begun && !ended && !said.has_unknown
}

/// When a signature over a text was made, where it counts at an instant.
fn check_dates(
    signature: &Signature,
    key_created: u32,
    key: &Fingerprint,
    now: Timestamp,
) -> Result<Timestamp, Problem> {
    let unsupported = |what: &str| Problem::Unsupported {
        reason: format!("the signature by the key {key} {what}"),
    };
    if signature.said.has_unknown {
        return Err(unsupported(
            "has a part that must not be ignored and is not known",
        ));
    }
    let created = signature.said.created.ok_or_else(|| unsupported("has no date"))?;
    if i64::from(created) > now.as_second().saturating_add(CLOCKS_DIFFER) {
        return Err(Problem::Future {
            key: key.clone(),
            at: instant(created.into()),
        });
    }
    if created < key_created {
        return Err(Problem::KeyUnusable {
            key: key.clone(),
            reason: "it is younger than the signature",
        });
    }
    match end(created, signature.said.expires_after) {
        Some(end) if end <= now.as_second() => Err(Problem::Expired {
            key: key.clone(),
            at: instant(end),
        }),
        Some(_) | None => Ok(instant(created.into())),
    }
}

fn check_expiry(binding: &Signature, created: u32, key: &Fingerprint, now: Timestamp) -> Result<(), Problem> {
    match end(created, binding.said.key_expires_after) {
        Some(end) if end <= now.as_second() => Err(Problem::KeyExpired {
            key: key.clone(),
            at: instant(end),
        }),
        Some(_) | None => Ok(()),
    }
}

/// The end of a span; one of no length has none.
fn end(start: u32, span: Option<u32>) -> Option<i64> {
    span.filter(|seconds| *seconds != 0)
        .map(|seconds| i64::from(start) + i64::from(seconds))
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("two sums of 32 bits are within the years 1970 to 2242")
}

/// Whether a signature names a key as its maker: by fingerprint, else by identifier.
fn names(signature: &Signature, key: &Key) -> bool {
    match (&signature.said.fingerprint, &signature.said.key_id) {
        (Some(fingerprint), _) => *fingerprint == key.fingerprint,
        (None, Some(id)) => key.fingerprint.ends_with(id),
        (None, None) => false,
    }
}

/// Why a key was revoked, in its owner's words.
fn reason(revocation: &Signature) -> Option<String> {
    revocation.said.reason.clone().filter(|text| !text.is_empty())
}

fn name(user: &Part<Vec<u8>>) -> String {
    String::from_utf8_lossy(&user.item).into_owned()
}
