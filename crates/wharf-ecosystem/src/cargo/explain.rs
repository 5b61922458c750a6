//! How the errors of cargo's formats present themselves.

use wharf_core::{Explain, Fault};

use super::dependency::InvalidReq;
use super::features::InvalidFeatures;
use super::index::InvalidLine;
use super::lock::InvalidLock;
use super::registry::InvalidConfig;
use super::rust_version::InvalidRustVersion;
use super::source::InvalidSource;

impl Explain for InvalidReq {
    fn code(&self) -> &'static str {
        "cargo/range"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["write a range such as `1.2`, `~1.2.3`, `=1.2.3` or `>=1, <3`".to_owned()]
    }
}

impl Explain for InvalidConfig {
    fn code(&self) -> &'static str {
        "cargo/registry-config"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl Explain for InvalidRustVersion {
    fn code(&self) -> &'static str {
        "cargo/rust-version"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidSource {
    fn code(&self) -> &'static str {
        "cargo/source"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidFeatures {
    fn code(&self) -> &'static str {
        "cargo/features"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidLine {
    fn code(&self) -> &'static str {
        "cargo/index-line"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl Explain for InvalidLock {
    fn code(&self) -> &'static str {
        "cargo/lock"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["restore `Cargo.lock` from version control, or delete it and run `wharf lock`".to_owned()]
    }
}
