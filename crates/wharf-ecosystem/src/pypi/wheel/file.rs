//! The file `WHEEL` in a wheel's `.dist-info`.

use wharf_core::{Explain, Fault};

use crate::pypi::metadata::Headers;
use crate::pypi::text::{excerpt, lossy};

/// What `WHEEL` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFile {
    /// The version of the wheel format: major, minor.
    pub version: (u32, u32),
    /// What built the wheel.
    pub generator: Option<String>,
    /// Where the files at the wheel's root go.
    pub root: Root,
    /// The tags of the wheel, expanded.
    pub tags: Vec<String>,
    /// The build tag.
    pub build: Option<String>,
}

/// Where the files at a wheel's root go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// Pure Python: `purelib`.
    Purelib,
    /// With compiled parts: `platlib`.
    Platlib,
}

/// A `WHEEL` file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WheelFileError {
    /// A field that must be there is not.
    #[error("WHEEL has no `{0}`")]
    Missing(&'static str),
    /// A field has a value that means nothing.
    #[error("WHEEL has `{field}: {value}`")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A later major version of the format.
    #[error("WHEEL has format version {0}.{1}, which this Wharf cannot install")]
    Format(u32, u32),
}

impl Explain for WheelFileError {
    fn code(&self) -> &'static str {
        "pypi/wheel"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl WheelFile {
    /// Reads `WHEEL`.
    ///
    /// # Errors
    /// Where `Wheel-Version` or `Root-Is-Purelib` is missing or malformed, or the format's major version is above 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, WheelFileError> {
        let text = lossy(bytes);
        let headers = Headers::parse(&text);
        let required = |field| headers.first(field).ok_or(WheelFileError::Missing(field));
        let invalid = |field, value: &str| WheelFileError::Value {
            field,
            value: excerpt(value),
        };
        let version_text = required("Wheel-Version")?;
        let version = version_text
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
            .ok_or_else(|| invalid("Wheel-Version", version_text))?;
        if version.0 > 1 {
            return Err(WheelFileError::Format(version.0, version.1));
        }
        let root = match required("Root-Is-Purelib")? {
            value if value.eq_ignore_ascii_case("true") => Root::Purelib,
            value if value.eq_ignore_ascii_case("false") => Root::Platlib,
            value => return Err(invalid("Root-Is-Purelib", value)),
        };
        Ok(Self {
            version,
            generator: headers.first("Generator").map(str::to_owned),
            root,
            tags: headers.all("Tag").map(str::to_owned).collect(),
            build: headers.first("Build").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheel_files() {
        let wheel = WheelFile::parse(
            b"Wheel-Version: 1.0\nGenerator: bdist_wheel (0.43.0)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\nBuild: 1\n\n",
        )
        .unwrap();
        assert_eq!((wheel.version, wheel.root), ((1, 0), Root::Purelib));
        assert_eq!(wheel.tags, ["py2-none-any", "py3-none-any"]);
        assert_eq!(
            (wheel.generator.as_deref(), wheel.build.as_deref()),
            (Some("bdist_wheel (0.43.0)"), Some("1"))
        );
        let wheel = WheelFile::parse(b"wheel-version: 1.9\r\nroot-is-purelib: False\r\n").unwrap();
        assert_eq!((wheel.version, wheel.root), ((1, 9), Root::Platlib));
    }

    #[test]
    fn wheel_files_that_cannot_be_used() {
        for (text, expected) in [
            ("", "WHEEL has no `Wheel-Version`"),
            ("Wheel-Version: 1.0", "WHEEL has no `Root-Is-Purelib`"),
            (
                "Wheel-Version: 1\nRoot-Is-Purelib: true",
                "WHEEL has `Wheel-Version: 1`",
            ),
            (
                "Wheel-Version: x.y\nRoot-Is-Purelib: true",
                "WHEEL has `Wheel-Version: x.y`",
            ),
            (
                "Wheel-Version: 1.0\nRoot-Is-Purelib: yes",
                "WHEEL has `Root-Is-Purelib: yes`",
            ),
            (
                "Wheel-Version: 2.0\nRoot-Is-Purelib: true",
                "WHEEL has format version 2.0, which this Wharf cannot install",
            ),
        ] {
            assert_eq!(
                WheelFile::parse(text.as_bytes()).unwrap_err().to_string(),
                expected
            );
        }
    }
}
