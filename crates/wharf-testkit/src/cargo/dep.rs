//! A need of a crate, as the index and `Cargo.toml` write it.

use serde_json::{Value, json};

/// A need of a crate: `CrateDep::new("serde", "1").optional().features(&["derive"])`.
#[derive(Debug, Clone)]
pub struct CrateDep {
    name: String,
    package: Option<String>,
    req: String,
    kind: &'static str,
    features: Vec<String>,
    optional: bool,
    default_features: bool,
    target: Option<String>,
    registry: Option<String>,
}

impl CrateDep {
    /// A plain need: normal, mandatory, with default features, on every target.
    #[must_use]
    pub fn new(name: &str, req: &str) -> Self {
        Self {
            name: name.to_owned(),
            package: None,
            req: req.to_owned(),
            kind: "normal",
            features: Vec::new(),
            optional: false,
            default_features: true,
            target: None,
            registry: None,
        }
    }

    /// Only to develop the crate.
    #[must_use]
    pub fn dev(mut self) -> Self {
        self.kind = "dev";
        self
    }

    /// Only for its build script.
    #[must_use]
    pub fn build(mut self) -> Self {
        self.kind = "build";
        self
    }

    /// Only where a feature asks for it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Without its default features.
    #[must_use]
    pub fn no_default_features(mut self) -> Self {
        self.default_features = false;
        self
    }

    /// With these features.
    #[must_use]
    pub fn features(mut self, features: &[&str]) -> Self {
        self.features = features.iter().map(|feature| (*feature).to_owned()).collect();
        self
    }

    /// Only on some targets: `cfg(unix)`, or a triple.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Under the name it was made with in the code, this package: `CrateDep::new("old", "0.1").package("log")`.
    #[must_use]
    pub fn package(mut self, package: &str) -> Self {
        self.package = Some(package.to_owned());
        self
    }

    /// From another registry, by the URL of its index.
    #[must_use]
    pub fn registry(mut self, index: &str) -> Self {
        self.registry = Some(index.to_owned());
        self
    }

    /// Its entry in a line of the index.
    pub(super) fn index_entry(&self) -> Value {
        json!({
            "name": self.name,
            "req": self.req,
            "features": self.features,
            "optional": self.optional,
            "default_features": self.default_features,
            "target": self.target,
            "kind": self.kind,
            "registry": self.registry,
            "package": self.package,
        })
    }

    /// A table of `Cargo.toml`.
    pub(super) fn manifest_table(&self) -> String {
        let table = match self.kind {
            "dev" => "dev-dependencies",
            "build" => "build-dependencies",
            _ => "dependencies",
        };
        let mut text = match &self.target {
            Some(target) => format!("\n[target.{}.{table}.{}]\n", quoted(target), self.name),
            None => format!("\n[{table}.{}]\n", self.name),
        };
        text.push_str(&format!("version = {}\n", quoted(&self.req)));
        if let Some(package) = &self.package {
            text.push_str(&format!("package = {}\n", quoted(package)));
        }
        if let Some(registry) = &self.registry {
            text.push_str(&format!("registry-index = {}\n", quoted(registry)));
        }
        if !self.features.is_empty() {
            text.push_str(&format!("features = {}\n", list(&self.features)));
        }
        if self.optional {
            text.push_str("optional = true\n");
        }
        if !self.default_features {
            text.push_str("default-features = false\n");
        }
        text
    }
}

/// A TOML string; JSON's escapes are among TOML's.
pub(super) fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// A TOML list of strings.
pub(super) fn list(values: &[String]) -> String {
    json!(values).to_string()
}
