//! An index in memory, written as text, that can answer late and out of order.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use wharf_core::{PackageName, Source, WebUrl};
use wharf_ecosystem::pypi::simple::{File, MetadataFile};
use wharf_ecosystem::pypi::{
    DistName, ExtraName, Requirement, Version, VersionSpecifiers, parse_requirement, parse_specifiers,
};

use crate::resolve::{Direct, Dist, Needs, PackageSource, Page, Reference, SourceError};

/// How answers arrive.
pub(super) enum Delays {
    None,
    /// After up to three milliseconds, by this seed.
    Random(u64),
    /// Never, for the versions of this package.
    Never(&'static str),
    /// After ten milliseconds, while what this package needs is counted.
    Counted(&'static str, Arc<Crowd>),
}

/// How many questions are open at the same time.
#[derive(Default)]
pub(super) struct Crowd {
    open: AtomicU64,
    most: AtomicU64,
}

impl Crowd {
    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

pub(super) struct Universe {
    packages: BTreeMap<PackageName, Arc<MemoryPage>>,
    directs: Vec<(PackageName, String, Version, Arc<MemoryNeeds>)>,
    delays: Delays,
    asked: AtomicU64,
}

struct MemoryPage {
    releases: Vec<Release>,
}

struct Release {
    version: Version,
    files: Vec<Arc<File>>,
    needs: Option<Arc<MemoryNeeds>>,
}

struct MemoryNeeds {
    requires_python: Option<VersionSpecifiers>,
    requirements: Vec<Requirement>,
}

impl Universe {
    pub(super) fn new<'a>(lines: &[String], directs: impl Iterator<Item = &'a str>, delays: Delays) -> Self {
        let mut packages: BTreeMap<PackageName, Vec<Release>> = BTreeMap::new();
        for line in lines {
            let (name, release) = release(line);
            packages.entry(name).or_default().push(release);
        }
        let directs = directs
            .map(|line| {
                let (head, requirements) = line.split_once(" : ").unwrap_or((line, ""));
                let words: Vec<&str> = head.split_whitespace().collect();
                let needs = MemoryNeeds {
                    requires_python: None,
                    requirements: self::requirements(requirements),
                };
                let name = PackageName::pypi(words[0]).unwrap();
                (
                    name,
                    words[1].to_owned(),
                    words[2].parse().unwrap(),
                    Arc::new(needs),
                )
            })
            .collect();
        Self {
            packages: packages
                .into_iter()
                .map(|(name, mut releases)| {
                    releases.sort_by(|a, b| b.version.cmp(&a.version));
                    (name, Arc::new(MemoryPage { releases }))
                })
                .collect(),
            directs,
            delays,
            asked: AtomicU64::new(0),
        }
    }

    async fn delay(&self, name: &PackageName) {
        match &self.delays {
            Delays::None => {}
            Delays::Random(seed) => {
                let mut dice =
                    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.asked.fetch_add(1, Ordering::Relaxed);
                dice ^= dice >> 29;
                dice = dice.wrapping_mul(0xbf58_476d_1ce4_e5b9);
                tokio::time::sleep(Duration::from_micros((dice >> 20) % 3000)).await;
            }
            Delays::Never(never) if name.as_str() == *never => std::future::pending().await,
            Delays::Counted(counted, crowd) if name.as_str() == *counted => {
                let open = crowd.open.fetch_add(1, Ordering::Relaxed) + 1;
                crowd.most.fetch_max(open, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
                crowd.open.fetch_sub(1, Ordering::Relaxed);
            }
            Delays::Never(_) | Delays::Counted(..) => {}
        }
    }
}

fn release(line: &str) -> (PackageName, Release) {
    let (head, requirements) = line.split_once(" : ").unwrap_or((line, ""));
    let mut words = head.split_whitespace();
    let name = PackageName::pypi(words.next().unwrap()).unwrap();
    let version: Version = words.next().unwrap().parse().unwrap();
    let mut notes = String::new();
    let (mut requires_python, mut yanked, mut uploaded, mut broken) = (None, None, None, false);
    let mut tags: Vec<String> = Vec::new();
    for note in words {
        if let Some(rest) = note.strip_prefix("python") {
            requires_python = Some(parse_specifiers(rest).unwrap());
        } else if let Some(rest) = note.strip_prefix("yanked") {
            yanked = Some(rest.trim_matches(['(', ')']).replace('_', " "));
        } else if let Some(rest) = note.strip_prefix("uploaded=") {
            uploaded = Some(format!("{rest}T00:00:00Z").parse().unwrap());
        } else if let Some(rest) = note.strip_prefix("wheel=") {
            tags.push(format!("{rest}.whl"));
        } else if note == "sdist" {
            tags.push(String::from("sdist"));
        } else if note == "broken" {
            broken = true;
        } else {
            notes.push_str(note);
        }
    }
    assert_eq!(notes, "", "every note of `{line}` is known");
    if tags.is_empty() {
        tags.push(String::from("py3-none-any.whl"));
    }
    let files = tags
        .iter()
        .map(|tag| {
            let stem = format!("{}-{version}", name.as_str().replace('-', "_"));
            let filename = if tag == "sdist" {
                format!("{stem}.tar.gz")
            } else {
                format!("{stem}-{tag}")
            };
            Arc::new(File {
                url: WebUrl::parse(&format!("https://example.org/files/{filename}")).unwrap(),
                dist: DistName::parse(&filename, &name).unwrap(),
                filename,
                digests: Vec::new(),
                size: None,
                requires_python: requires_python.clone(),
                yanked: yanked.clone(),
                upload_time: uploaded,
                metadata: MetadataFile::Present(None),
            })
        })
        .collect();
    let needs = (!broken).then(|| {
        Arc::new(MemoryNeeds {
            requires_python,
            requirements: self::requirements(requirements),
        })
    });
    (
        name,
        Release {
            version,
            files,
            needs,
        },
    )
}

fn requirements(text: &str) -> Vec<Requirement> {
    text.split('|')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| parse_requirement(text).unwrap())
        .collect()
}

impl Page for MemoryPage {
    fn source(&self, _file: &File) -> Source {
        Source::Registry {
            index: WebUrl::parse("https://example.org/simple/").unwrap(),
        }
    }

    fn len(&self) -> usize {
        self.releases.len()
    }

    fn version(&self, position: usize) -> Version {
        self.releases[position].version.clone()
    }

    fn files(&self, position: usize) -> Vec<Arc<File>> {
        self.releases[position].files.clone()
    }
}

impl Needs for MemoryNeeds {
    fn requires_python(&self) -> Option<VersionSpecifiers> {
        self.requires_python.clone()
    }

    fn requirements(&self) -> Vec<Requirement> {
        self.requirements.clone()
    }

    fn provides(&self, extra: &ExtraName) -> bool {
        let named = format!("extra == '{extra}'");
        self.requirements.iter().any(|requirement| {
            requirement
                .marker
                .contents()
                .is_some_and(|marker| marker.to_string().contains(&named))
        })
    }
}

impl PackageSource for Universe {
    fn releases<'a>(
        &'a self,
        name: &'a PackageName,
        _index: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Page>, SourceError>> {
        async move {
            self.delay(name).await;
            match self.packages.get(name) {
                Some(page) => Ok(Arc::clone(page) as Arc<dyn Page>),
                None => Err(SourceError::Missing {
                    name: name.clone(),
                    searched: String::from("https://example.org/simple/ does not have it"),
                }),
            }
        }
        .boxed()
    }

    fn needs<'a>(&'a self, dist: &'a Dist) -> BoxFuture<'a, Result<Arc<dyn Needs>, SourceError>> {
        async move {
            self.delay(&dist.name).await;
            let release = self.packages[&dist.name]
                .releases
                .iter()
                .find(|release| release.version == dist.version)
                .unwrap();
            match &release.needs {
                Some(needs) => Ok(Arc::clone(needs) as Arc<dyn Needs>),
                None => Err(SourceError::Unusable(String::from("its metadata has no name"))),
            }
        }
        .boxed()
    }

    fn direct<'a>(
        &'a self,
        name: &'a PackageName,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Direct, SourceError>> {
        async move {
            self.delay(name).await;
            let text = reference.to_string();
            let (_, _, version, needs) = self
                .directs
                .iter()
                .find(|(known, url, _, _)| known == name && *url == text)
                .ok_or_else(|| SourceError::Unusable(format!("nothing lies at {text}")))?;
            Ok(Direct {
                dist: Dist {
                    name: name.clone(),
                    version: version.clone(),
                    source: Source::Url {
                        url: WebUrl::parse(&text).unwrap(),
                        subdirectory: None,
                    },
                    file: None,
                },
                needs: Arc::clone(needs) as Arc<dyn Needs>,
            })
        }
        .boxed()
    }
}
