//! URLs that may carry credentials. Invariant: nothing but [`WebUrl::expose`] and [`WebUrl::as_url`] gives them away;
//! printing, debugging and serialising leave them out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// A URL whose credentials never reach a log, a lockfile or an error message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebUrl(Url);

/// A text that is not an absolute URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a URL: {reason}")]
pub struct InvalidUrl {
    /// What was given, without what looks like credentials.
    pub text: String,
    /// Why.
    pub reason: String,
}

impl WebUrl {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// Where `text` is relative or malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        Url::parse(text).map(Self).map_err(|reason| InvalidUrl {
            text: Self::redact(text),
            reason: reason.to_string(),
        })
    }

    /// Resolves `reference` against this URL; credentials carry over to the same origin only.
    ///
    /// # Errors
    /// Where the reference is malformed.
    pub fn join(&self, reference: &str) -> Result<Self, InvalidUrl> {
        let mut joined = self.0.join(reference).map_err(|reason| InvalidUrl {
            text: Self::redact(reference),
            reason: reason.to_string(),
        })?;
        if joined.origin() != self.0.origin() && joined.username() == self.0.username() {
            let absolute = Url::parse(reference).is_ok_and(|own| !own.username().is_empty());
            if !absolute {
                strip(&mut joined);
            }
        }
        Ok(Self(joined))
    }

    /// The URL with its credentials, for whoever opens the connection.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The whole text with its credentials, for whoever opens the connection.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The same URL without user name and password.
    pub fn without_credentials(&self) -> Self {
        let mut url = self.0.clone();
        strip(&mut url);
        Self(url)
    }

    /// The same URL without its fragment.
    pub fn without_fragment(&self) -> Self {
        let mut url = self.0.clone();
        url.set_fragment(None);
        Self(url)
    }

    /// Whether a user name or a password stands in it.
    pub fn has_credentials(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// The last path segment, percent-decoded; `None` where it is empty or not UTF-8.
    pub fn filename(&self) -> Option<String> {
        let last = self.0.path_segments()?.next_back()?;
        let decoded = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
        (!decoded.is_empty()).then(|| decoded.into_owned())
    }

    /// A text that did not parse as a URL, without the `user:password@` that it may hold.
    pub fn redact(text: &str) -> String {
        let Some(start) = text.find("//").map(|at| at + 2) else {
            return text.to_owned();
        };
        let end = text[start..]
            .find(['/', '?', '#'])
            .map_or(text.len(), |at| start + at);
        match text[start..end].rfind('@') {
            Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
            None => text.to_owned(),
        }
    }
}

fn strip(url: &mut Url) {
    // Both fail only for URLs that cannot have a host, and those carry no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

impl From<Url> for WebUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl FromStr for WebUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_credentials() {
            f.write_str(self.without_credentials().0.as_str())
        } else {
            f.write_str(self.0.as_str())
        }
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for WebUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WebUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_inside() {
        let url = WebUrl::parse("https://me:secret@index.example.org/simple/?q=1").unwrap();
        let shown = format!("{url} {url:?} {}", serde_json::to_string(&url).unwrap());
        assert!(!shown.contains("secret") && !shown.contains("me:"), "{shown}");
        assert!(url.expose().contains("secret"));
        let error = WebUrl::parse("https://me:secret@exa mple.org/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn joins_drop_credentials_for_another_origin() {
        let index = WebUrl::parse("https://me:secret@index.example.org/simple/six/").unwrap();
        assert!(index.join("six-1.0.tar.gz").unwrap().has_credentials());
        assert!(
            !index
                .join("https://files.example.org/six-1.0.tar.gz")
                .unwrap()
                .has_credentials()
        );
        assert!(
            !index
                .join("//files.example.org/six-1.0.tar.gz")
                .unwrap()
                .has_credentials()
        );
    }

    #[test]
    fn filenames_are_decoded() {
        let url = WebUrl::parse("https://example.org/a/torch-2.0%2Bcpu-py3-none-any.whl#sha256=00").unwrap();
        assert_eq!(url.filename().as_deref(), Some("torch-2.0+cpu-py3-none-any.whl"));
        assert_eq!(WebUrl::parse("https://example.org/").unwrap().filename(), None);
    }
}
