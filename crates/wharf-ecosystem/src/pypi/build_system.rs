//! How a source tree is built into a wheel. Sources: PEP 517, PEP 518 ("pyproject.toml specification" of the PyPA).

use serde::Deserialize;
use wharf_core::{Explain, Fault, SafePath, UnsafePath};

use super::requirement::{Requirement, RequirementError, parse_requirement};

/// The backend that builds a tree and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSystem {
    /// What must be installed to build.
    pub requires: Vec<Requirement>,
    /// The module, with an object in it after a colon: `setuptools.build_meta:__legacy__`.
    pub backend: String,
    /// Folders of the tree that are searched for the backend first.
    pub backend_path: Vec<BackendPath>,
}

/// A folder of the source tree: its root or one below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendPath {
    /// The root of the tree.
    Root,
    /// A folder below it.
    Below(SafePath),
}

/// A `[build-system]` table that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildSystemError {
    /// No TOML, or a value of the wrong type.
    #[error("pyproject.toml is malformed: {0}")]
    Toml(String),
    /// The table lacks what it must have.
    #[error("pyproject.toml has a [build-system] table without `requires`")]
    NoRequires,
    /// A requirement that cannot be read.
    #[error("pyproject.toml asks for a build requirement that cannot be read")]
    Requirement(#[from] RequirementError),
    /// The backend is no dotted name.
    #[error("`{0}` is not a build backend (expected `module` or `module:object`)")]
    Backend(String),
    /// A backend folder outside the tree.
    #[error("pyproject.toml takes its build backend from outside its tree")]
    Path(#[from] UnsafePath),
}

impl Explain for BuildSystemError {
    fn code(&self) -> &'static str {
        "pypi/build-system"
    }

    fn fault(&self) -> Fault {
        match self {
            BuildSystemError::Path(_) => Fault::Denied,
            BuildSystemError::Toml(_)
            | BuildSystemError::NoRequires
            | BuildSystemError::Requirement(_)
            | BuildSystemError::Backend(_) => Fault::World,
        }
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "build-system")]
    build_system: Option<Table>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    requires: Option<Vec<String>>,
    build_backend: Option<String>,
    #[serde(default)]
    backend_path: Vec<String>,
}

impl BuildSystem {
    /// The backend of trees that name none.
    const LEGACY_BACKEND: &'static str = "setuptools.build_meta:__legacy__";
    /// What that backend needs; setuptools brings what else it builds wheels with.
    const LEGACY_REQUIRES: &'static str = "setuptools>=40.8.0";

    /// The build system of a tree without `pyproject.toml`, or without a `[build-system]` table in it.
    pub fn legacy() -> Self {
        Self {
            requires: vec![parse_requirement(Self::LEGACY_REQUIRES).expect("it is a requirement")],
            backend: Self::LEGACY_BACKEND.to_owned(),
            backend_path: Vec::new(),
        }
    }

    /// Reads the `[build-system]` table of a `pyproject.toml`; [`BuildSystem::legacy`] where there is none.
    ///
    /// # Errors
    /// Where the table cannot be used.
    pub fn from_pyproject(text: &str) -> Result<Self, BuildSystemError> {
        let document: Document =
            toml::from_str(text).map_err(|error| BuildSystemError::Toml(error.message().to_owned()))?;
        let Some(table) = document.build_system else {
            return Ok(Self::legacy());
        };
        let requires = table.requires.ok_or(BuildSystemError::NoRequires)?;
        let backend = table
            .build_backend
            .unwrap_or_else(|| Self::LEGACY_BACKEND.to_owned());
        if !is_object_reference(&backend) {
            return Err(BuildSystemError::Backend(backend));
        }
        Ok(Self {
            requires: requires
                .iter()
                .map(|text| parse_requirement(text))
                .collect::<Result<_, _>>()?,
            backend,
            backend_path: table
                .backend_path
                .iter()
                .map(|path| BackendPath::parse(path))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The backend's module.
    pub fn module(&self) -> &str {
        self.backend
            .split_once(':')
            .map_or(&self.backend, |(module, _)| module)
    }

    /// The object in the module, where one is named.
    pub fn object(&self) -> Option<&str> {
        self.backend.split_once(':').map(|(_, object)| object)
    }
}

impl BackendPath {
    fn parse(text: &str) -> Result<Self, UnsafePath> {
        // The root itself is the most common path, and no `SafePath`.
        if text.split('/').all(|part| part == "." || part.is_empty()) && !text.starts_with('/') {
            return Ok(Self::Root);
        }
        SafePath::new(text).map(Self::Below)
    }
}

/// `module.sub` or `module.sub:object.attribute`: text that is safe to import by.
pub(crate) fn is_object_reference(text: &str) -> bool {
    let (module, object) = text
        .split_once(':')
        .map_or((text, None), |(module, object)| (module, Some(object)));
    is_dotted_name(module) && object.is_none_or(is_dotted_name)
}

/// Python identifiers joined by dots.
pub(crate) fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut characters = part.chars();
        characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && characters.all(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_without_a_table_are_legacy() {
        for text in ["", "[project]\nname = \"a\"\n", "[tool.black]\n"] {
            assert_eq!(
                BuildSystem::from_pyproject(text),
                Ok(BuildSystem::legacy()),
                "{text}"
            );
        }
        assert_eq!(BuildSystem::legacy().module(), "setuptools.build_meta");
        assert_eq!(BuildSystem::legacy().object(), Some("__legacy__"));
    }

    #[test]
    fn tables() {
        let system = BuildSystem::from_pyproject(
            "[build-system]\nrequires = [\"flit_core >=3.2,<4\"]\nbuild-backend = \"flit_core.buildapi\"\nbackend-path = [\".\", \"build/tools\"]\n",
        )
        .unwrap();
        assert_eq!(system.requires[0].to_string(), "flit-core>=3.2,<4");
        assert_eq!((system.module(), system.object()), ("flit_core.buildapi", None));
        assert_eq!(
            system.backend_path,
            [
                BackendPath::Root,
                BackendPath::Below(SafePath::new("build/tools").unwrap())
            ]
        );
        let system = BuildSystem::from_pyproject("[build-system]\nrequires = []\n").unwrap();
        assert_eq!(
            (system.requires.len(), system.backend.as_str()),
            (0, BuildSystem::LEGACY_BACKEND)
        );
    }

    #[test]
    fn tables_that_cannot_be_used() {
        for (table, code) in [
            ("requires = 1", "malformed"),
            ("build-backend = \"a\"", "without `requires`"),
            ("requires = [\"a b\"]", "cannot be read"),
            (
                "requires = []\nbuild-backend = \"a; import os\"",
                "not a build backend",
            ),
            ("requires = []\nbuild-backend = \"\"", "not a build backend"),
            ("requires = []\nbackend-path = [\"../x\"]", "outside its tree"),
            ("requires = []\nbackend-path = [\"/x\"]", "outside its tree"),
        ] {
            let error = BuildSystem::from_pyproject(&format!("[build-system]\n{table}\n")).unwrap_err();
            assert!(error.to_string().contains(code), "{table}: {error}");
        }
        assert!(matches!(
            BuildSystem::from_pyproject("[build"),
            Err(BuildSystemError::Toml(_))
        ));
    }
}
