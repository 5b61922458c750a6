//! Archives that are fetched and unpacked while versions are still being chosen: each starts as soon as a version is likely.
//!
//! Invariant: nothing of it reaches the store under a name before the resolver has chosen the package; what was guessed wrongly
//! is dropped and leaves nothing behind.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use wharf_core::{Digest, PackageName, Source, WebUrl};
use wharf_ecosystem::npm::platform::Machines;
use wharf_ecosystem::npm::{PackageManifest, Version};
use wharf_index::IndexError;
use wharf_index::npm::{NpmIndex, Wanted};
use wharf_install::node::keeps_all_in_the_project;
use wharf_store::{ContentKey, Store, Unpacked};

/// How many archives may be under way before the versions are known: what chooses versions goes first.
const AT_ONCE: usize = 24;

type Task = JoinHandle<Result<(Unpacked, Option<Digest>), IndexError>>;

/// Which homes will be made of archives, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Homes {
    /// Those that packages of the shared store have.
    Shared,
    /// The same, unless a package comes that keeps all in the project.
    Perhaps,
    /// Flat ones, but for packages that need no others.
    Flat,
}

/// Archives under way.
pub(crate) struct Early {
    store: Arc<Store>,
    machines: Machines,
    homes: Homes,
    turns: Arc<Semaphore>,
    tasks: FxHashMap<(PackageName, String), Task>,
}

impl Early {
    /// Nothing under way yet. What is unpacked for another home than it gets is linked once more.
    pub(crate) fn new(store: Arc<Store>, machines: Machines, homes: Homes) -> Self {
        Self {
            store,
            machines,
            homes,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: FxHashMap::default(),
        }
    }

    /// A package of this name and these needs will come, too.
    pub(crate) fn expect<'n>(&mut self, name: &str, needs: impl Iterator<Item = &'n str>) {
        self.homes.learn(name, needs);
    }

    /// Starts fetching a version that is likely to be chosen, unless the store has it or the machines have no use for it.
    pub(crate) fn start(
        &mut self,
        index: &NpmIndex,
        name: &PackageName,
        version: &Version,
        manifest: &PackageManifest,
    ) {
        let Some(dist) = &manifest.dist else { return };
        let needs = [
            &manifest.dependencies,
            &manifest.optional_dependencies,
            &manifest.peer_dependencies,
        ];
        self.expect(name.as_str(), wants(manifest));
        if self.machines.fit(&manifest.os, &manifest.cpu, &manifest.libc) {
            let wanted = Wanted {
                name: name.clone(),
                version: version.as_str().to_owned(),
                url: WebUrl::parse(&dist.tarball).ok(),
                integrity: dist.integrity.clone(),
                source: Source::Registry {
                    index: index.registries().registry_for(name).without_credentials(),
                },
                flat: false,
            };
            let has_needs = needs.iter().any(|needs| !needs.is_empty());
            self.start_archive(index, wanted, has_needs);
        }
    }

    /// Starts fetching a registry's archive, unless the store has it or nothing says what it must be. A package that has no
    /// needs has the same home for all.
    pub(crate) fn start_archive(&mut self, index: &NpmIndex, wanted: Wanted, has_needs: bool) {
        let key = (wanted.name.clone(), wanted.version.clone());
        let Some(content) = wanted.integrity.first().map(ContentKey::of_digest) else {
            return;
        };
        if !wanted.source.is_indexed()
            || self.tasks.contains_key(&key)
            || self.store.find_content(&wanted.label(), content).is_some()
        {
            return;
        }
        let (index, turns, wanted) = (
            index.clone(),
            Arc::clone(&self.turns),
            wanted.flat(self.homes == Homes::Flat && has_needs),
        );
        let task = tokio::spawn(async move {
            // A closed semaphore would mean that nobody waits any more.
            let _turn = turns.acquire().await;
            index.unpack(&wanted).await
        });
        self.tasks.insert(key, task);
    }

    /// The versions are known: whatever is under way may go on as fast as it can.
    pub(crate) fn release(&self) {
        self.turns.add_permits(1024);
    }

    /// What was started for a package.
    pub(crate) fn take(&mut self, name: &PackageName, version: &str) -> Option<Started> {
        self.tasks
            .remove(&(name.clone(), version.to_owned()))
            .map(Started)
    }
}

/// The names of what a package needs, but for peers that it can do without.
fn wants(manifest: &PackageManifest) -> impl Iterator<Item = &str> {
    let needs = [
        &manifest.dependencies,
        &manifest.optional_dependencies,
        &manifest.peer_dependencies,
    ];
    let names = needs.into_iter().flatten().map(|(name, _)| name);
    names
        .filter(|name| !manifest.optional_peers.contains(name))
        .map(String::as_str)
}

impl Homes {
    /// A package of this name and these needs comes.
    fn learn<'n>(&mut self, name: &str, needs: impl Iterator<Item = &'n str>) {
        if *self == Self::Perhaps && keeps_all_in_the_project(name, needs) {
            *self = Self::Flat;
        }
    }
}

/// An archive under way. Dropping it ends that.
pub(crate) struct Started(Task);

impl Started {
    /// The archive, unpacked; `None` where that failed: whoever needs it tries once more and reports.
    pub(crate) async fn finish(mut self) -> Option<Unpacked> {
        let (unpacked, _) = (&mut self.0).await.ok()?.ok()?;
        Some(unpacked)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_tool_that_comes_tells_how_packages_will_lie() {
        for (before, names, after) in [
            (Homes::Perhaps, &["react", "gatsby", "next"][..], Homes::Flat),
            (Homes::Perhaps, &["react", "eslint", "vite"], Homes::Perhaps),
            (Homes::Shared, &["next"], Homes::Shared),
            (Homes::Flat, &["react"], Homes::Flat),
        ] {
            let mut homes = before;
            names
                .iter()
                .for_each(|name| homes.learn(name, std::iter::empty()));
            assert_eq!(homes, after, "{before:?} {names:?}");
        }
    }

    #[test]
    fn what_needs_a_server_tells_it_too_but_not_what_can_do_without() {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), "*".to_owned()))
                .collect()
        };
        let mut manifest = PackageManifest {
            dependencies: list(&["rollup"]),
            peer_dependencies: list(&["vite"]),
            ..PackageManifest::default()
        };
        let learnt = |name: &str, manifest: &PackageManifest| {
            let mut homes = Homes::Perhaps;
            homes.learn(name, wants(manifest));
            homes
        };
        assert_eq!(learnt("vite-plugin-of-somebody", &manifest), Homes::Flat);
        assert_eq!(learnt("vitest", &manifest), Homes::Perhaps);
        manifest.optional_peers = vec!["vite".to_owned()];
        assert_eq!(learnt("vite-plugin-of-somebody", &manifest), Homes::Perhaps);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_ends() {
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        let task: Task = tokio::spawn(async move {
            let _held = held;
            std::future::pending().await
        });
        let mut waiting = Box::pin(Started(task).finish());
        assert!((&mut waiting).now_or_never().is_none(), "it is under way");
        drop(waiting);
        gone.await.expect_err("what it held is free");
    }
}
