//! The forms in which prebuilt commands are packed. Source: cargo-binstall, SUPPORT.md, and the list of its `PkgFmt`.

/// How an archive of prebuilt commands is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageFormat {
    /// A tar.
    Tar,
    /// A tar in bzip2.
    Tbz2,
    /// A tar in gzip.
    Tgz,
    /// A tar in xz.
    Txz,
    /// A tar in Zstandard.
    Tzstd,
    /// A zip.
    Zip,
    /// The command itself.
    Bin,
}

impl PackageFormat {
    /// All of them; the common ones first.
    pub const ALL: [PackageFormat; 7] = [
        Self::Tgz,
        Self::Txz,
        Self::Zip,
        Self::Tzstd,
        Self::Tbz2,
        Self::Tar,
        Self::Bin,
    ];

    /// The format as manifests write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Tbz2 => "tbz2",
            Self::Tgz => "tgz",
            Self::Txz => "txz",
            Self::Tzstd => "tzstd",
            Self::Zip => "zip",
            Self::Bin => "bin",
        }
    }

    /// The format of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// How names of such files end.
    #[must_use]
    pub const fn suffixes(self, windows: bool) -> &'static [&'static str] {
        match self {
            Self::Tar => &[".tar"],
            Self::Tbz2 => &[".tbz2", ".tar.bz2", ".tbz", ".tar.bz"],
            Self::Tgz => &[".tgz", ".tar.gz"],
            Self::Txz => &[".txz", ".tar.xz"],
            Self::Tzstd => &[".tzstd", ".tzst", ".tar.zst"],
            Self::Zip => &[".zip"],
            Self::Bin if windows => &[".bin", "", ".exe"],
            Self::Bin => &[".bin", ""],
        }
    }

    /// What the end of a URL says. The name needs something before the ending.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let name = url.rsplit('/').next().unwrap_or(url);
        let ends = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
        let packed = Self::ALL
            .into_iter()
            .filter(|format| *format != Self::Bin)
            .find(|format| format.suffixes(false).iter().any(|suffix| ends(suffix)));
        packed.or_else(|| (ends(".exe") || ends(".bin")).then_some(Self::Bin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names() {
        for format in PackageFormat::ALL {
            assert_eq!(PackageFormat::from_word(format.as_str()), Some(format));
        }
        for (url, format) in [
            (
                "https://example.org/a-{ target }.tar.gz",
                Some(PackageFormat::Tgz),
            ),
            ("https://example.org/a.tgz", Some(PackageFormat::Tgz)),
            ("https://example.org/a.txz", Some(PackageFormat::Txz)),
            ("https://example.org/a.tar.zst", Some(PackageFormat::Tzstd)),
            ("https://example.org/a.tbz", Some(PackageFormat::Tbz2)),
            ("https://example.org/a.tar", Some(PackageFormat::Tar)),
            ("https://example.org/a.zip", Some(PackageFormat::Zip)),
            ("https://example.org/a.exe", Some(PackageFormat::Bin)),
            ("https://example.org/.zip", None),
            ("https://example.org/a-{ target }", None),
            ("https://example.org/a.gz", None),
        ] {
            assert_eq!(PackageFormat::of_url(url), format, "{url}");
        }
        assert_eq!(PackageFormat::from_word("TGZ"), None);
    }
}
