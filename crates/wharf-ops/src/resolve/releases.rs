//! The index's lazy pages as the resolver's pages. Invariant: of a release, no more is read than judging its files takes; of
//! the files, only those that are chosen are built in full.
use std::sync::{Arc, Mutex, PoisonError};

use wharf_core::{Digest, Source, Target, Timestamp};
use wharf_ecosystem::pypi::simple::File;
use wharf_ecosystem::pypi::{BuildTag, DistName, Version, VersionSpecifiers};
use wharf_index::{FileRef, Fit, Releases};

use super::offer::{FileView, Judge, Offer, Unfit};
use super::problem::TargetEnvironment;
use super::source::Page;

/// The releases of one package on an index.
pub(crate) struct IndexPage {
    releases: Arc<Releases>,
    /// The verdicts on tags, by target: each distinct set of tags is judged once.
    fits: Mutex<Vec<(Target, Arc<Fit>)>>,
}

impl IndexPage {
    pub(crate) fn new(releases: Arc<Releases>) -> Self {
        Self {
            releases,
            fits: Mutex::default(),
        }
    }

    fn fit(&self, target: &TargetEnvironment) -> Arc<Fit> {
        let mut fits = self.fits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fit)) = fits.iter().find(|(known, _)| *known == target.target) {
            return Arc::clone(fit);
        }
        let fit = Arc::new(self.releases.fit(&target.tags, &target.python));
        fits.push((target.target, Arc::clone(&fit)));
        fit
    }
}

impl Page for IndexPage {
    fn source(&self, file: &File) -> Source {
        if let [only] = self.releases.places() {
            return only.source();
        }
        self.releases
            .find(file.dist.version())
            .and_then(|release| release.files().find(|known| known.filename() == file.filename))
            .map(|file| file.place().source())
            .expect("a file that was chosen is on its page")
    }

    fn len(&self) -> usize {
        self.releases.len()
    }

    fn version(&self, position: usize) -> Version {
        self.releases
            .get(position)
            .expect("the resolver stays below `len`")
            .version()
            .clone()
    }

    fn files(&self, position: usize) -> Vec<Arc<File>> {
        let release = self
            .releases
            .get(position)
            .expect("the resolver stays below `len`");
        release
            .files()
            .filter_map(|file| file.to_file().map(Arc::new))
            .collect()
    }

    fn offer(&self, position: usize, judge: &Judge<'_>) -> Result<Offer, Unfit> {
        let release = self
            .releases
            .get(position)
            .expect("the resolver stays below `len`");
        let fit = self.fit(judge.target());
        judge.choose(release.files().map(|file| View {
            file,
            fit: &fit,
            releases: &self.releases,
        }))
    }
}

struct View<'p> {
    file: FileRef<'p>,
    fit: &'p Fit,
    releases: &'p Releases,
}

impl FileView for View<'_> {
    fn filename(&self) -> &str {
        self.file.filename()
    }

    fn is_wheel(&self) -> bool {
        self.file.is_wheel()
    }

    fn priority(&self, _target: &TargetEnvironment) -> Option<u32> {
        self.fit.priority(self.file)
    }

    fn build(&self) -> Option<BuildTag> {
        match DistName::parse(self.file.filename(), self.releases.name()) {
            Ok(DistName::Wheel(wheel)) => wheel.build,
            Ok(DistName::Sdist(_)) | Err(_) => None,
        }
    }

    fn requires_python(&self) -> Option<&VersionSpecifiers> {
        self.file.requires_python()
    }

    fn yanked(&self) -> Option<&str> {
        self.file.yanked()
    }

    fn upload_time(&self) -> Option<Timestamp> {
        self.file.upload_time()
    }

    fn digests(&self) -> Vec<Digest> {
        self.file.digests()
    }

    fn open(self) -> Option<Arc<File>> {
        self.file.to_file().map(Arc::new)
    }
}
