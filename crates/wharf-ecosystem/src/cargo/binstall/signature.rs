//! minisign signatures of archives. Sources: the format's documentation at minisign, "Signature format", and cargo-binstall,
//! SIGNING.md.
//!
//! Invariant: only signatures over the BLAKE2b digest of a file count (`ED`); the old form, which signs the file itself, is refused.

/// A public key, as manifests have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign_verify::PublicKey,
    text: String,
}

/// A signature, as a file has it.
#[derive(Clone)]
pub struct Signature(minisign_verify::Signature);

/// A check under way: it is given the file, piece by piece.
pub struct Check<'a>(minisign_verify::StreamVerifier<'a>);

/// Why a signature says nothing for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// It is no signature.
    #[error("it is not a minisign signature")]
    Malformed,
    /// It is in the form that signs files without a digest.
    #[error("it is in minisign's old form, which is not accepted")]
    Legacy,
    /// Another key made it.
    #[error("it was made with another key than the crate declares")]
    OtherKey,
    /// It is for other bytes, or forged.
    #[error("it does not match the file")]
    Mismatch,
}

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key that it declares is not a minisign public key")]
pub struct InvalidKey;

impl PublicKey {
    /// Reads a key, with or without the comment that minisign writes above it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let text = lines.next_back().ok_or(InvalidKey)?;
        let key = minisign_verify::PublicKey::from_base64(text).map_err(|_| InvalidKey)?;
        Ok(Self {
            key,
            text: text.to_owned(),
        })
    }

    /// The key as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Begins to check a file.
    ///
    /// # Errors
    /// Where the signature is of another key or form.
    pub fn check<'a>(&'a self, signature: &'a Signature) -> Result<Check<'a>, BadSignature> {
        self.key.verify_stream(&signature.0).map(Check).map_err(reason)
    }
}

impl Signature {
    /// Reads a signature file.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadSignature> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadSignature::Malformed)?;
        minisign_verify::Signature::decode(text).map(Self).map_err(reason)
    }
}

impl Check<'_> {
    /// More of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The verdict on all that was given.
    ///
    /// # Errors
    /// Where the signature is for something else.
    pub fn finish(mut self) -> Result<(), BadSignature> {
        self.0.finalize().map_err(reason)
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signature")
            .field(&self.0.trusted_comment())
            .finish()
    }
}

fn reason(error: minisign_verify::Error) -> BadSignature {
    use minisign_verify::Error;
    match error {
        Error::UnsupportedLegacyMode | Error::UnexpectedAlgorithm => BadSignature::Legacy,
        Error::UnexpectedKeyId => BadSignature::OtherKey,
        Error::InvalidSignature => BadSignature::Mismatch,
        Error::InvalidEncoding | Error::IoError(_) | Error::UnsupportedAlgorithm => BadSignature::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A key of this test alone, and what minisign 0.11 signed with it: a file of one line, `prebuilt`.
    const KEY: &str = "RWRjIJwW5QKqeRUZ/MxObw+EazBxiWEyr7AMx/mS3QU6bPcqUlRIfqUG";
    const SIGNED: [&str; 2] = [
        "RURjIJwW5QKqeb1XWQf4HFtK4idMxXlCKL9DBXTNB8aU3dZcUALnaJkP5mJ6Xv8btq0zOQAb69ypcphOt70WUeCyA/XSQRHhCgY=",
        "GMoxECnA3LZyIiEW3c2gUWSyaiOXnbMuC33Xr3NwezlUXsQaFR1fIILy3VblW1GcG/L7tskOa4XPmWxUiA3uAQ==",
    ];
    const OLD_FORM: [&str; 2] = [
        "RWRjIJwW5QKqeQ2flpqKqanEYZuQKpZa1tkJjb4oSZbYe4u0dO3pGhePlNb/41v20dnip/gAqx6743Nr+s9qig/b5+Ll4aZslQ4=",
        "ob8O0n16MDWZtoJYXafxrUr6NgCQ+oql4mJURzXhS2UKACuNUMDiOXMI8mGlbSVkRAnLT2TLvpeiZTr8cGAKBw==",
    ];
    const BY_ANOTHER: [&str; 2] = [
        "RUTtFsmRvD/4NkRPV34xK0kKAfJn0xCYv4iSodONp9KmNNIOYEuIVIS3w+cAofBSdKWbP+alXaCWCupxMH8pWBLDvU2kFJzlMwg=",
        "0OQ1P83aqibcQX4YWyajLaLQJeo9VgpUqYzIvng4Lql6ErrCmoQlbsegHJEj2GLigmzAcBLDCPpKXW2HpP31AA==",
    ];

    fn file(lines: [&str; 2], comment: &str) -> String {
        let [signature, all] = lines;
        format!("untrusted comment: whatever\n{signature}\ntrusted comment: {comment}\n{all}\n")
    }

    fn verdict(signature: &str, bytes: &[u8]) -> Result<(), BadSignature> {
        let key = PublicKey::parse(KEY).expect("it is a key");
        let signature = Signature::parse(signature.as_bytes())?;
        let mut check = key.check(&signature)?;
        for piece in bytes.chunks(3) {
            check.update(piece);
        }
        check.finish()
    }

    #[test]
    fn signatures_and_what_they_say() {
        let comment = "a file of tests";
        let good = file(SIGNED, comment);
        let cut = |end: usize| good[..end].to_owned();
        let turned = [SIGNED[0], OLD_FORM[1]];
        for (what, signature, bytes, expected) in [
            ("the file", good.clone(), "prebuilt\n", Ok(())),
            (
                "another file",
                good.clone(),
                "prebuilt!",
                Err(BadSignature::Mismatch),
            ),
            (
                "half of the file",
                good.clone(),
                "preb",
                Err(BadSignature::Mismatch),
            ),
            ("no file", good.clone(), "", Err(BadSignature::Mismatch)),
            (
                "another comment",
                file(SIGNED, "forged"),
                "prebuilt\n",
                Err(BadSignature::Mismatch),
            ),
            (
                "two halves",
                file(turned, comment),
                "prebuilt\n",
                Err(BadSignature::Mismatch),
            ),
            (
                "the old form",
                file(OLD_FORM, comment),
                "prebuilt\n",
                Err(BadSignature::Legacy),
            ),
            (
                "another key",
                file(BY_ANOTHER, comment),
                "prebuilt\n",
                Err(BadSignature::OtherKey),
            ),
            (
                "nothing",
                String::new(),
                "prebuilt\n",
                Err(BadSignature::Malformed),
            ),
            ("two lines", cut(130), "prebuilt\n", Err(BadSignature::Malformed)),
            (
                "its end is cut off",
                cut(good.len() - 9),
                "prebuilt\n",
                Err(BadSignature::Malformed),
            ),
            (
                "a page",
                "<html>\n<body>\n</body>\n</html>".to_owned(),
                "",
                Err(BadSignature::Malformed),
            ),
        ] {
            assert_eq!(verdict(&signature, bytes.as_bytes()), expected, "{what}");
        }
        assert_eq!(
            Signature::parse(&[0xff, 0xfe]).err(),
            Some(BadSignature::Malformed)
        );
    }

    #[test]
    fn keys_with_and_without_their_comment() {
        let key = PublicKey::parse(KEY).expect("it is a key");
        let commented = format!("untrusted comment: minisign public key 79AA02E5169C2063\n{KEY}\n");
        assert_eq!(PublicKey::parse(&commented).as_ref(), Ok(&key));
        assert_eq!(key.as_str(), KEY);
        for text in ["", "no key", &KEY[..20], "RWRjIJwW5QKqeRUZ/MxObw"] {
            assert_eq!(PublicKey::parse(text), Err(InvalidKey), "{text}");
        }
    }
}
