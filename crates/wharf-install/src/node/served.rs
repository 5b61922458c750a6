//! Files of packages that a browser asks a development server for, which hands out none from outside of the project: fonts that a
//! style sheet names, images, WebAssembly, scripts of workers. What is imported comes from anywhere (Vite: `server.fs.allow` and the
//! modules that it calls safe).
//!
//! Which packages have such files is known from their names alone, once they are in the store. Names of text and of modules are
//! listed, and everything else counts: a package that lies in the project for nothing costs a link for each file, one that is missed
//! costs the user a page without fonts.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{ContentKey, HomeId, Store, StoreError, Unpacked};

use super::{Placement, Planning, Stock, VirtualStore, tools};

/// Extensions of modules, and of what is no part of a page. Style sheets are imported, or lie below a page's own folder.
const NEVER: [&str; 62] = [
    "am",
    "bat",
    "bnf",
    "c",
    "cc",
    "cfg",
    "cjs",
    "cmd",
    "coffee",
    "conf",
    "cpp",
    "css",
    "cts",
    "def",
    "el",
    "flow",
    "gyp",
    "gypi",
    "h",
    "hpp",
    "in",
    "ini",
    "js",
    "jsdoc",
    "json",
    "json5",
    "jsonc",
    "jst",
    "jsx",
    "less",
    "lock",
    "ls",
    "m",
    "map",
    "markdown",
    "md",
    "mdx",
    "mjs",
    "mk",
    "mts",
    "node",
    "opts",
    "patch",
    "pl",
    "properties",
    "ps1",
    "py",
    "sass",
    "scss",
    "sh",
    "styl",
    "svelte",
    "tcl",
    "tmpl",
    "toml",
    "ts",
    "tsbuildinfo",
    "tsx",
    "txt",
    "vue",
    "yaml",
    "yml",
];

/// What was seen of packages while they were unpacked: their records need not be read for it.
#[derive(Debug, Default)]
pub struct Seen(Mutex<FxHashMap<ContentKey, bool>>);

impl Seen {
    /// Looks at the names of the files of this content.
    pub fn look_at(&self, content: ContentKey, unpacked: &Unpacked) {
        let found = unpacked.paths().any(is_served);
        self.lock().insert(content, found);
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<ContentKey, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Planning<'_> {
    /// Whether packages that would lie in the store may have to lie in the project for their files.
    pub fn may_serve(&self) -> bool {
        self.request.virtual_store == VirtualStore::Auto
            && self.placing.placements.contains(&Placement::Global)
            && tools::has_server(&self.request)
    }

    /// Packages of the store whose files a development server will be asked for. The content of each has to be in the store. What was
    /// `seen` or found is remembered in the `cache` folder.
    ///
    /// # Errors
    /// Where the record of a home cannot be read.
    pub fn served(
        &self,
        stock: &Stock,
        store: &Store,
        cache: &Path,
        seen: &Seen,
    ) -> Result<BTreeSet<PackageIndex>, StoreError> {
        let packages = &self.request.graph.packages;
        let shared = (0..packages.len()).filter(|package| {
            self.placing.placements[*package] == Placement::Global
                && !tools::is_measured_with_a_server(packages[*package].name.as_str())
        });
        let shared = shared.filter_map(|package| Some((package, self.homes[package].as_ref()?)));
        let shared: Vec<(PackageIndex, &HomeId)> = shared.collect();
        // Entries that differ in their peers have one content.
        let homes: FxHashMap<ContentKey, &HomeId> =
            shared.iter().map(|(_, home)| (home.content, *home)).collect();
        let memory = cache.join(MEMORY);
        let mut found = remembered(&memory, &homes);
        let others: FxHashMap<&HomeId, &HomeId> = stock
            .missing
            .iter()
            .filter_map(|one| Some((&one.home, one.from.as_ref()?)))
            .collect();
        let new: Vec<_> = homes
            .iter()
            .filter(|(content, _)| !found.contains_key(content))
            .collect();
        let seen = &*seen.lock();
        let look = |(content, home): (&ContentKey, &&HomeId)| {
            if let Some(found) = seen.get(content) {
                return Ok((*content, *found));
            }
            let from = others.get(home).copied().unwrap_or(home);
            let files = store.home_files(from)?;
            Ok((*content, files.iter().any(|file| is_served(file.as_str()))))
        };
        let new: Vec<(ContentKey, bool)> =
            new.into_par_iter().map(look).collect::<Result<_, StoreError>>()?;
        remember(&memory, &new);
        found.extend(new);
        let served = shared.iter().filter(|(_, home)| found[&home.content]);
        Ok(served.map(|(package, _)| *package).collect())
    }
}

/// The file of the cache that remembers what was found: a line for each content, its key and `1` where it has such files, else `0`. Lines
/// that are no such lines, as one that was cut off, count for nothing. Another name where [`is_served`] changes. It lies with what else the
/// cache has of npm, and goes with it.
const MEMORY: &str = "npm-v1/served-1";

/// What is known of these contents from before.
fn remembered<T>(path: &Path, wanted: &FxHashMap<ContentKey, T>) -> FxHashMap<ContentKey, bool> {
    let bytes = fs::read(path).unwrap_or_default();
    let parse = |line: &[u8]| {
        let (key, found) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let is_key = key.len() == 16 && !key.starts_with('+');
        let key = u64::from_str_radix(key, 16).ok().filter(|_| is_key)?;
        let found = ["0", "1"].iter().position(|word| *word == found)? == 1;
        Some((ContentKey::from_bytes(key.to_be_bytes()), found))
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(parse);
    lines
        .filter(|(content, _)| wanted.contains_key(content))
        .collect()
}

/// Adds to what is known. Where that fails, it will be found once more.
fn remember(path: &Path, new: &[(ContentKey, bool)]) {
    if new.is_empty() {
        return;
    }
    // A line of its own, whatever stands before it.
    let mut lines = String::from("\n");
    for (content, found) in new {
        lines.push_str(&format!("{content} {}\n", u8::from(*found)));
    }
    let append = || {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
        file.write_all(lines.as_bytes())
    };
    let folder = || path.parent().map(fs::create_dir_all).transpose();
    let _ = append().or_else(|_| folder().and_then(|_| append()));
}

/// Whether a file of this path in its package may be what a browser asks for by itself.
fn is_served(path: &str) -> bool {
    let is_never = |extension: &str| NEVER.binary_search(&extension).is_ok();
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    match name.rsplit_once('.') {
        None | Some(("", _)) => false,
        Some((_, "js" | "mjs" | "cjs")) => is_of_a_worker(name),
        Some((_, extension)) if is_never(extension) => false,
        // `file.1` is a page of a manual, `lib.so.1.2` a library.
        Some((_, extension)) => {
            !extension.bytes().all(|byte| byte.is_ascii_digit()) && !is_never(&extension.to_ascii_lowercase())
        }
    }
}

/// Whether a script is one that a page starts beside itself, by its name: `worker.js`, `pdf.worker.min.mjs`, `sqlite3-worker1.js`,
/// `sound-worklet.js`.
fn is_of_a_worker(name: &str) -> bool {
    let mut words = name.split(['.', '-', '_']);
    words.any(|word| {
        let word = word.trim_end_matches(|end: char| end.is_ascii_digit()).as_bytes();
        let ends_with = |end: &[u8]| word[word.len().saturating_sub(end.len())..].eq_ignore_ascii_case(end);
        ends_with(b"worker") || ends_with(b"worklet")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_asks_for() {
        for (path, expected) in [
            ("files/inter-latin-400-normal.woff2", true),
            ("dist/images/layers-2x.PNG", true),
            ("build/pdf.worker.min.mjs", true),
            ("dist/esm/worker.js", true),
            ("sqlite3-worker1.js", true),
            ("language/tsWorker.js", true),
            ("dist/sound-worklet.js", true),
            ("dist/sql-wasm.wasm", true),
            ("index.html", true),
            ("data/grid.unknown", true),
            ("index.js", false),
            ("dist/leaflet.css", false),
            ("lib/workers.js", false),
            ("data/features/webworkers.js", false),
            ("lib/lib.webworker.d.ts", false),
            ("worker/index.js", false),
            ("LICENSE", false),
            ("README.md", false),
            (".npmignore", false),
            ("man/jq.1", false),
            ("range.bnf", false),
            ("README.MD", false),
            ("build/Release/addon.node", false),
        ] {
            assert_eq!(is_served(path), expected, "{path}");
        }
    }

    #[test]
    fn what_was_found_is_remembered_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MEMORY);
        let key = |byte| ContentKey::from_bytes([byte; 8]);
        let all = FxHashMap::from_iter((0..9).map(|byte| (key(byte), ())));
        remember(&path, &[(key(1), true), (key(2), false)]);
        let expected = FxHashMap::from_iter([(key(1), true), (key(2), false)]);
        assert_eq!(remembered(&path, &all), expected);
        let one = FxHashMap::from_iter([(key(2), ())]);
        assert_eq!(remembered(&path, &one), FxHashMap::from_iter([(key(2), false)]));
        // Another command was killed in the middle of a line: what comes after it is whole.
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let before = remembered(&path, &all);
            assert!(before.iter().all(|(key, found)| expected[key] == *found), "{cut}");
            remember(&path, &[(key(3), true)]);
            let after = remembered(&path, &all);
            assert_eq!((after.len(), after[&key(3)]), (before.len() + 1, true), "{cut}");
        }
        fs::write(
            &path,
            b"\xff\xff 1\n0102 1\n0202020202020202 2\n+202020202020202 1\n",
        )
        .unwrap();
        assert_eq!(remembered(&path, &all), FxHashMap::default());
    }

    #[test]
    fn extensions_are_listed_once_in_order() {
        assert!(NEVER.is_sorted_by(|one, other| one < other));
    }
}
