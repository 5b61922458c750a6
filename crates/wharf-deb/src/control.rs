//! The control file of one package, as it lies in an archive. Source: deb-control(5).

use wharf_core::{Ecosystem, Explain, Fault, PackageName};

use crate::architecture::Architecture;
use crate::packages::{MultiArch, Package, Stanzas};
use crate::relation::{InvalidRelation, Relations};
use crate::version::Version;

/// A package by its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture, or `all`.
    pub architecture: Architecture,
    /// Whether it may stand beside, or serve, packages of other architectures.
    pub multi_arch: MultiArch,
    /// Part of every system.
    pub essential: bool,
    /// Not to be removed.
    pub protected: bool,
    /// How important it is, where it says so.
    pub priority: Option<String>,
    /// The section, where it says so.
    pub section: Option<String>,
    /// The source package.
    pub source: String,
    /// The version of the source package.
    pub source_version: String,
    /// How much it takes when unpacked, in KiB.
    pub installed_size: Option<u64>,
    /// What it says about others.
    pub relations: ControlRelations,
    /// What it is, in one line.
    pub summary: String,
}

/// What a package says about others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlRelations {
    /// Needed before it is unpacked.
    pub pre_depends: Relations,
    /// Needed.
    pub depends: Relations,
    /// Usually wanted with it.
    pub recommends: Relations,
    /// Of use with it.
    pub suggests: Relations,
    /// What it is of use for.
    pub enhances: Relations,
    /// Never together.
    pub conflicts: Relations,
    /// Does not work together.
    pub breaks: Relations,
    /// Whose files it may take over.
    pub replaces: Relations,
    /// What it stands for, too.
    pub provides: Relations,
}

/// A control file that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidControl {
    /// It is malformed.
    #[error("the control file cannot be read: {0}")]
    Malformed(String),
    /// A relation is malformed.
    #[error("the control file cannot be read: in `{field}`, {error}")]
    Relation {
        /// The field.
        field: &'static str,
        /// What is wrong.
        error: InvalidRelation,
    },
}

impl Explain for InvalidControl {
    fn code(&self) -> &'static str {
        "deb/control"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }

    fn hints(&self) -> Vec<String> {
        vec!["the archive was made wrongly: tell whoever publishes it".to_owned()]
    }
}

impl Control {
    /// Reads the control file of an archive.
    ///
    /// # Errors
    /// Where it has no package or a second one, or one of its fields is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidControl> {
        let malformed = |reason: String| InvalidControl::Malformed(reason);
        let mut stanzas = Stanzas::new(bytes);
        let package = stanzas
            .next()
            .ok_or_else(|| malformed("it is empty".to_owned()))?
            .map_err(|error| malformed(error.to_string()))?;
        if stanzas.next().is_some() {
            return Err(malformed("a second stanza follows".to_owned()));
        }
        Self::of(&package)
    }

    fn of(package: &Package<'_>) -> Result<Self, InvalidControl> {
        fn malformed(error: &dyn std::error::Error) -> InvalidControl {
            InvalidControl::Malformed(error.to_string())
        }
        let written = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (source, source_version) = package.source();
        Ok(Self {
            name: PackageName::new(Ecosystem::Deb, package.name).map_err(|error| malformed(&error))?,
            version: Version::parse(package.version).map_err(|error| malformed(&error))?,
            architecture: Architecture::parse(package.architecture).map_err(|error| malformed(&error))?,
            multi_arch: package.multi_arch,
            essential: package.essential,
            protected: package.protected,
            priority: written(package.priority),
            section: written(package.section),
            source: source.to_owned(),
            source_version: source_version.to_owned(),
            installed_size: package.installed_size,
            relations: ControlRelations::of(package)?,
            summary: String::from_utf8_lossy(package.summary()).into_owned(),
        })
    }
}

impl ControlRelations {
    fn of(package: &Package<'_>) -> Result<Self, InvalidControl> {
        let read = |field: &'static str, text: &str| {
            Relations::parse(text).map_err(|error| InvalidControl::Relation { field, error })
        };
        Ok(Self {
            pre_depends: read("Pre-Depends", package.pre_depends)?,
            depends: read("Depends", package.depends)?,
            recommends: read("Recommends", package.recommends)?,
            suggests: read("Suggests", package.suggests)?,
            enhances: read("Enhances", package.enhances)?,
            conflicts: read("Conflicts", package.conflicts)?,
            breaks: read("Breaks", package.breaks)?,
            replaces: read("Replaces", package.replaces)?,
            provides: read("Provides", package.provides)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_file() {
        let control = Control::parse(
            b"Package: libpq5\nSource: postgresql-15\nVersion: 15.4-1\nArchitecture: amd64\nMulti-Arch: same\n\
              Depends: libc6 (>= 2.34), libssl3 | libssl1.1\nProvides: libpq (= 15)\nDescription: client library\n more\n",
        )
        .unwrap();
        assert_eq!(
            (control.name.as_str(), control.multi_arch),
            ("libpq5", MultiArch::Same)
        );
        assert_eq!(
            control.relations.depends.to_string(),
            "libc6 (>= 2.34), libssl3 | libssl1.1"
        );
        assert_eq!(control.relations.provides.to_string(), "libpq (= 15)");
        assert_eq!(
            (control.source.as_str(), control.source_version.as_str()),
            ("postgresql-15", "15.4-1")
        );
        assert_eq!(
            (control.summary.as_str(), control.section),
            ("client library", None)
        );
    }

    #[test]
    fn control_files_that_are_none() {
        for (text, expected) in [
            ("", "the control file cannot be read: it is empty"),
            (
                "Package: aa\n",
                "the control file cannot be read: line 1, package aa: it has no `Version`",
            ),
            (
                "Package: aa\nVersion: 1\nArchitecture: all\n\nPackage: bb\n",
                "the control file cannot be read: a second stanza follows",
            ),
            (
                "Package: aa\nVersion: 1\nArchitecture: all\nBreaks: bb (1)\n",
                "the control file cannot be read: in `Breaks`, `1` in the relation `bb (1)` cannot be read: no operator stands before the version",
            ),
        ] {
            assert_eq!(Control::parse(text.as_bytes()).unwrap_err().to_string(), expected);
        }
    }
}
