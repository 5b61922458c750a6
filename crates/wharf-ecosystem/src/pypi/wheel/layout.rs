//! Where each file of a wheel goes. Invariant: nothing leaves the folder of its scheme.
//! Source: "Binary distribution format", "The .data directory" (PEP 427).

use wharf_core::{Explain, Fault, PackageName, SafePath};

use super::file::Root;
use crate::pypi::filename::WheelName;

/// A folder of an installation, as `sysconfig` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Pure Python modules.
    Purelib,
    /// Modules with compiled parts.
    Platlib,
    /// Commands: files here whose first line is `#!python` get the interpreter's path, and all are made executable.
    Scripts,
    /// Anything, below the environment's root.
    Data,
    /// C headers, below a folder of the project's own.
    Headers,
}

/// Where one file of a wheel goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The folder.
    pub scheme: Scheme,
    /// The path below it.
    pub path: SafePath,
}

/// The two folders of a wheel that have a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Such as `foo-1.0.dist-info`.
    pub dist_info: String,
    /// Such as `foo-1.0.data`.
    pub data: String,
    /// Where the files at the root go.
    pub root: Root,
}

/// A wheel whose files cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There is no `.dist-info`.
    #[error("the wheel has no `.dist-info` folder")]
    NoDistInfo,
    /// There are several, so nobody knows which one counts.
    #[error("the wheel has several `.dist-info` folders: `{0}` and `{1}`")]
    SeveralDistInfos(String, String),
    /// It belongs to another project or version.
    #[error("the wheel's folder `{found}` is not that of {name} {version}")]
    OtherDistInfo {
        /// The folder.
        found: String,
        /// The project that the wheel's file name gives.
        name: PackageName,
        /// The version that the wheel's file name gives.
        version: String,
    },
    /// A file for a folder that no installation has.
    #[error("the wheel's file `{0}` is for an unknown scheme")]
    UnknownScheme(SafePath),
}

impl Explain for LayoutError {
    fn code(&self) -> &'static str {
        "pypi/wheel-layout"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl Layout {
    /// Finds the `.dist-info` folder among the paths of a wheel: the only one, and the wheel's own.
    ///
    /// # Errors
    /// Where there is none, more than one, or one of another project or version.
    pub fn find<'p>(
        paths: impl IntoIterator<Item = &'p SafePath>,
        wheel: &WheelName,
        root: Root,
    ) -> Result<Self, LayoutError> {
        let dist_info = Self::dist_info(paths)?;
        let stem = dist_info.strip_suffix(".dist-info").unwrap_or(&dist_info);
        let own = stem.rsplit_once('-').is_some_and(|(name, version)| {
            let same_name = PackageName::pypi(name).is_ok_and(|name| name == wheel.name);
            same_name
                && crate::pypi::version::parse_version(version).is_ok_and(|version| version == wheel.version)
        });
        if !own {
            return Err(LayoutError::OtherDistInfo {
                found: dist_info,
                name: wheel.name.clone(),
                version: wheel.version.to_string(),
            });
        }
        Ok(Self::new(dist_info, root))
    }

    /// The layout of a wheel whose `.dist-info` folder is known.
    pub fn new(dist_info: String, root: Root) -> Self {
        let stem = dist_info.strip_suffix(".dist-info").unwrap_or(&dist_info);
        Self {
            data: format!("{stem}.data"),
            dist_info,
            root,
        }
    }

    /// The only top-level folder whose name ends in `.dist-info`.
    ///
    /// # Errors
    /// Where there is none or more than one.
    pub fn dist_info<'p>(paths: impl IntoIterator<Item = &'p SafePath>) -> Result<String, LayoutError> {
        let mut found: Option<&str> = None;
        for path in paths {
            let Some((top, _)) = path.as_str().split_once('/') else {
                continue;
            };
            if !top.ends_with(".dist-info") {
                continue;
            }
            match found {
                Some(first) if first != top => {
                    return Err(LayoutError::SeveralDistInfos(first.to_owned(), top.to_owned()));
                }
                Some(_) => {}
                None => found = Some(top),
            }
        }
        found.map(str::to_owned).ok_or(LayoutError::NoDistInfo)
    }

    /// Where a file goes.
    ///
    /// # Errors
    /// Where it lies in the `.data` folder, but for no known scheme.
    pub fn place(&self, path: &SafePath) -> Result<Placement, LayoutError> {
        let root = match self.root {
            Root::Purelib => Scheme::Purelib,
            Root::Platlib => Scheme::Platlib,
        };
        let in_data = path
            .as_str()
            .strip_prefix(self.data.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(rest) = in_data else {
            return Ok(Placement {
                scheme: root,
                path: path.clone(),
            });
        };
        let unknown = || LayoutError::UnknownScheme(path.clone());
        let (scheme, rest) = rest.split_once('/').ok_or_else(unknown)?;
        let scheme = match scheme {
            "purelib" => Scheme::Purelib,
            "platlib" => Scheme::Platlib,
            "scripts" => Scheme::Scripts,
            "data" => Scheme::Data,
            "headers" => Scheme::Headers,
            _ => return Err(unknown()),
        };
        let path = SafePath::new(rest).expect("the rest of a safe path is safe");
        Ok(Placement { scheme, path })
    }

    /// Whether the file is one that the installer writes itself: `RECORD`, and the signatures that cover the wheel's own
    /// `RECORD` and would be wrong for the new one.
    pub fn is_rewritten(&self, path: &SafePath) -> bool {
        let name = path
            .as_str()
            .strip_prefix(self.dist_info.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        matches!(
            name,
            Some("RECORD" | "RECORD.jws" | "RECORD.p7s" | "INSTALLER" | "REQUESTED" | "direct_url.json")
        )
    }
}

/// Where a file of a wheel goes: [`Layout::place`] in one call.
///
/// # Errors
/// Where it lies in the `.data` folder, but for no known scheme.
pub fn scheme(path: &SafePath, dist_info: &str, root: Root) -> Result<Placement, LayoutError> {
    Layout::new(dist_info.to_owned(), root).place(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SafePath {
        SafePath::new(text).unwrap()
    }

    fn find(paths: &[&str]) -> Result<Layout, LayoutError> {
        let paths: Vec<SafePath> = paths.iter().map(|text| path(text)).collect();
        let wheel = WheelName::parse("Foo.Bar-1.0-py3-none-any.whl").unwrap();
        Layout::find(&paths, &wheel, Root::Purelib)
    }

    #[test]
    fn files_go_where_their_scheme_says() {
        let layout = find(&["foo_bar/x.py", "foo_bar-1.0.dist-info/RECORD"]).unwrap();
        for (file, scheme, placed) in [
            ("foo_bar/x.py", Scheme::Purelib, "foo_bar/x.py"),
            (
                "foo_bar-1.0.dist-info/METADATA",
                Scheme::Purelib,
                "foo_bar-1.0.dist-info/METADATA",
            ),
            ("foo_bar-1.0.data/scripts/run", Scheme::Scripts, "run"),
            ("foo_bar-1.0.data/data/share/x", Scheme::Data, "share/x"),
            ("foo_bar-1.0.data/headers/x.h", Scheme::Headers, "x.h"),
            ("foo_bar-1.0.data/platlib/a/b.so", Scheme::Platlib, "a/b.so"),
            (
                "foo_bar-1.0.database/x",
                Scheme::Purelib,
                "foo_bar-1.0.database/x",
            ),
        ] {
            let placement = layout.place(&path(file)).unwrap();
            assert_eq!(
                (placement.scheme, placement.path.as_str()),
                (scheme, placed),
                "{file}"
            );
        }
        for file in ["foo_bar-1.0.data/stray", "foo_bar-1.0.data/stdlib/x.py"] {
            assert_eq!(
                layout.place(&path(file)),
                Err(LayoutError::UnknownScheme(path(file)))
            );
        }
        let native = scheme(&path("a.so"), "a-1.dist-info", Root::Platlib).unwrap();
        assert_eq!(native.scheme, Scheme::Platlib);
    }

    #[test]
    fn the_dist_info_folder_must_be_the_wheels_own() {
        assert!(find(&["Foo.Bar-1.0.0.dist-info/RECORD"]).is_ok());
        assert_eq!(find(&["x.py", "foo.dist-info"]), Err(LayoutError::NoDistInfo));
        assert!(matches!(
            find(&["a-1.dist-info/x", "foo_bar-1.0.dist-info/x"]),
            Err(LayoutError::SeveralDistInfos(..))
        ));
        for other in [
            "foo_bar-1.1.dist-info/x",
            "foo-1.0.dist-info/x",
            ".dist-info/x",
            "foo_bar.dist-info/x",
        ] {
            assert!(
                matches!(find(&[other]), Err(LayoutError::OtherDistInfo { .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn the_installer_writes_its_own_files() {
        let layout = Layout::new("a-1.dist-info".to_owned(), Root::Purelib);
        assert!(layout.is_rewritten(&path("a-1.dist-info/RECORD.jws")));
        assert!(!layout.is_rewritten(&path("a-1.dist-info/METADATA")));
        assert!(!layout.is_rewritten(&path("b/a-1.dist-info/RECORD")));
    }
}
