//! File names of wheels and source distributions.
//! Sources: "Binary distribution format", "Source distribution format" and "Compatibility tags" of the PyPA
//! specifications (PEP 427, 625, 425).

use std::fmt;

use pep440_rs::Version;
use wharf_core::{Explain, Fault, PackageName};

use super::text::excerpt;
use super::version::parse_version;

/// The longest file name that is read; file systems hold 255 bytes.
const LONGEST: usize = 512;

/// What a file name says of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistName {
    /// A wheel.
    Wheel(WheelName),
    /// A source distribution.
    Sdist(SdistName),
}

/// The parts of a wheel's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// The build tag; of two wheels otherwise alike the higher one wins.
    pub build: Option<BuildTag>,
    /// The compressed tag sets as written, such as `py2.py3-none-any`.
    tags: Box<str>,
    /// Where the abi and platform parts start in `tags`.
    starts: [u16; 2],
}

/// A wheel's build tag, such as `1` or `202403_b`: digits, then text. Ordered by the digits, then by the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildTag {
    /// The leading digits.
    pub number: u64,
    /// What follows them.
    pub suffix: Box<str>,
}

/// The parts of a source distribution's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdistName {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// How it is packed.
    pub format: SdistFormat,
}

/// How a source distribution is packed. Ordered by preference, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SdistFormat {
    /// `.tar`
    Tar,
    /// `.tar.bz2`, `.tbz`
    TarBz2,
    /// `.tar.xz`, `.txz`
    TarXz,
    /// `.tar.zst`
    TarZst,
    /// `.zip`
    Zip,
    /// `.tar.gz`, `.tgz`
    TarGz,
}

/// A file name that names no wheel and no source distribution of the project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilenameError {
    /// Neither a wheel nor a source archive.
    #[error("no wheel and no source archive (`{extension}`)")]
    Extension {
        /// What stands after the last dot, with the dot.
        extension: String,
    },
    /// It belongs to another project.
    #[error("belongs to another project than `{expected}`")]
    OtherProject {
        /// The project whose page it stands on.
        expected: PackageName,
    },
    /// No valid project name in front.
    #[error("starts with no valid project name")]
    Name,
    /// The version is none.
    #[error("`{0}` is not a version")]
    Version(String),
    /// The build tag does not start with a digit.
    #[error("`{0}` is not a build tag")]
    Build(String),
    /// A wheel name with the wrong number of parts or an empty tag.
    #[error("a wheel is named `name-version(-build)-python-abi-platform.whl`")]
    Shape,
    /// Longer than any file system takes.
    #[error("longer than 512 bytes")]
    Long,
}

impl Explain for FilenameError {
    fn code(&self) -> &'static str {
        "pypi/filename"
    }

    fn fault(&self) -> Fault {
        Fault::World
    }
}

impl DistName {
    /// Reads the name of a file that is expected to belong to `project`.
    ///
    /// # Errors
    /// Where it is neither a wheel nor a source archive of that project.
    pub fn parse(filename: &str, project: &PackageName) -> Result<Self, FilenameError> {
        if filename.ends_with(".whl") {
            WheelName::parse_for(filename, project).map(DistName::Wheel)
        } else {
            SdistName::parse(filename, project).map(DistName::Sdist)
        }
    }

    /// The project.
    pub fn name(&self) -> &PackageName {
        match self {
            DistName::Wheel(wheel) => &wheel.name,
            DistName::Sdist(sdist) => &sdist.name,
        }
    }

    /// The version.
    pub fn version(&self) -> &Version {
        match self {
            DistName::Wheel(wheel) => &wheel.version,
            DistName::Sdist(sdist) => &sdist.version,
        }
    }

    /// The wheel, if it is one.
    pub fn as_wheel(&self) -> Option<&WheelName> {
        match self {
            DistName::Wheel(wheel) => Some(wheel),
            DistName::Sdist(_) => None,
        }
    }
}

impl WheelName {
    /// Reads a wheel's file name, whatever project it belongs to.
    ///
    /// # Errors
    /// Where a part is missing or malformed.
    pub fn parse(filename: &str) -> Result<Self, FilenameError> {
        let parts = WheelParts::split(filename)?;
        let name = PackageName::pypi(parts.name).map_err(|_| FilenameError::Name)?;
        parts.finish(name, parse_version)
    }

    /// Reads the file name of a wheel of `project`.
    ///
    /// # Errors
    /// Where a part is missing or malformed, or the wheel belongs to another project.
    pub fn parse_for(filename: &str, project: &PackageName) -> Result<Self, FilenameError> {
        Self::parse_with(filename, project, parse_version)
    }

    /// [`WheelName::parse_for`] with a version reader that may remember what it has read.
    pub(crate) fn parse_with<E>(
        filename: &str,
        project: &PackageName,
        version: impl FnOnce(&str) -> Result<Version, E>,
    ) -> Result<Self, FilenameError> {
        let parts = WheelParts::split(filename)?;
        if after_name(parts.name, project) != Some("") {
            return Err(other_project(parts.name, project));
        }
        parts.finish(project.clone(), version)
    }

    /// The Python tags, such as `py2` and `py3`.
    pub fn python(&self) -> impl Iterator<Item = &str> {
        self.part(0).split('.')
    }

    /// The ABI tags, such as `cp312`, `abi3` or `none`.
    pub fn abi(&self) -> impl Iterator<Item = &str> {
        self.part(1).split('.')
    }

    /// The platform tags, such as `manylinux_2_17_x86_64` or `any`.
    pub fn platform(&self) -> impl Iterator<Item = &str> {
        self.part(2).split('.')
    }

    /// The compressed tag sets as written, such as `py2.py3-none-any`.
    pub fn tag_text(&self) -> &str {
        &self.tags
    }

    fn part(&self, at: usize) -> &str {
        let [abi, platform] = self.starts.map(usize::from);
        match at {
            0 => &self.tags[..abi - 1],
            1 => &self.tags[abi..platform - 1],
            _ => &self.tags[platform..],
        }
    }
}

impl fmt::Display for WheelName {
    /// The file name in its normal form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.to_string();
        write!(f, "{}-{}-", self.name.as_dist_info(), version.replace('-', "_"))?;
        if let Some(build) = &self.build {
            write!(f, "{build}-")?;
        }
        write!(f, "{}.whl", self.tags)
    }
}

impl fmt::Display for BuildTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.suffix)
    }
}

impl BuildTag {
    /// Reads a build tag.
    ///
    /// # Errors
    /// Where it does not start with digits that 64 bits hold, or goes on with other than letters, digits, `_`, `.` and `+`.
    pub fn parse(text: &str) -> Result<Self, FilenameError> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(end);
        // The suffix goes into paths; what no real one holds (a `/`, say) is refused.
        let plain = suffix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.+".contains(&byte));
        match digits.parse() {
            Ok(number) if plain => Ok(Self {
                number,
                suffix: suffix.into(),
            }),
            _ => Err(FilenameError::Build(text.to_owned())),
        }
    }
}

impl SdistName {
    /// Reads the file name of a source archive of `project`. The project must be known: in `a-b-1.tar.gz` nothing else
    /// says where the name ends.
    ///
    /// # Errors
    /// Where the archive is of no known kind, belongs to another project, or has no valid version.
    pub fn parse(filename: &str, project: &PackageName) -> Result<Self, FilenameError> {
        Self::parse_with(filename, project, parse_version)
    }

    /// [`SdistName::parse`] with a version reader that may remember what it has read.
    pub(crate) fn parse_with<E>(
        filename: &str,
        project: &PackageName,
        version: impl FnOnce(&str) -> Result<Version, E>,
    ) -> Result<Self, FilenameError> {
        if filename.len() > LONGEST {
            return Err(FilenameError::Long);
        }
        let (stem, format) = SdistFormat::split(filename).ok_or_else(|| FilenameError::Extension {
            extension: excerpt(filename.rfind('.').map_or("", |dot| &filename[dot..])),
        })?;
        let rest = after_name(stem, project).ok_or_else(|| other_project(stem, project))?;
        let text = rest
            .strip_prefix('-')
            .ok_or_else(|| other_project(stem, project))?;
        let version = version(text).map_err(|_| FilenameError::Version(text.to_owned()))?;
        Ok(Self {
            name: project.clone(),
            version,
            format,
        })
    }
}

impl SdistFormat {
    const EXTENSIONS: [(&'static str, SdistFormat); 9] = [
        (".tar.gz", SdistFormat::TarGz),
        (".zip", SdistFormat::Zip),
        (".tar.bz2", SdistFormat::TarBz2),
        (".tar.xz", SdistFormat::TarXz),
        (".tar.zst", SdistFormat::TarZst),
        (".tgz", SdistFormat::TarGz),
        (".tbz", SdistFormat::TarBz2),
        (".txz", SdistFormat::TarXz),
        (".tar", SdistFormat::Tar),
    ];

    /// Splits a file name into what stands before a known extension and the format; `None` for every other extension.
    pub fn split(filename: &str) -> Option<(&str, SdistFormat)> {
        Self::EXTENSIONS
            .into_iter()
            .find_map(|(extension, format)| Some((filename.strip_suffix(extension)?, format)))
    }

    /// The usual extension.
    pub const fn extension(self) -> &'static str {
        match self {
            SdistFormat::Tar => ".tar",
            SdistFormat::TarBz2 => ".tar.bz2",
            SdistFormat::TarXz => ".tar.xz",
            SdistFormat::TarZst => ".tar.zst",
            SdistFormat::Zip => ".zip",
            SdistFormat::TarGz => ".tar.gz",
        }
    }
}

/// The parts of a wheel's name, still text.
struct WheelParts<'a> {
    name: &'a str,
    version: &'a str,
    build: Option<&'a str>,
    tags: &'a str,
    starts: [u16; 2],
}

impl<'a> WheelParts<'a> {
    /// Splits from the right, where the number of parts is known.
    fn split(filename: &'a str) -> Result<Self, FilenameError> {
        if filename.len() > LONGEST {
            return Err(FilenameError::Long);
        }
        let stem = filename.strip_suffix(".whl").ok_or(FilenameError::Shape)?;
        let mut dashes = memchr::memrchr_iter(b'-', stem.as_bytes());
        let platform = dashes.next().ok_or(FilenameError::Shape)?;
        let abi = dashes.next().ok_or(FilenameError::Shape)?;
        let python = dashes.next().ok_or(FilenameError::Shape)?;
        let tags = &stem[python + 1..];
        if !tags.split(['-', '.']).all(is_tag) {
            return Err(FilenameError::Shape);
        }
        let start = |dash: usize| u16::try_from(dash - python).map_err(|_| FilenameError::Long);
        let mut front = stem[..python].split('-');
        let (Some(name), Some(version), build, None) =
            (front.next(), front.next(), front.next(), front.next())
        else {
            return Err(FilenameError::Shape);
        };
        Ok(Self {
            name,
            version,
            build,
            tags,
            starts: [start(abi)?, start(platform)?],
        })
    }

    fn finish<E>(
        self,
        name: PackageName,
        version: impl FnOnce(&str) -> Result<Version, E>,
    ) -> Result<WheelName, FilenameError> {
        Ok(WheelName {
            name,
            version: version(self.version).map_err(|_| FilenameError::Version(self.version.to_owned()))?,
            build: self.build.map(BuildTag::parse).transpose()?,
            tags: self.tags.into(),
            starts: self.starts,
        })
    }
}

/// One tag of a set: letters, digits and underscores, at least one of them.
fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What follows the project's name at the start of `text`, whatever the spelling of the name; `None` where `text` starts
/// with something else.
fn after_name<'a>(text: &'a str, project: &PackageName) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for wanted in project.as_str().bytes() {
        if wanted == b'-' {
            let run = bytes[at..]
                .iter()
                .take_while(|byte| b"-_.".contains(byte))
                .count();
            if run == 0 {
                return None;
            }
            at += run;
        } else if bytes.get(at)?.eq_ignore_ascii_case(&wanted) {
            at += 1;
        } else {
            return None;
        }
    }
    // Every byte so far was ASCII, so this is a character boundary.
    text.get(at..)
}

fn other_project(stem: &str, project: &PackageName) -> FilenameError {
    if stem.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        FilenameError::OtherProject {
            expected: project.clone(),
        }
    } else {
        FilenameError::Name
    }
}

#[cfg(test)]
#[path = "filename_tests.rs"]
mod tests;
