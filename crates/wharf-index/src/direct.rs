//! Direct references: packages that are named by where they are, as requirements and manifests write them.
//! Sources: PEP 440 "Direct references", PEP 508, PEP 610; the VCS URLs of pip's documentation.

use std::path::Path;
use std::sync::Arc;

use wharf_core::{Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::pypi::simple::{File, MetadataFile};
use wharf_ecosystem::pypi::{DistName, SdistFormat, Version, WheelName};

use crate::dist::Dist;
use crate::error::IndexError;
use crate::find_links::local_file;
use crate::index::PypiIndex;
use crate::metadata::Requirements;

/// Where a package is, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direct {
    /// An archive at a URL.
    Url {
        /// Without its fragment.
        url: WebUrl,
        /// The folder inside it that holds the project.
        subdirectory: Option<String>,
        /// Digests that it must have.
        digests: Vec<Digest>,
    },
    /// A git repository.
    Git {
        /// The repository.
        url: WebUrl,
        /// The branch, tag or commit.
        reference: Option<String>,
        /// The folder inside it that holds the project.
        subdirectory: Option<String>,
    },
    /// A path, of an archive or of a directory.
    Path {
        /// Relative to the project's root, or absolute.
        path: String,
        /// Whether imports are to read the directory itself.
        editable: bool,
        /// Digests that it must have, where it is an archive.
        digests: Vec<Digest>,
    },
}

impl Direct {
    /// Reads the URL or path of a requirement. `file:` URLs become paths.
    ///
    /// # Errors
    /// Where it is a URL of a kind that packages are not fetched from.
    pub fn parse(text: &str, editable: bool) -> Result<Self, IndexError> {
        let unusable = |reason: String| IndexError::Location {
            location: redacted(text),
            reason,
        };
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let subdirectory = fragment_value(fragment, "subdirectory");
        let digests: Vec<Digest> = fragment
            .split('&')
            .filter_map(|pair| Digest::parse(pair).ok())
            .collect();
        if let Some(rest) = before.strip_prefix("git+") {
            return git(rest, subdirectory).map_err(unusable);
        }
        for kind in ["hg+", "svn+", "bzr+"] {
            if before.starts_with(kind) {
                return Err(unusable(format!(
                    "`{kind}` repositories are not supported; git is"
                )));
            }
        }
        let url = match WebUrl::parse(before) {
            Ok(url) if url.as_url().scheme().len() > 1 => url,
            // A path, with a drive letter where the scheme has one letter.
            Ok(_) | Err(_) => {
                return Ok(Direct::Path {
                    path: before.to_owned(),
                    editable,
                    digests,
                });
            }
        };
        match url.as_url().scheme() {
            "file" => {
                let path = url
                    .as_url()
                    .to_file_path()
                    .map_err(|()| unusable("it is no local path".to_owned()))?;
                let path = path
                    .into_os_string()
                    .into_string()
                    .map_err(|_| unusable("it is not UTF-8".to_owned()))?;
                Ok(Direct::Path {
                    path,
                    editable,
                    digests,
                })
            }
            "http" | "https" => Ok(Direct::Url {
                url,
                subdirectory,
                digests,
            }),
            scheme => Err(unusable(format!("packages are not fetched by `{scheme}`"))),
        }
    }
}

fn git(rest: &str, subdirectory: Option<String>) -> Result<Direct, String> {
    // The reference stands behind an `@` in the path; one before it belongs to the host.
    let path_start = rest.find("://").map_or(0, |at| at + 3);
    let path_start = rest[path_start..]
        .find('/')
        .map_or(rest.len(), |at| path_start + at);
    let (url, reference) = match rest[path_start..].rfind('@') {
        Some(at) => (
            &rest[..path_start + at],
            Some(rest[path_start + at + 1..].to_owned()),
        ),
        None => (rest, None),
    };
    let url = WebUrl::parse(url).map_err(|error| error.to_string())?;
    Ok(Direct::Git {
        url,
        reference: reference.filter(|text| !text.is_empty()),
        subdirectory,
    })
}

fn fragment_value(fragment: &str, key: &str) -> Option<String> {
    let value = fragment
        .split('&')
        .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// A text for messages, without what may be a password.
fn redacted(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => text.to_owned(),
    }
}

impl PypiIndex {
    /// What a direct reference leads to now: an exact distribution (a full commit, a digest) and its metadata.
    /// With `name`, it must be that package.
    ///
    /// # Errors
    /// Where it cannot be had, is another package, or its metadata cannot be learned.
    pub async fn direct(
        &self,
        name: Option<&PackageName>,
        direct: &Direct,
    ) -> Result<(Dist, Arc<Requirements>), IndexError> {
        let (dist, metadata) = match direct {
            Direct::Url {
                url,
                subdirectory,
                digests,
            } => self.at_url(name, url, subdirectory, digests).await?,
            Direct::Git {
                url,
                reference,
                subdirectory,
            } => {
                let commit = self.commit(url, reference.as_deref()).await?;
                let what = format!("{url} at {}", &commit[..commit.len().min(12)]);
                let tree = self.checkout(url, &commit, subdirectory.as_deref()).await?;
                let metadata = self.tree_metadata(&what, &tree).await?;
                let source = Source::Git {
                    url: url.clone(),
                    reference: reference.clone(),
                    commit,
                    subdirectory: subdirectory.clone(),
                };
                (
                    Dist::tree(metadata.name().clone(), metadata.version().clone(), source),
                    metadata,
                )
            }
            Direct::Path {
                path,
                editable,
                digests,
            } => {
                let full = self.shared.locations.root.join(path);
                if full.is_dir() {
                    let tree = self.directory(path, *editable)?;
                    let metadata = self.tree_metadata(&format!("`{path}`"), &tree).await?;
                    let source = Source::Directory {
                        path: path.clone(),
                        editable: *editable,
                    };
                    (
                        Dist::tree(metadata.name().clone(), metadata.version().clone(), source),
                        metadata,
                    )
                } else {
                    self.at_path(name, path, &full, digests).await?
                }
            }
        };
        match name {
            Some(name) if dist.name != *name => Err(IndexError::Mismatch {
                what: format!("{direct}"),
                expected: name.to_string(),
                found: dist.name.to_string(),
            }),
            Some(_) | None => Ok((dist, metadata)),
        }
    }

    async fn at_url(
        &self,
        name: Option<&PackageName>,
        url: &WebUrl,
        subdirectory: &Option<String>,
        digests: &[Digest],
    ) -> Result<(Dist, Arc<Requirements>), IndexError> {
        let filename = url.filename().unwrap_or_default();
        let source = Source::Url {
            url: url.clone(),
            subdirectory: subdirectory.clone(),
        };
        let file = |dist: DistName| File {
            filename: filename.clone(),
            url: url.clone(),
            digests: digests.to_vec(),
            size: None,
            requires_python: None,
            yanked: None,
            upload_time: None,
            metadata: MetadataFile::Unknown,
            dist,
        };
        let dist_name = archive_name(&filename, name).ok_or_else(|| not_an_archive(&url.to_string()))?;
        self.archive_dist(file(dist_name), source, subdirectory.as_deref())
            .await
    }

    async fn at_path(
        &self,
        name: Option<&PackageName>,
        path: &str,
        full: &Path,
        digests: &[Digest],
    ) -> Result<(Dist, Arc<Requirements>), IndexError> {
        let filename = full.file_name().unwrap_or_default().to_string_lossy();
        let dist_name = archive_name(&filename, name).ok_or_else(|| not_an_archive(path))?;
        let missing = || IndexError::Location {
            location: path.to_owned(),
            reason: "there is no such file or directory".to_owned(),
        };
        let mut file = local_file(full, &filename, dist_name).ok_or_else(missing)?;
        file.digests = digests.to_vec();
        self.archive_dist(
            file,
            Source::File {
                path: path.to_owned(),
            },
            None,
        )
        .await
    }

    /// An archive by itself: it is fetched whole, because its digest is what gets locked.
    async fn archive_dist(
        &self,
        mut file: File,
        source: Source,
        subdirectory: Option<&str>,
    ) -> Result<(Dist, Arc<Requirements>), IndexError> {
        let (name, version) = (file.dist.name().clone(), file.dist.version().clone());
        let mut dist = Dist {
            name,
            version,
            source,
            file: Some(Arc::new(file.clone())),
        };
        let archive = self.archive(&dist, &file).await?;
        if !file.digests.contains(&archive.sha256) {
            file.digests.push(archive.sha256);
        }
        file.size = Some(archive.size);
        dist.file = Some(Arc::new(file.clone()));
        if file.dist.as_wheel().is_some() {
            let tree = match self.in_store(&archive.sha256) {
                Some(tree) => tree,
                None => {
                    let tree = self.import_wheel(&archive.path, &dist).await?;
                    self.record(&[archive.sha256], &file, &tree);
                    tree
                }
            };
            let metadata = crate::metadata::wheel::read(&dist, &self.metadata_of_tree(&dist, &tree)?)?;
            return Ok((dist, Arc::new(metadata)));
        }
        let tree = self.unpacked(&dist, &file, subdirectory).await?;
        let metadata = self.tree_metadata(&file.filename, &tree).await?;
        // The archive's name need not say which version it is (`main.tar.gz`); its metadata does.
        dist.name = metadata.name().clone();
        dist.version = metadata.version().clone();
        Ok((dist, metadata))
    }
}

fn not_an_archive(location: &str) -> IndexError {
    IndexError::Location {
        location: location.to_owned(),
        reason: "it is neither a wheel, nor a source archive, nor a directory".to_owned(),
    }
}

/// What the name of an archive says, also where it follows no rule, as archives of forges do.
fn archive_name(filename: &str, name: Option<&PackageName>) -> Option<DistName> {
    if let Ok(wheel) = WheelName::parse(filename) {
        return Some(DistName::Wheel(wheel));
    }
    if let Some(name) = name
        && let Ok(dist) = DistName::parse(filename, name)
    {
        return Some(dist);
    }
    let (stem, format) = SdistFormat::split(filename)?;
    let guessed = stem
        .rsplit_once('-')
        .and_then(|(name, _)| PackageName::pypi(name).ok());
    if let Some(dist) = guessed.and_then(|name| DistName::parse(filename, &name).ok()) {
        return Some(dist);
    }
    let name = name.cloned().or_else(|| PackageName::pypi("unnamed").ok())?;
    let sdist = wharf_ecosystem::pypi::SdistName {
        name,
        version: Version::new([0]),
        format,
    };
    Some(DistName::Sdist(sdist))
}

impl std::fmt::Display for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Direct::Url { url, .. } => write!(f, "{url}"),
            Direct::Git {
                url,
                reference: Some(reference),
                ..
            } => write!(f, "git+{url}@{reference}"),
            Direct::Git {
                url, reference: None, ..
            } => write!(f, "git+{url}"),
            Direct::Path { path, .. } => write!(f, "`{path}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Direct) {
        assert_eq!(Direct::parse(text, false).unwrap(), expected, "{text}");
    }

    fn url(text: &str) -> WebUrl {
        WebUrl::parse(text).unwrap()
    }

    #[test]
    fn git_urls() {
        let git = |at: &str, reference: Option<&str>, subdirectory: Option<&str>| Direct::Git {
            url: url(at),
            reference: reference.map(str::to_owned),
            subdirectory: subdirectory.map(str::to_owned),
        };
        check(
            "git+https://example.org/a/b.git",
            git("https://example.org/a/b.git", None, None),
        );
        check(
            "git+https://example.org/a/b@v1.0",
            git("https://example.org/a/b", Some("v1.0"), None),
        );
        check(
            "git+https://me:pw@example.org/a/b@feature/x#egg=b&subdirectory=python",
            git("https://me:pw@example.org/a/b", Some("feature/x"), Some("python")),
        );
        check(
            "git+ssh://git@example.org/a/b.git",
            git("ssh://git@example.org/a/b.git", None, None),
        );
        assert!(Direct::parse("hg+https://example.org/a", false).is_err());
    }

    #[test]
    fn archives_and_paths() {
        let sha = "a".repeat(64);
        check(
            &format!("https://example.org/a-1.0-py3-none-any.whl#sha256={sha}"),
            Direct::Url {
                url: url("https://example.org/a-1.0-py3-none-any.whl"),
                subdirectory: None,
                digests: vec![Digest::parse(&format!("sha256:{sha}")).unwrap()],
            },
        );
        for (text, expected) in [
            ("file:///srv/a%20b", "/srv/a b"),
            ("./libs/a", "./libs/a"),
            ("/abs", "/abs"),
        ] {
            check(
                text,
                Direct::Path {
                    path: expected.to_owned(),
                    editable: false,
                    digests: vec![],
                },
            );
        }
        let error = Direct::parse("ftp://me:secret@example.org/a.whl", false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("ftp") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn names_of_archives() {
        let name = PackageName::pypi("b").unwrap();
        let text = |filename: &str, name: Option<&PackageName>| {
            archive_name(filename, name).map(|dist| format!("{} {}", dist.name(), dist.version()))
        };
        assert_eq!(text("a-1.0-py3-none-any.whl", None).as_deref(), Some("a 1.0"));
        assert_eq!(text("a-b-1.0.tar.gz", None).as_deref(), Some("a-b 1.0"));
        assert_eq!(text("main.zip", Some(&name)).as_deref(), Some("b 0"));
        assert_eq!(text("main.zip", None).as_deref(), Some("unnamed 0"));
        assert_eq!(text("page.html", Some(&name)), None);
    }
}
