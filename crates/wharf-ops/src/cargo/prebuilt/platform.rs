//! The same tool as a platform package of another registry: a wheel of PyPI, or a package of npm.
//!
//! Taken where everything agrees: the product's table names the package for the crate, both registries have the version, both packages
//! name one repository, the index has a strong digest of the file, and the file has every command. Invariant: the bytes are those that
//! the other registry's index promises.

use std::fs;
use std::path::Path;

use futures::future::join_all;
use wharf_core::{Digest, Ecosystem, Explain, Fault, PackageName, Source, WebUrl};
use wharf_ecosystem::cargo::binstall::repository;
use wharf_ecosystem::npm::{PackageManifest, platform as npm_platform};
use wharf_ecosystem::pypi::{CoreMetadata, Implementation, Tags, Version};
use wharf_index::npm::{Detail, NpmIndex, Wanted};
use wharf_index::{Dist, IndexError, PypiIndex};
use wharf_project::NpmProject;
use wharf_project::prebuilt::platform_package;
use wharf_store::{Kind, TreeId};

use super::error::PrebuiltError;
use super::{Commands, Origin, Search, Verdict};
use crate::error::OpsError;

/// What stops a search in another registry.
enum Stop {
    /// Something does not agree.
    Differs(String),
    /// The registry did not answer, or not with what it promised.
    Index(IndexError),
    /// Anything else.
    Other(OpsError),
}

impl From<IndexError> for Stop {
    fn from(error: IndexError) -> Self {
        Stop::Index(error)
    }
}

impl From<OpsError> for Stop {
    fn from(error: OpsError) -> Self {
        Stop::Other(error)
    }
}

fn differs<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Differs(reason.into()))
}

impl Search<'_, '_> {
    /// The commands out of another registry, if everything agrees.
    ///
    /// # Errors
    /// Where a file is not what its index promises.
    pub(super) async fn platform_package(&self) -> Result<Verdict, OpsError> {
        let of_public = self.request.index.is_none();
        let Some(package) = platform_package(&self.request.name).filter(|_| of_public) else {
            return Ok(Verdict::quiet(
                "no platform package of another registry is known for it",
            ));
        };
        let found = match package.ecosystem() {
            Ecosystem::Pypi => self.wait(Box::pin(self.wheel(package))).await?,
            Ecosystem::Npm => self.wait(Box::pin(self.npm_package(package))).await?,
            Ecosystem::Cargo | Ecosystem::Deb | Ecosystem::Apk | Ecosystem::Rpm | Ecosystem::Alpm => {
                differs("no commands are taken from there")
            }
        };
        let short = crate::names::short(package);
        match found {
            Ok((commands, origin)) => Ok(Verdict::Taken(commands, origin)),
            Err(Stop::Differs(reason)) => Ok(Verdict::quiet(format!("{short}: {reason}"))),
            Err(Stop::Index(error)) if error.fault() == Fault::Denied => Err(PrebuiltError::Package {
                package: self.request.label(),
                error: Box::new(error),
            }
            .into()),
            Err(Stop::Index(error)) if error.fault() == Fault::World => {
                Ok(Verdict::told(format!("{short}: {error}")))
            }
            Err(Stop::Index(error)) => Ok(Verdict::quiet(format!("{short}: {error}"))),
            Err(Stop::Other(error)) => Err(error),
        }
    }

    /// Whether one of these is the crate's own repository.
    fn same_repository<'l>(&self, links: impl Iterator<Item = &'l str>) -> Result<(), Stop> {
        let Some(own) = &self.crate_.repository else {
            return differs("the crate names no repository to compare");
        };
        match links.into_iter().any(|link| repository::same(own, link)) {
            true => Ok(()),
            false => differs("it does not name the crate's repository"),
        }
    }

    /// Whether a file of this age may be used.
    fn is_old_enough(&self, at: Option<wharf_core::Timestamp>) -> Result<(), Stop> {
        match crate::lock::cutoff(self.at.project) {
            Some(cutoff) if at.is_none_or(|at| at > cutoff.at) => {
                differs(format!("it is too young for {}", cutoff.rule))
            }
            _ => Ok(()),
        }
    }

    async fn wheel(&self, package: &PackageName) -> Result<(Commands, Origin), Stop> {
        let index = self.at.session.wheels(self.at.project)?;
        let (dist, digest) = self.best_wheel(&index, package).await?;
        let metadata = index.metadata(&dist).await?;
        self.same_repository(links(&metadata))?;
        let tree = index.fetch(&dist).await?;
        let commands = self.commands_of_wheel(&tree)?;
        let file = dist
            .file
            .as_ref()
            .map_or_else(String::new, |file| file.filename.clone());
        Ok((commands, origin(package, file, &digest)))
    }

    /// The wheel for this machine.
    async fn best_wheel(&self, index: &PypiIndex, package: &PackageName) -> Result<(Dist, Digest), Stop> {
        let releases = index.releases(package).await?;
        let Ok(version) = self.request.version.to_string().parse::<Version>() else {
            return differs(format!("it has no version {}", self.request.version));
        };
        let Some(release) = releases.find(&version) else {
            return differs(format!("it has no version {version}"));
        };
        // No Python runs it: what fits every Python 3 fits.
        let tags = Tags::for_target(&self.machine.without_python(), Implementation::CPython);
        let fit = releases.fit(&tags, &version);
        let wheels = release.wheels().filter(|file| file.yanked().is_none());
        let best = wheels
            .filter_map(|file| Some((fit.priority(file)?, file)))
            .max_by_key(|(priority, file)| (*priority, file.filename().to_owned()));
        let Some((_, file)) = best else {
            return differs(format!("its version {version} has no wheel for this machine"));
        };
        self.is_old_enough(file.upload_time())?;
        let strong = |digest: &Digest| digest.algorithm().is_strong();
        match (file.dist(), file.digests().into_iter().find(strong)) {
            (Some(dist), Some(digest)) => Ok((dist, digest)),
            _ => differs("its index has no strong digest of the file"),
        }
    }

    /// The commands of an unpacked wheel. Source: the binary distribution format, "The .data directory".
    fn commands_of_wheel(&self, tree: &TreeId) -> Result<Commands, Stop> {
        let store = &self.at.store;
        let entries = store.tree(tree).map_err(OpsError::from)?.entries;
        let mut commands = Vec::new();
        for command in &self.crate_.commands {
            let is_it = |path: &str| {
                let mut parts = path.split('/');
                parts.next().is_some_and(|first| first.ends_with(".data"))
                    && parts.next() == Some("scripts")
                    && parts.next() == Some(command)
                    && parts.next().is_none()
            };
            let entry = entries.iter().find(|entry| is_it(entry.path.as_str()));
            let Some(Kind::File {
                object, executable, ..
            }) = entry.map(|entry| &entry.kind)
            else {
                return differs(format!("it has no command `{command}`"));
            };
            let bytes = store.read_file(tree, object, *executable);
            commands.push((
                command.clone(),
                self.judged(command, bytes.map_err(OpsError::from)?)?,
            ));
        }
        Ok(commands)
    }

    /// The bytes of a command that this machine can start.
    fn command(&self, command: &str, path: &Path) -> Result<Vec<u8>, Stop> {
        self.judged(command, fs::read(path).map_err(OpsError::io("read", path))?)
    }

    /// These bytes, if this machine can start them.
    fn judged(&self, command: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Stop> {
        match self.judge(&bytes) {
            Ok(()) => Ok(bytes),
            Err(reason) => differs(format!("its command `{command}` cannot be used: {reason}")),
        }
    }

    async fn npm_package(&self, package: &PackageName) -> Result<(Commands, Origin), Stop> {
        let session = self.at.session;
        let machine;
        let (project, npm): (_, &NpmProject) = match &self.at.project.npm {
            Some(npm) => (self.at.project, npm),
            None => {
                machine = session.machine()?;
                let npm = machine.npm.as_ref();
                (&machine, npm.expect("the machine's project has npm's settings"))
            }
        };
        let detail = match crate::lock::cutoff(self.at.project) {
            Some(_) => Detail::Full,
            None => Detail::Abbreviated,
        };
        let index = session.npm_index(project, npm, detail)?;
        let main = self.npm_main(&index, package).await?;
        let (name, manifest) = self.npm_for_machine(&index, &main).await?;
        let wanted = npm_wanted(&index, &name, &manifest)?;
        let (unpacked, digest) = index.unpack(&wanted).await?;
        let digest = digest.expect("what a registry has is an archive");
        let folder = unpacked.package();
        let mut commands = Vec::new();
        for command in &self.crate_.commands {
            let places = [command.clone(), format!("bin/{command}")];
            let found = places.iter().map(|place| folder.join(place)).find(|path| {
                let data = fs::symlink_metadata(path);
                data.is_ok_and(|data| data.is_file())
            });
            match found {
                Some(path) => commands.push((command.clone(), self.command(command, &path)?)),
                None => return differs(format!("{name} has no command `{command}`")),
            }
        }
        Ok((commands, origin(package, wanted.label(), &digest)))
    }

    /// What the package that the table names says of the version.
    async fn npm_main(
        &self,
        index: &NpmIndex,
        package: &PackageName,
    ) -> Result<std::sync::Arc<PackageManifest>, Stop> {
        let text = self.request.version.to_string();
        let Ok(version) = wharf_ecosystem::npm::Version::parse(&text) else {
            return differs(format!("it has no version {text}"));
        };
        let versions = index.versions(package).await?;
        let Some(row) = versions.find(&version) else {
            return differs(format!("it has no version {version}"));
        };
        self.is_old_enough(row.published)?;
        let about = index.about(package, Some(&version)).await?;
        let shown = about.shown.as_ref().filter(|shown| shown.version == text);
        self.same_repository(shown.and_then(|shown| shown.repository.as_deref()).into_iter())?;
        Ok(index.manifest_of(package, &version).await?)
    }

    /// The package for this machine among those that the main one names with exact versions.
    async fn npm_for_machine(
        &self,
        index: &NpmIndex,
        main: &PackageManifest,
    ) -> Result<(PackageName, std::sync::Arc<PackageManifest>), Stop> {
        let word = npm_platform::os_word(&self.machine);
        let candidates = main.optional_dependencies.iter().filter_map(|(name, version)| {
            let version = wharf_ecosystem::npm::Version::parse(version).ok()?;
            let name = PackageName::new(Ecosystem::Npm, name).ok()?;
            name.as_str().contains(word).then_some((name, version))
        });
        let asked = candidates.map(|(name, version)| async move {
            let manifest = index.manifest_of(&name, &version).await;
            (name, manifest)
        });
        let mut best: Option<(PackageName, std::sync::Arc<PackageManifest>)> = None;
        for (name, manifest) in join_all(asked).await {
            let manifest = match manifest {
                Ok(manifest) => manifest,
                // Not every machine has a package in every version.
                Err(error) if error.fault() == Fault::User || error.fault() == Fault::Unsatisfiable => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let fits = npm_platform::fits(&manifest.os, &manifest.cpu, &manifest.libc, &self.machine);
            // One that is for all is none; one that names its C library is meant for this one.
            let is_for_some = !manifest.os.is_empty() && !manifest.cpu.is_empty();
            let is_better = best
                .as_ref()
                .is_none_or(|(_, best)| best.libc.is_empty() && !manifest.libc.is_empty());
            if fits && is_for_some && is_better {
                best = Some((name, manifest));
            }
        }
        best.ok_or_else(|| Stop::Differs("it has no package for this machine".to_owned()))
    }
}

fn npm_wanted(index: &NpmIndex, name: &PackageName, manifest: &PackageManifest) -> Result<Wanted, Stop> {
    let Some(dist) = &manifest.dist else {
        return differs(format!("the registry does not say where {name} is"));
    };
    let Ok(url) = WebUrl::parse(&dist.tarball) else {
        return differs(format!("{} is not a URL", dist.tarball));
    };
    let wanted = Wanted {
        name: name.clone(),
        version: manifest.version.clone().unwrap_or_default(),
        url: Some(url),
        integrity: dist.integrity.clone(),
        source: Source::Registry {
            index: index.registries().registry_for(name).without_credentials(),
        },
        flat: false,
    };
    match wanted.is_weak() {
        true => differs("its registry has no strong digest of the file"),
        false => Ok(wanted),
    }
}

fn origin(package: &PackageName, file: String, digest: &Digest) -> Origin {
    Origin::Package {
        package: crate::names::short(package),
        file,
        digest: digest.to_string(),
    }
}

/// Everything that a project of PyPI links to.
fn links(metadata: &CoreMetadata) -> impl Iterator<Item = &str> {
    let urls = metadata.project_urls.iter().map(|(_, url)| url.as_str());
    urls.chain(metadata.home_page.as_deref())
}
