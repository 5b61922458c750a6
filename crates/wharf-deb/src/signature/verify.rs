//! Whether a signature is one of a key over bytes: the mathematics, which are `ring`'s.

use ring::digest;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::packet::{Curve, Digest, Key, Material, Reader, Signature};

/// Why a signature is not one of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not.
    Bad,
    /// That cannot be told: the key is of a kind that does not sign, or must not be used.
    Key(&'static str),
    /// That cannot be told: the digest is not known, or not with such a key.
    Digest(String),
}

/// Ed25519 as RFC 9580 writes it: 64 bytes, where it was two numbers before.
const NEW_ED25519: u8 = 27;

/// Verifies a signature over `data`, which is what its kind has it made over.
pub(super) fn verify(signature: &Signature, key: &Key, data: &[u8]) -> Result<(), Refusal> {
    let mut message = Vec::with_capacity(data.len() + signature.signed.len() + 6);
    message.extend_from_slice(data);
    message.extend(signature.trailer());
    let hash = digest::digest(algorithm(signature.digest)?, &message);
    if hash.as_ref()[..2] != signature.check {
        return Err(Refusal::Bad);
    }
    match &key.material {
        Material::Rsa { modulus, exponent } => verify_rsa(signature, modulus, exponent, &message),
        // The digest is what is signed: Ed25519 digests it again, by its own rule.
        Material::Ed25519(point) => {
            let value = match signature.algorithm {
                NEW_ED25519 => Some(signature.value.clone()),
                _ => pair(&signature.value, 32),
            };
            check(&signature::ED25519, point, hash.as_ref(), value)
        }
        Material::Ecdsa(curve, point) => {
            let algorithm = ecdsa(*curve, signature.digest)?;
            let size = match curve {
                Curve::P256 => 32,
                Curve::P384 => 48,
            };
            check(algorithm, point, &message, pair(&signature.value, size))
        }
        Material::Other(reason) => Err(Refusal::Key(reason)),
    }
}

fn unknown(digest: Digest) -> Refusal {
    Refusal::Digest(format!("{} does not count", digest.name()))
}

fn algorithm(digest: Digest) -> Result<&'static digest::Algorithm, Refusal> {
    match digest {
        Digest::Sha1 => Ok(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        Digest::Sha256 => Ok(&digest::SHA256),
        Digest::Sha384 => Ok(&digest::SHA384),
        Digest::Sha512 => Ok(&digest::SHA512),
        Digest::Md5 | Digest::Ripemd160 | Digest::Other(_) => Err(unknown(digest)),
    }
}

fn verify_rsa(signature: &Signature, modulus: &[u8], exponent: &[u8], message: &[u8]) -> Result<(), Refusal> {
    let parameters: &RsaParameters = match signature.digest {
        Digest::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Digest::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Digest::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Digest::Md5 | Digest::Ripemd160 | Digest::Other(_) => return Err(unknown(signature.digest)),
    };
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    match bits {
        0..2048 => return Err(Refusal::Key("RSA keys need 2048 bits")),
        2048..=8192 => {}
        _ => return Err(Refusal::Key("RSA keys of more than 8192 bits do not count")),
    }
    let number = Reader(&signature.value).integer().ok_or(Refusal::Bad)?;
    let padded = padded(number, modulus.len()).ok_or(Refusal::Bad)?;
    let key = RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    key.verify(parameters, message, &padded).map_err(|_| Refusal::Bad)
}

fn ecdsa(curve: Curve, digest: Digest) -> Result<&'static dyn VerificationAlgorithm, Refusal> {
    match (curve, digest) {
        (Curve::P256, Digest::Sha256) => Ok(&signature::ECDSA_P256_SHA256_FIXED),
        (Curve::P384, Digest::Sha384) => Ok(&signature::ECDSA_P384_SHA384_FIXED),
        (Curve::P256 | Curve::P384, _) => Err(Refusal::Digest(format!(
            "{} does not count with a key of this curve",
            digest.name()
        ))),
    }
}

fn check(
    algorithm: &'static dyn VerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    value: Option<Vec<u8>>,
) -> Result<(), Refusal> {
    let value = value.ok_or(Refusal::Bad)?;
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, &value)
        .map_err(|_| Refusal::Bad)
}

/// Two numbers as bytes of one length, one behind the other; `None` where they are not there or longer.
fn pair(value: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut reader = Reader(value);
    let first = padded(reader.integer()?, size)?;
    let second = padded(reader.integer()?, size)?;
    reader.0.is_empty().then(|| [first, second].concat())
}

/// A number with zeros before it.
fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = size.checked_sub(number.len())?;
    Some([&vec![0; zeros], number].concat())
}
