//! How the errors of npm's formats present themselves.

use wharf_core::{Explain, Fault};

use super::extensions::InvalidExtension;
use super::overrides::InvalidOverride;
use super::packument::InvalidPackument;
use super::peers::InvalidPeerRule;
use super::semver::{InvalidRange, InvalidVersion};
use super::spec::InvalidSpec;

impl Explain for InvalidVersion {
    fn code(&self) -> &'static str {
        "npm/version"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["write a version as three numbers, such as `1.2.3` or `1.2.3-beta.1`".to_owned()]
    }
}

impl Explain for InvalidRange {
    fn code(&self) -> &'static str {
        "npm/range"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        vec!["write a range such as `^1.2.3`, `~1.2`, `1.x || 2.x` or `>=1 <3`".to_owned()]
    }
}

impl Explain for InvalidSpec {
    fn code(&self) -> &'static str {
        "npm/spec"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            InvalidSpec::Nothing { .. } => {
                "write a range (`^1.2.3`), a tag (`latest`), `npm:other@^1`, `file:../folder`, `github:user/repository` or a URL"
            }
            InvalidSpec::Alias { .. } => "write an alias as `npm:name@range`",
            InvalidSpec::Url { .. } => "write the whole URL, with its scheme and host",
            InvalidSpec::Fragment { .. } => {
                "write one of `#branch`, `#commit` and `#semver:^1`, and `::path:folder` after it for a folder inside the repository"
            }
            InvalidSpec::Protocol { protocol, .. } if protocol == "patch:" => {
                "ask for the package itself: patches of yarn are not applied"
            }
            InvalidSpec::Protocol { .. } => "use a range, a path, a git URL or the URL of an archive instead",
        };
        vec![hint.to_owned()]
    }
}

impl Explain for InvalidOverride {
    fn code(&self) -> &'static str {
        "npm/override"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidExtension {
    fn code(&self) -> &'static str {
        "npm/extension"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidPeerRule {
    fn code(&self) -> &'static str {
        "npm/peer-rule"
    }

    fn fault(&self) -> Fault {
        Fault::User
    }
}

impl Explain for InvalidPackument {
    fn code(&self) -> &'static str {
        "npm/packument"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}
