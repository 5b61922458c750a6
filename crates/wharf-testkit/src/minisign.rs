//! minisign keys, and what they sign. Source: minisign's documentation, "Signature format" and "Public key format".
//! Invariant: the same seed gives the same key, and the same bytes the same signature.

use blake2::{Blake2b512, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::server::base64;

/// A key that signs.
#[derive(Debug)]
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: [u8; 8],
}

impl SigningKey {
    /// A key of this number.
    ///
    /// # Panics
    /// Never: 32 bytes are a seed.
    #[must_use]
    pub fn of(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes are a seed");
        Self { pair, id: [seed; 8] }
    }

    /// The public key, as manifests have it.
    #[must_use]
    pub fn public(&self) -> String {
        base64(&[b"Ed", &self.id[..], self.pair.public_key().as_ref()].concat())
    }

    /// The signature file of some bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(bytes));
        let comment = "made by the testkit";
        let all = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let signed = [b"ED", &self.id[..], signature.as_ref()].concat();
        format!(
            "untrusted comment: a signature\n{}\ntrusted comment: {comment}\n{}\n",
            base64(&signed),
            base64(all.as_ref())
        )
    }
}
