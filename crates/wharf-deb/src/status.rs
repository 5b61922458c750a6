//! What dpkg says is installed, and what apt says was not asked for. Sources: dpkg(1), "Package states"; apt's
//! `extended_states`.

use std::collections::BTreeSet;

use crate::deb822;
use crate::packages::{MalformedStanza, Package, Stanzas};

/// A package that dpkg knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// What it says of itself.
    pub package: Package<'a>,
    /// What is wanted of it.
    pub want: Want,
    /// Whether it is so broken that it has to be installed again.
    pub reinstall: bool,
    /// How far it is.
    pub state: State,
}

/// What is wanted of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// Nothing is said.
    Unknown,
    /// It is to be installed.
    Install,
    /// It is to stay as it is.
    Hold,
    /// It is to go, its configuration to stay.
    Deinstall,
    /// It is to go.
    Purge,
}

/// How far a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is not there.
    NotInstalled,
    /// Its configuration is left.
    ConfigFiles,
    /// It was being unpacked.
    HalfInstalled,
    /// It is unpacked.
    Unpacked,
    /// It was being configured.
    HalfConfigured,
    /// It waits for another.
    TriggersAwaited,
    /// It has something to do.
    TriggersPending,
    /// It is installed.
    Installed,
}

impl Known<'_> {
    /// Whether its files are there, so that others can build on it.
    pub fn is_present(&self) -> bool {
        self.state >= State::Unpacked
    }

    /// Whether it is to stay as it is.
    pub fn is_held(&self) -> bool {
        self.want == Want::Hold
    }
}

impl Want {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "unknown" => Want::Unknown,
            "install" => Want::Install,
            "hold" => Want::Hold,
            "deinstall" => Want::Deinstall,
            "purge" => Want::Purge,
            _ => return None,
        })
    }
}

impl State {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "not-installed" => State::NotInstalled,
            "config-files" => State::ConfigFiles,
            "half-installed" => State::HalfInstalled,
            "unpacked" => State::Unpacked,
            "half-configured" => State::HalfConfigured,
            "triggers-awaited" => State::TriggersAwaited,
            "triggers-pending" => State::TriggersPending,
            "installed" => State::Installed,
            _ => return None,
        })
    }
}

/// Reads dpkg's `status` file: the packages that it knows but those of which nothing is left, and what cannot be read.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Result<Known<'_>, MalformedStanza>> {
    Stanzas::new(bytes).filter_map(|stanza| match stanza {
        Ok(package) => known(package).transpose(),
        Err(error) => Some(Err(error)),
    })
}

fn known(package: Package<'_>) -> Result<Option<Known<'_>>, MalformedStanza> {
    let mut words = package.status.split_ascii_whitespace();
    let read = (|| {
        let want = Want::parse(words.next()?)?;
        let reinstall = match words.next()? {
            "ok" => false,
            "reinstreq" | "hold-reinstreq" | "hold" => true,
            _ => return None,
        };
        let state = State::parse(words.next()?)?;
        words.next().is_none().then_some((want, reinstall, state))
    })();
    match read {
        Some((_, _, State::NotInstalled)) => Ok(None),
        Some((want, reinstall, state)) => Ok(Some(Known {
            package,
            want,
            reinstall,
            state,
        })),
        None => Err(MalformedStanza {
            line: package.line,
            package: Some(package.name.to_owned()),
            reason: format!("`Status` is `{}`, which is no state", package.status),
        }),
    }
}

/// Reads apt's `extended_states`: the packages, and their architectures, that are there because others need them.
pub fn automatic(bytes: &[u8]) -> BTreeSet<(String, String)> {
    deb822::stanzas(bytes)
        .flatten()
        .filter(|stanza| stanza.text("Auto-Installed").is_some_and(|value| value == "1"))
        .filter_map(|stanza| {
            Some((
                stanza.text("Package")?.into_owned(),
                stanza.text("Architecture")?.into_owned(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: nginx
Status: install ok installed
Architecture: amd64
Version: 1.22
Conffiles:
 /etc/nginx/nginx.conf 00112233445566778899aabbccddeeff
Depends: libc6

Package: gone
Status: unknown ok not-installed
Priority: optional

Package: left
Status: deinstall ok config-files
Architecture: all
Version: 2

Package: held
Status: hold reinstreq half-installed
Architecture: all
Version: 3

Package: odd
Status: install ok perhaps
Architecture: all
Version: 4

Package: waits
Status: install ok triggers-awaited
Architecture: all
Version: 5
";

    #[test]
    fn states() {
        let read: Vec<String> = parse(STATUS.as_bytes())
            .map(|known| match known {
                Ok(known) => format!(
                    "{} {:?} {:?} reinstall {} present {} held {}",
                    known.package.name,
                    known.want,
                    known.state,
                    known.reinstall,
                    known.is_present(),
                    known.is_held()
                ),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(
            read,
            [
                "nginx Install Installed reinstall false present true held false",
                "left Deinstall ConfigFiles reinstall false present false held false",
                "held Hold HalfInstalled reinstall true present false held true",
                "line 23, package odd: `Status` is `install ok perhaps`, which is no state",
                "waits Install TriggersAwaited reinstall false present true held false",
            ]
        );
    }

    #[test]
    fn what_was_not_asked_for() {
        let text = b"Package: aa\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: bb\nArchitecture: amd64\nAuto-Installed: 0\n\nbroken\n\nPackage: cc\nArchitecture: i386\nAuto-Installed: 1\n";
        let read: Vec<_> = automatic(text).into_iter().collect();
        let pair = |name: &str, architecture: &str| (name.to_owned(), architecture.to_owned());
        assert_eq!(read, [pair("aa", "amd64"), pair("cc", "i386")]);
    }
}
