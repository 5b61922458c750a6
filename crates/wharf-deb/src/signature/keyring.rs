//! Keys as files hold them, and which of them are accepted. A file is binary or armored, in one block or more; text around
//! the blocks of a file with keys is somebody's note and is skipped. A key that cannot be read costs that key only.

use std::fmt;

use wharf_core::{Explain, Fault};

use super::armor::{self, Kind};
use super::certificate::{Certificate, Which, certificates};
use super::packet::{Packet, Signature, packets};
use super::{Fingerprint, Problem};

/// Keys, and which of them are accepted: all of them unless [`Keyring::restricted_to`] some.
#[derive(Clone, Default)]
pub struct Keyring {
    certificates: Vec<Certificate>,
    accepted: Option<Vec<Accepted>>,
    /// What could not be read, in words.
    unreadable: Vec<String>,
}

/// A key that is accepted, by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    /// In upper case.
    digits: String,
    /// This key, and none of its subkeys.
    exact: bool,
}

/// One key and its subkeys, for who wants to show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySummary {
    /// The primary key.
    pub fingerprint: Fingerprint,
    /// The subkeys, those that cannot sign too.
    pub subkeys: Vec<Fingerprint>,
    /// Its owner, by the key's word.
    pub users: Vec<String>,
}

/// Bytes that are no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyring {
    /// There is nothing.
    #[error("the file of keys is empty")]
    Empty,
    /// GnuPG's own store of keys.
    #[error("the file of keys is a keybox of GnuPG, which only GnuPG reads")]
    Keybox,
    /// There are blocks of armor, but none can be read.
    #[error("the file of keys cannot be read: {0}")]
    Malformed(String),
    /// There is no key.
    #[error("the file of keys holds no public key{}", .0.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    NoKeys(Option<String>),
    /// A fingerprint that is none.
    #[error(
        "`{0}` is not a key's fingerprint: write its 40 hexadecimal digits, and `!` behind them for this key without its subkeys"
    )]
    Fingerprint(String),
}

impl Explain for InvalidKeyring {
    fn code(&self) -> &'static str {
        match self {
            InvalidKeyring::Fingerprint(_) => "deb/fingerprint",
            InvalidKeyring::Empty
            | InvalidKeyring::Keybox
            | InvalidKeyring::Malformed(_)
            | InvalidKeyring::NoKeys(_) => "deb/keyring",
        }
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            InvalidKeyring::Fingerprint(_) => {
                "`gpg --show-keys FILE` shows the fingerprints of a file of keys"
            }
            InvalidKeyring::Keybox => {
                "export the keys: `gpg --no-default-keyring --keyring ./FILE --export > keys.gpg`"
            }
            InvalidKeyring::Empty | InvalidKeyring::Malformed(_) | InvalidKeyring::NoKeys(_) => {
                "get the key again from whoever publishes the repository: a file that starts with `-----BEGIN PGP PUBLIC KEY BLOCK-----`, or a binary one"
            }
        };
        vec![hint.to_owned()]
    }
}

impl Keyring {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// Where it holds no key that can be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidKeyring> {
        if bytes.trim_ascii().is_empty() {
            return Err(InvalidKeyring::Empty);
        }
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(InvalidKeyring::Keybox);
        }
        let blocks = if armor::is_binary(bytes) {
            vec![bytes.to_vec()]
        } else {
            armor::decode_all(&within_blocks(bytes), Kind::Key)
                .map_err(|error| InvalidKeyring::Malformed(error.to_string()))?
        };
        let mut keyring = Self::default();
        for block in &blocks {
            keyring.read(block);
        }
        if keyring.certificates.is_empty() {
            return Err(InvalidKeyring::NoKeys(keyring.unreadable.pop()));
        }
        Ok(keyring)
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut broken = None;
        let readable = packets(bytes).map_while(|packet| packet.map_err(|reason| broken = Some(reason)).ok());
        let found: Vec<Packet> = readable.collect();
        self.certificates
            .extend(certificates(found.into_iter(), &mut self.unreadable));
        self.unreadable.extend(broken.map(str::to_owned));
    }

    /// Adds the keys of another; what that one accepts is not taken over.
    pub fn extend(&mut self, other: Keyring) {
        self.certificates.extend(other.certificates);
        self.unreadable.extend(other.unreadable);
    }

    /// The same keys, of which only these are accepted: fingerprints as `Signed-By` has them. One names a key with its
    /// subkeys, or a subkey; with `!` behind it exactly that key.
    ///
    /// # Errors
    /// Where one is no fingerprint.
    pub fn restricted_to<S: AsRef<str>>(
        mut self,
        fingerprints: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidKeyring> {
        let accepted: Vec<Accepted> = fingerprints
            .into_iter()
            .map(|text| Accepted::parse(text.as_ref()))
            .collect::<Result<_, _>>()?;
        self.accepted = Some(accepted);
        Ok(self)
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = KeySummary> {
        self.certificates.iter().map(Certificate::summary)
    }

    /// What could not be read of the file, in words.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// The keys that may have made a signature and are accepted: a certificate, and which of its subkeys.
    pub(super) fn candidates(&self, signature: &Signature) -> impl Iterator<Item = (&Certificate, Which)> {
        self.named(signature)
            .filter(|(certificate, subkey)| self.accepts(certificate, *subkey))
    }

    fn named(&self, signature: &Signature) -> impl Iterator<Item = (&Certificate, Which)> {
        self.certificates.iter().flat_map(move |certificate| {
            certificate
                .named(signature)
                .map(move |subkey| (certificate, subkey))
        })
    }

    fn accepts(&self, certificate: &Certificate, subkey: Which) -> bool {
        let Some(accepted) = &self.accepted else {
            return true;
        };
        let key = certificate.fingerprint(subkey).to_string();
        let primary = certificate.fingerprint(None).to_string();
        accepted
            .iter()
            .any(|one| one.digits == key || (!one.exact && one.digits == primary))
    }

    /// Why a signature has no candidate.
    pub(super) fn absent(&self, signature: &Signature, key: String) -> Problem {
        if self.named(signature).next().is_some() {
            Problem::NotAccepted { key }
        } else {
            Problem::UnknownKey { key }
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys().map(|key| key.fingerprint.to_string()).collect();
        f.debug_struct("Keyring")
            .field("keys", &keys)
            .field("accepted", &self.accepted)
            .finish()
    }
}

impl Accepted {
    fn parse(text: &str) -> Result<Self, InvalidKeyring> {
        let (digits, exact) = match text.trim().strip_suffix('!') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let digits: String = digits.split_whitespace().collect();
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !plain || !matches!(digits.len(), 40 | 64) {
            return Err(InvalidKeyring::Fingerprint(text.trim().to_owned()));
        }
        Ok(Self {
            digits: digits.to_ascii_uppercase(),
            exact,
        })
    }
}

/// The lines of the blocks, without what stands between them.
fn within_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut inside = false;
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        inside |= line == Kind::Key.begin();
        if inside {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
        inside &= line != Kind::Key.end();
    }
    kept
}
