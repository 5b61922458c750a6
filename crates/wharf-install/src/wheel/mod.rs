//! Turns the files of an unpacked wheel into their places in an environment.
//!
//! Invariant: every file that is placed has a row in RECORD, and rows of files that are linked unchanged keep the digest
//! that the wheel itself carries: nothing is hashed twice. Nothing is placed outside the environment.
//! Source: the binary distribution format and "Recording installed projects" of the PyPA specifications.

mod launcher;

use std::io::Read;
use std::path::Path;

use rustc_hash::FxHashMap;
use wharf_core::{Algorithm, Digest, SafePath};
use wharf_ecosystem::pypi::wheel::{
    EntryPoints, Layout as WheelLayout, Record, Root, Row, Scheme, WheelFile,
};
use wharf_store::{Hasher, Kind, ObjectId, Store};

use crate::Package;
use crate::error::InstallError;
use crate::layout::{Content, Item};
use crate::python::Interpreter;

/// What INSTALLER says.
const INSTALLER: &[u8] = b"wharf\n";

/// The files of one wheel, placed.
#[derive(Clone, Debug, Default)]
pub struct PlacedWheel {
    /// Its files, links and generated scripts, relative to the environment's root.
    pub items: Vec<Item>,
    /// Oddities that cost nothing but should be known.
    pub warnings: Vec<String>,
}

/// Where an environment stands and what runs in it.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The interpreter.
    pub python: &'a Interpreter,
    /// The root where the environment will stand once it is committed.
    pub root: &'a Path,
}

/// Plans where the files of a package go.
///
/// # Errors
/// The package's tree is not in the store, or is no wheel that can be installed.
pub fn place(store: &Store, package: &Package, to: Destination<'_>) -> Result<PlacedWheel, InstallError> {
    let tree = store.tree(&package.tree)?;
    let bad = |reason: String| InstallError::BadWheel {
        name: package.name.clone(),
        version: package.version.clone(),
        reason,
    };
    let dist_info = WheelLayout::dist_info(tree.entries.iter().map(|entry| &entry.path))
        .map_err(|error| bad(error.to_string()))?;
    let stem = dist_info.trim_end_matches(".dist-info");
    if !stem
        .rsplit_once('-')
        .is_some_and(|(name, _)| wharf_core::PackageName::pypi(name).is_ok_and(|name| name == package.name))
    {
        return Err(bad(format!(
            "its folder `{dist_info}` belongs to another project"
        )));
    }
    let mut wheel = Placing {
        store,
        package,
        python: to.root.join(&to.python.scheme.scripts).join("python"),
        site: to.python.site_packages(),
        scripts: to.python.scheme.scripts.clone(),
        headers: format!("include/site/{}/{}", to.python.versioned_name(), package.name),
        layout: WheelLayout::new(dist_info, Root::Purelib),
        placed: PlacedWheel {
            items: Vec::with_capacity(tree.entries.len() + 8),
            warnings: Vec::new(),
        },
        rows: Vec::with_capacity(tree.entries.len() + 8),
    };
    let known = |name: &str| -> Result<Option<Vec<u8>>, InstallError> {
        let path = format!("{}/{name}", wheel.layout.dist_info);
        let found = tree.entries.iter().find(|entry| entry.path.as_str() == path);
        match found.map(|entry| &entry.kind) {
            Some(Kind::File {
                object, executable, ..
            }) => Ok(Some(store.read_file(&package.tree, object, *executable)?)),
            Some(Kind::Link { .. }) | None => Ok(None),
        }
    };
    let about = known("WHEEL")?.ok_or_else(|| bad("it has no WHEEL file".to_owned()))?;
    let record = known("RECORD")?;
    let commands = known("entry_points.txt")?;
    wheel.layout.root = WheelFile::parse(&about)
        .map_err(|error| bad(error.to_string()))?
        .root;
    let rows = wheel.rows_of(record.as_deref());
    for entry in &tree.entries {
        if wheel.layout.is_rewritten(&entry.path) {
            continue;
        }
        match &entry.kind {
            Kind::File {
                object,
                size,
                executable,
            } => {
                wheel.file(
                    &entry.path,
                    object,
                    *size,
                    *executable,
                    rows.get(entry.path.as_str()),
                )?;
            }
            Kind::Link { .. } => {
                return Err(bad(format!(
                    "it holds a link, `{}`, which no wheel may",
                    entry.path
                )));
            }
        }
    }
    if let Some(commands) = commands {
        wheel.commands(&EntryPoints::parse(&commands))?;
    }
    wheel.finish();
    Ok(wheel.placed)
}

/// A wheel whose files are being placed.
struct Placing<'a> {
    store: &'a Store,
    package: &'a Package,
    /// The interpreter that scripts name.
    python: std::path::PathBuf,
    site: String,
    scripts: String,
    headers: String,
    layout: WheelLayout,
    placed: PlacedWheel,
    rows: Vec<Row>,
}

impl Placing<'_> {
    /// The digests that the wheel's own RECORD gives, by path in the wheel.
    fn rows_of(&mut self, record: Option<&[u8]>) -> FxHashMap<String, Digest> {
        let parsed = record.map(Record::parse);
        let rows = match parsed {
            Some(Ok(record)) => record.rows,
            Some(Err(error)) => {
                self.warn(format!("{error}; it is written anew"));
                Vec::new()
            }
            None => {
                self.warn("it has no RECORD; one is written".to_owned());
                Vec::new()
            }
        };
        let strong = |row: Row| {
            Some((
                row.path,
                row.digest.filter(|digest| digest.algorithm().is_strong())?,
            ))
        };
        rows.into_iter().filter_map(strong).collect()
    }

    fn file(
        &mut self,
        path: &SafePath,
        object: &ObjectId,
        size: u64,
        executable: bool,
        digest: Option<&Digest>,
    ) -> Result<(), InstallError> {
        let placement = match self.layout.place(path) {
            Ok(placement) => placement,
            Err(error) => return Err(self.bad(error.to_string())),
        };
        let below = |directory: &str| format!("{directory}/{}", placement.path);
        let place = match placement.scheme {
            Scheme::Purelib | Scheme::Platlib => below(&self.site),
            Scheme::Scripts => below(&self.scripts),
            Scheme::Headers => below(&self.headers),
            Scheme::Data => placement.path.as_str().to_owned(),
        };
        let is_script = placement.scheme == Scheme::Scripts;
        if is_script && let Some(bytes) = self.rewritten(object, executable)? {
            self.generated(place, bytes, true);
            return Ok(());
        }
        let digest = match digest {
            Some(digest) => *digest,
            None => Hasher::digest(Algorithm::Sha256, &self.read(object, executable)?),
        };
        self.row(&place, Some(digest), Some(size));
        // All that lies in `scripts` can be run, whatever the archive says. Such a file is an object by itself.
        let made = is_script && !executable;
        if made && !self.store.object_path(object, true).exists() {
            self.store.write_object(&self.read(object, false)?, true)?;
        }
        let content = Content::Object {
            tree: Some(self.package.tree).filter(|_| !made),
            id: *object,
            size,
            executable: executable || is_script,
        };
        self.placed.items.push(Item { path: place, content });
        Ok(())
    }

    /// A script that asks for Python, with its first line replaced.
    fn rewritten(&self, object: &ObjectId, executable: bool) -> Result<Option<Vec<u8>>, InstallError> {
        let mut start = Vec::with_capacity(8);
        let tree = &self.package.tree;
        let file = self.store.open_file(tree, object, executable)?;
        file.take(8).read_to_end(&mut start).map_err(|error| {
            InstallError::io("read", &self.store.file_path(tree, object, executable))(error)
        })?;
        if !start.starts_with(b"#!python") {
            return Ok(None);
        }
        launcher::rewritten(&self.python, &self.read(object, executable)?)
    }

    fn commands(&mut self, points: &EntryPoints) -> Result<(), InstallError> {
        for (line, reason) in &points.problems {
            self.warn(format!("its entry point `{line}` makes no command: {reason}"));
        }
        // On Unix a command that opens windows is a command like any other.
        for point in points.console.iter().chain(&points.gui) {
            let script = launcher::launcher(&self.python, point)?;
            let place = format!("{}/{}", self.scripts, point.name);
            // A file of the wheel itself under this name gives way: the entry point is what its author declared.
            self.placed.items.retain(|item| item.path != place);
            let row = self.relative(&place);
            self.rows.retain(|known| known.path != row);
            self.generated(place, script, true);
        }
        Ok(())
    }

    /// Adds what installers add, RECORD last.
    fn finish(&mut self) {
        let folder = format!("{}/{}", self.site, self.layout.dist_info);
        self.generated(format!("{folder}/INSTALLER"), INSTALLER.to_vec(), false);
        if self.package.requested {
            self.generated(format!("{folder}/REQUESTED"), Vec::new(), false);
        }
        if let Some(origin) = &self.package.direct_url {
            self.generated(
                format!("{folder}/direct_url.json"),
                origin.to_string().into_bytes(),
                false,
            );
        }
        let place = format!("{folder}/RECORD");
        self.row(&place, None, None);
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        self.placed
            .items
            .push(Item::text(&place, Record { rows }.to_string()));
    }

    fn generated(&mut self, path: String, bytes: Vec<u8>, executable: bool) {
        self.row(
            &path,
            Some(Hasher::digest(Algorithm::Sha256, &bytes)),
            Some(bytes.len() as u64),
        );
        self.placed.items.push(Item {
            path,
            content: Content::Bytes { bytes, executable },
        });
    }

    fn row(&mut self, place: &str, digest: Option<Digest>, size: Option<u64>) {
        self.rows.push(Row {
            path: self.relative(place),
            digest,
            size,
        });
    }

    /// A place as RECORD names it: relative to the directory that holds the `.dist-info`.
    fn relative(&self, place: &str) -> String {
        match place
            .strip_prefix(&self.site)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            Some(inside) => inside.to_owned(),
            None => format!("{}{place}", "../".repeat(self.site.split('/').count())),
        }
    }

    fn read(&self, object: &ObjectId, executable: bool) -> Result<Vec<u8>, InstallError> {
        Ok(self.store.read_file(&self.package.tree, object, executable)?)
    }

    fn warn(&mut self, message: String) {
        self.placed.warnings.push(format!(
            "{} {}: {message}",
            self.package.name, self.package.version
        ));
    }

    fn bad(&self, reason: String) -> InstallError {
        InstallError::BadWheel {
            name: self.package.name.clone(),
            version: self.package.version.clone(),
            reason,
        }
    }
}
