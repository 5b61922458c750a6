//! Manifests, each read once, with what they inherit from the root of their workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wharf_ecosystem::cargo::manifest::Workspace;
use wharf_ecosystem::cargo::{CrateManifest, Manifest};

use super::root::{self, Lookup};
use super::{MANIFEST, invalid, is_absent};
use crate::error::{Invalid, ProjectError};
use crate::stated::Stated;
use crate::text::SourceText;

/// A manifest as it is written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) source: SourceText,
    pub(super) manifest: Manifest,
}

/// A package with what it inherits.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) source: SourceText,
    pub(super) manifest: CrateManifest,
    /// The root of its workspace, absolute; its own folder where it belongs to none.
    pub(super) workspace: PathBuf,
}

/// Reads manifests and remembers them.
pub(super) struct Loader<'a> {
    /// The project's root, for the names of files in messages.
    pub(super) root: &'a Path,
    /// `CARGO_HOME`: nothing inside it belongs to a workspace above it.
    pub(super) home: Option<&'a Path>,
    pub(super) stated: &'a mut Stated,
    written: BTreeMap<PathBuf, Option<Rc<Written>>>,
    packages: BTreeMap<PathBuf, Rc<Package>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(root: &'a Path, home: Option<&'a Path>, stated: &'a mut Stated) -> Self {
        Self {
            root,
            home,
            stated,
            written: BTreeMap::new(),
            packages: BTreeMap::new(),
        }
    }

    /// The manifest in a folder; `None` where there is none.
    pub(super) fn written(&mut self, folder: &Path) -> Result<Option<Rc<Written>>, ProjectError> {
        if let Some(known) = self.written.get(folder) {
            return Ok(known.clone());
        }
        let path = folder.join(MANIFEST);
        self.stated.note_input(path.clone());
        let found = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let shown = path.strip_prefix(self.root).unwrap_or(&path);
                let source = SourceText::new(shown, &text);
                let manifest = Manifest::parse(&text).map_err(|error| invalid(&source, error))?;
                Some(Rc::new(Written { source, manifest }))
            }
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(ProjectError::reading(&path)(error)),
        };
        self.written.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    /// The package in a folder; `None` where there is none, or only the root of a workspace.
    pub(super) fn package(&mut self, folder: &Path) -> Result<Option<Rc<Package>>, ProjectError> {
        if let Some(known) = self.packages.get(folder) {
            return Ok(Some(Rc::clone(known)));
        }
        let Some(written) = self
            .written(folder)?
            .filter(|written| written.manifest.package.is_some())
        else {
            return Ok(None);
        };
        let (workspace, stated) = self.workspace_of(folder)?;
        let manifest = written
            .manifest
            .inherit(stated.as_ref())
            .map_err(|error| invalid(&written.source, error))?;
        for (message, span) in &manifest.warnings {
            let origin = written.source.origin(span.start);
            self.stated
                .warn("cargo/ignored", format!("{message} ({origin})"), origin);
        }
        let package = Rc::new(Package {
            source: written.source.clone(),
            manifest,
            workspace: workspace.unwrap_or_else(|| folder.to_owned()),
        });
        self.packages.insert(folder.to_owned(), Rc::clone(&package));
        Ok(Some(package))
    }

    /// The root of a folder's workspace and what it says.
    fn workspace_of(&mut self, folder: &Path) -> Result<(Option<PathBuf>, Option<Workspace>), ProjectError> {
        let Some(root) = self.root_of(folder)? else {
            return Ok((None, None));
        };
        let written = self.written(&root)?;
        let workspace = written.and_then(|written| written.manifest.workspace.clone());
        Ok((Some(root), workspace))
    }

    /// The root of the workspace that a folder belongs to, itself included.
    pub(super) fn root_of(&mut self, folder: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let home = self.home.map(Path::to_owned);
        root::find(self, folder, home.as_deref())
    }
}

impl Lookup for Loader<'_> {
    fn manifest(&mut self, folder: &Path) -> Result<Option<Rc<Written>>, ProjectError> {
        self.written(folder)
    }
}

impl Written {
    /// Something wrong in it.
    pub(super) fn error(&self, span: std::ops::Range<usize>, message: impl Into<String>) -> Invalid {
        Invalid::new(&self.source, span, "cargo/workspace", message)
    }
}
