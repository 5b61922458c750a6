//! What dpkg and apt wrote down on a machine: what is installed and how, who asked for it, what is to stay.
//!
//! Source: dpkg's `status` (deb-control(5), dpkg-query(1) on its states), apt's `extended_states` (apt-mark(8)),
//! dpkg(1) on `/var/lib/dpkg/arch`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wharf_core::Event;
use wharf_deb::architecture::Architecture;
use wharf_deb::deb822::{self, Stanza};
use wharf_deb::index::{self, Index};
use wharf_deb::settings::Settings;
use wharf_deb::universe::{PackageKey, Universe};

use super::error::SystemError;
use super::{lists, settings};
use crate::deb;
use crate::error::OpsError;
use crate::session::Session;

/// A machine's packages.
pub(super) struct Host {
    pub(super) root: PathBuf,
    /// Its own architecture first.
    pub(super) architectures: Vec<Architecture>,
    /// What is installed.
    pub(super) installed: Index,
    /// What came along with others, by name and architecture.
    pub(super) automatic: BTreeSet<(String, String)>,
    /// What is to stay as it is.
    pub(super) held: BTreeSet<(String, String)>,
    /// What its apt is told.
    pub(super) settings: Settings,
}

impl Host {
    /// Reads a machine's own records.
    ///
    /// # Errors
    /// Where it has none, or they cannot be read.
    pub(super) fn read(session: &Session, root: &Path) -> Result<Self, OpsError> {
        let (settings, malformed) = settings::of(root)?;
        for message in malformed {
            session.emit(Event::warning("system/setting", message));
        }
        Self::told(root, settings)
    }

    /// The same of a machine whose apt is told this.
    fn told(root: &Path, settings: Settings) -> Result<Self, OpsError> {
        let path = settings::place(root, &settings, "Dir::State::status").unwrap_or_default();
        let Some(status) = text_of(&path)? else {
            return Err(SystemError::NotDebian {
                root: root.to_owned(),
                name: said_name(root),
            }
            .into());
        };
        let mut installed = Vec::with_capacity(status.len());
        let mut held = BTreeSet::new();
        let mut native = None;
        for text in stanzas(&status) {
            let stanza = deb822::stanzas(text).next().and_then(Result::ok);
            let Some(stanza) = stanza.filter(is_installed) else {
                continue;
            };
            if wanted(&stanza).as_deref() == Some("hold") {
                held.extend(key(&stanza));
            }
            if stanza.text("Package").as_deref() == Some("dpkg") {
                native = stanza.text("Architecture").map(Cow::into_owned);
            }
            installed.extend_from_slice(text);
            installed.extend_from_slice(b"\n\n");
        }
        let malformed = |reason: String| SystemError::Malformed {
            path: path.clone(),
            reason,
        };
        let built = index::build(&installed, [0; 32]).map_err(|error| malformed(error.to_string()))?;
        Ok(Self {
            root: root.to_owned(),
            architectures: architectures(root, &settings, native)?,
            installed: Index::open(built.bytes).expect("an index that was just built can be opened"),
            automatic: automatic(root, &settings)?,
            held,
            settings,
        })
    }

    /// Everything that a plan may choose from.
    ///
    /// # Errors
    /// Where apt's lists are not there, or cannot be read.
    pub(super) fn universe(&self, session: &Session) -> Result<Universe, OpsError> {
        let native = self.native().clone();
        let holds = self.held.iter().filter_map(|(name, architecture)| {
            Some(PackageKey {
                name: name.clone(),
                architecture: self.counted_as(architecture)?,
            })
        });
        Ok(Universe::new(lists::layers(session, self)?, native)
            .with_foreign(self.architectures.iter().skip(1).cloned())
            .with_pins(super::pins::of(&self.root, &self.settings)?)
            .with_holds(holds)
            .with_installed(self.installed.clone()))
    }

    pub(super) fn native(&self) -> &Architecture {
        &self.architectures[0]
    }

    /// `deb:name`, with its architecture where that is a foreign one.
    pub(super) fn shown(&self, name: &str, architecture: &str) -> String {
        shown_name(self.native(), name, architecture)
    }

    /// The architecture that a package counts as: `all` is the machine's own.
    fn counted_as(&self, architecture: &str) -> Option<Architecture> {
        match architecture {
            Architecture::ALL => Some(self.native().clone()),
            other => Architecture::parse(other).ok(),
        }
    }

    /// Whether a package of this name is installed.
    pub(super) fn has(&self, name: &str) -> bool {
        let id = self.installed.find(name);
        id.is_some_and(|id| self.installed.versions(id).next().is_some())
    }

    /// Whether a set has a package. apt notes packages for all architectures under the machine's own.
    pub(super) fn is_in(&self, set: &BTreeSet<(String, String)>, name: &str, architecture: &str) -> bool {
        let has = |architecture: &str| set.contains(&(name.to_owned(), architecture.to_owned()));
        has(architecture) || (architecture == Architecture::ALL && has(self.native().as_str()))
    }
}

/// `deb:name`, with its architecture where that is not the system's own.
pub(super) fn shown_name(native: &Architecture, name: &str, architecture: &str) -> String {
    match architecture == Architecture::ALL || architecture == native.as_str() {
        true => format!("deb:{name}"),
        false => format!("deb:{name}:{architecture}"),
    }
}

/// The stanzas of a file as they stand.
fn stanzas(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while let [b'\n', tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .windows(2)
            .position(|pair| pair == b"\n\n")
            .unwrap_or(rest.len());
        let (stanza, tail) = rest.split_at(end);
        rest = tail;
        Some(stanza)
    })
}

/// The three words of `Status`: what is wanted, whether it is damaged, what it is.
fn words(stanza: &Stanza<'_>) -> Vec<String> {
    let text = stanza.text("Status").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn wanted(stanza: &Stanza<'_>) -> Option<String> {
    words(stanza).into_iter().next()
}

/// Whether its files are there: unpacked ones are as well as configured ones.
fn is_installed(stanza: &Stanza<'_>) -> bool {
    let state = words(stanza).pop();
    !matches!(state.as_deref(), None | Some("not-installed" | "config-files"))
}

fn key(stanza: &Stanza<'_>) -> Option<(String, String)> {
    let field = |name| Some(stanza.text(name)?.into_owned());
    Some((field("Package")?, field("Architecture")?))
}

/// What apt installed by itself.
fn automatic(root: &Path, settings: &Settings) -> Result<BTreeSet<(String, String)>, OpsError> {
    let path = settings::place(root, settings, "Dir::State::extended_states");
    let states = match path {
        Some(path) => text_of(&path)?.unwrap_or_default(),
        None => Vec::new(),
    };
    let marked = deb822::stanzas(&states).filter_map(Result::ok);
    let marked = marked.filter(|stanza| stanza.text("Auto-Installed").as_deref() == Some("1"));
    Ok(marked.filter_map(|stanza| key(&stanza)).collect())
}

/// What apt is told, else what dpkg knows.
fn architectures(
    root: &Path,
    settings: &Settings,
    native: Option<String>,
) -> Result<Vec<Architecture>, OpsError> {
    let path = root.join("var/lib/dpkg/arch");
    let text = text_of(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let own = match (settings.text("APT::Architecture"), native) {
        (Some(told), _) if !told.is_empty() => told.to_owned(),
        (_, Some(native)) => native,
        (_, None) => deb::architecture()?.to_string(),
    };
    let told = settings.list("APT::Architectures");
    let others = match told.is_empty() {
        true => text.split_whitespace().collect(),
        false => told,
    };
    let mut architectures: Vec<Architecture> = Vec::new();
    for word in std::iter::once(own.as_str()).chain(others) {
        let architecture = Architecture::parse(word).map_err(|error| SystemError::Malformed {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        if !architectures.contains(&architecture) {
            architectures.push(architecture);
        }
    }
    Ok(architectures)
}

/// What a machine calls itself. Source: os-release(5).
fn said_name(root: &Path) -> Option<String> {
    let text = ["etc/os-release", "usr/lib/os-release"]
        .iter()
        .find_map(|path| fs::read_to_string(root.join(path)).ok())?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// The bytes of a file; `None` where there is none.
pub(super) fn text_of(path: &Path) -> Result<Option<Vec<u8>>, OpsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(OpsError::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n\
        Package: b\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\n\
        Package: c\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2\n\n\
        Package: dpkg\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 3\n";

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_machine_is_what_its_records_say() {
        let root = machine(&[
            ("var/lib/dpkg/status", STATUS),
            ("var/lib/dpkg/arch", "amd64\ni386\n"),
            (
                "var/lib/apt/extended_states",
                "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n",
            ),
        ]);
        let host = Host::told(root.path(), Settings::default()).unwrap();
        let names: Vec<_> = host
            .installed
            .records()
            .map(|id| host.installed.record(id).name())
            .collect();
        assert_eq!(names, ["a", "c", "dpkg"]);
        assert_eq!(
            host.architectures
                .iter()
                .map(Architecture::as_str)
                .collect::<Vec<_>>(),
            ["amd64", "i386"]
        );
        assert!(host.is_in(&host.automatic, "a", "all"));
        assert!(host.is_in(&host.held, "c", "amd64") && !host.is_in(&host.held, "a", "all"));
        assert_eq!(host.shown("x", "i386"), "deb:x:i386");
        assert_eq!(host.shown("x", "all"), "deb:x");
    }

    #[test]
    fn a_machine_without_dpkg_says_what_it_is() {
        let root = machine(&[("etc/os-release", "ID=x\nPRETTY_NAME=\"Some Linux 3\"\n")]);
        let error = Host::told(root.path(), Settings::default()).err().unwrap();
        let OpsError::System(error) = error else {
            panic!("{error}")
        };
        assert!(
            matches!(*error, SystemError::NotDebian { name: Some(ref name), .. } if name == "Some Linux 3")
        );
    }
}
