//! OpenPGP signatures of `Release` files, and the keys they are judged by. Invariants: the text that is returned is the
//! text that was signed and nothing else; a signature counts only when the key is one of those that are accepted, is bound to
//! its owner, may sign, and neither key nor signature is revoked or expired at the instant that the caller names.
//! Sources: RFC 9580 (and 4880 before it), apt-secure(8).
//!
//! | module | job |
//! |---|---|
//! | [`keyring`] | keys as files hold them, and which of them are accepted |
//! | `certificate` | whether a key may have made a signature |
//! | `cleartext` | what was signed and by what, in an `InRelease` file |
//! | `armor` | bytes from blocks of ASCII |
//! | `packet` | keys and signatures as they are written |
//! | `verify` | whether a signature is one of a key over bytes |
//! | [`problem`] | why a signature does not count |
//!
//! The mathematics are `ring`'s; why the packets are read here and not by a library is in ADR 15.

mod armor;
mod certificate;
mod cleartext;
pub mod keyring;
mod packet;
pub mod problem;
mod verify;

use std::fmt;

use wharf_core::Timestamp;

pub use keyring::{InvalidKeyring, Keyring};
use packet::{Key, Kind, Packet, Signature, Unsupported};
pub use problem::{Problem, SignatureError};

/// A text whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The text: of an `InRelease` file the lines between the armor, without dashes that were put before them and without
    /// spaces at their ends, each with `\n`; else what was given.
    pub text: Vec<u8>,
    /// Who signed it; never empty.
    pub signers: Vec<Signer>,
    /// Further signatures, which do not count, and why.
    pub others: Vec<Problem>,
}

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The primary key of its owner.
    pub primary: Fingerprint,
    /// The key that signed: the primary one or one of its subkeys.
    pub key: Fingerprint,
    /// The owner, by the key's word.
    pub user: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A key's fingerprint, printed as hexadecimal digits in upper case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Vec<u8>);

impl Fingerprint {
    fn of(key: &Key) -> Self {
        Self(key.fingerprint.clone())
    }

    /// The bytes: 20 of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Verifies a text with the signatures that stand in it, such as an `InRelease` file.
///
/// # Errors
/// Where nothing is signed, text stands outside of what is, a signature is bad, or none counts.
pub fn verify_inline(bytes: &[u8], keyring: &Keyring, now: Timestamp) -> Result<Verified, SignatureError> {
    let signed = cleartext::split(bytes)?;
    let signatures = read_signatures(&armor::decode(signed.armor, signed.line, armor::Kind::Signature)?)?;
    let (signers, others) = judge(&signatures, &signed.canonical, keyring, now)?;
    Ok(Verified {
        text: signed.text,
        signers,
        others,
    })
}

/// Verifies bytes with signatures that stand apart, such as `Release` with `Release.gpg`: binary, or armored in one block or more.
///
/// # Errors
/// Where there are no signatures, one is bad, or none counts.
pub fn verify_detached(
    bytes: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    let packets = if armor::is_binary(signature) {
        vec![signature.to_vec()]
    } else {
        armor::decode_all(signature, armor::Kind::Signature)?
    };
    let mut signatures = Vec::new();
    for block in &packets {
        signatures.extend(read_signatures(block)?);
    }
    if signatures.is_empty() {
        return Err(SignatureError::NotSigned);
    }
    let (signers, others) = judge(&signatures, bytes, keyring, now)?;
    Ok(Verified {
        text: bytes.to_vec(),
        signers,
        others,
    })
}

/// A signature, or what stands where one is expected and cannot be read.
type Read = Result<Box<Signature>, Problem>;

fn read_signatures(bytes: &[u8]) -> Result<Vec<Read>, SignatureError> {
    /// Debian signs with four keys; each signature costs a computation for each key that could have made it.
    const MOST: usize = 32;
    let mut signatures = Vec::new();
    for packet in packet::packets(bytes) {
        match packet {
            Ok(Packet::Signature(signature)) => signatures.push(Ok(signature)),
            Ok(Packet::Unsupported(Unsupported::Signature(reason))) => {
                signatures.push(Err(Problem::Unsupported { reason }));
            }
            Ok(Packet::Ignored) => {}
            Ok(_) => {
                return Err(SignatureError::Malformed(
                    "something else stands among the signatures".to_owned(),
                ));
            }
            Err(reason) => return Err(SignatureError::Malformed(reason.to_owned())),
        }
        if signatures.len() > MOST {
            return Err(SignatureError::Malformed(format!(
                "there are more than {MOST} signatures"
            )));
        }
    }
    if signatures.is_empty() {
        return Err(SignatureError::NotSigned);
    }
    Ok(signatures)
}

/// Judges each signature. One that counts is enough, but a bad one of an accepted key means that the text was changed.
fn judge(
    signatures: &[Read],
    data: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<(Vec<Signer>, Vec<Problem>), SignatureError> {
    let (mut signers, mut problems) = (Vec::new(), Vec::new());
    for signature in signatures {
        let judged = match signature {
            Ok(signature) => judge_one(signature, data, keyring, now),
            Err(problem) => Err(problem.clone()),
        };
        match judged {
            Ok(signer) => signers.push(signer),
            Err(problem) => problems.push(problem),
        }
    }
    let changed = problems
        .iter()
        .any(|problem| matches!(problem, Problem::Bad { .. }));
    if changed || signers.is_empty() {
        return Err(SignatureError::NoneCounts(problems));
    }
    Ok((signers, problems))
}

fn judge_one(
    signature: &Signature,
    data: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Signer, Problem> {
    let canonical;
    let data = match signature.kind {
        Kind::Binary => data,
        Kind::Text => {
            canonical = with_line_ends(data);
            &canonical
        }
        _ => {
            return Err(Problem::Unsupported {
                reason: "a signature over something else than a text".to_owned(),
            });
        }
    };
    if certificate::is_weak(signature.digest) {
        return Err(Problem::WeakDigest {
            key: problem::issuer(signature),
            digest: signature.digest.name(),
        });
    }
    // Two keys may share an identifier of 64 bits: the one that verifies is meant. Of one key there may be an old copy and a
    // new one: what was extended counts, and what was revoked in one of them is revoked.
    let (mut good, mut last) = (None, None);
    for (certificate, which) in keyring.candidates(signature) {
        match certificate.judge(which, signature, data, now) {
            Ok(signer) => good = good.or(Some(signer)),
            Err(revoked @ Problem::KeyRevoked { .. }) => return Err(revoked),
            Err(problem) => last = Some(problem),
        }
    }
    good.ok_or_else(|| last.unwrap_or_else(|| keyring.absent(signature, problem::issuer(signature))))
}

/// Lines as signatures over texts are made over them: each with `\r\n`.
fn with_line_ends(data: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(data.len() + data.len() / 32);
    for byte in data {
        if *byte == b'\n' && canonical.last() != Some(&b'\r') {
            canonical.push(b'\r');
        }
        canonical.push(*byte);
    }
    canonical
}

#[cfg(test)]
mod tests;
