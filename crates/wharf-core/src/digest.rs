//! Digests of bytes, as indexes, lockfiles and the store write them.
//! Invariant: a digest has as many bytes as its algorithm gives.
//! Sources: RFC 6920-like `alg:hex`; PEP 503 fragments `alg=hex`; W3C Subresource Integrity `alg-base64`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A hash function, weakest first, so that `max` picks the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5: broken; compared where an index gives nothing better, never enough by itself.
    Md5,
    /// SHA-1: broken for collisions.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE2b with 64 bytes.
    Blake2b,
    /// BLAKE3 with 32 bytes: what the store uses inside.
    Blake3,
}

impl Algorithm {
    const ALL: [Algorithm; 8] = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Blake2b,
        Algorithm::Blake3,
    ];

    /// The usual lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha224 => "sha224",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
            Algorithm::Blake2b => "blake2b",
            Algorithm::Blake3 => "blake3",
        }
    }

    /// How many bytes its digests have.
    pub const fn length(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha224 => 28,
            Algorithm::Sha256 | Algorithm::Blake3 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 | Algorithm::Blake2b => 64,
        }
    }

    /// Whether a match proves that the bytes are the intended ones.
    pub const fn is_strong(self) -> bool {
        match self {
            Algorithm::Md5 | Algorithm::Sha1 => false,
            Algorithm::Sha224
            | Algorithm::Sha256
            | Algorithm::Sha384
            | Algorithm::Sha512
            | Algorithm::Blake2b
            | Algorithm::Blake3 => true,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A digest and the algorithm that gave it. Prints as `sha256:<hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

/// A text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// No algorithm that Wharf knows.
    #[error("`{0}` names no known hash algorithm")]
    UnknownAlgorithm(String),
    /// The wrong number of digits, or something that is no digit.
    #[error("`{text}` is not a {algorithm} digest")]
    Malformed {
        /// The algorithm that was named.
        algorithm: Algorithm,
        /// What stood for the digest.
        text: String,
    },
}

impl Digest {
    /// A digest from raw bytes; `None` where their number does not fit the algorithm.
    pub fn from_bytes(algorithm: Algorithm, raw: &[u8]) -> Option<Self> {
        if raw.len() != algorithm.length() {
            return None;
        }
        let mut bytes = [0; 64];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { algorithm, bytes })
    }

    /// A digest from hexadecimal digits of either case.
    ///
    /// # Errors
    /// Where `hex` has another length or other characters.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, InvalidDigest> {
        let malformed = || InvalidDigest::Malformed {
            algorithm,
            text: hex.to_owned(),
        };
        if hex.len() != algorithm.length() * 2 {
            return Err(malformed());
        }
        let mut bytes = [0; 64];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0])
                .zip(nibble(pair[1]))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(malformed)?;
        }
        Ok(Self { algorithm, bytes })
    }

    /// Reads `sha256:<hex>`, `sha256=<hex>` or `sha256-<base64>`.
    ///
    /// # Errors
    /// Where the algorithm is unknown or the digits do not fit it.
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let unknown = || InvalidDigest::UnknownAlgorithm(text.to_owned());
        let cut = text.find([':', '=', '-']).ok_or_else(unknown)?;
        let (word, rest) = (&text[..cut], &text[cut + 1..]);
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|known| word.eq_ignore_ascii_case(known.as_str()))
            .ok_or_else(unknown)?;
        if text.as_bytes()[cut] != b'-' {
            return Self::from_hex(algorithm, rest);
        }
        base64_decode(rest)
            .and_then(|raw| Self::from_bytes(algorithm, &raw))
            .ok_or_else(|| InvalidDigest::Malformed {
                algorithm,
                text: rest.to_owned(),
            })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.length()]
    }

    /// Lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        use fmt::Write;
        let mut text = String::with_capacity(self.algorithm.length() * 2);
        for byte in self.bytes() {
            write!(text, "{byte:02x}").expect("a String takes every write");
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Standard base64 with or without padding; `None` for anything else.
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut window, mut bits) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        window = window << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((window >> bits) as u8);
            window &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_three_forms_are_one_digest() {
        let colon = Digest::parse(&format!("sha256:{EMPTY}")).unwrap();
        assert_eq!(
            Digest::parse(&format!("sha256={}", EMPTY.to_uppercase())),
            Ok(colon)
        );
        assert_eq!(
            Digest::parse("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            Ok(colon)
        );
        assert_eq!(colon.to_string(), format!("sha256:{EMPTY}"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for bad in [
            "",
            "sha256",
            "sha256:",
            "sha256:zz",
            "crc32:00000000",
            "sha1:e3b0",
            "sha256-!!!!",
        ] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_strongest_is_the_greatest() {
        assert!(Algorithm::Md5 < Algorithm::Sha1 && Algorithm::Sha1 < Algorithm::Sha256);
        assert!(!Algorithm::Sha1.is_strong() && Algorithm::Sha256.is_strong());
    }
}
