//! What a registry says of itself: `config.json`, at the root of its index.
//!
//! Invariant: a download URL is made of names and versions that were parsed, so that none of them leads elsewhere on the
//! server. Source: The Cargo Book, "Registry Index", "Index Configuration".

use serde::Deserialize;
use url::Url;
use wharf_core::Digest;

use super::{CrateName, Version};

/// A registry's `config.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Where archives are: a template, or a folder.
    pub dl: String,
    /// Where the web API is, if there is one.
    pub api: Option<String>,
    /// Whether everything wants a token, downloads and the index too.
    pub auth_required: bool,
}

/// Bytes that are no `config.json`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfig(pub String);

#[derive(Deserialize)]
struct Written {
    dl: String,
    api: Option<String>,
    #[serde(default, rename = "auth-required")]
    auth_required: bool,
}

/// What a template may contain.
const MARKERS: [&str; 5] = [
    "{crate}",
    "{version}",
    "{prefix}",
    "{lowerprefix}",
    "{sha256-checksum}",
];

impl RegistryConfig {
    /// Reads a `config.json`. Unknown fields are passed over.
    ///
    /// # Errors
    /// Where it is no JSON object with `dl`, or that makes no URL.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidConfig> {
        let written: Written =
            serde_json::from_slice(bytes).map_err(|error| InvalidConfig(error.to_string()))?;
        let config = Self {
            dl: written.dl,
            api: written.api,
            auth_required: written.auth_required,
        };
        let digest = Digest::from_hex(wharf_core::Algorithm::Sha256, &"0".repeat(64))
            .expect("64 digits are a SHA-256");
        let url = config.url("a", "0.0.0", &digest)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidConfig(format!(
                "`dl` is neither http nor https: {}",
                config.dl
            )));
        }
        Ok(config)
    }

    /// Where the archive of a version is. The digest is that of the index.
    ///
    /// # Errors
    /// Where the template makes no URL.
    pub fn download(
        &self,
        name: &CrateName,
        version: &Version,
        checksum: &Digest,
    ) -> Result<Url, InvalidConfig> {
        self.url(name.as_str(), &version.to_string(), checksum)
    }

    fn url(&self, name: &str, version: &str, checksum: &Digest) -> Result<Url, InvalidConfig> {
        let text = if MARKERS.iter().any(|marker| self.dl.contains(marker)) {
            self.dl
                .replace("{crate}", name)
                .replace("{version}", version)
                .replace("{prefix}", &prefix(name))
                .replace("{lowerprefix}", &prefix(&name.to_lowercase()))
                .replace("{sha256-checksum}", &checksum.hex())
        } else {
            format!("{}/{name}/{version}/download", self.dl)
        };
        Url::parse(&text).map_err(|error| InvalidConfig(format!("`dl` makes no URL, {text}: {error}")))
    }
}

/// The folder of a name: `1`, `2`, `3/a`, `se/rd`; in the name's own letters.
pub fn prefix(name: &str) -> String {
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", name.get(..1).unwrap_or_default()),
        _ => format!(
            "{}/{}",
            name.get(..2).unwrap_or_default(),
            name.get(2..4).unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_name;

    fn digest() -> Digest {
        Digest::from_hex(wharf_core::Algorithm::Sha256, &"ab".repeat(32)).unwrap()
    }

    fn download(dl: &str, name: &str, version: &str) -> String {
        let text = serde_json::json!({ "dl": dl }).to_string();
        let config = RegistryConfig::parse(text.as_bytes()).unwrap();
        let url = config.download(&crate_name(name).unwrap(), &version.parse().unwrap(), &digest());
        url.unwrap().to_string()
    }

    #[test]
    fn templates() {
        let check = |dl: &str, name: &str, version: &str, expected: &str| {
            assert_eq!(download(dl, name, version), expected, "{dl}");
        };
        check(
            "https://example.org/api/v1/crates",
            "serde",
            "1.0.0",
            "https://example.org/api/v1/crates/serde/1.0.0/download",
        );
        check(
            "https://example.org/{prefix}/{lowerprefix}/{crate}-{version}.crate",
            "MyCrate",
            "1.0.0+a.b",
            "https://example.org/My/Cr/my/cr/MyCrate-1.0.0+a.b.crate",
        );
        check(
            "https://example.org/{prefix}/{crate}",
            "abc",
            "1.0.0",
            "https://example.org/3/a/abc",
        );
        check(
            "https://example.org/{prefix}/{crate}",
            "ab",
            "1.0.0",
            "https://example.org/2/ab",
        );
        check(
            "https://example.org/{sha256-checksum}?v={version}",
            "a",
            "1.0.0-rc.1",
            &format!("https://example.org/{}?v=1.0.0-rc.1", "ab".repeat(32)),
        );
    }

    #[test]
    fn what_is_no_configuration() {
        let full =
            br#"{"dl":"https://example.org/c","api":"https://example.org","auth-required":true,"x":1}"#;
        let config = RegistryConfig::parse(full).unwrap();
        assert!(config.auth_required);
        assert_eq!(config.api.as_deref(), Some("https://example.org"));
        for bad in [
            "",
            "{}",
            "<html>",
            r#"{"dl":1}"#,
            r#"{"dl":"relative/{crate}"}"#,
            r#"{"dl":"file:///{crate}"}"#,
        ] {
            assert!(RegistryConfig::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
