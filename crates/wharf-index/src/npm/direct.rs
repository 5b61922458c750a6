//! Dependencies that name a place rather than versions: git repositories, archives at URLs, local archives and folders.
//!
//! Invariant: what is answered is exact (a full commit, a digest), so that a lockfile can hold it. Packages from
//! elsewhere never reach for files of this machine. Sources: the npm documentation's "package specifications";
//! git URLs as npm and pnpm read them (`#semver:`, `#path:`).

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{Algorithm, Digest, Source, WebUrl};
use wharf_ecosystem::npm::{Direct, From, PackageManifest, Range, Spec, Version};

use super::archive::{Wanted, missing};
use super::outside::{self, Whose};
use super::{NpmError, NpmIndex};
use crate::cache::read;
use crate::error::IndexError;

/// The largest archive that is read whole to learn what it needs, in bytes.
const LARGEST: u64 = 1 << 30;

impl NpmIndex {
    /// What a specifier leads to now.
    ///
    /// # Errors
    /// Where it cannot be had, is no package, or names no place ([`NpmError::NotDirect`]).
    pub async fn direct(&self, spec: &Spec, from: &From) -> Result<Direct, IndexError> {
        let key = match spec {
            Spec::File(path) | Spec::Directory(path) | Spec::Link(path) => {
                format!("{} {}", spec.print(), self.local(path, from)?)
            }
            _ => spec.print(),
        };
        self.shared
            .directs
            .get_or(&key, || self.find_direct(spec, from))
            .await
    }

    async fn find_direct(&self, spec: &Spec, from: &From) -> Result<Direct, IndexError> {
        match spec {
            Spec::Git {
                url,
                reference,
                semver,
                subdirectory,
            } => {
                let chosen = match semver {
                    Some(range) => Some(self.tag(url, range).await?),
                    None => reference.clone(),
                };
                self.repository(spec, url, chosen, subdirectory.clone()).await
            }
            Spec::Tarball(url) => self.archive_at(url).await,
            Spec::File(path) => self.local_archive(&self.local(path, from)?).await,
            Spec::Directory(path) => self.local_folder(&self.local(path, from)?, false),
            Spec::Link(path) => self.local_folder(&self.local(path, from)?, true),
            Spec::Range(_)
            | Spec::Tag(_)
            | Spec::Alias { .. }
            | Spec::Workspace { .. }
            | Spec::Catalog(_) => Err(NpmError::NotDirect { spec: spec.print() }.into()),
        }
    }

    /// The highest tag of a repository whose version satisfies a range.
    async fn tag(&self, url: &WebUrl, range: &str) -> Result<String, IndexError> {
        let unusable = |error: String| NpmError::Manifest {
            what: format!("{url}#semver:{range}"),
            reason: error,
        };
        let wanted = Range::parse(range).map_err(|error| unusable(error.to_string()))?;
        let tags = self.shared.repositories.tags(url).await?;
        let mut versions: Vec<(Version, String)> = tags
            .into_iter()
            .filter_map(|tag| Some((tag_version(&tag)?, tag)))
            .collect();
        versions.sort();
        match versions
            .iter()
            .rev()
            .find(|(version, _)| wanted.satisfies(version))
        {
            Some((_, tag)) => Ok(tag.clone()),
            None => Err(NpmError::NoTag {
                url: Box::new(url.without_credentials()),
                range: range.to_owned(),
                nearest: versions
                    .iter()
                    .rev()
                    .take(3)
                    .map(|(version, _)| version.to_string())
                    .collect(),
            }
            .into()),
        }
    }

    async fn repository(
        &self,
        spec: &Spec,
        url: &WebUrl,
        reference: Option<String>,
        subdirectory: Option<String>,
    ) -> Result<Direct, IndexError> {
        let repositories = &self.shared.repositories;
        let commit = repositories.commit(url, reference.as_deref()).await?;
        let subdirectory = subdirectory
            .map(|path| path.trim_matches('/').to_owned())
            .filter(|path| !path.is_empty());
        let path = match &subdirectory {
            Some(folder) => format!("{folder}/package.json"),
            None => "package.json".to_owned(),
        };
        let text = repositories.file(url, &commit, &path).await?;
        let what = spec.print();
        let text = text.ok_or_else(|| NpmError::Manifest {
            what: what.clone(),
            reason: format!("it has no {path}"),
        })?;
        let mut manifest = manifest(&what, text.as_bytes())?;
        if let Some((_, script)) = manifest.scripts.iter().find(|(name, _)| name == "prepare") {
            let note = format!(
                "its `prepare` script (`{script}`) is not run: what it would build is missing unless it is committed"
            );
            manifest.oddities.push(note);
        }
        Ok(Direct {
            manifest: Arc::new(manifest),
            source: Source::Git {
                url: url.clone(),
                reference,
                commit,
                subdirectory,
            },
            integrity: Vec::new(),
            tarball: None,
        })
    }

    async fn archive_at(&self, url: &WebUrl) -> Result<Direct, IndexError> {
        let what = url.to_string();
        let url = url.without_fragment();
        let fetched = self.shared.client.stream(&url, &what).await;
        let gathered = async {
            let mut stream = fetched?;
            let mut whole = Vec::new();
            while let Some(piece) = stream.next().await? {
                if (whole.len() + piece.len()) as u64 > LARGEST {
                    return Err(wharf_net::NetError::TooLarge {
                        url: Box::new(url.without_credentials()),
                        limit: LARGEST,
                    });
                }
                whole.extend_from_slice(&piece);
            }
            Ok(Bytes::from(whole))
        };
        let bytes = gathered
            .await
            .map_err(IndexError::net(format!("{what} could not be fetched")))?;
        let (manifest, digest) = outside::read(what, Whose::Anybodys, bytes.clone()).await?;
        self.keep_file(self.archive_path(&digest), bytes);
        Ok(Direct {
            manifest: Arc::new(manifest),
            source: Source::Url {
                url,
                subdirectory: None,
            },
            integrity: vec![digest],
            tarball: None,
        })
    }

    async fn local_archive(&self, path: &str) -> Result<Direct, IndexError> {
        let full = self.root().join(path);
        let own = full.clone();
        let bytes = wharf_sys::run_blocking(move || std::fs::read(&own)).await;
        let bytes = bytes.map_err(|error| missing(Path::new(path), error))?;
        let (manifest, digest) = outside::read(path.to_owned(), Whose::Ours, bytes.into()).await?;
        Ok(Direct {
            manifest: Arc::new(manifest),
            source: Source::File {
                path: path.to_owned(),
            },
            integrity: vec![digest],
            tarball: None,
        })
    }

    fn local_folder(&self, path: &str, editable: bool) -> Result<Direct, IndexError> {
        let folder = self.root().join(path);
        let text = std::fs::read(folder.join("package.json")).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if !folder.exists() => {
                NpmError::local(path, "there is no such folder")
            }
            std::io::ErrorKind::NotFound => NpmError::local(path, "it has no package.json"),
            std::io::ErrorKind::NotADirectory => NpmError::local(path, "it is no folder"),
            _ => IndexError::disk("read", &folder.join("package.json"))(error),
        })?;
        Ok(Direct {
            manifest: Arc::new(manifest(path, &text)?),
            source: Source::Directory {
                path: path.to_owned(),
                editable,
            },
            integrity: Vec::new(),
            tarball: None,
        })
    }

    /// A path as written, relative to the project's root; absolute where it was written so and lies elsewhere.
    fn local(&self, path: &str, from: &From) -> Result<String, IndexError> {
        let base = match from {
            From::Importer(folder) => PathBuf::from(folder),
            From::Package(Source::Directory { path, .. }) => PathBuf::from(path),
            From::Package(_) => {
                let reason = "a package that comes from elsewhere cannot name files of this machine";
                return Err(NpmError::local(path, reason));
            }
        };
        let written = match path.strip_prefix("~/") {
            Some(rest) => {
                let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
                let home = home.ok_or_else(|| NpmError::local(path, "no home folder is known"))?;
                PathBuf::from(home).join(rest)
            }
            None => PathBuf::from(path.replace('\\', "/")),
        };
        let plain = plain(&base.join(written));
        let below = plain.strip_prefix(self.root()).unwrap_or(&plain);
        match below.to_str() {
            Some("") => Ok(".".to_owned()),
            Some(text) => Ok(text.replace('\\', "/")),
            None => Err(NpmError::local(path, "it is not UTF-8")),
        }
    }

    /// An archive from a URL that an earlier look kept.
    pub(super) fn kept(&self, wanted: &Wanted) -> Option<Vec<u8>> {
        let digest = wanted
            .integrity
            .iter()
            .find(|digest| digest.algorithm() == Algorithm::Sha512)?;
        let bytes = read(&self.archive_path(digest))?;
        (wharf_store::Hasher::digest(Algorithm::Sha512, &bytes) == *digest).then_some(bytes)
    }

    fn archive_path(&self, digest: &Digest) -> PathBuf {
        self.folder("archives").join(format!("{}.tgz", digest.hex()))
    }
}

/// The version that a tag stands for: `v1.2.3`, `1.2.3`, `name@1.2.3`.
fn tag_version(tag: &str) -> Option<Version> {
    let text = tag.rsplit_once('@').map_or(tag, |(_, version)| version);
    Version::parse_loose(text).ok()
}

/// A path without `.` and without `..` where that has something to take back.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => drop(plain.pop()),
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => plain.push(".."),
            },
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

pub(super) fn manifest(what: &str, text: &[u8]) -> Result<PackageManifest, IndexError> {
    let parsed = PackageManifest::parse(text).map_err(|error| NpmError::Manifest {
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    if parsed.name.is_none() {
        let reason = "its package.json has no name".to_owned();
        return Err(NpmError::Manifest {
            what: what.to_owned(),
            reason,
        }
        .into());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        let check =
            |path: &str, expected: &str| assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        check("./../lib", "../lib");
        check("packages/a/../b/./c", "packages/b/c");
        check("a/../../b", "../b");
        check("../../b", "../../b");
        check("/a/../../b", "/b");
        check("./.", "");
    }

    #[test]
    fn tags_of_every_habit() {
        let check = |tag: &str, expected: Option<&str>| {
            let found = tag_version(tag).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{tag}");
        };
        check("v1.2.3", Some("1.2.3"));
        check("1.2.3-rc.1", Some("1.2.3-rc.1"));
        check("@scope/name@2.0.0", Some("2.0.0"));
        check("release", None);
    }
}
