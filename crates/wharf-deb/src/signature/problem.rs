//! Why a signature does not count, in words that name the key.

use wharf_core::{Explain, Fault, Timestamp};

use super::Fingerprint;
use super::packet::Signature;

/// Why one signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No key of the keyring made it.
    #[error("it is signed by the key {key}, which is not among the given ones")]
    UnknownKey {
        /// The key, as the signature names it.
        key: String,
    },
    /// The key is there, but not one of those that are accepted.
    #[error("it is signed by the key {key}, which `signed-by` does not accept")]
    NotAccepted {
        /// The key, as the signature names it.
        key: String,
    },
    /// It does not belong to the text.
    #[error("the signature by the key {key} does not fit the text: one of them was changed")]
    Bad {
        /// The key.
        key: Fingerprint,
    },
    /// The key had expired.
    #[error("the key {key} expired at {at}")]
    KeyExpired {
        /// The key.
        key: Fingerprint,
        /// When.
        at: Timestamp,
    },
    /// The key was revoked.
    #[error("the key {key} was revoked by its owner{}", .reason.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    KeyRevoked {
        /// The key.
        key: Fingerprint,
        /// Why, in the owner's words.
        reason: Option<String>,
    },
    /// The key may not have made it.
    #[error("the key {key} cannot be used: {reason}")]
    KeyUnusable {
        /// The key.
        key: Fingerprint,
        /// Why.
        reason: &'static str,
    },
    /// It had a date until which it counts.
    #[error("the signature by the key {key} expired at {at}")]
    Expired {
        /// The key.
        key: Fingerprint,
        /// When.
        at: Timestamp,
    },
    /// It is of the future.
    #[error("the signature by the key {key} was made at {at}, which is still to come")]
    Future {
        /// The key.
        key: Fingerprint,
        /// When.
        at: Timestamp,
    },
    /// It was made over a digest that proves nothing.
    #[error("the signature by the key {key} uses {digest}, which is broken")]
    WeakDigest {
        /// The key, as the signature names it.
        key: String,
        /// The digest.
        digest: String,
    },
    /// It is of a kind that Wharf does not know.
    #[error("a signature cannot be judged: {reason}")]
    Unsupported {
        /// What kind.
        reason: String,
    },
}

/// Why a text cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("it is not signed")]
    NotSigned,
    /// Text stands before or behind what is signed.
    #[error("line {line}: text stands outside of what is signed")]
    TextOutside {
        /// The line, from 1.
        line: usize,
    },
    /// The armor or the packets are malformed.
    #[error("its signature cannot be read: {0}")]
    Malformed(String),
    /// None of the signatures counts, or one shows that the text was changed.
    #[error("{}", in_words(.0))]
    NoneCounts(Vec<Problem>),
}

/// The weightiest problem first: who reads one line should read the one that matters.
fn in_words(problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| match problem {
        Problem::Bad { .. } => 0,
        Problem::KeyRevoked { .. } => 1,
        Problem::KeyExpired { .. } | Problem::Expired { .. } | Problem::Future { .. } => 2,
        Problem::KeyUnusable { .. } | Problem::WeakDigest { .. } => 3,
        Problem::NotAccepted { .. } => 4,
        Problem::UnknownKey { .. } => 5,
        Problem::Unsupported { .. } => 6,
    });
    let words: Vec<String> = sorted.iter().map(ToString::to_string).collect();
    words.join("; ")
}

impl Explain for SignatureError {
    fn code(&self) -> &'static str {
        match self {
            SignatureError::NotSigned => "deb/not-signed",
            SignatureError::TextOutside { .. } => "deb/signed-outside",
            SignatureError::Malformed(_) => "deb/signature-malformed",
            SignatureError::NoneCounts(problems) => {
                if problems
                    .iter()
                    .any(|problem| matches!(problem, Problem::Bad { .. }))
                {
                    "deb/signature-bad"
                } else if problems
                    .iter()
                    .all(|problem| matches!(problem, Problem::UnknownKey { .. }))
                {
                    "deb/key-unknown"
                } else {
                    "deb/signature-refused"
                }
            }
        }
    }

    fn fault(&self) -> Fault {
        Fault::Denied
    }

    fn hints(&self) -> Vec<String> {
        let SignatureError::NoneCounts(problems) = self else {
            return vec![
                "try another mirror; `trusted = true` on the repository takes it without a signature"
                    .to_owned(),
            ];
        };
        let mut hints: Vec<String> = problems.iter().filter_map(hint).map(str::to_owned).collect();
        hints.sort();
        hints.dedup();
        hints
    }
}

fn hint(problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::UnknownKey { .. } => {
            Some("get the key from whoever publishes the repository, and name its file in `signed-by`")
        }
        Problem::NotAccepted { .. } => Some("if the key is right, add its fingerprint to `signed-by`"),
        Problem::Bad { .. } => Some("try another mirror: what this one sends is not what was signed"),
        Problem::KeyExpired { .. } | Problem::KeyRevoked { .. } => Some(
            "get the present key from whoever publishes the repository, and name its file in `signed-by`",
        ),
        Problem::Future { .. } => Some("set this machine's clock"),
        Problem::Expired { .. }
        | Problem::KeyUnusable { .. }
        | Problem::WeakDigest { .. }
        | Problem::Unsupported { .. } => {
            Some("ask whoever publishes the repository for a signature by present standards")
        }
    }
}

/// Who made a signature, by its own word: a fingerprint, else an identifier.
pub(super) fn issuer(signature: &Signature) -> String {
    match signature
        .said
        .fingerprint
        .as_ref()
        .or(signature.said.key_id.as_ref())
    {
        Some(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        None => "that it does not name".to_owned(),
    }
}
